//! One worker thread's own state: alarms, idle server connections, streams, reusable memory.

use crate::buffer;
use crate::environment::Env;
use crate::front::{Front, Gate};
use crate::handover::Load;
use crate::own::OwnBackend;
use crate::pipes::Pipes;
use crate::pool::Pool;
use crate::process::Process;
use crate::service::StatsService;
use crate::session;
use crate::state::World;
use crate::streams::Streams;
use crate::timers::{Kill, Timers};
use crate::worker::{Command, Control};
use haproxy_config::runtime::ProxyIndex;
use http1::Head;
use log_format::LogData;
use rules::Effects;
use sample::StreamView;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Records and texts that are kept for the next stream.
const KEPT: usize = 128;
/// A head or text that grew beyond this is not kept.
const KEPT_SIZE: usize = 8 * 1024;

/// Boxes that are used again: what a stream keeps of its exchange is too big to be moved about and too short-lived to be allocated
/// each time.
struct Shelf<T>(RefCell<Vec<Box<T>>>);

impl<T: Default> Shelf<T> {
    fn take(&self) -> Box<T> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    fn give(&self, used: Box<T>) {
        let mut free = self.0.borrow_mut();
        if free.len() < KEPT {
            free.push(used);
        }
    }
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

/// See the module.
pub(crate) struct Thread {
    pub(crate) index: usize,
    pub(crate) world: Arc<World>,
    backends: Box<[Option<Rc<OwnBackend>>]>,
    pub(crate) process: Arc<Process>,
    pub(crate) control: Control,
    pub(crate) timers: Timers,
    pub(crate) pool: Pool,
    pub(crate) pipes: Rc<Pipes>,
    pub(crate) streams: Streams,
    pub(crate) stats: Option<Arc<dyn StatsService>>,
    pub(crate) env: Env,
    /// A buffer for values that rules make.
    pub(crate) scratch: RefCell<Vec<u8>>,
    /// The accept loops' gates, by frontend.
    gates: RefCell<Vec<(u32, Rc<Gate>)>>,
    /// The listening sockets that other threads accept on too, by [`crate::handover::Queue`].
    fronts: RefCell<Vec<(usize, Rc<Front>)>>,
    heads: Shelf<Head>,
    logs: Shelf<LogData>,
    views: Shelf<StreamView>,
    effects: Shelf<Effects>,
    texts: RefCell<Vec<Vec<u8>>>,
    stopping: Cell<bool>,
    finish: RefCell<Option<Waker>>,
}

impl Thread {
    pub(crate) fn new(index: usize, control: &Control, stats: Option<Arc<dyn StatsService>>) -> Self {
        let process = Arc::clone(&control.process);
        let world = Arc::clone(&process.world);
        buffer::set_size(world.config.global.bufsize);
        Self {
            index,
            timers: Timers::default(),
            pool: Pool::new(&world, index),
            pipes: Rc::new(Pipes::new(&process)),
            streams: Streams::new(index),
            stats,
            env: Env::new(Arc::clone(&process), index),
            scratch: RefCell::default(),
            gates: RefCell::default(),
            fronts: RefCell::default(),
            heads: Shelf::default(),
            logs: Shelf::default(),
            views: Shelf::default(),
            effects: Shelf::default(),
            texts: RefCell::default(),
            stopping: Cell::new(false),
            finish: RefCell::default(),
            control: control.clone(),
            process,
            backends: OwnBackend::of(&world),
            world,
        }
    }

    /// The backend side of a proxy.
    pub(crate) fn backend(&self, index: ProxyIndex) -> Option<Rc<OwnBackend>> {
        self.backends.get(index.0 as usize)?.clone()
    }

    /// An empty head, perhaps with memory.
    pub(crate) fn take_head(&self) -> Box<Head> {
        self.heads.take()
    }

    /// Gives a head's memory back.
    pub(crate) fn give_head(&self, mut head: Box<Head>) {
        if head.capacity() <= KEPT_SIZE {
            head.clear();
            self.heads.give(head);
        }
    }

    /// Empty records for a stream.
    pub(crate) fn take_records(&self) -> (Box<LogData>, Box<StreamView>, Box<Effects>) {
        (self.logs.take(), self.views.take(), self.effects.take())
    }

    /// Takes a stream's records back.
    pub(crate) fn give_records(
        &self,
        mut log: Box<LogData>,
        mut view: Box<StreamView>,
        mut effects: Box<Effects>,
    ) {
        if let Some(line) = view.request_line.take() {
            self.give_text(line.into_text());
        }
        *log = LogData::default();
        view.clear();
        *effects = Effects::default();
        self.logs.give(log);
        self.views.give(view);
        self.effects.give(effects);
    }

