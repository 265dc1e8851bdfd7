//! Processes, scripts, FIFOs, reload and dump files of `global_defs`.

use crate::declared::{CommandDecl, FifoDecl, GlobalDecl};
use crate::number::Rest;
use crate::registry::{Cx, Keyword, Set};
use crate::tree::Statement;

use super::super::vrrp_script::{named_user, notify_command};
use super::{kw, parameter, switch};
use crate::block::process;

/// `startup_script`, `shutdown_script`.
fn once(
    line: &Statement,
    cx: &mut Cx<'_>,
    slot: fn(&mut GlobalDecl) -> &mut Option<CommandDecl>,
    global: &mut GlobalDecl,
) {
    let what = if line.keyword() == "startup_script" { "startup" } else { "shutdown" };
    if line.words.len() < 2 {
        cx.warn(line.span, "script", format!("{what} script missing"));
        return;
    }
    if slot(global).is_some() {
        cx.warn(line.span, "script", format!("{what} script already specified"));
        return;
    }
    match notify_command(line, cx) {
        Some(command) => *slot(global) = Some(command),
        None => cx.warn(line.span, "script", format!("Invalid {what} script")),
    }
}

fn startup_script(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    once(line, cx, |g| &mut g.daemon.startup_script, global);
}

fn shutdown_script(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    once(line, cx, |g| &mut g.daemon.shutdown_script, global);
}

fn script_timeout(line: &Statement, cx: &mut Cx<'_>) -> Option<u32> {
    let keyword = line.keyword();
    let text = parameter(line, cx, &format!("{keyword} requires value"))?;
    let seconds = cx.unsigned(line.span, &text, 1, 1000);
    if seconds.is_none() {
        cx.warn(line.span, "script", format!("{keyword} '{text}' must be in [1, 1000] - ignoring"));
    }
    seconds
}

fn startup_timeout(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.daemon.startup_timeout = script_timeout(line, cx).or(global.daemon.startup_timeout);
}

fn shutdown_timeout(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.daemon.shutdown_timeout = script_timeout(line, cx).or(global.daemon.shutdown_timeout);
}

/// `notify_fifo NAME [USER [GROUP]]`.
fn fifo(fifo: &mut FifoDecl, line: &Statement, cx: &mut Cx<'_>) {
    let keyword = line.keyword();
    let Some(path) = parameter(line, cx, &format!("No {keyword} name specified")) else { return };
    if fifo.path.is_some() {
        cx.warn(line.span, "fifo", format!("{keyword} already specified - ignoring {path}"));
        return;
    }
    if line.words.len() > 2 {
        match named_user(line, 2, cx) {
            Some(user) => fifo.user = Some(user),
            None => {
                cx.remark(format!("Failed to set uid/gid for fifo {path} - ignoring"));
                return;
            }
        }
    }
    fifo.path = Some(path);
}

fn fifo_script(fifo: &mut FifoDecl, line: &Statement, cx: &mut Cx<'_>) {
    let keyword = line.keyword();
    let Some(path) = parameter(line, cx, &format!("No {keyword} specified")) else { return };
    if fifo.script.is_some() {
        cx.warn(line.span, "fifo", format!("{keyword} already specified - ignoring {path}"));
        return;
    }
    fifo.script = notify_command(line, cx);
}

fn notify_fifo(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    fifo(&mut global.daemon.fifo, line, cx);
}

fn notify_fifo_script(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    fifo_script(&mut global.daemon.fifo, line, cx);
}

fn vrrp_notify_fifo(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    fifo(&mut global.daemon.vrrp_fifo, line, cx);
}

fn vrrp_notify_fifo_script(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    fifo_script(&mut global.daemon.vrrp_fifo, line, cx);
}

fn status_socket(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    fifo(&mut global.daemon.status_socket, line, cx);
}

/// A number in any of C's notations, or names of bits.
fn umask(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    if line.words.len() > 2 {
        return cx.warn(line.span, "umask", "Extra parameter(s) to umask option");
    }
    let mask = if text.starts_with(|c: char| c.is_ascii_digit()) {
        match c_number(&text).filter(|mask| *mask <= 0o777) {
            Some(mask) => mask,
            None => return cx.warn(line.span, "umask", format!("invalid umask value {text}")),
        }
    } else {
        let mut mask = 0;
        for name in text.split('|') {
            if name.is_empty() {
                return cx.warn(line.span, "umask", "umask missing bit value");
            }
            match mode_bit(name) {
                Some(bits) => mask |= bits,
                None => return cx.warn(line.span, "umask", format!("Unknown umask bit {name}")),
            }
        }
        mask
    };
    global.daemon.umask = Some(mask);
}

