//! The pid file: opened while the process may still write there, filled once the pid is known, never removed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// An open pid file.
#[derive(Debug)]
pub(crate) struct PidFile(File);

impl PidFile {
    /// Makes a new file in the place of an older one, so that a link somebody put there leads nowhere.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let _ = std::fs::remove_file(path);
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(path).map(Self)
    }

    /// Writes a process id and a line feed.
    pub(crate) fn write(mut self, pid: i32) -> io::Result<()> {
        writeln!(self.0, "{pid}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn it_holds_one_pid_and_replaces_what_was_there() {
        let path = std::env::temp_dir().join(format!("haproxy-rs-pid-{}", std::process::id()));
        std::fs::write(&path, "999999\n888888\n").unwrap();
        PidFile::create(&path).unwrap().write(12).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "12\n");
        std::fs::remove_file(&path).unwrap();
    }
}
