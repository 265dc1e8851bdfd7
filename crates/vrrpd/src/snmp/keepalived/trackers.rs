//! vrrpScriptTable, vrrpFileTable, vrrpBfdTable and vrrpProcessTable, and the tables of who tracks what.

use keepalived_config::resolved::{
    ParamMatch, SyncGroup, TrackProcess, TrackedBfd, TrackedInterface, TrackedObject, TrackedScript, Tracker,
    TrackerKind, VrrpInstance,
};
use vrrp::track::Health;
use vrrp::{Reading, TrackerId};

use super::super::mib::Mib;
use super::super::objects::{Objects, Row, count, index};
use super::command;

/// Numbers of the tables of who tracks what.
pub(super) struct Tables {
    pub(super) interfaces: u32,
    pub(super) scripts: u32,
    pub(super) files: u32,
    pub(super) bfds: u32,
    pub(super) processes: u32,
}

/// What an instance or a group tracks.
pub(super) struct Tracks<'a> {
    pub(super) interfaces: Vec<&'a TrackedInterface>,
    pub(super) scripts: Vec<&'a TrackedScript>,
    pub(super) objects: Vec<&'a TrackedObject>,
    pub(super) bfds: Vec<&'a TrackedBfd>,
}

impl<'a> Tracks<'a> {
    /// What a group tracks.
    pub(super) fn of_group(group: &'a SyncGroup) -> Self {
        Self {
            interfaces: group.track_interfaces.iter().collect(),
            scripts: group.track_scripts.iter().collect(),
            objects: group.trackers.iter().collect(),
            bfds: group.track_bfds.iter().collect(),
        }
    }

    /// What an instance tracks besides what its group does.
    pub(super) fn of_instance(instance: &'a VrrpInstance, group: Option<&SyncGroup>) -> Self {
        fn others<'a, T>(own: &'a [T], group: Option<&[T]>, same: impl Fn(&T, &T) -> bool) -> Vec<&'a T> {
            let of_group = group.unwrap_or_default();
            own.iter().filter(|own| !of_group.iter().any(|tracked| same(own, tracked))).collect()
        }
        Self {
            interfaces: others(
                &instance.track_interfaces,
                group.map(|group| group.track_interfaces.as_slice()),
                |one, other| one.name == other.name,
            ),
            scripts: others(
                &instance.track_scripts,
                group.map(|group| group.track_scripts.as_slice()),
                |one, other| one.script == other.script,
            ),
            objects: others(
                &instance.trackers,
                group.map(|group| group.trackers.as_slice()),
                |one, other| one.object == other.object,
            ),
            bfds: others(
                &instance.track_bfds,
                group.map(|group| group.track_bfds.as_slice()),
                |one, other| one.bfd == other.bfd,
            ),
        }
    }
}

/// The rows of instance or group `owner`.
pub(super) fn tracked(
    mib: &Mib<'_>,
    objects: &mut Objects,
    owner: u32,
    tables: &Tables,
    tracks: &Tracks<'_>,
) {
    let config = mib.sources.config;
    for (position, tracked) in tracks.interfaces.iter().enumerate() {
        // The MIB says ifIndex; the reference counts.
        let mut row = objects.row(&[2, tables.interfaces, 1], &[owner, index(position)]);
        row.text(1, &tracked.name);
        row.int(2, tracked.weight);
        row.yes(3, tracked.reverse);
    }
    let scripts = tracks.scripts.iter().filter_map(|tracked| {
        Some((config.scripts.get(tracked.script)?.name.as_str(), tracked.weight, tracked.reverse))
    });
    rows(objects, tables.scripts, owner, scripts);
    // Of these the reference shows the weights that their own blocks have, whatever the line that tracks them says.
    let bfds = tracks.bfds.iter().filter_map(|tracked| {
        let bfd = config.bfd_instances.get(tracked.bfd)?;
        Some((bfd.name.as_str(), bfd.weight, bfd.reverse))
    });
    rows(objects, tables.bfds, owner, bfds);
    let of_kind = |is_file: bool| {
        tracks.objects.iter().filter_map(move |tracked| {
            let tracker = config.trackers.get(tracked.object)?;
            let matches = matches!(tracker.kind, TrackerKind::File(_)) == is_file;
            matches.then_some((tracker.name.as_str(), tracker.weight, tracker.reverse))
        })
    };
    rows(objects, tables.files, owner, of_kind(true));
    rows(objects, tables.processes, owner, of_kind(false));
}

