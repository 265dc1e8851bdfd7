//! The worker: its threads, and the handle through which the rest of the process steers them.
//!
//! One tokio `LocalRuntime` a thread, nothing `Send` on the hot path. [`Control`] is the only way in from outside: every order is
//! a message to each thread. Checks and the stats socket run as local tasks of thread 0 ([`Worker::on_thread0`]).

use crate::bind::{BoundListener, Owner};
use crate::handover::{Queue, Travelling};
use crate::listener;
use crate::pool::Handover;
use crate::process::Process;
use crate::service::{StatsService, TrafficLog};
use crate::state::{ServerRef, ShutdownCause, World};
use crate::streams::{ErrorCapture, StreamId, StreamInfo};
use crate::thread::Thread;
use crate::timers::Kill;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, oneshot};

/// A task for thread 0: called once inside its runtime, where `tokio::task::spawn_local` works.
pub type LocalTask = Box<dyn FnOnce(&Control) + Send>;

/// Ties the world to what steers it, before the threads run.
pub type Wiring = Box<dyn FnOnce(&Control)>;

/// A worker that is ready to start.
pub struct Worker {
    world: Arc<World>,
    listeners: Vec<BoundListener>,
    loggers: Arc<dyn TrafficLog>,
    maxconn: u64,
    maxpipes: u32,
    stats: Option<Arc<dyn StatsService>>,
    tasks: Vec<LocalTask>,
    wiring: Option<Wiring>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("world", &self.world)
            .field("listeners", &self.listeners.len())
            .finish()
    }
}

/// A worker that runs.
#[derive(Debug)]
pub struct Running {
    control: Control,
    threads: Vec<JoinHandle<()>>,
}

impl Worker {
    /// A worker on a world. Of the listeners only those of frontends are taken; give the stats sockets to the admin side. `maxconn`
    /// is the process's limit on connections.
    #[must_use]
    pub fn new(
        world: Arc<World>,
        listeners: Vec<BoundListener>,
        loggers: Arc<dyn TrafficLog>,
        maxconn: u64,
    ) -> Self {
        Self { world, listeners, loggers, maxconn, maxpipes: 0, stats: None, tasks: Vec::new(), wiring: None }
    }

    /// Most pipes to splice through; none without this.
    #[must_use]
    pub fn maxpipes(mut self, maxpipes: u32) -> Self {
        self.maxpipes = maxpipes;
        self
    }

    /// Who answers requests for `stats uri`.
    #[must_use]
    pub fn stats_service(mut self, service: Arc<dyn StatsService>) -> Self {
        self.stats = Some(service);
        self
    }

    /// Adds a task that thread 0 starts before it accepts connections: checks, stats sockets, signals.
    #[must_use]
    pub fn on_thread0(mut self, task: LocalTask) -> Self {
        self.tasks.push(task);
        self
    }

    /// Runs once the worker can be steered and before a thread runs: the first check may change a server's state at once, and that
    /// must be told.
    #[must_use]
    pub fn before_threads(mut self, wiring: Wiring) -> Self {
        self.wiring = Some(wiring);
        self
    }

    /// Starts the threads. They accept connections when this returns.
    ///
    /// # Errors
    /// When a thread or its runtime cannot be made.
    pub fn start(self) -> io::Result<Running> {
        let process = Arc::new(Process::new(Arc::clone(&self.world), self.maxconn, self.maxpipes));
        let count = self.world.threads;
        let mut senders = Vec::with_capacity(count);
        let mut receivers = Vec::with_capacity(count);
        for _ in 0..count {
            let (sender, receiver) = mpsc::unbounded_channel();
            senders.push(sender);
            receivers.push(receiver);
        }
        let frontends: Vec<BoundListener> =
            self.listeners.into_iter().filter(|l| matches!(l.owner, Owner::Frontend(..))).collect();
        let policy = self.world.config.global.multi_queue;
        let queue = |(id, listener): (usize, &BoundListener)| {
            let threads = (0..count).filter(|&thread| listener.threads.contains(thread)).collect();
            Queue::new(id, threads, policy).map(Arc::new)
        };
        let queues: Vec<Option<Arc<Queue>>> = frontends.iter().enumerate().map(queue).collect();
        let share = |(listener, queue): (&BoundListener, &Option<Arc<Queue>>)| {
            Ok((listener.try_clone()?, queue.clone()))
        };
        let mut shares = Vec::with_capacity(count);
        for thread in 0..count {
            let own = frontends.iter().zip(&queues).filter(|(listener, _)| listener.threads.contains(thread));
            shares.push(own.map(share).collect::<io::Result<Vec<_>>>()?);
        }
        let control = Control {
            process,
            senders: senders.into(),
            sockets: Arc::new(Mutex::new(frontends)),
            exposed: Arc::default(),
            loggers: Arc::clone(&self.loggers),
        };
        if let Some(wire) = self.wiring {
            wire(&control);
        }
        let mut threads = Vec::with_capacity(count);
        let mut tasks = Some(self.tasks);
        for (index, (receiver, share)) in receivers.into_iter().zip(shares).enumerate() {
            let start = ThreadStart {
                index,
                listeners: share,
                commands: receiver,
                tasks: tasks.take().unwrap_or_default(),
                stats: self.stats.clone(),
                control: control.clone(),
            };
            // Stack of a stream: futures are boxed, but rules and logs run on it.
            let builder = std::thread::Builder::new().name(format!("haproxy-{index}")).stack_size(4 << 20);
            threads.push(builder.spawn(move || start.run())?);
        }
        Ok(Running { control, threads })
    }
}

