//! Every change of a server's state: one place sets it, keeps the algorithm in step, moves queued streams, writes the log lines and
//! carries it on to the servers that track it (haproxy-algorithms, parts 4.4 and 4.5).
//!
//! ```text
//!             checks pass (slowstart)                time                404 (disable-on-404)
//!   Stopped ─────────────────────────▶ Starting ─────────────▶ Running ──────────────────────▶ Stopping
//!      ▲  └──────────── checks pass (no slowstart) ──────────────▲  └──────────────◀───────────────┘
//!      └────────────────────────────── checks fail, maintenance (from any) ─────────────────────────
//! ```
//!
//! `checked.rs` has what checks cause, `observed.rs` what traffic says of a server's health, `admin.rs` what administrators do, `weight.rs` weights, limits and slow start. Changes are
//! serialised over the whole worker ([`World`]'s transition lock); hooks run inside and must not change states.

use super::Stat;
mod admin;
mod checked;
mod observed;
mod weight;

use super::backend::BackendState;
use super::server::{Admin, OpState, ServerRef, ServerState, Status};
use super::world::{Hooks, ShutdownCause, World};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, MutexGuard, PoisonError};

/// Log level of an emergency.
const EMERG: u8 = 0;
/// Log level of an alert.
const ALERT: u8 = 1;
/// Log level of a notice.
const NOTICE: u8 = 5;

/// Who asks for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The stats socket.
    Cli,
    /// The stats page.
    Web,
}

/// What an administrator wants of a server (`set server … state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminState {
    /// In normal use.
    Ready,
    /// No new requests but persistent ones.
    Drain,
    /// No request, no check.
    Maint,
}

/// What an administrator says of a server's health (`set server … health`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// Up.
    Up,
    /// Up for persistent requests only.
    Stopping,
    /// Down.
    Down,
}

/// Why an operational state changes: the tail of its log line's first sentence.
#[derive(Clone, Debug)]
enum Cause {
    /// `, reason: …`, or empty when the check's own line said it.
    Check(String),
    Asked(Origin),
    /// The tracked server changed.
    Tracked(String),
    /// Slow start is over.
    WarmedUp,
}

impl Cause {
    fn text(&self) -> String {
        match self {
            Self::Check(reason) => reason.clone(),
            Self::Asked(Origin::Cli) => ", changed from CLI".into(),
            Self::Asked(Origin::Web) => ", changed from Web interface".into(),
            Self::Tracked(name) => format!(" via {name}"),
            Self::WarmedUp => String::new(),
        }
    }
}

/// What is left of a backend after a change.
struct Left {
    active: u32,
    backup: u32,
    /// Whether the change took its last usable server.
    lost: bool,
}

impl World {
    fn serialised(&self) -> MutexGuard<'_, ()> {
        self.transitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `to` is Running for "up": slow start makes it Starting.
    fn change_op(&self, at: ServerRef, to: OpState, cause: &Cause, now_ms: u64) {
        let Some((backend, server)) = self.both(at) else { return };
        let mut status = server.lock_status();
        let from = status.op;
        let same = from == to || (to == OpState::Running && from == OpState::Starting);
        // A server that is down stays down at a 404; one in maintenance is out of the checks' reach.
        let barred = status.admin.any(Admin::MAINT) || (to == OpState::Stopping && from == OpState::Stopped);
        if (same && !matches!(cause, Cause::WarmedUp)) || barred {
            return;
        }
        if to == OpState::Running
            && self.tracked(server).is_some_and(|tracked| tracked.op() == OpState::Stopped)
        {
            return;
        }
        let warm =
            to == OpState::Running && !server.config.slowstart.is_zero() && !matches!(cause, Cause::WarmedUp);
        let drained = status.admin.any(Admin::DRAIN);
        self.enter(server, &mut status, if warm { OpState::Starting } else { to }, now_ms);
        let left = self.commit(backend, server, &status, now_ms);
        drop(status);
        let name = log_name(server);
        let why = cause.text();
        match to {
            OpState::Stopped => {
                server.counters.bump(0, Stat::Downs);
                if server.config.shutdown_on_down {
                    self.shutdown(server, ShutdownCause::Down);
                }
                let tail = self.leave_tail(backend, server, &left);
                let level = if from == OpState::Stopping || drained { NOTICE } else { ALERT };
                self.say(backend, level, &format!("{name} is DOWN{why}.{tail}"));
            }
            OpState::Stopping => {
                let moved = self.requeue(backend, server);
                let tail = online_tail(server, &left, moved);
                self.say(backend, NOTICE, &format!("{name} is stopping{why}.{tail}"));
            }
            OpState::Running | OpState::Starting => {
                self.retire_backups(backend, server);
                let moved = self.serve(server);
                let tail = online_tail(server, &left, moved);
                self.say(backend, NOTICE, &format!("{name} is UP{why}.{tail}"));
            }
        }
        self.log_lost(backend, &left);
        let via = Cause::Tracked(full_name(server));
        for tracker in self.trackers_of(at) {
            self.change_op(tracker, to, &via, now_ms);
        }
    }

