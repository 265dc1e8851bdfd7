//! Values of objects. RFC 2741, section 5.4.

use crate::oid::Oid;

/// What an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Integer32, and enumerations.
    Integer(i32),
    /// Bytes.
    Octets(Vec<u8>),
    /// Nothing.
    Null,
    /// The name of something.
    ObjectId(Oid),
    /// An IPv4 address.
    IpAddress([u8; 4]),
    /// It grows and wraps.
    Counter32(u32),
    /// Unsigned32 and Gauge32.
    Gauge32(u32),
    /// Hundredths of a second.
    TimeTicks(u32),
    /// Anything.
    Opaque(Vec<u8>),
    /// It grows and wraps.
    Counter64(u64),
    /// There is no such object at all.
    NoSuchObject,
    /// The object is known, and has no such row.
    NoSuchInstance,
    /// There is nothing behind.
    EndOfMibView,
}

impl Value {
    /// The number on the wire.
    pub(crate) fn kind(&self) -> u16 {
        match self {
            Self::Integer(_) => 2,
            Self::Octets(_) => 4,
            Self::Null => 5,
            Self::ObjectId(_) => 6,
            Self::IpAddress(_) => 64,
            Self::Counter32(_) => 65,
            Self::Gauge32(_) => 66,
            Self::TimeTicks(_) => 67,
            Self::Opaque(_) => 68,
            Self::Counter64(_) => 70,
            Self::NoSuchObject => 128,
            Self::NoSuchInstance => 129,
            Self::EndOfMibView => 130,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Octets(text.as_bytes().to_vec())
    }
}

/// An object's name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VarBind {
    /// The name.
    pub name: Oid,
    /// The value.
    pub value: Value,
}
