//! Streams: one request with its response, or one TCP connection (docs: life of a request).
//!
//! A stream walks through analysis of the request, choice of backend and server, connection, relay of both messages, and the log.
//! Each of these is a file beside this one; this one holds what they share and the way through them.

mod analyse;
mod assign;
mod body;
mod connect;
mod contstats;
mod cookie;
mod cookie_text;
pub(crate) mod debug;
mod direct;
mod end;
mod exchange;
mod fields;
mod forwarded;
mod inspect;
mod reply;
mod response;
mod retry;
mod rules_on;
mod tcp;
pub(crate) mod traffic_log;
mod tunnel;

use crate::buffer::Buffer;
use crate::flow::Flow;
use crate::front::Front;
use crate::own::OwnBackend;
use crate::pool::ServerConnection;
use crate::session::Session;
use crate::splice::{Splice, SpliceCounts};
use crate::state::{ServerRef, ServerSlot, ServerState, Stat, Wanted};
use crate::streams::{StreamInfo, StreamState, Streams};
use crate::timers::{Alarm, Kill};
use crate::transport::Transport;
use haproxy_config::runtime::Options;
use http1::{Facts, Framing, Head, Version};
use log_format::LogData;
use log_format::termination::{Cause, ServerSide};
use reply::AnswerEnd;
use rules::{Effects, Reply};
use sample::{SessionView, StreamView};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How a stream's client connection goes on.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Alive, with what the client has sent already of its next request.
    Keep(Option<Buffer>),
    /// To be closed.
    Close,
    /// To be left hanging.
    Vanish,
}

/// Why the way of a stream ends before its response was relayed to the end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Answer with this.
    Answer(Arc<Reply>),
    /// Close the client connection without a byte (or without another byte).
    Cut,
    /// Leave the client hanging.
    Vanish,
}

/// What `force-persist` and `ignore-persist` rules say about a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// Nothing.
    #[default]
    Usual,
    /// The cookie's server serves, even when it is down.
    Forced,
    /// The cookie is not looked at.
    Ignored,
}

/// A direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Response,
}

/// A step on the way.
pub(crate) type Step<T> = Result<T, Stop>;

/// One exchange.
pub(crate) struct Stream<'s> {
    pub(crate) front: Rc<Front>,
    pub(crate) session: &'s mut SessionView,
    pub(crate) client: &'s mut Transport,
    pub(crate) alarm: &'s Alarm,
    pub(crate) own: &'s mut Option<Box<(ServerRef, ServerConnection)>>,
    /// Monotonic ms of the time origin.
    origin_ms: u64,
    /// Whether it is the client connection's first request.
    first: bool,
    /// Whether messages are HTTP.
    http: bool,
    request: Box<Head>,
    facts: Facts,
    /// The request's body; all of the client's bytes in TCP.
    flow: Flow,
    response: Box<Head>,
    view: Box<StreamView>,
    log: Box<LogData>,
    effects: Box<Effects>,
    backend: Option<Rc<OwnBackend>>,
    /// Counts the stream on the backend.
    entered: Option<Entered>,
    /// The server that a rule or a cookie names.
    wanted: Option<Wanted>,
    /// Whether `use-server` names it, and no cookie.
    ruled: bool,
    /// The slot that is held on a server.
    slot: Option<ServerSlot>,
    /// What was tried so far.
    tries: retry::Tries,
    /// The last server, for logs and counters.
    server: Option<Arc<ServerState>>,
    side: ServerSide,
    /// Number of its record among the thread's streams.
    record: u32,
    /// Takes the record away when the stream ends.
    _listed: Listed,
    /// Whether the client connection must close after the response.
    close: bool,
    /// Size of the request's head as received, as logs count it.
    counted_bytes_in: u64,
    /// Bytes in and out that the counters have already.
    counted: (u64, u64),
    /// The client closed before its body was complete.
    client_gone: bool,
    /// Not logged (`monitor-uri`).
    unlogged: bool,
    /// The log line was written at the response's head (`option logasap`).
    logged: bool,
    /// The proxy answered by itself (redirect, return, statistics, monitor).
    locally_answered: bool,
    cookie: cookie::CookieState,
    persistence: Persistence,
    /// Descriptor of the server connection for `-d`; -1 is none, and when nobody looks.
    server_descriptor: i32,
}

