//! The virtual and static routes and rules: what is believed to be set, adding and removing them.

mod text;

use keepalived_config::resolved::{Config, RouteEncap, RoutePlacement, VirtualRoute, VirtualRule};
use netlink::routes::{Encapsulation, Metric, NextHop, Placement, RouteKey, RouteSpec, TABLE_MAIN};
use netlink::rules::{RuleKey, RuleSpec};
use netlink::{Error, Route};
use vrrp::InstanceId;

use crate::interfaces::Interfaces;
use crate::log::normal;

pub(crate) use text::{route_text, rule_text};

/// Something that is put into the kernel, and whether it is there by us.
#[derive(Clone, Debug)]
pub(crate) struct Slot<T> {
    /// As configured.
    pub(crate) what: T,
    /// It is in the kernel, by us.
    pub(crate) set: bool,
}

impl<T: Clone> Slot<T> {
    fn unset(what: &T) -> Self {
        Self { what: what.clone(), set: false }
    }
}

/// What we removed ourselves and the kernel has not reported yet: its word on that may come after we added the same again.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    routes: Vec<RouteKey>,
    rules: Vec<RuleKey>,
}

impl Removed {
    /// More are not kept: their reports were lost.
    const MOST: usize = 10_000;

    /// True for the report of a removal of ours.
    pub(crate) fn is_ours(&mut self, gone: &RouteKey) -> bool {
        take(&mut self.routes, gone)
    }

    /// The same for a rule.
    pub(crate) fn is_our_rule(&mut self, gone: &RuleKey) -> bool {
        take(&mut self.rules, gone)
    }

    /// Nobody reports any more.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn take<K: PartialEq>(list: &mut Vec<K>, key: &K) -> bool {
    let at = list.iter().position(|known| known == key);
    at.map(|at| list.remove(at)).is_some()
}

fn remember<K>(list: &mut Vec<K>, key: K) {
    if list.len() < Removed::MOST {
        list.push(key);
    }
}

/// The kernel, and what we took out of it.
pub(crate) struct Kernel<'a> {
    pub(crate) interfaces: &'a Interfaces,
    pub(crate) route: &'a Route,
    pub(crate) removed: &'a mut Removed,
}

/// The virtual routes and rules of all instances, in order.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    routes: Vec<Vec<Slot<VirtualRoute>>>,
    rules: Vec<Vec<Slot<VirtualRule>>>,
}

impl Routes {
    /// None of them set.
    pub(crate) fn new(config: &Config) -> Self {
        let instances = &config.instances;
        Self {
            routes: instances.iter().map(|of| of.virtual_routes.iter().map(Slot::unset).collect()).collect(),
            rules: instances.iter().map(|of| of.virtual_rules.iter().map(Slot::unset).collect()).collect(),
        }
    }

    /// True when the loss of any route matters.
    pub(crate) fn tracks_routes(&self) -> bool {
        self.routes.iter().flatten().any(|slot| !slot.what.no_track)
    }

    /// True when the loss of any rule matters.
    pub(crate) fn tracks_rules(&self) -> bool {
        self.rules.iter().flatten().any(|slot| !slot.what.no_track)
    }

    /// The routes of an instance.
    pub(crate) fn of(&self, id: InstanceId) -> &[Slot<VirtualRoute>] {
        self.routes.get(id.0).map_or(&[], Vec::as_slice)
    }

    /// The rules of an instance.
    pub(crate) fn rules_of(&self, id: InstanceId) -> &[Slot<VirtualRule>] {
        self.rules.get(id.0).map_or(&[], Vec::as_slice)
    }

    /// Adds what is not set yet: routes, then rules.
    pub(crate) fn add(&mut self, id: InstanceId, interfaces: &Interfaces, kernel: &Route) {
        if let Some(slots) = self.routes.get_mut(id.0) {
            add_routes(slots, interfaces, kernel);
        }
        if let Some(slots) = self.rules.get_mut(id.0) {
            add_rules(slots, kernel);
        }
    }

