//! The end of a stream: slots and gauges are given back, counters are added, the log line is written.

use super::response::status_class;
use super::{Stream, traffic_log};
use crate::buffer::Buffer;
use crate::flow::Flow;
use crate::state::{Durations, Stat};

impl Stream<'_> {
    /// Gives the slot on the server back. The log tells how many others the server had then, without whoever waited for the slot.
    pub(super) fn free_slot(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.log.server_connections = slot.server().streams.current().saturating_sub(1);
        }
    }

    /// Leaves server and backend, counts, logs.
    pub(super) fn finish(&mut self) {
        self.free_slot();
        self.entered = None;
        if self.log.timers.close == 0 {
            self.log.timers.close = self.elapsed();
        }
        self.log.bytes_in = self.received_bytes();
        self.count_bytes(self.log.bytes_out);
        self.count();
        self.record_times();
        if !self.logged && !self.unlogged {
            traffic_log::stream(self);
        }
        self.show_end();
    }

    fn count(&self) {
        let thread = self.front.thread.index;
        if self.http {
            self.front.count(self.log.status.map_or(Stat::StatusOther, status_class), 1);
        }
        if self.locally_answered && self.backend.as_ref().is_none_or(|b| b.index() == self.front.index) {
            self.front.count(Stat::Intercepted, 1);
        }
        if let (Some(backend), true) = (&self.backend, self.http) {
            backend.counters.bump(thread, Stat::Requests);
            backend.counters.bump(thread, self.log.status.map_or(Stat::StatusOther, status_class));
        }
    }

    /// Times of streams that got through to a server and got a response.
    fn record_times(&self) {
        let timers = &self.log.timers;
        let Some(backend) = &self.backend else { return };
        if timers.connect.is_none() || (self.http && timers.data.is_none()) {
            return;
        }
        let ms = |n: i64| u32::try_from(n).unwrap_or(0);
        let response = if self.http { timers.tr_response() } else { timers.tc() };
        let times = Durations {
            queue: ms(timers.tw()),
            connect: ms(timers.tc()),
            response: ms(response),
            total: ms(timers.ta()),
        };
        backend.times.record(times);
        if let Some(server) = &self.server {
            server.times.record(times);
        }
    }

    /// `option logasap`: the line is written now, with what is known.
    pub(super) fn log_early(&mut self) {
        self.log.server_connections = self.server.as_ref().map_or(0, |server| server.streams.current());
        self.log.timers.close = self.elapsed();
        if !self.unlogged {
            traffic_log::stream(self);
        }
        self.logged = true;
        self.log.timers.close = 0;
    }

    /// What the client has sent beyond the request.
    pub(super) fn take_rest(&mut self) -> Option<Buffer> {
        let empty = Flow::without_buffer();
        let (rest, text) = std::mem::replace(&mut self.flow, empty).into_parts();
        self.front.thread.give_text(text);
        rest
    }
}
