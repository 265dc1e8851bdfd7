//! `enable_snmp_…`: objects and traps for an SNMP master agent, by AgentX. keepalived.conf(5), "enable_snmp_vrrp".
//!
//! A task of its own owns the connection. It asks the event loop for a view of all objects when a master asks, keeps it for a
//! moment, and learns of traps by messages that the event loop never waits for; a master that hangs, ends or is not there yet
//! delays no advert. Nothing of this runs without one of the keywords.

mod agent;
mod keepalived;
mod mib;
mod objects;
mod rfc2787;
mod rfc6527;
mod sets;
pub(crate) mod traps;

use agentx::{Oid, Settings, Value, VarBind};
use keepalived_config::resolved::Snmp;
use tokio::sync::oneshot;

pub(crate) use mib::Mib;
pub(crate) use sets::Write;

use crate::task::Task;

/// Wishes that may wait for the event loop; the master waits then.
const WISHES_MAX: usize = 4;
/// How long a session may take to end before the next one begins.
const FAREWELL_MAX: std::time::Duration = std::time::Duration::from_secs(1);
/// Where masters listen.
const DEFAULT_SOCKET: &str = "unix:/var/agentx/master";

/// What the task is told.
#[derive(Debug)]
enum Change {
    /// Send this.
    Trap(Vec<VarBind>),
    /// What was seen last is no longer so.
    Stale,
    /// The end: say so, and tell when it was said.
    Stopped(oneshot::Sender<()>),
}

/// What the task wants of the event loop.
#[derive(Debug)]
pub(crate) enum Wish {
    /// All objects.
    Objects(oneshot::Sender<Vec<(Oid, Value)>>),
    /// A manager sets something.
    Set(Vec<Write>, oneshot::Sender<()>),
}

/// The running agent.
#[derive(Debug)]
pub(crate) struct Service {
    settings: Snmp,
    task: Task<Change, Wish>,
    began: std::time::Instant,
}

impl Service {
    /// Connects in the background, when the session `before` has ended: a master lets one at a time answer for a subtree.
    pub(crate) fn start(settings: &Snmp, before: Option<oneshot::Receiver<()>>) -> Self {
        let (task, told, wish) = Task::new(WISHES_MAX);
        let socket = settings.socket.clone().unwrap_or_else(|| DEFAULT_SOCKET.to_owned());
        let registrations = registrations(settings);
        tokio::spawn(async move {
            if let Some(before) = before {
                let _ = tokio::time::timeout(FAREWELL_MAX, before).await;
            }
            agent::run(socket, registrations, told, wish).await;
        });
        Self { settings: settings.clone(), task, began: std::time::Instant::now() }
    }

    /// Whether it runs with these settings. Traps are the event loop's affair.
    pub(crate) fn is(&self, settings: &Snmp) -> bool {
        self.settings == Snmp { traps: self.settings.traps, ..settings.clone() }
    }

    /// Since when it runs.
    pub(crate) fn began(&self) -> std::time::Instant {
        self.began
    }

    /// The next thing that the task wants.
    pub(crate) async fn next(&mut self) -> Wish {
        self.task.next().await
    }

    /// False when this is the first trap that is lost because the master is too slow.
    pub(crate) fn trap(&mut self, var_binds: Vec<VarBind>) -> bool {
        self.task.tell(Change::Trap(var_binds))
    }

    /// A state or the configuration changed.
    pub(crate) fn stale(&mut self) {
        self.task.tell(Change::Stale);
    }

    /// Ends the session; the answer comes when what waited was sent.
    pub(crate) fn stop(self) -> oneshot::Receiver<()> {
        self.task.stop(Change::Stopped)
    }
}

/// What the master is told that we answer for, with the lines of sysORTable that the reference has.
fn registrations(settings: &Snmp) -> Settings {
    let (keepalived, vrrp, vrrpv3) =
        (Oid::new(&mib::KEEPALIVED), Oid::new(&mib::VRRP_MIB), Oid::new(&mib::VRRPV3_MIB));
    let (mut subtrees, mut capabilities) = (Vec::new(), Vec::new());
    if settings.keepalived {
        subtrees.extend([keepalived.child(&[1]), keepalived.child(&[2])]);
        let words = [(1, "The MIB module for Keepalived"), (2, "The MIB module for KEEPALIVED-VRRP")];
        capabilities.extend(words.map(|(group, words)| (keepalived.child(&[group]), words.to_owned())));
    }
    if settings.rfcv2 {
        subtrees.push(vrrp.clone());
        capabilities.push((vrrp, "The MIB module for VRRP".to_owned()));
    }
    if settings.rfcv3 {
        subtrees.push(vrrpv3.clone());
        capabilities.push((vrrpv3, "The MIB module for VRRPV3".to_owned()));
    }
    Settings { description: "Keepalived".to_owned(), subtrees, capabilities }
}
