//! Listeners, sessions, streams, server connections and their runtime state.
//!
//! The data's way is one way: accept -> session -> mux -> stream -> rules -> balance, queue -> server connection -> relay -> rules on
//! the response -> log. One tokio `LocalRuntime` a thread; nothing on the hot path is shared between threads but atomics and the
//! short lock of a backend.

pub mod state;
