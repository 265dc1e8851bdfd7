//! `vrrp_instance`. keepalived.conf(5), "VRRP instance(s)".

use std::net::IpAddr;

use config_text::Span;

use crate::declared::{InstanceDecl, NotifyDecl};
use crate::number::Rest;
use crate::registry::{Cx, Keyword, Set, list_of, refused};
use crate::resolved::{Address, Family, UnicastPeer};
use crate::tree::{Block, Statement};

use super::address;
use super::authentication::authentication;
use super::bfd_instance;
use super::notify::{self, Notifies};
use super::route;
use super::track;
use super::tracker;
use super::vmac;

/// The longest delay between bursts of gratuitous ARPs: 2^32 microseconds, in seconds.
pub(crate) const DELAY_MAX: u32 = 4294;
/// The most gratuitous ARPs of a burst.
pub(crate) const REPEATS_MAX: u32 = i32::MAX.unsigned_abs();

impl Notifies for InstanceDecl {
    fn notify(&mut self) -> &mut NotifyDecl {
        &mut self.notify
    }
}

pub(super) fn family_of(ip: IpAddr) -> Family {
    if ip.is_ipv4() { Family::V4 } else { Family::V6 }
}

fn state(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let state = line.text(1).unwrap_or_default();
    match state.as_str() {
        "MASTER" => instance.state_master = Some(true),
        // One that was BACKUP may become MASTER, but not the other way round.
        "BACKUP" if instance.state_master == Some(true) => {
            let text = format!("({}) state previously set as MASTER - ignoring BACKUP", instance.name);
            cx.warn(line.span, "state", text);
        }
        "BACKUP" => instance.state_master = Some(false),
        _ => {
            instance.state_master = Some(false);
            let text = format!("({}) unknown state '{state}', defaulting to BACKUP", instance.name);
            cx.warn(line.span, "state", text);
        }
    }
}

fn interface(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let interface = line.text(1).unwrap_or_default();
    if interface.len() > vmac::NAME_MAX {
        cx.warn(line.span, "interface", format!("Interface name '{interface}' too long - ignoring"));
        return;
    }
    match cx.system.interface(&interface) {
        Some(status) if status.loopback => {
            let text = format!(
                "({}) cannot use a loopback interface ({interface}) for vrrp - ignoring",
                instance.name
            );
            cx.warn(line.span, "interface", text);
            instance.interface = None;
            return;
        }
        Some(_) => {}
        None if cx.dynamic_interfaces => cx.awaits_interface(&interface),
        None => {
            cx.missing_interface = true;
            let text =
                format!("WARNING - interface {interface} for vrrp_instance {} doesn't exist", instance.name);
            cx.warn(line.span, "missing-interface", text);
        }
    }
    instance.interface = Some(interface);
}

fn virtual_router_id(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match cx.strict_unsigned(line.span, &text, 1, 255).and_then(|n| u8::try_from(n).ok()) {
        Some(id) => instance.virtual_router_id = Some(id),
        None => {
            let text = format!("({}): VRID '{text}' not valid - must be between 1 & 255", instance.name);
            cx.warn(line.span, "virtual-router-id", text);
        }
    }
}

fn priority(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    instance.priority = cx.strict_unsigned(line.span, &text, 1, 255).and_then(|n| u8::try_from(n).ok());
    if instance.priority.is_none() {
        let name = &instance.name;
        let text = format!("({name}) Priority not valid! must be between 1 & 255. Using default 100");
        cx.warn(line.span, "priority", text);
        instance.priority = Some(100);
    }
}

fn advert_int(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match cx.seconds(line.span, &text, 10_000, 255_000_000, Rest::Refused) {
        Some(interval) => instance.advert_int = Some(interval),
        None => {
            let text =
                format!("({}) Advert interval ({text}) not valid! Must be > 0 - ignoring", instance.name);
            cx.warn(line.span, "advert-int", text);
        }
    }
}

