//! Routes and rules as the dumps show them.

use std::fmt::Write as _;

use keepalived_config::resolved::{RouteKind, RoutePlacement, RuleAction, VirtualRoute, VirtualRule};

use super::destination;

/// A route.
pub(crate) fn route_text(route: &VirtualRoute) -> String {
    let placement = match route.placement {
        RoutePlacement::Prepend => "prepend",
        RoutePlacement::Append => "append",
        RoutePlacement::Add => "add",
    };
    let kind = match route.kind {
        RouteKind::Unicast => "",
        RouteKind::Local => "local ",
        RouteKind::Broadcast => "broadcast ",
        RouteKind::Anycast => "anycast ",
        RouteKind::Multicast => "multicast ",
        RouteKind::Blackhole => "blackhole ",
        RouteKind::Unreachable => "unreachable ",
        RouteKind::Prohibit => "prohibit ",
        RouteKind::Throw => "throw ",
    };
    let mut text = format!("{placement} {kind}{}", destination(route));
    let mut word = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = write!(text, " {name} {value}");
        }
    };
    word("from", route.from.map(|(from, prefix)| format!("{from}/{prefix}")));
    word("src", route.source.map(|source| source.to_string()));
    let family = |gateway: std::net::IpAddr| if gateway.is_ipv4() { "inet" } else { "inet6" };
    word("via", route.gateway.map(|gateway| format!("{} {gateway}", family(gateway))));
    word("dev", route.device.clone());
    let protocol = route.protocol.or((!route.no_track).then_some(super::PROTOCOL));
    word("proto", protocol.map(|protocol| protocol.to_string()));
    word("tos", route.tos.map(|tos| tos.to_string()));
    word("table", route.table.map(|table| table.to_string()));
    word("metric", route.metric.map(|metric| metric.to_string()));
    word("scope", route.scope.map(|scope| scope.to_string()));
    for metric in &route.metrics {
        let lock = if metric.lock { "lock " } else { "" };
        word(metric.name, Some(format!("{lock}{}", metric.value)));
    }
    word(
        "congctl",
        route.congestion_control.as_ref().map(
            |(name, lock)| {
                if *lock { format!("lock {name}") } else { name.clone() }
            },
        ),
    );
    word("realms", route.realms.map(realms));
    word("expires", route.expires.map(|seconds| format!("{seconds}sec")));
    word("pref", route.preference.map(preference));
    if route.onlink {
        text.push_str(" onlink");
    }
    for hop in &route.next_hops {
        text.push_str(" nexthop");
        if let Some(gateway) = hop.gateway {
            let _ = write!(text, " via {} {gateway}", family(gateway));
        }
        if let Some(device) = &hop.device {
            let _ = write!(text, " dev {device}");
        }
        if let Some(weight) = hop.weight {
            let _ = write!(text, " weight {weight}");
        }
        if hop.onlink {
            text.push_str(" onlink");
        }
    }
    if route.no_track {
        text.push_str(" no_track");
    }
    text
}

fn preference(number: u8) -> String {
    match number {
        0 => "medium".to_owned(),
        1 => "high".to_owned(),
        3 => "low".to_owned(),
        other => other.to_string(),
    }
}

fn realms(realms: u32) -> String {
    match (realms >> 16, realms & 0xffff) {
        (0, to) => to.to_string(),
        (from, to) => format!("{from}/{to}"),
    }
}

/// A rule.
pub(crate) fn rule_text(rule: &VirtualRule) -> String {
    let mut text = String::new();
    if rule.invert {
        text.push_str("not ");
    }
    let prefixed = |(address, prefix): (std::net::IpAddr, u8)| format!("{address}/{prefix}");
    let _ = write!(text, "from {}", rule.source.map_or_else(|| "all".to_owned(), prefixed));
    let mut word = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = write!(text, " {name} {value}");
        }
    };
    word("to", rule.destination.map(prefixed));
    word("priority", Some(rule.priority.to_string()));
    word("tos", (rule.tos != 0).then(|| format!("0x{:x}", rule.tos)));
    word(
        "fwmark",
        rule.mark.map(|(mark, mask)| match mask {
            Some(mask) => format!("0x{mark:x}/0x{mask:x}"),
            None => format!("0x{mark:x}"),
        }),
    );
    word("iif", rule.input.clone());
    word("oif", rule.output.clone());
    word("suppress_prefixlength", rule.suppress_prefix.map(|length| length.to_string()));
    word("suppress_ifgroup", rule.suppress_group.map(|group| group.to_string()));
    word("tunnel-id", rule.tunnel.map(|tunnel| tunnel.to_string()));
    word("uidrange", rule.users.map(|(first, last)| format!("{first}-{last}")));
    word("ipproto", rule.ip_protocol.map(|protocol| protocol.to_string()));
    word("sport", rule.source_ports.map(|(first, last)| format!("{first}-{last}")));
    word("dport", rule.destination_ports.map(|(first, last)| format!("{first}-{last}")));
    word("realms", rule.realms.map(realms));
    word(
        "protocol",
        (rule.protocol != super::PROTOCOL && rule.protocol != 0).then(|| rule.protocol.to_string()),
    );
    match rule.action {
        RuleAction::Table if rule.l3mdev => word("lookup", Some("[l3mdev-table]".to_owned())),
        RuleAction::Table => word("lookup", rule.table.map(|table| table.to_string())),
        RuleAction::Goto => word("goto", rule.target.map(|target| target.to_string())),
        RuleAction::Nop => word("type", Some("nop".to_owned())),
        RuleAction::Blackhole => word("type", Some("blackhole".to_owned())),
        RuleAction::Unreachable => word("type", Some("unreachable".to_owned())),
        RuleAction::Prohibit => word("type", Some("prohibit".to_owned())),
    }
    if rule.no_track {
        text.push_str(" no_track");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dumps_show_routes_as_the_reference_does() {
        let route = |destination: &str, prefix| VirtualRoute {
            gateway: Some("10.211.55.9".parse().unwrap()),
            device: Some("eth0".into()),
            metric: Some(5),
            ..VirtualRoute::to(destination.parse().unwrap(), prefix)
        };
        let mut shown = route("192.168.7.0", 24);
        assert_eq!(
            route_text(&shown),
            "prepend 192.168.7.0/24 via inet 10.211.55.9 dev eth0 proto 18 metric 5"
        );
        shown = VirtualRoute { metric: None, table: Some(100), no_track: true, ..route("0.0.0.0", 0) };
        assert_eq!(route_text(&shown), "prepend 0.0.0.0/0 via inet 10.211.55.9 dev eth0 table 100 no_track");
        shown = VirtualRoute {
            kind: RouteKind::Blackhole,
            gateway: None,
            device: None,
            metric: None,
            ..route("10.78.0.0", 16)
        };
        assert_eq!(route_text(&shown), "prepend blackhole 10.78.0.0/16 proto 18");
    }
}
