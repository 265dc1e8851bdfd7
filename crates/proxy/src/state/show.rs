//! A server's state in words and numbers, as the statistics and `show servers state` give it (haproxy-algorithms, 4.1 and 6).

use super::backend::BackendState;
use super::server::{Admin, OpState, ServerState, Status};
use super::world::World;
use haproxy_config::AnonKey;
use health::{CheckStatus, Outcome};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use units::Address;

/// The `status` column and the class that the stats page colours it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCell {
    /// Such as `UP 1/3`.
    pub text: String,
    /// Which kind of state it is.
    pub kind: StatusKind,
}

/// What colours a server's line on the stats page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusKind {
    /// In maintenance.
    Maintain,
    /// Down.
    Down,
    /// Down, checks begin to pass.
    GoingUp,
    /// Up, checks begin to fail.
    GoingDown,
    /// Up.
    Up,
    /// Up for persistent requests only (404).
    NoLb,
    /// Drained.
    Draining,
    /// Up, not checked.
    NoCheck,
}

/// The check columns of `show stat`; empty where the reference leaves them blank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckColumns {
    /// `check_status`, with `* ` while a check is under way.
    pub status: String,
    /// `check_code`
    pub code: Option<u16>,
    /// `check_duration`, ms.
    pub duration: Option<u64>,
    /// `last_chk`
    pub info: String,
    /// `check_desc`
    pub text: &'static str,
}

impl World {
    /// The end of a server's track chain: itself when it tracks none.
    #[must_use]
    pub fn checked_by<'a>(&'a self, server: &'a Arc<ServerState>) -> &'a Arc<ServerState> {
        let mut end = server;
        // A chain visits no server twice: the configuration refuses loops; the bound is a second lock.
        for _ in 0..self.trackers.len() {
            match self.tracked(end) {
                Some(tracked) => end = tracked,
                None => break,
            }
        }
        end
    }

    /// The `status` column of `show stat`.
    #[must_use]
    pub fn status_cell(&self, server: &Arc<ServerState>) -> StatusCell {
        let status = server.status();
        let reference = self.checked_by(server).status();
        let cell = |text: &str, kind| StatusCell { text: text.into(), kind };
        if status.admin.any(Admin::RESOLUTION) {
            return cell("MAINT (resolution)", StatusKind::Maintain);
        }
        if status.admin.any(Admin::INHERITED_MAINT) {
            let via = self.tracked(server).map_or(String::new(), |tracked| {
                format!(" (via {}/{})", tracked.backend_name, tracked.name())
            });
            return StatusCell { text: format!("MAINT{via}"), kind: StatusKind::Maintain };
        }
        if status.admin.any(Admin::MAINT) {
            return cell("MAINT", StatusKind::Maintain);
        }
        let check = &reference.check;
        let checked = check.enabled;
        let partial = checked && check.health() < check.max_health();
        let with_fraction = |word: &str, stopped: bool, kind| {
            let (have, of) = check.fraction(stopped);
            StatusCell { text: format!("{word} {have}/{of}"), kind }
        };
        let drained = status.admin.any(Admin::DRAIN);
        match status.op {
            OpState::Stopped if checked && check.health() > 0 => {
                with_fraction("DOWN", true, StatusKind::GoingUp)
            }
            OpState::Stopped => cell("DOWN", StatusKind::Down),
            OpState::Stopping if partial => with_fraction("NOLB", false, StatusKind::GoingDown),
            OpState::Stopping => cell("NOLB", StatusKind::NoLb),
            OpState::Running | OpState::Starting if drained && partial => {
                with_fraction("DRAIN", false, StatusKind::Draining)
            }
            OpState::Running | OpState::Starting if drained => cell("DRAIN", StatusKind::Draining),
            OpState::Running | OpState::Starting if !checked => cell("no check", StatusKind::NoCheck),
            OpState::Running | OpState::Starting if partial => {
                with_fraction("UP", false, StatusKind::GoingDown)
            }
            OpState::Running | OpState::Starting => cell("UP", StatusKind::Up),
        }
    }

    /// The check columns of `show stat`: none for servers that are not checked, that track another, or in maintenance.
    #[must_use]
    pub fn check_columns(&self, server: &ServerState) -> Option<CheckColumns> {
        let status = server.status();
        if !status.check.enabled || status.admin.any(Admin::MAINT) || server.config.track.is_some() {
            return None;
        }
        let Outcome { status: last, code, info, duration } = status.check.last.clone();
        Some(CheckColumns {
            status: format!("{}{}", if status.check.in_progress { "* " } else { "" }, last.name()),
            code: last.has_code().then_some(code),
            // HAPROXY: what traffic told took no time.
            duration: duration
                .or((last == CheckStatus::HealthAnalyze).then_some(Duration::ZERO))
                .map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
            info,
            text: last.text(),
        })
    }

