//! What the daemons run on: the configuration after defaults, inheritance and checks.
//!
//! Every value here is final: times are `Duration`s, defaults from `global_defs` are folded into each instance, names that
//! refer to other blocks are indices, scripts carry the path, arguments and user to run them with. Nothing here asks
//! "was it set?" unless the absence means something by itself. Keyword meanings: keepalived.conf(5).

mod bfd;
mod daemon;
mod network;
mod routes;
mod tracker;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

pub use bfd::{BfdInstance, Process, TrackedBfd};
pub use daemon::{
    Daemon, Dbus, Dumps, Fifo, Identity, Inherited, IprouteDirectories, Mail, OneShot, ReloadCheck,
    ReloadFile, Snmp, StatusSocket,
};
pub use network::{
    ExtraGarp, FirewallSettings, GarpGroup, InterfaceDelay, IpvlanMode, Linkbeat, LinkbeatKind, Network,
    OldChecksum, ReceiveBuffer, TrackGroup, Vmac, VmacKind,
};
pub use routes::{
    RouteEncap, RouteKind, RouteMetric, RouteNextHop, RoutePlacement, RuleAction, VirtualRoute, VirtualRule,
};
pub use tracker::{ParamMatch, TrackFile, TrackProcess, TrackedObject, Tracker, TrackerKind};

/// A whole configuration, ready to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `global_defs`, as far as a daemon needs it at run time.
    pub global: GlobalDefs,
    /// `vrrp_instance` blocks in file order.
    pub instances: Vec<VrrpInstance>,
    /// `vrrp_script` blocks that something tracks, in file order.
    pub scripts: Vec<VrrpScript>,
    /// `vrrp_track_file` and `vrrp_track_process` blocks in file order.
    pub trackers: Vec<Tracker>,
    /// `vrrp_sync_group` blocks in file order.
    pub sync_groups: Vec<SyncGroup>,
    /// `bfd_instance` blocks in file order.
    pub bfd_instances: Vec<BfdInstance>,
    /// `static_ipaddress`: added at start, removed at stop.
    pub static_addresses: Vec<Address>,
    /// Interfaces, static routes and rules, the firewall.
    pub network: Network,
}

impl Config {
    /// True when there is something for the VRRP child to do.
    pub fn has_vrrp(&self) -> bool {
        !self.instances.is_empty()
            || !self.static_addresses.is_empty()
            || !self.network.static_routes.is_empty()
            || !self.network.static_rules.is_empty()
    }
}

/// Process-wide settings.
#[derive(Clone, Debug, PartialEq)]
pub struct GlobalDefs {
    /// `router_id`; the host name when absent.
    pub router_id: String,
    /// `vrrp_mcast_group4`, 224.0.0.18 unless configured.
    pub mcast_group4: Ipv4Addr,
    /// `vrrp_mcast_group6`, ff02::12 unless configured.
    pub mcast_group6: Ipv6Addr,
    /// `vrrp_startup_delay`: adverts are thrown away for this long after start. Zero: none.
    pub startup_delay: Duration,
    /// `log_unknown_vrids`: log adverts whose VRID belongs to no instance.
    pub log_unknown_vrids: bool,
    /// `vrrp_garp_interval`: the least time between two gratuitous ARPs on one interface.
    pub garp_interval: Option<Duration>,
    /// `vrrp_gna_interval`: the same for unsolicited neighbour adverts.
    pub gna_interval: Option<Duration>,
    /// `vrrp_process_name` (`process_names` gives `keepalived_vrrp`): the child's `comm`.
    pub vrrp_process_name: Option<String>,
    /// `bfd_…`: the BFD child's settings.
    pub bfd: Process,
    /// `process_name`: the parent's `comm`.
    pub process_name: Option<String>,
    /// `script_user`'s uid and gid, or the default user's: scripts without their own user run as these.
    pub script_user: Option<User>,
    /// `enable_script_security`: insecure scripts are not run.
    pub script_security: bool,
    /// `max_auto_priority`: the highest real-time priority the event loop gives itself when its timers run late;
    /// 0 and less: none. `None` when absent.
    pub max_auto_priority: Option<i32>,
    /// `min_auto_priority_delay`: how late a timer must be for that.
    pub min_auto_priority_delay: Duration,
    /// `child_wait_time`: how long the parent waits for its children at stop.
    pub child_wait: Duration,
    /// `vrrp_priority`: nice value of the VRRP child.
    pub vrrp_nice: Option<i32>,
    /// `vrrp_rt_priority`: SCHED_RR priority of the VRRP child.
    pub vrrp_rt_priority: Option<i32>,
    /// `vrrp_no_swap`: lock the VRRP child's memory.
    pub vrrp_no_swap: bool,
    /// `vrrp_rlimit_rttime` in microseconds.
    pub vrrp_rlimit_rttime: u64,
    /// `vrrp_cpu_affinity`: processors of the VRRP child; empty for all.
    pub vrrp_processors: Vec<usize>,
    /// Everything that is not about VRRP itself.
    pub daemon: Daemon,
}

