//! What a fetch may see.

use http1::Head;
use std::net::SocketAddr;

/// The client connection, as fetches and log fields see it. Lives as long as the session.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Client address; none for Unix sockets without one.
    pub src: Option<SocketAddr>,
    /// Address that the client connected to.
    pub dst: Option<SocketAddr>,
    /// Id of the frontend.
    pub frontend_id: u32,
    /// Name of the frontend.
    pub frontend_name: std::sync::Arc<str>,
    /// Id of the listener in its frontend, counted from 1.
    pub listener_id: u32,
    /// Name of the listener; empty when unnamed.
    pub listener_name: std::sync::Arc<str>,
    /// Whether the client side is encrypted.
    pub encrypted: bool,
    /// Wall-clock time of the accept, microseconds since 1970.
    pub accepted_at_us: u64,
}

/// The exchange, as fetches and log fields see it. Lives as long as the stream.
#[derive(Clone, Debug, Default)]
pub struct StreamView {
    /// Name of the backend, once chosen.
    pub backend_name: Option<std::sync::Arc<str>>,
    /// Id of the backend, once chosen.
    pub backend_id: u32,
    /// Name of the server, once chosen.
    pub server_name: Option<std::sync::Arc<str>>,
    /// Id of the server, once chosen.
    pub server_id: u32,
    /// Number of this stream in the process (`%rt`).
    pub number: u32,
    /// The unique id, once made.
    pub unique_id: Option<Vec<u8>>,
}

/// What is outside of the stream: process and proxies. The shell implements it.
pub trait Environment {
    /// Wall-clock time, microseconds since 1970.
    fn wall_us(&self) -> u64;
    /// A fresh random number.
    fn random(&self) -> u32;
    /// Number of usable servers in a backend (`nbsrv`).
    fn usable_servers(&self, backend: &str) -> Option<u32>;
    /// Whether a server is up (`srv_is_up`).
    fn server_is_up(&self, backend: &str, server: &str) -> Option<bool>;
    /// Current connections of a frontend or backend (`fe_conn`, `be_conn`).
    fn connections(&self, proxy: &str, frontend: bool) -> Option<u64>;
    /// Queued streams of a backend (`queue`).
    fn queued(&self, backend: &str) -> Option<u64>;
}

/// Everything that an expression may be evaluated on. Cheap to make: only references.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// The client connection.
    pub session: &'a SessionView,
    /// The exchange.
    pub stream: &'a StreamView,
    /// The request's head, when there is one.
    pub request: Option<&'a Head>,
    /// The response's head, when there is one.
    pub response: Option<&'a Head>,
    /// Bytes of the request's body that are buffered, or of the TCP stream from the client.
    pub request_payload: &'a [u8],
    /// Bytes of the response's body that are buffered, or of the TCP stream from the server.
    pub response_payload: &'a [u8],
    /// The process around it.
    pub env: &'a dyn Environment,
}
