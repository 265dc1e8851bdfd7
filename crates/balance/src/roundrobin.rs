//! `balance roundrobin`: smooth weighted round robin that follows weight changes (haproxy-algorithms, 1.6).
//!
//! Time is counted in picks. Each server has the pick at which it is due next; a window is as many picks as the sum of the
//! weights. Servers that are due in this window wait in *current*, by due time; those that have used up their share wait in *next*;
//! *init* holds those that have not been used in this window yet, heaviest first. When *current* and *init* run dry, *next* becomes
//! *init* and a new window begins.

use crate::server::{Load, Server};
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// Which of the three sets; *init* and *next* change places, so a server remembers the index of its set.
const CURRENT: usize = 0;

#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    /// Pick at which it is due.
    due_at: i64,
    /// Pick at which it was last due.
    last_at: i64,
    /// What division left over of its step.
    rest: i64,
    /// Set, key and insertion number, while it is in a set.
    place: Option<(usize, i64, u64)>,
}

#[derive(Clone, Debug)]
pub(crate) struct RoundRobin {
    position: i64,
    /// Sum of the weights in this window.
    window: i64,
    /// Sum of the weights in the next window.
    next_window: i64,
    sets: [BTreeSet<(i64, u64, u32)>; 3],
    init: usize,
    next: usize,
    inserted: u64,
    turns: Vec<Turn>,
}

impl RoundRobin {
    /// All usable servers of `group` wait in *init*.
    pub(crate) fn new(servers: &[Server], backup: bool) -> Self {
        let mut this = Self {
            position: 0,
            window: 0,
            next_window: 0,
            sets: Default::default(),
            init: 1,
            next: 2,
            inserted: 0,
            turns: vec![Turn::default(); servers.len()],
        };
        for (index, server) in servers.iter().enumerate() {
            if server.backup == backup && server.usable() {
                this.next_window += i64::from(server.weight);
                this.insert_by_weight(this.init, index, server);
            }
        }
        this.window = this.next_window;
        this.position = this.window;
        this
    }

    pub(crate) fn up(&mut self, index: usize, server: &Server) {
        let weight = i64::from(server.weight);
        self.next_window += weight;
        let due = self.position + (self.next_window + self.window - self.position) / weight.max(1);
        if let Some(turn) = self.turns.get_mut(index) {
            turn.due_at = due;
            turn.rest = 0;
        }
        self.queue(index, server);
    }

    pub(crate) fn down(&mut self, index: usize, old_weight: u32) {
        self.next_window -= i64::from(old_weight);
        self.take_out(index);
    }

    pub(crate) fn reweigh(&mut self, index: usize, server: &Server, old_weight: u32) {
        let weight = i64::from(server.weight).max(1);
        self.next_window += i64::from(server.weight) - i64::from(old_weight);
        let Some(turn) = self.turns.get_mut(index) else { return };
        match turn.place.map(|(set, ..)| set) {
            Some(set) if set == self.init => {
                self.take_out(index);
                self.insert_by_weight(self.init, index, server);
            }
            Some(set) if set == self.next => {
                self.take_out(index);
                self.queue(index, server);
            }
            _ => {
                turn.due_at = turn.due_at.min(turn.last_at + self.next_window / weight);
                if turn.due_at < self.position + 2 {
                    turn.due_at = self.position + self.next_window / weight;
                }
                turn.rest = 0;
                self.take_out(index);
                self.queue(index, server);
            }
        }
    }

    /// The next server. Saturated servers and the one to avoid are passed over as if they had been used; the latter is taken when
    /// there is no other.
    pub(crate) fn pick(&mut self, servers: &[Server], load: Load, avoid: Option<usize>) -> Option<usize> {
        if self.window == 0 {
            self.window = self.next_window;
            self.position = self.next_window;
        }
        let mut switched = false;
        let mut passed: SmallVec<[usize; 8]> = SmallVec::new();
        let mut avoided = None;
        let chosen = loop {
            let Some(index) = self.select() else {
                if switched {
                    break avoided;
                }
                switched = true;
                self.switch();
                continue;
            };
            let Some(server) = servers.get(index) else { break None };
            self.advance(index, server);
            self.take_out(index);
            self.position += 1;
            if !server.saturated(load) {
                if Some(index) != avoid {
                    break Some(index);
                }
                avoided = Some(index);
            }
            passed.push(index);
        };
        if let Some((index, server)) = chosen.and_then(|index| Some((index, servers.get(index)?))) {
            self.queue(index, server);
        }
        for &index in passed.iter().rev().filter(|&&index| Some(index) != chosen) {
            let Some(server) = servers.get(index) else { continue };
            if switched {
                self.insert_by_weight(self.init, index, server);
            } else {
                self.queue(index, server);
            }
        }
        chosen
    }

    fn select(&mut self) -> Option<usize> {
        let due = self.sets[CURRENT].first().map(|&(_, _, index)| index as usize);
        if let Some(index) = due
            && self.turns.get(index).is_some_and(|turn| turn.due_at <= self.position)
        {
            return due;
        }
        let Some(&(_, _, index)) = self.sets[self.init].first() else { return due };
        if let Some(turn) = self.turns.get_mut(index as usize) {
            turn.due_at = 0;
            turn.rest = 0;
        }
        Some(index as usize)
    }

    fn switch(&mut self) {
        std::mem::swap(&mut self.init, &mut self.next);
        self.window = self.next_window;
        self.position = self.window;
    }

    fn advance(&mut self, index: usize, server: &Server) {
        let Some(turn) = self.turns.get_mut(index) else { return };
        let weight = i64::from(server.weight).max(1);
        if turn.due_at == 0 {
            turn.due_at = self.position;
        }
        turn.last_at = turn.due_at;
        turn.due_at += self.next_window / weight;
        turn.rest += self.next_window % weight;
        if turn.rest >= weight {
            turn.rest -= weight;
            turn.due_at += 1;
        }
    }

    fn queue(&mut self, index: usize, server: &Server) {
        let Some(turn) = self.turns.get_mut(index) else { return };
        let due = turn.due_at;
        if due >= 2 * self.window || due >= self.window + self.next_window {
            turn.due_at -= self.window;
            self.insert_by_weight(self.next, index, server);
        } else {
            let key = 256 * due + (4096 + turn.rest - i64::from(server.weight)) / 16;
            self.insert(CURRENT, key, index);
        }
    }

    fn insert_by_weight(&mut self, set: usize, index: usize, server: &Server) {
        self.insert(set, 4096 - i64::from(server.weight), index);
    }

    fn insert(&mut self, set: usize, key: i64, index: usize) {
        self.inserted += 1;
        if let Some(turn) = self.turns.get_mut(index) {
            turn.place = Some((set, key, self.inserted));
            self.sets[set].insert((key, self.inserted, index as u32));
        }
    }

    fn take_out(&mut self, index: usize) {
        let Some(turn) = self.turns.get_mut(index) else { return };
        let Some((set, key, inserted)) = turn.place.take() else { return };
        self.sets[set].remove(&(key, inserted, index as u32));
        if set == self.next {
            turn.due_at += self.window;
        }
    }
}
