//! What rules do, with the results that the reference gave for the same rules and messages.

use super::{Nothing, parse, words};
use crate::{Cursor, Effects, Need, Reply, RuleCx, RuleSet, Verdict};
use http1::{Head, Version};
use log_format::LogData;
use sample::{Environment, ParseCx, RequestLine, SessionView, StreamView, Variables};
use std::time::Duration;

struct World;

impl Environment for World {
    fn wall_us(&self) -> u64 {
        0
    }
    fn random(&self) -> u32 {
        0
    }
    fn usable_servers(&self, _backend: &str) -> Option<u32> {
        None
    }
    fn server_is_up(&self, _backend: &str, _server: &str) -> Option<bool> {
        None
    }
    fn connections(&self, _proxy: &str, _frontend: bool) -> Option<u64> {
        None
    }
    fn queued(&self, _backend: &str) -> Option<u64> {
        None
    }
}

/// A stream with one request and one response.
struct Stream {
    session: SessionView,
    stream: StreamView,
    request: Head,
    response: Head,
    effects: Effects,
    rules: RuleSet,
    cursor: Cursor,
    complete: bool,
    room: usize,
}

impl Stream {
    fn new(rules: &[&str]) -> Self {
        let uri = b"/foo/bar/bar?x=bar";
        let mut request = Head::request(b"GET", uri, Version::Http11);
        for (name, value) in [("host", "h:80"), ("x-foo", "bar, barbar"), ("x-foo2", "1"), ("foo", "z")] {
            request.append(name.as_bytes(), value.as_bytes());
        }
        let mut response = Head::response(200, b"OK", Version::Http11);
        response.append(b"server", b"o");
        let session = SessionView {
            proxied: None,
            src: Some("127.0.0.1:40000".parse().unwrap()),
            dst: Some("127.0.0.1:18900".parse().unwrap()),
            frontend_id: 1,
            frontend_name: "f".into(),
            listener_id: 1,
            listener_name: "".into(),
            encrypted: false,
            accepted_at_us: 0,
            vars: Variables::default(),
        };
        let stream = StreamView {
            request_line: Some(RequestLine::new(b"GET", uri, b"HTTP/1.1", 1023)),
            ..StreamView::default()
        };
        let mut set = RuleSet::default();
        let mut cx = ParseCx::new(&Nothing, "f", true, true);
        for rule in rules {
            set.push(parse(rule, &mut cx).unwrap_or_else(|fault| panic!("{rule}: {}", fault.message)));
        }
        Self {
            session,
            stream,
            request,
            response,
            effects: Effects::default(),
            rules: set,
            cursor: Cursor::default(),
            complete: true,
            room: usize::MAX,
        }
    }

    fn run(&mut self, in_response: bool) -> Verdict {
        let mut scratch = Vec::new();
        let mut cx = RuleCx {
            session: &self.session,
            stream: &self.stream,
            request: Some(&mut self.request),
            response: in_response.then_some(&mut self.response),
            request_payload: b"",
            response_payload: b"",
            complete: self.complete,
            in_response,
            env: &World,
            log: &LogData::default(),
            effects: &mut self.effects,
            scratch: &mut scratch,
            room: self.room,
        };
        self.rules.run(&mut cx, &mut self.cursor)
    }
}

fn fields(head: &Head) -> Vec<String> {
    head.fields()
        .map(|f| format!("{}: {}", String::from_utf8_lossy(f.name), String::from_utf8_lossy(f.value)))
        .collect()
}

fn start(head: &Head) -> String {
    format!("{} {}", String::from_utf8_lossy(head.method()), String::from_utf8_lossy(head.uri()))
}

