//! The time as a thread's tasks see it: read once each time a connection's task runs, not at every step of a request.
//!
//! Wall-clock time is the monotonic time plus an offset that is renewed every second, so that a jump of the wall clock moves dates
//! and no timer.

use std::cell::Cell;

/// How long an offset between the clocks is good for.
const OFFSET_TTL_US: u64 = 1_000_000;

#[derive(Clone, Copy)]
struct Now {
    monotonic_us: u64,
    /// Wall-clock minus monotonic time.
    offset_us: u64,
    /// Monotonic time at which the offset was taken.
    offset_at_us: u64,
}

thread_local! {
    static NOW: Cell<Now> = const { Cell::new(Now { monotonic_us: 0, offset_us: 0, offset_at_us: 0 }) };
}

/// Reads the clock.
pub(crate) fn refresh() {
    let mut now = NOW.get();
    now.monotonic_us = sys::clock::now_us();
    if now.offset_at_us == 0 || now.monotonic_us >= now.offset_at_us + OFFSET_TTL_US {
        let wall = sys::clock::wall();
        let wall_us = u64::try_from(wall.seconds).unwrap_or(0) * 1_000_000 + u64::from(wall.micros);
        now.offset_us = wall_us.saturating_sub(now.monotonic_us);
        now.offset_at_us = now.monotonic_us;
    }
    NOW.set(now);
}

/// Monotonic ms of the last [`refresh`].
pub(crate) fn now_ms() -> u64 {
    let now = NOW.get();
    if now.monotonic_us == 0 {
        refresh();
        return NOW.get().monotonic_us / 1000;
    }
    now.monotonic_us / 1000
}

/// Wall-clock time of the last [`refresh`], microseconds since 1970.
pub(crate) fn wall_us() -> u64 {
    let now = NOW.get();
    now.monotonic_us + now.offset_us
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_between_readings() {
        refresh();
        let (ms, wall) = (now_ms(), wall_us());
        assert_eq!((now_ms(), wall_us()), (ms, wall));
        refresh();
        assert!(now_ms() >= ms && wall_us() >= wall);
    }
}
