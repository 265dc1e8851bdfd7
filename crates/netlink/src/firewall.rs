//! nf_tables as VRRP needs it: packets to and from virtual addresses are dropped (`no_accept`), and group reports of VMACs
//! leave by the interface below. keepalived.conf(5), `nftables`.
//!
//! One table for each family, made when it is first needed and removed at the end. A change is one batch: the kernel does
//! all of it or nothing. Numbers and order of attributes are those of nfnetlink(7) and linux/netfilter/nf_tables.h.

use std::net::{IpAddr, Ipv6Addr};

use nix::sys::socket::SockProtocol;

use crate::channel::Channel;
use crate::message::{APPEND, CREATE, EXCLUSIVE, Message};
use crate::route::{AF_INET, AF_INET6, Error};

/// What `nftables`, `nftables_priority`, `nftables_counters` and `nftables_ifindex` say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Name of the tables.
    pub table: String,
    /// Priority of the chains.
    pub priority: i32,
    /// Rules count their packets.
    pub counters: bool,
    /// Interfaces of VMACs are known by index, not by name.
    pub by_index: bool,
}

/// A link-local address belongs to one interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// By its index.
    Index(u32),
    /// By its name, which also fits an interface that is made anew.
    Name(String),
}

/// An address that takes no packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The address.
    pub address: IpAddr,
    /// Its interface; matters for link-local addresses.
    pub scope: Scope,
}

/// A VMAC whose group reports go out below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vmac {
    /// IPv6 instances.
    pub ipv6: bool,
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Index of the interface below.
    pub base: u32,
    /// The link-local address of the interface below, which the VMAC shares.
    pub shared: Option<Ipv6Addr>,
}

/// What was made so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Made {
    table: bool,
    vips: bool,
    by_index: bool,
    by_name: bool,
    vmacs: bool,
}

/// The tables of one process.
#[derive(Debug)]
pub struct Firewall {
    channel: Channel,
    settings: Settings,
    ipv4: Made,
    ipv6: Made,
    next_set: u32,
}

const OUT: &str = "out";
const IN: &str = "in";
const OUT_LINK_LOCAL: &str = "out_link_local";
const IN_LINK_LOCAL: &str = "in_link_local";
const VIPS: &str = "vips";
const BY_INDEX: &str = "vips_link_local";
const BY_NAME: &str = "vips_link_local_name";
const VMAC_MAP: &str = "vmac_map";
const VMAC_SET: &str = "vmac_set";
const PARENT_LINK_LOCAL: &str = "parent_link_local";

impl Firewall {
    /// Opens the socket and removes tables of that name, which an earlier life left behind.
    pub fn open(settings: Settings) -> std::io::Result<Self> {
        let firewall = Self {
            channel: Channel::open(SockProtocol::NetlinkNetFilter)?,
            settings,
            ipv4: Made::default(),
            ipv6: Made::default(),
            next_set: 0,
        };
        for family in [AF_INET, AF_INET6] {
            // Without a table of that name the batch fails, and nothing is lost.
            let _ = firewall.commit(vec![firewall.table(DELTABLE, family, 0)]);
        }
        Ok(firewall)
    }

    /// The name of its tables.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Packets to and from these addresses are dropped from now on.
    pub fn block(&mut self, addresses: &[Blocked]) -> Result<(), Error> {
        let mut batch = Vec::new();
        let before = (self.ipv4, self.ipv6);
        for address in addresses {
            match address.address {
                IpAddr::V4(_) => self.need_ipv4_vips(&mut batch),
                IpAddr::V6(v6) => {
                    self.need_ipv6_vips(&mut batch);
                    if v6.is_unicast_link_local() {
                        self.need_link_local(&address.scope, &mut batch);
                    }
                }
            }
        }
        batch.extend(self.elements(NEWSETELEM, CREATE, addresses));
        self.try_commit(batch, before)
    }

