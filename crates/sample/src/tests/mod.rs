//! Expressions on one request, with the values that the reference gave (`haproxy 3.0.11`, `http-request return lf-string <%[…]>` and
//! `-m found`, `option http-buffer-request`). `expressions.tsv`: expression, `+` when it has a value, the value.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod conditions;

use crate::{
    Cx, Environment, Expr, Outside, ParseCx, RequestLine, ServerNumbers, SessionView, StreamView, Value,
    VarName, Variables,
};
use http1::{Head, Version};
use std::collections::HashMap;

pub(crate) struct World;

impl Environment for World {
    fn wall_us(&self) -> u64 {
        1_795_388_847_123_456
    }
    fn random(&self) -> u32 {
        4
    }
    fn usable_servers(&self, backend: &str) -> Option<u32> {
        match backend {
            "f" => Some(1),
            "b" => Some(2),
            _ => None,
        }
    }
    fn server_is_up(&self, _backend: &str, _server: &str) -> Option<bool> {
        Some(true)
    }
    fn connections(&self, _proxy: &str, _frontend: bool) -> Option<u64> {
        Some(1)
    }
    fn queued(&self, _backend: &str) -> Option<u64> {
        Some(0)
    }
    fn connection_slots(&self, _backend: &str) -> Option<i64> {
        Some(-1)
    }
    fn server_numbers(&self, _backend: &str, _server: &str) -> Option<ServerNumbers> {
        Some(ServerNumbers::default())
    }
}

#[derive(Default)]
pub(crate) struct Files(pub(crate) HashMap<&'static str, &'static str>);

impl Outside for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0
            .get(path)
            .map(|text| text.as_bytes().to_vec())
            .ok_or_else(|| "No such file or directory".to_owned())
    }
    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".to_owned())
    }
}

pub(crate) struct Exchange {
    pub(crate) session: SessionView,
    pub(crate) stream: StreamView,
    pub(crate) request: Option<Head>,
    pub(crate) payload: Vec<u8>,
    pub(crate) complete: bool,
}

impl Exchange {
    pub(crate) fn new() -> Self {
        let uri = b"/p/q;b=9?a=1&b=2;c=3&d&e=&f=%20x";
        let mut request = Head::request(b"POST", uri, Version::Http11);
        for (name, value) in [
            ("host", "Example.com:8080"),
            ("x-l", "a, b ,\"q,r\""),
            ("x-l", "c"),
            ("x-ip", "1.2.3.4, foo, 5.6.7.8:90"),
            ("x-n", "12x"),
            ("cookie", "c=1; c=2, c=3; q=\"a;b\"; d"),
            ("authorization", "Basic dXNlcjpwYTpzcw=="),
            ("accept-language", "en;q=0.5, fr-CA;q=0.8, es;q=0.8"),
            ("x-case", "0"),
            ("content-length", "7"),
            ("connection", "close"),
        ] {
            request.append(name.as_bytes(), value.as_bytes());
        }
        let session = SessionView {
            proxied: None,
            src: Some("127.0.0.1:40000".parse().unwrap()),
            dst: Some("127.0.0.1:18900".parse().unwrap()),
            frontend_id: 2,
            frontend_name: "f".into(),
            listener_id: 1,
            listener_name: "lname".into(),
            encrypted: false,
            accepted_at_us: 0,
            vars: Variables::default(),
        };
        let stream = StreamView {
            first_request: true,
            request_line: Some(RequestLine::new(b"POST", uri, b"HTTP/1.1", 1023)),
            ..StreamView::default()
        };
        let exchange =
            Self { session, stream, request: Some(request), payload: b"p=1&z=2".to_vec(), complete: true };
        let cx = exchange.cx();
        VarName::parse(b"txn.v").unwrap().set(&cx, Some(Value::str(b"vvv")));
        VarName::parse(b"txn.n").unwrap().set(&cx, Some(Value::Int(41)));
        exchange
    }

    pub(crate) fn cx(&self) -> Cx<'_> {
        Cx {
            session: &self.session,
            stream: &self.stream,
            request: self.request.as_ref(),
            response: None,
            request_payload: &self.payload,
            response_payload: b"",
            complete: self.complete,
            in_response: false,
            env: &World,
        }
    }
}

fn shown(value: Option<Value<'_>>) -> String {
    let mut text = Vec::new();
    if let Some(value) = value {
        value.write_text(&mut text);
    }
    text.iter()
        .map(|&b| match b {
            // The reference's formats write control characters like this.
            _ if (b < 32 && b != b'\t') || b == 127 => format!("%{b:02X}"),
            b' '..=b'~' if b != b'\\' => char::from(b).to_string(),
            _ => format!("\\x{b:02x}"),
        })
        .collect()
}

/// What depends on how the reference was run.
const LOCAL: &[&str] = &["fe_id", "txn.id32", "thread", "dst_port", "env(HOME)"];

#[test]
fn expressions_have_the_values_of_the_reference() {
    let files = Files::default();
    let mut wrong = Vec::new();
    for line in include_str!("expressions.tsv").lines() {
        let mut columns = line.split('\t');
        let (text, found, want) = (columns.next().unwrap(), columns.next().unwrap(), columns.next().unwrap());
        if LOCAL.contains(&text) {
            continue;
        }
        let exchange = Exchange::new();
        let mut parse = ParseCx::new(&files, "f", true, true);
        let (expr, used) = match Expr::parse_prefix(text.as_bytes(), &mut parse) {
            Ok(parsed) => parsed,
            Err(problem) => {
                wrong.push(format!("{text}: {}", problem.message));
                continue;
            }
        };
        let cx = exchange.cx();
        let value = expr.value(&cx);
        let (have_found, have) = (if value.is_some() { "+" } else { "-" }, shown(value));
        if used != text.len() || have_found != found || have != want {
            wrong.push(format!("{text}: {have_found} {have:?} (used {used}), not {found} {want:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

proptest::proptest! {
    /// No text that a configuration may hold, and no request, makes anything panic.
    #[test]
    fn nothing_panics(
        fetch in proptest::sample::select(crate::fetches().map(|row| row.name).collect::<Vec<_>>()),
        converter in proptest::sample::select(crate::converters().map(|row| row.name).collect::<Vec<_>>()),
        args in "[(]?[-a-z0-9,.:\"'\\\\(*/ %]{0,12}[)]?",
        subject in proptest::collection::vec(proptest::arbitrary::any::<u8>(), 0..40),
    ) {
        let files = Files::default();
        let text = format!("{fetch}{args},{converter}{args}");
        let mut parse = ParseCx::new(&files, "f", true, true);
        let mut exchange = Exchange::new();
        exchange.payload.clone_from(&subject);
        if let Some(request) = exchange.request.as_mut() {
            request.append(b"x-l", &subject);
            request.append(b"cookie", &subject);
            request.set_uri(&subject);
        }
        for text in [text.as_bytes(), format!("hdr(x-l),{converter}{args}").as_bytes(), &subject] {
            if let Ok((expr, _)) = Expr::parse_prefix(text, &mut parse) {
                let _ = expr.value(&exchange.cx());
                let _ = expr.each(&exchange.cx(), &mut |_| std::ops::ControlFlow::Continue(()));
            }
        }
    }
}
