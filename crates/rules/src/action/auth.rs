//! `auth`.

use super::{Action, ActionRow, Args, REQUEST, row};
use crate::parse::Parsed;
use crate::{RuleCx, Verdict};
use sample::ParseCx;

#[derive(Debug)]
struct Auth {
    challenge: Vec<u8>,
}

impl Action for Auth {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        Verdict::Auth {
            status: if cx.stream.to_a_proxy { 407 } else { 401 },
            challenge: self.challenge.clone(),
        }
    }
}

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let mut realm = cx.proxy.as_bytes().to_vec();
    if args.peek(0) == b"realm" {
        args.at += 1;
        if args.peek(0).is_empty() {
            return Err("missing realm value.\n".to_owned());
        }
        realm = args.take().to_vec();
    }
    let mut challenge = b"Basic realm=\"".to_vec();
    challenge.extend_from_slice(&realm);
    challenge.push(b'"');
    Ok(Box::new(Auth { challenge }))
}

pub(crate) const ROWS: &[ActionRow] =
    &[row("auth", REQUEST, (1, 4), "Asks for a user name and a password.", parse)];
