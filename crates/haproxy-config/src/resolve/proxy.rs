//! A proxy as it runs, and the checks on it.

use super::names::{Index, check_captures, find_backend};
use super::{Resolver, global, kind, logs, proxy_index, server};
use crate::declared::{
    FormatDecl, HttpClosing, HttpErrorsDecl, KeepAliveDecl, ProxyDecl, ServerDecl, StatsDecl,
};
use crate::keep_alive::KeepAlive;
use crate::reader::Declared;
use crate::runtime::{
    BackendTarget, Captures, Cookie, DirectRoute, LogTarget, Mode, Options, Proxy, ProxyCheck, ProxyIndex,
    RestrictNames, StatsPage, TcpRules, Timeouts, UseBackend,
};
use crate::section::check::http_steps;
use balance::Algorithm;
use config_text::SourceMap;
use health::CheckKind;
use log_format::Purpose;
use std::sync::Arc;

/// Attempts after a failed connection.
const RETRIES: i64 = 3;
/// Where the statistics page is unless `stats uri` says.
const STATS_URI: &str = "/haproxy?stats";
const STATS_REALM: &str = "HAProxy Statistics";

/// Checks and builds one proxy.
pub(super) fn build(
    declared: &mut Declared<'_>,
    number: usize,
    id: u32,
    index: &Index,
    global_log: &[LogTarget],
    sections: &[HttpErrorsDecl],
    resolver: &mut Resolver<'_, '_>,
) -> Proxy {
    let itself = proxy_index(number);
    let running = !*declared.proxy.disabled;
    let mut quiet = Vec::new();
    if !running {
        // A disabled proxy is not checked; its names need not exist.
        std::mem::swap(&mut quiet, &mut declared.proxy.use_backend);
        declared.proxy.default_backend.take();
        declared.proxy.use_server.clear();
    }
    let mut cookie = (*declared.proxy.cookie).clone();
    let mut balance = (*declared.proxy.balance).clone();
    let check = checks(&declared.proxy, running, resolver);
    if running {
        cookie = check_cookie(&declared.proxy, cookie, resolver);
        check_balance(&declared.proxy, &mut balance.algorithm, resolver);
        warn_no_bind(&declared.proxy, resolver);
        check_direct(&declared.proxy, resolver);
        warn_check_rules(&declared.proxy, resolver);
    }
    let direct = direct(&declared.proxy);
    if direct.is_some() {
        balance.algorithm = Algorithm::None;
    }
    let default_backend = default_backend(&declared.proxy, itself, index, resolver);
    let early = buffer_readers(declared, resolver.sources);
    let use_backend = use_backend(declared, index, resolver);
    let use_server = super::use_server::build(declared, resolver);
    if running {
        warn_buffer_readers(&declared.proxy, early, resolver);
        let rules = &declared.proxy.rules;
        let late = rule_places(&[&rules.http_response, &rules.http_after_response]);
        check_captures(declared, resolver);
        warn_buffer_readers(&declared.proxy, late, resolver);
        warn_timeouts(&declared.proxy, resolver);
    }
    let log = if running { logs::build(declared, global_log, resolver) } else { Default::default() };
    let forwarded = if running { super::forwarded::build(declared, resolver) } else { None };
    let unique_id_format = unique_id(declared, running, resolver);
    if running {
        super::errors::bind_rules(&declared.proxy, sections, resolver);
        warn_ignored_statements(&declared.proxy, resolver);
        warn_ignored_options(&declared.proxy, resolver);
    }
    let servers = server::build(&mut declared.proxy, running, &check, resolver);
    if let Some(cookie) = cookie.as_mut() {
        cookie.dynamic_key = declared
            .proxy
            .dynamic_cookie
            .then(|| (*declared.proxy.dynamic_cookie_key).clone().unwrap_or_default().into_bytes());
    }
    let proxy = &mut declared.proxy;
    let http = *proxy.mode == Mode::Http;
    let rules = std::mem::take(&mut proxy.rules);
    let mut http_request = rules.http_request;
    http_request.extend(&rules.redirect);
    let errors = super::errors::pages(proxy, running, sections, resolver);
    let stats = proxy.stats.take().filter(|_| http).map(|decl| stats_page(decl, &proxy.name));
    Proxy {
        index: itself,
        id,
        name: Arc::from(proxy.name.as_str()),
        kind: kind(proxy.kind),
        declared_at: (proxy.file.to_string(), proxy.at.line),
        disabled: !running,
        description: (*proxy.description).clone(),
        mode: *proxy.mode,
        binds: if proxy.kind.has_frontend() {
            global::listeners(std::mem::take(&mut proxy.binds), &proxy.title(), resolver)
        } else {
            Vec::new()
        },
        maxconn: unsigned(*proxy.maxconn),
        backlog: unsigned(*proxy.backlog),
        rate_limit_sessions: unsigned(*proxy.rate_limit_sessions),
        fullconn: unsigned(*proxy.fullconn),
        max_keep_alive_queue: *proxy.max_keep_alive_queue,
        timeouts: timeouts(proxy),
        retries: u32::try_from(proxy.retries.unwrap_or(RETRIES)).unwrap_or(0),
        redispatch: *proxy.redispatch,
        retry_on: *proxy.retry_on,
        options: options(proxy),
        forwardfor: (*proxy.forwardfor).clone().filter(|_| http),
        originalto: (*proxy.originalto).clone().filter(|_| http),
        forwarded,
        restrict_names: if http { *proxy.restrict_names } else { RestrictNames::Preserve },
        send_name_header: (*proxy.send_name_header)
            .clone()
            .filter(|_| http)
            .map(|name| name.to_ascii_lowercase().into_bytes()),
        persist_rules: std::mem::take(&mut proxy.persist_rules),
        log,
        captures: Captures {
            request: declared.parse.captures.request.clone(),
            response: declared.parse.captures.response.clone(),
            cookie: proxy.capture_cookie.take(),
        },
        tcp_rules: TcpRules {
            connection: rules.tcp_connection,
            session: rules.tcp_session,
            request_content: rules.tcp_request,
            request_inspect_delay: *rules.tcp_request_delay,
            response_content: rules.tcp_response,
            response_inspect_delay: *rules.tcp_response_delay,
        },
        http_request: if http { http_request } else { Default::default() },
        http_response: if http { rules.http_response } else { Default::default() },
        http_after_response: if http { rules.http_after_response } else { Default::default() },
        monitor_uri: (*proxy.monitor_uri).clone().filter(|_| http).map(String::into_bytes),
        monitor_fail: std::mem::take(&mut proxy.monitor_fail),
        use_backend,
        use_server,
        default_backend,
        errors,
        balance,
        cookie: cookie.filter(|_| proxy.kind.has_backend()),
        check,
        servers,
        direct,
        stats,
        reuse: *proxy.reuse,
        unique_id_format,
        unique_id_header: (*proxy.unique_id_header)
            .clone()
            .map(|name| name.to_ascii_lowercase().into_bytes()),
    }
}

