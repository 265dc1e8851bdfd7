//! What signals mean to a worker (management manual, section 4): pause, resume, soft stop, hard stop after it, dumps.

use crate::stats_sockets::Acceptors;
use haproxy_config::runtime::{Proxy, ProxyKind};
use proxy::Control;
use proxy::bind::BoundListener;
use proxy::state::{OpState, ProxyState, Stat};
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sys::messages;
use sys::signals::{SIGHUP, SIGQUIT, SIGTTIN, SIGTTOU, SIGUSR1, Signals};

/// Syslog levels.
const WARNING: u8 = 4;
const NOTICE: u8 = 5;

/// How long after a hard stop the process waits for streams that do not end.
const RESISTANCE: Duration = Duration::from_secs(1);

/// Hears signals and steers the worker.
#[derive(Debug)]
pub(crate) struct Steering {
    control: Control,
    signals: Signals,
    /// The stats sockets, which pause and stop with the frontends.
    stats: Vec<BoundListener>,
    /// What accepts on them.
    acceptors: Acceptors,
    /// Reports its other end's closing: the master is gone.
    lifeline: Option<OwnedFd>,
    stop: Stop,
}

/// Where a stop has got to.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// Serving.
    No,
    /// A stop was asked for and begins at this moment (`grace`).
    Grace(Instant),
    /// No new connections; hard at this moment, when one is set.
    Soft(Option<Instant>),
    /// All streams are being killed; over at this moment whatever they do.
    Hard(Instant),
}

impl Steering {
    pub(crate) fn new(
        control: Control,
        signals: Signals,
        stats: Vec<BoundListener>,
        acceptors: Acceptors,
        lifeline: Option<OwnedFd>,
    ) -> Self {
        Self { control, signals, stats, acceptors, lifeline, stop: Stop::No }
    }

    /// Runs until the process ends.
    pub(crate) fn run(mut self) {
        loop {
            let wait = self.next_deadline().map_or(PollTimeout::NONE, |at| {
                // A millisecond more, so that the deadline has passed when poll returns.
                let ms = at.saturating_duration_since(Instant::now()).as_millis() + 1;
                PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
            });
            if self.master_is_gone(wait) {
                // HAPROXY: a worker without its master has nobody to be reloaded by, and leaves at once.
                std::process::exit(0);
            }
            for signal in self.signals.pending() {
                self.obey(signal);
            }
            self.advance_stop();
        }
    }

    /// Waits for a signal or a deadline. True when the master's end of the pair is closed.
    fn master_is_gone(&self, wait: PollTimeout) -> bool {
        let mut watched = vec![PollFd::new(self.signals.descriptor(), PollFlags::POLLIN)];
        if let Some(lifeline) = &self.lifeline {
            watched.push(PollFd::new(lifeline.as_fd(), PollFlags::empty()));
        }
        // EINTR and the like: the loop looks at everything anyway.
        let _ = poll(&mut watched, wait);
        let gone = PollFlags::POLLHUP | PollFlags::POLLERR;
        watched.get(1).and_then(PollFd::revents).is_some_and(|events| events.intersects(gone))
    }

    fn next_deadline(&self) -> Option<Instant> {
        match self.stop {
            Stop::No => None,
            Stop::Soft(at) => at,
            Stop::Grace(at) | Stop::Hard(at) => Some(at),
        }
    }

    fn obey(&mut self, signal: i32) {
        match signal {
            SIGUSR1 => self.ask_to_stop(),
            SIGTTOU => self.pause(),
            SIGTTIN => self.resume(),
            SIGHUP => self.dump_states(),
            SIGQUIT => dump_pools(),
            _ => {}
        }
    }

    fn ask_to_stop(&mut self) {
        if !matches!(self.stop, Stop::No) {
            return;
        }
        match self.control.world().config.global.grace {
            Some(grace) => {
                self.control.announce_stop();
                messages::notice(format!("Scheduling a soft-stop in {} ms.\n", grace.as_millis()));
                self.stop = Stop::Grace(Instant::now() + grace);
            }
            None => self.soft_stop(),
        }
    }

    fn soft_stop(&mut self) {
        let after = self.control.world().config.global.hard_stop_after;
        self.stop = Stop::Soft(after.map(|after| Instant::now() + after));
        // Proxies that listen stop first. All is said before the stop: an idle process ends at once.
        let world = self.control.world();
        let listens = |state: &&ProxyState| !state.config.binds.is_empty();
        for state in world.proxies.iter().filter(listens).chain(world.proxies.iter().filter(|s| !listens(s)))
        {
            if state.config.disabled {
                continue;
            }
            let of = |counters: Option<u64>| counters.unwrap_or(0);
            let front = of(state.frontend.as_ref().map(|f| f.counters.total(Stat::Connections)));
            let back = of(state.backend.as_ref().map(|b| b.counters.total(Stat::Sessions)));
            let text =
                format!("Proxy {} stopped (cumulated conns: FE: {front}, BE: {back}).", state.config.name);
            self.tell(&state.config, WARNING, &text);
        }
        self.stats.clear();
        self.acceptors.close();
        self.control.soft_stop();
    }

