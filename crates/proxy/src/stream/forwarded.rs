//! The value of `option forwarded` (RFC 7239).

use haproxy_config::runtime::{Forwarded, ForwardedPart};
use http1::Head;
use sample::{Cx, SessionView, Value};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The field's value for a request.
pub(super) fn value(option: &Forwarded, session: &SessionView, request: &Head, cx: &Cx<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    if option.proto {
        out.extend_from_slice(if session.encrypted { b"proto=https;" } else { b"proto=http;" });
    }
    let host = match &option.host {
        ForwardedPart::Off => None,
        ForwardedPart::Own => Some(Cow::Borrowed(request.value(b"host").unwrap_or_default())),
        ForwardedPart::Expr(expr) => Some(expr.text_value(cx).unwrap_or_default()),
    };
    if let Some(host) = host {
        out.extend_from_slice(b"host=\"");
        if is_host(&host) {
            out.extend_from_slice(&host);
        }
        out.extend_from_slice(b"\";");
    }
    node(b"by=", (&option.by, &option.by_port), session.dst, cx, &mut out);
    node(b"for=", (&option.source, &option.source_port), session.src, cx, &mut out);
    out.pop();
    out
}

/// `name=node;`, quoted when a port belongs to it or when it is an IPv6 address.
fn node(
    name: &[u8],
    (node, port): (&ForwardedPart, &ForwardedPart),
    own: Option<SocketAddr>,
    cx: &Cx<'_>,
    out: &mut Vec<u8>,
) {
    let name_of_node = match node {
        ForwardedPart::Off => return,
        ForwardedPart::Own => own.map(|own| own.ip()).map_or_else(|| b"unknown".to_vec(), address),
        ForwardedPart::Expr(expr) => expr.value(cx).map_or_else(|| b"unknown".to_vec(), node_name),
    };
    let port_of_node = match port {
        ForwardedPart::Off => None,
        ForwardedPart::Own => Some(own.map_or_else(Vec::new, |own| own.port().to_string().into_bytes())),
        ForwardedPart::Expr(expr) => Some(expr.text_value(cx).map_or_else(Vec::new, |text| node_port(&text))),
    };
    let quoted = port_of_node.is_some() || name_of_node.first() == Some(&b'[');
    out.extend_from_slice(name);
    if quoted {
        out.push(b'"');
    }
    out.extend_from_slice(&name_of_node);
    if let Some(port) = port_of_node.filter(|port| !port.is_empty()) {
        out.push(b':');
        out.extend_from_slice(&port);
    }
    if quoted {
        out.push(b'"');
    }
    out.push(b';');
}

fn address(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.to_string().into_bytes(),
        IpAddr::V6(ip) => format!("[{ip}]").into_bytes(),
    }
}

/// An obfuscated identifier's character (RFC 7239, section 6.3).
fn is_obfuscated(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')
}

/// A text in the form of an obfuscated identifier; none when it cannot be one.
fn obfuscated(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() || !text.iter().copied().all(is_obfuscated) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() + 1);
    if text.first() != Some(&b'_') || text.len() == 1 {
        out.push(b'_');
    }
    out.extend_from_slice(text);
    Some(out)
}

fn node_name(value: Value<'_>) -> Vec<u8> {
    if let Value::Ip(ip) = value {
        return address(ip);
    }
    let text = value.into_text();
    let plain = std::str::from_utf8(&text).ok();
    let bracketed = plain.and_then(|t| t.strip_prefix('[')).and_then(|t| t.strip_suffix(']'));
    if plain.is_some_and(|t| t.parse::<Ipv4Addr>().is_ok())
        || bracketed.is_some_and(|t| t.parse::<Ipv6Addr>().is_ok())
    {
        return text.into_owned();
    }
    if &*text == b"unknown" {
        return text.into_owned();
    }
    obfuscated(&text).unwrap_or_else(|| b"unknown".to_vec())
}

fn node_port(text: &[u8]) -> Vec<u8> {
    let number = std::str::from_utf8(text).ok().filter(|t| t.len() <= 5).and_then(|t| t.parse::<u16>().ok());
    if number.is_some_and(|n| n > 0) {
        return text.to_vec();
    }
    obfuscated(text).unwrap_or_default()
}

/// Whether a text may stand as `host`: an address or a name, with a port or without.
fn is_host(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        match rest.split_once(']') {
            Some((inner, port)) if inner.parse::<Ipv6Addr>().is_ok() => {
                ("", Some(port).filter(|p| !p.is_empty()))
            }
            _ => return false,
        }
    } else {
        match text.find(':') {
            Some(colon) => {
                text.split_at_checked(colon).map_or((text, None), |(host, port)| (host, Some(port)))
            }
            None => (text, None),
        }
    };
    if let Some(port) = port
        && !port.strip_prefix(':').is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
    {
        return false;
    }
    text.starts_with('[')
        || (!host.is_empty()
            && !host.starts_with('-')
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the reference makes of these.
    #[test]
    fn hosts() {
        for good in ["foo.com", "foo.com:80", "[::1]:80", "[::1]", "1.2.3.4", "A.B"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in
            ["", "::1", "a_b", "foo.com:abc", "a%41", "a!b", "a b", "foo:", "-a", "a:1:2", "[x]", "a\"b"]
        {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn nodes() {
        for (text, node) in [
            ("1.2.3.4", "1.2.3.4"),
            ("1.2.3", "_1.2.3"),
            ("1.2.3.4:5", "unknown"),
            ("[::1]", "[::1]"),
            ("::1", "unknown"),
            ("foo", "_foo"),
            ("_foo-", "_foo-"),
            ("_", "__"),
            ("a b", "unknown"),
            ("unknown", "unknown"),
        ] {
            assert_eq!(node_name(Value::str(text.as_bytes())), node.as_bytes(), "{text}");
        }
        assert_eq!(node_name(Value::Ip(Ipv6Addr::LOCALHOST.into())), b"[::1]");
    }

    #[test]
    fn ports() {
        for (text, port) in [
            ("1", "1"),
            ("65535", "65535"),
            ("0", "_0"),
            ("65536", "_65536"),
            ("-1", "_-1"),
            ("abc", "_abc"),
            ("a b", ""),
        ] {
            assert_eq!(node_port(text.as_bytes()), port.as_bytes(), "{text}");
        }
    }
}
