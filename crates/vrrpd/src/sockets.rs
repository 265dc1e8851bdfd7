//! Which instance sends and receives by which socket pair, and which instance a received advert is for.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use keepalived_config::resolved::{ReceiveBuffer, VrrpInstance};
use netlink::socket::{Endpoint, Kind, PairId, Received, Sockets};
use vrrp::packet::{Datagram, PROTOCOL, PROTOCOL_AH};
use vrrp::{Family, InstanceId, Router};

use crate::interfaces::Interfaces;
use crate::log::{detail, normal};
use crate::setup;
use crate::shell::SockpoolLog;

/// The socket pairs of all instances.
#[derive(Debug)]
pub(crate) struct SocketTable {
    sockets: Sockets,
    /// For each instance the pair that it uses; `None` while its interface is missing or it has no address.
    pairs: Vec<Option<PairId>>,
    /// The instances that a VRID on a pair is for.
    instances: HashMap<(PairId, u8), Vec<InstanceId>>,
    complaints: Limiter,
}

/// A row of the socket pool, for the dump.
pub(crate) struct Row<'a> {
    pub(crate) fds: (RawFd, RawFd),
    pub(crate) interface: String,
    pub(crate) family: Family,
    pub(crate) protocol: u8,
    pub(crate) multicast: bool,
    pub(crate) instances: Vec<(&'a str, u8)>,
}

