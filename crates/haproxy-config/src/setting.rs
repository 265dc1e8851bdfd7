//! A value with where it came from: what inheritance and "ignored because" warnings need.

use config_text::Span;
use std::ops::Deref;

/// Number of a section in reading order, counted over all files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, PartialOrd, Ord)]
pub(crate) struct SectionNumber(pub(crate) u32);

/// Where a setting's value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody wrote it.
    Builtin,
    /// A `defaults` section wrote it.
    Defaults,
    /// The section itself wrote it.
    Explicit,
}

/// A value, where it was written, and in which section.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setting<T> {
    value: T,
    written: Option<(Span, SectionNumber)>,
}

impl<T> Setting<T> {
    /// A value that nobody wrote.
    pub(crate) const fn builtin(value: T) -> Self {
        Self { value, written: None }
    }

    /// Writes it.
    pub(crate) fn set(&mut self, value: T, at: Span, section: SectionNumber) {
        self.value = value;
        self.written = Some((at, section));
    }

    /// Whether any line wrote it.
    pub(crate) fn is_set(&self) -> bool {
        self.written.is_some()
    }

    /// Where the value came from, as seen by section `own`.
    pub(crate) fn origin(&self, own: SectionNumber) -> Origin {
        match self.written {
            None => Origin::Builtin,
            Some((_, section)) if section == own => Origin::Explicit,
            Some(_) => Origin::Defaults,
        }
    }

    /// The value, to change a part of it in place.
    pub(crate) fn value_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// Takes the value and forgets where it came from.
    pub(crate) fn take(&mut self) -> T
    where
        T: Default,
    {
        self.written = None;
        std::mem::take(&mut self.value)
    }
}

impl<T> Deref for Setting<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config_text::FileId;

    #[test]
    fn origin_depends_on_who_asks() {
        let mut setting = Setting::builtin(3);
        assert_eq!(setting.origin(SectionNumber(1)), Origin::Builtin);
        setting.set(4, Span::line(FileId(0), 7), SectionNumber(1));
        assert_eq!(setting.origin(SectionNumber(1)), Origin::Explicit);
        assert_eq!(setting.clone().origin(SectionNumber(2)), Origin::Defaults);
        assert_eq!(*setting, 4);
        assert_eq!(setting.take(), 4);
        assert!(!setting.is_set());
    }
}
