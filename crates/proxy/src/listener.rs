//! Accept loops: one a listener and thread.
//!
//! A batch of `tune.maxaccept` connections a wake-up, then the others' turn. Above a limit (listener, frontend, process) the loop
//! stops accepting and the kernel's backlog holds the clients; without descriptors it pauses 100 ms.

use crate::bind::{BoundListener, Owner, Transport as Kind, receive_connection};
use crate::front::{Front, Gate, GateState};
use crate::handover::{self, Queue};
use crate::process::Process;
use crate::state::{Rate, Stat};
use crate::thread::Thread;
use crate::transport::Transport;
use haproxy_config::keep_alive::KeepAlive;
use haproxy_config::runtime::ProxyIndex;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use sys::socket_options;
use sys::watched::WatchedListener;
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};

/// How long a listener rests when the process is out of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts the accept loop of a bound socket.
pub(crate) fn start(thread: &Rc<Thread>, bound: BoundListener, queue: Option<Arc<Queue>>) {
    let Owner::Frontend(index, bind) = bound.owner else { return };
    let Some(mut front) = Front::new(thread, index, bind) else { return };
    front.listener_descriptor = bound.socket.as_raw_fd();
    front.queue = queue;
    let front = Rc::new(front);
    if let Some(queue) = &front.queue {
        thread.register_front(queue.id, &front);
    }
    let asks_redirection = thread.world.config.global.reads_destinations;
    let socket = match Socket::new(bound, front.proxy.options.clitcpka, asks_redirection) {
        Ok(socket) => socket,
        Err(error) => {
            sys::messages::alert(format!(
                "cannot accept connections for frontend {}: {error}",
                front.proxy.name
            ));
            return;
        }
    };
    let gate = Rc::new(Gate::default());
    thread.register_gate(index.0, &gate);
    tokio::task::spawn_local(accept(front, socket, gate));
}

/// How a listener finds out where a connection was to go.
#[derive(Clone, Copy)]
struct Destination {
    /// The address that the socket is bound to, when it is one: then it takes no system call.
    local: Option<SocketAddr>,
    /// Whether the system may have redirected connections to us and somebody wants to know from where.
    asks_redirection: bool,
}

impl Destination {
    fn of(self, io: &TcpStream, src: Option<SocketAddr>) -> Option<SocketAddr> {
        let redirected = if self.asks_redirection {
            let socket = socket2::SockRef::from(io);
            let v6 = src.is_some_and(|src| src.is_ipv6());
            let original = if v6 { socket.original_dst_v6() } else { socket.original_dst_v4() };
            original.ok().and_then(|address| address.as_socket())
        } else {
            None
        };
        redirected.or(self.local).or_else(|| io.local_addr().ok())
    }
}

enum Socket {
    Tcp(WatchedListener, Destination),
    Unix(UnixListener),
    /// Connections come as descriptors.
    Pair(UnixStream),
}

impl Socket {
    /// `keep_alive`: accepted connections have it (`option clitcpka`). `asks_redirection`: see [`Destination`].
    fn new(bound: BoundListener, keep_alive: Option<KeepAlive>, asks_redirection: bool) -> io::Result<Self> {
        match bound.transport {
            Kind::Tcp4 | Kind::Tcp6 => {
                let options = socket2::SockRef::from(&bound.socket);
                // Connections inherit all of this. Small writes of ours are whole messages: they must not wait for an acknowledgement.
                options.set_tcp_nodelay(true)?;
                options.set_keepalive(keep_alive.is_some())?;
                if let Some(KeepAlive { idle, interval, count }) = keep_alive {
                    socket_options::set_keep_alive(bound.socket.as_fd(), idle, interval, count)?;
                }
                let listener = TcpListener::from(bound.socket);
                let local = listener.local_addr().ok().filter(|address| !address.ip().is_unspecified());
                Ok(Self::Tcp(WatchedListener::new(listener)?, Destination { local, asks_redirection }))
            }
            Kind::Unix => {
                Ok(Self::Unix(UnixListener::from_std(std::os::unix::net::UnixListener::from(bound.socket))?))
            }
            Kind::SockPair => Ok(Self::Pair(UnixStream::from_std(bound.socket.into())?)),
        }
    }

    /// The same socket with a fresh registration at the runtime.
    fn registered_again(self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener, destination) => {
                Self::Tcp(WatchedListener::new(listener.into_inner())?, destination)
            }
            Self::Unix(listener) => Self::Unix(UnixListener::from_std(listener.into_std()?)?),
            Self::Pair(pair) => Self::Pair(UnixStream::from_std(pair.into_std()?)?),
        })
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(listener, destination) => listener.poll_accept(cx).map_ok(|(io, src)| {
                let dst = destination.of(&io, src);
                Accepted { io: Transport::Tcp(crate::socket::Socket::accepted(io)), src, dst }
            }),
            Self::Unix(listener) => listener.poll_accept(cx).map_ok(|(io, _)| Accepted {
                io: Transport::Unix(io),
                src: None,
                dst: None,
            }),
            Self::Pair(pair) => loop {
                ready!(pair.poll_read_ready(cx))?;
                match pair.try_io(Interest::READABLE, || receive_connection(pair.as_fd())) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(Err(error)),
                    Ok(socket) => return Poll::Ready(adopt(socket)),
                }
            },
        }
    }
}

