//! `errorfile`, `errorfiles`, `errorloc`, `errorloc302`, `errorloc303`, `http-error` (configuration manual, section 4.2), and the
//! section `http-errors` (3.8).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{ErrorDecl, HttpErrorsDecl, ProxyDecl};
use crate::registry::{Row, Sections, Set, Since, row};
use ::rules::{ErrorPage, HttpError, Reply, builtin_statuses, parse_http_error};
use sample::{Place, Points};
use std::sync::Arc;
use units::lenient_int;

/// A status that has a page of its own.
fn known(text: &str) -> Option<u16> {
    u16::try_from(lenient_int(text)).ok().filter(|code| builtin_statuses().any(|status| status == *code))
}

fn not_handled(name: &str, code: &str) -> Refusal {
    Refusal::fatal(format!("{name} : status code '{}' not handled.", lenient_int(code)))
}

/// The file of an `errorfile` line in a proxy or an `http-errors` section.
fn read(path: &str, cx: &Cx<'_>) -> Result<Arc<Reply>, Refusal> {
    let bytes = cx
        .host()
        .read(path)
        .map_err(|_| Refusal::fatal(format!("errorfile : error opening file '{path}'.")))?;
    Reply::from_error_file(&bytes)
        .map(Arc::new)
        .map_err(|why| Refusal::fatal(format!("errorfile : '{path}': {why}")))
}

fn errorfile(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let (code, path) = (line.arg(0), line.arg(1));
    if path.is_empty() {
        return Err(Refusal::fatal("errorfile : expects <status_code> and <file> as arguments.\n"));
    }
    if !line.arg(2).is_empty() {
        return Err(Refusal::fatal("errorfile : expects exactly two arguments.\n"));
    }
    let status = known(&code).ok_or_else(|| not_handled("errorfile", &code))?;
    proxy.errors.push(ErrorDecl::Page(status, ErrorPage::Fixed(read(&path, cx)?)));
    Ok(())
}

fn errorfiles(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let section = line.arg(0);
    if section.is_empty() {
        return Err(Refusal::fatal("errorfiles : expects <name> as argument."));
    }
    let mut statuses = Vec::new();
    for code in line.rest(1).iter().map(config_text::Word::lossy).take_while(|code| !code.is_empty()) {
        statuses.push(known(&code).ok_or_else(|| not_handled("errorfiles", &code))?);
    }
    let at = format!("{}:{}", cx.file, line.span.line);
    let statuses = (!statuses.is_empty()).then_some(statuses);
    proxy.errors.push(ErrorDecl::Section { section, statuses, at });
    Ok(())
}

fn errorloc(proxy: &mut ProxyDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let (name, code, url) = (line.name(), line.arg(0), line.arg(1));
    if url.is_empty() {
        return Err(Refusal::fatal(format!("{name} : expects <status_code> and <url> as arguments.\n")));
    }
    let status = known(&code).ok_or_else(|| not_handled(&name, &code))?;
    let with = if name == "errorloc303" { 303 } else { 302 };
    let reply = Reply::error_location(with, url.as_bytes());
    proxy.errors.push(ErrorDecl::Page(status, ErrorPage::Fixed(Arc::new(reply))));
    Ok(())
}

fn http_error(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let saved = cx.parse.places;
    let place = |place: Place, there: bool| if there { 1 << place as u32 } else { 0 };
    cx.parse.places = Points(
        place(Place::FrontendHttpRequest, proxy.kind.has_frontend())
            | place(Place::BackendHttpRequest, proxy.kind.has_backend()),
    );
    let parsed = parse_http_error(line.args(), &mut cx.parse);
    cx.parse.places = saved;
    let (status, error) = parsed.map_err(|text| Refusal::fatal(format!("http-error{text}")))?;
    proxy.errors.push(match error {
        HttpError::Fixed(reply) => ErrorDecl::Page(status, ErrorPage::Fixed(reply)),
        HttpError::Described(reply) => ErrorDecl::Page(status, ErrorPage::Described(reply)),
        HttpError::Section(section) => {
            let at = format!("{}:{}", cx.file, line.span.line);
            ErrorDecl::Section { section, statuses: Some(vec![status]), at }
        }
    });
    Ok(())
}

/// The line that opens an `http-errors` section. A second section of a name is refused and read on.
pub(crate) fn open(
    line: &Line<'_>,
    known: &[HttpErrorsDecl],
    cx: &Cx<'_>,
) -> Result<(HttpErrorsDecl, Option<Refusal>), Refusal> {
    let name = line.arg(0);
    if name.is_empty() {
        return Err(Refusal::fatal("missing name for http-errors section.").stop());
    }
    if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-:".contains(*c))) {
        let text = format!("character '{bad}' is not permitted in 'http-errors' name '{name}'.");
        return Err(Refusal::fatal(text));
    }
    let twice = known.iter().find(|section| section.name == name).map(|first| {
        let text = format!("http-errors section '{name}' already exists (declared at {}).", first.at);
        Refusal::fatal(text).tight()
    });
    let at = format!("{}:{}", cx.file, line.span.line);
    Ok((HttpErrorsDecl { name, at, ..HttpErrorsDecl::default() }, twice))
}

/// A line of an `http-errors` section.
pub(crate) fn section_line(section: &mut HttpErrorsDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let keyword = line.name();
    if keyword != "errorfile" {
        return Err(Refusal::fatal(format!("unknown keyword '{keyword}' in 'http-errors' section")));
    }
    let (code, path) = (line.arg(0), line.arg(1));
    if path.is_empty() {
        return Err(Refusal::fatal("errorfile: expects <status_code> and <file> as arguments."));
    }
    let status = known(&code).ok_or_else(|| not_handled("errorfile", &code))?;
    section.pages.insert(status, read(&path, cx)?);
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
        "errorfiles",
        ALL,
        Since(2, 2),
        "<name> [<code> ...]",
        Set::Custom(errorfiles),
        "Error pages of an http-errors section.",
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
    row(
        "http-error",
        ALL,
        Since(2, 2),
        "status <code> [content-type <type>] [ { default-errorfiles | errorfile <file> | errorfiles <name> | file <file> | lf-file <file> | string <str> | lf-string <fmt> } ] [ hdr <name> <fmt> ]*",
        Set::Custom(http_error),
        "A reply sent instead of an error page.",
    ),
];
