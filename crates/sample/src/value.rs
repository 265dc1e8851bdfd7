//! The value of a sample.

use std::borrow::Cow;
use std::net::IpAddr;

/// A sample (configuration manual, section 7.1: the sample types).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// bool
    Bool(bool),
    /// sint
    Int(i64),
    /// ipv4 and ipv6
    Ip(IpAddr),
    /// str
    Str(Cow<'a, [u8]>),
    /// bin
    Bin(Cow<'a, [u8]>),
    /// meth
    Method(Cow<'a, [u8]>),
}
