//! `set-status`.

use super::{Action, ActionRow, Args, row, with_rendered};
use crate::parse::Parsed;
use crate::{RuleCx, RuleKind, Verdict, default_reason};
use log_format::LogFormat;
use sample::ParseCx;

#[derive(Debug)]
struct SetStatus {
    status: u16,
    reason: Option<LogFormat>,
}

impl Action for SetStatus {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        match &self.reason {
            None => set(cx, self.status, default_reason(self.status).as_bytes()),
            Some(reason) => with_rendered(cx, reason, |cx, reason| set(cx, self.status, reason)),
        }
        Verdict::Continue
    }
}

fn set(cx: &mut RuleCx<'_>, status: u16, reason: &[u8]) {
    if let Some(head) = cx.response.as_deref_mut() {
        head.set_status(status, reason);
    }
}

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    if args.peek(0).is_empty() {
        return Err("expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>".to_owned());
    }
    let status = std::str::from_utf8(args.take())
        .ok()
        .and_then(|t| t.parse::<u16>().ok())
        .filter(|s| (100..=999).contains(s));
    let Some(status) = status else {
        return Err("expects an integer status code between 100 and 999".to_owned());
    };
    let mut reason = None;
    if args.peek(0) == b"reason" && !matches!(args.peek(1), b"" | b"if" | b"unless") {
        args.at += 1;
        reason = Some(args.format(cx)?);
    }
    Ok(Box::new(SetStatus { status, reason }))
}

pub(crate) const ROWS: &[ActionRow] = &[row(
    "set-status",
    RuleKind::HttpResponse.bit() | RuleKind::HttpAfterResponse.bit(),
    (1, 6),
    "Replaces status and reason.",
    parse,
)];
