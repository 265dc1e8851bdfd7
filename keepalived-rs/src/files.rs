//! Names that depend on which daemon this is, if there are several: network namespace, pid files, idents, log files.
//! keepalived.conf(5), `net_namespace`, `instance`, `use_pid_dir`.

use std::path::{Path, PathBuf};

use keepalived_config::resolved::Identity;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use crate::cli::Options;

/// Where pid files lie.
const RUN: &str = "/run";
/// Where they lie when there may be several daemons.
const PID_DIRECTORY: &str = "/run/keepalived";
/// Where ip-netns(8) keeps the names of network namespaces.
const NAMESPACES: &str = "/run/netns";

/// The names of one daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) pid: PathBuf,
    pub(crate) vrrp_pid: PathBuf,
    pub(crate) bfd_pid: PathBuf,
    /// Behind idents and in file names: `_NAMESPACE_INSTANCE`, or nothing.
    pub(crate) suffix: String,
    own_directory: bool,
    /// The namespace whose directory is mounted on that of the pid files.
    namespace: Option<String>,
}

impl Files {
    /// By the configuration and the command line, which wins.
    pub(crate) fn new(identity: &Identity, options: &Options) -> Self {
        let own_directory =
            identity.use_pid_dir || identity.instance.is_some() || identity.net_namespace.is_some();
        let directory = Path::new(if own_directory { PID_DIRECTORY } else { RUN });
        let instance = identity.instance.as_ref().map(|name| format!("_{name}")).unwrap_or_default();
        let name = |of: &str| directory.join(format!("{of}{instance}.pid"));
        let namespace = identity.net_namespace.as_ref().map(|name| format!("_{name}")).unwrap_or_default();
        Self {
            pid: options.pid_file.clone().unwrap_or_else(|| name("keepalived")),
            vrrp_pid: options.vrrp_pid_file.clone().unwrap_or_else(|| name("vrrp")),
            bfd_pid: options.bfd_pid_file.clone().unwrap_or_else(|| name("bfd")),
            suffix: format!("{namespace}{instance}"),
            own_directory,
            namespace: identity.net_namespace.clone(),
        }
    }

    /// Where `keepalived.reload` is when no path is given.
    pub(crate) fn directory(&self) -> &'static Path {
        Path::new(if self.own_directory { PID_DIRECTORY } else { RUN })
    }

    /// Makes the directory of the pid files, if they have their own.
    pub(crate) fn make_directory(&self) {
        if self.own_directory {
            let _ = std::fs::create_dir(PID_DIRECTORY);
        }
    }

    /// Removes what nobody else uses.
    pub(crate) fn remove_directory(&self) {
        if let Some(name) = &self.namespace {
            // The mount is this process's own; under it lies the directory of all namespaces.
            let _ = nix::mount::umount(PID_DIRECTORY);
            let _ = std::fs::remove_dir(Path::new(PID_DIRECTORY).join(name));
        }
        if self.own_directory {
            let _ = std::fs::remove_dir(PID_DIRECTORY);
        }
    }
}

/// Moves this process to a network namespace, with a mount namespace of its own in which `/run/keepalived` is the
/// namespace's. The error names what failed.
pub(crate) fn enter(name: &str) -> Result<(), String> {
    let words = |what: &str, error: &dyn std::fmt::Display| format!("{what} - {error}");
    let path = Path::new(NAMESPACES).join(name);
    let file = std::fs::File::open(&path)
        .map_err(|e| words(&format!("Failed to open {}", path.display()), &sys::process::error_text(&e)))?;
    setns(file, CloneFlags::CLONE_NEWNET)
        .map_err(|e| words(&format!("Failed to enter namespace {name}"), &e.desc()))?;
    unshare(CloneFlags::CLONE_NEWNS)
        .map_err(|e| words("Failed to unshare the mount namespace", &e.desc()))?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)
        .map_err(|e| words("Failed to make / a slave mount", &e.desc()))?;
    let directory = Path::new(PID_DIRECTORY).join(name);
    std::fs::create_dir_all(&directory).map_err(|e| {
        words(&format!("Failed to make {}", directory.display()), &sys::process::error_text(&e))
    })?;
    mount(Some(&directory), PID_DIRECTORY, none, MsFlags::MS_BIND, none)
        .map_err(|e| words(&format!("Failed to mount {}", directory.display()), &e.desc()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Parsed, parse};

    fn files(identity: &Identity, line: &str) -> Files {
        let words: Vec<_> =
            std::iter::once("keepalived").chain(line.split_whitespace()).map(Into::into).collect();
        match parse(&words) {
            Parsed::Run(options) => Files::new(identity, &options),
            Parsed::Exit { stderr, .. } => panic!("{stderr}"),
        }
    }

    #[test]
    fn names_follow_the_identity_and_the_command_line() {
        let plain = files(&Identity::default(), "");
        assert_eq!((plain.pid.to_str(), plain.suffix.as_str()), (Some("/run/keepalived.pid"), ""));
        let identity =
            Identity { net_namespace: Some("blue".into()), instance: Some("a".into()), use_pid_dir: false };
        let own = files(&identity, "-r /x/v.pid");
        assert_eq!(own.pid, Path::new("/run/keepalived/keepalived_a.pid"));
        assert_eq!((own.vrrp_pid.to_str(), own.suffix.as_str()), (Some("/x/v.pid"), "_blue_a"));
        let directory = files(&Identity { use_pid_dir: true, ..Identity::default() }, "");
        assert_eq!(directory.vrrp_pid, Path::new("/run/keepalived/vrrp.pid"));
    }
}
