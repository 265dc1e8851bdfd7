//! Connections out of listening sockets of any family.

#![allow(unsafe_code)]

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// The next TCP connection with its peer's address, non-blocking and close-on-exec, in one system call.
///
/// # Errors
/// `WouldBlock` when there is none, `EMFILE` and the like.
pub fn accept_tcp(listener: BorrowedFd<'_>) -> io::Result<(TcpStream, Option<SocketAddr>)> {
    // SAFETY: the closure passes the kernel the storage and its length, and returns only when the call succeeded.
    let (descriptor, address) = unsafe {
        socket2::SockAddr::try_init(|storage, length| {
            let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
            match libc::accept4(listener.as_raw_fd(), storage.cast(), length, flags) {
                -1 => Err(io::Error::last_os_error()),
                descriptor => Ok(descriptor),
            }
        })
    }?;
    // SAFETY: the descriptor is new and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    Ok((TcpStream::from(socket), address.as_socket()))
}

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
