//! `global_defs`. keepalived.conf(5), "Global definitions".

mod daemon;
mod mail;

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::declared::{DefaultUser, GlobalDecl};
use crate::number::{self, Rest};
use crate::registry::{Cx, Keyword, Set, refused};
use crate::tree::Statement;

use super::vrrp_instance::{DELAY_MAX, REPEATS_MAX};
use super::vrrp_script::named_user;
use super::{network, process};

fn router_id(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    match line.text(1) {
        Some(id) => global.router_id = Some(id),
        None => cx.warn(line.span, "router-id", "routerid name missing - ignoring"),
    }
}

fn script_user(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    if line.words.len() < 2 {
        cx.warn(line.span, "script-user", "No script username specified");
        return;
    }
    match named_user(line, 1, cx) {
        Some(user) => {
            global.script_user = DefaultUser::Known(user);
            cx.default_user = global.script_user;
        }
        None => {
            cx.warn(line.span, "script-user", "Error setting global script uid/gid");
            global.script_user_failed = true;
        }
    }
}

fn enable_script_security(global: &mut GlobalDecl, _: &Statement, cx: &mut Cx<'_>) {
    global.script_security = true;
    cx.script_security = true;
}

fn version(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let version = cx.signed(line.span, &line.text(1).unwrap_or_default(), 2, 3);
    match version.and_then(|version| u32::try_from(version).ok()) {
        Some(version) => global.version = Some(version),
        None => cx.warn(line.span, "version", "VRRP Error: Version must be either 2 or 3"),
    }
}

fn mcast_group4(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match text.parse::<Ipv4Addr>() {
        Ok(group) if group.is_multicast() => global.mcast_group4 = Some(group),
        Ok(_) => {
            cx.warn(line.span, "group", format!("vrrp_mcast_group4 [{text}] is not multicast. Skipping"))
        }
        Err(_) if text.parse::<Ipv6Addr>().is_ok() => {
            cx.warn(line.span, "group", format!("vrrp_mcast_group4 [{text}] is not IPv4. Skipping"))
        }
        Err(_) => cx.warn(line.span, "group", format!("Can't parse vrrp_mcast_group4 [{text}]. Skipping")),
    }
}

fn mcast_group6(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match text.parse::<Ipv6Addr>() {
        Ok(group) if group.is_multicast() => {
            if group.octets()[1] & 0x0f != 2 {
                let text = format!("vrrp_mcast_group6 [{text}] should be link-local multicast.");
                cx.warn(line.span, "group", text);
            }
            global.mcast_group6 = Some(group);
        }
        Ok(_) => {
            cx.warn(line.span, "group", format!("vrrp_mcast_group6 [{text}] is not multicast. Skipping"))
        }
        Err(_) if text.parse::<Ipv4Addr>().is_ok() => {
            cx.warn(line.span, "group", format!("vrrp_mcast_group6 [{text}] is not IPv6. Skipping"))
        }
        Err(_) => cx.warn(line.span, "group", format!("Can't parse vrrp_mcast_group6 [{text}]. Skipping")),
    }
}

fn interval(line: &Statement, cx: &mut Cx<'_>, into: &mut Option<std::time::Duration>) {
    let text = line.text(1).unwrap_or_default();
    match cx.seconds(line.span, &text, 1, u64::from(u32::MAX), Rest::Said) {
        Some(value) if !value.is_zero() => *into = Some(value),
        _ => cx.warn(line.span, "interval", format!("{} '{text}' is invalid", line.keyword())),
    }
}

fn garp_interval(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    interval(line, cx, &mut global.garp_interval);
}

fn gna_interval(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    interval(line, cx, &mut global.gna_interval);
}

fn startup_delay(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match cx.seconds(line.span, &text, 1_000, u64::from(u32::MAX), Rest::Refused) {
        Some(delay) => global.startup_delay = Some(delay),
        None => cx.warn(line.span, "interval", format!("vrrp_startup_delay '{text}' is invalid")),
    }
}

