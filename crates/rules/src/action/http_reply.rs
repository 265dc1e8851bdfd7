//! `return`, and the arguments that it shares with `deny` and `tarpit`: the description of a reply.

use super::{Action, ActionRow, Args, HTTP, format, row};
use crate::parse::Parsed;
use crate::{Body, NamedErrors, Reply, RuleCx, Verdict, builtin_statuses, default_reason};
use config_text::{Place, Word};
use http1::Version;
use log_format::{LogData, LogFormat, Purpose};
use sample::{Cx, ParseCx};
use std::sync::Arc;

/// A described reply.
#[derive(Debug)]
pub struct HttpReply {
    status: u16,
    content: Content,
    content_type: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, LogFormat)>,
}

#[derive(Debug)]
enum Content {
    /// The error page of the proxy or the built-in one.
    DefaultErrorFiles,
    /// Only a head.
    None,
    /// A reparsed errorfile.
    ErrorFile(Arc<Reply>),
    /// The status's page in an `http-errors` section.
    Section(NamedErrors),
    /// A fixed payload.
    Fixed(Arc<[u8]>),
    /// A payload made for each stream.
    Format(LogFormat),
}

impl HttpReply {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The `http-errors` section that it takes its page from.
    #[must_use]
    pub fn named_errors(&self) -> Option<&NamedErrors> {
        match &self.content {
            Content::Section(named) => Some(named),
            _ => None,
        }
    }

    /// The reply; none when the proxy's error page is meant.
    #[must_use]
    pub fn own(&self, log: &LogData, cx: &Cx<'_>) -> Option<Arc<Reply>> {
        let body = match &self.content {
            Content::DefaultErrorFiles => return None,
            Content::ErrorFile(reply) => return Some(Arc::clone(reply)),
            Content::Section(named) => match named.reply() {
                Some(reply) => return Some(reply),
                // HAPROXY: a status that the section lacks is answered without a body.
                None => Body::Shared(Arc::from(&b""[..])),
            },
            Content::None => Body::Shared(Arc::from(&b""[..])),
            Content::Fixed(bytes) => Body::Shared(Arc::clone(bytes)),
            Content::Format(format) => {
                let mut body = Vec::new();
                format.render(log, cx, &mut body);
                Body::Owned(body)
            }
        };
        let mut fields = Vec::with_capacity(self.headers.len() + 2);
        for (name, format) in &self.headers {
            let mut value = Vec::new();
            format.render(log, cx, &mut value);
            // HAPROXY: a field without a value is left out.
            if !value.is_empty() {
                fields.push((name.clone(), value));
            }
        }
        let length = body.as_ref().len();
        // HAPROXY: a 204 has no length, and the connection is closed after it.
        let bodiless = self.status == 204;
        if !bodiless {
            fields.push((b"content-length".to_vec(), length.to_string().into_bytes()));
        }
        if let Some(content_type) = self.content_type.as_ref().filter(|_| length > 0) {
            fields.push((b"content-type".to_vec(), content_type.clone()));
        }
        Some(Arc::new(Reply {
            status: self.status,
            reason: default_reason(self.status).as_bytes().to_vec(),
            version: Version::Http11,
            fields,
            body,
            close: bodiless,
        }))
    }
}

