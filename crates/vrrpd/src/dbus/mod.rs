//! `enable_dbus`: the interface org.keepalived.Vrrp1 on the system bus. keepalived.conf(5), "enable_dbus".
//!
//! A task of its own owns the connection and the objects. It learns of changes by messages that the event loop never waits
//! for, and passes on what clients ask for; a bus that hangs, ends or is not there yet delays no advert. Nothing of this runs
//! without the keyword.

mod bus;
mod objects;

use keepalived_config::resolved::Dbus;
use tokio::sync::{mpsc, oneshot};
use vrrp::event::StateName;

pub(crate) use objects::{Objects, Wish};

/// Changes that may wait for the bus. What comes after is lost, and said to be.
const CHANGES_MAX: usize = 4096;
/// Wishes that may wait for the event loop; clients wait then.
const WISHES_MAX: usize = 16;

/// What the task is told.
#[derive(Debug)]
enum Change {
    /// An instance, by its place in the configuration, entered a state.
    State(usize, StateName),
    /// A reload: these are the objects now.
    Reloaded(Objects),
    /// The end: say so, and tell when it was said.
    Stopped(oneshot::Sender<()>),
}

/// What a client asks for. It has its answer when `done` is used or dropped.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) wish: Wish,
    pub(crate) done: oneshot::Sender<()>,
}

/// The running service.
#[derive(Debug)]
pub(crate) struct Service {
    settings: Dbus,
    changes: mpsc::Sender<Change>,
    requests: mpsc::Receiver<Request>,
    overflowed: bool,
}

impl Service {
    /// Connects in the background.
    pub(crate) fn start(settings: &Dbus, objects: Objects) -> Self {
        let (changes, told) = mpsc::channel(CHANGES_MAX);
        let (wish, requests) = mpsc::channel(WISHES_MAX);
        tokio::spawn(bus::run(settings.service_name.clone(), objects, told, wish));
        Self { settings: settings.clone(), changes, requests, overflowed: false }
    }

    /// Whether it runs with these settings.
    pub(crate) fn is(&self, settings: &Dbus) -> bool {
        self.settings == *settings
    }

    /// The next thing that a client asks for.
    pub(crate) async fn next(&mut self) -> Request {
        match self.requests.recv().await {
            Some(request) => request,
            // The task is gone; nobody asks any more.
            None => std::future::pending().await,
        }
    }

    /// An instance entered a state. False when this is the first change that the bus is too slow for.
    pub(crate) fn state(&mut self, position: usize, state: StateName) -> bool {
        self.tell(Change::State(position, state))
    }

    /// A reload is in force.
    pub(crate) fn reloaded(&mut self, objects: Objects) -> bool {
        self.tell(Change::Reloaded(objects))
    }

    /// Says `VrrpStopped` and leaves the bus; the answer comes when that is done.
    pub(crate) fn stop(mut self) -> oneshot::Receiver<()> {
        let (said, done) = oneshot::channel();
        self.tell(Change::Stopped(said));
        done
    }

    fn tell(&mut self, change: Change) -> bool {
        let full = self.changes.try_send(change).is_err();
        let first = full && !self.overflowed;
        self.overflowed = full;
        !first
    }
}
