//! A backend's algorithm, limits and queues as one state: who serves a request, who waits, who is woken.
//!
//! Owns what is served and queued on each server. Knows no socket, clock or task: a waiting stream is an opaque payload, time and
//! the backend's stream count are arguments. Any number of servers can change state at any time.

use crate::config::{Algorithm, Config, HashType};
use crate::first::First;
use crate::leastconn::LeastConn;
use crate::map::Map;
use crate::queue::{Key, Priority, Queue};
use crate::ring::{Bound, Ring};
use crate::roundrobin::RoundRobin;
use crate::server::{Availability, Load, Server, ServerSpec};

/// What holds for the whole backend.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `balance` and `hash-type`
    pub config: Config,
    /// `option allbackups`
    pub allbackups: bool,
    /// `fullconn`, resolved
    pub fullconn: u32,
    /// Seed of `balance random`
    pub seed: u64,
}

/// A server that persistence (cookie, stick table) or `use-server` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its index.
    pub server: usize,
    /// Whether the request must not be balanced to another one (`force-persist`).
    pub forced: bool,
}

/// A request for a server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// [`Config::hash_of`] the request.
    pub hash: Option<u32>,
    /// The server that persistence names.
    pub wanted: Option<Wanted>,
    /// Whether `option redispatch` lets a request leave a full wanted server.
    pub redispatch: bool,
    /// The server to keep away from, if there is another.
    pub avoid: Option<usize>,
    /// Place in a queue.
    pub priority: Priority,
    /// Current streams of the backend, this one included.
    pub streams: u32,
    /// Monotonic time in ms.
    pub now_ms: u64,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It takes a slot of a server.
    Serve {
        /// The server's index.
        server: usize,
        /// Whether the algorithm chose it, not persistence.
        balanced: bool,
    },
    /// It waits.
    Queued {
        /// Where; for [`Balancer::cancel`].
        ticket: Ticket,
        /// Whether the algorithm chose the server it waits for.
        balanced: bool,
    },
    /// The wanted server's queue has reached `maxqueue`.
    Full {
        /// The server's index.
        server: usize,
    },
    /// No server is usable.
    NoServer,
}

/// A place in a server's or the backend's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The server whose queue it is; none for the backend's.
    pub server: Option<usize>,
    key: Key,
}

/// A stream that left a queue with a slot.
#[derive(Debug, PartialEq, Eq)]
pub struct Woken<T> {
    /// What it queued with.
    pub payload: T,
    /// The server whose slot it has.
    pub server: usize,
    /// How many were served from its queue since it came, itself included.
    pub position: u64,
    /// Whether it waited in the server's own queue.
    pub from_server_queue: bool,
}

#[derive(Debug)]
enum Strategy {
    /// Nothing is balanced.
    None,
    RoundRobin([RoundRobin; 2]),
    /// Rebuilt over the group in use; whether it hashes.
    Map(Map, bool),
    LeastConn([LeastConn; 2]),
    First([First; 2]),
    Ring([Ring; 2]),
}

/// See the module.
#[derive(Debug)]
pub struct Balancer<T> {
    servers: Vec<Server>,
    queues: Vec<Queue<T>>,
    backlog: Queue<T>,
    strategy: Strategy,
    settings: Settings,
    /// What effective weights are counted in: user weight × scale / divisor.
    divisor: u32,
    /// Usable servers, active and backup.
    usable: [u32; 2],
    /// Sums of their effective weights.
    weights: [u32; 2],
    /// The usable backup that comes first.
    first_backup: Option<usize>,
    served: u32,
    random: u64,
}

const ACTIVE: usize = 0;
const BACKUP: usize = 1;
/// Effective weight of a dynamic algorithm for a user weight of 1.
const SCALE: u32 = 16;

