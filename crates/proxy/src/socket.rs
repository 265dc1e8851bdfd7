//! A TCP connection: how it is read, written and ended with as few system calls as there can be.
//!
//! A client's request is often there when its connection is accepted, and a server on the same machine is reached at once: the first
//! try goes to the kernel, and only what has to wait is registered at the event loop.

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll, ready};
use sys::pipe::Pipe;
use sys::watched::WatchedStream;

/// See the module.
#[derive(Debug)]
pub(crate) struct Socket {
    io: WatchedStream,
    /// Nothing was read yet, and something may be there.
    eager: bool,
    /// The last write found no room.
    blocked: bool,
    /// The kernel may hold bytes back until the sending direction ends.
    held: Cell<bool>,
}

impl Socket {
    /// An accepted, non-blocking connection: its first read asks the kernel.
    pub(crate) fn accepted(stream: TcpStream) -> Self {
        let mut socket = Self::connecting(stream);
        socket.eager = true;
        socket
    }

    /// A non-blocking connection that was begun: its first read waits for the event loop.
    pub(crate) fn connecting(stream: TcpStream) -> Self {
        Self { io: WatchedStream::new(stream), eager: false, blocked: false, held: Cell::new(false) }
    }

    /// Waits until the connection is made.
    pub(crate) fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Within a machine the handshake is over when `connect` returns.
        if !self.io.is_registered() && self.io.stream().peer_addr().is_ok() {
            return Poll::Ready(Ok(()));
        }
        let (_, stream) = ready!(self.io.poll_write_ready(cx))?;
        Poll::Ready(stream.take_error()?.map_or(Ok(()), Err))
    }

    /// Waits until there may be something to read.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.eager { Poll::Ready(Ok(())) } else { self.io.poll_read_ready(cx).map_ok(drop) }
    }

    /// Reads what there is. A read that does not fill the room clears the readiness: the kernel announces what comes after it.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let most = room.len();
        self.poll_receive(cx, |stream| receive(stream, room), |n| (1..most).contains(&n))
    }

    /// Moves what there is into an empty pipe, `most` bytes at most.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        // How much fits in depends on how it arrived: a short move does not mean that there is nothing more.
        self.poll_receive(cx, |stream| pipe.fill(stream.as_fd(), most), |_| false)
    }

    /// `receive` until it need not wait. `drained` tells of its result whether the kernel has nothing more.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        mut receive: impl FnMut(&TcpStream) -> io::Result<usize>,
        drained: impl Fn(usize) -> bool,
    ) -> Poll<io::Result<usize>> {
        if std::mem::take(&mut self.eager)
            && let Some(read) = unless_blocked(receive(self.io.stream()))
        {
            return Poll::Ready(read);
        }
        loop {
            let (mut guard, stream) = ready!(self.io.poll_read_ready(cx))?;
            let read = unless_blocked(receive(stream));
            if read.as_ref().is_none_or(|read| matches!(read, Ok(n) if drained(*n))) {
                guard.clear_ready();
            }
            if let Some(read) = read {
                return Poll::Ready(read);
            }
        }
    }

    /// Writes from several slices in one call. With `last` the kernel may hold the bytes until the sending direction ends.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, last, |stream| send(stream, parts, last))
    }

    /// Writes what a pipe holds, `held` bytes. `last` as above.
    pub(crate) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        held: usize,
        last: bool,
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, last, |stream| pipe.drain(stream.as_fd(), held, last))
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        last: bool,
        mut send: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if last {
            self.held.set(true);
        }
        if !self.blocked {
            if let Some(written) = unless_blocked(send(self.io.stream())) {
                return Poll::Ready(written);
            }
            self.blocked = true;
        }
        loop {
            let (mut guard, stream) = ready!(self.io.poll_write_ready(cx))?;
            if let Some(written) = unless_blocked(send(stream)) {
                self.blocked = false;
                return Poll::Ready(written);
            }
            guard.clear_ready();
        }
    }

    /// Takes it out of this thread's event loop.
    pub(crate) fn leave_thread(&mut self) {
        self.io.unregister();
        self.blocked = false;
    }

    /// The address on this side.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.stream().local_addr()
    }

    /// Ends the sending direction, with what was held back before the end.
    pub(crate) fn shut_down_write(&self) {
        self.held.set(false);
        // The peer may be gone already; there is nothing left to tell it then.
        let _ = self.io.stream().shutdown(Shutdown::Write);
    }

    /// What was held back is not to be sent.
    pub(crate) fn forget_held(&self) {
        self.held.set(false);
    }
}

// Not the C library's calls: each of those enters and leaves its cancellation of threads by two atomic operations.
fn receive(stream: &TcpStream, room: &mut [u8]) -> io::Result<usize> {
    let (read, _) = rustix::net::recv(stream, room, RecvFlags::empty())?;
    Ok(read)
}

fn send(stream: &TcpStream, parts: &[IoSlice<'_>], last: bool) -> io::Result<usize> {
    let flags = if last { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
    let sent = match parts {
        [one] => rustix::net::send(stream, one, flags),
        _ => rustix::net::sendmsg(stream, parts, &mut SendAncillaryBuffer::default(), flags),
    };
    Ok(sent?)
}

/// None when the call would have had to wait.
fn unless_blocked(result: io::Result<usize>) -> Option<io::Result<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        result => Some(result),
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A close alone would drop what is held back if the peer had sent something that nobody reads.
        if self.held.get() {
            self.shut_down_write();
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.stream().as_fd()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::future::poll_fn;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        (Socket::accepted(stream), peer)
    }

    fn run(future: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(future);
    }

    #[test]
    fn what_need_not_wait_is_not_registered() {
        run(async {
            let (mut socket, mut peer) = pair();
            peer.write_all(b"request").unwrap();
            let mut room = [0; 64];
            assert_eq!(poll_fn(|cx| socket.poll_read(cx, &mut room)).await.unwrap(), 7);
            let parts = [IoSlice::new(b"ans"), IoSlice::new(b"wer")];
            assert_eq!(poll_fn(|cx| socket.poll_write(cx, &parts, false)).await.unwrap(), 6);
            assert!(!socket.io.is_registered());
            peer.write_all(b"next").unwrap();
            assert_eq!(poll_fn(|cx| socket.poll_read(cx, &mut room)).await.unwrap(), 4);
            assert!(socket.io.is_registered());
        });
    }

    #[test]
    fn the_last_bytes_are_sent_though_nobody_read_what_the_peer_sent() {
        run(async {
            let (mut socket, mut peer) = pair();
            peer.write_all(b"unread").unwrap();
            assert_eq!(poll_fn(|cx| socket.poll_write(cx, &[IoSlice::new(b"bye")], true)).await.unwrap(), 3);
            drop(socket);
            let mut room = [0; 64];
            assert_eq!(peer.read(&mut room).unwrap(), 3);
        });
    }

    #[test]
    fn a_full_socket_goes_on_when_there_is_room() {
        run(async {
            let (mut socket, mut peer) = pair();
            let block = vec![b'x'; 1 << 20];
            let mut sent = 0;
            while let Poll::Ready(n) =
                poll_fn(|cx| Poll::Ready(socket.poll_write(cx, &[IoSlice::new(&block)], false))).await
            {
                sent += n.unwrap();
            }
            let reader = std::thread::spawn(move || {
                let mut all = Vec::new();
                peer.read_to_end(&mut all).map(|_| all.len())
            });
            sent += poll_fn(|cx| socket.poll_write(cx, &[IoSlice::new(&block)], false)).await.unwrap();
            drop(socket);
            assert_eq!(reader.join().unwrap().unwrap(), sent);
        });
    }
}
