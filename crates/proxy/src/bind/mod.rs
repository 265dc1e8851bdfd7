//! Listening sockets: every form of address that a `bind` or `stats socket` line can name, the sockets inherited from an older process,
//! and the messages about what could not be bound (configuration manual, sections 4.2 `bind` and 5.1; management manual, section 4).
//!
//! Binding happens once, in the process that will serve, before it has threads and before it gives up its privileges. Nothing here
//! accepts connections.

mod binder;
mod inet;
mod inherited;
mod transfer;
mod unix;

use haproxy_config::runtime::{ProxyIndex, RuntimeConfig};
use haproxy_config::threads::ThreadSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub use binder::{Attempt, Binder, Trouble};
pub use inherited::Inherited;
pub use transfer::{
    fetch_sockets, fetch_sockets_from_pair, pass_connection, receive_connection, send_sockets,
};

/// Whose listener a [`BoundListener`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The `bind` at this index in `proxies[proxy].binds`.
    Frontend(ProxyIndex, usize),
    /// The `stats socket` at this index in `global.stats_sockets`.
    Stats(usize),
    /// The socket pair between the master and this worker: the master's way to the worker's CLI, at level admin.
    Master,
}

/// A socket that listens (or, for `sockpair@N`, over which connections arrive as descriptors).
#[derive(Debug)]
pub struct BoundListener {
    /// Whose it is.
    pub owner: Owner,
    /// The socket: listening, non-blocking, close-on-exec.
    pub socket: OwnedFd,
    /// What kind of socket it is.
    pub transport: Transport,
    /// The backlog that it was given; 0 for a socket that came as `fd@N`, which somebody else may listen on as well.
    pub backlog: i32,
    /// The threads that accept on it.
    pub threads: ThreadSet,
}

/// How connections come out of a [`BoundListener`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `accept` on TCP over IPv4.
    Tcp4,
    /// `accept` on TCP over IPv6.
    Tcp6,
    /// `accept` on a Unix stream socket.
    Unix,
    /// `recvmsg`: every message carries one connected descriptor (`sockpair@N`): [`receive_connection`].
    SockPair,
}

impl BoundListener {
    /// Stops listening without closing the socket (`SIGTTOU`): the kernel refuses new connections. Only TCP sockets that this
    /// program bound itself can do that; for others it is enough that the caller polls them no more.
    ///
    /// # Errors
    /// The kernel's.
    pub fn pause(&self) -> io::Result<()> {
        if !self.can_pause() {
            return Ok(());
        }
        sys::socket_options::stop_listening(self.socket.as_fd())
    }

    /// Listens again after [`BoundListener::pause`].
    ///
    /// # Errors
    /// `EADDRINUSE` when another process took the address meanwhile.
    pub fn resume(&self) -> io::Result<()> {
        if !self.can_pause() {
            return Ok(());
        }
        sys::socket_options::listen(self.socket.as_fd(), self.backlog)
    }

    fn can_pause(&self) -> bool {
        self.backlog > 0 && matches!(self.transport, Transport::Tcp4 | Transport::Tcp6)
    }

    /// Another handle on the same socket, for another thread's loop.
    ///
    /// # Errors
    /// `EMFILE` and the like.
    pub fn try_clone(&self) -> io::Result<Self> {
        let Self { owner, transport, backlog, threads, .. } = *self;
        Ok(Self { owner, socket: self.socket.try_clone()?, transport, backlog, threads })
    }
}

impl AsFd for BoundListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Binds everything that the configuration names in one attempt, for callers without an older process to negotiate with. `maxconn` is the
/// process's limit, the default backlog.
///
/// # Errors
/// One text a socket that could not be bound, in the reference's words.
pub fn bind_all(
    config: &RuntimeConfig,
    inherited: &mut Inherited,
    maxconn: u32,
) -> Result<Vec<BoundListener>, Vec<String>> {
    let mut binder = Binder::new(config, maxconn, true);
    match binder.attempt(inherited) {
        Attempt::Done => Ok(binder.finish()),
        Attempt::Busy(troubles) | Attempt::Failed(troubles) => {
            Err(troubles.into_iter().map(|t| t.text).collect())
        }
    }
}
