//! Out of INIT: what is said, notified and removed at start, before anything is sent.
//!
//! Faults are found and logged first; then instances that begin in FAULT are notified, then groups, then everybody else
//! starts.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Output, Router, Who};
use crate::config::{GroupId, InstanceId};
use crate::event::{Event, InstanceEvent, StateName};
use crate::sync_group::SyncGroup;

impl Router {
    /// Leaves INIT: faults are found and logged, leftovers purged, timers and scripts started.
    pub fn start(&mut self, now: Instant) {
        let delay = self.config.startup_delay;
        if !delay.is_zero() {
            self.startup_until = Some(now + delay);
        }
        self.log_duplicates();
        let mut faulty = Vec::new();
        for id in self.ids() {
            if self.log_faults_at_start(id) {
                faulty.push(id);
            }
        }
        self.settle_groups(&faulty);
        for id in self.ids() {
            if let Some(instance) = self.instances.get(id.0) {
                let (base, effective) = (instance.config().base_priority, instance.effective_priority());
                if base != effective {
                    self.log(id, InstanceEvent::PriorityChanged(base, effective));
                }
            }
        }
        for id in self.ids() {
            let group = self.group_at_start(id);
            if faulty.contains(&id) || group == Some(StateName::Fault) {
                self.log(id, InstanceEvent::StartsInFault);
            }
        }
        for id in self.ids() {
            if self.unused.get(id.0) != Some(&true) {
                self.purge(id);
            }
        }
        for id in self.ids() {
            if self.hold_at_start(id) == Some(StateName::Fault) {
                self.notify(id, StateName::Fault);
            }
        }
        for index in 0..self.groups.len() {
            self.start_group(index);
        }
        for id in self.ids() {
            self.start_instance(id, now);
        }
        for script in &mut self.scripts {
            script.start(now);
        }
    }

    /// Says what is wrong with an instance; false when nothing is.
    fn log_faults_at_start(&mut self, id: InstanceId) -> bool {
        let Some(instance) = self.instances.get(id.0) else { return false };
        let config = instance.config();
        let mut events = Vec::new();
        for link in &instance.verdict().links_down {
            events.push(InstanceEvent::StartsLinkDown(self.link_name(*link)));
        }
        if instance.source().is_none() {
            events.push(InstanceEvent::StartsNoAddress(config.family));
        }
        for script in &instance.verdict().failing {
            if let Some(script) = self.scripts.get(script.0) {
                events.push(InstanceEvent::StartsInFaultByScript(script.config().name.clone()));
            }
        }
        let trackers = instance.verdict().trackers.clone();
        let faulty = !events.is_empty() || !trackers.is_empty() || !instance.verdict().bfds_down.is_empty();
        let name = config.name.clone();
        for tracker in trackers {
            self.log_tracker(id, tracker, true, true);
        }
        for event in events {
            self.out.push_back(Output::Log(Event::Instance(name.clone(), event)));
        }
        faulty
    }

    /// A group is in FAULT with the first of its members that has a fault.
    fn settle_groups(&mut self, faulty: &[InstanceId]) {
        for group in &mut self.groups {
            let state = group.state_at_start(&self.instances);
            group.set_state(state);
        }
        let mut said = BTreeSet::new();
        for config in faulty.iter().filter_map(|id| self.config.instances.get(id.0)) {
            if let Some(id) = config.group
                && said.insert(id)
                && let Some(group) = self.groups.get(id.0)
            {
                let (group, member) = (group.config().name.clone(), config.name.clone());
                self.out.push_back(Output::Log(Event::GroupStartsInFault { group, member }));
            }
        }
    }

    fn group_at_start(&self, id: InstanceId) -> Option<StateName> {
        let group = self.instance(id)?.config().group?;
        self.groups.get(group.0).map(SyncGroup::state)
    }

    /// The state that an instance is held in until its faults are over, or its scripts have reported.
    pub(super) fn hold_at_start(&self, id: InstanceId) -> Option<StateName> {
        let (instance, group) = (self.instance(id)?, self.group_at_start(id));
        if !instance.is_faultless() || group == Some(StateName::Fault) {
            Some(StateName::Fault)
        } else if !instance.is_ready() || group == Some(StateName::Init) {
            Some(StateName::Init)
        } else {
            None
        }
    }

    fn start_group(&mut self, index: usize) {
        let Some(group) = self.groups.get(index) else { return };
        let state = group.state();
        if group.has_mixed_owners(&self.instances) {
            self.out.push_back(Output::Log(Event::GroupMixedOwners(group.config().name.clone())));
        }
        if matches!(state, StateName::Backup | StateName::Fault) {
            self.out.push_back(Output::Notify { who: Who::Group(GroupId(index)), state, priority: 0 });
        }
    }

    pub(super) fn start_instance(&mut self, id: InstanceId, now: Instant) {
        let Some(instance) = self.instances.get(id.0) else { return };
        let (hold, group) = (self.hold_at_start(id), self.group_at_start(id));
        // Owners of a group that is not all owners have to wait like everyone else.
        let owners_wait = group == Some(StateName::Backup);
        let delay = self.startup_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let at_once = hold.is_none()
            && !owners_wait
            && delay.is_zero()
            && instance.config().is_owner()
            && instance.wants_master();
        // What an owner takes at once need not be removed a second time.
        if !at_once {
            self.purge(id);
        }
        self.with(id, |instance| {
            if owners_wait {
                instance.wait_for_group();
            }
            instance.start(now, hold, delay);
        });
        self.drain(id, now);
    }

    fn purge(&mut self, id: InstanceId) {
        self.log_removal(id);
        self.out.push_back(Output::PurgeAddresses(id));
    }
}
