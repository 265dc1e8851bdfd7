//! `bind` and the words after its address (configuration manual, section 5.1).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{BindDecl, ProxyDecl, UnixBind};
use crate::known;
use crate::registry::{self, Row, Sections, Set, Since, row};
use crate::runtime::{Level, SeverityOutput};
use crate::threads::{MAX_THREADS, Shards, parse_threads};
use config_text::spelling::nearest;
use config_text::{Place, Severity, Word};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use units::{
    Address, Allowed, DelayError, Endpoint, Family, HostPart, Ports, Unit, lenient_int, parse_delay,
    parse_endpoint,
};

/// Why the words after an address are refused.
pub(crate) enum OptionProblem {
    /// No such word.
    Unknown(String),
    /// A word that is known and not built.
    NotBuilt(String),
    /// A bad value; the reference's text.
    Bad(String),
}

/// Why an address is refused.
pub(crate) enum AddressProblem {
    /// A transport that is known and not built.
    NotBuilt(&'static str),
    /// The reference's text.
    Bad(String),
}

/// The address of a host; the name when it cannot be resolved.
pub(crate) fn host_address(host: &HostPart, cx: &Cx<'_>) -> Result<IpAddr, String> {
    match host {
        HostPart::Any(Family::V6) => Ok(Ipv6Addr::UNSPECIFIED.into()),
        HostPart::Any(_) => Ok(Ipv4Addr::UNSPECIFIED.into()),
        HostPart::Ip(ip) => Ok(*ip),
        HostPart::Name(name, family) => {
            let fits = |ip: &IpAddr| match family {
                Family::Either => true,
                Family::V4 => ip.is_ipv4(),
                Family::V6 => ip.is_ipv6(),
            };
            cx.host().resolve(name).filter(fits).ok_or_else(|| name.clone())
        }
    }
}

/// Every address of a comma-separated list, one a port.
pub(crate) fn addresses(written: &str, unix: &UnixBind, cx: &Cx<'_>) -> Result<Vec<Address>, AddressProblem> {
    let mut found = Vec::new();
    let mut parts: Vec<&str> = written.split(',').collect();
    // HAPROXY: a comma at the end is no address.
    if parts.len() > 1 && parts.last() == Some(&"") {
        parts.pop();
    }
    for part in parts {
        let bad = |text: String| AddressProblem::Bad(text);
        match parse_endpoint(part, Allowed::BIND).map_err(|e| bad(e.to_string()))? {
            Endpoint::Unix(path, _) => {
                let path = match &unix.prefix {
                    Some(prefix) => PathBuf::from(format!("{prefix}{}", path.display())),
                    None => path,
                };
                found.push(Address::Unix(path));
            }
            Endpoint::Abns(name) => found.push(Address::Abns(name)),
            Endpoint::Fd(fd) => {
                if let Some(why) = cx.host().descriptor_problem(fd) {
                    return Err(bad(format!("cannot use file descriptor '{fd}' : {why}.")));
                }
                found.push(Address::Fd(fd));
            }
            Endpoint::SockPair(fd) => {
                if let Some(why) = cx.host().descriptor_problem(fd) {
                    return Err(bad(format!("cannot use file descriptor '{fd}' : {why}.")));
                }
                found.push(Address::SockPair(fd));
            }
            Endpoint::Unsupported(prefix) => return Err(AddressProblem::NotBuilt(prefix)),
            Endpoint::Inet { host, ports, .. } => {
                let ip = host_address(&host, cx)
                    .map_err(|name| bad(format!("invalid address: '{name}' in '{part}'")))?;
                if let Ports::Range(low, high) = ports {
                    found.extend((low..=high).map(|port| Address::Inet(SocketAddr::new(ip, port))));
                }
            }
        }
    }
    Ok(found)
}

/// Applies the words after an address.
pub(crate) fn options(bind: &mut BindDecl, words: &[Word], cx: &mut Cx<'_>) -> Result<(), OptionProblem> {
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|w| !w.text.is_empty()) {
        let name = word.lossy();
        let Some(row) = registry::find(registry::BIND, std::slice::from_ref(&name)) else {
            if known::bind_words().any(|known| known == name) {
                return Err(OptionProblem::NotBuilt(name));
            }
            return Err(OptionProblem::Unknown(name));
        };
        let line = Line {
            words: words.get(at..).unwrap_or_default(),
            named: 1,
            span: word.span,
            negated: false,
            defaulted: false,
        };
        row.apply(bind, &line, cx).map_err(|refusal| {
            if refusal.code == "not-implemented" {
                OptionProblem::NotBuilt(name)
            } else {
                OptionProblem::Bad(refusal.text)
            }
        })?;
        at += if row.args.is_empty() { 1 } else { 2 };
    }
    Ok(())
}

