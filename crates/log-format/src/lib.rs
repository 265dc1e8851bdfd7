//! log-format strings, termination state and syslog headers (configuration manual, section 8.2).

/// A parsed log-format string.
#[derive(Clone, Debug)]
pub struct LogFormat {}
