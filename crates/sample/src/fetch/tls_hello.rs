//! The first message of a TLS client in a TCP stream (layer 6): what SNI routing looks at (RFC 8446, section 4.1.2; RFC 6066).

use super::source::{REQUEST_BUFFER, RESPONSE_BUFFER};
use super::{FetchRow, Missing, absent, row};
use crate::arg::Arg;
use crate::{Cx, Type, Value};
use std::borrow::Cow;

type Fetched<'a> = Result<Value<'a>, Missing>;

/// Content type of handshake records.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const ALPN: u16 = 16;
const SESSION_TICKET: u16 = 35;

/// Reads big-endian fields off a buffer that may not be complete.
#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(n)?;
        self.bytes = rest;
        Some(taken)
    }

    fn number(&mut self, width: usize) -> Option<usize> {
        self.take(width).map(|bytes| bytes.iter().fold(0, |n, &b| n << 8 | usize::from(b)))
    }

    /// A field with its length in front.
    fn field(&mut self, width: usize) -> Option<Self> {
        let len = self.number(width)?;
        self.take(len).map(|bytes| Self { bytes })
    }
}

/// The type and the body, as far as it is there, of the handshake message in the first record.
fn handshake(buffer: &[u8]) -> Result<(u8, Reader<'_>), Missing> {
    let mut reader = Reader { bytes: buffer };
    let kind = reader.number(1).ok_or(Missing::NotYet)?;
    if kind != usize::from(HANDSHAKE) {
        return absent();
    }
    let major = reader.number(1).ok_or(Missing::NotYet)?;
    if major != 3 {
        return absent();
    }
    reader.take(1).ok_or(Missing::NotYet)?;
    let length = reader.number(2).ok_or(Missing::NotYet)?;
    if length < 4 {
        return absent();
    }
    let message = reader.number(1).ok_or(Missing::NotYet)?;
    Ok((u8::try_from(message).unwrap_or(0), reader))
}

/// The extensions of a ClientHello.
fn extensions(buffer: &[u8]) -> Result<Reader<'_>, Missing> {
    let (message, mut reader) = handshake(buffer)?;
    if message != CLIENT_HELLO {
        return absent();
    }
    let length = reader.number(3).ok_or(Missing::NotYet)?;
    let whole = reader.take(length).ok_or(Missing::NotYet)?;
    let mut hello = Reader { bytes: whole };
    let mut skip = || {
        hello.take(2 + 32)?;
        hello.field(1)?;
        hello.field(2)?;
        hello.field(1)?;
        hello.field(2)
    };
    skip().ok_or(Missing::Absent)
}

/// The content of an extension.
fn extension(buffer: &[u8], wanted: u16) -> Result<Option<Reader<'_>>, Missing> {
    let mut list = extensions(buffer)?;
    while !list.bytes.is_empty() {
        let kind = list.number(2).ok_or(Missing::Absent)?;
        let content = list.field(2).ok_or(Missing::Absent)?;
        if kind == usize::from(wanted) {
            return Ok(Some(content));
        }
    }
    Ok(None)
}

fn hello_type<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    handshake(cx.request_payload).map(|(message, _)| Value::Int(message.into()))
}

fn res_hello_type<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    handshake(cx.response_payload).map(|(message, _)| Value::Int(message.into()))
}

fn sni<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let Some(mut content) = extension(cx.request_payload, SERVER_NAME)? else { return absent() };
    let mut names = content.field(2).ok_or(Missing::Absent)?;
    while !names.bytes.is_empty() {
        let kind = names.number(1).ok_or(Missing::Absent)?;
        let name = names.field(2).ok_or(Missing::Absent)?;
        if kind == 0 {
            return Ok(Value::str(name.bytes));
        }
    }
    absent()
}

fn alpn<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let Some(mut content) = extension(cx.request_payload, ALPN)? else { return absent() };
    let mut list = content.field(2).ok_or(Missing::Absent)?;
    let mut names: Vec<&[u8]> = Vec::new();
    while !list.bytes.is_empty() {
        names.push(list.field(1).ok_or(Missing::Absent)?.bytes);
    }
    Ok(Value::Str(Cow::Owned(names.join(&b","[..]))))
}

fn has_groups<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    match extension(cx.request_payload, SUPPORTED_GROUPS)? {
        Some(_) => Ok(Value::Bool(true)),
        None => absent(),
    }
}

/// 0: no ticket extension; 1: an empty one; 2: one with a ticket.
fn ticket<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Int(match extension(cx.request_payload, SESSION_TICKET)? {
        None => 0,
        Some(content) if content.bytes.is_empty() => 1,
        Some(_) => 2,
    }))
}

