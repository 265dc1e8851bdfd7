//! `server`, `default-server` and the words after the address (configuration manual, section 5.2). What concerns checks is in
//! `server_check`.

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{ProxyDecl, ServerDecl};
use crate::known;
use crate::registry::{self, Row, Sections, Set, Since, row};
use ::balance::HashKey;
use config_text::spelling::nearest;
use config_text::{Place, Severity, Span, Word};
use log_format::{LogFormat, Purpose};
use sample::Place as At;
use std::sync::Arc;
use std::time::Duration;
use units::{Allowed, DelayError, Endpoint, Unit, lenient_int, parse_delay, parse_endpoint};

/// Words that a `default-server` line may not have.
const NOT_IN_DEFAULT: &[&str] = &["id"];

fn server(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let (name, address) = (line.arg(0), line.arg(1));
    if name.is_empty() || address.is_empty() {
        return Err(Refusal::fatal("'server' expects <name> and <addr>[:<port>] as arguments.").bracket());
    }
    if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-:".contains(*c))) {
        let text = format!("character '{bad}' is not permitted in server name '{name}'.");
        return Err(Refusal::fatal(text).bracket());
    }
    let title = format!("'server {}/{name}'", proxy.name);
    let refuse = |text: String| Refusal::fatal(format!("{title} : {text}")).bracket();
    let mut decl = proxy.default_server.clone();
    decl.name = name;
    decl.at = line.span;
    let endpoint = parse_endpoint(&address, Allowed::SERVER).map_err(|e| refuse(e.to_string()))?;
    match &endpoint {
        Endpoint::Unsupported(prefix) => {
            return Err(Refusal::not_built(&format!("server {prefix}")).bracket());
        }
        Endpoint::SockPair(fd) => {
            if let Some(why) = cx.host().descriptor_problem(*fd) {
                return Err(refuse(format!("cannot use file descriptor '{fd}' : {why}.")));
            }
        }
        _ => {}
    }
    decl.endpoint = Some(endpoint);
    let problems = options(&mut decl, line.rest(2), false, cx);
    problems.map_err(|problem| match problem {
        Wrong::Bad(text) => refuse(text),
        Wrong::Then(text, word) => processing(refuse(text), word, line.span, cx),
        Wrong::NotBuilt(word) => Refusal::not_built(&format!("server {word}")).bracket(),
        Wrong::Unknown(word) => match nearest(&word, known::bare(known::SERVER)) {
            Some(near) => refuse(format!("unknown keyword '{word}'; did you mean '{near}' maybe ?")),
            None => refuse(format!("unknown keyword '{word}'.")),
        },
    })?;
    if decl.check && decl.track.is_some() {
        return Err(refuse("unable to enable checks and tracking at the same time!".to_owned()));
    }
    if let Some(id) = decl.id
        && let Some(other) = proxy.servers.iter().find(|s| s.id == Some(id))
    {
        let text = format!(
            "'id' : custom id {id} already used at {}:{} ('server {}').",
            cx.file, other.at.line, other.name
        );
        return Err(refuse(text));
    }
    proxy.servers.push(decl);
    Ok(())
}

fn default_server(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let mut decl = proxy.default_server.clone();
    decl.at = line.span;
    let problems = options(&mut decl, line.args(), true, cx);
    problems.map_err(|problem| match problem {
        Wrong::Bad(text) => Refusal::fatal(text).bracket(),
        Wrong::Then(text, word) => processing(Refusal::fatal(text).bracket(), word, line.span, cx),
        Wrong::NotBuilt(word) => Refusal::not_built(&format!("default-server {word}")).bracket(),
        Wrong::Unknown(word) => {
            let mut text = format!("unknown keyword '{word}'");
            match nearest(&word, known::bare(known::SERVER)) {
                Some(near) => text.push_str(&format!("; did you mean '{near}' maybe ?")),
                None => text.push('.'),
            }
            text.push_str(" Hint: no address was expected for this server.");
            Refusal::fatal(text).bracket()
        }
    })?;
    proxy.default_server = decl;
    Ok(())
}

