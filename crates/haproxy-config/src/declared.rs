//! What the sections say, as written: settings with where they came from. `resolve` makes the runtime configuration of it.

use crate::anonymous::AnonKey;
use crate::runtime::{
    Cookie, ForwardFor, Level, LogTarget, Mode, MultiQueue, ProxyV2, RestrictNames, RetryOn, Reuse,
    ServerNamespace, SeverityOutput,
};
use crate::section::threads::CpuMap;
use crate::setting::{SectionNumber, Setting};
use crate::source::SourceOptions;
use crate::threads::{Shards, ThreadSet, Threads};
use balance::HashKey;
use config_text::Span;
use health::{Layer, OnError};
use rules::{ErrorPage, RuleSet};
use sample::Condition;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use units::{Address, Endpoint};

/// Which kind of section a [`ProxyDecl`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SectionKind {
    Defaults,
    Frontend,
    Backend,
    Listen,
}

impl SectionKind {
    /// As messages name it: `proxy` for a listen.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Listen => "proxy",
        }
    }

    /// As the section is written.
    pub(crate) fn keyword(self) -> &'static str {
        if self == Self::Listen { "listen" } else { self.noun() }
    }

    pub(crate) fn has_frontend(self) -> bool {
        self != Self::Backend
    }

    pub(crate) fn has_backend(self) -> bool {
        self != Self::Frontend
    }
}

/// `global`.
#[derive(Clone, Debug, Default)]
pub(crate) struct GlobalDecl {
    /// Whether any line may ask for `bc_src`, `bc_dst` or their ports.
    pub(crate) reads_server_addresses: bool,
    /// Whether any line may ask for the destination of client connections.
    pub(crate) reads_destinations: bool,
    pub(crate) daemon: Setting<bool>,
    pub(crate) master_worker: Setting<bool>,
    pub(crate) no_exit_on_failure: Setting<bool>,
    pub(crate) mworker_max_reloads: Setting<Option<i64>>,
    /// Builtin: true.
    pub(crate) strict_limits: Setting<bool>,
    pub(crate) quiet: Setting<bool>,
    pub(crate) zero_warning: Setting<bool>,
    pub(crate) chroot: Setting<Option<String>>,
    pub(crate) uid: Setting<Option<u32>>,
    pub(crate) gid: Setting<Option<u32>>,
    pub(crate) pidfile: Setting<Option<String>>,
    pub(crate) nbthread: Setting<Option<u32>>,
    /// `thread-groups`; 0 when it is not written.
    pub(crate) thread_groups: usize,
    /// `thread-group`, by group.
    pub(crate) thread_group: Vec<ThreadSet>,
    pub(crate) thread_hard_limit: Option<u32>,
    pub(crate) cpu_map: Vec<CpuMap>,
    pub(crate) default_shards: Shards,
    pub(crate) no_reuse_port: Setting<bool>,
    pub(crate) dumpable: Setting<bool>,
    pub(crate) fork_wanted: Setting<bool>,
    pub(crate) setuid_wanted: Setting<bool>,
    /// `setcap`: the kernel's numbers.
    pub(crate) capabilities: Vec<u8>,
    pub(crate) maxpipes: Setting<Option<i64>>,
    pub(crate) no_splice: Setting<bool>,
    pub(crate) pipe_size: Setting<Option<i64>>,
    pub(crate) no_zero_copy: Setting<bool>,
    pub(crate) no_zero_copy_tcp: Setting<bool>,
    pub(crate) no_zero_copy_h1_receive: Setting<bool>,
    pub(crate) no_zero_copy_h1_send: Setting<bool>,
    pub(crate) multi_queue: MultiQueue,
    pub(crate) maxconn: Setting<Option<i64>>,
    pub(crate) maxconnrate: Setting<Option<i64>>,
    pub(crate) maxsessrate: Setting<Option<i64>>,
    pub(crate) maxsslrate: Setting<Option<i64>>,
    pub(crate) ulimit_n: Setting<Option<i64>>,
    pub(crate) fd_hard_limit: Setting<Option<i64>>,
    pub(crate) log: Vec<LogTarget>,
    pub(crate) log_tag: Setting<Option<String>>,
    pub(crate) log_hostname: Setting<Option<String>>,
    pub(crate) stats_sockets: Vec<BindDecl>,
    pub(crate) stats_timeout: Setting<Option<Duration>>,
    pub(crate) stats_maxconn: Setting<Option<i64>>,
    pub(crate) node: Setting<Option<String>>,
    pub(crate) description: Setting<Option<String>>,
    pub(crate) hard_stop_after: Setting<Option<Duration>>,
    pub(crate) grace: Setting<Option<Duration>>,
    pub(crate) anon_key: Setting<AnonKey>,
    pub(crate) ca_base: Setting<Option<String>>,
    pub(crate) crt_base: Setting<Option<String>>,
    pub(crate) ssl_defaults: BTreeMap<&'static str, String>,
    pub(crate) spread_checks: Setting<Option<i64>>,
    pub(crate) bufsize: Setting<Option<i64>>,
    pub(crate) maxrewrite: Setting<Option<i64>>,
    pub(crate) max_headers: Setting<Option<i64>>,
    pub(crate) maxaccept: Setting<Option<i64>>,
    pub(crate) unix_bind: UnixBind,
    /// `h1-case-adjust`
    pub(crate) case_map: http1::CaseMap,
    pub(crate) case_file: Setting<Option<String>>,
    pub(crate) any_payload: Setting<bool>,
    pub(crate) keeps_ambiguous: Setting<bool>,
    pub(crate) never_send_local: Setting<bool>,
    pub(crate) log_uri_len: Setting<Option<i64>>,
    pub(crate) cookie_len: Setting<Option<i64>>,
}

