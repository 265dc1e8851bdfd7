//! UDP sockets: one that receives for each port, one that sends for each session. RFC 5881, sections 4 and 5.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, RawFd};

use bfd::Config;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Source ports. RFC 5881, 4.
const PORTS: std::ops::RangeInclusive<u16> = 49152..=65535;
/// Tries to find a source port that is free.
const TRIES: u64 = 64;
/// More than any packet without authentication.
const BUFFER: usize = 128;

/// A datagram that came.
pub(crate) struct Received<'a> {
    pub(crate) source: SocketAddr,
    /// Its TTL or hop limit; 255 when the kernel does not say.
    pub(crate) ttl: u8,
    pub(crate) payload: &'a [u8],
}

/// The socket of a port, for both families.
pub(crate) struct Receiver {
    socket: UdpSocket,
}

impl Receiver {
    /// Call it in a tokio runtime.
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_only_v6(false)?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?;
        socket.set_recv_hoplimit_v6(true)?;
        socket.bind(&SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0).into())?;
        Ok(Self { socket: UdpSocket::from_std(socket.into())? })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Waits until something can be received. Cancel safe.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Receives up to `limit` datagrams without waiting.
    ///
    /// It asks the kernel whatever the runtime believes: after a stop its wait ends without a word about sockets, and what has
    /// come meanwhile must be heard before a timer that is due is served.
    pub(crate) fn receive(&self, limit: usize, mut each: impl FnMut(Received<'_>)) {
        let mut buffer = [0; BUFFER];
        for _ in 0..limit {
            let received = match receive(&self.socket, &mut buffer) {
                // Once more through the runtime, so that it waits from now on.
                Err(Errno::EAGAIN) => {
                    self.socket.try_io(Interest::READABLE, || Ok(receive(&self.socket, &mut buffer)?))
                }
                received => received.map_err(io::Error::from),
            };
            match received {
                Ok(Some((source, ttl, length))) => {
                    each(Received { source, ttl, payload: buffer.get(..length).unwrap_or_default() });
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}

fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> nix::Result<Option<(SocketAddr, u8, usize)>> {
    let mut space = nix::cmsg_space!(i32, i32);
    let mut data = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrIn6>(
        socket.as_fd().as_raw_fd(),
        &mut data,
        Some(&mut space),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let mut ttl = 255;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::Ipv4Ttl(value) | ControlMessageOwned::Ipv6HopLimit(value) = control {
            ttl = u8::try_from(value).unwrap_or(0);
        }
    }
    let length = message.bytes;
    let Some(address) = message.address else { return Ok(None) };
    let source = SocketAddr::new(address.ip().to_canonical(), address.port());
    Ok(Some((source, ttl, length)))
}

/// Reads and writes return at once.
pub(crate) fn set_nonblocking(file: &impl AsFd) -> io::Result<()> {
    let flags = OFlag::from_bits_truncate(fcntl(file, FcntlArg::F_GETFL)?);
    fcntl(file, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Opens the socket that a session sends with. `random` picks its port.
pub(crate) fn sender(config: &Config, random: u64) -> io::Result<Socket> {
    let v4 = config.neighbor.is_ipv4();
    let socket = Socket::new(if v4 { Domain::IPV4 } else { Domain::IPV6 }, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if v4 {
        socket.set_ttl_v4(u32::from(config.ttl))?;
    } else {
        socket.set_unicast_hops_v6(u32::from(config.ttl))?;
    }
    if config.source.is_some() {
        bind(&socket, config.source, random)?;
    }
    Ok(socket)
}

fn bind(socket: &Socket, source: Option<IpAddr>, random: u64) -> io::Result<()> {
    let source = source.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let count = u64::from(PORTS.end() - PORTS.start()) + 1;
    for offset in 0..TRIES {
        let port = PORTS.start() + u16::try_from(random.wrapping_add(offset * 7919) % count).unwrap_or(0);
        match socket.bind(&SocketAddr::new(source, port).into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    fn config(neighbor: &str) -> Config {
        Config {
            name: "B".into(),
            neighbor: neighbor.parse().unwrap(),
            source: Some(neighbor.parse().unwrap()),
            min_rx: Duration::ZERO,
            min_tx: Duration::ZERO,
            idle_tx: Duration::ZERO,
            multiplier: 1,
            passive: false,
            ttl: 77,
            max_hops: 0,
            multihop: false,
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_ttl_of_both_families_is_seen() {
        let Ok(receiver) = Receiver::open(0) else { return };
        let port = receiver.socket.local_addr().unwrap().port();
        for (address, random) in [("127.0.0.1", 1), ("::1", u64::MAX)] {
            let config = config(address);
            let Ok(sender) = sender(&config, random) else { continue };
            let from = sender.local_addr().unwrap().as_socket().unwrap();
            assert!(PORTS.contains(&from.port()));
            sender.send_to(b"hello", &SocketAddr::new(config.neighbor, port).into()).unwrap();
            receiver.readable().await.unwrap();
            let mut seen = Vec::new();
            receiver.receive(8, |got| seen.push((got.source, got.ttl, got.payload.to_vec())));
            assert_eq!(seen, [(from, 77, b"hello".to_vec())]);
        }
    }
}
