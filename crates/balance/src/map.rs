//! `balance static-rr` and `hash-type map-based`: a fixed map of as many slots as the sum of the weights.

use crate::server::{Load, Server};

#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    slots: Vec<u32>,
    cursor: usize,
}

impl Map {
    /// Fills the map: each slot goes to the server that is furthest behind its share, the first one on ties.
    pub(crate) fn rebuild(&mut self, servers: &[Server], group: impl Fn(usize, &Server) -> bool) {
        struct Share {
            index: u32,
            weight: i64,
            score: i64,
        }
        let mut shares: Vec<Share> = servers
            .iter()
            .enumerate()
            .filter(|(index, server)| server.usable() && group(*index, server))
            .map(|(index, server)| Share { index: index as u32, weight: i64::from(server.weight), score: 0 })
            .collect();
        let total: i64 = shares.iter().map(|share| share.weight).sum();
        self.slots.clear();
        for _ in 0..total {
            let mut best: Option<(usize, i64)> = None;
            for (at, share) in shares.iter_mut().enumerate() {
                share.score += share.weight;
                let value = (share.score + total) / total;
                if best.is_none_or(|(_, most)| value > most) {
                    best = Some((at, value));
                }
            }
            if let Some(share) = best.and_then(|(at, _)| shares.get_mut(at)) {
                share.score -= total;
                self.slots.push(share.index);
            }
        }
    }

    /// The server of a hash. Whether it is saturated does not matter: the request then waits for it.
    pub(crate) fn lookup(&self, hash: u32) -> Option<usize> {
        let at = (hash as usize).checked_rem(self.slots.len())?;
        self.slots.get(at).map(|&index| index as usize)
    }

    /// The next server in turn that is neither saturated nor to be avoided; the latter when there is no other.
    pub(crate) fn next(&mut self, servers: &[Server], load: Load, avoid: Option<usize>) -> Option<usize> {
        let mut avoided = None;
        // A rebuilt map keeps the cursor's slot number, also one past the end of the old map.
        if self.cursor >= self.slots.len() {
            self.cursor = 0;
        }
        for step in 0..self.slots.len() {
            let at = (self.cursor + step) % self.slots.len();
            let index = *self.slots.get(at)? as usize;
            if servers.get(index)?.saturated(load) {
                continue;
            }
            if Some(index) != avoid {
                self.cursor = at + 1;
                return Some(index);
            }
            avoided.get_or_insert((at, index));
        }
        let (at, index) = avoided?;
        self.cursor = at + 1;
        Some(index)
    }

    #[cfg(test)]
    pub(crate) fn slots(&self) -> &[u32] {
        &self.slots
    }
}
