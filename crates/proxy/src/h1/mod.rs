//! The HTTP/1 mux of client connections: heads are read and parsed, each becomes a stream, refusals are answered here.

mod refuse;

use crate::buffer::Buffer;
use crate::flow::Flow;
use crate::session::{After, Session, wall_us};
use crate::stream::{Ended, Stream};
use crate::timers::{Kill, Ring, after};
use http1::{Decoder, Facts, Head, Refusal, parse_request};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// How the wait for a request ended.
enum Arrival {
    /// A head, in the [`Head`] that was handed in.
    Request(Facts),
    /// Bytes that are no request.
    Refused(Refusal),
    /// The client closed, after so many bytes of a head.
    Closed,
    /// Time is over.
    TimedOut,
    /// The connection is to end without a word.
    Quit,
    /// Nothing has arrived yet: the wait goes on without a buffer.
    Nothing,
}

/// Serves requests until nothing more of the client is buffered.
pub(crate) async fn serve(session: &mut Session) -> After {
    let mut buffer = session.first_buffer();
    let mut view = session.view();
    let after = loop {
        let thread = std::rc::Rc::clone(&session.front.thread);
        let mut head = thread.take_head();
        // A pipelined request was there before: its first byte arrived at the time origin.
        let mut first_byte_ms = (!buffer.is_empty()).then_some(session.origin_ms);
        match read_head(session, &mut buffer, &mut head, &mut first_byte_ms).await {
            Arrival::Request(facts) => {
                view.accepted_at_us = session.origin_us;
                let idle_ms = idle(session, first_byte_ms);
                // What came with the head is judged with it.
                let judge = Decoder::new(facts.framing);
                if let Err(error) = judge.check(buffer.data().get(facts.size..).unwrap_or_default()) {
                    let refusal = Refusal { status: 400, at: facts.size + error.at, state: error.state };
                    refuse::malformed(session, &view, &buffer, refusal, idle_ms).await;
                    break After::Close;
                }
                buffer.consume(facts.size);
                let body = Flow::new(facts.framing, buffer, Vec::new(), 0);
                let mut stream = Stream::new(session, &mut view, head, facts, body, idle_ms);
                let ended = pin!(stream.run()).await;
                stream.retire();
                match ended {
                    Ended::Keep(rest) => {
                        session.requests = session.requests.saturating_add(1);
                        session.restart_clock(crate::clock::now_ms());
                        match rest {
                            Some(rest) if !rest.is_empty() => buffer = rest,
                            _ => break After::Idle,
                        }
                    }
                    Ended::Close => break After::Close,
                    Ended::Vanish => {
                        session.vanish().await;
                        break After::Close;
                    }
                }
            }
            Arrival::Quit => break After::Close,
            Arrival::Nothing => break After::Idle,
            Arrival::Refused(refusal) => {
                refuse::malformed(session, &view, &buffer, refusal, idle(session, first_byte_ms)).await;
                break After::Close;
            }
            Arrival::Closed => {
                if session.requests == 0 || !buffer.is_empty() {
                    refuse::closed(session, &view, !buffer.is_empty(), idle(session, first_byte_ms)).await;
                }
                break After::Close;
            }
            Arrival::TimedOut => {
                let silent = buffer.is_empty()
                    && (session.requests > 0 || session.front.proxy.options.http_ignore_probes);
                if !silent {
                    refuse::timed_out(session, &view, !buffer.is_empty(), idle(session, first_byte_ms)).await;
                }
                break After::Close;
            }
        }
    };
    session.take_back(view);
    after
}

/// Time from the origin to the first byte of a request.
fn idle(session: &Session, first_byte_ms: Option<u64>) -> u64 {
    first_byte_ms.unwrap_or(session.origin_ms).saturating_sub(session.origin_ms)
}

/// Reads until a head is complete. `first_byte_ms` is set when the first byte arrives.
async fn read_head(
    session: &mut Session,
    buffer: &mut Buffer,
    head: &mut Head,
    first_byte_ms: &mut Option<u64>,
) -> Arrival {
    let front = std::rc::Rc::clone(&session.front);
    let timeouts = &front.proxy.timeouts;
    let mut last_read_ms = session.origin_ms;
    loop {
        if !buffer.is_empty() {
            match parse_request(buffer.data(), &front.limits, head) {
                Ok(Some(facts)) => return Arrival::Request(facts),
                Ok(None) => {}
                Err(refusal) => return Arrival::Refused(refusal),
            }
            buffer.compact();
        }
        let deadline = match *first_byte_ms {
            Some(first) => after(first, timeouts.http_request).min(after(last_read_ms, timeouts.client)),
            None if session.requests == 0 => {
                after(session.origin_ms, timeouts.http_request).min(after(session.origin_ms, timeouts.client))
            }
            None => after(
                session.origin_ms,
                timeouts.http_keep_alive.or(timeouts.http_request).or(timeouts.client),
            ),
        };
        session.alarm.set(deadline);
        let waiting_for_first = first_byte_ms.is_none();
        let read = poll_fn(|cx| {
            if let Poll::Ready(read) = session.io.poll_read(cx, buffer) {
                return Poll::Ready(Ok(read));
            }
            match session.alarm.poll(cx) {
                Poll::Ready(Ring::Kill(Kill::SoftStop)) if !waiting_for_first || session.requests == 0 => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Ready(ring) => Poll::Ready(Err(Some(ring))),
                Poll::Pending if waiting_for_first => Poll::Ready(Err(None)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        match read {
            Ok(Ok(0)) | Ok(Err(_)) => return Arrival::Closed,
            Ok(Ok(_)) => {
                last_read_ms = crate::clock::now_ms();
                first_byte_ms.get_or_insert(last_read_ms);
            }
            Err(None) => return Arrival::Nothing,
            Err(Some(Ring::Deadline)) => return Arrival::TimedOut,
            Err(Some(Ring::Kill(_))) => return Arrival::Quit,
        }
    }
}

/// The wall-clock time of now, for logs of refusals.
pub(crate) fn now_us() -> u64 {
    wall_us()
}
