//! Built-in error pages and reasons, byte for byte those of the reference, and the reparsing of errorfiles.

use crate::{Body, Reply};
use http1::Version;
use std::sync::{Arc, OnceLock};

/// The statuses that have a built-in page.
pub fn builtin_statuses() -> impl Iterator<Item = u16> {
    PAGES.iter().map(|&(status, _, _)| status)
}

/// The reason that goes with a status when none is given.
#[must_use]
pub fn default_reason(status: u16) -> &'static str {
    if let Ok(at) = REASONS.binary_search_by_key(&status, |&(s, _)| s) {
        return REASONS.get(at).map_or("Other", |&(_, reason)| reason);
    }
    match status {
        100..200 => "Informational",
        200..300 => "Success",
        300..400 => "Redirection",
        400..500 => "Client Error",
        500..600 => "Server Error",
        _ => "Other",
    }
}

pub(crate) fn page(status: u16) -> Arc<Reply> {
    static REPLIES: OnceLock<Vec<(u16, Arc<Reply>)>> = OnceLock::new();
    let replies = REPLIES.get_or_init(|| {
        PAGES.iter().map(|&(status, reason, text)| (status, Arc::new(make(status, reason, text)))).collect()
    });
    let find = |wanted: u16| replies.iter().find(|(s, _)| *s == wanted).map(|(_, reply)| Arc::clone(reply));
    find(status).or_else(|| find(500)).unwrap_or_else(|| Arc::new(make(500, "Internal Server Error", "")))
}

fn make(status: u16, reason: &str, text: &str) -> Reply {
    let body = format!("<html><body><h1>{status} {reason}</h1>\n{text}\n</body></html>\n").into_bytes();
    Reply {
        status,
        reason: reason.as_bytes().to_vec(),
        version: Version::Http11,
        fields: vec![
            (b"content-length".to_vec(), body.len().to_string().into_bytes()),
            (b"cache-control".to_vec(), b"no-cache".to_vec()),
            (b"content-type".to_vec(), b"text/html".to_vec()),
        ],
        body: Body::Shared(body.into()),
        close: false,
    }
}

/// `errorloc302` and `errorloc303`.
pub(crate) fn location(status: u16, url: &[u8]) -> Reply {
    Reply {
        status,
        reason: default_reason(status).as_bytes().to_vec(),
        version: Version::Http11,
        fields: vec![
            (b"cache-control".to_vec(), b"no-cache".to_vec()),
            (b"content-length".to_vec(), b"0".to_vec()),
            (b"location".to_vec(), url.to_vec()),
        ],
        body: Body::Shared(Arc::from(&b""[..])),
        close: false,
    }
}

/// Reads the raw message of an errorfile. The reference parses it as a response: names become lower case, `connection` is obeyed
/// and taken out, a wrong length is refused.
pub(crate) fn reparse(raw: &[u8]) -> Result<Reply, String> {
    if raw.is_empty() {
        return Ok(Reply {
            status: 0,
            reason: Vec::new(),
            version: Version::Http11,
            fields: Vec::new(),
            body: Body::Shared(Arc::from(&b""[..])),
            close: true,
        });
    }
    let bad = |offset: usize| format!("unable to parse headers (error offset: {offset})");
    let mut lines = Lines { raw, at: 0 };
    let Some((_, start)) = lines.next_line() else {
        // HAPROXY: a start line that is not finished is told with the offset where it goes wrong, or -2 when nothing is wrong yet.
        let wrong = raw.iter().zip(b"HTTP/").position(|(a, b)| a != b);
        return Err(wrong.map_or_else(|| "unable to parse headers (error offset: -2)".to_owned(), |_| bad(0)));
    };
    let mut parts = start.splitn(3, |&b| b == b' ');
    let (version_text, status_text) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let reason = parts.next().unwrap_or_default();
    let version = match version_text {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            if *major > b'1' || (*major == b'1' && *minor >= b'1') {
                Version::Http11
            } else {
                Version::Http10
            }
        }
        _ => return Err(bad(0)),
    };
    let status: u16 = std::str::from_utf8(status_text)
        .ok()
        .filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|t| t.parse().ok())
        .ok_or_else(|| bad(version_text.len() + 1))?;
    let mut reply = Reply {
        status,
        reason: if reason.is_empty() { default_reason(status).as_bytes().to_vec() } else { reason.to_vec() },
        version,
        fields: Vec::new(),
        body: Body::Shared(Arc::from(&b""[..])),
        close: version == Version::Http10,
    };
    loop {
        let Some((offset, line)) = lines.next_line() else {
            return Err("unable to parse headers (error offset: -2)".to_owned());
        };
        if line.is_empty() {
            break;
        }
        field(&mut reply, offset, line)?;
    }
    if status < 200 {
        return Err(format!("invalid http status code for an error message ({status})"));
    }
    let body = raw.get(lines.at..).unwrap_or_default();
    if let Some((_, length)) = reply.fields.iter().find(|(name, _)| name == b"content-length") {
        let announced = std::str::from_utf8(length).ok().and_then(|t| t.parse::<usize>().ok());
        if announced != Some(body.len()) {
            let announced = String::from_utf8_lossy(length);
            return Err(format!(
                "payload size does not match the announced content-length ({} != {announced})",
                body.len()
            ));
        }
    }
    reply.body = Body::Shared(body.into());
    Ok(reply)
}

