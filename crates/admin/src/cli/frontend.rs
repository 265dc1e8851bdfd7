//! Commands about frontends and the process's limits.

use super::command::{Command, Cx, Run};
use super::reply::Reply;
use haproxy_config::runtime::Level;
use proxy::state::{FrontendState, World};
use std::sync::atomic::Ordering::Relaxed;

/// The index and state of a named frontend.
fn frontend<'a>(world: &'a World, args: &[String]) -> Result<(u32, &'a FrontendState), Reply> {
    let Some(name) = args.first() else { return Err(Reply::error("A frontend name is expected.")) };
    let found = world
        .proxies
        .iter()
        .find(|p| *p.config.name == **name)
        .and_then(|p| Some((p.config.index.0, p.frontend.as_ref()?)));
    found.ok_or_else(|| Reply::error("No such frontend."))
}

fn disable(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    let (index, state) = match frontend(&cx.scope.world, args) {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    if state.stopped.load(Relaxed) {
        return Reply::error("Frontend was previously shut down, cannot disable.");
    }
    if state.paused.swap(true, Relaxed) {
        return Reply::error("All sockets are already disabled.");
    }
    cx.scope.control.pause(Some(index));
    Reply::Done
}

fn enable(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    let (index, state) = match frontend(&cx.scope.world, args) {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    if state.stopped.load(Relaxed) {
        return Reply::error("Frontend was previously shut down, cannot enable.");
    }
    if !state.paused.swap(false, Relaxed) {
        return Reply::error("All sockets are already enabled.");
    }
    if cx.scope.control.resume(Some(index)).is_err() {
        state.paused.store(true, Relaxed);
        return Reply::error("Failed to resume frontend, check logs for precise cause (port conflict?).");
    }
    Reply::Done
}

fn shutdown(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    match frontend(&cx.scope.world, args) {
        Ok((_, state)) if state.stopped.load(Relaxed) => Reply::error("Frontend was already shut down."),
        Ok((index, _)) => {
            cx.scope.control.shutdown_frontend(index);
            Reply::Done
        }
        Err(reply) => reply,
    }
}

fn set_maxconn_frontend(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    let state = match frontend(&cx.scope.world, args) {
        Ok((_, state)) => state,
        Err(reply) => return reply,
    };
    let Some(value) = args.get(1) else { return Reply::error("Integer value expected.") };
    // A word that is no number would silently mean 0 in the reference; it is refused here.
    let Ok(maxconn) = value.parse::<i64>() else { return Reply::error("Integer value expected.") };
    let Ok(maxconn) = u32::try_from(maxconn) else { return Reply::error("Value out of range.") };
    state.set_maxconn(maxconn);
    cx.scope.control.limits_changed();
    Reply::Done
}

fn set_maxconn_global(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    let Some(value) = args.first() else { return Reply::error("Expects an integer value.") };
    let Ok(maxconn) = value.parse::<i64>() else { return Reply::error("Expects an integer value.") };
    let hard = cx.scope.process.hard_maxconn;
    match u64::try_from(maxconn) {
        Ok(maxconn) if maxconn <= hard => {
            cx.scope.control.process().set_maxconn(if maxconn == 0 { hard } else { maxconn });
            Reply::Done
        }
        _ => Reply::error("Value out of range."),
    }
}

/// This file's commands.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        &["disable", "frontend"],
        "disable frontend <frontend>",
        "temporarily disable specific frontend",
        Level::Admin,
        Run::Now(disable),
    ),
    Command::new(
        &["enable", "frontend"],
        "enable frontend <frontend>",
        "re-enable specific frontend",
        Level::Admin,
        Run::Now(enable),
    ),
    Command::new(
        &["set", "maxconn", "frontend"],
        "set maxconn frontend <frontend> <value>",
        "change a frontend's maxconn setting",
        Level::Admin,
        Run::Now(set_maxconn_frontend),
    ),
    Command::new(
        &["set", "maxconn", "global"],
        "set maxconn global <value>",
        "change the per-process maxconn setting",
        Level::Admin,
        Run::Now(set_maxconn_global),
    ),
    Command::new(
        &["shutdown", "frontend"],
        "shutdown frontend <frontend>",
        "stop a specific frontend",
        Level::Admin,
        Run::Now(shutdown),
    ),
];
