//! `vrrp_sync_group`. keepalived.conf(5), "VRRP synchronization group(s)".

use crate::declared::{GroupDecl, NotifyDecl};
use crate::registry::{Cx, Keyword, Set, list_of};
use crate::tree::{Block, Statement};

use super::notify::{self, Notifies};
use super::{bfd_instance, track, tracker};

impl Notifies for GroupDecl {
    fn notify(&mut self) -> &mut NotifyDecl {
        &mut self.notify
    }

    fn shown(&self) -> String {
        format!("vrrp group {}:", self.name)
    }
}

fn group(group: &mut GroupDecl, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    if group.members.is_some() {
        let text = format!("Group list already specified for sync group {}", group.name);
        cx.warn(line.span, "sync-group", text);
        return;
    }
    let members: Vec<String> =
        list_of(block, cx).iter().flat_map(|s| s.words.iter().map(config_text::Word::lossy)).collect();
    if members.is_empty() {
        let at = block.close.unwrap_or(line.span);
        cx.warn(at, "sync-group", format!("Warning - sync group {} has empty group block", group.name));
        return;
    }
    group.members = Some(members);
}

fn track_script(group: &mut GroupDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    track::scripts(&group.name, &mut group.track_scripts, block, cx);
}

fn track_file(group: &mut GroupDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    tracker::tracked(&group.name, &mut group.trackers, true, block, cx);
}

fn track_process(group: &mut GroupDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    tracker::tracked(&group.name, &mut group.trackers, false, block, cx);
}

fn track_bfd(group: &mut GroupDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    bfd_instance::tracked(&group.name, &mut group.track_bfds, block, cx);
}

fn track_interface(group: &mut GroupDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    track::interfaces(&group.name, &mut group.track_interfaces, block, cx);
}

/// `global_tracking`: deprecated, and what it asks for is always done.
fn global_tracking(group: &mut GroupDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = format!(
        "({}) global_tracking is deprecated. Use track_interface/script/file on the sync group",
        group.name
    );
    cx.warn(line.span, "deprecated", text);
}

const OBEYED: [Keyword<GroupDecl>; 15] = [
    Keyword {
        name: "track_file",
        parameters: 0,
        set: Set::Block(track_file),
        doc: "Files that every member tracks.",
    },
    Keyword {
        name: "track_process",
        parameters: 0,
        set: Set::Block(track_process),
        doc: "Processes that every member tracks.",
    },
    Keyword {
        name: "smtp_alert",
        parameters: 0,
        set: Set::Bool { field: |g| &mut g.smtp_alert, bad: "Invalid vrrp_group smtp_alert parameter {v}" },
        doc: "Mail on changes of the group.",
    },
    Keyword {
        name: "notify_priority_changes",
        parameters: 0,
        set: Set::Bool {
            field: |g| &mut g.notify_priority_changes,
            bad: "({n}) Invalid value '{v}' for sync group notify_priority_changes specified",
        },
        doc: "Write changes of its members' effective priorities to the FIFOs.",
    },
    Keyword {
        name: "global_tracking",
        parameters: 0,
        set: Set::Custom(global_tracking),
        doc: "Deprecated: what a group tracks always counts for every member.",
    },
    Keyword {
        name: "group",
        parameters: 0,
        set: Set::Block(group),
        doc: "Names of the instances that move together.",
    },
    Keyword {
        name: "track_script",
        parameters: 0,
        set: Set::Block(track_script),
        doc: "Scripts that every member tracks.",
    },
    Keyword {
        name: "track_bfd",
        parameters: 0,
        set: Set::Block(track_bfd),
        doc: "BFD sessions that every member tracks.",
    },
    Keyword {
        name: "track_interface",
        parameters: 0,
        set: Set::Block(track_interface),
        doc: "Interfaces that every member tracks.",
    },
    Keyword {
        name: "notify_master",
        parameters: 1,
        set: Set::Custom(notify::master),
        doc: "Run on becoming MASTER.",
    },
    Keyword {
        name: "notify_backup",
        parameters: 1,
        set: Set::Custom(notify::backup),
        doc: "Run on becoming BACKUP.",
    },
    Keyword {
        name: "notify_fault",
        parameters: 1,
        set: Set::Custom(notify::fault),
        doc: "Run on becoming FAULT.",
    },
    Keyword { name: "notify_stop", parameters: 1, set: Set::Custom(notify::stop), doc: "Run at stop." },
    Keyword {
        name: "notify",
        parameters: 1,
        set: Set::Custom(notify::any),
        doc: "Run on any change, with its name appended.",
    },
    Keyword {
        name: "sync_group_tracking_weight",
        parameters: 0,
        set: Set::Flag(|g| &mut g.tracking_weight),
        doc: "Members keep the weights of what they track.",
    },
];

pub(crate) const TABLES: [&[Keyword<GroupDecl>]; 1] = [&OBEYED];
