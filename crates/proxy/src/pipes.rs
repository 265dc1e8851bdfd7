//! Pipes through which a thread splices (`option splice-*`, `maxpipes`, `tune.pipesize`).
//!
//! A pipe is lent for as long as it holds bytes: an idle connection has none. An empty one comes back to its thread and serves the next
//! transfer; one that a stream leaves bytes in is closed. The process has `maxpipes` of them at most. A thread without a pipe copies.

use crate::process::Process;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use sys::pipe::Pipe;

/// The pipes of all threads.
#[derive(Debug, Default)]
pub struct PipeCounts {
    /// Pipes that hold bytes (`PipesUsed`).
    pub used: AtomicU32,
    /// Pipes that wait for their next use (`PipesFree`).
    pub free: AtomicU32,
}

/// The pipes of one thread.
#[derive(Debug)]
pub(crate) struct Pipes {
    process: Arc<Process>,
    free: RefCell<Vec<Pipe>>,
    /// Free pipes that the thread keeps: its share, so that every thread can have some.
    kept: usize,
}

impl Pipes {
    pub(crate) fn new(process: &Arc<Process>) -> Self {
        let kept = (process.maxpipes as usize / process.world.threads.max(1)).max(1);
        Self { process: Arc::clone(process), free: RefCell::default(), kept }
    }

    /// An empty pipe; none when there are enough, or the kernel has none.
    pub(crate) fn lend(self: &Rc<Self>) -> Option<LentPipe> {
        let counts = &self.process.pipes;
        let pipe = match self.free.borrow_mut().pop() {
            Some(pipe) => {
                counts.free.fetch_sub(1, Relaxed);
                pipe
            }
            None => {
                if counts.used.load(Relaxed) + counts.free.load(Relaxed) >= self.process.maxpipes {
                    return None;
                }
                Pipe::new(self.process.world.config.global.pipe_size).ok()?
            }
        };
        counts.used.fetch_add(1, Relaxed);
        Some(LentPipe { pipe: Some(pipe), held: 0, owner: Rc::clone(self) })
    }

    /// Bytes that left the process by way of a pipe.
    pub(crate) fn count(&self, bytes: usize) {
        self.process.spliced_bytes.fetch_add(bytes as u64, Relaxed);
    }
}

/// A pipe on loan.
#[derive(Debug)]
pub(crate) struct LentPipe {
    /// None once it is given back.
    pipe: Option<Pipe>,
    /// Bytes that it holds.
    pub(crate) held: usize,
    owner: Rc<Pipes>,
}

impl LentPipe {
    /// The pipe itself.
    pub(crate) fn pipe(&self) -> Option<&Pipe> {
        self.pipe.as_ref()
    }
}

impl Drop for LentPipe {
    fn drop(&mut self) {
        let counts = &self.owner.process.pipes;
        counts.used.fetch_sub(1, Relaxed);
        let Ok(mut free) = self.owner.free.try_borrow_mut() else { return };
        if self.held == 0
            && free.len() < self.owner.kept
            && let Some(pipe) = self.pipe.take()
        {
            counts.free.fetch_add(1, Relaxed);
            free.push(pipe);
        }
    }
}
