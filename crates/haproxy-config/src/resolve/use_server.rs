//! Which servers `use-server` lines name.

use super::Resolver;
use crate::reader::Declared;
use crate::runtime::{ServerIndex, ServerTarget, UseServer};
use log_format::{LogFormat, Purpose};
use sample::{Place, Points};
use std::sync::Arc;

/// The rules of a proxy; what names no server is refused.
pub(super) fn build(declared: &mut Declared<'_>, resolver: &mut Resolver<'_, '_>) -> Vec<UseServer> {
    let decls = std::mem::take(&mut declared.proxy.use_server);
    let mut rules = Vec::with_capacity(decls.len());
    for decl in decls {
        // A server of that very name comes before an expression.
        let found = declared.proxy.servers.iter().position(|server| server.name == decl.name);
        let target = match found.and_then(|at| u32::try_from(at).ok()) {
            Some(at) => ServerTarget::Static(ServerIndex(at)),
            None if decl.name.contains('%') => {
                declared.parse.file = Arc::clone(&decl.file);
                declared.parse.line = decl.span.line;
                let saved = declared.parse.places;
                declared.parse.places = Points(1 << Place::UseServer as u32);
                let parsed = LogFormat::parse(decl.name.as_bytes(), Purpose::Header, &mut declared.parse);
                declared.parse.places = saved;
                match parsed {
                    Ok(format) => ServerTarget::Dynamic(Arc::new(format)),
                    Err(problem) => {
                        resolver.refuse(format!(
                            "Parsing [{}:{}]; use-server rule failed to parse log-format '{}' : {}",
                            decl.file, decl.span.line, decl.name, problem.message
                        ));
                        continue;
                    }
                }
            }
            None => {
                resolver.refuse(format!(
                    "{} : unable to find server '{}' referenced in a 'use-server' rule.",
                    declared.proxy.title(),
                    decl.name
                ));
                continue;
            }
        };
        rules.push(UseServer { target, condition: decl.condition });
    }
    rules
}
