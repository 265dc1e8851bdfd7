//! The NetScaler client IP header (netscaler-client-ip-insertion-protocol.txt): the IP and TCP headers of the client's last packet of
//! the handshake, after a magic number that both sides know. The whole header must be there at once, as the reference demands.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What is wrong with a NetScaler header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetscalerFault {
    /// It is cut off.
    Truncated,
    /// It begins with another magic number.
    Magic,
    /// It has no TCP over IPv4 or IPv6 in it.
    Unhandled,
}

/// A NetScaler header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetscalerHeader {
    /// How many bytes it has.
    pub size: usize,
    /// The client.
    pub src: SocketAddr,
    /// What the client connected to.
    pub dst: SocketAddr,
}

/// Magic number and length.
const LEGACY: usize = 8;
/// Magic number, length of the whole, type, length of what follows.
const STANDARD: usize = 12;
const TCP_HEADER: usize = 20;
const TCP: u8 = 6;

/// Reads the header at the start of `input`.
///
/// # Errors
/// What is wrong with it.
pub fn receive_netscaler(input: &[u8], magic: u32) -> Result<NetscalerHeader, NetscalerFault> {
    let truncated = NetscalerFault::Truncated;
    if number(input, 0).ok_or(truncated)? != magic {
        return Err(NetscalerFault::Magic);
    }
    // An IP header never begins with 0: that is the type of the standard form.
    let (start, length) = match input.get(LEGACY).ok_or(truncated)? >> 4 {
        0 => (STANDARD, usize::from(short(input, 10).ok_or(truncated)?)),
        _ => (LEGACY, number(input, 4).ok_or(truncated)? as usize),
    };
    let size = start.checked_add(length).ok_or(truncated)?;
    let packet = input.get(start..size).ok_or(truncated)?;
    let (src, dst) = addresses(packet).ok_or(NetscalerFault::Unhandled)?;
    Ok(NetscalerHeader { size, src, dst })
}

fn addresses(packet: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let (src, dst, protocol, tcp): (IpAddr, IpAddr, u8, usize) = match packet.first()? >> 4 {
        4 => {
            let address =
                |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
            let size = usize::from(packet.first()? & 15) * 4;
            (address(12)?.into(), address(16)?.into(), *packet.get(9)?, (size >= 20).then_some(size)?)
        }
        6 => {
            let address =
                |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
            (address(8)?.into(), address(24)?.into(), *packet.get(6)?, 40)
        }
        _ => return None,
    };
    let ports = packet.get(tcp..tcp + TCP_HEADER).filter(|_| protocol == TCP)?;
    Some((SocketAddr::new(src, short(ports, 0)?), SocketAddr::new(dst, short(ports, 2)?)))
}

fn number(input: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(input.get(at..at + 4)?.try_into().ok()?))
}

fn short(input: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(input.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MAGIC: u32 = 0x1122_3344;

    fn ipv4(first: u8, protocol: u8) -> Vec<u8> {
        let mut packet = vec![first, 0, 0, 40, 0, 1, 0, 0, 64, protocol, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        packet.resize(usize::from(first & 15) * 4, 0);
        packet
    }

    fn ipv6() -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 20, TCP, 64];
        packet.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend("2001:db8::2".parse::<Ipv6Addr>().unwrap().octets());
        packet
    }

    /// Ports 1111 and 2222.
    fn tcp() -> Vec<u8> {
        let mut header = vec![0x04, 0x57, 0x08, 0xae];
        header.resize(TCP_HEADER, 0);
        header
    }

    fn legacy(magic: u32, ip: &[u8], length: usize) -> Vec<u8> {
        let mut bytes = magic.to_be_bytes().to_vec();
        bytes.extend(u32::try_from(length).unwrap().to_be_bytes());
        bytes.extend_from_slice(ip);
        bytes.extend(tcp());
        bytes.extend_from_slice(b"GET");
        bytes
    }

    fn standard(ip: &[u8], kind: u8) -> Vec<u8> {
        let length = ip.len() + TCP_HEADER;
        let mut bytes = MAGIC.to_be_bytes().to_vec();
        bytes.extend(u32::try_from(STANDARD + length).unwrap().to_be_bytes());
        bytes.extend([0, kind, 0, u8::try_from(length).unwrap()]);
        bytes.extend_from_slice(ip);
        bytes.extend(tcp());
        bytes.extend_from_slice(b"GET");
        bytes
    }

    #[test]
    fn both_forms() {
        let found = |bytes: &[u8]| {
            let header = receive_netscaler(bytes, MAGIC).unwrap();
            assert_eq!(bytes.get(header.size..), Some(&b"GET"[..]));
            (header.src.to_string(), header.dst.to_string())
        };
        let v4 = ("1.2.3.4:1111".to_owned(), "5.6.7.8:2222".to_owned());
        let v6 = ("[2001:db8::1]:1111".to_owned(), "[2001:db8::2]:2222".to_owned());
        assert_eq!(found(&legacy(MAGIC, &ipv4(0x45, TCP), 40)), v4);
        assert_eq!(found(&legacy(MAGIC, &ipv6(), 60)), v6);
        assert_eq!(found(&standard(&ipv4(0x45, TCP), 1)), v4);
        assert_eq!(found(&standard(&ipv4(0x47, TCP), 2)), v4);
        assert_eq!(found(&standard(&ipv6(), 1)), v6);
    }

    #[test]
    fn faults() {
        let fault = |bytes: &[u8]| receive_netscaler(bytes, MAGIC).unwrap_err();
        let whole = legacy(MAGIC, &ipv4(0x45, TCP), 40);
        for size in 0..48 {
            assert_eq!(fault(whole.get(..size).unwrap()), NetscalerFault::Truncated, "{size}");
        }
        assert_eq!(fault(&legacy(MAGIC + 1, &ipv4(0x45, TCP), 40)), NetscalerFault::Magic);
        assert_eq!(fault(&legacy(MAGIC, &ipv4(0x45, TCP), 0xffff_ffff)), NetscalerFault::Truncated);
        for (ip, length) in [
            (ipv4(0x45, 17), 40),
            (ipv4(0x55, TCP), 40),
            (ipv4(0x44, TCP), 36),
            (ipv4(0x45, TCP), 39),
            (ipv4(0x45, TCP), 0),
        ] {
            assert_eq!(fault(&legacy(MAGIC, &ip, length)), NetscalerFault::Unhandled, "{ip:?} {length}");
        }
    }
}
