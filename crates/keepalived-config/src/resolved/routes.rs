//! Routes and rules, virtual and static. Numbers are those of rtnetlink(7).

use std::net::IpAddr;

/// What a route does with packets, as rtnetlink numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Sends them on.
    Unicast = 1,
    /// Keeps them.
    Local = 2,
    /// Keeps them as broadcasts.
    Broadcast = 3,
    /// Keeps them and answers directly.
    Anycast = 4,
    /// A multicast route.
    Multicast = 5,
    /// Drops them.
    Blackhole = 6,
    /// Drops them, host unreachable.
    Unreachable = 7,
    /// Drops them, communication prohibited.
    Prohibit = 8,
    /// Ends the lookup in this table.
    Throw = 9,
}

/// Where a route is put among others to the same destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoutePlacement {
    /// `prepend`.
    #[default]
    Prepend,
    /// `append`.
    Append,
    /// `add`: only if there is none.
    Add,
}

/// `mtu`, `rtt` and their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteMetric {
    /// The word.
    pub name: &'static str,
    /// `RTAX_*`.
    pub number: u16,
    /// In the kernel's unit.
    pub value: u32,
    /// `lock`: the kernel must not change it.
    pub lock: bool,
}

/// `encap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteEncap {
    /// `mpls`: labels, outermost first.
    Mpls {
        /// Labels.
        labels: Vec<u32>,
        /// `ttl`.
        ttl: Option<u8>,
    },
    /// `ip`, `ip6`.
    Ip {
        /// `ip6`.
        ipv6: bool,
        /// `id`.
        id: Option<u64>,
        /// `dst`.
        destination: Option<IpAddr>,
        /// `src`.
        source: Option<IpAddr>,
        /// `tos`, `tc`.
        tos: Option<u8>,
        /// `ttl`, `hoplimit`.
        ttl: Option<u8>,
        /// `flags`.
        flags: Option<u16>,
    },
    /// `ila`: the locator.
    Ila(u64),
}

/// `nexthop`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteNextHop {
    /// `via`.
    pub gateway: Option<IpAddr>,
    /// `dev`.
    pub device: Option<String>,
    /// `weight`, 1 to 256.
    pub weight: Option<u16>,
    /// `onlink`.
    pub onlink: bool,
    /// `realms`.
    pub realms: Option<u32>,
    /// `encap`.
    pub encap: Option<RouteEncap>,
}

/// One line of `virtual_routes` or `static_routes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualRoute {
    /// Its type.
    pub kind: RouteKind,
    /// `add`, `append`, `prepend`.
    pub placement: RoutePlacement,
    /// Destination.
    pub destination: IpAddr,
    /// Prefix length of the destination; 0 is a default route.
    pub prefix: u8,
    /// `from`: sources that it is for, IPv6 only.
    pub from: Option<(IpAddr, u8)>,
    /// `tos`.
    pub tos: Option<u8>,
    /// `via`.
    pub gateway: Option<IpAddr>,
    /// `dev`.
    pub device: Option<String>,
    /// `src`.
    pub source: Option<IpAddr>,
    /// `metric`.
    pub metric: Option<u32>,
    /// `table`, or the one of `vrf`; the main one when absent.
    pub table: Option<u32>,
    /// `scope` as rtnetlink numbers it; global when absent.
    pub scope: Option<u8>,
    /// `protocol` as rtnetlink numbers it; 18, keepalived, when absent.
    pub protocol: Option<u8>,
    /// `onlink`.
    pub onlink: bool,
    /// `mtu`, `hoplimit` and their kind.
    pub metrics: Vec<RouteMetric>,
    /// `congctl`, and whether it is locked.
    pub congestion_control: Option<(String, bool)>,
    /// `realms`.
    pub realms: Option<u32>,
    /// `expires`, seconds.
    pub expires: Option<u32>,
    /// `pref` as rtnetlink numbers it.
    pub preference: Option<u8>,
    /// `ttl-propagate`.
    pub ttl_propagate: Option<bool>,
    /// `encap`.
    pub encap: Option<RouteEncap>,
    /// `nexthop`, and `or`.
    pub next_hops: Vec<RouteNextHop>,
    /// `no_track`: its loss and its devices' state are ignored.
    pub no_track: bool,
    /// `track_group` of a static route.
    pub track_group: Option<String>,
}

impl VirtualRoute {
    /// A unicast route without anything else.
    pub fn to(destination: IpAddr, prefix: u8) -> Self {
        Self {
            kind: RouteKind::Unicast,
            placement: RoutePlacement::Prepend,
            destination,
            prefix,
            from: None,
            tos: None,
            gateway: None,
            device: None,
            source: None,
            metric: None,
            table: None,
            scope: None,
            protocol: None,
            onlink: false,
            metrics: Vec::new(),
            congestion_control: None,
            realms: None,
            expires: None,
            preference: None,
            ttl_propagate: None,
            encap: None,
            next_hops: Vec::new(),
            no_track: false,
            track_group: None,
        }
    }

    /// Every interface that it names.
    pub fn devices(&self) -> impl Iterator<Item = &String> {
        self.device.iter().chain(self.next_hops.iter().filter_map(|hop| hop.device.as_ref()))
    }
}

/// What a rule does with packets that match, as rtnetlink numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// Looks into a table.
    Table = 1,
    /// Goes on at another rule.
    Goto = 2,
    /// Nothing.
    Nop = 3,
    /// Drops them.
    Blackhole = 6,
    /// Drops them, network unreachable.
    Unreachable = 7,
    /// Drops them, communication prohibited.
    Prohibit = 8,
}

/// One line of `virtual_rules` or `static_rules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualRule {
    /// IPv6.
    pub ipv6: bool,
    /// What it does.
    pub action: RuleAction,
    /// `not`.
    pub invert: bool,
    /// `from`.
    pub source: Option<(IpAddr, u8)>,
    /// `to`.
    pub destination: Option<(IpAddr, u8)>,
    /// `tos`.
    pub tos: u8,
    /// `iif`.
    pub input: Option<String>,
    /// `oif`.
    pub output: Option<String>,
    /// `priority`.
    pub priority: u32,
    /// `fwmark` with its mask.
    pub mark: Option<(u32, Option<u32>)>,
    /// `realms`.
    pub realms: Option<u32>,
    /// `table`.
    pub table: Option<u32>,
    /// `goto`.
    pub target: Option<u32>,
    /// `suppress_prefixlength`.
    pub suppress_prefix: Option<u32>,
    /// `suppress_ifgroup`.
    pub suppress_group: Option<u32>,
    /// `tunnel-id`.
    pub tunnel: Option<u64>,
    /// `uidrange`.
    pub users: Option<(u32, u32)>,
    /// `l3mdev`.
    pub l3mdev: bool,
    /// `protocol`; 18, keepalived, unless `no_track`.
    pub protocol: u8,
    /// `ipproto`.
    pub ip_protocol: Option<u8>,
    /// `sport`.
    pub source_ports: Option<(u16, u16)>,
    /// `dport`.
    pub destination_ports: Option<(u16, u16)>,
    /// `no_track`: its loss and its interfaces' state are ignored.
    pub no_track: bool,
    /// `track_group` of a static rule.
    pub track_group: Option<String>,
}

impl VirtualRule {
    /// Every interface that it names.
    pub fn devices(&self) -> impl Iterator<Item = &String> {
        self.input.iter().chain(&self.output)
    }
}
