#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use proptest::prelude::*;

const LATENCY: Duration = Duration::from_micros(100);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn config(name: &str) -> Config {
    Config {
        name: name.into(),
        neighbor: "10.0.0.2".parse().unwrap(),
        source: None,
        min_rx: ms(50),
        min_tx: ms(60),
        idle_tx: ms(1000),
        multiplier: 3,
        passive: false,
        ttl: 255,
        max_hops: 0,
        multihop: false,
    }
}

/// Two sessions and the wire between them.
struct Pair {
    sessions: [Session; 2],
    now: Instant,
    began: Instant,
    /// (when it arrives, for whom, packet)
    wire: Vec<(Instant, usize, Packet)>,
    /// (when, by whom, what)
    told: Vec<(Duration, usize, Output)>,
    dead: [bool; 2],
}

impl Pair {
    fn new(first: Config, second: Config) -> Self {
        let now = Instant::now();
        let sessions = [Session::new(first, 11, now), Session::new(second, 77, now)];
        Self { sessions, now, began: now, wire: Vec::new(), told: Vec::new(), dead: [false; 2] }
    }

    fn drain(&mut self, lose: &mut dyn FnMut() -> bool) {
        for side in 0..2 {
            while let Some(output) = self.sessions[side].poll_output() {
                if let Output::Send(packet) = output {
                    assert_eq!(Packet::parse(&packet.emit()), Ok(packet), "a session sends what it accepts");
                    if !lose() {
                        self.wire.push((self.now + LATENCY, 1 - side, packet));
                    }
                }
                self.told.push((self.now - self.began, side, output));
            }
        }
    }

    /// Lets time pass until `until` from the start.
    fn run(&mut self, until: Duration, lose: &mut dyn FnMut() -> bool) {
        loop {
            self.drain(lose);
            let alive = (0..2).filter(|side| !self.dead[*side]);
            let timers = alive.filter_map(|side| self.sessions[side].poll_timeout());
            let Some(next) = timers.chain(self.wire.iter().map(|(at, ..)| *at)).min() else { return };
            if next > self.began + until {
                self.now = self.began + until;
                return;
            }
            self.now = self.now.max(next);
            let now = self.now;
            let due: Vec<_> = self.wire.extract_if(.., |(at, ..)| *at <= now).collect();
            for (_, side, packet) in due {
                if !self.dead[side] {
                    self.sessions[side].handle_packet(&packet, now);
                }
            }
            for side in 0..2 {
                if !self.dead[side] && self.sessions[side].poll_timeout().is_some_and(|at| at <= now) {
                    self.sessions[side].handle_timeout(now);
                }
            }
        }
    }

    fn states(&self) -> [State; 2] {
        [self.sessions[0].state(), self.sessions[1].state()]
    }

    fn sent(&self, side: usize) -> Vec<(Duration, Packet)> {
        let packets = self.told.iter().filter_map(|(at, by, output)| match output {
            Output::Send(packet) if *by == side => Some((*at, *packet)),
            _ => None,
        });
        packets.collect()
    }

    fn reports(&self, side: usize) -> Vec<(Duration, bool)> {
        let reports = self.told.iter().filter_map(|(at, by, output)| match output {
            Output::Report(up) if *by == side => Some((*at, *up)),
            _ => None,
        });
        reports.collect()
    }
}

fn never() -> bool {
    false
}

#[test]
fn a_session_comes_up_by_a_poll_and_is_quick_from_then_on() {
    let mut pair = Pair::new(config("A"), config("B"));
    pair.run(ms(3000), &mut never);
    assert_eq!(pair.states(), [State::Up; 2]);
    for side in 0..2 {
        let sent = pair.sent(side);
        assert_eq!(sent[0].0, Duration::ZERO, "the first packet is due at once");
        assert_eq!((sent[0].1.state, sent[0].1.min_tx), (State::Down, ms(1000)));
        assert_eq!(
            sent.iter().filter(|(_, packet)| packet.poll).count(),
            usize::from(!sent.iter().any(|(_, p)| p.is_final))
        );
        let up: Vec<_> = sent.iter().filter(|(_, packet)| packet.state == State::Up).collect();
        assert!(up.iter().all(|(_, packet)| packet.min_tx == ms(60) && packet.your_discriminator != 0));
        for (before, after) in up.iter().zip(&up[1..]).skip(2) {
            let gap = after.0 - before.0;
            assert!(gap >= ms(45) && gap <= ms(54), "60 ms less 10 to 25 percent: {gap:?}");
        }
        assert_eq!(pair.sessions[side].detection_times(), (ms(180), ms(180)));
        assert_eq!(pair.reports(side).iter().map(|(_, up)| *up).collect::<Vec<_>>(), [false, true]);
    }
}

