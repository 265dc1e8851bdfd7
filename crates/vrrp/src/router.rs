//! All instances, sync groups and scripts of one VRRP process behind one sans-io interface.
//!
//! The shell feeds [`Router::handle`] and [`Router::handle_timeout`], then drains [`Router::poll_output`] in order:
//! the order of outputs is the order on the wire, in the kernel and in the log.

mod addresses;
mod bfd;
mod duplicates;
mod links;
mod reasons;
mod start;
mod trackers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::config::{BfdId, GroupId, InstanceId, LinkId, RouterConfig, ScriptId, Vip};
use crate::event::{Event, InstanceEvent, ScriptEvent, StateName};
use crate::garp::Pacer;
use crate::instance::{self, Cause, Instance, Release, Signal, State};
use crate::packet::Datagram;
use crate::script::{Script, ScriptOutput, ScriptResult, ScriptSignal};
use crate::sync_group::SyncGroup;
use crate::track::{self, Health, Verdict};
use crate::tracker::{self, Reading, TrackerId};
use duplicates::Duplicates;

/// What the shell knows about the outside when it starts or reloads.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// For each link: up and running.
    pub links_up: Vec<bool>,
    /// For each instance: the address it sends from.
    pub sources: Vec<Option<IpAddr>>,
    /// For each instance the interface below its own, by index; none where it is missing.
    pub bases: Vec<Option<u32>>,
    /// For each tracker what it says; unknown where missing.
    pub readings: Vec<Reading>,
    /// For each instance whether its own interface was made just now, so that no earlier life can have left anything on it.
    pub unused: Vec<bool>,
    /// For each link the system's number of it: faults at start are told in that order.
    pub link_indexes: Vec<u32>,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A datagram for an instance.
    Packet(InstanceId, Datagram<'a>),
    /// An interface went up or down.
    Link(LinkId, bool),
    /// A BFD session is Up, or not.
    Bfd(BfdId, bool),
    /// The interface below an instance's own, by index, is another one; `None`: its own is missing.
    Base(InstanceId, Option<u32>),
    /// An instance's source address changed.
    Source(InstanceId, Option<IpAddr>),
    /// Somebody else removed an address of an instance.
    AddressLost(InstanceId),
    /// A script's process runs.
    ScriptStarted(ScriptId, u32),
    /// A script's process ended.
    ScriptEnded(ScriptId, ScriptResult),
    /// A tracked file or process says something else.
    Tracker(TrackerId, Reading),
    /// A manager sets an instance's base priority, 1 to 255.
    BasePriority(InstanceId, u8),
    /// A manager sets whether an instance preempts.
    Preempt(InstanceId, bool),
    /// The daemon stops.
    Stop(Release),
}

/// Who changed state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// An instance.
    Instance(InstanceId),
    /// A sync group.
    Group(GroupId),
}

/// What has to be done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send an advert.
    Send {
        /// Whose.
        instance: InstanceId,
        /// The group or a peer.
        destination: IpAddr,
        /// The source address in it.
        source: IpAddr,
        /// With IP header for IPv4, from the VRRP header on for IPv6.
        datagram: Vec<u8>,
    },
    /// Add an instance's addresses, routes and rules that are not there yet.
    AddAddresses(InstanceId),
    /// Remove an instance's rules, routes and addresses.
    RemoveAddresses(InstanceId),
    /// Remove whatever of an instance's addresses an earlier life left behind.
    PurgeAddresses(InstanceId),
    /// Send one gratuitous ARP or unsolicited neighbour advert.
    SendGarp(Vip),
    /// Announce an instance's own source address.
    AnnounceSource(InstanceId),
    /// Run notification scripts, write FIFO lines.
    Notify {
        /// Who changed.
        who: Who,
        /// To what.
        state: StateName,
        /// Effective priority; 0 for groups.
        priority: u8,
    },
    /// `notify_master_rx_lower_pri`.
    NotifyHeardLower(InstanceId),
    /// `notify_priority_changes`.
    NotifyPriority(InstanceId),
    /// An advert was refused for a reason that there is a trap for.
    AdvertError {
        /// Whose.
        instance: InstanceId,
        /// Where it came from.
        source: IpAddr,
        /// What is wrong.
        error: instance::AdvertError,
    },
    /// Start a script.
    RunScript(ScriptId),
    /// Signal a script's process group.
    SignalScript(ScriptId, ScriptSignal),
    /// A log line.
    Log(Event),
}

