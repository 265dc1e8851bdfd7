//! Lists of patterns with their names and numbers, as the stats socket shows and changes them (management manual: `show acl`,
//! `show map`, `add map` and so on), and as `set-map`, `del-map`, `add-acl` and `del-acl` do.
//!
//! A list has versions: what `prepare` begins is filled beside the one in force, and `commit` puts it in its place at once.

use super::Follower;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why a list is not changed: the stats socket's text.
pub type Refused = String;

/// The patterns of one file, or of one ACL's line.
#[derive(Debug)]
pub struct List {
    name: Box<str>,
    /// `-u`
    number: Option<i64>,
    uses: Mutex<Uses>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct Uses {
    by_acl: bool,
    by_map: bool,
    texts: Vec<String>,
    followers: Vec<Arc<dyn Follower>>,
}

#[derive(Debug)]
struct Entry {
    /// Stands for the pointer that the reference shows.
    id: u64,
    key: Box<[u8]>,
    value: Box<[u8]>,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    places: HashMap<Box<[u8]>, Vec<usize>>,
    /// Versions that were prepared.
    prepared: BTreeMap<u32, Vec<Entry>>,
    current: u32,
    last: u32,
    made: u64,
}

impl State {
    fn entry(&mut self, key: &[u8], value: &[u8]) -> Entry {
        self.made += 1;
        Entry { id: self.made, key: key.into(), value: value.into() }
    }

    fn push(&mut self, entry: Entry) {
        self.places.entry(entry.key.clone()).or_default().push(self.entries.len());
        self.entries.push(entry);
    }

    fn become_entries(&mut self, entries: Vec<Entry>) {
        self.entries.clear();
        self.places.clear();
        entries.into_iter().for_each(|entry| self.push(entry));
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|entry| (&*entry.key, &*entry.value))
    }
}

/// What of a list is meant by a key: `#0x…` is one entry.
fn is_meant(entry: &Entry, key: &[u8]) -> bool {
    let id = key.strip_prefix(b"#0x").and_then(|hex| std::str::from_utf8(hex).ok());
    match id.and_then(|hex| u64::from_str_radix(hex, 16).ok()) {
        Some(id) => entry.id == id,
        None => *entry.key == *key,
    }
}

impl List {
    fn new(name: &str, number: Option<i64>) -> Self {
        Self { name: name.into(), number, uses: Mutex::default(), state: Mutex::default() }
    }

