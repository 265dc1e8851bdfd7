//! Tracked processes: how many of each there are. keepalived.conf(5), `vrrp_track_process`.
//!
//! The kernel's process connector tells of every start and end. Where it does not (no such kernel option, a network
//! namespace other than the first, no privilege) /proc is read once a second instead.

mod connector;
mod matching;
mod quorum;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use keepalived_config::resolved::{Config, TrackProcess, TrackerKind};
use vrrp::{Reading, TrackerId};

use crate::log::normal;
use connector::{Change, Connector};
use quorum::{Quorum, Why};

/// Between two looks at /proc where the kernel tells nothing.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long the kernel may take to confirm that it will tell.
const CONFIRMATION: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct Tracked {
    id: TrackerId,
    name: String,
    config: TrackProcess,
    /// The processes that match.
    found: HashSet<i32>,
    quorum: Quorum,
}

/// Where news come from.
#[derive(Debug)]
enum Source {
    /// Nothing is tracked.
    None,
    /// The kernel was asked to tell and has not confirmed.
    Asked { connector: Connector, until: Instant },
    /// The kernel tells.
    Told { connector: Connector },
    /// Nobody tells.
    Polled { at: Instant },
}

/// Watches the processes of a configuration.
#[derive(Debug)]
pub(crate) struct Processes {
    tracked: Vec<Tracked>,
    source: Source,
}

impl Processes {
    pub(crate) fn new() -> Self {
        Self { tracked: Vec::new(), source: Source::None }
    }

    /// Watches what the configuration names and counts what runs. Call it in a tokio runtime.
    pub(crate) fn configure(&mut self, config: &Config, now: Instant) {
        self.tracked.clear();
        for (index, tracker) in config.trackers.iter().enumerate() {
            if let TrackerKind::Process(process) = &tracker.kind {
                self.tracked.push(Tracked {
                    id: TrackerId(index),
                    name: tracker.name.clone(),
                    config: process.clone(),
                    found: HashSet::new(),
                    quorum: Quorum::new(process),
                });
            }
        }
        if self.tracked.is_empty() {
            self.source = Source::None;
            return;
        }
        if let Source::None = self.source {
            self.source = match Connector::open(config.global.daemon.process_monitor_buffer) {
                Ok(connector) => Source::Asked { connector, until: now + CONFIRMATION },
                Err(error) => {
                    let why = sys::process::error_text(&error);
                    let number = error.raw_os_error().unwrap_or(0);
                    normal!("Failed to set process event listen - errno {number} - {why}");
                    polled(now)
                }
            };
        }
        self.scan(now, Why::Exec);
    }

    /// What every tracker says now.
    pub(crate) fn readings(&self) -> Vec<(TrackerId, Reading)> {
        self.tracked.iter().map(|t| (t.id, reading(t.quorum.is_good()))).collect()
    }

    /// How many processes of a tracker run.
    pub(crate) fn running(&self, id: TrackerId) -> usize {
        self.tracked.iter().find(|tracked| tracked.id == id).map_or(0, |tracked| tracked.found.len())
    }

