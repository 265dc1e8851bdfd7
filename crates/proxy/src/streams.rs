//! The streams of a thread, for `show sess`, `shutdown session` and orders that concern a server's streams; and what `show errors`
//! shows.

use crate::state::ServerRef;
use crate::timers::{AlarmId, Kill, Timers};
use haproxy_config::runtime::{ProxyIndex, ServerIndex};
use http1::ParserState;
use std::cell::RefCell;
use std::net::SocketAddr;

/// Identifies a stream in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId {
    thread: u32,
    slot: u32,
    number: u32,
}

impl StreamId {
    /// The thread that it runs on.
    #[must_use]
    pub fn thread(self) -> usize {
        self.thread as usize
    }

    /// A number that looks like the pointer that the reference prints and identifies the stream: `0x…`.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        (u64::from(self.thread) + 1) << 56 | u64::from(self.slot & 0x00ff_ffff) << 32 | u64::from(self.number)
    }

    /// The id behind such a number.
    #[must_use]
    pub fn from_u64(n: u64) -> Option<Self> {
        let thread = u32::try_from((n >> 56).checked_sub(1)?).ok()?;
        Some(Self { thread, slot: (n >> 32) as u32 & 0x00ff_ffff, number: n as u32 })
    }
}

/// Where a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// The request is being analysed.
    Request,
    /// It waits in a queue.
    Queued,
    /// It connects to a server.
    Connecting,
    /// It waits for the response or moves data.
    Established,
}

/// What `show sess` tells of a stream.
#[derive(Clone, Debug)]
pub struct StreamInfo {
    /// Its id.
    pub id: StreamId,
    /// Its number in the process (`%rt`).
    pub number: u32,
    /// Client address.
    pub src: Option<SocketAddr>,
    /// Frontend.
    pub frontend: ProxyIndex,
    /// Backend, once chosen.
    pub backend: Option<ProxyIndex>,
    /// Server, once chosen.
    pub server: Option<ServerIndex>,
    /// Where it is.
    pub state: StreamState,
    /// Monotonic ms of its start.
    pub started_ms: u64,
    /// Requests of its client connection before it.
    pub previous_requests: u32,
}

#[derive(Debug)]
struct Record {
    info: StreamInfo,
    alarm: AlarmId,
}

/// The streams of one thread.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    thread: u32,
    records: RefCell<Vec<Option<Record>>>,
    free: RefCell<Vec<u32>>,
}

impl Streams {
    pub(crate) fn new(thread: usize) -> Self {
        Self { thread: thread as u32, ..Self::default() }
    }

    /// Enters a stream; its slot.
    pub(crate) fn enter(&self, mut info: StreamInfo, alarm: AlarmId) -> u32 {
        let mut records = self.records.borrow_mut();
        let slot = match self.free.borrow_mut().pop() {
            Some(slot) => slot,
            None => {
                records.push(None);
                (records.len() - 1) as u32
            }
        };
        info.id = StreamId { thread: self.thread, slot: slot & 0x00ff_ffff, number: info.number };
        if let Some(place) = records.get_mut(slot as usize) {
            *place = Some(Record { info, alarm });
        }
        slot
    }

    /// The id to give to [`Streams::enter`]; it is replaced there.
    pub(crate) fn unknown_id() -> StreamId {
        StreamId { thread: 0, slot: 0, number: 0 }
    }

    /// Changes what is known of a stream.
    pub(crate) fn update(&self, slot: u32, change: impl FnOnce(&mut StreamInfo)) {
        if let Some(Some(record)) = self.records.borrow_mut().get_mut(slot as usize) {
            change(&mut record.info);
        }
    }

    /// A stream is over.
    pub(crate) fn leave(&self, slot: u32) {
        if let Some(place) = self.records.borrow_mut().get_mut(slot as usize)
            && place.take().is_some()
        {
            self.free.borrow_mut().push(slot);
        }
    }

    pub(crate) fn list(&self) -> Vec<StreamInfo> {
        self.records.borrow().iter().flatten().map(|record| record.info.clone()).collect()
    }

    pub(crate) fn kill(&self, id: StreamId, timers: &Timers) -> bool {
        let alarm = self.records.borrow().iter().flatten().find(|r| r.info.id == id).map(|r| r.alarm);
        if let Some(alarm) = alarm {
            timers.kill(alarm, Kill::Admin);
        }
        alarm.is_some()
    }

    pub(crate) fn kill_server(&self, server: ServerRef, kill: Kill, timers: &Timers) {
        let uses =
            |info: &StreamInfo| info.backend == Some(server.proxy) && info.server == Some(server.server);
        let alarms: Vec<AlarmId> =
            self.records.borrow().iter().flatten().filter(|r| uses(&r.info)).map(|r| r.alarm).collect();
        for alarm in alarms {
            timers.kill(alarm, kill);
        }
    }
}

/// An invalid message, as `show errors` shows it.
#[derive(Clone, Debug)]
pub struct ErrorCapture {
    /// Number of the event, counted from 0 over the process.
    pub event: u64,
    /// Wall-clock time, microseconds since 1970.
    pub at_us: u64,
    /// The proxy that it is kept for: the frontend of a request, the backend of a response.
    pub proxy: ProxyIndex,
    /// Whether it is a response.
    pub in_response: bool,
    /// The proxy on the other side.
    pub peer: Option<ProxyIndex>,
    /// The server, for a response.
    pub server: Option<ServerIndex>,
    /// Client address.
    pub src: Option<SocketAddr>,
    /// The bytes that were in the buffer.
    pub bytes: Vec<u8>,
    /// Room that was left in the buffer.
    pub free: usize,
    /// Offset of the error in the bytes.
    pub at: usize,
    /// Where the parser was.
    pub state: ParserState,
}
