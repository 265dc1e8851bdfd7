//! Where in a `tcp-check` something happened, for messages.

use super::Plan;
use crate::config::{CheckKind, Pattern, Step};
use bstr::ByteSlice;
use std::fmt::Write as _;

/// The text with the step of a `tcp-check`, and its comment. Other checks have no steps to tell.
pub(super) fn with_step(text: &str, plan: &Plan, at: usize) -> String {
    let mut text = text.to_owned();
    let Some((number, step)) = plan.steps.get(at).filter(|_| plan.kind == CheckKind::TcpScript) else {
        return text;
    };
    if *number == 0 {
        text.push_str(" at initial connection step of tcp-check");
        return text;
    }
    // Writing to a String cannot fail.
    let _ = write!(text, " at step {number} of tcp-check ({})", describe(step));
    if let Some(comment) = comment(plan, at) {
        let _ = write!(text, " comment: '{comment}'");
    }
    text
}

fn describe(step: &Step) -> String {
    match step {
        Step::Connect(connect) => {
            connect.port.map_or("connect".into(), |port| format!("connect port {port}"))
        }
        Step::Send { .. } | Step::HttpSend(_) => "send".into(),
        Step::Comment(_) => "comment".into(),
        Step::Expect(expect) => match &expect.pattern {
            Pattern::String(text) => format!("expect string '{}'", text.to_str_lossy()),
            Pattern::Binary(data) => format!("expect binary '{}'", hexadecimal(data)),
            Pattern::BinaryRegex(_) => "expect binary regex".into(),
            Pattern::Regex(_) => "expect regex".into(),
            Pattern::Status(_) => "expect status".into(),
            Pattern::StatusRegex(_) => "expect rstatus".into(),
            Pattern::Header { .. } => "expect header".into(),
        },
    }
}

/// A step's own comment, else that of the `comment` right before it.
fn comment(plan: &Plan, at: usize) -> Option<&str> {
    let own = match &plan.steps.get(at)?.1 {
        Step::Connect(connect) => connect.comment.as_deref(),
        Step::Send { comment, .. } => comment.as_deref(),
        Step::HttpSend(request) => request.comment.as_deref(),
        Step::Expect(expect) => expect.comment.as_deref(),
        Step::Comment(_) => None,
    };
    own.or_else(|| match &plan.steps.get(at.checked_sub(1)?)?.1 {
        Step::Comment(comment) => Some(comment),
        _ => None,
    })
}

fn hexadecimal(data: &[u8]) -> String {
    data.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
