//! Signals by the names that `--signum` takes, and their delivery to a process that waits in poll(2).

use std::os::fd::BorrowedFd;

use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Stop,
    Reload,
    Data,
    Stats,
    ClearStats,
    Json,
    /// A child changed state.
    Child,
}

/// `SIGRTMIN + 2`.
pub(crate) fn json() -> i32 {
    libc::SIGRTMIN() + 2
}

/// `SIGRTMAX - 1`.
pub(crate) fn clear_stats() -> i32 {
    libc::SIGRTMAX() - 1
}

/// The signal of a `--signum` name.
pub(crate) fn by_name(name: &str) -> Option<i32> {
    match name {
        "STOP" => Some(libc::SIGTERM),
        "RELOAD" => Some(libc::SIGHUP),
        "DATA" => Some(libc::SIGUSR1),
        "STATS" => Some(libc::SIGUSR2),
        "STATS_CLEAR" => Some(clear_stats()),
        "JSON" => Some(json()),
        _ => None,
    }
}

/// Every signal held back until it is dropped: around a fork, so that none falls between two sets of handlers.
pub(crate) struct Held {
    before: SigSet,
}

impl Held {
    /// Holds back every signal in this thread.
    pub(crate) fn hold() -> Self {
        let mut before = SigSet::empty();
        // Blocking a valid set cannot fail.
        let _ = pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), Some(&mut before));
        Self { before }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}

/// Caught signals.
pub(crate) struct Signals(sys::signals::Signals);

impl Signals {
    /// Catches everything that asks for something; SIGINT only if it is not to be ignored, SIGCHLD only if asked for.
    pub(crate) fn catch(ignore_sigint: bool, children: bool) -> std::io::Result<Self> {
        let mut numbers = vec![
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGHUP,
            libc::SIGUSR1,
            libc::SIGUSR2,
            json(),
            clear_stats(),
        ];
        if children {
            numbers.push(libc::SIGCHLD);
        }
        if ignore_sigint {
            numbers.retain(|n| *n != libc::SIGINT);
            // A handler that does nothing; scripts do not inherit it, as they would an ignored signal.
            signal_hook::flag::register(libc::SIGINT, std::sync::Arc::default())?;
        }
        sys::signals::Signals::catch(&numbers).map(Self)
    }

    /// Readable when a signal came.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.descriptor()
    }

    /// What came since the last call.
    pub(crate) fn pending(&mut self) -> Vec<Request> {
        self.0.pending().into_iter().filter_map(request).collect()
    }
}

fn request(number: i32) -> Option<Request> {
    Some(match number {
        libc::SIGTERM | libc::SIGINT => Request::Stop,
        libc::SIGHUP => Request::Reload,
        libc::SIGUSR1 => Request::Data,
        libc::SIGUSR2 => Request::Stats,
        libc::SIGCHLD => Request::Child,
        n if n == json() => Request::Json,
        n if n == clear_stats() => Request::ClearStats,
        _ => return None,
    })
}