fn bind(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let written = line.arg(0);
    if written.is_empty() {
        return Err(Refusal::fatal(
            "'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments.",
        ));
    }
    let addresses = addresses(&written, &cx.unix_bind.clone(), cx).map_err(|problem| match problem {
        AddressProblem::Bad(text) => Refusal::fatal(format!("'bind' : {text}")),
        AddressProblem::NotBuilt(prefix) => Refusal::not_built(&format!("bind {prefix}")),
    })?;
    let section = proxy.kind.keyword();
    let place = format!("'bind {written}' in section '{section}'");
    let mut template = BindDecl::new(&written, line.span);
    options(&mut template, line.rest(1), cx).map_err(|problem| match problem {
        OptionProblem::Bad(text) => Refusal::fatal(format!("{place} : {text}")),
        OptionProblem::NotBuilt(word) => Refusal::not_built(&format!("bind {word}")),
        OptionProblem::Unknown(word) => match nearest(&word, known::bind_words()) {
            Some(near) => {
                Refusal::fatal(format!("{place}: unknown keyword '{word}'; did you mean '{near}' maybe ?"))
            }
            None => Refusal::fatal(format!("{place}: unknown keyword '{word}'.")),
        },
    })?;
    if let Some(id) = template.id {
        if addresses.len() > 1 {
            return Err(Refusal::fatal(format!("{place} : 'id' can only be used with a single socket")));
        }
        if let Some(other) = proxy.binds.iter().find(|b| b.id == Some(id)) {
            return Err(Refusal::fatal(format!(
                "{place} : 'id' : custom id {id} already used at {}:{} ('bind {}')",
                cx.file, other.at.line, other.written
            )));
        }
    }
    let unix = cx.unix_bind.clone();
    proxy.binds.extend(addresses.into_iter().map(|address| {
        let mut bind = template.clone();
        bind.apply_unix_defaults(&unix, &address);
        bind.address = Some(address);
        bind
    }));
    Ok(())
}

/// The word's value, or the reference's text about its absence.
fn value(line: &Line<'_>, what: &str) -> Result<String, Refusal> {
    let value = line.arg(0);
    if value.is_empty() {
        Err(Refusal::fatal(format!("'{}' : missing {what}", line.name())))
    } else {
        Ok(value)
    }
}

fn number(line: &Line<'_>) -> Result<i64, Refusal> {
    Ok(lenient_int(&value(line, "value")?))
}

fn unsigned(line: &Line<'_>) -> Result<u32, Refusal> {
    let name = line.name();
    let number = number(line)?;
    u32::try_from(number).map_err(|_| {
        let least = if name == "maxconn" { ">= 0" } else { "> 0" };
        Refusal::fatal(format!("'{name}' : invalid value {number}, must be {least}"))
    })
}

fn id(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal("'id' : expects an integer argument"));
    }
    let Ok(id) = text.parse::<i64>() else {
        return Err(Refusal::fatal(format!("'id' : expects an integer argument, found '{text}'")));
    };
    match u32::try_from(id) {
        Ok(id) if id > 0 => {
            bind.id = Some(id);
            Ok(())
        }
        _ => Err(Refusal::fatal("'id' : custom id has to be > 0")),
    }
}

fn name(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.name = Some(value(line, "name")?);
    Ok(())
}

fn maxconn(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.maxconn = unsigned(line)?;
    Ok(())
}

fn backlog(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.backlog = unsigned(line)?;
    Ok(())
}

fn mode(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    match u32::from_str_radix(&text, 8) {
        Ok(mode) => {
            bind.unix_mode = Some(mode);
            Ok(())
        }
        Err(_) => {
            Err(Refusal::fatal(format!("'mode' : missing or invalid mode '{text}' (octal integer expected)")))
        }
    }
}

fn user(bind: &mut BindDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = value(line, "user name")?;
    bind.unix_uid = Some(
        cx.host()
            .user_id(&name)
            .ok_or_else(|| Refusal::fatal(format!("'user' : unknown user name '{name}'")))?,
    );
    Ok(())
}

fn group(bind: &mut BindDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = value(line, "group name")?;
    bind.unix_gid = Some(
        cx.host()
            .group_id(&name)
            .ok_or_else(|| Refusal::fatal(format!("'group' : unknown group name '{name}'")))?,
    );
    Ok(())
}

fn uid(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.unix_uid = u32::try_from(number(line)?).ok();
    Ok(())
}

