//! Health-check state machine and check scripts (haproxy-algorithms, part 4). Pure: time is an argument.

mod config;

pub use config::{CheckKind, Step, Timing};
