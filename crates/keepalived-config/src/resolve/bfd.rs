//! `bfd_instance` blocks, and what instances and groups may do with the weights of sessions that they track.

use crate::block::bfd_instance::{BfdDecl, TrackedBfdDecl};
use crate::declared::{InstanceDecl, ProcessDecl};
use crate::resolved::{BfdInstance, Config, Process, TrackedBfd};

use super::Resolver;

pub(crate) fn instances(declared: Vec<BfdDecl>) -> Vec<BfdInstance> {
    declared
        .into_iter()
        .filter_map(|bfd| {
            Some(BfdInstance {
                neighbor: bfd.neighbor?,
                source: bfd.source,
                min_rx: bfd.min_rx,
                min_tx: bfd.min_tx,
                idle_tx: bfd.idle_tx,
                multiplier: bfd.multiplier,
                passive: bfd.passive,
                multihop: bfd.multihop.unwrap_or(false),
                ttl: bfd.ttl?,
                max_hops: bfd.max_hops,
                weight: bfd.weight,
                reverse: bfd.reverse,
                for_vrrp: bfd.is_for_vrrp(),
                for_checker: bfd.only_checker || !bfd.only_vrrp,
                name: bfd.name,
            })
        })
        .collect()
}

pub(crate) fn process(declared: &ProcessDecl) -> Process {
    Process {
        name: declared.name.clone(),
        nice: declared.nice,
        rt_priority: declared.rt_priority,
        no_swap: declared.no_swap,
        rlimit_rttime: declared.rlimit_rttime,
        processors: declared.processors.clone(),
    }
}

/// The tracked sessions, as indices.
pub(crate) fn tracked(declared: &[TrackedBfdDecl], bfds: &[BfdInstance]) -> Vec<TrackedBfd> {
    declared
        .iter()
        .filter_map(|t| {
            let bfd = bfds.iter().position(|bfd| bfd.name == t.name)?;
            Some(TrackedBfd { bfd, weight: t.weight, reverse: t.reverse })
        })
        .collect()
}

/// Drops the sessions with a weight that an address owner, or a member of a group, may not have. `why` ends the message.
pub(crate) fn without_weights(declared: &mut InstanceDecl, why: &str, rx: &mut Resolver<'_>) {
    let name = &declared.name;
    declared.track_bfds.retain(|t| {
        if t.weight != 0 {
            let text =
                format!("({name}) ignoring tracked bfd {} with weight {} due to {why}", t.name, t.weight);
            rx.warn("track-bfd", text);
        }
        t.weight == 0
    });
}

/// Gives each member what its group tracks.
pub(crate) fn after_members(config: &mut Config, rx: &mut Resolver<'_>) {
    for group in &mut config.sync_groups {
        let is_owner = |member: &usize| config.instances.get(*member).is_some_and(|i| i.priority == 255);
        if group.members.iter().any(is_owner) {
            for tracked in group.track_bfds.iter_mut().filter(|t| t.weight != 0) {
                let bfd = config.bfd_instances.get(tracked.bfd).map(|b| b.name.as_str()).unwrap_or_default();
                let text = format!(
                    "({}) Cannot have weighted track bfd '{bfd}' with member having priority 255 - setting weight 0",
                    group.name
                );
                rx.warn("sync-group", text);
                tracked.weight = 0;
            }
        }
        for member in &group.members {
            let Some(instance) = config.instances.get_mut(*member) else { continue };
            for tracked in &group.track_bfds {
                let Some(own) = instance.track_bfds.iter_mut().find(|t| t.bfd == tracked.bfd) else {
                    instance.track_bfds.push(*tracked);
                    continue;
                };
                // The group's weight wins unless the instance's makes not being Up a fault.
                if own.weight != 0 {
                    *own = *tracked;
                }
                let bfd = config.bfd_instances.get(tracked.bfd).map_or("", |bfd| bfd.name.as_str());
                rx.remark(super::group::both(&instance.name, "track_bfd", bfd));
            }
        }
    }
}