impl<T> Balancer<T> {
    /// A backend at its start.
    #[must_use]
    pub fn new(specs: &[ServerSpec], settings: Settings) -> Self {
        let is_map = match &settings.config.algorithm {
            Algorithm::StaticRoundRobin => true,
            Algorithm::RoundRobin
            | Algorithm::None
            | Algorithm::LeastConn
            | Algorithm::First
            | Algorithm::Random { .. } => false,
            _ => settings.config.hash.hash_type == HashType::MapBased,
        };
        let divisor =
            if is_map { specs.iter().fold(0, |gcd, spec| divide(gcd, spec.weight)).max(1) } else { 0 };
        let mut servers: Vec<Server> = specs.iter().map(Server::new).collect();
        for server in &mut servers {
            server.weight = effective(divisor, server.state);
        }
        let strategy = match &settings.config.algorithm {
            Algorithm::None => Strategy::None,
            Algorithm::RoundRobin => {
                Strategy::RoundRobin([RoundRobin::new(&servers, false), RoundRobin::new(&servers, true)])
            }
            Algorithm::LeastConn => {
                Strategy::LeastConn([LeastConn::new(&servers, false), LeastConn::new(&servers, true)])
            }
            Algorithm::First => Strategy::First([First::new(&servers, false), First::new(&servers, true)]),
            Algorithm::StaticRoundRobin => Strategy::Map(Map::default(), false),
            _ if is_map => Strategy::Map(Map::default(), true),
            _ => Strategy::Ring([Ring::new(&servers, false), Ring::new(&servers, true)]),
        };
        let queues = servers.iter().map(|_| Queue::default()).collect();
        let random = settings.seed | 1;
        let mut this = Self {
            servers,
            queues,
            backlog: Queue::default(),
            strategy,
            settings,
            divisor,
            usable: [0; 2],
            weights: [0; 2],
            first_backup: None,
            served: 0,
            random,
        };
        this.recount();
        this
    }

    /// Decides on a request. `waiter` makes the payload of a place in a queue.
    pub fn assign(&mut self, request: &Request, waiter: impl FnOnce() -> T) -> Decision {
        let load = Load { streams: request.streams, fullconn: self.settings.fullconn.max(1) };
        let mut wanted = request.wanted;
        loop {
            let Some(index) = wanted.map(|wanted| wanted.server).or_else(|| self.pick(request, load)) else {
                if self.usable == [0; 2] || matches!(self.strategy, Strategy::None) {
                    return Decision::NoServer;
                }
                let key = self.backlog.push(request.priority, request.now_ms, false, waiter());
                return Decision::Queued { ticket: Ticket { server: None, key }, balanced: false };
            };
            let (Some(server), Some(queue)) = (self.servers.get(index), self.queues.get_mut(index)) else {
                return Decision::NoServer;
            };
            let balanced = wanted.is_none();
            if !server.saturated(load) {
                self.take(index);
                return Decision::Serve { server: index, balanced };
            }
            if server.maxqueue > 0 && server.queued >= server.maxqueue {
                if wanted.is_some_and(|wanted| !wanted.forced) && request.redispatch {
                    wanted = None;
                    continue;
                }
                return Decision::Full { server: index };
            }
            let bound = wanted.is_some_and(|wanted| wanted.forced);
            let key = queue.push(request.priority, request.now_ms, bound, waiter());
            self.queue_changed(index);
            return Decision::Queued { ticket: Ticket { server: Some(index), key }, balanced };
        }
    }

    /// A stream leaves its server; those that its slot serves next are woken.
    pub fn release(&mut self, index: usize, streams: u32) -> Vec<Woken<T>> {
        if let Some(server) = self.servers.get_mut(index) {
            server.served = server.served.saturating_sub(1);
            self.served = self.served.saturating_sub(1);
        }
        self.load_changed(index);
        self.serve_queues(index, streams)
    }

    /// Wakes whom a server has room for: its own queue and the backend's, the better head first.
    pub fn serve_queues(&mut self, index: usize, streams: u32) -> Vec<Woken<T>> {
        let load = Load { streams, fullconn: self.settings.fullconn.max(1) };
        let mut woken = Vec::new();
        while let (Some(server), Some(queue)) = (self.servers.get(index), self.queues.get(index)) {
            if (queue.is_empty() && self.backlog.is_empty()) || server.served >= server.limit(load) {
                break;
            }
            let elected = !server.backup
                || self.usable[ACTIVE] == 0 && (self.settings.allbackups || self.first_backup == Some(index));
            let backlog = self.backlog.head().filter(|_| server.usable() && elected);
            let from_server_queue = match (queue.head(), backlog) {
                (None, None) => break,
                (Some(own), Some(common)) => !common.before(&own),
                (own, _) => own.is_some(),
            };
            let queue = if from_server_queue { self.queues.get_mut(index) } else { Some(&mut self.backlog) };
            let Some((payload, position)) = queue.and_then(Queue::pop) else { break };
            if from_server_queue {
                self.queue_changed(index);
            }
            self.take(index);
            woken.push(Woken { payload, server: index, position, from_server_queue });
        }
        woken
    }

    /// A waiting stream gives up its place. How many were served while it waited; none when it has a slot already.
    pub fn cancel(&mut self, ticket: Ticket) -> Option<u64> {
        match ticket.server {
            None => self.backlog.remove(ticket.key),
            Some(index) => {
                let position = self.queues.get_mut(index)?.remove(ticket.key);
                self.queue_changed(index);
                position
            }
        }
    }

