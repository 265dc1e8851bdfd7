//! Which bytes of a request each algorithm hashes (configuration manual, `balance`).

use crate::config::{Algorithm, Config};
use std::net::IpAddr;

/// What the hashing algorithms may look at. Only what the backend's algorithm needs has to be filled in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts<'a> {
    /// Client address; none for a client that has no IP address.
    pub src: Option<IpAddr>,
    /// The request target as received; none without an HTTP request.
    pub uri: Option<&'a [u8]>,
    /// Whether the method is POST.
    pub is_post: bool,
    /// Value of the first field with the name that [`Algorithm::Header`] gives, all of the line.
    pub header: Option<&'a [u8]>,
    /// The body's bytes that were received already (HTTP), or the connection's first bytes (TCP).
    pub payload: &'a [u8],
}

impl Config {
    /// The request's hash. None means that the key is missing, or that the algorithm does not hash: the fallback is round robin.
    #[must_use]
    pub fn hash_of(&self, parts: &Parts<'_>) -> Option<u32> {
        match &self.algorithm {
            Algorithm::RoundRobin
            | Algorithm::None
            | Algorithm::StaticRoundRobin
            | Algorithm::LeastConn
            | Algorithm::First
            | Algorithm::Random { .. } => None,
            Algorithm::Source => parts.src.map(|src| self.hash.of_address(src)),
            Algorithm::Uri { len, depth, whole, path_only } => {
                let uri = parts.uri?;
                let uri = if *path_only { path_and_query(uri) } else { uri };
                Some(self.hash.of(uri_key(uri, *len as usize, *depth, *whole)))
            }
            Algorithm::UrlParam { name } => {
                let value = parts.uri.and_then(|uri| query_parameter(uri, name)).or_else(|| {
                    let body = parts.is_post.then(|| parameter(parts.payload, name))??;
                    // HAPROXY: a body whose value starts with something that is no token character and no blank is not a form.
                    body.first().is_none_or(|&c| is_token(c) || c == b' ' || c == b'\t').then_some(body)
                })?;
                Some(self.hash.of(value))
            }
            Algorithm::Header { use_domain_only, .. } => {
                let value = first_value(parts.header?);
                if value.is_empty() {
                    return None;
                }
                Some(self.hash.of(if *use_domain_only { main_domain(value) } else { value }))
            }
            Algorithm::RdpCookie { name } => rdp_cookie(parts.payload, name).map(|value| self.hash.of(value)),
        }
    }
}

/// From the first `/` after an optional scheme and authority; empty when there is none (`*`, authority form).
fn path_and_query(uri: &[u8]) -> &[u8] {
    if uri.first() == Some(&b'/') {
        return uri;
    }
    let Some(scheme) = uri.windows(3).position(|w| w == b"://") else { return b"" };
    let rest = uri.get(scheme + 3..).unwrap_or_default();
    rest.iter().position(|&b| b == b'/').and_then(|slash| rest.get(slash..)).unwrap_or_default()
}

fn uri_key(uri: &[u8], len: usize, depth: u32, whole: bool) -> &[u8] {
    let uri = if len > 0 { uri.get(..len).unwrap_or(uri) } else { uri };
    let mut slashes = 0;
    let end = uri.iter().position(|&c| {
        if c == b'/' && depth > 0 {
            slashes += 1;
            return slashes == depth + 1;
        }
        c == b'?' && !whole
    });
    uri.get(..end.unwrap_or(uri.len())).unwrap_or(uri)
}

fn query_parameter<'a>(uri: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mark = uri.iter().position(|&b| b == b'?')?;
    parameter(uri.get(mark + 1..)?, name)
}

/// `name=value` pairs between `&`; nothing is decoded.
fn parameter<'a>(pairs: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    pairs.split(|&b| b == b'&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))
}

/// The first comma-separated value, without blanks around it. Commas in double quotes do not separate.
fn first_value(line: &[u8]) -> &[u8] {
    let (mut quoted, mut escaped) = (false, false);
    let end = line.iter().position(|&c| {
        if escaped {
            escaped = false;
        } else if quoted && c == b'\\' {
            escaped = true;
        } else if c == b'"' {
            quoted = !quoted;
        }
        c == b',' && !quoted
    });
    line.get(..end.unwrap_or(line.len())).unwrap_or(line).trim_ascii()
}

/// The part before the last dot, back to the dot before that: `www.example.com` gives `example`.
fn main_domain(value: &[u8]) -> &[u8] {
    let Some(end) = value.iter().rposition(|&c| c == b'.') else { return value };
    let head = value.get(..end).unwrap_or_default();
    match head.iter().rposition(|&c| c == b'.') {
        Some(dot) => head.get(dot + 1..).unwrap_or_default(),
        None => head,
    }
}

