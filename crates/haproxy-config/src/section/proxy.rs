//! `frontend`, `backend`, `listen`, `defaults`: the proxy itself, limits, switching (configuration manual, section 4.2).

use crate::cx::{Cx, Effect, Line, Outcome, Refusal};
use crate::declared::{ProxyDecl, SectionKind, UseBackendDecl};
use crate::registry::{Row, Sections, Set, Since, row};
use crate::runtime::{Mode, RetryOn};
use config_text::Word;
use sample::{AclSet, Condition, Place as At, Points};
use units::lenient_int;

/// Keywords that are gone, with the reference's farewell.
pub(crate) fn removed(keyword: &str) -> Option<Refusal> {
    let since = "directive is not supported anymore since HAProxy 2.1.";
    let text = match keyword {
        "contimeout" => format!("the 'contimeout' {since} Use 'timeout connect'."),
        "clitimeout" => format!("the 'clitimeout' {since} Use 'timeout client'."),
        "srvtimeout" => format!("the 'srvtimeout' {since} Use 'timeout server'."),
        "reqadd" => format!("The 'reqadd' {since} Use 'http-request add-header' instead."),
        "reqdel" | "reqidel" => format!("The '{keyword}' {since} Use 'http-request del-header' instead."),
        "rspadd" => format!("The 'rspadd' {since} Use 'http-response add-header' instead."),
        "rspdel" | "rspidel" => format!("The '{keyword}' {since} Use 'http-response del-header' instead."),
        "reqdeny" | "reqideny" => format!("The '{keyword}' {since} Use 'http-request deny' instead."),
        "block" => format!("The 'block' {since} Use 'http-request deny' which uses the exact same syntax."),
        "grace" => {
            return Some(
                Refusal::fatal("the 'grace' keyword is not supported any more since HAProxy version 2.5.")
                    .tight(),
            );
        }
        "bind-process" => return Some(Refusal::fatal("'bind-process' is not supported anymore.").tight()),
        _ => return None,
    };
    Some(Refusal::fatal(text))
}

fn mode(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let mode = match line.arg(0).as_str() {
        "http" => Mode::Http,
        "tcp" => Mode::Tcp,
        "health" => {
            return Err(Refusal::fatal(
                "'mode health' doesn't exist anymore. Please use 'http-request return status 200' instead.",
            ));
        }
        "log" if !proxy.kind.has_frontend() => return Err(Refusal::not_built("mode log")),
        other => return Err(Refusal::fatal(format!("unknown proxy mode '{other}'."))),
    };
    proxy.mode.set(mode, line.span, cx.section);
    cx.parse.http = mode == Mode::Http;
    Ok(())
}

fn id(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal("'id' expects an integer argument.").tight());
    }
    match u32::try_from(lenient_int(&text)) {
        Ok(id) if id > 0 => {
            if let Some((_, title, place)) = cx.proxy_ids.iter().find(|(other, ..)| *other == id) {
                let own = format!("{} {}", proxy.kind.noun(), proxy.name);
                let text = format!("{own} reuses same custom id as {title} (declared at {place}).");
                return Err(Refusal::fatal(text).tight());
            }
            let place = format!("{}:{}", proxy.file, proxy.at.line);
            cx.proxy_ids.push((id, format!("{} {}", proxy.kind.noun(), proxy.name), place));
            proxy.id.set(Some(id), line.span, cx.section);
            Ok(())
        }
        _ => Err(Refusal::fatal("custom id has to be > 0.").tight()),
    }
}

fn description(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    if line.arg(0).is_empty() {
        let mut refusal = Refusal::fatal("'description' expects a string argument.").tight();
        refusal.effect = Effect::Broken;
        return Err(refusal);
    }
    let words: Vec<String> = line.args().iter().map(Word::lossy).collect();
    proxy.description.set(Some(words.join(" ")), line.span, cx.section);
    Ok(())
}

fn disabled(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(0)?;
    proxy.disabled.set(true, line.span, cx.section);
    Ok(())
}

fn enabled(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(0)?;
    proxy.disabled.set(false, line.span, cx.section);
    Ok(())
}

fn rate_limit(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal(
            "'rate-limit sessions' expects expects an integer value (in sessions/second)",
        ));
    }
    match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => {
            let bad = text.get(at..).and_then(|t| t.chars().next()).unwrap_or_default();
            Err(Refusal::fatal(format!(
                "'rate-limit sessions' : unexpected character '{bad}' in integer value '{text}'"
            )))
        }
        None => {
            proxy.rate_limit_sessions.set(Some(lenient_int(&text)), line.span, cx.section);
            Ok(())
        }
    }
}

