//! VRRP adverts on the wire: VRRPv2 (RFC 3768, with the authentication trailer of RFC 2338) and VRRPv3 (RFC 5798).
//!
//! [`Datagram`] is what a raw socket delivers; [`check`] applies every test that a received advert has to pass, in
//! the order of keepalived 2.3.3, and says which one failed. [`Outgoing`] makes what is sent. Wire units (seconds,
//! centiseconds) are converted here and nowhere else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use smallvec::SmallVec;

use crate::auth;
use crate::config::{Auth, Family, InstanceConfig, OldChecksum, Version};

/// IP protocol number of VRRP.
pub const PROTOCOL: u8 = 112;
/// IP protocol number of the IPsec authentication header.
pub const PROTOCOL_AH: u8 = 51;
/// Type of the only packet there is.
const TYPE_ADVERT: u8 = 1;
/// Bytes before the addresses, both versions.
const HEADER_LEN: usize = 8;
/// VRRPv2's authentication data, present even with type 0.
const AUTH_DATA_LEN: usize = 8;
/// Shortest frame payload that Ethernet carries: shorter packets arrive padded.
const ETHERNET_MIN: usize = 46;

/// What stood for the destination in the old checksum of unicast VRRPv3.
const OLD_CHECKSUM_GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18));

/// Addresses of an advert.
pub type Addresses = SmallVec<[IpAddr; 4]>;

/// A received datagram, before any VRRP test.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    source: IpAddr,
    destination: IpAddr,
    /// TTL or hop limit; unknown when the socket did not say.
    ttl: Option<u8>,
    /// What the IP header claims as its length; IPv6 sockets do not deliver the header.
    claimed_len: Option<usize>,
    /// IPv4: from the IP header on. IPv6: from the VRRP header on.
    bytes: &'a [u8],
    /// Where the VRRP header begins in `bytes`.
    offset: usize,
    /// An authentication header lies between the IP and the VRRP header.
    has_ah: bool,
}

/// A datagram without a whole VRRP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooShort {
    /// Its family.
    pub family: Family,
    /// Its length, the IPv4 header included.
    pub length: usize,
}

impl fmt::Display for TooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} VRRP packet too short - {} bytes", self.family, self.length)
    }
}

impl<'a> Datagram<'a> {
    /// What an IPv4 raw socket delivers: the datagram from its IP header on.
    pub fn ipv4(bytes: &'a [u8]) -> Result<Self, TooShort> {
        let short = TooShort { family: Family::V4, length: bytes.len() };
        let header: &[u8; 20] = bytes.first_chunk().ok_or(short)?;
        let ip_len = usize::from(header[0] & 0x0f) * 4;
        let has_ah = header[9] == PROTOCOL_AH;
        let offset = ip_len + if has_ah { auth::LEN } else { 0 };
        if ip_len < 20 || bytes.len() < offset + HEADER_LEN {
            return Err(short);
        }
        Ok(Self {
            source: IpAddr::V4(Ipv4Addr::new(header[12], header[13], header[14], header[15])),
            destination: IpAddr::V4(Ipv4Addr::new(header[16], header[17], header[18], header[19])),
            ttl: Some(header[8]),
            claimed_len: Some(usize::from(u16::from_be_bytes([header[2], header[3]]))),
            bytes,
            offset,
            has_ah,
        })
    }

    /// What an IPv6 raw socket delivers: the payload, the rest from control messages.
    pub fn ipv6(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        hop_limit: Option<u8>,
        payload: &'a [u8],
    ) -> Result<Self, TooShort> {
        if payload.len() < HEADER_LEN {
            return Err(TooShort { family: Family::V6, length: payload.len() });
        }
        Ok(Self {
            source: IpAddr::V6(source),
            destination: IpAddr::V6(destination),
            ttl: hop_limit,
            claimed_len: None,
            bytes: payload,
            offset: 0,
            has_ah: false,
        })
    }

    /// Who sent it.
    pub fn source(&self) -> IpAddr {
        self.source
    }

    /// Where it was sent to.
    pub fn destination(&self) -> IpAddr {
        self.destination
    }

    /// TTL or hop limit, when known.
    pub fn ttl(&self) -> Option<u8> {
        self.ttl
    }

    /// The virtual router it is about.
    pub fn vrid(&self) -> u8 {
        self.vrrp().get(1).copied().unwrap_or(0)
    }

    fn vrrp(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or(&[])
    }
}

