//! The data plane on real loopback sockets: a worker made from a configuration text, scripted origins, and the log lines.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use config_text::Files;
use haproxy_config::runtime::ProxyIndex;
use haproxy_config::{Features, Host, Inputs, load};
use proxy::bind::{BoundListener, Owner, Transport};
use proxy::state::World;
use proxy::{Running, TrafficLog, Worker};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(10);

struct Machine;

impl Files for Machine {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}

impl Host for Machine {
    fn resolve(&self, _: &str) -> Option<IpAddr> {
        None
    }
    fn user_id(&self, _: &str) -> Option<u32> {
        None
    }
    fn group_id(&self, _: &str) -> Option<u32> {
        None
    }
    fn host_name(&self) -> String {
        "test".to_owned()
    }
    fn usable_cpus(&self) -> u32 {
        1
    }
}

struct Lines(Mutex<Sender<String>>);

impl TrafficLog for Lines {
    fn send(&self, _: ProxyIndex, _: u8, text: &[u8], _: Option<&[u8]>) {
        let _ = self.0.lock().unwrap().send(String::from_utf8_lossy(text).into_owned());
    }
    fn wants(&self, _: ProxyIndex) -> bool {
        true
    }
    fn dropped(&self) -> u64 {
        0
    }
}

/// A running proxy.
struct Proxy {
    address: SocketAddr,
    lines: Receiver<String>,
    running: Option<Running>,
}

impl Proxy {
    /// `frontend` and `backend` are lines of these sections; every origin becomes a server `s1`, `s2`, ….
    fn start(defaults: &str, frontend: &str, backend: &str, origins: &[SocketAddr], server: &str) -> Self {
        let servers: String = origins
            .iter()
            .enumerate()
            .map(|(n, at)| format!("  server s{} {at} {server}\n", n + 1))
            .collect();
        let text = format!(
            "global\n  nbthread 1\ndefaults\n  mode http\n  option httplog\n  log 127.0.0.1:9 local0\n  timeout client 5s\n  timeout server 5s\n  \
             timeout connect 1s\n{defaults}\nfrontend f\n  bind 127.0.0.1:1\n{frontend}\n  default_backend b\nbackend b\n{backend}\n{servers}"
        );
        let loaded = load(Inputs {
            files: vec![("test.cfg".to_owned(), text.into_bytes())],
            environment: BTreeMap::new(),
            program: "haproxy".to_owned(),
            ignore_unresolved: false,
            features: Features::default(),
            host: &Machine,
        });
        let diagnostics = format!("{:?}", loaded.diagnostics);
        let config = Arc::new(loaded.config.unwrap_or_else(|| panic!("{diagnostics}")));
        // The bind line's port is a placeholder: the kernel chooses one here.
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let listener = BoundListener {
            owner: Owner::Frontend(ProxyIndex(0), 0),
            socket: OwnedFd::from(socket),
            transport: Transport::Tcp4,
            backlog: 128,
            threads: haproxy_config::threads::ThreadSet::ALL,
        };
        let (sender, lines) = channel();
        let world = Arc::new(World::new(config, 1));
        let worker = Worker::new(world, vec![listener], Arc::new(Lines(Mutex::new(sender))), 1000);
        Self { address, lines, running: Some(worker.start().unwrap()) }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { stream, pending: Vec::new() }
    }

    /// The next log line after address and date.
    fn line(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE).expect("a log line");
        line.split_once("] ").map(|(_, rest)| rest.to_owned()).unwrap_or(line)
    }

    /// The next log line without its times.
    fn untimed_line(&self) -> String {
        let line = self.line();
        let words: Vec<&str> = line.split(' ').collect();
        let kept: Vec<&str> = words.iter().enumerate().filter(|(n, _)| *n != 2).map(|(_, w)| *w).collect();
        kept.join(" ")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.control().hard_stop();
            running.wait();
        }
    }
}

/// One end of a connection, for clients and origins.
struct Client {
    stream: TcpStream,
    pending: Vec<u8>,
}

