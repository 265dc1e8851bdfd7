//! Effective priority: what tracked scripts and interfaces add to or take from the base priority, and which of them
//! are faults. keepalived.conf(5), `track_interface` and `track_script`.
//!
//! The sum is computed afresh from the state of every tracker, so it cannot drift.

use crate::config::{BfdId, InstanceId, LinkId, ScriptId, Tracked};

/// What a tracked object says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not reported yet.
    Unknown,
    /// Script succeeding, interface up.
    Good,
    /// Script failing, interface down.
    Bad,
}

impl Health {
    /// Good or bad from a flag.
    pub fn from_good(good: bool) -> Self {
        if good { Self::Good } else { Self::Bad }
    }
}

/// The trackers' verdict on one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Sum of all contributions.
    pub delta: i32,
    /// Weight-0 scripts that fail.
    pub failing: Vec<ScriptId>,
    /// Interfaces that are down and whose being down is a fault.
    pub links_down: Vec<LinkId>,
    /// Files and processes that are a fault.
    pub trackers: Vec<crate::tracker::TrackerId>,
    /// One of them takes more than a priority has: the sum means nothing and the priority stays as it is.
    pub holds_priority: bool,
    /// Weight-0 BFD sessions that are not Up.
    pub bfds_down: Vec<BfdId>,
    /// The instance that has its VRID on the interface below its own.
    pub duplicate: Option<InstanceId>,
    /// Weight-0 scripts that have not reported yet: they hold the instance in INIT.
    pub pending: usize,
}

impl Verdict {
    /// True when nothing of this is a fault.
    pub fn is_faultless(&self) -> bool {
        self.failing.is_empty()
            && self.links_down.is_empty()
            && self.trackers.is_empty()
            && self.bfds_down.is_empty()
            && self.duplicate.is_none()
    }
}

/// What one tracked object with a weight contributes: a positive weight counts while good, a negative one while bad.
pub fn contribution<T>(tracked: &Tracked<T>, health: Health) -> i32 {
    let counts = match health {
        Health::Unknown => false,
        Health::Good => tracked.weight > 0,
        Health::Bad => tracked.weight < 0,
    };
    match (counts, tracked.reverse) {
        (false, _) => 0,
        (true, false) => tracked.weight,
        (true, true) => -tracked.weight,
    }
}

/// True when a weight-0 object's health is a fault.
pub fn is_fault<T>(tracked: &Tracked<T>, health: Health) -> bool {
    tracked.weight == 0
        && match health {
            Health::Unknown => false,
            Health::Good => tracked.reverse,
            Health::Bad => !tracked.reverse,
        }
}

/// Effective priority: clamped to 1..=254, except that the owner's 255 never changes.
pub fn effective_priority(base: u8, delta: i32) -> u8 {
    if base == 255 {
        return 255;
    }
    let total = i32::from(base).saturating_add(delta).clamp(1, 254);
    u8::try_from(total).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracked(weight: i32, reverse: bool) -> Tracked<ScriptId> {
        Tracked { object: ScriptId(0), weight, reverse }
    }

    #[test]
    fn contributions() {
        // weight, reverse, health, contribution, fault: one row a rule of the manual's table
        let rows = [
            (10, false, Health::Good, 10, false),
            (10, false, Health::Bad, 0, false),
            (10, false, Health::Unknown, 0, false),
            (-60, false, Health::Good, 0, false),
            (-60, false, Health::Bad, -60, false),
            (-60, false, Health::Unknown, 0, false),
            (10, true, Health::Good, -10, false),
            (-60, true, Health::Bad, 60, false),
            (0, false, Health::Bad, 0, true),
            (0, false, Health::Good, 0, false),
            (0, true, Health::Good, 0, true),
            (0, true, Health::Bad, 0, false),
            (0, false, Health::Unknown, 0, false),
        ];
        for (weight, reverse, health, delta, fault) in rows {
            let t = tracked(weight, reverse);
            assert_eq!(contribution(&t, health), delta, "{weight} {reverse} {health:?}");
            assert_eq!(is_fault(&t, health), fault, "{weight} {reverse} {health:?}");
        }
    }

    #[test]
    fn effective_priority_is_clamped_and_the_owner_is_fixed() {
        assert_eq!(effective_priority(150, -60), 90);
        assert_eq!(effective_priority(100, 200), 254);
        assert_eq!(effective_priority(100, -100), 1);
        assert_eq!(effective_priority(100, i32::MIN), 1);
        assert_eq!(effective_priority(255, -60), 255);
    }
}