    /// Takes those out of a server's queue that may be balanced again, with the number served while they waited. `bound_too`: also
    /// those that were forced there.
    pub fn requeue(&mut self, index: usize, bound_too: bool) -> Vec<(T, u64)> {
        let freed = self.queues.get_mut(index).map(|queue| queue.drain(bound_too)).unwrap_or_default();
        self.queue_changed(index);
        freed
    }

    /// A server's weight or state changed. Whoever may be served by it now is woken by [`Balancer::serve_queues`].
    pub fn set_availability(&mut self, index: usize, state: Availability) {
        let weight = effective(self.divisor, state);
        let Some(server) = self.servers.get_mut(index) else { return };
        let (was_usable, old_weight) = (server.usable(), server.weight);
        server.state = state;
        server.weight = weight;
        let usable = server.usable();
        let server = server.clone();
        let group = if server.backup { BACKUP } else { ACTIVE };
        match &mut self.strategy {
            Strategy::RoundRobin(groups) => match (was_usable, usable) {
                (false, true) => groups[group].up(index, &server),
                (true, false) => groups[group].down(index, old_weight),
                (true, true) if weight != old_weight => groups[group].reweigh(index, &server, old_weight),
                _ => {}
            },
            Strategy::LeastConn(groups) => {
                // A new weight sends it to the tail of its equals even when its key is the same.
                if !usable || weight != old_weight {
                    groups[group].take_out(index);
                }
                if usable {
                    groups[group].place(index, &server);
                }
            }
            Strategy::Ring(groups) => {
                groups[group].resize(index, server.ring_key, if usable { weight } else { 0 });
            }
            Strategy::None | Strategy::Map(..) | Strategy::First(_) => {}
        }
        if (was_usable, old_weight) != (usable, weight) {
            self.recount();
        }
    }

    /// A server's `maxconn` and `minconn` changed.
    pub fn set_limits(&mut self, index: usize, maxconn: u32, minconn: u32) {
        if let Some(server) = self.servers.get_mut(index) {
            server.set_limits(maxconn, minconn);
        }
    }

    /// What places a server on the ring changed (its address, with `hash-key addr`).
    pub fn set_ring_key(&mut self, index: usize, ring_key: u32) {
        let Some(server) = self.servers.get_mut(index) else { return };
        server.ring_key = ring_key;
        let (group, weight) = (usize::from(server.backup), if server.usable() { server.weight } else { 0 });
        if let Strategy::Ring(groups) = &mut self.strategy {
            groups[group].resize(index, ring_key, 0);
            groups[group].resize(index, ring_key, weight);
        }
    }

    /// `fullconn` was derived or changed.
    pub fn set_fullconn(&mut self, fullconn: u32) {
        self.settings.fullconn = fullconn.max(1);
    }

    /// Whether the algorithm can only take its initial weights and 0.
    #[must_use]
    pub fn is_static(&self) -> bool {
        self.divisor > 0
    }

    /// Usable servers: active, backup.
    #[must_use]
    pub fn usable(&self) -> (u32, u32) {
        (self.usable[ACTIVE], self.usable[BACKUP])
    }

    /// Whether a server may be balanced to.
    #[must_use]
    pub fn is_usable(&self, index: usize) -> bool {
        self.servers.get(index).is_some_and(Server::usable)
    }

    /// Streams that a server serves.
    #[must_use]
    pub fn served(&self, index: usize) -> u32 {
        self.servers.get(index).map_or(0, |server| server.served)
    }

    /// Length of a server's queue.
    #[must_use]
    pub fn queued(&self, index: usize) -> u32 {
        self.servers.get(index).map_or(0, |server| server.queued)
    }

    /// Length of the backend's own queue.
    #[must_use]
    pub fn backlog(&self) -> u32 {
        self.backlog.len() as u32
    }

    /// A server's current limit; none without `maxconn`.
    #[must_use]
    pub fn limit(&self, index: usize, streams: u32) -> Option<u32> {
        let load = Load { streams, fullconn: self.settings.fullconn.max(1) };
        self.servers.get(index).filter(|server| server.limited()).map(|server| server.limit(load))
    }

    /// A server's weight as the statistics show it.
    #[must_use]
    pub fn shown_weight(&self, index: usize) -> u32 {
        self.servers.get(index).map_or(0, |server| self.shown(server.weight))
    }

    /// The weight of the group in use as the statistics show it; 0 when no server is usable.
    #[must_use]
    pub fn shown_total_weight(&self) -> u32 {
        self.shown(self.total_weight())
    }

    /// A server's effective weight and the one it would have at full strength; they differ while it warms up.
    #[must_use]
    pub fn throttle(&self, index: usize) -> (u32, u32) {
        let full = |state| effective(self.divisor, Availability { step: 16, ..state });
        self.servers.get(index).map_or((0, 0), |server| (server.weight, full(server.state)))
    }

