//! States and counters of proxies and servers.

use super::source::{BACKEND, FRONTEND, INTERNAL, SERVER, TRANSACTION};
use super::{FetchRow, Missing, absent, row};
use crate::arg::{Arg, ArgType};
use crate::{Cx, ServerNumbers, Type, Value};

type Fetched<'a> = Result<Value<'a>, Missing>;

fn int<'a>(value: Option<u64>) -> Fetched<'a> {
    value.map(|n| Value::Int(i64::try_from(n).unwrap_or(i64::MAX))).ok_or(Missing::Absent)
}

fn proxy(args: &[Arg]) -> &str {
    args.first().and_then(Arg::proxy).unwrap_or_default()
}

fn nbsrv<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(cx.env.usable_servers(proxy(args)).map(u64::from))
}

fn avg_queue<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    let queued = cx.env.queued(proxy(args)).ok_or(Missing::Absent)?;
    let servers = cx.env.usable_servers(proxy(args)).map_or(0, u64::from);
    // HAPROXY: without a usable server the queue counts twice, and the average is rounded up.
    int(Some(if servers == 0 { queued.saturating_mul(2) } else { queued.div_ceil(servers) }))
}

fn queue<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(cx.env.queued(proxy(args)))
}

fn be_conn<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(cx.env.connections(proxy(args), false))
}

fn fe_conn<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(cx.env.connections(proxy(args), true))
}

fn be_conn_free<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    cx.env.free_connections(proxy(args)).map(Value::Int).ok_or(Missing::Absent)
}

fn connslots<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    cx.env.connection_slots(proxy(args)).map(Value::Int).ok_or(Missing::Absent)
}

fn be_sess_rate<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(cx.env.session_rate(proxy(args), false))
}

fn fe_sess_rate<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(cx.env.session_rate(proxy(args), true))
}

fn fe_req_rate<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(cx.env.request_rate(proxy(args)))
}

fn numbers(cx: &Cx<'_>, args: &[Arg]) -> Result<ServerNumbers, Missing> {
    match args.first() {
        Some(Arg::Server(backend, server)) => cx.env.server_numbers(backend, server).ok_or(Missing::Absent),
        _ => absent(),
    }
}

fn srv_is_up<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    match args.first() {
        Some(Arg::Server(backend, server)) => {
            cx.env.server_is_up(backend, server).map(Value::Bool).ok_or(Missing::Absent)
        }
        _ => absent(),
    }
}

fn srv_conn<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(Some(numbers(cx, args)?.connections))
}

fn srv_conn_free<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    let n = numbers(cx, args)?;
    if n.maxconn == 0 {
        return Ok(Value::Int(-1));
    }
    Ok(Value::Int(
        i64::from(n.maxconn).saturating_sub(i64::try_from(n.connections).unwrap_or(i64::MAX)).max(0),
    ))
}

fn srv_queue<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(Some(numbers(cx, args)?.queued))
}

fn srv_sess_rate<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(Some(numbers(cx, args)?.session_rate))
}

fn srv_weight<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(Some(numbers(cx, args)?.weight.into()))
}

fn srv_iweight<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(Some(numbers(cx, args)?.initial_weight.into()))
}

fn srv_uweight<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    int(Some(numbers(cx, args)?.user_weight.into()))
}

fn fe_id<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    int(Some(cx.session.frontend_id.into()))
}

fn fe_name<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::str(cx.session.frontend_name.as_bytes()))
}

fn so_id<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    int(Some(cx.session.listener_id.into()))
}

fn so_name<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    if cx.session.listener_name.is_empty() {
        absent()
    } else {
        Ok(Value::str(cx.session.listener_name.as_bytes()))
    }
}

fn dst_conn<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    int(cx.env.listener_connections(&cx.session.frontend_name, cx.session.listener_id))
}

fn be_id<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    match cx.stream.backend_name {
        Some(_) => int(Some(cx.stream.backend_id.into())),
        None => fe_id(cx, &[]),
    }
}

fn be_name<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    // Before a backend was chosen the frontend is the stream's backend.
    Ok(Value::str(cx.stream.backend_name.as_ref().unwrap_or(&cx.session.frontend_name).as_bytes()))
}

fn srv_id<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    int(cx.stream.server_name.as_ref().map(|_| cx.stream.server_id.into()))
}

fn srv_name<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    cx.stream.server_name.as_ref().map(|name| Value::str(name.as_bytes())).ok_or(Missing::Absent)
}

fn stopping<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Bool(cx.env.stopping()))
}

fn http_first_req<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Bool(cx.stream.first_request))
}

fn last_rule_file<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    cx.stream.last_rule.as_ref().map(|(file, _)| Value::str(file.as_bytes())).ok_or(Missing::Absent)
}