#[test]
fn silence_is_noticed_after_the_detection_time() {
    let mut pair = Pair::new(config("A"), config("B"));
    pair.run(ms(3000), &mut never);
    let discriminator = pair.sessions[0].discriminator();
    pair.dead[1] = true;
    let last = pair.sessions[0].last_heard_at().unwrap() - pair.began;
    pair.run(ms(6000), &mut never);
    let (at, up) = *pair.reports(0).last().unwrap();
    assert!(!up);
    let heard_after = pair.sessions[0].last_heard_at().map_or(last, |at| at - pair.began);
    assert_eq!(at, heard_after + ms(180));
    assert_eq!(pair.sessions[0].diagnostic(), Diagnostic::EXPIRED);
    assert_ne!(pair.sessions[0].discriminator(), discriminator, "a new session has a new discriminator");
    let down =
        pair.sent(0).into_iter().find(|(_, packet)| packet.diagnostic == Diagnostic::EXPIRED).unwrap().1;
    assert_eq!((down.state, down.your_discriminator, down.min_tx), (State::Down, 0, ms(1000)));
    let lines: Vec<String> = pair
        .told
        .iter()
        .filter_map(|(_, side, output)| match output {
            Output::Log(event) if *side == 0 => Some(event.lines("A")),
            _ => None,
        })
        .flatten()
        .collect();
    let tail = &lines[lines.len() - 2..];
    assert!(tail[0].starts_with("(A) Expired after 180 ms ("), "{tail:?}");
    assert!(
        tail[1].starts_with("(A) Entering Down state (Local diagnostic - Control Detection Time Expired"),
        "{tail:?}"
    );
}

#[test]
fn a_neighbor_that_starts_anew_takes_the_session_down_and_up() {
    let mut pair = Pair::new(config("A"), config("B"));
    pair.run(ms(3000), &mut never);
    pair.sessions[1] = Session::new(config("B"), 5, pair.now);
    pair.run(ms(3100), &mut never);
    assert_eq!(pair.sessions[0].diagnostic(), Diagnostic::NEIGHBOR_DOWN);
    pair.run(ms(6000), &mut never);
    assert_eq!(pair.states(), [State::Up; 2]);
    assert_eq!(pair.reports(0).iter().map(|(_, up)| *up).collect::<Vec<_>>(), [false, true, false, true]);
}

#[test]
fn a_passive_session_waits_to_be_spoken_to() {
    let mut quiet = config("A");
    quiet.passive = true;
    let mut pair = Pair::new(quiet.clone(), config("B"));
    pair.dead[1] = true;
    pair.run(ms(5000), &mut never);
    assert!(pair.sent(0).is_empty());
    let mut pair = Pair::new(quiet, config("B"));
    pair.run(ms(5000), &mut never);
    assert_eq!(pair.states(), [State::Up; 2]);
}

