#![allow(clippy::unwrap_used, clippy::expect_used)]
mod seeds;

use std::time::Duration;

use super::*;
use crate::config::{GroupConfig, InstanceConfig, ScriptConfig, Tracked};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn instance(name: &str, vrid: u8, priority: u8) -> InstanceConfig {
    let mut config = InstanceConfig::new(name, vrid);
    config.base_priority = priority;
    config.link = Some(LinkId(0));
    config.fault_links = vec![LinkId(0)];
    config.vips = vec![Vip { address: ip(&format!("10.0.0.{vrid}")), link: LinkId(0) }];
    config
}

fn script(name: &str) -> ScriptConfig {
    ScriptConfig {
        name: name.into(),
        interval: ms(2000),
        timeout: ms(2000),
        rise: 2,
        fall: 2,
        init_fail: false,
        identity: name.into(),
    }
}

fn tracked<T>(object: T, weight: i32) -> Tracked<T> {
    Tracked { object, weight, reverse: false }
}

fn config(instances: Vec<InstanceConfig>, scripts: Vec<ScriptConfig>) -> RouterConfig {
    RouterConfig { links: vec!["eth0".into(), "eth1".into()], instances, scripts, ..RouterConfig::default() }
}

fn surroundings(config: &RouterConfig, source: &str) -> Surroundings {
    Surroundings {
        links_up: vec![true; config.links.len()],
        sources: vec![Some(ip(source)); config.instances.len()],
        ..Surroundings::default()
    }
}

struct Bench {
    router: Router,
    now: Instant,
}

impl Bench {
    fn started(config: RouterConfig) -> Self {
        let now = Instant::now();
        let around = surroundings(&config, "10.0.0.200");
        let mut router = Router::new(config, &around);
        router.start(now);
        Self { router, now }
    }

    fn step(&mut self) {
        self.now = self.router.poll_timeout().unwrap();
        self.router.handle_timeout(self.now);
    }

    fn until(&mut self, end: Instant) {
        while self.router.poll_timeout().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    fn handle(&mut self, input: Input<'_>) {
        self.router.handle(self.now, input);
    }

    fn script_ends(&mut self, script: usize, status: i32) {
        self.handle(Input::ScriptEnded(ScriptId(script), ScriptResult::Exited(status)));
    }

    fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.router.poll_output()).collect()
    }

    /// The reference's lines.
    fn log(&mut self) -> Vec<String> {
        self.drain()
            .into_iter()
            .filter_map(|output| match output {
                Output::Log(Event::Instance(_, InstanceEvent::Reason(_))) => None,
                Output::Log(event) => Some(event.to_string()),
                _ => None,
            })
            .collect()
    }

    /// `V2 MASTER, G MASTER`
    fn notified(&mut self) -> String {
        let config = self.router.config().clone();
        let words: Vec<String> = self
            .drain()
            .into_iter()
            .filter_map(|output| match output {
                Output::Notify { who: Who::Instance(id), state, .. } => {
                    Some(format!("{} {state}", config.instances[id.0].name))
                }
                Output::Notify { who: Who::Group(id), state, .. } => {
                    Some(format!("{} {state}", config.groups[id.0].name))
                }
                _ => None,
            })
            .collect();
        words.join(", ")
    }

    fn states(&self) -> Vec<StateName> {
        self.router.instances().iter().map(|instance| instance.state().name()).collect()
    }
}

fn article() -> RouterConfig {
    let mut vi = instance("VI_1", 51, 150);
    vi.track_scripts = vec![tracked(ScriptId(0), -60)];
    config(vec![vi], vec![script("check_haproxy")])
}

#[test]
fn the_article_line_by_line() {
    let mut bench = Bench::started(article());
    assert_eq!(
        bench.log(),
        ["(VI_1) removing VIPs.", "(VI_1) removing VIPs.", "(VI_1) Entering BACKUP STATE (init)"]
    );
    bench.step();
    assert_eq!(bench.drain(), [Output::RunScript(ScriptId(0))], "the first run is due at once");
    bench.script_ends(0, 0);
    assert_eq!(bench.log(), ["VRRP_Script(check_haproxy) succeeded"]);
    let start = bench.now;
    bench.until(start + ms(3500));
    assert_eq!(bench.states(), [StateName::Master]);
    bench.script_ends(0, 0);
    bench.drain();
    for (status, lines) in [
        (3, vec!["Script `check_haproxy` now returning 3"]),
        (
            3,
            vec![
                "VRRP_Script(check_haproxy) failed (exited with status 3)",
                "(VI_1) Changing effective priority from 150 to 90",
            ],
        ),
        (3, vec![]),
        (0, vec!["Script `check_haproxy` now returning 0"]),
        (
            0,
            vec!["VRRP_Script(check_haproxy) succeeded", "(VI_1) Changing effective priority from 90 to 150"],
        ),
    ] {
        bench.script_ends(0, status);
        assert_eq!(bench.log(), lines);
    }
}

