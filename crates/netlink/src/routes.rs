//! Routes: adding and removing single ones. rtnetlink(7), ip-route(8).

use std::net::IpAddr;

use netlink_packet_core::NLM_F_CREATE;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::route::{Error, Route};

/// The main routing table.
pub const TABLE_MAIN: u32 = 254;
/// The metric that the kernel gives IPv6 routes without one.
const IPV6_METRIC: u32 = 1024;

/// A route to be added or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// `RTN_*`: 1 unicast, 6 blackhole, 7 unreachable, 8 prohibit, 9 throw.
    pub kind: u8,
    /// Destination and prefix length.
    pub destination: (IpAddr, u8),
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
    /// `RT_SCOPE_*`; chosen as ip-route(8) does when absent.
    pub scope: Option<u8>,
    /// `RTPROT_*`.
    pub protocol: u8,
    /// The gateway is on this link even if no address says so.
    pub onlink: bool,
    /// `mtu`.
    pub mtu: Option<u32>,
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
}

impl RouteSpec {
    /// What identifies it in the kernel.
    pub fn key(&self) -> RouteKey {
        let default = if self.destination.0.is_ipv6() { IPV6_METRIC } else { 0 };
        RouteKey { destination: self.destination, table: self.table, metric: self.metric.unwrap_or(default) }
    }

    fn message(&self) -> RouteMessage {
        let mut message = RouteMessage::default();
        let is_ipv4 = self.destination.0.is_ipv4();
        let header = &mut message.header;
        header.address_family = if is_ipv4 { AddressFamily::Inet } else { AddressFamily::Inet6 };
        header.destination_prefix_length = self.destination.1;
        // Tables beyond 255 are only in the attribute.
        header.table = u8::try_from(self.table).unwrap_or(0);
        header.protocol = RouteProtocol::from(self.protocol);
        header.kind = RouteType::from(self.kind);
        // A unicast route without gateway leads to the link.
        let link = is_ipv4 && self.kind == 1 && self.gateway.is_none();
        header.scope = RouteScope::from(self.scope.unwrap_or(if link { 253 } else { 0 }));
        if self.onlink {
            header.flags |= RouteFlags::Onlink;
        }
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Table(self.table));
        if self.destination.1 > 0 {
            attributes.push(RouteAttribute::Destination(RouteAddress::from(self.destination.0)));
        }
        attributes.extend(self.gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
        attributes.extend(self.source.map(|source| RouteAttribute::PrefSource(source.into())));
        attributes.extend(self.output.map(RouteAttribute::Oif));
        attributes.extend(self.metric.map(RouteAttribute::Priority));
        attributes.extend(self.mtu.map(|mtu| RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)])));
        message
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
    /// Adds routes in order, before others to the same destination; one result each.
    pub async fn add_routes(&self, specs: &[RouteSpec]) -> Vec<Result<(), Error>> {
        let messages = specs.iter().map(|spec| (RouteNetlinkMessage::NewRoute(spec.message()), NLM_F_CREATE));
        self.acknowledged(messages).await
    }

    /// Removes routes in order; one result each.
    pub async fn delete_routes(&self, specs: &[RouteSpec]) -> Vec<Result<(), Error>> {
        let messages = specs.iter().map(|spec| (RouteNetlinkMessage::DelRoute(spec.message()), 0));
        self.acknowledged(messages).await
    }
}
