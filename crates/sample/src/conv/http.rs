//! Pieces of HTTP texts: hosts and languages.

use super::split::slice;
use super::{ConverterRow, arg, row};
use crate::arg::{Arg, ArgType};
use crate::uri::trim;
use crate::value::leading_int;
use crate::{Cx, Type, Value};

/// Where the host ends and the port starts in `host[:port]`; IPv6 addresses stand in brackets.
fn host_end(text: &[u8]) -> (usize, Option<usize>) {
    let from =
        if text.first() == Some(&b'[') { text.iter().position(|&b| b == b']').unwrap_or(0) } else { 0 };
    let colon = text.get(from..).and_then(|rest| rest.iter().rposition(|&b| b == b':')).map(|at| at + from);
    match colon {
        // Only digits make a port.
        Some(at) if text.get(at + 1..).is_some_and(|port| port.iter().all(u8::is_ascii_digit)) => {
            (at, Some(at + 1))
        }
        _ => (text.len(), None),
    }
}

fn host_only<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let text = value.into_text();
    let (end, _) = host_end(&text);
    Some(Value::Str(slice(text, 0..end)))
}

fn port_only<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let text = value.into_text();
    let port = host_end(&text).1.and_then(|start| text.get(start..)).filter(|port| !port.is_empty());
    Some(Value::Int(port.map_or(0, leading_int)))
}

/// A quality in thousandths.
fn quality(text: &[u8]) -> u32 {
    let Some(parameters) = text.split(|&b| b == b';').nth(1) else { return 1000 };
    let Some(q) = trim(parameters).strip_prefix(b"q=") else { return 1000 };
    let digits: Vec<u32> = q.iter().filter_map(|&b| char::from(b).to_digit(10)).take(4).collect();
    let digit = |i: usize| digits.get(i).copied().unwrap_or(0);
    (digit(0) * 1000 + digit(1) * 100 + digit(2) * 10 + digit(3)).min(1000)
}

fn language<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let text = value.into_text();
    let tags = arg(args, 0).text();
    let mut best: Option<(u32, &'a [u8])> = None;
    for element in text.split(|&b| b == b',') {
        let range = trim(element.split(|&b| b == b';').next().unwrap_or_default());
        let matched = tags.split(|&b| b == b';').filter(|tag| !tag.is_empty()).find(|tag| {
            range.strip_prefix(*tag).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'-'))
        });
        let Some(tag) = matched else { continue };
        let q = quality(element);
        if best.is_none_or(|(have, _)| q > have) {
            best = Some((q, tag));
        }
        if q == 1000 {
            break;
        }
    }
    match (best, arg(args, 1)) {
        (Some((_, tag)), _) => Some(Value::str(tag)),
        (None, Arg::Str(default)) => Some(Value::str(default)),
        (None, _) => None,
    }
}

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row("host_only", &[], 0, Type::Str, Type::Str, (2, 6), "The host without its port.", host_only),
    row(
        "language",
        &[ArgType::Str, ArgType::Str],
        1,
        Type::Str,
        Type::Str,
        (1, 5),
        "The best language of a list.",
        language,
    ),
    row("port_only", &[], 0, Type::Str, Type::Int, (2, 6), "The port of a host, or 0.", port_only),
];
