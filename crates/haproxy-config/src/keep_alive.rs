//! How TCP keep-alive probes are sent: what `clitcpka-*` and `srvtcpka-*` say (configuration manual, section 4.2).

/// The probes of a connection; what is not said is the system's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepAlive {
    /// Seconds of silence before the first probe, 1 to 32767 (`TCP_KEEPIDLE`).
    pub idle: Option<u32>,
    /// Seconds between two probes, 1 to 32767 (`TCP_KEEPINTVL`).
    pub interval: Option<u32>,
    /// Unanswered probes that end the connection, 1 to 127 (`TCP_KEEPCNT`).
    pub count: Option<u32>,
}
