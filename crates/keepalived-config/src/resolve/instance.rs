//! `vrrp_instance`: what its settings come to together.

use std::net::IpAddr;
use std::time::Duration;

use crate::declared::tracker::TrackerDecl;
use crate::declared::{AuthKind, GlobalDecl, InstanceDecl, TrackedScriptDecl};
use crate::resolved::{Auth, Config, Family, Notify, OwnTracking, TrackedScript, Version, VrrpInstance};

use super::network::{self, VmacNames};
use super::{Resolver, bfd, tracker};

/// Longest interval that VRRPv3 can carry: 12 bits of centiseconds.
const V3_INTERVAL_MAX: Duration = Duration::from_millis(40_950);

/// Whether an instance has what nothing can stand in for.
pub(crate) fn identified(instance: &InstanceDecl, rx: &mut Resolver<'_>) -> bool {
    if instance.virtual_router_id.is_none() {
        rx.refuse("virtual-router-id", format!("({}) the virtual router id must be set", instance.name));
        return false;
    }
    // Unicast needs no interface as long as it has a source address.
    let unicast = !instance.unicast_peers.is_empty() || instance.network.unicast_fault_no_peer;
    if instance.interface.is_none() && !(unicast && instance.source.is_some()) {
        let text = if instance.network.unicast && instance.source.is_none() {
            format!("({}): Unicast instances must have unicast_src_ip or interface", instance.name)
        } else {
            format!("({}) Unknown interface!", instance.name)
        };
        rx.refuse("interface", text);
        return false;
    }
    true
}

/// An instance whose scripts are checked but whose group is not known yet.
pub(crate) struct Draft {
    pub(crate) declared: InstanceDecl,
    pub(crate) notify: Notify,
    pub(crate) sync_group: Option<usize>,
    pub(crate) priority: u8,
    /// `sync_group_tracking_weight` of its group.
    pub(crate) keeps_weights: bool,
}

impl Draft {
    pub(crate) fn new(mut declared: InstanceDecl, rx: &mut Resolver<'_>) -> Self {
        let notify = rx.notify(std::mem::take(&mut declared.notify));
        // `state MASTER` without a priority claims the addresses.
        let default = if declared.state_master == Some(true) { 255 } else { 100 };
        let priority = declared.priority.unwrap_or(default);
        Self { declared, notify, sync_group: None, priority, keeps_weights: false }
    }