/// An advert that passed [`check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    /// Who sent it.
    pub source: IpAddr,
    /// TTL or hop limit, when known.
    pub ttl: Option<u8>,
    /// Priority; 0: the master gives up.
    pub priority: u8,
    /// The count byte.
    pub count: u8,
    /// The advert interval in it.
    pub interval: Duration,
    /// The addresses in it.
    pub addresses: Addresses,
    /// The authentication header's sequence number.
    pub ah_sequence: Option<u32>,
    /// Its checksum is the old one of unicast VRRPv3.
    pub old_checksum: bool,
}

/// Why an advert was dropped. The order is the order of the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reject {
    /// An authentication header where none is configured, or none where one is.
    AuthHeader {
        /// The packet has one.
        present: bool,
    },
    /// Shorter than its address count says.
    TooShort {
        /// Received.
        length: usize,
        /// Expected.
        expected: usize,
    },
    /// Longer than its address count says.
    TooLong {
        /// Received.
        length: usize,
        /// Expected.
        expected: usize,
    },
    /// TTL or hop limit is not 255: it did not come from this link.
    Ttl(u8),
    /// Another protocol version.
    Version {
        /// Received.
        received: u8,
        /// Configured.
        expected: u8,
    },
    /// VRRPv2: an unknown authentication type.
    AuthTypeUnknown(u8),
    /// VRRPv2: not the configured authentication type.
    AuthType {
        /// Received.
        received: u8,
        /// Configured.
        expected: u8,
    },
    /// VRRPv2: wrong password.
    Password,
    /// VRRPv2: the authentication header does not verify.
    AuthHeaderInvalid(auth::Invalid),
    /// VRRPv2: another advert interval.
    Interval {
        /// Ours, seconds.
        ours: u64,
        /// Theirs, seconds.
        theirs: u8,
    },
    /// Not an advert.
    Type(u8),
    /// The IP header's length is not the received length.
    IpLength {
        /// What the header claims.
        claimed: usize,
        /// What was received.
        length: usize,
    },
    /// Wrong checksum.
    Checksum(Version),
    /// Multicast to a unicast instance or the reverse.
    Destination(IpAddr),
    /// `check_unicast_src`: not from a peer.
    NotAPeer,
    /// `check_unicast_src`: the peer's TTL is out of its range.
    PeerTtl {
        /// The TTL.
        ttl: u8,
        /// The least that this peer's adverts may have.
        min: u8,
        /// The most.
        max: u8,
    },
}

impl Reject {
    /// The bit of this kind in an instance's set of kinds that were logged already.
    pub fn kind(&self) -> u32 {
        let bit = match self {
            Self::AuthHeader { .. } => 0,
            Self::TooShort { .. } | Self::TooLong { .. } => 1,
            Self::Ttl(_) => 2,
            Self::Version { .. } => 3,
            Self::AuthTypeUnknown(_) => 4,
            Self::AuthType { .. } => 5,
            Self::Password => 6,
            Self::AuthHeaderInvalid(_) => 7,
            Self::Interval { .. } => 8,
            Self::Type(_) => 9,
            Self::IpLength { .. } => 10,
            Self::Checksum(_) => 11,
            Self::Destination(_) => 12,
            Self::NotAPeer => 13,
            Self::PeerTtl { .. } => 14,
        };
        1 << bit
    }

    pub(crate) fn write(&self, source: IpAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuthHeader { present: true } => {
                write!(f, "received an unexpected authentication header from {source}")
            }
            Self::AuthHeader { present: false } => {
                write!(f, "received no authentication header from {source}")
            }
            Self::TooShort { length, expected } => {
                write!(f, "vrrp packet from {source} too short, length {length} and expect {expected}")
            }
            Self::TooLong { length, expected } => {
                write!(f, "vrrp packet from {source} too long, length {length} and expect {expected}")
            }
            Self::Ttl(ttl) => write!(f, "invalid TTL/HL from {source}. Received {ttl} and expect 255"),
            Self::Version { received, expected } => {
                write!(f, "wrong VRRP version from {source}. Received {received} and expect {expected}")
            }
            Self::AuthTypeUnknown(received) => write!(f, "Invalid auth type from {source}: {received}"),
            Self::AuthType { received, expected } => {
                write!(f, "received a {received} auth from {source}, expecting {expected}!")
            }
            Self::Password => write!(f, "received an invalid passwd from {source}!"),
            Self::AuthHeaderInvalid(invalid) => fmt::Display::fmt(invalid, f),
            Self::Interval { ours, theirs } => {
                write!(f, "advertisement interval mismatch with {source} mine={ours} sec rcv'd={theirs} sec")
            }
            Self::Type(received) => {
                write!(f, "Invalid packet type from {source}. {received} and expect {TYPE_ADVERT}")
            }
            Self::IpLength { claimed, length } => {
                write!(
                    f,
                    "ip_tot_len mismatch against received length from {source}. {claimed} and received {length}"
                )
            }
            Self::Checksum(version) => write!(f, "Invalid VRRPv{} checksum from {source}", version.number()),
            Self::Destination(destination) => {
                let kind = if destination.is_multicast() { "multicast" } else { "unicast" };
                write!(f, "discarding {kind} packet from {source}: instance is configured otherwise")
            }
            Self::NotAPeer => write!(f, "unicast source address {source} not a unicast peer"),
            Self::PeerTtl { ttl, min, max } => {
                write!(f, "TTL/HL {ttl} from {source} not in range [{min}, {max}]")
            }
        }
    }
}

