//! The interfaces that instances have for themselves: VMACs and ipvlans, made before anything is sent and removed at the
//! end. keepalived.conf(5), `use_vmac`, `use_ipvlan`.

use std::net::{IpAddr, Ipv6Addr};

use keepalived_config::resolved::{Address, Config, IpvlanMode, Vmac, VmacKind, VrrpInstance};
use netlink::links::{Ipv4Setting, IpvlanFlags, VirtualKind, VirtualLink};
use netlink::{Error, Link, LinkKind, Route};

use crate::addresses;
use crate::firewall::{self, Firewall};
use crate::interfaces::Interfaces;
use crate::log::normal;
use crate::sysctl::{self, Sysctls};

/// The virtual interfaces that are there by us.
#[derive(Debug, Default)]
pub(crate) struct Vmacs {
    made: Vec<Made>,
}

#[derive(Clone, Debug)]
struct Made {
    instance: String,
    vmac: Vmac,
    index: u32,
    /// Nobody had it before.
    is_new: bool,
    /// Link-local address that it shares with the interface below.
    shared: Option<Ipv6Addr>,
}

impl Made {
    /// The interface below was made again on another one, and this one was left behind where it was.
    fn is_misplaced(&self, interfaces: &Interfaces) -> bool {
        let base = interfaces.by_name(&self.vmac.base);
        interfaces.by_index(self.index).zip(base).is_some_and(|(link, base)| !lies_on(link, base, interfaces))
    }
}

/// The kernel puts a macvlan on a macvlan beside it, on the interface below both.
fn lies_on(link: &Link, base: &Link, interfaces: &Interfaces) -> bool {
    link.base == base.index || Some(link.base) == interfaces.base(&base.name)
}

/// Everything that making an interface touches.
pub(crate) struct Means<'a> {
    pub(crate) interfaces: &'a mut Interfaces,
    pub(crate) kernel: &'a Route,
    pub(crate) firewall: &'a mut Firewall,
    pub(crate) sysctls: &'a mut Sysctls,
}

impl Vmacs {
    /// True when an interface of this name is one of ours.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.made.iter().any(|made| made.vmac.name == name)
    }

    /// True when this interface is there, on the one that it has to lie on.
    pub(crate) fn is_in_place(&self, vmac: &Vmac, interfaces: &Interfaces) -> bool {
        self.made.iter().any(|made| made.vmac.name == vmac.name && !made.is_misplaced(interfaces))
    }

    /// True when the interface of this instance's adverts and addresses was made for it, and not found.
    pub(crate) fn made_for(&self, instance: &VrrpInstance) -> bool {
        let own = instance.vmac.as_ref().map(|vmac| &vmac.name);
        self.made.iter().any(|made| made.is_new && Some(&made.vmac.name) == own)
    }

    /// Makes what is missing and can be made. True: something was made, and the interfaces were read again.
    pub(crate) fn make_missing(&mut self, config: &Config, means: &mut Means<'_>) -> bool {
        let (there, gone): (Vec<Made>, Vec<Made>) =
            std::mem::take(&mut self.made).into_iter().partition(|made| {
                means.interfaces.by_index(made.index).is_some_and(|l| l.name == made.vmac.name)
                    && !made.is_misplaced(means.interfaces)
            });
        self.made = there;
        for made in &gone {
            means.firewall.remove_vmac(&made.vmac, made.index, made.shared, means.interfaces);
            release_base(&made.vmac, means.sysctls);
        }
        let mut created = Vec::new();
        for instance in &config.instances {
            for vmac in instance.vmacs().filter(|vmac| !self.has(&vmac.name)) {
                if let Some(base) = means.interfaces.by_name(&vmac.base).cloned() {
                    match create(instance, vmac, &base, means) {
                        Ok(is_new) => created.push((instance, vmac, is_new)),
                        // The interface below is about to be reported as gone.
                        Err(error) if error.errno() == Some(libc::ENODEV) => {}
                        Err(error) => {
                            let kind = kind(vmac);
                            normal!(
                                "({}): Unable to create {kind} interface {}: {error}",
                                instance.name,
                                vmac.name
                            );
                        }
                    }
                }
            }
        }
        if created.is_empty() || !read_again(means) {
            return false;
        }
        for (instance, vmac, is_new) in created {
            let Some(link) = means.interfaces.by_name(&vmac.name).cloned() else { continue };
            let shared = set_up(instance, vmac, &link, means);
            if is_new {
                normal!("({}): Success creating {} interface {}", instance.name, kind(vmac), vmac.name);
            }
            let (instance, vmac) = (instance.name.clone(), vmac.clone());
            self.made.push(Made { instance, vmac, index: link.index, is_new, shared });
        }
        read_again(means);
        true
    }

    /// The interface below entered or left a VRF (index, 0 for none): those on it follow.
    pub(crate) fn follow_vrf(&self, base: &str, vrf: u32, interfaces: &Interfaces, kernel: &Route) {
        for made in self.made.iter().filter(|made| made.vmac.base == base) {
            if interfaces.by_index(made.index).is_none_or(|link| link.master == vrf) {
                continue;
            }
            let (name, instance) = (&made.vmac.name, &made.instance);
            match kernel.set_master(made.index, vrf) {
                Ok(()) => normal!(
                    "vmac: Success changing VRF of VMAC interface {name} for vrrp_instance {instance}"
                ),
                Err(error) => normal!(
                    "vmac: Error changing VRF of VMAC interface {name} for vrrp_instance {instance}: {error}"
                ),
            }
        }
    }

    /// Removes those that a configuration does not have; all of them at the end.
    pub(crate) fn remove_unused(&mut self, config: Option<&Config>, means: &mut Means<'_>) {
        let wanted = |vmac: &Vmac| {
            config.is_some_and(|config| {
                config.instances.iter().any(|instance| instance.vmacs().any(|other| other == vmac))
            })
        };
        let (kept, gone): (Vec<Made>, Vec<Made>) =
            std::mem::take(&mut self.made).into_iter().partition(|made| wanted(&made.vmac));
        self.made = kept;
        for made in &gone {
            means.firewall.remove_vmac(&made.vmac, made.index, made.shared, means.interfaces);
            release_base(&made.vmac, means.sysctls);
            match means.kernel.delete_link(made.index) {
                Ok(()) => normal!("({}) Success removing VMAC interface {}", made.instance, made.vmac.name),
                Err(error) if error.errno() == Some(libc::ENODEV) => {}
                Err(error) => {
                    normal!("({}) Error removing VMAC interface {}: {error}", made.instance, made.vmac.name)
                }
            }
        }
        if !gone.is_empty() {
            read_again(means);
        }
    }
}

