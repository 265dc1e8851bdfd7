//! Field names in the spelling that an old client or server insists on (`h1-case-adjust`).

use std::collections::BTreeMap;

/// Names in lower case with the spelling to send instead, which differs in case only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseMap {
    names: BTreeMap<Box<[u8]>, Box<[u8]>>,
}

/// Why a spelling was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseMapError {
    /// The two differ in more than case.
    Different,
    /// The name has a spelling already.
    Duplicate,
}

impl CaseMap {
    /// Adds a spelling.
    ///
    /// # Errors
    /// When it is none, or not the first one.
    pub fn add(&mut self, from: &[u8], to: &[u8]) -> Result<(), CaseMapError> {
        if !from.eq_ignore_ascii_case(to) {
            return Err(CaseMapError::Different);
        }
        if self.names.contains_key(from) {
            return Err(CaseMapError::Duplicate);
        }
        self.names.insert(from.into(), to.into());
        Ok(())
    }

    /// Whether there is no spelling.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Gives the field names in `lines` their spelling, in place. Each line ends with LF; lines without a colon stay as they are.
    pub fn adjust(&self, lines: &mut [u8]) {
        for line in lines.split_mut(|&b| b == b'\n') {
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let Some(name) = line.get_mut(..colon) else { continue };
            if let Some(spelling) = self.names.get(&*name) {
                name.copy_from_slice(spelling);
            }
        }
    }

    /// As [`CaseMap::adjust`], for a whole head: the start line stays.
    pub fn adjust_head(&self, head: &mut [u8]) {
        let start = memchr::memchr(b'\n', head).map_or(head.len(), |end| end + 1);
        if let Some(fields) = head.get_mut(start..) {
            self.adjust(fields);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_get_their_spelling_and_nothing_else_changes() {
        let mut map = CaseMap::default();
        map.add(b"host", b"HosT").unwrap();
        map.add(b"x-a", b"X-A").unwrap();
        assert_eq!(map.add(b"x-a", b"X-a"), Err(CaseMapError::Duplicate));
        assert_eq!(map.add(b"x-b", b"X-C"), Err(CaseMapError::Different));
        let mut head = *b"GET http://host:x-a/ HTTP/1.1\r\nhost: host: x\r\nx-ab: 1\r\nx-a:\r\n\r\n";
        map.adjust_head(&mut head);
        assert_eq!(
            String::from_utf8_lossy(&head),
            "GET http://host:x-a/ HTTP/1.1\r\nHosT: host: x\r\nx-ab: 1\r\nX-A:\r\n\r\n"
        );
    }
}
