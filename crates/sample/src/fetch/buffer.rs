//! Bytes in the buffers (layer 6).

use super::source::{
    EITHER_BUFFER, INTERNAL, REQUEST_BUFFER, REQUEST_HEADERS, RESPONSE_BUFFER, RESPONSE_HEADERS, TRANSACTION,
};
use super::{FetchRow, Missing, absent, row};
use crate::arg::{Arg, ArgType};
use crate::{Cx, Type, Value};
use std::borrow::Cow;

type Fetched<'a> = Result<Value<'a>, Missing>;

fn length<'a>(bytes: &[u8]) -> Fetched<'a> {
    Ok(Value::Int(i64::try_from(bytes.len()).unwrap_or(i64::MAX)))
}

fn req_len<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    length(cx.request_payload)
}

fn res_len<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    length(cx.response_payload)
}

fn cut<'a>(bytes: &'a [u8], args: &[Arg]) -> Fetched<'a> {
    let number = |index: usize| args.get(index).map_or(0, |arg| arg.int_or(0));
    let (Ok(offset), Ok(len)) = (usize::try_from(number(0)), usize::try_from(number(1))) else {
        return absent();
    };
    if len == 0 {
        // Everything there is after the offset; empty only while more may come.
        return match bytes.get(offset..) {
            Some(rest) if !rest.is_empty() => Ok(Value::Bin(Cow::Borrowed(rest))),
            _ => Err(Missing::NotYet),
        };
    }
    match bytes.get(offset..offset.saturating_add(len)) {
        Some(part) => Ok(Value::Bin(Cow::Borrowed(part))),
        None => Err(Missing::NotYet),
    }
}

fn cut_lv<'a>(bytes: &'a [u8], args: &[Arg]) -> Fetched<'a> {
    let number = |index: usize| args.get(index).map_or(0, |arg| arg.int_or(0));
    let (Ok(at), Ok(size)) = (usize::try_from(number(0)), usize::try_from(number(1))) else {
        return absent();
    };
    let Some(prefix) = bytes.get(at..at.saturating_add(size)) else { return Err(Missing::NotYet) };
    let len = prefix.iter().fold(0usize, |sum, &b| sum.wrapping_shl(8) | usize::from(b));
    // A signed third argument counts from the end of the length, a bare one from the start of the buffer.
    let third = args.get(2).map_or(&b""[..], Arg::text);
    let end = at.saturating_add(size);
    let offset = crate::value::leading_int(third);
    let start = match third.first() {
        None => Some(end),
        Some(b'+' | b'-') => i64::try_from(end)
            .ok()
            .and_then(|end| end.checked_add(offset))
            .and_then(|n| usize::try_from(n).ok()),
        Some(_) => usize::try_from(offset).ok(),
    };
    let Some(start) = start else { return absent() };
    match bytes.get(start..start.saturating_add(len)) {
        Some(part) if len > 0 => Ok(Value::Bin(Cow::Borrowed(part))),
        Some(_) => absent(),
        None => Err(Missing::NotYet),
    }
}

/// HAPROXY: once a message is parsed as HTTP its raw bytes are gone and `payload` has no value; `req.body` has.
fn raw_request<'a>(cx: &Cx<'a>) -> Result<&'a [u8], Missing> {
    if cx.request.is_some() { absent() } else { Ok(cx.request_payload) }
}

fn raw_response<'a>(cx: &Cx<'a>) -> Result<&'a [u8], Missing> {
    if cx.response.is_some() { absent() } else { Ok(cx.response_payload) }
}

fn side<'a>(cx: &Cx<'a>) -> Result<&'a [u8], Missing> {
    if cx.in_response { raw_response(cx) } else { raw_request(cx) }
}

fn payload<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    cut(side(cx)?, args)
}

fn payload_lv<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    cut_lv(side(cx)?, args)
}

fn req_payload<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    cut(raw_request(cx)?, args)
}

fn req_payload_lv<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    cut_lv(raw_request(cx)?, args)
}

fn res_payload<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    cut(raw_response(cx)?, args)
}

fn res_payload_lv<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    cut_lv(raw_response(cx)?, args)
}

fn req_body<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    if cx.request.is_none() { absent() } else { Ok(Value::Bin(Cow::Borrowed(cx.request_payload))) }
}

fn req_body_len<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    if cx.request.is_none() { absent() } else { length(cx.request_payload) }
}

