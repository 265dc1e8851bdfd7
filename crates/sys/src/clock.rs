//! The two clocks: monotonic time for every timer and duration, wall time for dates in logs only.
//!
//! Broken-down dates come from the C library (so that `TZ` and `/etc/localtime` rule) and are cached per thread and per second:
//! a log line costs one `clock_gettime` and no `localtime_r`. A jump of the wall clock moves dates and no timer.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Monotonic milliseconds since an arbitrary point (the boot). Never goes back.
#[must_use]
pub fn now_ms() -> u64 {
    now_ns() / 1_000_000
}

/// CPU time that the process has used, user and system, in ms.
#[must_use]
pub fn process_cpu_ms() -> u64 {
    let spent = nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID);
    spent.map_or(0, |time| {
        u64::try_from(time.tv_sec()).unwrap_or(0) * 1000
            + u64::try_from(time.tv_nsec()).unwrap_or(0) / 1_000_000
    })
}

/// Monotonic microseconds since the same point as [`now_ms`].
#[must_use]
pub fn now_us() -> u64 {
    now_ns() / 1000
}

/// Monotonic nanoseconds since the same point as [`now_ms`].
#[must_use]
pub fn now_ns() -> u64 {
    // The clock exists on every kernel that can run this; a refusal would only freeze time at zero.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |t| {
        u64::try_from(t.tv_sec()).unwrap_or(0) * 1_000_000_000 + u64::try_from(t.tv_nsec()).unwrap_or(0)
    })
}

/// Wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub seconds: i64,
    /// Microseconds within the second, 0 to 999,999.
    pub micros: u32,
}

impl WallTime {
    /// Milliseconds within the second, 0 to 999.
    #[must_use]
    pub fn millis(self) -> u32 {
        self.micros / 1000
    }

    /// The same instant moved back, for the start of something that ends now.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        let micros = i128::from(self.seconds) * 1_000_000 + i128::from(self.micros)
            - i128::try_from(span.as_micros()).unwrap_or(i128::MAX / 2);
        Self {
            seconds: i64::try_from(micros.div_euclid(1_000_000)).unwrap_or(0),
            micros: u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0),
        }
    }
}

/// Wall-clock time now.
#[must_use]
pub fn wall() -> WallTime {
    clock_gettime(ClockId::CLOCK_REALTIME).map_or(WallTime { seconds: 0, micros: 0 }, |t| WallTime {
        seconds: t.tv_sec(),
        micros: u32::try_from(t.tv_nsec() / 1000).unwrap_or(0),
    })
}

/// A date taken apart, in local time or in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Date {
    /// Full year, such as 2026.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
    /// 0 (Sunday) to 6.
    pub weekday: u8,
    /// Day of the year, 0 to 365.
    pub year_day: u16,
    /// Seconds east of UTC; zero in UTC.
    pub utc_offset: i32,
}

impl Date {
    /// English short name of the month, as syslog and HTTP write it.
    #[must_use]
    pub fn month_name(&self) -> &'static str {
        const NAMES: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        NAMES.get(usize::from(self.month.wrapping_sub(1))).copied().unwrap_or("???")
    }

    /// English short name of the day, as HTTP writes it.
    #[must_use]
    pub fn weekday_name(&self) -> &'static str {
        const NAMES: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        NAMES.get(usize::from(self.weekday)).copied().unwrap_or("???")
    }

    /// The zone as `+hhmm` or `-hhmm`, the two parts as signed hours and minutes' absolute value.
    #[must_use]
    pub fn zone(&self) -> [u8; 5] {
        let total = self.utc_offset.unsigned_abs() / 60;
        let (hours, minutes) = (total / 60 % 100, total % 60);
        let digit = |n: u32| b'0' + u8::try_from(n).unwrap_or(0);
        let sign = if self.utc_offset < 0 { b'-' } else { b'+' };
        [sign, digit(hours / 10), digit(hours % 10), digit(minutes / 10), digit(minutes % 10)]
    }
}

