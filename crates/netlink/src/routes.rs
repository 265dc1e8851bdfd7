//! Routes: adding and removing single ones. rtnetlink(7), ip-route(8).

use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};

use crate::message::{APPEND, CREATE, EXCLUSIVE, Message};
use crate::route::{Error, Route, family_of};

/// The main routing table.
pub const TABLE_MAIN: u32 = 254;
/// The metric that the kernel gives IPv6 routes without one.
const IPV6_METRIC: u32 = 1024;
/// `RTN_UNICAST`.
const UNICAST: u8 = 1;
/// `RTN_LOCAL`.
const LOCAL: u8 = 2;
/// `RT_SCOPE_HOST`.
const HOST: u8 = 254;
/// `RTNH_F_ONLINK`.
const ONLINK: u8 = 4;

/// How a route is added when others lead to the same destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// Before them: what the kernel does when nothing else is said.
    #[default]
    Prepend,
    /// Behind them.
    Append,
    /// Not at all.
    Alone,
}

/// Packets that take a route are wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encapsulation {
    /// MPLS labels, outermost first.
    Mpls {
        /// Labels.
        labels: Vec<u32>,
        /// `ttl`.
        ttl: Option<u8>,
    },
    /// An IPv4 or IPv6 tunnel.
    Ip {
        /// Family of the outer header.
        ipv6: bool,
        /// Tunnel key.
        id: Option<u64>,
        /// Outer destination.
        destination: Option<IpAddr>,
        /// Outer source.
        source: Option<IpAddr>,
        /// Outer TOS or traffic class.
        tos: Option<u8>,
        /// Outer TTL or hop limit.
        ttl: Option<u8>,
        /// `TUNNEL_*`.
        flags: Option<u16>,
    },
    /// Identifier locator addressing.
    Ila {
        /// Locator.
        locator: u64,
    },
}

/// One of several ways that a route leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NextHop {
    /// `via`.
    pub gateway: Option<IpAddr>,
    /// Index of `dev`.
    pub output: Option<u32>,
    /// Its share, 1 to 256.
    pub weight: u16,
    /// The gateway is on this link even if no address says so.
    pub onlink: bool,
    /// `realms`.
    pub realms: Option<u32>,
    /// `encap`.
    pub encapsulation: Option<Encapsulation>,
}

/// A value of `RTAX_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// `RTAX_*`.
    pub kind: u16,
    /// In the kernel's unit.
    pub value: u32,
    /// The kernel must not change it.
    pub lock: bool,
}

/// A route to be added or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// `RTN_*`: 1 unicast, 6 blackhole, 7 unreachable, 8 prohibit, 9 throw.
    pub kind: u8,
    /// Destination and prefix length.
    pub destination: (IpAddr, u8),
    /// `from`: only packets of these sources, IPv6.
    pub from: Option<(IpAddr, u8)>,
    /// `tos`.
    pub tos: u8,
    /// `via`.
    pub gateway: Option<IpAddr>,
    /// Index of `dev`.
    pub output: Option<u32>,
    /// `src`.
    pub source: Option<IpAddr>,
    /// `metric`.
    pub metric: Option<u32>,
    /// Routing table.
    pub table: u32,
    /// `RT_SCOPE_*`; global when absent, host for this host's own addresses.
    pub scope: Option<u8>,
    /// `RTPROT_*`.
    pub protocol: u8,
    /// The gateway is on this link even if no address says so.
    pub onlink: bool,
    /// `mtu`, `rtt` and their kind.
    pub metrics: Vec<Metric>,
    /// `congctl`.
    pub congestion_control: Option<String>,
    /// `realms`.
    pub realms: Option<u32>,
    /// `expires`, seconds.
    pub expires: Option<u32>,
    /// `pref`: 0 medium, 1 high, 3 low.
    pub preference: Option<u8>,
    /// `ttl-propagate`.
    pub ttl_propagate: Option<bool>,
    /// `encap`.
    pub encapsulation: Option<Encapsulation>,
    /// `nexthop`, if there are several.
    pub next_hops: Vec<NextHop>,
    /// Before or behind others.
    pub placement: Placement,
}

