//! The runtime state of everything that the configuration declares, in the configuration's order.

use super::backend::{BackendState, Shared};
use super::server::{ServerRef, ServerState};
use super::{Counters, Gauge, Rate};
use balance::{Balancer, ServerSpec, Settings, ring_key};
use haproxy_config::runtime::{BackendTarget, Bind, Proxy, ProxyIndex, RuntimeConfig, Server, ServerIndex};
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};
use units::Address;

/// What the state tells the world around it.
pub trait Hooks: Send + Sync {
    /// A line for a proxy's log targets, with its syslog level (0 emerg to 7 debug).
    fn log(&self, proxy: &Proxy, level: u8, text: &str);
    /// A line for the process's own messages on stderr: `[WARNING]` or, with `alert`, `[ALERT]`.
    fn message(&self, alert: bool, text: &str);
    /// Streams that use a server must end.
    fn shutdown_sessions(&self, server: &Arc<ServerState>, cause: ShutdownCause);
}

/// Why streams of a server must end: first letter of their termination state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownCause {
    /// `on-marked-down shutdown-sessions`: `D`.
    Down,
    /// `on-marked-up shutdown-backup-sessions`: `U`.
    Up,
    /// An administrator's command: `K`.
    Killed,
}

/// One worker's whole runtime state.
pub struct World {
    /// The configuration it runs.
    pub config: Arc<RuntimeConfig>,
    /// Number of worker threads.
    pub threads: usize,
    /// One entry a proxy, at the same index as in the configuration.
    pub proxies: Vec<ProxyState>,
    /// Monotonic ms of its start.
    pub started_ms: u64,
    pub(super) hooks: OnceLock<Box<dyn Hooks>>,
    /// One change of state at a time, over all servers: trackers and counts of usable servers need one order.
    pub(super) transitions: Mutex<()>,
    /// How many servers are in slow start.
    pub(super) starting: AtomicUsize,
    /// Servers that track a server, by it.
    pub(super) trackers: HashMap<ServerRef, Vec<ServerRef>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("threads", &self.threads).field("proxies", &self.proxies.len()).finish()
    }
}

/// A proxy's runtime state.
#[derive(Debug)]
pub struct ProxyState {
    /// Its configuration.
    pub config: Arc<Proxy>,
    /// The frontend side.
    pub frontend: Option<FrontendState>,
    /// The backend side.
    pub backend: Option<Arc<BackendState>>,
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
    /// Log lines so far (`%lc`).
    pub log_lines: AtomicU64,
    /// Paused by SIGTTOU or `disable frontend`.
    pub paused: AtomicBool,
    /// Stopped for good (soft stop, `shutdown frontend`).
    pub stopped: AtomicBool,
    /// `maxconn` in force; 0 is the process's.
    pub(super) maxconn: AtomicU32,
}

