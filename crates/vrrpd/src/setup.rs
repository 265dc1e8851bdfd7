//! From the resolved configuration to what the core runs: names become indices, and back.

use std::net::IpAddr;
use std::sync::Arc;

use keepalived_config::resolved::{self, Config, VrrpInstance};
use vrrp::config::{GarpConfig, GarpExtra, LinkDelay, OldChecksum, OwnTracking, Pace, Peer, Tracked};
use vrrp::{
    Auth, BfdId, Family, GroupConfig, GroupId, InstanceConfig, InstanceId, LinkId, RouterConfig,
    ScriptConfig, ScriptId, TrackerConfig, TrackerId, TrackerKind, Version, Vip,
};

/// The core's configuration of a resolved configuration.
pub(crate) fn router_config(config: &Config) -> RouterConfig {
    let mut links = Links::default();
    let mut instances: Vec<_> =
        config.instances.iter().map(|instance| instance_config(instance, &mut links)).collect();
    track_statics(config, &mut instances, &mut links);
    let network = &config.network;
    let paces = network
        .garp_groups
        .iter()
        .map(|group| Pace { garp: group.garp_interval, gna: group.gna_interval })
        .collect();
    // A VMAC has the pace and the delays of the interface below.
    let below = |name: &str| -> String {
        let vmacs = config.instances.iter().flat_map(VrrpInstance::vmacs);
        vmacs.into_iter().find(|vmac| vmac.name == name).map_or(name, |vmac| &vmac.base).to_owned()
    };
    let pace_of = |name: &Arc<str>| {
        let below = below(name);
        network.garp_groups.iter().position(|group| group.interfaces.contains(&below))
    };
    let delay_of = |name: &Arc<str>| {
        let below = below(name);
        let delay = network.delays.iter().find(|delay| delay.name == below);
        delay.map(|delay| LinkDelay { down: delay.down, up: delay.up }).unwrap_or_default()
    };
    RouterConfig {
        paces,
        pace_of: links.0.iter().map(pace_of).collect(),
        delays: links.0.iter().map(delay_of).collect(),
        instances,
        scripts: config.scripts.iter().map(script_config).collect(),
        trackers: config.trackers.iter().map(tracker_config).collect(),
        bfds: config.bfd_instances.iter().map(|bfd| bfd.name.as_str().into()).collect(),
        groups: config.sync_groups.iter().map(group_config).collect(),
        startup_delay: config.global.startup_delay,
        allow_if_changes: network.allow_if_changes,
        links: links.0,
    }
}

#[derive(Default)]
struct Links(Vec<Arc<str>>);

impl Links {
    fn id(&mut self, name: &str) -> LinkId {
        LinkId(self.0.iter().position(|link| **link == *name).unwrap_or_else(|| {
            self.0.push(name.into());
            self.0.len() - 1
        }))
    }
}