/// The VRRP side of one process.
#[derive(Clone, Debug)]
pub struct Router {
    config: RouterConfig,
    instances: Vec<Instance>,
    groups: Vec<SyncGroup>,
    scripts: Vec<Script>,
    /// Scripts whose first result instances wait for: all at start, none of those that a reload brought.
    holding: Vec<bool>,
    links: Vec<Health>,
    readings: Vec<Reading>,
    /// Links that changed and do not count as changed yet: when they do, and to what.
    changing: BTreeMap<LinkId, (Instant, bool)>,
    bfds: Vec<Health>,
    duplicates: Duplicates,
    pacer: Pacer,
    unused: Vec<bool>,
    link_indexes: Vec<u32>,
    /// What is wrong at start was told.
    assessed: bool,
    startup_until: Option<Instant>,
    /// The next deadline of each instance, in order, and where to find it.
    deadlines: BTreeSet<(Instant, InstanceId)>,
    deadline_of: Vec<Option<Instant>>,
    out: VecDeque<Output>,
}

impl Router {
    /// A router that has not started.
    pub fn new(config: RouterConfig, surroundings: &Surroundings) -> Self {
        let mut router = Self {
            instances: config.instances.iter().cloned().map(Instance::new).collect(),
            groups: config.groups.iter().cloned().map(SyncGroup::new).collect(),
            scripts: config.scripts.iter().cloned().map(Script::new).collect(),
            holding: vec![true; config.scripts.len()],
            links: surroundings.links_up.iter().map(|up| Health::from_good(*up)).collect(),
            readings: surroundings.readings.clone(),
            pacer: Pacer::new(config.paces.clone(), config.pace_of.clone()),
            changing: BTreeMap::new(),
            bfds: vec![Health::Bad; config.bfds.len()],
            duplicates: Duplicates::at_start(&config, &surroundings.bases),
            unused: surroundings.unused.clone(),
            link_indexes: surroundings.link_indexes.clone(),
            assessed: false,
            startup_until: None,
            deadlines: BTreeSet::new(),
            deadline_of: vec![None; config.instances.len()],
            out: VecDeque::new(),
            config,
        };
        for id in router.ids() {
            let verdict = router.verdict(id);
            let source = surroundings.sources.get(id.0).copied().flatten();
            if let Some(instance) = router.instances.get_mut(id.0) {
                instance.prepare(verdict, source);
            }
        }
        router
    }

    /// For each new script the old one whose results and process it takes over.
    pub fn match_scripts(old: &RouterConfig, new: &RouterConfig) -> Vec<Option<ScriptId>> {
        let same = |script: &crate::ScriptConfig| {
            old.scripts
                .iter()
                .position(|o| o.name == script.name && o.identity == script.identity)
                .map(ScriptId)
        };
        new.scripts.iter().map(same).collect()
    }

