//! What bus clients ask for, and what the bus is told.

use std::time::Instant;

use vrrp::InstanceId;
use vrrp::event::StateName;

use super::Shell;
use crate::dbus::{Objects, Request, Service, Wish};
use crate::log::normal;
use crate::{Report, dump};

impl Shell {
    /// Serves the bus that the configuration wants, if any.
    pub(super) fn serve_dbus(&mut self) {
        let wanted = self.config.global.daemon.dbus.clone();
        if self.dbus.as_ref().is_some_and(|service| wanted.as_ref().is_some_and(|w| service.is(w))) {
            return;
        }
        if let Some(before) = self.dbus.take() {
            // It says farewell in its own time.
            drop(before.stop());
        }
        if let (Some(settings), Some(objects)) = (wanted, self.objects()) {
            self.dbus = Some(Service::start(&settings, objects));
        }
    }

    fn objects(&self) -> Option<Objects> {
        let daemon = &self.config.global.daemon;
        let namespace =
            self.params.options.net_namespace.as_deref().or(daemon.identity.net_namespace.as_deref());
        let state = |position: usize| {
            self.router.instance(InstanceId(position)).map_or(StateName::Init, |i| i.state().name())
        };
        let identity = [namespace, daemon.identity.instance.as_deref()];
        Some(Objects::new(&self.config, daemon.dbus.as_ref()?, identity, state))
    }

    /// The configuration is another one: between the end of old instances and the start of new ones.
    pub(super) fn dbus_reloaded(&mut self) {
        let objects = self.objects();
        if let (Some(service), Some(objects)) = (&mut self.dbus, objects) {
            warn_unless(service.reloaded(objects));
        }
    }

    pub(super) fn dbus_state(&mut self, id: InstanceId, state: StateName) {
        if let Some(service) = &mut self.dbus {
            warn_unless(service.state(id.0, state));
        }
    }

    pub(super) fn dbus_request(&mut self, request: Request) {
        match request.wish {
            Wish::Data => {
                normal!("Printing VRRP data on DBus request");
                self.write_dump("data", dump::data);
            }
            Wish::Stats => {
                normal!("Printing VRRP stats on DBus request");
                self.write_dump("stats", |sources| dump::stats(sources.router));
            }
            Wish::ClearStats => {
                normal!("Printing and clearing VRRP stats on DBus request");
                self.write_dump("stats", |sources| dump::stats(sources.router));
                self.router.clear_stats();
            }
            Wish::Reload => (self.params.report)(Report::WantsReload),
            Wish::Garp(position) => {
                let id = InstanceId(position);
                if let Some(instance) = self.router.instance(id) {
                    normal!("Sending garps on {} on DBus request", instance.config().name);
                }
                self.router.announce(Instant::now(), id);
            }
        }
        // Who asked may be gone.
        let _ = request.done.send(());
    }
}

fn warn_unless(kept: bool) {
    if !kept {
        normal!("The bus does not keep up - changes are not told there");
    }
}
