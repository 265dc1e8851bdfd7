//! Waits on the client before a server is chosen: the request's body, the tarpit; and what is sent to it meanwhile (1xx).

use super::{Step, Stop, Stream};
use crate::flow::FlowEvent;
use crate::state::Stat;
use crate::timers::{Kill, NEVER, Ring, after};
use http1::{BodyError, Framing, Head, Version};
use log_format::termination::{Cause, ServerSide};
use rules::Reply;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

impl Stream<'_> {
    /// `option http-buffer-request`: waits for the whole body or a full buffer, within the http-request timeout.
    pub(super) async fn buffer_request(&mut self) -> Step<()> {
        if self.client_gone {
            return Ok(());
        }
        let timeouts = &self.front.proxy.timeouts;
        let deadline = match timeouts.http_request {
            Some(timeout) => after(self.origin_ms + self.log.timers.idle.unwrap_or(0), Some(timeout)),
            None => after(self.now_ms(), self.client_timeout()),
        };
        self.receive_body(deadline, 0).await
    }

    /// `wait-for-body`
    pub(super) async fn wait_for_body(&mut self, timeout: Duration, at_least: u64) -> Step<()> {
        let deadline = after(self.now_ms(), Some(timeout));
        self.receive_body(deadline, at_least).await
    }

    async fn receive_body(&mut self, deadline: u64, at_least: u64) -> Step<()> {
        let enough = |flow: &crate::flow::Flow| {
            flow.is_received() || flow.is_full() || (at_least > 0 && flow.payload_total >= at_least)
        };
        self.continue_body().await?;
        if enough(&self.flow) {
            return Ok(());
        }
        self.alarm.set(deadline);
        let received = poll_fn(|cx| {
            let now = crate::clock::now_ms();
            let event = self.flow.poll_receive(cx, self.client, now);
            match event {
                Poll::Ready(event) => Poll::Ready(Ok(event)),
                Poll::Pending if enough(&self.flow) => Poll::Ready(Ok(FlowEvent::Done)),
                Poll::Pending => poll_ring(self.alarm, cx).map(Err),
            }
        })
        .await;
        match received {
            Ok(FlowEvent::Done) => Ok(()),
            Ok(FlowEvent::Malformed(error)) => self.malformed_body(error),
            // Nothing more will come: the analysis goes on with what there is, and ends before a server is asked.
            Ok(FlowEvent::SourceClosed | FlowEvent::SourceFailed | FlowEvent::SinkFailed) => {
                self.client_gone = true;
                Ok(())
            }
            Err(Ring::Deadline) => {
                self.front.count(Stat::RequestErrors, 1);
                self.close = true;
                self.fail(Cause::ClientTimeout, 408)
            }
            Err(Ring::Kill(kill)) => self.killed(kill),
        }
    }

    /// Tells a client that waits for it to send its body, when the body is read before a server could say so.
    async fn continue_body(&mut self) -> Step<()> {
        let bodyless = matches!(self.facts.framing, Framing::None | Framing::Length(0));
        if !self.facts.expect_continue || self.request.version() != Version::Http11 || bodyless {
            return Ok(());
        }
        self.facts.expect_continue = false;
        self.request.remove_continue();
        self.log.bytes_out += Head::response(100, b"Continue", Version::Http11).counted_size();
        self.write_client(b"HTTP/1.1 100 Continue\r\n\r\n").await
    }

    /// The body's bytes break its framing before the request was forwarded.
    pub(super) fn malformed_body<T>(&mut self, error: BodyError) -> Step<T> {
        self.capture_body_error(error);
        self.front.count(Stat::RequestErrors, 1);
        self.close = true;
        self.fail(Cause::Proxy, 400)
    }

    /// A refusal that a client which closed its side is not told, although it is logged.
    pub(super) fn unheard_refusal<T>(&mut self) -> Step<T> {
        let reply = self.error_reply(400);
        self.log.status = Some(400);
        self.log.bytes_out += reply.head().counted_size() + super::reply::CLOSE_FIELD;
        if self.may_carry_body(reply.status) {
            self.log.bytes_out += reply.body.as_ref().len() as u64;
        }
        Err(Stop::Cut)
    }

    /// `early-hint`: one 103 a run of adjacent rules.
    pub(super) async fn send_early_hints(&mut self) -> Step<()> {
        let mut text = self.front.thread.take_text();
        for hints in std::mem::take(&mut self.effects.early_hints) {
            let mut head = Head::response(103, b"Early Hints", Version::Http11);
            for (name, value) in &hints {
                head.append(name, value);
            }
            self.log.bytes_out += head.counted_size();
            head.write(&mut text);
        }
        let written = self.write_client(&text).await;
        self.front.thread.give_text(text);
        written
    }

    /// Writes to the client, within its timeout.
    pub(super) async fn write_client(&mut self, bytes: &[u8]) -> Step<()> {
        self.alarm.set(after(self.now_ms(), self.client_timeout()));
        let mut at = 0;
        let written: Result<io::Result<()>, Ring> = poll_fn(|cx| {
            while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
                match self.client.poll_write(cx, &[IoSlice::new(rest)], false) {
                    Poll::Ready(Ok(n)) if n > 0 => at += n,
                    Poll::Ready(Ok(_)) => return Poll::Ready(Ok(Err(io::ErrorKind::WriteZero.into()))),
                    Poll::Ready(Err(error)) => return Poll::Ready(Ok(Err(error))),
                    Poll::Pending => return poll_ring(self.alarm, cx).map(Err),
                }
            }
            Poll::Ready(Ok(Ok(())))
        })
        .await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => {
                self.note(Cause::ClientAbort);
                Err(Stop::Cut)
            }
            Err(Ring::Deadline) => {
                self.note(Cause::ClientTimeout);
                Err(Stop::Cut)
            }
            Err(Ring::Kill(kill)) => self.killed(kill),
        }
    }

    /// `tarpit`: answers after `timeout tarpit`. The client's close is not looked at meanwhile.
    pub(super) async fn tarpit(&mut self, status: u16, reply: Option<Arc<Reply>>) -> Step<()> {
        self.front.count(Stat::DeniedRequests, 1);
        self.count_backend(Stat::DeniedRequests);
        self.side = ServerSide::Tarpit;
        let timeouts = &self.backend.as_ref().map_or(&self.front.proxy, |b| &b.config).timeouts;
        if let Some(timeout) = timeouts.tarpit {
            self.alarm.set(after(self.now_ms(), Some(timeout)));
            let ring = poll_fn(|cx| poll_ring(self.alarm, cx)).await;
            if let Ring::Kill(kill) = ring {
                return self.killed(kill);
            }
        }
        self.alarm.set(NEVER);
        self.log.timers.queue = Some(self.elapsed());
        self.note(Cause::Proxy);
        let reply = reply.unwrap_or_else(|| self.error_reply(status));
        self.log.status = Some(status);
        Err(Stop::Answer(reply))
    }
}

/// The alarm of a stream that is under way: a soft stop does not end it.
pub(super) fn poll_ring(alarm: &crate::timers::Alarm, cx: &Context<'_>) -> Poll<Ring> {
    loop {
        match alarm.poll(cx) {
            Poll::Ready(Ring::Kill(Kill::SoftStop)) => {}
            other => return other,
        }
    }
}
