//! What the kernel reports: links and addresses that come and go.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use keepalived_config::resolved::{Address, Config};
use netlink::{Link, LinkAddress, LinkKind, Monitor};
use vrrp::{Family, Input, InstanceId, LinkId};

use super::{Shell, SockpoolLog, read_interfaces, source};
use crate::ExitReason;
use crate::addresses::{self, Addresses};
use crate::dump;
use crate::interfaces::Interfaces;
use crate::log::{detail, normal};

impl Shell {
    pub(super) async fn netlink_event(&mut self, event: netlink::Event) -> Option<ExitReason> {
        match event {
            netlink::Event::Link(link) => {
                let name = link.name.clone();
                let was_up = self.interfaces.is_up(&name);
                self.link_reported(link);
                if !was_up && self.interfaces.is_up(&name) {
                    self.drain().await;
                    self.restore_statics_of(&name);
                }
            }
            netlink::Event::LinkGone(link) => {
                if self.interfaces.remove_link(link.index).is_some() {
                    if self.link_id(&link.name).is_some() {
                        normal!("Interface {} deleted", link.name);
                    }
                    // A VMAC that somebody removed is made again at once, unless the one below is gone, too.
                    if self.vmacs.has(&link.name) {
                        self.make_vmacs();
                    }
                    self.link_changed(&link.name);
                    self.refresh_bases();
                    self.refresh_sources(None);
                }
            }
            netlink::Event::Address(address) => {
                self.report_address(&address, true);
                self.interfaces.set_address(address);
                self.source_changed(&address);
            }
            netlink::Event::AddressGone(address) => {
                self.report_address(&address, false);
                self.interfaces.remove_address(&address);
                self.address_gone(address).await;
                self.restore_static(&address);
                self.source_changed(&address);
            }
            netlink::Event::RouteGone(gone) if self.removed.is_ours(&gone) => {}
            netlink::Event::RuleGone(gone) if self.removed.is_our_rule(&gone) => {}
            netlink::Event::RouteGone(gone) => {
                self.static_routes.restore_route(&gone, &self.interfaces, &self.route);
                for id in self.routes.lost(&gone, &self.interfaces) {
                    self.router.handle(Instant::now(), Input::AddressLost(id));
                    self.drain().await;
                }
            }
            netlink::Event::RuleGone(gone) => {
                self.static_routes.restore_rule(&gone, &self.route);
                for id in self.routes.lost_rule(&gone) {
                    self.router.handle(Instant::now(), Input::AddressLost(id));
                    self.drain().await;
                }
            }
            netlink::Event::Overrun => {
                detail!("Netlink: receive buffer overrun - reading all interfaces and addresses again");
                self.removed.forget();
                self.resynchronise().await;
            }
            netlink::Event::Closed => return Some(ExitReason::Fatal("the netlink socket was closed".into())),
        }
        if std::mem::take(&mut self.stale) {
            while self.monitor.try_next().is_some() {}
            self.resynchronise().await;
            self.open_sockets(SockpoolLog::New);
        }
        None
    }

    /// `-a`.
    fn report_address(&self, address: &LinkAddress, added: bool) {
        let known = self.interfaces.addresses_of(address.index).any(|a| a.address == address.address);
        // The loss of a virtual address is reported in any case.
        let told = !added && !self.addresses.owners(address, &self.interfaces).is_empty();
        if !self.params.options.address_monitoring || known == added || told {
            return;
        }
        let (what, to) = if added { ("added", "to") } else { ("removed", "from") };
        let interface = self.interfaces.by_index(address.index).map_or("none", |link| &link.name);
        normal!("Netlink reflector reports IP {} {what} {to} {interface}", address.address);
    }

    pub(super) fn link_id(&self, name: &str) -> Option<LinkId> {
        self.router.config().links.iter().position(|link| **link == *name).map(LinkId)
    }

