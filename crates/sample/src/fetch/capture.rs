//! What was captured of both messages.

use super::source::{RESPONSE, TRANSACTION};
use super::{FetchRow, Missing, row};
use crate::arg::{Arg, ArgType};
use crate::{Captured, Cx, Type, Value};
use std::borrow::Cow;

type Fetched<'a> = Result<Value<'a>, Missing>;

fn slot<'a>(cx: &Cx<'a>, args: &'a [Arg], side: fn(&Captured) -> &Vec<Option<Vec<u8>>>) -> Fetched<'a> {
    let index = args.first().map_or(0, |arg| arg.int_or(0));
    let captured = cx.stream.captured.borrow();
    let value =
        usize::try_from(index).ok().and_then(|index| side(&captured).get(index)).and_then(Clone::clone);
    value.map(|bytes| Value::Str(Cow::Owned(bytes))).ok_or(Missing::Absent)
}

fn req_hdr<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    slot(cx, args, |captured| &captured.request)
}

fn res_hdr<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    slot(cx, args, |captured| &captured.response)
}

fn line<'a>(cx: &Cx<'a>, part: for<'l> fn(&'l crate::RequestLine) -> &'l [u8]) -> Fetched<'a> {
    cx.stream.request_line.as_ref().map(|line| Value::str(part(line))).ok_or(Missing::Absent)
}

fn req_method<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    line(cx, crate::RequestLine::method)
}

fn req_uri<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    line(cx, crate::RequestLine::uri)
}

/// HAPROXY: `HTTP/1.1` or `HTTP/1.0`, whatever was written.
fn req_ver<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let low = cx.stream.request_line.as_ref().ok_or(Missing::Absent)?.version() < &b"HTTP/1.1"[..];
    Ok(Value::str(if low { b"HTTP/1.0" } else { b"HTTP/1.1" }))
}

fn res_ver<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    if cx.stream.response_version.is_empty() {
        return Err(Missing::Absent);
    }
    Ok(Value::str(if cx.stream.response_version.as_slice() < &b"HTTP/1.1"[..] {
        b"HTTP/1.0"
    } else {
        b"HTTP/1.1"
    }))
}

const SLOT: &[ArgType] = &[ArgType::Int];

pub(super) const FETCHES: &[FetchRow] = &[
    row("capture.req.hdr", SLOT, 1, Type::Str, TRANSACTION, (1, 5), "What a request slot captured.", req_hdr),
    row("capture.req.method", &[], 0, Type::Str, TRANSACTION, (1, 5), "The method as received.", req_method),
    row(
        "capture.req.uri",
        &[],
        0,
        Type::Str,
        TRANSACTION,
        (1, 5),
        "The request target as received.",
        req_uri,
    ),
    row("capture.req.ver", &[], 0, Type::Str, TRANSACTION, (1, 5), "The version as received.", req_ver),
    row("capture.res.hdr", SLOT, 1, Type::Str, RESPONSE, (1, 5), "What a response slot captured.", res_hdr),
    row(
        "capture.res.ver",
        &[],
        0,
        Type::Str,
        TRANSACTION,
        (1, 5),
        "The response's version as received.",
        res_ver,
    ),
];
