//! What a proxy logs: targets, formats, tags.

use super::Resolver;
use crate::declared::{FormatDecl, LogDecl};
use crate::reader::Declared;
use crate::runtime::{LogTarget, Mode, ProxyLog};
use config_text::Place;
use log_format::{Builtin, LogFormat, Purpose};
use std::sync::Arc;

/// Parses one format of a complete section.
pub(super) fn parse_format(
    decl: &FormatDecl,
    purpose: Purpose,
    what: &str,
    declared: &mut Declared<'_>,
    resolver: &mut Resolver<'_, '_>,
) -> Option<Arc<LogFormat>> {
    declared.parse.file = Arc::clone(&decl.file);
    declared.parse.line = decl.span.line;
    let parsed = LogFormat::parse(decl.text.as_bytes(), purpose, &mut declared.parse);
    for (place, text) in declared.parse.take_warnings() {
        resolver.cx.tell(config_text::Severity::Warning, "log-format", place, Some(decl.span), text);
    }
    match parsed {
        Ok(format) => Some(Arc::new(format)),
        Err(problem) => {
            let text = format!("failed to parse {what} : {}", problem.message);
            resolver.refuse_at(Place::CapitalParsing, Some(decl.span), text);
            None
        }
    }
}

/// Everything about a proxy's log.
pub(super) fn build(
    declared: &mut Declared<'_>,
    global: &[LogTarget],
    resolver: &mut Resolver<'_, '_>,
) -> ProxyLog {
    let mut targets = Vec::new();
    for log in &declared.proxy.log {
        match log {
            LogDecl::Global => targets.extend_from_slice(global),
            LogDecl::Target(target) => targets.push(target.clone()),
        }
    }
    let title = declared.proxy.title();
    let mut format_decl = (*declared.proxy.log_format).clone();
    if *declared.proxy.mode != Mode::Http
        && let Some(decl) = format_decl.as_mut()
        && matches!(decl.builtin, Some(Builtin::Http | Builtin::Clf | Builtin::Https))
    {
        let keyword = if decl.builtin == Some(Builtin::Https) { "option httpslog" } else { "option httplog" };
        let text = format!(
            "'{keyword}' not usable with {title} (needs 'mode http'). Falling back to 'option tcplog'."
        );
        resolver.cx.tell(config_text::Severity::Warning, "needs-http", Place::Parsing, Some(decl.span), text);
        decl.builtin = Some(Builtin::Tcp);
        decl.text = Builtin::Tcp.text().to_owned();
        decl.http = false;
    }
    let frontend = declared.proxy.kind.has_frontend();
    let sd_decl = (*declared.proxy.log_format_sd).clone();
    let error_decl = (*declared.proxy.error_log_format).clone();
    let no_address = targets.is_empty();
    let mut log = ProxyLog { targets, tag: (*declared.proxy.log_tag).clone(), ..ProxyLog::default() };
    if !frontend {
        // A backend's own formats are never used, nor parsed.
        return log;
    }
    if let Some(decl) = &format_decl {
        log.wants_http = decl.http && *declared.proxy.mode == Mode::Http;
        log.format = match decl.builtin {
            Some(builtin) => Some(Arc::new(LogFormat::builtin(builtin))),
            None => parse_format(decl, Purpose::Log, "log-format", declared, resolver),
        };
    }
    if let Some(decl) = &sd_decl {
        log.sd_format = parse_format(decl, Purpose::LogSd, "log-format-sd", declared, resolver);
    }
    if let Some(decl) = &error_decl {
        log.error_format = parse_format(decl, Purpose::Log, "error-log-format", declared, resolver);
    }
    if (format_decl.is_some() || sd_decl.is_some()) && no_address {
        resolver.warn(format!("log format ignored for {title} since it has no log address."));
    }
    log
}
