//! BFD without I/O: control packets and sessions. RFC 5880, RFC 5881 (single hop), RFC 5883 (multihop).
//!
//! [`Session`] takes time, packets and deadlines that have passed, and returns what is to be sent, logged and told to the
//! processes that track it. It has no socket, no clock and no source of randomness: the seed is an argument.

pub mod event;
pub mod packet;
pub mod report;
pub mod session;

pub use packet::{Diagnostic, Packet, Reject, State};
pub use report::Record;
pub use session::{Config, Output, Session};

/// UDP port of single-hop sessions (RFC 5881, 4).
pub const SINGLE_HOP_PORT: u16 = 3784;
/// UDP port of multihop sessions (RFC 5883, 5).
pub const MULTIHOP_PORT: u16 = 4784;
