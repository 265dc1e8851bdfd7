//! `vrrp_track_file`, `vrrp_track_process` and the lines that name them, as written.

use std::time::Duration;

use crate::registry::Named;
use crate::resolved::{ParamMatch, Tracker};

/// `vrrp_track_file`.
#[derive(Debug, Default)]
pub(crate) struct FileDecl {
    pub(crate) name: String,
    pub(crate) file: Option<String>,
    pub(crate) weight: Option<i32>,
    pub(crate) reverse: bool,
    pub(crate) init: Option<(i32, bool)>,
}

impl Named for FileDecl {
    fn name(&self) -> &str {
        &self.name
    }
}

/// `vrrp_track_process`.
#[derive(Debug, Default)]
pub(crate) struct ProcessDecl {
    pub(crate) name: String,
    pub(crate) process: Option<String>,
    pub(crate) parameters: Vec<String>,
    pub(crate) matching: Option<ParamMatch>,
    pub(crate) full_command: bool,
    pub(crate) weight: i32,
    pub(crate) reverse: bool,
    pub(crate) quorum: Option<u32>,
    pub(crate) quorum_max: Option<u32>,
    pub(crate) fork_delay: Option<Duration>,
    pub(crate) terminate_delay: Option<Duration>,
}

impl Named for ProcessDecl {
    fn name(&self) -> &str {
        &self.name
    }
}

/// A tracker that is defined, with the weight for those who give none.
#[derive(Clone, Debug)]
pub(crate) struct TrackerDecl {
    pub(crate) tracker: Tracker,
    /// Absent for a file without `weight`: 1.
    pub(crate) weight: Option<i32>,
    pub(crate) reverse: bool,
}

/// A line of `track_file` or `track_process`, already looked up.
#[derive(Clone, Debug)]
pub(crate) struct TrackedObjectDecl {
    /// Index into the trackers.
    pub(crate) object: usize,
    /// Absent for the default of a file.
    pub(crate) weight: Option<i32>,
    pub(crate) reverse: bool,
}