impl RouteSpec {
    /// A unicast route of keepalived's without anything else.
    pub fn to(destination: IpAddr, prefix: u8) -> Self {
        Self {
            kind: UNICAST,
            destination: (destination, prefix),
            from: None,
            tos: 0,
            gateway: None,
            output: None,
            source: None,
            metric: None,
            table: TABLE_MAIN,
            scope: None,
            protocol: crate::route::PROTOCOL_KEEPALIVED,
            onlink: false,
            metrics: Vec::new(),
            congestion_control: None,
            realms: None,
            expires: None,
            preference: None,
            ttl_propagate: None,
            encapsulation: None,
            next_hops: Vec::new(),
            placement: Placement::Prepend,
        }
    }
}

/// What identifies a route that was reported as gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteKey {
    /// Destination and prefix length.
    pub destination: (IpAddr, u8),
    /// Routing table.
    pub table: u32,
    /// Metric; 0 for IPv4 routes without one.
    pub metric: u32,
    /// Type of service; 0 without one.
    pub tos: u8,
}

impl RouteSpec {
    /// What identifies it in the kernel.
    pub fn key(&self) -> RouteKey {
        let default = if self.destination.0.is_ipv6() { IPV6_METRIC } else { 0 };
        RouteKey {
            destination: self.destination,
            table: self.table,
            metric: self.metric.unwrap_or(default),
            tos: self.tos,
        }
    }

    fn message(&self, kind: u16, flags: u16) -> Message {
        let is_ipv4 = self.destination.0.is_ipv4();
        // As the reference: global, except for this host's own, which nothing else can be.
        let scope = self.scope.unwrap_or(if is_ipv4 && self.kind == LOCAL { HOST } else { 0 });
        let fixed = [
            family_of(self.destination.0),
            self.destination.1,
            self.from.map_or(0, |(_, prefix)| prefix),
            self.tos,
            // Tables beyond 255 are only in the attribute.
            u8::try_from(self.table).unwrap_or(0),
            self.protocol,
            scope,
            self.kind,
        ];
        let flag = u32::from(if self.onlink { ONLINK } else { 0 }).to_ne_bytes();
        let mut message = Message::new(kind, flags, &[fixed.as_slice(), &flag].concat());
        message.put_u32(rta::TABLE, self.table);
        if self.destination.1 > 0 {
            message.put_address(rta::DESTINATION, self.destination.0);
        }
        if let Some((from, _)) = self.from {
            message.put_address(rta::SOURCE, from);
        }
        put_gateway(&mut message, self.gateway, is_ipv4);
        if let Some(source) = self.source {
            message.put_address(rta::PREFERRED_SOURCE, source);
        }
        let numbers = [
            (rta::OUTPUT, self.output),
            (rta::PRIORITY, self.metric),
            (rta::FLOW, self.realms),
            (rta::EXPIRES, self.expires),
        ];
        for (kind, value) in numbers {
            if let Some(value) = value {
                message.put_u32(kind, value);
            }
        }
        if let Some(preference) = self.preference {
            message.put_u8(rta::PREFERENCE, preference);
        }
        if let Some(propagate) = self.ttl_propagate {
            message.put_u8(rta::TTL_PROPAGATE, propagate.into());
        }
        if let Some(encapsulation) = &self.encapsulation {
            encapsulation.put(&mut message);
        }
        self.put_metrics(&mut message);
        if !self.next_hops.is_empty() {
            message.plain_nest(rta::MULTIPATH, |list| {
                self.next_hops.iter().for_each(|hop| hop.put(list, is_ipv4));
            });
        }
        message
    }

