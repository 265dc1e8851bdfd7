//! Patterns and how samples are matched against them (configuration manual, sections 7.1.1 to 7.1.6; haproxy-algorithms, parts 9.2
//! and 9.3). One set serves ACLs and maps: an entry carries a value of the user's.

mod file;
mod ip;
mod list;
mod live;
mod map;
mod number;
mod regex;
mod set;
mod text;

pub use file::Lines;
pub use list::{Catalogue, List, Refused};
pub(crate) use live::Follower;
pub use live::{AclPatterns, Live};
pub use map::Map;
pub use regex::Regex;
pub use set::{Flags, Set};

/// An IPv4 mask as a bit count or dotted.
#[must_use]
pub fn mask4(text: &str) -> Option<u32> {
    ip::mask4(text)
}

/// Bytes from an even number of hex digits.
pub(crate) fn hex(text: &[u8]) -> Result<Vec<u8>, String> {
    set::hex(text)
}

/// An IPv6 mask as a bit count or an address.
#[must_use]
pub fn mask6(text: &str) -> Option<std::net::Ipv6Addr> {
    match text.parse::<u32>() {
        Ok(len) => (len <= 128).then(|| ip::mask128(len).into()),
        Err(_) => text.parse().ok(),
    }
}

use crate::Type;
use std::net::IpAddr;

/// Finds the address of a host name in a pattern.
pub type Resolve<'r> = dyn Fn(&str) -> Option<IpAddr> + 'r;

/// A matching method: `-m …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// The sample exists.
    Found,
    /// It is true.
    Bool,
    /// A number or range.
    Int,
    /// An address or network.
    Ip,
    /// A byte string in hex.
    Bin,
    /// The length is a number or in a range.
    Len,
    /// The same text.
    Str,
    /// A text that starts with it.
    Beg,
    /// A text that contains it.
    Sub,
    /// A text that contains it between slashes.
    Dir,
    /// A text that contains it between dots, slashes, colons.
    Dom,
    /// A text that ends with it.
    End,
    /// A text that a regular expression matches.
    Reg,
    /// An HTTP method.
    Method,
}

impl Method {
    /// The method of a `-m` word.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        NAMES.iter().find(|(n, _)| n.as_bytes() == name).map(|&(_, method)| method)
    }

    /// The word.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|&&(_, m)| m == self).map_or("", |(name, _)| name)
    }

    /// What the sample is cast to before it is matched.
    #[must_use]
    pub fn input(self) -> Type {
        match self {
            Self::Found => Type::Any,
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Ip => Type::Addr,
            Self::Bin => Type::Bin,
            Self::Method => Type::Method,
            Self::Len | Self::Str | Self::Beg | Self::Sub | Self::Dir | Self::Dom | Self::End | Self::Reg => {
                Type::Str
            }
        }
    }

    /// The method that the type of a sample implies; none for bytes and for what is not known.
    #[must_use]
    pub fn implied(kind: Type) -> Option<Self> {
        match kind {
            Type::Bool => Some(Self::Bool),
            Type::Int => Some(Self::Int),
            Type::Addr | Type::Ipv4 | Type::Ipv6 => Some(Self::Ip),
            Type::Str => Some(Self::Str),
            Type::Method => Some(Self::Method),
            Type::Bin | Type::Any | Type::Same => None,
        }
    }
}

const NAMES: &[(&str, Method)] = &[
    ("found", Method::Found),
    ("bool", Method::Bool),
    ("int", Method::Int),
    ("ip", Method::Ip),
    ("bin", Method::Bin),
    ("len", Method::Len),
    ("str", Method::Str),
    ("beg", Method::Beg),
    ("sub", Method::Sub),
    ("dir", Method::Dir),
    ("dom", Method::Dom),
    ("end", Method::End),
    ("reg", Method::Reg),
    ("meth", Method::Method),
];
