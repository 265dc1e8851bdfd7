//! VRRP-MIB: the VRRPv2 instances over IPv4.

use std::net::{IpAddr, Ipv4Addr};

use agentx::Value;
use keepalived_config::resolved::{Family, Version, VrrpInstance};
use vrrp::instance::{Instance, State};
use vrrp::{Auth, Stats};

use super::mib::{Mib, ticks};
use super::objects::{Objects, count};

pub(crate) fn write(mib: &Mib<'_>, objects: &mut Objects) {
    let mut row = objects.scalars(&[1]);
    row.int(1, 2);
    row.yes(2, mib.settings.traps);
    let mut row = objects.scalars(&[2]);
    let (checksum, version) = errors(mib.instances().filter(|(_, config, _)| is_shown(config)));
    row.counter32(1, checksum);
    row.counter32(2, version);
    // Adverts of other VRIDs belong to nobody: the reference counts none.
    row.counter32(3, 0);
    for (position, config, instance) in mib.instances().filter(|(_, config, _)| is_shown(config)) {
        let at = [mib.if_index(&config.interface), config.virtual_router_id.into()];
        operation(mib, objects, &at, (position, config, instance));
        statistics(objects, &at, instance.stats());
        for address in &config.virtual_addresses {
            if let IpAddr::V4(address) = address.address {
                let [a, b, c, d] = address.octets().map(u32::from);
                objects.row(&[1, 4, 1], &[at[0], at[1], a, b, c, d]).int(2, 1);
            }
        }
    }
}

/// Whether it is one of those that the RFC is about.
pub(crate) fn is_shown(config: &VrrpInstance) -> bool {
    config.version == Version::V2 && config.family == Family::V4
}

/// Wrong checksums and versions.
pub(crate) fn errors<'a>(
    instances: impl Iterator<Item = (usize, &'a VrrpInstance, &'a Instance)>,
) -> (u64, u64) {
    instances.fold((0, 0), |(checksum, version), (_, _, instance)| {
        (checksum + instance.stats().checksum_err, version + instance.stats().version_err)
    })
}

/// initialize, backup or master.
pub(crate) fn state(state: State) -> i32 {
    match state {
        State::Init | State::Fault => 1,
        State::Backup { .. } => 2,
        State::Master { .. } => 3,
    }
}

fn operation(
    mib: &Mib<'_>,
    objects: &mut Objects,
    at: &[u32; 2],
    (position, config, instance): (usize, &VrrpInstance, &Instance),
) {
    let mut row = objects.row(&[1, 3, 1], at);
    row.put(2, Value::Octets(mib.mac(config)));
    row.int(3, state(instance.state()));
    row.int(4, 1);
    row.int(5, instance.config().base_priority.into());
    row.int(6, count(config.virtual_addresses.len()));
    row.put(7, Value::IpAddress(master(instance).octets()));
    row.put(8, Value::IpAddress(own(instance).octets()));
    row.int(
        9,
        match instance.config().auth {
            Auth::None => 1,
            Auth::Pass(_) => 2,
            Auth::Ah(_) => 3,
        },
    );
    row.int(11, i32::try_from(config.advert_int.as_secs()).unwrap_or(i32::MAX));
    row.yes(12, !instance.config().nopreempt);
    row.put(13, Value::TimeTicks(ticks(mib.up_at(position))));
    row.int(14, 1);
    row.int(15, 1);
}

/// The router that adverts were last accepted from.
fn master(instance: &Instance) -> Ipv4Addr {
    match instance.master() {
        Some((IpAddr::V4(address), _)) => address,
        Some((IpAddr::V6(_), _)) | None => Ipv4Addr::UNSPECIFIED,
    }
}

fn own(instance: &Instance) -> Ipv4Addr {
    match instance.source() {
        Some(IpAddr::V4(address)) => address,
        Some(IpAddr::V6(_)) | None => Ipv4Addr::UNSPECIFIED,
    }
}

fn statistics(objects: &mut Objects, at: &[u32; 2], stats: &Stats) {
    let mut row = objects.row(&[2, 4, 1], at);
    let counters = [
        stats.become_master,
        stats.advert_rcvd,
        stats.advert_interval_err,
        stats.auth_failure,
        stats.ip_ttl_err,
        stats.pri_zero_rcvd,
        stats.pri_zero_sent,
        stats.invalid_type_rcvd,
        stats.addr_list_err,
        stats.invalid_authtype,
        stats.authtype_mismatch,
        stats.packet_len_err,
    ];
    for (column, counter) in (1..).zip(counters) {
        row.counter32(column, counter);
    }
}
