//! Servers as they run: ids, addresses, tracking.

use super::{Resolver, proxy_index};
use crate::declared::{InitAddr, ProxyDecl, ServerDecl};
use crate::reader::Declared;
use crate::runtime::{Mode, Proxy, ProxyCheck, ProxyIndex, RetryOn, Server, ServerCheck, ServerIndex};
use crate::section::bind::host_address;
use crate::source::{SourceOptions, UseSrc};
use config_text::{Place, Severity};
use health::{CheckKind, Layer, Observe, Step, Timing};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use units::{Address, Endpoint, HostPart, Ports};

/// Checks and builds a proxy's servers. Host names become addresses later, in [`resolve_names`].
pub(super) fn build(
    proxy: &mut ProxyDecl,
    running: bool,
    check: &ProxyCheck,
    resolver: &mut Resolver<'_, '_>,
) -> Vec<Arc<Server>> {
    if running {
        check_servers(proxy, check, resolver);
    }
    let ids = server_ids(&proxy.servers);
    proxy
        .servers
        .iter()
        .zip(ids)
        .enumerate()
        .map(|(number, (decl, id))| Arc::new(server(proxy, decl, number, id)))
        .collect()
}

/// Ids: those written; for the others their position, passing over those written. The position counts on past written ones, too.
fn server_ids(servers: &[ServerDecl]) -> Vec<u32> {
    let written: BTreeSet<u32> = servers.iter().filter_map(|s| s.id).collect();
    let mut next = 1;
    servers
        .iter()
        .map(|server| {
            let given = server.id.unwrap_or_else(|| {
                while written.contains(&next) {
                    next += 1;
                }
                next
            });
            next += 1;
            given
        })
        .collect()
}

fn check_servers(proxy: &ProxyDecl, check: &ProxyCheck, resolver: &mut Resolver<'_, '_>) {
    let title = proxy.title();
    let mut lines: BTreeMap<&str, u32> = BTreeMap::new();
    for decl in &proxy.servers {
        if let Some(first) = lines.get(decl.name.as_str()) {
            let text = format!(
                "{title}, another server named '{}' was already defined at line {}, please use distinct names.",
                decl.name, first
            );
            resolver.refuse_at(Place::Parsing, Some(decl.at), text);
        } else {
            lines.insert(&decl.name, decl.at.line);
        }
        if let Some(Endpoint::Inet { datagram: true, .. }) = decl.endpoint {
            let mode = if *proxy.mode == Mode::Http { "http" } else { "tcp" };
            let text = format!("unsupported transport for server address in '{mode}' backend.");
            resolver.refuse_at(Place::Bracket, Some(decl.at), text);
        }
    }
    if *proxy.mode != Mode::Http {
        if proxy.servers.iter().any(|s| s.redir.is_some()) {
            resolver
                .refuse(format!("{title} : server cannot have cookie or redirect prefix in non-HTTP mode."));
        }
        for decl in proxy.servers.iter().filter(|s| s.cookie.is_some()) {
            resolver.warn(format!(
                "{title} : ignoring cookie for server '{}' as HTTP mode is disabled.",
                decl.name
            ));
        }
    }
    tell_unobservable(proxy, resolver);
    warn_header_source(proxy, resolver);
    warn_fast_open(proxy, resolver);
    let step_port = check.steps.iter().any(|s| matches!(s, Step::Connect(c) if c.port.is_some()));
    for decl in proxy.servers.iter().filter(|s| s.check) {
        let port = match decl.endpoint {
            Some(Endpoint::Inet { ports: Ports::Range(port, _), .. }) => port != 0,
            Some(Endpoint::Inet { .. }) | None => false,
            Some(_) => true,
        };
        if !port && decl.check_port.is_none() && !step_port {
            let rule = match check.kind {
                CheckKind::Tcp => "",
                CheckKind::TcpScript if check.steps.is_empty() => "",
                _ => " nor tcp_check rule 'connect' with port information",
            };
            resolver.refuse(format!(
                "config: {title}: server '{}' has neither service port nor check port{rule}.",
                decl.name
            ));
        }
    }
}

/// HAPROXY: an alert that does not refuse the configuration; the server is not observed then.
fn tell_unobservable(proxy: &ProxyDecl, resolver: &mut Resolver<'_, '_>) {
    let http = *proxy.mode == Mode::Http;
    for decl in proxy.servers.iter().filter(|decl| !http && decl.observe == Some(Layer::Response)) {
        let text =
            format!("'server {}/{}' : 'layer7' can only be used in http proxies..", proxy.name, decl.name);
        resolver.cx.tell(Severity::Alert, "observe", Place::Bracket, Some(decl.at), text);
    }
}

