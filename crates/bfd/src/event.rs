//! What a session has to say, with the texts of keepalived 2.3.3.

use std::fmt;
use std::time::Duration;

use crate::packet::{Diagnostic, State};

/// One row of the table of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Would send so often.
    pub min_tx: Duration,
    /// Can receive so often.
    pub min_rx: Duration,
    /// Sends so often.
    pub interval: Duration,
    /// Detection multiplier.
    pub multiplier: u8,
    /// Is missed after this time.
    pub detection: Duration,
}

/// Something worth a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The neighbor's parameters changed.
    Parameters {
        /// Ours.
        local: Parameters,
        /// The neighbor's.
        remote: Parameters,
    },
    /// How long the neighbor may be silent changed.
    DetectionTime {
        /// From now on.
        is: Duration,
        /// Until now.
        was: Duration,
    },
    /// The session is Up.
    Up,
    /// The session is Down.
    Down {
        /// Why, as we see it.
        local: Diagnostic,
        /// Why, as the neighbor sees it.
        remote: Diagnostic,
    },
    /// The neighbor was silent for too long.
    Expired {
        /// How long: the detection time and what follows.
        after: Duration,
        /// How late this was noticed.
        overdue: Duration,
    },
    /// The neighbor is asked to confirm new parameters.
    PollStarted,
    /// The session changed its state without a line of its own in the reference.
    Silent(State),
}

impl Event {
    /// The lines of the event for the session called `name`; none for [`Event::Silent`].
    pub fn lines(&self, name: &str) -> Vec<String> {
        let indent = " ".repeat(name.len() + 3);
        match self {
            Self::Parameters { local, remote } => vec![
                format!("({name}) ---------------< Session parameters >--------------"),
                format!(
                    "{indent}{:<6}{:>9}{:>8}{:>9}{:>6}{:>13}",
                    "", "min_tx", "min_rx", "tx_intv", "mult", "detect_time"
                ),
                format!("{indent}{:<6}{local}", "local"),
                format!("{indent}{:<6}{remote}", "remote"),
            ],
            Self::DetectionTime { is, was } => {
                vec![format!("{indent}Detection time is {} us (was {} us)", is.as_micros(), was.as_micros())]
            }
            Self::Up => vec![format!("({name}) Entering Up state")],
            Self::Down { local, remote } => vec![format!(
                "({name}) Entering Down state (Local diagnostic - {local}, Remote diagnostic - {remote})"
            )],
            Self::Expired { after, overdue } => vec![format!(
                "({name}) Expired after {} ms ({} usec overdue)",
                after.as_millis(),
                overdue.as_micros()
            )],
            Self::PollStarted => vec![format!("({name}) Starting poll sequence")],
            Self::Silent(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>9}{:>8}{:>9}{:>6}{:>13}",
            self.min_tx.as_micros(),
            self.min_rx.as_micros(),
            self.interval.as_micros(),
            self.multiplier,
            self.detection.as_micros()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_references() {
        let ms = Duration::from_millis;
        let local = Parameters {
            min_tx: ms(1000),
            min_rx: ms(50),
            interval: ms(60),
            multiplier: 3,
            detection: ms(180),
        };
        let remote = Parameters { min_tx: ms(60), ..local };
        assert_eq!(
            Event::Parameters { local, remote }.lines("B1"),
            [
                "(B1) ---------------< Session parameters >--------------",
                "              min_tx  min_rx  tx_intv  mult  detect_time",
                "     local   1000000   50000    60000     3       180000",
                "     remote    60000   50000    60000     3       180000",
            ]
        );
        assert_eq!(
            Event::DetectionTime { is: ms(180), was: ms(3000) }.lines("B1"),
            ["     Detection time is 180000 us (was 3000000 us)"]
        );
        assert_eq!(
            Event::Down { local: Diagnostic::EXPIRED, remote: Diagnostic::NONE }.lines("B1"),
            [
                "(B1) Entering Down state (Local diagnostic - Control Detection Time Expired, Remote diagnostic - No Diagnostic)"
            ]
        );
    }
}
