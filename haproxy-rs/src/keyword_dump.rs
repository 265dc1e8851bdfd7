//! `-dK<class>`: the registered keywords in the reference's format, from the registries of the crates that own them.

use rules::RuleKind;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A class: its name, what `help` says of it, the heading, its lines.
struct Class {
    name: &'static str,
    what: &'static str,
    dump: fn() -> String,
}

const CLASSES: &[Class] = &[
    Class { name: "acl", what: "ACL keywords", dump: acl_keywords },
    Class { name: "cfg", what: "configuration keywords", dump: configuration_keywords },
    Class { name: "cli", what: "CLI keywords", dump: cli_keywords },
    Class { name: "cnv", what: "sample converter keywords", dump: converters },
    Class { name: "flt", what: "filter names", dump: || "# List of registered filter names:\n".to_owned() },
    Class { name: "smp", what: "sample fetch functions", dump: fetches },
    Class { name: "svc", what: "service names", dump: || "# List of registered service names:\n".to_owned() },
];

/// The text for a list of classes, separated by commas. Names that are none are passed over.
pub(crate) fn dump(classes: &str) -> String {
    let wanted: Vec<&str> = classes.split(',').collect();
    let mut text = String::new();
    if wanted.contains(&"help") || classes.is_empty() {
        text.push_str("# List of supported keyword classes:\nall: list all keywords\n");
        for class in CLASSES {
            let _ = writeln!(text, "{}: {}", class.name, class.what);
        }
    }
    for class in CLASSES.iter().filter(|class| wanted.contains(&"all") || wanted.contains(&class.name)) {
        text.push_str(&(class.dump)());
    }
    text
}

/// One line an item, sorted, under a heading.
fn listed(heading: &str, lines: impl Iterator<Item = String>) -> String {
    let sorted: BTreeSet<String> = lines.collect();
    sorted.into_iter().fold(format!("{heading}\n"), |mut text, line| {
        text.push_str(&line);
        text.push('\n');
        text
    })
}

fn acl_keywords() -> String {
    let obeyed = |name: &str| sample::fetches().any(|fetch| fetch.name == name);
    let lines = sample::DERIVATIVES
        .iter()
        .filter(|(_, fetch, _)| obeyed(fetch))
        .map(|(name, fetch, method)| format!("{name} = {fetch} -m {}", method.name()));
    listed("# List of registered ACL keywords:", lines)
}

fn converters() -> String {
    let mut rows: Vec<_> = sample::converters().collect();
    rows.sort_by_key(|row| row.name);
    rows.iter().fold("# List of registered sample converter functions:\n".to_owned(), |mut text, row| {
        let _ = writeln!(text, "{}", row.dump());
        text
    })
}

fn fetches() -> String {
    let mut rows: Vec<_> = sample::fetches().collect();
    rows.sort_by_key(|row| row.name);
    rows.iter().fold(fetch_heading(), |mut text, row| {
        let _ = writeln!(text, "{}", row.dump());
        text
    })
}

/// The slanted table of the places where a fetch may stand, one column each.
fn fetch_heading() -> String {
    let mut text = String::from("# List of registered sample fetch functions:\n");
    let places = sample::PLACES;
    for place in 0..places {
        let indent = " ".repeat(places - place);
        let strokes = "/ ".repeat(place);
        let dashes = "-".repeat(places - place);
        let _ = writeln!(text, "# {indent}{strokes}_.{dashes} {}", sample::place_name(place));
    }
    let _ = writeln!(text, "#{}  ", " /".repeat(places));
    let _ = writeln!(text, "#{} ", " |".repeat(places));
    text
}

fn cli_keywords() -> String {
    let worker = admin::cli::commands().map(|command| (command.words.join(" "), false));
    let built_in = ["_getsocks", "experimental-mode", "expert-mode", "help", "prompt", "quit"];
    let both: BTreeSet<(String, bool)> =
        worker.chain(built_in.map(|name| (name.to_owned(), name != "_getsocks"))).collect();
    let masters: Vec<String> = crate::master_help::names().map(str::to_owned).collect();
    let names: BTreeSet<&String> = both.iter().map(|(name, _)| name).chain(&masters).collect();
    let lines = names.into_iter().map(|name| {
        let in_master = masters.contains(name) || both.contains(&(name.clone(), true));
        let in_worker = both.iter().any(|(worker, _)| worker == name);
        let master = if in_master { "[MASTER] " } else { "" };
        let worker = if in_worker { "[WORKER] " } else { "" };
        format!("{name} {master}{worker}")
    });
    listed("# List of registered CLI keywords:", lines)
}

fn configuration_keywords() -> String {
    let mut text = haproxy_config::registry::dump_configuration_keywords();
    for kind in RuleKind::ALL {
        let names: BTreeSet<String> = rules::actions()
            .filter(|action| action.kinds & kind.bit() != 0 && !is_hard_coded(kind, action.name))
            .map(|action| format!("{}{}", action.name, if action.suffix { "*" } else { "" }))
            .collect();
        for name in names {
            let _ = writeln!(text, "\t{} {name}", kind.name());
        }
    }
    text
}

/// HAPROXY: these actions are in its parser rather than in its registry, and so in no dump.
fn is_hard_coded(kind: RuleKind, name: &str) -> bool {
    match kind {
        RuleKind::TcpRequestConnection | RuleKind::TcpRequestSession => ["accept", "reject"].contains(&name),
        RuleKind::TcpRequestContent => ["accept", "capture", "reject"].contains(&name),
        RuleKind::TcpResponseContent => ["accept", "close", "reject"].contains(&name),
        RuleKind::HttpRequest | RuleKind::HttpResponse | RuleKind::HttpAfterResponse => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_chosen_by_name() {
        assert_eq!(dump("svc"), "# List of registered service names:\n");
        assert_eq!(dump("svc,flt").lines().count(), 2);
        assert_eq!(dump("nosuch"), "");
        assert_eq!(dump("help").lines().count(), 9);
        assert!(dump("all").starts_with("# List of registered ACL keywords:\n"));
    }

    #[test]
    fn the_heading_of_fetches_slants() {
        let heading = fetch_heading();
        let lines: Vec<&str> = heading.lines().collect();
        assert_eq!(
            lines.get(1).copied(),
            Some("#                       _.---------------------- frontend tcp-request connection rule")
        );
        assert_eq!(lines.last().copied(), Some("# | | | | | | | | | | | | | | | | | | | | | | "));
    }
}