impl Default for GlobalDefs {
    fn default() -> Self {
        Self {
            router_id: String::new(),
            mcast_group4: Ipv4Addr::new(224, 0, 0, 18),
            mcast_group6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12),
            startup_delay: Duration::ZERO,
            log_unknown_vrids: false,
            garp_interval: None,
            gna_interval: None,
            vrrp_process_name: None,
            bfd: Process::default(),
            process_name: None,
            script_user: None,
            script_security: false,
            max_auto_priority: None,
            min_auto_priority_delay: Duration::from_secs(1),
            child_wait: Duration::from_secs(5),
            vrrp_nice: None,
            vrrp_rt_priority: None,
            vrrp_no_swap: false,
            vrrp_rlimit_rttime: 10_000,
            vrrp_processors: Vec::new(),
            daemon: Daemon::default(),
        }
    }
}

/// A uid and a gid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
}

/// The wire version of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// VRRPv2, RFC 3768.
    V2,
    /// VRRPv3, RFC 5798.
    V3,
}

/// The address family of an instance's adverts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// `authentication` of a VRRPv2 instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// No authentication (type 0).
    None,
    /// `auth_type PASS`: the first 8 bytes of the password, NUL padded (type 1).
    Pass([u8; 8]),
    /// `auth_type AH`: HMAC-MD5 keyed with the NUL-padded password (type 2).
    Ah([u8; 8]),
}