    /// Whether `chkfail`, `chkdown` and `downtime` are shown: the server is checked itself, in maintenance or not.
    #[must_use]
    pub fn shows_check_counts(&self, server: &ServerState) -> bool {
        server.config.track.is_none() && server.status().check.enabled
    }

    /// The value of `x-haproxy-server-state` (`http-check send-state`).
    #[must_use]
    pub fn state_header(&self, backend: &BackendState, server: &Arc<ServerState>) -> String {
        let cell = {
            let status = server.status();
            let up = status.op != OpState::Stopped;
            let word = match status.op {
                OpState::Stopped => "DOWN",
                OpState::Stopping => "NOLB",
                OpState::Running | OpState::Starting => "UP",
            };
            if status.check.health() == status.check.max_health() || status.check.health() == 0 {
                word.to_owned()
            } else {
                let (have, of) = status.check.fraction(!up);
                format!("{word} {have}/{of}")
            }
        };
        let (address, port) = match &server.target().address {
            Address::Inet(address) => (address.ip().to_string(), address.port().to_string()),
            _ => ("unix".into(), "unix".into()),
        };
        let mut text = format!(
            "{cell}; address={address}; port={port}; name={}/{}; node={}; weight={}/{}; scur={}/{}; qcur={}",
            server.backend_name,
            server.name(),
            self.config.global.node,
            backend.shown_weight(server),
            backend.total_weight(),
            server.streams.current(),
            backend.streams.current().saturating_sub(backend.queue.current()),
            server.queue.current(),
        );
        if let Some(percent) = backend.throttle(server) {
            text.push_str(&format!("; throttle={percent}%"));
        }
        text
    }
}

impl BackendState {
    /// A server's weight as the statistics show it.
    #[must_use]
    pub fn shown_weight(&self, server: &ServerState) -> u32 {
        self.shared.core().shown_weight(server.at.server.0 as usize)
    }

    /// Percent of its weight that a server in slow start has (`throttle`); none when it has all.
    #[must_use]
    pub fn throttle(&self, server: &ServerState) -> Option<u32> {
        if server.op() != OpState::Starting {
            return None;
        }
        let (weight, full) = self.shared.core().throttle(server.at.server.0 as usize);
        (full > 0).then(|| (100 * weight + 15) / full)
    }
}

impl Status {
    /// `srv_check_state` of `show servers state`: 1 in progress, 2 configured, 4 enabled, 8 paused.
    #[must_use]
    pub fn check_state(&self) -> u8 {
        u8::from(self.check.in_progress)
            | u8::from(self.check_configured) << 1
            | u8::from(self.check.enabled) << 2
            | u8::from(self.check.paused) << 3
    }

    /// `srv_check_status` and `srv_check_result` of `show servers state`.
    #[must_use]
    pub fn check_numbers(&self) -> (u8, u8) {
        let status = self.check.last.status;
        (if status == CheckStatus::Unknown { 0 } else { status as u8 }, status.result() as u8)
    }
}

impl ServerState {
    /// The line of `show servers state`, without the line's end. With a key its names and addresses are hashed.
    #[must_use]
    pub fn state_line(&self, backend_id: u32, now_ms: u64, key: AnonKey) -> String {
        let status = self.status();
        let (check_status, check_result) = status.check_numbers();
        let target = self.target();
        let (address, port) = match &target.address {
            Address::Inet(address) => {
                (address.ip().to_string(), target.port_offset.map_or(address.port(), |o| o as u16))
            }
            _ => ("-".into(), 0),
        };
        let address = key.shown_address(address);
        format!(
            "{backend_id} {} {} {} {address} {} {} {} {} {} {check_status} {check_result} {} {} 0 0 {} {} {port} - 0 {} {} - 0",
            key.name(&self.backend_name),
            self.config.id,
            key.name(self.name()),
            status.op as u8,
            status.admin.0,
            status.weight,
            status.initial_weight,
            status.last_change(now_ms),
            status.check.health(),
            status.check_state(),
            u8::from(self.config.id_forced),
            self.config.fqdn.as_deref().map_or(Cow::Borrowed("-"), |name| key.name(name)),
            status.check_port,
            status.check_address.map_or("-".into(), |address| address.to_string()),
        )
    }
}
