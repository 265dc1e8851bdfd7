//! One session with one neighbor: when to send, when to give up, and which state that makes. RFC 5880, section 6.8.
//!
//! ```text
//!              Down received                Init, Up received
//!   Down ----------------------> Init ----------------------------> Up
//!    ^ \________________________________________________________^   |
//!    |        Init received                                         |
//!    +--------------------------------------------------------------+
//!       silence for the detection time; Down or AdminDown received
//! ```
//!
//! What RFC 5880 leaves open is done as keepalived 2.3.3 does it: no packet is sent out of turn but the answer to a poll; the
//! jitter is 10 to 25 percent for every multiplier; the parameters in force change while Up only with Poll or Final.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::event::{Event, Parameters};
use crate::packet::{Diagnostic, Packet, State};

/// A `bfd_instance` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The block's name.
    pub name: Arc<str>,
    /// `neighbor_ip`.
    pub neighbor: IpAddr,
    /// `source_ip`.
    pub source: Option<IpAddr>,
    /// `min_rx`.
    pub min_rx: Duration,
    /// `min_tx`.
    pub min_tx: Duration,
    /// `idle_tx`: the interval while the session is not Up, at least a second.
    pub idle_tx: Duration,
    /// `multiplier`, 1 to 255.
    pub multiplier: u8,
    /// `passive`: says nothing before it has heard the neighbor.
    pub passive: bool,
    /// `ttl` or `hoplimit`: of what is sent, and where the neighbor's is thought to start.
    pub ttl: u8,
    /// `max_hops`: how many routers may be in between; as much as `ttl`: any number.
    pub max_hops: u8,
    /// `multihop`: by port 4784.
    pub multihop: bool,
}

impl Config {
    /// Whether a packet that arrived with `ttl` came over no more routers than `max_hops`. RFC 5881, 5.
    pub fn accepts_ttl(&self, ttl: u8) -> bool {
        u16::from(ttl) + u16::from(self.max_hops) >= u16::from(self.ttl)
    }

    /// Whether a session of `other` can go on as one of this configuration.
    pub fn is_same_session(&self, other: &Self) -> bool {
        (self.neighbor, self.source, self.multihop) == (other.neighbor, other.source, other.multihop)
    }
}

/// What the shell has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this to the neighbor.
    Send(Packet),
    /// Log this.
    Log(Event),
    /// Tell those who track the session: Up or not.
    Report(bool),
}

/// What the neighbor said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its state.
    pub state: State,
    /// Its discriminator; 0 when unknown.
    pub discriminator: u32,
    /// Why it left Up.
    pub diagnostic: Diagnostic,
    /// Its multiplier.
    pub multiplier: u8,
    /// How often it would send.
    pub min_tx: Duration,
    /// How often it can receive.
    pub min_rx: Duration,
    /// It wants no periodic packets while both are Up.
    pub demand: bool,
}

impl Remote {
    const UNKNOWN: Self = Self {
        state: State::Down,
        discriminator: 0,
        diagnostic: Diagnostic::NONE,
        multiplier: 0,
        min_tx: Duration::ZERO,
        min_rx: Duration::ZERO,
        demand: false,
    };

    fn parameters(&self) -> (Duration, Duration, u8) {
        (self.min_tx, self.min_rx, self.multiplier)
    }
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    config: Config,
    state: State,
    diagnostic: Diagnostic,
    discriminator: u32,
    remote: Remote,
    /// Set while a poll is not answered.
    polling: bool,
    /// In force: how often we send, how often the neighbor does, and how long it may be silent.
    interval: Duration,
    remote_interval: Duration,
    detection: Duration,
    send_at: Option<Instant>,
    expires_at: Option<Instant>,
    /// When what is known of a neighbor that fell silent is forgotten.
    forget_at: Option<Instant>,
    last_heard_at: Option<Instant>,
    random: u64,
    out: VecDeque<Output>,
}

impl Session {
    /// A session in Down. `seed` is for discriminators and jitter. The state is reported, and unless `passive` the first packet
    /// is due at once.
    pub fn new(config: Config, seed: u64, now: Instant) -> Self {
        let mut session = Self {
            state: State::Down,
            diagnostic: Diagnostic::NONE,
            discriminator: 0,
            remote: Remote::UNKNOWN,
            polling: false,
            interval: config.idle_tx,
            remote_interval: Duration::ZERO,
            detection: Duration::ZERO,
            send_at: (!config.passive).then_some(now),
            expires_at: None,
            forget_at: None,
            last_heard_at: None,
            random: seed | 1,
            out: VecDeque::new(),
            config,
        };
        session.discriminator = session.new_discriminator();
        session.report();
        session
    }

