//! One direction of a message's body: bytes of one side are decoded, framed anew, and written to the other side.
//!
//! Everything that is ready goes out in one gathered write: the head (or the chunk's size line), the payload in place in the buffer
//! it was received in, and what follows it. Without chunks nothing is copied. A slow writer stops the reading
//! side: nothing is read before what was read is written.
//!
//! With [`Flow::set_splice`] long runs of payload bypass the buffer: once everything else is written they go through a pipe. A chunk
//! that is spliced is announced whole, so that its pieces need no framing of their own.

use crate::buffer::Buffer;
use crate::splice::Splice;
use crate::transport::Transport;
use http1::{BodyError, CaseMap, Decoder, Framing, Piece, write_chunk_size};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Most slices of one write: prefix, payload, suffix.
const PARTS: usize = 3;

/// Payloads up to this size are copied behind the head instead of being gathered.
const JOINED: usize = 1024;

/// What a flow came to.
#[derive(Debug)]
pub(crate) enum FlowEvent {
    /// The body is complete and written.
    Done,
    /// The source ended its stream before the body did.
    SourceClosed,
    /// Reading failed.
    SourceFailed,
    /// Writing failed.
    SinkFailed,
    /// The source's bytes break the framing.
    Malformed(BodyError),
}

/// How a source has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceGone {
    /// It ended its stream.
    Closed,
    /// It reset the connection.
    Failed,
}

/// What a flow waits for when it is pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waits {
    /// For the source to send.
    pub(crate) read: bool,
    /// For the sink to take.
    pub(crate) write: bool,
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Flow {
    /// Received bytes: `payload` bytes decoded and not written, then raw ones.
    buffer: Option<Buffer>,
    payload: usize,
    /// Bytes of the payload that belong to the chunk (or run) that is being written.
    in_flight: usize,
    decoder: Decoder,
    chunked: bool,
    /// Head, chunk size line or trailers; written before the payload in flight.
    prefix: Vec<u8>,
    prefix_at: usize,
    /// Bytes after the payload in flight.
    suffix: &'static [u8],
    /// Bytes of a chunk whose size line was written and that are neither in flight nor in the pipe yet.
    owed: u64,
    /// How payload bypasses the buffer; none when it does not.
    splice: Option<Splice>,
    /// Trailers, ready to be sent.
    trailers: Vec<u8>,
    /// How the names of trailers are spelled.
    spelling: Option<Arc<CaseMap>>,
    /// The end of the body has been put in the prefix or suffix.
    ended: bool,
    /// How the source failed; told once what came before it is written.
    failure: Option<FlowEvent>,
    /// The payload goes nowhere: a body that is read only to get to the next message.
    discard: bool,
    waits: Waits,
    /// The sink's sending direction ends with the body.
    last: bool,
    /// Payload bytes decoded so far.
    pub(crate) payload_total: u64,
    /// What the end of a chunked body and its trailers count, once received.
    pub(crate) trailer_total: u64,
    /// Monotonic ms of the last read.
    pub(crate) read_at: u64,
    /// Monotonic ms of the last write, or of when writing began to wait.
    pub(crate) write_at: u64,
}

impl Flow {
    /// A flow of a body whose first bytes may be in `buffer` already. `head` is written before everything.
    pub(crate) fn new(framing: Framing, buffer: Buffer, head: Vec<u8>, now_ms: u64) -> Self {
        Self::with(Some(buffer), framing, head, now_ms)
    }

    fn with(buffer: Option<Buffer>, framing: Framing, head: Vec<u8>, now_ms: u64) -> Self {
        let decoder = Decoder::new(framing);
        Self {
            buffer,
            payload: 0,
            in_flight: 0,
            decoder,
            chunked: framing == Framing::Chunked,
            prefix: head,
            prefix_at: 0,
            suffix: b"",
            owed: 0,
            splice: None,
            trailers: Vec::new(),
            spelling: None,
            ended: decoder.is_done(),
            failure: None,
            discard: false,
            waits: Waits::default(),
            last: false,
            payload_total: 0,
            trailer_total: 0,
            read_at: now_ms,
            write_at: now_ms,
        }
    }

    /// From here on the payload goes nowhere.
    pub(crate) fn discard(&mut self) {
        self.discard = true;
        self.drop_output();
    }

