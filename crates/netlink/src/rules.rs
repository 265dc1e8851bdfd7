//! Policy rules: adding and removing single ones. rtnetlink(7), ip-rule(8).

use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::rule::{RuleAttribute, RuleMessage};

use crate::message::{CREATE, EXCLUSIVE, Message};
use crate::route::{AF_INET, AF_INET6, Error, Route};

/// `FIB_RULE_INVERT`.
const INVERT: u32 = 2;

/// A rule to be added or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSpec {
    /// IPv6, even without an address that says so.
    pub ipv6: bool,
    /// `FR_ACT_*`: 1 look into a table, 2 goto, 3 nop, 6 blackhole, 7 unreachable, 8 prohibit.
    pub action: u8,
    /// `not`: what does not match.
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
    pub priority: Option<u32>,
    /// `fwmark` and its mask.
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
    /// `protocol`: who made it.
    pub protocol: u8,
    /// `ipproto`.
    pub ip_protocol: Option<u8>,
    /// `sport`.
    pub source_ports: Option<(u16, u16)>,
    /// `dport`.
    pub destination_ports: Option<(u16, u16)>,
}

impl RuleSpec {
    fn message(&self, kind: u16, flags: u16) -> Message {
        let fixed = [
            if self.ipv6 { AF_INET6 } else { AF_INET },
            self.destination.map_or(0, |(_, prefix)| prefix),
            self.source.map_or(0, |(_, prefix)| prefix),
            self.tos,
            self.table.and_then(|table| u8::try_from(table).ok()).unwrap_or(0),
            0,
            0,
            self.action,
        ];
        let bits = if self.invert { INVERT } else { 0 }.to_ne_bytes();
        let mut message = Message::new(kind, flags, &[fixed.as_slice(), &bits].concat());
        for (kind, address) in [(fra::DESTINATION, self.destination), (fra::SOURCE, self.source)] {
            if let Some((address, _)) = address {
                message.put_address(kind, address);
            }
        }
        for (kind, name) in [(fra::INPUT, &self.input), (fra::OUTPUT, &self.output)] {
            if let Some(name) = name {
                message.put_text(kind, name);
            }
        }
        let numbers = [
            (fra::PRIORITY, self.priority),
            (fra::MARK, self.mark.map(|(mark, _)| mark)),
            (fra::MASK, self.mark.and_then(|(_, mask)| mask)),
            (fra::FLOW, self.realms),
            (fra::TABLE, self.table),
            (fra::GOTO, self.target),
            (fra::SUPPRESS_PREFIX, self.suppress_prefix),
            (fra::SUPPRESS_GROUP, self.suppress_group),
        ];
        for (kind, number) in numbers {
            if let Some(number) = number {
                message.put_u32(kind, number);
            }
        }
        if let Some(tunnel) = self.tunnel {
            message.put(fra::TUNNEL, &tunnel.to_be_bytes());
        }
        if let Some((first, last)) = self.users {
            message.put(fra::USERS, &[first.to_ne_bytes(), last.to_ne_bytes()].concat());
        }
        if self.l3mdev {
            message.put_u8(fra::L3MDEV, 1);
        }
        if let Some(protocol) = self.ip_protocol {
            message.put_u8(fra::IP_PROTOCOL, protocol);
        }
        for (kind, ports) in
            [(fra::SOURCE_PORTS, self.source_ports), (fra::DESTINATION_PORTS, self.destination_ports)]
        {
            if let Some((first, last)) = ports {
                message.put(kind, &[first.to_ne_bytes(), last.to_ne_bytes()].concat());
            }
        }
        message.put_u8(fra::PROTOCOL, self.protocol);
        message
    }

    /// What identifies it in the kernel.
    pub fn key(&self) -> RuleKey {
        RuleKey {
            ipv6: self.ipv6,
            action: self.action,
            source: self.source.filter(|(_, prefix)| *prefix > 0),
            destination: self.destination.filter(|(_, prefix)| *prefix > 0),
            input: self.input.clone(),
            output: self.output.clone(),
            priority: self.priority.unwrap_or(0),
            table: if self.action == 1 { self.table.unwrap_or(0) } else { 0 },
            mark: self.mark.map_or(0, |(mark, _)| mark),
            tos: self.tos,
        }
    }
}

/// What identifies a rule that was reported as gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleKey {
    ipv6: bool,
    action: u8,
    source: Option<(IpAddr, u8)>,
    destination: Option<(IpAddr, u8)>,
    input: Option<String>,
    output: Option<String>,
    priority: u32,
    table: u32,
    mark: u32,
    tos: u8,
}

impl RuleKey {
    pub(crate) fn from_message(message: &RuleMessage) -> Option<Self> {
        let header = &message.header;
        let ipv6 = match header.family {
            AddressFamily::Inet => false,
            AddressFamily::Inet6 => true,
            _ => return None,
        };
        let action = u8::from(header.action);
        let mut key = Self {
            ipv6,
            action,
            source: None,
            destination: None,
            input: None,
            output: None,
            priority: 0,
            table: u32::from(header.table),
            mark: 0,
            tos: header.tos,
        };
        for attribute in &message.attributes {
            match attribute {
                RuleAttribute::Destination(address) => key.destination = Some((*address, header.dst_len)),
                RuleAttribute::Source(address) => key.source = Some((*address, header.src_len)),
                RuleAttribute::Iifname(name) => key.input = Some(name.clone()),
                RuleAttribute::Oifname(name) => key.output = Some(name.clone()),
                RuleAttribute::Priority(priority) => key.priority = *priority,
                RuleAttribute::FwMark(mark) => key.mark = *mark,
                RuleAttribute::Table(table) => key.table = *table,
                _ => {}
            }
        }
        if action != 1 {
            key.table = 0;
        }
        Some(key)
    }
}

impl Route {
    /// Adds rules in order; one result each.
    pub fn add_rules(&self, specs: &[RuleSpec]) -> Vec<Result<(), Error>> {
        let message = |spec: &RuleSpec| spec.message(libc::RTM_NEWRULE, CREATE | EXCLUSIVE);
        self.execute(&specs.iter().map(message).collect::<Vec<_>>())
    }

    /// Removes rules in order; one result each.
    pub fn delete_rules(&self, specs: &[RuleSpec]) -> Vec<Result<(), Error>> {
        let message = |spec: &RuleSpec| spec.message(libc::RTM_DELRULE, 0);
        self.execute(&specs.iter().map(message).collect::<Vec<_>>())
    }
}

/// Attributes of a rule.
mod fra {
    pub(super) const DESTINATION: u16 = 1;
    pub(super) const SOURCE: u16 = 2;
    pub(super) const INPUT: u16 = 3;
    pub(super) const GOTO: u16 = 4;
    pub(super) const PRIORITY: u16 = 6;
    pub(super) const MARK: u16 = 10;
    pub(super) const FLOW: u16 = 11;
    pub(super) const TUNNEL: u16 = 12;
    pub(super) const SUPPRESS_GROUP: u16 = 13;
    pub(super) const SUPPRESS_PREFIX: u16 = 14;
    pub(super) const TABLE: u16 = 15;
    pub(super) const MASK: u16 = 16;
    pub(super) const OUTPUT: u16 = 17;
    pub(super) const L3MDEV: u16 = 19;
    pub(super) const USERS: u16 = 20;
    pub(super) const PROTOCOL: u16 = 21;
    pub(super) const IP_PROTOCOL: u16 = 22;
    pub(super) const SOURCE_PORTS: u16 = 23;
    pub(super) const DESTINATION_PORTS: u16 = 24;
}
