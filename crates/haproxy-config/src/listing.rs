//! What the documentation lists besides the obeyed keywords: what the reference knows and this program refuses. It decides nothing.

use crate::known;
use crate::registry::{Class, keywords};

/// The keywords of each table that are refused by name. A family (`timeout`) is obeyed when one of its members is.
pub fn refused_keywords() -> impl Iterator<Item = (Class, String)> {
    let global = known::GLOBAL_REGISTERED.iter().chain(known::GLOBAL_HARD_CODED).copied();
    let proxy = known::PROXY_REGISTERED.iter().chain(known::PROXY_HARD_CODED).copied();
    global
        .filter(|name| !SECTIONS.contains(name))
        .map(|name| (Class::Global, name.to_owned()))
        .chain(proxy.map(|name| (Class::Proxy, name.to_owned())))
        .chain(known::options().map(|name| (Class::Proxy, format!("option {name}"))))
        .chain(known::bind_words().map(|name| (Class::Bind, name.to_owned())))
        .chain(known::bare(known::SERVER).map(|name| (Class::Server, name.to_owned())))
        .filter(|(class, name)| !is_obeyed(*class, name))
}

/// The rule actions that are refused: a rule set and an action, `http-request track-sc0`.
pub fn refused_actions() -> impl Iterator<Item = (&'static str, &'static str)> {
    known::ACTIONS.iter().filter_map(|line| line.rsplit_once(' ')).filter_map(|(set, action)| {
        let action = action.strip_suffix('*').unwrap_or(action);
        let obeyed = rules::actions().any(|row| {
            row.name == action
                && rules::RuleKind::ALL.iter().any(|k| k.name() == set && row.kinds & k.bit() != 0)
        });
        (!obeyed).then_some((set, action))
    })
}

/// The sections that are refused.
#[must_use]
pub fn refused_sections() -> &'static [&'static str] {
    known::UNBUILT_SECTIONS
}

/// Candidates of a suggestion in `global` that are no keywords of it.
const SECTIONS: [&str; 4] = ["backend", "defaults", "frontend", "listen"];

fn is_obeyed(class: Class, name: &str) -> bool {
    // A member of a family stands behind a blank.
    let is_it =
        |row: &str| row.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    keywords().any(|row| row.class == class && is_it(row.name))
}
