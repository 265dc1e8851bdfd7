#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;

fn config(interval: u64, timeout: u64, rise: u32, fall: u32) -> ScriptConfig {
    ScriptConfig {
        name: "chk".into(),
        interval: Duration::from_secs(interval),
        timeout: Duration::from_secs(timeout),
        rise,
        fall,
        init_fail: false,
        identity: "chk".into(),
    }
}

fn secs(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

struct Bench {
    script: Script,
    t0: Instant,
    out: Vec<ScriptOutput>,
}

impl Bench {
    fn new(config: ScriptConfig) -> Self {
        let t0 = Instant::now();
        let mut script = Script::new(config);
        script.start(t0);
        Self { script, t0, out: Vec::new() }
    }

    fn at(&mut self, s: f64) -> Vec<ScriptOutput> {
        let out = &mut self.out;
        self.script.handle_timeout(self.t0 + secs(s), |o| out.push(o));
        std::mem::take(&mut self.out)
    }

    fn end(&mut self, result: ScriptResult) -> (bool, Vec<ScriptOutput>) {
        let out = &mut self.out;
        let changed = self.script.handle_result(result, |o| out.push(o));
        (changed, std::mem::take(&mut self.out))
    }

    fn due(&self) -> f64 {
        (self.script.poll_timeout().unwrap() - self.t0).as_secs_f64()
    }
}

#[test]
fn runs_are_counted_from_start_to_start() {
    let mut b = Bench::new(config(2, 2, 1, 1));
    assert_eq!(b.due(), 0.0);
    assert_eq!(b.at(0.0), [ScriptOutput::Run]);
    let (changed, log) = b.end(ScriptResult::Exited(0));
    assert!(changed);
    assert_eq!(log, [ScriptOutput::Log(ScriptEvent::Succeeded)]);
    assert_eq!(b.due(), 2.0);
    // A late call does not move the schedule.
    assert_eq!(b.at(2.3), [ScriptOutput::Run]);
    b.end(ScriptResult::Exited(0));
    assert_eq!(b.due(), 4.0);
    // A pause longer than an interval: one run, no catching up.
    assert_eq!(b.at(11.0), [ScriptOutput::Run]);
    b.end(ScriptResult::Exited(0));
    assert_eq!(b.due(), 13.0);
}

#[test]
fn the_first_result_decides_then_rise_and_fall_count() {
    let mut b = Bench::new(config(2, 2, 2, 2));
    assert_eq!(b.script.health(), Health::Unknown);
    assert!(b.end(ScriptResult::Exited(0)).0);
    assert_eq!(b.script.health(), Health::Good);
    let (changed, log) = b.end(ScriptResult::Exited(3));
    assert!(!changed);
    assert_eq!(log, [ScriptOutput::Log(ScriptEvent::NowReturning(3))]);
    let (changed, log) = b.end(ScriptResult::Exited(3));
    assert!(changed);
    assert_eq!(log, [ScriptOutput::Log(ScriptEvent::Failed(Failure::Exited(3)))]);
    assert_eq!(b.script.health(), Health::Bad);
    assert!(!b.end(ScriptResult::Exited(0)).0);
    // A failure in between starts over.
    assert!(!b.end(ScriptResult::Exited(3)).0);
    assert!(!b.end(ScriptResult::Exited(0)).0);
    assert!(b.end(ScriptResult::Exited(0)).0);

    let mut b = Bench::new(config(2, 2, 2, 2));
    assert!(b.end(ScriptResult::Exited(1)).0, "one failure decides as well");
    assert_eq!(b.script.health(), Health::Bad);
}

#[test]
fn a_success_between_failures_restores_the_whole_distance() {
    let mut b = Bench::new(config(1, 1, 1, 3));
    b.end(ScriptResult::Exited(0));
    for _ in 0..2 {
        assert!(!b.end(ScriptResult::Exited(1)).0);
    }
    b.end(ScriptResult::Exited(0));
    for _ in 0..2 {
        assert!(!b.end(ScriptResult::Exited(1)).0);
    }
    assert!(b.end(ScriptResult::Exited(1)).0);
}

#[test]
fn a_hung_run_is_terminated_then_killed_and_runs_meanwhile_are_skipped() {
    let mut b = Bench::new(config(3, 2, 1, 1));
    b.script.started(42);
    assert_eq!(b.at(0.0), [ScriptOutput::Run]);
    assert_eq!(b.due(), 2.0);
    assert_eq!(b.at(2.0), [ScriptOutput::Signal(ScriptSignal::Term)]);
    assert_eq!(b.due(), 3.0);
    assert_eq!(b.at(3.0), [ScriptOutput::Log(ScriptEvent::BeingTimedOut)]);
    assert_eq!(b.due(), 4.0);
    assert_eq!(b.at(4.0), [ScriptOutput::Signal(ScriptSignal::Kill)]);
    assert_eq!(
        b.at(6.0),
        [
            ScriptOutput::Log(ScriptEvent::BeingTimedOut),
            ScriptOutput::Log(ScriptEvent::FailedToDie(42)),
            ScriptOutput::Signal(ScriptSignal::Kill),
            ScriptOutput::Log(ScriptEvent::Failed(Failure::TimedOut))
        ]
    );
    assert_eq!(b.script.health(), Health::Bad, "what survives SIGKILL has failed");
    let (changed, log) = b.end(ScriptResult::Signalled(9));
    assert!(!changed && log.is_empty());
    assert_eq!(b.due(), 9.0);
    assert_eq!(b.at(9.0), [ScriptOutput::Run]);
}

#[test]
fn signals_that_are_not_ours_and_files_that_cannot_run_are_failures() {
    let mut b = Bench::new(config(1, 1, 1, 1));
    b.at(0.0);
    let (_, log) = b.end(ScriptResult::Signalled(15));
    assert_eq!(log, [ScriptOutput::Log(ScriptEvent::Failed(Failure::Signalled(15)))]);
    let mut b = Bench::new(config(1, 1, 1, 1));
    b.at(0.0);
    assert!(b.end(ScriptResult::NotExecuted).0);
    assert_eq!(b.script.health(), Health::Bad);
    let mut b = Bench::new(config(1, 1, 1, 1));
    b.at(0.0);
    assert!(!b.end(ScriptResult::Lost).0);
    assert_eq!(b.script.health(), Health::Unknown);
    assert_eq!(b.script.run(), Run::Idle);
}

#[test]
fn a_reload_keeps_distances() {
    let now = Instant::now();
    let mut old = Script::new(config(1, 1, 2, 5));
    old.handle_result(ScriptResult::Exited(0), |_| {});
    old.handle_result(ScriptResult::Exited(1), |_| {});
    assert_eq!(old.counter(), 5); // three above rise
    let new = Script::adopt(config(1, 1, 3, 2), &old, now);
    assert_eq!(new.counter(), 4); // clipped to rise + fall - 1
    assert_eq!(new.health(), Health::Good);
    for _ in 0..5 {
        old.handle_result(ScriptResult::Exited(1), |_| {});
    }
    assert_eq!((old.counter(), old.health()), (0, Health::Bad));
    let new = Script::adopt(config(1, 1, 5, 1), &old, now);
    assert_eq!(new.counter(), 3, "two successes away, as before");
}

#[test]
fn a_run_that_uses_its_whole_interval_is_still_running_when_the_next_is_due() {
    let mut b = Bench::new(config(1, 1, 1, 1));
    b.at(0.0);
    let log = b.at(1.0);
    assert_eq!(
        log,
        [ScriptOutput::Log(ScriptEvent::AlreadyRunning), ScriptOutput::Signal(ScriptSignal::Term)]
    );
    b.end(ScriptResult::Signalled(15));
    assert_eq!(b.due(), 2.0);
}
