//! Sizes such as `16k` (configuration manual, section 2.6), and C's lenient integers.

/// Why a text is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeError {
    /// A character that does not belong there; NUL stands for the end.
    Unexpected(char),
    /// More than 32 bits hold.
    Overflow,
}

/// Reads a size in bytes with an optional `k`, `m` or `g` of either case.
///
/// # Errors
/// See [`SizeError`].
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    if number.is_empty() {
        return Err(SizeError::Unexpected(text.chars().next().unwrap_or('\0')));
    }
    let number: u64 = number.parse().map_err(|_| SizeError::Overflow)?;
    let mut after = rest.chars();
    let factor: u64 = match after.next().map(|c| c.to_ascii_lowercase()) {
        None => 1,
        Some('k') => 1 << 10,
        Some('m') => 1 << 20,
        Some('g') => 1 << 30,
        Some(other) => return Err(SizeError::Unexpected(other)),
    };
    if let Some(extra) = after.next() {
        return Err(SizeError::Unexpected(extra));
    }
    let size = number.checked_mul(factor).ok_or(SizeError::Overflow)?;
    if size > u64::from(u32::MAX) { Err(SizeError::Overflow) } else { Ok(size) }
}

/// C's `atol`: blanks, a sign, digits; whatever follows is ignored, and no digits make 0. Saturates.
#[must_use]
pub fn lenient_int(text: &str) -> i64 {
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let value = digits
        .bytes()
        .take_while(u8::is_ascii_digit)
        .fold(0i64, |n, d| n.saturating_mul(10).saturating_add(i64::from(d - b'0')));
    if negative { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, want) in [
            ("0", Ok(0)),
            ("16k", Ok(16384)),
            ("1M", Ok(1 << 20)),
            ("3g", Ok(3 << 30)),
            ("4g", Err(SizeError::Overflow)),
            ("x", Err(SizeError::Unexpected('x'))),
            ("1kb", Err(SizeError::Unexpected('b'))),
            ("", Err(SizeError::Unexpected('\0'))),
        ] {
            assert_eq!(parse_size(text), want, "{text}");
        }
    }

    #[test]
    fn lenient_integers() {
        for (text, want) in
            [("12", 12), ("-3x", -3), ("abc", 0), ("", 0), (" +7 8", 7), ("99999999999999999999", i64::MAX)]
        {
            assert_eq!(lenient_int(text), want, "{text}");
        }
    }
}
