//! `allow`, `accept`, `reject`, `close`, `silent-drop`.

use super::{Action, ActionRow, Args, HTTP, HTTP_ALL, REQUEST, TCP_ALL, row};
use crate::parse::Parsed;
use crate::{RuleCx, RuleKind, Verdict};
use sample::ParseCx;

#[derive(Debug)]
enum Flow {
    Allow,
    Reject,
    Close,
    SilentDrop,
}

impl Action for Flow {
    fn run(&self, _cx: &mut RuleCx<'_>) -> Verdict {
        match self {
            Self::Allow => Verdict::Allow,
            Self::Reject => Verdict::Reject,
            Self::Close => Verdict::CloseServer,
            Self::SilentDrop => Verdict::SilentDrop { rst_ttl: None },
        }
    }
}

fn parse_plain(args: &mut Args<'_>, _cx: &mut ParseCx<'_>) -> Parsed {
    Ok(Box::new(match args.name {
        "allow" | "accept" => Flow::Allow,
        "close" => Flow::Close,
        _ => Flow::Reject,
    }))
}

fn parse_silent_drop(args: &mut Args<'_>, _cx: &mut ParseCx<'_>) -> Parsed {
    if args.peek(0) != b"rst-ttl" {
        return Ok(Box::new(Flow::SilentDrop));
    }
    args.at += 1;
    let text = args.shown(0);
    if text.is_empty() {
        return Err("missing rst-ttl value\n".to_owned());
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.get(digits..).unwrap_or_default();
    if !rest.is_empty() {
        return Err(format!("invalid character starting at '{rest}' (value 1-255 expected)\n"));
    }
    if text.parse::<u8>().is_ok_and(|n| n > 0) {
        return Err("'rst-ttl' is not implemented yet in haproxy-rs".to_owned());
    }
    Err("valid rst-ttl values are [1-255]\n".to_owned())
}

pub(crate) const ROWS: &[ActionRow] = &[
    row("allow", HTTP_ALL, (1, 3), "Ends this rule set; the next one follows.", parse_plain),
    row("accept", TCP_ALL, (1, 3), "Ends this rule set; the next one follows.", parse_plain),
    row("reject", TCP_ALL | REQUEST, (1, 3), "Closes the connection without an answer.", parse_plain),
    row("close", RuleKind::TcpResponseContent.bit(), (1, 6), "Closes the server connection.", parse_plain),
    row(
        "silent-drop",
        TCP_ALL | HTTP,
        (1, 6),
        "Makes the client connection vanish without telling the client.",
        parse_silent_drop,
    ),
];
