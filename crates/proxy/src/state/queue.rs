//! What a stream holds while it waits for a server ([`QueueTicket`]) and while it uses one ([`ServerSlot`]). Both clean up on drop.

use super::backend::BackendState;
use super::server::ServerState;
use balance::Ticket;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// One of the streams that a server serves. Dropping it frees the slot and wakes who waits for it.
#[derive(Debug)]
pub struct ServerSlot {
    server: Arc<ServerState>,
}

impl ServerSlot {
    /// The slot that the algorithm counted already.
    pub(super) fn taken(server: &Arc<ServerState>) -> Self {
        server.streams.enter();
        Self { server: Arc::clone(server) }
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Arc<ServerState> {
        &self.server
    }
}

impl Deref for ServerSlot {
    type Target = Arc<ServerState>;

    fn deref(&self) -> &Arc<ServerState> {
        &self.server
    }
}

impl Drop for ServerSlot {
    fn drop(&mut self) {
        self.server.streams.leave();
        let shared = &self.server.shared;
        let woken = shared.core().release(self.server.at.server.0 as usize, shared.current_streams());
        self.server.wake(woken);
    }
}

/// How a wait in a queue ended.
#[derive(Debug)]
pub enum Dequeued {
    /// With a slot: connect to its server.
    Server(ServerSlot),
    /// The server that it waited for is gone: ask [`BackendState::assign`] again, without the persistence that led there.
    Rebalance,
}

/// How many requests were served from a queue while a stream waited there, itself included (`%sq`, `%bq`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct QueuePosition {
    /// In the server's queue.
    pub server: u64,
    /// In the backend's queue.
    pub backend: u64,
}

/// A place in a queue: a future that resolves when the wait ends. Works across threads; dropping it gives the place up.
#[derive(Debug)]
#[must_use = "a stream waits only while it holds its ticket"]
pub struct QueueTicket {
    backend: Arc<BackendState>,
    place: Ticket,
    waiter: Arc<Waiter>,
    position: Option<u64>,
}

impl QueueTicket {
    pub(super) fn new(backend: Arc<BackendState>, place: Ticket, waiter: Arc<Waiter>) -> Self {
        Self { backend, place, waiter, position: None }
    }

    /// The server whose own queue it is; none in the backend's queue.
    #[must_use]
    pub fn server(&self) -> Option<&Arc<ServerState>> {
        self.place.server.and_then(|index| self.backend.servers.get(index))
    }

    /// Leaves the queue (if the wait has not ended) and tells how many were served meanwhile, itself included if it was. For the
    /// log, after the end of the wait or at the queue's timeout (where the reference counts the one that leaves, too).
    pub fn leave(&mut self) -> QueuePosition {
        let position = match self.position {
            Some(position) => position,
            None => {
                let cancelled = self.backend.shared.core().cancel(self.place);
                if cancelled.is_some() {
                    self.server().map_or(&*self.backend.queue, |server| &server.queue).leave();
                }
                let position = cancelled.unwrap_or_else(|| self.waiter.position());
                self.position = Some(position);
                position
            }
        };
        if self.place.server.is_some() {
            QueuePosition { server: position, backend: 0 }
        } else {
            QueuePosition { server: 0, backend: position }
        }
    }
}

impl Future for QueueTicket {
    type Output = Dequeued;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Dequeued> {
        match self.waiter.poll(cx) {
            Poll::Ready((position, end)) => {
                self.position = Some(position);
                Poll::Ready(end)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for QueueTicket {
    fn drop(&mut self) {
        if self.position.is_none() {
            self.leave();
        }
        // A slot that was granted and never polled is freed with the waiter.
    }
}

/// The meeting point of a waiting stream and whoever frees a slot.
#[derive(Debug, Default)]
pub(super) struct Waiter(Mutex<Wait>);

#[derive(Debug, Default)]
enum Wait {
    #[default]
    Unpolled,
    Polled(Waker),
    Ended(u64, Dequeued),
    Taken(u64),
}

impl Waiter {
    fn lock(&self) -> MutexGuard<'_, Wait> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn grant(&self, server: &Arc<ServerState>, position: u64) {
        self.end(position, Dequeued::Server(ServerSlot::taken(server)));
    }

    pub(super) fn rebalance(&self, position: u64) {
        self.end(position, Dequeued::Rebalance);
    }

    fn end(&self, position: u64, end: Dequeued) {
        let before = std::mem::replace(&mut *self.lock(), Wait::Ended(position, end));
        if let Wait::Polled(waker) = before {
            waker.wake();
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<(u64, Dequeued)> {
        let mut wait = self.lock();
        match std::mem::take(&mut *wait) {
            Wait::Ended(position, end) => {
                *wait = Wait::Taken(position);
                Poll::Ready((position, end))
            }
            Wait::Taken(position) => {
                *wait = Wait::Taken(position);
                Poll::Pending
            }
            Wait::Unpolled | Wait::Polled(_) => {
                *wait = Wait::Polled(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn position(&self) -> u64 {
        match &*self.lock() {
            Wait::Ended(position, _) | Wait::Taken(position) => *position,
            Wait::Unpolled | Wait::Polled(_) => 0,
        }
    }
}
