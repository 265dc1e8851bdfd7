//! When gratuitous ARPs and unsolicited neighbour adverts are due: bursts of one instance, and the pace at which an
//! interface may send them (`garp_master_*`, `garp_lower_prio_*`, `vrrp_garp_interval`, `vrrp_gna_interval`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::config::{Family, GarpConfig, InstanceId, LinkId};

/// More delayed bursts than this are not kept: adverts of a lower-priority router each ask for one.
const MAX_DELAYED: usize = 8;

/// The bursts that a master still owes. Empty unless MASTER.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    delayed: SmallVec<[(Instant, u32); 2]>,
    refresh_at: Option<Instant>,
}

impl Schedule {
    /// The instance became master (its first burst is sent by the caller).
    pub fn start(&mut self, config: &GarpConfig, now: Instant) {
        self.delayed.clear();
        if !config.delay.is_zero() {
            self.delay(now + config.delay, config.repeat);
        }
        self.refresh_at = (!config.refresh.is_zero()).then(|| now + config.delay + config.refresh);
    }

    /// A lower-priority advert was answered (the first burst is sent by the caller).
    pub fn heard_lower(&mut self, config: &GarpConfig, now: Instant) {
        if !config.lower_prio_delay.is_zero() && config.lower_prio_repeat > 0 {
            self.delay(now + config.lower_prio_delay, config.lower_prio_repeat);
        }
    }

    /// A second burst after a reload added addresses.
    pub fn addresses_added(&mut self, config: &GarpConfig, now: Instant) {
        if !config.delay.is_zero() {
            self.delay(now + config.delay, config.repeat);
        }
    }

    /// The settings changed while master.
    pub fn reconfigure(&mut self, config: &GarpConfig, now: Instant) {
        self.refresh_at = match (self.refresh_at, config.refresh.is_zero()) {
            (_, true) => None,
            (Some(at), false) => Some(at.min(now + config.refresh)),
            (None, false) => Some(now + config.refresh),
        };
    }

    /// No longer master.
    pub fn clear(&mut self) {
        self.delayed.clear();
        self.refresh_at = None;
    }

    fn delay(&mut self, at: Instant, rounds: u32) {
        if self.delayed.len() < MAX_DELAYED {
            self.delayed.push((at, rounds));
        }
    }

    /// When the next burst is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.delayed.iter().map(|(at, _)| *at).chain(self.refresh_at).min()
    }

    /// Rounds of each burst that is due.
    pub fn handle_timeout(&mut self, config: &GarpConfig, now: Instant) -> SmallVec<[u32; 2]> {
        let mut due = SmallVec::new();
        self.delayed.retain(|(at, rounds)| {
            let is_due = *at <= now;
            if is_due {
                due.push(*rounds);
            }
            !is_due
        });
        if let Some(at) = self.refresh_at
            && at <= now
        {
            due.push(config.refresh_repeat);
            let next = at + config.refresh;
            self.refresh_at = Some(if next > now { next } else { now + config.refresh });
        }
        due
    }
}

/// One address of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whose address.
    pub instance: InstanceId,
    /// Index into its VIPs followed by its excluded VIPs.
    pub vip: usize,
}

#[derive(Clone, Debug)]
struct Clock {
    link: LinkId,
    family: Family,
    last: Option<Instant>,
    queue: VecDeque<(Target, u32)>,
}

/// Keeps `vrrp_garp_interval` and `vrrp_gna_interval`: one clock an interface and family, packets over the pace are
/// queued and served in turn, one an interval.
#[derive(Clone, Debug, Default)]
pub struct Pacer {
    garp_interval: Option<Duration>,
    gna_interval: Option<Duration>,
    clocks: Vec<Clock>,
}

impl Pacer {
    /// A pacer with the two intervals; `None` sends everything at once.
    pub fn new(garp_interval: Option<Duration>, gna_interval: Option<Duration>) -> Self {
        Self { garp_interval, gna_interval, clocks: Vec::new() }
    }

    fn interval(&self, family: Family) -> Option<Duration> {
        match family {
            Family::V4 => self.garp_interval,
            Family::V6 => self.gna_interval,
        }
    }

    /// One packet is wanted. True: send it now. False: it is queued; `burst` is the most that may be pending for it.
    pub fn request(
        &mut self,
        now: Instant,
        link: LinkId,
        family: Family,
        target: Target,
        burst: u32,
    ) -> bool {
        let Some(interval) = self.interval(family) else {
            return true;
        };
        let at = self.clocks.iter().position(|clock| clock.link == link && clock.family == family);
        let Some(clock) = at.and_then(|at| self.clocks.get_mut(at)) else {
            self.clocks.push(Clock { link, family, last: Some(now), queue: VecDeque::new() });
            return true;
        };
        let free = clock.last.is_none_or(|last| now >= last + interval);
        if free && clock.queue.is_empty() {
            clock.last = Some(now);
            return true;
        }
        match clock.queue.iter_mut().find(|(queued, _)| *queued == target) {
            Some((_, pending)) => *pending = (*pending + 1).min(burst.max(1)),
            None => clock.queue.push_back((target, 1)),
        }
        false
    }

