//! `global`: how HTTP/1 messages are read and written (configuration manual, section 3.1).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::GlobalDecl;
use crate::registry::{Row, Sections, Set, Since, row};
use crate::resolve::global::case_problem;

fn case_adjust(global: &mut GlobalDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    line.at_most(2)?;
    let (from, to) = (line.arg(0), line.arg(1));
    if to.is_empty() {
        return Err(Refusal::fatal("'h1-case-adjust' expects <from> and <to> as argument."));
    }
    global
        .case_map
        .add(from.as_bytes(), to.as_bytes())
        .map_err(|error| Refusal::fatal(case_problem(error, from.as_bytes())))
}

fn case_adjust_file(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let path = line.arg(0);
    if path.is_empty() {
        return Err(Refusal::fatal("'h1-case-adjust-file' expects <file> as argument."));
    }
    global.case_file.set(Some(path), line.span, cx.section);
    Ok(())
}

const G: Sections = Sections::GLOBAL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<GlobalDecl>] = &[
    row(
        "h1-accept-payload-with-any-method",
        G,
        Since(2, 6),
        "",
        Set::Flag(|g| &mut g.any_payload),
        "Lets GET, HEAD and DELETE have a body in HTTP/1.0.",
    ),
    row(
        "h1-case-adjust",
        G,
        Since(2, 0),
        "<from> <to>",
        Set::Custom(case_adjust),
        "Spelling of a field name for old clients or servers.",
    ),
    row(
        "h1-case-adjust-file",
        G,
        Since(2, 0),
        "<hdrs-file>",
        Set::Custom(case_adjust_file),
        "File of such spellings.",
    ),
    row(
        "h1-do-not-close-on-insecure-transfer-encoding",
        G,
        Since(3, 0),
        "",
        Set::Flag(|g| &mut g.keeps_ambiguous),
        "Keeps connections on which a length came beside a transfer coding.",
    ),
    row(
        "pp2-never-send-local",
        G,
        Since(2, 6),
        "",
        Set::Flag(|g| &mut g.never_send_local),
        "Checks send the PROXY protocol's command PROXY, not LOCAL.",
    ),
];
