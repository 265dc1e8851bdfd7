//! A backend's runtime state: assignment of servers to streams, release, queues.
//!
//! One short lock holds algorithm, loads and queues (strict rotation across threads needs one order). A stream takes it once for a
//! server and once when it leaves it; wakers run after it is released.

use super::queue::{QueueTicket, ServerSlot, Waiter};
use super::server::{OpState, ServerState};
use super::{Counters, Gauge, Rate, Stat, Times};
use balance::{Algorithm, Balancer, Decision, Priority, Request};
use haproxy_config::runtime::{Proxy, ProxyIndex, ServerIndex};
use http1::Head;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the lock of a backend holds.
pub(super) type Core = Balancer<Arc<Waiter>>;

/// The part of a backend that its servers refer to.
#[derive(Debug)]
pub(super) struct Shared {
    core: Mutex<Core>,
    pub(super) streams: Arc<Gauge>,
    pub(super) queue: Arc<Gauge>,
}

impl Shared {
    pub(super) fn new(core: Core) -> Self {
        Self { core: Mutex::new(core), streams: Arc::default(), queue: Arc::default() }
    }

    /// Never held across a wake-up or an await.
    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn current_streams(&self) -> u32 {
        u32::try_from(self.streams.current()).unwrap_or(u32::MAX)
    }
}

/// The backend side of a proxy.
#[derive(Debug)]
pub struct BackendState {
    /// Its configuration.
    pub config: Arc<Proxy>,
    /// Its counters.
    pub counters: Counters,
    /// Current streams. The engine enters a stream before it asks for a server and leaves at its end.
    pub streams: Arc<Gauge>,
    /// Streams in the backend's own queue. Kept by this module.
    pub queue: Arc<Gauge>,
    /// Streams per second; the engine counts them.
    pub session_rate: Rate,
    /// Averages and maxima of its times; the engine records each stream that reached a server.
    pub times: Times,
    /// Its servers, in the configuration's order.
    pub servers: Vec<Arc<ServerState>>,
    pub(super) last_session_ms: AtomicU64,
    pub(super) changed_ms: AtomicU64,
    pub(super) down_seconds: AtomicU64,
    pub(super) shared: Arc<Shared>,
}

/// A stream's wish for a server. Cheap to make: only references.
#[derive(Clone, Copy, Debug)]
pub struct AssignInput<'a> {
    /// The worker thread that asks; counts `lbtot`.
    pub thread: usize,
    /// Monotonic time in ms.
    pub now_ms: u64,
    /// The request's head; none in TCP mode.
    pub request: Option<&'a Head>,
    /// The client's address.
    pub src: Option<IpAddr>,
    /// The body's bytes received so far (HTTP), or the connection's first bytes (TCP).
    pub payload: &'a [u8],
    /// The server that cookie, stick table or `use-server` names.
    pub wanted: Option<Wanted>,
    /// The server that a redispatch leaves: avoided if there is another.
    pub avoid: Option<ServerIndex>,
    /// Place in a queue.
    pub priority: Priority,
}

/// A server that persistence or `use-server` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its place in the backend.
    pub server: ServerIndex,
    /// Whether the request may go nowhere else (`force-persist`).
    pub forced: bool,
}

/// What becomes of a stream's wish.
#[derive(Debug)]
pub enum Assign {
    /// It holds a slot of a server. `balanced` tells whether the algorithm chose; false means that persistence did.
    Server {
        /// The slot; dropping it releases the server.
        slot: ServerSlot,
        /// Whether the algorithm chose the server.
        balanced: bool,
    },
    /// It waits: await the ticket, with `timeout queue`. Dropping the ticket gives the place up.
    Queued {
        /// The place.
        ticket: QueueTicket,
        /// Whether the algorithm chose the server it waits for.
        balanced: bool,
    },
    /// The wanted server's queue has reached `maxqueue`: 503, `SQ`.
    Full(Arc<ServerState>),
    /// It goes where `dispatch` or `option transparent` says.
    Direct,
    /// No server is usable: 503, `SC`.
    NoServer,
}

/// What a cookie's value says about the servers (haproxy-algorithms, part 5).
#[derive(Clone, Debug)]
pub enum CookieMatch {
    /// A server has it and may be used.
    Valid(ServerIndex),
    /// A server has it and is down.
    Down,
    /// No server has it.
    Unknown,
}

impl BackendState {
    /// Its index in the configuration.
    #[must_use]
    pub fn index(&self) -> ProxyIndex {
        self.config.index
    }

    /// A server by its place.
    #[must_use]
    pub fn server(&self, index: ServerIndex) -> Option<&Arc<ServerState>> {
        self.servers.get(index.0 as usize)
    }

