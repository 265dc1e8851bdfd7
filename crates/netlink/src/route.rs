//! Links and addresses: reading all of them, adding and removing single ones. rtnetlink(7).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use futures_util::{StreamExt, TryStreamExt};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope, CacheInfo,
};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::Handle;

/// Who added an address or route, in /etc/iproute2/rt_protos: keepalived.
pub const PROTOCOL_KEEPALIVED: u8 = 18;

/// Why the kernel did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The kernel's errno.
    Kernel(i32),
    /// The netlink socket is gone, or the reply made no sense.
    Transport(String),
}

impl Error {
    /// The kernel's errno, if it was the kernel.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Kernel(errno) => Some(*errno),
            Self::Transport(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(errno) => write!(f, "{}({errno})", nix::errno::Errno::from_raw(*errno).desc()),
            Self::Transport(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl From<rtnetlink::Error> for Error {
    fn from(error: rtnetlink::Error) -> Self {
        match error {
            rtnetlink::Error::NetlinkError(message) => {
                Self::Kernel(message.code.map_or(0, |code| code.get().abs()))
            }
            other => Self::Transport(other.to_string()),
        }
    }
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Interface name.
    pub name: String,
    /// Administratively up and running.
    pub up: bool,
    /// It does no ARP.
    pub noarp: bool,
    /// It can do multicast.
    pub multicast: bool,
    /// `IFF_*` flags.
    pub flags: u32,
    /// Hardware address; empty when it has none.
    pub hardware: Vec<u8>,
    /// Greatest payload.
    pub mtu: u32,
    /// `ARPHRD_*`.
    pub hardware_type: u16,
}

impl Link {
    pub(crate) fn from_message(message: &LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            index: message.header.index,
            up: flags.contains(LinkFlags::Up | LinkFlags::Running),
            noarp: flags.contains(LinkFlags::Noarp),
            multicast: flags.contains(LinkFlags::Multicast),
            flags: flags.bits(),
            hardware_type: u16::from(message.header.link_layer_type),
            ..Self::default()
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Address(hardware) => link.hardware.clone_from(hardware),
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                _ => {}
            }
        }
        link
    }
}

/// An address on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkAddress {
    /// Interface index.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// Prefix length.
    pub prefix: u8,
    /// `RT_SCOPE_*`.
    pub scope: u8,
    /// Duplicate address detection is not through: nothing can be sent from it.
    pub tentative: bool,
}

impl LinkAddress {
    pub(crate) fn from_message(message: &AddressMessage) -> Option<Self> {
        let (mut local, mut address, mut flags) =
            (None, None, AddressFlags::from_bits_retain(u32::from(message.header.flags.bits())));
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(value) => local = Some(*value),
                AddressAttribute::Address(value) => address = Some(*value),
                AddressAttribute::Flags(value) => flags = *value,
                _ => {}
            }
        }
        let tentative = flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic)
            || flags.contains(AddressFlags::Dadfailed);
        Some(Self {
            index: message.header.index,
            address: local.or(address)?,
            prefix: message.header.prefix_len,
            scope: u8::from(message.header.scope),
            tentative,
        })
    }
}

/// An address to be added or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressSpec {
    /// Interface index.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// Prefix length.
    pub prefix: u8,
    /// `RT_SCOPE_*`.
    pub scope: u8,
    /// IPv4 broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// IPv4 label.
    pub label: Option<String>,
    /// Peer address of a point-to-point link.
    pub peer: Option<(IpAddr, u8)>,
    /// IPv6: no duplicate address detection.
    pub nodad: bool,
    /// IPv6: mobile home address.
    pub home: bool,
    /// IPv6: a template for temporary addresses.
    pub mngtmpaddr: bool,
    /// No route for its prefix.
    pub noprefixroute: bool,
    /// Join multicast groups by it.
    pub autojoin: bool,
    /// Preferred lifetime in seconds; `None`: forever.
    pub preferred: Option<u32>,
}