    /// An interface appeared, changed its name or its flags.
    fn link_reported(&mut self, link: Link) {
        let (name, master) = (link.name.clone(), link.master);
        let before = self.interfaces.set_link(link);
        if before.as_ref().is_some_and(|before| before.master != master) {
            let vrf = self.interfaces.by_index(master).filter(|link| link.kind == LinkKind::Vrf);
            let vrf = vrf.map_or(0, |link| link.index);
            self.vmacs.follow_vrf(&name, vrf, &self.interfaces, &self.route);
        }
        let before = before.map(|before| before.name);
        let is_base = |vmac: &keepalived_config::resolved::Vmac| {
            vmac.base == name && !self.vmacs.is_in_place(vmac, &self.interfaces)
        };
        if self.config.instances.iter().any(|instance| instance.vmacs().any(is_base)) {
            self.make_vmacs();
        }
        if before.as_deref() != Some(&name) {
            let is_used = self.link_id(&name).is_some();
            if let Some(before) = before
                && (is_used || self.link_id(&before).is_some())
            {
                normal!("Interface name has changed from {before} to {name}");
                self.link_changed(&before);
                normal!("Interface {name} added");
            } else if is_used {
                normal!("Interface {name} added");
            }
            self.refresh_bases();
            self.refresh_sources(None);
        }
        self.link_changed(&name);
    }

    /// Tells the core whether an interface is up, and opens or closes sockets when it came or went.
    pub(super) fn link_changed(&mut self, name: &str) {
        let Some(id) = self.link_id(name) else { return };
        let up = self.interfaces.is_up(name);
        if up {
            self.static_routes.add(&self.interfaces, &self.route);
        } else {
            self.static_routes.interface_down(name);
        }
        if self.links_up.insert(id, up) == Some(up) && self.router.link_is_up(id) == up {
            return;
        }
        if !self.interfaces.is_polled(name) {
            normal!("Netlink reports {name} {}", if up { "up" } else { "down" });
        }
        if up {
            self.open_sockets(SockpoolLog::New);
        }
        self.router.handle(Instant::now(), Input::Link(id, up));
    }

    /// An address is gone: whose was it, and is it really gone?
    pub(super) async fn address_gone(&mut self, gone: LinkAddress) {
        let owners = self.addresses.owners(&gone, &self.interfaces);
        if owners.is_empty() {
            return;
        }
        // An event of our own earlier removal may come after we added the address again: ask the kernel.
        if let Ok(addresses) = self.route.addresses() {
            let same = |known: &LinkAddress| {
                (known.index, known.address, known.prefix) == (gone.index, gone.address, gone.prefix)
            };
            if addresses.iter().any(same) {
                self.interfaces.set_address(gone);
                return;
            }
        }
        let interface = self.interfaces.by_index(gone.index).map_or("none", |link| &link.name);
        normal!("Netlink reflector reports IP {} removed from {interface}", gone.address);
        self.addresses.forget(&gone, &self.interfaces);
        if self.config.network.restore_addresses && self.restore_virtual(&gone, &owners).await {
            return;
        }
        for owner in owners {
            self.router.handle(Instant::now(), Input::AddressLost(owner));
            self.drain().await;
        }
    }

    /// `vrrp_restore_addresses`. False: it cannot be put back, and losing it counts.
    async fn restore_virtual(&mut self, gone: &LinkAddress, owners: &[InstanceId]) -> bool {
        for owner in owners {
            normal!("Restoring deleted virtual address {}/{}", gone.address, gone.prefix);
            self.addresses.add(*owner, &self.interfaces, &self.route);
            if self.addresses.any_unset(*owner) {
                return false;
            }
            self.router.addresses_added(Instant::now(), *owner);
            self.drain().await;
        }
        true
    }

    /// Virtual addresses come and go by the hundred and are never sent from.
    pub(super) fn source_changed(&mut self, address: &LinkAddress) {
        if !self.addresses.is_virtual(address.address) {
            self.refresh_sources(Some(address.index));
        }
    }

    /// Opens or closes the socket that reports routes.
    pub(super) fn watch_routes(&mut self) {
        if !self.routes.tracks_routes() && !self.static_routes.tracks_routes() {
            self.route_monitor = None;
        } else if self.route_monitor.is_none() {
            match Monitor::routes() {
                Ok(monitor) => self.route_monitor = Some(monitor),
                Err(error) => normal!("Cannot watch routes: {error}"),
            }
        }
        if !self.routes.tracks_rules() && !self.static_routes.tracks_rules() {
            self.rule_monitor = None;
        } else if self.rule_monitor.is_none() {
            match Monitor::rules() {
                Ok(monitor) => self.rule_monitor = Some(monitor),
                Err(error) => normal!("Cannot watch rules: {error}"),
            }
        }
    }

    /// Static addresses stay as long as this process runs.
    fn restore_static(&self, gone: &LinkAddress) {
        let is_gone = |address: &&Address| {
            !address.no_track && (address.address, address.prefix) == (gone.address, gone.prefix)
        };
        let Some(address) = self.config.static_addresses.iter().find(is_gone) else { return };
        let Some(spec) = addresses::spec(address, &self.interfaces) else { return };
        if spec.index == gone.index {
            normal!("Restoring deleted static address {}", dump::written(address, true));
            addresses::add(&[spec], &self.route);
        }
    }

