#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use proptest::prelude::*;

/// Parses a whole request; its serialised form, or the refusal.
fn request(input: &[u8], relaxed: bool) -> Result<(String, Facts), Refusal> {
    let mut head = Head::vacant();
    let limits = Limits { relaxed, ..Limits::default() };
    let facts = parse_request(input, &limits, &mut head)?.expect("a complete head");
    let mut out = Vec::new();
    head.write(&mut out);
    Ok((String::from_utf8_lossy(&out).into_owned(), facts))
}

fn response(input: &[u8], cx: RequestContext) -> Result<(String, Facts), Refusal> {
    let mut head = Head::vacant();
    let facts = parse_response(input, &Limits::default(), cx, &mut head)?.expect("a complete head");
    let mut out = Vec::new();
    head.write(&mut out);
    Ok((String::from_utf8_lossy(&out).into_owned(), facts))
}

const REFUSED: u16 = 400;

/// Every row of haproxy-stream 1.1 to 1.3 and security-and-faults 2: input, verdict of the strict mode (0 is accepted).
const REQUESTS: &[(&str, u16)] = &[
    // Lines.
    ("GET / HTTP/1.1\nHost: x\n\n", 0),
    ("\r\n\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 0),
    (" GET / HTTP/1.1\r\n\r\n", REFUSED),
    ("\rGET / HTTP/1.1\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\rA: b\r\n\r\n", REFUSED),
    // Method, target, version.
    ("get / HTTP/1.1\r\n\r\n", 0),
    ("GE@T / HTTP/1.1\r\n\r\n", REFUSED),
    ("GET  \t/  \tHTTP/1.1\r\n\r\n", 0),
    ("GET / HTTP/1.1 \r\n\r\n", REFUSED),
    ("GET / x HTTP/1.1\r\n\r\n", REFUSED),
    ("GET /\"<>\\^{}` HTTP/1.1\r\n\r\n", 0),
    ("GET /a#b HTTP/1.1\r\n\r\n", REFUSED),
    ("GET /\u{e9} HTTP/1.1\r\n\r\n", REFUSED),
    ("GET /\u{1} HTTP/1.1\r\n\r\n", REFUSED),
    ("GET /\u{7f} HTTP/1.1\r\n\r\n", REFUSED),
    ("GET / HTTP/0.9\r\n\r\n", 0),
    ("GET / HTTP/1.2\r\n\r\n", 0),
    ("GET / HTTP/2.0\r\n\r\n", 0),
    ("GET / http/1.1\r\n\r\n", REFUSED),
    ("GET / RTSP/1.0\r\n\r\n", REFUSED),
    ("GET / HTTP/1\r\n\r\n", REFUSED),
    ("GET / HTTP/1.10\r\n\r\n", REFUSED),
    ("GET /\r\n\r\n", REFUSED),
    ("POST /\r\n\r\n", REFUSED),
    ("PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n", REFUSED),
    // Fields.
    ("GET / HTTP/1.1\r\n: x\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nA : x\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nA\t: x\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nA b: x\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\n\u{e9}: x\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nnocolon\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nA:\r\nB: \r\n\r\n", 0),
    ("GET / HTTP/1.1\r\nA: \u{1}\u{e9}\r\n\r\n", 0),
    ("GET / HTTP/1.1\r\nA: a\0b\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\n A: b\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nA: a\r\n  b\r\n\tc\r\n\r\n", 0),
    // Target forms.
    ("CONNECT / HTTP/1.1\r\n\r\n", REFUSED),
    ("OPTIONS * HTTP/1.1\r\n\r\n", 0),
    ("FOO * HTTP/1.1\r\n\r\n", 0),
    ("GET * HTTP/1.1\r\n\r\n", REFUSED),
    ("OPTIONS *x HTTP/1.1\r\n\r\n", REFUSED),
    ("CONNECT http://x/ HTTP/1.1\r\n\r\n", REFUSED),
    ("GET a HTTP/1.1\r\n\r\n", REFUSED),
    ("GET x:80 HTTP/1.1\r\n\r\n", REFUSED),
    ("GET ? HTTP/1.1\r\n\r\n", REFUSED),
    ("GET http://x/a HTTP/1.1\r\n\r\n", 0),
    ("GET http://x/a HTTP/1.1\r\nHost: X\r\n\r\n", 0),
    ("GET http://x/a HTTP/1.1\r\nHost: y\r\n\r\n", REFUSED),
    ("GET http://x:81/a HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("GET http://x/a HTTP/1.1\r\nHost: x:80\r\n\r\n", 0),
    ("GET http://x:80/a HTTP/1.1\r\nHost: x:80\r\n\r\n", 0),
    ("GET https://x/a HTTP/1.1\r\nHost: x:80\r\n\r\n", REFUSED),
    ("GET http://u@x/a HTTP/1.1\r\nHost: x\r\n\r\n", 0),
    ("GET http://x?q HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("GET http://a?x HTTP/1.1\r\n\r\n", REFUSED),
    ("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 0),
    ("CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 0),
    ("CONNECT x:8443 HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("CONNECT x:8443 HTTP/1.1\r\nHost: x:8443\r\n\r\n", 0),
    ("CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    // Host.
    ("GET / HTTP/1.1\r\nHost: x\r\nHost: X\r\n\r\n", 0),
    ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 0),
    ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nHost: a#b\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nHost: a[b\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nHost: a\x7fb\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0),
    ("GET / HTTP/1.1\r\nHost: a\"b;c%41\r\n\r\n", 0),
    ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", REFUSED),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", REFUSED),
    // Length.
    ("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 0),
    ("POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n", 0),
    ("POST / HTTP/1.1\r\nContent-Length: 005\r\n\r\n", 0),
    ("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nContent-Length: \r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nContent-Length: 0,\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nContent-Length: ,0\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nContent-Length: 1 2\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nContent-Length: 18446744073709551621\r\n\r\n", REFUSED),
    // Codings.
    ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 0),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n", 0),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 422),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", 422),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: , chunked\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked,\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip,, chunked\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: \u{b}chunked\r\nContent-Length: 5\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding:\r\nContent-Length: 5\r\n\r\n", REFUSED),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 0),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 0),
    ("GET / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", 413),
    ("HEAD / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 413),
    ("DELETE / HTTP/1.0\r\nContent-Length: 1\r\n\r\n", 413),
    ("GET / HTTP/1.0\r\nContent-Length: 0\r\n\r\n", 0),
    // The target comes before the body, the method before the codings.
    ("DELETE * HTTP/1.0\r\nContent-Length: 1\r\n\r\n", REFUSED),
    ("GET http://x/ HTTP/1.0\r\nHost: y\r\nContent-Length: 1\r\n\r\n", REFUSED),
    ("GET * HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", REFUSED),
    ("GET / HTTP/1.0\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 413),
    ("GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 0),
    // WebSocket.
    (
        "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        0,
    ),
    (
        "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: short\r\n\r\n",
        REFUSED,
    ),
    ("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", REFUSED),
];

#[test]
fn every_request_row_has_its_verdict() {
    for &(input, expected) in REQUESTS {
        let got = request(input.as_bytes(), false);
        let status = got.as_ref().map_or_else(|refusal| refusal.status, |_| 0);
        assert_eq!(status, expected, "{input:?} gave {got:?}");
    }
}

#[test]
fn no_prefix_of_a_request_changes_its_verdict() {
    for &(input, expected) in REQUESTS {
        let bytes = input.as_bytes();
        let mut head = Head::vacant();
        for end in 0..bytes.len() {
            match parse_request(&bytes[..end], &Limits::default(), &mut head) {
                Ok(None) => {}
                // A refusal may come early, but only for a message that is refused.
                Err(refusal) => assert_eq!(refusal.status, expected, "{input:?} cut at {end}"),
                // Only what follows the head may be missing from the prefix.
                Ok(Some(facts)) => assert!(facts.size <= end && expected == 0, "{input:?} cut at {end}"),
            }
        }
    }
}

#[test]
fn relaxed_mode_relaxes_exactly_its_list() {
    for (input, accepted) in [
        ("GET /a#b HTTP/1.1\r\n\r\n", true),
        ("GET /\u{e9} HTTP/1.1\r\n\r\n", true),
        ("GET / RTSP/1.0\r\n\r\n", true),
        ("GET /\r\n", true),
        ("POST /\r\n", false),
        ("GET / HTTP/1.1\r\nA b: x\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nA: a\0b\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nA\0b: c\r\n\r\n", true),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: , chunked\r\n\r\n", false),
        ("GET http://x/a HTTP/1.1\r\nHost: y\r\n\r\n", true),
        ("GET /\u{1} HTTP/1.1\r\n\r\n", false),
        ("G@T / HTTP/1.1\r\n\r\n", false),
        ("GET * HTTP/1.1\r\n\r\n", false),
        ("GET a HTTP/1.1\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nnocolon\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", false),
        ("POST / HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\n", false),
    ] {
        let got = request(input.as_bytes(), true);
        assert_eq!(got.is_ok(), accepted, "{input:?} gave {got:?}");
    }
}

/// Input, what is forwarded.
const FORWARDED: &[(&str, &str)] = &[
    ("GET   /  HTTP/1.1\r\nHOST:  x \r\nA:\r\n\r\n", "GET / HTTP/1.1\r\nhost: x\r\na: \r\n\r\n"),
    ("GET / HTTP/2.0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"),
    ("GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"),
    ("GET / HTTP/1.1\r\nA: a\r\n  b\r\n\tc\r\n\r\n", "GET / HTTP/1.1\r\na: a    b  \tc\r\n\r\n"),
    ("GET http://x:80/a HTTP/1.1\r\nHost: x\r\n\r\n", "GET http://x/a HTTP/1.1\r\nhost: x\r\n\r\n"),
    ("GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", "GET http://x/ HTTP/1.1\r\nhost: x\r\n\r\n"),
    ("GET http://x/a HTTP/1.1\r\nHost: x:80\r\n\r\n", "GET http://x/a HTTP/1.1\r\nhost: x:80\r\n\r\n"),
    ("GET / HTTP/1.1\r\nHost: x\r\nB: 1\r\nHost: X\r\n\r\n", "GET / HTTP/1.1\r\nhost: x\r\nb: 1\r\n\r\n"),
    (
        "POST / HTTP/1.1\r\nContent-Length: 05, 5\r\nA: 1\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 5\r\na: 1\r\n\r\n",
    ),
    (
        "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
    ),
    (
        "GET / HTTP/1.1\r\nConnection: X-Foo, close, TE\r\n\r\n",
        "GET / HTTP/1.1\r\nconnection: X-Foo,TE\r\n\r\n",
    ),
    (
        "GET / HTTP/1.1\r\nConnection: X-Foo, TE\r\nKeep-Alive: 5\r\n\r\n",
        "GET / HTTP/1.1\r\nconnection: X-Foo, TE\r\nkeep-alive: 5\r\n\r\n",
    ),
    ("GET http://x HTTP/1.1\r\nHost: X\r\n\r\n", "GET http://x/ HTTP/1.1\r\nhost: x\r\n\r\n"),
    ("GET http://x/ HTTP/1.1\r\nHost: X\r\n\r\n", "GET http://x/ HTTP/1.1\r\nhost: X\r\n\r\n"),
    (
        "GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        "GET / HTTP/1.1\r\nconnection: Upgrade, HTTP2-Settings\r\n\r\n",
    ),
    (
        "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\nContent-Length: 3\r\n\r\n",
        "CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n",
    ),
];

#[test]
fn requests_are_forwarded_in_their_normal_form() {
    for &(input, expected) in FORWARDED {
        assert_eq!(request(input.as_bytes(), false).unwrap().0, expected, "{input:?}");
    }
}

#[test]
fn te_is_left_with_trailers_alone() {
    for (fields, expected) in [
        ("TE: deflate, trailers\r\n", "te: trailers\r\n"),
        ("TE: deflate\r\n", ""),
        ("TE: trailers;q=1, trailers\r\n", ""),
        ("TE: Trailers\r\n", ""),
        ("TE: trailers\r\nA: b\r\nTE: x, trailers\r\n", "te: trailers\r\na: b\r\nte: trailers\r\n"),
    ] {
        let input = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        let mut head = Head::vacant();
        parse_request(input.as_bytes(), &Limits::default(), &mut head).unwrap();
        head.keep_te_trailers();
        let mut out = Vec::new();
        head.write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("GET / HTTP/1.1\r\n{expected}\r\n"), "{input:?}");
    }
}

#[test]
fn framing_and_connection_facts() {
    let facts = |input: &str| request(input.as_bytes(), false).unwrap().1;
    assert_eq!(facts("POST / HTTP/1.1\r\n\r\n").framing, Framing::None);
    assert_eq!(facts("POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n").framing, Framing::Length(7));
    let both = facts("POST / HTTP/1.1\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!((both.framing, both.ambiguous), (Framing::Chunked, true));
    assert!(facts("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").ambiguous);
    let close = facts(
        "GET / HTTP/1.1\r\nConnection: a, Close\r\nConnection: KEEP-ALIVE\r\nExpect: 100-Continue\r\n\r\n",
    );
    assert!(close.close && close.keep_alive && close.expect_continue && !close.upgrade);
    assert!(!facts("GET / HTTP/1.1\r\nUpgrade: foo\r\n\r\n").upgrade);
    assert!(facts("GET / HTTP/1.1\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\n").upgrade);
    assert!(!facts("GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n").upgrade);
}

#[test]
fn positions_are_those_of_show_errors() {
    for (input, at, state) in [
        ("GE@T / HTTP/1.1\r\n\r\n", 2, ParserState::Method),
        ("GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 6, ParserState::Uri),
        ("GET / HTTP/1.1\r\nHo st: x\r\n\r\n", 18, ParserState::HeaderName),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\n", 41, ParserState::HeaderWhole),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 31, ParserState::HeaderWhole),
        ("GET / HTTP/1.1 \r\n\r\n", 14, ParserState::RequestVersion),
        ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 21, ParserState::HeaderLineEnd),
    ] {
        let refusal = request(input.as_bytes(), false).unwrap_err();
        assert_eq!((refusal.at, refusal.state), (at, state), "{input:?}");
    }
}

#[test]
fn limits_on_fields_and_size() {
    let many = |n: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(n));
    assert!(request(many(100).as_bytes(), false).is_ok());
    assert_eq!(request(many(101).as_bytes(), false).unwrap_err().status, 400);
    let long = |n: usize| format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(n - 1));
    assert!(request(long(15_250).as_bytes(), false).is_ok());
    assert_eq!(request(long(15_300).as_bytes(), false).unwrap_err().status, 400);
    let endless = format!("GET /{}", "a".repeat(17_000));
    assert_eq!(request(endless.as_bytes(), false).unwrap_err().status, 400);
}

#[test]
fn relaxed_responses_may_repeat_chunked_and_leave_elements_empty() {
    let relaxed = Limits { relaxed: true, ..Limits::default() };
    for (codings, expected) in [
        ("chunked, chunked", Ok((Framing::Chunked, "transfer-encoding: chunked\r\n"))),
        (", chunked", Ok((Framing::Chunked, "transfer-encoding: chunked\r\n"))),
        ("chunked,", Ok((Framing::Chunked, "transfer-encoding: chunked\r\n"))),
        ("", Ok((Framing::Length(3), "content-length: 3\r\n"))),
        (",", Ok((Framing::UntilClose, ""))),
        ("gzip, chunked", Err(502)),
        ("chunked, gzip", Err(502)),
        ("gzip,, chunked", Err(502)),
    ] {
        let input = format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: {codings}\r\n\r\n");
        let mut head = Head::vacant();
        let parsed = parse_response(input.as_bytes(), &relaxed, RequestContext::default(), &mut head);
        let got = parsed.map(|facts| facts.unwrap().framing).map_err(|refusal| refusal.status);
        assert_eq!(got, expected.map(|(framing, _)| framing), "{codings:?}");
        if let Ok((_, fields)) = expected {
            let mut out = Vec::new();
            head.write(&mut out);
            assert_eq!(
                String::from_utf8(out).unwrap(),
                format!("HTTP/1.1 200 OK\r\n{fields}\r\n"),
                "{codings:?}"
            );
        }
    }
}

#[test]
fn responses_have_their_verdicts_and_framing() {
    let plain = RequestContext::default();
    let framing = |input: &str, cx| {
        response(input.as_bytes(), cx).map(|(_, facts)| facts.framing).map_err(|r| r.status)
    };
    for (input, expected) in [
        ("\r\n\nHTTP/1.1 200 OK\r\n\r\n", Ok(Framing::UntilClose)),
        ("HTTP/1.1 200 OK\r\n\r\n", Ok(Framing::UntilClose)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Ok(Framing::Length(3))),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Ok(Framing::Chunked)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n", Err(502)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Err(502)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Err(502)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", Err(502)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", Err(502)),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", Ok(Framing::None)),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", Ok(Framing::None)),
        ("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n", Err(502)),
        ("HTTP/1.1 99 x\r\n\r\n", Err(502)),
        ("RTSP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", Ok(Framing::Length(3))),
        ("ICY 200 OK\r\n\r\n", Err(502)),
        ("HTTP/1.1 20x OK\r\n\r\n", Err(502)),
        ("HTTP/1.1\r\n\r\n", Err(502)),
        ("junk\r\n\r\n", Err(502)),
        ("HTTP/1.1 2000 OK\r\n\r\n", Err(502)),
    ] {
        assert_eq!(framing(input, plain), expected, "{input:?}");
    }
    let head = RequestContext { head: true, ..plain };
    assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", head), Ok(Framing::None));
    let connect = RequestContext { connect: true, ..plain };
    assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", connect), Ok(Framing::UntilClose));
    assert_eq!(framing("HTTP/1.1 407 No\r\nContent-Length: 3\r\n\r\n", connect), Ok(Framing::Length(3)));
    let upgrade = RequestContext { upgrade: true, ..plain };
    let switch = "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n";
    assert_eq!(framing(switch, upgrade), Ok(Framing::UntilClose));
    let websocket = RequestContext { upgrade: true, websocket: true, ..plain };
    assert_eq!(framing(switch, websocket), Err(502));
}

#[test]
fn responses_are_forwarded_in_their_normal_form() {
    for (input, expected) in [
        ("HTTP/1.1 200\r\nA: b\r\n\r\n", "HTTP/1.1 200 OK\r\na: b\r\n\r\n"),
        ("HTTP/2.0 200 Fine\r\n\r\n", "HTTP/1.1 200 Fine\r\n\r\n"),
        ("RTSP/1.0 200 OK\r\n\r\n", "RTSP/1.0 200 OK\r\n\r\n"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
        ),
    ] {
        assert_eq!(response(input.as_bytes(), RequestContext::default()).unwrap().0, expected, "{input:?}");
    }
}

/// Decodes with the input arriving in pieces of the given sizes (repeated); payload and trailers, or the error's state.
fn decode(framing: Framing, input: &[u8], sizes: &[usize]) -> Result<(Vec<u8>, Vec<u8>, usize), ParserState> {
    let mut decoder = Decoder::new(framing);
    let (mut payload, mut trailers) = (Vec::new(), Vec::new());
    let (mut taken, mut arrived, mut turn) = (0, 0, 0);
    loop {
        match decoder.decode(&input[taken..arrived]).map_err(|e| e.state)? {
            Piece::End => return Ok((payload, trailers, taken)),
            Piece::Payload { skip, data } => {
                payload.extend_from_slice(&input[taken + skip..taken + skip + data]);
                taken += skip + data;
                if data > 0 {
                    continue;
                }
            }
            Piece::Trailers { skip } => {
                taken += skip;
                if let Some(size) =
                    decoder.trailers(&input[taken..arrived], &mut trailers).map_err(|e| e.state)?
                {
                    taken += size;
                    continue;
                }
            }
        }
        if arrived == input.len() {
            return Err(ParserState::HeadersEnd); // ran dry: stands for "incomplete"
        }
        arrived = (arrived + sizes[turn % sizes.len()].max(1)).min(input.len());
        turn += 1;
    }
}

/// Payload, trailers, and what follows the body.
type Decoded = (&'static str, &'static str, &'static str);

const CHUNKED: &[(&str, Result<Decoded, ParserState>)] = &[
    ("5\r\nhello\r\n0\r\n\r\nNEXT", Ok(("hello", "", "NEXT"))),
    ("5;a=b\r\nhello\r\n0;x\r\nX-T: 1\r\nB:2\r\n\r\n", Ok(("hello", "x-t: 1\r\nb: 2\r\n", ""))),
    ("0005 \t\r\nhello\r\n0\r\n\r\n", Ok(("hello", "", ""))),
    ("A\r\n0123456789\r\n1\r\nx\r\n0\r\nT: 1\n\n", Ok(("0123456789x", "t: 1\r\n", ""))),
    ("5 x\r\n", Err(ParserState::ChunkSize)),
    ("3 foo\r\n", Err(ParserState::ChunkSize)),
    ("\r\n", Err(ParserState::ChunkSize)),
    (";a\r\n", Err(ParserState::ChunkSize)),
    ("0x5\r\n", Err(ParserState::ChunkSize)),
    (" 5\r\n", Err(ParserState::ChunkSize)),
    ("-5\r\n", Err(ParserState::ChunkSize)),
    ("10000000000000\r\n", Err(ParserState::ChunkSize)),
    ("5\nhello", Err(ParserState::ChunkSize)),
    ("5;x\nhello", Err(ParserState::ChunkSize)),
    ("5\r\nhelloX", Err(ParserState::ChunkEnd)),
    ("5\r\nhello\n", Err(ParserState::ChunkEnd)),
    ("0\r\nnocolon\r\n\r\n", Err(ParserState::Trailers)),
];

#[test]
fn chunked_rows() {
    for (input, expected) in CHUNKED {
        let got = decode(Framing::Chunked, input.as_bytes(), &[usize::MAX / 4]);
        let expected = expected.map(|(payload, trailers, rest)| {
            (payload.as_bytes().to_vec(), trailers.as_bytes().to_vec(), input.len() - rest.len())
        });
        assert_eq!(got, expected, "{input:?}");
    }
}

#[test]
fn endless_size_lines_are_refused() {
    for input in [format!("5;{}", "x".repeat(20_000)), format!("{}5\r\n", "0".repeat(20_000))] {
        assert_eq!(decode(Framing::Chunked, input.as_bytes(), &[100]), Err(ParserState::ChunkSize));
    }
}

#[test]
fn chunk_sizes_are_written_in_upper_hex() {
    for (size, text) in [(1, "1"), (15, "F"), (16, "10"), (0x313a, "313A"), (0, "0")] {
        let mut out = Vec::new();
        write_chunk_size(size, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{text}\r\n"));
    }
}

proptest! {
    #[test]
    fn any_split_decodes_the_same(sizes in proptest::collection::vec(1usize..9, 1..12), row in 0..CHUNKED.len()) {
        let input = CHUNKED[row].0.as_bytes();
        prop_assert_eq!(decode(Framing::Chunked, input, &sizes), decode(Framing::Chunked, input, &[usize::MAX / 4]));
    }

    #[test]
    fn chunked_round_trip(body in proptest::collection::vec(any::<u8>(), 0..600), cut in 1usize..97, sizes in proptest::collection::vec(1usize..50, 1..8)) {
        let mut wire = Vec::new();
        for part in body.chunks(cut) {
            write_chunk_size(part.len() as u64, &mut wire);
            wire.extend_from_slice(part);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"0\r\n\r\n");
        let (payload, trailers, taken) = decode(Framing::Chunked, &wire, &sizes).unwrap();
        prop_assert_eq!(payload, body);
        prop_assert!(trailers.is_empty());
        prop_assert_eq!(taken, wire.len());
    }

    #[test]
    fn length_takes_exactly_its_bytes(length in 0u64..300, extra in 0usize..50, sizes in proptest::collection::vec(1usize..50, 1..8)) {
        let input = vec![b'x'; length as usize + extra];
        let (payload, _, taken) = decode(Framing::Length(length), &input, &sizes).unwrap();
        prop_assert_eq!(payload.len() as u64, length);
        prop_assert_eq!(taken as u64, length);
    }

    #[test]
    fn arbitrary_bytes_never_panic(input in proptest::collection::vec(any::<u8>(), 0..300), relaxed: bool) {
        let limits = Limits { relaxed, ..Limits::default() };
        let mut head = Head::vacant();
        let _ = parse_request(&input, &limits, &mut head);
        let _ = parse_response(&input, &limits, RequestContext::default(), &mut head);
        let _ = decode(Framing::Chunked, &input, &[7]);
    }

    /// Mutated valid requests reach deeper than noise; what is accepted must survive its own serialised form.
    #[test]
    fn what_is_forwarded_is_accepted_again(row in 0..REQUESTS.len(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut input = REQUESTS[row].0.as_bytes().to_vec();
        let index = at.index(input.len());
        input[index] = byte;
        let mut head = Head::vacant();
        if let Ok(Some(facts)) = parse_request(&input, &Limits::default(), &mut head) {
            let mut out = Vec::new();
            head.write(&mut out);
            let mut again = Head::vacant();
            let second = parse_request(&out, &Limits::default(), &mut again);
            prop_assert!(second.is_ok(), "{:?} -> {:?}: {:?}", String::from_utf8_lossy(&input), String::from_utf8_lossy(&out), second);
            let second = second.unwrap().expect("complete");
            prop_assert_eq!(second.framing, facts.framing);
            let both = head.value(b"content-length").is_some() && head.value(b"transfer-encoding").is_some();
            prop_assert!(!both);
        }
    }
}
