//! Descriptors that the process was started with and that its configuration may name (`fd@N`, `sockpair@N`).
//!
//! Whatever was open at the start belongs to nobody in this program until it is taken here, so a configuration cannot name (and close)
//! a descriptor that the program opened for itself.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

static OPEN_AT_START: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());
static TAKEN: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());

/// Notes which descriptors are open. First thing in `main`, before anything else is opened. The standard streams are not among them.
pub fn note_open() {
    let mut open = BTreeSet::new();
    if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
        for entry in entries.flatten() {
            if let Some(number) = entry.file_name().to_str().and_then(|s| s.parse::<RawFd>().ok())
                && number > 2
            {
                open.insert(number);
            }
        }
    }
    // One of them was the directory itself, closed by now.
    open.retain(|&number| is_open(number));
    *OPEN_AT_START.lock().unwrap_or_else(PoisonError::into_inner) = open;
}

/// Whether a descriptor is one that the process was started with, taken or not.
#[must_use]
pub fn was_open(number: RawFd) -> bool {
    OPEN_AT_START.lock().unwrap_or_else(PoisonError::into_inner).contains(&number)
        || TAKEN.lock().unwrap_or_else(PoisonError::into_inner).contains(&number)
}

/// Another handle, close-on-exec, on a descriptor that the process was started with.
///
/// # Errors
/// `EBADF` when it was not open at the start, `EMFILE` and the like.
pub fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    let standard = (0..=2).contains(&number) && is_open(number);
    if !standard && !OPEN_AT_START.lock().unwrap_or_else(PoisonError::into_inner).contains(&number) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: it was open before this program opened anything, and nobody has taken (and perhaps closed) it since; the standard streams
    // are never closed.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fd.try_clone_to_owned()
}

/// Takes a descriptor that the process was started with. Each can be taken once.
///
/// # Errors
/// `EBADF` when it was not open at the start or has been taken.
pub fn take(number: RawFd) -> io::Result<OwnedFd> {
    let bad = || io::Error::from_raw_os_error(libc::EBADF);
    if !OPEN_AT_START.lock().unwrap_or_else(PoisonError::into_inner).remove(&number) {
        return Err(bad());
    }
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
    // SAFETY: it was open before this program opened anything and is handed out once, so this is its only owner.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Lets what was inherited and not taken survive the next exec, too.
pub fn keep_over_exec() {
    for &number in OPEN_AT_START.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        // SAFETY: as in `duplicate`: open since the start and nobody's.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()));
    }
}

fn is_open(number: RawFd) -> bool {
    // SAFETY: borrowed for one F_GETFD, which asks about the number only and fails with EBADF when it is closed.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_GETFD).is_ok()
}
