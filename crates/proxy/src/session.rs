//! Sessions: one task a client connection.
//!
//! The task itself is small: while the connection is idle it holds the socket, its alarm and a few numbers. What a request needs
//! (buffer, heads, the stream's future) is made when bytes arrive and given back when the connection is idle again.

use crate::accept_proxy;
use crate::addresses::Addresses;
use crate::buffer::Buffer;
use crate::front::Front;
use crate::h1;
use crate::listener::{self, Accepted};
use crate::pool::ServerConnection;
use crate::rule_run::{self, Admission, Expected};
use crate::state::{ServerRef, Stat};
use crate::stream::traffic_log;
use crate::tcp;
use crate::timers::{Alarm, Kill, NEVER, Ring, after};
use crate::transport::Transport;
use futures_util::FutureExt as _;
use haproxy_config::runtime::Mode;
use sample::{Proxied, SessionView, Variables};
use std::future::{Future as _, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

/// How long an idle keep-alive connection may still bring a request once a soft stop has begun, ms.
const LAST_CALL_MS: u64 = 100;

/// A client connection.
pub(crate) struct Session {
    pub(crate) front: Rc<Front>,
    pub(crate) io: Transport,
    pub(crate) alarm: Alarm,
    pub(crate) addresses: Addresses,
    /// Monotonic ms from which the next stream's times count: the accept, or the end of the response before.
    pub(crate) origin_ms: u64,
    /// Wall-clock time of the same moment, microseconds.
    pub(crate) origin_us: u64,
    /// Requests so far.
    pub(crate) requests: u32,
    /// Variables of the `sess` scope.
    pub(crate) vars: Variables,
    /// What came with a PROXY protocol header.
    pub(crate) carried: Option<Box<Carried>>,
    /// A server connection that only this session may use.
    pub(crate) own: Option<Box<(ServerRef, ServerConnection)>>,
    /// Until a rule has looked at it, or is to wait for a header first: it counts among those that limits of sessions count.
    admitting: bool,
}

/// What a PROXY protocol header brought.
pub(crate) struct Carried {
    /// What it said.
    pub(crate) proxied: Arc<Proxied>,
    /// Bytes behind it, which belong to the first request.
    pub(crate) rest: Option<Buffer>,
}

/// What an idle client connection costs is this, its task and its registration. The allocator wastes nothing between them while this
/// is no bigger.
const _: () = assert!(size_of::<Session>() <= 152);

impl Drop for Session {
    fn drop(&mut self) {
        self.was_admitted();
        let front = &self.front;
        listener::leave(&front.thread.process, front.index, front.bind);
        front.thread.leave_connection();
    }
}

/// What becomes of a connection after its busy time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It waits for the next request.
    Idle,
    /// It is closed.
    Close,
}

/// Starts the task of a connection that this thread accepted and keeps.
pub(crate) fn start(front: &Rc<Front>, accepted: Accepted) {
    listener::enter(front);
    front.thread.enter_connection();
    begin(front, accepted);
}

/// Starts the task of a connection that is counted.
pub(crate) fn begin(front: &Rc<Front>, accepted: Accepted) {
    // Boxed, because a future keeps a copy of what it is given at every level it passes through.
    let session = Box::new(Session {
        front: Rc::clone(front),
        alarm: front.thread.timers.alarm(),
        io: accepted.io,
        addresses: Addresses::new(accepted.src, accepted.dst),
        origin_ms: crate::clock::now_ms(),
        origin_us: wall_us(),
        requests: 0,
        vars: Variables::default(),
        carried: None,
        own: None,
        admitting: true,
    });
    tokio::task::spawn_local(guarded(session));
}

/// Serves a connection; a panic ends only that connection.
async fn guarded(session: Box<Session>) {
    let front = Rc::clone(&session.front);
    let mut running = pin!(AssertUnwindSafe(run(session)).catch_unwind());
    let end = poll_fn(|cx| {
        crate::clock::refresh();
        running.as_mut().poll(cx)
    });
    if end.await.is_err() {
        front.thread.process.panics.fetch_add(1, Relaxed);
        sys::messages::alert("a connection was closed because its handling failed; please report this");
    }
}

async fn run(mut session: Box<Session>) {
    let mut expected = match session.admit_connection() {
        Admission::Pass => Expected::default(),
        Admission::PassWithHeader(expected) => expected,
        Admission::Reject => return,
        Admission::Vanish => {
            session.was_admitted();
            return Box::pin(session.vanish()).await;
        }
    };
    expected.proxy |= session.front.accept_proxy;
    expected.netscaler |= session.front.netscaler_cip.is_some();
    if expected != Expected::default() {
        // Its header may take its time: the limit is for those that come after it, too.
        session.was_admitted();
        if !Box::pin(accept_proxy::receive(&mut session, expected)).await {
            return;
        }
    }
    let admission = session.admit_session();
    session.was_admitted();
    match admission {
        Admission::Pass | Admission::PassWithHeader(_) => {}
        Admission::Reject => return,
        Admission::Vanish => return Box::pin(session.vanish()).await,
    }
    match session.front.proxy.mode {
        Mode::Tcp => Box::pin(tcp::serve(&mut session)).await,
        Mode::Http => loop {
            if !session.wait_for_bytes().await {
                return;
            }
            // Into memory that is there already: `Box::pin` would make its four kilobytes on the stack and copy them.
            let exchange = Box::write(Box::new_uninit(), h1::serve(&mut session));
            match Box::into_pin(exchange).await {
                After::Idle => {}
                After::Close => return,
            }
        },
    }
}

