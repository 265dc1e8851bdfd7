//! Counters written by one thread each and summed when read; gauges shared by all.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Which counter. One list for listeners, frontends, backends and servers (haproxy-stream, part 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Stat {
    /// Connections accepted (`conn_tot`).
    Connections,
    /// Sessions, streams or connection attempts (`stot`).
    Sessions,
    /// Requests (`req_tot`).
    Requests,
    /// `bin`
    BytesIn,
    /// `bout`
    BytesOut,
    /// `dreq`
    DeniedRequests,
    /// `dresp`
    DeniedResponses,
    /// `ereq`
    RequestErrors,
    /// `econ`
    ConnectErrors,
    /// `eresp`
    ResponseErrors,
    /// `wretr`
    Retries,
    /// `wredis`
    Redispatches,
    /// `dcon`
    DeniedConnections,
    /// `dses`
    DeniedSessions,
    /// `hrsp_1xx`
    Status1xx,
    /// `hrsp_2xx`
    Status2xx,
    /// `hrsp_3xx`
    Status3xx,
    /// `hrsp_4xx`
    Status4xx,
    /// `hrsp_5xx`
    Status5xx,
    /// `hrsp_other`
    StatusOther,
    /// `cli_abrt`
    ClientAborts,
    /// `srv_abrt`
    ServerAborts,
    /// `intercepted`
    Intercepted,
    /// `connect`
    Connects,
    /// `reuse`
    Reuses,
    /// `lbtot`
    Balanced,
    /// `wrew`
    FailedRewrites,
    /// `eint`
    InternalErrors,
    /// `chkfail`
    ChecksFailed,
    /// `chkdown`: times that it went down.
    Downs,
    /// `hanafail`
    HealthAnalyses,
    /// `h1_spliced_bytes_in`: bytes that came by way of a pipe from this side's peers.
    SplicedIn,
    /// `h1_spliced_bytes_out`: bytes that went by way of a pipe to this side's peers.
    SplicedOut,
}

const STATS: usize = Stat::SplicedOut as usize + 1;

/// One set of counters: a row a thread, each row written by its thread alone.
#[derive(Debug)]
pub struct Counters {
    threads: Box<[Row]>,
    cleared: [AtomicU64; STATS],
}

#[derive(Debug)]
#[repr(align(64))]
struct Row([AtomicU64; STATS]);

fn zeros() -> [AtomicU64; STATS] {
    std::array::from_fn(|_| AtomicU64::new(0))
}

impl Counters {
    /// All zero, for a number of threads.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self { threads: (0..threads.max(1)).map(|_| Row(zeros())).collect(), cleared: zeros() }
    }

    /// Adds from a thread. A thread may pass its own number only: two threads that write one row lose counts. What runs outside of
    /// the worker threads' loops (the master, tests) passes 0 while thread 0 does not run. A number past the end counts nowhere.
    pub fn add(&self, thread: usize, stat: Stat, n: u64) {
        if let Some(cell) = self.threads.get(thread).and_then(|row| row.0.get(stat as usize)) {
            cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
        }
    }

    /// Adds one from a thread.
    pub fn bump(&self, thread: usize, stat: Stat) {
        self.add(thread, stat, 1);
    }

    /// The sum over all threads since start or the last clear.
    #[must_use]
    pub fn total(&self, stat: Stat) -> u64 {
        self.sum(stat).wrapping_sub(self.cleared[stat as usize].load(Relaxed))
    }

    fn sum(&self, stat: Stat) -> u64 {
        self.threads.iter().fold(0, |sum, row| sum.wrapping_add(row.0[stat as usize].load(Relaxed)))
    }

    /// Starts every counter at zero again.
    pub fn clear_all(&self) {
        for (index, cleared) in self.cleared.iter().enumerate() {
            let cells = self.threads.iter().filter_map(|row| row.0.get(index));
            cleared.store(cells.fold(0, |sum: u64, cell| sum.wrapping_add(cell.load(Relaxed))), Relaxed);
        }
    }

    /// Starts a counter at zero again, without writing in other threads' rows.
    pub fn clear(&self, stat: Stat) {
        self.cleared[stat as usize].store(self.sum(stat), Relaxed);
    }
}

/// A counter of the process: a cell a thread, as in [`Counters`].
#[derive(Debug)]
pub struct Tally(Box<[Cell]>);

#[derive(Debug, Default)]
#[repr(align(64))]
struct Cell(AtomicU64);

impl Tally {
    /// Zero, for a number of threads.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self((0..threads.max(1)).map(|_| Cell::default()).collect())
    }

    /// Adds from a thread, under the rules of [`Counters::add`].
    pub fn add(&self, thread: usize, n: u64) {
        if let Some(Cell(cell)) = self.0.get(thread) {
            cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
        }
    }

    /// The sum over all threads.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, Cell(cell)| sum.wrapping_add(cell.load(Relaxed)))
    }
}

/// A current value with its maximum, shared by all threads.
#[derive(Debug, Default)]
pub struct Gauge {
    current: AtomicU64,
    max: AtomicU64,
}

impl Gauge {
    /// One more; returns the new value.
    pub fn enter(&self) -> u64 {
        let now = self.current.fetch_add(1, Relaxed) + 1;
        if now > self.max.load(Relaxed) {
            self.max.fetch_max(now, Relaxed);
        }
        now
    }

    /// One less.
    pub fn leave(&self) {
        self.current.fetch_sub(1, Relaxed);
    }

    /// The current value.
    #[must_use]
    pub fn current(&self) -> u64 {
        self.current.load(Relaxed)
    }

    /// The highest value since start or the last clear.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max.load(Relaxed)
    }

    /// The maximum starts again at the current value.
    pub fn clear_max(&self) {
        self.max.store(self.current(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_summed_and_clear_keeps_other_threads_rows() {
        let counters = Counters::new(2);
        counters.add(0, Stat::BytesIn, 5);
        counters.add(1, Stat::BytesIn, 7);
        counters.bump(9, Stat::BytesIn);
        assert_eq!(counters.total(Stat::BytesIn), 12);
        counters.clear(Stat::BytesIn);
        counters.bump(1, Stat::BytesIn);
        assert_eq!((counters.total(Stat::BytesIn), counters.total(Stat::BytesOut)), (1, 0));
    }

    #[test]
    fn gauges_keep_their_maximum() {
        let gauge = Gauge::default();
        gauge.enter();
        gauge.enter();
        gauge.leave();
        assert_eq!((gauge.current(), gauge.max()), (1, 2));
        gauge.clear_max();
        assert_eq!(gauge.max(), 1);
    }
}
