//! What changes in the kernel: links, addresses, routes, rules.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket,
    sockopt,
};
use tokio::io::unix::AsyncFd;

use crate::channel::parse;
use crate::message::each;
use crate::route::{Link, LinkAddress};
use crate::routes::RouteKey;
use crate::rules::RuleKey;

/// Thousands of links may come and go at once; what does not fit is reported as an overrun.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Longest message of the kernel.
const BUFFER_LEN: usize = 64 * 1024;

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A link appeared or changed.
    Link(Link),
    /// A link is gone.
    LinkGone(Link),
    /// An address appeared or changed.
    Address(LinkAddress),
    /// An address is gone.
    AddressGone(LinkAddress),
    /// A route is gone.
    RouteGone(RouteKey),
    /// A rule is gone.
    RuleGone(RuleKey),
    /// The kernel had more to say than fitted: read everything again.
    Overrun,
    /// The socket is gone; no more events.
    Closed,
}

/// Multicast groups of rtnetlink, as bits.
mod group {
    pub(super) const LINK: u32 = 1;
    pub(super) const IPV4_ADDRESS: u32 = 1 << 4;
    pub(super) const IPV4_ROUTE: u32 = 1 << 6;
    pub(super) const IPV4_RULE: u32 = 1 << 7;
    pub(super) const IPV6_ADDRESS: u32 = 1 << 8;
    pub(super) const IPV6_ROUTE: u32 = 1 << 10;
    pub(super) const IPV6_RULE: u32 = 1 << 18;
}

/// The monitoring socket.
#[derive(Debug)]
pub struct Monitor {
    fd: AsyncFd<OwnedFd>,
    buffer: Vec<u8>,
    waiting: VecDeque<Event>,
}

impl Monitor {
    /// Opens the socket and joins the groups for links and addresses. Call it in a tokio runtime.
    pub fn open() -> io::Result<Self> {
        Self::of(group::LINK | group::IPV4_ADDRESS | group::IPV6_ADDRESS)
    }

    /// Opens a socket that reports routes only: a router with a full table has many.
    pub fn routes() -> io::Result<Self> {
        Self::of(group::IPV4_ROUTE | group::IPV6_ROUTE)
    }

    /// Opens a socket that reports rules only.
    pub fn rules() -> io::Result<Self> {
        Self::of(group::IPV4_RULE | group::IPV6_RULE)
    }

    fn of(groups: u32) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        let _ = setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER);
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        // SAFETY: an `OwnedFd` always returns the descriptor that it owns and closes it only when it is dropped, which
        // the `AsyncFd` does after it deregistered it.
        let fd = unsafe { AsyncFd::register_with_interest(fd, tokio::io::Interest::READABLE) }
            .map_err(io::Error::from)?;
        Ok(Self { fd, buffer: vec![0; BUFFER_LEN], waiting: VecDeque::new() })
    }

    /// A receive buffer of this many bytes, beyond the system's limit if we may.
    pub fn set_receive_buffer(&self, bytes: u32, force: bool) -> io::Result<()> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if force {
            setsockopt(self.fd.get_ref(), sockopt::RcvBufForce, &bytes)?;
        } else {
            setsockopt(self.fd.get_ref(), sockopt::RcvBuf, &bytes)?;
        }
        Ok(())
    }

    /// The next change. Cancel safe.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return event;
            }
            let Ok(mut guard) = self.fd.readable().await else { return Event::Closed };
            match recv(self.fd.get_ref().as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    let messages = each(self.buffer.get(..length).unwrap_or(&[]));
                    self.waiting
                        .extend(messages.filter_map(|(_, _, _, whole)| parse(whole).and_then(event_of)));
                }
                Err(Errno::EAGAIN) => guard.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => return Event::Overrun,
                Err(_) => return Event::Closed,
            }
        }
    }

    /// A change that is here already. What comes by the thousand is read in one go.
    pub fn try_next(&mut self) -> Option<Event> {
        while self.waiting.is_empty() {
            match recv(self.fd.get_ref().as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    let messages = each(self.buffer.get(..length).unwrap_or(&[]));
                    self.waiting
                        .extend(messages.filter_map(|(_, _, _, whole)| parse(whole).and_then(event_of)));
                }
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => return Some(Event::Overrun),
                Err(_) => return None,
            }
        }
        self.waiting.pop_front()
    }
}

/// What the first message of a datagram of NETLINK_ROUTE says, for tests on bytes; none when it says nothing of interest or is none.
#[must_use]
pub fn decode(datagram: &[u8]) -> Option<Event> {
    parse(datagram).and_then(event_of)
}

fn event_of(message: RouteNetlinkMessage) -> Option<Event> {
    match message {
        RouteNetlinkMessage::NewLink(message) => {
            // Bridges report their ports once more, with what only they know.
            (message.header.interface_family != netlink_packet_route::AddressFamily::Bridge)
                .then(|| Event::Link(Link::from_message(&message)))
        }
        RouteNetlinkMessage::DelLink(message) => {
            // Bridges report a port that leaves them as a deleted link of family AF_BRIDGE.
            (message.header.interface_family != netlink_packet_route::AddressFamily::Bridge)
                .then(|| Event::LinkGone(Link::from_message(&message)))
        }
        RouteNetlinkMessage::NewAddress(message) => LinkAddress::from_message(&message).map(Event::Address),
        RouteNetlinkMessage::DelAddress(message) => {
            LinkAddress::from_message(&message).map(Event::AddressGone)
        }
        RouteNetlinkMessage::DelRoute(message) => RouteKey::from_message(&message).map(Event::RouteGone),
        RouteNetlinkMessage::DelRule(message) => RuleKey::from_message(&message).map(Event::RuleGone),
        _ => None,
    }
}