/// Wall-clock time, microseconds since 1970.
pub(crate) fn wall_us() -> u64 {
    crate::clock::wall_us()
}

impl Session {
    /// `tcp-request connection` rules.
    fn admit_connection(&mut self) -> Admission {
        let front = Rc::clone(&self.front);
        let rules = &front.proxy.tcp_rules;
        if rules.connection.is_empty() {
            return Admission::Pass;
        }
        let admission = rule_run::admission(self, &rules.connection);
        match admission {
            Admission::Pass | Admission::PassWithHeader(_) => {}
            Admission::Reject => {
                front.count(Stat::DeniedConnections, 1);
                self.io.reset_on_close();
            }
            // HAPROXY: it counts as a denied request.
            Admission::Vanish => front.count(Stat::DeniedRequests, 1),
        }
        admission
    }

    /// A rule has looked at it, or is to wait for a header first, or none ever will: whatever comes first.
    fn was_admitted(&mut self) {
        if std::mem::take(&mut self.admitting) {
            self.front.thread.process.was_admitted();
        }
    }

    /// `tcp-request session` rules.
    fn admit_session(&mut self) -> Admission {
        let front = Rc::clone(&self.front);
        let rules = &front.proxy.tcp_rules;
        if !rules.session.is_empty() {
            let admission = rule_run::admission(self, &rules.session);
            match admission {
                Admission::Pass | Admission::PassWithHeader(_) => {}
                Admission::Reject => front.count(Stat::DeniedSessions, 1),
                Admission::Vanish => front.count(Stat::DeniedRequests, 1),
            }
            if admission != Admission::Pass {
                return admission;
            }
        }
        front.count(Stat::Sessions, 1);
        front.thread.process.session_rate.hit(self.origin_ms);
        if let Some(state) = front.state() {
            state.session_rate.hit(self.origin_ms);
        }
        if front.proxy.log.format.is_none() {
            let view = self.view();
            traffic_log::connected(&front, &view);
            self.take_back(view);
        }
        Admission::Pass
    }

    /// `silent-drop`: the client gets no sign at all for as long as its timeout; the socket is kept that long and then reset.
    pub(crate) async fn vanish(&mut self) {
        let timeout = self.front.proxy.timeouts.client;
        self.alarm.set(after(crate::clock::now_ms(), timeout));
        if timeout.is_some() {
            self.alarm.ring().await;
        }
        self.alarm.set(NEVER);
        self.io.reset_on_close();
    }

    /// Waits without a buffer until bytes (or the end) arrive. False when the connection is to be closed without a word: a
    /// keep-alive time that is over, or a soft stop. The timeout of a first request ends in an answer instead: the request's reader
    /// sees to it.
    async fn wait_for_bytes(&mut self) -> bool {
        let first = self.requests == 0;
        if self.carried.as_ref().is_some_and(|carried| carried.rest.is_some()) {
            return true;
        }
        let timeouts = &self.front.proxy.timeouts;
        let deadline = if first {
            after(self.origin_ms, timeouts.http_request).min(after(self.origin_ms, timeouts.client))
        } else {
            after(self.origin_ms, timeouts.http_keep_alive.or(timeouts.http_request).or(timeouts.client))
        };
        // A client that was answered a moment ago may have sent its next request already: a close at this moment would lose it. It has
        // that long to arrive, and is answered with `connection: close`.
        let last_call = || deadline.min(crate::clock::now_ms() + LAST_CALL_MS);
        let stays = first || self.front.proxy.options.idle_close_on_response;
        self.alarm.set(if !stays && self.front.thread.stopping() { last_call() } else { deadline });
        poll_fn(|cx| {
            if self.io.poll_readable(cx).is_ready() {
                return Poll::Ready(true);
            }
            loop {
                match self.alarm.poll(cx) {
                    Poll::Ready(Ring::Kill(Kill::SoftStop)) if stays => {}
                    Poll::Ready(Ring::Kill(Kill::SoftStop)) => self.alarm.set(last_call()),
                    Poll::Ready(Ring::Deadline) => return Poll::Ready(first),
                    Poll::Ready(Ring::Kill(_)) => return Poll::Ready(false),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// The first request's bytes: those behind a PROXY protocol header, else none.
    pub(crate) fn first_buffer(&mut self) -> Buffer {
        self.carried.as_mut().and_then(|carried| carried.rest.take()).unwrap_or_else(Buffer::take)
    }

    /// What expressions see of the session. The variables move into it; [`Session::take_back`] returns them.
    pub(crate) fn view(&mut self) -> SessionView {
        SessionView {
            src: self.addresses.src(),
            dst: self.addresses.dst(),
            frontend_id: self.front.proxy.id,
            frontend_name: Rc::clone(&self.front.name),
            listener_id: self.front.listener_id,
            listener_name: Rc::clone(&self.front.listener_name),
            encrypted: false,
            accepted_at_us: self.origin_us,
            proxied: self.carried.as_ref().map(|carried| Arc::clone(&carried.proxied)),
            vars: std::mem::take(&mut self.vars),
        }
    }

    /// Keeps what must outlive the busy time.
    pub(crate) fn take_back(&mut self, view: SessionView) {
        self.vars = view.vars;
    }

    /// A new time origin: the next stream's times count from now.
    pub(crate) fn restart_clock(&mut self, now_ms: u64) {
        self.origin_ms = now_ms;
        self.origin_us = wall_us();
        self.alarm.set(NEVER);
    }
}
