//! The resolved, immutable configuration. After `resolve` nobody asks "is it set?": every default has been applied.
//!
//! Runtime state (counters, server states, queues) is not here: the `proxy` crate keeps it beside.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use crate::fields::{Forwarded, ForwardedPart, ProxyV2, RestrictNames};
use health::CheckKind;
use log_format::LogFormat;
use rules::{ErrorPage, RuleSet};
use sample::Condition;
use units::Address;

pub use crate::servers::{DirectRoute, Reuse, Server, ServerCheck, ServerNamespace};
pub use crate::stats_access::{Level, SeverityOutput};

use crate::anonymous::AnonKey;
use crate::keep_alive::KeepAlive;
use crate::threads::ThreadSet;

/// Index of a proxy in [`RuntimeConfig::proxies`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProxyIndex(pub u32);

/// Index of a server in [`Proxy::servers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerIndex(pub u32);

/// Everything that one run of the worker stands on.
#[derive(Debug)]
pub struct RuntimeConfig {
    /// The `global` section.
    pub global: Global,
    /// Frontends, backends and listens in declaration order. The stats sockets' own proxy (`GLOBAL`) is not among them.
    pub proxies: Vec<Arc<Proxy>>,
    /// The lists of patterns of ACLs and maps, which the stats socket and rules may change.
    pub lists: Arc<sample::pattern::Catalogue>,
}

/// The `global` section (configuration manual, section 3).
#[derive(Clone, Debug)]
pub struct Global {
    /// `daemon`
    pub daemon: bool,
    /// `master-worker`
    pub master_worker: bool,
    /// `master-worker no-exit-on-failure`
    pub no_exit_on_failure: bool,
    /// `mworker-max-reloads`
    pub mworker_max_reloads: Option<u32>,
    /// `strict-limits`; on unless `no` stands in front.
    pub strict_limits: bool,
    /// `chroot`
    pub chroot: Option<PathBuf>,
    /// `user` or `uid`, resolved.
    pub uid: Option<u32>,
    /// `group` or `gid`, resolved.
    pub gid: Option<u32>,
    /// `pidfile`
    pub pidfile: Option<PathBuf>,
    /// `nbthread`, defaulted to the usable CPUs.
    pub nbthread: u32,
    /// `thread-groups` and `thread-group`.
    pub thread_groups: u32,
    /// `cpu-map`: the processors of each thread; empty for one that is not bound.
    pub cpu_map: Vec<Vec<usize>>,
    /// `noreuseport`
    pub no_reuse_port: bool,
    /// `set-dumpable`
    pub dumpable: bool,
    /// `insecure-fork-wanted`
    pub fork_wanted: bool,
    /// `insecure-setuid-wanted`
    pub setuid_wanted: bool,
    /// `setcap`: the kernel's numbers of capabilities that are kept.
    pub capabilities: Vec<u8>,
    /// `maxpipes` as written; none means derived from `maxconn` when a proxy splices.
    pub maxpipes: Option<u32>,
    /// Whether TCP proxies may splice: `nosplice`, `-dS` and `tune.pt.zero-copy-forwarding` say no.
    pub splices_tcp: bool,
    /// Whether HTTP proxies may splice: `nosplice`, `-dS` and `tune.h1.zero-copy-fwd-*` say no.
    pub splices_http: bool,
    /// `tune.pipesize`, bytes; none is the system's own.
    pub pipe_size: Option<u32>,
    /// `tune.listener.multi-queue`
    pub multi_queue: MultiQueue,
    /// `maxconn` as written; none means derived from the descriptor limit.
    pub maxconn: Option<u32>,
    /// `maxconnrate`; 0 is none.
    pub maxconnrate: u32,
    /// `maxsessrate`; 0 is none.
    pub maxsessrate: u32,
    /// `maxsslrate`; 0 is none.
    pub maxsslrate: u32,
    /// `ulimit-n` as written.
    pub ulimit_n: Option<u64>,
    /// `fd-hard-limit`
    pub fd_hard_limit: Option<u64>,
    /// `log` lines, in order.
    pub log: Vec<LogTarget>,
    /// `log-tag`; defaults to the program's name.
    pub log_tag: Option<String>,
    /// `log-send-hostname`: none means no host name in the header.
    pub log_hostname: Option<String>,
    /// `stats socket` lines.
    pub stats_sockets: Vec<Bind>,
    /// `stats timeout`
    pub stats_timeout: Duration,
    /// `stats maxconn`
    pub stats_maxconn: u32,
    /// `node`; defaults to the host name.
    pub node: String,
    /// `description`
    pub description: String,
    /// `hard-stop-after`
    pub hard_stop_after: Option<Duration>,
    /// `grace`
    pub grace: Option<Duration>,
    /// `anonkey`
    pub anon_key: AnonKey,
    /// `ca-base`
    pub ca_base: Option<PathBuf>,
    /// `crt-base`
    pub crt_base: Option<PathBuf>,
    /// `ssl-default-bind-*` and `ssl-default-server-*` values by keyword; TLS reads them once it exists.
    pub ssl_defaults: BTreeMap<&'static str, String>,
    /// `spread-checks`, percent.
    pub spread_checks: u32,
    /// `tune.bufsize`, bytes.
    pub bufsize: usize,
    /// `tune.maxrewrite`, bytes.
    pub maxrewrite: usize,
    /// `tune.http.maxhdr`
    pub max_headers: usize,
    /// `tune.maxaccept`
    pub maxaccept: u32,
    /// Environment for child processes and `${}`; after setenv, presetenv, unsetenv, resetenv.
    pub environment: BTreeMap<String, String>,
    /// `h1-case-adjust` and `h1-case-adjust-file`
    pub case_map: Arc<http1::CaseMap>,
    /// `h1-accept-payload-with-any-method`
    pub any_payload: bool,
    /// `h1-do-not-close-on-insecure-transfer-encoding`
    pub keeps_ambiguous: bool,
    /// `pp2-never-send-local`
    pub never_send_local: bool,
    /// `tune.http.logurilen`: longest request line in logs, a terminator counted.
    pub log_uri_len: usize,
    /// `tune.http.cookielen`: longest captured cookie, a terminator counted.
    pub cookie_len: usize,
    /// Whether expressions may ask for the addresses of server connections (`bc_src`, `bc_dst`).
    pub reads_server_addresses: bool,
    /// Whether somebody may ask for the destination of client connections, which the system may have redirected.
    pub reads_destinations: bool,
    /// `quiet`, `zero-warning` and the like are handled by the binary before this exists.
    pub config_files: Vec<String>,
}

