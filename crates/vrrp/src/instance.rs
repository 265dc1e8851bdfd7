//! One virtual router: RFC 3768 section 6.4, RFC 5798 section 6.4, with keepalived's FAULT state and extensions.
//!
//! ```text
//!            scripts pending                     any fault
//!   Init ---------------------> Init    .------------------------------.
//!    | nothing pending                  v                              |
//!    '------------------------> Backup / Fault <-----------------------|
//!                                 |  ^     ^ '-- all faults cleared --> Backup
//!        master_down_at expires   |  |     |
//!                                 v  |     |
//!                               Master ----'
//!                    advert with higher priority / address lost: Master --> Backup
//! ```
//!
//! Every change of state goes through `Instance::transition`. Deadlines live in [`State`]. Members of a sync group
//! do not become master on their own: they signal, and [`crate::router::Router`] answers for the group.

mod cause;
mod faults;
mod hear;
mod timers;
mod told;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::auth;
use crate::config::{Family, InstanceConfig, OldChecksum, Version};
use crate::event::{InstanceEvent, StateName};
use crate::garp::Schedule;
use crate::packet::{Datagram, Outgoing};
use crate::stats::Stats;
use crate::track::{self, Verdict};
use cause::Heard;
pub use cause::{Fault, Reason};
use faults::shift;
use told::Told;
pub use told::{AdvertError, NewMasterReason};

/// State with its deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not started, or waiting for the first result of a weight-0 script.
    Init,
    /// Listening to the master.
    Backup {
        /// Nobody heard until then: become master.
        master_down_at: Instant,
        /// `preempt_delay`: from then on lower-priority adverts no longer postpone us.
        preempt_at: Option<Instant>,
    },
    /// Owning the virtual addresses.
    Master {
        /// The next advert.
        advert_at: Instant,
    },
    /// A fault is present, here or in the sync group.
    Fault,
}

impl State {
    /// Its name.
    pub fn name(&self) -> StateName {
        match self {
            Self::Init => StateName::Init,
            Self::Backup { .. } => StateName::Backup,
            Self::Master { .. } => StateName::Master,
            Self::Fault => StateName::Fault,
        }
    }
}

/// Why a transition happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Start of the daemon.
    Start,
    /// The master down timer.
    MasterDown,
    /// An advert that outranks ours.
    HigherAdvert,
    /// One of our addresses was removed by somebody else.
    AddressLost,
    /// A fault of our own appeared.
    Fault,
    /// The last fault disappeared.
    Recovered,
    /// The sync group says so.
    Group,
    /// Late by more than the others wait (`timer_expired_backup`).
    Paused,
}

/// What happens to an instance.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A datagram for its VRID on its interface.
    Packet(Datagram<'a>),
    /// The trackers' verdict changed.
    Verdict(Verdict),
    /// The address adverts are sent from changed; `None`: the interface has none.
    Source(Option<IpAddr>),
    /// One of its virtual addresses was removed by somebody else.
    AddressLost,
    /// The sync group takes it to this state.
    Group(StateName),
    /// The daemon stops, or a reload removed the instance.
    Release(Release),
    /// Send an advert now, if master.
    Announce,
    /// Another member of its sync group heard a lower-priority advert.
    MemberHeardLower,
    /// A manager sets its base priority, 1 to 255.
    BasePriority(u8),
    /// A manager sets whether it preempts.
    Preempt(bool),
}

/// What is given up on release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Priority 0 advert, addresses removed.
    Everything,
    /// Nothing (`--dont-release-vrrp`).
    Nothing,
}

