//! Whether there are as many processes as there have to be, with the delays before a start or an end counts. Pure: time
//! is an argument.

use std::time::{Duration, Instant};

use keepalived_config::resolved::TrackProcess;

/// What changed the number of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// One started: `fork_delay` applies.
    Fork,
    /// One ended: `terminate_delay` applies.
    Exit,
    /// One became another program, or everything was counted anew: counts at once.
    Exec,
}

/// The quorum of one tracker.
#[derive(Clone, Debug)]
pub(super) struct Quorum {
    least: usize,
    most: Option<usize>,
    fork_delay: Duration,
    terminate_delay: Duration,
    count: usize,
    good: bool,
    /// What was last told; nothing before the first count.
    told: Option<bool>,
    /// When a change counts that is waiting.
    due_at: Option<Instant>,
}

impl Quorum {
    pub(super) fn new(config: &TrackProcess) -> Self {
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        Self {
            least: size(config.quorum),
            most: config.quorum_max.map(size),
            fork_delay: config.fork_delay,
            terminate_delay: config.terminate_delay,
            count: 0,
            good: false,
            told: None,
            due_at: None,
        }
    }

    pub(super) fn is_good(&self) -> bool {
        self.good
    }

    /// There are so many processes now.
    pub(super) fn counted(&mut self, count: usize, why: Why, now: Instant) {
        self.count = count;
        let good = count >= self.least && self.most.is_none_or(|most| count <= most);
        if self.told.is_none() {
            // The first count is how things are, not a change.
            (self.good, self.told) = (good, Some(good));
            return;
        }
        if good == self.good {
            // Back to what it was: nothing happened.
            self.due_at = None;
            return;
        }
        let delay = match why {
            Why::Fork => self.fork_delay,
            Why::Exit => self.terminate_delay,
            Why::Exec => Duration::ZERO,
        };
        if delay.is_zero() {
            (self.good, self.due_at) = (good, None);
        } else if self.due_at.is_none() {
            self.due_at = Some(now + delay);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due_at
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.due_at.is_some_and(|at| at <= now) {
            (self.good, self.due_at) = (!self.good, None);
        }
    }

    /// The new state, once, if it changed.
    pub(super) fn take_change(&mut self) -> Option<bool> {
        if self.told == Some(self.good) {
            return None;
        }
        self.told = Some(self.good);
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepalived_config::resolved::ParamMatch;

    fn quorum(least: u32, most: Option<u32>, fork: u64, terminate: u64) -> Quorum {
        Quorum::new(&TrackProcess {
            process: "x".into(),
            parameters: Vec::new(),
            matching: ParamMatch::None,
            full_command: false,
            quorum: least,
            quorum_max: most,
            fork_delay: Duration::from_secs(fork),
            terminate_delay: Duration::from_secs(terminate),
        })
    }

    #[test]
    fn delays_wait_and_the_opposite_event_cancels() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut q = quorum(1, None, 2, 5);
        q.counted(0, Why::Exec, at(0));
        assert_eq!(q.take_change(), None);
        q.counted(1, Why::Fork, at(0));
        assert_eq!((q.poll_timeout(), q.is_good()), (Some(at(2)), false));
        q.counted(0, Why::Exit, at(1));
        assert_eq!(q.poll_timeout(), None);
        q.counted(1, Why::Fork, at(3));
        q.handle_timeout(at(5));
        assert_eq!(q.take_change(), Some(true));
        q.counted(0, Why::Exit, at(6));
        q.counted(1, Why::Fork, at(7));
        q.handle_timeout(at(20));
        assert_eq!((q.take_change(), q.is_good()), (None, true));
        q.counted(0, Why::Exit, at(20));
        q.handle_timeout(at(25));
        assert_eq!(q.take_change(), Some(false));
    }

    #[test]
    fn too_many_are_as_bad_as_too_few() {
        let now = Instant::now();
        let mut q = quorum(2, Some(3), 0, 0);
        let mut good = Vec::new();
        for count in [1, 2, 3, 4, 3, 1] {
            q.counted(count, Why::Exec, now);
            good.push(q.is_good());
        }
        assert_eq!(good, [false, true, true, false, true, false]);
    }
}
