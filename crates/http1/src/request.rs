//! Request heads: the request line, the verdicts on it, and the whole head (haproxy-stream parts 1.1 to 1.4).

use crate::bytes::{is_blank, is_token, is_uri, is_version};
use crate::facts::{self, Facts, Framing};
use crate::head::{Head, Start, Version};
use crate::refusal::{ParserState, Refusal};
use crate::scan::{self, Line, Slice};
use crate::target::{self, BadTarget};

/// Limits on a head.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most fields.
    pub fields: usize,
    /// Most bytes of start line and fields.
    pub size: usize,
    /// `accept-invalid-http-request` or `-response`.
    pub relaxed: bool,
    /// `h1-accept-payload-with-any-method`: GET, HEAD and DELETE may have a body in HTTP/1.0, too.
    pub any_payload: bool,
    /// `h1-do-not-close-on-insecure-transfer-encoding`: a length beside a transfer coding is dropped, and that is all.
    pub keeps_ambiguous: bool,
}

impl Default for Limits {
    /// The reference's defaults: bufsize 16384, maxrewrite 1024, maxhdr 101.
    fn default() -> Self {
        Self { fields: 100, size: 15_360, relaxed: false, any_payload: false, keeps_ambiguous: false }
    }
}

impl Limits {
    /// Whether so many bytes of start line and so many fields fit, with the reference's cost of each part counted.
    pub(crate) fn fits(&self, text: usize, fields: usize) -> bool {
        // HAPROXY: the head is held in blocks of 8 bytes overhead beside their text.
        text + 8 * (fields + 2) + 44 <= self.size
    }
}

/// Parses a request head at the start of `input` into `head`.
///
/// Returns none while the head is incomplete. `head` holds something sensible only after success.
///
/// # Errors
/// The refusal with the status to answer, as soon as the bytes seen so far decide it.
pub fn parse_request(input: &[u8], limits: &Limits, head: &mut Head) -> Result<Option<Facts>, Refusal> {
    let full = input.len() >= limits.size;
    match scan_request(input, limits, head)? {
        None if full => Err(Refusal::request(input.len(), ParserState::HeaderValue)),
        done => Ok(done),
    }
}

/// The request line's parts.
struct RequestLine {
    method: Slice,
    uri: Slice,
    version: Slice,
    next: usize,
    oddity: Option<usize>,
}

fn scan_request(input: &[u8], limits: &Limits, head: &mut Head) -> Result<Option<Facts>, Refusal> {
    let Some(start) = skip_empty_lines(input)? else { return Ok(None) };
    let Some(line) = request_line(input, start, limits.relaxed)? else { return Ok(None) };
    let mut facts = Facts { oddity: line.oddity, ..Facts::default() };
    let method = line.method.of(input);
    let version_text = line.version.of(input);
    let (version, keep_text) = match target::version(version_text) {
        Some(known) => known,
        None if version_text.is_empty() && limits.relaxed && method == b"GET" => (Version::Http10, false),
        None if limits.relaxed && !version_text.is_empty() => (Version::Http10, true),
        None => return Err(Refusal::request(line.version.at as usize, ParserState::RequestVersion)),
    };
    if method == b"PRI" {
        return Err(Refusal::request(start, ParserState::Method));
    }
    let fields_end = if version_text.is_empty() {
        head.scanned().clear();
        line.next
    } else {
        match scan_fields(input, line.next, limits, head, &mut facts, Start::Request)? {
            Some(end) => end,
            None => return Ok(None),
        }
    };
    facts.size = fields_end;
    let fields = head.field_count();
    if !limits.fits(fields_end - start, fields) {
        return Err(Refusal::request(fields_end, ParserState::HeadersEnd));
    }
    head.load(
        input.get(..fields_end).unwrap_or_default(),
        Start::Request,
        line.method,
        line.uri,
        line.version,
    );
    if keep_text {
        head.set_version_only(version);
    } else {
        head.set_version(version);
    }
    finish_fields(head, &facts);
    let bad_body = facts::judge(head, limits, &mut facts)?;
    judge_target(head, &mut facts, limits.relaxed, line.uri.at as usize)?;
    match bad_body {
        Some(refusal) => Err(refusal),
        None if lacks_websocket_key(head, &facts) => {
            Err(Refusal::request(facts.size, ParserState::HeaderWhole))
        }
        None => Ok(Some(facts)),
    }
}

