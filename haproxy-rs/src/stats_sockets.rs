//! Stats sockets, the stats page and the master's way in: what the crate `admin` does, on thread 0.

use crate::descriptors::Limits;
use crate::version;
use admin::cli::serve::{Allowed, listen};
use admin::page::service::Page;
use admin::{Process, Scope};
use haproxy_config::runtime::{Level, SeverityOutput};
use proxy::bind::{BoundListener, Owner};
use proxy::{Control, StatsService};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use sys::messages;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

/// The master asks over a socket of its own, which has its own limit.
const MASTER_CONNECTIONS: usize = 10;

/// What `show info` says of the process.
pub(crate) fn process(limits: &Limits) -> Process {
    Process {
        version: version::VERSION.to_owned(),
        release_date: version::DATE.to_owned(),
        pid: std::process::id(),
        started_sec: u64::try_from(sys::clock::wall().seconds).unwrap_or(0),
        ulimit_n: limits.ulimit,
        maxsock: limits.maxsock,
        maxpipes: u64::from(limits.maxpipes),
        memory_mb: u64::from(limits.memory_mb),
        hard_maxconn: u64::from(limits.maxconn),
        warnings: u64::from(messages::warned()),
        startup_logs: String::from_utf8_lossy(&messages::startup_log()).into_owned(),
        ..Process::default()
    }
}

/// Who answers `stats uri`.
pub(crate) fn page(process: &Process) -> Arc<dyn StatsService> {
    Arc::new(Page { process: process.clone() })
}

/// The tasks that accept on stats sockets, for those who end them. Empty until they run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acceptors(Arc<Mutex<Vec<AbortHandle>>>);

impl Acceptors {
    /// The sockets are closed; open connections go on.
    pub(crate) fn close(&self) {
        for acceptor in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            acceptor.abort();
        }
    }

    fn add(&self, acceptor: AbortHandle) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(acceptor);
    }
}

/// Serves the sockets on the thread that calls it.
pub(crate) fn serve(
    control: &Control,
    listeners: Vec<BoundListener>,
    process: Process,
    acceptors: &Acceptors,
) {
    let scope = Rc::new(Scope::new(control, process));
    let global = &control.world().config.global;
    let limit = Rc::new(Semaphore::new(global.stats_maxconn as usize));
    let master = Rc::new(Semaphore::new(MASTER_CONNECTIONS));
    for listener in listeners {
        let (allowed, limit) = match listener.owner {
            Owner::Stats(index) => {
                let Some(bind) = global.stats_sockets.get(index) else { continue };
                let allowed = Allowed {
                    level: bind.level,
                    severity: bind.severity,
                    expose_listeners: bind.expose_listeners,
                };
                (allowed, &limit)
            }
            Owner::Master => {
                let severity = SeverityOutput::None;
                (Allowed { level: Level::Admin, severity, expose_listeners: true }, &master)
            }
            Owner::Frontend(..) => continue,
        };
        let is_master = listener.owner == Owner::Master;
        match listen(Rc::clone(&scope), listener, allowed, Rc::clone(limit)) {
            // The master talks to a worker that leaves, too.
            Ok(_) if is_master => {}
            Ok(acceptor) => acceptors.add(acceptor),
            Err(error) => messages::alert(format!("Cannot serve a stats socket: {error}.")),
        }
    }
}