    /// When [`Processes::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let source = match &self.source {
            Source::Asked { until, .. } => Some(*until),
            Source::Polled { at } => Some(*at),
            Source::None | Source::Told { .. } => None,
        };
        source.into_iter().chain(self.tracked.iter().filter_map(|t| t.quorum.poll_timeout())).min()
    }

    /// Does what is due; returns what changed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<(TrackerId, Reading)> {
        match self.source {
            Source::Asked { until, .. } if until <= now => {
                normal!(
                    "WARNING - the kernel does not support proc events - looking at /proc every second instead"
                );
                self.source = polled(now);
            }
            Source::Polled { at } if at <= now => {
                self.source = polled(now);
                self.scan(now, Why::Fork);
            }
            Source::None | Source::Asked { .. } | Source::Told { .. } | Source::Polled { .. } => {}
        }
        for tracked in &mut self.tracked {
            tracked.quorum.handle_timeout(now);
        }
        self.changes()
    }

    /// Waits until the kernel tells something. Cancel safe.
    pub(crate) async fn news(&mut self) {
        match &self.source {
            Source::Asked { connector, .. } | Source::Told { connector } => connector.readable().await,
            Source::None | Source::Polled { .. } => std::future::pending().await,
        }
    }

    /// Reads what the kernel told; returns what changed.
    pub(crate) fn receive(&mut self, now: Instant) -> Vec<(TrackerId, Reading)> {
        let events = match &mut self.source {
            Source::Asked { connector, .. } | Source::Told { connector } => connector.receive(),
            Source::None | Source::Polled { .. } => return Vec::new(),
        };
        for event in events {
            match event {
                Change::Confirmed => {
                    if let Source::Asked { connector, .. } = std::mem::replace(&mut self.source, Source::None)
                    {
                        self.source = Source::Told { connector };
                    }
                    // What happened before the kernel began to tell.
                    self.scan(now, Why::Exec);
                }
                Change::Refused(errno) => {
                    let why = nix::errno::Errno::from_raw(errno);
                    normal!("Failed to set process event listen - errno {errno} - {}", why.desc());
                    self.source = polled(now);
                }
                Change::Forked(pid) => self.look(pid, now, Why::Fork),
                Change::Renamed(pid) => self.look(pid, now, Why::Exec),
                Change::Ended(pid) => {
                    for tracked in &mut self.tracked {
                        if tracked.found.remove(&pid) {
                            tracked.quorum.counted(tracked.found.len(), Why::Exit, now);
                        }
                    }
                }
                Change::Overrun => {
                    normal!("Process event buffer overrun - consider increasing process_monitor_rcv_bufs");
                    self.scan(now, Why::Exec);
                }
            }
        }
        self.changes()
    }

    fn look(&mut self, pid: i32, now: Instant, why: Why) {
        let process = matching::Process::read(pid);
        for tracked in &mut self.tracked {
            let matches = process.as_ref().is_some_and(|p| p.matches(&tracked.config));
            let changed = if matches { tracked.found.insert(pid) } else { tracked.found.remove(&pid) };
            if changed {
                tracked.quorum.counted(tracked.found.len(), why, now);
            }
        }
    }

    /// Counts everything anew. `why`: what an increase is taken for; a decrease then is an end.
    fn scan(&mut self, now: Instant, why: Why) {
        let all = matching::all();
        for tracked in &mut self.tracked {
            let found: HashSet<i32> =
                all.iter().filter(|p| p.matches(&tracked.config)).map(|p| p.pid).collect();
            let less = found.len() < tracked.found.len();
            tracked.found = found;
            let why = if less && why == Why::Fork { Why::Exit } else { why };
            tracked.quorum.counted(tracked.found.len(), why, now);
        }
    }

    fn changes(&mut self) -> Vec<(TrackerId, Reading)> {
        let mut changes = Vec::new();
        for tracked in &mut self.tracked {
            if let Some(good) = tracked.quorum.take_change() {
                let what = if good { "gained" } else { "lost" };
                normal!("Quorum {what} for tracked process {}", tracked.name);
                changes.push((tracked.id, reading(good)));
            }
        }
        changes
    }
}

fn polled(now: Instant) -> Source {
    Source::Polled { at: now + POLL_INTERVAL }
}

fn reading(good: bool) -> Reading {
    if good { Reading::Good } else { Reading::Bad }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use keepalived_config::resolved::{ParamMatch, Tracker};

    /// With the connector or without it: a process of ours comes and goes.
    #[test]
    fn a_process_that_starts_and_ends_is_noticed() {
        let unique = format!("{}.25", 100_000 + std::process::id());
        let process = TrackProcess {
            process: "sleep".into(),
            parameters: vec![unique.clone()],
            matching: ParamMatch::Exact,
            full_command: true,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        };
        let mut config = Config::default();
        config.trackers.push(Tracker {
            name: "tp".into(),
            kind: TrackerKind::Process(process),
            weight: 1,
            reverse: false,
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut processes = Processes::new();
            processes.configure(&config, Instant::now());
            assert_eq!(processes.readings(), [(TrackerId(0), Reading::Bad)]);
            let mut child = std::process::Command::new("sleep").arg(&unique).spawn().unwrap();
            assert_eq!(change(&mut processes).await, [(TrackerId(0), Reading::Good)]);
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(change(&mut processes).await, [(TrackerId(0), Reading::Bad)]);
        });
    }

    async fn change(processes: &mut Processes) -> Vec<(TrackerId, Reading)> {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            assert!(Instant::now() < until, "no change was noticed");
            let at = processes.poll_timeout().unwrap_or(until).min(until);
            let changes = tokio::select! {
                () = processes.news() => processes.receive(Instant::now()),
                () = tokio::time::sleep_until(at.into()) => processes.handle_timeout(Instant::now()),
            };
            if !changes.is_empty() {
                return changes;
            }
        }
    }
}
