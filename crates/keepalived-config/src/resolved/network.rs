//! Interfaces, and what belongs to them rather than to an instance: VMACs, delays, link polling, the firewall.

use std::net::IpAddr;
use std::time::Duration;

use super::{VirtualRoute, VirtualRule};

/// What the whole process does with interfaces, routes and rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// `dynamic_interfaces`: interfaces may be missing at start.
    pub dynamic_interfaces: bool,
    /// `dynamic_interfaces allow_if_changes`: two instances with one VRID on one interface are a fault of one of them, as long as
    /// they are there, and no reason to refuse the configuration.
    pub allow_if_changes: bool,
    /// `vrrp_restore_addresses`, ours: a virtual address that somebody removed is put back instead of giving up MASTER.
    pub restore_addresses: bool,
    /// `nftables` and its kind; absent when nothing needs a firewall.
    pub firewall: Option<FirewallSettings>,
    /// `disable_local_igmp`.
    pub disable_local_igmp: bool,
    /// `static_routes`.
    pub static_routes: Vec<VirtualRoute>,
    /// `static_rules`.
    pub static_rules: Vec<VirtualRule>,
    /// `track_group`.
    pub track_groups: Vec<TrackGroup>,
    /// `garp_group`, and one for each other interface when there are global intervals.
    pub garp_groups: Vec<GarpGroup>,
    /// `interface_up_down_delays`.
    pub delays: Vec<InterfaceDelay>,
    /// `linkbeat_interfaces`.
    pub linkbeat: Vec<Linkbeat>,
    /// `linkbeat_use_polling`: every interface that an instance uses.
    pub linkbeat_everywhere: bool,
    /// `vrrp_rx_bufs_policy` and `vrrp_rx_bufs_multiplier`.
    pub receive_buffer: Option<(ReceiveBuffer, u32)>,
    /// `vrrp_netlink_monitor_rcv_bufs` in bytes, and whether beyond the system's limit.
    pub monitor_buffer: Option<(u32, bool)>,
    /// `vrrp_netlink_cmd_rcv_bufs`, the same.
    pub command_buffer: Option<(u32, bool)>,
}

/// The tables that drop packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallSettings {
    /// `nftables`: name of the tables.
    pub table: String,
    /// `nftables_priority`.
    pub priority: i32,
    /// `nftables_counters`.
    pub counters: bool,
    /// `nftables_ifindex`: link-local addresses go with the index of their interface even with `dont_track_primary`.
    pub by_index: bool,
}

/// A `track_group` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackGroup {
    /// Its name.
    pub name: String,
    /// Indices into `Config::instances`.
    pub members: Vec<usize>,
}

/// Interfaces that share a pace of announcements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GarpGroup {
    /// `garp_interval`.
    pub garp_interval: Option<Duration>,
    /// `gna_interval`.
    pub gna_interval: Option<Duration>,
    /// `interface`, `interfaces`.
    pub interfaces: Vec<String>,
}

/// A line of `interface_up_down_delays`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceDelay {
    /// The interface.
    pub name: String,
    /// How long it must stay down to count as down.
    pub down: Duration,
    /// How long it must stay up to count as up.
    pub up: Duration,
}

/// How the state of a link is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkbeatKind {
    /// What works first: MII, ethtool, flags.
    #[default]
    Any,
    /// MII registers.
    Mii,
    /// ethtool.
    Ethtool,
    /// Flags of the interface.
    Ioctl,
}

/// A line of `linkbeat_interfaces`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linkbeat {
    /// The interface.
    pub name: String,
    /// How to ask.
    pub kind: LinkbeatKind,
}

/// `garp_extra_if`: announcements on interfaces other than the one of the adverts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtraGarp {
    /// `all`: not on VMACs only.
    pub all: bool,
    /// How often. Zero: never.
    pub interval: Duration,
}

/// `vrrp_rx_bufs_policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiveBuffer {
    /// The interface's MTU for each packet.
    Mtu,
    /// The length of the instance's advert for each packet.
    Advert,
    /// This many bytes.
    Bytes(u32),
}

/// `old_unicast_checksum`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OldChecksum {
    /// When a peer is seen to use it.
    #[default]
    Detect,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How ipvlans of the same interface see each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpvlanMode {
    /// They do.
    #[default]
    Bridge,
    /// They do not.
    Private,
    /// Through the switch.
    Vepa,
}

/// An interface of an instance's own on top of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vmac {
    /// Its name.
    pub name: String,
    /// The interface below.
    pub base: String,
    /// What it is.
    pub kind: VmacKind,
    /// It is for adverts of IPv6.
    pub ipv6: bool,
    /// `group`: link group; the one of the interface below when absent.
    pub group: Option<u32>,
    /// `netlink_notify_msg`: have the kernel report the interface below.
    pub notify_base: bool,
}

/// Kinds of such interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VmacKind {
    /// macvlan with this address.
    Macvlan([u8; 6]),
    /// ipvlan with an address of its own.
    Ipvlan {
        /// Its address.
        address: Option<(IpAddr, u8)>,
        /// Mode.
        mode: IpvlanMode,
    },
}
