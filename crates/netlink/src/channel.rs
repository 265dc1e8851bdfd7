//! The command socket: requests go out many at a time and the kernel carries them out before `send` returns, so that
//! their answers are there to be read without waiting. Only failures are answered one by one.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt,
    socket, sockopt,
};

use crate::message::{ACKNOWLEDGE, DUMP, Message, each};
use crate::route::Error;

/// Requests in one `send`: their failures have to fit in the socket's receive buffer.
const REQUESTS_AT_ONCE: usize = 64;
/// Bytes in one `send`.
const BYTES_AT_ONCE: usize = 48 * 1024;
/// The kernel fills answers to a dump up to this.
const BUFFER_LEN: usize = 64 * 1024;

const TYPE_ERROR: u16 = 2;
const TYPE_DONE: u16 = 3;

/// A socket for commands. Not for use by two threads at once.
#[derive(Debug)]
pub(crate) struct Channel {
    fd: OwnedFd,
    sequence: Cell<u32>,
}

impl Channel {
    /// Opens a socket for rtnetlink or netfilter.
    pub(crate) fn open(protocol: SockProtocol) -> io::Result<Self> {
        let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        let _ = setsockopt(&fd, sockopt::RcvBufForce, &(1 << 20));
        Ok(Self { fd, sequence: Cell::new(0) })
    }

    /// Room for answers.
    pub(crate) fn set_receive_buffer(&self, bytes: u32, force: bool) -> io::Result<()> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if force {
            setsockopt(&self.fd, sockopt::RcvBufForce, &bytes)?;
        } else {
            setsockopt(&self.fd, sockopt::RcvBuf, &bytes)?;
        }
        Ok(())
    }

    fn next_sequence(&self) -> u32 {
        let next = self.sequence.get().wrapping_add(1).max(1);
        self.sequence.set(next);
        next
    }

    fn receive(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            match recv(self.fd.as_raw_fd(), buffer, MsgFlags::empty()) {
                Ok(length) => return Ok(length),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::Transport(errno.desc().to_owned())),
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        loop {
            match send(self.fd.as_raw_fd(), bytes, MsgFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::Transport(errno.desc().to_owned())),
            }
        }
    }

    /// Carries out requests in order; one result each.
    pub(crate) fn execute(&self, requests: &[Message]) -> Vec<Result<(), Error>> {
        let mut results = Vec::with_capacity(requests.len());
        let mut rest = requests;
        while !rest.is_empty() {
            let mut bytes = 0;
            let count = rest
                .iter()
                .take(REQUESTS_AT_ONCE)
                .take_while(|request| {
                    bytes += request.len();
                    bytes <= BYTES_AT_ONCE
                })
                .count()
                .max(1);
            let (now, later) = rest.split_at(count);
            results.extend(self.execute_some(now));
            rest = later;
        }
        results
    }

    fn execute_some(&self, requests: &[Message]) -> Vec<Result<(), Error>> {
        let mut results = vec![Ok(()); requests.len()];
        let mut bytes = Vec::new();
        let first = self.sequence.get().wrapping_add(1).max(1);
        let mut last = first;
        for (index, request) in requests.iter().enumerate() {
            last = self.next_sequence();
            let is_last = index + 1 == requests.len();
            request.finish_into(&mut bytes, last, if is_last { ACKNOWLEDGE } else { 0 });
        }
        if let Err(error) = self.send(&bytes) {
            results.fill(Err(error));
            return results;
        }
        let mut buffer = [0; 8192];
        loop {
            let length = match self.receive(&mut buffer) {
                Ok(length) => length,
                Err(error) => {
                    results.fill(Err(error));
                    return results;
                }
            };
            for (kind, sequence, payload, _) in each(buffer.get(..length).unwrap_or(&[])) {
                let Some(index) = sequence.checked_sub(first).and_then(|index| usize::try_from(index).ok())
                else {
                    continue;
                };
                if kind == TYPE_ERROR
                    && let Some(errno) = errno_of(payload)
                    && let Some(result) = results.get_mut(index)
                {
                    *result = if errno == 0 { Ok(()) } else { Err(Error::Kernel(errno)) };
                }
                if sequence == last {
                    return results;
                }
            }
        }
    }

    /// Carries out a netfilter batch: all of it or nothing.
    pub(crate) fn batch(&self, requests: &[Message]) -> Result<(), Error> {
        let mut bytes = Vec::new();
        let mut last = 0;
        for (index, request) in requests.iter().enumerate() {
            last = self.next_sequence();
            // The end of the batch is not answered; what stands before it is the last that is.
            let flags = if index + 2 == requests.len() { ACKNOWLEDGE } else { 0 };
            request.finish_into(&mut bytes, last, flags);
        }
        let wanted = last.wrapping_sub(1);
        self.send(&bytes)?;
        let mut buffer = [0; 8192];
        loop {
            let length = self.receive(&mut buffer)?;
            for (kind, sequence, payload, _) in each(buffer.get(..length).unwrap_or(&[])) {
                if kind != TYPE_ERROR {
                    continue;
                }
                match errno_of(payload) {
                    Some(0) if sequence == wanted => return Ok(()),
                    Some(0) | None => {}
                    Some(errno) => {
                        self.discard();
                        return Err(Error::Kernel(errno));
                    }
                }
            }
        }
    }

    /// Answers that nobody waits for any more.
    fn discard(&self) {
        let mut buffer = [0; 8192];
        while recv(self.fd.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).is_ok() {}
    }

    /// Everything of a kind.
    pub(crate) fn dump(&self, request: &Message) -> Result<Vec<RouteNetlinkMessage>, Error> {
        let sequence = self.next_sequence();
        let mut bytes = Vec::new();
        request.finish_into(&mut bytes, sequence, DUMP);
        self.send(&bytes)?;
        let mut found = Vec::new();
        let mut buffer = vec![0; BUFFER_LEN];
        loop {
            let length = self.receive(&mut buffer)?;
            for (kind, of, payload, whole) in each(buffer.get(..length).unwrap_or(&[])) {
                if of != sequence {
                    continue;
                }
                match kind {
                    TYPE_DONE => return Ok(found),
                    TYPE_ERROR => return Err(Error::Kernel(errno_of(payload).unwrap_or(0))),
                    _ => found.extend(parse(whole)),
                }
            }
        }
    }
}

/// A message of rtnetlink; `None` for what its codec does not understand.
pub(crate) fn parse(whole: &[u8]) -> Option<RouteNetlinkMessage> {
    match NetlinkMessage::<RouteNetlinkMessage>::deserialize(whole).ok()?.payload {
        NetlinkPayload::InnerMessage(message) => Some(message),
        _ => None,
    }
}

fn errno_of(payload: &[u8]) -> Option<i32> {
    payload.first_chunk().map(|code| i32::from_ne_bytes(*code).saturating_abs())
}
