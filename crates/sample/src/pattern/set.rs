//! A set of patterns under one matching method, with a value each.

use super::ip::{Networks, parse as parse_network};
use super::number::{Operator, Range};
use super::regex::{Groups, Regex};
use super::text::{delimited, dir, dom};
use super::{Method, Resolve};
use crate::Value;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::HashMap;

/// What is in force while patterns are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `-i`
    pub ignore_case: bool,
    /// `-n`
    pub no_dns: bool,
}

/// An entry as written, with its value.
#[derive(Clone, Debug)]
struct Entry<T> {
    text: Box<[u8]>,
    value: T,
}

/// Patterns under one method. Exact texts, prefixes, suffixes and networks are looked up by hash; the others are tried in order.
#[derive(Clone, Debug)]
pub struct Set<T> {
    method: Method,
    entries: Vec<Entry<T>>,
    exact: Texts,
    folded: Texts,
    networks: Networks,
    ranges: Vec<(Range, usize)>,
    list: Vec<(Listed, usize)>,
}

/// Texts to look up whole or by one end: the lengths that occur, longest first.
#[derive(Clone, Debug, Default)]
struct Texts {
    indexes: HashMap<Box<[u8]>, usize>,
    lengths: Vec<usize>,
}

impl Texts {
    fn add(&mut self, text: Box<[u8]>, index: usize) {
        if let Err(at) = self.lengths.binary_search_by(|have| text.len().cmp(have)) {
            self.lengths.insert(at, text.len());
        }
        self.indexes.entry(text).or_insert(index);
    }

    fn whole(&self, subject: &[u8]) -> Option<usize> {
        self.indexes.get(subject).copied()
    }

    fn longest_prefix(&self, subject: &[u8]) -> Option<usize> {
        self.lengths.iter().find_map(|&len| self.indexes.get(subject.get(..len)?).copied())
    }

    fn first_prefix(&self, subject: &[u8]) -> Option<usize> {
        self.lengths.iter().filter_map(|&len| self.indexes.get(subject.get(..len)?).copied()).min()
    }

    fn first_suffix(&self, subject: &[u8]) -> Option<usize> {
        let suffix = |len: usize| subject.get(subject.len().checked_sub(len)?..);
        self.lengths.iter().filter_map(|&len| self.indexes.get(suffix(len)?).copied()).min()
    }
}

#[derive(Clone, Debug)]
enum Listed {
    Text { pattern: Box<[u8]>, folded: bool },
    Regex(Box<Regex>),
}

impl<T> Set<T> {
    /// An empty set.
    #[must_use]
    pub fn new(method: Method) -> Self {
        Self {
            method,
            entries: Vec::new(),
            exact: Texts::default(),
            folded: Texts::default(),
            networks: Networks::default(),
            ranges: Vec::new(),
            list: Vec::new(),
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// How many patterns were added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The patterns as written, with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &T)> {
        self.entries.iter().map(|entry| (&*entry.text, &entry.value))
    }

    /// Adds the words of a line: with the number methods, operators apply to what follows.
    ///
    /// # Errors
    /// The reference's text about a pattern that cannot be parsed.
    pub fn add_words<'w>(
        &mut self,
        words: impl Iterator<Item = &'w [u8]>,
        flags: Flags,
        resolve: &Resolve<'_>,
        mut value: impl FnMut() -> T,
    ) -> Result<(), String> {
        let mut operator = Operator::default();
        for word in words {
            if matches!(self.method, Method::Int | Method::Len) {
                if let Some(next) = Operator::parse(word) {
                    operator = next;
                    continue;
                }
                let range = Range::parse(word, operator)?;
                self.ranges.push((range, self.entries.len()));
                self.entries.push(Entry { text: word.into(), value: value() });
            } else {
                self.add(word, flags, resolve, value())?;
            }
        }
        Ok(())
    }