fn version(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match cx.signed(line.span, &text, 2, 3).and_then(|version| u32::try_from(version).ok()) {
        Some(2) if instance.family == Some(Family::V6) => {
            let name = &instance.name;
            let deduced = instance.version.unwrap_or(0);
            let text = format!(
                "({name}) vrrp_version 2 conflicts with configured or deduced version {deduced}; ignoring."
            );
            cx.warn(line.span, "version", text);
        }
        Some(version) if instance.version.is_some_and(|known| known != version) => {
            let (name, known) = (&instance.name, instance.version.unwrap_or(0));
            let text = format!(
                "({name}) vrrp_version {version} conflicts with configured or deduced version {known}; ignoring."
            );
            cx.warn(line.span, "version", text);
        }
        Some(version) => instance.version = Some(version),
        None => cx.warn(line.span, "version", format!("({}): Version must be either 2 or 3", instance.name)),
    }
}

fn native_ipv6(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    if instance.family == Some(Family::V4) {
        let text = format!("({}) Cannot specify native_ipv6 with IPv4 addresses", instance.name);
        cx.warn(line.span, "native-ipv6", text);
        return;
    }
    instance.family = Some(Family::V6);
}

fn virtual_ipaddress(instance: &mut InstanceDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        let Some(address) = address::parse(line, route::Place::Virtual, cx) else { continue };
        let family = family_of(address.address);
        let other = match (same(&instance.addresses, &address), same_place(&instance.excluded, &address)) {
            (true, _) => Some("a VIP"),
            (false, true) => Some(if cx.both_families { "a VIP" } else { "an excluded VIP" }),
            (false, false) => None,
        };
        if let Some(other) = other {
            let text = format!("({}): VIP duplicates {other} {} - ignoring", instance.name, line.keyword());
            cx.warn(line.span, "duplicate-address", text);
            continue;
        }
        if instance.family.is_some_and(|f| f != family) && cx.both_families {
            // Adverts have room for one family; the other goes along.
            instance.excluded.push(address);
            continue;
        }
        if instance.family.is_some_and(|f| f != family) {
            let shown = line.keyword();
            let text =
                format!("({}): address family must match VRRP instance [{shown}] - ignoring", instance.name);
            cx.warn(line.span, "family", text);
            continue;
        }
        instance.family = Some(family);
        instance.addresses.push(address);
    }
}

fn virtual_routes(instance: &mut InstanceDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        if cx.stopped {
            return;
        }
        instance.routes.extend(route::parse(line, route::Place::Virtual, cx));
    }
}

fn virtual_ipaddress_excluded(instance: &mut InstanceDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        let Some(address) = address::parse(line, route::Place::Virtual, cx) else { continue };
        let other = match (same_place(&instance.addresses, &address), same(&instance.excluded, &address)) {
            (true, _) => "a VIP",
            (false, true) => "an excluded VIP",
            (false, false) => {
                instance.excluded.push(address);
                continue;
            }
        };
        let text =
            format!("({}): Excluded VIP duplicates {other} {} - ignoring", instance.name, line.keyword());
        cx.warn(line.span, "duplicate-address", text);
    }
}

/// Prefix and device make no difference.
fn same(list: &[Address], address: &Address) -> bool {
    list.iter().any(|a| a.address == address.address)
}

/// The prefix makes no difference.
fn same_place(list: &[Address], address: &Address) -> bool {
    list.iter().any(|a| a.address == address.address && a.device == address.device)
}

fn track_script(instance: &mut InstanceDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    track::scripts(&instance.name, &mut instance.track_scripts, block, cx);
}

fn track_interface(instance: &mut InstanceDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    track::interfaces(&instance.name, &mut instance.track_interfaces, block, cx);
}

fn track_file(instance: &mut InstanceDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    tracker::tracked(&instance.name, &mut instance.trackers, true, block, cx);
}

fn track_process(instance: &mut InstanceDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    tracker::tracked(&instance.name, &mut instance.trackers, false, block, cx);
}

fn track_bfd(instance: &mut InstanceDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    bfd_instance::tracked(&instance.name, &mut instance.track_bfds, block, cx);
}

fn preempt(instance: &mut InstanceDecl, _: &Statement, _: &mut Cx<'_>) {
    instance.nopreempt = false;
}

