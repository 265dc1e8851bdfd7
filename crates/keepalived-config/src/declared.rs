//! The configuration as written: what each block says, nothing inherited and nothing defaulted.

pub(crate) mod daemon;
pub(crate) mod network;
pub(crate) mod tracker;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bstr::BString;

use crate::block::bfd_instance::{BfdDecl, TrackedBfdDecl};
use crate::message::Scope;
use crate::registry::Named;
use crate::resolved::{Address, TrackedInterface, UnicastPeer, User};

pub(crate) use daemon::{DaemonDecl, FifoDecl};
pub(crate) use network::{
    GarpGroupDecl, InstanceNetworkDecl, IpvlanDecl, NetworkDecl, TrackGroupDecl, VmacDecl,
};

/// Everything at top level.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) global: GlobalDecl,
    pub(crate) instances: Vec<InstanceDecl>,
    /// Names of the instances, since there may be tens of thousands.
    pub(crate) instance_names: HashSet<String>,
    pub(crate) scripts: Vec<ScriptDecl>,
    pub(crate) groups: Vec<GroupDecl>,
    pub(crate) bfds: Vec<BfdDecl>,
    pub(crate) static_addresses: Vec<Address>,
    /// Top-level blocks and `global_defs` about interfaces.
    pub(crate) network: NetworkDecl,
}

impl Named for Declared {
    fn name(&self) -> &str {
        ""
    }

    /// Only the process that a block is for knows its keyword.
    fn scope_of(&self, keyword: &str) -> Option<Scope> {
        match keyword {
            "track_file" | "vrrp_track_file" => Some(Scope::Tracking),
            "bfd_instance" => Some(Scope::Bfd),
            "vrrp_track_process"
            | "vrrp_script"
            | "vrrp_instance"
            | "vrrp_sync_group"
            | "static_ipaddress"
            | "static_routes"
            | "static_rules"
            | "track_group"
            | "garp_group"
            | "interface_up_down_delays"
            | "linkbeat_interfaces"
            | "linkbeat_use_polling" => Some(Scope::Vrrp),
            _ => Some(Scope::Parent),
        }
    }
}

/// Who a script runs as when its block does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefaultUser {
    /// Nothing needed it yet.
    Unknown,
    /// `script_user`, `keepalived_script` or our own.
    Known(User),
    /// There is none: scripts without a user are removed.
    Nobody,
}

/// `global_defs`.
#[derive(Debug)]
pub(crate) struct GlobalDecl {
    pub(crate) router_id: Option<String>,
    pub(crate) script_user: DefaultUser,
    pub(crate) script_user_failed: bool,
    pub(crate) script_security: bool,
    pub(crate) use_symlink_paths: Option<bool>,
    pub(crate) max_auto_priority: Option<i32>,
    pub(crate) min_auto_priority_delay: Option<u32>,
    pub(crate) mcast_group4: Option<Ipv4Addr>,
    pub(crate) mcast_group6: Option<Ipv6Addr>,
    pub(crate) garp: GarpDecl,
    pub(crate) min_garp: Option<bool>,
    pub(crate) garp_interval: Option<Duration>,
    pub(crate) gna_interval: Option<Duration>,
    pub(crate) down_timer_adverts: Option<u32>,
    pub(crate) lower_prio_no_advert: Option<bool>,
    pub(crate) higher_prio_send_advert: Option<bool>,
    pub(crate) version: Option<u32>,
    pub(crate) network: NetworkDecl,
    pub(crate) check_unicast_src: bool,
    pub(crate) skip_check_adv_addr: Option<bool>,
    pub(crate) owner_ignore_adverts: Option<bool>,
    pub(crate) v3_checksum_as_v2: Option<bool>,
    pub(crate) startup_delay: Option<Duration>,
    pub(crate) log_unknown_vrids: bool,
    pub(crate) process_name: Option<String>,
    pub(crate) vrrp_process_name: Option<String>,
    pub(crate) bfd: ProcessDecl,
    pub(crate) default_interface: Option<String>,
    pub(crate) child_wait: Option<Duration>,
    pub(crate) daemon: DaemonDecl,
    pub(crate) vrrp_nice: Option<i32>,
    pub(crate) vrrp_rt_priority: Option<i32>,
    pub(crate) vrrp_no_swap: bool,
    pub(crate) vrrp_rlimit_rttime: Option<u32>,
    pub(crate) vrrp_processors: Vec<usize>,
}