/// Tells a refusal; what is left to tell is that a word could not be processed.
fn processing(first: Refusal, word: &str, span: Span, cx: &mut Cx<'_>) -> Refusal {
    cx.tell(Severity::Alert, "bad-line", first.place, Some(span), first.text);
    let mut second = Refusal::fatal(format!("error encountered while processing '{word}'."));
    second.place = Place::None;
    second
}

enum Wrong {
    Unknown(String),
    NotBuilt(String),
    Bad(String),
    /// A text, and a word for an alert after it.
    Then(String, &'static str),
}

fn options(server: &mut ServerDecl, words: &[Word], default: bool, cx: &mut Cx<'_>) -> Result<(), Wrong> {
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|w| !w.text.is_empty()) {
        let name = word.lossy();
        if name.starts_with("set-proxy-v2-tlv-fmt") {
            let text = words.get(at + 1).map(Word::lossy).unwrap_or_default();
            tlv_format(server, &name, &text, cx)?;
            at += 2;
            continue;
        }
        let Some(row) = registry::find(registry::SERVER, std::slice::from_ref(&name)) else {
            if known::bare(known::SERVER).any(|known| known == name) {
                return Err(Wrong::NotBuilt(name));
            }
            return Err(Wrong::Unknown(name));
        };
        let takes = match row.name {
            "source" => super::source::words(words.get(at + 1..).unwrap_or_default()),
            _ => usize::from(!row.args.is_empty()),
        };
        if default && NOT_IN_DEFAULT.contains(&name.as_str()) {
            // HAPROXY: an alert that does not refuse the configuration.
            let text = format!("'{name}' option is not accepted in default-server sections");
            cx.tell(Severity::Alert, "not-in-default-server", Place::Bracket, Some(word.span), text);
            at += 1 + takes;
            continue;
        }
        let line = Line {
            words: words.get(at..).unwrap_or_default(),
            named: 1,
            span: word.span,
            negated: false,
            defaulted: false,
        };
        row.apply(server, &line, cx).map_err(|refusal| match refusal.code {
            "not-implemented" => Wrong::NotBuilt(name),
            word @ ("usesrc" | "interface") => Wrong::Then(refusal.text, word),
            _ => Wrong::Bad(refusal.text),
        })?;
        at += 1 + takes;
    }
    Ok(())
}

/// The word's value, or the reference's text about its absence.
pub(super) fn value(line: &Line<'_>, expects: &str) -> Result<String, Refusal> {
    let value = line.arg(0);
    if value.is_empty() {
        return Err(Refusal::fatal(format!("'{}' expects {expects} as argument..", line.name())));
    }
    Ok(value)
}

fn unsigned(line: &Line<'_>) -> u32 {
    u32::try_from(lenient_int(&line.arg(0))).unwrap_or(0)
}

fn id(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal("'id' : expects an integer argument."));
    }
    match u32::try_from(lenient_int(&text)) {
        Ok(id) if id > 0 => {
            server.id = Some(id);
            Ok(())
        }
        _ => Err(Refusal::fatal("'id' : custom id has to be > 0.")),
    }
}

fn weight(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let weight = lenient_int(&line.arg(0));
    match u32::try_from(weight) {
        Ok(weight) if weight <= 256 => {
            server.weight = weight;
            Ok(())
        }
        _ => Err(Refusal::fatal(format!(
            "weight of server {} is not within 0 and 256 ({weight})..",
            server.name
        ))),
    }
}

fn backup(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.backup = line.name() == "backup";
    Ok(())
}

fn disabled(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.disabled = line.name() == "disabled";
    Ok(())
}

fn maxconn(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.maxconn = unsigned(line);
    Ok(())
}

fn minconn(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.minconn = unsigned(line);
    Ok(())
}

fn maxqueue(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.maxqueue = unsigned(line);
    Ok(())
}

fn cookie(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.cookie = Some(value(line, "<value>")?);
    Ok(())
}