    /// An interface that came may lie on another one than before, one that went lies on none.
    fn refresh_bases(&mut self) {
        for position in 0..self.config.instances.len() {
            let id = InstanceId(position);
            let Some(instance) = self.config.instances.get(position) else { continue };
            let base = self.interfaces.base(&instance.interface);
            if base != self.router.base(id) {
                self.router.handle(Instant::now(), Input::Base(id, base));
            }
        }
    }

    /// An interface came up: the reference adds what is static there once more, whether it was gone or not.
    fn restore_statics_of(&self, interface: &str) {
        for address in self.config.static_addresses.iter().filter(|address| address.device == interface) {
            if let Some(spec) = addresses::spec(address, &self.interfaces).filter(|_| !address.no_track) {
                normal!("Restoring deleted static address {}", dump::written(address, true));
                addresses::add(&[spec], &self.route);
            }
        }
    }

    /// Source addresses follow what interfaces have. `index`: only those of this interface.
    pub(super) fn refresh_sources(&mut self, index: Option<u32>) {
        let only = index.and_then(|index| self.interfaces.by_index(index)).map(|link| link.name.clone());
        if index.is_some() && only.is_none() {
            return;
        }
        self.log_assigned();
        for position in 0..self.config.instances.len() {
            let id = InstanceId(position);
            let Some(instance) = self.config.instances.get(position) else { continue };
            let used = [instance.interface.as_str(), instance.advert_interface()];
            if only.as_ref().is_some_and(|only| !used.contains(&only.as_str())) {
                continue;
            }
            let current = self.router.instance(id).and_then(vrrp::instance::Instance::source);
            let source = source(&self.config, position, &self.interfaces, &self.addresses, current);
            if source != current {
                self.router.handle(Instant::now(), Input::Source(id, source));
            }
            if source.is_some() && self.sockets.lacks(id) {
                self.open_sockets(SockpoolLog::New);
            }
        }
    }

    /// Everything is read again after events were lost.
    pub(super) async fn resynchronise(&mut self) {
        if let Err(error) = read_interfaces(&mut self.interfaces, &self.route) {
            normal!("Netlink: error: {error}");
            return;
        }
        for name in self.router.config().links.clone() {
            self.link_changed(&name);
        }
        self.refresh_bases();
        self.drain().await;
        for position in 0..self.config.instances.len() {
            let id = InstanceId(position);
            let lost: Vec<LinkAddress> = self.addresses.missing(id, &self.interfaces);
            for gone in lost {
                self.address_gone(gone).await;
            }
        }
        self.refresh_sources(None);
    }

    /// The first IPv4 address and the link-local address of each interface that instances use, when they changed.
    pub(super) fn log_assigned(&mut self) {
        log_assigned(&self.config, &self.interfaces, &self.addresses, &mut self.assigned);
    }

    /// What is known of each interface counts as said.
    pub(super) fn note_links(&mut self) {
        let names = self.router.config().links.iter();
        self.links_up = names.enumerate().map(|(n, name)| (LinkId(n), self.interfaces.is_up(name))).collect();
    }
}

/// [`Shell::log_assigned`]; at start it is said before there is a shell.
pub(super) fn log_assigned(
    config: &Config,
    interfaces: &Interfaces,
    addresses: &Addresses,
    assigned: &mut HashMap<(String, Family), IpAddr>,
) {
    let mut names: Vec<&str> = Vec::new();
    for instance in &config.instances {
        for name in [instance.interface.as_str(), instance.advert_interface()] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    for name in names {
        for family in [Family::V4, Family::V6] {
            let key = (name.to_string(), family);
            let before = assigned.get(&key).copied();
            let is_ours = |address: &LinkAddress| addresses.is_ours(address);
            match (before, interfaces.source(name, family, before, is_ours)) {
                (None, Some(address)) => {
                    detail!("Assigned address {address} for interface {name}");
                    assigned.insert(key, address);
                }
                // Another address took its place.
                (Some(before), Some(address)) if before != address => {
                    assigned.insert(key, address);
                }
                (Some(address), None) => {
                    detail!("Deassigned address {address} from interface {name}");
                    assigned.remove(&key);
                }
                (None, None) | (_, Some(_)) => {}
            }
        }
    }
}
