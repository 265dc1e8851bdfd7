//! Drives the health checks of servers: one task a checked server, on the runtime that [`run`] is spawned on (thread 0's).
//!
//! What a check says and what follows from it is decided in `health` and in `proxy::state`; here are timers and sockets only.

mod connection;
mod errno;
mod watch;

use haproxy_config::runtime::ProxyIndex;
use health::{Plan, first_delay};
use proxy::state::{ServerRef, ServerState, World};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use watch::Watch;

/// How often servers in slow start are looked at. Their weight moves in whole seconds.
const WARM_UP_TICK: Duration = Duration::from_millis(100);

/// Runs all checks of a worker, and the slow starts. Never ends; dropping it ends them. To be spawned on a `LocalRuntime`.
pub async fn run(world: Arc<World>) {
    let mut tasks = JoinSet::new();
    for watch in watches(&world) {
        tasks.spawn_local(watch.run());
    }
    if world.servers().any(|server| !server.config.slowstart.is_zero()) {
        let world = Arc::clone(&world);
        tasks.spawn_local(async move {
            let mut tick = tokio::time::interval(WARM_UP_TICK);
            loop {
                tick.tick().await;
                world.warm_up(sys::clock::now_ms());
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        // A task ends only by a panic; the other servers' checks go on.
        if let Err(error) = ended {
            tracing::error!(%error, "a health check ended");
        }
    }
    std::future::pending().await
}

/// One for each server with a check, with the first checks staggered over the shortest interval.
fn watches(world: &Arc<World>) -> Vec<Watch> {
    let checked: Vec<&Arc<ServerState>> = world
        .servers()
        .filter(|server| server.config.check.is_some())
        .filter(|server| world.proxy(server.at.proxy).is_some_and(|proxy| !proxy.config.disabled))
        .collect();
    let interval =
        |server: &ServerState| server.config.check.as_ref().map_or(Duration::ZERO, |c| c.timing.inter);
    let shortest = checked
        .iter()
        .map(|server| interval(server))
        .filter(|inter| *inter >= Duration::from_secs(1))
        .min()
        .unwrap_or_default();
    let mut plans: HashMap<ProxyIndex, Arc<Plan>> = HashMap::new();
    let total = checked.len();
    checked
        .into_iter()
        .enumerate()
        .filter_map(|(k, server)| {
            let at: ServerRef = server.at;
            let backend = world.backend(at.proxy)?;
            let check = &backend.config.check;
            let plan = plans
                .entry(at.proxy)
                .or_insert_with(|| Arc::new(Plan::new(&check.kind, &check.steps, check.disable_on_404)));
            Some(Watch {
                world: Arc::clone(world),
                backend: Arc::clone(backend),
                server: Arc::clone(server),
                plan: Arc::clone(plan),
                first_delay: first_delay(k, total, interval(server), shortest, None),
            })
        })
        .collect()
}

/// A fresh random number, for spreading.
fn random() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}

#[cfg(test)]
mod tests;
