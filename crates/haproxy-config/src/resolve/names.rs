//! Names of proxies and servers, and what refers to them.

use super::{Resolver, proxy_index};
use crate::declared::{ProxyDecl, SectionKind, UserListDecl};
use crate::reader::Declared;
use crate::runtime::{Mode, ProxyIndex};
use std::collections::BTreeMap;

/// One proxy that a name can find.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) index: ProxyIndex,
    pub(super) kind: SectionKind,
    pub(super) mode: Mode,
    pub(super) title: String,
    /// `file:line`
    pub(super) place: String,
    servers: Vec<String>,
}

/// Every proxy by name; a frontend and a backend may share one.
pub(super) struct Index {
    by_name: BTreeMap<String, Vec<Entry>>,
    userlists: Vec<String>,
}

impl Index {
    pub(super) fn new<'d>(proxies: impl Iterator<Item = &'d ProxyDecl>, userlists: &[UserListDecl]) -> Self {
        let mut by_name: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for (number, proxy) in proxies.enumerate() {
            by_name.entry(proxy.name.clone()).or_default().push(Entry {
                index: proxy_index(number),
                kind: proxy.kind,
                mode: *proxy.mode,
                title: proxy.title(),
                place: format!("{}:{}", proxy.file, proxy.at.line),
                servers: proxy.servers.iter().map(|s| s.name.clone()).collect(),
            });
        }
        Self { by_name, userlists: userlists.iter().map(|list| list.name.clone()).collect() }
    }

    /// The proxy of a name that has servers.
    pub(super) fn backend(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name)?.iter().find(|e| e.kind.has_backend())
    }
}

impl sample::Proxies for Index {
    fn capabilities(&self, proxy: &str) -> Option<(bool, bool)> {
        let entries = self.by_name.get(proxy)?;
        let any = |has: fn(SectionKind) -> bool| entries.iter().any(|e| has(e.kind));
        Some((any(SectionKind::has_frontend), any(SectionKind::has_backend)))
    }

    fn has_server(&self, backend: &str, server: &str) -> bool {
        self.backend(backend).is_some_and(|e| e.servers.iter().any(|s| s == server))
    }

    fn has_userlist(&self, name: &str) -> bool {
        self.userlists.iter().any(|list| list == name)
    }
}

/// Looks up the backend of a `default_backend` or `use_backend`, or says why it cannot be used.
pub(super) fn find_backend(
    proxy: &ProxyDecl,
    name: &str,
    rule: &str,
    index: &Index,
    resolver: &mut Resolver<'_, '_>,
) -> Option<ProxyIndex> {
    let Some(entry) = index.backend(name) else {
        resolver.refuse(format!("Proxy '{}': unable to find required {rule}: '{name}'.", proxy.name));
        return None;
    };
    let itself = entry.kind == proxy.kind && name == proxy.name;
    if itself {
        resolver.refuse(format!("Proxy '{}': loop detected for {rule}: '{name}'.", proxy.name));
        return None;
    }
    if entry.mode != *proxy.mode {
        let word = |mode: Mode| if mode == Mode::Http { "http" } else { "tcp" };
        let as_what =
            if rule == "default_backend" { "as its default backend" } else { "in a 'use_backend' rule" };
        resolver.refuse(format!(
            "{} {} ({}:{}) tries to use incompatible {} {} ({}) {as_what} (see 'mode').",
            word(*proxy.mode),
            proxy.title(),
            proxy.file,
            proxy.at.line,
            word(entry.mode),
            entry.title,
            entry.place,
        ));
        return None;
    }
    Some(entry.index)
}

/// The capture slots that a frontend's rules fill.
pub(super) fn check_captures(declared: &Declared<'_>, resolver: &mut Resolver<'_, '_>) {
    let Declared { proxy, parse } = declared;
    if !proxy.kind.has_frontend() {
        return;
    }
    for (slot, response, rule) in &parse.capture_uses {
        let slots = if *response { &parse.captures.response } else { &parse.captures.request };
        if *slot >= slots.len() {
            resolver.refuse(format!(
                "Proxy '{}': unable to find capture id '{slot}' referenced by {rule} rule.",
                proxy.name
            ));
        }
    }
}

/// What expressions refer to: proxies, servers, userlists.
pub(super) fn check_references(proxies: &[Declared<'_>], index: &Index, resolver: &mut Resolver<'_, '_>) {
    let mut late = Vec::new();
    for Declared { parse, .. } in proxies {
        for (file, line, text) in &parse.late {
            late.push(format!("parsing [{file}:{line}]: {text}"));
        }
        for reference in &parse.references {
            if let Some(text) = reference.check(index) {
                let (file, line) = &reference.declared_at;
                late.push(format!("parsing [{file}:{line}]: {text}"));
            }
        }
    }
    match late.as_slice() {
        [] => {}
        [one] => resolver.refuse(one.clone()),
        many => {
            let indented: Vec<String> = many.iter().map(|text| format!("        {text}")).collect();
            resolver.refuse(format!("multiple argument resolution errors:\n{}", indented.join("\n")));
        }
    }
}
