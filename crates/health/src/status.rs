//! Check statuses: their numbers (state file), short names (statistics), texts (logs) and results.

use std::fmt;

/// How a check ended (haproxy-algorithms, 4.2). The numbers are those of `show servers state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum CheckStatus {
    /// Never checked.
    Unknown = 0,
    /// Not checked yet.
    Initializing = 1,
    /// An agent spoke and changed nothing.
    Checked = 3,
    /// The traffic's errors (`observe`).
    HealthAnalyze = 4,
    /// Error on an established connection.
    SocketError = 5,
    /// Connected.
    L4Ok = 6,
    /// No connection in time.
    L4Timeout = 7,
    /// No connection.
    L4Connection = 8,
    /// TLS established.
    L6Ok = 9,
    /// No TLS in time.
    L6Timeout = 10,
    /// TLS failed.
    L6Response = 11,
    /// No response in time.
    L7Timeout = 12,
    /// No valid response.
    L7Response = 13,
    /// A good response.
    L7Ok = 15,
    /// 404 with `disable-on-404`.
    L7OkConditional = 16,
    /// A bad status.
    L7Status = 17,
    /// The external program failed.
    ProcessError = 18,
    /// The external program did not end in time.
    ProcessTimeout = 19,
    /// The external program passed.
    ProcessOk = 20,
}

/// What a status means for the server. The numbers are those of `show servers state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CheckResult {
    /// No check yet.
    Unknown = 0,
    /// Says nothing.
    Neutral = 1,
    /// Failed.
    Failed = 2,
    /// Passed.
    Passed = 3,
    /// Passed, for persistent requests only.
    Conditional = 4,
}

impl CheckStatus {
    /// All, in order of their numbers.
    pub const ALL: [Self; 19] = [
        Self::Unknown,
        Self::Initializing,
        Self::Checked,
        Self::HealthAnalyze,
        Self::SocketError,
        Self::L4Ok,
        Self::L4Timeout,
        Self::L4Connection,
        Self::L6Ok,
        Self::L6Timeout,
        Self::L6Response,
        Self::L7Timeout,
        Self::L7Response,
        Self::L7Ok,
        Self::L7OkConditional,
        Self::L7Status,
        Self::ProcessError,
        Self::ProcessTimeout,
        Self::ProcessOk,
    ];

    /// The short name (`check_status` of the statistics, `ok-status` and its like).
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The text for logs (`check_desc` of the statistics).
    #[must_use]
    pub fn text(self) -> &'static str {
        self.row().1
    }

    /// What it means.
    #[must_use]
    pub fn result(self) -> CheckResult {
        self.row().2
    }

    /// Whether it carries a numeric code (`check_code`, `code: N`).
    #[must_use]
    pub fn has_code(self) -> bool {
        self as u8 > 14
    }

    /// The status of a short name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    fn row(self) -> (&'static str, &'static str, CheckResult) {
        use CheckResult::{Conditional, Failed, Neutral, Passed, Unknown};
        match self {
            Self::Unknown => ("UNK", "Unknown", Unknown),
            Self::Initializing => ("INI", "Initializing", Unknown),
            Self::Checked => ("CHECKED", "No status change", Neutral),
            Self::HealthAnalyze => ("HANA", "Health analyze", Failed),
            Self::SocketError => ("SOCKERR", "Socket error", Failed),
            Self::L4Ok => ("L4OK", "Layer4 check passed", Passed),
            Self::L4Timeout => ("L4TOUT", "Layer4 timeout", Failed),
            Self::L4Connection => ("L4CON", "Layer4 connection problem", Failed),
            Self::L6Ok => ("L6OK", "Layer6 check passed", Passed),
            Self::L6Timeout => ("L6TOUT", "Layer6 timeout", Failed),
            Self::L6Response => ("L6RSP", "Layer6 invalid response", Failed),
            Self::L7Timeout => ("L7TOUT", "Layer7 timeout", Failed),
            Self::L7Response => ("L7RSP", "Layer7 invalid response", Failed),
            Self::L7Ok => ("L7OK", "Layer7 check passed", Passed),
            Self::L7OkConditional => ("L7OKC", "Layer7 check conditionally passed", Conditional),
            Self::L7Status => ("L7STS", "Layer7 wrong status", Failed),
            Self::ProcessError => ("PROCERR", "External check error", Failed),
            Self::ProcessTimeout => ("PROCTOUT", "External check timeout", Failed),
            Self::ProcessOk => ("PROCOK", "External check passed", Passed),
        }
    }
}

impl fmt::Display for CheckStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_numbers_ascend() {
        assert!(CheckStatus::ALL.is_sorted());
        for status in CheckStatus::ALL {
            assert_eq!(CheckStatus::from_name(status.name()), Some(status));
        }
        assert_eq!(CheckStatus::from_name("L8OK"), None);
    }

    #[test]
    fn codes_belong_to_the_statuses_with_data() {
        assert!(CheckStatus::L7Status.has_code() && CheckStatus::ProcessOk.has_code());
        assert!(!CheckStatus::L7Response.has_code());
    }
}
