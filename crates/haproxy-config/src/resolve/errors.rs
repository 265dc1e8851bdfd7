//! Error pages: `errorfiles` and rules that name an `http-errors` section find it here.

use super::Resolver;
use crate::declared::{ErrorDecl, HttpErrorsDecl, ProxyDecl};
use ::rules::{ErrorPage, RuleSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The pages of a proxy; of several lines about a status the last one counts.
pub(super) fn pages(
    proxy: &mut ProxyDecl,
    running: bool,
    sections: &[HttpErrorsDecl],
    resolver: &mut Resolver<'_, '_>,
) -> BTreeMap<u16, ErrorPage> {
    let mut pages = BTreeMap::new();
    for decl in std::mem::take(&mut proxy.errors) {
        match decl {
            ErrorDecl::Page(status, page) => {
                pages.insert(status, page);
            }
            ErrorDecl::Section { .. } if !running => {}
            ErrorDecl::Section { section, statuses, at } => {
                let Some(found) = sections.iter().find(|s| s.name == section) else {
                    resolver.refuse(format!(
                        "proxy '{}': unknown http-errors section '{section}' (at {at}).",
                        proxy.name
                    ));
                    continue;
                };
                let wanted = statuses.unwrap_or_else(|| found.pages.keys().copied().collect());
                for status in wanted {
                    match found.pages.get(&status) {
                        Some(reply) => {
                            pages.insert(status, ErrorPage::Fixed(Arc::clone(reply)));
                        }
                        None => resolver.warn(format!(
                            "config: proxy '{}' : status '{status}' not declared in http-errors section '{section}' (at {at}).",
                            proxy.name
                        )),
                    }
                }
            }
        }
    }
    pages
}

/// The rules of a proxy whose reply stands in an `http-errors` section.
pub(super) fn bind_rules(proxy: &ProxyDecl, sections: &[HttpErrorsDecl], resolver: &mut Resolver<'_, '_>) {
    let rules = &proxy.rules;
    for set in [&rules.http_request, &rules.http_response, &rules.http_after_response] {
        bind_set(set, &proxy.name, sections, resolver);
    }
    if let Some(stats) = proxy.stats.as_ref() {
        bind_set(&stats.http_request, &proxy.name, sections, resolver);
    }
}

fn bind_set(set: &RuleSet, proxy: &str, sections: &[HttpErrorsDecl], resolver: &mut Resolver<'_, '_>) {
    for named in set.iter().filter_map(|rule| rule.action.named_errors()) {
        let (section, status) = (named.section(), named.status());
        match sections.iter().find(|s| s.name == section) {
            None => resolver.refuse(format!(
                "Proxy '{proxy}': unknown http-errors section '{section}' referenced by an http reply ."
            )),
            Some(found) => match found.pages.get(&status) {
                Some(reply) => named.bind(Arc::clone(reply)),
                None => resolver.warn(format!(
                    "Proxy '{proxy}': status '{status}' referenced by an http reply not declared in http-errors section '{section}'."
                )),
            },
        }
    }
}
