//! The state of one server's check: health, last result, when the next one is due (haproxy-algorithms, 4.1 and 4.3).
//!
//! ```text
//! health:  0 … rise-1          rise … rise+fall-1
//!          down, going up      up, going down
//! ```
//!
//! Owns no server state: [`Check::record`] tells what a result means, the caller decides (maintenance, tracking). Time is an argument.

use crate::config::Timing;
use crate::status::{CheckResult, CheckStatus};
use std::fmt::Write as _;
use std::time::Duration;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub status: CheckStatus,
    /// The numeric code of statuses that have one (the HTTP status).
    pub code: u16,
    /// What was wrong, or what the server said; empty for nothing.
    pub info: String,
    /// How long it took; none for results that no check made (agent words, traffic).
    pub duration: Option<Duration>,
}

/// What a result does to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Health did not cross the line.
    None,
    /// Up now.
    Up,
    /// Down now.
    Down,
    /// Up, but for persistent requests only (404 with `disable-on-404`).
    Stopping,
}

/// What [`Check::record`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What it does to the server.
    pub change: Change,
    /// Whether status or health moved, which `option log-health-checks` reports.
    pub noteworthy: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Check {
    timing: Timing,
    health: u32,
    /// Whether it runs (`enable health`, `disable health`).
    pub enabled: bool,
    /// Whether it waits for the server to leave maintenance.
    pub paused: bool,
    /// Whether one is under way.
    pub in_progress: bool,
    /// Whether traffic errors asked for `fastinter`, until a check has run.
    pub fast: bool,
    /// The last result; [`CheckStatus::Initializing`] before the first.
    pub last: Outcome,
}

impl Check {
    /// A check that has not run yet, of a server that is up and one failure away from down.
    #[must_use]
    pub fn new(timing: Timing) -> Self {
        let timing = Timing { rise: timing.rise.max(1), fall: timing.fall.max(1), ..timing };
        Self {
            health: timing.rise,
            timing,
            enabled: true,
            paused: false,
            in_progress: false,
            fast: false,
            last: Outcome { status: CheckStatus::Initializing, code: 0, info: String::new(), duration: None },
        }
    }

    /// Its intervals and counts.
    #[must_use]
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// 0 to rise+fall-1; rise and more is up.
    #[must_use]
    pub fn health(&self) -> u32 {
        self.health
    }

    /// The highest health.
    #[must_use]
    pub fn max_health(&self) -> u32 {
        self.timing.rise + self.timing.fall - 1
    }

    /// Whether the checks say up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.health >= self.timing.rise
    }

    /// `1/3`: steps within the present half. `stopped` is the server's state, which tells the half.
    #[must_use]
    pub fn fraction(&self, stopped: bool) -> (u32, u32) {
        if stopped {
            (self.health, self.timing.rise)
        } else {
            // HAPROXY: a server that is up with the health of a down one (just set up by hand) shows 0.
            ((self.health + 1).saturating_sub(self.timing.rise), self.timing.fall)
        }
    }

    /// One failure away from down: when the server leaves maintenance.
    pub fn restart(&mut self) {
        self.health = self.timing.rise;
    }

    /// Fully up: an administrator's or agent's word.
    pub fn set_up(&mut self) {
        self.health = self.max_health();
    }

    /// Fully down: an administrator's or agent's word.
    pub fn set_down(&mut self) {
        self.health = 0;
    }

    /// No more than that: traffic errors.
    pub(crate) fn lower_to(&mut self, health: u32) {
        self.health = self.health.min(health);
    }

    /// One begins: the last one's message is forgotten, its status stays.
    pub fn start(&mut self) {
        self.in_progress = true;
        self.fast = false;
        self.last.info.clear();
    }

    /// Counts a result.
    pub fn record(&mut self, outcome: Outcome) -> Recorded {
        let result = outcome.status.result();
        let (was_up, old_health, old_status) = (self.is_up(), self.health, self.last.status);
        self.last = outcome;
        self.in_progress = false;
        match result {
            CheckResult::Failed => {
                self.health = self.health.saturating_sub(1);
                if self.health < self.timing.rise {
                    self.health = 0;
                }
            }
            CheckResult::Passed | CheckResult::Conditional => {
                if self.health < self.max_health() {
                    self.health += 1;
                    if self.health >= self.timing.rise {
                        self.health = self.max_health();
                    }
                }
            }
            CheckResult::Unknown | CheckResult::Neutral => {}
        }
        let change = match result {
            CheckResult::Failed if was_up && !self.is_up() => Change::Down,
            CheckResult::Passed if self.is_up() => Change::Up,
            CheckResult::Conditional if self.is_up() => Change::Stopping,
            _ => Change::None,
        };
        let noteworthy = old_health != self.health || old_status != self.last.status;
        Recorded { change, noteworthy }
    }

    /// How long after the end of a check the next one starts. `stopped` is the server's state.
    #[must_use]
    pub fn interval(&self, stopped: bool) -> Duration {
        if self.health == self.max_health() && !self.fast {
            self.timing.inter
        } else if stopped && self.health == 0 {
            self.timing.down_inter.unwrap_or(self.timing.inter)
        } else {
            self.timing.fast_inter.unwrap_or(self.timing.inter)
        }
    }
}

