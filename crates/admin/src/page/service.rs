//! Answers requests for `stats uri`: who may see it, which form was asked for, and what a form's button does.

use super::document::Document;
use super::query::{Form, Outcome, Query};
use super::table::Table;
use crate::scope::Scope;
use crate::stat::Row;
use crate::stat::format;
use crate::stat::rows::{Filter, rows};
use haproxy_config::runtime::{Proxy, StatsPage};
use http1::Version;
use proxy::state::{AdminState, HealthState, Origin, ServerState, World};
use proxy::{PageRequest, StatsService};
use rules::{Body, Reply};
use std::sync::Arc;

/// The stats page of every proxy that has one.
#[derive(Debug)]
pub struct Page {
    /// What `show info` says of the process.
    pub process: crate::Process,
}

impl StatsService for Page {
    fn page(&self, request: &PageRequest<'_>) -> Reply {
        let scope = Scope::new(request.control, self.process.clone());
        let Some(proxy) = scope.world.proxy(request.proxy) else {
            return status(500, "Internal Server Error");
        };
        let Some(page) = &proxy.config.stats else { return status(404, "Not Found") };
        if !allowed(page, request.head.value(b"authorization")) {
            return challenge(&page.realm);
        }
        let uri = String::from_utf8_lossy(&page.uri).into_owned();
        let target = String::from_utf8_lossy(request.head.uri()).into_owned();
        let rest = target.find(&uri).and_then(|at| target.get(at + uri.len()..)).unwrap_or_default();
        let query = Query::parse(rest);
        if request.head.method() == b"POST" {
            let outcome = if request.admin { act(&scope.world, request.body) } else { Outcome::Denied };
            return after_action(&uri, &query, outcome);
        }
        let (kind, body) = render(&scope, &proxy.config, page, &uri, &query, request.admin);
        let mut reply = status(200, "OK");
        reply.fields = vec![field("cache-control", "no-cache"), field("content-type", kind)];
        if let Some(refresh) = page.refresh.filter(|_| !query.norefresh) {
            reply.fields.push(field("refresh", &refresh.as_secs().to_string()));
        }
        reply.body = Body::Owned(body.into_bytes());
        reply
    }
}

fn status(status: u16, reason: &str) -> Reply {
    Reply {
        status,
        reason: reason.as_bytes().to_vec(),
        version: Version::Http11,
        fields: vec![field("content-length", "0")],
        body: Body::Owned(Vec::new()),
        close: false,
    }
}

