//! `errorfile`, `errorloc`, `errorloc302`, `errorloc303` (configuration manual, section 4.2).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{ErrorDecl, ProxyDecl};
use crate::registry::{Row, Sections, Set, Since, row};
use ::rules::Reply;
use std::sync::Arc;
use units::lenient_int;

/// Statuses that have a page of their own.
const STATUSES: &[u16] = &[
    200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502, 503, 504,
];

fn status(line: &Line<'_>, what: &str) -> Result<(u16, String), Refusal> {
    let name = line.name();
    let (code, value) = (line.arg(0), line.arg(1));
    if value.is_empty() {
        return Err(Refusal::fatal(format!("{name} : expects <status_code> and <{what}> as arguments.\n")));
    }
    match u16::try_from(lenient_int(&code)).ok().filter(|c| STATUSES.contains(c)) {
        Some(status) => Ok((status, value)),
        None => Err(Refusal::fatal(format!("{name} : status code '{}' not handled.", lenient_int(&code)))),
    }
}

fn errorfile(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let (status, path) = status(line, "file")?;
    let bytes = cx
        .host()
        .read(&path)
        .map_err(|_| Refusal::fatal(format!("errorfile : error opening file '{path}'.")))?;
    let reply = Reply::from_error_file(&bytes)
        .map_err(|why| Refusal::fatal(format!("errorfile : '{path}': {why}")))?;
    proxy.errors.insert(status, ErrorDecl::File(Arc::new(reply)));
    Ok(())
}

fn errorloc(proxy: &mut ProxyDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let (status, url) = status(line, "url")?;
    let with = if line.name() == "errorloc303" { 303 } else { 302 };
    let reply = Reply::error_location(with, url.as_bytes());
    proxy.errors.insert(status, ErrorDecl::Location(Arc::new(reply)));
    Ok(())
}

const ALL: Sections = Sections::ALL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "errorfile",
        ALL,
        Since(1, 3),
        "<code> <file>",
        Set::Custom(errorfile),
        "Response sent instead of an error page.",
    ),
    row(
        "errorloc",
        ALL,
        Since(1, 1),
        "<code> <url>",
        Set::Custom(errorloc),
        "Redirection sent instead of an error page.",
    ),
    row(
        "errorloc302",
        ALL,
        Since(1, 1),
        "<code> <url>",
        Set::Custom(errorloc),
        "Redirection with 302 sent instead of an error page.",
    ),
    row(
        "errorloc303",
        ALL,
        Since(1, 1),
        "<code> <url>",
        Set::Custom(errorloc),
        "Redirection with 303 sent instead of an error page.",
    ),
];
