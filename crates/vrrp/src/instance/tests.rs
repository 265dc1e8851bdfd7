#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::config::{Auth, LinkId, Peer, ScriptId, Vip};

const US: &str = "10.211.55.3";
const PEER: &str = "10.211.55.4";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

fn config(priority: u8) -> InstanceConfig {
    let mut config = InstanceConfig::new("VI_1", 51);
    config.base_priority = priority;
    config.auth = Auth::Pass(*b"123456\0\0");
    config.vips = vec![Vip { address: ip("10.211.55.100"), link: LinkId(0) }];
    config
}

/// One instance and a virtual clock.
struct Bench {
    instance: Instance,
    t0: Instant,
    now: Instant,
}

impl Bench {
    fn started(config: InstanceConfig) -> Self {
        let t0 = Instant::now();
        let mut instance = Instance::new(config);
        instance.prepare(Verdict::default(), Some(ip(US)));
        instance.start(t0, None, Duration::ZERO);
        Self { instance, t0, now: t0 }
    }

    fn master(config: InstanceConfig) -> Self {
        let mut bench = Self::started(config);
        bench.fire();
        assert_eq!(bench.state(), StateName::Master);
        bench.drain();
        bench
    }

    fn state(&self) -> StateName {
        self.instance.state().name()
    }

    /// Runs to the next deadline.
    fn fire(&mut self) {
        self.now = self.instance.poll_timeout().unwrap();
        self.instance.handle_timeout(self.now);
    }

    fn wait(&mut self, span: Duration) {
        self.now += span;
    }

    /// From now to the next deadline of the state.
    fn remaining(&self) -> Duration {
        match self.instance.state() {
            State::Backup { master_down_at: at, .. } | State::Master { advert_at: at } => at - self.now,
            State::Init | State::Fault => panic!("no deadline"),
        }
    }

    fn hears(&mut self, sender: &InstanceConfig, priority: u8, source: &str) {
        let destination = if sender.is_unicast() { ip(US) } else { sender.group_address };
        let datagram = Outgoing {
            config: sender,
            priority,
            source: ip(source),
            destination,
            ip_id: 1,
            ah_sequence: 1,
            old_checksum: false,
        }
        .emit();
        let datagram = match ip(source) {
            IpAddr::V4(_) => Datagram::ipv4(&datagram).unwrap(),
            IpAddr::V6(_) => panic!("IPv4 only"),
        };
        self.instance.handle(self.now, Input::Packet(datagram));
    }

    fn hears_peer(&mut self, priority: u8) {
        let sender = self.instance.config().clone();
        self.hears(&sender, priority, PEER);
    }

    fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.instance.poll_output()).collect()
    }

    /// Log lines and the kinds of the other outputs, in order. Reasons are left out: router/reasons.rs has them.
    fn story(&mut self) -> Vec<String> {
        self.drain()
            .into_iter()
            .filter(|output| !matches!(output, Output::Reason(_) | Output::AdvertError(..)))
            .map(|output| match output {
                Output::Log(event) => crate::Event::Instance("VI_1".into(), event).to_string(),
                Output::Send { datagram, .. } => format!("send {}", datagram[22]),
                Output::AddAddresses => "add".into(),
                Output::RemoveAddresses => "remove".into(),
                Output::Garp(rounds) => format!("garp {rounds}"),
                Output::GarpExtra => "garp elsewhere".into(),
                Output::CancelGarp => "no garp".into(),
                Output::AnnounceSource => "announce source".into(),
                Output::Notify(state) => format!("notify {state}"),
                Output::NotifyHeardLower => "notify lower".into(),
                Output::NotifyPriority => "notify priority".into(),
                Output::AdvertError(source, error) => format!("{error:?} of {source}"),
                Output::Reason(reason) => format!("{reason:?}"),
                Output::Signal(signal) => format!("{signal:?}"),
            })
            .collect()
    }

    fn fault(&mut self, failing: bool) {
        let failing = if failing { vec![ScriptId(0)] } else { Vec::new() };
        self.instance.handle(self.now, Input::Verdict(Verdict { failing, ..Verdict::default() }));
    }
}

