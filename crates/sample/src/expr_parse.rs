//! The grammar of sample expressions: `fetch(arg,…),converter(arg,…) converter …`, and the criterion of an ACL.

use crate::arg::{Arg, ArgType};
use crate::pattern::{Method, Regex};
use crate::{Expr, NamedUserList, ParseCx, Reference, ReferenceKind, Type, conv, fetch, known};
use config_text::{Problem, Word};
use std::sync::Arc;

/// An expression in words of its own.
pub(crate) fn words(words: &[Word], at: &mut usize, cx: &mut ParseCx<'_>) -> Result<Expr, Problem> {
    let word = words.get(*at).map_or(&b""[..], |w| w.as_ref());
    let mut cursor = Cursor { text: word, at: 0 };
    let mut expr = fetch_part(&mut cursor, Label::Fetch, cx)?;
    converters(&mut expr, cursor, words, at, Label::Fetch, cx)?;
    Ok(expr)
}

/// An expression at the start of a longer text: what follows `%[`.
pub(crate) fn prefix(text: &[u8], cx: &mut ParseCx<'_>) -> Result<(Expr, usize), Problem> {
    let mut cursor = Cursor { text, at: 0 };
    let mut expr = fetch_part(&mut cursor, Label::Fetch, cx)?;
    while cursor.peek() == Some(b',') {
        cursor.at += 1;
        let name = cursor.name();
        let Some(row) = conv::find(name) else { return Err(unknown_converter(name)) };
        let previous = expr.output();
        converter_part(&mut expr, row, previous, &mut cursor, Label::Fetch, cx)?;
    }
    expr.set_text(String::from_utf8_lossy(text.get(..cursor.at).unwrap_or_default()).into_owned());
    Ok((expr, cursor.at))
}

/// The criterion of an ACL: an ACL keyword or a fetch, with converters. Returns the method that the keyword stands for and the index
/// of the first word after it.
pub(crate) fn criterion(
    words: &[Word],
    cx: &mut ParseCx<'_>,
) -> Result<(Expr, Option<Method>, usize), Problem> {
    let word = words.first().map_or(&b""[..], |w| w.as_ref());
    let mut cursor = Cursor { text: word, at: 0 };
    let name = Cursor { text: word, at: 0 }.name();
    let derivative = known::DERIVATIVES.iter().find(|(n, _, _)| n.as_bytes() == name);
    let label = if derivative.is_some() { Label::Acl } else { Label::Fetch };
    let context = std::mem::replace(&mut cx.context, "\0acl");
    let parsed = match derivative {
        None => fetch_part(&mut cursor, label, cx),
        Some((keyword, target, _)) => {
            cursor.at = name.len();
            match fetch::find(target.as_bytes()) {
                None => Err(not_yet(keyword)),
                Some(row) => with_args(row, keyword, &mut cursor, label, cx),
            }
        }
    };
    let mut at = 0;
    let parsed =
        parsed.and_then(|mut expr| converters(&mut expr, cursor, words, &mut at, label, cx).map(|()| expr));
    cx.context = context;
    let expr = parsed.map_err(|mut problem| {
        if derivative.is_none() {
            problem.message =
                format!("{} in ACL expression '{}'", problem.message, String::from_utf8_lossy(word));
        }
        problem
    })?;
    Ok((expr, derivative.map(|&(_, _, method)| method), at))
}

/// How messages name the keyword that arguments belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Fetch,
    Acl,
}

#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn name(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let end = rest
            .iter()
            .position(|&b| !(b.is_ascii_alphanumeric() || b"._-+:".contains(&b)))
            .unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }
}

fn not_yet(name: &str) -> Problem {
    Problem {
        message: format!("'{name}' is not implemented yet in haproxy-rs"),
        span: None,
        hint: Some("the reference knows this keyword; this implementation does not obey it yet".to_owned()),
    }
}

fn unknown_converter(name: &[u8]) -> Problem {
    let shown = String::from_utf8_lossy(name);
    match known::CONVERTERS.iter().find(|n| n.as_bytes() == name) {
        Some(name) => not_yet(name),
        None => Problem::new(format!("unknown converter '{shown}'")),
    }
}

