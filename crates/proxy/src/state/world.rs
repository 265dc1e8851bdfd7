//! The runtime state of everything that the configuration declares, in the configuration's order.

use super::{Counters, Gauge, Rate};
use haproxy_config::runtime::{Bind, Proxy, RuntimeConfig, Server};
use std::sync::Arc;

/// One worker's whole runtime state.
#[derive(Debug)]
pub struct World {
    /// The configuration it runs.
    pub config: Arc<RuntimeConfig>,
    /// Number of worker threads.
    pub threads: usize,
    /// One entry a proxy, at the same index as in the configuration.
    pub proxies: Vec<ProxyState>,
}

/// A proxy's runtime state.
#[derive(Debug)]
pub struct ProxyState {
    /// Its configuration.
    pub config: Arc<Proxy>,
    /// The frontend side.
    pub frontend: Option<FrontendState>,
    /// The backend side.
    pub backend: Option<BackendState>,
}

/// The frontend side of a proxy.
#[derive(Debug)]
pub struct FrontendState {
    /// Its counters.
    pub counters: Counters,
    /// Current sessions.
    pub sessions: Gauge,
    /// Sessions per second.
    pub session_rate: Rate,
    /// Connections per second.
    pub connection_rate: Rate,
    /// Requests per second.
    pub request_rate: Rate,
    /// Its listeners, in the configuration's order.
    pub listeners: Vec<ListenerState>,
}

/// A listener of a frontend.
#[derive(Debug)]
pub struct ListenerState {
    /// Its configuration.
    pub config: Bind,
    /// Its counters.
    pub counters: Counters,
    /// Current sessions.
    pub sessions: Gauge,
}

/// The backend side of a proxy.
#[derive(Debug)]
pub struct BackendState {
    /// Its counters.
    pub counters: Counters,
    /// Current streams.
    pub streams: Gauge,
    /// Streams per second.
    pub session_rate: Rate,
    /// Its servers, in the configuration's order.
    pub servers: Vec<Arc<ServerState>>,
}

/// A server's runtime state.
#[derive(Debug)]
pub struct ServerState {
    /// Its configuration.
    pub config: Arc<Server>,
    /// Its counters.
    pub counters: Counters,
    /// Current streams.
    pub streams: Gauge,
    /// Connections per second.
    pub session_rate: Rate,
}
