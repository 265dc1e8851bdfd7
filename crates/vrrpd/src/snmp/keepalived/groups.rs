//! vrrpSyncGroupTable, vrrpSyncGroupMemberTable and what groups track.

use super::super::mib::Mib;
use super::super::objects::{Objects, index};
use super::super::traps::state_number;
use super::trackers::{self, Tracks};
use super::{command, instances};

pub(super) fn write(mib: &Mib<'_>, objects: &mut Objects) {
    let config = mib.sources.config;
    for (position, (group, running)) in config.sync_groups.iter().zip(mib.sources.router.groups()).enumerate()
    {
        let number = index(position);
        let mut row = objects.row(&[2, 1, 1], &[number]);
        row.text(2, &group.name);
        row.int(3, state_number(running.state()));
        row.yes(4, group.smtp_alert);
        row.yes(5, instances::notifies(&group.notify));
        let scripts = [
            (6, &group.notify.master),
            (7, &group.notify.backup),
            (8, &group.notify.fault),
            (9, &group.notify.any),
            (11, &group.notify.stop),
        ];
        for (column, script) in scripts {
            if let Some(script) = script {
                row.text(column, &command(script));
            }
        }
        row.yes(10, group.tracking_weight);
        let members = group.members.iter().filter_map(|member| config.instances.get(*member));
        for (position, member) in members.enumerate() {
            objects.row(&[2, 2, 1], &[number, index(position)]).text(2, &member.name);
        }
        let tracks = Tracks::of_group(group);
        let tables = trackers::Tables { interfaces: 14, scripts: 15, files: 16, bfds: 19, processes: 22 };
        trackers::tracked(mib, objects, number, &tables, &tracks);
    }
}