impl SocketTable {
    /// No sockets. Call it in a tokio runtime.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            sockets: Sockets::new()?,
            pairs: Vec::new(),
            instances: HashMap::new(),
            complaints: Limiter::default(),
        })
    }

    /// Opens what the instances need and closes what none of them needs.
    pub(crate) fn update(
        &mut self,
        instances: &[VrrpInstance],
        router: &Router,
        interfaces: &Interfaces,
        log: SockpoolLog,
    ) {
        let wanted: Vec<Option<(Endpoint, Option<u8>)>> = instances
            .iter()
            .enumerate()
            .map(|(index, instance)| {
                endpoint(instance, router.instance(InstanceId(index))?.source(), interfaces)
            })
            .collect();
        let needed = |pair: &netlink::socket::Pair| {
            wanted.iter().flatten().any(|(endpoint, _)| endpoint == pair.endpoint())
        };
        self.sockets.retain(|_, pair| needed(pair));
        let before: Vec<PairId> = self.sockets.pairs().map(|(id, _)| id).collect();
        self.pairs = wanted
            .iter()
            .zip(instances)
            .map(|(wanted, instance)| {
                let (endpoint, ttl) = wanted.as_ref()?;
                match self.sockets.open(endpoint, *ttl) {
                    Ok(id) => Some(id),
                    Err(error) => {
                        normal!("({}) cannot open sockets: {error}", instance.name);
                        None
                    }
                }
            })
            .collect();
        self.instances.clear();
        for (index, (pair, instance)) in self.pairs.iter().zip(instances).enumerate() {
            if let Some(pair) = pair {
                let of = self.instances.entry((*pair, instance.virtual_router_id)).or_default();
                of.push(InstanceId(index));
            }
        }
        for (id, pair) in self.sockets.pairs() {
            match log {
                SockpoolLog::None => {}
                SockpoolLog::New if before.contains(&id) => {}
                SockpoolLog::New | SockpoolLog::All => log_pair(pair),
            }
        }
    }

    /// Receive buffers as `vrrp_rx_bufs_policy` and `kernel_rx_buf_size` say; ours are larger otherwise.
    pub(crate) fn size_buffers(
        &self,
        instances: &[VrrpInstance],
        policy: Option<(ReceiveBuffer, u32)>,
        interfaces: &Interfaces,
    ) {
        for (id, pair) in self.sockets.pairs() {
            let users = self.pairs.iter().zip(instances).filter(|(used, _)| **used == Some(id));
            let bytes = users.map(|(_, instance)| {
                let mtu = interfaces.by_name(instance.advert_interface()).map_or(1500, |link| link.mtu);
                match (instance.receive_buffer, policy) {
                    (Some(bytes), _) | (None, Some((ReceiveBuffer::Bytes(bytes), _))) => bytes,
                    (None, Some((ReceiveBuffer::Mtu, times))) => mtu.saturating_mul(times),
                    (None, Some((ReceiveBuffer::Advert, times))) => {
                        advert_length(instance).saturating_mul(times)
                    }
                    (None, None) => 0,
                }
            });
            let bytes = bytes.fold(0_u32, u32::saturating_add);
            if bytes > 0
                && let Err(error) = pair.set_receive_buffer(bytes)
            {
                normal!("vrrp receive buffer of {bytes} bytes: {error}");
            }
        }
    }

    /// Closes everything.
    pub(crate) fn close(&mut self) {
        self.pairs.clear();
        self.instances.clear();
        self.sockets.retain(|_, _| false);
    }

    /// True when an instance that should have sockets has none.
    pub(crate) fn lacks(&self, id: InstanceId) -> bool {
        !matches!(self.pairs.get(id.0), Some(Some(_)))
    }

    /// The descriptors of an instance's pair.
    pub(crate) fn fds(&self, id: InstanceId) -> Option<(RawFd, RawFd)> {
        Some(self.sockets.pair(self.pairs.get(id.0).copied()??)?.fds())
    }

    /// Sends an advert of an instance.
    pub(crate) fn send(
        &self,
        id: InstanceId,
        source: IpAddr,
        destination: IpAddr,
        datagram: &[u8],
    ) -> io::Result<()> {
        match self.pairs.get(id.0).copied().flatten().and_then(|pair| self.sockets.pair(pair)) {
            Some(pair) => pair.send(source, destination, datagram),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Waits until something can be received. Cancel safe.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.sockets.readable().await
    }

    /// Receives up to `limit` datagrams and gives each to the instance that it is for.
    pub(crate) fn receive(
        &mut self,
        limit: usize,
        router: &mut Router,
        log_unknown: bool,
        mut each: impl FnMut(&mut Router, InstanceId, Datagram<'_>),
    ) {
        let (instances, complaints) = (&self.instances, &mut self.complaints);
        let mut unknown = Vec::new();
        let result = self.sockets.receive(limit, |pair, received| {
            let datagram = match received {
                Received::V4(bytes) => Datagram::ipv4(bytes),
                Received::V6 { source, destination, hop_limit, payload } => {
                    Datagram::ipv6(source, destination, hop_limit, payload)
                }
                Received::Truncated => {
                    return complaints.log(|| "VRRP packet is longer than any advert - dropped".to_owned());
                }
            };
            let datagram = match datagram {
                Ok(datagram) => datagram,
                Err(short) => return complaints.log(|| short.to_string()),
            };
            match addressee(instances, router, pair, &datagram) {
                Some(id) => each(router, id, datagram),
                None if log_unknown => unknown.push((pair, datagram.vrid())),
                None => {}
            }
        });
        for (pair, vrid) in unknown {
            let link = self.sockets.pair(pair).and_then(|pair| pair.endpoint().link.as_ref());
            let interface = link.map_or("none", |(name, _)| name.as_str());
            self.complaints
                .log(|| format!("Unknown VRID({vrid}) received on interface({interface}). ignoring..."));
        }
        if let Err(error) = result {
            detail!("receive error {error}");
        }
    }

    /// The pool, in the order in which pairs were opened.
    pub(crate) fn rows<'a>(&'a self, router: &'a Router) -> impl Iterator<Item = Row<'a>> {
        self.sockets.pairs().map(move |(id, pair)| {
            let endpoint = pair.endpoint();
            let uses = |(index, used): (usize, &Option<PairId>)| {
                (*used == Some(id)).then(|| router.instance(InstanceId(index))).flatten()
            };
            Row {
                fds: pair.fds(),
                interface: endpoint.link.as_ref().map_or_else(|| "none".into(), |(name, _)| name.clone()),
                family: Family::of(address(endpoint.kind)),
                protocol: endpoint.protocol,
                multicast: matches!(endpoint.kind, Kind::Multicast(_)),
                instances: self
                    .pairs
                    .iter()
                    .enumerate()
                    .filter_map(uses)
                    .map(|instance| (&*instance.config().name, instance.config().vrid))
                    .collect(),
            }
        })
    }
}

fn address(kind: Kind) -> IpAddr {
    match kind {
        Kind::Multicast(address) | Kind::Unicast(address) => address,
    }
}

/// The sockets an instance needs; `None` while it cannot have them.
fn endpoint(
    instance: &VrrpInstance,
    source: Option<IpAddr>,
    interfaces: &Interfaces,
) -> Option<(Endpoint, Option<u8>)> {
    if instance.lacks_peers {
        return None;
    }
    // Unicast without an interface may be confined to a VRF.
    let name = match (instance.advert_interface(), &instance.vrf) {
        ("", Some(vrf)) => vrf.as_str(),
        (name, _) => name,
    };
    let link = if name.is_empty() {
        None
    } else {
        let link = interfaces.by_name(name)?;
        Some((link.name.clone(), link.index))
    };
    let kind = if instance.unicast_peers.is_empty() {
        Kind::Multicast(instance.mcast_group)
    } else {
        Kind::Unicast(instance.source.or(source)?)
    };
    let ah = matches!(instance.auth, keepalived_config::resolved::Auth::Ah(_))
        && setup::family(instance.family) == Family::V4;
    let protocol = if ah { PROTOCOL_AH } else { PROTOCOL };
    Some((Endpoint { link, protocol, kind }, instance.unicast_ttl))
}

/// Bytes of an instance's advert with its IP header.
fn advert_length(instance: &VrrpInstance) -> u32 {
    let (header, each) = match setup::family(instance.family) {
        Family::V4 => (20 + 24 + 8 + 8, 4),
        Family::V6 => (40 + 8, 16),
    };
    let count = u32::try_from(instance.virtual_addresses.len()).unwrap_or(255);
    header + each * count
}

/// Same socket, same VRID. Several unicast instances may share both: the one that has the sender as a peer, else the
/// first. Of several multicast ones it is the one that takes part.
fn addressee(
    instances: &HashMap<(PairId, u8), Vec<InstanceId>>,
    router: &Router,
    pair: PairId,
    datagram: &Datagram<'_>,
) -> Option<InstanceId> {
    let candidates = instances.get(&(pair, datagram.vrid()))?;
    let knows = |id: &&InstanceId| {
        router.instance(**id).is_some_and(|instance| {
            let peers = &instance.config().peers;
            (peers.is_empty() && instance.verdict().duplicate.is_none())
                || peers.iter().any(|peer| peer.address == datagram.source())
        })
    };
    candidates.iter().find(knows).or(candidates.first()).copied()
}

/// Lines about packets that belong to no instance: anybody on the network can cause them, so only some are logged.
#[derive(Debug, Default)]
struct Limiter {
    since: Option<Instant>,
    logged: u32,
    dropped: u64,
}

impl Limiter {
    /// Lines in each second.
    const LINES: u32 = 10;

    fn log(&mut self, text: impl FnOnce() -> String) {
        let now = Instant::now();
        if self.since.is_none_or(|since| now >= since + Duration::from_secs(1)) {
            if self.dropped > 0 {
                normal!("{} more lines about unusable VRRP packets were not logged", self.dropped);
            }
            *self = Self { since: Some(now), logged: 0, dropped: 0 };
        }
        if self.logged < Self::LINES {
            self.logged += 1;
            normal!("{}", text());
        } else {
            self.dropped += 1;
        }
    }
}

fn log_pair(pair: &netlink::socket::Pair) {
    let endpoint = pair.endpoint();
    let index = endpoint.link.as_ref().map_or(0, |(_, index)| *index);
    let (receive, send) = pair.fds();
    let (kind, address) = match endpoint.kind {
        Kind::Multicast(address) => ("multicast", address),
        Kind::Unicast(address) => (", unicast", address),
    };
    detail!(
        "VRRP sockpool: [ifindex({index:3}), family({}), proto({}), fd({receive},{send}) {kind}, address({address})]",
        Family::of(address),
        endpoint.protocol
    );
}