/// `unix-bind`
#[derive(Clone, Debug, Default)]
pub(crate) struct UnixBind {
    pub(crate) prefix: Option<String>,
    pub(crate) mode: Option<u32>,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
}

/// `defaults`, `frontend`, `backend` or `listen`.
#[derive(Clone, Debug)]
pub(crate) struct ProxyDecl {
    pub(crate) name: String,
    pub(crate) kind: SectionKind,
    pub(crate) section: SectionNumber,
    pub(crate) at: Span,
    /// Name of the file that it stands in.
    pub(crate) file: std::sync::Arc<str>,
    /// The `defaults` section that `from` names.
    pub(crate) named_defaults: Option<usize>,
    pub(crate) mode: Setting<Mode>,
    pub(crate) id: Setting<Option<u32>>,
    pub(crate) disabled: Setting<bool>,
    pub(crate) description: Setting<Option<String>>,
    pub(crate) maxconn: Setting<Option<i64>>,
    pub(crate) backlog: Setting<Option<i64>>,
    pub(crate) fullconn: Setting<Option<i64>>,
    pub(crate) max_keep_alive_queue: Setting<Option<u64>>,
    pub(crate) rate_limit_sessions: Setting<Option<i64>>,
    pub(crate) retries: Setting<Option<i64>>,
    pub(crate) redispatch: Setting<Option<i32>>,
    pub(crate) retry_on: Setting<RetryOn>,
    pub(crate) timeouts: TimeoutsDecl,
    pub(crate) clitcpka: KeepAliveDecl,
    pub(crate) srvtcpka: KeepAliveDecl,
    pub(crate) options: OptionsDecl,
    pub(crate) forwardfor: Setting<Option<ForwardFor>>,
    pub(crate) originalto: Setting<Option<ForwardFor>>,
    pub(crate) forwarded: Setting<Option<ForwardedDecl>>,
    pub(crate) restrict_names: Setting<RestrictNames>,
    pub(crate) send_name_header: Setting<Option<String>>,
    /// `force-persist` (true) and `ignore-persist`.
    pub(crate) persist_rules: Vec<(bool, Condition)>,
    pub(crate) log: Vec<LogDecl>,
    pub(crate) log_format: Setting<Option<FormatDecl>>,
    pub(crate) error_log_format: Setting<Option<FormatDecl>>,
    pub(crate) log_format_sd: Setting<Option<FormatDecl>>,
    pub(crate) log_tag: Setting<Option<String>>,
    pub(crate) unique_id_format: Setting<Option<FormatDecl>>,
    pub(crate) unique_id_header: Setting<Option<String>>,
    pub(crate) capture_cookie: Option<(Vec<u8>, bool, usize)>,
    pub(crate) rules: RulesDecl,
    pub(crate) monitor_uri: Setting<Option<String>>,
    pub(crate) monitor_fail: Vec<Condition>,
    pub(crate) use_backend: Vec<UseBackendDecl>,
    pub(crate) use_server: Vec<UseServerDecl>,
    pub(crate) default_backend: Setting<Option<String>>,
    /// In order: a later line wins.
    pub(crate) errors: Vec<ErrorDecl>,
    pub(crate) balance: Setting<balance::Config>,
    /// Whether a `balance` line was written.
    pub(crate) balanced: bool,
    pub(crate) cookie: Setting<Option<Cookie>>,
    pub(crate) dynamic_cookie: bool,
    pub(crate) dynamic_cookie_key: Setting<Option<String>>,
    pub(crate) check: CheckDecl,
    pub(crate) binds: Vec<BindDecl>,
    pub(crate) servers: Vec<ServerDecl>,
    /// `dispatch`, as a server without name.
    pub(crate) dispatch: Option<Box<ServerDecl>>,
    pub(crate) default_server: ServerDecl,
    pub(crate) stats: Setting<Option<StatsDecl>>,
    pub(crate) reuse: Setting<Reuse>,
    /// Where servers without an address of their own are connected from.
    pub(crate) source: Setting<Option<(SocketAddr, SourceOptions)>>,
}

