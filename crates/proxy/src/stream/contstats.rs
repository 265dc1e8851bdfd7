//! `option contstats`: the byte counters of a stream grow every five seconds while it moves data, not only at its end.

use super::Stream;
use crate::flow::Flow;
use crate::state::Stat;
use crate::timers::NEVER;

/// Time between two additions, ms.
const INTERVAL_MS: u64 = 5000;

impl Stream<'_> {
    /// When the bytes that have passed are to be counted next, monotonic ms.
    pub(super) fn next_count_at(&self) -> u64 {
        if self.front.proxy.options.contstats { crate::clock::now_ms() + INTERVAL_MS } else { NEVER }
    }

    /// Counts what has passed since the last time, `response` being under way.
    pub(super) fn count_passing(&mut self, response: &Flow) {
        self.count_bytes(self.log.bytes_out + response.payload_total + response.trailer_total);
    }

    /// Counts what is not counted yet of the request and of so many bytes to the client.
    pub(super) fn count_bytes(&mut self, bytes_out: u64) {
        let bytes_in = self.received_bytes();
        let (counted_in, counted_out) = std::mem::replace(&mut self.counted, (bytes_in, bytes_out));
        let thread = self.front.thread.index;
        let passed = [
            (Stat::BytesIn, bytes_in.saturating_sub(counted_in)),
            (Stat::BytesOut, bytes_out.saturating_sub(counted_out)),
        ];
        for (stat, bytes) in passed {
            self.front.count(stat, bytes);
            if let Some(backend) = &self.backend {
                backend.counters.add(thread, stat, bytes);
            }
            if let Some(server) = &self.server {
                server.counters.add(thread, stat, bytes);
            }
        }
    }

    /// Bytes of the request so far, as counters and logs tell them.
    pub(super) fn received_bytes(&self) -> u64 {
        let head = if self.http { self.counted_bytes_in + self.flow.trailer_total } else { 0 };
        self.flow.payload_total + head
    }
}
