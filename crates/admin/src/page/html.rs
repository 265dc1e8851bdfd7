//! Small pieces of HTML that the page is made of.

use crate::stat::Value;
use std::fmt::Write as _;

/// A text with the characters that HTML gives a meaning escaped.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A number with its thousands set apart: the digit before each group carries the class `rls`.
#[must_use]
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len() - at - 1;
        if left > 0 && left.is_multiple_of(3) {
            let _ = write!(out, "<span class=\"rls\">{digit}</span>");
        } else {
            out.push(digit);
        }
    }
    out
}

/// A cell's number, or nothing for an empty cell.
#[must_use]
pub fn count(value: &Value) -> String {
    value.number().and_then(|n| u64::try_from(n).ok()).map_or_else(String::new, number)
}

/// A cell's number as a limit: `-` when there is none.
#[must_use]
pub fn limit(value: &Value) -> String {
    match value.number() {
        Some(n) if n > 0 => number(n.unsigned_abs()),
        _ => "-".to_owned(),
    }
}

/// Seconds as the page shows ages: the two largest units, such as `2m5s` or `3d4h`.
#[must_use]
pub fn age(seconds: u64) -> String {
    let (d, h, m, s) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (d, h, m) {
        (0, 0, 0) => format!("{s}s"),
        (0, 0, _) => format!("{m}m{s}s"),
        (0, _, _) => format!("{h}h{m}m"),
        _ => format!("{d}d{h}h"),
    }
}

/// An age out of a cell: `?` when nothing has happened yet.
#[must_use]
pub fn last(value: &Value) -> String {
    value.number().and_then(|n| u64::try_from(n).ok()).map_or_else(|| "?".to_owned(), age)
}

/// A text with a box that shows when the pointer is on it.
#[must_use]
pub fn tip(text: &str, inside: &str) -> String {
    format!("<u>{text}<div class=tips>{inside}</div></u>")
}

/// Lines of a box: name and value.
#[must_use]
pub fn details(rows: &[(&str, String)]) -> String {
    let mut out = String::from("<table class=det>");
    for (name, value) in rows {
        let _ = write!(out, "<tr><th>{name}</th>{value}</tr>");
    }
    out.push_str("</table>");
    out
}

/// One value cell of a box.
#[must_use]
pub fn td(value: impl std::fmt::Display) -> String {
    format!("<td>{value}</td>")
}

/// A value cell and its share of a total in percent.
#[must_use]
pub fn share(value: u64, total: u64) -> String {
    let percent = value.saturating_mul(100).checked_div(total).unwrap_or(0);
    format!("<td>{}</td><td>({percent}%)</td>", number(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ages_read_like_the_reference_s() {
        assert_eq!(number(7), "7");
        assert_eq!(number(2000), "<span class=\"rls\">2</span>000");
        assert_eq!(number(1_234_567), "<span class=\"rls\">1</span>23<span class=\"rls\">4</span>567");
        assert_eq!(age(59), "59s");
        assert_eq!(age(125), "2m5s");
        assert_eq!(age(3600 * 5 + 60), "5h1m");
        assert_eq!(age(86400 * 3 + 3600 * 4), "3d4h");
    }

    #[test]
    fn no_character_of_a_name_becomes_markup() {
        assert_eq!(escape("<b>&\"'"), "&lt;b&gt;&amp;&quot;&#39;");
    }
}
