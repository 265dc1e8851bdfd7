//! Giving up privileges: root directory, group, user.

use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid};

/// The step that failed.
#[derive(Debug)]
pub enum Refused {
    /// `chroot` or the change to its root directory.
    Chroot(PathBuf, io::Error),
    /// Groups.
    Group(u32, io::Error),
    /// User.
    User(u32, io::Error),
}

/// Whether this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Makes a directory the root directory of the process.
///
/// # Errors
/// When the directory does not exist or the process may not.
pub fn enter_root(directory: &Path) -> Result<(), Refused> {
    nix::unistd::chroot(directory)
        .and_then(|()| nix::unistd::chdir("/"))
        .map_err(|e| Refused::Chroot(directory.to_path_buf(), e.into()))
}

/// Becomes another group and user for good, and drops the supplementary groups.
///
/// # Errors
/// When the process may not.
pub fn become_user(uid: Option<u32>, gid: Option<u32>) -> Result<(), Refused> {
    if let Some(gid) = gid {
        // Without the right to drop them the supplementary groups stay: they are the caller's own.
        let _ = nix::unistd::setgroups(&[]);
        nix::unistd::setgid(Gid::from_raw(gid)).map_err(|e| Refused::Group(gid, e.into()))?;
    }
    if let Some(uid) = uid {
        if gid.is_none() {
            let _ = nix::unistd::setgroups(&[]);
        }
        nix::unistd::setuid(Uid::from_raw(uid)).map_err(|e| Refused::User(uid, e.into()))?;
    }
    Ok(())
}
