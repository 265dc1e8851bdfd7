//! Faults that come and go, and what trackers make of the priority.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Cause, Instance, Output, OwnerConflict, Signal, State};
use crate::event::{InstanceEvent, StateName};
use crate::track::{self, Verdict};

impl Instance {
    pub(super) fn handle_verdict(&mut self, now: Instant, verdict: Verdict) {
        let was_ready = self.is_ready();
        let was_held = self.verdict.holds_priority;
        self.verdict = verdict;
        let priority = track::effective_priority(self.config.base_priority, self.verdict.delta);
        match (was_held, self.verdict.holds_priority) {
            (false, false) => self.update_priority(priority),
            // It comes back with the instance, without a line, as in the original.
            (true, false) => self.effective = priority,
            (_, true) => {}
        }
        self.faults_changed(now, was_ready);
    }

    pub(super) fn handle_source(&mut self, now: Instant, source: Option<IpAddr>) {
        let was_ready = self.is_ready();
        match source {
            Some(_) => {
                self.source = source;
                self.faults_changed(now, was_ready);
            }
            None if self.source.is_some() => {
                // The farewell still carries the address that is going away.
                if matches!(self.state, State::Master { .. } | State::Backup { .. }) {
                    self.transition(now, StateName::Fault, Cause::Fault);
                }
                self.source = None;
            }
            None => {}
        }
    }

    pub(super) fn faults_changed(&mut self, now: Instant, was_ready: bool) {
        if !self.is_faultless() {
            match self.state {
                State::Init | State::Backup { .. } | State::Master { .. } => {
                    self.transition(now, StateName::Fault, Cause::Fault);
                }
                // Now it has a fault of its own.
                State::Fault if std::mem::take(&mut self.told.hidden_fault) => {
                    self.out.push_back(Output::Notify(StateName::Fault));
                }
                State::Fault => {}
            }
        } else if self.is_ready() && !was_ready && matches!(self.state, State::Init | State::Fault) {
            if self.config.group.is_some() {
                self.out.push_back(Output::Signal(Signal::Ready));
            } else {
                self.recover(now);
            }
        }
    }

    /// A running master down timer moves with the skew; it does not start again.
    pub(super) fn update_priority(&mut self, priority: u8) {
        if self.conflict == OwnerConflict::Reduced || priority == self.effective {
            return;
        }
        let (from, before) = (self.effective, self.down_timer());
        self.effective = priority;
        if let State::Backup { master_down_at, preempt_at } = self.state {
            let master_down_at = shift(master_down_at, before, self.down_timer());
            self.state = State::Backup { master_down_at, preempt_at };
        }
        self.log(InstanceEvent::PriorityChanged(from, priority));
        self.out.push_back(Output::NotifyPriority);
    }
}

/// Moves a deadline by the difference of two waits.
pub(super) fn shift(at: Instant, before: Duration, after: Duration) -> Instant {
    if after >= before { at + (after - before) } else { at.checked_sub(before - after).unwrap_or(at) }
}
