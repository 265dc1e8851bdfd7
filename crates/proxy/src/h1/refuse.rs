//! Answers to what is no request: malformed heads, timeouts and closes before a head is complete (haproxy-stream, part 6).
//!
//! They are written as they are, in the mux's own spelling of the fields, pass no rules and close the connection. An empty
//! errorfile of the frontend suppresses the answer, not the log line.

use crate::buffer::Buffer;
use crate::h1::now_us;
use crate::session::Session;
use crate::state::Stat;
use crate::stream::traffic_log;
use crate::streams::ErrorCapture;
use crate::timers::after;
use http1::Refusal;
use log_format::LogData;
use log_format::termination::{Cause, Phase};
use rules::Reply;
use sample::SessionView;
use std::future::poll_fn;
use std::io::IoSlice;
use std::task::Poll;

/// A head that must not be forwarded.
pub(super) async fn malformed(
    session: &mut Session,
    view: &SessionView,
    buffer: &Buffer,
    refusal: Refusal,
    idle_ms: u64,
) {
    let front = &session.front;
    front.thread.process.capture_error(ErrorCapture {
        event: 0,
        at_us: now_us(),
        proxy: front.index,
        in_response: false,
        peer: None,
        server: None,
        src: session.addresses.src(),
        bytes: buffer.data().to_vec(),
        free: buffer.capacity() - buffer.len(),
        at: refusal.at,
        state: refusal.state,
    });
    front.count(Stat::RequestErrors, 1);
    let cause = if session.io.is_read_out() { Cause::ClientAbort } else { Cause::Proxy };
    end(session, view, refusal.status, cause, Some(idle_ms)).await;
}

/// The client closed before a head was complete.
pub(super) async fn closed(session: &mut Session, view: &SessionView, received: bool, idle_ms: u64) {
    if received {
        session.front.count(Stat::RequestErrors, 1);
    }
    end(session, view, 400, Cause::ClientAbort, received.then_some(idle_ms)).await;
}

/// The head did not arrive in time.
pub(super) async fn timed_out(session: &mut Session, view: &SessionView, received: bool, idle_ms: u64) {
    session.front.count(Stat::RequestErrors, 1);
    end(session, view, 408, Cause::ClientTimeout, received.then_some(idle_ms)).await;
}

async fn end(session: &mut Session, view: &SessionView, status: u16, cause: Cause, idle_ms: Option<u64>) {
    let received = idle_ms.is_some();
    let front = std::rc::Rc::clone(&session.front);
    let null = !received && front.proxy.options.dontlognull;
    let ignored = !received && front.proxy.options.http_ignore_probes;
    let answered = !ignored && answer(session, status).await;
    front.count(Stat::Requests, 1);
    front.count(Stat::Status4xx, 1);
    front.thread.process.cumulated_requests.add(front.thread.index, 1);
    if let Some(state) = front.state() {
        state.request_rate.hit(crate::clock::now_ms());
    }
    let number = front.thread.process.next_stream_number();
    if !null && !ignored {
        log(session, view, number, status, cause, idle_ms);
    }
    if answered {
        // Without this, bytes of the client that were not read would turn the close into a reset that overtakes the answer.
        session.io.shut_down_write();
        drain(session).await;
    }
}

fn log(session: &Session, view: &SessionView, number: u32, status: u16, cause: Cause, idle_ms: Option<u64>) {
    let mut data = LogData { accepted_at_us: session.origin_us, status: Some(status), ..LogData::default() };
    data.timers.idle = idle_ms;
    data.timers.close = crate::clock::now_ms().saturating_sub(session.origin_ms);
    data.termination.note(cause, Phase::Request);
    traffic_log::refused(&session.front, view, number, data);
}

/// Sends the page of a status in the mux's spelling. False when an empty errorfile suppresses it.
async fn answer(session: &mut Session, status: u16) -> bool {
    if session.front.proxy.errors.get(&status).is_some_and(|reply| reply.is_empty()) {
        return false;
    }
    let bytes = page(status);
    let timeout = session.front.proxy.timeouts.client;
    session.alarm.set(after(crate::clock::now_ms(), timeout));
    let mut at = 0;
    poll_fn(|cx| {
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match session.io.poll_write(cx, &[IoSlice::new(rest)], false) {
                Poll::Ready(Ok(n)) if n > 0 => at += n,
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return session.alarm.poll(cx).map(|_| ()),
            }
        }
        Poll::Ready(())
    })
    .await;
    true
}

/// Takes what the client still sends, for a short while, so that it reads the answer.
async fn drain(session: &mut Session) {
    const LINGER_MS: u64 = 1000;
    session.alarm.set(crate::clock::now_ms() + LINGER_MS);
    let mut buffer = Buffer::take();
    poll_fn(|cx| {
        loop {
            let n = buffer.len();
            buffer.consume(n);
            match session.io.poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(n)) if n > 0 => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return session.alarm.poll(cx).map(|_| ()),
            }
        }
    })
    .await;
}

fn page(status: u16) -> Vec<u8> {
    let reply = Reply::builtin(status);
    let body = reply.body.as_ref();
    let mut page = Vec::with_capacity(256 + body.len());
    page.extend_from_slice(b"HTTP/1.1 ");
    http1::write_decimal(u64::from(reply.status), &mut page);
    page.push(b' ');
    page.extend_from_slice(&reply.reason);
    page.extend_from_slice(b"\r\nContent-length: ");
    http1::write_decimal(body.len() as u64, &mut page);
    page.extend_from_slice(b"\r\nCache-Control: no-cache\r\n");
    // HAPROXY: these pages do not say that the connection closes, although it does.
    if !matches!(status, 413 | 422) {
        page.extend_from_slice(b"Connection: close\r\n");
    }
    page.extend_from_slice(b"Content-Type: text/html\r\n\r\n");
    page.extend_from_slice(body);
    page
}
