//! The event loop's end of a task that owns a connection, to a bus or an agent: what the task is told and what it wants.
//!
//! The event loop never waits for the task. What comes too fast for it is lost, and said to be.

use tokio::sync::{mpsc, oneshot};

/// Changes that may wait for the task.
const CHANGES_MAX: usize = 4096;

/// Tells the task `C`s and hears `W`s.
#[derive(Debug)]
pub(crate) struct Task<C, W> {
    changes: mpsc::Sender<C>,
    wishes: mpsc::Receiver<W>,
    overflowed: bool,
}

impl<C, W> Task<C, W> {
    /// This end, and the task's own ends. Of its wishes `wishes_max` may wait for the event loop; the task waits then.
    pub(crate) fn new(wishes_max: usize) -> (Self, mpsc::Receiver<C>, mpsc::Sender<W>) {
        let (changes, told) = mpsc::channel(CHANGES_MAX);
        let (wish, wishes) = mpsc::channel(wishes_max);
        (Self { changes, wishes, overflowed: false }, told, wish)
    }

    /// The next thing that the task wants.
    pub(crate) async fn next(&mut self) -> W {
        match self.wishes.recv().await {
            Some(wish) => wish,
            // The task is gone; nobody asks any more.
            None => std::future::pending().await,
        }
    }

    /// False when this is the first change that is lost because the task does not keep up.
    pub(crate) fn tell(&mut self, change: C) -> bool {
        let full = self.changes.try_send(change).is_err();
        let first = full && !self.overflowed;
        self.overflowed = full;
        !first
    }

    /// Ends the task after what it was told before: `stopped` is the last change. The answer comes when it has ended.
    pub(crate) fn stop(mut self, stopped: fn(oneshot::Sender<()>) -> C) -> oneshot::Receiver<()> {
        let (said, done) = oneshot::channel();
        self.tell(stopped(said));
        done
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A number, or the end.
    type Change = Result<usize, oneshot::Sender<()>>;

    #[test]
    fn the_first_change_that_is_lost_is_said_once() {
        let (mut task, mut told, _wish) = Task::<Change, ()>::new(1);
        assert!((0..CHANGES_MAX).all(|number| task.tell(Ok(number))));
        assert!(!task.tell(Ok(0)));
        assert!(task.tell(Ok(0)));
        assert_eq!(told.try_recv().unwrap().unwrap(), 0);
        assert!(task.tell(Ok(1)));
        assert!(!task.tell(Ok(2)));
    }

    #[test]
    fn what_was_told_before_the_end_comes_before_it() {
        let (mut task, mut told, _wish) = Task::<Change, ()>::new(1);
        task.tell(Ok(7));
        let mut done = task.stop(Err);
        assert_eq!(told.try_recv().unwrap().unwrap(), 7);
        assert!(done.try_recv().is_err());
        told.try_recv().unwrap().unwrap_err().send(()).unwrap();
        assert_eq!(done.try_recv(), Ok(()));
    }
}
