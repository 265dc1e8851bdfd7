//! The sections and their keywords: one file a family, its rows at the bottom. This file finds the row of a line.

pub(crate) mod added_fields;
pub(crate) mod balance;
pub(crate) mod bind;
pub(crate) mod captures;
pub(crate) mod check;
pub(crate) mod direct;
pub(crate) mod environment;
pub(crate) mod errors;
pub(crate) mod global;
pub(crate) mod h1;
pub(crate) mod header;
pub(crate) mod keep_alive;
pub(crate) mod logs;
pub(crate) mod options;
pub(crate) mod persistence;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod rules;
pub(crate) mod server;
pub(crate) mod server_check;
pub(crate) mod source;
pub(crate) mod ssl_defaults;
pub(crate) mod stats;
pub(crate) mod stats_socket;
pub(crate) mod threads;
pub(crate) mod timeouts;
pub(crate) mod tune;
pub(crate) mod use_server;
pub(crate) mod userlist;

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{GlobalDecl, ProxyDecl, SectionKind};
use crate::known;
use crate::registry::{self, Row, Sections, Set};
use config_text::Word;
use config_text::spelling::nearest;

/// A word that opens a section.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Opening {
    Global,
    Proxy(SectionKind),
    HttpErrors,
    UserList,
    NotBuilt(&'static str),
}

impl Opening {
    /// The section that a word opens.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "global" => Self::Global,
            "defaults" => Self::Proxy(SectionKind::Defaults),
            "frontend" => Self::Proxy(SectionKind::Frontend),
            "backend" => Self::Proxy(SectionKind::Backend),
            "listen" => Self::Proxy(SectionKind::Listen),
            "http-errors" => Self::HttpErrors,
            "userlist" => Self::UserList,
            _ => Self::NotBuilt(known::UNBUILT_SECTIONS.iter().find(|s| **s == word)?),
        })
    }
}

fn texts(words: &[Word]) -> Vec<String> {
    words.iter().take(3).map(Word::lossy).collect()
}

/// A line of `global`.
pub(crate) fn global_line(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let words = texts(line.words);
    if let Some(row) = registry::find(registry::GLOBAL, &words) {
        return row.apply(global, &line.deeper(row.words() - 1), cx);
    }
    let keyword = words.first().map_or("", String::as_str);
    if keyword == "stats" {
        return Err(stats_socket::unknown(line));
    }
    if let Some(refusal) = global::removed(keyword) {
        return Err(refusal);
    }
    if known::has_global(keyword) && Opening::named(keyword).is_none() {
        return Err(Refusal::not_built(keyword));
    }
    let candidates = known::GLOBAL_REGISTERED.iter().chain(known::GLOBAL_HARD_CODED).copied();
    Err(unknown_keyword(keyword, "global", candidates))
}

/// A line of `defaults`, `frontend`, `backend` or `listen`.
pub(crate) fn proxy_line(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let words = texts(line.words);
    let keyword = words.first().map_or("", String::as_str);
    if let Some(row) = registry::find(registry::PROXY, &words) {
        let line = line.deeper(row.words() - 1);
        options::check_prefix(row.name, &line)?;
        let late = warns_late(row);
        if !late {
            allowed(row.name, row.sections, proxy, &line, cx)?;
        }
        row.apply(proxy, &line, cx)?;
        return if late { allowed(row.name, row.sections, proxy, &line, cx) } else { Ok(()) };
    }
    if let Some(refusal) = proxy::removed(keyword) {
        return Err(refusal);
    }
    match keyword {
        "option" => return Err(options::unknown(line)),
        "timeout" => return Err(timeouts::unknown(line)),
        "stats" => return Err(stats::unknown(line)),
        "declare" => return Err(captures::unknown_declare(line)),
        "capture" => {
            if proxy.kind != SectionKind::Defaults {
                allowed(keyword, Sections::FRONTEND, proxy, line, cx)?;
            }
            return Err(captures::unknown());
        }
        "monitor" => {
            allowed(keyword, Sections::FRONTEND, proxy, line, cx)?;
            return Err(Refusal::fatal("'monitor' only supports 'fail'."));
        }
        "rate-limit" => {
            let got = line.arg(0);
            return Err(Refusal::fatal(format!("'rate-limit' only supports 'sessions' (got '{got}')")));
        }
        _ => {}
    }
    if known::has_proxy(keyword) {
        return Err(Refusal::not_built(keyword));
    }
    let candidates = known::PROXY_REGISTERED.iter().chain(known::PROXY_HARD_CODED).copied();
    Err(unknown_keyword(keyword, proxy.kind.keyword(), candidates))
}