fn rows<'a>(
    objects: &mut Objects,
    table: u32,
    owner: u32,
    tracked: impl Iterator<Item = (&'a str, i32, bool)>,
) {
    for (position, (name, weight, reverse)) in tracked.enumerate() {
        let mut row = objects.row(&[2, table, 1], &[owner, index(position)]);
        row.text(2, name);
        row.int(3, weight);
        row.yes(4, reverse);
    }
}

pub(super) fn write(mib: &Mib<'_>, objects: &mut Objects) {
    scripts(mib, objects);
    let trackers = || mib.sources.config.trackers.iter().enumerate();
    for (position, (id, tracker)) in
        trackers().filter(|(_, tracker)| matches!(tracker.kind, TrackerKind::File(_))).enumerate()
    {
        file(mib, &mut objects.row(&[2, 13, 1], &[index(position)]), TrackerId(id), tracker);
    }
    let mut position = 0;
    for (id, tracker) in trackers() {
        if let TrackerKind::Process(process) = &tracker.kind {
            position += 1;
            self::process(mib, &mut objects.row(&[2, 21, 1], &[position]), TrackerId(id), tracker, process);
        }
    }
    let bfds = mib.sources.config.bfd_instances.iter().filter(|bfd| bfd.for_vrrp);
    for (position, bfd) in bfds.enumerate() {
        let mut row = objects.row(&[2, 18, 1], &[index(position)]);
        let router = mib.sources.router;
        row.text(2, &bfd.name);
        row.int(3, i32::from(router.bfd(&bfd.name).is_some_and(|id| router.bfd_is_up(id))));
        row.int(4, bfd.weight);
        row.yes(5, bfd.reverse);
    }
}

fn scripts(mib: &Mib<'_>, objects: &mut Objects) {
    let scripts = mib.sources.config.scripts.iter().zip(mib.sources.router.scripts());
    for (position, (config, script)) in scripts.enumerate() {
        let mut row = objects.row(&[2, 9, 1], &[index(position)]);
        row.text(2, &config.name);
        row.text(3, &command(&config.command));
        row.int(4, i32::try_from(config.interval.as_secs()).unwrap_or(i32::MAX));
        row.int(5, config.weight);
        row.int(
            6,
            match script.health() {
                Health::Unknown => 1,
                Health::Bad => 2,
                Health::Good => 3,
            },
        );
        row.gauge(7, config.rise);
        row.gauge(8, config.fall);
        row.yes(9, config.reverse);
        row.text(10, &config.command.path.to_string_lossy());
        let micros = |time: std::time::Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        row.gauge(11, micros(config.interval));
        row.gauge(12, if config.timeout == config.interval { 0 } else { micros(config.timeout) });
    }
}

fn file(mib: &Mib<'_>, row: &mut Row<'_>, id: TrackerId, tracker: &Tracker) {
    row.text(2, &tracker.name);
    if let TrackerKind::File(file) = &tracker.kind {
        row.text(3, &file.path.to_string_lossy());
    }
    row.int(
        4,
        match mib.sources.router.reading(id) {
            Reading::Value(value) => value,
            Reading::Unknown | Reading::Good | Reading::Bad => 0,
        },
    );
    row.int(5, tracker.weight);
    row.yes(6, tracker.reverse);
}

fn process(mib: &Mib<'_>, row: &mut Row<'_>, id: TrackerId, tracker: &Tracker, process: &TrackProcess) {
    row.text(2, &tracker.name);
    row.text(3, &process.process);
    row.text(4, &process.parameters.join(" "));
    // As the reference numbers them: the MIB has the last two the other way round.
    row.int(
        5,
        match process.matching {
            ParamMatch::None => 0,
            ParamMatch::Exact => 1,
            ParamMatch::Initial => 2,
            ParamMatch::Partial => 3,
        },
    );
    row.int(6, tracker.weight);
    row.yes(7, tracker.reverse);
    row.gauge(8, process.quorum);
    row.int(9, process.quorum_max.map_or(-1, |most| i32::try_from(most).unwrap_or(i32::MAX)));
    let micros = |time: std::time::Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    row.gauge(10, micros(process.fork_delay));
    row.gauge(11, micros(process.terminate_delay));
    row.yes(12, process.full_command);
    row.int(13, count(mib.processes.running(id)));
    row.yes(14, mib.sources.router.reading(id) == Reading::Good);
}