    fn both(&self, at: ServerRef) -> Option<(&Arc<BackendState>, &Arc<ServerState>)> {
        let backend = self.backend(at.proxy)?;
        Some((backend, backend.server(at.server)?))
    }

    /// The server that a server tracks directly.
    #[must_use]
    pub fn tracked(&self, server: &ServerState) -> Option<&Arc<ServerState>> {
        let (proxy, tracked) = server.config.track?;
        self.server(ServerRef { proxy, server: tracked })
    }

    fn trackers_of(&self, at: ServerRef) -> Vec<ServerRef> {
        self.trackers.get(&at).cloned().unwrap_or_default()
    }

    /// ` via px/sv` for a flag that is inherited.
    fn via(&self, server: &ServerState, flag: Admin) -> String {
        let own = !flag.any(Admin::INHERITED_MAINT.with(Admin::INHERITED_DRAIN));
        match self.tracked(server) {
            Some(tracked) if !own => format!(" via {}", full_name(tracked)),
            _ => String::new(),
        }
    }

    /// Sets the operational state and its clock.
    fn enter(&self, server: &ServerState, status: &mut Status, op: OpState, now_ms: u64) {
        if status.op == OpState::Stopped {
            status.down_seconds += seconds_between(status.changed_ms, now_ms);
        }
        match (status.op == OpState::Starting, op == OpState::Starting) {
            (false, true) => {
                self.starting.fetch_add(1, Relaxed);
            }
            (true, false) => {
                self.starting.fetch_sub(1, Relaxed);
            }
            _ => {}
        }
        status.op = op;
        status.changed_ms = now_ms;
        status.warm_seconds = (op == OpState::Starting).then_some(0);
        server.op.store(op as u8, Relaxed);
    }

    /// Tells the algorithm, and keeps the backend's own state.
    fn commit(&self, backend: &BackendState, server: &ServerState, status: &Status, now_ms: u64) -> Left {
        let mut core = backend.shared.core();
        let had = core.shown_total_weight() > 0;
        core.set_availability(server.at.server.0 as usize, weight::availability(status, server));
        let has = core.shown_total_weight() > 0;
        let (active, backup) = core.usable();
        drop(core);
        if had != has {
            let changed = backend.changed_ms.swap(now_ms, Relaxed);
            if has {
                backend.down_seconds.fetch_add(seconds_between(changed, now_ms), Relaxed);
            } else {
                backend.counters.bump(0, Stat::Downs);
            }
        }
        Left { active, backup, lost: had && !has }
    }

    /// Sends the queued streams of a server elsewhere; how many. Maintenance moves all; else `option redispatch` must allow it and
    /// `option persist` must not forbid it.
    fn requeue(&self, backend: &BackendState, server: &ServerState) -> usize {
        let maintenance = server.admin().any(Admin::MAINT);
        if !maintenance && (backend.config.redispatch.is_none() || backend.config.options.persist) {
            return 0;
        }
        let freed = server.shared.core().requeue(server.at.server.0 as usize, maintenance);
        let moved = freed.len();
        for (waiter, position) in freed {
            server.queue.leave();
            waiter.rebalance(position);
        }
        moved
    }