    /// The router after a reload. `matches`: for each new instance the old one whose state it takes over; instances
    /// without one start afresh. Remove the others first, with [`Router::remove`].
    pub fn adopt(
        old: Self,
        config: RouterConfig,
        matches: &[Option<InstanceId>],
        surroundings: &Surroundings,
        now: Instant,
    ) -> Self {
        let script_matches = Self::match_scripts(&old.config, &config);
        let mut new = Self::new(config, surroundings);
        new.startup_until = old.startup_until;
        new.adopt_links(&old);
        new.adopt_bfds(&old);
        new.adopt_duplicates(&old, matches);
        for (index, from) in script_matches.iter().enumerate() {
            let Some(script) = new.scripts.get_mut(index) else { continue };
            match from.and_then(|from| old.scripts.get(from.0)) {
                Some(from) => {
                    *script = Script::adopt(script.config().clone(), from, now);
                    if script.health() == Health::Good {
                        let event = Event::Script(script.config().name.clone(), ScriptEvent::GoodOnReload);
                        new.out.push_back(Output::Log(event));
                    }
                }
                None => {
                    if let Some(holding) = new.holding.get_mut(index) {
                        *holding = false;
                    }
                }
            }
            script.start(now);
        }
        let mut fresh = Vec::new();
        for id in new.ids() {
            let verdict = new.verdict(id);
            let source = surroundings.sources.get(id.0).copied().flatten();
            let from = matches.get(id.0).copied().flatten().and_then(|from| old.instances.get(from.0));
            let Some(instance) = new.instances.get_mut(id.0) else { continue };
            match from {
                Some(from) => {
                    *instance = Instance::adopt(instance.config().clone(), from, verdict, source, now);
                }
                None => {
                    instance.prepare(verdict, source);
                    fresh.push(id);
                }
            }
        }
        new.groups =
            new.config.groups.iter().map(|group| SyncGroup::adopt(group.clone(), &new.instances)).collect();
        let mut faulty = new.faults_at_start();
        faulty.retain(|id| fresh.contains(id));
        new.start_in_fault(faulty);
        for id in new.ids() {
            if fresh.contains(&id) {
                new.start_instance(id, now);
                continue;
            }
            let was_master = new.is_master(id);
            new.with(id, |instance| {
                instance.settle(now);
            });
            new.drain(id, now);
            if new.is_master(id) {
                new.add_addresses(id);
                new.with(id, |instance| instance.handle(now, instance::Input::Announce));
                new.drain(id, now);
            } else if !was_master {
                // There are none, but the reference looks once more.
                new.log_removal(id);
            }
        }
        new
    }

    /// A reload no longer has this instance. `deleted`: `notify_deleted` is set.
    pub fn remove(&mut self, now: Instant, id: InstanceId, deleted: bool) {
        let was_fault = self.instance(id).is_some_and(|instance| matches!(instance.state(), State::Fault));
        self.with(id, |instance| instance.handle(now, instance::Input::Release(Release::Everything)));
        self.drain(id, now);
        if deleted {
            self.notify(id, StateName::Deleted);
        } else if !was_fault {
            self.notify(id, StateName::Fault);
        }
    }

