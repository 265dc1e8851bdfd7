//! Route lines: `virtual_routes`. keepalived.conf(5), "Static routes", which has the words of ip-route(8).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use config_text::Span;

use crate::registry::Cx;
use crate::resolved::{RouteKind, VirtualRoute};
use crate::tree::Statement;

/// `RTPROT_KEEPALIVED`.
const PROTOCOL: u8 = 18;

/// Words of ip-route(8) that the reference knows and this program does not obey yet.
const REFUSED: &[&str] = &[
    "add",
    "append",
    "advmss",
    "as",
    "congctl",
    "cwnd",
    "disabled",
    "enabled",
    "encap",
    "expires",
    "fastopen_no_cookie",
    "features",
    "from",
    "high",
    "hoplimit",
    "id",
    "ila",
    "initcwnd",
    "initrwnd",
    "ip",
    "ip6",
    "lock",
    "low",
    "medium",
    "mpls",
    "nexthop",
    "or",
    "pref",
    "quickack",
    "realms",
    "reordering",
    "rto_min",
    "rtt",
    "rttvar",
    "ssthresh",
    "tc",
    "tos",
    "dsfield",
    "track_group",
    "ttl",
    "ttl-propagate",
    "vrf",
    "weight",
    "window",
    "local",
    "broadcast",
    "multicast",
    "nat",
    "anycast",
    "flags",
];

/// Parses one line. `None`: the line is dropped, with a message.
pub(crate) fn parse(line: &Statement, cx: &mut Cx<'_>) -> Option<VirtualRoute> {
    let mut route = VirtualRoute {
        kind: RouteKind::Unicast,
        destination: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        prefix: 0,
        gateway: None,
        device: None,
        source: None,
        metric: None,
        table: None,
        scope: None,
        protocol: PROTOCOL,
        onlink: false,
        mtu: None,
        no_track: false,
    };
    let mut destination = None;
    let mut words = line.words.iter().map(|w| (w.word.lossy(), w.word.span)).peekable();
    while let Some((word, span)) = words.next() {
        match word.as_str() {
            "prepend" | "inet" | "inet6" | "unicast" => {}
            "blackhole" => route.kind = RouteKind::Blackhole,
            "unreachable" => route.kind = RouteKind::Unreachable,
            "prohibit" => route.kind = RouteKind::Prohibit,
            "throw" => route.kind = RouteKind::Throw,
            "onlink" => route.onlink = true,
            "no_track" => route.no_track = true,
            "via" | "gw" | "dev" | "oif" | "src" | "metric" | "priority" | "preference" | "table"
            | "scope" | "protocol" | "mtu" | "to" => {
                if matches!(word.as_str(), "via" | "gw") {
                    words.next_if(|(family, _)| family == "inet" || family == "inet6");
                }
                let Some((value, span)) = words.next() else {
                    cx.warn(span, "route", format!("No {word} parameter specified for route"));
                    return None;
                };
                if word == "to" {
                    destination = Some((value, span));
                } else {
                    set(&mut route, &word, &value, span, cx)?;
                }
            }
            other if REFUSED.contains(&other) => {
                cx.not_implemented(span, &format!("virtual_routes {other}"));
                return None;
            }
            _ if destination.is_none() => destination = Some((word, span)),
            other => {
                cx.warn(span, "route", format!("unknown route keyword {other}"));
                return None;
            }
        }
    }
    let Some((text, span)) = destination else {
        cx.warn(line.span, "route", "Route has no destination".to_owned());
        return None;
    };
    (route.destination, route.prefix) = target(&text, &route, span, cx)?;
    let is_ipv4 = route.destination.is_ipv4();
    if [route.gateway, route.source].iter().flatten().any(|address| address.is_ipv4() != is_ipv4) {
        cx.warn(line.span, "route", format!("Route {text} mixes IPv4 and IPv6 addresses - ignoring"));
        return None;
    }
    Some(route)
}

fn set(route: &mut VirtualRoute, word: &str, value: &str, span: Span, cx: &mut Cx<'_>) -> Option<()> {
    match word {
        "via" | "gw" => route.gateway = Some(address(value, span, cx)?),
        "src" => route.source = Some(address(value, span, cx)?),
        "dev" | "oif" => {
            if !cx.interface_exists(value) {
                let text = format!("WARNING - interface {value} for VROUTE nexthop doesn't exist");
                cx.warn(span, "missing-interface", text);
            }
            route.device = Some(value.to_owned());
        }
        "table" => {
            route.table = Some(match value {
                "main" => 254,
                "default" => 253,
                "local" => 255,
                number => cx.unsigned(span, number, 1, u32::MAX)?,
            });
        }
        "scope" => {
            route.scope = Some(match value {
                "global" | "universe" => 0,
                "site" => 200,
                "link" => 253,
                "host" => 254,
                "nowhere" => 255,
                number => cx.unsigned(span, number, 0, 255).and_then(|scope| u8::try_from(scope).ok())?,
            });
        }
        "protocol" => {
            route.protocol = match value {
                "kernel" => 2,
                "boot" => 3,
                "static" => 4,
                "keepalived" => PROTOCOL,
                number => {
                    cx.unsigned(span, number, 0, 255).and_then(|protocol| u8::try_from(protocol).ok())?
                }
            };
        }
        "mtu" if value == "lock" => {
            cx.not_implemented(span, "virtual_routes mtu lock");
            return None;
        }
        "mtu" => route.mtu = Some(cx.unsigned(span, value, 0, u32::MAX)?),
        _ => route.metric = Some(cx.unsigned(span, value, 0, u32::MAX)?),
    }
    Some(())
}

