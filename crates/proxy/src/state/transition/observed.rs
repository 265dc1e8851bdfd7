//! What traffic says about a server's health (`observe`).

use crate::state::server::{Admin, ServerState};
use crate::state::{Stat, World};
use health::{Layer, TrafficError};
use std::sync::atomic::Ordering::Relaxed;

impl World {
    /// A connection to a server succeeded.
    pub(crate) fn connection_observed(&self, server: &ServerState) {
        if server.config.observe.is_some_and(|observe| observe.layer == Layer::Connection) {
            forget_errors(server);
        }
    }

    /// A server gave a good response.
    pub(crate) fn response_observed(&self, server: &ServerState) {
        if server.config.observe.is_some_and(|observe| observe.layer == Layer::Response) {
            forget_errors(server);
        }
    }

    /// Something went wrong with a server. When that is one error too many in a row, it does what `on-error` says.
    pub(crate) fn error_observed(&self, server: &ServerState, error: TrafficError, now_ms: u64) {
        let Some(observe) = server.config.observe else { return };
        if observe.layer == Layer::Connection && error != TrafficError::Connection {
            return;
        }
        let errors = server.traffic_errors.fetch_add(1, Relaxed).saturating_add(1);
        if errors < observe.limit {
            return;
        }
        let _one = self.serialised();
        let recorded = {
            let mut status = server.lock_status();
            if !status.check.enabled || !status.check_configured || status.admin.any(Admin::MAINT) {
                return;
            }
            server.traffic_errors.store(0, Relaxed);
            // Serialised by the transition lock, as all that row 0 counts here.
            server.counters.bump(0, Stat::HealthAnalyses);
            status.check.observe(observe.on_error, errors, error)
        };
        server.hurry.notify_one();
        if let Some(recorded) = recorded {
            self.recorded(server.at, recorded, true, now_ms);
        }
    }
}

fn forget_errors(server: &ServerState) {
    if server.traffic_errors.load(Relaxed) > 0 {
        server.traffic_errors.store(0, Relaxed);
    }
}