    fn drop_output(&mut self) {
        if let Some(buffer) = &mut self.buffer {
            buffer.consume(self.payload);
        }
        self.payload = 0;
        self.in_flight = 0;
        self.prefix.clear();
        self.prefix_at = 0;
        self.suffix = b"";
        self.owed = 0;
        self.splice = None;
        self.ended = self.decoder.is_done();
    }

    /// Whether the payload goes nowhere.
    pub(crate) fn is_discarding(&self) -> bool {
        self.discard
    }

    /// From here on the payload goes nowhere; what stands in front of it is still written.
    pub(crate) fn discard_payload(&mut self) {
        if let Some(buffer) = &mut self.buffer {
            buffer.consume(self.payload);
        }
        self.payload = 0;
        self.discard = true;
    }

    /// Whether the payload is framed in chunks when it is written.
    pub(crate) fn set_chunked(&mut self, chunked: bool) {
        self.chunked = chunked;
    }

    /// From here on long runs of payload may go through a pipe.
    pub(crate) fn set_splice(&mut self, splice: Option<Splice>) {
        self.splice = splice;
    }

    /// The sink's sending direction ends with the body: the kernel may send the last bytes together with the end.
    pub(crate) fn set_last(&mut self, last: bool) {
        self.last = last;
    }

    /// `h1-case-adjust` of trailers, those included that were received already.
    pub(crate) fn adjust_trailers(&mut self, spelling: &Arc<CaseMap>) {
        spelling.adjust(&mut self.trailers);
        self.spelling = Some(Arc::clone(spelling));
    }

    /// The message is over; what follows on the connection is opaque.
    pub(crate) fn become_tunnel(&mut self) {
        self.decoder = Decoder::new(Framing::UntilClose);
        self.chunked = false;
        self.owed = 0;
        self.ended = false;
        self.last = false;
    }

    /// A flow that is over and holds nothing.
    pub(crate) fn without_buffer() -> Self {
        Self::with(None, Framing::None, Vec::new(), 0)
    }

    /// Whether the body was received and decoded to its end.
    pub(crate) fn is_received(&self) -> bool {
        self.decoder.is_done()
    }

    /// Whether everything was written.
    pub(crate) fn is_done(&self) -> bool {
        self.ended && !self.has_output()
    }

    /// Whether any byte of the head or body still waits to be written.
    fn has_output(&self) -> bool {
        self.prefix_at < self.prefix.len()
            || self.in_flight > 0
            || !self.suffix.is_empty()
            || self.piped() > 0
    }

    /// Payload in the pipe.
    fn piped(&self) -> usize {
        self.splice.as_ref().map_or(0, Splice::held)
    }

    /// What the last poll waited for.
    pub(crate) fn waits(&self) -> Waits {
        self.waits
    }

    /// What was received and neither decoded nor written, for error captures.
    pub(crate) fn undecoded(&self) -> &[u8] {
        self.buffer.as_ref().and_then(|b| b.data().get(self.payload..)).unwrap_or_default()
    }

    /// Payload that is decoded and not written.
    pub(crate) fn pending_payload(&self) -> &[u8] {
        self.buffer.as_ref().and_then(|b| b.data().get(..self.payload)).unwrap_or_default()
    }

    /// Ends the flow; what was received beyond the body comes back, and the head's memory.
    pub(crate) fn into_parts(mut self) -> (Option<Buffer>, Vec<u8>) {
        let mut prefix = std::mem::take(&mut self.prefix);
        prefix.clear();
        if let Some(buffer) = &mut self.buffer {
            buffer.consume(self.payload);
        }
        (self.buffer.take(), prefix)
    }

    /// Puts another head in front, for a retry on another connection. Nothing of the body may have been written.
    pub(crate) fn rewind(&mut self, head: Vec<u8>) {
        self.prefix = head;
        self.prefix_at = 0;
    }

