//! What is said about interfaces outside of instances: `global_defs` words and blocks at top level. keepalived.conf(5),
//! "Linkbeat interfaces", "Static track groups", "Interface up/down status change debouncing", `garp_group`.

use std::time::Duration;

use config_text::Span;

use crate::UNKNOWN_INTERFACE;
use crate::declared::{Declared, GarpGroupDecl, GlobalDecl, TrackGroupDecl};
use crate::number::Rest;
use crate::registry::{Cx, Keyword, Set, apply, list_of};
use crate::resolved::{ExtraGarp, GarpGroup, InterfaceDelay, Linkbeat, LinkbeatKind, ReceiveBuffer};
use crate::tree::{Block, Statement};

use super::{route, rule};

/// Longest name of a table, as the kernel has it.
const NFTABLES_NAME_MAX: usize = 255;
/// Greatest delay of `interface_up_down_delays`, microseconds.
const DELAY_MAX: u64 = 255_000_000;

fn dynamic_interfaces(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.network.dynamic_interfaces = true;
    match line.text(1).as_deref() {
        None => {}
        Some("allow_if_changes") => global.network.allow_if_changes = true,
        Some(other) => {
            cx.warn(line.span, "dynamic-interfaces", format!("Unknown dynamic_interfaces option '{other}'"));
        }
    }
}

/// Blocks that follow may hold addresses of both families.
fn both_families(_: &mut GlobalDecl, _: &Statement, cx: &mut Cx<'_>) {
    cx.both_families = true;
}

fn nftables(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let name = line.text(1).unwrap_or_else(|| "keepalived".to_owned());
    if name.is_empty() {
        cx.warn(line.span, "nftables", "VRRP Error : nftables chain name empty - ignored");
        return;
    }
    if name.len() > NFTABLES_NAME_MAX {
        cx.warn(line.span, "nftables", format!("nftables table name '{name}' is not valid - ignoring"));
        return;
    }
    if global.network.nftables.is_some() {
        cx.warn(line.span, "duplicate", format!("Duplicate nftables table name {name} - ignoring"));
        return;
    }
    global.network.nftables = Some(name);
}

fn nftables_priority(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match cx.strict_signed(line.span, &text, i32::MIN, i32::MAX) {
        Some(priority) => global.network.nftables_priority = Some(priority),
        None => cx.warn(line.span, "nftables", format!("invalid nftables chain priority '{text}'")),
    }
}

fn prefix(line: &Statement, cx: &mut Cx<'_>) -> Option<String> {
    let text = line.text(1).unwrap_or_default();
    if text.is_empty() || text.contains(['/', ' ']) {
        cx.warn(line.span, "vmac-prefix", format!("{} {text} is not valid - ignoring", line.keyword()));
        return None;
    }
    Some(text)
}

fn vmac_prefix(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    prefix_once(&mut global.network.vmac_prefix, "vmac prefix", line, cx);
}

fn vmac_addr_prefix(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    prefix_once(&mut global.network.vmac_addr_prefix, "vmac address prefix", line, cx);
}

fn prefix_once(slot: &mut Option<String>, what: &str, line: &Statement, cx: &mut Cx<'_>) {
    if slot.is_some() {
        let text = line.text(1).unwrap_or_default();
        cx.warn(line.span, "duplicate", format!("{what} has already been specified - ignoring {text}"));
        return;
    }
    *slot = prefix(line, cx);
}

/// `[all] SECONDS`. `of`: whose words these are, for messages.
pub(super) fn extra_garp(of: &str, least: u32, line: &Statement, cx: &mut Cx<'_>) -> Option<ExtraGarp> {
    let keyword = line.keyword();
    let (mut all, mut any, mut interval) = (false, false, None);
    for word in line.words.iter().skip(1).map(config_text::Word::lossy) {
        if word == "all" {
            all = true;
            continue;
        }
        any = true;
        match cx.unsigned(line.span, &word, least, 86_400) {
            Some(seconds) => interval = Some(Duration::from_secs(seconds.into())),
            None => cx.warn(line.span, "garp", format!("{of}{keyword} '{word}' invalid - ignoring")),
        }
    }
    if !any {
        cx.warn(line.span, "garp", format!("{of}{keyword} specified without time - ignoring"));
    }
    interval.map(|interval| ExtraGarp { all, interval })
}

