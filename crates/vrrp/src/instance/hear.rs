//! What an instance makes of the adverts it hears. RFC 3768 and RFC 5798, sections 6.4.2 and 6.4.3.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{AdvertError, Cause, Heard, Instance, Output, OwnerConflict, Signal, State};
use crate::config::Version;
use crate::event::{InstanceEvent, StateName};
use crate::packet::{self, Advert, Datagram, Reject};

/// Bits of [`Instance::logged`] beyond those of [`Reject::kind`].
const LOGGED_COUNT: u32 = 1 << 20;
const LOGGED_VIPS: u32 = 1 << 21;
const LOGGED_INTERVAL: u32 = 1 << 22;
const LOGGED_OUR_ADDRESS: u32 = 1 << 23;
const LOGGED_OWNER: u32 = 1 << 24;

impl Instance {
    pub(super) fn handle_packet(&mut self, now: Instant, datagram: &Datagram<'_>) {
        match self.state {
            State::Init | State::Fault => return,
            State::Backup { .. } | State::Master { .. } => {}
        }
        let advert = match packet::check(&self.config, self.ah_sequence, datagram) {
            Ok(advert) => advert,
            Err(reject) => return self.rejected(datagram.source(), reject),
        };
        if self.config.owner_ignore_adverts && self.effective == 255 {
            return self.log_once(LOGGED_OWNER, InstanceEvent::OwnerIgnores(advert.source));
        }
        self.stats.advert_rcvd += 1;
        if let Some(sequence) = advert.ah_sequence {
            self.ah_sequence = sequence;
        }
        if advert.old_checksum && !std::mem::replace(&mut self.old_checksum, true) {
            self.log(InstanceEvent::OldChecksum);
        }
        if matches!(self.state, State::Backup { .. }) {
            self.note_master(advert.source);
        }
        self.compare_interval(&advert);
        self.compare_addresses(&advert);
        if advert.priority == 0 {
            self.stats.pri_zero_rcvd += 1;
        }
        match self.state {
            State::Backup { master_down_at, preempt_at } => {
                self.backup_heard(now, &advert, master_down_at, preempt_at)
            }
            State::Master { .. } => self.master_heard(now, &advert),
            State::Init | State::Fault => {}
        }
    }

    /// Counts and logs a dropped advert. It changes no timer and no state: a stream of bad adverts must not silence a
    /// master (the original restarts its advert timer here).
    fn rejected(&mut self, source: IpAddr, reject: Reject) {
        // By then the original has counted it.
        if matches!(reject, Reject::NotAPeer | Reject::PeerTtl { .. }) {
            self.stats.advert_rcvd += 1;
        }
        match &reject {
            Reject::AuthHeader { .. } | Reject::AuthType { .. } => self.stats.authtype_mismatch += 1,
            Reject::TooShort { .. } | Reject::TooLong { .. } | Reject::IpLength { .. } => {
                self.stats.packet_len_err += 1
            }
            Reject::Ttl(_) | Reject::PeerTtl { .. } => self.stats.ip_ttl_err += 1,
            Reject::Version { .. } => self.stats.version_err += 1,
            Reject::AuthTypeUnknown(_) => self.stats.invalid_authtype += 1,
            Reject::Password | Reject::AuthHeaderInvalid(_) => self.stats.auth_failure += 1,
            // The original has this counter and never increments it.
            Reject::Interval { .. } => self.stats.advert_interval_err += 1,
            Reject::Type(_) => self.stats.invalid_type_rcvd += 1,
            Reject::Checksum(_) => self.stats.checksum_err += 1,
            Reject::Destination(_) => self.stats.addr_list_err += 1,
            Reject::NotAPeer => {}
        }
        if let Some(error) = AdvertError::of(&reject) {
            self.told.proto_error = error.proto_error().unwrap_or(self.told.proto_error);
            self.out.push_back(Output::AdvertError(source, error));
        }
        self.log_once(reject.kind(), InstanceEvent::Rejected(source, reject));
    }