/// What an instance asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a datagram: with IP header for IPv4, from the VRRP header on for IPv6.
    Send {
        /// The group or a peer.
        destination: IpAddr,
        /// Source address in it.
        source: IpAddr,
        /// Its bytes.
        datagram: Vec<u8>,
    },
    /// Add virtual addresses, excluded ones, routes, rules.
    AddAddresses,
    /// Remove rules, routes, virtual addresses, excluded ones.
    RemoveAddresses,
    /// Gratuitous ARPs or neighbour adverts for every address, this many rounds.
    Garp(u32),
    /// Stop sending queued gratuitous ARPs.
    CancelGarp,
    /// `garp_extra_if`: announce one address on each interface that adverts do not go by.
    GarpExtra,
    /// Announce the instance's own source address once (unicast, on recovery).
    AnnounceSource,
    /// Notification scripts and FIFOs.
    Notify(StateName),
    /// `notify_master_rx_lower_pri`.
    NotifyHeardLower,
    /// FIFO line of `notify_priority_changes`.
    NotifyPriority,
    /// An advert from there was refused.
    AdvertError(IpAddr, AdvertError),
    /// A log line.
    Log(InstanceEvent),
    /// Why the state of the line before was entered.
    Reason(Reason),
    /// For the sync group.
    Signal(Signal),
}

/// What a member tells its sync group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Its master down timer expired: may it become master?
    WantsMaster,
    /// It changed state for this reason.
    Became(StateName, Cause),
    /// Its last fault or pending script is gone.
    Ready,
    /// It is master and heard a lower-priority advert.
    HeardLower,
}

/// Two routers with priority 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnerConflict {
    None,
    /// The other one has this many of our adverts to go silent.
    Counting {
        left: u8,
        interval: Duration,
    },
    /// Its next advert before `until` makes us step down to 254.
    Watching {
        until: Instant,
    },
    /// We run at 254.
    Reduced,
}

/// One virtual router.
#[derive(Clone, Debug)]
pub struct Instance {
    config: InstanceConfig,
    state: State,
    wants_master: bool,
    verdict: Verdict,
    source: Option<IpAddr>,
    effective: u8,
    /// The advert interval the master down timer is made of: learnt in VRRPv3.
    master_interval: Duration,
    master: Option<IpAddr>,
    master_priority: u8,
    /// Kinds of complaints that were logged already.
    logged: u32,
    garp: Schedule,
    conflict: OwnerConflict,
    stats: Stats,
    ip_id: u16,
    ah_sequence: u32,
    /// Our unicast VRRPv3 adverts have the old checksum.
    old_checksum: bool,
    last_sent: Option<Instant>,
    cause: Option<Cause>,
    /// The same with names and numbers.
    reason: String,
    heard: Heard,
    told: Told,
    out: VecDeque<Output>,
}

impl Instance {
    /// An instance in INIT.
    pub fn new(config: InstanceConfig) -> Self {
        Self {
            state: State::Init,
            wants_master: config.wants_master,
            verdict: Verdict::default(),
            source: None,
            effective: config.base_priority,
            master_interval: config.advert_interval,
            master: None,
            master_priority: 0,
            logged: 0,
            garp: Schedule::default(),
            conflict: OwnerConflict::None,
            stats: Stats::default(),
            ip_id: 0,
            ah_sequence: 0,
            old_checksum: config.old_checksum == OldChecksum::Always,
            last_sent: None,
            cause: None,
            reason: String::new(),
            heard: Heard::Nobody,
            told: Told::default(),
            out: VecDeque::new(),
            config,
        }
    }