/// Parses `[status N] [content-type T] [payload…] [hdr N F]*`.
pub(crate) fn parse_reply(
    args: &mut Args<'_>,
    default_status: u16,
    cx: &mut ParseCx<'_>,
) -> Result<HttpReply, String> {
    let is_return = args.name != "deny" && args.name != "tarpit";
    let mut reply =
        HttpReply { status: default_status, content: Content::None, content_type: None, headers: Vec::new() };
    let mut chosen = false;
    let mut first = String::new();
    // HAPROXY: only a deny without arguments, or with deny_status alone, has the proxy's error page; any other word makes a reply
    // of its own.
    let mut plain = !is_return;
    let mut status_written = false;
    while !args.ended() {
        let word = args.peek(0);
        let argument = args.peek(1);
        plain &= word == b"deny_status";
        match word {
            b"status" | b"deny_status" if word == b"status" || !is_return => {
                if argument.is_empty() {
                    return Err(format!("'{}' expects <status_code> as argument", args.shown(0)));
                }
                let shown = args.shown(1);
                let number = units::lenient_int(&shown);
                let Some(status) = u16::try_from(number).ok().filter(|s| (200..600).contains(s)) else {
                    return Err(format!("Unexpected status code '{number}'"));
                };
                reply.status = status;
                status_written = true;
                args.at += 2;
                continue;
            }
            b"content-type" => {
                if argument.is_empty() {
                    return Err("'content-type' expects <ctype> as argument".to_owned());
                }
                reply.content_type = Some(argument.to_vec());
                args.at += 2;
                continue;
            }
            b"hdr" => {
                if argument.is_empty() || args.peek(2).is_empty() {
                    return Err("'hdr' expects <name> and <value> as arguments".to_owned());
                }
                if argument.eq_ignore_ascii_case(b"content-length") {
                    // The reference sets it itself and ignores it here with a warning.
                    cx.warnings.push((
                        Place::Parsing,
                        "header 'content-length' always ignored by the http reply.".to_owned(),
                    ));
                } else {
                    let value = format(args.peek(2), Purpose::Header, cx)?;
                    reply.headers.push((argument.to_ascii_lowercase(), value));
                }
                args.at += 3;
                continue;
            }
            _ => {}
        }
        let what = match word {
            b"default-errorfiles" => "",
            b"errorfile" | b"file" | b"lf-file" => "<file>",
            b"errorfiles" => "<name>",
            b"string" => "<str>",
            b"lf-string" => "<fmt>",
            _ => break,
        };
        let shown = args.shown(0);
        if chosen {
            return Err(format!("unexpected '{shown}' argument, '{first}' already defined"));
        }
        first.clone_from(&shown);
        chosen = true;
        if what.is_empty() {
            args.at += 1;
            reply.content = Content::DefaultErrorFiles;
            continue;
        }
        if argument.is_empty() {
            return Err(format!("'{shown}' expects {what} as argument"));
        }
        reply.content = load(word, argument, cx)?;
        if let Content::ErrorFile(file) = &reply.content {
            // An errorfile brings its status when none is written.
            if !status_written && !file.is_empty() {
                reply.status = file.status;
            }
        }
        args.at += 2;
    }
    finish(&mut reply, plain, cx)?;
    Ok(reply)
}

fn load(word: &[u8], argument: &[u8], cx: &mut ParseCx<'_>) -> Result<Content, String> {
    let path = String::from_utf8_lossy(argument).into_owned();
    let read = |dot: &str| cx.outside.read(&path).map_err(|_| format!("error opening file '{path}'{dot}"));
    Ok(match word {
        b"errorfile" => {
            let raw = read(".")?;
            Content::ErrorFile(Arc::new(
                Reply::from_error_file(&raw).map_err(|error| format!("'{path}': {error}"))?,
            ))
        }
        b"errorfiles" => Content::Section(NamedErrors::new(&path)),
        b"file" => Content::Fixed(read("")?.into()),
        b"lf-file" => {
            let text = read("")?;
            Content::Format(format(&text, Purpose::Payload, cx)?)
        }
        b"string" => Content::Fixed(argument.into()),
        _ => Content::Format(format(argument, Purpose::Payload, cx)?),
    })
}

