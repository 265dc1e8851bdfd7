//! Sockets that came from an older process, until a `bind` line takes them over.

use haproxy_config::runtime::Bind;
use socket2::Socket;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use sys::socket_options;

/// Sockets waiting to be taken over. What nobody takes is closed when this is dropped.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    socket: OwnedFd,
    identity: Identity,
}

/// What two processes must agree on for one to go on with the other's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Identity {
    Inet { address: SocketAddr, v6only: bool, transparent: bool, interface: String },
    Path(PathBuf),
    Abstract(Vec<u8>),
}

impl Inherited {
    /// Adds a received socket with the interface that its sender bound it to. What is no listening stream socket is closed.
    pub fn add(&mut self, socket: OwnedFd, interface: &str) {
        let socket = Socket::from(socket);
        if !socket.r#type().is_ok_and(|t| t == socket2::Type::STREAM) {
            return;
        }
        if let Some(identity) = identify(&socket, interface) {
            // The sender's flag travels with the socket; it is set again because it costs nothing to be sure.
            let _ = socket.set_nonblocking(true);
            self.sockets.push(Candidate { socket: socket.into(), identity });
        }
    }

    /// How many nobody has taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Whether all were taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    pub(super) fn take_inet(&mut self, address: &SocketAddr, bind: &Bind) -> Option<OwnedFd> {
        self.take(&Identity::Inet {
            address: *address,
            v6only: address.is_ipv6() && bind.v6only.unwrap_or_else(kernel_v6only),
            transparent: bind.transparent,
            interface: bind.interface.clone().unwrap_or_default(),
        })
    }

    pub(super) fn take_unix(&mut self, path: &Path) -> Option<OwnedFd> {
        self.take(&Identity::Path(path.to_path_buf()))
    }

    pub(super) fn take_abstract(&mut self, name: &[u8]) -> Option<OwnedFd> {
        self.take(&Identity::Abstract(name.to_vec()))
    }

    /// HAPROXY: several sockets of one identity are taken last received first.
    fn take(&mut self, identity: &Identity) -> Option<OwnedFd> {
        let index = self.sockets.iter().rposition(|candidate| candidate.identity == *identity)?;
        Some(self.sockets.remove(index).socket)
    }
}

fn identify(socket: &Socket, interface: &str) -> Option<Identity> {
    let address = socket.local_addr().ok()?;
    if let Some(inet) = address.as_socket() {
        let ipv6 = inet.is_ipv6();
        return Some(Identity::Inet {
            address: inet,
            v6only: ipv6 && socket.only_v6().unwrap_or(false),
            transparent: socket_options::transparent(socket.as_fd(), ipv6),
            interface: interface.to_owned(),
        });
    }
    if let Some(name) = address.as_abstract_namespace() {
        let end = name.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        return Some(Identity::Abstract(name.get(..end)?.to_vec()));
    }
    let path = address.as_pathname()?;
    Some(Identity::Path(final_path(path)))
}

/// A socket that was bound under its temporary name reports that name for ever: `path.<pid>.tmp` is `path`.
fn final_path(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let plain = bytes.strip_suffix(b".tmp").and_then(|rest| {
        let dot = rest.iter().rposition(|&byte| byte == b'.')?;
        let (name, pid) = rest.split_at_checked(dot)?;
        let digits = pid.get(1..)?;
        (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(name)
    });
    PathBuf::from(OsStr::from_bytes(plain.unwrap_or(bytes)))
}

/// What IPV6_V6ONLY is on a socket that nobody told.
fn kernel_v6only() -> bool {
    Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).and_then(|s| s.only_v6()).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_lead_to_final_ones() {
        let plain = |s: &str| final_path(Path::new(s)).display().to_string();
        assert_eq!(plain("/run/h.sock.1234.tmp"), "/run/h.sock");
        assert_eq!(plain("/run/h.sock"), "/run/h.sock");
        assert_eq!(plain("/run/h.tmp"), "/run/h.tmp");
        assert_eq!(plain("/run/h.x.tmp"), "/run/h.x.tmp");
        assert_eq!(plain("/run/h..tmp"), "/run/h..tmp");
    }
}
