#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Scripts of changes and the log lines that the reference writes for them.

use super::*;
use crate::state::{Assign, AssignInput, Dequeued, Priority, Wanted};
use config_text::Files;
use haproxy_config::runtime::{Proxy, ServerIndex};
use haproxy_config::{AnonKey, Features, Host, Inputs, load};
use health::{CheckStatus, Outcome};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

struct NoHost;

impl Files for NoHost {
    fn read(&self, _path: &str) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

impl Host for NoHost {
    fn resolve(&self, _name: &str) -> Option<IpAddr> {
        None
    }
    fn user_id(&self, _name: &str) -> Option<u32> {
        None
    }
    fn group_id(&self, _name: &str) -> Option<u32> {
        None
    }
    fn host_name(&self) -> String {
        "node".into()
    }
    fn usable_cpus(&self) -> u32 {
        1
    }
}

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Hooks for Recorder {
    fn log(&self, _proxy: &Proxy, level: u8, text: &str) {
        self.0.lock().unwrap().push(format!("{level} {text}"));
    }
    fn message(&self, _alert: bool, _text: &str) {}
    fn shutdown_sessions(&self, server: &Arc<ServerState>, cause: ShutdownCause) {
        self.0.lock().unwrap().push(format!("shutdown {} {cause:?}", full_name(server)));
    }
}

const START: u64 = 1_000_000;

struct Bench {
    world: World,
    lines: Recorder,
    now_ms: u64,
}

impl Bench {
    fn new(backends: &str) -> Self {
        let head = "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n\
                    listen l\n bind 127.0.0.1:1\n maxconn 1000\n";
        let inputs = Inputs {
            files: vec![("test.cfg".into(), format!("{head}{backends}").into_bytes())],
            environment: BTreeMap::new(),
            program: "haproxy".into(),
            ignore_unresolved: false,
            features: Features::default(),
            host: &NoHost,
        };
        let loaded = load(inputs);
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let world = World::at(Arc::new(config), 1, START);
        let lines = Recorder::default();
        world.set_hooks(Box::new(lines.clone()));
        Self { world, lines, now_ms: START }
    }

    fn at(&self, name: &str) -> ServerRef {
        let (backend, server) = name.split_once('/').unwrap();
        self.world.backend_named(backend).unwrap().server_named(server).unwrap().at
    }

    fn server(&self, name: &str) -> &Arc<ServerState> {
        self.world.server(self.at(name)).unwrap()
    }

    /// `px/sv ready|drain|maint`, `px/sv up|stopping|down`, `px/sv weight W`, `px/sv ok|refused|500|404`.
    fn run(&mut self, command: &str) -> Vec<String> {
        let mut words = command.split(' ');
        let (at, what) = (self.at(words.next().unwrap()), words.next().unwrap());
        let (world, now) = (&self.world, self.now_ms);
        let checked = |status, code, info: &str| {
            let duration = Some(Duration::from_millis(3));
            world.check_done(at, Outcome { status, code, info: info.into(), duration }, now);
        };
        match what {
            "ready" => world.set_admin_state(at, AdminState::Ready, now),
            "drain" => world.set_admin_state(at, AdminState::Drain, now),
            "maint" => world.set_admin_state(at, AdminState::Maint, now),
            "up" => world.set_health(at, HealthState::Up, Origin::Cli, now).unwrap(),
            "stopping" => world.set_health(at, HealthState::Stopping, Origin::Cli, now).unwrap(),
            "down" => world.set_health(at, HealthState::Down, Origin::Web, now).unwrap(),
            "weight" => world.set_weight(at, words.next().unwrap(), now).unwrap(),
            "ok" => checked(CheckStatus::L7Ok, 200, ""),
            "refused" => checked(CheckStatus::L4Connection, 0, "Connection refused"),
            "500" => checked(CheckStatus::L7Status, 500, "Err"),
            "404" => checked(CheckStatus::L7OkConditional, 404, ""),
            other => panic!("{other}"),
        }
        std::mem::take(&mut *self.lines.0.lock().unwrap())
    }