impl Client {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(n) => {
                self.pending.extend_from_slice(&bytes[..n]);
                n > 0
            }
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => false,
            Err(e) => panic!("{e} after {:?}", String::from_utf8_lossy(&self.pending)),
        }
    }

    /// Everything up to and with a mark; panics at the end of the stream.
    fn until(&mut self, mark: &str) -> String {
        loop {
            if let Some(at) = self.pending.windows(mark.len()).position(|w| w == mark.as_bytes()) {
                let rest = self.pending.split_off(at + mark.len());
                return String::from_utf8_lossy(&std::mem::replace(&mut self.pending, rest)).into_owned();
            }
            assert!(self.more(), "closed before {mark:?}: {:?}", String::from_utf8_lossy(&self.pending));
        }
    }

    /// Everything to the end of the stream.
    fn rest(&mut self) -> String {
        while self.more() {}
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }

    fn shut_down(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// An origin that serves every connection with a script, told the connection's number from 1.
fn origin(script: impl Fn(&mut Client, usize) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::new(script);
    thread::spawn(move || {
        for (n, stream) in listener.incoming().flatten().enumerate() {
            let script = Arc::clone(&script);
            thread::spawn(move || {
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                script(&mut Client { stream, pending: Vec::new() }, n + 1);
            });
        }
    });
    address
}

/// An origin that answers every request (without body) with its name.
fn named(name: &'static str) -> SocketAddr {
    origin(move |peer, _| {
        loop {
            while !peer.pending.windows(4).any(|w| w == b"\r\n\r\n") {
                if !peer.more() {
                    return;
                }
            }
            peer.until("\r\n\r\n");
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()));
        }
    })
}

/// An address where nothing listens.
fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn keep_alive_requests_rotate_and_are_logged() {
    let proxy = Proxy::start("", "", "", &[named("one"), named("two")], "");
    let mut client = proxy.connect();
    for (name, server) in [("one", "s1"), ("two", "s2"), ("one", "s1")] {
        client.send(GET);
        client.until(&format!("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{name}"));
        assert_eq!(
            proxy.untimed_line(),
            format!("f b/{server} 200 52 - - ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"")
        );
    }
}

#[test]
fn a_request_may_come_byte_by_byte_and_pipelined() {
    let proxy = Proxy::start("", "", "", &[named("one")], "");
    let mut client = proxy.connect();
    for byte in GET.bytes() {
        client.send([byte]);
    }
    client.until("one");
    client.send(GET.repeat(3));
    for _ in 0..3 {
        client.until("\r\n\r\none");
    }
}

#[test]
fn chunks_and_trailers_pass_in_both_directions() {
    let server = origin(|peer, _| {
        let request = peer.until("x-end: 1\r\n\r\n");
        assert!(request.contains("transfer-encoding: chunked\r\n"), "{request}");
        assert!(request.ends_with("5\r\nhello\r\n0\r\nx-end: 1\r\n\r\n"), "{request}");
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n");
        peer.rest();
    });
    let proxy = Proxy::start("", "", "", &[server], "");
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0005\r\nhello\r\n0\r\nX-End: 1\r\n\r\n");
    // Chunks that arrive together leave together.
    let answer = client.until("x-t: 1\r\n\r\n");
    assert!(answer.ends_with("5\r\nabcde\r\n0\r\nx-t: 1\r\n\r\n"), "{answer}");
}

#[test]
fn what_is_no_request_is_refused_and_logged() {
    let proxy = Proxy::start("", "", "", &[nowhere()], "");
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n");
    let answer = client.rest();
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad request\r\nContent-length: 90\r\nCache-Control: no-cache\r\n"),
        "{answer}"
    );
    assert_eq!(proxy.untimed_line(), "f f/<NOSRV> 400 0 - - PR-- 1/1/0/0/0 0/0 \"<BADREQ>\"");
    let kept = proxy.running.as_ref().unwrap().control().errors();
    assert_eq!(kept.iter().map(|e| (e.at, e.in_response)).collect::<Vec<_>>(), [(31, false)]);
}

#[test]
fn an_unfinished_head_times_out() {
    let proxy = Proxy::start("  timeout http-request 50ms\n", "", "", &[nowhere()], "");
    let mut client = proxy.connect();
    client.send("GET / HT");
    assert!(client.rest().starts_with("HTTP/1.1 408 Request Time-out\r\n"));
    assert!(proxy.untimed_line().starts_with("f f/<NOSRV> 408 0 - - cR--"));
}

#[test]
fn a_refused_connection_is_redispatched() {
    let proxy = Proxy::start("  option redispatch\n  retries 1\n", "", "", &[nowhere(), named("two")], "");
    let mut client = proxy.connect();
    client.send(GET);
    client.until("two");
    assert_eq!(proxy.untimed_line(), "f b/s2 200 52 - - ---- 1/1/0/0/+1 0/0 \"GET / HTTP/1.1\"");
}

