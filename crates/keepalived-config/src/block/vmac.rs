//! Words of `vrrp_instance` about interfaces of its own, packets to its addresses and unicast. keepalived.conf(5),
//! "VRRP instance(s)".

use std::net::IpAddr;

use config_text::Span;

use crate::declared::{InstanceDecl, IpvlanDecl, VmacDecl};
use crate::registry::{Cx, Keyword, Set, list_of};
use crate::resolved::{IpvlanMode, OldChecksum};
use crate::tree::{Block, Statement};

use super::iproute::Names;
use super::route::{Place, Words};
use super::vrrp_instance::family_of;
use super::{network, rule};

/// Longest name of an interface.
pub(super) const NAME_MAX: usize = 15;

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_MAX
        && !text.contains(['/', ' ', ':'])
        && text != "."
        && text != ".."
}

fn use_vmac(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let span = line.span;
    let mut vmac = VmacDecl::default();
    let mut words = Words::new(line);
    words.next();
    while let Some(word) = words.next() {
        match word.as_str() {
            "netlink_notify_msg" => vmac.notify_base = true,
            "group" => {
                let Some(text) = words.value(cx) else { return };
                vmac.group = Names::Groups.number(&text, u32::MAX, cx);
                if vmac.group.is_none() {
                    cx.warn(span, "vmac", format!("VMAC group {text} not found"));
                }
            }
            "name" => {
                let Some(text) = words.value(cx) else { return };
                vmac_name(&mut vmac.name, &text, line, cx);
            }
            text if text.contains(':') => match mac(text) {
                Some(mac) if mac.first().is_some_and(|first| first & 1 == 1) => {
                    cx.warn(span, "vmac", format!("VMAC MAC address is multicast {text} - ignoring"));
                }
                Some(mac) if mac.starts_with(&[0, 0, 0x5e, 0, 1]) || mac.starts_with(&[0, 0, 0x5e, 0, 2]) => {
                    let text =
                        format!("VMAC MAC address not allowed to be RFC5798 address ({text}) - ignoring");
                    cx.warn(span, "vmac", text);
                }
                Some(mac) => vmac.mac = Some(mac),
                None => cx.warn(span, "vmac", format!("VMAC invalid MAC address {text}")),
            },
            text => vmac_name(&mut vmac.name, text, line, cx),
        }
    }
    if let Some(name) = &vmac.name
        && cx.system.interface(name).is_some()
        && cx.system.hardware_address(name).is_none_or(|mac| !is_vmac(mac, vmac.mac.as_deref()))
    {
        let text = format!(
            "({}) interface {name} already exists and is not a private macvlan; ignoring vmac if_name",
            instance.name
        );
        cx.warn(span, "vmac", text);
        vmac.name = None;
    }
    instance.network.vmac = Some(vmac);
}

/// An interface with the address that a VMAC would have is one that an earlier life left behind.
fn is_vmac(mac: [u8; 6], configured: Option<&[u8]>) -> bool {
    match configured {
        Some(prefix) => mac.starts_with(prefix),
        None => mac.starts_with(&[0, 0, 0x5e, 0, 1]) || mac.starts_with(&[0, 0, 0x5e, 0, 2]),
    }
}

fn vmac_name(name: &mut Option<String>, text: &str, line: &Statement, cx: &mut Cx<'_>) {
    if name.is_some() {
        cx.warn(line.span, "vmac", "VMAC interface name already specified");
    } else if is_name(text) {
        *name = Some(text.to_owned());
    } else {
        let text = format!("VMAC interface name '{text}' too long or invalid characters - ignoring");
        cx.warn(line.span, "vmac", text);
    }
}

/// Five octets, to which the VRID is added, or six.
fn mac(text: &str) -> Option<Vec<u8>> {
    let octets: Option<Vec<u8>> = text
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).ok().filter(|_| (1..=2).contains(&octet.len())))
        .collect();
    octets.filter(|octets| matches!(octets.len(), 5 | 6))
}

