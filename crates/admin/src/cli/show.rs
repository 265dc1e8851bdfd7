//! `show`: info, stat, version, backend, servers, cli, env, errors, startup-logs, schema.

use super::command::{Command, Cx, Run};
use super::reply::Reply;
use crate::stat::format;
use crate::stat::rows::{Filter, rows};
use haproxy_config::runtime::Level;
use proxy::state::World;
use std::fmt::Write as _;

fn show_version(cx: &mut Cx<'_>, _: &[String]) -> Reply {
    Reply::info(cx.scope.process.version.clone())
}

fn show_info(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    let info = cx.scope.info();
    let (mut typed, mut json, mut describe) = (false, false, false);
    for arg in args {
        match arg.as_str() {
            "typed" => typed = true,
            "json" => json = true,
            "desc" => describe = true,
            _ => {}
        }
    }
    Reply::Data(if json {
        format::info_json(&info)
    } else if typed {
        format::info_typed(&info, describe)
    } else {
        format::info_plain(&info, describe)
    })
}

/// `show stat [<iid>|<proxy> <type> <sid>] [typed|json|desc|up|no-maint]`
fn show_stat(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    let mut args = args.iter().map(String::as_str).peekable();
    // An address tells an operator where servers are: user level does not see it.
    let mut filter = Filter { legends: cx.session.level >= Level::Operator, ..Filter::default() };
    let (mut typed, mut json, mut describe) = (false, false, false);
    let mut place = Vec::new();
    for arg in args.by_ref() {
        match arg {
            "typed" => typed = true,
            "json" => json = true,
            "desc" => describe = true,
            "up" => filter.up = true,
            "no-maint" => filter.no_maint = true,
            other => place.push(other),
        }
    }
    // HAPROXY: the place counts only when all three of its words are there.
    if let [proxy, kind, sid, ..] = place.as_slice() {
        match proxy.parse::<i64>() {
            Ok(iid) => filter.iid = u32::try_from(iid).ok().filter(|_| iid > 0),
            Err(_) => match cx.scope.world.config.proxies.iter().find(|p| *p.name == **proxy) {
                Some(found) => filter.iid = Some(found.id),
                None => return Reply::error("No such proxy."),
            },
        }
        filter.objects = kind.parse::<i64>().ok().and_then(|bits| u32::try_from(bits).ok());
        filter.sid = sid.parse::<i64>().ok().and_then(|sid| u32::try_from(sid).ok());
    }
    let found = rows(&cx.scope.world, &filter, cx.scope.moment());
    let mut out = String::new();
    if json {
        format::json_rows(&mut out, &found);
    } else if typed {
        found.iter().for_each(|row| format::typed_row(&mut out, row, describe));
    } else {
        out.push_str(&format::csv_header());
        found.iter().for_each(|row| format::csv_row(&mut out, row));
    }
    Reply::Data(out)
}

fn show_backend(cx: &mut Cx<'_>, _: &[String]) -> Reply {
    let mut out = String::from("# name\n");
    for proxy in cx.scope.world.config.proxies.iter().filter(|p| p.is_backend()) {
        let _ = writeln!(out, "{}", proxy.name);
    }
    Reply::Data(out)
}

/// The backends that a command with an optional name is about.
fn chosen<'a>(world: &'a World, name: Option<&String>) -> Result<Vec<&'a proxy::state::BackendState>, Reply> {
    let all = world.proxies.iter().filter_map(|p| p.backend.as_deref());
    let found: Vec<_> = all.filter(|b| name.is_none_or(|name| **name == *b.config.name)).collect();
    if found.is_empty() && name.is_some() { Err(Reply::error("Can't find backend.")) } else { Ok(found) }
}

fn show_servers_state(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    let backends = match chosen(&cx.scope.world, args.first()) {
        Ok(backends) => backends,
        Err(reply) => return reply,
    };
    let mut out = String::from(
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight \
         srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state \
         bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr \
         srv_agent_port\n",
    );
    for backend in backends {
        for server in &backend.servers {
            let _ = writeln!(
                out,
                "{}",
                server.state_line(backend.config.id, cx.scope.moment().now_ms, cx.session.anon)
            );
        }
    }
    Reply::Data(out)
}