    /// A server by its name.
    #[must_use]
    pub fn server_named(&self, name: &str) -> Option<&Arc<ServerState>> {
        self.servers.iter().find(|server| &**server.name() == name)
    }

    /// Finds a server for a stream, or a place in a queue.
    #[must_use]
    pub fn assign(self: &Arc<Self>, input: &AssignInput<'_>) -> Assign {
        let request = Request {
            hash: self.hash(input),
            wanted: input
                .wanted
                .map(|wanted| balance::Wanted { server: wanted.server.0 as usize, forced: wanted.forced }),
            redispatch: self.config.redispatch.is_some(),
            avoid: input.avoid.map(|server| server.0 as usize),
            priority: input.priority,
            streams: self.shared.current_streams(),
            now_ms: input.now_ms,
        };
        let mut waiter = None;
        let decision = self.shared.core().assign(&request, || Arc::clone(waiter.insert(Arc::default())));
        match (decision, waiter) {
            (Decision::Serve { server, balanced }, _) => {
                let Some(server) = self.servers.get(server) else { return Assign::NoServer };
                if balanced {
                    self.count_balanced(input, server);
                }
                self.last_session_ms.store(input.now_ms, Relaxed);
                server.last_session_ms.store(input.now_ms, Relaxed);
                Assign::Server { slot: ServerSlot::taken(server), balanced }
            }
            (Decision::Queued { ticket, balanced }, Some(waiter)) => {
                let server = ticket.server.and_then(|index| self.servers.get(index));
                if let (true, Some(server)) = (balanced, server) {
                    self.count_balanced(input, server);
                }
                server.map_or(&*self.queue, |server| &server.queue).enter();
                Assign::Queued { ticket: QueueTicket::new(Arc::clone(self), ticket, waiter), balanced }
            }
            (Decision::Full { server }, _) => {
                self.servers.get(server).map_or(Assign::NoServer, |server| Assign::Full(Arc::clone(server)))
            }
            (Decision::NoServer, _) if self.config.direct.is_some() => {
                self.last_session_ms.store(input.now_ms, Relaxed);
                Assign::Direct
            }
            (Decision::Queued { .. } | Decision::NoServer, _) => Assign::NoServer,
        }
    }

    /// Which server a cookie's value names. `even_down`: `option persist` or `force-persist`.
    #[must_use]
    pub fn match_cookie(&self, value: &[u8], even_down: bool) -> CookieMatch {
        let mut found = CookieMatch::Unknown;
        for server in self.servers.iter().filter(|server| server.cookie_is(value)) {
            if even_down || server.op() != OpState::Stopped {
                return CookieMatch::Valid(server.at.server);
            }
            found = CookieMatch::Down;
        }
        found
    }

    /// Usable servers: active, backup (`act` and `bck` of the statistics).
    #[must_use]
    pub fn usable(&self) -> (u32, u32) {
        self.shared.core().usable()
    }

    /// Weight of the servers in use; 0 when the backend is down.
    #[must_use]
    pub fn total_weight(&self) -> u32 {
        self.shared.core().shown_total_weight()
    }

    /// Streams in the backend's and its servers' queues.
    #[must_use]
    pub fn total_queued(&self) -> u64 {
        self.queue.current() + self.servers.iter().map(|server| server.queue.current()).sum::<u64>()
    }

    /// Whether the algorithm hashes: then a redispatch does not come at the first retry.
    #[must_use]
    pub fn is_hashing(&self) -> bool {
        !matches!(
            self.config.balance.algorithm,
            Algorithm::RoundRobin
                | Algorithm::None
                | Algorithm::StaticRoundRobin
                | Algorithm::LeastConn
                | Algorithm::First
                | Algorithm::Random { .. }
        )
    }

    /// Seconds since a stream was last assigned to a server of it (`lastsess`); none when never.
    #[must_use]
    pub fn last_session(&self, now_ms: u64) -> Option<u64> {
        let at = self.last_session_ms.load(Relaxed);
        (at != u64::MAX).then(|| now_ms.saturating_sub(at) / 1000)
    }

    fn hash(&self, input: &AssignInput<'_>) -> Option<u32> {
        let balance = &self.config.balance;
        let header = match &balance.algorithm {
            Algorithm::Header { name, .. } => input.request.and_then(|head| head.value(name)),
            _ => None,
        };
        balance.hash_of(&balance::Parts {
            src: input.src,
            uri: input.request.map(Head::uri),
            is_post: input.request.is_some_and(|head| head.method() == b"POST"),
            header,
            payload: input.payload,
        })
    }

    fn count_balanced(&self, input: &AssignInput<'_>, server: &ServerState) {
        if input.avoid != Some(server.at.server) {
            self.counters.bump(input.thread, Stat::Balanced);
            server.counters.bump(input.thread, Stat::Balanced);
        }
    }
}
