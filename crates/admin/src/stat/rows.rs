//! Rows out of the runtime state: what each column of `show stat` holds for a frontend, listener, server and backend.

use super::column::{COLUMNS, SEPARATOR, at as c};
use super::{Object, Row};
use haproxy_config::runtime::{Mode, Proxy};
use proxy::state::{
    Admin, BackendState, Counters, FrontendState, ListenerState, OpState, ProxyState, ServerState, Stat,
    World,
};
use std::sync::atomic::Ordering::Relaxed;
use units::Address;

/// Which columns of protocol modules an object has: the first ones are everybody's, then a frontend's, then a frontend's and backend's.
const FRONTEND_MODULES: usize = SEPARATOR + 4;
const SHARED_MODULES: usize = 184;

/// Which rows are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this proxy.
    pub iid: Option<u32>,
    /// Bits of [`Object::number`]; none means all.
    pub objects: Option<u32>,
    /// Only this server or listener.
    pub sid: Option<u32>,
    /// Leave out servers that are down.
    pub up: bool,
    /// Leave out servers in maintenance.
    pub no_maint: bool,
    /// Only proxies of these names; none means all.
    pub names: Vec<String>,
    /// Only proxies whose name contains this.
    pub contains: String,
    /// Fill the columns `addr`, `cookie` and `algo`.
    pub legends: bool,
}

impl Filter {
    fn wants_object(&self, object: Object) -> bool {
        self.objects.is_none_or(|bits| bits & (1 << object.number()) != 0)
    }

    fn wants_proxy(&self, proxy: &Proxy) -> bool {
        self.iid.is_none_or(|iid| proxy.id == iid)
            && (self.names.is_empty() || self.names.iter().any(|name| **name == *proxy.name))
            && (self.contains.is_empty() || proxy.name.contains(&self.contains))
    }

    fn wants_server(&self, server: &ServerState) -> bool {
        self.sid.is_none_or(|sid| server.config.id == sid)
            && !(self.up && server.op() == OpState::Stopped)
            && !(self.no_maint && server.admin().any(Admin::MAINT))
    }
}

/// What rows need beside the state itself.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Monotonic ms.
    pub now_ms: u64,
    /// `maxconn` of the process, for frontends without their own.
    pub maxconn: u32,
}

/// The rows of all proxies in order.
#[must_use]
pub fn rows(world: &World, filter: &Filter, at: Moment) -> Vec<Row> {
    let fullconns = world.fullconns(at.maxconn);
    let mut out = Vec::new();
    for (proxy, fullconn) in world.proxies.iter().zip(fullconns) {
        if filter.wants_proxy(&proxy.config) && !proxy.config.disabled {
            proxy_rows(&mut out, world, proxy, fullconn, filter, at);
        }
    }
    out
}

fn proxy_rows(
    out: &mut Vec<Row>,
    world: &World,
    proxy: &ProxyState,
    fullconn: u32,
    filter: &Filter,
    at: Moment,
) {
    if let Some(frontend) = &proxy.frontend {
        if filter.wants_object(Object::Frontend) && filter.sid.is_none_or(|sid| sid == 0) {
            out.push(frontend_row(&proxy.config, frontend, at));
        }
        if filter.wants_object(Object::Listener) && proxy.config.options.socket_stats {
            let wanted =
                frontend.listeners.iter().filter(|l| filter.sid.is_none_or(|sid| l.config.id == sid));
            out.extend(wanted.map(|listener| listener_row(&proxy.config, frontend, listener, filter, at)));
        }
    }
    if let Some(backend) = &proxy.backend {
        if filter.wants_object(Object::Server) {
            let wanted = backend.servers.iter().filter(|server| filter.wants_server(server));
            out.extend(
                wanted.map(|server| super::server_row::server_row(world, backend, server, filter, at)),
            );
        }
        if filter.wants_object(Object::Backend) && filter.sid.is_none_or(|sid| sid == 0) {
            out.push(backend_row(backend, fullconn, filter, at));
        }
    }
}

