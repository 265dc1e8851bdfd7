//! Waiting for any descriptor to become readable, in a tokio runtime.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Readiness of a descriptor that somebody else reads from.
#[derive(Debug)]
pub struct Readable {
    fd: AsyncFd<OwnedFd>,
}

impl Readable {
    /// Watches a non-blocking descriptor, by a duplicate of its own. Call it in a tokio runtime.
    pub fn new(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let own = fd.try_clone_to_owned()?;
        // SAFETY: an `OwnedFd` always returns the same descriptor, and the `AsyncFd` is its only owner.
        let fd = unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) };
        Ok(Self { fd: fd.map_err(io::Error::from)? })
    }

    /// Waits until there is something to read. Everything has to be read afterwards, and [`Readable::emptied`] called. Cancel
    /// safe.
    pub async fn ready(&self) {
        if let Ok(mut ready) = self.fd.readable().await {
            ready.retain_ready();
        }
    }

    /// Everything was read until it would have blocked.
    pub fn emptied(&self) {
        let _ = self
            .fd
            .try_io(Interest::READABLE, |_| -> io::Result<()> { Err(io::ErrorKind::WouldBlock.into()) });
    }
}
