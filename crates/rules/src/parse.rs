//! From the words of a rule line to a [`Rule`]: the action by name, its arguments, its condition.

use crate::action::{self, Action, ActionRow, Args};
use crate::listed::listed;
use crate::{Fault, Rule};
use config_text::spelling::nearest_with_limit;
use config_text::{Place as TextPlace, Word};
use sample::{Condition, ParseCx, Place, Points};
use std::sync::Arc;

/// The rule sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// `tcp-request connection`
    TcpRequestConnection,
    /// `tcp-request session`
    TcpRequestSession,
    /// `tcp-request content`
    TcpRequestContent,
    /// `tcp-response content`
    TcpResponseContent,
    /// `http-request`
    HttpRequest,
    /// `http-response`
    HttpResponse,
    /// `http-after-response`
    HttpAfterResponse,
}

impl RuleKind {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 7] = [
        Self::TcpRequestConnection,
        Self::TcpRequestContent,
        Self::TcpRequestSession,
        Self::TcpResponseContent,
        Self::HttpRequest,
        Self::HttpResponse,
        Self::HttpAfterResponse,
    ];

    /// As it is written in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TcpRequestConnection => "tcp-request connection",
            Self::TcpRequestSession => "tcp-request session",
            Self::TcpRequestContent => "tcp-request content",
            Self::TcpResponseContent => "tcp-response content",
            Self::HttpRequest => "http-request",
            Self::HttpResponse => "http-response",
            Self::HttpAfterResponse => "http-after-response",
        }
    }

    /// The bit of the kind in [`ActionRow::kinds`].
    #[must_use]
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Whether it is about the response.
    #[must_use]
    pub fn is_response(self) -> bool {
        matches!(self, Self::TcpResponseContent | Self::HttpResponse | Self::HttpAfterResponse)
    }

    fn is_http(self) -> bool {
        matches!(self, Self::HttpRequest | Self::HttpResponse | Self::HttpAfterResponse)
    }

    fn context(self) -> &'static str {
        match self {
            Self::TcpRequestConnection => " in tcp-request connection expression",
            Self::TcpRequestSession => " in tcp-request session expression",
            Self::TcpRequestContent => " in tcp-request content expression",
            Self::TcpResponseContent => " in tcp-response content expression",
            Self::HttpRequest => " in http-request expression",
            Self::HttpResponse | Self::HttpAfterResponse => " in http-response response",
        }
    }

    pub(crate) fn places(self, cx: &ParseCx<'_>) -> Points {
        let (front, back) = match self {
            Self::TcpRequestConnection => (Some(Place::FrontendConnection), None),
            Self::TcpRequestSession => (Some(Place::FrontendSession), None),
            Self::TcpRequestContent => (Some(Place::FrontendTcpRequest), Some(Place::BackendTcpRequest)),
            Self::TcpResponseContent => (Some(Place::FrontendTcpResponse), Some(Place::BackendTcpResponse)),
            Self::HttpRequest => (Some(Place::FrontendHttpRequest), Some(Place::BackendHttpRequest)),
            Self::HttpResponse | Self::HttpAfterResponse => {
                (Some(Place::FrontendHttpResponse), Some(Place::BackendHttpResponse))
            }
        };
        let bit = |place: Option<Place>, on: bool| place.filter(|_| on).map_or(0, |place| 1 << place as u32);
        Points(bit(front, cx.frontend) | bit(back, cx.backend))
    }
}

/// Every action that exists.
pub fn actions() -> impl Iterator<Item = &'static ActionRow> {
    action::TABLES.iter().flat_map(|table| table.iter())
}

/// Parses the words after `http-request`.
///
/// # Errors
/// See [`Fault`].
pub fn parse_http_request(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    parse(RuleKind::HttpRequest, words, cx)
}

/// Parses the words after `http-response`.
///
/// # Errors
/// See [`Fault`].
pub fn parse_http_response(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    parse(RuleKind::HttpResponse, words, cx)
}

/// Parses the words after `http-after-response`.
///
/// # Errors
/// See [`Fault`].
pub fn parse_http_after_response(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    parse(RuleKind::HttpAfterResponse, words, cx)
}

/// Parses the words after `tcp-request connection`.
///
/// # Errors
/// See [`Fault`].
pub fn parse_tcp_request_connection(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    parse(RuleKind::TcpRequestConnection, words, cx)
}

