//! The exchange with a server: the request goes out, interim responses pass, the response's head is judged and its body relayed;
//! both directions at once.

use super::body::poll_ring;
use super::{Side, Step, Stop, Stream};
use crate::buffer::Buffer;
use crate::flow::{Flow, FlowEvent, SourceGone};
use crate::pool::ServerConnection;
use crate::state::Stat;
use crate::streams::ErrorCapture;
use crate::timers::{Kill, NEVER, Ring, after};
use haproxy_config::runtime::Reuse;
use health::TrafficError;
use http1::{BodyError, Facts, Framing, Limits, Refusal, RequestContext, Version, parse_response};
use log_format::termination::{Cause, Phase, ServerSide};
use std::future::poll_fn;
use std::task::{Poll, ready};

/// What the wait for a response's head came to.
pub(super) enum Awaited {
    Head(Facts),
    Refused(Refusal),
    /// The server closed or reset the connection.
    ServerGone,
    /// The request's body failed.
    Request(FlowEvent),
    /// `option abortonclose`: the client closed.
    ClientGone(SourceGone),
    ServerTimedOut,
    /// The server did not take the request in time.
    ServerBlocked,
    ClientTimedOut,
    /// `tcp-response inspect-delay` is over.
    InspectionOver,
    Killed(Kill),
}

impl Awaited {
    /// What it says about the server's health, when that is nothing good.
    fn traffic_error(&self, buffer: &Buffer) -> Option<TrafficError> {
        match self {
            Self::Refused(_) => Some(TrafficError::InvalidResponse),
            Self::ServerGone if buffer.is_empty() => Some(TrafficError::ReadError),
            Self::ServerGone => Some(TrafficError::InvalidResponse),
            Self::ServerTimedOut => Some(TrafficError::ReadTimeout),
            _ => None,
        }
    }
}

/// What the relay of the bodies came to.
enum Relayed {
    Complete,
    Response(FlowEvent),
    Request(FlowEvent),
    /// The server did not send in time.
    ServerReadTimedOut,
    /// The server did not take in time.
    ServerWriteTimedOut,
    /// The client did not take in time.
    ClientWriteTimedOut,
    /// The client did not send in time.
    ClientReadTimedOut,
    Killed(Kill),
}

/// Whether the exchange is over.
enum Progress {
    Over,
    /// The request is to be sent again: the connection from the pool was dead, or `retry-on` asks for it.
    Again,
}

