//! `early-hint`.

use super::{Action, ActionRow, Args, REQUEST, row, with_rendered};
use crate::parse::Parsed;
use crate::{RuleCx, Verdict};
use log_format::LogFormat;
use sample::ParseCx;

#[derive(Debug)]
struct EarlyHint {
    name: Vec<u8>,
    value: LogFormat,
}

impl Action for EarlyHint {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        with_rendered(cx, &self.value, |cx, value| {
            if let Some(hints) = cx.effects.early_hints.last_mut() {
                hints.push((self.name.clone(), value.to_vec()));
            }
        });
        Verdict::Continue
    }

    fn is_early_hint(&self) -> bool {
        true
    }
}

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    if args.peek(0).is_empty() || args.peek(1).is_empty() {
        return Err("expects exactly 2 arguments".to_owned());
    }
    let name = args.take().to_ascii_lowercase();
    Ok(Box::new(EarlyHint { name, value: args.format(cx)? }))
}

pub(crate) const ROWS: &[ActionRow] =
    &[row("early-hint", REQUEST, (1, 9), "Adds a field to a 103 response sent at once.", parse)];
