//! `reload_time_file`: a file with the time of the next reload. keepalived.conf(5), `reload_time_file`, `reload_repeat`.
//!
//! The directory is watched, so the file may come and go. Times are wall-clock times: when the clock is set, the reload moves
//! with it.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use sys::clock;

use crate::log::line;

/// As much of the file is looked at.
const BYTES_MAX: u64 = 64;
const DAY: i64 = 86_400;

/// Watches the file and knows when the next reload is due.
#[derive(Debug)]
pub(crate) struct ReloadTime {
    path: PathBuf,
    repeat: bool,
    inotify: Option<Inotify>,
    due: Option<Due>,
}

/// A planned reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due {
    /// Seconds since the epoch.
    at: i64,
    /// The file names a day.
    dated: bool,
}

impl ReloadTime {
    /// Starts to watch, and plans what the file says already.
    pub(crate) fn new(path: PathBuf, repeat: bool) -> Self {
        let watched = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).and_then(|inotify| {
            let flags = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE;
            let directory = path.parent().map_or_else(|| PathBuf::from("/"), PathBuf::from);
            inotify.add_watch(&directory, flags | AddWatchFlags::IN_ONLYDIR)?;
            Ok(inotify)
        });
        if let Err(error) = &watched {
            line!("Unable to monitor reload time file {} - {}", path.display(), error.desc());
        }
        let mut reload = Self { path, repeat, inotify: watched.ok(), due: None };
        reload.read();
        reload
    }

    /// Whether it watches this, so that a reload need not start anew.
    pub(crate) fn is(&self, path: &std::path::Path, repeat: bool) -> bool {
        self.path == path && self.repeat == repeat
    }

    /// Readable when something in the directory changed.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Seconds until the reload, 0 when it is due.
    pub(crate) fn wait(&self) -> Option<u64> {
        let due = self.due?;
        Some(u64::try_from(due.at - clock::wall().seconds).unwrap_or(0))
    }

    /// Looks at what changed.
    pub(crate) fn changed(&mut self) {
        let Some(inotify) = &self.inotify else { return };
        let name = self.path.file_name().map(ToOwned::to_owned);
        let mut ours = false;
        while let Ok(events) = inotify.read_events() {
            ours |= events.iter().any(|event| event.name == name);
        }
        if ours {
            self.read();
        }
    }

    /// True once when the reload is due; plans the next one.
    pub(crate) fn take_due(&mut self) -> bool {
        let Some(due) = self.due.filter(|due| due.at <= clock::wall().seconds) else { return false };
        if due.dated || !self.repeat {
            self.due = None;
            let _ = std::fs::remove_file(&self.path);
        } else {
            self.due = Some(Due { at: due.at + DAY, ..due });
        }
        true
    }

    fn read(&mut self) {
        let mut text = Vec::new();
        let found = std::fs::File::open(&self.path).and_then(|f| f.take(BYTES_MAX).read_to_end(&mut text));
        let before = self.due.take();
        if found.is_ok() {
            let text = String::from_utf8_lossy(&text);
            let text = text.lines().next().unwrap_or_default();
            match parse(text, clock::wall().seconds, local) {
                Some(due) if due.at <= clock::wall().seconds => {
                    line!("Reload time {text} is in the past - ignoring");
                }
                Some(due) => self.due = Some(due),
                None => line!("Invalid reload time '{text}' specified - ignoring"),
            }
        }
        match (before, self.due) {
            (None, Some(due)) => line!("Scheduling reload for {}", shown(due.at)),
            (Some(old), Some(new)) if old != new => {
                line!("Reload time updated from {} to {}", shown(old.at), shown(new.at));
            }
            (Some(old), None) => line!("Cancelling reload scheduled for {}", shown(old.at)),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

/// Year, month, day, and seconds east of UTC at a moment.
type Local = fn(i64) -> (i64, u32, u32, i64);

fn local(seconds: i64) -> (i64, u32, u32, i64) {
    let date = clock::local_date(seconds);
    (date.year.into(), date.month.into(), date.day.into(), date.utc_offset.into())
}

/// `[[YY]YY-MM-DD ]HH:MM:SS[Z]`, to the letter.
fn parse(text: &str, now: i64, local: Local) -> Option<Due> {
    let (text, utc) = match text.strip_suffix('Z') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (date, time) = match text.split_once(' ') {
        Some((date, time)) => (Some(date), time),
        None => (None, text),
    };
    let time = numbers(time, ':', &[2])?;
    let [hour, minute, second] = time;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let in_day = hour * 3600 + minute * 60 + second;
    let moment = |days: i64| {
        let naive = days * DAY + in_day;
        if utc { naive } else { naive - local(naive - local(naive).3).3 }
    };
    match date {
        Some(date) => {
            let [year, month, day] = numbers(date, '-', &[2, 4])?;
            let year = if date.len() == 8 { 2000 + year } else { year };
            let days = days(year, month, day)?;
            Some(Due { at: moment(days), dated: true })
        }
        None => {
            let offset = if utc { 0 } else { local(now).3 };
            let today = (now + offset).div_euclid(DAY);
            let at = moment(today);
            Some(Due { at: if at > now { at } else { moment(today + 1) }, dated: false })
        }
    }
}

/// Three numbers of two digits; the first may have other lengths.
fn numbers(text: &str, between: char, first: &[usize]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut number = |lengths: &[usize]| -> Option<i64> {
        let part = parts.next()?;
        let fits = lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse().ok())?
    };
    let numbers = [number(first)?, number(&[2])?, number(&[2])?];
    parts.next().is_none().then_some(numbers)
}

/// Days since the epoch of a date that exists.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let index = usize::try_from(month - 1).ok()?;
    if day < 1 || day > *lengths.get(index)? {
        return None;
    }
    // Days from 0000-03-01, so that the leap day ends a year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
    Some(before + (m * 153 + 2) / 5 + day - 1 - 719_468)
}

