//! Route lines: `virtual_routes` and `static_routes`. keepalived.conf(5), "Static routes", which has the words of
//! ip-route(8).

mod encap;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use config_text::Span;

use crate::registry::{Cx, missing_parameter};
use crate::resolved::{RouteKind, RouteMetric, RouteNextHop, RoutePlacement, VirtualRoute};
use crate::tree::Statement;

use super::iproute::{Names, unsigned};

/// `RTPROT_KEEPALIVED`.
pub(crate) const PROTOCOL: u8 = 18;

/// The words of a line, one after the other.
pub(crate) struct Words<'n> {
    line: &'n Statement,
    at: usize,
}

impl<'n> Words<'n> {
    pub(crate) fn new(line: &'n Statement) -> Self {
        Self { line, at: 0 }
    }

    pub(crate) fn peek(&self) -> Option<String> {
        self.line.words.get(self.at).map(|word| word.lossy())
    }

    pub(crate) fn next(&mut self) -> Option<String> {
        let word = self.peek();
        self.at += usize::from(word.is_some());
        word
    }

    /// True, and past it, when the next word is this.
    pub(crate) fn take(&mut self, wanted: &str) -> bool {
        let is = self.peek().is_some_and(|word| word == wanted);
        self.at += usize::from(is);
        is
    }

    /// The parameter of the last word. Without one the configuration is not read any further.
    pub(crate) fn value(&mut self, cx: &mut Cx<'_>) -> Option<String> {
        let value = self.next();
        if value.is_none() {
            missing_parameter(self.line, cx);
        }
        value
    }

    pub(crate) fn span(&self) -> Span {
        self.line.span
    }
}

/// Which block a line stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Comes and goes with a master.
    Virtual,
    /// Is always there.
    Static,
}

/// What a line says before it is judged as a whole.
#[derive(Default)]
struct Line {
    destination: Option<(String, Option<(IpAddr, u8)>)>,
    family: Option<bool>,
    vrf: bool,
}

