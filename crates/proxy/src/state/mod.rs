//! What changes while the worker runs: counters, server states, queues. Shared by the data plane, the checks and the stats socket.
//!
//! A stream asks [`BackendState::assign`] and gets a [`ServerSlot`] or a [`QueueTicket`]; both clean up on drop. Whoever changes a
//! server's state (a check, the stats socket, the stats page) calls one of the functions of `transition.rs`, which keep everything
//! in step, write the log lines and tell the engine which sessions must end.

mod address;
mod backend;
mod clear;
mod connections;
mod counters;
mod queue;
mod rate;
mod server;
mod show;
mod times;
mod transition;
mod world;

pub use backend::{Assign, AssignInput, BackendState, CookieMatch, Wanted};
pub use balance::Priority;
pub use connections::IdleConnections;
pub use counters::{Counters, Gauge, Stat, Tally};
pub use queue::{Dequeued, QueuePosition, QueueTicket, ServerSlot};
pub use rate::Rate;
pub use server::{Admin, OpState, ServerRef, ServerState, Status, Target};
pub use show::{CheckColumns, StatusCell, StatusKind};
pub use times::{Durations, Times};
pub use transition::{AdminState, HealthState, Origin};
pub use world::{FrontendState, Hooks, ListenerState, ProxyState, ShutdownCause, World};
