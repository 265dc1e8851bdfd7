//! The soak: mixed load with everything that clients and origins do wrong, over reloads and without, and a reckoning after each part.
//!
//! Every request carries an id; its answer must carry it too, and body bytes in both directions are those that the id stands for.
//! Each round has a storm, in which workers are replaced every few seconds, and a steady part with one worker, whose counters, log,
//! memory and descriptors are compared with what the clients saw.
//!
//! SOAK_SECONDS (45), SOAK_SEED, SOAK_CLIENTS (16), SOAK_ONLY (names of scenarios); HAPROXY or SUBJECT=reference with REFERENCE choose the program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod client;
mod dice;
mod ledger;
mod origin;
mod plan;
mod report;
mod subject;
mod wire;

use client::{Client, Shared};
use ledger::{Counts, Ledger};
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use subject::{Subject, descriptors, resident, until};

/// How long everything may take to come to rest after the clients have stopped.
const REST: Duration = Duration::from_secs(40);
/// KiB that a worker may grow in the second half of a steady part, beside 5 per cent.
const GROWTH: u64 = 3072;

/// Lets the clients run, and waits until all of them rest.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        while !state.0 {
            state = self.changed.wait(state).unwrap();
        }
        state.1 += 1;
    }

    fn rest(&self) {
        self.state.lock().unwrap().1 -= 1;
        self.changed.notify_all();
    }

    fn open(&self) {
        self.state.lock().unwrap().0 = true;
        self.changed.notify_all();
    }

    /// Whether all clients came to rest in time.
    fn close(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.0 = false;
        let (state, _) = self.changed.wait_timeout_while(state, REST * 2, |state| state.1 > 0).unwrap();
        state.1 == 0
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn program() -> Result<(&'static str, PathBuf), String> {
    if std::env::var("SUBJECT").as_deref() == Ok("reference") {
        let prefix =
            std::env::var_os("REFERENCE").filter(|text| !text.is_empty()).ok_or("REFERENCE is not set")?;
        return Ok(("reference", PathBuf::from(prefix).join("haproxy-3.0")));
    }
    let beside =
        || -> Option<PathBuf> { Some(std::env::current_exe().ok()?.parent()?.parent()?.join("haproxy")) };
    let program =
        std::env::var_os("HAPROXY").filter(|text| !text.is_empty()).map(PathBuf::from).or_else(beside);
    program
        .filter(|path| path.exists())
        .map(|path| ("ours", path))
        .ok_or_else(|| "no haproxy: cargo build first".to_owned())
}

fn main() -> ExitCode {
    let (name, program) = match program() {
        Ok(found) => found,
        Err(error) => {
            println!("soak: {error}");
            return ExitCode::FAILURE;
        }
    };
    let since_1970 =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |time| time.as_secs());
    let seed = number("SOAK_SEED", since_1970);
    let seconds = number("SOAK_SECONDS", 45);
    let clients = number("SOAK_CLIENTS", 16);
    let mut report = Report::new(&format!("soak, {name}"));
    report.note(&format!(
        "SOAK_SEED={seed} SOAK_SECONDS={seconds} SOAK_CLIENTS={clients}, {}",
        program.display()
    ));
    if let Err(error) = soak(&program, seed, seconds, clients, &mut report) {
        report.check("the soak goes through", false, &error);
    }
    report.close()
}

