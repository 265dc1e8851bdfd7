//! The interfaces and addresses of this machine as netlink tells them, and which address adverts are sent from.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use netlink::{Link, LinkAddress};
use vrrp::Family;

/// What the kernel has, kept up to date by events.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    links: BTreeMap<u32, Link>,
    /// For each interface in the kernel's order, later ones behind.
    addresses: BTreeMap<(u32, u64), LinkAddress>,
    places: HashMap<Place, u64>,
    next_place: u64,
    /// Interfaces whose link is asked for (`linkbeat_interfaces`): netlink's word on them does not count.
    polled: HashMap<String, bool>,
}

/// What makes an address one address: interface, address, prefix length.
type Place = (u32, IpAddr, u8);

fn place(address: &LinkAddress) -> Place {
    (address.index, address.address, address.prefix)
}

impl Interfaces {
    /// Replaces everything by a snapshot.
    pub(crate) fn replace(&mut self, links: Vec<Link>, addresses: Vec<LinkAddress>) {
        self.links = links.into_iter().map(|link| (link.index, link)).collect();
        self.addresses.clear();
        self.places.clear();
        addresses.into_iter().for_each(|address| self.set_address(address));
    }

    /// The interface of a name.
    pub(crate) fn by_name(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|link| link.name == name)
    }

    /// The index of the interface that what is sent on this one leaves by: the one below a macvlan or an ipvlan, as long as
    /// it is in this network namespace, else itself.
    pub(crate) fn base(&self, name: &str) -> Option<u32> {
        let link = self.by_name(name)?;
        let below = self.by_index(link.base).filter(|_| link.shares_base());
        Some(below.unwrap_or(link).index)
    }

    /// The interface of an index.
    pub(crate) fn by_index(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    /// All interfaces in the order of their indices.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// All addresses of an interface.
    pub(crate) fn addresses_of(&self, index: u32) -> impl Iterator<Item = &LinkAddress> {
        self.addresses.range((index, 0)..=(index, u64::MAX)).map(|(_, address)| address)
    }

    /// True when an interface is there, up and running.
    pub(crate) fn is_up(&self, name: &str) -> bool {
        match self.polled.get(name) {
            Some(up) => *up && self.by_name(name).is_some(),
            None => self.by_name(name).is_some_and(|link| link.up),
        }
    }

    /// An interface's link was asked for; returns true when that is another answer than before.
    pub(crate) fn set_polled(&mut self, name: &str, up: bool) -> bool {
        self.polled.insert(name.to_owned(), up) != Some(up)
    }

    /// Only these are asked for.
    pub(crate) fn retain_polled(&mut self, names: &[String]) {
        self.polled.retain(|name, _| names.contains(name));
    }

    /// True when an interface's link is asked for.
    pub(crate) fn is_polled(&self, name: &str) -> bool {
        self.polled.contains_key(name)
    }

    /// A link appeared or changed; returns what it was before.
    pub(crate) fn set_link(&mut self, link: Link) -> Option<Link> {
        self.links.insert(link.index, link)
    }

    /// A link is gone, and its addresses with it.
    pub(crate) fn remove_link(&mut self, index: u32) -> Option<Link> {
        self.addresses.retain(|(of, _), _| *of != index);
        self.places.retain(|(of, _, _), _| *of != index);
        self.links.remove(&index)
    }

    /// An address appeared or changed.
    pub(crate) fn set_address(&mut self, address: LinkAddress) {
        let number = *self.places.entry(place(&address)).or_insert_with(|| {
            self.next_place += 1;
            self.next_place
        });
        self.addresses.insert((address.index, number), address);
    }

    /// An address is gone.
    pub(crate) fn remove_address(&mut self, address: &LinkAddress) {
        if let Some(number) = self.places.remove(&place(address)) {
            self.addresses.remove(&(address.index, number));
        }
    }

    /// True when this machine has an address that it can send from.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.addresses.values().any(|known| known.address == address && !known.tentative)
    }

    /// True when an interface carries exactly this.
    pub(crate) fn carries(&self, address: &LinkAddress) -> bool {
        self.places.contains_key(&place(address))
    }

    /// The address an instance on this interface sends from: `current` as long as it is there, else the first one.
    /// IPv6: the link-local one.
    pub(crate) fn source(
        &self,
        name: &str,
        family: Family,
        current: Option<IpAddr>,
        is_ours: impl Fn(&LinkAddress) -> bool,
    ) -> Option<IpAddr> {
        let index = self.by_name(name)?.index;
        let mut candidates = self
            .addresses_of(index)
            .filter(|address| !address.tentative && is_source(family, address.address) && !is_ours(address))
            .map(|address| address.address);
        let first = candidates.next();
        if first == current || candidates.any(|candidate| Some(candidate) == current) {
            current
        } else {
            first
        }
    }
}

