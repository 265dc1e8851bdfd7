//! `global` as it runs: every default applied.

use super::Resolver;
use crate::cx::Cx;
use crate::declared::{BindDecl, GlobalDecl, path};
use crate::runtime::{Bind, Global};
use crate::section::threads::CpuMap;
use crate::threads::{Groups, Shards, ThreadSet};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use units::Address;

/// Limits and sizes that nobody wrote.
const STATS_TIMEOUT: Duration = Duration::from_secs(10);
const STATS_MAXCONN: u32 = 10;
/// A thread group's worth.
const MAX_DEFAULT_THREADS: u32 = 64;
const BUFSIZE: usize = 16384;
const MAXREWRITE: usize = 1024;
const MAX_HEADERS: usize = 101;
const MAXACCEPT: u32 = 4;
const LOG_URI_LEN: usize = 1024;
const COOKIE_LEN: usize = 64;

/// Reads the `h1-case-adjust-file`.
pub(super) fn read_case_file(global: &mut GlobalDecl, resolver: &mut Resolver<'_, '_>) {
    let Some(path) = (*global.case_file).clone() else { return };
    let name = format!("h1-headers-case-adjust-file '{path}'");
    let Ok(text) = resolver.cx.host().read(&path) else {
        return resolver.refuse(format!("{name}: failed to open file."));
    };
    for (index, line) in text.split(|&b| b == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.first() == Some(&b'#') {
            continue;
        }
        let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
        let (from, to) = line.split_at(end);
        let problem = match to.trim_ascii_start() {
            b"" => Some("expect <to>".to_owned()),
            to => global.case_map.add(from, to).err().map(|error| case_problem(error, from)),
        };
        if let Some(problem) = problem {
            return resolver.refuse(format!("{name} : {problem} at line {}.", index + 1));
        }
    }
}

/// The reference's text about a spelling.
pub(crate) fn case_problem(error: http1::CaseMapError, from: &[u8]) -> String {
    match error {
        http1::CaseMapError::Different => "<from> and <to> must not differ except the case".to_owned(),
        http1::CaseMapError::Duplicate => format!("duplicate entry '{}'", String::from_utf8_lossy(from)),
    }
}

/// How many threads there are: as written, or one for each usable CPU.
pub(super) fn threads(global: &GlobalDecl, cx: &Cx<'_>) -> usize {
    let groups = u32::try_from(global.thread_groups.max(global.thread_group.len()).max(1)).unwrap_or(1);
    let usable = || cx.host().usable_cpus().min(MAX_DEFAULT_THREADS * groups);
    let threads = global.nbthread.unwrap_or_else(usable).min(global.thread_hard_limit.unwrap_or(u32::MAX));
    usize::try_from(threads).unwrap_or(1).max(1)
}

/// `thread-hard-limit` against `nbthread`.
pub(super) fn warn_hard_limit(global: &GlobalDecl, resolver: &mut Resolver<'_, '_>) {
    if let (Some(threads), Some(limit)) = (*global.nbthread, global.thread_hard_limit)
        && threads > limit
    {
        resolver.warn(format!(
            "nbthread forced to a higher value ({threads}) than the configured thread-hard-limit ({limit}), enforcing the limit. Please fix either value to remove this warning."
        ));
    }
}

/// The processors of every thread (`cpu-map`); empty for a thread that is not bound.
fn processors(global: &GlobalDecl, groups: &Groups) -> Vec<Vec<usize>> {
    let mut map = vec![Vec::new(); groups.all().len()];
    for (group, number, cpus) in global.cpu_map.iter().flat_map(CpuMap::bindings) {
        let thread = group.checked_sub(1).and_then(|group| groups.thread(group, number));
        if let Some(slot) = thread.and_then(|thread| map.get_mut(thread)) {
            *slot = cpus;
        }
    }
    map
}

