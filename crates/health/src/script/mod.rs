//! Check scripts: what to connect to, send and expect, as a machine without I/O (configuration manual, `http-check`, `tcp-check`).
//!
//! The shell asks [`Script::need`], does it, tells what came of it, and asks again until the answer is [`Need::Done`]. A plain TCP
//! check is the script whose only step is a connection.

mod http;
mod report;
mod tcp;

use crate::check::Outcome;
use crate::config::{CheckKind, Connect, Expect, HttpRequest, Pattern, Step};
use crate::status::CheckStatus;
use http::Response;
use std::sync::Arc;

/// A backend's script with the implicit steps in place. Made once, run for every check of every server.
#[derive(Debug)]
pub struct Plan {
    kind: CheckKind,
    /// Steps with their numbers as messages count them: from 1; the implicit connection is 0.
    steps: Vec<(u32, Step)>,
    disable_on_404: bool,
    /// `tcp-check` with rules of its own.
    has_rules: bool,
}

impl Plan {
    /// Adds what is implicit: the first connection, an HTTP check's request and its last expectation (2xx and 3xx).
    #[must_use]
    pub fn new(kind: &CheckKind, steps: &[Step], disable_on_404: bool) -> Self {
        let steps: &[Step] = if *kind == CheckKind::Tcp { &[] } else { steps };
        let mut plan: Vec<(u32, Step)> = (1..).zip(steps.iter().cloned()).collect();
        let first = plan.iter().find(|(_, step)| !matches!(step, Step::Comment(_)));
        if !matches!(first, Some((_, Step::Connect(_)))) {
            plan.insert(0, (0, Step::Connect(Connect { default: true, ..Connect::default() })));
        }
        if *kind == CheckKind::Http {
            let last = plan.len() as u32;
            if !plan.iter().any(|(_, step)| matches!(step, Step::HttpSend(_))) {
                let connect = plan.iter().position(|(_, step)| matches!(step, Step::Connect(_))).unwrap_or(0);
                plan.insert(connect + 1, (0, Step::HttpSend(HttpRequest::default())));
            }
            let sends = plan.iter().rposition(|(_, step)| matches!(step, Step::HttpSend(_)));
            let expects = plan.iter().rposition(|(_, step)| matches!(step, Step::Expect(_)));
            if expects < sends {
                let success = Expect::new(Pattern::Status(vec![200..=399]), "");
                plan.push((last, Step::Expect(success)));
            }
        }
        Self { kind: kind.clone(), steps: plan, disable_on_404, has_rules: !steps.is_empty() }
    }
}

