//! `strict-mode`.

use super::{Action, ActionRow, Args, HTTP_ALL, row};
use crate::parse::Parsed;
use crate::{RuleCx, Verdict};
use sample::ParseCx;

#[derive(Debug)]
struct StrictMode {
    on: bool,
}

impl Action for StrictMode {
    fn run(&self, _cx: &mut RuleCx<'_>) -> Verdict {
        Verdict::Continue
    }

    fn lenient(&self) -> Option<bool> {
        Some(!self.on)
    }
}

fn parse(args: &mut Args<'_>, _cx: &mut ParseCx<'_>) -> Parsed {
    let on = match args.peek(0) {
        b"" => return Err("expects exactly 1 arguments".to_owned()),
        b"on" => true,
        b"off" => false,
        _ => return Err(format!("Unexpected value '{}'. Only 'on' and 'off' are supported", args.shown(0))),
    };
    args.at += 1;
    Ok(Box::new(StrictMode { on }))
}

pub(crate) const ROWS: &[ActionRow] =
    &[row("strict-mode", HTTP_ALL, (2, 2), "Whether failed rewrites are errors.", parse)];