    /// Takes over the running state of the same instance before a reload. The state itself does not change here; call
    /// [`Instance::settle`] afterwards.
    pub fn adopt(
        config: InstanceConfig,
        old: &Self,
        verdict: Verdict,
        source: Option<IpAddr>,
        now: Instant,
    ) -> Self {
        let mut new = Self::new(config);
        new.verdict = verdict;
        new.source = source;
        new.stats = old.stats;
        new.ip_id = old.ip_id;
        new.ah_sequence = old.ah_sequence;
        new.old_checksum |= old.old_checksum && new.config.old_checksum == OldChecksum::Detect;
        new.last_sent = old.last_sent;
        new.cause = old.cause;
        new.reason.clone_from(&old.reason);
        new.heard = old.heard;
        new.told = old.told;
        new.master = old.master;
        new.master_priority = old.master_priority;
        new.logged = old.logged;
        new.garp = old.garp.clone();
        new.conflict = if new.config.is_owner() { old.conflict } else { OwnerConflict::None };
        new.wants_master = old.wants_master;
        if new.config.version == Version::V3
            && old.config.version == Version::V3
            && old.master_interval != old.config.advert_interval
        {
            new.master_interval = old.master_interval;
        }
        new.effective = track::effective_priority(new.config.base_priority, new.verdict.delta);
        if new.conflict == OwnerConflict::Reduced {
            new.effective = 254;
        }
        let (before, after) = (old.down_timer(), new.down_timer());
        new.state = match old.state {
            State::Init => State::Init,
            State::Fault => State::Fault,
            // The rest of the wait stays: a reload does not postpone a takeover.
            State::Backup { master_down_at, preempt_at } => State::Backup {
                master_down_at: shift(master_down_at, before, after).max(now),
                preempt_at: preempt_at.filter(|_| !new.config.preempt_delay.is_zero()),
            },
            State::Master { advert_at } => {
                State::Master { advert_at: advert_at.min(now + new.config.advert_interval) }
            }
        };
        if matches!(new.state, State::Master { .. }) {
            if new.config.garp != old.config.garp {
                new.garp.reconfigure(&new.config.garp, now);
            }
        } else {
            new.garp.clear();
        }
        // The reference says nothing about a priority that a reload changes.
        if new.effective != old.effective {
            new.out.push_back(Output::NotifyPriority);
        }
        new
    }

    /// Its settings.
    pub fn config(&self) -> &InstanceConfig {
        &self.config
    }

    /// Its state and deadlines.
    pub fn state(&self) -> State {
        self.state
    }

    /// The priority in its adverts.
    pub fn effective_priority(&self) -> u8 {
        self.effective
    }

    /// Base priority plus all contributions, not clamped.
    pub fn total_priority(&self) -> i32 {
        i32::from(self.config.base_priority).saturating_add(self.verdict.delta)
    }

    /// Its counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Zeroes its counters.
    pub fn clear_stats(&mut self) {
        self.stats = Stats::default();
    }

    /// The master it last accepted an advert from, and that advert's priority.
    pub fn master(&self) -> Option<(IpAddr, u8)> {
        Some((self.master?, self.master_priority))
    }

    /// The advert interval its master down timer is made of.
    pub fn master_interval(&self) -> Duration {
        self.master_interval
    }

    /// The address it sends from.
    pub fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// When it last sent an advert.
    pub fn last_sent(&self) -> Option<Instant> {
        self.last_sent
    }

    /// True when it would be master if it were alone.
    pub fn wants_master(&self) -> bool {
        self.wants_master
    }

    /// The trackers' last verdict.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Complaint kinds that are suppressed until the master changes.
    pub fn logged(&self) -> u32 {
        self.logged
    }

    /// Leaves INIT at start. `hold`: the sync group is not ready. `down_extra`: `vrrp_startup_delay`.
    pub fn start(&mut self, now: Instant, hold: Option<StateName>, startup_delay: Duration) {
        self.cause = Some(Cause::Start);
        match hold {
            Some(StateName::Fault) => {
                self.state = State::Fault;
                self.wants_master = false;
            }
            Some(_) => self.wants_master &= self.config.is_owner(),
            None if self.config.is_owner() && self.wants_master && startup_delay.is_zero() => {
                self.told.starts_as_master = true;
                self.state = State::Backup { master_down_at: now, preempt_at: None };
            }
            None => {
                self.wants_master = false;
                self.state = State::Backup {
                    master_down_at: now + startup_delay + self.down_timer(),
                    preempt_at: None,
                };
                self.log(InstanceEvent::EnteringInit);
                self.out.push_back(Output::Notify(StateName::Backup));
            }
        }
    }

