//! The start, in this order: configuration, descriptor limits, sockets, pid file, older processes, background, master and worker.
//!
//! A reload is a start of the re-executed master. It fails as softly as it can: the worker that serves goes on serving.

use crate::command_line::{Invocation, OldProcesses};
use crate::configuration;
use crate::descriptors::{self, Around, Limits};
use crate::listening;
use crate::master::{self, Master};
use crate::master_cli::{self, MasterSocket};
use crate::pid_file::PidFile;
use crate::reexec::State;
use crate::version;
use crate::worker;
use haproxy_config::runtime::RuntimeConfig;
use proxy::bind::BoundListener;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use sys::process::{self, Forked};
use sys::signals::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
use sys::{limits, messages, notify, signals};

/// A start that can no longer be refused.
pub(crate) struct Prepared {
    /// The configuration.
    pub(crate) config: RuntimeConfig,
    /// Connections and descriptors.
    pub(crate) limits: Limits,
    /// Every listening socket.
    pub(crate) listeners: Vec<BoundListener>,
    /// The master's CLI sockets.
    pub(crate) master_sockets: Vec<MasterSocket>,
    /// The worker's environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Whether the process goes to the background.
    pub(crate) daemon: bool,
    /// Whether a master watches over the worker.
    pub(crate) master_worker: bool,
    /// The pid file, to be filled.
    pub(crate) pid_file: Option<PidFile>,
}

/// Starts; returns only in the process that is to end with the code. `again` is what an earlier self left behind.
pub(crate) fn run(
    invocation: &Invocation,
    again: Option<State>,
    executable: &str,
    program: &str,
) -> ExitCode {
    // What arrives before somebody listens waits until somebody does; TERM and INT end a start.
    signals::hold(EARLY);
    let descriptors_at_start = limits::descriptors();
    let prepared = catch_unwind(AssertUnwindSafe(|| {
        prepare(invocation, again.as_ref(), descriptors_at_start, executable, program)
    }));
    match (prepared.ok().flatten(), again) {
        (Some(prepared), again) => launch(prepared, invocation, again, executable),
        // Nobody serves yet: the start has failed.
        (None, None) => ExitCode::FAILURE,
        (None, Some(state)) => {
            messages::warning("Loading failure!\n");
            master::run(Master::after_failure(state, invocation, executable))
        }
    }
}

/// Signals that must not end a process before it can obey them.
const EARLY: &[i32] = &[SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGTTIN, SIGTTOU];

