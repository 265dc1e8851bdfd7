//! Another try: after a connection that could not be made, and (`retry-on`) after a request that was sent and got no good answer.
//!
//! Both draw on the same `retries`. A request is sent again from a copy, and only when all of it had arrived before it was sent first
//! (haproxy-stream, part 2.3).

use super::assign::Interrupted;
use super::exchange::Awaited;
use super::{Persistence, Step, Stream};
use crate::buffer::Buffer;
use crate::state::{BackendState, OpState, ServerState, Stat};
use crate::timers::after;
use haproxy_config::runtime::{RetryOn, ServerIndex};
use log_format::termination::{Cause, CookieRequest, ServerSide};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

/// Longest rest before another try of the same server.
const TURN_AROUND: Duration = Duration::from_secs(1);

/// Why there is no connection.
pub(super) enum Failure {
    Refused,
    TimedOut,
    Local,
}

/// What a stream has tried.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// The server that a redispatch left.
    pub(super) avoid: Option<ServerIndex>,
    /// The server that is being left, until it is known where to.
    left: Option<Arc<ServerState>>,
    /// Whether the algorithm chose the server, not persistence.
    pub(super) balanced: bool,
    /// The request's body as it was sent first.
    sent_body: Option<Vec<u8>>,
}

impl Stream<'_> {
    /// `retry-on` of the backend.
    pub(super) fn retry_on(&self) -> RetryOn {
        self.backend.as_ref().map_or(RetryOn::NONE, |backend| backend.config.retry_on)
    }

    /// Completes a head that is about to be sent: the first time by keeping the body where it may be needed again, later by adding
    /// the one that was kept.
    pub(super) fn keep_or_repeat_body(&mut self, head: &mut Vec<u8>) {
        if let Some(body) = &self.tries.sent_body {
            head.extend_from_slice(body);
            self.flow.withdraw();
        } else if self.retry_on().keeps_request() && !self.effects.no_l7_retry && self.flow.is_received() {
            self.tries.sent_body = Some(self.flow.framed_body());
        }
    }

    /// Whether a response with this status is dropped and the request sent again.
    pub(super) fn repeats_on_status(&self) -> bool {
        self.may_repeat()
            && RetryOn::status(self.response.status()).is_some_and(|status| self.retry_on().has(status))
    }

    /// Whether the request is sent again because no response came.
    pub(super) fn repeats_on(&self, awaited: &Awaited, received: &Buffer) -> bool {
        let reason = match awaited {
            Awaited::ServerGone if received.is_empty() => RetryOn::EMPTY_RESPONSE,
            Awaited::ServerGone | Awaited::Refused(_) => RetryOn::JUNK_RESPONSE,
            Awaited::ServerTimedOut => RetryOn::RESPONSE_TIMEOUT,
            _ => return false,
        };
        self.may_repeat() && self.retry_on().has(reason)
    }

    fn may_repeat(&self) -> bool {
        let retries = self.backend.as_ref().map_or(0, |backend| backend.config.retries);
        self.tries.sent_body.is_some() && self.log.retries < retries
    }

    /// The request is sent again at once: to the same server, or to another if a redispatch is due.
    pub(super) fn repeat(&mut self) {
        self.log.bytes_out = 0;
        let server = self.server.clone();
        self.next_try(server.as_ref());
    }

    /// After a failure to connect to a server, or to where requests go without one: waits and returns when there is to be another try.
    pub(super) async fn retry(&mut self, server: Option<&Arc<ServerState>>, failure: Failure) -> Step<()> {
        let Some(backend) = self.backend.clone() else { return self.no_server() };
        if self.log.retries >= backend.config.retries || !self.retry_on().has(RetryOn::CONNECTION_FAILURE) {
            return self.give_up(&failure);
        }
        let elsewhere = self.next_try(server);
        // A connection that timed out has waited already.
        if matches!(failure, Failure::Refused) && !elsewhere {
            let rest =
                backend.config.timeouts.connect.map_or(TURN_AROUND, |connect| connect.min(TURN_AROUND));
            self.rest(rest).await?;
        }
        Ok(())
    }

    /// Counts a try, and gives the slot up when it may go elsewhere; whether there is another server for it.
    fn next_try(&mut self, server: Option<&Arc<ServerState>>) -> bool {
        self.log.retries += 1;
        self.side = ServerSide::Connecting { local: false };
        let active = self.backend.as_ref().map_or(0, |backend| backend.usable().0);
        if let Some(server) = server.filter(|server| self.may_redispatch(server, active)) {
            self.leave_persistence();
            self.tries.avoid = Some(server.at.server);
            self.free_slot();
            return active > 1;
        }
        self.count_retry();
        false
    }

    /// The stream leaves a server, for another if there is one.
    pub(super) fn leave_persistence(&mut self) {
        if self.log.termination.cookie_request == CookieRequest::Valid {
            self.log.termination.cookie_request = CookieRequest::Down;
        }
        self.wanted = None;
        self.tries.left = self.server.clone();
    }

    /// The server that persistence wanted is full, and another was found.
    pub(super) fn leave_wanted(&mut self, backend: &BackendState) {
        self.tries.left = self.wanted.take().and_then(|wanted| backend.server(wanted.server)).cloned();
    }

    /// Counts what a redispatch came to, once it is known where to (none is where requests go without a server): it is one only if it
    /// led elsewhere.
    pub(super) fn count_redispatch(&mut self, found: Option<&Arc<ServerState>>) {
        let Some(left) = self.tries.left.take() else { return };
        if found.is_some_and(|found| found.at == left.at) {
            self.count_retry();
            return;
        }
        left.counters.bump(self.front.thread.index, Stat::Redispatches);
        self.count_backend(Stat::Redispatches);
        self.log.redispatched = true;
    }

    fn count_retry(&self) {
        self.count_backend(Stat::Retries);
        self.count_server(Stat::Retries);
    }

    fn may_redispatch(&self, server: &ServerState, active: u32) -> bool {
        let Some(backend) = &self.backend else { return false };
        let Some(interval) = backend.config.redispatch else { return false };
        if self.persistence == Persistence::Forced {
            return false;
        }
        if self.wanted.is_some_and(|wanted| wanted.forced) {
            return false;
        }
        let retries = i64::from(backend.config.retries);
        let (done, interval) = (i64::from(self.log.retries), i64::from(interval));
        let at_interval = match interval {
            1.. => done % interval == 0,
            ..0 => {
                let every = retries + 1 + interval;
                every > 0 && done % every == 0
            }
            0 => false,
        };
        let at_once = self.tries.balanced && active > 1 && !backend.is_hashing();
        server.op() != OpState::Running || at_interval || at_once
    }

    async fn rest(&mut self, time: Duration) -> Step<()> {
        self.alarm.set(after(self.now_ms(), Some(time)));
        match poll_fn(|cx| self.poll_interrupted(cx)).await {
            Interrupted::TimedOut => Ok(()),
            Interrupted::ClientGone => self.client_gone(),
            Interrupted::Killed(kill) => self.killed(kill),
        }
    }

    fn give_up<T>(&mut self, failure: &Failure) -> Step<T> {
        self.count_backend(Stat::ConnectErrors);
        self.count_server(Stat::ConnectErrors);
        self.free_slot();
        let cause = match failure {
            Failure::Refused => Cause::ServerAbort,
            Failure::TimedOut => Cause::ServerTimeout,
            Failure::Local => Cause::Resource,
        };
        self.fail(cause, 503)
    }
}