fn instance_config(instance: &VrrpInstance, links: &mut Links) -> InstanceConfig {
    let advert_interface = instance.advert_interface();
    let own = (!advert_interface.is_empty()).then(|| links.id(advert_interface));
    let mut fault_links = Vec::new();
    if !instance.dont_track_primary {
        fault_links.extend(own);
        if let Some(vmac) = &instance.vmac {
            let base = links.id(&vmac.base);
            if Some(base) != own {
                fault_links.push(base);
            }
        }
    }
    for address in instance.virtual_addresses.iter().chain(&instance.excluded_addresses) {
        let link = links.id(&address.device);
        if !address.no_track && Some(link) != own && !fault_links.contains(&link) {
            fault_links.push(link);
        }
    }
    let routes = instance.virtual_routes.iter().filter(|route| !route.no_track);
    let rules = instance.virtual_rules.iter().filter(|rule| !rule.no_track);
    for device in routes.flat_map(|route| route.devices()).chain(rules.flat_map(|rule| rule.devices())) {
        let link = links.id(device);
        if Some(link) != own && !fault_links.contains(&link) {
            fault_links.push(link);
        }
    }
    let mut vips = |addresses: &[resolved::Address]| {
        addresses
            .iter()
            .map(|address| Vip { address: address.address, link: links.id(&address.device) })
            .collect()
    };
    let (virtual_addresses, excluded) =
        (vips(&instance.virtual_addresses), vips(&instance.excluded_addresses));
    InstanceConfig {
        name: instance.name.as_str().into(),
        link: own,
        vrid: instance.virtual_router_id,
        version: match instance.version {
            resolved::Version::V2 => Version::V2,
            resolved::Version::V3 => Version::V3,
        },
        family: family(instance.family),
        base_priority: instance.priority,
        wants_master: instance.wants_master,
        advert_interval: instance.advert_int,
        auth: match &instance.auth {
            resolved::Auth::None => Auth::None,
            resolved::Auth::Pass(password) => Auth::Pass(*password),
            resolved::Auth::Ah(key) => Auth::Ah(*key),
        },
        vips: virtual_addresses,
        excluded,
        has_routes: !instance.virtual_routes.is_empty(),
        has_rules: !instance.virtual_rules.is_empty(),
        has_firewall: !instance.accept,
        config_fault: instance.config_fault || instance.lacks_peers,
        unicast: instance.lacks_peers,
        old_checksum: match instance.old_checksum {
            resolved::OldChecksum::Detect => OldChecksum::Detect,
            resolved::OldChecksum::Always => OldChecksum::Always,
            resolved::OldChecksum::Never => OldChecksum::Never,
        },
        expired_backup: instance.expired_backup,
        garp_extra: garp_extra(instance, links),
        fault_links,
        track_links: instance
            .track_interfaces
            .iter()
            .map(|tracked| Tracked {
                object: links.id(&tracked.name),
                weight: tracked.weight,
                reverse: tracked.reverse,
            })
            .collect(),
        track_bfds: instance
            .track_bfds
            .iter()
            .map(|tracked| Tracked {
                object: BfdId(tracked.bfd),
                weight: tracked.weight,
                reverse: tracked.reverse,
            })
            .collect(),
        track_scripts: instance
            .track_scripts
            .iter()
            .map(|tracked| Tracked {
                object: ScriptId(tracked.script),
                weight: tracked.weight,
                reverse: tracked.reverse,
            })
            .collect(),
        trackers: instance
            .trackers
            .iter()
            .map(|tracked| Tracked {
                object: TrackerId(tracked.object),
                weight: tracked.weight,
                reverse: tracked.reverse,
            })
            .collect(),
        own: OwnTracking {
            links: instance.own_tracking.interfaces,
            bfds: instance.own_tracking.bfds,
            scripts: instance.own_tracking.scripts,
            trackers: instance.own_tracking.trackers,
        },
        group: instance.sync_group.map(GroupId),
        nopreempt: instance.nopreempt,
        preempt_delay: instance.preempt_delay,
        down_timer_adverts: instance.down_timer_adverts,
        garp: GarpConfig {
            delay: instance.garp_master_delay,
            repeat: instance.garp_master_repeat,
            refresh: instance.garp_master_refresh,
            refresh_repeat: instance.garp_master_refresh_repeat,
            lower_prio_delay: instance.garp_lower_prio_delay,
            lower_prio_repeat: instance.garp_lower_prio_repeat,
        },
        lower_prio_no_advert: instance.lower_prio_no_advert,
        higher_prio_send_advert: instance.higher_prio_send_advert,
        skip_check_adv_addr: instance.skip_check_adv_addr,
        owner_ignore_adverts: instance.owner_ignore_adverts,
        v3_checksum_as_v2: instance.v3_checksum_as_v2,
        peers: instance
            .unicast_peers
            .iter()
            .map(|peer| Peer { address: peer.address, min_ttl: peer.min_ttl, max_ttl: peer.max_ttl })
            .collect(),
        check_unicast_src: instance.check_unicast_src,
        ttl: if instance.unicast_peers.is_empty() { 255 } else { instance.unicast_ttl.unwrap_or(255) },
        group_address: instance.mcast_group,
    }
}

/// Members of a `track_group` depend on the interfaces of what is in it.
fn track_statics(config: &Config, instances: &mut [InstanceConfig], links: &mut Links) {
    let network = &config.network;
    let addresses = config
        .static_addresses
        .iter()
        .filter_map(|address| Some((address.track_group.as_ref()?, vec![address.device.clone()])));
    let routes = network
        .static_routes
        .iter()
        .filter_map(|route| Some((route.track_group.as_ref()?, route.devices().cloned().collect())));
    let rules = network
        .static_rules
        .iter()
        .filter_map(|rule| Some((rule.track_group.as_ref()?, rule.devices().cloned().collect())));
    let tracked: Vec<(&String, Vec<String>)> = addresses.chain(routes).chain(rules).collect();
    for (name, devices) in tracked {
        let Some(group) = network.track_groups.iter().find(|group| group.name == *name) else { continue };
        for device in devices {
            let link = links.id(&device);
            for member in &group.members {
                if let Some(instance) = instances.get_mut(*member)
                    && !instance.fault_links.contains(&link)
                {
                    instance.fault_links.push(link);
                }
            }
        }
    }
}

/// `garp_extra_if`: one address on each interface that carries some and no adverts.
fn garp_extra(instance: &VrrpInstance, links: &mut Links) -> Option<GarpExtra> {
    let extra = instance.garp_extra?;
    let mut names = Vec::new();
    let mut vips = Vec::new();
    for address in instance.virtual_addresses.iter().chain(&instance.excluded_addresses) {
        let name = address.device.as_str();
        let is_vmac = instance.vmacs().any(|vmac| vmac.name == name);
        if name != instance.advert_interface() && (extra.all || is_vmac) && !names.contains(&name) {
            names.push(name);
            vips.push(Vip { address: address.address, link: links.id(name) });
        }
    }
    (!vips.is_empty()).then_some(GarpExtra { interval: extra.interval, vips })
}

