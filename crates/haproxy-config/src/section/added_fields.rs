//! Options that add fields to requests: `option forwarded`, `option forwardfor`, `option originalto` (configuration manual, section
//! 4.2).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{ForwardedDecl, NodeDecl, ProxyDecl, SectionKind};
use crate::registry::{Row, Sections, Set, Since, row};
use crate::runtime::ForwardFor;
use std::net::IpAddr;

/// What `option forwardfor` and `option originalto` share: `except`, `header`, and for the former `if-none`.
fn address_field(line: &Line<'_>, name: &str, header: &[u8]) -> Result<ForwardFor, Refusal> {
    let mut decl = ForwardFor { header: header.to_vec(), except: Vec::new(), if_none: false };
    let option = format!("'option {name}");
    let mut at = 0;
    while !line.arg(at).is_empty() {
        match line.arg(at).as_str() {
            "except" => {
                let network = parse_network(&line.arg(at + 1)).ok_or_else(|| {
                    Refusal::fatal(format!("{option} except' expects <address>[/mask] as argument."))
                })?;
                decl.except.push(network);
                at += 2;
            }
            "header" => {
                let name = line.arg(at + 1);
                if name.is_empty() {
                    return Err(Refusal::fatal(format!(
                        "{option} header' expects <header_name> as argument."
                    )));
                }
                decl.header = name.to_ascii_lowercase().into_bytes();
                at += 2;
            }
            "if-none" if name == "forwardfor" => {
                decl.if_none = true;
                at += 1;
            }
            _ => {
                let values = if name == "forwardfor" {
                    "'except', 'header' and 'if-none'"
                } else {
                    "'except' and 'header'"
                };
                return Err(Refusal::fatal(format!("{option}' only supports optional values: {values}.")));
            }
        }
    }
    Ok(decl)
}

fn forwardfor(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let decl = address_field(line, "forwardfor", b"x-forwarded-for")?;
    proxy.forwardfor.set(Some(decl), line.span, cx.section);
    Ok(())
}

fn originalto(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let decl = address_field(line, "originalto", b"x-original-to")?;
    proxy.originalto.set(Some(decl), line.span, cx.section);
    Ok(())
}

fn forwarded(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    if line.negated {
        proxy.forwarded.set(None, line.span, cx.section);
        return Ok(());
    }
    if proxy.kind == SectionKind::Frontend {
        let text = format!("'option forwarded' ignored because {} has no backend capability.", proxy.title());
        cx.warn(line.span, text);
        return Ok(());
    }
    let mut decl =
        ForwardedDecl { at: format!("{}:{}", cx.file, line.span.line), ..ForwardedDecl::default() };
    if line.arg(0).is_empty() {
        decl.proto = true;
        decl.source = NodeDecl::Own;
    }
    let mut at = 0;
    while !line.arg(at).is_empty() {
        let word = line.arg(at);
        let (name, expr) = word.strip_suffix("-expr").map_or((word.as_str(), false), |name| (name, true));
        let part = match name {
            "proto" if !expr => {
                decl.proto = true;
                at += 1;
                continue;
            }
            "host" => &mut decl.host,
            "by" => &mut decl.by,
            "by_port" => &mut decl.by_port,
            "for" => &mut decl.source,
            "for_port" => &mut decl.source_port,
            _ => {
                return Err(Refusal::fatal(
                    "'option forwarded' only supports optional values: 'proto', 'host', 'host-expr', 'by', 'by-expr', 'by_port', 'by_port-expr', 'for', 'for-expr', 'for_port' and 'for_port-expr'.",
                ));
            }
        };
        at += 1;
        if !expr {
            *part = NodeDecl::Own;
            continue;
        }
        let text = line.arg(at);
        if text.is_empty() {
            return Err(Refusal::fatal(format!("'{word}' expects <expr> as argument.")).tight());
        }
        *part = NodeDecl::Expr(text);
        at += 1;
    }
    for (name, node, port) in [("by", &decl.by, &decl.by_port), ("for", &decl.source, &decl.source_port)] {
        if *port != NodeDecl::Off && *node == NodeDecl::Off {
            let text = format!(
                "'option forwarded' : '{name}_port-expr' will be ignored because both '{name}' and '{name}-expr' are unset"
            );
            cx.warn(line.span, text);
        }
    }
    proxy.forwarded.set(Some(decl), line.span, cx.section);
    Ok(())
}

/// `address`, `address/bits` or `address/mask`.
fn parse_network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits = match mask {
        None => width,
        Some(mask) => match mask.parse::<u8>() {
            Ok(bits) => bits,
            Err(_) => {
                let dotted: std::net::Ipv4Addr = mask.parse().ok()?;
                let value = u32::from(dotted);
                let ones = value.leading_ones();
                (ones + value.trailing_zeros() == 32 || value == u32::MAX)
                    .then_some(u8::try_from(ones).ok()?)?
            }
        },
    };
    (bits <= width).then_some((address, bits))
}

const ALL: Sections = Sections::ALL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "option forwarded",
        ALL,
        Since(2, 8),
        "[ proto ] [ host | host-expr <host_expr> ] [ by | by-expr <by_expr> ] [ by_port | by_port-expr <by_port_expr>] [ for | for-expr <for_expr> ] [ for_port | for_port-expr <for_port_expr>]",
        Set::Custom(forwarded),
        "Adds the forwarded field of RFC 7239 to requests.",
    ),
    row(
        "option forwardfor",
        ALL,
        Since(1, 3),
        "[ except <network> ] [ header <name> ] [ if-none ]",
        Set::Custom(forwardfor),
        "Adds the client's address to requests.",
    ),
    row(
        "option originalto",
        ALL,
        Since(1, 3),
        "[ except <network> ] [ header <name> ]",
        Set::Custom(originalto),
        "Adds the address that the client connected to.",
    ),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn networks() {
        assert_eq!(parse_network("10.0.0.0/8"), Some(("10.0.0.0".parse().unwrap(), 8)));
        assert_eq!(parse_network("10.0.0.0/255.255.0.0"), Some(("10.0.0.0".parse().unwrap(), 16)));
        assert_eq!(parse_network("127.0.0.1"), Some(("127.0.0.1".parse().unwrap(), 32)));
        assert_eq!(parse_network("::1/128"), Some(("::1".parse().unwrap(), 128)));
        for bad in ["x", "1.2.3.4/33", "1.2.3.4/255.0.255.0", ""] {
            assert_eq!(parse_network(bad), None, "{bad}");
        }
    }
}
