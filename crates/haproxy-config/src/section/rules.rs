//! `http-request`, `http-response`, `http-after-response`, `tcp-request`, `tcp-response`, `redirect` (configuration manual, sections
//! 4.2 and 4.3). What a rule's words mean is the `rules` crate's business; here is where rules may stand and in which order.

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{ProxyDecl, SectionKind};
use crate::registry::{Row, Sections, Set, Since, row};
use ::rules::{Fault, Rule, RuleSet};
use config_text::{Place, Severity, Span, Word};
use sample::ParseCx;
use std::time::Duration;
use units::{DelayError, Unit, parse_delay};

/// Kinds of rules in the order in which they are processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    TcpConnection,
    TcpSession,
    TcpContent,
    MonitorFail,
    HttpRequest,
    Redirect,
    UseBackend,
    UseServer,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::TcpConnection,
        Self::TcpSession,
        Self::TcpContent,
        Self::MonitorFail,
        Self::HttpRequest,
        Self::Redirect,
        Self::UseBackend,
        Self::UseServer,
    ];

    /// With its article, as the later rule of a message.
    fn after(self) -> &'static str {
        match self {
            Self::TcpConnection => "a 'tcp-request connection'",
            Self::TcpSession => "a 'tcp-request session'",
            Self::TcpContent => "a 'tcp-request content'",
            Self::MonitorFail => "a 'monitor fail'",
            Self::HttpRequest => "an 'http-request'",
            Self::Redirect => "a 'redirect'",
            Self::UseBackend => "a 'use_backend'",
            Self::UseServer => "a 'use-server'",
        }
    }

    /// As the misplaced rule of a message.
    fn name(self) -> &'static str {
        match self {
            Self::TcpConnection | Self::TcpSession | Self::TcpContent => "tcp-request",
            Self::MonitorFail => "monitor fail",
            Self::HttpRequest => "http-request",
            Self::Redirect => "redirect",
            Self::UseBackend => "use_backend",
            Self::UseServer => "use-server",
        }
    }
}

/// Which kinds of rules a section has so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen(u8);

impl Seen {
    /// Notes a rule.
    pub(crate) fn add(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u8;
    }

    fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Warns about a rule that stands after one that is processed later.
    pub(crate) fn warn_misplaced(self, kind: Kind, span: Span, cx: &mut Cx<'_>) {
        if let Some(later) = Kind::ALL.into_iter().find(|other| *other > kind && self.has(*other)) {
            let text = format!(
                "a '{}' rule placed after {} rule will still be processed before.",
                kind.name(),
                later.after()
            );
            cx.warn(span, text);
        }
    }
}

/// Whether a row belongs to this file's families, which tell themselves where they may not stand.
pub(crate) fn owns(name: &str) -> bool {
    ["http-request", "http-response", "http-after-response", "tcp-request", "tcp-response"].contains(&name)
}

type Parse = fn(&[Word], &mut ParseCx<'_>) -> Result<Rule, Fault>;

fn parse(line: &Line<'_>, words: &[Word], cx: &mut Cx<'_>, parse: Parse) -> Result<Rule, Refusal> {
    let rule = parse_quietly(words, cx, parse)?;
    cx.collect_warnings(line.span);
    notice_without_effect(line, words, cx);
    Ok(rule)
}

/// `set-nice`: there is no scheduler that could favour one stream.
fn notice_without_effect(line: &Line<'_>, words: &[Word], cx: &mut Cx<'_>) {
    if words.first().is_some_and(|word| word.as_ref() == b"set-nice") {
        cx.notice(
            line.span,
            format!("'{} set-nice' is accepted but has no effect in haproxy-rs.", line.name()),
        );
    }
}

/// Leaves the warnings for the caller to collect.
fn parse_quietly(words: &[Word], cx: &mut Cx<'_>, parse: Parse) -> Result<Rule, Refusal> {
    parse(words, &mut cx.parse).map_err(|fault| {
        let mut refusal = Refusal::fatal(fault.message);
        refusal.place = fault.place;
        if fault.stop { refusal.stop() } else { refusal }
    })
}

/// One rule of `stats http-request`.
pub(crate) fn one_http_request(line: &Line<'_>, cx: &mut Cx<'_>) -> Result<Rule, Refusal> {
    parse(line, line.args(), cx, ::rules::parse_http_request)
}

fn named_defaults_only(proxy: &ProxyDecl, name: &str) -> Outcome {
    if proxy.kind == SectionKind::Defaults && proxy.name.is_empty() {
        return Err(Refusal::fatal(format!("'{name}' not allowed in anonymous 'defaults' section.")));
    }
    Ok(())
}

/// Which HTTP rule sets end with a final action without a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    request: bool,
    response: bool,
    after_response: bool,
}

