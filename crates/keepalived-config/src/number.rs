//! Numbers as keepalived.conf writes them: decimal digits only, decimals with up to six places, and the reference's words
//! about those that are not.

use std::time::Duration;

/// A number that could not be taken: the reference's text.
pub(crate) type Bad = String;

/// An unsigned number in a range.
pub(crate) fn unsigned(text: &str, min: u32, max: u32) -> Result<u32, Bad> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if let Some(rest) = text.strip_prefix('-') {
        return Err(if is_digits(rest) { format!("negative number '{text}'") } else { invalid(text) });
    }
    if !is_digits(digits) {
        return Err(invalid(text));
    }
    let Ok(value) = digits.parse::<u32>() else {
        return Err(format!("number '{text}' outside unsigned integer range"));
    };
    if value < min || value > max {
        return Err(format!("number '{text}' outside range [{min}, {max}]"));
    }
    Ok(value)
}

/// A signed number in a range.
pub(crate) fn signed(text: &str, min: i32, max: i32) -> Result<i32, Bad> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !is_digits(digits) {
        return Err(invalid(text));
    }
    let Ok(value) = text.parse::<i32>() else {
        return Err(format!("number '{text}' outside integer range"));
    };
    if value < min || value > max {
        return Err(format!("number '{text}' outside range [{min}, {max}]"));
    }
    Ok(value)
}

/// Seconds with decimals, in a range given in microseconds. More than six places are rounded, with a remark.
pub(crate) fn seconds(text: &str, min: u64, max: u64) -> Result<(Duration, Option<String>), Bad> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if let Some(rest) = text.strip_prefix('-') {
        let ok = micros(rest).is_some();
        return Err(if ok { format!("negative number '{text}'") } else { invalid(text) });
    }
    let Some((value, cut)) = micros(unsigned) else { return Err(invalid(text)) };
    if value < min || value > max {
        return Err(format!("number '{text}' outside range [{}, {}]", with_places(min), with_places(max)));
    }
    let remark = cut.then(|| format!("number '{text}' has too many decimal places"));
    Ok((Duration::from_micros(value), remark))
}

/// Seconds with three decimals, up to a maximum in microseconds. More places are rounded, with a remark.
pub(crate) fn milliseconds(text: &str, max: u64) -> Result<(Duration, Option<String>), Bad> {
    let (value, _) = seconds(text, 0, u64::MAX)?;
    let rounded = u64::try_from(value.as_micros()).unwrap_or(u64::MAX).saturating_add(500) / 1000 * 1000;
    if rounded > max {
        let most = with_places(max).replace(".000000", ".000");
        return Err(format!("number '{text}' outside range [0.000, {most}]"));
    }
    let cut = text.split_once('.').is_some_and(|(_, places)| places.len() > 3);
    let remark = cut.then(|| format!("number '{text}' has too many decimal places"));
    Ok((Duration::from_micros(rounded), remark))
}

/// `on`, `true`, `yes` and their opposites.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
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

/// Microseconds, and whether there were more places than that.
fn micros(text: &str) -> Option<(u64, bool)> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && places.is_empty() {
        return None;
    }
    if !whole.bytes().chain(places.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept: String = places.chars().chain(std::iter::repeat('0')).take(6).collect();
    let up = u64::from(places.as_bytes().get(6).is_some_and(|digit| *digit >= b'5'));
    // Beyond any range that a keyword allows.
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().unwrap_or(u64::MAX) };
    let value = whole.saturating_mul(1_000_000).saturating_add(kept.parse::<u64>().ok()? + up);
    Some((value, places.len() > 6))
}

fn with_places(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
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
            ("", Err("invalid number ''")),
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
        assert_eq!(signed("254", -253, 253), Err("number '254' outside range [-253, 253]".to_owned()));
        assert_eq!(signed("-5x", -253, 253), Err("invalid number '-5x'".to_owned()));
    }

    #[test]
    fn three_decimals() {
        let parse = |text| milliseconds(text, 4_294_000_000);
        let remark = |text| Some(format!("number '{text}' has too many decimal places"));
        assert_eq!(parse("1.5"), Ok((Duration::from_millis(1500), None)));
        assert_eq!(parse("0.0005"), Ok((Duration::from_millis(1), remark("0.0005"))));
        assert_eq!(parse("0.00049"), Ok((Duration::ZERO, remark("0.00049"))));
        assert_eq!(parse("4294.0001"), Ok((Duration::from_secs(4294), remark("4294.0001"))));
        assert_eq!(parse("4295"), Err("number '4295' outside range [0.000, 4294.000]".to_owned()));
        assert_eq!(parse("-1"), Err("negative number '-1'".to_owned()));
    }

    #[test]
    fn decimal_seconds() {
        let parse = |text| seconds(text, 10_000, 255_000_000);
        assert_eq!(parse("1"), Ok((Duration::from_secs(1), None)));
        assert_eq!(parse(".5"), Ok((Duration::from_millis(500), None)));
        assert_eq!(parse("0.01"), Ok((Duration::from_millis(10), None)));
        assert_eq!(parse("0"), Err("number '0' outside range [0.010000, 255.000000]".to_owned()));
        assert_eq!(parse("1.x"), Err("invalid number '1.x'".to_owned()));
        assert_eq!(parse("3e1"), Err("invalid number '3e1'".to_owned()));
        assert_eq!(parse("-1"), Err("negative number '-1'".to_owned()));
        assert_eq!(parse("."), Err("invalid number '.'".to_owned()));
        assert_eq!(
            parse("1.23456789"),
            Ok((
                Duration::from_micros(1_234_568),
                Some("number '1.23456789' has too many decimal places".to_owned())
            ))
        );
    }
}
