//! `set-timeout`, `set-priority-class`, `set-priority-offset`, `disable-l7-retry`.

use super::{Action, ActionRow, Args, HTTP, REQUEST, row};
use crate::parse::Parsed;
use crate::{RuleCx, RuleKind, Verdict};
use sample::{Expr, ParseCx};
use std::time::Duration;
use units::Unit;

#[derive(Clone, Copy, Debug)]
enum Which {
    Client,
    Server,
    Tunnel,
}

#[derive(Debug)]
enum Value {
    Fixed(Duration),
    Expr(Box<Expr>),
}

#[derive(Debug)]
struct SetTimeout {
    which: Which,
    value: Value,
}

impl Action for SetTimeout {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        let value = match &self.value {
            Value::Fixed(value) => *value,
            Value::Expr(expr) => {
                let Some(ms) = expr
                    .value(&cx.cx())
                    .and_then(|v| v.to_int())
                    .and_then(|n| u64::try_from(n).ok())
                    .filter(|&n| n > 0)
                else {
                    return Verdict::Continue;
                };
                Duration::from_millis(ms)
            }
        };
        let timeouts = &mut cx.effects.timeouts;
        match self.which {
            Which::Client => timeouts.client = Some(value),
            Which::Server => timeouts.server = Some(value),
            Which::Tunnel => timeouts.tunnel = Some(value),
        }
        Verdict::Continue
    }
}

fn parse_timeout(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    if args.peek(0).is_empty() || args.peek(1).is_empty() {
        return Err("expects exactly 2 arguments".to_owned());
    }
    let name = args.shown(0);
    let which = match args.take() {
        b"client" => Which::Client,
        b"server" => Which::Server,
        b"tunnel" => Which::Tunnel,
        _ => return Err(format!("'set-timeout' rule supports 'server'/'tunnel'/'client' (got '{name}')")),
    };
    // A defaults section is for proxies that are not known yet.
    let capable = match which {
        Which::Client => (cx.frontend, "frontend"),
        Which::Server | Which::Tunnel => (cx.backend, "backend"),
    };
    if let (false, side) = capable
        && !cx.defaults
    {
        return Err(format!("'{}' has no {side} capability", cx.proxy));
    }
    let text = args.shown(0);
    let value = match units::parse_delay(&text, Unit::Milliseconds) {
        Ok(delay) => {
            args.at += 1;
            Value::Fixed(delay)
        }
        Err(_) => {
            let start = args.at;
            match args.expr(cx) {
                Ok(expr) => Value::Expr(Box::new(expr)),
                Err(error) if sample::fetch::find(fetch_name(&text)).is_some() => return Err(error),
                Err(_) => {
                    args.at = start;
                    let bad = text.chars().find(|c| !c.is_ascii_digit()).unwrap_or('?');
                    return Err(format!("unexpected character '{bad}' in rule 'set-timeout {name}'"));
                }
            }
        }
    };
    let (able, side) = match which {
        Which::Client => (cx.frontend || cx.defaults, "frontend"),
        Which::Server | Which::Tunnel => (cx.backend || cx.defaults, "backend"),
    };
    if !able {
        return Err(format!("'{}' has no {side} capability", cx.proxy));
    }
    if matches!(value, Value::Fixed(value) if value.is_zero()) {
        return Err(format!("null value is not valid for a 'set-timeout {name}' rule"));
    }
    Ok(Box::new(SetTimeout { which, value }))
}

fn fetch_name(text: &str) -> &[u8] {
    text.split(['(', ',']).next().unwrap_or_default().as_bytes()
}

#[derive(Debug)]
struct SetPriority {
    expr: Expr,
    class: bool,
}

impl Action for SetPriority {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        let value = self.expr.value(&cx.cx()).and_then(|v| v.to_int());
        if let Some(value) = value {
            if self.class {
                cx.effects.priority_class = Some(value.clamp(-2047, 2047));
            } else {
                cx.effects.priority_offset = Some(value.clamp(-524_287, 524_287));
            }
        }
        Verdict::Continue
    }
}

fn parse_priority(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let class = args.name == "set-priority-class";
    Ok(Box::new(SetPriority { expr: args.expr(cx)?, class }))
}

#[derive(Debug)]
struct DisableL7Retry;

impl Action for DisableL7Retry {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        cx.effects.no_l7_retry = true;
        Verdict::Continue
    }
}

fn parse_disable(_args: &mut Args<'_>, _cx: &mut ParseCx<'_>) -> Parsed {
    Ok(Box::new(DisableL7Retry))
}

pub(crate) const ROWS: &[ActionRow] = &[
    row("set-timeout", HTTP, (2, 4), "Overrides a timeout for this stream.", parse_timeout),
    row(
        "set-priority-class",
        REQUEST | RuleKind::TcpRequestContent.bit(),
        (1, 9),
        "Class of the stream in queues; lower goes first.",
        parse_priority,
    ),
    row(
        "set-priority-offset",
        REQUEST | RuleKind::TcpRequestContent.bit(),
        (1, 9),
        "Time in ms added to the stream's arrival in queues.",
        parse_priority,
    ),
    row("disable-l7-retry", REQUEST, (2, 0), "No retry after the request was sent.", parse_disable),
];
