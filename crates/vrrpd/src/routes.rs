//! The virtual routes of every instance: what is believed to be set, adding and removing them.

use keepalived_config::resolved::{Config, RouteKind, VirtualRoute};
use netlink::Route;
use netlink::routes::{RouteKey, RouteSpec, TABLE_MAIN};
use vrrp::InstanceId;

use crate::interfaces::Interfaces;
use crate::log::normal;

/// One virtual route.
#[derive(Clone, Debug)]
pub(crate) struct RouteSlot {
    /// As configured.
    pub(crate) route: VirtualRoute,
    /// It is in the kernel, by us.
    pub(crate) set: bool,
}

/// The virtual routes of all instances, in order.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    slots: Vec<Vec<RouteSlot>>,
}

impl Routes {
    /// None of them set.
    pub(crate) fn new(config: &Config) -> Self {
        let unset = |route: &VirtualRoute| RouteSlot { route: route.clone(), set: false };
        Self {
            slots: config
                .instances
                .iter()
                .map(|instance| instance.virtual_routes.iter().map(unset).collect())
                .collect(),
        }
    }

    /// True when the loss of any route matters.
    pub(crate) fn any_tracked(&self) -> bool {
        self.slots.iter().flatten().any(|slot| !slot.route.no_track)
    }

    /// The routes of an instance.
    pub(crate) fn of(&self, id: InstanceId) -> &[RouteSlot] {
        self.slots.get(id.0).map_or(&[], Vec::as_slice)
    }

    /// Adds what is not set yet.
    pub(crate) async fn add(&mut self, id: InstanceId, interfaces: &Interfaces, kernel: &Route) {
        let Some(slots) = self.slots.get_mut(id.0) else { return };
        let (mut wanted, mut specs) = (Vec::new(), Vec::new());
        for slot in slots.iter_mut().filter(|slot| !slot.set) {
            if let Some(spec) = spec(&slot.route, interfaces) {
                wanted.push(slot);
                specs.push(spec);
            }
        }
        if specs.is_empty() {
            return;
        }
        for (slot, result) in wanted.into_iter().zip(kernel.add_routes(&specs).await) {
            match result {
                Ok(()) => slot.set = true,
                Err(error) if error.errno() == Some(libc::EEXIST) => slot.set = true,
                Err(error) => normal!("Netlink: error: {error}, type=RTM_NEWROUTE({})", libc::RTM_NEWROUTE),
            }
        }
    }

    /// Removes what is set; with `all`, whatever an earlier life may have left behind.
    pub(crate) async fn remove(
        &mut self,
        id: InstanceId,
        all: bool,
        interfaces: &Interfaces,
        kernel: &Route,
    ) {
        let Some(slots) = self.slots.get_mut(id.0) else { return };
        let mut specs = Vec::new();
        for slot in slots.iter_mut().filter(|slot| slot.set || all) {
            slot.set = false;
            specs.extend(spec(&slot.route, interfaces));
        }
        delete(&specs, kernel).await;
    }

    /// After a reload: takes over what is set and removes what no longer is configured.
    pub(crate) async fn adopt(
        &mut self,
        old: &mut Self,
        matches: &[Option<InstanceId>],
        interfaces: &Interfaces,
        kernel: &Route,
    ) {
        for (index, from) in matches.iter().enumerate() {
            let (Some(slots), Some(from)) = (self.slots.get_mut(index), *from) else { continue };
            let mut gone = Vec::new();
            for slot in old.slots.get_mut(from.0).into_iter().flatten().filter(|slot| slot.set) {
                match slots.iter_mut().find(|new| !new.set && new.route == slot.route) {
                    Some(new) => new.set = true,
                    None => {
                        normal!("Removing route {}", destination(&slot.route));
                        gone.extend(spec(&slot.route, interfaces));
                    }
                }
                slot.set = false;
            }
            delete(&gone, kernel).await;
        }
    }

    /// The instances that believe in a route which the kernel reports as gone; they no longer do.
    pub(crate) fn lost(&mut self, gone: &RouteKey, interfaces: &Interfaces) -> Vec<InstanceId> {
        let mut losers = Vec::new();
        for (index, slots) in self.slots.iter_mut().enumerate() {
            for slot in slots.iter_mut().filter(|slot| slot.set && !slot.route.no_track) {
                if spec(&slot.route, interfaces).is_some_and(|spec| spec.key() == *gone) {
                    slot.set = false;
                    losers.push(InstanceId(index));
                }
            }
        }
        losers.dedup();
        losers
    }
}

