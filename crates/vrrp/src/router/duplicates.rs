//! Two instances with one VRID on one interface: they would take each other's adverts for their own, so one of them is in
//! FAULT. keepalived.conf(5), `dynamic_interfaces`.
//!
//! A configuration that says so itself is refused, unless interfaces may change. While the daemon runs, an interface
//! can be deleted and made again on another one: a macvlan or an ipvlan that lies on the interface of another instance
//! since then brings its own into the conflict. What counts is the interface below, which the shell finds.
//!
//! ```text
//!   interface comes, nobody there  --> takes part
//!   interface comes, one is there  --> held until the conflict is over, with allow_if_changes
//!                                      held until a reload,             without
//! ```

use std::time::Instant;

use super::{Output, Router};
use crate::config::{InstanceConfig, InstanceId, RouterConfig};
use crate::event::{Event, InstanceEvent};

/// Who is held, and by whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Duplicates {
    /// For each instance the interface below its own.
    bases: Vec<Option<u32>>,
    /// For each instance the one that takes part in its place.
    holders: Vec<Option<InstanceId>>,
}

impl Duplicates {
    /// Of several the last one of the configuration takes part.
    pub(super) fn at_start(config: &RouterConfig, bases: &[Option<u32>]) -> Self {
        Self::elect(config, bases, |_| false)
    }

    /// Those that took part go before the others; otherwise the later one does.
    fn elect(config: &RouterConfig, bases: &[Option<u32>], took_part: impl Fn(InstanceId) -> bool) -> Self {
        let count = config.instances.len();
        let base = |index: usize| bases.get(index).copied().flatten();
        let mut new = Self { bases: (0..count).map(base).collect(), holders: vec![None; count] };
        let (before, fresh): (Vec<InstanceId>, Vec<InstanceId>) =
            (0..count).rev().map(InstanceId).partition(|id| took_part(*id));
        let mut chosen: Vec<InstanceId> = Vec::new();
        for id in before.into_iter().chain(fresh) {
            let holder = chosen.iter().copied().find(|other| new.share(config, id, *other));
            match (holder, new.holders.get_mut(id.0)) {
                (Some(_), Some(slot)) => *slot = holder,
                (Some(_) | None, _) => chosen.push(id),
            }
        }
        new
    }

    /// Who takes part in its place.
    pub(super) fn holder(&self, id: InstanceId) -> Option<InstanceId> {
        self.holders.get(id.0).copied().flatten()
    }

    /// The interface below an instance's own is another one now. Returns whom it meets there, and who is held or no
    /// longer held because of it.
    fn moved(
        &mut self,
        config: &RouterConfig,
        id: InstanceId,
        base: Option<u32>,
    ) -> (Option<InstanceId>, Vec<InstanceId>) {
        match self.bases.get_mut(id.0) {
            Some(known) if *known != base => *known = base,
            Some(_) | None => return (None, Vec::new()),
        }
        let met = self.contender(config, id);
        let mut changed = Vec::new();
        if met.is_some() || config.allow_if_changes {
            self.hold(id, met, &mut changed);
        }
        if config.allow_if_changes {
            // The place that it left is free. The later one goes first, as at start.
            for other in (0..self.holders.len()).rev().map(InstanceId).filter(|other| *other != id) {
                if self.holder(other).is_some() {
                    let holder = self.contender(config, other);
                    self.hold(other, holder, &mut changed);
                }
            }
        }
        (met, changed)
    }

    fn hold(&mut self, id: InstanceId, holder: Option<InstanceId>, changed: &mut Vec<InstanceId>) {
        if let Some(slot) = self.holders.get_mut(id.0)
            && std::mem::replace(slot, holder) != holder
        {
            changed.push(id);
        }
    }

    /// One that takes part and shares the VRID and the interface below with this one.
    fn contender(&self, config: &RouterConfig, id: InstanceId) -> Option<InstanceId> {
        let others = (0..self.holders.len()).map(InstanceId);
        let mut others = others.filter(|other| *other != id && self.holder(*other).is_none());
        others.find(|other| self.share(config, id, *other))
    }

    /// Whether two instances would hear each other's adverts as their own.
    fn share(&self, config: &RouterConfig, one: InstanceId, other: InstanceId) -> bool {
        let base = |id: InstanceId| self.bases.get(id.0).copied().flatten();
        let what = |id: InstanceId| config.instances.get(id.0).and_then(group_of);
        base(one).is_some() && base(one) == base(other) && what(one).is_some() && what(one) == what(other)
    }
}

/// The group and the VRID that an instance speaks to and hears; none of a unicast one, which hears its peers.
fn group_of(config: &InstanceConfig) -> Option<(std::net::IpAddr, u8)> {
    (!config.is_unicast()).then_some((config.group_address, config.vrid))
}

impl Router {
    /// The interface below an instance's own as it was last said.
    pub fn base(&self, id: InstanceId) -> Option<u32> {
        self.duplicates.bases.get(id.0).copied().flatten()
    }

