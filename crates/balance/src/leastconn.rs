//! `balance leastconn`: the server with the fewest streams for its weight; among equals, the one that changed longest ago.

use crate::server::{Load, Server};
use std::collections::BTreeSet;

#[derive(Clone, Debug, Default)]
pub(crate) struct LeastConn {
    order: BTreeSet<(u64, u64, u32)>,
    places: Vec<Option<(u64, u64)>>,
    inserted: u64,
}

impl LeastConn {
    pub(crate) fn new(servers: &[Server], backup: bool) -> Self {
        let mut this = Self { places: vec![None; servers.len()], ..Self::default() };
        for (index, server) in servers.iter().enumerate() {
            if server.backup == backup && server.usable() {
                this.insert(index, key(server));
            }
        }
        this
    }

    /// The server became usable, or its load or weight changed: it goes to the tail of its equals, unless its key is the same.
    pub(crate) fn place(&mut self, index: usize, server: &Server) {
        let key = key(server);
        match self.places.get(index) {
            Some(Some((old, _))) if *old == key => {}
            _ => {
                self.take_out(index);
                self.insert(index, key);
            }
        }
    }

    /// Whether the server is among those to pick from.
    pub(crate) fn holds(&self, index: usize) -> bool {
        matches!(self.places.get(index), Some(Some(_)))
    }

    pub(crate) fn take_out(&mut self, index: usize) {
        if let Some((key, inserted)) = self.places.get_mut(index).and_then(Option::take) {
            self.order.remove(&(key, inserted, index as u32));
        }
    }

    fn insert(&mut self, index: usize, key: u64) {
        if let Some(place) = self.places.get_mut(index) {
            self.inserted += 1;
            *place = Some((key, self.inserted));
            self.order.insert((key, self.inserted, index as u32));
        }
    }

    /// The first server that has room, counting its queue up to `maxqueue`.
    pub(crate) fn pick(&self, servers: &[Server], load: Load, avoid: Option<usize>) -> Option<usize> {
        let mut avoided = None;
        for &(_, _, index) in &self.order {
            let index = index as usize;
            let server = servers.get(index)?;
            let room = u64::from(server.limit(load)) + u64::from(server.maxqueue);
            if server.limited() && u64::from(server.served) + u64::from(server.queued) >= room {
                continue;
            }
            if Some(index) != avoid {
                return Some(index);
            }
            avoided = Some(index);
        }
        avoided
    }
}

fn key(server: &Server) -> u64 {
    let inflight = u64::from(server.served) + u64::from(server.queued);
    if inflight == 0 { 0 } else { (inflight + 1) * 4096 / u64::from(server.weight.max(1)) }
}