fn kind(vmac: &Vmac) -> &'static str {
    match vmac.kind {
        VmacKind::Macvlan(_) => "VMAC",
        VmacKind::Ipvlan { .. } => "ipvlan",
    }
}

fn read_again(means: &mut Means<'_>) -> bool {
    match (means.kernel.links(), means.kernel.addresses()) {
        (Ok(links), Ok(addresses)) => {
            means.interfaces.replace(links, addresses);
            true
        }
        (Err(error), _) | (_, Err(error)) => {
            normal!("Netlink: error: {error}");
            false
        }
    }
}

/// Makes an interface (true), or takes one over that an earlier life left behind.
fn create(instance: &VrrpInstance, vmac: &Vmac, base: &Link, means: &mut Means<'_>) -> Result<bool, Error> {
    if let Some(old) = means.interfaces.by_name(&vmac.name).cloned() {
        match (vmac.kind, old.kind) {
            (VmacKind::Macvlan(mac), LinkKind::Macvlan { private })
                if lies_on(&old, base, means.interfaces) =>
            {
                normal!("({}) Found matching interface {}", instance.name, vmac.name);
                if !private || old.hardware != mac {
                    means.kernel.adjust_macvlan(old.index, mac)?;
                }
                return Ok(false);
            }
            (VmacKind::Ipvlan { .. }, LinkKind::Ipvlan) if lies_on(&old, base, means.interfaces) => {
                normal!("({}) Found matching interface {}", instance.name, vmac.name);
                return Ok(false);
            }
            (_, LinkKind::Macvlan { .. } | LinkKind::Ipvlan) => means.kernel.delete_link(old.index)?,
            (_, LinkKind::Other | LinkKind::Vrf) => return Err(Error::Kernel(libc::EEXIST)),
        }
    }
    let master = means.interfaces.by_index(base.master);
    means.kernel.create_link(&VirtualLink {
        name: vmac.name.clone(),
        base: base.index,
        kind: match vmac.kind {
            VmacKind::Macvlan(mac) => VirtualKind::Macvlan(mac),
            VmacKind::Ipvlan { mode, .. } => VirtualKind::Ipvlan(match mode {
                IpvlanMode::Bridge => IpvlanFlags::Bridge,
                IpvlanMode::Private => IpvlanFlags::Private,
                IpvlanMode::Vepa => IpvlanFlags::Vepa,
            }),
        },
        group: vmac.group.unwrap_or(base.group),
        vrf: master.filter(|master| master.kind == LinkKind::Vrf).map(|master| master.index),
    })?;
    Ok(true)
}

