//! `bfd_instance` and `track_bfd`.

use std::net::IpAddr;
use std::time::Duration;

/// A `bfd_instance` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BfdInstance {
    /// The block's name, at most 31 bytes.
    pub name: String,
    /// `neighbor_ip`; no two blocks have the same.
    pub neighbor: IpAddr,
    /// `source_ip`, of the neighbor's family.
    pub source: Option<IpAddr>,
    /// `min_rx`.
    pub min_rx: Duration,
    /// `min_tx`.
    pub min_tx: Duration,
    /// `idle_tx`, at least a second.
    pub idle_tx: Duration,
    /// `multiplier`, 1 to 255.
    pub multiplier: u8,
    /// `passive`.
    pub passive: bool,
    /// `multihop`: by port 4784.
    pub multihop: bool,
    /// `ttl` or `hoplimit`, 1 to 255.
    pub ttl: u8,
    /// `max_hops`, at most `ttl`.
    pub max_hops: u8,
    /// `weight`, unless a `track_bfd` line has one of its own.
    pub weight: i32,
    /// `reverse` of that weight.
    pub reverse: bool,
    /// The VRRP process is told of it.
    pub for_vrrp: bool,
    /// The healthcheckers are told of it.
    pub for_checker: bool,
}

/// A line of `track_bfd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackedBfd {
    /// Index into `Config::bfd_instances`.
    pub bfd: usize,
    /// -253 to 253; 0: not being Up is a fault.
    pub weight: i32,
    /// `reverse`: inverts the contribution, or the meaning of Up when the weight is 0.
    pub reverse: bool,
}

/// Settings of a child process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// What ps(1) shows as COMMAND.
    pub name: Option<String>,
    /// Nice value.
    pub nice: Option<i32>,
    /// SCHED_RR priority.
    pub rt_priority: Option<i32>,
    /// Lock the memory.
    pub no_swap: bool,
    /// RLIMIT_RTTIME in microseconds; 10000 when absent.
    pub rlimit_rttime: Option<u32>,
    /// Processors; empty for all.
    pub processors: Vec<usize>,
}
