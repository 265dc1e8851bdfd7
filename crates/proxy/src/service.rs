//! What the data plane is given by the program around it: who answers `stats uri`, and where log lines go.

use crate::worker::Control;
use haproxy_config::runtime::ProxyIndex;
use http1::Head;
use rules::Reply;

/// A request for `stats uri`.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<'a> {
    /// The process around it.
    pub control: &'a Control,
    /// The proxy whose `stats` lines apply.
    pub proxy: ProxyIndex,
    /// The request's head.
    pub head: &'a Head,
    /// The body of a POST, as far as it fits in a buffer.
    pub body: &'a [u8],
    /// Whether a `stats admin` condition holds.
    pub admin: bool,
}

/// Answers requests for `stats uri`. Called on the connection's thread; it must not block.
pub trait StatsService: Send + Sync {
    /// The answer: status, fields and the whole body. Without a `content-length` the body is sent chunked (and in HTTP/1.0 until
    /// the connection closes). It checks `stats auth` itself.
    fn page(&self, request: &PageRequest<'_>) -> Reply;
}

/// Takes the log lines of proxies. Never blocks; what cannot be sent is dropped and counted.
pub trait TrafficLog: Send + Sync {
    /// Sends a line to the log targets of a proxy, with its syslog level (0 emerg to 7 debug). `sd` is the structured data.
    fn send(&self, proxy: ProxyIndex, level: u8, text: &[u8], sd: Option<&[u8]>);
    /// Whether the proxy has any target: without one no line is made.
    fn wants(&self, proxy: ProxyIndex) -> bool;
    /// Lines that could not be sent since the start (`DroppedLogs`).
    fn dropped(&self) -> u64;
}
