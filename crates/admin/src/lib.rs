//! The stats socket (management manual, section 9.3) and the stats page (configuration manual, `stats enable`).
//!
//! Owns commands, columns and HTML. State is read from and changed through the `proxy` crate; nothing here touches traffic.

pub mod cli;
pub mod info_line;
pub mod page;
pub mod schema;
pub mod stat;

mod info;
mod scope;

pub use info::Process;
pub use scope::{Scope, address_and_port, socket_name};
