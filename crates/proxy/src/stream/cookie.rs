//! Persistence cookies (configuration manual, `cookie`; haproxy-algorithms, part 5) and cookie captures.

use super::{Persistence, Stream};
use crate::state::{BackendState, CookieMatch, Wanted};
use haproxy_config::runtime::Cookie;
use http1::Head;
use log_format::{CookieRequest, CookieResponse};
use std::ops::Range;
use std::sync::Arc;

/// Dates count units of so many seconds.
const DATE_UNIT: u64 = 4;
/// A first date further ahead than this is a forgery or a broken clock.
const FUTURE_LIMIT: u64 = 86_400;

/// The dates that the request's cookie carried, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CookieState {
    last: Option<u64>,
    first: Option<u64>,
}

impl Stream<'_> {
    /// Looks for the persistence cookie in the request.
    pub(super) fn request_cookie(&mut self, backend: &Arc<BackendState>) {
        let Some(cookie) = &backend.config.cookie else { return };
        let passive = !(cookie.insert || cookie.rewrite || cookie.prefix);
        if !passive {
            self.log.termination.cookie_request = CookieRequest::None;
            self.log.termination.cookie_response = CookieResponse::None;
        }
        let Some((index, item)) = find(&self.request, b"cookie", &cookie.name) else { return };
        let value = self.request.fields().nth(index).map(|f| f.value.to_vec()).unwrap_or_default();
        let carried = value.get(item.value.clone()).unwrap_or_default();
        let (key, rest) = if cookie.prefix {
            match memchr::memchr(b'~', carried) {
                Some(mark) => (carried.get(..mark).unwrap_or_default(), carried.get(mark + 1..)),
                // HAPROXY: one without prefix is a server's name all the same.
                None => (carried, None),
            }
        } else {
            (self.dated_key(carried), None)
        };
        let found = self.judge_cookie(cookie, backend, key);
        if matches!(found, CookieRequest::Old | CookieRequest::Expired) {
            self.cookie = CookieState::default();
        }
        if passive {
            return;
        }
        self.log.termination.cookie_request = found;
        if let Some(rest) = rest {
            let edited = splice(&value, item.value, rest);
            self.request.set_value(index, &edited);
        } else if cookie.insert && cookie.indirect {
            // All of that name are between the client and us.
            while let Some((index, item)) = find(&self.request, b"cookie", &cookie.name) {
                let value = self.request.fields().nth(index).map(|f| f.value.to_vec()).unwrap_or_default();
                match without(&value, item.whole) {
                    Some(left) => self.request.set_value(index, &left),
                    None => self.request.remove_at(index),
                }
            }
        }
    }

    /// Splits `SRV|LAST|FIRST`, keeping the dates.
    fn dated_key<'v>(&mut self, value: &'v [u8]) -> &'v [u8] {
        let mut parts = value.split(|&b| b == b'|');
        let key = parts.next().unwrap_or_default();
        self.cookie.last = parts.next().and_then(decode_date);
        self.cookie.first = parts.next().and_then(decode_date);
        key
    }

    fn judge_cookie(&mut self, cookie: &Cookie, backend: &BackendState, key: &[u8]) -> CookieRequest {
        if key.is_empty() {
            return CookieRequest::Invalid;
        }
        let now = self.wall_seconds();
        let outside = |date: Option<u64>, limit: Option<std::time::Duration>| {
            date.zip(limit).is_some_and(|(date, limit)| {
                now.saturating_sub(date) > limit.as_secs() || date > now + FUTURE_LIMIT
            })
        };
        if outside(self.cookie.first, cookie.maxlife) {
            return CookieRequest::Old;
        }
        if outside(self.cookie.last, cookie.maxidle) {
            return CookieRequest::Expired;
        }
        if self.persistence == Persistence::Ignored {
            return CookieRequest::Unused;
        }
        let forced = self.persistence == Persistence::Forced;
        match backend.match_cookie(key, backend.config.options.persist || forced) {
            CookieMatch::Valid(server) => {
                self.wanted = Some(Wanted { server, forced });
                CookieRequest::Valid
            }
            CookieMatch::Down => CookieRequest::Down,
            CookieMatch::Unknown => CookieRequest::Invalid,
        }
    }

    fn wall_seconds(&self) -> u64 {
        u64::try_from(sys::clock::wall().seconds).unwrap_or(0)
    }

    /// Handles the server's own cookie and inserts ours.
    pub(super) fn response_cookie(&mut self) {
        let Some(backend) = self.backend.clone() else { return };
        let Some(cookie) = &backend.config.cookie else { return };
        let Some(server) = self.server.clone() else { return };
        if self.log.termination.cookie_request == CookieRequest::Off {
            return;
        }
        if self.log.termination.cookie_request == CookieRequest::Valid
            && self.wanted.is_none_or(|wanted| wanted.server != server.at.server)
        {
            self.log.termination.cookie_request = CookieRequest::Down;
        }
        let valid = self.log.termination.cookie_request == CookieRequest::Valid;
        let key = server.cookie();
        let mut set_by_server = false;
        while let Some((index, item)) = find_from(&self.response, b"set-cookie", &cookie.name, 0) {
            set_by_server = true;
            let value = self.response.fields().nth(index).map(|f| f.value.to_vec()).unwrap_or_default();
            let response = match &key {
                _ if cookie.preserve => CookieResponse::Passive,
                Some(_) if cookie.insert => CookieResponse::Deleted,
                _ if cookie.indirect && valid => CookieResponse::Deleted,
                Some(_) if cookie.rewrite || cookie.prefix => CookieResponse::Rewritten,
                _ => CookieResponse::Passive,
            };
            self.log.termination.cookie_response = response;
            match (response, &key) {
                (CookieResponse::Deleted, _) => {
                    self.response.remove_at(index);
                    continue;
                }
                (CookieResponse::Rewritten, Some(key)) => {
                    let mut new = key.to_vec();
                    if cookie.prefix {
                        new.push(b'~');
                        new.extend_from_slice(value.get(item.value.clone()).unwrap_or_default());
                    }
                    let edited = splice(&value, item.value, &new);
                    self.response.set_value(index, &edited);
                }
                _ => {}
            }
            break;
        }
        let kept = (cookie.preserve && set_by_server) || self.persistence == Persistence::Ignored;
        let method_fits = !cookie.postonly || self.request.method() == b"POST";
        if cookie.insert && !kept && method_fits && (!valid || self.dates_are_stale(cookie)) {
            self.insert_cookie(cookie, key.as_deref().map(Vec::as_slice), valid);
        }
    }

    fn dates_are_stale(&self, cookie: &Cookie) -> bool {
        let CookieState { last, first } = self.cookie;
        let now = self.wall_seconds();
        ((cookie.maxidle.is_some() || last.is_some()) && last.is_none_or(|last| last < now))
            || (cookie.maxlife.is_some() != first.is_some())
    }

    fn insert_cookie(&mut self, cookie: &Cookie, key: Option<&[u8]>, valid: bool) {
        let mut text = self.front.thread.take_text();
        text.extend_from_slice(&cookie.name);
        text.push(b'=');
        match key {
            Some(key) => {
                text.extend_from_slice(key);
                let now = self.wall_seconds();
                if cookie.maxidle.is_some() || cookie.maxlife.is_some() {
                    text.push(b'|');
                    encode_date(now, &mut text);
                }
                if cookie.maxlife.is_some() {
                    text.push(b'|');
                    encode_date(self.cookie.first.unwrap_or(now), &mut text);
                }
                text.extend_from_slice(b"; path=/");
            }
            None if self.log.termination.cookie_request == CookieRequest::None => {
                // Nothing to take away from a client that sent nothing.
                self.front.thread.give_text(text);
                return;
            }
            None => text.extend_from_slice(b"; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"),
        }
        for domain in &cookie.domains {
            text.extend_from_slice(b"; domain=");
            text.extend_from_slice(domain.as_bytes());
        }
        if cookie.httponly {
            text.extend_from_slice(b"; HttpOnly");
        }
        if cookie.secure {
            text.extend_from_slice(b"; Secure");
        }
        for attribute in &cookie.attributes {
            text.extend_from_slice(b"; ");
            text.extend_from_slice(attribute.as_bytes());
        }
        self.response.append(b"set-cookie", &text);
        self.front.thread.give_text(text);
        self.log.termination.cookie_response =
            if valid { CookieResponse::Updated } else { CookieResponse::Inserted };
        if cookie.nocache && self.is_cacheable() {
            self.response.append(b"cache-control", b"private");
        }
    }

    /// Whether a cache would keep the response: it says for how long, or how to ask whether it is still good.
    fn is_cacheable(&self) -> bool {
        let lasting = |value: &[u8]| {
            value.split(|&b| b == b',').map(<[u8]>::trim_ascii).any(|directive| {
                let name = directive.split(|&b| b == b'=').next().unwrap_or_default();
                name.eq_ignore_ascii_case(b"max-age") || name.eq_ignore_ascii_case(b"s-maxage")
            })
        };
        let explicit = self.response.values(b"cache-control").any(lasting)
            || [&b"expires"[..], b"etag", b"last-modified"]
                .iter()
                .any(|name| self.response.value(name).is_some());
        if !explicit {
            return false;
        }
        let status =
            matches!(self.response.status(), 200 | 203 | 204 | 206 | 300 | 301 | 404 | 405 | 410 | 414 | 501);
        let forbidden = |value: &[u8]| {
            value.split(|&b| b == b',').map(<[u8]>::trim_ascii).any(|directive| {
                ["private", "no-store", "no-cache", "max-age=0", "s-maxage=0"]
                    .iter()
                    .any(|d| directive.eq_ignore_ascii_case(d.as_bytes()))
            })
        };
        let method = matches!(self.request.method(), b"GET" | b"HEAD");
        status && method && !self.response.values(b"cache-control").any(forbidden)
    }
}

