//! Opening a connection to a server.

use super::Stream;
use crate::pool::{ServerConnection, ServerIo};
use crate::socket::Socket;
use crate::state::ServerState;
use crate::transport::{Transport, apply_marking};
use haproxy_config::keep_alive::KeepAlive;
use haproxy_config::runtime::{ProxyV2, Server, ServerNamespace};
use haproxy_config::source::UseSrc;
use log_format::LogFormat;
use proxy_protocol::{Version2, kind};
use rules::Marking;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use sys::socket_options;
use tokio::net::UnixStream;
use units::Address;

/// What is needed to open a connection, taken from the stream so that the waiting future borrows nothing of it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    address: Address,
    /// The address that the server is to see, when it is not one of ours (`usesrc`).
    foreign: Option<SocketAddr>,
    /// What rules said about its packets.
    marking: Marking,
    /// The client's network namespace, when the server is reached in that.
    client_namespace: Option<Arc<str>>,
    server: Arc<Server>,
    keep_alive: Option<KeepAlive>,
    /// Bytes follow at once: the kernel may send them with the last packet of the handshake instead of after it.
    speaks: bool,
}

impl Stream<'_> {
    /// Where a connection to a server goes.
    pub(super) fn target_of(&self, server: &ServerState) -> Target {
        let client_port = self.effects.destination.or(self.session.dst).map_or(0, |dst| dst.port());
        let address = match server.target().for_client(client_port) {
            Address::Inet(address) => Address::Inet(self.destination(address)),
            other => other,
        };
        self.target_at(address, &server.config)
    }

    /// An address, to be reached as a server's configuration says.
    pub(super) fn target_at(&self, address: Address, server: &Arc<Server>) -> Target {
        let foreign = server.source_options.usesrc.as_ref().and_then(|usesrc| self.foreign_source(usesrc));
        Target {
            address,
            foreign,
            marking: self.effects.server_marking,
            client_namespace: match server.namespace {
                Some(ServerNamespace::OfClient) => self.client_namespace(),
                _ => None,
            },
            server: Arc::clone(server),
            keep_alive: self.backend.as_ref().and_then(|b| b.config.options.srvtcpka),
            speaks: self.http,
        }
    }

    /// The network namespace that the client connection belongs to: what a PROXY protocol header says, when the configuration knows it,
    /// else the listener's; none is ours.
    fn client_namespace(&self) -> Option<Arc<str>> {
        let told = self.session.proxied.as_ref().and_then(|proxied| proxied.values(kind::NETNS).next());
        let told = told.and_then(|name| std::str::from_utf8(name).ok());
        match told.filter(|name| sys::namespace::is_open(name)) {
            Some(name) => Some(name.into()),
            None => self.front.namespace.clone(),
        }
    }

    /// The address that `usesrc` means for this request; none when there is none to be had.
    fn foreign_source(&self, usesrc: &UseSrc) -> Option<SocketAddr> {
        match usesrc {
            UseSrc::Address(address) => Some(*address),
            UseSrc::Client => self.session.src,
            UseSrc::ClientIp => self.session.src.map(|src| SocketAddr::new(src.ip(), 0)),
            UseSrc::Header(name, occurrence) => {
                let text = UseSrc::pick(self.request.values(name), *occurrence)?;
                let ip: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
                Some(SocketAddr::new(ip, 0))
            }
        }
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
            0 => Vec::new(),
            1 => proxy_protocol::version_1(src, dst),
            _ => self.proxy_v2(&server.config.proxy_v2).encode(),
        }
    }

    fn proxy_v2(&self, options: &ProxyV2) -> Version2 {
        let cx = sample::Cx {
            session: self.session,
            stream: &self.view,
            request: self.http.then_some(&self.request),
            response: None,
            request_payload: self.flow.pending_payload(),
            response_payload: &[],
            complete: true,
            in_response: false,
            env: &self.front.thread.env,
        };
        let render = |format: &LogFormat| {
            let mut value = Vec::new();
            format.render(&self.log, &cx, &mut value);
            value
        };
        let received = self.session.proxied.as_ref();
        let authority = received.and_then(|p| p.values(kind::AUTHORITY).next()).map(<[u8]>::to_vec);
        Version2 {
            addresses: self.session.src.zip(self.session.dst),
            custom: options.custom.iter().map(|(kind, format)| (*kind, render(format))).collect(),
            checksum: options.checksum,
            authority: authority.filter(|_| options.authority),
            // HAPROXY: without an id the value is empty.
            unique_id: options.unique_id.then(|| self.view.unique_id.clone().unwrap_or_default()),
            tls: options.tls,
            namespace: self.client_namespace().map(|name| name.as_bytes().to_vec()),
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

    /// The address that a server sees in place of ours; a connection is for that one only.
    pub(super) fn foreign(&self) -> Option<SocketAddr> {
        self.foreign
    }

    /// What its packets are to carry; a connection that carries another mark or TOS is another one.
    pub(super) fn marking(&self) -> Marking {
        self.marking
    }

    /// Whether a connection to it is for this client only.
    pub(super) fn is_private(&self) -> bool {
        self.server.send_proxy > 0
            || self.foreign.is_some()
            || !self.marking.is_empty()
            || self.client_namespace.is_some()
    }

    /// Connects. The caller bounds the time.
    pub(super) async fn connect(self) -> io::Result<ServerConnection> {
        let io = match &self.address {
            Address::Inet(address) => Transport::Tcp(self.tcp(*address).await?),
            Address::Unix(path) => Transport::Unix(UnixStream::connect(path).await?),
            Address::Abns(name) => {
                let address = sys::socket_options::abstract_address(name)?;
                let stream = std::os::unix::net::UnixStream::connect_addr(&address)?;
                stream.set_nonblocking(true)?;
                Transport::Unix(UnixStream::from_std(stream)?)
            }
            Address::SockPair(number) => {
                let pair = sys::inherited::duplicate(*number)?;
                let stream = crate::bind::pass_connection(pair.as_fd())?;
                stream.set_nonblocking(true)?;
                Transport::Unix(UnixStream::from_std(stream)?)
            }
            Address::Fd(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(ServerConnection {
            io: ServerIo::new(io),
            safe: false,
            reused: false,
            address: self.socket_address(),
            foreign: self.foreign,
            marking: self.marking,
            private: self.is_private(),
            usage: None,
        })
    }

    async fn tcp(&self, address: SocketAddr) -> io::Result<Socket> {
        let Some((low, high)) = self.server.source_options.ports.filter(|_| self.foreign.is_none()) else {
            return connected(self.socket(address, None)?, address).await;
        };
        // Every port of the range once, from where the last connection stopped.
        let count = u32::from(high - low) + 1;
        let start = u32::from(NEXT_PORT.fetch_add(1, Relaxed));
        let mut failure = io::Error::from_raw_os_error(libc::EADDRNOTAVAIL);
        for turn in 0..count {
            let port = u32::from(low) + (start + turn) % count;
            let attempt = match self.socket(address, u16::try_from(port).ok()) {
                Ok(socket) => connected(socket, address).await,
                Err(error) => Err(error),
            };
            match attempt {
                Err(error)
                    if matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EADDRINUSE)) =>
                {
                    failure = error;
                }
                other => return other,
            }
        }
        Err(failure)
    }

    /// A socket bound to where the connection comes from, `port` being one of a range.
    fn socket(&self, address: SocketAddr, port: Option<u16>) -> io::Result<socket2::Socket> {
        let make = || {
            socket2::Socket::new(
                socket2::Domain::for_address(address),
                socket2::Type::STREAM.nonblocking().cloexec(),
                Some(socket2::Protocol::TCP),
            )
        };
        let server = &self.server;
        let namespace = match &server.namespace {
            Some(ServerNamespace::Named(name)) => Some(name.as_str()),
            Some(ServerNamespace::OfClient) => self.client_namespace.as_deref(),
            None => None,
        };
        let socket = match namespace {
            Some(name) => sys::namespace::inside(name, make)?,
            None => make()?,
        };
        socket.set_tcp_nodelay(true)?;
        if let Some(KeepAlive { idle, interval, count }) = self.keep_alive {
            socket.set_keepalive(true)?;
            socket_options::set_keep_alive(socket.as_fd(), idle, interval, count)?;
        }
        if self.speaks {
            // Only a packet more or less.
            let _ = socket_options::set_quick_ack(socket.as_fd(), false);
        }
        if let Some(ms) = server.user_timeout {
            socket_options::set_user_timeout(socket.as_fd(), i32::try_from(ms).unwrap_or(i32::MAX))?;
        }
        if server.fast_open {
            // Without it the first data waits for the handshake.
            let _ = socket_options::set_fast_open_connect(socket.as_fd());
        }
        apply_marking(socket.as_fd(), self.marking);
        if let Some(interface) = &server.source_options.interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        let source = match self.foreign {
            Some(foreign) => {
                socket_options::set_transparent(socket.as_fd(), address.is_ipv6())?;
                Some(foreign)
            }
            None => server.source.map(|source| SocketAddr::new(source.ip(), port.unwrap_or(source.port()))),
        };
        if let Some(source) = source {
            if source.port() == 0 {
                // The kernel then chooses the port when it knows the other end: there are more to choose from.
                let _ = socket_options::set_late_port(socket.as_fd());
            }
            socket.set_reuse_address(true)?;
            socket.bind(&source.into())?;
        }
        Ok(socket)
    }
}

/// Waits until a socket is connected.
async fn connected(socket: socket2::Socket, address: SocketAddr) -> io::Result<Socket> {
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    let mut socket = Socket::connecting(socket.into());
    poll_fn(|cx| socket.poll_connected(cx)).await?;
    Ok(socket)
}

/// Where the next connection from a range of ports begins to look.
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

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
