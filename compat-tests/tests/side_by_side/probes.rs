//! HTTP/1 requests, good and bad, byte by byte: what the client is told and what the origin sees.
//!
//! Every probe runs in each connection-reuse mode, and once more with an origin that answers
//! before it has read the body. `/smuggled` is in each probe that tries to hide a second request:
//! no origin may ever see it as a request of its own.

use crate::origin::{Answers, Origin, Request};
use crate::subject::{Reader, Running, find, send, subjects};

/// What a probe must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    /// The status of the first response.
    status: u16,
    /// Whether the connection is closed after it.
    closed: bool,
    /// Requests that the origin saw.
    origin: usize,
}

/// `400/c o0`: refused, closed, never forwarded.
const BAD: Verdict = Verdict { status: 400, closed: true, origin: 0 };
/// `400/c`: refused in its body and closed, at once; its head may have been forwarded.
const CUT: Verdict = Verdict { status: 400, closed: true, origin: 1 };
/// `200 o1`: forwarded, and the connection goes on.
const GOOD: Verdict = Verdict { status: 200, closed: false, origin: 1 };
/// `200/c o1`: forwarded, and the connection is closed.
const LAST: Verdict = Verdict { status: 200, closed: true, origin: 1 };

struct Probe {
    name: &'static str,
    request: Vec<u8>,
    verdict: Verdict,
    /// 3.0.11 stalls here until a timeout; it is left out.
    reference_stalls: bool,
    /// What else must hold for the first request that the origin saw.
    seen: fn(&Request) -> bool,
}

const MODES: [&str; 3] = ["never", "safe", "always"];

fn configuration(prompt: &Origin, early: &Origin) -> String {
    let mut text = String::from(
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 10s\n    timeout server 10s\n    timeout http-request 2s\n    retries 0\n",
    );
    for (index, (mode, origin)) in listeners(prompt, early).into_iter().enumerate() {
        text += &format!(
            "\nfrontend f{index}\n    bind {{fd{index}}}\n    default_backend b{index}\n\nbackend b{index}\n    http-reuse {mode}\n    server s {}\n",
            origin.address
        );
    }
    text
}

fn listeners<'a>(prompt: &'a Origin, early: &'a Origin) -> Vec<(&'static str, &'a Origin)> {
    MODES.iter().flat_map(|mode| [(*mode, prompt), (*mode, early)]).collect()
}