/// Parses the words after `tcp-request session`.
///
/// # Errors
/// See [`Fault`].
pub fn parse_tcp_request_session(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    parse(RuleKind::TcpRequestSession, words, cx)
}

/// Parses the words after `tcp-request content`.
///
/// # Errors
/// See [`Fault`].
pub fn parse_tcp_request_content(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    parse(RuleKind::TcpRequestContent, words, cx)
}

/// Parses the words after `tcp-response content`.
///
/// # Errors
/// See [`Fault`].
pub fn parse_tcp_response_content(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    parse(RuleKind::TcpResponseContent, words, cx)
}

/// Parses the words after the keyword `redirect`, whose values are plain texts.
///
/// # Errors
/// See [`Fault`].
pub fn parse_redirect(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    let kind = RuleKind::HttpRequest;
    let (saved_places, saved_context) = (cx.places, cx.context);
    (cx.places, cx.context) = (kind.places(cx), kind.context());
    let result = redirect_rule(words, cx);
    (cx.places, cx.context) = (saved_places, saved_context);
    result
}

fn redirect_rule(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    let mut args = Args { words, at: 0, kind: RuleKind::HttpRequest, name: "redirect" };
    let proxy = owner(cx);
    let refuse = |message: String| {
        Fault::spaced(format!("error detected in {proxy} while parsing redirect rule : {message}."), false)
    };
    let action = action::redirect::parse_keyword(&mut args, cx).map_err(refuse)?;
    let condition = match words.get(args.at) {
        None => None,
        Some(_) => {
            let rest = words.get(args.at..).unwrap_or_default();
            let condition = Condition::parse(rest, cx)
                .map_err(|problem| refuse(format!("error in condition: {}", problem.message)))?;
            warn_incompatible(&condition, RuleKind::HttpRequest, cx);
            Some(condition)
        }
    };
    Ok(Rule { action: Arc::from(action), condition, declared_at: (Arc::clone(&cx.file), cx.line) })
}

/// `frontend 'f'`, as the reference names the proxy.
pub(crate) fn owner(cx: &ParseCx<'_>) -> String {
    let kind = match (cx.frontend, cx.backend) {
        (true, false) => "frontend",
        (false, true) => "backend",
        _ if cx.defaults => "defaults",
        _ => "proxy",
    };
    format!("{kind} '{}'", cx.proxy)
}

fn parse(kind: RuleKind, words: &[Word], cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    let (saved_places, saved_context) = (cx.places, cx.context);
    (cx.places, cx.context) = (kind.places(cx), kind.context());
    let result = rule(kind, words, cx);
    (cx.places, cx.context) = (saved_places, saved_context);
    result
}

fn rule(kind: RuleKind, words: &[Word], cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    let word = words.first().map(Word::lossy).unwrap_or_default();
    let (set, stop) = (kind.name(), kind.is_http());
    let Some(row) = find(kind, &word) else { return Err(unknown(kind, &word, cx)) };
    if row.experimental && !cx.experimental {
        let text = format!(
            "'{word}' action is experimental, must be allowed via a global 'expose-experimental-directives'"
        );
        return Err(Fault::spaced(text, stop));
    }
    let mut args = Args { words, at: 1, kind, name: &word };
    let action = (row.parse)(&mut args, cx).map_err(|message| {
        if stop {
            Fault::spaced(
                format!("error detected in {} while parsing '{set} {word}' rule : {message}.", owner(cx)),
                true,
            )
        } else {
            Fault::spaced(message, false)
        }
    })?;
    let at = args.at;
    let condition = match words.get(at) {
        None => None,
        Some(next) if matches!(next.as_ref(), b"if" | b"unless") => {
            let condition = Condition::parse(words.get(at..).unwrap_or_default(), cx).map_err(|problem| {
                let message = if row.name == "redirect" {
                    let (owner, problem) = (owner(cx), &problem.message);
                    format!("error detected in {owner} while parsing '{set} {word}' rule : error in condition: {problem}.")
                } else if stop {
                    format!("error detected while parsing an '{set} {word}' condition : {}.", problem.message)
                } else {
                    let first = next.lossy();
                    format!(
                        "'{set} {word}' : error detected in {} while parsing '{first}' condition : {}",
                        owner(cx),
                        problem.message
                    )
                };
                Fault { hint: problem.hint, ..Fault::spaced(message, stop) }
            })?;
            warn_incompatible(&condition, kind, cx);
            Some(condition)
        }
        Some(other) => {
            let other = other.lossy();
            return Err(if stop {
                let message = format!(
                    "'{set} {word}' expects either 'if' or 'unless' followed by a condition but found '{other}'."
                );
                Fault::tight(message, true)
            } else {
                Fault::spaced(
                    format!("'{set} {word}' only accepts 'if' or 'unless', in {} (got '{other}')", owner(cx)),
                    false,
                )
            });
        }
    };
    Ok(Rule { action: Arc::from(action), condition, declared_at: (Arc::clone(&cx.file), cx.line) })
}

