//! What a server's and a backend's check keywords say.

use std::time::Duration;

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

/// One step of a check script (`http-check` and `tcp-check` rules).
#[derive(Clone, Debug)]
pub enum Step {
    /// `connect`
    Connect {
        /// `port`: none means the check's.
        port: Option<u16>,
        /// `comment`
        comment: Option<String>,
    },
}
