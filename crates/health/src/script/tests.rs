#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Requests, results and texts measured on the reference.

use super::*;
use crate::config::TextMatch;
use pcre2::bytes::Regex;
use proptest::prelude::*;

const OK: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n";

fn expect(pattern: Pattern, written: &str) -> Expect {
    Expect::new(pattern, written)
}

fn string(text: &str) -> Expect {
    expect(Pattern::String(text.into()), text)
}

fn send(text: &str) -> Step {
    Step::Send { data: text.into(), written: text.into(), comment: None }
}

fn plan(kind: CheckKind, steps: Vec<Step>) -> Arc<Plan> {
    Arc::new(Plan::new(&kind, &steps, false))
}

/// Runs a script against a peer that answers each send with `reply`, then closes if `close`, else lets the time run out.
fn run(plan: &Arc<Plan>, reply: &[u8], close: bool) -> (Outcome, Vec<u8>) {
    let mut script = Script::new(Arc::clone(plan), None, 16384, true);
    let (mut sent, mut answered) = (Vec::new(), false);
    loop {
        match script.need() {
            Need::Connect(_) => script.connected(),
            Need::Send(bytes) => {
                sent.extend_from_slice(bytes);
                script.sent();
                answered = false;
            }
            Need::Receive if !answered && !reply.is_empty() => {
                script.received(reply);
                answered = true;
            }
            Need::Receive if close => script.received(b""),
            Need::Receive | Need::Wait => script.timed_out(),
            Need::Done(outcome) => return (outcome, sent),
        }
    }
}

fn outcome(plan: &Arc<Plan>, reply: &[u8], close: bool) -> (CheckStatus, u16, String) {
    let (outcome, _) = run(plan, reply, close);
    (outcome.status, outcome.code, outcome.info)
}

fn http(expects: Vec<Expect>) -> Arc<Plan> {
    plan(CheckKind::Http, expects.into_iter().map(Step::Expect).collect())
}

fn tcp(steps: Vec<Step>) -> Arc<Plan> {
    plan(CheckKind::TcpScript, steps)
}

fn request_bytes(request: HttpRequest) -> String {
    let (_, sent) = run(&plan(CheckKind::Http, vec![Step::HttpSend(request)]), OK, true);
    String::from_utf8(sent).unwrap()
}

