//! Rules and their evaluation (haproxy-algorithms, part 10).

use crate::action::Action;
use crate::{Effects, Need, Verdict};
use http1::Head;
use log_format::LogData;
use sample::{Condition, Cx, Environment, SessionView, StreamView, Truth};
use std::sync::Arc;

/// One rule: an action with its condition.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The action.
    pub action: Arc<dyn Action>,
    /// Its condition; none is always.
    pub condition: Option<Condition>,
    /// File and line it was read from.
    pub declared_at: (Arc<str>, u32),
}

/// The rules of one rule set of a proxy, in order.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

/// Where an interrupted evaluation goes on. Start with the default; keep it while the set waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    next: usize,
    /// The rule at `next` has waited: its condition is not asked again.
    resumed: bool,
    lenient: bool,
}

/// What rules see and change of a stream.
pub struct RuleCx<'a> {
    /// The client connection.
    pub session: &'a SessionView,
    /// The exchange.
    pub stream: &'a StreamView,
    /// The request's head.
    pub request: Option<&'a mut Head>,
    /// The response's head.
    pub response: Option<&'a mut Head>,
    /// Bytes of the request's body, or of the TCP stream from the client, that are buffered.
    pub request_payload: &'a [u8],
    /// Bytes of the response's body, or of the TCP stream from the server, that are buffered.
    pub response_payload: &'a [u8],
    /// Whether nothing more can arrive before the decision (see [`Cx::complete`]).
    pub complete: bool,
    /// Whether this is a rule set of the response.
    pub in_response: bool,
    /// The process around it.
    pub env: &'a dyn Environment,
    /// What log fields (`%ci`, `%ID` and so on) see.
    pub log: &'a LogData,
    /// What changes beside the messages.
    pub effects: &'a mut Effects,
    /// A buffer for values; emptied by whoever uses it. Keep one a thread.
    pub scratch: &'a mut Vec<u8>,
    /// Room left in the buffer for added header bytes; a rewrite beyond it fails. `usize::MAX` when unlimited.
    pub room: usize,
}

impl std::fmt::Debug for RuleCx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleCx")
            .field("stream", &self.stream)
            .field("effects", &self.effects)
            .finish_non_exhaustive()
    }
}

impl RuleCx<'_> {
    /// What expressions see.
    #[must_use]
    pub fn cx(&self) -> Cx<'_> {
        Cx {
            session: self.session,
            stream: self.stream,
            request: self.request.as_deref(),
            response: self.response.as_deref(),
            request_payload: self.request_payload,
            response_payload: self.response_payload,
            complete: self.complete,
            in_response: self.in_response,
            env: self.env,
        }
    }

    /// The head of the message that this rule set is about.
    pub fn message(&mut self) -> Option<&mut Head> {
        if self.in_response { self.response.as_deref_mut() } else { self.request.as_deref_mut() }
    }
}

impl RuleSet {
    /// Adds a rule after the others.
    pub fn push(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Adds the rules of another set after these: the defaults section's go first.
    pub fn extend(&mut self, other: &Self) {
        self.rules.extend(other.rules.iter().cloned());
    }

    /// Whether there is none; the engine then skips everything about the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// The rules in order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Evaluates from the cursor.
    pub fn run(&self, cx: &mut RuleCx<'_>, cursor: &mut Cursor) -> Verdict {
        let mut hinting = false;
        while let Some(rule) = self.rules.get(cursor.next) {
            let resumed = std::mem::take(&mut cursor.resumed);
            // HAPROXY: a rule with a condition begins another 103, whether it holds or not.
            hinting &= rule.condition.is_none();
            if let (Some(condition), false) = (&rule.condition, resumed) {
                match condition.holds(&cx.cx()) {
                    Truth::True => {}
                    Truth::False => {
                        cursor.next += 1;
                        continue;
                    }
                    Truth::NotYet => {
                        *cursor = Cursor::default();
                        return Verdict::Wait(Need::Data);
                    }
                }
            }
            let hint = rule.action.is_early_hint();
            if hint && !hinting {
                cx.effects.early_hints.push(Vec::new());
            }
            hinting = hint;
            let verdict = if resumed { rule.action.resume(cx) } else { rule.action.run(cx) };
            match verdict {
                Verdict::Continue => {
                    if let Some(lenient) = rule.action.lenient() {
                        cursor.lenient = lenient;
                    }
                    cursor.next += 1;
                }
                Verdict::Wait(Need::Data) => {
                    *cursor = Cursor::default();
                    return Verdict::Wait(Need::Data);
                }
                Verdict::Wait(need) => {
                    cursor.resumed = true;
                    return Verdict::Wait(need);
                }
                Verdict::Failed if cursor.lenient => {
                    cx.effects.failed_rewrites += 1;
                    cursor.next += 1;
                }
                verdict => {
                    cx.effects.last_rule = Some((Arc::clone(&rule.declared_at.0), rule.declared_at.1));
                    return verdict;
                }
            }
        }
        Verdict::Continue
    }
}
