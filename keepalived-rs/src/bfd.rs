//! The BFD child, on both sides of the fork: what the parent knows of it, and what happens in it around [`bfdd::run`].
//!
//! It and the VRRP child share a pipe that the parent makes before either, so that each may be started again alone.

use std::cell::RefCell;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bfdd::{Control, ExitReason, Params, Report};
use keepalived_config::Outcome;
use nix::unistd::Pid;
use sys::pid_file::PidFile;
use sys::process::{self, Ended, Forked};

use crate::child::{self, word};
use crate::cli::Options;
use crate::files::Files;
use crate::log::{Log, alert, line};
use crate::machine::Machine;
use crate::parent::{LONG_LIFE, RESPAWN_DELAYS, tell};
use crate::signals::{Held, Request, Signals};
use crate::status;

/// What the child inherits, and what the parent starts it again with.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) options: &'a Options,
    pub(crate) log: &'a Log,
    pub(crate) machine: &'a Machine,
    pub(crate) files: &'a Files,
}

enum State {
    /// Nothing for it to do.
    None,
    /// It lives. `ready`: its configuration is in force.
    Running { pid: i32, since: Instant, reports: UnixStream, ready: bool },
    /// It died and comes back.
    Delayed { start_at: Instant },
    /// It was told to stop.
    Stopping { pid: i32, kill_at: Instant },
}

/// What the parent knows of the BFD child.
pub(crate) struct Bfd<'a> {
    surroundings: Surroundings<'a>,
    state: State,
    pipe: Option<(PipeReader, PipeWriter)>,
    failures: usize,
}

/// Whether a configuration has work for the child.
pub(crate) fn is_wanted(options: &Options, outcome: &Outcome) -> bool {
    options.bfd && outcome.config.as_ref().is_some_and(|config| !config.bfd_instances.is_empty())
}

/// Says what a child would when blocks are so wrong that there is none.
pub(crate) fn say_for_nobody(options: &Options, outcome: &Outcome) {
    if !is_wanted(options, outcome) {
        for text in outcome.bfd_lines() {
            line!("{text}");
        }
    }
}

impl<'a> Bfd<'a> {
    pub(crate) fn new(surroundings: Surroundings<'a>) -> Self {
        let pipe = std::io::pipe().inspect_err(|error| line!("pipe error - {error}")).ok();
        Self { surroundings, state: State::None, pipe, failures: 0 }
    }

    /// The end of the pipe that a VRRP child reads. Only the child calls it: the other end is closed there.
    pub(crate) fn take_events(&mut self) -> Option<PipeReader> {
        self.pipe.take().map(|(reader, _)| reader)
    }

