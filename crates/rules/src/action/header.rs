//! `set-header`, `add-header`, `del-header`.

use super::{Action, ActionRow, Args, HTTP_ALL, row, with_rendered};
use crate::parse::Parsed;
use crate::{RuleCx, Verdict};
use log_format::LogFormat;
use sample::ParseCx;
use sample::pattern::{Method, Regex};

#[derive(Debug)]
struct Put {
    name: Vec<u8>,
    value: LogFormat,
    replace: bool,
}

impl Action for Put {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        with_rendered(cx, &self.value, |cx, value| {
            let cost = self.name.len() + value.len() + 4;
            if cost > cx.room {
                return Verdict::Failed;
            }
            cx.room -= cost;
            let Some(head) = cx.message() else { return Verdict::Continue };
            if self.replace {
                head.set(&self.name, value);
            } else {
                head.append(&self.name, value);
            }
            Verdict::Continue
        })
    }
}

fn parse_put(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let replace = args.name == "set-header";
    if args.peek(0).is_empty() || args.peek(1).is_empty() {
        return Err("expects exactly 2 arguments".to_owned());
    }
    let name = args.take().to_ascii_lowercase();
    let value = args.format(cx)?;
    Ok(Box::new(Put { name, value, replace }))
}

#[derive(Debug)]
struct Delete {
    name: Vec<u8>,
    method: Method,
    regex: Option<Regex>,
}

impl Action for Delete {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        let Some(head) = cx.message() else { return Verdict::Continue };
        match (&self.regex, self.method) {
            (Some(regex), _) => head.retain(|field| !regex.is_match(field.name)),
            (None, Method::Beg) => head.retain(|field| !field.name.starts_with(&self.name)),
            (None, Method::End) => head.retain(|field| !field.name.ends_with(&self.name)),
            (None, Method::Sub) => head.retain(|field| !contains(field.name, &self.name)),
            (None, _) => {
                head.remove(&self.name);
            }
        }
        Verdict::Continue
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

fn parse_delete(args: &mut Args<'_>, _cx: &mut ParseCx<'_>) -> Parsed {
    if args.peek(0).is_empty() {
        return Err("expects at least 1 argument".to_owned());
    }
    let written = args.take();
    let mut method = Method::Str;
    if args.peek(0) == b"-m" {
        let word = args.peek(1);
        if word.is_empty() {
            return Err("-m flag expects exactly 1 argument".to_owned());
        }
        method = match word {
            b"str" => Method::Str,
            b"beg" => Method::Beg,
            b"end" => Method::End,
            b"sub" => Method::Sub,
            b"reg" => Method::Reg,
            _ => return Err(format!("-m with unsupported matching method '{}'", args.shown(1))),
        };
        args.at += 2;
    }
    let regex = if method == Method::Reg { Some(Regex::new(written, false)?) } else { None };
    Ok(Box::new(Delete { name: written.to_ascii_lowercase(), method, regex }))
}

pub(crate) const ROWS: &[ActionRow] = &[
    row("set-header", HTTP_ALL, (1, 5), "Replaces every field of a name by one.", parse_put),
    row("add-header", HTTP_ALL, (1, 5), "Adds a field.", parse_put),
    row("del-header", HTTP_ALL, (1, 5), "Removes the fields of a name.", parse_delete),
];
