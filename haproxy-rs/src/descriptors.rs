//! How many descriptors the process needs, how many connections that allows, and the limit that is asked of the kernel
//! (management manual, section 5; haproxy-algorithms, part 3).

use haproxy_config::runtime::{Global, Proxy, RuntimeConfig};
use sys::limits::{self, Limit};
use sys::messages;

/// The process's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Most concurrent connections (`Maxconn`).
    pub(crate) maxconn: u32,
    /// Most descriptors in use at that (`Maxsock`).
    pub(crate) maxsock: u64,
    /// Descriptor limit asked for (`Ulimit-n`).
    pub(crate) ulimit: u64,
    /// Whether `maxconn` was derived rather than written.
    pub(crate) derived: bool,
    /// Pipes (`Maxpipes`).
    pub(crate) maxpipes: u32,
    /// `-m`, MiB; 0 is none.
    pub(crate) memory_mb: u32,
    /// `fd-hard-limit`
    ceiling: u64,
}

/// What else than proxies takes descriptors.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Around {
    /// Whether a master runs beside the worker.
    pub(crate) master: bool,
    /// Master CLI sockets (`-S`).
    pub(crate) master_sockets: usize,
    /// `-m`, MiB.
    pub(crate) memory_mb: Option<u32>,
}

/// Descriptors of the program itself: standard streams, event loops, log sockets.
const OWN: u64 = 10;
/// HAPROXY: what master CLI sockets are counted as: eleven once and eleven each.
const MASTER_SOCKETS: u64 = 11;

/// Derives the limits from the configuration and the limit at the start.
pub(crate) fn limits(config: &RuntimeConfig, around: Around, at_start: Limit) -> Limits {
    let global = &config.global;
    let base = base(config, around);
    let threads = 3 * u64::from(global.nbthread) + u64::from(global.thread_groups.saturating_sub(1));
    let ceiling = global.fd_hard_limit.unwrap_or(u64::MAX);
    let available = at_start.soft.max(at_start.hard).min(ceiling);
    // HAPROXY: the options count, whether splicing is allowed or not.
    let splices = config.proxies.iter().any(|proxy| {
        let options = &proxy.options;
        options.splice_auto || options.splice_request || options.splice_response
    });
    let maxconn = global.maxconn.filter(|&n| n > 0).unwrap_or_else(|| {
        let remain = available.saturating_sub(base + threads);
        // Two for each connection, and two for a pipe for each fourth.
        let maxconn = if splices { remain * 2 / 5 } else { remain / 2 };
        let maxconn = u32::try_from(maxconn).unwrap_or(u32::MAX).max(100);
        match around.memory_mb {
            Some(megabytes) => two_digits(maxconn.min(connections_in(megabytes, global.bufsize))),
            None => maxconn,
        }
    });
    // HAPROXY: so few connections that a quarter of them is none get one each.
    let quarter = if maxconn >= 4 { maxconn / 4 } else { maxconn };
    let maxpipes = global.maxpipes.unwrap_or(if splices { quarter } else { 0 });
    let maxsock = base + 2 * u64::from(maxconn) + threads + 2 * u64::from(maxpipes);
    Limits {
        maxconn,
        maxsock,
        ulimit: global.ulimit_n.unwrap_or(maxsock),
        derived: global.maxconn.is_none_or(|n| n == 0),
        maxpipes,
        memory_mb: around.memory_mb.unwrap_or(0),
        ceiling,
    }
}

/// HAPROXY: what a connection is counted as beside its two buffers, and the part of the memory that connections may have, percent.
const CONNECTION_COST: u64 = 2640;
const USABLE_PERCENT: u64 = 97;

/// Connections that fit into so much memory (`-m`).
fn connections_in(megabytes: u32, bufsize: usize) -> u32 {
    let usable = (u64::from(megabytes) << 20) * USABLE_PERCENT / 100;
    let each = CONNECTION_COST + 2 * u64::try_from(bufsize).unwrap_or(u64::from(u32::MAX));
    u32::try_from(usable / each).unwrap_or(u32::MAX).max(1)
}

/// A number from 100 on without what follows its first two digits.
fn two_digits(number: u32) -> u32 {
    let mut unit = 1;
    while number / unit >= 100 {
        unit *= 10;
    }
    number / unit * unit
}

/// Descriptors that are in use whatever the number of connections.
fn base(config: &RuntimeConfig, around: Around) -> u64 {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let global: &Global = &config.global;
    let per_proxy = |proxy: &Proxy| {
        let checks = proxy.servers.iter().filter(|server| server.check.is_some()).count();
        count(proxy.binds.iter().map(|bind| bind.sockets.len()).sum()) + count(checks)
    };
    let proxies: u64 = config.proxies.iter().map(|proxy| per_proxy(proxy)).sum();
    let stats = count(global.stats_sockets.len());
    let stats_connections = if stats > 0 { u64::from(global.stats_maxconn) } else { 0 };
    let mut master = u64::from(around.master);
    if around.master_sockets > 0 {
        master += MASTER_SOCKETS * (1 + count(around.master_sockets));
    }
    OWN + proxies + stats + stats_connections + master
}