    /// Packets to and from these addresses are taken again.
    pub fn unblock(&mut self, addresses: &[Blocked]) -> Result<(), Error> {
        let made = |made: Made, address: &Blocked| match (&address.scope, address.address) {
            (scope, IpAddr::V6(v6)) if v6.is_unicast_link_local() => match scope {
                Scope::Index(_) => made.by_index,
                Scope::Name(_) => made.by_name,
            },
            (_, _) => made.vips,
        };
        let known: Vec<Blocked> = addresses
            .iter()
            .filter(|address| made(if address.address.is_ipv4() { self.ipv4 } else { self.ipv6 }, address))
            .cloned()
            .collect();
        let batch = self.elements(DELSETELEM, 0, &known);
        self.commit(batch)
    }

    /// Group reports of this VMAC leave by the interface below.
    pub fn add_vmac(&mut self, vmac: &Vmac) -> Result<(), Error> {
        let mut batch = Vec::new();
        let before = (self.ipv4, self.ipv6);
        if vmac.ipv6 {
            self.need_ipv6_vmacs(&mut batch)
        } else {
            self.need_ipv4_vmacs(&mut batch)
        }
        batch.extend(self.vmac_elements(NEWSETELEM, CREATE, vmac));
        self.try_commit(batch, before)
    }

    /// The VMAC goes.
    pub fn remove_vmac(&mut self, vmac: &Vmac) -> Result<(), Error> {
        if !(if vmac.ipv6 { self.ipv6 } else { self.ipv4 }).vmacs {
            return Ok(());
        }
        let batch = self.vmac_elements(DELSETELEM, 0, vmac);
        self.commit(batch)
    }

    /// Removes the tables.
    pub fn remove(&mut self) -> Result<(), Error> {
        let mut batch = Vec::new();
        for (family, made) in [(AF_INET, self.ipv4), (AF_INET6, self.ipv6)] {
            if made.table {
                batch.push(self.table(DELTABLE, family, 0));
            }
        }
        (self.ipv4, self.ipv6) = (Made::default(), Made::default());
        self.commit(batch)
    }

    fn try_commit(&mut self, batch: Vec<Message>, before: (Made, Made)) -> Result<(), Error> {
        let result = self.commit(batch);
        if result.is_err() {
            (self.ipv4, self.ipv6) = before;
        }
        result
    }