fn find(kind: RuleKind, word: &str) -> Option<&'static ActionRow> {
    actions().find(|row| {
        row.kinds & kind.bit() != 0
            && match word.strip_prefix(row.name) {
                Some("") => true,
                Some(rest) => row.suffix && rest.starts_with('('),
                None => false,
            }
    })
}

fn unknown(kind: RuleKind, word: &str, cx: &ParseCx<'_>) -> Fault {
    let (set, stop) = (kind.name(), kind.is_http());
    let bare = word.split('(').next().unwrap_or_default();
    let known = listed(kind).iter().any(|name| name.trim_end_matches('*') == bare)
        || (bare.starts_with("track-sc")
            && kind != RuleKind::TcpResponseContent
            && kind != RuleKind::HttpAfterResponse);
    if known {
        return Fault {
            hint: Some(
                "the reference knows this action; this implementation does not obey it yet".to_owned(),
            ),
            ..Fault::spaced(format!("'{set} {bare}' is not implemented yet in haproxy-rs"), stop)
        };
    }
    let names: Vec<String> = listed(kind)
        .iter()
        .map(|name| match name.strip_suffix('*') {
            Some(prefix) => format!("'{prefix}(*)'"),
            None if *name == "track-sc0" => "'track-sc0' ... 'track-sc2'".to_owned(),
            None => format!("'{name}'"),
        })
        .collect();
    let near = if word.is_empty() {
        None
    } else {
        nearest_with_limit(word, listed(kind).iter().map(|n| n.trim_end_matches('*')), 3)
    };
    let suggestion = near.map(|near| format!(" Did you mean '{near}' maybe ?")).unwrap_or_default();
    if stop {
        let missing = if word.is_empty() { " (missing argument)" } else { "" };
        return Fault::tight(
            format!("'{set}' expects {}, but got '{word}'{missing}.{suggestion}", names.join(", ")),
            true,
        );
    }
    // The reference ends the message of tcp-request with a line feed of its own: an empty line follows.
    let end = if kind == RuleKind::TcpResponseContent { "" } else { "\n\n" };
    Fault::spaced(
        format!("'{set}' expects {} in {} (got '{word}').{suggestion}{end}", names.join(", "), owner(cx)),
        false,
    )
}

/// Warns about a condition's ACLs that can never match where the condition stands, which `cx.places` says.
pub fn warn_incompatible(condition: &Condition, kind: RuleKind, cx: &mut ParseCx<'_>) {
    let place = (0..sample::PLACES).find(|i| cx.places.0 & (1 << i) != 0).map_or("", sample::place_name);
    let place_of_set = if kind.is_http() { String::new() } else { format!(" in '{}'", kind.name()) };
    for acl in condition.acls() {
        let Some((keyword, all)) = acl.incompatible(cx.places) else { continue };
        let name = String::from_utf8_lossy(acl.name()).into_owned();
        let message = match (name.is_empty(), all) {
            (true, _) => {
                format!(
                    "anonymous acl will never match{place_of_set} because it uses keyword '{keyword}' which is incompatible with '{place}'"
                )
            }
            (false, true) => format!(
                "acl '{name}' will never match{place_of_set} because it only involves keywords that are incompatible with '{place}'"
            ),
            (false, false) => {
                format!("acl '{name}' involves keywords '{keyword}' which is incompatible with '{place}'")
            }
        };
        cx.warnings.push((TextPlace::Parsing, message));
        return;
    }
}

/// What an action's parser gives back: the action, or the reference's text without a final dot.
pub(crate) type Parsed = Result<Box<dyn Action>, String>;