impl ProxyDecl {
    /// An empty section.
    pub(crate) fn new(name: &str, kind: SectionKind, section: SectionNumber, at: Span) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            section,
            at,
            file: std::sync::Arc::from(""),
            named_defaults: None,
            mode: Setting::builtin(Mode::Tcp),
            id: Setting::builtin(None),
            disabled: Setting::builtin(false),
            description: Setting::builtin(None),
            maxconn: Setting::builtin(None),
            backlog: Setting::builtin(None),
            fullconn: Setting::builtin(None),
            max_keep_alive_queue: Setting::builtin(None),
            rate_limit_sessions: Setting::builtin(None),
            retries: Setting::builtin(None),
            redispatch: Setting::builtin(None),
            retry_on: Setting::builtin(RetryOn::CONNECTION_FAILURE),
            timeouts: TimeoutsDecl::default(),
            clitcpka: KeepAliveDecl::default(),
            srvtcpka: KeepAliveDecl::default(),
            options: OptionsDecl::default(),
            forwardfor: Setting::builtin(None),
            originalto: Setting::builtin(None),
            forwarded: Setting::builtin(None),
            restrict_names: Setting::builtin(RestrictNames::Preserve),
            send_name_header: Setting::builtin(None),
            persist_rules: Vec::new(),
            log: Vec::new(),
            log_format: Setting::builtin(None),
            error_log_format: Setting::builtin(None),
            log_format_sd: Setting::builtin(None),
            log_tag: Setting::builtin(None),
            unique_id_format: Setting::builtin(None),
            unique_id_header: Setting::builtin(None),
            capture_cookie: None,
            rules: RulesDecl::default(),
            monitor_uri: Setting::builtin(None),
            monitor_fail: Vec::new(),
            use_backend: Vec::new(),
            use_server: Vec::new(),
            default_backend: Setting::builtin(None),
            errors: Vec::new(),
            balance: Setting::builtin(balance::Config::default()),
            balanced: false,
            cookie: Setting::builtin(None),
            dynamic_cookie: false,
            dynamic_cookie_key: Setting::builtin(None),
            check: CheckDecl::default(),
            binds: Vec::new(),
            servers: Vec::new(),
            dispatch: None,
            default_server: ServerDecl::new("default-server", at),
            stats: Setting::builtin(None),
            reuse: Setting::builtin(Reuse::Safe),
            source: Setting::builtin(None),
        }
    }

    /// A section that starts from what a `defaults` section says.
    pub(crate) fn from_defaults(
        defaults: &Self,
        name: &str,
        kind: SectionKind,
        section: SectionNumber,
        at: Span,
    ) -> Self {
        let mut proxy = defaults.clone();
        proxy.name = name.to_owned();
        proxy.kind = kind;
        proxy.section = section;
        proxy.at = at;
        proxy
    }

    /// `frontend 'f'`, `proxy 'l'`, as messages name it.
    pub(crate) fn title(&self) -> String {
        format!("{} '{}'", self.kind.noun(), self.name)
    }
}