    pub(crate) fn finish(
        self,
        global: &GlobalDecl,
        config: &Config,
        usable: &[String],
        trackers: &[TrackerDecl],
        names: &mut VmacNames,
        rx: &mut Resolver<'_>,
    ) -> VrrpInstance {
        let defs = &config.global;
        let Self { mut declared, notify, sync_group, priority, keeps_weights } = self;
        let strict = declared.network.strict.or(global.network.strict).unwrap_or(false);
        let name = declared.name.clone();
        let interface = declared.interface.clone().unwrap_or_default();
        let family = declared.family.unwrap_or(Family::V4);
        let owner = priority == 255;
        let version = version(&declared, global, family, strict, rx);
        // An owner that does not say what it wants to be wants its addresses.
        let mut wants_master = declared.state_master.unwrap_or(owner);
        if strict && wants_master != owner {
            rx.warn("strict", format!("({name}) State MASTER must match being address owner"));
            wants_master = owner;
        }
        let auth = auth(&declared, version, strict, &mut wants_master, rx);
        network::unicast(&mut declared, rx);
        network::first_addresses(&mut declared, strict, family, rx);
        fit_packet(&mut declared, family, rx);
        preemption(&mut declared, wants_master, owner, strict, rx);
        network::multicast(&mut declared, rx);
        let down_timer_adverts = declared.down_timer_adverts.or(global.down_timer_adverts).unwrap_or(3);
        if strict && down_timer_adverts != 3 {
            let text = format!("({name}) down_timer_adverts is incompatible with strict mode - resetting");
            rx.warn("strict", text);
        }
        if !owner && declared.owner_ignore_adverts == Some(true) {
            rx.warn("priority", format!("({name}) ignoring owner_ignore_adverts since priority is not 255"));
            declared.owner_ignore_adverts = None;
        }
        let accept = network::accept(&declared, version, strict, owner, rx);
        network::firewall(&declared, global, accept, rx);
        if strict {
            network::obey_the_rfc(&mut declared, owner, rx);
        }
        let advert_int = advert_int(&name, declared.advert_int, version, rx);
        network::transmit_by_base(&mut declared, strict, rx);
        let ipvlan_fault = network::lacks_ipvlan_address(&declared, family, rx);
        let own = |t: &crate::resolved::TrackedInterface| t.name == interface;
        if declared.track_interfaces.iter().any(own) {
            rx.warn(
                "track-interface",
                format!("({name}) Ignoring track_interface {interface} since own interface"),
            );
            declared.track_interfaces.retain(|t| !own(t));
        }
        network::drop_homeless(&mut declared, &interface, rx);
        if declared.network.transmit_by_base && declared.network.vmac.is_none() {
            rx.warn("vmac", format!("({name}) vmac_xmit_base is only valid with a vmac"));
            declared.network.transmit_by_base = false;
        }
        if declared.network.vmac.is_some() && std::mem::take(&mut declared.network.promote_secondaries) {
            let text = format!("({name}) promote_secondaries is automatically set for vmacs - ignoring");
            rx.warn("vmac", text);
        }
        some_address(&mut declared, version, strict, rx);
        declared.track_scripts.retain(|t| usable.contains(&t.name));
        if sync_group.is_some() && !keeps_weights {
            without_weights_of_member(&mut declared, rx);
            tracker::without_weights(&name, &mut declared.trackers, trackers, "SYNC group", rx);
            bfd::without_weights(&mut declared, "SYNC group", rx);
        } else if owner {
            without_weights_of_owner(&mut declared, rx);
            tracker::without_weights(&name, &mut declared.trackers, trackers, "address_owner", rx);
            bfd::without_weights(&mut declared, "address_owner", rx);
        }
        let track_scripts = track_scripts(&declared.track_scripts, usable);
        let interfaces = network::Interfaces::new(&mut declared, global, &interface, family, names, rx);
        let garp =
            |pick: fn(&crate::declared::GarpDecl) -> Option<u32>| pick(&declared.garp).or(pick(&global.garp));
        let seconds = |n: u32| Duration::from_secs(n.into());
        let master_delay = garp(|g| g.master_delay).unwrap_or(5);
        let master_repeat = garp(|g| g.master_repeat).unwrap_or(5);
        let mcast_group = declared.mcast_group.unwrap_or(match family {
            Family::V4 => IpAddr::V4(defs.mcast_group4),
            Family::V6 => IpAddr::V6(defs.mcast_group6),
        });
        VrrpInstance {
            wants_master,
            virtual_router_id: declared.virtual_router_id.unwrap_or_default(),
            version,
            family,
            priority,
            advert_int,
            auth,
            track_scripts,
            trackers: tracker::resolved(&declared.trackers),
            // Counted before the groups add theirs.
            own_tracking: OwnTracking::default(),
            track_bfds: bfd::tracked(&declared.track_bfds, &config.bfd_instances),
            dont_track_primary: declared.dont_track_primary,
            nopreempt: declared.nopreempt,
            preempt_delay: declared.preempt_delay.unwrap_or_default(),
            source: declared.source,
            track_source: declared.track_source,
            check_unicast_src: declared.check_unicast_src || global.check_unicast_src,
            unicast_ttl: declared.unicast_ttl.and_then(|t| u8::try_from(t).ok()),
            mcast_group,
            garp_master_delay: seconds(master_delay),
            garp_master_repeat: master_repeat,
            garp_master_refresh: seconds(garp(|g| g.master_refresh).unwrap_or(0)),
            garp_master_refresh_repeat: garp(|g| g.master_refresh_repeat).unwrap_or(1),
            garp_lower_prio_delay: seconds(if strict {
                0
            } else {
                garp(|g| g.lower_prio_delay).unwrap_or(master_delay)
            }),
            garp_lower_prio_repeat: if strict {
                0
            } else {
                garp(|g| g.lower_prio_repeat).unwrap_or(master_repeat)
            },
            lower_prio_no_advert: strict
                || declared.lower_prio_no_advert.or(global.lower_prio_no_advert).unwrap_or(false),
            higher_prio_send_advert: !strict
                && declared.higher_prio_send_advert.or(global.higher_prio_send_advert).unwrap_or(false),
            down_timer_adverts: if strict { 3 } else { down_timer_adverts },
            skip_check_adv_addr: declared.skip_check_adv_addr.or(global.skip_check_adv_addr).unwrap_or(false),
            owner_ignore_adverts: declared
                .owner_ignore_adverts
                .or(global.owner_ignore_adverts)
                .unwrap_or(strict),
            v3_checksum_as_v2: declared.v3_checksum_as_v2.or(global.v3_checksum_as_v2).unwrap_or(false),
            promote_secondaries: declared.network.promote_secondaries,
            strict,
            accept,
            lacks_peers: declared.network.unicast_fault_no_peer && declared.unicast_peers.is_empty(),
            config_fault: ipvlan_fault,
            old_checksum: declared.network.old_checksum,
            expired_backup: declared.network.expired_backup,
            garp_extra: declared
                .network
                .garp_extra
                .or(global.network.garp_extra)
                .filter(|extra| !extra.interval.is_zero()),
            receive_buffer: declared.network.receive_buffer,
            transmit_by_base: declared.network.transmit_by_base,
            vmac: interfaces.vmac,
            address_vmacs: interfaces.address_vmacs,
            vrf: declared.network.vrf.map(|(name, _)| name),
            virtual_rules: declared.network.rules,
            debug: declared.debug.and_then(|d| u8::try_from(d).ok()).unwrap_or(0),
            notify,
            smtp_alert: mail_default(declared.smtp_alert, global),
            notify_priority_changes: declared
                .notify_priority_changes
                .or(global.daemon.notify_priority_changes)
                .unwrap_or(false),
            sync_group,
            virtual_addresses: declared.addresses,
            excluded_addresses: declared.excluded,
            virtual_routes: declared.routes,
            track_interfaces: declared.track_interfaces,
            unicast_peers: declared.unicast_peers,
            interface,
            name,
        }
    }
}

