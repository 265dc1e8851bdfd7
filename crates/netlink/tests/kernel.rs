//! The real kernel, in a network namespace of its own. Needs root; says so and passes without.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use netlink::announce::{Announcer, gratuitous_arp};
use netlink::firewall::{Blocked, Firewall, Scope, Settings};
use netlink::links::{Ipv4Setting, VirtualKind, VirtualLink};
use netlink::routes::{Metric, RouteSpec, rtax};
use netlink::rules::RuleSpec;
use netlink::socket::{Endpoint, Kind, Received, Sockets};
use netlink::{AddressSpec, Event, Link, LinkAddress, LinkKind, Monitor, Route};
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
        listener.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mac: [u8; 6] = one.hardware.as_slice().try_into().unwrap();
        let announcer = Announcer::open().unwrap();
        let mut buffer = [std::mem::MaybeUninit::uninit(); 100];
        // What is sent before the kernel has noticed that the pair is connected gets lost: sent until both ends hear it.
        let length = (0..75)
            .find_map(|_| {
                announcer.announce(one.index, mac, ip("10.9.0.100"), false).unwrap();
                listener.recv(&mut buffer).ok()
            })
            .unwrap();
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

#[test]
fn rules_come_and_go() {
    in_namespace(|_, _| async move {
        let route = Route::open().unwrap();
        let rule = RuleSpec {
            ipv6: false,
            action: 1,
            invert: true,
            source: Some((ip("10.1.0.0"), 16)),
            destination: None,
            tos: 4,
            input: Some("one".into()),
            output: None,
            priority: Some(51),
            mark: Some((24, Some(12))),
            realms: Some(0x0001_0002),
            table: Some(1000),
            target: None,
            suppress_prefix: Some(0),
            suppress_group: Some(5),
            tunnel: None,
            users: Some((100, 500)),
            l3mdev: false,
            protocol: 18,
            ip_protocol: Some(6),
            source_ports: Some((10, 20)),
            destination_ports: None,
        };
        let six = RuleSpec {
            ipv6: true,
            invert: false,
            source: Some((ip("2001:db8::"), 32)),
            realms: None,
            tos: 0,
            ..rule.clone()
        };
        let mut monitor = Monitor::rules().unwrap();
        assert_eq!(route.add_rules(&[rule.clone(), six.clone()]), [Ok(()), Ok(())]);
        assert_eq!(
            route.add_rules(std::slice::from_ref(&rule))[0].as_ref().unwrap_err().errno(),
            Some(libc::EEXIST)
        );
        assert_eq!(route.delete_rules(&[rule.clone(), six.clone()]), [Ok(()), Ok(())]);
        for spec in [&rule, &six] {
            until(&mut monitor, |event| matches!(event, Event::RuleGone(key) if *key == spec.key())).await;
        }
        assert_eq!(route.delete_rules(&[rule])[0].as_ref().unwrap_err().errno(), Some(libc::ENOENT));
    });
}

#[test]
fn many_requests_have_one_result_each_in_order() {
    in_namespace(|one, _| async move {
        let route = Route::open().unwrap();
        // Every third is there already; more than fit into one message to the kernel.
        let specs: Vec<_> = (0..200_u8)
            .map(|n| spec(&one, &format!("10.9.{}.{}", 0, if n % 3 == 2 { n - 1 } else { n }), 32))
            .collect();
        let results = route.add_addresses(&specs);
        assert_eq!(results.len(), 200);
        for (n, result) in results.iter().enumerate() {
            let errno = result.as_ref().err().and_then(netlink::Error::errno);
            assert_eq!(errno, (n % 3 == 2).then_some(libc::EEXIST), "{n}");
        }
    });
}

