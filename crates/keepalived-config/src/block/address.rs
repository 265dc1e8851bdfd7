//! Address lines: `virtual_ipaddress`, `virtual_ipaddress_excluded`, `static_ipaddress`.
//! keepalived.conf(5), "Static addresses" and "VRRP instance(s)".

use std::net::{IpAddr, Ipv4Addr};

use config_text::Span;

use crate::registry::Cx;
use crate::resolved::Address;
use crate::tree::Statement;

use super::iproute::Names;
use super::route::{Place, Words};

/// Longest interface label the kernel takes.
const LABEL_MAX: usize = 15;

/// What a line says before it is judged as a whole.
#[derive(Default)]
struct Line {
    /// It is dropped in the end.
    unusable: bool,
    lifetime: bool,
    scope: bool,
    /// `brd +` and, true, `brd -`.
    computed: Option<bool>,
}

/// Parses one line. The device stays empty when the line names none. `None`: the line is dropped, with a message.
pub(crate) fn parse(statement: &Statement, place: Place, cx: &mut Cx<'_>) -> Option<Address> {
    let mut words = Words::new(statement);
    let span = statement.span;
    let text = words.next()?;
    let (address, prefix) = ip_with_prefix(&text, span, cx)?;
    let mut parsed = Address::new(address, prefix.unwrap_or(host_prefix(address)), "");
    let mut line = Line::default();
    while let Some(option) = words.next() {
        match option.as_str() {
            "home" => parsed.home = true,
            "-nodad" => parsed.nodad = false,
            "mngtmpaddr" => parsed.mngtmpaddr = true,
            "noprefixroute" => parsed.noprefixroute = true,
            "autojoin" => parsed.autojoin = true,
            "no_track" => parsed.no_track = true,
            "use_vmac" if place == Place::Virtual => parsed.use_vmac = true,
            "peer" if parsed.peer.is_some() => {
                // Its value is the next word.
                let second = words.peek().unwrap_or_default();
                let text = format!("Peer {second} - another peer has already been specified");
                cx.warn(span, "address", text);
            }
            "dev" | "scope" | "brd" | "broadcast" | "label" | "peer" | "preferred_lft" => {
                let value = parameter(&mut words, &option, &text, cx)?;
                set_option(&mut parsed, &mut line, (&option, &value), (&text, prefix), span, cx)?;
            }
            "track_group" if place == Place::Static => {
                let group = parameter(&mut words, &option, &text, cx)?;
                parsed.track_group = cx.track_group(span, group);
            }
            other => {
                let text = format!("Unknown configuration entry '{other}' for ip address - ignoring");
                cx.warn(span, "address", text);
            }
        }
    }
    judge(&mut parsed, &line, &text, span, cx);
    (!line.unusable).then_some(parsed)
}

fn parameter(words: &mut Words<'_>, option: &str, text: &str, cx: &mut Cx<'_>) -> Option<String> {
    let value = words.next();
    if value.is_none() {
        cx.warn(words.span(), "address", format!("No {option} parameter specified for {text}"));
    }
    value
}

/// What can only be said about a whole line.
fn judge(parsed: &mut Address, line: &Line, text: &str, span: Span, cx: &mut Cx<'_>) {
    if parsed.address.is_ipv6() {
        if std::mem::take(&mut parsed.scope) != 0 && line.scope {
            let text = format!("Cannot specify scope for IPv6 addresses ({text}) - ignoring scope");
            cx.warn(span, "address", text);
        }
        if parsed.label.take().is_some() {
            let text = format!("Cannot specify label for IPv6 addresses ({text}) - ignoring label");
            cx.warn(span, "address", text);
        }
        if parsed.prefix == 128 && !line.lifetime {
            // An address that is never chosen as a source: "deprecated".
            parsed.preferred_lft = Some(0);
        }
        return;
    }
    if parsed.peer.is_some() && (line.computed.is_some() || parsed.broadcast.is_some()) {
        let text = "Cannot specify broadcast and peer addresses - ignoring broadcast address";
        cx.warn(span, "address", text);
        parsed.broadcast = None;
        return;
    }
    if let Some(zeros) = line.computed {
        if parsed.prefix > 30 {
            let text = format!("Address prefix length {} too long for broadcast", parsed.prefix);
            cx.warn(span, "address", text);
        } else {
            parsed.broadcast = computed_broadcast(parsed.address, parsed.prefix, zeros);
        }
    }
}

/// The text of an address as messages show it.
pub(crate) fn shown(address: &Address) -> String {
    if address.prefix == host_prefix(address.address) {
        address.address.to_string()
    } else {
        format!("{}/{}", address.address, address.prefix)
    }
}

