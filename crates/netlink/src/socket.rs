//! Raw VRRP sockets: one to receive and one to send for each interface and family, as a capture of keepalived shows
//! them. IPv4 adverts carry our own IP header; IPv6 ones get theirs from the kernel.
#![allow(unsafe_code)]

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, recvmsg, sendmsg, sendto,
    setsockopt, sockopt,
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;

/// A VRRP packet with 255 IPv6 addresses is 4088 bytes long; more than this is truncated and dropped.
const BUFFER_LEN: usize = 8192;
/// Receive buffer of the kernel, bytes.
const RECEIVE_BUFFER: usize = 1 << 20;
/// Precedence "internetwork control".
const TRAFFIC_CLASS: u32 = 0xc0;

/// What a pair of sockets is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Interface name and index; none for unicast without an interface.
    pub link: Option<(String, u32)>,
    /// IP protocol: VRRP, or AH.
    pub protocol: u8,
    /// Multicast: the group. Unicast: our own address.
    pub kind: Kind,
}

/// Multicast or unicast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Adverts of this group.
    Multicast(IpAddr),
    /// Adverts to this address of ours.
    Unicast(IpAddr),
}

impl Kind {
    fn address(self) -> IpAddr {
        match self {
            Self::Multicast(address) | Self::Unicast(address) => address,
        }
    }
}

fn new_socket(endpoint: &Endpoint, protocol: i32) -> io::Result<Socket> {
    let domain = match endpoint.kind.address() {
        IpAddr::V4(_) => Domain::IPV4,
        IpAddr::V6(_) => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(protocol)))?;
    socket.set_nonblocking(true)?;
    if let Some((name, _)) = &endpoint.link {
        socket.bind_device(Some(name.as_bytes()))?;
    }
    Ok(socket)
}

fn receive_socket(endpoint: &Endpoint) -> io::Result<Socket> {
    let socket = new_socket(endpoint, i32::from(endpoint.protocol))?;
    // Room for what comes while hundreds of addresses are added. Not having it is no error.
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER);
    let index = endpoint.link.as_ref().map_or(0, |(_, index)| *index);
    match endpoint.kind {
        Kind::Multicast(IpAddr::V4(group)) => {
            // Without this a raw socket also gets groups that other sockets joined.
            socket.set_multicast_all_v4(false)?;
            socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))?;
            socket.bind(&SocketAddrV4::new(group, 0).into())?;
        }
        Kind::Multicast(IpAddr::V6(group)) => {
            socket.set_multicast_all_v6(false)?;
            socket.join_multicast_v6(&group, index)?;
            socket.bind(&SocketAddrV6::new(group, 0, 0, index).into())?;
            want_ipv6_headers(&socket)?;
        }
        Kind::Unicast(IpAddr::V4(address)) => {
            socket.set_freebind_v4(true)?;
            socket.bind(&SocketAddrV4::new(address, 0).into())?;
        }
        Kind::Unicast(IpAddr::V6(address)) => {
            socket.set_freebind_v6(true)?;
            let scope = if address.is_unicast_link_local() { index } else { 0 };
            socket.bind(&SocketAddrV6::new(address, 0, 0, scope).into())?;
            want_ipv6_headers(&socket)?;
        }
    }
    Ok(socket)
}

fn want_ipv6_headers(socket: &Socket) -> io::Result<()> {
    setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    socket.set_recv_hoplimit_v6(true)
}

fn send_socket(endpoint: &Endpoint, ttl: Option<u8>) -> io::Result<Socket> {
    match endpoint.kind.address() {
        IpAddr::V4(_) => {
            // Protocol IPPROTO_RAW: never receives. The protocol on the wire is the one in our header.
            let socket = new_socket(endpoint, libc::IPPROTO_RAW)?;
            socket.set_header_included_v4(true)?;
            socket.set_multicast_loop_v4(false)?;
            Ok(socket)
        }
        IpAddr::V6(address) => {
            let socket = new_socket(endpoint, i32::from(endpoint.protocol))?;
            drop_everything(&socket)?;
            let index = endpoint.link.as_ref().map_or(0, |(_, index)| *index);
            match endpoint.kind {
                Kind::Multicast(_) => {
                    socket.set_multicast_if_v6(index)?;
                    socket.set_multicast_hops_v6(255)?;
                    socket.set_multicast_loop_v6(false)?;
                }
                Kind::Unicast(_) => {
                    if let Some(ttl) = ttl {
                        socket.set_unicast_hops_v6(u32::from(ttl))?;
                    }
                    socket.set_freebind_v6(true)?;
                    let scope = if address.is_unicast_link_local() { index } else { 0 };
                    socket.bind(&SocketAddrV6::new(address, 0, 0, scope).into())?;
                }
            }
            socket.set_tclass_v6(TRAFFIC_CLASS)?;
            Ok(socket)
        }
    }
}

