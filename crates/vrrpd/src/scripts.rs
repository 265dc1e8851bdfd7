//! Starts scripts and waits for them, without ever making the event loop wait.
//!
//! One thread does nothing but start processes: executing a file may hang (a dead file server), and the kernel ties
//! the parent death signal to the thread that starts a process, so the thread lives as long as the daemon.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;

use keepalived_config::resolved::Command;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use vrrp::script::{ScriptResult, ScriptSignal};

/// One run of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RunId(u64);

/// What happens to a run.
#[derive(Debug)]
pub(crate) enum Progress {
    /// It has a process now.
    Started(RunId, u32),
    /// It ended.
    Ended(RunId, ScriptResult),
}

struct Request {
    run: RunId,
    command: Command,
    arguments: Vec<OsString>,
}

/// Runs scripts.
#[derive(Debug)]
pub(crate) struct Runner {
    requests: std::sync::mpsc::Sender<Request>,
    progress: UnboundedReceiver<Progress>,
    running: HashMap<RunId, Option<u32>>,
    next: u64,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.command.path)
    }
}

impl Runner {
    /// Starts the thread that starts scripts. Call it in a tokio runtime.
    pub(crate) fn new() -> std::io::Result<Self> {
        let (requests, incoming) = std::sync::mpsc::channel();
        let (outgoing, progress) = unbounded_channel();
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new().name("scripts".into()).spawn(move || {
            while let Ok(request) = incoming.recv() {
                start(request, &runtime, &outgoing);
            }
        })?;
        Ok(Self { requests, progress, running: HashMap::new(), next: 0 })
    }

    /// Starts a script with further arguments.
    pub(crate) fn run(&mut self, command: &Command, arguments: Vec<OsString>) -> RunId {
        let run = RunId(self.next);
        self.next += 1;
        self.running.insert(run, None);
        let _ = self.requests.send(Request { run, command: command.clone(), arguments });
        run
    }

    /// The next thing that happens to any run. Cancel safe.
    pub(crate) async fn next(&mut self) -> Progress {
        loop {
            match self.progress.recv().await {
                Some(progress) => {
                    self.note(&progress);
                    return progress;
                }
                // The thread ends only with us.
                None => std::future::pending::<()>().await,
            }
        }
    }

    fn note(&mut self, progress: &Progress) {
        match progress {
            Progress::Started(run, pid) => {
                self.running.insert(*run, Some(*pid));
            }
            Progress::Ended(run, _) => {
                self.running.remove(run);
            }
        }
    }

    /// Signals the process group of a run.
    pub(crate) fn signal(&self, run: RunId, signal: ScriptSignal) {
        if let Some(Some(pid)) = self.running.get(&run) {
            signal_group(*pid, signal);
        }
    }

    /// Signals the process groups of some runs.
    pub(crate) fn signal_all(&self, signal: ScriptSignal, which: impl Fn(RunId) -> bool) {
        for (_, pid) in self.running.iter().filter(|(run, _)| which(**run)) {
            if let Some(pid) = pid {
                signal_group(*pid, signal);
            }
        }
    }
}

fn signal_group(pid: u32, signal: ScriptSignal) {
    let signal = match signal {
        ScriptSignal::Term => Signal::SIGTERM,
        ScriptSignal::Kill => Signal::SIGKILL,
    };
    if let Ok(pid) = i32::try_from(pid) {
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}

fn start(request: Request, runtime: &tokio::runtime::Handle, progress: &UnboundedSender<Progress>) {
    let Request { run, command, arguments } = request;
    let _entered = runtime.enter();
    let mut process = tokio::process::Command::new(&command.path);
    if let Some(first) = command.argv.first() {
        process.arg0(first);
    }
    process.args(command.argv.iter().skip(1)).args(arguments);
    sys::child::script(process.as_std_mut(), command.user.uid, command.user.gid);
    let Ok(mut child) = process.spawn() else {
        let _ = progress.send(Progress::Ended(run, ScriptResult::NotExecuted));
        return;
    };
    let pid = child.id().unwrap_or(0);
    let _ = progress.send(Progress::Started(run, pid));
    let progress = progress.clone();
    runtime.spawn(async move {
        let result = match child.wait().await {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => ScriptResult::Exited(code),
                (None, Some(signal)) => ScriptResult::Signalled(signal),
                (None, None) => ScriptResult::Lost,
            },
            Err(_) => ScriptResult::Lost,
        };
        if let ScriptResult::Signalled(libc::SIGTERM) = result {
            // What it started does not outlive it.
            signal_group(pid, ScriptSignal::Kill);
        }
        let _ = progress.send(Progress::Ended(run, result));
    });
}
