#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Sequences and choices measured on the reference (haproxy-algorithms, part 1).

use super::*;
use crate::config::{Hash, HashFunction, HashKey};
use crate::hash::{avalanche, ring_key, sdbm};
use crate::key::Parts;
use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

fn spec(id: u32, weight: u32) -> ServerSpec {
    ServerSpec {
        id,
        weight,
        backup: false,
        maxconn: 0,
        minconn: 0,
        maxqueue: 0,
        ring_key: ring_key(HashKey::Id, id, None, 0),
        available: true,
    }
}

fn specs(weights: &[u32]) -> Vec<ServerSpec> {
    weights.iter().zip(1..).map(|(&weight, id)| spec(id, weight)).collect()
}

fn balancer(specs: &[ServerSpec], algorithm: Algorithm, hash: Hash) -> Balancer<u32> {
    let config = Config { algorithm, hash, hash_balance_factor: 0 };
    Balancer::new(specs, Settings { config, allbackups: false, fullconn: 1000, seed: 7 })
}

fn weighted(algorithm: Algorithm, weights: &[u32]) -> Balancer<u32> {
    balancer(&specs(weights), algorithm, Hash::default())
}

/// One request that is served at once and ends; the server's number counted from 1.
fn once(balancer: &mut Balancer<u32>, request: Request) -> usize {
    match balancer.assign(&request, || 0) {
        Decision::Serve { server, .. } => {
            assert!(balancer.release(server, 1).is_empty());
            server + 1
        }
        other => panic!("{other:?}"),
    }
}

fn sequence(balancer: &mut Balancer<u32>, n: usize) -> String {
    (0..n).map(|_| once(balancer, Request { streams: 1, ..Request::default() }).to_string()).collect()
}

fn state(available: bool, weight: u32) -> Availability {
    Availability { available, weight, step: 16, ramp: 100 }
}

#[test]
fn roundrobin_sequences() {
    for (weights, want) in [
        (&[1, 1][..], "12121212"),
        (&[1, 2], "221221221"),
        (&[3, 1], "111211121112"),
        (&[1, 2, 3], "323132323132323132"),
        (&[5, 3, 2], "121312121312131212131213"),
        (&[7, 2], "11112111211112111211"),
    ] {
        let mut balancer = weighted(Algorithm::RoundRobin, weights);
        assert_eq!(sequence(&mut balancer, want.len()), want, "{weights:?}");
    }
}

#[test]
fn roundrobin_with_a_server_in_maintenance() {
    let mut balancer = weighted(Algorithm::RoundRobin, &[1, 1, 1]);
    assert_eq!(sequence(&mut balancer, 7), "1231231");
    balancer.set_availability(1, state(false, 1));
    assert_eq!(sequence(&mut balancer, 8), "31313131");
    balancer.set_availability(1, state(true, 1));
    assert_eq!(sequence(&mut balancer, 14), "31231231231231");
}

#[test]
fn static_map_slots() {
    for (weights, want) in [
        (&[1, 1][..], "12"),
        (&[3, 1], "1112"),
        (&[1, 2], "122"),
        (&[1, 2, 3], "132323"),
        (&[5, 3, 2], "1121312123"),
        (&[10, 20], "122"),
    ] {
        let mut balancer = weighted(Algorithm::StaticRoundRobin, weights);
        let super::Strategy::Map(map, false) = &balancer.strategy else { panic!("not a map") };
        let slots: String = map.slots().iter().map(|slot| (slot + 1).to_string()).collect();
        assert_eq!(slots, want, "{weights:?}");
        assert_eq!(sequence(&mut balancer, want.len()), want);
    }
}

#[test]
fn fallbacks_without_a_key() {
    let header = Algorithm::Header { name: b"x".to_vec(), use_domain_only: false };
    let mut map = weighted(header.clone(), &[1, 2, 3]);
    assert_eq!(sequence(&mut map, 8), "13232313");
    let consistent = Hash { hash_type: HashType::Consistent, avalanche: true, ..Hash::default() };
    let mut ring = balancer(&specs(&[1, 2, 3]), header, consistent);
    assert_eq!(sequence(&mut ring, 12), "232333123231");
}

