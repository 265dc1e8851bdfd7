//! Maps: files of keys and values (configuration manual, section 7.3.1: `map`).

use super::file::key_value;
use super::live::{Live, MapPatterns, read_value};
use super::{Flags, Lines, List, Method, Resolve, Set};
use crate::{Type, Value};
use std::sync::Arc;

/// A map as the converters of one kind see it.
#[derive(Debug)]
pub struct Map {
    list: Arc<List>,
    patterns: Arc<MapPatterns>,
}

impl Map {
    /// Reads a map's text; the list keeps its entries for whoever changes them.
    ///
    /// # Errors
    /// The reference's text about a key or value that cannot be parsed, with its line.
    pub(crate) fn load(
        list: Arc<List>,
        text: &[u8],
        method: Method,
        output: Type,
        resolve: &Resolve<'_>,
    ) -> Result<Self, String> {
        let file = list.name();
        let mut set = Set::new(method);
        for (line, entry) in Lines::new(text) {
            let (key, value) = key_value(entry);
            let value = read_value(value, output).ok_or_else(|| {
                format!(
                    "unable to parse '{}' at line {line} of file '{file}'",
                    String::from_utf8_lossy(value)
                )
            })?;
            set.add(key, Flags::default(), resolve, value)
                .map_err(|error| format!("{error} at line {line} of file '{file}'"))?;
        }
        list.fill(Lines::new(text).map(|(_, entry)| key_value(entry)));
        let patterns = Arc::new(MapPatterns { live: Live::new(set), output });
        list.follow(Arc::clone(&patterns) as _);
        Ok(Self { list, patterns })
    }

    /// The list that it is made of.
    #[must_use]
    pub fn list(&self) -> &Arc<List> {
        &self.list
    }

    /// The name of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        self.list.name()
    }

    /// What its keys are compared by, and the type of its values.
    pub(crate) fn kind(&self) -> (Method, Type) {
        (self.patterns.live.method(), self.patterns.output)
    }

    /// Looks something up in the entries as they are now.
    pub fn with<R>(&self, look: impl FnOnce(&Set<Value<'static>>) -> R) -> R {
        self.patterns.live.with(look)
    }
}
