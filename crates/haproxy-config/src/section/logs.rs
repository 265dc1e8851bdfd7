//! `log` and what log lines look like (configuration manual, sections 4.2 and 8).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{FormatDecl, LogDecl, ProxyDecl, SectionKind};
use crate::registry::{Missing, Row, Sections, Set, Since, row};
use crate::runtime::{LogDestination, LogHeader, LogTarget, Mode};
use crate::setting::Setting;
use config_text::{Place, Severity};
use log_format::Builtin;
use std::sync::Arc;
use units::{Allowed, Endpoint, Ports, lenient_int, parse_endpoint};

const FACILITIES: &[&str] = &[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2", "ftp", "ntp",
    "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

const LEVELS: &[&str] = &["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

const FORMATS: &[(&str, LogHeader)] = &[
    ("local", LogHeader::Local),
    ("rfc3164", LogHeader::Rfc3164),
    ("rfc5424", LogHeader::Rfc5424),
    ("priority", LogHeader::Priority),
    ("short", LogHeader::Short),
    ("timed", LogHeader::Timed),
    ("iso", LogHeader::Iso),
    ("raw", LogHeader::Raw),
];

/// Port of syslog over UDP.
const SYSLOG_PORT: u16 = 514;
/// Longest log line unless `len` says more.
const DEFAULT_LEN: usize = 1024;

/// The words after `log`. None for a bare `log global`, which the caller has handled.
pub(crate) fn parse_target(
    line: &Line<'_>,
    cx: &mut Cx<'_>,
    global: bool,
) -> Result<Option<LogTarget>, Refusal> {
    let refuse = |text: String| Refusal::fatal(format!("log : {text}"));
    let address = line.arg(0);
    if address.is_empty() || line.arg(1).is_empty() {
        if global && address == "global" {
            return Err(refuse("'global' is not supported for a global syslog server".into()));
        }
        let or_global = if global { " " } else { " or global" };
        return Err(refuse(format!("expects <address> and <facility>{or_global} as arguments")));
    }
    let mut at = 1;
    let mut target = LogTarget {
        destination: LogDestination::Fd(-1),
        max_len: DEFAULT_LEN,
        format: LogHeader::Local,
        facility: 0,
        level: 7,
        min_level: 0,
        sample: None,
    };
    target.destination = destination(&address, cx).map_err(|e| match e {
        Wrong::NotBuilt(what) => Refusal::not_built(&format!("log {what}")),
        Wrong::Text(text) => refuse(text),
    })?;
    if line.arg(at) == "len" {
        let text = line.arg(at + 1);
        let len = lenient_int(&text);
        if !(80..=65535).contains(&len) {
            return Err(refuse(format!("invalid log length '{text}', must be between 80 and 65535")));
        }
        target.max_len = usize::try_from(len).unwrap_or(DEFAULT_LEN);
        at += 2;
    }
    if line.arg(at) == "format" {
        let text = line.arg(at + 1);
        let Some((_, format)) = FORMATS.iter().find(|(name, _)| *name == text) else {
            return Err(refuse(format!("unknown log format '{text}'")));
        };
        target.format = *format;
        at += 2;
    }
    if line.arg(at) == "sample" {
        target.sample = Some(sample(&line.arg(at + 1)).map_err(refuse)?);
        at += 2;
    }
    let facility = line.arg(at);
    let Some(number) = FACILITIES.iter().position(|f| *f == facility) else {
        return Err(refuse(format!("unknown log facility '{facility}'")));
    };
    target.facility = u8::try_from(number).unwrap_or_default();
    let level = |text: &str| LEVELS.iter().position(|l| *l == text).and_then(|n| u8::try_from(n).ok());
    let (most, least) = (line.arg(at + 1), line.arg(at + 2));
    if !most.is_empty() {
        target.level = level(&most).ok_or_else(|| refuse(format!("unknown optional log level '{most}'")))?;
    }
    if !least.is_empty() {
        target.min_level =
            level(&least).ok_or_else(|| refuse(format!("unknown optional minimum log level '{least}'")))?;
    }
    let extra = line.arg(at + 3);
    if !extra.is_empty() {
        return Err(refuse(format!("cannot handle unexpected argument '{extra}'")));
    }
    Ok(Some(target))
}

enum Wrong {
    Text(String),
    NotBuilt(&'static str),
}

fn destination(address: &str, cx: &Cx<'_>) -> Result<LogDestination, Wrong> {
    match address {
        "stdout" => return Ok(LogDestination::Fd(1)),
        "stderr" => return Ok(LogDestination::Fd(2)),
        _ => {}
    }
    for prefix in ["ring@", "backend@", "tcp@", "tcp4@", "tcp6@", "stream+", "abns@", "sockpair@"] {
        if address.starts_with(prefix) {
            return Err(Wrong::NotBuilt(prefix));
        }
    }
    match parse_endpoint(address, Allowed::LOG).map_err(|e| Wrong::Text(e.to_string()))? {
        Endpoint::Fd(fd) => Ok(LogDestination::Fd(fd)),
        Endpoint::Unix(path, _) => Ok(LogDestination::Unix(path)),
        Endpoint::Inet { host, ports, .. } => {
            let port = match ports {
                Ports::Range(port, _) if port > 0 => port,
                _ => SYSLOG_PORT,
            };
            let ip = super::bind::host_address(&host, cx)
                .map_err(|name| Wrong::Text(format!("invalid address: '{name}' in '{address}'")))?;
            Ok(LogDestination::Udp((ip, port).into()))
        }
        Endpoint::Abns(_) => Err(Wrong::NotBuilt("abns@")),
        Endpoint::SockPair(_) => Err(Wrong::NotBuilt("sockpair@")),
        Endpoint::Unsupported(prefix) => Err(Wrong::NotBuilt(prefix)),
    }
}

type Sample = (Vec<(u32, u32)>, u32);

/// `<ranges>:<size>`
fn sample(text: &str) -> Result<Sample, String> {
    let Some((ranges, size_text)) = text.split_once(':') else {
        return Err("Missing sample size".to_owned());
    };
    let mut list: Vec<(u32, u32)> = Vec::new();
    for range in ranges.split(',') {
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        match (low.parse(), high.parse()) {
            (Ok(low), Ok(high)) if low > 0 && low <= high => list.push((low, high)),
            _ => return Err(format!("wrong sample range '{range}'")),
        }
    }
    list.sort_unstable();
    if list.windows(2).any(|pair| matches!(pair, [a, b] if b.0 <= a.1)) {
        return Err("ranges are overlapping".to_owned());
    }
    let highest = list.last().map_or(0, |r| r.1);
    let size = match size_text.parse::<u32>() {
        Ok(size) if size > 0 => size,
        _ => return Err(format!("wrong sample size '{size_text}' for sample range '{ranges}'")),
    };
    if size < highest {
        return Err(format!(
            "sample size {size} should be greater or equal to {highest} the maximum of the high ranges limits"
        ));
    }
    Ok((list, size))
}

fn log(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    if line.negated {
        if !line.arg(0).is_empty() {
            return Err(Refusal::fatal("log : 'no log' does not expect arguments"));
        }
        proxy.log.clear();
        return Ok(());
    }
    if line.arg(0) == "global" && line.arg(1).is_empty() {
        proxy.log.push(LogDecl::Global);
        return Ok(());
    }
    if line.arg(0) == "global" {
        return Err(Refusal::fatal(format!("log : unknown log facility '{}'", line.arg(1))));
    }
    if let Some(target) = parse_target(line, cx, false)? {
        proxy.log.push(LogDecl::Target(target));
    }
    Ok(())
}

fn builtin(
    proxy: &mut ProxyDecl,
    line: &Line<'_>,
    cx: &mut Cx<'_>,
    format: Builtin,
    keyword: &'static str,
) -> Outcome {
    let http = !matches!(format, Builtin::Tcp);
    warn_override(&proxy.log_format, keyword, proxy, line, cx);
    let file = Arc::clone(&cx.file);
    let text = format.text().to_owned();
    let decl = FormatDecl { text, span: line.span, file, keyword, http, builtin: Some(format) };
    proxy.log_format.set(Some(decl), line.span, cx.section);
    Ok(())
}

/// Warns when a format replaces another one of a `defaults` section.
fn warn_override(
    current: &Setting<Option<FormatDecl>>,
    keyword: &str,
    proxy: &ProxyDecl,
    line: &Line<'_>,
    cx: &mut Cx<'_>,
) {
    let Some(former) = current.as_ref().filter(|_| proxy.kind == SectionKind::Defaults) else { return };
    let text = format!("'{keyword}' overrides previous '{}' in 'defaults' section.", former.keyword);
    cx.tell(Severity::Warning, "overridden", Place::ParsingTight, Some(line.span), text);
}

fn httplog(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    match line.arg(0).as_str() {
        "" => builtin(proxy, line, cx, Builtin::Http, "option httplog"),
        "clf" => builtin(proxy, line, cx, Builtin::Clf, "option httplog clf"),
        _ => Err(Refusal::fatal("keyword 'httplog' only supports option 'clf'.")),
    }
}

fn httpslog(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    builtin(proxy, line, cx, Builtin::Https, "option httpslog")
}

fn tcplog(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(0)?;
    builtin(proxy, line, cx, Builtin::Tcp, "option tcplog")
}

fn one_format(
    line: &Line<'_>,
    cx: &Cx<'_>,
    keyword: &'static str,
    http: bool,
) -> Result<FormatDecl, Refusal> {
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal(format!("{keyword} expects an argument.")));
    }
    if !line.arg(1).is_empty() {
        return Err(Refusal::fatal(format!(
            "{keyword} expects only one argument, don't forget to escape spaces!"
        )));
    }
    Ok(FormatDecl { text, span: line.span, file: Arc::clone(&cx.file), keyword, http, builtin: None })
}

fn log_format(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let decl = one_format(line, cx, "log-format", *proxy.mode == Mode::Http)?;
    warn_override(&proxy.log_format, "log-format", proxy, line, cx);
    proxy.log_format.set(Some(decl), line.span, cx.section);
    Ok(())
}

fn log_format_sd(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let decl = one_format(line, cx, "log-format-sd", false)?;
    proxy.log_format_sd.set(Some(decl), line.span, cx.section);
    Ok(())
}

fn error_log_format(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let decl = one_format(line, cx, "error-log-format", false)?;
    proxy.error_log_format.set(Some(decl), line.span, cx.section);
    Ok(())
}

fn unique_id_format(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let decl = one_format(line, cx, "unique-id-format", false)?;
    proxy.unique_id_format.set(Some(decl), line.span, cx.section);
    Ok(())
}

const FRONT: Sections = Sections::FRONT;
const ALL: Sections = Sections::ALL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "error-log-format",
        FRONT,
        Since(2, 5),
        "<fmt>",
        Set::Custom(error_log_format),
        "Line of failed connections.",
    ),
    row(
        "log",
        ALL,
        Since(1, 1),
        "global | <target> [len <n>] [format <f>] [sample <s>] <facility> [max [min]]",
        Set::Custom(log),
        "Where the proxy logs.",
    ),
    row("log-format", FRONT, Since(1, 5), "<fmt>", Set::Custom(log_format), "Line of the traffic log."),
    row(
        "log-format-sd",
        FRONT,
        Since(1, 6),
        "<fmt>",
        Set::Custom(log_format_sd),
        "Structured data of RFC 5424 lines.",
    ),
    row(
        "log-tag",
        ALL,
        Since(1, 6),
        "<string>",
        Set::Text(|p| &mut p.log_tag, Missing("'log-tag' expects a tag for use in syslog.")),
        "Tag in the syslog header.",
    ),
    row(
        "option httplog",
        FRONT,
        Since(1, 1),
        "[ clf ]",
        Set::Custom(httplog),
        "HTTP line of the traffic log.",
    ),
    row(
        "option httpslog",
        FRONT,
        Since(2, 5),
        "",
        Set::Custom(httpslog),
        "HTTP line of the traffic log with the fields of TLS.",
    ),
    row("option tcplog", FRONT, Since(1, 1), "", Set::Custom(tcplog), "TCP line of the traffic log."),
    row(
        "unique-id-format",
        ALL,
        Since(1, 5),
        "<fmt>",
        Set::Custom(unique_id_format),
        "How a unique id is made.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples() {
        assert_eq!(sample("1,2-5:6"), Ok((vec![(1, 1), (2, 5)], 6)));
        for (text, want) in [
            ("1", "Missing sample size"),
            ("1:0", "wrong sample size '0' for sample range '1'"),
            ("7:6", "sample size 6 should be greater or equal to 7 the maximum of the high ranges limits"),
            ("3-2:6", "wrong sample range '3-2'"),
            ("1,1:6", "ranges are overlapping"),
        ] {
            assert_eq!(sample(text), Err(want.to_owned()));
        }
    }
}