/// One `name=value` of a cookie field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    /// Name, equals sign and value.
    whole: Range<usize>,
    value: Range<usize>,
}

/// The first cookie of a name: the field's index and the place in its value.
fn find(head: &Head, field: &[u8], name: &[u8]) -> Option<(usize, Item)> {
    find_from(head, field, name, 0)
}

fn find_from(head: &Head, field: &[u8], name: &[u8], from: usize) -> Option<(usize, Item)> {
    head.fields().enumerate().skip(from).filter(|(_, f)| f.name == field).find_map(|(index, f)| {
        let mut items = items(f.value);
        // A Set-Cookie has one cookie; attributes follow it.
        let found = if field == b"set-cookie" {
            items.next().filter(|(n, _)| f.value.get(n.clone()) == Some(name))
        } else {
            items.find(|(n, _)| f.value.get(n.clone()) == Some(name))
        };
        found.map(|(_, item)| (index, item))
    })
}

/// The items of a cookie field: name, and the item. Separators inside quotes do not count; what has no equals sign is no item.
fn items(value: &[u8]) -> impl Iterator<Item = (Range<usize>, Item)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < value.len() {
            let start = at;
            let (mut quoted, mut escaped) = (false, false);
            while let Some(&b) = value.get(at) {
                match b {
                    _ if escaped => escaped = false,
                    b'\\' if quoted => escaped = true,
                    b'"' => quoted = !quoted,
                    b';' | b',' if !quoted => break,
                    _ => {}
                }
                at += 1;
            }
            let part = trimmed(value, start..at);
            at += 1;
            let Some(equals) = value.get(part.clone()).and_then(|p| memchr::memchr(b'=', p)) else {
                continue;
            };
            let name = trimmed(value, part.start..part.start + equals);
            let content = trimmed(value, part.start + equals + 1..part.end);
            return Some((name, Item { whole: part, value: content }));
        }
        None
    })
}