#[test]
fn timers_of_the_article() {
    // priority 150: 3 * 1 s + (256 - 150) / 256 s; priority 100: 3.609375 s
    for (priority, expected) in
        [(150, us(3_414_062)), (100, us(3_609_375)), (254, us(3_007_812)), (1, us(3_996_093))]
    {
        let bench = Bench::started(config(priority));
        assert_eq!(bench.state(), StateName::Backup);
        assert_eq!(bench.remaining(), expected, "priority {priority}");
    }
}

#[test]
fn timers_of_version_3() {
    let mut v3 = config(100);
    v3.version = Version::V3;
    v3.auth = Auth::None;
    v3.advert_interval = ms(100);
    // skew (256 - 100) * 10 * 625 / 16 us
    let bench = Bench::started(v3.clone());
    assert_eq!(bench.remaining(), ms(300) + us(60_937));
    v3.advert_interval = ms(10);
    v3.down_timer_adverts = 5;
    assert_eq!(Bench::started(v3).remaining(), ms(50) + us(6_093));
}

#[test]
fn becoming_master_in_order() {
    let mut bench = Bench::started(config(150));
    assert_eq!(bench.story(), ["(VI_1) Entering BACKUP STATE (init)", "notify BACKUP"]);
    bench.fire();
    assert_eq!(bench.now - bench.t0, us(3_414_062));
    assert_eq!(
        bench.story(),
        [
            "(VI_1) Receive advertisement timeout",
            "send 150",
            "(VI_1) Entering MASTER STATE",
            "add",
            "garp 5",
            "notify MASTER"
        ]
    );
    assert_eq!(bench.remaining(), ms(1000));
    assert_eq!(bench.instance.stats().become_master, 1);
    for second in 1..=4 {
        bench.fire();
        assert_eq!(bench.now - bench.t0, us(3_414_062) + ms(second * 1000));
        assert_eq!(bench.story(), ["send 150"]);
    }
    bench.fire();
    assert_eq!(bench.story(), ["send 150", "garp 5"], "the second burst after 5 s");
}

#[test]
fn a_late_timer_neither_drifts_nor_bursts() {
    let mut bench = Bench::master(config(150));
    let due = bench.instance.poll_timeout().unwrap();
    bench.now = due + ms(300);
    bench.instance.handle_timeout(bench.now);
    assert_eq!(bench.story(), ["send 150"]);
    assert_eq!(bench.remaining(), ms(700));
    bench.wait(ms(10_000));
    bench.instance.handle_timeout(bench.now);
    assert_eq!(bench.story(), ["send 150", "garp 5"]);
    assert_eq!(bench.remaining(), ms(1000));
}

#[test]
fn the_owner_starts_at_once() {
    let mut owner = config(255);
    owner.wants_master = true;
    let mut bench = Bench::started(owner);
    assert_eq!(bench.story(), [""; 0]);
    assert_eq!(bench.remaining(), Duration::ZERO);
    bench.fire();
    assert_eq!(bench.state(), StateName::Master);
    let mut modest = config(254);
    modest.wants_master = true;
    assert_eq!(Bench::started(modest).remaining(), us(3_007_812), "state MASTER alone is not enough");
}

#[test]
fn backup_hears() {
    // priority heard, line, time that remains 2 s after start
    let down = us(3_414_062);
    let rows: [(u8, &str, Duration); 4] = [
        (200, "(VI_1) master set to 10.211.55.4", down),
        (150, "(VI_1) master set to 10.211.55.4", down),
        (
            100,
            "(VI_1) master set to 10.211.55.4|(VI_1) received lower priority (100) advert from 10.211.55.4 - discarding",
            down - ms(2000),
        ),
        (0, "(VI_1) master set to 10.211.55.4|(VI_1) Backup received priority 0 advertisement", us(414_062)),
    ];
    for (priority, lines, remaining) in rows {
        let mut bench = Bench::started(config(150));
        bench.drain();
        bench.wait(ms(2000));
        bench.hears_peer(priority);
        assert_eq!(bench.story().join("|"), lines);
        assert_eq!(bench.remaining(), remaining, "priority {priority}");
        assert_eq!(bench.state(), StateName::Backup);
    }
}

