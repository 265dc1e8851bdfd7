//! Load-balancing algorithms and queues (haproxy-algorithms, part 1). Pure: randomness and time are arguments.
//!
//! [`Balancer`] is a backend's state; [`Config::hash_of`] says what a hashing algorithm makes of a request. One file an algorithm.

mod balancer;
mod config;
mod cookie;
mod first;
mod hash;
mod key;
mod leastconn;
mod map;
mod queue;
mod ring;
mod roundrobin;
mod server;

pub use balancer::{Balancer, Decision, Request, Settings, Ticket, Wanted, Woken};
pub use config::{Algorithm, Config, Hash, HashFunction, HashKey, HashType};
pub use cookie::dynamic_cookie;
pub use hash::{avalanche, djb2, hash, ring_key, sdbm, wt6};
pub use key::Parts;
pub use queue::Priority;
pub use server::{Availability, ServerSpec};
