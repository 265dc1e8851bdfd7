//! What a thread holds of the state that all threads share: counted by the thread alone.
//!
//! A stream comes and goes with its backend and the names of its view. Counting that in an `Arc` would be a locked instruction each
//! time, on a cache line that every thread writes.

use crate::state::{BackendState, World};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

/// A backend as one thread holds it.
#[derive(Debug)]
pub(crate) struct OwnBackend {
    state: Arc<BackendState>,
    /// The backend's name.
    pub(crate) name: Rc<str>,
}

impl OwnBackend {
    /// The backends of all proxies, by [`haproxy_config::runtime::ProxyIndex`]; none where a proxy is only a frontend.
    pub(crate) fn of(world: &World) -> Box<[Option<Rc<Self>>]> {
        let own = |state: &Arc<BackendState>| {
            Rc::new(Self { name: Rc::from(&*state.config.name), state: Arc::clone(state) })
        };
        world.proxies.iter().map(|proxy| proxy.backend.as_ref().map(own)).collect()
    }
}

impl Deref for OwnBackend {
    type Target = Arc<BackendState>;

    fn deref(&self) -> &Self::Target {
        &self.state
    }
}