#[test]
fn nopreempt_leaves_a_lower_master_alone() {
    let mut gentle = config(150);
    gentle.nopreempt = true;
    let mut bench = Bench::started(gentle);
    bench.wait(ms(2000));
    bench.hears_peer(100);
    assert_eq!(bench.remaining(), us(3_414_062));
}

#[test]
fn preempt_delay_counts_from_the_first_lower_advert() {
    // delay 2.5 s, priority 150, advert 1 s: master 5.4 s after the first advert
    let mut slow = config(150);
    slow.preempt_delay = ms(2500);
    let mut bench = Bench::started(slow);
    bench.drain();
    let first = bench.now;
    for second in 0..3 {
        bench.now = first + ms(second * 1000);
        bench.hears_peer(100);
        assert_eq!(bench.remaining(), us(3_414_062));
    }
    assert_eq!(bench.story(), ["(VI_1) master set to 10.211.55.4", "(VI_1) start preempt delay (2.500000)"]);
    bench.now = first + ms(3000);
    bench.hears_peer(100);
    assert_eq!(bench.remaining(), us(3_414_062) - ms(1000));
    assert_eq!(bench.story().len(), 1, "discarding");
    bench.fire();
    assert_eq!(bench.now - first, ms(2000) + us(3_414_062));
    // A master that is not lower ends the delay.
    let mut slow = config(150);
    slow.preempt_delay = ms(2500);
    let mut bench = Bench::started(slow);
    bench.hears_peer(100);
    bench.drain();
    bench.hears_peer(200);
    assert_eq!(bench.story(), ["(VI_1) stop preempt delay"]);
}

#[test]
fn version_3_backups_count_in_the_masters_intervals() {
    let mut v3 = config(100);
    v3.version = Version::V3;
    v3.auth = Auth::None;
    let mut sender = v3.clone();
    sender.advert_interval = ms(5000);
    let mut bench = Bench::started(v3);
    bench.drain();
    bench.hears(&sender, 200, PEER);
    assert_eq!(
        bench.story(),
        [
            "(VI_1) master set to 10.211.55.4",
            "(VI_1) advertisement interval mismatch ours = 100 centi-sec rcv'd=500 centi-sec",
            "(VI_1) advertisement interval updated from 1000ms to 5000ms by master"
        ]
    );
    assert_eq!(bench.remaining(), ms(15_000) + us(156 * 500 * 625 / 16));
    bench.fire();
    let story = bench.story();
    let place = |text: &str| story.iter().position(|line| line.ends_with(text));
    let own = place("changing advert interval from 5000ms to locally configured 1000ms");
    assert_eq!(own, place("Entering MASTER STATE").map(|entering| entering + 1), "{story:?}");
    assert_eq!(bench.remaining(), ms(1000));
    sender.advert_interval = Duration::ZERO;
    bench.hears(&sender, 200, PEER);
    assert_eq!(bench.instance.master_interval(), ms(1000), "an interval of zero is not learnt");
}

#[test]
fn master_hears() {
    let lower = "garp 5";
    let rows: [(u8, &str, &[&str], StateName); 5] = [
        (
            200,
            PEER,
            &[
                "(VI_1) Master received advert from 10.211.55.4 with higher priority 200, ours 150",
                "(VI_1) Entering BACKUP STATE",
                "no garp",
                "remove",
                "notify BACKUP",
            ],
            StateName::Backup,
        ),
        (
            150,
            PEER,
            &[
                "(VI_1) Master received advert from 10.211.55.4 with same priority 150 but higher IP address than ours",
                "(VI_1) Entering BACKUP STATE",
                "no garp",
                "remove",
                "notify BACKUP",
            ],
            StateName::Backup,
        ),
        (
            150,
            "10.211.55.2",
            &[
                "(VI_1) Received advert from 10.211.55.2 with lower priority 150, ours 150, forcing new election",
                "send 150",
                lower,
                "notify lower",
            ],
            StateName::Master,
        ),
        (
            50,
            PEER,
            &[
                "(VI_1) Received advert from 10.211.55.4 with lower priority 50, ours 150, forcing new election",
                "send 150",
                lower,
                "notify lower",
            ],
            StateName::Master,
        ),
        (0, PEER, &["(VI_1) Master received priority 0 message", "send 150"], StateName::Master),
    ];
    for (priority, source, story, state) in rows {
        let mut bench = Bench::master(config(150));
        bench.wait(ms(400));
        let sender = bench.instance.config().clone();
        bench.hears(&sender, priority, source);
        assert_eq!(bench.story(), story, "{priority} from {source}");
        assert_eq!(bench.state(), state);
        let expected = if state == StateName::Backup { us(3_414_062) } else { ms(1000) };
        assert_eq!(bench.remaining(), expected);
        assert_eq!(bench.instance.stats().release_master, u64::from(state == StateName::Backup));
    }
}

