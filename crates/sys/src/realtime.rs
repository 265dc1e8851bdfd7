//! Real-time signals, which have numbers but no names.
#![allow(unsafe_code)]

/// Sends a signal by number, named or real-time, to a process. False when it is gone or not ours.
#[must_use]
pub fn send(pid: i32, signal: i32) -> bool {
    // SAFETY: kill takes two numbers and touches no memory. Ids of zero and less would mean groups.
    pid > 0 && unsafe { libc::kill(pid, signal) } == 0
}