    fn put_metrics(&self, message: &mut Message) {
        if self.metrics.is_empty() && self.congestion_control.is_none() {
            return;
        }
        message.plain_nest(rta::METRICS, |list| {
            let locked = self
                .metrics
                .iter()
                .filter(|metric| metric.lock)
                .fold(0_u32, |mask, metric| mask | 1_u32.checked_shl(metric.kind.into()).unwrap_or(0));
            if locked != 0 {
                list.put_u32(rtax::LOCK, locked);
            }
            for metric in &self.metrics {
                list.put_u32(metric.kind, metric.value);
            }
            if let Some(name) = &self.congestion_control {
                list.put_text(rtax::CONGESTION_CONTROL, name);
            }
        });
    }

    fn addition(&self) -> Message {
        let flags = match self.placement {
            Placement::Prepend => CREATE,
            Placement::Append => CREATE | APPEND,
            Placement::Alone => CREATE | EXCLUSIVE,
        };
        self.message(libc::RTM_NEWROUTE, flags)
    }
}

/// A gateway of the other family has an attribute of its own.
fn put_gateway(message: &mut Message, gateway: Option<IpAddr>, is_ipv4: bool) {
    match gateway {
        None => {}
        Some(gateway) if gateway.is_ipv4() == is_ipv4 => message.put_address(rta::GATEWAY, gateway),
        Some(gateway) => {
            let mut value = u16::from(family_of(gateway)).to_ne_bytes().to_vec();
            match gateway {
                IpAddr::V4(v4) => value.extend_from_slice(&v4.octets()),
                IpAddr::V6(v6) => value.extend_from_slice(&v6.octets()),
            }
            message.put(rta::VIA, &value);
        }
    }
}

impl NextHop {
    fn put(&self, list: &mut Message, is_ipv4: bool) {
        // The kernel counts weights from 0.
        let weight = u8::try_from(self.weight.saturating_sub(1)).unwrap_or(u8::MAX);
        let flags = if self.onlink { ONLINK } else { 0 };
        let [a, b, c, d] = self.output.unwrap_or(0).to_ne_bytes();
        list.counted(&[0, 0, flags, weight, a, b, c, d], |list| {
            put_gateway(list, self.gateway, is_ipv4);
            if let Some(realms) = self.realms {
                list.put_u32(rta::FLOW, realms);
            }
            if let Some(encapsulation) = &self.encapsulation {
                encapsulation.put(list);
            }
        });
    }
}

impl Encapsulation {
    fn put(&self, message: &mut Message) {
        match self {
            Self::Mpls { labels, ttl } => {
                message.plain_nest(rta::ENCAP, |list| {
                    let mut stack = Vec::new();
                    for (index, label) in labels.iter().enumerate() {
                        let bottom = u32::from(index + 1 == labels.len()) << 8;
                        stack.extend_from_slice(&(label << 12 | bottom).to_be_bytes());
                    }
                    list.put(1, &stack);
                    if let Some(ttl) = ttl {
                        list.put_u8(2, *ttl);
                    }
                });
                message.put_u16(rta::ENCAP_TYPE, 1);
            }
            Self::Ip { ipv6, id, destination, source, tos, ttl, flags } => {
                message.plain_nest(rta::ENCAP, |list| {
                    if let Some(id) = id {
                        list.put(1, &id.to_be_bytes());
                    }
                    if let Some(destination) = destination {
                        list.put_address(2, *destination);
                    }
                    if let Some(source) = source {
                        list.put_address(3, *source);
                    }
                    if let Some(ttl) = ttl {
                        list.put_u8(4, *ttl);
                    }
                    if let Some(tos) = tos {
                        list.put_u8(5, *tos);
                    }
                    if let Some(flags) = flags {
                        list.put(6, &flags.to_be_bytes());
                    }
                });
                message.put_u16(rta::ENCAP_TYPE, if *ipv6 { 4 } else { 2 });
            }
            Self::Ila { locator } => {
                message.plain_nest(rta::ENCAP, |list| list.put(1, &locator.to_be_bytes()));
                message.put_u16(rta::ENCAP_TYPE, 3);
            }
        }
    }
}