impl<'s> Stream<'s> {
    /// An exchange for a parsed request. `body` holds what the client sent after the head; `idle_ms` is the time from the origin to
    /// the first byte.
    #[inline]
    pub(crate) fn new(
        session: &'s mut Session,
        view: &'s mut SessionView,
        request: Box<Head>,
        facts: Facts,
        body: Flow,
        idle_ms: u64,
    ) -> Self {
        Self::start(session, view, request, facts, body, Some(idle_ms))
    }

    /// A TCP connection.
    pub(crate) fn tcp(session: &'s mut Session, view: &'s mut SessionView) -> Self {
        let buffer = session.first_buffer();
        let flow = Flow::new(Framing::UntilClose, buffer, Vec::new(), 0);
        let head = session.front.thread.take_head();
        Self::start(session, view, head, Facts::default(), flow, None)
    }

    /// `idle_ms` is none for a TCP connection. The stream is made where it stays: it is too big to be moved once more.
    #[inline]
    fn start(
        session: &'s mut Session,
        view: &'s mut SessionView,
        request: Box<Head>,
        facts: Facts,
        mut flow: Flow,
        idle_ms: Option<u64>,
    ) -> Self {
        let front = Rc::clone(&session.front);
        let thread = &front.thread;
        let number = thread.process.next_stream_number();
        let now = crate::clock::now_ms();
        flow.read_at = now;
        flow.write_at = now;
        let info = StreamInfo {
            id: Streams::unknown_id(),
            number,
            src: view.src,
            frontend: front.index,
            backend: None,
            server: None,
            state: StreamState::Request,
            started_ms: now,
            previous_requests: session.requests,
        };
        let record = thread.streams.enter(info, session.alarm.id());
        let (mut log, mut stream_view, effects) = thread.take_records();
        log.accepted_at_us = session.origin_us;
        log.request_captures = front.proxy.captures.request.len();
        log.response_captures = front.proxy.captures.response.len();
        log.timers.idle = Some(idle_ms.unwrap_or(0));
        stream_view.number = number;
        stream_view.first_request = session.requests == 0;
        stream_view.to_a_proxy =
            front.proxy.options.http_use_proxy_header && !matches!(request.uri(), [] | [b'/' | b'*', ..]);
        stream_view.capture_lengths.clone_from(&front.capture_lengths);
        if let Some(idle_ms) = idle_ms {
            stream_view.request_at_us = view.accepted_at_us + idle_ms * 1000;
        }
        Self {
            origin_ms: session.origin_ms,
            first: session.requests == 0,
            http: idle_ms.is_some(),
            facts,
            flow,
            response: thread.take_head(),
            view: stream_view,
            log,
            effects,
            backend: None,
            entered: None,
            wanted: None,
            ruled: false,
            slot: None,
            tries: retry::Tries::default(),
            server: None,
            side: ServerSide::Idle,
            record,
            _listed: Listed { front: Rc::clone(&front), record },
            close: idle_ms.is_some()
                && (facts.close
                    || facts.ambiguous
                    || (request.version() == Version::Http10 && !facts.keep_alive)),
            counted_bytes_in: facts.counted_size,
            counted: (0, 0),
            client_gone: false,
            unlogged: false,
            logged: false,
            locally_answered: false,
            cookie: cookie::CookieState::default(),
            persistence: Persistence::default(),
            server_descriptor: -1,
            request,
            front,
            session: view,
            client: &mut session.io,
            alarm: &session.alarm,
            own: &mut session.own,
        }
    }

    /// Gives what is used again back to the thread. A stream that is dropped instead loses only that.
    #[inline]
    pub(crate) fn retire(self) {
        let thread = &self.front.thread;
        thread.give_text(self.flow.into_parts().1);
        thread.give_head(self.request);
        thread.give_head(self.response);
        thread.give_records(self.log, self.view, self.effects);
    }

    /// Serves an HTTP exchange to its end.
    pub(crate) async fn run(&mut self) -> Ended {
        self.show_request();
        let thread = Rc::clone(&self.front.thread);
        thread.process.cumulated_requests.add(thread.index, 1);
        let ended = match self.exchange().await {
            Ok(()) => self.after_relay(),
            Err(Stop::Answer(reply)) => self.answer(reply).await,
            Err(Stop::Cut) => AnswerEnd::Close,
            Err(Stop::Vanish) => AnswerEnd::Vanish,
        };
        self.finish();
        let ended = if matches!(ended, AnswerEnd::Drain) { self.drain().await } else { ended };
        ended.with_rest(self)
    }

    async fn exchange(&mut self) -> Step<()> {
        self.analyse().await?;
        if self.client_gone {
            self.count_client_abort();
            self.note(Cause::ClientAbort);
            return self.unheard_refusal();
        }
        self.reach_and_relay().await
    }

