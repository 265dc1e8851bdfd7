//! Sample expressions and log-format strings: parsed, then evaluated on one exchange.

use crate::machine::Machine;
use http1::{Head, Version};
use log_format::{LogData, LogFormat, Purpose};
use sample::{Cx, Expr, ParseCx, RequestLine, SessionView, StreamView};

/// A log-format string, parsed and rendered.
pub fn log_format(data: &[u8]) {
    let machine = Machine::default();
    let mut parse = ParseCx::new(&machine, "f", true, true);
    let Ok(format) = LogFormat::parse(data, Purpose::Log, &mut parse) else { return };
    with_exchange(&machine, |cx| {
        let mut out = Vec::new();
        format.render(&LogData { status: Some(200), bytes_out: 102, ..LogData::default() }, cx, &mut out);
        assert!(
            data.contains(&b'\n') || !out.contains(&b'\n'),
            "a log line breaks: {:?}",
            String::from_utf8_lossy(&out)
        );
    });
}

/// A fetch with its converters, parsed and evaluated.
pub fn sample_expression(data: &[u8]) {
    let machine = Machine::default();
    let mut parse = ParseCx::new(&machine, "f", true, true);
    let Ok((expression, used)) = Expr::parse_prefix(data, &mut parse) else { return };
    assert!(used <= data.len(), "{used} of {} bytes", data.len());
    with_exchange(&machine, |cx| {
        if let Some(value) = expression.value(cx) {
            let mut text = Vec::new();
            value.write_text(&mut text);
        }
        std::hint::black_box(expression.text_value(cx));
    });
}

/// Hands one HTTP exchange to `run`: head, body, cookies, an answer.
fn with_exchange(machine: &Machine, run: impl Fn(&Cx<'_>)) {
    let uri = b"/p/q;b=9?a=1&b=2;c=3&d&e=&f=%20x%zz";
    let mut request = Head::request(b"POST", uri, Version::Http11);
    for (name, value) in [
        ("host", "Example.com:8080"),
        ("x-l", "a, b ,\"q,r\",,"),
        ("x-l", "c"),
        ("x-ip", "1.2.3.4, foo, 5.6.7.8:90, ::1"),
        ("x-n", "12x"),
        ("x-j", "{\"a\":[1,2,{\"b\":\"\\u00e9\"}],\"n\":1e400}"),
        ("x-b", "dXNlcjpwYTpzcw==="),
        ("cookie", "c=1; c=2, c=3; q=\"a;b\"; d"),
        ("authorization", "Basic dXNlcjpwYTpzcw=="),
        ("accept-language", "en;q=0.5, fr-CA;q=0.8, es;q=0.8"),
        ("content-length", "7"),
    ] {
        request.append(name.as_bytes(), value.as_bytes());
    }
    let mut response = Head::response(200, b"OK", Version::Http11);
    response.append(b"set-cookie", b"s=1; path=/; expires=\"a;b\"");
    let session = SessionView {
        proxied: None,
        src: "127.0.0.1:40000".parse().ok(),
        dst: "[::1]:18900".parse().ok(),
        frontend_id: 2,
        frontend_name: "f".into(),
        listener_id: 1,
        ..SessionView::default()
    };
    let stream = StreamView {
        request_line: Some(RequestLine::new(b"POST", uri, b"HTTP/1.1", 1023)),
        server_name: Some("s".into()),
        ..StreamView::default()
    };
    for in_response in [false, true] {
        run(&Cx {
            session: &session,
            stream: &stream,
            request: Some(&request),
            response: in_response.then_some(&response),
            request_payload: b"p=1&z=2",
            response_payload: b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
            complete: !in_response,
            in_response,
            env: machine,
        });
    }
}