impl Outcome {
    /// `reason: <text>[, code: N][, info: "…"][, check duration: Nms]`: the cause in log lines.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = format!("reason: {}", self.status.text());
        // Writing to a String cannot fail.
        if self.status.has_code() {
            let _ = write!(text, ", code: {}", self.code);
        }
        if !self.info.is_empty() {
            let info = printable(&self.info);
            let _ = write!(text, ", info: \"{info}\"");
        }
        if let Some(duration) = self.duration {
            let _ = write!(text, ", check duration: {}ms", duration.as_millis());
        }
        text
    }
}

/// Servers write the info: control characters do not reach a log.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// When the k-th of `total` checks starts first, after the program's start (haproxy-algorithms, 4.3). `shortest` is the smallest
/// interval of at least a second among all.
#[must_use]
pub fn first_delay(
    k: usize,
    total: usize,
    own: Duration,
    shortest: Duration,
    max_spread: Option<Duration>,
) -> Duration {
    let span = own.max(shortest);
    let span = max_spread.map_or(span, |max| span.min(max));
    let millis = span.as_millis() * k as u128 / total.max(1) as u128;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// An interval moved by up to `percent` either way; `random` is any number.
#[must_use]
pub fn spread(interval: Duration, percent: u32, random: u32) -> Duration {
    if percent == 0 {
        return interval;
    }
    let span = interval.as_millis() as i128 * i128::from(percent.min(100)) / 100;
    let shift = span * 2 * i128::from(random) / i128::from(u32::MAX) - span;
    Duration::from_millis(u64::try_from(interval.as_millis() as i128 + shift).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(rise: u32, fall: u32) -> Check {
        Check::new(Timing { rise, fall, ..Timing::default() })
    }

    fn outcome(status: CheckStatus) -> Outcome {
        Outcome { status, code: 0, info: String::new(), duration: None }
    }

    fn run(check: &mut Check, status: CheckStatus) -> Change {
        check.record(outcome(status)).change
    }

    #[test]
    fn a_fresh_server_falls_at_the_first_failure() {
        let mut check = check(2, 3);
        assert_eq!((check.health(), check.fraction(false)), (2, (1, 3)));
        assert_eq!(run(&mut check, CheckStatus::L4Connection), Change::Down);
        assert_eq!(check.health(), 0);
    }

    #[test]
    fn one_success_then_fall_failures() {
        let mut check = check(2, 3);
        assert_eq!(run(&mut check, CheckStatus::L4Ok), Change::Up);
        assert_eq!(check.health(), 4);
        assert_eq!(run(&mut check, CheckStatus::L4Timeout), Change::None);
        assert_eq!(check.fraction(false), (2, 3));
        assert_eq!(run(&mut check, CheckStatus::L4Timeout), Change::None);
        assert_eq!(run(&mut check, CheckStatus::L4Timeout), Change::Down);
        assert_eq!(check.fraction(true), (0, 2));
        assert_eq!(run(&mut check, CheckStatus::L4Timeout), Change::None);
    }

    #[test]
    fn rise_successes_bring_it_up() {
        let mut check = check(3, 2);
        check.set_down();
        assert_eq!(run(&mut check, CheckStatus::L7Ok), Change::None);
        assert_eq!(run(&mut check, CheckStatus::L7Ok), Change::None);
        assert_eq!(check.fraction(true), (2, 3));
        assert_eq!(run(&mut check, CheckStatus::L7Ok), Change::Up);
        assert_eq!(check.health(), 4);
    }

    #[test]
    fn a_failure_on_the_way_up_starts_again() {
        let mut check = check(3, 1);
        check.set_down();
        run(&mut check, CheckStatus::L4Ok);
        run(&mut check, CheckStatus::L4Ok);
        run(&mut check, CheckStatus::L4Connection);
        assert_eq!(check.health(), 0);
    }

    #[test]
    fn intervals() {
        let ms = Duration::from_millis;
        let timing = Timing {
            inter: ms(1000),
            fast_inter: Some(ms(200)),
            down_inter: Some(ms(5000)),
            rise: 2,
            fall: 3,
        };
        let mut check = Check::new(timing);
        assert_eq!(check.interval(false), ms(200));
        run(&mut check, CheckStatus::L4Ok);
        assert_eq!(check.interval(false), ms(1000));
        check.fast = true;
        assert_eq!(check.interval(false), ms(200));
        check.set_down();
        assert_eq!(check.interval(true), ms(5000));
        run(&mut check, CheckStatus::L4Ok);
        assert_eq!(check.interval(true), ms(200));
    }

    #[test]
    fn descriptions() {
        let outcome = Outcome {
            status: CheckStatus::L7Status,
            code: 503,
            info: "Service Unavailable".into(),
            duration: Some(Duration::from_millis(1)),
        };
        assert_eq!(
            outcome.describe(),
            "reason: Layer7 wrong status, code: 503, info: \"Service Unavailable\", check duration: 1ms"
        );
        let refused =
            Outcome { status: CheckStatus::L4Connection, info: "Connection refused".into(), ..outcome };
        assert_eq!(
            refused.describe(),
            "reason: Layer4 connection problem, info: \"Connection refused\", check duration: 1ms"
        );
    }

    #[test]
    fn first_checks_are_staggered() {
        let (ms, s) = (Duration::from_millis, Duration::from_secs);
        assert_eq!(first_delay(0, 4, s(2), s(2), None), ms(0));
        assert_eq!(first_delay(3, 4, s(2), s(2), None), ms(1500));
        assert_eq!(first_delay(1, 2, ms(100), s(2), None), s(1));
        assert_eq!(first_delay(1, 2, s(8), s(2), Some(s(3))), ms(1500));
    }

    #[test]
    fn spread_stays_within_its_percentage() {
        let second = Duration::from_secs(1);
        assert_eq!(spread(second, 0, 77), second);
        assert_eq!(spread(second, 20, 0), Duration::from_millis(800));
        assert_eq!(spread(second, 20, u32::MAX), Duration::from_millis(1200));
    }

    proptest! {
        #[test]
        fn health_stays_in_range_and_changes_agree_with_it(
            rise in 1_u32..5, fall in 1_u32..5, results in prop::collection::vec(any::<bool>(), 0..60)
        ) {
            let mut check = check(rise, fall);
            for passed in results {
                let was_up = check.is_up();
                let change = run(&mut check, if passed { CheckStatus::L4Ok } else { CheckStatus::L4Connection });
                prop_assert!(check.health() <= check.max_health());
                prop_assert_eq!(change == Change::Down, was_up && !check.is_up());
                prop_assert_eq!(change == Change::Up, passed && check.is_up());
            }
        }
    }
}
