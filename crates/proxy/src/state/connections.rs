//! How many idle connections each thread keeps to a server, as the statistics show it. Each thread writes its own row.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// See the module.
#[derive(Debug)]
pub struct IdleConnections(Box<[[AtomicU32; 2]]>);

impl IdleConnections {
    pub(super) fn new(threads: usize) -> Self {
        Self((0..threads.max(1)).map(|_| [AtomicU32::new(0), AtomicU32::new(0)]).collect())
    }

    /// Sets a thread's numbers: connections that only served a first request, and those that proved themselves.
    pub fn set(&self, thread: usize, first: usize, safe: usize) {
        if let Some([first_cell, safe_cell]) = self.0.get(thread) {
            first_cell.store(u32::try_from(first).unwrap_or(u32::MAX), Relaxed);
            safe_cell.store(u32::try_from(safe).unwrap_or(u32::MAX), Relaxed);
        }
    }

    /// Connections that only served a first request (`idle_conn_cur`).
    #[must_use]
    pub fn first(&self) -> u32 {
        self.0.iter().map(|[first, _]| first.load(Relaxed)).sum()
    }

    /// Connections that proved themselves (`safe_conn_cur`).
    #[must_use]
    pub fn safe(&self) -> u32 {
        self.0.iter().map(|[_, safe]| safe.load(Relaxed)).sum()
    }

    /// The thread other than `own` that keeps most, when all threads together keep more than `low`; only those that proved
    /// themselves count with `safe_only`.
    #[must_use]
    pub(crate) fn richest_other(&self, own: usize, safe_only: bool, low: u32) -> Option<usize> {
        let (mut total, mut best) = (0, (0, None));
        for (thread, [first, safe]) in self.0.iter().enumerate() {
            let safe = safe.load(Relaxed);
            let all = first.load(Relaxed) + safe;
            total += all;
            let count = if safe_only { safe } else { all };
            if thread != own && count > best.0 {
                best = (count, Some(thread));
            }
        }
        best.1.filter(|_| total > low)
    }

    /// All of a thread.
    #[must_use]
    pub fn of(&self, thread: usize) -> u32 {
        self.0.get(thread).map_or(0, |[first, safe]| first.load(Relaxed) + safe.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_asks_the_one_that_has_most() {
        let idle = IdleConnections::new(3);
        idle.set(0, 9, 9);
        idle.set(1, 2, 0);
        idle.set(2, 0, 1);
        assert_eq!(idle.richest_other(0, false, 0), Some(1));
        assert_eq!(idle.richest_other(0, true, 0), Some(2), "connections that proved themselves");
        assert_eq!(idle.richest_other(1, false, 0), Some(0));
        assert_eq!(idle.richest_other(0, false, 21), None, "no more than pool-low-conn in all");
        assert_eq!(IdleConnections::new(2).richest_other(0, false, 0), None);
    }
}
