//! The `option` family (configuration manual, section 4.2), without those of checks and logs.

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{HttpClosing, ProxyDecl};
use crate::known;
use crate::registry::{Row, Sections, Set, Since, row};
use crate::runtime::ForwardFor;
use config_text::spelling::nearest;
use std::net::IpAddr;
use units::lenient_int;

/// Options that are gone, with the reference's farewell.
const REMOVED: &[(&str, &str)] = &[
    (
        "forceclose",
        "option 'forceclose' is not supported any more since HAProxy 2.0, please just remove it, or use 'option httpclose' if absolutely needed.",
    ),
    (
        "http-tunnel",
        "option 'http-tunnel' is not supported any more since HAProxy 2.1, please just remove it, it shouldn't be needed.",
    ),
];

/// What the reference says to another word after `option`.
pub(crate) fn unknown(line: &Line<'_>) -> Refusal {
    let got = line.arg(0);
    if got.is_empty() {
        return Refusal::fatal("'option' expects an option name.").tight();
    }
    if let Some((_, text)) = REMOVED.iter().find(|(name, _)| *name == got) {
        return Refusal::fatal(*text).tight();
    }
    if known::options().any(|name| name == got) {
        return Refusal::not_built(&format!("option {got}"));
    }
    match nearest(&got, known::options()) {
        Some(near) => Refusal::fatal(format!("unknown option '{got}'; did you mean '{near}' maybe ?")),
        None => Refusal::fatal(format!("unknown option '{got}'.")),
    }
}

/// Options that are no flags: neither `no` nor `default` may stand in front.
const NOT_NEGATABLE: &[&str] = &[
    "option forwardfor",
    "option httpchk",
    "option httplog",
    "option tcp-check",
    "option tcpka",
    "option tcplog",
];

/// Refuses `no` and `default` where they may not stand.
pub(crate) fn check_prefix(name: &str, line: &Line<'_>) -> Outcome {
    let Some(option) = name.strip_prefix("option ").filter(|_| line.negated || line.defaulted) else {
        return Ok(());
    };
    if NOT_NEGATABLE.contains(&name) {
        return Err(
            Refusal::fatal(format!("negation/default is not supported for option '{option}'.")).tight()
        );
    }
    if line.defaulted {
        // HAPROXY: the shifted words leave the last one twice, so that `default` never works.
        let last = line.words.last().map(|w| w.lossy()).unwrap_or_default();
        return Err(Refusal::fatal(format!("'{name}' cannot handle unexpected argument '{last}'.")));
    }
    Ok(())
}

fn closing(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &Cx<'_>, mode: HttpClosing) -> Outcome {
    line.at_most(0)?;
    if line.negated || line.defaulted {
        if *proxy.options.closing == mode {
            proxy.options.closing.set(HttpClosing::KeepAlive, line.span, cx.section);
        }
        return Ok(());
    }
    proxy.options.closing.set(mode, line.span, cx.section);
    Ok(())
}

fn httpclose(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    closing(proxy, line, cx, HttpClosing::Close)
}

fn http_server_close(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    closing(proxy, line, cx, HttpClosing::ServerClose)
}

fn http_keep_alive(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    closing(proxy, line, cx, HttpClosing::KeepAlive)
}

fn tcpka(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(0)?;
    if proxy.kind.has_frontend() {
        proxy.options.clitcpka.set(true, line.span, cx.section);
    }
    if proxy.kind.has_backend() {
        proxy.options.srvtcpka.set(true, line.span, cx.section);
    }
    Ok(())
}

fn redispatch(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let interval = if line.negated || line.defaulted {
        0
    } else if line.arg(0).is_empty() {
        -1
    } else {
        i32::try_from(lenient_int(&line.arg(0))).unwrap_or(i32::MAX)
    };
    proxy.redispatch.set((interval != 0).then_some(interval), line.span, cx.section);
    Ok(())
}

