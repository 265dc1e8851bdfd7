//! Opening a connection to a server.

use super::Stream;
use crate::pool::ServerConnection;
use crate::socket::Socket;
use crate::state::ServerState;
use crate::transport::Transport;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::linux::net::SocketAddrExt as _;
use tokio::net::UnixStream;
use units::Address;

/// What is needed to open a connection, taken from the stream so that the waiting future borrows nothing of it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    address: Address,
    source: Option<SocketAddr>,
    keepalive: bool,
}

impl Stream<'_> {
    /// Where a connection to a server goes.
    pub(super) fn target_of(&self, server: &ServerState) -> Target {
        let client_port = self.effects.destination.or(self.session.dst).map_or(0, |dst| dst.port());
        let address = match server.target().for_client(client_port) {
            Address::Inet(address) => Address::Inet(self.destination(address)),
            other => other,
        };
        let keepalive = self.backend.as_ref().is_some_and(|b| b.config.options.srvtcpka);
        Target { address, source: server.config.source, keepalive }
    }

    /// A server without address stands for the client's destination.
    fn destination(&self, mut address: SocketAddr) -> SocketAddr {
        if let (true, Some(original)) =
            (address.ip().is_unspecified(), self.effects.destination.or(self.session.dst))
        {
            address.set_ip(original.ip());
        }
        address
    }

    /// The PROXY protocol header for a new connection to a server; empty without `send-proxy`.
    pub(super) fn proxy_header(&self, server: &ServerState) -> Vec<u8> {
        let (src, dst) = (self.session.src, self.session.dst);
        match server.config.send_proxy {
            1 => proxy_v1(src, dst),
            2 => proxy_v2(src, dst),
            _ => Vec::new(),
        }
    }
}

impl Target {
    /// The IP address, for the log and the pool.
    pub(super) fn socket_address(&self) -> Option<SocketAddr> {
        match self.address {
            Address::Inet(address) => Some(address),
            _ => None,
        }
    }

    /// Connects. The caller bounds the time.
    pub(super) async fn connect(self) -> io::Result<ServerConnection> {
        let io = match &self.address {
            Address::Inet(address) => Transport::Tcp(self.tcp(*address).await?),
            Address::Unix(path) => Transport::Unix(UnixStream::connect(path).await?),
            Address::Abns(name) => {
                let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
                let stream = std::os::unix::net::UnixStream::connect_addr(&address)?;
                stream.set_nonblocking(true)?;
                Transport::Unix(UnixStream::from_std(stream)?)
            }
            Address::Fd(_) | Address::SockPair(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(ServerConnection {
            io,
            safe: false,
            reused: false,
            address: self.socket_address(),
            usage: None,
            clean: false,
        })
    }

    async fn tcp(&self, address: SocketAddr) -> io::Result<Socket> {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM.nonblocking().cloexec(),
            Some(socket2::Protocol::TCP),
        )?;
        socket.set_tcp_nodelay(true)?;
        if self.keepalive {
            socket.set_keepalive(true)?;
        }
        if let Some(source) = self.source {
            socket.set_reuse_address(true)?;
            socket.bind(&source.into())?;
        }
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let mut socket = Socket::connecting(socket.into());
        poll_fn(|cx| socket.poll_connected(cx)).await?;
        Ok(socket)
    }
}

/// Whether a failure to connect is about our own resources (descriptors, source ports) rather than about the server.
pub(super) fn is_local(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EADDRNOTAVAIL
                | libc::EADDRINUSE
        )
    )
}

/// PROXY protocol version 1 (proxy-protocol.txt, section 2.1).
fn proxy_v1(src: Option<SocketAddr>, dst: Option<SocketAddr>) -> Vec<u8> {
    match (src, dst) {
        (Some(src), Some(dst)) if src.is_ipv4() == dst.is_ipv4() => {
            let family = if src.is_ipv4() { "TCP4" } else { "TCP6" };
            format!("PROXY {family} {} {} {} {}\r\n", src.ip(), dst.ip(), src.port(), dst.port()).into_bytes()
        }
        _ => b"PROXY UNKNOWN\r\n".to_vec(),
    }
}

/// PROXY protocol version 2 (proxy-protocol.txt, section 2.2).
fn proxy_v2(src: Option<SocketAddr>, dst: Option<SocketAddr>) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    let (Some(src), Some(dst)) = (src, dst) else {
        // LOCAL, unspecified family, no addresses.
        header.extend_from_slice(&[0x20, 0, 0, 0]);
        return header;
    };
    match (src.ip(), dst.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            header.extend_from_slice(&[0x21, 0x11, 0, 12]);
            header.extend_from_slice(&from.octets());
            header.extend_from_slice(&to.octets());
        }
        (from, to) => {
            let mapped = |ip| match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                IpAddr::V6(v6) => v6,
            };
            header.extend_from_slice(&[0x21, 0x21, 0, 36]);
            header.extend_from_slice(&mapped(from).octets());
            header.extend_from_slice(&mapped(to).octets());
        }
    }
    header.extend_from_slice(&src.port().to_be_bytes());
    header.extend_from_slice(&dst.port().to_be_bytes());
    header
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn proxy_headers() {
        let (a, b) = (Some("1.2.3.4:5".parse().unwrap()), Some("6.7.8.9:80".parse().unwrap()));
        assert_eq!(proxy_v1(a, b), b"PROXY TCP4 1.2.3.4 6.7.8.9 5 80\r\n");
        assert_eq!(proxy_v1(a, Some("[::1]:80".parse().unwrap())), b"PROXY UNKNOWN\r\n");
        assert_eq!(proxy_v1(None, b), b"PROXY UNKNOWN\r\n");
        let v2 = proxy_v2(a, b);
        assert_eq!(&v2[12..], [0x21, 0x11, 0, 12, 1, 2, 3, 4, 6, 7, 8, 9, 0, 5, 0, 80]);
        assert_eq!(proxy_v2(a, Some("[::1]:80".parse().unwrap())).len(), 16 + 36);
        assert_eq!(&proxy_v2(None, b)[12..], [0x20, 0, 0, 0]);
    }
}
