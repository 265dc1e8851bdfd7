//! Header fields of both messages (layer 7).

use super::source::{EITHER_HEADERS, REQUEST_HEADERS, RESPONSE_HEADERS};
use super::{FetchRow, Missing, absent, row};
use crate::arg::{Arg, ArgType};
use crate::uri::List;
use crate::value::leading_int;
use crate::{Cx, ParseCx, Type, Value};
use http1::Head;
use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::ControlFlow;

type Fetched<'a> = Result<Value<'a>, Missing>;
type Visit<'v, 'a> = &'v mut dyn FnMut(Value<'a>) -> ControlFlow<()>;

/// How far back a negative occurrence may go.
const MAX_BACK: usize = 10;

fn request<'a>(cx: &Cx<'a>) -> Option<&'a Head> {
    cx.request
}

fn response<'a>(cx: &Cx<'a>) -> Option<&'a Head> {
    cx.response
}

fn either<'a>(cx: &Cx<'a>) -> Option<&'a Head> {
    if cx.in_response { cx.response } else { cx.request }
}

type Side = for<'a> fn(&Cx<'a>) -> Option<&'a Head>;

/// Lower-case name that the first argument gives; empty means every field.
fn name(args: &[Arg]) -> &[u8] {
    args.first().map_or(&b""[..], Arg::text)
}

fn lines<'a>(head: &'a Head, name: &'a [u8]) -> impl DoubleEndedIterator<Item = &'a [u8]> {
    head.fields().filter(move |field| name.is_empty() || field.name == name).map(|field| field.value)
}

fn values<'a>(head: &'a Head, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    lines(head, name).flat_map(List::new)
}

/// The occurrence that the second argument asks for: positive from the first, negative from the last, none the last.
fn pick<'a>(mut all: impl Iterator<Item = &'a [u8]>, args: &[Arg]) -> Option<&'a [u8]> {
    match args.get(1).map_or(0, |arg| arg.int_or(0)) {
        0 | -1 => all.last(),
        n if n > 0 => all.nth(usize::try_from(n - 1).ok()?),
        n => {
            let back = usize::try_from(n.unsigned_abs()).ok().filter(|&back| back <= MAX_BACK)?;
            let mut ring: smallvec::SmallVec<[&[u8]; MAX_BACK]> = smallvec::SmallVec::new();
            for value in all {
                if ring.len() == back {
                    ring.remove(0);
                }
                ring.push(value);
            }
            (ring.len() == back).then(|| ring.first().copied()).flatten()
        }
    }
}

fn one<'a>(cx: &Cx<'a>, args: &'a [Arg], side: Side, whole: bool) -> Result<&'a [u8], Missing> {
    let head = side(cx).ok_or(Missing::NotYet)?;
    let found =
        if whole { pick(lines(head, name(args)), args) } else { pick(values(head, name(args)), args) };
    found.ok_or(Missing::Absent)
}

fn visit_all<'a>(
    cx: &Cx<'a>,
    args: &'a [Arg],
    side: Side,
    whole: bool,
    convert: fn(&'a [u8]) -> Option<Value<'a>>,
    visit: Visit<'_, 'a>,
) -> Result<(), Missing> {
    let head = side(cx).ok_or(Missing::NotYet)?;
    if args.get(1).is_some_and(|arg| arg.int_or(0) != 0) {
        let value = convert(one(cx, args, side, whole)?).ok_or(Missing::Absent)?;
        let _ = visit(value);
        return Ok(());
    }
    let mut any = false;
    let mut give = |text: &'a [u8]| {
        let Some(value) = convert(text) else { return ControlFlow::Continue(()) };
        any = true;
        visit(value)
    };
    for line in lines(head, name(args)) {
        let flow = if whole { give(line) } else { List::new(line).try_for_each(&mut give) };
        if flow.is_break() {
            return Ok(());
        }
    }
    if any { Ok(()) } else { absent() }
}

fn to_ip(text: &[u8]) -> Option<Value<'_>> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.strip_prefix('[').and_then(|t| t.split(']').next());
    let parsed = match bare {
        Some(v6) => v6.parse::<IpAddr>().ok(),
        // A port may follow an IPv4 address.
        None => text
            .parse::<IpAddr>()
            .ok()
            .or_else(|| text.split_once(':').and_then(|(v4, _)| v4.parse::<IpAddr>().ok())),
    };
    parsed.map(Value::Ip)
}

fn to_int(text: &[u8]) -> Option<Value<'_>> {
    Some(Value::Int(leading_int(text)))
}

fn to_str(text: &[u8]) -> Option<Value<'_>> {
    Some(Value::str(text))
}

