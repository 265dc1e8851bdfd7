//! The status line (layer 7).

use super::source::{RESPONSE, RESPONSE_HEADERS};
use super::{FetchRow, Missing, row};
use crate::arg::Arg;
use crate::{Cx, Type, Value};

type Fetched<'a> = Result<Value<'a>, Missing>;

fn status<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    match cx.response {
        Some(head) => Ok(Value::Int(head.status().into())),
        None if cx.stream.server_status != 0 => Ok(Value::Int(cx.stream.server_status.into())),
        None => Err(Missing::NotYet),
    }
}

fn server_status<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    if cx.stream.server_status == 0 {
        Err(Missing::Absent)
    } else {
        Ok(Value::Int(cx.stream.server_status.into()))
    }
}

fn version<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let head = cx.response.ok_or(Missing::NotYet)?;
    head.version_text().strip_prefix(b"HTTP/").map(Value::str).ok_or(Missing::Absent)
}

pub(super) const FETCHES: &[FetchRow] = &[
    row(
        "res.ver",
        &[],
        0,
        Type::Str,
        RESPONSE_HEADERS,
        (1, 5),
        "The response's version, such as 1.1.",
        version,
    ),
    row(
        "resp_ver",
        &[],
        0,
        Type::Str,
        RESPONSE_HEADERS,
        (1, 3),
        "The response's version, such as 1.1.",
        version,
    ),
    row(
        "server_status",
        &[],
        0,
        Type::Int,
        RESPONSE,
        (3, 0),
        "The status that the server sent.",
        server_status,
    ),
    row("status", &[], 0, Type::Int, RESPONSE, (1, 3), "The response's status.", status),
];
