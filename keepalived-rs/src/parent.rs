//! The parent process: reads the configuration, keeps the VRRP child running, passes signals on, tells systemd.
//!
//! It never starts a thread, because it forks whenever the child has to be replaced.

mod reload;

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use config_text::Severity;
use keepalived_config::{Outcome, Reader};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::UsageWho;
use nix::unistd::getpid;
use sd_notify::NotifyState;
use sys::pid_file::{self, Found, PidFile};
use sys::process::{self, Ended, Forked};
use sys::realtime;

use crate::bfd::{self, Bfd, Gone};
use crate::child::{self, Inherited, word};
use crate::cli::Options;
use crate::files::{self, Files};
use crate::log::{Log, alert, detail, line};
use crate::machine::Machine;
use crate::reload_time::ReloadTime;
use crate::signals::{self, Held, Request, Signals};
use crate::{dump, once, release, status, version};

/// A child that lived this long is started again at once.
pub(crate) const LONG_LIFE: Duration = Duration::from_secs(60);
/// Seconds to wait before each further start of a child that lives shortly.
pub(crate) const RESPAWN_DELAYS: [u64; 8] = [0, 1, 2, 4, 8, 16, 32, 60];
/// Longest line of the command line in the log.
const COMMAND_LINE_WIDTH: usize = 102;

/// What new files lack unless something else is configured: everything for others, and being executable.
const UMASK: u32 = 0o177;

fn set_umask(mask: u32) {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask));
}

/// Runs the program and returns its exit status.
pub(crate) fn run(options: &Options, arguments: &[OsString]) -> u8 {
    set_umask(options.umask.unwrap_or(UMASK));
    for complaint in &options.complaints {
        crate::print("", &format!("{complaint}\n"));
    }
    if options.core_dump {
        use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
        let _ = setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY);
    }
    if let Some(pattern) = &options.core_pattern
        && let Err(error) = std::fs::write("/proc/sys/kernel/core_pattern", pattern.as_encoded_bytes())
    {
        crate::print("", &format!("Cannot set core_pattern - {}\n", process::error_text(&error)));
    }
    let log = Log::start(options);
    line!("Starting {}", version::title());
    line!("{}", version::running_on());
    for text in command_line(arguments) {
        line!("{text}");
    }
    let machine = Machine::here();
    let mut outcome = read(options, &machine);
    let mut identity = outcome.identity.clone();
    identity.net_namespace = options.namespace.clone().or(identity.net_namespace);
    if let Some(name) = &identity.net_namespace {
        if let Err(why) = files::enter(name) {
            line!("{why}");
            line!("Stopped {}", version::title());
            return status::FATAL;
        }
        // The interfaces are others here.
        outcome = load_config(options, &machine);
    }
    let files = Files::new(&identity, options);
    for text in outcome.lines(Reader::Parent, true) {
        line!("{text}");
    }
    log.rename(&files.suffix, options.log_file.as_deref());
    files.make_directory();
    let status = if outcome.sources.iter().next().is_none() || outcome.lacks_file() {
        status::NO_CONFIG
    } else if already_running(&files) {
        line!("daemon is already running");
        return 0;
    } else {
        start(options, &log, &machine, &files, outcome)
    };
    files.remove_directory();
    if options.log_detail {
        let (user, system) = child::usage(UsageWho::RUSAGE_SELF);
        let (children_user, children_system) = child::usage(UsageWho::RUSAGE_CHILDREN);
        detail!("CPU usage (self/children) user: {user}/{children_user} system: {system}/{children_system}");
    }
    line!("Stopped {}", version::title());
    status
}

/// Reads the configuration and names the files.
fn read(options: &Options, machine: &Machine) -> Outcome {
    let outcome = load_config(options, machine);
    for (number, (_, file)) in outcome.sources.iter().enumerate() {
        detail!("Opening file '{}'.", file.name);
        if number == 0 {
            line!("Configuration file {}", file.name);
        }
    }
    outcome
}

fn load_config(options: &Options, machine: &Machine) -> Outcome {
    let mut outcome = child::read_config(options, machine);
    // `-C`: only checks, of which there are none; `--all`: everything, whatever the configuration holds.
    outcome.has_vrrp = options.vrrp && (outcome.has_vrrp || options.all_children);
    outcome
}

/// Whether a pid file is another process's.
fn already_running(files: &Files) -> bool {
    for path in [&files.pid, &files.vrrp_pid] {
        match pid_file::look(path) {
            Found::Running(pid) if is_keepalived(pid) => return true,
            Found::Locked => {
                line!("Another process has pid file {} locked", path.display());
                return true;
            }
            // Its lock went with its process; writing it anew is all there is to do.
            Found::Running(_) | Found::Stale | Found::Nothing => {}
        }
    }
    false
}