/// Parses one line. `None`: the line is dropped, with a message.
pub(crate) fn parse(statement: &Statement, place: Place, cx: &mut Cx<'_>) -> Option<VirtualRoute> {
    let mut route = VirtualRoute::to(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let mut line = Line::default();
    let mut words = Words::new(statement);
    let span = statement.span;
    while let Some(word) = words.next() {
        if let Some(kind) = kind(&word) {
            route.kind = kind;
            continue;
        }
        match word.as_str() {
            "prepend" => route.placement = RoutePlacement::Prepend,
            "append" => route.placement = RoutePlacement::Append,
            "add" => route.placement = RoutePlacement::Add,
            // ip-route(8) has the family between type and destination, too.
            "inet" => line.family = Some(false),
            "inet6" => line.family = Some(true),
            "onlink" => route.onlink = true,
            "no_track" => route.no_track = true,
            "track_group" if place == Place::Static => route.track_group = Some(words.value(cx)?),
            "via" | "gw" => route.gateway = Some(gateway(&mut words, cx)?),
            "or" => {
                cx.warn(span, "route", "\"or\" for routes is deprecated. Please use \"nexthop\"");
                let second = gateway(&mut words, cx)?;
                let first = RouteNextHop { gateway: route.gateway.take(), ..RouteNextHop::default() };
                let second = RouteNextHop { gateway: Some(second), ..RouteNextHop::default() };
                route.next_hops.extend([first, second]);
            }
            "nexthop" => next_hops(&mut route, &mut words, cx)?,
            "encap" => route.encap = Some(encap::parse(&mut words, cx)?),
            "as" => {
                words.take("to");
                words.value(cx)?;
                cx.warn(span, "route", "\"as to\" for MPLS only - ignoring");
            }
            "to" => {
                let text = words.value(cx)?;
                line.destination = Some((text.clone(), target(&text, span, cx)?));
            }
            "features" => feature(&mut route, &mut words, cx)?,
            "congctl" => {
                let lock = words.take("lock");
                route.congestion_control = Some((words.value(cx)?, lock));
            }
            "vrf" => {
                let name = words.value(cx)?;
                let Some(table) = cx.system.vrf_table(&name) else {
                    cx.warn(span, "route", format!("VRF {name} not found for route"));
                    return None;
                };
                route.table = Some(table);
                line.vrf = true;
            }
            name if METRICS.iter().any(|metric| metric.name == name) => {
                metric(&mut route, name, &mut words, cx)?
            }
            name if VALUES.contains(&name) => {
                let value = words.value(cx)?;
                set(&mut route, name, &value, span, cx)?;
            }
            _ if line.destination.is_none() && is_target(&word) => {
                line.destination = Some((word.clone(), target(&word, span, cx)?));
            }
            other => {
                cx.warn(span, "route", format!("VRRP parsed invalid IP {other}. skipping IP..."));
                cx.warn(span, "route", format!("unknown route keyword {other}"));
                return None;
            }
        }
    }
    judge(route, line, span, cx)
}

/// What can only be said about a whole line.
fn judge(mut route: VirtualRoute, line: Line, span: Span, cx: &mut Cx<'_>) -> Option<VirtualRoute> {
    let Some((_, destination)) = line.destination else {
        cx.warn(span, "route", "Route must have a destination");
        return None;
    };
    // A gateway of its own beside several is the first of them.
    let named = route.gateway.into_iter().chain(route.source).chain(route.from.map(|(from, _)| from));
    let hops = route.next_hops.iter().filter_map(|hop| hop.gateway);
    let mut families: Vec<bool> = named.chain(hops).map(|address| address.is_ipv6()).collect();
    families.extend(line.family);
    (route.destination, route.prefix) = match destination {
        Some(destination) => destination,
        None if families.first() == Some(&true) => (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
        None => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
    };
    if families.iter().any(|ipv6| *ipv6 != route.destination.is_ipv6()) {
        cx.warn(span, "route", "Cannot mix IPv4 and IPv6 addresses for route");
        return None;
    }
    if route.preference.is_some() && route.destination.is_ipv4() {
        cx.warn(span, "route", "pref is only valid for IPv6");
        route.preference = None;
    }
    if !route.no_track && route.protocol.is_some_and(|protocol| protocol != PROTOCOL) {
        let text = format!(
            "Route cannot be tracked if protocol is not RTPROT_KEEPALIVED({PROTOCOL}), resetting protocol"
        );
        cx.warn(span, "route", text);
        route.protocol = None;
    }
    Some(route)
}

fn kind(word: &str) -> Option<RouteKind> {
    Some(match word {
        "unicast" => RouteKind::Unicast,
        "local" => RouteKind::Local,
        "broadcast" => RouteKind::Broadcast,
        "anycast" => RouteKind::Anycast,
        "multicast" => RouteKind::Multicast,
        "blackhole" => RouteKind::Blackhole,
        "unreachable" => RouteKind::Unreachable,
        "prohibit" => RouteKind::Prohibit,
        "throw" => RouteKind::Throw,
        _ => return None,
    })
}

/// Words with one value that is no metric of a connection.
const VALUES: &[&str] = &[
    "dev",
    "oif",
    "src",
    "metric",
    "priority",
    "preference",
    "table",
    "scope",
    "protocol",
    "tos",
    "dsfield",
    "from",
    "realms",
    "expires",
    "pref",
    "ttl-propagate",
];

struct Metric {
    name: &'static str,
    number: u16,
    most: u32,
    /// The name in messages.
    shown: &'static str,
    unit: Unit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A number.
    Plain,
    /// Fractions of a millisecond, this many in one, unless it ends in `s` or `ms`; at least this many milliseconds.
    Fraction(u32, u32),
}

const fn metric_row(name: &'static str, number: u16, most: u32, shown: &'static str, unit: Unit) -> Metric {
    Metric { name, number, most, shown, unit }
}

const METRICS: &[Metric] = &[
    metric_row("mtu", 2, u32::MAX, "MTU", Unit::Plain),
    metric_row("window", 3, u32::MAX, "window", Unit::Plain),
    metric_row("rtt", 4, u32::MAX, "rtt", Unit::Fraction(8, 200)),
    metric_row("rttvar", 5, u32::MAX, "rttvar", Unit::Fraction(4, 0)),
    metric_row("ssthresh", 6, u32::MAX, "ssthresh", Unit::Plain),
    metric_row("cwnd", 7, u32::MAX, "cwnd", Unit::Plain),
    metric_row("advmss", 8, u32::MAX, "advmss", Unit::Plain),
    metric_row("reordering", 9, u32::MAX, "reordering", Unit::Plain),
    metric_row("hoplimit", 10, 255, "hoplimit", Unit::Plain),
    metric_row("initcwnd", 11, u32::MAX, "initcwnd", Unit::Plain),
    metric_row("rto_min", 13, u32::MAX, "rto_min", Unit::Fraction(1, 0)),
    metric_row("initrwnd", 14, u32::MAX, "initrwnd", Unit::Plain),
    metric_row("quickack", 15, 1, "quickack value", Unit::Plain),
    metric_row("fastopen_no_cookie", 17, 1, "fastopen_no_cookie", Unit::Plain),
];

fn metric(route: &mut VirtualRoute, name: &str, words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<()> {
    let row = METRICS.iter().find(|metric| metric.name == name)?;
    let lock = words.take("lock");
    let text = words.value(cx)?;
    let span = words.span();
    let value = match row.unit {
        Unit::Plain => cx.unsigned(span, &text, 0, row.most),
        Unit::Fraction(parts, least) => fraction(&text, parts).map(|value| {
            let least_value = least.saturating_mul(parts);
            if value < least_value {
                let text = format!("{name} value {text} below minimum {least}ms, resetting");
                cx.warn(span, "route", text);
            }
            value.max(least_value)
        }),
    };
    let Some(value) = value else {
        cx.warn(span, "route", format!("Invalid {} {text} specified for route", row.shown));
        return None;
    };
    route.metrics.push(RouteMetric { name: row.name, number: row.number, value, lock });
    Some(())
}

/// `N` in the kernel's unit, `Ns` or `Nms`; decimals work.
fn fraction(text: &str, parts: u32) -> Option<u32> {
    let (number, factor) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, parts),
        (None, Some(number)) => (number, parts.saturating_mul(1000)),
        (None, None) => return unsigned(text),
    };
    let value: f64 = number.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)?;
    let value = value * f64::from(factor);
    // In range by the comparison, and whole parts are meant.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (value <= f64::from(u32::MAX)).then_some(value as u32)
}