    fn shown(&self, weight: u32) -> u32 {
        if self.divisor > 0 { weight * self.divisor } else { weight.div_ceil(SCALE) }
    }

    fn total_weight(&self) -> u32 {
        if self.usable[ACTIVE] > 0 {
            self.weights[ACTIVE]
        } else if self.settings.allbackups {
            self.weights[BACKUP]
        } else {
            self.first_backup.and_then(|index| self.servers.get(index)).map_or(0, |server| server.weight)
        }
    }

    fn pick(&mut self, request: &Request, load: Load) -> Option<usize> {
        if matches!(self.strategy, Strategy::None) {
            return None;
        }
        // Those that never queue on a server of their own let nobody overtake the backend's queue.
        if matches!(&self.strategy, Strategy::RoundRobin(_) | Strategy::Map(_, false) | Strategy::First(_)) {
            let waiting = self.backlog.len() as u32;
            if waiting > 0 && waiting != request.streams {
                return None;
            }
        }
        if let Strategy::Map(map, _) = &mut self.strategy {
            return match request.hash {
                Some(hash) => map.lookup(hash),
                None => map.next(&self.servers, load, request.avoid),
            };
        }
        let group = if self.usable[ACTIVE] > 0 {
            ACTIVE
        } else if self.settings.allbackups {
            BACKUP
        } else {
            return self.first_backup;
        };
        let bound = Bound {
            factor: self.settings.config.hash_balance_factor,
            served: self.served,
            weight: self.weights[group],
        };
        match &mut self.strategy {
            Strategy::RoundRobin(groups) => groups[group].pick(&self.servers, load, request.avoid),
            Strategy::LeastConn(groups) => groups[group].pick(&self.servers, load, request.avoid),
            Strategy::First(groups) => groups[group].pick(&self.servers, load, request.avoid),
            Strategy::Ring(groups) => match (&self.settings.config.algorithm, request.hash) {
                (Algorithm::Random { draws }, _) => {
                    let random = &mut self.random;
                    let draw = || next_random(random);
                    groups[group].random(&self.servers, load, *draws, draw, bound, request.avoid)
                }
                (_, Some(hash)) => groups[group].lookup(&self.servers, hash, bound, request.avoid),
                (_, None) => groups[group].next(&self.servers, load, request.avoid),
            },
            Strategy::None | Strategy::Map(..) => None,
        }
    }

    fn take(&mut self, index: usize) {
        if let Some(server) = self.servers.get_mut(index) {
            server.served += 1;
            self.served += 1;
        }
        self.load_changed(index);
    }

    fn queue_changed(&mut self, index: usize) {
        if let (Some(server), Some(queue)) = (self.servers.get_mut(index), self.queues.get(index)) {
            server.queued = queue.len() as u32;
        }
    }

    /// HAPROXY: leastconn looks at a server's load anew when a stream comes or goes, not when its queue grows.
    fn load_changed(&mut self, index: usize) {
        if let (Strategy::LeastConn(groups), Some(server)) = (&mut self.strategy, self.servers.get(index)) {
            let group = &mut groups[usize::from(server.backup)];
            if group.holds(index) {
                group.place(index, server);
            }
        }
    }

    fn recount(&mut self) {
        self.usable = [0; 2];
        self.weights = [0; 2];
        self.first_backup = None;
        for (index, server) in self.servers.iter_mut().enumerate() {
            let group = usize::from(server.backup);
            server.weight_before = self.weights[group];
            if matches!(self.strategy, Strategy::None) {
                // HAPROXY: nobody looks at their states; they all count, and weigh nothing.
                self.usable[group] += 1;
            } else if server.usable() {
                self.usable[group] += 1;
                self.weights[group] += server.weight;
                if server.backup {
                    self.first_backup.get_or_insert(index);
                }
            }
        }
        if let Strategy::Map(map, _) = &mut self.strategy {
            let (active, all, first) = (self.usable[ACTIVE] > 0, self.settings.allbackups, self.first_backup);
            map.rebuild(&self.servers, |index, server| {
                if active { !server.backup } else { server.backup && (all || first == Some(index)) }
            });
        }
    }
}

/// Effective weight; `divisor` is 0 for dynamic algorithms.
fn effective(divisor: u32, state: Availability) -> u32 {
    match divisor {
        0 => state.weight * state.step.clamp(1, SCALE),
        _ => state.weight.div_ceil(divisor),
    }
}

/// Greatest common divisor.
fn divide(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { divide(b, a % b) }
}

/// xorshift64*: good enough to spread requests.
fn next_random(state: &mut u64) -> u32 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
}

#[cfg(test)]
mod tests;