    /// Adds one pattern.
    ///
    /// # Errors
    /// The reference's text about a pattern that cannot be parsed.
    pub fn add(&mut self, text: &[u8], flags: Flags, resolve: &Resolve<'_>, value: T) -> Result<(), String> {
        let index = self.entries.len();
        match self.method {
            Method::Found | Method::Bool => {}
            Method::Int | Method::Len => self.ranges.push((Range::parse(text, Operator::Eq)?, index)),
            Method::Ip => {
                let network = parse_network(text, (!flags.no_dns).then_some(resolve))?;
                self.networks.add(network, index);
            }
            Method::Bin => self.exact.add(hex(text)?.into(), index),
            Method::Str | Method::Beg | Method::End | Method::Method => {
                if flags.ignore_case {
                    self.folded.add(text.to_ascii_lowercase().into(), index);
                } else {
                    self.exact.add(text.into(), index);
                }
            }
            Method::Sub | Method::Dir | Method::Dom => {
                let pattern = if flags.ignore_case { text.to_ascii_lowercase() } else { text.to_vec() };
                self.list.push((Listed::Text { pattern: pattern.into(), folded: flags.ignore_case }, index));
            }
            Method::Reg => {
                self.list.push((Listed::Regex(Box::new(Regex::new(text, flags.ignore_case)?)), index))
            }
        }
        self.entries.push(Entry { text: text.into(), value });
        Ok(())
    }

    /// Gives the entry at a place, in the order of their addition, another value.
    pub(crate) fn set_value(&mut self, place: usize, value: T) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.value = value;
        }
    }

    /// The value of the entry that matches a sample; the sample is cast to what the method takes. [`Method::Found`] and
    /// [`Method::Bool`] need no entry: see [`Set::matches`].
    #[must_use]
    pub fn find(&self, sample: &Value<'_>) -> Option<&T> {
        self.find_with_groups(sample).map(|(value, _)| value)
    }

    /// As [`Set::find`], with the groups of the regular expression that matched.
    #[must_use]
    pub fn find_with_groups(&self, sample: &Value<'_>) -> Option<(&T, Option<Groups>)> {
        let (index, groups) = self.index(sample)?;
        self.entries.get(index).map(|entry| (&entry.value, groups))
    }

    /// The text of the pattern that matches.
    #[must_use]
    pub fn find_key(&self, sample: &Value<'_>) -> Option<&[u8]> {
        let (index, _) = self.index(sample)?;
        self.entries.get(index).map(|entry| &*entry.text)
    }

    /// Whether a sample matches. `Found` is true for any, `Bool` for one that is not zero.
    #[must_use]
    pub fn matches(&self, sample: &Value<'_>) -> bool {
        match self.method {
            Method::Found => true,
            Method::Bool => sample.to_int().is_some_and(|n| n != 0),
            _ => self.index(sample).is_some(),
        }
    }

    fn index(&self, sample: &Value<'_>) -> Option<(usize, Option<Groups>)> {
        match self.method {
            Method::Found | Method::Bool => {
                (!self.entries.is_empty() && self.matches(sample)).then_some((0, None))
            }
            Method::Int => self.range(sample.to_int()?),
            Method::Ip => self.networks.find(sample.to_ip()?).map(|index| (index, None)),
            Method::Len => self.range(i64::try_from(length(sample)).unwrap_or(i64::MAX)),
            _ => {
                let bytes;
                let subject: &[u8] = match sample {
                    Value::Str(text) | Value::Bin(text) | Value::Method(text) => text,
                    other => {
                        bytes = if self.method == Method::Bin {
                            other.clone().into_bytes()
                        } else {
                            other.clone().into_text()
                        };
                        &bytes
                    }
                };
                self.text_index(subject)
            }
        }
    }

    fn range(&self, n: i64) -> Option<(usize, Option<Groups>)> {
        self.ranges.iter().find(|(range, _)| range.has(n)).map(|&(_, index)| (index, None))
    }

    fn text_index(&self, subject: &[u8]) -> Option<(usize, Option<Groups>)> {
        let folded = |find: fn(&Texts, &[u8]) -> Option<usize>| {
            if self.folded.indexes.is_empty() {
                None
            } else {
                let mut lower: SmallVec<[u8; 128]> = SmallVec::from_slice(subject);
                lower.make_ascii_lowercase();
                find(&self.folded, &lower)
            }
        };
        let plain = match self.method {
            Method::Str | Method::Bin | Method::Method => {
                self.exact.whole(subject).or_else(|| folded(Texts::whole))
            }
            Method::Beg => self.exact.longest_prefix(subject).or_else(|| folded(Texts::first_prefix)),
            Method::End => earliest(self.exact.first_suffix(subject), folded(Texts::first_suffix)),
            _ => return self.listed(subject),
        };
        plain.map(|index| (index, None))
    }

    fn listed(&self, subject: &[u8]) -> Option<(usize, Option<Groups>)> {
        let mut lower: Option<Cow<'_, [u8]>> = None;
        for (listed, index) in &self.list {
            match listed {
                Listed::Regex(regex) => {
                    if let Some(groups) = regex.groups_if_match(subject) {
                        return Some((*index, Some(groups)));
                    }
                }
                Listed::Text { pattern, folded } => {
                    let subject: &[u8] = if *folded {
                        lower.get_or_insert_with(|| Cow::Owned(subject.to_ascii_lowercase()))
                    } else {
                        subject
                    };
                    let hit = match self.method {
                        Method::Dir => delimited(subject, pattern, dir),
                        Method::Dom => delimited(subject, pattern, dom),
                        _ => memchr::memmem::find(subject, pattern).is_some(),
                    };
                    if hit {
                        return Some((*index, None));
                    }
                }
            }
        }
        None
    }
}

