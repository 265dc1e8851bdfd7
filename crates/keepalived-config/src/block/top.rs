//! Top level: which blocks there are.

use crate::declared::{Declared, GroupDecl, InstanceDecl, ScriptDecl, TrackedScriptDecl};
use crate::registry::{Cx, Keyword, Set, apply, list_of, refused};
use crate::tree::{Block, Statement};

use super::route::Place;
use super::{
    address, bfd_instance, global_defs, network, tracker, vrrp_instance, vrrp_script, vrrp_sync_group,
};

fn global(declared: &mut Declared, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    apply(&global_defs::TABLES, &block.nodes, &mut declared.global, cx);
}

fn instance(declared: &mut Declared, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    if line.words.len() != 2 {
        cx.warn(line.span, "name", "vrrp_instance must have a name");
        return;
    }
    let name = line.text(1).unwrap_or_default();
    if !declared.instance_names.insert(name.clone()) {
        cx.warn(line.span, "duplicate", format!("vrrp instance {name} already defined"));
        return;
    }
    let mut instance = InstanceDecl::new(name);
    apply(&vrrp_instance::TABLES, &block.nodes, &mut instance, cx);
    if !cx.stopped {
        vrrp_instance::finish(&mut instance, block.close.unwrap_or(line.span), cx);
    }
    declared.instances.push(instance);
}

fn script(declared: &mut Declared, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    let name = line.text(1).unwrap_or_default();
    let mut script = ScriptDecl {
        name: name.clone(),
        words: None,
        user: None,
        interval: None,
        timeout: None,
        weight: 0,
        reverse: false,
        rise: None,
        fall: None,
        init_fail: false,
        failed: false,
    };
    apply(&vrrp_script::TABLES, &block.nodes, &mut script, cx);
    if cx.stopped {
        return;
    }
    let end = block.close.unwrap_or(line.span);
    if script.words.is_none() {
        cx.warn(end, "script", format!("No script set for vrrp_script {name} - removing"));
        return;
    }
    if script.failed {
        return;
    }
    if script.user.is_none() {
        script.user = vrrp_script::default_user(end, cx);
    }
    if script.user.is_none() {
        cx.warn(end, "script-user", format!("Unable to set default user for vrrp script {name} - removing"));
        return;
    }
    if declared.scripts.iter().any(|s| s.name == name) {
        cx.warn(line.span, "duplicate", format!("vrrp script {name} already defined"));
        return;
    }
    cx.scripts.push(TrackedScriptDecl { name, weight: script.weight, reverse: script.reverse });
    declared.scripts.push(script);
}

fn sync_group(declared: &mut Declared, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    let Some(name) = line.text(1).filter(|_| line.words.len() == 2) else {
        cx.warn(line.span, "name", "vrrp_sync_group must have a name - skipping");
        return;
    };
    if declared.groups.iter().any(|g| g.name == name) {
        cx.warn(line.span, "duplicate", format!("vrrp sync group {name} already defined"));
        return;
    }
    let mut group = GroupDecl { name, ..GroupDecl::default() };
    apply(&vrrp_sync_group::TABLES, &block.nodes, &mut group, cx);
    if group.members.is_none() && !cx.stopped {
        let end = block.close.unwrap_or(line.span);
        cx.warn(end, "sync-group", format!("Sync group {} has no members - removing", group.name));
        return;
    }
    declared.groups.push(group);
}

fn static_ipaddress(declared: &mut Declared, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        let Some(mut address) = address::parse(line, Place::Static, cx) else { continue };
        if address.device.is_empty() {
            let default = cx.default_interface.clone().unwrap_or_else(|| "eth0".to_owned());
            if cx.system.interface(&default).is_none() {
                let shown = address::shown(&address);
                let text = format!(
                    "Static address {shown} requires either an interface or default interface must exist"
                );
                cx.warn(line.span, "missing-interface", text);
                continue;
            }
            address.device = default;
        }
        declared.static_addresses.push(address);
    }
}

fn child_wait_time(declared: &mut Declared, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match cx.strict_unsigned(line.span, &text, 0, 65_535) {
        Some(seconds) => declared.global.child_wait = Some(std::time::Duration::from_secs(seconds.into())),
        None => cx.warn(line.span, "child-wait-time", format!("Invalid child_wait_time {text}")),
    }
}