    /// Removes what is set, rules first; with `all`, whatever an earlier life may have left behind.
    pub(crate) fn remove(&mut self, id: InstanceId, all: bool, kernel: &mut Kernel<'_>) {
        if let Some(slots) = self.rules.get_mut(id.0) {
            remove_rules(slots, all, kernel);
        }
        if let Some(slots) = self.routes.get_mut(id.0) {
            remove_routes(slots, all, kernel);
        }
    }

    /// After a reload: takes over what is set and removes what no longer is configured.
    pub(crate) fn adopt(&mut self, old: &mut Self, matches: &[Option<InstanceId>], kernel: &mut Kernel<'_>) {
        for (index, from) in matches.iter().enumerate() {
            let Some(from) = *from else { continue };
            if let (Some(slots), Some(before)) = (self.rules.get_mut(index), old.rules.get_mut(from.0)) {
                let mut gone = take_over(slots, before, |rule| normal!("Removing rule {}", rule_text(rule)));
                remove_rules(&mut gone, false, kernel);
            }
            if let (Some(slots), Some(before)) = (self.routes.get_mut(index), old.routes.get_mut(from.0)) {
                let mut gone =
                    take_over(slots, before, |route| normal!("Removing route {}", destination(route)));
                remove_routes(&mut gone, false, kernel);
            }
        }
    }

    /// The instances that believe in a route which the kernel reports as gone; they no longer do.
    pub(crate) fn lost(&mut self, gone: &RouteKey, interfaces: &Interfaces) -> Vec<InstanceId> {
        losers(&mut self.routes, |route| {
            !route.no_track && route_spec(route, interfaces).is_some_and(|spec| spec.key() == *gone)
        })
    }

    /// The instances that believe in a rule which the kernel reports as gone; they no longer do.
    pub(crate) fn lost_rule(&mut self, gone: &RuleKey) -> Vec<InstanceId> {
        losers(&mut self.rules, |rule| !rule.no_track && rule_spec(rule).key() == *gone)
    }
}

fn losers<T>(all: &mut [Vec<Slot<T>>], is_gone: impl Fn(&T) -> bool) -> Vec<InstanceId> {
    let mut losers = Vec::new();
    for (index, slots) in all.iter_mut().enumerate() {
        for slot in slots.iter_mut().filter(|slot| slot.set && is_gone(&slot.what)) {
            slot.set = false;
            losers.push(InstanceId(index));
        }
    }
    losers.dedup();
    losers
}

/// Marks as set what was set before; returns what was set and is no longer configured.
fn take_over<T: PartialEq + Clone>(
    slots: &mut [Slot<T>],
    before: &mut [Slot<T>],
    log: impl Fn(&T),
) -> Vec<Slot<T>> {
    let mut gone = Vec::new();
    for slot in before.iter_mut().filter(|slot| slot.set) {
        match slots.iter_mut().find(|new| !new.set && new.what == slot.what) {
            Some(new) => new.set = true,
            None => {
                log(&slot.what);
                gone.push(slot.clone());
            }
        }
        slot.set = false;
    }
    gone
}

/// The static routes and rules of the process.
#[derive(Debug, Default)]
pub(crate) struct StaticRoutes {
    routes: Vec<Slot<VirtualRoute>>,
    rules: Vec<Slot<VirtualRule>>,
}