/// A `vrrp_instance` block.
#[derive(Clone, Debug, PartialEq)]
pub struct VrrpInstance {
    /// The block's name.
    pub name: String,
    /// `state MASTER`: wanted at start. Only an owner (priority 255) acts on it at once.
    pub wants_master: bool,
    /// `interface`; absent only for unicast instances with a source address.
    pub interface: String,
    /// `virtual_router_id`, 1 to 255.
    pub virtual_router_id: u8,
    /// `version`.
    pub version: Version,
    /// The family of the adverts, from the first virtual address or `native_ipv6`.
    pub family: Family,
    /// `priority`: the base priority, 1 to 255.
    pub priority: u8,
    /// `advert_int`: whole seconds for VRRPv2, multiples of 10 ms for VRRPv3.
    pub advert_int: Duration,
    /// `authentication`.
    pub auth: Auth,
    /// `virtual_ipaddress`, in order. Every entry has its device.
    pub virtual_addresses: Vec<Address>,
    /// `virtual_ipaddress_excluded`: added and removed with the others, never in adverts.
    pub excluded_addresses: Vec<Address>,
    /// `virtual_routes`: added after the addresses, removed before them.
    pub virtual_routes: Vec<VirtualRoute>,
    /// `virtual_rules`: added after the routes, removed before them.
    pub virtual_rules: Vec<VirtualRule>,
    /// `use_vmac`, `use_ipvlan`: the interface made for its adverts and addresses.
    pub vmac: Option<Vmac>,
    /// `use_vmac_addr`, and `use_vmac` of an address: VMACs for single addresses.
    pub address_vmacs: Vec<Vmac>,
    /// `vmac_xmit_base`: adverts go by the interface below.
    pub transmit_by_base: bool,
    /// `vrf`: of a unicast instance without interface.
    pub vrf: Option<String>,
    /// `vrrp_strict`, `strict_mode`.
    pub strict: bool,
    /// False with `no_accept`: packets to the virtual addresses are dropped.
    pub accept: bool,
    /// `unicast_fault_no_peer`, without a peer.
    pub lacks_peers: bool,
    /// A setting without which it can never run (`use_ipvlan` without an address): it stays in FAULT.
    pub config_fault: bool,
    /// `old_unicast_checksum`.
    pub old_checksum: OldChecksum,
    /// `timer_expired_backup`: after a pause in which a router of this priority may have taken over, back up.
    pub expired_backup: Option<u8>,
    /// `garp_extra_if`.
    pub garp_extra: Option<ExtraGarp>,
    /// `kernel_rx_buf_size`.
    pub receive_buffer: Option<u32>,
    /// `track_script`.
    pub track_scripts: Vec<TrackedScript>,
    /// `track_bfd`.
    pub track_bfds: Vec<TrackedBfd>,
    /// `track_interface`; the instance's own interface is not listed here.
    pub track_interfaces: Vec<TrackedInterface>,
    /// `track_file` and `track_process`.
    pub trackers: Vec<TrackedObject>,
    /// How many of these are its own.
    pub own_tracking: OwnTracking,
    /// `dont_track_primary`: interface down is no fault.
    pub dont_track_primary: bool,
    /// `nopreempt`.
    pub nopreempt: bool,
    /// `preempt_delay`. Zero: none.
    pub preempt_delay: Duration,
    /// `mcast_src_ip` or `unicast_src_ip`; the interface's first address when absent.
    pub source: Option<IpAddr>,
    /// `track_src_ip`: losing the configured source address is a fault.
    pub track_source: bool,
    /// `unicast_peer`: not empty means unicast.
    pub unicast_peers: Vec<UnicastPeer>,
    /// `check_unicast_src`: adverts from anyone but a peer are dropped.
    pub check_unicast_src: bool,
    /// `unicast_ttl`.
    pub unicast_ttl: Option<u8>,
    /// `mcast_dst_ip`, else the global group of the family.
    pub mcast_group: IpAddr,
    /// `garp_master_delay`: second burst after becoming master. Zero: none.
    pub garp_master_delay: Duration,
    /// `garp_master_repeat`: length of a burst.
    pub garp_master_repeat: u32,
    /// `garp_master_refresh`. Zero: none.
    pub garp_master_refresh: Duration,
    /// `garp_master_refresh_repeat`.
    pub garp_master_refresh_repeat: u32,
    /// `garp_lower_prio_delay`.
    pub garp_lower_prio_delay: Duration,
    /// `garp_lower_prio_repeat`.
    pub garp_lower_prio_repeat: u32,
    /// `lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`.
    pub higher_prio_send_advert: bool,
    /// `down_timer_adverts`, 1 to 100.
    pub down_timer_adverts: u32,
    /// `skip_check_adv_addr`.
    pub skip_check_adv_addr: bool,
    /// `owner_ignore_adverts`.
    pub owner_ignore_adverts: bool,
    /// `v3_checksum_as_v2`.
    pub v3_checksum_as_v2: bool,
    /// `promote_secondaries`.
    pub promote_secondaries: bool,
    /// `debug`, 0 to 4.
    pub debug: u8,
    /// Scripts to run on state changes.
    pub notify: Notify,
    /// `smtp_alert`: changes are mailed.
    pub smtp_alert: bool,
    /// `notify_priority_changes`: changes of the effective priority are written to the FIFOs.
    pub notify_priority_changes: bool,
    /// The group this instance is a member of: index into `Config::sync_groups`.
    pub sync_group: Option<usize>,
}

