//! Responses, good and bad, byte by byte: what a client gets of what an origin sends, and whether the connection goes on.
//!
//! Every response runs in each connection-reuse mode. What follows it on the client's connection is another request: its answer
//! must be its own, whatever the origin appended to the first one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::subject::{Reader, Running, find, send, subjects};

struct Row {
    name: &'static str,
    response: Vec<u8>,
    /// Status and body that the client gets, and whether another request on its connection is answered.
    verdict: &'static str,
    /// Ours is stricter than the reference.
    ours_alone: bool,
}

fn row(name: &'static str, response: Vec<u8>, verdict: &'static str) -> Row {
    Row { name, response, verdict, ours_alone: false }
}

impl Row {
    /// The reference lets it pass.
    fn ours_alone(mut self) -> Self {
        self.ours_alone = true;
        self
    }
}

/// What follows `HTTP/1.1 200 OK`.
fn ok(rest: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\n", rest].concat()
}

fn many_fields(count: usize) -> Vec<u8> {
    let mut rest: String = (0..count).map(|n| format!("x-{n}: a\r\n")).collect();
    rest.push_str("content-length: 2\r\n\r\nok");
    ok(rest.as_bytes())
}

fn long_field(length: usize) -> Vec<u8> {
    format!("x: {}\r\ncontent-length: 2\r\n\r\nok", "a".repeat(length)).into_bytes()
}

