//! The worker process: privileges given up, threads started, signals obeyed, until the last connection is gone.
//!
//! The first thread only waits for the others. A second one, `control`, hears signals and the master's end, and keeps
//! `hard-stop-after`. Everything else runs on the threads of [`proxy::Worker`].

use crate::command_line::Invocation;
use crate::start::Prepared;
use crate::stats_sockets::{self, Acceptors};
use crate::stopping;
use haproxy_config::runtime::{Global, RuntimeConfig};
use haproxy_config::threads::ThreadSet;
use proxy::bind::{BoundListener, Owner, Transport};
use proxy::state::World;
use proxy::{Control, Worker};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use sys::privileges::{self, Refused};
use sys::process;
use sys::signals::{SIGHUP, SIGPIPE, SIGQUIT, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, Signals};
use sys::{environment, limits, messages, signals};
use units::Address;

/// Serves until the end; the code is the process's. `master` is this worker's end of the pair to its master.
pub(crate) fn run(
    prepared: Prepared,
    master: Option<OwnedFd>,
    invocation: &Invocation,
    executable: &str,
) -> ExitCode {
    let has_master = master.is_some();
    let Ok(null) = process::open_null() else {
        messages::alert(format!("[{executable}.main()] Cannot open /dev/null."));
        return ExitCode::FAILURE;
    };
    environment::replace(&prepared.environment);
    forget_descriptors(&prepared.config, invocation);
    let data = limits::data_in_use();
    let threads = u64::from(prepared.config.global.nbthread);
    let fork_wanted = invocation.insecure_fork || prepared.config.global.fork_wanted;
    let setuid_wanted = prepared.config.global.setuid_wanted || invocation.insecure_fork;
    let dumpable = prepared.config.global.dumpable;
    if invocation.debug {
        proxy::show_streams();
    }
    if let Err(refused) = give_up_privileges(&prepared.config.global) {
        messages::alert(format!("[{executable}.main()] {}", explain(&refused)));
        return ExitCode::FAILURE;
    }
    if dumpable {
        process::allow_core_files();
    }
    if prepared.daemon {
        let _ = process::redirect_streams(&null);
        messages::set_quiet(true);
        messages::set_verbose(false);
        if !has_master {
            process::detach();
        }
    }
    drop(null);
    // From here on signals are events; those that came during the start of a reload are heard now.
    signals::ignore(SIGPIPE);
    signals::ignore(SIGUSR2);
    let caught = Signals::catch(&[SIGUSR1, SIGHUP, SIGQUIT, SIGTTOU, SIGTTIN]);
    signals::release();
    let (Ok(caught), Ok(running)) = (caught, serve(prepared, master, program(executable))) else {
        messages::alert(format!("[{executable}.main()] Cannot start the worker's threads."));
        return ExitCode::FAILURE;
    };
    let Serving { running, stats, acceptors, lifeline } = running;
    let control = running.control().clone();
    if let Ok(sockets) = stats.iter().map(BoundListener::try_clone).collect() {
        control.expose(sockets);
    }
    let steering = stopping::Steering::new(control, caught, stats, acceptors, lifeline);
    if std::thread::Builder::new().name("control".to_owned()).spawn(move || steering.run()).is_err() {
        messages::alert(format!("[{executable}.main()] Cannot start the worker's threads."));
        return ExitCode::FAILURE;
    }
    if let Some(megabytes) = invocation.memory_mb {
        // What the program itself takes is not what traffic takes.
        let _ = limits::set_data(data + threads * THREAD_MEMORY + (u64::from(megabytes) << 20));
    }
    if !setuid_wanted {
        process::forbid_new_privileges();
    }
    if !fork_wanted {
        limits::forbid_new_processes();
    }
    messages::skip_introduction();
    running.wait();
    ExitCode::SUCCESS
}

/// Stack and allocator of one thread, bytes.
const THREAD_MEMORY: u64 = 8 << 20;

