//! The BFD process: drives `bfd` sessions with UDP sockets and tells the VRRP process which neighbors are there.
//!
//! [`run`] is what the binary calls in the bfd child process. Like `vrrpd` it installs no signal handler and writes no pid
//! file: signals come in through [`Params::control`], log lines go out through `tracing` with target `keepalived` (INFO: always
//! shown; DEBUG: only with `--log-detail`).

mod dump;
mod shell;
mod sockets;

use keepalived_config::resolved::Config;
use std::rc::Rc;

/// What the binary's signal handling asks of the running BFD process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// SIGHUP: read the configuration again and apply what changed. Sessions that stay go on.
    Reload,
    /// SIGTERM or the death of the parent: return. Neighbors notice by the silence.
    Stop,
    /// SIGUSR1: write keepalived_bfd.data.
    Dump,
    /// Tell the state of every session again: the VRRP process is a new one.
    Report,
}

/// What the BFD process tells the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The configuration is in force for the first time.
    Started,
    /// A reload is in force.
    Reloaded,
    /// A reload was refused, the old configuration keeps running.
    ReloadRefused,
}

/// Why [`run`] returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// Told to stop; exit status 0.
    Stopped,
    /// The configuration cannot be run; exit status 2.
    Config(String),
    /// The system refused something without which there is no BFD; exit status 1.
    Fatal(String),
}

/// Everything [`run`] needs.
pub struct Params {
    /// Reads and checks the configuration: called at start and at each reload.
    pub read_config: Box<dyn FnMut() -> Result<Rc<Config>, String>>,
    /// Signals, in the order in which they came. A closed channel means `Stop`.
    pub control: tokio::sync::mpsc::UnboundedReceiver<Control>,
    /// Called for each [`Report`].
    pub report: Box<dyn FnMut(Report)>,
    /// Where the VRRP process hears of sessions, see [`bfd::Record`].
    pub events: std::io::PipeWriter,
    /// For discriminators, source ports and jitter.
    pub seed: u64,
    /// Directory of the dump file (`TMPDIR`, default `/tmp`).
    pub dump_dir: Option<std::path::PathBuf>,
}

/// Runs BFD until [`Control::Stop`] or until it cannot go on. Call it with no tokio runtime entered.
pub fn run(params: Params) -> ExitReason {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ExitReason::Fatal(format!("runtime: {error}")),
    };
    runtime.block_on(async {
        match shell::Shell::start(params) {
            Ok(shell) => shell.run().await,
            Err(reason) => reason,
        }
    })
}