impl Default for GlobalDecl {
    fn default() -> Self {
        Self {
            router_id: None,
            script_user: DefaultUser::Unknown,
            script_user_failed: false,
            script_security: false,
            use_symlink_paths: None,
            max_auto_priority: None,
            min_auto_priority_delay: None,
            mcast_group4: None,
            mcast_group6: None,
            garp: GarpDecl::default(),
            min_garp: None,
            garp_interval: None,
            gna_interval: None,
            down_timer_adverts: None,
            lower_prio_no_advert: None,
            higher_prio_send_advert: None,
            version: None,
            network: NetworkDecl::default(),
            check_unicast_src: false,
            skip_check_adv_addr: None,
            owner_ignore_adverts: None,
            v3_checksum_as_v2: None,
            startup_delay: None,
            log_unknown_vrids: false,
            process_name: None,
            vrrp_process_name: None,
            bfd: ProcessDecl::default(),
            default_interface: None,
            child_wait: None,
            daemon: DaemonDecl::default(),
            vrrp_nice: None,
            vrrp_rt_priority: None,
            vrrp_no_swap: false,
            vrrp_rlimit_rttime: None,
            vrrp_processors: Vec::new(),
        }
    }
}

impl Named for GlobalDecl {
    fn name(&self) -> &str {
        ""
    }
}

/// The gratuitous ARP settings, of `global_defs` or of an instance. Seconds and counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct GarpDecl {
    pub(crate) master_delay: Option<u32>,
    pub(crate) master_repeat: Option<u32>,
    pub(crate) master_refresh: Option<u32>,
    pub(crate) master_refresh_repeat: Option<u32>,
    pub(crate) lower_prio_delay: Option<u32>,
    pub(crate) lower_prio_repeat: Option<u32>,
}

/// A command with the user its line names.
#[derive(Clone, Debug)]
pub(crate) struct CommandDecl {
    /// Path and arguments.
    pub(crate) words: Vec<BString>,
    /// As whom.
    pub(crate) user: User,
}

/// What is set of a child process.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessDecl {
    pub(crate) name: Option<String>,
    pub(crate) nice: Option<i32>,
    pub(crate) rt_priority: Option<i32>,
    pub(crate) no_swap: bool,
    pub(crate) rlimit_rttime: Option<u32>,
    pub(crate) processors: Vec<usize>,
}

/// `vrrp_script`.
#[derive(Debug)]
pub(crate) struct ScriptDecl {
    pub(crate) name: String,
    /// The words of the command; `None` without a `script` line.
    pub(crate) words: Option<Vec<BString>>,
    pub(crate) user: Option<User>,
    pub(crate) interval: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) weight: i32,
    pub(crate) reverse: bool,
    pub(crate) rise: Option<u32>,
    pub(crate) fall: Option<u32>,
    pub(crate) init_fail: bool,
    /// A `user` that does not exist.
    pub(crate) failed: bool,
}

impl Named for ScriptDecl {
    fn name(&self) -> &str {
        &self.name
    }
}

/// A line of `track_script`, already looked up.
#[derive(Clone, Debug)]
pub(crate) struct TrackedScriptDecl {
    pub(crate) name: String,
    pub(crate) weight: i32,
    pub(crate) reverse: bool,
}

/// `notify…` lines of an instance or a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct NotifyDecl {
    pub(crate) master: Option<CommandDecl>,
    pub(crate) backup: Option<CommandDecl>,
    pub(crate) fault: Option<CommandDecl>,
    pub(crate) stop: Option<CommandDecl>,
    pub(crate) any: Option<CommandDecl>,
    pub(crate) deleted: Option<CommandDecl>,
    pub(crate) notify_deleted: bool,
    pub(crate) master_rx_lower_pri: Option<CommandDecl>,
}

/// `authentication`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AuthKind {
    #[default]
    None,
    Pass,
    Ah,
}