/// A worker whose threads run.
struct Serving {
    running: proxy::Running,
    /// Other handles on the stats sockets.
    stats: Vec<BoundListener>,
    /// What accepts on them.
    acceptors: Acceptors,
    /// On which the end of the master is felt.
    lifeline: Option<OwnedFd>,
}

/// Starts the threads.
fn serve(prepared: Prepared, master: Option<OwnedFd>, program: &str) -> std::io::Result<Serving> {
    let Prepared { config, limits, mut listeners, .. } = prepared;
    let threads = usize::try_from(config.global.nbthread).unwrap_or(1).max(1);
    let config = Arc::new(config);
    let world = Arc::new(World::new(Arc::clone(&config), threads));
    world.derive_fullconn(limits.maxconn);
    let log = crate::logging::start(&config, program);
    let (mut stats, frontends): (Vec<BoundListener>, Vec<BoundListener>) =
        listeners.drain(..).partition(|listener| !matches!(listener.owner, Owner::Frontend(..)));
    let steered = stats.iter().map(BoundListener::try_clone).collect::<std::io::Result<_>>()?;
    let lifeline = master.as_ref().map(OwnedFd::try_clone).transpose()?;
    if let Some(pair) = master {
        socket2::SockRef::from(&pair).set_nonblocking(true)?;
        stats.push(BoundListener {
            owner: Owner::Master,
            socket: pair,
            transport: Transport::SockPair,
            backlog: 0,
            threads: ThreadSet::ALL,
        });
    }
    let acceptors = Acceptors::default();
    let started = acceptors.clone();
    let process = stats_sockets::process(&limits);
    let page = stats_sockets::page(&process);
    let checked = Arc::clone(&world);
    let told = Arc::clone(&world);
    let lines = Arc::clone(&log.lines);
    let worker = Worker::new(world, frontends, lines, u64::from(limits.maxconn))
        .maxpipes(limits.maxpipes)
        .stats_service(page)
        .before_threads(Box::new(move |control: &Control| log.connect(&told, control)))
        .on_thread0(Box::new(move |_: &Control| drop(tokio::task::spawn_local(checks::run(checked)))))
        .on_thread0(Box::new(move |control: &Control| {
            stats_sockets::serve(control, stats, process, &started)
        }));
    let running = worker.start()?;
    Ok(Serving { running, stats: steered, acceptors, lifeline })
}

/// Base name of the program: the tag of its log lines.
fn program(executable: &str) -> &str {
    executable.rsplit('/').next().unwrap_or(executable)
}

/// Descriptors that the configuration named have been copied for the listeners, and the master's own concern the master; the originals
/// would keep sockets open after a stop.
fn forget_descriptors(config: &RuntimeConfig, invocation: &Invocation) {
    let binds =
        config.proxies.iter().flat_map(|proxy| proxy.binds.iter()).chain(&config.global.stats_sockets);
    let named = binds.filter_map(|bind| match bind.address {
        Address::Fd(number) | Address::SockPair(number) => Some(number),
        Address::Inet(_) | Address::Unix(_) | Address::Abns(_) => None,
    });
    let masters = invocation.master_sockets.iter().filter_map(|line| {
        line.strip_prefix("fd@")
            .and_then(|rest| rest.split(',').next())
            .and_then(|number| number.parse().ok())
    });
    for number in named.chain(masters) {
        drop(sys::inherited::take(number));
    }
}

fn give_up_privileges(global: &Global) -> Result<(), Refused> {
    if let Some(directory) = &global.chroot {
        privileges::enter_root(directory)?;
    }
    let (uid, gid) = (global.uid.filter(|&uid| uid > 0), global.gid.filter(|&gid| gid > 0));
    privileges::become_user(uid, gid, &global.capabilities)
}

fn explain(refused: &Refused) -> String {
    match refused {
        Refused::Chroot(directory, _) => format!("Cannot chroot({}).", directory.display()),
        Refused::Group(gid, _) => format!("Cannot set gid {gid}."),
        Refused::User(uid, _) => format!("Cannot set uid {uid}."),
    }
}