impl FrontendState {
    /// `maxconn` in force, as configured or set at run time; 0 is the process's.
    #[must_use]
    pub fn maxconn(&self) -> u32 {
        self.maxconn.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// `set maxconn frontend`
    pub fn set_maxconn(&self, maxconn: u32) {
        self.maxconn.store(maxconn, std::sync::atomic::Ordering::Relaxed);
    }
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

impl World {
    /// Everything at its start: counters at zero, servers up unless the configuration says otherwise. The monotonic time is the
    /// system's.
    #[must_use]
    pub fn new(config: Arc<RuntimeConfig>, threads: usize) -> Self {
        Self::at(config, threads, sys::clock::now_ms())
    }

    /// The same at a given monotonic time in ms.
    #[must_use]
    pub fn at(config: Arc<RuntimeConfig>, threads: usize, now_ms: u64) -> Self {
        let threads = threads.max(1);
        let proxies: Vec<ProxyState> =
            config.proxies.iter().map(|proxy| proxy_state(proxy, threads, now_ms)).collect();
        let mut trackers: HashMap<ServerRef, Vec<ServerRef>> = HashMap::new();
        for proxy in &config.proxies {
            for server in &proxy.servers {
                if let Some((tracked_proxy, tracked)) = server.track {
                    trackers
                        .entry(ServerRef { proxy: tracked_proxy, server: tracked })
                        .or_default()
                        .push(ServerRef { proxy: proxy.index, server: server.index });
                }
            }
        }
        let world = Self {
            config,
            threads,
            proxies,
            started_ms: now_ms,
            hooks: OnceLock::new(),
            transitions: Mutex::new(()),
            starting: AtomicUsize::new(0),
            trackers,
        };
        world.derive_fullconn(world.config.global.maxconn.unwrap_or(0));
        world
    }

    /// Sets where log lines, messages and session shutdowns go. The first call wins; before it they go nowhere.
    pub fn set_hooks(&self, hooks: Box<dyn Hooks>) {
        let _ = self.hooks.set(hooks);
    }

    /// Derives `fullconn` of the backends that do not set it: a tenth of the `maxconn` of the frontends that lead there by name.
    /// `maxconn` is the process's, for frontends without their own; the daemon calls this when it is known.
    pub fn derive_fullconn(&self, maxconn: u32) {
        for (proxy, fullconn) in self.proxies.iter().zip(self.fullconns(maxconn)) {
            if let Some(backend) = &proxy.backend {
                backend.shared.core().set_fullconn(fullconn);
            }
        }
    }

    /// `fullconn` of each proxy, as configured or derived from the process's `maxconn` (`slim` of a backend).
    #[must_use]
    pub fn fullconns(&self, maxconn: u32) -> Vec<u32> {
        let mut sums = vec![0_u64; self.proxies.len()];
        for proxy in &self.config.proxies {
            let mut targets: Vec<ProxyIndex> = proxy
                .use_backend
                .iter()
                .filter_map(|rule| match rule.target {
                    BackendTarget::Static(target) => Some(target),
                    BackendTarget::Dynamic(_) => None,
                })
                .chain(proxy.default_backend)
                .collect();
            targets.sort_unstable();
            targets.dedup();
            let limit = if proxy.maxconn == 0 { maxconn } else { proxy.maxconn };
            for target in targets {
                if let Some(sum) = sums.get_mut(target.0 as usize) {
                    *sum += u64::from(limit);
                }
            }
        }
        let derived = sums.into_iter().map(|sum| u32::try_from(sum.div_ceil(10)).unwrap_or(u32::MAX).max(1));
        self.config
            .proxies
            .iter()
            .zip(derived)
            .map(|(proxy, derived)| if proxy.fullconn == 0 { derived } else { proxy.fullconn })
            .collect()
    }

    /// A proxy by its index.
    #[must_use]
    pub fn proxy(&self, index: ProxyIndex) -> Option<&ProxyState> {
        self.proxies.get(index.0 as usize)
    }

    /// The backend side of a proxy.
    #[must_use]
    pub fn backend(&self, index: ProxyIndex) -> Option<&Arc<BackendState>> {
        self.proxy(index)?.backend.as_ref()
    }

    /// A backend by its name.
    #[must_use]
    pub fn backend_named(&self, name: &str) -> Option<&Arc<BackendState>> {
        self.proxies
            .iter()
            .filter_map(|proxy| proxy.backend.as_ref())
            .find(|backend| &*backend.config.name == name)
    }

    /// A server.
    #[must_use]
    pub fn server(&self, at: ServerRef) -> Option<&Arc<ServerState>> {
        self.backend(at.proxy)?.server(at.server)
    }

    /// All servers, in the configuration's order.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<ServerState>> {
        self.proxies.iter().filter_map(|proxy| proxy.backend.as_ref()).flat_map(|backend| &backend.servers)
    }
}

fn proxy_state(proxy: &Arc<Proxy>, threads: usize, now_ms: u64) -> ProxyState {
    ProxyState {
        config: Arc::clone(proxy),
        frontend: proxy.is_frontend().then(|| FrontendState {
            counters: Counters::new(threads),
            sessions: Gauge::default(),
            session_rate: Rate::default(),
            connection_rate: Rate::default(),
            request_rate: Rate::default(),
            listeners: proxy
                .binds
                .iter()
                .map(|bind| ListenerState {
                    config: bind.clone(),
                    counters: Counters::new(threads),
                    sessions: Gauge::default(),
                })
                .collect(),
            log_lines: AtomicU64::new(0),
            paused: AtomicBool::new(false),
            stopped: AtomicBool::new(proxy.disabled),
            maxconn: AtomicU32::new(proxy.maxconn),
        }),
        backend: proxy.is_backend().then(|| Arc::new(backend_state(proxy, threads, now_ms))),
    }
}

fn backend_state(proxy: &Arc<Proxy>, threads: usize, now_ms: u64) -> BackendState {
    let specs: Vec<ServerSpec> = proxy.servers.iter().map(|server| server_spec(server)).collect();
    let settings = Settings {
        config: proxy.balance.clone(),
        allbackups: proxy.options.allbackups,
        fullconn: proxy.fullconn,
        seed: RandomState::new().build_hasher().finish(),
    };
    let shared = Arc::new(Shared::new(Balancer::new(&specs, settings)));
    let cookie_key = proxy.cookie.as_ref().and_then(|cookie| cookie.dynamic_key.as_deref());
    let servers = proxy
        .servers
        .iter()
        .zip(0..)
        .map(|(server, n)| {
            let at = ServerRef { proxy: proxy.index, server: ServerIndex(n) };
            Arc::new(ServerState::new(server, at, &proxy.name, cookie_key, &shared, threads, now_ms))
        })
        .collect();
    BackendState {
        config: Arc::clone(proxy),
        counters: Counters::new(threads),
        streams: Arc::clone(&shared.streams),
        queue: Arc::clone(&shared.queue),
        session_rate: Rate::default(),
        times: super::Times::default(),
        servers,
        last_session_ms: AtomicU64::new(u64::MAX),
        changed_ms: AtomicU64::new(now_ms),
        down_seconds: AtomicU64::new(0),
        shared,
    }
}

fn server_spec(server: &Server) -> ServerSpec {
    let address = match server.address {
        Address::Inet(address) => Some(address),
        _ => None,
    };
    ServerSpec {
        id: server.id,
        weight: server.weight,
        backup: server.backup,
        maxconn: server.maxconn,
        minconn: server.minconn,
        maxqueue: server.maxqueue,
        ring_key: server_ring_key(server, address),
        available: !server.disabled,
    }
}

/// What places a server on the ring with its address of the moment.
pub(super) fn server_ring_key(server: &Server, address: Option<SocketAddr>) -> u32 {
    ring_key(server.hash_key, server.id, address.map(|a| a.ip()), address.map_or(0, |a| a.port()))
}