fn max_keep_alive_queue(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = line.name();
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal(format!("'{name}' expects expects an integer value (or -1 to disable)")));
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    if let Some(bad) = digits.chars().find(|c| !c.is_ascii_digit()) {
        return Err(Refusal::fatal(format!(
            "'{name}' : unexpected character '{bad}' in integer value '{text}'"
        )));
    }
    // Less than nothing is no limit.
    proxy.max_keep_alive_queue.set(u64::try_from(lenient_int(&text)).ok(), line.span, cx.section);
    Ok(())
}

fn retries(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal("'retries' expects an integer argument (dispatch counts for one)."));
    }
    proxy.retries.set(Some(lenient_int(&text)), line.span, cx.section);
    Ok(())
}

/// `retry-on`. HAPROXY: the words of one line replace those of the line before.
fn retry_on(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    if !proxy.kind.has_backend() {
        return Err(Refusal::fatal("'retry-on' only available in backend or listen section"));
    }
    if line.arg(0).is_empty() {
        return Err(Refusal::fatal("'retry-on' needs at least one keyword to specify when to retry"));
    }
    let mut chosen = RetryOn::NONE;
    for word in line.args() {
        let one = match word.lossy().as_str() {
            "none" if line.args().len() == 1 => RetryOn::NONE,
            "none" => return Err(Refusal::fatal("'retry-on' 'none' keyworld only usable alone")),
            "conn-failure" => RetryOn::CONNECTION_FAILURE,
            "empty-response" => RetryOn::EMPTY_RESPONSE,
            "response-timeout" => RetryOn::RESPONSE_TIMEOUT,
            "junk-response" => RetryOn::JUNK_RESPONSE,
            "0rtt-rejected" => RetryOn::EARLY_DATA_REJECTED,
            "all-retryable-errors" => [500, 502, 503, 504].into_iter().filter_map(RetryOn::status).fold(
                RetryOn::CONNECTION_FAILURE
                    .with(RetryOn::EMPTY_RESPONSE)
                    .with(RetryOn::RESPONSE_TIMEOUT)
                    .with(RetryOn::JUNK_RESPONSE)
                    .with(RetryOn::EARLY_DATA_REJECTED),
                RetryOn::with,
            ),
            // HAPROXY: 429 is known to it, and unknown to its manual.
            other => other
                .parse()
                .ok()
                .and_then(RetryOn::status)
                .ok_or_else(|| Refusal::fatal(format!("'retry-on': unknown keyword '{other}'")))?,
        };
        chosen = chosen.with(one);
    }
    proxy.retry_on.set(chosen, line.span, cx.section);
    Ok(())
}

fn monitor_uri(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let uri = line.arg(0);
    if uri.is_empty() {
        return Err(Refusal::fatal("'monitor-uri' expects an URI."));
    }
    proxy.monitor_uri.set(Some(uri), line.span, cx.section);
    Ok(())
}

/// The condition from `if` or `unless` on, or the reference's text about its absence.
pub(crate) fn condition(
    words: &[Word],
    missing: impl Fn() -> String,
    broken: &str,
    cx: &mut Cx<'_>,
) -> Result<Condition, Refusal> {
    match words.first().map(Word::lossy).as_deref() {
        Some("if" | "unless") => Condition::parse(words, &mut cx.parse)
            .map_err(|p| Refusal::fatal(format!("error detected while parsing {broken} : {}.", p.message))),
        _ => Err(Refusal::fatal(missing())),
    }
}

/// Runs `parse` with the places at which the expressions of a line are evaluated.
pub(crate) fn with_places<T>(cx: &mut Cx<'_>, places: &[At], parse: impl FnOnce(&mut Cx<'_>) -> T) -> T {
    let saved = cx.parse.places;
    cx.parse.places = Points(places.iter().fold(0, |bits, p| bits | (1 << *p as u32)));
    let parsed = parse(cx);
    cx.parse.places = saved;
    parsed
}

fn monitor_fail(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let missing = || "'monitor fail' requires either 'if' or 'unless' followed by a condition.".to_owned();
    let condition = with_places(cx, &[At::FrontendHttpRequest], |cx| {
        condition(line.args(), missing, "a 'monitor fail' condition", cx)
    })?;
    let seen = proxy.rules.seen;
    seen.warn_misplaced(super::rules::Kind::MonitorFail, line.span, cx);
    proxy.rules.seen.add(super::rules::Kind::MonitorFail);
    proxy.monitor_fail.push(condition);
    Ok(())
}

fn default_backend(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = line.arg(0);
    if name.is_empty() {
        return Err(Refusal::fatal("'default_backend' expects a backend name."));
    }
    line.at_most(1)?;
    proxy.default_backend.set(Some(name), line.span, cx.section);
    Ok(())
}

