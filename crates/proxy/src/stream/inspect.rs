//! `tcp-response content` and `tcp-response inspect-delay`: rules on the first bytes of a server.
//!
//! Without a delay the rules are evaluated once, when the connection is there and nothing has come over it. With one they wait for
//! what they ask about, at most that long; in HTTP that is the response's head. A stream without such rules pays one test.

use super::body::poll_ring;
use super::rules_on::On;
use super::{Step, Stop, Stream};
use crate::buffer::Buffer;
use crate::flow::Flow;
use crate::pool::ServerConnection;
use crate::timers::{NEVER, Ring, after};
use crate::transport::Transport;
use http1::Facts;
use log_format::termination::{Cause, Phase, ServerSide};
use rules::{Cursor, Need, Verdict};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// How far the rules are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inspection {
    /// They need more, and wait for it until this time.
    Open(u64),
    /// They let the response pass.
    Passed,
    /// `close`: the server's connection ends here.
    Close,
}

impl Inspection {
    /// When the wait is over.
    pub(super) fn until(self) -> u64 {
        match self {
            Self::Open(until) => until,
            Self::Passed | Self::Close => NEVER,
        }
    }

    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Open(_))
    }

    pub(super) fn closes(self) -> bool {
        self == Self::Close
    }
}

impl Stream<'_> {
    /// The connection is there, nothing has come over it. The request is on its way before the rules are asked.
    pub(super) async fn begin_inspection(
        &mut self,
        connection: &mut ServerConnection,
        sent: &mut bool,
    ) -> Step<Inspection> {
        let Some(backend) = &self.backend else { return Ok(Inspection::Passed) };
        if backend.config.tcp_rules.response_content.is_empty() {
            return Ok(Inspection::Passed);
        }
        let delay = backend.config.tcp_rules.response_inspect_delay;
        *sent = poll_fn(|cx| {
            let now = crate::clock::now_ms();
            Poll::Ready(self.flow.poll(cx, self.client, &mut connection.io, now).is_ready())
        })
        .await
            && self.flow.is_done();
        let until = after(self.now_ms(), delay);
        self.ask_server_rules(On::ServerBytes, delay.is_none(), &[], until)
    }

    /// The delay is over; `head` tells whether the response's head is there.
    pub(super) fn end_inspection(&mut self, head: bool) -> Step<Inspection> {
        self.ask_server_rules(if head { On::Response } else { On::ServerBytes }, true, &[], NEVER)
    }

    /// The response's head came in time. Rules that still wait do so until the delay is over.
    pub(super) async fn inspect_head(
        &mut self,
        facts: &Facts,
        received: &Buffer,
        inspection: Inspection,
    ) -> Step<Inspection> {
        let mut judged = self.ask_server_rules(On::Response, false, &[], inspection.until());
        if judged.is_err() {
            self.log.status = Some(self.response.status());
        }
        if let Ok(Inspection::Open(until)) = judged {
            self.alarm.set(until);
            judged = match poll_fn(|cx| poll_ring(self.alarm, cx)).await {
                Ring::Deadline => self.end_inspection(true),
                Ring::Kill(kill) => self.killed(kill),
            };
        }
        if judged.is_err() {
            let body = received.len().saturating_sub(facts.size) as u64;
            self.log.bytes_out += facts.counted_size + body;
        }
        // What a `close` would cut off is here already.
        judged.map(|_| Inspection::Passed)
    }

    fn ask_server_rules(&mut self, on: On, complete: bool, received: &[u8], until: u64) -> Step<Inspection> {
        let Some(config) = self.backend.as_ref().map(|b| Arc::clone(&b.config)) else {
            return Ok(Inspection::Passed);
        };
        let set = &config.tcp_rules.response_content;
        match self.run_set(set, &mut Cursor::default(), on, complete, received) {
            Verdict::Wait(Need::Data) => Ok(Inspection::Open(until)),
            Verdict::CloseServer => Ok(Inspection::Close),
            Verdict::SilentDrop { .. } => {
                self.count_denied_request();
                self.log.termination.note(Cause::Proxy, Phase::Request);
                Err(Stop::Vanish)
            }
            Verdict::Continue | Verdict::Allow | Verdict::Wait(Need::Body { .. }) => Ok(Inspection::Passed),
            _ => {
                self.count_denied_response();
                self.side = ServerSide::Data;
                self.note(Cause::Proxy);
                self.free_slot();
                Err(Stop::Cut)
            }
        }
    }

    /// TCP: the same on the server's bytes, while the client's go up. True when the stream ends here without an error.
    pub(super) async fn inspect_server(&mut self, io: &mut Transport, response: &mut Flow) -> Step<bool> {
        let Some(config) = self.backend.as_ref().map(|b| Arc::clone(&b.config)) else { return Ok(false) };
        if config.tcp_rules.response_content.is_empty() {
            return Ok(false);
        }
        let delay = config.tcp_rules.response_inspect_delay;
        let until = after(self.now_ms(), delay);
        let mut complete = delay.is_none();
        loop {
            let judged = self.ask_server_rules(On::ServerBytes, complete, response.pending_payload(), until);
            match judged {
                Ok(Inspection::Passed) => return Ok(false),
                Ok(Inspection::Open(_)) if !complete => {}
                Ok(Inspection::Open(_)) => return Ok(false),
                Ok(Inspection::Close) => {
                    self.log.bytes_out += response.payload_total;
                    return Ok(true);
                }
                Err(stop) => {
                    self.log.bytes_out += response.payload_total;
                    return Err(stop);
                }
            }
            let had = response.payload_total;
            self.alarm.set(until);
            let ring = poll_fn(|cx| {
                let now = crate::clock::now_ms();
                // Its end and its failures are told again when the tunnel asks.
                let _ = self.flow.poll(cx, self.client, io, now);
                let ended = response.poll_receive(cx, io, now).is_ready() || response.is_full();
                if ended || response.payload_total > had {
                    return Poll::Ready(Ok(ended));
                }
                poll_ring(self.alarm, cx).map(Err)
            })
            .await;
            complete = match ring {
                Ok(ended) => ended,
                Err(Ring::Deadline) => true,
                Err(Ring::Kill(kill)) => return self.killed(kill),
            };
        }
    }
}
