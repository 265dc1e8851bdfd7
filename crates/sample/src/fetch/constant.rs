//! Constants, the process and the clock.

use super::source::CONSTANT;
use super::{FetchRow, Missing, absent, row};
use crate::arg::{Arg, ArgType};
use crate::{Cx, ParseCx, Type, Value, VarName};
use std::borrow::Cow;
use std::net::IpAddr;

type Fetched<'a> = Result<Value<'a>, Missing>;

fn arg(args: &[Arg], index: usize) -> &Arg {
    args.get(index).unwrap_or(&Arg::None)
}

fn always_false<'a>(_: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Bool(false))
}

fn always_true<'a>(_: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Bool(true))
}

fn boolean<'a>(_: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Bool(arg(args, 0).int_or(0) != 0))
}

fn check_bool(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    let Some(slot) = args.first_mut() else { return Ok(()) };
    let value = match slot.text() {
        text if text.eq_ignore_ascii_case(b"true") || text == b"1" => 1,
        text if text.eq_ignore_ascii_case(b"false") || text == b"0" => 0,
        _ => return Err("Expects 'true', 'false', '0' or '1'".to_owned()),
    };
    *slot = Arg::Int(value);
    Ok(())
}

fn int<'a>(_: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Int(arg(args, 0).int_or(0)))
}

fn string<'a>(_: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::str(args.first().map_or(&b""[..], Arg::text)))
}

fn method<'a>(_: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Method(Cow::Borrowed(args.first().map_or(&b""[..], Arg::text))))
}

fn binary<'a>(_: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Bin(Cow::Borrowed(args.first().map_or(&b""[..], Arg::text))))
}

fn check_binary(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    let Some(slot) = args.first_mut() else { return Ok(()) };
    let bytes = crate::pattern::hex(slot.text())?;
    *slot = Arg::Str(bytes.into());
    Ok(())
}

fn ip<'a>(_: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    match args.first() {
        Some(Arg::Ipv4(ip)) => Ok(Value::Ip(IpAddr::V4(*ip))),
        Some(Arg::Ipv6(ip)) => Ok(Value::Ip(IpAddr::V6(*ip))),
        _ => absent(),
    }
}

fn env<'a>(_: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    match args.first() {
        Some(Arg::Str(value)) => Ok(Value::str(value)),
        _ => absent(),
    }
}

/// HAPROXY: the variable is read when the configuration is.
fn check_env(args: &mut [Arg], cx: &mut ParseCx<'_>) -> Result<(), String> {
    let Some(slot) = args.first_mut() else { return Ok(()) };
    let name = String::from_utf8_lossy(slot.text()).into_owned();
    *slot = cx.outside.variable(&name).map_or(Arg::None, |value| Arg::Str(value.into_bytes().into()));
    Ok(())
}

fn hostname<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::str(cx.env.hostname().as_bytes()))
}

fn nbproc<'a>(_: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Int(1))
}

fn thread<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Int(cx.env.thread().into()))
}

fn pid<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Int(cx.env.pid().into()))
}

fn uptime<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Int(i64::try_from(cx.env.uptime()).unwrap_or(i64::MAX)))
}

fn act_conn<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Int(i64::try_from(cx.env.active_connections()).unwrap_or(i64::MAX)))
}

fn quic_enabled<'a>(_: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Bool(false))
}

fn rand<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    let random = i128::from(cx.env.random());
    let value = match arg(args, 0) {
        Arg::Int(range) if *range > 0 => (random * i128::from(*range)) >> 32,
        _ => random,
    };
    Ok(Value::Int(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// A date in µs, as the unit argument says.
pub(super) fn dated<'a>(us: u64, offset: i64, unit: &Arg) -> Fetched<'a> {
    let us = i64::try_from(us).unwrap_or(i64::MAX);
    Ok(Value::Int(match unit.text() {
        b"us" => us.saturating_add(offset),
        b"ms" => (us / 1000).saturating_add(offset),
        _ => (us / 1_000_000).saturating_add(offset),
    }))
}

fn date<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    dated(cx.env.wall_us(), arg(args, 0).int_or(0), arg(args, 1))
}

fn date_us<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Int(i64::try_from(cx.env.wall_us() % 1_000_000).unwrap_or(0)))
}

/// Checks the time unit that is the last argument.
pub(crate) fn check_unit(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    match args.last() {
        Some(Arg::Str(unit)) if !matches!(&**unit, b"" | b"s" | b"ms" | b"us") => {
            Err(format!("expects 's', 'ms' or 'us', got '{}'", String::from_utf8_lossy(unit)))
        }
        _ => Ok(()),
    }
}

fn uuid<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let word = || u64::from(cx.env.random());
    let (a, b) = (word() << 32 | word(), word() << 32 | word());
    let a = a & !0xf000 | 0x4000;
    let b = b & !(0b11 << 62) | 0b10 << 62;
    let text = format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xffff,
        b >> 48,
        b & 0xffff_ffff_ffff
    );
    Ok(Value::Str(Cow::Owned(text.into_bytes())))
}

fn check_uuid(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    match args.first() {
        Some(Arg::Int(version)) if *version != 4 => Err(format!("Unsupported UUID version: '{version}'")),
        _ => Ok(()),
    }
}

fn unique_id<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    cx.stream.unique_id.as_deref().map(Value::str).ok_or(Missing::Absent)
}