/// `clitcpka-*` or `srvtcpka-*`; none is the system's value.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeepAliveDecl {
    pub(crate) idle: Setting<Option<u32>>,
    pub(crate) interval: Setting<Option<u32>>,
    pub(crate) count: Setting<Option<u32>>,
}

/// The `timeout` family; none is no limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimeoutsDecl {
    pub(crate) client: Setting<Option<Duration>>,
    pub(crate) client_fin: Setting<Option<Duration>>,
    pub(crate) client_hs: Setting<Option<Duration>>,
    pub(crate) connect: Setting<Option<Duration>>,
    pub(crate) server: Setting<Option<Duration>>,
    pub(crate) server_fin: Setting<Option<Duration>>,
    pub(crate) queue: Setting<Option<Duration>>,
    pub(crate) http_request: Setting<Option<Duration>>,
    pub(crate) http_keep_alive: Setting<Option<Duration>>,
    pub(crate) tarpit: Setting<Option<Duration>>,
    pub(crate) tunnel: Setting<Option<Duration>>,
    pub(crate) check: Setting<Option<Duration>>,
}

/// How connections end, set by the last of `option httpclose`, `http-server-close` and `http-keep-alive`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum HttpClosing {
    #[default]
    KeepAlive,
    ServerClose,
    Close,
}

/// The flags of `option`.
#[derive(Clone, Debug, Default)]
pub(crate) struct OptionsDecl {
    pub(crate) closing: Setting<HttpClosing>,
    pub(crate) dontlognull: Setting<bool>,
    pub(crate) dontlog_normal: Setting<bool>,
    pub(crate) log_health_checks: Setting<bool>,
    pub(crate) log_separate_errors: Setting<bool>,
    pub(crate) logasap: Setting<bool>,
    pub(crate) http_buffer_request: Setting<bool>,
    pub(crate) http_ignore_probes: Setting<bool>,
    pub(crate) idle_close_on_response: Setting<bool>,
    pub(crate) http_no_delay: Setting<bool>,
    pub(crate) http_pretend_keepalive: Setting<bool>,
    pub(crate) abortonclose: Setting<bool>,
    pub(crate) allbackups: Setting<bool>,
    pub(crate) accept_invalid_http_request: Setting<bool>,
    pub(crate) accept_invalid_http_response: Setting<bool>,
    pub(crate) persist: Setting<bool>,
    pub(crate) transparent: Setting<bool>,
    pub(crate) prefer_last_server: Setting<bool>,
    pub(crate) clitcpka: Setting<bool>,
    pub(crate) srvtcpka: Setting<bool>,
    pub(crate) nolinger: Setting<bool>,
    pub(crate) contstats: Setting<bool>,
    pub(crate) independent_streams: Setting<bool>,
    pub(crate) splice_auto: Setting<bool>,
    pub(crate) splice_request: Setting<bool>,
    pub(crate) splice_response: Setting<bool>,
    pub(crate) socket_stats: Setting<bool>,
    pub(crate) h1_case_adjust_client: Setting<bool>,
    pub(crate) h1_case_adjust_server: Setting<bool>,
    pub(crate) http_use_proxy_header: Setting<bool>,
    pub(crate) disable_h2_upgrade: Setting<bool>,
}