    /// The body as it goes on the wire, complete: for a second try. It must have been received whole and not be under way yet.
    pub(crate) fn framed_body(&self) -> Vec<u8> {
        let mut framed = Vec::new();
        if self.discard {
            return framed;
        }
        let payload = self.pending_payload();
        if self.chunked {
            if !payload.is_empty() {
                write_chunk_size(payload.len() as u64, &mut framed);
                framed.extend_from_slice(payload);
                framed.extend_from_slice(b"\r\n");
            }
            framed.extend_from_slice(b"0\r\n");
            framed.extend_from_slice(&self.trailers);
            framed.extend_from_slice(b"\r\n");
        } else {
            framed.extend_from_slice(payload);
        }
        framed
    }

    /// Takes back what was not written of a body that was received whole: it is sent again from a copy.
    pub(crate) fn withdraw(&mut self) {
        self.drop_output();
        self.trailers.clear();
    }

    /// Gives up the memory of a head that was written, for the next one.
    pub(crate) fn recycle_prefix(&mut self) -> Vec<u8> {
        if self.prefix_at < self.prefix.len() || self.in_flight > 0 {
            return Vec::new();
        }
        self.prefix_at = 0;
        let mut prefix = std::mem::take(&mut self.prefix);
        prefix.clear();
        prefix
    }

    /// Decodes what is there, as far as it needs no more input.
    ///
    /// # Errors
    /// Where the bytes break the framing.
    pub(crate) fn decode(&mut self) -> Result<(), BodyError> {
        let Some(buffer) = &mut self.buffer else { return Ok(()) };
        while !self.decoder.is_done() {
            let raw = buffer.data().get(self.payload..).unwrap_or_default();
            if raw.is_empty() {
                break;
            }
            match self.decoder.decode(raw)? {
                Piece::End => break,
                Piece::Payload { skip, data } => {
                    if skip + data == 0 {
                        break;
                    }
                    buffer.close_gap(self.payload, skip);
                    self.payload_total += data as u64;
                    if self.discard {
                        buffer.consume(data);
                    } else {
                        self.payload += data;
                    }
                }
                Piece::Trailers { skip } => {
                    buffer.close_gap(self.payload, skip);
                    let raw = buffer.data().get(self.payload..).unwrap_or_default();
                    match self.decoder.trailers(raw, &mut self.trailers)? {
                        Some(taken) => {
                            // Counted without separators and line ends.
                            let lines = memchr::memchr_iter(b'\n', &self.trailers).count();
                            self.trailer_total = (self.trailers.len() - 4 * lines) as u64 + 1;
                            if let Some(spelling) = &self.spelling {
                                spelling.adjust(&mut self.trailers);
                            }
                            buffer.close_gap(self.payload, taken);
                        }
                        None => break,
                    }
                }
            }
        }
        Ok(())
    }

    /// Frames what is decoded, once the run before it was written. The first run goes out behind the head.
    fn encode(&mut self) {
        if self.in_flight > 0 || !self.suffix.is_empty() || self.ended {
            return;
        }
        // What is in the pipe comes before anything that would be framed now.
        if self.piped() > 0 && (self.chunked || self.payload > 0) {
            return;
        }
        if self.prefix_at >= self.prefix.len() {
            self.prefix.clear();
            self.prefix_at = 0;
        }
        let end = self.decoder.is_done();
        if self.discard {
            self.ended = end;
        } else if self.payload > 0 {
            // What is missing of a chunk that was announced whole comes first.
            let announced = self.owed > 0;
            let most = if announced { usize::try_from(self.owed).unwrap_or(usize::MAX) } else { usize::MAX };
            self.in_flight = self.payload.min(most);
            let last = end && self.trailers.is_empty() && self.in_flight == self.payload;
            if self.chunked {
                if announced {
                    self.owed -= self.in_flight as u64;
                } else {
                    write_chunk_size(self.in_flight as u64, &mut self.prefix);
                }
                self.suffix = match (self.owed > 0, last) {
                    (true, _) => b"",
                    (false, true) => b"\r\n0\r\n\r\n",
                    (false, false) => b"\r\n",
                };
            }
            self.ended = last;
            self.join_small();
        } else if end {
            if self.chunked {
                self.prefix.extend_from_slice(b"0\r\n");
                self.prefix.append(&mut self.trailers);
                self.prefix.extend_from_slice(b"\r\n");
            }
            self.ended = true;
        }
    }

