//! keepalived.conf: grammar, keyword registry, resolution.
pub mod resolved;

pub use resolved::Config;
