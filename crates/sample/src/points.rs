//! Where a sample is available: the places of a configuration at which expressions are evaluated, and what each fetch reads.

/// A place of the configuration in which expressions stand (the columns of `-dKsmp`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Place {
    /// frontend tcp-request connection rule
    FrontendConnection,
    /// frontend tcp-request session rule
    FrontendSession,
    /// frontend tcp-request content rule
    FrontendTcpRequest,
    /// frontend http-request header rule
    FrontendHttpRequest,
    /// frontend http-request body rule
    FrontendHttpRequestBody,
    /// frontend use-backend rule
    UseBackend,
    /// backend tcp-request content rule
    BackendTcpRequest,
    /// backend http-request header rule
    BackendHttpRequest,
    /// backend http-request body rule
    BackendHttpRequestBody,
    /// backend use-server, balance or stick-match rule
    UseServer,
    /// server source selection
    ServerSource,
    /// backend tcp-response content rule
    BackendTcpResponse,
    /// backend http-response header rule
    BackendHttpResponse,
    /// backend http-response body rule
    BackendHttpResponseBody,
    /// backend stick-store rule
    StickStore,
    /// frontend tcp-response content rule
    FrontendTcpResponse,
    /// frontend http-response header rule
    FrontendHttpResponse,
    /// frontend http-response body rule
    FrontendHttpResponseBody,
    /// logs
    Log,
    /// backend tcp-check rule
    TcpCheck,
    /// configuration parser
    Config,
    /// CLI parser
    Cli,
}

impl Place {
    /// The place as the reference names it in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

/// How many places there are.
pub const PLACES: usize = 22;

const NAMES: [&str; PLACES] = [
    "frontend tcp-request connection rule",
    "frontend tcp-request session rule",
    "frontend tcp-request content rule",
    "frontend http-request header rule",
    "frontend http-request body rule",
    "frontend use-backend rule",
    "backend tcp-request content rule",
    "backend http-request header rule",
    "backend http-request body rule",
    "backend use-server, balance or stick-match rule",
    "server source selection",
    "backend tcp-response content rule",
    "backend http-response header rule",
    "backend http-response body rule",
    "backend stick-store rule",
    "frontend tcp-response content rule",
    "frontend http-response header rule",
    "frontend http-response body rule",
    "logs",
    "backend tcp-check rule",
    "configuration parser",
    "CLI parser",
];

/// The name of the place with this number; empty past the end.
#[must_use]
pub fn place_name(number: usize) -> &'static str {
    NAMES.get(number).copied().unwrap_or_default()
}

/// A set of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Points(pub u32);

impl Points {
    /// No place.
    pub const NONE: Self = Self(0);
    /// Every place: constants and the process.
    pub const ALL: Self = Self((1 << PLACES) - 1);
    /// Counters and states of the process and proxies: everywhere but while the configuration is read.
    pub const INTERNAL: Self = Self(Self::ALL.0 & !(1 << Place::Config as u32));
    /// The client connection.
    pub const CLIENT: Self = Self((1 << 20) - 1);
    /// The client's session layer: not before the handshake.
    pub const CLIENT_SESSION: Self = Self(Self::FRONTEND.0 & !1);
    /// The frontend.
    pub const FRONTEND: Self = Self((1 << 19) - 1);
    /// The request while it is there.
    pub const REQUEST: Self = Self(0b111_1111_1100);
    /// What is kept of the request until the log.
    pub const TRANSACTION: Self = Self(Self::FRONTEND.0 & !0b11);
    /// The backend.
    pub const BACKEND: Self = Self(Self::CLIENT.0 & !0b11_1111);
    /// The server.
    pub const SERVER: Self = Self(Self::CLIENT.0 & !0b11_1111_1111);
    /// What is kept of the server connection until the log.
    pub const SERVER_CONNECTION: Self = Self(Self::CLIENT.0 & !0b111_1111_1111);
    /// The response while it is there.
    pub const RESPONSE: Self = Self(Self::SERVER_CONNECTION.0 & !(1 << Place::Log as u32));
    /// Request or response, whichever is there.
    pub const EITHER: Self = Self(Self::REQUEST.0 | Self::RESPONSE.0);
    /// Logs alone.
    pub const LOG: Self = Self(1 << Place::Log as u32);

    /// Whether a place belongs to the set.
    #[must_use]
    pub fn has(self, place: Place) -> bool {
        self.0 & (1 << place as u32) != 0
    }

    /// The cells of `-dKsmp`: `Y` or `.` for each place.
    #[must_use]
    pub fn cells(self) -> String {
        (0..PLACES).map(|i| if self.0 & (1 << i) != 0 { "Y " } else { ". " }).collect()
    }
}

impl std::ops::BitOr for Points {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