fn var<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    let Some(Arg::Var(name)) = args.first() else { return absent() };
    match (name.value(cx), args.get(1)) {
        (Some(value), _) => Ok(value),
        (None, Some(Arg::Str(default))) => Ok(Value::str(default)),
        (None, _) => absent(),
    }
}

fn check_var(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    let Some(slot) = args.first_mut() else { return Ok(()) };
    if slot.text().is_empty() {
        return Err("Empty variable name cannot be accepted".to_owned());
    }
    *slot = Arg::Var(VarName::parse(slot.text())?);
    Ok(())
}

fn acl<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    let Some(Arg::Acls(acls)) = args.first() else { return absent() };
    for (acl, negated) in acls.iter() {
        let truth = acl.matches(cx);
        match if *negated { truth.negate() } else { truth } {
            crate::Truth::True => {}
            crate::Truth::NotYet => return Err(Missing::NotYet),
            crate::Truth::False => return Ok(Value::Bool(false)),
        }
    }
    Ok(Value::Bool(true))
}

fn check_acl(args: &mut [Arg], cx: &mut ParseCx<'_>) -> Result<(), String> {
    let mut list = Vec::new();
    for text in args.iter().map(Arg::text).filter(|text| !text.is_empty()) {
        let marks = text.iter().take_while(|&&b| b == b'!').count();
        let name = text.get(marks..).unwrap_or_default();
        let acl = match cx.acls.find(name).cloned() {
            Some(acl) => Some(acl),
            None => crate::acl::predefined(name, cx).map_err(|problem| problem.message)?,
        };
        let Some(acl) = acl else { return Err(format!("ACL '{}' not found", String::from_utf8_lossy(name))) };
        list.push((acl, marks % 2 == 1));
    }
    if let Some(slot) = args.first_mut() {
        *slot = Arg::Acls(list.into());
    }
    Ok(())
}

const ACL_ARGS: &[ArgType] = &[ArgType::Str; 12];

pub(super) const FETCHES: &[FetchRow] = &[
    row("acl", ACL_ARGS, 1, Type::Bool, CONSTANT, (2, 9), "Whether all the named ACLs match.", acl)
        .with_check(check_acl),
    row("act_conn", &[], 0, Type::Int, CONSTANT, (2, 0), "Connections of the whole process.", act_conn),
    row("always_false", &[], 0, Type::Bool, CONSTANT, (1, 3), "False.", always_false),
    row("always_true", &[], 0, Type::Bool, CONSTANT, (1, 3), "True.", always_true),
    row("bin", &[ArgType::Str], 1, Type::Bin, CONSTANT, (1, 5), "A constant byte string in hex.", binary)
        .with_check(check_binary),
    row("bool", &[ArgType::Str], 1, Type::Bool, CONSTANT, (1, 5), "A constant boolean.", boolean)
        .with_check(check_bool),
    row("date", &[ArgType::Int, ArgType::Str], 0, Type::Int, CONSTANT, (1, 5), "The current date.", date)
        .with_check(check_unit),
    row("date_us", &[], 0, Type::Int, CONSTANT, (1, 9), "The microseconds of the current date.", date_us),
    row("env", &[ArgType::Str], 1, Type::Str, CONSTANT, (1, 5), "An environment variable.", env)
        .with_check(check_env),
    row("hostname", &[], 0, Type::Str, CONSTANT, (1, 8), "The host name.", hostname),
    row("int", &[ArgType::Int], 1, Type::Int, CONSTANT, (1, 5), "A constant number.", int),
    row("ipv4", &[ArgType::Ipv4], 1, Type::Ipv4, CONSTANT, (1, 5), "A constant IPv4 address.", ip),
    row("ipv6", &[ArgType::Ipv6], 1, Type::Ipv6, CONSTANT, (1, 5), "A constant IPv6 address.", ip),
    row("meth", &[ArgType::Str], 1, Type::Method, CONSTANT, (1, 6), "A constant HTTP method.", method),
    row("nbproc", &[], 0, Type::Int, CONSTANT, (1, 6), "Number of processes: 1.", nbproc),
    row("pid", &[], 0, Type::Int, CONSTANT, (2, 9), "Process id.", pid),
    row("proc", &[], 0, Type::Int, CONSTANT, (1, 6), "Number of this process: 1.", nbproc),
    row("quic_enabled", &[], 0, Type::Bool, CONSTANT, (2, 8), "Whether QUIC is on: it is not.", quic_enabled),
    row(
        "rand",
        &[ArgType::Int],
        0,
        Type::Int,
        CONSTANT,
        (1, 5),
        "A random number below the argument, or of 32 bits.",
        rand,
    ),
    row("str", &[ArgType::Str], 1, Type::Str, CONSTANT, (1, 5), "A constant text.", string),
    row("thread", &[], 0, Type::Int, CONSTANT, (1, 8), "Number of this thread, from 0.", thread),
    row("unique-id", &[], 0, Type::Str, CONSTANT, (1, 4), "The stream's unique id.", unique_id),
    row("uptime", &[], 0, Type::Int, CONSTANT, (2, 0), "Seconds since the start.", uptime),
    row("uuid", &[ArgType::Int], 0, Type::Str, CONSTANT, (2, 1), "A random UUID (version 4).", uuid)
        .with_check(check_uuid),
    row(
        "var",
        &[ArgType::Str, ArgType::Str],
        1,
        Type::Any,
        CONSTANT,
        (1, 6),
        "A variable, or the default.",
        var,
    )
    .with_check(check_var),
];