fn count<'a>(cx: &Cx<'a>, args: &'a [Arg], side: Side, whole: bool) -> Fetched<'a> {
    let head = side(cx).ok_or(Missing::NotYet)?;
    let n = if whole { lines(head, name(args)).count() } else { values(head, name(args)).count() };
    Ok(Value::Int(i64::try_from(n).unwrap_or(i64::MAX)))
}

fn names<'a>(cx: &Cx<'a>, args: &'a [Arg], side: Side) -> Fetched<'a> {
    let head = side(cx).ok_or(Missing::NotYet)?;
    let delimiter = match name(args) {
        b"" => b",",
        given => given,
    };
    let list: Vec<&[u8]> = head.fields().map(|field| field.name).collect();
    Ok(Value::Str(Cow::Owned(list.join(delimiter))))
}

fn block<'a>(cx: &Cx<'a>, side: Side) -> Fetched<'a> {
    let head = side(cx).ok_or(Missing::NotYet)?;
    let mut out = Vec::with_capacity(512);
    for field in head.fields() {
        out.extend_from_slice(field.name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(field.value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(Value::Str(Cow::Owned(out)))
}

macro_rules! header_fetches {
    ($side:ident: $one:ident $one_each:ident $whole:ident $whole_each:ident $count:ident $whole_count:ident $ip:ident $ip_each:ident
     $val:ident $val_each:ident) => {
        fn $one<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
            one(cx, args, $side, false).map(Value::str)
        }
        fn $one_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
            visit_all(cx, args, $side, false, to_str, visit)
        }
        fn $whole<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
            one(cx, args, $side, true).map(Value::str)
        }
        fn $whole_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
            visit_all(cx, args, $side, true, to_str, visit)
        }
        fn $count<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
            count(cx, args, $side, false)
        }
        fn $whole_count<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
            count(cx, args, $side, true)
        }
        fn $ip<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
            to_ip(one(cx, args, $side, false)?).ok_or(Missing::Absent)
        }
        fn $ip_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
            visit_all(cx, args, $side, false, to_ip, visit)
        }
        fn $val<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
            one(cx, args, $side, false).map(|text| Value::Int(leading_int(text)))
        }
        fn $val_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
            visit_all(cx, args, $side, false, to_int, visit)
        }
    };
}

header_fetches!(request: req_hdr req_hdr_each req_fhdr req_fhdr_each req_hdr_cnt req_fhdr_cnt req_hdr_ip req_hdr_ip_each
    req_hdr_val req_hdr_val_each);
header_fetches!(response: res_hdr res_hdr_each res_fhdr res_fhdr_each res_hdr_cnt res_fhdr_cnt res_hdr_ip res_hdr_ip_each
    res_hdr_val res_hdr_val_each);

fn hdr<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    one(cx, args, either, false).map(Value::str)
}

fn hdr_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
    visit_all(cx, args, either, false, to_str, visit)
}

fn req_hdr_names<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    names(cx, args, request)
}

fn res_hdr_names<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    names(cx, args, response)
}

fn req_hdrs<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    block(cx, request)
}

fn res_hdrs<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    block(cx, response)
}

/// The name is matched in lower case.
fn check(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    if let Some(slot) = args.first_mut() {
        let lower = slot.text().to_ascii_lowercase();
        *slot = Arg::Str(lower.into());
    }
    if args.get(1).is_some_and(|arg| arg.int_or(0) < -10) {
        return Err("header occurrence must be >= -10".to_owned());
    }
    Ok(())
}

const ARGS: &[ArgType] = &[ArgType::Str, ArgType::Int];
const NAME: &[ArgType] = &[ArgType::Str];

