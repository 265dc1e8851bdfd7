//! Running rule sets of a session, before there is a stream: `tcp-request connection` and `session`.

use crate::addresses::Addresses;
use crate::session::Session;
use log_format::LogData;
use rules::{Cursor, Effects, RuleCx, RuleSet, Verdict};
use sample::StreamView;

/// What the rules say about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may go on.
    Pass,
    /// It may go on once a header has come (`expect-proxy`, `expect-netscaler-cip`).
    PassWithHeader(Expected),
    /// It is closed.
    Reject,
    /// It is left hanging.
    Vanish,
}

/// Headers that come before everything else on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// That of the PROXY protocol.
    pub(crate) proxy: bool,
    /// NetScaler's.
    pub(crate) netscaler: bool,
}

/// Runs the rules on the connection. Nothing is buffered at this point and nothing is waited for.
pub(crate) fn admission(session: &mut Session, rules: &RuleSet) -> Admission {
    let view = session.view();
    let thread = std::rc::Rc::clone(&session.front.thread);
    let mut effects = Effects::default();
    let verdict = {
        let mut scratch = thread.scratch.borrow_mut();
        let mut cx = RuleCx {
            session: &view,
            stream: &StreamView::default(),
            request: None,
            response: None,
            request_payload: &[],
            response_payload: &[],
            complete: true,
            in_response: false,
            env: &thread.env,
            log: &LogData { accepted_at_us: session.origin_us, ..LogData::default() },
            effects: &mut effects,
            scratch: &mut scratch,
            room: usize::MAX,
        };
        rules.run(&mut cx, &mut Cursor::default())
    };
    session.take_back(view);
    if effects.source.is_some() || effects.destination.is_some() {
        let (src, dst) = (session.addresses.src(), session.addresses.dst());
        session.addresses = Addresses::new(effects.source.or(src), effects.destination.or(dst));
    }
    session.io.mark(std::mem::take(&mut effects.client_marking));
    let expected = Expected { proxy: effects.expect_proxy, netscaler: effects.expect_netscaler };
    match verdict {
        Verdict::SilentDrop { .. } => Admission::Vanish,
        Verdict::Reject | Verdict::Deny { .. } | Verdict::Tarpit { .. } | Verdict::Failed => {
            Admission::Reject
        }
        _ if expected != Expected::default() => Admission::PassWithHeader(expected),
        _ => Admission::Pass,
    }
}
