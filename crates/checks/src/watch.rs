//! The checks of one server, again and again: run the script, report the result, wait.

use crate::connection::Connection;
use crate::errno::name_and_text;
use crate::random;
use health::{Connect, Need, Outcome, Plan, Script, spread};
use proxy::state::{BackendState, OpState, ServerState, World};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use units::Address;

/// A checked server.
pub(crate) struct Watch {
    pub(crate) world: Arc<World>,
    pub(crate) backend: Arc<BackendState>,
    pub(crate) server: Arc<ServerState>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) first_delay: Duration,
}

impl Watch {
    /// Never ends.
    pub(crate) async fn run(self) {
        sleep(self.spread(self.first_delay)).await;
        loop {
            let status = self.server.status();
            if status.check.enabled && !status.check.paused {
                self.world.check_started(self.server.at);
                let outcome = self.check().await;
                self.world.check_done(self.server.at, outcome, sys::clock::now_ms());
            }
            let status = self.server.status();
            self.rest(self.spread(status.check.interval(status.op == OpState::Stopped))).await;
        }
    }

    /// The time between two checks. Errors of the traffic cut it short, to `fastinter` from when there were too many.
    async fn rest(&self, interval: Duration) {
        let mut end = Instant::now() + interval;
        loop {
            tokio::select! {
                () = sleep_until(end) => return,
                () = self.server.hurry.notified() => {
                    if let Some(fast) = self.server.status().check.timing().fast_inter {
                        end = end.min(Instant::now() + fast);
                    }
                }
            }
        }
    }

    fn spread(&self, interval: Duration) -> Duration {
        spread(interval, self.world.config.global.spread_checks, random())
    }

    /// One check from connection to result.
    async fn check(&self) -> Outcome {
        let started = Instant::now();
        let config = &self.backend.config;
        let inter = self.server.status().check.timing().inter;
        let header = config
            .check
            .send_state
            .then(|| self.world.state_header(&self.backend, &self.server).into_bytes());
        let limit = self.world.config.global.bufsize;
        let serving = self.server.op() != OpState::Stopped;
        let mut script = Script::new(Arc::clone(&self.plan), header, limit, serving);
        let mut connection: Option<Connection> = None;
        let mut deadline = started + inter;
        let mut buffer = vec![0; limit.clamp(1024, 1 << 20)];
        loop {
            match script.need() {
                Need::Connect(step) => {
                    drop(connection.take());
                    deadline = Instant::now() + inter;
                    let limit = match (config.timeouts.check, config.timeouts.connect) {
                        (Some(_), Some(connect)) => Instant::now() + inter.min(connect),
                        _ => deadline,
                    };
                    match timeout_at(limit, self.connect(step)).await {
                        Ok(Ok(open)) => {
                            connection = Some(open);
                            if let Some(check) = config.timeouts.check {
                                deadline = Instant::now() + check;
                            }
                            script.connected();
                        }
                        Ok(Err(error)) => fail(&mut script, &error),
                        Err(_) => script.timed_out(),
                    }
                }
                Need::Send(bytes) => match &mut connection {
                    Some(open) => match timeout_at(deadline, open.write(bytes)).await {
                        Ok(Ok(())) => script.sent(),
                        Ok(Err(error)) => fail(&mut script, &error),
                        Err(_) => script.timed_out(),
                    },
                    None => script.timed_out(),
                },
                Need::Receive => match &mut connection {
                    Some(open) => match timeout_at(deadline, open.read(&mut buffer)).await {
                        Ok(Ok(n)) => script.received(buffer.get(..n).unwrap_or_default()),
                        Ok(Err(error)) => fail(&mut script, &error),
                        Err(_) => script.timed_out(),
                    },
                    None => script.timed_out(),
                },
                Need::Wait => {
                    sleep_until(deadline).await;
                    script.timed_out();
                }
                Need::Done(outcome) => return Outcome { duration: Some(started.elapsed()), ..outcome },
            }
        }
    }

    async fn connect(&self, step: &Connect) -> std::io::Result<Connection> {
        let server = &self.server.config;
        let target = self.target(step);
        let mut connection = Connection::open(&target, server, step.linger).await?;
        let own = server.check.as_ref().is_some_and(|check| check.send_proxy);
        let version = match server.send_proxy {
            0 if own || step.send_proxy => 1,
            version if own || step.send_proxy || (step.default && self.checks_service()) => version,
            _ => 0,
        };
        if version > 0 {
            connection.send_proxy(version).await?;
        }
        Ok(connection)
    }

    /// Whether checks go where the traffic goes: then they speak as it does.
    fn checks_service(&self) -> bool {
        let status = self.server.status();
        status.check_port == 0 && status.check_address.is_none()
    }

    /// The step's address and port, else the check's, else the server's.
    fn target(&self, step: &Connect) -> Address {
        let status = self.server.status();
        let target = self.server.target();
        let Address::Inet(server) = target.address else {
            return match step
                .address
                .or(status.check_address.map(|ip| SocketAddr::new(ip, status.check_port)))
            {
                Some(address) => Address::Inet(address),
                None => target.address.clone(),
            };
        };
        let ip =
            step.address.map(|address| address.ip()).or(status.check_address).unwrap_or_else(|| server.ip());
        let port = step
            .port
            .or(step.address.map(|address| address.port()).filter(|&port| port > 0))
            .or((status.check_port > 0).then_some(status.check_port))
            .unwrap_or_else(|| server.port());
        Address::Inet(SocketAddr::new(ip, port))
    }
}

fn fail(script: &mut Script, error: &std::io::Error) {
    let (name, text) = name_and_text(error);
    script.failed(name, &text);
}