/// Verdicts on the target and what it says beside the fields.
fn judge_target(head: &mut Head, facts: &mut Facts, relaxed: bool, uri_at: usize) -> Result<(), Refusal> {
    match target::judge(head, relaxed) {
        Ok(()) => {}
        Err(BadTarget::Form) => return Err(Refusal::request(uri_at, ParserState::Uri)),
        Err(BadTarget::Mismatch) => return Err(Refusal::request(facts.size, ParserState::HeaderWhole)),
    }
    if head.method() == b"CONNECT" {
        facts.framing = Framing::None;
        head.remove(b"content-length");
        head.remove(b"transfer-encoding");
    }
    Ok(())
}

fn lacks_websocket_key(head: &Head, facts: &Facts) -> bool {
    facts.websocket && head.value(b"sec-websocket-key").is_none_or(|key| key.len() != 24)
}

/// Offset of the first byte after CRLF and LF lines; none when the input ends there.
fn skip_empty_lines(input: &[u8]) -> Result<Option<usize>, Refusal> {
    let mut at = 0;
    loop {
        match input.get(at) {
            Some(b'\r' | b'\n') => match scan::line_end(input, at, ParserState::RequestBefore) {
                Ok(Some(next)) => at = next,
                Ok(None) => return Ok(None),
                Err(bad) => return Err(Refusal::request(bad.at, bad.state)),
            },
            Some(_) => return Ok(Some(at)),
            None => return Ok(None),
        }
    }
}

/// The request line at `start`; none while it is incomplete.
fn request_line(input: &[u8], start: usize, relaxed: bool) -> Result<Option<RequestLine>, Refusal> {
    let while_is = |mut at: usize, class: fn(u8) -> bool| {
        while input.get(at).is_some_and(|&b| class(b)) {
            at += 1;
        }
        at
    };
    let refuse = |at, state| Err(Refusal::request(at, state));
    let method_end = while_is(start, is_token);
    match input.get(method_end) {
        None => return Ok(None),
        Some(_) if method_end == start => return refuse(start, ParserState::RequestBefore),
        Some(&b) if is_blank(b) => {}
        Some(_) => return refuse(method_end, ParserState::Method),
    }
    let uri_start = while_is(method_end, is_blank);
    let mut oddity = None;
    let mut uri_end = uri_start;
    loop {
        uri_end = while_is(uri_end, is_uri);
        match input.get(uri_end) {
            Some(&b) if relaxed && (b == b'#' || b >= 0x80) => {
                oddity.get_or_insert(uri_end);
                uri_end += 1;
            }
            _ => break,
        }
    }
    match input.get(uri_end) {
        None => return Ok(None),
        Some(b'\r' | b'\n') if uri_end > uri_start => {}
        Some(&b) if is_blank(b) && uri_end > uri_start => {}
        Some(_) => {
            return refuse(
                uri_end,
                if uri_end == uri_start { ParserState::MethodBlank } else { ParserState::Uri },
            );
        }
    }
    let version_start = while_is(uri_end, is_blank);
    let version_end = while_is(version_start, is_version);
    match input.get(version_end) {
        None => return Ok(None),
        Some(b'\r' | b'\n') => {}
        Some(_) => return refuse(version_end, ParserState::RequestVersion),
    }
    match scan::line_end(input, version_end, ParserState::RequestLineEnd) {
        Ok(None) => Ok(None),
        Ok(Some(next)) => Ok(Some(RequestLine {
            method: Slice::new(start, method_end),
            uri: Slice::new(uri_start, uri_end),
            version: Slice::new(version_start, version_end),
            next,
            oddity,
        })),
        Err(bad) => refuse(bad.at, bad.state),
    }
}

/// Scans the header block at `at` into the head's field slices; the offset after it, or none while it is incomplete.
pub(crate) fn scan_fields(
    input: &[u8],
    mut at: usize,
    limits: &Limits,
    head: &mut Head,
    facts: &mut Facts,
    start: Start,
) -> Result<Option<usize>, Refusal> {
    let refuse = |at, state| match start {
        Start::Request => Refusal::request(at, state),
        Start::Response => Refusal::response(at, state),
    };
    let fields = head.scanned();
    fields.clear();
    loop {
        match scan::line(input, at, limits.relaxed).map_err(|bad| refuse(bad.at, bad.state))? {
            Line::Partial => return Ok(None),
            Line::End(end) => return Ok(Some(end)),
            Line::Field(field) => {
                if fields.len() >= limits.fields {
                    return Err(refuse(at, ParserState::HeaderFirst));
                }
                facts.oddity = facts.oddity.or(field.oddity);
                facts.folded |= field.folded;
                fields.push((field.name, field.value));
                at = field.next;
            }
        }
    }
}

/// Lower-cases names and unfolds values of a loaded head.
pub(crate) fn finish_fields(head: &mut Head, facts: &Facts) {
    head.lower_names();
    if facts.folded {
        head.unfold_all();
    }
}
