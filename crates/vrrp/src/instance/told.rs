//! What the MIBs of the RFCs tell of an instance besides its counters, and the settings that a manager may change.

use super::{Heard, Instance};
use crate::event::InstanceEvent;
use crate::packet::Reject;
use crate::track;

/// vrrpv3StatisticsNewMasterReason, RFC 6527: why it last became master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewMasterReason {
    /// It has not.
    #[default]
    NotMaster,
    /// The master gave up.
    Priority,
    /// It has the higher priority.
    Preempted,
    /// The master fell silent, or there was none.
    NoResponse,
}

impl NewMasterReason {
    /// The MIB's number.
    pub fn number(self) -> i32 {
        match self {
            Self::NotMaster => 0,
            Self::Priority => 1,
            Self::Preempted => 2,
            Self::NoResponse => 3,
        }
    }
}

/// Errors of adverts that the MIBs have traps for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdvertError {
    /// An authentication type that is none.
    UnknownAuthType,
    /// Another authentication type than ours.
    OtherAuthType,
    /// A wrong password, or a wrong authentication header.
    AuthFailure,
    /// A wrong TTL or hop limit.
    Ttl,
    /// Another version.
    Version,
    /// A wrong checksum.
    Checksum,
}

impl AdvertError {
    pub(super) fn of(reject: &Reject) -> Option<Self> {
        match reject {
            Reject::AuthTypeUnknown(_) => Some(Self::UnknownAuthType),
            Reject::AuthHeader { .. } | Reject::AuthType { .. } => Some(Self::OtherAuthType),
            Reject::Password | Reject::AuthHeaderInvalid(_) => Some(Self::AuthFailure),
            Reject::Ttl(_) | Reject::PeerTtl { .. } => Some(Self::Ttl),
            Reject::Version { .. } => Some(Self::Version),
            Reject::Checksum(_) => Some(Self::Checksum),
            Reject::TooShort { .. }
            | Reject::TooLong { .. }
            | Reject::IpLength { .. }
            | Reject::Interval { .. }
            | Reject::Type(_)
            | Reject::Destination(_)
            | Reject::NotAPeer => None,
        }
    }

    /// vrrpv3StatisticsProtoErrReason; errors of authentication have none.
    pub fn proto_error(self) -> Option<i32> {
        match self {
            Self::Ttl => Some(1),
            Self::Version => Some(2),
            Self::Checksum => Some(3),
            Self::UnknownAuthType | Self::OtherAuthType | Self::AuthFailure => None,
        }
    }
}

/// What is remembered of what others were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// An owner that became master at start has preempted whoever was there.
    pub(super) starts_as_master: bool,
    /// It is in FAULT by its group, from INIT, and nobody was told.
    pub(super) hidden_fault: bool,
    pub(super) reason: NewMasterReason,
    pub(super) proto_error: i32,
}

impl Instance {
    /// Why it last became master.
    pub fn new_master_reason(&self) -> NewMasterReason {
        self.told.reason
    }

    /// vrrpv3StatisticsProtoErrReason, RFC 6527: what was wrong with the last advert that was refused; 0 for nothing yet.
    pub fn last_proto_error(&self) -> i32 {
        self.told.proto_error
    }

    /// Called before what was heard is forgotten.
    pub(super) fn tell_new_master(&mut self) {
        self.told.reason = match self.heard {
            _ if std::mem::take(&mut self.told.starts_as_master) => NewMasterReason::Preempted,
            Heard::Nobody | Heard::Master(_) => NewMasterReason::NoResponse,
            Heard::Farewell(_) => NewMasterReason::Priority,
            Heard::Lower { .. } => NewMasterReason::Preempted,
        };
    }

    /// A manager sets the base priority, 1 to 255, until the next reload. As in the reference, 255 leaves the effective
    /// priority as it is.
    pub(super) fn set_base_priority(&mut self, priority: u8) {
        let from = std::mem::replace(&mut self.config.base_priority, priority);
        self.log(InstanceEvent::BasePrioritySet { from, to: priority });
        if priority != 255 && !self.verdict.holds_priority {
            self.update_priority(track::effective_priority(priority, self.verdict.delta));
        }
    }

    /// A manager sets `nopreempt`, until the next reload.
    pub(super) fn set_preempt(&mut self, preempt: bool) {
        self.config.nopreempt = !preempt;
        self.log(InstanceEvent::PreemptSet(preempt));
    }
}
