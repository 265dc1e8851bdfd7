//! Addresses that a bind, server, log or stats socket line can name (configuration manual, section 11).

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where to listen or connect, after host names were resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// IPv4 or IPv6 address and port.
    Inet(SocketAddr),
    /// Unix socket by path.
    Unix(PathBuf),
    /// Abstract Unix socket by name, without the leading NUL.
    Abns(Vec<u8>),
    /// An inherited file descriptor (`fd@N`).
    Fd(i32),
    /// A connected Unix socket over which connections arrive as descriptors (`sockpair@N`).
    SockPair(i32),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(SocketAddr::V4(a)) => write!(f, "ipv4@{a}"),
            Self::Inet(SocketAddr::V6(a)) => write!(f, "ipv6@{a}"),
            Self::Unix(path) => write!(f, "unix@{}", path.display()),
            Self::Abns(name) => write!(f, "abns@{}", String::from_utf8_lossy(name)),
            Self::Fd(n) => write!(f, "fd@{n}"),
            Self::SockPair(n) => write!(f, "sockpair@{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_with_its_prefix() {
        assert_eq!(Address::Inet(([127, 0, 0, 1], 80).into()).to_string(), "ipv4@127.0.0.1:80");
        assert_eq!(Address::Unix("/run/x".into()).to_string(), "unix@/run/x");
        assert_eq!(Address::Abns(b"n".to_vec()).to_string(), "abns@n");
    }
}
