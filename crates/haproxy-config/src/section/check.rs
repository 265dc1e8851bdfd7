//! `option httpchk`, `option tcp-check`, `http-check`, `tcp-check` (configuration manual, section 4.2): words into
//! [`health::Step`]s. What a step does is the `health` crate's business.

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{CheckDecl, ProxyDecl};
use crate::registry::{Row, Sections, Set, Since, row};
use config_text::{Place, Severity};
use health::{CheckKind, CheckStatus, Connect, Expect, HttpRequest, Pattern, Step, TextMatch};
use pcre2::bytes::{Regex, RegexBuilder};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use units::{Allowed, Endpoint, Ports, lenient_int, parse_endpoint};

/// What `option httpchk` itself asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HttpChk {
    pub(crate) method: Option<String>,
    pub(crate) uri: Option<String>,
    pub(crate) version: Option<String>,
}

/// Which parts of a request a `send` step wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    method: bool,
    uri: bool,
    version: bool,
}

/// What a section says of HTTP checks takes the place of all that its `defaults` section says of them.
fn own_http_rules(check: &mut CheckDecl, cx: &Cx<'_>) {
    if check.http_from != cx.section {
        check.http_from = cx.section;
        check.httpchk = None;
        check.http_steps.clear();
        check.first_send = Written::default();
    }
}

/// The same for TCP checks, where only rules count.
fn own_tcp_rules(check: &mut CheckDecl, cx: &Cx<'_>) {
    if check.tcp_from != cx.section {
        check.tcp_from = cx.section;
        check.tcp_steps.clear();
    }
}

fn httpchk(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(3)?;
    let some = |n: usize| Some(line.arg(n)).filter(|w| !w.is_empty());
    // A single word is the target.
    let decl = match (some(0), some(1), some(2)) {
        (Some(uri), None, _) => HttpChk { method: None, uri: Some(uri), version: None },
        (method, uri, version) => HttpChk { method, uri, version },
    };
    if decl.version.as_ref().is_some_and(|v| v.contains(['\r', '\n'])) {
        return Err(Refusal::fatal(
            "'option httpchk' : hiding headers or body at the end of the version string is unsupported.Use 'http-check send' directive instead..",
        ));
    }
    own_http_rules(&mut proxy.check, cx);
    proxy.check.httpchk = Some(decl);
    proxy.check.kind.set(CheckKind::Http, line.span, cx.section);
    Ok(())
}

fn option_tcp_check(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(0)?;
    proxy.check.kind.set(CheckKind::TcpScript, line.span, cx.section);
    Ok(())
}

const HTTP_WORDS: &str = "'http-check' only supports 'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect', 'set-var-fmt(*)', 'set-var(*)', 'unset-var(*)'. but got ";
const TCP_WORDS: &str = "'tcp-check' only supports 'comment', 'connect', 'send', 'send-binary', 'expect', 'set-var-fmt(*)', 'set-var(*)', 'unset-var(*)'. but got ";

/// HAPROXY: in a frontend some ignored rules are told twice, the second time without a text.
fn warn_ignored(proxy: &ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) {
    if !proxy.kind.has_backend() {
        cx.tell(Severity::Warning, "ignored", Place::Parsing, Some(line.span), "(null)".to_owned());
    }
}

fn http_check(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let word = line.arg(0);
    match word.as_str() {
        "disable-on-404" | "send-state" => {
            let extra = line.arg(1);
            if !extra.is_empty() {
                return Err(Refusal::fatal(format!(
                    "'http-check' cannot handle unexpected argument '{extra}'."
                )));
            }
            let flag = if word == "send-state" {
                &mut proxy.check.send_state
            } else {
                &mut proxy.check.disable_on_404
            };
            flag.set(true, line.span, cx.section);
            warn_ignored(proxy, line, cx);
            return Ok(());
        }
        _ => {}
    }
    let step = match word.as_str() {
        "connect" => Step::Connect(connect(line, cx, "http-check connect")?),
        "send" => {
            let (request, written) = http_send(line)?;
            own_http_rules(&mut proxy.check, cx);
            if !proxy.check.http_steps.iter().any(|step| matches!(step, Step::HttpSend(_))) {
                proxy.check.first_send = written;
            }
            Step::HttpSend(request)
        }
        "expect" => Step::Expect(expect(line, true)?),
        "comment" => comment_step(line, "http-check comment")?,
        _ if word.starts_with("set-var") || word.starts_with("unset-var(") => {
            return Err(Refusal::not_built("http-check set-var"));
        }
        _ => return Err(Refusal::fatal(format!("{HTTP_WORDS}'{word}'"))),
    };
    own_http_rules(&mut proxy.check, cx);
    http_order(&proxy.check.http_steps, &step)
        .map_err(|why| Refusal::fatal(format!("'http-check {word}' : {why}")))?;
    proxy.check.http_steps.push(step);
    Ok(())
}

