//! What the process says on standard error, in HAProxy's format: `[LEVEL]   (PID) : text`.
//!
//! The first warning or alert is preceded by two notices, the version and the path of the executable. Quiet mode (`-q`, or a
//! daemon after its start) silences all levels unless verbose mode (`-V`) is on. What is said before [`end_of_start`] is also kept, for
//! `show startup-logs` and the master's `reload` reply. Nothing here knows configuration or syslog.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

/// How urgent a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Shown with `-dD` only.
    Diag,
    /// For information.
    Notice,
    /// Something is likely not as meant.
    Warning,
    /// Something was refused or broke.
    Alert,
}

/// Who is speaking: set once at the start of the program.
struct Program {
    version: String,
    executable: String,
}

static PROGRAM: OnceLock<Program> = OnceLock::new();
static QUIET: AtomicBool = AtomicBool::new(false);
static VERBOSE: AtomicBool = AtomicBool::new(false);
static DIAG: AtomicBool = AtomicBool::new(false);
static PREAMBLE_DONE: AtomicBool = AtomicBool::new(false);
static WARNED: AtomicBool = AtomicBool::new(false);
static STARTUP: Mutex<Option<Vec<u8>>> = Mutex::new(Some(Vec::new()));

/// The kept start messages stay below this many bytes; later ones are not kept.
const STARTUP_LIMIT: usize = 64 * 1024;

/// Names the program: what the two preamble lines say. Only the first call counts.
pub fn identify(version: &str, executable: &str) {
    let _ = PROGRAM.set(Program { version: version.to_owned(), executable: executable.to_owned() });
}

/// A process that serves needs no preamble: from now on messages come alone.
pub fn skip_introduction() {
    PREAMBLE_DONE.store(true, Relaxed);
}

/// The next warning or alert is preceded by the two preamble lines once more.
pub fn introduce_again() {
    PREAMBLE_DONE.store(false, Relaxed);
}

/// `-q`, `quiet`, or a daemon that has started: nothing is printed any more.
pub fn set_quiet(on: bool) {
    QUIET.store(on, Relaxed);
}

/// `-V`: overrides quiet mode.
pub fn set_verbose(on: bool) {
    VERBOSE.store(on, Relaxed);
}

/// `-dD`: diagnostics are printed.
pub fn set_diag(on: bool) {
    DIAG.store(on, Relaxed);
}

/// Whether a message of level notice or above would be printed now.
#[must_use]
pub fn enabled() -> bool {
    !QUIET.load(Relaxed) || VERBOSE.load(Relaxed)
}

/// Whether verbose mode is on.
#[must_use]
pub fn verbose() -> bool {
    VERBOSE.load(Relaxed)
}

/// Whether a warning (or, with `-dD`, a diagnostic) has been emitted, printed or not.
#[must_use]
pub fn warned() -> bool {
    WARNED.load(Relaxed)
}

/// `[ALERT]`
pub fn alert(text: impl AsRef<str>) {
    emit(Level::Alert, text.as_ref());
}

/// `[WARNING]`; counts for `-dW` and `Warnings were found.`
pub fn warning(text: impl AsRef<str>) {
    WARNED.store(true, Relaxed);
    emit(Level::Warning, text.as_ref());
}

/// `[NOTICE]`
pub fn notice(text: impl AsRef<str>) {
    emit(Level::Notice, text.as_ref());
}

/// `[DIAG]`, with `-dD` only; counts like a warning.
pub fn diag(text: impl AsRef<str>) {
    if DIAG.load(Relaxed) {
        WARNED.store(true, Relaxed);
        emit(Level::Diag, text.as_ref());
    }
}

/// A message of any level.
pub fn message(level: Level, text: impl AsRef<str>) {
    match level {
        Level::Diag => diag(text),
        Level::Notice => notice(text),
        Level::Warning => warning(text),
        Level::Alert => alert(text),
    }
}

/// The start is over: later messages are not kept for `show startup-logs`. Returns what was kept.
pub fn end_of_start() -> Vec<u8> {
    STARTUP.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
}

/// What was said since the start, while it lasts.
#[must_use]
pub fn startup_log() -> Vec<u8> {
    STARTUP.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

fn emit(level: Level, text: &str) {
    let mut lines = Vec::with_capacity(text.len() + 160);
    let pid = std::process::id();
    if level >= Level::Warning
        && !PREAMBLE_DONE.swap(true, Relaxed)
        && let Some(program) = PROGRAM.get()
    {
        render(&mut lines, Level::Notice, pid, &format!("haproxy version is {}", program.version));
        render(&mut lines, Level::Notice, pid, &format!("path to executable is {}", program.executable));
    }
    render(&mut lines, level, pid, text);
    if let Some(kept) = STARTUP.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        && kept.len() + lines.len() <= STARTUP_LIMIT
    {
        kept.extend_from_slice(&lines);
    }
    if enabled() {
        // One write a message, so that the lines of two processes do not mix. A closed stderr is nobody's error.
        let _ = std::io::stderr().write_all(&lines);
    }
}

fn render(out: &mut Vec<u8>, level: Level, pid: u32, text: &str) {
    // The parenthesis stands in column 13 for every level.
    let tag = match level {
        Level::Diag => "[DIAG]     ",
        Level::Notice => "[NOTICE]   ",
        Level::Warning => "[WARNING]  ",
        Level::Alert => "[ALERT]    ",
    };
    let _ = write!(out, "{tag}({pid}) : {text}");
    if !text.ends_with('\n') {
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_puts_the_pid_in_the_same_column() {
        for (level, line) in [
            (Level::Diag, "[DIAG]     (7) : x\n"),
            (Level::Notice, "[NOTICE]   (7) : x\n"),
            (Level::Warning, "[WARNING]  (7) : x\n"),
            (Level::Alert, "[ALERT]    (7) : x\n"),
        ] {
            let mut out = Vec::new();
            render(&mut out, level, 7, "x");
            assert_eq!(String::from_utf8_lossy(&out), line);
        }
    }
}