fn preempt_delay(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match cx.seconds(line.span, &text, 0, 1_000_000_000, Rest::Said) {
        Some(delay) => instance.preempt_delay = Some(delay),
        None => {
            let text = format!("({}) Preempt_delay not valid! must be between 0-1000", instance.name);
            cx.warn(line.span, "preempt-delay", text);
        }
    }
}

fn unicast_src_ip(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    instance.network.unicast = true;
    source_address(instance, line, cx);
}

/// A source address. The family of an instance is that of its first address or source.
fn source_address(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    let name = &instance.name;
    let parsed = text.parse::<IpAddr>();
    // What is no address has a family all the same.
    let family =
        parsed.as_ref().map_or(if text.contains(':') { Family::V6 } else { Family::V4 }, |ip| family_of(*ip));
    if instance.family.is_some_and(|f| f != family) {
        let text = format!(
            "Configuration error: VRRP instance[{name}] and src address[{text}] MUST be of the same family !!! Skipping..."
        );
        cx.warn(line.span, "family", text);
        return;
    }
    let Ok(ip) = parsed else {
        let text =
            format!("Configuration error: VRRP instance[{name}] malformed src address[{text}]. Skipping...");
        cx.warn(line.span, "source-address", text);
        return;
    };
    instance.family = Some(family_of(ip));
    instance.source = Some(ip);
}

fn mcast_dst_ip(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    let name = &instance.name;
    let Ok(ip) = text.parse::<IpAddr>() else {
        let text = format!("({name}) malformed mcast dest address {text}. Skipping...");
        return cx.warn(line.span, "mcast-dst-ip", text);
    };
    let wrong = match ip {
        _ if instance.family.is_some_and(|family| family != family_of(ip)) => {
            format!("mcast dest address {text} MUST match VRRP instance family. Skipping...")
        }
        IpAddr::V4(ip) if !ip.is_multicast() => format!("mcast_dst_ip {text} not multicast. Skipping..."),
        IpAddr::V6(ip) if ip.segments()[0] & 0xff0f != 0xff02 => {
            format!("mcast_dst_ip {text} not link-local multicast. Skipping...")
        }
        _ => {
            instance.mcast_group = Some(ip);
            instance.family.get_or_insert(family_of(ip));
            return;
        }
    };
    cx.warn(line.span, "mcast-dst-ip", format!("({name}) {wrong}"));
}

fn unicast_peer(instance: &mut InstanceDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    instance.network.unicast = true;
    for line in list_of(block, cx) {
        let text = line.keyword();
        let name = instance.name.clone();
        let Ok(address) = text.parse::<IpAddr>() else {
            let text = format!(
                "Configuration error: VRRP instance[{name}] malformed unicast peer address[{text}]. Skipping..."
            );
            cx.warn(line.span, "unicast-peer", text);
            continue;
        };
        if instance.family.is_some_and(|f| f != family_of(address)) {
            let text = format!(
                "Configuration error: VRRP instance[{name}] and unicast peer address[{text}] MUST be of the same family !!! Skipping..."
            );
            cx.warn(line.span, "family", text);
            continue;
        }
        instance.family = Some(family_of(address));
        let mut peer = UnicastPeer { address, min_ttl: 0, max_ttl: 255 };
        let mut at = 1;
        while let Some(option) = line.text(at) {
            let Some(value) = line.text(at + 1) else {
                cx.warn(line.span, "unicast-peer", format!("({name}) {text} - {option} is missing a value"));
                break;
            };
            at += 2;
            let Some(value) =
                cx.strict_unsigned(line.span, &value, 0, 255).and_then(|n| u8::try_from(n).ok())
            else {
                continue;
            };
            let ttl = match option.as_str() {
                "min_ttl" => &mut peer.min_ttl,
                "max_ttl" => &mut peer.max_ttl,
                _ => {
                    let text = format!("({name}) {text} - unknown unicast_peer option {option}");
                    cx.warn(line.span, "unicast-peer", text);
                    continue;
                }
            };
            *ttl = value;
            instance.check_unicast_src = true;
        }
        if peer.min_ttl > peer.max_ttl {
            let text = format!(
                "({name}) {text} - min_ttl {} > max_ttl {} - all packets will be discarded",
                peer.min_ttl, peer.max_ttl
            );
            cx.warn(line.span, "unicast-peer", text);
        }
        if instance.unicast_peers.iter().any(|p| p.address == address) {
            cx.warn(line.span, "unicast-peer", format!("({name}) {text} - duplicate unicast_peer"));
            continue;
        }
        instance.unicast_peers.push(peer);
    }
}

