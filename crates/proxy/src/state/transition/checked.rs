//! What the results of checks do to a server.

use super::{Cause, NOTICE};
use crate::state::backend::BackendState;
use crate::state::server::{Admin, OpState, ServerRef, ServerState};
use crate::state::{Stat, World};
use health::{Change, CheckResult, Outcome, Recorded};

impl World {
    /// Counts a check's result and does what it means for the server.
    pub fn check_done(&self, at: ServerRef, outcome: Outcome, now_ms: u64) {
        let _one = self.serialised();
        let Some((_, server)) = self.both(at) else { return };
        let (recorded, failed) = {
            let mut status = server.lock_status();
            if status.admin.any(Admin::MAINT) {
                status.check.in_progress = false;
                return;
            }
            let failed = outcome.status.result() == CheckResult::Failed && status.check.is_up();
            (status.check.record(outcome), failed)
        };
        self.recorded(at, recorded, failed, now_ms);
    }

    /// Does what a result means for the server. `failed`: it took health from one that was up.
    pub(super) fn recorded(&self, at: ServerRef, recorded: Recorded, failed: bool, now_ms: u64) {
        let Some((backend, server)) = self.both(at) else { return };
        if failed {
            // Serialised by the transition lock, which makes row 0 ours for this counter.
            server.counters.bump(0, Stat::ChecksFailed);
            backend.counters.bump(0, Stat::ChecksFailed);
        }
        let line = backend.config.options.log_health_checks && recorded.noteworthy;
        if line {
            self.log_check(backend, server);
        }
        let reason =
            if line { String::new() } else { format!(", {}", server.lock_status().check.last.describe()) };
        let to = match recorded.change {
            Change::None => return,
            Change::Up => OpState::Running,
            Change::Down => OpState::Stopped,
            Change::Stopping => OpState::Stopping,
        };
        self.change_op(at, to, &Cause::Check(reason), now_ms);
    }

    /// Marks a check as under way (`* ` in the statistics).
    pub fn check_started(&self, at: ServerRef) {
        if let Some(server) = self.server(at) {
            server.lock_status().check.start();
        }
    }

    /// Switches a server's checks on or off (`enable health`, `disable health`).
    ///
    /// # Errors
    /// The reply's text when the server has no checks.
    pub fn set_checks_enabled(&self, at: ServerRef, enabled: bool) -> Result<(), &'static str> {
        let _one = self.serialised();
        let Some(server) = self.server(at) else { return Err("No such server.") };
        if server.config.track.is_some() {
            return Err(if enabled {
                "Health check was not configured on this server, cannot enable."
            } else {
                "Health checks are not enabled on this server."
            });
        }
        let mut status = server.lock_status();
        if enabled && !status.check_configured {
            return Err("Health check was not configured on this server, cannot enable.");
        }
        status.check.enabled = enabled && status.check_configured;
        Ok(())
    }

    fn log_check(&self, backend: &BackendState, server: &ServerState) {
        let status = server.lock_status();
        let result = match status.check.last.status.result() {
            CheckResult::Failed => "failed",
            CheckResult::Conditional => "conditionally succeeded",
            CheckResult::Passed | CheckResult::Neutral | CheckResult::Unknown => "succeeded",
        };
        let up = status.check.is_up();
        let (have, of) = status.check.fraction(!up);
        let state = match (up, status.weight) {
            (false, _) => "DOWN",
            (true, 0) => "DRAIN",
            (true, _) => "UP",
        };
        let text = format!(
            "Health check for {}server {}/{} {result}, {}, status: {have}/{of} {state}.",
            if server.config.backup { "backup " } else { "" },
            server.backend_name,
            server.name(),
            status.check.last.describe(),
        );
        drop(status);
        self.say(backend, NOTICE, &text);
    }
}