    /// The name of its file; empty for the patterns of a line.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills it as it is at the start, once.
    pub(crate) fn fill<'e>(&self, entries: impl Iterator<Item = (&'e [u8], &'e [u8])>) {
        let mut state = self.state();
        if state.made == 0 {
            for (key, value) in entries {
                let entry = state.entry(key, value);
                state.push(entry);
            }
        }
    }

    pub(crate) fn follow(&self, follower: Arc<dyn Follower>) {
        self.uses().followers.push(follower);
    }

    /// Notes where it is used, as `show acl` and `show map` tell.
    pub(crate) fn used(&self, by_map: bool, text: String) {
        let mut uses = self.uses();
        uses.by_map |= by_map;
        uses.by_acl |= !by_map;
        uses.texts.push(text);
    }

    /// Whether a map, or an ACL, is made of it.
    #[must_use]
    pub fn is_used_by(&self, map: bool) -> bool {
        let uses = self.uses();
        if map { uses.by_map } else { uses.by_acl }
    }

    /// Its line in `show acl` and `show map`, after its number.
    #[must_use]
    pub fn description(&self) -> String {
        let texts = self.uses().texts.join(", by ");
        let state = self.state();
        let prepared: usize = state.prepared.values().map(Vec::len).sum();
        let whence = if self.name.is_empty() {
            texts
        } else {
            format!("pattern loaded from file '{}' used by {texts}", self.name)
        };
        format!(
            "({}) {whence}. curr_ver={} next_ver={} entry_cnt={}",
            self.name,
            state.current,
            state.last,
            state.entries.len() + prepared
        )
    }

    /// Its entries in a version, or in the one in force: id, key, value.
    pub fn dump(&self, version: Option<u32>, mut show: impl FnMut(u64, &[u8], &[u8])) {
        let state = self.state();
        let entries = match version {
            Some(version) if version != state.current => match state.prepared.get(&version) {
                Some(entries) => entries,
                None => return,
            },
            _ => &state.entries,
        };
        for entry in entries {
            show(entry.id, &entry.key, &entry.value);
        }
    }

    /// One line an expression about what it finds for a sample.
    #[must_use]
    pub fn lookups(&self, sample: &[u8]) -> Vec<String> {
        let followers = self.uses().followers.clone();
        followers.iter().map(|follower| follower.report(sample)).collect()
    }

    /// Adds a pattern to the version in force or to one that was prepared.
    ///
    /// # Errors
    /// When it cannot be read, and for a version that was not prepared.
    pub fn add(&self, version: Option<u32>, key: &[u8], value: &[u8]) -> Result<(), Refused> {
        let followers = self.uses().followers.clone();
        for follower in &followers {
            follower.accepts(key, value)?;
        }
        let mut state = self.state();
        let entry = state.entry(key, value);
        match version {
            Some(version) if version > state.last => {
                return Err("Version number in the future, please use 'prepare map' before".to_owned());
            }
            Some(version) if version != state.current => {
                if version > state.current {
                    state.prepared.entry(version).or_default().push(entry);
                }
            }
            _ => {
                state.push(entry);
                followers.iter().for_each(|follower| follower.add(key, value));
            }
        }
        Ok(())
    }

    /// Gives every entry of a key another value; whether there was one.
    ///
    /// # Errors
    /// When the value cannot be read.
    pub fn set(&self, key: &[u8], value: &[u8]) -> Result<bool, Refused> {
        let followers = self.uses().followers.clone();
        let mut state = self.state();
        let places: Vec<usize> = match state.places.get(key) {
            Some(places) => places.clone(),
            None if key.starts_with(b"#") => (0..state.entries.len())
                .filter(|&i| state.entries.get(i).is_some_and(|e| is_meant(e, key)))
                .collect(),
            None => Vec::new(),
        };
        let Some(first) = places.first().and_then(|&place| state.entries.get(place)) else {
            return Ok(false);
        };
        for follower in &followers {
            follower.accepts(&first.key, value)?;
        }
        for &place in &places {
            if let Some(entry) = state.entries.get_mut(place) {
                entry.value = value.into();
            }
        }
        followers.iter().for_each(|follower| follower.replace(&places, value));
        Ok(true)
    }

    /// `set-map`: gives the entries of a key another value, or adds one.
    pub fn set_or_add(&self, key: &[u8], value: &[u8]) {
        // What cannot be read changes nothing, as in the reference.
        if self.set(key, value) == Ok(false) {
            let _ = self.add(None, key, value);
        }
    }

    /// `add-acl`: adds a pattern that is not there yet.
    pub fn add_once(&self, key: &[u8]) {
        if !self.state().places.contains_key(key) {
            let _ = self.add(None, key, b"");
        }
    }

    /// Removes every entry of a key; whether there was one.
    pub fn delete(&self, key: &[u8]) -> bool {
        let mut state = self.state();
        if !key.starts_with(b"#") && !state.places.contains_key(key) {
            return false;
        }
        let before = state.entries.len();
        let mut entries = std::mem::take(&mut state.entries);
        entries.retain(|entry| !is_meant(entry, key));
        let found = entries.len() != before;
        state.become_entries(entries);
        if found {
            self.reload(&state);
        }
        found
    }

    /// Removes every entry of a version, or of the one in force.
    pub fn clear(&self, version: Option<u32>) {
        let mut state = self.state();
        match version {
            Some(version) if version != state.current => {
                state.prepared.remove(&version);
            }
            _ => {
                state.become_entries(Vec::new());
                self.reload(&state);
            }
        }
    }

    /// Begins another version; its number.
    pub fn prepare(&self) -> u32 {
        let mut state = self.state();
        state.last = state.last.wrapping_add(1);
        state.last
    }

    /// Puts a version in force in place of the present one; false when it was not prepared.
    pub fn commit(&self, version: u32) -> bool {
        let mut state = self.state();
        if version <= state.current || version > state.last {
            return false;
        }
        let entries = state.prepared.remove(&version).unwrap_or_default();
        state.prepared.retain(|&prepared, _| prepared > version);
        state.current = version;
        state.become_entries(entries);
        self.reload(&state);
        true
    }

    fn reload(&self, state: &State) {
        for follower in &self.uses().followers {
            follower.reload(&mut state.iter());
        }
    }
}

