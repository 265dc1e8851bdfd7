//! The actions, one file each or a few that share their parts: parse and run. Each file ends with its rows.

mod address;
mod auth;
mod capture;
mod deny;
mod early_hint;
mod expect_proxy;
mod flow;
mod header;
pub(crate) mod http_reply;
mod list;
mod log;
mod mark;
mod normalize_uri;
pub(crate) mod redirect;
mod replace;
mod status;
mod strict_mode;
mod timeout;
mod uri;
mod var;
mod wait_for_body;

use crate::parse::Parsed;
use crate::{NamedErrors, RuleCx, RuleKind, Verdict};
use config_text::Word;
use log_format::{LogFormat, Purpose};
use sample::{Expr, ParseCx};

/// What a rule does.
pub trait Action: std::fmt::Debug + Send + Sync {
    /// Does it. A verdict other than [`Verdict::Continue`] ends the rule set.
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict;

    /// Goes on after what it waited for happened.
    fn resume(&self, _cx: &mut RuleCx<'_>) -> Verdict {
        Verdict::Continue
    }

    /// Whether adjacent rules of this action share one 103 response.
    fn is_early_hint(&self) -> bool {
        false
    }

    /// The `http-errors` section that the action's reply comes from; whoever resolves the configuration binds it.
    fn named_errors(&self) -> Option<&NamedErrors> {
        None
    }

    /// `strict-mode`: whether failed rewrites are ignored from here on.
    fn lenient(&self) -> Option<bool> {
        None
    }
}

/// An action's row.
#[derive(Clone, Copy, Debug)]
pub struct ActionRow {
    /// Its name.
    pub name: &'static str,
    /// Whether `(…)` may follow the name.
    pub suffix: bool,
    /// The rule sets that it is valid in, as bits of [`RuleKind::bit`].
    pub kinds: u8,
    /// Whether `expose-experimental-directives` must allow it.
    pub experimental: bool,
    /// The version of the reference that first had it.
    pub since: (u8, u8),
    /// One line for the documentation.
    pub doc: &'static str,
    /// Parses the arguments.
    pub(crate) parse: fn(&mut Args<'_>, &mut ParseCx<'_>) -> Parsed,
}

pub(crate) const fn row(
    name: &'static str,
    kinds: u8,
    since: (u8, u8),
    doc: &'static str,
    parse: fn(&mut Args<'_>, &mut ParseCx<'_>) -> Parsed,
) -> ActionRow {
    ActionRow { name, suffix: false, experimental: false, kinds, since, doc, parse }
}

impl ActionRow {
    /// The same row for an experiment.
    pub(crate) const fn experimental(mut self) -> Self {
        self.experimental = true;
        self
    }

    /// The same row with `(…)` after its name.
    pub(crate) const fn with_suffix(mut self) -> Self {
        self.suffix = true;
        self
    }
}

/// Both HTTP rule sets of a server's exchange.
pub(crate) const HTTP: u8 = RuleKind::HttpRequest.bit() | RuleKind::HttpResponse.bit();
/// All HTTP rule sets.
pub(crate) const HTTP_ALL: u8 = HTTP | RuleKind::HttpAfterResponse.bit();
/// The TCP rule sets of contents.
pub(crate) const TCP_CONTENT: u8 = RuleKind::TcpRequestContent.bit() | RuleKind::TcpResponseContent.bit();
/// All TCP rule sets.
pub(crate) const TCP_ALL: u8 =
    TCP_CONTENT | RuleKind::TcpRequestConnection.bit() | RuleKind::TcpRequestSession.bit();
/// `http-request`
pub(crate) const REQUEST: u8 = RuleKind::HttpRequest.bit();

pub(crate) const TABLES: &[&[ActionRow]] = &[
    address::ROWS,
    auth::ROWS,
    capture::ROWS,
    deny::ROWS,
    early_hint::ROWS,
    expect_proxy::ROWS,
    flow::ROWS,
    header::ROWS,
    http_reply::ROWS,
    list::ROWS,
    log::ROWS,
    mark::ROWS,
    normalize_uri::ROWS,
    redirect::ROWS,
    replace::ROWS,
    status::ROWS,
    strict_mode::ROWS,
    timeout::ROWS,
    uri::ROWS,
    var::ROWS,
    wait_for_body::ROWS,
];

/// The words of a rule that its action has not consumed yet.
#[derive(Debug)]
pub(crate) struct Args<'w> {
    pub(crate) words: &'w [Word],
    /// The next word.
    pub(crate) at: usize,
    pub(crate) kind: RuleKind,
    /// The action as written, with its `(…)`.
    pub(crate) name: &'w str,
}

impl<'w> Args<'w> {
    /// The word `offset` words ahead; empty when there is none, as the reference sees it.
    pub(crate) fn peek(&self, offset: usize) -> &'w [u8] {
        self.words.get(self.at + offset).map_or(&b""[..], |w| w.as_ref())
    }

    /// Whether the next word starts the condition or nothing is left.
    pub(crate) fn ended(&self) -> bool {
        matches!(self.peek(0), b"" | b"if" | b"unless")
    }

    /// Takes the next word.
    pub(crate) fn take(&mut self) -> &'w [u8] {
        let word = self.peek(0);
        self.at += 1;
        word
    }

    /// The next word for messages.
    pub(crate) fn shown(&self, offset: usize) -> String {
        String::from_utf8_lossy(self.peek(offset)).into_owned()
    }

    /// Takes a format.
    pub(crate) fn format(&mut self, cx: &mut ParseCx<'_>) -> Result<LogFormat, String> {
        format(self.take(), Purpose::Header, cx)
    }

    /// Takes an expression and checks that it has a value here.
    pub(crate) fn expr(&mut self, cx: &mut ParseCx<'_>) -> Result<Expr, String> {
        let expr = Expr::parse(self.words, &mut self.at, cx).map_err(|problem| problem.message)?;
        let source = &expr.fetch().source;
        if source.points.0 & cx.places.0 == 0 {
            // HAPROXY: the message names the action where it means the fetch.
            return Err(format!(
                "fetch method '{}' extracts information from '{}', none of which is available here",
                self.name, source.name
            ));
        }
        Ok(expr)
    }
}

/// Parses a format; the error comes without its final dot, which the caller adds.
pub(crate) fn format(text: &[u8], purpose: Purpose, cx: &mut ParseCx<'_>) -> Result<LogFormat, String> {
    LogFormat::parse(text, purpose, cx).map_err(|problem| match problem.message.strip_suffix('.') {
        Some(message) => message.to_owned(),
        None => problem.message,
    })
}

/// Renders a format into the stream's scratch buffer, hands it to `use_it`, and gives the buffer back.
pub(crate) fn with_rendered<R>(
    cx: &mut RuleCx<'_>,
    format: &LogFormat,
    use_it: impl FnOnce(&mut RuleCx<'_>, &[u8]) -> R,
) -> R {
    let mut buffer = std::mem::take(cx.scratch);
    buffer.clear();
    format.render(cx.log, &cx.cx(), &mut buffer);
    let result = use_it(cx, &buffer);
    *cx.scratch = buffer;
    result
}
