//! `set-src`, `set-src-port`, `set-dst`, `set-dst-port`.

use super::{Action, ActionRow, Args, REQUEST, row};
use crate::parse::Parsed;
use crate::{RuleCx, RuleKind, Verdict};
use sample::{Expr, ParseCx, Value};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

#[derive(Debug)]
struct SetAddress {
    expr: Expr,
    port: bool,
    source: bool,
}

impl Action for SetAddress {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        let old = if self.source {
            cx.effects.source.or(cx.session.src)
        } else {
            cx.effects.destination.or(cx.session.dst)
        };
        let value = self.expr.value(&cx.cx());
        let new = if self.port {
            let ip = old.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |old| old.ip());
            // The low 16 bits, as the reference takes them.
            value.and_then(|v: Value<'_>| v.to_int()).map(|n| SocketAddr::new(ip, (n & 0xffff) as u16))
        } else {
            // The port stays, when there is one.
            value
                .and_then(|v: Value<'_>| v.to_ip())
                .map(|ip| SocketAddr::new(ip, old.map_or(0, |old| old.port())))
        };
        if new.is_some() {
            let side = if self.source { &mut cx.effects.source } else { &mut cx.effects.destination };
            *side = new;
        }
        Verdict::Continue
    }
}

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let port = matches!(args.name, "set-src-port" | "set-dst-port");
    let source = args.name.starts_with("set-src");
    Ok(Box::new(SetAddress { expr: args.expr(cx)?, port, source }))
}

const KINDS: u8 = REQUEST
    | RuleKind::TcpRequestConnection.bit()
    | RuleKind::TcpRequestSession.bit()
    | RuleKind::TcpRequestContent.bit();

pub(crate) const ROWS: &[ActionRow] = &[
    row("set-dst", KINDS, (1, 7), "Where a server without an address is taken to be.", parse),
    row("set-dst-port", KINDS, (1, 7), "At which port a server without a port is taken to be.", parse),
    row("set-src", KINDS, (1, 7), "What the client's address is taken for from here on.", parse),
    row("set-src-port", KINDS, (1, 7), "What the client's port is taken for from here on.", parse),
];
