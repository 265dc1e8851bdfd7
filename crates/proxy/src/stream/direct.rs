//! Requests that go to no server: to the address of `dispatch`, or to where the client wanted to (`option transparent`). They have no
//! slot, no queue and no counters of a server; their connections are for their client only.

use super::connect::Target;
use super::{Step, Stream};
use crate::pool::ServerConnection;
use crate::state::{ServerRef, Stat};
use crate::streams::StreamState;
use haproxy_config::runtime::{DirectRoute, ProxyIndex, ServerIndex};
use log_format::termination::{Cause, ServerSide};
use units::Address;

impl Stream<'_> {
    /// A connection without a server. Tried again as configured.
    pub(super) async fn reach_directly(&mut self) -> Step<ServerConnection> {
        let Some(backend) = self.backend.clone() else { return self.no_server() };
        let Some(route) = &backend.config.direct else { return self.no_server() };
        self.leave_server();
        self.side = ServerSide::Connecting { local: false };
        self.front.thread.streams.update(self.record, |info| info.state = StreamState::Connecting);
        let Some(target) = self.direct_target(route) else { return self.fail(Cause::Internal, 500) };
        self.log.server_address = target.socket_address();
        let own = if self.http { self.own_connection(at(backend.index()), &target) } else { None };
        if let Some(connection) = own {
            self.count_backend(Stat::Reuses);
            self.connected(&connection);
            return Ok(connection);
        }
        loop {
            self.count_backend(Stat::Connects);
            match self.connect(target.clone()).await? {
                Ok(mut connection) => {
                    connection.private = true;
                    self.connected(&connection);
                    return Ok(connection);
                }
                Err(failure) => self.retry(None, failure).await?,
            }
        }
    }

    /// Forgets a server that a redispatch has left. The wait before counts as one for a server.
    fn leave_server(&mut self) {
        self.count_redispatch(None);
        if self.server.take().is_some() {
            self.view.server_name = None;
            self.view.server_id = 0;
            self.front.thread.streams.update(self.record, |info| info.server = None);
            self.log.timers.queue = None;
        }
        if self.log.timers.queue.is_none() {
            self.log.timers.queue = Some(self.elapsed());
        }
    }

    /// None when the client came to no Internet address.
    fn direct_target(&self, route: &DirectRoute) -> Option<Target> {
        Some(match route {
            DirectRoute::Dispatch(server) => self.target_at(server.address.clone(), server),
            DirectRoute::Transparent(server) => {
                let address = self.effects.destination.or(self.session.dst)?;
                self.target_at(Address::Inet(address), server)
            }
        })
    }

    /// Keeps a connection for the client's next request.
    pub(super) fn keep_direct(&mut self, connection: ServerConnection, close: bool) {
        let Some(backend) = &self.backend else { return };
        if !close && !self.front.thread.stopping() {
            *self.own = Some(Box::new((at(backend.index()), connection)));
        }
    }
}

/// What stands for the place of a server.
fn at(proxy: ProxyIndex) -> ServerRef {
    ServerRef { proxy, server: ServerIndex(u32::MAX) }
}
