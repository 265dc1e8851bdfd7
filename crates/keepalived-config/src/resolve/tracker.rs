//! What tracked files and processes may do to an instance, given its priority and its group.

use crate::declared::tracker::{TrackedObjectDecl, TrackerDecl};
use crate::resolved::{Config, TrackedObject, TrackerKind};

use super::Resolver;
use crate::block::tracker::FILE_WEIGHT;

/// The objects that an instance or a group tracks.
pub(super) fn resolved(declared: &[TrackedObjectDecl]) -> Vec<TrackedObject> {
    declared
        .iter()
        .map(|t| TrackedObject {
            object: t.object,
            weight: t.weight.unwrap_or(FILE_WEIGHT),
            reverse: t.reverse,
        })
        .collect()
}

/// Nothing may change the priority of an owner, or of one member of a group. `why`: `address_owner`, `SYNC group`.
pub(super) fn without_weights(
    name: &str,
    list: &mut Vec<TrackedObjectDecl>,
    trackers: &[TrackerDecl],
    why: &str,
    rx: &mut Resolver<'_>,
) {
    list.retain_mut(|t| {
        let Some(tracker) = trackers.get(t.object).map(|t| &t.tracker) else { return false };
        match (&tracker.kind, t.weight) {
            // The reference leaves weights of processes alone, which for an owner change nothing.
            (TrackerKind::Process(_), _) | (TrackerKind::File(_), Some(0)) => true,
            (TrackerKind::File(_), None) => {
                let text = format!(
                    "({name}) ignoring weight from tracked file {} due to {why}. specify weight 0",
                    tracker.name
                );
                rx.warn("tracker", text);
                t.weight = Some(0);
                true
            }
            (TrackerKind::File(_), Some(weight)) => {
                let text = format!(
                    "({name}) ignoring tracked file {} with weight {weight} due to {why}",
                    tracker.name
                );
                rx.warn("tracker", text);
                false
            }
        }
    });
}

/// Gives each member what its group tracks; the group's weight wins unless the instance's makes failing a fault.
pub(super) fn to_members(config: &mut Config, rx: &mut Resolver<'_>) {
    for group in &config.sync_groups {
        for member in &group.members {
            let Some(instance) = config.instances.get_mut(*member) else { continue };
            for tracked in &group.trackers {
                let Some(own) = instance.trackers.iter_mut().find(|t| t.object == tracked.object) else {
                    instance.trackers.push(*tracked);
                    continue;
                };
                if own.weight != 0 {
                    *own = *tracked;
                }
                let Some(tracker) = config.trackers.get(tracked.object) else { continue };
                let what =
                    if matches!(tracker.kind, TrackerKind::File(_)) { "track_file" } else { "track_process" };
                rx.remark(super::group::both(&instance.name, what, &tracker.name));
            }
        }
    }
}
