//! The connection of a check. It closes with a reset, as the reference's does: no state stays behind on either side.

use haproxy_config::runtime::{Server, ServerNamespace};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use units::Address;

/// The signature of a PROXY protocol header, version 2.
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// An open connection.
#[derive(Debug)]
pub(crate) enum Connection {
    Tcp {
        stream: TcpStream,
        /// Close cleanly instead of with a reset.
        linger: bool,
    },
    Unix(UnixStream),
}

impl Connection {
    /// Connects, from where the server's connections come.
    ///
    /// # Errors
    /// The system's.
    pub(crate) async fn open(target: &Address, server: &Server, linger: bool) -> io::Result<Self> {
        match target {
            Address::Inet(address) => {
                let make = || Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP));
                let socket = match &server.namespace {
                    Some(ServerNamespace::Named(name)) => sys::namespace::inside(name, make)?,
                    // A check is no client's.
                    Some(ServerNamespace::OfClient) | None => make()?,
                };
                socket.set_nonblocking(true)?;
                socket.set_tcp_nodelay(true)?;
                // Without the quick acknowledgement a bare connection check is three packets.
                socket.set_tcp_quickack(false)?;
                if let Some(interface) = &server.source_options.interface {
                    socket.bind_device(Some(interface.as_bytes()))?;
                }
                if let Some(source) = server.source {
                    socket.set_reuse_address(true)?;
                    socket.bind(&source.into())?;
                }
                let stream = TcpSocket::from_std_stream(socket.into()).connect(*address).await?;
                Ok(Self::Tcp { stream, linger })
            }
            Address::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await?)),
            Address::Abns(name) => {
                let address = sys::socket_options::abstract_address(name)?;
                let stream = std::os::unix::net::UnixStream::connect_addr(&address)?;
                stream.set_nonblocking(true)?;
                Ok(Self::Unix(UnixStream::from_std(stream)?))
            }
            Address::SockPair(number) => {
                let pair = sys::inherited::duplicate(*number)?;
                let stream = proxy::bind::pass_connection(pair.as_fd())?;
                stream.set_nonblocking(true)?;
                Ok(Self::Unix(UnixStream::from_std(stream)?))
            }
            Address::Fd(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Announces itself with the PROXY protocol.
    ///
    /// # Errors
    /// The system's.
    pub(crate) async fn send_proxy(&mut self, version: u8) -> io::Result<()> {
        let header = match (version, &*self) {
            (2, _) => {
                // LOCAL: the connection is not on behalf of anyone.
                let mut header = V2_SIGNATURE.to_vec();
                header.extend_from_slice(&[0x20, 0, 0, 0]);
                header
            }
            (_, Self::Tcp { stream, .. }) => v1_line(stream.local_addr()?, stream.peer_addr()?).into_bytes(),
            (_, Self::Unix(_)) => b"PROXY UNKNOWN\r\n".to_vec(),
        };
        self.write(&header).await
    }

    /// Writes all.
    ///
    /// # Errors
    /// The system's.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp { stream, .. } => stream.write_all(bytes).await,
            Self::Unix(stream) => stream.write_all(bytes).await,
        }
    }

    /// Reads some; 0 at the end.
    ///
    /// # Errors
    /// The system's.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp { stream, .. } => stream.read(buffer).await,
            Self::Unix(stream) => stream.read(buffer).await,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Self::Tcp { stream, linger: false } = self {
            // Failing that, the close is a clean one.
            let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
        }
    }
}

fn v1_line(from: SocketAddr, to: SocketAddr) -> String {
    let family = match (from.ip(), to.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => "TCP4",
        (IpAddr::V6(_), IpAddr::V6(_)) => "TCP6",
        _ => return "PROXY UNKNOWN\r\n".into(),
    };
    format!("PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn v1_lines() {
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(v1_line(at("127.0.0.1:5"), at("127.0.0.2:6")), "PROXY TCP4 127.0.0.1 127.0.0.2 5 6\r\n");
        assert_eq!(v1_line(at("[::1]:5"), at("[::2]:6")), "PROXY TCP6 ::1 ::2 5 6\r\n");
        assert_eq!(v1_line(at("[::1]:5"), at("127.0.0.2:6")), "PROXY UNKNOWN\r\n");
    }
}
