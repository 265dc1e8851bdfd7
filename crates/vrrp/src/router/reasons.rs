//! The line that says why a state was entered, with the names of what is tracked.

use super::Router;
use crate::config::InstanceId;
use crate::event::InstanceEvent;
use crate::instance::{Fault, Reason};
use crate::tracker::TrackerKind;

impl Router {
    pub(super) fn give_reason(&mut self, id: InstanceId, reason: Reason) {
        let text = match reason {
            Reason::Words(text) => text,
            // Its address went, and the verdict does not know of it yet.
            Reason::Faults(faults) if faults.is_empty() => "the interface lost its address".to_owned(),
            Reason::Faults(faults) => {
                let words: Vec<String> = faults.into_iter().map(|fault| self.fault_in_words(fault)).collect();
                words.join(", ")
            }
            Reason::Group => {
                let group = self.instance(id).and_then(|instance| instance.config().group);
                let name = group.and_then(|group| self.groups.get(group.0)).map(|group| &group.config().name);
                format!("sync group {}", name.map_or("", |name| name))
            }
        };
        self.with(id, |instance| instance.set_reason(&text));
        self.log(id, InstanceEvent::Reason(text));
    }

    /// What a fault is, with names.
    pub fn fault_in_words(&self, fault: Fault) -> String {
        match fault {
            Fault::LinkDown(id) => format!("interface {} is down", self.link_name(id)),
            Fault::Script(id) => {
                let name = self.scripts.get(id.0).map_or("", |script| &script.config().name);
                format!("script {name} fails")
            }
            Fault::Tracker(id) => match self.config.trackers.get(id.0) {
                Some(of) if of.kind == TrackerKind::File => format!("file {} has a bad value", of.name),
                Some(of) => format!("process {} has no quorum", of.name),
                None => "a tracker".to_owned(),
            },
            Fault::Bfd(id) => {
                let name = self.config.bfds.get(id.0).map_or("", |name| name);
                format!("BFD session {name} is not up")
            }
            Fault::DuplicateVrid(other) => {
                let name = self.config.instances.get(other.0).map_or("", |config| &config.name);
                format!("same VRID as {name} on one interface")
            }
            Fault::NoSource => "no source address".to_owned(),
            Fault::Config => "a setting that cannot work".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::net::IpAddr;
    use std::time::Instant;

    use super::*;
    use crate::config::{GroupConfig, InstanceConfig, LinkId, RouterConfig};
    use crate::packet::{Datagram, Outgoing};
    use crate::router::{GroupId, Input, Output, Surroundings};
    use crate::{BfdId, Event};

    const US: &str = "10.0.0.1";
    const PEER: &str = "10.0.0.2";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn instance(name: &str, vrid: u8) -> InstanceConfig {
        let mut config = InstanceConfig::new(name, vrid);
        config.base_priority = 100;
        config.link = Some(LinkId(0));
        config.fault_links = vec![LinkId(0)];
        config
    }

    /// A started router and its clock.
    struct Bench(Router, Instant);

    impl Bench {
        fn started(config: RouterConfig) -> Self {
            let around = Surroundings {
                links_up: vec![true; config.links.len()],
                sources: vec![Some(ip(US)); config.instances.len()],
                ..Surroundings::default()
            };
            let mut bench = Self(Router::new(config, &around), Instant::now());
            bench.0.start(bench.1);
            bench.reasons();
            bench
        }

        fn alone(change: impl FnOnce(&mut InstanceConfig)) -> Self {
            let mut config = instance("V", 1);
            change(&mut config);
            let links = vec!["eth0".into()];
            Self::started(RouterConfig { links, instances: vec![config], ..RouterConfig::default() })
        }

        fn fire(&mut self) -> Vec<String> {
            self.1 = self.0.poll_timeout().unwrap();
            self.0.handle_timeout(self.1);
            self.reasons()
        }

        fn handle(&mut self, input: Input<'_>) -> Vec<String> {
            self.0.handle(self.1, input);
            self.reasons()
        }

        fn hears(&mut self, priority: u8) -> Vec<String> {
            let config = instance("peer", 1);
            let destination = config.group_address;
            let source = ip(PEER);
            let (config, ip_id, ah_sequence, old_checksum) = (&config, 1, 1, false);
            let advert = Outgoing { config, priority, source, destination, ip_id, ah_sequence, old_checksum };
            self.handle(Input::Packet(InstanceId(0), Datagram::ipv4(&advert.emit()).unwrap()))
        }

        /// The reasons that were logged, each behind the line that it explains.
        fn reasons(&mut self) -> Vec<String> {
            let lines: Vec<String> = std::iter::from_fn(|| self.0.poll_output())
                .filter_map(|output| match output {
                    Output::Log(event @ Event::Instance(..)) => Some(event.to_string()),
                    _ => None,
                })
                .collect();
            let is_reason = |line: &&String| line.contains(") reason: ");
            for pair in lines.windows(2) {
                // A backup that follows its group into FAULT has no line of the original's.
                let follows = pair[1].ends_with("reason: sync group G");
                assert_eq!(pair[0].ends_with(" STATE"), is_reason(&&pair[1]) && !follows, "{pair:?}");
            }
            lines.iter().filter(is_reason).cloned().collect()
        }
    }

    #[test]
    fn a_backup_says_what_it_heard_last() {
        let silence = "(V) reason: no advert from anybody within the master down time of 3.609 s";
        assert_eq!(Bench::alone(|_| ()).fire(), [silence]);

        let mut bench = Bench::alone(|_| ());
        bench.hears(200);
        let silence = "(V) reason: no advert from 10.0.0.2 within the master down time of 3.609 s";
        assert_eq!(bench.fire(), [silence]);
        assert_eq!(bench.0.instance(InstanceId(0)).unwrap().reason(), &silence["(V) reason: ".len()..]);

        let mut bench = Bench::alone(|_| ());
        bench.hears(200);
        bench.hears(0);
        assert_eq!(bench.fire(), ["(V) reason: 10.0.0.2 gave up with priority 0"]);

        let mut bench = Bench::alone(|_| ());
        bench.hears(99);
        assert_eq!(
            bench.fire(),
            ["(V) reason: adverts of lower priority only: 99 from 10.0.0.2, ours is 100"]
        );

        let owner = |config: &mut InstanceConfig| {
            config.base_priority = 255;
            config.wants_master = true;
        };
        assert_eq!(Bench::alone(owner).fire(), ["(V) reason: owner of the addresses, priority 255"]);
    }

    #[test]
    fn a_master_says_who_outranks_it() {
        let mut bench = Bench::alone(|_| ());
        bench.fire();
        assert_eq!(bench.hears(200), ["(V) reason: 10.0.0.2 has priority 200, ours is 100"]);
        // What was heard before a mastership says nothing about the next one.
        assert_eq!(
            bench.fire(),
            ["(V) reason: no advert from anybody within the master down time of 3.609 s"]
        );
        assert_eq!(bench.hears(100), ["(V) reason: 10.0.0.2 has our priority 100 and the higher address"]);
        bench.fire();
        assert_eq!(
            bench.handle(Input::AddressLost(InstanceId(0))),
            ["(V) reason: one of our addresses, routes or rules was removed by somebody else"]
        );
    }

    #[test]
    fn faults_have_names() {
        let mut bench = Bench::alone(|_| ());
        assert_eq!(bench.handle(Input::Link(LinkId(0), false)), ["(V) reason: interface eth0 is down"]);
        assert_eq!(bench.handle(Input::Link(LinkId(0), true)), ["(V) reason: the last fault disappeared"]);
        assert_eq!(
            bench.handle(Input::Source(InstanceId(0), None)),
            ["(V) reason: the interface lost its address"]
        );
        assert_eq!(bench.0.fault_in_words(Fault::NoSource), "no source address");
        // What an index stands for may be gone; then there is a shorter text and no panic.
        assert_eq!(bench.0.fault_in_words(Fault::Bfd(BfdId(7))), "BFD session  is not up");
    }

    #[test]
    fn members_name_their_group() {
        let mut instances = vec![instance("V", 1), instance("W", 2)];
        instances.iter_mut().for_each(|config| config.group = Some(GroupId(0)));
        let group = GroupConfig { name: "G".into(), members: vec![InstanceId(0), InstanceId(1)] };
        let mut bench = Bench::started(RouterConfig {
            links: vec!["eth0".into()],
            instances,
            groups: vec![group],
            ..RouterConfig::default()
        });
        let first = bench.handle(Input::Source(InstanceId(0), None));
        assert_eq!(first, ["(V) reason: the interface lost its address", "(W) reason: sync group G"]);
    }
}
