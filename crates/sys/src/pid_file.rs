//! Files that hold a process id: written at start, removed at stop, and looked at to see whether the program runs already.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// What a pid file of an earlier start says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// No file, or none that names a process.
    Nothing,
    /// It names a process that is gone.
    Stale,
    /// It names a process that lives.
    Running(i32),
    /// A process holds a lock on it.
    Locked,
}

/// Looks at a pid file. A file that names this process itself is stale: ids come round again after a reboot.
#[must_use]
pub fn look(path: &Path) -> Found {
    let Ok(mut file) = OpenOptions::new().read(true).write(true).open(path) else { return Found::Nothing };
    if lock(&file).is_err() {
        return Found::Locked;
    }
    let mut text = String::new();
    if file.read_to_string(&mut text).is_err() {
        return Found::Stale;
    }
    let Ok(pid) = text.trim().parse::<i32>() else { return Found::Stale };
    if pid <= 0 || pid == std::process::id().cast_signed() {
        return Found::Stale;
    }
    match kill(Pid::from_raw(pid), None) {
        Ok(()) | Err(Errno::EPERM) => Found::Running(pid),
        Err(_) => Found::Stale,
    }
}

/// A pid file of this process, locked while it lives; removed when dropped by the process that wrote it.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    owner: u32,
    _locked: File,
}

impl PidFile {
    /// Writes this process's id and a newline, mode 0644 whatever the umask.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn write(path: &Path) -> io::Result<Self> {
        let owner = std::process::id();
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o644).open(path)?;
        lock(&file)?;
        file.set_len(0)?;
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        writeln!(file, "{owner}")?;
        Ok(Self { path: path.to_path_buf(), owner, _locked: file })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A lock of the open file, which keeps other opens out and goes when the last copy of it is closed.
fn lock(file: &File) -> io::Result<()> {
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole))?;
    Ok(())
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A forked child that drops its copy leaves the file alone.
        if std::process::id() == self.owner {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_pid_file_lives_as_long_as_its_process_wants() {
        let path = std::env::temp_dir().join(format!("sys-pid-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        assert_eq!(look(&path), Found::Nothing);
        let file = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(look(&path), Found::Locked);
        drop(file);
        assert_eq!(look(&path), Found::Nothing);
        fs::write(&path, "1\n").unwrap();
        assert_eq!(look(&path), Found::Running(1));
        for stale in ["x", "-5", "0", ""] {
            fs::write(&path, stale).unwrap();
            assert_eq!(look(&path), Found::Stale, "{stale}");
        }
        fs::remove_file(&path).unwrap();
    }
}