pub(super) const FETCHES: &[FetchRow] = &[
    row(
        "rep_ssl_hello_type",
        &[],
        0,
        Type::Int,
        RESPONSE_BUFFER,
        (1, 5),
        "Type of the server's first TLS message.",
        res_hello_type,
    ),
    row(
        "req.ssl_alpn",
        &[],
        0,
        Type::Str,
        REQUEST_BUFFER,
        (1, 7),
        "Protocols that the TLS client offers.",
        alpn,
    ),
    row(
        "req.ssl_ec_ext",
        &[],
        0,
        Type::Bool,
        REQUEST_BUFFER,
        (1, 7),
        "Whether the TLS client names its groups.",
        has_groups,
    ),
    row(
        "req.ssl_hello_type",
        &[],
        0,
        Type::Int,
        REQUEST_BUFFER,
        (1, 5),
        "Type of the client's first TLS message.",
        hello_type,
    ),
    row("req.ssl_sni", &[], 0, Type::Str, REQUEST_BUFFER, (1, 5), "Name that the TLS client asks for.", sni),
    row(
        "req.ssl_st_ext",
        &[],
        0,
        Type::Int,
        REQUEST_BUFFER,
        (1, 7),
        "Whether the TLS client sends a ticket.",
        ticket,
    ),
    row(
        "req_ssl_hello_type",
        &[],
        0,
        Type::Int,
        REQUEST_BUFFER,
        (1, 3),
        "Type of the client's first TLS message.",
        hello_type,
    ),
    row("req_ssl_sni", &[], 0, Type::Str, REQUEST_BUFFER, (1, 3), "Name that the TLS client asks for.", sni),
    row(
        "res.ssl_hello_type",
        &[],
        0,
        Type::Int,
        RESPONSE_BUFFER,
        (1, 5),
        "Type of the server's first TLS message.",
        res_hello_type,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A TLS 1.3 ClientHello of Python's ssl module for `example.com` with ALPN `h2,http/1.1`, cut down to the extensions that matter.
    fn hello() -> Vec<u8> {
        let mut extensions = Vec::new();
        let mut push = |kind: u16, content: &[u8]| {
            extensions.extend_from_slice(&kind.to_be_bytes());
            extensions.extend_from_slice(&u16::try_from(content.len()).unwrap_or(0).to_be_bytes());
            extensions.extend_from_slice(content);
        };
        push(SERVER_NAME, b"\x00\x0e\x00\x00\x0bexample.com");
        push(SUPPORTED_GROUPS, b"\x00\x02\x00\x1d");
        push(SESSION_TICKET, b"");
        push(ALPN, b"\x00\x0c\x02h2\x08http/1.1");
        let mut body = vec![3, 3];
        body.extend_from_slice(&[7; 32]);
        body.extend_from_slice(b"\x00\x00\x02\x13\x01\x01\x00");
        body.extend_from_slice(&u16::try_from(extensions.len()).unwrap_or(0).to_be_bytes());
        body.extend_from_slice(&extensions);
        let mut out = vec![HANDSHAKE, 3, 1];
        out.extend_from_slice(&u16::try_from(body.len() + 4).unwrap_or(0).to_be_bytes());
        out.push(CLIENT_HELLO);
        out.extend_from_slice(
            u32::try_from(body.len()).unwrap_or(0).to_be_bytes().get(1..).unwrap_or_default(),
        );
        out.extend_from_slice(&body);
        out
    }

    #[test]
    fn client_hello() {
        let mut exchange = crate::tests::Exchange::new();
        exchange.request = None;
        exchange.complete = false;
        let hello = hello();
        for cut in 0..hello.len() {
            exchange.payload = hello.get(..cut).unwrap_or_default().to_vec();
            assert_eq!(sni(&exchange.cx(), &[]), Err(Missing::NotYet), "{cut}");
        }
        exchange.payload = hello;
        let cx = exchange.cx();
        assert_eq!(hello_type(&cx, &[]), Ok(Value::Int(1)));
        assert_eq!(sni(&cx, &[]), Ok(Value::str(b"example.com")));
        assert_eq!(alpn(&cx, &[]), Ok(Value::str(b"h2,http/1.1")));
        assert_eq!(has_groups(&cx, &[]), Ok(Value::Bool(true)));
        assert_eq!(ticket(&cx, &[]), Ok(Value::Int(1)));
        exchange.payload = b"GET / HTTP/1.1\r\n".to_vec();
        assert_eq!(sni(&exchange.cx(), &[]), Err(Missing::Absent));
    }
}
