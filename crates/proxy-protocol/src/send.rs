//! Headers to send.

use crate::{SIGNATURE, crc32c, kind};
use std::net::{IpAddr, SocketAddr};

/// Version 1 (section 2.1).
#[must_use]
pub fn version_1(src: Option<SocketAddr>, dst: Option<SocketAddr>) -> Vec<u8> {
    match (src, dst) {
        (Some(src), Some(dst)) if src.is_ipv4() == dst.is_ipv4() => {
            let family = if src.is_ipv4() { "TCP4" } else { "TCP6" };
            format!("PROXY {family} {} {} {} {}\r\n", src.ip(), dst.ip(), src.port(), dst.port()).into_bytes()
        }
        _ => b"PROXY UNKNOWN\r\n".to_vec(),
    }
}

/// What a header of version 2 says (section 2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version2 {
    /// Source and destination; none is a connection of our own (LOCAL).
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// Types and values of the administrator's choice, in order.
    pub custom: Vec<(u8, Vec<u8>)>,
    /// Whether a checksum is added.
    pub checksum: bool,
    /// The authority.
    pub authority: Option<Vec<u8>>,
    /// The connection's id.
    pub unique_id: Option<Vec<u8>>,
    /// Whether facts of TLS are added; without TLS they say that there is none.
    pub tls: bool,
    /// Name of the network namespace that the connection belongs to.
    pub namespace: Option<Vec<u8>>,
}

impl Version2 {
    /// The header's bytes. Values that no longer fit are left out.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut block = Vec::with_capacity(64);
        let (command, family) = self.encode_addresses(&mut block);
        for (kind, value) in &self.custom {
            push(*kind, value, &mut block);
        }
        let checksum_at = self.checksum.then(|| {
            push(kind::CRC32C, &[0; 4], &mut block);
            block.len() - 4
        });
        if let Some(authority) = &self.authority {
            push(kind::AUTHORITY, authority, &mut block);
        }
        if let Some(id) = &self.unique_id {
            push(kind::UNIQUE_ID, id, &mut block);
        }
        if self.tls {
            push(kind::SSL, &[0; 5], &mut block);
        }
        if let Some(namespace) = &self.namespace {
            push(kind::NETNS, namespace, &mut block);
        }
        let mut header = SIGNATURE.to_vec();
        header.extend_from_slice(&[command, family]);
        header.extend_from_slice(&u16::try_from(block.len()).unwrap_or(u16::MAX).to_be_bytes());
        let start = header.len();
        header.extend_from_slice(&block);
        if let Some(at) = checksum_at {
            let sum = crc32c(&[&header]).to_be_bytes();
            if let Some(slot) = header.get_mut(start + at..start + at + 4) {
                slot.copy_from_slice(&sum);
            }
        }
        header
    }

    /// Command and family; the addresses go into the block. Addresses of two families go as IPv6.
    fn encode_addresses(&self, block: &mut Vec<u8>) -> (u8, u8) {
        let Some((src, dst)) = self.addresses else { return (0x20, 0) };
        let family = match (src.ip(), dst.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                block.extend_from_slice(&from.octets());
                block.extend_from_slice(&to.octets());
                0x11
            }
            (from, to) => {
                let mapped = |ip| match ip {
                    IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                    IpAddr::V6(v6) => v6,
                };
                block.extend_from_slice(&mapped(from).octets());
                block.extend_from_slice(&mapped(to).octets());
                0x21
            }
        };
        block.extend_from_slice(&src.port().to_be_bytes());
        block.extend_from_slice(&dst.port().to_be_bytes());
        (0x21, family)
    }
}

fn push(kind: u8, value: &[u8], block: &mut Vec<u8>) {
    let Ok(length) = u16::try_from(value.len()) else { return };
    if block.len() + value.len() + 3 > usize::from(u16::MAX) {
        return;
    }
    block.push(kind);
    block.extend_from_slice(&length.to_be_bytes());
    block.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::receive;

    fn address(text: &str) -> Option<SocketAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn version_1_lines() {
        let (a, b) = (address("1.2.3.4:5"), address("6.7.8.9:80"));
        assert_eq!(version_1(a, b), b"PROXY TCP4 1.2.3.4 6.7.8.9 5 80\r\n");
        assert_eq!(version_1(a, address("[::1]:80")), b"PROXY UNKNOWN\r\n");
        assert_eq!(version_1(None, b), b"PROXY UNKNOWN\r\n");
    }

    #[test]
    fn version_2_bytes() {
        let (a, b) = (address("1.2.3.4:5").unwrap(), address("6.7.8.9:80").unwrap());
        let plain = Version2 { addresses: Some((a, b)), ..Version2::default() };
        assert_eq!(&plain.encode()[12..], [0x21, 0x11, 0, 12, 1, 2, 3, 4, 6, 7, 8, 9, 0, 5, 0, 80]);
        let mixed = Version2 { addresses: Some((a, address("[::1]:80").unwrap())), ..Version2::default() };
        assert_eq!(mixed.encode().len(), 16 + 36);
        assert_eq!(&Version2::default().encode()[12..], [0x20, 0, 0, 0]);
    }

    /// What is sent can be received, the values in the reference's order.
    #[test]
    fn values_survive() {
        let sent = Version2 {
            addresses: address("1.2.3.4:5").zip(address("6.7.8.9:80")),
            custom: vec![(0xe1, b"foo".to_vec())],
            checksum: true,
            authority: Some(b"name".to_vec()),
            unique_id: Some(b"id".to_vec()),
            tls: true,
            namespace: Some(b"blue".to_vec()),
        };
        let header = receive(&sent.encode()).unwrap();
        let kinds: Vec<u8> = header.tlvs.iter().map(|tlv| tlv.kind).collect();
        assert_eq!(kinds, [0xe1, 0x03, 0x02, 0x05, 0x20, 0x30]);
        assert_eq!(header.addresses, sent.addresses);
    }
}
