//! What every connection of a listener shares on one thread: the frontend's configuration and state, limits, and the gate of its
//! accept loop.

use crate::handover::Queue;
use crate::state::{FrontendState, ListenerState, Stat};
use crate::thread::Thread;
use haproxy_config::runtime::{Proxy, ProxyIndex};
use http1::Limits;
use log_format::{Builtin, LogFormat};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// See the module.
pub(crate) struct Front {
    pub(crate) thread: Rc<Thread>,
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) index: ProxyIndex,
    pub(crate) bind: usize,
    pub(crate) listener_id: u32,
    /// Descriptor of the listening socket, for `-d`.
    pub(crate) listener_descriptor: i32,
    /// Names, counted by this thread alone.
    pub(crate) name: Rc<str>,
    pub(crate) listener_name: Rc<str>,
    /// What stands in front of the reason in the line of a failed handshake.
    pub(crate) error_prefix: LogFormat,
    /// `accept-proxy`
    pub(crate) accept_proxy: bool,
    /// How its connections find their threads; none when they stay.
    pub(crate) queue: Option<Arc<Queue>>,
    /// `accept-netscaler-cip`: the magic number.
    pub(crate) netscaler_cip: Option<u32>,
    /// `namespace`
    pub(crate) namespace: Option<Arc<str>>,
    /// Limits on request heads.
    pub(crate) limits: Limits,
    /// Lengths of the capture slots; none when nothing is captured.
    pub(crate) capture_lengths: Option<Arc<(Vec<usize>, Vec<usize>)>>,
    /// Whether a log line shows the address that server connections come from.
    pub(crate) logs_server_source: bool,
}

impl Front {
    /// None when there is no such frontend or bind.
    pub(crate) fn new(thread: &Rc<Thread>, index: ProxyIndex, bind: usize) -> Option<Self> {
        let state = thread.world.proxy(index)?;
        let proxy = Arc::clone(&state.config);
        let listener = state.frontend.as_ref()?.listeners.get(bind)?;
        let global = &thread.world.config.global;
        let limits = Limits {
            fields: global.max_headers.saturating_sub(1),
            size: global.bufsize.saturating_sub(global.maxrewrite),
            relaxed: proxy.options.accept_invalid_http_request,
            any_payload: global.any_payload,
            keeps_ambiguous: global.keeps_ambiguous,
        };
        let lengths =
            |slots: &[(Vec<u8>, usize)]| slots.iter().map(|(_, length)| *length).collect::<Vec<_>>();
        let formats = [&proxy.log.format, &proxy.log.error_format, &proxy.log.sd_format];
        let logs_server_source = formats.into_iter().flatten().any(|format| format.shows_server_source());
        let captures = &proxy.captures;
        let capture_lengths = (!captures.request.is_empty() || !captures.response.is_empty())
            .then(|| Arc::new((lengths(&captures.request), lengths(&captures.response))));
        Some(Self {
            thread: Rc::clone(thread),
            index,
            bind,
            listener_id: listener.config.id,
            listener_descriptor: -1,
            name: Rc::from(&*proxy.name),
            listener_name: Rc::from(listener.config.name.as_deref().unwrap_or_default()),
            error_prefix: LogFormat::builtin(Builtin::Error),
            accept_proxy: listener.config.accept_proxy,
            queue: None,
            netscaler_cip: listener.config.netscaler_cip,
            namespace: listener.config.namespace.as_deref().map(Arc::from),
            limits,
            capture_lengths,
            logs_server_source,
            proxy,
        })
    }

    /// The frontend's state.
    pub(crate) fn state(&self) -> Option<&FrontendState> {
        self.thread.world.proxy(self.index)?.frontend.as_ref()
    }

    /// The listener's state.
    pub(crate) fn listener(&self) -> Option<&ListenerState> {
        self.state()?.listeners.get(self.bind)
    }

    /// Counts on the frontend and the listener.
    pub(crate) fn count(&self, stat: Stat, n: u64) {
        if let Some(state) = self.state() {
            state.counters.add(self.thread.index, stat, n);
            if let Some(listener) = state.listeners.get(self.bind) {
                listener.counters.add(self.thread.index, stat, n);
            }
        }
    }
}

/// Whether an accept loop may accept.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    paused: Cell<bool>,
    pauses: Cell<u32>,
    closed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// What an accept loop is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GateState {
    /// Accept.
    Open,
    /// Wait.
    Paused,
    /// End.
    Closed,
}

impl Gate {
    /// How often it was paused.
    pub(crate) fn pauses(&self) -> u32 {
        self.pauses.get()
    }

    pub(crate) fn set_open(&self, open: bool) {
        self.paused.set(!open);
        self.pauses.set(self.pauses.get().wrapping_add(u32::from(!open)));
        self.wake();
    }

    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// The state now; the context's task is woken when it changes.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> GateState {
        *self.waker.borrow_mut() = Some(cx.waker().clone());
        match (self.closed.get(), self.paused.get()) {
            (true, _) => GateState::Closed,
            (false, true) => GateState::Paused,
            (false, false) => GateState::Open,
        }
    }

    /// Resolves when the gate is open (true) or closed (false).
    pub(crate) async fn open(&self) -> bool {
        std::future::poll_fn(|cx| match self.poll(cx) {
            GateState::Open => Poll::Ready(true),
            GateState::Closed => Poll::Ready(false),
            GateState::Paused => Poll::Pending,
        })
        .await
    }
}