fn field(reply: &mut Reply, offset: usize, line: &[u8]) -> Result<(), String> {
    let bad = |at: usize| format!("unable to parse headers (error offset: {at})");
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let Some(colon) = line.iter().position(|&b| !token(b)) else { return Err(bad(offset + line.len())) };
    if line.get(colon) != Some(&b':') || colon == 0 {
        return Err(bad(offset + colon));
    }
    let name = line.get(..colon).unwrap_or_default().to_ascii_lowercase();
    let value = sample::uri::trim(line.get(colon + 1..).unwrap_or_default());
    match name.as_slice() {
        b"connection" => {
            let mut kept: Vec<&[u8]> = Vec::new();
            for token in sample::uri::List::new(value) {
                if token.eq_ignore_ascii_case(b"close") {
                    reply.close = true;
                } else if token.eq_ignore_ascii_case(b"keep-alive") {
                    reply.close = false;
                } else if !token.is_empty() {
                    kept.push(token);
                }
            }
            if !kept.is_empty() {
                reply.fields.push((name, kept.join(&b","[..])));
            }
        }
        b"transfer-encoding" if sample::uri::List::new(value).any(|t| t.eq_ignore_ascii_case(b"chunked")) => {
            return Err("chunk-encoded payload not supported".to_owned());
        }
        _ => reply.fields.push((name, value.to_vec())),
    }
    Ok(())
}