/// `None` when the line is to be dropped.
fn set_option(
    parsed: &mut Address,
    line: &mut Line,
    (option, value): (&str, &str),
    (text, prefix): (&str, Option<u8>),
    span: Span,
    cx: &mut Cx<'_>,
) -> Option<()> {
    match option {
        "dev" => {
            if !parsed.device.is_empty() {
                let text = format!("Cannot specify ipaddress device more than once for {text}");
                cx.warn(span, "address", text);
                return None;
            }
            if !cx.interface_exists(value) {
                let text = format!("WARNING - interface {value} for ip address {text} doesn't exist");
                cx.warn(span, "missing-interface", text);
                return None;
            }
            parsed.device = value.to_owned();
        }
        "scope" => match Names::Scopes.number(value, 255, cx).and_then(|scope| u8::try_from(scope).ok()) {
            Some(scope) => (parsed.scope, line.scope) = (scope, true),
            None => {
                cx.warn(span, "address", format!("Invalid scope '{value}' specified for {text} - ignoring"));
            }
        },
        "brd" | "broadcast" if parsed.address.is_ipv6() => {
            // The reference's words.
            let text = format!(
                "VRRP is trying to assign a broadcast {option} to the IPv6 address {text} !!?? WTF... skipping VIP..."
            );
            cx.warn(span, "address", text);
            return None;
        }
        "brd" | "broadcast" if value == "+" || value == "-" => {
            (line.computed, parsed.broadcast) = (Some(value == "-"), None);
        }
        "brd" | "broadcast" => match value.parse::<Ipv4Addr>() {
            Ok(broadcast) => (line.computed, parsed.broadcast) = (None, Some(broadcast)),
            Err(_) => {
                let text = format!("VRRP is trying to assign invalid broadcast {value}. skipping VIP...");
                cx.warn(span, "address", text);
                return None;
            }
        },
        "label" => {
            if value.len() > LABEL_MAX {
                let text = format!(
                    "Address label {value} is longer than maximum length {LABEL_MAX} - removing address"
                );
                cx.warn(span, "address", text);
                return None;
            }
            parsed.label = Some(value.to_owned());
        }
        "peer" => {
            // A prefix of the peer needs an address without one: the reference's rule is the other way round only in its manual.
            let Ok(peer) = value.parse::<IpAddr>() else {
                cx.warn(span, "address", format!("VRRP parsed invalid IP {value}. skipping IP..."));
                cx.warn(span, "address", format!("Invalid peer address {value}"));
                line.unusable = true;
                return Some(());
            };
            if peer.is_ipv4() != parsed.address.is_ipv4() {
                cx.warn(span, "address", format!("Peer address {value} does not match address family"));
                return Some(());
            }
            if prefix.is_some_and(|prefix| prefix != host_prefix(parsed.address)) {
                let text = "Cannot specify address prefix when specifying peer address - ignoring";
                cx.warn(span, "address", text);
            }
            parsed.peer = Some((peer, parsed.prefix));
        }
        _ => {
            line.lifetime = true;
            if value == "forever" {
                return Some(());
            }
            match cx.unsigned(span, value, 0, u32::MAX) {
                Some(seconds) => parsed.preferred_lft = Some(seconds),
                None => cx.warn(span, "address", format!("preferred_lft {value} is invalid")),
            }
        }
    }
    Some(())
}

/// `ADDR` or `ADDR/LEN`, with the reference's words about a bad one: the length first.
pub(super) fn ip_with_prefix(text: &str, span: Span, cx: &mut Cx<'_>) -> Option<(IpAddr, Option<u8>)> {
    let (ip, length) = text.split_once('/').map_or((text, None), |(ip, length)| (ip, Some(length)));
    let host = if ip.contains(':') { 128 } else { 32 };
    let prefix = length.map(|length| {
        cx.unsigned(span, length, 0, host).unwrap_or_else(|| {
            let text = format!("Invalid address prefix len {length} for address {text} - using {host}");
            cx.warn(span, "address", text);
            host
        })
    });
    let Ok(ip) = ip.parse::<IpAddr>() else {
        cx.warn(span, "address", format!("VRRP parsed invalid IP {text}. skipping IP..."));
        return None;
    };
    Some((ip, prefix.and_then(|prefix| u8::try_from(prefix).ok())))
}

pub(super) fn host_prefix(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// `brd +`: host part all ones; `brd -`: all zeros.
fn computed_broadcast(address: IpAddr, prefix: u8, zeros: bool) -> Option<Ipv4Addr> {
    let IpAddr::V4(ip) = address else { return None };
    if prefix > 30 {
        return None;
    }
    let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    let bits = u32::from(ip);
    Some(Ipv4Addr::from(if zeros { bits & !host } else { bits | host }))
}