fn fetch_part(cursor: &mut Cursor<'_>, label: Label, cx: &mut ParseCx<'_>) -> Result<Expr, Problem> {
    let name = cursor.name();
    if name.is_empty() {
        return Err(Problem::new("missing fetch method"));
    }
    let Some(row) = fetch::find(name) else {
        return Err(match known::FETCHES.iter().find(|n| n.as_bytes() == name) {
            Some(name) => not_yet(name),
            None => Problem::new(format!("unknown fetch method '{}'", String::from_utf8_lossy(name))),
        });
    };
    with_args(row, row.name, cursor, label, cx)
}

fn with_args(
    row: &'static crate::FetchRow,
    name: &'static str,
    cursor: &mut Cursor<'_>,
    label: Label,
    cx: &mut ParseCx<'_>,
) -> Result<Expr, Problem> {
    let keyword = |cx: &ParseCx<'_>| match cx.context {
        "\0acl" => format!("ACL keyword '{name}'"),
        _ => format!("sample fetch keyword '{name}'"),
    };
    let used_in = keyword(cx);
    let mut args = arguments(cursor, row.args, row.required, &used_in, cx).map_err(|(_, message)| {
        Problem::new(match label {
            Label::Fetch => format!("fetch method '{name}' : {message}"),
            Label::Acl => format!("ACL keyword '{name}' : {message}"),
        })
    })?;
    if let Some(check) = row.check {
        check(&mut args, cx).map_err(|message| {
            Problem::new(match label {
                Label::Fetch => format!("invalid args in fetch method '{name}' : {message}"),
                Label::Acl => format!("in argument to '{name}', {message}"),
            })
        })?;
    }
    let text = String::from_utf8_lossy(cursor.text.get(..cursor.at).unwrap_or_default()).into_owned();
    Ok(Expr::new(row, args.into(), text))
}

fn converters<'a>(
    expr: &mut Expr,
    mut cursor: Cursor<'a>,
    words: &'a [Word],
    at: &mut usize,
    label: Label,
    cx: &mut ParseCx<'_>,
) -> Result<(), Problem> {
    let prefixed = |problem: Problem| match label {
        Label::Fetch => problem,
        Label::Acl => Problem {
            message: format!("ACL keyword '{}' : {}", expr_name(words), problem.message),
            ..problem
        },
    };
    let mut after: Option<&'static str> = None;
    loop {
        match cursor.peek() {
            Some(b',') => cursor.at += 1,
            Some(_) if cursor.at > 0 => {
                return Err(prefixed(Problem::new(match after {
                    None => "missing comma after fetch keyword".to_owned(),
                    Some(converter) => format!("missing comma after converter '{converter}'"),
                })));
            }
            _ => {}
        }
        let same_word = cursor.peek().is_some();
        if !same_word {
            *at += 1;
            let Some(word) = words.get(*at) else { return Ok(()) };
            cursor = Cursor { text: word.as_ref(), at: 0 };
        }
        let name = cursor.name();
        let Some(row) = conv::find(name) else {
            if same_word {
                return Err(prefixed(unknown_converter(name)));
            }
            return Ok(());
        };
        let rest = cursor.peek();
        if !same_word && !matches!(rest, None | Some(b',' | b'(')) {
            return Ok(());
        }
        let previous = expr.output();
        converter_part(expr, row, previous, &mut cursor, label, cx).map_err(prefixed)?;
        after = Some(row.name);
    }
}

fn expr_name(words: &[Word]) -> String {
    let word = words.first().map_or(&b""[..], |w| w.as_ref());
    String::from_utf8_lossy(Cursor { text: word, at: 0 }.name()).into_owned()
}

