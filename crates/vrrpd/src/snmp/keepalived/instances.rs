//! vrrpInstanceTable and what instances track.

use keepalived_config::resolved::{Notify, Version, VrrpInstance};
use vrrp::event::StateName;
use vrrp::instance::{Instance, State};
use vrrp::{Auth, InstanceId};

use super::super::mib::{Mib, centiseconds};
use super::super::objects::{Objects, index, inet_type};
use super::super::traps::state_number;
use super::command;
use super::trackers::{self, Tables, Tracks};

/// vrrpInstanceBasePriority, which can be written.
pub(crate) const BASE_PRIORITY: u32 = 7;
/// vrrpInstancePreempt, which can be written.
pub(crate) const PREEMPT: u32 = 13;

/// INTEGER of master or backup.
fn wanted(master: bool) -> i32 {
    if master { 2 } else { 1 }
}

/// Whether anything is run when the state changes.
pub(super) fn notifies(notify: &Notify) -> bool {
    [&notify.master, &notify.backup, &notify.fault, &notify.stop, &notify.any, &notify.deleted]
        .iter()
        .any(|script| script.is_some())
        || notify.master_rx_lower_pri.is_some()
}

pub(super) fn write(mib: &Mib<'_>, objects: &mut Objects) {
    for (position, config, instance) in mib.instances() {
        let number = index(position);
        let group = config.sync_group.and_then(|group| mib.sources.config.sync_groups.get(group));
        let tracks = Tracks::of_instance(config, group);
        row(mib, objects, (position, config, instance), !tracks.interfaces.is_empty());
        let tables = Tables { interfaces: 4, scripts: 5, files: 12, bfds: 17, processes: 20 };
        trackers::tracked(mib, objects, number, &tables, &tracks);
    }
}

fn row(
    mib: &Mib<'_>,
    objects: &mut Objects,
    (position, config, instance): (usize, &VrrpInstance, &Instance),
    tracks_interfaces: bool,
) {
    let core = instance.config();
    let mut row = objects.row(&[2, 3, 1], &[index(position)]);
    row.text(2, &config.name);
    row.gauge(3, config.virtual_router_id.into());
    row.int(4, state_number(instance.state().name()));
    row.int(5, wanted(config.wants_master));
    row.int(
        6,
        match instance.state() {
            State::Fault => state_number(StateName::Fault),
            State::Init | State::Backup { .. } | State::Master { .. } => wanted(instance.wants_master()),
        },
    );
    row.int(BASE_PRIORITY, core.base_priority.into());
    row.int(8, instance.effective_priority().into());
    row.yes(9, !mib.sources.addresses.any_unset(InstanceId(position)));
    row.text(10, config.vmac.as_ref().map_or(&config.interface, |vmac| &vmac.name));
    // The MIB says the primary interface; the reference says whether any other one is tracked.
    row.yes(11, tracks_interfaces);
    row.gauge(
        12,
        match config.version {
            Version::V2 => u32::try_from(config.advert_int.as_secs()).unwrap_or(u32::MAX),
            Version::V3 => centiseconds(config.advert_int),
        },
    );
    row.yes(PREEMPT, !core.nopreempt);
    row.gauge(14, u32::try_from(config.preempt_delay.as_secs()).unwrap_or(u32::MAX));
    row.int(
        15,
        match core.auth {
            Auth::None => 0,
            Auth::Pass(_) => 1,
            Auth::Ah(_) => 2,
        },
    );
    row.yes(16, false);
    if let Some(group) = config.sync_group.and_then(|group| mib.sources.config.sync_groups.get(group)) {
        row.text(18, &group.name);
    }
    row.gauge(19, u32::try_from(config.garp_master_delay.as_secs()).unwrap_or(u32::MAX));
    row.yes(20, config.smtp_alert);
    row.yes(21, notifies(&config.notify));
    let notify = &config.notify;
    let scripts = [
        (22, &notify.master),
        (23, &notify.backup),
        (24, &notify.fault),
        (25, &notify.stop),
        (26, &notify.any),
        (31, &notify.master_rx_lower_pri),
        (32, &notify.deleted),
    ];
    for (column, script) in scripts {
        if let Some(script) = script {
            row.text(column, &command(script));
        }
    }
    // Of VRRPv2, which knows no such mode, the reference shows 0.
    row.int(
        27,
        match (config.version, config.accept) {
            (Version::V2, _) => 0,
            (Version::V3, true) => 1,
            (Version::V3, false) => 2,
        },
    );
    row.yes(28, config.promote_secondaries);
    row.yes(29, mib.sources.interfaces.is_polled(&config.interface));
    row.int(30, core.version.number().into());
    row.yes(33, notify.notify_deleted || notify.deleted.is_some());
    if !core.is_unicast() {
        row.int(34, inet_type(core.group_address));
        row.inet(35, core.group_address);
    }
    row.yes(36, config.v3_checksum_as_v2);
}
