//! What commands and page work on.

use crate::info::Process;
use crate::info_line::Info;
use crate::stat::rows::Moment;
use haproxy_config::AnonKey;
use proxy::Control;
use proxy::state::World;
use std::cell::Cell;
use std::sync::Arc;
use units::Address;

/// The worker and the process around it. One a process.
#[derive(Debug)]
pub struct Scope {
    /// The runtime state.
    pub world: Arc<World>,
    /// Steers the data plane.
    pub control: Control,
    /// What the binary knows of its process.
    pub process: Process,
    /// `anonkey`, or what `set anon global-key` made of it.
    pub anon_key: Cell<AnonKey>,
}

impl Scope {
    /// Around a running worker.
    #[must_use]
    pub fn new(control: &Control, process: Process) -> Self {
        let world = Arc::clone(control.world());
        let anon_key = Cell::new(world.config.global.anon_key);
        Self { world, control: control.clone(), process, anon_key }
    }

    /// The present.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let maxconn = u32::try_from(self.control.process().maxconn()).unwrap_or(u32::MAX);
        Moment { now_ms: sys::clock::now_ms(), maxconn }
    }

    /// Every line of `show info`.
    #[must_use]
    pub fn info(&self) -> Info {
        crate::info::info(self)
    }
}

/// An address as `show servers state` and `show servers conn` split it.
#[must_use]
pub fn address_and_port(address: &Address) -> (String, u16) {
    match address {
        Address::Inet(addr) => (addr.ip().to_string(), addr.port()),
        _ => ("-".to_owned(), 0),
    }
}

/// The name of a listening socket in `show cli sockets` and in the environment.
#[must_use]
pub fn socket_name(address: &Address) -> String {
    match address {
        Address::Inet(addr) if addr.is_ipv6() => format!("ipv6@{addr}"),
        Address::Inet(addr) => format!("ipv4@{addr}"),
        Address::Unix(path) => format!("unix@{}", path.display()),
        Address::Abns(name) => format!("abns@{}", String::from_utf8_lossy(name)),
        Address::Fd(_) => "unknown".to_owned(),
        Address::SockPair(n) => format!("sockpair@{n}"),
    }
}
