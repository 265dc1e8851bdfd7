//! BFD sessions that instances track. keepalived.conf(5), `track_bfd`.
//!
//! A session counts as not Up until the BFD process has said something else of it.

use std::time::Instant;

use super::{Output, Router};
use crate::InstanceConfig;
use crate::config::BfdId;
use crate::event::Event;
use crate::track::{self, Health, Verdict};

impl Router {
    /// The session called `name`, if anything tracks it.
    pub fn bfd(&self, name: &str) -> Option<BfdId> {
        self.config.bfds.iter().position(|bfd| **bfd == *name).map(BfdId)
    }

    /// Whether a session is Up.
    pub fn bfd_is_up(&self, id: BfdId) -> bool {
        self.bfds.get(id.0) == Some(&Health::Good)
    }

    pub(super) fn handle_bfd(&mut self, now: Instant, id: BfdId, up: bool) {
        let Some(health) = self.bfds.get_mut(id.0) else { return };
        if std::mem::replace(health, Health::from_good(up)) == Health::from_good(up) {
            return;
        }
        let Some(bfd) = self.config.bfds.get(id.0).cloned() else { return };
        for instance in self.in_order(|config| config.uses_bfd(id)) {
            let Some(config) = self.config.instances.get(instance.0) else { continue };
            let event = Event::Bfd { instance: config.name.clone(), bfd: bfd.clone(), up };
            self.out.push_back(Output::Log(event));
            let verdict = self.verdict(instance);
            self.take_verdict(now, instance, verdict);
        }
    }

    pub(super) fn judge_bfds(&self, config: &InstanceConfig, verdict: &mut Verdict) {
        for tracked in &config.track_bfds {
            let health = self.bfds.get(tracked.object.0).copied().unwrap_or(Health::Bad);
            verdict.delta = verdict.delta.saturating_add(track::contribution(tracked, health));
            if track::is_fault(tracked, health) {
                verdict.bfds_down.push(tracked.object);
            }
        }
    }

    /// What was known of the sessions before a reload.
    pub(super) fn adopt_bfds(&mut self, old: &Self) {
        for (health, name) in self.bfds.iter_mut().zip(&self.config.bfds) {
            if let Some(known) = old.bfd(name).and_then(|id| old.bfds.get(id.0)) {
                *health = *known;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::InstanceId;
    use crate::config::{RouterConfig, Tracked};
    use crate::event::InstanceEvent;
    use crate::router::{Input, Surroundings};
    use crate::{Output, instance::State};

    /// An instance of priority 100 that tracks sessions with these weights.
    fn router(weights: &[(i32, bool)]) -> Router {
        let mut instance = InstanceConfig::new("VI_1", 51);
        let tracked = |(index, (weight, reverse)): (usize, &(i32, bool))| Tracked {
            object: BfdId(index),
            weight: *weight,
            reverse: *reverse,
        };
        instance.track_bfds = weights.iter().enumerate().map(tracked).collect();
        let bfds = (0..weights.len()).map(|index| format!("B{index}").into()).collect();
        let config = RouterConfig { instances: vec![instance], bfds, ..RouterConfig::default() };
        let surroundings =
            Surroundings { sources: vec![Some("10.0.0.1".parse().unwrap())], ..Surroundings::default() };
        Router::new(config, &surroundings)
    }

    /// The reference's lines.
    fn lines(router: &mut Router) -> Vec<String> {
        let outputs = std::iter::from_fn(|| router.poll_output());
        outputs
            .filter_map(|output| match output {
                Output::Log(Event::Instance(_, InstanceEvent::Reason(_))) => None,
                Output::Log(event) => Some(event.to_string()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_session_without_weight_is_a_fault_until_it_is_up() {
        let mut router = router(&[(0, false)]);
        let now = Instant::now();
        router.start(now);
        assert_eq!(lines(&mut router), ["(VI_1) entering FAULT state"]);
        let id = router.bfd("B0").unwrap();
        router.handle(now, Input::Bfd(id, false));
        assert_eq!(lines(&mut router), [""; 0], "nothing new");
        router.handle(now, Input::Bfd(id, true));
        assert_eq!(
            lines(&mut router),
            ["VRRP_Instance(VI_1) Tracked BFD instance B0 is UP", "(VI_1) Entering BACKUP STATE"]
        );
        router.handle(now, Input::Bfd(id, false));
        assert_eq!(
            lines(&mut router),
            ["VRRP_Instance(VI_1) Tracked BFD instance B0 is DOWN", "(VI_1) Entering FAULT STATE"]
        );
        assert_eq!(router.bfd("B9"), None);
    }

    #[test]
    fn weights() {
        // weight, reverse, priority while down, priority while Up
        for (weight, reverse, down, up) in
            [(-30, false, 70, 100), (20, false, 100, 120), (-30, true, 130, 100), (20, true, 100, 80)]
        {
            let mut router = router(&[(weight, reverse)]);
            let now = Instant::now();
            router.start(now);
            let effective = |router: &Router| router.instance(InstanceId(0)).unwrap().effective_priority();
            assert_eq!(effective(&router), down, "{weight} {reverse}");
            router.handle(now, Input::Bfd(BfdId(0), true));
            assert_eq!(effective(&router), up, "{weight} {reverse}");
            assert!(matches!(router.instance(InstanceId(0)).unwrap().state(), State::Backup { .. }));
        }
    }

    #[test]
    fn a_reload_keeps_what_is_known() {
        let mut old = router(&[(0, false), (-10, false)]);
        let now = Instant::now();
        old.start(now);
        old.handle(now, Input::Bfd(BfdId(1), true));
        let mut config = old.config().clone();
        config.bfds.swap(0, 1);
        let surroundings =
            Surroundings { sources: vec![Some("10.0.0.1".parse().unwrap())], ..Surroundings::default() };
        let new = Router::adopt(old, config, &[Some(InstanceId(0))], &surroundings, now);
        assert!(new.bfd_is_up(new.bfd("B1").unwrap()));
        assert!(!new.bfd_is_up(new.bfd("B0").unwrap()));
    }
}
