//! Where a backend sends requests to, resolved: part of [`crate::runtime`].

use crate::fields::ProxyV2;
use crate::runtime::{ProxyIndex, ServerIndex};
use crate::source::SourceOptions;
use balance::HashKey;
use health::{Observe, Timing};
use std::sync::Arc;
use std::time::Duration;
use units::Address;

/// Where requests go that persistence and `use-server` send to no server, in a backend without `balance`. It is described as a server
/// is; it has no name, no state and no counters.
#[derive(Clone, Debug)]
pub enum DirectRoute {
    /// `dispatch`: to this address.
    Dispatch(Arc<Server>),
    /// `option transparent`: to the client's destination.
    Transparent(Arc<Server>),
}

/// One `server` line.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its place in [`crate::runtime::Proxy::servers`].
    pub index: ServerIndex,
    /// `id`, or its position counted from 1.
    pub id: u32,
    /// Whether `id` was written.
    pub id_forced: bool,
    /// Name.
    pub name: Arc<str>,
    /// File and line.
    pub declared_at: (String, u32),
    /// Where to connect; port 0 means the client's destination port.
    pub address: Address,
    /// Host name, when one was written.
    pub fqdn: Option<String>,
    /// `+N` or `-N` port offset from the client's destination port.
    pub port_offset: Option<i32>,
    /// `weight`, 0 to 256.
    pub weight: u32,
    /// `backup`
    pub backup: bool,
    /// `disabled`
    pub disabled: bool,
    /// `maxconn`; 0 is none.
    pub maxconn: u32,
    /// `minconn`
    pub minconn: u32,
    /// `maxqueue`; 0 is none.
    pub maxqueue: u32,
    /// `cookie`
    pub cookie: Option<Vec<u8>>,
    /// `slowstart`; zero is off.
    pub slowstart: Duration,
    /// `check`: none means not checked.
    pub check: Option<ServerCheck>,
    /// `track proxy/server`
    pub track: Option<(ProxyIndex, ServerIndex)>,
    /// `observe`, `error-limit`, `on-error`
    pub observe: Option<Observe>,
    /// `hash-key`
    pub hash_key: HashKey,
    /// `send-proxy` (1) or `send-proxy-v2` (2); 0 is none.
    pub send_proxy: u8,
    /// What a header of version 2 says beyond the addresses.
    pub proxy_v2: ProxyV2,
    /// `source address[:port]`
    pub source: Option<std::net::SocketAddr>,
    /// What else `source` says.
    pub source_options: SourceOptions,
    /// `namespace`
    pub namespace: Option<ServerNamespace>,
    /// `tcp-ut`, ms.
    pub user_timeout: Option<u32>,
    /// `tfo`
    pub fast_open: bool,
    /// `on-marked-down shutdown-sessions`
    pub shutdown_on_down: bool,
    /// `on-marked-up shutdown-backup-sessions`
    pub shutdown_backup_on_up: bool,
    /// `pool-max-conn`: -1 is unlimited.
    pub pool_max_conn: i64,
    /// `pool-low-conn`: idle connections that other threads leave to the one that has them.
    pub pool_low_conn: u32,
    /// `pool-purge-delay`
    pub pool_purge_delay: Duration,
    /// `redir`
    pub redir: Option<String>,
}

/// `check` of a server.
#[derive(Clone, Debug, Default)]
pub struct ServerCheck {
    /// Intervals and counts.
    pub timing: Timing,
    /// `port`: none means the server's.
    pub port: Option<u16>,
    /// `addr`: none means the server's.
    pub address: Option<std::net::IpAddr>,
    /// `check-send-proxy`
    pub send_proxy: bool,
}

/// `http-reuse`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reuse {
    /// Never.
    Never,
    /// After a first request.
    #[default]
    Safe,
    /// Connections that proved themselves.
    Aggressive,
    /// Always.
    Always,
}

/// `namespace` of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerNamespace {
    /// `*`: the one that the client connection belongs to.
    OfClient,
    /// One by name.
    Named(String),
}
