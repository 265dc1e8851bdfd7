//! Parts of texts: fields, words, bytes, list items, parameters.

use super::{ConverterRow, arg, number, number_or_variable, row};
use crate::arg::{Arg, ArgType};
use crate::{Cx, ParseCx, Type, Value};
use std::borrow::Cow;
use std::ops::Range;

/// A part of a text without a copy where the text is borrowed.
pub(super) fn slice<'a>(text: Cow<'a, [u8]>, range: Range<usize>) -> Cow<'a, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
        Cow::Owned(mut text) => {
            text.truncate(range.end.min(text.len()));
            text.drain(..range.start.min(text.len()));
            Cow::Owned(text)
        }
    }
}

/// The range from the `index`-th part on, over `count` parts (0 is all the rest). Parts are in order; negative indexes count from the
/// last one, and the count then goes backwards.
fn select(parts: &[Range<usize>], index: i64, count: i64) -> Option<Range<usize>> {
    let count = usize::try_from(count).ok()?;
    if index > 0 {
        let first = usize::try_from(index - 1).ok()?;
        let start = parts.get(first)?.start;
        let last = if count == 0 { parts.len() - 1 } else { (first + count - 1).min(parts.len() - 1) };
        return Some(start..parts.get(last)?.end);
    }
    let last = parts.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?;
    let end = parts.get(last)?.end;
    let first = if count == 0 { 0 } else { (last + 1).saturating_sub(count) };
    Some(parts.get(first)?.start..end)
}

fn parts(text: &[u8], delimiters: &[u8], merge: bool) -> Vec<Range<usize>> {
    let mut list = Vec::new();
    let mut start = 0;
    for (at, b) in text.iter().enumerate() {
        if delimiters.contains(b) {
            if !(merge && at == start) {
                list.push(start..at);
            }
            start = at + 1;
        }
    }
    if !(merge && start == text.len()) {
        list.push(start..text.len());
    }
    list
}

fn split<'a>(value: Value<'a>, args: &[Arg], merge: bool) -> Option<Value<'a>> {
    let text = value.into_text();
    let index = arg(args, 0).int_or(0);
    if index == 0 {
        return None;
    }
    let range = select(&parts(&text, arg(args, 1).text(), merge), index, arg(args, 2).int_or(1))?;
    Some(Value::Str(slice(text, range)))
}

fn field<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    split(value, args, false)
}

fn word<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    split(value, args, true)
}

fn check_index(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    if arg(args, 0).int_or(0) == 0 { Err("integer argument 0 not allowed".to_owned()) } else { Ok(()) }
}

fn bytes<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    let all = value.into_bytes();
    let start = usize::try_from(number(arg(args, 0), cx)?).ok()?.min(all.len());
    let end = match arg(args, 1) {
        Arg::None => all.len(),
        len => start.saturating_add(usize::try_from(number(len, cx)?).ok()?).min(all.len()),
    };
    Some(Value::Bin(slice(all, start..end)))
}

fn check_bytes(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    for slot in args.iter_mut().filter(|slot| !slot.is_none()) {
        number_or_variable(slot)?;
        if matches!(slot, Arg::Int(n) if *n < 0) {
            return Err("expects a positive integer".to_owned());
        }
    }
    Ok(())
}

fn param<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let text = value.into_text();
    let name = arg(args, 0).text();
    let delimiter = arg(args, 1).text().first().copied().unwrap_or(b'&');
    let range = parts(&text, &[delimiter], false).into_iter().find_map(|range| {
        let item = text.get(range.clone())?;
        let rest = item.strip_prefix(name)?;
        match rest.first() {
            None => Some(range.end..range.end),
            Some(b'=') => Some(range.start + name.len() + 1..range.end),
            Some(_) => None,
        }
    })?;
    Some(Value::Str(slice(text, range)))
}

const PART: &[ArgType] = &[ArgType::Int, ArgType::Str, ArgType::Int];

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row(
        "bytes",
        &[ArgType::Str, ArgType::Str],
        1,
        Type::Bin,
        Type::Bin,
        (1, 5),
        "Bytes from an offset.",
        bytes,
    )
    .with_check(check_bytes),
    row(
        "field",
        PART,
        2,
        Type::Str,
        Type::Str,
        (1, 6),
        "A field between delimiters; empty ones count.",
        field,
    )
    .with_check(check_index),
    row(
        "param",
        &[ArgType::Str, ArgType::Str],
        1,
        Type::Str,
        Type::Str,
        (2, 6),
        "A parameter of a query string.",
        param,
    ),
    row("word", PART, 2, Type::Str, Type::Str, (1, 6), "A word between runs of delimiters.", word)
        .with_check(check_index),
];