    /// Sets the trackers' verdict before [`Instance::start`].
    pub fn prepare(&mut self, verdict: Verdict, source: Option<IpAddr>) {
        self.effective = track::effective_priority(self.config.base_priority, verdict.delta);
        self.verdict = verdict;
        self.source = source;
    }

    /// Something happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Packet(datagram) => self.handle_packet(now, &datagram),
            Input::Verdict(verdict) => self.handle_verdict(now, verdict),
            Input::Source(source) => self.handle_source(now, source),
            Input::AddressLost => {
                if matches!(self.state, State::Master { .. }) {
                    self.transition(now, StateName::Backup, Cause::AddressLost);
                }
            }
            Input::Group(state) => {
                if self.state.name() != state {
                    self.transition(now, state, Cause::Group);
                }
            }
            Input::Release(release) => self.release(release),
            Input::Announce => self.announce(now),
            Input::BasePriority(priority) => self.set_base_priority(priority),
            Input::Preempt(preempt) => self.set_preempt(preempt),
            Input::MemberHeardLower => {
                if matches!(self.state, State::Master { .. }) {
                    self.garp_heard_lower(now);
                }
            }
        }
    }

    /// When [`Instance::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let state = match self.state {
            State::Init | State::Fault => None,
            State::Backup { master_down_at, .. } => Some(master_down_at),
            State::Master { advert_at } => Some(advert_at),
        };
        let conflict = match self.conflict {
            OwnerConflict::Watching { until } => Some(until),
            OwnerConflict::None | OwnerConflict::Counting { .. } | OwnerConflict::Reduced => None,
        };
        [state, self.garp.poll_timeout(), conflict].into_iter().flatten().min()
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Backup { master_down_at, .. } if master_down_at <= now => {
                self.log(InstanceEvent::AdvertTimeout);
                self.wants_master = true;
                if self.config.group.is_some() {
                    self.out.push_back(Output::Signal(Signal::WantsMaster));
                } else {
                    self.transition(now, StateName::Master, Cause::MasterDown);
                }
            }
            State::Master { advert_at } if advert_at <= now && self.others_took_over(now) => {
                self.log(InstanceEvent::TimerExpired(now.saturating_duration_since(advert_at)));
                self.transition(now, StateName::Backup, Cause::Paused);
            }
            State::Master { advert_at } if advert_at <= now => {
                self.send(self.effective, now);
                let next = advert_at + self.config.advert_interval;
                let advert_at = if next > now { next } else { now + self.config.advert_interval };
                self.state = State::Master { advert_at };
                self.count_own_advert(now);
            }
            State::Init | State::Backup { .. } | State::Master { .. } | State::Fault => {}
        }
        for rounds in self.garp.handle_timeout(&self.config.garp, now) {
            self.out.push_back(Output::Garp(rounds));
        }
        if let Some(extra) = &self.config.garp_extra
            && self.garp.extra_due(extra.interval, now)
        {
            self.out.push_back(Output::GarpExtra);
        }
        if let OwnerConflict::Watching { until } = self.conflict
            && until <= now
        {
            self.conflict = OwnerConflict::None;
            self.log(InstanceEvent::OwnerGone);
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// The sync group allows what [`Signal::WantsMaster`] asked for.
    pub fn become_master(&mut self, now: Instant) {
        self.transition(now, StateName::Master, Cause::MasterDown);
    }

    /// The sync group is not ready for what [`Signal::WantsMaster`] asked for: wait another down timer.
    pub fn postpone(&mut self, now: Instant) {
        if let State::Backup { preempt_at, .. } = self.state {
            self.state = State::Backup { master_down_at: now + self.down_timer(), preempt_at };
        }
    }

    /// All faults, here and in the sync group, are gone.
    pub fn recover(&mut self, now: Instant) {
        if matches!(self.state, State::Init | State::Fault) {
            self.transition(now, StateName::Backup, Cause::Recovered);
        }
    }

    /// As [`Instance::recover`], because another member of the sync group recovered last.
    pub fn recover_with_group(&mut self, now: Instant) {
        if matches!(self.state, State::Init | State::Fault) {
            self.transition(now, StateName::Backup, Cause::Group);
        }
    }

    /// Before [`Instance::start`]: the sync group has members that are no owners, so none starts as master.
    pub fn wait_for_group(&mut self) {
        self.wants_master = false;
    }

    /// Brings the state in line with faults that came or went while nobody called (a reload).
    pub fn settle(&mut self, now: Instant) {
        self.faults_changed(now, false);
    }

    /// Virtual addresses were added by a reload while master: announce them.
    pub fn addresses_added(&mut self, now: Instant) {
        if matches!(self.state, State::Master { .. }) {
            self.out.push_back(Output::Garp(self.config.garp.repeat));
            self.garp.addresses_added(&self.config.garp, now);
        }
    }

    fn log(&mut self, event: InstanceEvent) {
        self.out.push_back(Output::Log(event));
    }

    /// Logs a complaint once until the master changes or we enter or leave MASTER.
    fn log_once(&mut self, kind: u32, event: InstanceEvent) {
        if self.logged & kind == 0 {
            self.logged |= kind;
            self.log(event);
        }
    }

    /// The one place where the state changes.
    fn transition(&mut self, now: Instant, to: StateName, cause: Cause) {
        self.cause = Some(cause);
        let reason = self.why(to, cause);
        let from_master = matches!(self.state, State::Master { .. });
        match to {
            StateName::Master => self.enter_master(now, reason),
            StateName::Backup => self.enter_backup(now, cause, reason, from_master),
            StateName::Fault => self.enter_fault(cause, reason, from_master),
            // INIT is where an instance begins; STOP and DELETED are notifications, see `release`.
            StateName::Init | StateName::Stop | StateName::Deleted => return,
        }
        if self.config.group.is_some() && cause != Cause::Group {
            self.out.push_back(Output::Signal(Signal::Became(to, cause)));
        }
    }

    /// RFC 5798, 6.4.2 (Master_Down_Timer fires): advert first, so that the old master lets go before we take.
    fn enter_master(&mut self, now: Instant, reason: Reason) {
        self.logged = 0;
        self.wants_master = true;
        if self.ah_sequence >= auth::LAST_SEQUENCE {
            self.ah_sequence = 0;
        }
        let learnt = std::mem::replace(&mut self.master_interval, self.config.advert_interval);
        self.state = State::Master { advert_at: now + self.config.advert_interval };
        if self.conflict == OwnerConflict::Reduced {
            self.conflict = OwnerConflict::None;
            self.effective = 255;
            self.log(InstanceEvent::OwnerRestoredByTimeout);
        }
        self.send(self.effective, now);
        self.tell_new_master();
        self.entering(StateName::Master, reason);
        if self.config.version == Version::V3 && learnt != self.config.advert_interval {
            self.log(InstanceEvent::IntervalOwn { from: learnt, to: self.config.advert_interval });
        }
        self.stats.become_master += 1;
        self.out.push_back(Output::AddAddresses);
        self.garp.start(&self.config.garp, now);
        if let Some(extra) = &self.config.garp_extra {
            self.garp.start_extra(extra.interval, &self.config.garp, now);
        }
        self.out.push_back(Output::Garp(self.config.garp.repeat));
        self.out.push_back(Output::Notify(StateName::Master));
    }

    fn enter_backup(&mut self, now: Instant, cause: Cause, reason: Reason, from_master: bool) {
        if cause == Cause::Recovered || matches!(self.state, State::Fault | State::Init) {
            self.wants_master &= self.config.is_owner();
            self.master_interval = self.config.advert_interval;
        } else {
            self.wants_master = false;
        }
        let wait = match cause {
            // Nobody else may want the addresses: ask for them again soon.
            Cause::AddressLost => self.skew(),
            Cause::Recovered if self.config.is_owner() => self.config.advert_interval + self.skew(),
            Cause::Start
            | Cause::MasterDown
            | Cause::HigherAdvert
            | Cause::Fault
            | Cause::Recovered
            | Cause::Paused
            | Cause::Group => self.down_timer(),
        };
        self.entering(StateName::Backup, reason);
        if from_master {
            self.logged = 0;
            if cause == Cause::AddressLost {
                self.send_zero(true);
            }
            self.leave_master();
        }
        self.state = State::Backup { master_down_at: now + wait, preempt_at: None };
        self.out.push_back(Output::Notify(StateName::Backup));
        if cause == Cause::Recovered && self.config.is_unicast() {
            self.out.push_back(Output::AnnounceSource);
        }
    }

    fn enter_fault(&mut self, cause: Cause, reason: Reason, from_master: bool) {
        self.wants_master &= self.config.is_owner();
        let (from_init, by_group) = (matches!(self.state, State::Init), cause == Cause::Group);
        // In INIT the reference counts as being in FAULT already, and of a backup that follows its group it says nothing.
        if from_init || (by_group && !from_master) {
            self.out.push_back(Output::Reason(reason));
        } else {
            self.entering(StateName::Fault, reason);
        }
        if from_master {
            self.logged = 0;
            // An own fault sends two: a lost one would cost the network a whole master down time.
            self.send_zero(false);
            if !by_group {
                self.send_zero(true);
            }
            self.leave_master();
        }
        self.state = State::Fault;
        self.told.hidden_fault = from_init && by_group;
        if !self.told.hidden_fault {
            self.out.push_back(Output::Notify(StateName::Fault));
        }
    }

    fn leave_master(&mut self) {
        self.garp.clear();
        self.out.push_back(Output::CancelGarp);
        self.out.push_back(Output::RemoveAddresses);
        self.stats.release_master += 1;
        self.conflict = match self.conflict {
            OwnerConflict::Reduced => OwnerConflict::Reduced,
            OwnerConflict::None | OwnerConflict::Counting { .. } | OwnerConflict::Watching { .. } => {
                OwnerConflict::None
            }
        };
    }

    /// Stop, or removal by a reload. The caller notifies.
    fn release(&mut self, release: Release) {
        if matches!(self.state, State::Master { .. }) && release == Release::Everything {
            self.send_zero(true);
            self.leave_master();
        }
        self.garp.clear();
        self.state = State::Init;
    }

    fn announce(&mut self, now: Instant) {
        if matches!(self.state, State::Master { .. }) {
            self.send(self.effective, now);
            self.state = State::Master { advert_at: now + self.config.advert_interval };
        }
    }

    fn send_zero(&mut self, counted: bool) {
        self.send_priority(0);
        if counted {
            self.stats.pri_zero_sent += 1;
            self.log(InstanceEvent::SentZero);
        }
    }

    fn send(&mut self, priority: u8, now: Instant) {
        self.last_sent = Some(now);
        self.send_priority(priority);
    }

    fn send_priority(&mut self, priority: u8) {
        let Some(source) = self.source else {
            return;
        };
        if self.ah_sequence < auth::LAST_SEQUENCE {
            self.ah_sequence += 1;
        }
        self.stats.advert_sent += 1;
        let destinations: smallvec::SmallVec<[IpAddr; 4]> = if self.config.is_unicast() {
            self.config.peers.iter().map(|peer| peer.address).collect()
        } else {
            smallvec::smallvec![self.config.group_address]
        };
        for destination in destinations {
            self.ip_id = self.ip_id.wrapping_add(1).max(1);
            let outgoing = Outgoing {
                config: &self.config,
                priority,
                source,
                destination,
                ip_id: self.ip_id,
                ah_sequence: self.ah_sequence,
                old_checksum: self.old_checksum,
            };
            let datagram = outgoing.emit();
            self.out.push_back(Output::Send { destination, source, datagram });
        }
    }

    /// The family of its adverts.
    pub fn family(&self) -> Family {
        self.config.family
    }
}

#[cfg(test)]
mod tests;
