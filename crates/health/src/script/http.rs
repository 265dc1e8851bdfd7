//! `http-check`: the request's bytes, and expectations on the response.

use super::Verdict;
use crate::config::{Expect, HttpRequest, Pattern, TextMatch};
use crate::status::CheckStatus;
use bstr::ByteSlice;
use http1::{Decoder, Facts, Head, Limits, Piece, RequestContext, parse_response};

/// Writes the request. HTTP/1.1 gets `connection: close`; a body gets its length, and the methods that usually have a body get one
/// without; lengths and codings that were written by hand are dropped; the authority of an absolute URI follows `host`.
pub(super) fn render(request: &HttpRequest, state_header: Option<&[u8]>, out: &mut Vec<u8>) {
    let host = request.headers.iter().rfind(|(name, _)| name.eq_ignore_ascii_case(b"host"));
    out.extend_from_slice(&request.method);
    out.push(b' ');
    match host {
        Some((_, host)) => write_uri_with_authority(&request.uri, host, out),
        None => out.extend_from_slice(&request.uri),
    }
    out.push(b' ');
    out.extend_from_slice(&request.version);
    out.extend_from_slice(b"\r\n");
    let mut keep_alive = false;
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        match name.as_slice() {
            b"content-length" | b"transfer-encoding" => {}
            b"connection" => keep_alive = value.eq_ignore_ascii_case(b"keep-alive"),
            _ => field(&name, value, out),
        }
    }
    if let Some(state) = state_header {
        field(b"x-haproxy-server-state", state, out);
    }
    match &request.body {
        Some(body) => field(b"content-length", body.len().to_string().as_bytes(), out),
        None if matches!(
            &request.method[..],
            b"GET" | b"HEAD" | b"OPTIONS" | b"DELETE" | b"CONNECT" | b"TRACE"
        ) => {}
        None => field(b"content-length", b"0", out),
    }
    match (request.version.as_slice() == b"HTTP/1.0", keep_alive) {
        (true, true) => field(b"connection", b"keep-alive", out),
        (false, false) => field(b"connection", b"close", out),
        _ => {}
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(request.body.as_deref().unwrap_or_default());
}

fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

fn write_uri_with_authority(uri: &[u8], host: &[u8], out: &mut Vec<u8>) {
    match uri.split_once_str("://") {
        Some((scheme, rest)) if !uri.starts_with(b"/") => {
            let path = rest.find_byte(b'/').and_then(|slash| rest.get(slash..)).unwrap_or_default();
            for part in [scheme, b"://", host, path] {
                out.extend_from_slice(part);
            }
        }
        _ => out.extend_from_slice(uri),
    }
}

/// The response as far as it came.
#[derive(Debug, Default)]
pub(super) struct Response {
    to_head: bool,
    head: Option<(Head, Facts)>,
}

impl Response {
    /// None yet, to a request with a method.
    pub(super) fn to(method: &[u8]) -> Self {
        Self { to_head: method == b"HEAD", head: None }
    }

    pub(super) fn status(&self) -> u16 {
        self.head.as_ref().map_or(0, |(head, _)| head.status())
    }

    /// `ended`: the server closed. Interim responses count as the response.
    pub(super) fn judge(
        &mut self,
        expect: &Expect,
        input: &[u8],
        ended: bool,
        limit: usize,
        disable_on_404: bool,
    ) -> Verdict {
        if self.head.is_none() {
            let limits = Limits { size: limit, ..Limits::default() };
            let context = RequestContext { head: self.to_head, ..RequestContext::default() };
            let mut head = Head::vacant();
            match parse_response(input, &limits, context, &mut head) {
                Ok(Some(facts)) => self.head = Some((head, facts)),
                Ok(None) if ended => return Verdict::Fail(CheckStatus::SocketError, String::new()),
                Ok(None) => return Verdict::More,
                Err(_) => return Verdict::Never,
            }
        }
        let Some((head, facts)) = &self.head else { return Verdict::More };
        if disable_on_404 && head.status() == 404 {
            return Verdict::Conditional;
        }
        let status = head.status();
        let found = match &expect.pattern {
            Pattern::Status(ranges) => ranges.iter().any(|range| range.contains(&status)),
            Pattern::StatusRegex(regex) => regex.is_match(status.to_string().as_bytes()).unwrap_or(false),
            Pattern::Header { name, value, full } => has_field(head, name, value.as_ref(), *full),
            Pattern::String(_) | Pattern::Regex(_) | Pattern::Binary(_) | Pattern::BinaryRegex(_) => {
                let payload = input.get(facts.size..).unwrap_or_default();
                return judge_body(expect, *facts, payload, ended || input.len() >= limit);
            }
        };
        if found == expect.negate {
            return Verdict::Fail(CheckStatus::L7Status, written_reason(input));
        }
        Verdict::Pass
    }
}