impl VrrpInstance {
    /// An instance with the defaults of keepalived.conf(5).
    pub fn new(name: &str, virtual_router_id: u8, interface: &str) -> Self {
        Self {
            name: name.to_owned(),
            wants_master: false,
            interface: interface.to_owned(),
            virtual_router_id,
            version: Version::V2,
            family: Family::V4,
            priority: 100,
            advert_int: Duration::from_secs(1),
            auth: Auth::None,
            virtual_addresses: Vec::new(),
            excluded_addresses: Vec::new(),
            virtual_routes: Vec::new(),
            virtual_rules: Vec::new(),
            vmac: None,
            address_vmacs: Vec::new(),
            transmit_by_base: false,
            vrf: None,
            strict: false,
            accept: true,
            lacks_peers: false,
            config_fault: false,
            old_checksum: OldChecksum::Detect,
            expired_backup: None,
            garp_extra: None,
            receive_buffer: None,
            track_bfds: Vec::new(),
            track_scripts: Vec::new(),
            track_interfaces: Vec::new(),
            trackers: Vec::new(),
            own_tracking: OwnTracking::default(),
            dont_track_primary: false,
            nopreempt: false,
            preempt_delay: Duration::ZERO,
            source: None,
            track_source: false,
            unicast_peers: Vec::new(),
            check_unicast_src: false,
            unicast_ttl: None,
            mcast_group: IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
            garp_master_delay: Duration::from_secs(5),
            garp_master_repeat: 5,
            garp_master_refresh: Duration::ZERO,
            garp_master_refresh_repeat: 1,
            garp_lower_prio_delay: Duration::from_secs(5),
            garp_lower_prio_repeat: 5,
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            down_timer_adverts: 3,
            skip_check_adv_addr: false,
            owner_ignore_adverts: false,
            v3_checksum_as_v2: false,
            promote_secondaries: false,
            debug: 0,
            notify: Notify::default(),
            smtp_alert: false,
            notify_priority_changes: false,
            sync_group: None,
        }
    }

    /// The interface that adverts go by.
    pub fn advert_interface(&self) -> &str {
        match &self.vmac {
            Some(vmac) if !self.transmit_by_base => &vmac.name,
            Some(_) | None => &self.interface,
        }
    }

    /// Every interface that is made for it.
    pub fn vmacs(&self) -> impl Iterator<Item = &Vmac> {
        self.vmac.iter().chain(&self.address_vmacs)
    }
}

/// A member of `track_script`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackedScript {
    /// Index into `Config::scripts`.
    pub script: usize,
    /// -253 to 253; 0: failing is a fault.
    pub weight: i32,
    /// `reverse`: inverts the contribution, or the meaning of good when the weight is 0.
    pub reverse: bool,
}

/// How many of the objects that an instance tracks it tracks itself. Those that its sync group tracks follow them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnTracking {
    /// Of `track_interfaces`.
    pub interfaces: usize,
    /// Of `track_scripts`.
    pub scripts: usize,
    /// Of `track_bfds`.
    pub bfds: usize,
    /// Of `trackers`.
    pub trackers: usize,
}

/// A member of `track_interface`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedInterface {
    /// Interface name.
    pub name: String,
    /// -253 to 253; 0: down is a fault.
    pub weight: i32,
    /// `reverse`.
    pub reverse: bool,
}

/// A member of `unicast_peer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnicastPeer {
    /// Where adverts are sent to.
    pub address: IpAddr,
    /// `min_ttl`: the least TTL accepted with `check_unicast_src`.
    pub min_ttl: u8,
    /// `max_ttl`.
    pub max_ttl: u8,
}

/// A `vrrp_script` block that something tracks.
#[derive(Clone, Debug, PartialEq)]
pub struct VrrpScript {
    /// The block's name.
    pub name: String,
    /// What to run and as whom.
    pub command: Command,
    /// `interval`: from start of run to start of run.
    pub interval: Duration,
    /// `timeout`; the interval when absent.
    pub timeout: Duration,
    /// `rise`: successes in a row that make it good.
    pub rise: u32,
    /// `fall`: failures in a row that make it bad.
    pub fall: u32,
    /// `init_fail`: it counts as failing until it has succeeded once.
    pub init_fail: bool,
    /// `weight`, for whoever tracks it without one.
    pub weight: i32,
    /// `reverse` of that weight.
    pub reverse: bool,
}