#[test]
fn a_weightless_script_holds_and_faults() {
    let mut vi = instance("VI_1", 51, 100);
    vi.track_scripts = vec![tracked(ScriptId(0), 0)];
    let mut bench = Bench::started(config(vec![vi], vec![script("chk")]));
    assert_eq!(bench.states(), [StateName::Init]);
    assert_eq!(bench.notified(), "");
    bench.script_ends(0, 0);
    assert_eq!(bench.log(), ["VRRP_Script(chk) succeeded", "(VI_1) Entering BACKUP STATE"]);
    bench.script_ends(0, 1);
    bench.script_ends(0, 1);
    assert_eq!(bench.states(), [StateName::Fault]);
    assert_eq!(bench.notified(), "VI_1 FAULT");
    bench.script_ends(0, 0);
    bench.script_ends(0, 0);
    assert_eq!(bench.states(), [StateName::Backup]);
}

#[test]
fn init_fail_counts_from_the_start() {
    let mut vi = instance("VI_1", 51, 100);
    vi.track_scripts = vec![tracked(ScriptId(0), 0)];
    let mut vi2 = instance("VI_2", 52, 100);
    vi2.track_scripts = vec![tracked(ScriptId(0), -20)];
    let failing = ScriptConfig { init_fail: true, ..script("chk") };
    let mut bench = Bench::started(config(vec![vi, vi2], vec![failing]));
    assert_eq!(bench.states(), [StateName::Fault, StateName::Backup]);
    assert_eq!(bench.router.instances()[1].effective_priority(), 80);
    assert_eq!(bench.log()[0], "(VI_1): entering FAULT state due to script chk");
    bench.script_ends(0, 0);
    assert_eq!(bench.states(), [StateName::Backup, StateName::Backup]);
    assert_eq!(bench.router.instances()[1].effective_priority(), 100);
}

#[test]
fn interfaces_are_faults_each_on_its_own() {
    // The original keeps one bit for all interfaces: the first to come back clears it.
    let mut vi = instance("VI_1", 51, 100);
    vi.track_links = vec![tracked(LinkId(1), 0)];
    let mut bench = Bench::started(config(vec![vi], Vec::new()));
    bench.handle(Input::Link(LinkId(0), false));
    bench.handle(Input::Link(LinkId(1), false));
    assert_eq!(bench.states(), [StateName::Fault]);
    bench.handle(Input::Link(LinkId(1), true));
    assert_eq!(bench.states(), [StateName::Fault]);
    bench.handle(Input::Link(LinkId(0), true));
    assert_eq!(bench.states(), [StateName::Backup]);
}

#[test]
fn weighted_interfaces_change_the_priority() {
    let mut vi = instance("VI_1", 51, 100);
    vi.track_links = vec![tracked(LinkId(1), 5)];
    let mut bench = Bench::started(config(vec![vi], Vec::new()));
    assert_eq!(bench.log()[0], "(VI_1) Changing effective priority from 100 to 105");
    bench.handle(Input::Link(LinkId(1), false));
    assert_eq!(bench.log(), ["(VI_1) Changing effective priority from 105 to 100"]);
    assert_eq!(bench.states(), [StateName::Backup]);
}

#[test]
fn starting_without_interface_or_address() {
    let wanted = config(vec![instance("VI_1", 51, 100)], Vec::new());
    let now = Instant::now();
    let around = Surroundings { links_up: vec![false, true], sources: vec![None], ..Surroundings::default() };
    let mut bench = Bench { router: Router::new(wanted, &around), now };
    bench.router.start(now);
    assert_eq!(
        bench.log(),
        [
            "(VI_1): entering FAULT state (interface eth0 down)",
            "(VI_1) entering FAULT state (no IPv4 address for interface)",
            "(VI_1) entering FAULT state",
            "(VI_1) removing VIPs.",
            "(VI_1) removing VIPs."
        ]
    );
    bench.handle(Input::Link(LinkId(0), true));
    assert_eq!(bench.states(), [StateName::Fault]);
    bench.handle(Input::Source(InstanceId(0), Some(ip("10.0.0.200"))));
    assert_eq!(bench.log(), ["(VI_1) Entering BACKUP STATE"]);
}

