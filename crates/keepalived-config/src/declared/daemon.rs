//! What `global_defs` and the top level say about processes, mail, FIFOs and files.

use std::time::Duration;

use crate::resolved::{IprouteDirectories, Snmp, User};

use super::CommandDecl;

/// A FIFO and the script that reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct FifoDecl {
    pub(crate) path: Option<String>,
    /// Owner of the FIFO.
    pub(crate) user: Option<User>,
    pub(crate) script: Option<CommandDecl>,
}

/// Mail settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct MailDecl {
    pub(crate) server: Option<(String, u16)>,
    pub(crate) helo: Option<String>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) from: Option<String>,
    pub(crate) to: Vec<String>,
    pub(crate) alert: Option<bool>,
    pub(crate) alert_vrrp: Option<bool>,
    pub(crate) alert_checker: Option<bool>,
    pub(crate) no_faults: bool,
}

/// Everything that is not about an instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct DaemonDecl {
    pub(crate) mail: MailDecl,
    pub(crate) startup_script: Option<CommandDecl>,
    pub(crate) startup_timeout: Option<u32>,
    pub(crate) shutdown_script: Option<CommandDecl>,
    pub(crate) shutdown_timeout: Option<u32>,
    pub(crate) fifo: FifoDecl,
    pub(crate) vrrp_fifo: FifoDecl,
    pub(crate) status_socket: FifoDecl,
    pub(crate) fifo_states_on_reload: bool,
    pub(crate) notify_priority_changes: Option<bool>,
    pub(crate) umask: Option<u32>,
    /// `Some(None)`: without a log file.
    pub(crate) reload_check: Option<Option<String>>,
    pub(crate) reload_time_file: Option<String>,
    pub(crate) reload_repeat: bool,
    /// `Some(None)`: the default name.
    pub(crate) reload_file: Option<Option<String>>,
    pub(crate) data_use_instance: Option<bool>,
    pub(crate) json_version: Option<u32>,
    pub(crate) state_dump_file: Option<String>,
    pub(crate) stats_dump_file: Option<String>,
    pub(crate) json_dump_file: Option<String>,
    pub(crate) process_monitor_buffer: Option<u32>,
    pub(crate) process_monitor_force: Option<bool>,
    pub(crate) net_namespace: Option<String>,
    pub(crate) instance: Option<String>,
    pub(crate) use_pid_dir: bool,
    pub(crate) snmp: Snmp,
    pub(crate) enable_dbus: bool,
    pub(crate) dbus_service_name: Option<String>,
    pub(crate) dbus_no_interface_name: Option<String>,
    pub(crate) config_save_dir: Option<String>,
    pub(crate) iproute: IprouteDirectories,
}