fn check_unicast_src(instance: &mut InstanceDecl, _: &Statement, _: &mut Cx<'_>) {
    instance.network.unicast = true;
    instance.check_unicast_src = true;
}

/// What the words of a whole block come to, said at its end.
pub(crate) fn finish(instance: &mut InstanceDecl, end: Span, cx: &mut Cx<'_>) {
    let name = &instance.name;
    if instance.unicast_peers.is_empty() && instance.unicast_ttl.take().is_some() {
        let text = format!("({name}): Cannot use unicast_ttl without unicast peers - resetting");
        cx.warn(end, "unicast-ttl", text);
    }
    let network = &mut instance.network;
    let own = network.vmac.is_some() || network.ipvlan.is_some();
    if own && network.unicast && instance.interface.is_none() {
        let text =
            format!("({name}): Cannot use VMAC/ipvlan with unicast and no interface - clearing use_vmac");
        cx.warn(end, "vmac", text);
        (network.vmac, network.ipvlan) = (None, None);
    } else if own && network.unicast && !network.transmit_by_base {
        cx.warn(end, "vmac", format!("({name}) unicast with use_vmac requires vmac_xmit_base - setting"));
        network.transmit_by_base = true;
    }
}

fn debug(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match cx.unsigned(line.span, &text, 0, 4) {
        Some(level) => instance.debug = Some(level),
        None => {
            let text = format!("({}) Debug value '{text}' not valid; must be between 0-4", instance.name);
            cx.warn(line.span, "debug", text);
        }
    }
}

