//! Case, length, trimming, substitution.

use super::split::slice;
use super::{ConverterRow, arg, row};
use crate::arg::{Arg, ArgType};
use crate::pattern::Regex;
use crate::{Cx, ParseCx, Type, Value};
use std::borrow::Cow;
use std::sync::Arc;

fn mapped<'a>(value: Value<'a>, changes: fn(&u8) -> bool, change: fn(&mut [u8])) -> Option<Value<'a>> {
    let mut text = value.into_text();
    if text.iter().any(changes) {
        change(text.to_mut());
    }
    Some(Value::Str(text))
}

fn lower<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    mapped(value, u8::is_ascii_uppercase, <[u8]>::make_ascii_lowercase)
}

fn upper<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    mapped(value, u8::is_ascii_lowercase, <[u8]>::make_ascii_uppercase)
}

fn length<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    Some(Value::Int(i64::try_from(value.into_text().len()).unwrap_or(i64::MAX)))
}

fn ltrim<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let (text, chars) = (value.into_text(), arg(args, 0).text());
    let start = text.iter().position(|b| !chars.contains(b)).unwrap_or(text.len());
    let end = text.len();
    Some(Value::Str(slice(text, start..end)))
}

fn rtrim<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let (text, chars) = (value.into_text(), arg(args, 0).text());
    let end = text.iter().rposition(|b| !chars.contains(b)).map_or(0, |last| last + 1);
    Some(Value::Str(slice(text, 0..end)))
}

fn cut_crlf<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let text = value.into_text();
    let end = text.iter().position(|&b| b == b'\r' || b == b'\n').unwrap_or(text.len());
    Some(Value::Str(slice(text, 0..end)))
}

fn regsub<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    let Arg::Regex(regex) = arg(args, 0) else { return None };
    let template = arg(args, 1).text();
    let all = arg(args, 2).text().contains(&b'g');
    let text = value.into_text();
    let mut out: Vec<u8> = Vec::new();
    let mut at = 0;
    let mut matched = false;
    while let Some(groups) = regex.groups(&text, at) {
        let whole = groups.whole();
        matched = true;
        out.extend_from_slice(text.get(at..whole.start).unwrap_or_default());
        Regex::expand(template, &groups, &text, &mut out);
        at = whole.end;
        if whole.is_empty() {
            // An empty match inserts, then one character is copied.
            let Some(&b) = text.get(at) else { break };
            out.push(b);
            at += 1;
        }
        let over = at > text.len() || (at == text.len() && !whole.is_empty());
        if !all || over || out.len() >= cx.env.room() {
            break;
        }
    }
    if !matched {
        return Some(Value::Str(text));
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    Some(Value::Str(Cow::Owned(out)))
}

fn check_regsub(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    let flags = arg(args, 2).text().to_vec();
    if let Some(&bad) = flags.iter().find(|b| !b"ig".contains(b)) {
        return Err(format!("invalid regex flag '{}', only 'i' and 'g' are supported", char::from(bad)));
    }
    if flags.contains(&b'i')
        && let Some(Arg::Regex(regex)) = args.first()
    {
        let folded = Regex::new(regex.as_str().as_bytes(), true)?;
        if let Some(slot) = args.first_mut() {
            *slot = Arg::Regex(Arc::new(folded));
        }
    }
    Ok(())
}

const CHARS: &[ArgType] = &[ArgType::Str];

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row("cut_crlf", &[], 0, Type::Str, Type::Str, (2, 2), "Cuts at the first line end.", cut_crlf),
    row("length", &[], 0, Type::Str, Type::Int, (1, 8), "Length of the text.", length),
    row("lower", &[], 0, Type::Str, Type::Str, (1, 5), "In lower case.", lower),
    row("ltrim", CHARS, 1, Type::Str, Type::Str, (2, 2), "Without some characters at the start.", ltrim),
    row(
        "regsub",
        &[ArgType::Regex, ArgType::Str, ArgType::Str],
        2,
        Type::Str,
        Type::Str,
        (1, 6),
        "Replaces matches.",
        regsub,
    )
    .with_check(check_regsub),
    row("rtrim", CHARS, 1, Type::Str, Type::Str, (2, 2), "Without some characters at the end.", rtrim),
    row("upper", &[], 0, Type::Str, Type::Str, (1, 5), "In upper case.", upper),
];
