//! Dates: `ltime`, `utime`, `http_date` and their finer forms.

use super::{ConverterRow, arg, row};
use crate::arg::{Arg, ArgType};
use crate::time::Civil;
use crate::{Cx, ParseCx, Type, Value};
use std::borrow::Cow;

fn text<'a>(bytes: Vec<u8>) -> Option<Value<'a>> {
    Some(Value::Str(Cow::Owned(bytes)))
}

fn offset(args: &[Arg], index: usize) -> i64 {
    arg(args, index).int_or(0)
}

fn at(cx: &Cx<'_>, seconds: i64, local: bool) -> Civil {
    Civil::new(seconds, if local { cx.env.utc_offset(seconds) } else { 0 })
}

fn formatted<'a>(value: &Value<'a>, args: &[Arg], cx: &Cx<'a>, local: bool, unit: i64) -> Option<Value<'a>> {
    let moment = value.to_int()?.saturating_add(offset(args, 1));
    let (seconds, fraction) = (moment.div_euclid(unit), moment.rem_euclid(unit));
    let format = if unit == 1 {
        Cow::Borrowed(arg(args, 0).text())
    } else {
        with_fraction(arg(args, 0).text(), fraction, unit)
    };
    text(at(cx, seconds, local).strftime(&format, seconds))
}

/// Replaces `%N`, `%3N` and the like by the digits of the fraction.
fn with_fraction(format: &[u8], fraction: i64, unit: i64) -> Cow<'_, [u8]> {
    let micros = fraction * (1_000_000 / unit);
    let digits = format!("{micros:06}000");
    let mut out = Vec::with_capacity(format.len() + 8);
    let mut rest = format;
    while let Some((&b, tail)) = rest.split_first() {
        rest = tail;
        if b != b'%' {
            out.push(b);
            continue;
        }
        match (tail.first(), tail.get(1)) {
            (Some(b'N'), _) => {
                out.extend_from_slice(digits.as_bytes());
                rest = tail.get(1..).unwrap_or_default();
            }
            (Some(&n @ b'1'..=b'9'), Some(b'N')) => {
                out.extend_from_slice(digits.get(..usize::from(n - b'0')).unwrap_or_default().as_bytes());
                rest = tail.get(2..).unwrap_or_default();
            }
            (Some(&other), _) => {
                out.extend_from_slice(&[b'%', other]);
                rest = tail.get(1..).unwrap_or_default();
            }
            (None, _) => out.push(b'%'),
        }
    }
    Cow::Owned(out)
}

macro_rules! times {
    ($($name:ident: $local:expr, $unit:expr;)*) => {
        $(fn $name<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
            formatted(&value, args, cx, $local, $unit)
        })*
    };
}

times! {
    ltime: true, 1;
    utime: false, 1;
    ms_ltime: true, 1000;
    ms_utime: false, 1000;
    us_ltime: true, 1_000_000;
    us_utime: false, 1_000_000;
}

fn http_date<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let moment = value.to_int()?.saturating_add(offset(args, 0));
    let unit = match arg(args, 1).text() {
        b"ms" => 1000,
        b"us" => 1_000_000,
        _ => 1,
    };
    let (seconds, fraction) = (moment.div_euclid(unit), moment.rem_euclid(unit));
    let date = Civil::new(seconds, 0).http_date();
    // HAPROXY: the fraction is written without leading zeros.
    text(if unit == 1 { format!("{date} GMT") } else { format!("{date}.{fraction} GMT") }.into_bytes())
}

fn check_unit(args: &mut [Arg], cx: &mut ParseCx<'_>) -> Result<(), String> {
    crate::fetch::check_unit(args, cx)
}

const FORMAT: &[ArgType] = &[ArgType::Str, ArgType::Int];

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row(
        "http_date",
        &[ArgType::Int, ArgType::Str],
        0,
        Type::Int,
        Type::Str,
        (1, 4),
        "A date for a header.",
        http_date,
    )
    .with_check(check_unit),
    row("ltime", FORMAT, 1, Type::Int, Type::Str, (1, 5), "A local date in a format.", ltime),
    row("ms_ltime", FORMAT, 1, Type::Int, Type::Str, (3, 0), "A local date from ms.", ms_ltime),
    row("ms_utime", FORMAT, 1, Type::Int, Type::Str, (3, 0), "A UTC date from ms.", ms_utime),
    row("us_ltime", FORMAT, 1, Type::Int, Type::Str, (3, 0), "A local date from µs.", us_ltime),
    row("us_utime", FORMAT, 1, Type::Int, Type::Str, (3, 0), "A UTC date from µs.", us_utime),
    row("utime", FORMAT, 1, Type::Int, Type::Str, (1, 5), "A UTC date in a format.", utime),
];
