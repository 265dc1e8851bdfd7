//! Commands about the connection itself.

use super::command::{Command, Cx, Run};
use super::reply::{Reply, SeverityOutput};
use haproxy_config::runtime::Level;
use std::time::Duration;

fn lower(cx: &mut Cx<'_>, level: Level) -> Reply {
    cx.session.level = cx.session.level.min(level);
    Reply::Done
}

fn operator(cx: &mut Cx<'_>, _: &[String]) -> Reply {
    lower(cx, Level::Operator)
}

fn user(cx: &mut Cx<'_>, _: &[String]) -> Reply {
    lower(cx, Level::User)
}

fn set_severity_output(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    cx.session.severity = match args.first().map(String::as_str) {
        Some("none") => SeverityOutput::None,
        Some("number") => SeverityOutput::Number,
        Some("string") => SeverityOutput::Name,
        _ => return Reply::error("one of 'none', 'number', 'string' is a required argument"),
    };
    Reply::Done
}

fn set_timeout(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    match args {
        [what, ..] if what != "cli" => Reply::error("'set timeout' only supports 'cli'."),
        [_, value, ..] => match value.parse::<u64>() {
            // Seconds, as the manual says; the session keeps it.
            Ok(seconds) if seconds > 0 => {
                cx.session.timeout = Duration::from_secs(seconds);
                Reply::Done
            }
            _ => Reply::error("Invalid timeout value."),
        },
        _ => Reply::error("Expects an integer value."),
    }
}

/// This file's commands.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        &["operator"],
        "operator",
        "lower the level of the current CLI session to operator",
        Level::User,
        Run::Now(operator),
    ),
    Command::new(
        &["set", "severity-output"],
        "set severity-output [none|number|string]",
        "set presence of severity level in feedback information",
        Level::User,
        Run::Now(set_severity_output),
    ),
    Command::new(
        &["set", "timeout"],
        "set timeout [cli] <delay>",
        "change a timeout setting",
        Level::User,
        Run::Now(set_timeout),
    ),
    Command::new(
        &["user"],
        "user",
        "lower the level of the current CLI session to user",
        Level::User,
        Run::Now(user),
    ),
];
