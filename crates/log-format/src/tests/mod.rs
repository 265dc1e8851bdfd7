//! Formats with the lines that the reference (3.0.11) wrote for the same exchange.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::termination::{Cause, ServerSide};
use crate::{Builtin, LogData, LogFormat, Purpose, Timers};
use sample::{
    Captured, Cx, Environment, Outside, ParseCx, RequestLine, SessionView, StreamView, Value, VarName,
    Variables,
};

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
    fn pid(&self) -> u32 {
        21_685
    }
    fn utc_offset(&self, _wall_seconds: i64) -> i32 {
        3600
    }
}

struct Nothing;

impl Outside for Nothing {
    fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
        Err(String::new())
    }
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
}

fn session(frontend: &str) -> SessionView {
    SessionView {
        proxied: None,
        src: Some("127.0.0.1:35882".parse().unwrap()),
        dst: Some("127.0.0.1:30007".parse().unwrap()),
        frontend_id: 2,
        frontend_name: frontend.into(),
        listener_id: 1,
        listener_name: "".into(),
        encrypted: false,
        accepted_at_us: 0,
        vars: Variables::default(),
    }
}

fn parse(text: &str) -> LogFormat {
    LogFormat::parse(text.as_bytes(), Purpose::Log, &mut ParseCx::new(&Nothing, "f", true, true)).unwrap()
}

fn render(format: &LogFormat, data: &LogData, session: &SessionView, stream: &StreamView) -> String {
    let cx = Cx {
        session,
        stream,
        request: None,
        response: None,
        request_payload: b"",
        response_payload: b"",
        complete: true,
        in_response: true,
        env: &World,
    };
    let mut out = Vec::new();
    format.render(data, &cx, &mut out);
    String::from_utf8(out).unwrap()
}

