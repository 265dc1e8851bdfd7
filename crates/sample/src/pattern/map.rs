//! Maps: files of keys and values (configuration manual, section 7.3.1: `map`).

use super::file::key_value;
use super::{Flags, Lines, Method, Resolve, Set};
use crate::{Type, Value};
use std::borrow::Cow;

/// A loaded map.
#[derive(Clone, Debug)]
pub struct Map {
    file: String,
    set: Set<Value<'static>>,
}

impl Map {
    /// Loads a map's text.
    ///
    /// # Errors
    /// The reference's text about a key or value that cannot be parsed, with its line.
    pub fn load(
        file: &str,
        text: &[u8],
        method: Method,
        output: Type,
        resolve: &Resolve<'_>,
    ) -> Result<Self, String> {
        let mut set = Set::new(method);
        for (line, entry) in Lines::new(text) {
            let (key, value) = key_value(entry);
            let value = Value::Str(Cow::Owned(value.to_vec())).cast(output).ok_or_else(|| {
                let kind = if output == Type::Int { "an integer" } else { "an IP address" };
                format!("'{}' is not {kind} at line {line} of file '{file}'", String::from_utf8_lossy(value))
            })?;
            set.add(key, Flags::default(), resolve, value)
                .map_err(|error| format!("{error} at line {line} of file '{file}'"))?;
        }
        Ok(Self { file: file.to_owned(), set })
    }

    /// The name of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The entries.
    #[must_use]
    pub fn set(&self) -> &Set<Value<'static>> {
        &self.set
    }
}
