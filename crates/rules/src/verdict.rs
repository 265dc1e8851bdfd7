//! What a rule set decides, and what rules change beside the message.

use crate::Reply;
use std::sync::Arc;
use std::time::Duration;

/// The outcome of a rule set.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// All rules were evaluated and none was final. The next rule set follows.
    Continue,
    /// `allow`, `accept`: this rule set is over, the next one follows.
    Allow,
    /// `deny`: answer with the status. The rule's own reply comes first; without it the backend's, then the frontend's, then the
    /// built-in page of the status. Log state `PR` (request) or `PH` (response).
    Deny {
        /// The status: 403 for requests and 502 for responses unless the rule says otherwise.
        status: u16,
        /// The rule's own reply.
        reply: Option<Arc<Reply>>,
    },
    /// `tarpit`: as deny, after `timeout tarpit`. Log state `PT`.
    Tarpit {
        /// The status; 500 by default.
        status: u16,
        /// The rule's own reply.
        reply: Option<Arc<Reply>>,
    },
    /// `redirect`, `return`: answer with this. Log state `LR` (request) or `LH` (response).
    Reply {
        /// The status that the rule names, which the log tells; an errorfile may say another one.
        status: u16,
        /// The reply.
        reply: Arc<Reply>,
    },
    /// `return … default-errorfiles`: answer with the error page of this status, as for a deny without a reply, but with log state `LR`
    /// or `LH`.
    ErrorPage {
        /// The status.
        status: u16,
    },
    /// `auth`: answer with the status's page and this challenge header in place of any of that name. Log state `LR`.
    Auth {
        /// 401, or 407 when the request target is that of a proxy.
        status: u16,
        /// `Basic realm="…"`
        challenge: Vec<u8>,
    },
    /// `reject`: close the client connection without an answer. Log state `PR`, status -1.
    Reject,
    /// `silent-drop`: make the client connection vanish. Log state `PR`, status -1.
    SilentDrop {
        /// `rst-ttl`
        rst_ttl: Option<u8>,
    },
    /// `close` of `tcp-response content`: close the server connection.
    CloseServer,
    /// Something must happen before the rule set can go on: call [`crate::RuleSet::run`] again with the same cursor.
    Wait(Need),
    /// A rewrite failed in strict mode, or memory ran out: answer 500, log state `PR` for failed rewrites.
    Failed,
}

/// What a waiting rule set needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// More bytes on the connection (`inspect-delay`). When they came, or when none will come or the delay is over
    /// ([`sample::Cx::complete`]), evaluation restarts from the first rule: the cursor was reset.
    Data,
    /// `wait-for-body`: the whole body, or this many bytes when not zero, for at most this time; 408 at its end (504 in a response).
    /// The shell calls again when it is there; the rule is then passed.
    Body {
        /// Longest wait.
        timeout: Duration,
        /// Enough bytes; 0 means all.
        at_least: u64,
    },
}

/// Overridden timeouts of a stream (`set-timeout`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamTimeouts {
    /// `set-timeout client`
    pub client: Option<Duration>,
    /// `set-timeout server`
    pub server: Option<Duration>,
    /// `set-timeout tunnel`
    pub tunnel: Option<Duration>,
}

/// What rules say about the packets of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marking {
    /// `set-fc-mark`, `set-bc-mark`: the firewall mark.
    pub mark: Option<u32>,
    /// `set-fc-tos`, `set-bc-tos`: the TOS field of IPv4, the traffic class of IPv6.
    pub tos: Option<u8>,
}

impl Marking {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What rules changed on the stream beside its messages. The shell keeps one a stream and reads it where it matters.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// `set-log-level`: 0 to 7; none means the default.
    pub log_level: Option<u8>,
    /// `set-log-level silent`: no log line.
    pub log_silent: bool,
    /// `set-timeout`
    pub timeouts: StreamTimeouts,
    /// `set-priority-class`
    pub priority_class: Option<i64>,
    /// `set-priority-offset`, ms.
    pub priority_offset: Option<i64>,
    /// `disable-l7-retry`
    pub no_l7_retry: bool,
    /// `expect-proxy`: a PROXY protocol header comes before everything else.
    pub expect_proxy: bool,
    /// `expect-netscaler-cip`: a NetScaler client IP header comes before everything else.
    pub expect_netscaler: bool,
    /// What is to be set on the client connection; whoever sets it empties this.
    pub client_marking: Marking,
    /// What is to be set on connections to a server.
    pub server_marking: Marking,
    /// `set-nice`
    pub nice: Option<i32>,
    /// `early-hint`: heads of 103 responses to send at once, in order; one entry a run of adjacent rules.
    pub early_hints: Vec<Vec<(Vec<u8>, Vec<u8>)>>,
    /// `set-dst`, `set-dst-port`: where to connect instead of the client's destination.
    pub destination: Option<std::net::SocketAddr>,
    /// `set-src`, `set-src-port`: what the client address is taken for from here on.
    pub source: Option<std::net::SocketAddr>,
    /// Rewrites that failed outside of strict mode (`wrew`).
    pub failed_rewrites: u32,
    /// Address of the last final rule: file and line.
    pub last_rule: Option<(Arc<str>, u32)>,
}
