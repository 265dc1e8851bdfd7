//! `expect-proxy`, `expect-netscaler-cip`.

use super::{Action, ActionRow, Args, row};
use crate::parse::Parsed;
use crate::{RuleCx, RuleKind, Verdict};
use sample::ParseCx;

#[derive(Debug)]
struct Expect {
    netscaler: bool,
}

impl Action for Expect {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        if self.netscaler {
            cx.effects.expect_netscaler = true;
        } else {
            cx.effects.expect_proxy = true;
        }
        Verdict::Continue
    }
}

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let (set, name) = (args.kind.name(), args.name);
    if args.peek(0) != b"layer4" {
        let owner = crate::parse::owner(cx);
        return Err(format!("'{set} {name}' only supports 'layer4' in {owner} (got '{}')", args.shown(0)));
    }
    args.at += 1;
    if args.kind != RuleKind::TcpRequestConnection {
        let owner = crate::parse::owner(cx);
        return Err(format!("'{name} layer4' is not allowed in '{set}' rules in {owner}"));
    }
    Ok(Box::new(Expect { netscaler: name == "expect-netscaler-cip" }))
}

const KINDS: u8 = RuleKind::TcpRequestConnection.bit()
    | RuleKind::TcpRequestSession.bit()
    | RuleKind::TcpRequestContent.bit();

pub(crate) const ROWS: &[ActionRow] = &[
    row("expect-netscaler-cip", KINDS, (1, 7), "Expects a NetScaler client IP header.", parse),
    row("expect-proxy", KINDS, (1, 6), "Expects a PROXY protocol header.", parse),
];
