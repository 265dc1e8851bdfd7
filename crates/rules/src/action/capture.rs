//! `capture`.

use super::{Action, ActionRow, Args, HTTP_ALL, row};
use crate::parse::Parsed;
use crate::{RuleCx, RuleKind, Verdict};
use sample::{Captured, Expr, ParseCx};

#[derive(Debug)]
struct Capture {
    expr: Expr,
    slot: usize,
    /// Limit of a slot that this rule declared; a slot of another's has its own.
    length: Option<usize>,
    response: bool,
}

impl Action for Capture {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        let cx = cx.cx();
        let Some(text) = self.expr.text_value(&cx) else { return Verdict::Continue };
        let declared = cx.stream.capture_lengths.as_ref().and_then(|lengths| {
            let side = if self.response { &lengths.1 } else { &lengths.0 };
            side.get(self.slot).copied()
        });
        // HAPROXY: a backend's rule is ignored when the frontend has no such slot.
        let Some(limit) = self.length.or(declared) else { return Verdict::Continue };
        let text = text.get(..limit.min(text.len())).unwrap_or_default();
        let mut captured = cx.stream.captured.borrow_mut();
        let side = if self.response { &mut captured.response } else { &mut captured.request };
        Captured::fill(side, self.slot, text);
        Verdict::Continue
    }
}

const EXPECTS: &str = "expects <expression> [ 'len' <length> | id <idx> ]";

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let response = args.kind.is_response();
    if args.peek(0).is_empty() {
        return Err(EXPECTS.to_owned());
    }
    let expr = args.expr(cx)?;
    let (word, argument) = (args.peek(0), args.shown(1));
    let number = units::lenient_int(&argument);
    match word {
        b"len" if !response && !argument.is_empty() => {
            let Some(length) = usize::try_from(number).ok().filter(|&n| n > 0) else {
                return Err("length must be > 0".to_owned());
            };
            if !cx.frontend && !cx.defaults {
                return Err(format!("proxy '{}' has no frontend capability", cx.proxy));
            }
            args.at += 2;
            let slot = cx.captures.request.len();
            cx.captures.request.push((Vec::new(), length));
            Ok(Box::new(Capture { expr, slot, length: Some(length), response }))
        }
        b"id" if !argument.is_empty() => {
            let Some(slot) = argument.parse::<usize>().ok() else {
                return Err(format!("cannot parse id '{argument}'"));
            };
            args.at += 2;
            cx.capture_uses.push((slot, response, format!("{} capture", args.kind.name())));
            Ok(Box::new(Capture { expr, slot, length: None, response }))
        }
        _ if response && !word.is_empty() => Err(format!("expects 'id', found '{}'", args.shown(0))),
        _ => Err(EXPECTS.to_owned()),
    }
}

fn parse_tcp(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let prefix = format!("'{} capture'", args.kind.name());
    if !cx.frontend && !cx.defaults {
        return Err(format!("{prefix} : proxy '{}' has no frontend capability", cx.proxy));
    }
    let expr = args.expr(cx)?;
    if args.peek(0) != b"len" {
        return Err(format!("{prefix} : a positive 'len' argument is mandatory"));
    }
    let number = units::lenient_int(&args.shown(1));
    let Some(length) = usize::try_from(number).ok().filter(|&n| n > 0) else {
        return Err(format!("{prefix} : a positive 'len' argument is mandatory"));
    };
    args.at += 2;
    let slot = cx.captures.request.len();
    cx.captures.request.push((Vec::new(), length));
    Ok(Box::new(Capture { expr, slot, length: Some(length), response: false }))
}

pub(crate) const ROWS: &[ActionRow] = &[
    row("capture", HTTP_ALL, (1, 5), "Keeps a value in a capture slot for the log.", parse),
    row(
        "capture",
        RuleKind::TcpRequestContent.bit(),
        (1, 6),
        "Keeps a value in a capture slot for the log.",
        parse_tcp,
    ),
];
