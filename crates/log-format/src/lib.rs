//! log-format strings, termination state and syslog headers (configuration manual, section 8).
//!
//! Owns what `%…` items mean and how log lines look. Pure: times, counters and names come in as a [`LogData`] and a [`sample::Cx`];
//! sending is the `proxy` crate's.

mod alias;
mod data;
mod encode;
mod parse;
mod render;
pub mod syslog;
pub mod termination;

pub use data::{LogData, Timers};
pub use encode::write_ip;
pub use parse::{Builtin, LogFormat, Purpose};
pub use termination::{CookieRequest, CookieResponse, Termination};

#[cfg(test)]
mod tests;