fn use_ipvlan(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let span = line.span;
    let mut ipvlan = IpvlanDecl::default();
    let mut has_mode = false;
    let mut words = Words::new(line);
    words.next();
    while let Some(word) = words.next() {
        match word.as_str() {
            "bridge" | "private" | "vepa" if has_mode => {
                let text = format!("({}) ipvlan type already specified - ignoring '{word}'", instance.name);
                cx.warn(span, "ipvlan", text);
            }
            "bridge" => (ipvlan.mode, has_mode) = (IpvlanMode::Bridge, true),
            "private" => (ipvlan.mode, has_mode) = (IpvlanMode::Private, true),
            "vepa" => (ipvlan.mode, has_mode) = (IpvlanMode::Vepa, true),
            "group" => {
                let Some(text) = words.value(cx) else { return };
                ipvlan.group = Names::Groups.number(&text, u32::MAX, cx);
                if ipvlan.group.is_none() {
                    cx.warn(span, "ipvlan", format!("ipvlan group {text} not found"));
                }
            }
            "name" => {
                let Some(text) = words.value(cx) else { return };
                ipvlan_name(&mut ipvlan.name, &text, &instance.name, span, cx);
            }
            text => match address(text) {
                Some((address, _)) if instance.family.is_some_and(|family| family != family_of(address)) => {
                    let text = format!(
                        "({}) ipvlan address[{text}] MUST match vrrp instance family !!! Skipping...",
                        instance.name
                    );
                    cx.warn(span, "ipvlan", text);
                }
                Some(address) => {
                    instance.family.get_or_insert(family_of(address.0));
                    ipvlan.address = Some(address);
                }
                None => ipvlan_name(&mut ipvlan.name, text, &instance.name, span, cx),
            },
        }
    }
    if let Some(name) = &ipvlan.name
        && cx.system.interface(name).is_some()
        && !cx.system.is_ipvlan(name)
    {
        let text = format!(
            "({}) interface {name} already exists and is not an l2 ipvlan; ignoring ipvlan if_name",
            instance.name
        );
        cx.warn(span, "ipvlan", text);
        ipvlan.name = None;
    }
    instance.network.ipvlan = Some(ipvlan);
}

fn ipvlan_name(slot: &mut Option<String>, text: &str, instance: &str, span: Span, cx: &mut Cx<'_>) {
    if slot.is_some() {
        let text = format!("({instance}) IPVLAN interface already specified - ignoring '{text}'");
        cx.warn(span, "ipvlan", text);
    } else if is_name(text) {
        *slot = Some(text.to_owned());
    } else if !text.is_empty() {
        let text = format!("({instance}) IPVLAN interface name '{text}' too long - ignoring");
        cx.warn(span, "ipvlan", text);
    }
}

fn address(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let ip: IpAddr = ip.parse().ok()?;
    let host = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= host)?,
        None => host,
    };
    Some((ip, prefix))
}

fn vrf(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let name = line.text(1).unwrap_or_default();
    if name.len() > NAME_MAX {
        let text = format!("({}) VRF interface name '{name}' too long - ignoring", instance.name);
        cx.warn(line.span, "vrf", text);
        return;
    }
    if instance.interface.is_some() {
        let text = format!("({}) Cannot specify VRF interface and interface - ignoring", instance.name);
        cx.warn(line.span, "vrf", text);
        return;
    }
    if !cx.interface_exists(&name) {
        let text =
            format!("WARNING - VRF interface {name} for vrrp_instance {} doesn't exist", instance.name);
        cx.warn(line.span, "missing-interface", text);
    }
    instance.network.vrf = Some((name, line.span));
}

fn accept(instance: &mut InstanceDecl, _: &Statement, _: &mut Cx<'_>) {
    instance.network.accept = Some(true);
}

fn no_accept(instance: &mut InstanceDecl, _: &Statement, _: &mut Cx<'_>) {
    instance.network.accept = Some(false);
}

fn unicast_fault_no_peer(instance: &mut InstanceDecl, _: &Statement, _: &mut Cx<'_>) {
    instance.network.unicast = true;
    instance.network.unicast_fault_no_peer = true;
}

fn old_unicast_checksum(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    instance.network.unicast = true;
    match line.text(1).as_deref() {
        None => instance.network.old_checksum = OldChecksum::Always,
        Some("never") => instance.network.old_checksum = OldChecksum::Never,
        Some(other) => {
            let text = format!("({}) Unknown old_unicast_chksum mode {other} - ignoring", instance.name);
            cx.warn(line.span, "checksum", text);
        }
    }
}

fn virtual_rules(instance: &mut InstanceDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        if cx.stopped {
            return;
        }
        instance.network.rules.extend(rule::parse(line, Place::Virtual, cx));
    }
}