/// `tune.listener.multi-queue`: which thread gets an accepted connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultiQueue {
    /// The one with the fewest connections, of a sample.
    #[default]
    On,
    /// Each in turn.
    Fair,
    /// The one that accepted it.
    Off,
}

/// `mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// HTTP
    Http,
    /// TCP
    Tcp,
}

/// Which section a proxy came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// `frontend`
    Frontend,
    /// `backend`
    Backend,
    /// `listen`
    Listen,
}

/// A frontend, backend or listen.
#[derive(Debug)]
pub struct Proxy {
    /// Its place in [`RuntimeConfig::proxies`].
    pub index: ProxyIndex,
    /// `id`, or the number given in order (iid in the stats).
    pub id: u32,
    /// Its name.
    pub name: Arc<str>,
    /// The section's kind.
    pub kind: ProxyKind,
    /// File and line of the section.
    pub declared_at: (String, u32),
    /// `disabled`
    pub disabled: bool,
    /// `description`
    pub description: Option<String>,
    /// `mode`
    pub mode: Mode,
    /// `bind` lines; one entry an address and port.
    pub binds: Vec<Bind>,
    /// `maxconn` of the frontend; 0 means the global one.
    pub maxconn: u32,
    /// `backlog`; 0 means maxconn.
    pub backlog: u32,
    /// `rate-limit sessions`; 0 means none.
    pub rate_limit_sessions: u32,
    /// `fullconn`; 0 means derived.
    pub fullconn: u32,
    /// `max-keep-alive-queue`; none is no limit.
    pub max_keep_alive_queue: Option<u64>,
    /// The `timeout` family.
    pub timeouts: Timeouts,
    /// `retries`
    pub retries: u32,
    /// `option redispatch`: none means off; else its interval (-1 is the last retry).
    pub redispatch: Option<i32>,
    /// `retry-on`
    pub retry_on: RetryOn,
    /// The flags of `option`.
    pub options: Options,
    /// `option forwardfor`
    pub forwardfor: Option<ForwardFor>,
    /// `option originalto`
    pub originalto: Option<ForwardFor>,
    /// `option forwarded`
    pub forwarded: Option<Arc<Forwarded>>,
    /// `option http-restrict-req-hdr-names`
    pub restrict_names: RestrictNames,
    /// `http-send-name-header`, in lower case.
    pub send_name_header: Option<Vec<u8>>,
    /// `force-persist` (true) and `ignore-persist` (false) with their conditions; the first that holds counts.
    pub persist_rules: Vec<(bool, Condition)>,
    /// Where and how the proxy logs.
    pub log: ProxyLog,
    /// `capture` lines of request and response headers and cookies, and rules that declare slots.
    pub captures: Captures,
    /// `tcp-request connection`, `session`, `content` and `tcp-response content`.
    pub tcp_rules: TcpRules,
    /// `http-request`, with `redirect` lines after it as the reference runs them.
    pub http_request: RuleSet,
    /// `http-response`
    pub http_response: RuleSet,
    /// `http-after-response`
    pub http_after_response: RuleSet,
    /// `monitor-uri`
    pub monitor_uri: Option<Vec<u8>>,
    /// `monitor fail` conditions.
    pub monitor_fail: Vec<Condition>,
    /// `use_backend` lines in order.
    pub use_backend: Vec<UseBackend>,
    /// `use-server` lines in order.
    pub use_server: Vec<UseServer>,
    /// `default_backend`; for a listen, itself.
    pub default_backend: Option<ProxyIndex>,
    /// `errorfile`, `errorfiles`, `errorloc302`, `errorloc303`, `http-error`: page by status.
    pub errors: BTreeMap<u16, ErrorPage>,
    /// `balance`, `hash-type`, `hash-balance-factor`.
    pub balance: balance::Config,
    /// `cookie`
    pub cookie: Option<Cookie>,
    /// `option httpchk`, `option tcp-check` and their rules.
    pub check: ProxyCheck,
    /// `server` lines in order.
    pub servers: Vec<Arc<Server>>,
    /// `dispatch`, else `option transparent`; none with `balance` and without either.
    pub direct: Option<DirectRoute>,
    /// `stats` lines; none when the page is off.
    pub stats: Option<StatsPage>,
    /// `http-reuse`
    pub reuse: Reuse,
    /// `unique-id-format`
    pub unique_id_format: Option<LogFormat>,
    /// `unique-id-header`
    pub unique_id_header: Option<Vec<u8>>,
}

