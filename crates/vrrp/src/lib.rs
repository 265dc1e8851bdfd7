//! VRRP without I/O: packets, the instance state machine, sync groups, tracking and the gratuitous ARP schedule.
//!
//! Everything here is a value or a function of its arguments: time comes in as [`std::time::Instant`], packets and
//! tracker results come in as [`router::Input`], what has to be done comes out as [`router::Output`]. No socket, no
//! clock, no file, no randomness. The shell (`vrrpd`) owns those.
//!
//! - [`packet`]: VRRPv2 (RFC 3768) and VRRPv3 (RFC 5798) adverts: checks, emit, checksums.
//! - [`auth`]: the authentication header of VRRPv2 `auth_type AH`.
//! - [`instance`]: one virtual router: INIT, BACKUP, MASTER, FAULT and their deadlines.
//! - [`sync_group`]: instances that change state together.
//! - [`script`], [`track`]: tracked scripts and what they and interfaces contribute to the effective priority.
//! - [`tracker`]: the same for tracked files and processes.
//! - [`garp`]: when gratuitous ARPs and unsolicited neighbour adverts are due.
//! - [`router`]: all of it together, one `handle`/`handle_timeout`/`poll_timeout`/`poll_output`.
//! - [`event`]: every log line of the above and its exact text.

pub mod auth;
pub mod config;
pub mod event;
pub mod garp;
pub mod instance;
pub mod packet;
pub mod router;
pub mod script;
pub mod stats;
pub mod sync_group;
pub mod track;
pub mod tracker;

pub use config::{
    Auth, BfdId, Family, GroupConfig, GroupId, InstanceConfig, InstanceId, LinkId, RouterConfig,
    ScriptConfig, ScriptId, Version, Vip,
};
pub use event::{Event, Level};
pub use router::{Input, Output, Router};
pub use stats::Stats;
pub use tracker::{Reading, TrackerConfig, TrackerId, TrackerKind};
