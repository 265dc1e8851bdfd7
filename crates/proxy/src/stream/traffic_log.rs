//! The traffic log: one line a stream, one a refused request (haproxy-algorithms, part 8).

use super::Stream;
use crate::front::Front;
use http1::Head;
use log_format::{LogData, LogFormat};
use sample::{Cx, SessionView, StreamView};
use std::sync::Arc;

const INFO: u8 = 6;
const ERR: u8 = 3;

/// Writes the line of a stream that ends (or, with logasap, whose response begins).
pub(super) fn stream(stream: &mut Stream<'_>) {
    let front = std::rc::Rc::clone(&stream.front);
    let proxy = &front.proxy;
    if stream.effects.log_silent || !front.thread.control.loggers().wants(front.index) {
        return;
    }
    let Some(format) = &proxy.log.format else { return };
    let error = stream.log.redispatched
        || stream.log.termination.is_error()
        || stream.log.retries > 0
        || stream.log.status.is_some_and(|status| status >= 500);
    if proxy.options.dontlog_normal && !error {
        return;
    }
    let null = !stream.http && stream.flow.payload_total == 0 && stream.log.bytes_out == 0;
    if proxy.options.dontlognull && null && stream.log.bytes_in == 0 {
        return;
    }
    fill_counts(&front, &mut stream.log);
    stream.log.backend_connections = stream.backend.as_ref().map_or(0, |b| b.streams.current());
    let default = if error && proxy.options.log_separate_errors { ERR } else { INFO };
    let level = stream.effects.log_level.unwrap_or(default);
    let cx = Cx {
        session: stream.session,
        stream: &stream.view,
        request: stream.http.then_some(&*stream.request),
        response: stream.http.then_some(&*stream.response),
        request_payload: &[],
        response_payload: &[],
        complete: true,
        in_response: true,
        env: &front.thread.env,
    };
    send(&front, level, format, &stream.log, &cx);
}

/// Writes the line of a request that was refused before there was a stream.
pub(crate) fn refused(front: &Front, session: &SessionView, number: u32, mut data: LogData) {
    let proxy = &front.proxy;
    if !front.thread.control.loggers().wants(front.index) {
        return;
    }
    let Some(format) = proxy.log.error_format.as_ref().or(proxy.log.format.as_ref()) else { return };
    fill_counts(front, &mut data);
    let idle_us = data.timers.idle.unwrap_or(0) * 1000;
    let view = StreamView { number, request_at_us: data.accepted_at_us + idle_us, ..StreamView::default() };
    let level = if proxy.options.log_separate_errors { ERR } else { INFO };
    let cx = Cx {
        session,
        stream: &view,
        request: None::<&Head>,
        response: None,
        request_payload: &[],
        response_payload: &[],
        complete: true,
        in_response: false,
        env: &front.thread.env,
    };
    send(front, level, format, &data, &cx);
}

/// The line of a frontend without a log format: written when a session begins.
pub(crate) fn connected(front: &Front, session: &SessionView) {
    if !front.thread.control.loggers().wants(front.index) {
        return;
    }
    let end = |address: Option<std::net::SocketAddr>| {
        address.map_or_else(|| "unix:1".to_owned(), |a| format!("{}:{}", a.ip(), a.port()))
    };
    let mode = if front.proxy.mode == haproxy_config::runtime::Mode::Http { "HTTP" } else { "TCP" };
    let line =
        format!("Connect from {} to {} ({}/{mode})", end(session.src), end(session.dst), front.proxy.name);
    front.thread.control.loggers().send(front.index, INFO, line.as_bytes(), None);
}

/// The line of a connection that failed before its session began.
pub(crate) fn embryonic(front: &Front, session: &SessionView, reason: &str) {
    if !front.thread.control.loggers().wants(front.index) {
        return;
    }
    let mut data = LogData { accepted_at_us: session.accepted_at_us, ..LogData::default() };
    if front.proxy.log.error_format.is_some() {
        fill_counts(front, &mut data);
    }
    let view = StreamView { number: front.thread.process.next_stream_number(), ..StreamView::default() };
    let cx = Cx {
        session,
        stream: &view,
        request: None,
        response: None,
        request_payload: &[],
        response_payload: &[],
        complete: true,
        in_response: false,
        env: &front.thread.env,
    };
    let level = if front.proxy.options.log_separate_errors { ERR } else { INFO };
    if let Some(format) = &front.proxy.log.error_format {
        return send(front, level, format, &data, &cx);
    }
    let mut line = front.thread.take_text();
    front.error_prefix.render(&data, &cx, &mut line);
    line.extend_from_slice(reason.as_bytes());
    front.thread.control.loggers().send(front.index, level, &line, None);
    front.thread.give_text(line);
}

fn fill_counts(front: &Front, data: &mut LogData) {
    // HAPROXY: every line is marked, also one that was written at the end.
    data.as_soon_as_possible = front.proxy.options.logasap;
    data.active_connections = front.thread.process.connections();
    if let Some(state) = front.state() {
        data.frontend_connections = state.sessions.current();
        data.log_counter = state.log_lines.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

fn send(front: &Front, level: u8, format: &Arc<LogFormat>, data: &LogData, cx: &Cx<'_>) {
    let mut line = front.thread.take_text();
    format.render(data, cx, &mut line);
    let structured = front.proxy.log.sd_format.as_ref().map(|format| {
        let mut text = Vec::new();
        format.render(data, cx, &mut text);
        text
    });
    front.thread.control.loggers().send(front.index, level, &line, structured.as_deref());
    front.thread.give_text(line);
}
