//! What changes while the worker runs: counters, server states, queues. Shared by the data plane, the checks and the stats socket.

mod counters;
mod world;

pub use counters::{Counters, Gauge, Rate, Stat};
pub use world::{BackendState, FrontendState, ListenerState, ProxyState, ServerState, World};
