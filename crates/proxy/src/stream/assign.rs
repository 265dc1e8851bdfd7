//! Getting to a server: assignment, queue, reuse of a connection, connecting, retries and redispatch (haproxy-stream 2.2, 2.3, 2.6).

use super::body::poll_ring;
use super::connect::{Target, is_local};
use super::retry::Failure;
use super::{Step, Stop, Stream};
use crate::pool::ServerConnection;
use crate::state::{
    Assign, AssignInput, BackendState, Dequeued, Priority, QueueTicket, ServerRef, ServerState, Stat, Wanted,
};
use crate::streams::StreamState;
use crate::timers::{Kill, Ring, after};
use haproxy_config::runtime::Reuse;
use health::TrafficError;
use log_format::termination::{Cause, ServerSide};
use rules::Reply;
use std::future::{Future as _, poll_fn};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What ended a wait that a client or an administrator may end.
pub(super) enum Interrupted {
    ClientGone,
    TimedOut,
    Killed(Kill),
}

impl Stream<'_> {
    /// A connection to the server that is assigned, or to where requests go without one. Retries and redispatches as configured.
    pub(super) async fn reach_server(&mut self) -> Step<ServerConnection> {
        loop {
            if self.slot.is_none() {
                self.assign().await?;
            }
            let Some(server) = self.slot.as_ref().map(|slot| Arc::clone(slot.server())) else {
                return self.reach_directly().await;
            };
            self.side = ServerSide::Connecting { local: false };
            self.front.thread.streams.update(self.record, |info| info.state = StreamState::Connecting);
            if let (true, Some(prefix)) =
                (matches!(self.request.method(), b"GET" | b"HEAD"), &server.config.redir)
            {
                return self.redirected(prefix);
            }
            self.count_server(Stat::Sessions);
            server.session_rate.hit(self.now_ms());
            let target = self.target_of(&server);
            if let Some(connection) = self.idle_connection(&server, &target) {
                self.count_server(Stat::Reuses);
                self.count_backend(Stat::Reuses);
                self.log.server_address = connection.address;
                self.connected(&connection);
                return Ok(connection);
            }
            if let Some(connection) = self.connection_of_other_thread(&server, &target).await {
                self.count_server(Stat::Reuses);
                self.count_backend(Stat::Reuses);
                self.log.server_address = connection.address;
                self.connected(&connection);
                return Ok(connection);
            }
            self.count_server(Stat::Connects);
            self.count_backend(Stat::Connects);
            self.log.server_address = target.socket_address();
            let failure = match self.connect(target).await? {
                Ok(mut connection) => {
                    self.front.thread.world.connection_observed(&server);
                    connection.usage = Some(self.front.thread.pool.usage(server.at));
                    self.connected(&connection);
                    return Ok(connection);
                }
                Err(failure) => failure,
            };
            if !matches!(failure, Failure::Local) {
                self.observe_error(TrafficError::Connection);
            }
            self.retry(Some(&server), failure).await?;
        }
    }

    pub(super) fn connected(&mut self, connection: &ServerConnection) {
        if super::debug::on() {
            self.server_descriptor = connection.io.as_fd().as_raw_fd();
        }
        if self.front.logs_server_source {
            self.log.server_source = connection.io.local_addr();
        }
        if self.front.thread.world.config.global.reads_server_addresses {
            self.view.server_addresses = connection.io.local_addr().zip(connection.address);
        }
        self.log.timers.connect = Some(self.elapsed());
        self.side = ServerSide::WaitingHeaders;
        self.front.thread.streams.update(self.record, |info| info.state = StreamState::Established);
    }

    /// A connection that is there already.
    fn idle_connection(&mut self, server: &Arc<ServerState>, target: &Target) -> Option<ServerConnection> {
        if !self.http {
            return None;
        }
        let own = self.own_connection(server.at, target);
        if own.is_some() || target.is_private() {
            return own;
        }
        let reuse = self.backend.as_ref().map_or(Reuse::Never, |backend| backend.config.reuse);
        self.front.thread.pool.take(
            server,
            target.socket_address(),
            reuse,
            self.first && !self.retry_on().forgives_reuse(),
        )
    }

    /// The connection that this session keeps for itself, when it leads to the same place in the same way.
    pub(super) fn own_connection(&mut self, at: ServerRef, target: &Target) -> Option<ServerConnection> {
        let (_, mut connection) = *self.own.take_if(|own| own.0 == at)?;
        let alive = connection.io.is_silent(&mut Context::from_waker(std::task::Waker::noop()));
        let fits = connection.address == target.socket_address()
            && connection.foreign == target.foreign()
            && connection.marking == target.marking();
        connection.reused = true;
        (alive && fits).then_some(connection)
    }

    /// An idle connection that another thread keeps, when this one has none.
    async fn connection_of_other_thread(
        &mut self,
        server: &Arc<ServerState>,
        target: &Target,
    ) -> Option<ServerConnection> {
        if !self.http || target.is_private() {
            return None;
        }
        let thread = std::rc::Rc::clone(&self.front.thread);
        let reuse = self.backend.as_ref()?.config.reuse;
        let first = self.first && !self.retry_on().forgives_reuse();
        let other = thread.pool.richest_other(server, reuse, first)?;
        let handover = thread.control.idle_of(other, server.at, target.socket_address(), first).await?;
        Some(thread.pool.take_over(server.at, handover))
    }

    /// Finds a server and a slot on it. Without a slot, the request goes where `dispatch` or `option transparent` says.
    async fn assign(&mut self) -> Step<()> {
        let Some(backend) = self.backend.clone() else { return self.no_server() };
        self.prefer_last(&backend);
        loop {
            let priority = Priority::new(
                self.effects.priority_class.unwrap_or(0),
                self.effects.priority_offset.unwrap_or(0),
            );
            let outcome = backend.assign(&AssignInput {
                thread: self.front.thread.index,
                now_ms: self.now_ms(),
                request: self.http.then_some(&*self.request),
                src: self.session.src.map(|src| src.ip()),
                payload: self.flow.pending_payload(),
                wanted: self.wanted,
                avoid: self.tries.avoid,
                priority,
            });
            match outcome {
                Assign::Server { slot, balanced } => {
                    self.tries.balanced = balanced;
                    if balanced && self.wanted.is_some() {
                        self.leave_wanted(&backend);
                    }
                    self.count_redispatch(Some(slot.server()));
                    self.set_server(slot.server());
                    self.slot = Some(slot);
                    self.log.timers.queue = Some(self.elapsed());
                    return Ok(());
                }
                Assign::Direct => return Ok(()),
                Assign::Queued { ticket, balanced } => {
                    self.tries.balanced = balanced;
                    if self.wait_in_queue(ticket).await? {
                        self.log.timers.queue = Some(self.elapsed());
                        return Ok(());
                    }
                }
                Assign::Full(server) => {
                    self.set_server(&server);
                    self.count_backend(Stat::ConnectErrors);
                    self.count_server(Stat::ConnectErrors);
                    self.log.timers.queue = None;
                    self.log.server_connections = server.streams.current();
                    self.side = ServerSide::Queued;
                    return self.fail(Cause::ServerAbort, 503);
                }
                Assign::NoServer => return self.no_server(),
            }
        }
    }

    /// `option prefer-last-server`: a session that owns a connection stays with its server while that is usable.
    fn prefer_last(&mut self, backend: &Arc<BackendState>) {
        if !backend.config.options.prefer_last_server || self.wanted.is_some() || self.tries.avoid.is_some() {
            return;
        }
        let last = self.own.as_ref().map(|own| own.0).filter(|at| at.proxy == backend.index());
        let longest = backend.config.max_keep_alive_queue;
        let usable = last.filter(|at| {
            backend.server(at.server).is_some_and(|server| {
                // A server that would let it wait is left for another one when its queue is long.
                server.is_usable()
                    && longest.is_none_or(|most| server.queue.current() < most || server.has_room())
            })
        });
        self.wanted = usable.map(|at| Wanted { server: at.server, forced: false });
    }

    /// `redir`: GET and HEAD are sent elsewhere instead of being forwarded.
    fn redirected<T>(&mut self, prefix: &str) -> Step<T> {
        let mut location = prefix.as_bytes().to_vec();
        location.extend_from_slice(self.request.path_and_query());
        let reply = Reply {
            status: 302,
            reason: b"Found".to_vec(),
            version: http1::Version::Http11,
            fields: vec![
                (b"cache-control".to_vec(), b"no-cache".to_vec()),
                (b"content-length".to_vec(), b"0".to_vec()),
                (b"location".to_vec(), location),
            ],
            body: rules::Body::Owned(Vec::new()),
            close: false,
        };
        self.note(Cause::Local);
        self.log.status = Some(302);
        Err(Stop::Answer(Arc::new(reply)))
    }

    fn set_server(&mut self, server: &Arc<ServerState>) {
        self.view.server_name = Some(Arc::clone(server.name()));
        self.view.server_id = server.config.id;
        let index = server.at.server;
        self.front.thread.streams.update(self.record, |info| info.server = Some(index));
        self.server = Some(Arc::clone(server));
    }

    pub(super) fn no_server<T>(&mut self) -> Step<T> {
        self.count_backend(Stat::ConnectErrors);
        self.side = ServerSide::Connecting { local: false };
        self.fail(Cause::ServerAbort, 503)
    }

    /// Waits for a slot. True when the stream holds one, false when it must be balanced again.
    async fn wait_in_queue(&mut self, ticket: QueueTicket) -> Step<bool> {
        let mut ticket = ticket;
        self.side = ServerSide::Queued;
        self.front.thread.streams.update(self.record, |info| info.state = StreamState::Queued);
        if let Some(server) = ticket.server().cloned() {
            self.set_server(&server);
        }
        let timeouts = self.backend.as_ref().map(|b| b.config.timeouts.clone()).unwrap_or_default();
        self.alarm.set(after(self.now_ms(), timeouts.queue.or(timeouts.connect)));
        let waited = poll_fn(|cx| {
            if let Poll::Ready(end) = std::pin::Pin::new(&mut ticket).poll(cx) {
                return Poll::Ready(Ok(end));
            }
            self.poll_interrupted(cx).map(Err)
        })
        .await;
        let position = ticket.leave();
        self.log.server_queue += position.server;
        self.log.backend_queue += position.backend;
        drop(ticket);
        match waited {
            Ok(Dequeued::Server(slot)) => {
                self.count_redispatch(Some(slot.server()));
                self.set_server(slot.server());
                self.slot = Some(slot);
                Ok(true)
            }
            Ok(Dequeued::Rebalance) => {
                self.log.server_queue += 1;
                self.leave_persistence();
                Ok(false)
            }
            Err(Interrupted::TimedOut) => {
                self.left_queue();
                self.count_backend(Stat::ConnectErrors);
                self.count_server(Stat::ConnectErrors);
                self.fail(Cause::ServerTimeout, 503)
            }
            Err(Interrupted::ClientGone) => {
                self.left_queue();
                self.client_gone()
            }
            Err(Interrupted::Killed(kill)) => {
                self.left_queue();
                self.killed(kill)
            }
        }
    }

    /// The end of a wait that led to no server. The one that leaves counts itself, as those do that are served.
    fn left_queue(&mut self) {
        self.log.timers.queue = Some(self.elapsed());
        if let Some(server) = &self.server {
            self.log.server_connections = server.streams.current();
            self.log.server_queue += 1;
        } else {
            self.log.backend_queue += 1;
        }
    }

    pub(super) fn client_gone<T>(&mut self) -> Step<T> {
        self.note(Cause::ClientAbort);
        Err(Stop::Cut)
    }

    /// Whether the alarm rings or, with `option abortonclose`, the client closed.
    pub(super) fn poll_interrupted(&mut self, cx: &mut Context<'_>) -> Poll<Interrupted> {
        if self.aborts_on_close() && self.flow.poll_source_gone(cx, self.client).is_some() {
            return Poll::Ready(Interrupted::ClientGone);
        }
        poll_ring(self.alarm, cx).map(|ring| match ring {
            Ring::Deadline => Interrupted::TimedOut,
            Ring::Kill(kill) => Interrupted::Killed(kill),
        })
    }

    pub(super) fn aborts_on_close(&self) -> bool {
        self.backend.as_ref().is_some_and(|backend| backend.config.options.abortonclose)
    }

    pub(super) async fn connect(&mut self, target: Target) -> Step<Result<ServerConnection, Failure>> {
        let timeout = self.backend.as_ref().and_then(|backend| backend.config.timeouts.connect);
        self.alarm.set(after(self.now_ms(), timeout));
        let mut connecting = pin!(target.connect());
        let end: Result<io::Result<ServerConnection>, Interrupted> = poll_fn(|cx| {
            if let Poll::Ready(end) = connecting.as_mut().poll(cx) {
                return Poll::Ready(Ok(end));
            }
            self.poll_interrupted(cx).map(Err)
        })
        .await;
        match end {
            Ok(Ok(connection)) => Ok(Ok(connection)),
            Ok(Err(error)) if is_local(&error) => Ok(Err(Failure::Local)),
            Ok(Err(_)) => Ok(Err(Failure::Refused)),
            Err(Interrupted::TimedOut) => Ok(Err(Failure::TimedOut)),
            Err(Interrupted::ClientGone) => self.client_gone(),
            Err(Interrupted::Killed(kill)) => self.killed(kill),
        }
    }
}