/// `vrrp_min_garp`: one gratuitous ARP and no second burst, where nothing was configured above.
fn min_garp(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    match line.text(1).as_deref().map_or(Some(true), number::boolean) {
        Some(on) => global.min_garp = Some(on),
        None => {
            cx.warn(line.span, "boolean", "Invalid value for vrrp_min_garp specified");
            return;
        }
    }
    if global.min_garp == Some(true) {
        let garp = &mut global.garp;
        garp.master_repeat.get_or_insert(1);
        garp.master_delay.get_or_insert(0);
        garp.master_refresh_repeat.get_or_insert(0);
    }
}

fn max_auto_priority(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_else(|| "99".to_owned());
    match cx.signed(line.span, &text, -1, 99) {
        Some(priority) => global.max_auto_priority = Some(priority),
        None => {
            let text = format!("max_auto_priority '{text}' must be in [0, 99] (or -1 to disable) - ignoring");
            cx.warn(line.span, "max-auto-priority", text);
        }
    }
}

/// The first parameter; `missing` is what the reference says when there is none, after which it goes on.
fn parameter(line: &Statement, cx: &mut Cx<'_>, missing: &str) -> Option<String> {
    let text = line.text(1);
    if text.is_none() {
        cx.warn(line.span, "missing-parameter", missing);
    }
    text
}

fn vrrp_priority(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.vrrp_nice = process::nice(line, "vrrp", cx).or(global.vrrp_nice);
}

fn vrrp_rt_priority(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.vrrp_rt_priority = process::rt_priority(line, "vrrp", cx).or(global.vrrp_rt_priority);
}

fn vrrp_rlimit_rttime(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.vrrp_rlimit_rttime = process::rlimit_rttime(line, "vrrp", cx).or(global.vrrp_rlimit_rttime);
}

fn vrrp_cpu_affinity(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    process::processors(line, "vrrp", &mut global.vrrp_processors, cx);
}

fn min_auto_priority_delay(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let Some(text) = parameter(line, cx, "min_auto_priority_delay requires delay time") else { return };
    match cx.unsigned(line.span, &text, 1, 10_000_000) {
        Some(micros) => global.min_auto_priority_delay = Some(micros),
        None => {
            let text = format!("min_auto_priority_delay '{text}' must be in [1, 10000000] - ignoring");
            cx.warn(line.span, "max-auto-priority", text);
        }
    }
}

fn process_names(global: &mut GlobalDecl, _: &Statement, _: &mut Cx<'_>) {
    global.process_name.get_or_insert_with(|| "keepalived".to_owned());
    global.vrrp_process_name.get_or_insert_with(|| "keepalived_vrrp".to_owned());
    global.bfd.name.get_or_insert_with(|| "keepalived_bfd".to_owned());
}

fn process_name(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.process_name = Some(process::name(line, cx));
}

fn vrrp_process_name(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.vrrp_process_name = Some(process::name(line, cx));
}

fn default_interface(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let Some(name) = parameter(line, cx, "default_interface requires interface name") else { return };
    global.default_interface = Some(name.clone());
    cx.default_interface = Some(name);
}

fn vrrp_iptables(_: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    cx.warn(
        line.span,
        "iptables",
        "iptables not supported, using nftables instead. Please replace 'vrrp_iptables and 'vrrp_ipsets' with 'nftables' config option",
    );
}

