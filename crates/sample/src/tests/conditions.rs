use super::{Exchange, Files};
use crate::{AclSet, Condition, ParseCx, Truth};
use config_text::{FileId, Span, Word};
use std::collections::HashMap;

fn words(text: &str) -> Vec<Word> {
    let span = Span::line(FileId(0), 1);
    text.split(' ')
        .map(|text| Word { text: if text == "''" { "".into() } else { text.into() }, span })
        .collect()
}

fn files() -> Files {
    Files(HashMap::from([
        ("nets", "# comment\n  10.0.0.0/8\n\n127.0.0.1\n"),
        ("bad", "1.2.3.4\nbad bad\n"),
        ("map", "/p/q one\n/x two\n"),
    ]))
}

/// Conditions on the request of the expressions' test; values as the reference decides them.
#[test]
fn conditions() {
    let files = files();
    let cases = [
        ("if TRUE", true),
        ("if FALSE", false),
        ("unless FALSE", true),
        ("if !FALSE", true),
        ("if ! FALSE", true),
        ("if !!TRUE", true),
        ("if FALSE or TRUE", true),
        ("if FALSE || FALSE TRUE", false),
        ("if FALSE OR !FALSE TRUE", true),
        ("if", false),
        ("if or", false),
        ("if METH_POST", true),
        ("if METH_GET", false),
        ("if LOCALHOST HTTP_1.1 HTTP_URL_SLASH HTTP_CONTENT", true),
        ("if HTTP_1.0", false),
        ("if REQ_CONTENT", true),
        ("if WAIT_END", true),
        ("if { path /p/q;b=9 }", true),
        ("if { path -i /P/Q;B=9 }", true),
        ("if { path_beg /x /p }", true),
        ("if { path_end -i B=9 }", true),
        ("if { path_sub q;b }", true),
        ("if { path_dir p }", true),
        ("if { path_reg ^/p/(q|r); }", true),
        ("if { path_len gt 7 lt 3 }", true),
        ("if { path_len 1:3 }", false),
        ("if { path -m str,x /p }", false),
        ("if { hdr(x-l) b }", true),
        ("if { hdr(x-l) c }", true),
        ("if { hdr(x-l,1) c }", false),
        ("if { hdr_beg(host) -i example. }", true),
        ("if { hdr_dom(host) -i example.com }", true),
        ("if { hdr(host),lower -m end :8080 }", true),
        ("if { hdr(nope) -m found }", false),
        ("if { hdr(host) -m found }", true),
        ("if !{ hdr(nope) x }", true),
        ("if { hdr_cnt(x-l) eq 4 }", true),
        ("if { hdr_val(x-n) ge 12 }", true),
        ("if { hdr_ip(x-ip) 5.6.7.0/24 }", true),
        ("if { src 127.0.0.0/8 }", true),
        ("if { src -f nets }", true),
        ("if { src 10.0.0.0/8 }", false),
        ("if { src -n ::ffff:127.0.0.1 }", true),
        ("if { dst_port 80 18900 }", true),
        ("if { dst_port lt 1024 }", false),
        ("if { cook(c) 1 }", true),
        ("if { cook_cnt(c) 3 }", true),
        ("if { urlp(a) 1 }", true),
        ("if { url_beg /p }", true),
        ("if { method POST }", true),
        ("if { base_beg -i example.com:8080/p }", true),
        ("if { always_true }", true),
        ("if { int(5) -m str 5 }", true),
        ("if { int(5) 1:4 }", false),
        ("if { bool(1) -m int 1 }", true),
        ("if { str(12) -m int gt 11 }", true),
        ("if { bin(6162) -m bin 6162 }", true),
        ("if { bin(6162) -m str ab }", true),
        ("if { path,map_beg(map) one }", true),
        ("if { path -M -f map }", false),
        ("if { var(txn.n) -m int 41 }", true),
        ("if { req.payload(0,3) -m sub p=1 }", false),
        ("if { req.body -m beg p=1 }", true),
        ("if { hdr(x-l) neg }", false),
    ];
    for (text, want) in cases {
        let exchange = Exchange::new();
        let mut cx = ParseCx::new(&files, "f", true, true);
        let parsed = Condition::parse(&words(text), &mut cx);
        if text.contains("str,x") {
            assert!(parsed.is_err(), "{text}");
            continue;
        }
        match parsed {
            Ok(condition) => assert_eq!(condition.holds(&exchange.cx()), Truth::from(want), "{text}"),
            Err(problem) => panic!("{text}: {}", problem.message),
        }
    }
}

#[test]
fn named_acls_are_alternatives_and_grow_after_use() {
    let files = files();
    let exchange = Exchange::new();
    let mut cx = ParseCx::new(&files, "f", true, true);
    AclSet::declare(&words("a path /none"), &mut cx).unwrap();
    let condition = Condition::parse(&words("if a"), &mut cx).unwrap();
    assert_eq!(condition.holds(&exchange.cx()), Truth::False);
    AclSet::declare(&words("a method POST"), &mut cx).unwrap();
    assert_eq!(condition.holds(&exchange.cx()), Truth::True);
}

