//! A tracked script: when it runs, when its run has taken too long, and whether it counts as good.
//!
//! Runs start at once and then every `interval`, counted from start to start. A run that takes longer than `timeout`
//! gets SIGTERM, two seconds later SIGKILL; the schedule goes on meanwhile and skips what would overlap.
//! The counter `r` runs from 0 to rise + fall - 1; good means r >= rise.

use std::time::{Duration, Instant};

use crate::config::ScriptConfig;
use crate::event::{Failure, ScriptEvent};
use crate::track::Health;

/// From SIGTERM to SIGKILL, and from SIGKILL to the first complaint.
const KILL_DELAY: Duration = Duration::from_secs(2);
/// Between further SIGKILLs.
const KILL_AGAIN: Duration = Duration::from_secs(10);

/// How a run ended, as the shell saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptResult {
    /// Exit status.
    Exited(i32),
    /// Ended by this signal.
    Signalled(i32),
    /// The file could not be executed.
    NotExecuted,
    /// The process is gone and nobody knows how it ended: no result.
    Lost,
}

/// What the shell has to send to the script's process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptSignal {
    /// SIGTERM.
    Term,
    /// SIGKILL.
    Kill,
}

/// What a script asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptOutput {
    /// Start it.
    Run,
    /// Signal its process group.
    Signal(ScriptSignal),
    /// A log line.
    Log(ScriptEvent),
}

/// ```text
///  Idle --due--> Running --timeout--> Terminating --2 s--> Killed (SIGKILL again after 2 s, then every 10 s)
///    ^______________|______________________|___________________|   any end of the process
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// No process.
    Idle,
    /// A process that is in time.
    Running {
        /// When it has taken too long.
        timeout_at: Instant,
    },
    /// SIGTERM was sent.
    Terminating {
        /// When SIGKILL follows.
        kill_at: Instant,
    },
    /// SIGKILL was sent.
    Killed {
        /// When it is complained about and repeated.
        again_at: Instant,
    },
}

/// One tracked script.
#[derive(Clone, Debug)]
pub struct Script {
    config: ScriptConfig,
    /// 0 ..= rise + fall - 1.
    counter: u32,
    health: Health,
    last_status: i32,
    run: Run,
    pid: u32,
    next_run_at: Option<Instant>,
}

impl Script {
    /// A script that has never run: its first result decides. With `init_fail` it counts as failing until then (the
    /// original accepts the word and forgets it for every script that is tracked).
    pub fn new(config: ScriptConfig) -> Self {
        let counter = config.rise.max(1) - 1;
        let health = if config.init_fail { Health::Bad } else { Health::Unknown };
        Self { config, counter, health, last_status: 0, run: Run::Idle, pid: 0, next_run_at: None }
    }

    /// Takes over results and the running process of the same script before a reload, rescaled to the new rise and
    /// fall: a bad script keeps its distance to becoming good, a good one its distance above it.
    pub fn adopt(config: ScriptConfig, old: &Self, now: Instant) -> Self {
        let (rise, old_rise) = (config.rise.max(1), old.config.rise.max(1));
        let maximum = rise + config.fall.max(1) - 1;
        let counter = if old.counter >= old_rise {
            rise.saturating_add(old.counter - old_rise).min(maximum)
        } else {
            rise.saturating_sub(old_rise - old.counter)
        };
        let next_run_at = old.next_run_at.map(|at| at.min(now + config.interval));
        Self {
            config,
            counter,
            health: old.health,
            last_status: old.last_status,
            run: old.run,
            pid: old.pid,
            next_run_at,
        }
    }

    /// Its settings.
    pub fn config(&self) -> &ScriptConfig {
        &self.config
    }

    /// Good, bad or not reported yet.
    pub fn health(&self) -> Health {
        self.health
    }

    /// The success counter, 0 ..= rise + fall - 1.
    pub fn counter(&self) -> u32 {
        self.counter
    }

    /// The exit status of the last run that had one.
    pub fn last_status(&self) -> i32 {
        self.last_status
    }

    /// What its process is doing.
    pub fn run(&self) -> Run {
        self.run
    }

    /// Starts the schedule: the first run is due at once.
    pub fn start(&mut self, now: Instant) {
        if self.next_run_at.is_none() {
            self.next_run_at = Some(now);
        }
    }

    /// The shell started the process.
    pub fn started(&mut self, pid: u32) {
        self.pid = pid;
    }

