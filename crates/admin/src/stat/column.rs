//! The columns of `show stat` in the reference's order (management manual, section 9.1), with what `typed`, `desc` and `json` say of each.
//!
//! One row a column; [`at`] names the ones that a row is filled by. The columns behind [`SEPARATOR`] are those of protocol modules.

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in the header line.
    pub name: &'static str,
    /// Origin, nature and scope, as `typed` prints them.
    pub tags: &'static str,
    /// The value's type, as `typed` prints it.
    pub kind: &'static str,
    /// What it says.
    pub description: &'static str,
}

const fn column_row(
    name: &'static str,
    tags: &'static str,
    kind: &'static str,
    description: &'static str,
) -> Column {
    Column { name, tags, kind, description }
}

/// Indexes into [`COLUMNS`].
pub mod at {
    /// `pxname`
    pub const PXNAME: usize = 0;
    /// `svname`
    pub const SVNAME: usize = 1;
    /// `qcur`
    pub const QCUR: usize = 2;
    /// `qmax`
    pub const QMAX: usize = 3;
    /// `scur`
    pub const SCUR: usize = 4;
    /// `smax`
    pub const SMAX: usize = 5;
    /// `slim`
    pub const SLIM: usize = 6;
    /// `stot`
    pub const STOT: usize = 7;
    /// `bin`
    pub const BIN: usize = 8;
    /// `bout`
    pub const BOUT: usize = 9;
    /// `dreq`
    pub const DREQ: usize = 10;
    /// `dresp`
    pub const DRESP: usize = 11;
    /// `ereq`
    pub const EREQ: usize = 12;
    /// `econ`
    pub const ECON: usize = 13;
    /// `eresp`
    pub const ERESP: usize = 14;
    /// `wretr`
    pub const WRETR: usize = 15;
    /// `wredis`
    pub const WREDIS: usize = 16;
    /// `status`
    pub const STATUS: usize = 17;
    /// `weight`
    pub const WEIGHT: usize = 18;
    /// `act`
    pub const ACT: usize = 19;
    /// `bck`
    pub const BCK: usize = 20;
    /// `chkfail`
    pub const CHKFAIL: usize = 21;
    /// `chkdown`
    pub const CHKDOWN: usize = 22;
    /// `lastchg`
    pub const LASTCHG: usize = 23;
    /// `downtime`
    pub const DOWNTIME: usize = 24;
    /// `qlimit`
    pub const QLIMIT: usize = 25;
    /// `pid`
    pub const PID: usize = 26;
    /// `iid`
    pub const IID: usize = 27;
    /// `sid`
    pub const SID: usize = 28;
    /// `throttle`
    pub const THROTTLE: usize = 29;
    /// `lbtot`
    pub const LBTOT: usize = 30;
    /// `tracked`
    pub const TRACKED: usize = 31;
    /// `type`
    pub const TYPE: usize = 32;
    /// `rate`
    pub const RATE: usize = 33;
    /// `rate_lim`
    pub const RATE_LIM: usize = 34;
    /// `rate_max`
    pub const RATE_MAX: usize = 35;
    /// `check_status`
    pub const CHECK_STATUS: usize = 36;
    /// `check_code`
    pub const CHECK_CODE: usize = 37;
    /// `check_duration`
    pub const CHECK_DURATION: usize = 38;
    /// `hrsp_1xx`
    pub const HRSP_1XX: usize = 39;
    /// `hrsp_2xx`
    pub const HRSP_2XX: usize = 40;
    /// `hrsp_3xx`
    pub const HRSP_3XX: usize = 41;
    /// `hrsp_4xx`
    pub const HRSP_4XX: usize = 42;
    /// `hrsp_5xx`
    pub const HRSP_5XX: usize = 43;
    /// `hrsp_other`
    pub const HRSP_OTHER: usize = 44;
    /// `hanafail`
    pub const HANAFAIL: usize = 45;
    /// `req_rate`
    pub const REQ_RATE: usize = 46;
    /// `req_rate_max`
    pub const REQ_RATE_MAX: usize = 47;
    /// `req_tot`
    pub const REQ_TOT: usize = 48;
    /// `cli_abrt`
    pub const CLI_ABRT: usize = 49;
    /// `srv_abrt`
    pub const SRV_ABRT: usize = 50;
    /// `comp_in`
    pub const COMP_IN: usize = 51;
    /// `comp_out`
    pub const COMP_OUT: usize = 52;
    /// `comp_byp`
    pub const COMP_BYP: usize = 53;
    /// `comp_rsp`
    pub const COMP_RSP: usize = 54;
    /// `lastsess`
    pub const LASTSESS: usize = 55;
    /// `last_chk`
    pub const LAST_CHK: usize = 56;
    /// `last_agt`
    pub const LAST_AGT: usize = 57;
    /// `qtime`
    pub const QTIME: usize = 58;
    /// `ctime`
    pub const CTIME: usize = 59;
    /// `rtime`
    pub const RTIME: usize = 60;
    /// `ttime`
    pub const TTIME: usize = 61;
    /// `agent_status`
    pub const AGENT_STATUS: usize = 62;
    /// `agent_code`
    pub const AGENT_CODE: usize = 63;
    /// `agent_duration`
    pub const AGENT_DURATION: usize = 64;
    /// `check_desc`
    pub const CHECK_DESC: usize = 65;
    /// `agent_desc`
    pub const AGENT_DESC: usize = 66;
    /// `check_rise`
    pub const CHECK_RISE: usize = 67;
    /// `check_fall`
    pub const CHECK_FALL: usize = 68;
    /// `check_health`
    pub const CHECK_HEALTH: usize = 69;
    /// `agent_rise`
    pub const AGENT_RISE: usize = 70;
    /// `agent_fall`
    pub const AGENT_FALL: usize = 71;
    /// `agent_health`
    pub const AGENT_HEALTH: usize = 72;
    /// `addr`
    pub const ADDR: usize = 73;
    /// `cookie`
    pub const COOKIE: usize = 74;
    /// `mode`
    pub const MODE: usize = 75;
    /// `algo`
    pub const ALGO: usize = 76;
    /// `conn_rate`
    pub const CONN_RATE: usize = 77;
    /// `conn_rate_max`
    pub const CONN_RATE_MAX: usize = 78;
    /// `conn_tot`
    pub const CONN_TOT: usize = 79;
    /// `intercepted`
    pub const INTERCEPTED: usize = 80;
    /// `dcon`
    pub const DCON: usize = 81;
    /// `dses`
    pub const DSES: usize = 82;
    /// `wrew`
    pub const WREW: usize = 83;
    /// `connect`
    pub const CONNECT: usize = 84;
    /// `reuse`
    pub const REUSE: usize = 85;
    /// `cache_lookups`
    pub const CACHE_LOOKUPS: usize = 86;
    /// `cache_hits`
    pub const CACHE_HITS: usize = 87;
    /// `srv_icur`
    pub const SRV_ICUR: usize = 88;
    /// `src_ilim`
    pub const SRC_ILIM: usize = 89;
    /// `qtime_max`
    pub const QTIME_MAX: usize = 90;
    /// `ctime_max`
    pub const CTIME_MAX: usize = 91;
    /// `rtime_max`
    pub const RTIME_MAX: usize = 92;
    /// `ttime_max`
    pub const TTIME_MAX: usize = 93;
    /// `eint`
    pub const EINT: usize = 94;
    /// `idle_conn_cur`
    pub const IDLE_CONN_CUR: usize = 95;
    /// `safe_conn_cur`
    pub const SAFE_CONN_CUR: usize = 96;
    /// `used_conn_cur`
    pub const USED_CONN_CUR: usize = 97;
    /// `need_conn_est`
    pub const NEED_CONN_EST: usize = 98;
    /// `uweight`
    pub const UWEIGHT: usize = 99;
    /// `agg_server_status`
    pub const AGG_SERVER_STATUS: usize = 100;
    /// `agg_server_check_status`
    pub const AGG_SERVER_CHECK_STATUS: usize = 101;
    /// `agg_check_status`
    pub const AGG_CHECK_STATUS: usize = 102;
    /// `srid`
    pub const SRID: usize = 103;
    /// `sess_other`
    pub const SESS_OTHER: usize = 104;
    /// `h1sess`
    pub const H1SESS: usize = 105;
    /// `h2sess`
    pub const H2SESS: usize = 106;
    /// `h3sess`
    pub const H3SESS: usize = 107;
    /// `req_other`
    pub const REQ_OTHER: usize = 108;
    /// `h1req`
    pub const H1REQ: usize = 109;
    /// `h2req`
    pub const H2REQ: usize = 110;
    /// `h3req`
    pub const H3REQ: usize = 111;
    /// `proto`
    pub const PROTO: usize = 112;
    /// `h1_open_connections`
    pub const H1_OPEN_CONNECTIONS: usize = 197;
    /// `h1_open_streams`
    pub const H1_OPEN_STREAMS: usize = 198;
    /// `h1_total_connections`
    pub const H1_TOTAL_CONNECTIONS: usize = 199;
    /// `h1_total_streams`
    pub const H1_TOTAL_STREAMS: usize = 200;
    /// `h1_bytes_in`
    pub const H1_BYTES_IN: usize = 201;
    /// `h1_bytes_out`
    pub const H1_BYTES_OUT: usize = 202;
    /// `h1_spliced_bytes_in`
    pub const H1_SPLICED_BYTES_IN: usize = 203;
    /// `h1_spliced_bytes_out`
    pub const H1_SPLICED_BYTES_OUT: usize = 204;
}