/// Applies tests 1 to 14 and 18 of keepalived 2.3.3, in its order, to a datagram for this instance.
///
/// `ah_sequence` is the last sequence number accepted or sent with `auth_type AH`.
pub fn check(config: &InstanceConfig, ah_sequence: u32, datagram: &Datagram<'_>) -> Result<Advert, Reject> {
    let vrrp = datagram.vrrp();
    let header: &[u8; HEADER_LEN] = vrrp
        .first_chunk()
        .ok_or(Reject::TooShort { length: datagram.bytes.len(), expected: datagram.offset + HEADER_LEN })?;
    let wants_ah = matches!(config.auth, Auth::Ah(_)) && config.family == Family::V4;
    if datagram.has_ah != wants_ah {
        return Err(Reject::AuthHeader { present: datagram.has_ah });
    }
    let (version, kind, count) = (header[0] >> 4, header[0] & 0x0f, header[3]);
    let address_len = match config.family {
        Family::V4 => 4,
        Family::V6 => 16,
    };
    let trailer = if version == 2 && config.family == Family::V4 { AUTH_DATA_LEN } else { 0 };
    let addresses_end = HEADER_LEN + usize::from(count) * address_len;
    let expected = datagram.offset + addresses_end + trailer;
    check_length(datagram.bytes.len(), expected)?;
    let is_unicast = config.is_unicast();
    if !is_unicast
        && let Some(ttl) = datagram.ttl
        && ttl != 255
    {
        return Err(Reject::Ttl(ttl));
    }
    if version != config.version.number() {
        return Err(Reject::Version { received: version, expected: config.version.number() });
    }
    let mut accepted_sequence = None;
    if config.version == Version::V2 && config.family == Family::V4 {
        accepted_sequence = check_v2_auth(config, ah_sequence, datagram, header)?;
    }
    let interval = match config.version {
        Version::V2 => {
            let ours = config.advert_interval.as_secs();
            if u64::from(header[5]) != ours {
                return Err(Reject::Interval { ours, theirs: header[5] });
            }
            config.advert_interval
        }
        Version::V3 => centiseconds(u16::from_be_bytes([header[4] & 0x0f, header[5]])),
    };
    if kind != TYPE_ADVERT {
        return Err(Reject::Type(kind));
    }
    if let Some(claimed) = datagram.claimed_len
        && claimed != expected
    {
        return Err(Reject::IpLength { claimed, length: datagram.bytes.len() });
    }
    let body = vrrp.get(..addresses_end + trailer).unwrap_or(vrrp);
    let old_checksum = check_checksum(config, datagram, body)?;
    if datagram.destination.is_multicast() == is_unicast {
        return Err(Reject::Destination(datagram.destination));
    }
    if is_unicast && config.check_unicast_src {
        check_peer(config, datagram)?;
    }
    Ok(Advert {
        source: datagram.source,
        ttl: datagram.ttl,
        priority: header[2],
        count,
        interval,
        addresses: parse_addresses(vrrp.get(HEADER_LEN..addresses_end).unwrap_or(&[]), config.family),
        ah_sequence: accepted_sequence,
        old_checksum,
    })
}

/// A longer packet is accepted when it is Ethernet's padding of a short one.
fn check_length(length: usize, expected: usize) -> Result<(), Reject> {
    if length < expected {
        return Err(Reject::TooShort { length, expected });
    }
    if length > expected && !(expected < ETHERNET_MIN && (length - expected) % 4 == 2) {
        return Err(Reject::TooLong { length, expected });
    }
    Ok(())
}