impl RouteKey {
    pub(crate) fn from_message(message: &RouteMessage) -> Option<Self> {
        let unspecified = match message.header.address_family {
            AddressFamily::Inet => IpAddr::from([0; 4]),
            AddressFamily::Inet6 => IpAddr::from([0; 16]),
            _ => return None,
        };
        let mut key = Self {
            destination: (unspecified, message.header.destination_prefix_length),
            table: u32::from(message.header.table),
            metric: 0,
            tos: message.header.tos,
        };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(address)) => {
                    key.destination.0 = IpAddr::V4(*address)
                }
                RouteAttribute::Destination(RouteAddress::Inet6(address)) => {
                    key.destination.0 = IpAddr::V6(*address)
                }
                RouteAttribute::Table(table) => key.table = *table,
                RouteAttribute::Priority(metric) => key.metric = *metric,
                _ => {}
            }
        }
        Some(key)
    }
}

impl Route {
    /// Adds routes in order; one result each.
    pub fn add_routes(&self, specs: &[RouteSpec]) -> Vec<Result<(), Error>> {
        self.execute(&specs.iter().map(RouteSpec::addition).collect::<Vec<_>>())
    }

    /// Removes routes in order; one result each.
    pub fn delete_routes(&self, specs: &[RouteSpec]) -> Vec<Result<(), Error>> {
        let message = |spec: &RouteSpec| spec.message(libc::RTM_DELROUTE, 0);
        self.execute(&specs.iter().map(message).collect::<Vec<_>>())
    }
}

/// Attributes of a route.
mod rta {
    pub(super) const DESTINATION: u16 = 1;
    pub(super) const SOURCE: u16 = 2;
    pub(super) const OUTPUT: u16 = 4;
    pub(super) const GATEWAY: u16 = 5;
    pub(super) const PRIORITY: u16 = 6;
    pub(super) const PREFERRED_SOURCE: u16 = 7;
    pub(super) const METRICS: u16 = 8;
    pub(super) const MULTIPATH: u16 = 9;
    pub(super) const FLOW: u16 = 11;
    pub(super) const TABLE: u16 = 15;
    pub(super) const VIA: u16 = 18;
    pub(super) const PREFERENCE: u16 = 20;
    pub(super) const ENCAP_TYPE: u16 = 21;
    pub(super) const ENCAP: u16 = 22;
    pub(super) const EXPIRES: u16 = 23;
    pub(super) const TTL_PROPAGATE: u16 = 26;
}

/// What a route says about connections.
pub mod rtax {
    /// Which of the others the kernel must not change, as bits.
    pub const LOCK: u16 = 1;
    /// `mtu`.
    pub const MTU: u16 = 2;
    /// `window`.
    pub const WINDOW: u16 = 3;
    /// `rtt`, eighths of a millisecond.
    pub const RTT: u16 = 4;
    /// `rttvar`, quarters of a millisecond.
    pub const RTTVAR: u16 = 5;
    /// `ssthresh`.
    pub const SSTHRESH: u16 = 6;
    /// `cwnd`.
    pub const CWND: u16 = 7;
    /// `advmss`.
    pub const ADVMSS: u16 = 8;
    /// `reordering`.
    pub const REORDERING: u16 = 9;
    /// `hoplimit`.
    pub const HOPLIMIT: u16 = 10;
    /// `initcwnd`.
    pub const INITCWND: u16 = 11;
    /// `features`: 1 ecn.
    pub const FEATURES: u16 = 12;
    /// `rto_min`, milliseconds.
    pub const RTO_MIN: u16 = 13;
    /// `initrwnd`.
    pub const INITRWND: u16 = 14;
    /// `quickack`.
    pub const QUICKACK: u16 = 15;
    /// `congctl`.
    pub const CONGESTION_CONTROL: u16 = 16;
    /// `fastopen_no_cookie`.
    pub const FASTOPEN_NO_COOKIE: u16 = 17;
}
