//! Network namespaces of listeners and servers. Only root can make one: without that the test says so and compares nothing.

use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::subject::{PATIENCE, Reader, Running, send, subjects};

const HEAD: &str = "global\n nbthread 1\ndefaults\n mode http\n retries 0\n timeout connect 5s\n timeout client 10s\n timeout server 10s\n";

/// A namespace with a loopback interface; removed with its value.
struct Namespace(String);

impl Namespace {
    fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("side-by-side-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let made =
            Command::new("ip").args(["netns", "add", &name]).output().is_ok_and(|done| done.status.success());
        if !made {
            return None;
        }
        let namespace = Self(name);
        let up = Command::new("ip").args(["-n", &namespace.0, "link", "set", "lo", "up"]).status();
        assert!(up.is_ok_and(|status| status.success()), "the loopback interface of a namespace");
        Some(namespace)
    }

    /// Runs something on a thread inside.
    fn inside<T: Send + 'static>(&self, run: impl FnOnce() -> T + Send + 'static) -> T {
        let file = File::open(format!("/var/run/netns/{}", self.0)).expect("the namespace");
        let thread = std::thread::spawn(move || {
            setns(file, CloneFlags::CLONE_NEWNET).expect("the way into the namespace");
            run()
        });
        thread.join().expect("a thread inside")
    }

    fn listener(&self) -> TcpListener {
        self.inside(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"))
    }

    fn connect(&self, port: u16) -> Option<TcpStream> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.inside(move || TcpStream::connect_timeout(&address, PATIENCE)).ok()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// The first bytes of a PROXY protocol header of version 2 for 1.2.3.4:1 to 5.6.7.8:2, with the name of a namespace.
fn header(namespace: &str) -> Vec<u8> {
    let value = u8::try_from(namespace.len()).expect("a short name");
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    bytes.extend([0, 12 + 3 + value, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 2, 0x30, 0, value]);
    bytes.extend(namespace.as_bytes());
    bytes
}

fn status(stream: &TcpStream, before: &[u8]) -> Option<u16> {
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    send(stream, &[before, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"].concat());
    Reader::new(stream).response(false).map(|response| response.status)
}

#[test]
fn servers_are_reached_in_their_namespace() {
    let Some(namespace) = Namespace::new() else {
        println!("no namespace can be made here, nothing is compared");
        return;
    };
    let name = &namespace.0;
    let origin = namespace.listener();
    let there = origin.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = origin.accept() {
            let mut bytes = [0; 4096];
            if stream.read(&mut bytes).is_ok_and(|count| count > 0) {
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        }
    });
    for subject in subjects() {
        let server = |namespace: &str| format!(" server s 127.0.0.1:{there} {namespace}\n");

        let named = format!("{HEAD}listen l\n bind {{fd0}}\n{}", server(&format!("namespace {name}")));
        assert_eq!(
            status(&Running::start(&subject, &named, 1).connect(0), b""),
            Some(200),
            "{}",
            subject.name
        );

        // The client came to a listener of ours: the server is looked for here, where nobody listens.
        let here = format!("{HEAD}listen l\n bind {{fd0}}\n{}", server("namespace *"));
        assert_eq!(
            status(&Running::start(&subject, &here, 1).connect(0), b""),
            Some(503),
            "{}",
            subject.name
        );

        // A PROXY protocol header names a namespace that the configuration knows, or one that it does not.
        let told = format!(
            "{HEAD}listen l\n bind {{fd0}} accept-proxy\n{} server known 127.0.0.1:1 namespace {name} disabled\n",
            server("namespace *")
        );
        let running = Running::start(&subject, &told, 1);
        assert_eq!(status(&running.connect(0), &header(name)), Some(200), "{}", subject.name);
        assert_eq!(status(&running.connect(0), &header("nowhere")), Some(503), "{}", subject.name);
        drop(running);

        // The client came to a listener in the namespace. Nobody else takes a port there.
        let port = namespace.listener().local_addr().expect("its address").port();
        let bound =
            format!("{HEAD}listen l\n bind 127.0.0.1:{port} namespace {name}\n{}", server("namespace *"));
        let mut running = Running::start(&subject, &bound, 0);
        let client = loop {
            assert!(!running.has_ended(), "{}: it could not listen in the namespace", subject.name);
            if let Some(client) = namespace.connect(port) {
                break client;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        assert_eq!(status(&client, b""), Some(200), "{}", subject.name);
    }
}

/// A place that the system redirects to the program, unless the packet has the mark of the program's own connections.
const REDIRECTED: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 9, 9, 9), 9000);

#[test]
fn redirected_connections_go_on_to_where_they_were_to() {
    let Some(namespace) = Namespace::new() else {
        println!("no namespace can be made here, nothing is compared");
        return;
    };
    let run = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        let done = Command::new("ip").args(["netns", "exec", &namespace.0]).args(words).output();
        done.is_ok_and(|done| done.status.success())
    };
    assert!(run(&format!("ip addr add {}/32 dev lo", REDIRECTED.0)), "an address");
    let chain = "nft add table ip t; add chain ip t o { type nat hook output priority -100; }";
    if !run(chain) {
        println!("there is no NAT here, nothing is compared");
        return;
    }
    let origin = namespace.inside(|| TcpListener::bind(REDIRECTED).expect("the place"));
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = origin.accept() {
            let mut bytes = [0; 4096];
            if stream.read(&mut bytes).is_ok_and(|count| count > 0) {
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nwho: origin\r\n\r\norigin");
            }
        }
    });
    for subject in subjects() {
        let config = format!(
            "{HEAD}listen l\n bind {{fd0}}\n option transparent\n http-request set-bc-mark 7\n http-request return status 200 hdr dst %[dst]:%[dst_port] if {{ path /dst }}\n"
        );
        let inside = subject.clone();
        let running = namespace.inside(move || Running::start(&inside, &config, 1));
        let port = running.port(0);
        let (ip, from) = REDIRECTED;
        assert!(run("nft flush chain ip t o"), "no rule");
        assert!(
            run(&format!(
                "nft add rule ip t o ip daddr {ip} tcp dport {from} meta mark != 7 redirect to :{port}"
            )),
            "a rule"
        );
        let ask = |path: &str| {
            let stream = namespace
                .inside(move || TcpStream::connect_timeout(&REDIRECTED.into(), PATIENCE))
                .expect("a connection");
            stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
            send(&stream, format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes());
            let response = Reader::new(&stream).response(false).expect("a response");
            assert_eq!(response.status, 200, "{}", subject.name);
            response.head
        };
        let head = ask("/dst");
        assert!(head.contains(&format!("dst: {ip}:{from}\r\n")), "{}: {head}", subject.name);
        let head = ask("/");
        assert!(head.contains("who: origin\r\n"), "{}: {head}", subject.name);
        drop(running);
    }
}