/// Threads that fight for CPUs.
pub(super) fn warn_threads(global: &GlobalDecl, resolver: &mut Resolver<'_, '_>) {
    let map = processors(global, &resolver.groups);
    let bound = map.iter().filter(|cpus| !cpus.is_empty()).count();
    let first = |is_bound: bool| map.iter().position(|cpus| cpus.is_empty() != is_bound);
    if let (Some(first_bound), Some(first_free)) = (first(true), first(false)) {
        resolver.warn(format!(
            "Found {bound} thread(s) mapped to a CPU and {} thread(s) not mapped to any CPU. This will result in some threads being randomly assigned to the same CPU, which will occasionally cause severe performance degradation. First thread bound is {first_bound} and first thread not bound is {first_free}. Please either bind all threads or none (maybe some cpu-map directives are missing?).",
            map.len() - bound
        ));
    } else if bound > 0 {
        let cpus: BTreeSet<usize> = map.iter().flatten().copied().collect();
        if cpus.len() < bound {
            resolver.warn(format!(
                "This configuration binds {bound} threads to a total of {} CPUs via cpu-map directives. This means that some threads will compete for the same CPU, which will cause severe performance degradation. Please fix either the 'cpu-map' directives or set the global 'nbthread' value accordingly.",
                cpus.len()
            ));
        }
        return;
    }
    let cpus = resolver.cx.host().usable_cpus();
    if let Some(threads) = global.nbthread.filter(|n| *n > cpus) {
        resolver.warn(format!(
            "This configuration enables {threads} threads running on a total of {cpus} CPUs. This means that some threads will compete for the same CPU, which will cause severe performance degradation. Please either the 'cpu-map' directives to adjust the CPUs to use, or fix the global 'nbthread' value."
        ));
    }
}

/// The section as it runs.
pub(super) fn build(
    mut decl: GlobalDecl,
    stats_sockets: Vec<Bind>,
    resolver: &mut Resolver<'_, '_>,
    program: &str,
) -> Global {
    let cpu_map = processors(&decl, &resolver.groups);
    let (groups, sources) = (&resolver.groups, resolver.sources);
    let cx = &*resolver.cx;
    let bufsize = number(*decl.bufsize, BUFSIZE);
    // HAPROXY: half of a buffer at most is kept for rewriting.
    let maxrewrite = number(*decl.maxrewrite, MAXREWRITE).min(bufsize / 2);
    let no_splice = *decl.no_splice || *decl.no_zero_copy;
    Global {
        daemon: *decl.daemon,
        master_worker: *decl.master_worker,
        no_exit_on_failure: *decl.no_exit_on_failure,
        mworker_max_reloads: decl.mworker_max_reloads.and_then(|n| u32::try_from(n).ok()),
        strict_limits: !decl.strict_limits.is_set() || *decl.strict_limits,
        chroot: path(&decl.chroot),
        uid: *decl.uid,
        gid: *decl.gid,
        pidfile: path(&decl.pidfile),
        nbthread: u32::try_from(groups.all().len()).unwrap_or(1),
        thread_groups: u32::try_from(groups.count()).unwrap_or(1),
        cpu_map,
        no_reuse_port: *decl.no_reuse_port,
        dumpable: *decl.dumpable,
        fork_wanted: *decl.fork_wanted,
        setuid_wanted: *decl.setuid_wanted,
        capabilities: std::mem::take(&mut decl.capabilities),
        maxpipes: positive(*decl.maxpipes).filter(|&n| n > 0),
        splices_tcp: !no_splice && !*decl.no_zero_copy_tcp,
        splices_http: !no_splice && !*decl.no_zero_copy_h1_receive && !*decl.no_zero_copy_h1_send,
        pipe_size: positive(*decl.pipe_size).filter(|&n| n > 0),
        multi_queue: decl.multi_queue,
        maxconn: positive(*decl.maxconn),
        maxconnrate: rate(*decl.maxconnrate),
        maxsessrate: rate(*decl.maxsessrate),
        maxsslrate: rate(*decl.maxsslrate),
        ulimit_n: decl.ulimit_n.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0),
        fd_hard_limit: decl.fd_hard_limit.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0),
        log: std::mem::take(&mut decl.log),
        log_tag: Some((*decl.log_tag).clone().unwrap_or_else(|| program.to_owned())),
        log_hostname: (*decl.log_hostname).clone(),
        stats_sockets,
        stats_timeout: decl.stats_timeout.unwrap_or(STATS_TIMEOUT),
        stats_maxconn: positive(*decl.stats_maxconn).unwrap_or(STATS_MAXCONN),
        node: (*decl.node).clone().unwrap_or_else(|| cx.host().host_name()),
        description: (*decl.description).clone().unwrap_or_default(),
        hard_stop_after: *decl.hard_stop_after,
        grace: *decl.grace,
        anon_key: *decl.anon_key,
        ca_base: path(&decl.ca_base),
        crt_base: path(&decl.crt_base),
        ssl_defaults: std::mem::take(&mut decl.ssl_defaults),
        spread_checks: positive(*decl.spread_checks).unwrap_or(0),
        case_map: Arc::new(std::mem::take(&mut decl.case_map)),
        any_payload: *decl.any_payload,
        keeps_ambiguous: *decl.keeps_ambiguous,
        never_send_local: *decl.never_send_local,
        reads_server_addresses: decl.reads_server_addresses,
        reads_destinations: decl.reads_destinations,
        log_uri_len: positive(*decl.log_uri_len).map_or(LOG_URI_LEN, |n| n as usize),
        cookie_len: positive(*decl.cookie_len).map_or(COOKIE_LEN, |n| n as usize),
        bufsize,
        maxrewrite,
        max_headers: number(*decl.max_headers, MAX_HEADERS),
        maxaccept: decl.maxaccept.map_or(MAXACCEPT, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        environment: cx.outside.variables.borrow().clone(),
        config_files: sources.iter().map(|(_, f)| f.name.clone()).collect(),
    }
}