#[test]
fn errors_of_the_server_have_their_status_and_state() {
    type Script = fn(&mut Client);
    let scripts: [(Script, &str); 5] = [
        (|_| {}, "502 209 - - SH--"),
        (|peer| peer.send("junk\r\n\r\n"), "502 209 - - PH--"),
        (|peer| peer.send("HTTP/1.1 200 OK\r\nConte"), "502 209 - - PH--"),
        (|peer| drop(peer.rest()), "504 198 - - sH--"),
        (|peer| peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), "200 54 - - SD--"),
    ];
    for (script, expected) in scripts {
        let server = origin(move |peer, _| {
            peer.until("\r\n\r\n");
            script(peer);
        });
        // The others must not run out of time on a loaded machine.
        let timeout = if expected.contains(" sH") { "  timeout server 100ms\n" } else { "" };
        let proxy = Proxy::start("", "", timeout, &[server], "");
        let mut client = proxy.connect();
        client.send(GET);
        let line = proxy.untimed_line();
        assert!(line.starts_with(&format!("f b/s1 {expected}")), "{line}");
    }
}

#[test]
fn a_response_may_come_before_the_request_is_complete() {
    let server = origin(|peer, _| {
        peer.until("\r\n\r\n");
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
        peer.until("0123456789");
        peer.until("\r\n\r\n");
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain");
        peer.rest();
    });
    let proxy = Proxy::start("", "", "", &[server], "");
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n");
    client.until("early");
    client.send("0123456789");
    client.send(GET);
    client.until("again");
}

#[test]
fn a_denied_request_leaves_the_connection_in_step() {
    let proxy = Proxy::start("", "  http-request deny if { path /no }\n", "", &[named("one")], "");
    let mut client = proxy.connect();
    client.send("POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234");
    client.until("</html>\n");
    assert_eq!(proxy.untimed_line(), "f f/<NOSRV> 403 192 - - PR-- 1/1/0/0/0 0/0 \"POST /no HTTP/1.1\"");
    client.send(format!("56789{GET}"));
    client.until("one");
}

#[test]
fn an_upgrade_becomes_a_tunnel_with_half_close() {
    let server = origin(|peer, _| {
        peer.until("\r\n\r\n");
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhi");
        peer.until("ping");
        peer.send("pong");
        peer.rest();
        peer.send("late");
    });
    let proxy = Proxy::start("", "", "", &[server], "");
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    let head = client.until("\r\n\r\nhi");
    assert!(head.contains("connection: upgrade\r\nupgrade: echo\r\n"), "{head}");
    client.send("ping");
    client.until("pong");
    client.shut_down();
    assert_eq!(client.rest(), "late");
    assert!(proxy.untimed_line().contains(" 101 89 - - ---- "));
}

#[test]
fn a_lost_idle_connection_is_replaced() {
    let server = origin(|peer, n| {
        peer.until("\r\n\r\n");
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nn{n}"));
        if n == 1 {
            // The second request on this connection is taken and never answered.
            peer.until("\r\n\r\n");
        } else {
            peer.rest();
        }
    });
    let proxy = Proxy::start("", "", "", &[server], "");
    let mut client = proxy.connect();
    client.send(GET);
    client.until("n1");
    client.send(GET);
    client.until("n2");
}

#[test]
fn abortonclose_ends_a_request_whose_client_left() {
    let (sender, seen) = channel();
    let sender = Mutex::new(sender);
    let server = origin(move |peer, _| {
        peer.until("\r\n\r\n");
        let _ = sender.lock().unwrap().send("the request");
        peer.rest();
        let _ = sender.lock().unwrap().send("the end");
    });
    let proxy = Proxy::start("  option abortonclose\n", "", "", &[server], "");
    let mut client = proxy.connect();
    client.send(GET);
    // A client that leaves before the server has the request is another case: nothing is sent then.
    assert_eq!(seen.recv_timeout(PATIENCE), Ok("the request"));
    client.shut_down();
    assert_eq!(seen.recv_timeout(PATIENCE), Ok("the end"));
    assert!(proxy.untimed_line().starts_with("f b/s1 400 206 - - CH--"));
}

