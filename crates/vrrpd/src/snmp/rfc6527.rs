//! VRRPV3-MIB: every instance, those of VRRPv2 too, as the reference shows them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use agentx::Value;
use keepalived_config::resolved::{Version, VrrpInstance};
use vrrp::instance::{Instance, State};

use super::mib::{Mib, centiseconds, ticks};
use super::objects::{Objects, count};
use super::rfc2787::{errors, state};

pub(crate) fn write(mib: &Mib<'_>, objects: &mut Objects) {
    let mut row = objects.scalars(&[1, 2]);
    let (checksum, version) = errors(mib.instances());
    row.counter64(1, checksum);
    row.counter64(2, version);
    row.counter64(3, 0);
    row.put(4, Value::TimeTicks(0));
    for (position, config, instance) in mib.instances() {
        let at = index(mib, config, instance);
        operation(mib, objects, &at, (position, config, instance));
        statistics(objects, &at, instance);
        for address in &config.virtual_addresses {
            let bytes: Vec<u32> = match address.address {
                IpAddr::V4(address) => address.octets().map(u32::from).to_vec(),
                IpAddr::V6(address) => address.octets().map(u32::from).to_vec(),
            };
            objects.row(&[1, 1, 2, 1], &[&at[..], &bytes].concat()).int(2, 1);
        }
    }
}

/// Interface, VRID and family.
fn index(mib: &Mib<'_>, config: &VrrpInstance, instance: &Instance) -> [u32; 3] {
    index_at(mib.if_index(&config.interface), config, instance)
}

/// The same with the interface's index.
pub(crate) fn index_at(if_index: u32, config: &VrrpInstance, instance: &Instance) -> [u32; 3] {
    let family = match instance.family() {
        vrrp::Family::V4 => 1,
        vrrp::Family::V6 => 2,
    };
    [if_index, config.virtual_router_id.into(), family]
}

/// The master's address; while it is ourselves our own.
pub(crate) fn master(instance: &Instance) -> IpAddr {
    match instance.state() {
        State::Master { .. } => instance.source(),
        State::Backup { .. } | State::Init | State::Fault => instance.master().map(|(address, _)| address),
    }
    .unwrap_or_else(|| none(instance))
}

/// The address of nobody.
fn none(instance: &Instance) -> IpAddr {
    match instance.family() {
        vrrp::Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        vrrp::Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

fn operation(
    mib: &Mib<'_>,
    objects: &mut Objects,
    at: &[u32; 3],
    (position, config, instance): (usize, &VrrpInstance, &Instance),
) {
    let mut row = objects.row(&[1, 1, 1, 1], at);
    row.inet(3, master(instance));
    row.inet(4, instance.source().unwrap_or_else(|| none(instance)));
    row.put(5, Value::Octets(mib.mac(config)));
    row.int(6, state(instance.state()));
    row.gauge(7, instance.config().base_priority.into());
    row.int(8, count(config.virtual_addresses.len()));
    row.int(9, i32::try_from(centiseconds(config.advert_int)).unwrap_or(i32::MAX));
    row.yes(10, !instance.config().nopreempt);
    row.yes(11, config.version == Version::V2 || config.accept);
    row.put(12, Value::TimeTicks(ticks(mib.up_time(position))));
    row.int(13, 1);
}

fn statistics(objects: &mut Objects, at: &[u32; 3], instance: &Instance) {
    let stats = instance.stats();
    let mut row = objects.row(&[1, 2, 5, 1], at);
    row.counter32(1, stats.become_master);
    row.int(2, instance.new_master_reason().number());
    row.counter64(3, stats.advert_rcvd);
    row.counter64(4, stats.advert_interval_err);
    row.counter64(5, stats.ip_ttl_err);
    row.int(6, instance.last_proto_error());
    row.counter64(7, stats.pri_zero_rcvd);
    row.counter64(8, stats.pri_zero_sent);
    row.counter64(9, stats.invalid_type_rcvd);
    row.counter64(10, stats.addr_list_err);
    row.counter64(11, stats.packet_len_err);
    row.put(12, Value::TimeTicks(0));
    row.gauge(13, u32::try_from(instance.config().advert_interval.as_millis()).unwrap_or(u32::MAX));
}
