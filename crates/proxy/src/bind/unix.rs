//! Unix sockets by path and by abstract name, and sockets that the process was started with (`fd@N`, `sockpair@N`).

use super::Transport;
use super::binder::Failure;
use haproxy_config::runtime::Bind;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use sys::process::error_text;
use sys::socket_options;

/// Binds to a path without a moment in which the path leads nowhere: a temporary name is bound, given its owner and mode, and renamed
/// over the final one. A socket that was there is kept under a second name until then, and put back when something fails.
pub(super) fn open_path(path: &Path, bind: &Bind) -> Result<OwnedFd, Failure> {
    let shown = path.display().to_string();
    let fail = |what: &str, error: &io::Error| failure(&shown, what, error);
    let temporary = with_suffix(path, "tmp");
    let backup = with_suffix(path, "bak");
    for leftover in [&temporary, &backup] {
        match fs::remove_file(leftover) {
            Err(error)
                if error.kind() != io::ErrorKind::NotFound && error.raw_os_error() != Some(libc::ENOTDIR) =>
            {
                return Err(fail("error when trying to unlink previous UNIX socket", &error));
            }
            _ => {}
        }
    }
    if let Err(error) = fs::hard_link(path, &backup)
        && error.kind() != io::ErrorKind::NotFound
        && error.raw_os_error() != Some(libc::ENOTDIR)
    {
        return Err(fail("error when trying to preserve previous UNIX socket", &error));
    }
    let opened = bind_path(&temporary, bind, &shown).and_then(|socket| {
        fs::rename(&temporary, path)
            .map(|()| socket)
            .map_err(|e| fail("cannot switch final and temporary UNIX sockets", &e))
    });
    match opened {
        Ok(socket) => {
            let _ = fs::remove_file(&backup);
            Ok(socket)
        }
        Err(error) => {
            let _ = fs::remove_file(&temporary);
            let _ = fs::rename(&backup, path);
            Err(error)
        }
    }
}

fn bind_path(path: &Path, bind: &Bind, shown: &str) -> Result<OwnedFd, Failure> {
    let fail = |what: &str, error: &io::Error| failure(shown, what, error);
    let socket = stream_socket().map_err(|e| fail("cannot create receiving socket", &e))?;
    let address = SockAddr::unix(path).map_err(|e| fail("cannot bind UNIX socket", &e))?;
    socket.bind(&address).map_err(|e| fail("cannot bind UNIX socket", &e))?;
    if bind.unix_uid.is_some() || bind.unix_gid.is_some() {
        std::os::unix::fs::chown(path, bind.unix_uid, bind.unix_gid)
            .map_err(|e| fail("cannot change UNIX socket ownership", &e))?;
    }
    if let Some(mode) = bind.unix_mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(|e| fail("cannot change UNIX socket ownership", &e))?;
    }
    Ok(socket.into())
}

/// Binds an abstract name.
pub(super) fn open_abstract(name: &[u8]) -> Result<OwnedFd, Failure> {
    let shown = format!("abns@{}", String::from_utf8_lossy(name));
    let socket = stream_socket().map_err(|e| failure(&shown, "cannot create receiving socket", &e))?;
    socket_options::bind_abstract(socket.as_fd(), name)
        .map_err(|e| failure(&shown, "cannot bind UNIX socket", &e))?;
    Ok(socket.into())
}

/// Listens, or gives the backlog to a socket that listens already.
pub(super) fn listen(socket: BorrowedFd<'_>, shown: &str, backlog: i32) -> Result<(), Failure> {
    socket_options::listen(socket, backlog).map_err(|e| failure(shown, "cannot listen to socket", &e))
}

/// A socket that the process was started with, listening.
pub(super) fn adopt(number: i32, backlog: i32) -> Result<(OwnedFd, Transport), Failure> {
    let fail = |error: &io::Error| Failure {
        text: format!("cannot use file descriptor '{number}' : {}", error_text(error)),
        busy: false,
    };
    let socket = sys::inherited::duplicate(number).map_err(|e| fail(&e))?;
    let transport = match socket_options::family(socket.as_fd()).map_err(|e| fail(&e))? {
        libc::AF_INET => Transport::Tcp4,
        libc::AF_INET6 => Transport::Tcp6,
        libc::AF_UNIX => Transport::Unix,
        _ => return Err(fail(&io::Error::from_raw_os_error(libc::EAFNOSUPPORT))),
    };
    let socket = Socket::from(socket);
    socket.set_nonblocking(true).map_err(|e| fail(&e))?;
    if !socket_options::is_listening(socket.as_fd()) {
        socket.listen(backlog).map_err(|e| fail(&e))?;
    }
    Ok((socket.into(), transport))
}

/// One end of a socket pair that the process was started with.
pub(super) fn adopt_pair(number: i32) -> Result<OwnedFd, Failure> {
    let fail = |error: &io::Error| Failure {
        text: format!("cannot use file descriptor '{number}' : {}", error_text(error)),
        busy: false,
    };
    let socket = sys::inherited::duplicate(number).map_err(|e| fail(&e))?;
    if socket_options::family(socket.as_fd()).map_err(|e| fail(&e))? != libc::AF_UNIX {
        return Err(fail(&io::Error::from_raw_os_error(libc::EAFNOSUPPORT)));
    }
    let socket = Socket::from(socket);
    socket.set_nonblocking(true).map_err(|e| fail(&e))?;
    Ok(socket.into())
}

fn stream_socket() -> io::Result<Socket> {
    Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)
}

/// `path.<pid>.tmp`
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.{suffix}", std::process::id()));
    PathBuf::from(name)
}

fn failure(shown: &str, what: &str, error: &io::Error) -> Failure {
    Failure {
        text: format!("protocol unix_stream: {what} ({}) [{shown}]", error_text(error)),
        busy: error.kind() == io::ErrorKind::AddrInUse,
    }
}
