//! Tracked files: what number is in each, and when it changes. keepalived.conf(5), `vrrp_track_file`.
//!
//! Directories are watched, not files: a file may come and go. A file that cannot be read or is missing says 0.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use keepalived_config::resolved::{Config, TrackFile, TrackerKind};
use netlink::readable::Readable;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use vrrp::{Reading, TrackerId};

use crate::log::normal;

/// As much of a file is looked at.
const BYTES_MAX: u64 = 127;

/// Watches the files of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Files {
    inotify: Option<(Inotify, Readable)>,
    watches: HashMap<WatchDescriptor, PathBuf>,
    files: Vec<(TrackerId, PathBuf)>,
}

impl Files {
    /// Watches what the configuration names. `at_start`: files are initialised. Call it in a tokio runtime.
    pub(crate) fn configure(&mut self, config: &Config, at_start: bool) {
        *self = Self::default();
        for (index, tracker) in config.trackers.iter().enumerate() {
            if let TrackerKind::File(file) = &tracker.kind {
                if at_start {
                    initialise(file);
                }
                self.files.push((TrackerId(index), file.path.clone()));
            }
        }
        if self.files.is_empty() {
            return;
        }
        let opened =
            Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).map_err(std::io::Error::from);
        let opened = opened.and_then(|inotify| {
            let readable = Readable::new(inotify.as_fd())?;
            Ok((inotify, readable))
        });
        let (inotify, readable) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                normal!("Tracked files cannot be watched - {}", sys::process::error_text(&error));
                return;
            }
        };
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_ONLYDIR;
        for (_, path) in &self.files {
            let Some(directory) = path.parent() else { continue };
            if self.watches.values().any(|known| known == directory) {
                continue;
            }
            match inotify.add_watch(directory, flags) {
                Ok(watch) => {
                    self.watches.insert(watch, directory.to_path_buf());
                }
                Err(error) => {
                    normal!("Unable to monitor directory {} - {}", directory.display(), error.desc())
                }
            }
        }
        self.inotify = Some((inotify, readable));
    }

    /// What every file says now.
    pub(crate) fn readings(&self) -> Vec<(TrackerId, Reading)> {
        self.files.iter().filter_map(|(id, path)| Some((*id, Reading::Value(value(path)?)))).collect()
    }

    /// Waits for changes and says what the changed files hold. Cancel safe.
    pub(crate) async fn changed(&mut self) -> Vec<(TrackerId, Reading)> {
        let Some((inotify, readable)) = &self.inotify else { return std::future::pending().await };
        loop {
            readable.ready().await;
            let Ok(events) = inotify.read_events() else {
                readable.emptied();
                continue;
            };
            let mut names: Vec<(PathBuf, OsString)> = Vec::new();
            let mut overflow = false;
            for event in events {
                overflow |= event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
                if let (Some(directory), Some(name)) = (self.watches.get(&event.wd), event.name) {
                    names.push((directory.clone(), name));
                }
            }
            if overflow {
                return self.readings();
            }
            let is_named = |path: &Path| {
                names.iter().any(|(directory, name)| {
                    path.parent() == Some(directory) && path.file_name() == Some(name)
                })
            };
            let changed: Vec<_> = self
                .files
                .iter()
                .filter(|(_, path)| is_named(path))
                .filter_map(|(id, path)| Some((*id, Reading::Value(value(path)?))))
                .collect();
            if !changed.is_empty() {
                return changed;
            }
        }
    }
}

/// `init_file`.
fn initialise(file: &TrackFile) {
    let Some((value, overwrite)) = file.init else { return };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let options = if overwrite { options.create(true).truncate(true) } else { options.create_new(true) };
    let written = options
        .open(&file.path)
        .and_then(|mut opened| std::io::Write::write_all(&mut opened, format!("{value}\n").as_bytes()));
    match written {
        Err(error) if overwrite || error.kind() != std::io::ErrorKind::AlreadyExists => {
            let path = file.path.display();
            normal!("Unable to initialise track file {path} - {}", sys::process::error_text(&error));
        }
        Ok(()) | Err(_) => {}
    }
}

/// The number in a file; `None` leaves the old one in force.
fn value(path: &Path) -> Option<i32> {
    let mut options = std::fs::OpenOptions::new();
    let opened = options.read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let mut text = Vec::new();
    if let Ok(file) = opened {
        let _ = file.take(BYTES_MAX).read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    let number = integer(&text);
    match i32::try_from(number) {
        Ok(number) => Some(number),
        Err(_) => {
            normal!("Invalid number {number} read from {} - ignoring", path.display());
            None
        }
    }
}

/// The integer at the start of a text as C's strtol(3) with base 0 finds it; 0 for anything else.
fn integer(text: &str) -> i128 {
    let text = text.trim_start();
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (radix, digits) = match hex.filter(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit())) {
        Some(rest) => (16, rest),
        None if digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let mut number: i128 = 0;
    for digit in digits.chars().map_while(|c| c.to_digit(radix)) {
        // Far beyond what anybody can mean; it only has to stay out of range.
        number = (number * i128::from(radix) + i128::from(digit)).min(i128::from(i64::MAX));
    }
    if negative { -number } else { number }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use keepalived_config::resolved::Tracker;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, want) in [
            ("10", 10),
            (" 20\n", 20),
            ("0x10", 16),
            ("010", 8),
            ("-200 and more", -200),
            ("abc", 0),
            ("", 0),
            ("0x", 0),
            ("09", 0),
            ("99999999999999999999999", i128::from(i64::MAX)),
        ] {
            assert_eq!(integer(text), want, "{text}");
        }
    }

    #[test]
    fn changes_are_told_with_the_new_number() {
        let directory = std::env::temp_dir().join(format!("vrrpd-files-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("value");
        let mut config = Config::default();
        let kind = TrackerKind::File(TrackFile { path: path.clone(), init: Some((7, false)) });
        config.trackers.push(Tracker { name: "tf".into(), kind, weight: 1, reverse: false });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut files = Files::default();
            files.configure(&config, true);
            let said = |value| vec![(TrackerId(0), Reading::Value(value))];
            assert_eq!(files.readings(), said(7));
            let patience = std::time::Duration::from_secs(20);
            std::fs::write(&path, "42").unwrap();
            assert_eq!(tokio::time::timeout(patience, files.changed()).await.unwrap(), said(42));
            std::fs::rename(&path, directory.join("elsewhere")).unwrap();
            assert_eq!(tokio::time::timeout(patience, files.changed()).await.unwrap(), said(0));
        });
        std::fs::remove_dir_all(directory).unwrap();
    }
}
