//! Hashes (haproxy-algorithms, parts 1.1 and 9.5).

use super::{ConverterRow, arg, row};
use crate::arg::{Arg, ArgType};
use crate::{Cx, Type, Value};

/// The full avalanche that the argument 1 of the 32-bit hashes applies.
fn avalanche(mut a: u32) -> u32 {
    a = a.wrapping_add(0x7ED5_5D16).wrapping_add(a << 12);
    a = (a ^ 0xC761_C23C) ^ (a >> 19);
    a = a.wrapping_add(0x1656_67B1).wrapping_add(a << 5);
    a = a.wrapping_add(0xD3A2_646C) ^ (a << 9);
    a = a.wrapping_add(0xFD70_46C5).wrapping_add(a << 3);
    a = (a ^ 0xB55A_4F09) ^ (a >> 16);
    a.wrapping_mul(3_221_225_473)
}

fn sdbm_of(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0u32, |h, &c| u32::from(c).wrapping_add(h << 6).wrapping_add(h << 16).wrapping_sub(h))
}

/// sdbm over several texts, with the avalanche.
pub(crate) fn hash_of_parts(parts: &[&[u8]]) -> u32 {
    let step = |h: u32, c: u8| u32::from(c).wrapping_add(h << 6).wrapping_add(h << 16).wrapping_sub(h);
    avalanche(parts.iter().flat_map(|part| part.iter()).fold(0, |h, &c| step(h, c)))
}

fn djb2_of(bytes: &[u8]) -> u32 {
    bytes.iter().fold(5381u32, |h, &c| h.wrapping_mul(33).wrapping_add(u32::from(c)))
}

fn wt6_of(bytes: &[u8]) -> u32 {
    let (mut h0, mut h1, mut s0, mut s1) = (0xA53C_965Au32, 0x5CA6_953Au32, 6u32, 18u32);
    for &c in bytes {
        h0 = !(h0 ^ u32::from(c));
        h1 = !h1.wrapping_add(u32::from(c));
        (h0, h1) = (h1.rotate_left(s0), h0.rotate_left(s1));
        let t = ((h0 >> 16) ^ h1) & 0xffff;
        (s0, s1) = (t & 31, t >> 11);
    }
    h0 ^ h1
}

fn crc32c_of(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0u32; 256];
        let mut i = 0;
        while i < 256 {
            let mut crc = i as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
                bit += 1;
            }
            table[i] = crc;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(!0u32, |crc, &b| {
        let index = (crc ^ u32::from(b)) & 0xff;
        (crc >> 8) ^ TABLE.get(index as usize).copied().unwrap_or(0)
    })
}

fn hash32<'a>(value: Value<'a>, args: &[Arg], hash: fn(&[u8]) -> u32) -> Option<Value<'a>> {
    let h = hash(&value.into_bytes());
    let h = if arg(args, 0).int_or(0) != 0 { avalanche(h) } else { h };
    Some(Value::Int(h.into()))
}

fn sdbm<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    hash32(value, args, sdbm_of)
}

fn djb2<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    hash32(value, args, djb2_of)
}

fn wt6<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    hash32(value, args, wt6_of)
}

fn crc32<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    hash32(value, args, crc32fast::hash)
}

fn crc32c<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    hash32(value, args, crc32c_of)
}

fn xxh32<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a seed of 32 bits is meant")]
    let seed = arg(args, 0).int_or(0) as u32;
    Some(Value::Int(xxhash_rust::xxh32::xxh32(&value.into_bytes(), seed).into()))
}

fn xxh64<'a>(value: Value<'a>, args: &'a [Arg], _: &Cx<'a>) -> Option<Value<'a>> {
    let seed = arg(args, 0).int_or(0).cast_unsigned();
    Some(Value::Int(xxhash_rust::xxh64::xxh64(&value.into_bytes(), seed).cast_signed()))
}

const N: &[ArgType] = &[ArgType::Int];

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row("crc32", N, 0, Type::Bin, Type::Int, (1, 6), "CRC-32.", crc32),
    row("crc32c", N, 0, Type::Bin, Type::Int, (1, 9), "CRC-32C.", crc32c),
    row("djb2", N, 0, Type::Bin, Type::Int, (1, 6), "Hash djb2.", djb2),
    row("sdbm", N, 0, Type::Bin, Type::Int, (1, 6), "Hash sdbm.", sdbm),
    row("wt6", N, 0, Type::Bin, Type::Int, (1, 6), "Hash wt6.", wt6),
    row("xxh32", N, 0, Type::Bin, Type::Int, (1, 7), "Hash XXH32 with a seed.", xxh32),
    row("xxh64", N, 0, Type::Bin, Type::Int, (1, 7), "Hash XXH64 with a seed.", xxh64),
];