    /// When [`Script::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let process = match self.run {
            Run::Idle => None,
            Run::Running { timeout_at } => Some(timeout_at),
            Run::Terminating { kill_at } => Some(kill_at),
            Run::Killed { again_at } => Some(again_at),
        };
        match (process, self.next_run_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Runs what is due at `now`. Returns true when the script's health changed: a process that survives SIGKILL (a
    /// file server that is gone) counts as a failure each time, or the last good result would stand for ever.
    pub fn handle_timeout(&mut self, now: Instant, mut out: impl FnMut(ScriptOutput)) -> bool {
        // The schedule first: a run that ends its time right when the next one is due is still running.
        let run = self.run;
        if self.next_run_at.is_some_and(|at| at <= now) {
            self.run_due(now, &mut out);
        }
        match run {
            Run::Running { timeout_at } if timeout_at <= now => {
                self.run = Run::Terminating { kill_at: now + KILL_DELAY };
                out(ScriptOutput::Signal(ScriptSignal::Term));
            }
            Run::Terminating { kill_at } if kill_at <= now => {
                self.run = Run::Killed { again_at: now + KILL_DELAY };
                out(ScriptOutput::Signal(ScriptSignal::Kill));
            }
            Run::Killed { again_at } if again_at <= now => {
                self.run = Run::Killed { again_at: now + KILL_AGAIN };
                out(ScriptOutput::Log(ScriptEvent::FailedToDie(self.pid)));
                out(ScriptOutput::Signal(ScriptSignal::Kill));
                return self.fail(Failure::TimedOut, out);
            }
            Run::Idle | Run::Running { .. } | Run::Terminating { .. } | Run::Killed { .. } => {}
        }
        false
    }

    fn run_due(&mut self, now: Instant, mut out: impl FnMut(ScriptOutput)) {
        // From start to start; after a pause longer than an interval the missed runs are not made up for.
        let due = self.next_run_at.unwrap_or(now) + self.config.interval;
        self.next_run_at = Some(if due > now { due } else { now + self.config.interval });
        match self.run {
            Run::Idle => {
                self.run = Run::Running { timeout_at: now + self.config.timeout };
                out(ScriptOutput::Run);
            }
            Run::Running { .. } => out(ScriptOutput::Log(ScriptEvent::AlreadyRunning)),
            Run::Terminating { .. } | Run::Killed { .. } => {
                out(ScriptOutput::Log(ScriptEvent::BeingTimedOut))
            }
        }
    }

    /// The process ended. Returns true when the script's health changed.
    pub fn handle_result(&mut self, result: ScriptResult, mut out: impl FnMut(ScriptOutput)) -> bool {
        let run = std::mem::replace(&mut self.run, Run::Idle);
        match result {
            ScriptResult::Exited(status) => {
                if status != self.last_status {
                    self.last_status = status;
                    out(ScriptOutput::Log(ScriptEvent::NowReturning(status)));
                }
                if status == 0 { self.succeed(out) } else { self.fail(Failure::Exited(status), out) }
            }
            ScriptResult::Signalled(signal) => {
                let ours = match run {
                    Run::Terminating { .. } => signal == 15,
                    Run::Killed { .. } => signal == 9 || signal == 15,
                    Run::Idle | Run::Running { .. } => false,
                };
                self.fail(if ours { Failure::TimedOut } else { Failure::Signalled(signal) }, out)
            }
            // The original takes a script that cannot be executed for a success; it proves nothing, so it failed.
            ScriptResult::NotExecuted => self.fail(Failure::NotExecuted, out),
            ScriptResult::Lost => {
                out(ScriptOutput::Log(ScriptEvent::Lost(self.pid)));
                false
            }
        }
    }

    fn succeed(&mut self, mut out: impl FnMut(ScriptOutput)) -> bool {
        let rise = self.config.rise.max(1);
        let maximum = rise + self.config.fall.max(1) - 1;
        if self.counter + 1 < rise {
            self.counter += 1;
            return false;
        }
        if self.counter >= maximum && self.health == Health::Good {
            return false;
        }
        let changed = self.health != Health::Good;
        if changed {
            out(ScriptOutput::Log(ScriptEvent::Succeeded));
        }
        self.health = Health::Good;
        self.counter = maximum;
        changed
    }

    fn fail(&mut self, failure: Failure, mut out: impl FnMut(ScriptOutput)) -> bool {
        let rise = self.config.rise.max(1);
        if self.counter > rise {
            self.counter -= 1;
            return false;
        }
        let changed = self.health != Health::Bad;
        if changed {
            out(ScriptOutput::Log(ScriptEvent::Failed(failure)));
        }
        self.health = Health::Bad;
        self.counter = 0;
        changed
    }
}

#[cfg(test)]
mod tests;