/// The value of the `Cookie: name=value` line in an RDP connection request (TPKT, X.224 CR TPDU, cookie line).
fn rdp_cookie<'a>(payload: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    const HEADERS: usize = 11;
    let [3, 0, high, low, ..] = payload else { return None };
    let total = usize::from(u16::from_be_bytes([*high, *low]));
    let body = payload.get(..total.min(payload.len()))?.get(HEADERS..)?;
    let (prefix, rest) = body.split_at_checked(b"Cookie:".len())?;
    if !prefix.eq_ignore_ascii_case(b"Cookie:") {
        return None;
    }
    let line = rest.trim_ascii_start();
    let end = line.windows(2).position(|w| w == b"\r\n")?;
    let line = line.get(..end)?;
    let equals = line.iter().position(|&c| c == b'=')?;
    let (written, value) = line.split_at_checked(equals)?;
    written.eq_ignore_ascii_case(name).then_some(value.get(1..)?)
}

fn is_token(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::hash::sdbm;

    #[test]
    fn uri_options() {
        let table: [(&str, usize, u32, bool, &str); 9] = [
            ("/a/b/c", 0, 1, false, "/a"),
            ("/a/b/c", 0, 2, false, "/a/b"),
            ("/a/b/c?x/y", 0, 0, false, "/a/b/c"),
            ("/a/b/c?x/y", 0, 0, true, "/a/b/c?x/y"),
            ("/a/b/c", 4, 0, false, "/a/b"),
            ("/a/b/c", 2, 1, false, "/a"),
            ("/a", 100, 3, false, "/a"),
            // The two slashes of the scheme count.
            ("http://h/a/b", 0, 2, false, "http://h"),
            ("*", 0, 1, false, "*"),
        ];
        for (uri, len, depth, whole, want) in table {
            assert_eq!(
                uri_key(uri.as_bytes(), len, depth, whole),
                want.as_bytes(),
                "{uri} {len} {depth} {whole}"
            );
        }
    }

    #[test]
    fn domains() {
        for (value, want) in [
            ("www.example.com", "example"),
            ("a.b.c.d", "c"),
            ("foo.", "foo"),
            ("1.2.3.4:80", "3"),
            ("example.com", "example"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(main_domain(value.as_bytes()), want.as_bytes(), "{value}");
        }
    }

    #[test]
    fn parameters() {
        assert_eq!(query_parameter(b"/x?a=1&id=7;8&b=2", b"id"), Some(&b"7;8"[..]));
        assert_eq!(query_parameter(b"/x?ID=7", b"id"), None);
        assert_eq!(query_parameter(b"/x?id", b"id"), None);
        assert_eq!(query_parameter(b"/x?id=", b"id"), Some(&b""[..]));
        assert_eq!(query_parameter(b"/x", b"id"), None);
    }

    #[test]
    fn a_post_body_is_the_second_place_for_a_parameter() {
        let config = Config { algorithm: Algorithm::UrlParam { name: b"id".to_vec() }, ..Config::default() };
        let parts = Parts { uri: Some(b"/x"), is_post: true, payload: b"a=1&id=abc", ..Parts::default() };
        assert_eq!(config.hash_of(&parts), Some(sdbm(b"abc")));
        assert_eq!(config.hash_of(&Parts { is_post: false, ..parts }), None);
        assert_eq!(config.hash_of(&Parts { payload: b"id=\xff", ..parts }), None);
        assert_eq!(config.hash_of(&Parts { uri: Some(b"/?id="), ..parts }), Some(0));
    }

    #[test]
    fn headers_use_the_first_value() {
        let name = b"x".to_vec();
        let config =
            Config { algorithm: Algorithm::Header { name, use_domain_only: false }, ..Config::default() };
        let hash = |header| config.hash_of(&Parts { header, ..Parts::default() });
        assert_eq!(hash(Some(b" one , two")), Some(sdbm(b"one")));
        assert_eq!(hash(Some(b"")), None);
        assert_eq!(hash(Some(b" , two")), None);
        assert_eq!(hash(None), None);
    }

    #[test]
    fn path_only_drops_scheme_and_authority() {
        let algorithm = Algorithm::Uri { len: 0, depth: 0, whole: false, path_only: true };
        let config = Config { algorithm, ..Config::default() };
        let hash = |uri| config.hash_of(&Parts { uri: Some(uri), ..Parts::default() });
        assert_eq!(hash(b"http://h:1/a?b"), Some(sdbm(b"/a")));
        assert_eq!(hash(b"*"), Some(0));
    }

    #[test]
    fn rdp_cookies() {
        let mut request = vec![3, 0, 0, 0, 40, 0xe0, 0, 0, 0, 0, 0];
        request.extend_from_slice(b"Cookie: mstshash=user1\r\n\x01\x00\x08\x00");
        request[3] = request.len() as u8;
        assert_eq!(rdp_cookie(&request, b"mstshash"), Some(&b"user1"[..]));
        assert_eq!(rdp_cookie(&request, b"other"), None);
        assert_eq!(rdp_cookie(&request[..20], b"mstshash"), None);
        assert_eq!(rdp_cookie(b"GET / HTTP/1.1\r\n", b"mstshash"), None);
    }
}