impl Proxy {
    /// Whether it accepts connections.
    #[must_use]
    pub fn is_frontend(&self) -> bool {
        self.kind != ProxyKind::Backend
    }

    /// Whether it has servers.
    #[must_use]
    pub fn is_backend(&self) -> bool {
        self.kind != ProxyKind::Frontend
    }
}

/// `retry-on`: after which failures a request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryOn(u16);

impl RetryOn {
    /// `none`
    pub const NONE: Self = Self(0);
    /// `conn-failure`, the default: no connection to the server.
    pub const CONNECTION_FAILURE: Self = Self(1);
    /// `empty-response`: the server closed before a response.
    pub const EMPTY_RESPONSE: Self = Self(2);
    /// `response-timeout`
    pub const RESPONSE_TIMEOUT: Self = Self(4);
    /// `junk-response`: what came is no response.
    pub const JUNK_RESPONSE: Self = Self(8);
    /// `0rtt-rejected`
    pub const EARLY_DATA_REJECTED: Self = Self(16);
    /// The statuses that may be named, from bit 5 on.
    const STATUSES: [u16; 11] = [401, 403, 404, 408, 425, 429, 500, 501, 502, 503, 504];
    const FIRST_STATUS: u32 = 5;

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is asked for.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// A response with this status.
    #[must_use]
    pub fn status(status: u16) -> Option<Self> {
        let at = Self::STATUSES.iter().position(|known| *known == status)?;
        Some(Self(1 << (Self::FIRST_STATUS + u32::try_from(at).ok()?)))
    }