/// The column `-` between the general columns and those of modules.
pub const SEPARATOR: usize = 113;

/// All columns in order.
#[rustfmt::skip]
pub const COLUMNS: [Column; 205] = [
    column_row("pxname", "KNS", "str", "Proxy name"),
    column_row("svname", "KNS", "str", "Server name"),
    column_row("qcur", "MGP", "u32", "Number of current queued connections"),
    column_row("qmax", "MMP", "u32", "Highest value of queued connections encountered since process started"),
    column_row("scur", "MGP", "u32", "Number of current sessions on the frontend, backend or server"),
    column_row("smax", "MMP", "u32", "Highest value of current sessions encountered since process started"),
    column_row("slim", "CLP", "u32", "Frontend/listener/server's maxconn, backend's fullconn"),
    column_row("stot", "MCP", "u64", "Total number of sessions since process started"),
    column_row("bin", "MCP", "u64", "Total number of request bytes since process started"),
    column_row("bout", "MCP", "u64", "Total number of response bytes since process started"),
    column_row("dreq", "MCP", "u64", "Total number of denied requests since process started"),
    column_row("dresp", "MCP", "u64", "Total number of denied responses since process started"),
    column_row("ereq", "MCP", "u64", "Total number of invalid requests since process started"),
    column_row("econ", "MCP", "u64", "Total number of failed connections to server since the worker process started"),
    column_row("eresp", "MCP", "u64", "Total number of invalid responses since the worker process started"),
    column_row("wretr", "MCP", "u64", "Total number of server connection retries since the worker process started"),
    column_row("wredis", "MCP", "u64", "Total number of server redispatches due to connection failures since the worker process started"),
    column_row("status", "SGP", "str", "Frontend/listen status: OPEN/WAITING/FULL/STOP; backend: UP/DOWN; server: last check status"),
    column_row("weight", "MaP", "u32", "Server's effective weight, or sum of active servers' effective weights for a backend"),
    column_row("act", "SGP", "u32", "Total number of active UP servers with a non-zero weight"),
    column_row("bck", "SGP", "u32", "Total number of backup UP servers with a non-zero weight"),
    column_row("chkfail", "MCP", "u64", "Total number of failed individual health checks per server/backend, since the worker process started"),
    column_row("chkdown", "MCP", "u64", "Total number of failed checks causing UP to DOWN server transitions, per server/backend, since the worker process started"),
    column_row("lastchg", "MAP", "u32", "How long ago the last server state changed, in seconds"),
    column_row("downtime", "MCP", "u32", "Total time spent in DOWN state, for server or backend"),
    column_row("qlimit", "CLS", "u32", "Limit on the number of connections in queue, for servers only (maxqueue argument)"),
    column_row("pid", "KGP", "u32", "Relative worker process number (1)"),
    column_row("iid", "KGS", "u32", "Frontend or Backend numeric identifier ('id' setting)"),
    column_row("sid", "KGS", "u32", "Server numeric identifier ('id' setting)"),
    column_row("throttle", "MAP", "u32", "Throttling ratio applied to a server's maxconn and weight during the slowstart period (0 to 100%)"),
    column_row("lbtot", "MCP", "u64", "Total number of requests routed by load balancing since the worker process started (ignores queue pop and stickiness)"),
    column_row("tracked", "CNS", "str", "Name of the other server this server tracks for its state"),
    column_row("type", "CGS", "u32", "Type of the object (Listener, Frontend, Backend, Server)"),
    column_row("rate", "MRP", "u32", "Total number of sessions processed by this object over the last second (sessions for listeners/frontends, requests for backends/servers)"),
    column_row("rate_lim", "CLP", "u32", "Limit on the number of sessions accepted in a second (frontend only, 'rate-limit sessions' setting)"),
    column_row("rate_max", "MMP", "u32", "Highest value of sessions per second observed since the worker process started"),
    column_row("check_status", "MOP", "str", "Status report of the server's latest health check, prefixed with '*' if a check is currently in progress"),
    column_row("check_code", "MOP", "u32", "HTTP/SMTP/LDAP status code reported by the latest server health check"),
    column_row("check_duration", "MDP", "u64", "Total duration of the latest server health check, in milliseconds"),
    column_row("hrsp_1xx", "MCP", "u64", "Total number of HTTP responses with status 100-199 returned by this object since the worker process started"),
    column_row("hrsp_2xx", "MCP", "u64", "Total number of HTTP responses with status 200-299 returned by this object since the worker process started"),
    column_row("hrsp_3xx", "MCP", "u64", "Total number of HTTP responses with status 300-399 returned by this object since the worker process started"),
    column_row("hrsp_4xx", "MCP", "u64", "Total number of HTTP responses with status 400-499 returned by this object since the worker process started"),
    column_row("hrsp_5xx", "MCP", "u64", "Total number of HTTP responses with status 500-599 returned by this object since the worker process started"),
    column_row("hrsp_other", "MCP", "u64", "Total number of HTTP responses with status <100, >599 returned by this object since the worker process started (error -1 included)"),
    column_row("hanafail", "MCP", "u64", "Total number of failed checks caused by an 'on-error' directive after an 'observe' condition matched"),
    column_row("req_rate", "MRP", "u32", "Number of HTTP requests processed over the last second on this object"),
    column_row("req_rate_max", "MMP", "u32", "Highest value of http requests observed since the worker process started"),
    column_row("req_tot", "MCP", "u64", "Total number of HTTP requests processed by this object since the worker process started"),
    column_row("cli_abrt", "MCP", "u64", "Total number of requests or connections aborted by the client since the worker process started"),
    column_row("srv_abrt", "MCP", "u64", "Total number of requests or connections aborted by the server since the worker process started"),
    column_row("comp_in", "MCP", "u64", "Total number of bytes submitted to the HTTP compressor for this object since the worker process started"),
    column_row("comp_out", "MCP", "u64", "Total number of bytes emitted by the HTTP compressor for this object since the worker process started"),
    column_row("comp_byp", "MCP", "u64", "Total number of bytes that bypassed HTTP compression for this object since the worker process started (CPU/memory/bandwidth limitation)"),
    column_row("comp_rsp", "MCP", "u64", "Total number of HTTP responses that were compressed for this object since the worker process started"),
    column_row("lastsess", "MAP", "s32", "How long ago some traffic was seen on this object on this worker process, in seconds"),
    column_row("last_chk", "MOP", "str", "Short description of the latest health check report for this server (see also check_desc)"),
    column_row("last_agt", "MOP", "str", "Short description of the latest agent check report for this server (see also agent_desc)"),
    column_row("qtime", "MaP", "u32", "Time spent in the queue, in milliseconds, averaged over the 1024 last requests (backend/server)"),
    column_row("ctime", "MaP", "u32", "Time spent waiting for a connection to complete, in milliseconds, averaged over the 1024 last requests (backend/server)"),
    column_row("rtime", "MaP", "u32", "Time spent waiting for a server response, in milliseconds, averaged over the 1024 last requests (backend/server)"),
    column_row("ttime", "MaP", "u32", "Total request+response time (request+queue+connect+response+processing), in milliseconds, averaged over the 1024 last requests (backend/server)"),
    column_row("agent_status", "MOP", "str", "Status report of the server's latest agent check, prefixed with '*' if a check is currently in progress"),
    column_row("agent_code", "MOP", "u32", "Status code reported by the latest server agent check"),
    column_row("agent_duration", "MDP", "u64", "Total duration of the latest server agent check, in milliseconds"),
    column_row("check_desc", "MOP", "str", "Textual description of the latest health check report for this server"),
    column_row("agent_desc", "MOP", "str", "Textual description of the latest agent check report for this server"),
    column_row("check_rise", "CGS", "u32", "Number of successful health checks before declaring a server UP (server 'rise' setting)"),
    column_row("check_fall", "CGS", "u32", "Number of failed health checks before declaring a server DOWN (server 'fall' setting)"),
    column_row("check_health", "CGS", "u32", "Current server health check level (0..fall-1=DOWN, fall..rise-1=UP)"),
    column_row("agent_rise", "CGS", "u32", "Number of successful agent checks before declaring a server UP (server 'rise' setting)"),
    column_row("agent_fall", "CGS", "u32", "Number of failed agent checks before declaring a server DOWN (server 'fall' setting)"),
    column_row("agent_health", "CGS", "u32", "Current server agent check level (0..fall-1=DOWN, fall..rise-1=UP)"),
    column_row("addr", "CGS", "str", "Server's address:port, shown only if show-legends is set, or at levels oper/admin for the CLI"),
    column_row("cookie", "CNS", "str", "Backend's cookie name or Server's cookie value, shown only if show-legends is set, or at levels oper/admin for the CLI"),
    column_row("mode", "CGS", "str", "'mode' setting (tcp/http/health/cli)"),
    column_row("algo", "CGS", "str", "Backend's load balancing algorithm, shown only if show-legends is set, or at levels oper/admin for the CLI"),
    column_row("conn_rate", "MRP", "u32", "Number of new connections accepted over the last second on the frontend for this worker process"),
    column_row("conn_rate_max", "MMP", "u32", "Highest value of connections per second observed since the worker process started"),
    column_row("conn_tot", "MCP", "u64", "Total number of new connections accepted on this frontend since the worker process started"),
    column_row("intercepted", "MCP", "u64", "Total number of HTTP requests intercepted on the frontend (redirects/stats/services) since the worker process started"),
    column_row("dcon", "MCP", "u64", "Total number of incoming connections blocked on a listener/frontend by a tcp-request connection rule since the worker process started"),
    column_row("dses", "MCP", "u64", "Total number of incoming sessions blocked on a listener/frontend by a tcp-request connection rule since the worker process started"),
    column_row("wrew", "MCP", "u64", "Total number of failed HTTP header rewrites since the worker process started"),
    column_row("connect", "MCP", "u64", "Total number of outgoing connection attempts on this backend/server since the worker process started"),
    column_row("reuse", "MCP", "u64", "Total number of reused connection on this backend/server since the worker process started"),
    column_row("cache_lookups", "MCP", "u64", "Total number of HTTP requests looked up in the cache on this frontend/backend since the worker process started"),
    column_row("cache_hits", "MCP", "u64", "Total number of HTTP requests not found in the cache on this frontend/backend since the worker process started"),
    column_row("srv_icur", "MGP", "u32", "Current number of idle connections available for reuse on this server"),
    column_row("src_ilim", "CLP", "u32", "Limit on the number of available idle connections on this server (server 'pool_max_conn' directive)"),
    column_row("qtime_max", "MMP", "u32", "Maximum observed time spent in the queue, in milliseconds (backend/server)"),
    column_row("ctime_max", "MMP", "u32", "Maximum observed time spent waiting for a connection to complete, in milliseconds (backend/server)"),
    column_row("rtime_max", "MMP", "u32", "Maximum observed time spent waiting for a server response, in milliseconds (backend/server)"),
    column_row("ttime_max", "MMP", "u32", "Maximum observed total request+response time (request+queue+connect+response+processing), in milliseconds (backend/server)"),
    column_row("eint", "MCP", "u64", "Total number of internal errors since process started"),
    column_row("idle_conn_cur", "MGP", "u32", "Current number of unsafe idle connections"),
    column_row("safe_conn_cur", "MGP", "u32", "Current number of safe idle connections"),
    column_row("used_conn_cur", "MGP", "u32", "Current number of connections in use"),
    column_row("need_conn_est", "MGP", "u32", "Estimated needed number of connections"),
    column_row("uweight", "MaP", "u32", "Server's user weight, or sum of active servers' user weights for a backend"),
    column_row("agg_server_status", "MGP", "u32", "Backend's aggregated gauge of servers' status"),
    column_row("agg_server_check_status", "MGP", "u32", "[DEPRECATED] Backend's aggregated gauge of servers' status"),
    column_row("agg_check_status", "MGP", "u32", "Backend's aggregated gauge of servers' state check status"),
    column_row("srid", "MCP", "u32", "Server id revision, to prevent server id reuse mixups"),
    column_row("sess_other", "MCP", "u64", "Total number of sessions other than HTTP since process started"),
    column_row("h1sess", "MCP", "u64", "Total number of HTTP/1 sessions since process started"),
    column_row("h2sess", "MCP", "u64", "Total number of HTTP/2 sessions since process started"),
    column_row("h3sess", "MCP", "u64", "Total number of HTTP/3 sessions since process started"),
    column_row("req_other", "MCP", "u64", "Total number of sessions other than HTTP processed by this object since the worker process started"),
    column_row("h1req", "MCP", "u64", "Total number of HTTP/1 sessions processed by this object since the worker process started"),
    column_row("h2req", "MCP", "u64", "Total number of hTTP/2 sessions processed by this object since the worker process started"),
    column_row("h3req", "MCP", "u64", "Total number of HTTP/3 sessions processed by this object since the worker process started"),
    column_row("proto", "SGP", "str", "Protocol"),
    column_row("-", "", "str", ""),
    column_row("ssl_sess", "MCP", "u64", "Total number of ssl sessions established"),
    column_row("ssl_reused_sess", "MCP", "u64", "Total number of ssl sessions reused"),
    column_row("ssl_failed_handshake", "MCP", "u64", "Total number of failed handshake"),
    column_row("h3_data", "MCP", "u64", "Total number of DATA frames received"),
    column_row("h3_headers", "MCP", "u64", "Total number of HEADERS frames received"),
    column_row("h3_cancel_push", "MCP", "u64", "Total number of CANCEL_PUSH frames received"),
    column_row("h3_push_promise", "MCP", "u64", "Total number of PUSH_PROMISE frames received"),
    column_row("h3_max_push_id", "MCP", "u64", "Total number of MAX_PUSH_ID frames received"),
    column_row("h3_goaway", "MCP", "u64", "Total number of GOAWAY frames received"),
    column_row("h3_settings", "MCP", "u64", "Total number of SETTINGS frames received"),
    column_row("h3_no_error", "MCP", "u64", "Total number of H3_NO_ERROR errors received"),
    column_row("h3_general_protocol_error", "MCP", "u64", "Total number of H3_GENERAL_PROTOCOL_ERROR errors received"),
    column_row("h3_internal_error", "MCP", "u64", "Total number of H3_INTERNAL_ERROR errors received"),
    column_row("h3_stream_creation_error", "MCP", "u64", "Total number of H3_STREAM_CREATION_ERROR errors received"),
    column_row("h3_closed_critical_stream", "MCP", "u64", "Total number of H3_CLOSED_CRITICAL_STREAM errors received"),
    column_row("h3_frame_unexpected", "MCP", "u64", "Total number of H3_FRAME_UNEXPECTED errors received"),
    column_row("h3_frame_error", "MCP", "u64", "Total number of H3_FRAME_ERROR errors received"),
    column_row("h3_excessive_load", "MCP", "u64", "Total number of H3_EXCESSIVE_LOAD errors received"),
    column_row("h3_id_error", "MCP", "u64", "Total number of H3_ID_ERROR errors received"),
    column_row("h3_settings_error", "MCP", "u64", "Total number of H3_SETTINGS_ERROR errors received"),
    column_row("h3_missing_settings", "MCP", "u64", "Total number of H3_MISSING_SETTINGS errors received"),
    column_row("h3_request_rejected", "MCP", "u64", "Total number of H3_REQUEST_REJECTED errors received"),
    column_row("h3_request_cancelled", "MCP", "u64", "Total number of H3_REQUEST_CANCELLED errors received"),
    column_row("h3_request_incomplete", "MCP", "u64", "Total number of H3_REQUEST_INCOMPLETE errors received"),
    column_row("h3_message_error", "MCP", "u64", "Total number of H3_MESSAGE_ERROR errors received"),
    column_row("h3_connect_error", "MCP", "u64", "Total number of H3_CONNECT_ERROR errors received"),
    column_row("h3_version_fallback", "MCP", "u64", "Total number of H3_VERSION_FALLBACK errors received"),
    column_row("pack_decompression_failed", "MCP", "u64", "Total number of QPACK_DECOMPRESSION_FAILED errors received"),
    column_row("qpack_encoder_stream_error", "MCP", "u64", "Total number of QPACK_ENCODER_STREAM_ERROR errors received"),
    column_row("qpack_decoder_stream_error", "MCP", "u64", "Total number of QPACK_DECODER_STREAM_ERROR errors received"),
    column_row("quic_rxbuf_full", "MCP", "u64", "Total number of cancelled reception due to full receiver buffer"),
    column_row("quic_dropped_pkt", "MCP", "u64", "Total number of dropped packets"),
    column_row("quic_dropped_pkt_bufoverrun", "MCP", "u64", "Total number of dropped packets because of buffer overrun"),
    column_row("quic_dropped_parsing_pkt", "MCP", "u64", "Total number of dropped packets upon parsing error"),
    column_row("quic_socket_full", "MCP", "u64", "Total number of EAGAIN error on sendto() calls"),
    column_row("quic_sendto_err", "MCP", "u64", "Total number of error on sendto() calls, EAGAIN excepted"),
    column_row("quic_sendto_err_unknwn", "MCP", "u64", "Total number of error on sendto() calls not explicitly listed"),
    column_row("quic_sent_pkt", "MCP", "u64", "Total number of sent packets"),
    column_row("quic_lost_pkt", "MCP", "u64", "Total number of lost sent packets"),
    column_row("quic_too_short_dgram", "MCP", "u64", "Total number of too short dgrams with Initial packets"),
    column_row("quic_retry_sent", "MCP", "u64", "Total number of Retry sent"),
    column_row("quic_retry_validated", "MCP", "u64", "Total number of validated Retry tokens"),
    column_row("quic_retry_error", "MCP", "u64", "Total number of Retry tokens errors"),
    column_row("quic_half_open_conn", "MGP", "u64", "Total number of half open connections"),
    column_row("quic_hdshk_fail", "MCP", "u64", "Total number of handshake failures"),
    column_row("quic_stless_rst_sent", "MCP", "u64", "Total number of stateless reset packet sent"),
    column_row("quic_conn_migration_done", "MCP", "u64", "Total number of connection migration proceeded"),
    column_row("quic_transp_err_no_error", "MCP", "u64", "Total number of NO_ERROR errors received"),
    column_row("quic_transp_err_internal_error", "MCP", "u64", "Total number of INTERNAL_ERROR errors received"),
    column_row("quic_transp_err_connection_refused", "MCP", "u64", "Total number of CONNECTION_REFUSED errors received"),
    column_row("quic_transp_err_flow_control_error", "MCP", "u64", "Total number of FLOW_CONTROL_ERROR errors received"),
    column_row("quic_transp_err_stream_limit_error", "MCP", "u64", "Total number of STREAM_LIMIT_ERROR errors received"),
    column_row("quic_transp_err_stream_state_error", "MCP", "u64", "Total number of STREAM_STATE_ERROR errors received"),
    column_row("quic_transp_err_final_size_error", "MCP", "u64", "Total number of FINAL_SIZE_ERROR errors received"),
    column_row("quic_transp_err_frame_encoding_error", "MCP", "u64", "Total number of FRAME_ENCODING_ERROR errors received"),
    column_row("quic_transp_err_transport_parameter_error", "MCP", "u64", "Total number of TRANSPORT_PARAMETER_ERROR errors received"),
    column_row("quic_transp_err_connection_id_limit", "MCP", "u64", "Total number of CONNECTION_ID_LIMIT_ERROR errors received"),
    column_row("quic_transp_err_protocol_violation_error", "MCP", "u64", "Total number of PROTOCOL_VIOLATION errors received"),
    column_row("quic_transp_err_invalid_token", "MCP", "u64", "Total number of INVALID_TOKEN errors received"),
    column_row("quic_transp_err_application_error", "MCP", "u64", "Total number of APPLICATION_ERROR errors received"),
    column_row("quic_transp_err_crypto_buffer_exceeded", "MCP", "u64", "Total number of CRYPTO_BUFFER_EXCEEDED errors received"),
    column_row("quic_transp_err_key_update_error", "MCP", "u64", "Total number of KEY_UPDATE_ERROR errors received"),
    column_row("quic_transp_err_aead_limit_reached", "MCP", "u64", "Total number of AEAD_LIMIT_REACHED errors received"),
    column_row("quic_transp_err_no_viable_path", "MCP", "u64", "Total number of NO_VIABLE_PATH errors received"),
    column_row("quic_transp_err_crypto_error", "MCP", "u64", "Total number of CRYPTO_ERROR errors received"),
    column_row("quic_transp_err_unknown_error", "MCP", "u64", "Total number of UNKNOWN_ERROR errors received"),
    column_row("quic_data_blocked", "MCP", "u64", "Total number of received DATA_BLOCKED frames"),
    column_row("quic_stream_data_blocked", "MCP", "u64", "Total number of received STREAM_DATA_BLOCKED frames"),
    column_row("quic_streams_blocked_bidi", "MCP", "u64", "Total number of received STREAMS_BLOCKED_BIDI frames"),
    column_row("quic_streams_blocked_uni", "MCP", "u64", "Total number of received STREAMS_BLOCKED_UNI frames"),
    column_row("h2_headers_rcvd", "MCP", "u64", "Total number of received HEADERS frames"),
    column_row("h2_data_rcvd", "MCP", "u64", "Total number of received DATA frames"),
    column_row("h2_settings_rcvd", "MCP", "u64", "Total number of received SETTINGS frames"),
    column_row("h2_rst_stream_rcvd", "MCP", "u64", "Total number of received RST_STREAM frames"),
    column_row("h2_goaway_rcvd", "MCP", "u64", "Total number of received GOAWAY frames"),
    column_row("h2_detected_conn_protocol_errors", "MCP", "u64", "Total number of connection protocol errors"),
    column_row("h2_detected_strm_protocol_errors", "MCP", "u64", "Total number of stream protocol errors"),
    column_row("h2_rst_stream_resp", "MCP", "u64", "Total number of RST_STREAM sent on detected error"),
    column_row("h2_goaway_resp", "MCP", "u64", "Total number of GOAWAY sent on detected error"),
    column_row("h2_open_connections", "MGP", "u64", "Count of currently open connections"),
    column_row("h2_backend_open_streams", "MGP", "u64", "Count of currently open streams"),
    column_row("h2_total_connections", "MCP", "u64", "Total number of connections"),
    column_row("h2_backend_total_streams", "MCP", "u64", "Total number of streams"),
    column_row("h1_open_connections", "MGP", "u64", "Count of currently open connections"),
    column_row("h1_open_streams", "MGP", "u64", "Count of currently open streams"),
    column_row("h1_total_connections", "MCP", "u64", "Total number of connections"),
    column_row("h1_total_streams", "MCP", "u64", "Total number of streams"),
    column_row("h1_bytes_in", "MCP", "u64", "Total number of bytes received"),
    column_row("h1_bytes_out", "MCP", "u64", "Total number of bytes send"),
    column_row("h1_spliced_bytes_in", "MCP", "u64", "Total number of bytes received using kernel splicing"),
    column_row("h1_spliced_bytes_out", "MCP", "u64", "Total number of bytes sendusing kernel splicing"),
];
