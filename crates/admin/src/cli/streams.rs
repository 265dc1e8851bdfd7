//! `show sess` and `shutdown session`.

use super::command::{Command, Later, Run};
use super::reply::Reply;
use super::session::Session;
use crate::Scope;
use haproxy_config::AnonKey;
use haproxy_config::runtime::Level;
use proxy::{StreamId, StreamInfo, StreamState};
use std::borrow::Cow;
use std::fmt::Write as _;

fn show_sess<'a>(scope: &'a Scope, session: &'a Session, args: &'a [String]) -> Later<'a> {
    Box::pin(async move {
        let now = scope.moment().now_ms;
        let wanted = args.first().and_then(|arg| pointer(arg));
        let older = match args {
            [first, age, ..] if first == "older" => match age.parse::<u64>() {
                Ok(seconds) => seconds,
                Err(_) => return Reply::error("Invalid age value."),
            },
            _ => 0,
        };
        let mut out = String::new();
        for stream in scope.control.streams().await {
            let age = now.saturating_sub(stream.started_ms) / 1000;
            if wanted.is_none_or(|id| id == stream.id) && age >= older {
                write_stream(&mut out, scope, session.anon, &stream, age);
            }
        }
        Reply::Data(out)
    })
}

fn write_stream(out: &mut String, scope: &Scope, key: AnonKey, stream: &StreamInfo, age: u64) {
    let proxy =
        |index| scope.world.proxy(index).map_or(Cow::Borrowed("<NONE>"), |p| key.name(&p.config.name));
    let backend = stream.backend.map_or(Cow::Borrowed("<NONE>"), proxy);
    let server = stream.backend.zip(stream.server).and_then(|(b, s)| scope.world.backend(b)?.server(s));
    let (protocol, src) = match stream.src {
        Some(addr) => {
            let protocol = if addr.is_ipv6() { "tcpv6" } else { "tcpv4" };
            let shown = if key.is_set() {
                format!("{}:{}", key.hash(&addr.ip().to_string()), addr.port())
            } else {
                addr.to_string()
            };
            (protocol, shown)
        }
        None => ("unix_stream", "unix:1".to_owned()),
    };
    let state = match stream.state {
        StreamState::Request => "REQ",
        StreamState::Queued => "QUE",
        StreamState::Connecting => "CON",
        StreamState::Established => "EST",
    };
    let _ = writeln!(
        out,
        "{:#x}: proto={protocol} src={src} fe={} be={backend} srv={} ts=00 epoch=0 age={} id={} state={state} reqs={}",
        stream.id.as_u64(),
        proxy(stream.frontend),
        server.map_or(Cow::Borrowed("<none>"), |s| key.name(s.name())),
        crate::page::html::age(age),
        stream.number,
        stream.previous_requests,
    );
}

/// `0x…` as `show sess` prints it.
fn pointer(text: &str) -> Option<StreamId> {
    StreamId::from_u64(u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()?)
}

fn shutdown_session<'a>(scope: &'a Scope, _: &'a Session, args: &'a [String]) -> Later<'a> {
    Box::pin(async move {
        let Some(text) = args.first() else {
            return Reply::error("Session pointer expected (use 'show sess').");
        };
        match pointer(text) {
            Some(id) if scope.control.shutdown_session(id).await => Reply::Done,
            _ => Reply::error("No such session (use 'show sess')."),
        }
    })
}

/// This file's commands.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        &["show", "sess"],
        "show sess [<id>|all|susp|older <age>]",
        "report the list of current sessions or dump this exact session",
        Level::Operator,
        Run::Later(show_sess),
    ),
    Command::new(
        &["shutdown", "session"],
        "shutdown session [id]",
        "kill a specific session",
        Level::Admin,
        Run::Later(shutdown_session),
    ),
];
