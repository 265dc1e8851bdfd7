//! The byte transports under a session or a server connection: TCP and Unix stream sockets. TLS will be one more.

use crate::buffer::Buffer;
use crate::socket::Socket;
use rules::Marking;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use sys::pipe::Pipe;
use sys::socket_options;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::UnixStream;

/// A connected stream socket.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(Socket),
    Unix(UnixStream),
}

impl Transport {
    /// Reads what there is into the buffer's room. `Ok(0)` is the peer's end of stream. The buffer must have room.
    ///
    /// A read that does not fill the room clears the readiness, so that the next call makes no system call before the kernel
    /// announces more.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        let n = match self {
            Self::Tcp(io) => ready!(io.poll_read(cx, buffer.room()))?,
            Self::Unix(io) => {
                let mut room = ReadBuf::new(buffer.room());
                ready!(Pin::new(io).poll_read(cx, &mut room))?;
                room.filled().len()
            }
        };
        buffer.fill(n);
        Poll::Ready(Ok(n))
    }

    /// Writes from several slices in one call. `last` tells that the connection's sending direction ends once these bytes are
    /// written: the kernel may then keep them until it does, and send them together with the end.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        match (self, parts) {
            (Self::Tcp(io), _) => io.poll_write(cx, parts, last),
            (Self::Unix(io), [one]) => Pin::new(io).poll_write(cx, one),
            (Self::Unix(io), _) => Pin::new(io).poll_write_vectored(cx, parts),
        }
    }

    /// Moves what there is into an empty pipe, `most` bytes at most. `Ok(0)` is the peer's end of stream.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(io) => io.poll_fill(cx, pipe, most),
            Self::Unix(io) => loop {
                ready!(io.poll_read_ready(cx))?;
                match io.try_io(Interest::READABLE, || pipe.fill(io.as_fd(), most)) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    filled => return Poll::Ready(filled),
                }
            },
        }
    }

    /// Writes what a pipe holds, `held` bytes. `last` as in [`Transport::poll_write`].
    pub(crate) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        held: usize,
        last: bool,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(io) => io.poll_drain(cx, pipe, held, last),
            Self::Unix(io) => loop {
                ready!(io.poll_write_ready(cx))?;
                match io.try_io(Interest::WRITABLE, || pipe.drain(io.as_fd(), held, false)) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    drained => return Poll::Ready(drained),
                }
            },
        }
    }

    /// The address on this side; none for Unix sockets.
    pub(crate) fn local_addr(&self) -> Option<std::net::SocketAddr> {
        match self {
            Self::Tcp(io) => io.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// Takes the socket out of this thread's event loop, so that another thread can go on with it; false when that cannot be done.
    pub(crate) fn leave_thread(&mut self) -> bool {
        match self {
            Self::Tcp(io) => {
                io.leave_thread();
                true
            }
            Self::Unix(_) => false,
        }
    }

    /// Ends the sending direction.
    pub(crate) fn shut_down_write(&self) {
        match self {
            Self::Tcp(io) => io.shut_down_write(),
            // The peer may be gone already; there is nothing left to tell it then.
            Self::Unix(io) => drop(socket2::SockRef::from(io).shutdown(std::net::Shutdown::Write)),
        }
    }

    /// Waits until the socket can be read without reading: what a connection without a buffer does.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(io) => io.poll_readable(cx),
            Self::Unix(io) => io.poll_read_ready(cx),
        }
    }

    /// Whether the peer ended its sending direction and everything it sent was read.
    pub(crate) fn is_read_out(&self) -> bool {
        let mut probe = [std::mem::MaybeUninit::uninit()];
        matches!(socket2::SockRef::from(self).peek(&mut probe), Ok(0))
    }

    /// Makes the following close a reset, which drops what the kernel still holds.
    pub(crate) fn reset_on_close(&self) {
        if let Self::Tcp(io) = self {
            io.forget_held();
        }
        let _ = socket2::SockRef::from(self).set_linger(Some(std::time::Duration::ZERO));
    }

    /// Sets what rules say about the packets. What the kernel refuses (a mark without `CAP_NET_ADMIN`) is not, as in the reference.
    pub(crate) fn mark(&self, marking: Marking) {
        if let (Self::Tcp(_), false) = (self, marking.is_empty()) {
            apply_marking(self.as_fd(), marking);
        }
    }

    /// Whether the kernel has announced nothing to read, no end and no error: an idle server connection must be silent. Makes no
    /// system call unless something was announced. The context's task is woken when that changes.
    pub(crate) fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let announced = match self {
                Self::Tcp(io) => io.poll_readable(cx).is_ready(),
                Self::Unix(io) => io.poll_read_ready(cx).is_ready(),
            };
            if !announced {
                return true;
            }
            let mut probe = [0u8; 1];
            let read = match self {
                Self::Tcp(io) => match io.poll_read(cx, &mut probe) {
                    Poll::Pending => continue,
                    Poll::Ready(read) => read,
                },
                Self::Unix(io) => io.try_read(&mut probe),
            };
            // The announcement may be older than the last read: asking clears it.
            if !matches!(read, Err(e) if e.kind() == io::ErrorKind::WouldBlock) {
                return false;
            }
        }
    }
}

/// See [`Transport::mark`].
pub(crate) fn apply_marking(socket: BorrowedFd<'_>, marking: Marking) {
    if let Some(mark) = marking.mark {
        let _ = socket_options::set_mark(socket, mark);
    }
    if let Some(tos) = marking.tos {
        let _ = socket_options::set_tos(socket, tos);
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(io) => io.as_fd(),
            Self::Unix(io) => io.as_fd(),
        }
    }
}
