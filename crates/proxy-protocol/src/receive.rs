//! Received headers. The whole header must be there at once, as the reference demands.

use crate::{SIGNATURE, crc32c, kind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Longest version 1 header.
const V1_LIMIT: usize = 107;
/// Longest authority, unique id and other value.
const LONGEST_AUTHORITY: usize = 255;
const LONGEST_UNIQUE_ID: usize = 128;
const LONGEST_VALUE: usize = 1024;

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is cut off.
    Truncated,
    /// It is something else.
    Unlike,
    /// It breaks the rules.
    Invalid,
    /// It speaks of a protocol that is not handled.
    Unhandled,
}

/// One typed value after the addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlv {
    /// Its type.
    pub kind: u8,
    /// Its value.
    pub value: Box<[u8]>,
}

/// A header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// How many bytes it has.
    pub size: usize,
    /// Source and destination; none keeps the connection's own.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// The values of version 2, in order.
    pub tlvs: Vec<Tlv>,
}

/// Reads the header at the start of `input`.
///
/// # Errors
/// What is wrong with it.
pub fn receive(input: &[u8]) -> Result<Header, Fault> {
    if input.starts_with(SIGNATURE) {
        return version_2(input);
    }
    if input.starts_with(b"PROXY ") {
        return version_1(input);
    }
    let begins = |whole: &[u8]| whole.starts_with(input);
    Err(if begins(SIGNATURE) || begins(b"PROXY ") { Fault::Truncated } else { Fault::Unlike })
}

fn version_1(input: &[u8]) -> Result<Header, Fault> {
    let Some(end) = memchr::memchr(b'\n', input.get(..V1_LIMIT).unwrap_or(input)) else {
        return Err(if input.len() < V1_LIMIT { Fault::Truncated } else { Fault::Invalid });
    };
    let line = input.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Fault::Invalid)?;
    let text = std::str::from_utf8(line).map_err(|_| Fault::Invalid)?;
    let words: Vec<&str> = text.split(' ').collect();
    let header = |addresses| Header { size: end + 1, addresses, tlvs: Vec::new() };
    match words.as_slice() {
        ["PROXY", "UNKNOWN"] => Ok(header(None)),
        ["PROXY", family @ ("TCP4" | "TCP6"), src, dst, sport, dport] => {
            let address = |ip: &str, port: &str| {
                let ip = if *family == "TCP4" {
                    lenient_v4(ip).map(IpAddr::V4)
                } else {
                    ip.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
                };
                let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
                let port = port.parse().ok().filter(|_| digits);
                Some(SocketAddr::new(ip?, port?))
            };
            let (src, dst) = address(src, sport).zip(address(dst, dport)).ok_or(Fault::Invalid)?;
            Ok(header(Some((src, dst))))
        }
        ["PROXY", "TCP4" | "TCP6", ..] => Err(Fault::Invalid),
        _ => Err(Fault::Unhandled),
    }
}

/// HAPROXY: bytes may have leading zeros, and those that are missing are zero.
fn lenient_v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut slots = octets.iter_mut();
    for part in text.split('.') {
        if part.is_empty() || part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *slots.next()? = part.parse().ok()?;
    }
    Some(octets.into())
}

