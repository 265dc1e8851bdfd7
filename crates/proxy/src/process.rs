//! What all threads of the process share beside the world: connection counts, the stopping flag, stream numbers, error captures.

use crate::handover::Load;
use crate::pipes::PipeCounts;
use crate::state::{Tally, World};
use crate::streams::ErrorCapture;
use sample::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::Notify;

/// The process's shared numbers.
#[derive(Debug)]
pub struct Process {
    /// The world.
    pub world: Arc<World>,
    /// Limit on connections.
    maxconn: AtomicU64,
    /// Connections accepted since the start.
    cumulated_connections: AtomicU64,
    /// Those of them that have ended.
    ended_connections: AtomicU64,
    /// Those of them that a rule has looked at, or that ended before.
    admitted_connections: AtomicU64,
    /// Requests since the start (`CumReq`).
    pub cumulated_requests: Tally,
    /// How often the limit stopped accepting (`MaxconnReached`).
    pub maxconn_reached: AtomicU64,
    /// Connections a second, of all frontends.
    pub connection_rate: crate::state::Rate,
    /// Sessions a second, of all frontends.
    pub session_rate: crate::state::Rate,
    /// By thread.
    pub(crate) loads: Box<[Load]>,
    /// Most pipes of the process (`Maxpipes`).
    pub maxpipes: u32,
    /// The pipes that there are.
    pub pipes: PipeCounts,
    /// Bytes that were sent by way of a pipe (`TotalSplicedBytesOut`).
    pub spliced_bytes: AtomicU64,
    /// Panics that ended a connection and nothing else.
    pub panics: AtomicU64,
    stopping: AtomicBool,
    stop_announced: AtomicBool,
    stream_number: AtomicU32,
    /// Woken when a connection ends while listeners wait for one to end.
    pub(crate) freed: Notify,
    pub(crate) waiting_for_free: AtomicBool,
    captures: Mutex<Captures>,
    /// Variables of the `proc` scope.
    pub(crate) variables: RwLock<HashMap<Box<[u8]>, Value<'static>>>,
}

#[derive(Debug, Default)]
struct Captures {
    next: u64,
    /// By proxy id and side (false is requests).
    last: BTreeMap<(u32, bool), ErrorCapture>,
}

impl Process {
    pub(crate) fn new(world: Arc<World>, maxconn: u64, maxpipes: u32) -> Self {
        let loads = (0..world.threads).map(|_| Load::default()).collect();
        Self {
            cumulated_requests: Tally::new(world.threads),
            world,
            loads,
            maxconn: AtomicU64::new(maxconn.max(1)),
            cumulated_connections: AtomicU64::new(0),
            ended_connections: AtomicU64::new(0),
            admitted_connections: AtomicU64::new(0),
            maxconn_reached: AtomicU64::new(0),
            connection_rate: crate::state::Rate::default(),
            session_rate: crate::state::Rate::default(),
            maxpipes,
            pipes: PipeCounts::default(),
            spliced_bytes: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            stop_announced: AtomicBool::new(false),
            stream_number: AtomicU32::new(0),
            freed: Notify::new(),
            waiting_for_free: AtomicBool::new(false),
            captures: Mutex::default(),
            variables: RwLock::default(),
        }
    }

    /// The limit on connections.
    #[must_use]
    pub fn maxconn(&self) -> u64 {
        self.maxconn.load(Relaxed)
    }

    /// `set maxconn global`
    pub fn set_maxconn(&self, maxconn: u64) {
        self.maxconn.store(maxconn.max(1), Relaxed);
        self.freed.notify_waiters();
    }

    /// Current client connections of all frontends.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.accepted_without(&self.ended_connections)
    }

    /// Connections accepted since the start (`CumConns`).
    #[must_use]
    pub fn cumulated_connections(&self) -> u64 {
        self.cumulated_connections.load(Relaxed)
    }

    /// Accepted connections that no rule has looked at yet: limits of sessions count them. Kept by sessions, by their life.
    pub(crate) fn admitting(&self) -> u64 {
        self.accepted_without(&self.admitted_connections)
    }

    /// Two counters that only grow make one atomic operation of what would be two when a connection comes. The one that lags is read
    /// first, so that the other one is never behind it.
    fn accepted_without(&self, lagging: &AtomicU64) -> u64 {
        let lagging = lagging.load(Acquire);
        self.cumulated_connections.load(Relaxed).saturating_sub(lagging)
    }

    /// Whether a soft stop has begun.
    #[must_use]
    pub fn stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Whether a stop has been asked for, begun or not (`Stopping` of `show info`).
    #[must_use]
    pub fn stop_announced(&self) -> bool {
        self.stop_announced.load(Relaxed) || self.stopping()
    }

    pub(crate) fn announce_stop(&self) {
        self.stop_announced.store(true, Relaxed);
    }

    pub(crate) fn begin_stop(&self) -> bool {
        !self.stopping.swap(true, Relaxed)
    }

    /// The next stream's number (`%rt`), counted from 0 over the whole process.
    pub fn next_stream_number(&self) -> u32 {
        self.stream_number.fetch_add(1, Relaxed)
    }

    /// How many streams were numbered so far (`CumStreams`).
    #[must_use]
    pub fn streams_numbered(&self) -> u32 {
        self.stream_number.load(Relaxed)
    }

    /// `clear counters`: the maxima of the process's rates start again, with `all` its counters too.
    pub fn clear_rates(&self, all: bool) {
        self.connection_rate.clear_max();
        self.session_rate.clear_max();
        if all {
            self.maxconn_reached.store(0, Relaxed);
        }
    }

    /// A connection comes: one more of the current ones, and one that no rule has looked at yet.
    pub(crate) fn enter_connection(&self) {
        self.cumulated_connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn leave_connection(&self) {
        self.ended_connections.fetch_add(1, Release);
        if self.waiting_for_free.load(Relaxed) {
            self.waiting_for_free.store(false, Relaxed);
            self.freed.notify_waiters();
        }
    }

    /// A rule has looked at a connection, or none ever will.
    pub(crate) fn was_admitted(&self) {
        self.admitted_connections.fetch_add(1, Release);
    }

    /// Keeps an invalid message for `show errors`.
    pub(crate) fn capture_error(&self, mut capture: ErrorCapture) {
        let mut captures = self.captures.lock().unwrap_or_else(PoisonError::into_inner);
        capture.event = captures.next;
        captures.next += 1;
        captures.last.insert((capture.proxy.0, capture.in_response), capture);
    }

    /// Every kept message, by proxy.
    #[must_use]
    pub fn errors(&self) -> Vec<ErrorCapture> {
        self.captures.lock().unwrap_or_else(PoisonError::into_inner).last.values().cloned().collect()
    }

    /// How many messages were captured since the start.
    #[must_use]
    pub fn errors_captured(&self) -> u64 {
        self.captures.lock().unwrap_or_else(PoisonError::into_inner).next
    }
}
