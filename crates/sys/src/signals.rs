//! Signals as events: each arrives as a byte in a pipe that a loop polls, and is told by its number.
//!
//! Nothing runs inside a handler but that write.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

pub use libc::{
    SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
};

/// The signals that a loop listens to.
#[derive(Debug)]
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
}

impl Signals {
    /// Catches the listed signals from now on.
    ///
    /// # Errors
    /// When the pipe cannot be made or a signal cannot be caught.
    pub fn catch(signals: &[i32]) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, signals)?;
        Ok(Self { delivery })
    }

    /// Readable when a signal has arrived.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }

    /// Another handle on [`Signals::descriptor`], non-blocking, for an event loop to register.
    ///
    /// # Errors
    /// `EMFILE` and the like.
    pub fn wake_handle(&self) -> io::Result<std::os::fd::OwnedFd> {
        self.delivery.get_read().set_nonblocking(true)?;
        self.descriptor().try_clone_to_owned()
    }

    /// The signals that arrived since the last call; the same signal twice may be told once.
    pub fn pending(&mut self) -> Vec<i32> {
        self.delivery.pending().collect()
    }
}

/// Ignores a signal.
pub fn ignore(signal: i32) {
    set(signal, SigHandler::SigIgn);
}

/// Gives a signal its default effect back.
pub fn restore(signal: i32) {
    set(signal, SigHandler::SigDfl);
}

/// Gives faults their default effect back: the Rust runtime looks at each of them for stack overflows first and lets one that was sent by
/// somebody else pass.
pub fn restore_faults() {
    restore(libc::SIGSEGV);
    restore(libc::SIGBUS);
}

#[allow(unsafe_code)]
fn set(signal: i32, handler: SigHandler) {
    if let Ok(signal) = Signal::try_from(signal) {
        // SAFETY: no function is installed, only SIG_IGN or SIG_DFL.
        let _ = unsafe { nix::sys::signal::signal(signal, handler) };
    }
}

/// Holds signals back on this thread (and on those that it starts) until [`release`].
pub fn hold(signals: &[i32]) {
    let _ = set_of(signals).thread_block();
}

/// Lets every signal through to this thread again.
pub fn release() {
    let _ = nix::sys::signal::sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
}

fn set_of(signals: &[i32]) -> SigSet {
    signals.iter().filter_map(|&s| Signal::try_from(s).ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_signal_arrives_as_an_event() {
        let mut signals = Signals::catch(&[libc::SIGWINCH]).unwrap();
        assert!(signals.pending().is_empty());
        nix::sys::signal::raise(Signal::SIGWINCH).unwrap();
        assert_eq!(signals.pending(), [libc::SIGWINCH]);
        assert!(signals.pending().is_empty());
    }
}