fn group() -> RouterConfig {
    let (mut v1, mut v2) = (instance("V1", 1, 150), instance("V2", 2, 120));
    for member in [&mut v1, &mut v2] {
        member.group = Some(GroupId(0));
        member.track_scripts = vec![tracked(ScriptId(0), 0)];
    }
    let mut config = config(vec![v1, v2], vec![script("chk")]);
    config.groups = vec![GroupConfig { name: "G".into(), members: vec![InstanceId(0), InstanceId(1)] }];
    config
}

#[test]
fn a_group_moves_as_one_and_notifies_in_the_references_order() {
    let mut bench = Bench::started(group());
    assert_eq!(bench.states(), [StateName::Init, StateName::Init]);
    bench.script_ends(0, 0);
    assert_eq!(bench.states(), [StateName::Backup, StateName::Backup]);
    let first = bench.notified();
    assert!(first.ends_with("G BACKUP"), "{first}");
    let ready = bench.now;
    bench.until(ready + ms(3450));
    assert_eq!(bench.states(), [StateName::Backup, StateName::Backup], "V1 waits for the slower V2");
    assert!(bench.log().contains(&"(V1) Receive advertisement timeout".to_owned()));
    bench.until(ready + ms(3550));
    assert_eq!(bench.states(), [StateName::Master, StateName::Master]);
    assert_eq!(bench.notified(), "V2 MASTER, V1 MASTER, G MASTER");
    bench.script_ends(0, 1);
    bench.drain();
    bench.script_ends(0, 1);
    let log = bench.log();
    assert_eq!(log[0], "VRRP_Script(chk) failed (exited with status 1)");
    assert_eq!(bench.states(), [StateName::Fault, StateName::Fault]);
    bench.script_ends(0, 0);
    bench.drain();
    bench.script_ends(0, 0);
    assert_eq!(bench.states(), [StateName::Backup, StateName::Backup]);
    assert_eq!(bench.notified(), "V2 BACKUP, V1 BACKUP, G BACKUP");
    bench.handle(Input::Stop(Release::Everything));
    assert_eq!(bench.notified(), "V1 STOP, V2 STOP, G STOP");
}

#[test]
fn one_members_fault_takes_the_group_down_and_only_its_end_brings_it_back() {
    let mut members = group();
    members.scripts.clear();
    for member in &mut members.instances {
        member.track_scripts.clear();
    }
    members.instances[1].fault_links = vec![LinkId(1)];
    let mut bench = Bench::started(members);
    let start = bench.now;
    bench.until(start + ms(8000));
    assert_eq!(bench.states(), [StateName::Master, StateName::Master]);
    bench.drain();
    bench.handle(Input::Link(LinkId(1), false));
    let outputs = bench.drain();
    let zeros = |id: usize| {
        let zero = |output: &&Output| matches!(output, Output::Send { instance, datagram, .. } if instance.0 == id && datagram[22] == 0);
        outputs.iter().filter(zero).count()
    };
    assert_eq!((zeros(0), zeros(1)), (1, 2), "its own fault says farewell twice, the group's once");
    assert_eq!(bench.states(), [StateName::Fault, StateName::Fault]);
    bench.handle(Input::Link(LinkId(0), false));
    bench.handle(Input::Link(LinkId(1), true));
    assert_eq!(bench.states(), [StateName::Fault, StateName::Fault]);
    bench.handle(Input::Link(LinkId(0), true));
    assert_eq!(bench.states(), [StateName::Backup, StateName::Backup]);
    assert_eq!(bench.notified(), "V1 BACKUP, V2 BACKUP, G BACKUP");
}

