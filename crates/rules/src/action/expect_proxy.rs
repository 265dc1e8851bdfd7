//! `expect-proxy`.

use super::{Action, ActionRow, Args, row};
use crate::parse::Parsed;
use crate::{RuleCx, RuleKind, Verdict};
use sample::ParseCx;

#[derive(Debug)]
struct ExpectProxy;

impl Action for ExpectProxy {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        cx.effects.expect_proxy = true;
        Verdict::Continue
    }
}

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let set = args.kind.name();
    if args.peek(0) != b"layer4" {
        let owner = crate::parse::owner(cx);
        return Err(format!(
            "'{set} expect-proxy' only supports 'layer4' in {owner} (got '{}')",
            args.shown(0)
        ));
    }
    args.at += 1;
    if args.kind != RuleKind::TcpRequestConnection {
        let owner = crate::parse::owner(cx);
        return Err(format!("'expect-proxy layer4' is not allowed in '{set}' rules in {owner}"));
    }
    Ok(Box::new(ExpectProxy))
}

const KINDS: u8 = RuleKind::TcpRequestConnection.bit()
    | RuleKind::TcpRequestSession.bit()
    | RuleKind::TcpRequestContent.bit();

pub(crate) const ROWS: &[ActionRow] =
    &[row("expect-proxy", KINDS, (1, 6), "Expects a PROXY protocol header.", parse)];