/// Every list of a configuration, in the order in which they were met.
#[derive(Debug, Default)]
pub struct Catalogue {
    lists: Mutex<Vec<Arc<List>>>,
    maps: Mutex<Vec<Arc<super::Map>>>,
}

impl Catalogue {
    fn lists(&self) -> MutexGuard<'_, Vec<Arc<List>>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The list of a file, for ACLs and for maps apart: the former take whole lines.
    pub(crate) fn file(&self, name: &str, of_map: bool) -> Arc<List> {
        let mut lists = self.lists();
        let known = lists.iter().find(|list| &*list.name == name && list.is_used_by(of_map));
        if let Some(list) = known {
            return Arc::clone(list);
        }
        let list = Arc::new(List::new(name, None));
        lists.push(Arc::clone(&list));
        list
    }

    /// A list without a name.
    pub(crate) fn unnamed(&self, number: Option<i64>) -> Arc<List> {
        let list = Arc::new(List::new("", number));
        self.lists().push(Arc::clone(&list));
        list
    }

    pub(crate) fn maps(&self) -> MutexGuard<'_, Vec<Arc<super::Map>>> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every list with its number: the one that `-u` gives, else the next that is free.
    #[must_use]
    pub fn numbered(&self) -> Vec<(i64, Arc<List>)> {
        let lists = self.lists();
        let taken = |number: i64| lists.iter().any(|list| list.number == Some(number));
        let mut next = 0;
        let mut numbered = Vec::with_capacity(lists.len());
        for list in lists.iter() {
            let number = list.number.unwrap_or_else(|| {
                while taken(next) {
                    next += 1;
                }
                next += 1;
                next - 1
            });
            numbered.push((number, Arc::clone(list)));
        }
        numbered
    }

    /// The list of a file.
    #[must_use]
    pub fn find_file(&self, name: &str, map: bool) -> Option<Arc<List>> {
        let lists = self.lists();
        lists.iter().find(|list| !name.is_empty() && list.name() == name && list.is_used_by(map)).cloned()
    }