impl AddressSpec {
    fn message(&self) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.family = match self.address {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        message.header.index = self.index;
        message.header.scope = AddressScope::from(self.scope);
        message.header.prefix_len = self.peer.map_or(self.prefix, |(_, prefix)| prefix);
        message.attributes.push(AddressAttribute::Local(self.address));
        message.attributes.push(AddressAttribute::Address(self.peer.map_or(self.address, |(peer, _)| peer)));
        message
    }

    fn new_message(&self) -> AddressMessage {
        let mut message = self.message();
        if let Some(broadcast) = self.broadcast {
            message.attributes.push(AddressAttribute::Broadcast(broadcast));
        }
        if let Some(label) = &self.label {
            message.attributes.push(AddressAttribute::Label(label.clone()));
        }
        let mut flags = AddressFlags::empty();
        flags.set(AddressFlags::Nodad, self.nodad && self.address.is_ipv6());
        flags.set(AddressFlags::Homeaddress, self.home);
        flags.set(AddressFlags::Managetempaddr, self.mngtmpaddr);
        flags.set(AddressFlags::Noprefixroute, self.noprefixroute);
        flags.set(AddressFlags::Mcautojoin, self.autojoin);
        if !flags.is_empty() {
            message.attributes.push(AddressAttribute::Flags(flags));
        }
        if let Some(preferred) = self.preferred {
            let mut lifetimes = CacheInfo::default();
            lifetimes.ifa_preferred = preferred;
            lifetimes.ifa_valid = u32::MAX;
            message.attributes.push(AddressAttribute::CacheInfo(lifetimes));
        }
        message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL_KEEPALIVED)));
        message
    }
}

/// The rtnetlink command channel.
#[derive(Clone, Debug)]
pub struct Route {
    handle: Handle,
}

impl Route {
    /// Opens the channel. Call it in a tokio runtime with a local set: it spawns the task that serves the socket.
    pub fn open() -> std::io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// All interfaces.
    pub async fn links(&self) -> Result<Vec<Link>, Error> {
        let messages: Vec<LinkMessage> = self.handle.link().get().execute().try_collect().await?;
        Ok(messages.iter().map(Link::from_message).collect())
    }

    /// All addresses of all interfaces, in the kernel's order.
    pub async fn addresses(&self) -> Result<Vec<LinkAddress>, Error> {
        let messages: Vec<AddressMessage> = self.handle.address().get().execute().try_collect().await?;
        Ok(messages.iter().filter_map(LinkAddress::from_message).collect())
    }

    /// Adds addresses in order; one result each. The requests are in flight together.
    pub async fn add_addresses(&self, specs: &[AddressSpec]) -> Vec<Result<(), Error>> {
        let messages = specs
            .iter()
            .map(|spec| (RouteNetlinkMessage::NewAddress(spec.new_message()), NLM_F_CREATE | NLM_F_EXCL));
        self.acknowledged(messages).await
    }

    /// Removes addresses in order; one result each.
    pub async fn delete_addresses(&self, specs: &[AddressSpec]) -> Vec<Result<(), Error>> {
        let messages = specs.iter().map(|spec| (RouteNetlinkMessage::DelAddress(spec.message()), 0));
        self.acknowledged(messages).await
    }

    pub(crate) async fn acknowledged(
        &self,
        messages: impl Iterator<Item = (RouteNetlinkMessage, u16)>,
    ) -> Vec<Result<(), Error>> {
        let mut handle = self.handle.clone();
        let mut replies = Vec::new();
        for (message, flags) in messages {
            let mut request = NetlinkMessage::from(message);
            request.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
            replies.push(handle.request(request));
        }
        let mut results = Vec::with_capacity(replies.len());
        for reply in replies {
            let mut result = Ok(());
            match reply {
                Err(error) => result = Err(error.into()),
                Ok(mut stream) => {
                    while let Some(message) = stream.next().await {
                        if let NetlinkPayload::Error(error) = message.payload
                            && let Some(code) = error.code
                        {
                            result = Err(Error::Kernel(code.get().abs()));
                        }
                    }
                }
            }
            results.push(result);
        }
        results
    }
}
