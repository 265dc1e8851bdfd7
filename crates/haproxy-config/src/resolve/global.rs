//! `global` as it runs: every default applied.

use super::Resolver;
use crate::cx::Cx;
use crate::declared::{BindDecl, GlobalDecl, path};
use crate::runtime::{Bind, Global};
use config_text::SourceMap;
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

/// More threads than CPUs fight for them.
pub(super) fn warn_threads(global: &GlobalDecl, resolver: &mut Resolver<'_, '_>) {
    let cpus = resolver.cx.host().usable_cpus();
    if let Some(threads) = global.nbthread.filter(|n| *n > cpus) {
        resolver.warn(format!(
            "This configuration enables {threads} threads running on a total of {cpus} CPUs. This means that some threads will compete for the same CPU, which will cause severe performance degradation. Please either the 'cpu-map' directives to adjust the CPUs to use, or fix the global 'nbthread' value."
        ));
    }
}

/// The section as it runs.
pub(super) fn build(mut decl: GlobalDecl, cx: &Cx<'_>, sources: &SourceMap, program: &str) -> Global {
    let stats_sockets = listeners(std::mem::take(&mut decl.stats_sockets), sources);
    let bufsize = number(*decl.bufsize, BUFSIZE);
    // HAPROXY: half of a buffer at most is kept for rewriting.
    let maxrewrite = number(*decl.maxrewrite, MAXREWRITE).min(bufsize / 2);
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
        nbthread: decl.nbthread.unwrap_or_else(|| cx.host().usable_cpus().min(MAX_DEFAULT_THREADS)).max(1),
        maxconn: positive(*decl.maxconn),
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
        ca_base: path(&decl.ca_base),
        crt_base: path(&decl.crt_base),
        ssl_defaults: std::mem::take(&mut decl.ssl_defaults),
        spread_checks: positive(*decl.spread_checks).unwrap_or(0),
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
pub(super) fn listeners(decls: Vec<BindDecl>, sources: &SourceMap) -> Vec<Bind> {
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
                defer_accept: decl.defer_accept,
                nice: decl.nice,
            }
        })
        .collect()
}
