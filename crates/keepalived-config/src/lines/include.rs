//! `include` and its variants: what has to be there, and what it means when it is not. keepalived.conf(5), "include",
//! `include_check`.

use std::path::PathBuf;

use bstr::ByteSlice;
use config_text::Severity;

/// More alternatives than this are cut off.
const ALTERNATIVES_MAX: usize = 4096;

/// What must be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Check {
    /// What matches can be read.
    pub(super) readable: bool,
    /// A name without wildcards.
    matching: bool,
    /// Something for a pattern.
    wildcard: bool,
    /// Something for each alternative in braces.
    brace: bool,
}

impl Check {
    pub(super) const NONE: Self = Self { readable: false, matching: false, wildcard: false, brace: false };
    pub(super) const ALL: Self = Self { readable: true, matching: true, wildcard: true, brace: true };

    /// The variant of a keyword, if it is one.
    fn of(keyword: &[u8]) -> Option<Self> {
        let readable = Self { readable: true, ..Self::NONE };
        Some(match keyword {
            b"include" => Self::NONE,
            b"includer" => readable,
            b"includem" => Self { matching: true, ..readable },
            b"includew" => Self { matching: true, wildcard: true, ..readable },
            b"includeb" => Self { brace: true, ..readable },
            b"includea" => Self::ALL,
            _ => return None,
        })
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            readable: self.readable || other.readable,
            matching: self.matching || other.matching,
            wildcard: self.wildcard || other.wildcard,
            brace: self.brace || other.brace,
        }
    }

    /// After an `include_check` with these words: what is named without sign replaces, `+` adds, `-` takes away.
    pub(super) fn changed<'w>(self, words: impl Iterator<Item = &'w [u8]>) -> Self {
        let mut check = self;
        let mut any = false;
        for (number, word) in words.enumerate() {
            any = true;
            let (on, name, signed) = match word.split_first() {
                Some((b'+', name)) => (true, name, true),
                Some((b'-', name)) => (false, name, true),
                _ => (true, word, false),
            };
            if number == 0 && !signed {
                check = Self::NONE;
            }
            // Without a sign, the wish for a match includes that it can be read.
            let reads = on && !signed;
            match name {
                b"readable" => check.readable = on,
                b"match" => (check.matching, check.readable) = (on, check.readable || reads),
                b"wildcard_match" => (check.wildcard, check.readable) = (on, check.readable || reads),
                b"brace_match" => (check.brace, check.readable) = (on, check.readable || reads),
                _ => {}
            }
        }
        if any { check } else { Self::ALL }
    }

    /// What there is to say about a pattern and what it matched, if anything.
    pub(super) fn judge(
        self,
        pattern: &str,
        has_braces: bool,
        nothing: bool,
        missing: bool,
    ) -> Option<(Severity, String)> {
        let severity = |needed: bool| if needed { Severity::Alert } else { Severity::Notice };
        if nothing && !has_braces && pattern.contains(['*', '?', '[']) {
            let text = format!("No config files matched '{pattern}'.");
            return self.wildcard.then_some((Severity::Alert, text));
        }
        if nothing {
            let needed = if has_braces { self.brace } else { self.matching };
            return Some((severity(needed), format!("Config files missing '{pattern}'.")));
        }
        missing.then(|| (severity(self.brace), format!("Some config files missing: \"{pattern}\".")))
    }
}

/// `include PATTERN` or one of its variants.
pub(super) fn include_of(line: &[u8]) -> Option<(Check, PathBuf)> {
    let line = line.trim_ascii();
    let end = line.find_byteset(b" \t")?;
    let (keyword, rest) = line.split_at_checked(end)?;
    let check = Check::of(keyword)?;
    let rest = rest.trim_ascii();
    let rest = rest.strip_prefix(b"\"").and_then(|r| r.strip_suffix(b"\"")).unwrap_or(rest);
    Some((check, PathBuf::from(rest.to_os_str_lossy().into_owned())))
}

/// The alternatives of csh's braces in a pattern: `a{b,c}` is `ab` and `ac`.
pub fn braces(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(text) = open.pop() {
        match first_group(&text) {
            Some((before, options, after)) if done.len() + open.len() < ALTERNATIVES_MAX => {
                open.extend(options.iter().rev().map(|option| format!("{before}{option}{after}")));
            }
            _ => done.push(text),
        }
    }
    done
}

fn first_group(text: &str) -> Option<(&str, Vec<&str>, &str)> {
    let start = text.find('{')?;
    let mut depth = 0;
    let mut options = Vec::new();
    let mut from = start + 1;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < start) {
        match c {
            '{' => depth += 1,
            ',' if depth == 1 => {
                options.push(text.get(from..at)?);
                from = at + 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    options.push(text.get(from..at)?);
                    return Some((text.get(..start)?, options, text.get(at + 1..)?));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives() {
        assert_eq!(braces("{foo/{,cat,dog},bar}.x"), ["foo/.x", "foo/cat.x", "foo/dog.x", "bar.x"]);
        assert_eq!(braces("a{b"), ["a{b"]);
    }

    #[test]
    fn checks_are_replaced_added_and_taken_away() {
        let changed = |from: Check, words: &str| from.changed(words.split_whitespace().map(str::as_bytes));
        assert_eq!(changed(Check::NONE, ""), Check::ALL);
        let matching = changed(Check::ALL, "match");
        assert_eq!(matching, Check { matching: true, readable: true, ..Check::NONE });
        assert_eq!(changed(matching, "-match"), Check { readable: true, ..Check::NONE });
        assert_eq!(changed(Check::NONE, "+match"), Check { matching: true, ..Check::NONE });
    }

    /// Verdicts of the reference: keyword, pattern, braces, nothing found, something missing.
    #[test]
    fn verdicts() {
        let judge = |keyword: &str, pattern, braces, nothing| {
            let check = Check::of(keyword.as_bytes()).unwrap_or_default();
            check.judge(pattern, braces, nothing, true).map(|(severity, _)| severity)
        };
        for (keyword, name, star, some, none) in [
            ("include", Some(Severity::Notice), None, Severity::Notice, Severity::Notice),
            ("includer", Some(Severity::Notice), None, Severity::Notice, Severity::Notice),
            ("includem", Some(Severity::Alert), None, Severity::Notice, Severity::Notice),
            ("includew", Some(Severity::Alert), Some(Severity::Alert), Severity::Notice, Severity::Notice),
            ("includeb", Some(Severity::Notice), None, Severity::Alert, Severity::Alert),
            ("includea", Some(Severity::Alert), Some(Severity::Alert), Severity::Alert, Severity::Alert),
        ] {
            assert_eq!(judge(keyword, "a", false, true), name, "{keyword}");
            assert_eq!(judge(keyword, "a*", false, true), star, "{keyword}");
            assert_eq!(judge(keyword, "{a,b}", true, false), Some(some), "{keyword}");
            assert_eq!(judge(keyword, "{a,b}", true, true), Some(none), "{keyword}");
        }
    }
}
