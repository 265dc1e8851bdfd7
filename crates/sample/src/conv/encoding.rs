//! Encodings of bytes: hex, base64, URL, JSON.

use super::{ConverterRow, arg, row};
use crate::arg::{Arg, ArgType};
use crate::{Cx, ParseCx, Type, Value};
use std::borrow::Cow;
use std::fmt::Write as _;

fn owned_str<'a>(bytes: Vec<u8>) -> Option<Value<'a>> {
    Some(Value::Str(Cow::Owned(bytes)))
}

/// None when a text does not fit: the part that does would mean something else.
fn whole_str<'a>(bytes: Vec<u8>, cx: &Cx<'a>) -> Option<Value<'a>> {
    if bytes.len() > cx.env.room() { None } else { owned_str(bytes) }
}

fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02X}");
        text
    })
}

fn hex<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    owned_str(hex_text(&value.into_bytes()).into_bytes())
}

fn hex2i<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let bytes = value.into_text();
    let mut n: u64 = 0;
    for &b in bytes.iter() {
        n = n << 4 | u64::from(char::from(b).to_digit(16)?);
    }
    Some(Value::Int(n.cast_signed()))
}

/// Chunks of big-endian numbers, `chunk` bytes each, as long as a whole one has room.
fn chunked<'a>(
    value: Value<'a>,
    args: &[Arg],
    cx: &Cx<'a>,
    render: fn(&[u8]) -> String,
) -> Option<Value<'a>> {
    let bytes = value.into_bytes();
    let separator = arg(args, 0).text();
    let chunk = usize::try_from(arg(args, 1).int_or(1)).ok()?.max(1);
    let truncate = arg(args, 2).int_or(0) != 0;
    let mut out = Vec::new();
    for (index, part) in bytes.chunks(chunk).enumerate() {
        let text = render(part);
        let between = if index > 0 { separator } else { b"" };
        let full = out.len() + between.len() + text.len() > cx.env.room();
        if full || (truncate && part.len() < chunk) {
            break;
        }
        out.extend_from_slice(between);
        out.extend_from_slice(text.as_bytes());
    }
    owned_str(out)
}

fn be2dec<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    chunked(value, args, cx, |part| part.iter().fold(0u64, |n, &b| n << 8 | u64::from(b)).to_string())
}

fn be2hex<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    chunked(value, args, cx, hex_text)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(bytes: &[u8], url: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let n = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            if i <= chunk.len() {
                let b = BASE64.get((n >> (18 - 6 * i) & 63) as usize).copied().unwrap_or(b'A');
                out.push(match b {
                    b'+' if url => b'-',
                    b'/' if url => b'_',
                    b => b,
                });
            } else if !url {
                out.push(b'=');
            }
        }
    }
    out
}

/// Decodes base64, or its URL-safe form without padding; none for anything else.
pub(crate) fn base64_decode(text: &[u8], url: bool) -> Option<Vec<u8>> {
    let padding = if url { 0 } else { text.iter().rev().take_while(|&&b| b == b'=').count() };
    let digits = text.get(..text.len() - padding)?;
    if !url && (!text.len().is_multiple_of(4) || padding > 2) || digits.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for chunk in digits.chunks(4) {
        let mut n: u32 = 0;
        for &b in chunk {
            let b = match b {
                b'-' if url => b'+',
                b'_' if url => b'/',
                b'+' | b'/' if url => return None,
                b => b,
            };
            n = n << 6 | u32::try_from(BASE64.iter().position(|&c| c == b)?).ok()?;
        }
        n <<= 6 * (4 - chunk.len());
        out.extend_from_slice(n.to_be_bytes().get(1..chunk.len())?);
    }
    Some(out)
}

fn base64<'a>(value: Value<'a>, _: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    whole_str(encode(&value.into_bytes(), false), cx)
}

fn ub64enc<'a>(value: Value<'a>, _: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    whole_str(encode(&value.into_bytes(), true), cx)
}

fn b64dec<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    base64_decode(&value.into_text(), false).map(|bytes| Value::Bin(Cow::Owned(bytes)))
}

fn ub64dec<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    base64_decode(&value.into_text(), true).map(|bytes| Value::Bin(Cow::Owned(bytes)))
}

fn url_dec<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let text = value.into_text();
    if !text.iter().any(|&b| matches!(b, b'%' | b'+' | 0)) {
        return Some(Value::Str(text));
    }
    let mut in_query = arg(args, 0).int_or(0) != 0;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(b) = rest.next() {
        match b {
            0 => break,
            b'+' if in_query => out.push(b' '),
            b'%' => {
                let mut digit = || rest.next().and_then(|c| char::from(c).to_digit(16));
                let (high, low) = (digit()?, digit()?);
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            b => {
                in_query |= b == b'?';
                out.push(b);
            }
        }
    }
    owned_str(out)
}