/// A program with arguments and the user to run it as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The file to execute, after path search and symlink resolution.
    pub path: OsString,
    /// `argv`, the first one being the path.
    pub argv: Vec<OsString>,
    /// The command as it was written, for log lines.
    pub text: String,
    /// Run as this user.
    pub user: User,
    /// A command line for `/bin/sh -c` (`</file` scripts, files without `#!`).
    pub shell: bool,
}

/// Scripts that state changes run. Empty where not configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// `notify_master`.
    pub master: Option<Command>,
    /// `notify_backup`.
    pub backup: Option<Command>,
    /// `notify_fault`.
    pub fault: Option<Command>,
    /// `notify_stop`.
    pub stop: Option<Command>,
    /// `notify`: run at every change with `INSTANCE|GROUP NAME STATE PRIORITY` appended.
    pub any: Option<Command>,
    /// `notify_deleted`: run when a reload removes the instance.
    pub deleted: Option<Command>,
    /// `notify_deleted` without a script: state DELETED instead of FAULT is notified.
    pub notify_deleted: bool,
    /// `notify_master_rx_lower_pri`.
    pub master_rx_lower_pri: Option<Command>,
}

/// A `vrrp_sync_group` block.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncGroup {
    /// The block's name.
    pub name: String,
    /// Members: indices into `Config::instances`, in the order of `group { }`.
    pub members: Vec<usize>,
    /// Scripts to run when the group changes state.
    pub notify: Notify,
    /// `smtp_alert`: changes are mailed.
    pub smtp_alert: bool,
    /// `track_script` of the group (already copied to its members).
    pub track_scripts: Vec<TrackedScript>,
    /// `track_file` and `track_process` of the group (already copied to its members).
    pub trackers: Vec<TrackedObject>,
    /// `track_bfd` of the group (already copied to its members).
    pub track_bfds: Vec<TrackedBfd>,
    /// `track_interface` of the group (already copied to its members).
    pub track_interfaces: Vec<TrackedInterface>,
    /// `sync_group_tracking_weight`.
    pub tracking_weight: bool,
}

/// One line of `virtual_ipaddress`, `virtual_ipaddress_excluded` or `static_ipaddress`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// Its prefix length; 32 or 128 when none was written.
    pub prefix: u8,
    /// `dev`, or the instance's interface.
    pub device: String,
    /// `scope` as rtnetlink numbers it: 0 global, 200 site, 253 link, 254 host, 255 nowhere.
    pub scope: u8,
    /// `brd` / `broadcast`.
    pub broadcast: Option<Ipv4Addr>,
    /// `label`.
    pub label: Option<String>,
    /// `peer`.
    pub peer: Option<(IpAddr, u8)>,
    /// `home`.
    pub home: bool,
    /// False after `-nodad`: IPv6 addresses are added without duplicate address detection otherwise.
    pub nodad: bool,
    /// `mngtmpaddr`.
    pub mngtmpaddr: bool,
    /// `noprefixroute`.
    pub noprefixroute: bool,
    /// `autojoin`.
    pub autojoin: bool,
    /// `no_track`: its loss and its device's state are ignored.
    pub no_track: bool,
    /// Preferred lifetime in seconds; `None` is forever. IPv6 /128 addresses get 0 ("deprecated") unless configured.
    pub preferred_lft: Option<u32>,
    /// `use_vmac`: on a VMAC of its interface.
    pub use_vmac: bool,
    /// `track_group` of a static address.
    pub track_group: Option<String>,
}

impl Address {
    /// An address without options.
    pub fn new(address: IpAddr, prefix: u8, device: &str) -> Self {
        Self {
            address,
            prefix,
            device: device.to_owned(),
            scope: 0,
            broadcast: None,
            label: None,
            peer: None,
            home: false,
            nodad: true,
            mngtmpaddr: false,
            noprefixroute: false,
            autojoin: false,
            no_track: false,
            preferred_lft: None,
            use_vmac: false,
            track_group: None,
        }
    }
}