pub(super) const FETCHES: &[FetchRow] = &[
    row(
        "hdr",
        ARGS,
        0,
        Type::Str,
        EITHER_HEADERS,
        (1, 3),
        "A value of a header of the message at hand.",
        hdr,
    )
    .with_each(hdr_each)
    .with_check(check),
    row(
        "hdr_cnt",
        NAME,
        0,
        Type::Int,
        REQUEST_HEADERS,
        (1, 3),
        "How many values a request header has.",
        req_hdr_cnt,
    )
    .with_check(check),
    row(
        "hdr_ip",
        ARGS,
        0,
        Type::Addr,
        REQUEST_HEADERS,
        (1, 3),
        "A request header's value as an address.",
        req_hdr_ip,
    )
    .with_each(req_hdr_ip_each)
    .with_check(check),
    row(
        "hdr_val",
        ARGS,
        0,
        Type::Int,
        REQUEST_HEADERS,
        (1, 3),
        "A request header's value as a number.",
        req_hdr_val,
    )
    .with_each(req_hdr_val_each)
    .with_check(check),
    row(
        "req.fhdr",
        ARGS,
        0,
        Type::Str,
        REQUEST_HEADERS,
        (1, 5),
        "A whole line of a request header.",
        req_fhdr,
    )
    .with_each(req_fhdr_each)
    .with_check(check),
    row(
        "req.fhdr_cnt",
        NAME,
        0,
        Type::Int,
        REQUEST_HEADERS,
        (1, 5),
        "How many lines a request header has.",
        req_fhdr_cnt,
    )
    .with_check(check),
    row("req.hdr", ARGS, 0, Type::Str, REQUEST_HEADERS, (1, 5), "A value of a request header.", req_hdr)
        .with_each(req_hdr_each)
        .with_check(check),
    row(
        "req.hdr_cnt",
        NAME,
        0,
        Type::Int,
        REQUEST_HEADERS,
        (1, 5),
        "How many values a request header has.",
        req_hdr_cnt,
    )
    .with_check(check),
    row(
        "req.hdr_ip",
        ARGS,
        0,
        Type::Addr,
        REQUEST_HEADERS,
        (1, 5),
        "A request header's value as an address.",
        req_hdr_ip,
    )
    .with_each(req_hdr_ip_each)
    .with_check(check),
    row(
        "req.hdr_names",
        NAME,
        0,
        Type::Str,
        REQUEST_HEADERS,
        (1, 8),
        "The names of all request headers.",
        req_hdr_names,
    ),
    row(
        "req.hdr_val",
        ARGS,
        0,
        Type::Int,
        REQUEST_HEADERS,
        (1, 5),
        "A request header's value as a number.",
        req_hdr_val,
    )
    .with_each(req_hdr_val_each)
    .with_check(check),
    row(
        "req.hdrs",
        &[],
        0,
        Type::Bin,
        REQUEST_HEADERS,
        (2, 0),
        "All request headers as they would be written.",
        req_hdrs,
    ),
    row(
        "res.fhdr",
        ARGS,
        0,
        Type::Str,
        RESPONSE_HEADERS,
        (1, 5),
        "A whole line of a response header.",
        res_fhdr,
    )
    .with_each(res_fhdr_each)
    .with_check(check),
    row(
        "res.fhdr_cnt",
        NAME,
        0,
        Type::Int,
        RESPONSE_HEADERS,
        (1, 5),
        "How many lines a response header has.",
        res_fhdr_cnt,
    )
    .with_check(check),
    row("res.hdr", ARGS, 0, Type::Str, RESPONSE_HEADERS, (1, 5), "A value of a response header.", res_hdr)
        .with_each(res_hdr_each)
        .with_check(check),
    row(
        "res.hdr_cnt",
        NAME,
        0,
        Type::Int,
        RESPONSE_HEADERS,
        (1, 5),
        "How many values a response header has.",
        res_hdr_cnt,
    )
    .with_check(check),
    row(
        "res.hdr_ip",
        ARGS,
        0,
        Type::Addr,
        RESPONSE_HEADERS,
        (1, 5),
        "A response header's value as an address.",
        res_hdr_ip,
    )
    .with_each(res_hdr_ip_each)
    .with_check(check),
    row(
        "res.hdr_names",
        NAME,
        0,
        Type::Str,
        RESPONSE_HEADERS,
        (1, 8),
        "The names of all response headers.",
        res_hdr_names,
    ),
    row(
        "res.hdr_val",
        ARGS,
        0,
        Type::Int,
        RESPONSE_HEADERS,
        (1, 5),
        "A response header's value as a number.",
        res_hdr_val,
    )
    .with_each(res_hdr_val_each)
    .with_check(check),
    row(
        "res.hdrs",
        &[],
        0,
        Type::Bin,
        RESPONSE_HEADERS,
        (2, 0),
        "All response headers as they would be written.",
        res_hdrs,
    ),
    row("shdr", ARGS, 0, Type::Str, RESPONSE_HEADERS, (1, 3), "A value of a response header.", res_hdr)
        .with_each(res_hdr_each)
        .with_check(check),
    row(
        "shdr_cnt",
        NAME,
        0,
        Type::Int,
        RESPONSE_HEADERS,
        (1, 3),
        "How many values a response header has.",
        res_hdr_cnt,
    )
    .with_check(check),
    row(
        "shdr_ip",
        ARGS,
        0,
        Type::Addr,
        RESPONSE_HEADERS,
        (1, 3),
        "A response header's value as an address.",
        res_hdr_ip,
    )
    .with_each(res_hdr_ip_each)
    .with_check(check),
    row(
        "shdr_val",
        ARGS,
        0,
        Type::Int,
        RESPONSE_HEADERS,
        (1, 3),
        "A response header's value as a number.",
        res_hdr_val,
    )
    .with_each(res_hdr_val_each)
    .with_check(check),
];