fn redir(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let prefix = value(line, "<prefix>")?;
    // A trailing slash would be doubled by the request's own.
    server.redir = Some(prefix.strip_suffix('/').unwrap_or(&prefix).to_owned());
    Ok(())
}

fn slowstart(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    // HAPROXY: the value is kept in whole seconds, rounded up.
    let delay = parse_delay(&text, Unit::Milliseconds).map_err(|e| match e {
        DelayError::Overflow => Refusal::fatal(format!(
            "overflow in argument <{text}> to <slowstart> of server {}, maximum value is 2147483647 ms (~24.8 days)..",
            server.name
        )),
        // HAPROXY: the end of the text cuts the message.
        DelayError::Unexpected('\0') => Refusal::fatal("unexpected character '."),
        DelayError::Unexpected(c) => Refusal::fatal(format!(
            "unexpected character '{c}' in 'slowstart' argument of server {}..",
            server.name
        )),
    })?;
    let seconds = delay.as_millis().div_ceil(1000);
    server.slowstart = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
    Ok(())
}

fn hash_key(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.hash_key = match line.arg(0).as_str() {
        "id" => HashKey::Id,
        "addr" => HashKey::Addr,
        "addr-port" => HashKey::AddrPort,
        _ => return Err(Refusal::fatal("'hash-key' has to be 'id', 'addr', or 'addr-port'.")),
    };
    Ok(())
}

fn on_marked_down(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    match line.arg(0).as_str() {
        "shutdown-sessions" => {
            server.shutdown_on_down = true;
            Ok(())
        }
        other => {
            Err(Refusal::fatal(format!("'on-marked-down' expects 'shutdown-sessions' but got '{other}'.")))
        }
    }
}

fn on_marked_up(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    match line.arg(0).as_str() {
        "shutdown-backup-sessions" => {
            server.shutdown_backup_on_up = true;
            Ok(())
        }
        other => Err(Refusal::fatal(format!(
            "'on-marked-up' expects 'shutdown-backup-sessions' but got '{other}'."
        ))),
    }
}

fn pool_max_conn(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal("'pool-max-conn' expects <value> as argument."));
    }
    let most = lenient_int(&text);
    if most < -1 {
        return Err(Refusal::fatal("'pool-max-conn' must be >= -1."));
    }
    server.pool_max_conn = most;
    Ok(())
}

/// HAPROXY: a limit of HTTP/2 connections; those of HTTP/1 do not look at it.
fn max_reuse(_: &mut ServerDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    value(line, "<value>")?;
    cx.notice(line.span, "'max-reuse' has no effect on HTTP/1 connections.".to_owned());
    Ok(())
}

fn pool_low_conn(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.pool_low_conn = u32::try_from(lenient_int(&value(line, "<value>")?)).unwrap_or(0);
    Ok(())
}

fn pool_purge_delay(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal("'pool-purge-delay' expects <value> as argument."));
    }
    server.pool_purge_delay = parse_delay(&text, Unit::Milliseconds).map_err(|e| match e {
        DelayError::Overflow => Refusal::fatal(format!(
            "timer overflow in argument '{text}' to 'pool-purge-delay' (maximum value is 2147483647 ms or ~24.8 days)"
        )),
        DelayError::Unexpected(c) => {
            Refusal::fatal(format!("unexpected character '{c}' in argument to <pool-purge-delay>.."))
        }
    })?;
    Ok(())
}

fn send_proxy(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let name = line.name();
    server.send_proxy = match name.as_str() {
        "send-proxy" => 1,
        "send-proxy-v2" | "send-proxy-v2-ssl" | "send-proxy-v2-ssl-cn" => 2,
        _ => 0,
    };
    if name.contains("-ssl") {
        server.proxy_v2.tls = server.send_proxy > 0;
    }
    Ok(())
}

fn proxy_v2_options(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    for option in line.arg(0).split(',') {
        let options = &mut server.proxy_v2;
        match option {
            // Without TLS there is no name, cipher, signature or key to tell.
            "ssl" | "cert-cn" | "ssl-cipher" | "cert-sig" | "cert-key" => options.tls = true,
            "unique-id" => options.unique_id = true,
            "authority" => options.authority = true,
            "crc32c" => options.checksum = true,
            _ => return Err(Refusal::fatal(format!("'{option}' : proxy v2 option not implemented."))),
        }
    }
    Ok(())
}

