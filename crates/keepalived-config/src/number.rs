//! Numbers as keepalived.conf writes them: decimal digits only, decimals with up to six places, and the reference's words
//! about those that are not.

use std::time::Duration;

/// A number that could not be taken: the reference's text.
pub(crate) type Bad = String;

/// What there is to say about a number, and its value if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading<T> {
    pub(crate) value: Option<T>,
    pub(crate) said: Vec<String>,
}

/// What a word after the digits means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// There is no number.
    Refused,
    /// It is said, and the digits count, as high as the keyword allows.
    Said,
}

/// An unsigned number in a range. An empty word is 0.
pub(crate) fn unsigned(text: &str, min: u32, max: u32) -> Result<u32, Bad> {
    if text.starts_with('-') {
        return Err(format!("negative number '{text}'"));
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    let value = match digits.parse::<u32>() {
        _ if text.is_empty() => 0,
        _ if !is_digits(digits) => return Err(invalid(text)),
        Ok(value) => value,
        Err(_) => return Err(format!("number '{text}' outside unsigned integer range")),
    };
    if value < min || value > max {
        return Err(format!("number '{text}' outside range [{min}, {max}]"));
    }
    Ok(value)
}

/// A number of 64 bits. An empty word is 0.
pub(crate) fn unsigned_long(text: &str) -> Result<u64, Bad> {
    if text.starts_with('-') {
        return Err(format!("negative number '{text}'"));
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    match digits.parse::<u64>() {
        _ if text.is_empty() => Ok(0),
        _ if !is_digits(digits) => Err(invalid(text)),
        Ok(value) => Ok(value),
        Err(_) => Err(format!("number '{text}' outside unsigned 64 bit range")),
    }
}

/// A signed number in a range. An empty word is 0.
pub(crate) fn signed(text: &str, min: i32, max: i32) -> Result<i32, Bad> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let value = match text.parse::<i32>() {
        _ if text.is_empty() => 0,
        _ if !is_digits(digits) => return Err(invalid(text)),
        Ok(value) => value,
        Err(_) => return Err(format!("number '{text}' outside integer range")),
    };
    if value < min || value > max {
        return Err(format!("number '{text}' outside range [{min}, {max}]"));
    }
    Ok(value)
}

/// The digits at the beginning of a word as C's `int` takes them, for messages about words that are no number.
pub(crate) fn leading(text: &str) -> i32 {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits
        .bytes()
        .take_while(u8::is_ascii_digit)
        .fold(Some(0i64), |value, digit| value?.checked_mul(10)?.checked_add(i64::from(digit - b'0')));
    let value = match (digits, negative) {
        (Some(value), false) => value,
        (Some(value), true) => -value,
        (None, false) => i64::MAX,
        (None, true) => i64::MIN,
    };
    // The low half is what an `int` keeps.
    #[allow(clippy::cast_possible_truncation)]
    let kept = value as i32;
    kept
}

/// Seconds with up to six decimals, in a range given in microseconds. More places are rounded, with a remark.
pub(crate) fn seconds(text: &str, min: u64, max: u64, rest: Rest) -> Reading<Duration> {
    let Reading { value, said } = decimal(text, 6, min, max, rest);
    Reading { value: value.map(Duration::from_micros), said }
}

/// Seconds, or anything else, with up to three decimals, in a range given in thousandths. More places are rounded, with a
/// remark.
pub(crate) fn thousandths(text: &str, min: u64, max: u64, rest: Rest) -> Reading<Duration> {
    let Reading { value, said } = decimal(text, 3, min, max, rest);
    Reading { value: value.map(Duration::from_millis), said }
}

/// A number in units of its last place. An empty word, a sign and a point alone are 0.
fn decimal(text: &str, places: usize, min: u64, max: u64, rest: Rest) -> Reading<u64> {
    let bad = |said: Vec<String>| Reading { value: None, said };
    if text.starts_with('-') {
        return bad(vec![format!("negative number '{text}'")]);
    }
    let number = text.strip_prefix('+').unwrap_or(text);
    let whole_end = number.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, after) = number.split_at(whole_end);
    let after = after.strip_prefix('.').unwrap_or(after);
    let fraction_end = if number.len() == whole.len() + after.len() {
        0
    } else {
        after.bytes().take_while(u8::is_ascii_digit).count()
    };
    let (fraction, garbage) = after.split_at(fraction_end);
    let Some(value) = scaled(whole, fraction, places) else {
        return bad(vec![format!("number '{text}' outside unsigned decimal range")]);
    };
    let mut said = Vec::new();
    if fraction.len() > places {
        said.push(format!("number '{text}' has too many decimal places"));
    } else if !garbage.is_empty() {
        said.push(invalid(text));
        return match rest {
            Rest::Said if value >= min => Reading { value: Some(value.min(max)), said },
            Rest::Refused | Rest::Said => bad(said),
        };
    }
    if value < min || value > max {
        let (min, max) = (with_places(min, places), with_places(max, places));
        said.push(format!("number '{text}' outside range [{min}, {max}]"));
        return bad(said);
    }
    Reading { value: Some(value), said }
}