fn prepare(
    invocation: &Invocation,
    again: Option<&State>,
    at_start: limits::Limit,
    executable: &str,
    program: &str,
) -> Option<Prepared> {
    let environment = crate::environment(invocation);
    let config = configuration::load(invocation, &environment, program)?.config?;
    if again.is_none() {
        crate::show_lists(invocation);
    }
    let master_worker = invocation.master_worker || config.global.master_worker || again.is_some();
    if !invocation.master_sockets.is_empty() && !master_worker {
        messages::alert(
            "config : a master CLI socket was defined, but master-worker mode (-W) is not enabled.",
        );
        return None;
    }
    let around = Around {
        master: master_worker,
        master_sockets: invocation.master_sockets.len(),
        memory_mb: invocation.memory_mb,
    };
    let mut limits = descriptors::limits(&config, around, at_start);
    report(&limits);
    if !descriptors::raise(&mut limits, at_start, config.global.strict_limits, executable) {
        return None;
    }
    if needs_privileges(&config) {
        messages::alert(format!(
            "[{executable}.main()] Some configuration options require full privileges, so global.uid cannot be changed."
        ));
        messages::alert(format!(
            "[{executable}.main()] Alternately, if your system supports Linux capabilities, you may also consider using 'setcap cap_net_raw', 'setcap cap_net_admin' or 'setcap cap_sys_admin' in the 'global' section."
        ));
        return None;
    }
    let listens = !config.global.stats_sockets.is_empty()
        || config.proxies.iter().any(|p| !p.disabled && p.is_frontend() && !p.binds.is_empty());
    if !listens && !master_worker {
        messages::alert(format!(
            "[{executable}.main()] No enabled listener found (check for 'bind' directives) ! Exiting."
        ));
        return None;
    }
    let inherited = match again {
        // A worker that does not answer loses nothing: its addresses can be shared, and it is retired all the same.
        Some(state) => master::fetch_from_worker(state),
        None => {
            let Some(inherited) = listening::fetch(invocation.sockets_from.as_deref()) else {
                messages::alert("Failed to get the sockets from the old process!\n");
                return None;
            };
            inherited
        }
    };
    let old = old_processes(invocation, again);
    let listeners = listening::bind(&config, limits.maxconn, invocation, &old.pids, inherited, executable)?;
    let master_sockets = master_cli::bind(invocation, executable)?;
    // Under `-Ws` the service manager watches this very process: it must not go to the background.
    let daemon = (invocation.daemon || config.global.daemon) && !invocation.foreground && !invocation.notify;
    let mut pid_file = None;
    if let Some(path) = config.global.pidfile.as_deref().filter(|_| daemon || master_worker) {
        pid_file = Some(create_pid_file(path, executable)?);
    }
    listening::retire(&old);
    let environment = worker_environment(&config, &master_sockets, again.is_some());
    Some(Prepared { config, limits, listeners, master_sockets, environment, daemon, master_worker, pid_file })
}

/// What the configuration made of the environment, and where the process can be talked to (management manual, section 3).
fn worker_environment(
    config: &RuntimeConfig,
    master_sockets: &[MasterSocket],
    reloaded: bool,
) -> BTreeMap<String, String> {
    let mut environment = config.global.environment.clone();
    environment.retain(|name, _| !State::owns(name));
    let sockets: Vec<String> =
        config.global.stats_sockets.iter().map(|bind| admin::socket_name(&bind.address)).collect();
    if !sockets.is_empty() {
        environment.insert("HAPROXY_CLI".to_owned(), sockets.join(";"));
    }
    let masters: Vec<String> = master_sockets.iter().map(|socket| socket.name_and_level().0).collect();
    if !masters.is_empty() {
        environment.insert("HAPROXY_MASTER_CLI".to_owned(), masters.join(";"));
    }
    if reloaded {
        environment.insert("HAPROXY_LOAD_SUCCESS".to_owned(), "1".to_owned());
    }
    environment
}

/// Whether connections to servers will need rights that a change of user takes away.
fn needs_privileges(config: &RuntimeConfig) -> bool {
    let global = &config.global;
    let has = |any: &[u8]| any.iter().any(|number| global.capabilities.contains(number));
    let mut servers = config.proxies.iter().filter(|proxy| !proxy.disabled).flat_map(|proxy| &proxy.servers);
    global.uid.is_some_and(|uid| uid > 0)
        && servers.any(|server| {
            let foreign = server.source_options.usesrc.is_some() || server.source_options.interface.is_some();
            foreign && !has(&[CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN])
                || server.namespace.is_some() && !has(&[CAP_SYS_ADMIN])
        })
}

/// The kernel's numbers.
const CAP_NET_ADMIN: u8 = 12;
const CAP_NET_RAW: u8 = 13;
const CAP_SYS_ADMIN: u8 = 21;

/// Who is to be replaced: those of `-sf` and `-st`, or after a reload the workers.
fn old_processes(invocation: &Invocation, again: Option<&State>) -> OldProcesses {
    match again {
        Some(state) => OldProcesses {
            terminate: state.hard,
            pids: state.workers.iter().map(|worker| worker.pid).collect(),
        },
        None => invocation.old.clone().unwrap_or(OldProcesses { terminate: false, pids: Vec::new() }),
    }
}