fn converter_part(
    expr: &mut Expr,
    row: &'static crate::ConverterRow,
    previous: Type,
    cursor: &mut Cursor<'_>,
    label: Label,
    cx: &mut ParseCx<'_>,
) -> Result<(), Problem> {
    if !previous.casts_to(row.input) {
        return Err(Problem::new(format!("converter '{}' cannot be applied", row.name)));
    }
    let of =
        if label == Label::Acl || cx.context == "\0acl" { "ACL keyword" } else { "sample fetch keyword" };
    let used_in = format!("conversion keyword '{}' for {of} '{}'", row.name, expr.fetch().name);
    let mut args = arguments(cursor, row.args, row.required, &used_in, cx).map_err(|(index, message)| {
        Problem::new(format!("invalid arg {index} in converter '{}' : {message}", row.name))
    })?;
    if let Some(check) = row.check {
        check(&mut args, cx).map_err(|message| {
            Problem::new(format!("invalid args in converter '{}' : {message}", row.name))
        })?;
    }
    expr.push(row, args.into());
    Ok(())
}

/// Parses `(a,b)` when it is there. The error carries the number of the argument.
fn arguments(
    cursor: &mut Cursor<'_>,
    types: &[ArgType],
    required: u8,
    keyword: &str,
    cx: &mut ParseCx<'_>,
) -> Result<Vec<Arg>, (usize, String)> {
    let required = usize::from(required);
    let mut args = Vec::with_capacity(types.len());
    let mut closed = true;
    if cursor.peek() == Some(b'(') {
        cursor.at += 1;
        closed = false;
        while args.len() < types.len() && cursor.peek() != Some(b')') {
            let Some(&kind) = types.get(args.len()) else { break };
            let text = argument_text(cursor);
            let position = args.len() + 1;
            if cursor.peek().is_none() {
                break;
            }
            args.push(
                argument(kind, &text, position, keyword, position <= required, cx)
                    .map_err(|message| (position, message))?,
            );
            if cursor.peek() == Some(b',') && args.len() < types.len() {
                cursor.at += 1;
                if cursor.peek() == Some(b')') {
                    // `f(a,)`: the last argument is empty.
                    if let Some(&kind) = types.get(args.len()) {
                        let position = args.len() + 1;
                        args.push(
                            argument(kind, b"", position, keyword, position <= required, cx)
                                .map_err(|message| (position, message))?,
                        );
                    }
                }
            } else {
                break;
            }
        }
    }
    if args.is_empty()
        && required > 0
        && (closed || cursor.peek() == Some(b')'))
        && let Some(&kind) = types.first()
    {
        args.push(argument(kind, b"", 1, keyword, true, cx).map_err(|message| (1, message))?);
    }
    if !closed {
        match cursor.peek() {
            Some(b')') => cursor.at += 1,
            None => return Err((args.len() + 1, "expected ')'".to_owned())),
            Some(_) => {
                return Err((
                    args.len() + 1,
                    format!("expected ')' before '{}'", String::from_utf8_lossy(cursor.rest())),
                ));
            }
        }
    }
    if args.len() < required {
        let kind = types.get(args.len()).map_or("", |kind| kind.name());
        return Err((
            args.len() + 1,
            format!("missing arguments (got {}/{required}), type '{kind}' expected", args.len()),
        ));
    }
    args.resize(types.len(), Arg::None);
    Ok(args)
}

/// The text up to the next `,` or `)` outside of quotes, with quotes and escapes resolved.
fn argument_text(cursor: &mut Cursor<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut quote: Option<u8> = None;
    while let Some(b) = cursor.peek() {
        match (quote, b) {
            (None, b',' | b')') => break,
            (None, b'"' | b'\'') => quote = Some(b),
            (Some(open), close) if open == close => quote = None,
            (None | Some(b'"'), b'\\') => {
                let next = cursor.text.get(cursor.at + 1).copied();
                let escaped = match next {
                    Some(b'n') => Some(b'\n'),
                    Some(b'r') => Some(b'\r'),
                    Some(b't') => Some(b'\t'),
                    Some(c @ (b'\\' | b'"' | b'\'' | b' ')) => Some(c),
                    _ => None,
                };
                // Before anything else a backslash is itself.
                out.push(escaped.unwrap_or(b'\\'));
                cursor.at += usize::from(escaped.is_some());
            }
            _ => out.push(b),
        }
        cursor.at += 1;
    }
    out
}

