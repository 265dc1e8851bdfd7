//! The request's analysis, in the reference's order (haproxy-stream, part 2.1): content rules, monitor-uri, body buffering,
//! http-request rules, statistics, choice of backend, the backend's rules, cookies, and the fields that options add.

use super::rules_on::On;
use super::{Persistence, Step, Stop, Stream};
use crate::service::PageRequest;
use crate::state::{BackendState, Stat, Wanted};
use haproxy_config::runtime::{BackendTarget, Proxy, ProxyIndex, ServerTarget, StatsPage};
use log_format::termination::{Cause, ServerSide};
use rules::{Cursor, Verdict};
use sample::{Captured, RequestLine, Truth};
use std::rc::Rc;
use std::sync::Arc;

impl Stream<'_> {
    /// Everything before a server is chosen.
    pub(super) async fn analyse(&mut self) -> Step<()> {
        let front = Rc::clone(&self.front);
        let proxy = &front.proxy;
        if let Err(error) = self.flow.decode() {
            self.count_request();
            return self.malformed_body(error);
        }
        self.content_rules(proxy).await?;
        self.count_request();
        let version = match self.request.received_version_text() {
            // A request without a version is one of HTTP/1.0.
            b"" => self.request.version_text(),
            received => received,
        };
        self.view.request_line = Some(RequestLine::in_text(
            self.front.thread.take_text(),
            self.request.method(),
            self.request.uri(),
            version,
            self.front.thread.world.config.global.log_uri_len.saturating_sub(1),
        ));
        self.monitor(proxy)?;
        self.capture_request(proxy);
        if proxy.options.http_buffer_request {
            self.buffer_request().await?;
        }
        self.run_request_set(&proxy.http_request).await?;
        self.restrict_names(proxy)?;
        self.statistics(proxy).await?;
        let target = self.choose_backend(proxy)?;
        self.enter_backend(target)?;
        let Some(backend) = self.backend.clone() else { return self.no_backend() };
        if target != self.front.index {
            let config = &backend.config;
            self.content_rules(config).await?;
            if config.options.http_buffer_request && !proxy.options.http_buffer_request {
                self.buffer_request().await?;
            }
            self.run_request_set(&config.http_request).await?;
            self.restrict_names(config)?;
            self.statistics(config).await?;
        }
        self.log.timers.request = Some(self.elapsed());
        self.persistence = self.persistence_of(&backend.config);
        self.use_server(&backend);
        self.request_cookie(&backend);
        self.add_fields(proxy, &backend.config);
        self.effects.early_hints.clear();
        Ok(())
    }

    /// The first of the backend's `force-persist` and `ignore-persist` rules that holds.
    pub(super) fn persistence_of(&self, backend: &Proxy) -> Persistence {
        match backend.persist_rules.iter().find(|(_, condition)| self.holds(condition)) {
            None => Persistence::Usual,
            Some((true, _)) => Persistence::Forced,
            Some((false, _)) => Persistence::Ignored,
        }
    }

    /// The server that the first `use-server` rule names which holds and whose server may be used.
    pub(super) fn use_server(&mut self, backend: &BackendState) {
        let forced = self.persistence == Persistence::Forced;
        let even_down = forced || backend.config.options.persist;
        for rule in &backend.config.use_server {
            if !self.holds(&rule.condition) {
                continue;
            }
            let found = match &rule.target {
                ServerTarget::Static(index) => backend.server(*index),
                ServerTarget::Dynamic(format) => {
                    let name = self.rendered(format);
                    let server = std::str::from_utf8(&name).ok().and_then(|name| backend.server_named(name));
                    self.front.thread.give_text(name);
                    server
                }
            };
            // A name that no server has ends the search.
            let Some(server) = found else { return };
            if even_down || server.accepts_persistent() {
                self.wanted = Some(Wanted { server: server.at.server, forced });
                self.ruled = true;
                return;
            }
        }
    }

    async fn content_rules(&mut self, proxy: &Proxy) -> Step<()> {
        let set = &proxy.tcp_rules.request_content;
        if set.is_empty() {
            return Ok(());
        }
        let delay = proxy.tcp_rules.request_inspect_delay;
        let until = crate::timers::after(self.now_ms(), delay);
        let mut complete = delay.is_none();
        loop {
            match self.run_set(set, &mut Cursor::default(), On::Request, complete, &[]) {
                Verdict::Reject => return self.content_rejected(),
                Verdict::Wait(_) if !complete => complete = self.more_bytes(until).await?,
                verdict => return self.request_verdict(verdict),
            }
        }
    }

    /// HAPROXY: the backend does not count what its content rules reject.
    pub(super) fn content_rejected(&mut self) -> Step<()> {
        self.front.count(Stat::DeniedRequests, 1);
        self.note(Cause::Proxy);
        Err(Stop::Cut)
    }

    /// HAPROXY: what content rules reject is no request yet.
    fn count_request(&self) {
        self.front.count(Stat::Requests, 1);
        if let Some(state) = self.front.state() {
            state.request_rate.hit(self.now_ms());
        }
    }

    fn monitor(&mut self, proxy: &Proxy) -> Step<()> {
        if proxy.monitor_uri.as_deref().is_none_or(|uri| uri != self.request.uri()) {
            return Ok(());
        }
        let failed = proxy.monitor_fail.iter().any(|condition| self.holds(condition));
        self.unlogged = true;
        let status = if failed { 503 } else { 200 };
        let reply = self.error_reply(status);
        self.answered_locally(status, reply)
    }

    /// Whether a condition holds on the request.
    pub(super) fn holds(&self, condition: &sample::Condition) -> bool {
        let cx = sample::Cx {
            session: self.session,
            stream: &self.view,
            request: self.http.then_some(&*self.request),
            response: None,
            request_payload: self.flow.pending_payload(),
            response_payload: &[],
            complete: true,
            in_response: false,
            env: &self.front.thread.env,
        };
        condition.holds(&cx) == Truth::True
    }

    fn capture_request(&mut self, proxy: &Proxy) {
        let captures = &proxy.captures;
        if !captures.request.is_empty() {
            let mut captured = self.view.captured.borrow_mut();
            for (index, (name, length)) in captures.request.iter().enumerate() {
                // The last line of a name wins.
                if let (false, Some(value)) = (name.is_empty(), self.request.values(name).next_back()) {
                    let value = value.get(..*length).unwrap_or(value);
                    Captured::fill(&mut captured.request, index, value);
                }
            }
        }
    }

    async fn statistics(&mut self, proxy: &Arc<Proxy>) -> Step<()> {
        let Some(page) = &proxy.stats else { return Ok(()) };
        if !self.request.uri().starts_with(&page.uri) {
            return Ok(());
        }
        let Some(service) = self.front.thread.stats.clone() else { return Ok(()) };
        if self.request.method() == b"POST" {
            self.buffer_request().await?;
        }
        self.run_request_set(&page.http_request).await?;
        let reply = service.page(&PageRequest {
            control: &self.front.thread.control,
            proxy: proxy.index,
            head: &self.request,
            body: self.flow.pending_payload(),
            admin: self.may_administer(page),
        });
        self.log.server_stand_in = Some("<STATS>");
        self.side = ServerSide::Connecting { local: true };
        self.log.timers.request = Some(self.elapsed());
        self.log.timers.queue = self.log.timers.request;
        self.log.timers.connect = self.log.timers.request;
        self.log.timers.data = self.log.timers.request;
        self.answered_locally(reply.status, Arc::new(reply))
    }

    fn may_administer(&self, page: &StatsPage) -> bool {
        page.admin.iter().any(|condition| self.holds(condition))
    }

    /// `use_backend` in order, then `default_backend`.
    fn choose_backend(&mut self, proxy: &Proxy) -> Step<ProxyIndex> {
        for rule in &proxy.use_backend {
            if rule.condition.as_ref().is_some_and(|condition| !self.holds(condition)) {
                continue;
            }
            match &rule.target {
                BackendTarget::Static(index) => return Ok(*index),
                // A name that no backend has ends the search: the default follows.
                BackendTarget::Dynamic(format) => match self.named_backend(format) {
                    Some(index) => return Ok(index),
                    None => break,
                },
            }
        }
        match proxy.default_backend {
            Some(index) => Ok(index),
            None if proxy.is_backend() => Ok(proxy.index),
            None => self.no_backend(),
        }
    }

    fn named_backend(&self, format: &log_format::LogFormat) -> Option<ProxyIndex> {
        let name = self.rendered(format);
        let world = &self.front.thread.world;
        let found =
            std::str::from_utf8(&name).ok().and_then(|name| world.backend_named(name)).map(|b| b.index());
        self.front.thread.give_text(name);
        found
    }

    /// What a format says about the request.
    fn rendered(&self, format: &log_format::LogFormat) -> Vec<u8> {
        let mut name = self.front.thread.take_text();
        let cx = sample::Cx {
            session: self.session,
            stream: &self.view,
            request: self.http.then_some(&*self.request),
            response: None,
            request_payload: self.flow.pending_payload(),
            response_payload: &[],
            complete: true,
            in_response: false,
            env: &self.front.thread.env,
        };
        format.render(&self.log, &cx, &mut name);
        name
    }

    fn no_backend<T>(&mut self) -> Step<T> {
        self.log.termination.note(Cause::ServerAbort, log_format::termination::Phase::Connect);
        let reply = self.error_reply(503);
        Err(Stop::Answer(reply))
    }

    /// The backend takes the stream over.
    pub(super) fn enter_backend(&mut self, index: ProxyIndex) -> Step<()> {
        let Some(backend) = self.front.thread.backend(index) else { return self.no_backend() };
        self.entered = Some(super::Entered::new(&backend));
        backend.session_rate.hit(self.now_ms());
        backend.counters.bump(self.front.thread.index, Stat::Sessions);
        self.view.backend_name = Some(Rc::clone(&backend.name));
        self.view.backend_id = backend.config.id;
        self.front.thread.streams.update(self.record, |info| info.backend = Some(index));
        self.backend = Some(backend);
        Ok(())
    }

    /// Backend of a TCP connection.
    pub(super) fn choose_tcp_backend(&mut self) -> Step<()> {
        let front = Rc::clone(&self.front);
        let target = self.choose_backend(&front.proxy)?;
        self.enter_backend(target)
    }
}
