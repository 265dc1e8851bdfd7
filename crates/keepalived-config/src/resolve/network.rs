//! What an instance's words about interfaces and the RFC come to: VMACs and their names, strict mode, accept mode, groups.

use std::collections::HashSet;
use std::time::Duration;

use crate::block::address::shown;
use crate::declared::{GlobalDecl, InstanceDecl, IpvlanDecl, NetworkDecl, VmacDecl};
use crate::resolved::{
    Address, Config, Family, GarpGroup, Network, TrackGroup, Version, Vmac, VmacKind, VrrpInstance,
};

use super::Resolver;

/// Names that VMACs of earlier instances have.
pub(crate) type VmacNames = HashSet<String>;

/// The settings about adverts and announcements that strict mode does not allow are reset, each with a message.
pub(crate) fn obey_the_rfc(declared: &mut InstanceDecl, owner: bool, rx: &mut Resolver<'_>) {
    let name = &declared.name;
    let mut reset = |text: &str| rx.warn("strict", format!("({name}) {text}"));
    if declared.garp.lower_prio_repeat.is_some_and(|repeat| repeat != 0) {
        reset("Strict mode requires no repeat garps. resetting");
    }
    if declared.garp.lower_prio_delay.is_some_and(|delay| delay != 0) {
        reset("Strict mode requires no repeat garp delay. resetting");
    }
    if declared.lower_prio_no_advert == Some(false) {
        reset("Strict mode requires no lower priority advert. resetting");
    }
    if declared.higher_prio_send_advert == Some(true) {
        reset("strict mode requires higher_prio_send_advert to be clear. resetting");
    }
    if owner && declared.owner_ignore_adverts == Some(false) {
        reset("strict_mode with priority 255 requires owner_ignore_adverts");
        declared.owner_ignore_adverts = Some(true);
    }
}

/// `vmac_xmit_base` of a strict instance with a VMAC.
pub(crate) fn transmit_by_base(declared: &mut InstanceDecl, strict: bool, rx: &mut Resolver<'_>) {
    if strict && declared.network.vmac.is_some() && std::mem::take(&mut declared.network.transmit_by_base) {
        let text = format!("({}) xmit_base is incompatible with strict mode - resetting", declared.name);
        rx.warn("strict", text);
    }
}

/// A multicast group of an instance with unicast peers.
pub(crate) fn multicast(declared: &mut InstanceDecl, rx: &mut Resolver<'_>) {
    if !declared.unicast_peers.is_empty() && declared.mcast_group.take().is_some() {
        let text = format!("({}) multicast destination specified with unicast - ignoring", declared.name);
        rx.warn("mcast-dst-ip", text);
    }
}

/// Words about unicast without anybody to send to.
pub(crate) fn unicast(declared: &mut InstanceDecl, rx: &mut Resolver<'_>) {
    let name = &declared.name;
    if !declared.unicast_peers.is_empty() {
        return;
    }
    if declared.network.unicast_fault_no_peer {
        rx.remark(format!("({name}) Cannot use unicast without any peers - going to fault state"));
    } else if declared.network.unicast {
        let text = format!(
            "({name}) A unicast keyword has been specified without any unicast peers. Defaulting to multicast. \
             This usage is deprecated - please update your configuration."
        );
        rx.warn("unicast", text);
    }
}

/// RFC 5798, 5.2.9 and 7.3: the first IPv6 address is link-local, and a strict VMAC has the RFC's hardware address.
pub(crate) fn first_addresses(
    declared: &mut InstanceDecl,
    strict: bool,
    family: Family,
    rx: &mut Resolver<'_>,
) {
    let name = &declared.name;
    if strict
        && let Some(vmac) = &mut declared.network.vmac
        && vmac.mac.take().is_some()
    {
        rx.warn("strict", format!("({name}): cannot specify MAC address with strict mode - clearing"));
    }
    let Some(first) = declared.addresses.first().filter(|_| family == Family::V6) else { return };
    let is_link_local =
        matches!(first.address, std::net::IpAddr::V6(address) if address.is_unicast_link_local());
    if is_link_local {
    } else if strict {
        rx.warn("strict", format!("({name}) the first IPv6 VIP address must be link local"));
    } else if declared.unicast_peers.is_empty() {
        rx.remark(format!("({name}) the first IPv6 VIP address should be link local"));
    }
}