fn response(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nX-A: one, bar\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn requests() {
    let (_, sent) = run(&plan(CheckKind::Http, vec![]), OK, true);
    assert_eq!(sent, b"OPTIONS / HTTP/1.0\r\n\r\n");
    let request = |method: &str, version: &str| HttpRequest {
        method: method.into(),
        version: version.into(),
        ..HttpRequest::default()
    };
    assert_eq!(request_bytes(request("GET", "HTTP/1.1")), "GET / HTTP/1.1\r\nconnection: close\r\n\r\n");
    assert_eq!(request_bytes(request("PUT", "HTTP/1.0")), "PUT / HTTP/1.0\r\ncontent-length: 0\r\n\r\n");
    let mut full = request("POST", "HTTP/1.1");
    full.uri = b"/u".to_vec();
    full.headers = vec![(b"Host".to_vec(), b"www.x".to_vec()), (b"Content-Length".to_vec(), b"9".to_vec())];
    full.body = Some(b"hello".to_vec());
    assert_eq!(
        request_bytes(full),
        "POST /u HTTP/1.1\r\nhost: www.x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"
    );
    let mut absolute = request("GET", "HTTP/1.1");
    absolute.uri = b"http://foo/bar".to_vec();
    absolute.headers = vec![(b"host".to_vec(), b"other".to_vec())];
    assert_eq!(
        request_bytes(absolute),
        "GET http://other/bar HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n"
    );
    let mut alive = request("GET", "HTTP/1.0");
    alive.headers = vec![(b"connection".to_vec(), b"keep-alive".to_vec())];
    assert_eq!(request_bytes(alive), "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
}

#[test]
fn the_state_header_follows_the_others() {
    let mut script = Script::new(plan(CheckKind::Http, vec![]), Some(b"UP".to_vec()), 16384, true);
    assert!(matches!(script.need(), Need::Connect(_)));
    script.connected();
    let Need::Send(bytes) = script.need() else { panic!("no send") };
    assert_eq!(bytes, b"OPTIONS / HTTP/1.0\r\nx-haproxy-server-state: UP\r\n\r\n");
}

#[test]
fn http_results() {
    use CheckStatus::*;
    let status = |ranges| expect(Pattern::Status(ranges), "");
    let not = |expect: Expect| Expect { negate: true, ..expect };
    let regex = |text: &str| Regex::new(text).unwrap();
    let header = |value: &str| {
        let (name, value) = (TextMatch::Exact(b"X-A".to_vec()), Some(TextMatch::Begin(value.into())));
        expect(Pattern::Header { name, value, full: false }, "")
    };
    let ok = response("200 OK", "");
    let hello = response("200 OK", "say hello");
    let world = response("200 OK", "world");
    let none = "HTTP content check could not find a response body";
    let no_match = "HTTP content check did not match";
    let unwanted = "HTTP check matched unwanted content";
    let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n".to_vec();
    let table = [
        (vec![], OK.to_vec(), L7Ok, 200, ""),
        (vec![], response("503 Service Unavailable", ""), L7Status, 503, "Service Unavailable"),
        (vec![], b"HTTP/1.1 503\r\n\r\n".to_vec(), L7Status, 503, ""),
        (vec![], interim, L7Status, 100, "Continue"),
        (vec![], b"".to_vec(), SocketError, 0, ""),
        (vec![], b"HTTP/1.1 200 OK\r\nfoo".to_vec(), SocketError, 0, ""),
        (vec![], b"junk junk\r\n\r\n".to_vec(), L7Timeout, 0, ""),
        (vec![status(vec![201..=204, 302..=302])], ok.clone(), L7Status, 200, "OK"),
        (vec![status(vec![201..=204, 302..=302])], response("302 Found", ""), L7Ok, 302, ""),
        (vec![not(status(vec![200..=200]))], ok.clone(), L7Status, 200, "OK"),
        (vec![expect(Pattern::StatusRegex(regex("^5")), "")], ok.clone(), L7Status, 200, "OK"),
        (vec![string("hello")], world.clone(), L7Response, 200, no_match),
        (vec![string("hello")], hello.clone(), L7Ok, 200, ""),
        (vec![string("hello")], ok.clone(), L7Response, 200, none),
        (vec![not(string("hello"))], hello, L7Response, 200, unwanted),
        (vec![expect(Pattern::Regex(regex("^h.*o$")), "")], world, L7Response, 200, no_match),
        (vec![header("foo")], ok.clone(), L7Status, 200, "OK"),
        (vec![header("ba")], ok.clone(), L7Ok, 200, ""),
        (vec![status(vec![200..=200]), string("zz")], ok, L7Response, 200, none),
    ];
    for (expects, reply, status, code, info) in table {
        let text = format!("{expects:?} {}", String::from_utf8_lossy(&reply));
        assert_eq!(outcome(&http(expects), &reply, true), (status, code, info.to_owned()), "{text}");
    }
}

#[test]
fn http_bodies_end_with_their_framing_or_the_match() {
    let long = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfoo";
    assert_eq!(outcome(&http(vec![string("foo")]), long, false).0, CheckStatus::L7Ok);
    assert_eq!(outcome(&http(vec![string("bar")]), long, false).0, CheckStatus::L7Timeout);
    assert_eq!(outcome(&http(vec![]), long, false).0, CheckStatus::L7Ok);
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfoo\r\n3\r\nbar\r\n0\r\n\r\n";
    assert_eq!(outcome(&http(vec![string("foobar")]), chunked, false).0, CheckStatus::L7Ok);
    assert_eq!(outcome(&http(vec![string("zz")]), chunked, false).0, CheckStatus::L7Response);
}

#[test]
fn comments_and_texts_of_ones_own() {
    let base = || expect(Pattern::Status(vec![201..=201]), "201");
    let with = |expect| outcome(&http(vec![expect]), &response("200 OK", ""), true);
    let comment = Some("thestatus".to_owned());
    assert_eq!(
        with(Expect { comment, ..base() }),
        (CheckStatus::L7Status, 200, "OK comment: thestatus".into())
    );
    let error =
        Expect { on_error: Some("oops".into()), error_status: Some(CheckStatus::L7OkConditional), ..base() };
    assert_eq!(with(error), (CheckStatus::L7OkConditional, 200, "oops".into()));
    let fine = Expect {
        on_success: Some("fine".into()),
        ok_status: Some(CheckStatus::L6Ok),
        ..expect(Pattern::Status(vec![200..=200]), "200")
    };
    assert_eq!(with(fine), (CheckStatus::L6Ok, 200, "fine".into()));
}

#[test]
fn a_404_can_mean_stopping() {
    let plan = Arc::new(Plan::new(&CheckKind::Http, &[Step::Expect(string("foo"))], true));
    let reply = response("404 Not Found", "foo");
    assert_eq!(outcome(&plan, &reply, true), (CheckStatus::L7OkConditional, 404, String::new()));
    assert_eq!(outcome(&plan, &response("200 OK", "foo"), true).0, CheckStatus::L7Ok);
    let plan = Arc::new(Plan::new(&CheckKind::Http, &[], true));
    let mut script = Script::new(plan, None, 16384, false);
    script.need();
    script.connected();
    script.need();
    script.sent();
    script.received(&response("404 Not Found", ""));
    let Need::Done(outcome) = script.need() else { panic!("not done") };
    assert_eq!((outcome.status, outcome.code), (CheckStatus::L7Status, 404));
}

#[test]
fn tcp_results() {
    let pong = |expect: Expect| tcp(vec![send("PING\r\n"), Step::Expect(expect)]);
    let l7 = |info: &str| (CheckStatus::L7Response, 0, info.to_owned());
    let ok = (CheckStatus::L7Ok, 0, "(tcp-check)".to_owned());
    let regex = |text: &str| Regex::new(text).unwrap();
    let not = |expect: Expect| Expect { negate: true, ..expect };
    assert_eq!(outcome(&plan(CheckKind::Tcp, vec![]), b"", true), (CheckStatus::L4Ok, 0, String::new()));
    assert_eq!(outcome(&tcp(vec![]), b"", true), (CheckStatus::L4Ok, 0, String::new()));
    assert_eq!(outcome(&tcp(vec![send("a")]), b"", true), ok);
    assert_eq!(outcome(&pong(string("+PONG")), b"+PONG\r\n", true), ok);
    let miss = outcome(&pong(string("+PONG")), b"-ERR\r\n", true);
    assert_eq!(miss, l7("TCPCHK did not match content '+PONG' at step 2"));
    assert_eq!(outcome(&pong(string("+PONG")), b"", true), l7("TCPCHK got an empty response at step 2"));
    let rx = expect(Pattern::Regex(regex("^.PONG")), "^.PONG");
    assert_eq!(outcome(&pong(rx), b"-ERR\r\n", true), l7("TCPCHK did not match content (regex) at step 2"));
    let unwanted = outcome(&pong(not(string("ERR"))), b"-ERR\r\n", true);
    assert_eq!(unwanted, l7("TCPCHK matched unwanted content 'ERR' at step 2"));
    assert_eq!(outcome(&pong(not(string("ERR"))), b"+OK\r\n", true), ok);
    let lower = expect(Pattern::BinaryRegex(regex("^2b50")), "^2b50");
    let upper = expect(Pattern::BinaryRegex(regex("^2B50")), "^2B50");
    let miss = outcome(&pong(lower), b"+PONG\r\n", true);
    assert_eq!(miss, l7("TCPCHK did not match content (binary regex) at step 2"));
    assert_eq!(outcome(&pong(upper), b"+PONG\r\n", true), ok);
    let commented = Expect { comment: Some("c2".into()), ..string("+PONG") };
    let steps = vec![Step::Comment("phase1".into()), send("PING"), Step::Expect(commented)];
    let miss = outcome(&tcp(steps), b"-ERR\r\n", true);
    assert_eq!(miss, l7("TCPCHK did not match content '+PONG' at step 3 comment: c2"));
}

#[test]
fn tcp_waits_unless_min_recv_makes_it_conclusive() {
    let wait = |expect: Expect| outcome(&tcp(vec![send("a"), Step::Expect(expect)]), b"abc", false);
    let step = " at step 2 of tcp-check (expect string 'zz')".to_owned();
    assert_eq!(wait(string("zz")), (CheckStatus::L7Timeout, 0, step.clone()));
    assert_eq!(wait(Expect { negate: true, ..string("zz") }), (CheckStatus::L7Timeout, 0, step));
    for min_recv in [0, 2] {
        let least = Expect { min_recv: Some(min_recv), ..string("zz") };
        assert_eq!(wait(least).0, CheckStatus::L7Response);
    }
    let regex = expect(Pattern::Regex(Regex::new("a").unwrap()), "a");
    let patient = Expect { min_recv: Some(9), ..regex };
    assert_eq!(
        wait(patient),
        (CheckStatus::L7Timeout, 0, " at step 2 of tcp-check (expect regex)".to_owned())
    );
    let least = Expect { min_recv: Some(9), negate: true, ..string("zz") };
    assert_eq!(wait(least).0, CheckStatus::L7Timeout);
    let other = Expect { timeout_status: Some(CheckStatus::L6Timeout), ..string("zz") };
    assert_eq!(wait(other).0, CheckStatus::L6Timeout);
}

#[test]
fn what_was_received_stays_until_the_next_send() {
    let steps = vec![send("a"), Step::Expect(string("ab")), Step::Expect(string("abc"))];
    assert_eq!(outcome(&tcp(steps), b"abc", false).0, CheckStatus::L7Ok);
}

fn refused(plan: &Arc<Plan>, connects: usize) -> (CheckStatus, String) {
    let mut script = Script::new(Arc::clone(plan), None, 16384, true);
    for _ in 1..connects {
        assert!(matches!(script.need(), Need::Connect(_)));
        script.connected();
    }
    assert!(matches!(script.need(), Need::Connect(_)));
    assert!(script.connecting());
    script.failed("ECONNREFUSED", "Connection refused");
    let Need::Done(outcome) = script.need() else { panic!("not done") };
    (outcome.status, outcome.info)
}

#[test]
fn refused_connections_name_the_step() {
    let connect = |port, comment: Option<&str>| {
        Step::Connect(Connect { port, comment: comment.map(str::to_owned), ..Connect::default() })
    };
    let table = [
        (plan(CheckKind::Tcp, vec![]), 1, "Connection refused"),
        (plan(CheckKind::Http, vec![connect(None, Some("xx"))]), 1, "Connection refused"),
        (tcp(vec![]), 1, "Connection refused at initial connection step of tcp-check"),
        (tcp(vec![connect(Some(1), None)]), 1, "Connection refused at step 1 of tcp-check (connect port 1)"),
        (
            tcp(vec![connect(None, None), connect(Some(1), Some("two"))]),
            2,
            "Connection refused at step 2 of tcp-check (connect port 1) comment: 'two'",
        ),
        (
            tcp(vec![Step::Comment("hello".into()), connect(Some(1), None)]),
            1,
            "Connection refused at step 2 of tcp-check (connect port 1) comment: 'hello'",
        ),
    ];
    for (plan, connects, info) in table {
        assert_eq!(refused(&plan, connects), (CheckStatus::L4Connection, info.to_owned()));
    }
}

#[test]
fn errors_after_the_connection() {
    let plan = tcp(vec![send("a"), Step::Expect(string("abcdef"))]);
    let mut script = Script::new(plan, None, 16384, true);
    script.need();
    script.connected();
    script.need();
    script.sent();
    assert!(matches!(script.need(), Need::Receive));
    script.failed("ECONNRESET", "Connection reset by peer");
    let Need::Done(outcome) = script.need() else { panic!("not done") };
    assert_eq!(outcome.status, CheckStatus::SocketError);
    assert_eq!(
        outcome.info,
        "ECONNRESET returned by OS (Connection reset by peer) at step 2 of tcp-check (expect string 'abcdef')"
    );
}

proptest! {
    /// Any split of the same bytes gives the same result.
    #[test]
    fn splits_do_not_matter(cuts in prop::collection::vec(1_usize..20, 1..10), which in 0_usize..4) {
        let replies: [&[u8]; 4] = [
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsay hello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nworld",
            b"HTTP/1.1 503 No\r\n\r\nx",
        ];
        let reply = replies[which];
        let whole = outcome(&http(vec![string("hello")]), reply, true);
        let mut script = Script::new(http(vec![string("hello")]), None, 16384, true);
        let (mut rest, mut cuts) = (reply, cuts.into_iter().cycle());
        let split = loop {
            match script.need() {
                Need::Connect(_) => script.connected(),
                Need::Send(_) => script.sent(),
                Need::Receive => {
                    let (piece, tail) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                    rest = tail;
                    script.received(piece);
                }
                Need::Wait => script.timed_out(),
                Need::Done(outcome) => break (outcome.status, outcome.code, outcome.info),
            }
        };
        prop_assert_eq!(split, whole);
    }
}