    pub(super) fn handle_base(&mut self, now: Instant, id: InstanceId, base: Option<u32>) {
        let (met, changed) = self.duplicates.moved(&self.config, id, base);
        let config = |id: InstanceId| self.config.instances.get(id.0);
        if let (Some(here), Some(other)) = (config(id), met.and_then(config)) {
            self.out.push_back(Output::Log(Event::VridConflict {
                name: here.name.clone(),
                other: other.name.clone(),
                family: here.family,
                vrid: here.vrid,
            }));
        }
        // Who is to be held goes before who takes its place.
        let (held, freed): (Vec<InstanceId>, Vec<InstanceId>) =
            changed.into_iter().partition(|id| self.duplicates.holder(*id).is_some());
        for id in held.into_iter().chain(freed) {
            let verdict = self.verdict(id);
            self.take_verdict(now, id, verdict);
        }
    }

    /// After a reload those that took part do so, wherever they stand in the configuration.
    pub(super) fn adopt_duplicates(&mut self, old: &Self, matches: &[Option<InstanceId>]) {
        let bases = self.duplicates.bases.clone();
        let took_part = |id: InstanceId| {
            let from = matches.get(id.0).copied().flatten();
            let base = bases.get(id.0).copied().flatten();
            from.is_some_and(|from| old.duplicates.holder(from).is_none() && old.base(from) == base)
        };
        self.duplicates = Duplicates::elect(&self.config, &bases, took_part);
        self.log_duplicates();
    }