    fn commit(&self, batch: Vec<Message>) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        // The resource of a batch is its subsystem.
        let mut whole = vec![Message::new(BATCH_BEGIN, 0, &[0, 0, 0, SUBSYSTEM])];
        whole.extend(batch);
        whole.push(Message::new(BATCH_END, 0, &[0, 0, 0, SUBSYSTEM]));
        self.channel.batch(&whole)
    }

    fn request(&self, kind: u16, family: u8, flags: u16) -> Message {
        Message::new(u16::from(SUBSYSTEM) << 8 | kind, flags, &[family, 0, 0, 0])
    }

    fn table(&self, kind: u16, family: u8, flags: u16) -> Message {
        let mut message = self.request(kind, family, flags);
        message.put_text(1, &self.settings.table);
        message
    }

    /// A chain; `hook` of those that packets reach by themselves.
    fn chain(&self, family: u8, name: &str, hook: Option<u32>) -> Message {
        let mut message = self.request(NEWCHAIN, family, CREATE);
        message.put_text(1, &self.settings.table);
        message.put_text(3, name);
        if let Some(hook) = hook {
            message.nest(4, |nest| {
                nest.put_be32(1, hook);
                nest.put(2, &self.settings.priority.to_be_bytes());
            });
            // Policy accept.
            message.put_be32(5, 1);
            message.put_text(7, "filter");
        }
        message
    }

    fn set(&mut self, family: u8, set: &Set<'_>) -> Message {
        self.next_set += 1;
        let mut message = self.request(NEWSET, family, CREATE);
        message.put_text(1, &self.settings.table);
        message.put_text(2, set.name);
        if set.flags != 0 {
            message.put_be32(3, set.flags);
        }
        message.put_be32(4, set.key_type);
        message.put_be32(5, set.key_length);
        if let Some((kind, length)) = set.data {
            message.put_be32(6, kind);
            message.put_be32(7, length);
        }
        message.put_be32(10, self.next_set);
        // For nft(8): how to show keys, and data.
        let mut shown = vec![0, 4, set.byte_order, 0, 0, 0];
        if set.data.is_some() {
            shown.extend_from_slice(&[1, 4, 1, 0, 0, 0]);
        }
        message.put(13, &shown);
        message
    }

    fn rule(&self, family: u8, chain: &str, expressions: &[Expression<'_>]) -> Message {
        let mut message = self.request(NEWRULE, family, CREATE | APPEND);
        message.put_text(1, &self.settings.table);
        message.put_text(2, chain);
        message.nest(4, |list| {
            for expression in expressions {
                if self.settings.counters && matches!(expression, Expression::Verdict(..)) {
                    Expression::Counter.put(list);
                }
                expression.put(list);
            }
        });
        message
    }

    fn set_elements(&self, kind: u16, flags: u16, family: u8, set: &str, elements: &[Element]) -> Message {
        let mut message = self.request(kind, family, flags);
        message.put_text(1, &self.settings.table);
        message.put_text(2, set);
        message.nest(3, |list| {
            for (key, data) in elements {
                list.nest(1, |element| {
                    element.nest(1, |value| value.put(1, key));
                    if let Some(data) = data {
                        element.nest(2, |value| value.put_u32(1, *data));
                    }
                });
            }
        });
        message
    }

    fn elements(&self, kind: u16, flags: u16, addresses: &[Blocked]) -> Vec<Message> {
        let flags = if kind == NEWSETELEM { flags | EXCLUSIVE } else { flags };
        let mut groups: [(u8, &str, Vec<Element>); 4] = [
            (AF_INET, VIPS, Vec::new()),
            (AF_INET6, VIPS, Vec::new()),
            (AF_INET6, BY_INDEX, Vec::new()),
            (AF_INET6, BY_NAME, Vec::new()),
        ];
        for address in addresses {
            let (group, key) = match (address.address, &address.scope) {
                (IpAddr::V4(v4), _) => (0, v4.octets().to_vec()),
                (IpAddr::V6(v6), Scope::Index(index)) if v6.is_unicast_link_local() => {
                    (2, [v6.octets().as_slice(), &index.to_ne_bytes()].concat())
                }
                (IpAddr::V6(v6), Scope::Name(name)) if v6.is_unicast_link_local() => {
                    (3, [v6.octets().as_slice(), &padded(name)].concat())
                }
                (IpAddr::V6(v6), _) => (1, v6.octets().to_vec()),
            };
            if let Some((_, _, list)) = groups.get_mut(group) {
                list.push((key, None));
            }
        }
        let filled = groups.iter().filter(|(_, _, list)| !list.is_empty());
        // A message's attributes have 16 bits of length.
        filled
            .flat_map(|(family, set, list)| {
                list.chunks(512).map(|part| self.set_elements(kind, flags, *family, set, part))
            })
            .collect()
    }

    fn need_table(&mut self, family: u8, batch: &mut Vec<Message>) {
        let made = if family == AF_INET { &mut self.ipv4 } else { &mut self.ipv6 };
        if std::mem::replace(&mut made.table, true) {
            return;
        }
        batch.push(self.table(NEWTABLE, family, CREATE));
        batch.push(self.chain(family, OUT, Some(HOOK_OUTPUT)));
        if family == AF_INET6 {
            let (key, key_type, key_length) = if self.settings.by_index {
                (META_OUTPUT, INTERFACE_INDEX, 20)
            } else {
                (META_OUTPUT_NAME, INTERFACE_NAME, 32)
            };
            let set = Set {
                name: PARENT_LINK_LOCAL,
                flags: 0,
                key_type: IPV6_ADDRESS << 6 | key_type,
                key_length,
                data: None,
                byte_order: HOST_ORDER,
            };
            batch.push(self.set(family, &set));
            // A neighbour advert for the address that a VMAC shares with the interface below is that one's to send.
            batch.push(self.rule(
                family,
                OUT,
                &[
                    Expression::Meta { key: META_PROTOCOL, register: 1 },
                    Expression::Equal { register: 1, value: &[PROTOCOL_ICMPV6] },
                    Expression::Payload { base: TRANSPORT, offset: 0, length: 1 },
                    Expression::Equal { register: 1, value: &[NEIGHBOUR_ADVERT] },
                    Expression::Meta { key: META_OUTPUT_KIND, register: 2 },
                    Expression::Equal { register: 2, value: &padded("macvlan") },
                    Expression::Payload { base: NETWORK, offset: 8, length: 16 },
                    Expression::Meta { key, register: 2 },
                    Expression::Lookup { set: PARENT_LINK_LOCAL, register: 1, into: None },
                    Expression::Verdict(DROP, None),
                ],
            ));
        }
    }

    fn need_ipv4_vips(&mut self, batch: &mut Vec<Message>) {
        self.need_table(AF_INET, batch);
        if std::mem::replace(&mut self.ipv4.vips, true) {
            return;
        }
        batch.push(self.chain(AF_INET, IN, Some(HOOK_INPUT)));
        let set = Set {
            name: VIPS,
            flags: 0,
            key_type: IPV4_ADDRESS,
            key_length: 4,
            data: None,
            byte_order: NETWORK_ORDER,
        };
        batch.push(self.set(AF_INET, &set));
        for (chain, offset) in [(IN, 16), (OUT, 12)] {
            batch.push(self.rule(
                AF_INET,
                chain,
                &[
                    Expression::Payload { base: NETWORK, offset, length: 4 },
                    Expression::Lookup { set: VIPS, register: 1, into: None },
                    Expression::Verdict(DROP, None),
                ],
            ));
        }
    }

    fn need_ipv6_vips(&mut self, batch: &mut Vec<Message>) {
        self.need_table(AF_INET6, batch);
        if std::mem::replace(&mut self.ipv6.vips, true) {
            return;
        }
        let family = AF_INET6;
        batch.push(self.chain(family, IN, Some(HOOK_INPUT)));
        batch.push(self.chain(family, IN_LINK_LOCAL, None));
        batch.push(self.chain(family, OUT_LINK_LOCAL, None));
        let vips = Set {
            name: VIPS,
            flags: 0,
            key_type: IPV6_ADDRESS,
            key_length: 16,
            data: None,
            byte_order: NETWORK_ORDER,
        };
        batch.push(self.set(family, &vips));
        let discovery = "neighbor-discovery";
        let set = Set {
            name: discovery,
            flags: SET_CONSTANT,
            key_type: ICMPV6_TYPE,
            key_length: 1,
            data: None,
            byte_order: HOST_ORDER,
        };
        batch.push(self.set(family, &set));
        let types = [(vec![NEIGHBOUR_SOLICIT], None), (vec![NEIGHBOUR_ADVERT], None)];
        batch.push(self.constant_elements(family, discovery, &types));
        let mask = Ipv6Addr::new(0xffc0, 0, 0, 0, 0, 0, 0, 0).octets();
        let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0).octets();
        for (chain, offset, link_local_chain) in [(IN, 24, IN_LINK_LOCAL), (OUT, 8, OUT_LINK_LOCAL)] {
            batch.push(self.rule(
                family,
                chain,
                &[
                    Expression::Payload { base: NETWORK, offset: 6, length: 1 },
                    Expression::Equal { register: 1, value: &[PROTOCOL_ICMPV6] },
                    Expression::Payload { base: TRANSPORT, offset: 0, length: 1 },
                    Expression::Lookup { set: discovery, register: 1, into: None },
                    Expression::Verdict(ACCEPT, None),
                ],
            ));
            batch.push(self.rule(
                family,
                chain,
                &[
                    Expression::Payload { base: NETWORK, offset, length: 16 },
                    Expression::Mask(&mask),
                    Expression::Equal { register: 1, value: &link_local },
                    Expression::Verdict(GOTO, Some(link_local_chain)),
                ],
            ));
        }
        for (chain, offset) in [(IN, 24), (OUT, 8)] {
            batch.push(self.rule(
                family,
                chain,
                &[
                    Expression::Payload { base: NETWORK, offset, length: 16 },
                    Expression::Lookup { set: VIPS, register: 1, into: None },
                    Expression::Verdict(DROP, None),
                ],
            ));
        }
    }

    fn need_link_local(&mut self, scope: &Scope, batch: &mut Vec<Message>) {
        let (made, name, key_type, key_length, keys) = match scope {
            Scope::Index(_) => (
                &mut self.ipv6.by_index,
                BY_INDEX,
                IPV6_ADDRESS << 6 | INTERFACE_INDEX,
                20,
                [META_INPUT, META_OUTPUT],
            ),
            Scope::Name(_) => (
                &mut self.ipv6.by_name,
                BY_NAME,
                IPV6_ADDRESS << 6 | INTERFACE_NAME,
                32,
                [META_INPUT_NAME, META_OUTPUT_NAME],
            ),
        };
        if std::mem::replace(made, true) {
            return;
        }
        let set = Set { name, flags: 0, key_type, key_length, data: None, byte_order: HOST_ORDER };
        batch.push(self.set(AF_INET6, &set));
        for ((chain, offset), key) in [(IN_LINK_LOCAL, 24), (OUT_LINK_LOCAL, 8)].into_iter().zip(keys) {
            batch.push(self.rule(
                AF_INET6,
                chain,
                &[
                    Expression::Payload { base: NETWORK, offset, length: 16 },
                    Expression::Meta { key, register: 2 },
                    Expression::Lookup { set: name, register: 1, into: None },
                    Expression::Verdict(DROP, None),
                ],
            ));
        }
    }

    fn vmac_map(&mut self, family: u8) -> Message {
        let set = Set {
            name: VMAC_MAP,
            flags: SET_MAP,
            key_type: INTERFACE_INDEX,
            key_length: 4,
            data: Some((INTERFACE_INDEX, 4)),
            byte_order: HOST_ORDER,
        };
        self.set(family, &set)
    }

    /// IGMP of a macvlan of ours leaves by the interface below instead.
    fn need_ipv4_vmacs(&mut self, batch: &mut Vec<Message>) {
        self.need_table(AF_INET, batch);
        if std::mem::replace(&mut self.ipv4.vmacs, true) {
            return;
        }
        batch.push(self.vmac_map(AF_INET));
        batch.push(self.rule(
            AF_INET,
            OUT,
            &[
                Expression::Payload { base: NETWORK, offset: 9, length: 1 },
                Expression::Equal { register: 1, value: &[PROTOCOL_IGMP] },
                Expression::Payload { base: NETWORK, offset: 16, length: 4 },
                Expression::Meta { key: META_OUTPUT_KIND, register: 2 },
                Expression::Equal { register: 2, value: &padded("macvlan") },
                Expression::Meta { key: META_OUTPUT, register: 2 },
                Expression::Lookup { set: VMAC_MAP, register: 2, into: Some(2) },
                Expression::Duplicate,
                Expression::Verdict(DROP, None),
            ],
        ));
    }

    /// The same for MLD; router solicitations of such a macvlan are nobody's business.
    fn need_ipv6_vmacs(&mut self, batch: &mut Vec<Message>) {
        self.need_table(AF_INET6, batch);
        if std::mem::replace(&mut self.ipv6.vmacs, true) {
            return;
        }
        let family = AF_INET6;
        batch.push(self.vmac_map(family));
        let vmacs = Set {
            name: VMAC_SET,
            flags: 0,
            key_type: INTERFACE_INDEX,
            key_length: 4,
            data: None,
            byte_order: HOST_ORDER,
        };
        batch.push(self.set(family, &vmacs));
        let report = "mld-report";
        let set = Set {
            name: report,
            flags: SET_CONSTANT,
            key_type: ICMPV6_TYPE,
            key_length: 1,
            data: None,
            byte_order: HOST_ORDER,
        };
        batch.push(self.set(family, &set));
        batch.push(self.constant_elements(
            family,
            report,
            &[(vec![MLD2_REPORT], None), (vec![MLD_REPORT], None)],
        ));
        let icmp = [
            Expression::Meta { key: META_PROTOCOL, register: 1 },
            Expression::Equal { register: 1, value: &[PROTOCOL_ICMPV6] },
            Expression::Payload { base: TRANSPORT, offset: 0, length: 1 },
        ];
        let macvlan = padded("macvlan");
        let mut reports = icmp.to_vec();
        reports.extend([
            Expression::Lookup { set: report, register: 1, into: None },
            Expression::Payload { base: NETWORK, offset: 24, length: 16 },
            Expression::Meta { key: META_OUTPUT_KIND, register: 2 },
            Expression::Equal { register: 2, value: &macvlan },
            Expression::Meta { key: META_OUTPUT, register: 2 },
            Expression::Lookup { set: VMAC_MAP, register: 2, into: Some(2) },
            Expression::Duplicate,
            Expression::Verdict(DROP, None),
        ]);
        batch.push(self.rule(family, OUT, &reports));
        let mut solicits = icmp.to_vec();
        solicits.extend([
            Expression::Equal { register: 1, value: &[ROUTER_SOLICIT] },
            Expression::Meta { key: META_OUTPUT_KIND, register: 2 },
            Expression::Equal { register: 2, value: &macvlan },
            Expression::Meta { key: META_OUTPUT, register: 2 },
            Expression::Lookup { set: VMAC_SET, register: 2, into: None },
            Expression::Verdict(DROP, None),
        ]);
        batch.push(self.rule(family, OUT, &solicits));
    }

    fn constant_elements(&self, family: u8, set: &str, elements: &[Element]) -> Message {
        let mut message = self.set_elements(NEWSETELEM, CREATE, family, set, elements);
        // A constant set takes elements in the batch that makes it only, and is found by its number.
        message.put_be32(4, self.next_set);
        message
    }

    fn vmac_elements(&self, kind: u16, flags: u16, vmac: &Vmac) -> Vec<Message> {
        let index = vmac.index.to_ne_bytes().to_vec();
        let family = if vmac.ipv6 { AF_INET6 } else { AF_INET };
        let mut list =
            vec![self.set_elements(kind, flags, family, VMAC_MAP, &[(index.clone(), Some(vmac.base))])];
        if vmac.ipv6 {
            list.push(self.set_elements(kind, flags, family, VMAC_SET, &[(index.clone(), None)]));
            if let Some(shared) = vmac.shared {
                let interface = if self.settings.by_index { index } else { padded(&vmac.name).to_vec() };
                let key = [shared.octets().as_slice(), &interface].concat();
                list.push(self.set_elements(kind, flags, family, PARENT_LINK_LOCAL, &[(key, None)]));
            }
        }
        list
    }
}