fn c_number(text: &str) -> Option<u32> {
    if let Some(digits) = text.strip_prefix("0x") {
        u32::from_str_radix(digits, 16).ok()
    } else if text.len() > 1 && text.starts_with('0') {
        u32::from_str_radix(text, 8).ok()
    } else {
        text.parse().ok()
    }
}

fn mode_bit(name: &str) -> Option<u32> {
    Some(match name {
        "IRUSR" => 0o400,
        "IWUSR" => 0o200,
        "IXUSR" => 0o100,
        "IRGRP" => 0o040,
        "IWGRP" => 0o020,
        "IXGRP" => 0o010,
        "IROTH" => 0o004,
        "IWOTH" => 0o002,
        "IXOTH" => 0o001,
        "IRWXU" => 0o700,
        "IRWXG" => 0o070,
        "IRWXO" => 0o007,
        _ => return None,
    })
}

fn random_seed(_: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    // It took effect while the files were read: every `${_RANDOM}` after it.
    let text = line.text(1).unwrap_or_default();
    if cx.strict_unsigned(line.span, &text, 0, u32::MAX).is_none() {
        cx.warn(line.span, "random-seed", format!("random_seed {text} invalid"));
    }
}

fn include_check(_: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    // It took effect while the files were read.
    let mut seen = Vec::new();
    for word in line.words.iter().skip(1) {
        let word = word.lossy();
        let name = word.strip_prefix(['+', '-']).unwrap_or(&word);
        if !matches!(name, "readable" | "match" | "wildcard_match" | "brace_match") {
            let text = format!("Unknown include_check type '{name}' - ignoring");
            cx.warn(line.span, "include-check", text);
        } else if seen.iter().any(|s| s == name) {
            let text = format!("Duplicate include_check '{word}' specified - ignoring");
            cx.warn(line.span, "include-check", text);
        } else {
            seen.push(name.to_owned());
        }
    }
}

fn reload_check_config(global: &mut GlobalDecl, line: &Statement, _: &mut Cx<'_>) {
    global.daemon.reload_check = Some(line.text(1));
}

fn reload_time_file(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    match line.text(1).filter(|_| line.words.len() == 2) {
        Some(path) if path.starts_with('/') => global.daemon.reload_time_file = Some(path),
        Some(path) => {
            let text = format!("reload_time_file '{path}' must be an absolute path - ignoring");
            cx.warn(line.span, "reload", text);
        }
        None => cx.warn(line.span, "reload", "reload_time_file invalid"),
    }
}

fn reload_file(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    match line.text(1) {
        Some(path) if !path.starts_with('/') => {
            cx.warn(line.span, "reload", format!("reload_file '{path}' must be an absolute path - ignoring"));
        }
        path => global.daemon.reload_file = Some(path),
    }
}

fn json_version(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let Some(text) = parameter(line, cx, "json_version requires version") else { return };
    match cx.unsigned(line.span, &text, 1, 2) {
        Some(version) => global.daemon.json_version = Some(version),
        None => cx.warn(line.span, "json-version", "Invalid JSON version"),
    }
}

fn dump_file(line: &Statement, cx: &mut Cx<'_>) -> Option<String> {
    let missing = format!("{} requires a non-empty path", line.keyword());
    if line.words.len() != 2 || line.text(1).is_some_and(|path| path.is_empty()) {
        cx.warn(line.span, "missing-parameter", missing);
        return None;
    }
    line.text(1)
}

fn state_dump_file(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.daemon.state_dump_file = dump_file(line, cx);
}

fn stats_dump_file(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.daemon.stats_dump_file = dump_file(line, cx);
}

fn json_dump_file(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    global.daemon.json_dump_file = dump_file(line, cx);
}

fn process_monitor_rcv_bufs(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let Some(text) = parameter(line, cx, "process_monitor_rcv_bufs size missing") else { return };
    match cx.strict_unsigned(line.span, &text, 0, u32::MAX) {
        Some(bytes) => global.daemon.process_monitor_buffer = Some(bytes),
        None => cx.warn(line.span, "buffer", format!("process_monitor_rcv_bufs size ({text}) invalid")),
    }
}

fn config_save_dir(global: &mut GlobalDecl, line: &Statement, _: &mut Cx<'_>) {
    global.daemon.config_save_dir = line.text(1);
}

