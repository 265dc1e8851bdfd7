//! Numbers, identifiers, texts and values as bytes. RFC 2741, sections 5.1 to 5.4.

use crate::oid::{Oid, PARTS_MAX};
use crate::value::{Value, VarBind};

/// `internet`, which identifiers on the wire leave out.
const INTERNET: [u32; 4] = [1, 3, 6, 1];

/// Bytes in network byte order.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(crate) fn u16(&mut self, number: u16) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(crate) fn octets(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len() + bytes.len().next_multiple_of(4) - bytes.len(), 0);
    }

    pub(crate) fn oid(&mut self, oid: &Oid, include: bool) {
        let parts = oid.parts();
        let (prefix, rest) = match parts.strip_prefix(&INTERNET) {
            Some([first, rest @ ..]) if (1..=255).contains(first) => {
                (u8::try_from(*first).unwrap_or(0), rest)
            }
            Some(_) | None => (0, parts),
        };
        self.u8(u8::try_from(rest.len()).unwrap_or(u8::MAX));
        self.u8(prefix);
        self.u8(u8::from(include));
        self.u8(0);
        rest.iter().for_each(|part| self.u32(*part));
    }

    pub(crate) fn var_bind(&mut self, var_bind: &VarBind) {
        self.u16(var_bind.value.kind());
        self.u16(0);
        self.oid(&var_bind.name, false);
        match &var_bind.value {
            Value::Integer(number) => self.u32(number.cast_unsigned()),
            Value::Octets(bytes) | Value::Opaque(bytes) => self.octets(bytes),
            Value::ObjectId(oid) => self.oid(oid, false),
            Value::IpAddress(address) => self.octets(address),
            Value::Counter32(number) | Value::Gauge32(number) | Value::TimeTicks(number) => self.u32(*number),
            Value::Counter64(number) => self.0.extend_from_slice(&number.to_be_bytes()),
            Value::Null | Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView => {}
        }
    }
}

/// Bytes in either order; every read is `None` where they end or are wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
    pub(crate) big_endian: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes: [u8; N] = self.bytes(N)?.try_into().ok()?;
        if !self.big_endian {
            bytes.reverse();
        }
        Some(bytes)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn octets(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.u32()?).ok()?;
        let bytes = self.bytes(count)?;
        self.bytes(count.checked_next_multiple_of(4)? - count)?;
        Some(bytes)
    }

    /// An identifier and whether it belongs to what it begins.
    pub(crate) fn oid(&mut self) -> Option<(Oid, bool)> {
        let (count, prefix, include) = (self.u8()?, self.u8()?, self.u8()?);
        self.u8()?;
        let head: &[u32] = if prefix == 0 { &[] } else { &[1, 3, 6, 1, u32::from(prefix)] };
        if head.len() + usize::from(count) > PARTS_MAX {
            return None;
        }
        let mut parts = head.to_vec();
        for _ in 0..count {
            parts.push(self.u32()?);
        }
        Some((Oid::new(&parts), include != 0))
    }

    pub(crate) fn var_bind(&mut self) -> Option<VarBind> {
        let kind = self.u16()?;
        self.u16()?;
        let (name, _) = self.oid()?;
        let value = match kind {
            2 => Value::Integer(self.u32()?.cast_signed()),
            4 => Value::Octets(self.octets()?.to_vec()),
            5 => Value::Null,
            6 => Value::ObjectId(self.oid()?.0),
            64 => Value::IpAddress(self.octets()?.try_into().ok()?),
            65 => Value::Counter32(self.u32()?),
            66 => Value::Gauge32(self.u32()?),
            67 => Value::TimeTicks(self.u32()?),
            68 => Value::Opaque(self.octets()?.to_vec()),
            70 => Value::Counter64(u64::from_be_bytes(self.array()?)),
            128 => Value::NoSuchObject,
            129 => Value::NoSuchInstance,
            130 => Value::EndOfMibView,
            _ => return None,
        };
        Some(VarBind { name, value })
    }

    pub(crate) fn var_binds(&mut self) -> Option<Vec<VarBind>> {
        let mut found = Vec::new();
        while !self.rest.is_empty() {
            found.push(self.var_bind()?);
        }
        Some(found)
    }
}
