//! Giving up privileges: root directory, group, user, capabilities.
#![allow(unsafe_code)]

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

/// Becomes another group and user for good, and drops the supplementary groups. Of the capabilities only those with the given numbers
/// are kept, as far as the process has them.
///
/// # Errors
/// When the process may not.
pub fn become_user(uid: Option<u32>, gid: Option<u32>, capabilities: &[u8]) -> Result<(), Refused> {
    if let Some(gid) = gid {
        // Without the right to drop them the supplementary groups stay: they are the caller's own.
        let _ = nix::unistd::setgroups(&[]);
        nix::unistd::setgid(Gid::from_raw(gid)).map_err(|e| Refused::Group(gid, e.into()))?;
    }
    if let Some(uid) = uid {
        if gid.is_none() {
            let _ = nix::unistd::setgroups(&[]);
        }
        if !capabilities.is_empty() {
            keep_over_user_change();
        }
        nix::unistd::setuid(Uid::from_raw(uid)).map_err(|e| Refused::User(uid, e.into()))?;
        if !capabilities.is_empty() {
            limit_capabilities(capabilities).map_err(|e| Refused::User(uid, e))?;
        }
    }
    Ok(())
}

/// The permitted capabilities survive the next change of user.
fn keep_over_user_change() {
    // SAFETY: a prctl on constants; it touches no memory.
    let _ = unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) };
}

/// The header and one of the two words of `capset`, version 3 of the kernel's interface.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityWord {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// Has these capabilities and no others.
fn limit_capabilities(numbers: &[u8]) -> io::Result<()> {
    let header = CapabilityHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    let mut words = [CapabilityWord::default(); 2];
    for number in numbers {
        if let Some(word) = words.get_mut(usize::from(number / 32)) {
            word.permitted |= 1 << (number % 32);
            word.effective |= 1 << (number % 32);
        }
    }
    let mut own = [CapabilityWord::default(); 2];
    // SAFETY: the pointers are to live locals of the layout that version 3 has, two words long.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw const header, own.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    for (word, own) in words.iter_mut().zip(own) {
        word.permitted &= own.permitted;
        word.effective &= own.permitted;
    }
    // SAFETY: as above.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, words.as_ptr()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