/// Whether a process id of an earlier start still is what it was: ids come round again, and one that nobody has waited for yet
/// has no program any more.
fn is_keepalived(pid: i32) -> bool {
    let Ok(program) = std::fs::read_link(format!("/proc/{pid}/exe")) else { return false };
    program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("keepalived"))
}

/// From the configuration to the end of the main loop.
fn start(options: &Options, log: &Log, machine: &Machine, files: &Files, outcome: Outcome) -> u8 {
    if refused_by_parent(&outcome) {
        return status::CONFIG;
    }
    if !options.foreground
        && let Err(error) = detach(options.log_console)
    {
        line!("Cannot run in the background - {}", process::error_text(&error));
        return status::FATAL;
    }
    let Ok(pid_file) = PidFile::write(&files.pid) else {
        line!("pidfile_write : Cannot open {} pidfile", files.pid.display());
        return 0;
    };
    if let Some(name) = outcome.config.as_ref().and_then(|c| c.global.process_name.clone()) {
        child::set_process_name(&name);
    }
    if outcome.config.as_ref().is_none_or(|c| c.global.max_auto_priority.unwrap_or(0) == 0) {
        line!(
            "NOTICE: setting config option max_auto_priority should result in better keepalived performance"
        );
    }
    let Ok(mut signals) = Signals::catch(options.ignore_sigint, true) else {
        line!("Cannot catch signals");
        return status::FATAL;
    };
    let _ = nix::sys::prctl::set_child_subreaper(true);
    if !options.vrrp && outcome.config.as_ref().is_some_and(|c| !c.instances.is_empty()) {
        line!("-C/--check: the VRRP process is not started");
    }
    if options.umask.is_none()
        && let Some(mask) = outcome.config.as_ref().and_then(|c| c.global.daemon.umask)
    {
        set_umask(mask);
    }
    let daemon = outcome.config.as_ref().map(|c| c.global.daemon.clone()).unwrap_or_default();
    let early = match &daemon.startup {
        Some(script) => once::run("startup", script, &mut signals),
        None => Vec::new(),
    };
    let mut parent = Parent {
        options,
        log,
        machine,
        files,
        signals,
        pid_file: Some(pid_file),
        running: outcome.clone(),
        child: Child::None,
        bfd: Bfd::new(bfd::Surroundings { options, log, machine, files }),
        vrrp_started: false,
        readings: 0,
        reloading: None,
        reload_again: false,
        is_started: false,
        is_stopping: false,
        failures: 0,
        reload_time: None,
        exit: None,
    };
    dump::save(&outcome, 0);
    let with_bfd = bfd::is_wanted(options, &outcome);
    bfd::say_for_nobody(options, &outcome);
    if outcome.has_vrrp {
        parent.start_child(outcome.clone());
    }
    if with_bfd {
        exit_in_child(parent.bfd.start(&outcome));
    }
    if !outcome.has_vrrp && !with_bfd {
        line!("Warning - keepalived has no configuration to run");
        parent.ready();
    }
    parent.watch_reload_time();
    for request in early {
        parent.handle(request);
    }
    parent.run()
}

/// Whether the parent's own reading finds the configuration impossible. What concerns VRRP the child says.
fn refused_by_parent(outcome: &Outcome) -> bool {
    // Without a child nobody else says what is wrong with its part.
    if outcome.config.is_none() && !outcome.has_vrrp {
        for message in outcome.messages.iter().filter(|m| !m.is_for(Reader::Parent)) {
            line!("{}", message.text(&outcome.sources, Reader::Vrrp));
        }
        return true;
    }
    outcome.messages.iter().any(|m| m.diagnostic.severity == Severity::Alert && m.is_for(Reader::Parent))
}

/// What becomes of the VRRP child.
enum Child {
    /// Nothing for it to do.
    None,
    /// It lives.
    Running { pid: i32, since: Instant, reports: UnixStream },
    /// It died and comes back.
    Delayed { start_at: Instant },
    /// It was told to stop.
    Stopping { pid: i32, kill_at: Instant },
}

