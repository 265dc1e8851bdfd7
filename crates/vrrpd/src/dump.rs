//! What signals ask for: keepalived.data, keepalived.stats, keepalived.json, in the reference's layout.
//!
//! The files may lie in a directory that everyone can write to and hold a password: they are created anew with mode
//! 0600, never opened through a link and never written when they belong to somebody else.

mod data;
mod global;
mod json;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use keepalived_config::resolved::{Address, Config, Snmp};
use vrrp::Router;

use crate::addresses::{Addresses, Slot};
use crate::interfaces::Interfaces;
use crate::routes::Routes;
use crate::sockets::SocketTable;

pub(crate) use data::{data, quoted_command};
pub use global::{Reader, global_definitions};
pub(crate) use json::json;

/// Everything a dump shows.
pub(crate) struct Sources<'a> {
    pub(crate) config: &'a Config,
    pub(crate) router: &'a Router,
    pub(crate) addresses: &'a Addresses,
    pub(crate) routes: &'a Routes,
    pub(crate) interfaces: &'a Interfaces,
    pub(crate) sockets: &'a SocketTable,
    /// Wall-clock time of each instance's last change of state.
    pub(crate) changed: &'a [SystemTime],
    /// What the configuration and the command line want together.
    pub(crate) snmp: Snmp,
    pub(crate) clock: Clock,
}

/// Both clocks at one moment, to show deadlines as wall-clock times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) now: Instant,
    pub(crate) wall: SystemTime,
}

impl Clock {
    /// A deadline or a past moment as wall-clock time.
    pub(crate) fn wall_time(&self, at: Instant) -> SystemTime {
        if at >= self.now { self.wall + (at - self.now) } else { self.wall - (self.now - at) }
    }
}

/// Writes a dump safely; the error says what is in the way.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    // O_NONBLOCK: somebody's FIFO must not hold up the event loop.
    options.write(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let mut file = options.open(path)?;
    let status = file.metadata()?;
    if !status.is_file() || status.nlink() != 1 || status.uid() != nix::unistd::geteuid().as_raw() {
        return Err(io::Error::other("it is not a plain file of ours"));
    }
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.set_len(0)?;
    file.write_all(text.as_bytes())
}

/// Where a dump goes: `<name><suffix>.<extension>` in the dump directory, or what a `…_dump_file` says: a file, or a
/// directory when it ends in `/`. A file that is given is a template: what distinguishes `name` from `keepalived` goes in
/// front of its last dot.
pub fn path(
    directory: Option<&Path>,
    template: Option<&str>,
    name: &str,
    suffix: &str,
    extension: &str,
) -> PathBuf {
    let usual = format!("{name}{suffix}.{extension}");
    match template {
        None => directory.unwrap_or(Path::new("/tmp")).join(usual),
        Some(directory) if directory.ends_with('/') => Path::new(directory).join(usual),
        Some(file) => {
            let more = format!("{}{suffix}", name.strip_prefix("keepalived").unwrap_or_default());
            let file = Path::new(file);
            let stem = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let own = match stem.rsplit_once('.') {
                Some((stem, extension)) => format!("{stem}{more}.{extension}"),
                None => format!("{stem}{more}"),
            };
            directory.unwrap_or(Path::new("/tmp")).join(file.with_file_name(own))
        }
    }
}

