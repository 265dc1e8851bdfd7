//! Socket options that neither `socket2` nor `nix` has, and what a listening socket says about itself.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::c_int;

/// Lets a socket bind to addresses that are not this machine's (`transparent`).
///
/// # Errors
/// `EPERM` without `CAP_NET_ADMIN`.
pub fn set_transparent(socket: BorrowedFd<'_>, ipv6: bool) -> io::Result<()> {
    let (level, name) = transparent_option(ipv6);
    set(socket, level, name, 1)
}

/// Whether `transparent` is on.
#[must_use]
pub fn transparent(socket: BorrowedFd<'_>, ipv6: bool) -> bool {
    let (level, name) = transparent_option(ipv6);
    get(socket, level, name).is_ok_and(|value| value != 0)
}

fn transparent_option(ipv6: bool) -> (c_int, c_int) {
    if ipv6 { (libc::SOL_IPV6, libc::IPV6_TRANSPARENT) } else { (libc::SOL_IP, libc::IP_TRANSPARENT) }
}

/// `accept` returns a connection only when data has arrived on it, or after that many seconds; zero is off.
///
/// # Errors
/// The kernel's.
pub fn set_defer_accept(socket: BorrowedFd<'_>, seconds: i32) -> io::Result<()> {
    set(socket, libc::SOL_TCP, libc::TCP_DEFER_ACCEPT, seconds)
}

/// Acknowledgements at once (true) or with the first data (false). Accepted connections inherit it.
///
/// # Errors
/// The kernel's.
pub fn set_quick_ack(socket: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    set(socket, libc::SOL_TCP, libc::TCP_QUICKACK, c_int::from(on))
}

/// A TCP connection with unacknowledged data ends after that many milliseconds; zero is the kernel's default.
///
/// # Errors
/// The kernel's.
pub fn set_user_timeout(socket: BorrowedFd<'_>, milliseconds: i32) -> io::Result<()> {
    set(socket, libc::SOL_TCP, libc::TCP_USER_TIMEOUT, milliseconds)
}

/// How keep-alive probes are sent: seconds of silence before the first one, seconds between two, and how many may stay unanswered.
/// None is the system's value.
///
/// # Errors
/// The kernel's, `EINVAL` for what is not within 1 to 32767 seconds and 1 to 127 probes.
pub fn set_keep_alive(
    socket: BorrowedFd<'_>,
    idle: Option<u32>,
    interval: Option<u32>,
    count: Option<u32>,
) -> io::Result<()> {
    let values = [(libc::TCP_KEEPIDLE, idle), (libc::TCP_KEEPINTVL, interval), (libc::TCP_KEEPCNT, count)];
    for (option, value) in values {
        if let Some(value) = value {
            set(socket, libc::SOL_TCP, option, i32::try_from(value).unwrap_or(i32::MAX))?;
        }
    }
    Ok(())
}

/// Largest segment that is announced to peers (`mss`). A negative size is taken from what the kernel would announce.
///
/// # Errors
/// The kernel's, `EINVAL` for a size that no segment can have.
pub fn set_max_segment(socket: BorrowedFd<'_>, size: i32) -> io::Result<()> {
    let size = if size < 0 { get(socket, libc::SOL_TCP, libc::TCP_MAXSEG)? + size } else { size };
    set(socket, libc::SOL_TCP, libc::TCP_MAXSEG, size)
}

/// Takes data with a SYN on a listening socket; `queue` is how many such connections may wait for their handshake.
///
/// # Errors
/// The kernel's.
pub fn set_fast_open(socket: BorrowedFd<'_>, queue: i32) -> io::Result<()> {
    set(socket, libc::SOL_TCP, libc::TCP_FASTOPEN, queue)
}

/// Sends the first data with the SYN where a cookie of the peer is known: `connect` returns at once.
///
/// # Errors
/// The kernel's.
pub fn set_fast_open_connect(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, libc::SOL_TCP, libc::TCP_FASTOPEN_CONNECT, 1)
}

