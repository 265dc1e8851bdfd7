//! Regular expressions: PCRE2 with its JIT, as in the reference.

use std::ops::Range;

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub struct Regex {
    inner: pcre2::bytes::Regex,
}

/// Up to ten groups: `\0` to `\9`.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    ranges: [Option<(usize, usize)>; 10],
}

impl Groups {
    /// The bytes of a group in the subject; empty when the group took no part.
    #[must_use]
    pub fn bytes<'a>(&self, index: usize, subject: &'a [u8]) -> &'a [u8] {
        self.ranges
            .get(index)
            .copied()
            .flatten()
            .and_then(|(start, end)| subject.get(start..end))
            .unwrap_or_default()
    }

    /// Where the whole match is.
    #[must_use]
    pub fn whole(&self) -> Range<usize> {
        self.ranges.first().copied().flatten().map_or(0..0, |(start, end)| start..end)
    }
}

impl Regex {
    /// Compiles.
    ///
    /// # Errors
    /// The reference's text: `regex '(' is invalid (error=missing closing parenthesis, erroffset=1)`.
    pub fn new(pattern: &[u8], ignore_case: bool) -> Result<Self, String> {
        let shown = String::from_utf8_lossy(pattern);
        let text = std::str::from_utf8(pattern)
            .map_err(|_| format!("regex '{shown}' is invalid (error=not UTF-8, erroffset=0)"))?;
        let inner = pcre2::bytes::RegexBuilder::new()
            .caseless(ignore_case)
            .jit_if_available(true)
            .build(text)
            .map_err(|error| {
                let full = error.to_string();
                let reason = full.rsplit_once(": ").map_or(full.as_str(), |(_, reason)| reason);
                format!(
                    "regex '{shown}' is invalid (error={reason}, erroffset={})",
                    error.offset().unwrap_or(0)
                )
            })?;
        Ok(Self { inner })
    }

    /// The expression's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.inner.as_str()
    }

    /// Whether it matches anywhere. A match that fails for want of resources is no match.
    #[must_use]
    pub fn is_match(&self, subject: &[u8]) -> bool {
        self.inner.is_match(subject).unwrap_or(false)
    }

    /// The first match from an offset with its groups.
    #[must_use]
    pub fn groups(&self, subject: &[u8], from: usize) -> Option<Groups> {
        let mut locations = self.inner.capture_locations();
        self.inner.captures_read_at(&mut locations, subject, from).ok().flatten()?;
        let mut groups = Groups::default();
        for (index, slot) in groups.ranges.iter_mut().enumerate() {
            *slot = locations.get(index);
        }
        Some(groups)
    }

    /// Appends a template with its `\0` to `\9`, `\xHH` and escapes expanded.
    pub fn expand(template: &[u8], groups: &Groups, subject: &[u8], out: &mut Vec<u8>) {
        let mut rest = template.iter().copied();
        while let Some(b) = rest.next() {
            if b != b'\\' {
                out.push(b);
                continue;
            }
            match rest.next() {
                Some(digit @ b'0'..=b'9') => {
                    out.extend_from_slice(groups.bytes(usize::from(digit - b'0'), subject))
                }
                Some(b'x') => {
                    let mut ahead = rest.clone();
                    let high = ahead.next().and_then(|c| char::from(c).to_digit(16));
                    let low = ahead.next().and_then(|c| char::from(c).to_digit(16));
                    if let (Some(high), Some(low)) = (high, low) {
                        #[expect(clippy::cast_possible_truncation, reason = "two hex digits fit in a byte")]
                        out.push((high * 16 + low) as u8);
                        rest = ahead;
                    } else {
                        out.push(b'x');
                    }
                }
                Some(other) => out.push(other),
                None => out.push(b'\\'),
            }
        }
    }
}

impl Regex {
    /// The groups of the first match; quick to say no.
    pub(crate) fn groups_if_match(&self, subject: &[u8]) -> Option<Groups> {
        if self.inner.captures_len() == 1 {
            return self.inner.find(subject).ok().flatten().map(|found| {
                let mut groups = Groups::default();
                groups.ranges[0] = Some((found.start(), found.end()));
                groups
            });
        }
        self.groups(subject, 0)
    }
}
