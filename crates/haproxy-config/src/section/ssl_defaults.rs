//! `global`: where certificates lie and the defaults of TLS listeners and servers (configuration manual, section 3.1). They are
//! checked and stored; TLS reads them once it exists, and a `bind` line with `ssl` is refused until then.

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::GlobalDecl;
use crate::registry::{Row, Sections, Set, Since, row};
use crate::setting::Setting;

fn base(line: &Line<'_>, cx: &Cx<'_>, field: &mut Setting<Option<String>>) -> Outcome {
    line.at_most(1)?;
    let name = line.name();
    if field.is_set() {
        return Err(Refusal::fatal(format!("'{name}' already specified.")));
    }
    let path = line.arg(0);
    if path.is_empty() {
        return Err(Refusal::fatal(format!(
            "global statement '{name}' expects a directory path as an argument."
        )));
    }
    field.set(Some(path), line.span, cx.section);
    Ok(())
}

fn ca_base(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    base(line, cx, &mut global.ca_base)
}

fn crt_base(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    base(line, cx, &mut global.crt_base)
}

/// The keywords that hold one text, with what the reference says is missing, its slips included.
const TEXTS: &[(&str, &str)] = &[
    ("ssl-default-bind-ciphers", "a cipher suite as an argument"),
    ("ssl-default-bind-ciphersuites", "a cipher suite as an argument"),
    ("ssl-default-bind-client-sigalgs", "signature algorithms as an arguments"),
    ("ssl-default-bind-curves", "a curves suite as an arguments"),
    ("ssl-default-bind-sigalgs", "a curves suite as an arguments"),
    ("ssl-default-server-ciphers", "a cipher suite as an argument"),
    ("ssl-default-server-ciphersuites", "a cipher suite as an argument"),
];

fn text(global: &mut GlobalDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let name = line.name();
    let Some((name, what)) = TEXTS.iter().find(|(n, _)| *n == name) else {
        return Err(Refusal::not_built(&name));
    };
    let value = line.arg(0);
    if value.is_empty() {
        return Err(Refusal::fatal(format!("global statement '{name}' expects {what}.")));
    }
    global.ssl_defaults.insert(name, value);
    Ok(())
}

/// Options without a value on a `bind` line.
const BIND_FLAGS: &[&str] = &[
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "no-alpn",
    "no-ca-names",
    "no-sslv3",
    "no-tls-tickets",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "prefer-client-ciphers",
];

const VERSIONS: &[&str] = &["SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

fn options(global: &mut GlobalDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let name = if line.name() == "ssl-default-bind-options" {
        "ssl-default-bind-options"
    } else {
        "ssl-default-server-options"
    };
    let on = format!("on global statement '{name}'.");
    let mut words = line.args().iter().map(|w| w.lossy()).peekable();
    if words.peek().is_none_or(String::is_empty) {
        return Err(Refusal::fatal(format!("global statement '{name}' expects an option as an argument.")));
    }
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if word == "ssl-min-ver" || word == "ssl-max-ver" {
            let version = words.next().unwrap_or_default();
            if version.is_empty() {
                return Err(Refusal::fatal(format!("'{word}' : missing the ssl/tls version {on}")));
            }
            if !VERSIONS.contains(&version.as_str()) {
                return Err(Refusal::fatal(format!("'{version}' : unknown ssl/tls version {on}")));
            }
            kept.extend([word, version]);
        } else if BIND_FLAGS.contains(&word.as_str()) {
            kept.push(word);
        } else {
            return Err(Refusal::fatal(format!("unknown option '{word}' {on}")));
        }
    }
    global.ssl_defaults.insert(name, kept.join(" "));
    Ok(())
}

const G: Sections = Sections::GLOBAL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<GlobalDecl>] = &[
    row("ca-base", G, Since(1, 5), "<dir>", Set::Custom(ca_base), "Directory of authorities' certificates."),
    row("crt-base", G, Since(1, 5), "<dir>", Set::Custom(crt_base), "Directory of certificates."),
    row(
        "ssl-default-bind-ciphers",
        G,
        Since(1, 5),
        "<ciphers>",
        Set::Custom(text),
        "Ciphers of listeners up to TLS 1.2.",
    ),
    row(
        "ssl-default-bind-ciphersuites",
        G,
        Since(1, 9),
        "<ciphersuites>",
        Set::Custom(text),
        "Ciphers of listeners from TLS 1.3 on.",
    ),
    row(
        "ssl-default-bind-client-sigalgs",
        G,
        Since(2, 8),
        "<sigalgs>",
        Set::Custom(text),
        "Signature algorithms asked of clients.",
    ),
    row("ssl-default-bind-curves", G, Since(2, 0), "<curves>", Set::Custom(text), "Curves of listeners."),
    row(
        "ssl-default-bind-options",
        G,
        Since(1, 5),
        "[<option>]...",
        Set::Custom(options),
        "TLS options of listeners.",
    ),
    row(
        "ssl-default-bind-sigalgs",
        G,
        Since(2, 8),
        "<sigalgs>",
        Set::Custom(text),
        "Signature algorithms of listeners.",
    ),
    row(
        "ssl-default-server-ciphers",
        G,
        Since(1, 5),
        "<ciphers>",
        Set::Custom(text),
        "Ciphers of servers up to TLS 1.2.",
    ),
    row(
        "ssl-default-server-ciphersuites",
        G,
        Since(1, 9),
        "<ciphersuites>",
        Set::Custom(text),
        "Ciphers of servers from TLS 1.3 on.",
    ),
    row(
        "ssl-default-server-options",
        G,
        Since(1, 5),
        "[<option>]...",
        Set::Custom(options),
        "TLS options of servers.",
    ),
];
