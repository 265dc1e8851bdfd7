//! KEEPALIVED-MIB: the groups global and vrrp.

mod addresses;
mod groups;
mod instances;
mod routes;
mod rules;
mod trackers;

use keepalived_config::resolved::Command;

pub(crate) use instances::{BASE_PRIORITY, PREEMPT};

use super::mib::Mib;
use super::objects::{Objects, index, inet_type};
use crate::dump::quoted_command;

/// smtpServerAddress when there is none.
const NO_SERVER: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

pub(crate) fn write(mib: &Mib<'_>, objects: &mut Objects) {
    global(mib, objects);
    groups::write(mib, objects);
    instances::write(mib, objects);
    trackers::write(mib, objects);
    addresses::write(mib, objects);
    routes::write(mib, objects);
    rules::write(mib, objects);
}

fn global(mib: &Mib<'_>, objects: &mut Objects) {
    let config = mib.sources.config;
    let daemon = &config.global.daemon;
    let mut row = objects.scalars(&[1]);
    row.text(1, mib.title);
    row.text(2, &config.global.router_id);
    row.yes(4, mib.settings.traps);
    row.int(5, if config.network.linkbeat_everywhere { 2 } else { 1 });
    // There is no IPVS here: nothing is flushed, and the kernel would count in 64 bits.
    row.yes(6, false);
    row.yes(7, true);
    row.text(8, mib.namespace.unwrap_or(""));
    row.yes(9, daemon.dbus.is_some());
    row.yes(10, config.network.dynamic_interfaces);
    row.yes(11, false);
    row.yes(12, daemon.inherited.v3_checksum_as_v2);
    let mail = &daemon.mail;
    let mut row = objects.scalars(&[1, 3]);
    let (server, port) = match &mail.server {
        Some((server, port)) => (server.parse().ok(), *port),
        None => (None, 0),
    };
    // Without a server the reference has the type of IPv6 and an address of IPv4.
    row.int(1, server.map_or(2, inet_type));
    row.inet(2, server.unwrap_or(NO_SERVER));
    let timeout = mail.server.as_ref().map_or(0, |_| mail.connect_timeout.as_secs());
    row.gauge(3, u32::try_from(timeout).unwrap_or(u32::MAX));
    if mail.server.is_some() || !mail.to.is_empty() {
        row.text(4, &mail.from);
    }
    row.gauge(6, port.into());
    row.yes(7, mail.faults);
    for (column, alert) in [(8, mail.alert), (9, mail.alert_vrrp), (10, mail.alert_checker)] {
        row.int(column, alert.map_or(3, |on| if on { 1 } else { 2 }));
    }
    for (position, address) in mail.to.iter().enumerate() {
        objects.row(&[1, 3, 5, 1], &[index(position)]).text(2, address);
    }
}

/// A script as the MIB shows it: words in quotes.
fn command(command: &Command) -> String {
    quoted_command(command)
}
