//! Byte classes of RFC 9110 and the small scanners built on them.

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = matches!(b as u8,
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-'
            | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
        b += 1;
    }
    table
};

/// tchar of RFC 9110.
pub(crate) fn is_token(b: u8) -> bool {
    TOKEN[usize::from(b)]
}

/// SP or HT.
pub(crate) fn is_blank(b: u8) -> bool {
    b == b' ' || b == b'\t'
}

/// What may stand in a version: upper-case letters, digits, `/` and `.`.
pub(crate) fn is_version(b: u8) -> bool {
    matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.')
}

/// What may stand in a request target: visible ASCII but `#`.
pub(crate) fn is_uri(b: u8) -> bool {
    (0x21..=0x7e).contains(&b) && b != b'#'
}

/// Makes ASCII letters lower case in place, eight bytes at a time: field names are too short for wider steps.
pub(crate) fn lower_case(bytes: &mut [u8]) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        let value = u64::from_ne_bytes(*word);
        let low = value & (EACH * 0x7f);
        // The top bit of a byte: it is at least `A`; it is past `Z`; it is ASCII.
        let (from_a, past_z) = (low + EACH * u64::from(0x80 - b'A'), low + EACH * u64::from(0x7f - b'Z'));
        let upper = (from_a ^ past_z) & !value & (EACH * 0x80);
        *word = (value | upper >> 2).to_ne_bytes();
    }
    rest.make_ascii_lowercase();
}

/// Without blanks at both ends.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        if !is_blank(*first) {
            break;
        }
        bytes = rest;
    }
    while let [rest @ .., last] = bytes {
        if !is_blank(*last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// The elements of a comma-separated list, trimmed; an empty value has one empty element.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(trim)
}

/// A decimal number without sign; none when empty, not digits, or over 64 bits.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, &b| {
        if !b.is_ascii_digit() {
            return None;
        }
        n.checked_mul(10)?.checked_add(u64::from(b - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_lowered_as_the_library_does_it() {
        for len in 0..=20 {
            for first in 0..=u8::MAX {
                let mut ours: Vec<u8> = (0..len).map(|n| first.wrapping_add(n)).collect();
                let theirs = ours.to_ascii_lowercase();
                lower_case(&mut ours);
                assert_eq!(ours, theirs);
            }
        }
    }
}