fn feature(route: &mut VirtualRoute, words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<()> {
    let text = words.value(cx)?;
    if text != "ecn" {
        cx.warn(words.span(), "route", format!("feature {text} not supported"));
        return Some(());
    }
    route.metrics.push(RouteMetric { name: "features", number: 12, value: 1, lock: false });
    Some(())
}

fn set(route: &mut VirtualRoute, word: &str, value: &str, span: Span, cx: &mut Cx<'_>) -> Option<()> {
    let invalid = |what: &str, cx: &mut Cx<'_>| {
        cx.warn(span, "route", format!("Invalid {what} {value} specified for route"));
    };
    match word {
        "src" => route.source = Some(address(value, span, cx)?),
        "dev" | "oif" => route.device = Some(device(value, span, cx)),
        "from" => {
            let Some(Some(from)) = target(value, span, cx) else {
                invalid("from address", cx);
                return None;
            };
            route.from = Some(from);
        }
        "table" => match Names::Tables.number(value, u32::MAX, cx) {
            Some(table) => route.table = Some(table),
            None => {
                cx.warn(span, "route", format!("Routing table {value} not found for route"));
                return None;
            }
        },
        "scope" => match Names::Scopes.number(value, 255, cx).and_then(|n| u8::try_from(n).ok()) {
            Some(scope) => route.scope = Some(scope),
            None => invalid("scope", cx),
        },
        "protocol" => match Names::Protocols.number(value, 255, cx).and_then(|n| u8::try_from(n).ok()) {
            Some(protocol) => route.protocol = Some(protocol),
            None => invalid("protocol", cx),
        },
        "tos" | "dsfield" => {
            match Names::Services.number(value, 255, cx).and_then(|n| u8::try_from(n).ok()) {
                Some(tos) => route.tos = Some(tos),
                None => {
                    cx.warn(span, "route", format!("TOS value {value} is invalid"));
                    return None;
                }
            }
        }
        "realms" => match realms(value, cx) {
            Some(realms) => route.realms = Some(realms),
            None => invalid("realms", cx),
        },
        "expires" => match cx.unsigned(span, value, 0, i32::MAX.unsigned_abs()) {
            Some(seconds) => route.expires = Some(seconds),
            None => invalid("expires time", cx),
        },
        "pref" => {
            route.preference = match value {
                "low" => Some(3),
                "medium" => Some(0),
                "high" => Some(1),
                number => match cx.unsigned(span, number, 0, 255).and_then(|n| u8::try_from(n).ok()) {
                    Some(preference) => Some(preference),
                    None => {
                        invalid("pref value", cx);
                        return None;
                    }
                },
            };
        }
        "ttl-propagate" => match value {
            "enabled" => route.ttl_propagate = Some(true),
            "disabled" => route.ttl_propagate = Some(false),
            _ => invalid("ttl-propagate", cx),
        },
        _ => match cx.unsigned(span, value, 0, u32::MAX) {
            Some(metric) => route.metric = Some(metric),
            None => {
                invalid(word, cx);
                return None;
            }
        },
    }
    Some(())
}

/// `to`, or `from/to`, each a name or a number of 16 bits.
pub(crate) fn realms(text: &str, cx: &Cx<'_>) -> Option<u32> {
    let number = |text: &str| Names::Realms.number(text, 0xffff, cx);
    match text.split_once('/') {
        Some((from, to)) => Some(number(from)? << 16 | number(to)?),
        None => number(text),
    }
}

