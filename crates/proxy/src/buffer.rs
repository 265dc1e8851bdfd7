//! Pooled byte buffers of `tune.bufsize` and of twice that. An idle connection holds none; a dropped one goes back to its thread's pool.

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
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// An empty buffer from the thread's pool.
    pub(crate) fn take() -> Self {
        Self::take_sized(0)
    }

    /// An empty buffer of twice the size, for what servers send: a body of one plain buffer comes with its head in one read.
    pub(crate) fn take_double() -> Self {
        Self::take_sized(1)
    }

    fn take_sized(kind: usize) -> Self {
        let bytes = POOL.with_borrow_mut(|pool| {
            let free = pool.free.get_mut(kind).and_then(Vec::pop);
            free.unwrap_or_else(|| vec![0; pool.size * (kind + 1)].into_boxed_slice())
        });
        Self { bytes, start: 0, end: 0 }
    }

    /// What was received and not consumed.
    pub(crate) fn data(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Room for more.
    pub(crate) fn room(&mut self) -> &mut [u8] {
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
        self.bytes.len()
    }

    /// Whether nothing more fits, even after [`Buffer::compact`].
    pub(crate) fn is_full(&self) -> bool {
        self.len() == self.bytes.len()
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
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        // A thread that is going away has no pool any more; the buffer then goes to the allocator.
        let _ = POOL.try_with(|pool| {
            if let Ok(mut pool) = pool.try_borrow_mut()
                && let Some(kind) = (bytes.len() / pool.size).checked_sub(1)
                && let Some(free) = pool.free.get_mut(kind)
                && free.len() < KEPT
            {
                free.push(bytes);
            }
        });
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
    fn buffers_are_taken_again() {
        set_size(2048);
        let buffer = Buffer::take();
        let at = buffer.bytes.as_ptr();
        drop(buffer);
        assert_eq!(Buffer::take().bytes.as_ptr(), at);
    }
}
