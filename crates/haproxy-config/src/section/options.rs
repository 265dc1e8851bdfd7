//! The `option` family (configuration manual, section 4.2), without those of checks and logs.

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{HttpClosing, ProxyDecl};
use crate::known;
use crate::registry::{Row, Sections, Set, Since, row};
use crate::runtime::RestrictNames;
use config_text::spelling::nearest;
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
    "option http-restrict-req-hdr-names",
    "option httpchk",
    "option httplog",
    "option httpslog",
    "option originalto",
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

fn restrict_names(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    const EXPECTS: &str =
        "option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option.";
    let what = match line.arg(0).as_str() {
        "" => return Err(Refusal::fatal(format!("missing parameter. {EXPECTS}"))),
        "preserve" => RestrictNames::Preserve,
        "delete" => RestrictNames::Delete,
        "reject" => RestrictNames::Reject,
        other => return Err(Refusal::fatal(format!("invalid parameter '{other}'. {EXPECTS}"))),
    };
    let extra = line.arg(1);
    if !extra.is_empty() {
        return Err(Refusal::fatal(format!("'option' cannot handle unexpected argument '{extra}'.")));
    }
    proxy.restrict_names.set(what, line.span, cx.section);
    Ok(())
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
    flag!("option contstats", FRONT, Since(1, 3), contstats, "Counts bytes while they pass."),
    flag!(
        "option disable-h2-upgrade",
        FRONT,
        Since(2, 4),
        disable_h2_upgrade,
        "Does not take a connection of HTTP/1 for one of HTTP/2; that is never done yet."
    ),
    flag!("option dontlog-normal", FRONT, Since(1, 4), dontlog_normal, "Logs what failed only."),
    flag!("option dontlognull", FRONT, Since(1, 3), dontlognull, "Does not log connections without data."),
    flag!(
        "option h1-case-adjust-bogus-client",
        FRONT,
        Since(2, 0),
        h1_case_adjust_client,
        "Sends field names to clients as h1-case-adjust spells them."
    ),
    flag!(
        "option h1-case-adjust-bogus-server",
        BACK,
        Since(2, 0),
        h1_case_adjust_server,
        "Sends field names to servers as h1-case-adjust spells them."
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
        "option http-restrict-req-hdr-names",
        ALL,
        Since(2, 6),
        "{ preserve | delete | reject }",
        Set::Custom(restrict_names),
        "What becomes of odd field names in requests.",
    ),
    row(
        "option http-server-close",
        ALL,
        Since(1, 4),
        "",
        Set::Custom(http_server_close),
        "Closes server connections after a response.",
    ),
    flag!(
        "option http-use-proxy-header",
        FRONT,
        Since(1, 4),
        http_use_proxy_header,
        "Takes requests with an absolute target for those to a proxy."
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
        "option idle-close-on-response",
        FRONT,
        Since(2, 4),
        idle_close_on_response,
        "Lets idle connections bring one more request at a soft stop."
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
    flag!("option splice-auto", ALL, Since(1, 3), splice_auto, "Splices where it pays."),
    flag!("option splice-request", ALL, Since(1, 3), splice_request, "Splices requests."),
    flag!("option splice-response", ALL, Since(1, 3), splice_response, "Splices responses."),
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
