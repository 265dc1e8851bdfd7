//! Health-check state machine and check scripts (haproxy-algorithms, part 4). Pure: time is an argument.
//!
//! [`Check`] is the state of one server's check; [`Script`] runs the steps of an `http-check` or `tcp-check` ([`Plan`]) on bytes that the
//! shell receives and sends.

mod check;
mod config;
mod observe;
mod script;
mod status;

pub use check::{Change, Check, Outcome, Recorded, first_delay, spread};
pub use config::{CheckKind, Connect, Expect, HttpRequest, Pattern, Step, TextMatch, Timing};
pub use observe::{Layer, Observe, OnError, TrafficError, is_good_status};
pub use script::{Need, Plan, Script};
pub use status::{CheckResult, CheckStatus};
