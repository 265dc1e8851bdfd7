//! Cookies of both messages (layer 7).

use super::source::{EITHER_HEADERS, REQUEST_HEADERS, RESPONSE_HEADERS};
use super::{FetchRow, Missing, absent, row};
use crate::arg::{Arg, ArgType};
use crate::uri::{cookies, set_cookies};
use crate::value::leading_int;
use crate::{Cx, Type, Value};
use std::borrow::Cow;
use std::ops::ControlFlow;

type Fetched<'a> = Result<Value<'a>, Missing>;
type Visit<'v, 'a> = &'v mut dyn FnMut(Value<'a>) -> ControlFlow<()>;
type Pairs<'a> = Box<dyn Iterator<Item = (&'a [u8], &'a [u8])> + 'a>;

fn of_request<'a>(cx: &Cx<'a>) -> Result<Pairs<'a>, Missing> {
    let head = cx.request.ok_or(Missing::NotYet)?;
    Ok(Box::new(head.values(b"cookie").flat_map(cookies)))
}

fn of_response<'a>(cx: &Cx<'a>) -> Result<Pairs<'a>, Missing> {
    let head = cx.response.ok_or(Missing::NotYet)?;
    Ok(Box::new(head.values(b"set-cookie").flat_map(set_cookies)))
}

fn of_either<'a>(cx: &Cx<'a>) -> Result<Pairs<'a>, Missing> {
    if cx.in_response { of_response(cx) } else { of_request(cx) }
}

type Side = for<'a> fn(&Cx<'a>) -> Result<Pairs<'a>, Missing>;

fn matching<'a>(cx: &Cx<'a>, args: &'a [Arg], side: Side) -> Result<impl Iterator<Item = &'a [u8]>, Missing> {
    let wanted = args.first().map_or(&b""[..], Arg::text);
    Ok(side(cx)?.filter(move |(name, _)| wanted.is_empty() || *name == wanted).map(|(_, value)| value))
}

/// The last one that matches; without a name the first one of all.
fn last<'a>(cx: &Cx<'a>, args: &'a [Arg], side: Side) -> Result<&'a [u8], Missing> {
    let mut all = matching(cx, args, side)?;
    let found = if args.first().is_none_or(|name| name.text().is_empty()) { all.next() } else { all.last() };
    found.ok_or(Missing::Absent)
}

fn each<'a>(
    cx: &Cx<'a>,
    args: &'a [Arg],
    side: Side,
    convert: fn(&'a [u8]) -> Value<'a>,
    visit: Visit<'_, 'a>,
) -> Result<(), Missing> {
    let mut any = false;
    for value in matching(cx, args, side)? {
        any = true;
        if visit(convert(value)).is_break() {
            break;
        }
    }
    if any { Ok(()) } else { absent() }
}

fn count<'a>(cx: &Cx<'a>, args: &'a [Arg], side: Side) -> Fetched<'a> {
    Ok(Value::Int(i64::try_from(matching(cx, args, side)?.count()).unwrap_or(i64::MAX)))
}

fn names<'a>(cx: &Cx<'a>, args: &'a [Arg], side: Side) -> Fetched<'a> {
    let delimiter = match args.first().map_or(&b""[..], Arg::text) {
        b"" => b",",
        given => given,
    };
    let list: Vec<&[u8]> = side(cx)?.map(|(name, _)| name).collect();
    if list.is_empty() { absent() } else { Ok(Value::Str(Cow::Owned(list.join(delimiter)))) }
}

fn int(text: &[u8]) -> Value<'_> {
    Value::Int(leading_int(text))
}

fn req_cook<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    last(cx, args, of_request).map(Value::str)
}

fn req_cook_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
    each(cx, args, of_request, Value::str, visit)
}

fn req_cook_cnt<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    count(cx, args, of_request)
}

fn req_cook_val<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    last(cx, args, of_request).map(int)
}

fn req_cook_val_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
    each(cx, args, of_request, int, visit)
}

