//! Tracked files and processes: what their state means for an instance. keepalived.conf(5), `vrrp_track_file`,
//! `vrrp_track_process`.
//!
//! The shell says what a file holds and whether a quorum is there; this module says what that adds to the priority and
//! whether it is a fault.

use std::fmt;
use std::sync::Arc;

use crate::config::Tracked;
use crate::event::Event;
use crate::track::{self, Health};

/// Index of a tracker in [`crate::RouterConfig::trackers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerId(pub usize);

/// What a tracker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackerKind {
    /// A number in a file.
    File,
    /// A quorum of processes.
    Process,
}

/// One `vrrp_track_file` or `vrrp_track_process`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerConfig {
    /// The block's name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: TrackerKind,
}

/// What a tracker says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Nothing yet.
    #[default]
    Unknown,
    /// There is a quorum.
    Good,
    /// There is none.
    Bad,
    /// The number in the file.
    Value(i32),
}

/// More than this a file cannot add.
const VALUE_MAX: i64 = 253;
/// A file that takes this much is a fault.
const VALUE_FAULT: i64 = -254;

/// What a reading adds to the priority, and whether it is a fault.
pub fn effect(tracked: &Tracked<TrackerId>, reading: Reading) -> (i32, bool) {
    let health = match reading {
        Reading::Unknown => Health::Unknown,
        Reading::Good => Health::Good,
        Reading::Bad => Health::Bad,
        Reading::Value(value) => return value_effect(tracked, value),
    };
    (track::contribution(tracked, health), track::is_fault(tracked, health))
}

fn value_effect(tracked: &Tracked<TrackerId>, value: i32) -> (i32, bool) {
    if tracked.weight == 0 {
        return (0, (value != 0) != tracked.reverse);
    }
    let product = status(tracked, Reading::Value(value));
    if product <= VALUE_FAULT {
        return (0, true);
    }
    (i32::try_from(product.min(VALUE_MAX)).unwrap_or(0), false)
}

/// What a line about a file's fault calls its status.
pub fn status(tracked: &Tracked<TrackerId>, reading: Reading) -> i64 {
    match reading {
        Reading::Value(value) if tracked.weight != 0 => {
            let product = i64::from(value) * i64::from(tracked.weight);
            if tracked.reverse { -product } else { product }
        }
        Reading::Value(_) => VALUE_FAULT,
        Reading::Unknown | Reading::Good | Reading::Bad => 0,
    }
}

/// The line about a fault that a file caused or no longer causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultLine {
    /// The instance's name.
    pub instance: Arc<str>,
    /// The tracker.
    pub tracker: TrackerConfig,
    /// What a file would add to the priority, or the number of a fault.
    pub status: i64,
    /// It is a fault now; it was one otherwise.
    pub fault: bool,
    /// At start, where every fault is told.
    pub at_start: bool,
}

impl fmt::Display for FaultLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, tracker, status, fault, at_start } = self;
        let name = &tracker.name;
        match (tracker.kind, at_start) {
            (TrackerKind::File, true) => {
                write!(f, "({instance}): entering FAULT state (tracked file {name} has status {status})")
            }
            (TrackerKind::Process, true) => {
                write!(f, "({instance}) entering FAULT state (tracked process {name} quorum not achieved)")
            }
            (TrackerKind::File, false) => {
                let what = if *fault { "now" } else { "leaving" };
                write!(f, "({instance}): tracked file {name} {what} FAULT state")
            }
            (TrackerKind::Process, false) => {
                let what = if *fault { "now" } else { "leaving" };
                write!(f, "({instance}): tracked process {name} {what} FAULT state")
            }
        }
    }
}

impl From<FaultLine> for Event {
    fn from(line: FaultLine) -> Self {
        Self::Tracker(Box::new(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that were measured: `track_file` with weight 2 and values 10, 20, 0x10, -200, then the rules of the manual.
    #[test]
    fn effects() {
        let tracked = |weight, reverse| Tracked { object: TrackerId(0), weight, reverse };
        for (weight, reverse, reading, wanted) in [
            (2, false, Reading::Value(10), (20, false)),
            (2, false, Reading::Value(16), (32, false)),
            (2, false, Reading::Value(-200), (0, true)),
            (2, true, Reading::Value(10), (-20, false)),
            (-254, false, Reading::Value(1), (0, true)),
            (-253, false, Reading::Value(1), (-253, false)),
            (1, false, Reading::Value(i32::MAX), (253, false)),
            (254, false, Reading::Value(i32::MIN), (0, true)),
            (0, false, Reading::Value(0), (0, false)),
            (0, false, Reading::Value(5), (0, true)),
            (0, true, Reading::Value(0), (0, true)),
            (5, false, Reading::Good, (5, false)),
            (5, false, Reading::Bad, (0, false)),
            (-5, false, Reading::Bad, (-5, false)),
            (0, false, Reading::Bad, (0, true)),
            (0, true, Reading::Good, (0, true)),
            (0, false, Reading::Unknown, (0, false)),
        ] {
            assert_eq!(effect(&tracked(weight, reverse), reading), wanted, "{weight} {reverse} {reading:?}");
        }
    }
}
