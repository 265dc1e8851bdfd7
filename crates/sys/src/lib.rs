//! Signals, daemonising, pid files, privileges, fd passing, socket options and clocks.
//!
//! The only crate of the HAProxy side that calls the kernel by hand. Each module is one facility; `unsafe` stays inside, with its
//! invariant beside it, and nothing here knows a proxy or a configuration.

pub mod child;
pub mod clock;
pub mod environment;
pub mod fd_passing;
pub mod inherited;
pub mod limits;
pub mod memory;
pub mod messages;
pub mod namespace;
pub mod notify;
pub mod password;
pub mod pid_file;
pub mod pipe;
pub mod privileges;
pub mod process;
pub mod realtime;
pub mod scheduling;
pub mod signals;
pub mod socket;
pub mod socket_options;
pub mod syslog;
pub mod watched;
