//! Addresses that a bind, server, log or stats socket line can name (configuration manual, section 11).

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
