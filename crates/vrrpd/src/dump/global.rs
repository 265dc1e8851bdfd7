//! The first section of every .data file: `global_defs` as they were read.

use std::fmt::Write as _;

use keepalived_config::resolved::{
    Command, Config, Daemon, Fifo, GlobalDefs, Inherited, Process, ReceiveBuffer, Snmp,
};

/// Whose file it is: the parent knows no defaults that depend on others, and only it runs one-shot scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// keepalived_parent.data.
    Parent,
    /// keepalived.data.
    Vrrp,
}

macro_rules! line {
    ($text:expr, $($argument:tt)*) => {{ let _ = writeln!($text, $($argument)*); }};
}

/// The section, in the reference's order. What this implementation does not have is shown as off. `snmp` is what the
/// configuration and the command line want together.
pub fn global_definitions(config: &Config, reader: Reader, snmp: &Snmp) -> String {
    let mut text = String::new();
    let global = &config.global;
    processes(config, reader, &mut text);
    fifos(&global.daemon, reader, &mut text);
    vrrp(config, reader, &mut text);
    scheduling(global, &mut text);
    outside(&global.daemon, snmp, &mut text);
    tail(config, &mut text);
    text
}

fn processes(config: &Config, reader: Reader, t: &mut String) {
    let (global, network) = (&config.global, &config.network);
    let daemon = &global.daemon;
    let identity = &daemon.identity;
    line!(t, "------< Global definitions >------");
    if let Some(directory) = &daemon.config_save_dir {
        line!(t, " Config save dir = {}", directory.display());
    }
    line!(t, " Network namespace = {}", identity.net_namespace.as_deref().unwrap_or("(default)"));
    line!(t, " Network namespace ipvs = (main namespace)");
    if let Some(instance) = &identity.instance {
        line!(t, " Instance name = {instance}");
    }
    if identity.use_pid_dir {
        line!(t, " Use pid directory");
    }
    // `process_names` names the parent as it is named without.
    let parent = global.process_name.as_ref().filter(|name| *name != "keepalived");
    let names =
        [("Parent", parent), ("VRRP", global.vrrp_process_name.as_ref()), ("BFD", global.bfd.name.as_ref())];
    for (process, name) in names {
        if let Some(name) = name {
            line!(t, " {process} process name = {name}");
        }
    }
    let links = if daemon.inherited.keep_symlinks { "Keep" } else { "Replace" };
    line!(t, " {links} symlinks in script paths");
    line!(t, " Router ID = {}", global.router_id);
    mail(daemon, t);
    let alert = |alert: Option<bool>| match alert {
        None => "unset",
        Some(true) => "on",
        Some(false) => "off",
    };
    line!(t, " Default smtp_alert = {}", alert(daemon.mail.alert));
    line!(t, " Default smtp_alert_vrrp = {}", alert(daemon.mail.alert_vrrp));
    line!(t, " Default smtp_alert_checker = {}", alert(daemon.mail.alert_checker));
    line!(t, " Checkers log all failures = false");
    reload(daemon, t);
    line!(t, " keep script symlinks = {}", daemon.inherited.keep_symlinks);
    if daemon.dumps.use_instance {
        line!(t, " Use instance name in data dumps");
    }
    if reader == Reader::Parent {
        if let Some(script) = &daemon.startup {
            line!(t, " Startup script = {}, timeout {}", command(&script.command), script.timeout.as_secs());
        }
        if let Some(script) = &daemon.shutdown {
            line!(t, " Shutdown script = {} timeout {}", command(&script.command), script.timeout.as_secs());
        }
    }
    line!(t, " Dynamic interfaces = {}", network.dynamic_interfaces);
    if network.dynamic_interfaces {
        line!(t, " Allow interface changes = {}", network.allow_if_changes);
    }
    if !daemon.mail.faults {
        line!(t, " Send emails for fault transitions = off");
    }
    if reader == Reader::Vrrp {
        line!(t, " Default interface = {}", daemon.inherited.default_interface.as_deref().unwrap_or("eth0"));
    }
    line!(t, " Disable local IGMP = {}", yes(network.disable_local_igmp));
    line!(t, " Use VRRPv2 checksum for VRRPv3 IPv4 = {}", yes(daemon.inherited.v3_checksum_as_v2));
    line!(t, " LVS flush = false\n LVS flush on stop = disabled");
}

fn mail(daemon: &Daemon, t: &mut String) {
    let mail = &daemon.mail;
    let Some((server, port)) = &mail.server else { return };
    line!(t, " Smtp server = {server}");
    line!(t, " Smtp server port = {port}");
    line!(t, " Smtp HELO name = {}", mail.helo);
    line!(t, " Smtp server connection timeout = {}", mail.connect_timeout.as_secs());
    line!(t, " Email notification from = {}", mail.from);
    line!(t, " Email notification to:");
    for to in &mail.to {
        line!(t, "   {to}");
    }
}

