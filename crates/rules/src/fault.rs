//! Why a rule was refused.

use config_text::{Place, Problem};

/// A refused rule, with the reference's way to write the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `parsing [f:1] : …` or `parsing [f:1]: …`.
    pub place: Place,
    /// The whole text after the place.
    pub message: String,
    /// Whether the reference stops reading the file here: nothing after the line is examined, and the line `Fatal errors found in
    /// configuration.` is not printed. So it is for `http-*` rules.
    pub stop: bool,
    /// What to do, beyond what the reference says.
    pub hint: Option<String>,
}

impl Fault {
    /// `parsing [f:1] : …`
    pub(crate) fn spaced(message: impl Into<String>, stop: bool) -> Self {
        Self { place: Place::Parsing, message: message.into(), stop, hint: None }
    }

    /// `parsing [f:1]: …`
    pub(crate) fn tight(message: impl Into<String>, stop: bool) -> Self {
        Self { place: Place::ParsingTight, message: message.into(), stop, hint: None }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self { message: fault.message, span: None, hint: fault.hint }
    }
}