    /// Goes on with new settings after a reload, and reports the state again. Timers that change while Up are agreed on by a poll.
    pub fn reconfigure(&mut self, config: Config, now: Instant) {
        let changed = (config.min_rx, config.min_tx, config.multiplier)
            != (self.config.min_rx, self.config.min_tx, self.config.multiplier);
        self.config = config;
        if self.config.passive && self.last_heard_at.is_none() {
            self.send_at = None;
        } else if self.send_at.is_none() {
            self.send_at = Some(now);
        }
        if self.state == State::Up && changed {
            self.start_poll();
        }
        if self.state != State::Up {
            self.agree();
        }
        self.report();
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why it left Up the last time.
    pub fn diagnostic(&self) -> Diagnostic {
        self.diagnostic
    }

    /// Its discriminator, which the neighbor's packets carry.
    pub fn discriminator(&self) -> u32 {
        self.discriminator
    }

    /// What the neighbor said last.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Whether a poll waits for its answer.
    pub fn is_polling(&self) -> bool {
        self.polling
    }

    /// How often it sends, and how often the neighbor does.
    pub fn intervals(&self) -> (Duration, Duration) {
        (self.interval, self.remote_interval)
    }

    /// How long the neighbor may be silent, and how long the neighbor waits for us.
    pub fn detection_times(&self) -> (Duration, Duration) {
        (self.detection, self.interval * u32::from(self.config.multiplier))
    }

    /// When the neighbor was heard last.
    pub fn last_heard_at(&self) -> Option<Instant> {
        self.last_heard_at
    }

    /// Reports the state again, to processes that have just started.
    pub fn report(&mut self) {
        self.out.push_back(Output::Report(self.state == State::Up));
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Session::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.send_at, self.expires_at, self.forget_at].into_iter().flatten().min()
    }

