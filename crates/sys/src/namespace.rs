//! Network namespaces by name (`ip netns`): sockets are made in one and stay there.
//!
//! Names are opened once, while the process may still look into /run/netns; after a chroot only those are known.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nix::sched::{CloneFlags, setns};

static KNOWN: Mutex<BTreeMap<String, OwnedFd>> = Mutex::new(BTreeMap::new());
static HOME: Mutex<Option<OwnedFd>> = Mutex::new(None);

/// Where `ip netns add` puts them.
const DIRECTORY: &str = "/var/run/netns";

/// Opens a namespace, so that [`inside`] can go there later. Of no effect when it is open already.
///
/// # Errors
/// The kernel's: there is none of this name.
pub fn open(name: &str) -> io::Result<()> {
    let mut home = HOME.lock().unwrap_or_else(PoisonError::into_inner);
    if home.is_none() {
        *home = Some(File::open("/proc/self/ns/net")?.into());
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if name.is_empty() || name.contains('/') {
        return Err(io::ErrorKind::NotFound.into());
    }
    if !known.contains_key(name) {
        known.insert(name.to_owned(), File::open(Path::new(DIRECTORY).join(name))?.into());
    }
    Ok(())
}

/// Whether a namespace was opened.
#[must_use]
pub fn is_open(name: &str) -> bool {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
}

/// Runs `make` with the calling thread in a namespace that was opened, and comes back.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN; what `make` says.
pub fn inside<T>(name: &str, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let home = HOME.lock().unwrap_or_else(PoisonError::into_inner);
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let (Some(home), Some(there)) = (home.as_ref(), known.get(name)) else {
        return Err(io::ErrorKind::NotFound.into());
    };
    setns(there, CloneFlags::CLONE_NEWNET)?;
    let made = make();
    // Who cannot come back must not go on among strangers' interfaces: the error is the caller's to end with.
    setns(home, CloneFlags::CLONE_NEWNET)?;
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_errors() {
        assert!(open("no-such-namespace").is_err());
        assert!(open("../x").is_err());
        assert!(inside("no-such-namespace", || Ok(())).is_err());
    }
}