/// The core's family of a resolved one.
pub(crate) fn family(family: resolved::Family) -> Family {
    match family {
        resolved::Family::V4 => Family::V4,
        resolved::Family::V6 => Family::V6,
    }
}

fn script_config(script: &resolved::VrrpScript) -> ScriptConfig {
    let command = &script.command;
    ScriptConfig {
        name: script.name.as_str().into(),
        interval: script.interval,
        timeout: script.timeout,
        rise: script.rise,
        fall: script.fall,
        init_fail: script.init_fail,
        identity: format!("{}\0{}\0{}", command.text, command.user.uid, command.user.gid).into(),
    }
}

fn tracker_config(tracker: &resolved::Tracker) -> TrackerConfig {
    TrackerConfig {
        name: tracker.name.as_str().into(),
        kind: match tracker.kind {
            resolved::TrackerKind::File(_) => TrackerKind::File,
            resolved::TrackerKind::Process(_) => TrackerKind::Process,
        },
    }
}

fn group_config(group: &resolved::SyncGroup) -> GroupConfig {
    GroupConfig {
        name: group.name.as_str().into(),
        members: group.members.iter().copied().map(InstanceId).collect(),
    }
}

/// For each instance of `new` the one of `old` whose state it takes over: same VRID, family, interface and kind of
/// destination. The name is not part of it.
pub(crate) fn match_instances(old: &Config, new: &Config) -> Vec<Option<InstanceId>> {
    let key = |instance: &VrrpInstance| {
        let unicast = !instance.unicast_peers.is_empty();
        let address: Option<IpAddr> = if unicast { instance.source } else { Some(instance.mcast_group) };
        let vmac = instance.vmac.is_some();
        (
            instance.virtual_router_id,
            family(instance.family),
            instance.interface.clone(),
            unicast,
            address,
            vmac,
        )
    };
    // With `allow_if_changes` several may be the same on the wire.
    let mut taken = vec![false; old.instances.len()];
    let mut matches = Vec::new();
    for instance in &new.instances {
        let same = |(position, candidate): &(usize, &VrrpInstance)| {
            taken.get(*position) == Some(&false) && key(candidate) == key(instance)
        };
        let mut candidates = old.instances.iter().enumerate().filter(same);
        let named = candidates.clone().find(|(_, candidate)| candidate.name == instance.name);
        let found = named.or_else(|| candidates.next()).map(|(position, _)| position);
        if let Some(slot) = found.and_then(|position| taken.get_mut(position)) {
            *slot = true;
        }
        matches.push(found.map(InstanceId));
    }
    matches
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn instance(name: &str, vrid: u8) -> VrrpInstance {
        VrrpInstance::new(name, vrid, "eth0")
    }

    fn address(text: &str, device: &str, no_track: bool) -> resolved::Address {
        resolved::Address { no_track, ..resolved::Address::new(text.parse().unwrap(), 24, device) }
    }

    fn config(instances: Vec<VrrpInstance>) -> Config {
        Config { instances, ..Config::default() }
    }

    #[test]
    fn devices_of_addresses_are_fault_interfaces_unless_no_track() {
        let mut vi = instance("VI_1", 51);
        vi.virtual_addresses = vec![address("10.0.0.1", "eth0", false), address("10.0.1.1", "eth1", false)];
        vi.excluded_addresses = vec![address("10.0.2.1", "eth2", true)];
        let core = router_config(&config(vec![vi.clone()]));
        let names =
            |links: &[LinkId]| links.iter().map(|link| core.links[link.0].to_string()).collect::<Vec<_>>();
        assert_eq!(names(&core.instances[0].fault_links), ["eth0", "eth1"]);
        assert_eq!(core.instances[0].vips.len(), 2);
        assert_eq!(names(&[core.instances[0].excluded[0].link]), ["eth2"]);
        vi.dont_track_primary = true;
        let core = router_config(&config(vec![vi]));
        assert_eq!(core.instances[0].fault_links.len(), 1);
    }

    #[test]
    fn a_reload_matches_by_what_is_on_the_wire_and_not_by_name() {
        let old = config(vec![instance("A", 1), instance("B", 2)]);
        let mut moved = instance("C", 1);
        moved.interface = "eth1".into();
        let mut unicast = instance("D", 1);
        unicast.unicast_peers =
            vec![resolved::UnicastPeer { address: "10.0.0.2".parse().unwrap(), min_ttl: 0, max_ttl: 255 }];
        let new = config(vec![instance("renamed", 2), moved, unicast, instance("A", 1)]);
        let expected = [Some(InstanceId(1)), None, None, Some(InstanceId(0))];
        assert_eq!(match_instances(&old, &new), expected);
        // Several that are the same on the wire keep their names, and none is taken twice.
        let old = config(vec![instance("A", 1), instance("B", 1)]);
        let new = config(vec![instance("B", 1), instance("A", 1), instance("C", 1)]);
        let expected = [Some(InstanceId(1)), Some(InstanceId(0)), None];
        assert_eq!(match_instances(&old, &new), expected);
    }
}
