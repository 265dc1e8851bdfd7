//! The virtual addresses of every instance: what is believed to be set, adding and removing them.
//!
//! An address counts as set only after the kernel said so. Removal marks first, so that the kernel's own report of it
//! is not taken for somebody else's doing.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use keepalived_config::resolved::{Address, Config};
use netlink::{AddressSpec, Error, LinkAddress, PROTOCOL_KEEPALIVED, Route};
use vrrp::InstanceId;

use crate::interfaces::Interfaces;
use crate::log::normal;

/// One virtual address.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// As configured.
    pub(crate) address: Address,
    /// It is in the kernel, by us.
    pub(crate) set: bool,
}

/// The virtual addresses of all instances: for each, virtual ones then excluded ones.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    slots: Vec<Vec<Slot>>,
    /// Which instances have an address.
    instances: HashMap<IpAddr, Vec<InstanceId>>,
    /// `static_ipaddress`.
    statics: HashSet<IpAddr>,
    /// Remove addresses even if they are not believed to be set.
    pub(crate) release_unset: bool,
}

impl Addresses {
    /// None of them set.
    pub(crate) fn new(config: &Config, release_unset: bool) -> Self {
        let slots: Vec<Vec<Slot>> = config
            .instances
            .iter()
            .map(|instance| {
                let all = instance.virtual_addresses.iter().chain(&instance.excluded_addresses);
                all.map(|address| Slot { address: address.clone(), set: false }).collect()
            })
            .collect();
        let mut instances: HashMap<IpAddr, Vec<InstanceId>> = HashMap::new();
        for (index, slots) in slots.iter().enumerate() {
            for slot in slots {
                instances.entry(slot.address.address).or_default().push(InstanceId(index));
            }
        }
        let statics = config.static_addresses.iter().map(|address| address.address).collect();
        Self { slots, instances, statics, release_unset }
    }

    /// The addresses of an instance.
    pub(crate) fn of(&self, id: InstanceId) -> &[Slot] {
        self.slots.get(id.0).map_or(&[], Vec::as_slice)
    }

    /// True when any address of an instance is not set.
    pub(crate) fn any_unset(&self, id: InstanceId) -> bool {
        self.of(id).iter().any(|slot| !slot.set)
    }

    /// What should be set and is not in the kernel.
    pub(crate) fn missing(&self, id: InstanceId, interfaces: &Interfaces) -> Vec<LinkAddress> {
        let slots = self.of(id).iter().filter(|slot| slot.set && !slot.address.no_track);
        slots
            .filter_map(|slot| Some(link_address(&spec(&slot.address, interfaces)?)))
            .filter(|address| !interfaces.carries(address))
            .collect()
    }

    /// Adds what is not set yet.
    pub(crate) fn add(&mut self, id: InstanceId, interfaces: &Interfaces, route: &Route) {
        let Some(slots) = self.slots.get_mut(id.0) else { return };
        let (mut wanted, mut specs) = (Vec::new(), Vec::new());
        for slot in slots.iter_mut().filter(|slot| !slot.set) {
            match spec(&slot.address, interfaces) {
                Some(spec) => {
                    wanted.push(slot);
                    specs.push(spec);
                }
                None => normal!(
                    "Not adding address {} to {} since interface doesn't exist",
                    slot.address.address,
                    slot.address.device
                ),
            }
        }
        for (slot, is_set) in wanted.into_iter().zip(add(&specs, route)) {
            slot.set = is_set;
        }
    }

    /// Removes what is set.
    pub(crate) fn remove(&mut self, id: InstanceId, interfaces: &Interfaces, route: &Route) {
        let release_unset = self.release_unset;
        let Some(slots) = self.slots.get_mut(id.0) else { return };
        let mut specs = Vec::new();
        for slot in slots.iter_mut().filter(|slot| slot.set || release_unset) {
            slot.set = false;
            specs.extend(spec(&slot.address, interfaces));
        }
        let missing = if release_unset { Missing::Expected } else { Missing::Reported };
        delete(&specs, missing, route);
    }

    /// Removes every address of an instance that an earlier life may have left behind.
    pub(crate) fn purge(&mut self, id: InstanceId, interfaces: &Interfaces, route: &Route) {
        let Some(slots) = self.slots.get(id.0) else { return };
        // Only what is there: the kernel is not asked to fail hundreds of times.
        let specs: Vec<AddressSpec> = slots
            .iter()
            .filter_map(|slot| spec(&slot.address, interfaces))
            .filter(|spec| interfaces.carries(&link_address(spec)))
            .collect();
        delete(&specs, Missing::Expected, route);
    }

