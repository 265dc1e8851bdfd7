//! Idle server connections of one thread (haproxy-stream, part 2.2: `http-reuse`).
//!
//! A connection that has served a later request of some client connection is *safe*; one that has only served a first request is
//! *idle*. Which lists a stream may take from follows from `http-reuse`. How many are kept follows from how many were needed at the
//! same time of late. A server that sends or closes on an idle connection has it closed at once.

use crate::state::{ServerRef, ServerState, World};
use crate::transport::Transport;
use haproxy_config::runtime::Reuse;
use rules::Marking;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::task::{Context, Waker};

/// A connection to a server that can carry another request.
#[derive(Debug)]
pub(crate) struct ServerConnection {
    pub(crate) io: ServerIo,
    /// It has served more than a first request.
    pub(crate) safe: bool,
    /// Whether it comes from a pool: its failure before a response may only mean that the server closed it.
    pub(crate) reused: bool,
    /// Address it leads to; another one (after `set server addr`) must not be served by it.
    pub(crate) address: Option<SocketAddr>,
    /// Whom the server takes for the client (`usesrc`).
    pub(crate) foreign: Option<SocketAddr>,
    /// What rules said about its packets.
    pub(crate) marking: Marking,
    /// Nobody but the client whose request opened it may use it.
    pub(crate) private: bool,
    /// Counts it among those in use; none while it is idle.
    pub(crate) usage: Option<Usage>,
}

/// A server connection's socket, and how it is closed.
#[derive(Debug)]
pub(crate) struct ServerIo {
    transport: Transport,
    /// The server has closed its side: an ordinary close is right. Else the close is a reset: the server must not take what it got for
    /// a whole request, and a connection between requests is gone at once on both sides, without an address that rests in TIME_WAIT.
    pub(crate) clean: bool,
}

impl ServerIo {
    pub(crate) fn new(transport: Transport) -> Self {
        Self { transport, clean: false }
    }

    /// Whether the server has neither sent anything nor closed.
    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        let silent = self.transport.is_silent(cx);
        self.clean |= !silent;
        silent
    }
}

impl Deref for ServerIo {
    type Target = Transport;

    fn deref(&self) -> &Transport {
        &self.transport
    }
}

impl DerefMut for ServerIo {
    fn deref_mut(&mut self) -> &mut Transport {
        &mut self.transport
    }
}

impl Drop for ServerIo {
    fn drop(&mut self) {
        if !self.clean {
            self.transport.reset_on_close();
        }
    }
}

/// An idle connection on its way to another thread.
#[derive(Debug)]
pub(crate) struct Handover {
    io: ServerIo,
    safe: bool,
    address: Option<SocketAddr>,
}

type Servers = Rc<RefCell<Vec<Vec<OfServer>>>>;

/// One connection in use.
#[derive(Debug)]
pub(crate) struct Usage {
    servers: Servers,
    at: ServerRef,
}

impl Drop for Usage {
    fn drop(&mut self) {
        if let Ok(mut servers) = self.servers.try_borrow_mut()
            && let Some(of) = entry(&mut servers, self.at)
        {
            of.used = of.used.saturating_sub(1);
        }
    }
}

/// One server's connections on this thread.
#[derive(Debug, Default)]
struct OfServer {
    safe: Vec<ServerConnection>,
    idle: Vec<ServerConnection>,
    /// Connections in use.
    used: usize,
    /// Most in use at the same time since the last purge.
    max_used: usize,
    /// How many will be needed at the same time.
    estimate: usize,
    /// Monotonic ms of the next purge; 0 when none is due.
    purge_at: u64,
}

impl OfServer {
    fn kept(&self) -> usize {
        self.safe.len() + self.idle.len()
    }

    fn enter(&mut self) {
        self.used += 1;
        self.max_used = self.max_used.max(self.used);
        self.estimate = self.estimate.max(self.max_used);
    }

