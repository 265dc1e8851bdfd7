//! What the SNMP agent is told, and what it asks for.

use std::net::IpAddr;
use std::time::Instant;

use agentx::VarBind;
use keepalived_config::resolved::Snmp;
use vrrp::event::StateName;
use vrrp::instance::AdvertError;
use vrrp::router::Who;
use vrrp::{Input, InstanceId};

use super::Shell;
use crate::log::normal;
use crate::snmp::traps::{self, Place};
use crate::snmp::{Mib, Service, Wish, Write};

impl Shell {
    /// What the configuration and the command line want together.
    pub(super) fn snmp_settings(&self) -> Snmp {
        let options = &self.params.options;
        self.config.global.daemon.snmp.with_options(options.snmp, options.snmp_socket.as_deref())
    }

    /// Serves the master agent that is wanted, if any.
    pub(super) fn serve_snmp(&mut self) {
        let wanted = self.snmp_settings();
        if let Some(service) = &mut self.snmp
            && service.is(&wanted)
        {
            return service.stale();
        }
        // It says farewell in its own time.
        let before = self.snmp.take().map(Service::stop);
        if wanted.is_on() {
            normal!("Starting SNMP subagent");
            self.snmp = Some(Service::start(&wanted, before));
        }
    }

    pub(super) fn snmp_wish(&mut self, wish: Wish) {
        match wish {
            Wish::Objects(answer) => {
                let settings = self.snmp_settings();
                let daemon = &self.config.global.daemon;
                let options = &self.params.options;
                let mib = Mib {
                    sources: self.sources(),
                    processes: &self.processes,
                    settings: &settings,
                    title: &options.title,
                    namespace: options.net_namespace.as_deref().or(daemon.identity.net_namespace.as_deref()),
                    up_since: &self.up_since,
                    began: self.snmp.as_ref().map_or_else(Instant::now, Service::began),
                };
                // The session may have ended meanwhile.
                let _ = answer.send(mib.objects());
            }
            Wish::Set(writes, done) => {
                for write in writes {
                    let input = match write {
                        Write::BasePriority(position, priority) => {
                            Input::BasePriority(InstanceId(position), priority)
                        }
                        Write::Preempt(position, preempt) => Input::Preempt(InstanceId(position), preempt),
                    };
                    self.router.handle(Instant::now(), input);
                }
                let _ = done.send(());
            }
        }
    }

    /// A state was entered: the traps of it, and since when an instance is up.
    pub(super) fn snmp_state(&mut self, who: Who, state: StateName) {
        if let Who::Instance(id) = who
            && let Some(since) = self.up_since.get_mut(id.0)
        {
            *since = match state {
                StateName::Backup | StateName::Master => since.or_else(|| Some(Instant::now())),
                StateName::Init | StateName::Fault | StateName::Stop | StateName::Deleted => None,
            };
        }
        let settings = self.snmp_settings();
        let Some(service) = &mut self.snmp else { return };
        service.stale();
        if !settings.traps {
            return;
        }
        if settings.keepalived
            && let Some(trap) = traps::state_change(&self.config, who, state)
        {
            match who {
                Who::Instance(id) => self.say_trap(id, ""),
                Who::Group(id) => {
                    let name = self.config.sync_groups.get(id.0).map_or("", |group| &group.name);
                    normal!("VRRP_Group({name}): Sending SNMP notification");
                }
            }
            self.send_trap(trap);
        }
        if let (Who::Instance(id), StateName::Master) = (who, state) {
            self.snmp_new_master(&settings, id);
        }
    }

    fn snmp_new_master(&mut self, settings: &Snmp, id: InstanceId) {
        let (Some(instance), Some(at)) = (self.router.instance(id), self.snmp_place(id)) else { return };
        let old = settings.rfcv2.then(|| traps::new_master(&self.config, id, instance, at)).flatten();
        let new = settings.rfcv3.then(|| traps::v3_new_master(instance, at));
        let reason = instance.new_master_reason().number();
        if let Some(trap) = old {
            self.say_trap(id, " vrrpTrapNewMaster");
            self.send_trap(trap);
        }
        if let Some(trap) = new {
            self.say_trap(id, &format!(" vrrpv3NotifyNewMaster, reason {reason}"));
            self.send_trap(trap);
        }
    }

    /// An advert was refused.
    pub(super) fn snmp_advert_error(&mut self, id: InstanceId, source: IpAddr, error: AdvertError) {
        let settings = self.snmp_settings();
        if self.snmp.is_none() || !settings.traps {
            return;
        }
        let Some(at) = self.snmp_place(id) else { return };
        let auth = settings.rfcv2.then(|| traps::auth_failure(source, error, at)).flatten();
        let proto = settings.rfcv3.then(|| traps::proto_error(error, at)).flatten();
        for trap in auth.into_iter().chain(proto) {
            self.send_trap(trap);
        }
    }

    fn snmp_place(&self, id: InstanceId) -> Option<Place> {
        let interface = &self.config.instances.get(id.0)?.interface;
        let if_index = self.interfaces.by_name(interface).map_or(0, |link| link.index);
        Place::new(&self.config, id, self.router.instance(id)?, if_index)
    }

    fn say_trap(&self, id: InstanceId, what: &str) {
        let name = self.config.instances.get(id.0).map_or("", |instance| &instance.name);
        normal!("({name}) Sending SNMP notification{what}");
    }

    fn send_trap(&mut self, trap: Vec<VarBind>) {
        if let Some(service) = &mut self.snmp
            && !service.trap(trap)
        {
            normal!("The SNMP agent does not keep up - traps are lost");
        }
    }
}
