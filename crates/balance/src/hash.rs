//! The hash functions of `hash-type`, the avalanche modifier and the ring keys (configuration manual, `hash-type` and `hash-key`).
//!
//! Pure arithmetic on `u32`: everything wraps.

use crate::config::{Hash, HashFunction, HashKey};
use std::net::IpAddr;
use xxhash_rust::xxh32::xxh32;

/// Hash of a byte string with one of the functions, without avalanche.
#[must_use]
pub fn hash(function: HashFunction, key: &[u8]) -> u32 {
    match function {
        HashFunction::Sdbm => sdbm(key),
        HashFunction::Djb2 => djb2(key),
        HashFunction::Wt6 => wt6(key),
        HashFunction::Crc32 => crc32fast::hash(key),
        HashFunction::None => number(key),
    }
}

/// sdbm, the default.
#[must_use]
pub fn sdbm(key: &[u8]) -> u32 {
    key.iter().fold(0_u32, |h, &c| u32::from(c).wrapping_add(h.wrapping_mul(65_599)))
}

/// djb2
#[must_use]
pub fn djb2(key: &[u8]) -> u32 {
    key.iter().fold(5381_u32, |h, &c| h.wrapping_mul(33).wrapping_add(u32::from(c)))
}

/// wt6
#[must_use]
pub fn wt6(key: &[u8]) -> u32 {
    let (mut h0, mut h1) = (0xa53c_965a_u32, 0x5ca6_953a_u32);
    let (mut s0, mut s1) = (6_u32, 18_u32);
    for &c in key {
        h0 = !(h0 ^ u32::from(c));
        h1 = !h1.wrapping_add(u32::from(c));
        (h0, h1) = (h1.rotate_left(s0), h0.rotate_left(s1));
        let t = ((h0 >> 16) ^ h1) & 0xffff;
        s0 = t & 31;
        s1 = t >> 11;
    }
    h0 ^ h1
}

/// `none`: the key is a decimal number; what does not fit saturates at 64 bits, then the low 32 bits are kept.
fn number(key: &[u8]) -> u32 {
    let (negative, digits) = match key {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, key),
    };
    let value = digits.iter().take_while(|c| c.is_ascii_digit()).fold(0_i64, |n, c| {
        let digit = i64::from(c - b'0');
        let n = n.saturating_mul(10);
        if negative { n.saturating_sub(digit) } else { n.saturating_add(digit) }
    });
    value as u32
}

/// The avalanche modifier: spreads the bits of a hash.
#[must_use]
pub fn avalanche(a: u32) -> u32 {
    let a = a.wrapping_add(0x7ed5_5d16).wrapping_add(a << 12);
    let a = (a ^ 0xc761_c23c) ^ (a >> 19);
    let a = a.wrapping_add(0x1656_67b1).wrapping_add(a << 5);
    let a = a.wrapping_add(0xd3a2_646c) ^ (a << 9);
    let a = a.wrapping_add(0xfd70_46c5).wrapping_add(a << 3);
    let a = (a ^ 0xb55a_4f09) ^ (a >> 16);
    a.wrapping_mul(3_221_225_473)
}

impl Hash {
    /// Hash of a key as `hash-type` says.
    #[must_use]
    pub fn of(&self, key: &[u8]) -> u32 {
        self.finish(hash(self.function, key))
    }

    /// Hash of a client address: the function's name does not matter, only the avalanche does.
    #[must_use]
    pub fn of_address(&self, address: IpAddr) -> u32 {
        self.finish(match address {
            IpAddr::V4(v4) => u32::from(v4),
            IpAddr::V6(v6) => {
                let bits = u128::from(v6);
                (bits >> 96) as u32 ^ (bits >> 64) as u32 ^ (bits >> 32) as u32 ^ bits as u32
            }
        })
    }

    fn finish(&self, h: u32) -> u32 {
        if self.avalanche { avalanche(h) } else { h }
    }
}

/// What places a server on the ring. Addresses count as read on a little-endian machine. Without an address the id is used.
#[must_use]
pub fn ring_key(key: HashKey, id: u32, address: Option<IpAddr>, port: u16) -> u32 {
    match (key, address) {
        (HashKey::Id, _) | (_, None) => avalanche(id),
        (HashKey::Addr, Some(IpAddr::V4(v4))) => avalanche(u32::from_le_bytes(v4.octets())),
        (HashKey::Addr, Some(IpAddr::V6(v6))) => xxh32(&v6.octets(), 0),
        (HashKey::AddrPort, Some(address)) => {
            let port = avalanche(u32::from(port));
            match address {
                IpAddr::V4(v4) => avalanche(port.wrapping_add(u32::from_le_bytes(v4.octets()))),
                IpAddr::V6(v6) => xxh32(&v6.octets(), port),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn functions_give_the_measured_values() {
        let table = [
            (HashFunction::Sdbm, "/index.html", 0x3324_2976),
            (HashFunction::Djb2, "/index.html", 0xe114_b9cf),
            (HashFunction::Crc32, "/index.html", 0xea22_4b42),
            (HashFunction::Wt6, "/index.html", 0x3101_077e),
            (HashFunction::Sdbm, "12345", 0x2fe4_1833),
            (HashFunction::Djb2, "12345", 0x0b91_fba4),
            (HashFunction::Crc32, "12345", 0xcbf5_3a1c),
            (HashFunction::Wt6, "12345", 0x2055_3904),
            (HashFunction::None, "12345", 0x3039),
            (HashFunction::None, "-1", 0xffff_ffff),
            (HashFunction::None, "+7x9", 7),
            (HashFunction::None, "abc", 0),
            (HashFunction::None, "99999999999999999999", 0xffff_ffff),
            (HashFunction::None, "-99999999999999999999", 0),
            (HashFunction::Sdbm, "abc", 807_794_786),
            (HashFunction::Djb2, "abc", 193_485_963),
            (HashFunction::Crc32, "abc", 891_568_578),
            (HashFunction::Wt6, "abc", 2_483_038_440),
        ];
        for (function, key, want) in table {
            assert_eq!(hash(function, key.as_bytes()), want, "{function:?} {key}");
        }
    }

    #[test]
    fn avalanche_gives_the_measured_values() {
        assert_eq!(avalanche(0), 0xab4e_d927);
        assert_eq!(avalanche(1), 0x3486_81b6);
        assert_eq!(avalanche(4096), 0x49c2_008b);
        assert_eq!(avalanche(sdbm(b"/index.html")), 0xfb63_160c);
        assert_eq!(avalanche(sdbm(b"abc")), 659_243_622);
    }

    #[test]
    fn addresses_ignore_the_function() {
        let plain = Hash { function: HashFunction::Crc32, ..Hash::default() };
        assert_eq!(plain.of_address(Ipv4Addr::new(10, 1, 2, 3).into()), 0x0a01_0203);
        let v6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        assert_eq!(plain.of_address(v6.into()), 0x2001_0db8 ^ 1);
        let avalanching = Hash { avalanche: true, ..Hash::default() };
        assert_eq!(avalanching.of_address(Ipv4Addr::UNSPECIFIED.into()), 0xab4e_d927);
    }

    #[test]
    fn ring_keys_read_addresses_little_endian() {
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert_eq!(ring_key(HashKey::Addr, 9, Some(local), 80), avalanche(0x0100_007f));
        assert_eq!(
            ring_key(HashKey::AddrPort, 9, Some(local), 80),
            avalanche(avalanche(80).wrapping_add(0x0100_007f))
        );
        assert_eq!(ring_key(HashKey::Addr, 9, None, 80), avalanche(9));
    }
}