    /// A deadline has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(at) = self.expires_at
            && at <= now
        {
            self.expires_at = None;
            self.log(Event::Expired { after: self.detection + (now - at), overdue: now - at });
            self.remote.discriminator = 0;
            self.remote.state = State::Down;
            self.go_down(Diagnostic::EXPIRED, now);
        }
        if self.forget_at.is_some_and(|at| at <= now) {
            self.forget_at = None;
            self.remote.discriminator = 0;
            if self.config.passive {
                self.send_at = None;
            }
        }
        if self.send_at.is_some_and(|at| at <= now) {
            self.send(false, now);
        }
    }

    /// A packet of the neighbor that passed [`Packet::parse`] and [`Config::accepts_ttl`]. RFC 5880, 6.8.6.
    pub fn handle_packet(&mut self, packet: &Packet, now: Instant) {
        let before = self.remote.parameters();
        self.last_heard_at = Some(now);
        self.forget_at = None;
        self.remote = Remote {
            state: packet.state,
            discriminator: packet.my_discriminator,
            diagnostic: packet.diagnostic,
            multiplier: packet.multiplier,
            min_tx: packet.min_tx,
            min_rx: packet.min_rx,
            demand: packet.demand,
        };
        if packet.is_final {
            self.polling = false;
        }
        let was = self.detection;
        if self.state != State::Up || packet.poll || packet.is_final {
            self.agree();
        }
        if self.remote.parameters() != before {
            self.log_parameters();
        }
        if self.detection != was {
            self.log(Event::DetectionTime { is: self.detection, was });
        }
        self.expires_at = (self.state != State::Down && self.state != State::AdminDown)
            .then(|| now + self.detection)
            .or(self.expires_at);
        self.change_state(now);
        if self.send_at.is_none() && !self.is_silent() {
            self.send_at = Some(now);
        }
        if packet.poll {
            self.send(true, now);
        } else if let Some(at) = self.send_at {
            // A shorter interval than the one that runs begins at once.
            self.send_at = Some(at.min(now + self.jittered()));
        }
    }

    /// RFC 5880, 6.2 and the pseudocode of 6.8.6.
    fn change_state(&mut self, now: Instant) {
        match (self.state, self.remote.state) {
            (State::AdminDown | State::Down, State::AdminDown) => {}
            (State::Init | State::Up, State::AdminDown) | (State::Up, State::Down) => {
                self.go_down(Diagnostic::NEIGHBOR_DOWN, now);
            }
            (State::Down, State::Down) => {
                self.state = State::Init;
                self.diagnostic = Diagnostic::NONE;
                self.expires_at = Some(now + self.detection);
                self.log(Event::Silent(State::Init));
            }
            (State::Down, State::Init) | (State::Init, State::Init | State::Up) => self.go_up(now),
            // Up while we are Down: the neighbor has not noticed yet, and an Init may still be on its way.
            (State::AdminDown, _)
            | (State::Down, State::Up)
            | (State::Init, State::Down)
            | (State::Up, State::Init | State::Up) => {}
        }
    }

    fn go_up(&mut self, now: Instant) {
        self.state = State::Up;
        self.diagnostic = Diagnostic::NONE;
        self.expires_at = Some(now + self.detection);
        self.log(Event::Up);
        if self.config.idle_tx != self.config.min_tx {
            self.start_poll();
        }
        self.report();
    }

    fn go_down(&mut self, diagnostic: Diagnostic, now: Instant) {
        let was_up = self.state == State::Up;
        self.state = State::Down;
        self.diagnostic = diagnostic;
        self.polling = false;
        self.expires_at = None;
        self.forget_at = Some(now + self.detection);
        self.log(Event::Down { local: diagnostic, remote: self.remote.diagnostic });
        self.interval = self.next_interval();
        if was_up {
            self.discriminator = self.new_discriminator();
            // An administrator's wish is no failure. RFC 5882, 3.2.
            if self.remote.state != State::AdminDown {
                self.report();
            }
        }
    }

    fn start_poll(&mut self) {
        self.polling = true;
        self.log(Event::PollStarted);
    }

    /// Parameters that come into force. RFC 5880, 6.8.3 and 6.8.4.
    fn agree(&mut self) {
        self.interval = self.next_interval();
        self.remote_interval = self.remote.min_tx.max(self.config.min_rx);
        self.detection = self.remote_interval * u32::from(self.remote.multiplier);
    }

    fn next_interval(&self) -> Duration {
        let both = self.remote.state == State::Up && matches!(self.state, State::Init | State::Up);
        let wanted = if both { self.config.min_tx } else { self.config.idle_tx };
        wanted.max(self.remote.min_rx)
    }

    /// The neighbor wants no periodic packets, or has not been heard by a passive session. RFC 5880, 6.6 and 6.8.7.
    fn is_silent(&self) -> bool {
        let heard = self.remote.discriminator != 0;
        let demanded = self.remote.demand && self.state == State::Up && self.remote.state == State::Up;
        let unwanted = heard && self.remote.min_rx.is_zero();
        !self.polling && (demanded || unwanted) || (self.config.passive && !heard)
    }

    fn send(&mut self, is_final: bool, now: Instant) {
        let packet = Packet {
            state: self.state,
            diagnostic: self.diagnostic,
            poll: self.polling && !is_final,
            is_final,
            control_plane_independent: false,
            demand: false,
            multiplier: self.config.multiplier,
            my_discriminator: self.discriminator,
            your_discriminator: self.remote.discriminator,
            min_tx: self.min_tx(),
            min_rx: self.config.min_rx,
            min_echo_rx: Duration::ZERO,
        };
        // The answer carries what a poll would ask to be confirmed.
        if is_final {
            self.polling = false;
        }
        self.out.push_back(Output::Send(packet));
        self.send_at = (!self.is_silent()).then(|| now + self.jittered());
    }

    /// What packets say that we would send.
    fn min_tx(&self) -> Duration {
        if self.state == State::Up { self.config.min_tx } else { self.config.idle_tx }
    }

    /// The interval, 10 to 25 percent shorter. RFC 5880, 6.8.7.
    fn jittered(&mut self) -> Duration {
        let micros = u64::try_from(self.interval.as_micros()).unwrap_or(u64::MAX / 1000);
        let per_mille = 750 + self.next_random() % 151;
        Duration::from_micros(micros * per_mille / 1000)
    }

    fn new_discriminator(&mut self) -> u32 {
        loop {
            let value = (self.next_random() >> 32) as u32;
            if value != 0 && value != self.discriminator {
                return value;
            }
        }
    }

    /// xorshift64*: nothing secret depends on it.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 1
    }

    fn log_parameters(&mut self) {
        let local = Parameters {
            min_tx: self.min_tx(),
            min_rx: self.config.min_rx,
            interval: self.interval,
            multiplier: self.config.multiplier,
            detection: self.detection,
        };
        let remote = Parameters {
            min_tx: self.remote.min_tx,
            min_rx: self.remote.min_rx,
            interval: self.remote_interval,
            multiplier: self.remote.multiplier,
            detection: self.detection_times().1,
        };
        self.log(Event::Parameters { local, remote });
    }

    fn log(&mut self, event: Event) {
        self.out.push_back(Output::Log(event));
    }
}

#[cfg(test)]
mod tests;