/// `smtp_alert`: what stands nearest wins.
pub(crate) fn mail_default(own: Option<bool>, global: &GlobalDecl) -> bool {
    let mail = &global.daemon.mail;
    own.or(mail.alert_vrrp).or(mail.alert).unwrap_or(false)
}

/// Two instances that hear each other's adverts as their own. True: the configuration cannot run.
/// `allow_if_changes`: it can where one of their interfaces may become another one; until then one of them is in FAULT.
pub(crate) fn duplicates(instances: &[VrrpInstance], allow_if_changes: bool, rx: &mut Resolver<'_>) -> bool {
    let mut texts = Vec::new();
    let virtual_interfaces = std::cell::OnceCell::new();
    let made = |name: &str| -> Option<Option<String>> {
        virtual_interfaces.get_or_init(|| rx.system.virtual_interfaces()).get(name).cloned()
    };
    let below = |name: &String| made(name).flatten().unwrap_or_else(|| name.clone());
    // A missing one may come as anything.
    let may_change = |one: &VrrpInstance| {
        !one.interface.is_empty()
            && (allow_if_changes && made(&one.interface).is_some()
                || rx.system.interface(&one.interface).is_none())
    };
    for (position, earlier) in instances.iter().enumerate() {
        let later = instances.iter().skip(position + 1);
        for later in later.filter(|later| later.virtual_router_id == earlier.virtual_router_id) {
            let vrid = earlier.virtual_router_id;
            let multicast = [earlier, later].map(|instance| instance.unicast_peers.is_empty());
            // A VMAC is no help: it has the address that others of this VRID have, too.
            if multicast == [true, true] && earlier.mcast_group == later.mcast_group {
                let on = below(&later.interface);
                let stays = !may_change(earlier) && !may_change(later);
                if stays && below(&earlier.interface) == on {
                    let family = if later.family == Family::V4 { "IPv4" } else { "IPv6" };
                    let (one, other) = (&earlier.name, &later.name);
                    texts.push(format!(
                        "{one} and {other} both use VRID {vrid} with {family} on interface {on}"
                    ));
                }
            } else if multicast == [false, false] && share_a_peer(earlier, later, rx) {
                texts.push(format!(
                    "({}) duplicate VRID conflict with {} VRID {vrid}",
                    earlier.name, later.name
                ));
            }
        }
    }
    let found = !texts.is_empty();
    texts.into_iter().for_each(|text| rx.refuse("duplicate-vrid", text));
    found
}

