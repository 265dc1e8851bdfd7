//! What a keyword's row is, and the tables that all rows are in. One place a keyword: the row at the bottom of its section's file.
//!
//! From the rows come parsing, "not allowed here", arity errors, "did you mean", the `-dK` dump and the documentation.

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{BindDecl, GlobalDecl, ProxyDecl, ServerDecl};
use crate::setting::Setting;
use std::time::Duration;
use units::{DelayError, Unit, parse_delay};

/// The sections in which a keyword may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sections(u8);

impl Sections {
    /// `defaults`
    pub const DEFAULTS: Self = Self(1);
    /// `frontend`
    pub const FRONTEND: Self = Self(2);
    /// `backend`
    pub const BACKEND: Self = Self(4);
    /// `global`
    pub const GLOBAL: Self = Self(8);
    /// `frontend`, `backend`, `listen`.
    pub const PROXY: Self = Self(2 | 4);
    /// All of them but `global`.
    pub const ALL: Self = Self(1 | 2 | 4);
    /// `defaults`, `frontend`, `listen`.
    pub const FRONT: Self = Self(1 | 2);
    /// `defaults`, `backend`, `listen`.
    pub const BACK: Self = Self(1 | 4);

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is among these.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The version of HAProxy that first knew a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Since(pub u8, pub u8);

/// How a keyword's words become a value.
pub(crate) enum Set<T: 'static> {
    /// The word alone switches it on, `no` in front switches it off.
    Flag(fn(&mut T) -> &mut Setting<bool>),
    /// A delay in milliseconds where no unit is written; 0 is none.
    Delay(fn(&mut T) -> &mut Setting<Option<Duration>>),
    /// An integer read like C's `atol`.
    Int(fn(&mut T) -> &mut Setting<Option<i64>>),
    /// A path or another text, one word.
    Text(fn(&mut T) -> &mut Setting<Option<String>>, Missing),
    /// Anything else.
    Custom(fn(&mut T, &Line<'_>, &mut Cx<'_>) -> Outcome),
    /// Tuning that cannot change what the program does: accepted with a NOTICE. The highest number of words after the keyword.
    Tuning(usize),
}

/// What the reference says when the text of a [`Set::Text`] is missing.
#[derive(Clone, Copy)]
pub(crate) struct Missing(pub(crate) &'static str);

/// One keyword.
pub(crate) struct Row<T: 'static> {
    /// Its name; several words for families (`timeout client`).
    pub(crate) name: &'static str,
    /// Where it may stand.
    pub(crate) sections: Sections,
    /// Since when the reference knows it.
    pub(crate) since: Since,
    /// Its arguments as the manual writes them.
    pub(crate) args: &'static str,
    /// What it does to the declaration.
    pub(crate) set: Set<T>,
    /// One line of documentation.
    pub(crate) doc: &'static str,
}

/// A row, shortly.
pub(crate) const fn row<T>(
    name: &'static str,
    sections: Sections,
    since: Since,
    args: &'static str,
    set: Set<T>,
    doc: &'static str,
) -> Row<T> {
    Row { name, sections, since, args, set, doc }
}

impl<T> Row<T> {
    /// Runs the row on a line whose first `self.words()` words are its name.
    pub(crate) fn apply(&self, target: &mut T, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
        self.set(target, line, cx)?;
        // A bad line keeps the reference's text; only a good one is refused here.
        if UNOBEYED.contains(&self.name) { Err(Refusal::not_built(self.name)) } else { Ok(()) }
    }

    fn set(&self, target: &mut T, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
        match &self.set {
            Set::Flag(field) => {
                line.at_most(0)?;
                field(target).set(!line.negated, line.span, cx.section);
                Ok(())
            }
            Set::Delay(field) => {
                let delay = proxy_delay(line)?;
                field(target).set(delay, line.span, cx.section);
                Ok(())
            }
            Set::Int(field) => {
                if line.arg(0).is_empty() {
                    return Err(Refusal::fatal(format!("'{}' expects an integer argument.", self.name)));
                }
                line.at_most(1)?;
                field(target).set(Some(units::lenient_int(&line.arg(0))), line.span, cx.section);
                Ok(())
            }
            Set::Text(field, missing) => {
                let text = line.arg(0);
                if text.is_empty() {
                    return Err(Refusal::fatal(missing.0));
                }
                line.at_most(1)?;
                field(target).set(Some(text), line.span, cx.section);
                Ok(())
            }
            Set::Custom(parse) => parse(target, line, cx),
            Set::Tuning(most) => {
                line.at_most(*most)?;
                cx.notice(line.span, format!("'{}' is accepted but has no effect in haproxy-rs.", self.name));
                Ok(())
            }
        }
    }