fn reload(daemon: &Daemon, t: &mut String) {
    match &daemon.reload_check {
        None => {
            line!(t, " No test config before reload");
        }
        Some(check) => {
            let log = check.log.as_ref().map_or_else(|| "/dev/null".to_owned(), |p| p.display().to_string());
            line!(t, " Test config before reload, log to {log}");
        }
    }
    if let Some(path) = &daemon.reload_time_file {
        let repeat = if daemon.reload_repeat { " (repeat)" } else { "" };
        line!(t, " Reload time file = {}{repeat}", path.display());
        line!(t, " No reload scheduled");
    }
    if let Some(file) = &daemon.reload_file {
        let path =
            file.path.as_ref().map_or_else(|| "keepalived.reload".to_owned(), |p| p.display().to_string());
        line!(t, " Reload_file = {path}");
    }
}

fn fifos(daemon: &Daemon, reader: Reader, t: &mut String) {
    for (name, fifo) in [("Global", &daemon.fifo), ("VRRP", &daemon.vrrp_fifo)] {
        let Some(Fifo { path, user, script }) = fifo else { continue };
        line!(t, " {name} notify fifo = {}, uid:gid {}:{}", path.display(), user.uid, user.gid);
        if let Some(script) = script {
            let mut script = script.clone();
            if reader == Reader::Vrrp {
                script.argv.push(path.clone().into_os_string());
            }
            line!(t, " {name} notify fifo script = {}", command(&script));
        }
    }
    line!(t, " FIFO write vrrp states on reload = {}", daemon.fifo_states_on_reload);
    line!(t, " VRRP notify priority changes = {}", daemon.notify_priority_changes);
}

fn vrrp(config: &Config, reader: Reader, t: &mut String) {
    let global = &config.global;
    let own: &Inherited = &global.daemon.inherited;
    let delay = own.garp_delay.unwrap_or(5);
    let repeat = own.garp_repeat.unwrap_or(5);
    // The parent does not inherit.
    let unset = |value: u32| if reader == Reader::Parent { u32::MAX } else { value };
    line!(t, " VRRP IPv4 mcast group = {}", global.mcast_group4);
    line!(t, " VRRP IPv6 mcast group = {}", global.mcast_group6);
    line!(t, " Gratuitous ARP delay = {delay}");
    line!(t, " Gratuitous ARP repeat = {repeat}");
    line!(t, " Gratuitous ARP refresh timer = {}", own.garp_refresh.unwrap_or(0));
    line!(t, " Gratuitous ARP refresh repeat = {}", own.garp_refresh_repeat.unwrap_or(1));
    line!(t, " Gratuitous ARP lower priority delay = {}", own.garp_lower_prio_delay.unwrap_or(unset(delay)));
    line!(
        t,
        " Gratuitous ARP lower priority repeat = {}",
        own.garp_lower_prio_repeat.unwrap_or(unset(repeat))
    );
    line!(t, " Num adverts before down = {}", own.down_timer_adverts.unwrap_or(3));
    match &own.garp_extra {
        None => line!(t, " Gratuitous ARP for each secondary VMAC = 0s"),
        Some(extra) => {
            let which = if extra.all { "i/f" } else { "VMAC" };
            line!(t, " Gratuitous ARP for each secondary {which} = {}s", extra.interval.as_secs());
        }
    }
    line!(t, " Send advert after receive lower priority advert = {}", !own.lower_prio_no_advert);
    line!(t, " Send advert after receive higher priority advert = {}", own.higher_prio_send_advert);
    line!(t, " Gratuitous ARP interval = {:.6}", global.garp_interval.unwrap_or_default().as_secs_f64());
    line!(t, " Gratuitous NA interval = {:.6}", global.gna_interval.unwrap_or_default().as_secs_f64());
    line!(t, " VRRP default protocol version = {}", own.version.unwrap_or(2));
    // The parent does not know what instances need.
    let firewall =
        own.firewall.as_ref().or(config.network.firewall.as_ref().filter(|_| reader == Reader::Vrrp));
    if let Some(firewall) = firewall {
        line!(t, " nftables table name = {}", firewall.table);
        line!(t, " nftables base chain priority = {}", firewall.priority);
        let force = if firewall.by_index { "force" } else { "don't force" };
        line!(t, " nftables {force} use ifindex for link local IPv6");
    }
    let counters = if firewall.is_some_and(|firewall| firewall.counters) { "with" } else { "without" };
    line!(t, " nftables {counters} counters");
    line!(t, " VRRP check unicast_src = {}", own.check_unicast_src);
    line!(t, " VRRP skip check advert addresses = {}", own.skip_check_adv_addr);
    line!(t, " VRRP strict mode = {}", own.strict);
}