fn url_enc<'a>(value: Value<'a>, _: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    let text = value.into_text();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    if text.iter().all(|&b| plain(b)) {
        return Some(Value::Str(text));
    }
    let mut out = String::with_capacity(text.len() * 2);
    // HAPROXY: whole escapes, and three bytes are left free.
    let room = cx.env.room().saturating_sub(3);
    for &b in text.iter() {
        if out.len() + 1 > room || (!plain(b) && out.len() + 3 > room) {
            break;
        }
        let _ = if plain(b) { write!(out, "{}", char::from(b)) } else { write!(out, "%{b:02X}") };
    }
    owned_str(out.into_bytes())
}

fn check_url_enc(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    match arg(args, 0).text() {
        b"" | b"query" => Ok(()),
        other => Err(format!(
            "Unexpected encoding type '{}'. Allowed value is 'query'",
            String::from_utf8_lossy(other)
        )),
    }
}

fn json<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    let text = value.into_text();
    let mut out = String::with_capacity(text.len() + 8);
    let mode = arg(args, 0).text();
    let mut rest: &[u8] = &text;
    while let Some(&b) = rest.first() {
        let (code, used) = match mode {
            b"" | b"ascii" => (Some(u32::from(b)), 1),
            _ => utf8(rest),
        };
        rest = rest.get(used..).unwrap_or_default();
        let Some(code) = code.filter(|&code| code <= 0xffff) else {
            // A bad sequence fails, is skipped, or is skipped in silence.
            if matches!(mode, b"utf8" | b"utf8p") {
                return None;
            }
            continue;
        };
        escape(&mut out, code);
    }
    whole_str(out.into_bytes(), cx)
}

/// The code point at the start and its length; none when the bytes are not UTF-8.
fn utf8(bytes: &[u8]) -> (Option<u32>, usize) {
    let want = match bytes.first() {
        Some(0..=0x7f) => 1,
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return (None, 1),
    };
    let text = bytes.get(..want).and_then(|part| std::str::from_utf8(part).ok());
    match text.and_then(|t| t.chars().next()) {
        Some(c) => (Some(u32::from(c)), want),
        None => (None, 1),
    }
}

fn escape(out: &mut String, code: u32) {
    let _ = match code {
        0x22 => write!(out, "\\\""),
        0x5c => write!(out, "\\\\"),
        0x2f => write!(out, "\\/"),
        8 => write!(out, "\\b"),
        12 => write!(out, "\\f"),
        10 => write!(out, "\\n"),
        13 => write!(out, "\\r"),
        9 => write!(out, "\\t"),
        0x20..=0x7e => write!(out, "{}", char::from_u32(code).unwrap_or(' ')),
        _ => write!(out, "\\u{code:04x}"),
    };
}

fn check_json(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    match arg(args, 0).text() {
        b"" | b"ascii" | b"utf8" | b"utf8s" | b"utf8p" | b"utf8ps" => Ok(()),
        _ => Err(
            "Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'"
                .to_owned(),
        ),
    }
}

fn check_chunk(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    match args.get(1) {
        Some(Arg::Int(n)) if *n <= 0 => Err(format!("chunk_size value must be > 0 ({n})")),
        _ => Ok(()),
    }
}

const CHUNKS: &[ArgType] = &[ArgType::Str, ArgType::Int, ArgType::Int];
const T: &[ArgType] = &[ArgType::Str];

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row("b64dec", &[], 0, Type::Str, Type::Bin, (1, 7), "Decodes base64.", b64dec),
    row("base64", &[], 0, Type::Bin, Type::Str, (1, 6), "Encodes in base64.", base64),
    row("be2dec", CHUNKS, 1, Type::Bin, Type::Str, (2, 5), "Big-endian chunks in decimal.", be2dec)
        .with_check(check_chunk),
    row("be2hex", CHUNKS, 1, Type::Bin, Type::Str, (2, 5), "Big-endian chunks in hex.", be2hex)
        .with_check(check_chunk),
    row("hex", &[], 0, Type::Bin, Type::Str, (1, 5), "Bytes in hex.", hex),
    row("hex2i", &[], 0, Type::Str, Type::Int, (1, 8), "The number that hex digits are.", hex2i),
    row("json", T, 1, Type::Str, Type::Str, (1, 5), "Escapes for a JSON text.", json).with_check(check_json),
    row("ub64dec", &[], 0, Type::Str, Type::Bin, (2, 4), "Decodes URL-safe base64.", ub64dec),
    row("ub64enc", &[], 0, Type::Bin, Type::Str, (2, 4), "Encodes in URL-safe base64.", ub64enc),
    row("url_dec", &[ArgType::Int], 0, Type::Str, Type::Str, (1, 6), "Decodes a URL.", url_dec),
    row("url_enc", T, 1, Type::Str, Type::Str, (2, 4), "Encodes for a URL's query.", url_enc)
        .with_check(check_url_enc),
];
