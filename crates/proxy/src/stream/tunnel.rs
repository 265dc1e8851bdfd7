//! Opaque relay of both directions: TCP mode, and HTTP after a 101 or a CONNECT that was granted.
//!
//! The end of one direction is passed on once what came before it was written; the other direction goes on. A side that is silent for
//! too long has ended its direction, too.

use super::body::poll_ring;
use super::{Step, Stop, Stream};
use crate::flow::{Flow, FlowEvent};
use crate::timers::{Kill, NEVER, Ring, after};
use crate::transport::Transport;
use log_format::termination::{Cause, ServerSide};
use std::future::poll_fn;
use std::task::{Poll, ready};

#[derive(Clone, Copy)]
enum TunnelEnd {
    Both,
    Client,
    Server,
    ClientTimedOut,
    ServerTimedOut,
    Killed(Kill),
}

impl Stream<'_> {
    /// Relays until both directions have ended. `response` is the server's direction.
    pub(super) async fn tunnel(&mut self, server: &mut Transport, mut response: Flow) -> Step<()> {
        self.side = ServerSide::Data;
        let end = self.relay_both(server, &mut response).await;
        self.log.bytes_out += response.payload_total;
        self.log.timers.close = self.elapsed();
        self.free_slot();
        let cause = match end {
            TunnelEnd::Both => return Ok(()),
            TunnelEnd::Killed(kill) => return self.killed(kill),
            TunnelEnd::Client => {
                self.count_client_abort();
                Cause::ClientAbort
            }
            TunnelEnd::ClientTimedOut => {
                self.count_client_abort();
                Cause::ClientTimeout
            }
            TunnelEnd::Server => {
                self.count_server_abort();
                Cause::ServerAbort
            }
            TunnelEnd::ServerTimedOut => {
                self.count_server_abort();
                Cause::ServerTimeout
            }
        };
        self.note(cause);
        if self.http {
            // Before the reset that bytes of the client which nobody read turn the close into.
            self.client.shut_down_write();
        }
        Err(Stop::Cut)
    }

    async fn relay_both(&mut self, server: &mut Transport, response: &mut Flow) -> TunnelEnd {
        let tunnel = self
            .effects
            .timeouts
            .tunnel
            .or_else(|| self.backend.as_ref().and_then(|b| b.config.timeouts.tunnel));
        let client_timeout = tunnel.or(self.client_timeout());
        let server_timeout = tunnel.or(self.server_timeout());
        let client_fin = self.front.proxy.timeouts.client_fin;
        let server_fin = self.backend.as_ref().and_then(|b| b.config.timeouts.server_fin);
        let (client_alone, server_alone) = self.independent_sides();
        let (client_nolinger, server_nolinger) = (
            self.front.proxy.options.nolinger,
            self.backend.as_ref().is_some_and(|b| b.config.options.nolinger),
        );
        let mut count_at = self.next_count_at();
        let (mut upward_done, mut downward_done) = (false, false);
        // What the first timeout said, when the other direction went on after it.
        let mut timed_out = None;
        poll_fn(|cx| {
            loop {
                let now = crate::clock::now_ms();
                if !upward_done {
                    match self.flow.poll(cx, self.client, server, now) {
                        Poll::Ready(FlowEvent::Done) => {
                            upward_done = true;
                            if server_nolinger {
                                // No half of a connection is kept.
                                return Poll::Ready(timed_out.unwrap_or(TunnelEnd::Both));
                            }
                            server.shut_down_write();
                        }
                        Poll::Ready(FlowEvent::SinkFailed) => return Poll::Ready(TunnelEnd::Server),
                        Poll::Ready(_) => return Poll::Ready(TunnelEnd::Client),
                        Poll::Pending => {}
                    }
                }
                if !downward_done {
                    match response.poll(cx, server, self.client, now) {
                        Poll::Ready(FlowEvent::Done) => {
                            downward_done = true;
                            if client_nolinger {
                                self.client.reset_on_close();
                                return Poll::Ready(timed_out.unwrap_or(TunnelEnd::Both));
                            }
                            self.client.shut_down_write();
                        }
                        Poll::Ready(FlowEvent::SinkFailed) => return Poll::Ready(TunnelEnd::Client),
                        Poll::Ready(_) => return Poll::Ready(TunnelEnd::Server),
                        Poll::Pending => {}
                    }
                }
                if upward_done && downward_done {
                    return Poll::Ready(timed_out.unwrap_or(TunnelEnd::Both));
                }
                let half = upward_done || downward_done;
                let client_limit = if half { client_fin.or(client_timeout) } else { client_timeout };
                let server_limit = if half { server_fin.or(server_timeout) } else { server_timeout };
                let (up, down) = (self.flow.waits(), response.waits());
                let (mut client_read, mut client_write) = (NEVER, NEVER);
                let (mut server_read, mut server_write) = (NEVER, NEVER);
                if !upward_done {
                    if up.read {
                        let written = if client_alone { 0 } else { response.write_at };
                        client_read = after(self.flow.read_at.max(written), client_limit);
                    }
                    if up.write {
                        server_write = after(self.flow.write_at, server_limit);
                    }
                }
                if !downward_done {
                    if down.read {
                        let written = if server_alone { 0 } else { self.flow.write_at };
                        server_read = after(response.read_at.max(written), server_limit);
                    }
                    if down.write {
                        client_write = after(response.write_at, client_limit);
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
                match ring {
                    Ring::Kill(kill) => return Poll::Ready(TunnelEnd::Killed(kill)),
                    // HAPROXY: an upgraded connection of which both sides are silent ends whole.
                    Ring::Deadline
                        if deadline == client_write
                            || (self.http && deadline == client_read && deadline == server_read) =>
                    {
                        return Poll::Ready(timed_out.unwrap_or(TunnelEnd::ClientTimedOut));
                    }
                    Ring::Deadline if deadline == client_read => {
                        timed_out.get_or_insert(TunnelEnd::ClientTimedOut);
                        upward_done = true;
                        server.shut_down_write();
                    }
                    Ring::Deadline if deadline == server_read && !self.http => {
                        timed_out.get_or_insert(TunnelEnd::ServerTimedOut);
                        downward_done = true;
                        self.client.shut_down_write();
                    }
                    // HAPROXY: a server that is silent ends an upgraded connection whole.
                    Ring::Deadline => return Poll::Ready(timed_out.unwrap_or(TunnelEnd::ServerTimedOut)),
                }
            }
        })
        .await
    }
}
