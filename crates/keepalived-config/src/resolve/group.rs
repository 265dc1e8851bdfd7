//! `vrrp_sync_group`: members, and what tracking in a group means for them.

use std::collections::HashMap;

use crate::declared::{GlobalDecl, GroupDecl};
use crate::resolved::{BfdInstance, Config, Notify, SyncGroup};

use super::{Resolver, bfd, instance};

/// A group whose scripts are checked.
pub(crate) struct Draft {
    declared: GroupDecl,
    notify: Notify,
}

impl Draft {
    pub(crate) fn new(mut declared: GroupDecl, rx: &mut Resolver<'_>) -> Self {
        let notify = rx.notify(std::mem::take(&mut declared.notify));
        Self { declared, notify }
    }
}

/// Finds the members and drops the weights that members may not have.
pub(crate) fn resolve(
    drafts: Vec<Draft>,
    global: &GlobalDecl,
    instances: &mut [instance::Draft],
    usable: &[String],
    bfds: &[BfdInstance],
    rx: &mut Resolver<'_>,
) -> Vec<SyncGroup> {
    let mut groups: Vec<SyncGroup> = Vec::new();
    let places: HashMap<String, usize> =
        instances.iter().enumerate().map(|(index, i)| (i.declared.name.clone(), index)).collect();
    for Draft { declared, notify } in drafts {
        let name = declared.name;
        let mut members = Vec::new();
        for member in declared.members.unwrap_or_default() {
            let Some(&index) = places.get(&member) else {
                let text = format!(
                    "Virtual router {member} specified in sync group {name} doesn't exist - ignoring"
                );
                rx.warn("sync-group", text);
                continue;
            };
            let Some(draft) = instances.get_mut(index) else { continue };
            if draft.sync_group.is_some() {
                let text = format!(
                    "Virtual router {member} cannot exist in more than one sync group; ignoring {name}"
                );
                rx.warn("sync-group", text);
                continue;
            }
            draft.sync_group = Some(groups.len());
            members.push(index);
        }
        if members.is_empty() {
            let text = format!(
                "Sync group {name}, no matching virtual router found in group declaration - removing"
            );
            rx.warn("sync-group", text);
            continue;
        }
        if members.len() == 1 {
            let text =
                format!("Sync group {name} has only 1 virtual router(s) - this probably isn't what you want");
            rx.warn("sync-group", text);
        }
        for &member in &members {
            if let Some(draft) = instances.get_mut(member) {
                draft.keeps_weights = declared.tracking_weight;
                // What the group says counts for members that say nothing.
                let own = &mut draft.declared.notify_priority_changes;
                *own = own.or(declared.notify_priority_changes);
            }
        }
        groups.push(SyncGroup {
            track_scripts: instance::track_scripts(&declared.track_scripts, usable),
            track_bfds: bfd::tracked(&declared.track_bfds, bfds),
            track_interfaces: declared.track_interfaces,
            trackers: super::tracker::resolved(&declared.trackers),
            tracking_weight: declared.tracking_weight,
            name,
            members,
            smtp_alert: instance::mail_default(declared.smtp_alert, global),
            notify,
        });
    }
    groups
}

/// Gives each member what its group tracks, and checks what only finished members show.
pub(crate) fn after_members(config: &mut Config, rx: &mut Resolver<'_>) {
    for group in &mut config.sync_groups {
        let owners = group
            .members
            .iter()
            .filter(|m| config.instances.get(**m).is_some_and(|i| i.priority == 255))
            .count();
        if owners > 0 && owners < group.members.len() {
            let name = &group.name;
            let text = format!(
                "Sync group {name} has some member(s) as address owner and some not as address owner. This won't work."
            );
            rx.remark(text);
        }
        if owners > 0 {
            for tracked in group.track_scripts.iter_mut().filter(|t| t.weight != 0) {
                let script = config.scripts.get(tracked.script).map(|s| s.name.as_str()).unwrap_or_default();
                let text = format!(
                    "({}) Cannot have weighted track script '{script}' with member having priority 255 - clearing weight",
                    group.name
                );
                rx.warn("sync-group", text);
                tracked.weight = 0;
            }
            for tracked in group.track_interfaces.iter_mut().filter(|t| t.weight != 0) {
                let text = format!(
                    "({}) Cannot have weighted track interface '{}' with member having priority 255 - clearing weight",
                    group.name, tracked.name
                );
                rx.warn("sync-group", text);
                tracked.weight = 0;
            }
        }
        for &member in &group.members {
            let Some(instance) = config.instances.get_mut(member) else { continue };
            // The group's weight wins unless the instance's makes failing a fault.
            for tracked in &group.track_scripts {
                let Some(own) = instance.track_scripts.iter_mut().find(|t| t.script == tracked.script) else {
                    instance.track_scripts.push(*tracked);
                    continue;
                };
                if own.weight != 0 {
                    *own = *tracked;
                }
                let script = config.scripts.get(tracked.script).map_or("", |script| script.name.as_str());
                rx.remark(both(&instance.name, "track_script", script));
            }
            for tracked in &group.track_interfaces {
                let own = instance.track_interfaces.iter_mut().find(|t| t.name == tracked.name);
                // The interface of the instance itself is tracked without a word.
                if own.is_none() && tracked.name != instance.interface {
                    instance.track_interfaces.push(tracked.clone());
                    continue;
                }
                if let Some(own) = own.filter(|own| own.weight != 0) {
                    *own = tracked.clone();
                }
                let text = both(&instance.name, "track_interface", &tracked.name);
                rx.warn(
                    "sync-group",
                    text.replace("vrrp instance config", "vrrp instance or sync group config"),
                );
            }
        }
    }
}

/// An instance and its sync group track the same object: a daemon says so, `--config-test` does not.
pub(super) fn both(instance: &str, what: &str, object: &str) -> String {
    format!(
        "({instance}) {what} {object} is configured on VRRP instance and sync group. Remove vrrp instance config"
    )
}
