//! What administrators do to a server: maintenance, drain, health by hand. Flags are carried on to trackers as inherited ones.

use super::{ALERT, AdminState, Cause, HealthState, NOTICE, Origin, log_name, online_tail};
use crate::state::World;
use crate::state::server::{Admin, OpState, ServerRef, ServerState};
use crate::state::{ShutdownCause, Stat};
use std::sync::atomic::Ordering::Relaxed;

impl World {
    /// `set server … state`, `enable server`, `disable server`, and the stats page's actions.
    pub fn set_admin_state(&self, at: ServerRef, to: AdminState, now_ms: u64) {
        let _one = self.serialised();
        match to {
            AdminState::Ready => {
                self.clear_admin(at, Admin::FORCED_DRAIN, now_ms);
                self.clear_admin(at, Admin::FORCED_MAINT, now_ms);
            }
            AdminState::Drain => {
                self.set_admin(at, Admin::FORCED_DRAIN, now_ms);
                self.clear_admin(at, Admin::FORCED_MAINT, now_ms);
            }
            AdminState::Maint => {
                self.set_admin(at, Admin::FORCED_MAINT, now_ms);
                self.clear_admin(at, Admin::FORCED_DRAIN, now_ms);
            }
        }
    }

    /// `set server … health` and the stats page's actions.
    ///
    /// # Errors
    /// The reply's text when the server tracks another.
    pub fn set_health(
        &self,
        at: ServerRef,
        to: HealthState,
        origin: Origin,
        now_ms: u64,
    ) -> Result<(), &'static str> {
        let _one = self.serialised();
        let Some(server) = self.server(at) else { return Err("No such server.") };
        if server.config.track.is_some() {
            return Err("cannot change health on a tracking server.");
        }
        let op = {
            let mut status = server.lock_status();
            if status.admin.any(Admin::MAINT) {
                return Ok(());
            }
            match to {
                HealthState::Up => {
                    status.check.set_up();
                    OpState::Running
                }
                HealthState::Stopping => {
                    status.check.set_up();
                    OpState::Stopping
                }
                HealthState::Down => {
                    status.check.set_down();
                    OpState::Stopped
                }
            }
        };
        self.change_op(at, op, &Cause::Asked(origin), now_ms);
        Ok(())
    }

    fn set_admin(&self, at: ServerRef, flag: Admin, now_ms: u64) {
        let Some((backend, server)) = self.both(at) else { return };
        let mut status = server.lock_status();
        let before = status.admin;
        if before.any(flag) {
            return;
        }
        status.admin = before.with(flag);
        server.admin.store(status.admin.0, Relaxed);
        let name = log_name(server);
        let via = self.via(server, flag);
        let op = status.op;
        if flag.any(Admin::MAINT) {
            if before.any(Admin::MAINT) {
                return;
            }
            status.check.paused |= status.check.enabled;
            status.check.set_down();
            if op == OpState::Stopped {
                let left = self.commit(backend, server, &status, now_ms);
                drop(status);
                self.say(backend, NOTICE, &format!("{name} was DOWN and now enters maintenance{via}."));
                self.log_lost(backend, &left);
            } else {
                self.enter(server, &mut status, OpState::Stopped, now_ms);
                let left = self.commit(backend, server, &status, now_ms);
                drop(status);
                server.counters.bump(0, Stat::Downs);
                if server.config.shutdown_on_down {
                    self.shutdown(server, ShutdownCause::Down);
                }
                let tail = self.leave_tail(backend, server, &left);
                let quiet = op == OpState::Stopping || before.any(Admin::DRAIN);
                let level = if quiet { NOTICE } else { ALERT };
                self.say(backend, level, &format!("{name} is going DOWN for maintenance{via}.{tail}"));
                self.log_lost(backend, &left);
            }
        } else if before.any(Admin::MAINT) {
            drop(status);
        } else if before.any(Admin::DRAIN) {
            drop(status);
            let text = self.remains_drained(server);
            self.say(backend, NOTICE, &text);
        } else {
            let left = self.commit(backend, server, &status, now_ms);
            drop(status);
            let tail = if op == OpState::Stopped {
                self.leave_tail(backend, server, &left)
            } else {
                let moved = self.requeue(backend, server);
                online_tail(server, &left, moved)
            };
            self.say(backend, NOTICE, &format!("{name} enters drain state{via}.{tail}"));
            self.log_lost(backend, &left);
        }
        let inherited = inherited(flag);
        for tracker in self.trackers_of(at) {
            self.set_admin(tracker, inherited, now_ms);
        }
    }

    fn clear_admin(&self, at: ServerRef, flag: Admin, now_ms: u64) {
        let Some((backend, server)) = self.both(at) else { return };
        let mut status = server.lock_status();
        let before = status.admin;
        if !before.any(flag) {
            return;
        }
        let admin = before.without(flag);
        status.admin = admin;
        server.admin.store(admin.0, Relaxed);
        let name = log_name(server);
        if flag.any(Admin::MAINT) {
            if admin.any(Admin::MAINT) {
                drop(status);
                let text = if flag == Admin::FORCED_MAINT {
                    let via = self.via(server, Admin::INHERITED_MAINT);
                    format!("{name} is leaving forced maintenance but remains in maintenance{via}.")
                } else {
                    format!("{name} remains in forced maintenance.")
                };
                self.say(backend, NOTICE, &text);
                return;
            }
            let down = self.tracked(server).is_some_and(|tracked| tracked.op() == OpState::Stopped);
            if status.check_configured {
                status.check.paused = false;
                status.check.restart();
            }
            if !down {
                let warm = !server.config.slowstart.is_zero();
                self.enter(
                    server,
                    &mut status,
                    if warm { OpState::Starting } else { OpState::Running },
                    now_ms,
                );
            }
            let left = self.commit(backend, server, &status, now_ms);
            drop(status);
            let state = if down { "DOWN" } else { "UP" };
            let drained = admin.any(Admin::DRAIN);
            let mode = if drained { "DRAIN" } else { "READY" };
            let how = if flag == Admin::FORCED_MAINT { "forced maintenance" } else { "maintenance" };
            if !down && !drained {
                self.retire_backups(backend, server);
            }
            self.serve(server);
            self.say(backend, NOTICE, &format!("{name} is {state}/{mode} (leaving {how})."));
            if drained {
                let text = self.remains_drained(server);
                self.say(backend, NOTICE, &text);
            }
            self.log_lost(backend, &left);
        } else if admin.any(Admin::MAINT) {
            drop(status);
        } else if admin.any(Admin::DRAIN) {
            drop(status);
            let text = self.remains_drained(server);
            self.say(backend, NOTICE, &text);
            if flag == Admin::FORCED_DRAIN {
                return;
            }
        } else {
            let left = self.commit(backend, server, &status, now_ms);
            let state = if status.op == OpState::Stopped { "DOWN" } else { "UP" };
            drop(status);
            self.serve(server);
            let how = if flag == Admin::FORCED_DRAIN { "forced drain" } else { "drain" };
            let via = self.via(server, flag);
            self.say(backend, NOTICE, &format!("{name} is {state} (leaving {how}){via}."));
            self.log_lost(backend, &left);
        }
        let inherited = inherited(flag);
        for tracker in self.trackers_of(at) {
            self.clear_admin(tracker, inherited, now_ms);
        }
    }

    fn remains_drained(&self, server: &ServerState) -> String {
        let name = log_name(server);
        if server.admin().any(Admin::FORCED_DRAIN) {
            format!("{name} remains in forced drain mode.")
        } else {
            format!("{name} remains in drain mode{}.", self.via(server, Admin::INHERITED_DRAIN))
        }
    }
}

/// The flag that trackers get.
fn inherited(flag: Admin) -> Admin {
    if flag.any(Admin::MAINT) { Admin::INHERITED_MAINT } else { Admin::INHERITED_DRAIN }
}