fn device(name: &str, span: Span, cx: &mut Cx<'_>) -> String {
    if !cx.interface_exists(name) {
        cx.warn(
            span,
            "missing-interface",
            format!("WARNING - interface {name} for VROUTE nexthop doesn't exist"),
        );
    }
    name.to_owned()
}

/// `[inet|inet6] ADDR`.
fn gateway(words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<IpAddr> {
    let family = ["inet", "inet6"].into_iter().find(|family| words.take(family));
    let text = words.value(cx)?;
    let parsed = address(&text, words.span(), cx)
        .filter(|address| family.is_none_or(|family| (family == "inet6") == address.is_ipv6()));
    if parsed.is_none() {
        cx.warn(words.span(), "route", format!("invalid route via address {text}"));
    }
    parsed
}

/// `nexthop via … dev … weight … onlink realms … encap …`, repeated to the end of the line.
fn next_hops(route: &mut VirtualRoute, words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<()> {
    let span = words.span();
    if let Some(gateway) = route.gateway.take() {
        route.next_hops.push(RouteNextHop { gateway: Some(gateway), ..RouteNextHop::default() });
    }
    loop {
        let mut hop = RouteNextHop::default();
        let mut ended = true;
        while let Some(word) = words.next() {
            match word.as_str() {
                "via" | "gw" => hop.gateway = Some(gateway(words, cx)?),
                "dev" | "oif" => {
                    let name = words.value(cx)?;
                    hop.device = Some(device(&name, span, cx));
                }
                "weight" => {
                    let text = words.value(cx)?;
                    match cx.unsigned(span, &text, 0, 256).and_then(|n| u16::try_from(n).ok()) {
                        Some(0) => {
                            cx.warn(span, "route", format!("Invalid weight {text} specified for route"));
                            return None;
                        }
                        Some(weight) => hop.weight = Some(weight),
                        None => {
                            cx.warn(span, "route", format!("Invalid weight {text} specified for route"));
                            return None;
                        }
                    }
                }
                "onlink" => hop.onlink = true,
                "realms" => {
                    let text = words.value(cx)?;
                    match realms(&text, cx) {
                        Some(realms) => hop.realms = Some(realms),
                        None => {
                            let text = format!("Invalid realms {text} specified for route");
                            cx.warn(span, "route", text);
                        }
                    }
                }
                "encap" => hop.encap = Some(encap::parse(words, cx)?),
                "as" => {
                    words.take("to");
                    words.value(cx)?;
                    cx.warn(span, "route", "\"as to\" for MPLS only - ignoring");
                }
                "nexthop" => {
                    ended = false;
                    break;
                }
                "no_track" => route.no_track = true,
                "track_group" => route.track_group = Some(words.value(cx)?),
                other => {
                    cx.warn(span, "route", format!("unknown nexthop keyword {other}"));
                    return None;
                }
            }
        }
        route.next_hops.push(hop);
        if ended {
            return Some(());
        }
    }
}

fn address(text: &str, span: Span, cx: &mut Cx<'_>) -> Option<IpAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        cx.warn(span, "route", format!("VRRP parsed invalid IP {text}. skipping IP..."));
    }
    parsed
}

fn is_target(text: &str) -> bool {
    matches!(text, "default" | "any" | "all" | "default6")
        || text.split('/').next().is_some_and(|ip| ip.parse::<IpAddr>().is_ok())
}

/// `default`, `default6`, `any`, `all`, `ADDR` or `ADDR/LEN`. The inner `None`: everything, in a family that other
/// words decide.
#[allow(clippy::option_option)] // "no address" and "any address" are two things
pub(crate) fn target(text: &str, span: Span, cx: &mut Cx<'_>) -> Option<Option<(IpAddr, u8)>> {
    match text {
        "default6" => return Some(Some((IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0))),
        "default" | "any" | "all" => return Some(None),
        _ => {}
    }
    let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let Ok(ip) = ip.parse::<IpAddr>() else {
        cx.warn(span, "route", format!("VRRP parsed invalid IP {text}. skipping IP..."));
        return None;
    };
    let host: u8 = if ip.is_ipv4() { 32 } else { 128 };
    let Some(prefix) = prefix else { return Some(Some((ip, host))) };
    match cx.unsigned(span, prefix, 0, host.into()).and_then(|prefix| u8::try_from(prefix).ok()) {
        Some(prefix) => Some(Some((ip, prefix))),
        None => {
            let text = format!("Invalid address prefix len {prefix} for address {text} - using {host}");
            cx.warn(span, "route", text);
            Some(Some((ip, host)))
        }
    }
}

#[cfg(test)]
mod tests;
