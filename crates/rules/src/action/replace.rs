//! `replace-header`, `replace-value`.

use super::{Action, ActionRow, Args, HTTP_ALL, row, with_rendered};
use crate::parse::Parsed;
use crate::{RuleCx, Verdict};
use log_format::LogFormat;
use sample::ParseCx;
use sample::pattern::Regex;
use sample::uri::List;

#[derive(Debug)]
struct Replace {
    name: Vec<u8>,
    regex: Regex,
    template: LogFormat,
    /// Whether each comma-separated value is looked at by itself.
    each: bool,
}

impl Replace {
    /// The new value when the regular expression matched. HAPROXY: a match replaces the whole value, not only what matched.
    fn replaced(&self, value: &[u8], template: &[u8]) -> Option<Vec<u8>> {
        let groups = self.regex.groups(value, 0)?;
        let mut out = Vec::with_capacity(value.len() + template.len());
        Regex::expand(template, &groups, value, &mut out);
        Some(out)
    }

    fn new_value(&self, value: &[u8], template: &[u8]) -> Option<Vec<u8>> {
        if !self.each {
            return self.replaced(value, template);
        }
        let mut out = Vec::with_capacity(value.len());
        let mut rest = 0;
        let mut changed = false;
        for part in List::new(value) {
            // `part` is a slice of `value`: what lies between parts is kept as it is, but blanks before a replaced one.
            let start = (part.as_ptr() as usize).wrapping_sub(value.as_ptr() as usize).min(value.len());
            let between = value.get(rest..start).unwrap_or_default();
            match self.replaced(part, template) {
                Some(new) => {
                    out.extend(between.iter().copied().filter(|b| *b != b' ' && *b != b'\t'));
                    out.extend_from_slice(&new);
                    changed = true;
                }
                None => {
                    out.extend_from_slice(between);
                    out.extend_from_slice(part);
                }
            }
            rest = start + part.len();
        }
        out.extend_from_slice(value.get(rest..).unwrap_or_default());
        changed.then_some(out)
    }
}

impl Action for Replace {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        with_rendered(cx, &self.template, |cx, template| {
            let room = cx.room;
            let Some(head) = cx.message() else { return Verdict::Continue };
            let changes: Vec<(usize, Vec<u8>)> = head
                .fields()
                .enumerate()
                .filter(|(_, field)| field.name == self.name)
                .filter_map(|(index, field)| self.new_value(field.value, template).map(|new| (index, new)))
                .collect();
            if changes.iter().map(|(_, new)| new.len()).sum::<usize>() > room {
                return Verdict::Failed;
            }
            for (index, new) in changes {
                head.set_value(index, &new);
            }
            Verdict::Continue
        })
    }
}

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let each = args.name == "replace-value";
    if args.peek(0).is_empty() || args.peek(1).is_empty() || args.peek(2).is_empty() {
        return Err("expects exactly 3 arguments".to_owned());
    }
    let name = args.take().to_ascii_lowercase();
    let regex = Regex::new(args.take(), false)?;
    let template = args.format(cx)?;
    Ok(Box::new(Replace { name, regex, template, each }))
}

pub(crate) const ROWS: &[ActionRow] = &[
    row("replace-header", HTTP_ALL, (1, 5), "Rewrites whole field values.", parse),
    row("replace-value", HTTP_ALL, (1, 5), "Rewrites each value of lists.", parse),
];