/// `set-proxy-v2-tlv-fmt(<id>) <fmt>`: the id is part of the word.
fn tlv_format(server: &mut ServerDecl, word: &str, text: &str, cx: &mut Cx<'_>) -> Result<(), Wrong> {
    let bad = |why: &str| Wrong::Bad(format!("'{word}' : {why}"));
    let Some(rest) = word.strip_prefix("set-proxy-v2-tlv-fmt(") else {
        return Err(bad("expects set-proxy-v2-tlv(<TLV ID>)."));
    };
    let Some(id) = rest.strip_suffix(')') else { return Err(bad("expects set-proxy-v2-tlv(<TLV ID>).")) };
    let number = match id.strip_prefix("0x").or_else(|| id.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => id.parse(),
    };
    let number = number.map_err(|_| bad("could not convert TLV ID."))?;
    let kind = u8::try_from(number).map_err(|_| bad("the maximum allowed TLV ID is 255."))?;
    let format = super::proxy::with_places(cx, &[At::BackendHttpRequest], |cx| {
        LogFormat::parse(text.as_bytes(), Purpose::Header, &mut cx.parse)
    })
    .map_err(|problem| Wrong::Bad(problem.message))?;
    server.proxy_v2.custom.push((kind, Arc::new(format)));
    Ok(())
}

fn weightless(_: &mut ServerDecl, _: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    Ok(())
}

const B: Sections = Sections::BACKEND;

/// The lines themselves.
pub(crate) const LINES: &[Row<ProxyDecl>] = &[
    row(
        "default-server",
        Sections::BACK,
        Since(1, 4),
        "[param*]",
        Set::Custom(default_server),
        "What servers that follow start from.",
    ),
    row(
        "server",
        B,
        Since(1, 1),
        "<name> <address>[:[port]] [param*]",
        Set::Custom(server),
        "A server of the backend.",
    ),
    row(
        "source",
        Sections::BACK,
        Since(1, 1),
        "<addr>[:<port>]",
        Set::Custom(super::source::of_backend),
        "Address to connect from to the backend's servers.",
    ),
];