fn forwardfor(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let mut decl = ForwardFor { header: b"x-forwarded-for".to_vec(), except: Vec::new(), if_none: false };
    let mut at = 0;
    while !line.arg(at).is_empty() {
        match line.arg(at).as_str() {
            "except" => {
                let network = parse_network(&line.arg(at + 1)).ok_or_else(|| {
                    Refusal::fatal("'option forwardfor except' expects <address>[/mask] as argument.")
                })?;
                decl.except.push(network);
                at += 2;
            }
            "header" => {
                let name = line.arg(at + 1);
                if name.is_empty() {
                    return Err(Refusal::fatal(
                        "'option forwardfor header' expects <header_name> as argument.",
                    ));
                }
                decl.header = name.to_ascii_lowercase().into_bytes();
                at += 2;
            }
            "if-none" => {
                decl.if_none = true;
                at += 1;
            }
            _ => {
                return Err(Refusal::fatal(
                    "'option forwardfor' only supports optional values: 'except', 'header' and 'if-none'.",
                ));
            }
        }
    }
    proxy.forwardfor.set(Some(decl), line.span, cx.section);
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

macro_rules! flag {
    ($name:literal, $sections:expr, $since:expr, $field:ident, $doc:literal) => {
        row($name, $sections, $since, "", Set::Flag(|p| &mut p.options.$field), $doc)
    };
}

const FRONT: Sections = Sections::FRONT;
const BACK: Sections = Sections::BACK;
const ALL: Sections = Sections::ALL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    flag!("option abortonclose", BACK, Since(1, 3), abortonclose, "Drops queued requests whose client left."),
    flag!(
        "option accept-invalid-http-request",
        FRONT,
        Since(1, 4),
        accept_invalid_http_request,
        "Lets some malformed requests pass."
    ),
    flag!(
        "option accept-invalid-http-response",
        BACK,
        Since(1, 4),
        accept_invalid_http_response,
        "Lets some malformed responses pass."
    ),
    flag!("option allbackups", BACK, Since(1, 3), allbackups, "Uses all backup servers at once."),
    flag!("option clitcpka", FRONT, Since(1, 3), clitcpka, "TCP keep-alive towards clients."),
    row("option contstats", FRONT, Since(1, 3), "", Set::Tuning(0), "Counts bytes while they pass."),
    flag!("option dontlog-normal", FRONT, Since(1, 4), dontlog_normal, "Logs what failed only."),
    flag!("option dontlognull", FRONT, Since(1, 3), dontlognull, "Does not log connections without data."),
    row(
        "option forwardfor",
        ALL,
        Since(1, 3),
        "[ except <network> ] [ header <name> ] [ if-none ]",
        Set::Custom(forwardfor),
        "Adds the client's address to requests.",
    ),
    flag!(
        "option http-buffer-request",
        ALL,
        Since(1, 6),
        http_buffer_request,
        "Waits for the body before deciding."
    ),
    flag!(
        "option http-ignore-probes",
        FRONT,
        Since(1, 6),
        http_ignore_probes,
        "Silence about connections without a request."
    ),
    row(
        "option http-keep-alive",
        ALL,
        Since(1, 5),
        "",
        Set::Custom(http_keep_alive),
        "Keeps connections of both sides.",
    ),
    flag!("option http-no-delay", ALL, Since(1, 5), http_no_delay, "Sends small segments at once."),
    flag!(
        "option http-pretend-keepalive",
        BACK,
        Since(1, 4),
        http_pretend_keepalive,
        "Does not tell servers that the connection closes."
    ),
    row(
        "option http-server-close",
        ALL,
        Since(1, 4),
        "",
        Set::Custom(http_server_close),
        "Closes server connections after a response.",
    ),
    row(
        "option httpclose",
        ALL,
        Since(1, 1),
        "",
        Set::Custom(httpclose),
        "Closes connections of both sides after a response.",
    ),
    flag!(
        "option independent-streams",
        ALL,
        Since(1, 4),
        independent_streams,
        "Times both directions on their own."
    ),
    flag!("option log-health-checks", BACK, Since(1, 4), log_health_checks, "Logs changes of health."),
    flag!("option log-separate-errors", FRONT, Since(1, 4), log_separate_errors, "Logs errors at level err."),
    flag!("option logasap", FRONT, Since(1, 2), logasap, "Logs before the end of the transfer."),
    flag!("option nolinger", ALL, Since(1, 3), nolinger, "Resets connections at the end."),
    flag!("option persist", BACK, Since(1, 1), persist, "Uses the cookie's server even when it is down."),
    flag!(
        "option prefer-last-server",
        BACK,
        Since(1, 5),
        prefer_last_server,
        "Stays on a client's last server."
    ),
    row(
        "option redispatch",
        BACK,
        Since(1, 1),
        "[<interval>]",
        Set::Custom(redispatch),
        "Leaves the cookie's server when it fails.",
    ),
    flag!("option socket-stats", FRONT, Since(1, 4), socket_stats, "Statistics for each listener."),
    row("option splice-auto", ALL, Since(1, 3), "", Set::Tuning(0), "Splices where it pays."),
    row("option splice-request", ALL, Since(1, 3), "", Set::Tuning(0), "Splices requests."),
    row("option splice-response", ALL, Since(1, 3), "", Set::Tuning(0), "Splices responses."),
    flag!("option srvtcpka", BACK, Since(1, 3), srvtcpka, "TCP keep-alive towards servers."),
    row(
        "option tcp-smart-accept",
        FRONT,
        Since(1, 4),
        "",
        Set::Tuning(0),
        "Saves an acknowledgement at the accept.",
    ),
    row(
        "option tcp-smart-connect",
        BACK,
        Since(1, 4),
        "",
        Set::Tuning(0),
        "Saves an acknowledgement at the connect.",
    ),
    row("option tcpka", ALL, Since(1, 3), "", Set::Custom(tcpka), "TCP keep-alive on both sides."),
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
