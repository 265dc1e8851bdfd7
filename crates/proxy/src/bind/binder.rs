//! The order in which listeners are bound, what is tried again, and what is said about those that fail.

use super::{BoundListener, Inherited, Owner, Transport, inet, unix};
use haproxy_config::runtime::{Bind, ProxyIndex, ProxyKind, RuntimeConfig};
use haproxy_config::threads::ThreadSet;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use units::Address;

/// Something that went wrong with one socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The whole line, in the reference's words.
    pub text: String,
    /// How it ends.
    pub outcome: Outcome,
}

/// What a [`Trouble`] means for the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The socket serves without what was asked.
    Warning,
    /// The address is busy: another attempt may succeed once its owner lets go.
    Busy,
    /// No attempt will succeed.
    Fatal,
}

/// What one attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// All sockets listen.
    Done,
    /// The rest only waits for busy addresses.
    Busy(Vec<Trouble>),
    /// At least one can never be bound.
    Failed(Vec<Trouble>),
}

/// Binds in attempts; what was bound once stays bound.
#[derive(Debug)]
pub struct Binder {
    waiting: Vec<Wanted>,
    bound: Vec<BoundListener>,
    warnings: Vec<String>,
    reuse_port: bool,
}

/// A listener that is to be bound.
#[derive(Clone, Debug)]
struct Wanted {
    owner: Owner,
    bind: Bind,
    backlog: i32,
    threads: ThreadSet,
    /// `frontend web`, `proxy stats`, `frontend GLOBAL`.
    whose: String,
}

impl Binder {
    /// All listeners of a configuration, in the order of protocols and then of declaration. `maxconn` is the process's limit, the
    /// default backlog; `reuse_port` is off with `-dR` or `noreuseport`.
    #[must_use]
    pub fn new(config: &RuntimeConfig, maxconn: u32, reuse_port: bool) -> Self {
        let mut waiting = Vec::new();
        for (index, bind) in config.global.stats_sockets.iter().enumerate() {
            let backlog = first_set(&[bind.backlog, bind.maxconn, config.global.stats_maxconn]);
            let whose = "frontend GLOBAL".to_owned();
            push_shards(&mut waiting, Owner::Stats(index), bind, backlog, &whose, reuse_port);
        }
        for (proxy, at) in config.proxies.iter().zip(0u32..) {
            if proxy.disabled || !proxy.is_frontend() {
                continue;
            }
            let kind = if proxy.kind == ProxyKind::Listen { "proxy" } else { "frontend" };
            for (index, bind) in proxy.binds.iter().enumerate() {
                let backlog = first_set(&[bind.backlog, proxy.backlog, bind.maxconn, proxy.maxconn, maxconn]);
                let owner = Owner::Frontend(ProxyIndex(at), index);
                let whose = format!("{kind} {}", proxy.name);
                push_shards(&mut waiting, owner, bind, backlog, &whose, reuse_port);
            }
        }
        // HAPROXY: protocols one after the other, IPv6 first; within one, stats sockets and then proxies as they are declared.
        waiting.sort_by_key(|wanted| protocol_rank(&wanted.bind.address));
        Self { waiting, bound: Vec::new(), warnings: Vec::new(), reuse_port }
    }

    /// Only the stats sockets of a configuration.
    #[must_use]
    pub fn for_stats_sockets(config: &RuntimeConfig, maxconn: u32) -> Self {
        let mut binder = Self::new(config, maxconn, true);
        binder.waiting.retain(|wanted| matches!(wanted.owner, Owner::Stats(_)));
        binder
    }

    /// Tries every listener that is not bound yet.
    pub fn attempt(&mut self, inherited: &mut Inherited) -> Attempt {
        let mut troubles = Vec::new();
        let mut waiting = Vec::new();
        for wanted in std::mem::take(&mut self.waiting) {
            match wanted.open(inherited, self.reuse_port) {
                Ok((listener, warning)) => {
                    self.bound.push(listener);
                    self.warnings.extend(warning.map(|text| wanted.line(&text)));
                }
                Err(Failure { text, busy }) => {
                    let outcome = if busy { Outcome::Busy } else { Outcome::Fatal };
                    troubles.push(Trouble { text: wanted.line(&text), outcome });
                    waiting.push(wanted);
                }
            }
        }
        self.waiting = waiting;
        if troubles.is_empty() {
            Attempt::Done
        } else if troubles.iter().all(|t| t.outcome == Outcome::Busy) {
            Attempt::Busy(troubles)
        } else {
            Attempt::Failed(troubles)
        }
    }