    /// After a reload: takes over what is set and removes what no longer is configured, with a line for each.
    pub(crate) fn adopt<'a>(
        &mut self,
        old: &mut Self,
        matches: &[Option<InstanceId>],
        names: impl Fn(InstanceId) -> &'a str,
        interfaces: &Interfaces,
        route: &Route,
    ) {
        for (index, from) in matches.iter().enumerate() {
            let (Some(slots), Some(from)) = (self.slots.get_mut(index), *from) else { continue };
            let Some(before) = old.slots.get_mut(from.0) else { continue };
            let mut gone = Vec::new();
            for slot in before.iter_mut().filter(|slot| slot.set) {
                let same = |new: &&mut Slot| !new.set && is_same(&new.address, &slot.address);
                match slots.iter_mut().find(same) {
                    Some(new) => new.set = true,
                    None => {
                        normal!(
                            "({}) ip address {}/{} dev {}, no longer exist",
                            names(InstanceId(index)),
                            slot.address.address,
                            slot.address.prefix,
                            slot.address.device
                        );
                        gone.extend(spec(&slot.address, interfaces));
                    }
                }
                slot.set = false;
            }
            delete(&gone, Missing::Reported, route);
        }
    }

    /// Whether adverts are never sent from an address because it is a virtual one, or a static one that was added by us.
    pub(crate) fn is_ours(&self, address: &LinkAddress) -> bool {
        let is_static = || address.protocol == PROTOCOL_KEEPALIVED && self.statics.contains(&address.address);
        self.is_virtual(address.address) || is_static()
    }

    /// True for an address of any instance.
    pub(crate) fn is_virtual(&self, address: IpAddr) -> bool {
        self.instances.contains_key(&address)
    }

    /// The instances that believe in an address which the kernel reports as gone.
    pub(crate) fn owners(&self, gone: &LinkAddress, interfaces: &Interfaces) -> Vec<InstanceId> {
        let candidates = self.instances.get(&gone.address).map_or(&[][..], Vec::as_slice);
        let believes = |id: &&InstanceId| self.of(**id).iter().any(|slot| slot.is_set_as(gone, interfaces));
        let mut owners: Vec<InstanceId> = candidates.iter().filter(believes).copied().collect();
        owners.dedup();
        owners
    }

    /// Marks an address as no longer set.
    pub(crate) fn forget(&mut self, gone: &LinkAddress, interfaces: &Interfaces) {
        let candidates = self.instances.get(&gone.address).map_or(&[][..], Vec::as_slice);
        for id in candidates {
            let slots = self.slots.get_mut(id.0).into_iter().flatten();
            for slot in slots.filter(|slot| slot.is_set_as(gone, interfaces)) {
                slot.set = false;
            }
        }
    }
}

impl Slot {
    /// True when it is believed to be set, cares, and is exactly this in the kernel.
    fn is_set_as(&self, gone: &LinkAddress, interfaces: &Interfaces) -> bool {
        self.set
            && self.address.address == gone.address
            && !self.address.no_track
            && spec(&self.address, interfaces).is_some_and(|spec| link_address(&spec) == comparable(gone))
    }
}

/// Whether what is to be removed may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Nobody knows whether it is there.
    Expected,
    /// It should be there.
    Reported,
}

/// Adds addresses; for each whether it is there now.
pub(crate) fn add(specs: &[AddressSpec], route: &Route) -> Vec<bool> {
    if specs.is_empty() {
        return Vec::new();
    }
    let is_set = |result: Result<(), Error>| match result {
        Ok(()) => true,
        Err(error) if error.errno() == Some(libc::EEXIST) => true,
        Err(error) => {
            log_error(&error, "RTM_NEWADDR", libc::RTM_NEWADDR);
            false
        }
    };
    route.add_addresses(specs).into_iter().map(is_set).collect()
}

/// Removes addresses.
pub(crate) fn delete(specs: &[AddressSpec], missing: Missing, route: &Route) {
    if specs.is_empty() {
        return;
    }
    for result in route.delete_addresses(specs) {
        match result {
            Ok(()) => {}
            Err(error) => match error.errno() {
                // It is gone already, perhaps with its interface.
                Some(libc::EADDRNOTAVAIL | libc::ENODEV) => {}
                Some(libc::ESRCH | libc::ENOENT) if missing == Missing::Expected => {}
                Some(_) | None => log_error(&error, "RTM_DELADDR", libc::RTM_DELADDR),
            },
        }
    }
}

fn log_error(error: &Error, name: &str, number: u16) {
    normal!("Netlink: error: {error}, type={name}({number})");
}

/// True when a reload did not change it.
fn is_same(a: &Address, b: &Address) -> bool {
    // Where it lives and what it is; labels and lifetimes that changed make it another address.
    a == b
}
fn comparable(address: &LinkAddress) -> LinkAddress {
    LinkAddress { scope: 0, tentative: false, protocol: 0, ..*address }
}

fn link_address(spec: &AddressSpec) -> LinkAddress {
    let prefix = spec.peer.map_or(spec.prefix, |(_, prefix)| prefix);
    LinkAddress { index: spec.index, address: spec.address, prefix, scope: 0, tentative: false, protocol: 0 }
}

/// What to ask the kernel for; `None` while the interface does not exist.
pub(crate) fn spec(address: &Address, interfaces: &Interfaces) -> Option<AddressSpec> {
    let link = interfaces.by_name(&address.device)?;
    Some(AddressSpec {
        index: link.index,
        address: address.address,
        prefix: address.prefix,
        scope: address.scope,
        broadcast: address.broadcast,
        // The kernel names the interface by itself; a label on IPv6 is an error.
        label: match address.address {
            IpAddr::V4(_) => Some(address.label.clone().unwrap_or_else(|| link.name.clone())),
            IpAddr::V6(_) => None,
        },
        peer: address.peer,
        nodad: address.nodad,
        home: address.home,
        mngtmpaddr: address.mngtmpaddr,
        noprefixroute: address.noprefixroute,
        autojoin: address.autojoin,
        preferred: address.preferred_lft,
    })
}
