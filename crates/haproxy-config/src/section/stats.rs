//! The statistics page (configuration manual, section 4.2: stats …).

use super::proxy::{condition, with_places};
use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{ProxyDecl, StatsDecl};
use crate::registry::{Row, Sections, Set, Since, row};
use config_text::{Place, Severity, Word};
use sample::Place as At;
use units::{DelayError, Unit, parse_delay};

const KNOWN: &str = "'admin', 'uri', 'realm', 'auth', 'scope', 'enable', 'hide-version', 'show-node', 'show-desc' or 'show-legends'";

/// What the reference says to another word after `stats`.
pub(crate) fn unknown(line: &Line<'_>) -> Refusal {
    let got = line.arg(0);
    let text = if got.is_empty() {
        format!("missing keyword in 'stats', expects {KNOWN}.")
    } else {
        format!("unknown stats parameter '{got}', expects {KNOWN}.")
    };
    Refusal::fatal(text).tight()
}

/// Any `stats` line switches the page on.
fn page<'p>(proxy: &'p mut ProxyDecl, line: &Line<'_>, cx: &Cx<'_>) -> &'p mut StatsDecl {
    let current = proxy.stats.take().unwrap_or_default();
    proxy.stats.set(Some(current), line.span, cx.section);
    proxy.stats.value_mut().get_or_insert_default()
}

fn needed(line: &Line<'_>, what: &str) -> Result<String, Refusal> {
    let value = line.arg(0);
    let name = line.name();
    let last = name.strip_prefix("stats ").unwrap_or(&name);
    if value.is_empty() { Err(Refusal::fatal(format!("'{last}' needs {what}."))) } else { Ok(value) }
}

fn admin(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let missing = || "'stats admin' requires either 'if' or 'unless' followed by a condition.".to_owned();
    let places = [At::FrontendHttpRequest, At::BackendHttpRequest];
    let condition = with_places(cx, &places, |cx| {
        let condition = condition(line.args(), missing, "a 'stats admin' rule", cx)?;
        ::rules::warn_incompatible(&condition, ::rules::RuleKind::HttpRequest, &mut cx.parse);
        Ok(condition)
    })?;
    cx.collect_warnings(line.span);
    page(proxy, line, cx).admin.push(condition);
    Ok(())
}

fn auth(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let account = needed(line, "a user:password account")?;
    let (user, password) = account.split_once(':').unwrap_or((&account, ""));
    let pair = (user.to_owned(), password.to_owned());
    page(proxy, line, cx).auth.push(pair);
    Ok(())
}

fn enable(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    page(proxy, line, cx);
    Ok(())
}

fn hide_version(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    page(proxy, line, cx).hide_version = true;
    Ok(())
}

fn http_request(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let rule = super::rules::one_http_request(line, cx)?;
    page(proxy, line, cx).http_request.push(rule);
    Ok(())
}

fn realm(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let realm = needed(line, "an realm name")?;
    page(proxy, line, cx).realm = Some(realm);
    Ok(())
}

fn refresh(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    let interval = parse_delay(&text, Unit::Seconds).map_err(|e| match e {
        DelayError::Overflow => Refusal::fatal(format!(
            "timer overflow in argument '{text}' to stats refresh interval, maximum value is 2147483647 s (~68 years)."
        ))
        .tight(),
        DelayError::Unexpected(_) => {
            let c = e.character();
            Refusal::fatal(format!("unexpected character '{c}' in argument to stats refresh interval.")).tight()
        }
    })?;
    page(proxy, line, cx).refresh = (!interval.is_zero()).then_some(interval);
    Ok(())
}

fn scope(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = needed(line, "a proxy name")?;
    page(proxy, line, cx).scope.push(name);
    Ok(())
}

fn show_desc(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let words: Vec<String> = line.args().iter().map(Word::lossy).collect();
    let written = words.join(" ");
    let description = if written.is_empty() { cx.description.clone() } else { Some(written) };
    if description.is_none() {
        let text = "'show-desc' requires a parameter or 'desc' to be set in the global section.".to_owned();
        cx.tell(Severity::Warning, "no-description", Place::ParsingTight, Some(line.span), text);
        return Ok(());
    }
    page(proxy, line, cx).show_desc = description;
    Ok(())
}

fn show_legends(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    page(proxy, line, cx).show_legends = true;
    Ok(())
}

fn show_modules(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    page(proxy, line, cx).show_modules = true;
    Ok(())
}

fn show_node(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let written = line.arg(0);
    let node =
        if written.is_empty() { cx.node.clone().unwrap_or_else(|| cx.host().host_name()) } else { written };
    page(proxy, line, cx).show_node = Some(node);
    Ok(())
}

fn uri(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let uri = needed(line, "an URI prefix")?;
    page(proxy, line, cx).uri = Some(uri);
    Ok(())
}

const ALL: Sections = Sections::ALL;
const PROXY: Sections = Sections::PROXY;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "stats admin",
        PROXY,
        Since(1, 4),
        "{ if | unless } <cond>",
        Set::Custom(admin),
        "When the page may change servers.",
    ),
    row("stats auth", ALL, Since(1, 1), "<user>:<passwd>", Set::Custom(auth), "An account of the page."),
    row("stats enable", ALL, Since(1, 3), "", Set::Custom(enable), "Switches the page on."),
    row(
        "stats hide-version",
        ALL,
        Since(1, 3),
        "",
        Set::Custom(hide_version),
        "Hides the version on the page.",
    ),
    row(
        "stats http-request",
        PROXY,
        Since(1, 4),
        "{ allow | deny | auth [realm <realm>] } [ { if | unless } <condition> ]",
        Set::Custom(http_request),
        "Access to the page.",
    ),
    row(
        "stats realm",
        ALL,
        Since(1, 1),
        "<realm>",
        Set::Custom(realm),
        "Realm of the page's authentication.",
    ),
    row(
        "stats refresh",
        ALL,
        Since(1, 3),
        "<delay>",
        Set::Custom(refresh),
        "Interval of the page's refresh.",
    ),
    row(
        "stats scope",
        ALL,
        Since(1, 1),
        "{ <name> | \".\" }",
        Set::Custom(scope),
        "Proxies that the page shows.",
    ),
    row(
        "stats show-desc",
        ALL,
        Since(1, 4),
        "[ <desc> ]",
        Set::Custom(show_desc),
        "Description on the page.",
    ),
    row("stats show-legends", ALL, Since(1, 4), "", Set::Custom(show_legends), "More on the page."),
    row(
        "stats show-modules",
        ALL,
        Since(2, 3),
        "",
        Set::Custom(show_modules),
        "Module counters on the page.",
    ),
    row(
        "stats show-node",
        ALL,
        Since(1, 4),
        "[ <name> ]",
        Set::Custom(show_node),
        "Node's name on the page.",
    ),
    row("stats uri", ALL, Since(1, 1), "<prefix>", Set::Custom(uri), "Where the page is."),
];
