//! `clear counters`: maxima start again, and with `all` every counter too.

use super::world::World;

impl World {
    /// Clears the maxima of every object, and its counters when `all` is set.
    pub fn clear_counters(&self, all: bool) {
        for proxy in &self.proxies {
            if let Some(frontend) = &proxy.frontend {
                frontend.sessions.clear_max();
                for rate in [&frontend.session_rate, &frontend.connection_rate, &frontend.request_rate] {
                    rate.clear_max();
                }
                frontend.listeners.iter().for_each(|listener| listener.sessions.clear_max());
                if all {
                    frontend.counters.clear_all();
                    frontend.listeners.iter().for_each(|listener| listener.counters.clear_all());
                }
            }
            if let Some(backend) = &proxy.backend {
                backend.streams.clear_max();
                backend.queue.clear_max();
                backend.session_rate.clear_max();
                backend.times.clear_max();
                if all {
                    backend.counters.clear_all();
                }
            }
        }
        for server in self.servers() {
            server.streams.clear_max();
            server.queue.clear_max();
            server.session_rate.clear_max();
            server.times.clear_max();
            if all {
                server.counters.clear_all();
            }
        }
    }
}
