//! Start and reload: what is wrong is told, leftovers are purged, instances and groups leave INIT.

use std::time::Instant;

use super::{GroupId, Output, Router, Who};
use crate::config::{InstanceConfig, InstanceId, LinkId};
use crate::event::{Event, InstanceEvent, StateName};
use crate::sync_group::SyncGroup;
use crate::tracker::{TrackerId, TrackerKind};

impl Router {
    /// Says what is wrong before anything starts: faults and changed priorities are logged, FAULT is notified.
    pub fn assess(&mut self) {
        self.assessed = true;
        self.log_duplicates();
        let faulty = self.faults_at_start();
        for id in self.ids() {
            if let Some(instance) = self.instances.get(id.0) {
                let (base, effective) = (instance.config().base_priority, instance.effective_priority());
                if base != effective {
                    self.log(id, InstanceEvent::PriorityChanged(base, effective));
                }
            }
        }
        self.start_in_fault(faulty);
    }

    /// Leaves INIT, after [`Router::assess`]: leftovers are purged, timers and scripts started.
    pub fn start(&mut self, now: Instant) {
        if !self.assessed {
            self.assess();
        }
        let delay = self.config.startup_delay;
        if !delay.is_zero() {
            self.startup_until = Some(now + delay);
        }
        for id in self.ids() {
            if self.unused.get(id.0) != Some(&true) {
                self.purge(id);
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

    /// Says what is wrong: interface by interface, then files, processes, and what else each instance lacks. Returns the
    /// instances that are in FAULT by that, or by their group.
    pub(super) fn faults_at_start(&mut self) -> Vec<InstanceId> {
        for link in self.links_by_index() {
            for id in self.in_order(|config| config.uses_link(link)) {
                if self.instances.get(id.0).is_some_and(|i| i.verdict().links_down.contains(&link)) {
                    self.log(id, InstanceEvent::StartsLinkDown(self.link_name(link)));
                }
            }
        }
        for kind in [TrackerKind::File, TrackerKind::Process] {
            for tracker in (0..self.config.trackers.len()).map(TrackerId) {
                if self.config.trackers.get(tracker.0).is_none_or(|config| config.kind != kind) {
                    continue;
                }
                for id in self.in_order(|config| config.uses_tracker(tracker)) {
                    if self.instances.get(id.0).is_some_and(|i| i.verdict().trackers.contains(&tracker)) {
                        self.log_tracker(id, tracker, true, true);
                    }
                }
            }
        }
        let mut faulty: Vec<InstanceId> = Vec::new();
        for id in self.ids() {
            let Some(instance) = self.instances.get(id.0) else { continue };
            let (verdict, family) = (instance.verdict().clone(), instance.config().family);
            let has_source = instance.source().is_some();
            if !has_source {
                self.log(id, InstanceEvent::StartsNoAddress(family));
            }
            for script in &verdict.failing {
                if let Some(script) = self.scripts.get(script.0) {
                    self.log(id, InstanceEvent::StartsInFaultByScript(script.config().name.clone()));
                }
            }
            if !has_source || !verdict.is_faultless() {
                faulty.push(id);
            }
        }
        for group in &self.groups {
            let Some(first) = group.first_faulty(&self.instances) else { continue };
            let event = Event::GroupStartsInFault(group.config().name.clone(), first.config().name.clone());
            self.out.push_back(Output::Log(event));
            faulty.extend(&group.config().members);
        }
        faulty.sort_unstable();
        faulty.dedup();
        faulty
    }

    /// Instances that have not run before begin in FAULT.
    pub(super) fn start_in_fault(&mut self, instances: Vec<InstanceId>) {
        for id in instances {
            self.log(id, InstanceEvent::StartsInFault);
            self.notify(id, StateName::Fault);
        }
    }

    fn links_by_index(&self) -> Vec<LinkId> {
        let mut links: Vec<LinkId> = (0..self.config.links.len()).map(LinkId).collect();
        links.sort_by_key(|link| self.link_indexes.get(link.0).copied().unwrap_or(u32::MAX));
        links
    }

    /// The instances that use something, in the order in which they hear of it: first those that do so themselves, then
    /// those whose group does. `uses`: whether it is by the group; none when it is not used.
    pub(super) fn in_order(&self, uses: impl Fn(&InstanceConfig) -> Option<bool>) -> Vec<InstanceId> {
        let mut found: Vec<(bool, InstanceId)> = (self.config.instances.iter().enumerate())
            .filter_map(|(index, config)| Some((uses(config)?, InstanceId(index))))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    fn start_group(&mut self, index: usize) {
        let Some(group) = self.groups.get_mut(index) else { return };
        let state = group.state_at_start(&self.instances);
        group.set_state(state);
        if group.has_mixed_owners(&self.instances) {
            self.out.push_back(Output::Log(Event::GroupMixedOwners(group.config().name.clone())));
        }
        if matches!(state, StateName::Backup | StateName::Fault) {
            self.out.push_back(Output::Notify { who: Who::Group(GroupId(index)), state, priority: 0 });
        }
    }

    pub(super) fn start_instance(&mut self, id: InstanceId, now: Instant) {
        let Some(instance) = self.instances.get(id.0) else { return };
        let group = instance.config().group.and_then(|group| self.groups.get(group.0)).map(SyncGroup::state);
        let hold = if !instance.is_faultless() || group == Some(StateName::Fault) {
            Some(StateName::Fault)
        } else if !instance.is_ready() || group == Some(StateName::Init) {
            Some(StateName::Init)
        } else {
            None
        };
        // Owners of a group that is not all owners have to wait like everyone else.
        let owners_wait = group == Some(StateName::Backup);
        let delay = self
            .startup_until
            .map_or(std::time::Duration::ZERO, |until| until.saturating_duration_since(now));
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

    pub(super) fn purge(&mut self, id: InstanceId) {
        self.log_removal(id);
        self.out.push_back(Output::PurgeAddresses(id));
    }
}
