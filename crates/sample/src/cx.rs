//! What a fetch may see.

use crate::{Value, Variables};
use http1::Head;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

/// The client connection, as fetches and log fields see it. Lives as long as the session.
#[derive(Clone, Debug, Default)]
pub struct SessionView {
    /// Client address; none for Unix sockets without one.
    pub src: Option<SocketAddr>,
    /// Address that the client connected to.
    pub dst: Option<SocketAddr>,
    /// Id of the frontend.
    pub frontend_id: u32,
    /// Name of the frontend.
    pub frontend_name: Rc<str>,
    /// Id of the listener in its frontend, counted from 1.
    pub listener_id: u32,
    /// Name of the listener; empty when unnamed.
    pub listener_name: Rc<str>,
    /// Whether the client side is encrypted.
    pub encrypted: bool,
    /// Wall-clock time of the accept, microseconds since 1970.
    pub accepted_at_us: u64,
    /// What a PROXY protocol header said and hid; none without one.
    pub proxied: Option<Arc<Proxied>>,
    /// Variables of the `sess` scope.
    pub vars: Variables,
}

/// A connection that came with a PROXY protocol header.
#[derive(Clone, Debug, Default)]
pub struct Proxied {
    /// Address that the connection itself came from.
    pub src: Option<SocketAddr>,
    /// Address that the connection itself came to.
    pub dst: Option<SocketAddr>,
    /// Types and values of the header, in order.
    pub tlvs: Vec<(u8, Box<[u8]>)>,
}

impl Proxied {
    /// The values of a type, in order.
    pub fn values(&self, kind: u8) -> impl Iterator<Item = &[u8]> {
        self.tlvs.iter().filter(move |(k, _)| *k == kind).map(|(_, value)| &**value)
    }
}

/// The request line as it was received, kept for logs and `capture.req.*` after rules changed the head.
#[derive(Clone, Debug, Default)]
pub struct RequestLine {
    text: Vec<u8>,
    method: usize,
    uri: usize,
}

impl RequestLine {
    /// Keeps `METHOD URI VERSION`, cut after `limit` bytes (the reference's `tune.http.logurilen` less one: 1023 by default).
    #[must_use]
    pub fn new(method: &[u8], uri: &[u8], version: &[u8], limit: usize) -> Self {
        Self::in_text(Vec::new(), method, uri, version, limit)
    }

    /// The same in memory that is there already.
    #[must_use]
    pub fn in_text(mut text: Vec<u8>, method: &[u8], uri: &[u8], version: &[u8], limit: usize) -> Self {
        text.clear();
        text.reserve(method.len() + uri.len() + version.len() + 2);
        text.extend_from_slice(method);
        text.push(b' ');
        text.extend_from_slice(uri);
        text.push(b' ');
        text.extend_from_slice(version);
        text.truncate(limit);
        Self { method: method.len().min(limit), uri: uri.len(), text }
    }

    /// The memory, for another line.
    #[must_use]
    pub fn into_text(self) -> Vec<u8> {
        self.text
    }

    /// The whole line.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        self.text.get(..self.method).unwrap_or_default()
    }

    /// The request target, possibly cut.
    #[must_use]
    pub fn uri(&self) -> &[u8] {
        let start = (self.method + 1).min(self.text.len());
        self.text.get(start..(start + self.uri).min(self.text.len())).unwrap_or_default()
    }

    /// The version; empty when the line was cut before it.
    #[must_use]
    pub fn version(&self) -> &[u8] {
        self.text.get((self.method + self.uri + 2).min(self.text.len())..).unwrap_or_default()
    }
}

/// What capture slots hold, by slot number.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    /// Request slots; none until something was captured.
    pub request: Vec<Option<Vec<u8>>>,
    /// Response slots.
    pub response: Vec<Option<Vec<u8>>>,
}

impl Captured {
    /// Fills a slot of one side; the list grows as needed.
    pub fn fill(slots: &mut Vec<Option<Vec<u8>>>, index: usize, value: &[u8]) {
        if slots.len() <= index {
            slots.resize(index + 1, None);
        }
        if let Some(slot) = slots.get_mut(index) {
            *slot = Some(value.to_vec());
        }
    }
}

