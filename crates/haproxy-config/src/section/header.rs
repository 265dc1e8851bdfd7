//! The lines that open `defaults`, `frontend`, `backend` and `listen`.

use crate::cx::{Line, Refusal};
use crate::declared::SectionKind;
use crate::reader::Declarations;
use config_text::Place;

/// What such a line says.
pub(crate) struct Header {
    /// The section's name; empty for an anonymous `defaults`.
    pub(crate) name: String,
    /// Index of the `defaults` section that it starts from.
    pub(crate) defaults: Option<usize>,
    /// Whether `from` names it.
    pub(crate) explicit: bool,
    /// A refusal after which the section's lines are read all the same.
    pub(crate) problem: Option<Refusal>,
    /// Warnings.
    pub(crate) warnings: Vec<String>,
}

/// Reads the line.
pub(crate) fn read(
    kind: SectionKind,
    line: &Line<'_>,
    declarations: &Declarations<'_>,
) -> Result<Header, Refusal> {
    let keyword = kind.keyword();
    let mut args: Vec<String> = line.args().iter().map(|w| w.lossy()).collect();
    let name = if kind == SectionKind::Defaults {
        match args.first() {
            Some(first) if first != "from" => args.remove(0),
            _ => String::new(),
        }
    } else {
        if args.first().is_none_or(String::is_empty) {
            return Err(Refusal::fatal(format!("'{keyword}' expects an <id> argument")).stop());
        }
        args.remove(0)
    };
    let mut header = Header { name, defaults: None, explicit: false, problem: None, warnings: Vec::new() };
    if kind != SectionKind::Defaults
        && let Some(bad) = header.name.chars().find(|c| !is_name(*c))
    {
        header.problem = Some(Refusal::fatal(format!(
            "character '{bad}' is not permitted in '{keyword}' name '{}'.",
            header.name
        )));
    }
    let from = match args.first().map(String::as_str) {
        Some("from") => args.get(1).cloned(),
        _ => None,
    };
    if let Some(from) = from.filter(|f| !f.is_empty()) {
        header.defaults = Some(named_defaults(&from, kind, &header.name, declarations)?);
        header.explicit = true;
        if let Some(extra) = args.get(2) {
            header.problem =
                Some(Refusal::fatal(format!("'{keyword}' cannot handle unexpected argument '{extra}'.")));
        }
    } else {
        if args.first().is_some_and(|a| a != "from") && kind != SectionKind::Defaults {
            // HAPROXY: an alert that does not refuse the configuration, but there is no such section then.
            return Err(Refusal::fatal("please use the 'bind' keyword for listening addresses.").harmless());
        }
        header.defaults =
            (kind != SectionKind::Defaults).then(|| declarations.defaults.len().checked_sub(1)).flatten();
        mixed_use(&mut header, declarations);
    }
    if let Some(parent) = header.defaults.and_then(|n| declarations.defaults.get(n)) {
        inheritable(kind, parent)?;
    }
    if kind != SectionKind::Defaults
        && let Some(same) = same_name(kind, &header.name, declarations)
    {
        header.problem = Some(same);
    }
    Ok(header)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':')
}

fn place(declared: &crate::reader::Declared<'_>) -> String {
    format!("{}:{}", declared.proxy.file, declared.proxy.at.line)
}

fn named_defaults(
    from: &str,
    kind: SectionKind,
    name: &str,
    declarations: &Declarations<'_>,
) -> Result<usize, Refusal> {
    let title = format!("{} '{name}'", kind.noun());
    let mut found = declarations.defaults.iter().enumerate().filter(|(_, d)| d.proxy.name == from);
    let Some((first_index, first)) = found.next() else {
        return Err(Refusal::fatal(format!("defaults section '{from}' not found for {title}.")).stop());
    };
    match found.next() {
        None => Ok(first_index),
        Some((_, second)) => Err(Refusal::fatal(format!(
            "ambiguous defaults section name '{from}' referenced by {title} exists at least at {} and {}.",
            place(first),
            place(second)
        ))),
    }
}

/// Warns when a `defaults` section serves by name and by position.
fn mixed_use(header: &mut Header, declarations: &Declarations<'_>) {
    let Some(defaults) = header.defaults.and_then(|n| declarations.defaults.get(n)) else { return };
    let by_name = declarations.proxies.iter().any(|d| d.proxy.named_defaults == header.defaults);
    if by_name {
        header.warnings.push(format!(
            "defaults section '{}' (declared at {}) is explicitly referenced by another proxy and implicitly used here. To avoid any ambiguity don't mix both usage. Add a last defaults section not explicitly used or always use explicit references.",
            defaults.proxy.name,
            place(defaults)
        ));
    }
}

/// Rules of a `defaults` section that the section could not run.
fn inheritable(kind: SectionKind, parent: &crate::reader::Declared<'_>) -> Result<(), Refusal> {
    let rules = &parent.proxy.rules;
    let what = match kind {
        SectionKind::Frontend if !rules.tcp_response.is_empty() => {
            "a frontend section cannot inherit from a defaults section defining 'tcp-response content' rules"
        }
        SectionKind::Backend if !rules.tcp_connection.is_empty() || !rules.tcp_session.is_empty() => {
            "a backend section cannot inherit from a defaults section defining 'tcp-request connection' or 'tcp-request session' rules"
        }
        _ => return Ok(()),
    };
    Err(Refusal::fatal(format!("{what} (defaults section at {}).", place(parent))).tight().stop())
}

/// A frontend and a backend may share a name; nothing else may.
fn same_name(kind: SectionKind, name: &str, declarations: &Declarations<'_>) -> Option<Refusal> {
    let clash = |other: SectionKind| {
        (kind.has_frontend() && other.has_frontend()) || (kind.has_backend() && other.has_backend())
    };
    let mut same = declarations.proxies.iter().filter(|d| d.proxy.name == name && clash(d.proxy.kind));
    // HAPROXY: what has a frontend is looked for first.
    let same = if kind.has_frontend() {
        let first = same.next()?;
        if first.proxy.kind.has_frontend() {
            first
        } else {
            same.find(|d| d.proxy.kind.has_frontend()).unwrap_or(first)
        }
    } else {
        same.next()?
    };
    let mut refusal = Refusal::fatal(format!(
        "{} '{name}' has the same name as {} declared at {}.",
        kind.noun(),
        same.proxy.title(),
        place(same)
    ));
    refusal.place = Place::CapitalParsing;
    Some(refusal)
}
