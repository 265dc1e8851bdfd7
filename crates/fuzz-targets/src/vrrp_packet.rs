//! Received VRRP adverts, both versions over both families, under several configurations.

use crate::first_byte;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use vrrp::config::{Auth, Family, InstanceConfig, LinkId, Peer, Version, Vip};
use vrrp::packet::{Datagram, check};

/// What a raw socket may deliver. The first byte chooses the receiving instance's settings.
pub fn received(data: &[u8]) {
    let (options, bytes) = first_byte(data);
    let config = instance(options);
    let datagram = match config.family {
        Family::V4 => Datagram::ipv4(bytes),
        Family::V6 => {
            let group = if options & 64 != 0 {
                Ipv6Addr::LOCALHOST
            } else {
                Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)
            };
            Datagram::ipv6(
                Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
                group,
                (options & 128 == 0).then_some(255),
                bytes,
            )
        }
    };
    let datagram = match datagram {
        Ok(datagram) => datagram,
        Err(short) => {
            assert!(!short.to_string().is_empty());
            return;
        }
    };
    std::hint::black_box((datagram.source(), datagram.destination(), datagram.ttl(), datagram.vrid()));
    match check(&config, 1, &datagram) {
        Ok(advert) => assert_eq!(advert.source, datagram.source(), "the advert's source"),
        Err(reject) => {
            std::hint::black_box(reject.kind());
            std::hint::black_box(format!("{reject:?}"));
        }
    }
}

fn instance(options: usize) -> InstanceConfig {
    let mut config = InstanceConfig::new("VI", 51);
    config.version = if options & 1 != 0 { Version::V3 } else { Version::V2 };
    config.family = if options & 2 != 0 { Family::V6 } else { Family::V4 };
    config.auth = match options & 12 {
        4 => Auth::Pass(*b"123456\0\0"),
        8 => Auth::Ah(*b"123456\0\0"),
        _ => Auth::None,
    };
    let (own, peer): (IpAddr, IpAddr) = match config.family {
        Family::V4 => (Ipv4Addr::new(10, 0, 0, 100).into(), Ipv4Addr::new(10, 0, 0, 2).into()),
        Family::V6 => (
            Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 100).into(),
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into(),
        ),
    };
    config.vips = vec![Vip { address: own, link: LinkId(0) }];
    if options & 16 != 0 {
        config.peers = vec![Peer { address: peer, min_ttl: 1, max_ttl: 200 }];
        config.check_unicast_src = true;
    }
    config.v3_checksum_as_v2 = options & 32 != 0;
    if config.family == Family::V6 {
        config.group_address = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12).into();
    }
    config
}