impl StaticRoutes {
    /// None of them set.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            routes: config.network.static_routes.iter().map(Slot::unset).collect(),
            rules: config.network.static_rules.iter().map(Slot::unset).collect(),
        }
    }

    /// True when the loss of any route matters.
    pub(crate) fn tracks_routes(&self) -> bool {
        self.routes.iter().any(|slot| !slot.what.no_track)
    }

    /// True when the loss of any rule matters.
    pub(crate) fn tracks_rules(&self) -> bool {
        self.rules.iter().any(|slot| !slot.what.no_track)
    }

    /// Adds what is not there yet, because it is new or its interface was missing.
    pub(crate) fn add(&mut self, interfaces: &Interfaces, kernel: &Route) {
        add_routes(&mut self.routes, interfaces, kernel);
        add_rules(&mut self.rules, kernel);
    }

    /// Removes what is set; with `all`, whatever an earlier life may have left behind.
    pub(crate) fn remove(&mut self, all: bool, kernel: &mut Kernel<'_>) {
        remove_rules(&mut self.rules, all, kernel);
        remove_routes(&mut self.routes, all, kernel);
    }

    /// After a reload: takes over what is set and removes what no longer is configured.
    pub(crate) fn adopt(&mut self, old: &mut Self, kernel: &mut Kernel<'_>) {
        let mut gone = take_over(&mut self.rules, &mut old.rules, |_| {});
        remove_rules(&mut gone, false, kernel);
        let mut gone = take_over(&mut self.routes, &mut old.routes, |_| {});
        remove_routes(&mut gone, false, kernel);
    }

    /// Routes go with the last address or the link of their interface, without a word: they are no longer there.
    pub(crate) fn interface_down(&mut self, name: &str) {
        for slot in &mut self.routes {
            if slot.what.devices().any(|device| device == name) {
                slot.set = false;
            }
        }
    }

    /// Puts a route back that somebody removed.
    pub(crate) fn restore_route(&mut self, gone: &RouteKey, interfaces: &Interfaces, kernel: &Route) {
        let mut lost = false;
        for slot in self.routes.iter_mut().filter(|slot| slot.set && !slot.what.no_track) {
            if route_spec(&slot.what, interfaces).is_some_and(|spec| spec.key() == *gone) {
                normal!("Restoring deleted static route {}", destination(&slot.what));
                (slot.set, lost) = (false, true);
            }
        }
        if lost {
            add_routes(&mut self.routes, interfaces, kernel);
        }
    }

    /// Puts a rule back that somebody removed.
    pub(crate) fn restore_rule(&mut self, gone: &RuleKey, kernel: &Route) {
        let mut lost = false;
        for slot in self.rules.iter_mut().filter(|slot| slot.set && !slot.what.no_track) {
            if rule_spec(&slot.what).key() == *gone {
                normal!("Restoring deleted static rule {}", rule_text(&slot.what));
                (slot.set, lost) = (false, true);
            }
        }
        if lost {
            add_rules(&mut self.rules, kernel);
        }
    }
}

fn add_routes(slots: &mut [Slot<VirtualRoute>], interfaces: &Interfaces, kernel: &Route) {
    let (mut wanted, mut specs) = (Vec::new(), Vec::new());
    for slot in slots.iter_mut().filter(|slot| !slot.set) {
        if let Some(spec) = route_spec(&slot.what, interfaces) {
            wanted.push(slot);
            specs.push(spec);
        }
    }
    if !specs.is_empty() {
        added(wanted, kernel.add_routes(&specs), "RTM_NEWROUTE", libc::RTM_NEWROUTE);
    }
}

fn add_rules(slots: &mut [Slot<VirtualRule>], kernel: &Route) {
    let wanted: Vec<_> = slots.iter_mut().filter(|slot| !slot.set).collect();
    if !wanted.is_empty() {
        let specs: Vec<_> = wanted.iter().map(|slot| rule_spec(&slot.what)).collect();
        added(wanted, kernel.add_rules(&specs), "RTM_NEWRULE", libc::RTM_NEWRULE);
    }
}

fn added<T>(wanted: Vec<&mut Slot<T>>, results: Vec<Result<(), Error>>, name: &str, number: u16) {
    for (slot, result) in wanted.into_iter().zip(results) {
        match result {
            Ok(()) => slot.set = true,
            Err(error) if error.errno() == Some(libc::EEXIST) => slot.set = true,
            Err(error) => normal!("Netlink: error: {error}, type={name}({number})"),
        }
    }
}

