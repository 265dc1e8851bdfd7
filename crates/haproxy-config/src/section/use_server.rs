//! `use-server` (configuration manual, section 4.2): which server gets a request, whatever the algorithm says.

use super::proxy::{condition, with_places};
use super::rules::Kind;
use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{ProxyDecl, UseServerDecl};
use crate::registry::{Row, Sections, Set, Since, row};
use sample::Place as At;
use std::sync::Arc;

fn use_server(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = line.arg(0);
    if name.is_empty() {
        return Err(Refusal::fatal("'use-server' expects a server name."));
    }
    let missing = || "'use-server' requires either 'if' or 'unless' followed by a condition.".to_owned();
    let condition = with_places(cx, &[At::UseServer], |cx| {
        let condition = condition(line.rest(1), missing, "switching rule", cx)?;
        ::rules::warn_incompatible(&condition, ::rules::RuleKind::HttpRequest, &mut cx.parse);
        Ok::<_, Refusal>(condition)
    })?;
    cx.collect_warnings(line.span);
    proxy.rules.seen.add(Kind::UseServer);
    proxy.use_server.push(UseServerDecl { name, span: line.span, file: Arc::clone(&cx.file), condition });
    Ok(())
}

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[row(
    "use-server",
    Sections::BACKEND,
    Since(1, 4),
    "<server> { if | unless } <condition>",
    Set::Custom(use_server),
    "Sends requests to one server.",
)];
