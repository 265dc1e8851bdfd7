//! Conditions after `if` and `unless` (configuration manual, section 7.2; haproxy-algorithms, part 10).

use crate::{Acl, Cx, ParseCx};
use config_text::{Problem, Word};
use std::sync::Arc;

/// Three values: what cannot be known before more data arrives is neither true nor false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// False, or no value.
    False,
    /// Not known before more data arrives. Never returned when [`Cx::complete`] is set.
    NotYet,
    /// True.
    True,
}

impl Truth {
    /// The opposite; unknown stays unknown.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::NotYet => Self::NotYet,
            Self::True => Self::False,
        }
    }
}

impl From<bool> for Truth {
    fn from(b: bool) -> Self {
        if b { Self::True } else { Self::False }
    }
}

/// A condition: alternatives of terms that must all hold.
#[derive(Clone, Debug)]
pub struct Condition {
    unless: bool,
    alternatives: Vec<Vec<Term>>,
}

#[derive(Clone, Debug)]
struct Term {
    negated: bool,
    acl: Arc<Acl>,
}

impl Condition {
    /// Parses `if …` or `unless …`: the first word is `if` or `unless`. Anonymous ACLs are made, predefined ones are added to the
    /// proxy's set when they are used first.
    ///
    /// # Errors
    /// The reference's text, such as `no such ACL : 'x'` or `missing closing '}' in condition`.
    pub fn parse(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Self, Problem> {
        let unless = words.first().is_some_and(|w| w.as_ref() == b"unless");
        let mut alternatives = Vec::new();
        let mut group: Vec<Term> = Vec::new();
        let mut negated = false;
        let mut at = 1;
        while let Some(word) = words.get(at) {
            let text = word.as_ref();
            if text == b"||" || text.eq_ignore_ascii_case(b"or") {
                // HAPROXY: a `!` in front of `or` is lost.
                negated = false;
                if !group.is_empty() {
                    alternatives.push(std::mem::take(&mut group));
                }
                at += 1;
                continue;
            }
            let marks = text.iter().take_while(|&&b| b == b'!').count();
            if marks % 2 == 1 {
                negated = !negated;
            }
            let name = text.get(marks..).unwrap_or_default();
            if name.is_empty() {
                if marks == 0 {
                    return Err(Problem::new("no such ACL : ''"));
                }
                at += 1;
                continue;
            }
            let acl = if name == b"{" {
                let inner = words.get(at + 1..).unwrap_or_default();
                let end = inner.iter().position(|w| w.as_ref() == b"}" || w.as_ref().is_empty());
                let Some(end) = end.filter(|&end| inner.get(end).is_some_and(|w| w.as_ref() == b"}")) else {
                    return Err(Problem::new("missing closing '}' in condition"));
                };
                let acl = crate::acl::anonymous(inner.get(..end).unwrap_or_default(), cx)?;
                at += end + 1;
                acl
            } else {
                match cx.acls.find(name).cloned() {
                    Some(acl) => acl,
                    None => crate::acl::predefined(name, cx)?.ok_or_else(|| {
                        Problem::new(format!("no such ACL : '{}'", String::from_utf8_lossy(name)))
                    })?,
                }
            };
            group.push(Term { negated, acl });
            negated = false;
            at += 1;
        }
        if !group.is_empty() {
            alternatives.push(group);
        }
        Ok(Self { unless, alternatives })
    }

    /// Whether the rule applies: the condition's value, turned over for `unless`.
    #[must_use]
    pub fn holds(&self, cx: &Cx<'_>) -> Truth {
        let truth = self.truth(cx);
        if self.unless { truth.negate() } else { truth }
    }

    fn truth(&self, cx: &Cx<'_>) -> Truth {
        let mut best = Truth::False;
        for group in &self.alternatives {
            let mut truth = Truth::True;
            for term in group {
                let one = term.acl.matches(cx);
                let one = if term.negated { one.negate() } else { one };
                match one {
                    Truth::True => {}
                    Truth::NotYet => truth = Truth::NotYet,
                    Truth::False => {
                        truth = Truth::False;
                        break;
                    }
                }
            }
            match truth {
                Truth::True => return Truth::True,
                Truth::NotYet => best = Truth::NotYet,
                Truth::False => {}
            }
        }
        best
    }

    /// The ACLs that it uses, for checks and `show acl`.
    pub fn acls(&self) -> impl Iterator<Item = &Arc<Acl>> {
        self.alternatives.iter().flatten().map(|term| &term.acl)
    }
}