fn gid(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.unix_gid = u32::try_from(number(line)?).ok();
    Ok(())
}

fn level(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.level = Some(match value(line, "level")?.as_str() {
        "user" => Level::User,
        "operator" => Level::Operator,
        "admin" => Level::Admin,
        other => {
            return Err(Refusal::fatal(format!(
                "'level' only supports 'user', 'operator', and 'admin' (got '{other}')"
            )));
        }
    });
    Ok(())
}

fn expose_fd(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    match value(line, "fd type")?.as_str() {
        "listeners" => {
            bind.expose_listeners = true;
            Ok(())
        }
        other => Err(Refusal::fatal(format!("'expose-fd' only supports 'listeners' (got '{other}')"))),
    }
}

fn interface(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.interface = Some(value(line, "interface name")?);
    Ok(())
}

fn nice(bind: &mut BindDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let nice = number(line)?;
    match i32::try_from(nice) {
        Ok(n) if (-1024..=1024).contains(&n) => {
            // A thread's tasks run in turn here: nothing can be preferred.
            cx.notice(line.span, "'bind nice' is accepted but has no effect in haproxy-rs.".to_owned());
            bind.nice = n;
            Ok(())
        }
        _ => Err(Refusal::fatal(format!("'nice' : invalid value {nice}, allowed range is -1024..1024"))),
    }
}

fn severity_output(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.severity = match value(line, "severity format")?.as_str() {
        "none" => SeverityOutput::None,
        "number" => SeverityOutput::Number,
        "string" => SeverityOutput::String,
        other => {
            return Err(Refusal::fatal(format!(
                "'severity-output' only supports 'none', 'number', and 'string' (got '{other}')"
            )));
        }
    };
    Ok(())
}

fn mss(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let size = lenient_int(&value(line, "MSS value")?);
    match i32::try_from(size) {
        Ok(size) if (1..=65535).contains(&size.unsigned_abs()) => {
            bind.mss = Some(size);
            Ok(())
        }
        _ => Err(Refusal::fatal("'mss' : expects an MSS with and absolute value between 1 and 65535")),
    }
}

/// `tcp-ut`, ms; none is the kernel's.
pub(super) fn user_timeout(line: &Line<'_>) -> Result<Option<u32>, Refusal> {
    let text = value(line, "TCP User Timeout value")?;
    let delay = parse_delay(&text, Unit::Milliseconds).map_err(|e| match e {
        DelayError::Overflow => Refusal::fatal(format!(
            "timer overflow in argument '{text}' to 'tcp-ut' (maximum value is 2147483647 ms or ~24.8 days)"
        )),
        DelayError::Unexpected(_) => Refusal::fatal("'tcp-ut' : expects a positive delay in milliseconds"),
    })?;
    Ok(u32::try_from(delay.as_millis()).ok().filter(|ms| *ms > 0))
}

fn tcp_ut(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.user_timeout = user_timeout(line)?;
    Ok(())
}

fn tfo(bind: &mut BindDecl, _: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.fast_open = true;
    Ok(())
}

fn namespace(bind: &mut BindDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = value(line, "namespace id")?;
    if !cx.host().has_namespace(&name) {
        let text = format!("Cannot open namespace '{name}'.");
        cx.tell(Severity::Alert, "no-namespace", Place::None, None, text);
        return Err(Refusal::fatal("error encountered while processing 'namespace'."));
    }
    bind.namespace = Some(name);
    Ok(())
}

fn thread(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.threads.extend(parse_threads(&line.arg(0)).map_err(|text| Refusal::fatal(format!("{text}.")))?);
    Ok(())
}

fn process(_: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    Err(Refusal::fatal(format!(
        "'process {}' on 'bind' lines is not supported anymore, please use 'thread' instead.",
        line.arg(0)
    )))
}

fn shards(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let text = value(line, "value")?;
    bind.shards = Some(match text.as_str() {
        "by-thread" => Shards::ByThread,
        "by-group" => Shards::ByGroup,
        _ => {
            let number = lenient_int(&text);
            match usize::try_from(number) {
                Ok(count) if (1..=MAX_THREADS).contains(&count) => Shards::Number(count),
                _ => {
                    return Err(Refusal::fatal(format!(
                        "'shards' : invalid value {number}, allowed range is 1..{MAX_THREADS} or 'by-thread'"
                    )));
                }
            }
        }
    });
    Ok(())
}

fn accept_proxy(bind: &mut BindDecl, _: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.accept_proxy = true;
    Ok(())
}