fn earliest(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn length(sample: &Value<'_>) -> usize {
    match sample {
        Value::Str(text) | Value::Bin(text) | Value::Method(text) => text.len(),
        other => other.clone().into_text().len(),
    }
}

pub(super) fn hex(text: &[u8]) -> Result<Vec<u8>, String> {
    if !text.len().is_multiple_of(2) {
        return Err("an even number of hex digit is expected".to_owned());
    }
    let digit = |b: u8| {
        char::from(b)
            .to_digit(16)
            .ok_or_else(|| format!("an hex digit is expected (found '{}')", char::from(b)))
    };
    let mut out = Vec::with_capacity(text.len() / 2);
    for pair in text.chunks_exact(2) {
        let mut value = 0;
        for &b in pair {
            value = value * 16 + digit(b)?;
        }
        out.push(u8::try_from(value).unwrap_or(0));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn set(method: Method, flags: Flags, patterns: &[&str]) -> Set<usize> {
        let mut set = Set::new(method);
        let mut n = 0;
        set.add_words(patterns.iter().map(|p| p.as_bytes()), flags, &|_| None, || {
            n += 1;
            n - 1
        })
        .unwrap();
        set
    }

    fn find(set: &Set<usize>, subject: &str) -> Option<usize> {
        set.find(&Value::str(subject.as_bytes())).copied()
    }

    #[test]
    fn texts() {
        let fold = Flags { ignore_case: true, no_dns: false };
        let beg = set(Method::Beg, Flags::default(), &["/a", "/abc", "/ab"]);
        assert_eq!(find(&beg, "/abcd"), Some(1));
        assert_eq!(find(&beg, "/abx"), Some(2));
        assert_eq!(find(&beg, "/b"), None);
        assert_eq!(find(&set(Method::Beg, fold, &["/A", "/abc"]), "/ABCD"), Some(0));
        assert_eq!(find(&set(Method::End, Flags::default(), &["g", ".png"]), "x.png"), Some(0));
        assert_eq!(find(&set(Method::Sub, fold, &["FOO", "bar"]), "xbarFoo"), Some(0));
        assert_eq!(find(&set(Method::Str, Flags::default(), &["a", "b", "a"]), "a"), Some(0));
        assert_eq!(find(&set(Method::Reg, Flags::default(), &["^x", "y$"]), "ay"), Some(1));
        assert_eq!(find(&set(Method::Len, Flags::default(), &["gt", "3"]), "abcd"), Some(0));
        assert_eq!(find(&set(Method::Len, Flags::default(), &["gt", "3"]), "abc"), None);
        assert_eq!(find(&set(Method::Bin, Flags::default(), &["6162"]), "ab"), Some(0));
    }

    #[test]
    fn bad_bytes() {
        let add = |t: &str| {
            Set::<()>::new(Method::Bin).add(t.as_bytes(), Flags::default(), &|_| None, ()).unwrap_err()
        };
        assert_eq!(add("a"), "an even number of hex digit is expected");
        assert_eq!(add("zz"), "an hex digit is expected (found 'z')");
    }
}