/// The announced length, or what is there.
fn announced<'a>(head: Option<&http1::Head>, payload: &[u8]) -> Fetched<'a> {
    let head = head.ok_or(Missing::Absent)?;
    let declared = head.value(b"content-length").map(crate::value::leading_int);
    match declared {
        Some(n) => Ok(Value::Int(n)),
        None => length(payload),
    }
}

fn req_body_size<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    announced(cx.request, cx.request_payload)
}

fn res_body<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    if cx.response.is_none() { absent() } else { Ok(Value::Bin(Cow::Borrowed(cx.response_payload))) }
}

fn res_body_len<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    if cx.response.is_none() { absent() } else { length(cx.response_payload) }
}

fn res_body_size<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    announced(cx.response, cx.response_payload)
}

fn proto_http<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    if cx.request.is_some() || cx.stream.request_line.is_some() {
        return Ok(Value::Bool(true));
    }
    if cx.complete { Ok(Value::Bool(false)) } else { Err(Missing::NotYet) }
}

fn wait_end<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    if cx.complete { Ok(Value::Bool(true)) } else { Err(Missing::NotYet) }
}

const SPAN: &[ArgType] = &[ArgType::Int, ArgType::Int];
const SPAN_LV: &[ArgType] = &[ArgType::Int, ArgType::Int, ArgType::Str];

pub(super) const FETCHES: &[FetchRow] = &[
    row("payload", SPAN, 2, Type::Bin, EITHER_BUFFER, (1, 4), "Bytes of the buffer.", payload),
    row(
        "payload_lv",
        SPAN_LV,
        2,
        Type::Bin,
        EITHER_BUFFER,
        (1, 4),
        "Bytes whose length stands in front.",
        payload_lv,
    ),
    row(
        "req.body",
        &[],
        0,
        Type::Bin,
        REQUEST_HEADERS,
        (1, 6),
        "The part of the request's body that is there.",
        req_body,
    ),
    row("req.body_len", &[], 0, Type::Int, REQUEST_HEADERS, (1, 6), "Its length.", req_body_len),
    row(
        "req.body_size",
        &[],
        0,
        Type::Int,
        REQUEST_HEADERS,
        (1, 6),
        "The announced length of the request's body.",
        req_body_size,
    ),
    row("req.len", &[], 0, Type::Int, REQUEST_BUFFER, (1, 5), "Bytes in the request's buffer.", req_len),
    row("req_len", &[], 0, Type::Int, REQUEST_BUFFER, (1, 3), "Bytes in the request's buffer.", req_len),
    row(
        "req.payload",
        SPAN,
        2,
        Type::Bin,
        REQUEST_BUFFER,
        (1, 5),
        "Bytes of the request's buffer.",
        req_payload,
    ),
    row(
        "req.payload_lv",
        SPAN_LV,
        2,
        Type::Bin,
        REQUEST_BUFFER,
        (1, 5),
        "Bytes whose length stands in front.",
        req_payload_lv,
    ),
    row(
        "req.proto_http",
        &[],
        0,
        Type::Bool,
        TRANSACTION,
        (1, 5),
        "Whether the client speaks HTTP.",
        proto_http,
    ),
    row(
        "req_proto_http",
        &[],
        0,
        Type::Bool,
        TRANSACTION,
        (1, 3),
        "Whether the client speaks HTTP.",
        proto_http,
    ),
    row(
        "res.body",
        &[],
        0,
        Type::Bin,
        RESPONSE_HEADERS,
        (2, 6),
        "The part of the response's body that is there.",
        res_body,
    ),
    row("res.body_len", &[], 0, Type::Int, RESPONSE_HEADERS, (2, 6), "Its length.", res_body_len),
    row(
        "res.body_size",
        &[],
        0,
        Type::Int,
        RESPONSE_HEADERS,
        (2, 6),
        "The announced length of the response's body.",
        res_body_size,
    ),
    row("res.len", &[], 0, Type::Int, RESPONSE_BUFFER, (1, 5), "Bytes in the response's buffer.", res_len),
    row(
        "res.payload",
        SPAN,
        2,
        Type::Bin,
        RESPONSE_BUFFER,
        (1, 5),
        "Bytes of the response's buffer.",
        res_payload,
    ),
    row(
        "res.payload_lv",
        SPAN_LV,
        2,
        Type::Bin,
        RESPONSE_BUFFER,
        (1, 5),
        "Bytes whose length stands in front.",
        res_payload_lv,
    ),
    row("wait_end", &[], 0, Type::Bool, INTERNAL, (1, 3), "True once nothing more is waited for.", wait_end),
];
