//! Arguments of fetches and converters: `name(a,b)`.

use crate::pattern::{Map, Regex};
use crate::{NamedUserList, VarName};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// The type that an argument is declared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgType {
    /// Any text.
    Str,
    /// A signed integer.
    Int,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An IPv4 mask, dotted or as a bit count.
    Mask4,
    /// An IPv6 mask.
    Mask6,
    /// A frontend; the current one when left out.
    Frontend,
    /// A backend; the current one when left out.
    Backend,
    /// A server as `backend/server`, or `server` of the current backend.
    Server,
    /// A stick table.
    Table,
    /// A userlist.
    UserList,
    /// A regular expression.
    Regex,
}

impl ArgType {
    /// As the reference prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "string",
            Self::Int => "integer",
            Self::Ipv4 => "IPv4 address",
            Self::Ipv6 => "IPv6 address",
            Self::Mask4 => "IPv4 mask",
            Self::Mask6 => "IPv6 mask",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Server => "server",
            Self::Table => "table",
            Self::UserList => "user list",
            Self::Regex => "regex",
        }
    }
}

/// A parsed argument.
#[derive(Clone, Debug)]
pub enum Arg {
    /// Left out.
    None,
    /// A text.
    Str(Box<[u8]>),
    /// A number.
    Int(i64),
    /// An IPv4 address or mask.
    Ipv4(Ipv4Addr),
    /// An IPv6 address or mask.
    Ipv6(Ipv6Addr),
    /// A frontend's name.
    Frontend(Arc<str>),
    /// A backend's name.
    Backend(Arc<str>),
    /// A backend's and a server's name.
    Server(Arc<str>, Arc<str>),
    /// A userlist.
    UserList(Arc<NamedUserList>),
    /// A regular expression.
    Regex(Arc<Regex>),
    /// A variable.
    Var(VarName),
    /// A map.
    Map(Arc<Map>),
    /// Named ACLs (`acl(a,b)`), negated when the flag is set.
    Acls(Arc<[(Arc<crate::Acl>, bool)]>),
}

impl Arg {
    /// The text of a text argument; empty otherwise.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        match self {
            Self::Str(text) => text,
            _ => b"",
        }
    }

    /// The number of a number argument, or a default.
    #[must_use]
    pub fn int_or(&self, default: i64) -> i64 {
        match self {
            Self::Int(n) => *n,
            _ => default,
        }
    }

    /// Whether it was left out.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The proxy that a frontend or backend argument names.
    #[must_use]
    pub fn proxy(&self) -> Option<&str> {
        match self {
            Self::Frontend(name) | Self::Backend(name) => Some(name),
            _ => None,
        }
    }
}
