//! TCP sockets at the event loop of the calling thread.
//!
//! A connection is registered only when it has to wait for the first time: one that is accepted, answered and closed in one go costs
//! the event loop nothing.
#![allow(unsafe_code)]

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// A descriptor at the event loop; the socket beside it owns it.
#[derive(Debug)]
pub struct Descriptor(RawFd);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

/// A socket that is ready, with what takes the readiness back.
pub type Ready<'s> = (AsyncFdReadyGuard<'s, Descriptor>, &'s TcpStream);

/// A non-blocking connection. See the module.
#[derive(Debug)]
pub struct WatchedStream {
    /// Dropped before the socket: what is closed cannot be taken out of the event loop any more.
    watch: Option<AsyncFd<Descriptor>>,
    stream: TcpStream,
}

impl WatchedStream {
    /// Nothing is registered yet.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        Self { watch: None, stream }
    }

    /// The socket, to be used without waiting.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether the event loop knows it.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.watch.is_some()
    }

    /// The event loop of this thread forgets it; the next wait registers it with the loop of the thread that waits.
    pub fn unregister(&mut self) {
        self.watch = None;
    }

    fn watch(&mut self) -> io::Result<(&AsyncFd<Descriptor>, &TcpStream)> {
        let watch = match &mut self.watch {
            Some(watch) => watch,
            none => {
                let descriptor = Descriptor(self.stream.as_raw_fd());
                // SAFETY: the descriptor belongs to `stream`, which is private, never replaced, and declared after the registration,
                // so that it is closed after it.
                none.insert(unsafe { AsyncFd::register(descriptor) }?)
            }
        };
        Ok((watch, &self.stream))
    }

    /// Waits until there may be something to read.
    ///
    /// # Errors
    /// When the socket cannot be registered.
    pub fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Ready<'_>>> {
        let (watch, stream) = self.watch()?;
        watch.poll_read_ready(cx).map_ok(|guard| (guard, stream))
    }

    /// Waits until there may be room to write.
    ///
    /// # Errors
    /// When the socket cannot be registered.
    pub fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Ready<'_>>> {
        let (watch, stream) = self.watch()?;
        watch.poll_write_ready(cx).map_ok(|guard| (guard, stream))
    }
}

/// A listening socket at the event loop.
#[derive(Debug)]
pub struct WatchedListener(AsyncFd<TcpListener>);

impl WatchedListener {
    /// Registers it; it must be non-blocking.
    ///
    /// # Errors
    /// When it cannot be registered.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        // SAFETY: the listener owns its descriptor, is moved in here and is never replaced.
        Ok(Self(unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) }?))
    }

    /// The next connection with its peer's address, non-blocking and close-on-exec.
    ///
    /// # Errors
    /// The kernel's.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, Option<SocketAddr>)>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            match crate::socket::accept_tcp(self.0.get_ref().as_fd()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                accepted => return Poll::Ready(accepted),
            }
        }
    }

    /// The socket, no longer registered.
    #[must_use]
    pub fn into_inner(self) -> TcpListener {
        self.0.into_inner()
    }
}