/// Columns that every object has.
pub(super) fn common(row: &mut Row, proxy: &Proxy, name: &str, counters: &Counters) {
    row.text(c::PXNAME, &*proxy.name);
    row.text(c::SVNAME, name);
    row.u64(c::STOT, counters.total(Stat::Sessions));
    row.u64(c::BIN, counters.total(Stat::BytesIn));
    row.u64(c::BOUT, counters.total(Stat::BytesOut));
    row.u64(c::DRESP, counters.total(Stat::DeniedResponses));
    row.u32(c::PID, 1u32);
    row.u32(c::IID, proxy.id);
    row.u32(c::SID, row.sid);
    row.u32(c::TYPE, row.object.number());
    row.text(c::MODE, if proxy.mode == Mode::Http { "http" } else { "tcp" });
    row.u64(c::WREW, counters.total(Stat::FailedRewrites));
    row.u64(c::EINT, counters.total(Stat::InternalErrors));
    let shared = SEPARATOR + 1..FRONTEND_MODULES;
    let frontend = FRONTEND_MODULES..SHARED_MODULES;
    let rest = SHARED_MODULES..COLUMNS.len();
    shared.for_each(|column| row.u64(column, 0));
    if row.object == Object::Frontend {
        frontend.for_each(|column| row.u64(column, 0));
    }
    if matches!(row.object, Object::Frontend | Object::Backend) {
        rest.for_each(|column| row.u64(column, 0));
    }
}

/// Responses by class, when the proxy speaks HTTP.
pub(super) fn responses(row: &mut Row, counters: &Counters) {
    for (column, stat) in [
        (c::HRSP_1XX, Stat::Status1xx),
        (c::HRSP_2XX, Stat::Status2xx),
        (c::HRSP_3XX, Stat::Status3xx),
        (c::HRSP_4XX, Stat::Status4xx),
        (c::HRSP_5XX, Stat::Status5xx),
        (c::HRSP_OTHER, Stat::StatusOther),
    ] {
        row.u64(column, counters.total(stat));
    }
}

fn frontend_row(proxy: &Proxy, state: &FrontendState, at: Moment) -> Row {
    let mut row = Row::new(Object::Frontend, proxy.id, 0);
    let counters = &state.counters;
    let total = |stat| counters.total(stat);
    common(&mut row, proxy, "FRONTEND", counters);
    row.u32(c::SCUR, state.sessions.current());
    row.u32(c::SMAX, state.sessions.max());
    row.u32(c::SLIM, limit(state, at));
    row.u64(c::DREQ, total(Stat::DeniedRequests));
    row.u64(c::EREQ, total(Stat::RequestErrors));
    row.text(c::STATUS, frontend_status(state));
    row.u32(c::RATE, state.session_rate.read(at.now_ms));
    row.u32(c::RATE_LIM, proxy.rate_limit_sessions);
    row.u32(c::RATE_MAX, state.session_rate.max());
    row.u64(c::CONN_TOT, total(Stat::Connections));
    row.u32(c::CONN_RATE, state.connection_rate.read(at.now_ms));
    row.u32(c::CONN_RATE_MAX, state.connection_rate.max());
    row.u64(c::DCON, total(Stat::DeniedConnections));
    row.u64(c::DSES, total(Stat::DeniedSessions));
    if proxy.mode == Mode::Http {
        row.u64(c::INTERCEPTED, total(Stat::Intercepted));
        responses(&mut row, counters);
        row.u32(c::REQ_RATE, state.request_rate.read(at.now_ms));
        row.u32(c::REQ_RATE_MAX, state.request_rate.max());
        row.u64(c::REQ_TOT, total(Stat::Requests));
        row.u64(c::H1SESS, total(Stat::Sessions));
        row.u64(c::H1REQ, total(Stat::Requests));
        for column in [
            c::H2SESS,
            c::H3SESS,
            c::SESS_OTHER,
            c::H2REQ,
            c::H3REQ,
            c::REQ_OTHER,
            c::CACHE_LOOKUPS,
            c::CACHE_HITS,
        ] {
            row.u64(column, 0);
        }
        row.u64(c::H1_TOTAL_CONNECTIONS, total(Stat::Sessions));
        row.u64(c::H1_TOTAL_STREAMS, total(Stat::Requests));
        row.u64(c::H1_OPEN_CONNECTIONS, state.sessions.current());
        row.u64(c::H1_BYTES_IN, total(Stat::BytesIn));
        row.u64(c::H1_BYTES_OUT, total(Stat::BytesOut));
        row.u64(c::H1_SPLICED_BYTES_IN, total(Stat::SplicedIn));
        row.u64(c::H1_SPLICED_BYTES_OUT, total(Stat::SplicedOut));
    } else {
        row.u64(c::SESS_OTHER, total(Stat::Sessions));
        row.u32(c::REQ_RATE, 0u32);
        row.u32(c::REQ_RATE_MAX, 0u32);
        for column in
            [c::H1SESS, c::H2SESS, c::H3SESS, c::REQ_TOT, c::REQ_OTHER, c::H1REQ, c::H2REQ, c::H3REQ]
        {
            row.u64(column, 0);
        }
    }
    for column in [c::COMP_IN, c::COMP_OUT, c::COMP_BYP, c::COMP_RSP] {
        row.u64(column, 0);
    }
    row
}

