//! A server's runtime state: what the data plane reads without a lock, and its slow state behind a mutex.
//!
//! Changes go through `transition.rs` only, which keeps both and the backend's algorithm in step.

use super::backend::Shared;
use super::queue::Waiter;
use super::{Counters, Gauge, Rate, Times};
use arc_swap::{ArcSwap, ArcSwapOption};
use balance::Woken;
use haproxy_config::runtime::{ProxyIndex, Server, ServerIndex};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use units::Address;

/// Names a server of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerRef {
    /// Its backend.
    pub proxy: ProxyIndex,
    /// Its place there.
    pub server: ServerIndex,
}

/// Operational state (`srv_op_state` of `show servers state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OpState {
    /// Down.
    Stopped = 0,
    /// Up, warming up (`slowstart`).
    Starting = 1,
    /// Up.
    Running = 2,
    /// Up for persistent requests only (`disable-on-404`).
    Stopping = 3,
}

impl OpState {
    fn from_u8(n: u8) -> Self {
        match n {
            0 => Self::Stopped,
            1 => Self::Starting,
            3 => Self::Stopping,
            _ => Self::Running,
        }
    }
}

/// Administrative state (`srv_admin_state` of `show servers state`): why a server is in maintenance or drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Admin(pub u8);

impl Admin {
    /// Forced into maintenance (CLI, stats page, `disabled` adds [`Admin::CONFIG_MAINT`]).
    pub const FORCED_MAINT: Self = Self(0x01);
    /// Maintenance of the tracked server.
    pub const INHERITED_MAINT: Self = Self(0x02);
    /// `disabled` in the configuration.
    pub const CONFIG_MAINT: Self = Self(0x04);
    /// Forced to drain.
    pub const FORCED_DRAIN: Self = Self(0x08);
    /// Drain of the tracked server.
    pub const INHERITED_DRAIN: Self = Self(0x10);
    /// Its name does not resolve.
    pub const RESOLUTION: Self = Self(0x20);
    /// Its host name was set at run time.
    pub const FQDN_SET: Self = Self(0x40);
    /// All reasons for maintenance.
    pub const MAINT: Self = Self(0x23);
    /// All reasons to drain.
    pub const DRAIN: Self = Self(0x18);

    /// Whether any of the flags is set.
    #[must_use]
    pub fn any(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// With flags added.
    #[must_use]
    pub fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }

    /// With flags removed.
    #[must_use]
    pub fn without(self, flags: Self) -> Self {
        Self(self.0 & !flags.0)
    }
}

/// Where to connect to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address.
    pub address: Address,
    /// Offset from the client's destination port, when the port is mapped.
    pub port_offset: Option<i32>,
}

impl Target {
    /// The address for a client that came to a port: mapped ports are added, port 0 is the client's.
    #[must_use]
    pub fn for_client(&self, client_port: u16) -> Address {
        let Address::Inet(mut address) = self.address.clone() else { return self.address.clone() };
        match self.port_offset {
            Some(offset) => address.set_port((i32::from(client_port) + offset) as u16),
            None if address.port() == 0 => address.set_port(client_port),
            None => {}
        }
        Address::Inet(address)
    }
}

/// A server's runtime state.
#[derive(Debug)]
pub struct ServerState {
    /// Its configuration.
    pub config: Arc<Server>,
    /// Where it is declared.
    pub at: ServerRef,
    /// Its backend's name.
    pub backend_name: Arc<str>,
    /// Its counters.
    pub counters: Counters,
    /// Current streams. Kept by [`super::ServerSlot`]: a stream that holds a slot counts.
    pub streams: Gauge,
    /// Connection attempts and reuses per second; the engine counts them.
    pub session_rate: Rate,
    /// Streams in its own queue. Kept by this module.
    pub queue: Gauge,
    /// Idle connections to it; the pools of the threads set them.
    pub idle: Arc<super::IdleConnections>,
    /// Averages and maxima of its times; the engine records each stream that reached it.
    pub times: Times,
    /// Wakes its checks: the next one hurries.
    pub hurry: Notify,
    /// Errors of its traffic in a row (`observe`).
    pub(super) traffic_errors: AtomicU32,
    pub(super) last_session_ms: AtomicU64,
    pub(super) op: AtomicU8,
    pub(super) admin: AtomicU8,
    pub(super) maxconn: AtomicU32,
    target: ArcSwap<Target>,
    cookie: ArcSwapOption<Vec<u8>>,
    pub(super) status: Mutex<Status>,
    pub(super) shared: Arc<Shared>,
}

/// The slow state of a server. Read through [`ServerState::status`].
#[derive(Clone, Debug)]
pub struct Status {
    /// Operational state.
    pub op: OpState,
    /// Administrative state.
    pub admin: Admin,
    /// Weight in force, 0 to 256, before slow start.
    pub weight: u32,
    /// Weight of the configuration.
    pub initial_weight: u32,
    /// Monotonic ms of the last change of state.
    pub changed_ms: u64,
    /// Seconds that it was down, without the present time down.
    pub down_seconds: u64,
    /// Its check. Servers without one have it too: `set server … health` works on it.
    pub check: health::Check,
    /// Whether it has checks at all (`check`).
    pub check_configured: bool,
    /// Port of its checks; 0 means the server's.
    pub check_port: u16,
    /// Address of its checks; none means the server's.
    pub check_address: Option<IpAddr>,
    /// Seconds of slow start that count in its weight; none when it is not warming up.
    pub warm_seconds: Option<u64>,
}

