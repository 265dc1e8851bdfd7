#![allow(clippy::unwrap_used, clippy::expect_used)]
use proptest::prelude::*;

use super::*;
use crate::config::{LinkId, Peer, Vip};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn instance(version: Version, family: Family, vips: &[&str]) -> InstanceConfig {
    let mut config = InstanceConfig::new("VI_1", 51);
    config.version = version;
    config.family = family;
    config.vips = vips.iter().map(|vip| Vip { address: ip(vip), link: LinkId(0) }).collect();
    if family == Family::V6 {
        config.group_address = ip("ff02::12");
    }
    config
}

fn article() -> InstanceConfig {
    let mut config = instance(Version::V2, Family::V4, &["10.211.55.100"]);
    config.auth = Auth::Pass(*b"123456\0\0");
    config
}

fn emit(config: &InstanceConfig, priority: u8, source: &str, destination: &str) -> Vec<u8> {
    Outgoing {
        config,
        priority,
        source: ip(source),
        destination: ip(destination),
        ip_id: 1,
        ah_sequence: 1,
        old_checksum: false,
    }
    .emit()
}

fn check_v4(config: &InstanceConfig, datagram: &[u8]) -> Result<Advert, Reject> {
    check(config, 0, &Datagram::ipv4(datagram).unwrap())
}

#[test]
fn version_2_with_a_password_is_what_the_reference_sends() {
    // tcpdump -x of keepalived 2.3.3, priority 150, auth_pass 123456:
    // 45c0 0028 id 0001 no fragment, TTL 255, VRRP, checksum, 10.211.55.3 > 224.0.0.18,
    // 21 vrid 51 priority 150 count 1, type PASS, 1 s, checksum, 10.211.55.100, password
    let datagram = emit(&article(), 150, "10.211.55.3", "224.0.0.18");
    let header = bytes("45c0 0028 0001 0000 ff70 98bc 0ad33703 e0000012");
    let packet = bytes("2133 9601 0101 6bf6 0ad33764 3132333435360000");
    assert_eq!(datagram, [header, packet].concat());
}

#[test]
fn version_2_without_authentication_still_has_the_trailer() {
    // tcpdump -x of keepalived 2.3.3, priority 105, no authentication
    let config = instance(Version::V2, Family::V4, &["10.211.55.100"]);
    let datagram = emit(&config, 105, "10.211.55.4", "224.0.0.18");
    assert_eq!(datagram[20..], bytes("2133 6901 0001 3393 0ad33764 0000000000000000"));
}

#[test]
fn version_3_ipv6_is_what_the_reference_sends() {
    // tcpdump -X of keepalived 2.3.3: fe80::98d4:80ff:fe85:fb05 > ff02::12, vrid 61, priority 100, 50 cs, two addresses
    let mut config = instance(Version::V3, Family::V6, &["fe80::100", "2001:db8::100"]);
    config.vrid = 61;
    config.advert_interval = Duration::from_millis(500);
    let packet = emit(&config, 100, "fe80::98d4:80ff:fe85:fb05", "ff02::12");
    let expected = bytes(
        "313d 6402 0032 2ac6 fe80 0000 0000 0000 0000 0000 0000 0100 2001 0db8 0000 0000 0000 0000 0000 0100",
    );
    assert_eq!(packet, expected);
    let source = "fe80::98d4:80ff:fe85:fb05".parse().unwrap();
    let datagram = Datagram::ipv6(source, "ff02::12".parse().unwrap(), Some(255), &packet).unwrap();
    let advert = check(&config, 0, &datagram).unwrap();
    assert_eq!(advert.addresses.as_slice(), [ip("fe80::100"), ip("2001:db8::100")]);
    assert_eq!((advert.priority, advert.interval), (100, Duration::from_millis(500)));
}

