//! Response heads: the status line, the verdicts on it, and the whole head (haproxy-stream parts 1.1, 1.3 and 1.4).

use crate::bytes::{is_blank, is_version};
use crate::facts::{self, Facts, Framing};
use crate::head::{Head, Start, Version};
use crate::reason::reason;
use crate::refusal::{ParserState, Refusal};
use crate::request::{Limits, finish_fields, scan_fields};
use crate::scan::{self, Slice};

/// What a response must fit: facts of the request it answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestContext {
    /// The request was `HEAD`.
    pub head: bool,
    /// The request was `CONNECT`.
    pub connect: bool,
    /// The request asked for an upgrade ([`Facts::upgrade`]).
    pub upgrade: bool,
    /// The request asked for an upgrade to WebSocket.
    pub websocket: bool,
}

/// Parses a response head at the start of `input` into `head`.
///
/// Framing is final: [`Framing::None`] for responses that never have a body. A 101 and a 2xx to CONNECT have [`Framing::UntilClose`]:
/// what follows is the tunnel. Returns none while the head is incomplete.
///
/// # Errors
/// The refusal, whose status is 502.
pub fn parse_response(
    input: &[u8],
    limits: &Limits,
    request: RequestContext,
    head: &mut Head,
) -> Result<Option<Facts>, Refusal> {
    let full = input.len() >= limits.size;
    match scan_response(input, limits, request, head)? {
        None if full => Err(Refusal::response(input.len(), ParserState::HeaderValue)),
        done => Ok(done),
    }
}

/// The status line's parts.
struct StatusLine {
    version: Slice,
    status: u16,
    reason: Slice,
    next: usize,
}

fn scan_response(
    input: &[u8],
    limits: &Limits,
    request: RequestContext,
    head: &mut Head,
) -> Result<Option<Facts>, Refusal> {
    let Some(start) = skip_empty_lines(input)? else { return Ok(None) };
    let Some(line) = status_line(input, start)? else { return Ok(None) };
    let mut facts = Facts::default();
    let (version, keep_text) = match version(line.version.of(input)) {
        Some(known) => known,
        None if limits.relaxed => (Version::Http10, true),
        None => return Err(Refusal::response(line.version.at as usize, ParserState::ResponseVersion)),
    };
    let Some(end) = scan_fields(input, line.next, limits, head, &mut facts, Start::Response)? else {
        return Ok(None);
    };
    facts.size = end;
    if !limits.fits(end - start, head.field_count()) {
        return Err(Refusal::response(end, ParserState::HeadersEnd));
    }
    head.load(
        input.get(..end).unwrap_or_default(),
        Start::Response,
        line.reason,
        Slice::default(),
        line.version,
    );
    if keep_text {
        head.set_version_only(version);
    } else {
        head.set_version(version);
    }
    head.set_status_code(line.status);
    finish_fields(head, &facts);
    facts::judge(head, limits, &mut facts)?;
    if line.reason.len == 0 {
        head.set_status(line.status, reason(line.status).as_bytes());
    }
    judge_response(head, &mut facts, request)?;
    Ok(Some(facts))
}

/// Verdicts on the response as a whole, and its final framing.
fn judge_response(head: &mut Head, facts: &mut Facts, request: RequestContext) -> Result<(), Refusal> {
    let status = head.status();
    match status {
        101 => {
            let accepted = !request.websocket || head.value(b"sec-websocket-accept").is_some();
            if !(facts.upgrade && request.upgrade && accepted) {
                return Err(Refusal::response(facts.size, ParserState::HeadersEnd));
            }
            drop_framing(head);
            facts.framing = Framing::UntilClose;
        }
        200..=299 if request.connect => {
            drop_framing(head);
            facts.framing = Framing::UntilClose;
        }
        ..=199 => {
            drop_framing(head);
            facts.framing = Framing::None;
        }
        204 => {
            // HAPROXY: a 204 that announced a body closes the client connection.
            facts.framed_204 = drop_framing(head);
            facts.framing = Framing::None;
        }
        304 => facts.framing = Framing::None,
        _ if request.head => facts.framing = Framing::None,
        _ => {}
    }
    Ok(())
}