#[test]
fn every_probe_has_its_verdict() {
    let mut failures = Vec::new();
    let mut count = 0;
    for subject in subjects() {
        let (prompt, early) = (Origin::start(Answers::AfterTheBody), Origin::start(Answers::Early));
        let mut running = Running::start(&subject, &configuration(&prompt, &early), MODES.len() * 2);
        for probe in probes() {
            if probe.reference_stalls && subject.name == "reference" {
                continue;
            }
            for (index, (mode, origin)) in listeners(&prompt, &early).into_iter().enumerate() {
                count += 1;
                let early = index % 2 == 1;
                if let Err(why) = run(&running, index, origin, &probe, early) {
                    failures.push(format!(
                        "{}: {} (http-reuse {mode}{}): {why}",
                        subject.name,
                        probe.name,
                        if early { ", early answer" } else { "" }
                    ));
                }
                running.assert_alive(probe.name);
            }
        }
    }
    println!("{count} probes, {} failed", failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn run(running: &Running, index: usize, origin: &Origin, probe: &Probe, early: bool) -> Result<(), String> {
    origin.take();
    let stream = running.connect(index);
    send(&stream, &probe.request);
    let mut reader = Reader::new(&stream);
    let status = reader.response(probe.request.starts_with(b"HEAD ")).map_or(0, |response| response.status);
    // A connection that goes on answers another request; one that does not, does not.
    send(&stream, b"GET /after HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut later = Vec::new();
    while later.last() != Some(&0) && later.len() < 4 {
        later.push(reader.response(false).map_or(0, |response| response.status));
        if origin_saw(origin, "/after") {
            break;
        }
    }
    let closed = !origin_saw(origin, "/after");
    let requests = origin.take();
    let seen: Vec<_> = requests.iter().filter(|request| !request.line.contains(" /after ")).collect();

    if requests.iter().any(|request| request.line.contains("/smuggled")) {
        return Err(format!("the hidden request reached the origin: {seen:?}"));
    }
    if let Some(both) =
        seen.iter().find(|request| request.has("content-length") && request.has("transfer-encoding"))
    {
        return Err(format!("content-length and transfer-encoding in one head: {both:?}"));
    }
    let wanted = probe.verdict;
    let mut found = Verdict { status, closed, origin: seen.len() };
    if wanted == CUT {
        // The head may have gone on before the bad part arrived, or not.
        found.origin = found.origin.max(1);
    }
    if early {
        // An early answer may overtake the discovery of a bad body; what is refused by its head is refused all the same.
        let overtaken =
            found.status == 200 && found.origin == 1 && find(&probe.request, b"chunked").is_some();
        if found.status != wanted.status && !overtaken {
            return Err(format!("status {}, expected {}", found.status, wanted.status));
        }
        return Ok(());
    }
    if found != wanted {
        return Err(format!("{found:?}, expected {wanted:?}; origin saw {seen:?}"));
    }
    match seen.first() {
        Some(request) if wanted.status == 200 && !(request.complete && (probe.seen)(request)) => {
            Err(format!("the origin saw {request:?}"))
        }
        _ => Ok(()),
    }
}

/// Whether the origin has a request for the path; looks without taking.
fn origin_saw(origin: &Origin, path: &str) -> bool {
    origin.any(|request| request.line.contains(&format!(" {path} ")))
}

fn anything(_: &Request) -> bool {
    true
}

fn probe(name: &'static str, request: impl Into<Vec<u8>>, verdict: Verdict) -> Probe {
    Probe { name, request: request.into(), verdict, reference_stalls: false, seen: anything }
}

impl Probe {
    /// 3.0.11 waits for a timeout.
    fn reference_stalls(mut self) -> Self {
        self.reference_stalls = true;
        self
    }

    /// The origin's view of the request.
    fn seen(mut self, holds: fn(&Request) -> bool) -> Self {
        self.seen = holds;
        self
    }
}

/// `GET /` with these lines after the host.
fn get(lines: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nhost: x\r\n{lines}\r\n").into_bytes()
}

/// `POST /` with these lines and this body.
fn post(lines: &str, body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nhost: x\r\n{lines}\r\n{body}").into_bytes()
}

/// A chunked POST with this body, chunk lines included.
fn chunked(body: &str) -> Vec<u8> {
    post("transfer-encoding: chunked\r\n", body)
}

fn raw(line: &str) -> Vec<u8> {
    format!("{line}\r\nhost: x\r\n\r\n").into_bytes()
}

const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";

fn probes() -> Vec<Probe> {
    let mut all = Vec::new();
    all.extend(lengths());
    all.extend(transfer_encodings());
    all.extend(chunks());
    all.extend(start_lines());
    all.extend(fields());
    all.extend(connections());
    all
}

fn lengths() -> Vec<Probe> {
    let length = |value: &str| post(&format!("content-length: {value}\r\n"), "hello");
    let mut long_name = String::from("Content-Length0");
    long_name.push_str(&"a".repeat(255));
    vec![
        probe(
            "CVE-2021-40346: a name whose length wraps",
            post(&format!("{long_name}:\r\nContent-Length: 60\r\n"), HIDDEN),
            BAD,
        ),
        probe("CVE-2023-25725: an empty header name", post(":x\r\ncontent-length: 5\r\n", "hello"), BAD),
        probe("CVE-2023-40225: an empty content-length", post("content-length:\r\n", ""), BAD),
        probe("content-length 0 with a comma after it", post("content-length: 0,\r\n", ""), BAD),
        probe("content-length 0 with a comma before it", post("content-length: ,0\r\n", ""), BAD),
        probe(
            "two content-lengths that differ",
            post("content-length: 5\r\ncontent-length: 6\r\n", "hello"),
            BAD,
        ),
        probe("a content-length list that differs", length("5, 6"), BAD),
        probe("content-length with a plus", length("+5"), BAD),
        probe("content-length with a minus", length("-5"), BAD),
        probe("content-length in hexadecimal", length("0x5"), BAD),
        probe("content-length of 2^64+5", length("18446744073709551621"), BAD),
        probe("content-length with an inner space", length("5 5"), BAD),
        probe(
            "two content-lengths that agree",
            post("content-length: 5\r\ncontent-length: 5\r\n", "hello"),
            GOOD,
        )
        .seen(|request| {
            request.body == b"hello"
                && request.fields.iter().filter(|(name, _)| name == "content-length").count() == 1
        }),
        probe("a content-length list that agrees", length("5, 5"), GOOD)
            .seen(|request| request.body == b"hello"),
        probe(
            "Content_Length is another field",
            post("Content_Length: 100\r\ncontent-length: 5\r\n", "hello"),
            GOOD,
        )
        .seen(|request| request.body == b"hello"),
        probe(
            "CVE-2019-18277: VT in transfer-encoding",
            post("transfer-encoding: \x0bchunked\r\ncontent-length: 5\r\n", "hello"),
            BAD,
        ),
    ]
}

fn transfer_encodings() -> Vec<Probe> {
    let encoding = |value: &str| post(&format!("transfer-encoding: {value}\r\n"), "0\r\n\r\n");
    let unknown = Verdict { status: 422, ..BAD };
    vec![
        probe("chunked, then gzip", encoding("chunked, gzip"), BAD),
        probe("gzip, then chunked", encoding("gzip, chunked"), unknown),
        probe("chunked twice", encoding("chunked, chunked"), BAD),
        probe(
            "identity with a content-length",
            post("transfer-encoding: identity\r\ncontent-length: 5\r\n", "hello"),
            BAD,
        ),
        probe("quoted chunked", encoding("\"chunked\""), BAD),
        probe("xchunked", encoding("xchunked"), BAD),
        probe("chunked with a parameter", encoding("chunked;q=1"), BAD),
        probe(
            "an empty transfer-encoding",
            post("transfer-encoding:\r\ncontent-length: 5\r\n", "hello"),
            BAD,
        ),
        probe(
            "chunked beside a content-length",
            post("content-length: 5\r\ntransfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
            LAST,
        )
        .seen(|request| request.body == b"abc" && !request.has("content-length")),
        probe(
            "chunked beside a content-length that hides a request",
            post("content-length: 5\r\ntransfer-encoding: chunked\r\n", &format!("0\r\n\r\n{HIDDEN}")),
            LAST,
        ),
        probe(
            "chunked in HTTP/1.0",
            b"POST / HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            LAST,
        ),
        probe(
            "a folded transfer-encoding",
            post("transfer-encoding:\r\n chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
            GOOD,
        )
        .seen(|request| request.body == b"abc"),
        probe("Chunked in capitals", encoding("ChUnKeD"), GOOD),
    ]
}

fn chunks() -> Vec<Probe> {
    let long_extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(20_000));
    let many_zeros = format!("{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(20_000));
    vec![
        probe("chunks", chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), GOOD)
            .seen(|request| request.body == b"hello world"),
        probe("a chunk extension", chunked("5;name=value\r\nhello\r\n0\r\n\r\n"), GOOD)
            .seen(|request| request.body == b"hello"),
        probe("white space after a chunk size", chunked("5  \r\nhello\r\n0\r\n\r\n"), GOOD)
            .seen(|request| request.body == b"hello"),
        probe("a content-length trailer", chunked("5\r\nhello\r\n0\r\ncontent-length: 50\r\n\r\n"), GOOD)
            .seen(|request| request.body == b"hello"),
        probe("a chunk size that overflows", chunked("fffffffffffffffff\r\nhello\r\n0\r\n\r\n"), BAD),
        probe("a chunk size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), BAD),
        probe("white space before a chunk size", chunked(" 5\r\nhello\r\n0\r\n\r\n"), BAD),
        probe("a negative chunk size", chunked("-5\r\nhello\r\n0\r\n\r\n"), BAD),
        probe("an empty chunk size", chunked("\r\nhello\r\n0\r\n\r\n"), BAD),
        probe("no CRLF after the data", chunked("5\r\nhelloXX0\r\n\r\n"), BAD),
        probe("a trailer without a colon", chunked("5\r\nhello\r\n0\r\nnocolon\r\n\r\n"), BAD),
        probe("a bare LF after the chunk size", chunked("5\nhello\r\n0\r\n\r\n"), BAD),
        probe("a bare LF after the chunk data", chunked("5\r\nhello\n0\r\n\r\n"), BAD),
        probe("a bare LF in a chunk extension", chunked("5;a\nhello\r\n0\r\n\r\n"), BAD),
        probe("a chunk extension longer than the buffer", chunked(&long_extension), CUT).reference_stalls(),
        probe("a chunk size with 20,000 leading zeros", chunked(&many_zeros), CUT).reference_stalls(),
    ]
}

fn start_lines() -> Vec<Probe> {
    vec![
        probe("CVE-2023-45539: a fragment in the path", raw("GET /index.html#.png HTTP/1.1"), BAD),
        probe("a control character in the path", raw("GET /a\x01b HTTP/1.1"), BAD),
        probe("0x80 in the path", b"GET /a\x80b HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), BAD),
        probe("a space in the path", raw("GET /a b HTTP/1.1"), BAD),
        probe("a bad character in the method", raw("G@T / HTTP/1.1"), BAD),
        probe("HTTP/0.9", b"GET /\r\n\r\n".to_vec(), BAD),
        probe("HTTP/1.10", raw("GET / HTTP/1.10"), BAD),
        probe("a space after the version", raw("GET / HTTP/1.1 "), BAD),
        probe("an absolute URI of another host", raw("GET http://other/ HTTP/1.1"), BAD),
        probe("an absolute URI without a path", raw("GET http://x?a HTTP/1.1"), BAD),
        probe("CONNECT with a bad target", b"CONNECT /path HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), BAD),
        probe("a broken HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(), BAD),
        probe("a URI of 17 kB", raw(&format!("GET /{} HTTP/1.1", "a".repeat(17_000))), BAD),
        probe("a lower-case method", raw("get / HTTP/1.1"), GOOD)
            .seen(|request| request.line.starts_with("get ")),
        probe("two spaces", raw("GET  /  HTTP/1.1"), GOOD),
        probe("a tab", raw("GET\t/ HTTP/1.1"), GOOD),
        probe("empty lines first", b"\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), GOOD),
        probe("HTTP/1.2", raw("GET / HTTP/1.2"), GOOD).seen(|request| request.line.ends_with("HTTP/1.1")),
        probe("HTTP/2.0 in a start line", raw("GET / HTTP/2.0"), GOOD)
            .seen(|request| request.line.ends_with("HTTP/1.1")),
        probe("OPTIONS *", raw("OPTIONS * HTTP/1.1"), GOOD),
        probe(
            "TRACE with a body",
            b"TRACE / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello".to_vec(),
            GOOD,
        ),
        probe(
            "GET with a body",
            get("content-length: 5\r\n").into_iter().chain(*b"hello").collect::<Vec<_>>(),
            GOOD,
        )
        .seen(|request| request.body == b"hello"),
    ]
}

fn fields() -> Vec<Probe> {
    let field = |line: &[u8]| [b"GET / HTTP/1.1\r\nhost: x\r\n", line, b"\r\n\r\n"].concat();
    let many: String = (0..110).map(|index| format!("x-{index}: y\r\n")).collect();
    vec![
        probe("a space before the colon", field(b"name : value"), BAD),
        probe("a tab before the colon", field(b"name\t: value"), BAD),
        probe("white space before the first header", b"GET / HTTP/1.1\r\n host: x\r\n\r\n".to_vec(), BAD),
        probe("a line without a colon", field(b"nocolon"), BAD),
        probe("a space in a name", field(b"na me: value"), BAD),
        probe("UTF-8 in a name", field("né: value".as_bytes()), BAD),
        probe("a bare CR", field(b"name: va\rlue"), BAD),
        probe("a NUL in a value", field(b"name: va\0lue"), BAD),
        probe("0x01 in a value", field(b"name: va\x01lue"), GOOD),
        probe("0x80 in a value", field(b"name: va\x80lue"), GOOD),
        probe("more than 100 headers", get(&many), BAD),
        probe("a header of 17 kB", get(&format!("name: {}\r\n", "a".repeat(17_000))), BAD),
        probe("two hosts that differ", b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".to_vec(), BAD),
        probe("two hosts that agree", b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n".to_vec(), GOOD),
        probe("no host", b"GET / HTTP/1.1\r\n\r\n".to_vec(), GOOD),
        probe("a space in the host", b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n".to_vec(), BAD),
        probe("a number sign in the host", b"GET / HTTP/1.1\r\nhost: a#b\r\n\r\n".to_vec(), BAD),
        probe("a question mark in the host", b"GET / HTTP/1.1\r\nhost: a?b\r\n\r\n".to_vec(), BAD),
        probe("a bracket in the host", b"GET / HTTP/1.1\r\nhost: a[b\r\n\r\n".to_vec(), BAD),
        probe("an open bracket in the host", b"GET / HTTP/1.1\r\nhost: [::1\r\n\r\n".to_vec(), BAD),
        probe("a backslash in the host", b"GET / HTTP/1.1\r\nhost: a\\b\r\n\r\n".to_vec(), BAD),
        probe("DEL in the host", b"GET / HTTP/1.1\r\nhost: a\x7fb\r\n\r\n".to_vec(), BAD),
        probe("0x80 in the host", b"GET / HTTP/1.1\r\nhost: a\x80b\r\n\r\n".to_vec(), BAD),
        probe("a tab in the host", b"GET / HTTP/1.1\r\nhost: a\tb\r\n\r\n".to_vec(), BAD),
        probe(
            "an IPv6 address with a port in the host",
            b"GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n".to_vec(),
            GOOD,
        ),
        probe("a comma in the host", b"GET / HTTP/1.1\r\nhost: a,b\r\n\r\n".to_vec(), BAD),
        probe("a slash in the host", b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n".to_vec(), BAD),
        probe("an at sign in the host", b"GET / HTTP/1.1\r\nhost: u@a\r\n\r\n".to_vec(), BAD),
        probe("a folded value", field(b"name: one\r\n two"), GOOD).seen(|request| {
            request
                .fields
                .iter()
                .any(|(name, value)| name == "name" && value.starts_with("one") && value.ends_with("two"))
        }),
        probe("bare LF line ends", b"GET / HTTP/1.1\nhost: x\n\n".to_vec(), GOOD),
    ]
}

fn connections() -> Vec<Probe> {
    vec![
        probe("a plain request", get(""), GOOD),
        probe("connection: close", get("connection: close\r\n"), LAST),
        probe("HTTP/1.0", b"GET / HTTP/1.0\r\nhost: x\r\n\r\n".to_vec(), LAST),
        probe("HTTP/1.0 with keep-alive", b"GET / HTTP/1.0\r\nhost: x\r\nconnection: keep-alive\r\n\r\n".to_vec(), GOOD),
        probe("HEAD", raw("HEAD / HTTP/1.1"), GOOD),
        probe("an expectation", post("expect: something\r\ncontent-length: 5\r\n", "hello"), GOOD).seen(|request| request.body == b"hello"),
        probe("CVE-2024-53008: an upgrade to h2c", get("connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"), GOOD)
            .seen(|request| !request.fields.iter().any(|(name, value)| name == "upgrade" && value.contains("h2c"))),
        probe("an upgrade and a pipelined request", get("connection: upgrade\r\nupgrade: foo\r\n").into_iter()
            .chain(*b"GET /second HTTP/1.1\r\nhost: x\r\n\r\n").collect::<Vec<_>>(), Verdict { origin: 2, ..GOOD }),
        probe("two pipelined requests", get("").into_iter().chain(*b"GET /second HTTP/1.1\r\nhost: x\r\n\r\n").collect::<Vec<_>>(),
            Verdict { origin: 2, ..GOOD }),
    ]
}
