//! What processes, mail, FIFOs and dump files run on. keepalived.conf(5), "GLOBAL CONFIGURATION".

use std::path::PathBuf;
use std::time::Duration;

use super::{Command, ExtraGarp, FirewallSettings, User};

/// Settings of the daemon besides those of instances.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Daemon {
    /// `notification_email`, `smtp_…`.
    pub mail: Mail,
    /// `startup_script`: run before any child starts.
    pub startup: Option<OneShot>,
    /// `shutdown_script`: run when all children have ended.
    pub shutdown: Option<OneShot>,
    /// `notify_fifo`.
    pub fifo: Option<Fifo>,
    /// `vrrp_notify_fifo`.
    pub vrrp_fifo: Option<Fifo>,
    /// `status_socket`.
    pub status_socket: Option<StatusSocket>,
    /// `fifo_write_vrrp_states_on_reload`.
    pub fifo_states_on_reload: bool,
    /// `vrrp_notify_priority_changes`, for dumps: each instance has its own.
    pub notify_priority_changes: bool,
    /// `umask`: absent for 0177.
    pub umask: Option<u32>,
    /// `reload_check_config`: a new configuration is tested by another process first.
    pub reload_check: Option<ReloadCheck>,
    /// `reload_time_file`.
    pub reload_time_file: Option<PathBuf>,
    /// `reload_repeat`: a time without date means every day.
    pub reload_repeat: bool,
    /// `reload_file`: there while the configuration is being read.
    pub reload_file: Option<ReloadFile>,
    /// `…_dump_file`, `json_version`, `data_use_instance`.
    pub dumps: Dumps,
    /// `process_monitor_rcv_bufs`: bytes, and whether the limit of the system may be passed.
    pub process_monitor_buffer: Option<(u32, bool)>,
    /// `enable_dbus` and what belongs to it.
    pub dbus: Option<Dbus>,
    /// `enable_snmp_…`, `enable_traps` and `snmp_socket`.
    pub snmp: Snmp,
    /// `config_save_dir`: at each reload the configuration and the state before and after it are kept there.
    pub config_save_dir: Option<PathBuf>,
    /// `iproute_usr_dir`, `iproute_etc_dir`.
    pub iproute: IprouteDirectories,
    /// What tells several daemons on one machine apart.
    pub identity: Identity,
    /// What `global_defs` says itself, for dumps: defaults that instances inherit.
    pub inherited: Inherited,
}

/// The interface on the system bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dbus {
    /// `dbus_service_name`.
    pub service_name: String,
    /// `dbus_no_interface_name`: what paths have for instances without interface.
    pub no_interface_name: String,
}

/// What an SNMP master agent is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snmp {
    /// `enable_snmp_vrrp`, `enable_snmp_keepalived`: the global and vrrp groups of KEEPALIVED-MIB.
    pub keepalived: bool,
    /// `enable_snmp_rfcv2`, `enable_snmp_rfc`: VRRP-MIB.
    pub rfcv2: bool,
    /// `enable_snmp_rfcv3`, `enable_snmp_rfc`: VRRPV3-MIB.
    pub rfcv3: bool,
    /// `enable_traps`: of those of the above that are on.
    pub traps: bool,
    /// `snmp_socket`; unix:/var/agentx/master when absent.
    pub socket: Option<String>,
}

impl Snmp {
    /// Whether there is anything for a master agent.
    pub fn is_on(&self) -> bool {
        self.keepalived || self.rfcv2 || self.rfcv3
    }

    /// What these and the command line want together: `-x` turns everything but traps on, `-A` names the socket.
    #[must_use]
    pub fn with_options(&self, on: bool, socket: Option<&str>) -> Self {
        Self {
            keepalived: self.keepalived || on,
            rfcv2: self.rfcv2 || on,
            rfcv3: self.rfcv3 || on,
            traps: self.traps,
            socket: socket.map(str::to_owned).or_else(|| self.socket.clone()),
        }
    }
}

/// Where the names of routing tables, scopes, protocols, realms and groups stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IprouteDirectories {
    /// iproute2's own.
    pub usr: String,
    /// The administrator's, which are looked at first.
    pub etc: String,
}

impl Default for IprouteDirectories {
    fn default() -> Self {
        Self { usr: "/usr/share/iproute2".to_owned(), etc: "/etc/iproute2".to_owned() }
    }
}

/// `net_namespace`, `instance` and `use_pid_dir`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The network namespace to run in.
    pub net_namespace: Option<String>,
    /// The name of this daemon among several.
    pub instance: Option<String>,
    /// Pid files lie in /run/keepalived.
    pub use_pid_dir: bool,
}

