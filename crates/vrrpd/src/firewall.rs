//! Packets to virtual addresses of instances that accept none, and group reports of VMACs.

use std::net::{IpAddr, Ipv6Addr};

use keepalived_config::resolved::{Config, FirewallSettings, Vmac, VmacKind, VrrpInstance};
use netlink::firewall::{self, Blocked, Scope, Settings};

use crate::interfaces::Interfaces;
use crate::log::normal;

/// The tables, once something needs them.
#[derive(Debug, Default)]
pub(crate) struct Firewall {
    settings: Option<FirewallSettings>,
    tables: Option<firewall::Firewall>,
    /// `disable_local_igmp`: no group reports of IPv4 to redirect.
    no_local_igmp: bool,
}

impl Firewall {
    /// Settings of a configuration; the tables stay as they are.
    pub(crate) fn configure(&mut self, config: &Config) {
        self.no_local_igmp = config.network.disable_local_igmp;
        // What is in use keeps its name: a reload cannot change it.
        if self.tables.is_none() || config.network.firewall.is_none() {
            self.settings.clone_from(&config.network.firewall);
        }
    }

    fn tables(&mut self) -> Option<&mut firewall::Firewall> {
        if self.tables.is_none() {
            let settings = self.settings.as_ref()?;
            let settings = Settings {
                table: settings.table.clone(),
                priority: settings.priority,
                counters: settings.counters,
                by_index: settings.by_index,
            };
            match firewall::Firewall::open(settings) {
                Ok(tables) => self.tables = Some(tables),
                Err(error) => normal!("Cannot open nftables: {error}"),
            }
        }
        self.tables.as_mut()
    }

    /// The instance became master: its addresses take no packets.
    pub(crate) fn block(&mut self, instance: &VrrpInstance, interfaces: &Interfaces) {
        if instance.accept {
            return;
        }
        let addresses = self.blocked(instance, interfaces);
        if let Some(tables) = self.tables()
            && let Err(error) = tables.block(&addresses)
        {
            normal!("({}) nftables: {error}", instance.name);
        }
    }

    /// The instance is no longer master.
    pub(crate) fn unblock(&mut self, instance: &VrrpInstance, interfaces: &Interfaces) {
        if instance.accept || self.tables.is_none() {
            return;
        }
        let addresses = self.blocked(instance, interfaces);
        if let Some(tables) = &mut self.tables
            && let Err(error) = tables.unblock(&addresses)
            && error.errno() != Some(libc::ENOENT)
        {
            normal!("({}) nftables: {error}", instance.name);
        }
    }

    fn blocked(&self, instance: &VrrpInstance, interfaces: &Interfaces) -> Vec<Blocked> {
        let by_index = self.settings.as_ref().is_some_and(|settings| settings.by_index);
        let addresses = instance.virtual_addresses.iter().chain(&instance.excluded_addresses);
        let blocked = |address: &keepalived_config::resolved::Address| {
            let link = interfaces.by_name(&address.device);
            // An interface whose faults do not matter may come back with another index.
            let scope = if instance.dont_track_primary && !by_index {
                Scope::Name(address.device.clone())
            } else {
                Scope::Index(link.map_or(0, |link| link.index))
            };
            Blocked { address: address.address, scope }
        };
        addresses.map(blocked).collect()
    }

    /// A VMAC was made: its index, and the link-local address that it shares with the interface below.
    pub(crate) fn add_vmac(
        &mut self,
        vmac: &Vmac,
        index: u32,
        shared: Option<Ipv6Addr>,
        interfaces: &Interfaces,
    ) {
        if let Some(entry) = self.entry(vmac, index, shared, interfaces)
            && let Some(tables) = self.tables()
            && let Err(error) = tables.add_vmac(&entry)
        {
            normal!("nftables for {}: {error}", vmac.name);
        }
    }

    /// A VMAC goes, or is gone.
    pub(crate) fn remove_vmac(
        &mut self,
        vmac: &Vmac,
        index: u32,
        shared: Option<Ipv6Addr>,
        interfaces: &Interfaces,
    ) {
        if let Some(entry) = self.entry(vmac, index, shared, interfaces)
            && let Some(tables) = &mut self.tables
            && let Err(error) = tables.remove_vmac(&entry)
            && error.errno() != Some(libc::ENOENT)
        {
            normal!("nftables for {}: {error}", vmac.name);
        }
    }

    fn entry(
        &self,
        vmac: &Vmac,
        index: u32,
        shared: Option<Ipv6Addr>,
        interfaces: &Interfaces,
    ) -> Option<firewall::Vmac> {
        let skip = !matches!(vmac.kind, VmacKind::Macvlan(_)) || (self.no_local_igmp && !vmac.ipv6);
        if skip {
            return None;
        }
        Some(firewall::Vmac {
            ipv6: vmac.ipv6,
            index,
            name: vmac.name.clone(),
            // Elements are taken away by their keys, whatever has become of the interface below.
            base: interfaces.by_name(&vmac.base).map_or(0, |link| link.index),
            shared,
        })
    }

    /// The end: no table stays.
    pub(crate) fn remove(&mut self) {
        if let Some(mut tables) = self.tables.take()
            && let Err(error) = tables.remove()
        {
            normal!("Cannot remove nftables tables: {error}");
        }
    }
}

/// The link-local address of an interface.
pub(crate) fn link_local(name: &str, interfaces: &Interfaces) -> Option<Ipv6Addr> {
    let index = interfaces.by_name(name)?.index;
    interfaces.addresses_of(index).find_map(|address| match address.address {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(v6),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    })
}
