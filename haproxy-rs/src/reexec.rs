//! What the master tells itself over a re-execution: its children and its counts, in the environment
//! (haproxy-algorithms, part 6: `HAPROXY_PROCESSES` and its neighbours).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use sys::process;

/// A worker as its master knows it.
#[derive(Debug)]
pub(crate) struct WorkerRecord {
    /// Process id.
    pub(crate) pid: i32,
    /// The master's end of the socket pair to it.
    pub(crate) pair: OwnedFd,
    /// Reloads that it has survived; 0 for the one that the last successful start made.
    pub(crate) reloads: u32,
    /// Start, seconds since 1970.
    pub(crate) started: i64,
    /// Version of the program that made it.
    pub(crate) version: String,
    /// Whether it is to finish: a successful reload has replaced it.
    pub(crate) leaving: bool,
}

/// Everything that survives a re-execution.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Workers, the newest first.
    pub(crate) workers: Vec<WorkerRecord>,
    /// Reloads asked for since the start, successful or not.
    pub(crate) reloads: u32,
    /// Failed ones since the last successful one.
    pub(crate) failed_reloads: u32,
    /// Start of the master, seconds since 1970.
    pub(crate) started: i64,
    /// Whether the replaced worker is to be terminated (`hard-reload`).
    pub(crate) hard: bool,
    /// Whether the other workers go on when the current one dies (`no-exit-on-failure`).
    pub(crate) keep_on_failure: bool,
    /// The connection of the master CLI that waits for the result.
    pub(crate) reply: Option<OwnedFd>,
}

const PROCESSES: &str = "HAPROXY_PROCESSES";
const AGAIN: &str = "HAPROXY_MWORKER_REEXEC";
const HARD: &str = "HAPROXY_RS_HARD_RELOAD";
const KEEP: &str = "HAPROXY_RS_NO_EXIT_ON_FAILURE";
const REPLY: &str = "HAPROXY_RS_RELOAD_REPLY_FD";

impl State {
    /// What an earlier self left in the environment; none for a first start.
    pub(crate) fn from_environment() -> Option<Self> {
        let text = |name: &str| std::env::var(name).ok();
        text(AGAIN)?;
        let mut state = Self::decode(&text(PROCESSES)?, |fd| sys::inherited::take(fd).ok());
        state.hard = text(HARD).is_some();
        state.keep_on_failure = text(KEEP).is_some();
        state.reply = text(REPLY).and_then(|fd| fd.parse().ok()).and_then(|fd| sys::inherited::take(fd).ok());
        // Only this program's own children count: a pid may have ended and been given to somebody else while nobody looked.
        Some(state)
    }

    /// Whether a variable is only for the next self.
    pub(crate) fn owns(variable: &str) -> bool {
        [PROCESSES, AGAIN, HARD, KEEP, REPLY].contains(&variable)
    }

