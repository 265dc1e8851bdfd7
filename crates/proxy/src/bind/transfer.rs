//! Listening sockets on their way from an older process to a newer one: `_getsocks` on the stats socket and `-x`
//! (management manual, section 3; haproxy-algorithms, part 6), and connections handed over a socket pair.
//!
//! Both sides block, each wait bounded by a second: the older process is asked once in its life, by a program of the same user.

use super::{BoundListener, Inherited};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use sys::fd_passing;

/// HAPROXY: descriptors in one message, the kernel's limit less one.
const BATCH: usize = 252;
const PATIENCE: Duration = Duration::from_secs(1);
/// Nobody has more listeners; a count above comes from something else than a proxy.
const MOST: u32 = 1 << 20;

/// Answers `_getsocks`: the count, then all sockets in ascending order of their numbers. `stream` is the client's connection, whose
/// line has been read; it is made blocking.
///
/// # Errors
/// The kernel's, `TimedOut` when the client does not acknowledge a full message.
pub fn send_sockets(stream: BorrowedFd<'_>, listeners: &[&BoundListener]) -> io::Result<()> {
    let mut stream = UnixStream::from(stream.try_clone_to_owned()?);
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut sockets = listeners.to_vec();
    sockets.sort_by_key(|listener| listener.socket.as_raw_fd());
    let count = i32::try_from(sockets.len()).unwrap_or(0);
    stream.write_all(&count.to_ne_bytes())?;
    let mut sent = 0;
    for batch in sockets.chunks(BATCH) {
        let mut payload = Vec::new();
        for listener in batch {
            let interface =
                socket2::SockRef::from(&listener.socket).device().ok().flatten().unwrap_or_default();
            let interface = interface.strip_suffix(b"\0").unwrap_or(&interface);
            payload.push(0); // no network namespace
            payload.push(u8::try_from(interface.len()).unwrap_or(0));
            payload.extend_from_slice(interface);
            payload.extend_from_slice(&[0; 4]);
        }
        let fds: Vec<BorrowedFd<'_>> = batch.iter().map(|listener| listener.as_fd()).collect();
        let n = fd_passing::send(stream.as_fd(), &payload, &fds)?;
        if let Some(rest) = payload.get(n..) {
            stream.write_all(rest)?;
        }
        sent += batch.len();
        if sent < sockets.len() {
            stream.read_exact(&mut [0; 4])?;
        }
    }
    Ok(())
}

/// The client's side, behind `-x`: asks an older process for its sockets. `source` is a path or `sockpair@N`.
///
/// # Errors
/// When the other side cannot be reached or breaks off. No socket at all is no error: it may not expose them.
pub fn fetch_sockets(source: &str) -> io::Result<Inherited> {
    ask(connect(source)?)
}

/// The same over a socket pair to the older process, which its master holds.
///
/// # Errors
/// As [`fetch_sockets`].
pub fn fetch_sockets_from_pair(pair: &OwnedFd) -> io::Result<Inherited> {
    ask(pass_connection(pair.as_fd())?)
}

fn ask(mut stream: UnixStream) -> io::Result<Inherited> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"_getsocks\n")?;
    receive_sockets(&mut stream)
}

fn connect(source: &str) -> io::Result<UnixStream> {
    let Some(number) = source.strip_prefix("sockpair@") else {
        let path = source.strip_prefix("unix@").unwrap_or(source);
        if let Some(name) = path.strip_prefix("abns@") {
            let address = socket2::SockAddr::unix(std::path::Path::new(&format!("\0{name:\0<107}")))?;
            let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
            socket.connect(&address)?;
            return Ok(OwnedFd::from(socket).into());
        }
        return UnixStream::connect(path);
    };
    let number = number.parse().map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    let pair = sys::inherited::duplicate(number)?;
    pass_connection(pair.as_fd())
}

/// Opens a connection through a socket pair: one end of a new pair goes over, the other is returned.
///
/// # Errors
/// The kernel's.
pub fn pass_connection(pair: BorrowedFd<'_>) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    fd_passing::send(pair, &[0, 0], &[theirs.as_fd()])?;
    Ok(ours)
}

