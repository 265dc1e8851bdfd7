//! `option forwarded`: its expressions are parsed when the section is complete.

use super::Resolver;
use crate::declared::NodeDecl;
use crate::reader::Declared;
use crate::runtime::{Forwarded, ForwardedPart, Mode};
use sample::{Expr, Place, Points};
use std::sync::Arc;

/// The option of a backend as it runs.
pub(super) fn build(declared: &mut Declared<'_>, resolver: &mut Resolver<'_, '_>) -> Option<Arc<Forwarded>> {
    if *declared.proxy.mode != Mode::Http || !declared.proxy.kind.has_backend() {
        return None;
    }
    let decl = (*declared.proxy.forwarded).clone()?;
    let mut part = |node: &NodeDecl| match node {
        NodeDecl::Off => ForwardedPart::Off,
        NodeDecl::Own => ForwardedPart::Own,
        NodeDecl::Expr(text) => match expression(text, &decl.at, declared, resolver) {
            Some(expr) => ForwardedPart::Expr(expr),
            None => ForwardedPart::Off,
        },
    };
    Some(Arc::new(Forwarded {
        proto: decl.proto,
        host: part(&decl.host),
        by: part(&decl.by),
        by_port: part(&decl.by_port),
        source: part(&decl.source),
        source_port: part(&decl.source_port),
    }))
}

fn expression(
    text: &str,
    at: &str,
    declared: &mut Declared<'_>,
    resolver: &mut Resolver<'_, '_>,
) -> Option<Expr> {
    let title = declared.proxy.title();
    let places = Points(1 << Place::BackendHttpRequest as u32);
    let saved = std::mem::replace(&mut declared.parse.places, places);
    let parsed = Expr::parse_prefix(text.as_bytes(), &mut declared.parse);
    declared.parse.places = saved;
    let problem = match parsed {
        Ok((expr, taken)) if taken == text.len() => {
            if expr.fetch().source.points.0 & places.0 == 0 {
                let first = (0..sample::PLACES).rev().find(|n| expr.fetch().source.points.0 & (1 << n) != 0);
                let place = first.map_or("", sample::place_name);
                resolver.warn(format!(
                    "{title} [{at}]: in 'option forwarded' sample expression '{text}' : some args extract information from '{place}', none of which is available here."
                ));
            }
            return Some(expr);
        }
        Ok((_, taken)) => format!("unexpected text '{}'", text.get(taken..).unwrap_or_default()),
        Err(problem) => problem.message,
    };
    resolver.refuse(format!(
        "{title} [{at}]: failed to parse 'option forwarded' expression '{text}' in : {problem}."
    ));
    None
}
