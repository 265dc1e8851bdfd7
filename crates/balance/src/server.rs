//! A server as the algorithms see it: weight, limits and load.

/// What a backend's dynamic limits are computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Current streams of the backend.
    pub(crate) streams: u32,
    /// `fullconn`, at least 1.
    pub(crate) fullconn: u32,
}

/// What the configuration says about a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSpec {
    /// Its id: order of `balance first`.
    pub id: u32,
    /// `weight`, 0 to 256.
    pub weight: u32,
    /// `backup`
    pub backup: bool,
    /// `maxconn`; 0 is none.
    pub maxconn: u32,
    /// `minconn`; 0 is none.
    pub minconn: u32,
    /// `maxqueue`; 0 is none.
    pub maxqueue: u32,
    /// What places it on the ring ([`crate::ring_key`]).
    pub ring_key: u32,
    /// Whether it may be used at the start (not in maintenance).
    pub available: bool,
}

/// How a server's weight stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Neither stopped nor stopping, in maintenance or drained.
    pub available: bool,
    /// User weight, 0 to 256.
    pub weight: u32,
    /// Sixteenths of the weight that count: 16, or less while the server warms up.
    pub step: u32,
    /// Percent of `maxconn` that may be used: 100, or less while the server warms up.
    pub ramp: u32,
}

/// A server's part in the algorithms.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) id: u32,
    pub(crate) backup: bool,
    pub(crate) ring_key: u32,
    pub(crate) maxqueue: u32,
    maxconn: u32,
    minconn: u32,
    pub(crate) state: Availability,
    /// Effective weight: what the algorithm counts with.
    pub(crate) weight: u32,
    /// Sum of the effective weights of the usable servers in front of it in its group.
    pub(crate) weight_before: u32,
    pub(crate) served: u32,
    pub(crate) queued: u32,
}

impl Server {
    pub(crate) fn new(spec: &ServerSpec) -> Self {
        let mut server = Self {
            id: spec.id,
            backup: spec.backup,
            ring_key: spec.ring_key,
            maxqueue: spec.maxqueue,
            maxconn: 0,
            minconn: 0,
            state: Availability { available: spec.available, weight: spec.weight, step: 16, ramp: 100 },
            weight: 0,
            weight_before: 0,
            served: 0,
            queued: 0,
        };
        server.set_limits(spec.maxconn, spec.minconn);
        server
    }

    /// A minconn above maxconn is maxconn; a maxconn without minconn is fixed.
    pub(crate) fn set_limits(&mut self, maxconn: u32, minconn: u32) {
        let maxconn = maxconn.max(minconn);
        self.maxconn = maxconn;
        self.minconn = if minconn == 0 { maxconn } else { minconn };
    }

    /// Whether requests may be balanced to it.
    pub(crate) fn usable(&self) -> bool {
        self.state.available && self.weight > 0
    }

    /// Whether it has a `maxconn`.
    pub(crate) fn limited(&self) -> bool {
        self.maxconn > 0
    }

    /// How many streams it may serve now; `u32::MAX` without `maxconn`.
    pub(crate) fn limit(&self, load: Load) -> u32 {
        if !self.limited() {
            return u32::MAX;
        }
        let max = if load.streams >= load.fullconn || self.minconn == self.maxconn {
            self.maxconn
        } else {
            let share = u64::from(load.streams) * u64::from(self.maxconn) / u64::from(load.fullconn.max(1));
            self.minconn.max(share as u32)
        };
        if self.state.ramp < 100 {
            return ((u64::from(max) * u64::from(self.state.ramp) / 100) as u32).max(1);
        }
        max
    }

    /// Whether the next request for it has to wait.
    pub(crate) fn saturated(&self, load: Load) -> bool {
        self.limited() && (self.queued > 0 || self.served >= self.limit(load))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(maxconn: u32, minconn: u32) -> Server {
        Server::new(&ServerSpec {
            id: 1,
            weight: 1,
            backup: false,
            maxconn,
            minconn,
            maxqueue: 0,
            ring_key: 0,
            available: true,
        })
    }

    #[test]
    fn dynamic_limit() {
        let load = |streams| Load { streams, fullconn: 100 };
        assert_eq!(server(0, 0).limit(load(1)), u32::MAX);
        assert_eq!(server(10, 0).limit(load(1)), 10);
        assert_eq!(server(20, 5).limit(load(1)), 5);
        assert_eq!(server(20, 5).limit(load(50)), 10);
        assert_eq!(server(20, 5).limit(load(99)), 19);
        assert_eq!(server(20, 5).limit(load(100)), 20);
        // minconn above maxconn raises maxconn.
        assert_eq!(server(5, 8).limit(load(0)), 8);
    }

    #[test]
    fn warming_servers_get_a_share() {
        let mut s = server(20, 0);
        s.state.ramp = 26;
        assert_eq!(s.limit(Load { streams: 0, fullconn: 1 }), 5);
        s.state.ramp = 0;
        assert_eq!(s.limit(Load { streams: 0, fullconn: 1 }), 1);
    }
}