fn unknown_keyword(keyword: &str, section: &str, candidates: impl Iterator<Item = &'static str>) -> Refusal {
    let mut text = format!("unknown keyword '{keyword}' in '{section}' section");
    if let Some(near) = nearest(keyword, candidates) {
        text.push_str(&format!("; did you mean '{near}' maybe ?"));
    }
    let mut refusal = Refusal::fatal(text);
    refusal.code = "unknown-keyword";
    refusal
}

/// Whether the reference tells that a line is ignored only once the line has proved good.
fn warns_late(row: &Row<ProxyDecl>) -> bool {
    matches!(row.set, Set::Flag(_) | Set::Delay(_))
        || matches!(
            row.name,
            "rate-limit sessions"
                | "log-format"
                | "log-format-sd"
                | "error-log-format"
                | "option httplog"
                | "option httpslog"
                | "option tcplog"
        )
}

/// Refuses a keyword in `defaults` where it may not stand, warns where the proxy lacks the capability.
fn allowed(
    row_name: &str,
    sections: Sections,
    proxy: &ProxyDecl,
    line: &Line<'_>,
    cx: &mut Cx<'_>,
) -> Outcome {
    let (front, back) = (Sections::FRONTEND, Sections::BACKEND);
    let (family, last) = row_name.split_once(' ').unwrap_or((row_name, row_name));
    match proxy.kind {
        SectionKind::Defaults if !sections.has(Sections::DEFAULTS) => {
            if rules::owns(row_name) {
                return Ok(());
            }
            if family == "declare" {
                return Err(Refusal::fatal("'declare' not available in default section"));
            }
            let name = match family {
                "monitor" => family,
                "stats" if row_name == "stats http-request" => family,
                _ => row_name,
            };
            let name = name.strip_suffix(" header").unwrap_or(name);
            let refusal = Refusal::fatal(format!("'{name}' not allowed in 'defaults' section."));
            let tight = matches!(family, "id" | "description" | "stats");
            let bracket = family == "server";
            Err(if tight {
                refusal.tight()
            } else if bracket {
                refusal.bracket()
            } else {
                refusal
            })
        }
        SectionKind::Frontend if !sections.has(front) => {
            incapable(row_name, family, last, "backend", proxy, line, cx)
        }
        SectionKind::Backend if !sections.has(back) => {
            incapable(row_name, family, last, "frontend", proxy, line, cx)
        }
        _ => Ok(()),
    }
}

fn incapable(
    name: &str,
    family: &str,
    last: &str,
    capability: &str,
    proxy: &ProxyDecl,
    line: &Line<'_>,
    cx: &mut Cx<'_>,
) -> Outcome {
    if rules::owns(name) {
        return Ok(());
    }
    let because = format!("because {} has no {capability} capability", proxy.title());
    let text = match (family, last) {
        ("server" | "default-server", _) => {
            let file = &cx.file;
            let place = format!("parsing [{file}:{}] : ", line.span.line);
            return Err(Refusal::fatal(format!("{place}'{name}' not allowed {because}.")).bracket());
        }
        ("timeout", _) => format!("'{name}' will be ignored {because}"),
        ("rate-limit", _) => format!("{name} will be ignored {because}"),
        _ if family.contains("tcpka-") || family == "max-keep-alive-queue" => {
            format!("{name} will be ignored {because}")
        }
        ("option", "httplog" | "tcplog" | "httpslog")
        | ("log-format" | "log-format-sd" | "error-log-format", _) => {
            format!("{} : '{name}' directive is ignored in backends.", proxy.title())
        }
        ("option", _) => format!("'{last}' ignored {because}."),
        ("maxconn", _) => format!("'maxconn' ignored {because}. Maybe you want 'fullconn' instead ?"),
        ("fullconn", _) => format!("'fullconn' ignored {because}. Maybe you want 'maxconn' instead ?"),
        ("declare", _) => {
            return Err(Refusal::fatal("'declare' only available in frontend or listen section"));
        }
        ("hash-balance-factor" | "transparent", _) => return Ok(()),
        _ => format!("'{family}' ignored {because}."),
    };
    cx.warn(line.span, text);
    Ok(())
}
