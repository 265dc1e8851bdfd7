//! What a keyword's setter is given: its line, and the surroundings of the line.

use crate::load::Host;
use config_text::{Diagnostic, Diagnostics, Place, Severity, Span, Word};
use sample::ParseCx;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::setting::SectionNumber;

/// What a setter answers.
pub(crate) type Outcome = Result<(), Refusal>;

/// What a refused line does to the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// An alert after which the configuration may still be good.
    Harmless,
    /// The configuration is bad; reading goes on to find more.
    Fatal,
    /// The configuration is bad and nothing more is read.
    Stop,
    /// HAPROXY: a bare `description` ends the reading with a line of its own.
    Broken,
}

/// Why a line is refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The reference's text after the place.
    pub(crate) text: String,
    /// How the place is written.
    pub(crate) place: Place,
    /// What follows from it.
    pub(crate) effect: Effect,
    /// Stable name.
    pub(crate) code: &'static str,
}

impl Refusal {
    /// A refusal after `parsing [file:line] : `, after which reading goes on.
    pub(crate) fn fatal(text: impl Into<String>) -> Self {
        Self { text: text.into(), place: Place::Parsing, effect: Effect::Fatal, code: "bad-line" }
    }

    /// With `parsing [file:line]: ` in front.
    pub(crate) fn tight(mut self) -> Self {
        self.place = Place::ParsingTight;
        self
    }

    /// With `[file:line] : ` in front.
    pub(crate) fn bracket(mut self) -> Self {
        self.place = Place::Bracket;
        self
    }

    /// Nothing after this line is read.
    pub(crate) fn stop(mut self) -> Self {
        self.effect = Effect::Stop;
        self
    }

    /// An alert only.
    pub(crate) fn harmless(mut self) -> Self {
        self.effect = Effect::Harmless;
        self
    }

    /// A keyword that the reference knows and this project does not obey yet.
    pub(crate) fn not_built(keyword: &str) -> Self {
        Self {
            text: format!("'{keyword}' is not implemented yet in haproxy-rs"),
            place: Place::Parsing,
            effect: Effect::Fatal,
            code: "not-implemented",
        }
    }
}

/// A line, cut into words, whose first words are the keyword.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'l> {
    /// All words without a leading `no` or `default`.
    pub(crate) words: &'l [Word],
    /// How many of them name the keyword.
    pub(crate) named: usize,
    /// The whole line.
    pub(crate) span: Span,
    /// `no` stands in front.
    pub(crate) negated: bool,
    /// `default` stands in front.
    pub(crate) defaulted: bool,
}

impl<'l> Line<'l> {
    /// The keyword as written.
    pub(crate) fn name(&self) -> String {
        let words: Vec<String> = self.words.iter().take(self.named).map(Word::lossy).collect();
        words.join(" ")
    }

    /// The words after the keyword.
    pub(crate) fn args(&self) -> &'l [Word] {
        self.words.get(self.named..).unwrap_or_default()
    }

    /// The n-th word after the keyword; empty when there is none, as the reference sees it.
    pub(crate) fn arg(&self, n: usize) -> String {
        self.args().get(n).map(Word::lossy).unwrap_or_default()
    }

    /// The words after the keyword from the n-th on.
    pub(crate) fn rest(&self, n: usize) -> &'l [Word] {
        self.args().get(n..).unwrap_or_default()
    }

    /// Refuses more than `count` words after the keyword.
    pub(crate) fn at_most(&self, count: usize) -> Outcome {
        match self.args().get(count).map(Word::lossy) {
            Some(extra) if !extra.is_empty() => {
                Err(Refusal::fatal(format!("'{}' cannot handle unexpected argument '{extra}'.", self.name())))
            }
            _ => Ok(()),
        }
    }

    /// The same line with `more` words counted to the keyword.
    pub(crate) fn deeper(&self, more: usize) -> Self {
        Self { named: self.named + more, ..*self }
    }
}

/// The environment and the machine, as the pure crates see them.
pub(crate) struct Surroundings<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) variables: RefCell<BTreeMap<String, String>>,
}

impl sample::Outside for Surroundings<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.host.read(path).map_err(|e| system_text(&e))
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.borrow().get(name).cloned()
    }

    fn resolve(&self, name: &str) -> Option<IpAddr> {
        self.host.resolve(name)
    }
}

/// The system's text of an error, without Rust's `(os error N)`.
pub(crate) fn system_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

/// Everything around the line that is being read.
pub(crate) struct Cx<'a> {
    /// The machine.
    pub(crate) outside: &'a Surroundings<'a>,
    /// Problems so far.
    pub(crate) diagnostics: Diagnostics,
    /// The section being read.
    pub(crate) section: SectionNumber,
    /// Expressions, ACLs and rules of the section being read.
    pub(crate) parse: ParseCx<'a>,
    /// `-dr`
    pub(crate) ignore_unresolved: bool,
    /// Name of the file being read.
    pub(crate) file: std::sync::Arc<str>,
    /// Ids that proxies wrote, with the proxy's title and place.
    pub(crate) proxy_ids: Vec<(u32, String, String)>,
    /// `unix-bind` as read so far.
    pub(crate) unix_bind: crate::declared::UnixBind,
    /// Facts that `global` lines leave for later sections.
    pub(crate) node: Option<String>,
    /// `description` of `global`.
    pub(crate) description: Option<String>,
}

impl<'a> Cx<'a> {
    /// The machine.
    pub(crate) fn host(&self) -> &'a dyn Host {
        self.outside.host
    }

    /// Adds a warning about a line, after `parsing [file:line] : `.
    pub(crate) fn warn(&mut self, span: Span, text: impl Into<String>) {
        self.tell(Severity::Warning, "ignored", Place::Parsing, Some(span), text.into());
    }

    /// Adds a notice about a line.
    pub(crate) fn notice(&mut self, span: Span, text: impl Into<String>) {
        self.tell(Severity::Notice, "no-effect", Place::Parsing, Some(span), text.into());
    }

    /// Adds any diagnostic.
    pub(crate) fn tell(
        &mut self,
        severity: Severity,
        code: &'static str,
        place: Place,
        span: Option<Span>,
        message: String,
    ) {
        self.diagnostics.push(Diagnostic { severity, code, place, span, message, hint: None });
    }

    /// Adds a refusal at a line.
    pub(crate) fn refuse(&mut self, span: Span, refusal: Refusal) {
        self.tell(Severity::Alert, refusal.code, refusal.place, Some(span), refusal.text);
    }

    /// Moves the warnings of the pure crates' parsers here.
    pub(crate) fn collect_warnings(&mut self, span: Span) {
        for (place, text) in self.parse.take_warnings() {
            self.tell(Severity::Warning, "expression", place, Some(span), text);
        }
    }
}
