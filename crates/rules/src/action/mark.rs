//! `set-fc-mark`, `set-fc-tos`, `set-bc-mark`, `set-bc-tos`, and `set-mark` and `set-tos`, the older names of the first two.

use super::{Action, ActionRow, Args, HTTP, REQUEST, TCP_ALL, row};
use crate::parse::Parsed;
use crate::{RuleCx, RuleKind, Verdict};
use sample::{Expr, ParseCx};

#[derive(Debug)]
enum Number {
    Constant(u32),
    Expr(Expr),
}

#[derive(Debug)]
struct SetMark {
    number: Number,
    /// The server's side; else the client's.
    server: bool,
    /// The TOS field; else the mark.
    tos: bool,
}

impl Action for SetMark {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        let number = match &self.number {
            Number::Constant(number) => Some(*number),
            // The low 32 bits, as the reference takes them.
            Number::Expr(expr) => expr.value(&cx.cx()).and_then(|v| v.to_int()).map(|n| n as u32),
        };
        if let Some(number) = number {
            let side =
                if self.server { &mut cx.effects.server_marking } else { &mut cx.effects.client_marking };
            if self.tos {
                side.tos = Some((number & 0xff) as u8);
            } else {
                side.mark = Some(number);
            }
        }
        Verdict::Continue
    }
}

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    if args.peek(0).is_empty() {
        return Err("expects an argument".to_owned());
    }
    let number = match constant(args.peek(0)) {
        Some(number) => {
            args.at += 1;
            Number::Constant(number)
        }
        None => {
            // HAPROXY: in every rule set, what it may ask about is what an HTTP request offers.
            let offered = RuleKind::HttpRequest.places(cx);
            let places = std::mem::replace(&mut cx.places, offered);
            let expr = args.expr(cx);
            cx.places = places;
            Number::Expr(expr?)
        }
    };
    Ok(Box::new(SetMark {
        number,
        server: args.name.starts_with("set-bc-"),
        tos: args.name.ends_with("tos"),
    }))
}

/// A number as `strtoul` reads it: `0x` is hexadecimal, a leading zero octal; none when something else follows.
fn constant(word: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(word).ok()?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (16, hex),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = u64::from_str_radix(digits, radix).ok()? as u32;
    Some(if negative { number.wrapping_neg() } else { number })
}

const CLIENT: u8 = TCP_ALL | HTTP;
const SERVER: u8 = REQUEST | RuleKind::TcpRequestContent.bit();

pub(crate) const ROWS: &[ActionRow] = &[
    row("set-bc-mark", SERVER, (3, 0), "The mark of the packets to the server.", parse),
    row("set-bc-tos", SERVER, (3, 0), "The TOS field of the packets to the server.", parse),
    row("set-fc-mark", CLIENT, (3, 0), "The mark of the packets to the client.", parse),
    row("set-fc-tos", CLIENT, (3, 0), "The TOS field of the packets to the client.", parse),
    row("set-mark", CLIENT, (1, 5), "Older name of set-fc-mark.", parse),
    row("set-tos", CLIENT, (1, 5), "Older name of set-fc-tos.", parse),
];

#[cfg(test)]
mod tests {
    use super::constant;

    #[test]
    fn constants() {
        for (text, number) in [
            ("5", Some(5)),
            ("0", Some(0)),
            ("0x1F", Some(31)),
            ("010", Some(8)),
            ("-5", Some(u32::MAX - 4)),
            ("4294967297", Some(1)),
            ("5x", None),
            ("0x", None),
            ("--5", None),
            ("src_port", None),
        ] {
            assert_eq!(constant(text.as_bytes()), number, "{text}");
        }
    }
}
