//! Side by side: the same bytes and the same configurations, to ours and to the reference.
//!
//! Ours is the program that HAPROXY names, or the one built beside this test. The reference is
//! REFERENCE/haproxy-3.0; without REFERENCE each test says so and looks at ours alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod command_line;
mod config_check;
mod connection_ends;
mod handover;
mod limits;
mod namespaces;
mod origin;
mod probes;
mod processes;
mod queues;
mod responses;
mod sockets;
mod sources;
mod splicing;
mod stats_page;
mod subject;