    fn advance_stop(&mut self) {
        let now = Instant::now();
        match self.stop {
            Stop::Soft(Some(at)) if now >= at => {
                messages::warning("soft-stop running for too long, performing a hard-stop.\n");
                for state in &self.control.world().proxies {
                    let Some(front) = &state.frontend else { continue };
                    let left = front.sessions.current();
                    if left > 0 {
                        let name = &state.config.name;
                        let text =
                            format!("Proxy {name} hard-stopped ({left} remaining conns will be closed).");
                        self.tell(&state.config, WARNING, &text);
                    }
                }
                self.control.hard_stop();
                self.stop = Stop::Hard(now + RESISTANCE);
            }
            Stop::Grace(at) if now >= at => {
                messages::notice("Grace period expired, proceeding with soft-stop now.\n");
                self.soft_stop();
            }
            Stop::Hard(at) if now >= at => {
                messages::warning("Some tasks resisted to hard-stop, exiting now.\n");
                std::process::exit(0);
            }
            Stop::No | Stop::Grace(_) | Stop::Soft(_) | Stop::Hard(_) => {}
        }
    }

    fn pause(&self) {
        if !matches!(self.stop, Stop::No | Stop::Grace(_)) {
            return;
        }
        self.control.pause(None);
        for listener in &self.stats {
            let _ = listener.pause();
        }
        self.tell_listening("Paused");
    }

    fn resume(&self) {
        if !matches!(self.stop, Stop::No | Stop::Grace(_)) {
            return;
        }
        let resumed =
            self.control.resume(None).and_then(|()| self.stats.iter().try_for_each(BoundListener::resume));
        match resumed {
            Ok(()) => self.tell_listening("Resumed"),
            Err(error) => {
                let reason = sys::process::error_text(&error);
                messages::warning(format!("Failed to resume listening ({reason}).\n"));
            }
        }
    }

    fn tell_listening(&self, what: &str) {
        let world = self.control.world();
        if !world.config.global.stats_sockets.is_empty() {
            messages::warning(format!("{what} frontend GLOBAL.\n"));
        }
        for state in &world.proxies {
            if state.config.disabled || state.config.binds.is_empty() {
                continue;
            }
            let kind = if state.config.kind == ProxyKind::Listen { "proxy" } else { "frontend" };
            self.tell(&state.config, WARNING, &format!("{what} {kind} {}.", state.config.name));
        }
    }

    fn dump_states(&self) {
        let world = self.control.world();
        messages::warning("SIGHUP received, dumping servers states.\n");
        if !world.config.global.stats_sockets.is_empty() {
            messages::warning(
                "SIGHUP: Proxy GLOBAL has no servers. Conn: act(FE+BE): 0+0, 0 pend (0 unass), tot(FE+BE): 0+0.\n",
            );
        }
        for state in &world.proxies {
            let proxy = &state.config;
            let header = format!("SIGHUP received, dumping servers states for proxy {}.", proxy.name);
            self.control.loggers().send(proxy.index, NOTICE, header.as_bytes(), None);
            for server in state.backend.iter().flat_map(|backend| backend.servers.iter()) {
                let up = if server.op() == OpState::Stopped { "DOWN" } else { "UP" };
                let text = format!(
                    "SIGHUP: Server {}/{} is {up}. Conn: {} act, {} pend, {} tot.",
                    proxy.name,
                    server.name(),
                    server.streams.current(),
                    server.queue.current(),
                    server.counters.total(Stat::Sessions)
                );
                self.tell(proxy, NOTICE, &text);
            }
            self.tell(proxy, NOTICE, &proxy_line(state));
        }
    }

    /// To the proxy's log targets and to standard error.
    fn tell(&self, proxy: &Proxy, level: u8, text: &str) {
        self.control.loggers().send(proxy.index, level, text.as_bytes(), None);
        messages::warning(format!("{text}\n"));
    }
}

fn proxy_line(state: &ProxyState) -> String {
    let of = |n: Option<u64>| n.unwrap_or(0);
    let (front, back) = (state.frontend.as_ref(), state.backend.as_ref());
    let health = match back {
        None => "has no servers.".to_owned(),
        Some(backend) if backend.servers.is_empty() => "has no servers.".to_owned(),
        Some(backend) => match backend.usable() {
            (0, 0) => "has no server available !".to_owned(),
            (0, _) => "is running on backup servers !".to_owned(),
            (active, backup) => format!("has {active} active servers and {backup} backup servers available."),
        },
    };
    let queued = of(back.map(|b| b.total_queued()));
    let unassigned =
        queued.saturating_sub(back.map_or(0, |b| b.servers.iter().map(|s| s.queue.current()).sum()));
    format!(
        "SIGHUP: Proxy {} {health} Conn: act(FE+BE): {}+{}, {queued} pend ({unassigned} unass), tot(FE+BE): {}+{}.",
        state.config.name,
        of(front.map(|f| f.sessions.current())),
        of(back.map(|b| b.streams.current())),
        of(front.map(|f| f.counters.total(Stat::Connections))),
        of(back.map(|b| b.counters.total(Stat::Sessions))),
    )
}

/// SIGQUIT shows the reference's memory pools; this program has none.
fn dump_pools() {
    if messages::enabled() {
        let _ = std::io::stderr().write_all(
            b"Dumping pools usage. Use SIGQUIT to flush them.\n\
              Total: 0 pools, 0 bytes allocated, 0 used (~0 by thread caches).\n",
        );
    }
}