fn unsigned(written: Option<i64>) -> u32 {
    written.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

/// Cookies need HTTP.
fn check_cookie(
    proxy: &ProxyDecl,
    cookie: Option<Cookie>,
    resolver: &mut Resolver<'_, '_>,
) -> Option<Cookie> {
    let mut cookie = cookie;
    if *proxy.mode != Mode::Http && cookie.is_some() && (proxy.kind.has_backend() || proxy.cookie.is_set()) {
        let own = proxy.cookie.origin(proxy.section) == crate::setting::Origin::Explicit;
        if own || proxy.kind.has_backend() {
            resolver.warn(format!("cookie will be ignored for {} (needs 'mode http').", proxy.title()));
        }
        cookie = None;
    }
    cookie
}

fn warn_no_bind(proxy: &ProxyDecl, resolver: &mut Resolver<'_, '_>) {
    if proxy.kind.has_frontend() && proxy.binds.is_empty() {
        resolver.warn(format!(
            "{} has no 'bind' directive. Please declare it as a backend if this was intended.",
            proxy.title()
        ));
    }
}

/// `dispatch` and `option transparent` are for backends that do not balance.
fn check_direct(proxy: &ProxyDecl, resolver: &mut Resolver<'_, '_>) {
    if !proxy.kind.has_backend() || !proxy.balanced {
        return;
    }
    let title = proxy.title();
    if *proxy.options.transparent {
        resolver.refuse(format!("{title} cannot use both transparent and balance mode."));
    } else if proxy.dispatch.is_some() {
        resolver.warn(format!("dispatch address of {title} will be ignored in balance mode."));
    }
}

fn direct(proxy: &ProxyDecl) -> Option<DirectRoute> {
    if !proxy.kind.has_backend() || proxy.balanced {
        return None;
    }
    let target = |decl: &ServerDecl| Arc::new(server::server(proxy, decl, 0, 0));
    match &proxy.dispatch {
        Some(decl) => Some(DirectRoute::Dispatch(target(decl))),
        None if *proxy.options.transparent => {
            Some(DirectRoute::Transparent(target(&ServerDecl::new("", proxy.at))))
        }
        None => None,
    }
}

fn default_backend(
    proxy: &ProxyDecl,
    itself: ProxyIndex,
    index: &Index,
    resolver: &mut Resolver<'_, '_>,
) -> Option<ProxyIndex> {
    let own = proxy.default_backend.origin(proxy.section) == crate::setting::Origin::Explicit;
    // A backend does not inherit what is for frontends.
    let written = (*proxy.default_backend).clone().filter(|_| own || proxy.kind.has_frontend());
    let Some(name) = written else {
        return proxy.kind.has_backend().then_some(itself).filter(|_| proxy.kind.has_frontend());
    };
    let found = find_backend(proxy, &name, "default_backend", index, resolver)?;
    if proxy.kind.has_backend() && !proxy.servers.is_empty() {
        resolver.warn(format!(
            "In {}, the 'default_backend' rule always has precedence over the servers, which will never be used.",
            proxy.title()
        ));
    }
    Some(found)
}

fn use_backend(
    declared: &mut Declared<'_>,
    index: &Index,
    resolver: &mut Resolver<'_, '_>,
) -> Vec<UseBackend> {
    let decls = std::mem::take(&mut declared.proxy.use_backend);
    let mut rules = Vec::with_capacity(decls.len());
    for decl in decls {
        // A backend of that very name comes before an expression.
        let target = if decl.name.contains('%') && index.backend(&decl.name).is_none() {
            let format = FormatDecl {
                text: decl.name.clone(),
                span: decl.span,
                file: decl.file,
                keyword: "use_backend",
                http: false,
                builtin: None,
            };
            let what = format!("use_backend rule '{}'", decl.name);
            logs::parse_format(&format, Purpose::UseBackend, &what, declared, resolver)
                .map(BackendTarget::Dynamic)
        } else {
            find_backend(&declared.proxy, &decl.name, "use_backend", index, resolver)
                .map(BackendTarget::Static)
        };
        if let Some(target) = target {
            rules.push(UseBackend { target, condition: decl.condition });
        }
    }
    rules
}

fn check_balance(proxy: &ProxyDecl, algorithm: &mut Algorithm, resolver: &mut Resolver<'_, '_>) {
    let layer7 =
        matches!(algorithm, Algorithm::Uri { .. } | Algorithm::UrlParam { .. } | Algorithm::Header { .. });
    if proxy.kind.has_backend() && *proxy.mode != Mode::Http && layer7 {
        resolver.warn(format!(
            "Layer 7 hash not possible for {} (needs 'mode http'). Falling back to round robin.",
            proxy.title()
        ));
        *algorithm = Algorithm::RoundRobin;
    }
}

fn warn_check_rules(proxy: &ProxyDecl, resolver: &mut Resolver<'_, '_>) {
    let title = proxy.title();
    if !proxy.check.http_steps.is_empty() && *proxy.check.kind != CheckKind::Http {
        resolver.warn(format!(
            "{title} uses http-check rules without 'option httpchk', so the rules are ignored."
        ));
    }
    if !proxy.check.tcp_steps.is_empty() && *proxy.check.kind != CheckKind::TcpScript {
        resolver.warn(format!(
            "{title} uses tcp-check rules without 'option tcp-check', so the rules are ignored."
        ));
    }
}

/// Files and lines of the conditions that read bytes which an HTTP proxy has parsed: those that are checked before captures are.
fn buffer_readers(declared: &Declared<'_>, sources: &SourceMap) -> Vec<(Arc<str>, u32)> {
    let proxy = &declared.proxy;
    let mut found: Vec<(Arc<str>, u32)> = Vec::new();
    for rule in &proxy.use_backend {
        if rule.condition.as_ref().is_some_and(reads_buffer) {
            found.push((Arc::from(sources.name(rule.span.file)), rule.span.line));
        }
    }
    for rule in proxy.use_server.iter().filter(|rule| reads_buffer(&rule.condition)) {
        found.push((Arc::from(sources.name(rule.span.file)), rule.span.line));
    }
    let rules = &proxy.rules;
    let tcp = [&rules.tcp_connection, &rules.tcp_session, &rules.tcp_request, &rules.tcp_response];
    found.extend(rule_places(&tcp));
    found.extend(rule_places(&[&rules.http_request]));
    found
}

fn rule_places(sets: &[&::rules::RuleSet]) -> Vec<(Arc<str>, u32)> {
    let rules = sets.iter().flat_map(|set| set.iter());
    rules
        .filter(|rule| rule.condition.as_ref().is_some_and(reads_buffer))
        .map(|r| r.declared_at.clone())
        .collect()
}

fn reads_buffer(condition: &sample::Condition) -> bool {
    condition.acls().any(|acl| acl.reads_buffer())
}

fn warn_buffer_readers(proxy: &ProxyDecl, found: Vec<(Arc<str>, u32)>, resolver: &mut Resolver<'_, '_>) {
    if *proxy.mode != Mode::Http {
        return;
    }
    for (file, line) in found {
        resolver.warn(format!(
            "Proxy '{}': L6 sample fetches ignored on HTTP proxies (declared at {file}:{line}).",
            proxy.name
        ));
    }
}

fn warn_timeouts(proxy: &ProxyDecl, resolver: &mut Resolver<'_, '_>) {
    let t = &proxy.timeouts;
    let front = proxy.kind.has_frontend() && t.client.is_none();
    let back =
        proxy.kind.has_backend() && !proxy.servers.is_empty() && (t.connect.is_none() || t.server.is_none());
    if front || back {
        resolver.warn(format!(
            "missing timeouts for {}.\n   | While not properly invalid, you will certainly encounter various problems\n   | with such a configuration. To fix this, please ensure that all following\n   | timeouts are set to a non-zero value: 'client', 'connect', 'server'.",
            proxy.title()
        ));
    }
}

/// Statements that a TCP proxy cannot obey.
fn warn_ignored_statements(proxy: &ProxyDecl, resolver: &mut Resolver<'_, '_>) {
    if *proxy.mode == Mode::Http {
        return;
    }
    let title = proxy.title();
    for (present, what) in [
        (proxy.stats.is_some(), "stats"),
        (proxy.capture_cookie.is_some(), "capture"),
        (proxy.monitor_uri.is_some(), "monitor-uri"),
    ] {
        if present {
            resolver.warn(format!("'{what}' statement ignored for {title} as it requires HTTP mode."));
        }
    }
    for (set, what) in [
        (&proxy.rules.http_request, "http-request"),
        (&proxy.rules.http_response, "http-response"),
        (&proxy.rules.http_after_response, "http-after-response"),
        (&proxy.rules.redirect, "redirect"),
    ] {
        if !set.is_empty() {
            resolver.warn(format!("'{what}' rules ignored for {title} as they require HTTP mode."));
        }
    }
}

/// Options that a TCP proxy cannot obey.
fn warn_ignored_options(proxy: &ProxyDecl, resolver: &mut Resolver<'_, '_>) {
    if *proxy.mode == Mode::Http {
        return;
    }
    let o = &proxy.options;
    let (front, back) = (proxy.kind.has_frontend(), proxy.kind.has_backend());
    for (set, relevant, name) in [
        (*o.http_buffer_request, true, "http-buffer-request"),
        (*o.http_ignore_probes, front, "http-ignore-probes"),
        (*o.idle_close_on_response, front, "idle-close-on-response"),
        (*o.prefer_last_server, back, "prefer-last-server"),
        (*o.accept_invalid_http_request, front, "accept-invalid-http-request"),
        (*o.accept_invalid_http_response, back, "accept-invalid-http-response"),
        (*o.http_pretend_keepalive, back, "http-pretend-keepalive"),
        (*o.http_no_delay, true, "http-no-delay"),
        (*o.disable_h2_upgrade, front, "disable-h2-upgrade"),
        (*o.http_use_proxy_header, front, "http-use-proxy-header"),
    ] {
        if set && relevant {
            resolver.warn(format!("'option {name}' ignored for {} as it requires HTTP mode.", proxy.title()));
        }
    }
}

/// Options that add fields, in a TCP proxy; told after all proxies were checked.
pub(super) fn warn_added_fields(proxy: &ProxyDecl, resolver: &mut Resolver<'_, '_>) {
    if *proxy.mode == Mode::Http || *proxy.disabled {
        return;
    }
    for (set, name) in [
        (proxy.forwarded.is_some(), "forwarded"),
        (proxy.forwardfor.is_some(), "forwardfor"),
        (proxy.originalto.is_some(), "originalto"),
    ] {
        if set {
            let title = proxy.title();
            resolver.warn(format!("'option {name}' ignored for {title} as it requires HTTP mode."));
        }
    }
}

fn unique_id(
    declared: &mut Declared<'_>,
    running: bool,
    resolver: &mut Resolver<'_, '_>,
) -> Option<log_format::LogFormat> {
    let decl = (*declared.proxy.unique_id_format).clone().filter(|_| running)?;
    let format = logs::parse_format(&decl, Purpose::UniqueId, "unique-id", declared, resolver)?;
    Some((*format).clone())
}

fn keep_alive(side: &KeepAliveDecl) -> KeepAlive {
    KeepAlive { idle: *side.idle, interval: *side.interval, count: *side.count }
}

fn timeouts(proxy: &ProxyDecl) -> Timeouts {
    let t = &proxy.timeouts;
    Timeouts {
        client: *t.client,
        client_fin: *t.client_fin,
        connect: *t.connect,
        server: *t.server,
        server_fin: *t.server_fin,
        queue: if t.queue.is_set() { *t.queue } else { *t.connect },
        http_request: *t.http_request,
        http_keep_alive: *t.http_keep_alive,
        // HAPROXY: a frontend has no connect timeout to fall back on.
        tarpit: if t.tarpit.is_set() || !proxy.kind.has_backend() { *t.tarpit } else { *t.connect },
        tunnel: *t.tunnel,
        check: *t.check,
        client_hs: *t.client_hs,
    }
}

fn options(proxy: &ProxyDecl) -> Options {
    let o = &proxy.options;
    Options {
        dontlognull: *o.dontlognull,
        dontlog_normal: *o.dontlog_normal,
        log_health_checks: *o.log_health_checks,
        log_separate_errors: *o.log_separate_errors,
        logasap: *o.logasap,
        http_server_close: *o.closing == HttpClosing::ServerClose,
        httpclose: *o.closing == HttpClosing::Close,
        http_buffer_request: *o.http_buffer_request,
        http_ignore_probes: *o.http_ignore_probes,
        idle_close_on_response: *o.idle_close_on_response,
        http_no_delay: *o.http_no_delay,
        http_pretend_keepalive: *o.http_pretend_keepalive,
        abortonclose: *o.abortonclose,
        allbackups: *o.allbackups,
        accept_invalid_http_request: *o.accept_invalid_http_request,
        accept_invalid_http_response: *o.accept_invalid_http_response,
        persist: *o.persist,
        prefer_last_server: *o.prefer_last_server,
        clitcpka: o.clitcpka.then(|| keep_alive(&proxy.clitcpka)),
        srvtcpka: o.srvtcpka.then(|| keep_alive(&proxy.srvtcpka)),
        nolinger: *o.nolinger,
        contstats: *o.contstats,
        independent_streams: *o.independent_streams,
        splice_auto: *o.splice_auto,
        splice_request: *o.splice_request,
        splice_response: *o.splice_response,
        socket_stats: *o.socket_stats,
        h1_case_adjust_client: *o.h1_case_adjust_client,
        h1_case_adjust_server: *o.h1_case_adjust_server,
        http_use_proxy_header: *o.http_use_proxy_header,
    }
}

/// The kind of check and its steps.
fn checks(proxy: &ProxyDecl, running: bool, _: &mut Resolver<'_, '_>) -> ProxyCheck {
    let check = &proxy.check;
    let kind = if running { (*check.kind).clone() } else { CheckKind::Tcp };
    let steps = match kind {
        CheckKind::Tcp => Vec::new(),
        CheckKind::Http => http_steps(check),
        CheckKind::TcpScript => check.tcp_steps.clone(),
    };
    ProxyCheck {
        kind,
        steps: steps.into(),
        disable_on_404: *check.disable_on_404,
        send_state: *check.send_state,
    }
}

fn stats_page(decl: StatsDecl, proxy: &str) -> StatsPage {
    StatsPage {
        uri: decl.uri.unwrap_or_else(|| STATS_URI.to_owned()).into_bytes(),
        realm: decl.realm.unwrap_or_else(|| STATS_REALM.to_owned()),
        auth: decl.auth,
        refresh: decl.refresh,
        hide_version: decl.hide_version,
        show_node: decl.show_node,
        show_desc: decl.show_desc,
        show_legends: decl.show_legends,
        show_modules: decl.show_modules,
        scope: decl.scope.into_iter().map(|s| if s == "." { proxy.to_owned() } else { s }).collect(),
        admin: decl.admin,
        http_request: decl.http_request,
    }
}