/// An IPv4 ipvlan without an address cannot send.
pub(crate) fn lacks_ipvlan_address(declared: &InstanceDecl, family: Family, rx: &mut Resolver<'_>) -> bool {
    let lacks = family == Family::V4
        && declared.network.ipvlan.as_ref().is_some_and(|ipvlan| ipvlan.address.is_none());
    if lacks {
        let text = format!(
            "({}) IPv4 ipvlan requires a source ip address to be configured. setting instance to fault state",
            declared.name
        );
        rx.warn("ipvlan", text);
    }
    lacks
}

/// Says once that something needs a firewall and none was chosen.
pub(crate) fn firewall(declared: &InstanceDecl, global: &GlobalDecl, accept: bool, rx: &mut Resolver<'_>) {
    let needed = declared.network.vmac.is_some() || !accept || declared.network.accept == Some(false);
    if needed && global.network.nftables.is_none() && !std::mem::replace(&mut rx.firewall_said, true) {
        rx.remark("use_vmac or no_accept/strict specified, but no firewall configured - using nftables");
    }
}

/// An instance without an interface has none for addresses that name none.
pub(crate) fn drop_homeless(declared: &mut InstanceDecl, interface: &str, rx: &mut Resolver<'_>) {
    if !interface.is_empty() {
        return;
    }
    let name = &declared.name;
    for (what, list) in [("vip", &mut declared.addresses), ("evip", &mut declared.excluded)] {
        list.retain(|address| {
            let is_homeless = address.device.is_empty();
            if is_homeless {
                let shown = shown(address);
                rx.warn("no-interface", format!("({name}): no interface for {what} {shown} - removing"));
            }
            !is_homeless
        });
    }
}

/// Whether packets to the virtual addresses are taken: RFC 5798, 6.1, Accept_Mode.
pub(crate) fn accept(
    declared: &InstanceDecl,
    version: Version,
    strict: bool,
    owner: bool,
    rx: &mut Resolver<'_>,
) -> bool {
    if owner {
        return true;
    }
    match declared.network.accept {
        Some(true) if strict && version == Version::V2 => {
            let text = format!(
                "({}) warning - accept mode for VRRP version 2 does not comply with RFC3768 - resetting",
                declared.name
            );
            rx.warn("accept", text);
            false
        }
        Some(accept) => accept,
        None => !strict,
    }
}

/// The interfaces of an instance: its own and those of its addresses.
pub(crate) struct Interfaces {
    pub(crate) vmac: Option<Vmac>,
    pub(crate) address_vmacs: Vec<Vmac>,
}

impl Interfaces {
    /// Names the VMACs and gives every address its interface.
    pub(crate) fn new(
        declared: &mut InstanceDecl,
        global: &GlobalDecl,
        interface: &str,
        family: Family,
        names: &mut VmacNames,
        rx: &Resolver<'_>,
    ) -> Self {
        let prefix = global.network.vmac_prefix.clone().unwrap_or_else(|| "vrrp".to_owned());
        let vrid = declared.virtual_router_id.unwrap_or_default();
        let mut of = Self { vmac: None, address_vmacs: Vec::new() };
        let ipv6 = family == Family::V6;
        if let Some(ipvlan) = declared.network.ipvlan.take() {
            of.vmac = Some(own_ipvlan(ipvlan, interface, ipv6, &prefix, vrid, names, rx));
        } else if let Some(vmac) = declared.network.vmac.take() {
            of.vmac = Some(own_vmac(vmac, interface, ipv6, &prefix, vrid, names, rx));
        }
        let address_prefix = global.network.vmac_addr_prefix.clone().unwrap_or(prefix);
        let every = declared.network.vmac_addresses;
        for address in declared.addresses.iter_mut().chain(&mut declared.excluded) {
            of.place(address, interface, ipv6, every, &address_prefix, vrid, names, rx);
        }
        of
    }