/// A frontend's limit: its own, else the process's.
fn limit(state: &FrontendState, at: Moment) -> u32 {
    if state.maxconn() == 0 { at.maxconn } else { state.maxconn() }
}

fn frontend_status(state: &FrontendState) -> &'static str {
    if state.stopped.load(Relaxed) {
        "STOP"
    } else if state.paused.load(Relaxed) {
        "PAUSED"
    } else {
        "OPEN"
    }
}

fn listener_row(
    proxy: &Proxy,
    frontend: &FrontendState,
    state: &ListenerState,
    filter: &Filter,
    at: Moment,
) -> Row {
    let mut row = Row::new(Object::Listener, proxy.id, state.config.id);
    let name =
        state.config.name.as_deref().map_or_else(|| format!("sock-{}", state.config.id), str::to_owned);
    common(&mut row, proxy, &name, &state.counters);
    row.u32(c::SCUR, state.sessions.current());
    row.u32(c::SMAX, state.sessions.max());
    row.u32(c::SLIM, if state.config.maxconn == 0 { limit(frontend, at) } else { state.config.maxconn });
    row.u64(c::DREQ, state.counters.total(Stat::DeniedRequests));
    row.u64(c::EREQ, state.counters.total(Stat::RequestErrors));
    row.u64(c::CONN_TOT, state.counters.total(Stat::Connections));
    row.u64(c::DCON, state.counters.total(Stat::DeniedConnections));
    row.u64(c::DSES, state.counters.total(Stat::DeniedSessions));
    row.text(c::STATUS, if frontend.paused.load(Relaxed) { "PAUSED" } else { "OPEN" });
    if filter.legends {
        row.text(c::ADDR, address(&state.config.address));
    }
    row.text(
        c::PROTO,
        match &state.config.address {
            Address::Inet(addr) if addr.is_ipv6() => "tcpv6",
            Address::Inet(_) => "tcpv4",
            Address::Unix(_) | Address::Fd(_) => "unix_stream",
            Address::Abns(_) => "abns_stream",
            Address::SockPair(_) => "sockpair",
        },
    );
    row
}

