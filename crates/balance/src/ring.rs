//! `hash-type consistent` and `balance random`: servers as nodes on a ring of 2^32 places (haproxy-algorithms, 1.5).

use crate::hash::avalanche;
use crate::server::{Load, Server};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

type Node = (u32, u64);

#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    nodes: BTreeMap<Node, u32>,
    /// By server: its nodes in order of their number.
    owned: Vec<Vec<Node>>,
    inserted: u64,
    /// Where the fallback round robin stands.
    cursor: Option<Node>,
}

/// `hash-balance-factor` at the moment of a lookup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// Percent of the average load that a server may have; 0 is no bound.
    pub(crate) factor: u32,
    /// Streams that the backend's servers serve now.
    pub(crate) served: u32,
    /// Sum of the effective weights of the group.
    pub(crate) weight: u32,
}

impl Bound {
    /// Whether the server may take one more stream.
    fn admits(&self, server: &Server) -> bool {
        if self.factor == 0 || self.weight == 0 {
            return true;
        }
        let slots = ((u64::from(self.served) + 1) * u64::from(self.factor)).div_ceil(100);
        let (total, weight, before) =
            (u64::from(self.weight), u64::from(server.weight), u64::from(server.weight_before));
        let (each, rest) = (slots / total, slots % total);
        let share = weight * each + (before + weight) * rest / total - before * rest / total;
        u64::from(server.served) < share.max(1)
    }
}

impl Ring {
    pub(crate) fn new(servers: &[Server], backup: bool) -> Self {
        let mut this = Self { owned: vec![Vec::new(); servers.len()], ..Self::default() };
        for (index, server) in servers.iter().enumerate() {
            if server.backup == backup && server.usable() {
                this.resize(index, server.ring_key, server.weight);
            }
        }
        this
    }

    /// Gives a server as many nodes as its effective weight: the highest numbers come and go.
    pub(crate) fn resize(&mut self, index: usize, ring_key: u32, weight: u32) {
        let Some(owned) = self.owned.get_mut(index) else { return };
        while owned.len() > weight as usize {
            if let Some(node) = owned.pop() {
                self.nodes.remove(&node);
                // HAPROXY: the fallback's last node gives its part to the one behind it, which is then passed over.
                if self.cursor == Some(node) {
                    self.cursor = self.nodes.range((Excluded(node), Unbounded)).next().map(|(&node, _)| node);
                }
            }
        }
        while owned.len() < weight as usize {
            self.inserted += 1;
            let node = (avalanche(ring_key.wrapping_add(owned.len() as u32)), self.inserted);
            self.nodes.insert(node, index as u32);
            owned.push(node);
        }
    }

    /// The server closest to a hash; from there on node by node while it is the one to avoid or has its share of the load.
    pub(crate) fn lookup(
        &self,
        servers: &[Server],
        hash: u32,
        bound: Bound,
        avoid: Option<usize>,
    ) -> Option<usize> {
        let (mut node, mut index) = self.closest(hash)?;
        let (start, first) = (node, index);
        loop {
            let server = servers.get(index as usize)?;
            if Some(index as usize) != avoid && bound.admits(server) {
                return Some(index as usize);
            }
            (node, index) = self.after(node)?;
            if node == start {
                return Some(first as usize);
            }
        }
    }

    /// Round robin over the nodes, for requests without a key.
    pub(crate) fn next(&mut self, servers: &[Server], load: Load, avoid: Option<usize>) -> Option<usize> {
        let mut avoided = None;
        let mut at = self.cursor;
        for _ in 0..self.nodes.len() {
            let (node, index) = match at {
                Some(node) => self.after(node)?,
                None => self.nodes.first_key_value().map(|(&node, &index)| (node, index))?,
            };
            at = Some(node);
            if servers.get(index as usize)?.saturated(load) {
                continue;
            }
            if Some(index as usize) != avoid {
                self.cursor = at;
                return Some(index as usize);
            }
            avoided.get_or_insert((node, index as usize));
        }
        let (node, index) = avoided?;
        self.cursor = Some(node);
        Some(index)
    }

    /// The less loaded of some random servers; none when that one has no free slot.
    pub(crate) fn random(
        &self,
        servers: &[Server],
        load: Load,
        draws: u32,
        mut random: impl FnMut() -> u32,
        bound: Bound,
        avoid: Option<usize>,
    ) -> Option<usize> {
        let mut best: Option<usize> = None;
        for _ in 0..draws.max(1) {
            let drawn = self.lookup(servers, random(), bound, avoid)?;
            let keep = best.filter(|&index| index != drawn).is_some_and(|index| {
                match (servers.get(index), servers.get(drawn)) {
                    (Some(p), Some(c)) => {
                        u64::from(c.served) * u64::from(p.weight) > u64::from(p.served) * u64::from(c.weight)
                    }
                    _ => false,
                }
            });
            if !keep {
                best = Some(drawn);
            }
        }
        best.filter(|&index| servers.get(index).is_some_and(|server| !server.saturated(load)))
    }

    fn closest(&self, hash: u32) -> Option<(Node, u32)> {
        let copy = |(&node, &index): (&Node, &u32)| (node, index);
        let next = self.nodes.range((hash, 0)..).next().or_else(|| self.nodes.first_key_value()).map(copy)?;
        let previous =
            self.nodes.range(..next.0).next_back().or_else(|| self.nodes.last_key_value()).map(copy)?;
        let behind = hash.wrapping_sub(previous.0.0);
        let ahead = next.0.0.wrapping_sub(hash);
        Some(if behind <= ahead { previous } else { next })
    }

    fn after(&self, node: Node) -> Option<(Node, u32)> {
        let next =
            self.nodes.range((Excluded(node), Unbounded)).next().or_else(|| self.nodes.first_key_value());
        next.map(|(&node, &index)| (node, index))
    }
}