impl Running {
    /// The handle to steer it.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Waits until every thread has ended: after a soft stop when the last connection is gone, or after a hard stop.
    pub fn wait(self) {
        for thread in self.threads {
            // A thread that panicked outside of a connection has said so already.
            let _ = thread.join();
        }
    }
}

/// Orders to the threads.
pub(crate) enum Command {
    /// Listeners close, idle connections end, the thread ends with its last connection.
    SoftStop,
    /// All streams end now.
    HardStop,
    /// Listeners of a frontend (all when none) are not polled.
    Pause(Option<u32>),
    /// They are again.
    Resume(Option<u32>),
    /// Streams of a server end.
    KillServer(ServerRef, Kill),
    /// One stream ends; true when it was there.
    KillStream(StreamId, oneshot::Sender<bool>),
    /// Tells the streams of the thread.
    Streams(oneshot::Sender<Vec<StreamInfo>>),
    /// Another thread accepted a connection for this one. It is counted already.
    Adopt {
        /// The [`Queue`] of its listening socket.
        queue: usize,
        connection: Travelling,
    },
    /// A connection that was on its way here stays elsewhere.
    LookAgain,
    /// Another thread has no idle connection to a server and asks for one. `first`: for a client's first request.
    HandOver {
        server: ServerRef,
        address: Option<SocketAddr>,
        first: bool,
        reply: oneshot::Sender<Option<Handover>>,
    },
}

/// Steers a worker from anywhere in the process. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    pub(crate) process: Arc<Process>,
    senders: Arc<[mpsc::UnboundedSender<Command>]>,
    sockets: Arc<Mutex<Vec<BoundListener>>>,
    /// Listening sockets of others (stats sockets), which a newer process takes over with the frontends'.
    exposed: Arc<Mutex<Vec<BoundListener>>>,
    pub(crate) loggers: Arc<dyn TrafficLog>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("process", &self.process).finish_non_exhaustive()
    }
}

impl Control {
    fn broadcast(&self, command: impl Fn() -> Command) {
        for sender in self.senders.iter() {
            // A thread that has ended has nothing left to do.
            let _ = sender.send(command());
        }
    }

    /// Gives a thread a connection that is counted as its own.
    pub(crate) fn hand_over(&self, thread: usize, queue: usize, connection: Travelling) {
        if let Some(sender) = self.senders.get(thread) {
            // It runs as long as it has connections.
            let _ = sender.send(Command::Adopt { queue, connection });
        }
    }

    /// Lets a thread look whether it has come to its end.
    pub(crate) fn look_again(&self, thread: usize) {
        if let Some(sender) = self.senders.get(thread) {
            let _ = sender.send(Command::LookAgain);
        }
    }

