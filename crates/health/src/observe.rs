//! Health by traffic: what connections and responses of a server say about it (`observe`, `error-limit`, `on-error`; configuration
//! manual, section 5.2; haproxy-algorithms, 4.4).

use crate::check::{Check, Outcome, Recorded};
use crate::status::CheckStatus;

/// What is looked at (`observe`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// `layer4`: whether connections succeed.
    Connection,
    /// `layer7`: whether responses are good, too.
    Response,
}

/// What happens when there were too many errors (`on-error`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnError {
    /// The next check comes after `fastinter`.
    FastInter,
    /// A check has failed.
    #[default]
    FailCheck,
    /// One more failed check takes the server down.
    SuddenDeath,
    /// The server is down.
    MarkDown,
}

/// How a server is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observe {
    /// What is looked at.
    pub layer: Layer,
    /// `error-limit`: so many errors in a row are too many; at least 1.
    pub limit: u32,
    /// `on-error`
    pub on_error: OnError,
}

/// What went wrong in traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrafficError {
    /// No connection.
    Connection,
    /// A status that tells of a failure.
    WrongStatus,
    /// A response that cannot be read.
    InvalidResponse,
    /// The connection ended before a response.
    ReadError,
    /// No response in time.
    ReadTimeout,
}

impl TrafficError {
    fn text(self) -> &'static str {
        match self {
            Self::Connection => "L4 unsuccessful connection",
            Self::WrongStatus => "Wrong http response",
            Self::InvalidResponse => "Invalid http response (headers)",
            Self::ReadError => "Read error (http)",
            Self::ReadTimeout => "Read timeout (http)",
        }
    }
}

/// Whether a status is one of a server in good health.
#[must_use]
pub fn is_good_status(status: u16) -> bool {
    matches!(status, 100..=499 | 501 | 505)
}

impl Check {
    /// There were `errors` in a row, which are too many. None when no check is to fail for it. The next check hurries in any case.
    pub fn observe(&mut self, on_error: OnError, errors: u32, last: TrafficError) -> Option<Recorded> {
        self.fast = true;
        match on_error {
            OnError::FastInter => return None,
            OnError::FailCheck => {}
            OnError::SuddenDeath => self.lower_to(self.timing().rise + 1),
            OnError::MarkDown => self.restart(),
        }
        Some(self.record(Outcome {
            status: CheckStatus::HealthAnalyze,
            code: 0,
            info: format!("Detected {errors} consecutive errors, last one was: {}", last.text()),
            duration: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Change;
    use crate::config::Timing;

    fn checked(successes: usize, fall: u32) -> Check {
        let mut check = Check::new(Timing { rise: 2, fall, ..Timing::default() });
        for _ in 0..successes {
            let outcome = Outcome { status: CheckStatus::L4Ok, code: 0, info: String::new(), duration: None };
            check.record(outcome);
        }
        check
    }

    #[test]
    fn a_failed_check_is_one_of_many() {
        let mut check = checked(1, 3);
        let recorded = check.observe(OnError::FailCheck, 10, TrafficError::WrongStatus);
        assert_eq!(recorded.map(|r| r.change), Some(Change::None));
        assert_eq!(check.fraction(false), (2, 3));
        assert_eq!(
            check.last.describe(),
            "reason: Health analyze, info: \"Detected 10 consecutive errors, last one was: Wrong http response\""
        );
        assert!(check.fast);
    }

    #[test]
    fn sudden_death_leaves_one_and_mark_down_none() {
        let mut check = checked(1, 4);
        let last = TrafficError::ReadTimeout;
        assert_eq!(check.observe(OnError::SuddenDeath, 1, last).map(|r| r.change), Some(Change::None));
        assert_eq!(check.fraction(false), (1, 4));
        assert_eq!(check.observe(OnError::SuddenDeath, 1, last).map(|r| r.change), Some(Change::Down));
        let mut check = checked(1, 4);
        assert_eq!(check.observe(OnError::MarkDown, 1, last).map(|r| r.change), Some(Change::Down));
    }

    #[test]
    fn the_next_check_hurries_and_the_one_after_it_does_not() {
        let mut check = checked(1, 3);
        assert_eq!(check.observe(OnError::FastInter, 1, TrafficError::Connection), None);
        assert!(check.fast);
        let outcome = Outcome { status: CheckStatus::L4Ok, code: 0, info: String::new(), duration: None };
        check.start();
        check.record(outcome);
        assert!(!check.fast);
    }
}