/// A connection that came as a descriptor: a TCP or a Unix one.
fn adopt(socket: OwnedFd) -> io::Result<Accepted> {
    if sys::socket::is_unix(socket.as_fd()) {
        return Ok(Accepted {
            io: Transport::Unix(UnixStream::from_std(socket.into())?),
            src: None,
            dst: None,
        });
    }
    let io = TcpStream::from(socket);
    let _ = io.set_nodelay(true);
    let (src, dst) = (io.peer_addr().ok(), io.local_addr().ok());
    Ok(Accepted { io: Transport::Tcp(crate::socket::Socket::accepted(io)), src, dst })
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) io: Transport,
    pub(crate) src: Option<SocketAddr>,
    pub(crate) dst: Option<SocketAddr>,
}

impl Accepted {
    /// The same, at the event loop of this thread, when another one accepted it.
    pub(crate) fn at_home(self) -> io::Result<Self> {
        Ok(match self.io {
            Transport::Unix(io) => {
                Self { io: Transport::Unix(UnixStream::from_std(io.into_std()?)?), ..self }
            }
            // It is registered when it has to wait for the first time.
            Transport::Tcp(_) => self,
        })
    }
}

async fn accept(front: Rc<Front>, mut socket: Socket, gate: Rc<Gate>) {
    let batch = front.thread.world.config.global.maxaccept.max(1);
    let mut pauses = gate.pauses();
    loop {
        if !gate.open().await {
            return;
        }
        if pauses != gate.pauses() {
            pauses = gate.pauses();
            // A socket that stopped listening was reported as hung up, and the runtime never forgets that of a registration.
            match socket.registered_again() {
                Ok(again) => socket = again,
                Err(_) => return,
            }
        }
        crate::clock::refresh();
        if !has_room(&front) {
            wait_for_room(&front, &gate).await;
            continue;
        }
        for turn in 0..batch {
            if turn > 0 && !has_room(&front) {
                break;
            }
            // The first of a batch waits; the others only take what is there.
            let mut waited = false;
            let next = poll_fn(|cx| {
                // A closed gate is seen before the socket is touched: what was accepted now would be dropped.
                if gate.poll(cx) != GateState::Open {
                    return Poll::Ready(None);
                }
                if waited {
                    crate::clock::refresh();
                    // Other threads have accepted meanwhile.
                    if !has_room(&front) {
                        return Poll::Ready(None);
                    }
                }
                match socket.poll_accept(cx) {
                    Poll::Pending if turn > 0 => Poll::Ready(None),
                    Poll::Pending => {
                        waited = true;
                        Poll::Pending
                    }
                    Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
                }
            })
            .await;
            match next {
                Some(Ok(accepted)) => {
                    crate::clock::refresh();
                    handover::place(&front, accepted);
                }
                Some(Err(error)) if is_connection_error(&error) => {}
                // The other end of a pair is gone for good.
                Some(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return,
                Some(Err(_)) => {
                    tokio::time::sleep(PAUSE).await;
                    break;
                }
                None => break,
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Errors that concern the one connection that was not accepted.
fn is_connection_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

fn has_room(front: &Front) -> bool {
    let process = &front.thread.process;
    if process.connections() >= process.maxconn() {
        process.maxconn_reached.fetch_add(1, Relaxed);
        return false;
    }
    if !below_rates(front) {
        return false;
    }
    let (Some(state), Some(listener)) = (front.state(), front.listener()) else { return true };
    let below = |current: u64, limit: u32| limit == 0 || current < u64::from(limit);
    below(state.sessions.current(), state.maxconn())
        && below(listener.sessions.current(), listener.config.maxconn)
}

/// Whether `maxconnrate`, `maxsessrate` and `rate-limit sessions` admit another connection now.
fn below_rates(front: &Front) -> bool {
    let global = &front.thread.world.config.global;
    let process = &front.thread.process;
    let below = |rate: &Rate, limit: u32, more: u64| {
        limit == 0 || rate.remaining(crate::clock::now_ms(), limit) > more
    };
    let admitting = process.admitting();
    below(&process.connection_rate, global.maxconnrate, 0)
        && below(&process.session_rate, global.maxsessrate, admitting)
        && front
            .state()
            .is_none_or(|state| below(&state.session_rate, front.proxy.rate_limit_sessions, admitting))
}

/// Waits until a connection of the process ends, at most a little while: limits can also be raised, rates sink by themselves.
async fn wait_for_room(front: &Front, gate: &Gate) {
    let process = &front.thread.process;
    let freed = process.freed.notified();
    tokio::pin!(freed);
    freed.as_mut().enable();
    process.waiting_for_free.store(true, Relaxed);
    if has_room(front) {
        return;
    }
    let rest = if below_rates(front) { 1000 } else { 10 };
    tokio::select! {
        () = freed => {}
        () = tokio::time::sleep(Duration::from_millis(rest)) => {}
        () = poll_fn(|cx| if gate.poll(cx) == GateState::Open { Poll::Pending } else { Poll::Ready(()) }) => {}
    }
}

/// Counts a connection in, but for the thread that gets it. A [`crate::session::Session`] or a [`handover::Travelling`] must follow,
/// which count it out at their end.
pub(crate) fn enter(front: &Front) {
    let now = crate::clock::now_ms();
    let thread = &front.thread;
    thread.process.enter_connection();
    thread.process.connection_rate.hit(now);
    front.count(Stat::Connections, 1);
    if let Some(state) = front.state() {
        state.sessions.enter();
        state.connection_rate.hit(now);
    }
    if let Some(listener) = front.listener() {
        listener.sessions.enter();
    }
}

/// Counts a connection out, but for its thread.
pub(crate) fn leave(process: &Process, frontend: ProxyIndex, bind: usize) {
    if let Some(state) = process.world.proxy(frontend).and_then(|proxy| proxy.frontend.as_ref()) {
        if let Some(listener) = state.listeners.get(bind) {
            listener.sessions.leave();
        }
        state.sessions.leave();
    }
    process.leave_connection();
}
