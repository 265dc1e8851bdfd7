//! The VRRP child: what happens between the fork and [`vrrpd::run`], and after it.

use std::cell::RefCell;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use keepalived_config::resolved::{GlobalDefs, Process};
use keepalived_config::{Config, Outcome, ReadOptions, Reader};
use nix::sys::resource::{UsageWho, getrusage};
use sys::pid_file::PidFile;
use sys::scheduling;
use vrrpd::{Control, ExitReason, Params, Report};

use crate::cli::Options;
use crate::files::Files;
use crate::log::{Log, line};
use crate::machine::Machine;
use crate::signals::{Held, Request, Signals};
use crate::status;

/// What the child tells its parent, one byte each.
pub(crate) mod word {
    /// The first configuration is in force.
    pub(crate) const STARTED: u8 = b'S';
    /// A new configuration is in force.
    pub(crate) const RELOADED: u8 = b'R';
    /// A new configuration was refused.
    pub(crate) const REFUSED: u8 = b'F';
}

/// What the child inherits.
pub(crate) struct Inherited<'a> {
    pub(crate) options: &'a Options,
    pub(crate) log: &'a Log,
    pub(crate) machine: &'a Machine,
    pub(crate) files: &'a Files,
    /// The configuration as the parent read it.
    pub(crate) outcome: Outcome,
    /// Where to report.
    pub(crate) report: UnixStream,
    /// Where the BFD process tells of its sessions.
    pub(crate) bfd_events: Option<std::io::PipeReader>,
    pub(crate) parent: nix::unistd::Pid,
    /// Released once this process's signals are caught.
    pub(crate) held: Held,
}

/// Runs the child and returns its exit status.
pub(crate) fn run(inherited: Inherited<'_>) -> u8 {
    let Inherited { options, log, machine, files, outcome, report, bfd_events, parent, held } = inherited;
    log.become_process("_vrrp", &files.suffix, options.log_file.as_deref());
    let Ok(signals) = Signals::catch(options.ignore_sigint, false) else { return status::FATAL };
    sys::process::signal_when_parent_ends(libc::SIGTERM);
    if nix::unistd::getppid() != parent {
        return 0;
    }
    drop(held);
    // systemd hears of this service from the parent only, and scripts are none of its business.
    sys::environment::forget("NOTIFY_SOCKET");
    if let Some(name) = outcome.config.as_ref().and_then(|c| c.global.vrrp_process_name.clone()) {
        set_process_name(&name);
    }
    let pid_file = PidFile::write(&files.vrrp_pid);
    if pid_file.is_err() {
        line!("pidfile_write : Cannot open {} pidfile", files.vrrp_pid.display());
    }
    let (control, requests) = tokio::sync::mpsc::unbounded_channel();
    if std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || forward(signals, |request| pass_on(request, &control)))
        .is_err()
    {
        return status::FATAL;
    }
    // Reports are made and read in this thread only.
    let report = Rc::new(RefCell::new(report));
    let tell = move |word: u8| {
        let _ = report.borrow_mut().write_all(&[word]);
    };
    // A reading that stopped half-way ends the reference without its last line.
    let cut_short = outcome.stopped;
    let params = Params {
        read_config: reader(options, machine, outcome),
        control: requests,
        report: Box::new(move |report| match report {
            Report::Started => tell(word::STARTED),
            Report::Reloaded => tell(word::RELOADED),
            Report::WantsReload => {
                let _ = sys::process::signal(parent.as_raw(), libc::SIGHUP);
            }
            Report::ReloadRefused(why) => {
                line!("New configuration refused - {why}; the running configuration stays in force");
                tell(word::REFUSED);
            }
        }),
        bfd_events,
        options: vrrpd::Options {
            release_vips: options.release_vips,
            dont_release_vrrp: options.dont_release_vrrp,
            dump_dir: std::env::var_os("TMPDIR").map(Into::into),
            dump_suffix: files.suffix.clone(),
            net_namespace: options.namespace.clone(),
            dump_config: options.dump_config,
            address_monitoring: options.address_monitoring,
            snmp: options.snmp,
            snmp_socket: options.snmp_socket.clone(),
            title: crate::version::title(),
        },
    };
    let exit = match vrrpd::run(params) {
        ExitReason::Stopped => 0,
        ExitReason::Config(_) => status::CONFIG,
        ExitReason::Fatal(why) => {
            line!("{why}");
            status::FATAL
        }
    };
    if !(exit == status::CONFIG && cut_short) {
        line!("{}", stopped(options.log_detail, true));
    }
    exit
}

/// Reads the configuration as a daemon does. That takes several times the memory that the result does, which is given back.
pub(crate) fn read_config(options: &Options, machine: &Machine) -> Outcome {
    let read =
        ReadOptions { config_id: options.config_id.clone(), all_config: options.all_config, test: false };
    let outcome = keepalived_config::load(&options.config_file, &read, machine);
    sys::memory::give_back();
    outcome
}

