//! A TCP connection as a stream: content rules within the inspect delay, a server, the tunnel.

use super::body::poll_ring;
use super::rules_on::On;
use super::{Side, Step, Stop, Stream};
use crate::buffer::Buffer;
use crate::flow::{Flow, FlowEvent};
use crate::state::Stat;
use crate::timers::{NEVER, Ring, after};
use http1::Framing;
use log_format::termination::{Cause, ServerSide};
use rules::{Cursor, Need, Verdict};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

impl Stream<'_> {
    /// Serves it to its end.
    pub(crate) async fn run_tcp(&mut self) {
        self.show_request();
        match self.tcp_exchange().await {
            Ok(()) => {}
            Err(Stop::Vanish) => {
                self.alarm.set(after(self.now_ms(), self.client_timeout()));
                if self.client_timeout().is_some() {
                    poll_fn(|cx| poll_ring(self.alarm, cx)).await;
                }
            }
            // Before the reset that bytes of the client which nobody read turn the close into.
            Err(_) => self.client.shut_down_write(),
        }
        self.finish();
    }

    async fn tcp_exchange(&mut self) -> Step<()> {
        self.inspect(false).await?;
        self.choose_tcp_backend()?;
        if self.backend.as_ref().is_some_and(|b| b.index() != self.front.index) {
            self.inspect(true).await?;
        }
        if let Some(backend) = self.backend.clone() {
            self.persistence = self.persistence_of(&backend.config);
            self.use_server(&backend);
        }
        let mut connection = self.reach_server().await?;
        self.log.timers.data = self.log.timers.connect;
        if self.front.proxy.options.logasap {
            self.log_early();
        }
        if let Some(server) = &self.server {
            let header = self.proxy_header(server);
            self.flow.rewind(header);
        }
        let now = self.now_ms();
        self.flow.write_at = now;
        self.flow.read_at = now;
        let mut response = Flow::new(Framing::UntilClose, Buffer::take_double(), Vec::new(), now);
        self.flow.set_splice(self.splice(Side::Request));
        response.set_splice(self.splice(Side::Response));
        if self.inspect_server(&mut connection.io, &mut response).await? {
            self.client.shut_down_write();
            return Ok(());
        }
        let end = self.tunnel(&mut connection.io, response).await;
        connection.io.clean =
            end.is_ok() && !self.backend.as_ref().is_some_and(|b| b.config.options.nolinger);
        end
    }

    /// `tcp-request content` of the frontend or backend. A rule that needs more bytes waits for them, at most the inspect delay.
    async fn inspect(&mut self, of_backend: bool) -> Step<()> {
        let proxy = match &self.backend {
            Some(backend) if of_backend => Arc::clone(&backend.config),
            _ => Arc::clone(&self.front.proxy),
        };
        let set = &proxy.tcp_rules.request_content;
        if set.is_empty() {
            return Ok(());
        }
        self.glimpse().await;
        let mut cursor = Cursor::default();
        let mut complete = proxy.tcp_rules.request_inspect_delay.is_none();
        let mut deadline = None;
        loop {
            let verdict = self.run_set(set, &mut cursor, On::Request, complete, &[]);
            if matches!(verdict, Verdict::Reject) {
                return self.content_rejected();
            }
            if !matches!(verdict, Verdict::Wait(Need::Data)) {
                return self.request_verdict(verdict).map_err(|stop| match stop {
                    Stop::Answer(_) => Stop::Cut,
                    other => other,
                });
            }
            let until =
                *deadline.get_or_insert_with(|| after(self.now_ms(), proxy.tcp_rules.request_inspect_delay));
            complete = self.more_bytes(until).await?;
        }
    }

    /// Takes what the client has sent already: rules without a delay see it.
    async fn glimpse(&mut self) {
        if self.flow.payload_total == 0 {
            poll_fn(|cx| {
                // Its end and its failures are told again when somebody waits.
                let _ = self.flow.poll_receive(cx, self.client, crate::clock::now_ms());
                Poll::Ready(())
            })
            .await;
        }
    }

    /// Waits for bytes of the client; true when none will come in time.
    pub(super) async fn more_bytes(&mut self, until: u64) -> Step<bool> {
        let had = self.flow.payload_total;
        // A request that is here to its end has nothing more to bring: only the time is waited for.
        let whole = self.http && self.flow.is_received();
        let client = if whole { NEVER } else { after(self.flow.read_at, self.client_timeout()) };
        self.alarm.set(until.min(client));
        let end = poll_fn(|cx| {
            if whole {
                return poll_ring(self.alarm, cx).map(|ring| Err(Some(ring)));
            }
            let now = crate::clock::now_ms();
            match self.flow.poll_receive(cx, self.client, now) {
                Poll::Ready(event) => Poll::Ready(Ok(event)),
                Poll::Pending if self.flow.payload_total > had => Poll::Ready(Err(None)),
                Poll::Pending if self.flow.is_full() => Poll::Ready(Err(Some(Ring::Deadline))),
                Poll::Pending => poll_ring(self.alarm, cx).map(|ring| Err(Some(ring))),
            }
        })
        .await;
        match end {
            Err(None) => Ok(false),
            Err(Some(Ring::Deadline)) if client < until && !self.flow.is_full() => {
                self.left_during_inspection(Cause::ClientTimeout)
            }
            Err(Some(Ring::Deadline)) => Ok(true),
            Err(Some(Ring::Kill(kill))) => self.killed(kill),
            Ok(FlowEvent::Done) => Ok(true),
            Ok(_) => self.left_during_inspection(Cause::ClientAbort),
        }
    }

    /// HAPROXY: the stream has a backend by then, which counts the abort, too.
    fn left_during_inspection<T>(&mut self, cause: Cause) -> Step<T> {
        self.front.count(Stat::RequestErrors, 1);
        if self.backend.is_none() && !self.http {
            let _ = self.choose_tcp_backend();
        }
        self.count_client_abort();
        self.side = ServerSide::Idle;
        self.note(cause);
        Err(Stop::Cut)
    }
}
