//! `set-log-level`, `set-nice`.

use super::{Action, ActionRow, Args, HTTP, HTTP_ALL, TCP_CONTENT, row};
use crate::parse::Parsed;
use crate::{RuleCx, Verdict};
use sample::ParseCx;

/// Names of the levels, most urgent first.
pub(crate) const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

#[derive(Debug)]
struct SetLogLevel {
    /// None is `silent`.
    level: Option<u8>,
}

impl Action for SetLogLevel {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        cx.effects.log_silent = self.level.is_none();
        if self.level.is_some() {
            cx.effects.log_level = self.level;
        }
        Verdict::Continue
    }
}

fn parse_level(args: &mut Args<'_>, _cx: &mut ParseCx<'_>) -> Parsed {
    let word = args.peek(0);
    let level = if word == b"silent" {
        None
    } else {
        let found =
            LEVELS.iter().position(|name| name.as_bytes() == word).and_then(|at| u8::try_from(at).ok());
        if found.is_none() {
            return Err("expects exactly 1 argument (log level name or 'silent')".to_owned());
        }
        found
    };
    args.at += 1;
    Ok(Box::new(SetLogLevel { level }))
}

#[derive(Debug)]
struct SetNice {
    nice: i32,
}

impl Action for SetNice {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        cx.effects.nice = Some(self.nice);
        Verdict::Continue
    }
}

fn parse_nice(args: &mut Args<'_>, _cx: &mut ParseCx<'_>) -> Parsed {
    if args.peek(0).is_empty() {
        return Err("expects exactly 1 argument (integer value)".to_owned());
    }
    let number = units::lenient_int(&args.shown(0)).clamp(-1024, 1024);
    args.at += 1;
    Ok(Box::new(SetNice { nice: i32::try_from(number).unwrap_or(0) }))
}

pub(crate) const ROWS: &[ActionRow] = &[
    row(
        "set-log-level",
        HTTP_ALL | TCP_CONTENT,
        (1, 5),
        "Chooses the level of the stream's log line, or none.",
        parse_level,
    ),
    row(
        "set-nice",
        HTTP | TCP_CONTENT,
        (1, 5),
        "A hint about the stream's priority among others.",
        parse_nice,
    ),
];