/// Reads the configuration: at first as the parent read it, later anew.
fn reader(
    options: &Options,
    machine: &Machine,
    first: Outcome,
) -> Box<dyn FnMut() -> Result<Rc<Config>, String>> {
    let options = options.clone();
    let machine = machine.clone();
    let mut first = Some(first);
    Box::new(move || {
        let outcome = first.take().unwrap_or_else(|| read_config(&options, &machine));
        for text in outcome.lines(Reader::Vrrp, true) {
            line!("{text}");
        }
        match outcome.config {
            Some(config) => {
                schedule(&config.global);
                Ok(config)
            }
            None => Err(refusal(&outcome)),
        }
    })
}

/// The same for the BFD child, which says only what nobody else does.
pub(crate) fn bfd_reader(
    options: &Options,
    machine: &Machine,
    first: Outcome,
) -> Box<dyn FnMut() -> Result<Rc<Config>, String>> {
    let options = options.clone();
    let machine = machine.clone();
    let mut first = Some(first);
    Box::new(move || {
        let outcome = first.take().unwrap_or_else(|| read_config(&options, &machine));
        for text in outcome.bfd_lines() {
            line!("{text}");
        }
        let config = outcome.config.clone().ok_or_else(|| refusal(&outcome))?;
        schedule_as(&config.global.bfd, "BFD");
        Ok(config)
    })
}

/// Applies `vrrp_priority` and its kind to this thread, which is the one that runs VRRP.
fn schedule(global: &GlobalDefs) {
    let process = Process {
        name: None,
        nice: global.vrrp_nice,
        rt_priority: global.vrrp_rt_priority,
        no_swap: global.vrrp_no_swap,
        rlimit_rttime: u32::try_from(global.vrrp_rlimit_rttime).ok(),
        processors: global.vrrp_processors.clone(),
    };
    schedule_as(&process, "VRRP");
}

/// Applies the settings of a child process to this thread.
fn schedule_as(process: &Process, what: &str) {
    let limit = u64::from(process.rlimit_rttime.unwrap_or(10_000));
    let attempts = [
        ("nice value", process.nice.map(scheduling::set_nice)),
        (
            "processors",
            (!process.processors.is_empty()).then(|| scheduling::set_processors(&process.processors)),
        ),
        ("memory lock", process.no_swap.then(|| scheduling::lock_memory(true))),
        ("real-time priority", process.rt_priority.map(|p| scheduling::set_realtime(p, limit))),
    ];
    for (setting, attempt) in attempts {
        if let Some(Err(error)) = attempt {
            line!("Unable to set {setting} of the {what} process - {}", sys::process::error_text(&error));
        }
    }
}

/// Why a configuration cannot run, in one line.
pub(crate) fn refusal(outcome: &Outcome) -> String {
    match outcome.refusal() {
        Some(message) => message.text(&outcome.sources, Reader::Vrrp),
        None => "there is nothing that could run".to_owned(),
    }
}

/// Passes signals on until nobody listens.
pub(crate) fn forward(mut signals: Signals, mut pass_on: impl FnMut(Request) -> bool) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    loop {
        let mut fds = [PollFd::new(signals.fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, PollTimeout::NONE);
        for request in signals.pending() {
            if !pass_on(request) {
                return;
            }
        }
    }
}

/// False when the VRRP process listens no more.
fn pass_on(request: Request, control: &tokio::sync::mpsc::UnboundedSender<Control>) -> bool {
    let asked = match request {
        Request::Stop => Control::Stop,
        Request::Reload => Control::Reload,
        Request::Data => Control::DumpData,
        Request::Stats => Control::DumpStats,
        Request::ClearStats => Control::ClearStats,
        Request::Json => Control::DumpJson,
        Request::Child => return true,
    };
    control.send(asked).is_ok()
}

/// The last line of a child.
pub(crate) fn stopped(detail: bool, with_children: bool) -> String {
    if !detail {
        return "Stopped".to_owned();
    }
    let (user, system) = usage(UsageWho::RUSAGE_SELF);
    if !with_children {
        return format!("Stopped - used {user} user time, {system} system time");
    }
    let (children_user, children_system) = usage(UsageWho::RUSAGE_CHILDREN);
    format!(
        "Stopped - used (self/children) {user}/{children_user} user time, {system}/{children_system} system time"
    )
}

/// User and system time as seconds with six places.
pub(crate) fn usage(who: UsageWho) -> (String, String) {
    let seconds = |t: nix::sys::time::TimeVal| format!("{}.{:06}", t.tv_sec(), t.tv_usec());
    match getrusage(who) {
        Ok(usage) => (seconds(usage.user_time()), seconds(usage.system_time())),
        Err(_) => ("0.000000".to_owned(), "0.000000".to_owned()),
    }
}

/// Sets what ps(1) shows as COMMAND.
pub(crate) fn set_process_name(name: &str) {
    if let Ok(name) = std::ffi::CString::new(name) {
        let _ = nix::sys::prctl::set_name(&name);
    }
}
