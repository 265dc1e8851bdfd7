//! Rule sets on a stream, and what their verdicts mean for it.

use super::{Step, Stop, Stream};
use crate::state::Stat;
use log_format::termination::{Cause, Phase, ServerSide};
use rules::{Cursor, Need, Reply, RuleCx, RuleSet, Verdict};
use std::sync::Arc;

/// Which kind of rule set is being run: verdicts are logged and counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// `tcp-request content`, `http-request`
    Request,
    /// `http-response`, `tcp-response content` with a head
    Response,
    /// `tcp-response content` before anything of the server is known
    ServerBytes,
}

impl Stream<'_> {
    /// Runs a set from the cursor on. `received`: what is there of the response's body, or of the server's bytes.
    pub(super) fn run_set(
        &mut self,
        set: &RuleSet,
        cursor: &mut Cursor,
        on: On,
        complete: bool,
        received: &[u8],
    ) -> Verdict {
        let thread = std::rc::Rc::clone(&self.front.thread);
        let global = &thread.world.config.global;
        let in_response = on != On::Request;
        let head = if in_response { &self.response } else { &self.request };
        let room = global.bufsize.saturating_sub(head.wire_size());
        // The request's head has left when a response is looked at.
        let has_request = !in_response && self.http;
        let has_response = on == On::Response && self.http;
        let verdict = {
            let mut scratch = thread.scratch.borrow_mut();
            let mut cx = RuleCx {
                session: self.session,
                stream: &self.view,
                request: has_request.then_some(&mut *self.request),
                response: has_response.then_some(&mut *self.response),
                request_payload: self.flow.pending_payload(),
                response_payload: received,
                complete,
                in_response,
                env: &thread.env,
                log: &self.log,
                effects: &mut self.effects,
                scratch: &mut scratch,
                room,
            };
            set.run(&mut cx, cursor)
        };
        if let Some(source) = self.effects.source {
            self.session.src = Some(source);
        }
        self.client.mark(std::mem::take(&mut self.effects.client_marking));
        verdict
    }

    /// Runs an `http-request` set to its end, with the waits that it asks for.
    pub(super) async fn run_request_set(&mut self, set: &RuleSet) -> Step<()> {
        if set.is_empty() {
            return Ok(());
        }
        let mut cursor = Cursor::default();
        loop {
            let verdict = self.run_set(set, &mut cursor, On::Request, true, &[]);
            if !self.effects.early_hints.is_empty() {
                self.send_early_hints().await?;
            }
            match verdict {
                Verdict::Wait(Need::Body { timeout, at_least }) => {
                    self.wait_for_body(timeout, at_least).await?
                }
                Verdict::Tarpit { status, reply } => return self.tarpit(status, reply).await,
                verdict => return self.request_verdict(verdict),
            }
        }
    }

    /// What a final verdict on the request means.
    pub(super) fn request_verdict(&mut self, verdict: Verdict) -> Step<()> {
        self.view.last_rule = self.effects.last_rule.clone();
        match verdict {
            Verdict::Continue | Verdict::Allow | Verdict::Wait(_) | Verdict::CloseServer => Ok(()),
            Verdict::Deny { status, reply } => {
                self.count_denied_request();
                self.log.timers.request.get_or_insert(self.elapsed());
                self.note(Cause::Proxy);
                self.capture_request_cookie();
                Err(Stop::Answer(self.denial(status, reply)))
            }
            Verdict::Tarpit { status, reply } => {
                self.count_denied_request();
                self.side = ServerSide::Tarpit;
                self.note(Cause::Proxy);
                Err(Stop::Answer(self.denial(status, reply)))
            }
            Verdict::Reply { status, reply } => self.answered_locally(status, reply),
            Verdict::ErrorPage { status } => {
                let reply = self.error_reply(status);
                self.answered_locally(status, reply)
            }
            Verdict::Auth { status, challenge } => {
                let reply = self.error_reply(status).with_challenge(&challenge);
                self.answered_locally(status, Arc::new(reply))
            }
            Verdict::Reject => {
                self.count_denied_request();
                self.note(Cause::Proxy);
                Err(Stop::Cut)
            }
            Verdict::SilentDrop { .. } => {
                self.count_denied_request();
                self.note(Cause::Proxy);
                Err(Stop::Vanish)
            }
            Verdict::Failed => {
                self.count_failed_rewrite();
                self.note(Cause::Proxy);
                let reply = self.error_reply(500);
                Err(Stop::Answer(reply))
            }
        }
    }

    /// An answer that the proxy makes itself: log state `LR`.
    pub(super) fn answered_locally<T>(&mut self, status: u16, reply: Arc<Reply>) -> Step<T> {
        self.log.termination.note(Cause::Local, Phase::Request);
        self.log.timers.request.get_or_insert(self.elapsed());
        self.locally_answered = true;
        self.log.status = Some(status);
        Err(Stop::Answer(reply))
    }

    /// What a final verdict on the response means. None means that the response goes on.
    pub(super) fn response_verdict(&mut self, verdict: Verdict) -> Option<Stop> {
        match verdict {
            Verdict::Continue | Verdict::Allow | Verdict::Wait(_) => None,
            Verdict::Deny { status, reply } | Verdict::Tarpit { status, reply } => {
                self.count_denied_response();
                self.log.termination.note(Cause::Proxy, Phase::Headers);
                Some(Stop::Answer(self.denial(status, reply)))
            }
            Verdict::Reply { status, reply } => {
                self.log.termination.note(Cause::Local, Phase::Headers);
                self.log.status = Some(status);
                Some(Stop::Answer(reply))
            }
            Verdict::ErrorPage { status } => {
                self.log.termination.note(Cause::Local, Phase::Headers);
                Some(Stop::Answer(self.error_reply(status)))
            }
            Verdict::Auth { status, challenge } => {
                self.log.termination.note(Cause::Local, Phase::Headers);
                Some(Stop::Answer(Arc::new(self.error_reply(status).with_challenge(&challenge))))
            }
            Verdict::Reject | Verdict::CloseServer => {
                self.count_denied_response();
                self.log.termination.note(Cause::Proxy, Phase::Headers);
                let reply = self.error_reply(502);
                Some(Stop::Answer(reply))
            }
            // HAPROXY: it counts as a denial of the request.
            Verdict::SilentDrop { .. } => {
                self.count_denied_request();
                self.log.termination.note(Cause::Proxy, Phase::Request);
                Some(Stop::Vanish)
            }
            Verdict::Failed => {
                self.count_failed_rewrite();
                self.log.termination.note(Cause::Proxy, Phase::Headers);
                let reply = self.error_reply(500);
                Some(Stop::Answer(reply))
            }
        }
    }

    /// The answer of a denial: the rule's own, else the status's.
    fn denial(&mut self, status: u16, own: Option<Arc<Reply>>) -> Arc<Reply> {
        let reply = own.unwrap_or_else(|| self.error_reply(status));
        self.log.status = Some(status);
        reply
    }

    pub(super) fn count_denied_request(&self) {
        self.front.count(Stat::DeniedRequests, 1);
        self.count_backend(Stat::DeniedRequests);
    }

    pub(super) fn count_denied_response(&self) {
        self.front.count(Stat::DeniedResponses, 1);
        self.count_backend(Stat::DeniedResponses);
        self.count_server(Stat::DeniedResponses);
    }

    fn count_failed_rewrite(&self) {
        self.front.count(Stat::FailedRewrites, 1);
        self.count_backend(Stat::FailedRewrites);
        self.count_server(Stat::FailedRewrites);
    }
}
