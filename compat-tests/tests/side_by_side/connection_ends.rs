//! How a connection to a server ends when somebody was silent for too long: with an end (FIN) that the server can read, or with a
//! reset alone.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::processes::{Port, Site};
use crate::subject::{PATIENCE, Running, find, subjects};

/// What the server's side reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The end of the stream.
    Fin,
    /// A reset.
    Reset,
}

struct Case {
    mode: &'static str,
    client_timeout: &'static str,
    server_timeout: &'static str,
    more: &'static str,
    request: &'static str,
    /// What the request ends with at the server.
    last: &'static [u8],
    answer: &'static str,
    end: End,
}

const fn case(
    mode: &'static str,
    client_timeout: &'static str,
    server_timeout: &'static str,
    request: &'static str,
) -> Case {
    Case { mode, client_timeout, server_timeout, more: "", request, last: b"", answer: "", end: End::Fin }
}

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const UPGRADE: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 30\r\n\r\nabc";
const SWITCH: &str = "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";

const CASES: &[Case] = &[
    // The client is silent.
    Case { last: b"a", ..case("tcp", "200", "5s", "a") },
    Case { last: b"\r\n\r\n", answer: SWITCH, ..case("http", "200", "5s", UPGRADE) },
    Case { last: b"abc", ..case("http", "200", "5s", POST) },
    Case {
        last: b"abc",
        answer: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        ..case("http", "200", "5s", POST)
    },
    Case {
        last: b"abc",
        answer: "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nok",
        ..case("http", "200", "5s", POST)
    },
    Case { last: b"abc", answer: "HTTP/1.1 200 OK\r\n\r\nok", ..case("http", "200", "5s", POST) },
    // The server is.
    Case { last: b"\r\n\r\n", end: End::Reset, ..case("http", "5s", "200", GET) },
    Case {
        last: b"\r\n\r\n",
        answer: "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nok",
        end: End::Reset,
        ..case("http", "5s", "200", GET)
    },
    Case {
        last: b"\r\n\r\n",
        answer: "HTTP/1.1 200 OK\r\n\r\nok",
        end: End::Reset,
        ..case("http", "5s", "200", GET)
    },
    Case { last: b"\r\n\r\n", answer: SWITCH, end: End::Reset, ..case("http", "5s", "200", UPGRADE) },
    // Both are.
    Case {
        last: b"\r\n\r\n",
        answer: SWITCH,
        more: " timeout tunnel 200\n",
        end: End::Reset,
        ..case("http", "5s", "5s", UPGRADE)
    },
];

/// Reads until the bytes end like that.
fn read_to(server: &mut TcpStream, last: &[u8]) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while find(&seen, last).is_none() {
        let n = server.read(&mut buffer).expect("the request arrives");
        assert!(n > 0, "the request is whole");
        seen.extend_from_slice(&buffer[..n]);
    }
}

#[test]
fn a_server_connection_ends_at_a_timeout_as_the_reference_ends_it() {
    for subject in subjects() {
        for Case { mode, client_timeout, server_timeout, more, request, last, answer, end } in CASES {
            let origin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let configuration = format!(
                "global\n nbthread 1\nlisten l\n mode {mode}\n timeout connect 5s\n timeout client {client_timeout}\n \
                 timeout server {server_timeout}\n{more} bind {{fd0}}\n server s {}\n",
                origin.local_addr().expect("its address")
            );
            let running = Running::start(&subject, &configuration, 1);
            let mut client = running.connect(0);
            client.write_all(request.as_bytes()).expect("the client speaks");
            let (mut server, _) = origin.accept().expect("a connection");
            server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            read_to(&mut server, last);
            server.write_all(answer.as_bytes()).expect("the server answers");
            let found = match server.read(&mut [0; 16]) {
                Ok(0) => End::Fin,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
                other => panic!("{}: {mode} {request:?}: {other:?}", subject.name),
            };
            assert_eq!(found, *end, "{}: {mode} {more}{request:?} {answer:?}", subject.name);
        }
    }
}

/// `tcp-ut` of a bind and of a server: a peer that takes nothing loses its connection long before the timeouts.
#[test]
fn a_peer_that_acknowledges_nothing_is_given_up() {
    for subject in subjects() {
        for of_server in [false, true] {
            let site = Site::new(&subject);
            let port = Port::new();
            let origin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let (bind, server) = if of_server { ("", "tcp-ut 500ms") } else { ("tcp-ut 500ms", "") };
            site.configure(
                " nbthread 1",
                &format!(
                    "frontend f\n mode tcp\n timeout client 1m\n bind 127.0.0.1:{} {bind}\n default_backend b\nbackend b\n mode tcp\n \
                     timeout server 1m\n server s {} {server}\n",
                    port.1,
                    origin.local_addr().expect("its address")
                ),
            );
            let process = site.start(&["-db"]);
            site.ask("show info");
            let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port.1)).expect("a connection");
            let (server, _) = origin.accept().expect("the subject connects");
            // The other side reads nothing: what the kernel holds for it is full soon.
            let mut sender = if of_server { &client } else { &server };
            sender.set_write_timeout(Some(PATIENCE)).expect("a timeout");
            let error = loop {
                if let Err(error) = sender.write_all(&[0; 1 << 16]) {
                    break error;
                }
            };
            let ended = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
            assert!(
                ended,
                "{}: tcp-ut {bind} {}: {error}",
                subject.name,
                if of_server { "server" } else { "bind" }
            );
            drop(process);
        }
    }
}
