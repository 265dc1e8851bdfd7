//! Why a transition happened: what the status socket and the log say.

use std::net::IpAddr;

use super::{Cause, Instance, Output};
use crate::config::{BfdId, InstanceId, LinkId, ScriptId};
use crate::event::{InstanceEvent, StateName};
use crate::tracker::TrackerId;

/// What a backup last heard that bears on its next mastership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nobody since the instance listens.
    Nobody,
    /// A master that it waits for.
    Master(IpAddr),
    /// A master that gave up: priority 0.
    Farewell(IpAddr),
    /// A router of lower priority that it does not wait for.
    Lower { source: IpAddr, priority: u8 },
}

/// Why a transition happened, as far as the instance knows: it has no names of what it tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// In words.
    Words(String),
    /// These are its faults now.
    Faults(Vec<Fault>),
    /// Its sync group changed.
    Group,
}

/// One thing that keeps an instance in FAULT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An interface is down.
    LinkDown(LinkId),
    /// A weight-0 script fails.
    Script(ScriptId),
    /// A tracked file or process.
    Tracker(TrackerId),
    /// A weight-0 BFD session is not Up.
    Bfd(BfdId),
    /// This instance has its VRID on the interface below its own.
    DuplicateVrid(InstanceId),
    /// The interface has no address to send from.
    NoSource,
    /// What is configured cannot work.
    Config,
}

impl Instance {
    /// Why its state last changed.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// The same with names and numbers; empty before the first transition.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Why its state was entered, with the names that it does not know itself.
    pub fn set_reason(&mut self, reason: &str) {
        reason.clone_into(&mut self.reason);
    }

    /// True without faults of its own.
    pub fn is_faultless(&self) -> bool {
        self.verdict.is_faultless() && self.source.is_some() && !self.config.config_fault
    }

    /// True without faults of its own and without scripts that still have to report.
    pub fn is_ready(&self) -> bool {
        self.is_faultless() && self.verdict.pending == 0
    }

    /// The line of a new state, and after it the one that says why.
    pub(super) fn entering(&mut self, state: StateName, reason: Reason) {
        self.log(InstanceEvent::Entering(state));
        self.out.push_back(Output::Reason(reason));
        self.heard = Heard::Nobody;
    }

    /// What keeps it, or would keep it, in FAULT.
    pub fn faults(&self) -> Vec<Fault> {
        let verdict = &self.verdict;
        let mut faults: Vec<Fault> = verdict.links_down.iter().copied().map(Fault::LinkDown).collect();
        faults.extend(verdict.failing.iter().copied().map(Fault::Script));
        faults.extend(verdict.trackers.iter().copied().map(Fault::Tracker));
        faults.extend(verdict.bfds_down.iter().copied().map(Fault::Bfd));
        faults.extend(verdict.duplicate.map(Fault::DuplicateVrid));
        if self.source.is_none() {
            faults.push(Fault::NoSource);
        }
        if self.config.config_fault {
            faults.push(Fault::Config);
        }
        faults
    }

    /// Why it changes its state, asked before it does.
    pub(super) fn why(&self, to: StateName, cause: Cause) -> Reason {
        match cause {
            Cause::Group => Reason::Group,
            Cause::Fault => Reason::Faults(self.faults()),
            Cause::MasterDown if to == StateName::Master => Reason::Words(self.why_master()),
            Cause::HigherAdvert => Reason::Words(self.why_outranked()),
            Cause::Start | Cause::MasterDown | Cause::AddressLost | Cause::Recovered | Cause::Paused => {
                Reason::Words(cause.as_str().to_owned())
            }
        }
    }

    fn why_master(&self) -> String {
        let waited = self.down_timer().as_secs_f64();
        match self.heard {
            Heard::Nobody if self.config.is_owner() => "owner of the addresses, priority 255".to_owned(),
            Heard::Nobody => format!("no advert from anybody within the master down time of {waited:.3} s"),
            Heard::Master(source) => {
                format!("no advert from {source} within the master down time of {waited:.3} s")
            }
            Heard::Farewell(source) => format!("{source} gave up with priority 0"),
            Heard::Lower { source, priority } => {
                format!(
                    "adverts of lower priority only: {priority} from {source}, ours is {}",
                    self.effective
                )
            }
        }
    }

    fn why_outranked(&self) -> String {
        let priority = self.master_priority;
        match self.master {
            Some(master) if priority > self.effective => {
                format!("{master} has priority {priority}, ours is {}", self.effective)
            }
            Some(master) => format!("{master} has our priority {priority} and the higher address"),
            None => Cause::HigherAdvert.as_str().to_owned(),
        }
    }
}

impl Cause {
    /// In words, as far as the cause alone says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start of the daemon",
            Self::MasterDown => "no advert for the master down time",
            Self::HigherAdvert => "an advert that outranks ours",
            Self::AddressLost => "one of our addresses, routes or rules was removed by somebody else",
            Self::Fault => "a fault of our own",
            Self::Recovered => "the last fault disappeared",
            Self::Group => "the sync group",
            Self::Paused => "our adverts were late by more than the others wait",
        }
    }
}
