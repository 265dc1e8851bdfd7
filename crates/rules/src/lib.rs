//! Actions and rule sets (configuration manual, sections 4.3 and 4.4).
//!
//! Owns what the words after `http-request`, `http-response`, `http-after-response`, `tcp-request` and `tcp-response` mean, their
//! evaluation on a stream, and the replies that they and errors make. It reads no file itself and writes to no socket: a verdict
//! tells the shell what to do.

pub mod action;
mod fault;
mod listed;
mod named_errors;
mod pages;
mod parse;
mod reply;
mod rule;
mod verdict;

pub use action::http_reply::{HttpError, HttpReply, parse_http_error};
pub use fault::Fault;
pub use named_errors::NamedErrors;
pub use pages::{builtin_statuses, default_reason};
pub use parse::{
    RuleKind, actions, parse_http_after_response, parse_http_request, parse_http_response, parse_redirect,
    parse_tcp_request_connection, parse_tcp_request_content, parse_tcp_request_session,
    parse_tcp_response_content, warn_incompatible,
};
pub use reply::{Body, ErrorPage, Reply};
pub use rule::{Cursor, Rule, RuleCx, RuleSet};
pub use verdict::{Effects, Marking, Need, StreamTimeouts, Verdict};

#[cfg(test)]
mod tests;
