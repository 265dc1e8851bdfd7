//! Tracked files and processes in the router: readings come in, verdicts change.

use std::time::Instant;

use super::{Output, Router};
use crate::config::InstanceId;
use crate::instance;
use crate::tracker::{self, Reading, TrackerId};

impl Router {
    /// What a tracker last said.
    pub fn reading(&self, id: TrackerId) -> Reading {
        self.readings.get(id.0).copied().unwrap_or_default()
    }

    pub(super) fn handle_tracker(&mut self, now: Instant, id: TrackerId, reading: Reading) {
        if self.readings.len() <= id.0 && id.0 < self.config.trackers.len() {
            self.readings.resize(self.config.trackers.len(), Reading::Unknown);
        }
        let Some(known) = self.readings.get_mut(id.0) else { return };
        if std::mem::replace(known, reading) == reading {
            return;
        }
        for instance in self.in_order(|config| config.uses_tracker(id)) {
            let was = self.instance(instance).is_some_and(|i| i.verdict().trackers.contains(&id));
            let verdict = self.verdict(instance);
            let is = verdict.trackers.contains(&id);
            if was != is {
                self.log_tracker(instance, id, is, false);
            }
            self.with(instance, |i| i.handle(now, instance::Input::Verdict(verdict)));
            self.drain(instance, now);
        }
    }

    pub(super) fn log_tracker(&mut self, instance: InstanceId, id: TrackerId, fault: bool, at_start: bool) {
        let (Some(config), Some(tracker)) =
            (self.config.instances.get(instance.0), self.config.trackers.get(id.0).cloned())
        else {
            return;
        };
        let instance = config.name.clone();
        let tracked = config.trackers.iter().find(|tracked| tracked.object == id);
        let status = tracked.map_or(0, |tracked| tracker::status(tracked, self.reading(id)));
        self.out
            .push_back(Output::Log(tracker::FaultLine { instance, tracker, status, fault, at_start }.into()));
    }
}