fn show_servers_conn(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    let backends = match chosen(&cx.scope.world, args.first()) {
        Ok(backends) => backends,
        Err(reply) => return reply,
    };
    let threads = cx.scope.world.threads;
    let mut out = format!(
        "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur \
         idle_per_thr[{threads}]\n"
    );
    for backend in backends {
        for server in &backend.servers {
            let (address, port) = crate::address_and_port(&server.target().address);
            let key = cx.session.anon;
            let address = key.shown_address(address);
            let _ = write!(
                out,
                "{}/{} {}/{} {address} {port} - {} {} {} {} {} {} {} {}",
                key.name(&backend.config.name),
                key.name(server.name()),
                backend.config.id,
                server.config.id,
                server.config.pool_purge_delay.as_millis(),
                server.streams.current(),
                server.streams.max(),
                server.streams.max(),
                server.idle.first(),
                server.idle.safe(),
                server.config.pool_max_conn,
                server.idle.first() + server.idle.safe(),
            );
            for thread in 0..threads {
                let _ = write!(out, " {}", server.idle.of(thread));
            }
            out.push('\n');
        }
    }
    Reply::Data(out)
}

fn show_cli_level(cx: &mut Cx<'_>, _: &[String]) -> Reply {
    Reply::info(match cx.session.level {
        Level::User => "user",
        Level::Operator => "operator",
        Level::Admin => "admin",
    })
}

fn show_cli_sockets(cx: &mut Cx<'_>, _: &[String]) -> Reply {
    let mut out = String::from("# socket lvl processes\n");
    for bind in &cx.scope.world.config.global.stats_sockets {
        let level = match bind.level {
            Level::User => "user",
            Level::Operator => "operator",
            Level::Admin => "admin",
        };
        let _ = writeln!(out, "{} {level} all", crate::socket_name(&bind.address));
    }
    Reply::Data(out)
}

fn show_env(_: &mut Cx<'_>, args: &[String]) -> Reply {
    let mut out = String::new();
    match args.first() {
        None => std::env::vars_os().for_each(|(name, value)| {
            let _ = writeln!(out, "{}={}", name.to_string_lossy(), value.to_string_lossy());
        }),
        Some(name) => match std::env::var_os(name) {
            Some(value) => {
                let _ = writeln!(out, "{name}={}", value.to_string_lossy());
            }
            None => return Reply::error("Variable not found\n"),
        },
    }
    Reply::Data(out)
}

fn show_startup_logs(cx: &mut Cx<'_>, _: &[String]) -> Reply {
    Reply::Data(cx.scope.process.startup_logs.clone())
}

fn show_schema(_: &mut Cx<'_>, _: &[String]) -> Reply {
    Reply::Data(crate::schema::json())
}

/// This file's commands.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        &["show", "backend"],
        "show backend",
        "list backends in the current running config",
        Level::User,
        Run::Now(show_backend),
    ),
    Command::new(
        &["show", "cli", "level"],
        "show cli level",
        "display the level of the current CLI session",
        Level::User,
        Run::Now(show_cli_level),
    ),
    Command::new(
        &["show", "cli", "sockets"],
        "show cli sockets",
        "dump list of cli sockets",
        Level::User,
        Run::Now(show_cli_sockets),
    ),
    Command::new(
        &["show", "env"],
        "show env [var]",
        "dump environment variables known to the process",
        Level::Operator,
        Run::Now(show_env),
    ),
    Command::new(
        &["show", "info"],
        "show info [desc|json|typed|float]*",
        "report information about the running process",
        Level::User,
        Run::Now(show_info),
    ),
    Command::new(
        &["show", "schema", "json"],
        "show schema json",
        "report schema used for stats",
        Level::User,
        Run::Now(show_schema),
    ),
    Command::new(
        &["show", "servers", "conn"],
        "show servers conn [<backend>]",
        "dump server connections status (all or for a single backend)",
        Level::User,
        Run::Now(show_servers_conn),
    ),
    Command::new(
        &["show", "servers", "state"],
        "show servers state [<backend>]",
        "dump volatile server information (all or for a single backend)",
        Level::User,
        Run::Now(show_servers_state),
    ),
    Command::new(
        &["show", "startup-logs"],
        "show startup-logs",
        "report logs emitted during HAProxy startup",
        Level::User,
        Run::Now(show_startup_logs),
    ),
    Command::new(
        &["show", "stat"],
        "show stat [desc|json|no-maint|typed|up]*",
        "report counters for each proxy and server",
        Level::User,
        Run::Now(show_stat),
    ),
    Command::new(
        &["show", "version"],
        "show version",
        "show version of the current process",
        Level::User,
        Run::Now(show_version),
    ),
];
