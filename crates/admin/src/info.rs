//! The values of `show info`.

use crate::info_line::Info;
use crate::scope::Scope;
use crate::stat::Value;
use proxy::state::Stat;
use std::sync::{Arc, Mutex, PoisonError};

/// What the binary knows of its process.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// `3.0.11-rs0.1.0`
    pub version: String,
    /// `2026/11/22`
    pub release_date: String,
    /// Process id.
    pub pid: u32,
    /// Wall-clock seconds of its start.
    pub started_sec: u64,
    /// ms from the program's start to its readiness.
    pub boot_ms: u64,
    /// Limit on file descriptors.
    pub ulimit_n: u64,
    /// Highest number of descriptors that it may need.
    pub maxsock: u64,
    /// Pipes that descriptors were counted for.
    pub maxpipes: u64,
    /// `-m`; 0 is none.
    pub memory_mb: u64,
    /// Limit on connections that `set maxconn global` cannot pass.
    pub hard_maxconn: u64,
    /// Warnings at start.
    pub warnings: u64,
    /// Messages at start, for `show startup-logs`.
    pub startup_logs: String,
    /// The load between two looks.
    pub load: Arc<Mutex<Load>>,
}

/// Shortest time between two samples of the load, ms.
const WINDOW_MS: u64 = 1000;

/// How busy the process was between the last two samples, which are at least a second apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    at_ms: u64,
    cpu_ms: u64,
    bytes: u64,
    idle_percent: Option<u64>,
    bytes_per_second: u64,
}

impl Load {
    /// Takes a sample if the last one is old enough. `cpu_ms` and `bytes` are totals since the start.
    fn sample(&mut self, at_ms: u64, cpu_ms: u64, bytes: u64, threads: u64) {
        let span = at_ms.saturating_sub(self.at_ms);
        if span < WINDOW_MS {
            return;
        }
        let busy = cpu_ms.saturating_sub(self.cpu_ms) * 100 / (span * threads.max(1));
        let moved = bytes.saturating_sub(self.bytes);
        *self = Self {
            at_ms,
            cpu_ms,
            bytes,
            idle_percent: Some(100_u64.saturating_sub(busy)),
            bytes_per_second: moved.saturating_mul(1000) / span,
        };
    }
}

fn u32(n: u64) -> Value {
    Value::U32(n)
}

pub(crate) fn info(scope: &Scope) -> Info {
    let mut info = Info::default();
    let (own, shared, world) = (&scope.process, scope.control.process(), &scope.world);
    let global = &world.config.global;
    let now = scope.moment().now_ms;
    let text = |s: &str| Value::Text(s.to_owned());
    info.set("Name", text("HAProxy"));
    info.set("Version", text(&own.version));
    info.set("Release_date", text(&own.release_date));
    info.set("Nbthread", u32(world.threads as u64));
    info.set("Nbproc", u32(1));
    info.set("Process_num", u32(1));
    info.set("Pid", u32(u64::from(own.pid)));
    let up = now.saturating_sub(world.started_ms) / 1000;
    info.set(
        "Uptime",
        Value::Text(format!("{}d {}h{:02}m{:02}s", up / 86400, up / 3600 % 24, up / 60 % 60, up % 60)),
    );
    info.set("Uptime_sec", u32(up));
    info.set("Ulimit-n", u32(own.ulimit_n));
    info.set("Maxsock", u32(own.maxsock));
    info.set("Maxconn", u32(shared.maxconn()));
    info.set("Hard_maxconn", u32(own.hard_maxconn));
    info.set("Maxpipes", u32(own.maxpipes));
    info.set("PipesUsed", u32(pipes(&shared.pipes.used)));
    info.set("PipesFree", u32(pipes(&shared.pipes.free)));
    info.set("Memmax_MB", u32(own.memory_mb));
    info.set("Memmax_bytes", Value::U64(own.memory_mb << 20));
    info.set("CurrConns", u32(shared.connections()));
    info.set("CumConns", u32(shared.cumulated_connections()));
    info.set("CumReq", u32(shared.cumulated_requests.total()));
    info.set("ConnRateLimit", u32(u64::from(global.maxconnrate)));
    info.set("SessRateLimit", u32(u64::from(global.maxsessrate)));
    info.set("SslRateLimit", u32(u64::from(global.maxsslrate)));
    info.set("ConnRate", u32(shared.connection_rate.read(now)));
    info.set("MaxConnRate", u32(shared.connection_rate.max()));
    info.set("SessRate", u32(shared.session_rate.read(now)));
    info.set("MaxSessRate", u32(shared.session_rate.max()));
    info.set("node", text(&global.node));
    if !global.description.is_empty() {
        info.set("description", text(&global.description));
    }
    info.set("Stopping", u32(u64::from(shared.stop_announced())));
    let listeners = listeners(scope);
    info.set("Jobs", u32(shared.connections() + listeners));
    info.set("Listeners", u32(listeners));
    info.set("DroppedLogs", u32(scope.control.loggers().dropped()));
    let out: u64 = world
        .proxies
        .iter()
        .filter_map(|p| p.frontend.as_ref())
        .map(|f| f.counters.total(Stat::BytesOut))
        .sum();
    info.set("TotalBytesOut", Value::U64(out));
    info.set("TotalSplicedBytesOut", Value::U64(counter(&shared.spliced_bytes)));
    let load = {
        let mut load = own.load.lock().unwrap_or_else(PoisonError::into_inner);
        load.sample(
            now.saturating_sub(world.started_ms),
            sys::clock::process_cpu_ms(),
            out,
            world.threads as u64,
        );
        *load
    };
    info.set("Idle_pct", u32(load.idle_percent.unwrap_or(100)));
    info.set("BytesOutRate", Value::U64(load.bytes_per_second));
    info.set("Build info", text(&own.version));
    info.set("PoolAlloc_bytes", Value::U64(0));
    info.set("PoolUsed_bytes", Value::U64(0));
    info.set("Start_time_sec", u32(own.started_sec));
    info.set("Tainted", text("0"));
    info.set("TotalWarnings", u32(own.warnings));
    info.set("MaxconnReached", u32(counter(&shared.maxconn_reached)));
    info.set("BootTime_ms", u32(own.boot_ms));
    let streams: u64 =
        world.proxies.iter().filter_map(|p| p.backend.as_ref()).map(|b| b.streams.current()).sum();
    info.set("CurrStreams", Value::U64(streams));
    info.set("CumStreams", Value::U64(u64::from(shared.streams_numbered())));
    info
}

fn pipes(count: &std::sync::atomic::AtomicU32) -> u64 {
    u64::from(count.load(std::sync::atomic::Ordering::Relaxed))
}

fn counter(value: &std::sync::atomic::AtomicU64) -> u64 {
    value.load(std::sync::atomic::Ordering::Relaxed)
}

fn listeners(scope: &Scope) -> u64 {
    let frontends = scope
        .world
        .proxies
        .iter()
        .filter_map(|p| p.frontend.as_ref())
        .map(|f| f.listeners.len())
        .sum::<usize>();
    (frontends + scope.world.config.global.stats_sockets.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_what_happened_since_the_last_sample() {
        let mut load = Load::default();
        load.sample(500, 100, 10, 1);
        assert_eq!(load.idle_percent, None, "too early to tell");
        load.sample(2000, 1000, 4000, 1);
        assert_eq!((load.idle_percent, load.bytes_per_second), (Some(50), 2000));
        load.sample(4000, 1000, 4000, 2);
        assert_eq!((load.idle_percent, load.bytes_per_second), (Some(100), 0));
    }
}
