//! The kernel's process event connector. connector documentation of the kernel; linux/cn_proc.h.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use netlink::readable::Readable;
use nix::sys::socket::{MsgFlags, NetlinkAddr, bind, recv};
use socket2::{Domain, Protocol, Socket, Type};

const NETLINK_CONNECTOR: i32 = 11;
const CN_IDX_PROC: u32 = 1;
const CN_VAL_PROC: u32 = 1;
const PROC_CN_MCAST_LISTEN: u32 = 1;
/// `nlmsghdr`, `cn_msg`.
const NETLINK_HEADER: usize = 16;
const CONNECTOR_HEADER: usize = 20;
/// `what`, `cpu`, `timestamp_ns` of a `proc_event`.
const EVENT_HEADER: usize = 16;
/// Datagrams that are read before others get their turn.
const READS_MAX: usize = 256;

/// What the kernel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It will tell.
    Confirmed,
    /// It will not, with an errno.
    Refused(i32),
    /// A process started.
    Forked(i32),
    /// A process became another program or changed its name.
    Renamed(i32),
    /// A process ended.
    Ended(i32),
    /// It had more to tell than fitted.
    Overrun,
}

/// The socket.
#[derive(Debug)]
pub(super) struct Connector {
    socket: Socket,
    readable: Readable,
}

impl Connector {
    /// Asks the kernel to tell. `buffer`: bytes, and whether the system's limit may be passed.
    pub(super) fn open(buffer: Option<(u32, bool)>) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::from(libc::AF_NETLINK),
            Type::DGRAM,
            Some(Protocol::from(NETLINK_CONNECTOR)),
        )?;
        socket.set_nonblocking(true)?;
        if let Some((bytes, force)) = buffer {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            if force {
                nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::RcvBufForce, &bytes)?;
            } else {
                socket.set_recv_buffer_size(bytes)?;
            }
        }
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, CN_IDX_PROC))?;
        socket.send(&listen())?;
        let readable = Readable::new(socket.as_fd())?;
        Ok(Self { socket, readable })
    }

    /// Waits until there is something to read. Cancel safe.
    pub(super) async fn readable(&self) {
        self.readable.ready().await;
    }

    /// Everything there is to read.
    pub(super) fn receive(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut buffer = [0; 4096];
        for _ in 0..READS_MAX {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(count) => changes.extend(parse(buffer.get(..count).unwrap_or_default())),
                Err(nix::errno::Errno::ENOBUFS) => changes.push(Change::Overrun),
                Err(_) => {
                    self.readable.emptied();
                    break;
                }
            }
        }
        changes
    }
}

/// The request to tell.
fn listen() -> Vec<u8> {
    let length = NETLINK_HEADER + CONNECTOR_HEADER + 4;
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or(0).to_ne_bytes());
    message.extend(u16::try_from(libc::NLMSG_DONE).unwrap_or(3).to_ne_bytes());
    message.extend([0; 2]); // flags
    message.extend([0; 4]); // sequence
    message.extend(std::process::id().to_ne_bytes());
    message.extend(CN_IDX_PROC.to_ne_bytes());
    message.extend(CN_VAL_PROC.to_ne_bytes());
    message.extend([0; 8]); // sequence, acknowledgement
    message.extend(4u16.to_ne_bytes());
    message.extend([0; 2]); // flags
    message.extend(PROC_CN_MCAST_LISTEN.to_ne_bytes());
    message
}

/// The event of a datagram, if it is one that matters.
fn parse(datagram: &[u8]) -> Option<Change> {
    let event = datagram.get(NETLINK_HEADER + CONNECTOR_HEADER..)?;
    let number =
        |at: usize| -> Option<u32> { Some(u32::from_ne_bytes(event.get(at..at + 4)?.try_into().ok()?)) };
    let pid = |at: usize| number(EVENT_HEADER + at).map(u32::cast_signed);
    match number(0)? {
        0 => Some(match pid(0)? {
            0 => Change::Confirmed,
            errno => Change::Refused(errno.abs()),
        }),
        // Threads of a process are not counted: their id is not that of their group.
        0x1 => (pid(8)? == pid(12)?).then_some(Change::Forked(pid(8)?)),
        0x2 => Some(Change::Renamed(pid(4)?)),
        0x200 => (pid(0)? == pid(4)?).then_some(Change::Renamed(pid(0)?)),
        0x8000_0000 => (pid(0)? == pid(4)?).then_some(Change::Ended(pid(0)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(what: u32, data: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; NETLINK_HEADER + CONNECTOR_HEADER];
        bytes.extend(what.to_ne_bytes());
        bytes.extend([0; EVENT_HEADER - 4]);
        data.iter().for_each(|word| bytes.extend(word.to_ne_bytes()));
        bytes
    }

    #[test]
    fn events_of_processes_and_not_of_threads() {
        for (what, data, want) in [
            (0, &[0][..], Some(Change::Confirmed)),
            (0, &[1], Some(Change::Refused(1))),
            (1, &[10, 10, 11, 11], Some(Change::Forked(11))),
            (1, &[10, 10, 12, 10], None),
            (2, &[11, 11], Some(Change::Renamed(11))),
            (0x200, &[11, 11, 0, 0, 0, 0], Some(Change::Renamed(11))),
            (0x200, &[12, 11, 0, 0, 0, 0], None),
            (0x8000_0000, &[11, 11, 0, 0], Some(Change::Ended(11))),
            (0x8000_0000, &[12, 11, 0, 0], None),
            (4, &[1, 1], None),
        ] {
            assert_eq!(parse(&datagram(what, data)), want, "{what:#x} {data:?}");
        }
        let whole = datagram(1, &[10, 10, 11, 11]);
        for length in 0..whole.len() {
            // A cut datagram is none; it must not panic.
            assert_eq!(parse(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn the_request_is_as_long_as_it_says() {
        let message = listen();
        assert_eq!(message.len(), 40);
        assert_eq!(message[..4], 40u32.to_ne_bytes());
    }
}