/// Rows of the words after an address. A row with arguments takes one word.
pub(crate) const KEYWORDS: &[Row<ServerDecl>] = &[
    row("backup", B, Since(1, 1), "", Set::Custom(backup), "Used when the others are gone."),
    row("cookie", B, Since(1, 1), "<value>", Set::Custom(cookie), "Value of the persistence cookie."),
    row("disabled", B, Since(1, 5), "", Set::Custom(disabled), "Starts in maintenance."),
    row("enabled", B, Since(1, 8), "", Set::Custom(disabled), "Starts in service."),
    row("hash-key", B, Since(2, 9), "<key>", Set::Custom(hash_key), "What places the server on the ring."),
    row("id", B, Since(1, 4), "<value>", Set::Custom(id), "The server's number."),
    row(
        "init-addr",
        B,
        Since(1, 7),
        "{last | libc | none | <ip>},[...]",
        Set::Custom(super::source::init_addr),
        "How the first address is found.",
    ),
    row(
        "max-reuse",
        B,
        Since(2, 4),
        "<count>",
        Set::Custom(max_reuse),
        "Most requests of an HTTP/2 connection.",
    ),
    row("maxconn", B, Since(1, 1), "<maxconn>", Set::Custom(maxconn), "Most connections of the server."),
    row("maxqueue", B, Since(1, 3), "<maxqueue>", Set::Custom(maxqueue), "Longest queue of the server."),
    row("minconn", B, Since(1, 1), "<minconn>", Set::Custom(minconn), "Connections at low load."),
    row(
        "namespace",
        B,
        Since(1, 6),
        "<name>",
        Set::Custom(super::source::namespace),
        "Network namespace to connect in.",
    ),
    row("no-backup", B, Since(1, 8), "", Set::Custom(backup), "Not a backup server."),
    row("no-send-proxy", B, Since(1, 8), "", Set::Custom(send_proxy), "Sends no PROXY protocol header."),
    row("no-send-proxy-v2", B, Since(1, 8), "", Set::Custom(send_proxy), "Sends no PROXY protocol header."),
    row(
        "no-send-proxy-v2-ssl",
        B,
        Since(1, 8),
        "",
        Set::Custom(send_proxy),
        "Sends no PROXY protocol header.",
    ),
    row(
        "no-send-proxy-v2-ssl-cn",
        B,
        Since(1, 8),
        "",
        Set::Custom(send_proxy),
        "Sends no PROXY protocol header.",
    ),
    row(
        "no-ssl",
        B,
        Since(1, 8),
        "",
        Set::Custom(weightless),
        "No TLS towards the server; there is none yet.",
    ),
    row("no-tfo", B, Since(2, 1), "", Set::Custom(super::source::tfo), "No TCP fast open."),
    row(
        "on-marked-down",
        B,
        Since(1, 5),
        "<action>",
        Set::Custom(on_marked_down),
        "What happens when the server goes down.",
    ),
    row(
        "on-marked-up",
        B,
        Since(1, 5),
        "<action>",
        Set::Custom(on_marked_up),
        "What happens when the server comes back.",
    ),
    row(
        "pool-low-conn",
        B,
        Since(2, 4),
        "<max>",
        Set::Custom(pool_low_conn),
        "Idle connections that other threads leave alone.",
    ),
    row("pool-max-conn", B, Since(1, 9), "<max>", Set::Custom(pool_max_conn), "Most idle connections kept."),
    row(
        "pool-purge-delay",
        B,
        Since(1, 9),
        "<delay>",
        Set::Custom(pool_purge_delay),
        "Interval of purging idle connections.",
    ),
    row(
        "proxy-v2-options",
        B,
        Since(1, 9),
        "<option>[,<option>]*",
        Set::Custom(proxy_v2_options),
        "What a PROXY protocol header of version 2 says beyond the addresses.",
    ),
    row(
        "redir",
        B,
        Since(1, 3),
        "<prefix>",
        Set::Custom(redir),
        "Redirects to the server instead of forwarding.",
    ),
    row(
        "send-proxy",
        B,
        Since(1, 5),
        "",
        Set::Custom(send_proxy),
        "Sends a PROXY protocol header, version 1.",
    ),
    row(
        "send-proxy-v2",
        B,
        Since(1, 5),
        "",
        Set::Custom(send_proxy),
        "Sends a PROXY protocol header, version 2.",
    ),
    row(
        "send-proxy-v2-ssl",
        B,
        Since(1, 5),
        "",
        Set::Custom(send_proxy),
        "Sends a PROXY protocol header with facts of TLS.",
    ),
    row(
        "send-proxy-v2-ssl-cn",
        B,
        Since(1, 5),
        "",
        Set::Custom(send_proxy),
        "Sends a PROXY protocol header with facts of TLS.",
    ),
    row(
        "slowstart",
        B,
        Since(1, 3),
        "<start_time>",
        Set::Custom(slowstart),
        "Time until a server that comes back carries its full load.",
    ),
    row(
        "source",
        B,
        Since(1, 1),
        "<addr>[:<port>[-<port>]] [usesrc ...] [interface <name>]",
        Set::Custom(super::source::of_server),
        "Address to connect from.",
    ),
    row(
        "tcp-ut",
        B,
        Since(1, 5),
        "<delay>",
        Set::Custom(super::source::tcp_ut),
        "Time for the server to acknowledge data.",
    ),
    row("tfo", B, Since(2, 1), "", Set::Custom(super::source::tfo), "TCP fast open."),
    row(
        "usesrc",
        B,
        Since(1, 5),
        "<address>",
        Set::Custom(super::source::lonely_usesrc),
        "Address that the server sees; only after `source`.",
    ),
    row("weight", B, Since(1, 1), "<weight>", Set::Custom(weight), "Share of the load."),
];