/// VRRPv2 tests 5 to 8. Returns the authentication header's sequence number.
fn check_v2_auth(
    config: &InstanceConfig,
    ah_sequence: u32,
    datagram: &Datagram<'_>,
    header: &[u8; HEADER_LEN],
) -> Result<Option<u32>, Reject> {
    let received = header[4];
    if received > 2 {
        return Err(Reject::AuthTypeUnknown(received));
    }
    let expected = config.auth.number();
    if received != expected {
        return Err(Reject::AuthType { received, expected });
    }
    match &config.auth {
        Auth::None => Ok(None),
        Auth::Pass(password) => {
            // The last 8 bytes of what the IP header calls its length, so that padding does not matter.
            let end = datagram.claimed_len.unwrap_or(datagram.bytes.len()).min(datagram.bytes.len());
            let data = end
                .checked_sub(AUTH_DATA_LEN)
                .and_then(|start| datagram.bytes.get(start..end))
                .unwrap_or(&[]);
            if same_in_constant_time(data, password) { Ok(None) } else { Err(Reject::Password) }
        }
        Auth::Ah(key) => {
            auth::verify(key, datagram.bytes, datagram.offset - auth::LEN, ah_sequence, config.is_unicast())
                .map(Some)
                .map_err(Reject::AuthHeaderInvalid)
        }
    }
}

/// True: it is the old checksum of unicast VRRPv3.
fn check_checksum(config: &InstanceConfig, datagram: &Datagram<'_>, body: &[u8]) -> Result<bool, Reject> {
    let fits = |destination| sum(pseudo_header(datagram.source, destination, body.len()), body) == 0xffff;
    match (config.family, config.version) {
        // The kernel verifies the checksum of IPv6 raw sockets; verifying it again costs nothing.
        (Family::V6, _) if fits(datagram.destination) => return Ok(false),
        (Family::V4, Version::V2) if sum(0, body) == 0xffff => return Ok(false),
        (Family::V4, Version::V3) => {
            // The original enforces nothing at all with v3_checksum_as_v2; one of the two forms has to fit here.
            if fits(datagram.destination) || (config.v3_checksum_as_v2 && sum(0, body) == 0xffff) {
                return Ok(false);
            }
            let may_be_old = config.is_unicast() && config.old_checksum != OldChecksum::Never;
            if may_be_old && fits(OLD_CHECKSUM_GROUP) {
                return Ok(true);
            }
        }
        (Family::V6 | Family::V4, Version::V2 | Version::V3) => {}
    }
    Err(Reject::Checksum(config.version))
}

fn check_peer(config: &InstanceConfig, datagram: &Datagram<'_>) -> Result<(), Reject> {
    let Some(peer) = config.peers.iter().find(|peer| peer.address == datagram.source) else {
        return Err(Reject::NotAPeer);
    };
    match datagram.ttl {
        Some(ttl) if ttl < peer.min_ttl || ttl > peer.max_ttl => {
            Err(Reject::PeerTtl { ttl, min: peer.min_ttl, max: peer.max_ttl })
        }
        Some(_) | None => Ok(()),
    }
}

fn parse_addresses(bytes: &[u8], family: Family) -> Addresses {
    match family {
        Family::V4 => {
            bytes.as_chunks::<4>().0.iter().map(|octets| IpAddr::V4(Ipv4Addr::from(*octets))).collect()
        }
        Family::V6 => {
            bytes.as_chunks::<16>().0.iter().map(|octets| IpAddr::V6(Ipv6Addr::from(*octets))).collect()
        }
    }
}

fn same_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differing, (x, y)| differing | (x ^ y)) == 0
}

fn centiseconds(count: u16) -> Duration {
    Duration::from_millis(u64::from(count) * 10)
}

/// Ones' complement sum; 0xffff over data with a right checksum in it.
fn sum(start: u32, bytes: &[u8]) -> u16 {
    let mut total = u64::from(start);
    let (pairs, rest) = bytes.as_chunks::<2>();
    for pair in pairs {
        total += u64::from(u16::from_be_bytes(*pair));
    }
    if let [last] = rest {
        total += u64::from(*last) << 8;
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    u16::try_from(total).unwrap_or(0)
}

/// The sum of the pseudo header of RFC 5798, 5.2.8.
fn pseudo_header(source: IpAddr, destination: IpAddr, length: usize) -> u32 {
    let address = |address: IpAddr| match address {
        IpAddr::V4(v4) => u32::from(sum(0, &v4.octets())),
        IpAddr::V6(v6) => u32::from(sum(0, &v6.octets())),
    };
    address(source) + address(destination) + u32::from(PROTOCOL) + u32::try_from(length).unwrap_or(0)
}

/// An advert to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// The instance's settings.
    pub config: &'a InstanceConfig,
    /// Priority in the packet.
    pub priority: u8,
    /// The address it is sent from.
    pub source: IpAddr,
    /// The group or the peer.
    pub destination: IpAddr,
    /// IPv4 identification.
    pub ip_id: u16,
    /// Sequence number for `auth_type AH`.
    pub ah_sequence: u32,
    /// With the old checksum of unicast VRRPv3.
    pub old_checksum: bool,
}

