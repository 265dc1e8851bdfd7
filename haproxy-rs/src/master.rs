//! The master: it holds no traffic and no privileges' worth of state, only its children (management manual, section 3, `-W`).
//!
//! Signals: USR2 and HUP reload, TERM, INT and USR1 go to every worker and end the master after the last of them, TTIN and TTOU are
//! passed on. A current worker that dies takes everything down with it (`exit-on-failure`), so that a service manager restarts all.

use crate::command_line::Invocation;
use crate::master_cli::{self, MasterSocket};
use crate::reexec::{self, State, WorkerRecord};
use crate::version;
use haproxy_config::runtime::Level;
use proxy::bind::Inherited;
use std::cell::RefCell;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use sys::process::{self, Ended};
use sys::signals::{SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, Signals};
use sys::{messages, notify, signals};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, LocalOptions};

/// What must not be lost between the old self and the new one.
const HELD: &[i32] = &[SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGTTIN, SIGTTOU, SIGTERM, SIGINT];

/// The master's state.
#[derive(Debug)]
pub(crate) struct Master {
    pub(crate) state: State,
    invocation: Invocation,
    executable: OsString,
    /// What the start or reload said: `show startup-logs`, and the reply to `reload`.
    pub(crate) startup_log: Vec<u8>,
    pub(crate) load_failed: bool,
    /// Names and levels of the master's CLI sockets.
    pub(crate) socket_names: Vec<(String, Level)>,
    sockets: Vec<MasterSocket>,
    /// A stop has been asked for: no more reloads.
    stopping: bool,
    exit_code: i32,
}

impl Master {
    /// After a start or a reload that made a worker.
    pub(crate) fn after_success(
        state: State,
        sockets: Vec<MasterSocket>,
        invocation: &Invocation,
        executable: &str,
    ) -> Self {
        Self::new(state, sockets, invocation, executable, false)
    }

    /// After a reload that did not: the old worker serves on.
    pub(crate) fn after_failure(mut state: State, invocation: &Invocation, executable: &str) -> Self {
        state.failed_reloads += 1;
        if invocation.notify {
            notify::ready_after_failure("Reload failed!");
        }
        let sockets = master_cli::bind(invocation, executable).unwrap_or_default();
        let master = Self::new(state, sockets, invocation, executable, true);
        // HAPROXY: a master that waits is a fresh program and introduces itself again.
        messages::introduce_again();
        master
    }

    fn new(
        state: State,
        sockets: Vec<MasterSocket>,
        invocation: &Invocation,
        executable: &str,
        load_failed: bool,
    ) -> Self {
        Self {
            state,
            socket_names: sockets.iter().map(MasterSocket::name_and_level).collect(),
            sockets,
            invocation: invocation.clone(),
            executable: absolute(executable),
            startup_log: messages::end_of_start(),
            load_failed,
            stopping: false,
            exit_code: 0,
        }
    }

    /// Ends with a code, or runs the next self.
    fn handle(&mut self, signal: i32) -> Option<i32> {
        match signal {
            SIGUSR2 | SIGHUP => self.reload(None, false),
            SIGTERM | SIGINT | SIGUSR1 => self.stop(signal),
            SIGTTIN | SIGTTOU => self.pass_on(signal),
            SIGCHLD => return self.reap(),
            _ => {}
        }
        None
    }

    fn pass_on(&self, signal: i32) {
        for worker in &self.state.workers {
            let _ = process::signal(worker.pid, signal);
        }
    }

    fn stop(&mut self, signal: i32) {
        if self.invocation.notify {
            notify::stopping();
        }
        messages::warning("Exiting Master process...\n");
        self.stopping = true;
        self.pass_on(signal);
    }

    /// Re-executes this program, which loads the configuration anew. Returns only when that is impossible.
    pub(crate) fn reload(&mut self, reply: Option<OwnedFd>, hard: bool) {
        if self.stopping {
            return;
        }
        messages::notice(if hard { "Reloading HAProxy (hard-reload)\n" } else { "Reloading HAProxy\n" });
        if self.invocation.notify {
            notify::reloading("Reloading Configuration.");
        }
        signals::hold(HELD);
        self.state.reloads += 1;
        for worker in &mut self.state.workers {
            worker.reloads += 1;
        }
        self.state.hard = hard;
        self.state.reply = reply;
        process::close_on_exec_except(&self.state.descriptors());
        sys::inherited::keep_over_exec();
        let arguments = reexec::lasting_arguments(std::env::args_os());
        let error = process::execute(&self.executable, &arguments, &self.state.environment());
        let reason = process::error_text(&error);
        messages::warning(format!(
            "Failed to reexecute the master process [{}]: {reason}\n",
            std::process::id()
        ));
        self.state.failed_reloads += 1;
        self.state.reply = None;
        self.load_failed = true;
        if self.invocation.notify {
            notify::ready_after_failure("Reload failed!");
        }
        signals::release();
    }