    /// The interface of one address.
    #[allow(clippy::too_many_arguments)] // one rule, and all of this is what it is about
    fn place(
        &mut self,
        address: &mut Address,
        interface: &str,
        ipv6: bool,
        every: bool,
        prefix: &str,
        vrid: u8,
        names: &mut VmacNames,
        rx: &Resolver<'_>,
    ) {
        let base = if address.device.is_empty() { interface.to_owned() } else { address.device.clone() };
        let same_family = address.address.is_ipv6() == ipv6;
        let elsewhere = base != interface || !same_family;
        if elsewhere && (address.use_vmac || (every && self.vmac.is_some()))
            || (address.use_vmac && self.vmac.is_none())
        {
            let mac = [0, 0, 0x5e, 0, if address.address.is_ipv6() { 2 } else { 1 }, vrid];
            let kind = VmacKind::Macvlan(mac);
            let known = self.address_vmacs.iter().find(|vmac| vmac.base == base && vmac.kind == kind);
            address.device = match known {
                Some(vmac) => vmac.name.clone(),
                None => {
                    let is_ipv6 = address.address.is_ipv6();
                    let name = free_name(prefix, vrid, is_ipv6, mac, names, rx);
                    let vmac = Vmac {
                        name: name.clone(),
                        base,
                        kind,
                        ipv6: is_ipv6,
                        group: None,
                        notify_base: false,
                    };
                    self.address_vmacs.push(vmac);
                    name
                }
            };
            return;
        }
        address.device = match &self.vmac {
            // An address of the other family stays below: the VMAC's address is not for it. An ipvlan is for adverts alone.
            Some(Vmac { name, kind: VmacKind::Macvlan(_), .. }) if base == interface && same_family => {
                name.clone()
            }
            Some(_) | None => base,
        };
    }
}

fn own_vmac(
    declared: VmacDecl,
    interface: &str,
    ipv6: bool,
    prefix: &str,
    vrid: u8,
    names: &mut VmacNames,
    rx: &Resolver<'_>,
) -> Vmac {
    let mut mac = [0, 0, 0x5e, 0, if ipv6 { 2 } else { 1 }, vrid];
    for (octet, configured) in mac.iter_mut().zip(declared.mac.unwrap_or_default()) {
        *octet = configured;
    }
    let name = declared.name.unwrap_or_else(|| free_name(prefix, vrid, ipv6, mac, names, rx));
    names.insert(name.clone());
    Vmac {
        name,
        base: interface.to_owned(),
        kind: VmacKind::Macvlan(mac),
        ipv6,
        group: declared.group,
        notify_base: declared.notify_base,
    }
}

fn own_ipvlan(
    declared: IpvlanDecl,
    interface: &str,
    ipv6: bool,
    prefix: &str,
    vrid: u8,
    names: &mut VmacNames,
    rx: &Resolver<'_>,
) -> Vmac {
    let name = declared.name.unwrap_or_else(|| free_name(prefix, vrid, ipv6, [0; 6], names, rx));
    names.insert(name.clone());
    Vmac {
        name,
        base: interface.to_owned(),
        kind: VmacKind::Ipvlan { address: declared.address, mode: declared.mode },
        ipv6,
        group: declared.group,
        notify_base: false,
    }
}

/// `vrrp.51`, and when that is taken `vrrp1.51`, `vrrp2.51`; IPv6: `vrrp6.51` before these.
fn free_name(
    prefix: &str,
    vrid: u8,
    ipv6: bool,
    mac: [u8; 6],
    names: &mut VmacNames,
    rx: &Resolver<'_>,
) -> String {
    // An interface with the very address is one that an earlier life, or the configuration before a reload, made.
    let is_free = |name: &String| {
        !names.contains(name)
            && (rx.system.interface(name).is_none() || rx.system.hardware_address(name) == Some(mac))
    };
    let infixes = [String::new()]
        .into_iter()
        .chain(ipv6.then(|| "6".to_owned()))
        .chain((1..=9999).filter(|n| !ipv6 || *n != 6).map(|n| n.to_string()));
    let named = |infix: String| -> String { format!("{prefix}{infix}.{vrid}").chars().take(15).collect() };
    let name = infixes.map(named).find(is_free).unwrap_or_else(|| named(String::new()));
    names.insert(name.clone());
    name
}

