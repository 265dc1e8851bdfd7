//! Wires the proxies' log targets, the process's messages and the streams to what changes in the world.

use haproxy_config::runtime::{Proxy, RuntimeConfig};
use proxy::log::Loggers;
use proxy::state::{Hooks, ServerState, ShutdownCause, World};
use proxy::{Control, TrafficLog};
use std::sync::Arc;
use sys::messages;

/// The log of a worker.
pub(crate) struct Log {
    /// Takes lines for proxies.
    pub(crate) lines: Arc<dyn TrafficLog>,
}

/// Opens the log targets; to be called after the privileges were given up and before the threads start.
pub(crate) fn start(config: &RuntimeConfig, program: &str) -> Log {
    Log { lines: Arc::new(Loggers::new(config, program)) }
}

impl Log {
    /// Lets the world speak and act through this process.
    pub(crate) fn connect(&self, world: &World, control: &Control) {
        world.set_hooks(Box::new(Wires { lines: Arc::clone(&self.lines), control: control.clone() }));
    }
}

struct Wires {
    lines: Arc<dyn TrafficLog>,
    control: Control,
}

impl Hooks for Wires {
    fn log(&self, proxy: &Proxy, level: u8, text: &str) {
        self.lines.send(proxy.index, level, text.as_bytes(), None);
    }

    fn message(&self, alert: bool, text: &str) {
        if alert {
            messages::alert(text);
        } else {
            messages::warning(text);
        }
    }

    fn shutdown_sessions(&self, server: &Arc<ServerState>, cause: ShutdownCause) {
        self.control.shutdown_sessions(server.at, cause);
    }
}