    /// Whether everything that is to run does.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.state, State::None | State::Running { ready: true, .. })
    }

    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.state, State::None)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Delayed { start_at } => Some(start_at),
            State::Stopping { kill_at, .. } => Some(kill_at),
            State::None | State::Running { .. } => None,
        }
    }

    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Running { reports, .. } => Some(reports.as_fd()),
            State::None | State::Delayed { .. } | State::Stopping { .. } => None,
        }
    }

    /// Passes a signal on.
    pub(crate) fn signal(&self, number: i32) {
        if let State::Running { pid, .. } = self.state {
            let _ = process::signal(pid, number);
        }
    }

    /// A new VRRP child knows nothing of the sessions.
    pub(crate) fn report_again(&self) {
        self.signal(libc::SIGUSR2);
    }

    /// Starts the child on a configuration that was just read. Returns its exit status in the child.
    pub(crate) fn start(&mut self, outcome: &Outcome) -> Option<u8> {
        let pair = UnixStream::pair().and_then(|(ours, theirs)| {
            ours.set_nonblocking(true)?;
            Ok((ours, theirs))
        });
        let Ok((ours, theirs)) = pair else {
            alert!("Cannot start the BFD child process - socketpair");
            return None;
        };
        let held = Held::hold();
        match process::fork() {
            Ok(Forked::Parent(pid)) => {
                drop(held);
                self.state = State::Running { pid, since: Instant::now(), reports: ours, ready: false };
                line!("Starting BFD child process, pid={pid}");
                None
            }
            Ok(Forked::Child) => {
                drop(ours);
                let events = self.pipe.take().map(|(_, writer)| writer);
                let parent = nix::unistd::getppid();
                Some(run(self.surroundings, outcome.clone(), theirs, events, parent, held))
            }
            Err(error) => {
                drop(held);
                alert!("Cannot start the BFD child process - {}", process::error_text(&error));
                None
            }
        }
    }

    /// Brings the child in line with a new configuration: it reads it itself.
    pub(crate) fn reload(&mut self, outcome: &Outcome) -> Option<u8> {
        say_for_nobody(self.surroundings.options, outcome);
        match (is_wanted(self.surroundings.options, outcome), &self.state) {
            (true, State::None) => return self.start(outcome),
            (true, State::Running { .. }) => self.signal(libc::SIGHUP),
            (false, State::Running { .. }) => self.stop(Duration::from_secs(5)),
            (false, State::Delayed { .. }) => self.state = State::None,
            (true, State::Delayed { .. } | State::Stopping { .. })
            | (false, State::None | State::Stopping { .. }) => {}
        }
        None
    }

    pub(crate) fn stop(&mut self, wait: Duration) {
        self.state = match self.state {
            State::Running { pid, .. } => {
                let _ = process::signal(pid, libc::SIGTERM);
                State::Stopping { pid, kill_at: Instant::now() + wait }
            }
            State::Stopping { pid, kill_at } => State::Stopping { pid, kill_at },
            State::None | State::Delayed { .. } => State::None,
        };
    }

    pub(crate) fn read_reports(&mut self) {
        if let State::Running { reports, ready, .. } = &mut self.state {
            let mut words = [0; 16];
            let count = reports.read(&mut words).unwrap_or(0);
            *ready |= words.iter().take(count).any(|word| *word == word::STARTED);
        }
    }

    /// Serves what is due; `running` is the configuration to start again with.
    pub(crate) fn timers(&mut self, running: &Outcome) -> Option<u8> {
        let now = Instant::now();
        match self.state {
            State::Delayed { start_at } if start_at <= now => return self.start(running),
            State::Stopping { pid, kill_at } if kill_at <= now => {
                line!("BFD process failed to die - forcing termination");
                let _ = process::signal(pid, libc::SIGKILL);
                self.state = State::Stopping { pid, kill_at: now + LONG_LIFE };
            }
            State::None | State::Running { .. } | State::Delayed { .. } | State::Stopping { .. } => {}
        }
        None
    }

    /// A process ended. `None` if it was another.
    pub(crate) fn gone(&mut self, pid: i32, ended: Ended) -> Option<Gone> {
        match self.state {
            State::Stopping { pid: known, .. } if known == pid => {
                if ended != Ended::Status(0) {
                    tell(pid, ended);
                    self.forget_pid_file();
                }
                self.state = State::None;
                Some(Gone::Handled)
            }
            State::Running { pid: known, since, .. } if known == pid => {
                self.state = State::None;
                Some(self.died(pid, ended, since.elapsed()))
            }
            State::None | State::Running { .. } | State::Delayed { .. } | State::Stopping { .. } => None,
        }
    }

    fn died(&mut self, pid: i32, ended: Ended, lived: Duration) -> Gone {
        let permanent = match ended {
            Ended::Status(1) => Some("FATAL"),
            Ended::Status(2) => Some("CONFIG"),
            Ended::Status(4) => Some("missing permission"),
            Ended::Status(_) | Ended::Signal(_) => None,
        };
        if let (Some(name), Ended::Status(code)) = (permanent, ended) {
            line!("pid {pid} exited with permanent error {name}. Terminating");
            return Gone::Permanently(u8::try_from(code).unwrap_or(status::FATAL));
        }
        tell(pid, ended);
        self.forget_pid_file();
        if !self.surroundings.options.respawn {
            alert!("BFD child process({pid}) died: Exiting");
            return Gone::Permanently(0);
        }
        alert!("BFD child process({pid}) died: Respawning");
        let mut delay = 0;
        if lived >= LONG_LIFE {
            self.failures = 0;
        } else {
            let last = RESPAWN_DELAYS.len() - 1;
            delay = RESPAWN_DELAYS.get(self.failures.min(last)).copied().unwrap_or(60);
            self.failures += 1;
            line!("Restart of BFD process delayed {delay} seconds to limit respawn rate");
        }
        self.state = State::Delayed { start_at: Instant::now() + Duration::from_secs(delay) };
        Gone::Handled
    }

    fn forget_pid_file(&self) {
        let _ = std::fs::remove_file(&self.surroundings.files.bfd_pid);
    }
}

