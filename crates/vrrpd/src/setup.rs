//! From the resolved configuration to what the core runs: names become indices, and back.

use std::net::IpAddr;
use std::sync::Arc;

use keepalived_config::resolved::{self, Config, VrrpInstance};
use vrrp::config::{GarpConfig, Peer, Tracked};
use vrrp::{
    Auth, Family, GroupConfig, GroupId, InstanceConfig, InstanceId, LinkId, RouterConfig, ScriptConfig,
    ScriptId, TrackerConfig, TrackerId, TrackerKind, Version, Vip,
};

/// The core's configuration of a resolved configuration.
pub(crate) fn router_config(config: &Config) -> RouterConfig {
    let mut links = Links::default();
    let instances = config.instances.iter().map(|instance| instance_config(instance, &mut links)).collect();
    RouterConfig {
        instances,
        scripts: config.scripts.iter().map(script_config).collect(),
        trackers: config.trackers.iter().map(tracker_config).collect(),
        groups: config.sync_groups.iter().map(group_config).collect(),
        startup_delay: config.global.startup_delay,
        garp_interval: config.global.garp_interval,
        gna_interval: config.global.gna_interval,
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
    let own = (!instance.interface.is_empty()).then(|| links.id(&instance.interface));
    let mut fault_links = Vec::new();
    if !instance.dont_track_primary {
        fault_links.extend(own);
    }
    for address in instance.virtual_addresses.iter().chain(&instance.excluded_addresses) {
        let link = links.id(&address.device);
        if !address.no_track && Some(link) != own && !fault_links.contains(&link) {
            fault_links.push(link);
        }
    }
    for device in instance
        .virtual_routes
        .iter()
        .filter(|route| !route.no_track)
        .filter_map(|route| route.device.as_ref())
    {
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
        (instance.virtual_router_id, family(instance.family), instance.interface.clone(), unicast, address)
    };
    new.instances
        .iter()
        .map(|instance| {
            old.instances.iter().position(|candidate| key(candidate) == key(instance)).map(InstanceId)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    fn instance(name: &str, vrid: u8) -> VrrpInstance {
        VrrpInstance {
            name: name.into(),
            wants_master: false,
            interface: "eth0".into(),
            virtual_router_id: vrid,
            version: resolved::Version::V2,
            family: resolved::Family::V4,
            priority: 100,
            advert_int: Duration::from_secs(1),
            auth: resolved::Auth::None,
            virtual_addresses: Vec::new(),
            excluded_addresses: Vec::new(),
            virtual_routes: Vec::new(),
            track_scripts: Vec::new(),
            track_interfaces: Vec::new(),
            trackers: Vec::new(),
            dont_track_primary: false,
            nopreempt: false,
            preempt_delay: Duration::ZERO,
            source: None,
            track_source: false,
            unicast_peers: Vec::new(),
            check_unicast_src: false,
            unicast_ttl: None,
            mcast_group: "224.0.0.18".parse().unwrap(),
            garp_master_delay: Duration::from_secs(5),
            garp_master_repeat: 5,
            garp_master_refresh: Duration::ZERO,
            garp_master_refresh_repeat: 1,
            garp_lower_prio_delay: Duration::from_secs(5),
            garp_lower_prio_repeat: 5,
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            down_timer_adverts: 3,
            skip_check_adv_addr: false,
            owner_ignore_adverts: false,
            v3_checksum_as_v2: false,
            promote_secondaries: false,
            debug: 0,
            notify: resolved::Notify::default(),
            smtp_alert: false,
            notify_priority_changes: false,
            sync_group: None,
        }
    }

    fn address(text: &str, device: &str, no_track: bool) -> resolved::Address {
        resolved::Address {
            address: text.parse().unwrap(),
            prefix: 24,
            device: device.into(),
            scope: 0,
            broadcast: None,
            label: None,
            peer: None,
            home: false,
            nodad: true,
            mngtmpaddr: false,
            noprefixroute: false,
            autojoin: false,
            no_track,
            preferred_lft: None,
        }
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
    }
}
