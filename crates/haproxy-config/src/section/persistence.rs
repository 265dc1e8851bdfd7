//! `cookie`, `dynamic-cookie-key`, `force-persist`, `ignore-persist`, `http-send-name-header` (configuration manual, section 4.2).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::ProxyDecl;
use crate::registry::{Missing, Row, Sections, Set, Since, row};
use crate::runtime::Cookie;
use crate::section::proxy::{condition, with_places};
use config_text::{Place, Severity};
use sample::Place as At;
use std::time::Duration;
use units::{DelayError, Unit, parse_delay};

const SUPPORTED: &str = "'cookie' supports 'rewrite', 'insert', 'prefix', 'indirect', 'nocache', 'postonly', 'domain', 'maxidle', 'dynamic', 'maxlife' and 'attr' options.";

fn cookie(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = line.arg(0);
    if name.is_empty() {
        return Err(Refusal::fatal("'cookie' expects <cookie_name> as argument."));
    }
    let mut cookie = Cookie { name: name.into_bytes(), ..Cookie::default() };
    let mut dynamic = false;
    let mut at = 1;
    while !line.arg(at).is_empty() {
        let (word, value) = (line.arg(at), line.arg(at + 1));
        let mut used = 1;
        match word.as_str() {
            "rewrite" => cookie.rewrite = true,
            "insert" => cookie.insert = true,
            "prefix" => cookie.prefix = true,
            "indirect" => cookie.indirect = true,
            "nocache" => cookie.nocache = true,
            "postonly" => cookie.postonly = true,
            "preserve" => cookie.preserve = true,
            "httponly" => cookie.httponly = true,
            "secure" => cookie.secure = true,
            "dynamic" => dynamic = true,
            "domain" => {
                used = 2;
                domain(&mut cookie, &value, line, cx)?;
            }
            "maxidle" => {
                used = 2;
                cookie.maxidle = Some(age(&value, "maxidle", "idletime")?);
            }
            "maxlife" => {
                used = 2;
                cookie.maxlife = Some(age(&value, "maxlife", "lifetime")?);
            }
            "attr" => {
                used = 2;
                if value.is_empty() {
                    return Err(Refusal::fatal("'attr' expects <value> as argument.").tight());
                }
                if let Some(bad) = value.bytes().find(|b| b.is_ascii_control() || *b == b';') {
                    let text = format!("character '%x{bad:02X}' is not permitted in attribute value.");
                    return Err(Refusal::fatal(text).tight());
                }
                cookie.attributes.push(value);
            }
            _ => return Err(Refusal::fatal(SUPPORTED)),
        }
        at += used;
    }
    if u8::from(cookie.rewrite) + u8::from(cookie.insert) + u8::from(cookie.prefix) > 1 {
        return Err(Refusal::fatal("cookie 'rewrite', 'insert' and 'prefix' modes are incompatible."));
    }
    if cookie.preserve && !cookie.insert && !cookie.indirect {
        return Err(Refusal::fatal("cookie 'preserve' requires at least 'insert' or 'indirect'."));
    }
    proxy.dynamic_cookie = dynamic;
    proxy.cookie.set(Some(cookie), line.span, cx.section);
    Ok(())
}

fn domain(cookie: &mut Cookie, value: &str, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    if value.is_empty() {
        return Err(Refusal::fatal("'domain' expects <domain> as argument.").tight());
    }
    if let Some(bad) = value.bytes().find(|b| !b.is_ascii_graphic() || matches!(b, b';' | b',')) {
        let text = format!("character '%x{bad:02X}' is not permitted in domain name.");
        return Err(Refusal::fatal(text).tight());
    }
    if !value.get(1..).is_some_and(|rest| rest.contains('.')) {
        let text = format!(
            "domain '{value}' contains no embedded dot, this configuration may not work properly (see RFC6265#5.2.3)."
        );
        cx.tell(Severity::Warning, "cookie-domain", Place::ParsingTight, Some(line.span), text);
    }
    cookie.domains.push(value.to_owned());
    Ok(())
}

fn age(value: &str, name: &str, what: &str) -> Result<Duration, Refusal> {
    if value.is_empty() {
        return Err(Refusal::fatal(format!("'{name}' expects <{what}> in seconds as argument.")).tight());
    }
    parse_delay(value, Unit::Seconds).map_err(|e| match e {
        DelayError::Overflow => Refusal::fatal(format!(
            "timer overflow in argument <{value}> to <{name}>, maximum value is 2147483647 s (~68 years)."
        ))
        .tight(),
        DelayError::Unexpected(c) => {
            Refusal::fatal(format!("unexpected character '{c}' in argument to <{name}>.")).tight()
        }
    })
}

fn persist_rule(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = line.name();
    let missing = || format!("'{name}' requires either 'if' or 'unless' followed by a condition.");
    let broken = format!("a '{name}' rule");
    let condition =
        with_places(cx, &[At::BackendTcpRequest], |cx| condition(line.args(), missing, &broken, cx))?;
    proxy.persist_rules.push((name == "force-persist", condition));
    Ok(())
}

fn send_name_header(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = line.arg(0);
    if name.is_empty() {
        return Err(Refusal::fatal("'http-send-name-header' requires a header string."));
    }
    proxy.send_name_header.set(Some(name), line.span, cx.section);
    Ok(())
}

const BACK: Sections = Sections::BACK;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "cookie",
        BACK,
        Since(1, 1),
        "<name> [ rewrite | insert | prefix ] [ indirect ] [ nocache ] [ postonly ] [ preserve ] [ httponly ] [ secure ] [ domain <domain> ]* [ maxidle <idle> ] [ maxlife <life> ] [ dynamic ] [ attr <value> ]*",
        Set::Custom(cookie),
        "Cookie that keeps a client on its server.",
    ),
    row(
        "dynamic-cookie-key",
        BACK,
        Since(1, 8),
        "<string>",
        Set::Text(
            |p| &mut p.dynamic_cookie_key,
            Missing("'dynamic-cookie-key' expects <secret_key> as argument."),
        ),
        "Secret of dynamic cookies.",
    ),
    row(
        "force-persist",
        Sections::BACKEND,
        Since(1, 3),
        "{ if | unless } <condition>",
        Set::Custom(persist_rule),
        "Uses the cookie's server even when it is down.",
    ),
    row(
        "http-send-name-header",
        BACK,
        Since(1, 4),
        "<header>",
        Set::Custom(send_name_header),
        "Tells the server its name.",
    ),
    row(
        "ignore-persist",
        Sections::BACKEND,
        Since(1, 3),
        "{ if | unless } <condition>",
        Set::Custom(persist_rule),
        "Does not look at the cookie.",
    ),
];