fn field(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

/// The built-in 401 with the page's realm.
fn challenge(realm: &str) -> Reply {
    let mut reply = (*Reply::builtin(401)).clone();
    reply.fields.push(field("www-authenticate", &format!("Basic realm=\"{}\"", realm.replace('"', "\\\""))));
    reply
}

/// Whether the credentials are one of `stats auth`; without any, everyone is welcome.
fn allowed(page: &StatsPage, authorization: Option<&[u8]>) -> bool {
    if page.auth.is_empty() {
        return true;
    }
    let given = authorization.and_then(sample::basic_credentials);
    // Every pair is compared in full, so that the time tells nothing about how far a guess was right.
    given.is_some_and(|(user, password)| {
        page.auth.iter().fold(false, |found, (own_user, own_password)| {
            found | (equal(&user, own_user.as_bytes()) & equal(&password, own_password.as_bytes()))
        })
    })
}

fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

fn filter(own: &Proxy, page: &StatsPage, query: &Query) -> Filter {
    let names =
        page.scope.iter().map(|name| if name == "." { own.name.to_string() } else { name.clone() }).collect();
    Filter {
        up: query.up,
        no_maint: query.no_maint,
        names,
        contains: query.scope.clone(),
        legends: page.show_legends,
        ..Filter::default()
    }
}

fn render(
    scope: &Scope,
    own: &Proxy,
    page: &StatsPage,
    uri: &str,
    query: &Query,
    admin: bool,
) -> (&'static str, String) {
    let found = || rows(&scope.world, &filter(own, page, query), scope.moment());
    match query.form {
        Form::Csv => {
            let mut out = format::csv_header();
            found().iter().for_each(|row| format::csv_row(&mut out, row));
            ("text/plain", out)
        }
        Form::Typed => {
            let mut out = String::new();
            found().iter().for_each(|row| format::typed_row(&mut out, row, false));
            ("text/plain", out)
        }
        Form::Json => {
            let mut out = String::new();
            format::json_rows(&mut out, &found());
            ("application/json", out)
        }
        Form::JsonSchema => ("application/json", crate::schema::json()),
        Form::Html => ("text/html", document(scope, page, uri, query, admin, &found())),
    }
}

fn document(scope: &Scope, page: &StatsPage, uri: &str, query: &Query, admin: bool, rows: &[Row]) -> String {
    let tables: Vec<Table<'_>> = rows
        .chunk_by(|a, b| a.iid == b.iid)
        .filter_map(|rows| {
            let proxy =
                scope.world.config.proxies.iter().find(|p| Some(p.id) == rows.first().map(|r| r.iid))?;
            Some(Table {
                name: &proxy.name,
                description: proxy.description.as_deref().filter(|_| page.show_desc.is_some()),
                rows,
                admin,
                legends: page.show_legends,
                modules: page.show_modules,
            })
        })
        .collect();
    let info = scope.info();
    Document {
        uri,
        query,
        version: (!page.hide_version).then_some(&*scope.process.version),
        node: page.show_node.as_deref(),
        description: page.show_desc.as_deref(),
        refresh: page.refresh.map(|r| r.as_secs()),
        info: &info,
        tables: &tables,
    }
    .html()
}

fn after_action(uri: &str, query: &Query, outcome: Outcome) -> Reply {
    let mut reply = status(303, "See Other");
    let code = format!(";st={}", outcome.code());
    let words = query.link("", query.up, query.norefresh, "");
    reply.fields = vec![
        field("cache-control", "no-cache"),
        field("content-type", "text/plain"),
        field("content-length", "0"),
        field("location", &format!("{uri}{code}{words}")),
    ];
    reply
}

/// Does what a form asks for: `s=<server>` (several), `action=<action>`, `b=<backend or #id>`.
fn act(world: &World, body: &[u8]) -> Outcome {
    let body = String::from_utf8_lossy(body);
    let (mut servers, mut action, mut backend) = (Vec::new(), None, None);
    for (name, value) in body.split('&').filter_map(|pair| pair.split_once('=')) {
        let value = decode(value);
        match name {
            "s" => servers.push(value),
            "action" => action = Some(value),
            "b" => backend = Some(value),
            _ => {}
        }
    }
    let Some(backend) = backend.and_then(|name| {
        world.proxies.iter().filter_map(|p| p.backend.as_ref()).find(|b| match name.strip_prefix('#') {
            Some(id) => id.parse() == Ok(b.config.id),
            None => *b.config.name == *name,
        })
    }) else {
        return Outcome::BadParameters;
    };
    let action = action.unwrap_or_default();
    if !action.is_empty() && !ACTIONS.contains(&action.as_str()) {
        return Outcome::BadParameters;
    }
    let (mut done, mut unknown) = (0, 0);
    for name in &servers {
        match backend.server_named(name) {
            Some(server) if !action.is_empty() => done += usize::from(apply(world, server, &action)),
            Some(_) => {}
            None => unknown += 1,
        }
    }
    match (done, unknown) {
        (0, 0) => Outcome::None,
        (0, _) => Outcome::BadParameters,
        (_, 0) => Outcome::Done,
        _ => Outcome::Partial,
    }
}

const ACTIONS: [&str; 13] = [
    "ready", "drain", "maint", "dhlth", "ehlth", "hrunn", "hnolb", "hdown", "dagent", "eagent", "arunn",
    "adown", "shutdown",
];

/// Whether it changed anything that exists: agent actions do nothing on a server without an agent.
fn apply(world: &World, server: &Arc<ServerState>, action: &str) -> bool {
    let now = sys::clock::now_ms();
    let health = |to| world.set_health(server.at, to, Origin::Web, now).is_ok();
    match action {
        "ready" => world.set_admin_state(server.at, AdminState::Ready, now),
        "drain" => world.set_admin_state(server.at, AdminState::Drain, now),
        "maint" => world.set_admin_state(server.at, AdminState::Maint, now),
        "dhlth" => return world.set_checks_enabled(server.at, false).is_ok(),
        "ehlth" => return world.set_checks_enabled(server.at, true).is_ok(),
        "hrunn" => return health(HealthState::Up),
        "hnolb" => return health(HealthState::Stopping),
        "hdown" => return health(HealthState::Down),
        "shutdown" => world.shutdown_sessions(server.at),
        _ => return false,
    }
    true
}

/// `application/x-www-form-urlencoded` values.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let pair: Vec<u8> = bytes.by_ref().take(2).collect();
                let hex = std::str::from_utf8(&pair).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
                out.extend(hex);
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_values_are_decoded() {
        assert_eq!(decode("a+b%2Fc%233"), "a b/c#3");
        assert_eq!(decode("50%"), "50");
    }

    #[test]
    fn comparing_takes_no_shortcut_that_changes_the_answer() {
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"abcd"));
        assert!(!equal(b"abc", b""));
    }
}