#[test]
fn what_we_send_we_accept() {
    let mut unicast = article();
    unicast.peers = vec![Peer { address: ip("10.211.55.3"), min_ttl: 255, max_ttl: 255 }];
    let mut ah = article();
    ah.auth = Auth::Ah(*b"secret\0\0");
    let v3 = instance(Version::V3, Family::V4, &["10.211.55.100", "10.211.55.101"]);
    let mut old_checksum = v3.clone();
    old_checksum.v3_checksum_as_v2 = true;
    for (config, destination) in [
        (article(), "224.0.0.18"),
        (unicast, "10.211.55.4"),
        (ah, "224.0.0.18"),
        (v3, "224.0.0.18"),
        (old_checksum, "224.0.0.18"),
    ] {
        let datagram = emit(&config, 77, "10.211.55.3", destination);
        let advert = check_v4(&config, &datagram).unwrap();
        assert_eq!(advert.priority, 77);
        assert_eq!(usize::from(advert.count), config.vips.len());
        assert_eq!(advert.addresses[0], ip("10.211.55.100"));
        assert_eq!(advert.source, ip("10.211.55.3"));
    }
}

/// Rewrites a byte of the VRRP part and puts the checksum right again.
fn altered(at: usize, value: u8) -> Vec<u8> {
    let mut datagram = emit(&article(), 150, "10.211.55.9", "224.0.0.18");
    datagram[20 + at] = value;
    fix_checksum(&mut datagram);
    datagram
}

fn fix_checksum(datagram: &mut [u8]) {
    datagram[26..28].fill(0);
    let checksum = !sum(0, &datagram[20..]);
    datagram[26..28].copy_from_slice(&checksum.to_be_bytes());
}

fn set_ip_length(datagram: &mut [u8], length: u16) {
    datagram[2..4].copy_from_slice(&length.to_be_bytes());
}

#[test]
fn every_verdict_and_its_line() {
    let config = article();
    let good = emit(&config, 150, "10.211.55.9", "224.0.0.18");
    let mut cases: Vec<(Vec<u8>, &str)> = vec![
        (altered(12, b'x'), "received an invalid passwd from 10.211.55.9!"),
        (altered(4, 0), "received a 0 auth from 10.211.55.9, expecting 1!"),
        (altered(4, 7), "Invalid auth type from 10.211.55.9: 7"),
        (altered(5, 5), "advertisement interval mismatch with 10.211.55.9 mine=1 sec rcv'd=5 sec"),
        (altered(0, 0x22), "Invalid packet type from 10.211.55.9. 2 and expect 1"),
        (altered(0, 0x41), "vrrp packet from 10.211.55.9 too long, length 40 and expect 32"),
        (altered(3, 3), "vrrp packet from 10.211.55.9 too short, length 40 and expect 48"),
        (altered(3, 0), "vrrp packet from 10.211.55.9 too long, length 40 and expect 36"),
        (good[..32].to_vec(), "vrrp packet from 10.211.55.9 too short, length 32 and expect 40"),
    ];
    let mut wrong_ttl = good.clone();
    wrong_ttl[8] = 254;
    cases.push((wrong_ttl, "invalid TTL/HL from 10.211.55.9. Received 254 and expect 255"));
    let mut wrong_checksum = good.clone();
    wrong_checksum[26] ^= 0x12;
    cases.push((wrong_checksum, "Invalid VRRPv2 checksum from 10.211.55.9"));
    let v3 = emit(&instance(Version::V3, Family::V4, &["10.211.55.100"]), 150, "10.211.55.9", "224.0.0.18");
    cases.push((v3, "wrong VRRP version from 10.211.55.9. Received 3 and expect 2"));
    let mut long = good.clone();
    long.extend_from_slice(&[b'x'; 9]);
    cases.push((long, "vrrp packet from 10.211.55.9 too long, length 49 and expect 40"));
    for (datagram, line) in cases {
        let reject = check_v4(&config, &datagram).unwrap_err();
        let event = crate::Event::Instance(
            "VI_1".into(),
            crate::event::InstanceEvent::Rejected(ip("10.211.55.9"), reject),
        );
        assert_eq!(event.to_string(), format!("(VI_1) {line}"));
    }
    assert_eq!(Datagram::ipv4(&good[..26]).unwrap_err().to_string(), "IPv4 VRRP packet too short - 26 bytes");
}

