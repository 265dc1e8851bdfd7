//! What changes in the kernel: links and addresses.

use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage;
use rtnetlink::MulticastGroup;
use rtnetlink::sys::AsyncSocket;

use crate::route::{Link, LinkAddress};
use crate::routes::RouteKey;

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
    /// The kernel had more to say than fitted: read everything again.
    Overrun,
    /// The socket is gone; no more events.
    Closed,
}

/// The monitoring socket.
pub struct Monitor {
    messages: Box<dyn MessageStream>,
}

/// The one thing needed of rtnetlink's message channel, whose type belongs to a crate that we do not name.
trait MessageStream {
    fn poll_message(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<NetlinkPayload<RouteNetlinkMessage>>>;
}

impl<S, A> MessageStream for S
where
    S: futures_util::Stream<Item = (netlink_packet_core::NetlinkMessage<RouteNetlinkMessage>, A)> + Unpin,
{
    fn poll_message(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<NetlinkPayload<RouteNetlinkMessage>>> {
        std::pin::Pin::new(self).poll_next(cx).map(|item| item.map(|(message, _)| message.payload))
    }
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Monitor")
    }
}

impl Monitor {
    /// Opens the socket and joins the groups for links and addresses. Call it in a tokio runtime.
    pub fn open() -> std::io::Result<Self> {
        Self::of(&[MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr])
    }

    /// Opens a socket that reports routes only: a router with a full table has many.
    pub fn routes() -> std::io::Result<Self> {
        Self::of(&[MulticastGroup::Ipv4Route, MulticastGroup::Ipv6Route])
    }

    fn of(groups: &[MulticastGroup]) -> std::io::Result<Self> {
        let (mut connection, _, messages) = rtnetlink::new_multicast_connection(groups)?;
        // Thousands of links may come and go at once; what does not fit is reported as an overrun.
        let _ = connection.socket_mut().socket_mut().set_rx_buf_sz(1 << 20);
        tokio::spawn(connection);
        Ok(Self { messages: Box::new(messages) })
    }

    /// The next change. Cancel safe.
    pub async fn next(&mut self) -> Event {
        std::future::poll_fn(|cx| {
            loop {
                match std::task::ready!(self.messages.poll_message(cx)) {
                    None => return std::task::Poll::Ready(Event::Closed),
                    Some(payload) => {
                        if let Some(event) = event_of(payload) {
                            return std::task::Poll::Ready(event);
                        }
                    }
                }
            }
        })
        .await
    }
}

/// What the first message of a datagram of NETLINK_ROUTE says, for tests on bytes; none when it says nothing of interest or is none.
#[must_use]
pub fn decode(datagram: &[u8]) -> Option<Event> {
    let message = netlink_packet_core::NetlinkMessage::<RouteNetlinkMessage>::deserialize(datagram).ok()?;
    event_of(message.payload)
}

fn event_of(payload: NetlinkPayload<RouteNetlinkMessage>) -> Option<Event> {
    match payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(message)) => {
            Some(Event::Link(Link::from_message(&message)))
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(message)) => {
            // Bridges report a port that leaves them as a deleted link of family AF_BRIDGE.
            (message.header.interface_family != netlink_packet_route::AddressFamily::Bridge)
                .then(|| Event::LinkGone(Link::from_message(&message)))
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(message)) => {
            LinkAddress::from_message(&message).map(Event::Address)
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(message)) => {
            LinkAddress::from_message(&message).map(Event::AddressGone)
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRoute(message)) => {
            RouteKey::from_message(&message).map(Event::RouteGone)
        }
        NetlinkPayload::Overrun(_) => Some(Event::Overrun),
        _ => None,
    }
}
