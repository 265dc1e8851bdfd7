//! Stats sockets on thread 0: accepts, reads commands, writes answers.
//!
//! One task a connection. A connection that says nothing ends after its timeout; at most `stats maxconn` are served at a time, the
//! others wait in the kernel.

use super::command::{self, Cx, Run};
use super::reply::Reply;
use super::session::{Input, Request, Session, Step};
use crate::Scope;
use haproxy_config::runtime::{Level, SeverityOutput};
use proxy::bind::{BoundListener, Transport, receive_connection};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, Interest};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Pause after the kernel had no descriptor left.
const STARVED: Duration = Duration::from_millis(100);

/// What a listening socket allows.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// Level of its connections.
    pub level: Level,
    /// `severity-output`
    pub severity: SeverityOutput,
    /// Whether `_getsocks` is answered (`expose-fd listeners`).
    pub expose_listeners: bool,
}

/// Serves a listening socket until it is told otherwise through the handle, or for as long as the thread lives. Call inside a
/// `LocalRuntime`. At most `limit` connections are served at a time over all sockets that share it; those that are open when the socket
/// is given up go on.
///
/// # Errors
/// When the socket cannot be polled.
pub fn listen(
    scope: Rc<Scope>,
    listener: BoundListener,
    allowed: Allowed,
    limit: Rc<Semaphore>,
) -> io::Result<tokio::task::AbortHandle> {
    let acceptor = Acceptor::new(listener)?;
    let task = tokio::task::spawn_local(async move {
        loop {
            let Some(permit) = Permit::acquire(&limit).await else { return };
            match acceptor.accept().await {
                Ok(peer) => {
                    let scope = Rc::clone(&scope);
                    tokio::task::spawn_local(async move {
                        let _permit = permit;
                        // The peer's errors are the peer's: nobody else needs to know.
                        let _ = connection(&scope, peer, allowed).await;
                    });
                }
                // The other end of a pair is gone for good.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return,
                Err(_) => tokio::time::sleep(STARVED).await,
            }
        }
    });
    Ok(task.abort_handle())
}

/// A place among the connections that are served at a time.
struct Permit(Rc<Semaphore>);

impl Permit {
    async fn acquire(limit: &Rc<Semaphore>) -> Option<Self> {
        limit.acquire().await.ok()?.forget();
        Some(Self(Rc::clone(limit)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

async fn connection(scope: &Scope, peer: Peer, allowed: Allowed) -> io::Result<()> {
    match peer {
        Peer::Tcp(stream) => dialogue(scope, stream, None, allowed).await,
        Peer::Unix(stream) => {
            let copy = stream.as_fd().try_clone_to_owned()?;
            dialogue(scope, stream, Some(copy), allowed).await
        }
    }
}

/// How connections come out of a listening socket.
enum Acceptor {
    Tcp(TcpListener),
    Unix(UnixListener),
    /// Connections come as descriptors.
    Pair(UnixStream),
}

enum Peer {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Acceptor {
    fn new(listener: BoundListener) -> io::Result<Self> {
        let socket = listener.socket;
        socket2::SockRef::from(&socket).set_nonblocking(true)?;
        Ok(match listener.transport {
            Transport::Tcp4 | Transport::Tcp6 => Self::Tcp(TcpListener::from_std(socket.into())?),
            Transport::Unix => Self::Unix(UnixListener::from_std(socket.into())?),
            Transport::SockPair => Self::Pair(UnixStream::from_std(socket.into())?),
        })
    }

    async fn accept(&self) -> io::Result<Peer> {
        match self {
            Self::Tcp(listener) => Ok(Peer::Tcp(listener.accept().await?.0)),
            Self::Unix(listener) => Ok(Peer::Unix(listener.accept().await?.0)),
            Self::Pair(pair) => loop {
                pair.readable().await?;
                match pair.try_io(Interest::READABLE, || receive_connection(pair.as_fd())) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    received => {
                        let stream = received?;
                        socket2::SockRef::from(&stream).set_nonblocking(true)?;
                        return Ok(Peer::Unix(UnixStream::from_std(stream.into())?));
                    }
                }
            },
        }
    }
}

async fn dialogue<S>(scope: &Scope, mut stream: S, unix: Option<OwnedFd>, allowed: Allowed) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut session = Session::new(allowed.level, scope.world.config.global.stats_timeout);
    session.severity = match allowed.severity {
        SeverityOutput::None => super::reply::SeverityOutput::None,
        SeverityOutput::Number => super::reply::SeverityOutput::Number,
        SeverityOutput::String => super::reply::SeverityOutput::Name,
    };
    let mut input = Input::default();
    let mut buffer = vec![0; 4096];
    let mut ended = false;
    loop {
        let mut out = Vec::new();
        match input.next_step() {
            Step::TooLong => return Ok(()),
            Step::Run(request) => {
                let last = request.last;
                if request.words.first().is_some_and(|w| w == "_getsocks") {
                    // Without `expose-fd listeners` the connection closes without a word, as in the reference.
                    return match &unix {
                        Some(stream) if allowed.expose_listeners => {
                            scope.control.send_listeners(stream.as_fd())
                        }
                        _ => Ok(()),
                    };
                }
                let was_interactive = session.interactive;
                run(scope, &mut session, &request).await.write(&mut out, session.severity);
                if session.quit {
                    return stream.shutdown().await;
                }
                let left = was_interactive && !session.interactive;
                // Leaving the interactive mode answers nothing.
                let prompt = match (session.interactive, left) {
                    (true, _) => session.prompt(uptime(scope)),
                    (false, true) => String::new(),
                    (false, false) => "\n".to_owned(),
                };
                out.extend_from_slice(prompt.as_bytes());
                stream.write_all(&out).await?;
                if last && !session.interactive {
                    return stream.shutdown().await;
                }
            }
            step @ (Step::More | Step::MorePayload) => {
                if step == Step::MorePayload && session.interactive {
                    stream.write_all(b"+ ").await?;
                }
                let Ok(read) = tokio::time::timeout(session.timeout, stream.read(&mut buffer)).await else {
                    return Ok(());
                };
                match read? {
                    0 if ended => return Ok(()),
                    0 => {
                        ended = true;
                        input.end();
                    }
                    n => input.feed(buffer.get(..n).unwrap_or_default()),
                }
            }
        }
    }
}

fn uptime(scope: &Scope) -> Duration {
    Duration::from_millis(sys::clock::now_ms().saturating_sub(scope.world.started_ms))
}

/// Runs one command.
async fn run(scope: &Scope, session: &mut Session, request: &Request) -> Reply {
    let words = &request.words;
    match words.first().map(String::as_str) {
        None => return Reply::Done,
        Some("help") => return command::help(words.get(1..).unwrap_or_default()),
        Some("quit") => {
            session.quit = true;
            return Reply::Done;
        }
        Some("prompt") => {
            if words.get(1).is_some_and(|w| w == "timed") {
                session.timed = !session.timed || !session.interactive;
                session.interactive = true;
            } else {
                session.interactive = !session.interactive;
            }
            return Reply::Done;
        }
        Some(_) => {}
    }
    let Some(found) = command::find(words) else { return command::unknown(words) };
    if session.level < found.level {
        return Reply::error("Permission denied\n");
    }
    let args = words.get(found.words.len()..).unwrap_or_default();
    match found.run {
        Run::Now(function) => function(&mut Cx { scope, session, payload: request.payload.as_deref() }, args),
        Run::Later(function) => function(scope, session, args).await,
    }
}
