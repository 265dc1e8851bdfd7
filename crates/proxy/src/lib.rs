//! Listeners, sessions, streams, server connections and their runtime state.
//!
//! The data's way is one way: accept -> session -> mux -> stream -> rules -> balance, queue -> server connection -> relay -> rules on
//! the response -> log. One tokio `LocalRuntime` a thread; nothing on the hot path is shared between threads but atomics and the
//! short lock of a backend.

mod accept_proxy;
mod addresses;
pub mod bind;
mod buffer;
mod clock;
mod environment;
mod flow;
mod front;
mod h1;
mod handover;
mod listener;
pub mod log;
mod own;
mod pipes;
mod pool;
mod process;
mod rule_run;
pub mod service;
mod session;
mod socket;
mod splice;
pub mod state;
mod stream;
pub mod streams;
mod tcp;
mod thread;
mod timers;
mod transport;
mod worker;

pub use accept_proxy::{header_size as accept_proxy_size, netscaler_size};
pub use pipes::PipeCounts;
pub use process::Process;
pub use service::{PageRequest, StatsService, TrafficLog};
pub use stream::debug::show_streams;
pub use streams::{ErrorCapture, StreamId, StreamInfo, StreamState};
pub use timers::Kill;
pub use worker::{Control, LocalTask, Running, Wiring, Worker};