fn is_source(family: Family, address: IpAddr) -> bool {
    match (family, address) {
        (Family::V4, IpAddr::V4(_)) => true,
        (Family::V6, IpAddr::V6(address)) => address.is_unicast_link_local(),
        (Family::V4, IpAddr::V6(_)) | (Family::V6, IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use netlink::LinkKind;

    fn address(text: &str, prefix: u8) -> LinkAddress {
        LinkAddress {
            index: 2,
            address: text.parse().unwrap(),
            prefix,
            scope: 0,
            tentative: false,
            protocol: 0,
        }
    }

    fn interfaces(addresses: &[LinkAddress]) -> Interfaces {
        let mut interfaces = Interfaces::default();
        let link = Link { index: 2, name: "eth0".into(), up: true, ..Link::default() };
        interfaces.replace(vec![link], addresses.to_vec());
        interfaces
    }

    #[test]
    fn the_source_is_the_first_address_that_is_not_virtual() {
        let vip: IpAddr = "10.0.0.100".parse().unwrap();
        let found =
            interfaces(&[address("10.0.0.100", 24), address("10.0.0.1", 24), address("10.0.0.2", 24)]);
        let source = |current| found.source("eth0", Family::V4, current, |address| address.address == vip);
        assert_eq!(source(None), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(
            source(Some("10.0.0.2".parse().unwrap())),
            Some("10.0.0.2".parse().unwrap()),
            "kept while there"
        );
        assert_eq!(source(Some("10.0.0.9".parse().unwrap())), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(found.source("eth1", Family::V4, None, |_| false), None);
    }

    #[test]
    fn adverts_leave_by_the_interface_below() {
        let link =
            |index, name: &str, base, kind| Link { index, name: name.into(), base, kind, ..Link::default() };
        let mut found = Interfaces::default();
        found.replace(
            vec![
                link(2, "eth0", 0, LinkKind::Other),
                link(3, "macvlan", 2, LinkKind::Macvlan { private: false }),
                link(4, "ipvlan", 2, LinkKind::Ipvlan),
                // The peer of a veth and the interface of a VLAN are another network.
                link(5, "veth", 2, LinkKind::Other),
                link(6, "elsewhere", 9, LinkKind::Ipvlan),
                link(7, "unknown", 0, LinkKind::Macvlan { private: true }),
            ],
            Vec::new(),
        );
        let bases =
            ["eth0", "macvlan", "ipvlan", "veth", "elsewhere", "unknown", "missing"].map(|n| found.base(n));
        assert_eq!(bases, [Some(2), Some(2), Some(2), Some(5), Some(6), Some(7), None]);
    }

    #[test]
    fn ipv6_sends_from_a_link_local_address_that_is_not_tentative() {
        let mut tentative = address("fe80::1", 64);
        tentative.tentative = true;
        let mut found = interfaces(&[address("2001:db8::1", 64), tentative]);
        assert_eq!(found.source("eth0", Family::V6, None, |_| false), None);
        found.set_address(address("fe80::1", 64));
        assert_eq!(found.source("eth0", Family::V6, None, |_| false), Some("fe80::1".parse().unwrap()));
        found.remove_address(&address("fe80::1", 64));
        assert_eq!(found.source("eth0", Family::V6, None, |_| false), None);
    }
}
