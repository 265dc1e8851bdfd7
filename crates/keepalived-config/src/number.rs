//! Numbers as keepalived.conf writes them: decimal digits, decimals with three or six places, and the reference's words about
//! those that are not.
//!
//! Most keywords are read leniently by a daemon: it takes the digits that a whole number begins with and says that the word is
//! no number. `--config-test` and the other keywords take nothing of it.

use std::time::Duration;

/// What there is to say about a number, and its value if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading<T> {
    pub(crate) value: Option<T>,
    /// What is taken by who reads leniently.
    pub(crate) lenient: Option<T>,
    /// The reference's words, in order.
    pub(crate) said: Vec<String>,
    /// They are not called a warning by who reads leniently.
    pub(crate) bare: bool,
}

impl<T: Clone> Reading<T> {
    fn new(value: Option<T>, said: Vec<String>) -> Self {
        Self { lenient: value.clone(), value, said, bare: false }
    }

    fn good(value: T) -> Self {
        Self::new(Some(value), Vec::new())
    }

    fn bad(text: String) -> Self {
        Self::new(None, vec![text])
    }

    /// No number, of which a lenient reader takes this.
    fn no_number(text: String, taken: Option<T>) -> Self {
        Self { lenient: taken, ..Self::bad(text) }
    }
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
pub(crate) fn unsigned(text: &str, min: u32, max: u32) -> Reading<u32> {
    let in_range = |value: &u32| (min..=max).contains(value);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = first_digits(digits).and_then(|number| u32::try_from(number).ok());
    // What a minus stands before is taken for a large number, unless it is 0.
    let taken = number.filter(in_range).filter(|value| !negative || *value == 0);
    if negative {
        return Reading::no_number(format!("negative number '{text}'"), taken);
    }
    if !text.is_empty() && !is_digits(digits) {
        return Reading::no_number(invalid(text), taken);
    }
    match number {
        None => Reading::bad(format!("number '{text}' outside unsigned integer range")),
        Some(value) if in_range(&value) => Reading::good(value),
        Some(_) => Reading::bad(format!("number '{text}' outside range [{min}, {max}]")),
    }
}

/// A number of 64 bits. An empty word is 0.
pub(crate) fn unsigned_long(text: &str) -> Reading<u64> {
    if text.starts_with('-') {
        return Reading::bad(format!("negative number '{text}'"));
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    let number = first_digits(digits);
    if !text.is_empty() && !is_digits(digits) {
        return Reading::no_number(invalid(text), number);
    }
    match number {
        Some(value) => Reading::good(value),
        None => Reading::bad(format!("number '{text}' outside unsigned 64 bit range")),
    }
}

/// A signed number in a range. An empty word is 0.
pub(crate) fn signed(text: &str, min: i32, max: i32) -> Reading<i32> {
    let in_range = |value: &i32| (min..=max).contains(value);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = first_digits(digits).and_then(|number| i64::try_from(number).ok());
    let number = number.map(|number| if text.starts_with('-') { -number } else { number });
    let number = number.and_then(|number| i32::try_from(number).ok());
    if !text.is_empty() && !is_digits(digits) {
        return Reading::no_number(invalid(text), number.filter(in_range));
    }
    match number {
        None => Reading::bad(format!("number '{text}' outside integer range")),
        Some(value) if in_range(&value) => Reading::good(value),
        Some(_) => {
            Reading { bare: true, ..Reading::bad(format!("number '{text}' outside range [{min}, {max}]")) }
        }
    }
}

/// The number that a word's first digits make, 0 without any; none when they are too many.
fn first_digits(text: &str) -> Option<u64> {
    text.bytes()
        .take_while(u8::is_ascii_digit)
        .try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

/// The digits at the beginning of a word as C's `int` takes them, for messages about words that are no number.
pub(crate) fn leading(text: &str) -> i32 {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = first_digits(digits).and_then(|number| i64::try_from(number).ok());
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
    let Reading { value, said, .. } = decimal(text, 6, min, max, rest);
    Reading::new(value.map(Duration::from_micros), said)
}

/// Seconds, or anything else, with up to three decimals, in a range given in thousandths. More places are rounded, with a
/// remark.
pub(crate) fn thousandths(text: &str, min: u64, max: u64, rest: Rest) -> Reading<Duration> {
    let Reading { value, said, .. } = decimal(text, 3, min, max, rest);
    Reading::new(value.map(Duration::from_millis), said)
}

/// A number in units of its last place. An empty word, a sign and a point alone are 0.
///
/// KEEPALIVED: of what is no number its daemon takes the digits as units of the last place, so that 3x is 3 microseconds. Here a
/// lenient reader takes what the other one does.
fn decimal(text: &str, places: usize, min: u64, max: u64, rest: Rest) -> Reading<u64> {
    let bad = |said: Vec<String>| Reading::new(None, said);
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
            Rest::Said if value >= min => Reading::new(Some(value.min(max)), said),
            Rest::Refused | Rest::Said => bad(said),
        };
    }
    if value < min || value > max {
        let (min, max) = (with_places(min, places), with_places(max, places));
        said.push(format!("number '{text}' outside range [{min}, {max}]"));
        return bad(said);
    }
    Reading::new(Some(value), said)
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

fn invalid(text: &str) -> String {
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

    /// The value, what a lenient reader takes, and the words.
    fn told<T: Copy>(reading: &Reading<T>) -> (Option<T>, Option<T>, Vec<&str>) {
        (reading.value, reading.lenient, reading.said.iter().map(String::as_str).collect())
    }

    #[test]
    fn unsigned_numbers() {
        for (text, value, lenient, words) in [
            ("7", Some(7), Some(7), None),
            ("010", Some(10), Some(10), None),
            ("+5", Some(5), Some(5), None),
            ("abc", None, None, Some("invalid number 'abc'")),
            ("0x10", None, None, Some("invalid number '0x10'")),
            ("1.5", None, Some(1), Some("invalid number '1.5'")),
            ("255x", None, Some(255), Some("invalid number '255x'")),
            ("256x", None, None, Some("invalid number '256x'")),
            ("", None, None, Some("number '' outside range [1, 255]")),
            ("-x", None, None, Some("negative number '-x'")),
            ("-1", None, None, Some("negative number '-1'")),
            ("0", None, None, Some("number '0' outside range [1, 255]")),
            ("256", None, None, Some("number '256' outside range [1, 255]")),
            (
                "99999999999999999999999",
                None,
                None,
                Some("number '99999999999999999999999' outside unsigned integer range"),
            ),
        ] {
            let want = (value, lenient, words.into_iter().collect());
            assert_eq!(told(&unsigned(text, 1, 255)), want, "{text}");
        }
        assert_eq!(told(&unsigned("-0", 0, 9)), (None, Some(0), vec!["negative number '-0'"]));
        assert_eq!(told(&unsigned("abc", 0, 9)), (None, Some(0), vec!["invalid number 'abc'"]));
        assert_eq!(told(&unsigned("", 0, 9)), (Some(0), Some(0), vec![]));
    }

    #[test]
    fn signed_numbers() {
        assert_eq!(told(&signed("-60", -253, 253)), (Some(-60), Some(-60), vec![]));
        assert_eq!(told(&signed("+5", -253, 253)), (Some(5), Some(5), vec![]));
        assert_eq!(told(&signed("", -253, 253)), (Some(0), Some(0), vec![]));
        let outside = signed("254", -253, 253);
        assert_eq!(told(&outside), (None, None, vec!["number '254' outside range [-253, 253]"]));
        assert!(outside.bare);
        assert_eq!(told(&signed("-5x", -253, 253)), (None, Some(-5), vec!["invalid number '-5x'"]));
    }

    fn said<T: Clone>(value: Option<T>, said: &[&str]) -> Reading<T> {
        Reading::new(value, said.iter().map(|text| (*text).to_owned()).collect())
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
