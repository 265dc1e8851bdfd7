//! Queues of streams that wait for a slot (haproxy-algorithms, 1.9).
//!
//! Lower priority class first; within a class the oldest, where `set-priority-offset` moves the arrival.

use std::collections::BTreeMap;

/// What `http-request set-priority-class` and `set-priority-offset` gave a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Priority {
    class: i32,
    offset_ms: i32,
}

impl Priority {
    /// Clamps the class to ±2047 and the offset to ±524287 ms.
    #[must_use]
    pub fn new(class: i64, offset_ms: i64) -> Self {
        Self { class: class.clamp(-2047, 2047) as i32, offset_ms: offset_ms.clamp(-524_287, 524_287) as i32 }
    }
}

/// A place in a queue: class, moved arrival, order of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    class: i32,
    due_ms: i64,
    number: u64,
}

impl Key {
    /// Whether this entry is served before one of another queue; an equal one is not.
    pub(crate) fn before(&self, other: &Self) -> bool {
        (self.class, self.due_ms) < (other.class, other.due_ms)
    }
}

#[derive(Debug)]
struct Entry<T> {
    payload: T,
    /// Must stay with its server even when that goes down.
    bound: bool,
    /// The queue's count of served entries when it came.
    entered: u64,
}

/// One server's or backend's queue.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    entries: BTreeMap<Key, Entry<T>>,
    numbered: u64,
    dequeued: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), numbered: 0, dequeued: 0 }
    }
}

impl<T> Queue<T> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn push(&mut self, priority: Priority, now_ms: u64, bound: bool, payload: T) -> Key {
        self.numbered += 1;
        let due_ms = now_ms as i64 + i64::from(priority.offset_ms);
        let key = Key { class: priority.class, due_ms, number: self.numbered };
        self.entries.insert(key, Entry { payload, bound, entered: self.dequeued });
        key
    }

    pub(crate) fn head(&self) -> Option<Key> {
        self.entries.first_key_value().map(|(&key, _)| key)
    }

    /// Serves the first entry; with it, how many were served since it came, itself included.
    pub(crate) fn pop(&mut self) -> Option<(T, u64)> {
        let (_, entry) = self.entries.pop_first()?;
        self.dequeued += 1;
        Some((entry.payload, self.dequeued - entry.entered))
    }

    /// Takes an entry out unserved; gives how many were served while it waited. None when it is not there any more.
    pub(crate) fn remove(&mut self, key: Key) -> Option<u64> {
        self.entries.remove(&key).map(|entry| self.dequeued - entry.entered)
    }

    /// Takes out unserved all entries that are not bound to the server, or all.
    pub(crate) fn drain(&mut self, bound_too: bool) -> Vec<(T, u64)> {
        let dequeued = self.dequeued;
        let (bound, free): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.entries).into_iter().partition(|(_, entry)| entry.bound && !bound_too);
        self.entries = bound;
        free.into_values().map(|entry| (entry.payload, dequeued - entry.entered)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_measured_order() {
        // maxconn 1, busy; arrivals 30 ms apart: served d c b f e a, positions 1..6.
        let mut queue = Queue::default();
        let arrivals = [("a", 5, 0), ("b", 0, 0), ("c", 0, -1000), ("d", -1, 0), ("e", 0, 1000), ("f", 0, 0)];
        for (at, (name, class, offset)) in arrivals.into_iter().enumerate() {
            queue.push(Priority::new(class, offset), 10_000 + 30 * at as u64, false, name);
        }
        let served: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(served, [("d", 1), ("c", 2), ("b", 3), ("f", 4), ("e", 5), ("a", 6)]);
    }

    #[test]
    fn positions_count_what_was_served_meanwhile() {
        let mut queue = Queue::default();
        for _ in 0..3 {
            queue.push(Priority::default(), 1, false, ());
        }
        queue.pop();
        let late = queue.push(Priority::default(), 2, false, ());
        queue.pop();
        assert_eq!(queue.remove(late), Some(1));
        assert_eq!(queue.remove(late), None);
        assert_eq!(queue.pop(), Some(((), 3)));
    }

    #[test]
    fn bound_entries_stay() {
        let mut queue = Queue::default();
        queue.push(Priority::default(), 1, true, "bound");
        queue.push(Priority::default(), 1, false, "free");
        assert_eq!(queue.drain(false), [("free", 0)]);
        assert_eq!(queue.drain(true), [("bound", 0)]);
    }

    #[test]
    fn priorities_are_clamped() {
        assert_eq!(Priority::new(9999, -999_999_999), Priority { class: 2047, offset_ms: -524_287 });
    }

    proptest! {
        #[test]
        fn lower_class_first_then_older(entries in prop::collection::vec((-3_i64..3, -50_i64..50, 0_u64..100), 1..40)) {
            let mut queue = Queue::default();
            for (n, &(class, offset, at)) in entries.iter().enumerate() {
                queue.push(Priority::new(class, offset), at + 1000, false, n);
            }
            let rank = |n: usize| { let (class, offset, at) = entries[n]; (class, at as i64 + offset, n) };
            let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(n, _)| rank(n)).collect();
            prop_assert_eq!(order.len(), entries.len());
            prop_assert!(order.is_sorted());
        }
    }
}
