//! Delays such as `5s`, `500ms`, `2m` (configuration manual, section 2.5).

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while};
use nom::combinator::{map, success};
use std::fmt;
use std::time::Duration;

/// The unit of a delay that is written without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// us
    Microseconds,
    /// ms
    Milliseconds,
    /// s
    Seconds,
}

impl DelayError {
    /// The unexpected character for a message; nothing at the end of the text.
    #[must_use]
    pub fn character(self) -> String {
        match self {
            Self::Unexpected(c) if c != '\0' => c.to_string(),
            _ => String::new(),
        }
    }
}

impl Unit {
    fn micros(self) -> u128 {
        match self {
            Self::Microseconds => 1,
            Self::Milliseconds => 1_000,
            Self::Seconds => 1_000_000,
        }
    }
}

/// Why a text is no delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelayError {
    /// More than 2147483647 of the default unit.
    Overflow,
    /// A character that does not belong there; NUL stands for the end.
    Unexpected(char),
}

/// Longest delay that the reference's timers hold, in the default unit of the keyword.
const LONGEST: u128 = 2_147_483_647;

/// Reads a delay; one without a unit is in `default`.
///
/// The result is rounded up to the default unit, as the reference does: `1us` is 1 ms where milliseconds are the default.
///
/// # Errors
/// See [`DelayError`].
pub fn parse_delay(text: &str, default: Unit) -> Result<Duration, DelayError> {
    let unexpected = |rest: &str| DelayError::Unexpected(rest.chars().next().unwrap_or('\0'));
    let digits: Result<(&str, &str), nom::Err<()>> = take_while(|c: char| c.is_ascii_digit()).parse(text);
    let (rest, digits) = digits.map_err(|_| unexpected(text))?;
    if digits.is_empty() && rest.is_empty() {
        return Err(unexpected(""));
    }
    let unit: Result<(&str, u128), nom::Err<()>> = alt((
        map(tag("us"), |_| 1),
        map(tag("ms"), |_| 1_000),
        map(tag("s"), |_| 1_000_000),
        map(tag("m"), |_| 60_000_000),
        map(tag("h"), |_| 3_600_000_000),
        map(tag("d"), |_| 86_400_000_000),
        success(default.micros()),
    ))
    .parse(rest);
    let (rest, unit) = unit.map_err(|_| unexpected(rest))?;
    if !rest.is_empty() {
        return Err(unexpected(rest));
    }
    let count: u128 = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| DelayError::Overflow)? };
    let micros = count.checked_mul(unit).ok_or(DelayError::Overflow)?;
    let units = micros.div_ceil(default.micros());
    if units > LONGEST {
        return Err(DelayError::Overflow);
    }
    let micros = u64::try_from(units * default.micros()).map_err(|_| DelayError::Overflow)?;
    Ok(Duration::from_micros(micros))
}

/// A delay as the manual would write it: the largest unit that divides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay(pub Duration);

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        for (unit, name) in
            [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")]
        {
            if micros != 0 && micros.is_multiple_of(unit) {
                return write!(f, "{}{name}", micros / unit);
            }
        }
        if micros == 0 { f.write_str("0") } else { write!(f, "{micros}us") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays() {
        let ms = |n| Ok(Duration::from_millis(n));
        for (text, want) in [
            ("10", ms(10)),
            ("10s", ms(10_000)),
            ("2m", ms(120_000)),
            ("1h", ms(3_600_000)),
            ("24d", ms(2_073_600_000)),
            ("1us", ms(1)),
            ("999us", ms(1)),
            ("1001us", ms(2)),
            ("0", ms(0)),
            ("25d", Err(DelayError::Overflow)),
            ("2147483648", Err(DelayError::Overflow)),
            ("99999999999999999999999999999999999999999999", Err(DelayError::Overflow)),
            ("abc", Err(DelayError::Unexpected('a'))),
            ("10x", Err(DelayError::Unexpected('x'))),
            ("10ms1", Err(DelayError::Unexpected('1'))),
            ("1.5s", Err(DelayError::Unexpected('.'))),
            ("-1", Err(DelayError::Unexpected('-'))),
            ("", Err(DelayError::Unexpected('\0'))),
        ] {
            assert_eq!(parse_delay(text, Unit::Milliseconds), want, "{text}");
        }
        assert_eq!(parse_delay("10", Unit::Seconds), Ok(Duration::from_secs(10)));
    }

    #[test]
    fn delays_are_written_in_the_largest_unit() {
        for (ms, want) in
            [(0, "0"), (1, "1ms"), (1000, "1s"), (60_000, "1m"), (90_000, "90s"), (86_400_000, "1d")]
        {
            assert_eq!(Delay(Duration::from_millis(ms)).to_string(), want);
        }
    }
}