#[test]
fn an_administrators_wish_is_not_reported() {
    let mut pair = Pair::new(config("A"), config("B"));
    pair.run(ms(3000), &mut never);
    let mut packet = pair.sent(1).last().unwrap().1;
    packet.state = State::AdminDown;
    let now = pair.now;
    pair.sessions[0].handle_packet(&packet, now);
    pair.dead[1] = true;
    pair.drain(&mut never);
    assert_eq!(pair.sessions[0].state(), State::Down);
    assert_eq!(pair.reports(0).iter().map(|(_, up)| *up).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn demand_mode_and_a_receiver_that_wants_nothing_stop_the_packets() {
    for silencer in
        [|packet: &mut Packet| packet.demand = true, |packet: &mut Packet| packet.min_rx = Duration::ZERO]
    {
        let mut pair = Pair::new(config("A"), config("B"));
        pair.run(ms(3000), &mut never);
        let mut packet = pair.sent(1).last().unwrap().1;
        silencer(&mut packet);
        pair.dead[1] = true;
        let now = pair.now;
        pair.sessions[0].handle_packet(&packet, now);
        let before = pair.sent(0).len();
        pair.run(ms(3150), &mut never);
        assert!(pair.sent(0).len() <= before + 1);
        // A poll is answered all the same.
        packet.poll = true;
        let now = pair.now;
        pair.sessions[0].handle_packet(&packet, now);
        pair.drain(&mut never);
        assert!(pair.sent(0).last().unwrap().1.is_final);
    }
}

#[test]
fn intervals_are_what_both_can_do() {
    let mut slow = config("B");
    (slow.min_rx, slow.min_tx, slow.multiplier) = (ms(200), ms(300), 5);
    let mut pair = Pair::new(config("A"), slow);
    pair.run(ms(5000), &mut never);
    assert_eq!(pair.sessions[0].intervals(), (ms(200), ms(300)));
    assert_eq!(pair.sessions[1].intervals(), (ms(300), ms(200)));
    assert_eq!(pair.sessions[0].detection_times(), (ms(1500), ms(600)));
    assert_eq!(pair.sessions[1].detection_times(), (ms(600), ms(1500)));
}

#[test]
fn a_reload_polls_for_new_timers_and_stays_up() {
    let mut pair = Pair::new(config("A"), config("B"));
    pair.run(ms(3000), &mut never);
    let mut quicker = config("A");
    (quicker.min_rx, quicker.min_tx) = (ms(20), ms(20));
    let now = pair.now;
    pair.sessions[0].reconfigure(quicker, now);
    pair.run(ms(3500), &mut never);
    assert_eq!(pair.states(), [State::Up; 2]);
    assert_eq!(pair.sessions[1].intervals().1, ms(50), "B cannot receive quicker");
    assert_eq!(pair.sessions[0].intervals().1, ms(60));
    assert!(pair.reports(0).iter().skip(1).all(|(_, up)| *up));
}

#[test]
fn hops() {
    let mut near = config("A");
    assert!(near.accepts_ttl(255) && !near.accepts_ttl(254));
    near.max_hops = 3;
    assert!(near.accepts_ttl(252) && !near.accepts_ttl(251));
    near.ttl = 64;
    assert!(near.accepts_ttl(61) && !near.accepts_ttl(60));
    near.max_hops = 64;
    assert!(near.accepts_ttl(0));
}

proptest! {
    /// However much is lost, the two agree once nothing is, and nobody is told the same thing twice in a row.
    #[test]
    fn sessions_agree_after_any_loss(
        losses in proptest::collection::vec(any::<bool>(), 0..400),
        min in 10u64..200,
        multiplier in 1u8..6,
        idle in 1000u64..1500,
        crash_at in 0u64..8000,
    ) {
        let mut first = config("A");
        (first.min_tx, first.min_rx, first.multiplier) = (ms(min), ms(min), multiplier);
        let mut second = config("B");
        second.idle_tx = ms(idle);
        let mut pair = Pair::new(first, second);
        let mut fate = losses.into_iter();
        let mut lose = || fate.next().unwrap_or(false);
        pair.run(ms(crash_at), &mut lose);
        let now = pair.now;
        pair.sessions[1] = Session::new(config("B"), crash_at, now);
        pair.run(ms(8000), &mut lose);
        let mut lose = never;
        pair.run(ms(20_000), &mut lose);
        prop_assert_eq!(pair.states(), [State::Up; 2]);
        let reports: Vec<bool> = pair.reports(0).into_iter().map(|(_, up)| up).collect();
        prop_assert!(reports.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", reports);
        prop_assert_eq!(reports.last(), Some(&true));
        // Nobody misses a neighbor that speaks.
        let late = pair.reports(0).into_iter().filter(|(at, _)| *at > ms(12_000)).count();
        prop_assert_eq!(late, 0);
    }

    /// No sequence of packets makes a session report what is not so, or want to be called in the past for ever.
    #[test]
    fn any_packets(packets in proptest::collection::vec((0u64..500, any::<[u8; 24]>()), 0..100)) {
        let start = Instant::now();
        let mut now = start;
        let mut session = Session::new(config("A"), 3, now);
        let (mut up, mut excused) = (false, false);
        for (wait, mut bytes) in packets {
            bytes[0] = 0x20 | (bytes[0] % 9);
            bytes[1] &= 0xfa;
            bytes[3] = 24;
            now += ms(wait);
            while session.poll_timeout().is_some_and(|at| at <= now) {
                let at = session.poll_timeout().unwrap_or(now);
                session.handle_timeout(at);
                prop_assert!(session.poll_timeout().is_none_or(|next| next > at));
            }
            if let Ok(packet) = Packet::parse(&bytes) {
                session.handle_packet(&packet, now);
            }
            while let Some(output) = session.poll_output() {
                match output {
                    Output::Report(state) => (up, excused) = (state, false),
                    Output::Send(packet) => prop_assert_eq!(Packet::parse(&packet.emit()), Ok(packet)),
                    Output::Log(_) => {}
                }
            }
            // Until it is Up again, nothing is said of a session that the neighbor's administrator took down.
            excused |= session.remote().state == State::AdminDown;
            if !excused {
                prop_assert_eq!(up, session.state() == State::Up);
            }
        }
    }
}