fn timer_expired_backup(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    if line.keyword() == "thread_timer_expired" {
        let text = format!(
            "({}) thread_timer_expired - please replace with keyword 'timer_expired_backup'",
            instance.name
        );
        cx.warn(line.span, "deprecated", text);
    }
    let priority = match line.text(1) {
        None => Some(254),
        Some(text) => cx.unsigned(line.span, &text, 1, 254),
    };
    match priority.and_then(|priority| u8::try_from(priority).ok()) {
        Some(priority) => instance.network.expired_backup = Some(priority),
        None => {
            let text = format!(
                "({}) timer_expired_backup highest_other_priority not valid! must be between 1 & 254",
                instance.name
            );
            cx.warn(line.span, "timer-expired", text);
        }
    }
}

fn garp_extra_if(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let of = format!("({}): ", instance.name);
    instance.network.garp_extra = network::extra_garp(&of, 0, line, cx).or(instance.network.garp_extra);
}

fn vmac_garp_intvl(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = "Keyword \"vmac_garp_intvl\" is deprecated - please use \"garp_extra_if\"";
    cx.warn(line.span, "deprecated", text);
    garp_extra_if(instance, line, cx);
}

fn receive_buffer(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).filter(|_| line.words.len() == 2);
    match text.and_then(|text| cx.strict_unsigned(line.span, &text, 0, u32::MAX)) {
        Some(bytes) => instance.network.receive_buffer = Some(bytes.min(i32::MAX.unsigned_abs())),
        None => {
            cx.warn(line.span, "buffer", format!("({}) invalid kernel_rx_buf_size specified", instance.name));
        }
    }
}

fn linkbeat(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let name = &instance.name;
    let text = format!(
        "({name}) 'linkbeat_use_polling' in vrrp instance deprecated - use linkbeat_interfaces block"
    );
    cx.warn(line.span, "deprecated", text);
    instance.network.linkbeat = true;
}

const fn kw(
    name: &'static str,
    parameters: usize,
    set: fn(&mut InstanceDecl, &Statement, &mut Cx<'_>),
    doc: &'static str,
) -> Keyword<InstanceDecl> {
    Keyword { name, parameters, set: Set::Custom(set), doc }
}

const fn flag(
    name: &'static str,
    field: fn(&mut InstanceDecl) -> &mut bool,
    doc: &'static str,
) -> Keyword<InstanceDecl> {
    Keyword { name, parameters: 0, set: Set::Flag(field), doc }
}

/// Words of `vrrp_instance`.
pub(crate) const INSTANCE: &[Keyword<InstanceDecl>] = &[
    kw("use_vmac", 0, use_vmac, "Adverts and addresses on a macvlan with the address of the virtual router."),
    flag("use_vmac_addr", |i| &mut i.network.vmac_addresses, "The same for addresses on other interfaces."),
    flag("vmac_xmit_base", |i| &mut i.network.transmit_by_base, "Adverts by the interface below."),
    kw("use_ipvlan", 0, use_ipvlan, "Adverts and addresses on an ipvlan."),
    kw("vrf", 1, vrf, "VRF of a unicast instance without interface."),
    Keyword {
        name: "strict_mode",
        parameters: 0,
        set: Set::Bool { field: |i| &mut i.network.strict, bad: "({n}) invalid strict_mode {v} specified" },
        doc: "Strict adherence to the RFCs.",
    },
    kw("accept", 0, accept, "Take packets to the virtual addresses; default."),
    kw("no_accept", 0, no_accept, "Drop packets to the virtual addresses unless their owner."),
    kw("unicast_fault_no_peer", 0, unicast_fault_no_peer, "Without unicast peers it is in FAULT."),
    kw("old_unicast_checksum", 0, old_unicast_checksum, "VRRPv3 checksums over the multicast group."),
    flag(
        "promote_secondaries",
        |i| &mut i.network.promote_secondaries,
        "Addresses of a network outlive its first one.",
    ),
    Keyword {
        name: "virtual_rules",
        parameters: 0,
        set: Set::Block(virtual_rules),
        doc: "Rules that are there while master.",
    },
    kw(
        "timer_expired_backup",
        0,
        timer_expired_backup,
        "Back up after a pause in which others may have taken over.",
    ),
    kw("thread_timer_expired", 0, timer_expired_backup, "Another name of timer_expired_backup."),
    kw("garp_extra_if", 0, garp_extra_if, "Seconds between announcements on interfaces without adverts."),
    kw("vmac_garp_intvl", 0, vmac_garp_intvl, "Former name of garp_extra_if."),
    kw("kernel_rx_buf_size", 0, receive_buffer, "Receive buffer of its socket, bytes."),
    kw("linkbeat_use_polling", 0, linkbeat, "Deprecated: linkbeat_interfaces."),
];