    /// Each pair of instances of which one cannot take part.
    pub(super) fn log_duplicates(&mut self) {
        for id in self.ids() {
            if self.duplicates.holder(id).is_none() {
                continue;
            }
            for other in self.ids().filter(|other| *other != id) {
                let counts = other > id || self.duplicates.holder(other).is_none();
                if counts
                    && self.duplicates.share(&self.config, id, other)
                    && let Some(config) = self.config.instances.get(other.0)
                {
                    let (other, family, vrid) = (config.name.clone(), config.family, config.vrid);
                    self.log(id, InstanceEvent::Duplicate { other, family, vrid });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::IpAddr;

    use super::*;
    use crate::config::{LinkId, Peer};
    use crate::router::{Input, State, Surroundings};

    const ETH0: Option<u32> = Some(2);
    const ETH1: Option<u32> = Some(3);

    fn instance(name: &str) -> InstanceConfig {
        let mut config = InstanceConfig::new(name, 51);
        config.link = Some(LinkId(0));
        config
    }

    fn config(instances: Vec<InstanceConfig>, allow_if_changes: bool) -> RouterConfig {
        RouterConfig { links: vec!["m0".into()], instances, allow_if_changes, ..RouterConfig::default() }
    }

    struct Bench(Router, Instant);

    impl Bench {
        fn started(config: RouterConfig, bases: &[Option<u32>]) -> Self {
            let around = around(&config, bases);
            let mut bench = Self(Router::new(config, &around), Instant::now());
            bench.0.start(bench.1);
            bench
        }

        fn moves(&mut self, id: usize, base: Option<u32>) -> Vec<String> {
            self.0.handle(self.1, Input::Base(InstanceId(id), base));
            self.log()
        }

        fn reloaded(self, config: RouterConfig, bases: &[Option<u32>]) -> Self {
            let matches: Vec<Option<InstanceId>> =
                (0..config.instances.len()).map(|index| Some(InstanceId(index))).collect();
            let around = around(&config, bases);
            Self(Router::adopt(self.0, config, &matches, &around, self.1), self.1)
        }

        /// `F` for FAULT, `-` for anything else.
        fn states(&self) -> String {
            let letter = |state| if matches!(state, State::Fault) { 'F' } else { '-' };
            self.0.instances().iter().map(|instance| letter(instance.state())).collect()
        }

        fn log(&mut self) -> Vec<String> {
            let outputs = std::iter::from_fn(|| self.0.poll_output());
            outputs
                .filter_map(|output| match output {
                    Output::Log(Event::Instance(_, InstanceEvent::Reason(_))) => None,
                    Output::Log(event) => Some(event.to_string()),
                    _ => None,
                })
                .filter(|line| line.contains("VRID") || line.contains("STATE"))
                .collect()
        }
    }

    fn around(config: &RouterConfig, bases: &[Option<u32>]) -> Surroundings {
        let source: IpAddr = "10.9.0.1".parse().unwrap();
        Surroundings {
            links_up: vec![true; config.links.len()],
            sources: vec![Some(source); config.instances.len()],
            bases: bases.to_vec(),
            ..Surroundings::default()
        }
    }

    #[test]
    fn an_interface_that_comes_where_the_vrid_is_taken_is_a_fault() {
        for allow in [false, true] {
            let two = config(vec![instance("VI_1"), instance("VI_2")], allow);
            let mut bench = Bench::started(two, &[ETH0, ETH1]);
            bench.log();
            assert_eq!(bench.moves(1, None), [""; 0]);
            let conflict = "VRID conflict between VI_2 and VI_1 IPv4 vrid 51";
            assert_eq!(bench.moves(1, ETH0), [conflict, "(VI_2) Entering FAULT STATE"]);
            let fault = *bench.0.instance(InstanceId(1)).unwrap().faults().first().unwrap();
            assert_eq!(bench.0.fault_in_words(fault), "same VRID as VI_1 on one interface");
            // Said again is nothing new; come again is.
            assert_eq!(bench.moves(1, ETH0), [""; 0]);
            bench.moves(1, None);
            assert_eq!(bench.moves(1, ETH0).first().map(String::as_str), Some(conflict));
            assert_eq!(bench.states(), "-F");
            bench.moves(1, None);
            bench.moves(1, ETH1);
            assert_eq!(bench.states(), if allow { "--" } else { "-F" }, "elsewhere");
        }
    }

    #[test]
    fn a_place_that_gets_free_is_taken_when_changes_are_allowed() {
        for allow in [false, true] {
            let two = config(vec![instance("VI_1"), instance("VI_2")], allow);
            let mut bench = Bench::started(two, &[ETH0, ETH1]);
            bench.moves(1, ETH0);
            bench.log();
            let lines = bench.moves(0, None);
            if !allow {
                assert_eq!(lines, [""; 0], "nothing until a reload");
                continue;
            }
            assert_eq!(lines, ["(VI_2) Entering BACKUP STATE"]);
            // Now the other one is late.
            assert_eq!(
                bench.moves(0, ETH0),
                ["VRID conflict between VI_1 and VI_2 IPv4 vrid 51", "(VI_1) Entering FAULT STATE"]
            );
            assert_eq!(bench.moves(0, ETH1), ["(VI_1) Entering BACKUP STATE"]);
        }
    }

    #[test]
    fn at_start_the_last_one_takes_part() {
        let three = || config(vec![instance("A"), instance("B"), instance("C")], true);
        let mut bench = Bench::started(three(), &[ETH0, ETH0, ETH0]);
        assert_eq!(bench.states(), "FF-");
        let lines = bench.log();
        let duplicated = |name: &str, other: &str| {
            format!("({name}) - warning, VRID 51 for IPv4 is currently duplicated on {other}")
        };
        assert_eq!(lines[..3], [duplicated("A", "B"), duplicated("A", "C"), duplicated("B", "C")]);
        bench.moves(2, None);
        assert_eq!(bench.states(), "F--", "one of the two that were held");
        bench.moves(2, ETH0);
        assert_eq!(bench.states(), "F-F");
        bench.moves(1, ETH1);
        assert_eq!(bench.states(), "F--", "the later one again");
    }

    #[test]
    fn a_reload_takes_nothing_from_who_takes_part() {
        for allow in [false, true] {
            let two = || config(vec![instance("VI_1"), instance("VI_2")], allow);
            let mut bench = Bench::started(two(), &[ETH0, ETH1]);
            bench.moves(1, ETH0);
            bench.log();
            let mut bench = bench.reloaded(two(), &[ETH0, ETH0]);
            assert_eq!(bench.states(), "-F");
            assert_eq!(bench.log(), ["(VI_2) - warning, VRID 51 for IPv4 is currently duplicated on VI_1"]);
            // What lasted until now does not last longer.
            bench.moves(1, None);
            let mut bench = bench.reloaded(two(), &[ETH0, ETH1]);
            assert_eq!(bench.states(), "--");
            assert!(!bench.log().join("\n").contains("VRID"));
        }
    }

    #[test]
    fn others_are_none_of_its_business() {
        let peer = Peer { address: "10.9.0.7".parse().unwrap(), min_ttl: 0, max_ttl: 255 };
        let others: [fn(&mut InstanceConfig, Peer); 5] = [
            |other, _| other.vrid = 52,
            |other, _| other.group_address = "224.0.0.17".parse().unwrap(),
            |other, _| {
                other.family = crate::Family::V6;
                other.group_address = "ff02::12".parse().unwrap();
            },
            |other, peer| other.peers = vec![peer],
            |other, _| other.unicast = true,
        ];
        for change in others {
            let mut other = instance("VI_2");
            change(&mut other, peer);
            let mut bench = Bench::started(config(vec![instance("VI_1"), other], true), &[ETH0, ETH0]);
            assert_eq!(bench.states(), "--");
            bench.moves(1, None);
            bench.log();
            assert_eq!(bench.moves(1, ETH0), [""; 0]);
        }
    }

    #[test]
    fn a_missing_interface_is_on_no_other() {
        let two = config(vec![instance("VI_1"), instance("VI_2")], true);
        let bench = Bench::started(two, &[None, None]);
        assert_eq!(bench.states(), "--");
        // Somebody who says nothing of them has none either, and unknown ones are nobody.
        let mut bench = Bench::started(config(vec![instance("VI_1"), instance("VI_2")], true), &[]);
        assert_eq!(bench.states(), "--");
        bench.log();
        assert_eq!(bench.moves(7, ETH0), [""; 0]);
    }
}
