//! Civil time from seconds since 1970, and `strftime` for `ltime` and `utime`. The offset of the local time is an argument.

/// A broken-down moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, from 1.
    pub day: u32,
    /// Hour.
    pub hour: u32,
    /// Minute.
    pub minute: u32,
    /// Second.
    pub second: u32,
    /// Day of the week, 0 is Sunday.
    pub weekday: u32,
    /// Day of the year, from 0.
    pub yearday: u32,
    /// Seconds east of UTC.
    pub offset: i32,
}

/// Short names of the months.
pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Short names of the days.
pub const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const LONG_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const LONG_DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Civil {
    /// Of a moment, with seconds east of UTC (0 for UTC).
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "every part is within its calendar range"
    )]
    pub fn new(unix_seconds: i64, offset: i32) -> Self {
        let local = unix_seconds.saturating_add(i64::from(offset));
        let (days, rest) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        // Days since 0000-03-01, in 400-year eras (Howard Hinnant's civil_from_days).
        let z = days + 719_468;
        let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let before: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let day = doy - (153 * mp + 2) / 5 + 1;
        let yearday =
            before.get((month - 1) as usize).copied().unwrap_or(0) + day - 1 + i64::from(leap && month > 2);
        Self {
            year,
            month: month as u32,
            day: day as u32,
            hour: (rest / 3600) as u32,
            minute: (rest / 60 % 60) as u32,
            second: (rest % 60) as u32,
            weekday: (days + 4).rem_euclid(7) as u32,
            yearday: yearday as u32,
            offset,
        }
    }

    /// Short name of the month.
    #[must_use]
    pub fn month_name(&self) -> &'static str {
        MONTHS.get(self.month as usize - 1).copied().unwrap_or("???")
    }

    /// Short name of the day.
    #[must_use]
    pub fn day_name(&self) -> &'static str {
        DAYS.get(self.weekday as usize).copied().unwrap_or("???")
    }

    /// `+0100`
    #[must_use]
    pub fn zone(&self) -> String {
        let minutes = self.offset.unsigned_abs() / 60;
        format!("{}{:02}{:02}", if self.offset < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
    }

    /// `Thu, 01 Jan 1970 00:00:00 GMT` without the zone.
    #[must_use]
    pub fn http_date(&self) -> String {
        format!(
            "{}, {:02} {} {:04} {:02}:{:02}:{:02}",
            self.day_name(),
            self.day,
            self.month_name(),
            self.year,
            self.hour,
            self.minute,
            self.second
        )
    }

    /// `strftime` in the C locale. Unknown conversions are kept as they are written.
    #[must_use]
    pub fn strftime(&self, format: &[u8], unix_seconds: i64) -> Vec<u8> {
        use std::fmt::Write as _;
        let mut out = String::new();
        let text = String::from_utf8_lossy(format);
        let mut rest = text.chars();
        let hour12 = if self.hour.is_multiple_of(12) { 12 } else { self.hour % 12 };
        let long = |names: &'static [&'static str], i: u32| names.get(i as usize).copied().unwrap_or("?");
        while let Some(c) = rest.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let Some(mut code) = rest.next() else {
                out.push('%');
                break;
            };
            if matches!(code, 'E' | 'O') {
                code = rest.next().unwrap_or('%');
            }
            let nested = |format: &str| {
                String::from_utf8_lossy(&self.strftime(format.as_bytes(), unix_seconds)).into_owned()
            };
            // Writing to a String cannot fail.
            let _ = match code {
                'a' => write!(out, "{}", self.day_name()),
                'A' => write!(out, "{}", long(&LONG_DAYS, self.weekday)),
                'b' | 'h' => write!(out, "{}", self.month_name()),
                'B' => write!(out, "{}", long(&LONG_MONTHS, self.month - 1)),
                'c' => write!(out, "{}", nested("%a %b %e %H:%M:%S %Y")),
                'C' => write!(out, "{:02}", self.year / 100),
                'd' => write!(out, "{:02}", self.day),
                'D' | 'x' => write!(out, "{}", nested("%m/%d/%y")),
                'e' => write!(out, "{:2}", self.day),
                'F' => write!(out, "{}", nested("%Y-%m-%d")),
                'g' => write!(out, "{:02}", self.iso_week().0.rem_euclid(100)),
                'G' => write!(out, "{}", self.iso_week().0),
                'H' => write!(out, "{:02}", self.hour),
                'I' => write!(out, "{hour12:02}"),
                'j' => write!(out, "{:03}", self.yearday + 1),
                'k' => write!(out, "{:2}", self.hour),
                'l' => write!(out, "{hour12:2}"),
                'm' => write!(out, "{:02}", self.month),
                'M' => write!(out, "{:02}", self.minute),
                'n' => writeln!(out),
                'p' => write!(out, "{}", if self.hour < 12 { "AM" } else { "PM" }),
                'P' => write!(out, "{}", if self.hour < 12 { "am" } else { "pm" }),
                'r' => write!(out, "{}", nested("%I:%M:%S %p")),
                'R' => write!(out, "{}", nested("%H:%M")),
                's' => write!(out, "{unix_seconds}"),
                'S' => write!(out, "{:02}", self.second),
                't' => write!(out, "\t"),
                'T' | 'X' => write!(out, "{}", nested("%H:%M:%S")),
                'u' => write!(out, "{}", if self.weekday == 0 { 7 } else { self.weekday }),
                'U' => write!(out, "{:02}", (self.yearday + 7 - self.weekday) / 7),
                'V' => write!(out, "{:02}", self.iso_week().1),
                'w' => write!(out, "{}", self.weekday),
                'W' => write!(out, "{:02}", (self.yearday + 7 - (self.weekday + 6) % 7) / 7),
                'y' => write!(out, "{:02}", self.year.rem_euclid(100)),
                'Y' => write!(out, "{}", self.year),
                'z' => write!(out, "{}", self.zone()),
                'Z' => write!(out, "{}", if self.offset == 0 { "GMT".to_owned() } else { self.zone() }),
                '%' => write!(out, "%"),
                other => write!(out, "%{other}"),
            };
        }
        out.into_bytes()
    }

    /// ISO 8601 year and week.
    fn iso_week(&self) -> (i64, i64) {
        let weekday = i64::from((self.weekday + 6) % 7);
        let week = (i64::from(self.yearday) - weekday + 10) / 7;
        let weeks_in = |year: i64| {
            let p = |y: i64| (y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400)).rem_euclid(7);
            if p(year) == 4 || p(year - 1) == 3 { 53 } else { 52 }
        };
        if week < 1 {
            (self.year - 1, weeks_in(self.year - 1))
        } else if week > weeks_in(self.year) {
            (self.year + 1, 1)
        } else {
            (self.year, week)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from `date -u -d @N +'%F %T %a %j %G-%V %U %W'`.
    #[test]
    fn civil_and_strftime() {
        let cases = [
            (0, "1970-01-01 00:00:00 Thu 001 1970-01 00 00"),
            (951_827_696, "2000-02-29 12:34:56 Tue 060 2000-09 09 09"),
            (1_795_388_847, "2026-11-22 23:07:27 Sun 326 2026-47 47 46"),
            (1_609_459_199, "2020-12-31 23:59:59 Thu 366 2020-53 52 52"),
        ];
        for (seconds, want) in cases {
            let text = Civil::new(seconds, 0).strftime(b"%F %T %a %j %G-%V %U %W", seconds);
            assert_eq!(String::from_utf8_lossy(&text), want);
        }
        assert_eq!(Civil::new(0, -5400).zone(), "-0130");
        assert_eq!(Civil::new(0, 0).http_date(), "Thu, 01 Jan 1970 00:00:00");
        assert_eq!(Civil::new(0, -3600).strftime(b"%d/%b/%Y:%H:%M:%S %z", 0), b"31/Dec/1969:23:00:00 -0100");
    }
}
