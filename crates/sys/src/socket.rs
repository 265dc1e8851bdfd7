//! Connections out of listening sockets of any family.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The next connection, non-blocking and close-on-exec.
///
/// # Errors
/// `WouldBlock` when there is none, `EMFILE` and the like.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let (socket, _) = socket2::SockRef::from(&listener).accept()?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Whether a socket is of the Unix family.
#[must_use]
pub fn is_unix(socket: BorrowedFd<'_>) -> bool {
    crate::socket_options::family(socket.as_fd()).is_ok_and(|family| family == libc::AF_UNIX)
}