#[test]
fn a_group_gives_way_together_without_farewell() {
    let mut members = group();
    members.scripts.clear();
    for member in &mut members.instances {
        member.track_scripts.clear();
    }
    let mut bench = Bench::started(members.clone());
    let start = bench.now;
    bench.until(start + ms(8000));
    bench.drain();
    let peer = crate::packet::Outgoing {
        config: &members.instances[0],
        priority: 200,
        source: ip("10.0.0.201"),
        destination: ip("224.0.0.18"),
        ip_id: 1,
        ah_sequence: 0,
        old_checksum: false,
    };
    let bytes = peer.emit();
    bench.handle(Input::Packet(InstanceId(0), Datagram::ipv4(&bytes).unwrap()));
    assert_eq!(bench.states(), [StateName::Backup, StateName::Backup]);
    let outputs = bench.drain();
    assert!(!outputs.iter().any(|output| matches!(output, Output::Send { .. })));
    assert!(outputs.contains(&Output::Log(Event::GroupSync("G".into(), StateName::Backup))));
    // The member that hears the new master holds the group back.
    bench.until(start + ms(11_000));
    bench.handle(Input::Packet(InstanceId(0), Datagram::ipv4(&bytes).unwrap()));
    bench.until(start + ms(13_000));
    assert_eq!(bench.states(), [StateName::Backup, StateName::Backup]);
}

#[test]
fn an_address_lost_by_one_member_is_lost_by_all() {
    let mut members = group();
    members.scripts.clear();
    for member in &mut members.instances {
        member.track_scripts.clear();
    }
    let mut bench = Bench::started(members);
    let start = bench.now;
    bench.until(start + ms(8000));
    bench.drain();
    bench.handle(Input::AddressLost(InstanceId(1)));
    assert_eq!(bench.states(), [StateName::Backup, StateName::Backup]);
    assert_eq!(bench.notified(), "V2 BACKUP, V1 BACKUP", "no group notification");
}

#[test]
fn startup_delay_hears_nothing_and_waits_longer() {
    let mut delayed = config(vec![instance("VI_1", 51, 150)], Vec::new());
    delayed.startup_delay = ms(4000);
    let mut bench = Bench::started(delayed);
    let start = bench.now;
    bench.drain();
    bench.step();
    assert_eq!(bench.now - start, ms(4000));
    assert_eq!(bench.log(), ["Delayed start completed"]);
    bench.step();
    assert_eq!(bench.now - start, ms(4000) + Duration::from_micros(3_414_062));
    assert_eq!(bench.states(), [StateName::Master]);
}

#[test]
fn bursts_go_round_by_round() {
    let mut two = instance("VI_1", 51, 150);
    two.vips.push(Vip { address: ip("10.0.0.52"), link: LinkId(0) });
    two.garp.repeat = 2;
    let mut bench = Bench::started(config(vec![two], Vec::new()));
    bench.drain();
    bench.step();
    let log: Vec<String> = bench.log().into_iter().filter(|line| line.contains("gratuitous")).collect();
    let (queue, send) = (
        "(VI_1) Sending/queueing gratuitous ARPs on eth0 for 10.0.0.",
        "Sending gratuitous ARP on eth0 for 10.0.0.",
    );
    let expected = [(queue, 51), (send, 51), (queue, 52), (send, 52), (send, 51), (send, 52)];
    assert_eq!(log, expected.map(|(text, last)| format!("{text}{last}")));
}

