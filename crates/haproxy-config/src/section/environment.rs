//! `global`: environment variables (configuration manual, section 3.1: setenv, presetenv, unsetenv, resetenv).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::GlobalDecl;
use crate::registry::{Row, Sections, Set, Since, row};

fn assign(line: &Line<'_>, cx: &Cx<'_>, replace: bool) -> Outcome {
    line.at_most(2)?;
    let (name, value) = (line.arg(0), line.args().get(1).map(|w| w.lossy()));
    let Some(value) = value.filter(|v| !v.is_empty()).filter(|_| !name.is_empty()) else {
        return Err(Refusal::fatal(format!("'{}' expects a name and a value.", line.name())).tight());
    };
    let mut variables = cx.outside.variables.borrow_mut();
    if replace || !variables.contains_key(&name) {
        variables.insert(name, value);
    }
    Ok(())
}

fn setenv(_: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    assign(line, cx, true)
}

fn presetenv(_: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    assign(line, cx, false)
}

fn unsetenv(_: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    if line.arg(0).is_empty() {
        return Err(Refusal::fatal("'unsetenv' expects at least one variable name.").tight());
    }
    let mut variables = cx.outside.variables.borrow_mut();
    for word in line.args() {
        variables.remove(&word.lossy());
    }
    Ok(())
}

fn resetenv(_: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let keep: Vec<String> = line.args().iter().map(|w| w.lossy()).collect();
    cx.outside.variables.borrow_mut().retain(|name, _| keep.contains(name));
    Ok(())
}

const G: Sections = Sections::GLOBAL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<GlobalDecl>] = &[
    row(
        "presetenv",
        G,
        Since(1, 6),
        "<name> <value>",
        Set::Custom(presetenv),
        "Sets a variable that is not set.",
    ),
    row(
        "resetenv",
        G,
        Since(1, 6),
        "[<name> ...]",
        Set::Custom(resetenv),
        "Removes every variable but those named.",
    ),
    row("setenv", G, Since(1, 6), "<name> <value>", Set::Custom(setenv), "Sets a variable."),
    row("unsetenv", G, Since(1, 6), "[<name> ...]", Set::Custom(unsetenv), "Removes the variables named."),
];
