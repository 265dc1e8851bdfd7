//! Load-balancing algorithms and queues (haproxy-algorithms, part 1). Pure: randomness and time are arguments.

mod config;

pub use config::{Algorithm, Config, Hash, HashFunction, HashKey, HashType};