#[test]
fn ethernet_padding_is_no_error_and_passwords_end_where_ip_ends() {
    let config = article();
    let mut padded = emit(&config, 150, "10.211.55.9", "224.0.0.18");
    padded.resize(46, 0);
    assert!(check_v4(&config, &padded).is_ok());
    // The excess fits the padding rule, but the IP header claims it: the password is then looked for in it.
    let mut claimed = emit(&config, 150, "10.211.55.9", "224.0.0.18");
    claimed.extend_from_slice(b"xxxxxxxxxx");
    set_ip_length(&mut claimed, 50);
    assert_eq!(check_v4(&config, &claimed), Err(Reject::Password));
    let mut short_claim =
        emit(&instance(Version::V2, Family::V4, &["10.211.55.100"]), 1, "10.211.55.9", "224.0.0.18");
    set_ip_length(&mut short_claim, 36);
    let none = instance(Version::V2, Family::V4, &["10.211.55.100"]);
    assert_eq!(check_v4(&none, &short_claim), Err(Reject::IpLength { claimed: 36, length: 40 }));
}

#[test]
fn version_3_checksums_cover_the_pseudo_header() {
    let config = instance(Version::V3, Family::V4, &["10.211.55.100"]);
    let mut datagram = emit(&config, 100, "10.211.55.9", "224.0.0.18");
    assert!(check_v4(&config, &datagram).is_ok());
    fix_checksum(&mut datagram); // without pseudo header
    assert_eq!(check_v4(&config, &datagram), Err(Reject::Checksum(Version::V3)));
    let mut as_v2 = config;
    as_v2.v3_checksum_as_v2 = true;
    assert!(check_v4(&as_v2, &datagram).is_ok());
    datagram[27] ^= 1;
    assert_eq!(check_v4(&as_v2, &datagram), Err(Reject::Checksum(Version::V3)), "still enforced");
}

#[test]
fn unicast_instances_want_unicast_from_their_peers() {
    let mut config = article();
    let multicast = emit(&config, 1, "10.211.55.9", "224.0.0.18");
    config.peers = vec![Peer { address: ip("10.211.55.9"), min_ttl: 254, max_ttl: 255 }];
    assert_eq!(check_v4(&config, &multicast), Err(Reject::Destination(ip("224.0.0.18"))));
    let stranger = emit(&config, 1, "10.211.55.8", "10.211.55.3");
    assert!(check_v4(&config, &stranger).is_ok(), "check_unicast_src is off by default");
    config.check_unicast_src = true;
    assert_eq!(check_v4(&config, &stranger), Err(Reject::NotAPeer));
    let mut far = emit(&config, 1, "10.211.55.9", "10.211.55.3");
    assert!(check_v4(&config, &far).is_ok());
    far[8] = 253;
    assert_eq!(check_v4(&config, &far), Err(Reject::PeerTtl { ttl: 253, min: 254, max: 255 }));
    assert_eq!(
        check_v4(&article(), &emit(&config, 1, "10.211.55.9", "10.211.55.3")),
        Err(Reject::Destination(ip("10.211.55.3")))
    );
}

