//! How many requests a server gets at a time and where the others wait: `maxconn`, `minconn` and `fullconn`, `maxqueue`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::processes::{Port, Site};
use crate::sockets::wait_for;
use crate::subject::{PATIENCE, subjects};

struct Case {
    fullconn: u32,
    backend: &'static str,
    server: &'static str,
    /// After each request: served, in the server's queue, in the backend's queue.
    seen: &'static [[u64; 3]],
}

const CASES: &[Case] = &[
    Case {
        fullconn: 10,
        backend: "",
        server: "maxconn 8 minconn 2",
        seen: &[[1, 0, 0], [2, 0, 0], [2, 0, 1], [2, 0, 2], [2, 0, 3], [2, 0, 4]],
    },
    Case {
        fullconn: 4,
        backend: "",
        server: "maxconn 6 minconn 1",
        seen: &[[1, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0], [5, 0, 0], [6, 0, 0], [6, 0, 1], [6, 0, 2]],
    },
    Case {
        fullconn: 100,
        backend: "",
        server: "maxconn 2",
        seen: &[[1, 0, 0], [2, 0, 0], [2, 0, 1], [2, 0, 2]],
    },
    // Without maxconn it is the limit.
    Case {
        fullconn: 5,
        backend: "",
        server: "minconn 2",
        seen: &[[1, 0, 0], [2, 0, 0], [2, 0, 1], [2, 0, 2]],
    },
    Case {
        fullconn: 100,
        backend: "",
        server: "maxconn 2 maxqueue 2",
        seen: &[[1, 0, 0], [2, 0, 0], [2, 0, 1], [2, 0, 2], [2, 0, 3]],
    },
    // These algorithms let a request wait for its server.
    Case {
        fullconn: 100,
        backend: "balance leastconn",
        server: "maxconn 2 maxqueue 2",
        seen: &[[1, 0, 0], [2, 0, 0], [2, 1, 0], [2, 2, 0], [2, 2, 1], [2, 2, 2]],
    },
    Case {
        fullconn: 100,
        backend: "balance source",
        server: "maxconn 2",
        seen: &[[1, 0, 0], [2, 0, 0], [2, 1, 0], [2, 2, 0], [2, 3, 0]],
    },
];

/// A column of the backend and of its server.
fn columns(site: &Site, name: &str) -> Option<[u64; 2]> {
    let fields = site.fields("show stat b 6 -1 typed", ":u32:");
    let value = |side: &str| {
        let found =
            fields.iter().find(|(key, _)| key.starts_with(side) && key.contains(&format!(".{name}.")));
        found.and_then(|(_, value)| value.parse().ok())
    };
    Some([value("B.")?, value("S.")?])
}

#[test]
fn requests_are_served_and_wait_where_the_reference_has_them() {
    for subject in subjects() {
        for Case { fullconn, backend, server, seen } in CASES {
            let site = Site::new(&subject);
            let port = Port::new();
            let origin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            site.configure(
                " nbthread 1",
                &format!(
                    "defaults\n mode http\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n timeout queue 1m\n\
                     frontend f\n bind 127.0.0.1:{}\n default_backend b\n\
                     backend b\n fullconn {fullconn}\n {backend}\n server s {} {server}\n",
                    port.1,
                    origin.local_addr().expect("its address")
                ),
            );
            let process = site.start(&["-db"]);
            site.ask("show info");
            let mut clients = Vec::new();
            for (number, [served, waiting, in_backend]) in seen.iter().enumerate() {
                let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port.1)).expect("a connection");
                client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("a request");
                clients.push(client);
                let told = format!("{}: {backend} {server}, request {}", subject.name, number + 1);
                let wanted = ([*in_backend, *waiting], *served);
                wait_for(&told, || {
                    let queued = columns(&site, "qcur")?;
                    let current = columns(&site, "scur")?;
                    ((queued, current[1]) == wanted).then_some(())
                });
            }
            drop(process);
            for mut client in clients {
                // Nobody was answered.
                assert_eq!(client.read(&mut [0; 16]).unwrap_or(0), 0, "{}", subject.name);
            }
        }
    }
}

/// Reads a request's head.
fn head(server: &mut TcpStream) {
    server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.ends_with(b"\r\n\r\n") {
        let n = server.read(&mut buffer).expect("a request");
        assert!(n > 0, "the request is whole");
        seen.extend_from_slice(&buffer[..n]);
    }
}

/// `max-keep-alive-queue`: a client that prefers its last server waits there while the queue is shorter, and goes elsewhere otherwise.
#[test]
fn a_kept_server_is_left_when_its_queue_is_long() {
    for subject in subjects() {
        for (limit, queued, stays) in
            [("", 1, true), ("-1", 1, true), ("0", 0, false), ("1", 0, true), ("1", 1, false), ("2", 1, true)]
        {
            let site = Site::new(&subject);
            let port = Port::new();
            let [a, b] = [0, 1].map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
            let line =
                if limit.is_empty() { String::new() } else { format!(" max-keep-alive-queue {limit}\n") };
            site.configure(
                " nbthread 1",
                &format!(
                    "defaults\n mode http\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n timeout queue 1m\n\
                     listen l\n bind 127.0.0.1:{}\n http-reuse never\n option prefer-last-server\n{line} cookie C\n \
                     server a {} cookie a maxconn 1\n server b {} cookie b\n",
                    port.1,
                    a.local_addr().expect("its address"),
                    b.local_addr().expect("its address")
                ),
            );
            let process = site.start(&["-db"]);
            site.ask("show info");
            let connect = |request: &str| {
                let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port.1)).expect("a connection");
                client.write_all(request.as_bytes()).expect("a request");
                client
            };
            let waiting = |wanted: u64| {
                let told = format!("{}: {line:?}: {wanted} in the queue", subject.name);
                wait_for(&told, || {
                    let fields = site.fields("show stat l 4 1 typed", ":u32:");
                    let (_, value) = fields.iter().find(|(key, _)| key.contains(".qcur."))?;
                    (value.parse::<u64>().ok()? == wanted).then_some(())
                });
            };
            let with_cookie = "GET / HTTP/1.1\r\nhost: x\r\ncookie: C=a\r\n\r\n";
            let mut client = connect(with_cookie);
            let (mut first, _) = a.accept().expect("the subject connects");
            head(&mut first);
            first.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("an answer");
            client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            head(&mut client);
            let holder = connect(with_cookie);
            let (mut held, _) = a.accept().expect("the subject connects");
            head(&mut held);
            let others: Vec<TcpStream> = (0..queued).map(|_| connect(with_cookie)).collect();
            waiting(queued);
            client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("another request");
            if stays {
                waiting(queued + 1);
            } else {
                let (mut elsewhere, _) = b.accept().expect("the subject connects");
                head(&mut elsewhere);
                waiting(queued);
            }
            drop((process, holder, others));
        }
    }
}