    /// Monotonic ms now.
    fn now_ms(&self) -> u64 {
        crate::clock::now_ms()
    }

    /// Ms from the time origin to now.
    fn elapsed(&self) -> u64 {
        self.now_ms().saturating_sub(self.origin_ms)
    }

    fn client_timeout(&self) -> Option<Duration> {
        self.effects.timeouts.client.or(self.front.proxy.timeouts.client)
    }

    fn server_timeout(&self) -> Option<Duration> {
        self.effects.timeouts.server.or_else(|| self.backend.as_ref()?.config.timeouts.server)
    }

    /// `option independent-streams` of the client's and of the server's side: what is written to a side says nothing about its silence.
    fn independent_sides(&self) -> (bool, bool) {
        let backend = self.backend.as_ref().is_some_and(|b| b.config.options.independent_streams);
        (self.front.proxy.options.independent_streams, backend)
    }

    /// How a direction splices: what the frontend or the backend says, within what the process allows.
    fn splice(&self, side: Side) -> Option<Splice> {
        let thread = &self.front.thread;
        let global = &thread.world.config.global;
        let allowed = if self.http { global.splices_http } else { global.splices_tcp };
        let backend = self.backend.as_ref().map(|backend| &backend.config.options);
        let says =
            |option: fn(&Options) -> bool| option(&self.front.proxy.options) || backend.is_some_and(option);
        let always = match side {
            Side::Request => says(|options| options.splice_request),
            Side::Response => says(|options| options.splice_response),
        };
        (allowed && (always || says(|options| options.splice_auto))).then(|| {
            let counts = self.http.then(|| SpliceCounts {
                front: Rc::clone(&self.front),
                backend: self.backend.clone(),
                upward: side == Side::Request,
            });
            Splice::new(&thread.pipes, counts, !always)
        })
    }

    /// Notes who ends the stream, at the phase that the server side is in.
    fn note(&mut self, cause: Cause) {
        self.log.termination.note_at(cause, self.side);
    }

    /// A counter of the backend, once there is one.
    fn count_backend(&self, stat: Stat) {
        if let Some(backend) = &self.backend {
            backend.counters.bump(self.front.thread.index, stat);
        }
    }

    /// A counter of the server, once there is one.
    fn count_server(&self, stat: Stat) {
        if let Some(server) = &self.server {
            server.counters.bump(self.front.thread.index, stat);
        }
    }

    /// The reply of an error status: the backend's, else the frontend's, else the built-in page. The log tells the status, whatever
    /// the reply says.
    fn error_reply(&mut self, status: u16) -> Arc<Reply> {
        self.log.status = Some(status);
        let of_backend = self.backend.as_ref().and_then(|backend| backend.config.errors.get(&status));
        let Some(page) = of_backend.or_else(|| self.front.proxy.errors.get(&status)) else {
            return Reply::builtin(status);
        };
        // A request's head leaves with the connection to a server.
        let there = self.http && self.log.timers.connect.is_none();
        let cx = sample::Cx {
            session: self.session,
            stream: &self.view,
            request: there.then_some(&self.request),
            response: None,
            request_payload: &[],
            response_payload: &[],
            complete: true,
            in_response: false,
            env: &self.front.thread.env,
        };
        page.reply(&self.log, &cx)
    }

    /// Ends with an error status.
    fn fail<T>(&mut self, cause: Cause, status: u16) -> Step<T> {
        self.note(cause);
        let reply = self.error_reply(status);
        Err(Stop::Answer(reply))
    }

    /// An order to end this stream. HAPROXY: status 500 is logged, nothing is sent.
    fn killed<T>(&mut self, kill: Kill) -> Step<T> {
        let cause = match kill {
            Kill::Admin | Kill::SoftStop => Cause::Killed,
            Kill::ServerDown => Cause::Down,
            Kill::ServerUp => Cause::Up,
        };
        self.log.termination.note(cause, log_format::termination::Phase::Connect);
        if self.http {
            self.log.status = Some(500);
        }
        Err(Stop::Cut)
    }
}

/// The stream's record among those of its thread.
struct Listed {
    front: Rc<Front>,
    record: u32,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.front.thread.streams.leave(self.record);
    }
}

/// One of a backend's current streams.
struct Entered(Rc<OwnBackend>);

impl Entered {
    fn new(backend: &Rc<OwnBackend>) -> Self {
        backend.streams.enter();
        Self(Rc::clone(backend))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.streams.leave();
    }
}