    /// Wakes whom the server has room for; how many.
    fn serve(&self, server: &Arc<ServerState>) -> usize {
        let shared = &server.shared;
        let woken = {
            let mut core = shared.core();
            if !core.is_usable(server.at.server.0 as usize) && core.queued(server.at.server.0 as usize) == 0 {
                return 0;
            }
            core.serve_queues(server.at.server.0 as usize, shared.current_streams())
        };
        let moved = woken.len();
        server.wake(woken);
        moved
    }

    fn leave_tail(&self, backend: &BackendState, server: &ServerState, left: &Left) -> String {
        let moved = self.requeue(backend, server);
        format!(
            " {} active and {} backup servers left.{} {} sessions active, {moved} requeued, {} remaining in queue.",
            left.active,
            left.backup,
            on_backup(left),
            server.streams.current(),
            server.queue.current(),
        )
    }

    fn log_lost(&self, backend: &BackendState, left: &Left) {
        if !left.lost {
            return;
        }
        let name = &backend.config.name;
        if let Some(hooks) = self.hooks() {
            hooks.message(true, &format!("backend '{name}' has no server available!"));
            hooks.log(&backend.config, EMERG, &format!("backend {name} has no server available!"));
        }
    }

    fn say(&self, backend: &BackendState, level: u8, text: &str) {
        if let Some(hooks) = self.hooks() {
            hooks.message(false, text);
            hooks.log(&backend.config, level, text);
        }
    }

    /// `on-marked-up shutdown-backup-sessions`
    fn retire_backups(&self, backend: &BackendState, server: &ServerState) {
        if server.config.shutdown_backup_on_up && server.is_usable() {
            for backup in backend.servers.iter().filter(|server| server.config.backup) {
                self.shutdown(backup, ShutdownCause::Up);
            }
        }
    }

    fn shutdown(&self, server: &Arc<ServerState>, cause: ShutdownCause) {
        if let Some(hooks) = self.hooks() {
            hooks.shutdown_sessions(server, cause);
        }
    }

    /// Ends all streams of a server (`shutdown sessions server`).
    pub fn shutdown_sessions(&self, at: ServerRef) {
        if let Some(server) = self.server(at) {
            self.shutdown(server, ShutdownCause::Killed);
        }
    }

    fn hooks(&self) -> Option<&dyn Hooks> {
        self.hooks.get().map(AsRef::as_ref)
    }
}

impl BackendState {
    /// Seconds since it went up or down (`lastchg`).
    #[must_use]
    pub fn last_change(&self, now_ms: u64) -> u64 {
        seconds_between(self.changed_ms.load(Relaxed), now_ms)
    }

    /// Seconds without a usable server (`downtime`).
    #[must_use]
    pub fn downtime(&self, now_ms: u64) -> u64 {
        let past = self.down_seconds.load(Relaxed);
        if self.total_weight() > 0 { past } else { past + self.last_change(now_ms) }
    }
}

impl Status {
    /// Seconds since the operational state changed (`lastchg`, `srv_time_since_last_change`).
    #[must_use]
    pub fn last_change(&self, now_ms: u64) -> u64 {
        seconds_between(self.changed_ms, now_ms)
    }

    /// Seconds in state Stopped (`downtime`).
    #[must_use]
    pub fn downtime(&self, now_ms: u64) -> u64 {
        self.down_seconds + if self.op == OpState::Stopped { self.last_change(now_ms) } else { 0 }
    }
}

/// `Server px/sv`, the start of a log line.
fn log_name(server: &ServerState) -> String {
    format!("{}Server {}", if server.config.backup { "Backup " } else { "" }, full_name(server))
}

/// `px/sv`
fn full_name(server: &ServerState) -> String {
    format!("{}/{}", server.backend_name, server.name())
}

fn online_tail(server: &ServerState, left: &Left, moved: usize) -> String {
    format!(
        " {} active and {} backup servers online.{} {moved} sessions requeued, {} total in queue.",
        left.active,
        left.backup,
        on_backup(left),
        server.queue.current(),
    )
}

fn on_backup(left: &Left) -> &'static str {
    if left.active == 0 && left.backup > 0 { " Running on backup." } else { "" }
}

/// Differences of whole seconds, as the reference's clock in seconds gives them.
fn seconds_between(from_ms: u64, to_ms: u64) -> u64 {
    (to_ms / 1000).saturating_sub(from_ms / 1000)
}

#[cfg(test)]
mod tests;
