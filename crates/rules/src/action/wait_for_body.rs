//! `wait-for-body`.

use super::{Action, ActionRow, Args, HTTP, row};
use crate::parse::Parsed;
use crate::{Need, RuleCx, Verdict};
use sample::ParseCx;
use std::time::Duration;
use units::Unit;

#[derive(Debug)]
struct WaitForBody {
    timeout: Duration,
    at_least: u64,
}

impl Action for WaitForBody {
    fn run(&self, _cx: &mut RuleCx<'_>) -> Verdict {
        Verdict::Wait(Need::Body { timeout: self.timeout, at_least: self.at_least })
    }
}

fn parse(args: &mut Args<'_>, _cx: &mut ParseCx<'_>) -> Parsed {
    const EXPECTS: &str = "expects time <time> [ at-least <bytes> ]";
    let (mut timeout, mut at_least) = (None, 0);
    while !args.ended() {
        let (word, argument) = (args.shown(0), args.shown(1));
        if !matches!(word.as_str(), "time" | "at-least") {
            return Err(EXPECTS.to_owned());
        }
        if argument.is_empty() {
            return Err(format!("missing argument for '{word}'"));
        }
        let bad = |at: char| format!("unexpected character '{at}'");
        let first_bad = argument.chars().find(|c| !c.is_ascii_digit()).unwrap_or('?');
        if word == "time" {
            timeout = Some(units::parse_delay(&argument, Unit::Milliseconds).map_err(|_| bad(first_bad))?);
        } else {
            at_least = units::parse_size(&argument).map_err(|_| bad(first_bad))?;
        }
        args.at += 2;
    }
    let Some(timeout) = timeout else { return Err(EXPECTS.to_owned()) };
    Ok(Box::new(WaitForBody { timeout, at_least }))
}

pub(crate) const ROWS: &[ActionRow] =
    &[row("wait-for-body", HTTP, (2, 4), "Waits for the body, or a part of it.", parse)];
