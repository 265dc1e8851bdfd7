//! Weights and limits that change at run time, and slow start.

use super::Cause;
use crate::state::World;
use crate::state::server::{Admin, OpState, ServerRef, ServerState, Status};
use balance::Availability;
use std::sync::atomic::Ordering::Relaxed;

impl World {
    /// `set weight` and `set server … weight`: an absolute weight or `N%` of the initial one.
    ///
    /// # Errors
    /// The reply's text.
    pub fn set_weight(&self, at: ServerRef, written: &str, now_ms: u64) -> Result<(), &'static str> {
        let _one = self.serialised();
        let Some((backend, server)) = self.both(at) else { return Err("No such server.") };
        let initial = server.lock_status().initial_weight;
        let weight = parse_weight(written, initial)?;
        if backend.shared.core().is_static() && weight != 0 && weight != initial {
            return Err("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.");
        }
        let mut status = server.lock_status();
        status.weight = weight;
        let left = self.commit(backend, server, &status, now_ms);
        drop(status);
        self.log_lost(backend, &left);
        self.serve(server);
        Ok(())
    }

    /// `set maxconn server`: 0 is none.
    pub fn set_server_maxconn(&self, at: ServerRef, maxconn: u32) {
        let _one = self.serialised();
        let Some(server) = self.server(at) else { return };
        server.maxconn.store(maxconn, Relaxed);
        server.shared.core().set_limits(at.server.0 as usize, maxconn, server.config.minconn.min(maxconn));
        self.serve(server);
    }

    /// Moves servers in slow start on; returns whether any is left. Cheap when there is none.
    pub fn warm_up(&self, now_ms: u64) -> bool {
        if self.starting.load(Relaxed) == 0 {
            return false;
        }
        let _one = self.serialised();
        let mut left = false;
        for server in self.servers() {
            if server.op() != OpState::Starting {
                continue;
            }
            let Some(backend) = self.backend(server.at.proxy) else { continue };
            let mut status = server.lock_status();
            if warm_seconds(&status, server, now_ms).is_none() {
                drop(status);
                self.change_op(server.at, OpState::Running, &Cause::WarmedUp, now_ms);
                continue;
            }
            left = true;
            status.warm_seconds = warm_seconds(&status, server, now_ms);
            self.commit(backend, server, &status, now_ms);
            drop(status);
            self.serve(server);
        }
        left
    }
}

/// Seconds of slow start that count: multiples of its step. None when it is over.
fn warm_seconds(status: &Status, server: &ServerState, now_ms: u64) -> Option<u64> {
    let total = server.config.slowstart.as_secs().max(1);
    let elapsed = now_ms.saturating_sub(status.changed_ms) / 1000;
    let step = (total / 20).max(1);
    (elapsed < total).then(|| elapsed / step * step)
}

/// What the algorithm is told of a server.
pub(super) fn availability(status: &Status, server: &ServerState) -> Availability {
    let up = matches!(status.op, OpState::Running | OpState::Starting);
    let total = server.config.slowstart.as_secs().max(1);
    let (step, ramp) = match status.warm_seconds {
        Some(t) => ((16 * t + total) / total, 100 * t / total),
        None => (16, 100),
    };
    Availability {
        available: up && !status.admin.any(Admin::MAINT.with(Admin::DRAIN)),
        weight: status.weight,
        step: u32::try_from(step.min(16)).unwrap_or(16),
        ramp: u32::try_from(ramp.min(100)).unwrap_or(100),
    }
}

/// `N` or `N%` of the initial weight; more than 256 by percentage is 256.
fn parse_weight(written: &str, initial: u32) -> Result<u32, &'static str> {
    const EMPTY: &str = "Empty weight string empty or preceded by garbage";
    let (sign, digits) = match written.as_bytes() {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        all => (1, all),
    };
    let count = digits.iter().take_while(|c| c.is_ascii_digit()).count();
    let (digits, tail) = digits.split_at_checked(count).unwrap_or_default();
    if digits.is_empty() {
        return Err(EMPTY);
    }
    let value =
        digits.iter().fold(0_i64, |n, c| n.saturating_mul(10).saturating_add(i64::from(c - b'0'))) * sign;
    match tail {
        b"%" if value < 0 => Err("Relative weight must be positive."),
        b"%" => {
            let weight = i64::from(initial).saturating_mul(value) / 100;
            Ok(u32::try_from(weight.min(256)).unwrap_or(256))
        }
        b"" => u32::try_from(value)
            .ok()
            .filter(|&weight| weight <= 256)
            .ok_or("Absolute weight can only be between 0 and 256 inclusive."),
        _ => Err("Trailing garbage in weight string"),
    }
}
