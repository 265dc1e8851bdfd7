//! What sockets are set to: options of listeners, and what rules say about the packets of a connection. `ss` looks, because nobody else
//! may ask a foreign process's socket. Marks need CAP_NET_ADMIN: without it they are not compared.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::subject::{PATIENCE, Reader, Running, Subject, send, subjects};

const HEAD: &str = "global\n nbthread 1\ndefaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n";

/// What `ss` says of the sockets that a filter names: options and fields, without line breaks.
fn ss(options: &str, filter: &str) -> String {
    let output = Command::new("ss")
        .args(["-H", "-n", "-t", "-O", "-e", "--tos", options])
        .args(filter.split(' '))
        .output();
    let output = output.expect("ss of iproute2");
    assert!(output.status.success(), "ss: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Until something is there, at most [`PATIENCE`].
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match look() {
            Some(found) => return found,
            None => assert!(Instant::now() < end, "{what}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The word of `ss` that begins so, without that beginning.
fn word<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.split_whitespace().find_map(|word| word.strip_prefix(start))
}

/// A port that was free a moment ago on every address.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

/// Starts with a `bind` line of its own in place of a socket of the test's; the port is tried again when somebody else took it.
fn start_bound(subject: &Subject, bind: impl Fn(u16) -> String) -> (Running, u16) {
    for _ in 0..5 {
        let port = free_port();
        let config = format!("{HEAD}frontend f\n bind {}\n http-request return status 200\n", bind(port));
        let mut running = Running::start(subject, &config, 0);
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let listens = || [v4, v6].iter().any(|address| TcpStream::connect_timeout(address, PATIENCE).is_ok());
        let up = wait_for("the program listens or ends", || match running.has_ended() {
            true => Some(false),
            false => listens().then_some(true),
        });
        if up {
            return (running, port);
        }
    }
    panic!("{}: no port could be bound", subject.name);
}

#[test]
fn listeners_have_their_options() {
    for subject in subjects() {
        let listening = |options: &str| {
            let (running, port) = start_bound(&subject, |port| format!("127.0.0.1:{port} {options}"));
            let filter = format!("sport = :{port}");
            let line =
                wait_for("a listening socket", || Some(ss("-lim", &filter)).filter(|line| !line.is_empty()));
            drop(running);
            line
        };
        let backlog = |line: &str| line.split_whitespace().nth(2).map(str::to_owned);
        assert_eq!(backlog(&listening("backlog 17")).as_deref(), Some("17"), "{}", subject.name);
        assert_eq!(backlog(&listening("maxconn 23")).as_deref(), Some("23"), "{}", subject.name);
        let interface = listening("interface lo");
        assert!(interface.contains("127.0.0.1%lo:"), "{}: {interface}", subject.name);
        let plain = listening("");
        assert!(!plain.contains("%lo"), "{}: {plain}", subject.name);
    }
}

#[test]
fn accepted_connections_inherit_the_options_of_the_line() {
    for subject in subjects() {
        let mss = |options: &str| {
            let (running, port) = start_bound(&subject, |port| format!("127.0.0.1:{port} {options}"));
            let mut client = connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            // The listener announced it: the client sends no bigger segment.
            client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("a request");
            assert_eq!(Reader::new(&client).response(false).map(|r| r.status), Some(200), "{}", subject.name);
            let here = client.local_addr().expect("an address").port();
            let line = ss("-i", &format!("sport = :{here}"));
            drop(running);
            word(&line, "mss:").and_then(|size| size.parse::<u32>().ok()).expect("a segment size")
        };
        // Time stamps take twelve bytes of each segment.
        assert!((580..=600).contains(&mss("mss 600")), "{}", subject.name);
        assert!(mss("") > 2000, "{}", subject.name);
    }
}

#[test]
fn defer_accept_waits_for_data() {
    for subject in subjects() {
        let (_running, port) = start_bound(&subject, |port| format!("127.0.0.1:{port} defer-accept"));
        let client = connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        // The server's end is not there yet: the kernel keeps it to itself until data comes.
        let ends = ss("-i", &format!("state syn-recv sport = :{port}"));
        assert!(!ends.is_empty(), "{}: it was accepted at once", subject.name);
        send(&client, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(Reader::new(&client).response(false).map(|r| r.status), Some(200), "{}", subject.name);
    }
}

#[test]
fn families_of_a_listener() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        println!("no IPv6 here, nothing is compared");
        return;
    }
    for subject in subjects() {
        let reach = |bind: &str| {
            let (running, port) = start_bound(&subject, |port| bind.replace("PORT", &port.to_string()));
            let works = |address: SocketAddr| TcpStream::connect_timeout(&address, PATIENCE).is_ok();
            let v4 = works(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            let v6 = works(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
            drop(running);
            (v4, v6)
        };
        assert_eq!(reach("*:PORT"), (true, false), "{}", subject.name);
        assert_eq!(reach("ipv6@:PORT v6only"), (false, true), "{}", subject.name);
        assert_eq!(reach("ipv6@:PORT v4v6"), (true, true), "{}", subject.name);
        assert_eq!(reach(":::PORT v4v6"), (true, true), "{}", subject.name);
    }
}

#[test]
fn a_range_of_ports_has_a_listener_each() {
    for subject in subjects() {
        let last = std::cell::Cell::new(0);
        let (_running, port) = start_bound(&subject, |port| {
            last.set(port.saturating_add(2));
            format!("127.0.0.1:{port}-{}", port.saturating_add(2))
        });
        for port in port..=last.get() {
            let client = connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            send(&client, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
            let status = Reader::new(&client).response(false).map(|response| response.status);
            assert_eq!(status, Some(200), "{}: port {port}", subject.name);
        }
    }
}

#[test]
fn keepalive_of_both_sides() {
    for subject in subjects() {
        for (option, client_side, server_side) in [
            ("", false, false),
            (" option clitcpka\n", true, false),
            (" option srvtcpka\n", false, true),
            (" option tcpka\n", true, true),
        ] {
            let origin = Origin::start();
            let config = format!("{HEAD}listen l\n bind {{fd0}}\n{option} server s {}\n", origin.address);
            let running = Running::start(&subject, &config, 1);
            // The first connection may be older than the program.
            drop(request(&running, "/", "", 200));
            let client = request(&running, "/", "", 200);
            // The timer of data that is not acknowledged yet comes before the other.
            let timer = |filter: String| {
                wait_for("a connection at rest", || {
                    Some(ss("-o", &filter)).filter(|line| !line.is_empty() && !line.contains("timer:(on"))
                })
                .contains("keepalive")
            };
            let here = client.local_addr().expect("an address").port();
            assert_eq!(timer(format!("dport = :{here}")), client_side, "{}: {option}", subject.name);
            let there = origin.address.port();
            assert_eq!(timer(format!("dport = :{there}")), server_side, "{}: {option}", subject.name);
        }
    }
}

#[test]
fn keepalive_begins_when_it_is_told_to() {
    for subject in subjects() {
        let origin = Origin::start();
        let values =
            " option tcpka\n clitcpka-idle 9m\n clitcpka-intvl 5\n clitcpka-cnt 4\n srvtcpka-idle 500\n";
        let config = format!("{HEAD}listen l\n bind {{fd0}}\n{values} server s {}\n", origin.address);
        let running = Running::start(&subject, &config, 1);
        drop(request(&running, "/", "", 200));
        let client = request(&running, "/", "", 200);
        let timer = |port: u16| {
            wait_for("a connection at rest", || {
                Some(ss("-o", &format!("dport = :{port}"))).filter(|line| line.contains("timer:(keepalive"))
            })
        };
        let here = timer(client.local_addr().expect("an address").port());
        assert!(
            here.contains("keepalive,8min") || here.contains("keepalive,9min"),
            "{}: {here}",
            subject.name
        );
        let there = timer(origin.address.port());
        assert!(
            there.contains("keepalive,8min") || there.contains("keepalive,7min"),
            "{}: {there}",
            subject.name
        );
    }
}

#[test]
fn rules_set_mark_and_tos_of_both_sides() {
    for subject in subjects() {
        let origin = Origin::start();
        let rules = " http-request set-fc-tos 0x20 if { path /fc }\n http-request set-fc-mark 17 if { path /fc }\n \
             http-request set-bc-tos req.hdr(tos) if { path /slow }\n http-request set-bc-mark req.hdr(mark) if { path /slow }\n \
             http-response set-tos 64 if { res.hdr(x-path) /res }\n http-response set-mark 0x12 if { res.hdr(x-path) /res }\n";
        let config = format!(
            "{HEAD}listen l\n bind {{fd0}}\n{rules} server s {}\nlisten t\n mode tcp\n bind {{fd1}}\n \
             tcp-request connection set-fc-tos 8\n tcp-request content set-bc-tos 12\n server s {}\n",
            origin.address, origin.address
        );
        let running = Running::start(&subject, &config, 2);
        let there = origin.address.port();
        let of_client = |client: &TcpStream| {
            let here = client.local_addr().expect("an address").port();
            marks(&ss("-i", &format!("dport = :{here}")))
        };
        let of_server = || marks(&ss("-i", &format!("state established dport = :{there}")));
        let marked = |tos: &str, mark: &str| (Some(tos.to_owned()), can_mark().then(|| mark.to_owned()));

        let client = request(&running, "/", "", 200);
        assert_eq!(of_client(&client), (None, None), "{}", subject.name);
        assert_eq!(of_server(), (None, None), "{}", subject.name);
        drop(client);

        let client = request(&running, "/fc", "", 200);
        assert_eq!(of_client(&client), marked("0x20", "0x11"), "{}", subject.name);

        let client = request(&running, "/res", "", 200);
        assert_eq!(of_client(&client), marked("0x40", "0x12"), "{}", subject.name);
        drop(client);

        let slow = running.connect(0);
        send(&slow, b"GET /slow HTTP/1.1\r\nhost: x\r\ntos: 40\r\nmark: 33\r\n\r\n");
        let line = || ss("-i", &format!("state established dport = :{there}"));
        wait_for("the connection with the TOS field", || line().contains("tos:0x28").then_some(()));
        assert_eq!(line().contains("fwmark:0x21"), can_mark(), "{}: {}", subject.name, line());
        // Nobody else's request goes over it.
        origin.finish.store(true, Relaxed);
        let mut reader = Reader::new(&slow);
        assert_eq!(reader.response(false).map(|r| r.body.len()), Some(100_000), "{}", subject.name);
        drop(request(&running, "/", "", 200));

        let client = running.connect(1);
        send(&client, b"GET /tcp HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(Reader::new(&client).response(false).map(|r| r.status), Some(200), "{}", subject.name);
        assert_eq!(of_client(&client).0.as_deref(), Some("0x8"), "{}", subject.name);
        wait_for("the connection of the TCP stream", || line().contains("tos:0xc").then_some(()));
    }
}

#[test]
fn bytes_are_counted_while_they_pass() {
    for subject in subjects() {
        let origin = Origin::start();
        let config = |option: &str| {
            format!(
                "{HEAD}listen l\n bind {{fd0}}\n{option} server s {}\nlisten stats\n bind {{fd1}}\n stats enable\n stats uri /\n",
                origin.address
            )
        };
        let counted = |running: &Running| {
            let client = running.connect(1);
            send(&client, b"GET /;csv HTTP/1.1\r\nhost: x\r\n\r\n");
            let body = Reader::new(&client).response(false).expect("statistics").body;
            let text = String::from_utf8_lossy(&body).into_owned();
            let row = |name: &str| {
                let line = text.lines().find(|line| line.starts_with(name)).expect("a row").to_owned();
                line.split(',').nth(9).and_then(|field| field.parse::<u64>().ok()).expect("a count")
            };
            [row("l,FRONTEND,"), row("l,s,"), row("l,BACKEND,")]
        };
        // Without the option: nothing until the end. It runs beside the other, which takes its five seconds.
        let without = Running::start(&subject, &config(""), 2);
        let slow_without = begin_slow(&without);
        let running = Running::start(&subject, &config(" option contstats\n"), 2);
        let slow = begin_slow(&running);
        let found = wait_for("bytes while the response is under way", || {
            Some(counted(&running)).filter(|rows| rows.iter().all(|bytes| *bytes > 0))
        });
        assert!(found.iter().all(|bytes| (1..60_000).contains(bytes)), "{}: {found:?}", subject.name);
        assert_eq!(counted(&without), [0, 0, 0], "{}", subject.name);
        origin.finish.store(true, Relaxed);
        drop((slow, slow_without));
        // At the end nothing is counted twice.
        let found = wait_for("the end of the stream without the option", || {
            Some(counted(&without)).filter(|rows| rows.iter().all(|bytes| *bytes > 0))
        });
        let last = wait_for("the same bytes with the option", || {
            Some(counted(&running)).filter(|rows| *rows == found)
        });
        assert_eq!(last, found, "{}", subject.name);
    }
}

/// A request whose response stops in the middle; its first half has arrived.
fn begin_slow(running: &Running) -> TcpStream {
    let mut client = running.connect(0);
    send(&client, b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    client.read_exact(&mut vec![0; 50_000]).expect("half a response");
    client
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the subject accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    stream
}

/// One request; the connection stays open.
fn request(running: &Running, path: &str, fields: &str, status: u16) -> TcpStream {
    let client = running.connect(0);
    send(&client, format!("GET {path} HTTP/1.1\r\nhost: x\r\n{fields}\r\n").as_bytes());
    assert_eq!(Reader::new(&client).response(false).map(|r| r.status), Some(status));
    client
}

/// TOS and mark, as `ss` writes them; zero is none.
fn marks(line: &str) -> (Option<String>, Option<String>) {
    let set = |text: Option<&str>| text.filter(|text| *text != "0").map(str::to_owned);
    (set(word(line, "tos:")), set(word(line, "fwmark:")))
}

/// Whether this process may set marks.
fn can_mark() -> bool {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket2::SockRef::from(&socket).set_mark(1).is_ok()
}

/// A server that answers every request on a connection, and tells its path; `/slow` stops after half a body until it may finish.
struct Origin {
    address: SocketAddr,
    finish: Arc<AtomicBool>,
}

impl Origin {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let finish = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&finish);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let told = Arc::clone(&told);
                std::thread::spawn(move || serve(stream, &told));
            }
        });
        Self { address, finish }
    }
}

fn serve(mut stream: TcpStream, finish: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(count) = stream.read(&mut bytes) {
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        let Some(path) = text.split(' ').nth(1) else { return };
        let answer = if path == "/slow" {
            format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{}", "x".repeat(50_000))
        } else {
            format!("HTTP/1.1 200 OK\r\nx-path: {path}\r\ncontent-length: 0\r\n\r\n")
        };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
        if path == "/slow" {
            wait_for("the end of the test", || finish.load(Relaxed).then_some(()));
            let _ = stream.write_all(&vec![b'x'; 50_000]);
        }
    }
}