impl Stream<'_> {
    /// From the analysed request to the end of the relay.
    pub(super) async fn reach_and_relay(&mut self) -> Step<()> {
        loop {
            let connection = self.reach_server().await?;
            match self.converse(connection).await? {
                Progress::Over => return Ok(()),
                Progress::Again => {}
            }
        }
    }

    async fn converse(&mut self, mut connection: ServerConnection) -> Step<Progress> {
        self.queue_request(&connection);
        // A rule took the framing: the server is not sent the body, and has taken all that it was to take.
        let without_body = self.flow.is_discarding();
        others_first().await;
        let mut buffer = Buffer::take_double();
        let mut sent = false;
        let mut inspection = self.begin_inspection(&mut connection, &mut sent).await?;
        let facts = loop {
            if inspection.closes() {
                return self.no_head(Awaited::ServerGone, &buffer);
            }
            match self.await_head(&mut connection, &mut buffer, &mut sent, inspection.until()).await {
                Awaited::InspectionOver => inspection = self.end_inspection(false)?,
                Awaited::Head(facts) => {
                    if inspection.is_open() {
                        inspection = self.inspect_head(&facts, &buffer, inspection).await?;
                    }
                    buffer.consume(facts.size);
                    if self.pass_interim(&facts).await? {
                        continue;
                    }
                    if self.repeats_on_status() {
                        self.observe_status();
                        self.drop_response(connection, &facts, buffer, sent);
                        self.repeat();
                        return Ok(Progress::Again);
                    }
                    break facts;
                }
                other if self.repeats_on(&other, &buffer) => {
                    if let Some(error) = other.traffic_error(&buffer) {
                        self.observe_error(error);
                    }
                    if matches!(other, Awaited::ServerGone) {
                        self.response_error();
                    }
                    if let Awaited::Refused(refusal) = other {
                        self.capture_response(refusal, &buffer);
                    }
                    self.repeat();
                    return Ok(Progress::Again);
                }
                Awaited::ServerGone if buffer.is_empty() && connection.reused && self.is_repeatable() => {
                    self.count_server(Stat::Retries);
                    self.count_backend(Stat::Retries);
                    return Ok(Progress::Again);
                }
                other => {
                    connection.io.clean = matches!(other, Awaited::ServerGone);
                    if matches!(other, Awaited::ClientTimedOut) {
                        // HAPROXY: what the client owes will not come, which the server learns before the reset.
                        connection.io.shut_down_write();
                    }
                    if let Some(error) = other.traffic_error(&buffer) {
                        // HAPROXY: the line of a server that goes down counts this stream only when it had a response.
                        if !matches!(other, Awaited::Refused(_)) {
                            self.free_slot();
                        }
                        self.observe_error(error);
                    }
                    return self.no_head(other, &buffer);
                }
            }
        };
        if sent && !self.flow.is_done() {
            // The server answered and takes no more of the request. The rest of it is still the request's, not another one.
            self.flow.discard();
            self.close = true;
            sent = false;
        }
        let mut response = Flow::new(facts.framing, buffer, Vec::new(), self.now_ms());
        // What came with the head is judged with it: a body that is broken from the start is an invalid response.
        if let Err(error) = response.decode() {
            self.observe_error(TrafficError::InvalidResponse);
            self.free_slot();
            self.capture_response_body(error, &response);
            self.response_error();
            return self.fail(Cause::Proxy, 502);
        }
        self.observe_status();
        let verdict = self.judge_response(&facts, &mut connection, &mut response).await;
        let close_server = self.must_close_server(&facts);
        if let Err(stop) = verdict {
            self.log.bytes_out += response.payload_total + response.trailer_total;
            if response.is_received() && sent {
                let surplus = !response.undecoded().is_empty();
                self.release(connection, close_server || surplus);
            }
            return Err(stop);
        }
        if matches!(self.response.status(), 101)
            || (facts.framing == Framing::UntilClose && self.is_connect_tunnel())
        {
            let head = self.response_bytes(true);
            response.rewind(head);
            self.flow.become_tunnel();
            self.flow.set_splice(self.splice(Side::Request));
            response.set_splice(self.splice(Side::Response));
            self.close = true;
            self.tunnel(&mut connection.io, response).await?;
            connection.io.clean = true;
            return Ok(Progress::Over);
        }
        let head = self.response_bytes(facts.upgrade_token);
        response.rewind(head);
        if self.front.proxy.options.h1_case_adjust_client {
            response.adjust_trailers(&self.front.thread.world.config.global.case_map);
        }
        response.set_chunked(self.response.value(b"transfer-encoding").is_some());
        response.set_last(self.close);
        if !response.is_received() {
            response.set_splice(self.splice(Side::Response));
        }
        self.side = ServerSide::Data;
        if self.front.proxy.options.logasap {
            let before = self.log.bytes_out;
            self.log.bytes_out += response.payload_total;
            self.log_early();
            self.log.bytes_out = before;
        }
        let relayed = self.relay(&mut connection, &mut response, facts.framing, sent).await;
        connection.io.clean = match relayed {
            Relayed::Response(FlowEvent::SourceClosed | FlowEvent::SourceFailed) => true,
            Relayed::ClientReadTimedOut => {
                connection.io.shut_down_write();
                false
            }
            Relayed::ServerReadTimedOut => false,
            _ => facts.framing == Framing::UntilClose,
        };
        self.log.bytes_out += response.payload_total + response.trailer_total;
        self.relay_ended(relayed, &response, facts.framing)?;
        self.log.timers.close = self.elapsed();
        let (rest, text) = response.into_parts();
        self.front.thread.give_text(text);
        // Bytes after the response belong to nothing: the connection is out of step.
        let surplus = rest.is_some_and(|rest| !rest.is_empty());
        // A server that did not take the whole request cannot take another one.
        let refused = self.flow.is_discarding() && !without_body;
        self.release(connection, close_server || surplus || refused);
        Ok(Progress::Over)
    }

    /// Whether the request can be sent again without harm: it has no body and repeating it changes nothing.
    fn is_repeatable(&self) -> bool {
        self.facts.framing == Framing::None
            && matches!(self.request.method(), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"PUT" | b"DELETE")
    }

    fn is_connect_tunnel(&self) -> bool {
        self.request.method() == b"CONNECT" && matches!(self.response.status(), 200..=299)
    }

    /// Puts the request's head in front of its body.
    fn queue_request(&mut self, connection: &ServerConnection) {
        let mut out = self.flow.recycle_prefix();
        if out.capacity() == 0 {
            out = self.front.thread.take_text();
        }
        if let (false, Some(server)) = (connection.reused, &self.server) {
            let header = self.proxy_header(server);
            out.extend_from_slice(&header);
        }
        let name_header = self.backend.as_ref().and_then(|b| b.config.send_name_header.clone());
        if let Some(name) = &name_header {
            self.request.remove(name);
        }
        if self.request.value(b"te").is_some() {
            self.request.keep_te_trailers();
        }
        let start = out.len();
        self.request.write_fields(&mut out);
        let framed = self.request.value(b"content-length").is_some()
            || self.request.value(b"transfer-encoding").is_some();
        if self.facts.framing != Framing::None && !framed {
            // A rule removed the framing: the body goes nowhere.
            self.flow.discard_payload();
            out.extend_from_slice(b"content-length: 0\r\n");
        }
        let pretend = self.backend.as_ref().is_some_and(|b| b.config.options.http_pretend_keepalive);
        let close = self.wants_server_close() && !pretend;
        match (close, self.request.version()) {
            _ if self.facts.upgrade_token => {}
            (true, Version::Http11) => out.extend_from_slice(b"connection: close\r\n"),
            (false, Version::Http10) if self.request.method() != b"CONNECT" => {
                out.extend_from_slice(b"connection: keep-alive\r\n")
            }
            _ => {}
        }
        if let (Some(name), Some(server)) = (&name_header, &self.server) {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(server.name().as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        if self.backend.as_ref().is_some_and(|b| b.config.options.h1_case_adjust_server) {
            let map = &self.front.thread.world.config.global.case_map;
            map.adjust_head(out.get_mut(start..).unwrap_or_default());
            self.flow.adjust_trailers(map);
        }
        self.keep_or_repeat_body(&mut out);
        self.flow.rewind(out);
        if !self.flow.is_received() {
            self.flow.set_splice(self.splice(Side::Request));
        }
        let now = self.now_ms();
        self.flow.write_at = now;
        self.flow.read_at = self.flow.read_at.max(now);
    }

    /// Whether configuration or a stop wants this server connection closed after the exchange.
    fn wants_server_close(&self) -> bool {
        let of_backend = self.backend.as_ref().is_some_and(|backend| {
            let options = &backend.config.options;
            options.http_server_close || options.httpclose
        });
        // Chunks from a client of HTTP/1.0, two framings of a CONNECT: nothing on either side can be trusted to be in step.
        let out_of_step = self.facts.ambiguous
            && (self.request.version() == Version::Http10 || self.request.method() == b"CONNECT");
        self.front.proxy.options.http_server_close
            || of_backend
            || out_of_step
            || self.front.thread.stopping()
    }

    fn must_close_server(&self, facts: &Facts) -> bool {
        self.wants_server_close()
            || facts.framing == Framing::UntilClose
            || facts.close
            || facts.ambiguous
            || (self.response.version() == Version::Http10 && !facts.keep_alive)
            || (self.request.version() == Version::Http10
                && !facts.keep_alive
                && facts.framing == Framing::UntilClose)
    }

    /// Moves the request and reads until the head of a response is complete. `sent` is set once the request is out.
    async fn await_head(
        &mut self,
        connection: &mut ServerConnection,
        buffer: &mut Buffer,
        sent: &mut bool,
        inspect_until: u64,
    ) -> Awaited {
        let backend = self.backend.as_ref();
        let global = &self.front.thread.world.config.global;
        let limits = Limits {
            fields: global.max_headers.saturating_sub(1),
            size: global.bufsize.saturating_sub(global.maxrewrite),
            relaxed: backend.is_some_and(|b| b.config.options.accept_invalid_http_response),
            any_payload: true,
            keeps_ambiguous: global.keeps_ambiguous,
        };
        let context = RequestContext {
            head: self.request.method() == b"HEAD",
            connect: self.request.method() == b"CONNECT",
            upgrade: self.facts.upgrade,
            websocket: self.facts.websocket,
        };
        let (client_timeout, server_timeout) = (self.client_timeout(), self.server_timeout());
        let watch_client = self.aborts_on_close();
        let mut read_at = 0;
        let mut parsed = buffer.is_empty();
        poll_fn(|cx| {
            let now = crate::clock::now_ms();
            if !*sent {
                match self.flow.poll(cx, self.client, &mut connection.io, now) {
                    // A server that takes no more may have answered already: its answer counts.
                    Poll::Ready(FlowEvent::Done | FlowEvent::SinkFailed) => *sent = true,
                    Poll::Ready(event) => return Poll::Ready(Awaited::Request(event)),
                    Poll::Pending => {}
                }
            }
            loop {
                if !std::mem::replace(&mut parsed, true) {
                    match parse_response(buffer.data(), &limits, context, &mut self.response) {
                        Ok(Some(facts)) => return Poll::Ready(Awaited::Head(facts)),
                        Ok(None) => {}
                        Err(refusal) => return Poll::Ready(Awaited::Refused(refusal)),
                    }
                    buffer.compact();
                }
                match connection.io.poll_read(cx, buffer) {
                    Poll::Ready(Ok(n)) if n > 0 => {
                        read_at = now;
                        parsed = false;
                    }
                    Poll::Ready(_) => return Poll::Ready(Awaited::ServerGone),
                    Poll::Pending => {
                        buffer.wait_empty();
                        break;
                    }
                }
            }
            if *sent
                && watch_client
                && let Some(gone) = self.flow.poll_source_gone(cx, self.client)
            {
                return Poll::Ready(Awaited::ClientGone(gone));
            }
            let waits = self.flow.waits();
            let (client, server) = if *sent {
                (NEVER, after(read_at.max(self.flow.write_at), server_timeout))
            } else {
                let client = if waits.read { after(self.flow.read_at, client_timeout) } else { NEVER };
                let server = if waits.write { after(self.flow.write_at, server_timeout) } else { NEVER };
                (client, server)
            };
            self.alarm.set(client.min(server).min(inspect_until));
            poll_ring(self.alarm, cx).map(|ring| match ring {
                Ring::Kill(kill) => Awaited::Killed(kill),
                Ring::Deadline if inspect_until <= client.min(server) => Awaited::InspectionOver,
                Ring::Deadline if client <= server => Awaited::ClientTimedOut,
                Ring::Deadline if *sent => Awaited::ServerTimedOut,
                Ring::Deadline => Awaited::ServerBlocked,
            })
        })
        .await
    }

    /// There is no usable response.
    fn no_head(&mut self, awaited: Awaited, buffer: &Buffer) -> Step<Progress> {
        self.free_slot();
        match awaited {
            Awaited::Head(_) | Awaited::InspectionOver => Ok(Progress::Over),
            Awaited::Refused(refusal) => {
                if self.response.status() == 101 {
                    // HAPROXY: an unwanted 101 was received like a response.
                    self.count_status(101);
                    self.log.bytes_out += self.response.counted_size();
                }
                self.capture_response(refusal, buffer);
                self.response_error();
                self.fail(Cause::Proxy, 502)
            }
            Awaited::ServerGone => {
                self.response_error();
                // HAPROXY: a head that was begun and not ended is an invalid one.
                let cause = if buffer.is_empty() { Cause::ServerAbort } else { Cause::Proxy };
                self.fail(cause, 502)
            }
            // HAPROXY: a server that does not take the request is one that left.
            Awaited::ServerBlocked => {
                self.response_error();
                self.fail(Cause::ServerAbort, 502)
            }
            Awaited::ServerTimedOut => {
                self.response_error();
                self.fail(Cause::ServerTimeout, 504)
            }
            Awaited::ClientGone(gone) => {
                self.count_client_abort();
                self.close = true;
                if gone == SourceGone::Failed {
                    self.log.termination.note(Cause::ClientAbort, Phase::Data);
                }
                self.fail(Cause::ClientAbort, 400)
            }
            Awaited::ClientTimedOut => {
                self.count_client_abort();
                self.close = true;
                self.fail(Cause::ClientTimeout, 400)
            }
            Awaited::Request(FlowEvent::Malformed(error)) => {
                self.front.count(Stat::RequestErrors, 1);
                self.capture_body_error(error);
                self.close = true;
                self.fail(Cause::Proxy, 400)
            }
            Awaited::Request(_) => {
                self.count_client_abort();
                self.note(Cause::ClientAbort);
                self.unheard_refusal()
            }
            Awaited::Killed(kill) => self.killed(kill),
        }
    }

    /// `observe`: whether the response's status is one of a server in good health.
    fn observe_status(&self) {
        match &self.server {
            Some(server) if health::is_good_status(self.response.status()) => {
                self.front.thread.world.response_observed(server);
            }
            _ => self.observe_error(TrafficError::WrongStatus),
        }
    }

    /// `observe`: something went wrong with the server.
    pub(super) fn observe_error(&self, error: TrafficError) {
        if let Some(server) = &self.server {
            self.front.thread.world.error_observed(server, error, self.now_ms());
        }
    }

    fn response_error(&self) {
        self.count_backend(Stat::ResponseErrors);
        self.count_server(Stat::ResponseErrors);
    }

    pub(super) fn count_client_abort(&self) {
        self.front.count(Stat::ClientAborts, 1);
        self.count_backend(Stat::ClientAborts);
        self.count_server(Stat::ClientAborts);
    }

    pub(super) fn count_server_abort(&self) {
        self.front.count(Stat::ServerAborts, 1);
        self.count_backend(Stat::ServerAborts);
        self.count_server(Stat::ServerAborts);
    }

    /// Relays both bodies.
    async fn relay(
        &mut self,
        connection: &mut ServerConnection,
        response: &mut Flow,
        framing: Framing,
        sent: bool,
    ) -> Relayed {
        let (client_timeout, server_timeout) = (self.client_timeout(), self.server_timeout());
        let (client_alone, server_alone) = self.independent_sides();
        let begun = self.now_ms();
        let watch_client = self.aborts_on_close();
        let mut count_at = self.next_count_at();
        let (mut sent, mut answered) = (sent, false);
        poll_fn(|cx| {
            let now = crate::clock::now_ms();
            if !answered {
                match response.poll(cx, &mut connection.io, self.client, now) {
                    Poll::Ready(FlowEvent::Done) => {
                        answered = true;
                        if framing == Framing::UntilClose && !sent {
                            // Nothing else tells the client that the response is over, and it may wait for that with its body.
                            self.client.shut_down_write();
                        }
                    }
                    Poll::Ready(event) => return Poll::Ready(Relayed::Response(event)),
                    Poll::Pending => {}
                }
            }
            if !sent {
                match self.flow.poll(cx, self.client, &mut connection.io, now) {
                    Poll::Ready(FlowEvent::Done) => sent = true,
                    // The server has answered and takes no more of the request: the rest is read and dropped.
                    Poll::Ready(FlowEvent::SinkFailed) if !self.flow.is_discarding() => {
                        self.flow.discard();
                        self.close = true;
                        cx.waker().wake_by_ref();
                    }
                    Poll::Ready(event) => return Poll::Ready(Relayed::Request(event)),
                    Poll::Pending => {}
                }
            }
            if sent && answered {
                return Poll::Ready(Relayed::Complete);
            }
            if sent && watch_client && self.flow.poll_source_gone(cx, self.client).is_some() {
                return Poll::Ready(Relayed::Request(FlowEvent::SourceClosed));
            }
            let (mut client_read, mut client_write, mut server_read, mut server_write) =
                (NEVER, NEVER, NEVER, NEVER);
            // While the client owes its body, the server's silence is not its own.
            let owed = !sent && self.flow.waits().read;
            if !answered {
                let waits = response.waits();
                if waits.read && !owed {
                    let written = if server_alone { begun } else { self.flow.write_at };
                    server_read = after(response.read_at.max(written), server_timeout);
                }
                if waits.write {
                    client_write = after(response.write_at, client_timeout);
                }
            }
            if !sent {
                let waits = self.flow.waits();
                if waits.read {
                    let written = if client_alone { 0 } else { response.write_at };
                    client_read = after(self.flow.read_at.max(written), client_timeout);
                }
                if waits.write {
                    server_write = after(self.flow.write_at, server_timeout);
                }
            }
            let deadline = client_read.min(client_write).min(server_read).min(server_write);
            self.alarm.set(deadline.min(count_at));
            let ring = loop {
                match ready!(poll_ring(self.alarm, cx)) {
                    Ring::Deadline if count_at < deadline => {
                        self.count_passing(response);
                        count_at = self.next_count_at();
                        self.alarm.set(deadline.min(count_at));
                    }
                    ring => break ring,
                }
            };
            Poll::Ready(match ring {
                Ring::Kill(kill) => Relayed::Killed(kill),
                Ring::Deadline if deadline == client_write => Relayed::ClientWriteTimedOut,
                Ring::Deadline if deadline == client_read => Relayed::ClientReadTimedOut,
                Ring::Deadline if deadline == server_write => Relayed::ServerWriteTimedOut,
                Ring::Deadline => Relayed::ServerReadTimedOut,
            })
        })
        .await
    }

    fn relay_ended(&mut self, relayed: Relayed, response: &Flow, framing: Framing) -> Step<()> {
        // HAPROXY: a response that ends with its connection never comes to that.
        if response.is_done() && framing != Framing::UntilClose {
            self.side = ServerSide::Sending;
        }
        let cause = match relayed {
            Relayed::Complete => return Ok(()),
            Relayed::Killed(kill) => return self.killed(kill),
            Relayed::Response(FlowEvent::Malformed(error)) => {
                self.capture_response_body(error, response);
                self.response_error();
                Cause::Proxy
            }
            Relayed::Request(FlowEvent::Malformed(error)) => {
                self.front.count(Stat::RequestErrors, 1);
                self.capture_body_error(error);
                Cause::Proxy
            }
            Relayed::Response(FlowEvent::SourceClosed | FlowEvent::SourceFailed) => {
                self.response_error();
                self.count_server_abort();
                Cause::ServerAbort
            }
            Relayed::Response(FlowEvent::SinkFailed) | Relayed::Request(_) => {
                self.count_client_abort();
                Cause::ClientAbort
            }
            Relayed::Response(FlowEvent::Done) => return Ok(()),
            // A body that ends with the connection is over for the client, and a refused CONNECT has nobody who waits for more.
            Relayed::ServerReadTimedOut
                if framing == Framing::UntilClose || self.request.method() == b"CONNECT" =>
            {
                self.count_server_abort();
                Cause::ServerTimeout
            }
            // HAPROXY: 3.0 logs a server that stalls within any other body as a client's abort.
            Relayed::ServerReadTimedOut => {
                self.count_client_abort();
                Cause::ClientAbort
            }
            Relayed::ServerWriteTimedOut => {
                self.count_server_abort();
                Cause::ServerTimeout
            }
            Relayed::ClientWriteTimedOut | Relayed::ClientReadTimedOut => {
                self.count_client_abort();
                Cause::ClientTimeout
            }
        };
        self.note(cause);
        self.free_slot();
        // Before the reset that bytes of the client which nobody read turn the close into.
        self.client.shut_down_write();
        Err(Stop::Cut)
    }

    /// A response that the client does not get. Its connection lives on when all of it is here.
    fn drop_response(&mut self, connection: ServerConnection, facts: &Facts, buffer: Buffer, sent: bool) {
        let mut response = Flow::new(facts.framing, buffer, Vec::new(), self.now_ms());
        let whole = response.decode().is_ok() && response.is_received() && response.undecoded().is_empty();
        let close = self.must_close_server(facts) || !whole || !sent;
        self.give_back(connection, close);
    }

    /// Gives the server connection back, or closes it, and frees the slot.
    fn release(&mut self, connection: ServerConnection, close: bool) {
        self.give_back(connection, close);
        self.free_slot();
    }

    fn give_back(&mut self, mut connection: ServerConnection, close: bool) {
        let Some(server) = &self.server else { return self.keep_direct(connection, close) };
        let now = self.now_ms();
        if !close && !self.front.thread.stopping() {
            connection.safe |= !self.first;
            let reuse = self.backend.as_ref().map_or(Reuse::Never, |backend| backend.config.reuse);
            if reuse == Reuse::Never || connection.private || self.is_connection_bound() {
                *self.own = Some(Box::new((server.at, connection)));
            } else {
                self.front.thread.pool.give(server, connection, now);
            }
        }
    }

    /// NTLM and Negotiate authenticate the connection: it must not serve another client.
    fn is_connection_bound(&self) -> bool {
        let field: &[u8] = match self.response.status() {
            401 => b"www-authenticate",
            407 => b"proxy-authenticate",
            _ => return false,
        };
        let starts =
            |value: &[u8], word: &[u8]| value.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word));
        self.response.values(field).any(|value| starts(value, b"nego") || starts(value, b"ntlm"))
    }

    /// `show errors`: an invalid body of the request.
    pub(super) fn capture_body_error(&self, error: BodyError) {
        self.front.thread.process.capture_error(ErrorCapture {
            event: 0,
            at_us: crate::session::wall_us(),
            proxy: self.front.index,
            in_response: false,
            peer: self.backend.as_ref().map(|b| b.index()),
            server: self.server.as_ref().map(|s| s.at.server),
            src: self.session.src,
            bytes: self.flow.undecoded().to_vec(),
            free: 0,
            at: error.at,
            state: error.state,
        });
    }

    fn capture_response_body(&self, error: BodyError, flow: &Flow) {
        self.capture_in_response(flow.undecoded(), 0, error.at, error.state);
    }

    fn capture_response(&self, refusal: Refusal, buffer: &Buffer) {
        self.capture_in_response(buffer.data(), buffer.capacity() - buffer.len(), refusal.at, refusal.state);
    }

    fn capture_in_response(&self, bytes: &[u8], free: usize, at: usize, state: http1::ParserState) {
        let Some(backend) = &self.backend else { return };
        self.front.thread.process.capture_error(ErrorCapture {
            event: 0,
            at_us: crate::session::wall_us(),
            proxy: backend.index(),
            in_response: true,
            peer: Some(self.front.index),
            server: self.server.as_ref().map(|s| s.at.server),
            src: self.session.src,
            bytes: bytes.to_vec(),
            free,
            at,
            state,
        });
    }
}

/// Lets the streams that are ready by now go as far as this one: requests that arrived together are read one after the other and sent
/// one after the other. The kernel's and our own instructions stay in the cache meanwhile, and a server that was woken by the first
/// request finds the others without being woken again.
async fn others_first() {
    let mut waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
