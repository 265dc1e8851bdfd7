//! Which thread gets an accepted connection (`tune.listener.multi-queue`), and how it gets there.
//!
//! Every thread of a listening socket accepts; whichever the kernel woke then hands the connection to the thread that has the fewest
//! ones, of a sample of two that moves on with each connection, or to each in turn. A socket that only one thread accepts on has no
//! [`Queue`] and pays nothing.

use crate::front::Front;
use crate::listener::{self, Accepted};
use crate::process::Process;
use crate::session;
use haproxy_config::runtime::{MultiQueue, ProxyIndex};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a thread has to do, as the others see it.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Client connections, those on their way to it included.
    connections: AtomicUsize,
    /// It takes no connection from others any more.
    closed: AtomicBool,
}

// The order of both matters: who enters a connection sees that the thread is closed, or a thread that closes sees the connection.
impl Load {
    pub(crate) fn enter(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn leave(&self) {
        self.connections.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Enters a connection from another thread; false when it is closed.
    fn enter_from_outside(&self) -> bool {
        self.enter();
        let open = !self.closed.load(Ordering::SeqCst);
        if !open {
            self.leave();
        }
        open
    }
}

/// A listening socket that several threads accept on.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Identifies it in the process.
    pub(crate) id: usize,
    threads: Vec<usize>,
    fair: bool,
    turn: AtomicUsize,
}

impl Queue {
    /// None when connections stay where they were accepted.
    pub(crate) fn new(id: usize, threads: Vec<usize>, policy: MultiQueue) -> Option<Self> {
        let fair = match policy {
            MultiQueue::On => false,
            MultiQueue::Fair => true,
            MultiQueue::Off => return None,
        };
        (threads.len() > 1).then_some(Self { id, threads, fair, turn: AtomicUsize::new(0) })
    }

    /// The thread for a connection that the thread `own` accepted.
    fn choose(&self, own: usize, connections: impl Fn(usize) -> usize) -> usize {
        let count = self.threads.len();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        // Every pair comes in turn.
        let first = turn % count;
        let second = (first + 1 + turn / count % (count - 1)) % count;
        let at = |index: usize| self.threads.get(index).copied().unwrap_or(own);
        let (first, second) = (at(first), at(second));
        if self.fair {
            return first;
        }
        let best = if connections(second) < connections(first) { second } else { first };
        if connections(own) < connections(best) { own } else { best }
    }
}

/// Starts the session of an accepted connection, here or on another thread.
pub(crate) fn place(front: &Rc<Front>, accepted: Accepted) {
    let Some(queue) = &front.queue else { return session::start(front, accepted) };
    let thread = &front.thread;
    let loads = &thread.process.loads;
    let chosen = queue.choose(thread.index, |index| loads.get(index).map_or(usize::MAX, Load::connections));
    if chosen == thread.index {
        return session::start(front, accepted);
    }
    let Some(load) = loads.get(chosen) else { return session::start(front, accepted) };
    if !load.enter_from_outside() {
        // It may have waited for just this connection to leave.
        thread.control.look_again(chosen);
        return session::start(front, accepted);
    }
    listener::enter(front);
    let travelling = Travelling {
        process: Arc::clone(&thread.process),
        frontend: front.index,
        bind: front.bind,
        thread: chosen,
        accepted: Some(accepted),
    };
    thread.control.hand_over(chosen, queue.id, travelling);
}

/// A counted connection on its way to another thread. What never gets there counts no longer.
pub(crate) struct Travelling {
    process: Arc<Process>,
    frontend: ProxyIndex,
    bind: usize,
    thread: usize,
    accepted: Option<Accepted>,
}

impl Travelling {
    /// It has arrived, at the event loop of this thread. Its counts are those of the session that begins now.
    pub(crate) fn arrive(mut self) -> Option<Accepted> {
        let accepted = self.accepted.take()?.at_home();
        if accepted.is_err() {
            self.count_out();
        }
        accepted.ok()
    }

    fn count_out(&self) {
        self.process.was_admitted();
        listener::leave(&self.process, self.frontend, self.bind);
        if let Some(load) = self.process.loads.get(self.thread) {
            load.leave();
        }
    }
}

impl Drop for Travelling {
    fn drop(&mut self) {
        if self.accepted.take().is_some() {
            self.count_out();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn places(policy: MultiQueue, own: usize, mut loads: Vec<usize>, count: usize) -> Vec<usize> {
        let queue = Queue::new(0, (0..loads.len()).collect(), policy).unwrap();
        (0..count)
            .map(|_| {
                let chosen = queue.choose(own, |index| loads[index]);
                loads[chosen] += 1;
                chosen
            })
            .collect()
    }

    #[test]
    fn the_less_loaded_thread_gets_it() {
        assert_eq!(places(MultiQueue::On, 0, vec![0, 0], 4), [0, 1, 0, 1]);
        assert_eq!(places(MultiQueue::On, 0, vec![5, 0], 5), [1; 5]);
        // Own is better than both of the sample.
        assert_eq!(places(MultiQueue::On, 2, vec![5, 5, 0], 1), [2]);
        let mut found = [0; 4];
        for thread in places(MultiQueue::On, 1, vec![0; 4], 400) {
            found[thread] += 1;
        }
        assert!(found.iter().all(|&n| (95..=105).contains(&n)), "{found:?}");
    }

    #[test]
    fn each_in_turn_whatever_their_load() {
        assert_eq!(places(MultiQueue::Fair, 0, vec![9, 0, 0], 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn no_queue_where_there_is_no_choice() {
        assert!(Queue::new(0, vec![0, 1], MultiQueue::Off).is_none());
        assert!(Queue::new(0, vec![3], MultiQueue::On).is_none());
    }

    #[test]
    fn a_closed_thread_takes_none_from_outside() {
        let load = Load::default();
        assert!(load.enter_from_outside());
        load.close();
        assert!(!load.enter_from_outside());
        assert_eq!(load.connections(), 1);
    }
}