/// Data that went with a SYN must be sent again when the connection fails.
fn warn_fast_open(proxy: &ProxyDecl, resolver: &mut Resolver<'_, '_>) {
    let needed = RetryOn::CONNECTION_FAILURE.with(RetryOn::EMPTY_RESPONSE).with(RetryOn::RESPONSE_TIMEOUT);
    for decl in proxy.servers.iter().filter(|decl| decl.fast_open && !proxy.retry_on.has(needed)) {
        let text = format!(
            "'server {}/{}' : server has tfo activated, the backend should be configured with at least 'conn-failure', 'empty-response' and 'response-timeout' or we wouldn't be able to retry the connection on failure.",
            proxy.name, decl.name
        );
        resolver.cx.tell(Severity::Warning, "fast-open", Place::Bracket, Some(decl.at), text);
    }
}

/// A header as source address needs HTTP.
fn warn_header_source(proxy: &ProxyDecl, resolver: &mut Resolver<'_, '_>) {
    if *proxy.mode == Mode::Http {
        return;
    }
    let header =
        |source: Option<&(SocketAddr, SourceOptions)>| match source.map(|(_, options)| &options.usesrc) {
            Some(Some(UseSrc::Header(name, _))) => Some(String::from_utf8_lossy(name).into_owned()),
            _ => None,
        };
    let title = proxy.title();
    if let Some(name) = header(proxy.source.as_ref()) {
        resolver.warn(format!("{title} : ignoring use of header {name} as source IP in non-HTTP mode."));
    }
    for decl in &proxy.servers {
        if let Some(name) = header(decl.source.as_ref()) {
            let server = &decl.name;
            resolver.warn(format!(
                "{title} : server {server} cannot use header {name} as source IP in non-HTTP mode."
            ));
        }
    }
}

/// A server as it runs, but for its host name and what it tracks.
pub(super) fn server(proxy: &ProxyDecl, decl: &ServerDecl, number: usize, id: u32) -> Server {
    let (address, fqdn, port_offset) = match &decl.endpoint {
        Some(Endpoint::Inet { host, ports, .. }) => {
            let (port, offset) = match ports {
                Ports::None => (0, None),
                Ports::Range(port, _) => (*port, None),
                Ports::Offset(offset) => (0, Some(*offset)),
            };
            let (ip, name) = match host {
                HostPart::Ip(ip) => (*ip, None),
                HostPart::Any(units::Family::V6) => (std::net::Ipv6Addr::UNSPECIFIED.into(), None),
                HostPart::Any(_) => (Ipv4Addr::UNSPECIFIED.into(), None),
                HostPart::Name(name, _) => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), Some(name.clone())),
            };
            (Address::Inet(SocketAddr::new(ip, port)), name, offset)
        }
        Some(Endpoint::Unix(path, _)) => (Address::Unix(path.clone()), None, None),
        Some(Endpoint::SockPair(number)) => (Address::SockPair(*number), None, None),
        Some(Endpoint::Abns(name)) => (Address::Abns(name.clone()), None, None),
        _ => (Address::Inet(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)), None, None),
    };
    let defaults = Timing::default();
    let timing = Timing {
        inter: decl.inter.unwrap_or(defaults.inter),
        fast_inter: decl.fastinter,
        down_inter: decl.downinter,
        rise: decl.rise.unwrap_or(defaults.rise),
        fall: decl.fall.unwrap_or(defaults.fall),
    };
    let check = decl.check.then(|| ServerCheck {
        timing,
        port: decl.check_port,
        address: decl.check_addr,
        send_proxy: decl.check_send_proxy
            || (decl.send_proxy > 0 && decl.check_port.is_none() && decl.check_addr.is_none()),
    });
    let http = *proxy.mode == Mode::Http;
    let (source, mut source_options) = match decl.source.as_ref().or(proxy.source.as_ref()) {
        Some((address, options)) => (Some(*address), options.clone()),
        None => (None, SourceOptions::default()),
    };
    if !http && matches!(source_options.usesrc, Some(UseSrc::Header(..))) {
        source_options.usesrc = None;
    }
    // HAPROXY: minconn without maxconn is a fixed limit; a minconn above maxconn raises it.
    let maxconn = if decl.minconn > decl.maxconn { decl.minconn } else { decl.maxconn };
    Server {
        index: ServerIndex(u32::try_from(number).unwrap_or(u32::MAX)),
        id,
        id_forced: decl.id.is_some(),
        name: Arc::from(decl.name.as_str()),
        declared_at: (proxy.file.to_string(), decl.at.line),
        address,
        fqdn,
        port_offset,
        weight: decl.weight,
        backup: decl.backup,
        disabled: decl.disabled,
        maxconn,
        minconn: if decl.minconn == 0 { maxconn } else { decl.minconn },
        maxqueue: decl.maxqueue,
        cookie: decl.cookie.clone().filter(|_| *proxy.mode == Mode::Http).map(String::into_bytes),
        slowstart: decl.slowstart,
        check,
        track: None,
        observe: decl.observe.filter(|layer| http || *layer == Layer::Connection).map(|layer| Observe {
            layer,
            limit: decl.error_limit,
            on_error: decl.on_error,
        }),
        hash_key: decl.hash_key,
        send_proxy: decl.send_proxy,
        proxy_v2: decl.proxy_v2.clone(),
        source,
        source_options,
        namespace: decl.namespace.clone(),
        user_timeout: decl.user_timeout,
        fast_open: decl.fast_open,
        shutdown_on_down: decl.shutdown_on_down,
        shutdown_backup_on_up: decl.shutdown_backup_on_up,
        pool_max_conn: decl.pool_max_conn,
        pool_low_conn: decl.pool_low_conn,
        pool_purge_delay: decl.pool_purge_delay,
        redir: decl.redir.clone(),
    }
}