    /// The instance left MASTER: nothing of it is sent any more.
    pub fn forget(&mut self, instance: InstanceId) {
        for clock in &mut self.clocks {
            clock.queue.retain(|(target, _)| target.instance != instance);
        }
    }

    /// When the next queued packet may leave.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.clocks
            .iter()
            .filter(|clock| !clock.queue.is_empty())
            .filter_map(|clock| Some(clock.last? + self.interval(clock.family)?))
            .min()
    }

    /// The packets that may leave now, at most one a clock.
    pub fn handle_timeout(&mut self, now: Instant) -> SmallVec<[Target; 2]> {
        let mut due = SmallVec::new();
        let (garp, gna) = (self.garp_interval, self.gna_interval);
        for clock in &mut self.clocks {
            let interval = match clock.family {
                Family::V4 => garp,
                Family::V6 => gna,
            };
            let free = match (clock.last, interval) {
                (Some(last), Some(interval)) => now >= last + interval,
                (None, _) | (_, None) => true,
            };
            if !free {
                continue;
            }
            if let Some((target, pending)) = clock.queue.pop_front() {
                clock.last = Some(now);
                due.push(target);
                if pending > 1 {
                    clock.queue.push_back((target, pending - 1));
                }
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn second_burst_after_the_delay_and_refresh_after_that() {
        // garp_master_repeat 2, delay 1, refresh 2, refresh_repeat 3: bursts at +0 (2), +1 (2), +3 (3), +5 (3)
        let config = GarpConfig {
            delay: secs(1),
            repeat: 2,
            refresh: secs(2),
            refresh_repeat: 3,
            ..GarpConfig::default()
        };
        let t0 = Instant::now();
        let mut schedule = Schedule::default();
        assert_eq!(schedule.poll_timeout(), None);
        schedule.start(&config, t0);
        for (at, rounds) in [(1, 2), (3, 3), (5, 3)] {
            let due = schedule.poll_timeout().unwrap();
            assert_eq!(due, t0 + secs(at));
            assert!(schedule.handle_timeout(&config, due - Duration::from_millis(1)).is_empty());
            assert_eq!(schedule.handle_timeout(&config, due).as_slice(), [rounds]);
        }
        schedule.clear();
        assert_eq!(schedule.poll_timeout(), None);
    }

    #[test]
    fn no_delay_means_no_second_burst() {
        let config = GarpConfig { delay: Duration::ZERO, ..GarpConfig::default() };
        let mut schedule = Schedule::default();
        schedule.start(&config, Instant::now());
        assert_eq!(schedule.poll_timeout(), None);
    }

    #[test]
    fn two_lower_adverts_arm_two_bursts_and_a_flood_a_bounded_number() {
        let config = GarpConfig::default();
        let t0 = Instant::now();
        let mut schedule = Schedule::default();
        schedule.heard_lower(&config, t0);
        schedule.heard_lower(&config, t0 + secs(1));
        assert_eq!(schedule.handle_timeout(&config, t0 + secs(5)).as_slice(), [5]);
        assert_eq!(schedule.handle_timeout(&config, t0 + secs(6)).as_slice(), [5]);
        for _ in 0..1000 {
            schedule.heard_lower(&config, t0);
        }
        assert_eq!(schedule.handle_timeout(&config, t0 + secs(60)).len(), MAX_DELAYED);
    }

    #[test]
    fn the_pace_keeps_the_burst_whole() {
        let t0 = Instant::now();
        let interval = Duration::from_millis(100);
        let mut pacer = Pacer::new(Some(interval), None);
        let target = |vip| Target { instance: InstanceId(0), vip };
        let link = LinkId(0);
        let mut sent = Vec::new();
        for _ in 0..3 {
            for vip in 0..2 {
                if pacer.request(t0, link, Family::V4, target(vip), 3) {
                    sent.push((0, vip));
                }
            }
        }
        assert_eq!(sent, [(0, 0)]);
        let mut step = 1;
        while let Some(at) = pacer.poll_timeout() {
            assert_eq!(at, t0 + interval * step);
            sent.extend(pacer.handle_timeout(at).iter().map(|t| (step, t.vip)));
            step += 1;
        }
        assert_eq!(sent, [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0), (5, 1)]);
        assert!(pacer.request(t0, link, Family::V6, target(0), 3), "no gna interval: at once");
        pacer.request(t0 + interval * 5, link, Family::V4, target(0), 3);
        pacer.forget(InstanceId(0));
        assert_eq!(pacer.poll_timeout(), None);
    }
}
