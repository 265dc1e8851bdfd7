//! Links and addresses: reading all of them, adding and removing single ones. rtnetlink(7).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoMacVlan, InfoVrf, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, MacVlanMode,
};
use nix::sys::socket::SockProtocol;

use crate::channel::Channel;
use crate::message::{CREATE, EXCLUSIVE, Message};

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
            Self::Kernel(errno) => {
                let text = std::io::Error::from_raw_os_error(*errno).to_string();
                // The C library's text, without what Rust adds.
                let plain = text.strip_suffix(&format!(" (os error {errno})")).unwrap_or(&text);
                write!(f, "{plain}({errno})")
            }
            Self::Transport(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

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
    /// The interface that this one lies on; 0 when there is none here.
    pub base: u32,
    /// The bridge, bond or VRF that it is part of; 0 for none.
    pub master: u32,
    /// Group number.
    pub group: u32,
    /// What it is, if it is one of those that we make.
    pub kind: LinkKind,
    /// Somebody made it; hardware has no kind.
    pub is_virtual: bool,
    /// The routing table of a VRF device.
    pub vrf_table: Option<u32>,
}

/// Kinds of links that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkKind {
    /// Anything else.
    #[default]
    Other,
    /// macvlan, in mode private or in another one.
    Macvlan {
        /// Mode private.
        private: bool,
    },
    /// ipvlan.
    Ipvlan,
    /// A VRF device.
    Vrf,
}

impl Link {
    /// Whether what it sends leaves by the interface below as it is: a macvlan or an ipvlan.
    pub fn shares_base(&self) -> bool {
        match self.kind {
            LinkKind::Macvlan { .. } | LinkKind::Ipvlan => self.base != 0,
            LinkKind::Other | LinkKind::Vrf => false,
        }
    }

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
        let mut lies_elsewhere = false;
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Address(hardware) => link.hardware.clone_from(hardware),
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                LinkAttribute::Link(base) => link.base = *base,
                LinkAttribute::LinkNetNsId(_) => lies_elsewhere = true,
                LinkAttribute::Controller(master) => link.master = *master,
                LinkAttribute::Group(group) => link.group = *group,
                LinkAttribute::LinkInfo(infos) => {
                    link.kind = kind_of(infos);
                    link.is_virtual = infos.iter().any(|info| matches!(info, LinkInfo::Kind(_)));
                    link.vrf_table = vrf_table_of(infos);
                }
                _ => {}
            }
        }
        // The number of an interface of another network namespace.
        if lies_elsewhere {
            link.base = 0;
        }
        link
    }
}

fn kind_of(infos: &[LinkInfo]) -> LinkKind {
    let mut kind = LinkKind::Other;
    let mut private = false;
    for info in infos {
        match info {
            LinkInfo::Kind(InfoKind::MacVlan) => kind = LinkKind::Macvlan { private: false },
            LinkInfo::Kind(InfoKind::IpVlan) => kind = LinkKind::Ipvlan,
            LinkInfo::Kind(InfoKind::Vrf) => kind = LinkKind::Vrf,
            LinkInfo::Data(InfoData::MacVlan(data)) => {
                private = data.contains(&InfoMacVlan::Mode(MacVlanMode::Private));
            }
            _ => {}
        }
    }
    match kind {
        LinkKind::Macvlan { .. } => LinkKind::Macvlan { private },
        LinkKind::Other | LinkKind::Ipvlan | LinkKind::Vrf => kind,
    }
}

fn vrf_table_of(infos: &[LinkInfo]) -> Option<u32> {
    let data = infos.iter().find_map(|info| match info {
        LinkInfo::Data(InfoData::Vrf(data)) => Some(data),
        _ => None,
    })?;
    data.iter().find_map(|item| match item {
        InfoVrf::TableId(table) => Some(*table),
        _ => None,
    })
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
    /// Who added it, as `PROTOCOL_KEEPALIVED`; 0 when the kernel does not tell.
    pub protocol: u8,
}