fn soak(
    program: &std::path::Path,
    seed: u64,
    seconds: u64,
    clients: u64,
    report: &mut Report,
) -> Result<(), String> {
    let origins = Arc::new(origin::Counts::default());
    let (_held, refused) = origin::refused();
    let mut subject = Subject::start(program, origin::http(&origins), origin::echo(&origins), refused)?;
    let shared = Arc::new(Shared {
        ports: subject.ports,
        ledger: Ledger::default(),
        next_id: AtomicU64::new(1),
        only: std::env::var("SOAK_ONLY").unwrap_or_default(),
        reloading: AtomicBool::new(false),
    });
    let gate = Arc::new(Gate::default());
    for number in 0..clients {
        let (shared, gate) = (Arc::clone(&shared), Arc::clone(&gate));
        std::thread::spawn(move || {
            let mut client = Client::new(shared, seed.wrapping_mul(0x1000).wrapping_add(number));
            loop {
                gate.pass();
                client.run();
                gate.rest();
            }
        });
    }
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let (storm, steady) = if seconds <= 120 { (seconds * 2 / 5, seconds * 2 / 5) } else { (60, 240) };
    let mut master: Option<(usize, u64)> = None;
    for round in 1.. {
        report.heading(&format!("round {round}: {storm} s with reloads"));
        storm_part(&subject, &shared, &gate, storm, report)?;
        come_to_rest(&subject, &origins, report)?;
        // The worker of the steady part starts with counters of zero.
        subject.reload()?;
        let worker = only_worker(&subject)?;
        report.heading(&format!("round {round}: {steady} s with one worker"));
        steady_part(&subject, &shared, &gate, worker, steady, report)?;
        come_to_rest(&subject, &origins, report)?;
        reckon(&subject, &shared, worker, report)?;
        let now = (descriptors(subject.master()), resident(subject.master()));
        match master {
            None => master = Some(now),
            Some(first) => {
                report.check(
                    "the master's descriptors stay",
                    now.0 <= first.0,
                    &format!("{} -> {}", first.0, now.0),
                );
                let limit = first.1 + first.1 / 20 + GROWTH;
                report.check(
                    "the master's memory stays",
                    now.1 <= limit,
                    &format!("{} -> {} KiB", first.1, now.1),
                );
            }
        }
        if Instant::now() + Duration::from_secs((storm + steady) / 2) > deadline {
            break;
        }
    }
    report.heading("the end");
    let stopped = subject.stop();
    report.check("SIGUSR1 ends it", stopped.is_ok(), &stopped.err().unwrap_or_default());
    let output = subject.output();
    let bad: Vec<&str> = output
        .lines()
        .filter(|line| ["ALERT", "EMERG", "panick", "killed"].iter().any(|word| line.contains(word)))
        .collect();
    report.check("no alarm in its output", bad.is_empty(), &bad.join("\n"));
    report.check("no foreign request body at the origin", origins.foreign.load(Ordering::Relaxed) == 0, "");
    Ok(())
}

/// Prints and counts the failures of the clients.
fn judge_clients(shared: &Shared, counts: &Counts, report: &mut Report) {
    let (number, first) = shared.ledger.take_failures();
    for text in &first {
        report.note(text);
    }
    report.check("every answer is right", number == 0, &format!("{number} are not"));
    let scenarios: Vec<String> =
        counts.scenarios.iter().map(|(name, count)| format!("{name} {count}")).collect();
    report.note(&format!("{}", scenarios.join(", ")));
    report.note(&format!(
        "{} answers, {} requests given up, {} MB of body compared, {} idle connections closed under a request",
        counts.requests,
        counts.maybe_requests,
        counts.bytes / 1_000_000,
        counts.closed
    ));
    report.check("there was load", counts.requests > 100, "");
}

fn storm_part(
    subject: &Subject,
    shared: &Shared,
    gate: &Gate,
    seconds: u64,
    report: &mut Report,
) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    shared.reloading.store(true, Ordering::Relaxed);
    gate.open();
    let mut reloads = 0;
    while Instant::now() < deadline {
        subject.reload()?;
        reloads += 1;
        std::thread::sleep(Duration::from_secs(2));
    }
    let rested = gate.close();
    shared.reloading.store(false, Ordering::Relaxed);
    report.note(&format!("{reloads} reloads"));
    judge_clients(shared, &shared.ledger.take(), report);
    report.check("every client came to its end", rested, "");
    Ok(())
}

