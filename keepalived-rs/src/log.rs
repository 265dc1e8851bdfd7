//! Where log lines go: console (`-l`), syslog (unless `-G`) and file (`-g`), each with the reference's frame around the text.
//!
//! Lines are `tracing` events with the target `keepalived`: INFO is always logged, DEBUG with `--log-detail`, ERROR has syslog's
//! severity alert.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sys::clock;
use sys::syslog::Syslog;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::Options;

/// Target of the programs' log lines.
const TARGET: &str = "keepalived";

/// A line that is always logged.
macro_rules! line {
    ($($argument:tt)*) => { tracing::info!(target: "keepalived", $($argument)*) };
}

/// A line that `--log-detail` adds.
macro_rules! detail {
    ($($argument:tt)*) => { tracing::debug!(target: "keepalived", $($argument)*) };
}

/// A line that somebody should be woken for.
macro_rules! alert {
    ($($argument:tt)*) => { tracing::error!(target: "keepalived", $($argument)*) };
}

pub(crate) use {alert, detail, line};

/// The sinks of one process.
#[derive(Clone)]
pub(crate) struct Log {
    sinks: Arc<Sinks>,
}

struct Sinks {
    console: bool,
    detail: bool,
    syslog: Option<Syslog>,
    file: Mutex<Option<File>>,
    /// What stands before `[pid]`: `Keepalived`, the process, `_NAMESPACE_INSTANCE`.
    ident: Mutex<String>,
}

impl Log {
    /// Opens the sinks and makes them the process's.
    pub(crate) fn start(options: &Options) -> Self {
        let sinks = Arc::new(Sinks {
            console: options.log_console,
            detail: options.log_detail,
            syslog: options.syslog.then(|| Syslog::new(options.facility)),
            file: Mutex::new(options.log_file.as_deref().and_then(open)),
            ident: Mutex::new("Keepalived".to_owned()),
        });
        let _ = tracing_subscriber::registry().with(Frame(Arc::clone(&sinks))).try_init();
        Self { sinks }
    }

    /// Takes the name of one daemon among several: `_NAMESPACE_INSTANCE`.
    pub(crate) fn rename(&self, suffix: &str, log_file: Option<&Path>) {
        if suffix.is_empty() {
            return;
        }
        let ident = format!("Keepalived{suffix}");
        line!("Changing syslog ident to {ident}");
        self.become_process("", suffix, log_file);
    }

    /// After a fork: a child's ident and file. `process` is `_vrrp`.
    pub(crate) fn become_process(&self, process: &str, suffix: &str, log_file: Option<&Path>) {
        if let Ok(mut ident) = self.sinks.ident.lock() {
            *ident = format!("Keepalived{process}{suffix}");
        }
        if let (Some(path), Ok(mut file)) = (log_file, self.sinks.file.lock()) {
            *file = open(&file_of(path, process, suffix));
        }
    }
}

fn open(path: &Path) -> Option<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).ok()
}

/// The process and the daemon's name go in front of the last dot.
fn file_of(path: &Path, process: &str, suffix: &str) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}{process}{suffix}.{extension}"),
        None => format!("{name}{process}{suffix}"),
    };
    path.with_file_name(name)
}

struct Frame(Arc<Sinks>);

impl<S: Subscriber> Layer<S> for Frame {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let level = *metadata.level();
        if metadata.target() != TARGET || level > Level::DEBUG || (level == Level::DEBUG && !self.0.detail) {
            return;
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.write(level, &message.0);
    }
}

impl Sinks {
    fn write(&self, level: Level, text: &str) {
        // The console has whole seconds, the file all of them.
        if self.console {
            let line = format!("{}: {text}\n", ctime(None));
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        if let Some(syslog) = &self.syslog {
            let severity = if level == Level::ERROR { 1 } else { 6 };
            if let Ok(ident) = self.ident.lock() {
                syslog.send(severity, &ident, std::process::id(), text);
            }
        }
        if let Ok(mut file) = self.file.lock()
            && let Some(file) = file.as_mut()
        {
            let line = format!("{}: {text}\n", ctime(Some(())));
            let _ = file.write_all(line.as_bytes());
        }
    }
}

/// `Sun Nov 22 23:50:46 2026`, with nanoseconds after the seconds if asked for.
fn ctime(fraction: Option<()>) -> String {
    let now = clock::wall();
    let date = clock::local_date(now.seconds);
    let fraction = fraction.map(|()| format!(".{:06}000", now.micros)).unwrap_or_default();
    format!(
        "{} {} {:2} {:02}:{:02}:{:02}{fraction} {}",
        date.weekday_name(),
        date.month_name(),
        date.day,
        date.hour,
        date.minute,
        date.second,
        date.year
    )
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_has_its_own_file() {
        let file = |path: &str, suffix| file_of(Path::new(path), "_vrrp", suffix);
        assert_eq!(file("/var/log/k.log", ""), PathBuf::from("/var/log/k_vrrp.log"));
        assert_eq!(file("/var/log.d/k", ""), PathBuf::from("/var/log.d/k_vrrp"));
        assert_eq!(file("/var/log/k.log", "_blue"), PathBuf::from("/var/log/k_vrrp_blue.log"));
    }

    #[test]
    fn dates_look_like_ctime() {
        let text = ctime(None);
        assert_eq!((text.len(), text.matches(':').count()), (24, 2), "{text}");
        assert_eq!(ctime(Some(())).len(), 34);
    }
}
