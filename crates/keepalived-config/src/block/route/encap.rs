//! `encap` of a route or a next hop: how packets that take it are wrapped. ip-route(8), "encap".

use crate::registry::Cx;
use crate::resolved::RouteEncap;

use super::super::iproute::unsigned;
use super::{Words, plain_address};

/// The greatest MPLS label.
const LABEL_MAX: u32 = 0xf_ffff;

/// Parses what follows `encap`. `None`: the line is dropped, with a message.
pub(super) fn parse(words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<RouteEncap> {
    let kind = words.value(cx)?;
    match kind.as_str() {
        "mpls" => mpls(words, cx),
        "ip" | "ip6" => ip(kind == "ip6", words, cx),
        "ila" => {
            let text = words.value(cx)?;
            let locator = locator(&text);
            if locator.is_none() {
                cx.warn(words.span(), "route", format!("Invalid locator {text}"));
            }
            locator.map(RouteEncap::Ila)
        }
        other => {
            cx.warn(words.span(), "route", format!("Unknown encap type - {other}"));
            None
        }
    }
}

fn mpls(words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<RouteEncap> {
    let text = words.value(cx)?;
    let labels: Option<Vec<u32>> =
        text.split('/').map(|label| unsigned(label).filter(|label| *label <= LABEL_MAX)).collect();
    let Some(labels) = labels else {
        cx.warn(words.span(), "route", format!("Invalid mpls label {text}"));
        return None;
    };
    let ttl = if words.take("ttl") { Some(byte("ttl", words, cx)?) } else { None };
    Some(RouteEncap::Mpls { labels, ttl })
}

fn ip(ipv6: bool, words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<RouteEncap> {
    let (mut id, mut destination, mut source, mut tos, mut ttl, mut flags) =
        (None, None, None, None, None, None);
    while let Some(word) = words.peek() {
        match word.as_str() {
            "id" | "dst" | "src" | "flags" => {}
            "tos" | "ttl" if !ipv6 => {}
            "tc" | "hoplimit" if ipv6 => {}
            _ => break,
        }
        words.next();
        match word.as_str() {
            "id" => {
                let text = words.value(cx)?;
                match text.parse() {
                    Ok(number) => id = Some(number),
                    Err(_) => {
                        cx.warn(
                            words.span(),
                            "route",
                            format!("Invalid id {text} specified for route encap"),
                        );
                        return None;
                    }
                }
            }
            "dst" | "src" => {
                let text = words.value(cx)?;
                let parsed = plain_address(&text, words.span(), cx)?;
                if parsed.is_ipv6() != ipv6 {
                    let text = format!("Invalid {word} address {text} specified for route encap");
                    cx.warn(words.span(), "route", text);
                    return None;
                }
                *if word == "dst" { &mut destination } else { &mut source } = Some(parsed);
            }
            "tos" | "tc" => tos = Some(byte(&word, words, cx)?),
            "ttl" | "hoplimit" => ttl = Some(byte(&word, words, cx)?),
            _ => {
                let text = words.value(cx)?;
                match unsigned(&text).and_then(|flags| u16::try_from(flags).ok()) {
                    Some(bits) => flags = Some(bits),
                    None => {
                        cx.warn(
                            words.span(),
                            "route",
                            format!("Invalid flags {text} specified for route encap"),
                        );
                        return None;
                    }
                }
            }
        }
    }
    Some(RouteEncap::Ip { ipv6, id, destination, source, tos, ttl, flags })
}

fn byte(name: &str, words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<u8> {
    let text = words.value(cx)?;
    let value = unsigned(&text).and_then(|value| u8::try_from(value).ok());
    if value.is_none() {
        cx.warn(words.span(), "route", format!("Invalid {name} {text} specified for route encap"));
    }
    value
}

/// Four groups of hexadecimal digits: the first half of an IPv6 address.
fn locator(text: &str) -> Option<u64> {
    let groups: Vec<&str> = text.split(':').collect();
    if groups.len() != 4 {
        return None;
    }
    groups.iter().try_fold(0, |locator, group| {
        u16::from_str_radix(group, 16).ok().map(|group| locator << 16 | u64::from(group))
    })
}
