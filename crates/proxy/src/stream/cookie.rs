//! Persistence cookies (configuration manual, `cookie`; haproxy-algorithms, part 5) and cookie captures. `cookie_text` knows their fields.

use super::cookie_text::{self, Without};
use super::{Persistence, Stream};
use crate::state::{BackendState, CookieMatch, Wanted};
use haproxy_config::runtime::Cookie;
use http1::Head;
use log_format::{CookieRequest, CookieResponse};
use std::ops::Range;
use std::rc::Rc;
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

/// What a cookie of the request comes to.
struct Judged {
    found: CookieRequest,
    dates: CookieState,
    wanted: Option<Wanted>,
}

impl Stream<'_> {
    /// Captures, and looks for the persistence cookie in the request.
    pub(super) fn request_cookie(&mut self, backend: &Arc<BackendState>) {
        self.capture_request_cookie();
        let Some(cookie) = &backend.config.cookie else { return };
        let passive = !(cookie.insert || cookie.rewrite || cookie.prefix);
        if !passive {
            self.log.termination.cookie_request = CookieRequest::None;
            self.log.termination.cookie_response = CookieResponse::None;
        }
        self.edit_cookies(cookie_text::tightened);
        let Some(Judged { found, dates, wanted }) = self.persistence_cookie(cookie, backend) else { return };
        if !matches!(found, CookieRequest::Old | CookieRequest::Expired) {
            self.cookie = dates;
        }
        self.wanted = self.wanted.or(wanted);
        if passive {
            return;
        }
        self.log.termination.cookie_request = found;
        let name = &cookie.name;
        if cookie.prefix {
            self.edit_cookies(|value| without_prefix(value, name));
        } else if cookie.insert && cookie.indirect {
            self.edit_cookies(|value| match cookie_text::without(value, name) {
                Without::Same => None,
                Without::Rest(left) => Some(left),
                Without::Nothing => Some(Vec::new()),
            });
        }
    }

    /// `capture cookie` of the request, as it is when its rules have run.
    pub(super) fn capture_request_cookie(&mut self) {
        let front = Rc::clone(&self.front);
        if let Some((name, prefix, length)) = &front.proxy.captures.cookie {
            self.edit_cookies(cookie_text::tightened);
            self.log.request_cookie = cookie_text::capture(&self.request, b"cookie", name, *prefix, *length);
        }
    }

    /// Changes Cookie fields; one of which nothing is left goes.
    fn edit_cookies(&mut self, edited: impl Fn(&[u8]) -> Option<Vec<u8>>) {
        let mut at = 0;
        while let Some((index, new)) = next_field(&self.request, at, b"cookie", &edited) {
            at = index + 1;
            match new {
                Some(new) if new.is_empty() => {
                    self.request.remove_at(index);
                    at = index;
                }
                Some(new) => self.request.set_value(index, &new),
                None => {}
            }
        }
    }

    /// What the cookies of the name say: the first that leads to a server, else the first.
    fn persistence_cookie(&self, cookie: &Cookie, backend: &BackendState) -> Option<Judged> {
        let mut first = None;
        for value in self.request.values(b"cookie") {
            for range in cookie_text::named(value, &cookie.name) {
                let carried = value.get(range).unwrap_or_default();
                let (key, dates) = if cookie.prefix {
                    // HAPROXY: one without prefix is a server's name all the same.
                    let key = carried.split(|&b| b == b'~').next().unwrap_or_default();
                    (key.trim_ascii_end(), CookieState::default())
                } else {
                    dated_key(carried)
                };
                let (found, wanted) = self.judge_cookie(cookie, backend, key, dates);
                let judged = Judged { found, dates, wanted };
                if found == CookieRequest::Valid {
                    return Some(judged);
                }
                first.get_or_insert(judged);
            }
        }
        first
    }

    fn judge_cookie(
        &self,
        cookie: &Cookie,
        backend: &BackendState,
        key: &[u8],
        dates: CookieState,
    ) -> (CookieRequest, Option<Wanted>) {
        if self.ruled {
            return (CookieRequest::Unused, None);
        }
        if key.is_empty() {
            return (CookieRequest::Invalid, None);
        }
        let now = self.wall_seconds();
        let outside = |date: Option<u64>, limit: Option<std::time::Duration>| {
            date.zip(limit).is_some_and(|(date, limit)| {
                now.saturating_sub(date) > limit.as_secs() || date > now + FUTURE_LIMIT
            })
        };
        if outside(dates.first, cookie.maxlife) {
            return (CookieRequest::Old, None);
        }
        if outside(dates.last, cookie.maxidle) {
            return (CookieRequest::Expired, None);
        }
        if self.persistence == Persistence::Ignored {
            return (CookieRequest::Unused, None);
        }
        let forced = self.persistence == Persistence::Forced;
        match backend.match_cookie(key, backend.config.options.persist || forced) {
            CookieMatch::Valid(server) => (CookieRequest::Valid, Some(Wanted { server, forced })),
            CookieMatch::Down => (CookieRequest::Down, None),
            CookieMatch::Unknown => (CookieRequest::Invalid, None),
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
        while let Some((index, value, item)) = self.own_set_cookie(&cookie.name) {
            set_by_server = true;
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
                        new.extend_from_slice(value.get(item.clone()).unwrap_or_default());
                    }
                    let edited = cookie_text::splice(&value, item, &new);
                    self.response.set_value(index, &edited);
                }
                _ => {}
            }
            break;
        }
        // A redispatch leaves the server that a rule named.
        let by_rule = self.ruled && self.wanted.is_some();
        let kept = (cookie.preserve && set_by_server) || by_rule || self.persistence == Persistence::Ignored;
        let method_fits = !cookie.postonly || self.request.method() == b"POST";
        if cookie.insert && !kept && method_fits && (!valid || self.dates_are_stale(cookie)) {
            self.insert_cookie(cookie, key.as_deref().map(Vec::as_slice), valid);
        }
    }

    /// The server's first Set-Cookie of a name: the field's index, its value, and where in it the cookie's value is.
    fn own_set_cookie(&self, name: &[u8]) -> Option<(usize, Vec<u8>, Range<usize>)> {
        self.response.fields().enumerate().filter(|(_, field)| field.name == b"set-cookie").find_map(
            |(index, field)| {
                let item = cookie_text::set_cookie(field.value, name)?;
                Some((index, field.value.to_vec(), item))
            },
        )
    }

    /// `capture cookie` of the response, as it is when its rules have run.
    pub(super) fn capture_response_cookie(&mut self) {
        let front = Rc::clone(&self.front);
        let captured = front.proxy.captures.cookie.as_ref();
        if captured.is_none() && self.backend.as_ref().is_none_or(|backend| backend.config.cookie.is_none()) {
            return;
        }
        let mut at = 0;
        while let Some((index, new)) =
            next_field(&self.response, at, b"set-cookie", &cookie_text::tightened_first)
        {
            at = index + 1;
            if let Some(new) = new {
                self.response.set_value(index, &new);
            }
        }
        if let Some((name, prefix, length)) = captured {
            self.log.response_cookie =
                cookie_text::capture(&self.response, b"set-cookie", name, *prefix, *length);
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

/// The next field of a name from an index on, and what becomes of its value.
fn next_field(
    head: &Head,
    from: usize,
    name: &[u8],
    edited: &impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<(usize, Option<Vec<u8>>)> {
    let mut fields = head.fields().enumerate().skip(from);
    fields.find(|(_, field)| field.name == name).map(|(index, field)| (index, edited(field.value)))
}

/// Splits `SRV|LAST|FIRST`.
fn dated_key(value: &[u8]) -> (&[u8], CookieState) {
    let mut parts = value.split(|&b| b == b'|');
    let key = parts.next().unwrap_or_default();
    let last = parts.next().and_then(decode_date);
    (key, CookieState { last, first: parts.next().and_then(decode_date) })
}

/// A prefixed cookie as the server knows it. A cookie without prefix stays.
fn without_prefix(value: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut ranges: Vec<Range<usize>> = cookie_text::named(value, name)
        .filter_map(|range| {
            let mark = memchr::memchr(b'~', value.get(range.clone())?)?;
            Some(range.start..range.start + mark + 1)
        })
        .collect();
    let mut new = ranges.last().map(|_| value.to_vec())?;
    while let Some(range) = ranges.pop() {
        new.drain(range);
    }
    Some(new)
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
