//! haproxy.cfg: grammar, keyword registry, resolution.
//!
//! Text goes through words with spans to registry rows, to what is declared, to the immutable [`runtime::RuntimeConfig`].
//! No socket is opened here. Error and pattern files, user names and the host names of addresses other than servers' are looked up
//! through [`Host`] while a line is read, so that messages come in the reference's order; servers' host names in `resolve`.

mod anonymous;
mod condition;
mod cx;
mod declared;
mod directives;
mod fields;
pub mod keep_alive;
mod known;
pub mod listing;
mod load;
mod reader;
pub mod registry;
mod resolve;
pub mod runtime;
mod section;
mod servers;
mod setting;
mod shown;
pub mod source;
mod stats_access;
pub mod threads;

pub use anonymous::AnonKey;
pub use load::{Features, Host, Inputs, Loaded, eval_condition, load, show_lines};
pub use registry::dump_configuration_keywords;
pub use shown::Show;
