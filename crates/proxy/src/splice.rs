//! How one direction of a stream splices: when, and the pipe that it has meanwhile (`option splice-auto`, `splice-request`,
//! `splice-response`).

use crate::front::Front;
use crate::own::OwnBackend;
use crate::pipes::{LentPipe, Pipes};
use crate::state::Stat;
use crate::transport::Transport;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

/// With fewer bytes to come than that a copy costs no more.
const WORTH: u64 = 4096;
/// `splice-auto` begins after so many bytes without a pause.
const STREAMING: u64 = 64 * 1024;
/// Most bytes of one move into a pipe. What the pipe holds bounds it, too.
const MOST: usize = 1 << 30;

/// Who counts the bytes of one direction of an HTTP stream, on both of its sides.
pub(crate) struct SpliceCounts {
    pub(crate) front: Rc<Front>,
    pub(crate) backend: Option<Rc<OwnBackend>>,
    /// Whether they come from the client.
    pub(crate) upward: bool,
}

impl SpliceCounts {
    fn count(&self, of_client: bool, stat: Stat, bytes: usize) {
        let (thread, bytes) = (self.front.thread.index, bytes as u64);
        if !of_client {
            if let Some(backend) = &self.backend {
                backend.counters.add(thread, stat, bytes);
            }
        } else if let Some(state) = self.front.state() {
            state.counters.add(thread, stat, bytes);
        }
    }

    fn received(&self, bytes: usize) {
        self.count(self.upward, Stat::SplicedIn, bytes);
    }

    fn sent(&self, bytes: usize) {
        self.count(!self.upward, Stat::SplicedOut, bytes);
    }
}

impl std::fmt::Debug for SpliceCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpliceCounts").field("upward", &self.upward).finish_non_exhaustive()
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Splice {
    pipes: Rc<Pipes>,
    /// None in TCP mode.
    counts: Option<SpliceCounts>,
    /// `option splice-auto`: only while the source streams.
    automatic: bool,
    /// Bytes that came without a pause.
    streamed: u64,
    /// The source or the kernel cannot do it.
    impossible: bool,
    lent: Option<LentPipe>,
}

impl Splice {
    pub(crate) fn new(pipes: &Rc<Pipes>, counts: Option<SpliceCounts>, automatic: bool) -> Self {
        Self { pipes: Rc::clone(pipes), counts, automatic, streamed: 0, impossible: false, lent: None }
    }

    /// Whether so many bytes to come are to be spliced.
    pub(crate) fn wants(&self, coming: u64) -> bool {
        !self.impossible && coming >= WORTH && (!self.automatic || self.streamed >= STREAMING)
    }

    /// `n` bytes came at once. Fewer than `much` are no stream.
    pub(crate) fn has_received(&mut self, n: usize, much: usize) {
        self.streamed = if n < much { 0 } else { self.streamed.saturating_add(n as u64) };
    }

    /// Bytes in the pipe.
    pub(crate) fn held(&self) -> usize {
        self.lent.as_ref().map_or(0, |lent| lent.held)
    }

    /// Moves what the source has into an empty pipe, `most` bytes at most; 0 is its end. None when there is no pipe, or when the source
    /// cannot be spliced: the bytes are to be copied then.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Transport,
        most: u64,
    ) -> Option<Poll<io::Result<usize>>> {
        if self.lent.is_none() {
            self.lent = self.pipes.lend();
        }
        let lent = self.lent.as_mut()?;
        let most = usize::try_from(most).unwrap_or(MOST).min(MOST);
        let filled = source.poll_fill(cx, lent.pipe()?, most);
        match &filled {
            Poll::Ready(Ok(n)) => {
                lent.held = *n;
                if let Some(counts) = &self.counts {
                    counts.received(*n);
                }
                self.has_received(*n, WORTH as usize);
            }
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => {
                self.impossible = true;
                self.lent = None;
                return None;
            }
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
        Some(filled)
    }

    /// Writes what the pipe holds, once. `last` as in [`Transport::poll_write`].
    pub(crate) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut Transport,
        last: bool,
    ) -> Poll<io::Result<usize>> {
        let Some(lent) = &mut self.lent else { return Poll::Ready(Ok(0)) };
        let Some(pipe) = lent.pipe() else { return Poll::Ready(Ok(0)) };
        let drained = sink.poll_drain(cx, pipe, lent.held, last);
        if let Poll::Ready(Ok(n)) = &drained {
            lent.held = lent.held.saturating_sub(*n);
            self.pipes.count(*n);
            if let Some(counts) = &self.counts {
                counts.sent(*n);
            }
        }
        drained
    }

    /// Nothing more can be done for now: nobody keeps an empty pipe meanwhile.
    pub(crate) fn rest(&mut self) {
        if self.held() == 0 {
            self.lent = None;
        }
    }
}