/// Raises the limit of this process to what is needed; what it then is becomes `Ulimit-n`. False when that is refused; the reason has
/// been said. Without `strict` (`no strict-limits`) it goes on with less.
///
/// The limit is never lowered: what the process was started with is somebody's intention.
pub(crate) fn raise(wanted: &mut Limits, at_start: Limit, strict: bool, program: &str) -> bool {
    let hard = at_start.hard.max(at_start.soft);
    let target = wanted.ulimit.min(wanted.ceiling).max(hard);
    let _ = limits::set_descriptors(Limit { soft: target, hard: target });
    let reached = limits::descriptors();
    let usable = reached.soft.min(wanted.ceiling);
    let mut fine = true;
    if usable < wanted.ulimit {
        let text = format!(
            "[{program}.main()] Cannot raise FD limit to {}, limit is {}.",
            wanted.ulimit,
            reached.hard.min(wanted.ceiling)
        );
        if strict {
            messages::alert(text);
            return false;
        }
        messages::warning(text);
        wanted.ulimit = usable;
    }
    if reached.soft < wanted.maxsock {
        messages::alert(format!(
            "[{program}.main()] FD limit ({}) too low for maxconn={}/maxsock={}. Please raise 'ulimit-n' to {} or more to avoid any trouble.",
            reached.soft, wanted.maxconn, wanted.maxsock, wanted.maxsock
        ));
        fine = !strict;
    }
    fine
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::command_line::Invocation;
    use crate::machine::Machine;

    fn config(text: &str) -> RuntimeConfig {
        let loaded = haproxy_config::load(haproxy_config::Inputs {
            files: vec![("t.cfg".to_owned(), text.as_bytes().to_vec())],
            environment: std::collections::BTreeMap::default(),
            program: "haproxy".to_owned(),
            ignore_unresolved: false,
            features: crate::configuration::features(&Invocation::default()),
            host: &Machine,
        });
        loaded.config.expect("a valid configuration")
    }

    const PROXIES: &str =
        "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n";

    fn of(global: &str, proxies: &str, around: Around, hard: u64) -> Limits {
        let text = format!("global\n{global}\n{PROXIES}{proxies}");
        limits(&config(&text), around, Limit { soft: 1024.min(hard), hard })
    }

    /// Numbers of the reference, `show info`.
    #[test]
    fn limits_are_the_reference_s() {
        let small = "frontend f\n bind 127.0.0.1:1-5\n default_backend b\nbackend b\n \
                     server s1 127.0.0.1:1 check\n server s2 127.0.0.1:1 check\n";
        let global = " nbthread 1\n maxconn 1000\n stats socket /tmp/s\n";
        let alone = of(global, small, Around::default(), 20000);
        assert_eq!((alone.maxconn, alone.maxsock, alone.derived), (1000, 2031, false));
        let master = |master_sockets| Around { master: true, master_sockets, memory_mb: None };
        assert_eq!(of(global, small, master(0), 20000).maxsock, 2032);
        assert_eq!(of(global, small, master(1), 20000).maxsock, 2054);
        assert_eq!(of(global, small, master(2), 20000).maxsock, 2065);

        let one = "frontend f\n bind 127.0.0.1:1\n";
        let derived = of(" nbthread 2\n stats socket /tmp/s\n", one, Around::default(), 20000);
        assert_eq!((derived.maxconn, derived.maxsock, derived.derived), (9986, 20000, true));
        assert_eq!(of(" nbthread 2\n stats socket /tmp/s\n", one, master(1), 20000).maxconn, 9974);
        assert_eq!(of(" nbthread 2\n", one, Around::default(), 120).maxconn, 100);
        assert_eq!(of(" nbthread 2\n", one, Around::default(), 120).maxsock, 217);
        let groups = " nbthread 4\n thread-groups 2\n maxconn 1000\n stats socket /tmp/s\n";
        let of_binds = |global: &str, bind: &str| {
            let text = format!("frontend f\n bind 127.0.0.1:1\n bind 127.0.0.1:2 {bind}\n");
            of(global, &text, Around::default(), 20000).maxsock
        };
        assert_eq!(of(groups, one, Around::default(), 20000).maxsock, 2036);
        assert_eq!(of_binds(groups, "thread 1"), 2037);
        assert_eq!(of_binds(" nbthread 4\n maxconn 1000\n stats socket /tmp/s\n", "shards by-thread"), 2038);
        let pipes = " nbthread 2\n maxpipes 100\n maxconn 50\n stats socket /tmp/s\n";
        assert_eq!(of(pipes, one, Around::default(), 20000).maxsock, 328);
        for (megabytes, maxconn) in
            [(1, 28), (3, 86), (4, 110), (24, 680), (34, 970), (100, 2800), (400, 9900)]
        {
            let around = Around { memory_mb: Some(megabytes), ..Around::default() };
            let found = of(" nbthread 2\n stats socket /tmp/s\n", one, around, 20000);
            assert_eq!((found.maxconn, found.maxsock), (maxconn, u64::from(maxconn) * 2 + 28), "{megabytes}");
        }
        assert_eq!(of(" nbthread 2\n fd-hard-limit 300\n", one, Around::default(), 20000).maxconn, 141);
    }
}