    fn compare_interval(&mut self, advert: &Advert) {
        if self.config.version == Version::V3 && advert.interval != self.config.advert_interval {
            let centiseconds =
                |interval: Duration| u64::try_from(interval.as_millis() / 10).unwrap_or(u64::MAX);
            let event = InstanceEvent::IntervalDiffers {
                ours: centiseconds(self.config.advert_interval),
                theirs: centiseconds(advert.interval),
            };
            self.log_once(LOGGED_INTERVAL, event);
        }
    }

    /// Differences are logged and counted; the advert is accepted all the same.
    fn compare_addresses(&mut self, advert: &Advert) {
        let ours = self.config.vips.len();
        if usize::from(advert.count) != ours {
            self.stats.addr_list_err += 1;
            self.log_once(LOGGED_COUNT, InstanceEvent::CountDiffers { ours, theirs: advert.count });
            return;
        }
        let known_master = matches!(self.state, State::Backup { .. }) && self.master == Some(advert.source);
        if self.config.skip_check_adv_addr && known_master {
            return;
        }
        let missing = self.config.vips.iter().find(|vip| !advert.addresses.contains(&vip.address));
        if let Some(vip) = missing {
            let event = InstanceEvent::VipMissing {
                vrid: self.config.vrid,
                source: advert.source,
                address: vip.address,
            };
            self.stats.addr_list_err += 1;
            self.log_once(LOGGED_VIPS, event);
        }
    }

    /// Another router than the remembered master: what was said about that one is said about this one anew.
    fn note_master(&mut self, source: IpAddr) {
        match self.master {
            Some(master) if master == source => {}
            Some(master) => {
                self.logged = 0;
                self.log(InstanceEvent::MasterChanged(master, source));
            }
            None => {
                self.logged = 0;
                self.log(InstanceEvent::MasterSet(source));
            }
        }
    }

    fn remember_master(&mut self, advert: &Advert) {
        self.master = Some(advert.source);
        self.master_priority = advert.priority;
    }

    /// VRRPv3: a backup counts in the master's intervals. RFC 5798, 6.4.2 (420).
    fn learn_interval(&mut self, advert: &Advert) {
        if self.config.version == Version::V3
            && advert.interval != self.master_interval
            && !advert.interval.is_zero()
        {
            let (from, to) = (self.master_interval, advert.interval);
            self.master_interval = to;
            self.log(InstanceEvent::IntervalLearnt { from, to });
        }
    }

    /// RFC 5798, 6.4.2 (BACKUP), with nopreempt and preempt_delay.
    fn backup_heard(
        &mut self,
        now: Instant,
        advert: &Advert,
        master_down_at: Instant,
        preempt_at: Option<Instant>,
    ) {
        if self.conflict == OwnerConflict::Reduced
            && (self.master != Some(advert.source) || advert.priority != 255)
        {
            self.conflict = OwnerConflict::None;
            self.effective = 255;
            self.log(InstanceEvent::OwnerRestoredByAdvert);
        }
        if advert.priority == 0 {
            self.log(InstanceEvent::BackupHeardZero);
            self.heard = Heard::Farewell(advert.source);
            self.state = State::Backup { master_down_at: now + self.skew(), preempt_at };
            return;
        }
        self.remember_master(advert);
        if advert.priority >= self.effective || self.config.nopreempt {
            if preempt_at.is_some() {
                self.log(InstanceEvent::PreemptDelayStopped);
            }
            return self.accept(now, advert, None);
        }
        if !self.config.preempt_delay.is_zero() {
            match preempt_at {
                None => {
                    let delay = self.config.preempt_delay;
                    self.log(InstanceEvent::PreemptDelayStarted(delay));
                    return self.accept(now, advert, Some(now + delay));
                }
                Some(at) if now < at => return self.accept(now, advert, preempt_at),
                Some(_) => {}
            }
        }
        self.state = State::Backup { master_down_at, preempt_at };
        self.heard = Heard::Lower { source: advert.source, priority: advert.priority };
        self.log(InstanceEvent::LowerDiscarded { priority: advert.priority, source: advert.source });
    }