fn trimmed(value: &[u8], range: Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (range.start, range.end);
    while start < end && value.get(start).is_some_and(u8::is_ascii_whitespace) {
        start += 1;
    }
    while end > start && value.get(end - 1).is_some_and(u8::is_ascii_whitespace) {
        end -= 1;
    }
    start..end
}

/// The value with a range replaced.
fn splice(value: &[u8], range: Range<usize>, with: &[u8]) -> Vec<u8> {
    let mut out = value.get(..range.start).unwrap_or_default().to_vec();
    out.extend_from_slice(with);
    out.extend_from_slice(value.get(range.end..).unwrap_or_default());
    out
}

/// The value without an item and its separator; none when nothing is left.
fn without(value: &[u8], item: Range<usize>) -> Option<Vec<u8>> {
    let before = value.get(..item.start).unwrap_or_default().trim_ascii_end();
    let before = before.strip_suffix(b";").or_else(|| before.strip_suffix(b",")).unwrap_or(before);
    let after = value.get(item.end..).unwrap_or_default().trim_ascii_start();
    let after =
        after.strip_prefix(b";").or_else(|| after.strip_prefix(b",")).unwrap_or(after).trim_ascii_start();
    let mut left = before.to_vec();
    if !left.is_empty() && !after.is_empty() {
        left.extend_from_slice(b"; ");
    }
    left.extend_from_slice(after);
    (!left.is_empty()).then_some(left)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A date as five characters, most significant six bits first.
fn encode_date(seconds: u64, out: &mut Vec<u8>) {
    let units = seconds.div_ceil(DATE_UNIT);
    for shift in [24, 18, 12, 6, 0] {
        out.push(ALPHABET[(units >> shift & 63) as usize]);
    }
}

fn decode_date(text: &[u8]) -> Option<u64> {
    let five: &[u8; 5] = text.try_into().ok()?;
    let mut units = 0u64;
    for b in five {
        units = units << 6 | ALPHABET.iter().position(|a| a == b)? as u64;
    }
    (units > 0).then_some(units * DATE_UNIT)
}

/// `capture cookie`: `name=value` of the first match, cut at the length.
pub(super) fn capture(
    head: &Head,
    field: &[u8],
    name: &[u8],
    prefix: bool,
    length: usize,
) -> Option<Vec<u8>> {
    for value in head.values(field) {
        let matches = |n: &[u8]| if prefix { n.starts_with(name) } else { n == name };
        let mut items = items(value);
        let found = if field == b"set-cookie" {
            items.next().filter(|(n, _)| value.get(n.clone()).is_some_and(matches))
        } else {
            items.find(|(n, _)| value.get(n.clone()).is_some_and(matches))
        };
        if let Some((_, item)) = found {
            let whole = value.get(item.whole)?;
            return Some(whole.get(..length).unwrap_or(whole).to_vec());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use http1::Version;

    #[test]
    fn dates_are_five_characters() {
        // haproxy-algorithms, part 5: 1795388847 -> awN1s.
        let mut text = Vec::new();
        encode_date(1_795_388_847, &mut text);
        assert_eq!(text, b"awN1s");
        assert_eq!(decode_date(b"awN1s"), Some(1_795_388_848));
        assert_eq!(decode_date(b"AAAAA"), None);
        assert_eq!(decode_date(b"aw N1"), None);
        assert_eq!(decode_date(b"awN1"), None);
    }

    #[test]
    fn items_are_found_outside_quotes() {
        let mut head = Head::request(b"GET", b"/", Version::Http11);
        head.append(b"cookie", b"a=1; $Version=1; q=\"x; SRV=no\"; SRV = s1 , SRV=s2");
        let (index, item) = find(&head, b"cookie", b"SRV").unwrap();
        let value = head.fields().nth(index).unwrap().value;
        assert_eq!(&value[item.value], b"s1");
        assert!(find(&head, b"cookie", b"srv").is_none());
    }

    #[test]
    fn removal_leaves_a_clean_list() {
        let cut = |value: &str, name: &str| {
            let mut head = Head::request(b"GET", b"/", Version::Http11);
            head.append(b"cookie", value.as_bytes());
            let (_, item) = find(&head, b"cookie", name.as_bytes()).unwrap();
            without(value.as_bytes(), item.whole).map(|v| String::from_utf8(v).unwrap())
        };
        assert_eq!(cut("SRV=s1", "SRV"), None);
        assert_eq!(cut("SRV=s1; a=1", "SRV").unwrap(), "a=1");
        assert_eq!(cut("a=1; SRV=s1", "SRV").unwrap(), "a=1");
        assert_eq!(cut("a=1; SRV=s1; b=2", "SRV").unwrap(), "a=1; b=2");
    }

    #[test]
    fn captures_are_cut() {
        let mut head = Head::request(b"GET", b"/", Version::Http11);
        head.append(b"cookie", b"b=2; c=123456");
        assert_eq!(capture(&head, b"cookie", b"c", false, 6).unwrap(), b"c=1234");
        assert_eq!(capture(&head, b"cookie", b"z", false, 6), None);
    }
}
