//! The response's head: interim responses, rules, cookies, and how the client connection goes on (haproxy-stream 1.4, 1.5, 2.1).

use super::body::poll_ring;
use super::rules_on::On;
use super::{Step, Stop, Stream};
use crate::flow::Flow;
use crate::pool::ServerConnection;
use crate::state::Stat;
use crate::timers::{Ring, after};
use http1::{Facts, Framing, Version};
use log_format::termination::Cause;
use rules::{Cursor, Need, Verdict};
use sample::Captured;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

impl Stream<'_> {
    /// Sends an interim response on; false when it is a final one (101 is).
    pub(super) async fn pass_interim(&mut self, facts: &Facts) -> Step<bool> {
        let status = self.response.status();
        if status >= 200 || status == 101 {
            return Ok(false);
        }
        self.count_status(status);
        self.log.bytes_out += facts.counted_size;
        let mut text = self.front.thread.take_text();
        self.response.write(&mut text);
        self.adjust_case(&mut text);
        let written = self.write_client(&text).await;
        self.front.thread.give_text(text);
        written?;
        Ok(true)
    }

    /// Counts a response on its server.
    pub(super) fn count_status(&self, status: u16) {
        self.count_server(Stat::Requests);
        self.count_server(status_class(status));
    }

    /// Everything between the arrival of a final head and its departure. Of the body there is in `body` what came with the head; rules
    /// may wait for more of it.
    pub(super) async fn judge_response(
        &mut self,
        facts: &Facts,
        connection: &mut ServerConnection,
        body: &mut Flow,
    ) -> Step<()> {
        self.show_response();
        let status = self.response.status();
        self.log.timers.data = Some(self.elapsed());
        self.log.status = Some(status);
        self.view.server_status = status;
        self.view.response_version.extend_from_slice(self.response.version_text());
        self.count_status(status);
        self.log.bytes_out += facts.counted_size;
        let front = Rc::clone(&self.front);
        let backend = self.backend.clone();
        let other = backend.as_ref().map(|backend| &backend.config).filter(|b| b.index != front.index);
        self.capture_response_fields();
        for proxy in other.into_iter().chain([&front.proxy]) {
            self.response_set(&proxy.http_response, connection, body).await?;
        }
        self.capture_response_cookie();
        self.response_cookie();
        self.decide_client(facts);
        for proxy in other.into_iter().chain([&front.proxy]) {
            self.after_response_set(&proxy.http_after_response, body.pending_payload())?;
        }
        if self.response.status() != status {
            self.log.status = Some(self.response.status());
        }
        Ok(())
    }

    async fn response_set(
        &mut self,
        set: &rules::RuleSet,
        connection: &mut ServerConnection,
        body: &mut Flow,
    ) -> Step<()> {
        if set.is_empty() {
            return Ok(());
        }
        let mut cursor = Cursor::default();
        loop {
            match self.run_set(set, &mut cursor, On::Response, true, body.pending_payload()) {
                Verdict::Wait(Need::Body { timeout, at_least }) => {
                    self.wait_for_response_body(timeout, at_least, connection, body).await?;
                }
                verdict => return self.response_verdict(verdict).map_or(Ok(()), Err),
            }
        }
    }

    fn after_response_set(&mut self, set: &rules::RuleSet, received: &[u8]) -> Step<()> {
        if set.is_empty() {
            return Ok(());
        }
        let verdict = self.run_set(set, &mut Cursor::default(), On::Response, true, received);
        self.response_verdict(verdict).map_or(Ok(()), Err)
    }

    /// `http-response wait-for-body`: the request goes on meanwhile. What ends the body early is left to the relay.
    async fn wait_for_response_body(
        &mut self,
        timeout: Duration,
        at_least: u64,
        connection: &mut ServerConnection,
        body: &mut Flow,
    ) -> Step<()> {
        let global = &self.front.thread.world.config.global;
        let room = global.bufsize.saturating_sub(global.maxrewrite);
        self.alarm.set(after(self.now_ms(), Some(timeout)));
        let ring = poll_fn(|cx| {
            let now = crate::clock::now_ms();
            // Its end and its failures are told again when the relay asks.
            let _ = self.flow.poll(cx, self.client, &mut connection.io, now);
            let ended = body.poll_receive(cx, &mut connection.io, now).is_ready();
            let enough = body.pending_payload().len() >= room
                || body.is_full()
                || (at_least > 0 && body.payload_total >= at_least);
            if ended || enough {
                return Poll::Ready(None);
            }
            poll_ring(self.alarm, cx).map(Some)
        })
        .await;
        match ring {
            None => Ok(()),
            Some(Ring::Deadline) => self.fail(Cause::ServerTimeout, 504),
            Some(Ring::Kill(kill)) => self.killed(kill),
        }
    }

    fn capture_response_fields(&mut self) {
        let captures = &self.front.proxy.captures;
        if !captures.response.is_empty() {
            let mut captured = self.view.captured.borrow_mut();
            for (index, (name, length)) in captures.response.iter().enumerate() {
                if let (false, Some(value)) = (name.is_empty(), self.response.values(name).next_back()) {
                    let value = value.get(..*length).unwrap_or(value);
                    Captured::fill(&mut captured.response, index, value);
                }
            }
        }
    }

    /// Whether the client connection closes after this response.
    fn decide_client(&mut self, facts: &Facts) {
        let bare = match facts.framing {
            Framing::UntilClose => true,
            // A rule removed what framed the body.
            Framing::Length(_) | Framing::Chunked => {
                self.response.value(b"content-length").is_none()
                    && self.response.value(b"transfer-encoding").is_none()
            }
            // HAPROXY: a 204 that announced a body.
            Framing::None => facts.framed_204,
        };
        let httpclose = self.front.proxy.options.httpclose;
        let old_chunked = self.response.version() == Version::Http10 && facts.ambiguous;
        self.close |= bare || httpclose || old_chunked || self.front.thread.stopping();
    }

    /// The head as it is sent to the client. `upgrades`: the connection field is the server's.
    pub(super) fn response_bytes(&mut self, upgrades: bool) -> Vec<u8> {
        let mut out = self.front.thread.take_text();
        self.response.write_fields(&mut out);
        if !upgrades {
            self.write_connection(&mut out);
        }
        out.extend_from_slice(b"\r\n");
        self.adjust_case(&mut out);
        out
    }

    /// `option h1-case-adjust-bogus-client`
    pub(super) fn adjust_case(&self, head: &mut [u8]) {
        if self.front.proxy.options.h1_case_adjust_client {
            self.front.thread.world.config.global.case_map.adjust_head(head);
        }
    }

    /// The field that tells the client how its connection goes on.
    pub(super) fn write_connection(&self, out: &mut Vec<u8>) {
        let (request, response) = (self.request.version(), self.response.version());
        match self.close {
            true if response == Version::Http11 => out.extend_from_slice(b"connection: close\r\n"),
            false if request == Version::Http10 || response == Version::Http10 => {
                out.extend_from_slice(b"connection: keep-alive\r\n");
            }
            _ => {}
        }
    }

    /// A stop in the after-response rules of a local answer is a failure of those rules.
    pub(super) fn after_response_of_answer(&mut self) -> Result<(), Stop> {
        let front = Rc::clone(&self.front);
        let backend = self.backend.clone();
        let other = backend.as_ref().map(|backend| &backend.config).filter(|b| b.index != front.index);
        for proxy in other.into_iter().chain([&front.proxy]) {
            self.after_response_set(&proxy.http_after_response, &[])?;
        }
        Ok(())
    }
}

/// The counter of a status.
pub(super) fn status_class(status: u16) -> Stat {
    match status {
        100..=199 => Stat::Status1xx,
        200..=299 => Stat::Status2xx,
        300..=399 => Stat::Status3xx,
        400..=499 => Stat::Status4xx,
        500..=599 => Stat::Status5xx,
        _ => Stat::StatusOther,
    }
}
