//! Where connections to servers come from and go to: `source`, `usesrc`, port ranges, mapped ports.
//!
//! Every address is in 127.0.0.0/8, which is all this machine's. `usesrc` needs CAP_NET_ADMIN: without it those cases are skipped.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};

use crate::subject::{PATIENCE, Reader, Running, Subject, send, subjects};

/// A server that tells from where each connection comes, and answers every request on it.
struct Witness {
    address: SocketAddr,
    seen: Receiver<SocketAddr>,
}

impl Witness {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let (sender, seen) = channel();
        std::thread::spawn(move || {
            while let Ok((mut stream, from)) = listener.accept() {
                if sender.send(from).is_err() {
                    return;
                }
                std::thread::spawn(move || {
                    let mut bytes = [0; 4096];
                    while stream.read(&mut bytes).is_ok_and(|count| count > 0) {
                        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, seen }
    }

    fn next(&self) -> SocketAddr {
        self.seen.recv_timeout(PATIENCE).expect("a connection")
    }
}

const HEAD: &str = "global\n nbthread 1\ndefaults\n mode http\n timeout connect 5s\n timeout client 10s\n timeout server 10s\nlisten l\n";

fn start(subject: &Subject, server: &str) -> Running {
    Running::start(subject, &format!("{HEAD} bind {{fd0}}\n {server}\n"), 1)
}

/// The status of one request with fields.
fn request(running: &mut Running, fields: &str) -> u16 {
    request_after(running, "", fields)
}

/// The same after a PROXY protocol header.
fn request_after(running: &mut Running, header: &str, fields: &str) -> u16 {
    let stream = running.connect(0);
    send(
        &stream,
        format!("{header}GET / HTTP/1.1\r\nhost: x\r\n{fields}connection: close\r\n\r\n").as_bytes(),
    );
    let status = Reader::new(&stream).response(false).map_or(0, |response| response.status);
    running.assert_alive("a request");
    status
}

/// A port of an address that was free a moment ago and that nothing takes by chance.
struct Port(u16);

impl Port {
    fn new(of: Ipv4Addr) -> Self {
        let listener = TcpListener::bind((of, 0)).expect("a port");
        Self(listener.local_addr().expect("its address").port())
    }
}

#[test]
fn connections_come_from_the_source() {
    for subject in subjects() {
        let witness = Witness::start();
        let at = witness.address;
        let mut running = start(&subject, &format!("server s {at} source 127.0.0.7"));
        assert_eq!(request(&mut running, ""), 200);
        assert_eq!(witness.next().ip(), IpAddr::from([127, 0, 0, 7]), "{}", subject.name);

        // A server's own comes before the backend's.
        let mut running = start(&subject, &format!("source 127.0.0.7\n server s {at} source 127.0.0.8"));
        assert_eq!(request(&mut running, ""), 200);
        assert_eq!(witness.next().ip(), IpAddr::from([127, 0, 0, 8]), "{}", subject.name);

        let mut running = start(&subject, &format!("server s {at} source 127.0.0.7 interface lo"));
        if request(&mut running, "") == 200 {
            assert_eq!(witness.next().ip(), IpAddr::from([127, 0, 0, 7]), "{}", subject.name);
        }
    }
}

#[test]
fn ports_are_taken_from_the_range() {
    for subject in subjects() {
        let witness = Witness::start();
        // Ports of an address that nobody else uses; the process's own number keeps two test runs apart.
        let from = Ipv4Addr::new(127, 1, (std::process::id() >> 8) as u8, std::process::id() as u8 | 1);
        let (low, high) = (20000, 20003);
        let mut running =
            start(&subject, &format!("server s {} source {from}:{low}-{high}", witness.address));
        for _ in 0..3 {
            assert_eq!(request(&mut running, ""), 200, "{}", subject.name);
            let peer = witness.next();
            assert_eq!(peer.ip(), IpAddr::from(from), "{}", subject.name);
            assert!((low..=high).contains(&peer.port()), "{}: {peer}", subject.name);
        }
    }
}

#[test]
fn servers_see_the_address_that_usesrc_means() {
    for subject in subjects() {
        let witness = Witness::start();
        let at = witness.address;
        let mut running = start(&subject, &format!("server s {at} source 0.0.0.0 usesrc 127.0.0.9"));
        let status = request(&mut running, "");
        if status == 503 {
            println!("{}: usesrc is not permitted here, nothing is compared", subject.name);
            continue;
        }
        assert_eq!((status, witness.next().ip()), (200, IpAddr::from([127, 0, 0, 9])), "{}", subject.name);

        let mut running = start(&subject, &format!("server s {at} source 0.0.0.0 usesrc clientip"));
        assert_eq!(request(&mut running, ""), 200);
        assert_eq!(witness.next().ip(), IpAddr::from([127, 0, 0, 1]), "{}", subject.name);

        // The client says who it is: its own port is its own socket's on this machine.
        let config =
            format!("{HEAD} bind {{fd0}} accept-proxy\n source 0.0.0.0 usesrc client\n server s {at}\n");
        let mut running = Running::start(&subject, &config, 1);
        let port = Port::new(Ipv4Addr::new(127, 0, 0, 40));
        let header = format!("PROXY TCP4 127.0.0.40 127.0.0.1 {} 80\r\n", port.0);
        assert_eq!(request_after(&mut running, &header, ""), 200, "{}", subject.name);
        assert_eq!(witness.next(), SocketAddr::from(([127, 0, 0, 40], port.0)), "{}", subject.name);

        let by_header = |occurrence: &str| {
            format!("server s {at} source 0.0.0.0 usesrc hdr_ip(x-forwarded-for{occurrence})")
        };
        let fields = "x-forwarded-for: 127.0.0.20, 127.0.0.21\r\nx-forwarded-for: 127.0.0.22\r\n";
        for (occurrence, last) in [("", 22), (",1", 20), (",-2", 21)] {
            let mut running = start(&subject, &by_header(occurrence));
            assert_eq!(request(&mut running, fields), 200, "{}", subject.name);
            assert_eq!(witness.next().ip(), IpAddr::from([127, 0, 0, last]), "{}", subject.name);
        }
        // Two requests of one connection for two clients do not share a connection to the server.
        let mut running = start(&subject, &by_header(",1"));
        let stream = running.connect(0);
        let mut reader = Reader::new(&stream);
        for last in [30, 31] {
            let text = format!("GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 127.0.0.{last}\r\n\r\n");
            send(&stream, text.as_bytes());
            assert_eq!(reader.response(false).map(|r| r.status), Some(200), "{}", subject.name);
            assert_eq!(witness.next().ip(), IpAddr::from([127, 0, 0, last]), "{}", subject.name);
        }
        running.assert_alive("the last request");
    }
}

#[test]
fn ports_are_mapped_from_the_client_s_destination() {
    for subject in subjects() {
        let witness = Witness::start();
        // The client says which port it went to; the server's is the same, or so many more or less.
        let config = |server: &str| format!("{HEAD} bind {{fd0}} accept-proxy\n server s {server}\n");
        let port = witness.address.port();
        for (server, towards) in [("127.0.0.1", port), ("127.0.0.1:+5", port - 5), ("127.0.0.1:-5", port + 5)]
        {
            let mut running = Running::start(&subject, &config(server), 1);
            let header = format!("PROXY TCP4 127.0.0.1 127.0.0.2 1000 {towards}\r\n");
            assert_eq!(request_after(&mut running, &header, ""), 200, "{}: {server}", subject.name);
            witness.next();
            // A later request on the same connection uses the connection that is there.
            let stream = running.connect(0);
            send(&stream, header.as_bytes());
            let mut reader = Reader::new(&stream);
            for _ in 0..2 {
                send(&stream, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
                assert_eq!(reader.response(false).map(|r| r.status), Some(200), "{}: {server}", subject.name);
            }
            witness.next();
            assert!(witness.seen.try_recv().is_err(), "{}: {server}: one connection", subject.name);
            running.assert_alive("the last request");
        }
    }
}