/// Whether what a peer sends could be for either of two unicast instances.
fn share_a_peer(one: &VrrpInstance, other: &VrrpInstance, rx: &Resolver<'_>) -> bool {
    let interface = |of: &VrrpInstance| of.vmac.as_ref().map_or(&of.interface, |vmac| &vmac.name).clone();
    let source = |of: &VrrpInstance| of.source.or_else(|| rx.system.address(&of.interface, of.family));
    let peer = |of: &VrrpInstance, address| of.unicast_peers.iter().any(|peer| peer.address == address);
    interface(one) == interface(other)
        && one.unicast_peers.iter().any(|each| peer(other, each.address))
        && source(one) == source(other)
}

fn version(
    declared: &InstanceDecl,
    global: &GlobalDecl,
    family: Family,
    strict: bool,
    rx: &mut Resolver<'_>,
) -> Version {
    match declared.version.or(if family == Family::V6 { Some(3) } else { global.version }) {
        Some(3) => Version::V3,
        Some(_) | None if strict && family == Family::V6 => {
            let text = format!("({}) cannot use IPv6 with VRRP version 2; setting version 3", declared.name);
            rx.warn("version", text);
            Version::V3
        }
        Some(_) | None => Version::V2,
    }
}

fn auth(
    declared: &InstanceDecl,
    version: Version,
    strict: bool,
    wants_master: &mut bool,
    rx: &mut Resolver<'_>,
) -> Auth {
    let name = &declared.name;
    if declared.auth == AuthKind::None {
        return Auth::None;
    }
    if strict {
        rx.warn("auth", format!("({name}) Strict mode does not support authentication. Ignoring."));
        return Auth::None;
    }
    if version == Version::V3 {
        rx.warn("auth", format!("({name}) VRRP version 3 does not support authentication. Ignoring."));
        return Auth::None;
    }
    let Some(password) = declared.password else {
        rx.warn("auth", format!("({name}) Authentication specified but no password given. Ignoring"));
        return Auth::None;
    };
    if declared.auth == AuthKind::Pass {
        return Auth::Pass(password);
    }
    if std::mem::take(wants_master) {
        rx.warn(
            "auth",
            format!("({name}) Initial state master is incompatible with AH authentication - clearing"),
        );
    }
    Auth::Ah(password)
}

/// What `nopreempt`, `preempt_delay` and `timer_expired_backup` leave of each other.
fn preemption(
    declared: &mut InstanceDecl,
    wants_master: bool,
    owner: bool,
    strict: bool,
    rx: &mut Resolver<'_>,
) {
    let name = &declared.name;
    if owner && std::mem::take(&mut declared.nopreempt) {
        let text = format!("({name}) nopreempt is incompatible with priority 255. resetting nopreempt");
        rx.warn("nopreempt", text);
    }
    if wants_master && std::mem::take(&mut declared.nopreempt) {
        let text = format!("({name}) Warning - nopreempt will not work with initial state MASTER - clearing");
        rx.warn("nopreempt", text);
    }
    let delays = declared.preempt_delay.is_some_and(|delay| !delay.is_zero());
    let mut clear = |what: &str| {
        rx.warn("preempt-delay", format!("({name}) {what}"));
        declared.preempt_delay = None;
    };
    if delays && wants_master {
        clear("Warning - preempt delay will not work with initial state MASTER - clearing");
    } else if delays {
        if strict {
            clear("preempt_delay is incompatible with strict mode - resetting");
        }
        if declared.nopreempt {
            clear("preempt_delay is incompatible with nopreempt mode - resetting");
        }
    }
    if declared.network.expired_backup.is_some() && !declared.nopreempt {
        rx.warn("timer-expired", format!("({name}) expired_timer_backup requires nopreempt - resetting"));
        declared.network.expired_backup = None;
    }
}

fn some_address(declared: &mut InstanceDecl, version: Version, strict: bool, rx: &mut Resolver<'_>) {
    let name = &declared.name;
    if strict && std::mem::take(&mut declared.no_virtual_address) {
        let text = format!(
            "({name}) no_virtual_ipaddress and strict mode incompatible, clearing no_virtual_ipaddress"
        );
        rx.warn("strict", text);
    }
    if !declared.addresses.is_empty() || declared.no_virtual_address {
    } else if version == Version::V3 || strict {
        rx.refuse("no-address", format!("({name}) No VIP specified; at least one is required"));
    } else {
        rx.warn("no-address", format!("({name}) No VIP specified; at least one is sensible"));
    }
}

