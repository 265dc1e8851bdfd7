//! Events per second over a sliding window (haproxy-algorithms, 2.1).
//!
//! The window starts at an event, lasts a second, and moves on by whole seconds; the reading is the current window's count plus the
//! part of the one before that is less than a second old.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

const PERIOD: u32 = 1000;

/// A rate per second, shared by all threads: it is touched once a connection or request. Two threads that meet in the instant a
/// window ends can misplace one event between the windows.
#[derive(Debug, Default)]
pub struct Rate {
    /// Start of the window (low 32 bits of the monotonic ms, even) in the high half, count in the low half.
    window: AtomicU64,
    previous: AtomicU32,
    max: AtomicU32,
}

impl Rate {
    /// Counts one event at a monotonic time in ms.
    pub fn hit(&self, now_ms: u64) {
        let now = now_ms as u32;
        let mut old = self.window.load(Relaxed);
        loop {
            let (start, count) = split(old);
            let age = now.wrapping_sub(start);
            // A clock that another thread read a moment earlier counts as now.
            let same = !(PERIOD..=u32::MAX / 2).contains(&age);
            let (new, count) = if same {
                (join(start, count.saturating_add(1)), count.saturating_add(1))
            } else if age < 2 * PERIOD {
                (join(start.wrapping_add(PERIOD) & !1, 1), 1)
            } else {
                (join(now & !1, 1), 1)
            };
            match self.window.compare_exchange_weak(old, new, Relaxed, Relaxed) {
                Ok(_) => {
                    if !same {
                        self.previous.store(if age < 2 * PERIOD { split(old).1 } else { 0 }, Relaxed);
                    }
                    if count > self.max.load(Relaxed) {
                        self.max.fetch_max(count, Relaxed);
                    }
                    return;
                }
                Err(seen) => old = seen,
            }
        }
    }

    /// Events per second at a monotonic time in ms, as the statistics show it.
    #[must_use]
    pub fn read(&self, now_ms: u64) -> u64 {
        let (previous, current, rest) = self.windows(now_ms);
        if current == 0 && previous <= 1 {
            // A single old event does not flap between 0 and 1.
            return previous;
        }
        (previous * rest + current * u64::from(PERIOD)) / u64::from(PERIOD)
    }

    /// How many more events a limit per second admits now; for `rate-limit` and the global rates.
    #[must_use]
    pub fn remaining(&self, now_ms: u64, limit: u32) -> u64 {
        let (previous, current, rest) = self.windows(now_ms);
        let value = (previous * rest + current * u64::from(PERIOD)) / u64::from(PERIOD);
        u64::from(limit).saturating_sub(value)
    }

    /// How many ms to wait before the next event fits a limit per second; 0 when it does now.
    #[must_use]
    pub fn delay(&self, now_ms: u64, limit: u32) -> u64 {
        let (previous, current, rest) = self.windows(now_ms);
        let (period, limit) = (u64::from(PERIOD), u64::from(limit.max(1)));
        let over = (previous * rest + (current + 1) * period).saturating_sub(limit * period);
        if over == 0 { 0 } else { (over / limit).max(1) }
    }

    /// The highest count within one window.
    #[must_use]
    pub fn max(&self) -> u64 {
        u64::from(self.max.load(Relaxed))
    }

    /// The maximum starts again.
    pub fn clear_max(&self) {
        self.max.store(0, Relaxed);
    }

    /// Counts of the last and the running window, and how many ms of the last one still count.
    fn windows(&self, now_ms: u64) -> (u64, u64, u64) {
        let (start, count) = split(self.window.load(Relaxed));
        let previous = self.previous.load(Relaxed);
        let age = (now_ms as u32).wrapping_sub(start);
        let age = if age > u32::MAX / 2 { 0 } else { age };
        let (previous, current, rest) = match age / PERIOD {
            0 => (previous, count, PERIOD - age),
            1 => (count, 0, 2 * PERIOD - age),
            _ => (0, 0, 0),
        };
        (u64::from(previous), u64::from(current), u64::from(rest))
    }
}

fn split(window: u64) -> (u32, u32) {
    ((window >> 32) as u32, window as u32)
}

fn join(start: u32, count: u32) -> u64 {
    u64::from(start) << 32 | u64::from(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(rate: &Rate, n: usize, now_ms: u64) {
        (0..n).for_each(|_| rate.hit(now_ms));
    }

    #[test]
    fn the_last_window_fades() {
        let rate = Rate::default();
        hits(&rate, 5, 100_000);
        assert_eq!(rate.read(100_000), 5);
        hits(&rate, 1, 101_100);
        // 5 events in the old window, 1 in the new one that is 100 ms old.
        assert_eq!(rate.read(101_100), (5 * 900 + 1000) / 1000);
        assert_eq!(rate.read(101_600), (5 * 400 + 1000) / 1000);
        assert_eq!(rate.max(), 5);
    }

    #[test]
    fn an_old_window_is_read_without_a_new_event() {
        let rate = Rate::default();
        hits(&rate, 10, 50_000);
        assert_eq!(rate.read(51_500), 5);
        assert_eq!(rate.read(52_000), 0);
    }

    #[test]
    fn one_old_event_does_not_flap() {
        let rate = Rate::default();
        rate.hit(50_000);
        assert_eq!(rate.read(51_900), 1);
        assert_eq!(rate.read(52_001), 0);
    }

    #[test]
    fn limits_have_no_anti_flap() {
        let rate = Rate::default();
        hits(&rate, 4, 10_000);
        assert_eq!((rate.remaining(10_000, 10), rate.remaining(10_000, 3)), (6, 0));
        assert_eq!((rate.delay(10_000, 10), rate.delay(10_000, 4)), (0, 250));
    }
}
