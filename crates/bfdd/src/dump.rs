//! keepalived_bfd.data: what SIGUSR1 makes the BFD process write, in the reference's layout.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keepalived_config::resolved::Config;

use crate::shell::Running;

/// Name of the file.
pub(crate) const FILE: &str = "keepalived_bfd.data";

/// Where the file goes.
pub(crate) fn path(directory: Option<&Path>) -> PathBuf {
    directory.unwrap_or(Path::new("/tmp")).join(FILE)
}

/// Writes a file, readable by root only and never through a link.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    // Another's file is removed, not written to; what is made in its place is new or nothing.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = nix::fcntl::OFlag::O_NOFOLLOW.bits();
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(flags).open(path)?;
    file.write_all(text.as_bytes())
}

/// The text of the file.
pub(crate) fn text(config: &Config, running: &[Running], fds: [Option<RawFd>; 2]) -> String {
    let mut text = format!("------< Global definitions >------\n Router ID = {}\n", config.global.router_id);
    text.push_str("------< BFD Data >------\n");
    let [single, multi] = fds;
    if let Some(fd) = single {
        let _ = writeln!(text, " fd_in = {fd}");
    }
    if let Some(fd) = multi {
        let _ = writeln!(text, " multihop fd_in = {fd}");
    }
    if !running.is_empty() {
        text.push_str("------< BFD Topology >------\n");
    }
    for each in running {
        settings(&mut text, each);
        state(&mut text, each);
    }
    text
}

fn settings(text: &mut String, running: &Running) {
    let config = running.session.config();
    let _ = writeln!(text, " BFD Instance = {}\n   Neighbor IP = {}", config.name, config.neighbor);
    if let Some(source) = config.source {
        let _ = writeln!(text, "   Source IP = {source}");
    }
    let _ = write!(
        text,
        "   Required min RX interval = {} us\n   Desired min TX interval = {} us\n   Desired idle TX interval = {} us\n   \
         Detection multiplier = {}\n   {} = {}\n   max_hops = {}\n   passive = {}\n   \
         send event to VRRP process = Yes\n",
        config.min_rx.as_micros(),
        config.min_tx.as_micros(),
        config.idle_tx.as_micros(),
        config.multiplier,
        if config.neighbor.is_ipv4() { "TTL" } else { "hoplimit" },
        config.ttl,
        config.max_hops,
        config.passive,
    );
}

fn state(text: &mut String, running: &Running) {
    let session = &running.session;
    let remote = session.remote();
    let (interval, remote_interval) = session.intervals();
    let (detection, remote_detection) = session.detection_times();
    let fd = running.socket.as_ref().map_or(-1, AsRawFd::as_raw_fd);
    let _ = write!(
        text,
        "   fd_out {fd}\n   send error = {}\n   local state = {}\n   remote state = {}\n   local discriminator = 0x{:x}\n   \
         remote discriminator = 0x{:x}\n   local diag = {}\n   remote diag = {}\n   remote min tx intv = {} us\n   \
         remote min rx intv = {} us\n   local demand = 0\n   remote demand = {}\n   remote detect multiplier = {}\n   {}poll, !final\n   \
         local tx intv = {} us\n   remote tx intv = {} us\n   local detection time = {} us\n   remote detection time = {} us\n",
        running.send_failed,
        session.state(),
        remote.state,
        session.discriminator(),
        remote.discriminator,
        session.diagnostic(),
        remote.diagnostic,
        remote.min_tx.as_micros(),
        remote.min_rx.as_micros(),
        u8::from(remote.demand),
        remote.multiplier,
        if session.is_polling() { "" } else { "!" },
        interval.as_micros(),
        remote_interval.as_micros(),
        detection.as_micros(),
        remote_detection.as_micros(),
    );
    match session.last_heard_at() {
        Some(at) => {
            let seen = SystemTime::now().checked_sub(at.elapsed()).unwrap_or(UNIX_EPOCH);
            let seen = seen.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            let _ = writeln!(text, "   last seen = {}.{:06}", seen.as_secs(), seen.subsec_micros());
        }
        None => text.push_str("   last_seen = [never]\n"),
    }
}
