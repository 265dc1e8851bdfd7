//! Descriptors in messages over Unix sockets (`SCM_RIGHTS`).
#![allow(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, sendmsg};

/// The kernel accepts at most 253 descriptors a message.
pub const MOST: usize = 253;

/// Sends bytes and descriptors in one message. At least one byte must be sent with descriptors.
///
/// # Errors
/// The kernel's.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    let sent = sendmsg::<UnixAddr>(
        socket.as_raw_fd(),
        &[IoSlice::new(bytes)],
        control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    Ok(sent)
}

/// Receives one message: how many bytes went into `buffer`, and the descriptors, close-on-exec. Zero bytes without descriptors is the end.
///
/// # Errors
/// The kernel's; `WouldBlock` on a non-blocking socket with nothing to read.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = nix::cmsg_space!([RawFd; MOST]);
    let mut slices = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = part {
            // SAFETY: the kernel has just installed these descriptors for this message; nobody else knows them.
            fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    Ok((message.bytes, fds))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_descriptor_arrives_and_is_another_door_to_the_same_file() {
        let (a, b) = UnixStream::pair().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        assert_eq!(send(a.as_fd(), b"xy", &[far.as_fd()]).unwrap(), 2);
        drop(far);
        let mut buffer = [0; 8];
        let (count, fds) = receive(b.as_fd(), &mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"xy");
        assert_eq!(fds.len(), 1);
        let mut far = UnixStream::from(fds.into_iter().next().unwrap());
        far.write_all(b"hello").unwrap();
        drop(far);
        let mut text = String::new();
        near.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    }

    #[test]
    fn the_end_is_zero_bytes() {
        let (a, b) = UnixStream::pair().unwrap();
        drop(a);
        let (count, fds) = receive(b.as_fd(), &mut [0; 4]).unwrap();
        assert_eq!((count, fds.len()), (0, 0));
    }
}
