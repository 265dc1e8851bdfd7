//! What options do to request fields and PROXY protocol headers, resolved: part of [`crate::runtime`].

use log_format::LogFormat;
use sample::Expr;
use std::sync::Arc;

/// `option http-restrict-req-hdr-names`: what becomes of request fields whose name is not made of letters, digits and hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RestrictNames {
    /// They stay.
    #[default]
    Preserve,
    /// They are taken out.
    Delete,
    /// The request is denied.
    Reject,
}

/// `option forwarded` (RFC 7239).
#[derive(Debug)]
pub struct Forwarded {
    /// `proto`
    pub proto: bool,
    /// `host`
    pub host: ForwardedPart,
    /// `by`
    pub by: ForwardedPart,
    /// `by_port`
    pub by_port: ForwardedPart,
    /// `for`
    pub source: ForwardedPart,
    /// `for_port`
    pub source_port: ForwardedPart,
}

/// One part of it.
#[derive(Debug)]
pub enum ForwardedPart {
    /// Not sent.
    Off,
    /// What the connection or the request says.
    Own,
    /// The value of an expression.
    Expr(Expr),
}

/// `proxy-v2-options`, `send-proxy-v2-ssl` and `set-proxy-v2-tlv-fmt`.
#[derive(Clone, Debug, Default)]
pub struct ProxyV2 {
    /// Facts of TLS.
    pub tls: bool,
    /// `unique-id`
    pub unique_id: bool,
    /// `authority`
    pub authority: bool,
    /// `crc32c`
    pub checksum: bool,
    /// Types and formats of values, in order.
    pub custom: Vec<(u8, Arc<LogFormat>)>,
}