    /// A small payload is copied behind its head: one plain write costs the kernel less than a gathered one.
    fn join_small(&mut self) {
        let Some(buffer) = &mut self.buffer else { return };
        if self.prefix.is_empty() || self.in_flight > JOINED {
            return;
        }
        self.prefix.extend_from_slice(buffer.data().get(..self.in_flight).unwrap_or_default());
        self.prefix.extend_from_slice(self.suffix);
        buffer.consume(self.in_flight);
        self.payload -= self.in_flight;
        self.in_flight = 0;
        self.suffix = b"";
    }

    /// Writes what is ready. Ready means that nothing is left to write now.
    fn poll_write(&mut self, cx: &mut Context<'_>, sink: &mut Transport) -> Poll<io::Result<()>> {
        loop {
            self.encode();
            if !self.has_output() {
                return Poll::Ready(Ok(()));
            }
            if self.prefix_at >= self.prefix.len() && self.piped() > 0 {
                ready!(self.poll_drain(cx, sink))?;
                continue;
            }
            let body = self.buffer.as_ref().and_then(|b| b.data().get(..self.in_flight)).unwrap_or_default();
            let prefix = self.prefix.get(self.prefix_at..).unwrap_or_default();
            let mut parts = [IoSlice::new(&[]); PARTS];
            let mut used = 0;
            for part in [prefix, body, self.suffix] {
                if let (false, Some(slot)) = (part.is_empty(), parts.get_mut(used)) {
                    *slot = IoSlice::new(part);
                    used += 1;
                }
            }
            let last = self.last && self.ended;
            let mut n = match sink.poll_write(cx, parts.get(..used).unwrap_or_default(), last) {
                Poll::Ready(Ok(n)) => n,
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Pending => {
                    self.waits.write = true;
                    return Poll::Pending;
                }
            };
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let head = n.min(self.prefix.len() - self.prefix_at);
            self.prefix_at += head;
            n -= head;
            let payload = n.min(self.in_flight);
            self.in_flight -= payload;
            self.payload -= payload;
            if let (true, Some(buffer)) = (payload > 0, &mut self.buffer) {
                buffer.consume(payload);
            }
            n -= payload;
            self.suffix = self.suffix.get(n..).unwrap_or_default();
        }
    }

    /// Writes what the pipe holds, once.
    fn poll_drain(&mut self, cx: &mut Context<'_>, sink: &mut Transport) -> Poll<io::Result<()>> {
        let last = self.last && self.ended;
        let Some(splice) = &mut self.splice else { return Poll::Ready(Ok(())) };
        let drained = splice.poll_drain(cx, sink, last);
        self.waits.write |= drained.is_pending();
        if ready!(drained)? == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        if self.piped() == 0 && self.chunked && self.owed == 0 {
            self.prefix.clear();
            self.prefix_at = 0;
            self.prefix.extend_from_slice(b"\r\n");
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the next payload is to bypass the buffer. Nothing else may wait to be written or decoded.
    fn wants_splice(&self) -> bool {
        let Some(splice) = &self.splice else { return false };
        splice.wants(self.decoder.run())
            && !self.discard
            && !self.has_output()
            && self.buffer.as_ref().is_none_or(Buffer::is_empty)
    }

    /// Fills the pipe; false at the end of the stream. None when there is no pipe, or the source cannot be spliced.
    fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Transport,
        now_ms: u64,
    ) -> Option<Poll<io::Result<bool>>> {
        let run = self.decoder.run();
        let filled = self.splice.as_mut()?.poll_fill(cx, source, run)?;
        if let Poll::Ready(Ok(n)) = filled {
            let n = n as u64;
            self.read_at = now_ms;
            self.payload_total += n;
            self.decoder.pass(n);
            if self.chunked && n > 0 {
                if self.owed == 0 {
                    self.prefix.clear();
                    self.prefix_at = 0;
                    write_chunk_size(run, &mut self.prefix);
                    self.owed = run;
                }
                self.owed -= n;
            }
        }
        self.waits.read |= filled.is_pending();
        Some(filled.map_ok(|n| n > 0))
    }

    /// Moves bytes until nothing more can be done now. A failure of the source is told after what came before it was written.
    ///
    /// The caller compares [`Flow::waits`] and the activity times with its timeouts when this is pending.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Transport,
        sink: &mut Transport,
        now_ms: u64,
    ) -> Poll<FlowEvent> {
        let polled = self.poll_moves(cx, source, sink, now_ms);
        if let Some(splice) = &mut self.splice {
            splice.rest();
        }
        if let (Poll::Ready(_), Some(buffer)) = (&polled, &mut self.buffer) {
            buffer.wait_empty();
        }
        polled
    }

