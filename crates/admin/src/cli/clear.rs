//! `clear counters`.

use super::command::{Command, Cx, Run};
use super::reply::Reply;
use haproxy_config::runtime::Level;

/// Without `all`: maxima only, for operators. With it: every counter, for admins.
fn clear_counters(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    let all = args.first().is_some_and(|arg| arg == "all");
    if cx.session.level < if all { Level::Admin } else { Level::Operator } {
        return Reply::error("Permission denied\n");
    }
    cx.scope.world.clear_counters(all);
    cx.scope.control.process().clear_rates(all);
    Reply::Done
}

/// This file's commands.
pub(super) const COMMANDS: &[Command] = &[Command::new(
    &["clear", "counters"],
    "clear counters [all]",
    "clear max statistics counters (or all counters)",
    Level::Operator,
    Run::Now(clear_counters),
)];
