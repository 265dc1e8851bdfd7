//! Interfaces whose link is asked for once a second: drivers that do not tell netlink. keepalived.conf(5),
//! `linkbeat_interfaces`.

use std::time::{Duration, Instant};

use keepalived_config::resolved::{Config, LinkbeatKind};
use netlink::linkbeat::{Kind, Prober};

use crate::interfaces::Interfaces;
use crate::log::normal;

/// Between two questions.
const INTERVAL: Duration = Duration::from_secs(1);

/// The interfaces that are asked.
#[derive(Debug, Default)]
pub(crate) struct Linkbeats {
    prober: Option<Prober>,
    watched: Vec<(String, Kind)>,
    next_at: Option<Instant>,
}

impl Linkbeats {
    /// Asks for the first time.
    pub(crate) fn new(config: &Config, interfaces: &mut Interfaces) -> Self {
        let network = &config.network;
        let mut names: Vec<(String, LinkbeatKind)> =
            network.linkbeat.iter().map(|beat| (beat.name.clone(), beat.kind)).collect();
        if network.linkbeat_everywhere {
            for instance in &config.instances {
                if !names.iter().any(|(name, _)| *name == instance.interface) {
                    names.push((instance.interface.clone(), LinkbeatKind::Any));
                }
            }
        }
        // A virtual interface has no link of its own.
        names.retain(|(name, _)| {
            !name.is_empty() && !config.instances.iter().any(|of| of.vmacs().any(|vmac| vmac.name == *name))
        });
        interfaces.retain_polled(&names.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        if names.is_empty() {
            return Self::default();
        }
        let prober = match Prober::open() {
            Ok(prober) => prober,
            Err(error) => {
                normal!("Cannot poll links: {error}");
                return Self::default();
            }
        };
        let watched = names
            .into_iter()
            .map(|(name, kind)| {
                let wanted = match kind {
                    LinkbeatKind::Any | LinkbeatKind::Mii => Kind::Mii,
                    LinkbeatKind::Ethtool => Kind::Ethtool,
                    LinkbeatKind::Ioctl => Kind::Flags,
                };
                let supported = prober.supported(&name, wanted);
                (name, supported)
            })
            .collect();
        let mut beats = Self { prober: Some(prober), watched, next_at: None };
        beats.ask(interfaces);
        beats.next_at = Some(Instant::now() + INTERVAL);
        beats
    }

    fn ask(&self, interfaces: &mut Interfaces) -> Vec<(String, bool)> {
        let Some(prober) = &self.prober else { return Vec::new() };
        let mut changed = Vec::new();
        for (name, kind) in &self.watched {
            let up = interfaces.by_name(name).is_some() && prober.is_up(name, *kind);
            if interfaces.set_polled(name, up) {
                changed.push((name.clone(), up));
            }
        }
        changed
    }

    /// Whether anything is asked for.
    pub(crate) fn any(&self) -> bool {
        !self.watched.is_empty()
    }

    /// When to ask again.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.next_at
    }

    /// Asks if it is time; returns what changed.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        interfaces: &mut Interfaces,
    ) -> Vec<(String, bool)> {
        match self.next_at {
            Some(at) if at <= now => {
                self.next_at = Some(now + INTERVAL);
                self.ask(interfaces)
            }
            Some(_) | None => Vec::new(),
        }
    }
}
