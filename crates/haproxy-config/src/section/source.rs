//! `source` of a backend and of a server, and the other words of a `server` line about how its connections are made: `namespace`,
//! `tcp-ut`, `tfo`.

use super::bind::{host_address, user_timeout};
use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{ProxyDecl, ServerDecl};
use crate::runtime::ServerNamespace;
use crate::source::{SourceOptions, UseSrc};
use std::net::SocketAddr;
use units::{Allowed, Endpoint, Ports, lenient_int, parse_endpoint};

/// An address and its ports, first and last.
type Place = (SocketAddr, Option<(u16, u16)>);

fn place(text: &str, allowed: Allowed, cx: &Cx<'_>) -> Result<Option<Place>, String> {
    let Endpoint::Inet { host, ports, .. } = parse_endpoint(text, allowed).map_err(|e| e.to_string())? else {
        return Ok(None);
    };
    let ip = host_address(&host, cx).map_err(|name| format!("invalid address: '{name}' in '{text}'"))?;
    Ok(Some(match ports {
        Ports::Range(low, high) if low != high => (SocketAddr::new(ip, 0), Some((low, high))),
        Ports::Range(port, _) => (SocketAddr::new(ip, port), None),
        Ports::None | Ports::Offset(_) => (SocketAddr::new(ip, 0), None),
    }))
}

/// One address without a range.
const ONE: Allowed = Allowed { range: false, ..Allowed::SOURCE };

/// The word after `usesrc`. `expects` is what stands in the refusal of nothing.
fn usesrc(text: &str, expects: &str, cx: &Cx<'_>) -> Result<UseSrc, Refusal> {
    match text {
        "" => {
            return Err(Refusal::fatal(format!("'usesrc' expects <addr>[:<port>], {expects} as argument.")));
        }
        "client" => return Ok(UseSrc::Client),
        "clientip" => return Ok(UseSrc::ClientIp),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix("hdr_ip(") {
        let inner = rest.split(')').next().unwrap_or_default();
        let (name, occurrence) = inner.split_once(',').map_or((inner, "-1"), |(n, o)| (n, o));
        let occurrence = lenient_int(occurrence);
        // HAPROXY: ten values back is as far as it looks.
        if occurrence < -10 {
            return Err(Refusal::fatal(
                "usesrc hdr_ip(name,num) does not support negative occurrences values smaller than 10.",
            ));
        }
        let name = name.trim().to_ascii_lowercase().into_bytes();
        return Ok(UseSrc::Header(name, i32::try_from(occurrence).unwrap_or(i32::MAX)));
    }
    let refuse = |why: String| Refusal::fatal(format!("'usesrc {text}' : {why}"));
    match place(text, ONE, cx).map_err(refuse)? {
        Some((address, _)) => Ok(UseSrc::Address(address)),
        None => Err(Refusal::not_built("usesrc")),
    }
}

/// A refusal that an alert `error encountered while processing '<word>'.` follows.
fn then(refusal: Refusal, word: &'static str) -> Refusal {
    if refusal.code == "not-implemented" { refusal } else { Refusal { code: word, ..refusal } }
}

/// How many words after `source` belong to it.
pub(super) fn words(line: &[config_text::Word]) -> usize {
    let mut count = 1;
    while line.get(count).is_some_and(|word| matches!(word.lossy().as_str(), "usesrc" | "interface")) {
        count += 2;
    }
    count
}

/// `source` on a `server` line.
pub(super) fn of_server(server: &mut ServerDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal(
            "'source' expects <addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' <name> as argument..",
        ));
    }
    let refuse = |why: String| Refusal::fatal(format!("'source {text}' : {why}."));
    let Some((address, ports)) = place(&text, Allowed::SOURCE, cx).map_err(refuse)? else {
        return Err(Refusal::not_built("source"));
    };
    let mut options = SourceOptions { ports, ..SourceOptions::default() };
    let mut at = 1;
    loop {
        let argument = line.arg(at + 1);
        match line.arg(at).as_str() {
            "usesrc" => {
                let expects = "'client', 'clientip', or 'hdr_ip(name,#)'";
                options.usesrc = Some(usesrc(&argument, expects, cx).map_err(|r| then(r, "usesrc"))?);
            }
            "interface" if argument.is_empty() => {
                return Err(then(Refusal::fatal("'server' : missing interface name."), "interface"));
            }
            "interface" => options.interface = Some(argument),
            _ => break,
        }
        at += 2;
    }
    server.source = Some((address, options));
    Ok(())
}

/// `usesrc` on its own.
pub(super) fn lonely_usesrc(_: &mut ServerDecl, _: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    Err(Refusal::fatal("'usesrc' only allowed after a 'source' statement.."))
}

/// `source` of a whole backend.
pub(super) fn of_backend(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal(
            "'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>.",
        ));
    }
    let refuse = |why: String| Refusal::fatal(format!("'source {text}' : {why}"));
    let Some((address, _)) = place(&text, ONE, cx).map_err(refuse)? else {
        return Err(Refusal::not_built("source"));
    };
    let mut options = SourceOptions::default();
    let mut at = 1;
    loop {
        let argument = line.arg(at + 1);
        match line.arg(at).as_str() {
            "" => break,
            "usesrc" => options.usesrc = Some(usesrc(&argument, "'client', or 'clientip'", cx)?),
            "interface" if argument.is_empty() => {
                return Err(Refusal::fatal("'source' : missing interface name."));
            }
            "interface" => options.interface = Some(argument),
            _ => {
                return Err(Refusal::fatal(
                    "'source' only supports optional keywords 'interface' and 'usesrc'.",
                ));
            }
        }
        at += 2;
    }
    proxy.source.set(Some((address, options)), line.span, cx.section);
    Ok(())
}

/// `namespace` on a `server` line.
pub(super) fn namespace(server: &mut ServerDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = line.arg(0);
    match name.as_str() {
        "" => return Err(Refusal::fatal("'namespace' : expects <name> as argument.")),
        "*" => {
            server.namespace = Some(ServerNamespace::OfClient);
            return Ok(());
        }
        _ => {}
    }
    if !cx.host().has_namespace(&name) {
        return Err(Refusal::fatal(format!("Cannot open namespace '{name}'.")));
    }
    server.namespace = Some(ServerNamespace::Named(name));
    Ok(())
}

/// `tcp-ut` on a `server` line.
pub(super) fn tcp_ut(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.user_timeout = user_timeout(line).map_err(|refusal| {
        let text = format!("{}.", refusal.text);
        Refusal { text, ..refusal }
    })?;
    Ok(())
}

/// `tfo` and `no-tfo` on a `server` line.
pub(super) fn tfo(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    server.fast_open = line.name() == "tfo";
    Ok(())
}

/// `init-addr`: the ways to a first address, in order.
pub(super) fn init_addr(server: &mut ServerDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    use crate::declared::InitAddr;
    let mut methods = Vec::new();
    for method in line.arg(0).split(',').filter(|m| !m.is_empty()) {
        methods.push(match method {
            "libc" => InitAddr::Libc,
            "last" => InitAddr::Last,
            "none" => InitAddr::None,
            _ => match method.parse() {
                Ok(ip) => InitAddr::Ip(ip),
                Err(_) => {
                    return Err(Refusal::fatal(format!(
                        "'init-addr' : unknown init-addr method '{method}', supported methods are 'libc', 'last', 'none'.."
                    )));
                }
            },
        });
    }
    server.init_addr = methods;
    Ok(())
}