/// What a script waits for.
#[derive(Debug)]
pub enum Need<'a> {
    /// A new connection (the old one is closed): then [`Script::connected`] or [`Script::failed`].
    Connect(&'a Connect),
    /// These bytes written: then [`Script::sent`] or [`Script::failed`].
    Send(&'a [u8]),
    /// Bytes: then [`Script::received`] or [`Script::failed`].
    Receive,
    /// Only its time to run out: then [`Script::timed_out`].
    Wait,
    /// Nothing: it has a result. The duration is the shell's to add.
    Done(Outcome),
}

/// One run of a [`Plan`].
#[derive(Debug)]
pub struct Script {
    plan: Arc<Plan>,
    /// `x-haproxy-server-state` of this run, with `send-state`.
    state_header: Option<Vec<u8>>,
    limit: usize,
    /// 404 counts with `disable-on-404` only for a server that is up.
    conditional_404: bool,
    at: usize,
    output: Vec<u8>,
    input: Vec<u8>,
    /// The peer sent all that it will.
    ended: bool,
    response: Response,
    result: Option<Outcome>,
}

/// What evaluating an expectation gave.
enum Verdict {
    More,
    Pass,
    Fail(CheckStatus, String),
    /// 404 with `disable-on-404`.
    Conditional,
    /// HAPROXY: a malformed response is not an error of its own: the check runs into its timeout.
    Never,
}

impl Script {
    /// A run from its start. `limit` is how many bytes of a response are looked at (`tune.bufsize`); `up` is whether the server is
    /// not stopped.
    #[must_use]
    pub fn new(plan: Arc<Plan>, state_header: Option<Vec<u8>>, limit: usize, up: bool) -> Self {
        Self {
            conditional_404: plan.disable_on_404 && up,
            plan,
            state_header,
            limit,
            at: 0,
            output: Vec::new(),
            input: Vec::new(),
            ended: false,
            response: Response::default(),
            result: None,
        }
    }

    /// What it waits for now.
    pub fn need(&mut self) -> Need<'_> {
        let plan = Arc::clone(&self.plan);
        while self.result.is_none() {
            let Some((number, step)) = plan.steps.get(self.at) else {
                self.result = Some(self.success(&plan));
                break;
            };
            match step {
                Step::Comment(_) => self.at += 1,
                Step::Connect(_) => {
                    // Borrowed anew from the field: the plan lives as long as the script.
                    return match self.plan.steps.get(self.at) {
                        Some((_, Step::Connect(connect))) => Need::Connect(connect),
                        _ => Need::Wait,
                    };
                }
                Step::Send { data, .. } => {
                    if self.output.is_empty() {
                        self.output.clone_from(data);
                    }
                    if !data.is_empty() {
                        return Need::Send(&self.output);
                    }
                    self.at += 1;
                }
                Step::HttpSend(request) => {
                    if self.output.is_empty() {
                        self.response = Response::to(&request.method);
                        http::render(request, self.state_header.as_deref(), &mut self.output);
                    }
                    return Need::Send(&self.output);
                }
                Step::Expect(expect) => {
                    let verdict = if plan.kind == CheckKind::Http {
                        self.response.judge(expect, &self.input, self.ended, self.limit, self.conditional_404)
                    } else {
                        tcp::judge(expect, *number, &self.input, self.ended || self.input.len() >= self.limit)
                    };
                    match verdict {
                        Verdict::Pass => self.at += 1,
                        Verdict::More => return Need::Receive,
                        Verdict::Never => return Need::Wait,
                        Verdict::Conditional => {
                            self.finish(CheckStatus::L7OkConditional, self.response.status(), String::new());
                        }
                        Verdict::Fail(status, info) => self.fail(expect, status, info),
                    }
                }
            }
        }
        self.result.clone().map_or(Need::Wait, Need::Done)
    }

    /// The connection stands.
    pub fn connected(&mut self) {
        self.step_done();
        self.ended = false;
    }

    /// The bytes were written.
    pub fn sent(&mut self) {
        self.step_done();
    }

    /// Bytes came; none at all means that the peer closed.
    pub fn received(&mut self, bytes: &[u8]) {
        self.ended |= bytes.is_empty();
        let room = self.limit.saturating_sub(self.input.len());
        self.input.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// Connecting, reading or writing failed. `text` is the system's; `name` its constant's name, such as `ECONNRESET`.
    pub fn failed(&mut self, name: &str, text: &str) {
        if self.connecting() {
            self.finish(CheckStatus::L4Connection, 0, report::with_step(text, &self.plan, self.at));
        } else {
            let text = format!("{name} returned by OS ({text})");
            self.finish(CheckStatus::SocketError, 0, report::with_step(&text, &self.plan, self.at));
        }
    }

    /// Its time is over.
    pub fn timed_out(&mut self) {
        let status = match self.plan.steps.get(self.at) {
            Some((_, Step::Connect(_))) => CheckStatus::L4Timeout,
            Some((_, Step::Expect(expect))) => expect.timeout_status.unwrap_or(CheckStatus::L7Timeout),
            _ => CheckStatus::L7Timeout,
        };
        self.finish(status, 0, report::with_step("", &self.plan, self.at));
    }

    /// Whether it waits for a connection.
    #[must_use]
    pub fn connecting(&self) -> bool {
        matches!(self.plan.steps.get(self.at), Some((_, Step::Connect(_))))
    }

    fn step_done(&mut self) {
        self.output.clear();
        self.input.clear();
        self.at += 1;
    }

    fn finish(&mut self, status: CheckStatus, code: u16, info: String) {
        self.result.get_or_insert(Outcome { status, code, info, duration: None });
    }

    fn fail(&mut self, expect: &Expect, status: CheckStatus, info: String) {
        if status == CheckStatus::SocketError {
            return self.finish(status, 0, info);
        }
        let info = match (&expect.on_error, &expect.comment) {
            (Some(text), _) => text.clone(),
            (None, Some(comment)) => format!("{info} comment: {comment}"),
            (None, None) => info,
        };
        self.finish(expect.error_status.unwrap_or(status), self.response.status(), info);
    }

    /// The result of a script that came to its end: what the last step says.
    fn success(&self, plan: &Plan) -> Outcome {
        let last =
            plan.steps.iter().rev().map(|(_, step)| step).find(|step| !matches!(step, Step::Comment(_)));
        let tcp = if plan.kind == CheckKind::TcpScript && plan.has_rules { "(tcp-check)" } else { "" };
        let (status, info) = match last {
            Some(Step::Expect(expect)) => {
                (expect.ok_status.unwrap_or(CheckStatus::L7Ok), expect.on_success.as_deref().unwrap_or(tcp))
            }
            Some(Step::Send { .. } | Step::HttpSend(_)) => (CheckStatus::L7Ok, tcp),
            _ => (CheckStatus::L4Ok, tcp),
        };
        let code = if plan.kind == CheckKind::Http { self.response.status() } else { 0 };
        Outcome { status, code, info: info.to_owned(), duration: None }
    }
}

#[cfg(test)]
mod tests;
