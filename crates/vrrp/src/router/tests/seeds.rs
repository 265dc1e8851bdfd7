//! Thousands of seeds: routers of every kind on one virtual wire, with trouble of every kind, then peace. Whatever
//! happened: one down interval after the last trouble there is one master, and every deadline is where the RFC puts it.

use std::collections::BTreeSet;

use super::*;
use crate::Version;
use crate::instance::State;

const SEEDS: u64 = 2_000;
/// How long the trouble lasts, in thousandths of an advert interval as all durations here.
const TROUBLE: u64 = 10_000;

/// A small generator of our own: the seed is the test case.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

struct Network {
    routers: Vec<Router>,
    paused_until: Vec<Instant>,
    flying: Vec<(Instant, usize, Vec<u8>)>,
    now: Instant,
    dice: Dice,
    trouble: bool,
    interval: Duration,
    /// Every change of state that anyone made.
    seen: BTreeSet<(&'static str, &'static str)>,
}

impl Network {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let now = Instant::now();
        let version = if dice.roll(2) == 0 { Version::V2 } else { Version::V3 };
        let interval = match version {
            Version::V2 => ms(1000),
            Version::V3 => ms([30, 200, 1000][usize::try_from(dice.roll(3)).unwrap()]),
        };
        let nopreempt = dice.roll(4) == 0;
        let preempt_delay = if dice.roll(5) == 0 { interval * 3 / 2 } else { ms(0) };
        let owner = dice.roll(4) == 0;
        let count = 2 + usize::try_from(dice.roll(3)).unwrap();
        let routers = (0..count)
            .map(|index| {
                let mut one = instance("VI_1", 51, u8::try_from(1 + dice.roll(254)).unwrap());
                if owner && index == 0 {
                    one.base_priority = 255;
                    one.wants_master = true;
                }
                one.version = version;
                one.advert_interval = interval;
                one.nopreempt = nopreempt && one.base_priority != 255;
                one.preempt_delay = preempt_delay;
                one.vips[0].address = ip("10.0.0.99");
                let config = config(vec![one], Vec::new());
                let around = surroundings(&config, &format!("10.0.0.{}", index + 1));
                let mut router = Router::new(config, &around);
                router.start(now);
                router
            })
            .collect();
        let paused_until = vec![now; count];
        Self {
            routers,
            paused_until,
            flying: Vec::new(),
            now,
            dice,
            trouble: true,
            interval,
            seen: BTreeSet::new(),
        }
    }

    /// Thousandths of an advert interval.
    fn parts(&self, thousandths: u64) -> Duration {
        self.interval * u32::try_from(thousandths).unwrap() / 1000
    }

    fn state(&self, index: usize) -> State {
        self.routers[index].instances()[0].state()
    }

    fn with(&mut self, index: usize, act: impl FnOnce(&mut Router, Instant)) {
        let before = self.state(index).name().as_str();
        act(&mut self.routers[index], self.now);
        let after = self.state(index).name().as_str();
        if before != after {
            self.seen.insert((before, after));
        }
        while let Some(output) = self.routers[index].poll_output() {
            let Output::Send { datagram, .. } = output else { continue };
            for to in (0..self.routers.len()).filter(|to| *to != index) {
                if self.trouble && self.dice.roll(100) < 40 {
                    continue;
                }
                let copies = if self.trouble && self.dice.roll(8) == 0 { 2 } else { 1 };
                for _ in 0..copies {
                    let late = if self.trouble { self.dice.roll(1500) } else { 0 };
                    let at = self.now + self.parts(late) + Duration::from_micros(50);
                    self.flying.push((at, to, datagram.clone()));
                }
            }
        }
    }

    /// What is due next on a router that is not paused, or arrives at one.
    fn next(&self) -> Option<Instant> {
        let timers = (0..self.routers.len())
            .filter_map(|index| Some(self.routers[index].poll_timeout()?.max(self.paused_until[index])));
        let packets = self.flying.iter().map(|(at, to, _)| (*at).max(self.paused_until[*to]));
        timers.chain(packets).min()
    }

    fn run_until(&mut self, end: Instant) {
        for index in 0..self.routers.len() {
            self.with(index, |_, _| {});
        }
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            // What is here is heard before timers are served, as the shell does.
            let mut waiting = std::mem::take(&mut self.flying);
            waiting.sort_by_key(|(at, _, _)| *at);
            for (at, to, bytes) in waiting {
                if at.max(self.paused_until[to]) <= self.now {
                    self.with(to, |router, now| {
                        let datagram = Datagram::ipv4(&bytes).unwrap();
                        router.handle(now, Input::Packet(InstanceId(0), datagram));
                    });
                } else {
                    self.flying.push((at, to, bytes));
                }
            }
            for index in 0..self.routers.len() {
                if self.paused_until[index] <= self.now {
                    self.with(index, |router, now| router.handle_timeout(now));
                }
            }
        }
        self.now = self.now.max(end);
    }

    /// A pause, a step of everybody's clock, an interface that flaps, a farewell and a return.
    fn mishap(&mut self) {
        let index = usize::try_from(self.dice.roll(self.routers.len() as u64)).unwrap();
        match self.dice.roll(6) {
            0 => {
                let pause = self.dice.roll(8_000);
                self.paused_until[index] = self.now + self.parts(pause);
            }
            1 => {
                let step = self.dice.roll(6_000);
                self.now += self.parts(step);
            }
            2 => self.with(index, |router, now| router.handle(now, Input::Link(LinkId(0), false))),
            3 => self.with(index, |router, now| router.handle(now, Input::Link(LinkId(0), true))),
            4 => self.with(index, |router, now| router.handle(now, Input::AddressLost(InstanceId(0)))),
            _ => {
                self.with(index, |router, now| router.handle(now, Input::Stop(Release::Everything)));
                let config = self.routers[index].config().clone();
                let around = surroundings(&config, &format!("10.0.0.{}", index + 1));
                self.routers[index] = Router::new(config, &around);
                self.with(index, |router, now| router.start(now));
            }
        }
    }

    fn masters(&self) -> Vec<usize> {
        (0..self.routers.len()).filter(|index| matches!(self.state(*index), State::Master { .. })).collect()
    }
}

