//! `deny`, `tarpit`.

use super::http_reply::{HttpReply, parse_reply};
use super::{Action, ActionRow, Args, HTTP, REQUEST, row};
use crate::parse::Parsed;
use crate::{NamedErrors, RuleCx, RuleKind, Verdict};
use sample::ParseCx;

#[derive(Debug)]
struct Deny {
    reply: HttpReply,
    tarpit: bool,
}

impl Action for Deny {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        let (status, reply) = (self.reply.status(), self.reply.own(cx.log, &cx.cx()));
        if self.tarpit { Verdict::Tarpit { status, reply } } else { Verdict::Deny { status, reply } }
    }

    fn named_errors(&self) -> Option<&NamedErrors> {
        self.reply.named_errors()
    }
}

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let tarpit = args.name == "tarpit";
    let default = match args.kind {
        _ if tarpit => 500,
        RuleKind::HttpRequest => 403,
        _ => 502,
    };
    let reply = parse_reply(args, default, cx)?;
    Ok(Box::new(Deny { reply, tarpit }))
}

pub(crate) const ROWS: &[ActionRow] = &[
    row("deny", HTTP, (1, 3), "Refuses with an error page.", parse),
    row("tarpit", REQUEST, (1, 3), "Refuses with an error page after a delay.", parse),
];
