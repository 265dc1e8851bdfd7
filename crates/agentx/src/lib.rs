//! AgentX, RFC 2741: what a subagent says to an SNMP master agent, and what it answers.
//!
//! Packets ([`pdu`]), the session with its deadlines ([`session`]) and the lookup in a sorted list of objects ([`view`]). No
//! sockets, no clock: the caller brings bytes and times, and carries out what [`Session::poll_output`] says. What a master
//! sends is bounded, and wrong bytes end the connection.

pub mod oid;
pub mod pdu;
pub mod session;
pub mod value;
pub mod view;

mod wire;

pub use oid::Oid;
pub use pdu::{Body, Pdu};
pub use session::{Event, Output, Session, Settings};
pub use value::{Value, VarBind};
pub use view::View;
