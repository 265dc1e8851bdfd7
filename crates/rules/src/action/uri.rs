//! `set-method`, `set-path`, `set-pathq`, `set-query`, `set-uri`, `replace-path`, `replace-pathq`, `replace-uri`.

use super::{Action, ActionRow, Args, REQUEST, row, with_rendered};
use crate::parse::Parsed;
use crate::{RuleCx, Verdict};
use http1::Head;
use log_format::LogFormat;
use sample::ParseCx;
use sample::pattern::Regex;
use sample::uri::{authority, path_and_query_of, path_of};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Method,
    Path,
    PathAndQuery,
    Query,
    Uri,
}

#[derive(Debug)]
struct Set {
    part: Part,
    value: LogFormat,
}

impl Action for Set {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        with_rendered(cx, &self.value, |cx, value| put(cx, self.part, value))
    }
}

fn put(cx: &mut RuleCx<'_>, part: Part, value: &[u8]) -> Verdict {
    if value.len() > cx.room {
        return Verdict::Failed;
    }
    let Some(head) = cx.request.as_deref_mut() else { return Verdict::Continue };
    if part == Part::Method {
        head.set_method(value);
        return Verdict::Continue;
    }
    let uri = head.uri().to_vec();
    if part == Part::Uri {
        head.set_uri(value);
        sync_host(head, value);
        return Verdict::Continue;
    }
    // The path's place in the target; a target without one has its path at its end.
    let pathq = path_and_query_of(&uri);
    let start = uri.len() - pathq.len();
    let path = path_of(&uri).len();
    let (from, to) = match part {
        Part::Path => (start, start + path),
        Part::PathAndQuery => (start, uri.len()),
        _ => (start + path, uri.len()),
    };
    let mut new = uri.get(..from).unwrap_or_default().to_vec();
    if part == Part::Query {
        new.push(b'?');
    }
    new.extend_from_slice(value);
    new.extend_from_slice(uri.get(to..).unwrap_or_default());
    head.set_uri(&new);
    Verdict::Continue
}

/// HAPROXY: a new target that is not in origin form takes its authority into the `host` field.
fn sync_host(head: &mut Head, uri: &[u8]) {
    if matches!(uri.first(), None | Some(b'/' | b'*')) {
        return;
    }
    let host = match authority(uri) {
        Some(authority) => authority
            .iter()
            .rposition(|&b| b == b'@')
            .and_then(|at| authority.get(at + 1..))
            .unwrap_or(authority),
        None => uri,
    };
    let index = head.fields().position(|field| field.name == b"host");
    if let Some(index) = index {
        head.set_value(index, host);
    }
}

fn parse_set(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let part = match args.name {
        "set-method" => Part::Method,
        "set-path" => Part::Path,
        "set-pathq" => Part::PathAndQuery,
        "set-query" => Part::Query,
        _ => Part::Uri,
    };
    let more = args.peek(1);
    if args.peek(0).is_empty() || !matches!(more, b"" | b"if" | b"unless") {
        return Err("expects exactly 1 argument <format>".to_owned());
    }
    Ok(Box::new(Set { part, value: args.format(cx)? }))
}

#[derive(Debug)]
struct Replace {
    part: Part,
    regex: Regex,
    template: LogFormat,
}

impl Action for Replace {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        with_rendered(cx, &self.template, |cx, template| {
            let Some(head) = cx.request.as_deref() else { return Verdict::Continue };
            let uri = head.uri();
            let subject = match self.part {
                Part::Path => path_of(uri),
                Part::PathAndQuery => path_and_query_of(uri),
                _ => uri,
            };
            let Some(groups) = self.regex.groups(subject, 0) else { return Verdict::Continue };
            let mut new = Vec::with_capacity(subject.len() + template.len());
            Regex::expand(template, &groups, subject, &mut new);
            put(cx, self.part, &new)
        })
    }
}

fn parse_replace(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let part = match args.name {
        "replace-path" => Part::Path,
        "replace-pathq" => Part::PathAndQuery,
        _ => Part::Uri,
    };
    let more = args.peek(2);
    if args.peek(0).is_empty() || args.peek(1).is_empty() || !matches!(more, b"" | b"if" | b"unless") {
        return Err("expects exactly 2 arguments <match-regex> and <replace-format>".to_owned());
    }
    let regex = Regex::new(args.take(), false)?;
    Ok(Box::new(Replace { part, regex, template: args.format(cx)? }))
}

pub(crate) const ROWS: &[ActionRow] = &[
    row("set-method", REQUEST, (1, 6), "Replaces the method.", parse_set),
    row("set-path", REQUEST, (1, 6), "Replaces the path and keeps the query.", parse_set),
    row("set-pathq", REQUEST, (2, 2), "Replaces path and query.", parse_set),
    row("set-query", REQUEST, (1, 6), "Replaces the query.", parse_set),
    row("set-uri", REQUEST, (1, 6), "Replaces the whole request target.", parse_set),
    row("replace-path", REQUEST, (2, 2), "Rewrites the path.", parse_replace),
    row("replace-pathq", REQUEST, (2, 2), "Rewrites path and query.", parse_replace),
    row("replace-uri", REQUEST, (2, 1), "Rewrites the whole request target.", parse_replace),
];