    /// Closes half (rounded up) of what is beyond the need, the oldest first, and lets the estimate sink.
    fn purge(&mut self) {
        self.estimate = self.estimate.midpoint(self.max_used).max(self.max_used);
        let need = self.max_used.max(self.estimate);
        let surplus = (self.used + self.kept()).saturating_sub(need).div_ceil(2);
        let from_idle = surplus.min(self.idle.len());
        self.idle.drain(..from_idle);
        let from_safe = (surplus - from_idle).min(self.safe.len());
        self.safe.drain(..from_safe);
        self.max_used = self.used;
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Pool {
    thread: usize,
    /// By proxy, then by server.
    servers: Servers,
    reaper: RefCell<Option<Waker>>,
}

impl Pool {
    pub(crate) fn new(world: &World, thread: usize) -> Self {
        let servers = world
            .proxies
            .iter()
            .map(|proxy| proxy.config.servers.iter().map(|_| OfServer::default()).collect())
            .collect();
        Self { thread, servers: Rc::new(RefCell::new(servers)), reaper: RefCell::default() }
    }

    /// A connection to `address` that may serve a request, newest first. `first` tells whether it is the client connection's first request.
    pub(crate) fn take(
        &self,
        server: &ServerState,
        address: Option<SocketAddr>,
        reuse: Reuse,
        first: bool,
    ) -> Option<ServerConnection> {
        let mut servers = self.servers.borrow_mut();
        let of = entry(&mut servers, server.at)?;
        let mut connection = self.pick(server, of, address, reuse, first)?;
        connection.reused = true;
        of.enter();
        connection.usage = Some(Usage { servers: Rc::clone(&self.servers), at: server.at });
        Some(connection)
    }

    fn pick(
        &self,
        server: &ServerState,
        of: &mut OfServer,
        address: Option<SocketAddr>,
        reuse: Reuse,
        first: bool,
    ) -> Option<ServerConnection> {
        if of.kept() == 0 {
            return None;
        }
        loop {
            let found = match (reuse, first) {
                (Reuse::Never, _) | (Reuse::Safe, true) => None,
                (Reuse::Aggressive, true) => of.safe.pop(),
                (Reuse::Always, true) => of.safe.pop().or_else(|| of.idle.pop()),
                (Reuse::Safe | Reuse::Aggressive | Reuse::Always, false) => {
                    of.idle.pop().or_else(|| of.safe.pop())
                }
            };
            let mut connection = found?;
            let alive = connection.io.is_silent(&mut Context::from_waker(Waker::noop()));
            if alive && connection.address == address {
                server.idle.set(self.thread, of.idle.len(), of.safe.len());
                return Some(connection);
            }
        }
    }

    /// Gives a connection to `address` up to another thread that has none.
    pub(crate) fn hand_over(
        &self,
        server: &ServerState,
        address: Option<SocketAddr>,
        reuse: Reuse,
        first: bool,
    ) -> Option<Handover> {
        let mut servers = self.servers.borrow_mut();
        let of = entry(&mut servers, server.at)?;
        let ServerConnection { mut io, safe, address, .. } = self.pick(server, of, address, reuse, first)?;
        io.leave_thread().then_some(Handover { io, safe, address })
    }

    /// Takes a connection over that another thread gave up.
    pub(crate) fn take_over(&self, at: ServerRef, handover: Handover) -> ServerConnection {
        let Handover { io, safe, address } = handover;
        // A connection that speaks for a client is never in a pool.
        ServerConnection {
            io,
            safe,
            reused: true,
            address,
            foreign: None,
            marking: Marking::default(),
            private: false,
            usage: Some(self.usage(at)),
        }
    }

    /// Which other thread may have a connection to give up. `pool-low-conn` leaves the others their own.
    pub(crate) fn richest_other(&self, server: &ServerState, reuse: Reuse, first: bool) -> Option<usize> {
        match (reuse, first) {
            (Reuse::Never, _) | (Reuse::Safe, true) => None,
            (Reuse::Aggressive, true) => {
                server.idle.richest_other(self.thread, true, server.config.pool_low_conn)
            }
            _ => server.idle.richest_other(self.thread, false, server.config.pool_low_conn),
        }
    }

    /// A new connection is in use.
    pub(crate) fn usage(&self, at: ServerRef) -> Usage {
        if let Some(of) = entry(&mut self.servers.borrow_mut(), at) {
            of.enter();
        }
        Usage { servers: Rc::clone(&self.servers), at }
    }

    /// Keeps a connection that was in use for later requests, unless there are enough.
    pub(crate) fn give(&self, server: &ServerState, mut connection: ServerConnection, now_ms: u64) {
        connection.usage = None;
        let mut servers = self.servers.borrow_mut();
        let Some(of) = entry(&mut servers, server.at) else { return };
        let total = of.used + 1 + of.kept();
        let config = &server.config;
        let delay = u64::try_from(config.pool_purge_delay.as_millis()).unwrap_or(u64::MAX);
        let limit = usize::try_from(config.pool_max_conn).unwrap_or(usize::MAX);
        let spare = usize::try_from(config.pool_low_conn).unwrap_or(usize::MAX);
        let wanted = of.kept() == 0 || total <= of.used.max(of.estimate).saturating_add(spare);
        if delay == 0 || of.kept() >= limit || !wanted {
            return;
        }
        let waker = self.reaper.borrow();
        let mut cx = Context::from_waker(waker.as_ref().unwrap_or(Waker::noop()));
        if !connection.io.is_silent(&mut cx) {
            return;
        }
        if of.purge_at == 0 {
            of.purge_at = now_ms.saturating_add(delay);
        }
        if connection.safe { &mut of.safe } else { &mut of.idle }.push(connection);
        server.idle.set(self.thread, of.idle.len(), of.safe.len());
    }

    /// Closes connections that are no longer silent; the context's task is woken for the others.
    pub(crate) fn reap(&self, world: &World, cx: &mut Context<'_>) {
        *self.reaper.borrow_mut() = Some(cx.waker().clone());
        self.each(world, |server, of| {
            for list in [&mut of.safe, &mut of.idle] {
                list.retain_mut(|connection| connection.io.is_silent(cx));
            }
            server.idle.set(self.thread, of.idle.len(), of.safe.len());
        });
    }

    /// Closes surplus connections of the servers whose purge delay is over.
    pub(crate) fn purge(&self, world: &World, now_ms: u64) {
        self.each(world, |server, of| {
            if of.purge_at == 0 || now_ms < of.purge_at {
                return;
            }
            of.purge();
            let delay = u64::try_from(server.config.pool_purge_delay.as_millis()).unwrap_or(u64::MAX);
            of.purge_at = if of.kept() > 0 { now_ms.saturating_add(delay) } else { 0 };
            server.idle.set(self.thread, of.idle.len(), of.safe.len());
        });
    }

    /// Closes all.
    pub(crate) fn clear(&self, world: &World) {
        self.each(world, |server, of| {
            of.safe.clear();
            of.idle.clear();
            server.idle.set(self.thread, 0, 0);
        });
    }

    fn each(&self, world: &World, mut act: impl FnMut(&ServerState, &mut OfServer)) {
        let mut servers = self.servers.borrow_mut();
        for (proxy, of_proxy) in world.proxies.iter().zip(servers.iter_mut()) {
            let Some(backend) = &proxy.backend else { continue };
            for (server, of) in backend.servers.iter().zip(of_proxy) {
                act(server, of);
            }
        }
    }
}

fn entry(servers: &mut [Vec<OfServer>], at: ServerRef) -> Option<&mut OfServer> {
    servers.get_mut(at.proxy.0 as usize)?.get_mut(at.server.0 as usize)
}
