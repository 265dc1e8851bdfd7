//! The real kernel, in a network namespace of its own. Needs root; says so and passes without.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use netlink::announce::{Announcer, gratuitous_arp};
use netlink::routes::{Metric, RouteSpec, rtax};
use netlink::socket::{Endpoint, Kind, Received, Sockets};
use netlink::{AddressSpec, Event, Link, LinkAddress, Monitor, Route};
use nix::sched::{CloneFlags, unshare};
use rtnetlink::packet_route::link::LinkMessage;

/// Runs a test in a thread that has a network namespace with the pair of interfaces `one` and `two`, both up.
fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce(Link, Link) -> F + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: not root");
        return;
    }
    let thread = std::thread::spawn(|| {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            eprintln!("skipped: no network namespace: {error}");
            return;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (connection, handle, _) = rtnetlink::new_connection().unwrap();
            tokio::spawn(connection);
            let pair: LinkMessage = rtnetlink::LinkVeth::new("one", "two").build();
            handle.link().add(pair).execute().await.unwrap();
            let route = Route::open().unwrap();
            for link in route.links().unwrap() {
                let up = rtnetlink::LinkUnspec::new_with_index(link.index).up().build();
                handle.link().set(up).execute().await.unwrap();
            }
            let links = route.links().unwrap();
            let named = |name: &str| links.iter().find(|link| link.name == name).unwrap().clone();
            tokio::time::timeout(Duration::from_secs(20), test(named("one"), named("two"))).await.unwrap();
        });
    });
    thread.join().unwrap();
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn spec(link: &Link, address: &str, prefix: u8) -> AddressSpec {
    AddressSpec {
        index: link.index,
        address: ip(address),
        prefix,
        scope: 0,
        broadcast: None,
        label: None,
        peer: None,
        nodad: true,
        home: false,
        mngtmpaddr: false,
        noprefixroute: false,
        autojoin: false,
        preferred: None,
    }
}

fn holds(addresses: &[LinkAddress], spec: &AddressSpec) -> bool {
    addresses
        .iter()
        .any(|a| (a.index, a.address, a.prefix) == (spec.index, spec.address, spec.prefix) && !a.tentative)
}

#[test]
fn addresses_come_and_go() {
    in_namespace(|one, _| async move {
        let route = Route::open().unwrap();
        let mut specs =
            vec![spec(&one, "10.9.0.1", 24), spec(&one, "10.9.0.100", 24), spec(&one, "2001:db8::1", 128)];
        specs[1].label = Some("one:vip".into());
        specs[1].broadcast = Some([10, 9, 0, 255].into());
        specs[2].preferred = Some(0);
        assert_eq!(route.add_addresses(&specs), [Ok(()), Ok(()), Ok(())]);
        let addresses = route.addresses().unwrap();
        assert!(specs.iter().all(|spec| holds(&addresses, spec)), "{addresses:?}");
        let again = route.add_addresses(&specs[..1]);
        assert_eq!(again[0].as_ref().unwrap_err().errno(), Some(libc::EEXIST));
        let deleted = route.delete_addresses(&specs);
        // Primary gone, secondary gone with it: that one is no longer available.
        assert!(deleted[0].is_ok() && deleted[2].is_ok());
        let addresses = route.addresses().unwrap();
        assert!(!specs.iter().any(|spec| holds(&addresses, spec)), "{addresses:?}");
        let absent = route.delete_addresses(&specs[..1]);
        assert_eq!(absent[0].as_ref().unwrap_err().errno(), Some(libc::EADDRNOTAVAIL));
        let nowhere = AddressSpec { index: 4_000_000, ..specs[0].clone() };
        assert_eq!(route.add_addresses(&[nowhere])[0].as_ref().unwrap_err().errno(), Some(libc::ENODEV));
    });
}

async fn until(monitor: &mut Monitor, mut wanted: impl FnMut(&Event) -> bool) -> Event {
    loop {
        let event = monitor.next().await;
        if wanted(&event) {
            return event;
        }
    }
}

#[test]
fn changes_are_reported() {
    in_namespace(|one, _| async move {
        let mut monitor = Monitor::open().unwrap();
        let route = Route::open().unwrap();
        let vip = spec(&one, "10.9.0.100", 24);
        route.add_addresses(std::slice::from_ref(&vip));
        until(
            &mut monitor,
            |event| matches!(event, Event::Address(a) if a.address == vip.address && a.prefix == 24),
        )
        .await;
        route.delete_addresses(std::slice::from_ref(&vip));
        until(&mut monitor, |event| matches!(event, Event::AddressGone(a) if a.address == vip.address)).await;
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        let down = rtnetlink::LinkUnspec::new_with_index(one.index).down().build();
        handle.link().set(down).execute().await.unwrap();
        until(&mut monitor, |event| matches!(event, Event::Link(link) if link.name == "one" && !link.up))
            .await;
        handle.link().del(one.index).execute().await.unwrap();
        until(&mut monitor, |event| matches!(event, Event::LinkGone(link) if link.name == "two")).await;
    });
}

fn endpoint(link: &Link, group: &str) -> Endpoint {
    Endpoint { link: Some((link.name.clone(), link.index)), protocol: 112, kind: Kind::Multicast(ip(group)) }
}

/// An IPv4 header without addresses of this machine, so that no filter takes it for forged.
fn datagram(payload: &[u8]) -> Vec<u8> {
    let length = 20 + payload.len() as u8;
    let mut datagram = vec![0x45, 0xc0, 0, length, 0, 7, 0, 0, 255, 112, 0, 0, 10, 9, 0, 77, 224, 0, 0, 18];
    datagram.extend_from_slice(payload);
    datagram
}