fn argument(
    kind: ArgType,
    text: &[u8],
    position: usize,
    keyword: &str,
    required: bool,
    cx: &mut ParseCx<'_>,
) -> Result<Arg, String> {
    let shown = String::from_utf8_lossy(text).into_owned();
    let failed = || format!("failed to parse '{shown}' as type '{}' at position {position}", kind.name());
    let place = |cx: &ParseCx<'_>| {
        let context = if cx.context == "\0acl" { "" } else { cx.context };
        format!("arg {position} of {keyword}{context} in proxy '{}'", cx.proxy)
    };
    let named = matches!(
        kind,
        ArgType::Str
            | ArgType::Frontend
            | ArgType::Backend
            | ArgType::Server
            | ArgType::Table
            | ArgType::UserList
            | ArgType::Regex
    );
    if text.is_empty() && !named {
        if required {
            return Err(format!("expected type '{}' at position {position}, but got nothing", kind.name()));
        }
        return Ok(Arg::None);
    }
    let refer = |kind: ReferenceKind, proxy: Arc<str>, name: Arc<str>, cx: &mut ParseCx<'_>| {
        let used_in = place(cx);
        let declared_at = (Arc::clone(&cx.file), cx.line);
        cx.references.push(Reference { kind, name, proxy, written: !text.is_empty(), used_in, declared_at });
    };
    let name_or_own =
        |cx: &ParseCx<'_>| if text.is_empty() { Arc::clone(&cx.proxy) } else { Arc::from(shown.as_str()) };
    Ok(match kind {
        ArgType::Str => Arg::Str(text.into()),
        ArgType::Int => {
            Arg::Int(std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).ok_or_else(failed)?)
        }
        ArgType::Ipv4 => Arg::Ipv4(shown.parse().map_err(|_| failed())?),
        ArgType::Ipv6 => Arg::Ipv6(shown.parse().map_err(|_| failed())?),
        ArgType::Mask4 => Arg::Ipv4(crate::pattern::mask4(&shown).ok_or_else(failed)?.into()),
        ArgType::Mask6 => Arg::Ipv6(crate::pattern::mask6(&shown).ok_or_else(failed)?),
        ArgType::Frontend => {
            let name = name_or_own(cx);
            refer(ReferenceKind::Frontend, Arc::clone(&name), Arc::clone(&name), cx);
            Arg::Frontend(name)
        }
        ArgType::Backend => {
            let name = name_or_own(cx);
            refer(ReferenceKind::Backend, Arc::clone(&name), Arc::clone(&name), cx);
            Arg::Backend(name)
        }
        ArgType::Server => {
            let (proxy, server): (Arc<str>, Arc<str>) = match shown.split_once('/') {
                Some((proxy, server)) => (Arc::from(proxy), Arc::from(server)),
                None => (Arc::clone(&cx.proxy), Arc::from(shown.as_str())),
            };
            refer(ReferenceKind::Server, Arc::clone(&proxy), Arc::clone(&server), cx);
            Arg::Server(proxy, server)
        }
        ArgType::Table => {
            let name = name_or_own(cx);
            refer(ReferenceKind::Table, Arc::clone(&name), name, cx);
            Arg::None
        }
        ArgType::UserList => {
            let name: Arc<str> = Arc::from(shown.as_str());
            refer(ReferenceKind::UserList, Arc::clone(&name), name, cx);
            let named = Arc::new(NamedUserList::new(&shown));
            cx.userlists.push(Arc::clone(&named));
            Arg::UserList(named)
        }
        // The reference compiles it once everything was read, because flags may follow: see `conv::string::regsub`.
        ArgType::Regex => match Regex::new(text, false) {
            Ok(regex) => Arg::Regex(Arc::new(regex)),
            Err(error) => {
                let message = format!("error in regex '{shown}' in {} : {error}.", place(cx));
                cx.late.push((Arc::clone(&cx.file), cx.line, message));
                Arg::None
            }
        },
    })
}
