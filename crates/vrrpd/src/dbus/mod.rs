//! `enable_dbus`: the interface org.keepalived.Vrrp1 on the system bus. keepalived.conf(5), "enable_dbus".
//!
//! A task of its own owns the connection and the objects. It learns of changes by messages that the event loop never waits
//! for, and passes on what clients ask for; a bus that hangs, ends or is not there yet delays no advert. Nothing of this runs
//! without the keyword.

mod bus;
mod objects;

use keepalived_config::resolved::Dbus;
use tokio::sync::oneshot;
use vrrp::event::StateName;

pub(crate) use objects::{Objects, Wish};

use crate::task::Task;

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
    task: Task<Change, Request>,
}

impl Service {
    /// Connects in the background.
    pub(crate) fn start(settings: &Dbus, objects: Objects) -> Self {
        let (task, told, wish) = Task::new(WISHES_MAX);
        tokio::spawn(bus::run(settings.service_name.clone(), objects, told, wish));
        Self { settings: settings.clone(), task }
    }

    /// Whether it runs with these settings.
    pub(crate) fn is(&self, settings: &Dbus) -> bool {
        self.settings == *settings
    }

    /// The next thing that a client asks for.
    pub(crate) async fn next(&mut self) -> Request {
        self.task.next().await
    }

    /// An instance entered a state. False when this is the first change that the bus is too slow for.
    pub(crate) fn state(&mut self, position: usize, state: StateName) -> bool {
        self.task.tell(Change::State(position, state))
    }

    /// A reload is in force.
    pub(crate) fn reloaded(&mut self, objects: Objects) -> bool {
        self.task.tell(Change::Reloaded(objects))
    }

    /// Says `VrrpStopped` and leaves the bus; the answer comes when that is done.
    pub(crate) fn stop(self) -> oneshot::Receiver<()> {
        self.task.stop(Change::Stopped)
    }
}