fn remove_routes(slots: &mut [Slot<VirtualRoute>], all: bool, kernel: &mut Kernel<'_>) {
    let mut specs = Vec::new();
    for slot in slots.iter_mut().filter(|slot| slot.set || all) {
        slot.set = false;
        specs.extend(route_spec(&slot.what, kernel.interfaces));
    }
    if specs.is_empty() {
        return;
    }
    let results = kernel.route.delete_routes(&specs);
    for (spec, result) in specs.iter().zip(results) {
        if removed(result, "RTM_DELROUTE", libc::RTM_DELROUTE) {
            remember(&mut kernel.removed.routes, spec.key());
        }
    }
}

fn remove_rules(slots: &mut [Slot<VirtualRule>], all: bool, kernel: &mut Kernel<'_>) {
    let mut specs = Vec::new();
    for slot in slots.iter_mut().filter(|slot| slot.set || all) {
        slot.set = false;
        specs.push(rule_spec(&slot.what));
    }
    if specs.is_empty() {
        return;
    }
    let results = kernel.route.delete_rules(&specs);
    for (spec, result) in specs.iter().zip(results) {
        if removed(result, "RTM_DELRULE", libc::RTM_DELRULE) {
            remember(&mut kernel.removed.rules, spec.key());
        }
    }
}

/// True when it was there.
fn removed(result: Result<(), Error>, name: &str, number: u16) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => {
            // Gone already: with its interface, its source address, or by somebody else.
            if !matches!(error.errno(), Some(libc::ESRCH | libc::ENODEV | libc::ENOENT)) {
                normal!("Netlink: error: {error}, type={name}({number})");
            }
            false
        }
    }
}

fn destination(route: &VirtualRoute) -> String {
    format!("{}/{}", route.destination, route.prefix)
}

/// What to ask the kernel for; `None` while an interface of it does not exist.
fn route_spec(route: &VirtualRoute, interfaces: &Interfaces) -> Option<RouteSpec> {
    let index = |device: &Option<String>| match device {
        Some(device) => interfaces.by_name(device).map(|link| Some(link.index)),
        None => Some(None),
    };
    let mut next_hops = Vec::new();
    for hop in &route.next_hops {
        next_hops.push(NextHop {
            gateway: hop.gateway,
            output: index(&hop.device)?,
            weight: hop.weight.unwrap_or(1),
            onlink: hop.onlink,
            realms: hop.realms,
            encapsulation: hop.encap.as_ref().map(encapsulation),
        });
    }
    let congestion_lock = route.congestion_control.as_ref().is_some_and(|(_, lock)| *lock);
    let mut metrics: Vec<Metric> = route
        .metrics
        .iter()
        .map(|metric| Metric { kind: metric.number, value: metric.value, lock: metric.lock })
        .collect();
    if congestion_lock {
        metrics.push(Metric { kind: netlink::routes::rtax::LOCK, value: CONGESTION_LOCK, lock: false });
    }
    Some(RouteSpec {
        kind: route.kind as u8,
        destination: (route.destination, route.prefix),
        from: route.from,
        tos: route.tos.unwrap_or(0),
        gateway: route.gateway,
        output: index(&route.device)?,
        source: route.source,
        metric: route.metric,
        table: route.table.unwrap_or(TABLE_MAIN),
        scope: route.scope,
        protocol: route.protocol.unwrap_or(PROTOCOL),
        onlink: route.onlink,
        metrics,
        congestion_control: route.congestion_control.as_ref().map(|(name, _)| name.clone()),
        realms: route.realms,
        expires: route.expires,
        preference: route.preference,
        ttl_propagate: route.ttl_propagate,
        encapsulation: route.encap.as_ref().map(encapsulation),
        next_hops,
        placement: match route.placement {
            RoutePlacement::Prepend => Placement::Prepend,
            RoutePlacement::Append => Placement::Append,
            RoutePlacement::Add => Placement::Alone,
        },
    })
}