/// `option forwarded` as written: expressions are parsed once the section is complete.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForwardedDecl {
    pub(crate) proto: bool,
    pub(crate) host: NodeDecl,
    pub(crate) by: NodeDecl,
    pub(crate) by_port: NodeDecl,
    pub(crate) source: NodeDecl,
    pub(crate) source_port: NodeDecl,
    /// `file:line`
    pub(crate) at: String,
}

/// One part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum NodeDecl {
    #[default]
    Off,
    Own,
    Expr(String),
}

/// One `log` line of a proxy.
#[derive(Clone, Debug)]
pub(crate) enum LogDecl {
    Global,
    Target(LogTarget),
}

/// A log-format string that is parsed once the section is complete.
#[derive(Clone, Debug)]
pub(crate) struct FormatDecl {
    pub(crate) text: String,
    pub(crate) span: Span,
    pub(crate) file: std::sync::Arc<str>,
    /// The keyword that wrote it, for messages.
    pub(crate) keyword: &'static str,
    pub(crate) http: bool,
    /// The format that an option chooses.
    pub(crate) builtin: Option<log_format::Builtin>,
}

/// Rule sets; those of the `defaults` section come first.
#[derive(Clone, Debug, Default)]
pub(crate) struct RulesDecl {
    pub(crate) tcp_connection: RuleSet,
    pub(crate) tcp_session: RuleSet,
    pub(crate) tcp_request: RuleSet,
    pub(crate) tcp_request_delay: Setting<Option<Duration>>,
    pub(crate) tcp_response: RuleSet,
    pub(crate) tcp_response_delay: Setting<Option<Duration>>,
    pub(crate) http_request: RuleSet,
    pub(crate) http_response: RuleSet,
    pub(crate) http_after_response: RuleSet,
    /// `redirect` lines: they run after the `http-request` rules.
    pub(crate) redirect: RuleSet,
    /// Which kinds of rules the section itself has, for "placed after" warnings.
    pub(crate) seen: crate::section::rules::Seen,
    /// Which HTTP sets end with a rule after which nothing runs.
    pub(crate) ended: crate::section::rules::Ended,
}

/// One `use_backend` line.
#[derive(Clone, Debug)]
pub(crate) struct UseBackendDecl {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) file: std::sync::Arc<str>,
    pub(crate) condition: Option<Condition>,
}

/// One `use-server` line.
#[derive(Clone, Debug)]
pub(crate) struct UseServerDecl {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) file: std::sync::Arc<str>,
    pub(crate) condition: Condition,
}

/// What statuses are answered with.
#[derive(Clone, Debug)]
pub(crate) enum ErrorDecl {
    /// `errorfile`, `errorloc`, `http-error`
    Page(u16, ErrorPage),
    /// `errorfiles`
    Section {
        /// Name of the `http-errors` section.
        section: String,
        /// The statuses that are taken from it; none is all.
        statuses: Option<Vec<u16>>,
        /// `file:line`
        at: String,
    },
}

/// `userlist`
#[derive(Clone, Debug, Default)]
pub(crate) struct UserListDecl {
    pub(crate) name: String,
    pub(crate) users: Vec<UserDecl>,
    pub(crate) groups: Vec<GroupDecl>,
}

/// A `user` line.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserDecl {
    pub(crate) name: String,
    pub(crate) password: Option<Vec<u8>>,
    /// `insecure-password`
    pub(crate) plain: bool,
    pub(crate) groups: Vec<String>,
}

