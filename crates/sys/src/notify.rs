//! Messages to the service manager (sd_notify): state, main process, status line.
//!
//! Without `NOTIFY_SOCKET` in the environment every call does nothing.

use sd_notify::NotifyState;

/// The service is up (or up again after a reload).
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::MainPid(std::process::id()), NotifyState::Status(status)]);
}

/// The service is up with what it had: a reload failed.
pub fn ready_after_failure(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A reload has begun.
pub fn reloading(status: &str) {
    // systemd wants the time of the request on the same clock as its own.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, NotifyState::Status(status), now]),
        Err(_) => send(&[NotifyState::Reloading, NotifyState::Status(status)]),
    }
}

/// The service is about to end.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

fn send(states: &[NotifyState<'_>]) {
    // A service manager that does not listen changes nothing for us.
    let _ = sd_notify::notify(states);
}