struct Parent<'a> {
    options: &'a Options,
    log: &'a Log,
    machine: &'a Machine,
    files: &'a Files,
    signals: Signals,
    pid_file: Option<PidFile>,
    /// The configuration that the child runs, or should, as it was read: a new child starts with it whatever the files say now.
    running: Outcome,
    child: Child,
    bfd: Bfd<'a>,
    /// The VRRP child's first configuration is in force.
    vrrp_started: bool,
    /// How many configurations were read after the first.
    readings: u32,
    /// A configuration that the child is changing to.
    reloading: Option<Outcome>,
    /// Another reload was asked for meanwhile.
    reload_again: bool,
    /// `Startup complete` was logged.
    is_started: bool,
    /// Told to stop.
    is_stopping: bool,
    /// Children in a row that lived shortly.
    failures: usize,
    /// `reload_time_file`.
    reload_time: Option<ReloadTime>,
    /// Set when there is nothing left to do.
    exit: Option<u8>,
}

impl Parent<'_> {
    fn run(mut self) -> u8 {
        loop {
            if let Some(status) = self.exit {
                self.shut_down();
                return status;
            }
            self.wait();
            for request in self.signals.pending() {
                self.handle(request);
            }
            self.read_reports();
            if let Some(reload) = &mut self.reload_time {
                reload.changed();
                if reload.take_due() {
                    self.reload();
                }
            }
            self.timers();
        }
    }

    /// `shutdown_script` of the configuration that ran.
    fn shut_down(&mut self) {
        let script = self.running.config.as_ref().and_then(|c| c.global.daemon.shutdown.clone());
        if let Some(script) = script {
            let _ = once::run("shutdown", &script, &mut self.signals);
        }
    }

    /// Until a signal, a report or the next deadline.
    fn wait(&self) {
        let deadline = match &self.child {
            Child::Delayed { start_at } => Some(*start_at),
            Child::Stopping { kill_at, .. } => Some(*kill_at),
            Child::None | Child::Running { .. } => None,
        };
        // A wall-clock time: looked at again each minute, since the clock may be set.
        let reload = self.reload_time.as_ref().and_then(ReloadTime::wait);
        let reload = reload.map(|seconds| Instant::now() + Duration::from_secs(seconds.min(60)));
        let deadline = deadline.into_iter().chain(reload).chain(self.bfd.deadline()).min();
        let timeout = deadline.map_or(PollTimeout::NONE, |at| {
            // A millisecond more than is left, so that the deadline has passed on return.
            let left = at.saturating_duration_since(Instant::now()).as_millis() + 1;
            PollTimeout::try_from(i32::try_from(left).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
        });
        let mut fds = vec![PollFd::new(self.signals.fd(), PollFlags::POLLIN)];
        if let Child::Running { reports, .. } = &self.child {
            fds.push(PollFd::new(reports.as_fd(), PollFlags::POLLIN));
        }
        if let Some(fd) = self.reload_time.as_ref().and_then(ReloadTime::fd) {
            fds.push(PollFd::new(fd, PollFlags::POLLIN));
        }
        fds.extend(self.bfd.fd().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let _ = poll(&mut fds, timeout);
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::Stop => self.stop(),
            Request::Reload => self.reload(),
            Request::Data => {
                line!("Printing parent data for process({}) on signal", getpid());
                if let Err(error) =
                    dump::parent(self.running.config.as_deref(), self.options, self.dump_suffix())
                {
                    line!("Can't open {} - {error}", dump::PARENT_FILE);
                }
                self.pass_on(libc::SIGUSR1);
                self.bfd.signal(libc::SIGUSR1);
            }
            Request::Stats => self.pass_on(libc::SIGUSR2),
            Request::ClearStats => self.pass_on(signals::clear_stats()),
            Request::Json => self.pass_on(signals::json()),
            Request::Child => self.reap(),
        }
    }

    fn dump_suffix(&self) -> &str {
        let by_instance = self.running.config.as_ref().is_some_and(|c| c.global.daemon.dumps.use_instance);
        if by_instance { &self.files.suffix } else { "" }
    }

    fn pass_on(&self, number: i32) {
        if let Child::Running { pid, .. } = self.child {
            let _ = realtime::send(pid, number);
        }
    }

    /// Starts a VRRP child on a configuration that was just read.
    fn start_child(&mut self, outcome: Outcome) {
        let pair = UnixStream::pair().and_then(|(ours, theirs)| {
            ours.set_nonblocking(true)?;
            Ok((ours, theirs))
        });
        let Ok((ours, theirs)) = pair else { return self.fail_to_start("socketpair") };
        let held = Held::hold();
        match process::fork() {
            Ok(Forked::Parent(pid)) => {
                drop(held);
                self.child = Child::Running { pid, since: Instant::now(), reports: ours };
                line!("Starting VRRP child process, pid={pid}");
                self.bfd.report_again();
            }
            Ok(Forked::Child) => {
                // The parent's handles mean nothing here.
                self.pid_file = None;
                drop(ours);
                let bfd_events = self.bfd.take_events();
                let parent = nix::unistd::getppid();
                let (options, log, machine, files) = (self.options, self.log, self.machine, self.files);
                let status = child::run(Inherited {
                    options,
                    log,
                    machine,
                    files,
                    outcome,
                    report: theirs,
                    bfd_events,
                    parent,
                    held,
                });
                std::process::exit(status.into());
            }
            Err(error) => {
                drop(held);
                self.fail_to_start(&process::error_text(&error));
            }
        }
    }

    fn fail_to_start(&mut self, why: &str) {
        alert!("Cannot start the VRRP child process - {why}");
        self.release();
        self.exit = Some(status::FATAL);
    }

    fn read_reports(&mut self) {
        let mut words = [0; 16];
        let count = match &mut self.child {
            Child::Running { reports, .. } => reports.read(&mut words).unwrap_or(0),
            _ => 0,
        };
        for word in words.iter().take(count) {
            match *word {
                word::STARTED => self.vrrp_started = true,
                word::RELOADED => {
                    if let Some(outcome) = self.reloading.take() {
                        self.running = outcome;
                    }
                    self.reload_done();
                }
                word::REFUSED => {
                    self.reloading = None;
                    self.ready();
                }
                _ => {}
            }
        }
        self.bfd.read_reports();
        let vrrp_ready = self.vrrp_started || matches!(self.child, Child::None);
        if !self.is_started && vrrp_ready && self.bfd.is_ready() && self.exit.is_none() {
            self.is_started = true;
            line!("Startup complete");
            self.ready();
        }
        if self.reloading.is_none() && std::mem::take(&mut self.reload_again) {
            self.reload();
        }
    }

    fn timers(&mut self) {
        let now = Instant::now();
        exit_in_child(self.bfd.timers(&self.running));
        match self.child {
            Child::Delayed { start_at } if start_at <= now => self.respawn(),
            Child::Stopping { pid, kill_at } if kill_at <= now => {
                line!("VRRP process failed to die - forcing termination");
                let _ = process::signal(pid, libc::SIGKILL);
                self.child = Child::Stopping { pid, kill_at: now + LONG_LIFE };
            }
            _ => {}
        }
    }

    fn stop(&mut self) {
        if self.is_stopping {
            return;
        }
        self.is_stopping = true;
        line!("Stopping");
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        let wait = self.running.config.as_ref().map_or(Duration::from_secs(5), |c| c.global.child_wait);
        self.bfd.stop(wait);
        self.child = match self.child {
            Child::Running { pid, .. } => {
                let _ = process::signal(pid, libc::SIGTERM);
                Child::Stopping { pid, kill_at: Instant::now() + wait }
            }
            Child::Stopping { pid, kill_at } => Child::Stopping { pid, kill_at },
            Child::None | Child::Delayed { .. } => Child::None,
        };
        self.exit_when_alone();
    }

    /// Ends when the last child has.
    fn exit_when_alone(&mut self) {
        if self.is_stopping && matches!(self.child, Child::None) && self.bfd.is_gone() {
            self.exit = Some(0);
        }
    }

    /// Tells systemd, if it wants to know.
    fn ready(&self) {
        let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]);
    }

    fn reap(&mut self) {
        while let Some((pid, ended)) = process::reap() {
            self.gone(pid, ended);
        }
    }

    fn gone(&mut self, pid: i32, ended: Ended) {
        match self.bfd.gone(pid, ended) {
            None => {}
            Some(Gone::Handled) => return self.exit_when_alone(),
            Some(Gone::Permanently(status)) => {
                self.release();
                self.exit = Some(status);
                return;
            }
        }
        match &self.child {
            Child::Stopping { pid: known, .. } if *known == pid => {
                if ended != Ended::Status(0) {
                    tell(pid, ended);
                    self.forget_pid_file();
                    self.release();
                }
                self.child = Child::None;
                self.exit_when_alone();
            }
            Child::Running { pid: known, since, .. } if *known == pid => {
                let lived = since.elapsed();
                // What it still had to say comes before its death.
                self.read_reports();
                self.child = Child::None;
                self.died(pid, ended, lived);
            }
            // An orphan of a script.
            _ => {}
        }
    }

    fn died(&mut self, pid: i32, ended: Ended, lived: Duration) {
        let permanent = match ended {
            Ended::Status(1) => Some("FATAL"),
            Ended::Status(2) => Some("CONFIG"),
            Ended::Status(4) => Some("missing permission"),
            Ended::Status(_) | Ended::Signal(_) => None,
        };
        if let (Some(name), Ended::Status(code)) = (permanent, ended) {
            line!("pid {pid} exited with permanent error {name}. Terminating");
            self.release();
            self.exit = Some(u8::try_from(code).unwrap_or(status::FATAL));
            return;
        }
        tell(pid, ended);
        self.forget_pid_file();
        if !self.options.respawn {
            alert!("VRRP child process({pid}) died: Exiting");
            line!("Stopping");
            self.release();
            self.exit = Some(0);
            return;
        }
        alert!("VRRP child process({pid}) died: Respawning");
        line!("  Please report this with your keepalived configuration files");
        line!("  and the log entries around the time this happened");
        self.reloading = None;
        if lived >= LONG_LIFE {
            self.failures = 0;
            self.respawn();
            return;
        }
        let last = RESPAWN_DELAYS.len() - 1;
        let delay = RESPAWN_DELAYS.get(self.failures.min(last)).copied().unwrap_or(60);
        self.failures += 1;
        line!("Restart of VRRP process delayed {delay} seconds to limit respawn rate");
        if delay == 0 {
            self.respawn();
        } else {
            // Nobody defends the addresses meanwhile, so they must not stay.
            self.release();
            self.child = Child::Delayed { start_at: Instant::now() + Duration::from_secs(delay) };
        }
    }

    /// Starts the child again on the configuration that ran.
    fn respawn(&mut self) {
        self.start_child(self.running.clone());
    }

    /// Removes what a child that was killed could not.
    fn forget_pid_file(&self) {
        let _ = std::fs::remove_file(&self.files.vrrp_pid);
    }

    fn release(&self) {
        if self.options.dont_release_vrrp {
            return;
        }
        for config in std::iter::once(&self.running)
            .chain(&self.reloading)
            .filter_map(|outcome| outcome.config.as_ref())
        {
            release::virtual_addresses(config);
        }
    }
}