fn only_worker(subject: &Subject) -> Result<u32, String> {
    until("one worker", REST, || <[u32; 1]>::try_from(subject.workers()).ok())
        .map(|[worker]| worker)
        .map_err(|error| format!("{error}: {:?}", subject.workers()))
}

/// Nothing may be left: no stream, no old worker, no connection at the origin but idle ones.
fn come_to_rest(subject: &Subject, origins: &origin::Counts, report: &mut Report) -> Result<(), String> {
    let workers = until("old workers end", REST, || (subject.workers().len() == 1).then_some(()));
    report.check("the old workers are gone", workers.is_ok(), &format!("{:?}", subject.workers()));
    let mut streams = String::new();
    let quiet = until("no stream", REST, || {
        streams = subject.command("show sess").unwrap_or_else(|error| error);
        // The stats socket's own is listed by the stock program.
        streams.lines().filter(|line| !line.is_empty()).all(|line| line.contains("fe=GLOBAL")).then_some(())
    });
    report.check("show sess is empty", quiet.is_ok(), &streams);
    // A connection counts until its end is processed, a moment after the client has closed it.
    let mut busy = Vec::new();
    let _ = until("scur and qcur", REST, || {
        busy = subject.statistics().map_or_else(|error| vec![error], |rows| still_busy(&rows));
        busy.is_empty().then_some(())
    });
    // Half a second of nothing to do.
    let worker = only_worker(subject)?;
    let before = subject::cpu(worker);
    std::thread::sleep(Duration::from_millis(500));
    let used = subject::cpu(worker).saturating_sub(before);
    report.check(
        "the worker rests",
        used <= Duration::from_millis(100),
        &format!("{used:?} of CPU in half a second"),
    );
    report.check("scur and qcur are 0", busy.is_empty(), &busy.join(", "));
    report.note(&format!("{} connections at the origins", origins.open.load(Ordering::Relaxed)));
    Ok(())
}

fn still_busy(rows: &subject::Statistics) -> Vec<String> {
    let mut found = Vec::new();
    for ((proxy, name), row) in rows {
        for column in ["scur", "qcur"] {
            let value = row.get(column).copied().unwrap_or(0);
            if value != 0 {
                found.push(format!("{proxy}/{name} {column} {value}"));
            }
        }
    }
    found
}

fn steady_part(
    subject: &Subject,
    shared: &Shared,
    gate: &Gate,
    worker: u32,
    seconds: u64,
    report: &mut Report,
) -> Result<(), String> {
    *subject.log.lock().unwrap() = subject::Log::default();
    // Errors of the clients only, not of the reload before.
    drop(shared.ledger.take());
    gate.open();
    let started_at = Instant::now();
    let mut samples = Vec::new();
    while started_at.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_millis(200));
        samples.push(resident(worker));
    }
    let rested = gate.close();
    report.check("every client came to its end", rested, "");
    let peak = |from: usize, to: usize| {
        samples
            .iter()
            .skip(samples.len() * from / 10)
            .take(samples.len() * (to - from) / 10)
            .max()
            .copied()
            .unwrap_or(0)
    };
    let (warm, last) = (peak(3, 6), peak(8, 10));
    report.note(&format!(
        "resident: {} KiB at first, {warm} warm, {last} at last",
        samples.first().copied().unwrap_or(0)
    ));
    report.check(
        "memory is flat",
        last <= warm + warm / 20 + GROWTH,
        &format!("{warm} KiB -> {last} KiB, {samples:?}"),
    );
    report.check("the worker lives", subject.workers() == [worker], &format!("{:?}", subject.workers()));
    Ok(())
}

