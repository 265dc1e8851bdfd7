//! What the BFD process tells the VRRP process of a session: one record of fixed size on a pipe.

use std::time::Duration;

/// Bytes of a name, the last of which is 0.
const NAME: usize = 32;

/// One session's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The `bfd_instance`'s name, at most 31 bytes.
    pub name: String,
    /// Up, or not.
    pub up: bool,
    /// When it became so, since the epoch.
    pub at: Duration,
}

impl Record {
    /// Length of a record.
    pub const LEN: usize = NAME + 1 + 8;

    /// The record's bytes.
    pub fn emit(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        for (to, from) in bytes.iter_mut().take(NAME - 1).zip(self.name.as_bytes()) {
            *to = *from;
        }
        if let Some(rest) = bytes.get_mut(NAME..) {
            let micros = u64::try_from(self.at.as_micros()).unwrap_or(u64::MAX);
            for (to, from) in
                rest.iter_mut().zip(std::iter::once(u8::from(self.up)).chain(micros.to_be_bytes()))
            {
                *to = from;
            }
        }
        bytes
    }

    /// Reads a record; `None` for anything else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<{ Self::LEN }>()?;
        let (name, rest) = bytes.split_at(NAME);
        let (up, micros) = rest.split_first()?;
        let name = name.split(|byte| *byte == 0).next()?;
        Some(Self {
            name: String::from_utf8(name.to_vec()).ok()?,
            up: *up != 0,
            at: Duration::from_micros(u64::from_be_bytes(*micros.first_chunk::<8>()?)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (name, up) in [("B1", true), ("a-name-of-31-bytes-is-the-longest", false)] {
            let name: String = name.chars().take(31).collect();
            let record = Record { name, up, at: Duration::from_micros(1_795_405_410_332_536) };
            assert_eq!(Record::parse(&record.emit()), Some(record));
        }
        assert_eq!(Record::parse(&[0; Record::LEN - 1]), None);
        assert_eq!(Record::parse(&[0xff; Record::LEN]), None);
    }
}
