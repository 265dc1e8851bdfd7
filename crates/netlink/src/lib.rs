//! The kernel as VRRP needs it: addresses and interfaces through rtnetlink, raw VRRP sockets, gratuitous ARP and
//! unsolicited neighbour adverts through AF_PACKET, nf_tables for addresses that accept nothing.
//!
//! - [`route`]: snapshot of links and addresses, adding and removing addresses (rtnetlink(7)).
//! - [`routes`], [`rules`]: adding and removing routes and policy rules.
//! - [`links`]: VMAC and ipvlan interfaces and the settings of interfaces.
//! - [`linkbeat`]: asking an interface for its link.
//! - [`firewall`]: the tables that drop packets to and from virtual addresses.
//! - [`monitor`]: what changes, as a stream of [`monitor::Event`].
//! - [`socket`]: one receive and one send socket an interface and family, all receive sockets behind one readiness.
//! - [`announce`]: ARP and ICMPv6 frames and the socket that sends them.
//! - `message`, `channel`: requests as bytes, and the socket that carries them out many at a time.
//!
//! Nothing here decides anything about VRRP. `unsafe` is confined to [`announce`] and [`socket`].

pub mod announce;
mod channel;
pub mod firewall;
pub mod linkbeat;
pub mod links;
mod message;
pub mod monitor;
pub mod readable;
pub mod route;
pub mod routes;
pub mod rules;
pub mod socket;

pub use monitor::{Event, Monitor};
pub use route::{AddressSpec, Error, Link, LinkAddress, LinkKind, PROTOCOL_KEEPALIVED, Route};
