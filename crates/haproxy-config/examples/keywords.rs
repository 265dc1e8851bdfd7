//! Writes docs/keywords-haproxy.md: every keyword of haproxy.cfg, from the registries.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;

use haproxy_config::listing;
use haproxy_config::registry::{Class, Sections, keywords};
use rules::RuleKind;

/// What stands in a table: a keyword's line, or none if it is refused.
type Lines = BTreeMap<String, Option<String>>;

fn main() {
    let tables: Vec<(&str, Lines)> = vec![
        ("`global`", of_class(Class::Global)),
        ("`defaults`, `frontend`, `backend`, `listen`", of_class(Class::Proxy)),
        ("Words of a `bind` line", of_class(Class::Bind)),
        ("Words of a `server` line", of_class(Class::Server)),
        ("Actions of rules", actions()),
        ("Sample fetches", fetches()),
        ("Converters", converters()),
    ];
    let total: usize = tables.iter().map(|(_, lines)| lines.len()).sum();
    let obeyed: usize = tables.iter().map(|(_, lines)| lines.values().flatten().count()).sum();
    println!("# Keywords of haproxy.cfg\n");
    println!(
        "Generated from the registries by `.ci/checks/generated.py --write`. What has a line is obeyed, or says in a NOTICE that what it"
    );
    println!(
        "tunes is not there. What is *refused* gets an ALERT with its file and line, and the configuration does not run. In the second"
    );
    println!(
        "column D, F and B are the sections `defaults`, `frontend` and `backend`; `listen` is both of the latter.\n"
    );
    println!(
        "{obeyed} of the {total} that HAProxy 3.0 knows are obeyed. Sections that are refused: {}.",
        names(listing::refused_sections().iter().copied())
    );
    for (title, lines) in tables {
        println!("\n## {title}\n\n| keyword | | what it does |\n| --- | --- | --- |");
        for line in lines.values().flatten() {
            println!("{line}");
        }
        let refused: Vec<&str> =
            lines.iter().filter(|(_, line)| line.is_none()).map(|(name, _)| name.as_str()).collect();
        if !refused.is_empty() {
            println!("\nRefused: {}.", names(refused.into_iter()));
        }
    }
}

fn of_class(class: Class) -> Lines {
    let refused = listing::refused_keywords().filter(|(of, _)| *of == class).map(|(_, name)| (name, None));
    let obeyed = keywords().filter(|keyword| keyword.class == class).map(|keyword| {
        let place = if class == Class::Proxy { places(keyword.sections) } else { String::new() };
        let written = format!("{} {}", keyword.name, keyword.args);
        (keyword.name.to_owned(), Some(line(written.trim(), &place, keyword.doc)))
    });
    refused.chain(obeyed).collect()
}

fn places(sections: Sections) -> String {
    [(Sections::DEFAULTS, 'D'), (Sections::FRONTEND, 'F'), (Sections::BACKEND, 'B')]
        .into_iter()
        .map(|(section, letter)| if sections.has(section) { letter } else { '-' })
        .collect()
}

fn actions() -> Lines {
    let mut lines = Lines::new();
    let mut refused: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (set, action) in listing::refused_actions() {
        refused.entry(action).or_default().push(set);
    }
    for row in rules::actions() {
        let sets: Vec<&str> =
            RuleKind::ALL.iter().filter(|kind| row.kinds & kind.bit() != 0).map(|kind| kind.name()).collect();
        let name = if row.suffix { format!("{}(…)", row.name) } else { row.name.to_owned() };
        lines.insert(row.name.to_owned(), Some(line(&name, &sets.join(", "), row.doc)));
    }
    for action in refused.into_keys() {
        lines.entry(action.to_owned()).or_insert(None);
    }
    lines
}

fn fetches() -> Lines {
    let obeyed = sample::fetches().map(|row| {
        let dump = row.dump();
        let (_, written) = dump.split_once("] ").unwrap_or(("", &dump));
        let (written, output) = written.rsplit_once(": ").unwrap_or((written, ""));
        (row.name.to_owned(), Some(line(written, output, row.doc)))
    });
    sample::refused_fetches().map(|name| (name.to_owned(), None)).chain(obeyed).collect()
}

fn converters() -> Lines {
    let obeyed = sample::converters().map(|row| {
        let dump = row.dump();
        let (written, types) = dump.split_once(": ").unwrap_or((&dump, ""));
        // `-dKcnv` has the output first.
        let types =
            types.split_once(" => ").map_or(String::new(), |(output, input)| format!("{input} to {output}"));
        (row.name.to_owned(), Some(line(written, &types, row.doc)))
    });
    sample::refused_converters().map(|name| (name.to_owned(), None)).chain(obeyed).collect()
}

fn line(name: &str, what: &str, doc: &str) -> String {
    format!("| `{}` | {what} | {} |", name.replace('|', "\\|"), doc.replace('|', "\\|"))
}

fn names<'a>(list: impl Iterator<Item = &'a str>) -> String {
    list.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