fn shown(seconds: i64) -> String {
    let date = clock::local_date(seconds);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        date.year, date.month, date.day, date.hour, date.minute, date.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23 04:09:50 UTC.
    const NOW: i64 = 1_795_406_990;

    #[test]
    fn the_three_forms_and_nothing_else() {
        let utc: Local = |_| (0, 0, 0, 0);
        for (text, want) in [
            ("05:09:50", Some((NOW + 3600, false))),
            ("04:09:50", Some((NOW + DAY, false))),
            ("03:09:50Z", Some((NOW + DAY - 3600, false))),
            ("26-11-24 04:09:50", Some((NOW + DAY, true))),
            ("2026-11-24 04:09:50Z", Some((NOW + DAY, true))),
            ("1970-01-01 00:00:00Z", Some((0, true))),
            ("2028-02-29 00:00:00", Some((1_835_395_200, true))),
            ("2026-02-29 00:00:00", None),
            ("2026-13-01 00:00:00", None),
            ("24:00:00", None),
            ("4:09:50", None),
            (" 04:09:50", None),
            ("04:09:50 ", None),
            ("2026-11-24  04:09:50", None),
            ("foo", None),
            ("", None),
        ] {
            let due = parse(text, NOW, utc).map(|due| (due.at, due.dated));
            assert_eq!(due, want, "{text}");
        }
    }

    #[test]
    fn local_times_are_those_of_the_zone() {
        let east: Local = |_| (0, 0, 0, 7200);
        let at = |text| parse(text, NOW, east).map(|due| due.at);
        assert_eq!(at("07:09:50"), Some(NOW + 3600));
        assert_eq!(at("2026-11-23 07:09:50"), Some(NOW + 3600));
        assert_eq!(at("05:09:50Z"), Some(NOW + 3600));
    }
}