    /// Something happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Packet(id, datagram) => {
                if self.startup_until.is_none() {
                    self.with(id, |instance| instance.handle(now, instance::Input::Packet(datagram)));
                    self.drain(id, now);
                }
            }
            Input::Link(link, up) => self.handle_link(now, link, up),
            Input::Bfd(id, up) => self.handle_bfd(now, id, up),
            Input::Base(id, base) => self.handle_base(now, id, base),
            Input::BasePriority(id, priority) => {
                self.with(id, |instance| instance.handle(now, instance::Input::BasePriority(priority)));
                self.drain(id, now);
            }
            Input::Preempt(id, preempt) => {
                self.with(id, |instance| instance.handle(now, instance::Input::Preempt(preempt)));
                self.drain(id, now);
            }
            Input::Source(id, source) => {
                self.with(id, |instance| instance.handle(now, instance::Input::Source(source)));
                self.drain(id, now);
            }
            Input::AddressLost(id) => {
                self.with(id, |instance| instance.handle(now, instance::Input::AddressLost));
                self.drain(id, now);
            }
            Input::ScriptStarted(id, pid) => {
                if let Some(script) = self.scripts.get_mut(id.0) {
                    script.started(pid);
                }
            }
            Input::ScriptEnded(id, result) => self.handle_script_result(now, id, result),
            Input::Tracker(id, reading) => self.handle_tracker(now, id, reading),
            Input::Stop(release) => self.stop(now, release),
        }
    }

    /// When [`Router::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines
            .first()
            .map(|(at, _)| *at)
            .into_iter()
            .chain(self.scripts.iter().filter_map(Script::poll_timeout))
            .chain(self.pacer.poll_timeout())
            .chain(self.changing.values().map(|(at, _)| *at))
            .chain(self.startup_until)
            .min()
    }

    /// Does everything that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.startup_until.is_some_and(|until| until <= now) {
            self.startup_until = None;
            self.out.push_back(Output::Log(Event::DelayedStartCompleted));
        }
        self.links_due(now);
        // Every instance that is due now gets one turn, the longest overdue first.
        let due: Vec<InstanceId> =
            self.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in due {
            self.with(id, |instance| instance.handle_timeout(now));
            self.drain(id, now);
        }
        for target in self.pacer.handle_timeout(now) {
            self.send_garp(target);
        }
        for index in 0..self.scripts.len() {
            let Some(script) = self.scripts.get_mut(index) else { continue };
            if script.poll_timeout().is_some_and(|at| at <= now) {
                let name = script.config().name.clone();
                let out = &mut self.out;
                let id = ScriptId(index);
                if script.handle_timeout(now, |output| out.push_back(script_output(id, &name, output))) {
                    self.script_changed(now, id);
                }
            }
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.out.pop_front();
        if output.is_none() {
            // Hundreds of instances that move at once fill it with megabytes.
            self.out.shrink_to(64);
        }
        output
    }

    /// The next thing to do if it is a line about a script: after a reload these come before everything else.
    pub fn poll_script_line(&mut self) -> Option<Event> {
        if !matches!(self.out.front(), Some(Output::Log(Event::Script(..)))) {
            return None;
        }
        match self.out.pop_front() {
            Some(Output::Log(event)) => Some(event),
            Some(_) | None => None,
        }
    }

    /// Addresses that a reload brought were added: announce all of this instance's.
    pub fn addresses_added(&mut self, now: Instant, id: InstanceId) {
        self.with(id, |instance| instance.addresses_added(now));
        self.drain(id, now);
    }

    /// Announces an instance's addresses once, if it is master.
    pub fn announce(&mut self, now: Instant, id: InstanceId) {
        if self.is_master(id) {
            self.burst(id, 1, now);
        }
    }

    /// Its settings.
    pub fn config(&self) -> &RouterConfig {
        &self.config
    }

    /// Its instances in the order of the configuration.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Its sync groups in the order of the configuration.
    pub fn groups(&self) -> &[SyncGroup] {
        &self.groups
    }

    /// Its scripts in the order of the configuration.
    pub fn scripts(&self) -> &[Script] {
        &self.scripts
    }

    /// One instance.
    pub fn instance(&self, id: InstanceId) -> Option<&Instance> {
        self.instances.get(id.0)
    }

    /// Whether an interface was last said to be up.
    pub fn link_is_up(&self, link: LinkId) -> bool {
        self.links.get(link.0) == Some(&Health::Good)
    }

    /// Zeroes all counters.
    pub fn clear_stats(&mut self) {
        self.instances.iter_mut().for_each(Instance::clear_stats);
    }

    fn ids(&self) -> impl Iterator<Item = InstanceId> + use<> {
        (0..self.instances.len()).map(InstanceId)
    }

    fn with(&mut self, id: InstanceId, run: impl FnOnce(&mut Instance)) {
        if let Some(instance) = self.instances.get_mut(id.0) {
            run(instance);
        }
        self.schedule(id);
    }

    /// Files an instance under its next deadline. Whatever changes an instance ends here.
    fn schedule(&mut self, id: InstanceId) {
        let deadline = self.instances.get(id.0).and_then(Instance::poll_timeout);
        let Some(filed) = self.deadline_of.get_mut(id.0) else { return };
        if *filed == deadline {
            return;
        }
        if let Some(at) = filed.take() {
            self.deadlines.remove(&(at, id));
        }
        if let Some(at) = deadline {
            self.deadlines.insert((at, id));
        }
        *filed = deadline;
    }

    fn is_master(&self, id: InstanceId) -> bool {
        self.instance(id).is_some_and(|instance| matches!(instance.state(), State::Master { .. }))
    }

    fn link_name(&self, link: LinkId) -> Arc<str> {
        self.config.links.get(link.0).cloned().unwrap_or_else(|| "none".into())
    }

    fn verdict(&self, id: InstanceId) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(config) = self.config.instances.get(id.0) else { return verdict };
        for link in &config.fault_links {
            if self.links.get(link.0) == Some(&Health::Bad) && !verdict.links_down.contains(link) {
                verdict.links_down.push(*link);
            }
        }
        for tracked in &config.track_links {
            let health = self.links.get(tracked.object.0).copied().unwrap_or(Health::Unknown);
            verdict.delta = verdict.delta.saturating_add(track::contribution(tracked, health));
            if track::is_fault(tracked, health) && !verdict.links_down.contains(&tracked.object) {
                verdict.links_down.push(tracked.object);
            }
        }
        self.judge_bfds(config, &mut verdict);
        verdict.duplicate = self.duplicates.holder(id);
        for tracked in &config.track_scripts {
            let health = self.scripts.get(tracked.object.0).map_or(Health::Unknown, Script::health);
            verdict.delta = verdict.delta.saturating_add(track::contribution(tracked, health));
            if track::is_fault(tracked, health) {
                verdict.failing.push(tracked.object);
            }
            let holds = self.holding.get(tracked.object.0).copied().unwrap_or(false);
            if tracked.weight == 0 && health == Health::Unknown && holds {
                verdict.pending += 1;
            }
        }
        for tracked in &config.trackers {
            let (delta, fault) = tracker::effect(tracked, self.reading(tracked.object));
            verdict.delta = verdict.delta.saturating_add(delta);
            if fault {
                verdict.trackers.push(tracked.object);
                verdict.holds_priority |= tracked.weight != 0;
            }
        }
        verdict
    }

    fn handle_script_result(&mut self, now: Instant, id: ScriptId, result: ScriptResult) {
        let Some(script) = self.scripts.get_mut(id.0) else { return };
        let name = script.config().name.clone();
        let out = &mut self.out;
        let changed = script.handle_result(result, |output| out.push_back(script_output(id, &name, output)));
        if changed {
            self.script_changed(now, id);
        }
    }

    fn script_changed(&mut self, now: Instant, id: ScriptId) {
        self.update_verdicts(now, |config| config.uses_script(id));
    }

    fn update_verdicts(&mut self, now: Instant, uses: impl Fn(&crate::InstanceConfig) -> Option<bool>) {
        for id in self.in_order(uses) {
            let verdict = self.verdict(id);
            self.take_verdict(now, id, verdict);
        }
    }

    fn take_verdict(&mut self, now: Instant, id: InstanceId, verdict: Verdict) {
        self.with(id, |instance| instance.handle(now, instance::Input::Verdict(verdict)));
        self.drain(id, now);
    }

    fn stop(&mut self, now: Instant, release: Release) {
        for id in self.ids() {
            self.with(id, |instance| instance.handle(now, instance::Input::Release(release)));
            self.drain(id, now);
        }
        for id in self.ids() {
            self.notify(id, StateName::Stop);
        }
        for index in 0..self.groups.len() {
            self.out.push_back(Output::Notify {
                who: Who::Group(GroupId(index)),
                state: StateName::Stop,
                priority: 0,
            });
        }
    }

    fn notify(&mut self, id: InstanceId, state: StateName) {
        let priority = self.instance(id).map_or(0, Instance::effective_priority);
        self.out.push_back(Output::Notify { who: Who::Instance(id), state, priority });
    }

    /// Moves an instance's outputs to the router's, carrying out what needs more than the instance.
    fn drain(&mut self, id: InstanceId, now: Instant) {
        while let Some(output) = self.instances.get_mut(id.0).and_then(Instance::poll_output) {
            match output {
                instance::Output::Send { destination, source, datagram } => {
                    self.out.push_back(Output::Send { instance: id, destination, source, datagram });
                }
                instance::Output::AddAddresses => self.add_addresses(id),
                instance::Output::RemoveAddresses => {
                    self.log_removal(id);
                    self.out.push_back(Output::RemoveAddresses(id));
                }
                instance::Output::Garp(rounds) => self.burst(id, rounds, now),
                instance::Output::CancelGarp => self.pacer.forget(id),
                instance::Output::GarpExtra => self.announce_elsewhere(id),
                instance::Output::AnnounceSource => self.out.push_back(Output::AnnounceSource(id)),
                instance::Output::Notify(state) => self.notify(id, state),
                instance::Output::NotifyHeardLower => self.out.push_back(Output::NotifyHeardLower(id)),
                instance::Output::AdvertError(source, error) => {
                    self.out.push_back(Output::AdvertError { instance: id, source, error });
                }
                instance::Output::NotifyPriority => self.out.push_back(Output::NotifyPriority(id)),
                instance::Output::Log(event) => self.log(id, event),
                instance::Output::Reason(reason) => self.give_reason(id, reason),
                instance::Output::Signal(signal) => self.signal(id, signal, now),
            }
        }
    }

    fn log(&mut self, id: InstanceId, event: InstanceEvent) {
        if let Some(config) = self.config.instances.get(id.0) {
            self.out.push_back(Output::Log(Event::Instance(config.name.clone(), event)));
        }
    }

    fn signal(&mut self, id: InstanceId, signal: Signal, now: Instant) {
        let Some(group_id) = self.instance(id).and_then(|instance| instance.config().group) else { return };
        let Some(group) = self.groups.get(group_id.0) else { return };
        match signal {
            Signal::WantsMaster => {
                let allowed = group.allows_master(id, &self.instances);
                self.with(
                    id,
                    |instance| if allowed { instance.become_master(now) } else { instance.postpone(now) },
                );
                // Outputs of these follow in the loop that called us.
            }
            Signal::Ready => {
                if group.is_ready(&self.instances) {
                    self.with(id, |instance| instance.recover(now));
                }
            }
            Signal::HeardLower => {
                for other in group.others(id) {
                    self.with(other, |instance| instance.handle(now, instance::Input::MemberHeardLower));
                    self.drain(other, now);
                }
            }
            Signal::Became(state, cause) => self.sync(group_id, id, state, cause, now),
        }
    }

    /// A member changed state on its own: the others follow.
    fn sync(&mut self, group_id: GroupId, first: InstanceId, state: StateName, cause: Cause, now: Instant) {
        let Some(group) = self.groups.get_mut(group_id.0) else { return };
        let changed = group.set_state(state);
        let others = group.others(first);
        let name = group.config().name.clone();
        if !changed {
            return;
        }
        if cause == Cause::AddressLost {
            for other in others {
                self.with(other, |instance| instance.handle(now, instance::Input::AddressLost));
                self.drain(other, now);
            }
            return;
        }
        self.out.push_back(Output::Log(Event::GroupSync(name, state)));
        for other in others {
            self.with(other, |instance| match cause {
                Cause::Recovered => instance.recover_with_group(now),
                Cause::Start
                | Cause::MasterDown
                | Cause::HigherAdvert
                | Cause::AddressLost
                | Cause::Fault
                | Cause::Paused
                | Cause::Group => {
                    instance.handle(now, instance::Input::Group(state));
                }
            });
            self.drain(other, now);
        }
        self.out.push_back(Output::Notify { who: Who::Group(group_id), state, priority: 0 });
    }
}

fn script_output(id: ScriptId, name: &Arc<str>, output: ScriptOutput) -> Output {
    match output {
        ScriptOutput::Run => Output::RunScript(id),
        ScriptOutput::Signal(signal) => Output::SignalScript(id, signal),
        ScriptOutput::Log(event) => Output::Log(Event::Script(name.clone(), event)),
    }
}

#[cfg(test)]
mod tests;