#[test]
fn leastconn_rotates_idle_servers_and_follows_load() {
    assert_eq!(sequence(&mut weighted(Algorithm::LeastConn, &[1, 1, 1]), 6), "123123");
    assert_eq!(sequence(&mut weighted(Algorithm::LeastConn, &[1, 2]), 4), "1212");
    let mut busy = weighted(Algorithm::LeastConn, &[1, 3]);
    let picks: Vec<_> = (0..8)
        .map(|_| match busy.assign(&Request::default(), || 0) {
            Decision::Serve { server, .. } => server,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(picks.iter().filter(|&&server| server == 1).count(), 6);
}

#[test]
fn first_fills_by_id() {
    let mut servers = specs(&[1, 1, 1]);
    servers[0].id = 9;
    for server in &mut servers {
        server.maxconn = 1;
    }
    let mut balancer = balancer(&servers, Algorithm::First, Hash::default());
    let pick =
        |balancer: &mut Balancer<u32>| balancer.assign(&Request { streams: 9, ..Request::default() }, || 0);
    for server in [1, 2, 0] {
        assert_eq!(pick(&mut balancer), Decision::Serve { server, balanced: true });
    }
    assert!(matches!(pick(&mut balancer), Decision::Queued { ticket: Ticket { server: None, .. }, .. }));
}

#[test]
fn consistent_takes_the_closest_node() {
    let hash = Hash { hash_type: HashType::Consistent, avalanche: true, ..Hash::default() };
    let uri = Algorithm::Uri { len: 0, depth: 0, whole: false, path_only: false };
    let mut ring = balancer(&specs(&[1, 1, 1]), uri, hash);
    for key in 0..200 {
        let h = avalanche(sdbm(format!("/{key}").as_bytes()));
        let nearest = (1..=3_u32)
            .flat_map(|id| (0..16).map(move |n| (avalanche(avalanche(id).wrapping_add(n)), id)))
            .min_by_key(|&(node, _)| (h.wrapping_sub(node)).min(node.wrapping_sub(h)))
            .unwrap();
        let request = Request { hash: Some(h), streams: 1, ..Request::default() };
        assert_eq!(once(&mut ring, request), nearest.1 as usize, "key {key}");
    }
}

#[test]
fn ring_weight_changes_move_only_the_changed_nodes() {
    let hash = Hash { hash_type: HashType::Consistent, avalanche: true, function: HashFunction::Sdbm };
    let mut ring = balancer(&specs(&[2, 2, 2]), Algorithm::Source, hash);
    let place = |ring: &mut Balancer<u32>| -> Vec<usize> {
        (0..500)
            .map(|k| once(ring, Request { hash: Some(avalanche(k)), streams: 1, ..Request::default() }))
            .collect()
    };
    let before = place(&mut ring);
    ring.set_availability(2, state(true, 1));
    let lighter = place(&mut ring);
    assert!(before.iter().zip(&lighter).all(|(a, b)| a == b || *a == 3));
    assert_ne!(before, lighter);
    ring.set_availability(2, state(true, 2));
    assert_eq!(place(&mut ring), before);
}

#[test]
fn bounded_load_spreads_one_key() {
    let hash = Hash { hash_type: HashType::Consistent, avalanche: true, ..Hash::default() };
    let config = Config { algorithm: Algorithm::Source, hash, hash_balance_factor: 150 };
    let settings = Settings { config, allbackups: false, fullconn: 1000, seed: 7 };
    let mut ring: Balancer<u32> = Balancer::new(&specs(&[1, 1, 1]), settings);
    for _ in 0..30 {
        let request = Request { hash: Some(12345), streams: 30, ..Request::default() };
        assert!(matches!(ring.assign(&request, || 0), Decision::Serve { .. }));
    }
    // 30 streams at 150 % of an average of 10: nobody has more than 15 and one node alone cannot have all.
    assert!((0..3).all(|server| ring.served(server) <= 15));
    assert_eq!((0..3).map(|server| ring.served(server)).sum::<u32>(), 30);
}

#[test]
fn random_prefers_the_less_loaded() {
    let mut balancer = weighted(Algorithm::Random { draws: 2 }, &[1, 1, 1, 1]);
    for _ in 0..400 {
        assert!(matches!(balancer.assign(&Request::default(), || 0), Decision::Serve { .. }));
    }
    let loads: Vec<u32> = (0..4).map(|server| balancer.served(server)).collect();
    assert!(loads.iter().all(|&load| (80..=120).contains(&load)), "{loads:?}");
}

#[test]
fn backups_one_or_all() {
    let mut servers = specs(&[1, 1, 1]);
    servers[1].backup = true;
    servers[2].backup = true;
    for (allbackups, want) in [(false, "222222"), (true, "232323")] {
        let settings = Settings { config: Config::default(), allbackups, fullconn: 100, seed: 1 };
        let mut balancer: Balancer<u32> = Balancer::new(&servers, settings);
        assert_eq!(sequence(&mut balancer, 3), "111");
        balancer.set_availability(0, state(false, 1));
        assert_eq!(sequence(&mut balancer, 6), want);
        balancer.set_availability(1, state(false, 1));
        assert_eq!(sequence(&mut balancer, 2), "33");
        balancer.set_availability(1, state(true, 1));
        // A first backup that returns takes its place again at once.
        assert!(allbackups || sequence(&mut balancer, 1) == "2");
        balancer.set_availability(0, state(true, 1));
        assert_eq!(sequence(&mut balancer, 2), "11");
        assert_eq!(balancer.usable(), (1, 2));
    }
}

#[test]
fn weights_as_shown() {
    let dynamic = weighted(Algorithm::RoundRobin, &[10, 20]);
    assert_eq!((dynamic.shown_weight(1), dynamic.shown_total_weight()), (20, 30));
    let mut fixed = weighted(Algorithm::StaticRoundRobin, &[10, 20]);
    assert_eq!((fixed.shown_weight(1), fixed.shown_total_weight()), (20, 30));
    fixed.set_availability(0, state(true, 0));
    assert_eq!((fixed.shown_weight(0), fixed.shown_total_weight()), (0, 20));
    let mut warming = weighted(Algorithm::RoundRobin, &[10]);
    warming.set_availability(0, Availability { available: true, weight: 10, step: 3, ramp: 12 });
    assert_eq!((warming.shown_weight(0), warming.throttle(0)), (2, (30, 160)));
}

/// The rows of a table of measurements.
fn rows<const N: usize>(table: &str) -> impl Iterator<Item = [&str; N]> {
    table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(" | ").collect::<Vec<_>>().try_into().expect("columns"))
}

fn measured_balancer(name: &str, servers: &str, allbackups: bool) -> Balancer<u32> {
    let specs: Vec<ServerSpec> = servers
        .split(' ')
        .zip(1..)
        .map(|(server, id)| ServerSpec {
            backup: server.ends_with('b'),
            ..spec(id, server.trim_end_matches('b').parse().unwrap())
        })
        .collect();
    let header = || Algorithm::Header { name: b"x".to_vec(), use_domain_only: false };
    let uri = |whole| Algorithm::Uri { len: 0, depth: 0, whole, path_only: false };
    let hash = |hash_type, function, avalanche| Hash { hash_type, function, avalanche };
    let (algorithm, hash) = match name {
        "roundrobin" => (Algorithm::RoundRobin, Hash::default()),
        "static-rr" => (Algorithm::StaticRoundRobin, Hash::default()),
        "leastconn" => (Algorithm::LeastConn, Hash::default()),
        "first" => (Algorithm::First, Hash::default()),
        "hdr-map" => (header(), Hash::default()),
        "hdr-ring" => (header(), hash(HashType::Consistent, HashFunction::Sdbm, true)),
        "uri-map" => (uri(false), hash(HashType::MapBased, HashFunction::Djb2, true)),
        "uri-ring" => (uri(false), hash(HashType::Consistent, HashFunction::Crc32, false)),
        "uri-wt6" => (uri(true), hash(HashType::Consistent, HashFunction::Wt6, true)),
        other => panic!("{other}"),
    };
    let config = Config { algorithm, hash, hash_balance_factor: 0 };
    Balancer::new(&specs, Settings { config, allbackups, fullconn: 1000, seed: 7 })
}

#[test]
fn measured_sequences() {
    for [name, servers, allbackups, script, want] in rows(include_str!("measured.txt")) {
        let allbackups = allbackups == "true";
        let mut balancer = measured_balancer(name, servers, allbackups);
        let (mut key, mut got) = (0, String::new());
        for step in script.split(' ') {
            let (what, rest) = step.split_at(1);
            if what == "r" {
                for _ in 0..rest.parse::<u32>().unwrap() {
                    let uri = format!("/k{key}?q={}", key % 3);
                    key += 1;
                    let parts = Parts { uri: Some(uri.as_bytes()), ..Parts::default() };
                    let hash = balancer.settings.config.hash_of(&parts);
                    let request = Request { hash, streams: 1, ..Request::default() };
                    match balancer.assign(&request, || 0) {
                        Decision::Serve { server, .. } => {
                            balancer.release(server, 1);
                            got.push_str(&(server + 1).to_string());
                        }
                        _ => got.push('-'),
                    }
                }
                continue;
            }
            let (server, weight) = rest.split_once('=').unwrap_or((rest, ""));
            let server = server.parse::<usize>().unwrap() - 1;
            let mut state = balancer.servers[server].state;
            match what {
                "w" => state.weight = weight.parse().unwrap(),
                "d" => state.available = false,
                _ => state.available = true,
            }
            balancer.set_availability(server, state);
        }
        assert_eq!(got, want, "{name} | {servers} | allbackups {allbackups} | {script}");
    }
}

#[test]
fn measured_with_held_connections() {
    for [name, servers, script, want] in rows(include_str!("held.txt")) {
        let specs: Vec<ServerSpec> = servers
            .split(' ')
            .zip(1..)
            .map(|(server, id)| {
                let (weight, maxconn) = server.split_once('/').unwrap();
                ServerSpec { maxconn: maxconn.parse().unwrap(), ..spec(id, weight.parse().unwrap()) }
            })
            .collect();
        let consistent = Hash { hash_type: HashType::Consistent, avalanche: true, ..Hash::default() };
        let (algorithm, hash, hash_balance_factor) = match name {
            "leastconn" => (Algorithm::LeastConn, Hash::default(), 0),
            "first" => (Algorithm::First, Hash::default(), 0),
            "roundrobin" => (Algorithm::RoundRobin, Hash::default(), 0),
            "static-rr" => (Algorithm::StaticRoundRobin, Hash::default(), 0),
            "source-bounded" => (Algorithm::Source, consistent, 130),
            other => panic!("{other}"),
        };
        let config = Config { algorithm, hash, hash_balance_factor };
        let settings = Settings { config, allbackups: false, fullconn: 1, seed: 7 };
        let mut balancer: Balancer<u32> = Balancer::new(&specs, settings);
        let (mut held, mut got) = (Vec::new(), String::new());
        for step in script.split(' ') {
            if let Some(n) = step.strip_prefix('x') {
                assert!(balancer.release(held[n.parse::<usize>().unwrap()], 9).is_empty());
                continue;
            }
            let src = Some(std::net::Ipv4Addr::LOCALHOST.into());
            let hash = balancer.settings.config.hash_of(&Parts { src, ..Parts::default() });
            match balancer.assign(&Request { hash, streams: 9, ..Request::default() }, || 0) {
                Decision::Serve { server, .. } => {
                    held.push(server);
                    got.push_str(&(server + 1).to_string());
                }
                other => panic!("{name} {servers}: {other:?}"),
            }
        }
        assert_eq!(got, want, "{name} | {servers} | {script}");
    }
}

fn limited(maxconn: u32, maxqueue: u32) -> Balancer<u32> {
    let mut servers = specs(&[1, 1]);
    for server in &mut servers {
        (server.maxconn, server.maxqueue) = (maxconn, maxqueue);
    }
    balancer(&servers, Algorithm::RoundRobin, Hash::default())
}

#[test]
fn a_freed_slot_wakes_the_backend_queue() {
    let mut balancer = limited(1, 0);
    let request = Request { streams: 3, ..Request::default() };
    assert_eq!(balancer.assign(&request, || 1), Decision::Serve { server: 0, balanced: true });
    assert_eq!(balancer.assign(&request, || 2), Decision::Serve { server: 1, balanced: true });
    let Decision::Queued { ticket, .. } = balancer.assign(&request, || 3) else { panic!("not queued") };
    assert_eq!((ticket.server, balancer.backlog()), (None, 1));
    let woken = balancer.release(1, 3);
    assert_eq!(woken, [Woken { payload: 3, server: 1, position: 1, from_server_queue: false }]);
    assert_eq!((balancer.served(1), balancer.backlog(), balancer.cancel(ticket)), (1, 0, None));
}

#[test]
fn persistence_waits_for_its_server() {
    let mut balancer = limited(1, 1);
    let wanted = Some(Wanted { server: 0, forced: false });
    let request = Request { wanted, streams: 2, ..Request::default() };
    assert_eq!(balancer.assign(&request, || 1), Decision::Serve { server: 0, balanced: false });
    let Decision::Queued { ticket, .. } = balancer.assign(&request, || 2) else { panic!("not queued") };
    assert_eq!(ticket.server, Some(0));
    assert_eq!(balancer.assign(&request, || 3), Decision::Full { server: 0 });
    let moving = Request { redispatch: true, ..request };
    assert_eq!(balancer.assign(&moving, || 3), Decision::Serve { server: 1, balanced: true });
    assert_eq!(balancer.requeue(0, false), [(2, 0)]);
    assert_eq!(balancer.queued(0), 0);
}

#[test]
fn the_better_head_of_two_queues() {
    let mut balancer = limited(1, 0);
    let at = |now_ms, class, wanted| Request {
        now_ms,
        priority: Priority::new(class, 0),
        wanted,
        streams: 9,
        ..Request::default()
    };
    let own = Some(Wanted { server: 0, forced: false });
    assert_eq!(balancer.assign(&at(0, 0, None), || 0), Decision::Serve { server: 0, balanced: true });
    assert_eq!(balancer.assign(&at(0, 0, None), || 0), Decision::Serve { server: 1, balanced: true });
    balancer.assign(&at(10, 0, None), || 10);
    balancer.assign(&at(10, 0, own), || 11);
    balancer.assign(&at(5, 1, own), || 12);
    balancer.assign(&at(20, -1, None), || 13);
    let mut order = Vec::new();
    while let [woken] = &balancer.release(0, 9)[..] {
        order.push(woken.payload);
    }
    // Lower class, then the server's own on a tie, then the older.
    assert_eq!(order, [13, 11, 10, 12]);
}

#[test]
fn a_full_server_is_not_overtaken_by_roundrobin() {
    let mut balancer = limited(1, 0);
    let request = Request { streams: 9, ..Request::default() };
    for payload in 0..3 {
        balancer.assign(&request, || payload);
    }
    // A slot is free only for the first in line; a newcomer joins the queue even with a server up again.
    balancer.set_limits(0, 5, 0);
    assert!(matches!(balancer.assign(&request, || 3), Decision::Queued { .. }));
    let woken: Vec<_> = balancer.serve_queues(0, 9).into_iter().map(|woken| woken.payload).collect();
    assert_eq!(woken, [2, 3]);
}

#[test]
fn avoided_server_is_the_last_resort() {
    for algorithm in
        [Algorithm::RoundRobin, Algorithm::StaticRoundRobin, Algorithm::LeastConn, Algorithm::First]
    {
        let mut two = weighted(algorithm.clone(), &[1, 1]);
        let request = Request { avoid: Some(0), streams: 1, ..Request::default() };
        assert_eq!((0..3).map(|_| once(&mut two, request)).collect::<Vec<_>>(), [2, 2, 2], "{algorithm:?}");
        two.set_availability(1, state(false, 1));
        assert_eq!(once(&mut two, request), 1, "{algorithm:?}");
    }
}

#[test]
fn leastconn_queues_on_a_server_up_to_maxqueue() {
    let mut servers = specs(&[1, 1]);
    (servers[0].maxconn, servers[0].maxqueue, servers[1].maxconn) = (2, 2, 3);
    let mut balancer = balancer(&servers, Algorithm::LeastConn, Hash::default());
    let request = Request { streams: 9, ..Request::default() };
    let got: String = (0..8)
        .map(|_| match balancer.assign(&request, || 0) {
            Decision::Serve { server, .. } => (server + 1).to_string(),
            Decision::Queued { ticket, .. } => {
                ticket.server.map_or("-".into(), |server| format!("q{}", server + 1))
            }
            other => panic!("{other:?}"),
        })
        .collect();
    // Measured: a growing queue alone does not send the next request elsewhere.
    assert_eq!(got, "1212q1q12-");
}

#[test]
fn nothing_usable() {
    let mut balancer = weighted(Algorithm::RoundRobin, &[0, 1]);
    balancer.set_availability(1, state(false, 1));
    assert_eq!(balancer.assign(&Request::default(), || 0), Decision::NoServer);
}

fn algorithms() -> impl proptest::strategy::Strategy<Value = (Algorithm, Hash)> {
    let consistent = Hash { hash_type: HashType::Consistent, avalanche: true, ..Hash::default() };
    prop::sample::select(vec![
        (Algorithm::RoundRobin, Hash::default()),
        (Algorithm::StaticRoundRobin, Hash::default()),
        (Algorithm::LeastConn, Hash::default()),
        (Algorithm::First, Hash::default()),
        (Algorithm::Source, Hash::default()),
        (Algorithm::Source, consistent),
        (Algorithm::Random { draws: 2 }, Hash::default()),
    ])
}

proptest! {
    /// Whatever happens in whatever order: slots are conserved, limits hold for balanced requests, nobody waits while a usable
    /// server has room, and a server that is down gets nothing.
    #[test]
    fn invariants(
        (algorithm, hash) in algorithms(),
        weights in prop::collection::vec(0_u32..5, 1..5),
        maxconn in 0_u32..3,
        events in prop::collection::vec((0_u8..4, 0_usize..5, 0_u32..5), 1..200),
    ) {
        let mut servers = specs(&weights);
        for server in &mut servers {
            server.maxconn = maxconn;
        }
        let mut balancer = balancer(&servers, algorithm, hash);
        let mut held: Vec<usize> = Vec::new();
        let mut waiting = 0_usize;
        for (event, n, m) in events {
            match event {
                0 | 1 => {
                    let streams = (held.len() + waiting + 1) as u32;
                    let request = Request { hash: (m > 0).then_some(m * 77), streams, ..Request::default() };
                    match balancer.assign(&request, || 0) {
                        Decision::Serve { server, .. } => {
                            prop_assert!(balancer.is_usable(server));
                            held.push(server);
                        }
                        Decision::Queued { .. } => waiting += 1,
                        Decision::NoServer => prop_assert_eq!(balancer.usable(), (0, 0)),
                        Decision::Full { .. } => prop_assert!(false, "no maxqueue"),
                    }
                }
                2 if !held.is_empty() => {
                    let server = held.swap_remove(n % held.len());
                    for woken in balancer.release(server, 1) {
                        held.push(woken.server);
                        waiting -= 1;
                    }
                }
                _ => {
                    let server = n % weights.len();
                    balancer.set_availability(server, state(m % 2 == 0, m));
                    for woken in balancer.serve_queues(server, 1) {
                        held.push(woken.server);
                        waiting -= 1;
                    }
                }
            }
            for server in 0..weights.len() {
                let served = held.iter().filter(|&&h| h == server).count() as u32;
                prop_assert_eq!(balancer.served(server), served);
                if maxconn > 0 {
                    prop_assert!(served <= maxconn);
                }
            }
        }
    }
}
