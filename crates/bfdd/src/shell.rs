//! The event loop: packet, timer, control -> sessions -> outputs -> system calls.

use std::io::{self, PipeWriter, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bfd::{Output, Packet, Record, Session};
use keepalived_config::resolved::{BfdInstance, Config};
use socket2::Socket;

use crate::sockets::{self, Receiver};
use crate::{Control, ExitReason, Params, Report, dump};

/// Packets that are read before anything else gets its turn again.
const PACKETS_A_TURN: usize = 64;
/// After this time a socket that could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// A line that is always logged.
macro_rules! normal {
    ($($part:tt)*) => { tracing::info!(target: "keepalived", $($part)*) };
}
/// A line for `--log-detail`.
macro_rules! detail {
    ($($part:tt)*) => { tracing::debug!(target: "keepalived", $($part)*) };
}

/// A session and its socket.
pub(crate) struct Running {
    pub(crate) session: Session,
    pub(crate) socket: Option<Socket>,
    retry_at: Option<Instant>,
    /// A send that failed was logged.
    pub(crate) send_failed: bool,
}

pub(crate) struct Shell {
    params: Params,
    config: Rc<Config>,
    running: Vec<Running>,
    single_hop: Option<Receiver>,
    multihop: Option<Receiver>,
    random: u64,
    /// How many reloads there were.
    reloads: u32,
    complaints: Complaints,
}

enum Wake {
    Control(Option<Control>),
    Packets,
    Timer,
}

impl Shell {
    pub(crate) fn start(mut params: Params) -> Result<Self, ExitReason> {
        let config = (params.read_config)().map_err(ExitReason::Config)?;
        // A full queue must not hold up the sessions.
        sockets::set_nonblocking(&params.events).map_err(|error| ExitReason::Fatal(error.to_string()))?;
        let random = params.seed | 1;
        let mut shell = Self {
            params,
            config,
            running: Vec::new(),
            single_hop: None,
            multihop: None,
            random,
            reloads: 0,
            complaints: Complaints::default(),
        };
        shell.apply(Instant::now());
        shell.open_receivers().map_err(|error| ExitReason::Fatal(format!("BFD socket: {error}")))?;
        (shell.params.report)(Report::Started);
        shell.drain();
        Ok(shell)
    }

    pub(crate) async fn run(mut self) -> ExitReason {
        loop {
            let deadline = self.deadline();
            let timer = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let wake = tokio::select! {
                biased;
                control = self.params.control.recv() => Wake::Control(control),
                () = readable(self.single_hop.as_ref()) => Wake::Packets,
                () = readable(self.multihop.as_ref()) => Wake::Packets,
                () = timer => Wake::Timer,
            };
            match wake {
                Wake::Control(Some(Control::Stop) | None) => return ExitReason::Stopped,
                Wake::Control(Some(Control::Reload)) => self.reload(),
                Wake::Control(Some(Control::Dump)) => self.dump(),
                Wake::Control(Some(Control::Report)) => {
                    self.running.iter_mut().for_each(|each| each.session.report())
                }
                Wake::Packets | Wake::Timer => {}
            }
            // What is here already was heard in time, however late we are.
            self.receive();
            self.timers();
            self.drain();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.running.iter().flat_map(|each| [each.session.poll_timeout(), each.retry_at]).flatten().min()
    }

    fn timers(&mut self) {
        let now = Instant::now();
        for index in 0..self.running.len() {
            let Some(running) = self.running.get_mut(index) else { continue };
            if running.session.poll_timeout().is_some_and(|at| at <= now) {
                running.session.handle_timeout(now);
            }
            if running.retry_at.is_some_and(|at| at <= now) {
                self.open_sender(index, now);
            }
        }
    }

    fn receive(&mut self) {
        let (running, complaints) = (&mut self.running, &mut self.complaints);
        for (receiver, multihop) in [(&self.single_hop, false), (&self.multihop, true)] {
            let Some(receiver) = receiver else { continue };
            receiver.receive(PACKETS_A_TURN, |datagram| {
                let now = Instant::now();
                let source = datagram.source;
                let Ok(packet) = Packet::parse(datagram.payload) else {
                    return complaints.log(now, || format!("Discarding bogus packet from {}", shown(source)));
                };
                let Some(found) = running.iter_mut().find(|each| belongs(each.session_ref(), &packet, source, multihop)) else {
                    return complaints.log(now, || {
                        format!(
                            "Discarding packet from {} (session is not found - your discriminator field is 0x{:x})",
                            shown(source),
                            packet.your_discriminator
                        )
                    });
                };
                if !found.session.config().accepts_ttl(datagram.ttl) {
                    return complaints.log(now, || format!("Discarding bogus packet from {} (TTL {})", shown(source), datagram.ttl));
                }
                if found.socket.is_none() {
                    found.retry_at = Some(now);
                }
                found.session.handle_packet(&packet, now);
            });
        }
    }

    fn drain(&mut self) {
        for running in &mut self.running {
            let config = running.session.config().clone();
            while let Some(output) = running.session.poll_output() {
                match output {
                    Output::Send(packet) => running.send(&config, &packet),
                    Output::Log(event) => event.lines(&config.name).iter().for_each(|line| normal!("{line}")),
                    Output::Report(up) => tell(&self.params.events, &config.name, up),
                }
            }
        }
    }

    fn reload(&mut self) {
        normal!("Reloading");
        self.reloads = self.reloads.saturating_add(1);
        self.save_state("pre");
        match (self.params.read_config)() {
            Ok(config) => {
                self.config = config;
                self.apply(Instant::now());
                if let Err(error) = self.open_receivers() {
                    normal!("BFD socket: {error}");
                }
                self.save_state("post");
                (self.params.report)(Report::Reloaded);
            }
            Err(_) => (self.params.report)(Report::ReloadRefused),
        }
    }

    /// Brings sessions in line with the configuration. Those that stay go on.
    fn apply(&mut self, now: Instant) {
        let mut before = std::mem::take(&mut self.running);
        for instance in self.config.bfd_instances.clone() {
            let config = session_config(&instance);
            let same = before.iter().position(|each| {
                each.session.config().name == config.name && each.session.config().is_same_session(&config)
            });
            match same {
                Some(at) => {
                    let mut kept = before.swap_remove(at);
                    if kept.session.config().ttl != config.ttl {
                        kept.socket = None;
                        kept.retry_at = Some(now);
                    }
                    kept.session.reconfigure(config, now);
                    self.running.push(kept);
                }
                None => {
                    let session = Session::new(config, self.next_random(), now);
                    let running = Running { session, socket: None, retry_at: None, send_failed: false };
                    self.running.push(running);
                    self.open_sender(self.running.len() - 1, now);
                }
            }
        }
    }

    fn open_receivers(&mut self) -> io::Result<()> {
        for multihop in [false, true] {
            let port = if multihop { bfd::MULTIHOP_PORT } else { bfd::SINGLE_HOP_PORT };
            let wanted = self.config.bfd_instances.iter().any(|each| each.multihop == multihop);
            let receiver = if multihop { &mut self.multihop } else { &mut self.single_hop };
            if !wanted {
                *receiver = None;
            } else if receiver.is_none() {
                *receiver = Some(Receiver::open(port)?);
            }
        }
        Ok(())
    }

    fn open_sender(&mut self, index: usize, now: Instant) {
        let random = self.next_random();
        let Some(running) = self.running.get_mut(index) else { return };
        running.retry_at = None;
        match sockets::sender(running.session.config(), random) {
            Ok(socket) => running.socket = Some(socket),
            Err(error) => {
                normal!("({}) Error opening its socket - {error}", running.session.config().name);
                running.retry_at = Some(now + RETRY);
            }
        }
    }

    fn dump(&self) {
        normal!("Printing BFD data for process({}) on signal", std::process::id());
        if let Err(error) = dump::write(&dump::path(self.params.dump_dir.as_deref()), &self.state()) {
            normal!("Can't open {} - {error}", dump::FILE);
        }
    }

    fn state(&self) -> String {
        let fds = [&self.single_hop, &self.multihop].map(|receiver| receiver.as_ref().map(Receiver::fd));
        dump::text(&self.config, &self.running, fds)
    }

    /// `config_save_dir`: keeps what keepalived_bfd.data would hold, before and after a reload.
    fn save_state(&self, moment: &str) {
        let Some(directory) = &self.config.global.daemon.config_save_dir else { return };
        let (pid, number) = (std::process::id(), self.reloads);
        let path = directory.join(format!("keepalived_bfd.{pid}.{number}.{moment}"));
        if let Err(error) = dump::write(&path, &self.state()) {
            normal!("Unable to write {} - {error}", path.display());
        }
    }

    /// xorshift64*: nothing secret depends on it.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

impl Running {
    fn session_ref(&self) -> &Session {
        &self.session
    }

    fn send(&mut self, config: &bfd::Config, packet: &Packet) {
        let Some(socket) = &self.socket else { return };
        let port = if config.multihop { bfd::MULTIHOP_PORT } else { bfd::SINGLE_HOP_PORT };
        match socket.send_to(&packet.emit(), &SocketAddr::new(config.neighbor, port).into()) {
            Ok(_) => self.send_failed = false,
            Err(error) if !self.send_failed => {
                self.send_failed = true;
                let errno = nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(0));
                normal!("sendto() error ({})", errno.desc());
                normal!("({}) Error sending packet", config.name);
            }
            Err(_) => {}
        }
    }
}

/// Whose packet it is: by its discriminator, at first by who sent it. RFC 5880, 6.3.
fn belongs(session: &Session, packet: &Packet, source: SocketAddr, multihop: bool) -> bool {
    let config = session.config();
    config.multihop == multihop
        && if packet.your_discriminator == 0 {
            config.neighbor == source.ip()
        } else {
            packet.your_discriminator == session.discriminator()
        }
}

fn session_config(instance: &BfdInstance) -> bfd::Config {
    bfd::Config {
        name: Arc::from(instance.name.as_str()),
        neighbor: instance.neighbor,
        source: instance.source,
        min_rx: instance.min_rx,
        min_tx: instance.min_tx,
        idle_tx: instance.idle_tx,
        multiplier: instance.multiplier,
        passive: instance.passive,
        ttl: instance.ttl,
        max_hops: instance.max_hops,
        multihop: instance.multihop,
    }
}

/// A sender as the reference writes it, for both families.
fn shown(source: SocketAddr) -> String {
    format!("[{}]:{}", source.ip(), source.port())
}

fn tell(events: &PipeWriter, name: &str, up: bool) {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let record = Record { name: name.to_owned(), up, at };
    // A record is written whole or not at all: it is shorter than PIPE_BUF.
    let mut events = events;
    if let Err(error) = events.write_all(&record.emit()) {
        normal!("({name}) cannot tell the VRRP process - {error}");
    }
}

/// Waits for a socket; for ever without one.
async fn readable(receiver: Option<&Receiver>) {
    match receiver {
        Some(receiver) => {
            let _ = receiver.readable().await;
        }
        None => std::future::pending().await,
    }
}

/// Lines about packets that belong to no session: anybody on the network can cause them, so only some are logged.
#[derive(Debug, Default)]
struct Complaints {
    since: Option<Instant>,
    logged: u32,
}

impl Complaints {
    /// Lines in each second.
    const LINES: u32 = 10;

    fn log(&mut self, now: Instant, text: impl FnOnce() -> String) {
        if self.since.is_none_or(|since| now >= since + Duration::from_secs(1)) {
            *self = Self { since: Some(now), logged: 0 };
        }
        if self.logged < Self::LINES {
            self.logged += 1;
            detail!("{}", text());
        }
    }
}