#[test]
fn master_hears_itself() {
    let mut bench = Bench::master(config(150));
    bench.wait(ms(400));
    let sender = bench.instance.config().clone();
    bench.hears(&sender, 150, US);
    assert_eq!(
        bench.story(),
        ["(VI_1) WARNING - equal priority advert received from remote host with our IP address."]
    );
    assert_eq!((bench.state(), bench.remaining()), (StateName::Master, ms(600)));
}

#[test]
fn options_for_lower_and_higher_adverts() {
    let mut quiet = config(150);
    quiet.lower_prio_no_advert = true;
    quiet.garp.lower_prio_repeat = 0;
    let mut bench = Bench::master(quiet);
    bench.wait(ms(400));
    bench.hears_peer(50);
    assert_eq!(
        bench.story(),
        ["(VI_1) Received advert from 10.211.55.4 with lower priority 50, ours 150", "notify lower"]
    );
    assert_eq!(bench.remaining(), ms(600));
    let mut polite = config(150);
    polite.higher_prio_send_advert = true;
    let mut bench = Bench::master(polite);
    bench.hears_peer(200);
    assert_eq!(bench.story()[0], "send 150");
}

#[test]
fn bad_adverts_change_no_timer_and_are_logged_once() {
    // The original restarts a master's advert timer on every bad advert, so that a stream of them silences it.
    let mut bench = Bench::master(config(150));
    let mut stranger = config(150);
    stranger.auth = Auth::Pass(*b"wrong\0\0\0");
    let due = bench.instance.poll_timeout();
    for _ in 0..9 {
        bench.wait(ms(100));
        bench.hears(&stranger, 200, PEER);
    }
    assert_eq!(bench.instance.poll_timeout(), due);
    assert_eq!(bench.story(), ["(VI_1) received an invalid passwd from 10.211.55.4!"]);
    assert_eq!(bench.instance.stats().auth_failure, 9);
    assert_eq!(bench.instance.stats().advert_rcvd, 0);
    // Another kind is logged; leaving MASTER lets all be logged again.
    stranger.auth = Auth::None;
    bench.hears(&stranger, 200, PEER);
    assert_eq!(bench.story(), ["(VI_1) received a 0 auth from 10.211.55.4, expecting 1!"]);
    bench.hears_peer(200);
    bench.drain();
    bench.hears(&stranger, 200, PEER);
    assert_eq!(bench.story().len(), 1);
    assert_eq!(bench.state(), StateName::Backup);
}

#[test]
fn other_addresses_are_logged_and_accepted() {
    let mut sender = config(200);
    sender.vips.push(Vip { address: ip("10.211.55.101"), link: LinkId(0) });
    let mut bench = Bench::master(config(150));
    bench.hears(&sender, 200, PEER);
    let story = bench.story();
    assert_eq!(story[0], "(VI_1) expected 1 VIPs but received 2");
    assert_eq!(bench.state(), StateName::Backup);
    sender.vips = vec![Vip { address: ip("10.211.55.77"), link: LinkId(0) }];
    let mut bench = Bench::master(config(150));
    bench.hears(&sender, 50, PEER);
    assert_eq!(
        bench.story()[0],
        "(VI_1) ip address associated with VRID 51 not present in advert from 10.211.55.4: 10.211.55.100"
    );
    assert_eq!(bench.instance.stats().addr_list_err, 1);
    // skip_check_adv_addr: not looked at again while the master is the same
    let mut skipping = config(100);
    skipping.skip_check_adv_addr = true;
    let mut bench = Bench::started(skipping);
    bench.hears(&sender, 200, PEER);
    bench.hears(&sender, 200, PEER);
    assert_eq!(bench.instance.stats().addr_list_err, 1);
}