fn backend_row(state: &BackendState, fullconn: u32, filter: &Filter, at: Moment) -> Row {
    let proxy = &state.config;
    let mut row = Row::new(Object::Backend, proxy.id, 0);
    let counters = &state.counters;
    let total = |stat| counters.total(stat);
    common(&mut row, proxy, "BACKEND", counters);
    row.u32(c::QCUR, state.queue.current());
    row.u32(c::QMAX, state.queue.max());
    row.u32(c::SCUR, state.streams.current());
    row.u32(c::SMAX, state.streams.max());
    row.u32(c::SLIM, fullconn);
    row.u64(c::DREQ, total(Stat::DeniedRequests));
    exchanges(&mut row, counters);
    let (active, backup) = state.usable();
    // A backend without servers is up: it serves the stats page or redirects. HAPROXY: with `dispatch` and servers it is down.
    let up = state.servers.is_empty() || (active + backup > 0 && proxy.direct.is_none());
    row.text(c::STATUS, if up { "UP" } else { "DOWN" });
    row.u32(c::WEIGHT, state.total_weight());
    row.u32(c::UWEIGHT, state.total_weight());
    row.u32(c::ACT, active);
    row.u32(c::BCK, backup);
    row.u64(c::CHKDOWN, total(Stat::Downs));
    row.u32(c::LASTCHG, state.last_change(at.now_ms));
    if !state.servers.is_empty() {
        row.u32(c::DOWNTIME, state.downtime(at.now_ms));
    }
    // Filled by exporters only; the socket shows 0, as the reference does.
    for column in [c::AGG_SERVER_STATUS, c::AGG_SERVER_CHECK_STATUS, c::AGG_CHECK_STATUS] {
        row.u32(column, 0u32);
    }
    row.u32(c::RATE, state.session_rate.read(at.now_ms));
    row.u32(c::RATE_MAX, state.session_rate.max());
    if proxy.mode == Mode::Http {
        responses(&mut row, counters);
        row.u64(c::REQ_TOT, total(Stat::Requests));
        row.u64(c::CACHE_LOOKUPS, 0);
        row.u64(c::CACHE_HITS, 0);
        row.u64(c::H1_SPLICED_BYTES_IN, total(Stat::SplicedIn));
        row.u64(c::H1_SPLICED_BYTES_OUT, total(Stat::SplicedOut));
    }
    for column in [c::COMP_IN, c::COMP_OUT, c::COMP_BYP, c::COMP_RSP] {
        row.u64(column, 0);
    }
    if filter.legends {
        if let Some(cookie) = &proxy.cookie {
            row.text(c::COOKIE, String::from_utf8_lossy(&cookie.name));
        }
        row.text(c::ALGO, algorithm(proxy));
    }
    last_session(&mut row, state.last_session(at.now_ms));
    times(&mut row, proxy, &state.times, counters);
    row
}

/// Columns that servers and backends share.
pub(super) fn exchanges(row: &mut Row, counters: &Counters) {
    for (column, stat) in [
        (c::ECON, Stat::ConnectErrors),
        (c::ERESP, Stat::ResponseErrors),
        (c::WRETR, Stat::Retries),
        (c::WREDIS, Stat::Redispatches),
        (c::LBTOT, Stat::Balanced),
        (c::CLI_ABRT, Stat::ClientAborts),
        (c::SRV_ABRT, Stat::ServerAborts),
        (c::CONNECT, Stat::Connects),
        (c::REUSE, Stat::Reuses),
    ] {
        row.u64(column, counters.total(stat));
    }
}

pub(super) fn last_session(row: &mut Row, seconds: Option<u64>) {
    let value = seconds.map_or(-1, |s| i64::try_from(s).unwrap_or(i64::MAX));
    row.set(c::LASTSESS, super::Value::S32(value));
}

pub(super) fn times(row: &mut Row, proxy: &Proxy, times: &proxy::state::Times, counters: &Counters) {
    let count = counters.total(if proxy.mode == Mode::Http { Stat::Requests } else { Stat::Balanced });
    let (average, max) = (times.averages(count), times.max());
    for (columns, value) in [
        ([c::QTIME, c::CTIME, c::RTIME, c::TTIME], average),
        ([c::QTIME_MAX, c::CTIME_MAX, c::RTIME_MAX, c::TTIME_MAX], max),
    ] {
        let values = [value.queue, value.connect, value.response, value.total];
        columns.into_iter().zip(values).for_each(|(column, ms)| row.u32(column, ms));
    }
}

fn algorithm(proxy: &Proxy) -> &'static str {
    use balance::Algorithm;
    match &proxy.balance.algorithm {
        Algorithm::RoundRobin => "roundrobin",
        Algorithm::None => "none",
        Algorithm::StaticRoundRobin => "static-rr",
        Algorithm::LeastConn => "leastconn",
        Algorithm::First => "first",
        Algorithm::Source => "source",
        Algorithm::Uri { .. } => "uri",
        Algorithm::UrlParam { .. } => "url_param",
        Algorithm::Header { .. } => "hdr",
        Algorithm::RdpCookie { .. } => "rdp-cookie",
        // HAPROXY: 3.0 has no name for it.
        Algorithm::Random { .. } => "unknown",
    }
}

/// An address as the column `addr` shows it.
pub(super) fn address(address: &Address) -> String {
    match address {
        Address::Inet(addr) => addr.to_string(),
        Address::Unix(_) | Address::Abns(_) => "unix".to_owned(),
        Address::Fd(n) => format!("fd@{n}"),
        Address::SockPair(n) => format!("sockpair@{n}"),
    }
}