/// Runs one seed; returns which changes of state there were.
fn run(seed: u64) -> BTreeSet<(&'static str, &'static str)> {
    let mut network = Network::new(seed);
    let start = network.now;
    let end = start + network.parts(TROUBLE);
    while network.now < end {
        let step = 100 + network.dice.roll(1_500);
        network.run_until(network.now + network.parts(step));
        network.mishap();
    }
    for index in 0..network.routers.len() {
        network.with(index, |router, now| router.handle(now, Input::Link(LinkId(0), true)));
    }
    // The last late packet arrives, the last pause ends.
    network.trouble = false;
    let quiet = network.paused_until.iter().copied().max().unwrap().max(network.now) + network.parts(1_600);
    network.run_until(quiet);
    let instances: Vec<_> = network.routers.iter().map(|router| router.instances()[0].clone()).collect();
    let interval = instances[0].config().advert_interval;
    // Down timers and delays that began in the trouble, then one for the takeover that follows.
    let delay = instances[0].config().preempt_delay;
    network.run_until(quiet + interval * 4 + delay + interval * 5);
    while !network.flying.is_empty() {
        network.run_until(network.now + Duration::from_micros(60));
    }
    let masters = network.masters();
    assert_eq!(
        masters.len(),
        1,
        "seed {seed}: {:?}",
        (0..instances.len()).map(|i| network.state(i)).collect::<Vec<_>>()
    );
    let master = masters[0];
    if !instances.iter().any(|instance| instance.config().nopreempt) {
        let best = instances.iter().map(|instance| instance.config().base_priority).max();
        assert_eq!(Some(instances[master].config().base_priority), best, "seed {seed}: the best one rules");
    }
    // Deadlines, not only states: the next advert one interval after the last, everybody else a down timer after it.
    let sent = network.routers[master].instances()[0].last_sent().unwrap();
    let State::Master { advert_at } = network.state(master) else { panic!("seed {seed}: no master") };
    assert_eq!(advert_at, sent + interval, "seed {seed}: the next advert");
    for index in (0..network.routers.len()).filter(|index| *index != master) {
        let instance = &network.routers[index].instances()[0];
        let State::Backup { master_down_at, .. } = instance.state() else { panic!("seed {seed}: no backup") };
        let wait = master_down_at - sent;
        let latency = Duration::from_micros(50);
        if instance.config().base_priority <= instances[master].config().base_priority
            || instance.config().nopreempt
        {
            assert_eq!(wait, instance.down_timer() + latency, "seed {seed}: the down timer of {index}");
        }
    }
    // It stays, without a transition and without a missed advert.
    let before = network.routers[master].instances()[0].stats().advert_sent;
    network.run_until(network.now + interval * 10);
    assert_eq!(network.masters(), [master], "seed {seed}");
    let sent = network.routers[master].instances()[0].stats().advert_sent - before;
    assert_eq!(sent, 10, "seed {seed}: no advert missed, none too many");
    network.seen
}

#[test]
fn one_master_a_down_interval_after_any_trouble() {
    let mut seen = BTreeSet::new();
    for seed in 0..SEEDS {
        seen.extend(run(seed));
    }
    // Every transition of RFC 5798, 6.4, and those of keepalived's FAULT.
    for transition in [
        ("BACKUP", "MASTER"),
        ("MASTER", "BACKUP"),
        ("MASTER", "INIT"),
        ("BACKUP", "INIT"),
        ("INIT", "BACKUP"),
        ("MASTER", "FAULT"),
        ("BACKUP", "FAULT"),
        ("FAULT", "BACKUP"),
    ] {
        assert!(seen.contains(&transition), "{transition:?} never happened: {seen:?}");
    }
}