    fn accept(&mut self, now: Instant, advert: &Advert, preempt_at: Option<Instant>) {
        self.wants_master = false;
        self.heard = Heard::Master(advert.source);
        self.learn_interval(advert);
        self.state = State::Backup { master_down_at: now + self.down_timer(), preempt_at };
    }

    /// RFC 5798, 6.4.3 (MASTER).
    fn master_heard(&mut self, now: Instant, advert: &Advert) {
        if advert.priority == 0 {
            self.log(InstanceEvent::MasterHeardZero);
            return self.announce(now);
        }
        let order = self.source.map_or(std::cmp::Ordering::Less, |source| advert.source.cmp(&source));
        if advert.priority == 255 && self.config.is_owner() && order.is_ne() {
            self.heard_other_owner(advert, order.is_gt());
        }
        let source = advert.source;
        if advert.priority == self.effective && order.is_eq() {
            return self.log_once(LOGGED_OUR_ADDRESS, InstanceEvent::SamePriorityOurAddress);
        }
        if advert.priority > self.effective || (advert.priority == self.effective && order.is_gt()) {
            if self.config.higher_prio_send_advert {
                self.send(self.effective, now);
            }
            self.log(if advert.priority > self.effective {
                InstanceEvent::HigherAdvert { source, priority: advert.priority, ours: self.effective }
            } else {
                InstanceEvent::SamePriorityHigherAddress { source, priority: advert.priority }
            });
            self.learn_interval(advert);
            self.master = Some(source);
            self.master_priority = advert.priority;
            return self.transition(now, StateName::Backup, Cause::HigherAdvert);
        }
        let answered = !self.config.lower_prio_no_advert;
        self.log(InstanceEvent::LowerAdvert {
            source,
            priority: advert.priority,
            ours: self.effective,
            answered,
        });
        if answered {
            if advert.ah_sequence.is_some() {
                self.ah_sequence = self.ah_sequence.saturating_add(1);
            }
            self.announce(now);
        }
        self.garp_heard_lower(now);
        self.out.push_back(Output::NotifyHeardLower);
        if self.config.group.is_some() {
            self.out.push_back(Output::Signal(Signal::HeardLower));
        }
    }

    /// Whoever believed the other router has to hear from us again.
    pub(super) fn garp_heard_lower(&mut self, now: Instant) {
        if self.config.garp.lower_prio_repeat > 0 {
            self.out.push_back(Output::Garp(self.config.garp.lower_prio_repeat));
            self.garp.heard_lower(&self.config.garp, now);
        }
    }

    fn heard_other_owner(&mut self, advert: &Advert, theirs_is_higher: bool) {
        if theirs_is_higher {
            return self.log(InstanceEvent::TwoOwners(advert.source));
        }
        match self.conflict {
            OwnerConflict::None => {
                self.log(InstanceEvent::TwoOwners(advert.source));
                self.conflict = OwnerConflict::Counting { left: 2, interval: advert.interval };
            }
            OwnerConflict::Counting { .. } | OwnerConflict::Reduced => {}
            OwnerConflict::Watching { .. } => {
                self.log(InstanceEvent::OwnerReduced(advert.source));
                self.conflict = OwnerConflict::Reduced;
                self.effective = 254;
            }
        }
    }

    pub(super) fn count_own_advert(&mut self, now: Instant) {
        if let OwnerConflict::Counting { left, interval } = self.conflict {
            self.conflict = if left > 1 {
                OwnerConflict::Counting { left: left - 1, interval }
            } else {
                let longest = interval.max(self.config.advert_interval);
                OwnerConflict::Watching { until: now + longest + longest / 5 }
            };
        }
    }
}