    /// The world it runs on.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.process.world
    }

    /// What the whole process counts.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// The proxies' log targets.
    #[must_use]
    pub fn loggers(&self) -> &Arc<dyn TrafficLog> {
        &self.loggers
    }

    /// SIGUSR1: no new connection, idle ones close, the threads end with their last stream. `hard-stop-after` starts to run.
    pub fn soft_stop(&self) {
        if !self.process.begin_stop() {
            return;
        }
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.exposed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.broadcast(|| Command::SoftStop);
    }

    /// Adds listening sockets that this worker does not accept on, to be handed over with its own. A soft stop closes them.
    pub fn expose(&self, sockets: Vec<BoundListener>) {
        self.exposed.lock().unwrap_or_else(PoisonError::into_inner).extend(sockets);
    }

    /// A soft stop has been asked for and will come later (`grace`).
    pub fn announce_stop(&self) {
        self.process.announce_stop();
    }

    /// `_getsocks`: sends every listening socket to a newer process. Blocks, a second at most for each message.
    ///
    /// # Errors
    /// When the other side breaks off.
    pub fn send_listeners(&self, stream: std::os::fd::BorrowedFd<'_>) -> io::Result<()> {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let exposed = self.exposed.lock().unwrap_or_else(PoisonError::into_inner);
        crate::bind::send_sockets(stream, &sockets.iter().chain(exposed.iter()).collect::<Vec<_>>())
    }

    /// Ends all streams (log state `K`) and then the threads.
    pub fn hard_stop(&self) {
        self.soft_stop();
        self.broadcast(|| Command::HardStop);
    }

    /// SIGTTOU, `disable frontend`: the kernel refuses new connections. All frontends when none is named.
    pub fn pause(&self, frontend: Option<u32>) {
        self.broadcast(|| Command::Pause(frontend));
        for listener in self.sockets.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if owned_by(listener, frontend) {
                let _ = listener.pause();
            }
        }
    }

    /// SIGTTIN, `enable frontend`.
    ///
    /// # Errors
    /// When a socket cannot listen again, because another process took its address.
    pub fn resume(&self, frontend: Option<u32>) -> io::Result<()> {
        for listener in self.sockets.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if owned_by(listener, frontend) {
                listener.resume()?;
            }
        }
        self.broadcast(|| Command::Resume(frontend));
        Ok(())
    }

    /// A limit was raised: accept loops that wait for room look again.
    pub fn limits_changed(&self) {
        self.process.freed.notify_waiters();
    }

    /// `shutdown frontend`: its listeners close for good.
    pub fn shutdown_frontend(&self, frontend: u32) {
        self.sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|listener| !owned_by(listener, Some(frontend)));
        if let Some(state) =
            self.process.world.proxies.get(frontend as usize).and_then(|p| p.frontend.as_ref())
        {
            state.stopped.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        self.broadcast(|| Command::Pause(Some(frontend)));
    }

    /// Ends the streams of a server.
    pub fn shutdown_sessions(&self, server: ServerRef, cause: ShutdownCause) {
        let kill = match cause {
            ShutdownCause::Down => Kill::ServerDown,
            ShutdownCause::Up => Kill::ServerUp,
            ShutdownCause::Killed => Kill::Admin,
        };
        self.broadcast(|| Command::KillServer(server, kill));
    }

    /// Asks a thread to give up an idle connection that leads to `address`.
    pub(crate) async fn idle_of(
        &self,
        thread: usize,
        server: ServerRef,
        address: Option<SocketAddr>,
        first: bool,
    ) -> Option<Handover> {
        let (reply, answer) = oneshot::channel();
        self.senders.get(thread)?.send(Command::HandOver { server, address, first, reply }).ok()?;
        answer.await.ok().flatten()
    }

    /// `shutdown session`: whether the stream was there.
    pub async fn shutdown_session(&self, id: StreamId) -> bool {
        let Some(sender) = self.senders.get(id.thread()) else { return false };
        let (reply, answer) = oneshot::channel();
        sender.send(Command::KillStream(id, reply)).is_ok() && answer.await.unwrap_or(false)
    }

    /// Every stream of every thread (`show sess`).
    pub async fn streams(&self) -> Vec<StreamInfo> {
        let mut all = Vec::new();
        for sender in self.senders.iter() {
            let (reply, answer) = oneshot::channel();
            if sender.send(Command::Streams(reply)).is_ok() {
                all.extend(answer.await.unwrap_or_default());
            }
        }
        all
    }

    /// The last invalid request (frontend) or response (backend) of every proxy (`show errors`).
    #[must_use]
    pub fn errors(&self) -> Vec<ErrorCapture> {
        self.process.errors()
    }
}

fn owned_by(listener: &BoundListener, frontend: Option<u32>) -> bool {
    matches!(listener.owner, Owner::Frontend(index, _) if frontend.is_none_or(|wanted| wanted == index.0))
}

struct ThreadStart {
    index: usize,
    listeners: Vec<(BoundListener, Option<Arc<Queue>>)>,
    commands: mpsc::UnboundedReceiver<Command>,
    tasks: Vec<LocalTask>,
    stats: Option<Arc<dyn StatsService>>,
    control: Control,
}

impl ThreadStart {
    fn run(self) {
        let own = self.control.world().config.global.cpu_map.get(self.index);
        if let Some(cpus) = own.filter(|cpus| !cpus.is_empty()) {
            // HAPROXY: processors that this machine does not have are as if they were not written.
            let _ = sys::scheduling::set_processors(cpus);
        }
        let runtime = match local_runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                sys::messages::alert(format!("thread {}: cannot start its event loop: {error}", self.index));
                return;
            }
        };
        runtime.block_on(self.serve());
    }

    async fn serve(mut self) {
        let thread = Rc::new(Thread::new(self.index, &self.control, self.stats));
        tokio::task::spawn_local(thread.timers.clone().drive());
        tokio::task::spawn_local(Rc::clone(&thread).reap_idle());
        tokio::task::spawn_local(Rc::clone(&thread).purge_idle());
        for task in self.tasks {
            task(&self.control);
        }
        for (bound, queue) in self.listeners {
            listener::start(&thread, bound, queue);
        }
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => thread.obey(command),
                    None => break,
                },
                () = thread.finished() => break,
            }
        }
    }
}

/// Events taken from the kernel at a time: the reference's `tune.maxpollevents`, as `-vv` says.
const MAX_POLL_EVENTS: usize = 200;

/// Most turns of tasks between two looks at the kernel: each event of a full batch and the turns that follow from it.
const TURNS: u32 = 2 * MAX_POLL_EVENTS as u32;

fn local_runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .max_io_events_per_tick(MAX_POLL_EVENTS)
        // The kernel is asked again when what it announced is done, at the latest after so many turns.
        .event_interval(TURNS)
        .build_local(LocalOptions::default())
}