fn garp_extra_if(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.network.garp_extra = extra_garp("", 1, line, cx).or(global.network.garp_extra);
}

fn vmac_garp_intvl(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = "Keyword \"vrrp_vmac_garp_intvl\" is deprecated - please use \"vrrp_garp_extra_if\"";
    cx.warn(line.span, "deprecated", text);
    garp_extra_if(global, line, cx);
}

fn receive_policy(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    if line.words.len() < 2 {
        cx.warn(line.span, "missing-parameter", "vrrp_rx_bufs_policy missing");
    }
    // The last word counts.
    for text in line.words.iter().skip(1).map(config_text::Word::lossy) {
        if text.eq_ignore_ascii_case("MTU") {
            global.network.receive_buffer = Some(ReceiveBuffer::Mtu);
        } else if text.eq_ignore_ascii_case("ADVERT") {
            global.network.receive_buffer = Some(ReceiveBuffer::Advert);
        } else if let Some(bytes) = cx.strict_unsigned(line.span, &text, 0, u32::MAX) {
            global.network.receive_buffer = Some(ReceiveBuffer::Bytes(bytes.min(i32::MAX.unsigned_abs())));
        } else {
            cx.warn(line.span, "buffer", format!("Invalid vrrp_rx_bufs_policy {text}"));
        }
    }
}

fn receive_multiplier(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let value = match line.words.len() {
        2 => cx.strict_unsigned(line.span, &line.text(1).unwrap_or_default(), 1, u32::MAX),
        _ => None,
    };
    match value {
        Some(value) => global.network.receive_multiplier = Some(value),
        None => {
            let shown = line.text(1).filter(|_| line.words.len() == 2).map(|text| format!(" {text}"));
            let text = format!("Invalid vrrp_rx_bufs_multiplier{}", shown.unwrap_or_default());
            cx.warn(line.span, "buffer", text);
        }
    }
}

/// The size of a socket's receive buffer; 0 leaves it as it is.
fn socket_buffer(line: &Statement, cx: &mut Cx<'_>) -> Option<u32> {
    let keyword = line.keyword();
    let Some(text) = line.text(1) else {
        cx.warn(line.span, "missing-parameter", format!("{keyword} size missing"));
        return None;
    };
    let size = cx.strict_unsigned(line.span, &text, 0, u32::MAX);
    if size.is_none() {
        cx.warn(line.span, "buffer", format!("{keyword} size ({text}) invalid"));
    }
    size
}

fn command_buffer(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let network = &mut global.network;
    network.command_buffer = socket_buffer(line, cx).or(network.command_buffer).filter(|size| *size > 0);
}

fn monitor_buffer(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let network = &mut global.network;
    network.monitor_buffer = socket_buffer(line, cx).or(network.monitor_buffer).filter(|size| *size > 0);
}

fn static_routes(declared: &mut Declared, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        if cx.stopped {
            return;
        }
        declared.network.static_routes.extend(route::parse(line, route::Place::Static, cx));
    }
}

fn static_rules(declared: &mut Declared, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        if cx.stopped {
            return;
        }
        let Some(mut rule) = rule::parse(line, route::Place::Static, cx) else { continue };
        if rule.track_group.is_some() && rule.devices().next().is_none() {
            cx.warn(line.span, "track-group", "Static rule cannot have track_group if dev/iif not specified");
            rule.track_group = None;
        }
        declared.network.static_rules.push(rule);
    }
}