fn last_rule_line<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    int(cx.stream.last_rule.as_ref().map(|&(_, line)| line.into()))
}

fn txn_id32<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    int(Some(cx.stream.number.into()))
}

const B: &[ArgType] = &[ArgType::Backend];
const F: &[ArgType] = &[ArgType::Frontend];
const S: &[ArgType] = &[ArgType::Server];

pub(super) const FETCHES: &[FetchRow] = &[
    row("avg_queue", B, 1, Type::Int, INTERNAL, (1, 3), "Queued streams a usable server.", avg_queue),
    row("be_conn", B, 1, Type::Int, INTERNAL, (1, 3), "Connections of a backend.", be_conn),
    row(
        "be_conn_free",
        B,
        1,
        Type::Int,
        INTERNAL,
        (2, 0),
        "Free connections of a backend's servers.",
        be_conn_free,
    ),
    row("be_id", &[], 0, Type::Int, BACKEND, (1, 5), "Id of the backend.", be_id),
    row("be_name", &[], 0, Type::Str, BACKEND, (1, 5), "Name of the backend.", be_name),
    row("be_sess_rate", B, 1, Type::Int, INTERNAL, (1, 3), "Sessions a second of a backend.", be_sess_rate),
    row(
        "connslots",
        B,
        1,
        Type::Int,
        INTERNAL,
        (1, 3),
        "Free connection and queue slots of a backend.",
        connslots,
    ),
    row("dst_conn", &[], 0, Type::Int, FRONTEND, (1, 3), "Connections of the listener.", dst_conn),
    row("fe_conn", F, 1, Type::Int, INTERNAL, (1, 3), "Connections of a frontend.", fe_conn),
    row("fe_id", &[], 0, Type::Int, FRONTEND, (1, 3), "Id of the frontend.", fe_id),
    row("fe_name", &[], 0, Type::Str, FRONTEND, (1, 8), "Name of the frontend.", fe_name),
    row("fe_req_rate", F, 1, Type::Int, INTERNAL, (1, 5), "Requests a second of a frontend.", fe_req_rate),
    row("fe_sess_rate", F, 1, Type::Int, INTERNAL, (1, 3), "Sessions a second of a frontend.", fe_sess_rate),
    row(
        "http_first_req",
        &[],
        0,
        Type::Bool,
        TRANSACTION,
        (1, 3),
        "Whether this is the connection's first request.",
        http_first_req,
    ),
    row(
        "last_rule_file",
        &[],
        0,
        Type::Str,
        INTERNAL,
        (2, 6),
        "File of the last final rule.",
        last_rule_file,
    ),
    row(
        "last_rule_line",
        &[],
        0,
        Type::Int,
        INTERNAL,
        (2, 6),
        "Line of the last final rule.",
        last_rule_line,
    ),
    row("nbsrv", B, 1, Type::Int, INTERNAL, (1, 3), "Usable servers of a backend.", nbsrv),
    row("queue", B, 1, Type::Int, INTERNAL, (1, 3), "Queued streams of a backend.", queue),
    row("so_id", &[], 0, Type::Int, FRONTEND, (1, 3), "Id of the listener.", so_id),
    row("so_name", &[], 0, Type::Str, FRONTEND, (1, 8), "Name of the listener.", so_name),
    row("srv_conn", S, 1, Type::Int, INTERNAL, (1, 5), "Connections of a server.", srv_conn),
    row("srv_conn_free", S, 1, Type::Int, INTERNAL, (2, 0), "Free connections of a server.", srv_conn_free),
    row("srv_id", &[], 0, Type::Int, SERVER, (1, 5), "Id of the server.", srv_id),
    row("srv_is_up", S, 1, Type::Bool, INTERNAL, (1, 3), "Whether a server is up.", srv_is_up),
    row("srv_iweight", S, 1, Type::Int, INTERNAL, (1, 8), "Initial weight of a server.", srv_iweight),
    row("srv_name", &[], 0, Type::Str, SERVER, (2, 5), "Name of the server.", srv_name),
    row("srv_queue", S, 1, Type::Int, INTERNAL, (1, 8), "Streams queued on a server.", srv_queue),
    row("srv_sess_rate", S, 1, Type::Int, INTERNAL, (1, 3), "Sessions a second of a server.", srv_sess_rate),
    row("srv_uweight", S, 1, Type::Int, INTERNAL, (1, 8), "User weight of a server.", srv_uweight),
    row("srv_weight", S, 1, Type::Int, INTERNAL, (1, 8), "Effective weight of a server.", srv_weight),
    row("stopping", &[], 0, Type::Bool, INTERNAL, (2, 0), "Whether the process is stopping.", stopping),
    row("txn.id32", &[], 0, Type::Int, INTERNAL, (3, 0), "Number of the stream.", txn_id32),
];