fn version_2(input: &[u8]) -> Result<Header, Fault> {
    let fixed: &[u8; 16] = input.first_chunk().ok_or(Fault::Truncated)?;
    let [.., command, family, high, low] = *fixed;
    let size = 16 + usize::from(u16::from_be_bytes([high, low]));
    let block = input.get(16..size).ok_or(Fault::Truncated)?;
    if command >> 4 != 2 {
        return Err(Fault::Invalid);
    }
    let (addresses, rest) = match (command & 15, family) {
        (0, _) => (None, block),
        (1, 0x11) => {
            let (&[a, b, c, d, e, f, g, h, sp1, sp0, dp1, dp0], rest) =
                block.split_first_chunk::<12>().ok_or(Fault::Invalid)?;
            let src = SocketAddr::from(([a, b, c, d], u16::from_be_bytes([sp1, sp0])));
            let dst = SocketAddr::from(([e, f, g, h], u16::from_be_bytes([dp1, dp0])));
            (Some((src, dst)), rest)
        }
        (1, 0x21) => {
            let (src, rest) = block.split_first_chunk::<16>().ok_or(Fault::Invalid)?;
            let (dst, rest) = rest.split_first_chunk::<16>().ok_or(Fault::Invalid)?;
            let (&[sp1, sp0, dp1, dp0], rest) = rest.split_first_chunk::<4>().ok_or(Fault::Invalid)?;
            let src = SocketAddr::from((*src, u16::from_be_bytes([sp1, sp0])));
            let dst = SocketAddr::from((*dst, u16::from_be_bytes([dp1, dp0])));
            (Some((src, dst)), rest)
        }
        _ => return Err(Fault::Unhandled),
    };
    let header = input.get(..size).ok_or(Fault::Truncated)?;
    Ok(Header { size, addresses, tlvs: tlvs(header, rest)? })
}