    /// How many words the name has.
    pub(crate) fn words(&self) -> usize {
        self.name.split(' ').count()
    }
}

/// The delay of a `timeout` line and the like, with the reference's texts. None is zero: no limit.
fn proxy_delay(line: &Line<'_>) -> Result<Option<Duration>, Refusal> {
    let (name, text) = (line.name(), line.arg(0));
    if text.is_empty() {
        return Err(Refusal::fatal(format!("'{name}' expects an integer value (in milliseconds)")));
    }
    let delay = parse_delay(&text, Unit::Milliseconds).map_err(|e| match e {
        DelayError::Overflow => Refusal::fatal(format!(
            "timer overflow in argument '{text}' to '{name}' (maximum value is 2147483647 ms or ~24.8 days)"
        )),
        DelayError::Unexpected(c) => Refusal::fatal(format!("unexpected character '{c}' in '{name}'")),
    })?;
    if !line.arg(1).is_empty() {
        let extra = line.arg(1);
        return Err(Refusal::fatal(format!(
            "'{name}' : unexpected extra argument '{extra}' after value '{text}'."
        )));
    }
    Ok((!delay.is_zero()).then_some(delay))
}

/// Keywords that are read and resolved, but that nothing obeys yet when it runs: refused, so that none is accepted and ignored.
/// Whoever obeys one takes it out of here.
const UNOBEYED: &[&str] = &["pp2-never-send-local"];

/// The row whose name is the longest run of the line's first words.
pub(crate) fn find<'t, T>(tables: &[&'t [Row<T>]], words: &[String]) -> Option<&'t Row<T>> {
    (1..=words.len().min(3)).rev().find_map(|count| {
        let name = words.get(..count)?.join(" ");
        tables.iter().flat_map(|table| table.iter()).find(|row| row.name == name)
    })
}

/// `global`'s keywords.
pub(crate) const GLOBAL: &[&[Row<GlobalDecl>]] = &[
    crate::section::global::KEYWORDS,
    crate::section::process::KEYWORDS,
    crate::section::environment::KEYWORDS,
    crate::section::h1::KEYWORDS,
    crate::section::stats_socket::KEYWORDS,
    crate::section::threads::KEYWORDS,
    crate::section::tune::KEYWORDS,
    crate::section::ssl_defaults::KEYWORDS,
];

/// The keywords of `defaults`, `frontend`, `backend` and `listen`.
pub(crate) const PROXY: &[&[Row<ProxyDecl>]] = &[
    crate::section::proxy::KEYWORDS,
    crate::section::timeouts::KEYWORDS,
    crate::section::keep_alive::KEYWORDS,
    crate::section::options::KEYWORDS,
    crate::section::added_fields::KEYWORDS,
    crate::section::logs::KEYWORDS,
    crate::section::balance::KEYWORDS,
    crate::section::direct::KEYWORDS,
    crate::section::persistence::KEYWORDS,
    crate::section::use_server::KEYWORDS,
    crate::section::errors::KEYWORDS,
    crate::section::stats::KEYWORDS,
    crate::section::check::KEYWORDS,
    crate::section::rules::KEYWORDS,
    crate::section::captures::KEYWORDS,
    crate::section::bind::LINES,
    crate::section::server::LINES,
];

/// The words after a `bind` line's address.
pub(crate) const BIND: &[&[Row<BindDecl>]] = &[crate::section::bind::KEYWORDS];

/// The words after a `server` line's address.
pub(crate) const SERVER: &[&[Row<ServerDecl>]] =
    &[crate::section::server::KEYWORDS, crate::section::server_check::KEYWORDS];

/// One keyword as the outside sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// Which table it is in.
    pub class: Class,
    /// Its name.
    pub name: &'static str,
    /// Its arguments as the manual writes them.
    pub args: &'static str,
    /// Where it may stand.
    pub sections: Sections,
    /// Since when the reference knows it.
    pub since: Since,
    /// One line of documentation.
    pub doc: &'static str,
}

/// The tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `global`
    Global,
    /// `defaults`, `frontend`, `backend`, `listen`
    Proxy,
    /// Words of a `bind` line.
    Bind,
    /// Words of a `server` line.
    Server,
}