/// A fork returns twice: the child ends with its status.
fn exit_in_child(status: Option<u8>) {
    if let Some(status) = status {
        std::process::exit(status.into());
    }
}

/// How a child ended, in the log.
pub(crate) fn tell(pid: i32, ended: Ended) {
    match ended {
        Ended::Status(0) => {}
        Ended::Status(code) => line!("pid {pid} exited with status {code}"),
        Ended::Signal(number) => {
            let more = if number == libc::SIGKILL { " - has rlimit_rttime been exceeded?" } else { "" };
            line!("pid {pid} exited due to signal {number} ({}){more}", process::signal_name(number));
        }
    }
}

/// Leaves the terminal: the caller's process ends, a new one leads a session in `/` without the standard streams, unless the
/// log needs them.
fn detach(keep_streams: bool) -> std::io::Result<()> {
    if let Forked::Parent(_) = process::fork()? {
        std::process::exit(0);
    }
    process::detach();
    std::env::set_current_dir("/")?;
    if !keep_streams {
        process::redirect_streams(&process::open_null()?)?;
    }
    Ok(())
}

/// The arguments, quoted, on lines of limited width.
fn command_line(arguments: &[OsString]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::from("Command line:");
    for argument in arguments {
        let word = format!(" '{}'", argument.to_string_lossy());
        if current.len() + word.len() > COMMAND_LINE_WIDTH && current.trim_start().contains('\'') {
            lines.push(std::mem::replace(&mut current, " ".repeat("Command line:".len())));
        }
        current.push_str(&word);
    }
    lines.push(current);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_command_lines_are_broken() {
        let words = |line: &str| -> Vec<OsString> { line.split(' ').map(OsString::from).collect() };
        assert_eq!(
            command_line(&words(
                "/srv/programs/keepalived-2.3x -n -D -f /tmp/abc/art.conf -p /tmp/abc/p.pid -r /tmp/abc/v.pid"
            )),
            [
                "Command line: '/srv/programs/keepalived-2.3x' '-n' '-D' '-f' '/tmp/abc/art.conf' '-p' '/tmp/abc/p.pid'",
                "              '-r' '/tmp/abc/v.pid'"
            ]
        );
        assert_eq!(
            command_line(&words(
                "/srv/programs/keepalived-2.3x -n -l -G -f art.conf -p /tmp/abc/p.pid -r /tmp/abc/v.pid"
            )),
            [
                "Command line: '/srv/programs/keepalived-2.3x' '-n' '-l' '-G' '-f' 'art.conf' '-p' '/tmp/abc/p.pid'",
                "              '-r' '/tmp/abc/v.pid'"
            ]
        );
    }
}