fn use_backend(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = line.arg(0);
    if name.is_empty() {
        return Err(Refusal::fatal("'use_backend' expects a backend name."));
    }
    let condition = match line.arg(1).as_str() {
        "" => None,
        "if" | "unless" => Some(with_places(cx, &[At::UseBackend], |cx| {
            condition(line.rest(1), String::new, "switching rule", cx)
        })?),
        other => {
            return Err(Refusal::fatal(format!(
                "unexpected keyword '{other}' after switching rule, only 'if' and 'unless' are allowed."
            )));
        }
    };
    proxy.rules.seen.add(super::rules::Kind::UseBackend);
    let file = std::sync::Arc::clone(&cx.file);
    proxy.use_backend.push(UseBackendDecl { name, span: line.span, file, condition });
    Ok(())
}

fn acl(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    if proxy.kind == SectionKind::Defaults && proxy.name.is_empty() {
        return Err(Refusal::fatal("'acl' not allowed in anonymous 'defaults' section."));
    }
    AclSet::declare(line.args(), &mut cx.parse).map_err(|p| Refusal::fatal(p.message))
}

fn unique_id_header(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = line.arg(0);
    if name.is_empty() {
        return Err(Refusal::fatal("unique-id-header expects an argument."));
    }
    proxy.unique_id_header.set(Some(name), line.span, cx.section);
    Ok(())
}

const FRONT: Sections = Sections::FRONT;
const BACK: Sections = Sections::BACK;
const ALL: Sections = Sections::ALL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "acl",
        ALL,
        Since(1, 3),
        "<aclname> <criterion> [flags] [operator] <value> ...",
        Set::Custom(acl),
        "Names a test.",
    ),
    row(
        "backlog",
        FRONT,
        Since(1, 3),
        "<conns>",
        Set::Int(|p| &mut p.backlog),
        "Length of the kernel's accept queue.",
    ),
    row(
        "default_backend",
        FRONT,
        Since(1, 3),
        "<backend>",
        Set::Custom(default_backend),
        "Backend when no rule chose one.",
    ),
    row(
        "description",
        Sections::PROXY,
        Since(1, 4),
        "<string>",
        Set::Custom(description),
        "Text that describes the proxy.",
    ),
    row("disabled", ALL, Since(1, 1), "", Set::Custom(disabled), "Does not start the proxy."),
    row("enabled", ALL, Since(1, 3), "", Set::Custom(enabled), "Starts the proxy in spite of its defaults."),
    row(
        "fullconn",
        BACK,
        Since(1, 2),
        "<conns>",
        Set::Int(|p| &mut p.fullconn),
        "Load at which servers reach their maxconn.",
    ),
    row("id", Sections::PROXY, Since(1, 4), "<value>", Set::Custom(id), "The proxy's number."),
    row(
        "max-keep-alive-queue",
        BACK,
        Since(1, 5),
        "<value>",
        Set::Custom(max_keep_alive_queue),
        "Longest queue of a server that `prefer-last-server` waits in.",
    ),
    row(
        "maxconn",
        FRONT,
        Since(1, 1),
        "<conns>",
        Set::Int(|p| &mut p.maxconn),
        "Most connections of the frontend.",
    ),
    row("mode", ALL, Since(1, 1), "{ tcp|http }", Set::Custom(mode), "What the proxy speaks."),
    row(
        "monitor fail",
        Sections::FRONTEND,
        Since(1, 3),
        "{ if | unless } <condition>",
        Set::Custom(monitor_fail),
        "When monitor requests fail.",
    ),
    row(
        "monitor-uri",
        FRONT,
        Since(1, 1),
        "<uri>",
        Set::Custom(monitor_uri),
        "Request that is answered at once.",
    ),
    row(
        "rate-limit sessions",
        FRONT,
        Since(1, 4),
        "<rate>",
        Set::Custom(rate_limit),
        "Most new sessions a second.",
    ),
    row("retries", BACK, Since(1, 1), "<value>", Set::Custom(retries), "Attempts after a failed connection."),
    row(
        "retry-on",
        ALL,
        Since(2, 0),
        "[space-delimited list of keywords]",
        Set::Custom(retry_on),
        "After which failures a request is sent again.",
    ),
    row(
        "unique-id-header",
        ALL,
        Since(1, 5),
        "<name>",
        Set::Custom(unique_id_header),
        "Header that carries the unique id.",
    ),
    row(
        "use_backend",
        Sections::FRONTEND,
        Since(1, 3),
        "<backend> [{if | unless} <condition>]",
        Set::Custom(use_backend),
        "Chooses a backend.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn farewells() {
        assert!(removed("contimeout").is_some_and(|r| r.text.ends_with("Use 'timeout connect'.")));
        assert!(removed("mode").is_none());
    }
}