    /// Warnings about sockets that serve without what was asked, since the last call.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// What was bound.
    #[must_use]
    pub fn finish(self) -> Vec<BoundListener> {
        self.bound
    }
}

/// Why a socket could not be opened: the text after `Binding […] for …: `.
pub(super) struct Failure {
    pub(super) text: String,
    pub(super) busy: bool,
}

impl Wanted {
    fn open(
        &self,
        inherited: &mut Inherited,
        reuse_port: bool,
    ) -> Result<(BoundListener, Option<String>), Failure> {
        let listener = |socket, transport, backlog| BoundListener {
            owner: self.owner,
            socket,
            transport,
            backlog,
            threads: self.threads,
        };
        let backlog = self.backlog.max(1);
        match &self.bind.address {
            Address::Inet(address) => {
                let transport = if address.is_ipv4() { Transport::Tcp4 } else { Transport::Tcp6 };
                let (socket, warning) = match inherited.take_inet(address, &self.bind) {
                    Some(socket) => (socket, None),
                    None => inet::open(address, &self.bind, reuse_port)?,
                };
                let late = inet::listen(socket.as_fd(), address, &self.bind, backlog)?;
                Ok((listener(socket, transport, backlog), warning.or(late)))
            }
            Address::Unix(path) => {
                let socket = match inherited.take_unix(path) {
                    Some(socket) => socket,
                    None => unix::open_path(path, &self.bind)?,
                };
                unix::listen(socket.as_fd(), &path.display().to_string(), backlog)?;
                Ok((listener(socket, Transport::Unix, backlog), None))
            }
            Address::Abns(name) => {
                let socket = match inherited.take_abstract(name) {
                    Some(socket) => socket,
                    None => unix::open_abstract(name)?,
                };
                unix::listen(socket.as_fd(), &format!("abns@{}", String::from_utf8_lossy(name)), backlog)?;
                Ok((listener(socket, Transport::Unix, backlog), None))
            }
            Address::Fd(number) => {
                let (socket, transport) = unix::adopt(*number, backlog)?;
                let late = match transport {
                    Transport::Tcp4 | Transport::Tcp6 => inet::adopt(socket.as_fd(), &self.bind, backlog),
                    Transport::Unix | Transport::SockPair => None,
                };
                let late = late.map(|what| format!("protocol tcp: {what} [fd@{number}]"));
                Ok((listener(socket, transport, 0), late))
            }
            Address::SockPair(number) => {
                let socket = unix::adopt_pair(*number)?;
                Ok((listener(socket, Transport::SockPair, 0), None))
            }
        }
    }

    fn line(&self, text: &str) -> String {
        let (file, line) = &self.bind.declared_at;
        format!("Binding [{file}:{line}] for {}: {text}.", self.whose)
    }
}

/// One entry for each socket of a `bind` line's address. Without SO_REUSEPORT there can only be one.
fn push_shards(
    waiting: &mut Vec<Wanted>,
    owner: Owner,
    bind: &Bind,
    backlog: i32,
    whose: &str,
    reuse_port: bool,
) {
    let one = [bind.sockets.iter().flat_map(ThreadSet::iter).collect::<ThreadSet>()];
    let shards = if reuse_port { bind.sockets.as_slice() } else { &one };
    waiting.extend(shards.iter().map(|threads| Wanted {
        owner,
        bind: bind.clone(),
        backlog,
        threads: *threads,
        whose: whose.to_owned(),
    }));
}

fn protocol_rank(address: &Address) -> u8 {
    match address {
        Address::Inet(SocketAddr::V6(_)) => 0,
        Address::Inet(SocketAddr::V4(_)) => 1,
        Address::Fd(_) => 2,
        Address::Unix(_) | Address::Abns(_) => 3,
        Address::SockPair(_) => 4,
    }
}

fn first_set(numbers: &[u32]) -> i32 {
    let found = numbers.iter().copied().find(|&n| n > 0).unwrap_or(1024);
    i32::try_from(found).unwrap_or(i32::MAX)
}
