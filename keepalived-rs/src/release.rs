//! Takes the virtual addresses off this machine when there is no VRRP process to do it.
//!
//! A VRRP process that dies without a word leaves its addresses behind, and another router takes them, too. The parent
//! removes them unless a new VRRP process, which does so itself, starts at once.

use keepalived_config::Config;
use netlink::{AddressSpec, Link, Route};

use crate::log::line;

/// Removes every virtual address of a configuration. Addresses that are not there are no problem.
pub(crate) fn virtual_addresses(config: &Config) {
    let Ok(route) = Route::open() else { return };
    let Ok(links) = route.links() else { return };
    for instance in &config.instances {
        let all = instance.virtual_addresses.iter().chain(&instance.excluded_addresses);
        let specs: Vec<AddressSpec> = all.filter_map(|address| spec(address, &links)).collect();
        let removed = route.delete_addresses(&specs).into_iter().filter(Result::is_ok).count();
        if removed > 0 {
            line!("({}) removing VIPs left behind by the VRRP process", instance.name);
        }
    }
}

fn spec(address: &keepalived_config::resolved::Address, links: &[Link]) -> Option<AddressSpec> {
    let index = links.iter().find(|link| link.name == address.device)?.index;
    Some(AddressSpec {
        index,
        address: address.address,
        prefix: address.prefix,
        scope: address.scope,
        broadcast: address.broadcast,
        label: address.label.clone(),
        peer: address.peer,
        nodad: address.nodad,
        home: address.home,
        mngtmpaddr: address.mngtmpaddr,
        noprefixroute: address.noprefixroute,
        autojoin: address.autojoin,
        preferred: address.preferred_lft,
    })
}