/// The reason as the server wrote it: the parser fills a missing one in, which a check's message must not.
fn written_reason(input: &[u8]) -> String {
    let line = input.trim_start_with(|c| c == '\r' || c == '\n').lines().next().unwrap_or_default();
    let mut words = line.splitn(3, |&c| c == b' ' || c == b'\t');
    words.nth(2).unwrap_or_default().trim_ascii().to_str_lossy().into_owned()
}

fn judge_body(expect: &Expect, facts: Facts, payload: &[u8], ended: bool) -> Verdict {
    let Some((body, complete)) = decode(facts, payload) else { return Verdict::Never };
    let last = ended || complete;
    if last && body.is_empty() {
        let info = "HTTP content check could not find a response body";
        return Verdict::Fail(CheckStatus::L7Response, info.into());
    }
    let least = match &expect.pattern {
        Pattern::String(text) => expect.min_recv.map(|n| (n as usize).min(text.len())),
        _ => expect.min_recv.map(|n| n as usize),
    };
    if !last && body.len() < least.unwrap_or(1) {
        return Verdict::More;
    }
    let found = match &expect.pattern {
        Pattern::Regex(regex) | Pattern::BinaryRegex(regex) => regex.is_match(&body).unwrap_or(false),
        Pattern::String(text) | Pattern::Binary(text) => body.contains_str(text),
        Pattern::Status(_) | Pattern::StatusRegex(_) | Pattern::Header { .. } => false,
    };
    match (found, expect.negate) {
        (true, false) => Verdict::Pass,
        (false, _) if !last && expect.min_recv.is_none_or(|n| body.len() < n as usize) => Verdict::More,
        (false, true) => Verdict::Pass,
        (true, true) => Verdict::Fail(CheckStatus::L7Response, "HTTP check matched unwanted content".into()),
        (false, false) => Verdict::Fail(CheckStatus::L7Response, "HTTP content check did not match".into()),
    }
}

/// The body's bytes so far and whether that is all; none when its framing is broken.
fn decode(facts: Facts, mut payload: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut decoder = Decoder::new(facts.framing);
    let mut body = Vec::new();
    loop {
        match decoder.decode(payload).ok()? {
            Piece::Payload { skip, data } => {
                let piece = payload.get(skip..skip + data)?;
                body.extend_from_slice(piece);
                payload = payload.get(skip + data..)?;
                if data == 0 || payload.is_empty() {
                    return Some((body, decoder.is_done()));
                }
            }
            Piece::Trailers { .. } | Piece::End => return Some((body, true)),
        }
    }
}

fn has_field(head: &Head, name: &TextMatch, value: Option<&TextMatch>, full: bool) -> bool {
    head.fields().filter(|field| name.matches(field.name, true)).any(|field| match value {
        None => true,
        Some(value) if full => value.matches(field.value, false),
        Some(value) => values(field.value).any(|text| value.matches(text, false)),
    })
}

/// The comma-separated values of a line; commas in double quotes do not separate.
fn values(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    line.split(move |&c| {
        quoted ^= c == b'"';
        c == b',' && !quoted
    })
    .map(<[u8]>::trim_ascii)
}

impl TextMatch {
    /// Names match in any case (they are in lower case in a head).
    fn matches(&self, text: &[u8], any_case: bool) -> bool {
        let folded =
            |pattern: &Vec<u8>| if any_case { pattern.to_ascii_lowercase() } else { pattern.clone() };
        match self {
            Self::Exact(pattern) => text == folded(pattern),
            Self::Begin(pattern) => text.starts_with(&folded(pattern)),
            Self::End(pattern) => text.ends_with(&folded(pattern)),
            Self::Sub(pattern) => text.contains_str(folded(pattern)),
            Self::Regex(regex) => regex.is_match(text).unwrap_or(false),
        }
    }
}
