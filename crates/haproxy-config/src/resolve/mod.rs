//! From what is declared to what runs: names become indexes and addresses, defaults are applied, sections are checked against each
//! other. Messages come in the reference's order.

mod errors;
mod forwarded;
pub(crate) mod global;
mod logs;
mod names;
mod proxy;
mod server;
mod use_server;
mod userlists;

use crate::cx::Cx;
use crate::declared::{ProxyDecl, SectionKind};
use crate::reader::Declarations;
use crate::runtime::{ProxyIndex, ProxyKind, RuntimeConfig, Server};
use crate::threads::{Groups, Shards};
use config_text::{Place, Severity, SourceMap, Span};
use std::collections::BTreeSet;
use std::sync::Arc;
use units::Address;

/// The state of resolving: what was said, and whether anything was refused.
pub(crate) struct Resolver<'r, 'a> {
    pub(crate) cx: &'r mut Cx<'a>,
    pub(crate) sources: &'r SourceMap,
    pub(crate) fatal: bool,
    /// The threads and their groups.
    pub(crate) groups: Groups,
    /// `tune.listener.default-shards`
    pub(crate) default_shards: Shards,
}

impl Resolver<'_, '_> {
    /// A refusal without a place.
    pub(crate) fn refuse(&mut self, text: String) {
        self.refuse_at(Place::None, None, text);
    }

    /// A refusal at a place.
    pub(crate) fn refuse_at(&mut self, place: Place, span: Option<Span>, text: String) {
        self.fatal = true;
        self.cx.tell(Severity::Alert, "unresolved", place, span, text);
    }

    /// A warning without a place.
    pub(crate) fn warn(&mut self, text: String) {
        self.cx.tell(Severity::Warning, "check", Place::None, None, text);
    }
}

/// Checks and resolves; none when the configuration is refused.
pub(crate) fn resolve(
    declarations: Declarations<'_>,
    cx: &mut Cx<'_>,
    sources: &SourceMap,
    program: &str,
) -> Option<RuntimeConfig> {
    let Declarations { mut global, proxies, defaults, http_errors, userlists } = declarations;
    let threads = global::threads(&global, cx);
    let wanted = global.thread_groups;
    let (groups, problem) = match Groups::assign(threads, wanted, &global.thread_group) {
        Ok(groups) => (groups, None),
        Err(text) => (Groups::assign(1, 1, &[]).ok()?, Some(text)),
    };
    let default_shards = global.default_shards;
    let mut resolver = Resolver { cx, sources, fatal: false, groups, default_shards };
    if let Some(text) = problem {
        resolver.refuse(text);
        resolver.refuse("Fatal errors found in configuration.".to_owned());
        return None;
    }
    global::warn_hard_limit(&global, &mut resolver);
    global::read_case_file(&mut global, &mut resolver);
    let adjusts_case = !global.case_map.is_empty();
    let ids = proxy_ids(proxies.iter().map(|d| &d.proxy), !global.stats_sockets.is_empty());
    let index = names::Index::new(proxies.iter().map(|d| &d.proxy), &userlists);
    let userlists = userlists::build(userlists, &mut resolver);
    for declared in defaults.iter().chain(&proxies) {
        userlists::bind(declared, &userlists);
    }
    for declared in &proxies {
        userlists::check_groups(declared, &mut resolver);
    }
    let global_log = global.log.clone();
    let stats_sockets =
        global::listeners(std::mem::take(&mut global.stats_sockets), "frontend 'GLOBAL'", &mut resolver);
    let mut built = Vec::with_capacity(proxies.len());
    let mut decls = Vec::with_capacity(proxies.len());
    for (number, (mut declared, id)) in proxies.into_iter().zip(ids).enumerate() {
        let proxy = proxy::build(&mut declared, number, id, &index, &global_log, &http_errors, &mut resolver);
        built.push(proxy);
        decls.push(declared);
    }
    for declared in &decls {
        proxy::warn_added_fields(&declared.proxy, &mut resolver);
    }
    server::resolve_tracking(&decls, &mut built, &mut resolver);
    names::check_references(&decls, &index, &mut resolver);
    global::warn_threads(&global, &mut resolver);
    if resolver.fatal {
        resolver.refuse("Fatal errors found in configuration.".to_owned());
        return None;
    }
    if !server::resolve_names(&decls, &mut built, &mut resolver) {
        resolver.refuse("Failed to initialize server(s) addr.".to_owned());
        return None;
    }
    let mut global = global::build(global, stats_sockets, &mut resolver, program);
    global.reads_destinations |= built.iter().flat_map(|p| &p.servers).any(|s| follows_client(s));
    for proxy in &mut built {
        if let Some((.., length)) = &mut proxy.captures.cookie {
            *length = (*length).min(global.cookie_len.saturating_sub(1));
        }
        proxy.options.h1_case_adjust_client &= adjusts_case;
        proxy.options.h1_case_adjust_server &= adjusts_case;
    }
    let lists = Arc::clone(&resolver.cx.parse.lists);
    Some(RuntimeConfig { global, proxies: built.into_iter().map(Arc::new).collect(), lists })
}

/// Whether a server is partly where the client wanted to go.
fn follows_client(server: &Server) -> bool {
    server.port_offset.is_some()
        || matches!(server.address, Address::Inet(at) if at.port() == 0 || at.ip().is_unspecified())
}

/// Numbers for the proxies: those written, and for the others the first free ones in order. A stats socket's own proxy takes one.
fn proxy_ids<'d>(proxies: impl Iterator<Item = &'d ProxyDecl>, stats_socket: bool) -> Vec<u32> {
    let written: Vec<Option<u32>> = proxies.map(|p| *p.id).collect();
    let taken: BTreeSet<u32> = written.iter().flatten().copied().collect();
    let mut next = if stats_socket { 2 } else { 1 };
    let mut given = Vec::with_capacity(written.len());
    for id in &written {
        given.push(id.unwrap_or_else(|| {
            while taken.contains(&next) {
                next += 1;
            }
            next += 1;
            next - 1
        }));
    }
    given
}

/// The section's kind as it runs; `defaults` sections never come here.
fn kind(kind: SectionKind) -> ProxyKind {
    match kind {
        SectionKind::Frontend => ProxyKind::Frontend,
        SectionKind::Backend => ProxyKind::Backend,
        SectionKind::Listen | SectionKind::Defaults => ProxyKind::Listen,
    }
}

/// An index of a proxy.
fn proxy_index(number: usize) -> ProxyIndex {
    ProxyIndex(u32::try_from(number).unwrap_or(u32::MAX))
}