#[test]
fn authentication_headers_are_verified_and_replays_refused() {
    let mut config = article();
    config.auth = Auth::Ah(*b"secret\0\0");
    let datagram = emit(&config, 100, "10.211.55.9", "224.0.0.18");
    assert_eq!(datagram.len(), 64);
    assert_eq!(datagram[9], PROTOCOL_AH);
    assert_eq!(check_v4(&config, &datagram).unwrap().ah_sequence, Some(1));
    let again = check(&config, 1, &Datagram::ipv4(&datagram).unwrap());
    assert_eq!(again, Err(Reject::AuthHeaderInvalid(auth::Invalid::Replayed { received: 1, last: 1 })));
    let mut changed = datagram.clone();
    changed[46] = 255; // the priority
    assert_eq!(check_v4(&config, &changed), Err(Reject::AuthHeaderInvalid(auth::Invalid::Icv)));
    let mut other = config.clone();
    other.auth = Auth::Ah(*b"guess\0\0\0");
    assert_eq!(check_v4(&other, &datagram), Err(Reject::AuthHeaderInvalid(auth::Invalid::Icv)));
    // TOS, fragment bits and header checksum change on the way; the TTL of a multicast advert does not.
    let mut routed = datagram.clone();
    routed[1] = 0;
    routed[10] = 7;
    assert!(check_v4(&config, &routed).is_ok());
    assert_eq!(check_v4(&article(), &datagram), Err(Reject::AuthHeader { present: true }));
    let plain = emit(&article(), 1, "10.211.55.9", "224.0.0.18");
    assert_eq!(check_v4(&config, &plain), Err(Reject::AuthHeader { present: false }));
}

#[test]
fn ip_options_are_skipped() {
    let config = article();
    let plain = emit(&config, 100, "10.211.55.9", "224.0.0.18");
    let mut with_options = plain[..20].to_vec();
    with_options[0] = 0x46;
    set_ip_length(&mut with_options, 44);
    with_options.extend_from_slice(&[0x94, 4, 0, 0]);
    with_options.extend_from_slice(&plain[20..]);
    assert!(check_v4(&config, &with_options).is_ok());
    with_options[0] = 0x4f;
    assert!(Datagram::ipv4(&with_options).is_err());
    with_options[0] = 0x41;
    assert!(Datagram::ipv4(&with_options).is_err());
}

#[test]
fn more_addresses_than_a_packet_can_count_do_not_overflow() {
    let many: Vec<String> = (0..300).map(|n| format!("10.0.{}.{}", n / 250, n % 250)).collect();
    let config = instance(Version::V3, Family::V4, &many.iter().map(String::as_str).collect::<Vec<_>>());
    let datagram = emit(&config, 1, "10.211.55.9", "224.0.0.18");
    assert_eq!(datagram.len(), 20 + 8 + 255 * 4);
    assert!(check_v4(&config, &datagram).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), kind in 0..5) {
        let mut config = match kind {
            0 => article(),
            1 => instance(Version::V3, Family::V4, &["10.211.55.100"]),
            2 => instance(Version::V3, Family::V6, &["fe80::100"]),
            3 => instance(Version::V2, Family::V6, &["fe80::100"]),
            _ => article(),
        };
        if kind == 4 {
            config.auth = Auth::Ah([1; 8]);
        }
        if config.family == Family::V4 {
            if let Ok(datagram) = Datagram::ipv4(&bytes) {
                let _ = check(&config, 0, &datagram);
            }
        } else if let Ok(datagram) = Datagram::ipv6(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, None, &bytes) {
            let _ = check(&config, 0, &datagram);
        }
    }

    #[test]
    fn damage_is_noticed_or_harmless(at in 20usize..40, bit in 0u8..8, priority in 0u8..=254) {
        let config = article();
        let mut datagram = emit(&config, priority, "10.211.55.9", "224.0.0.18");
        datagram[at] ^= 1 << bit;
        prop_assert!(check_v4(&config, &datagram).is_err());
    }

    #[test]
    fn addresses_survive(octets in prop::collection::vec(any::<[u8; 4]>(), 1..40)) {
        let addresses: Vec<String> = octets.iter().map(|o| Ipv4Addr::from(*o).to_string()).collect();
        let config = instance(Version::V3, Family::V4, &addresses.iter().map(String::as_str).collect::<Vec<_>>());
        let datagram = emit(&config, 9, "10.0.0.1", "224.0.0.18");
        let advert = check_v4(&config, &datagram).unwrap();
        let expected: Vec<IpAddr> = addresses.iter().map(|a| IpAddr::V4(v4(a))).collect();
        prop_assert_eq!(advert.addresses.as_slice(), expected.as_slice());
    }
}
