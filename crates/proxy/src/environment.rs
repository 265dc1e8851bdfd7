//! The process as expressions see it (`nbsrv`, `fe_conn`, `rand` and the like).

use crate::process::Process;
use sample::{Environment, ServerNumbers, Value};
use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

/// One thread's view.
pub(crate) struct Env {
    process: Arc<Process>,
    thread: usize,
    hostname: String,
    random: Cell<u64>,
    /// Local offset from UTC with the second it was asked for.
    offset: Cell<(i64, i32)>,
}

impl Env {
    pub(crate) fn new(process: Arc<Process>, thread: usize) -> Self {
        let seed = RandomState::new().build_hasher().finish() | 1;
        let hostname =
            nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { process, thread, hostname, random: Cell::new(seed), offset: Cell::new((i64::MIN, 0)) }
    }
}

impl Environment for Env {
    fn wall_us(&self) -> u64 {
        crate::clock::wall_us()
    }

    fn random(&self) -> u32 {
        // xorshift64*: quick, and nothing secret is made of it.
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    fn room(&self) -> usize {
        self.process.world.config.global.bufsize
    }

    fn usable_servers(&self, backend: &str) -> Option<u32> {
        self.process.world.backend_named(backend).map(|b| match b.usable() {
            (0, backups) if b.config.options.allbackups => backups,
            (0, backups) => backups.min(1),
            (active, _) => active,
        })
    }

    fn connection_slots(&self, backend: &str) -> Option<i64> {
        let backend = self.process.world.backend_named(backend)?;
        let mut slots = 0;
        for server in backend.servers.iter().filter(|server| server.is_usable()) {
            let (maxconn, maxqueue) = (server.maxconn(), server.config.maxqueue);
            if maxconn == 0 || maxqueue == 0 {
                return Some(-1);
            }
            let used = server.streams.current() + server.queue.current();
            let used = i64::try_from(used).unwrap_or(i64::MAX);
            slots += i64::from(maxconn) + i64::from(maxqueue) - used;
        }
        Some(slots.max(0))
    }

    fn free_connections(&self, backend: &str) -> Option<i64> {
        let backend = self.process.world.backend_named(backend)?;
        let in_use =
            |backup| backend.servers.iter().filter(move |s| s.config.backup == backup && s.is_usable());
        let active = backend.usable().0 > 0;
        let most = if active || backend.config.options.allbackups { usize::MAX } else { 1 };
        let mut free = 0;
        for server in in_use(!active).take(most) {
            let maxconn = server.maxconn();
            if maxconn == 0 {
                return Some(-1);
            }
            let used = i64::try_from(server.streams.current()).unwrap_or(i64::MAX);
            free += (i64::from(maxconn) - used).max(0);
        }
        Some(free)
    }

    fn server_is_up(&self, backend: &str, server: &str) -> Option<bool> {
        let server = self.process.world.backend_named(backend)?.server_named(server)?;
        Some(server.accepts_persistent())
    }

    fn connections(&self, proxy: &str, frontend: bool) -> Option<u64> {
        let world = &self.process.world;
        if frontend {
            let state = world.proxies.iter().find(|p| &*p.config.name == proxy && p.frontend.is_some())?;
            return state.frontend.as_ref().map(|f| f.sessions.current());
        }
        world.backend_named(proxy).map(|b| b.streams.current())
    }

    fn queued(&self, backend: &str) -> Option<u64> {
        self.process.world.backend_named(backend).map(|b| b.total_queued())
    }

    fn utc_offset(&self, wall_seconds: i64) -> i32 {
        let (known, offset) = self.offset.get();
        if known == wall_seconds {
            return offset;
        }
        let offset = sys::clock::local_date(wall_seconds).utc_offset;
        self.offset.set((wall_seconds, offset));
        offset
    }

    fn pid(&self) -> u32 {
        std::process::id()
    }

    fn hostname(&self) -> &str {
        &self.hostname
    }

    fn thread(&self) -> u32 {
        self.thread as u32
    }

    fn active_connections(&self) -> u64 {
        self.process.connections()
    }

    fn stopping(&self) -> bool {
        self.process.stopping()
    }

    fn uptime(&self) -> u64 {
        crate::clock::now_ms().saturating_sub(self.process.world.started_ms) / 1000
    }

    fn session_rate(&self, proxy: &str, frontend: bool) -> Option<u64> {
        let now = crate::clock::now_ms();
        if frontend {
            let state = self.process.world.proxies.iter().find(|p| &*p.config.name == proxy)?;
            return state.frontend.as_ref().map(|f| f.session_rate.read(now));
        }
        self.process.world.backend_named(proxy).map(|b| b.session_rate.read(now))
    }

    fn request_rate(&self, frontend: &str) -> Option<u64> {
        let state = self.process.world.proxies.iter().find(|p| &*p.config.name == frontend)?;
        state.frontend.as_ref().map(|f| f.request_rate.read(crate::clock::now_ms()))
    }

    fn server_numbers(&self, backend: &str, server: &str) -> Option<ServerNumbers> {
        let server = self.process.world.backend_named(backend)?.server_named(server)?;
        let status = server.status();
        Some(ServerNumbers {
            connections: server.streams.current(),
            queued: server.queue.current(),
            session_rate: server.session_rate.read(crate::clock::now_ms()),
            weight: status.weight,
            initial_weight: status.initial_weight,
            user_weight: status.weight,
            maxconn: server.maxconn(),
        })
    }

    fn listener_connections(&self, frontend: &str, listener: u32) -> Option<u64> {
        let state = self.process.world.proxies.iter().find(|p| &*p.config.name == frontend)?;
        let listener = state.frontend.as_ref()?.listeners.iter().find(|l| l.config.id == listener)?;
        Some(listener.sessions.current())
    }

    fn password_matches(&self, password: &[u8], hash: &[u8]) -> bool {
        sys::password::matches(password, hash)
    }

    fn process_variable(&self, name: &[u8]) -> Option<Value<'static>> {
        self.process.variables.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(name).cloned()
    }

    fn set_process_variable(&self, name: &[u8], value: Option<Value<'static>>) {
        let mut variables = self.process.variables.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        match value {
            Some(value) => {
                variables.insert(name.into(), value);
            }
            None => {
                variables.remove(name);
            }
        }
    }
}