fn track_group(declared: &mut Declared, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    let Some(name) = line.text(1) else {
        cx.warn(line.span, "name", "track_group must have a name - skipping");
        return;
    };
    if declared.network.track_groups.iter().any(|group| group.name == name) {
        cx.warn(line.span, "duplicate", format!("track_group {name} already defined"));
        return;
    }
    let mut group = TrackGroupDecl { name, members: Vec::new() };
    apply(&TRACK_GROUP, &block.nodes, &mut group, cx);
    if group.members.is_empty() && !cx.stopped {
        let end = block.close.unwrap_or(line.span);
        let text = format!("Static track group {} has no members - removing", group.name);
        cx.warn(end, "track-group", text);
        return;
    }
    cx.track_groups.push(group.name.clone());
    declared.network.track_groups.push(group);
}

fn members(group: &mut TrackGroupDecl, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    let list = list_of(block, cx);
    if list.is_empty() {
        let end = block.close.unwrap_or(line.span);
        cx.warn(end, "track-group", format!("Warning - track group {} has empty group block", group.name));
    }
    group.members.extend(list.iter().flat_map(|line| line.words.iter().map(config_text::Word::lossy)));
}

fn garp_group(declared: &mut Declared, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    let mut group = GarpGroupDecl::default();
    apply(&GARP_GROUP, &block.nodes, &mut group, cx);
    if cx.stopped {
        return;
    }
    // A group of interfaces has a number before it is counted.
    let number = declared.network.garp_groups.len() + usize::from(!group.interfaces.is_empty());
    let end = block.close.unwrap_or(line.span);
    let GarpGroupDecl { garp_interval, gna_interval, interfaces } = group;
    if garp_interval.is_none() && gna_interval.is_none() {
        cx.warn(end, "garp-group", format!("garp group {number} does not have any delay set - removing"));
        return;
    }
    declared.network.garp_groups.push(GarpGroup { garp_interval, gna_interval, interfaces });
}

fn interval(line: &Statement, cx: &mut Cx<'_>) -> Option<Duration> {
    let text = line.text(1).unwrap_or_default();
    let value = cx.seconds(line.span, &text, 0, u64::from(u32::MAX), Rest::Said);
    if value.is_none() {
        cx.warn(line.span, "interval", format!("garp_group {} '{text}' invalid", line.keyword()));
    }
    value.filter(|value| !value.is_zero())
}

fn group_garp_interval(group: &mut GarpGroupDecl, line: &Statement, cx: &mut Cx<'_>) {
    group.garp_interval = interval(line, cx).or(group.garp_interval);
}

fn group_gna_interval(group: &mut GarpGroupDecl, line: &Statement, cx: &mut Cx<'_>) {
    group.gna_interval = interval(line, cx).or(group.gna_interval);
}

fn group_interface(group: &mut GarpGroupDecl, line: &Statement, cx: &mut Cx<'_>) {
    let name = line.text(1).unwrap_or_default();
    one_of_group(group, name, line.span, cx);
}

fn group_interfaces(group: &mut GarpGroupDecl, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    if block.nodes.is_empty() {
        let end = block.close.unwrap_or(line.span);
        cx.warn(end, "garp-group", "Warning - empty garp_group interfaces block");
    }
    for line in list_of(block, cx) {
        for word in &line.words {
            one_of_group(group, word.lossy(), block.close.unwrap_or(line.span), cx);
        }
    }
}

fn one_of_group(group: &mut GarpGroupDecl, name: String, span: Span, cx: &mut Cx<'_>) {
    if !cx.interface_exists(&name) {
        let text = format!("WARNING - interface {name} specified for garp_group doesn't exist");
        cx.warn(span, "missing-interface", text);
        return;
    }
    if group.interfaces.contains(&name) {
        cx.warn(span, "garp-group", format!("garp_group already specified for {name} - ignoring"));
        return;
    }
    group.interfaces.push(name);
}