struct Lines<'a> {
    raw: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next_line(&mut self) -> Option<(usize, &'a [u8])> {
        let rest = self.raw.get(self.at..)?;
        let end = rest.iter().position(|&b| b == b'\n')?;
        let start = self.at;
        self.at += end + 1;
        let line = rest.get(..end)?;
        Some((start, line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

const PAGES: &[(u16, &str, &str)] = &[
    (200, "OK", "Service ready."),
    (400, "Bad request", "Your browser sent an invalid request."),
    (401, "Unauthorized", "You need a valid user and password to access this content."),
    (403, "Forbidden", "Request forbidden by administrative rules."),
    (404, "Not Found", "The resource could not be found."),
    (
        405,
        "Method Not Allowed",
        "A request was made of a resource using a request method not supported by that resource",
    ),
    (407, "Unauthorized", "You need a valid user and password to access this content."),
    (408, "Request Time-out", "Your browser didn't send a complete request in time."),
    (410, "Gone", "The resource is no longer available and will not be available again."),
    (413, "Payload Too Large", "The request entity exceeds the maximum allowed."),
    (421, "Misdirected Request", "Request sent to a non-authoritative server."),
    (422, "Unprocessable Content", "The server cannot process the contained instructions."),
    (425, "Too Early", "Your browser sent early data."),
    (429, "Too Many Requests", "You have sent too many requests in a given amount of time."),
    (500, "Internal Server Error", "An internal server error occurred."),
    (
        501,
        "Not Implemented",
        ".The server does not support the functionality required to fulfill the request.",
    ),
    (502, "Bad Gateway", "The server returned an invalid or incomplete response."),
    (503, "Service Unavailable", "No server is available to handle this request."),
    (504, "Gateway Time-out", "The server didn't respond in time."),
];

const REASONS: &[(u16, &str)] = &[
    (100, "Continue"),
    (101, "Switching Protocols"),
    (102, "Processing"),
    (103, "Early Hints"),
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (203, "Non-Authoritative Information"),
    (204, "No Content"),
    (205, "Reset Content"),
    (206, "Partial Content"),
    (207, "Multi-Status"),
    (210, "Content Different"),
    (226, "IM Used"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (305, "Use Proxy"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (310, "Too many Redirects"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Time-out"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Requested range unsatisfiable"),
    (417, "Expectation failed"),
    (418, "I'm a teapot"),
    (421, "Misdirected Request"),
    (422, "Unprocessable Content"),
    (423, "Locked"),
    (424, "Method failure"),
    (425, "Too Early"),
    (426, "Upgrade Required"),
    (428, "Precondition Required"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (449, "Retry With"),
    (450, "Blocked by Windows Parental Controls"),
    (451, "Unavailable For Legal Reasons"),
    (456, "Unrecoverable Error"),
    (499, "client has closed connection"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway or Proxy Error"),
    (503, "Service Unavailable"),
    (504, "Gateway Time-out"),
    (505, "HTTP Version not supported"),
    (506, "Variant also negotiate"),
    (507, "Insufficient storage"),
    (508, "Loop detected"),
    (509, "Bandwidth Limit Exceeded"),
    (510, "Not extended"),
    (511, "Network authentication required"),
    (520, "Web server is returning an unknown error"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// Lengths of the reference's bodies (haproxy.md, part 3).
    #[test]
    fn pages_have_the_reference_lengths() {
        let lengths = [
            (200, 58),
            (400, 90),
            (401, 112),
            (403, 93),
            (404, 83),
            (405, 146),
            (407, 112),
            (408, 110),
            (410, 114),
            (413, 106),
            (421, 104),
            (422, 116),
            (425, 80),
            (429, 117),
            (500, 97),
            (501, 136),
            (502, 107),
            (503, 107),
            (504, 92),
        ];
        for (status, length) in lengths {
            let reply = page(status);
            assert_eq!((reply.status, reply.body.as_ref().len()), (status, length));
        }
        assert_eq!(page(418).status, 500);
        assert_eq!(default_reason(502), "Bad Gateway or Proxy Error");
        assert_eq!(default_reason(299), "Success");
        assert_eq!(default_reason(700), "Other");
    }

    /// Messages of the reference for the same files.
    #[test]
    fn errorfiles() {
        let reply =
            reparse(b"HTTP/1.0 503 Foo Bar\nServer: me\nConnection: close\nContent-Type: text/html\n\n<b>\n")
                .unwrap();
        assert_eq!((reply.status, reply.reason.as_slice(), reply.close), (503, &b"Foo Bar"[..], true));
        assert_eq!(
            reply.fields,
            [(b"server".to_vec(), b"me".to_vec()), (b"content-type".to_vec(), b"text/html".to_vec())]
        );
        assert_eq!(reply.body.as_ref(), b"<b>\n");
        let kept =
            reparse(b"HTTP/1.1 503 Foo\nContent-Length: 5\nConnection: keep-alive, foo\n\nhello").unwrap();
        assert_eq!(kept.fields.last().unwrap(), &(b"connection".to_vec(), b"foo".to_vec()));
        assert!(!kept.close);
        let cases: [(&[u8], &str); 7] = [
            (
                b"HTTP/1.1 404 NF\r\nContent-Length: 50\r\n\r\nhello",
                "payload size does not match the announced content-length (5 != 50)",
            ),
            (b"foo", "unable to parse headers (error offset: 0)"),
            (b"HTTP/1.1 404 NF\nTransfer-Encoding: chunked\n\nhello", "chunk-encoded payload not supported"),
            (
                b"HTTP/1.1 103 Foo\nContent-Length: 5\n\nhello",
                "invalid http status code for an error message (103)",
            ),
            (
                b"HTTP/1.1 503 Foo\nContent-Length: 5\nX Y: a\n\nhello",
                "unable to parse headers (error offset: 36)",
            ),
            (b"HTTP/1.1 503 Foo\nContent-Length: 5\n", "unable to parse headers (error offset: -2)"),
            (
                b"HTTP/1.1 503 Foo\nContent-Length: 5\nFoo\n\nhello",
                "unable to parse headers (error offset: 38)",
            ),
        ];
        for (raw, message) in cases {
            assert_eq!(reparse(raw).unwrap_err(), message);
        }
        assert!(reparse(b"").unwrap().is_empty());
    }
}