fn tcp_check(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let word = line.arg(0);
    let step = match word.as_str() {
        "connect" => Step::Connect(connect(line, cx, "tcp-check connect")?),
        "send" => {
            let text = line.arg(1);
            if text.is_empty() {
                return Err(Refusal::fatal("'tcp-check send' : 'string' expects a send as argument."));
            }
            Step::Send {
                data: text.clone().into_bytes(),
                written: text,
                comment: send_comment(line, "send")?,
            }
        }
        "send-binary" => {
            let text = line.arg(1);
            if text.is_empty() {
                return Err(Refusal::fatal(
                    "'tcp-check send-binary' : 'binary string' expects a send-binary as argument.",
                ));
            }
            let data = hex(&text).map_err(|why| {
                Refusal::fatal(format!(
                    "'tcp-check send-binary' : '{text}' invalid binary string ({why}).\n."
                ))
            })?;
            Step::Send { data, written: text, comment: send_comment(line, "send-binary")? }
        }
        "expect" => Step::Expect(expect(line, false)?),
        "comment" => comment_step(line, "tcp-check comment")?,
        "send-lf" | "send-binary-lf" => return Err(Refusal::not_built(&format!("tcp-check {word}"))),
        _ if word.starts_with("set-var") || word.starts_with("unset-var(") => {
            return Err(Refusal::not_built("tcp-check set-var"));
        }
        _ => return Err(Refusal::fatal(format!("{TCP_WORDS}'{word}'"))),
    };
    own_tcp_rules(&mut proxy.check, cx);
    connect_first(&proxy.check.tcp_steps, &step)
        .map_err(|why| Refusal::fatal(format!("'tcp-check {word}' : {why}")))?;
    proxy.check.tcp_steps.push(step);
    warn_ignored(proxy, line, cx);
    Ok(())
}