#[test]
fn what_is_not_there_yet_is_neither_true_nor_false() {
    let files = files();
    let mut exchange = Exchange::new();
    exchange.request = None;
    exchange.stream.request_line = None;
    exchange.payload = b"ab".to_vec();
    exchange.complete = false;
    let mut cx = ParseCx::new(&files, "f", true, true);
    let mut holds = |text: &str, exchange: &Exchange| {
        Condition::parse(&words(text), &mut cx).unwrap().holds(&exchange.cx())
    };
    assert_eq!(holds("if { req.payload(0,2) -m bin 6162 }", &exchange), Truth::True);
    assert_eq!(holds("if { req.payload(0,3) -m bin 616263 }", &exchange), Truth::NotYet);
    assert_eq!(holds("if !{ req.payload(0,3) -m bin 616263 }", &exchange), Truth::NotYet);
    assert_eq!(holds("if FALSE { req.payload(0,3) -m bin 616263 }", &exchange), Truth::False);
    assert_eq!(holds("if { req.payload(0,3) -m bin 616263 } or TRUE", &exchange), Truth::True);
    assert_eq!(holds("if WAIT_END", &exchange), Truth::NotYet);
    exchange.complete = true;
    assert_eq!(holds("if { req.payload(0,3) -m bin 616263 }", &exchange), Truth::False);
    assert_eq!(holds("if WAIT_END", &exchange), Truth::True);
}

/// Texts of the reference, `error detected while parsing ACL 'a' : ` and the final dot left out.
#[test]
fn refusals() {
    let files = files();
    let cases = [
        ("", "missing fetch method in ACL expression ''"),
        ("foo", "unknown fetch method 'foo' in ACL expression 'foo'"),
        ("path(x) /", "ACL keyword 'path' : expected ')' before 'x)'"),
        ("hdr(host),foo a", "ACL keyword 'hdr' : unknown converter 'foo'"),
        ("src 1.2.3.4.5", "'1.2.3.4.5' is not a valid IPv4 or IPv6 address"),
        ("src 1.2.3.4/33", "'1.2.3.4/33' is not a valid IPv4 or IPv6 address"),
        ("src -f nofile", "failed to open pattern file <nofile>"),
        ("src -f bad", "'bad bad' is not a valid IPv4 or IPv6 address at line 2 of file 'bad'"),
        ("src -f", "failed to open pattern file <>"),
        ("-i src 1.1.1.1", "unknown fetch method '-i' in ACL expression '-i'"),
        (
            "path -z /",
            "'-z' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'",
        ),
        ("path -m", "unknown matching method '' when parsing ACL expression"),
        ("path -m foo /", "unknown matching method 'foo' when parsing ACL expression"),
        ("path -m reg (", "regex '(' is invalid (error=missing closing parenthesis, erroffset=1)"),
        ("path_len x", "'x' is not a number"),
        ("path_len 5:3", "'5:3' is not a valid number range"),
        ("dst_port 5 gt 6 -i 5", "'-i' is not a valid number range"),
        ("req.hdrs -m ip 5", "matching method 'ip' cannot be used with fetch keyword 'req.hdrs'"),
        (
            "req.payload(0,5) aa",
            "matching method must be specified first (using '-m') when using a sample fetch of this type ('req.payload')",
        ),
        ("req.payload(0,5) -m bin a", "an even number of hex digit is expected"),
        ("req.payload(0,5) -m bin zz", "an hex digit is expected (found 'z')"),
        ("path -u x /", "the argument of -u must be an integer"),
        ("acl(b)", "invalid args in fetch method 'acl' : ACL 'b' not found in ACL expression 'acl(b)'"),
        (
            "path -f nets -m str x",
            "'-m' must only be specified before patterns and files in parsing ACL expression",
        ),
        ("ssl_c_used", "'ssl_c_used' is not implemented yet in haproxy-rs in ACL expression 'ssl_c_used'"),
    ];
    for (text, want) in cases {
        let mut cx = ParseCx::new(&files, "f", true, true);
        let line = if text.is_empty() { "a".to_owned() } else { format!("a {text}") };
        let problem = AclSet::declare(&words(&line), &mut cx).unwrap_err();
        assert_eq!(problem.message, format!("error detected while parsing ACL 'a' : {want}."), "{text}");
    }
    let mut cx = ParseCx::new(&files, "f", true, true);
    for (text, want) in [
        (
            "or path /",
            "acl name 'or' will never match. 'or' is used to express a logical disjunction within a condition.",
        ),
        ("a! path /", "character '!' is not permitted in acl name 'a!'."),
    ] {
        assert_eq!(AclSet::declare(&words(text), &mut cx).unwrap_err().message, want);
    }
    for (text, want) in [
        ("if foo", "no such ACL : 'foo'"),
        ("if { path /", "missing closing '}' in condition"),
        ("if { path '' }", "missing closing '}' in condition"),
        ("if { }", "missing fetch method in ACL expression ''"),
    ] {
        assert_eq!(Condition::parse(&words(text), &mut cx).unwrap_err().message, want, "{text}");
    }
    AclSet::declare(&words("a path"), &mut cx).unwrap();
    let warnings = cx.take_warnings();
    assert!(
        warnings
            .first()
            .unwrap()
            .1
            .starts_with("parsing acl keyword 'path' :\n  no pattern to match against")
    );
}
