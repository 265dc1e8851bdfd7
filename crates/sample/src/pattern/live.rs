//! Sets that are changed while they are used: by the stats socket and by rules such as `set-map`.
//!
//! Until the first change a lookup takes no lock; after it, one that is shared by readers.

use super::{Flags, Method, Set};
use crate::{Type, Value};
use std::borrow::Cow;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// See the module.
#[derive(Debug)]
pub struct Live<T> {
    first: Set<T>,
    changed: AtomicBool,
    /// In force once something was changed; empty before.
    current: RwLock<Set<T>>,
}

impl<T: Clone> Live<T> {
    pub(crate) fn new(first: Set<T>) -> Self {
        let current = RwLock::new(Set::new(first.method()));
        Self { first, changed: AtomicBool::new(false), current }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.first.method()
    }

    /// The set as the configuration has it.
    #[must_use]
    pub fn configured(&self) -> &Set<T> {
        &self.first
    }

    /// Looks something up in the set as it is now.
    pub fn with<R>(&self, look: impl FnOnce(&Set<T>) -> R) -> R {
        if self.changed.load(Ordering::Acquire) {
            look(&self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner))
        } else {
            look(&self.first)
        }
    }

    fn change(&self, change: impl FnOnce(&mut Set<T>)) {
        let mut current = self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !self.changed.load(Ordering::Relaxed) {
            *current = self.first.clone();
        }
        change(&mut current);
        self.changed.store(true, Ordering::Release);
    }
}

/// What of a list of patterns an expression has made for itself: they follow the list's changes.
pub(crate) trait Follower: std::fmt::Debug + Send + Sync {
    /// Whether it can take a pattern.
    fn accepts(&self, key: &[u8], value: &[u8]) -> Result<(), String>;
    /// Takes it, after all others.
    fn add(&self, key: &[u8], value: &[u8]);
    /// Gives the patterns at these places another value.
    fn replace(&self, places: &[usize], value: &[u8]);
    /// Forgets all and takes these.
    fn reload(&self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>);
    /// `get acl`, `get map`: one line about a lookup.
    fn report(&self, sample: &[u8]) -> String;
}

/// The patterns of an ACL, from a file or from its line.
#[derive(Debug)]
pub struct AclPatterns {
    live: Live<()>,
    flags: Flags,
}

impl AclPatterns {
    pub(crate) fn new(set: Set<()>, flags: Flags) -> Self {
        Self { live: Live::new(set), flags }
    }

    /// The patterns.
    #[must_use]
    pub fn live(&self) -> &Live<()> {
        &self.live
    }

    /// Whether a sample of the method's type matches.
    #[must_use]
    pub fn matches(&self, sample: &Value<'_>) -> bool {
        self.live.with(|set| set.matches(sample))
    }
}

impl Follower for AclPatterns {
    fn accepts(&self, key: &[u8], _: &[u8]) -> Result<(), String> {
        Set::new(self.live.method()).add(key, self.flags, &|_| None, ())
    }

    fn add(&self, key: &[u8], _: &[u8]) {
        // It was accepted.
        self.live.change(|set| drop(set.add(key, self.flags, &|_| None, ())));
    }

    fn replace(&self, _: &[usize], _: &[u8]) {}

    fn reload(&self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>) {
        self.live.change(|set| {
            *set = Set::new(set.method());
            for (key, _) in entries {
                let _ = set.add(key, self.flags, &|_| None, ());
            }
        });
    }

    fn report(&self, sample: &[u8]) -> String {
        self.live.with(|set| {
            let method = set.method();
            let found = Value::str(sample).cast(method.input()).filter(|sample| set.matches(sample));
            let mut line = head(method, self.flags.ignore_case);
            match found.and_then(|sample| set.find_key(&sample).map(<[u8]>::to_vec)) {
                None => line.push_str(", match=no"),
                Some(key) => {
                    let key = String::from_utf8_lossy(&key).into_owned();
                    line.push_str(&format!(", match=yes, idx={}, pattern=\"{key}\"", index(method)));
                }
            }
            line
        })
    }
}

/// Reads a map's value.
pub(super) fn read_value(text: &[u8], output: Type) -> Option<Value<'static>> {
    if output == Type::Int {
        return integer(text).map(Value::Int);
    }
    Value::Str(Cow::Owned(text.to_vec())).cast(output)
}

/// Digits after a sign, and nothing else; nothing at all is 0. A number too big is the biggest.
fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    digits.iter().try_fold(0_i64, |number, &byte| {
        let digit = i64::from(char::from(byte).to_digit(10)?);
        let number = number.saturating_mul(10);
        Some(if negative { number.saturating_sub(digit) } else { number.saturating_add(digit) })
    })
}

fn head(method: Method, ignore_case: bool) -> String {
    let case = if ignore_case { "insensitive" } else { "sensitive" };
    format!("type={}, case={case}", method.name())
}

/// How the reference keeps such patterns.
fn index(method: Method) -> &'static str {
    match method {
        Method::Str | Method::Beg | Method::Ip => "tree",
        _ => "list",
    }
}

/// A map's patterns with values of one type.
#[derive(Debug)]
pub(super) struct MapPatterns {
    pub(super) live: Live<Value<'static>>,
    pub(super) output: Type,
}

impl Follower for MapPatterns {
    fn accepts(&self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let unreadable = || format!("unable to parse '{}'", String::from_utf8_lossy(value));
        let value = read_value(value, self.output).ok_or_else(unreadable)?;
        Set::new(self.live.method()).add(key, Flags::default(), &|_| None, value)
    }

    fn add(&self, key: &[u8], value: &[u8]) {
        if let Some(value) = read_value(value, self.output) {
            self.live.change(|set| drop(set.add(key, Flags::default(), &|_| None, value)));
        }
    }

    fn replace(&self, places: &[usize], value: &[u8]) {
        let Some(value) = read_value(value, self.output) else { return };
        self.live.change(|set| places.iter().for_each(|&place| set.set_value(place, value.clone())));
    }

    fn reload(&self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>) {
        self.live.change(|set| {
            *set = Set::new(set.method());
            for (key, value) in entries {
                if let Some(value) = read_value(value, self.output) {
                    let _ = set.add(key, Flags::default(), &|_| None, value);
                }
            }
        });
    }

    fn report(&self, sample: &[u8]) -> String {
        self.live.with(|set| {
            let method = set.method();
            let mut line = head(method, false);
            let sample = Value::str(sample).cast(method.input());
            let found = sample.and_then(|sample| {
                let key = set.find_key(&sample)?.to_vec();
                Some((key, set.find(&sample)?.clone()))
            });
            match found {
                None => line.push_str(", found=no"),
                Some((key, value)) => {
                    let kind = match &value {
                        Value::Int(_) => "sint",
                        Value::Ip(std::net::IpAddr::V4(_)) => "ipv4",
                        Value::Ip(std::net::IpAddr::V6(_)) => "ipv6",
                        _ => "str",
                    };
                    let value = value.into_text();
                    line.push_str(&format!(
                        ", found=yes, idx={}, key=\"{}\", value=\"{}\", type=\"{kind}\"",
                        index(method),
                        String::from_utf8_lossy(&key),
                        String::from_utf8_lossy(&value)
                    ));
                }
            }
            line
        })
    }
}