#[test]
fn priority_changes_shift_the_running_timer() {
    let mut bench = Bench::started(config(150));
    bench.drain();
    bench.wait(ms(1000));
    bench.instance.handle(bench.now, Input::Verdict(Verdict { delta: -60, ..Verdict::default() }));
    assert_eq!(bench.story(), ["(VI_1) Changing effective priority from 150 to 90", "notify priority"]);
    assert_eq!(bench.remaining(), us(3_648_437) - ms(1000));
    bench.instance.handle(bench.now, Input::Verdict(Verdict::default()));
    assert_eq!(bench.remaining(), us(3_414_062) - ms(1000));
    let mut bench = Bench::master(config(150));
    bench.instance.handle(bench.now, Input::Verdict(Verdict { delta: -60, ..Verdict::default() }));
    assert_eq!(bench.state(), StateName::Master);
    bench.drain();
    bench.hears_peer(100);
    assert_eq!(
        bench.story()[0],
        "(VI_1) Master received advert from 10.211.55.4 with higher priority 100, ours 90"
    );
}

#[test]
fn faults_and_recovery() {
    let mut bench = Bench::master(config(150));
    bench.fault(true);
    assert_eq!(
        bench.story(),
        [
            "(VI_1) Entering FAULT STATE",
            "send 0",
            "send 0",
            "(VI_1) sent 0 priority",
            "no garp",
            "remove",
            "notify FAULT"
        ]
    );
    assert_eq!(bench.instance.poll_timeout(), None);
    assert_eq!(bench.instance.stats().pri_zero_sent, 1);
    bench.hears_peer(200);
    assert_eq!(bench.story(), [""; 0], "deaf in FAULT");
    // Two faults; the first one to go does not end it.
    bench.instance.handle(
        bench.now,
        Input::Verdict(Verdict {
            failing: vec![ScriptId(0)],
            links_down: vec![LinkId(1)],
            ..Verdict::default()
        }),
    );
    bench.fault(true);
    assert_eq!(bench.state(), StateName::Fault);
    bench.fault(false);
    assert_eq!(bench.story(), ["(VI_1) Entering BACKUP STATE", "notify BACKUP"]);
    assert_eq!(bench.remaining(), us(3_414_062));
    bench.fault(true);
    assert_eq!(bench.story(), ["(VI_1) Entering FAULT STATE", "notify FAULT"], "no packet from BACKUP");
}

#[test]
fn losing_the_source_address_says_farewell_from_it() {
    let mut bench = Bench::master(config(150));
    bench.instance.handle(bench.now, Input::Source(None));
    let zeros = bench
        .drain()
        .into_iter()
        .filter(|output| matches!(output, Output::Send { source, .. } if *source == ip(US)));
    assert_eq!(zeros.count(), 2);
    assert_eq!(bench.state(), StateName::Fault);
    bench.instance.handle(bench.now, Input::Source(Some(ip("10.211.55.7"))));
    assert_eq!(bench.state(), StateName::Backup);
    assert_eq!(bench.instance.source(), Some(ip("10.211.55.7")));
}

#[test]
fn an_address_taken_away_starts_a_short_election() {
    let mut bench = Bench::master(config(150));
    bench.instance.handle(bench.now, Input::AddressLost);
    assert_eq!(
        bench.story(),
        [
            "(VI_1) Entering BACKUP STATE",
            "send 0",
            "(VI_1) sent 0 priority",
            "no garp",
            "remove",
            "notify BACKUP"
        ]
    );
    assert_eq!(bench.remaining(), us(414_062));
    bench.fire();
    assert_eq!(bench.state(), StateName::Master);
}

#[test]
fn pending_scripts_hold_in_init_without_a_word() {
    let t0 = Instant::now();
    let mut instance = Instance::new(config(150));
    instance.prepare(Verdict { pending: 1, ..Verdict::default() }, Some(ip(US)));
    instance.start(t0, Some(StateName::Init), Duration::ZERO);
    let mut bench = Bench { instance, t0, now: t0 };
    assert_eq!(
        (bench.state(), bench.story().len(), bench.instance.poll_timeout()),
        (StateName::Init, 0, None)
    );
    bench.fault(false);
    assert_eq!(bench.story(), ["(VI_1) Entering BACKUP STATE", "notify BACKUP"]);
}

