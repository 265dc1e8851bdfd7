//! The lines of pattern and map files.

use std::ops::Range;

/// The entries of a file: one a line, blanks in front trimmed, empty lines and lines that start with `#` skipped.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    text: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    /// Of a file's bytes.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, number: 0 }
    }
}

/// The key and the value of a map's line: key, blanks, the rest.
#[must_use]
pub(super) fn key_value(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|&b| blank(b)).unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    (key, trim(rest))
}

fn blank(b: u8) -> bool {
    b == b' ' || b == b'\t'
}

fn trim(text: &[u8]) -> &[u8] {
    let range: Range<usize> = match text.iter().position(|&b| !blank(b)) {
        None => return b"",
        Some(start) => start..text.iter().rposition(|&b| !blank(b)).map_or(start, |last| last + 1),
    };
    text.get(range).unwrap_or_default()
}

impl<'a> Iterator for Lines<'a> {
    /// The line's number and its trimmed text.
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.text.is_empty() {
            let end = self.text.iter().position(|&b| b == b'\n').unwrap_or(self.text.len());
            let (line, rest) = self.text.split_at(end);
            self.text = rest.get(1..).unwrap_or_default();
            self.number += 1;
            if line.first() == Some(&b'#') {
                continue;
            }
            let line = trim(line.strip_suffix(b"\r").unwrap_or(line));
            if !line.is_empty() {
                return Some((self.number, line));
            }
        }
        None
    }
}
