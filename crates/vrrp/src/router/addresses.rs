//! What happens to an instance's addresses, routes, rules and firewall entries, and who is told.

use std::time::Instant;

use super::{Output, Router};
use crate::config::{Family, InstanceId, Vip};
use crate::event::{Event, InstanceEvent};
use crate::garp::Target;

impl Router {
    /// In the order of the work: routes go before the addresses that they need.
    pub(super) fn log_removal(&mut self, id: InstanceId) {
        let Some(config) = self.config.instances.get(id.0) else { return };
        let lines = [
            (config.has_rules, InstanceEvent::RemovingRules),
            (config.has_routes, InstanceEvent::RemovingRoutes),
            (!config.vips.is_empty(), InstanceEvent::RemovingVips),
            (!config.excluded.is_empty(), InstanceEvent::RemovingExcluded),
            (config.has_firewall, InstanceEvent::RemovingFirewall),
        ];
        lines.into_iter().filter(|(is, _)| *is).for_each(|(_, event)| self.log(id, event));
    }

    pub(super) fn add_addresses(&mut self, id: InstanceId) {
        let Some(config) = self.config.instances.get(id.0) else { return };
        let lines = [
            (config.has_firewall, InstanceEvent::SettingFirewall),
            (!config.vips.is_empty(), InstanceEvent::SettingVips),
            (!config.excluded.is_empty(), InstanceEvent::SettingExcluded),
            (config.has_routes, InstanceEvent::SettingRoutes),
            (config.has_rules, InstanceEvent::SettingRules),
        ];
        lines.into_iter().filter(|(is, _)| *is).for_each(|(_, event)| self.log(id, event));
        self.out.push_back(Output::AddAddresses(id));
    }

    /// `rounds` rounds over all addresses, virtual ones first.
    pub(super) fn burst(&mut self, id: InstanceId, rounds: u32, now: Instant) {
        let Some(config) = self.config.instances.get(id.0) else { return };
        let vips: Vec<Vip> = config.vips.iter().chain(&config.excluded).copied().collect();
        for round in 0..rounds {
            for (index, vip) in vips.iter().enumerate() {
                if round == 0 {
                    let event =
                        InstanceEvent::QueueingGarp { link: self.link_name(vip.link), address: vip.address };
                    self.log(id, event);
                }
                let target = Target { instance: id, vip: index };
                if self.pacer.request(now, vip.link, Family::of(vip.address), target, rounds) {
                    self.send_garp(target);
                }
            }
        }
    }

    /// `garp_extra_if`.
    pub(super) fn announce_elsewhere(&mut self, id: InstanceId) {
        let Some(extra) = self.config.instances.get(id.0).and_then(|config| config.garp_extra.clone()) else {
            return;
        };
        for vip in extra.vips {
            let link = self.link_name(vip.link);
            self.out.push_back(Output::Log(Event::SendingGarp { link, address: vip.address }));
            self.out.push_back(Output::SendGarp(vip));
        }
    }

    pub(super) fn send_garp(&mut self, target: Target) {
        let Some(config) = self.config.instances.get(target.instance.0) else { return };
        let Some(vip) = config.vips.iter().chain(&config.excluded).nth(target.vip).copied() else { return };
        let link = self.link_name(vip.link);
        self.out.push_back(Output::Log(Event::SendingGarp { link, address: vip.address }));
        self.out.push_back(Output::SendGarp(vip));
    }
}
