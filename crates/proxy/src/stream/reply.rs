//! Answers that the proxy makes itself, and what follows them on the client connection.

use super::{Ended, Stream};
use crate::flow::FlowEvent;
use crate::timers::{Ring, after};
use rules::Reply;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How long a client is read after an answer that closes its connection, so that a reset does not overtake the answer.
const LINGER: Duration = Duration::from_secs(1);

/// What the field `connection: close` counts in logs.
pub(super) const CLOSE_FIELD: u64 = 15;

/// [`Ended`] without the bytes of the next request.
pub(super) enum AnswerEnd {
    Keep,
    /// What the client still sends of its request must be read first.
    Drain,
    Close,
    Vanish,
}

impl Stream<'_> {
    /// Whether a response of this status to this request carries a body (RFC 9110, 6.4.1).
    pub(super) fn may_carry_body(&self, status: u16) -> bool {
        self.request.method() != b"HEAD" && !matches!(status, 204 | 304)
    }

    /// Sends an answer. Then the client connection goes on: an unread body is read and dropped first.
    pub(super) async fn answer(&mut self, reply: Arc<Reply>) -> AnswerEnd {
        self.free_slot();
        if reply.is_empty() {
            return AnswerEnd::Close;
        }
        self.load_answer(&reply);
        if self.after_response_of_answer().is_err() {
            self.load_answer(&Reply::builtin(500));
            self.log.status = Some(500);
        }
        // HAPROXY: two of the built-in pages say themselves that the connection closes.
        let closing = reply.close
            || (matches!(reply.status, 400 | 408) && Arc::ptr_eq(&reply, &Reply::builtin(reply.status)));
        self.close |= closing || self.front.proxy.options.httpclose || self.front.thread.stopping();
        let body = reply.body.as_ref();
        let unframed = self.response.value(b"content-length").is_none() && !body.is_empty();
        self.close |= unframed;
        self.log.bytes_out += self.response.counted_size();
        if closing {
            self.log.bytes_out += CLOSE_FIELD;
        }
        if self.response.status() == 204 && self.response.remove(b"content-length") > 0 {
            // HAPROXY: a 204 that announced a body closes the connection.
            self.close = true;
        }
        let mut out = self.front.thread.take_text();
        self.response.write_fields(&mut out);
        self.write_connection(&mut out);
        out.extend_from_slice(b"\r\n");
        self.adjust_case(&mut out);
        if self.may_carry_body(reply.status) {
            self.log.bytes_out += body.len() as u64;
            out.extend_from_slice(body);
        }
        let written = self.write_client(&out).await;
        self.front.thread.give_text(out);
        self.log.timers.close = self.elapsed();
        match written {
            Err(super::Stop::Vanish) => AnswerEnd::Vanish,
            Err(_) => AnswerEnd::Close,
            Ok(()) if self.flow.is_received() && !self.close => AnswerEnd::Keep,
            Ok(()) => AnswerEnd::Drain,
        }
    }

    fn load_answer(&mut self, reply: &Reply) {
        *self.response = reply.head();
    }

    /// Reads the rest of the request.
    pub(super) async fn drain(&mut self) -> AnswerEnd {
        let limit = if self.close {
            self.client.shut_down_write();
            Some(self.client_timeout().map_or(LINGER, |timeout| timeout.min(LINGER)))
        } else {
            self.client_timeout()
        };
        if self.close && self.flow.is_received() {
            return AnswerEnd::Close;
        }
        self.flow.discard();
        self.alarm.set(after(self.now_ms(), limit));
        let drained = poll_fn(|cx| {
            let now = crate::clock::now_ms();
            match self.flow.poll_receive(cx, self.client, now) {
                Poll::Ready(event) => Poll::Ready(matches!(event, FlowEvent::Done)),
                Poll::Pending => {
                    if limit.is_some() && self.flow.read_at == now {
                        self.alarm.set(after(now, limit));
                    }
                    super::body::poll_ring(self.alarm, cx).map(|ring| match ring {
                        Ring::Deadline | Ring::Kill(_) => false,
                    })
                }
            }
        })
        .await;
        if drained && !self.close { AnswerEnd::Keep } else { AnswerEnd::Close }
    }

    /// How the client connection goes on after a relayed response.
    pub(super) fn after_relay(&self) -> AnswerEnd {
        if self.close { AnswerEnd::Close } else { AnswerEnd::Keep }
    }
}

impl AnswerEnd {
    /// With what the client has sent beyond the request.
    pub(super) fn with_rest(self, stream: &mut Stream<'_>) -> Ended {
        match self {
            Self::Keep => Ended::Keep(stream.take_rest()),
            Self::Drain | Self::Close => Ended::Close,
            Self::Vanish => Ended::Vanish,
        }
    }
}