const fn kw(
    name: &'static str,
    parameters: usize,
    set: fn(&mut GlobalDecl, &Statement, &mut Cx<'_>),
    doc: &'static str,
) -> Keyword<GlobalDecl> {
    Keyword { name, parameters, set: Set::Custom(set), doc }
}

const fn switch(
    name: &'static str,
    field: fn(&mut GlobalDecl) -> &mut Option<bool>,
    bad: &'static str,
    doc: &'static str,
) -> Keyword<GlobalDecl> {
    Keyword { name, parameters: 0, set: Set::Bool { field, bad }, doc }
}

const fn count(
    name: &'static str,
    field: fn(&mut GlobalDecl) -> &mut Option<u32>,
    bad: &'static str,
    doc: &'static str,
) -> Keyword<GlobalDecl> {
    Keyword { name, parameters: 1, set: Set::Unsigned { field, min: 0, max: u32::MAX, bad }, doc }
}

const fn at_least_one(
    name: &'static str,
    field: fn(&mut GlobalDecl) -> &mut Option<u32>,
    bad: &'static str,
    zero: &'static str,
    doc: &'static str,
) -> Keyword<GlobalDecl> {
    Keyword { name, parameters: 1, set: Set::AtLeastOne { field, bad, zero }, doc }
}

const PROCESS: &[Keyword<GlobalDecl>] = &[
    kw("router_id", 0, router_id, "Name of this machine; the host name."),
    kw("script_user", 0, script_user, "User and group that scripts run as."),
    kw(
        "enable_script_security",
        0,
        enable_script_security,
        "Do not run scripts that others than root can change.",
    ),
    Keyword {
        name: "use_symlink_paths",
        parameters: 0,
        set: Set::Bool {
            field: |g| &mut g.use_symlink_paths,
            bad: "Invalid value '{v}' for global use_symlink_path specified",
        },
        doc: "Run scripts by the path as written, not by the real one.",
    },
    kw(
        "max_auto_priority",
        0,
        max_auto_priority,
        "Highest real-time priority that the VRRP process takes when it runs late; 0 for none.",
    ),
    kw(
        "min_auto_priority_delay",
        0,
        min_auto_priority_delay,
        "Microseconds that a timer may be late before that; 1000000.",
    ),
    kw("process_names", 0, process_names, "Name the processes keepalived, keepalived_vrrp."),
    kw("process_name", 1, process_name, "Name of the parent process."),
    kw("vrrp_process_name", 1, vrrp_process_name, "Name of the VRRP process."),
    kw("vrrp_priority", 0, vrrp_priority, "Nice value of the VRRP process, -20 to 19."),
    Keyword {
        name: "vrrp_no_swap",
        parameters: 0,
        set: Set::Flag(|g| &mut g.vrrp_no_swap),
        doc: "Keep the VRRP process in RAM.",
    },
    kw("vrrp_rt_priority", 0, vrrp_rt_priority, "Real-time priority of the VRRP process, 1 to 99."),
    kw(
        "vrrp_rlimit_rttime",
        1,
        vrrp_rlimit_rttime,
        "Microseconds that it may then run without blocking; 10000.",
    ),
    kw("vrrp_rlimit_rtime", 1, vrrp_rlimit_rttime, "Former name of vrrp_rlimit_rttime."),
    kw("vrrp_cpu_affinity", 0, vrrp_cpu_affinity, "Processors of the VRRP process."),
    kw("default_interface", 0, default_interface, "Interface of static addresses without dev."),
];

const VRRP: &[Keyword<GlobalDecl>] = &[
    kw("vrrp_version", 1, version, "VRRP version of instances without their own, 2 or 3; 2."),
    kw("vrrp_mcast_group4", 1, mcast_group4, "Multicast group for IPv4; 224.0.0.18."),
    kw("vrrp_mcast_group6", 1, mcast_group6, "Multicast group for IPv6; ff02::12."),
    Keyword {
        name: "vrrp_garp_master_delay",
        parameters: 1,
        set: Set::Unsigned {
            field: |g| &mut g.garp.master_delay,
            min: 0,
            max: DELAY_MAX,
            bad: "vrrp_garp_master_delay '{v}' invalid - ignoring",
        },
        doc: "Seconds to the second burst of gratuitous ARPs; 5.",
    },
    at_least_one(
        "vrrp_garp_master_repeat",
        |g| &mut g.garp.master_repeat,
        "vrrp_garp_master_repeat '{v}' invalid - ignoring",
        "vrrp_garp_master_repeat must be greater than 0, setting to 1",
        "Gratuitous ARPs of a burst; 5.",
    ),
    count(
        "vrrp_garp_master_refresh",
        |g| &mut g.garp.master_refresh,
        "Invalid vrrp_garp_master_refresh '{v}' - ignoring",
        "Seconds between refreshing bursts; 0 for none.",
    ),
    at_least_one(
        "vrrp_garp_master_refresh_repeat",
        |g| &mut g.garp.master_refresh_repeat,
        "vrrp_garp_master_refresh_repeat '{v}' invalid - ignoring",
        "vrrp_garp_master_refresh_repeat must be greater than 0, setting to 1",
        "Gratuitous ARPs of a refreshing burst; 1.",
    ),
    Keyword {
        name: "vrrp_garp_lower_prio_delay",
        parameters: 1,
        set: Set::Unsigned {
            field: |g| &mut g.garp.lower_prio_delay,
            min: 0,
            max: DELAY_MAX,
            bad: "vrrp_garp_lower_prio_delay '{v}' invalid - ignoring",
        },
        doc: "Seconds to the second burst after an advert of a lower priority; vrrp_garp_master_delay.",
    },
    Keyword {
        name: "vrrp_garp_lower_prio_repeat",
        parameters: 1,
        set: Set::Unsigned {
            field: |g| &mut g.garp.lower_prio_repeat,
            min: 0,
            max: REPEATS_MAX,
            bad: "Invalid vrrp_garp_lower_prio_repeat '{v}'",
        },
        doc: "Gratuitous ARPs of such a burst; vrrp_garp_master_repeat.",
    },
    kw("vrrp_garp_interval", 1, garp_interval, "Least seconds between two gratuitous ARPs on an interface."),
    kw("vrrp_gna_interval", 1, gna_interval, "Least seconds between two unsolicited neighbour adverts."),
    kw("vrrp_min_garp", 0, min_garp, "One gratuitous ARP and no second burst."),
    Keyword {
        name: "vrrp_down_timer_adverts",
        parameters: 1,
        set: Set::Unsigned {
            field: |g| &mut g.down_timer_adverts,
            min: 1,
            max: 100,
            bad: "Invalid vrrp_down_timer_adverts [1:100] '{v}'",
        },
        doc: "Adverts missed until a master counts as down; 3.",
    },
    switch(
        "vrrp_lower_prio_no_advert",
        |g| &mut g.lower_prio_no_advert,
        "Invalid value for vrrp_lower_prio_no_advert specified",
        "Do not answer adverts of a lower priority.",
    ),
    switch(
        "vrrp_higher_prio_send_advert",
        |g| &mut g.higher_prio_send_advert,
        "Invalid value for vrrp_higher_prio_send_advert specified",
        "Answer an advert of a higher priority.",
    ),
    switch(
        "vrrp_skip_check_adv_addr",
        |g| &mut g.skip_check_adv_addr,
        "Invalid value '{v}' for global vrrp_check_adv_addr specified",
        "Do not compare the addresses of every advert of the same master.",
    ),
    switch(
        "vrrp_owner_ignore_adverts",
        |g| &mut g.owner_ignore_adverts,
        "Invalid value 'vrrp_owner_ignore_adverts' for global {v} specified",
        "Address owners ignore adverts.",
    ),
    switch(
        "v3_checksum_as_v2",
        |g| &mut g.v3_checksum_as_v2,
        "Invalid value '{v}' for global v3_checksum_as_v2 specified",
        "No pseudo header in VRRPv3 checksums over IPv4.",
    ),
    Keyword {
        name: "vrrp_check_unicast_src",
        parameters: 0,
        set: Set::Flag(|g| &mut g.check_unicast_src),
        doc: "Drop unicast adverts of others than the peers.",
    },
    kw("vrrp_startup_delay", 1, startup_delay, "Seconds after start during which adverts are ignored."),
    Keyword {
        name: "log_unknown_vrids",
        parameters: 0,
        set: Set::Flag(|g| &mut g.log_unknown_vrids),
        doc: "Log adverts of a VRID that no instance has.",
    },
    kw("vrrp_iptables", 0, vrrp_iptables, "Not supported by the reference's package either."),
];

const REFUSED: &[Keyword<GlobalDecl>] = &refused![
    "lvs_timeouts",
    "lvs_flush",
    "lvs_flush_on_stop",
    "lvs_flush_onstop",
    "lvs_sync_daemon",
    "nftables_ipvs",
    "nftables_ipvs_priority",
    "nftables_ipvs_start_fwmark",
    "lvs_notify_fifo",
    "lvs_notify_fifo_script",
    "enable_snmp_checker",
];

pub(crate) const TABLES: [&[Keyword<GlobalDecl>]; 7] =
    [process::BFD, PROCESS, daemon::DAEMON, mail::MAIL, VRRP, network::GLOBAL, REFUSED];
