//! Resource limits of the process.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// A soft and a hard limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What the kernel enforces.
    pub soft: u64,
    /// What the soft limit may be raised to.
    pub hard: u64,
}

/// The limit on open descriptors.
#[must_use]
pub fn descriptors() -> Limit {
    getrlimit(Resource::RLIMIT_NOFILE)
        .map_or(Limit { soft: 1024, hard: 1024 }, |(soft, hard)| Limit { soft, hard })
}

/// Sets the limit on open descriptors.
///
/// # Errors
/// `EPERM` when the hard limit would be raised by a process that may not.
pub fn set_descriptors(limit: Limit) -> io::Result<()> {
    setrlimit(Resource::RLIMIT_NOFILE, limit.soft, limit.hard)?;
    Ok(())
}

/// No more processes and threads for this user: for a worker that has started its threads.
pub fn forbid_new_processes() {
    let _ = setrlimit(Resource::RLIMIT_NPROC, 0, 0);
}

/// Limits the memory that the process may allocate, bytes.
///
/// # Errors
/// The kernel's.
pub fn set_data(bytes: u64) -> io::Result<()> {
    setrlimit(Resource::RLIMIT_DATA, bytes, bytes)?;
    Ok(())
}

/// What [`set_data`] counts, as it is now; zero where /proc does not tell.
#[must_use]
pub fn data_in_use() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kilobytes = line.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
