//! Address lines: `virtual_ipaddress`, `virtual_ipaddress_excluded`, `static_ipaddress`.
//! keepalived.conf(5), "Static addresses" and "VRRP instance(s)".

use std::net::{IpAddr, Ipv4Addr};

use config_text::Span;

use crate::registry::Cx;
use crate::resolved::Address;
use crate::tree::Statement;

use super::route::Place;

/// Longest interface label the kernel takes.
const LABEL_MAX: usize = 15;

/// Parses one line. The device stays empty when the line names none. `None`: the line is dropped, with a message.
pub(crate) fn parse(line: &Statement, place: Place, cx: &mut Cx<'_>) -> Option<Address> {
    let mut words = line.words.iter().map(|w| (w.lossy(), w.span));
    let (text, span) = words.next()?;
    let (address, prefix) = ip_with_prefix(&text, span, cx)?;
    let mut parsed = Address::new(address, prefix.unwrap_or(host_prefix(address)), "");
    let mut lifetime_set = false;
    let mut keep = true;
    while let Some((option, span)) = words.next() {
        match option.as_str() {
            "home" => parsed.home = true,
            "-nodad" => parsed.nodad = false,
            "mngtmpaddr" => parsed.mngtmpaddr = true,
            "noprefixroute" => parsed.noprefixroute = true,
            "autojoin" => parsed.autojoin = true,
            "no_track" => parsed.no_track = true,
            "use_vmac" if place == Place::Virtual => parsed.use_vmac = true,
            "track_group" if place == Place::Static => match words.next() {
                Some((group, _)) => parsed.track_group = Some(group),
                None => {
                    cx.warn(span, "address", format!("No {option} parameter specified for {text}"));
                    return None;
                }
            },
            "dev" | "scope" | "brd" | "broadcast" | "label" | "peer" | "preferred_lft" => {
                let Some((value, span)) = words.next() else {
                    cx.warn(span, "address", format!("No {option} parameter specified for {text}"));
                    return None;
                };
                let option = if option == "broadcast" { "brd" } else { option.as_str() };
                if option == "brd" && (value == "+" || value == "-") {
                    parsed.broadcast = computed_broadcast(address, parsed.prefix, value == "-");
                } else {
                    keep &= set_option(&mut parsed, option, &value, &text, span, cx);
                    lifetime_set |= option == "preferred_lft";
                }
            }
            other => {
                cx.warn(
                    span,
                    "address",
                    format!("Unknown configuration entry '{other}' for ip address - ignoring"),
                );
            }
        }
    }
    if address.is_ipv6() && parsed.prefix == 128 && !lifetime_set {
        // An address that is never chosen as a source: "deprecated".
        parsed.preferred_lft = Some(0);
    }
    keep.then_some(parsed)
}

/// The text of an address as messages show it.
pub(crate) fn shown(address: &Address) -> String {
    if address.prefix == host_prefix(address.address) {
        address.address.to_string()
    } else {
        format!("{}/{}", address.address, address.prefix)
    }
}

/// False when the line is to be dropped.
fn set_option(
    parsed: &mut Address,
    option: &str,
    value: &str,
    text: &str,
    span: Span,
    cx: &mut Cx<'_>,
) -> bool {
    match option {
        "dev" => {
            if !cx.interface_exists(value) {
                let text = format!("WARNING - interface {value} for ip address {text} doesn't exist");
                cx.warn(span, "missing-interface", text);
            }
            parsed.device = value.to_owned();
            true
        }
        "scope" => match scope(value) {
            Some(scope) => {
                parsed.scope = scope;
                true
            }
            None => {
                cx.warn(span, "address", format!("Invalid scope '{value}' specified for {text} - ignoring"));
                true
            }
        },
        "brd" => match value.parse::<Ipv4Addr>() {
            Ok(broadcast) if parsed.address.is_ipv4() => {
                parsed.broadcast = Some(broadcast);
                true
            }
            _ => {
                let text = format!("VRRP is trying to assign invalid broadcast {value}. skipping VIP...");
                cx.warn(span, "address", text);
                false
            }
        },
        "label" => {
            if value.len() > LABEL_MAX {
                let text = format!(
                    "Address label {value} is longer than maximum length {LABEL_MAX} - removing address"
                );
                cx.warn(span, "address", text);
                return false;
            }
            parsed.label = Some(value.to_owned());
            true
        }
        "peer" => {
            // A prefix of the peer needs an address without one: the reference's rule is the other way round only in its manual.
            let peer = match value.split_once('/') {
                Some(_) => {
                    cx.warn(span, "address", format!("VRRP parsed invalid IP {value}. skipping IP..."));
                    None
                }
                None => ip_with_prefix(value, span, cx).map(|(ip, _)| ip),
            };
            match peer {
                Some(peer) if peer.is_ipv4() == parsed.address.is_ipv4() => {
                    parsed.peer = Some((peer, parsed.prefix));
                    true
                }
                _ => {
                    cx.warn(span, "address", format!("Invalid peer address {value}"));
                    false
                }
            }
        }
        _ => {
            if value == "forever" {
                return true;
            }
            match cx.unsigned(span, value, 0, u32::MAX) {
                Some(seconds) => parsed.preferred_lft = Some(seconds),
                None => cx.warn(span, "address", format!("preferred_lft {value} is invalid")),
            }
            true
        }
    }
}

/// `ADDR` or `ADDR/LEN`, with the reference's words about a bad one.
fn ip_with_prefix(text: &str, span: Span, cx: &mut Cx<'_>) -> Option<(IpAddr, Option<u8>)> {
    let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let Ok(ip) = ip.parse::<IpAddr>() else {
        cx.warn(span, "address", format!("VRRP parsed invalid IP {text}. skipping IP..."));
        return None;
    };
    let host = host_prefix(ip);
    let Some(prefix) = prefix else { return Some((ip, None)) };
    match cx.unsigned(span, prefix, 0, host.into()).and_then(|p| u8::try_from(p).ok()) {
        Some(prefix) => Some((ip, Some(prefix))),
        None => {
            let text = format!("Invalid address prefix len {prefix} for address {text} - using {host}");
            cx.warn(span, "address", text);
            Some((ip, Some(host)))
        }
    }
}

fn host_prefix(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// rtnetlink's numbers of the names in iproute2's `rt_scopes`.
fn scope(name: &str) -> Option<u8> {
    match name {
        "global" | "universe" => Some(0),
        "site" => Some(200),
        "link" => Some(253),
        "host" => Some(254),
        "nowhere" => Some(255),
        number => number.parse().ok(),
    }
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
