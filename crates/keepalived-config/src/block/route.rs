//! Route lines: `virtual_routes` and `static_routes`. keepalived.conf(5), "Static routes", which has the words of
//! ip-route(8).

mod encap;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use config_text::Span;

use crate::registry::{Cx, missing_parameter};
use crate::resolved::{RouteKind, RouteMetric, RouteNextHop, RoutePlacement, VirtualRoute};
use crate::tree::Statement;

use super::address;
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

impl Line {
    /// Whether its destination is an IPv4 address.
    fn is_ipv4(&self) -> bool {
        matches!(self.destination, Some((_, Some((IpAddr::V4(_), _)))))
    }
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
            "track_group" if place == Place::Static => {
                let group = words.value(cx)?;
                route.track_group = cx.track_group(span, group);
            }
            "via" => route.gateway = Some(gateway(&mut words, cx)?),
            "gw" => {
                cx.warn(span, "route", "\"gw\" for routes is deprecated. Please use \"via\"");
                route.gateway = Some(gateway(&mut words, cx)?);
            }
            "or" => {
                cx.warn(span, "route", "\"or\" for routes is deprecated. Please use \"nexthop\"");
                let text = words.value(cx)?;
                let Ok(second) = text.parse() else {
                    cx.warn(span, "route", format!("Invalid \"or\" address {text}"));
                    return None;
                };
                let first = RouteNextHop { gateway: route.gateway.take(), ..RouteNextHop::default() };
                let second = RouteNextHop { gateway: Some(second), ..RouteNextHop::default() };
                route.next_hops.extend([first, second]);
            }
            "nexthop" => {
                let destination = line.destination.as_ref().and_then(|(_, destination)| *destination);
                next_hops(&mut route, destination.map(|(ip, _)| ip.is_ipv6()), &mut words, cx)?;
            }
            "encap" => route.encap = Some(encap::parse(&mut words, cx)?),
            "as" => {
                words.take("to");
                words.value(cx)?;
                cx.warn(span, "route", "\"as to\" for MPLS only - ignoring");
            }
            "to" => {
                let text = words.value(cx)?;
                let Some(destination) = target(&text, span, cx) else {
                    cx.warn(span, "route", format!("unknown route keyword {text}"));
                    return None;
                };
                line.destination = Some((text, destination));
            }
            "features" => feature(&mut route, &mut words, cx)?,
            "congctl" => {
                let lock = words.take("lock");
                route.congestion_control = Some((words.value(cx)?, lock));
            }
            "vrf" => {
                let name = words.value(cx)?;
                let Some(table) = cx.system.vrf_table(&name) else {
                    let text = match cx.system.interface(&name) {
                        Some(_) => format!("Route specified VRF {name} is not a VRF"),
                        None => format!("VRF {name} not found for route"),
                    };
                    cx.warn(span, "route", text);
                    return None;
                };
                route.table = Some(table);
                line.vrf = true;
            }
            name if METRICS.iter().any(|metric| metric.name == name) => {
                metric(&mut route, name, &mut words, cx)?
            }
            "expires" | "pref" if line.is_ipv4() => {
                cx.warn(span, "route", format!("{word} is only valid for IPv6"));
                return None;
            }
            name if VALUES.contains(&name) => {
                let value = words.value(cx)?;
                set(&mut route, name, &value, span, cx)?;
                if name == "realms" && matches!(line.destination, Some((_, Some((IpAddr::V6(_), _))))) {
                    cx.warn(span, "route", "realms are only valid for IPv4");
                    return None;
                }
            }
            other => {
                let found = if line.destination.is_none() { target(&word, span, cx) } else { None };
                let Some(destination) = found else {
                    if line.destination.is_some() {
                        let text = format!("VRRP parsed invalid IP {other}. skipping IP...");
                        cx.warn(span, "route", text);
                    }
                    cx.warn(span, "route", format!("unknown route keyword {other}"));
                    return None;
                };
                line.destination = Some((word, destination));
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
    if route.destination.is_ipv4() {
        // Without a destination of its own the line did not say so.
        (route.expires, route.preference) = (None, None);
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
    metric_row("window", 3, u32::MAX, "window value", Unit::Plain),
    metric_row("rtt", 4, u32::MAX, "rtt", Unit::Fraction(8, 200)),
    metric_row("rttvar", 5, u32::MAX, "rttvar", Unit::Fraction(4, 200)),
    metric_row("ssthresh", 6, u32::MAX, "ssthresh value", Unit::Plain),
    metric_row("cwnd", 7, u32::MAX, "cwnd value", Unit::Plain),
    metric_row("advmss", 8, u32::MAX, "advmss", Unit::Plain),
    metric_row("reordering", 9, u32::MAX, "reordering value", Unit::Plain),
    metric_row("hoplimit", 10, 255, "hoplimit", Unit::Plain),
    metric_row("initcwnd", 11, u32::MAX, "initcwnd value", Unit::Plain),
    metric_row("rto_min", 13, u32::MAX, "rto_min", Unit::Fraction(1, 200)),
    metric_row("initrwnd", 14, u32::MAX, "initrwnd value", Unit::Plain),
    metric_row("quickack", 15, 1, "quickack value", Unit::Plain),
    metric_row("fastopen_no_cookie", 17, 1, "fastopen_no_cookie value", Unit::Plain),
];

fn metric(route: &mut VirtualRoute, name: &str, words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<()> {
    let row = METRICS.iter().find(|metric| metric.name == name)?;
    // These are no metrics that the kernel could change.
    let locks = !matches!(
        name,
        "window" | "reordering" | "initcwnd" | "initrwnd" | "quickack" | "fastopen_no_cookie"
    );
    let lock = locks && words.take("lock");
    let text = words.value(cx)?;
    let span = words.span();
    let value = match row.unit {
        Unit::Plain => cx.strict_unsigned(span, &text, 0, row.most),
        Unit::Fraction(parts, least) => fraction(&text, parts).map(|value| {
            let least_value = least.saturating_mul(parts);
            if value < least_value {
                let name = if name == "rto_min" { "rto" } else { "rtt" };
                let text = format!("{name} value {text} below minimum {least}ms, resetting");
                cx.warn(span, "route", text);
            }
            value.max(least_value)
        }),
    };
    let Some(value) = value else {
        let wrong = match row.unit {
            Unit::Plain => format!("Invalid {} {text} specified for route", row.shown),
            Unit::Fraction(..) => {
                let kind = if text.starts_with('-') { "negative" } else { "invalid" };
                cx.warn(span, "number", format!("{kind} number '{text}'"));
                if name == "rto_min" {
                    format!("Invalid rto_min value {text} specified for route")
                } else {
                    format!("Invalid {name} {text} for route")
                }
            }
        };
        return says(&wrong, span, cx);
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
        "src" => {
            let Some(source) = plain_address(value, span, cx) else {
                return says(&format!("invalid route src address {value}"), span, cx);
            };
            route.source = Some(source);
        }
        "dev" | "oif" => route.device = Some(device(value, span, cx)?),
        "from" => {
            let Some(Some(from)) = target(value, span, cx) else {
                return says(&format!("invalid route from address {value}"), span, cx);
            };
            if from.0.is_ipv4() {
                let text = format!("route from address only supported with IPv6 ({value})");
                return says(&text, span, cx);
            }
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
            None => return says(&format!("Scope {value} not found or invalid for route"), span, cx),
        },
        "protocol" => match Names::Protocols.number(value, 255, cx).and_then(|n| u8::try_from(n).ok()) {
            Some(protocol) => route.protocol = Some(protocol),
            None => return says(&format!("Protocol {value} not found or invalid for route"), span, cx),
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
            None => return says(&format!("Invalid realms {value} for route"), span, cx),
        },
        "expires" => match cx.strict_unsigned(span, value, 0, i32::MAX.unsigned_abs()) {
            Some(seconds) => route.expires = Some(seconds),
            None => invalid("expires time", cx),
        },
        "pref" => {
            route.preference = match value {
                "low" => Some(3),
                "medium" => Some(0),
                "high" => Some(1),
                number => match cx.strict_unsigned(span, number, 0, 255).and_then(|n| u8::try_from(n).ok()) {
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
            _ => return says(&format!("ttl-propagate value {value} not recognised"), span, cx),
        },
        _ => match cx.strict_unsigned(span, value, 0, u32::MAX) {
            Some(metric) => route.metric = Some(metric),
            None => {
                invalid("metric", cx);
                return None;
            }
        },
    }
    Some(())
}

fn says(text: &str, span: Span, cx: &mut Cx<'_>) -> Option<()> {
    cx.warn(span, "route", text);
    None
}

/// `to`, or `from/to`, each a name or a number of a byte.
pub(crate) fn realms(text: &str, cx: &Cx<'_>) -> Option<u32> {
    let number = |text: &str| Names::Realms.number(text, 0xff, cx);
    match text.split_once('/') {
        Some((from, to)) => Some(number(from)? << 16 | number(to)?),
        None => number(text),
    }
}

fn device(name: &str, span: Span, cx: &mut Cx<'_>) -> Option<String> {
    if !cx.interface_exists(name) {
        cx.warn(
            span,
            "missing-interface",
            format!("WARNING - interface {name} for VROUTE nexthop doesn't exist"),
        );
        return None;
    }
    Some(name.to_owned())
}

/// `[inet|inet6] ADDR`.
fn gateway(words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<IpAddr> {
    gateway_of("route via", words, cx)
}

/// The same, of what the messages say.
fn gateway_of(what: &str, words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<IpAddr> {
    let family = ["inet", "inet6"].into_iter().find(|family| words.take(family));
    let text = words.value(cx)?;
    let parsed = plain_address(&text, words.span(), cx)
        .filter(|address| family.is_none_or(|family| (family == "inet6") == address.is_ipv6()));
    if parsed.is_none() {
        cx.warn(words.span(), "route", format!("invalid {what} address {text}"));
    }
    parsed
}

/// `nexthop via … dev … weight … onlink realms … encap …`, repeated to the end of the line.
fn next_hops(
    route: &mut VirtualRoute,
    ipv6: Option<bool>,
    words: &mut Words<'_>,
    cx: &mut Cx<'_>,
) -> Option<()> {
    let span = words.span();
    if let Some(gateway) = route.gateway.take() {
        route.next_hops.push(RouteNextHop { gateway: Some(gateway), ..RouteNextHop::default() });
    }
    loop {
        let mut hop = RouteNextHop::default();
        let mut ended = true;
        while let Some(word) = words.next() {
            match word.as_str() {
                "via" => {
                    let gateway = gateway_of("nexthop", words, cx)?;
                    if ipv6.is_some_and(|ipv6| ipv6 != gateway.is_ipv6()) {
                        return says("Address family mismatch for next hop", span, cx);
                    }
                    hop.gateway = Some(gateway);
                }
                "dev" => {
                    let name = words.value(cx)?;
                    hop.device = Some(device(&name, span, cx)?);
                }
                "weight" => {
                    let text = words.value(cx)?;
                    match cx.strict_unsigned(span, &text, 0, 256).and_then(|n| u16::try_from(n).ok()) {
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
                            cx.warn(span, "route", format!("Invalid realms {text} for route"));
                            return None;
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
                    return says(&format!("Route has trailing nonsense after nexthops - {other}"), span, cx);
                }
            }
        }
        route.next_hops.push(hop);
        if ended {
            return Some(());
        }
    }
}

fn plain_address(text: &str, span: Span, cx: &mut Cx<'_>) -> Option<IpAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        cx.warn(span, "route", format!("VRRP parsed invalid IP {text}. skipping IP..."));
    }
    parsed
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
    address::ip_with_prefix(text, span, cx)
        .map(|(ip, prefix)| Some((ip, prefix.unwrap_or(address::host_prefix(ip)))))
}

#[cfg(test)]
mod tests;