type Place2 = (ProxyIndex, ServerIndex);

/// Finds what servers track.
pub(super) fn resolve_tracking(decls: &[Declared<'_>], built: &mut [Proxy], resolver: &mut Resolver<'_, '_>) {
    let find = |target: &str, own: usize| -> Result<(usize, usize), String> {
        let (proxy, server) = match target.rsplit_once('/') {
            Some((proxy, server)) => {
                let found = decls.iter().position(|d| d.proxy.name == proxy && d.proxy.kind.has_backend());
                (
                    found.ok_or_else(|| format!("unable to find required proxy '{proxy}' for tracking."))?,
                    server,
                )
            }
            None => (own, target),
        };
        let servers = decls.get(proxy).map(|d| d.proxy.servers.as_slice()).unwrap_or_default();
        match servers.iter().position(|s| s.name == server) {
            Some(found) => Ok((proxy, found)),
            None => Err(format!("unable to find required server '{server}' for tracking.")),
        }
    };
    let of = |p: usize, s: usize| decls.get(p).and_then(|d| d.proxy.servers.get(s));
    for (own, declared) in decls.iter().enumerate().filter(|(_, d)| !*d.proxy.disabled) {
        for (number, decl) in declared.proxy.servers.iter().enumerate() {
            let Some(target) = &decl.track else { continue };
            let title = format!("'server {}/{}' : ", declared.proxy.name, decl.name);
            let mut refuse = |text: String| {
                resolver.refuse_at(Place::Bracket, Some(decl.at), format!("{title}{text}"));
            };
            let (proxy, server) = match find(target, own) {
                Ok(found) => found,
                Err(text) => {
                    refuse(text);
                    continue;
                }
            };
            // Follow the chain to its end: it must be a checked server, and not this one.
            let (mut p, mut s) = (proxy, server);
            let mut steps = 0;
            let end = loop {
                match of(p, s).and_then(|d| d.track.as_deref()).map(|t| find(t, p)) {
                    _ if (p, s) == (own, number) || steps > 1024 => break None,
                    Some(Ok(next)) => (p, s) = next,
                    _ => break Some((p, s)),
                }
                steps += 1;
            };
            let name = |p: usize, s: usize| {
                let proxy = decls.get(p).map_or("", |d| d.proxy.name.as_str());
                format!("{proxy}/{}", of(p, s).map_or("", |d| d.name.as_str()))
            };
            match end {
                None => refuse(format!(
                    "unable to track {} as it belongs to a tracking chain looping back to {}.",
                    name(proxy, server),
                    name(proxy, server)
                )),
                Some((p, s)) if !of(p, s).is_some_and(|d| d.check) => refuse(format!(
                    "unable to use {} for tracking as it does not have any check nor agent enabled.",
                    name(proxy, server)
                )),
                Some(_) => {
                    let place: Place2 =
                        (proxy_index(proxy), ServerIndex(u32::try_from(server).unwrap_or(u32::MAX)));
                    if let Some(slot) = built.get_mut(own).and_then(|b| b.servers.get_mut(number)) {
                        let mut changed = (**slot).clone();
                        changed.track = Some(place);
                        *slot = Arc::new(changed);
                    }
                }
            }
        }
    }
}

/// What `init-addr` came to.
enum First {
    /// An address, and whether the name could not be resolved before it.
    Address(IpAddr, bool),
    /// None is wanted, and whether the name could not be resolved before that.
    None(bool),
    /// No method was successful.
    Failed,
}

fn first_address(methods: &[InitAddr], resolve: impl Fn() -> Option<IpAddr>) -> First {
    let mut failed = false;
    for method in methods {
        match method {
            // There is no state file.
            InitAddr::Last => {}
            InitAddr::Libc => match resolve() {
                Some(ip) => return First::Address(ip, false),
                None => failed = true,
            },
            InitAddr::None => return First::None(failed),
            InitAddr::Ip(ip) => return First::Address(*ip, failed),
        }
    }
    First::Failed
}

fn tell_fallback(proxy: &str, decl: &ServerDecl, name: &str, resolver: &mut Resolver<'_, '_>) {
    let text = format!(
        "'server {proxy}/{}' : could not resolve address '{name}', falling back to configured address.",
        decl.name
    );
    resolver.cx.tell(Severity::Notice, "fallback-address", Place::Bracket, Some(decl.at), text);
}

/// Turns host names into addresses; false when one is unknown and needed.
pub(super) fn resolve_names(
    decls: &[Declared<'_>],
    built: &mut [Proxy],
    resolver: &mut Resolver<'_, '_>,
) -> bool {
    let mut complete = true;
    for (declared, proxy) in decls.iter().zip(built) {
        if proxy.disabled {
            continue;
        }
        for (decl, slot) in declared.proxy.servers.iter().zip(proxy.servers.iter_mut()) {
            let Some(Endpoint::Inet { host: host @ HostPart::Name(name, _), .. }) = &decl.endpoint else {
                continue;
            };
            let mut changed = (**slot).clone();
            let methods = match decl.init_addr.as_slice() {
                [] => &[InitAddr::Last, InitAddr::Libc],
                written => written,
            };
            let libc = methods.contains(&InitAddr::Libc);
            match first_address(methods, || host_address(host, resolver.cx).ok()) {
                First::Address(ip, fallback) => {
                    if let Address::Inet(address) = &mut changed.address {
                        address.set_ip(ip);
                    }
                    if fallback {
                        tell_fallback(&proxy.name, decl, name, resolver);
                    }
                }
                First::None(fallback) => {
                    changed.disabled = true;
                    if fallback {
                        tell_fallback(&proxy.name, decl, name, resolver);
                    }
                }
                First::Failed => {
                    changed.disabled = true;
                    let title = format!("'server {}/{}' : ", proxy.name, decl.name);
                    let why = if libc { "could not" } else { "no method found to" };
                    let text = format!("{title}{why} resolve address '{name}'");
                    if resolver.cx.ignore_unresolved {
                        let text = format!("{text}, disabling server.");
                        resolver.cx.tell(Severity::Notice, "no-address", Place::Bracket, Some(decl.at), text);
                    } else {
                        complete = false;
                        resolver.refuse_at(Place::Bracket, Some(decl.at), format!("{text}."));
                    }
                }
            }
            *slot = Arc::new(changed);
        }
    }
    complete
}

#[cfg(test)]
mod tests {
    use super::*;
    use config_text::{FileId, Span};

    #[test]
    fn ids_count_positions() {
        let server = |id: Option<u32>| {
            let mut decl = ServerDecl::new("s", Span::line(FileId(0), 1));
            decl.id = id;
            decl
        };
        assert_eq!(server_ids(&[server(None), server(None)]), [1, 2]);
        assert_eq!(server_ids(&[server(None), server(Some(7)), server(None)]), [1, 7, 3]);
        assert_eq!(server_ids(&[server(Some(1)), server(None)]), [1, 2]);
        assert_eq!(server_ids(&[server(None), server(Some(1)), server(None)]), [2, 1, 4]);
    }
}
