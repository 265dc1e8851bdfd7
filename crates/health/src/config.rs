//! What a server's and a backend's check keywords say: timing, kind, and the steps of a script as data.

use pcre2::bytes::Regex;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::status::CheckStatus;

/// When and how often a server is checked, and how many results change its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// `inter`
    pub inter: Duration,
    /// `fastinter`
    pub fast_inter: Option<Duration>,
    /// `downinter`
    pub down_inter: Option<Duration>,
    /// `rise`
    pub rise: u32,
    /// `fall`
    pub fall: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self { inter: Duration::from_millis(2000), fast_inter: None, down_inter: None, rise: 2, fall: 3 }
    }
}

/// What the backend's servers are checked with.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum CheckKind {
    /// A connection.
    #[default]
    Tcp,
    /// `option httpchk` and the `http-check` rules.
    Http,
    /// `option tcp-check` and the `tcp-check` rules.
    TcpScript,
}

/// One step of a check script (`http-check` and `tcp-check` rules), as written. [`crate::Script`] adds what is implicit: the first
/// `connect`, the request of a bare `option httpchk`, the last `expect` of an HTTP check.
#[derive(Clone, Debug)]
pub enum Step {
    /// `tcp-check comment <string>`: names the steps that follow up to the next comment.
    Comment(String),
    /// `connect`
    Connect(Connect),
    /// `tcp-check send` and `send-binary`
    Send {
        /// The bytes.
        data: Vec<u8>,
        /// As written (the text or the hexadecimal digits), for messages.
        written: String,
        /// `comment`
        comment: Option<String>,
    },
    /// `option httpchk`'s request line merged with `http-check send`
    HttpSend(HttpRequest),
    /// `expect`
    Expect(Expect),
}

/// `connect`
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// `port`: none means the check's.
    pub port: Option<u16>,
    /// `addr`: none means the check's.
    pub address: Option<SocketAddr>,
    /// `send-proxy`
    pub send_proxy: bool,
    /// `linger`
    pub linger: bool,
    /// `default`: take the server line's options (`send-proxy`, …) where the step has none.
    pub default: bool,
    /// `comment`
    pub comment: Option<String>,
}

/// The request of an HTTP check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `meth`
    pub method: Vec<u8>,
    /// `uri`
    pub uri: Vec<u8>,
    /// `ver`, such as `HTTP/1.1`
    pub version: Vec<u8>,
    /// `hdr`, in order
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// `body`; none means no body and no `content-length`.
    pub body: Option<Vec<u8>>,
    /// `comment`
    pub comment: Option<String>,
}

impl Default for HttpRequest {
    fn default() -> Self {
        Self {
            method: b"OPTIONS".to_vec(),
            uri: b"/".to_vec(),
            version: b"HTTP/1.0".to_vec(),
            headers: Vec::new(),
            body: None,
            comment: None,
        }
    }
}

/// `expect`
#[derive(Clone, Debug)]
pub struct Expect {
    /// What is looked for.
    pub pattern: Pattern,
    /// `!`: the pattern must not be there.
    pub negate: bool,
    /// As written, for dumps of the configuration.
    pub written: String,
    /// `min-recv`: none is -1.
    pub min_recv: Option<u32>,
    /// `ok-status`
    pub ok_status: Option<CheckStatus>,
    /// `error-status`
    pub error_status: Option<CheckStatus>,
    /// `tout-status`
    pub timeout_status: Option<CheckStatus>,
    /// `on-success`, a text without samples.
    pub on_success: Option<String>,
    /// `on-error`, a text without samples.
    pub on_error: Option<String>,
    /// `comment`
    pub comment: Option<String>,
}

impl Expect {
    /// A pattern without any option.
    #[must_use]
    pub fn new(pattern: Pattern, written: impl Into<String>) -> Self {
        Self {
            pattern,
            negate: false,
            written: written.into(),
            min_recv: None,
            ok_status: None,
            error_status: None,
            timeout_status: None,
            on_success: None,
            on_error: None,
            comment: None,
        }
    }
}

/// What an `expect` step looks for.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// `http-check expect status`: codes and ranges.
    Status(Vec<RangeInclusive<u16>>),
    /// `http-check expect rstatus`
    StatusRegex(Regex),
    /// `string`: in the body (HTTP) or in what was received.
    String(Vec<u8>),
    /// `rstring`
    Regex(Regex),
    /// `tcp-check expect binary`
    Binary(Vec<u8>),
    /// `tcp-check expect rbinary`: on the upper-case hexadecimal text of what was received.
    BinaryRegex(Regex),
    /// `http-check expect hdr` and `fhdr`
    Header {
        /// The name.
        name: TextMatch,
        /// The value; none means that the header must be there.
        value: Option<TextMatch>,
        /// `fhdr`: the whole line, not its comma-separated values.
        full: bool,
    },
}

/// `[-m str|beg|end|sub|reg] <text>` of `expect hdr`.
#[derive(Clone, Debug)]
pub enum TextMatch {
    /// `str`
    Exact(Vec<u8>),
    /// `beg`
    Begin(Vec<u8>),
    /// `end`
    End(Vec<u8>),
    /// `sub`
    Sub(Vec<u8>),
    /// `reg`
    Regex(Regex),
}