    /// Whether anything that happens after the request was sent is asked for, so that the request must be kept.
    #[must_use]
    pub const fn keeps_request(self) -> bool {
        self.0 & !Self::CONNECTION_FAILURE.0 != 0
    }

    /// Whether a connection that the server may have closed meanwhile can do no harm: the request would be sent again.
    #[must_use]
    pub const fn forgives_reuse(self) -> bool {
        self.has(Self::CONNECTION_FAILURE.with(Self::EMPTY_RESPONSE).with(Self::RESPONSE_TIMEOUT))
    }
}

/// One address that a frontend or stats socket listens on.
#[derive(Clone, Debug)]
pub struct Bind {
    /// Id in its frontend, counted from 1.
    pub id: u32,
    /// `name`
    pub name: Option<Arc<str>>,
    /// Where.
    pub address: Address,
    /// The line's text of the address, for messages.
    pub written: String,
    /// File and line.
    pub declared_at: (String, u32),
    /// `maxconn`; 0 means the frontend's.
    pub maxconn: u32,
    /// `backlog`; 0 means the frontend's.
    pub backlog: u32,
    /// `mode` of a Unix socket.
    pub unix_mode: Option<u32>,
    /// `uid` or `user` of a Unix socket.
    pub unix_uid: Option<u32>,
    /// `gid` or `group` of a Unix socket.
    pub unix_gid: Option<u32>,
    /// `level` of a stats socket.
    pub level: Level,
    /// `expose-fd listeners`
    pub expose_listeners: bool,
    /// `v4v6` / `v6only`: none means the kernel's default.
    pub v6only: Option<bool>,
    /// `interface`
    pub interface: Option<String>,
    /// `transparent`
    pub transparent: bool,
    /// `accept-proxy`
    pub accept_proxy: bool,
    /// `accept-netscaler-cip`: the magic number.
    pub netscaler_cip: Option<u32>,
    /// `defer-accept`
    pub defer_accept: bool,
    /// `nice`
    pub nice: i32,
    /// `mss`; negative is taken from the kernel's value.
    pub mss: Option<i32>,
    /// `tcp-ut`, ms.
    pub user_timeout: Option<u32>,
    /// `tfo`
    pub fast_open: bool,
    /// `namespace`
    pub namespace: Option<String>,
    /// The sockets to open (`shards`): the threads that accept on each.
    pub sockets: Vec<ThreadSet>,
    /// `severity-output` of a stats socket.
    pub severity: SeverityOutput,
}

/// The `timeout` family; none means no limit.
#[derive(Clone, Debug, Default)]
pub struct Timeouts {
    /// `timeout client`
    pub client: Option<Duration>,
    /// `timeout client-fin`
    pub client_fin: Option<Duration>,
    /// `timeout connect`
    pub connect: Option<Duration>,
    /// `timeout server`
    pub server: Option<Duration>,
    /// `timeout server-fin`
    pub server_fin: Option<Duration>,
    /// `timeout queue`; defaults to connect.
    pub queue: Option<Duration>,
    /// `timeout http-request`
    pub http_request: Option<Duration>,
    /// `timeout http-keep-alive`
    pub http_keep_alive: Option<Duration>,
    /// `timeout tarpit`; defaults to connect.
    pub tarpit: Option<Duration>,
    /// `timeout tunnel`
    pub tunnel: Option<Duration>,
    /// `timeout check`
    pub check: Option<Duration>,
    /// `timeout client-hs`
    pub client_hs: Option<Duration>,
}

