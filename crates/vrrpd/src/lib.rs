//! The VRRP process: drives the `vrrp` core with netlink, raw sockets, timers, scripts and notifications.
//!
//! [`run`] is what the binary calls in the vrrp child process. It builds one current-thread tokio runtime and
//! returns when told to stop or when it cannot go on. It installs no signal handler, writes no pid file and formats
//! no log line: signals come in through [`Params::control`], log lines go out through `tracing` with target
//! `keepalived` (INFO: always shown; DEBUG: only with `--log-detail`).

mod addresses;
mod bfd_events;
mod dbus;
mod dump;
mod fifo;
mod files;
mod firewall;
mod interfaces;
mod linkbeat;
mod log;
mod notify;
mod processes;
mod routes;
mod scripts;
mod setup;
mod shell;
mod smtp;
mod snmp;
mod sockets;
mod status;
mod sysctl;
mod task;
mod vmacs;

use keepalived_config::resolved::Config;
use std::rc::Rc;

pub use dump::{Reader, global_definitions, path as dump_path, write as write_dump};

use shell::Shell;

/// What the binary's signal handling asks of the running VRRP process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// SIGHUP: read the configuration again through [`Params::read_config`] and apply what changed.
    Reload,
    /// SIGTERM, SIGINT or the death of the parent: release everything and return.
    Stop,
    /// SIGUSR1: write keepalived.data.
    DumpData,
    /// SIGUSR2: write keepalived.stats.
    DumpStats,
    /// SIGRTMIN+2: write keepalived.json.
    DumpJson,
    /// SIGRTMAX-1: zero the counters (after writing keepalived.stats, as DumpStats does).
    ClearStats,
}

/// What the VRRP process tells the binary, through [`Params::report`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The configuration is complete and in force for the first time: the parent may log `Startup complete`.
    Started,
    /// A reload is in force: the parent may log `Reload complete`.
    Reloaded,
    /// Somebody on the bus asks for a reload, which is the parent's to begin.
    WantsReload,
    /// A reload was refused, the old configuration keeps running; the text says why.
    ReloadRefused(String),
}

/// Why [`run`] returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// Told to stop; addresses are released, exit status 0.
    Stopped,
    /// The configuration cannot be run (missing interface, ...); exit status 2, the parent must not respawn.
    Config(String),
    /// The system refused something without which there is no VRRP (no netlink, no raw sockets, no memory);
    /// exit status 1, the parent must not respawn.
    Fatal(String),
}

/// Command line options that change what the VRRP process does.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `-X/--release-vips`: delete VIPs on leaving MASTER even if they are not believed to be set.
    pub release_vips: bool,
    /// `-V/--dont-release-vrrp`: keep addresses and send no priority 0 advert at stop.
    pub dont_release_vrrp: bool,
    /// Directory of the dump files (`TMPDIR`, default `/tmp`).
    pub dump_dir: Option<std::path::PathBuf>,
    /// Inserted in dump file names (namespace and instance), e.g. `_blue`, if `data_use_instance` is set; usually empty.
    pub dump_suffix: String,
    /// `-s/--namespace`, which goes before `net_namespace`.
    pub net_namespace: Option<String>,
    /// `-d/--dump-conf`: log what keepalived.data would hold, once at start.
    pub dump_config: bool,
    /// `-a/--address-monitoring`: log every address that comes or goes.
    pub address_monitoring: bool,
    /// `-x/--snmp`: every `enable_snmp_…` is on.
    pub snmp: bool,
    /// `-A/--snmp-agent-socket`: instead of `snmp_socket`.
    pub snmp_socket: Option<String>,
    /// The program's name and version, as KEEPALIVED-MIB shows it.
    pub title: String,
}

/// Everything [`run`] needs.
pub struct Params {
    /// Reads and checks the configuration: called once at start (after `Registering Kernel netlink ...` was logged)
    /// and once a reload (after `Reloading` was logged). It logs what the reference's VRRP child logs while reading.
    /// An error at start ends [`run`] with [`ExitReason::Config`]; at a reload it is the reason for which the old
    /// configuration keeps running.
    pub read_config: Box<dyn FnMut() -> Result<Rc<Config>, String>>,
    /// Signals, in the order in which they came. A closed channel means `Stop`.
    pub control: tokio::sync::mpsc::UnboundedReceiver<Control>,
    /// Called for each [`Report`].
    pub report: Box<dyn FnMut(Report)>,
    /// Where the BFD process tells of its sessions: records of [`::bfd::Record::LEN`] bytes.
    pub bfd_events: Option<std::io::PipeReader>,
    /// Command line options.
    pub options: Options,
}

/// Runs VRRP until [`Control::Stop`] or until it cannot go on.
///
/// Call it in the vrrp child process, after the privileges it needs (root, CAP_NET_ADMIN, CAP_NET_RAW) are in place
/// and with no tokio runtime entered.
pub fn run(params: Params) -> ExitReason {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ExitReason::Fatal(format!("runtime: {error}")),
    };
    let reason = runtime.block_on(async {
        match Shell::start(params).await {
            Ok(shell) => shell.run().await,
            Err(reason) => reason,
        }
    });
    // A script that hangs in its start must not hold up our end.
    runtime.shutdown_background();
    reason
}
