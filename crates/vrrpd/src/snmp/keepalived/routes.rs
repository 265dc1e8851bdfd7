//! vrrpRouteTable and vrrpRouteNextHopTable. What a route does not have has no object.

use keepalived_config::resolved::{RouteEncap, RouteKind, VirtualRoute};
use vrrp::InstanceId;

use super::super::mib::Mib;
use super::super::objects::{Objects, Row, index, inet_type};
use super::addresses::scope;

/// The main table, where no other one is given.
const MAIN: u32 = 254;
/// The protocol of our routes, where no other one is given.
const KEEPALIVED: u8 = 18;

pub(super) fn write(mib: &Mib<'_>, objects: &mut Objects) {
    for (position, ..) in mib.instances() {
        for (place, slot) in mib.sources.routes.of(InstanceId(position)).iter().enumerate() {
            let at = [index(position), index(place)];
            let mut row = objects.row(&[2, 7, 1], &at);
            route(mib, &mut row, &slot.what);
            row.yes(14, slot.set);
            next_hops(mib, objects, at, &slot.what);
        }
    }
}

fn route(mib: &Mib<'_>, row: &mut Row<'_>, route: &VirtualRoute) {
    row.int(2, inet_type(route.destination));
    row.inet(3, route.destination);
    row.gauge(4, route.prefix.into());
    if let Some(gateway) = route.gateway {
        row.inet(5, gateway);
    }
    if let Some(source) = route.source {
        row.inet(7, source);
    }
    row.gauge(8, route.metric.unwrap_or(0));
    row.int(9, scope(route.scope.unwrap_or(0)));
    row.int(10, kind(route));
    if let Some(device) = &route.device {
        row.int(11, i32::try_from(mib.if_index(device)).unwrap_or(0));
        row.text(12, device);
    }
    row.gauge(13, route.table.unwrap_or(MAIN));
    if let Some((from, prefix)) = route.from {
        row.inet(15, from);
        row.gauge(16, prefix.into());
    }
    if let Some(tos) = route.tos {
        row.gauge(17, tos.into());
    }
    // The reference shows one more than rtnetlink's number.
    row.int(18, i32::from(route.protocol.unwrap_or(KEEPALIVED)) + 1);
    metrics(row, route);
    if let Some(seconds) = route.expires {
        row.int(21, i32::try_from(seconds).unwrap_or(i32::MAX));
    }
    if let Some((name, _)) = &route.congestion_control {
        row.text(42, name);
    }
    if let Some(preference) = route.preference {
        // ICMPv6: 0 is medium, 1 high, 3 low.
        row.int(43, [2, 3, 0, 1].get(usize::from(preference)).copied().unwrap_or(0));
    }
    realms(row, 44, route.realms);
    encap(row, 46, route.encap.as_ref());
}

/// RouteType: the MIB has another order than rtnetlink, and a type for routes of several next hops.
fn kind(route: &VirtualRoute) -> i32 {
    match route.kind {
        RouteKind::Unicast if !route.next_hops.is_empty() => 2,
        RouteKind::Unicast | RouteKind::Local => 1,
        RouteKind::Blackhole => 3,
        RouteKind::Anycast => 4,
        RouteKind::Multicast => 5,
        RouteKind::Broadcast => 6,
        RouteKind::Unreachable => 7,
        RouteKind::Prohibit => 8,
        RouteKind::Throw => 9,
    }
}

/// `RTAX_FEATURES`: the bit of ECN.
const FEATURE_ECN: u32 = 1;

fn metrics(row: &mut Row<'_>, route: &VirtualRoute) {
    let of = |name: &str| route.metrics.iter().find(|metric| metric.name == name);
    row.yes(19, of("features").is_some_and(|features| features.value & FEATURE_ECN != 0));
    row.yes(20, of("quickack").is_some_and(|quickack| quickack.value != 0));
    // Name, columns of the value and of its lock, units of the kernel in one of the MIB.
    let columns = [
        ("mtu", 22, Some(23), 1),
        ("hoplimit", 24, None, 1),
        ("advmss", 25, Some(26), 1),
        ("rtt", 27, Some(28), 8),
        ("rttvar", 29, Some(30), 4),
        ("reordering", 31, Some(32), 1),
        ("window", 33, None, 1),
        ("cwnd", 34, Some(35), 1),
        ("ssthresh", 36, Some(37), 1),
        ("rto_min", 38, Some(39), 1),
        ("initcwnd", 40, None, 1),
        ("initrwnd", 41, None, 1),
    ];
    for (name, column, lock, units) in columns {
        if let Some(metric) = of(name) {
            row.gauge(column, metric.value / units);
            if let Some(lock) = lock {
                row.yes(lock, metric.lock);
            }
        }
    }
    if let Some(fast_open) = of("fastopen_no_cookie") {
        row.yes(55, fast_open.value != 0);
    }
}

/// Destination and source realm, in two columns.
pub(super) fn realms(row: &mut Row<'_>, column: u32, realms: Option<u32>) {
    let Some(realms) = realms else { return };
    for (column, realm) in [(column, realms & 0xffff), (column + 1, realms >> 16)] {
        if realm != 0 {
            row.gauge(column, realm);
        }
    }
}

/// Nine columns. The types are one more than those of the MIB, as the reference shows them.
fn encap(row: &mut Row<'_>, first: u32, encap: Option<&RouteEncap>) {
    match encap {
        None => {}
        Some(RouteEncap::Mpls { labels, .. }) => {
            row.int(first, 2);
            let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
            row.text(first + 1, &labels.join("/"));
        }
        Some(RouteEncap::Ip { ipv6, id, destination, source, tos, ttl, flags }) => {
            row.int(first, if *ipv6 { 5 } else { 3 });
            if let Some(id) = id {
                row.counter64(first + 2, *id);
            }
            for (column, address) in [(first + 3, destination), (first + 4, source)] {
                if let Some(address) = address {
                    row.inet(column, *address);
                }
            }
            let numbers = [tos.map(u32::from), ttl.map(u32::from), flags.map(u32::from)];
            for (column, number) in (first + 5..).zip(numbers) {
                if let Some(number) = number {
                    row.gauge(column, number);
                }
            }
        }
        Some(RouteEncap::Ila(locator)) => {
            row.int(first, 4);
            row.counter64(first + 8, *locator);
        }
    }
}

fn next_hops(mib: &Mib<'_>, objects: &mut Objects, at: [u32; 2], route: &VirtualRoute) {
    for (place, hop) in route.next_hops.iter().enumerate() {
        let mut row = objects.row(&[2, 11, 1], &[at[0], at[1], index(place)]);
        row.int(2, inet_type(hop.gateway.unwrap_or(route.destination)));
        if let Some(gateway) = hop.gateway {
            row.inet(3, gateway);
        }
        if let Some(device) = &hop.device {
            row.int(4, i32::try_from(mib.if_index(device)).unwrap_or(0));
            row.text(5, device);
        }
        if let Some(weight) = hop.weight {
            row.gauge(6, weight.into());
        }
        row.yes(7, hop.onlink);
        realms(&mut row, 8, hop.realms);
        encap(&mut row, 10, hop.encap.as_ref());
    }
}