/// `GET /a"b{d}|?q="xy` with `x-c: a{b|c}#"d`, `cookie: SID=1234567890123456789`, answered 200 with `server: o`,
/// `set-cookie: SID=abc`; captures `x-c`, `x-d`, `server` of 20 bytes and cookie `SID` of 20.
#[test]
fn items_are_written_as_by_the_reference() {
    let mut wrong = Vec::new();
    for (index, line) in include_str!("formats.tsv").lines().enumerate() {
        let (format, want) = line.split_once('\t').unwrap();
        let session = session(&format!("f{index}"));
        let stream = StreamView {
            server_name: Some("s1".into()),
            server_id: 1,
            request_line: Some(RequestLine::new(b"GET", b"/a\"b{d}|?q=\"xy", b"HTTP/1.1", 1023)),
            captured: Captured {
                request: vec![Some(b"a{b|c}#\"d".to_vec())],
                response: vec![Some(b"o".to_vec())],
            }
            .into(),
            ..StreamView::default()
        };
        let data = LogData {
            status: Some(200),
            bytes_out: 102,
            request_captures: 2,
            response_captures: 1,
            request_cookie: Some(b"SID=1234567890123456".to_vec()),
            response_cookie: Some(b"SID=abc".to_vec()),
            active_connections: 1,
            frontend_connections: 1,
            server_address: Some("127.0.0.1:18901".parse().unwrap()),
            server_source: Some("127.0.0.1:40000".parse().unwrap()),
            ..LogData::default()
        };
        let cx = Cx {
            session: &session,
            stream: &stream,
            request: None,
            response: None,
            request_payload: b"",
            response_payload: b"",
            complete: true,
            in_response: true,
            env: &World,
        };
        VarName::parse(b"txn.e").unwrap().set(&cx, Some(Value::str(b"")));
        // The request's method is still known when the line is written.
        let have = render(&parse(format), &data, &session, &stream);
        if have != want {
            wrong.push(format!("{format}\n  have {have:?}\n  want {want:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// 2026-11-22 20:54:37.023 UTC.
const MOMENT: u64 = 1_795_380_877_023_456;

/// Lines of the reference (haproxy.md, part 2; haproxy-algorithms, part 8).
#[test]
fn builtin_formats() {
    let mut stream = StreamView {
        backend_name: Some("b_ok".into()),
        server_name: Some("s2".into()),
        request_at_us: MOMENT,
        request_line: Some(RequestLine::new(b"GET", b"/", b"HTTP/1.1", 1023)),
        captured: Captured {
            request: vec![Some(b"ex.com".to_vec()), Some(b"ua/1".to_vec())],
            response: vec![Some(b"rv".to_vec())],
        }
        .into(),
        ..StreamView::default()
    };
    let mut data = LogData {
        accepted_at_us: MOMENT,
        timers: Timers {
            idle: Some(0),
            request: Some(0),
            queue: Some(0),
            connect: Some(0),
            data: Some(0),
            ..Timers::default()
        },
        status: Some(200),
        bytes_out: 155,
        response_cookie: Some(b"SID=abc".to_vec()),
        active_connections: 1,
        frontend_connections: 1,
        ..LogData::default()
    };
    let fe = session("fe_http");
    let http = LogFormat::builtin(Builtin::Http);
    assert_eq!(
        render(&http, &data, &fe, &stream),
        "127.0.0.1:35882 [22/Nov/2026:21:54:37.023] fe_http b_ok/s2 0/0/0/0/0 200 155 - SID=abc ---- 1/1/0/0/0 0/0 {ex.com|ua/1} {rv} \
         \"GET / HTTP/1.1\""
    );
    let clf = LogFormat::builtin(Builtin::Clf);
    stream.captured = Captured::default().into();
    data.response_cookie = None;
    assert_eq!(
        render(&clf, &data, &fe, &stream),
        "127.0.0.1 - - [22/Nov/2026:20:54:37 +0000] \"GET / HTTP/1.1\" 200 155 \"\" \"\" 35882 023 \"fe_http\" \"b_ok\" \"s2\" 0 0 0 0 0 ---- \
         1 1 0 0 0 0 0 \"\" \"\" "
    );
    stream.backend_name = None;
    stream.server_name = None;
    let mut tarpit = LogData {
        timers: Timers { idle: Some(0), queue: Some(301), close: 301, ..Timers::default() },
        ..data.clone()
    };
    tarpit.status = Some(500);
    tarpit.termination.note_at(Cause::Proxy, ServerSide::Tarpit);
    assert_eq!(
        render(&http, &tarpit, &fe, &stream),
        "127.0.0.1:35882 [22/Nov/2026:21:54:37.023] fe_http fe_http/<NOSRV> -1/302/-1/-1/301 500 155 - - PT-- 1/1/0/0/0 0/0 \"GET / \
         HTTP/1.1\""
    );
    let bad = LogData { status: Some(400), bytes_out: 0, timers: Timers::default(), ..data.clone() };
    stream.request_line = None;
    assert!(
        render(&http, &bad, &fe, &stream)
            .ends_with(" fe_http/<NOSRV> -1/-1/-1/-1/0 400 0 - - ---- 1/1/0/0/0 0/0 \"<BADREQ>\"")
    );
    let connect = LogFormat::builtin(Builtin::ConnectTcp);
    assert_eq!(
        render(&connect, &bad, &fe, &stream),
        "Connect from 127.0.0.1:35882 to 127.0.0.1:30007 (fe_http/TCP)"
    );
    let tcp = LogFormat::builtin(Builtin::Tcp);
    let plain = LogData {
        timers: Timers { queue: Some(0), connect: Some(0), data: Some(0), ..Timers::default() },
        bytes_out: 161,
        retries: 2,
        redispatched: true,
        as_soon_as_possible: true,
        ..data
    };
    assert_eq!(
        render(&tcp, &plain, &session("fe_tcp"), &stream),
        "127.0.0.1:35882 [22/Nov/2026:21:54:37.023] fe_tcp fe_tcp/<NOSRV> 1/0/+0 +161 -- 1/1/0/0/+2 0/0"
    );
}

#[test]
fn blanks_in_unique_ids() {
    let mut cx = ParseCx::new(&Nothing, "f", true, true);
    let text = "%ci_%[var(txn.nope)]_%CC_%{+Q}b_%{+Q}[src]  x %hr %[var(txn.nope)] y";
    let format = LogFormat::parse(text.as_bytes(), Purpose::UniqueId, &mut cx).unwrap();
    let line = render(&format, &LogData::default(), &session("f"), &StreamView::default());
    assert_eq!(line, "127.0.0.1___\"f\"_127.0.0.1 x  y");
}

#[test]
fn unique_ids_and_dates() {
    let stream = StreamView { number: 45, ..StreamView::default() };
    let data = LogData { accepted_at_us: MOMENT, ..LogData::default() };
    let text = render(&parse("%{+X}o %ci:%cp_%fi:%fp_%Ts_%rt:%pid"), &data, &session("f"), &stream);
    assert_eq!(text, "7F000001:8C2A_7F000001:7537_6B03568D_002D:54B5");
    assert_eq!(
        render(&parse("%T|%Tl|%t|%Ts"), &data, &session("f"), &stream),
        "22/Nov/2026:20:54:37 +0000|22/Nov/2026:21:54:37 +0100|22/Nov/2026:21:54:37.023|1795380877"
    );
}

/// Texts of the reference after `failed to parse log-format : `.
#[test]
fn refusals() {
    let cases = [
        (
            "%cia",
            "no such format alias 'cia'. If you wanted to emit the '%' character verbatim, you need to use '%%'.",
        ),
        ("%{", "truncated line after ''."),
        ("%{}", "parse argument modifier without alias name near '%{}'."),
        ("%{+Q}", "parse argument modifier without alias name near '%{+Q}'."),
        ("%(a", "invalid character in custom name near '."),
        (
            "%(a:foo)ci",
            "unexpected output type 'foo' at position 4 line : '%(a:foo)ci'. Supported types are: str, sint, bool, raw.",
        ),
        ("%ci %", "truncated line after '%'."),
        ("%[src", "missing ']' after 'src'."),
        ("%[src ]", "expected ']' after 'src', but found ' '."),
        ("%[ src]", "failed to parse sample expression < src]> : missing fetch method."),
        ("%[foo]", "failed to parse sample expression <foo]> : unknown fetch method 'foo'."),
        (
            "%[path",
            "sample fetch <path> may not be reliably used here because it needs 'HTTP request headers' which is not available here.",
        ),
        (
            "%[res.hdr(a)]",
            "sample fetch <res.hdr(a)]> may not be reliably used here because it needs 'HTTP response headers' which is not available here.",
        ),
        ("%{+json}o%(a)b", "'+json' is not implemented yet in haproxy-rs."),
    ];
    for (text, want) in cases {
        let problem =
            LogFormat::parse(text.as_bytes(), Purpose::Log, &mut ParseCx::new(&Nothing, "f", true, true))
                .unwrap_err();
        assert_eq!(problem.message, want, "{text}");
    }
    for builtin in [
        Builtin::Tcp,
        Builtin::Http,
        Builtin::Https,
        Builtin::Clf,
        Builtin::ConnectTcp,
        Builtin::ConnectHttp,
        Builtin::Error,
    ] {
        assert_eq!(LogFormat::builtin(builtin).text(), builtin.text());
    }
}
