//! Why a message was refused: the status to answer, where, and in which parser state (`show errors`).

/// Where the parser was. The names and numbers are those that `show errors` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ParserState {
    /// Before the request's method.
    RequestBefore = 0,
    /// In the method.
    Method = 2,
    /// Between method and target.
    MethodBlank = 3,
    /// In the target.
    Uri = 4,
    /// Between target and version.
    UriBlank = 5,
    /// In the request's version.
    RequestVersion = 6,
    /// At the end of the request line.
    RequestLineEnd = 7,
    /// Before the response's version.
    ResponseBefore = 8,
    /// In the response's version.
    ResponseVersion = 10,
    /// Between version and status.
    ResponseVersionBlank = 11,
    /// In the status.
    StatusCode = 12,
    /// In the reason.
    Reason = 14,
    /// At the end of the status line.
    ResponseLineEnd = 15,
    /// At the first byte of the header block.
    HeaderFirst = 16,
    /// In a field's name.
    HeaderName = 17,
    /// In a field's value.
    HeaderValue = 22,
    /// At the end of a field's line.
    HeaderLineEnd = 23,
    /// After a field's line: where the meaning of a whole field is judged.
    HeaderWhole = 24,
    /// At the end of the header block.
    HeadersEnd = 25,
    /// In a chunk's size line.
    ChunkSize = 26,
    /// In the body.
    Data = 27,
    /// After a chunk's data.
    ChunkEnd = 28,
    /// In the trailers.
    Trailers = 29,
}

impl ParserState {
    /// The name that `show errors` prints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestBefore => "MSG_RQBEFORE",
            Self::Method => "MSG_RQMETH",
            Self::MethodBlank => "MSG_RQMETH_SP",
            Self::Uri => "MSG_RQURI",
            Self::UriBlank => "MSG_RQURI_SP",
            Self::RequestVersion => "MSG_RQVER",
            Self::RequestLineEnd => "MSG_RQLINE_END",
            Self::ResponseBefore => "MSG_RPBEFORE",
            Self::ResponseVersion => "MSG_RPVER",
            Self::ResponseVersionBlank => "MSG_RPVER_SP",
            Self::StatusCode => "MSG_RPCODE",
            Self::Reason => "MSG_RPREASON",
            Self::ResponseLineEnd => "MSG_RPLINE_END",
            Self::HeaderFirst => "MSG_HDR_FIRST",
            Self::HeaderName => "MSG_HDR_NAME",
            Self::HeaderValue => "MSG_HDR_VAL",
            Self::HeaderLineEnd => "MSG_HDR_L2_LF",
            Self::HeaderWhole => "MSG_HDR_L2_LWS",
            Self::HeadersEnd => "MSG_LAST_LF",
            Self::ChunkSize => "MSG_CHUNK_SIZE",
            Self::Data => "MSG_DATA",
            Self::ChunkEnd => "MSG_CHUNK_CRLF",
            Self::Trailers => "MSG_TRAILERS",
        }
    }

    /// The number that `show errors` prints.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// A message that must not be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status to answer the client with: 400, 413 or 422 for a request, 502 for a response.
    pub status: u16,
    /// Offset of the offending byte in the bytes that were given.
    pub at: usize,
    /// Where the parser was.
    pub state: ParserState,
}

impl Refusal {
    pub(crate) fn request(at: usize, state: ParserState) -> Self {
        Self { status: 400, at, state }
    }

    pub(crate) fn response(at: usize, state: ParserState) -> Self {
        Self { status: 502, at, state }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {} in {}", self.status, self.at, self.state.name())
    }
}

impl std::error::Error for Refusal {}