/// A send socket for IPv6 has the protocol of what it sends and would be given every advert as well.
fn drop_everything(socket: &Socket) -> io::Result<()> {
    let mut program = [libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0 }];
    let filter = libc::sock_fprog { len: 1, filter: program.as_mut_ptr() };
    // SAFETY: `filter` points to one instruction that outlives the call; the kernel copies it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A receive and a send socket.
#[derive(Debug)]
pub struct Pair {
    endpoint: Endpoint,
    receive: Socket,
    send: Socket,
}

impl Pair {
    /// What it is for.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The two descriptors, receive first, for the log.
    pub fn fds(&self) -> (RawFd, RawFd) {
        (self.receive.as_raw_fd(), self.send.as_raw_fd())
    }

    /// How many bytes of adverts wait to be read at most.
    pub fn set_receive_buffer(&self, bytes: u32) -> io::Result<()> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        setsockopt(&self.receive, sockopt::RcvBufForce, &bytes)
            .or_else(|_| setsockopt(&self.receive, sockopt::RcvBuf, &bytes))?;
        Ok(())
    }

    /// Sends an advert. IPv4: a datagram with its IP header. IPv6: from the VRRP header on.
    pub fn send(&self, source: IpAddr, destination: IpAddr, datagram: &[u8]) -> io::Result<()> {
        let fd = self.send.as_raw_fd();
        match (source, destination) {
            (_, IpAddr::V4(destination)) => {
                let to = SockaddrIn::from(SocketAddrV4::new(destination, 0));
                sendto(fd, datagram, &to, MsgFlags::MSG_DONTWAIT)?;
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let index = self.endpoint.link.as_ref().map_or(0, |(_, index)| *index);
                let local = destination.is_unicast_link_local() || destination.is_multicast();
                let to =
                    SockaddrIn6::from(SocketAddrV6::new(destination, 0, 0, if local { index } else { 0 }));
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: source.octets() },
                    ipi6_ifindex: index,
                };
                let control = [ControlMessage::Ipv6PacketInfo(&info)];
                let data = [io::IoSlice::new(datagram)];
                sendmsg(fd, &data, &control, MsgFlags::MSG_DONTWAIT, Some(&to))?;
            }
            (IpAddr::V4(_), IpAddr::V6(_)) => return Err(io::ErrorKind::InvalidInput.into()),
        }
        Ok(())
    }
}

/// A received packet.
#[derive(Debug)]
pub enum Received<'a> {
    /// The whole datagram.
    V4(&'a [u8]),
    /// The payload and what the control messages said.
    V6 {
        /// Sender.
        source: Ipv6Addr,
        /// Where it was sent to.
        destination: Ipv6Addr,
        /// Hop limit.
        hop_limit: Option<u8>,
        /// From the VRRP header on.
        payload: &'a [u8],
    },
    /// It was longer than any VRRP packet and is dropped.
    Truncated,
}

/// All pairs of sockets, with one readiness for all receive sockets.
#[derive(Debug)]
pub struct Sockets {
    epoll: AsyncFd<EpollFd>,
    /// `None` where a pair was closed; the index stays taken until the next pair is opened.
    pairs: Vec<Option<Pair>>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct EpollFd(Epoll);

impl AsRawFd for EpollFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }
}

impl AsFd for EpollFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0.as_fd()
    }
}

/// Index of a pair in [`Sockets`], for the lifetime of that set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PairId(pub usize);

