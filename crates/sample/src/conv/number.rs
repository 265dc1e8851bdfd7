//! Arithmetic, bits, comparisons with zero, addresses.

use super::{ConverterRow, arg, number, number_or_variable, row};
use crate::arg::{Arg, ArgType};
use crate::value::to_v4;
use crate::{Cx, ParseCx, Type, Value};
use std::borrow::Cow;
use std::net::IpAddr;

fn with_operand<'a>(
    value: &Value<'a>,
    args: &[Arg],
    cx: &Cx<'a>,
    apply: fn(i64, i64) -> i64,
) -> Option<Value<'a>> {
    Some(Value::Int(apply(value.to_int()?, number(arg(args, 0), cx)?)))
}

macro_rules! arithmetic {
    ($($name:ident: $apply:expr;)*) => {
        $(fn $name<'a>(value: Value<'a>, args: &'a [Arg], cx: &Cx<'a>) -> Option<Value<'a>> {
            with_operand(&value, args, cx, $apply)
        })*
    };
}

arithmetic! {
    add: i64::saturating_add;
    sub: i64::saturating_sub;
    mul: i64::saturating_mul;
    div: |a, b| if b == 0 { i64::MAX } else { a.checked_div(b).unwrap_or(i64::MAX) };
    modulo: |a, b| if b == 0 { 0 } else { a.checked_rem(b).unwrap_or(0) };
    and: |a, b| a & b;
    or: |a, b| a | b;
    xor: |a, b| a ^ b;
}

fn check_operand(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    args.first_mut().map_or(Ok(()), number_or_variable)
}

fn neg<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    Some(Value::Int(value.to_int()?.checked_neg().unwrap_or(i64::MAX)))
}

fn cpl<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    Some(Value::Int(!value.to_int()?))
}

fn boolean<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    Some(Value::Bool(value.to_int()? != 0))
}

fn not<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    Some(Value::Bool(value.to_int()? == 0))
}

fn odd<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    Some(Value::Bool(value.to_int()? & 1 == 1))
}

fn even<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    Some(Value::Bool(value.to_int()? & 1 == 0))
}

fn htonl<'a>(value: Value<'a>, _: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the low 32 bits are meant")]
    let low = value.to_int()? as u32;
    Some(Value::Bin(Cow::Owned(low.to_be_bytes().to_vec())))
}

fn ipmask<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    match (value.to_ip()?, args.first(), args.get(1)) {
        (IpAddr::V4(ip), Some(Arg::Ipv4(mask)), _) => {
            Some(Value::Ip(IpAddr::V4((u32::from(ip) & u32::from(*mask)).into())))
        }
        (IpAddr::V6(ip), _, Some(Arg::Ipv6(mask))) => {
            Some(Value::Ip(IpAddr::V6((u128::from(ip) & u128::from(*mask)).into())))
        }
        // HAPROXY: an IPv6 address without a mask of its own has a value only when it stands for an IPv4 one.
        (ip, Some(Arg::Ipv4(mask)), _) => {
            to_v4(ip).map(|ip| Value::Ip(IpAddr::V4((u32::from(ip) & u32::from(*mask)).into())))
        }
        _ => None,
    }
}

const OPERAND: &[ArgType] = &[ArgType::Str];
const I: Type = Type::Int;

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row("add", OPERAND, 1, I, I, (1, 6), "Adds a number or variable.", add).with_check(check_operand),
    row("and", OPERAND, 1, I, I, (1, 6), "Bitwise and.", and).with_check(check_operand),
    row("bool", &[], 0, I, Type::Bool, (1, 6), "Whether it is not zero.", boolean),
    row("cpl", &[], 0, I, I, (1, 6), "Bitwise complement.", cpl),
    row("div", OPERAND, 1, I, I, (1, 6), "Divides; by zero gives the highest number.", div)
        .with_check(check_operand),
    row("even", &[], 0, I, Type::Bool, (1, 6), "Whether it is even.", even),
    row("htonl", &[], 0, I, Type::Bin, (2, 2), "The low 32 bits as 4 bytes, most significant first.", htonl),
    row(
        "ipmask",
        &[ArgType::Mask4, ArgType::Mask6],
        1,
        Type::Addr,
        Type::Addr,
        (1, 4),
        "Applies a mask to an address.",
        ipmask,
    ),
    row("mod", OPERAND, 1, I, I, (1, 6), "Remainder of a division.", modulo).with_check(check_operand),
    row("mul", OPERAND, 1, I, I, (1, 6), "Multiplies.", mul).with_check(check_operand),
    row("neg", &[], 0, I, I, (1, 6), "Changes the sign.", neg),
    row("not", &[], 0, I, Type::Bool, (1, 6), "Whether it is zero.", not),
    row("odd", &[], 0, I, Type::Bool, (1, 6), "Whether it is odd.", odd),
    row("or", OPERAND, 1, I, I, (1, 6), "Bitwise or.", or).with_check(check_operand),
    row("sub", OPERAND, 1, I, I, (1, 6), "Subtracts.", sub).with_check(check_operand),
    row("xor", OPERAND, 1, I, I, (1, 6), "Bitwise exclusive or.", xor).with_check(check_operand),
];