#[test]
fn a_reload_without_changes_changes_nothing_but_one_advert() {
    let mut bench = Bench::started(article());
    bench.step();
    bench.script_ends(0, 0);
    let start = bench.now;
    bench.until(start + ms(5000));
    bench.script_ends(0, 0);
    bench.drain();
    let around = surroundings(bench.router.config(), "10.0.0.200");
    let old = bench.router.clone();
    bench.router = Router::adopt(old, article(), &[Some(InstanceId(0))], &around, bench.now);
    assert_eq!(bench.states(), [StateName::Master]);
    let outputs = bench.drain();
    let sent = outputs.iter().filter(|output| matches!(output, Output::Send { .. })).count();
    assert_eq!(sent, 1);
    let lines: Vec<String> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Log(event) => Some(event.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(lines, ["VRRP_Script(check_haproxy) considered successful on reload", "(VI_1) setting VIPs."]);
    assert!(
        !outputs.iter().any(|output| matches!(
            output,
            Output::Notify { .. } | Output::SendGarp(_) | Output::RunScript(_)
        ))
    );
    assert_eq!(bench.router.scripts()[0].health(), Health::Good);
}

#[test]
fn a_reload_that_removes_an_instance_says_farewell() {
    let both = config(vec![instance("V1", 1, 150), instance("V2", 2, 120)], Vec::new());
    let mut bench = Bench::started(both);
    let start = bench.now;
    bench.until(start + ms(4000));
    bench.drain();
    bench.router.remove(bench.now, InstanceId(1), false);
    let outputs = bench.drain();
    assert!(
        matches!(&outputs[0], Output::Send { instance: InstanceId(1), datagram, .. } if datagram[22] == 0)
    );
    let last = Output::Notify { who: Who::Instance(InstanceId(1)), state: StateName::Fault, priority: 120 };
    assert_eq!(outputs.last(), Some(&last));
    let one = config(vec![instance("V1", 1, 150)], Vec::new());
    let around = surroundings(&one, "10.0.0.200");
    bench.router = Router::adopt(bench.router.clone(), one, &[Some(InstanceId(0))], &around, bench.now);
    assert_eq!(bench.states(), [StateName::Master]);
}

/// N routers on one virtual wire: loss, delay, duplication, reorder, pauses, then a healthy network.
mod simulation {
    use proptest::prelude::*;

    use super::*;

    /// A small generator of our own: the seed is the test case.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % sides
        }
    }

    struct Wire {
        routers: Vec<Router>,
        paused_until: Vec<Instant>,
        flying: Vec<(Instant, usize, Vec<u8>)>,
        now: Instant,
        dice: Dice,
        loss_percent: u64,
        delay_ms: u64,
    }

    impl Wire {
        fn new(priorities: &[u8], seed: u64) -> Self {
            let now = Instant::now();
            let routers = priorities
                .iter()
                .enumerate()
                .map(|(index, priority)| {
                    let one = config(vec![instance("VI_1", 51, *priority)], Vec::new());
                    let mut around = surroundings(&one, "10.0.0.1");
                    around.sources = vec![Some(ip(&format!("10.0.0.{}", index + 1)))];
                    let mut vips = one.clone();
                    vips.instances[0].vips[0].address = ip("10.0.0.99");
                    let mut router = Router::new(vips, &around);
                    router.start(now);
                    router
                })
                .collect();
            let paused_until = vec![now; priorities.len()];
            Self {
                routers,
                paused_until,
                flying: Vec::new(),
                now,
                dice: Dice(seed),
                loss_percent: 0,
                delay_ms: 0,
            }
        }

        fn carry(&mut self) {
            for from in 0..self.routers.len() {
                while let Some(output) = self.routers[from].poll_output() {
                    let Output::Send { datagram, .. } = output else { continue };
                    for to in (0..self.routers.len()).filter(|to| *to != from) {
                        if self.dice.roll(100) < self.loss_percent {
                            continue;
                        }
                        for _ in 0..=u64::from(self.dice.roll(10) == 0 && self.delay_ms > 0) {
                            let delay = if self.delay_ms == 0 { 0 } else { self.dice.roll(self.delay_ms) };
                            self.flying.push((
                                self.now + ms(delay) + Duration::from_micros(50),
                                to,
                                datagram.clone(),
                            ));
                        }
                    }
                }
            }
        }

        fn run_until(&mut self, end: Instant) {
            loop {
                self.carry();
                let timer = |index: usize| {
                    self.routers[index].poll_timeout().map(|at| at.max(self.paused_until[index]))
                };
                let packet = self.flying.iter().map(|(at, to, _)| (*at).max(self.paused_until[*to])).min();
                let next = (0..self.routers.len()).filter_map(timer).chain(packet).min();
                let Some(next) = next.filter(|next| *next <= end) else { break };
                self.now = next;
                // Packets that are here are heard before timers, as the shell does.
                let mut waiting = std::mem::take(&mut self.flying);
                waiting.sort_by_key(|(at, _, _)| *at);
                for (at, to, bytes) in waiting {
                    if at.max(self.paused_until[to]) <= self.now {
                        let datagram = Datagram::ipv4(&bytes).unwrap();
                        self.routers[to].handle(self.now, Input::Packet(InstanceId(0), datagram));
                    } else {
                        self.flying.push((at, to, bytes));
                    }
                }
                for index in 0..self.routers.len() {
                    if self.paused_until[index] <= self.now {
                        self.routers[index].handle_timeout(self.now);
                    }
                }
            }
            self.now = end;
        }

        fn masters(&self) -> Vec<usize> {
            (0..self.routers.len()).filter(|index| self.routers[*index].is_master(InstanceId(0))).collect()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn one_master_after_any_trouble(
            seed: u64,
            priorities in prop::collection::vec(1u8..=254, 2..6),
            loss in 0u64..90,
            delay in 0u64..3000,
            pauses in prop::collection::vec((0usize..6, 0u64..20_000, 0u64..9_000), 0..5),
        ) {
            let mut wire = Wire::new(&priorities, seed);
            let start = wire.now;
            wire.loss_percent = loss;
            wire.delay_ms = delay;
            for step in 0..20 {
                for (router, at, span) in &pauses {
                    if at / 1000 == step {
                        let index = router % priorities.len();
                        wire.paused_until[index] = wire.now + ms(*span);
                    }
                }
                wire.run_until(start + ms((step + 1) * 1000));
            }
            wire.run_until(start + ms(30_000));
            // Healed: nothing lost, late packets gone.
            wire.loss_percent = 0;
            wire.delay_ms = 0;
            wire.run_until(start + ms(30_000 + 3_000));
            let healed = wire.now;
            // One master down interval of the lowest priority, and one advert.
            wire.run_until(healed + ms(4000 + 1000));
            let masters = wire.masters();
            prop_assert_eq!(masters.len(), 1, "{:?}", masters);
            let best = *priorities.iter().max().unwrap();
            let master_priority = priorities[masters[0]];
            prop_assert_eq!(master_priority, best, "preemption: the best one rules");
            // It stays, without a transition and without a missed advert.
            let sent = wire.routers[masters[0]].instances()[0].stats().advert_sent;
            wire.run_until(healed + ms(5000 + 60_000));
            prop_assert_eq!(wire.masters(), masters.clone());
            let later = wire.routers[masters[0]].instances()[0].stats().advert_sent;
            prop_assert!(later - sent >= 59, "{} adverts in 60 s", later - sent);
        }
    }
}

