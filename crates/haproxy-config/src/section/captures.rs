//! `capture` (configuration manual, section 4.2).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::ProxyDecl;
use crate::registry::{Row, Sections, Set, Since, row};
use units::lenient_int;

/// What the reference says to another word after `capture`.
pub(crate) fn unknown() -> Refusal {
    Refusal::fatal("'capture' expects 'cookie' or 'request header' or 'response header'.")
}

/// What the reference says to another word after `declare`.
pub(crate) fn unknown_declare(line: &Line<'_>) -> Refusal {
    let got = line.arg(0);
    if got.is_empty() {
        return Refusal::fatal(
            "'declare' needs a second keyword that specify the type of declaration ('capture')",
        );
    }
    Refusal::fatal(format!("'declare' : unknown declaration type '{got}' (supports 'capture')"))
}

fn len(text: &str) -> usize {
    usize::try_from(lenient_int(text)).unwrap_or(0)
}

fn cookie(proxy: &mut ProxyDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let name = line.arg(0);
    if name.is_empty() || line.arg(1) != "len" || line.arg(2).is_empty() {
        return Err(Refusal::fatal("'capture' expects 'cookie' <cookie_name> 'len' <len>."));
    }
    line.at_most(3)?;
    let (name, exact) = match name.strip_suffix('=') {
        Some(exact) => (exact.to_owned(), true),
        None => (name, false),
    };
    let len = len(&line.arg(2));
    proxy.capture_cookie = Some((name.into_bytes(), !exact, len));
    Ok(())
}

fn header(line: &Line<'_>, side: &str) -> Result<(Vec<u8>, usize), Refusal> {
    let name = line.arg(0);
    if name.is_empty() || line.arg(1) != "len" || line.arg(2).is_empty() {
        return Err(Refusal::fatal(format!("'capture {side}' expects 'header' <header_name> 'len' <len>.")));
    }
    let extra = line.arg(3);
    if !extra.is_empty() {
        return Err(Refusal::fatal(format!("'capture {side}' cannot handle unexpected argument '{extra}'.")));
    }
    Ok((name.to_ascii_lowercase().into_bytes(), len(&line.arg(2))))
}

fn request_header(_: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let slot = header(line, "request")?;
    cx.parse.captures.request.push(slot);
    Ok(())
}

fn response_header(_: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let slot = header(line, "response")?;
    cx.parse.captures.response.push(slot);
    Ok(())
}

fn declare(_: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let side = line.arg(0);
    let request = match side.as_str() {
        "" => {
            return Err(Refusal::fatal("'declare capture' requires a direction ('request' or 'response')"));
        }
        "request" => true,
        "response" => false,
        _ => {
            return Err(Refusal::fatal(format!(
                "'declare capture' requires 'request' or 'response' (got '{side}')."
            )));
        }
    };
    if line.arg(1) != "len" {
        return Err(Refusal::fatal("'declare capture' requires a capture length ('len')"));
    }
    if line.arg(2).is_empty() {
        return Err(Refusal::fatal("missing <length> after 'len' in 'declare capture'."));
    }
    if len(&line.arg(2)) == 0 {
        return Err(Refusal::fatal("length must be > 0"));
    }
    let slots = if request { &mut cx.parse.captures.request } else { &mut cx.parse.captures.response };
    slots.push((Vec::new(), len(&line.arg(2))));
    Ok(())
}

const FRONTEND: Sections = Sections::FRONTEND;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "capture cookie",
        FRONTEND,
        Since(1, 1),
        "<name> len <length>",
        Set::Custom(cookie),
        "Logs a cookie of the request or response.",
    ),
    row(
        "capture request header",
        FRONTEND,
        Since(1, 1),
        "<name> len <length>",
        Set::Custom(request_header),
        "Logs a header of the request.",
    ),
    row(
        "capture response header",
        FRONTEND,
        Since(1, 1),
        "<name> len <length>",
        Set::Custom(response_header),
        "Logs a header of the response.",
    ),
    row(
        "declare capture",
        FRONTEND,
        Since(1, 6),
        "{ request | response } len <length>",
        Set::Custom(declare),
        "A slot that rules fill.",
    ),
];
