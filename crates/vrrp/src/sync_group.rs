//! A sync group: instances that are MASTER, BACKUP or FAULT together. keepalived.conf(5), `vrrp_sync_group`.
//!
//! The group has no timers: each member runs its own, and the group moves when the last one is ready. This module
//! decides; [`crate::router`] carries it out.

use crate::config::{GroupConfig, InstanceId};
use crate::event::StateName;
use crate::instance::{Instance, State};

/// One sync group.
#[derive(Clone, Debug)]
pub struct SyncGroup {
    config: GroupConfig,
    state: StateName,
}

impl SyncGroup {
    /// A group in INIT.
    pub fn new(config: GroupConfig) -> Self {
        Self { config, state: StateName::Init }
    }

    /// The same group after a reload, in the state that its members allow.
    pub fn adopt(config: GroupConfig, instances: &[Instance]) -> Self {
        let mut group = Self { config, state: StateName::Init };
        let all_master =
            group.members(instances).all(|member| matches!(member.state(), State::Master { .. }));
        group.state = match group.state_at_start(instances) {
            StateName::Backup | StateName::Master if all_master => StateName::Master,
            StateName::Master => StateName::Backup,
            state => state,
        };
        group
    }

    /// Its settings.
    pub fn config(&self) -> &GroupConfig {
        &self.config
    }

    /// Its state.
    pub fn state(&self) -> StateName {
        self.state
    }

    /// Sets its state; true when that is a change.
    pub fn set_state(&mut self, state: StateName) -> bool {
        std::mem::replace(&mut self.state, state) != state
    }

    fn members<'a>(&'a self, instances: &'a [Instance]) -> impl Iterator<Item = &'a Instance> {
        self.config.members.iter().filter_map(|id| instances.get(id.0))
    }

    /// The members other than one, in order.
    pub fn others(&self, instance: InstanceId) -> Vec<InstanceId> {
        self.config.members.iter().copied().filter(|member| *member != instance).collect()
    }

    /// MASTER only if every member is an owner that wants it; FAULT and INIT by the members' faults and scripts.
    pub fn state_at_start(&self, instances: &[Instance]) -> StateName {
        if self.members(instances).any(|member| !member.is_faultless()) {
            StateName::Fault
        } else if self.members(instances).any(|member| !member.is_ready()) {
            StateName::Init
        } else if self
            .members(instances)
            .all(|member| member.config().is_owner() && member.config().wants_master)
        {
            StateName::Master
        } else {
            StateName::Backup
        }
    }

    /// The first member with a fault of its own.
    pub fn first_faulty<'a>(&'a self, instances: &'a [Instance]) -> Option<&'a Instance> {
        self.members(instances).find(|member| !member.is_faultless())
    }

    /// True when some members are address owners and some are not: their priorities can never agree.
    pub fn has_mixed_owners(&self, instances: &[Instance]) -> bool {
        let owners = self.members(instances).filter(|member| member.config().is_owner()).count();
        owners > 0 && owners < self.config.members.len()
    }

    /// May this member, whose master down timer expired, take the group to MASTER?
    pub fn allows_master(&self, instance: InstanceId, instances: &[Instance]) -> bool {
        self.state == StateName::Master
            || self
                .others(instance)
                .iter()
                .filter_map(|id| instances.get(id.0))
                .all(|member| member.wants_master() && member.is_ready())
    }

    /// True when no member has a fault or waits for a script.
    pub fn is_ready(&self, instances: &[Instance]) -> bool {
        self.members(instances).all(Instance::is_ready)
    }
}