impl LinkAddress {
    pub(crate) fn from_message(message: &AddressMessage) -> Option<Self> {
        let (mut local, mut address, mut protocol) = (None, None, 0);
        let mut flags = AddressFlags::from_bits_retain(u32::from(message.header.flags.bits()));
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(value) => local = Some(*value),
                AddressAttribute::Address(value) => address = Some(*value),
                AddressAttribute::Flags(value) => flags = *value,
                AddressAttribute::Protocol(value) => protocol = u8::from(*value),
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
            protocol,
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
    fn message(&self, kind: u16, flags: u16) -> Message {
        let family = family_of(self.address);
        let prefix = self.peer.map_or(self.prefix, |(_, prefix)| prefix);
        let [a, b, c, d] = self.index.to_ne_bytes();
        let mut message = Message::new(kind, flags, &[family, prefix, 0, self.scope, a, b, c, d]);
        message.put_address(IFA_LOCAL, self.address);
        message.put_address(IFA_ADDRESS, self.peer.map_or(self.address, |(peer, _)| peer));
        message
    }

    fn deletion(&self) -> Message {
        self.message(libc::RTM_DELADDR, 0)
    }

    fn addition(&self) -> Message {
        let mut message = self.message(libc::RTM_NEWADDR, CREATE | EXCLUSIVE);
        if let Some(broadcast) = self.broadcast {
            message.put(IFA_BROADCAST, &broadcast.octets());
        }
        if let Some(label) = &self.label {
            message.put_text(IFA_LABEL, label);
        }
        let mut flags = AddressFlags::empty();
        flags.set(AddressFlags::Nodad, self.nodad && self.address.is_ipv6());
        flags.set(AddressFlags::Homeaddress, self.home);
        flags.set(AddressFlags::Managetempaddr, self.mngtmpaddr);
        flags.set(AddressFlags::Noprefixroute, self.noprefixroute);
        flags.set(AddressFlags::Mcautojoin, self.autojoin);
        if !flags.is_empty() {
            message.put_u32(IFA_FLAGS, flags.bits());
        }
        if let Some(preferred) = self.preferred {
            let mut lifetimes = [0; 16];
            lifetimes[..4].copy_from_slice(&preferred.to_ne_bytes());
            lifetimes[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
            message.put(IFA_CACHEINFO, &lifetimes);
        }
        message.put_u8(IFA_PROTO, PROTOCOL_KEEPALIVED);
        message
    }
}

/// `AF_INET` or `AF_INET6`.
pub(crate) fn family_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => AF_INET,
        IpAddr::V6(_) => AF_INET6,
    }
}

pub(crate) const AF_INET: u8 = 2;
pub(crate) const AF_INET6: u8 = 10;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_BROADCAST: u16 = 4;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const IFA_PROTO: u16 = 11;

/// The rtnetlink command channel. Requests are carried out before a call returns.
#[derive(Debug)]
pub struct Route {
    channel: Channel,
}

impl Route {
    /// Opens the channel.
    pub fn open() -> std::io::Result<Self> {
        Ok(Self { channel: Channel::open(SockProtocol::NetlinkRoute)? })
    }

    /// A receive buffer of this many bytes, beyond the system's limit if we may.
    pub fn set_receive_buffer(&self, bytes: u32, force: bool) -> std::io::Result<()> {
        self.channel.set_receive_buffer(bytes, force)
    }

    /// All interfaces.
    pub fn links(&self) -> Result<Vec<Link>, Error> {
        let messages = self.channel.dump(&Message::new(libc::RTM_GETLINK, 0, &[0; 16]))?;
        let link = |message: &RouteNetlinkMessage| match message {
            RouteNetlinkMessage::NewLink(message) => Some(Link::from_message(message)),
            _ => None,
        };
        Ok(messages.iter().filter_map(link).collect())
    }

    /// All addresses of all interfaces, in the kernel's order.
    pub fn addresses(&self) -> Result<Vec<LinkAddress>, Error> {
        let messages = self.channel.dump(&Message::new(libc::RTM_GETADDR, 0, &[0; 8]))?;
        let address = |message: &RouteNetlinkMessage| match message {
            RouteNetlinkMessage::NewAddress(message) => LinkAddress::from_message(message),
            _ => None,
        };
        Ok(messages.iter().filter_map(address).collect())
    }

    /// Adds addresses in order; one result each.
    pub fn add_addresses(&self, specs: &[AddressSpec]) -> Vec<Result<(), Error>> {
        self.execute(&specs.iter().map(AddressSpec::addition).collect::<Vec<_>>())
    }

    /// Removes addresses in order; one result each.
    pub fn delete_addresses(&self, specs: &[AddressSpec]) -> Vec<Result<(), Error>> {
        self.execute(&specs.iter().map(AddressSpec::deletion).collect::<Vec<_>>())
    }

    pub(crate) fn execute(&self, requests: &[Message]) -> Vec<Result<(), Error>> {
        self.channel.execute(requests)
    }
}
