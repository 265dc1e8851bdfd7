//! `set-var`, `set-var-fmt`, `unset-var`.

use super::{Action, ActionRow, Args, HTTP_ALL, TCP_ALL, row, with_rendered};
use crate::parse::Parsed;
use crate::{RuleCx, Verdict};
use log_format::LogFormat;
use sample::conv::{SetIf, parse_set_conditions};
use sample::{Expr, ParseCx, Value, VarName};

#[derive(Debug)]
enum Source {
    Expr(Box<Expr>),
    Format(LogFormat),
    None,
}

#[derive(Debug)]
struct SetVar {
    name: VarName,
    conditions: Vec<SetIf>,
    source: Source,
}

impl Action for SetVar {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        match &self.source {
            Source::None => self.name.set(&cx.cx(), None),
            Source::Expr(expr) => {
                let cx = cx.cx();
                // No value: the variable keeps what it had.
                if let Some(value) = expr.value(&cx)
                    && SetIf::all(&self.conditions, &self.name, &value, &cx)
                {
                    self.name.set(&cx, Some(value));
                }
            }
            Source::Format(format) => with_rendered(cx, format, |cx, text| {
                let cx = cx.cx();
                let value = Value::str(text);
                if SetIf::all(&self.conditions, &self.name, &value, &cx) {
                    self.name.set(&cx, Some(value));
                }
            }),
        }
        Verdict::Continue
    }
}

const EXPECTS: &str = "Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or 'unset-var(<var-name>)'";

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let written = args.name;
    let Some(open) = written.find('(') else {
        return Err(format!("invalid or incomplete action '{written}'. {EXPECTS}"));
    };
    let (action, rest) = written.split_at(open);
    let Some(inner) = rest.get(1..).and_then(|rest| rest.strip_suffix(')')) else {
        return Err(format!("incomplete argument after action '{written}'. {EXPECTS}"));
    };
    let mut parts = inner.split(',');
    let name = parts.next().unwrap_or_default();
    if name.is_empty() {
        return Err("Empty variable name cannot be accepted".to_owned());
    }
    let name = VarName::parse(name.as_bytes())?;
    let words: Vec<&str> = parts.collect();
    let conditions = parse_set_conditions(words.iter().map(|w| w.as_bytes()))?;
    let source = match action {
        "unset-var" => Source::None,
        "set-var-fmt" => Source::Format(args.format(cx)?),
        _ => Source::Expr(Box::new(args.expr(cx)?)),
    };
    Ok(Box::new(SetVar { name, conditions, source }))
}

pub(crate) const ROWS: &[ActionRow] = &[
    row("set-var-fmt", HTTP_ALL | TCP_ALL, (2, 5), "Sets a variable to a formatted text.", parse)
        .with_suffix(),
    row("set-var", HTTP_ALL | TCP_ALL, (1, 6), "Sets a variable to the value of an expression.", parse)
        .with_suffix(),
    row("unset-var", HTTP_ALL | TCP_ALL, (1, 8), "Removes a variable.", parse).with_suffix(),
];
