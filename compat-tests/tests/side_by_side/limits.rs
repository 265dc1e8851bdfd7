//! Limits that hold connections back, and where connections come from and go to without an address: what only time or a descriptor
//! shows. Nothing waits for time: a limit shows in when the last answer comes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::subject::{PATIENCE, Reader, Running, send, subjects};

const DEFAULTS: &str =
    "defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Connections of a burst, and how many a second may pass.
const BURST: usize = 9;
const LIMIT: usize = 4;

/// Sends a burst; how long each answer took, in order.
fn burst(running: &Running) -> Vec<Duration> {
    let begin = Instant::now();
    let clients: Vec<TcpStream> = (0..BURST).map(|_| running.connect(0)).collect();
    for client in &clients {
        send(client, REQUEST);
    }
    let mut times: Vec<Duration> = clients
        .iter()
        .map(|client| {
            assert_eq!(Reader::new(client).response(false).map(|r| r.status), Some(200));
            begin.elapsed()
        })
        .collect();
    times.sort();
    times
}

#[test]
fn rates_hold_connections_back() {
    for subject in subjects() {
        for (global, frontend) in [
            (format!(" maxsessrate {LIMIT}\n"), String::new()),
            (format!(" maxconnrate {LIMIT}\n"), String::new()),
            (String::new(), format!(" rate-limit sessions {LIMIT}\n")),
            (String::new(), String::new()),
        ] {
            let config = format!(
                "global\n nbthread 1\n{global}{DEFAULTS}frontend f\n bind {{fd0}}\n{frontend} http-request return status 200\n"
            );
            let running = Running::start(&subject, &config, 1);
            let what = format!("{}: {global}{frontend}", subject.name);
            let times = burst(&running);
            let limited = !global.is_empty() || !frontend.is_empty();
            // More than a second's worth cannot have come in the first half of it.
            let early = times.iter().filter(|time| **time < times[0] + Duration::from_millis(500)).count();
            assert_eq!(early <= LIMIT, limited, "{what}: {times:?}");
        }
    }
}

#[test]
fn connections_go_to_the_thread_of_their_line() {
    for subject in subjects() {
        for thread in [1, 2] {
            let config = format!(
                "global\n nbthread 2\n{DEFAULTS}frontend f\n bind {{fd0}} thread {thread} nice -5\n http-request return status 200 hdr thread %[thread]\n"
            );
            let running = Running::start(&subject, &config, 1);
            for _ in 0..8 {
                let client = running.connect(0);
                send(&client, REQUEST);
                let response = Reader::new(&client).response(false).expect("a response");
                let expected = format!("thread: {}\r\n", thread - 1);
                assert!(response.head.contains(&expected), "{}: {}", subject.name, response.head);
            }
        }
    }
}

/// What a line sets on an inherited socket is there to be seen by everybody who has it.
#[test]
fn an_inherited_listener_gets_the_options_of_its_line() {
    for subject in subjects() {
        for (options, user_timeout) in [("tcp-ut 7s", Some(7)), ("", None)] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let socket = socket2::SockRef::from(&listener);
            socket.set_cloexec(false).expect("the socket is inherited");
            let config = format!(
                "global\n nbthread 1\n{DEFAULTS}frontend f\n bind fd@{} {options}\n http-request return status 200\n",
                listener.as_raw_fd()
            );
            let running = Running::start(&subject, &config, 0);
            let client =
                TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
            client.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
            send(&client, REQUEST);
            assert_eq!(Reader::new(&client).response(false).map(|r| r.status), Some(200), "{}", subject.name);
            let set = socket.tcp_user_timeout().expect("the option").map(|time| time.as_secs());
            assert_eq!(set.filter(|seconds| *seconds > 0), user_timeout, "{}: {options}", subject.name);
            drop(running);
        }
    }
}

/// `sockpair@`: a listener that is handed connections, and a server that is.
#[test]
fn socket_pairs_carry_connections() {
    for subject in subjects() {
        let pair = || {
            let (theirs, ours) = UnixStream::pair().expect("a pair");
            socket2::SockRef::from(&theirs).set_cloexec(false).expect("one end is inherited");
            ours.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
            (theirs, ours)
        };
        let (listener, to_listener) = pair();
        let (server, from_server) = pair();
        let config = format!(
            "global\n nbthread 1\n{DEFAULTS}listen l\n bind sockpair@{}\n server s sockpair@{}\n",
            listener.as_raw_fd(),
            server.as_raw_fd()
        );
        let running = Running::start(&subject, &config, 0);
        for _ in 0..2 {
            let (mut client, passed) = UnixStream::pair().expect("a connection");
            client.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
            sys::fd_passing::send(to_listener.as_fd(), b"\0", &[passed.as_fd()])
                .expect("the connection is passed");
            drop(passed);
            client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("a request");
            let mut origin = UnixStream::from(received(&from_server));
            origin.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
            let mut request = [0; 4096];
            let count = origin.read(&mut request).expect("the request");
            assert!(request[..count].starts_with(b"GET / HTTP/1.1\r\n"), "{}", subject.name);
            origin.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").expect("a response");
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).expect("the answer");
            assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", subject.name);
            assert!(answer.ends_with(b"\r\n\r\nok"), "{}", subject.name);
        }
        drop(running);
    }
}

/// The descriptor in the next message.
fn received(socket: &UnixStream) -> OwnedFd {
    let mut bytes = [0; 16];
    let (_, fds) = sys::fd_passing::receive(socket.as_fd(), &mut bytes).expect("a message");
    fds.into_iter().next().expect("a descriptor in it")
}
