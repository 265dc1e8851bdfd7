//! vrrpAddressTable: virtual addresses, the excluded ones behind the others.

use std::net::{IpAddr, Ipv4Addr};

use vrrp::InstanceId;

use super::super::mib::Mib;
use super::super::objects::{Objects, index, inet_type};

/// InetScopeType of an rtnetlink scope.
pub(super) fn scope(scope: u8) -> i32 {
    match scope {
        253 => 2,
        254 => 1,
        200 => 5,
        0 => 14,
        255 => 0,
        other => other.into(),
    }
}

pub(super) fn write(mib: &Mib<'_>, objects: &mut Objects) {
    for (position, config, _) in mib.instances() {
        let advertised = config.virtual_addresses.len();
        for (place, slot) in mib.sources.addresses.of(InstanceId(position)).iter().enumerate() {
            let address = &slot.address;
            let mut row = objects.row(&[2, 6, 1], &[index(position), index(place)]);
            row.int(2, inet_type(address.address));
            row.inet(3, address.address);
            if address.address.is_ipv4() {
                row.inet(4, IpAddr::V4(address.broadcast.unwrap_or(Ipv4Addr::UNSPECIFIED)));
            }
            row.gauge(5, address.prefix.into());
            row.int(6, scope(address.scope));
            row.int(7, i32::try_from(mib.if_index(&address.device)).unwrap_or(0));
            row.text(8, &address.device);
            if let Some(label) = &address.label {
                row.text(9, label);
            }
            row.yes(10, slot.set);
            row.yes(11, place < advertised);
            if let Some((peer, _)) = address.peer {
                row.inet(12, peer);
            }
        }
    }
}