fn accept_netscaler_cip(bind: &mut BindDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    // HAPROXY: the low 32 bits of a decimal number.
    match lenient_int(&value(line, "value")?) as u32 {
        0 => Err(Refusal::fatal("'accept-netscaler-cip' : invalid value 0, must be >= 0")),
        magic => {
            bind.netscaler_cip = Some(magic);
            Ok(())
        }
    }
}

fn defer_accept(bind: &mut BindDecl, _: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.defer_accept = true;
    Ok(())
}

fn transparent(bind: &mut BindDecl, _: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.transparent = true;
    Ok(())
}

fn v4v6(bind: &mut BindDecl, _: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.v6only = Some(false);
    Ok(())
}

fn v6only(bind: &mut BindDecl, _: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    bind.v6only = Some(true);
    Ok(())
}

const F: Sections = Sections::FRONTEND;

/// The `bind` line itself.
pub(crate) const LINES: &[Row<ProxyDecl>] = &[row(
    "bind",
    F,
    Since(1, 1),
    "[<address>]:<port_range> [, ...] [param*] | /<path> [, ...] [param*]",
    Set::Custom(bind),
    "Where the frontend listens.",
)];

/// Rows of the words after an address. A row with arguments takes one word.
pub(crate) const KEYWORDS: &[Row<BindDecl>] = &[
    row(
        "accept-netscaler-cip",
        F,
        Since(1, 7),
        "<magic number>",
        Set::Custom(accept_netscaler_cip),
        "Expects a NetScaler client IP header.",
    ),
    row("accept-proxy", F, Since(1, 5), "", Set::Custom(accept_proxy), "Expects a PROXY protocol header."),
    row("backlog", F, Since(1, 6), "<backlog>", Set::Custom(backlog), "Length of the kernel's accept queue."),
    row("defer-accept", F, Since(1, 3), "", Set::Custom(defer_accept), "Accepts once data has come."),
    row(
        "expose-fd",
        F,
        Since(1, 8),
        "listeners",
        Set::Custom(expose_fd),
        "Hands listening sockets to a new process.",
    ),
    row("gid", F, Since(1, 3), "<gid>", Set::Custom(gid), "Group id of a Unix socket."),
    row("group", F, Since(1, 3), "<group>", Set::Custom(group), "Group of a Unix socket."),
    row("id", F, Since(1, 4), "<id>", Set::Custom(id), "The listener's number."),
    row("interface", F, Since(1, 3), "<interface>", Set::Custom(interface), "Interface to listen on."),
    row("level", F, Since(1, 4), "<level>", Set::Custom(level), "What a stats socket may do."),
    row("maxconn", F, Since(1, 5), "<maxconn>", Set::Custom(maxconn), "Most connections of the listener."),
    row("mode", F, Since(1, 3), "<mode>", Set::Custom(mode), "Access mode of a Unix socket."),
    row("mss", F, Since(1, 3), "<maxseg>", Set::Custom(mss), "Largest TCP segment."),
    row("name", F, Since(1, 4), "<name>", Set::Custom(name), "The listener's name."),
    row("namespace", F, Since(1, 6), "<name>", Set::Custom(namespace), "Network namespace to listen in."),
    row("nice", F, Since(1, 5), "<nice>", Set::Custom(nice), "Priority of the listener's connections."),
    row("process", F, Since(1, 5), "<set>", Set::Custom(process), "Gone: `thread`."),
    row(
        "severity-output",
        F,
        Since(1, 8),
        "<format>",
        Set::Custom(severity_output),
        "Severity in a stats socket's replies.",
    ),
    row("shards", F, Since(2, 5), "<number>", Set::Custom(shards), "Sockets of the address."),
    row("tcp-ut", F, Since(1, 5), "<delay>", Set::Custom(tcp_ut), "Time for the peer to acknowledge data."),
    row("tfo", F, Since(1, 5), "", Set::Custom(tfo), "TCP fast open."),
    row("thread", F, Since(2, 3), "<set>", Set::Custom(thread), "Threads that accept."),
    row(
        "transparent",
        F,
        Since(1, 3),
        "",
        Set::Custom(transparent),
        "Listens on addresses that are not ours.",
    ),
    row("uid", F, Since(1, 3), "<uid>", Set::Custom(uid), "User id of a Unix socket."),
    row("user", F, Since(1, 3), "<user>", Set::Custom(user), "User of a Unix socket."),
    row("v4v6", F, Since(1, 5), "", Set::Custom(v4v6), "IPv4 on an IPv6 socket, too."),
    row("v6only", F, Since(1, 5), "", Set::Custom(v6only), "IPv6 only."),
];