/// What the end of the child means.
pub(crate) enum Gone {
    /// Nothing for the parent to do.
    Handled,
    /// The daemon ends with this status.
    Permanently(u8),
}

/// Runs the child and returns its exit status.
fn run(
    surroundings: Surroundings<'_>,
    outcome: Outcome,
    report: UnixStream,
    events: Option<PipeWriter>,
    parent: Pid,
    held: Held,
) -> u8 {
    let Surroundings { options, log, machine, files } = surroundings;
    log.become_process("_bfd", &files.suffix, options.log_file.as_deref());
    let Ok(signals) = Signals::catch(options.ignore_sigint, false) else { return status::FATAL };
    process::signal_when_parent_ends(libc::SIGTERM);
    if nix::unistd::getppid() != parent {
        return 0;
    }
    drop(held);
    sys::environment::forget("NOTIFY_SOCKET");
    let Some(events) = events else { return status::FATAL };
    if let Some(name) = outcome.config.as_ref().and_then(|c| c.global.bfd.name.clone()) {
        child::set_process_name(&name);
    }
    let pid_file = PidFile::write(&files.bfd_pid);
    if pid_file.is_err() {
        line!("pidfile_write : Cannot open {} pidfile", files.bfd_pid.display());
    }
    let (control, requests) = tokio::sync::mpsc::unbounded_channel();
    let forward = move || {
        child::forward(signals, |request| {
            let asked = match request {
                Request::Stop => Control::Stop,
                Request::Reload => Control::Reload,
                Request::Data => Control::Dump,
                Request::Stats => Control::Report,
                Request::ClearStats | Request::Json | Request::Child => return true,
            };
            control.send(asked).is_ok()
        });
    };
    if std::thread::Builder::new().name("signals".to_owned()).spawn(forward).is_err() {
        return status::FATAL;
    }
    let report = Rc::new(RefCell::new(report));
    let tell = move |word: u8| {
        let _ = report.borrow_mut().write_all(&[word]);
    };
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed =
        u64::try_from(since_epoch.as_nanos()).unwrap_or(0) ^ u64::from(std::process::id()).rotate_left(40);
    let params = Params {
        read_config: child::bfd_reader(options, machine, outcome),
        control: requests,
        report: Box::new(move |report| match report {
            Report::Started => tell(word::STARTED),
            Report::Reloaded => tell(word::RELOADED),
            Report::ReloadRefused => tell(word::REFUSED),
        }),
        events,
        seed,
        dump_dir: std::env::var_os("TMPDIR").map(Into::into),
    };
    let exit = match bfdd::run(params) {
        ExitReason::Stopped => 0,
        ExitReason::Config(_) => status::CONFIG,
        ExitReason::Fatal(why) => {
            line!("{why}");
            status::FATAL
        }
    };
    line!("{}", child::stopped(options.log_detail, false));
    exit
}
