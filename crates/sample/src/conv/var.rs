//! Variables, choices and joins.

use super::{ConverterRow, arg, row};
use crate::arg::{Arg, ArgType};
use crate::{Captured, Cx, ParseCx, Type, Value, VarName};
use std::borrow::Cow;

/// A condition of `set-var(name,cond…)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetIf {
    /// The variable exists.
    Exists,
    /// It does not.
    NotExists,
    /// The new value is empty.
    Empty,
    /// It is not.
    NotEmpty,
    /// The new value is empty or the variable was never set.
    Set,
    /// The variable was never set.
    NotSet,
    /// The new value is greater.
    Greater,
    /// The new value is less.
    Less,
}

impl SetIf {
    fn holds(self, name: &VarName, new: &Value<'_>, cx: &Cx<'_>) -> bool {
        let old = name.value(cx);
        let empty = || match new {
            Value::Str(text) | Value::Bin(text) | Value::Method(text) => text.is_empty(),
            _ => false,
        };
        match self {
            Self::Exists | Self::Set => old.is_some(),
            Self::NotExists | Self::NotSet => old.is_none(),
            Self::Empty => empty(),
            Self::NotEmpty => !empty(),
            Self::Greater => {
                matches!((new.to_int(), old.and_then(|v| v.to_int())), (Some(new), Some(old)) if new > old)
            }
            Self::Less => {
                matches!((new.to_int(), old.and_then(|v| v.to_int())), (Some(new), Some(old)) if new < old)
            }
        }
    }

    /// Whether all of them hold.
    #[must_use]
    pub fn all(conditions: &[Self], name: &VarName, new: &Value<'_>, cx: &Cx<'_>) -> bool {
        conditions.iter().all(|condition| condition.holds(name, new, cx))
    }
}

/// Parses the conditions after the name.
///
/// # Errors
/// `unknown condition "x"`
pub fn parse_set_conditions<'w>(words: impl Iterator<Item = &'w [u8]>) -> Result<Vec<SetIf>, String> {
    words
        .map(|word| {
            Ok(match word {
                b"ifexists" => SetIf::Exists,
                b"ifnotexists" => SetIf::NotExists,
                b"ifempty" => SetIf::Empty,
                b"ifnotempty" => SetIf::NotEmpty,
                b"ifset" => SetIf::Set,
                b"ifnotset" => SetIf::NotSet,
                b"ifgt" => SetIf::Greater,
                b"iflt" => SetIf::Less,
                other => return Err(format!("unknown condition \"{}\"", String::from_utf8_lossy(other))),
            })
        })
        .collect()
}

fn set_var<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    let Arg::Var(name) = arg(args, 0) else { return None };
    let words = args.iter().skip(1).map(Arg::text).filter(|text| !text.is_empty());
    // The words were checked when the configuration was read.
    let conditions = parse_set_conditions(words).ok()?;
    if SetIf::all(&conditions, name, &value, cx) {
        name.set(cx, Some(value.clone()));
    }
    Some(value)
}

fn check_set_var(args: &mut [Arg], cx: &mut ParseCx<'_>) -> Result<(), String> {
    parse_set_conditions(args.iter().skip(1).map(Arg::text).filter(|text| !text.is_empty()))?;
    check_name(args, cx)
}

fn check_name(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    let Some(slot) = args.first_mut() else { return Ok(()) };
    if slot.text().is_empty() {
        return Err("Empty variable name cannot be accepted".to_owned());
    }
    *slot = Arg::Var(VarName::parse(slot.text())?);
    Ok(())
}

fn unset_var<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    if let Arg::Var(name) = arg(args, 0) {
        name.set(cx, None);
    }
    Some(value)
}

fn iif<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let chosen = usize::from(value.to_int()? == 0);
    Some(Value::str(arg(args, chosen).text()))
}

fn variable_text(slot: &Arg, cx: &Cx<'_>) -> Option<Vec<u8>> {
    match slot {
        Arg::Var(name) => name.value(cx).map(|value| value.into_text().into_owned()),
        _ => None,
    }
}

fn concat<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    let mut out = value.into_text().into_owned();
    out.extend_from_slice(arg(args, 0).text());
    if let Some(text) = variable_text(arg(args, 1), cx) {
        out.extend_from_slice(&text);
    }
    out.extend_from_slice(arg(args, 2).text());
    Some(Value::Str(Cow::Owned(out)))
}

fn add_item<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    let mut out = value.into_text().into_owned();
    let item = variable_text(arg(args, 1), cx);
    let suffix = arg(args, 2).text();
    if item.is_none() && suffix.is_empty() {
        return Some(Value::Str(Cow::Owned(out)));
    }
    if !out.is_empty() {
        out.extend_from_slice(arg(args, 0).text());
    }
    out.extend_from_slice(&item.unwrap_or_default());
    out.extend_from_slice(suffix);
    Some(Value::Str(Cow::Owned(out)))
}

