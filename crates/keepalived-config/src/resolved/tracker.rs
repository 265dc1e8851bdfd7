//! Files and processes whose state instances track. keepalived.conf(5), `vrrp_track_file`, `vrrp_track_process`.

use std::path::PathBuf;
use std::time::Duration;

/// Something that instances track besides scripts and interfaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracker {
    /// The block's name.
    pub name: String,
    /// What it is.
    pub kind: TrackerKind,
    /// `weight`, for whoever tracks it without one.
    pub weight: i32,
    /// `reverse` of that weight.
    pub reverse: bool,
}

/// The kinds of trackers.
#[derive(Clone, Debug, PartialEq)]
pub enum TrackerKind {
    /// `vrrp_track_file`: a number in a file.
    File(TrackFile),
    /// `vrrp_track_process`: processes of a name.
    Process(TrackProcess),
}

/// `vrrp_track_file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackFile {
    /// The file, links resolved.
    pub path: PathBuf,
    /// `init_file`: the value to write at start, and whether an existing file is overwritten.
    pub init: Option<(i32, bool)>,
}

/// `vrrp_track_process`.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackProcess {
    /// `process`: the name, or the path with `full_command`.
    pub process: String,
    /// The parameters that it must have, if any were written or `param_match` was.
    pub parameters: Vec<String>,
    /// `param_match`.
    pub matching: ParamMatch,
    /// `full_command`: the command line is compared, not the name.
    pub full_command: bool,
    /// `quorum`: so many there must be.
    pub quorum: u32,
    /// `quorum_max`: and so many at most.
    pub quorum_max: Option<u32>,
    /// `fork_delay`: before a new process counts.
    pub fork_delay: Duration,
    /// `terminate_delay`: before the end of one counts.
    pub terminate_delay: Duration,
}

/// How parameters are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParamMatch {
    /// Not at all.
    #[default]
    None,
    /// All of them, none more.
    Exact,
    /// The first ones.
    Initial,
    /// The first ones, of the last one its beginning.
    Partial,
}

/// A member of `track_file` or `track_process`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackedObject {
    /// Index into `Config::trackers`.
    pub object: usize,
    /// -254 to 254; 0: its failure is a fault.
    pub weight: i32,
    /// `reverse`.
    pub reverse: bool,
}