/// A script that connects must begin with it.
fn connect_first(steps: &[Step], next: &Step) -> Result<(), String> {
    let first = steps.iter().find(|step| !matches!(step, Step::Comment(_)));
    match (next, first) {
        (Step::Connect(_), Some(first)) if !matches!(first, Step::Connect(_)) => Err(
            "first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a 'comment', when there is a 'connect' step in the tcp-check ruleset."
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

/// HTTP checks go round: connect, send, expect.
fn http_order(steps: &[Step], next: &Step) -> Result<(), String> {
    connect_first(steps, next)?;
    let last = steps.iter().rev().find(|step| !matches!(step, Step::Comment(_)));
    let (name, missing) = match (next, last) {
        (Step::Connect(_), Some(Step::Connect(_) | Step::HttpSend(_))) => ("connect", "expect"),
        (Step::HttpSend(_), Some(Step::HttpSend(_) | Step::Expect(_))) => ("send", "connect"),
        (Step::Expect(_), Some(Step::Connect(_))) => ("expect", "send"),
        _ => return Ok(()),
    };
    // HAPROXY: after a `connect`, the first `send` takes the place of the one of `option httpchk` and does not count.
    let connects = matches!(steps.iter().find(|s| !matches!(s, Step::Comment(_))), Some(Step::Connect(_)));
    let sends = steps.iter().any(|step| matches!(step, Step::HttpSend(_)));
    let number = steps.len() + 1 - usize::from(connects && sends);
    Err(format!("unable to add http-check {name} rule at step {number} (missing {missing} rule).."))
}

fn comment_step(line: &Line<'_>, place: &str) -> Result<Step, Refusal> {
    let text = line.arg(1);
    if text.is_empty() {
        return Err(Refusal::fatal(format!("'{place}' : expects a string as argument.")));
    }
    Ok(Step::Comment(text))
}

fn send_comment(line: &Line<'_>, word: &str) -> Result<Option<String>, Refusal> {
    let place = format!("'tcp-check {word}'");
    match line.arg(2).as_str() {
        "" => Ok(None),
        "comment" => {
            let text = line.arg(3);
            if text.is_empty() {
                return Err(Refusal::fatal(format!("{place} : 'comment' expects a string as argument..")));
            }
            Ok(Some(text))
        }
        other => Err(Refusal::fatal(format!("{place} : expects 'comment' but got '{other}' as argument.."))),
    }
}

fn connect(line: &Line<'_>, cx: &Cx<'_>, place: &str) -> Result<Connect, Refusal> {
    let refuse = |text: String| Refusal::fatal(format!("'{place}' : {text}"));
    let mut connect = Connect::default();
    let mut at = 1;
    while !line.arg(at).is_empty() {
        let (word, value) = (line.arg(at), line.arg(at + 1));
        let mut used = 1;
        match word.as_str() {
            "default" => connect.default = true,
            "send-proxy" => connect.send_proxy = true,
            "linger" => connect.linger = true,
            "comment" => {
                used = 2;
                if value.is_empty() {
                    return Err(refuse("'comment' expects a string as argument..".to_owned()));
                }
                connect.comment = Some(value);
            }
            "port" => {
                used = 2;
                if value.is_empty() {
                    return Err(refuse(
                        "'port' expects a port number or a sample expression as argument..".to_owned(),
                    ));
                }
                if !value.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(Refusal::not_built(&format!("{place} port")));
                }
                match value.parse::<u16>() {
                    Ok(port) if port > 0 => connect.port = Some(port),
                    _ => {
                        return Err(refuse(format!(
                            "expects a valid TCP port (from range 1 to 65535) or a sample expression, got {value}.."
                        )));
                    }
                }
            }
            "addr" => {
                used = 2;
                if value.is_empty() {
                    return Err(refuse("'addr' expects <ipv4|ipv6> as argument..".to_owned()));
                }
                let endpoint = parse_endpoint(&value, Allowed { range: false, ..Allowed::SOURCE })
                    .map_err(|e| refuse(format!("'addr' : {e}..")))?;
                let Endpoint::Inet { host, ports, .. } = endpoint else {
                    return Err(Refusal::not_built(&format!("{place} addr")));
                };
                let ip = super::bind::host_address(&host, cx)
                    .map_err(|name| refuse(format!("'addr' : invalid address: '{name}' in '{value}'..")))?;
                let port = if let Ports::Range(port, _) = ports { port } else { 0 };
                connect.address = Some(SocketAddr::new(ip, port));
            }
            "ssl" | "sni" | "alpn" | "via-socks4" | "proto" => {
                return Err(Refusal::not_built(&format!("{place} {word}")));
            }
            _ => {
                return Err(refuse(format!(
                    "expects 'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn' or 'via-socks4', 'linger', 'default' but got '{word}' as argument.."
                )));
            }
        }
        at += used;
    }
    Ok(connect)
}

fn http_send(line: &Line<'_>) -> Result<(HttpRequest, Written), Refusal> {
    let refuse = |text: String| Refusal::fatal(format!("'http-check send' : {text}"));
    let mut request = HttpRequest::default();
    let mut written = Written::default();
    let mut at = 1;
    while !line.arg(at).is_empty() {
        let (word, value) = (line.arg(at), line.arg(at + 1));
        let string = || {
            if value.is_empty() {
                Err(refuse(format!("'{word}' expects a string as argument..")))
            } else {
                Ok(value.clone())
            }
        };
        let mut used = 2;
        match word.as_str() {
            "meth" => (request.method, written.method) = (string()?.into_bytes(), true),
            "uri" => (request.uri, written.uri) = (string()?.into_bytes(), true),
            "ver" => (request.version, written.version) = (string()?.into_bytes(), true),
            "body" => request.body = Some(string()?.into_bytes()),
            "comment" => request.comment = Some(string()?),
            "hdr" => {
                used = 3;
                let content = line.args().get(at + 2).map(|w| w.lossy());
                let Some(content) = content.filter(|_| !value.is_empty()) else {
                    return Err(refuse("'hdr' expects <name> and <value> as arguments.".to_owned()));
                };
                if content.contains('%') {
                    return Err(Refusal::not_built("http-check send hdr with a log-format value"));
                }
                request.headers.push((value.clone().into_bytes(), content.into_bytes()));
            }
            "uri-lf" | "body-lf" => return Err(Refusal::not_built(&format!("http-check send {word}"))),
            _ => {
                return Err(refuse(format!(
                    "expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got '{word}' as argument.."
                )));
            }
        }
        at += used;
    }
    Ok((request, written))
}

/// The steps of an HTTP check: what `option httpchk` says completes the first `send`, or makes one.
pub(crate) fn http_steps(check: &CheckDecl) -> Vec<Step> {
    let mut steps = check.http_steps.clone();
    if !steps.iter().any(|step| matches!(step, Step::HttpSend(_))) {
        let at = usize::from(matches!(steps.first(), Some(Step::Connect(_))));
        steps.insert(at, Step::HttpSend(HttpRequest::default()));
    }
    let first = steps.iter_mut().find_map(|step| match step {
        Step::HttpSend(request) => Some(request),
        _ => None,
    });
    if let (Some(request), Some(decl)) = (first, &check.httpchk) {
        let Written { method, uri, version } = check.first_send;
        for (written, into, text) in [
            (method, &mut request.method, &decl.method),
            (uri, &mut request.uri, &decl.uri),
            (version, &mut request.version, &decl.version),
        ] {
            if let Some(text) = text.as_ref().filter(|_| !written) {
                *into = text.clone().into_bytes();
            }
        }
    }
    steps
}

const HTTP_EXPECTS: &str = "'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', '[!]rstatus', [!]hdr, [!]fhdr or comment but got ";
const TCP_EXPECTS: &str = "'only supports min-recv, '[!]binary', '[!]string', '[!]rstring', '[!]string-lf''[!]rbinary', '[!]binary-lf' or comment but got ";

fn expect(line: &Line<'_>, http: bool) -> Result<Expect, Refusal> {
    let family = if http { "http-check" } else { "tcp-check" };
    let refuse = |text: String| Refusal::fatal(format!("'{family} expect' : {text}"));
    let nothing = || refuse("expects at least a matching pattern as arguments.".to_owned());
    if line.arg(1).is_empty() {
        return Err(nothing());
    }
    let mut options = Expect::new(Pattern::String(Vec::new()), "");
    let mut found: Option<(Pattern, String)> = None;
    let mut at = 1;
    while !line.arg(at).is_empty() {
        let mut word = line.arg(at);
        let mut negate = false;
        let written_from = at;
        if word == "!" {
            negate = true;
            at += 1;
            word = line.arg(at);
        } else if let Some(rest) = word.strip_prefix('!') {
            negate = true;
            word = rest.to_owned();
        }
        let value = line.arg(at + 1);
        let string = |what: &str| {
            if value.is_empty() {
                Err(refuse(format!("'{word}' expects {what} as argument.")))
            } else {
                Ok(value.clone())
            }
        };
        match word.as_str() {
            "min-recv" => {
                options.min_recv = u32::try_from(lenient_int(&string("a integer")?)).ok();
                at += 2;
                continue;
            }
            "comment" => {
                options.comment = Some(string("a string")?);
                at += 2;
                continue;
            }
            "on-success" | "on-error" => {
                let text = string("a string")?;
                if text.contains('%') {
                    return Err(Refusal::not_built(&format!(
                        "{family} expect {word} with a log-format value"
                    )));
                }
                if word == "on-success" {
                    options.on_success = Some(text);
                } else {
                    options.on_error = Some(text);
                }
                at += 2;
                continue;
            }
            "ok-status" => {
                options.ok_status = Some(status_word(&word, &value, OK_STATUSES).map_err(refuse)?);
                at += 2;
                continue;
            }
            "error-status" => {
                options.error_status = Some(status_word(&word, &value, ERROR_STATUSES).map_err(refuse)?);
                at += 2;
                continue;
            }
            "tout-status" => {
                options.timeout_status = Some(status_word(&word, &value, TIMEOUT_STATUSES).map_err(refuse)?);
                at += 2;
                continue;
            }
            "status-code" => return Err(Refusal::not_built(&format!("{family} expect status-code"))),
            "string-lf" | "binary-lf" | "custom" => {
                return Err(Refusal::not_built(&format!("{family} expect {word}")));
            }
            _ => {}
        }
        let needed = "a <pattern>";
        let regex = |text: &str| {
            compile(text).map_err(|(why, offset)| {
                refuse(format!("regex '{text}' is invalid (error={why}, erroffset={offset})."))
            })
        };
        let binary = |text: &str| hex(text).map_err(|why| refuse(format!("invalid binary string ({why}).")));
        let mut used = 2;
        let pattern = match word.as_str() {
            "string" => Pattern::String(string(needed)?.into_bytes()),
            "rstring" => Pattern::Regex(regex(&string(needed)?)?),
            "status" if http => Pattern::Status(statuses(&string(needed)?).map_err(refuse)?),
            "rstatus" if http => Pattern::StatusRegex(regex(&string(needed)?)?),
            "hdr" | "fhdr" if http => {
                let (pattern, words) = header(line, at, &word).map_err(refuse)?;
                used = words;
                pattern
            }
            "binary" if !http => Pattern::Binary(binary(&string(needed)?)?),
            "rbinary" if !http => Pattern::BinaryRegex(regex(&string(needed)?)?),
            _ => {
                let words = if http { HTTP_EXPECTS } else { TCP_EXPECTS };
                return Err(refuse(format!("{words}'{word}' as argument..")));
            }
        };
        if found.is_some() {
            return Err(refuse("only on pattern expected.".to_owned()));
        }
        let written: Vec<String> = (written_from..at + used).map(|n| line.arg(n)).collect();
        found = Some((pattern, written.join(" ")));
        options.negate = negate;
        at += used;
    }
    let (pattern, written) = found.ok_or_else(nothing)?;
    Ok(Expect { pattern, written, ..options })
}

type StatusWords = &'static [(&'static str, CheckStatus)];

