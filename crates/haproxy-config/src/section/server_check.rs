//! Words of a `server` line that concern its checks (configuration manual, section 5.2).

use super::bind::host_address;
use super::server::value;
use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::ServerDecl;
use crate::registry::{Row, Sections, Set, Since, row};
use health::{Layer, OnError};
use std::time::Duration;
use units::{Allowed, DelayError, Endpoint, Unit, lenient_int, parse_delay, parse_endpoint};

fn check(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.check = line.name() == "check";
    Ok(())
}

fn check_send_proxy(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.check_send_proxy = line.name() == "check-send-proxy";
    Ok(())
}

fn interval(server: &ServerDecl, line: &Line<'_>) -> Result<Duration, Refusal> {
    let text = value(line, "a delay")?;
    let name = line.name();
    let of = format!("of server {}", server.name);
    let delay = parse_delay(&text, Unit::Milliseconds).map_err(|e| match e {
        DelayError::Overflow => Refusal::fatal(format!(
            "timer overflow in argument <{text}> to <{name}> {of}, maximum value is 2147483647 ms (~24.8 days).."
        )),
        // HAPROXY: the message names another keyword.
        DelayError::Unexpected(c) => {
            Refusal::fatal(format!("unexpected character '{c}' in 'agent-inter' argument {of}.."))
        }
    })?;
    if delay.is_zero() {
        return Err(Refusal::fatal(format!("invalid value 0 for argument '{name}' {of}..")));
    }
    Ok(delay)
}

fn inter(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.inter = Some(interval(server, line)?);
    Ok(())
}

fn fastinter(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.fastinter = Some(interval(server, line)?);
    Ok(())
}

fn downinter(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.downinter = Some(interval(server, line)?);
    Ok(())
}

fn count(line: &Line<'_>) -> Result<u32, Refusal> {
    let name = line.name();
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal(format!("'{name}' expects an integer argument..")));
    }
    match u32::try_from(lenient_int(&text)) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Refusal::fatal(format!("'{name}' has to be > 0.."))),
    }
}

fn rise(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.rise = Some(count(line)?);
    Ok(())
}

fn fall(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.fall = Some(count(line)?);
    Ok(())
}

fn port(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let text = value(line, "a port number")?;
    // HAPROXY: only the low 16 bits are kept, and no port is no check port.
    let low = u16::try_from(lenient_int(&text).rem_euclid(65536)).unwrap_or(0);
    server.check_port = (low != 0).then_some(low);
    Ok(())
}

fn addr(server: &mut ServerDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = value(line, "<ipv4|ipv6>")?;
    let allowed = Allowed { range: false, ..Allowed::SOURCE };
    let endpoint = parse_endpoint(&text, allowed).map_err(|e| Refusal::fatal(format!("'addr' : {e}.")))?;
    let Endpoint::Inet { host, ports, .. } = endpoint else { return Err(Refusal::not_built("addr")) };
    let ip = host_address(&host, cx)
        .map_err(|name| Refusal::fatal(format!("'addr' : invalid address: '{name}' in '{text}'.")))?;
    server.check_addr = Some(ip);
    if let units::Ports::Range(port, _) = ports {
        server.check_port = (port != 0).then_some(port);
    }
    Ok(())
}

fn track(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.track = Some(value(line, "[<proxy>/]<server>")?);
    Ok(())
}

fn observe(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let text = value(line, "<mode>")?;
    server.observe = match text.as_str() {
        "none" => None,
        "layer4" => Some(Layer::Connection),
        "layer7" => Some(Layer::Response),
        _ => {
            return Err(Refusal::fatal(format!(
                "'observe' expects one of 'none', 'layer4', 'layer7' but got '{text}'."
            )));
        }
    };
    Ok(())
}

fn on_error(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    server.on_error = match text.as_str() {
        "fastinter" => OnError::FastInter,
        "fail-check" => OnError::FailCheck,
        "sudden-death" => OnError::SuddenDeath,
        "mark-down" => OnError::MarkDown,
        _ => {
            return Err(Refusal::fatal(format!(
                "'on-error' expects one of 'fastinter', 'fail-check', 'sudden-death' or 'mark-down' but got '{text}'."
            )));
        }
    };
    Ok(())
}

fn error_limit(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal("'error-limit' expects an integer argument.."));
    }
    server.error_limit = match u32::try_from(lenient_int(&text)) {
        Ok(limit) if limit > 0 => limit,
        _ => return Err(Refusal::fatal("error-limit has to be > 0..")),
    };
    Ok(())
}

const B: Sections = Sections::BACKEND;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ServerDecl>] = &[
    row("addr", B, Since(1, 3), "<ipv4|ipv6>", Set::Custom(addr), "Address of checks."),
    row("check", B, Since(1, 1), "", Set::Custom(check), "Checks the server's health."),
    row(
        "check-send-proxy",
        B,
        Since(1, 6),
        "",
        Set::Custom(check_send_proxy),
        "Checks begin with a PROXY protocol header.",
    ),
    row("downinter", B, Since(1, 3), "<delay>", Set::Custom(downinter), "Interval of checks while down."),
    row(
        "error-limit",
        B,
        Since(1, 4),
        "<count>",
        Set::Custom(error_limit),
        "Errors in a row that are too many for `observe`.",
    ),
    row("fall", B, Since(1, 1), "<count>", Set::Custom(fall), "Failures until the server is down."),
    row("fastinter", B, Since(1, 3), "<delay>", Set::Custom(fastinter), "Interval of checks in transition."),
    row("inter", B, Since(1, 1), "<delay>", Set::Custom(inter), "Interval of checks."),
    row("no-check", B, Since(1, 8), "", Set::Custom(check), "Does not check the server's health."),
    row(
        "no-check-send-proxy",
        B,
        Since(1, 8),
        "",
        Set::Custom(check_send_proxy),
        "Checks begin without a PROXY protocol header.",
    ),
    row(
        "observe",
        B,
        Since(1, 4),
        "<mode>",
        Set::Custom(observe),
        "Takes the server's health from its traffic, too.",
    ),
    row(
        "on-error",
        B,
        Since(1, 4),
        "<mode>",
        Set::Custom(on_error),
        "What happens after too many errors that `observe` saw.",
    ),
    row("port", B, Since(1, 1), "<port>", Set::Custom(port), "Port of checks."),
    row("rise", B, Since(1, 1), "<count>", Set::Custom(rise), "Successes until the server is up."),
    row(
        "track",
        B,
        Since(1, 3),
        "[<backend>/]<server>",
        Set::Custom(track),
        "Follows the health of another server.",
    ),
];
