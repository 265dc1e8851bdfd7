//! Processes, mail, FIFOs and dump files: defaults, and whether their scripts can run.

use std::path::PathBuf;
use std::time::Duration;

use crate::declared::{CommandDecl, FifoDecl, GlobalDecl};
use crate::message::Scope;
use crate::resolved::{
    Daemon, Dbus, Dumps, Fifo, Identity, Inherited, Mail, OneShot, ReloadCheck, ReloadFile, StatusSocket,
    User,
};

use super::Resolver;

/// How long a startup or shutdown script may take.
const SCRIPT_TIMEOUT: u32 = 10;

/// What tells daemons apart, which is needed whatever else is wrong.
pub(crate) fn identity(declared: &GlobalDecl) -> Identity {
    let daemon = &declared.daemon;
    Identity {
        net_namespace: daemon.net_namespace.clone(),
        instance: daemon.instance.clone(),
        use_pid_dir: daemon.use_pid_dir,
    }
}

pub(super) fn resolve(declared: &GlobalDecl, rx: &mut Resolver<'_>) -> Daemon {
    let daemon = &declared.daemon;
    let host = rx.system.host_name().to_string_lossy().into_owned();
    let mail = &daemon.mail;
    let (startup, shutdown) = one_shots(declared, rx);
    Daemon {
        mail: Mail {
            server: mail.server.clone(),
            helo: mail.helo.clone().unwrap_or_else(|| host.clone()),
            connect_timeout: mail.connect_timeout.unwrap_or(Mail::default().connect_timeout),
            from: mail.from.clone().unwrap_or_else(|| format!("{}@{host}", rx.system.own_name())),
            to: mail.to.clone(),
            faults: !mail.no_faults,
            alert: mail.alert,
            alert_vrrp: mail.alert_vrrp,
            alert_checker: mail.alert_checker,
        },
        startup,
        shutdown,
        fifo: fifo(&daemon.fifo, rx),
        vrrp_fifo: fifo(&daemon.vrrp_fifo, rx),
        status_socket: daemon.status_socket.path.as_ref().map(|path| StatusSocket {
            path: PathBuf::from(path),
            user: daemon.status_socket.user.unwrap_or_else(|| rx.system.own_user()),
        }),
        fifo_states_on_reload: daemon.fifo_states_on_reload,
        notify_priority_changes: daemon.notify_priority_changes.unwrap_or(false),
        umask: daemon.umask,
        reload_check: daemon.reload_check.clone().map(|log| ReloadCheck { log: log.map(PathBuf::from) }),
        reload_time_file: daemon.reload_time_file.clone().map(PathBuf::from),
        reload_repeat: daemon.reload_repeat,
        reload_file: daemon.reload_file.clone().map(|path| ReloadFile { path: path.map(PathBuf::from) }),
        dumps: Dumps {
            use_instance: daemon.data_use_instance.unwrap_or(false),
            json_version: daemon.json_version.unwrap_or(1),
            state: daemon.state_dump_file.clone(),
            stats: daemon.stats_dump_file.clone(),
            json: daemon.json_dump_file.clone(),
        },
        process_monitor_buffer: daemon
            .process_monitor_buffer
            .filter(|bytes| *bytes > 0)
            .map(|bytes| (bytes, daemon.process_monitor_force.unwrap_or(false))),
        dbus: daemon.enable_dbus.then(|| Dbus {
            service_name: daemon
                .dbus_service_name
                .clone()
                .unwrap_or_else(|| "org.keepalived.Vrrp1".to_owned()),
            no_interface_name: daemon.dbus_no_interface_name.clone().unwrap_or_else(|| "none".to_owned()),
        }),
        snmp: daemon.snmp.clone(),
        config_save_dir: daemon.config_save_dir.clone().map(PathBuf::from),
        iproute: daemon.iproute.clone(),
        identity: identity(declared),
        inherited: inherited(declared),
    }
}

/// The parent checks and runs these.
fn one_shots(declared: &GlobalDecl, rx: &mut Resolver<'_>) -> (Option<OneShot>, Option<OneShot>) {
    let daemon = &declared.daemon;
    let around = (std::mem::replace(&mut rx.scope, Scope::Parent), rx.any_script, rx.any_insecure);
    (rx.any_script, rx.any_insecure) = (false, false);
    let one = |command: &Option<CommandDecl>, timeout: Option<u32>, rx: &mut Resolver<'_>| {
        let command = command.as_ref().and_then(|c| rx.script(&c.words, c.user).0)?;
        let timeout = Duration::from_secs(timeout.unwrap_or(SCRIPT_TIMEOUT).into());
        Some(OneShot { command, timeout })
    };
    let startup = one(&daemon.startup_script, daemon.startup_timeout, rx);
    let shutdown = one(&daemon.shutdown_script, daemon.shutdown_timeout, rx);
    rx.security_verdict("start/shutdown scripts");
    (rx.scope, rx.any_script, rx.any_insecure) = around;
    (startup, shutdown)
}

fn fifo(declared: &FifoDecl, rx: &mut Resolver<'_>) -> Option<Fifo> {
    // One without a FIFO to read is never run, and is judged all the same.
    let script = declared.script.as_ref().and_then(|c| rx.script(&c.words, c.user).0);
    let path = PathBuf::from(declared.path.as_ref()?);
    let user = declared.user.unwrap_or_else(|| rx.system.own_user());
    Some(Fifo { path, user: User { ..user }, script })
}

fn inherited(declared: &GlobalDecl) -> Inherited {
    let garp = &declared.garp;
    Inherited {
        keep_symlinks: declared.use_symlink_paths == Some(true),
        default_interface: declared.default_interface.clone(),
        garp_delay: garp.master_delay,
        garp_repeat: garp.master_repeat,
        garp_refresh: garp.master_refresh,
        garp_refresh_repeat: garp.master_refresh_repeat,
        garp_lower_prio_delay: garp.lower_prio_delay,
        garp_lower_prio_repeat: garp.lower_prio_repeat,
        down_timer_adverts: declared.down_timer_adverts,
        lower_prio_no_advert: declared.lower_prio_no_advert.unwrap_or(false),
        higher_prio_send_advert: declared.higher_prio_send_advert.unwrap_or(false),
        version: declared.version,
        check_unicast_src: declared.check_unicast_src,
        skip_check_adv_addr: declared.skip_check_adv_addr.unwrap_or(false),
        strict: declared.network.strict.unwrap_or(false),
        v3_checksum_as_v2: declared.v3_checksum_as_v2.unwrap_or(false),
        owner_ignore_adverts: declared.owner_ignore_adverts.unwrap_or(false),
        garp_extra: declared.network.garp_extra,
        firewall: declared.network.nftables.as_ref().map(|table| declared.network.firewall(table.clone())),
        vmac_prefix: declared.network.vmac_prefix.clone(),
        vmac_addr_prefix: declared.network.vmac_addr_prefix.clone(),
        dbus_service_name: declared.daemon.dbus_service_name.clone(),
        dbus_no_interface_name: declared.daemon.dbus_no_interface_name.clone(),
    }
}