/// A `group` line.
#[derive(Clone, Debug)]
pub(crate) struct GroupDecl {
    pub(crate) name: String,
    pub(crate) users: Vec<String>,
}

/// `http-errors`
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpErrorsDecl {
    pub(crate) name: String,
    /// `file:line`
    pub(crate) at: String,
    pub(crate) pages: BTreeMap<u16, std::sync::Arc<rules::Reply>>,
}

/// How servers are checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckDecl {
    pub(crate) kind: Setting<health::CheckKind>,
    /// What `option httpchk` itself asks for.
    pub(crate) httpchk: Option<crate::section::check::HttpChk>,
    pub(crate) http_steps: Vec<health::Step>,
    /// What the first `http-check send` says itself; `option httpchk` says the rest, wherever it stands.
    pub(crate) first_send: crate::section::check::Written,
    /// The section that `httpchk` and `http_steps` come from.
    pub(crate) http_from: SectionNumber,
    pub(crate) tcp_steps: Vec<health::Step>,
    /// The section that `tcp_steps` come from.
    pub(crate) tcp_from: SectionNumber,
    pub(crate) disable_on_404: Setting<bool>,
    pub(crate) send_state: Setting<bool>,
}

/// `stats` lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatsDecl {
    pub(crate) uri: Option<String>,
    pub(crate) realm: Option<String>,
    pub(crate) auth: Vec<(String, String)>,
    pub(crate) refresh: Option<Duration>,
    pub(crate) hide_version: bool,
    pub(crate) show_node: Option<String>,
    pub(crate) show_desc: Option<String>,
    pub(crate) show_legends: bool,
    pub(crate) show_modules: bool,
    pub(crate) scope: Vec<String>,
    pub(crate) admin: Vec<Condition>,
    pub(crate) http_request: RuleSet,
}

/// One `bind` or `stats socket` line; one entry an address and port.
#[derive(Clone, Debug)]
pub(crate) struct BindDecl {
    pub(crate) address: Option<Address>,
    pub(crate) written: String,
    pub(crate) at: Span,
    pub(crate) id: Option<u32>,
    pub(crate) name: Option<String>,
    pub(crate) maxconn: u32,
    pub(crate) backlog: u32,
    pub(crate) unix_mode: Option<u32>,
    pub(crate) unix_uid: Option<u32>,
    pub(crate) unix_gid: Option<u32>,
    pub(crate) level: Option<Level>,
    pub(crate) expose_listeners: bool,
    pub(crate) v6only: Option<bool>,
    pub(crate) interface: Option<String>,
    pub(crate) transparent: bool,
    pub(crate) accept_proxy: bool,
    pub(crate) netscaler_cip: Option<u32>,
    pub(crate) defer_accept: bool,
    pub(crate) nice: i32,
    pub(crate) mss: Option<i32>,
    /// ms
    pub(crate) user_timeout: Option<u32>,
    pub(crate) fast_open: bool,
    pub(crate) namespace: Option<String>,
    pub(crate) threads: Vec<Threads>,
    pub(crate) shards: Option<Shards>,
    pub(crate) severity: SeverityOutput,
}

impl BindDecl {
    pub(crate) fn new(written: &str, at: Span) -> Self {
        Self {
            address: None,
            written: written.to_owned(),
            at,
            id: None,
            name: None,
            maxconn: 0,
            backlog: 0,
            unix_mode: None,
            unix_uid: None,
            unix_gid: None,
            level: None,
            expose_listeners: false,
            v6only: None,
            interface: None,
            transparent: false,
            accept_proxy: false,
            netscaler_cip: None,
            defer_accept: false,
            nice: 0,
            mss: None,
            user_timeout: None,
            fast_open: false,
            namespace: None,
            threads: Vec::new(),
            shards: None,
            severity: SeverityOutput::None,
        }
    }
}