fn req_cook_names<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    names(cx, args, of_request)
}

fn res_cook<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    last(cx, args, of_response).map(Value::str)
}

fn res_cook_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
    each(cx, args, of_response, Value::str, visit)
}

fn res_cook_cnt<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    count(cx, args, of_response)
}

fn res_cook_val<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    last(cx, args, of_response).map(int)
}

fn res_cook_val_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
    each(cx, args, of_response, int, visit)
}

fn res_cook_names<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    names(cx, args, of_response)
}

fn cookie<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    last(cx, args, of_either).map(Value::str)
}

fn cookie_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
    each(cx, args, of_either, Value::str, visit)
}

const NAME: &[ArgType] = &[ArgType::Str];

pub(super) const FETCHES: &[FetchRow] = &[
    row("cook", NAME, 0, Type::Str, REQUEST_HEADERS, (1, 3), "A cookie of the request.", req_cook)
        .with_each(req_cook_each),
    row(
        "cook_cnt",
        NAME,
        0,
        Type::Int,
        REQUEST_HEADERS,
        (1, 3),
        "How many cookies of a name the request has.",
        req_cook_cnt,
    ),
    row(
        "cook_val",
        NAME,
        0,
        Type::Int,
        REQUEST_HEADERS,
        (1, 3),
        "A cookie of the request as a number.",
        req_cook_val,
    )
    .with_each(req_cook_val_each),
    row("cookie", NAME, 0, Type::Str, EITHER_HEADERS, (1, 3), "A cookie of the message at hand.", cookie)
        .with_each(cookie_each),
    row("req.cook", NAME, 0, Type::Str, REQUEST_HEADERS, (1, 5), "A cookie of the request.", req_cook)
        .with_each(req_cook_each),
    row(
        "req.cook_cnt",
        NAME,
        0,
        Type::Int,
        REQUEST_HEADERS,
        (1, 5),
        "How many cookies of a name the request has.",
        req_cook_cnt,
    ),
    row(
        "req.cook_names",
        NAME,
        0,
        Type::Str,
        REQUEST_HEADERS,
        (2, 9),
        "The names of the request's cookies.",
        req_cook_names,
    ),
    row(
        "req.cook_val",
        NAME,
        0,
        Type::Int,
        REQUEST_HEADERS,
        (1, 5),
        "A cookie of the request as a number.",
        req_cook_val,
    )
    .with_each(req_cook_val_each),
    row(
        "res.cook",
        NAME,
        0,
        Type::Str,
        RESPONSE_HEADERS,
        (1, 5),
        "A cookie that the response sets.",
        res_cook,
    )
    .with_each(res_cook_each),
    row(
        "res.cook_cnt",
        NAME,
        0,
        Type::Int,
        RESPONSE_HEADERS,
        (1, 5),
        "How many cookies of a name the response sets.",
        res_cook_cnt,
    ),
    row(
        "res.cook_names",
        NAME,
        0,
        Type::Str,
        RESPONSE_HEADERS,
        (2, 9),
        "The names of the cookies that the response sets.",
        res_cook_names,
    ),
    row(
        "res.cook_val",
        NAME,
        0,
        Type::Int,
        RESPONSE_HEADERS,
        (1, 5),
        "A cookie that the response sets, as a number.",
        res_cook_val,
    )
    .with_each(res_cook_val_each),
    row("scook", NAME, 0, Type::Str, RESPONSE_HEADERS, (1, 3), "A cookie that the response sets.", res_cook)
        .with_each(res_cook_each),
    row(
        "scook_cnt",
        NAME,
        0,
        Type::Int,
        RESPONSE_HEADERS,
        (1, 3),
        "How many cookies of a name the response sets.",
        res_cook_cnt,
    ),
    row(
        "scook_val",
        NAME,
        0,
        Type::Int,
        RESPONSE_HEADERS,
        (1, 3),
        "A cookie that the response sets, as a number.",
        res_cook_val,
    )
    .with_each(res_cook_val_each),
];