    fn script(&mut self, steps: &[(&str, &[&str])]) {
        for (n, (command, want)) in steps.iter().enumerate() {
            assert_eq!(self.run(command), *want, "step {n}: {command}");
        }
    }

    fn status(&self, name: &str) -> String {
        self.world.status_cell(self.server(name)).text
    }
}

const TRACKED: &str = "backend b\n server a 127.0.0.1:1 check rise 2 fall 3\n server c 127.0.0.1:2 weight 10\n\
                       \x20server k 127.0.0.1:2 backup\n\
                       backend t\n server x 127.0.0.1:1 track b/a\n server y 127.0.0.1:1 track t/x\n";

#[test]
fn maintenance_and_drain_with_trackers() {
    let mut bench = Bench::new(TRACKED);
    bench.run("b/a ok");
    bench.script(&[
        ("b/a maint", &[
            "1 Server b/a is going DOWN for maintenance. 1 active and 1 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "1 Server t/x is going DOWN for maintenance via b/a. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "1 Server t/y is going DOWN for maintenance via t/x. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "0 backend t has no server available!",
        ]),
        ("b/a maint", &[]),
        ("b/a drain", &[
            "5 Server b/a is UP/DRAIN (leaving forced maintenance).",
            "5 Server b/a remains in forced drain mode.",
            "5 Server t/x is UP/DRAIN (leaving maintenance).",
            "5 Server t/x remains in drain mode via b/a.",
            "5 Server t/y is UP/DRAIN (leaving maintenance).",
            "5 Server t/y remains in drain mode via t/x.",
        ]),
        ("b/a ready", &[
            "5 Server b/a is UP (leaving forced drain).",
            "5 Server t/x is UP (leaving drain) via b/a.",
            "5 Server t/y is UP (leaving drain) via t/x.",
        ]),
        ("b/a ready", &[]),
        ("b/a drain", &[
            "5 Server b/a enters drain state. 1 active and 1 backup servers online. 0 sessions requeued, 0 total in queue.",
            "5 Server t/x enters drain state via b/a. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "5 Server t/y enters drain state via t/x. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "0 backend t has no server available!",
        ]),
        ("b/a maint", &[
            "5 Server b/a is going DOWN for maintenance. 1 active and 1 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "5 Server t/x is going DOWN for maintenance via b/a. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "5 Server t/y is going DOWN for maintenance via t/x. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
        ]),
        ("b/a ready", &[
            "5 Server b/a is UP/READY (leaving forced maintenance).",
            "5 Server t/x is UP/READY (leaving maintenance).",
            "5 Server t/y is UP/READY (leaving maintenance).",
        ]),
    ]);
    assert_eq!((bench.status("b/a"), bench.status("t/y")), ("UP 1/3".into(), "UP 1/3".into()));
    assert_eq!(bench.status("b/c"), "no check");
}

#[test]
fn health_by_hand_and_backups() {
    let mut bench = Bench::new(TRACKED);
    bench.script(&[
        ("b/a down", &[
            "1 Server b/a is DOWN, changed from Web interface. 1 active and 1 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "1 Server t/x is DOWN via b/a. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "1 Server t/y is DOWN via t/x. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "0 backend t has no server available!",
        ]),
        ("b/a up", &[
            "5 Server b/a is UP, changed from CLI. 2 active and 1 backup servers online. 0 sessions requeued, 0 total in queue.",
            "5 Server t/x is UP via b/a. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "5 Server t/y is UP via t/x. 2 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
        ]),
        ("b/a stopping", &[
            "5 Server b/a is stopping, changed from CLI. 1 active and 1 backup servers online. 0 sessions requeued, 0 total in queue.",
            "5 Server t/x is stopping via b/a. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "5 Server t/y is stopping via t/x. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "0 backend t has no server available!",
        ]),
        ("b/a stopping", &[]),
        ("b/c maint", &[
            "1 Server b/c is going DOWN for maintenance. 0 active and 1 backup servers left. Running on backup. 0 sessions active, 0 requeued, 0 remaining in queue.",
        ]),
        ("b/k drain", &[
            "5 Backup Server b/k enters drain state. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "0 backend b has no server available!",
        ]),
    ]);
    assert_eq!(
        (bench.status("b/a"), bench.status("b/c"), bench.status("b/k")),
        ("NOLB".into(), "MAINT".into(), "DRAIN".into())
    );
}

const CHECKED: &str = "backend b\n option httpchk\n http-check disable-on-404\n server a 127.0.0.1:1 check\n\
                       backend t\n server x 127.0.0.1:1 track b/a\n";

#[test]
fn checks_take_a_server_down_and_up() {
    let mut bench = Bench::new(CHECKED);
    bench.script(&[
        ("b/a ok", &[]),
        ("b/a 500", &[]),
        ("b/a 500", &[]),
        ("b/a 500", &[
            "1 Server b/a is DOWN, reason: Layer7 wrong status, code: 500, info: \"Err\", check duration: 3ms. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "0 backend b has no server available!",
            "1 Server t/x is DOWN via b/a. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "0 backend t has no server available!",
        ]),
        ("b/a 500", &[]),
        ("b/a maint", &[
            "5 Server b/a was DOWN and now enters maintenance.",
            "5 Server t/x was DOWN and now enters maintenance via b/a.",
        ]),
        ("b/a 500", &[]),
        ("b/a ready", &[
            "5 Server b/a is UP/READY (leaving forced maintenance).",
            "5 Server t/x is UP/READY (leaving maintenance).",
        ]),
        ("b/a refused", &[
            "1 Server b/a is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 3ms. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "0 backend b has no server available!",
            "1 Server t/x is DOWN via b/a. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "0 backend t has no server available!",
        ]),
        ("b/a drain", &[
            "5 Server b/a enters drain state. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "5 Server t/x enters drain state via b/a. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
        ]),
        ("b/a ok", &[]),
        ("b/a ok", &[
            "5 Server b/a is UP, reason: Layer7 check passed, code: 200, check duration: 3ms. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "5 Server t/x is UP via b/a. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
        ]),
        ("b/a ready", &["5 Server b/a is UP (leaving forced drain).", "5 Server t/x is UP (leaving drain) via b/a."]),
        ("b/a 404", &[
            "5 Server b/a is stopping, reason: Layer7 check conditionally passed, code: 404, check duration: 3ms. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "0 backend b has no server available!",
            "5 Server t/x is stopping via b/a. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "0 backend t has no server available!",
        ]),
        ("b/a 500", &[]),
        ("b/a 500", &[]),
        ("b/a 500", &[
            "5 Server b/a is DOWN, reason: Layer7 wrong status, code: 500, info: \"Err\", check duration: 3ms. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "5 Server t/x is DOWN via b/a. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
        ]),
    ]);
    let server = bench.server("b/a");
    assert_eq!((server.counters.total(Stat::ChecksFailed), server.counters.total(Stat::Downs)), (7, 3));
}

#[test]
fn trackers_have_flags_of_their_own() {
    let mut bench =
        Bench::new("backend b\n server a 127.0.0.1:1 check\nbackend t\n server x 127.0.0.1:1 track b/a\n");
    bench.run("b/a ok");
    bench.run("b/a maint");
    bench.script(&[
        ("t/x maint", &[]),
        ("t/x ready", &["5 Server t/x is leaving forced maintenance but remains in maintenance via b/a."]),
        ("t/x maint", &[]),
        ("b/a ready", &[
            "5 Server b/a is UP/READY (leaving forced maintenance).",
            "5 Server t/x remains in forced maintenance.",
        ]),
        ("t/x ready", &["5 Server t/x is UP/READY (leaving forced maintenance)."]),
        ("t/x drain", &[
            "5 Server t/x enters drain state. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "0 backend t has no server available!",
        ]),
        ("b/a drain", &[
            "5 Server b/a enters drain state. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "0 backend b has no server available!",
            "5 Server t/x remains in forced drain mode.",
        ]),
        ("t/x ready", &["5 Server t/x remains in drain mode via b/a."]),
        ("t/x drain", &["5 Server t/x remains in forced drain mode."]),
        ("b/a ready", &[
            "5 Server b/a is UP (leaving forced drain).",
            "5 Server t/x remains in forced drain mode.",
        ]),
        ("t/x ready", &["5 Server t/x is UP (leaving forced drain)."]),
    ]);
    bench.run("b/a down");
    bench.script(&[
        ("t/x maint", &["5 Server t/x was DOWN and now enters maintenance."]),
        ("t/x ready", &["5 Server t/x is DOWN/READY (leaving forced maintenance)."]),
        ("t/x maint", &["5 Server t/x was DOWN and now enters maintenance."]),
        (
            "t/x drain",
            &[
                "5 Server t/x is DOWN/DRAIN (leaving forced maintenance).",
                "5 Server t/x remains in forced drain mode.",
            ],
        ),
        ("t/x ready", &["5 Server t/x is DOWN (leaving forced drain)."]),
    ]);
}

#[test]
fn health_checks_in_the_log() {
    let mut bench = Bench::new(
        "backend b\n option log-health-checks\n server a 127.0.0.1:1 check\n server w 127.0.0.1:1 check weight 0\n",
    );
    bench.script(&[
        ("b/a ok", &["5 Health check for server b/a succeeded, reason: Layer7 check passed, code: 200, check duration: 3ms, status: 3/3 UP."]),
        ("b/a ok", &[]),
        ("b/a 500", &["5 Health check for server b/a failed, reason: Layer7 wrong status, code: 500, info: \"Err\", check duration: 3ms, status: 2/3 UP."]),
        ("b/a 500", &["5 Health check for server b/a failed, reason: Layer7 wrong status, code: 500, info: \"Err\", check duration: 3ms, status: 1/3 UP."]),
        ("b/a 500", &[
            "5 Health check for server b/a failed, reason: Layer7 wrong status, code: 500, info: \"Err\", check duration: 3ms, status: 0/2 DOWN.",
            "1 Server b/a is DOWN. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
            "0 backend b has no server available!",
        ]),
        ("b/a ok", &["5 Health check for server b/a succeeded, reason: Layer7 check passed, code: 200, check duration: 3ms, status: 1/2 DOWN."]),
        ("b/w 404", &[
            "5 Health check for server b/w conditionally succeeded, reason: Layer7 check conditionally passed, code: 404, check duration: 3ms, status: 3/3 DRAIN.",
            "5 Server b/w is stopping. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
        ]),
    ]);
}

#[test]
fn weights() {
    let mut bench = Bench::new(
        "backend w\n server a 127.0.0.1:1 weight 10\nbackend s\n balance static-rr\n server m 127.0.0.1:1 weight 10\n server n 127.0.0.1:1 weight 20\n",
    );
    bench.script(&[
        ("w/a weight 0", &["0 backend w has no server available!"]),
        ("w/a weight 50%", &[]),
        ("w/a weight +25", &[]),
        ("w/a weight 3000%", &[]),
    ]);
    assert_eq!(bench.server("w/a").status().weight, 256);
    let fixed = "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.";
    for (server, written, want) in [
        ("w/a", "300", Err("Absolute weight can only be between 0 and 256 inclusive.")),
        ("w/a", "-1", Err("Absolute weight can only be between 0 and 256 inclusive.")),
        ("w/a", "abc", Err("Empty weight string empty or preceded by garbage")),
        ("w/a", "%", Err("Empty weight string empty or preceded by garbage")),
        ("w/a", "5x", Err("Trailing garbage in weight string")),
        ("w/a", "-5%", Err("Relative weight must be positive.")),
        ("s/m", "5", Err(fixed)),
        ("s/m", "0", Ok(())),
        ("s/m", "100%", Ok(())),
    ] {
        assert_eq!(bench.world.set_weight(bench.at(server), written, START), want, "{server} {written}");
    }
}

#[test]
fn slow_start_ends_with_a_line() {
    let mut bench = Bench::new("backend b\n server a 127.0.0.1:1 slowstart 4s weight 10\n");
    let shown = |bench: &Bench| {
        let backend = bench.world.backend_named("b").unwrap();
        (backend.shown_weight(bench.server("b/a")), backend.throttle(bench.server("b/a")))
    };
    bench.run("b/a maint");
    assert_eq!(bench.run("b/a ready"), ["5 Server b/a is UP/READY (leaving forced maintenance)."]);
    assert_eq!((bench.server("b/a").op(), shown(&bench)), (OpState::Starting, (1, Some(6))));
    for (ms, want) in [(1000, (4, Some(31))), (2000, (6, Some(56))), (3000, (9, Some(81)))] {
        assert!(bench.world.warm_up(START + ms));
        assert_eq!(shown(&bench), want, "{ms}");
    }
    assert!(!bench.world.warm_up(START + 4000));
    assert_eq!((bench.server("b/a").op(), shown(&bench)), (OpState::Running, (10, None)));
    let lines = std::mem::take(&mut *bench.lines.0.lock().unwrap());
    assert_eq!(
        lines,
        ["5 Server b/a is UP. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue."]
    );
    assert_eq!(bench.server("b/a").status().last_change(START + 4500), 0);
}

#[test]
fn sessions_end_when_their_server_does() {
    let mut bench = Bench::new(
        "backend b\n server a 127.0.0.1:1 check on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions\n server k 127.0.0.1:1 backup\n",
    );
    assert_eq!(bench.run("b/a refused").first().unwrap(), "shutdown b/a Down");
    assert_eq!(bench.run("b/a up").first().unwrap(), "shutdown b/k Up");
    bench.world.shutdown_sessions(bench.at("b/a"));
    assert_eq!(bench.lines.0.lock().unwrap().pop().unwrap(), "shutdown b/a Killed");
}

fn wish<'a>(wanted: Option<u32>) -> AssignInput<'a> {
    AssignInput {
        thread: 0,
        now_ms: START,
        request: None,
        src: None,
        payload: b"",
        wanted: wanted.map(|server| Wanted { server: ServerIndex(server), forced: false }),
        avoid: None,
        priority: Priority::default(),
    }
}

#[test]
fn slots_queues_and_a_server_that_goes_away() {
    let mut bench =
        Bench::new("backend q\n server a 127.0.0.1:1 maxconn 1\n server b 127.0.0.1:2 maxconn 1\n");
    let backend = Arc::clone(bench.world.backend_named("q").unwrap());
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..4 {
        backend.streams.enter();
    }
    let Assign::Server { slot: a, balanced: false } = backend.assign(&wish(Some(0))) else {
        panic!("no slot")
    };
    let Assign::Server { slot: b, balanced: true } = backend.assign(&wish(None)) else { panic!("no slot") };
    assert_eq!((&**a.name(), &**b.name()), ("a", "b"));
    let Assign::Queued { ticket: own, .. } = backend.assign(&wish(Some(0))) else { panic!("not queued") };
    let Assign::Queued { ticket: common, .. } = backend.assign(&wish(None)) else { panic!("not queued") };
    let (mut own, mut common) = (pin!(own), pin!(common));
    assert!(own.as_mut().poll(&mut cx).is_pending() && common.as_mut().poll(&mut cx).is_pending());
    assert_eq!((bench.server("q/a").queue.current(), backend.queue.current()), (1, 1));
    assert_eq!(
        bench.run("q/a maint"),
        [
            "1 Server q/a is going DOWN for maintenance. 1 active and 0 backup servers left. 1 sessions active, 1 requeued, 0 remaining in queue.",
        ]
    );
    assert!(matches!(own.as_mut().poll(&mut cx), Poll::Ready(Dequeued::Rebalance)));
    assert!(common.as_mut().poll(&mut cx).is_pending());
    drop(b);
    let Poll::Ready(Dequeued::Server(slot)) = common.as_mut().poll(&mut cx) else { panic!("not served") };
    assert_eq!((&**slot.name(), common.leave().backend), ("b", 1));
    drop(slot);
    drop(a);
    assert_eq!((bench.server("q/a").streams.current(), bench.server("q/b").streams.current()), (0, 0));
    assert_eq!(backend.counters.total(Stat::Balanced), 1);
}

#[test]
fn a_dropped_ticket_gives_its_place_or_slot_back() {
    let bench = Bench::new("backend q\n server a 127.0.0.1:1 maxconn 1\n");
    let backend = bench.world.backend_named("q").unwrap();
    for _ in 0..3 {
        backend.streams.enter();
    }
    let Assign::Server { slot, .. } = backend.assign(&wish(None)) else { panic!("no slot") };
    let Assign::Queued { ticket: first, .. } = backend.assign(&wish(None)) else { panic!("not queued") };
    let Assign::Queued { ticket: second, .. } = backend.assign(&wish(None)) else { panic!("not queued") };
    drop(second);
    assert_eq!(backend.queue.current(), 1);
    // Granted, never polled: the slot is free again.
    drop(slot);
    assert_eq!(backend.queue.current(), 0);
    drop(first);
    assert!(matches!(backend.assign(&wish(None)), Assign::Server { .. }));
}

#[test]
fn state_lines() {
    let mut bench = Bench::new(TRACKED);
    bench.run("b/a ok");
    bench.now_ms += 2000;
    let line = |bench: &Bench, name: &str| bench.server(name).state_line(3, bench.now_ms, AnonKey::default());
    assert_eq!(line(&bench, "b/a"), "3 b 1 a 127.0.0.1 2 0 1 1 2 15 3 4 6 0 0 0 - 1 - 0 0 - - 0");
    assert_eq!(line(&bench, "b/c"), "3 b 2 c 127.0.0.1 2 0 10 10 2 1 0 2 0 0 0 0 - 2 - 0 0 - - 0");
    bench.run("b/a maint");
    assert_eq!(line(&bench, "b/a"), "3 b 1 a 127.0.0.1 0 1 1 1 0 15 3 0 14 0 0 0 - 1 - 0 0 - - 0");
    assert_eq!(line(&bench, "t/x"), "3 t 1 x 127.0.0.1 0 2 1 1 0 1 0 0 0 0 0 0 - 1 - 0 0 - - 0");
}

#[test]
fn addresses_change_at_run_time() {
    let bench = Bench::new("backend b\n server a 127.0.0.1:37001\n server z 127.0.0.1\n");
    let set = |name, ip, port| bench.world.set_address(bench.at(name), ip, port, "stats socket command");
    for (name, ip, port, want) in [
        ("b/a", "127.0.0.1", Some("99"), Ok("port changed from '37001' to '99' by 'stats socket command'")),
        (
            "b/a",
            "127.0.0.3",
            Some("98"),
            Ok(
                "IP changed from '127.0.0.1' to '127.0.0.3', port changed from '99' to '98' by 'stats socket command'",
            ),
        ),
        ("b/a", "127.0.0.3", Some("98"), Ok("nothing changed")),
        ("b/a", "127.0.0.3", Some("+5"), Ok("port changed from '98' to '+5' by 'stats socket command'")),
        ("b/a", "127.0.0.3", Some("-7"), Ok("port changed from '+5' to '+65529' by 'stats socket command'")),
        (
            "b/a",
            "127.0.0.3",
            Some("77777"),
            Ok("port changed from '+65529' to '12241' by 'stats socket command'"),
        ),
        ("b/a", "127.0.0.3", Some("abc"), Err("problem converting port 'abc' to an int")),
        ("b/a", "foo", None, Err("Invalid addr 'foo'")),
        ("b/z", "127.0.0.1", Some("99"), Ok("port changed from '+0' to '99' by 'stats socket command'")),
    ] {
        assert_eq!(
            set(name, ip, port),
            want.map(str::to_owned).map_err(str::to_owned),
            "{name} {ip} {port:?}"
        );
    }
    assert_eq!(bench.server("b/a").socket_address().unwrap().to_string(), "127.0.0.3:12241");
}