fn create_pid_file(path: &Path, executable: &str) -> Option<PidFile> {
    let file = PidFile::create(path);
    if file.is_err() {
        messages::alert(format!("[{executable}.main()] Cannot create pidfile {}", path.display()));
    }
    file.ok()
}

/// What `-V` and `-d` tell before the start.
fn report(limits: &Limits) {
    if !messages::verbose() {
        return;
    }
    let mut err = std::io::stderr();
    if limits.derived {
        let _ = writeln!(err, "Note: setting global.maxconn to {}.", limits.maxconn);
    }
    let _ = writeln!(err, "{}", version::start_report());
    let mut out = std::io::stdout();
    let _ = writeln!(out, "Using epoll() as the polling mechanism.").and_then(|()| out.flush());
}

fn launch(
    mut prepared: Prepared,
    invocation: &Invocation,
    again: Option<State>,
    executable: &str,
) -> ExitCode {
    if prepared.daemon && again.is_none() {
        match process::fork() {
            Err(error) => {
                let reason = process::error_text(&error);
                messages::alert(format!("[{executable}.main()] Cannot fork: {reason}."));
                return ExitCode::FAILURE;
            }
            Ok(Forked::Parent(child)) => {
                if !prepared.master_worker {
                    write_pid(&mut prepared, child);
                }
                return ExitCode::SUCCESS;
            }
            Ok(Forked::Child) => {
                if prepared.master_worker {
                    process::detach();
                }
            }
        }
    }
    if !prepared.master_worker {
        prepared.pid_file = None;
        return worker::run(prepared, None, invocation, executable);
    }
    write_pid(&mut prepared, std::process::id().cast_signed());
    let mut state =
        again.unwrap_or_else(|| State { started: sys::clock::wall().seconds, ..State::default() });
    let pair = match process::socket_pair() {
        Ok(pair) => pair,
        Err(error) => return refuse_worker(state, invocation, executable, &error),
    };
    let (master_end, worker_end) = pair;
    // From here on the master answers for the worker.
    signals::hold(&[SIGTERM, SIGINT]);
    match process::fork() {
        Err(error) => refuse_worker(state, invocation, executable, &error),
        Ok(Forked::Child) => {
            drop((state, master_end));
            worker::run(prepared, Some(worker_end), invocation, executable)
        }
        Ok(Forked::Parent(pid)) => {
            drop(worker_end);
            let daemon = prepared.daemon;
            let most_reloads = prepared.config.global.mworker_max_reloads;
            state.keep_on_failure = prepared.config.global.no_exit_on_failure;
            let sockets = std::mem::take(&mut prepared.master_sockets);
            // The sockets are the worker's from here on: kept open here, they would go on taking connections that nobody serves.
            drop(prepared);
            messages::notice(format!("New worker ({pid}) forked\n"));
            if daemon && let Ok(null) = process::open_null() {
                let _ = process::redirect_streams(&null);
            }
            messages::notice("Loading success.\n");
            master::adopt(&mut state, pid, master_end);
            master::retire_old(&state, most_reloads);
            if invocation.notify {
                notify::ready("Ready.");
            }
            master::run(Master::after_success(state, sockets, invocation, executable))
        }
    }
}

/// The worker could not be made: at a reload the old one goes on, but it has been told to finish; at a start this is the end.
fn refuse_worker(
    state: State,
    invocation: &Invocation,
    executable: &str,
    error: &std::io::Error,
) -> ExitCode {
    messages::alert(format!("[{executable}.main()] Cannot fork: {}.", process::error_text(error)));
    if state.workers.is_empty() {
        return ExitCode::FAILURE;
    }
    messages::warning("Loading failure!\n");
    master::run(Master::after_failure(state, invocation, executable))
}

fn write_pid(prepared: &mut Prepared, pid: i32) {
    if let Some(file) = prepared.pid_file.take() {
        // The disk is full or gone; the service is worth more than its pid file.
        let _ = file.write(pid);
    }
}