#[test]
fn garps_stop_with_mastership() {
    let mut refreshing = config(150);
    refreshing.garp.refresh = ms(2000);
    let mut bench = Bench::master(refreshing);
    bench.hears_peer(200);
    bench.drain();
    assert_eq!(
        bench.instance.poll_timeout().unwrap() - bench.now,
        us(3_414_062),
        "only the master down timer"
    );
}

#[test]
fn release_at_stop() {
    let mut bench = Bench::master(config(150));
    bench.instance.handle(bench.now, Input::Release(Release::Everything));
    assert_eq!(bench.story(), ["send 0", "(VI_1) sent 0 priority", "no garp", "remove"]);
    let mut bench = Bench::master(config(150));
    bench.instance.handle(bench.now, Input::Release(Release::Nothing));
    assert_eq!(bench.story(), [""; 0]);
    let mut bench = Bench::started(config(150));
    bench.drain();
    bench.instance.handle(bench.now, Input::Release(Release::Everything));
    assert_eq!(bench.story(), [""; 0], "a backup says nothing");
}

#[test]
fn unicast_sends_to_every_peer_with_rising_ids() {
    let mut unicast = config(150);
    unicast.peers = ["10.211.55.4", "10.211.55.5"]
        .map(|peer| Peer { address: ip(peer), min_ttl: 0, max_ttl: 255 })
        .to_vec();
    let mut bench = Bench::started(unicast);
    bench.drain();
    bench.fire();
    let sent: Vec<(IpAddr, u8)> = bench
        .drain()
        .into_iter()
        .filter_map(|output| match output {
            Output::Send { destination, datagram, .. } => Some((destination, datagram[5])),
            _ => None,
        })
        .collect();
    assert_eq!(sent, [(ip("10.211.55.4"), 1), (ip("10.211.55.5"), 2)]);
    assert_eq!(bench.instance.stats().advert_sent, 1);
}

#[test]
fn two_owners() {
    let mut owner = config(255);
    owner.wants_master = true;
    // The other one's address is higher: we give way.
    let mut bench = Bench::master(owner.clone());
    bench.hears_peer(255);
    assert_eq!(bench.state(), StateName::Backup);
    // Ours is higher: after two more adverts of ours and a while, the other one still sends: 254.
    let mut bench = Bench::master(owner.clone());
    let sender = owner.clone();
    bench.hears(&sender, 255, "10.211.55.2");
    assert!(
        bench.story()[0].starts_with("(VI_1) CONFIGURATION ERROR: local instance and 10.211.55.2 are both")
    );
    bench.fire();
    bench.fire();
    bench.drain();
    bench.wait(ms(1100));
    bench.hears(&sender, 255, "10.211.55.2");
    let story = bench.story();
    assert!(
        story[0].contains("is still advertising as address owner, please resolve - reducing our priority"),
        "{story:?}"
    );
    assert_eq!((bench.state(), bench.instance.effective_priority()), (StateName::Backup, 254));
    // It turns out to be an ordinary router.
    bench.hears(&sender, 100, "10.211.55.2");
    assert_eq!(bench.instance.effective_priority(), 255);
    // The other one goes silent in time.
    let mut bench = Bench::master(owner);
    bench.hears(&sender, 255, "10.211.55.2");
    bench.fire();
    bench.fire();
    bench.drain();
    let watching = bench.now;
    bench.fire();
    bench.fire();
    assert_eq!(bench.now - watching, ms(1200));
    assert!(
        bench.story().contains(&"(VI_1): rogue address owner appears to have stopped advertising".to_owned())
    );
    assert_eq!(bench.instance.effective_priority(), 255);
}

#[test]
fn owner_ignore_adverts() {
    let mut owner = config(255);
    owner.wants_master = true;
    owner.owner_ignore_adverts = true;
    let mut bench = Bench::master(owner);
    bench.hears_peer(255);
    bench.hears_peer(255);
    let story = bench.story();
    assert_eq!((bench.state(), story.len()), (StateName::Master, 1), "said once: {story:?}");
    assert_eq!(bench.instance.stats().advert_rcvd, 0);
}