async fn delete(specs: &[RouteSpec], kernel: &Route) {
    if specs.is_empty() {
        return;
    }
    for result in kernel.delete_routes(specs).await {
        if let Err(error) = result
            // Gone already: with its interface, its source address, or by somebody else.
            && !matches!(error.errno(), Some(libc::ESRCH | libc::ENODEV | libc::ENOENT))
        {
            normal!("Netlink: error: {error}, type=RTM_DELROUTE({})", libc::RTM_DELROUTE);
        }
    }
}

fn destination(route: &VirtualRoute) -> String {
    format!("{}/{}", route.destination, route.prefix)
}

/// As the dumps show it.
pub(crate) fn text(route: &VirtualRoute) -> String {
    let kind = match route.kind {
        RouteKind::Unicast => "",
        RouteKind::Blackhole => "blackhole ",
        RouteKind::Unreachable => "unreachable ",
        RouteKind::Prohibit => "prohibit ",
        RouteKind::Throw => "throw ",
    };
    let mut text = format!("prepend {kind}{}", destination(route));
    let mut word = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!(" {name} {value}"));
        }
    };
    word("src", route.source.map(|source| source.to_string()));
    let family = |gateway: std::net::IpAddr| if gateway.is_ipv4() { "inet" } else { "inet6" };
    word("via", route.gateway.map(|gateway| format!("{} {gateway}", family(gateway))));
    word("dev", route.device.clone());
    word("proto", (!route.no_track).then(|| route.protocol.to_string()));
    word("table", route.table.map(|table| table.to_string()));
    word("metric", route.metric.map(|metric| metric.to_string()));
    word("mtu", route.mtu.map(|mtu| mtu.to_string()));
    if route.onlink {
        text.push_str(" onlink");
    }
    if route.no_track {
        text.push_str(" no_track");
    }
    text
}

/// What to ask the kernel for; `None` while its interface does not exist.
fn spec(route: &VirtualRoute, interfaces: &Interfaces) -> Option<RouteSpec> {
    let output = match &route.device {
        Some(device) => Some(interfaces.by_name(device)?.index),
        None => None,
    };
    Some(RouteSpec {
        kind: match route.kind {
            RouteKind::Unicast => 1,
            RouteKind::Blackhole => 6,
            RouteKind::Unreachable => 7,
            RouteKind::Prohibit => 8,
            RouteKind::Throw => 9,
        },
        destination: (route.destination, route.prefix),
        gateway: route.gateway,
        output,
        source: route.source,
        metric: route.metric,
        table: route.table.unwrap_or(TABLE_MAIN),
        scope: route.scope,
        protocol: route.protocol,
        onlink: route.onlink,
        mtu: route.mtu,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use netlink::Link;

    fn route(destination: &str, prefix: u8) -> VirtualRoute {
        VirtualRoute {
            kind: RouteKind::Unicast,
            destination: destination.parse().unwrap(),
            prefix,
            gateway: Some("10.211.55.9".parse().unwrap()),
            device: Some("eth0".into()),
            source: None,
            metric: Some(5),
            table: None,
            scope: None,
            protocol: 18,
            onlink: false,
            mtu: None,
            no_track: false,
        }
    }

    fn interfaces() -> Interfaces {
        let mut interfaces = Interfaces::default();
        interfaces.set_link(Link { index: 2, name: "eth0".into(), up: true, ..Link::default() });
        interfaces
    }

    #[test]
    fn dumps_show_routes_as_the_reference_does() {
        let mut shown = route("192.168.7.0", 24);
        assert_eq!(text(&shown), "prepend 192.168.7.0/24 via inet 10.211.55.9 dev eth0 proto 18 metric 5");
        shown = VirtualRoute { metric: None, table: Some(100), no_track: true, ..route("0.0.0.0", 0) };
        assert_eq!(text(&shown), "prepend 0.0.0.0/0 via inet 10.211.55.9 dev eth0 table 100 no_track");
        shown = VirtualRoute {
            kind: RouteKind::Blackhole,
            gateway: None,
            device: None,
            metric: None,
            ..route("10.78.0.0", 16)
        };
        assert_eq!(text(&shown), "prepend blackhole 10.78.0.0/16 proto 18");
    }

    #[test]
    fn only_the_loss_of_a_set_and_tracked_route_matters() {
        let interfaces = interfaces();
        let slot = |route: VirtualRoute, set| RouteSlot { route, set };
        let untracked = VirtualRoute { no_track: true, ..route("10.2.0.0", 16) };
        let mut routes = Routes {
            slots: vec![vec![
                slot(route("10.1.0.0", 16), true),
                slot(untracked.clone(), true),
                slot(route("10.3.0.0", 16), false),
            ]],
        };
        let key = |route: &VirtualRoute| spec(route, &interfaces).unwrap().key();
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