    fn poll_moves(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Transport,
        sink: &mut Transport,
        now_ms: u64,
    ) -> Poll<FlowEvent> {
        let was_blocked = self.waits.write;
        self.waits = Waits::default();
        loop {
            if self.failure.is_none()
                && let Err(error) = self.decode()
            {
                self.failure = Some(FlowEvent::Malformed(error));
            }
            let before = self.output_left();
            let written = self.poll_write(cx, sink);
            if self.output_left() != before || (self.waits.write && !was_blocked) {
                self.write_at = now_ms;
            }
            match written {
                Poll::Ready(Err(_)) => return Poll::Ready(FlowEvent::SinkFailed),
                Poll::Ready(Ok(())) if self.is_done() => return Poll::Ready(FlowEvent::Done),
                Poll::Ready(Ok(())) => {
                    if let Some(failure) = self.failure.take() {
                        return Poll::Ready(failure);
                    }
                }
                // A slow sink stops the source: what the kernel holds for it need not be held here, too.
                Poll::Pending => {
                    if let Some(buffer) = &mut self.buffer {
                        buffer.wait_full();
                    }
                    return Poll::Pending;
                }
            }
            if self.decoder.is_done() || self.failure.is_some() {
                return Poll::Pending;
            }
            let spliced = if self.wants_splice() { self.poll_splice(cx, source, now_ms) } else { None };
            match spliced.unwrap_or_else(|| self.poll_fill(cx, source, now_ms)) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => {
                    if !self.decoder.end_of_stream() {
                        self.failure = Some(FlowEvent::SourceClosed);
                    }
                }
                Poll::Ready(Err(_)) => self.failure = Some(FlowEvent::SourceFailed),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Reads the body only, writing nothing: to buffer it (`wait-for-body`) or to drain it.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Transport,
        now_ms: u64,
    ) -> Poll<FlowEvent> {
        self.waits = Waits::default();
        loop {
            if let Err(error) = self.decode() {
                return Poll::Ready(FlowEvent::Malformed(error));
            }
            if self.decoder.is_done() {
                return Poll::Ready(FlowEvent::Done);
            }
            match self.poll_fill(cx, source, now_ms) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => {
                    let whole = self.decoder.end_of_stream();
                    return Poll::Ready(if whole { FlowEvent::Done } else { FlowEvent::SourceClosed });
                }
                Poll::Ready(Err(_)) => return Poll::Ready(FlowEvent::SourceFailed),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Whether and how the source has closed. What it sent before is kept for later, as far as it fits: `option abortonclose`.
    pub(crate) fn poll_source_gone(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Transport,
    ) -> Option<SourceGone> {
        let read_at = self.read_at;
        loop {
            match self.poll_fill(cx, source, read_at) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Some(SourceGone::Closed),
                Poll::Ready(Err(_)) => return Some(SourceGone::Failed),
                Poll::Pending => return None,
            }
        }
    }

    /// Whether the buffer holds as much as it can.
    pub(crate) fn is_full(&self) -> bool {
        self.buffer.as_ref().is_some_and(Buffer::is_full)
    }

    fn output_left(&self) -> usize {
        self.prefix.len() - self.prefix_at + self.in_flight + self.suffix.len() + self.payload + self.piped()
    }

    /// One read; false at the end of the stream, pending also when there is no room.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Transport,
        now_ms: u64,
    ) -> Poll<io::Result<bool>> {
        let buffer = self.buffer.get_or_insert_with(Buffer::take);
        buffer.compact();
        if buffer.room().is_empty() {
            return Poll::Pending;
        }
        let room = buffer.room().len();
        match source.poll_read(cx, buffer) {
            Poll::Ready(Ok(n)) => {
                if let Some(splice) = &mut self.splice {
                    splice.has_received(n, room / 2);
                }
                self.read_at = now_ms;
                Poll::Ready(Ok(n > 0))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                buffer.wait_empty();
                self.waits.read = true;
                Poll::Pending
            }
        }
    }
}
