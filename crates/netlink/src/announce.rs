//! Gratuitous ARP and unsolicited neighbour adverts: who now answers for an address. RFC 826, RFC 4861 7.2.6.
#![allow(unsafe_code)]

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Length of an Ethernet address.
pub const MAC_LEN: usize = 6;
const BROADCAST: [u8; MAC_LEN] = [0xff; MAC_LEN];
/// Ethernet address of ff02::1.
const ALL_NODES_MAC: [u8; MAC_LEN] = [0x33, 0x33, 0, 0, 0, 1];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Neighbour advert flags.
const ROUTER: u8 = 0x80;
const OVERRIDE: u8 = 0x20;

/// A gratuitous ARP request for `address` from `mac`: 42 bytes, no padding.
pub fn gratuitous_arp(mac: [u8; MAC_LEN], address: Ipv4Addr) -> Vec<u8> {
    let mut frame = Vec::with_capacity(42);
    frame.extend_from_slice(&BROADCAST);
    frame.extend_from_slice(&mac);
    frame.extend_from_slice(&[0x08, 0x06]);
    // Ethernet, IPv4, address lengths, request
    frame.extend_from_slice(&[0, 1, 0x08, 0, 6, 4, 0, 1]);
    frame.extend_from_slice(&mac);
    frame.extend_from_slice(&address.octets());
    frame.extend_from_slice(&BROADCAST);
    frame.extend_from_slice(&address.octets());
    frame
}

/// An unsolicited neighbour advert for `address` from `mac`; `router`: the interface forwards.
pub fn neighbour_advert(mac: [u8; MAC_LEN], address: Ipv6Addr, router: bool) -> Vec<u8> {
    let mut icmp = Vec::with_capacity(32);
    let flags = OVERRIDE | if router { ROUTER } else { 0 };
    icmp.extend_from_slice(&[136, 0, 0, 0, flags, 0, 0, 0]);
    icmp.extend_from_slice(&address.octets());
    // Target link-layer address, one unit of 8 bytes
    icmp.extend_from_slice(&[2, 1]);
    icmp.extend_from_slice(&mac);
    let checksum = icmpv6_checksum(address, ALL_NODES, &icmp);
    if let Some(field) = icmp.get_mut(2..4) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
    let mut frame = Vec::with_capacity(86);
    frame.extend_from_slice(&ALL_NODES_MAC);
    frame.extend_from_slice(&mac);
    frame.extend_from_slice(&[0x86, 0xdd]);
    frame.extend_from_slice(&[0x60, 0, 0, 0, 0, 32, 58, 255]);
    frame.extend_from_slice(&address.octets());
    frame.extend_from_slice(&ALL_NODES.octets());
    frame.extend_from_slice(&icmp);
    frame
}

fn icmpv6_checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let mut sum = 58 + message.len() as u64;
    for bytes in [&source.octets()[..], &destination.octets()[..], message] {
        let (pairs, rest) = bytes.as_chunks::<2>();
        sum += pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum::<u64>();
        sum += rest.first().map_or(0, |last| u64::from(*last) << 8);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(u16::try_from(sum).unwrap_or(0))
}

/// The AF_PACKET socket that sends announcements. It receives nothing.
#[derive(Debug)]
pub struct Announcer {
    fd: OwnedFd,
}

impl Announcer {
    /// Opens the socket.
    pub fn open() -> io::Result<Self> {
        // Protocol 0: no frame is ever delivered to it.
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
        Ok(Self { fd })
    }

    /// Announces that `mac` on interface `index` answers for `address`.
    pub fn announce(&self, index: u32, mac: [u8; MAC_LEN], address: IpAddr, router: bool) -> io::Result<()> {
        let (frame, protocol) = match address {
            IpAddr::V4(address) => (gratuitous_arp(mac, address), libc::ETH_P_ARP),
            IpAddr::V6(address) => (neighbour_advert(mac, address, router), libc::ETH_P_IPV6),
        };
        let mut to = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: (protocol as u16).to_be(),
            sll_ifindex: i32::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: MAC_LEN as u8,
            sll_addr: [0; 8],
        };
        for (to, byte) in to.sll_addr.iter_mut().zip(&frame) {
            *to = *byte;
        }
        // SAFETY: `frame` and `to` outlive the call, the lengths are theirs, the fd is open as long as self.
        let sent = unsafe {
            libc::sendto(
                self.fd.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                libc::MSG_DONTWAIT,
                (&raw const to).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MAC: [u8; MAC_LEN] = [0x06, 0xee, 0x4d, 0x18, 0xbb, 0x6d];

    #[test]
    fn gratuitous_arp_is_a_request_with_broadcast_target() {
        // tcpdump of keepalived 2.3.3: eth, op 1, sha own, spa = tpa = VIP, tha broadcast, 42 bytes
        let frame = gratuitous_arp(MAC, Ipv4Addr::new(10, 211, 55, 100));
        let expected = "ffffffffffff06ee4d18bb6d08060001080006040001\
                        06ee4d18bb6d0ad33764ffffffffffff0ad33764";
        assert_eq!(hex(&frame), expected);
        assert_eq!(frame.len(), 42);
    }

    #[test]
    fn neighbour_advert_overrides_and_verifies() {
        let address: Ipv6Addr = "fe80::100".parse().unwrap();
        let frame = neighbour_advert(MAC, address, false);
        assert_eq!(frame.len(), 86);
        assert_eq!(&frame[..6], &ALL_NODES_MAC);
        assert_eq!(frame[21], 255, "hop limit");
        assert_eq!(&frame[58..62], &[0x20, 0, 0, 0], "override only");
        // A sum over a message that includes its checksum is all ones.
        assert_eq!(icmpv6_checksum(address, ALL_NODES, &frame[54..]), 0);
        assert_eq!(neighbour_advert(MAC, address, true)[58], 0xa0);
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
