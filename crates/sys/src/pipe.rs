//! Pipes that carry bytes from one socket to another within the kernel (`splice(2)`).
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

/// An empty or filled pipe; both ends are non-blocking and close-on-exec.
#[derive(Debug)]
pub struct Pipe {
    exit: OwnedFd,
    entry: OwnedFd,
}

impl Pipe {
    /// A pipe, of so many bytes if that is asked for and granted.
    ///
    /// # Errors
    /// `EMFILE` and the like.
    pub fn new(size: Option<u32>) -> io::Result<Self> {
        let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_CLOEXEC;
        let (exit, entry) = nix::unistd::pipe2(flags)?;
        if let Some(size) = size.and_then(|size| i32::try_from(size).ok()) {
            // A size that the kernel does not grant leaves its own.
            let _ = nix::fcntl::fcntl(&entry, nix::fcntl::FcntlArg::F_SETPIPE_SZ(size));
        }
        Ok(Self { exit, entry })
    }

    /// Takes what a socket has received, `most` bytes at most; 0 is the end of its stream.
    ///
    /// # Errors
    /// `WouldBlock` when the socket has nothing or the pipe is full, `InvalidInput` when it is no socket that can do this.
    pub fn fill(&self, socket: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
        splice(socket, self.entry.as_fd(), most, 0)
    }

    /// Gives a socket what the pipe holds, `most` bytes at most. With `more` the kernel may wait for what follows before it sends.
    ///
    /// # Errors
    /// `WouldBlock` when the socket has no room or the pipe is empty.
    pub fn drain(&self, socket: BorrowedFd<'_>, most: usize, more: bool) -> io::Result<usize> {
        splice(self.exit.as_fd(), socket, most, if more { libc::SPLICE_F_MORE } else { 0 })
    }
}

fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, most: usize, flags: libc::c_uint) -> io::Result<usize> {
    let flags = flags | libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK;
    let none = std::ptr::null_mut();
    // SAFETY: both descriptors are borrowed for the call, and null offsets are what pipes and sockets demand.
    let moved = unsafe { libc::splice(from.as_raw_fd(), none, to.as_raw_fd(), none, most, flags) };
    usize::try_from(moved).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    #[test]
    fn bytes_pass_and_the_end_is_told() {
        let ((mut source, near), (far, mut sink)) =
            (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let pipe = Pipe::new(Some(65_536)).unwrap();
        near.set_nonblocking(true).unwrap();
        assert_eq!(pipe.fill(near.as_fd(), 100).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        source.write_all(b"some bytes").unwrap();
        drop(source);
        assert_eq!(pipe.fill(near.as_fd(), 4).unwrap(), 4);
        assert_eq!(pipe.fill(near.as_fd(), 100).unwrap(), 6);
        assert_eq!(pipe.fill(near.as_fd(), 100).unwrap(), 0);
        assert_eq!(pipe.drain(far.as_fd(), 100, false).unwrap(), 10);
        drop(far);
        let mut all = String::new();
        sink.read_to_string(&mut all).unwrap();
        assert_eq!(all, "some bytes");
    }

    #[test]
    fn what_cannot_be_spliced_says_so() {
        let pipe = Pipe::new(None).unwrap();
        let directory = std::fs::File::open("/").unwrap();
        assert_eq!(pipe.fill(directory.as_fd(), 1).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
