//! What is written about interfaces, routes, rules and the firewall.

use std::net::IpAddr;
use std::time::Duration;

use config_text::Span;

use crate::registry::Named;
use crate::resolved::{
    ExtraGarp, FirewallSettings, GarpGroup, InterfaceDelay, IpvlanMode, Linkbeat, OldChecksum, ReceiveBuffer,
    VirtualRoute, VirtualRule,
};

/// Of `global_defs` and of blocks at top level.
#[derive(Debug, Default)]
pub(crate) struct NetworkDecl {
    pub(crate) strict: Option<bool>,
    pub(crate) dynamic_interfaces: bool,
    pub(crate) allow_if_changes: bool,
    pub(crate) restore_addresses: bool,
    pub(crate) nftables: Option<String>,
    pub(crate) nftables_priority: Option<i32>,
    pub(crate) nftables_counters: bool,
    pub(crate) nftables_ifindex: bool,
    pub(crate) disable_local_igmp: bool,
    pub(crate) vmac_prefix: Option<String>,
    pub(crate) vmac_addr_prefix: Option<String>,
    pub(crate) garp_extra: Option<ExtraGarp>,
    pub(crate) receive_buffer: Option<ReceiveBuffer>,
    pub(crate) receive_multiplier: Option<u32>,
    pub(crate) command_buffer: Option<u32>,
    pub(crate) command_buffer_force: Option<bool>,
    pub(crate) monitor_buffer: Option<u32>,
    pub(crate) monitor_buffer_force: Option<bool>,
    pub(crate) static_routes: Vec<VirtualRoute>,
    pub(crate) static_rules: Vec<VirtualRule>,
    pub(crate) track_groups: Vec<TrackGroupDecl>,
    pub(crate) garp_groups: Vec<GarpGroup>,
    pub(crate) delays: Vec<InterfaceDelay>,
    pub(crate) linkbeat_interfaces: Vec<Linkbeat>,
    /// `linkbeat_use_polling` at top level.
    pub(crate) linkbeat_everywhere: bool,
}

impl NetworkDecl {
    /// The nf_tables settings, with this name of the tables.
    pub(crate) fn firewall(&self, table: String) -> FirewallSettings {
        FirewallSettings {
            table,
            priority: self.nftables_priority.unwrap_or(-1),
            counters: self.nftables_counters,
            by_index: self.nftables_ifindex,
        }
    }
}

/// `track_group`.
#[derive(Debug)]
pub(crate) struct TrackGroupDecl {
    pub(crate) name: String,
    /// Instances, as written.
    pub(crate) members: Vec<String>,
}

impl Named for TrackGroupDecl {
    fn name(&self) -> &str {
        &self.name
    }
}

/// `garp_group`.
#[derive(Debug, Default)]
pub(crate) struct GarpGroupDecl {
    pub(crate) garp_interval: Option<Duration>,
    pub(crate) gna_interval: Option<Duration>,
    pub(crate) interfaces: Vec<String>,
}

impl Named for GarpGroupDecl {
    fn name(&self) -> &str {
        ""
    }
}

/// Of `vrrp_instance`.
#[derive(Debug, Default)]
pub(crate) struct InstanceNetworkDecl {
    pub(crate) strict: Option<bool>,
    /// `accept`, `no_accept`.
    pub(crate) accept: Option<bool>,
    pub(crate) vmac: Option<VmacDecl>,
    pub(crate) ipvlan: Option<IpvlanDecl>,
    /// `use_vmac_addr`.
    pub(crate) vmac_addresses: bool,
    pub(crate) transmit_by_base: bool,
    pub(crate) vrf: Option<(String, Span)>,
    /// A word was there that only makes sense with unicast peers.
    pub(crate) unicast: bool,
    pub(crate) unicast_fault_no_peer: bool,
    pub(crate) old_checksum: OldChecksum,
    pub(crate) promote_secondaries: bool,
    pub(crate) rules: Vec<VirtualRule>,
    pub(crate) garp_extra: Option<ExtraGarp>,
    /// `timer_expired_backup`: the highest priority of the others.
    pub(crate) expired_backup: Option<u8>,
    pub(crate) receive_buffer: Option<u32>,
    pub(crate) linkbeat: bool,
}

/// `use_vmac`.
#[derive(Clone, Debug, Default)]
pub(crate) struct VmacDecl {
    pub(crate) name: Option<String>,
    /// Five or six octets.
    pub(crate) mac: Option<Vec<u8>>,
    pub(crate) notify_base: bool,
    pub(crate) group: Option<u32>,
}

/// `use_ipvlan`.
#[derive(Clone, Debug, Default)]
pub(crate) struct IpvlanDecl {
    pub(crate) name: Option<String>,
    pub(crate) address: Option<(IpAddr, u8)>,
    pub(crate) mode: IpvlanMode,
    pub(crate) group: Option<u32>,
}
