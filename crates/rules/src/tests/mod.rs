//! Rules against what the reference (3.0.11) says and does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod behaviour;

use crate::{
    Fault, Rule, parse_http_after_response, parse_http_request, parse_http_response, parse_redirect,
    parse_tcp_request_connection, parse_tcp_request_content, parse_tcp_request_session,
    parse_tcp_response_content,
};
use config_text::{FileId, Place, Span, Word};
use sample::{Outside, ParseCx};

pub(crate) struct Nothing;

impl Outside for Nothing {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "page.http" => Ok(b"HTTP/1.1 404 NF\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello".to_vec()),
            "empty.http" => Ok(Vec::new()),
            "body.txt" => Ok(b"body %[path]\nx".to_vec()),
            _ => Err("No such file or directory".to_owned()),
        }
    }
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
}

/// Splits at blanks; `~` stands for a blank in a word.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let span = Span::line(FileId(0), 9);
    text.split(' ')
        .filter(|w| !w.is_empty())
        .map(|w| Word { text: w.replace('~', " ").into(), span })
        .collect()
}

pub(crate) fn parse(line: &str, cx: &mut ParseCx<'_>) -> Result<Rule, Fault> {
    let all = words(line);
    let text = |i: usize| all.get(i).map(Word::lossy).unwrap_or_default();
    let after = |n: usize| all.get(n..).unwrap_or_default();
    match (text(0).as_str(), text(1).as_str()) {
        ("http-request", _) => parse_http_request(after(1), cx),
        ("http-response", _) => parse_http_response(after(1), cx),
        ("http-after-response", _) => parse_http_after_response(after(1), cx),
        ("redirect", _) => parse_redirect(after(1), cx),
        ("tcp-request", "connection") => parse_tcp_request_connection(after(2), cx),
        ("tcp-request", "session") => parse_tcp_request_session(after(2), cx),
        ("tcp-request", "content") => parse_tcp_request_content(after(2), cx),
        _ => parse_tcp_response_content(after(2), cx),
    }
}

/// Columns of `refusals.tsv` and `warnings.tsv`: the line in a `listen l`, how the place ends, whether reading goes on, the message.
fn table(text: &str) -> impl Iterator<Item = [&str; 4]> {
    text.lines().map(|line| {
        let mut columns = line.split('\t');
        std::array::from_fn(|_| columns.next().unwrap())
    })
}

#[test]
fn refusals_are_told_as_the_reference_tells_them() {
    let mut wrong = Vec::new();
    for [line, place, after, want] in table(include_str!("refusals.tsv")) {
        let mut cx = ParseCx::new(&Nothing, "l", true, true);
        match parse(line, &mut cx) {
            Ok(_) => wrong.push(format!("{line}: accepted, not {want}")),
            Err(fault) => {
                let want = want.replace("\\n", "\n");
                let have_place = if fault.place == Place::ParsingTight { ":" } else { " :" };
                let have_after = if fault.stop { "stop" } else { "go on" };
                if (fault.message.trim_end(), have_place, have_after) != (want.trim_end(), place, after) {
                    wrong.push(format!(
                        "{line}\n  have{have_place} {have_after} {}\n  want{place} {after} {want}",
                        fault.message
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn warnings_are_those_of_the_reference() {
    for [line, _, _, want] in table(include_str!("warnings.tsv")) {
        let mut cx = ParseCx::new(&Nothing, "l", true, true);
        parse(line, &mut cx).unwrap();
        let warnings = cx.take_warnings();
        assert_eq!(warnings.first().map(|(_, text)| text.as_str()), Some(want), "{line}");
    }
}

#[test]
fn names_that_must_exist_are_left_for_the_end() {
    struct Config;
    impl sample::Proxies for Config {
        fn capabilities(&self, proxy: &str) -> Option<(bool, bool)> {
            match proxy {
                "f" => Some((true, false)),
                "b" => Some((false, true)),
                _ => None,
            }
        }
        fn has_server(&self, backend: &str, server: &str) -> bool {
            (backend, server) == ("b", "s")
        }
    }
    let cases = [
        (
            "http-request set-header X %[nbsrv(nosuch)]",
            "unable to find backend 'nosuch' referenced in arg 1 of sample fetch keyword 'nbsrv' in http-request expression in proxy 'f'.",
        ),
        (
            "http-request set-header X %[nbsrv]",
            "proxy 'f', referenced in arg 1 of sample fetch keyword 'nbsrv' in http-request expression in proxy 'f', has not backend \
             capability.",
        ),
        (
            "http-request set-header X %[srv_is_up(b/nosuch)]",
            "unable to find server 'nosuch' in proxy 'b', referenced in arg 1 of sample fetch keyword 'srv_is_up' in http-request \
             expression in proxy 'f'.",
        ),
        (
            "http-request set-header X %[srv_is_up]",
            "missing server name in arg 1 of sample fetch keyword 'srv_is_up' in http-request expression in proxy 'f'.",
        ),
        (
            "http-request set-header X %[srv_is_up(z/s)]",
            "unable to find proxy 'z' referenced in arg 1 of sample fetch keyword 'srv_is_up' in http-request expression in proxy 'f'.",
        ),
        (
            "http-request deny if { nbsrv(zz) gt 1 }",
            "unable to find backend 'zz' referenced in arg 1 of ACL keyword 'nbsrv' in proxy 'f'.",
        ),
        (
            "http-response set-header A %[nbsrv(zz)]",
            "unable to find backend 'zz' referenced in arg 1 of sample fetch keyword 'nbsrv' in http-response response in proxy 'f'.",
        ),
        (
            "tcp-request content set-var(txn.a) nbsrv(zz)",
            "unable to find backend 'zz' referenced in arg 1 of sample fetch keyword 'nbsrv' in tcp-request content expression in proxy \
             'f'.",
        ),
    ];
    for (line, want) in cases {
        let mut cx = ParseCx::new(&Nothing, "f", true, false);
        parse(line, &mut cx).unwrap();
        assert_eq!(cx.references.iter().find_map(|r| r.check(&Config)).as_deref(), Some(want));
    }
    let mut cx = ParseCx::new(&Nothing, "f", true, false);
    parse("http-request set-header X %[srv_is_up(b/s)]", &mut cx).unwrap();
    assert!(cx.references.iter().all(|r| r.check(&Config).is_none()));
    parse("http-request set-header X %[hdr(a),regsub(a(,b)]", &mut cx).unwrap();
    assert_eq!(
        cx.late.first().unwrap().2,
        "error in regex 'a(' in arg 1 of conversion keyword 'regsub' for sample fetch keyword 'hdr' in http-request expression in proxy \
         'f' : regex 'a(' is invalid (error=missing closing parenthesis, erroffset=2)."
    );
    parse("http-request capture hdr(a) id 5", &mut cx).unwrap();
    assert_eq!(
        cx.capture_complaints(),
        ["Proxy 'f': unable to find capture id '5' referenced by http-request capture rule."]
    );
}

#[test]
fn actions_are_known_documented_and_unique() {
    let mut seen = Vec::new();
    for row in crate::actions() {
        assert!(!row.doc.is_empty(), "{}", row.name);
        for bit in (0..7).filter(|bit| row.kinds & (1 << bit) != 0) {
            assert!(!seen.contains(&(row.name, bit)), "{}", row.name);
            seen.push((row.name, bit));
        }
    }
}