const OK_STATUSES: StatusWords = &[
    ("L4OK", CheckStatus::L4Ok),
    ("L6OK", CheckStatus::L6Ok),
    ("L7OK", CheckStatus::L7Ok),
    ("L7OKC", CheckStatus::L7OkConditional),
];
const ERROR_STATUSES: StatusWords = &[
    ("L4CON", CheckStatus::L4Connection),
    ("L6RSP", CheckStatus::L6Response),
    ("L7RSP", CheckStatus::L7Response),
    ("L7STS", CheckStatus::L7Status),
];
const TIMEOUT_STATUSES: StatusWords = &[
    ("L4TOUT", CheckStatus::L4Timeout),
    ("L6TOUT", CheckStatus::L6Timeout),
    ("L7TOUT", CheckStatus::L7Timeout),
];

fn status_word(word: &str, value: &str, known: StatusWords) -> Result<CheckStatus, String> {
    if value.is_empty() {
        return Err(format!("'{word}' expects a string as argument."));
    }
    if let Some((_, status)) = known.iter().find(|(name, _)| *name == value) {
        return Ok(*status);
    }
    let names: Vec<String> = known.iter().map(|(name, _)| format!("'{name}'")).collect();
    let list = match names.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    };
    Err(format!("'{word}' only supports {list} status (got '{value}').."))
}