impl Sockets {
    /// An empty set. Call it in a tokio runtime.
    pub fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        // SAFETY: `EpollFd` owns its descriptor, always returns that one, and is neither replaced nor closed while
        // the `AsyncFd` owns it.
        let epoll = unsafe { AsyncFd::register(EpollFd(epoll)) }.map_err(io::Error::from)?;
        Ok(Self { epoll, pairs: Vec::new(), buffer: vec![0; BUFFER_LEN] })
    }

    /// Opens a pair, or finds the one that is open already. `ttl` is for IPv6 unicast; without it the kernel's.
    pub fn open(&mut self, endpoint: &Endpoint, ttl: Option<u8>) -> io::Result<PairId> {
        if let Some(at) =
            self.pairs.iter().position(|pair| pair.as_ref().is_some_and(|pair| pair.endpoint == *endpoint))
        {
            return Ok(PairId(at));
        }
        let pair = Pair {
            endpoint: endpoint.clone(),
            receive: receive_socket(endpoint)?,
            send: send_socket(endpoint, ttl)?,
        };
        let at = self.pairs.iter().position(Option::is_none).unwrap_or(self.pairs.len());
        let event = EpollEvent::new(EpollFlags::EPOLLIN, at as u64);
        self.epoll.get_ref().0.add(&pair.receive, event)?;
        match self.pairs.get_mut(at) {
            Some(free) => *free = Some(pair),
            None => self.pairs.push(Some(pair)),
        }
        Ok(PairId(at))
    }

    /// Closes every pair for which `keep` is false.
    pub fn retain(&mut self, keep: impl Fn(PairId, &Pair) -> bool) {
        for (at, slot) in self.pairs.iter_mut().enumerate() {
            if slot.as_ref().is_some_and(|pair| !keep(PairId(at), pair)) {
                *slot = None;
            }
        }
    }

    /// All open pairs.
    pub fn pairs(&self) -> impl Iterator<Item = (PairId, &Pair)> {
        self.pairs.iter().enumerate().filter_map(|(at, pair)| Some((PairId(at), pair.as_ref()?)))
    }

    /// One pair.
    pub fn pair(&self, id: PairId) -> Option<&Pair> {
        self.pairs.get(id.0)?.as_ref()
    }

    /// Waits until something can be received. Cancel safe. Never returns while the set is empty.
    pub async fn readable(&self) -> io::Result<()> {
        loop {
            let mut guard = self.epoll.readable().await?;
            let mut events = [EpollEvent::empty(); 1];
            if self.epoll.get_ref().0.wait(&mut events, EpollTimeout::ZERO)? > 0 {
                return Ok(());
            }
            guard.clear_ready();
        }
    }

    /// Receives at most `limit` packets from each socket without waiting, so that a flood on one does not silence the
    /// others; returns how many there were.
    pub fn receive(&mut self, limit: usize, mut each: impl FnMut(PairId, Received<'_>)) -> io::Result<usize> {
        let mut events = [EpollEvent::empty(); 64];
        let ready = self.epoll.get_ref().0.wait(&mut events, EpollTimeout::ZERO)?;
        let mut received = 0;
        for event in events.iter().take(ready) {
            let id = PairId(usize::try_from(event.data()).unwrap_or(usize::MAX));
            let Some(Some(pair)) = self.pairs.get(id.0) else { continue };
            for _ in 0..limit {
                match receive_one(pair, &mut self.buffer) {
                    Ok(packet) => {
                        received += 1;
                        if let Some(packet) = packet {
                            each(id, packet);
                        }
                    }
                    Err(nix::errno::Errno::EAGAIN) => break,
                    Err(nix::errno::Errno::EINTR) => {}
                    // ENETDOWN and the like are reported once and cleared by the read.
                    Err(_) => received += 1,
                }
            }
        }
        Ok(received)
    }
}

/// `None`: a packet whose family or addresses are unknown.
fn receive_one<'b>(pair: &Pair, buffer: &'b mut [u8]) -> nix::Result<Option<Received<'b>>> {
    let fd = pair.receive.as_raw_fd();
    if pair.endpoint.kind.address().is_ipv4() {
        let mut data = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrIn>(fd, &mut data, None, MsgFlags::MSG_DONTWAIT)?;
        let (length, truncated) = (message.bytes, message.flags.contains(MsgFlags::MSG_TRUNC));
        if truncated {
            return Ok(Some(Received::Truncated));
        }
        return Ok(buffer.get(..length).map(Received::V4));
    }
    let mut space = nix::cmsg_space!(libc::in6_pktinfo, i32);
    let mut data = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrIn6>(fd, &mut data, Some(&mut space), MsgFlags::MSG_DONTWAIT)?;
    let (length, truncated) = (message.bytes, message.flags.contains(MsgFlags::MSG_TRUNC));
    let source = message.address.map(|address| address.ip());
    let (mut destination, mut hop_limit) = (None, None);
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr))
            }
            ControlMessageOwned::Ipv6HopLimit(limit) => hop_limit = u8::try_from(limit).ok(),
            _ => {}
        }
    }
    if truncated {
        return Ok(Some(Received::Truncated));
    }
    let (Some(source), Some(destination), Some(payload)) = (source, destination, buffer.get(..length)) else {
        return Ok(None);
    };
    Ok(Some(Received::V6 { source, destination, hop_limit, payload }))
}