/// Where names of tables, scopes and so on stand. They count from here on.
fn iproute_dir(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let keyword = line.keyword();
    let path = line.text(1).filter(|_| line.words.len() == 2);
    let Some(path) = path else {
        cx.warn(line.span, "missing-parameter", format!("{keyword} requires path"));
        return;
    };
    let directory = if keyword == "iproute_usr_dir" { &mut cx.iproute.usr } else { &mut cx.iproute.etc };
    *directory = path;
    global.daemon.iproute = cx.iproute.clone();
}

fn dbus_service_name(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let Some(text) = parameter(line, cx, "dbus_service_name missing - ignoring") else { return };
    if is_bus_name(&text) {
        global.daemon.dbus_service_name = Some(text);
    } else {
        cx.warn(line.span, "dbus", format!("dbus_service_name '{text}' is not a name of a bus - ignoring"));
    }
}

/// Two or more elements of letters, digits, `_` and `-`, none of which begins with a digit. D-Bus Specification, "Bus names".
fn is_bus_name(text: &str) -> bool {
    let is_element = |element: &str| {
        !element.is_empty()
            && !element.starts_with(|c: char| c.is_ascii_digit())
            && element.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    text.len() <= 255 && text.contains('.') && text.split('.').all(is_element)
}

fn dbus_no_interface_name(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let name = parameter(line, cx, "dbus_no_interface_name missing - ignoring");
    global.daemon.dbus_no_interface_name = name.filter(|name| !name.is_empty());
}

/// Settings of a copy of the configuration that this program does not write.
fn tmp_config_directory(_: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    if parameter(line, cx, "tmp_config_directory missing directory name").is_some() {
        cx.no_effect(line.span, "tmp_config_directory", "no copy of the configuration is written");
    }
}

/// Settings of the checker process, which is started for virtual servers only; those are refused. Values are checked.
fn no_checker(_: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let keyword = line.keyword();
    let value = line.text(1);
    let text = value.clone().unwrap_or_default();
    let fine = match keyword.as_str() {
        "checker_process_name" | "lvs_process_name" => {
            process::name(line, cx);
            true
        }
        "checker_priority" => match parameter(line, cx, "No checker process priority specified") {
            Some(text) if cx.signed(line.span, &text, -20, 19).is_none() => {
                cx.warn(line.span, "priority", "Invalid checker process priority specified");
                false
            }
            given => given.is_some(),
        },
        "checker_rt_priority" => checker_rt_priority(line, cx),
        "checker_cpu_affinity" => {
            let mut processors = Vec::new();
            process::processors(line, "checker", &mut processors, cx);
            !processors.is_empty()
        }
        "checker_rlimit_rttime" | "checker_rlimit_rtime" => {
            let fine = cx.unsigned(line.span, &text, 1, u32::MAX).is_some();
            if !fine {
                cx.warn(line.span, "limit", format!("Invalid checker real-time limit - {text}"));
            }
            fine
        }
        "checker_no_swap" => true,
        _ if keyword.ends_with("_rcv_bufs") => {
            let missing = format!("{keyword} size missing");
            match parameter(line, cx, &missing) {
                Some(text) if cx.strict_unsigned(line.span, &text, 0, u32::MAX).is_none() => {
                    cx.warn(line.span, "buffer", format!("{keyword} size ({text}) invalid"));
                    false
                }
                given => given.is_some(),
            }
        }
        _ => {
            let fine = value.as_deref().is_none_or(|text| crate::number::boolean(text).is_some());
            if !fine {
                let text = if keyword == "checker_log_all_failures" {
                    "Invalid value for checker_log_all_failures specified".to_owned()
                } else {
                    format!("Invalid value '{text}' for global {keyword} specified")
                };
                cx.warn(line.span, "boolean", text);
            }
            fine
        }
    };
    if fine {
        cx.no_effect(line.span, &keyword, "there is no checker process");
    }
}

fn checker_rt_priority(line: &Statement, cx: &mut Cx<'_>) -> bool {
    let Some(text) = parameter(line, cx, "No checker process real-time priority specified") else {
        return false;
    };
    let Some(priority) = cx.signed(line.span, &text, i32::MIN, i32::MAX) else {
        cx.warn(line.span, "priority", format!("checker process real-time priority '{text}' invalid"));
        return false;
    };
    let (bound, kept, what) = match priority {
        ..1 => ("less than minimum", 1, "minimum"),
        1..=99 => return true,
        100.. => ("greater than maximum", 99, "maximum"),
    };
    let text = format!("checker process real-time priority {priority} {bound} {kept} - setting to {what}");
    cx.warn(line.span, "priority", text);
    true
}

/// `enable_snmp_rfc`: both of them.
fn snmp_rfc(global: &mut GlobalDecl, _: &Statement, _: &mut Cx<'_>) {
    (global.daemon.snmp.rfcv2, global.daemon.snmp.rfcv3) = (true, true);
}

fn snmp_socket(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let Some(text) = parameter(line, cx, "SNMP error : snmp socket name missing") else { return };
    if line.words.len() > 2 {
        cx.warn(line.span, "snmp", "Too many parameters specified for snmp_socket - ignoring");
        return;
    }
    // AgentX needs a stream; net-snmp has names for transports that are none.
    match text.split_once(':') {
        Some((transport, _)) if NO_STREAMS.contains(&transport) => {
            cx.not_implemented(line.span, &format!("snmp_socket {transport}:"));
        }
        Some(_) | None => global.daemon.snmp.socket = Some(text),
    }
}

/// Transports of net-snmp that `snmp_socket` may not have.
const NO_STREAMS: [&str; 9] = ["udp", "udp6", "udpv6", "ssh", "tlstcp", "dtlsudp", "ipx", "aal5pvc", "alias"];

/// What the checker process would need.
fn snmp_interval(_: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let keyword = line.keyword();
    let text = line.text(1).unwrap_or_default();
    if cx.seconds(line.span, &text, 1_000, 30_000_000, Rest::Refused).is_some() {
        cx.no_effect(line.span, &keyword, "there is no checker process");
    } else {
        // The reference says `vs` of both.
        let text = format!("snmp stats vs update interval '{text}' invalid - ignoring");
        cx.warn(line.span, "interval", text);
    }
}

const fn tuning(
    name: &'static str,
    parameters: usize,
    set: fn(&mut GlobalDecl, &Statement, &mut Cx<'_>),
) -> Keyword<GlobalDecl> {
    kw(name, parameters, set, "Of no effect, with a notice: what it tunes is not there.")
}

pub(super) const DAEMON: &[Keyword<GlobalDecl>] = &[
    kw("startup_script", 0, startup_script, "Run before any child process starts."),
    kw("startup_script_timeout", 0, startup_timeout, "Seconds it may take; 10."),
    kw("shutdown_script", 0, shutdown_script, "Run when all child processes have ended."),
    kw("shutdown_script_timeout", 0, shutdown_timeout, "Seconds it may take; 10."),
    kw("notify_fifo", 0, notify_fifo, "FIFO that changes of state are written to."),
    kw("notify_fifo_script", 0, notify_fifo_script, "Run with the FIFO's path to read it."),
    kw("vrrp_notify_fifo", 0, vrrp_notify_fifo, "FIFO that changes of instances and groups are written to."),
    kw("vrrp_notify_fifo_script", 0, vrrp_notify_fifo_script, "Run with that FIFO's path to read it."),
    kw(
        "status_socket",
        0,
        status_socket,
        "Not in the reference: a Unix socket that answers GET /status and GET /metrics.",
    ),
    Keyword {
        name: "fifo_write_vrrp_states_on_reload",
        parameters: 0,
        set: Set::Flag(|g| &mut g.daemon.fifo_states_on_reload),
        doc: "Write every state to the FIFOs after a reload.",
    },
    switch(
        "vrrp_notify_priority_changes",
        |g| &mut g.daemon.notify_priority_changes,
        "Invalid value '{v}' for global vrrp_notify_priority_changes specified",
        "Write changes of the effective priority to the FIFOs.",
    ),
    kw("umask", 1, umask, "What is taken from the mode of new files, as a number or names of bits; 0177."),
    kw("random_seed", 1, random_seed, "Makes ${_RANDOM} give the same numbers each time."),
    kw("include_check", 0, include_check, "What a missing included file means from here on."),
    kw(
        "reload_check_config",
        0,
        reload_check_config,
        "Test a new configuration in a process of its own first.",
    ),
    kw("reload_time_file", 0, reload_time_file, "A file with the time of the next reload."),
    Keyword {
        name: "reload_repeat",
        parameters: 0,
        set: Set::Flag(|g| &mut g.daemon.reload_repeat),
        doc: "Keep that file; a time without date is for every day.",
    },
    kw("reload_file", 0, reload_file, "A file that exists while the configuration is read."),
    kw("json_version", 0, json_version, "Layout of the JSON dump, 1 or 2; 1."),
    switch(
        "data_use_instance",
        |g| &mut g.daemon.data_use_instance,
        "Invalid value '{v}' for global date_use_instance specified",
        "Names of dump files hold the namespace and the instance.",
    ),
    kw("state_dump_file", 0, state_dump_file, "Where SIGUSR1 writes; a directory when it ends in /."),
    kw("stats_dump_file", 0, stats_dump_file, "Where SIGUSR2 writes, likewise."),
    kw("json_dump_file", 0, json_dump_file, "Where the JSON signal writes, likewise."),
    kw(
        "process_monitor_rcv_bufs",
        0,
        process_monitor_rcv_bufs,
        "Bytes of the receive buffer for process events.",
    ),
    switch(
        "process_monitor_rcv_bufs_force",
        |g| &mut g.daemon.process_monitor_force,
        "Invalid value '{v}' for global process_monitor_rcv_bufs_force specified",
        "That buffer may pass the system's limit.",
    ),
    Keyword {
        name: "enable_dbus",
        parameters: 0,
        set: Set::Flag(|g| &mut g.daemon.enable_dbus),
        doc: "Serve org.keepalived.Vrrp1 on the system bus.",
    },
    kw("dbus_service_name", 0, dbus_service_name, "Its name there; org.keepalived.Vrrp1."),
    kw(
        "dbus_no_interface_name",
        0,
        dbus_no_interface_name,
        "What paths have for instances without interface; none.",
    ),
    Keyword {
        name: "enable_snmp_vrrp",
        parameters: 0,
        set: Set::Flag(|g| &mut g.daemon.snmp.keepalived),
        doc: "Tell an SNMP agent of the global and vrrp groups of KEEPALIVED-MIB.",
    },
    Keyword {
        name: "enable_snmp_keepalived",
        parameters: 0,
        set: Set::Flag(|g| &mut g.daemon.snmp.keepalived),
        doc: "The same: there is no checker process.",
    },
    kw("enable_snmp_rfc", 0, snmp_rfc, "Tell an SNMP agent of VRRP-MIB and VRRPV3-MIB."),
    Keyword {
        name: "enable_snmp_rfcv2",
        parameters: 0,
        set: Set::Flag(|g| &mut g.daemon.snmp.rfcv2),
        doc: "VRRP-MIB, RFC 2787.",
    },
    Keyword {
        name: "enable_snmp_rfcv3",
        parameters: 0,
        set: Set::Flag(|g| &mut g.daemon.snmp.rfcv3),
        doc: "VRRPV3-MIB, RFC 6527.",
    },
    Keyword {
        name: "enable_traps",
        parameters: 0,
        set: Set::Flag(|g| &mut g.daemon.snmp.traps),
        doc: "Send traps about changes of state and errors of adverts.",
    },
    kw("snmp_socket", 0, snmp_socket, "The agent: unix:PATH, PATH, tcp:HOST:PORT; unix:/var/agentx/master."),
    kw(
        "config_save_dir",
        1,
        config_save_dir,
        "Where the configuration and the state are kept at each reload.",
    ),
    kw("iproute_usr_dir", 0, iproute_dir, "Where iproute2 has its own names; /usr/share/iproute2."),
    kw("iproute_etc_dir", 0, iproute_dir, "Where the administrator has further names; /etc/iproute2."),
    tuning("tmp_config_directory", 0, tmp_config_directory),
    tuning("checker_process_name", 1, no_checker),
    tuning("lvs_process_name", 1, no_checker),
    tuning("checker_priority", 0, no_checker),
    tuning("checker_no_swap", 0, no_checker),
    tuning("checker_rt_priority", 0, no_checker),
    tuning("checker_cpu_affinity", 0, no_checker),
    tuning("checker_rlimit_rttime", 1, no_checker),
    tuning("checker_rlimit_rtime", 1, no_checker),
    tuning("checker_log_all_failures", 0, no_checker),
    tuning("rs_init_notifies", 0, no_checker),
    tuning("no_checker_emails", 0, no_checker),
    tuning("lvs_netlink_cmd_rcv_bufs", 0, no_checker),
    tuning("lvs_netlink_cmd_rcv_bufs_force", 0, no_checker),
    tuning("lvs_netlink_monitor_rcv_bufs", 0, no_checker),
    tuning("lvs_netlink_monitor_rcv_bufs_force", 0, no_checker),
    tuning("snmp_vs_stats_update_interval", 1, snmp_interval),
    tuning("snmp_rs_stats_update_interval", 1, snmp_interval),
];