#[test]
fn requests_beyond_maxconn_wait_their_turn() {
    let (release, hold) = channel::<()>();
    let hold = Mutex::new(hold);
    let (arrived, arrivals) = channel();
    let arrived = Mutex::new(arrived);
    let server = origin(move |peer, _| {
        loop {
            peer.until("\r\n\r\n");
            let _ = arrived.lock().unwrap().send(());
            let _ = hold.lock().unwrap().recv_timeout(PATIENCE);
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let proxy = Proxy::start("  timeout queue 5s\n", "", "", &[server], "maxconn 1");
    let (mut one, mut two) = (proxy.connect(), proxy.connect());
    one.send(GET);
    arrivals.recv_timeout(PATIENCE).unwrap();
    two.send(GET);
    let queued =
        || proxy.running.as_ref().unwrap().control().world().backend_named("b").unwrap().total_queued();
    while queued() == 0 {
        thread::yield_now();
    }
    release.send(()).unwrap();
    one.until("ok");
    arrivals.recv_timeout(PATIENCE).unwrap();
    release.send(()).unwrap();
    two.until("ok");
    assert!(proxy.untimed_line().contains(" 2/2/1/0/0 0/0 "));
    assert!(proxy.untimed_line().contains(" 0/1 "));
}

/// A server that answers early and closes: what is left of the request's body must not be read as another request.
#[test]
fn the_rest_of_a_request_answered_early_is_no_request() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let address = origin(move |client, _| {
        let head = client.until("\r\n\r\n");
        record.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
        let _ = client.stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let proxy = Proxy::start("", "", "", &[address], "");
    let inner = b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut request = b"POST /outer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..8000 {
        request.extend_from_slice(format!("{:x}\r\n", inner.len()).as_bytes());
        request.extend_from_slice(inner);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    // When the server's end is noticed is chance: several tries.
    for _ in 0..30 {
        let mut client = proxy.connect();
        let _ = client.stream.write_all(&request);
        let _ = client.stream.shutdown(Shutdown::Write);
        let answers = client.rest();
        assert!(answers.matches("HTTP/1.1 ").count() <= 1, "{answers}");
    }
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|line| line == "POST /outer HTTP/1.1"), "{seen:?}");
}

#[test]
fn tcp_mode_passes_each_end_on() {
    let server = origin(|peer, _| {
        peer.until("hello");
        peer.send("world");
        assert_eq!(peer.rest(), "");
        peer.send("bye");
    });
    let proxy = Proxy::start("  mode tcp\n  option tcplog\n", "", "", &[server], "");
    let mut client = proxy.connect();
    client.send("hello");
    client.until("world");
    client.shut_down();
    assert_eq!(client.rest(), "bye");
    assert_eq!(proxy.untimed_line(), "f b/s1 8 -- 1/1/0/0/0 0/0");
}

#[test]
fn a_side_that_closed_gives_the_other_its_fin_timeout() {
    // The server closes its side and the client stays silent.
    let closing = origin(|peer, _| {
        peer.until("a");
        peer.shut_down();
        peer.rest();
    });
    let front = "  mode tcp\n  option tcplog\n  timeout client-fin 100ms";
    let proxy = Proxy::start("", front, "  mode tcp\n  timeout server-fin 60s", &[closing], "");
    let mut client = proxy.connect();
    client.send("a");
    assert_eq!(client.rest(), "");
    assert!(proxy.line().contains(" cD "), "the client's time is over");
    // The client closes its side and the server stays silent.
    let silent = origin(|peer, _| {
        peer.rest();
        loop {
            thread::park();
        }
    });
    let front = "  mode tcp\n  option tcplog\n  timeout client-fin 60s";
    let proxy = Proxy::start("", front, "  mode tcp\n  timeout server-fin 100ms", &[silent], "");
    let mut client = proxy.connect();
    client.send("a");
    client.shut_down();
    assert_eq!(client.rest(), "");
    assert!(proxy.line().contains(" sD "), "the server's time is over");
}

#[test]
fn servers_are_told_the_client_address() {
    let server = origin(|peer, _| {
        let head = peer.until("\r\n\r\n");
        assert!(head.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "), "{head}");
        assert!(head.contains("x-forwarded-for: 127.0.0.1\r\n"), "{head}");
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        peer.rest();
    });
    let proxy = Proxy::start("  option forwardfor\n", "", "", &[server], "send-proxy");
    let mut client = proxy.connect();
    client.send(GET);
    client.until("ok");
}

#[test]
fn a_soft_stop_answers_what_is_under_way_and_then_ends() {
    let (arrived, arrivals) = channel();
    let (release, hold) = channel::<()>();
    let (arrived, hold) = (Mutex::new(arrived), Mutex::new(hold));
    let server = origin(move |peer, _| {
        peer.until("\r\n\r\n");
        let _ = arrived.lock().unwrap().send(());
        let _ = hold.lock().unwrap().recv_timeout(PATIENCE);
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        peer.rest();
    });
    let mut proxy = Proxy::start("", "", "", &[server], "");
    let mut client = proxy.connect();
    client.send(GET);
    arrivals.recv_timeout(PATIENCE).unwrap();
    let running = proxy.running.take().unwrap();
    running.control().soft_stop();
    release.send(()).unwrap();
    assert!(client.rest().contains("connection: close\r\n\r\nok"));
    running.wait();
    assert!(TcpStream::connect(proxy.address).is_err());
}