/// Mail about changes of state.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    /// `smtp_server`: name or address, and port. Without it, or without recipients, no mail is sent.
    pub server: Option<(String, u16)>,
    /// `smtp_helo_name`; the host name when absent.
    pub helo: String,
    /// `smtp_connect_timeout`.
    pub connect_timeout: Duration,
    /// `notification_email_from`.
    pub from: String,
    /// `notification_email`.
    pub to: Vec<String>,
    /// `no_email_faults` is not set.
    pub faults: bool,
    /// `smtp_alert`, for dumps: every instance and group has its own.
    pub alert: Option<bool>,
    /// `smtp_alert_vrrp`, for dumps.
    pub alert_vrrp: Option<bool>,
    /// `smtp_alert_checker`, for dumps.
    pub alert_checker: Option<bool>,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            server: None,
            helo: String::new(),
            connect_timeout: Duration::from_secs(30),
            from: String::new(),
            to: Vec::new(),
            faults: true,
            alert: None,
            alert_vrrp: None,
            alert_checker: None,
        }
    }
}

/// A script that runs once, and the time it gets.
#[derive(Clone, Debug, PartialEq)]
pub struct OneShot {
    /// What to run.
    pub command: Command,
    /// After this it is ended.
    pub timeout: Duration,
}

/// A FIFO that changes of state are written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fifo {
    /// Where it is.
    pub path: PathBuf,
    /// Who owns it.
    pub user: User,
    /// What reads it: run with the path as its last argument.
    pub script: Option<Command>,
}

/// `status_socket`, which the reference does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSocket {
    /// Where it is.
    pub path: PathBuf,
    /// Who owns it; mode 0600.
    pub user: User,
}

/// `reload_check_config`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadCheck {
    /// Where the messages go; absent for /dev/null.
    pub log: Option<PathBuf>,
}

/// `reload_file`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadFile {
    /// Its path; absent for keepalived.reload in the directory of the pid files.
    pub path: Option<PathBuf>,
}

/// Names and formats of what signals write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dumps {
    /// `data_use_instance`: names hold the namespace and the instance.
    pub use_instance: bool,
    /// `json_version`, 1 or 2.
    pub json_version: u32,
    /// `state_dump_file`: a file, or a directory when it ends in `/`.
    pub state: Option<String>,
    /// `stats_dump_file`, likewise.
    pub stats: Option<String>,
    /// `json_dump_file`, likewise.
    pub json: Option<String>,
}

impl Default for Dumps {
    fn default() -> Self {
        Self { use_instance: false, json_version: 1, state: None, stats: None, json: None }
    }
}

/// Defaults for instances as `global_defs` has them. `None`: not written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inherited {
    /// `use_symlink_paths`.
    pub keep_symlinks: bool,
    /// `default_interface`.
    pub default_interface: Option<String>,
    /// `vrrp_garp_master_delay`, seconds.
    pub garp_delay: Option<u32>,
    /// `vrrp_garp_master_repeat`.
    pub garp_repeat: Option<u32>,
    /// `vrrp_garp_master_refresh`, seconds.
    pub garp_refresh: Option<u32>,
    /// `vrrp_garp_master_refresh_repeat`.
    pub garp_refresh_repeat: Option<u32>,
    /// `vrrp_garp_lower_prio_delay`, seconds.
    pub garp_lower_prio_delay: Option<u32>,
    /// `vrrp_garp_lower_prio_repeat`.
    pub garp_lower_prio_repeat: Option<u32>,
    /// `vrrp_down_timer_adverts`.
    pub down_timer_adverts: Option<u32>,
    /// `vrrp_lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `vrrp_higher_prio_send_advert`.
    pub higher_prio_send_advert: bool,
    /// `vrrp_version`.
    pub version: Option<u32>,
    /// `vrrp_check_unicast_src`.
    pub check_unicast_src: bool,
    /// `vrrp_skip_check_adv_addr`.
    pub skip_check_adv_addr: bool,
    /// `vrrp_strict`.
    pub strict: bool,
    /// `v3_checksum_as_v2`.
    pub v3_checksum_as_v2: bool,
    /// `vrrp_owner_ignore_adverts`.
    pub owner_ignore_adverts: bool,
    /// `vrrp_garp_extra_if`.
    pub garp_extra: Option<ExtraGarp>,
    /// `nftables` and what goes with it; nothing when only instances need a firewall.
    pub firewall: Option<FirewallSettings>,
    /// `vmac_prefix`.
    pub vmac_prefix: Option<String>,
    /// `vmac_addr_prefix`.
    pub vmac_addr_prefix: Option<String>,
    /// `dbus_service_name`, which may be there without `enable_dbus`.
    pub dbus_service_name: Option<String>,
    /// `dbus_no_interface_name`, likewise.
    pub dbus_no_interface_name: Option<String>,
}
