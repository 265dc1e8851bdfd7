//! A server's row.

use super::column::at as c;
use super::rows::{Filter, Moment, address, common, exchanges, last_session, responses, times};
use super::{Object, Row};
use haproxy_config::runtime::Mode;
use proxy::state::{BackendState, ServerState, Stat, World};
use std::sync::Arc;

pub(super) fn server_row(
    world: &World,
    backend: &BackendState,
    server: &Arc<ServerState>,
    filter: &Filter,
    at: Moment,
) -> Row {
    let proxy = &backend.config;
    let mut row = Row::new(Object::Server, proxy.id, server.config.id);
    let status = server.status();
    common(&mut row, proxy, server.name(), &server.counters);
    row.u32(c::QCUR, server.queue.current());
    row.u32(c::QMAX, server.queue.max());
    row.u32(c::SCUR, server.streams.current());
    row.u32(c::SMAX, server.streams.max());
    if server.maxconn() > 0 {
        row.u32(c::SLIM, server.maxconn());
    }
    if server.config.observe.is_some() {
        row.u64(c::HANAFAIL, server.counters.total(Stat::HealthAnalyses));
    }
    if server.config.maxqueue > 0 {
        row.u32(c::QLIMIT, server.config.maxqueue);
    }
    exchanges(&mut row, &server.counters);
    row.text(c::STATUS, world.status_cell(server).text);
    row.u32(c::WEIGHT, backend.shown_weight(server));
    row.u32(c::UWEIGHT, status.weight);
    let serves = u32::from(!server.config.backup);
    row.u32(c::ACT, serves);
    row.u32(c::BCK, 1 - serves);
    row.u32(c::LASTCHG, status.last_change(at.now_ms));
    if let Some(tracked) = world.tracked(server) {
        row.text(c::TRACKED, format!("{}/{}", tracked.backend_name, tracked.name()));
    }
    if let Some(percent) = backend.throttle(server) {
        row.u32(c::THROTTLE, percent);
    }
    row.u32(c::RATE, server.session_rate.read(at.now_ms));
    row.u32(c::RATE_MAX, server.session_rate.max());
    checked(&mut row, world, server, at);
    if proxy.mode == Mode::Http {
        responses(&mut row, &server.counters);
        row.u64(c::REQ_TOT, server.counters.total(proxy::state::Stat::Requests));
    }
    if filter.legends {
        row.text(c::ADDR, address(&server.target().address));
        if let Some(cookie) = server.cookie() {
            row.text(c::COOKIE, String::from_utf8_lossy(&cookie));
        }
    }
    last_session(&mut row, server.last_session(at.now_ms));
    times(&mut row, proxy, &server.times, &server.counters);
    row.u32(c::SRV_ICUR, server.idle.first() + server.idle.safe());
    if server.config.pool_max_conn >= 0 {
        row.u32(c::SRC_ILIM, server.config.pool_max_conn.unsigned_abs());
    }
    row.u32(c::IDLE_CONN_CUR, server.idle.first());
    row.u32(c::SAFE_CONN_CUR, server.idle.safe());
    row.u32(c::USED_CONN_CUR, server.streams.current());
    row.u32(c::NEED_CONN_EST, server.streams.max());
    row.u32(c::SRID, 0u32);
    row
}

/// The columns of a server that is checked itself.
fn checked(row: &mut Row, world: &World, server: &ServerState, at: Moment) {
    let status = server.status();
    if world.shows_check_counts(server) {
        row.u64(c::CHKFAIL, server.counters.total(Stat::ChecksFailed));
        row.u64(c::CHKDOWN, server.counters.total(Stat::Downs));
        row.u32(c::DOWNTIME, status.downtime(at.now_ms));
    }
    let Some(check) = world.check_columns(server) else { return };
    row.text(c::CHECK_STATUS, check.status);
    if let Some(code) = check.code {
        row.u32(c::CHECK_CODE, code);
    }
    if let Some(ms) = check.duration {
        row.u64(c::CHECK_DURATION, ms);
    }
    row.text(c::LAST_CHK, check.info);
    row.text(c::CHECK_DESC, check.text);
    row.u32(c::CHECK_RISE, status.check.timing().rise);
    row.u32(c::CHECK_FALL, status.check.timing().fall);
    row.u32(c::CHECK_HEALTH, status.check.health());
}
