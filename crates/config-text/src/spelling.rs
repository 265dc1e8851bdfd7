//! "Did you mean": the reference's distance between two words (haproxy-algorithms, part 7).
//!
//! A word's fingerprint counts, for each pair of neighbouring character classes, how often it occurs; the distance of two words is
//! how much their counts differ.

/// Letters, digits, everything else and the word's ends, and a spare 0.
const CLASSES: usize = 29;
const DIGIT: usize = 27;
const OTHER: usize = 28;

/// What two words are compared by.
struct Fingerprint([u8; CLASSES * CLASSES]);

impl Fingerprint {
    fn new(word: &str) -> Self {
        let mut table = [0u8; CLASSES * CLASSES];
        let mut add = |cell: usize| {
            if let Some(count) = table.get_mut(cell) {
                *count = count.saturating_add(1);
            }
        };
        let mut from = OTHER;
        let mut seen = [false; CLASSES];
        for byte in word.bytes() {
            let to = class(byte);
            add(from * CLASSES + to);
            if let Some(s) = seen.get_mut(to) {
                *s = true;
            }
            from = to;
        }
        add(from * CLASSES + OTHER);
        for (class, _) in seen.iter().enumerate().filter(|(_, s)| **s) {
            add(class * CLASSES);
        }
        Self(table)
    }

    fn distance(&self, other: &Self) -> usize {
        self.0.iter().zip(&other.0).map(|(a, b)| usize::from(a.abs_diff(*b))).sum()
    }
}

/// The distance of two words: 0 for equal ones.
#[must_use]
pub fn distance(a: &str, b: &str) -> usize {
    Fingerprint::new(a).distance(&Fingerprint::new(b))
}

fn class(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => usize::from(byte - b'a') + 1,
        b'A'..=b'Z' => usize::from(byte - b'A') + 1,
        b'0'..=b'9' => DIGIT,
        _ => OTHER,
    }
}

/// The candidate nearest to `word`, the first one among equals; none when even the nearest is too far.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_with_limit(word, candidates, 2)
}

/// Like [`nearest`], with the factor of both words' lengths that a distance may not exceed (2; 3 for actions that take a suffix).
#[must_use]
pub fn nearest_with_limit<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    factor: usize,
) -> Option<&'a str> {
    let typed = Fingerprint::new(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = typed.distance(&Fingerprint::new(candidate));
        if best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    best.filter(|(d, c)| *d <= factor * word.len() && *d <= factor * c.len()).map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_words_as_the_reference_finds_them() {
        assert_eq!(nearest("maxcon", ["maxconn", "maxconnrate", "chroot"]), Some("maxconn"));
        assert_eq!(nearest("ssll", ["ca-file", "ssl", "crt"]), Some("ssl"));
        assert_eq!(nearest("chek", ["check", "backup", "cookie"]), Some("check"));
        assert_eq!(nearest("zz", ["check", "backup"]), None);
        assert_eq!(nearest("ab", ["ba", "xab"]), nearest("ab", ["ba", "xab"]));
    }

    #[test]
    fn first_of_equals() {
        assert_eq!(nearest("foo", ["tfo", "fto"]), Some("tfo"));
    }
}
