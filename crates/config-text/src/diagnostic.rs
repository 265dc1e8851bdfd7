//! Problems as data. The reference's text is one way to render them; a longer form with the line and a caret is another.

use crate::{SourceMap, Span};

/// How bad it is. HAProxy's levels; keepalived's single level is [`Severity::Alert`] or [`Severity::Warning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Shown with `-dD` only.
    Diag,
    /// For information.
    Notice,
    /// The configuration runs, but likely not as meant.
    Warning,
    /// The configuration is refused.
    Alert,
}

/// How the reference writes the place in front of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// No place.
    None,
    /// `parsing [file:line] : `
    Parsing,
    /// `parsing [file:line]: `
    ParsingTight,
    /// `Parsing [file:line]: `
    CapitalParsing,
    /// `[file:line] : `
    Bracket,
}

/// One problem with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name for tests and tools, such as `unknown-keyword`.
    pub code: &'static str,
    /// How the reference writes the place.
    pub place: Place,
    /// Where it is.
    pub span: Option<Span>,
    /// The reference's text after the place.
    pub message: String,
    /// What to do, beyond what the reference says.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// The reference's line without the level: `config : parsing [f:2] : unknown keyword …`, without the `config : ` part.
    #[must_use]
    pub fn text(&self, sources: &SourceMap) -> String {
        let Some(span) = self.span else { return self.message.clone() };
        let (file, line) = (sources.name(span.file), span.line);
        match self.place {
            Place::None => self.message.clone(),
            Place::Parsing => format!("parsing [{file}:{line}] : {}", self.message),
            Place::ParsingTight => format!("parsing [{file}:{line}]: {}", self.message),
            Place::CapitalParsing => format!("Parsing [{file}:{line}]: {}", self.message),
            Place::Bracket => format!("[{file}:{line}] : {}", self.message),
        }
    }
}

/// What a parser of one word or value found wrong: only its own piece of the message. The registry, which knows the keyword and
/// the place, makes a [`Diagnostic`] of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The piece of text.
    pub message: String,
    /// Narrower place than the line, when known.
    pub span: Option<Span>,
    /// What to do.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem with a text and nothing more.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), span: None, hint: None }
    }

    /// The same problem at a place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }
}

/// The problems found so far, in the order in which they were found.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Whether one of them refuses the configuration.
    #[must_use]
    pub fn has_alert(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Alert)
    }

    /// Whether one of them is a warning.
    #[must_use]
    pub fn has_warning(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Warning)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
