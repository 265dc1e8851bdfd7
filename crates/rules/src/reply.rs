//! Replies that rules and errors make, ready for the engine: status, fields, body.

use crate::HttpReply;
use http1::{Head, Version};
use log_format::LogData;
use sample::Cx;
use std::sync::Arc;

/// The body of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Shared by all users of the reply.
    Shared(Arc<[u8]>),
    /// Made for one stream.
    Owned(Vec<u8>),
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// What a proxy answers an error status with.
#[derive(Clone, Debug)]
pub enum ErrorPage {
    /// The same for all.
    Fixed(Arc<Reply>),
    /// Made for each request.
    Described(Arc<HttpReply>),
}

impl ErrorPage {
    /// Whether nothing is to be sent: an empty errorfile.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Fixed(reply) if reply.is_empty())
    }

    /// The reply for one request.
    #[must_use]
    pub fn reply(&self, log: &LogData, cx: &Cx<'_>) -> Arc<Reply> {
        match self {
            Self::Fixed(reply) => Arc::clone(reply),
            Self::Described(described) => {
                described.own(log, cx).unwrap_or_else(|| Reply::builtin(described.status()))
            }
        }
    }
}

/// The reply that an error status, a deny, a redirect or a return makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status; 0 when nothing is to be sent (an empty errorfile).
    pub status: u16,
    /// The reason.
    pub reason: Vec<u8>,
    /// The version that the start line says; errorfiles may say 1.0.
    pub version: Version,
    /// The fields in order, names in lower case, with `content-length` unless the reply closes the connection.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body. Not sent in answer to HEAD.
    pub body: Body,
    /// Whether the connection is closed after it, because an errorfile said so or the status is 204. One without `content-length`
    /// ends with the connection anyway.
    pub close: bool,
}

impl Reply {
    /// Whether nothing is to be sent: an empty errorfile.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.status == 0
    }

    /// The built-in page of a status; statuses without one get 500's.
    #[must_use]
    pub fn builtin(status: u16) -> Arc<Self> {
        crate::pages::page(status)
    }

    /// `errorloc302` and `errorloc303`.
    #[must_use]
    pub fn error_location(status: u16, url: &[u8]) -> Self {
        crate::pages::location(status, url)
    }

    /// The raw HTTP message of an errorfile, as the reference reparses it. An empty file makes a reply that sends nothing.
    ///
    /// # Errors
    /// The reference's text about a message that is not valid HTTP/1.
    pub fn from_error_file(raw: &[u8]) -> Result<Self, String> {
        crate::pages::reparse(raw)
    }

    /// The head to serialize.
    #[must_use]
    pub fn head(&self) -> Head {
        let mut head = Head::response(self.status, &self.reason, self.version);
        for (name, value) in &self.fields {
            head.append(name, value);
        }
        head
    }

    /// Replaces the challenge of a 401 or 407 page.
    #[must_use]
    pub fn with_challenge(&self, challenge: &[u8]) -> Self {
        let name: &[u8] = if self.status == 407 { b"proxy-authenticate" } else { b"www-authenticate" };
        let mut reply = self.clone();
        reply.fields.retain(|(n, _)| n != name);
        reply.fields.push((name.to_vec(), challenge.to_vec()));
        reply
    }
}