/// The second argument is a variable when it is there.
fn check_middle(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    let Some(slot) = args.get_mut(1) else { return Ok(()) };
    if slot.text().is_empty() {
        *slot = Arg::None;
        return Ok(());
    }
    let text = String::from_utf8_lossy(slot.text()).into_owned();
    *slot = Arg::Var(
        VarName::parse(text.as_bytes()).map_err(|_| format!("failed to register variable name '{text}'"))?,
    );
    Ok(())
}

fn strcmp<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    let (text, other) = (value.into_text(), variable_text(arg(args, 0), cx)?);
    let difference = text.iter().zip(&other).map(|(a, b)| i64::from(*a) - i64::from(*b)).find(|&d| d != 0);
    Some(Value::Int(difference.unwrap_or_else(|| match text.len().cmp(&other.len()) {
        std::cmp::Ordering::Less => -1,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => 1,
    })))
}

fn secure_memcmp<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    let (bytes, other) = (value.into_bytes(), variable_text(arg(args, 0), cx)?);
    // The time depends on the lengths only.
    let same =
        bytes.len() == other.len() && bytes.iter().zip(&other).fold(0u8, |sum, (a, b)| sum | (a ^ b)) == 0;
    Some(Value::Bool(same))
}

fn check_compared(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    let Some(slot) = args.first_mut() else { return Ok(()) };
    if slot.text().is_empty() {
        return Err("missing variable name".to_owned());
    }
    let text = String::from_utf8_lossy(slot.text()).into_owned();
    *slot = Arg::Var(
        VarName::parse(text.as_bytes()).map_err(|_| format!("failed to register variable name '{text}'"))?,
    );
    Ok(())
}

fn capture<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>, response: bool) -> Option<Value<'a>> {
    let index = usize::try_from(arg(args, 0).int_or(-1)).ok()?;
    let lengths = cx.stream.capture_lengths.as_ref()?;
    let limit = if response { &lengths.1 } else { &lengths.0 }.get(index).copied()?;
    let text = value.into_text();
    let cut = text.get(..limit.min(text.len())).unwrap_or_default();
    let mut captured = cx.stream.captured.borrow_mut();
    Captured::fill(if response { &mut captured.response } else { &mut captured.request }, index, cut);
    drop(captured);
    Some(Value::Str(text))
}

fn capture_req<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    capture(value, args, cx, false)
}

fn capture_res<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    capture(value, args, cx, true)
}

fn nbsrv<'a>(value: Value<'a>, _: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    let name = value.into_text();
    cx.env.usable_servers(std::str::from_utf8(&name).ok()?).map(|n| Value::Int(n.into()))
}

fn srv_queue<'a>(value: Value<'a>, _: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
    let name = value.into_text();
    let text = std::str::from_utf8(&name).ok()?;
    let (backend, server) = match text.split_once('/') {
        Some(pair) => pair,
        None => (cx.stream.backend_name.as_deref()?, text),
    };
    let queued = cx.env.server_numbers(backend, server)?.queued;
    Some(Value::Int(i64::try_from(queued).unwrap_or(i64::MAX)))
}

const ONE: &[ArgType] = &[ArgType::Str];
const THREE: &[ArgType] = &[ArgType::Str, ArgType::Str, ArgType::Str];
const FIVE: &[ArgType] = &[ArgType::Str; 5];
const SLOT: &[ArgType] = &[ArgType::Int];

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row("add_item", THREE, 2, Type::Str, Type::Str, (2, 4), "Adds an item to a list.", add_item)
        .with_check(check_middle),
    row(
        "capture-req",
        SLOT,
        1,
        Type::Str,
        Type::Str,
        (1, 6),
        "Keeps the value in a request slot.",
        capture_req,
    ),
    row(
        "capture-res",
        SLOT,
        1,
        Type::Str,
        Type::Str,
        (1, 6),
        "Keeps the value in a response slot.",
        capture_res,
    ),
    row("concat", THREE, 1, Type::Str, Type::Str, (1, 9), "Appends texts and a variable.", concat)
        .with_check(check_middle),
    row("iif", &[ArgType::Str, ArgType::Str], 2, Type::Bool, Type::Str, (2, 3), "One of two texts.", iif),
    row("nbsrv", &[], 0, Type::Str, Type::Int, (1, 8), "Usable servers of the backend it names.", nbsrv),
    row("secure_memcmp", ONE, 1, Type::Bin, Type::Bool, (2, 2), "Compares in constant time.", secure_memcmp)
        .with_check(check_compared),
    row(
        "set-var",
        FIVE,
        1,
        Type::Any,
        Type::Any,
        (1, 7),
        "Sets a variable and passes the value on.",
        set_var,
    )
    .with_check(check_set_var),
    row(
        "srv_queue",
        &[],
        0,
        Type::Str,
        Type::Int,
        (2, 7),
        "Streams queued on the server it names.",
        srv_queue,
    ),
    row("strcmp", ONE, 1, Type::Str, Type::Int, (2, 2), "Compares with a variable: 0 when equal.", strcmp)
        .with_check(check_compared),
    row(
        "unset-var",
        ONE,
        1,
        Type::Any,
        Type::Any,
        (1, 8),
        "Removes a variable and passes the value on.",
        unset_var,
    )
    .with_check(check_name),
];