/// `RTPROT_KEEPALIVED`.
const PROTOCOL: u8 = 18;
/// The bit of `congctl` among the locked metrics.
const CONGESTION_LOCK: u32 = 1 << netlink::routes::rtax::CONGESTION_CONTROL;

fn encapsulation(encap: &RouteEncap) -> Encapsulation {
    match encap {
        RouteEncap::Mpls { labels, ttl } => Encapsulation::Mpls { labels: labels.clone(), ttl: *ttl },
        RouteEncap::Ip { ipv6, id, destination, source, tos, ttl, flags } => Encapsulation::Ip {
            ipv6: *ipv6,
            id: *id,
            destination: *destination,
            source: *source,
            tos: *tos,
            ttl: *ttl,
            flags: *flags,
        },
        RouteEncap::Ila(locator) => Encapsulation::Ila { locator: *locator },
    }
}

fn rule_spec(rule: &VirtualRule) -> RuleSpec {
    RuleSpec {
        ipv6: rule.ipv6,
        action: rule.action as u8,
        invert: rule.invert,
        source: rule.source,
        destination: rule.destination,
        tos: rule.tos,
        input: rule.input.clone(),
        output: rule.output.clone(),
        priority: Some(rule.priority),
        mark: rule.mark,
        realms: rule.realms,
        table: rule.table,
        target: rule.target,
        suppress_prefix: rule.suppress_prefix,
        suppress_group: rule.suppress_group,
        tunnel: rule.tunnel,
        users: rule.users,
        l3mdev: rule.l3mdev,
        protocol: rule.protocol,
        ip_protocol: rule.ip_protocol,
        source_ports: rule.source_ports,
        destination_ports: rule.destination_ports,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use netlink::Link;

    fn route(destination: &str, prefix: u8) -> VirtualRoute {
        VirtualRoute {
            gateway: Some("10.211.55.9".parse().unwrap()),
            device: Some("eth0".into()),
            metric: Some(5),
            ..VirtualRoute::to(destination.parse().unwrap(), prefix)
        }
    }

    fn interfaces() -> Interfaces {
        let mut interfaces = Interfaces::default();
        interfaces.set_link(Link { index: 2, name: "eth0".into(), up: true, ..Link::default() });
        interfaces
    }

    #[test]
    fn the_report_of_our_own_removal_is_ours_once() {
        let interfaces = interfaces();
        let key = route_spec(&route("10.1.0.0", 16), &interfaces).unwrap().key();
        let mut removed = Removed::default();
        remember(&mut removed.routes, key);
        assert!(removed.is_ours(&key));
        assert!(!removed.is_ours(&key), "the second one is somebody else's doing");
    }

    #[test]
    fn only_the_loss_of_a_set_and_tracked_route_matters() {
        let interfaces = interfaces();
        let slot = |what: VirtualRoute, set| Slot { what, set };
        let untracked = VirtualRoute { no_track: true, ..route("10.2.0.0", 16) };
        let mut routes = Routes {
            routes: vec![vec![
                slot(route("10.1.0.0", 16), true),
                slot(untracked.clone(), true),
                slot(route("10.3.0.0", 16), false),
            ]],
            rules: Vec::new(),
        };
        let key = |route: &VirtualRoute| route_spec(route, &interfaces).unwrap().key();
        for (gone, losers) in [
            (key(&untracked), vec![]),
            (key(&route("10.3.0.0", 16)), vec![]),
            (RouteKey { metric: 6, ..key(&route("10.1.0.0", 16)) }, vec![]),
            (key(&route("10.1.0.0", 16)), vec![InstanceId(0)]),
            (key(&route("10.1.0.0", 16)), vec![]),
        ] {
            assert_eq!(routes.lost(&gone, &interfaces), losers, "{gone:?}");
        }
    }
}