#[test]
fn request_headers() {
    let all = ["host: h:80", "x-foo: bar, barbar", "x-foo2: 1", "foo: z"];
    let with = |extra: &[&'static str]| -> Vec<&'static str> { all.iter().chain(extra).copied().collect() };
    let cases: Vec<(&[&str], Vec<&str>)> = vec![
        (
            &["http-request set-header X-A-B v~%[path]~%[hdr(none)]~%ci~%[src]"],
            with(&["x-a-b: v /foo/bar/bar  127.0.0.1 127.0.0.1"]),
        ),
        (
            &[
                "http-request add-header x-q1 %{+Q}[path]-%{+X}[int(255)]-%{+X}ci-%{+Q}[hdr(none)]-%ST-%Tr-%ts-%b-%s-%ID-%r-%HM-%HV",
            ],
            with(&[
                "x-q1: /foo/bar/bar-255-7F000001---1--1----f-<NOSRV>--GET /foo/bar/bar?x=bar HTTP/1.1-GET-HTTP/1.1",
            ]),
        ),
        (
            &["http-request set-header x-n %{+Q}r-%{+E}[str('a]b')]-%{+Q,+E}b"],
            with(&["x-n: \"GET /foo/bar/bar?x=bar HTTP/1.1\"-a\\]b-\"f\""]),
        ),
        (&["http-request set-header x-n %[str('a\u{1}b\u{7f}')]"], with(&["x-n: a%01b%7F"])),
        (&["http-request set-header x %*~%(a)ci~%{}ci|%{Q}b%%"], with(&["x: * 127.0.0.1 127.0.0.1|f%"])),
        (&["http-request del-header x-f -m beg"], vec!["host: h:80", "foo: z"]),
        (&["http-request del-header X-F -m beg"], vec!["host: h:80", "foo: z"]),
        (&["http-request del-header X-F"], all.to_vec()),
        (&["http-request del-header ^x-f -m reg"], vec!["host: h:80", "foo: z"]),
        (&["http-request del-header ^X-F -m reg"], all.to_vec()),
        (&["http-request del-header OO -m end"], vec!["host: h:80", "x-foo2: 1"]),
        (
            &["http-request replace-header x-foo b.r Z\\0Z"],
            vec!["host: h:80", "x-foo: ZbarZ", "x-foo2: 1", "foo: z"],
        ),
        (
            &["http-request replace-header x-foo (b.)r Z\\1Z%[path]"],
            vec!["host: h:80", "x-foo: ZbaZ/foo/bar/bar", "x-foo2: 1", "foo: z"],
        ),
        (
            &["http-request replace-header x-foo (.*) \\1\\9\\x41%%"],
            vec!["host: h:80", "x-foo: bar, barbarA%", "x-foo2: 1", "foo: z"],
        ),
        (
            &["http-request replace-value x-foo b.r Z"],
            vec!["host: h:80", "x-foo: Z,Z", "x-foo2: 1", "foo: z"],
        ),
        (
            &["http-request set-header host foo"],
            vec!["x-foo: bar, barbar", "x-foo2: 1", "foo: z", "host: foo"],
        ),
        (
            &[
                "http-request set-header X-Foo2 a",
                "http-request add-header x-foo b",
                "http-request set-header x-foo q",
            ],
            vec!["host: h:80", "foo: z", "x-foo2: a", "x-foo: q"],
        ),
        (
            &[
                "http-request capture hdr(host) len 3",
                "http-request set-header x-c %[capture.req.hdr(0)]-%[capture.req.uri]-%[capture.req.method]-%[capture.req.ver]-%hr-%hrl",
            ],
            with(&["x-c: h:8-/foo/bar/bar?x=bar-GET-HTTP/1.1-{h:8}-h:8"]),
        ),
        (
            &[
                "http-request set-var(txn.a) path",
                "http-request set-var-fmt(txn.b) <%[var(txn.a)]>",
                "http-request set-var(txn.b) hdr(none)",
                "http-request set-header v %[var(txn.b)]",
            ],
            with(&["v: </foo/bar/bar>"]),
        ),
        (
            &[
                "http-request set-var(txn.a) int(1)",
                "http-request set-var(txn.a,ifgt) int(0)",
                "http-request set-var(txn.a,ifnotexists) int(7)",
                "http-request set-header v %[var(txn.a)]",
                "http-request unset-var(txn.a)",
                "http-request add-header v %[var(txn.a)].",
            ],
            with(&["v: 1", "v: ."]),
        ),
    ];
    for (rules, want) in cases {
        let mut stream = Stream::new(rules);
        assert!(matches!(stream.run(false), Verdict::Continue), "{rules:?}");
        assert_eq!(fields(&stream.request), want, "{rules:?}");
    }
}

#[test]
fn request_targets() {
    let cases = [
        ("replace-path b.r Z", "GET Z?x=bar", "h:80"),
        ("replace-pathq b.r Z", "GET Z", "h:80"),
        ("replace-uri b.r Z", "GET Z", "Z"),
        ("replace-uri (.*) http://z\\1", "GET http://z/foo/bar/bar?x=bar", "z"),
        ("replace-path (.*)/bar \\1/qux", "GET /foo/bar/qux?x=bar", "h:80"),
        ("set-path /new", "GET /new?x=bar", "h:80"),
        ("set-path new?x", "GET new?x?x=bar", "h:80"),
        ("set-path %[hdr(nope)]", "GET ?x=bar", "h:80"),
        ("set-pathq /new?y=1", "GET /new?y=1", "h:80"),
        ("set-query q=2", "GET /foo/bar/bar?q=2", "h:80"),
        ("set-query ?q=2", "GET /foo/bar/bar??q=2", "h:80"),
        ("set-query %[hdr(nope)]", "GET /foo/bar/bar?", "h:80"),
        ("set-uri http://h2/p?q", "GET http://h2/p?q", "h2"),
        ("set-uri /p?q", "GET /p?q", "h:80"),
        ("set-method FOO", "FOO /foo/bar/bar?x=bar", "h:80"),
    ];
    for (rule, want, host) in cases {
        let mut stream = Stream::new(&[&format!("http-request {rule}")]);
        assert!(matches!(stream.run(false), Verdict::Continue), "{rule}");
        assert_eq!(start(&stream.request), want, "{rule}");
        assert_eq!(stream.request.value(b"host"), Some(host.as_bytes()), "{rule}");
    }
}

fn told(reply: &Reply) -> String {
    let mut text = format!("{} {}", reply.status, String::from_utf8_lossy(&reply.reason));
    for (name, value) in &reply.fields {
        text.push_str(&format!("\n{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
    }
    format!("{text}\n\n{}", String::from_utf8_lossy(reply.body.as_ref()))
}

#[test]
fn replies() {
    let cases = [
        ("redirect location /a", "302 Found\ncontent-length: 0\nlocation: /a\ncache-control: no-cache\n\n"),
        ("redirect location /a code 301", "301 Moved Permanently\ncontent-length: 0\nlocation: /a\n\n"),
        ("redirect location /a code 308", "308 Permanent Redirect\ncontent-length: 0\nlocation: /a\n\n"),
        (
            "redirect prefix http://x",
            "302 Found\ncontent-length: 0\nlocation: http://x/foo/bar/bar?x=bar\ncache-control: no-cache\n\n",
        ),
        (
            "redirect prefix /",
            "302 Found\ncontent-length: 0\nlocation: /foo/bar/bar?x=bar\ncache-control: no-cache\n\n",
        ),
        (
            "redirect prefix http://x drop-query append-slash",
            "302 Found\ncontent-length: 0\nlocation: http://x/foo/bar/bar/\ncache-control: no-cache\n\n",
        ),
        (
            "redirect prefix http://x append-slash",
            "302 Found\ncontent-length: 0\nlocation: http://x/foo/bar/bar?x=bar/\ncache-control: no-cache\n\n",
        ),
        (
            "redirect scheme https",
            "302 Found\ncontent-length: 0\nlocation: https://h:80/foo/bar/bar?x=bar\ncache-control: no-cache\n\n",
        ),
        (
            "redirect location /a clear-cookie A=",
            "302 Found\ncontent-length: 0\nlocation: /a\ncache-control: no-cache\nset-cookie: A=; path=/; Max-Age=0;\n\n",
        ),
        (
            "redirect location /a set-cookie A=b",
            "302 Found\ncontent-length: 0\nlocation: /a\ncache-control: no-cache\nset-cookie: A=b; path=/;\n\n",
        ),
        (
            "redirect location %[hdr(nope)]",
            "302 Found\ncontent-length: 0\nlocation: \ncache-control: no-cache\n\n",
        ),
        (
            "return status 200 content-type text/plain string hello hdr X-A a%[path] hdr X-B c",
            "200 OK\nx-a: a/foo/bar/bar\nx-b: c\ncontent-length: 5\ncontent-type: text/plain\n\nhello",
        ),
        ("return", "200 OK\ncontent-length: 0\n\n"),
        ("return status 404", "404 Not Found\ncontent-length: 0\n\n"),
        (
            "return content-type text/plain file body.txt",
            "200 OK\ncontent-length: 14\ncontent-type: text/plain\n\nbody %[path]\nx",
        ),
        (
            "return content-type text/plain lf-file body.txt",
            "200 OK\ncontent-length: 19\ncontent-type: text/plain\n\nbody /foo/bar/bar\nx",
        ),
        ("return status 204 hdr a b", "204 No Content\na: b\n\n"),
        ("return errorfile page.http", "404 NF\ncontent-length: 5\nx-a: b\n\nhello"),
        ("return status 302 hdr location /x", "302 Found\nlocation: /x\ncontent-length: 0\n\n"),
        (
            "deny status 418 content-type text/plain string a",
            "418 I'm a teapot\ncontent-length: 1\ncontent-type: text/plain\n\na",
        ),
        ("deny status 429", "429 Too Many Requests\ncontent-length: 0\n\n"),
        ("deny hdr X-A b", "403 Forbidden\nx-a: b\ncontent-length: 0\n\n"),
        (
            "deny content-type text/plain string a",
            "403 Forbidden\ncontent-length: 1\ncontent-type: text/plain\n\na",
        ),
        ("deny deny_status 404 errorfile page.http", "404 NF\ncontent-length: 5\nx-a: b\n\nhello"),
    ];
    for (rule, want) in cases {
        let reply = match Stream::new(&[&format!("http-request {rule}")]).run(false) {
            Verdict::Reply { reply, .. } | Verdict::Deny { reply: Some(reply), .. } => reply,
            other => panic!("{rule}: {other:?}"),
        };
        assert_eq!(told(&reply), want, "{rule}");
    }
    let keyword = match Stream::new(&["redirect location /%[path] code 303"]).run(false) {
        Verdict::Reply { reply, .. } => reply,
        other => panic!("{other:?}"),
    };
    assert!(told(&keyword).starts_with("303 See Other\ncontent-length: 0\nlocation: /%[path]\n"));
}

#[test]
fn verdicts() {
    let run = |rules: &[&str]| Stream::new(rules).run(false);
    assert!(matches!(run(&["http-request deny"]), Verdict::Deny { status: 403, reply: None }));
    assert!(matches!(
        run(&["http-request deny deny_status 429"]),
        Verdict::Deny { status: 429, reply: None }
    ));
    assert!(matches!(run(&["http-request tarpit"]), Verdict::Tarpit { status: 500, reply: None }));
    assert!(matches!(
        run(&["http-request return status 503 default-errorfiles"]),
        Verdict::ErrorPage { status: 503 }
    ));
    assert!(
        matches!(run(&["http-request deny status 503 errorfile empty.http"]), Verdict::Deny { reply: Some(r), .. } if r.is_empty())
    );
    assert!(matches!(run(&["http-request reject"]), Verdict::Reject));
    assert!(matches!(run(&["http-request silent-drop"]), Verdict::SilentDrop { rst_ttl: None }));
    assert!(matches!(run(&["http-request allow", "http-request deny"]), Verdict::Allow));
    assert!(matches!(run(&["http-request deny if { path / }"]), Verdict::Continue));
    assert!(matches!(
        run(&["http-request redirect location %[hdr(nope)] ignore-empty", "http-request reject"]),
        Verdict::Reject
    ));
    assert!(
        matches!(run(&["http-request auth"]), Verdict::Auth { status: 401, challenge } if challenge == b"Basic realm=\"f\"")
    );
    assert!(matches!(run(&["tcp-request content accept", "tcp-request content reject"]), Verdict::Allow));
    assert!(matches!(
        Stream::new(&["http-response deny"]).run(true),
        Verdict::Deny { status: 502, reply: None }
    ));
    let mut response = Stream::new(&[
        "http-response set-status 503",
        "http-response set-header a b",
        "http-response del-header server",
    ]);
    assert!(matches!(response.run(true), Verdict::Continue));
    assert_eq!((response.response.status(), response.response.reason()), (503, &b"Service Unavailable"[..]));
    assert_eq!(fields(&response.response), ["a: b"]);
}

#[test]
fn waiting_sets_go_on_where_they_were() {
    let mut body = Stream::new(&[
        "http-request add-header a 1",
        "http-request wait-for-body time 5s at-least 1k if { path_beg / }",
        "http-request add-header b 2",
    ]);
    let need = Need::Body { timeout: Duration::from_secs(5), at_least: 1024 };
    assert!(matches!(body.run(false), Verdict::Wait(n) if n == need));
    body.request.set_uri(b"nothing");
    assert!(matches!(body.run(false), Verdict::Continue));
    assert_eq!(body.request.values(b"a").count(), 1);
    assert_eq!(body.request.values(b"b").count(), 1);

    let mut data = Stream::new(&[
        "tcp-request content accept if { req.payload(0,1) -m found }",
        "tcp-request content reject if WAIT_END",
    ]);
    data.complete = false;
    let mut scratch = Vec::new();
    let mut cx = RuleCx {
        session: &data.session,
        stream: &data.stream,
        request: None,
        response: None,
        request_payload: b"",
        response_payload: b"",
        complete: false,
        in_response: false,
        env: &World,
        log: &LogData::default(),
        effects: &mut data.effects,
        scratch: &mut scratch,
        room: usize::MAX,
    };
    assert!(matches!(data.rules.run(&mut cx, &mut data.cursor), Verdict::Wait(Need::Data)));
    cx.request_payload = b"x";
    assert!(matches!(data.rules.run(&mut cx, &mut data.cursor), Verdict::Allow));
    let mut cursor = Cursor::default();
    cx.request_payload = b"";
    cx.complete = true;
    assert!(matches!(data.rules.run(&mut cx, &mut cursor), Verdict::Reject));
}

#[test]
fn failed_rewrites_are_errors_in_strict_mode_only() {
    let mut strict = Stream::new(&["http-request set-header a 0123456789"]);
    strict.room = 5;
    assert!(matches!(strict.run(false), Verdict::Failed));
    let mut lenient = Stream::new(&["http-request strict-mode off", "http-request set-header a 0123456789"]);
    lenient.room = 5;
    assert!(matches!(lenient.run(false), Verdict::Continue));
    assert_eq!((lenient.effects.failed_rewrites, lenient.request.value(b"a")), (1, None));
}

#[test]
fn effects() {
    let mut stream = Stream::new(&[
        "http-request set-log-level err",
        "http-request early-hint Link </a>;rel=preload",
        "http-request early-hint X %[path]",
        "http-request set-timeout server 5s",
        "http-request set-timeout tunnel int(2000)",
        "http-request early-hint Y z",
        "http-request set-priority-class int(-5000)",
        "http-request set-nice 5000",
        "http-request disable-l7-retry",
    ]);
    assert!(matches!(stream.run(false), Verdict::Continue));
    let effects = &stream.effects;
    assert_eq!((effects.log_level, effects.log_silent, effects.no_l7_retry), (Some(3), false, true));
    assert_eq!((effects.priority_class, effects.nice), (Some(-2047), Some(1024)));
    assert_eq!(
        (effects.timeouts.server, effects.timeouts.tunnel),
        (Some(Duration::from_secs(5)), Some(Duration::from_secs(2)))
    );
    assert_eq!(effects.early_hints.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(words("a~b c").len(), 2);
}