fn address(text: &str, span: Span, cx: &mut Cx<'_>) -> Option<IpAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        cx.warn(span, "route", format!("VRRP parsed invalid IP {text}. skipping IP..."));
    }
    parsed
}

/// `default`, `default6`, `any`, `all`, `ADDR` or `ADDR/LEN`.
fn target(text: &str, route: &VirtualRoute, span: Span, cx: &mut Cx<'_>) -> Option<(IpAddr, u8)> {
    match text {
        "default6" => return Some((IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0)),
        "default" | "any" | "all" => {
            let is_ipv6 = route.gateway.or(route.source).is_some_and(|address| address.is_ipv6());
            let unspecified =
                if is_ipv6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
            return Some((unspecified, 0));
        }
        _ => {}
    }
    let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let ip = address(ip, span, cx)?;
    let host: u8 = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => host,
        Some(prefix) => {
            cx.unsigned(span, prefix, 0, host.into()).and_then(|prefix| u8::try_from(prefix).ok())?
        }
    };
    Some((ip, prefix))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::fake::FakeSystem;
    use crate::{FileKind, Outcome, ReadOptions, Reader, load};

    fn load_route(line: &str) -> Outcome {
        let text = format!(
            "vrrp_instance VI_1 {{\n interface enp0s5\n virtual_router_id 51\n virtual_ipaddress {{\n 10.0.0.1/24\n }}\n \
             virtual_routes {{\n {line}\n }}\n}}\n"
        );
        let mut system = FakeSystem::default();
        system.add("/etc/keepalived/k.conf", FileKind::File, 0o644, text.as_bytes());
        load(Path::new("/etc/keepalived/k.conf"), &ReadOptions::default(), &system)
    }

    fn route(line: &str) -> VirtualRoute {
        load_route(line).config.unwrap().instances.remove(0).virtual_routes.remove(0)
    }

    #[test]
    fn words_of_a_route_in_any_order() {
        let parsed =
            route("src 10.0.0.1 192.168.7.0/24 via inet 10.0.0.9 dev enp0s5 metric 5 table 100 no_track");
        assert_eq!((parsed.destination, parsed.prefix), ("192.168.7.0".parse().unwrap(), 24));
        assert_eq!(parsed.gateway, Some("10.0.0.9".parse().unwrap()));
        assert_eq!(parsed.device.as_deref(), Some("enp0s5"));
        assert_eq!((parsed.metric, parsed.table, parsed.no_track), (Some(5), Some(100), true));
        assert_eq!(parsed.protocol, 18);
        assert_eq!(route("blackhole 10.78.0.0/16").kind, RouteKind::Blackhole);
        assert_eq!(route("10.78.0.1").prefix, 32);
    }

    #[test]
    fn default_has_the_family_of_its_gateway() {
        assert_eq!(
            (route("default via 10.0.0.9").destination, route("default via 10.0.0.9").prefix),
            (IpAddr::from([0; 4]), 0)
        );
        assert_eq!(route("default via fe80::9 dev enp0s5").destination, IpAddr::from([0; 16]));
        assert_eq!(route("default6 dev enp0s5").destination, IpAddr::from([0; 16]));
    }

    #[test]
    fn what_is_not_obeyed_is_refused_and_nonsense_is_dropped() {
        let refused = load_route("10.1.0.0/16 via 10.0.0.9 nexthop via 10.0.0.8");
        assert!(refused.config.is_none());
        assert!(refused.refusal().is_some());
        for nonsense in
            ["10.1.0.0/16 via 10.0.0.300", "via 10.0.0.9", "10.1.0.0/33", "10.1.0.0/16 via fe80::1"]
        {
            let outcome = load_route(nonsense);
            assert!(outcome.lines(Reader::Vrrp, false).count() > 0, "{nonsense}");
            assert!(outcome.config.unwrap().instances[0].virtual_routes.is_empty(), "{nonsense}");
        }
    }
}