/// `200-399,404`
fn statuses(text: &str) -> Result<Vec<RangeInclusive<u16>>, String> {
    let mut list = Vec::new();
    for part in text.split(',').filter(|p| !p.is_empty()) {
        let number = |text: &str| -> Result<u16, String> {
            match text.chars().find(|c| !c.is_ascii_digit()) {
                Some(bad) => Err(format!("invalid character '{bad}' in the list of status codes.")),
                None => Ok(text.parse().unwrap_or(u16::MAX)),
            }
        };
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (number(low)?, number(high)?);
        if from > to {
            return Err(format!("invalid range of status codes '{part}'."));
        }
        list.push(from..=to);
    }
    Ok(list)
}

/// `hdr name [-m <match>] <name> [value [-m <match>] <value>]`; returns how many words it took, the keyword counted.
fn header(line: &Line<'_>, at: usize, word: &str) -> Result<(Pattern, usize), String> {
    if line.arg(at + 1) != "name" || line.arg(at + 2).is_empty() {
        return Err(format!("'{word}' expects at the name keyword as first argument followed by a pattern."));
    }
    let mut next = at + 2;
    let name = text_match(line, &mut next, word)?;
    let value = if line.arg(next) == "value" {
        next += 1;
        if line.arg(next).is_empty() {
            return Err(format!("'{word}' expects an header value as argument."));
        }
        Some(text_match(line, &mut next, word)?)
    } else {
        None
    };
    Ok((Pattern::Header { name, value, full: word == "fhdr" }, next - at))
}