impl Outgoing<'_> {
    /// The datagram: with IP header for IPv4, without for IPv6.
    pub fn emit(&self) -> Vec<u8> {
        let vrrp = self.vrrp();
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => self.ipv4(source, destination, &vrrp),
            _ => vrrp,
        }
    }

    fn vrrp(&self) -> Vec<u8> {
        let config = self.config;
        let count = config.vips.len().min(255);
        let mut packet = Vec::with_capacity(HEADER_LEN + count * 16 + AUTH_DATA_LEN);
        let first = config.version.number() << 4 | TYPE_ADVERT;
        packet.extend_from_slice(&[first, config.vrid, self.priority, u8::try_from(count).unwrap_or(255)]);
        match config.version {
            Version::V2 => {
                let seconds = u8::try_from(config.advert_interval.as_secs()).unwrap_or(255);
                packet.extend_from_slice(&[config.auth.number(), seconds]);
            }
            Version::V3 => {
                let interval =
                    u16::try_from(config.advert_interval.as_millis() / 10).unwrap_or(0x0fff).min(0x0fff);
                packet.extend_from_slice(&interval.to_be_bytes());
            }
        }
        packet.extend_from_slice(&[0, 0]);
        for vip in config.vips.iter().take(count) {
            match vip.address {
                IpAddr::V4(v4) => packet.extend_from_slice(&v4.octets()),
                IpAddr::V6(v6) => packet.extend_from_slice(&v6.octets()),
            }
        }
        if config.version == Version::V2 && config.family == Family::V4 {
            packet.extend_from_slice(match &config.auth {
                Auth::Pass(password) => password,
                // The password of an authentication header is a key and never leaves.
                Auth::None | Auth::Ah(_) => &[0; AUTH_DATA_LEN],
            });
        }
        let start = match (config.family, config.version) {
            (Family::V4, Version::V2) => 0,
            (Family::V4, Version::V3) if config.v3_checksum_as_v2 => 0,
            (Family::V4, Version::V3) if self.old_checksum && config.is_unicast() => {
                pseudo_header(self.source, OLD_CHECKSUM_GROUP, packet.len())
            }
            (Family::V4, Version::V3) | (Family::V6, _) => {
                pseudo_header(self.source, self.destination, packet.len())
            }
        };
        let checksum = !sum(start, &packet);
        if let Some(field) = packet.get_mut(6..8) {
            field.copy_from_slice(&checksum.to_be_bytes());
        }
        packet
    }

    fn ipv4(&self, source: Ipv4Addr, destination: Ipv4Addr, vrrp: &[u8]) -> Vec<u8> {
        let ah = match &self.config.auth {
            Auth::Ah(key) => Some(key),
            Auth::None | Auth::Pass(_) => None,
        };
        let length = 20 + if ah.is_some() { auth::LEN } else { 0 } + vrrp.len();
        let mut datagram = Vec::with_capacity(length);
        // Precedence 6 (internetwork control), no fragment bits.
        datagram.extend_from_slice(&[0x45, 0xc0]);
        datagram.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        datagram.extend_from_slice(&self.ip_id.to_be_bytes());
        let protocol = if ah.is_some() { PROTOCOL_AH } else { PROTOCOL };
        datagram.extend_from_slice(&[0, 0, self.config.ttl, protocol, 0, 0]);
        datagram.extend_from_slice(&source.octets());
        datagram.extend_from_slice(&destination.octets());
        let checksum = !sum(0, &datagram);
        if let Some(field) = datagram.get_mut(10..12) {
            field.copy_from_slice(&checksum.to_be_bytes());
        }
        match ah {
            Some(key) => {
                auth::append(key, &mut datagram, source, self.ah_sequence, vrrp, self.config.is_unicast())
            }
            None => datagram.extend_from_slice(vrrp),
        }
        datagram
    }
}

#[cfg(test)]
mod tests;
