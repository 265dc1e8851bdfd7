//! Counters written by one thread each and summed when read; gauges and rates shared by all.

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
    /// Sum of queue times, ms.
    QueueTime,
    /// Sum of connect times, ms.
    ConnectTime,
    /// Sum of response times, ms.
    ResponseTime,
    /// Sum of total times, ms.
    TotalTime,
    /// How many streams are in those sums.
    Timed,
}

const STATS: usize = Stat::Timed as usize + 1;

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

    /// Adds from a thread. Only that thread may pass its own number.
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

    /// Starts a counter at zero again, without writing in other threads' rows.
    pub fn clear(&self, stat: Stat) {
        self.cleared[stat as usize].store(self.sum(stat), Relaxed);
    }
}

/// A current value with its maximum.
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

/// A rate over a sliding second (haproxy-algorithms, part 2.1). Shared by all threads: it is touched once a connection or request.
#[derive(Debug, Default)]
pub struct Rate {
    /// Second (monotonic ms / 1000) in the high half, count in the low half.
    window: AtomicU64,
    previous: AtomicU64,
    max: AtomicU64,
}

impl Rate {
    /// Counts one event at a monotonic time in ms.
    pub fn hit(&self, now_ms: u64) {
        let second = (now_ms / 1000) & 0xffff_ffff;
        let mut old = self.window.load(Relaxed);
        loop {
            let same = old >> 32 == second;
            let new = if same { old + 1 } else { second << 32 | 1 };
            match self.window.compare_exchange_weak(old, new, Relaxed, Relaxed) {
                Ok(_) => {
                    if !same {
                        let adjacent = (old >> 32) + 1 == second;
                        self.previous.store(if adjacent { old & 0xffff_ffff } else { 0 }, Relaxed);
                    }
                    if new & 0xffff_ffff > self.max.load(Relaxed) {
                        self.max.fetch_max(new & 0xffff_ffff, Relaxed);
                    }
                    return;
                }
                Err(seen) => old = seen,
            }
        }
    }

    /// Events per second at a monotonic time in ms.
    #[must_use]
    pub fn read(&self, now_ms: u64) -> u64 {
        let second = (now_ms / 1000) & 0xffff_ffff;
        let window = self.window.load(Relaxed);
        let (previous, current) = match second.wrapping_sub(window >> 32) {
            0 => (self.previous.load(Relaxed), window & 0xffff_ffff),
            1 => (window & 0xffff_ffff, 0),
            _ => (0, 0),
        };
        if current == 0 && previous <= 1 {
            return previous;
        }
        (previous * (1000 - now_ms % 1000)) / 1000 + current
    }

    /// The highest count within one second.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max.load(Relaxed)
    }

    /// The maximum starts again.
    pub fn clear_max(&self) {
        self.max.store(0, Relaxed);
    }
}