fn track_file(_: &mut Declared, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    if line.keyword() == "vrrp_track_file" {
        cx.remark("\"vrrp_track_file\" is deprecated, please use \"track_file\"");
    }
    let tracker = tracker::file_block(line, block, cx);
    cx.trackers.extend(tracker);
}

fn track_process(_: &mut Declared, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    let tracker = tracker::process_block(line, block, cx);
    cx.trackers.extend(tracker);
}

fn net_namespace(declared: &mut Declared, line: &Statement, cx: &mut Cx<'_>) {
    named_once(&mut declared.global.daemon.net_namespace, line, cx, "net_namespace name");
}

fn instance_name(declared: &mut Declared, line: &Statement, cx: &mut Cx<'_>) {
    named_once(&mut declared.global.daemon.instance, line, cx, "instance name");
}

/// A name that becomes part of file names.
fn named_once(slot: &mut Option<String>, line: &Statement, cx: &mut Cx<'_>, what: &str) {
    let Some(name) = line.text(1) else {
        cx.warn(line.span, "name", format!("{what} missing - ignoring"));
        return;
    };
    if slot.is_some() {
        cx.warn(line.span, "duplicate", format!("Duplicate {} definition {name} - ignoring", line.keyword()));
        return;
    }
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        cx.refuse(line.span, "name", format!("{what} '{name}' cannot be part of a file name"));
        return;
    }
    *slot = Some(name);
}

/// Of what this program does not have: virtual servers and ipsets.
fn without_ipvs(_: &mut Declared, line: &Statement, cx: &mut Cx<'_>) {
    let keyword = line.keyword();
    cx.no_effect(line.span, &keyword, "there is neither IPVS nor ipsets");
}

const OBEYED: [Keyword<Declared>; 15] = [
    Keyword {
        name: "track_file",
        parameters: 1,
        set: Set::Block(track_file),
        doc: "A file whose number instances track.",
    },
    Keyword {
        name: "vrrp_track_file",
        parameters: 1,
        set: Set::Block(track_file),
        doc: "Former name of track_file.",
    },
    Keyword {
        name: "vrrp_track_process",
        parameters: 1,
        set: Set::Block(track_process),
        doc: "Processes that instances track.",
    },
    Keyword {
        name: "net_namespace",
        parameters: 0,
        set: Set::Custom(net_namespace),
        doc: "Network namespace to run in.",
    },
    Keyword {
        name: "instance",
        parameters: 0,
        set: Set::Custom(instance_name),
        doc: "Name of this daemon among several.",
    },
    Keyword {
        name: "use_pid_dir",
        parameters: 0,
        set: Set::Flag(|d| &mut d.global.daemon.use_pid_dir),
        doc: "Pid files lie in /run/keepalived.",
    },
    Keyword {
        name: "net_namespace_ipvs",
        parameters: 0,
        set: Set::Custom(without_ipvs),
        doc: "Of no effect, with a notice: there is no IPVS.",
    },
    Keyword {
        name: "namespace_with_ipsets",
        parameters: 0,
        set: Set::Custom(without_ipvs),
        doc: "Of no effect, with a notice: there are no ipsets.",
    },
    Keyword {
        name: "global_defs",
        parameters: 0,
        set: Set::Block(global),
        doc: "Settings of the processes and defaults.",
    },
    Keyword {
        name: "vrrp_script",
        parameters: 1,
        set: Set::Block(script),
        doc: "A script that instances track.",
    },
    Keyword { name: "vrrp_instance", parameters: 0, set: Set::Block(instance), doc: "A virtual router." },
    Keyword {
        name: "vrrp_sync_group",
        parameters: 0,
        set: Set::Block(sync_group),
        doc: "Instances that move together.",
    },
    Keyword {
        name: "static_ipaddress",
        parameters: 0,
        set: Set::Block(static_ipaddress),
        doc: "Addresses that stay while keepalived runs.",
    },
    Keyword {
        name: "bfd_instance",
        parameters: 0,
        set: Set::Block(bfd_instance::instance),
        doc: "A neighbor to watch by BFD.",
    },
    Keyword {
        name: "child_wait_time",
        parameters: 1,
        set: Set::Custom(child_wait_time),
        doc: "Seconds that children get to stop; 5.",
    },
];

const REFUSED: [Keyword<Declared>; 3] = refused!["SSL", "virtual_server_group", "virtual_server"];

pub(crate) const TABLES: [&[Keyword<Declared>]; 3] = [&OBEYED, network::TOP, &REFUSED];