fn text_match(line: &Line<'_>, next: &mut usize, word: &str) -> Result<TextMatch, String> {
    let mut method = "str".to_owned();
    if line.arg(*next) == "-m" {
        method = line.arg(*next + 1);
        *next += 2;
    }
    let text = line.arg(*next);
    *next += 1;
    let bytes = text.clone().into_bytes();
    Ok(match method.as_str() {
        "str" => TextMatch::Exact(bytes),
        "beg" => TextMatch::Begin(bytes),
        "end" => TextMatch::End(bytes),
        "sub" => TextMatch::Sub(bytes),
        "reg" => TextMatch::Regex(compile(&text).map_err(|(why, offset)| {
            format!("'{word}' : regex '{text}' is invalid (error={why}, erroffset={offset}).")
        })?),
        other => {
            return Err(format!(
                "'{word}' : '-m' only supports 'str', 'beg', 'end', 'sub' or 'reg' (got '{other}')."
            ));
        }
    })
}

fn compile(text: &str) -> Result<Regex, (String, usize)> {
    RegexBuilder::new().jit_if_available(true).build(text).map_err(|e| {
        let whole = e.to_string();
        let why = whole.rsplit_once(": ").map_or(whole.as_str(), |(_, why)| why).to_owned();
        (why, e.offset().unwrap_or(0))
    })
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    if let Some(bad) = text.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(format!("an hex digit is expected (found '{bad}')"));
    }
    if !text.len().is_multiple_of(2) {
        return Err("an even number of hex digit is expected".to_owned());
    }
    let pairs = text.as_bytes().chunks(2);
    Ok(pairs.filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect())
}

const BACK: Sections = Sections::BACK;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "http-check",
        BACK,
        Since(1, 4),
        "{ comment | connect | disable-on-404 | expect | send | send-state } ...",
        Set::Custom(http_check),
        "A step of HTTP checks.",
    ),
    row(
        "option httpchk",
        BACK,
        Since(1, 1),
        "[ <method> ] [ <uri> ] [ <version> ]",
        Set::Custom(httpchk),
        "Checks with HTTP requests.",
    ),
    row("option tcp-check", BACK, Since(1, 5), "", Set::Custom(option_tcp_check), "Checks with a script."),
    row(
        "tcp-check",
        BACK,
        Since(1, 5),
        "{ comment | connect | expect | send | send-binary } ...",
        Set::Custom(tcp_check),
        "A step of TCP checks.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lists() {
        assert_eq!(statuses("200-399,404"), Ok(vec![200..=399, 404..=404]));
        assert_eq!(statuses("399-200"), Err("invalid range of status codes '399-200'.".to_owned()));
        assert_eq!(statuses("x"), Err("invalid character 'x' in the list of status codes.".to_owned()));
    }

    #[test]
    fn httpchk_completes_the_first_send() {
        let decl = HttpChk { method: Some("GET".into()), uri: Some("/a".into()), version: None };
        let mut check = CheckDecl { httpchk: Some(decl), ..CheckDecl::default() };
        let request = |check: &CheckDecl| match http_steps(check).first() {
            Some(Step::HttpSend(r)) => format!("{} {}", r.method.escape_ascii(), r.uri.escape_ascii()),
            other => format!("{other:?}"),
        };
        assert_eq!(request(&check), "GET /a");
        let own = HttpRequest { uri: b"/own".to_vec(), ..HttpRequest::default() };
        check.http_steps.push(Step::HttpSend(own));
        check.first_send = Written { uri: true, ..Written::default() };
        assert_eq!(request(&check), "GET /own");
    }

    #[test]
    fn hexadecimal() {
        assert_eq!(hex("50494e47"), Ok(b"PING".to_vec()));
        assert_eq!(hex("5"), Err("an even number of hex digit is expected".to_owned()));
        assert_eq!(hex("zz"), Err("an hex digit is expected (found 'z')".to_owned()));
    }
}
