//! What the target of a request for the page asks for: the form, filters and the banner after an action.

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Form {
    /// HTML
    #[default]
    Html,
    /// `;csv`
    Csv,
    /// `;json`
    Json,
    /// `;typed`
    Typed,
    /// `;json-schema`
    JsonSchema,
}

/// `;st=…`: what an action came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Nothing was selected.
    None,
    /// Part of it was done.
    Partial,
    /// An unknown server, backend or action.
    BadParameters,
    /// The request was too large.
    TooLarge,
    /// Not allowed.
    Denied,
    /// Anything else.
    Unknown,
}

impl Outcome {
    const CODES: [(Self, &'static str, &'static str); 7] = [
        (Self::Done, "DONE", "Action processed successfully."),
        (Self::None, "NONE", "Nothing has changed."),
        (
            Self::Partial,
            "PART",
            "Action partially processed.<br>Some server names are probably unknown or ambiguous (duplicated names in the backend).",
        ),
        (
            Self::BadParameters,
            "ERRP",
            "Action not processed because of invalid parameters.<ul><li>The action is maybe unknown.</li><li>Invalid key parameter (empty or too long).</li><li>The backend name is probably unknown or ambiguous (duplicated names).</li><li>Some server names are probably unknown or ambiguous (duplicated names in the backend).</li></ul>",
        ),
        (
            Self::TooLarge,
            "EXCD",
            "<b>Action not processed : the buffer couldn't store all the data.<br>You should retry with less servers at a time.</b>",
        ),
        (Self::Denied, "DENY", "<b>Action denied.</b>"),
        (Self::Unknown, "UNKN", "<b>Unexpected result.</b>"),
    ];

    /// Its code in the target.
    #[must_use]
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(outcome, ..)| *outcome == self).map_or("UNKN", |(_, code, _)| code)
    }

    /// What the banner says, in HTML.
    #[must_use]
    pub fn text(self) -> &'static str {
        Self::CODES.iter().find(|(outcome, ..)| *outcome == self).map_or("", |(.., text)| text)
    }

    fn from_code(code: &str) -> Self {
        Self::CODES
            .iter()
            .find(|(_, own, _)| code.starts_with(own))
            .map_or(Self::Unknown, |(outcome, ..)| *outcome)
    }
}

/// Everything behind the page's own URI.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Query {
    /// The form.
    pub form: Form,
    /// `;up`: servers that are down are left out.
    pub up: bool,
    /// `;no-maint`: servers in maintenance are left out.
    pub no_maint: bool,
    /// `;norefresh`
    pub norefresh: bool,
    /// `;st=`
    pub outcome: Option<Outcome>,
    /// `?scope=`: proxies whose name contains it.
    pub scope: String,
}

/// Longest `scope` that is looked at, as in the reference's input field.
const SCOPE: usize = 20;

impl Query {
    /// Reads the part of the target behind the page's URI.
    #[must_use]
    pub fn parse(rest: &str) -> Self {
        let mut query = Self::default();
        let (words, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        for word in words.split(';') {
            match word {
                "csv" => query.form = Form::Csv,
                "json" => query.form = Form::Json,
                "typed" => query.form = Form::Typed,
                "json-schema" => query.form = Form::JsonSchema,
                "up" => query.up = true,
                "no-maint" => query.no_maint = true,
                "norefresh" => query.norefresh = true,
                _ => {
                    if let Some(code) = word.strip_prefix("st=") {
                        query.outcome = Some(Outcome::from_code(code));
                    }
                }
            }
        }
        let scope = parameters.split('&').find_map(|p| p.strip_prefix("scope="));
        query.scope = scope.unwrap_or_default().chars().take(SCOPE).collect();
        query
    }

    /// The target's words for a link: those of this query with some replaced.
    #[must_use]
    pub fn link(&self, uri: &str, up: bool, norefresh: bool, extra: &str) -> String {
        let scope = if self.scope.is_empty() { String::new() } else { format!("?scope={}", self.scope) };
        format!(
            "{uri}{}{}{extra}{scope}",
            if up { ";up" } else { "" },
            if norefresh { ";norefresh" } else { "" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_in_any_order() {
        let query = Query::parse(";norefresh;up;csv");
        assert_eq!((query.form, query.up, query.norefresh), (Form::Csv, true, true));
        assert_eq!(Query::parse("/;csv").form, Form::Csv);
        assert_eq!(Query::parse(";st=DONE").outcome, Some(Outcome::Done));
        assert_eq!(Query::parse(";st=xyz").outcome, Some(Outcome::Unknown));
        assert_eq!(Query::parse("?scope=web").scope, "web");
        assert_eq!(Query::parse("?scope=01234567890123456789ABC").scope, "01234567890123456789");
        assert_eq!(Query::parse(""), Query::default());
    }
}