#[test]
fn adverts_cross_the_wire_with_our_header() {
    in_namespace(|one, two| async move {
        for link in ["all", "two"] {
            std::fs::write(format!("/proc/sys/net/ipv4/conf/{link}/rp_filter"), "0").unwrap();
        }
        let mut sockets = Sockets::new().unwrap();
        let sender = sockets.open(&endpoint(&one, "224.0.0.18"), Some(255)).unwrap();
        let receiver = sockets.open(&endpoint(&two, "224.0.0.18"), Some(255)).unwrap();
        assert_eq!(
            sockets.open(&endpoint(&two, "224.0.0.18"), Some(255)).unwrap(),
            receiver,
            "one pair an endpoint"
        );
        let sent = datagram(b"\x21\x33 some advert");
        sockets.pair(sender).unwrap().send(ip("10.9.0.77"), ip("224.0.0.18"), &sent).unwrap();
        sockets.readable().await.unwrap();
        let mut got = Vec::new();
        sockets
            .receive(8, |id, received| match received {
                Received::V4(bytes) => got.push((id, bytes.to_vec())),
                other => panic!("{other:?}"),
            })
            .unwrap();
        assert_eq!(got.len(), 1, "not looped back to the sender");
        assert_eq!(got[0].0, receiver);
        let (header, payload) = got[0].1.split_at(20);
        assert_eq!(payload, &sent[20..]);
        assert_eq!(
            (header[1], header[8], &header[4..8]),
            (0xc0, 255, &[0, 7, 0, 0][..]),
            "TOS, TTL, id, no fragment bits"
        );
        sockets.retain(|id, _| id == sender);
        assert_eq!(sockets.pairs().count(), 1);
        assert!(sockets.pair(receiver).is_none());
    });
}

#[test]
fn ipv6_adverts_carry_hop_limit_and_source() {
    in_namespace(|one, two| async move {
        let route = Route::open().unwrap();
        let address = spec(&one, "fe80::77", 64);
        assert_eq!(route.add_addresses(&[address]), [Ok(())]);
        let mut sockets = Sockets::new().unwrap();
        let sender = sockets.open(&endpoint(&one, "ff02::12"), Some(255)).unwrap();
        sockets.open(&endpoint(&two, "ff02::12"), Some(255)).unwrap();
        // An interface that just came up may still drop; adverts are repeated in life, too.
        loop {
            let pair = sockets.pair(sender).unwrap();
            let sent = pair.send(ip("fe80::77"), ip("ff02::12"), b"\x31\x33 some advert");
            let arrived = tokio::time::timeout(Duration::from_millis(200), sockets.readable()).await;
            if sent.is_ok() && arrived.is_ok() {
                break;
            }
        }
        let mut seen = 0;
        sockets
            .receive(8, |_, received| match received {
                Received::V6 { source, destination, hop_limit, payload } => {
                    seen += 1;
                    assert_eq!(
                        (IpAddr::V6(source), IpAddr::V6(destination)),
                        (ip("fe80::77"), ip("ff02::12"))
                    );
                    assert_eq!((hop_limit, payload), (Some(255), &b"\x31\x33 some advert"[..]));
                }
                other => panic!("{other:?}"),
            })
            .unwrap();
        assert!(seen >= 1);
    });
}

#[test]
fn gratuitous_arps_leave_as_they_are_built() {
    in_namespace(|one, two| async move {
        let listener = socket2::Socket::new(
            socket2::Domain::PACKET,
            socket2::Type::RAW,
            Some(socket2::Protocol::from(i32::from((libc::ETH_P_ARP as u16).to_be()))),
        )
        .unwrap();
        listener.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mac: [u8; 6] = one.hardware.as_slice().try_into().unwrap();
        Announcer::open().unwrap().announce(one.index, mac, ip("10.9.0.100"), false).unwrap();
        let mut buffer = [std::mem::MaybeUninit::uninit(); 100];
        // Both ends hear it: it leaves `one` and arrives at `two`.
        let length = listener.recv(&mut buffer).unwrap();
        assert_eq!(length, gratuitous_arp(mac, [10, 9, 0, 100].into()).len());
        assert!(two.up);
    });
}

#[test]
fn routes_come_go_and_are_missed() {
    in_namespace(|one, _| async move {
        let route = Route::open().unwrap();
        assert_eq!(route.add_addresses(&[spec(&one, "10.9.0.1", 24)]), [Ok(())]);
        let via = RouteSpec {
            gateway: Some(ip("10.9.0.9")),
            output: Some(one.index),
            source: Some(ip("10.9.0.1")),
            metric: Some(5),
            metrics: vec![Metric { kind: rtax::MTU, value: 1400, lock: true }],
            ..RouteSpec::to(ip("10.77.0.0"), 16)
        };
        let plain =
            RouteSpec { gateway: None, source: None, metric: None, metrics: Vec::new(), ..via.clone() };
        let specs = [
            via.clone(),
            RouteSpec { kind: 6, destination: (ip("10.78.0.0"), 16), output: None, ..plain.clone() },
            RouteSpec { destination: (ip("10.79.0.0"), 16), table: 1000, ..plain.clone() },
            RouteSpec { destination: (ip("2001:db8:7::"), 64), ..plain },
        ];
        let mut monitor = Monitor::routes().unwrap();
        assert!(route.add_routes(&specs).iter().all(Result::is_ok));
        assert_eq!(route.add_routes(&specs[..1])[0].as_ref().unwrap_err().errno(), Some(libc::EEXIST));
        assert!(route.delete_routes(&specs).iter().all(Result::is_ok));
        for spec in &specs {
            until(&mut monitor, |event| matches!(event, Event::RouteGone(key) if *key == spec.key())).await;
        }
        assert_eq!(route.delete_routes(&[via])[0].as_ref().unwrap_err().errno(), Some(libc::ESRCH));
    });
}