/// keepalived.stats.
pub(crate) fn stats(router: &Router) -> String {
    let mut text = String::new();
    for instance in router.instances() {
        let stats = instance.stats();
        let _ = write!(
            text,
            "VRRP Instance: {}\n  Advertisements:\n    Received: {}\n    Sent: {}\n  Became master: {}\n  Released master: {}\n  \
             Packet Errors:\n    Length: {}\n    TTL: {}\n    Invalid Type: {}\n    Advertisement Interval: {}\n    \
             Address List: {}\n  Authentication Errors:\n    Invalid Type: {}\n    Type Mismatch: {}\n    Failure: {}\n  \
             Priority Zero:\n    Received: {}\n    Sent: {}\n",
            instance.config().name,
            stats.advert_rcvd,
            stats.advert_sent,
            stats.become_master,
            stats.release_master,
            stats.packet_len_err,
            stats.ip_ttl_err,
            stats.invalid_type_rcvd,
            stats.advert_interval_err,
            stats.addr_list_err,
            stats.invalid_authtype,
            stats.authtype_mismatch,
            stats.auth_failure,
            stats.pri_zero_rcvd,
            stats.pri_zero_sent,
        );
    }
    text
}

/// `10.211.55.100/24 dev enp0s5 scope global set`
pub(crate) fn address_text(slot: &Slot) -> String {
    written(&slot.address, slot.set)
}

/// An address as configured, and whether it is set.
pub(crate) fn written(address: &Address, set: bool) -> String {
    let mut text = format!("{}/{}", address.address, address.prefix);
    if let Some((peer, prefix)) = address.peer {
        let _ = write!(text, " peer {peer}/{prefix}");
    }
    if let Some(broadcast) = address.broadcast {
        let _ = write!(text, " brd {broadcast}");
    }
    let _ = write!(text, " dev {}", address.device);
    let scope = match address.scope {
        0 => "global".to_owned(),
        200 => "site".to_owned(),
        253 => "link".to_owned(),
        254 => "host".to_owned(),
        255 => "nowhere".to_owned(),
        other => other.to_string(),
    };
    let _ = write!(text, " scope {scope}");
    if let Some(label) = &address.label {
        let _ = write!(text, " label {label}");
    }
    if address.address.is_ipv6() {
        match address.preferred_lft {
            None => text.push_str(" preferred_lft forever"),
            Some(0) => text.push_str(" deprecated"),
            Some(seconds) => {
                let _ = write!(text, " preferred_lft {seconds}");
            }
        }
    }
    for (is, word) in [
        (address.home, " home"),
        (!address.nodad, " -nodad"),
        (address.mngtmpaddr, " mngtmpaddr"),
        (address.noprefixroute, " noprefixroute"),
        (address.autojoin, " autojoin"),
        (address.no_track, " no_track"),
        (set, " set"),
    ] {
        if is && !(word == " -nodad" && address.address.is_ipv4()) {
            text.push_str(word);
        }
    }
    text
}

/// Seconds since the epoch, six decimals.
pub(crate) fn seconds(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    format!("{}.{:06}", since.as_secs(), since.subsec_micros())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("vrrpd-dump-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        directory
    }

    #[test]
    fn a_dump_replaces_an_older_one_and_is_private() {
        let directory = directory("plain");
        let file = path(Some(&directory), None, "keepalived", "", "data");
        write(&file, "a longer text than the next").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
        write(&file, "short").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "short");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_dump_is_never_written_through_a_link() {
        let directory = directory("links");
        let victim = directory.join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let soft = path(Some(&directory), None, "keepalived", "", "stats");
        symlink(&victim, &soft).unwrap();
        assert!(write(&soft, "x").is_err());
        let hard = path(Some(&directory), None, "keepalived", "", "json");
        std::fs::hard_link(&victim, &hard).unwrap();
        assert!(write(&hard, "x").is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn names_follow_templates() {
        let path = |template, name, suffix| {
            path(Some(Path::new("/d")), template, name, suffix, "data").to_string_lossy().into_owned()
        };
        assert_eq!(path(None, "keepalived", "_blue"), "/d/keepalived_blue.data");
        assert_eq!(path(Some("/s/"), "keepalived_parent", ""), "/s/keepalived_parent.data");
        assert_eq!(path(Some("/s/k.txt"), "keepalived_parent", "_blue"), "/s/k_parent_blue.txt");
        assert_eq!(path(Some("rel"), "keepalived", ""), "/d/rel");
    }
}
