//! `show errors`: the last invalid request and response of each proxy with the bytes around the error.

use super::command::{Command, Cx, Run};
use super::reply::Reply;
use haproxy_config::runtime::{Level, ProxyIndex};
use proxy::ErrorCapture;
use proxy::state::World;
use std::fmt::Write as _;

/// Characters of a line of the dump, from its offset on.
const WIDTH: usize = 70;

fn show_errors(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    let world = &cx.scope.world;
    let (mut wanted, mut requests, mut responses) = (None, true, true);
    for arg in args {
        match arg.as_str() {
            "request" => responses = false,
            "response" => requests = false,
            name => match find(world, name) {
                Some(index) => wanted = Some(index),
                None => return Reply::error("No such proxy."),
            },
        }
    }
    let mut out = format!(
        "Total events captured on [{}] : {}\n",
        date(now_us()),
        cx.scope.control.process().errors_captured()
    );
    for capture in cx.scope.control.errors() {
        let side = if capture.in_response { responses } else { requests };
        if side && wanted.is_none_or(|w| capture.proxy == w || capture.peer == Some(w)) {
            write_capture(&mut out, world, &capture);
        }
    }
    Reply::Data(out)
}

fn find(world: &World, name: &str) -> Option<ProxyIndex> {
    let by_id = name.parse::<u32>().ok();
    world.config.proxies.iter().find(|p| *p.name == *name || Some(p.id) == by_id).map(|p| p.index)
}

fn write_capture(out: &mut String, world: &World, capture: &ErrorCapture) {
    let name = |index: Option<ProxyIndex>| {
        let proxy = index.and_then(|i| world.proxy(i)).map(|p| &p.config);
        proxy.map_or_else(|| "<NONE> (#-1)".to_owned(), |p| format!("{} (#{})", p.name, p.id))
    };
    let server = capture.server.and_then(|index| {
        world.backend(if capture.in_response { capture.proxy } else { capture.peer? })?.server(index)
    });
    let server =
        server.map_or_else(|| "<NONE> (#-1)".to_owned(), |s| format!("{} (#{})", s.name(), s.config.id));
    let (side, kind, peer) = if capture.in_response {
        ("backend", "response", "frontend")
    } else {
        ("frontend", "request", "backend")
    };
    let src = capture.src.map_or_else(|| "unix".to_owned(), |a| a.to_string());
    let _ = write!(
        out,
        " \n[{}] {side} {}: invalid {kind}\n  {peer} {}, server {server}, event #{}, src {src}\n  \
         buffer starts at 0 (including 0 out), {} free,\n  len {}, wraps at {}, error at position {}\n  \
         H1 msg state {}({}), H1 chunk len 0 bytes, H1 body len 0 bytes :\n  \n",
        date(capture.at_us),
        name(Some(capture.proxy)),
        name(capture.peer),
        capture.event,
        capture.free,
        capture.bytes.len(),
        capture.bytes.len() + capture.free,
        capture.at,
        capture.state.name(),
        capture.state as u8,
    );
    dump(out, &capture.bytes);
}

/// Lines of the message with their offsets; a line that is too long goes on behind a `+`.
fn dump(out: &mut String, bytes: &[u8]) {
    let mut at = 0;
    let mut goes_on = false;
    while at < bytes.len() {
        let _ = write!(out, "  {at:05}{} ", if goes_on { '+' } else { ' ' });
        let mut column = 0;
        goes_on = true;
        while let Some(&byte) = bytes.get(at) {
            let text = escaped(byte);
            if column + text.len() > WIDTH {
                break;
            }
            out.push_str(&text);
            column += text.len();
            at += 1;
            if byte == b'\n' {
                goes_on = false;
                break;
            }
        }
        out.push('\n');
    }
}

fn escaped(byte: u8) -> String {
    match byte {
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        0x1b => "\\e".to_owned(),
        b'\\' => "\\\\".to_owned(),
        0x20..=0x7e => char::from(byte).to_string(),
        _ => format!("\\x{byte:02X}"),
    }
}

fn now_us() -> u64 {
    let wall = sys::clock::wall();
    u64::try_from(wall.seconds).unwrap_or(0) * 1_000_000 + u64::from(wall.micros)
}

fn date(at_us: u64) -> String {
    let date = sys::clock::local_date(i64::try_from(at_us / 1_000_000).unwrap_or(0));
    format!(
        "{:02}/{}/{:04}:{:02}:{:02}:{:02}.{:03}",
        date.day,
        date.month_name(),
        date.year,
        date.hour,
        date.minute,
        date.second,
        at_us / 1000 % 1000
    )
}

/// This file's commands.
pub(super) const COMMANDS: &[Command] = &[Command::new(
    &["show", "errors"],
    "show errors [<px>] [request|response]",
    "report last request and/or response errors for each proxy",
    Level::Operator,
    Run::Now(show_errors),
)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dumped_as_the_reference_does() {
        let mut out = String::new();
        dump(&mut out, b"GET /a b HTTP/1.1\r\nfoo: \x01\xff\"bar\r\n\r\n");
        assert_eq!(
            out,
            "  00000  GET /a b HTTP/1.1\\r\\n\n  00019  foo: \\x01\\xFF\"bar\\r\\n\n  00032  \\r\\n\n"
        );
        let mut out = String::new();
        dump(&mut out, format!("long: {}5\r\n", "0".repeat(75)).as_bytes());
        assert_eq!(out, format!("  00000  long: {}\n  00070+ {}5\\r\\n\n", "0".repeat(64), "0".repeat(11)));
    }
}