thread_local! {
    static LOCAL: Cell<(i64, Date)> = const { Cell::new((i64::MIN, NO_DATE)) };
    static UTC: Cell<(i64, Date)> = const { Cell::new((i64::MIN, NO_DATE)) };
}

const NO_DATE: Date = Date {
    year: 1970,
    month: 1,
    day: 1,
    hour: 0,
    minute: 0,
    second: 0,
    weekday: 4,
    year_day: 0,
    utc_offset: 0,
};

/// The local date of a number of seconds since 1970. Cached for the last second that the thread asked for.
#[must_use]
pub fn local_date(seconds: i64) -> Date {
    cached(&LOCAL, seconds, break_down_local)
}

/// The UTC date of a number of seconds since 1970. Cached for the last second that the thread asked for.
#[must_use]
pub fn utc_date(seconds: i64) -> Date {
    cached(&UTC, seconds, break_down_utc)
}

fn cached(
    cache: &'static std::thread::LocalKey<Cell<(i64, Date)>>,
    seconds: i64,
    break_down: fn(i64) -> Date,
) -> Date {
    cache.with(|cell| {
        let (known, date) = cell.get();
        if known == seconds {
            return date;
        }
        let date = break_down(seconds);
        cell.set((seconds, date));
        date
    })
}

fn break_down_local(seconds: i64) -> Date {
    // SAFETY: all-zero bytes are a valid `tm`.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live locals; localtime_r writes only to the second. Nothing in this process writes the
    // environment after its start, so the read of `TZ` races with nobody.
    let done = unsafe { libc::localtime_r(&raw const seconds, &raw mut tm) };
    if done.is_null() { NO_DATE } else { date_of(&tm) }
}

fn break_down_utc(seconds: i64) -> Date {
    // SAFETY: all-zero bytes are a valid `tm`.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live locals; gmtime_r writes only to the second.
    let done = unsafe { libc::gmtime_r(&raw const seconds, &raw mut tm) };
    if done.is_null() { NO_DATE } else { date_of(&tm) }
}

fn date_of(tm: &libc::tm) -> Date {
    let small = |n: i32| u8::try_from(n).unwrap_or(0);
    Date {
        year: tm.tm_year.saturating_add(1900),
        month: small(tm.tm_mon + 1),
        day: small(tm.tm_mday),
        hour: small(tm.tm_hour),
        minute: small(tm.tm_min),
        second: small(tm.tm_sec),
        weekday: small(tm.tm_wday),
        year_day: u16::try_from(tm.tm_yday).unwrap_or(0),
        utc_offset: i32::try_from(tm.tm_gmtoff).unwrap_or(0),
    }
}

/// Reads the time zone now, before a chroot hides `/etc/localtime`.
pub fn load_zone() {
    let _ = break_down_local(wall().seconds);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_dates_of_known_seconds() {
        let date = utc_date(1_795_388_846); // `date -u -d @1795388846`
        assert_eq!((date.year, date.month, date.day), (2026, 11, 22));
        assert_eq!((date.hour, date.minute, date.second), (23, 7, 26));
        assert_eq!((date.weekday_name(), date.month_name(), date.year_day), ("Sun", "Nov", 325));
        assert_eq!(utc_date(0), NO_DATE);
        assert_eq!(utc_date(-1).year, 1969);
    }

    #[test]
    fn zones_are_written_with_sign_and_four_digits() {
        let zone = |utc_offset| Date { utc_offset, ..NO_DATE }.zone();
        assert_eq!(&zone(0), b"+0000");
        assert_eq!(&zone(8 * 3600), b"+0800");
        assert_eq!(&zone(-(3 * 3600 + 30 * 60)), b"-0330");
    }

    #[test]
    fn walking_back_crosses_seconds() {
        let t = WallTime { seconds: 100, micros: 200_000 };
        assert_eq!(t.before(Duration::from_millis(300)), WallTime { seconds: 99, micros: 900_000 });
        assert_eq!(t.before(Duration::ZERO), t);
    }

    #[test]
    fn monotonic_time_does_not_go_back() {
        let a = now_ns();
        assert!(now_ns() >= a);
    }
}
