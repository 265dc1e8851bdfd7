//! TCP sockets over IPv4 and IPv6.

use super::binder::Failure;
use haproxy_config::runtime::Bind;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use sys::process::error_text;
use sys::socket_options;

/// Makes and binds a socket; the text is a warning about an option that could not be set.
pub(super) fn open(
    address: &SocketAddr,
    bind: &Bind,
    reuse_port: bool,
) -> Result<(OwnedFd, Option<String>), Failure> {
    let fail = |what: &str, error: &io::Error| failure(address, what, error);
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let make = || Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP));
    let socket = match &bind.namespace {
        Some(name) => sys::namespace::inside(name, make),
        None => make(),
    }
    .map_err(|e| fail("cannot create receiving socket", &e))?;
    socket.set_reuse_address(true).map_err(|e| fail("cannot bind socket", &e))?;
    if reuse_port {
        // An old kernel without it only loses the overlap with an older process.
        let _ = socket.set_reuse_port(true);
    }
    let mut warning = None;
    if bind.transparent {
        // Without the right to do so only addresses of this machine can be bound, which then says more than this would.
        let _ = socket_options::set_transparent(socket.as_fd(), address.is_ipv6());
    }
    if let Some(interface) = &bind.interface
        && let Err(error) = socket.bind_device(Some(interface.as_bytes()))
    {
        let what = format!("cannot bind receiver to device '{interface}' ({})", error_text(&error));
        warning = Some(text(address, &what));
    }
    if address.is_ipv6()
        && let Some(only) = bind.v6only
    {
        let _ = socket.set_only_v6(only);
    }
    socket.bind(&(*address).into()).map_err(|e| fail("cannot bind socket", &e))?;
    Ok((socket.into(), warning))
}

/// Listens, with what a listening socket hands down to its connections. The text is a warning about an option that could not be set.
pub(super) fn listen(
    socket: BorrowedFd<'_>,
    address: &SocketAddr,
    bind: &Bind,
    backlog: i32,
) -> Result<Option<String>, Failure> {
    let mut refused = Vec::new();
    set_options(socket, bind, &mut refused);
    socket_options::listen(socket, backlog).map_err(|e| failure(address, "cannot listen to socket", &e))?;
    set_fast_open(socket, bind, backlog, &mut refused);
    Ok((!refused.is_empty()).then(|| text(address, &refused.join(", "))))
}

/// The same for a socket that listens already. Its address is its maker's business.
pub(super) fn adopt(socket: BorrowedFd<'_>, bind: &Bind, backlog: i32) -> Option<String> {
    let mut refused = Vec::new();
    set_options(socket, bind, &mut refused);
    set_fast_open(socket, bind, backlog, &mut refused);
    (!refused.is_empty()).then(|| refused.join(", "))
}

fn set_options(socket: BorrowedFd<'_>, bind: &Bind, refused: &mut Vec<&'static str>) {
    if let Some(size) = bind.mss
        && socket_options::set_max_segment(socket, size).is_err()
    {
        refused.push("cannot set MSS");
    }
    if let Some(ms) = bind.user_timeout {
        let ms = i32::try_from(ms).unwrap_or(i32::MAX);
        if socket_options::set_user_timeout(socket, ms).is_err() {
            refused.push("cannot set TCP User Timeout");
        }
    }
    // HAPROXY: the seconds are 1 whatever the wait; the kernel rounds to its retransmission steps.
    let _ = socket_options::set_defer_accept(socket, i32::from(bind.defer_accept));
    let _ = socket_options::set_quick_ack(socket, false);
}

fn set_fast_open(socket: BorrowedFd<'_>, bind: &Bind, backlog: i32, refused: &mut Vec<&'static str>) {
    if bind.fast_open && socket_options::set_fast_open(socket, backlog).is_err() {
        refused.push("cannot enable TCP_FASTOPEN");
    }
}

fn failure(address: &SocketAddr, what: &str, error: &io::Error) -> Failure {
    let busy = error.kind() == io::ErrorKind::AddrInUse;
    Failure { text: text(address, &format!("{what} ({})", error_text(error))), busy }
}

fn text(address: &SocketAddr, what: &str) -> String {
    let protocol = if address.is_ipv4() { "tcpv4" } else { "tcpv6" };
    // HAPROXY: an IPv6 address stands without brackets of its own.
    format!("protocol {protocol}: {what} for [{}:{}]", address.ip(), address.port())
}
