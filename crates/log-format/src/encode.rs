//! How bytes are written in logs and headers (configuration manual, section 8.6; haproxy-algorithms, part 8).

use std::io::Write as _;
use std::net::IpAddr;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Bytes of a request line that are written as `#XX`.
pub(crate) fn in_url(b: u8) -> bool {
    !(32..127).contains(&b) || b == b'"' || b == b'#'
}

/// Bytes of a captured header that are written as `#XX`.
pub(crate) fn in_header(b: u8) -> bool {
    in_url(b) || matches!(b, b'{' | b'|' | b'}')
}

/// Writes bytes with those that `encoded` picks as `escape` and two hex digits.
pub(crate) fn bytes(out: &mut Vec<u8>, text: &[u8], escape: u8, encoded: fn(u8) -> bool) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&b| encoded(b)) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&b, tail)) = tail.split_first() else { return };
        out.extend_from_slice(&[escape, hex_digit(b >> 4), hex_digit(b & 15)]);
        rest = tail;
    }
    out.extend_from_slice(rest);
}

fn hex_digit(nibble: u8) -> u8 {
    HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0')
}

/// Writes bytes with those that `encoded` picks as `#XX`, and a backslash in front of any other `"`, `\` and `]` (flag `E`).
pub(crate) fn escaped(out: &mut Vec<u8>, text: &[u8], encoded: fn(u8) -> bool) {
    for &b in text {
        if encoded(b) {
            bytes(out, &[b], b'#', encoded);
            continue;
        }
        if matches!(b, b'"' | b'\\' | b']') {
            out.push(b'\\');
        }
        out.push(b);
    }
}

/// Bytes that header values must not have: control characters but TAB, and DEL.
pub(crate) fn not_in_header_value(b: u8) -> bool {
    (b < 32 && b != b'\t') || b == 127
}

/// An address; in hex, 8 or 32 upper-case digits.
pub(crate) fn address(out: &mut Vec<u8>, ip: IpAddr, hex: bool) {
    // Writing to a Vec cannot fail.
    let _ = match ip {
        IpAddr::V4(ip) if hex => write!(out, "{:08X}", u32::from(ip)),
        IpAddr::V6(ip) if hex => write!(out, "{:032X}", u128::from(ip)),
        ip => {
            write_ip(out, ip);
            Ok(())
        }
    };
}

/// An address as text. This is on the way of each request, and `write!` of four octets costs a thousand instructions.
pub fn write_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (position, octet) in ip.octets().into_iter().enumerate() {
                if position > 0 {
                    out.push(b'.');
                }
                int(out, i64::from(octet));
            }
        }
        // Writing to a Vec cannot fail.
        IpAddr::V6(ip) => drop(write!(out, "{ip}")),
    }
}

/// A decimal number.
pub(crate) fn int(out: &mut Vec<u8>, n: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = n.unsigned_abs();
    loop {
        at -= 1;
        if let Some(slot) = digits.get_mut(at) {
            *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        }
        rest /= 10;
        if rest == 0 || at == 0 {
            break;
        }
    }
    if n < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses() {
        for text in ["0.0.0.0", "127.0.0.1", "255.10.200.9", "::1", "2001:db8::ff"] {
            let mut out = Vec::new();
            write_ip(&mut out, text.parse().unwrap());
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn encodings() {
        let mut out = Vec::new();
        bytes(&mut out, b"a{b|c}#\"\x01\xff", b'#', in_header);
        assert_eq!(out, b"a#7Bb#7Cc#7D#23#22#01#FF");
        out.clear();
        bytes(&mut out, b"/p{\"#", b'#', in_url);
        assert_eq!(out, b"/p{#22#23");
        out.clear();
        for n in [0, -1, 10, i64::MAX, i64::MIN] {
            int(&mut out, n);
            out.push(b' ');
        }
        assert_eq!(out, b"0 -1 10 9223372036854775807 -9223372036854775808 ");
    }
}