impl ServerState {
    pub(super) fn new(
        config: &Arc<Server>,
        at: ServerRef,
        backend_name: &Arc<str>,
        dynamic_cookie_key: Option<&[u8]>,
        shared: &Arc<Shared>,
        threads: usize,
        now_ms: u64,
    ) -> Self {
        let admin =
            if config.disabled { Admin::FORCED_MAINT.with(Admin::CONFIG_MAINT) } else { Admin::default() };
        let timing = config.check.as_ref().map(|check| check.timing.clone()).unwrap_or_default();
        let mut check = health::Check::new(timing);
        check.enabled = config.check.is_some();
        if config.disabled {
            check.paused = true;
            check.set_down();
        }
        let op = if config.disabled { OpState::Stopped } else { OpState::Running };
        let this = Self {
            config: Arc::clone(config),
            at,
            backend_name: Arc::clone(backend_name),
            counters: Counters::new(threads),
            streams: Gauge::default(),
            session_rate: Rate::default(),
            queue: Gauge::default(),
            idle: Arc::new(super::IdleConnections::new(threads)),
            times: Times::default(),
            hurry: Notify::new(),
            traffic_errors: AtomicU32::new(0),
            last_session_ms: AtomicU64::new(u64::MAX),
            op: AtomicU8::new(op as u8),
            admin: AtomicU8::new(admin.0),
            maxconn: AtomicU32::new(config.maxconn),
            target: ArcSwap::from_pointee(Target {
                address: config.address.clone(),
                // No port means the client's.
                port_offset: config.port_offset.or(match config.address {
                    Address::Inet(address) if address.port() == 0 => Some(0),
                    _ => None,
                }),
            }),
            cookie: ArcSwapOption::from_pointee(config.cookie.clone()),
            status: Mutex::new(Status {
                op,
                admin,
                weight: config.weight,
                initial_weight: config.weight,
                changed_ms: now_ms,
                down_seconds: 0,
                check,
                check_configured: config.check.is_some(),
                check_port: config.check.as_ref().and_then(|check| check.port).unwrap_or(0),
                check_address: config.check.as_ref().and_then(|check| check.address),
                warm_seconds: None,
            }),
            shared: Arc::clone(shared),
        };
        this.make_dynamic_cookie(dynamic_cookie_key);
        this
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.config.name
    }

    /// Where to connect now.
    #[must_use]
    pub fn target(&self) -> Arc<Target> {
        self.target.load_full()
    }

    /// Its IP address and port now, when it has one.
    #[must_use]
    pub fn socket_address(&self) -> Option<SocketAddr> {
        match self.target.load().address {
            Address::Inet(address) => Some(address),
            _ => None,
        }
    }

    pub(super) fn store_target(&self, target: Target, dynamic_cookie_key: Option<&[u8]>) {
        self.target.store(Arc::new(target));
        self.make_dynamic_cookie(dynamic_cookie_key);
    }

    /// Its cookie's value: the configured one, else the dynamic one.
    #[must_use]
    pub fn cookie(&self) -> Option<Arc<Vec<u8>>> {
        self.cookie.load_full()
    }

    pub(super) fn cookie_is(&self, value: &[u8]) -> bool {
        self.cookie.load().as_ref().is_some_and(|cookie| cookie.as_slice() == value)
    }

    fn make_dynamic_cookie(&self, key: Option<&[u8]>) {
        if let (None, Some(key), Some(address)) = (&self.config.cookie, key, self.socket_address()) {
            self.cookie.store(Some(Arc::new(balance::dynamic_cookie(key, address).into_bytes())));
        }
    }

    /// Operational state, without a lock.
    #[must_use]
    pub fn op(&self) -> OpState {
        OpState::from_u8(self.op.load(Relaxed))
    }

    /// Administrative state, without a lock.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin(self.admin.load(Relaxed))
    }

    /// Whether requests may go to it when persistence asks: it is not stopped.
    #[must_use]
    pub fn accepts_persistent(&self) -> bool {
        self.op() != OpState::Stopped
    }

    /// Whether new requests may be balanced to it: up, not in maintenance, not drained, weight above 0.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.shared.core().is_usable(self.at.server.0 as usize)
    }

    /// Whether a request would be served at once, without waiting in its queue.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let (core, index) = (self.shared.core(), self.at.server.0 as usize);
        core.limit(index, self.shared.current_streams()).is_none_or(|limit| core.served(index) < limit)
    }

    /// `maxconn` in force; 0 is none.
    #[must_use]
    pub fn maxconn(&self) -> u32 {
        self.maxconn.load(Relaxed)
    }

    /// A copy of its slow state.
    #[must_use]
    pub fn status(&self) -> Status {
        self.lock_status().clone()
    }

    /// Hands its slots to woken streams. The backend's lock must be free.
    pub(super) fn wake(self: &Arc<Self>, woken: Vec<Woken<Arc<Waiter>>>) {
        for woken in woken {
            if woken.from_server_queue { &self.queue } else { &self.shared.queue }.leave();
            woken.payload.grant(self, woken.position);
        }
    }

    pub(super) fn lock_status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds since a stream was last assigned to it (`lastsess`); none when never.
    #[must_use]
    pub fn last_session(&self, now_ms: u64) -> Option<u64> {
        let at = self.last_session_ms.load(Relaxed);
        (at != u64::MAX).then(|| now_ms.saturating_sub(at) / 1000)
    }
}
