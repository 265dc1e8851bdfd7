//! Carrying out what the core wants.

use std::net::IpAddr;
use std::time::SystemTime;

use vrrp::event::StateName;
use vrrp::router::Who;
use vrrp::{Family, InstanceId, Output, Vip};

use super::{Shell, announcing_mac, is_forwarding, kind};
use crate::log::{self, detail, normal};
use crate::routes::Kernel;
use crate::{fifo, notify, smtp};

impl Shell {
    pub(super) async fn carry_out(&mut self, output: Output) {
        match output {
            Output::Log(event) => log::event(&event),
            Output::Send { instance, destination, source, datagram } => {
                self.send(instance, source, destination, &datagram)
            }
            Output::AddAddresses(id) => {
                if let Some(instance) = self.config.instances.get(id.0) {
                    self.firewall.block(instance, &self.interfaces);
                }
                self.addresses.add(id, &self.interfaces, &self.route);
                self.routes.add(id, &self.interfaces, &self.route);
            }
            Output::RemoveAddresses(id) => {
                self.remove_routes(id, false);
                self.addresses.remove(id, &self.interfaces, &self.route);
                if let Some(instance) = self.config.instances.get(id.0) {
                    self.firewall.unblock(instance, &self.interfaces);
                }
            }
            Output::PurgeAddresses(id) => {
                self.remove_routes(id, true);
                self.addresses.purge(id, &self.interfaces, &self.route);
            }
            Output::SendGarp(vip) => self.announce(vip),
            Output::AnnounceSource(id) => self.announce_source(id),
            Output::Notify { who, state, priority } => self.notify(who, state, priority),
            Output::NotifyHeardLower(id) => {
                let command = self
                    .config
                    .instances
                    .get(id.0)
                    .and_then(|instance| instance.notify.master_rx_lower_pri.clone());
                if let Some(command) = command {
                    self.runner.run(&command, Vec::new());
                }
                self.write_fifos(Who::Instance(id), "MASTER_RX_LOWER_PRI");
            }
            Output::AdvertError { instance, source, error } => {
                self.snmp_advert_error(instance, source, error);
            }
            Output::NotifyPriority(id) => self.notify_priority(id),
            Output::RunScript(id) => {
                if let Some(script) = self.config.scripts.get(id.0) {
                    let run = self.runner.run(&script.command, Vec::new());
                    self.tracked.insert(run, id);
                }
            }
            Output::SignalScript(id, signal) => {
                for (run, _) in self.tracked.iter().filter(|(_, script)| **script == id) {
                    self.runner.signal(*run, signal);
                }
            }
        }
    }

    fn remove_routes(&mut self, id: InstanceId, all: bool) {
        let mut kernel =
            Kernel { interfaces: &self.interfaces, route: &self.route, removed: &mut self.removed };
        self.routes.remove(id, all, &mut kernel);
    }

    pub(super) fn send(&mut self, id: InstanceId, source: IpAddr, destination: IpAddr, datagram: &[u8]) {
        if let Err(error) = self.sockets.send(id, source, destination, datagram) {
            let name = self.config.instances.get(id.0).map_or("", |instance| &instance.name);
            let number = error.raw_os_error().unwrap_or(0);
            // A full queue drops this advert only; the next one is due soon. A farewell through an interface that is
            // down cannot succeed.
            let up = self
                .config
                .instances
                .get(id.0)
                .is_some_and(|instance| self.interfaces.is_up(instance.advert_interface()));
            if up {
                normal!("({name}): send advert error {number} ({})", sys::process::error_text(&error));
            }
        }
    }

    pub(super) fn announce(&self, vip: Vip) {
        let link = self.router.config().links.get(vip.link.0).and_then(|name| self.interfaces.by_name(name));
        let Some(link) = link else { return };
        if let Some(mac) = announcing_mac(link) {
            let result =
                self.announcer.announce(link.index, mac, vip.address, is_forwarding(&link.name, vip.address));
            if let Err(error) = result {
                normal!(
                    "Error sending gratuitous {} on {} for {}: {error}",
                    kind(vip.address),
                    link.name,
                    vip.address
                );
            }
        }
    }

    pub(super) fn announce_source(&self, id: InstanceId) {
        let Some(instance) = self.router.instance(id) else { return };
        let (Some(source), Some(link)) = (instance.source(), instance.config().link) else { return };
        let name = &instance.config().name;
        match Family::of(source) {
            Family::V4 => detail!("{name}: sending gratuitous ARP for {source}"),
            Family::V6 => detail!("{name}: sending unsolicited Neighbour Advert for {source}"),
        }
        self.announce(Vip { address: source, link });
    }

    pub(super) fn notify(&mut self, who: Who, state: StateName, priority: u8) {
        if let Who::Instance(id) = who
            && let Some(changed) = self.changed.get_mut(id.0)
        {
            *changed = SystemTime::now();
        }
        for (command, arguments) in notify::scripts(&self.config, who, state, priority) {
            self.runner.run(&command, arguments);
        }
        if self.fifos.any()
            && let Some(line) = fifo::line(&self.config, who, state.as_str(), priority)
        {
            self.fifos.write(&line);
        }
        if let Who::Instance(id) = who {
            self.dbus_state(id, state);
        }
        self.snmp_state(who, state);
        if self.mailed.insert(who, state) != Some(state)
            && let Some(letter) = smtp::letter(&self.config, who, state)
        {
            self.mailer.send(&self.config.global.daemon.mail, letter);
        }
    }

    fn notify_priority(&mut self, id: InstanceId) {
        let wanted = self.config.instances.get(id.0).is_some_and(|i| i.notify_priority_changes);
        if let Some(instance) = self.router.instance(id).filter(|_| wanted) {
            self.write_fifos(Who::Instance(id), fifo::priority_word(instance.state().name()));
        }
    }

    /// A line about an instance with its effective priority.
    fn write_fifos(&mut self, who: Who, what: &str) {
        let priority = match who {
            Who::Instance(id) => {
                self.router.instance(id).map_or(0, vrrp::instance::Instance::effective_priority)
            }
            Who::Group(_) => 0,
        };
        if self.fifos.any()
            && let Some(line) = fifo::line(&self.config, who, what, priority)
        {
            self.fifos.write(&line);
        }
    }

    /// `fifo_write_vrrp_states_on_reload`.
    pub(super) fn write_states(&mut self) {
        for position in 0..self.config.instances.len() {
            let id = InstanceId(position);
            if let Some(instance) = self.router.instance(id) {
                let state = instance.state().name();
                self.write_fifos(Who::Instance(id), state.as_str());
            }
        }
        let groups: Vec<StateName> =
            self.router.groups().iter().map(vrrp::sync_group::SyncGroup::state).collect();
        for (position, state) in groups.into_iter().enumerate() {
            self.write_fifos(Who::Group(vrrp::GroupId(position)), state.as_str());
        }
    }
}