#[test]
fn a_vmac_is_made_with_its_address_and_settings() {
    in_namespace(|one, _| async move {
        let route = Route::open().unwrap();
        let mac = [0, 0, 0x5e, 0, 1, 51];
        let vmac = VirtualLink {
            name: "vrrp.51".into(),
            base: one.index,
            kind: VirtualKind::Macvlan(mac),
            group: 7,
            vrf: None,
        };
        route.create_link(&vmac).unwrap();
        let find = || route.links().unwrap().into_iter().find(|link| link.name == "vrrp.51");
        let made = find().unwrap();
        assert_eq!((made.base, made.group, made.hardware.as_slice()), (one.index, 7, mac.as_slice()));
        assert_eq!(made.kind, LinkKind::Macvlan { private: true });
        assert!(!made.up);
        route.configure_ipv4(made.index, &[(Ipv4Setting::ArpIgnore, 1), (Ipv4Setting::RpFilter, 2)]).unwrap();
        let setting =
            |name| std::fs::read_to_string(format!("/proc/sys/net/ipv4/conf/vrrp.51/{name}")).unwrap();
        assert_eq!((setting("arp_ignore").trim(), setting("rp_filter").trim()), ("1", "2"));
        route.without_link_local(made.index).unwrap();
        route.set_up(made.index).unwrap();
        assert!(find().unwrap().up);
        assert!(!route.addresses().unwrap().iter().any(|address| address.index == made.index));
        route.adjust_macvlan(made.index, [0, 0, 0x5e, 0, 1, 52]).unwrap();
        assert_eq!(find().unwrap().hardware, [0, 0, 0x5e, 0, 1, 52]);
        assert_eq!(route.create_link(&vmac).unwrap_err().errno(), Some(libc::EEXIST));
        route.delete_link(made.index).unwrap();
        assert!(find().is_none());
        assert_eq!(route.delete_link(made.index).unwrap_err().errno(), Some(libc::ENODEV));
    });
}

#[test]
fn blocked_addresses_get_no_packets() {
    in_namespace(|one, _| async move {
        let route = Route::open().unwrap();
        let lo = route.links().unwrap().into_iter().find(|link| link.name == "lo").unwrap();
        route.set_up(lo.index).unwrap();
        route.add_addresses(&[
            spec(&one, "10.9.0.1", 24),
            spec(&one, "10.9.0.100", 24),
            spec(&one, "2001:db8::100", 64),
            spec(&one, "fe80::100", 64),
        ]);
        let settings =
            || Settings { table: "keepalived".into(), priority: -1, counters: true, by_index: false };
        let mut firewall = match Firewall::open(settings()) {
            Ok(firewall) => firewall,
            Err(error) => return eprintln!("skipped: no nf_tables: {error}"),
        };
        let scope = Scope::Index(one.index);
        let blocked: Vec<Blocked> = ["10.9.0.100", "2001:db8::100", "fe80::100"]
            .iter()
            .map(|text| Blocked { address: ip(text), scope: scope.clone() })
            .collect();
        let answers = |address: &str| {
            let socket =
                std::net::UdpSocket::bind(if address.contains(':') { "[::]:0" } else { "0.0.0.0:0" });
            let socket = socket.unwrap();
            let port = socket.local_addr().unwrap().port();
            // To oneself: it arrives at once, or is dropped on the way out.
            let sent = socket.send_to(b"x", (ip(address), port));
            sent.is_ok() && {
                socket.set_nonblocking(true).unwrap();
                socket.recv(&mut [0; 8]).is_ok()
            }
        };
        assert!(answers("10.9.0.100") && answers("2001:db8::100"));
        firewall.block(&blocked).unwrap();
        assert!(!answers("10.9.0.100") && !answers("2001:db8::100"));
        assert!(answers("10.9.0.1"), "others are not concerned");
        firewall.unblock(&blocked).unwrap();
        assert!(answers("10.9.0.100") && answers("2001:db8::100"));
        // Twice the same, then the end: nothing stays, and a second life takes over what a first left behind.
        firewall.block(&blocked).unwrap();
        let _ = Firewall::open(settings()).unwrap();
        assert!(answers("10.9.0.100"), "what an earlier life left behind goes");
        let _ = firewall.remove();
        let mut again = Firewall::open(settings()).unwrap();
        again.block(&blocked[..1]).unwrap();
        assert!(!answers("10.9.0.100"));
        again.remove().unwrap();
        assert!(answers("10.9.0.100"));
    });
}
