//! Log senders: from a level and a text to datagrams and descriptors.
//!
//! Owns target selection (levels, sampling), the header of each line, and the sockets. Nothing here blocks or locks on the way of a
//! request: each thread has its own sockets, a line that cannot be sent at once is dropped and counted, and the header is made once a
//! second. Sockets are not connected, so that a syslog daemon that comes back is found by the next line, and a path is looked up when
//! the line is sent: after the chroot, as in the reference (Debian puts a socket at `/var/lib/haproxy/dev/log`).

mod sender;
mod target;

use crate::service::TrafficLog;
use haproxy_config::runtime::{LogTarget, Proxy, ProxyIndex, RuntimeConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use target::Target;

/// The log targets of one proxy, or of the process.
#[derive(Debug)]
pub struct ProxyLogger {
    targets: Vec<Target>,
    dropped: Arc<AtomicU64>,
}

/// What lines say about the process.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    tag: Arc<str>,
    hostname: Option<Arc<str>>,
    pid: u32,
}

impl ProxyLogger {
    fn new(targets: &[LogTarget], identity: &Identity, dropped: &Arc<AtomicU64>) -> Self {
        let targets = targets
            .iter()
            .enumerate()
            .map(|(index, config)| Target::new(index, config.clone(), identity.clone()))
            .collect();
        Self { targets, dropped: Arc::clone(dropped) }
    }

    /// Sends a line with its syslog level (0 emerg to 7 debug) to every target that takes the level.
    pub fn send(&self, level: u8, text: &[u8]) {
        self.send_with_data(level, text, None);
    }

    /// The same with structured data for RFC 5424 targets.
    pub fn send_with_data(&self, level: u8, text: &[u8], data: Option<&[u8]>) {
        for target in &self.targets {
            if !target.send(level, text, data) {
                self.dropped.fetch_add(1, Relaxed);
            }
        }
    }

    /// Whether there is a target at all: without one no line is made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

/// The loggers of a worker: one a proxy, and the process's own.
#[derive(Debug)]
pub struct Loggers {
    proxies: Vec<ProxyLogger>,
    global: ProxyLogger,
    dropped: Arc<AtomicU64>,
}

impl Loggers {
    /// For a configuration. `program` is the base name of the program, the tag of lines without `log-tag`. Call it in the process
    /// that will log: the lines carry its id.
    #[must_use]
    pub fn new(config: &RuntimeConfig, program: &str) -> Self {
        let dropped = Arc::new(AtomicU64::new(0));
        let tag: Arc<str> = config.global.log_tag.as_deref().unwrap_or(program).into();
        let hostname = config.global.log_hostname.as_deref().map(Arc::from);
        let global = Identity { tag, hostname, pid: std::process::id() };
        let of = |proxy: &Arc<Proxy>| {
            let tag = proxy.log.tag.as_deref().map_or_else(|| Arc::clone(&global.tag), Arc::from);
            ProxyLogger::new(&proxy.log.targets, &Identity { tag, ..global.clone() }, &dropped)
        };
        Self {
            proxies: config.proxies.iter().map(of).collect(),
            global: ProxyLogger::new(&config.global.log, &global, &dropped),
            dropped,
        }
    }

    /// The logger of a proxy.
    #[must_use]
    pub fn proxy(&self, index: ProxyIndex) -> Option<&ProxyLogger> {
        self.proxies.get(index.0 as usize)
    }

    /// The process's own logger.
    #[must_use]
    pub fn global(&self) -> &ProxyLogger {
        &self.global
    }

    /// Lines that could not be sent (`DroppedLogs`).
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

impl TrafficLog for Loggers {
    fn send(&self, proxy: ProxyIndex, level: u8, text: &[u8], sd: Option<&[u8]>) {
        if let Some(logger) = self.proxy(proxy) {
            logger.send_with_data(level, text, sd);
        }
    }

    fn wants(&self, proxy: ProxyIndex) -> bool {
        self.proxy(proxy).is_some_and(|logger| !logger.is_empty())
    }

    fn dropped(&self) -> u64 {
        Self::dropped(self)
    }
}

#[cfg(test)]
mod tests;
