//! Virtual interfaces: VMACs (macvlan, mode private) and ipvlans, and the settings of interfaces. rtnetlink(7).

use crate::message::{CREATE, EXCLUSIVE, Message};
use crate::route::{Error, Route};

/// An interface on another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualLink {
    /// Its name.
    pub name: String,
    /// Index of the interface that it lies on.
    pub base: u32,
    /// What it is.
    pub kind: VirtualKind,
    /// Link group.
    pub group: u32,
    /// The VRF that it is part of.
    pub vrf: Option<u32>,
}

/// Kinds of virtual interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VirtualKind {
    /// macvlan in mode private with this address.
    Macvlan([u8; 6]),
    /// ipvlan in mode L2.
    Ipvlan(IpvlanFlags),
}

/// How ipvlans of the same interface see each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpvlanFlags {
    /// They do.
    #[default]
    Bridge,
    /// They do not.
    Private,
    /// Through the switch.
    Vepa,
}

/// A setting of `net.ipv4.conf`, by its number in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv4Setting {
    /// `rp_filter`.
    RpFilter,
    /// `arp_filter`.
    ArpFilter,
    /// `arp_ignore`.
    ArpIgnore,
    /// `promote_secondaries`.
    PromoteSecondaries,
    /// `accept_local`.
    AcceptLocal,
}

impl Ipv4Setting {
    fn number(self) -> u16 {
        match self {
            Self::RpFilter => 8,
            Self::ArpFilter => 13,
            Self::ArpIgnore => 19,
            Self::PromoteSecondaries => 20,
            Self::AcceptLocal => 23,
        }
    }

    /// Its name below `/proc/sys/net/ipv4/conf/<interface>/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::RpFilter => "rp_filter",
            Self::ArpFilter => "arp_filter",
            Self::ArpIgnore => "arp_ignore",
            Self::PromoteSecondaries => "promote_secondaries",
            Self::AcceptLocal => "accept_local",
        }
    }
}

fn header(index: u32, flags: u32, change: u32) -> Vec<u8> {
    [[0; 4], index.to_ne_bytes(), flags.to_ne_bytes(), change.to_ne_bytes()].concat()
}

fn one(mut results: Vec<Result<(), Error>>) -> Result<(), Error> {
    results.pop().unwrap_or(Ok(()))
}

impl Route {
    /// Makes a virtual interface, down for a macvlan, which is still to be set up.
    pub fn create_link(&self, link: &VirtualLink) -> Result<(), Error> {
        let mut message = Message::new(libc::RTM_NEWLINK, CREATE | EXCLUSIVE, &header(0, 0, 0));
        message.plain_nest(ifla::LINKINFO, |info| match link.kind {
            VirtualKind::Macvlan(_) => {
                info.put_text(1, "macvlan");
                // IFLA_MACVLAN_MODE private
                info.plain_nest(2, |data| data.put_u32(1, 1));
            }
            VirtualKind::Ipvlan(flags) => {
                info.put_text(1, "ipvlan");
                info.plain_nest(2, |data| {
                    // IFLA_IPVLAN_MODE L2, IFLA_IPVLAN_FLAGS
                    data.put_u16(1, 0);
                    data.put_u16(
                        2,
                        match flags {
                            IpvlanFlags::Bridge => 0,
                            IpvlanFlags::Private => 1,
                            IpvlanFlags::Vepa => 2,
                        },
                    );
                });
            }
        });
        message.put_u32(ifla::LINK, link.base);
        message.put_text(ifla::IFNAME, &link.name);
        message.put_u32(ifla::GROUP, link.group);
        if let Some(vrf) = link.vrf {
            message.put_u32(ifla::MASTER, vrf);
        }
        if let VirtualKind::Macvlan(address) = link.kind {
            message.put(ifla::ADDRESS, &address);
        }
        one(self.execute(&[message]))
    }

    /// Gives a macvlan its address and mode.
    pub fn adjust_macvlan(&self, index: u32, address: [u8; 6]) -> Result<(), Error> {
        let mut message = Message::new(libc::RTM_NEWLINK, 0, &header(index, 0, 0));
        message.plain_nest(ifla::LINKINFO, |info| {
            info.put_text(1, "macvlan");
            info.plain_nest(2, |data| data.put_u32(1, 1));
        });
        message.put(ifla::ADDRESS, &address);
        one(self.execute(&[message]))
    }

    /// Removes an interface.
    pub fn delete_link(&self, index: u32) -> Result<(), Error> {
        one(self.execute(&[Message::new(libc::RTM_DELLINK, 0, &header(index, 0, 0))]))
    }

    /// Brings an interface up.
    pub fn set_up(&self, index: u32) -> Result<(), Error> {
        let up = libc::IFF_UP as u32;
        one(self.execute(&[Message::new(libc::RTM_NEWLINK, 0, &header(index, up, up))]))
    }

    /// Makes an interface part of a VRF, or of none.
    pub fn set_master(&self, index: u32, master: u32) -> Result<(), Error> {
        let mut message = Message::new(libc::RTM_NEWLINK, 0, &header(index, 0, 0));
        message.put_u32(ifla::MASTER, master);
        one(self.execute(&[message]))
    }

    /// Changes settings of an interface.
    pub fn configure_ipv4(&self, index: u32, settings: &[(Ipv4Setting, u32)]) -> Result<(), Error> {
        let mut message = Message::new(libc::RTM_NEWLINK, 0, &header(index, 0, 0));
        message.plain_nest(ifla::AF_SPEC, |families| {
            families.plain_nest(crate::route::AF_INET.into(), |family| {
                family.plain_nest(1, |list| {
                    settings.iter().for_each(|(setting, value)| list.put_u32(setting.number(), *value));
                });
            });
        });
        one(self.execute(&[message]))
    }

    /// The interface makes no link-local address by itself.
    pub fn without_link_local(&self, index: u32) -> Result<(), Error> {
        let mut message = Message::new(libc::RTM_NEWLINK, 0, &header(index, 0, 0));
        message.plain_nest(ifla::AF_SPEC, |families| {
            // IFLA_INET6_ADDR_GEN_MODE none
            families.plain_nest(crate::route::AF_INET6.into(), |family| family.put_u8(8, 1));
        });
        one(self.execute(&[message]))
    }
}

/// Attributes of a link.
mod ifla {
    pub(super) const ADDRESS: u16 = 1;
    pub(super) const IFNAME: u16 = 3;
    pub(super) const LINK: u16 = 5;
    pub(super) const MASTER: u16 = 10;
    pub(super) const LINKINFO: u16 = 18;
    pub(super) const AF_SPEC: u16 = 26;
    pub(super) const GROUP: u16 = 27;
}
