//! Lines to the local syslog socket, as syslog(3) writes them: `<PRI>Mmm dd hh:mm:ss IDENT[PID]: TEXT`.
//!
//! One datagram a line, never blocking: a full or absent socket loses the line, as the C library does without a console. The
//! socket is connected when the first line is sent and again after a failure, so that a restarted syslog is found.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::clock;

/// Where syslog listens.
const SOCKET: &str = "/dev/log";

/// A connection to syslog.
#[derive(Debug)]
pub struct Syslog {
    path: PathBuf,
    facility: u8,
    socket: Mutex<Option<UnixDatagram>>,
}

impl Syslog {
    /// For a facility by number: 1 user, 3 daemon, 16 to 23 local0 to local7.
    #[must_use]
    pub fn new(facility: u8) -> Self {
        Self::at(PathBuf::from(SOCKET), facility)
    }

    /// The same at another socket.
    #[must_use]
    pub fn at(path: PathBuf, facility: u8) -> Self {
        Self { path, facility, socket: Mutex::new(None) }
    }

    /// Sends a line with a severity of 0 (emergency) to 7 (debug).
    pub fn send(&self, severity: u8, ident: &str, pid: u32, text: &str) {
        let date = clock::local_date(clock::wall().seconds);
        let priority = u16::from(self.facility) * 8 + u16::from(severity.min(7));
        let line = format!(
            "<{priority}>{} {:2} {:02}:{:02}:{:02} {ident}[{pid}]: {text}",
            date.month_name(),
            date.day,
            date.hour,
            date.minute,
            date.second
        );
        let Ok(mut socket) = self.socket.lock() else { return };
        if socket.as_ref().is_some_and(|s| s.send(line.as_bytes()).is_ok()) {
            return;
        }
        *socket = self.connect();
        if let Some(socket) = socket.as_ref() {
            let _ = socket.send(line.as_bytes());
        }
    }

    fn connect(&self) -> Option<UnixDatagram> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        socket.connect(&self.path).ok()?;
        Some(socket)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_line_has_priority_date_ident_and_pid_and_survives_a_restart() {
        let path = std::env::temp_dir().join(format!("sys-syslog-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let syslog = Syslog::at(path.clone(), 3);
        // Nobody listens yet: the line is lost without harm.
        syslog.send(6, "Keepalived", 7, "lost");
        let mut buffer = [0; 200];
        for round in 0..2 {
            let server = UnixDatagram::bind(&path).unwrap();
            syslog.send(6, "Keepalived", 7, &format!("Startup complete {round}"));
            let n = server.recv(&mut buffer).unwrap();
            let line = String::from_utf8_lossy(&buffer[..n]).into_owned();
            assert!(line.starts_with("<30>"), "{line}");
            let date = line.strip_prefix("<30>").unwrap().get(..15).unwrap();
            assert_eq!(
                (date.as_bytes()[3], date.as_bytes()[6], date.as_bytes()[9]),
                (b' ', b' ', b':'),
                "{line}"
            );
            assert!(line.ends_with(&format!(" Keepalived[7]: Startup complete {round}")), "{line}");
            std::fs::remove_file(&path).unwrap();
        }
    }
}