/// `vrrp_instance`.
#[derive(Debug)]
pub(crate) struct InstanceDecl {
    pub(crate) name: String,
    pub(crate) state_master: Option<bool>,
    pub(crate) interface: Option<String>,
    pub(crate) virtual_router_id: Option<u8>,
    pub(crate) version: Option<u32>,
    /// From `native_ipv6` or the first address.
    pub(crate) family: Option<crate::resolved::Family>,
    pub(crate) priority: Option<u8>,
    pub(crate) advert_int: Option<Duration>,
    pub(crate) auth: AuthKind,
    pub(crate) password: Option<[u8; 8]>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) excluded: Vec<Address>,
    pub(crate) routes: Vec<crate::resolved::VirtualRoute>,
    pub(crate) no_virtual_address: bool,
    pub(crate) network: InstanceNetworkDecl,
    pub(crate) track_scripts: Vec<TrackedScriptDecl>,
    pub(crate) track_bfds: Vec<TrackedBfdDecl>,
    pub(crate) track_interfaces: Vec<TrackedInterface>,
    pub(crate) trackers: Vec<tracker::TrackedObjectDecl>,
    pub(crate) dont_track_primary: bool,
    pub(crate) nopreempt: bool,
    pub(crate) preempt_delay: Option<Duration>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) track_source: bool,
    pub(crate) unicast_peers: Vec<UnicastPeer>,
    pub(crate) check_unicast_src: bool,
    pub(crate) unicast_ttl: Option<u32>,
    pub(crate) mcast_group: Option<IpAddr>,
    pub(crate) garp: GarpDecl,
    pub(crate) lower_prio_no_advert: Option<bool>,
    pub(crate) higher_prio_send_advert: Option<bool>,
    pub(crate) down_timer_adverts: Option<u32>,
    pub(crate) skip_check_adv_addr: Option<bool>,
    pub(crate) owner_ignore_adverts: Option<bool>,
    pub(crate) v3_checksum_as_v2: Option<bool>,
    pub(crate) debug: Option<u32>,
    pub(crate) notify: NotifyDecl,
    pub(crate) smtp_alert: Option<bool>,
    pub(crate) notify_priority_changes: Option<bool>,
}

impl InstanceDecl {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            state_master: None,
            interface: None,
            virtual_router_id: None,
            version: None,
            family: None,
            priority: None,
            advert_int: None,
            auth: AuthKind::None,
            password: None,
            addresses: Vec::new(),
            excluded: Vec::new(),
            routes: Vec::new(),
            no_virtual_address: false,
            network: InstanceNetworkDecl::default(),
            track_scripts: Vec::new(),
            track_bfds: Vec::new(),
            track_interfaces: Vec::new(),
            trackers: Vec::new(),
            dont_track_primary: false,
            nopreempt: false,
            preempt_delay: None,
            source: None,
            track_source: false,
            unicast_peers: Vec::new(),
            check_unicast_src: false,
            unicast_ttl: None,
            mcast_group: None,
            garp: GarpDecl::default(),
            lower_prio_no_advert: None,
            higher_prio_send_advert: None,
            down_timer_adverts: None,
            skip_check_adv_addr: None,
            owner_ignore_adverts: None,
            v3_checksum_as_v2: None,
            debug: None,
            notify: NotifyDecl::default(),
            smtp_alert: None,
            notify_priority_changes: None,
        }
    }
}

impl Named for InstanceDecl {
    fn name(&self) -> &str {
        &self.name
    }
}

/// `vrrp_sync_group`.
#[derive(Debug, Default)]
pub(crate) struct GroupDecl {
    pub(crate) name: String,
    pub(crate) members: Option<Vec<String>>,
    pub(crate) track_scripts: Vec<TrackedScriptDecl>,
    pub(crate) track_bfds: Vec<TrackedBfdDecl>,
    pub(crate) track_interfaces: Vec<TrackedInterface>,
    pub(crate) trackers: Vec<tracker::TrackedObjectDecl>,
    pub(crate) tracking_weight: bool,
    pub(crate) notify: NotifyDecl,
    pub(crate) smtp_alert: Option<bool>,
    pub(crate) notify_priority_changes: Option<bool>,
}

impl Named for GroupDecl {
    fn name(&self) -> &str {
        &self.name
    }
}
