#![allow(clippy::unwrap_used)]
use std::path::Path;

use super::*;
use crate::fake::FakeSystem;
use crate::resolved::RouteEncap;
use crate::{FileKind, Outcome, ReadOptions, Reader, load};

fn load_route(line: &str) -> Outcome {
    let text = format!(
        "vrrp_instance VI_1 {{\n interface enp0s5\n virtual_router_id 51\n virtual_ipaddress {{\n 10.0.0.1/24\n }}\n \
         virtual_routes {{\n {line}\n }}\n}}\n"
    );
    let mut system = FakeSystem::default();
    system.add("/etc/keepalived/k.conf", FileKind::File, 0o644, text.as_bytes());
    system.add("/etc/iproute2/rt_tables", FileKind::File, 0o644, b"# comment\n255 local\n77 blue # mine\n");
    load(Path::new("/etc/keepalived/k.conf"), &ReadOptions::default(), &system)
}

fn route(line: &str) -> VirtualRoute {
    load_route(line).config.unwrap().instances[0].virtual_routes[0].clone()
}

#[test]
fn words_of_a_route_in_any_order() {
    let parsed =
        route("src 10.0.0.1 192.168.7.0/24 via inet 10.0.0.9 dev enp0s5 metric 5 table blue no_track");
    assert_eq!((parsed.destination, parsed.prefix), ("192.168.7.0".parse().unwrap(), 24));
    assert_eq!(parsed.gateway, Some("10.0.0.9".parse().unwrap()));
    assert_eq!(parsed.device.as_deref(), Some("enp0s5"));
    assert_eq!((parsed.metric, parsed.table, parsed.no_track), (Some(5), Some(77), true));
    assert_eq!(route("blackhole 10.78.0.0/16").kind, RouteKind::Blackhole);
    assert_eq!(route("append 10.78.0.1").prefix, 32);
    assert_eq!(route("append 10.78.0.1").placement, RoutePlacement::Append);
}

#[test]
fn metrics_have_the_kernels_units_and_locks() {
    let parsed = route(
        "10.1.0.0/16 dev enp0s5 mtu lock 1400 rtt 300ms rttvar 1030 rto_min 2s features ecn quickack 1",
    );
    let metrics: Vec<_> = parsed.metrics.iter().map(|m| (m.number, m.value, m.lock)).collect();
    assert_eq!(
        metrics,
        [
            (2, 1400, true),
            (4, 2400, false),
            (5, 1030, false),
            (13, 2000, false),
            (12, 1, false),
            (15, 1, false)
        ]
    );
    let low = load_route("10.1.0.0/16 dev enp0s5 rtt 1020");
    assert!(
        low.lines(Reader::Vrrp, false).any(|l| l.ends_with("rtt value 1020 below minimum 200ms, resetting"))
    );
    assert_eq!(low.config.unwrap().instances[0].virtual_routes[0].metrics[0].value, 1600);
}

#[test]
fn several_ways_are_next_hops() {
    let parsed =
        route("10.2.0.0/16 nexthop via 10.0.0.2 dev enp0s5 weight 3 onlink nexthop via 10.0.0.3 realms 1/2");
    assert_eq!(parsed.next_hops.len(), 2);
    assert_eq!((parsed.next_hops[0].weight, parsed.next_hops[0].onlink), (Some(3), true));
    assert_eq!(parsed.next_hops[1].realms, Some(0x0001_0002));
    let or = route("10.2.0.0/16 via 10.0.0.2 or 10.0.0.3");
    assert_eq!((or.gateway, or.next_hops.len()), (None, 2));
    let devices: Vec<_> = parsed.devices().collect();
    assert_eq!(devices, ["enp0s5"]);
}

