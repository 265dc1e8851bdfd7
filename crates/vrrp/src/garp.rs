//! When gratuitous ARPs and unsolicited neighbour adverts are due: bursts of one instance, and the pace at which an
//! interface may send them (`garp_master_*`, `garp_lower_prio_*`, `vrrp_garp_interval`, `vrrp_gna_interval`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::config::{Family, GarpConfig, InstanceId, LinkId, Pace};

/// More delayed bursts than this are not kept: adverts of a lower-priority router each ask for one.
const MAX_DELAYED: usize = 8;

/// The bursts that a master still owes. Empty unless MASTER.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    delayed: SmallVec<[(Instant, u32); 2]>,
    refresh_at: Option<Instant>,
    /// `garp_extra_if`.
    extra_at: Option<Instant>,
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
        self.extra_at = None;
    }

    /// Announcements on other interfaces are due this often.
    pub fn start_extra(&mut self, interval: Duration, config: &GarpConfig, now: Instant) {
        self.extra_at = Some(now + config.delay + interval);
    }

    /// True when these are due.
    pub fn extra_due(&mut self, interval: Duration, now: Instant) -> bool {
        let Some(at) = self.extra_at.filter(|at| *at <= now) else { return false };
        let next = at + interval;
        self.extra_at = Some(if next > now { next } else { now + interval });
        true
    }

    fn delay(&mut self, at: Instant, rounds: u32) {
        if self.delayed.len() < MAX_DELAYED {
            self.delayed.push((at, rounds));
        }
    }

    /// When the next burst is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.delayed.iter().map(|(at, _)| *at).chain(self.refresh_at).chain(self.extra_at).min()
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
    pace: usize,
    family: Family,
    last: Option<Instant>,
    queue: VecDeque<(Target, u32)>,
}

/// Keeps the paces of `garp_group`, `vrrp_garp_interval` and `vrrp_gna_interval`: one clock a group of interfaces and
/// family, packets over the pace are queued and served in turn, one an interval.
#[derive(Clone, Debug, Default)]
pub struct Pacer {
    paces: Vec<Pace>,
    pace_of: Vec<Option<usize>>,
    clocks: Vec<Clock>,
}

fn interval(paces: &[Pace], pace: usize, family: Family) -> Option<Duration> {
    let pace = paces.get(pace)?;
    match family {
        Family::V4 => pace.garp,
        Family::V6 => pace.gna,
    }
}

impl Pacer {
    /// A pacer; `pace_of`: for each link its pace. Links without one send everything at once.
    pub fn new(paces: Vec<Pace>, pace_of: Vec<Option<usize>>) -> Self {
        Self { paces, pace_of, clocks: Vec::new() }
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
        let Some(pace) = self.pace_of.get(link.0).copied().flatten() else { return true };
        let Some(interval) = interval(&self.paces, pace, family) else { return true };
        let at = self.clocks.iter().position(|clock| clock.pace == pace && clock.family == family);
        let Some(clock) = at.and_then(|at| self.clocks.get_mut(at)) else {
            self.clocks.push(Clock { pace, family, last: Some(now), queue: VecDeque::new() });
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
            .filter_map(|clock| Some(clock.last? + interval(&self.paces, clock.pace, clock.family)?))
            .min()
    }

    /// The packets that may leave now, at most one a clock.
    pub fn handle_timeout(&mut self, now: Instant) -> SmallVec<[Target; 2]> {
        let mut due = SmallVec::new();
        for clock in &mut self.clocks {
            let free = match (clock.last, interval(&self.paces, clock.pace, clock.family)) {
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
    fn other_interfaces_are_announced_at_their_own_pace() {
        let config = GarpConfig { delay: secs(1), repeat: 0, ..GarpConfig::default() };
        let t0 = Instant::now();
        let mut schedule = Schedule::default();
        schedule.start_extra(secs(10), &config, t0);
        assert_eq!(schedule.poll_timeout(), Some(t0 + secs(11)));
        assert!(!schedule.extra_due(secs(10), t0 + secs(10)));
        assert!(schedule.extra_due(secs(10), t0 + secs(11)));
        assert_eq!(schedule.poll_timeout(), Some(t0 + secs(21)));
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
        let mut pacer =
            Pacer::new(vec![Pace { garp: Some(interval), gna: None }], vec![Some(0), Some(0), None]);
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
        let now = t0 + interval * 5;
        assert!(
            !pacer.request(now, LinkId(1), Family::V4, target(1), 3),
            "the same clock for the whole group"
        );
        assert!(pacer.request(now, LinkId(2), Family::V4, target(1), 3), "no group: at once");
        pacer.request(t0 + interval * 5, link, Family::V4, target(0), 3);
        pacer.forget(InstanceId(0));
        assert_eq!(pacer.poll_timeout(), None);
    }
}