/// Settings, firewall, up, addresses. Returns the link-local address that it shares with the interface below.
fn set_up(instance: &VrrpInstance, vmac: &Vmac, link: &Link, means: &mut Means<'_>) -> Option<Ipv6Addr> {
    let name = vmac.name.as_str();
    let base_address = firewall::link_local(&vmac.base, means.interfaces);
    let excluded_ipv6 = instance
        .excluded_addresses
        .iter()
        .chain(&instance.virtual_addresses)
        .any(|address| address.address.is_ipv6() && address.device == name);
    let mut shared = None;
    match vmac.kind {
        VmacKind::Macvlan(_) => {
            if vmac.ipv6 {
                sysctl::configure(name, &[(Ipv4Setting::ArpIgnore, 1)], means.interfaces, means.kernel);
            } else {
                clear_rp_filter_of_all(means);
                let settings = [
                    (Ipv4Setting::ArpIgnore, 1),
                    (Ipv4Setting::AcceptLocal, 1),
                    (Ipv4Setting::RpFilter, 0),
                    (Ipv4Setting::PromoteSecondaries, 1),
                ];
                sysctl::configure(name, &settings, means.interfaces, means.kernel);
                for setting in BASE_SETTINGS {
                    means.sysctls.set("ipv4", &vmac.base, setting.name(), "1");
                }
            }
            let disable = if vmac.ipv6 || excluded_ipv6 { "0" } else { "1" };
            // Without IPv6 in the kernel there is nothing to disable.
            let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), disable);
            shared = if vmac.ipv6 { base_address } else { None };
            means.firewall.add_vmac(vmac, link.index, shared, means.interfaces);
        }
        VmacKind::Ipvlan { .. } if vmac.ipv6 || excluded_ipv6 => {}
        VmacKind::Ipvlan { .. } => {
            let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1");
        }
    }
    let prepared = match vmac.kind {
        VmacKind::Macvlan(_) => means.kernel.without_link_local(link.index),
        // Two ipvlans of an interface have one hardware address; the kernel makes link-local ones that differ.
        VmacKind::Ipvlan { .. } => Ok(()),
    };
    if let Err(error) = prepared.and_then(|()| means.kernel.set_up(link.index)) {
        normal!("({}): Unable to set up interface {name}: {error}", instance.name);
    }
    let own: Option<(IpAddr, u8)> = match vmac.kind {
        VmacKind::Ipvlan { address, .. } => address,
        VmacKind::Macvlan(_) if vmac.ipv6 && !instance.transmit_by_base => Some(match instance.source {
            Some(source) => (source, 64),
            None => (link_local_address(vmac, base_address, means).into(), 64),
        }),
        VmacKind::Macvlan(_) => None,
    };
    if let Some((address, prefix)) = own {
        let mut address = Address::new(address, prefix, name);
        // Nothing but adverts is to be sent from what is also the address of the interface below.
        address.preferred_lft = vmac.ipv6.then_some(0);
        let specs: Vec<_> = addresses::spec(&address, means.interfaces).into_iter().collect();
        addresses::add(&specs, means.kernel);
    }
    if vmac.notify_base
        && let Some(base) = means.interfaces.by_name(&vmac.base)
    {
        // The kernel tells nobody that the interface below became promiscuous; a change that is none makes it speak.
        let _ = means.kernel.set_up(base.index);
    }
    shared
}

/// While IPv4 VMACs are on it.
const BASE_SETTINGS: [Ipv4Setting; 2] = [Ipv4Setting::ArpIgnore, Ipv4Setting::ArpFilter];

fn release_base(vmac: &Vmac, sysctls: &mut Sysctls) {
    if !vmac.ipv6 && matches!(vmac.kind, VmacKind::Macvlan(_)) {
        for setting in BASE_SETTINGS {
            sysctls.release("ipv4", &vmac.base, setting.name());
        }
    }
}

/// The address of the interface below, or the one that its hardware address makes.
fn link_local_address(vmac: &Vmac, base: Option<Ipv6Addr>, means: &Means<'_>) -> Ipv6Addr {
    base.unwrap_or_else(|| {
        let mac = means.interfaces.by_name(&vmac.base).map(|link| link.hardware.clone()).unwrap_or_default();
        let mac: [u8; 6] = mac.as_slice().try_into().unwrap_or_default();
        let [a, b, c, d, e, f] = mac;
        let octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f];
        Ipv6Addr::from(octets)
    })
}

/// The greater of `all` and an interface's own `rp_filter` counts, and VMACs need 0: what `all` says moves to the
/// interfaces that are there and come later.
fn clear_rp_filter_of_all(means: &mut Means<'_>) {
    let all = sysctl::read("ipv4", "all", "rp_filter").and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    if all == 0 {
        return;
    }
    let value = all.to_string();
    let names: Vec<String> = means.interfaces.links().map(|link| link.name.clone()).collect();
    for name in names.iter().map(String::as_str).chain(["default"]) {
        let own =
            sysctl::read("ipv4", name, "rp_filter").and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
        if own < all {
            means.sysctls.set("ipv4", name, "rp_filter", &value);
        }
    }
    normal!("NOTICE: setting sysctl net.ipv4.conf.all.rp_filter from {all} to 0");
    means.sysctls.set("ipv4", "all", "rp_filter", "0");
}