/// The next connection that arrives through a socket pair ([`super::Transport::SockPair`]), non-blocking and close-on-exec.
///
/// # Errors
/// `WouldBlock` when there is none, `UnexpectedEof` when the other end is closed for good.
pub fn receive_connection(pair: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let (count, fds) = fd_passing::receive(pair, &mut [0; 2])?;
    match fds.into_iter().next() {
        Some(fd) => {
            socket2::SockRef::from(&fd).set_nonblocking(true)?;
            Ok(fd)
        }
        None if count == 0 => Err(io::ErrorKind::UnexpectedEof.into()),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn receive_sockets(stream: &mut UnixStream) -> io::Result<Inherited> {
    let mut inherited = Inherited::default();
    let mut count = [0; 4];
    match stream.read_exact(&mut count) {
        Ok(()) => {}
        // Closed without a word: nothing is exposed there.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(inherited),
        Err(error) => return Err(error),
    }
    let count = u32::from_ne_bytes(count);
    if count > MOST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let count = count as usize;
    let mut sockets = Vec::new();
    let mut payload: Vec<u8> = Vec::new();
    while sockets.len() < count {
        let mut buffer = vec![0; 64 * 1024];
        let (n, fds) = fd_passing::receive(stream.as_fd(), &mut buffer)?;
        if n == 0 && fds.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        payload.extend_from_slice(buffer.get(..n).unwrap_or_default());
        sockets.extend(fds);
        let so_far = u32::try_from(sockets.len()).unwrap_or(u32::MAX);
        match stream.write_all(&so_far.to_ne_bytes()) {
            // The sender waits for no acknowledgement of its last message and may be gone.
            Err(_) if sockets.len() >= count => break,
            other => other?,
        }
    }
    let mut rest = payload.as_slice();
    for socket in sockets {
        let interface = next_interface(&mut rest).ok_or(io::ErrorKind::InvalidData)?;
        inherited.add(socket, &interface);
    }
    Ok(inherited)
}

/// One entry of the payload: namespace, interface, four bytes of options. A socket in another namespace keeps its namespace, which no
/// `bind` line of ours asks for; its name is skipped.
fn next_interface(rest: &mut &[u8]) -> Option<String> {
    let mut take = |n: usize| {
        let (head, tail) = rest.split_at_checked(n)?;
        *rest = tail;
        Some(head)
    };
    let namespace = usize::from(*take(1)?.first()?);
    take(namespace)?;
    let length = usize::from(*take(1)?.first()?);
    let interface = String::from_utf8_lossy(take(length)?).into_owned();
    take(4)?;
    Some(interface)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::{Owner, Transport};
    use super::*;
    use haproxy_config::threads::ThreadSet;
    use std::net::TcpListener;

    fn listeners(count: usize) -> Vec<BoundListener> {
        (0..count)
            .map(|index| BoundListener {
                owner: Owner::Stats(index),
                socket: TcpListener::bind("127.0.0.1:0").unwrap().into(),
                transport: Transport::Tcp4,
                backlog: 5,
                threads: ThreadSet::ALL,
            })
            .collect()
    }

    fn transferred(count: usize) -> usize {
        let (near, far) = UnixStream::pair().unwrap();
        let sender = std::thread::spawn(move || {
            let sockets = listeners(count);
            let mut line = [0; 10];
            (&far).read_exact(&mut line).unwrap();
            assert_eq!(&line, b"_getsocks\n");
            send_sockets(far.as_fd(), &sockets.iter().collect::<Vec<_>>()).unwrap();
        });
        let mut near = near;
        near.set_read_timeout(Some(PATIENCE)).unwrap();
        near.write_all(b"_getsocks\n").unwrap();
        let inherited = receive_sockets(&mut near).unwrap();
        sender.join().unwrap();
        inherited.len()
    }

    #[test]
    fn all_sockets_arrive_in_one_message_or_several() {
        assert_eq!(transferred(0), 0);
        assert_eq!(transferred(5), 5);
        assert_eq!(transferred(BATCH), BATCH);
        assert_eq!(transferred(BATCH + 3), BATCH + 3);
    }

    #[test]
    fn a_socket_that_exposes_nothing_closes_without_a_word() {
        let (mut near, far) = UnixStream::pair().unwrap();
        drop(far);
        assert!(receive_sockets(&mut near).unwrap().is_empty());
    }

    #[test]
    fn a_connection_goes_through_a_pair() {
        let (a, b) = UnixStream::pair().unwrap();
        let mut ours = pass_connection(a.as_fd()).unwrap();
        let theirs = receive_connection(b.as_fd()).unwrap();
        ours.write_all(b"q").unwrap();
        let mut got = [0; 1];
        UnixStream::from(theirs).read_exact(&mut got).unwrap();
        assert_eq!(&got, b"q");
        drop(a);
        assert_eq!(receive_connection(b.as_fd()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