/// `None` beyond 64 bits. The first place too many rounds.
fn scaled(whole: &str, fraction: &str, places: usize) -> Option<u64> {
    let kept = fraction.bytes().chain(std::iter::repeat(b'0')).take(places);
    let value = whole.bytes().chain(kept).try_fold(0u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit.saturating_sub(b'0')))
    })?;
    let up = u64::from(fraction.as_bytes().get(places).is_some_and(|digit| *digit >= b'5'));
    value.checked_add(up)
}

/// `on`, `true`, `yes` and their opposites.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        _ => None,
    }
}

fn invalid(text: &str) -> Bad {
    format!("invalid number '{text}'")
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn with_places(value: u64, places: usize) -> String {
    let unit = 10u64.pow(places as u32);
    format!("{}.{:0places$}", value / unit, value % unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_numbers() {
        for (text, want) in [
            ("7", Ok(7)),
            ("010", Ok(10)),
            ("+5", Ok(5)),
            ("abc", Err("invalid number 'abc'")),
            ("0x10", Err("invalid number '0x10'")),
            ("1.5", Err("invalid number '1.5'")),
            ("", Err("number '' outside range [1, 255]")),
            ("-x", Err("negative number '-x'")),
            ("-1", Err("negative number '-1'")),
            ("0", Err("number '0' outside range [1, 255]")),
            ("256", Err("number '256' outside range [1, 255]")),
            (
                "99999999999999999999999",
                Err("number '99999999999999999999999' outside unsigned integer range"),
            ),
        ] {
            assert_eq!(unsigned(text, 1, 255), want.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn signed_numbers() {
        assert_eq!(signed("-60", -253, 253), Ok(-60));
        assert_eq!(signed("+5", -253, 253), Ok(5));
        assert_eq!(signed("", -253, 253), Ok(0));
        assert_eq!(signed("254", -253, 253), Err("number '254' outside range [-253, 253]".to_owned()));
        assert_eq!(signed("-5x", -253, 253), Err("invalid number '-5x'".to_owned()));
    }

    fn said<T: PartialEq + std::fmt::Debug>(value: Option<T>, said: &[&str]) -> Reading<T> {
        Reading { value, said: said.iter().map(|text| (*text).to_owned()).collect() }
    }

    #[test]
    fn three_decimals() {
        let parse = |text| thousandths(text, 0, 4_294_000, Rest::Said);
        let millis = |n| Some(Duration::from_millis(n));
        assert_eq!(parse("1.5"), said(millis(1500), &[]));
        assert_eq!(parse("0.0005"), said(millis(1), &["number '0.0005' has too many decimal places"]));
        assert_eq!(parse("0.00049"), said(millis(0), &["number '0.00049' has too many decimal places"]));
        assert_eq!(
            parse("4294.0001"),
            said(millis(4_294_000), &["number '4294.0001' has too many decimal places"])
        );
        assert_eq!(parse("4295"), said(None, &["number '4295' outside range [0.000, 4294.000]"]));
        assert_eq!(parse("-1"), said(None, &["negative number '-1'"]));
        assert_eq!(parse("5x"), said(millis(5000), &["invalid number '5x'"]));
    }

    #[test]
    fn decimal_seconds() {
        let parse = |text| seconds(text, 10_000, 255_000_000, Rest::Refused);
        let micros = |n| Some(Duration::from_micros(n));
        assert_eq!(parse("1"), said(micros(1_000_000), &[]));
        assert_eq!(parse(".5"), said(micros(500_000), &[]));
        assert_eq!(parse("1."), said(micros(1_000_000), &[]));
        assert_eq!(parse("0.01"), said(micros(10_000), &[]));
        for outside in ["0", "", "+", "."] {
            let text = format!("number '{outside}' outside range [0.010000, 255.000000]");
            assert_eq!(parse(outside), said(None, &[&text]));
        }
        for invalid in ["1.x", "3e1", "++1", "1.2.3", "x"] {
            assert_eq!(parse(invalid), said(None, &[&format!("invalid number '{invalid}'")]));
        }
        for negative in ["-1", "-", "-x"] {
            assert_eq!(parse(negative), said(None, &[&format!("negative number '{negative}'")]));
        }
        let long = "number '1.23456789' has too many decimal places";
        assert_eq!(parse("1.23456789"), said(micros(1_234_568), &[long]));
        let small = [
            "number '0.0000001' has too many decimal places",
            "number '0.0000001' outside range [0.010000, 255.000000]",
        ];
        assert_eq!(parse("0.0000001"), said(None, &small));
        let large = "number '99999999999999999999' outside unsigned decimal range";
        assert_eq!(parse("99999999999999999999"), said(None, &[large]));
    }

    #[test]
    fn digits_in_front_of_something_else() {
        for (text, want) in [
            ("5x", 5),
            ("-1.5", -1),
            ("x", 0),
            ("99999999999999999999", -1),
            ("4294967296", 0),
            ("-2147483649", 2_147_483_647),
        ] {
            assert_eq!(leading(text), want, "{text}");
        }
    }
}