/// Actions after which the set's other rules do not run.
const FINAL: &[&str] =
    &["allow", "auth", "deny", "redirect", "reject", "return", "silent-drop", "tarpit", "use-service"];

/// Warns when the rule of a line can never run, and notes whether the ones after it can.
fn warn_unreachable(ended: &mut bool, line: &Line<'_>, cx: &mut Cx<'_>) {
    if *ended {
        let text = format!(
            "previous '{}' action is final and has no condition attached, further entries are NOOP.",
            line.name()
        );
        cx.tell(Severity::Warning, "unreachable", Place::ParsingTight, Some(line.span), text);
    }
    let conditional = line.args().iter().any(|w| matches!(w.as_ref(), b"if" | b"unless"));
    *ended = FINAL.contains(&line.arg(0).as_str()) && !conditional;
}

fn http_request(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    named_defaults_only(proxy, "http-request")?;
    warn_unreachable(&mut proxy.rules.ended.request, line, cx);
    let rule = parse(line, line.args(), cx, ::rules::parse_http_request)?;
    proxy.rules.seen.warn_misplaced(Kind::HttpRequest, line.span, cx);
    proxy.rules.seen.add(Kind::HttpRequest);
    proxy.rules.http_request.push(rule);
    Ok(())
}

fn http_response(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    named_defaults_only(proxy, "http-response")?;
    warn_unreachable(&mut proxy.rules.ended.response, line, cx);
    let rule = parse(line, line.args(), cx, ::rules::parse_http_response)?;
    proxy.rules.http_response.push(rule);
    Ok(())
}

fn http_after_response(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    named_defaults_only(proxy, "http-after-response")?;
    warn_unreachable(&mut proxy.rules.ended.after_response, line, cx);
    let rule = parse(line, line.args(), cx, ::rules::parse_http_after_response)?;
    proxy.rules.http_after_response.push(rule);
    Ok(())
}

fn redirect(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let rule = parse(line, line.args(), cx, ::rules::parse_redirect)?;
    proxy.rules.seen.warn_misplaced(Kind::Redirect, line.span, cx);
    proxy.rules.seen.add(Kind::Redirect);
    proxy.rules.redirect.push(rule);
    Ok(())
}

fn tcp_request(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let word = line.arg(0);
    let title = proxy.title();
    if word.is_empty() {
        return Err(Refusal::fatal(format!("missing argument for 'tcp-request' in {title}")));
    }
    let kind = match word.as_str() {
        "inspect-delay" | "content" => Kind::TcpContent,
        "connection" => Kind::TcpConnection,
        "session" => Kind::TcpSession,
        _ => {
            return Err(Refusal::fatal(format!(
                "'tcp-request' expects 'inspect-delay', 'connection', or 'content' in {title} (got '{word}')"
            )));
        }
    };
    if proxy.kind == SectionKind::Defaults && proxy.name.is_empty() {
        return Err(Refusal::fatal(format!(
            "tcp-request {word} is not allowed in anonymous 'defaults' sections"
        )));
    }
    if !proxy.kind.has_frontend() && kind != Kind::TcpContent {
        return Err(Refusal::fatal(format!(
            "tcp-request {word} is not allowed because {} {} is not a frontend",
            proxy.kind.noun(),
            proxy.name
        )));
    }
    if word == "inspect-delay" {
        let delay = inspect_delay(proxy, line, "tcp-request")?;
        proxy.rules.tcp_request_delay.set(Some(delay), line.span, cx.section);
        return Ok(());
    }
    let (function, set): (Parse, &mut RuleSet) = match kind {
        Kind::TcpConnection => (::rules::parse_tcp_request_connection, &mut proxy.rules.tcp_connection),
        Kind::TcpSession => (::rules::parse_tcp_request_session, &mut proxy.rules.tcp_session),
        _ => (::rules::parse_tcp_request_content, &mut proxy.rules.tcp_request),
    };
    let rule = parse_quietly(line.rest(1), cx, function)?;
    set.push(rule);
    proxy.rules.seen.warn_misplaced(kind, line.span, cx);
    cx.collect_warnings(line.span);
    notice_without_effect(line, line.rest(1), cx);
    proxy.rules.seen.add(kind);
    Ok(())
}