#[test]
fn a_tracked_file_changes_the_priority_and_is_a_fault_below_the_least() {
    use crate::tracker::{Reading, TrackerConfig, TrackerId, TrackerKind};
    let mut config = RouterConfig::default();
    let mut instance = crate::InstanceConfig::new("VI_1", 51);
    instance.trackers.push(crate::config::Tracked { object: TrackerId(0), weight: 2, reverse: false });
    config.instances.push(instance);
    config.trackers.push(TrackerConfig { name: "tf".into(), kind: TrackerKind::File });
    let around = Surroundings {
        sources: vec![Some("10.0.0.3".parse().unwrap())],
        readings: vec![Reading::Value(10)],
        ..Surroundings::default()
    };
    let now = Instant::now();
    let mut router = Router::new(config, &around);
    router.start(now);
    let id = InstanceId(0);
    assert_eq!(router.instance(id).unwrap().effective_priority(), 120);
    while router.poll_output().is_some() {}
    let lines = |router: &mut Router, value| {
        router.handle(now, Input::Tracker(TrackerId(0), Reading::Value(value)));
        let mut lines = Vec::new();
        while let Some(output) = router.poll_output() {
            if let Output::Log(event) = output {
                lines.push(event.to_string());
            }
        }
        lines
    };
    assert_eq!(lines(&mut router, -200)[0], "(VI_1): tracked file tf now FAULT state");
    assert!(matches!(router.instance(id).unwrap().state(), State::Fault));
    assert_eq!(lines(&mut router, 0)[0], "(VI_1): tracked file tf leaving FAULT state");
    assert!(matches!(router.instance(id).unwrap().state(), State::Backup { .. }));
    assert_eq!(router.instance(id).unwrap().effective_priority(), 100);
    assert_eq!(lines(&mut router, 20), ["(VI_1) Changing effective priority from 100 to 140"]);
    assert!(lines(&mut router, 20).is_empty());
}

#[test]
fn an_interface_that_was_just_made_is_purged_once() {
    for (unused, times) in [(Vec::new(), 2), (vec![false], 2), (vec![true], 1)] {
        let config =
            RouterConfig { instances: vec![crate::InstanceConfig::new("VI_1", 51)], ..Default::default() };
        let sources = vec![Some("10.0.0.3".parse().unwrap())];
        let mut router = Router::new(config, &Surroundings { sources, unused, ..Surroundings::default() });
        router.start(Instant::now());
        let outputs = std::iter::from_fn(|| router.poll_output());
        assert_eq!(outputs.filter(|output| matches!(output, Output::PurgeAddresses(_))).count(), times);
    }
}
