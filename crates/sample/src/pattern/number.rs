//! Numbers and ranges with operators.

/// A range; none is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    min: Option<i64>,
    max: Option<i64>,
}

/// An operator word, which applies to the values after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Operator {
    #[default]
    Eq,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Operator {
    pub(crate) fn parse(word: &[u8]) -> Option<Self> {
        match word {
            b"eq" => Some(Self::Eq),
            b"gt" => Some(Self::Gt),
            b"ge" => Some(Self::Ge),
            b"lt" => Some(Self::Lt),
            b"le" => Some(Self::Le),
            _ => None,
        }
    }
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text)
        .ok()
        .filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|t| t.parse().ok())
}

impl Range {
    /// Parses a number under an operator, or a range. HAPROXY: a word with `:` or `-` is always a range, so that `-5` means up to 5.
    pub(crate) fn parse(text: &[u8], operator: Operator) -> Result<Self, String> {
        let shown = || String::from_utf8_lossy(text);
        if let Some(at) = text.iter().position(|&b| b == b':' || b == b'-') {
            let (low, high) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
            let bad = || format!("'{}' is not a valid number range", shown());
            let min = if low.is_empty() { None } else { Some(number(low).ok_or_else(bad)?) };
            let max = if high.is_empty() { None } else { Some(number(high).ok_or_else(bad)?) };
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                return Err(bad());
            }
            return Ok(Self { min, max });
        }
        let n = number(text).ok_or_else(|| format!("'{}' is not a number", shown()))?;
        Ok(match operator {
            Operator::Eq => Self { min: Some(n), max: Some(n) },
            Operator::Gt => Self { min: Some(n.saturating_add(1)), max: None },
            Operator::Ge => Self { min: Some(n), max: None },
            Operator::Lt => Self { min: None, max: Some(n.saturating_sub(1)) },
            Operator::Le => Self { min: None, max: Some(n) },
        })
    }

    pub(crate) fn has(self, n: i64) -> bool {
        self.min.is_none_or(|min| n >= min) && self.max.is_none_or(|max| n <= max)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn ranges() {
        let parse = |t: &str, op| Range::parse(t.as_bytes(), op).unwrap();
        assert!(parse("1024:", Operator::Eq).has(1024));
        assert!(!parse("1024:", Operator::Eq).has(1023));
        assert!(parse(":5", Operator::Gt).has(5));
        assert!(parse("-5", Operator::Lt).has(5) && parse("-5", Operator::Lt).has(-100));
        assert!(parse("5", Operator::Gt).has(6) && !parse("5", Operator::Gt).has(5));
        assert!(parse("5-7", Operator::Eq).has(7));
        assert_eq!(Range::parse(b"5:3", Operator::Eq).unwrap_err(), "'5:3' is not a valid number range");
        assert_eq!(Range::parse(b"x", Operator::Eq).unwrap_err(), "'x' is not a number");
        assert_eq!(Range::parse(b"-i", Operator::Eq).unwrap_err(), "'-i' is not a valid number range");
    }
}