const fn kw(
    name: &'static str,
    set: fn(&mut InstanceDecl, &Statement, &mut Cx<'_>),
    doc: &'static str,
) -> Keyword<InstanceDecl> {
    Keyword { name, parameters: 1, set: Set::Custom(set), doc }
}

const fn block(
    name: &'static str,
    set: fn(&mut InstanceDecl, &Statement, &Block, &mut Cx<'_>),
    doc: &'static str,
) -> Keyword<InstanceDecl> {
    Keyword { name, parameters: 0, set: Set::Block(set), doc }
}

const fn flag(
    name: &'static str,
    field: fn(&mut InstanceDecl) -> &mut bool,
    doc: &'static str,
) -> Keyword<InstanceDecl> {
    Keyword { name, parameters: 0, set: Set::Flag(field), doc }
}

const fn switch(
    name: &'static str,
    field: fn(&mut InstanceDecl) -> &mut Option<bool>,
    bad: &'static str,
    doc: &'static str,
) -> Keyword<InstanceDecl> {
    Keyword { name, parameters: 0, set: Set::Bool { field, bad }, doc }
}

const fn count(
    name: &'static str,
    field: fn(&mut InstanceDecl) -> &mut Option<u32>,
    bad: &'static str,
    doc: &'static str,
) -> Keyword<InstanceDecl> {
    Keyword { name, parameters: 1, set: Set::Unsigned { field, min: 0, max: u32::MAX, bad }, doc }
}

const fn delay(
    name: &'static str,
    field: fn(&mut InstanceDecl) -> &mut Option<u32>,
    bad: &'static str,
    doc: &'static str,
) -> Keyword<InstanceDecl> {
    Keyword { name, parameters: 1, set: Set::Unsigned { field, min: 0, max: DELAY_MAX, bad }, doc }
}

const ELECTION: &[Keyword<InstanceDecl>] = &[
    kw("state", state, "MASTER or BACKUP: the state wanted at start."),
    kw("interface", interface, "Interface that adverts use, and virtual addresses without dev."),
    kw("virtual_router_id", virtual_router_id, "The VRID, 1 to 255."),
    kw("priority", priority, "Base priority, 1 to 255; 100. 255 owns the addresses."),
    kw("advert_int", advert_int, "Seconds between adverts; 1."),
    kw("version", version, "VRRP version, 2 or 3."),
    Keyword { name: "native_ipv6", parameters: 0, set: Set::Custom(native_ipv6), doc: "Adverts use IPv6." },
    block("authentication", authentication, "How VRRPv2 adverts are authenticated."),
    flag("nopreempt", |i| &mut i.nopreempt, "Leave a lower-priority master alone."),
    Keyword {
        name: "preempt",
        parameters: 0,
        set: Set::Custom(preempt),
        doc: "Take over from a lower-priority master; default.",
    },
    kw("preempt_delay", preempt_delay, "Seconds to leave a lower-priority master alone."),
    Keyword {
        name: "down_timer_adverts",
        parameters: 1,
        set: Set::Unsigned {
            field: |i| &mut i.down_timer_adverts,
            min: 1,
            max: 100,
            bad: "({n}): Invalid down_timer_adverts [1:100] '{v}'",
        },
        doc: "Adverts missed until the master counts as down; 3.",
    },
    switch(
        "lower_prio_no_advert",
        |i| &mut i.lower_prio_no_advert,
        "({n}) invalid lower_prio_no_advert {v} specified",
        "Do not answer adverts of a lower priority.",
    ),
    switch(
        "higher_prio_send_advert",
        |i| &mut i.higher_prio_send_advert,
        "({n}) invalid higher_prio_send_advert {v} specified",
        "Answer an advert of a higher priority before stepping down.",
    ),
    switch(
        "skip_check_adv_addr",
        |i| &mut i.skip_check_adv_addr,
        "({n}) invalid skip_check_adv_addr {v} specified",
        "Do not compare the addresses of every advert of the same master.",
    ),
    switch(
        "owner_ignore_adverts",
        |i| &mut i.owner_ignore_adverts,
        "({n}) invalid owner_ignore_adverts {v} specified",
        "The address owner ignores adverts.",
    ),
    switch(
        "v3_checksum_as_v2",
        |i| &mut i.v3_checksum_as_v2,
        "({n}) invalid v3_checksum_as_v2 {v} specified",
        "No pseudo header in VRRPv3 checksums over IPv4.",
    ),
];

const ADDRESSES: &[Keyword<InstanceDecl>] = &[
    block("virtual_ipaddress", virtual_ipaddress, "The virtual addresses, which adverts carry."),
    block(
        "virtual_ipaddress_excluded",
        virtual_ipaddress_excluded,
        "Virtual addresses that adverts do not carry.",
    ),
    block("virtual_routes", virtual_routes, "Routes that are there while master."),
    flag("no_virtual_ipaddress", |i| &mut i.no_virtual_address, "There are no virtual addresses on purpose."),
    kw("mcast_src_ip", source_address, "Source address of adverts."),
    kw("unicast_src_ip", unicast_src_ip, "Source address of unicast adverts."),
    kw("mcast_dst_ip", mcast_dst_ip, "Multicast group of this instance."),
    flag("track_src_ip", |i| &mut i.track_source, "Losing the source address is a fault."),
    block("unicast_peer", unicast_peer, "Send adverts to these addresses instead of the multicast group."),
    Keyword {
        name: "check_unicast_src",
        parameters: 0,
        set: Set::Custom(check_unicast_src),
        doc: "Drop unicast adverts of others than the peers.",
    },
    Keyword {
        name: "unicast_ttl",
        parameters: 1,
        set: Set::StrictUnsigned {
            field: |i| &mut i.unicast_ttl,
            min: 0,
            max: 255,
            bad: "({n}): TTL '{v}' not valid - must be between 0 & 255",
        },
        doc: "TTL of unicast adverts; 255.",
    },
    delay(
        "garp_master_delay",
        |i| &mut i.garp.master_delay,
        "({n}): garp_master_delay '{v}' invalid - ignoring",
        "Seconds to the second burst of gratuitous ARPs; 5.",
    ),
    Keyword {
        name: "garp_master_repeat",
        parameters: 1,
        set: Set::AtLeastOne {
            field: |i| &mut i.garp.master_repeat,
            bad: "({n}): garp_master_repeat '{v}' invalid - ignoring",
            zero: "({n}): garp_master_repeat must be greater than 0, setting to 1",
        },
        doc: "Gratuitous ARPs of a burst; 5.",
    },
    count(
        "garp_master_refresh",
        |i| &mut i.garp.master_refresh,
        "({n}): Invalid garp_master_refresh '{v}' - ignoring",
        "Seconds between refreshing bursts; 0 for none.",
    ),
    Keyword {
        name: "garp_master_refresh_repeat",
        parameters: 1,
        set: Set::AtLeastOne {
            field: |i| &mut i.garp.master_refresh_repeat,
            bad: "({n}): garp_master_refresh_repeat '{v}' invalid - ignoring",
            zero: "({n}): garp_master_refresh_repeat must be greater than 0, setting to 1",
        },
        doc: "Gratuitous ARPs of a refreshing burst; 1.",
    },
    delay(
        "garp_lower_prio_delay",
        |i| &mut i.garp.lower_prio_delay,
        "({n}): garp_lower_prio_delay '{v}' invalid - ignoring",
        "Seconds to the second burst after an advert of a lower priority.",
    ),
    Keyword {
        name: "garp_lower_prio_repeat",
        parameters: 1,
        set: Set::Unsigned {
            field: |i| &mut i.garp.lower_prio_repeat,
            min: 0,
            max: REPEATS_MAX,
            bad: "({n}): Invalid garp_lower_prio_repeat '{v}'",
        },
        doc: "Gratuitous ARPs of a burst after an advert of a lower priority.",
    },
];

const EVENTS: &[Keyword<InstanceDecl>] = &[
    block("track_script", track_script, "Scripts whose results change the priority or the state."),
    block("track_interface", track_interface, "Interfaces whose state changes the priority or the state."),
    block("track_file", track_file, "Files whose numbers change the priority or the state."),
    block("track_process", track_process, "Processes whose quorum changes the priority or the state."),
    block("track_bfd", track_bfd, "BFD sessions whose state changes the priority or the state."),
    flag("dont_track_primary", |i| &mut i.dont_track_primary, "The own interface going down is no fault."),
    kw("notify_master", notify::master, "Run on becoming MASTER."),
    kw("notify_backup", notify::backup, "Run on becoming BACKUP."),
    kw("notify_fault", notify::fault, "Run on becoming FAULT."),
    kw("notify_stop", notify::stop, "Run at stop."),
    kw("notify", notify::any, "Run on any change, with kind, name, state and priority appended."),
    kw(
        "notify_master_rx_lower_pri",
        notify::rx_lower,
        "Run when a master receives an advert of a lower priority.",
    ),
    Keyword {
        name: "notify_deleted",
        parameters: 0,
        set: Set::Custom(notify::deleted),
        doc: "Notify DELETED instead of FAULT when a reload removes the instance.",
    },
    kw("debug", debug, "Debug level, 0 to 4."),
    switch(
        "smtp_alert",
        |i| &mut i.smtp_alert,
        "Invalid vrrp_instance smtp_alert parameter {v}",
        "Mail on changes.",
    ),
    switch(
        "notify_priority_changes",
        |i| &mut i.notify_priority_changes,
        "({n}) Invalid value '{v}' for notify_priority_changes specified",
        "Write changes of the effective priority to the FIFOs.",
    ),
];

const REFUSED: &[Keyword<InstanceDecl>] = &refused!["lvs_sync_daemon_interface"];

pub(crate) const TABLES: [&[Keyword<InstanceDecl>]; 5] =
    [ELECTION, ADDRESSES, EVENTS, vmac::INSTANCE, REFUSED];