/// The port is chosen when the connection is made and not with `bind`, so that ports can be shared by connections to different peers.
///
/// # Errors
/// The kernel's.
pub fn set_late_port(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// Marks the packets of a socket for the firewall and the routing rules.
///
/// # Errors
/// `EPERM` without `CAP_NET_ADMIN`.
pub fn set_mark(socket: BorrowedFd<'_>, mark: u32) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_MARK, mark.cast_signed())
}

/// The TOS field of a socket's packets; the traffic class in IPv6.
///
/// # Errors
/// The kernel's; `EOPNOTSUPP` for a socket that is neither.
pub fn set_tos(socket: BorrowedFd<'_>, tos: u8) -> io::Result<()> {
    match family(socket)? {
        libc::AF_INET => set(socket, libc::SOL_IP, libc::IP_TOS, tos.into()),
        libc::AF_INET6 => {
            // The peer may be an IPv4 one on a socket for both.
            let _ = set(socket, libc::SOL_IP, libc::IP_TOS, tos.into());
            set(socket, libc::SOL_IPV6, libc::IPV6_TCLASS, tos.into())
        }
        _ => Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
    }
}

/// Whether `listen` has been called on a socket.
#[must_use]
pub fn is_listening(socket: BorrowedFd<'_>) -> bool {
    get(socket, libc::SOL_SOCKET, libc::SO_ACCEPTCONN).is_ok_and(|value| value != 0)
}

/// The address family of a socket (`AF_INET`, `AF_INET6`, `AF_UNIX`).
///
/// # Errors
/// `ENOTSOCK` for something else than a socket.
pub fn family(socket: BorrowedFd<'_>) -> io::Result<i32> {
    get(socket, libc::SOL_SOCKET, libc::SO_DOMAIN)
}

/// Makes a listening TCP socket stop listening and keep its address and port.
///
/// # Errors
/// The kernel's; `EINVAL` for sockets that cannot, such as abstract Unix ones.
pub fn stop_listening(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid sockaddr; family 0 is AF_UNSPEC, which dissolves.
    let nowhere: libc::sockaddr = unsafe { std::mem::zeroed() };
    let length = size_of::<libc::sockaddr>() as libc::socklen_t;
    // SAFETY: the pointer and length describe a live local; the descriptor is borrowed.
    check(unsafe { libc::connect(socket.as_raw_fd(), &raw const nowhere, length) })
}

/// Listens, or changes the backlog of a socket that listens already.
///
/// # Errors
/// `EADDRINUSE` when another socket listens there by now.
pub fn listen(socket: BorrowedFd<'_>, backlog: i32) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed; no memory is involved.
    check(unsafe { libc::listen(socket.as_raw_fd(), backlog) })
}

/// Bytes of an abstract Unix address that HAProxy fills: the name padded with zeros to the full length, so that both sides of a reload
/// and other programs that pad mean the same socket.
///
/// # Errors
/// `EADDRINUSE` when the name is taken, `EINVAL` when it is too long.
pub fn bind_abstract(socket: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid sockaddr_un.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    if name.len() >= address.sun_path.len() {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (to, from) in address.sun_path.iter_mut().skip(1).zip(name) {
        *to = from.cast_signed();
    }
    let length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: the pointer and length describe a live local of the family that it says.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })
}

/// The address of an abstract name as [`bind_abstract`] binds it, for connecting to it.
///
/// # Errors
/// When the name is too long.
pub fn abstract_address(name: &[u8]) -> io::Result<std::os::unix::net::SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    let mut padded =
        [0; size_of::<libc::sockaddr_un>() - std::mem::offset_of!(libc::sockaddr_un, sun_path) - 1];
    let place = padded.get_mut(..name.len()).ok_or(io::ErrorKind::InvalidInput)?;
    place.copy_from_slice(name);
    std::os::unix::net::SocketAddr::from_abstract_name(padded)
}

fn set(socket: BorrowedFd<'_>, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    let length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the pointer and length describe a live local; the descriptor is borrowed.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length) })
}

fn get(socket: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<c_int> {
    let mut value: c_int = 0;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the pointers describe live locals of the length that is passed.
    check(unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut length)
    })?;
    Ok(value)
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::net::{SocketAddr, TcpStream};
    use std::os::fd::AsFd;

    #[test]
    fn probes_are_sent_as_asked() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let before = (socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_retries().unwrap());
        set_keep_alive(socket.as_fd(), None, Some(7), None).unwrap();
        assert_eq!((socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_retries().unwrap()), before);
        assert_eq!(socket.tcp_keepalive_interval().unwrap().as_secs(), 7);
        set_keep_alive(socket.as_fd(), Some(32_767), None, Some(127)).unwrap();
        assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), 32_767);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 127);
        assert!(set_keep_alive(socket.as_fd(), Some(32_768), None, None).is_err());
    }

    #[test]
    fn a_listener_pauses_and_resumes_on_its_port() {
        let socket = |port: u16| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_reuse_address(true).unwrap();
            socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
            socket
        };
        // Only a port that was asked for is kept over a pause; one that is held by a second socket is free to ask for.
        let holder = socket(0);
        let address = holder.local_addr().unwrap().as_socket().unwrap();
        let listener = socket(address.port());
        listener.listen(10).unwrap();
        assert!(is_listening(listener.as_fd()));
        assert_eq!(family(listener.as_fd()).unwrap(), libc::AF_INET);
        TcpStream::connect(address).unwrap();
        stop_listening(listener.as_fd()).unwrap();
        assert!(!is_listening(listener.as_fd()));
        assert!(TcpStream::connect(address).is_err());
        listen(listener.as_fd(), 10).unwrap();
        TcpStream::connect(address).unwrap();
    }
}
