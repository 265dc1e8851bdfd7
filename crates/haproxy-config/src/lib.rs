//! haproxy.cfg: grammar, keyword registry, resolution.
//!
//! Text goes through words with spans to registry rows, to what is declared, to the immutable [`runtime::RuntimeConfig`].
//! No socket is opened here; files and host names are read in `resolve` only.

pub mod runtime;
