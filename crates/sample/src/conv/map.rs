//! Maps: lookups in files of keys and values.

use super::{ConverterRow, arg, row};
use crate::arg::{Arg, ArgType};
use crate::pattern::{Method, Regex};
use crate::{Cx, ParseCx, Type, Value};
use std::borrow::Cow;

fn lookup<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let Arg::Map(map) = arg(args, 0) else { return None };
    map.with(|set| set.find(&value).cloned()).or_else(|| default(arg(args, 1)))
}

/// `map_regm`: the value with `\0` to `\9` replaced by the groups.
fn lookup_groups<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let Arg::Map(map) = arg(args, 0) else { return None };
    let found = map.with(|set| {
        let (found, groups) = set.find_with_groups(&value)?;
        let (Value::Str(template), Some(groups)) = (found, groups) else { return Some(found.clone()) };
        let subject = value.clone().into_text();
        let mut out = Vec::new();
        Regex::expand(template, &groups, &subject, &mut out);
        Some(Value::Str(Cow::Owned(out)))
    });
    found.or_else(|| default(arg(args, 1)))
}

/// `map_*_key`: the key that matched.
fn lookup_key<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let Arg::Map(map) = arg(args, 0) else { return None };
    map.with(|set| set.find_key(&value).map(|key| Value::Str(Cow::Owned(key.to_vec()))))
}

fn default<'a>(slot: &'a Arg) -> Option<Value<'a>> {
    match slot {
        Arg::Str(text) => Some(Value::str(text)),
        Arg::Int(n) => Some(Value::Int(*n)),
        Arg::Ipv4(ip) => Some(Value::Ip((*ip).into())),
        Arg::Ipv6(ip) => Some(Value::Ip((*ip).into())),
        _ => None,
    }
}

fn load(args: &mut [Arg], cx: &mut ParseCx<'_>, method: Method, output: Type) -> Result<(), String> {
    let path = String::from_utf8_lossy(arg(args, 0).text()).into_owned();
    let map = cx.map(&path, method, output)?;
    if let Some(slot) = args.first_mut() {
        *slot = Arg::Map(map);
    }
    if output == Type::Addr
        && let Some(slot) = args.get_mut(1).filter(|slot| !slot.is_none())
    {
        let text = String::from_utf8_lossy(slot.text()).into_owned();
        *slot = match text.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V4(ip)) => Arg::Ipv4(ip),
            Ok(std::net::IpAddr::V6(ip)) => Arg::Ipv6(ip),
            Err(_) => return Err(format!("cannot parse default value '{text}' as an IP address")),
        };
    }
    Ok(())
}

macro_rules! checks {
    ($($name:ident: $method:ident, $output:ident;)*) => {
        $(fn $name(args: &mut [Arg], cx: &mut ParseCx<'_>) -> Result<(), String> {
            load(args, cx, Method::$method, Type::$output)
        })*
    };
}

checks! {
    beg_str: Beg, Str; beg_int: Beg, Int; beg_ip: Beg, Addr;
    dir_str: Dir, Str; dir_int: Dir, Int; dir_ip: Dir, Addr;
    dom_str: Dom, Str; dom_int: Dom, Int; dom_ip: Dom, Addr;
    end_str: End, Str; end_int: End, Int; end_ip: End, Addr;
    int_str: Int, Str; int_int: Int, Int; int_ip: Int, Addr;
    ip_str: Ip, Str; ip_int: Ip, Int; ip_ip: Ip, Addr;
    reg_str: Reg, Str; reg_int: Reg, Int; reg_ip: Reg, Addr;
    str_str: Str, Str; str_int: Str, Int; str_ip: Str, Addr;
    sub_str: Sub, Str; sub_int: Sub, Int; sub_ip: Sub, Addr;
}

