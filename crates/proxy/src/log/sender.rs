//! The system calls: datagrams from sockets of the calling thread, and descriptors.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::cell::OnceCell;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// A thread's sockets, made when they are needed first.
#[derive(Default)]
struct Sockets {
    v4: OnceCell<UdpSocket>,
    v6: OnceCell<UdpSocket>,
    unix: OnceCell<UnixDatagram>,
}

thread_local! {
    static SOCKETS: Sockets = Sockets::default();
}

fn made<T>(cell: &OnceCell<T>, make: impl FnOnce() -> io::Result<T>) -> io::Result<&T> {
    if let Some(socket) = cell.get() {
        return Ok(socket);
    }
    let socket = make()?;
    Ok(cell.get_or_init(|| socket))
}

/// Sends a datagram over UDP.
pub(super) fn udp(address: SocketAddr, line: &[u8]) -> io::Result<()> {
    SOCKETS.with(|sockets| {
        let (cell, any): (_, SocketAddr) = match address {
            SocketAddr::V4(_) => (&sockets.v4, (Ipv4Addr::UNSPECIFIED, 0).into()),
            SocketAddr::V6(_) => (&sockets.v6, (Ipv6Addr::UNSPECIFIED, 0).into()),
        };
        let socket = made(cell, || {
            let socket = UdpSocket::bind(any)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })?;
        socket.send_to(line, address).map(drop)
    })
}

/// Sends a datagram to a Unix socket by path.
pub(super) fn unix(path: &Path, line: &[u8]) -> io::Result<()> {
    SOCKETS.with(|sockets| {
        let socket = made(&sockets.unix, || {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })?;
        socket.send_to(line, path).map(drop)
    })
}

/// Writes to a descriptor that may be anything. It is shared with other programs, so it is not made non-blocking: a pipe or terminal
/// that says it is writable takes a line of up to 4096 bytes whole.
pub(super) fn descriptor(descriptor: BorrowedFd<'_>, line: &[u8]) -> io::Result<()> {
    let mut wait = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    if poll(&mut wait, PollTimeout::ZERO)? == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let mut rest = line;
    while !rest.is_empty() {
        let written = nix::unistd::write(descriptor, rest)?;
        rest = rest.get(written..).unwrap_or_default();
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}