fn tcp_response(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let word = line.arg(0);
    let title = proxy.title();
    if word.is_empty() {
        return Err(Refusal::fatal(format!("missing argument for 'tcp-response' in {title}")));
    }
    if word != "inspect-delay" && word != "content" {
        return Err(Refusal::fatal(format!(
            "'tcp-response' expects 'inspect-delay' or 'content' in {title} (got '{word}')"
        )));
    }
    let anonymous = proxy.kind == SectionKind::Defaults && proxy.name.is_empty();
    if anonymous || !proxy.kind.has_backend() {
        return Err(Refusal::fatal(format!(
            "tcp-response {word} is only allowed in 'backend' sections or 'defaults' section with a name"
        )));
    }
    if word == "inspect-delay" {
        let delay = inspect_delay(proxy, line, "tcp-response")?;
        proxy.rules.tcp_response_delay.set(Some(delay), line.span, cx.section);
        return Ok(());
    }
    let rule = parse(line, line.rest(1), cx, ::rules::parse_tcp_response_content)?;
    proxy.rules.tcp_response.push(rule);
    Ok(())
}

fn inspect_delay(proxy: &ProxyDecl, line: &Line<'_>, family: &str) -> Result<Duration, Refusal> {
    let text = line.arg(1);
    let expects =
        format!("'{family} inspect-delay' expects a positive delay in milliseconds, in {}", proxy.title());
    if text.is_empty() {
        return Err(Refusal::fatal(expects));
    }
    parse_delay(&text, Unit::Milliseconds).map_err(|e| match e {
        DelayError::Overflow => Refusal::fatal(format!(
            "{expects} (timer overflow in '{text}', maximum value is 2147483647 ms or ~24.8 days)"
        )),
        DelayError::Unexpected(c) => Refusal::fatal(format!("{expects} (unexpected character '{c}')")),
    })
}

const ALL: Sections = Sections::ALL;
const PROXY: Sections = Sections::PROXY;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "http-after-response",
        ALL,
        Since(2, 2),
        "<action> <options...> [ { if | unless } <condition> ]",
        Set::Custom(http_after_response),
        "A rule on every response that is sent.",
    ),
    row(
        "http-request",
        ALL,
        Since(1, 3),
        "<action> [options...] [ { if | unless } <condition> ]",
        Set::Custom(http_request),
        "A rule on requests.",
    ),
    row(
        "http-response",
        ALL,
        Since(1, 5),
        "<action> <options...> [ { if | unless } <condition> ]",
        Set::Custom(http_response),
        "A rule on responses of servers.",
    ),
    row(
        "redirect",
        PROXY,
        Since(1, 3),
        "location|prefix|scheme <to> [code <code>] <option> [{if | unless} <condition>]",
        Set::Custom(redirect),
        "Answers with a redirection.",
    ),
    row(
        "tcp-request",
        ALL,
        Since(1, 3),
        "{ connection | session | content | inspect-delay } ...",
        Set::Custom(tcp_request),
        "A rule on connections, sessions or their first bytes.",
    ),
    row(
        "tcp-response",
        Sections::BACK,
        Since(1, 5),
        "{ content | inspect-delay } ...",
        Set::Custom(tcp_response),
        "A rule on the first bytes of servers.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_rules() {
        let mut seen = Seen::default();
        seen.add(Kind::UseBackend);
        seen.add(Kind::Redirect);
        let later = |kind: Kind| Kind::ALL.into_iter().find(|other| *other > kind && seen.has(*other));
        assert_eq!(later(Kind::HttpRequest), Some(Kind::Redirect));
        assert_eq!(later(Kind::Redirect), Some(Kind::UseBackend));
        assert_eq!(later(Kind::UseBackend), None);
    }
}