#[test]
fn wrapped_routes() {
    assert_eq!(
        route("10.1.0.0/16 encap mpls 100/200 ttl 9 via 10.0.0.2").encap,
        Some(RouteEncap::Mpls { labels: vec![100, 200], ttl: Some(9) })
    );
    let Some(RouteEncap::Ip { id, destination, ttl, tos, flags, .. }) =
        route("10.1.0.0/16 encap ip id 5 dst 10.0.0.7 tos 3 ttl 9 flags 1 dev enp0s5").encap
    else {
        panic!("no encap");
    };
    assert_eq!((id, destination), (Some(5), Some("10.0.0.7".parse().unwrap())));
    assert_eq!((ttl, tos, flags), (Some(9), Some(3), Some(1)));
    assert_eq!(
        route("10.1.0.0/16 encap ila 1:2:3:4 via 10.0.0.2").encap,
        Some(RouteEncap::Ila(0x0001_0002_0003_0004))
    );
}

#[test]
fn default_has_the_family_of_its_gateway() {
    let default = route("default via 10.0.0.9");
    assert_eq!((default.destination, default.prefix), (IpAddr::from([0; 4]), 0));
    assert_eq!(route("default via fe80::9 dev enp0s5").destination, IpAddr::from([0; 16]));
    assert_eq!(route("default6 dev enp0s5").destination, IpAddr::from([0; 16]));
    assert_eq!(route("inet6 default dev enp0s5").destination, IpAddr::from([0; 16]));
}

#[test]
fn nonsense_is_dropped_with_the_references_words() {
    let rows = [
        ("10.1.0.0/16 via 10.0.0.300", "invalid route via address 10.0.0.300"),
        ("via 10.0.0.9", "Route must have a destination"),
        ("10.1.0.0/16 via fe80::1", "Cannot mix IPv4 and IPv6 addresses for route"),
        ("10.1.0.0/16 via 10.0.0.2 zork", "unknown route keyword zork"),
        ("10.1.0.0/16 via 10.0.0.2 mtu abc", "Invalid MTU abc specified for route"),
        ("10.1.0.0/16 via 10.0.0.2 hoplimit 256", "Invalid hoplimit 256 specified for route"),
        ("10.1.0.0/16 via 10.0.0.2 tos 300", "TOS value 300 is invalid"),
        ("10.1.0.0/16 nexthop via 10.0.0.2 weight 300", "Invalid weight 300 specified for route"),
        ("10.1.0.0/16 encap zork dev enp0s5", "Unknown encap type - zork"),
        ("10.1.0.0/16 via 10.0.0.2 expires 30", "expires is only valid for IPv6"),
        ("10.1.0.0/16 via 10.0.0.2 vrf blue", "VRF blue not found for route"),
        ("10.1.0.0/16 via 10.0.0.2 track_group X", "unknown route keyword track_group"),
        ("2001:db8:1::/48 via fe80::2 pref zork", "Invalid pref value zork specified for route"),
    ];
    for (line, words) in rows {
        let outcome = load_route(line);
        let lines: Vec<_> = outcome.lines(Reader::Vrrp, false).collect();
        assert!(lines.iter().any(|l| l.ends_with(words)), "{line}: {lines:?}");
        assert!(outcome.config.unwrap().instances[0].virtual_routes.is_empty(), "{line}");
    }
    let stopped = load_route("10.1.0.0/16 via");
    assert_eq!(stopped.test_status(), 2);
    assert!(stopped.config.is_none());
}

#[test]
fn names_of_tables_stand_where_the_configuration_says() {
    let text = "global_defs {\n iproute_etc_dir /a\n iproute_usr_dir /b\n}\nstatic_routes {\n 10.1.0.0/16 via 10.0.0.9 table blue\n \
                10.2.0.0/16 via 10.0.0.9 table red\n}\n";
    let mut system = FakeSystem::default();
    system.add("/k.conf", FileKind::File, 0o644, text.as_bytes());
    system.add("/a/rt_tables", FileKind::File, 0o644, b"77 blue\n");
    system.add("/b/rt_tables", FileKind::File, 0o644, b"78 blue\n79 red\n");
    system.add("/etc/iproute2/rt_tables", FileKind::File, 0o644, b"80 blue\n81 red\n");
    let outcome = load(Path::new("/k.conf"), &ReadOptions::default(), &system);
    let tables: Vec<_> =
        outcome.config.unwrap().network.static_routes.iter().map(|route| route.table).collect();
    assert_eq!(tables, [Some(77), Some(79)]);
}