    /// The environment for the next self.
    pub(crate) fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        for name in [HARD, KEEP, REPLY] {
            environment.remove(&OsString::from(name));
        }
        let mut set = |name: &str, value: String| environment.insert(name.into(), value.into());
        set(AGAIN, "1".to_owned());
        set(PROCESSES, self.encode());
        if self.hard {
            set(HARD, "1".to_owned());
        }
        if self.keep_on_failure {
            set(KEEP, "1".to_owned());
        }
        if let Some(reply) = &self.reply {
            set(REPLY, process::number(reply).to_string());
        }
        environment.into_iter().collect()
    }

    /// The descriptors that must survive.
    pub(crate) fn descriptors(&self) -> Vec<&OwnedFd> {
        self.workers.iter().map(|worker| &worker.pair).chain(&self.reply).collect()
    }

    fn encode(&self) -> String {
        let mut text = format!(
            "|type=m;fd=-1;cfd=-1;pid={};reloads={};failedreloads={};timestamp={};id=;version=",
            std::process::id(),
            self.reloads,
            self.failed_reloads,
            self.started
        );
        for worker in &self.workers {
            let _ = write!(
                text,
                "|type=w;fd={};cfd=-1;pid={};reloads={};failedreloads=0;timestamp={};id={};version={}",
                process::number(&worker.pair),
                worker.pid,
                worker.reloads,
                worker.started,
                if worker.leaving { "old" } else { "" },
                worker.version
            );
        }
        text
    }

    fn decode(text: &str, open: impl Fn(i32) -> Option<OwnedFd>) -> Self {
        let mut state = Self::default();
        for entry in text.split('|').filter(|entry| !entry.is_empty()) {
            let fields: BTreeMap<&str, &str> =
                entry.split(';').filter_map(|field| field.split_once('=')).collect();
            let number =
                |name: &str| fields.get(name).and_then(|value| value.parse::<i64>().ok()).unwrap_or(0);
            let small = |name: &str| u32::try_from(number(name)).unwrap_or(0);
            match fields.get("type") {
                Some(&"m") => {
                    state.reloads = small("reloads");
                    state.failed_reloads = small("failedreloads");
                    state.started = number("timestamp");
                }
                Some(&"w") => {
                    let Ok(pid) = i32::try_from(number("pid")) else { continue };
                    let Some(pair) = i32::try_from(number("fd")).ok().and_then(&open) else { continue };
                    state.workers.push(WorkerRecord {
                        pid,
                        pair,
                        reloads: small("reloads"),
                        started: number("timestamp"),
                        version: fields.get("version").map_or_else(String::new, |v| (*v).to_owned()),
                        leaving: fields.get("id") == Some(&"old"),
                    });
                }
                // Programs of the configuration (`program` sections) are not built; others' entries mean nothing here.
                _ => {}
            }
        }
        state
    }
}

/// The arguments for the next self: as given, without what concerned only the first start (`-sf`, `-st`, `-x`).
pub(crate) fn lasting_arguments(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut lasting = Vec::new();
    let mut arguments = arguments.peekable();
    lasting.extend(arguments.next());
    let starts_with_dash = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
    while let Some(word) = arguments.next() {
        match word.to_str() {
            Some("-sf" | "-st") => while arguments.next_if(|next| !starts_with_dash(next)).is_some() {},
            Some(option) if option.starts_with("-x") => drop(arguments.next()),
            Some("--") => {
                lasting.push(word);
                lasting.extend(arguments.by_ref());
            }
            // Options with a value: the value is not looked at.
            Some(option)
                if option == "-cc"
                    || ["-f", "-C", "-p", "-L", "-S", "-n", "-N", "-m"]
                        .iter()
                        .any(|o| option.starts_with(o)) =>
            {
                lasting.push(word);
                lasting.extend(arguments.next());
            }
            _ => lasting.push(word),
        }
    }
    lasting
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn workers_and_counts_survive() {
        let pair = || process::socket_pair().unwrap().0;
        let worker = |pid, reloads, leaving| WorkerRecord {
            pid,
            pair: pair(),
            reloads,
            started: 1_795_392_067,
            version: "3.0.11-rs0.1.0".to_owned(),
            leaving,
        };
        let state = State {
            workers: vec![worker(12, 0, false), worker(11, 2, true)],
            reloads: 3,
            failed_reloads: 1,
            started: 77,
            ..State::default()
        };
        let back = State::decode(&state.encode(), |_| Some(pair()));
        assert_eq!((back.reloads, back.failed_reloads, back.started), (3, 1, 77));
        let told: Vec<_> = back.workers.iter().map(|w| (w.pid, w.reloads, w.leaving, w.started)).collect();
        assert_eq!(told, [(12, 0, false, 1_795_392_067), (11, 2, true, 1_795_392_067)]);
        assert!(back.workers.iter().all(|w| w.version == "3.0.11-rs0.1.0"));
    }

    #[test]
    fn garbage_is_no_process() {
        let state = State::decode("|type=w;fd=x;pid=|type=q|||=;=", |_| None);
        assert!(state.workers.is_empty());
    }

    #[test]
    fn arguments_of_the_first_start_do_not_last() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let lasting = lasting_arguments(words("haproxy -W -sf 1 2 -p /p -x /s -f -sf -- -x").into_iter());
        assert_eq!(lasting, words("haproxy -W -p /p -f -sf -- -x"));
    }
}