const TEXT: &[ArgType] = &[ArgType::Str, ArgType::Str];
const NUMBER: &[ArgType] = &[ArgType::Str, ArgType::Int];
const KEY: &[ArgType] = &[ArgType::Str];
const S: Type = Type::Str;
const I: Type = Type::Int;
const A: Type = Type::Addr;

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row("map", TEXT, 1, S, S, (1, 5), "The value of a key.", lookup).with_check(str_str),
    row("map_beg", TEXT, 1, S, S, (1, 5), "The value of the longest prefix.", lookup).with_check(beg_str),
    row("map_beg_int", NUMBER, 1, S, I, (1, 5), "The number of the longest prefix.", lookup)
        .with_check(beg_int),
    row("map_beg_ip", TEXT, 1, S, A, (1, 5), "The address of the longest prefix.", lookup).with_check(beg_ip),
    row("map_beg_key", KEY, 1, S, S, (3, 0), "The longest prefix.", lookup_key).with_check(beg_str),
    row("map_dir", TEXT, 1, S, S, (1, 5), "The value of a directory.", lookup).with_check(dir_str),
    row("map_dir_int", NUMBER, 1, S, I, (1, 5), "The number of a directory.", lookup).with_check(dir_int),
    row("map_dir_ip", TEXT, 1, S, A, (1, 5), "The address of a directory.", lookup).with_check(dir_ip),
    row("map_dir_key", KEY, 1, S, S, (3, 0), "The directory that matches.", lookup_key).with_check(dir_str),
    row("map_dom", TEXT, 1, S, S, (1, 5), "The value of a part of a domain.", lookup).with_check(dom_str),
    row("map_dom_int", NUMBER, 1, S, I, (1, 5), "The number of a part of a domain.", lookup)
        .with_check(dom_int),
    row("map_dom_ip", TEXT, 1, S, A, (1, 5), "The address of a part of a domain.", lookup).with_check(dom_ip),
    row("map_dom_key", KEY, 1, S, S, (3, 0), "The part of the domain that matches.", lookup_key)
        .with_check(dom_str),
    row("map_end", TEXT, 1, S, S, (1, 5), "The value of a suffix.", lookup).with_check(end_str),
    row("map_end_int", NUMBER, 1, S, I, (1, 5), "The number of a suffix.", lookup).with_check(end_int),
    row("map_end_ip", TEXT, 1, S, A, (1, 5), "The address of a suffix.", lookup).with_check(end_ip),
    row("map_end_key", KEY, 1, S, S, (3, 0), "The suffix that matches.", lookup_key).with_check(end_str),
    row("map_int", TEXT, 1, I, S, (1, 5), "The value of a number or range.", lookup).with_check(int_str),
    row("map_int_int", NUMBER, 1, I, I, (1, 5), "The number of a number or range.", lookup)
        .with_check(int_int),
    row("map_int_ip", TEXT, 1, I, A, (1, 5), "The address of a number or range.", lookup).with_check(int_ip),
    row("map_int_key", KEY, 1, I, S, (3, 0), "The number or range that matches.", lookup_key)
        .with_check(int_str),
    row("map_ip", TEXT, 1, A, S, (1, 5), "The value of a network.", lookup).with_check(ip_str),
    row("map_ip_int", NUMBER, 1, A, I, (1, 5), "The number of a network.", lookup).with_check(ip_int),
    row("map_ip_ip", TEXT, 1, A, A, (1, 5), "The address of a network.", lookup).with_check(ip_ip),
    row("map_ip_key", KEY, 1, A, S, (3, 0), "The network that matches.", lookup_key).with_check(ip_str),
    row("map_reg", TEXT, 1, S, S, (1, 5), "The value of a regular expression.", lookup).with_check(reg_str),
    row("map_reg_int", NUMBER, 1, S, I, (1, 5), "The number of a regular expression.", lookup)
        .with_check(reg_int),
    row("map_reg_ip", TEXT, 1, S, A, (1, 5), "The address of a regular expression.", lookup)
        .with_check(reg_ip),
    row("map_reg_key", KEY, 1, S, S, (3, 0), "The regular expression that matches.", lookup_key)
        .with_check(reg_str),
    row(
        "map_regm",
        TEXT,
        1,
        S,
        S,
        (1, 5),
        "The value of a regular expression, with its groups.",
        lookup_groups,
    )
    .with_check(reg_str),
    row("map_str", TEXT, 1, S, S, (1, 5), "The value of a key.", lookup).with_check(str_str),
    row("map_str_int", NUMBER, 1, S, I, (1, 5), "The number of a key.", lookup).with_check(str_int),
    row("map_str_ip", TEXT, 1, S, A, (1, 5), "The address of a key.", lookup).with_check(str_ip),
    row("map_str_key", KEY, 1, S, S, (3, 0), "The key.", lookup_key).with_check(str_str),
    row("map_sub", TEXT, 1, S, S, (1, 5), "The value of a substring.", lookup).with_check(sub_str),
    row("map_sub_int", NUMBER, 1, S, I, (1, 5), "The number of a substring.", lookup).with_check(sub_int),
    row("map_sub_ip", TEXT, 1, S, A, (1, 5), "The address of a substring.", lookup).with_check(sub_ip),
    row("map_sub_key", KEY, 1, S, S, (3, 0), "The substring that matches.", lookup_key).with_check(sub_str),
];