fn advert_int(name: &str, declared: Option<Duration>, version: Version, rx: &mut Resolver<'_>) -> Duration {
    let interval = declared.unwrap_or(Duration::from_secs(1));
    match version {
        Version::V2 if interval.subsec_micros() != 0 => {
            let shown = format!("{}.{:06}", interval.as_secs(), interval.subsec_micros());
            rx.warn(
                "advert-int",
                format!("({name}) VRRPv2 advertisement interval {shown}s must be an integer. rounding"),
            );
            let up = u64::from(interval.subsec_micros() >= 500_000);
            Duration::from_secs((interval.as_secs() + up).max(1))
        }
        Version::V2 => interval,
        Version::V3 if interval > V3_INTERVAL_MAX => {
            rx.warn(
                "advert-int",
                format!(
                    "({name}) VRRPv3 advertisement interval {:.2}s is out of range. Must be less than 40.96s. Setting to 40.95s",
                    interval.as_secs_f64()
                ),
            );
            V3_INTERVAL_MAX
        }
        Version::V3 => {
            let centiseconds = (interval.as_micros() + 5_000) / 10_000;
            let rounded =
                Duration::from_millis(u64::try_from(centiseconds).unwrap_or(u64::MAX).saturating_mul(10));
            if rounded != interval {
                let shown = format!("{}.{:06}", interval.as_secs(), interval.subsec_micros());
                rx.warn(
                    "advert-int",
                    format!(
                        "({name}) VRRPv3 advertisement interval {shown}s must be in units of 10ms - rounding"
                    ),
                );
            }
            rounded
        }
    }
}

/// Nothing may change the priority of an address owner.
fn without_weights_of_owner(declared: &mut InstanceDecl, rx: &mut Resolver<'_>) {
    let name = &declared.name;
    declared.track_interfaces.retain(|t| {
        if t.weight != 0 {
            rx.warn("owner", format!("({name}) ignoring {} tracked interface due to address owner", t.name));
        }
        t.weight == 0
    });
    declared.track_scripts.retain(|t| {
        if t.weight != 0 {
            rx.warn(
                "owner",
                format!("({name}) ignoring tracked script {} with weights due to address_owner", t.name),
            );
        }
        t.weight == 0
    });
}

/// Members of a group move together, so nothing may change the priority of one of them.
fn without_weights_of_member(declared: &mut InstanceDecl, rx: &mut Resolver<'_>) {
    let name = &declared.name;
    for tracked in &mut declared.track_interfaces {
        if tracked.weight != 0 {
            let text =
                format!("({name}) ignoring {} tracked interface weight due to SYNC group", tracked.name);
            rx.warn("sync-group", text);
            tracked.weight = 0;
        }
    }
    declared.track_scripts.retain(|t| {
        if t.weight != 0 {
            rx.warn(
                "sync-group",
                format!("({name}) ignoring tracked script {} with weights due to SYNC group", t.name),
            );
        }
        t.weight == 0
    });
}

/// Addresses beyond those that an advert can carry become excluded ones.
fn fit_packet(declared: &mut InstanceDecl, family: Family, rx: &mut Resolver<'_>) {
    // What fits in a packet of 1500 bytes besides its headers; the count field has 8 bits.
    let most = if family == Family::V4 { 255 } else { (1500 - 40 - 8) / 16 };
    let count = declared.addresses.len();
    if count <= most {
        return;
    }
    let text = format!(
        "({}) Number of VIPs ({count}) exceeds maximum/space available in packet (max {most} addresses) - excess moved to eVIPs",
        declared.name
    );
    rx.warn("addresses", text);
    let excess = declared.addresses.split_off(most);
    declared.excluded.splice(0..0, excess);
}

/// The tracked scripts that can run, as indices.
pub(crate) fn track_scripts(declared: &[TrackedScriptDecl], usable: &[String]) -> Vec<TrackedScript> {
    declared
        .iter()
        .filter_map(|t| {
            let script = usable.iter().position(|name| *name == t.name)?;
            Some(TrackedScript { script, weight: t.weight, reverse: t.reverse })
        })
        .collect()
}
