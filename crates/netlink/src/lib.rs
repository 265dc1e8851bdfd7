//! The kernel as VRRP needs it: addresses and interfaces through rtnetlink, raw VRRP sockets, gratuitous ARP and
//! unsolicited neighbour adverts through AF_PACKET.
//!
//! - [`route`]: snapshot of links and addresses, adding and removing addresses (rtnetlink(7)).
//! - [`routes`]: adding and removing routes.
//! - [`monitor`]: what changes, as a stream of [`monitor::Event`].
//! - [`socket`]: one receive and one send socket an interface and family, all receive sockets behind one readiness.
//! - [`announce`]: ARP and ICMPv6 frames and the socket that sends them.
//!
//! Nothing here decides anything about VRRP. `unsafe` is confined to [`announce`] and [`socket`].

pub mod announce;
pub mod monitor;
pub mod readable;
pub mod route;
pub mod routes;
pub mod socket;

pub use monitor::{Event, Monitor};
pub use route::{AddressSpec, Error, Link, LinkAddress, Route};
