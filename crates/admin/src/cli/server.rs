//! Commands about servers.

use super::command::{Command, Cx, Run};
use super::reply::Reply;
use haproxy_config::runtime::Level;
use proxy::state::{AdminState, HealthState, Origin, ServerState, World};
use std::sync::Arc;

const USAGE: &str = "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | \
                     check-port | fqdn | health | ssl | state | weight";

/// The server that `<backend>/<server>` names.
pub(crate) fn server<'a>(world: &'a World, name: Option<&String>) -> Result<&'a Arc<ServerState>, Reply> {
    let Some((backend, server)) = name.and_then(|name| name.split_once('/')) else {
        return Err(Reply::error("Require 'backend/server'."));
    };
    let backend = world.backend_named(backend).ok_or_else(|| Reply::error("No such backend."))?;
    backend.server_named(server).ok_or_else(|| Reply::error("No such server."))
}

fn on_server(
    cx: &mut Cx<'_>,
    args: &[String],
    run: impl FnOnce(&World, &Arc<ServerState>, &[String]) -> Reply,
) -> Reply {
    match server(&cx.scope.world, args.first()) {
        Ok(server) => run(&cx.scope.world, server, args.get(1..).unwrap_or_default()),
        Err(reply) => reply,
    }
}

fn done(result: Result<(), &'static str>) -> Reply {
    result.map_or_else(Reply::error, |()| Reply::Done)
}

fn now() -> u64 {
    sys::clock::now_ms()
}

fn set_server(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    on_server(cx, args, |world, server, args| {
        let value = args.get(1).map_or("", String::as_str);
        match args.first().map_or("", String::as_str) {
            "state" => set_state(world, server, value),
            "weight" if value.is_empty() => Reply::error("Require <weight> or <weight%>."),
            "weight" => done(world.set_weight(server.at, value, now())),
            "health" => set_health(world, server, value),
            "addr" => set_address(world, server, args.get(1..).unwrap_or_default()),
            "agent" | "agent-addr" | "agent-port" | "agent-send" => {
                Reply::error("agent checks are not enabled on this server.")
            }
            "check-port" => done(world.set_check_port(server.at, value)),
            "check-addr" => {
                let port = args.iter().skip_while(|arg| *arg != "port").nth(1);
                world
                    .set_check_address(server.at, value, port.map(String::as_str))
                    .map_or_else(Reply::error, |()| Reply::Done)
            }
            "fqdn" => Reply::error("set server <b>/<s> fqdn failed because no resolution is configured."),
            "ssl" => Reply::error(
                "'set server <srv> ssl' cannot be set.  default-server should define ssl settings",
            ),
            _ => Reply::error(USAGE),
        }
    })
}

fn set_state(world: &World, server: &ServerState, value: &str) -> Reply {
    let state = match value {
        "ready" => AdminState::Ready,
        "drain" => AdminState::Drain,
        "maint" => AdminState::Maint,
        _ => return Reply::error("'set server <srv> state' expects 'ready', 'drain' and 'maint'."),
    };
    world.set_admin_state(server.at, state, now());
    Reply::Done
}

fn set_health(world: &World, server: &ServerState, value: &str) -> Reply {
    let health = match value {
        "up" => HealthState::Up,
        "stopping" => HealthState::Stopping,
        "down" => HealthState::Down,
        _ => return Reply::error("'set server <srv> health' expects 'up', 'stopping', or 'down'."),
    };
    done(world.set_health(server.at, health, Origin::Cli, now()))
}

/// `addr <ip> [port <port>]`
fn set_address(world: &World, server: &ServerState, args: &[String]) -> Reply {
    let Some(address) = args.first() else {
        return Reply::error("set server <b>/<s> addr requires an address and optionally a port.");
    };
    let port = match (args.get(1).map(String::as_str), args.get(2)) {
        (Some("port"), Some(port)) => Some(port.as_str()),
        (Some("port"), None) => return Reply::error("Port expected."),
        _ => None,
    };
    match world.set_address(server.at, address, port, "stats socket command") {
        Ok(text) => Reply::info(text),
        Err(text) => Reply::error(text),
    }
}

fn get_weight(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    on_server(cx, args, |_, server, _| {
        let status = server.status();
        Reply::info(format!("{} (initial {})\n", status.weight, status.initial_weight))
    })
}

fn set_weight(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    on_server(cx, args, |world, server, args| match args.first() {
        Some(weight) => done(world.set_weight(server.at, weight, now())),
        None => Reply::error("Require <weight> or <weight%>."),
    })
}

fn disable_server(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    on_server(cx, args, |world, server, _| {
        world.set_admin_state(server.at, AdminState::Maint, now());
        Reply::Done
    })
}

fn enable_server(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    on_server(cx, args, |world, server, _| {
        world.set_admin_state(server.at, AdminState::Ready, now());
        Reply::Done
    })
}

fn disable_health(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    on_server(cx, args, |world, server, _| done(world.set_checks_enabled(server.at, false)))
}

fn enable_health(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    on_server(cx, args, |world, server, _| done(world.set_checks_enabled(server.at, true)))
}

fn set_maxconn_server(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    on_server(cx, args, |world, server, args| {
        let Some(value) = args.first() else { return Reply::error("Require <maxconn>.") };
        match value.parse::<u32>() {
            Ok(maxconn) => {
                world.set_server_maxconn(server.at, maxconn);
                Reply::Done
            }
            Err(_) if value.starts_with(|c: char| c.is_ascii_digit()) => {
                Reply::error("Trailing garbage in maxconn string")
            }
            Err(_) => Reply::error("maxconn string empty or preceded by garbage"),
        }
    })
}

fn shutdown_sessions(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    on_server(cx, args, |world, server, _| {
        world.shutdown_sessions(server.at);
        Reply::Done
    })
}

/// This file's commands.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        &["disable", "health"],
        "disable health",
        "disable health checks",
        Level::Admin,
        Run::Now(disable_health),
    ),
    Command::new(
        &["disable", "server"],
        "disable server (DEPRECATED)",
        "disable a server for maintenance (use 'set server' instead)",
        Level::Admin,
        Run::Now(disable_server),
    ),
    Command::new(
        &["enable", "health"],
        "enable health",
        "enable health checks",
        Level::Admin,
        Run::Now(enable_health),
    ),
    Command::new(
        &["enable", "server"],
        "enable server  (DEPRECATED)",
        "enable a disabled server (use 'set server' instead)",
        Level::Admin,
        Run::Now(enable_server),
    ),
    Command::new(
        &["get", "weight"],
        "get weight <bk>/<srv>",
        "report a server's current weight",
        Level::User,
        Run::Now(get_weight),
    ),
    Command::new(
        &["set", "maxconn", "server"],
        "set maxconn server <bk>/<srv>",
        "change a server's maxconn setting",
        Level::Admin,
        Run::Now(set_maxconn_server),
    ),
    Command::new(
        &["set", "server"],
        "set server <bk>/<srv> [opts]",
        "change a server's state, weight, address or ssl",
        Level::Admin,
        Run::Now(set_server),
    ),
    Command::new(
        &["set", "weight"],
        "set weight <bk>/<srv>  (DEPRECATED)",
        "change a server's weight (use 'set server' instead)",
        Level::Operator,
        Run::Now(set_weight),
    ),
    Command::new(
        &["shutdown", "sessions", "server"],
        "shutdown sessions server <bk>/<srv>",
        "kill sessions on a server",
        Level::Admin,
        Run::Now(shutdown_sessions),
    ),
];