/// Everything about interfaces that is not an instance's own.
pub(crate) fn network(
    declared: NetworkDecl,
    global: &mut GlobalDecl,
    config: &mut Config,
    rx: &mut Resolver<'_>,
) {
    let places: Vec<String> = config.instances.iter().map(|instance| instance.name.clone()).collect();
    let mut track_groups = Vec::new();
    for group in declared.track_groups {
        let mut members = Vec::new();
        for name in &group.members {
            match places.iter().position(|place| place == name) {
                Some(index) => members.push(index),
                None => {
                    let text =
                        format!("vrrp instance {name} specified in track_group {} doesn't exist", group.name);
                    rx.remark(text);
                }
            }
        }
        track_groups.push(TrackGroup { name: group.name, members });
    }
    let of = std::mem::take(&mut global.network);
    let needs_firewall = config.instances.iter().any(|instance| {
        !instance.accept || instance.vmacs().any(|vmac| matches!(vmac.kind, VmacKind::Macvlan(_)))
    });
    config.network = Network {
        dynamic_interfaces: of.dynamic_interfaces,
        allow_if_changes: of.allow_if_changes,
        restore_addresses: of.restore_addresses,
        firewall: needs_firewall
            .then(|| of.firewall(of.nftables.clone().unwrap_or_else(|| "keepalived".to_owned()))),
        disable_local_igmp: of.disable_local_igmp,
        static_routes: declared.static_routes,
        static_rules: declared.static_rules,
        track_groups,
        garp_groups: garp_groups(declared.garp_groups, global, &config.instances),
        delays: delays(declared.delays, &config.instances, rx),
        linkbeat: declared.linkbeat_interfaces,
        linkbeat_everywhere: declared.linkbeat_everywhere,
        receive_buffer: of.receive_buffer.map(|policy| (policy, of.receive_multiplier.unwrap_or(3))),
        monitor_buffer: of.monitor_buffer.map(|bytes| (bytes, of.monitor_buffer_force == Some(true))),
        command_buffer: of.command_buffer.map(|bytes| (bytes, of.command_buffer_force == Some(true))),
    };
}

/// Without a group of its own each interface has the global intervals to itself.
fn garp_groups(
    mut groups: Vec<GarpGroup>,
    global: &GlobalDecl,
    instances: &[VrrpInstance],
) -> Vec<GarpGroup> {
    if global.garp_interval.is_none() && global.gna_interval.is_none() {
        return groups;
    }
    let used = instances.iter().flat_map(|instance| {
        let addresses = instance.virtual_addresses.iter().chain(&instance.excluded_addresses);
        addresses.map(|address| base_of(instance, &address.device)).collect::<Vec<_>>()
    });
    for name in used {
        if !groups.iter().any(|group| group.interfaces.contains(&name)) {
            groups.push(GarpGroup {
                garp_interval: global.garp_interval,
                gna_interval: global.gna_interval,
                interfaces: vec![name],
            });
        }
    }
    groups
}

/// The interface below, if it is a VMAC.
fn base_of(instance: &VrrpInstance, device: &str) -> String {
    instance.vmacs().find(|vmac| vmac.name == device).map_or(device, |vmac| &vmac.base).to_owned()
}

/// A delay must end before the other routers take over.
fn delays(
    declared: Vec<crate::resolved::InterfaceDelay>,
    instances: &[VrrpInstance],
    rx: &mut Resolver<'_>,
) -> Vec<crate::resolved::InterfaceDelay> {
    let mut delays = declared;
    for delay in &mut delays {
        for instance in instances.iter().filter(|instance| instance.interface == delay.name) {
            if instance.down_timer_adverts == 1 {
                let text = format!(
                    "({}) down_timer_adverts 1 is incompatible with a delay of interface {} - removing delay",
                    instance.name, delay.name
                );
                rx.remark(text);
                (delay.down, delay.up) = (Duration::ZERO, Duration::ZERO);
                continue;
            }
            let most = longest_delay(instance.advert_int, instance.down_timer_adverts);
            if delay.down > most || delay.up > most {
                let text = format!(
                    "({}) Reducing delay of interface {} to {:.6} seconds, which is less than the master down timer",
                    instance.name,
                    delay.name,
                    most.as_secs_f64()
                );
                rx.remark(text);
                (delay.down, delay.up) = (delay.down.min(most), delay.up.min(most));
            }
        }
    }
    delays.retain(|delay| !delay.down.is_zero() || !delay.up.is_zero());
    delays
}

/// One interval less than the others wait, and a little.
fn longest_delay(interval: Duration, adverts: u32) -> Duration {
    (interval * adverts.saturating_sub(1)).saturating_sub(interval / 256)
}

#[cfg(test)]
mod tests;