    fn reap(&mut self) -> Option<i32> {
        while let Some((pid, ended)) = process::reap() {
            let Some(index) = self.state.workers.iter().position(|worker| worker.pid == pid) else {
                continue;
            };
            let worker = self.state.workers.remove(index);
            self.mourn(&worker, ended);
        }
        if self.state.workers.is_empty() {
            messages::warning(format!("All workers exited. Exiting... ({})\n", self.exit_code));
            return Some(self.exit_code);
        }
        None
    }

    fn mourn(&mut self, worker: &WorkerRecord, ended: Ended) {
        let code = ended.code();
        let cause = if code > 128 { process::signal_name(code - 128) } else { "Exit".to_owned() };
        let which = if worker.leaving { "Former" } else { "Current" };
        let text = format!("{which} worker ({}) exited with code {code} ({cause})\n", worker.pid);
        match ended {
            Ended::Signal(_) if !worker.leaving => messages::alert(text),
            Ended::Signal(_) | Ended::Status(_) => messages::warning(text),
        }
        let expected = matches!(code, 0) || code == 128 + SIGTERM || code == 128 + SIGINT;
        if worker.leaving {
            return;
        }
        self.exit_code = if code == 128 + SIGTERM { 0 } else { code };
        if !expected {
            messages::warning(DIED);
            print_banner();
            if self.state.keep_on_failure {
                return;
            }
            messages::alert("exit-on-failure: killing every processes with SIGTERM\n");
            self.stopping = true;
            self.pass_on(SIGTERM);
        }
    }
}

const DIED: &str = "\
A worker process unexpectedly died and this can only be explained by a bug in haproxy or its dependencies.
Please check that you are running an up to date and maintained version of haproxy and open a bug report.
";

fn print_banner() {
    use std::io::Write as _;
    let mut out = std::io::stdout();
    let _ = out.write_all(version::banner().as_bytes()).and_then(|()| out.flush());
}

/// The path for the next self, whatever directory this one is in by then.
fn absolute(executable: &str) -> OsString {
    std::path::absolute(Path::new(executable)).map_or_else(|_| executable.into(), Into::into)
}

/// Takes a new worker in; those before it leave.
pub(crate) fn adopt(state: &mut State, pid: i32, pair: OwnedFd) {
    for worker in &mut state.workers {
        worker.leaving = true;
    }
    state.failed_reloads = 0;
    let worker = WorkerRecord {
        pid,
        pair,
        reloads: 0,
        started: sys::clock::wall().seconds,
        version: version::VERSION.to_owned(),
        leaving: false,
    };
    state.workers.insert(0, worker);
}

/// Ends the old workers that have survived more reloads than `mworker-max-reloads` grants.
pub(crate) fn retire_old(state: &State, most_reloads: Option<u32>) {
    let Some(most) = most_reloads else { return };
    for worker in state.workers.iter().filter(|worker| worker.leaving && worker.reloads > most) {
        let _ = process::signal(worker.pid, SIGTERM);
    }
}

/// Asks the current worker for its listening sockets. None from a worker that does not answer: addresses can be shared.
pub(crate) fn fetch_from_worker(state: &State) -> Inherited {
    let Some(worker) = state.workers.iter().find(|worker| !worker.leaving) else {
        return Inherited::default();
    };
    match proxy::bind::fetch_sockets_from_pair(&worker.pair) {
        Ok(sockets) => sockets,
        Err(_) => {
            messages::warning("Failed to get the number of sockets to be transferred !\n");
            Inherited::default()
        }
    }
}

/// The master's life, to its exit code.
pub(crate) fn run(mut master: Master) -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let caught = Signals::catch(HELD);
    let (Ok(runtime), Ok(caught)) = (runtime, caught) else {
        messages::alert("Cannot start the master's event loop.");
        master.pass_on(SIGTERM);
        return ExitCode::FAILURE;
    };
    signals::ignore(SIGPIPE);
    master_cli::answer_reload(&mut master);
    let code = runtime.block_on(live(master, caught));
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

async fn live(mut master: Master, mut caught: Signals) -> i32 {
    let sockets = std::mem::take(&mut master.sockets);
    let master = Rc::new(RefCell::new(master));
    master_cli::serve(&master, sockets);
    let Ok(wake) = caught.wake_handle().and_then(|fd| UnixStream::from_std(fd.into())) else { return 1 };
    signals::release();
    // A child may have ended before anybody listened.
    if let Some(code) = master.borrow_mut().reap() {
        return code;
    }
    loop {
        tokio::select! {
            // The bytes are read by `pending`; an emptied pipe is what makes the loop wait again.
            _ = wake.readable() => {
                let arrived = caught.pending();
                let _ = wake.try_io(Interest::READABLE, || Err::<(), _>(std::io::ErrorKind::WouldBlock.into()));
                for signal in arrived {
                    if let Some(code) = master.borrow_mut().handle(signal) {
                        return code;
                    }
                }
            }
            // Children are looked at now and then whatever the signals say.
            () = tokio::time::sleep(REVIEW) => {
                if let Some(code) = master.borrow_mut().reap() {
                    return code;
                }
            }
        }
    }
}

/// How often the children are looked at without a signal.
const REVIEW: Duration = Duration::from_secs(60);