/// One `server` or `default-server` line.
#[derive(Clone, Debug)]
pub(crate) struct ServerDecl {
    pub(crate) name: String,
    pub(crate) at: Span,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) id: Option<u32>,
    pub(crate) weight: u32,
    pub(crate) backup: bool,
    pub(crate) disabled: bool,
    pub(crate) maxconn: u32,
    pub(crate) minconn: u32,
    pub(crate) maxqueue: u32,
    pub(crate) cookie: Option<String>,
    pub(crate) slowstart: Duration,
    pub(crate) check: bool,
    pub(crate) inter: Option<Duration>,
    pub(crate) fastinter: Option<Duration>,
    pub(crate) downinter: Option<Duration>,
    pub(crate) rise: Option<u32>,
    pub(crate) fall: Option<u32>,
    pub(crate) check_port: Option<u16>,
    pub(crate) check_addr: Option<IpAddr>,
    pub(crate) check_send_proxy: bool,
    pub(crate) track: Option<String>,
    pub(crate) observe: Option<Layer>,
    pub(crate) on_error: OnError,
    /// `error-limit`
    pub(crate) error_limit: u32,
    pub(crate) hash_key: HashKey,
    pub(crate) send_proxy: u8,
    pub(crate) proxy_v2: ProxyV2,
    pub(crate) source: Option<(SocketAddr, SourceOptions)>,
    pub(crate) namespace: Option<ServerNamespace>,
    /// ms
    pub(crate) user_timeout: Option<u32>,
    pub(crate) fast_open: bool,
    pub(crate) shutdown_on_down: bool,
    pub(crate) shutdown_backup_on_up: bool,
    pub(crate) pool_max_conn: i64,
    pub(crate) pool_low_conn: u32,
    pub(crate) pool_purge_delay: Duration,
    pub(crate) redir: Option<String>,
    /// Empty when it is not written.
    pub(crate) init_addr: Vec<InitAddr>,
}

/// A way to a server's first address (`init-addr`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InitAddr {
    /// The one of the state file.
    Last,
    /// What the system resolves.
    Libc,
    /// None: the server starts in maintenance.
    None,
    /// This one.
    Ip(IpAddr),
}

impl BindDecl {
    /// `unix-bind` settings, where the line itself says nothing.
    pub(crate) fn apply_unix_defaults(&mut self, defaults: &UnixBind, address: &Address) {
        if matches!(address, Address::Unix(_)) {
            self.unix_mode = self.unix_mode.or(defaults.mode);
            self.unix_uid = self.unix_uid.or(defaults.uid);
            self.unix_gid = self.unix_gid.or(defaults.gid);
        }
    }
}

/// Errors in a row that are too many, where nothing else is written.
const ERROR_LIMIT: u32 = 10;

impl ServerDecl {
    pub(crate) fn new(name: &str, at: Span) -> Self {
        Self {
            name: name.to_owned(),
            at,
            endpoint: None,
            id: None,
            weight: 1,
            backup: false,
            disabled: false,
            maxconn: 0,
            minconn: 0,
            maxqueue: 0,
            cookie: None,
            slowstart: Duration::ZERO,
            check: false,
            inter: None,
            fastinter: None,
            downinter: None,
            rise: None,
            fall: None,
            check_port: None,
            check_addr: None,
            check_send_proxy: false,
            track: None,
            observe: None,
            on_error: OnError::default(),
            error_limit: ERROR_LIMIT,
            hash_key: HashKey::Id,
            send_proxy: 0,
            proxy_v2: ProxyV2::default(),
            source: None,
            namespace: None,
            user_timeout: None,
            fast_open: false,
            shutdown_on_down: false,
            shutdown_backup_on_up: false,
            pool_max_conn: -1,
            pool_low_conn: 0,
            pool_purge_delay: Duration::from_secs(5),
            redir: None,
            init_addr: Vec::new(),
        }
    }
}

/// A path setting as a path.
pub(crate) fn path(setting: &Setting<Option<String>>) -> Option<PathBuf> {
    setting.as_deref().map(PathBuf::from)
}
