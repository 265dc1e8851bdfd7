//! Substring matches between delimiters.

/// Whether `pattern` stands in `subject` between delimiters or the ends. Delimiters at the pattern's ends are ignored.
pub(crate) fn delimited(subject: &[u8], pattern: &[u8], is_delimiter: fn(u8) -> bool) -> bool {
    let start = pattern.iter().position(|&b| !is_delimiter(b));
    let Some(start) = start else { return false };
    let end = pattern.iter().rposition(|&b| !is_delimiter(b)).map_or(start, |last| last + 1);
    let pattern = pattern.get(start..end).unwrap_or_default();
    let mut from = 0;
    while let Some(found) = subject.get(from..).and_then(|rest| memchr::memmem::find(rest, pattern)) {
        let at = from + found;
        let before = at.checked_sub(1).and_then(|i| subject.get(i)).is_none_or(|&b| is_delimiter(b));
        let after = subject.get(at + pattern.len()).is_none_or(|&b| is_delimiter(b));
        if before && after {
            return true;
        }
        from = at + 1;
    }
    false
}

/// Delimiters of `-m dir`.
pub(crate) fn dir(b: u8) -> bool {
    b == b'/' || b == b'?'
}

/// Delimiters of `-m dom`.
pub(crate) fn dom(b: u8) -> bool {
    matches!(b, b'/' | b'?' | b'.' | b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_domains() {
        let subject = b"/images/png/logo/32x32.png";
        for yes in ["/images", "/images/png", "images/png", "/png/logo", "logo/32x32.png", "32x32.png"] {
            assert!(delimited(subject, yes.as_bytes(), dir), "{yes}");
        }
        for no in ["png/log", "32x32", "/"] {
            assert!(!delimited(subject, no.as_bytes(), dir), "{no}");
        }
        let url = b"http://www1.dc-eu.example.com:80/blah";
        for yes in [
            "http",
            "www1",
            ".www1",
            "dc-eu",
            "example",
            "com",
            "80",
            "dc-eu.example",
            "blah",
            ":www1:",
            "dc-eu.example:80",
        ] {
            let expected = yes != "dc-eu.example:80";
            assert_eq!(delimited(url, yes.as_bytes(), dom), expected, "{yes}");
        }
        for no in ["eu", "dc"] {
            assert!(!delimited(url, no.as_bytes(), dom), "{no}");
        }
    }
}