    /// The list that the stats socket's word means: `#NUMBER`, or a file's name.
    #[must_use]
    pub fn find(&self, word: &str, map: bool) -> Option<Arc<List>> {
        let number = word.strip_prefix('#').map(|digits| digits.parse::<i64>().ok());
        let means = |id: i64, list: &List| match number {
            Some(number) => number == Some(id),
            None => !word.is_empty() && list.name() == word,
        };
        let mut lists = self.numbered().into_iter();
        lists.find(|(id, list)| list.is_used_by(map) && means(*id, list)).map(|(_, list)| list)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{AclPatterns, Flags, Map, Method, Set};
    use super::*;
    use crate::{Type, Value};

    fn map(text: &str, output: Type) -> (Arc<List>, Map) {
        let list = Arc::new(List::new("file", None));
        let map = Map::load(Arc::clone(&list), text.as_bytes(), Method::Str, output, &|_| None).unwrap();
        (list, map)
    }

    fn look(map: &Map, key: &str) -> Option<String> {
        let value = map.with(|set| set.find(&Value::str(key.as_bytes())).cloned())?;
        Some(String::from_utf8_lossy(&value.into_text()).into_owned())
    }

    fn dump(list: &List, version: Option<u32>) -> Vec<String> {
        let mut lines = Vec::new();
        list.dump(version, |_, key, value| {
            lines.push(format!("{} {}", String::from_utf8_lossy(key), String::from_utf8_lossy(value)));
        });
        lines
    }

    #[test]
    fn a_map_follows_its_list() {
        let (list, map) = map("a 1\nb 2\na 3\n", Type::Str);
        assert_eq!(look(&map, "a").as_deref(), Some("1"));
        list.add(None, b"c", b"4").unwrap();
        assert_eq!(look(&map, "c").as_deref(), Some("4"));
        assert_eq!(list.set(b"a", b"5"), Ok(true));
        assert_eq!(dump(&list, None), ["a 5", "b 2", "a 5", "c 4"]);
        assert_eq!(look(&map, "a").as_deref(), Some("5"));
        assert!(list.delete(b"a") && !list.delete(b"a"));
        assert_eq!((look(&map, "a"), look(&map, "b").as_deref()), (None, Some("2")));
        // Places moved with the deletion.
        assert_eq!(list.set(b"c", b"6"), Ok(true));
        assert_eq!((look(&map, "b").as_deref(), look(&map, "c").as_deref()), (Some("2"), Some("6")));
        list.set_or_add(b"d", b"7");
        assert_eq!(look(&map, "d").as_deref(), Some("7"));
        list.clear(None);
        assert_eq!((look(&map, "b"), dump(&list, None).len()), (None, 0));
    }

    #[test]
    fn one_entry_is_meant_by_its_id() {
        let (list, _) = map("a 1\na 2\n", Type::Str);
        let mut ids = Vec::new();
        list.dump(None, |id, _, _| ids.push(id));
        let second = format!("#0x{:x}", ids.last().unwrap());
        assert_eq!(list.set(second.as_bytes(), b"3"), Ok(true));
        assert_eq!(dump(&list, None), ["a 1", "a 3"]);
        assert!(list.delete(second.as_bytes()));
        assert_eq!(dump(&list, None), ["a 1"]);
    }

    #[test]
    fn versions() {
        let (list, map) = map("a 1\n", Type::Str);
        let version = list.prepare();
        list.add(Some(version), b"b", b"2").unwrap();
        assert!(list.add(Some(version + 1), b"b", b"2").is_err());
        assert_eq!((look(&map, "a").as_deref(), look(&map, "b")), (Some("1"), None));
        assert_eq!(dump(&list, Some(version)), ["b 2"]);
        assert!(!list.commit(version + 1) && list.commit(version) && !list.commit(version));
        assert_eq!((look(&map, "a"), look(&map, "b").as_deref()), (None, Some("2")));
    }

    #[test]
    fn values_that_cannot_be_read_change_nothing() {
        let (list, map) = map("a 1\nb\n", Type::Int);
        assert_eq!(list.set(b"a", b"x"), Err("unable to parse 'x'".to_owned()));
        assert!(list.add(None, b"c", b"5x").is_err());
        list.set_or_add(b"a", b"-7");
        list.set_or_add(b"c", b"x");
        assert_eq!((look(&map, "a").as_deref(), look(&map, "b").as_deref()), (Some("-7"), Some("0")));
        assert_eq!(look(&map, "c"), None);
        let broken = Map::load(Arc::new(List::new("f", None)), b"a x", Method::Str, Type::Int, &|_| None);
        assert_eq!(broken.unwrap_err(), "unable to parse 'x' at line 1 of file 'f'");
    }

    #[test]
    fn patterns_of_an_acl_follow_their_list() {
        let mut set = Set::new(Method::Str);
        set.add(b"X", Flags { ignore_case: true, no_dns: false }, &|_| None, ()).unwrap();
        let acl = Arc::new(AclPatterns::new(set, Flags { ignore_case: true, no_dns: false }));
        let list = List::new("", None);
        list.fill([(&b"X"[..], &b""[..])].into_iter());
        list.follow(Arc::clone(&acl) as _);
        let matches = |text: &str| acl.matches(&Value::str(text.as_bytes()));
        assert!(matches("x") && !matches("y"));
        list.add_once(b"Y");
        list.add_once(b"Y");
        assert!(matches("y") && dump(&list, None).len() == 2);
        assert!(list.delete(b"X") && !matches("x") && matches("y"));
        assert_eq!(list.lookups(b"y"), ["type=str, case=insensitive, match=yes, idx=tree, pattern=\"Y\""]);
    }

    #[test]
    fn numbers_leave_out_those_that_are_given() {
        let catalogue = Catalogue::default();
        catalogue.file("one", false).used(false, String::new());
        catalogue.unnamed(Some(1)).used(false, String::new());
        catalogue.file("two", true).used(true, String::new());
        assert_eq!(catalogue.numbered().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(catalogue.find("#2", true).is_some() && catalogue.find("#2", false).is_none());
        assert!(catalogue.find("one", false).is_some() && catalogue.find("one", true).is_none());
        assert!(catalogue.find("", false).is_none() && catalogue.find("#", false).is_none());
    }
}