    /// An empty text, perhaps with memory.
    pub(crate) fn take_text(&self) -> Vec<u8> {
        self.texts.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives a text's memory back.
    pub(crate) fn give_text(&self, mut text: Vec<u8>) {
        let mut texts = self.texts.borrow_mut();
        if texts.len() < KEPT && (1..=KEPT_SIZE).contains(&text.capacity()) {
            text.clear();
            texts.push(text);
        }
    }

    pub(crate) fn register_gate(&self, frontend: u32, gate: &Rc<Gate>) {
        self.gates.borrow_mut().push((frontend, Rc::clone(gate)));
    }

    pub(crate) fn register_front(&self, queue: usize, front: &Rc<Front>) {
        self.fronts.borrow_mut().push((queue, Rc::clone(front)));
    }

    fn connections(&self) -> usize {
        self.process.loads.get(self.index).map_or(0, Load::connections)
    }

    pub(crate) fn enter_connection(&self) {
        if let Some(load) = self.process.loads.get(self.index) {
            load.enter();
        }
    }

    pub(crate) fn leave_connection(&self) {
        if let Some(load) = self.process.loads.get(self.index) {
            load.leave();
        }
        if self.stopping.get() {
            self.check_finished();
        }
    }

    /// Whether a soft stop has begun on this thread.
    pub(crate) fn stopping(&self) -> bool {
        self.stopping.get()
    }

    fn check_finished(&self) {
        if self.stopping.get()
            && self.connections() == 0
            && let Some(waker) = self.finish.borrow_mut().take()
        {
            waker.wake();
        }
    }

    /// Resolves when a soft stop has begun and the last connection is gone.
    pub(crate) async fn finished(&self) {
        poll_fn(|cx| {
            if self.stopping.get() && self.connections() == 0 {
                return Poll::Ready(());
            }
            *self.finish.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn obey(&self, command: Command) {
        match command {
            Command::SoftStop => {
                self.stopping.set(true);
                if let Some(load) = self.process.loads.get(self.index) {
                    load.close();
                }
                for (_, gate) in self.gates.borrow().iter() {
                    gate.close();
                }
                self.pool.clear(&self.world);
                self.timers.kill_all(Kill::SoftStop);
                self.check_finished();
            }
            Command::HardStop => self.timers.kill_all(Kill::Admin),
            Command::Pause(frontend) => self.for_gates(frontend, |gate| gate.set_open(false)),
            Command::Resume(frontend) => self.for_gates(frontend, |gate| gate.set_open(true)),
            Command::KillServer(server, kill) => self.streams.kill_server(server, kill, &self.timers),
            Command::KillStream(id, reply) => {
                let _ = reply.send(self.streams.kill(id, &self.timers));
            }
            Command::Adopt { queue, connection } => {
                let front =
                    self.fronts.borrow().iter().find(|(id, _)| *id == queue).map(|(_, f)| Rc::clone(f));
                crate::clock::refresh();
                match front.and_then(|front| Some((front, connection.arrive()?))) {
                    Some((front, accepted)) => session::begin(&front, accepted),
                    None => self.check_finished(),
                }
            }
            Command::LookAgain => self.check_finished(),
            Command::HandOver { server, address, first, reply } => {
                let found = self.world.server(server).and_then(|server| {
                    let backend = self.world.backend(server.at.proxy)?;
                    self.pool.hand_over(server, address, backend.config.reuse, first)
                });
                let _ = reply.send(found);
            }
            Command::Streams(reply) => {
                let _ = reply.send(self.streams.list());
            }
        }
    }

    fn for_gates(&self, frontend: Option<u32>, act: impl Fn(&Gate)) {
        for (index, gate) in self.gates.borrow().iter() {
            if frontend.is_none_or(|wanted| wanted == *index) {
                act(gate);
            }
        }
    }

    /// Closes idle server connections that nobody needs any more.
    pub(crate) async fn purge_idle(self: Rc<Self>) {
        const EVERY: std::time::Duration = std::time::Duration::from_secs(1);
        loop {
            tokio::time::sleep(EVERY).await;
            crate::clock::refresh();
            self.pool.purge(&self.world, crate::clock::now_ms());
        }
    }

    /// Closes idle server connections whose server sent something or closed.
    pub(crate) async fn reap_idle(self: Rc<Self>) {
        poll_fn(|cx| {
            self.pool.reap(&self.world, cx);
            Poll::<()>::Pending
        })
        .await;
    }
}