fn number(written: Option<i64>, default: usize) -> usize {
    written.and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
}

fn positive(written: Option<i64>) -> Option<u32> {
    written.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0)
}

/// Listeners with their ids: those written, and for the others their position counted from 1.
/// `whose` is the proxy's title.
pub(super) fn listeners(decls: Vec<BindDecl>, whose: &str, resolver: &mut Resolver<'_, '_>) -> Vec<Bind> {
    let sources = resolver.sources;
    let written: BTreeSet<u32> = decls.iter().filter_map(|b| b.id).collect();
    let mut next = 1;
    decls
        .into_iter()
        .map(|decl| {
            let id = decl.id.unwrap_or_else(|| {
                while written.contains(&next) {
                    next += 1;
                }
                next += 1;
                next - 1
            });
            let sockets = sockets(&decl, whose, resolver);
            Bind {
                id,
                name: decl.name.map(Arc::from),
                address: decl.address.unwrap_or_else(|| Address::Unix(PathBuf::new())),
                written: decl.written,
                declared_at: (sources.name(decl.at.file).to_owned(), decl.at.line),
                maxconn: decl.maxconn,
                backlog: decl.backlog,
                unix_mode: decl.unix_mode,
                unix_uid: decl.unix_uid,
                unix_gid: decl.unix_gid,
                level: decl.level.unwrap_or_default(),
                expose_listeners: decl.expose_listeners,
                v6only: decl.v6only,
                interface: decl.interface,
                transparent: decl.transparent,
                accept_proxy: decl.accept_proxy,
                netscaler_cip: decl.netscaler_cip,
                defer_accept: decl.defer_accept,
                nice: decl.nice,
                mss: decl.mss,
                user_timeout: decl.user_timeout,
                fast_open: decl.fast_open,
                namespace: decl.namespace,
                sockets,
                severity: decl.severity,
            }
        })
        .collect()
}

/// The threads of each socket that a `bind` line opens for one address.
fn sockets(decl: &BindDecl, whose: &str, resolver: &mut Resolver<'_, '_>) -> Vec<ThreadSet> {
    let at = format!("{}:{}", resolver.sources.name(decl.at.file), decl.at.line);
    let threads = match resolver.groups.select(&decl.threads) {
        Ok(threads) => threads,
        Err(text) => {
            resolver
                .refuse(format!("{whose}: 'thread' directive {text} in 'bind {}' at [{at}].", decl.written));
            return Vec::new();
        }
    };
    if !matches!(decl.address, Some(Address::Inet(_))) {
        if let Some(Shards::Number(count)) = decl.shards
            && count.min(threads.len()) > 1
            && matches!(decl.address, Some(Address::Unix(_) | Address::Abns(_)))
        {
            resolver.warn(format!(
                "[{at}]: Disabling sharding for listener in {whose} because SO_REUSEPORT is disabled for unix_stream protocol."
            ));
        }
        return vec![threads];
    }
    resolver.groups.shard(&threads, decl.shards.unwrap_or(resolver.default_shards))
}

/// A limit a second; a negative one is none.
fn rate(written: Option<i64>) -> u32 {
    written.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}