#[test]
fn a_reload_keeps_state_timers_and_memory() {
    let mut bench = Bench::started(config(100));
    bench.hears_peer(150);
    bench.wait(ms(2000));
    let same = Instance::adopt(config(100), &bench.instance, Verdict::default(), Some(ip(US)), bench.now);
    assert_eq!(same.state(), bench.instance.state());
    assert_eq!(same.master(), Some((ip(PEER), 150)));
    // Another priority moves the rest of the wait and says so.
    let mut changed =
        Instance::adopt(config(200), &bench.instance, Verdict::default(), Some(ip(US)), bench.now);
    let State::Backup { master_down_at, .. } = changed.state() else { panic!("{:?}", changed.state()) };
    assert_eq!(master_down_at - bench.now, us(3_218_750) - ms(2000));
    assert_eq!(changed.poll_output(), Some(Output::NotifyPriority));
    assert_eq!(changed.effective_priority(), 200);
    let mut bench = Bench::master(config(150));
    bench.wait(ms(400));
    let mut faster = config(150);
    faster.version = Version::V3;
    faster.advert_interval = ms(100);
    let adopted = Instance::adopt(faster, &bench.instance, Verdict::default(), Some(ip(US)), bench.now);
    assert_eq!(adopted.state(), State::Master { advert_at: bench.now + ms(100) });
    // A fault that came with the reload.
    let verdict = Verdict { failing: vec![ScriptId(0)], ..Verdict::default() };
    let mut faulty = Instance::adopt(config(150), &bench.instance, verdict, Some(ip(US)), bench.now);
    faulty.settle(bench.now);
    assert_eq!(faulty.state(), State::Fault);
}

#[test]
fn the_mibs_learn_why_it_became_master_and_what_was_wrong() {
    let reason = |bench: &Bench| bench.instance.new_master_reason();
    let mut bench = Bench::started(config(150));
    assert_eq!(reason(&bench), NewMasterReason::NotMaster);
    bench.fire();
    assert_eq!(reason(&bench), NewMasterReason::NoResponse);
    bench.hears_peer(200);
    bench.hears_peer(0);
    bench.fire();
    assert_eq!(reason(&bench), NewMasterReason::Priority);
    bench.hears_peer(200);
    bench.hears_peer(100);
    bench.fire();
    assert_eq!(reason(&bench), NewMasterReason::Preempted);
    bench.drain();
    let mut stranger = config(150);
    for (auth, version, error, number) in [
        (Auth::Pass(*b"wrong\0\0\0"), Version::V2, AdvertError::AuthFailure, 0),
        (Auth::None, Version::V2, AdvertError::OtherAuthType, 0),
    ] {
        (stranger.auth, stranger.version) = (auth, version);
        bench.hears(&stranger, 200, PEER);
        assert!(bench.drain().contains(&Output::AdvertError(ip(PEER), error)), "{error:?}");
        assert_eq!(bench.instance.last_proto_error(), number);
    }
    assert_eq!(
        [AdvertError::Ttl, AdvertError::Version, AdvertError::Checksum].map(AdvertError::proto_error),
        [Some(1), Some(2), Some(3)]
    );
}

#[test]
fn a_manager_sets_priority_and_preemption() {
    let mut bench = Bench::started(config(100));
    bench.story();
    bench.instance.handle(bench.now, Input::BasePriority(120));
    assert_eq!(
        bench.story(),
        [
            "(VI_1) base priority changed from 100 to 120 via SNMP.",
            "(VI_1) Changing effective priority from 100 to 120",
            "notify priority"
        ]
    );
    bench.instance.handle(bench.now, Input::BasePriority(255));
    assert_eq!(bench.story(), ["(VI_1) base priority changed from 120 to 255 via SNMP."]);
    assert_eq!(bench.instance.effective_priority(), 120);
    bench.instance.handle(bench.now, Input::Preempt(false));
    assert_eq!(bench.story(), ["(VI_1) preemption disabled with SNMP"]);
    assert!(bench.instance.config().nopreempt);
    bench.instance.handle(bench.now, Input::Preempt(true));
    assert_eq!(bench.story(), ["(VI_1) preemption enabled with SNMP"]);
}