fn rows() -> Vec<Row> {
    vec![
        row("a plain response", ok(b"Content-Length: 2\r\n\r\nok"), "200 ok, goes on"),
        row("two content-lengths that agree", ok(b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"), "200 ok, goes on"),
        row("two content-lengths that differ", ok(b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"), "502 page, goes on"),
        row("a content-length list that agrees", ok(b"Content-Length: 2, 2\r\n\r\nok"), "200 ok, goes on"),
        row("a content-length list that differs", ok(b"Content-Length: 2, 3\r\n\r\nok"), "502 page, goes on"),
        row("content-length with a plus", ok(b"Content-Length: +2\r\n\r\nok"), "502 page, goes on"),
        row("content-length with a minus", ok(b"Content-Length: -2\r\n\r\nok"), "502 page, goes on"),
        row("content-length in hexadecimal", ok(b"Content-Length: 0x2\r\n\r\nok"), "502 page, goes on"),
        row("an empty content-length", ok(b"Content-Length:\r\n\r\nok"), "502 page, goes on"),
        row("content-length of 2^64+2", ok(b"Content-Length: 18446744073709551618\r\n\r\nok"), "502 page, goes on").ours_alone(),
        row("a second response behind an empty one", ok(b"Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsmuggle"), "200 , goes on"),
        row("a second response behind the first", ok(b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsmuggle"), "200 ok, goes on"),
        row("chunked beside a content-length", ok(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "200 2\\r\\nok\\r\\n0\\r\\n\\r\\n, goes on"),
        row("gzip, then chunked", ok(b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "502 page, goes on"),
        row("chunked, then gzip", ok(b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "502 page, goes on"),
        row("chunked twice", ok(b"Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "502 page, goes on"),
        row("an empty transfer-encoding", ok(b"Transfer-Encoding:\r\nContent-Length: 2\r\n\r\nok"), "502 page, goes on"),
        row("identity", ok(b"Transfer-Encoding: identity\r\n\r\nok"), "502 page, goes on"),
        row("CHUNKED in capitals", ok(b"Transfer-Encoding: CHUNKED\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "200 2\\r\\nok\\r\\n0\\r\\n\\r\\n, goes on"),
        row("VT in transfer-encoding", ok(b"Transfer-Encoding: \x0bchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "502 page, goes on"),
        row("chunked in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_vec(), "200 2\\r\\nok\\r\\n0\\r\\n\\r\\n, closes"),
        row("a folded field", ok(b"X-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok"), "200 ok, goes on"),
        row("NUL in a value", ok(b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\nok"), "502 page, goes on"),
        row("a control character in a value", ok(b"X-A: a\x01b\r\nContent-Length: 2\r\n\r\nok"), "200 ok, goes on"),
        row("0x80 in a value", ok(b"X-A: a\x80b\r\nContent-Length: 2\r\n\r\nok"), "200 ok, goes on"),
        row("a bare CR in a value", ok(b"X-A: a\rb\r\nContent-Length: 2\r\n\r\nok"), "502 page, goes on"),
        row("a space before the colon", ok(b"X-A : a\r\nContent-Length: 2\r\n\r\nok"), "502 page, goes on"),
        row("an empty field name", ok(b": a\r\nContent-Length: 2\r\n\r\nok"), "502 page, goes on"),
        row("a line without a colon", ok(b"foo\r\nContent-Length: 2\r\n\r\nok"), "502 page, goes on"),
        row("lines that end with LF", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok".to_vec(), "200 ok, goes on"),
        row("100 fields", many_fields(99), "200 ok, goes on"),
        row("101 fields", many_fields(100), "502 page, goes on"),
        row("a head larger than the buffer", ok(&long_field(17_000)), "502 page, goes on"),
        row("a head of 15,000 bytes", ok(&long_field(15_000)), "200 ok, goes on"),
        row("status 99", b"HTTP/1.1 99 X\r\nContent-Length: 2\r\n\r\nok".to_vec(), "502 page, goes on").ours_alone(),
        row("status 600", b"HTTP/1.1 600 X\r\nContent-Length: 2\r\n\r\nok".to_vec(), "600 ok, goes on"),
        row("status 1000", b"HTTP/1.1 1000 X\r\nContent-Length: 2\r\n\r\nok".to_vec(), "502 page, goes on").ours_alone(),
        row("a status that is no number", b"HTTP/1.1 abc X\r\nContent-Length: 2\r\n\r\nok".to_vec(), "502 page, goes on"),
        row("no reason", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok".to_vec(), "200 ok, goes on"),
        row("an empty reason", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok".to_vec(), "200 ok, goes on"),
        row("odd bytes in the reason", b"HTTP/1.1 200 \x80\x01\r\nContent-Length: 2\r\n\r\nok".to_vec(), "200 ok, goes on"),
        row("ICY", b"ICY 200 OK\r\n\r\nok".to_vec(), "502 page, goes on"),
        row("http in small letters", b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(), "502 page, goes on"),
        row("HTTP/2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(), "200 ok, goes on"),
        row("HTTP/1.10", b"HTTP/1.10 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(), "502 page, goes on"),
        row("RTSP/1.0", b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(), "200 ok, goes on"),
        row("an empty line in front", b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(), "200 ok, goes on"),
        row("no response at all", b"garbage\r\n\r\n".to_vec(), "502 page, goes on"),
        row("100 before the response", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(), "200 ok, goes on"),
        row("100 that announces a body", b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(), "200 ok, goes on"),
        row("103 before the response", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(), "200 ok, goes on"),
        row("101 that nobody asked for", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".to_vec(), "502 page, goes on"),
        row("204 that announces a body", b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok".to_vec(), "204 , closes"),
        row("204", b"HTTP/1.1 204 No\r\n\r\n".to_vec(), "204 , goes on"),
        row("304 with a content-length", b"HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\n".to_vec(), "304 , goes on"),
        row("a second response behind 304", b"HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsmuggle".to_vec(), "304 , goes on"),
        row("a bare LF after the chunk size", ok(b"Transfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n"), "502 page, goes on"),
        row("a chunk size with 0x", ok(b"Transfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n"), "502 page, goes on"),
        row("a chunk extension", ok(b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n"), "200 2\\r\\nok\\r\\n0\\r\\n\\r\\n, goes on"),
        row("a negative chunk size", ok(b"Transfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n"), "502 page, goes on"),
        row("a chunk size that overflows", ok(b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok\r\n0\r\n\r\n"), "502 page, goes on"),
        row("no CRLF after the data", ok(b"Transfer-Encoding: chunked\r\n\r\n2\r\nokXX0\r\n\r\n"), "502 page, goes on"),
        row("a trailer without a colon", ok(b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nfoo\r\n\r\n"), "502 page, goes on"),
        row("a second response behind the chunks", ok(b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsmuggle"), "200 2\\r\\nok\\r\\n0\\r\\n\\r\\n, goes on"),
        row("an upgrade to h2c", ok(b"Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nok"), "200 ok, goes on"),
        row("a list in connection", ok(b"Connection: close, X-A\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok"), "200 ok, goes on"),
        row("CVE-2022-0711: Set-Cookie2", ok(b"Set-Cookie2: a=b\r\nContent-Length: 2\r\n\r\nok"), "200 ok, goes on"),
        row("keep-alive", ok(b"Connection: keep-alive\r\nKeep-Alive: x\r\nContent-Length: 2\r\n\r\nok"), "200 ok, goes on"),
        row("a field name of 300 bytes", ok(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: x\r\nContent-Length: 2\r\n\r\nok"), "502 page, goes on"),
    ]
}

const MODES: [&str; 3] = ["never", "safe", "always"];

/// Answers `/N` with the N-th response and anything else with `after`.
fn origin(rows: Arc<Vec<Row>>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let rows = Arc::clone(&rows);
            std::thread::spawn(move || serve(stream, &rows));
        }
    });
    address
}

fn serve(mut stream: TcpStream, rows: &[Row]) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = find(&bytes, b"\r\n\r\n") {
                break at + 4;
            }
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
                _ => return,
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes.drain(..end);
        let path = head.split(' ').nth(1).unwrap_or_default();
        let number = path.strip_prefix('/').and_then(|number| number.parse::<usize>().ok());
        let response = number.and_then(|number| rows.get(number)).map(|row| row.response.as_slice());
        let after = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nafter";
        if stream.write_all(response.unwrap_or(after)).is_err() {
            return;
        }
    }
}

fn configuration(address: SocketAddr) -> String {
    let mut text = String::from(
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 10s\n    timeout server 1s\n    retries 0\n",
    );
    for (index, mode) in MODES.iter().enumerate() {
        text += &format!(
            "\nfrontend f{index}\n    bind {{fd{index}}}\n    default_backend b{index}\n\nbackend b{index}\n    http-reuse {mode}\n    server s {address}\n"
        );
    }
    text
}

/// What the client sees.
fn observe(running: &Running, mode: usize, number: usize) -> String {
    let stream = running.connect(mode);
    send(&stream, format!("GET /{number} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
    let mut reader = Reader::new(&stream);
    let first = match reader.response(false) {
        Some(response) => format!("{} {}", response.status, brief(&response.body)),
        None => "nothing".to_owned(),
    };
    send(&stream, b"GET /after HTTP/1.1\r\nhost: x\r\n\r\n");
    let second = match reader.response(false) {
        Some(response) if response.status == 200 && response.body == b"after" => "goes on",
        Some(_) => "goes wrong",
        None => "closes",
    };
    format!("{first}, {second}")
}

fn brief(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    if text.starts_with("<html>") { "page".to_owned() } else { text.escape_debug().to_string() }
}

#[test]
fn every_response_has_its_verdict() {
    let rows = Arc::new(rows());
    let address = origin(Arc::clone(&rows));
    let (mut count, mut failures) = (0, Vec::new());
    for subject in subjects() {
        let mut running = Running::start(&subject, &configuration(address), MODES.len());
        for (number, row) in rows.iter().enumerate() {
            if row.ours_alone && subject.name == "reference" {
                continue;
            }
            for (mode, name) in MODES.iter().enumerate() {
                count += 1;
                let found = observe(&running, mode, number);
                if found != row.verdict {
                    failures.push(format!(
                        "{}: {} (http-reuse {name}): {found:?}, expected {:?}",
                        subject.name, row.name, row.verdict
                    ));
                }
                running.assert_alive(row.name);
            }
        }
    }
    println!("{count} responses, {} failed", failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