fn finish(reply: &mut HttpReply, plain: bool, cx: &mut ParseCx<'_>) -> Result<(), String> {
    let empty = match &reply.content {
        Content::Fixed(bytes) => bytes.is_empty(),
        Content::Format(format) => format.text().is_empty(),
        _ => true,
    };
    if plain {
        reply.content = Content::DefaultErrorFiles;
    }
    let from_file =
        matches!(reply.content, Content::DefaultErrorFiles | Content::ErrorFile(_) | Content::Section(_));
    let by_status = match &reply.content {
        Content::DefaultErrorFiles => Some("default-errorfiles"),
        Content::Section(_) => Some("errorfiles"),
        _ => None,
    };
    if let Some(argument) = by_status.filter(|_| !builtin_statuses().any(|status| status == reply.status)) {
        return Err(format!(
            "status code '{}' not handled by default with '{argument}' argument.",
            reply.status
        ));
    }
    if let Content::Section(named) = &mut reply.content {
        named.set_status(reply.status);
    }
    let written_type = reply.content_type.as_ref().map(|t| String::from_utf8_lossy(t).into_owned());
    if from_file {
        if let Some(kind) = &written_type {
            let message =
                format!("content-type '{kind}' ignored by the http reply when used with an erorrfile.");
            cx.warnings.push((Place::Parsing, message));
        }
        if !reply.headers.is_empty() {
            cx.warnings.push((
                Place::Parsing,
                "hdr parameters ignored by the http reply when used with an erorrfile.".to_owned(),
            ));
        }
    } else if empty {
        if let Some(kind) = &written_type {
            let message = format!(
                "content-type '{kind}' ignored by the http reply because neither errorfile nor payload defined."
            );
            cx.warnings.push((Place::Parsing, message));
        }
    } else {
        if written_type.is_none() {
            return Err("a content type must be defined when non-empty payload is configured".to_owned());
        }
        if matches!(reply.status, 204 | 304) {
            return Err(format!("No body expected for {} responses", reply.status));
        }
    }
    Ok(())
}

#[derive(Debug)]
struct Return {
    reply: HttpReply,
}

impl Action for Return {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        match self.reply.own(cx.log, &cx.cx()) {
            Some(reply) => Verdict::Reply { status: self.reply.status(), reply },
            None => Verdict::ErrorPage { status: self.reply.status() },
        }
    }

    fn named_errors(&self) -> Option<&NamedErrors> {
        self.reply.named_errors()
    }
}

/// What an `http-error` line declares.
#[derive(Debug)]
pub enum HttpError {
    /// The page of the status in an `http-errors` section.
    Section(String),
    /// A reply that does not depend on the request.
    Fixed(Arc<Reply>),
    /// A reply that is made for each request.
    Described(Arc<HttpReply>),
}

/// Parses the words after `http-error`.
///
/// # Errors
/// The reference's text after `http-error`, with the punctuation in front.
pub fn parse_http_error(words: &[Word], cx: &mut ParseCx<'_>) -> Result<(u16, HttpError), String> {
    let mut args = Args { words, at: 0, kind: crate::RuleKind::HttpRequest, name: "http-error" };
    let reply = parse_reply(&mut args, 0, cx).map_err(|text| format!(" : {text}"))?;
    if !args.peek(0).is_empty() {
        return Err(format!(" : unknown keyword '{}'.", args.shown(0)));
    }
    if reply.status == 0 {
        return Err(" : expects at least a <status> as arguments.\n".to_owned());
    }
    if !builtin_statuses().any(|status| status == reply.status) {
        return Err(format!(": status code '{}' not handled.", reply.status));
    }
    let status = reply.status;
    let error = match &reply.content {
        Content::DefaultErrorFiles => HttpError::Fixed(Reply::builtin(status)),
        Content::ErrorFile(file) => HttpError::Fixed(Arc::clone(file)),
        Content::Section(named) => HttpError::Section(named.section().to_owned()),
        Content::None | Content::Fixed(_) | Content::Format(_) => HttpError::Described(Arc::new(reply)),
    };
    Ok((status, error))
}

fn parse_return(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    Ok(Box::new(Return { reply: parse_reply(args, 200, cx)? }))
}

pub(crate) const ROWS: &[ActionRow] =
    &[row("return", HTTP, (2, 2), "Answers with a reply described in the rule.", parse_return)];