/// The exchange, as fetches and log fields see it. Lives as long as the stream.
#[derive(Clone, Debug, Default)]
pub struct StreamView {
    /// Name of the backend, once chosen.
    pub backend_name: Option<Rc<str>>,
    /// Id of the backend, once chosen.
    pub backend_id: u32,
    /// Name of the server, once chosen.
    pub server_name: Option<Arc<str>>,
    /// Id of the server, once chosen.
    pub server_id: u32,
    /// Number of this stream in the process (`%rt`).
    pub number: u32,
    /// The unique id, once made.
    pub unique_id: Option<Vec<u8>>,
    /// Whether this is the first request of the client connection (`http_first_req`).
    pub first_request: bool,
    /// Whether the request is one to a proxy: an absolute target where `option http-use-proxy-header` is set.
    pub to_a_proxy: bool,
    /// The request line as received; none in TCP and for requests that could not be parsed.
    pub request_line: Option<RequestLine>,
    /// The response's version text as received; empty before.
    pub response_version: Vec<u8>,
    /// The status that the server sent (`server_status`); 0 before.
    pub server_status: u16,
    /// The capture slots. Rules and converters fill them during evaluation.
    pub captured: RefCell<Captured>,
    /// Length limits of the frontend's request and response slots, for what rules capture into them.
    pub capture_lengths: Option<Arc<(Vec<usize>, Vec<usize>)>>,
    /// Variables of the `txn` scope.
    pub txn_vars: Variables,
    /// Variables of the `req` scope, gone when the response starts.
    pub req_vars: Variables,
    /// Variables of the `res` scope.
    pub res_vars: Variables,
    /// When the request's first byte arrived, microseconds since 1970 (`request_date`).
    pub request_at_us: u64,
    /// Local and remote address of the server connection (`bc_src`, `bc_dst`).
    pub server_addresses: Option<(SocketAddr, SocketAddr)>,
    /// File and line of the last final rule (`last_rule_file`, `last_rule_line`).
    pub last_rule: Option<(Arc<str>, u32)>,
}

impl StreamView {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        let mut response_version = std::mem::take(&mut self.response_version);
        response_version.clear();
        *self = Self { response_version, ..Self::default() };
    }
}

/// What is outside of the stream: process and proxies. The shell implements it. The methods with a body have a value that makes
/// the fetch fail, so that an implementation can be widened step by step.
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
    /// Seconds east of UTC of the local time at a moment, as `localtime_r` gives it. Called once a log line: cache it.
    fn utc_offset(&self, _wall_seconds: i64) -> i32 {
        0
    }
    /// Most bytes of what a converter makes (`tune.bufsize`).
    fn room(&self) -> usize {
        16_384
    }
    /// Process id (`%pid`).
    fn pid(&self) -> u32 {
        0
    }
    /// Host name (`%H`, `hostname`).
    fn hostname(&self) -> &str {
        ""
    }
    /// Number of the calling thread, counted from 0 (`thread`).
    fn thread(&self) -> u32 {
        0
    }
    /// Connections of the whole process (`act_conn`).
    fn active_connections(&self) -> u64 {
        0
    }
    /// Whether the process is stopping (`stopping`).
    fn stopping(&self) -> bool {
        false
    }
    /// Seconds since the worker started (`uptime`).
    fn uptime(&self) -> u64 {
        0
    }
    /// Sessions per second of a frontend or backend (`fe_sess_rate`, `be_sess_rate`).
    fn session_rate(&self, _proxy: &str, _frontend: bool) -> Option<u64> {
        None
    }
    /// HTTP requests per second of a frontend (`fe_req_rate`).
    fn request_rate(&self, _frontend: &str) -> Option<u64> {
        None
    }
    /// Free connection and queue slots of a backend; -1 when a server has no limit (`connslots`).
    fn connection_slots(&self, _backend: &str) -> Option<i64> {
        None
    }
    /// Free connection slots of a backend; -1 when a server has no limit, -2 when over-committed (`be_conn_free`).
    fn free_connections(&self, _backend: &str) -> Option<i64> {
        None
    }
    /// Current connections, queue length, sessions a second, and effective, initial and user weight of a server.
    fn server_numbers(&self, _backend: &str, _server: &str) -> Option<ServerNumbers> {
        None
    }
    /// Current connections of the listener that accepted the session (`dst_conn`).
    fn listener_connections(&self, _frontend: &str, _listener: u32) -> Option<u64> {
        None
    }
    /// Whether a password has this hash, in a form that `crypt(3)` knows.
    fn password_matches(&self, _password: &[u8], _hash: &[u8]) -> bool {
        false
    }
    /// A variable of the `proc` scope.
    fn process_variable(&self, _name: &[u8]) -> Option<Value<'static>> {
        None
    }
    /// Sets (or, with none, removes) a variable of the `proc` scope.
    fn set_process_variable(&self, _name: &[u8], _value: Option<Value<'static>>) {}
}

/// What `srv_conn`, `srv_queue`, `srv_sess_rate`, `srv_weight`, `srv_iweight` and `srv_uweight` return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerNumbers {
    /// Current connections.
    pub connections: u64,
    /// Queue length.
    pub queued: u64,
    /// Sessions per second.
    pub session_rate: u64,
    /// Effective weight as displayed.
    pub weight: u32,
    /// Initial weight.
    pub initial_weight: u32,
    /// User weight.
    pub user_weight: u32,
    /// `maxconn`; 0 is none.
    pub maxconn: u32,
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
    /// Whether nothing more can arrive before the decision: what is missing now is missing for good. False only while
    /// `tcp-request content` rules wait during their inspect delay.
    pub complete: bool,
    /// Whether the response is being processed: fetches that exist for both sides look at it.
    pub in_response: bool,
    /// The process around it.
    pub env: &'a dyn Environment,
}

impl std::fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx")
            .field("session", &self.session)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