/// The values in `rest`, which ends where `header` does. They must fit exactly.
fn tlvs(header: &[u8], mut rest: &[u8]) -> Result<Vec<Tlv>, Fault> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (&[kind, high, low], after) = rest.split_first_chunk::<3>().ok_or(Fault::Invalid)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, next) = after.split_at_checked(length).ok_or(Fault::Invalid)?;
        let longest = match kind {
            kind::AUTHORITY => LONGEST_AUTHORITY,
            kind::UNIQUE_ID => LONGEST_UNIQUE_ID,
            _ => LONGEST_VALUE,
        };
        if length > longest {
            return Err(Fault::Invalid);
        }
        if kind == kind::CRC32C {
            let wanted = u32::from_be_bytes(value.try_into().map_err(|_| Fault::Invalid)?);
            // The checksum is made with zeros in its own place.
            let (before, zeros) = (header.len() - after.len(), [0u8; 4]);
            let made = crc32c(&[header.get(..before).unwrap_or_default(), &zeros, next]);
            if made != wanted {
                return Err(Fault::Invalid);
            }
        }
        found.push(Tlv { kind, value: value.into() });
        rest = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn both(a: &str, b: &str) -> Option<(SocketAddr, SocketAddr)> {
        Some((a.parse().unwrap(), b.parse().unwrap()))
    }

    /// As 3.0.11 judges them; only a port above 65535 is refused where the reference takes it modulo 65536.
    #[test]
    fn version_1_rows() {
        let good = |size, addresses| Ok(Header { size, addresses, tlvs: Vec::new() });
        for (input, expected) in [
            ("PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\nGET", good(33, both("1.2.3.4:9", "5.6.7.8:10"))),
            ("PROXY TCP4 01.2.3.4 5.6.7.8 9 10\r\n", good(34, both("1.2.3.4:9", "5.6.7.8:10"))),
            ("PROXY TCP4 1.2.3 5.6.7.8 9 10\r\n", good(31, both("1.2.3.0:9", "5.6.7.8:10"))),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n", good(32, both("1.2.3.4:0", "5.6.7.8:0"))),
            ("PROXY TCP6 ::1 ::2 9 10\r\n", good(25, both("[::1]:9", "[::2]:10"))),
            ("PROXY UNKNOWN\r\n", good(15, None)),
            ("PROXY UNKNOWN x\r\n", Err(Fault::Unhandled)),
            ("PROXY TCP5 1.2.3.4 5.6.7.8 9 10\r\n", Err(Fault::Unhandled)),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 9 10\n", Err(Fault::Invalid)),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 9 10 x\r\n", Err(Fault::Invalid)),
            ("PROXY TCP4  1.2.3.4 5.6.7.8 9 10\r\n", Err(Fault::Invalid)),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 -1 0\r\n", Err(Fault::Invalid)),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 +1 0\r\n", Err(Fault::Invalid)),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1x 0\r\n", Err(Fault::Invalid)),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 9 70000\r\n", Err(Fault::Invalid)),
            ("PROXY TCP4 1.2.3.256 5.6.7.8 9 10\r\n", Err(Fault::Invalid)),
            ("PROXY TCP4 ::1 ::2 9 10\r\n", Err(Fault::Invalid)),
            ("PROXY TCP6 1.2.3.4 5.6.7.8 9 10\r\n", Err(Fault::Invalid)),
            ("PROXY TCP4 1.2.3.4", Err(Fault::Truncated)),
            ("PRO", Err(Fault::Truncated)),
            ("GET / HTTP/1.1\r\n", Err(Fault::Unlike)),
            ("proxy TCP4 1.2.3.4 5.6.7.8 9 10\r\n", Err(Fault::Unlike)),
        ] {
            assert_eq!(receive(input.as_bytes()), expected, "{input:?}");
        }
    }

    fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let mut out = SIGNATURE.to_vec();
        out.extend_from_slice(&[command, family]);
        out.extend_from_slice(&u16::try_from(block.len()).unwrap().to_be_bytes());
        out.extend_from_slice(block);
        out
    }

    fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
        let mut out = vec![kind];
        out.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        out.extend_from_slice(value);
        out
    }

    const V4: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 0, 10];

    #[test]
    fn version_2_rows() {
        let plain = v2(0x21, 0x11, &V4);
        assert_eq!(receive(&plain).unwrap().addresses, both("1.2.3.4:9", "5.6.7.8:10"));
        assert_eq!(receive(plain.get(..20).unwrap()), Err(Fault::Truncated));
        assert_eq!(receive(&v2(0x20, 0, &[])).unwrap().addresses, None);
        for (command, family, block) in [(0x11, 0, &[][..]), (0x21, 0x11, &V4[..8])] {
            assert_eq!(receive(&v2(command, family, block)), Err(Fault::Invalid));
        }
        for (command, family) in [(0x21, 0x12), (0x21, 0x31), (0x21, 0), (0x22, 0x11)] {
            assert_eq!(receive(&v2(command, family, &V4)), Err(Fault::Unhandled));
        }
    }

    #[test]
    fn values_of_version_2() {
        let with = |values: &[u8]| receive(&v2(0x21, 0x11, &[&V4, values].concat()));
        let header = with(&[tlv(2, b"name"), tlv(5, b"id"), tlv(0xe1, b"x")].concat()).unwrap();
        let kinds: Vec<u8> = header.tlvs.iter().map(|tlv| tlv.kind).collect();
        assert_eq!(kinds, [2, 5, 0xe1]);
        assert_eq!(&*header.tlvs[0].value, b"name");
        // Also with the command LOCAL.
        assert_eq!(receive(&v2(0x20, 0, &tlv(2, b"x"))).unwrap().tlvs.len(), 1);
        for (kind, most) in [(2, 255), (5, 128), (0xe1, 1024)] {
            assert!(with(&tlv(kind, &vec![b'a'; most])).is_ok(), "{kind}");
            assert_eq!(with(&tlv(kind, &vec![b'a'; most + 1])), Err(Fault::Invalid), "{kind}");
        }
        assert_eq!(with(&[4, 0, 9]), Err(Fault::Invalid));
        assert_eq!(with(&tlv(3, b"abc")), Err(Fault::Invalid));
        let mut summed = v2(0x21, 0x11, &[&V4, tlv(3, &[0; 4]).as_slice(), &tlv(2, b"a")].concat());
        let sum = crc32c(&[&summed]).to_be_bytes();
        summed.splice(31..35, sum);
        assert_eq!(receive(&summed).unwrap().tlvs.len(), 2);
        summed[33] ^= 1;
        assert_eq!(receive(&summed), Err(Fault::Invalid));
    }
}