/// Compares what the worker counted and logged with what the clients saw.
fn reckon(subject: &Subject, shared: &Shared, worker: u32, report: &mut Report) -> Result<(), String> {
    let counts = shared.ledger.take();
    judge_clients(shared, &counts, report);
    let rows = subject.statistics()?;
    let column = |proxy: &str, name: &str, column: &str| {
        rows.get(&(proxy.to_owned(), name.to_owned())).and_then(|row| row.get(column)).copied().unwrap_or(0)
    };
    let mut within = |what: &str, value: u64, sure: u64, maybe: u64| {
        report.check(
            &format!("{what} is {value}"),
            (sure..=sure + maybe).contains(&value),
            &format!("the clients: {sure} to {}", sure + maybe),
        );
    };
    let maybe = counts.maybe_requests;
    within("req_tot", column("web", "FRONTEND", "req_tot"), counts.requests, maybe);
    for class in 2..=5 {
        let answers = counts.answers[class];
        within(
            &format!("hrsp_{class}xx"),
            column("web", "FRONTEND", &format!("hrsp_{class}xx")),
            answers,
            maybe,
        );
    }
    let backends = rows.iter().filter(|((proxy, name), _)| name == "BACKEND" && proxy != "raw");
    let sessions: u64 = backends.map(|(_, row)| row.get("stot").copied().unwrap_or(0)).sum();
    let (lines, nameless) = {
        let log = subject.log.lock().unwrap();
        (log.lines.len(), log.nameless)
    };
    report.note(&format!("backends: {sessions} streams; log: {lines} ids, {nameless} lines without one"));
    let sum = |name: &str| {
        rows.iter()
            .filter(|((_, row), _)| row == "BACKEND")
            .map(|(_, row)| row.get(name).copied().unwrap_or(0))
            .sum::<u64>()
    };
    report.note(&format!(
        "cli_abrt {}, srv_abrt {}, econ {}, eresp {}, wretr {}, wredis {}",
        sum("cli_abrt"),
        sum("srv_abrt"),
        sum("econ"),
        sum("eresp"),
        sum("wretr"),
        sum("wredis")
    ));
    let aborts = counts.scenarios.values().sum::<u64>() + counts.requests;
    report.check(
        "cli_abrt is plausible",
        sum("cli_abrt") <= aborts,
        &format!("{} of {aborts}", sum("cli_abrt")),
    );

    let dropped = subject.log_drops()
        + subject
            .command("show info")?
            .lines()
            .find_map(|line| line.strip_prefix("DroppedLogs: ")?.parse().ok())
            .unwrap_or(0);
    let missing = || {
        let log = subject.log.lock().unwrap();
        counts
            .statuses
            .iter()
            .filter(|(id, _)| !log.lines.contains_key(id))
            .map(|(id, status)| format!("{id:016x} ({status})"))
            .collect::<Vec<_>>()
    };
    let complete =
        until("log", Duration::from_secs(10), || (missing().len() as u64 <= dropped).then_some(()));
    let left = missing();
    report.check(
        "every answer is logged",
        complete.is_ok(),
        &format!(
            "{} are not, {dropped} dropped: {}",
            left.len(),
            left.iter().take(10).cloned().collect::<Vec<_>>().join(" ")
        ),
    );
    let log = subject.log.lock().unwrap();
    let twice: Vec<String> = log
        .lines
        .iter()
        .filter(|(_, line)| line.0 > 1)
        .map(|(id, line)| format!("{id:016x} x{}", line.0))
        .collect();
    report.check("none is logged twice", twice.is_empty(), &twice.join(" "));
    let other: Vec<String> = counts
        .statuses
        .iter()
        .filter_map(|(id, status)| {
            log.lines
                .get(id)
                .filter(|line| line.1 != *status)
                .map(|line| format!("{id:016x} {status} logged {}", line.1))
        })
        .collect();
    report.check("the log has the clients' status", other.is_empty(), &other.join(" "));
    drop(log);

    // What is left open at rest: listeners, pipes, the log socket, idle connections to the servers.
    let open = descriptors(worker);
    report.check(&format!("{open} descriptors at rest"), open < 200, "");
    Ok(())
}