fn scheduling(global: &GlobalDefs, t: &mut String) {
    line!(t, " Max auto priority = {}", global.max_auto_priority.unwrap_or(0));
    line!(t, " Min auto priority delay = {} usecs", global.min_auto_priority_delay.as_micros());
    line!(t, " VRRP process priority = {}", global.vrrp_nice.unwrap_or(0));
    line!(t, " VRRP don't swap = {}", global.vrrp_no_swap);
    line!(t, " VRRP realtime priority = {}", global.vrrp_rt_priority.unwrap_or(0));
    if !global.vrrp_processors.is_empty() {
        let list: Vec<String> = global.vrrp_processors.iter().map(ToString::to_string).collect();
        line!(t, " VRRP CPU Affinity = {}", list.join(" "));
    }
    line!(t, " VRRP realtime limit = {}", global.vrrp_rlimit_rttime);
    for (process, settings) in [("Checker", &Process::default()), ("BFD", &global.bfd)] {
        line!(t, " {process} process priority = {}", settings.nice.unwrap_or(0));
        line!(t, " {process} don't swap = {}", settings.no_swap);
        line!(t, " {process} realtime priority = {}", settings.rt_priority.unwrap_or(0));
        if !settings.processors.is_empty() {
            let list: Vec<String> = settings.processors.iter().map(ToString::to_string).collect();
            line!(t, " {process} CPU Affinity = {}", list.join(" "));
        }
        line!(t, " {process} realtime limit = {}", settings.rlimit_rttime.unwrap_or(10_000));
    }
}

/// SNMP and D-Bus.
fn outside(daemon: &Daemon, snmp: &Snmp, t: &mut String) {
    for (name, on) in [
        ("vrrp", snmp.keepalived),
        ("checker", false),
        ("RFCv2", snmp.rfcv2),
        ("RFCv3", snmp.rfcv3),
        ("traps", snmp.traps),
    ] {
        line!(t, " SNMP {name} {}", if on { "enabled" } else { "disabled" });
    }
    line!(t, " SNMP socket = {}", snmp.socket.as_deref().unwrap_or("default (unix:/var/agentx/master)"));
    line!(t, " SNMP VS stats update interval = 5.000000\n SNMP RS stats update interval = 5.000000");
    let own = &daemon.inherited;
    line!(t, " DBus {}", if daemon.dbus.is_some() { "enabled" } else { "disabled" });
    line!(t, " DBus service name = {}", own.dbus_service_name.as_deref().unwrap_or_default());
    line!(t, " DBus no interface name = {}", own.dbus_no_interface_name.as_deref().unwrap_or("none"));
}

fn tail(config: &Config, t: &mut String) {
    let (global, network) = (&config.global, &config.network);
    let daemon = &global.daemon;
    line!(t, " Script security {}", if global.script_security { "enabled" } else { "disabled" });
    let user = global.script_user.unwrap_or_default();
    line!(t, " Default script uid:gid {}:{}", user.uid, user.gid);
    for (name, buffer) in [
        ("vrrp_netlink_cmd", network.command_buffer),
        ("vrrp_netlink_monitor", network.monitor_buffer),
        ("process_monitor", daemon.process_monitor_buffer),
        ("lvs_netlink_cmd", None),
        ("lvs_netlink_monitor", None),
    ] {
        let (bytes, force) = buffer.unwrap_or_default();
        line!(t, " {name}_rcv_bufs = {bytes}\n {name}_rcv_bufs_force = {}", u8::from(force));
    }
    line!(t, " rs_init_notifies = 0\n no_checker_emails = 0");
    if let Some((policy, _)) = &network.receive_buffer {
        match policy {
            ReceiveBuffer::Mtu => line!(t, " rx_bufs_policy = MTU"),
            ReceiveBuffer::Advert => line!(t, " rx_bufs_policy = ADVERT"),
            ReceiveBuffer::Bytes(bytes) => line!(t, " rx_bufs_size = {bytes}"),
        }
    }
    line!(t, " rx_bufs_multiples = {}", network.receive_buffer.as_ref().map_or(3, |(_, factor)| *factor));
    line!(t, " umask = 0{:o}", daemon.umask.unwrap_or(0o177));
    if !global.startup_delay.is_zero() {
        line!(t, " vrrp_startup_delay = {}", global.startup_delay.as_secs_f64());
    }
    if global.log_unknown_vrids {
        line!(t, " log_unknown_vrids");
    }
    let own = &daemon.inherited;
    if own.owner_ignore_adverts {
        line!(t, " vrrp_owner_ignore_adverts");
    }
    for (what, prefix) in [("VMAC", &own.vmac_prefix), ("VMAC address", &own.vmac_addr_prefix)] {
        if let Some(prefix) = prefix {
            line!(t, " {what} prefix = {prefix}");
        }
    }
    line!(t, " json_version {}", daemon.dumps.json_version);
    line!(t, " iproute usr directory {}\n iproute etc directory {}", daemon.iproute.usr, daemon.iproute.etc);
    for (name, file) in
        [("state", &daemon.dumps.state), ("stats", &daemon.dumps.stats), ("json", &daemon.dumps.json)]
    {
        if let Some(file) = file {
            line!(t, " {name} dump file {file}");
        }
    }
}

/// Words in quotes, then the user.
fn command(command: &Command) -> String {
    format!("{}, uid:gid {}:{}", super::data::quoted_command(command), command.user.uid, command.user.gid)
}

fn yes(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}