/// Removes length and coding; whether there was any.
fn drop_framing(head: &mut Head) -> bool {
    head.remove(b"content-length") + head.remove(b"transfer-encoding") > 0
}

/// HAPROXY: the first four letters are not looked at.
fn version(text: &[u8]) -> Option<(Version, bool)> {
    let [_, _, _, _, b'/', major, b'.', minor] = text else { return None };
    if !major.is_ascii_digit() || !minor.is_ascii_digit() {
        return None;
    }
    let modern = *major > b'1' || (*major == b'1' && *minor >= b'1');
    let http = text.starts_with(b"HTTP");
    Some(match (modern, http) {
        (true, true) => (Version::Http11, text == b"HTTP/1.1"),
        (true, false) => (Version::Http11, true),
        (false, _) => (Version::Http10, true),
    })
}

/// Offset of the first byte after CRLF and LF lines; none when the input ends there.
fn skip_empty_lines(input: &[u8]) -> Result<Option<usize>, Refusal> {
    let mut at = 0;
    loop {
        match input.get(at) {
            Some(b'\r' | b'\n') => match scan::line_end(input, at, ParserState::ResponseBefore) {
                Ok(Some(next)) => at = next,
                Ok(None) => return Ok(None),
                Err(bad) => return Err(Refusal::response(bad.at, bad.state)),
            },
            Some(_) => return Ok(Some(at)),
            None => return Ok(None),
        }
    }
}

/// The status line at `start`; none while it is incomplete.
fn status_line(input: &[u8], start: usize) -> Result<Option<StatusLine>, Refusal> {
    let while_is = |mut at: usize, class: fn(u8) -> bool| {
        while input.get(at).is_some_and(|&b| class(b)) {
            at += 1;
        }
        at
    };
    let refuse = |at, state| Err(Refusal::response(at, state));
    let version_end = while_is(start, is_version);
    match input.get(version_end) {
        None => return Ok(None),
        Some(&b) if is_blank(b) && version_end > start => {}
        Some(_) => {
            let state =
                if version_end == start { ParserState::ResponseBefore } else { ParserState::ResponseVersion };
            return refuse(version_end, state);
        }
    }
    let code_start = while_is(version_end, is_blank);
    let code_end = while_is(code_start, |b| b.is_ascii_digit());
    match input.get(code_end) {
        None => return Ok(None),
        Some(&b) if code_end > code_start && (is_blank(b) || b == b'\r' || b == b'\n') => {}
        Some(_) => return refuse(code_end, ParserState::StatusCode),
    }
    // Statuses below 100 mean nothing and ones of more than three digits overflow logs and counters: later versions of the
    // reference refuse the latter as well.
    if code_end - code_start > 3 {
        return refuse(code_start, ParserState::StatusCode);
    }
    let status: u16 = input
        .get(code_start..code_end)
        .unwrap_or_default()
        .iter()
        .fold(0u16, |n, b| n * 10 + u16::from(b - b'0'));
    if status < 100 {
        return refuse(code_start, ParserState::StatusCode);
    }
    let reason_start = while_is(code_end, is_blank);
    let Some(found) = memchr::memchr2(b'\r', b'\n', input.get(reason_start..).unwrap_or_default()) else {
        return Ok(None);
    };
    let reason_end = reason_start + found;
    match scan::line_end(input, reason_end, ParserState::ResponseLineEnd) {
        Ok(None) => Ok(None),
        Ok(Some(next)) => Ok(Some(StatusLine {
            version: Slice::new(start, version_end),
            status,
            reason: Slice::new(reason_start, reason_end),
            next,
        })),
        Err(bad) => refuse(bad.at, bad.state),
    }
}
