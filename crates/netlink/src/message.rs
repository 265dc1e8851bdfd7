//! Netlink messages as bytes: header, fixed part, attributes. netlink(7).
//!
//! Requests are few and of fixed shape, and some attributes of routes, rules, links and nf_tables are in no codec that
//! we depend on, so that they are written here directly.

/// Fails when something of that name exists.
pub(crate) const EXCLUSIVE: u16 = 0x200;
/// Creates what does not exist.
pub(crate) const CREATE: u16 = 0x400;
/// Adds behind others that match.
pub(crate) const APPEND: u16 = 0x800;
/// Everything there is.
pub(crate) const DUMP: u16 = 0x300;
/// Marks every request.
pub(crate) const REQUEST: u16 = 0x1;
/// Answer even if it went well.
pub(crate) const ACKNOWLEDGE: u16 = 0x4;

const HEADER_LEN: usize = 16;
/// Marks attributes that hold attributes.
const NESTED: u16 = 0x8000;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// A request of this type with its fixed part.
    pub(crate) fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&0_u32.to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&(flags | REQUEST).to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(fixed);
        let mut message = Self { bytes };
        message.pad();
        message
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// An attribute.
    pub(crate) fn put(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
    }

    /// An attribute of one byte.
    pub(crate) fn put_u8(&mut self, kind: u16, value: u8) {
        self.put(kind, &[value]);
    }

    /// An attribute of two bytes.
    pub(crate) fn put_u16(&mut self, kind: u16, value: u16) {
        self.put(kind, &value.to_ne_bytes());
    }

    /// An attribute of four bytes.
    pub(crate) fn put_u32(&mut self, kind: u16, value: u32) {
        self.put(kind, &value.to_ne_bytes());
    }

    /// An attribute of four bytes in network order, as netfilter has them.
    pub(crate) fn put_be32(&mut self, kind: u16, value: u32) {
        self.put(kind, &value.to_be_bytes());
    }

    /// A text with its NUL.
    pub(crate) fn put_text(&mut self, kind: u16, text: &str) {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        self.put(kind, &value);
    }

    /// An address.
    pub(crate) fn put_address(&mut self, kind: u16, address: std::net::IpAddr) {
        match address {
            std::net::IpAddr::V4(v4) => self.put(kind, &v4.octets()),
            std::net::IpAddr::V6(v6) => self.put(kind, &v6.octets()),
        }
    }

    /// An attribute that holds attributes, marked as such.
    pub(crate) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        self.plain_nest(kind | NESTED, fill);
    }

    /// An attribute that holds attributes without the mark, as rtnetlink has them.
    pub(crate) fn plain_nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        fill(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.set(start, &length.to_ne_bytes());
    }

    /// Bytes that are no attribute, such as the fixed part of a next hop; `fill` may follow with its attributes. The
    /// first two bytes become the length of all of it.
    pub(crate) fn counted(&mut self, fixed: &[u8], fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(fixed);
        self.pad();
        fill(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.set(start, &length.to_ne_bytes());
    }

    fn set(&mut self, at: usize, value: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends it to a buffer with its length, a sequence number and more flags.
    pub(crate) fn finish_into(&self, buffer: &mut Vec<u8>, sequence: u32, flags: u16) {
        let start = buffer.len();
        buffer.extend_from_slice(&self.bytes);
        let length = u32::try_from(self.bytes.len()).unwrap_or(0);
        if let Some(header) = buffer.get_mut(start..start + HEADER_LEN) {
            header[..4].copy_from_slice(&length.to_ne_bytes());
            let own = u16::from_ne_bytes([header[6], header[7]]);
            header[6..8].copy_from_slice(&(own | flags).to_ne_bytes());
            header[8..12].copy_from_slice(&sequence.to_ne_bytes());
        }
    }
}

/// The messages in what a socket delivered: type, sequence number, what follows the header, and the whole of it.
pub(crate) fn each(bytes: &[u8]) -> impl Iterator<Item = (u16, u32, &[u8], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let header: &[u8; HEADER_LEN] = rest.first_chunk()?;
        let length =
            usize::try_from(u32::from_ne_bytes([header[0], header[1], header[2], header[3]])).ok()?;
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        let sequence = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
        let whole = rest.get(..length)?;
        let payload = whole.get(HEADER_LEN..)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, sequence, payload, whole))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn attributes_are_padded_and_nests_know_their_length() {
        let mut message = Message::new(20, CREATE, &[2, 24, 0, 0, 7, 0, 0, 0]);
        message.put(2, &[10, 0, 0, 1]);
        message.nest(26, |inner| inner.put_u8(1, 9));
        let mut bytes = Vec::new();
        message.finish_into(&mut bytes, 5, ACKNOWLEDGE);
        assert_eq!(bytes.len(), 16 + 8 + 8 + 4 + 8);
        let (kind, sequence, payload, whole) = each(&bytes).next().unwrap();
        assert_eq!((kind, sequence, whole.len()), (20, 5, bytes.len()));
        assert_eq!(u16::from_ne_bytes([bytes[6], bytes[7]]), CREATE | REQUEST | ACKNOWLEDGE);
        // A one-byte value takes five bytes of length and eight of room.
        assert_eq!(payload[16..], [12, 0, 26, 0x80, 5, 0, 1, 0, 9, 0, 0, 0]);
    }

    #[test]
    fn damaged_lengths_end_the_walk() {
        for bytes in
            [&[0_u8; 15][..], &[0; 16], &[255; 40], &[8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
        {
            assert_eq!(each(bytes).count(), 0);
        }
    }
}