fn delays(declared: &mut Declared, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        let name = line.keyword();
        if !cx.dynamic_interfaces && cx.system.interface(&name).is_none() {
            let text = format!("unknown interface {name} specified for up/down delay");
            cx.warn(line.span, UNKNOWN_INTERFACE, text);
            continue;
        }
        let Some(down) = line.text(1) else { continue };
        let down = cx.seconds(line.span, &down, 0, DELAY_MAX, Rest::Refused);
        let up = line.text(2).map(|up| cx.seconds(line.span, &up, 0, DELAY_MAX, Rest::Refused));
        let (Some(down), Some(up)) = (down, up.unwrap_or(down)) else { continue };
        declared.network.delays.retain(|delay| delay.name != name);
        declared.network.delays.push(InterfaceDelay { name, down, up });
    }
}

fn linkbeat_interfaces(declared: &mut Declared, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        let name = line.keyword();
        if !cx.dynamic_interfaces && cx.system.interface(&name).is_none() {
            cx.warn(
                line.span,
                UNKNOWN_INTERFACE,
                format!("unknown interface {name} specified for linkbeat interface"),
            );
            continue;
        }
        let kind = match line.text(1).as_deref() {
            None => LinkbeatKind::Any,
            Some("MII") => LinkbeatKind::Mii,
            Some("ETHTOOL") => LinkbeatKind::Ethtool,
            Some("IOCTL") => LinkbeatKind::Ioctl,
            Some(other) => {
                cx.warn(line.span, "linkbeat", format!("extra characters {other} in linkbeat interface"));
                LinkbeatKind::Any
            }
        };
        declared.network.linkbeat_interfaces.retain(|known| known.name != name);
        declared.network.linkbeat_interfaces.push(Linkbeat { name, kind });
    }
}

fn linkbeat_use_polling(declared: &mut Declared, _: &Statement, _: &mut Cx<'_>) {
    declared.network.linkbeat_everywhere = true;
}

