//! `startup_script` and `shutdown_script`: run once, waited for, ended when they take too long.

use std::process::Child;
use std::time::{Duration, Instant};

use keepalived_config::resolved::OneShot;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::log::{detail, line};
use crate::signals::{Request, Signals};

/// From SIGTERM to SIGKILL, and to the second SIGKILL.
const KILL_DELAY: Duration = Duration::from_secs(2);
/// How long a process that survives SIGKILL (a file server that is gone) is waited for.
const GIVE_UP: Duration = Duration::from_secs(10);

/// Runs a script to its end. Signals that come meanwhile are returned, to be handled when it is over.
pub(crate) fn run(what: &str, script: &OneShot, signals: &mut Signals) -> Vec<Request> {
    let command = &script.command;
    detail!("Running {what} script {}", command.path.display());
    let mut process = std::process::Command::new(&command.path);
    process.args(command.argv.iter().skip(1));
    sys::child::script(&mut process, command.user.uid, command.user.gid);
    let mut child = match process.spawn() {
        Ok(child) => child,
        Err(error) => {
            line!("{what} script cannot be executed - {}", sys::process::error_text(&error));
            return Vec::new();
        }
    };
    let mut requests = Vec::new();
    if wait(&mut child, script.timeout, signals, &mut requests, what) {
        return requests;
    }
    line!("{what} script timed out");
    let group = i32::try_from(child.id()).map(|pid| -pid).unwrap_or(0);
    for (signal, patience) in
        [(libc::SIGTERM, KILL_DELAY), (libc::SIGKILL, KILL_DELAY), (libc::SIGKILL, GIVE_UP)]
    {
        kill(group, signal);
        if ended(&mut child, patience, signals, &mut requests).is_some() {
            return requests;
        }
    }
    line!("{what} script cannot be ended - going on without");
    requests
}

fn kill(group: i32, signal: i32) {
    if let Ok(signal) = nix::sys::signal::Signal::try_from(signal)
        && group < -1
    {
        let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(-group), signal);
    }
}

/// True when it ended in time; says how.
fn wait(
    child: &mut Child,
    timeout: Duration,
    signals: &mut Signals,
    requests: &mut Vec<Request>,
    what: &str,
) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let Some(status) = ended(child, timeout, signals, requests) else { return false };
    match (status.code(), status.signal()) {
        (Some(0), _) => detail!("{what} script script succeeded"),
        (Some(code), _) => line!("{what} script script failed, status {code}"),
        (None, signal) => line!("{what} script script killed by signal {}", signal.unwrap_or(0)),
    }
    true
}

fn ended(
    child: &mut Child,
    patience: Duration,
    signals: &mut Signals,
    requests: &mut Vec<Request>,
) -> Option<std::process::ExitStatus> {
    let until = Instant::now() + patience;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        let millis = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
        let mut fds = [PollFd::new(signals.fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX));
        requests.extend(signals.pending().into_iter().filter(|r| *r != Request::Child));
    }
}