/// An element of a set: its key, and what a map has for it.
type Element = (Vec<u8>, Option<u32>);

struct Set<'a> {
    name: &'a str,
    flags: u32,
    key_type: u32,
    key_length: u32,
    data: Option<(u32, u32)>,
    byte_order: u8,
}

/// A step of a rule. Registers 1 and 2 have 16 bytes each and lie side by side.
#[derive(Clone, Copy, Debug)]
enum Expression<'a> {
    /// Bytes of the packet into register 1.
    Payload { base: u32, offset: u32, length: u32 },
    /// What is known about the packet into a register.
    Meta { key: u32, register: u32 },
    /// Goes on if a register holds this.
    Equal { register: u32, value: &'a [u8] },
    /// Masks the 16 bytes of register 1.
    Mask(&'a [u8; 16]),
    /// Goes on if a register's value is in the set; what belongs to it goes `into` another.
    Lookup { set: &'a str, register: u32, into: Option<u32> },
    /// A copy of the packet to the address in register 1 leaves by the interface in register 2.
    Duplicate,
    /// Counts.
    Counter,
    /// Ends here, or in another chain.
    Verdict(i32, Option<&'a str>),
}

impl Expression<'_> {
    fn put(&self, list: &mut Message) {
        let mut add = |name: &str, fill: &dyn Fn(&mut Message)| {
            list.nest(1, |element| {
                element.put_text(1, name);
                element.nest(2, |data| fill(data));
            });
        };
        match *self {
            Self::Payload { base, offset, length } => add("payload", &|data| {
                for (kind, value) in [(1, 1), (2, base), (3, offset), (4, length)] {
                    data.put_be32(kind, value);
                }
            }),
            Self::Meta { key, register } => add("meta", &|data| {
                data.put_be32(2, key);
                data.put_be32(1, register);
            }),
            Self::Equal { register, value } => add("cmp", &|data| {
                data.put_be32(1, register);
                data.put_be32(2, 0);
                data.nest(3, |nest| nest.put(1, value));
            }),
            Self::Mask(mask) => add("bitwise", &|data| {
                for (kind, value) in [(1, 1), (2, 1), (3, 16)] {
                    data.put_be32(kind, value);
                }
                data.nest(4, |nest| nest.put(1, mask));
                data.nest(5, |nest| nest.put(1, &[0; 16]));
            }),
            Self::Lookup { set, register, into } => add("lookup", &|data| {
                data.put_be32(2, register);
                if let Some(into) = into {
                    data.put_be32(3, into);
                }
                data.put_text(1, set);
            }),
            Self::Duplicate => add("dup", &|data| {
                data.put_be32(1, 1);
                data.put_be32(2, 2);
            }),
            Self::Counter => add("counter", &|_| {}),
            Self::Verdict(code, chain) => add("immediate", &|data| {
                data.put_be32(1, 0);
                data.nest(2, |nest| {
                    nest.nest(2, |verdict| {
                        verdict.put(1, &code.to_be_bytes());
                        if let Some(chain) = chain {
                            verdict.put_text(2, chain);
                        }
                    });
                });
            }),
        }
    }
}

/// A name in the 16 bytes that the kernel keeps for it.
fn padded(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(name.bytes().take(15)) {
        *to = from;
    }
    bytes
}

const SUBSYSTEM: u8 = 10;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const NEWTABLE: u16 = 0;
const DELTABLE: u16 = 2;
const NEWCHAIN: u16 = 3;
const NEWRULE: u16 = 6;
const NEWSET: u16 = 9;
const NEWSETELEM: u16 = 12;
const DELSETELEM: u16 = 14;

const HOOK_INPUT: u32 = 1;
const HOOK_OUTPUT: u32 = 3;

const DROP: i32 = 0;
const ACCEPT: i32 = 1;
const GOTO: i32 = -4;

const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;

const META_INPUT: u32 = 4;
const META_OUTPUT: u32 = 5;
const META_INPUT_NAME: u32 = 6;
const META_OUTPUT_NAME: u32 = 7;
const META_PROTOCOL: u32 = 16;
const META_OUTPUT_KIND: u32 = 27;

const SET_CONSTANT: u32 = 2;
const SET_MAP: u32 = 8;

/// nft(8)'s numbers of data types, and how it shows them.
const IPV4_ADDRESS: u32 = 7;
const IPV6_ADDRESS: u32 = 8;
const INTERFACE_INDEX: u32 = 20;
const ICMPV6_TYPE: u32 = 29;
const INTERFACE_NAME: u32 = 41;
const HOST_ORDER: u8 = 1;
const NETWORK_ORDER: u8 = 2;

const PROTOCOL_IGMP: u8 = 2;
const PROTOCOL_ICMPV6: u8 = 58;
const MLD_REPORT: u8 = 131;
const ROUTER_SOLICIT: u8 = 133;
const NEIGHBOUR_SOLICIT: u8 = 135;
const NEIGHBOUR_ADVERT: u8 = 136;
const MLD2_REPORT: u8 = 143;