/// The boolean options of a proxy, resolved; see the configuration manual, section 4.2, for each name.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `option dontlognull`
    pub dontlognull: bool,
    /// `option dontlog-normal`
    pub dontlog_normal: bool,
    /// `option log-health-checks`
    pub log_health_checks: bool,
    /// `option log-separate-errors`
    pub log_separate_errors: bool,
    /// `option logasap`
    pub logasap: bool,
    /// `option http-server-close`
    pub http_server_close: bool,
    /// `option httpclose`
    pub httpclose: bool,
    /// `option http-buffer-request`
    pub http_buffer_request: bool,
    /// `option http-ignore-probes`
    pub http_ignore_probes: bool,
    /// `option idle-close-on-response`
    pub idle_close_on_response: bool,
    /// `option http-no-delay`
    pub http_no_delay: bool,
    /// `option http-pretend-keepalive`
    pub http_pretend_keepalive: bool,
    /// `option abortonclose`
    pub abortonclose: bool,
    /// `option allbackups`
    pub allbackups: bool,
    /// `option accept-invalid-http-request`
    pub accept_invalid_http_request: bool,
    /// `option accept-invalid-http-response`
    pub accept_invalid_http_response: bool,
    /// `option persist`
    pub persist: bool,
    /// `option prefer-last-server`
    pub prefer_last_server: bool,
    /// `option clitcpka`
    pub clitcpka: Option<KeepAlive>,
    /// `option srvtcpka`
    pub srvtcpka: Option<KeepAlive>,
    /// `option nolinger`
    pub nolinger: bool,
    /// `option contstats`
    pub contstats: bool,
    /// `option independent-streams`
    pub independent_streams: bool,
    /// `option splice-auto`
    pub splice_auto: bool,
    /// `option splice-request`
    pub splice_request: bool,
    /// `option splice-response`
    pub splice_response: bool,
    /// `option socket-stats`
    pub socket_stats: bool,
    /// `option h1-case-adjust-bogus-client`, when there is a spelling to adjust to.
    pub h1_case_adjust_client: bool,
    /// `option h1-case-adjust-bogus-server`, when there is a spelling to adjust to.
    pub h1_case_adjust_server: bool,
    /// `option http-use-proxy-header`
    pub http_use_proxy_header: bool,
}

/// `option forwardfor`
#[derive(Clone, Debug)]
pub struct ForwardFor {
    /// Header name in lower case.
    pub header: Vec<u8>,
    /// `except` networks.
    pub except: Vec<(std::net::IpAddr, u8)>,
    /// `if-none`
    pub if_none: bool,
}

/// `log <target> … <facility> [max level [min level]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTarget {
    /// Where the lines go.
    pub destination: LogDestination,
    /// `len`
    pub max_len: usize,
    /// `format`
    pub format: LogHeader,
    /// Facility number, 0 to 23.
    pub facility: u8,
    /// Highest (least urgent) level sent, 0 to 7.
    pub level: u8,
    /// Levels below this are raised to it.
    pub min_level: u8,
    /// `sample ranges:size`
    pub sample: Option<(Vec<(u32, u32)>, u32)>,
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// UDP
    Udp(std::net::SocketAddr),
    /// A Unix datagram socket.
    Unix(PathBuf),
    /// A file descriptor (`stdout`, `stderr`, `fd@N`).
    Fd(i32),
}

/// `format` of a log target: the header in front of the message (configuration manual, `log`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogHeader {
    /// `local` for sockets, the default there.
    #[default]
    Local,
    /// RFC 3164 with a host name.
    Rfc3164,
    /// RFC 5424
    Rfc5424,
    /// `<PRI>` only.
    Priority,
    /// `<SEVERITY>` only.
    Short,
    /// `<SEVERITY>` and an ISO date.
    Timed,
    /// An ISO date.
    Iso,
    /// Nothing.
    Raw,
}

/// What a proxy logs and where.
#[derive(Clone, Debug, Default)]
pub struct ProxyLog {
    /// Targets in order; `log global` has been replaced with the global ones.
    pub targets: Vec<LogTarget>,
    /// The traffic line (frontends); none means no `option httplog`/`tcplog`/`log-format`: the short "Connect from" line.
    pub format: Option<Arc<LogFormat>>,
    /// `error-log-format`
    pub error_format: Option<Arc<LogFormat>>,
    /// `log-format-sd`
    pub sd_format: Option<Arc<LogFormat>>,
    /// `log-tag`
    pub tag: Option<String>,
    /// Whether [`ProxyLog::format`] is the HTTP one (`option httplog`), which the log is then written at the end of a response for.
    pub wants_http: bool,
}