const fn kw(
    name: &'static str,
    parameters: usize,
    set: fn(&mut GlobalDecl, &Statement, &mut Cx<'_>),
    doc: &'static str,
) -> Keyword<GlobalDecl> {
    Keyword { name, parameters, set: Set::Custom(set), doc }
}

const fn flag(
    name: &'static str,
    field: fn(&mut GlobalDecl) -> &mut bool,
    doc: &'static str,
) -> Keyword<GlobalDecl> {
    Keyword { name, parameters: 0, set: Set::Flag(field), doc }
}

const fn force(
    name: &'static str,
    field: fn(&mut GlobalDecl) -> &mut Option<bool>,
    bad: &'static str,
) -> Keyword<GlobalDecl> {
    Keyword { name, parameters: 0, set: Set::Bool { field, bad }, doc: "Beyond the limit of the system." }
}

/// Words of `global_defs`.
pub(crate) const GLOBAL: &[Keyword<GlobalDecl>] = &[
    Keyword {
        name: "vrrp_strict",
        parameters: 0,
        set: Set::Bool {
            field: |g| &mut g.network.strict,
            bad: "Invalid value '{v}' for global vrrp_strict specified",
        },
        doc: "Strict adherence to the RFCs.",
    },
    flag(
        "vrrp_restore_addresses",
        |g| &mut g.network.restore_addresses,
        "Put virtual addresses back that others removed, and stay master.",
    ),
    kw(
        "vrrp_both_families",
        0,
        both_families,
        "Not in the reference: virtual_ipaddress may hold addresses of both families.",
    ),
    kw(
        "dynamic_interfaces",
        0,
        dynamic_interfaces,
        "Interfaces may be missing at start, come later, and with `allow_if_changes` bring a duplicate VRID.",
    ),
    kw("nftables", 0, nftables, "Name of the nf_tables tables; keepalived."),
    kw("nftables_priority", 1, nftables_priority, "Priority of the chains; -1."),
    flag("nftables_counters", |g| &mut g.network.nftables_counters, "Rules count packets."),
    flag(
        "nftables_ifindex",
        |g| &mut g.network.nftables_ifindex,
        "Sets have interfaces by index, not by name.",
    ),
    flag("disable_local_igmp", |g| &mut g.network.disable_local_igmp, "No IGMP reports for 224.0.0.0/24."),
    kw("vmac_prefix", 1, vmac_prefix, "First part of the names of VMACs; vrrp."),
    kw("vmac_addr_prefix", 1, vmac_addr_prefix, "The same for VMACs of single addresses; vmac_prefix."),
    kw(
        "vrrp_garp_extra_if",
        0,
        garp_extra_if,
        "Seconds between announcements on interfaces without adverts.",
    ),
    kw("vrrp_vmac_garp_intvl", 0, vmac_garp_intvl, "Former name of vrrp_garp_extra_if."),
    kw("vrrp_rx_bufs_policy", 0, receive_policy, "Receive buffers by MTU, ADVERT or bytes."),
    kw(
        "vrrp_rx_bufs_multiplier",
        0,
        receive_multiplier,
        "Packets for each instance that a receive buffer holds; 3.",
    ),
    kw("vrrp_netlink_cmd_rcv_bufs", 0, command_buffer, "Receive buffer of the netlink command socket."),
    force(
        "vrrp_netlink_cmd_rcv_bufs_force",
        |g| &mut g.network.command_buffer_force,
        "Invalid value '{v}' for global vrrp_netlink_cmd_rcv_bufs_force specified",
    ),
    kw("vrrp_netlink_monitor_rcv_bufs", 0, monitor_buffer, "Receive buffer of the netlink monitor socket."),
    force(
        "vrrp_netlink_monitor_rcv_bufs_force",
        |g| &mut g.network.monitor_buffer_force,
        "Invalid value '{v}' for global vrrp_netlink_monitor_rcv_bufs_force specified",
    ),
];

/// Blocks at top level.
pub(crate) const TOP: &[Keyword<Declared>] = &[
    Keyword {
        name: "static_routes",
        parameters: 0,
        set: Set::Block(static_routes),
        doc: "Routes that stay while keepalived runs.",
    },
    Keyword {
        name: "static_rules",
        parameters: 0,
        set: Set::Block(static_rules),
        doc: "Rules that stay while keepalived runs.",
    },
    Keyword {
        name: "track_group",
        parameters: 0,
        set: Set::Block(track_group),
        doc: "Instances that depend on static addresses, routes and rules.",
    },
    Keyword {
        name: "garp_group",
        parameters: 0,
        set: Set::Block(garp_group),
        doc: "Interfaces that share a pace of announcements.",
    },
    Keyword {
        name: "interface_up_down_delays",
        parameters: 0,
        set: Set::Block(delays),
        doc: "Seconds that interfaces must stay down or up to count as such.",
    },
    Keyword {
        name: "linkbeat_interfaces",
        parameters: 0,
        set: Set::Block(linkbeat_interfaces),
        doc: "Interfaces whose link is asked for instead of waiting for netlink.",
    },
    Keyword {
        name: "linkbeat_use_polling",
        parameters: 0,
        set: Set::Custom(linkbeat_use_polling),
        doc: "The same for every interface that is used.",
    },
];

/// Words of `track_group`.
pub(crate) const TRACK_GROUP: [&[Keyword<TrackGroupDecl>]; 1] =
    [&[Keyword { name: "group", parameters: 0, set: Set::Block(members), doc: "Names of instances." }]];

/// Words of `garp_group`.
pub(crate) const GARP_GROUP: [&[Keyword<GarpGroupDecl>]; 1] = [&[
    Keyword {
        name: "garp_interval",
        parameters: 1,
        set: Set::Custom(group_garp_interval),
        doc: "Least seconds between two gratuitous ARPs.",
    },
    Keyword {
        name: "gna_interval",
        parameters: 1,
        set: Set::Custom(group_gna_interval),
        doc: "Least seconds between two unsolicited neighbour adverts.",
    },
    Keyword { name: "interface", parameters: 1, set: Set::Custom(group_interface), doc: "The interface." },
    Keyword { name: "interfaces", parameters: 0, set: Set::Block(group_interfaces), doc: "The interfaces." },
]];
