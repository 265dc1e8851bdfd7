//! A reload: what did not change goes on, what changed is moved over.

use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use keepalived_config::resolved::Config;
use vrrp::router::Surroundings;
use vrrp::script::ScriptSignal;
use vrrp::{InstanceId, Router, RouterConfig, ScriptId};

use super::{DOOMED_FOR, Shell, SockpoolLog, readings, surroundings};
use crate::addresses::{self, Addresses};
use crate::linkbeat::Linkbeats;
use crate::log::{self, normal};
use crate::routes::{Kernel, Routes, StaticRoutes};
use crate::{Report, setup};

impl Shell {
    /// Reads the configuration again and moves everything that did not change over to it.
    pub(super) async fn reload(&mut self) {
        normal!("Reloading");
        self.reloads = self.reloads.saturating_add(1);
        self.save_state("pre");
        let config = match (self.params.read_config)() {
            Ok(config) => config,
            Err(reason) => {
                (self.params.report)(Report::ReloadRefused(reason));
                return;
            }
        };
        let matches = setup::match_instances(&self.config, &config);
        self.remove_unmatched(&matches).await;
        self.remove_vmacs(Some(&config));
        self.replace_sysctls(&config);
        self.firewall.configure(&config);
        self.linkbeat = Linkbeats::new(&config, &mut self.interfaces);
        let before = std::mem::replace(&mut self.config, config.clone());
        self.make_vmacs();
        self.config = before;
        let router_config = setup::router_config(&config);
        let script_matches = Router::match_scripts(self.router.config(), &router_config);
        let sources: Vec<Option<IpAddr>> =
            matches.iter().map(|from| self.router.instance((*from)?)?.source()).collect();
        let addresses = Addresses::new(&config, self.params.options.release_vips);
        let mut surroundings = surroundings(&config, &router_config, &self.interfaces, &addresses, &sources);
        self.files.configure(&config, false);
        self.processes.configure(&config, Instant::now());
        surroundings.readings = readings(&config, &self.files, &self.processes);
        self.replace_statics(&config);
        self.changed = matches
            .iter()
            .map(|from| {
                from.and_then(|from| self.changed.get(from.0).copied()).unwrap_or_else(SystemTime::now)
            })
            .collect();
        self.up_since = matches
            .iter()
            .map(|from| from.and_then(|from| self.up_since.get(from.0).copied().flatten()))
            .collect();
        self.remap_scripts(&script_matches);
        self.mailed.clear();
        let now = Instant::now();
        let placeholder = Router::new(RouterConfig::default(), &Surroundings::default());
        let old = std::mem::replace(&mut self.router, placeholder);
        self.router = Router::adopt(old, router_config, &matches, &surroundings, now);
        self.config = config;
        self.note_links();
        self.serve_snmp();
        self.dbus_reloaded();
        self.serve_dbus();
        self.fifos.configure(&self.config, &mut self.runner);
        self.serve_status();
        let mut before = std::mem::replace(&mut self.addresses, addresses);
        let mut routes_before = std::mem::replace(&mut self.routes, Routes::new(&self.config));
        self.watch_routes();
        self.open_sockets(SockpoolLog::None);
        while let Some(line) = self.router.poll_script_line() {
            log::event(&line);
        }
        self.assigned.clear();
        self.log_assigned();
        let name =
            |id: InstanceId| self.config.instances.get(id.0).map_or("", |instance| instance.name.as_str());
        self.addresses.adopt(&mut before, &matches, name, &self.interfaces, &self.route);
        let mut kernel =
            Kernel { interfaces: &self.interfaces, route: &self.route, removed: &mut self.removed };
        self.routes.adopt(&mut routes_before, &matches, &mut kernel);
        let waiting: Vec<InstanceId> = (0..self.config.instances.len())
            .map(InstanceId)
            .filter(|id| self.addresses.any_unset(*id))
            .collect();
        self.drain().await;
        for id in waiting {
            if !self.addresses.any_unset(id) && matches.get(id.0).copied().flatten().is_some() {
                self.router.addresses_added(Instant::now(), id);
            }
        }
        self.drain().await;
        self.open_sockets(SockpoolLog::All);
        if self.config.global.daemon.fifo_states_on_reload {
            self.write_states();
        }
        self.save_state("post");
        (self.params.report)(Report::Reloaded);
    }

    pub(super) async fn remove_unmatched(&mut self, matches: &[Option<InstanceId>]) {
        for position in 0..self.config.instances.len() {
            let id = InstanceId(position);
            if !matches.contains(&Some(id)) {
                let deleted = self
                    .config
                    .instances
                    .get(position)
                    .is_some_and(|instance| instance.notify.notify_deleted);
                self.router.remove(Instant::now(), id, deleted);
                self.drain().await;
            }
        }
    }

    fn replace_statics(&mut self, config: &Config) {
        let specs = |of: &Config, not_in: &Config| -> Vec<_> {
            let only =
                of.static_addresses.iter().filter(|address| !not_in.static_addresses.contains(address));
            only.filter_map(|address| addresses::spec(address, &self.interfaces)).collect()
        };
        addresses::delete(&specs(&self.config, config), addresses::Missing::Reported, &self.route);
        addresses::add(&specs(config, &self.config), &self.route);
        let mut before = std::mem::replace(&mut self.static_routes, StaticRoutes::new(config));
        let mut kernel =
            Kernel { interfaces: &self.interfaces, route: &self.route, removed: &mut self.removed };
        self.static_routes.adopt(&mut before, &mut kernel);
        self.static_routes.add(&self.interfaces, &self.route);
    }

    /// `promote_secondaries` of instances that are gone is put back.
    fn replace_sysctls(&mut self, config: &Config) {
        let promotes = |of: &Config, name: &str| {
            of.instances.iter().any(|instance| instance.promote_secondaries && instance.interface == name)
        };
        for instance in self.config.instances.iter().filter(|instance| instance.promote_secondaries) {
            if !promotes(config, &instance.interface) {
                self.sysctls.release("ipv4", &instance.interface, "promote_secondaries");
            }
        }
        for instance in config.instances.iter().filter(|instance| instance.promote_secondaries) {
            if !promotes(&self.config, &instance.interface) {
                self.sysctls.set("ipv4", &instance.interface, "promote_secondaries", "1");
            }
        }
    }

    /// Runs of scripts that stay go on; those of scripts that are gone are ended.
    pub(super) fn remap_scripts(&mut self, matches: &[Option<ScriptId>]) {
        let until = Instant::now() + DOOMED_FOR;
        let tracked = std::mem::take(&mut self.tracked);
        for (run, old) in tracked {
            match matches.iter().position(|from| *from == Some(old)) {
                Some(new) => {
                    self.tracked.insert(run, ScriptId(new));
                }
                None => {
                    self.runner.signal(run, ScriptSignal::Term);
                    self.doomed.push((until, run));
                }
            }
        }
    }
}