/// Every keyword that is obeyed.
pub fn keywords() -> impl Iterator<Item = Keyword> {
    fn of<T>(class: Class, tables: &'static [&'static [Row<T>]]) -> impl Iterator<Item = Keyword> {
        tables.iter().flat_map(|t| t.iter()).map(move |r| Keyword {
            class,
            name: r.name,
            args: r.args,
            sections: r.sections,
            since: r.since,
            doc: r.doc,
        })
    }
    of(Class::Global, GLOBAL)
        .chain(of(Class::Proxy, PROXY))
        .chain(of(Class::Bind, BIND))
        .chain(of(Class::Server, SERVER))
        .filter(|keyword| !UNOBEYED.contains(&keyword.name))
}

/// The class `cfg` of `-dK` in the reference's format: the section's name, and after a tab each keyword that is
/// obeyed, rule actions among them. Keywords that the reference leaves out of its dump are left out here, too.
#[must_use]
pub fn dump_configuration_keywords() -> String {
    let mut out = String::from("# List of registered configuration keywords:\nglobal\n");
    dump(&mut out, Class::Global, "", crate::known::GLOBAL_REGISTERED);
    out.push_str("listen\n");
    dump(&mut out, Class::Proxy, "", crate::known::PROXY_REGISTERED);
    dump(&mut out, Class::Bind, "bind <addr> ", crate::known::BIND);
    dump(&mut out, Class::Server, "server <name> <addr> ", crate::known::SERVER);
    dump(&mut out, Class::Proxy, "option ", crate::known::OPTIONS);
    for line in crate::known::ACTIONS {
        let Some((set, action)) = line.rsplit_once(' ') else { continue };
        let action = action.strip_suffix('*').unwrap_or(action);
        if rules::actions()
            .any(|row| row.name == action && rule_kind(set).is_some_and(|k| row.kinds & k.bit() != 0))
        {
            out.push('\t');
            out.push_str(line);
            out.push('\n');
        }
    }
    out.push_str("userlist\npeers\ncrt-list\n");
    out
}

fn rule_kind(name: &str) -> Option<rules::RuleKind> {
    rules::RuleKind::ALL.into_iter().find(|kind| kind.name() == name)
}

fn dump(out: &mut String, class: Class, prefix: &str, known: &[&str]) {
    for line in known {
        let name = line.strip_prefix("ssl ").unwrap_or(line).split(' ').next().unwrap_or(line);
        let name = if prefix == "option " { format!("option {name}") } else { name.to_owned() };
        if keywords().any(|kw| kw.class == class && covers(kw.name, &name)) {
            out.push('\t');
            out.push_str(prefix);
            out.push_str(line);
            out.push('\n');
        }
    }
}

/// Whether our row `name` is, or is in the family of, the reference's registered keyword `known`.
fn covers(name: &str, known: &str) -> bool {
    name == known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_documented() {
        let mut seen = BTreeSet::new();
        for keyword in keywords() {
            assert!(seen.insert((keyword.class as u8, keyword.name)), "{} twice", keyword.name);
            assert!(!keyword.doc.is_empty(), "{} has no documentation", keyword.name);
            assert!(keyword.since >= Since(1, 1) && keyword.since <= Since(3, 0), "{}", keyword.name);
        }
        assert!(seen.len() > 150);
    }

    #[test]
    fn tables_are_sorted() {
        fn check<T>(tables: &[&[Row<T>]]) {
            for table in tables {
                for pair in table.windows(2) {
                    if let [a, b] = pair {
                        assert!(a.name < b.name, "{} before {}", a.name, b.name);
                    }
                }
            }
        }
        check(GLOBAL);
        check(PROXY);
        check(BIND);
        check(SERVER);
    }

    #[test]
    fn unobeyed_names_are_rows() {
        fn has<T>(tables: &[&[Row<T>]], name: &str) -> bool {
            tables.iter().flat_map(|t| t.iter()).any(|row| row.name == name)
        }
        for name in UNOBEYED {
            assert!(has(GLOBAL, name) || has(PROXY, name) || has(BIND, name) || has(SERVER, name), "{name}");
        }
    }

    #[test]
    fn longest_name_wins() {
        let words: Vec<String> = ["option", "httplog", "clf"].map(String::from).to_vec();
        assert_eq!(find(PROXY, &words).map(|r| r.name), Some("option httplog"));
    }
}