/// Declared captures.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    /// `capture request header`: lower-case name (empty for a slot that only a rule fills) and length.
    pub request: Vec<(Vec<u8>, usize)>,
    /// `capture response header`
    pub response: Vec<(Vec<u8>, usize)>,
    /// `capture cookie`: name or prefix, whether it is a prefix, length.
    pub cookie: Option<(Vec<u8>, bool, usize)>,
}

/// The TCP rule sets.
#[derive(Clone, Debug, Default)]
pub struct TcpRules {
    /// `tcp-request connection`
    pub connection: RuleSet,
    /// `tcp-request session`
    pub session: RuleSet,
    /// `tcp-request content`
    pub request_content: RuleSet,
    /// `tcp-request inspect-delay`
    pub request_inspect_delay: Option<Duration>,
    /// `tcp-response content`
    pub response_content: RuleSet,
    /// `tcp-response inspect-delay`
    pub response_inspect_delay: Option<Duration>,
}

/// One `use_backend` line.
#[derive(Clone, Debug)]
pub struct UseBackend {
    /// The backend, or the expression that names it.
    pub target: BackendTarget,
    /// Its condition; none is always.
    pub condition: Option<Condition>,
}

/// What a `use_backend` line names.
#[derive(Clone, Debug)]
pub enum BackendTarget {
    /// A backend.
    Static(ProxyIndex),
    /// A log-format string whose result names one.
    Dynamic(Arc<LogFormat>),
}

/// One `use-server` line.
#[derive(Clone, Debug)]
pub struct UseServer {
    /// The server, or the expression that names it.
    pub target: ServerTarget,
    /// Its condition.
    pub condition: Condition,
}

/// What a `use-server` line names.
#[derive(Clone, Debug)]
pub enum ServerTarget {
    /// A server of the same backend.
    Static(ServerIndex),
    /// A log-format string whose result names one.
    Dynamic(Arc<LogFormat>),
}

/// `cookie` of a backend.
#[derive(Clone, Debug, Default)]
pub struct Cookie {
    /// Name.
    pub name: Vec<u8>,
    /// `insert`
    pub insert: bool,
    /// `rewrite`
    pub rewrite: bool,
    /// `prefix`
    pub prefix: bool,
    /// `indirect`
    pub indirect: bool,
    /// `nocache`
    pub nocache: bool,
    /// `postonly`
    pub postonly: bool,
    /// `preserve`
    pub preserve: bool,
    /// `httponly`
    pub httponly: bool,
    /// `secure`
    pub secure: bool,
    /// `domain`, in order.
    pub domains: Vec<String>,
    /// `maxidle`
    pub maxidle: Option<Duration>,
    /// `maxlife`
    pub maxlife: Option<Duration>,
    /// `attr`, in order.
    pub attributes: Vec<String>,
    /// `dynamic` with its `dynamic-cookie-key`.
    pub dynamic_key: Option<Vec<u8>>,
}

/// How a backend's servers are checked.
#[derive(Clone, Debug, Default)]
pub struct ProxyCheck {
    /// The kind.
    pub kind: CheckKind,
    /// The steps of an HTTP or TCP check, in order; empty for [`CheckKind::Tcp`].
    pub steps: Arc<[health::Step]>,
    /// `http-check disable-on-404`
    pub disable_on_404: bool,
    /// `http-check send-state`
    pub send_state: bool,
}

/// `stats` lines of a proxy.
#[derive(Clone, Debug)]
pub struct StatsPage {
    /// `stats uri`; defaults to `/haproxy?stats`.
    pub uri: Vec<u8>,
    /// `stats realm`
    pub realm: String,
    /// `stats auth` pairs.
    pub auth: Vec<(String, String)>,
    /// `stats refresh`
    pub refresh: Option<Duration>,
    /// `stats hide-version`
    pub hide_version: bool,
    /// `stats show-node`: the node's name.
    pub show_node: Option<String>,
    /// `stats show-desc`
    pub show_desc: Option<String>,
    /// `stats show-legends`
    pub show_legends: bool,
    /// `stats show-modules`
    pub show_modules: bool,
    /// `stats scope` names; empty means all; `.` has been replaced with the proxy's name.
    pub scope: Vec<String>,
    /// `stats admin` conditions.
    pub admin: Vec<Condition>,
    /// `stats http-request` rules.
    pub http_request: RuleSet,
}
