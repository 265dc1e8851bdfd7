//! What log fields show of a stream beyond what expressions see.

use crate::Termination;
use std::net::SocketAddr;
use std::sync::Arc;

/// The moments of a stream, in ms since the accept of the session or, for later requests of the connection, since the end of the
/// previous response (haproxy-stream, part 3). None means that the moment was not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timers {
    /// `Th`: how long handshakes took; 0 for later requests.
    pub handshake: u64,
    /// `Ti`: from the end of the handshake to the request's first byte.
    pub idle: Option<u64>,
    /// Moment when the whole request was received and accepted (`Tq`).
    pub request: Option<u64>,
    /// Moment when the queue was left.
    pub queue: Option<u64>,
    /// Moment when the server connection was there.
    pub connect: Option<u64>,
    /// Moment when the response's head was there; in TCP that of the connection.
    pub data: Option<u64>,
    /// Moment of the end (`Tt`).
    pub close: u64,
}

fn ms(value: Option<u64>) -> i64 {
    value.map_or(-1, |v| i64::try_from(v).unwrap_or(i64::MAX))
}

impl Timers {
    fn close_ms(&self) -> i64 {
        i64::try_from(self.close).unwrap_or(i64::MAX)
    }

    fn handshake_ms(&self) -> i64 {
        i64::try_from(self.handshake).unwrap_or(i64::MAX)
    }

    /// `%Ti`
    #[must_use]
    pub fn ti(&self) -> i64 {
        ms(self.idle)
    }

    /// `%Tq`
    #[must_use]
    pub fn tq(&self) -> i64 {
        ms(self.request)
    }

    /// `%TR`
    #[must_use]
    pub fn tr_request(&self) -> i64 {
        if self.request.is_some() { self.tq() - self.ti().max(0) - self.handshake_ms() } else { -1 }
    }

    /// `%Tw`. HAPROXY: a request time that was not reached counts as -1.
    #[must_use]
    pub fn tw(&self) -> i64 {
        if self.queue.is_some() { ms(self.queue) - self.tq() } else { -1 }
    }

    /// `%Tc`
    #[must_use]
    pub fn tc(&self) -> i64 {
        if self.connect.is_some() { ms(self.connect) - ms(self.queue) } else { -1 }
    }

    /// `%Tr`
    #[must_use]
    pub fn tr_response(&self) -> i64 {
        if self.data.is_some() { ms(self.data) - ms(self.connect) } else { -1 }
    }

    /// `%Td`
    #[must_use]
    pub fn td(&self) -> i64 {
        if self.data.is_some() { self.close_ms() - ms(self.data) } else { -1 }
    }

    /// `%Ta`
    #[must_use]
    pub fn ta(&self) -> i64 {
        self.close_ms() - self.handshake_ms() - self.ti().max(0)
    }

    /// `%Tt`
    #[must_use]
    pub fn tt(&self) -> i64 {
        self.close_ms()
    }

    /// `%Tu`
    #[must_use]
    pub fn tu(&self) -> i64 {
        self.close_ms() - self.ti().max(0)
    }
}

/// Everything that log fields show and expressions do not see. The engine keeps one a stream.
#[derive(Clone, Debug, Default)]
pub struct LogData {
    /// Wall-clock time of the accept of this request, microseconds since 1970 (`%t`, `%T`, `%Ts`).
    pub accepted_at_us: u64,
    /// The moments.
    pub timers: Timers,
    /// `%ST`; none is -1.
    pub status: Option<u16>,
    /// `%B`
    pub bytes_out: u64,
    /// `%U`
    pub bytes_in: u64,
    /// `%ts`, `%tsc`
    pub termination: Termination,
    /// `%rc`
    pub retries: u32,
    /// Whether another server was chosen after a failure: `+` in front of `%rc`.
    pub redispatched: bool,
    /// `%ac`
    pub active_connections: u64,
    /// `%fc`
    pub frontend_connections: u64,
    /// `%bc`
    pub backend_connections: u64,
    /// `%sc`
    pub server_connections: u64,
    /// `%sq`
    pub server_queue: u64,
    /// `%bq`
    pub backend_queue: u64,
    /// `%CC`, cut at the capture's length.
    pub request_cookie: Option<Vec<u8>>,
    /// `%CS`
    pub response_cookie: Option<Vec<u8>>,
    /// What stands for the server when none was chosen: `<STATS>` and the like; `<NOSRV>` when none.
    pub server_stand_in: Option<&'static str>,
    /// `%si`, `%sp`: where the server connection goes.
    pub server_address: Option<SocketAddr>,
    /// `%bi`, `%bp`: where it comes from.
    pub server_source: Option<SocketAddr>,
    /// `%lc`: log lines of the frontend before this one.
    pub log_counter: u64,
    /// `option logasap`: `+` in front of `%Ta`, `%Tt`, `%Tu` and `%B`.
    pub as_soon_as_possible: bool,
    /// Whether the frontend declared request captures: `{}` is then written even when nothing was captured.
    pub request_captures: usize,
    /// The same for the response.
    pub response_captures: usize,
    /// `%sslv`
    pub tls_version: Option<Arc<str>>,
    /// `%sslc`
    pub tls_cipher: Option<Arc<str>>,
}
