//! Byte buffers of `tune.bufsize` and of twice that, whose memory comes from their thread's pool when it is needed.
//!
//! An idle connection holds none. A buffer whose owner waits gives its memory back, or keeps as much as what it holds takes.

use std::cell::RefCell;

/// Free buffers that a thread keeps; more are given back to the allocator.
const KEPT: usize = 128;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { size: 16_384, free: [Vec::new(), Vec::new()] }) };
}

struct Pool {
    size: usize,
    /// Plain buffers, double ones.
    free: [Vec<Box<[u8]>>; 2],
}

/// Sets the size of this thread's buffers (`tune.bufsize`); called once, before the first is taken.
pub(crate) fn set_size(size: usize) {
    POOL.with_borrow_mut(|pool| {
        pool.size = size.max(1024);
        pool.free = [Vec::new(), Vec::new()];
    });
}

/// A buffer: bytes that were received and not consumed, and room after them.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// Of the full size, of that of the data while its owner waits, or nothing.
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    /// The full size.
    size: usize,
}

impl Buffer {
    /// An empty buffer. It has no memory yet.
    pub(crate) fn take() -> Self {
        Self::of_plain_sizes(1)
    }

    /// An empty buffer of twice the size, for what servers send: a body of one plain buffer comes with its head in one read.
    pub(crate) fn take_double() -> Self {
        Self::of_plain_sizes(2)
    }

    fn of_plain_sizes(factor: usize) -> Self {
        let size = POOL.with_borrow(|pool| pool.size * factor);
        Self { bytes: Box::default(), start: 0, end: 0, size }
    }

    /// What was received and not consumed.
    pub(crate) fn data(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Room for more, at the full size.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.bytes.len() != self.size {
            self.resize(memory(self.size));
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// Number of bytes of [`Buffer::data`].
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn capacity(&self) -> usize {
        self.size
    }

    /// Whether nothing more fits, even after [`Buffer::compact`].
    pub(crate) fn is_full(&self) -> bool {
        self.len() == self.size
    }

    /// `n` bytes were put in the room.
    pub(crate) fn fill(&mut self, n: usize) {
        self.end = (self.end + n).min(self.bytes.len());
    }

    /// `n` bytes of the data are no longer needed.
    pub(crate) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Moves the data to the front when there is no room behind it.
    pub(crate) fn compact(&mut self) {
        if self.end == self.bytes.len() && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Closes a gap: the `gap` bytes at `at` of the data vanish, what follows moves up.
    pub(crate) fn close_gap(&mut self, at: usize, gap: usize) {
        let from = self.start + at + gap;
        if gap > 0 && from <= self.end {
            self.bytes.copy_within(from..self.end, self.start + at);
            self.end -= gap;
        }
    }

    /// Its owner waits for bytes: an empty buffer needs no memory meanwhile.
    pub(crate) fn wait_empty(&mut self) {
        if self.is_empty() && !self.bytes.is_empty() {
            give(std::mem::take(&mut self.bytes));
        }
    }

    /// Its owner waits until somebody takes what it holds, which may be long: the data keeps as much memory as it takes. Where the
    /// taker is slow, the next bytes are read at the plain size.
    pub(crate) fn wait_full(&mut self) {
        self.wait_empty();
        let plain = POOL.with_borrow(|pool| pool.size);
        self.size = self.size.min(plain.max(self.len()));
        if self.bytes.len() - self.len() >= SPARE {
            self.resize(vec![0; self.len()].into_boxed_slice());
        }
    }

    /// Moves the data to the front of other memory.
    fn resize(&mut self, mut bytes: Box<[u8]>) {
        let length = self.len();
        if let (Some(to), Some(from)) = (bytes.get_mut(..length), self.bytes.get(self.start..self.end)) {
            to.copy_from_slice(from);
        }
        self.start = 0;
        self.end = length;
        give(std::mem::replace(&mut self.bytes, bytes));
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        give(std::mem::take(&mut self.bytes));
    }
}

/// Less than this is not worth a copy, bytes.
const SPARE: usize = 2048;

/// Memory for a buffer of this size, which may be used memory.
fn memory(size: usize) -> Box<[u8]> {
    let used = POOL.with_borrow_mut(|pool| {
        let kind = pool.kind(size)?;
        pool.free.get_mut(kind)?.pop()
    });
    used.unwrap_or_else(|| vec![0; size].into_boxed_slice())
}

/// Gives memory back: to the pool when it has one of its sizes, else to the allocator.
fn give(bytes: Box<[u8]>) {
    if bytes.is_empty() {
        return;
    }
    // A thread that is going away has no pool any more.
    let _ = POOL.try_with(|pool| {
        if let Ok(mut pool) = pool.try_borrow_mut()
            && let Some(kind) = pool.kind(bytes.len())
            && let Some(free) = pool.free.get_mut(kind)
            && free.len() < KEPT
        {
            free.push(bytes);
        }
    });
}

impl Pool {
    fn kind(&self, size: usize) -> Option<usize> {
        match size {
            _ if size == self.size => Some(0),
            _ if size == 2 * self.size => Some(1),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(buffer: &mut Buffer, bytes: &[u8]) {
        buffer.room()[..bytes.len()].copy_from_slice(bytes);
        buffer.fill(bytes.len());
    }

    #[test]
    fn data_survives_compaction_and_gaps() {
        set_size(1024);
        let mut buffer = Buffer::take();
        put(&mut buffer, &[b'x'; 1020]);
        put(&mut buffer, b"abcd");
        buffer.consume(1020);
        assert!(buffer.room().is_empty());
        buffer.compact();
        assert_eq!(buffer.data(), b"abcd");
        assert_eq!(buffer.room().len(), 1020);
        buffer.close_gap(1, 2);
        assert_eq!(buffer.data(), b"ad");
        buffer.consume(2);
        assert!(buffer.is_empty());
    }

    #[test]
    fn memory_is_taken_again() {
        set_size(2048);
        let mut buffer = Buffer::take();
        let at = buffer.room().as_ptr();
        drop(buffer);
        assert_eq!(Buffer::take().room().as_ptr(), at);
    }

    #[test]
    fn who_waits_holds_no_more_than_the_data() {
        set_size(4096);
        let mut buffer = Buffer::take_double();
        assert_eq!(buffer.bytes.len(), 0);
        put(&mut buffer, &[b'x'; 3000]);
        buffer.consume(2990);
        buffer.wait_full();
        assert_eq!((buffer.data(), buffer.bytes.len()), (&[b'x'; 10][..], 10));
        assert!(!buffer.is_full());
        // From now on at the plain size.
        assert_eq!((buffer.room().len(), buffer.capacity()), (4086, 4096));
        put(&mut buffer, b"abc");
        assert_eq!(buffer.data(), b"xxxxxxxxxxabc");
        buffer.wait_empty();
        assert_eq!(buffer.bytes.len(), 4096);
        buffer.consume(13);
        buffer.wait_empty();
        assert_eq!((buffer.bytes.len(), buffer.data()), (0, &b""[..]));
    }

    #[test]
    fn what_does_not_fit_in_a_plain_buffer_keeps_its_size() {
        set_size(4096);
        let mut buffer = Buffer::take_double();
        put(&mut buffer, &[b'x'; 8192]);
        buffer.consume(1000);
        buffer.wait_full();
        assert_eq!((buffer.len(), buffer.capacity()), (7192, 7192));
        buffer.consume(7192);
        buffer.wait_full();
        assert_eq!((buffer.room().len(), buffer.capacity()), (4096, 4096));
    }
}
