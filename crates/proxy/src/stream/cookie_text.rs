//! The text of Cookie and Set-Cookie fields: its items, and how they are read, tightened and taken out.

use http1::Head;
use std::ops::Range;

/// What stands between two separators of a cookie field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// All of it, with the blanks around it.
    span: Range<usize>,
    /// The place of its equals sign.
    equals: Option<usize>,
}

impl Part {
    fn name(&self, value: &[u8]) -> Option<Range<usize>> {
        Some(trimmed(value, self.span.start..self.equals?))
    }

    fn content(&self, value: &[u8]) -> Option<Range<usize>> {
        Some(trimmed(value, self.equals? + 1..self.span.end))
    }

    /// Whether it says something about the cookie before it (`$Path`) or about all of them (`$Version`; RFC 2965, section 3.3.4).
    fn is_attribute(&self, value: &[u8]) -> bool {
        trimmed(value, self.span.clone()).next().and_then(|at| value.get(at)) == Some(&b'$')
    }

    fn is_named(&self, value: &[u8], name: &[u8]) -> bool {
        !self.is_attribute(value) && self.name(value).and_then(|range| value.get(range)) == Some(name)
    }
}

/// The parts of a cookie field. Separators inside quotes do not count.
fn parts(value: &[u8]) -> impl Iterator<Item = Part> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at > value.len() {
            return None;
        }
        let start = at;
        let (mut quoted, mut escaped, mut equals) = (false, false, None);
        while let Some(&b) = value.get(at) {
            match b {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b';' | b',' if !quoted => break,
                b'=' if equals.is_none() => equals = Some(at),
                _ => {}
            }
            at += 1;
        }
        let span = start..at;
        at += 1;
        Some(Part { span, equals })
    })
}

/// The cookies of a Cookie field's value that have a name, as the ranges of their values, in order.
pub(super) fn named<'v>(value: &'v [u8], name: &'v [u8]) -> impl Iterator<Item = Range<usize>> + 'v {
    parts(value).filter(move |part| part.is_named(value, name)).filter_map(move |part| part.content(value))
}

/// The range of the value of a Set-Cookie's cookie, when it has the name. Attributes follow it.
pub(super) fn set_cookie(value: &[u8], name: &[u8]) -> Option<Range<usize>> {
    parts(value).next().filter(|part| part.is_named(value, name))?.content(value)
}

/// Every cookie without the blanks around its equals sign; none when there are none to take out.
pub(super) fn tightened(value: &[u8]) -> Option<Vec<u8>> {
    tighten(value, usize::MAX)
}

/// The same for the cookie of a Set-Cookie.
pub(super) fn tightened_first(value: &[u8]) -> Option<Vec<u8>> {
    tighten(value, 1)
}

fn tighten(value: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    for part in parts(value).take(most).filter(|part| !part.is_attribute(value)) {
        let (Some(equals), Some(name)) = (part.equals, part.name(value)) else { continue };
        // Blanks behind the value stay.
        let after = value.get(equals + 1..part.span.end).unwrap_or_default();
        let content = equals + 1 + (after.len() - after.trim_ascii_start().len());
        if name.end == equals && content == equals + 1 {
            continue;
        }
        let out = out.get_or_insert_default();
        out.extend_from_slice(value.get(copied..name.end).unwrap_or_default());
        out.push(b'=');
        copied = content;
    }
    let mut out = out?;
    out.extend_from_slice(value.get(copied..).unwrap_or_default());
    Some(out)
}

/// What is left of a Cookie field's value without the cookies of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// There was none.
    Same,
    /// This.
    Rest(Vec<u8>),
    /// No cookie at all.
    Nothing,
}

/// Takes out every cookie of a name, with the attributes behind it. Attributes alone are nothing.
pub(super) fn without(value: &[u8], name: &[u8]) -> Without {
    let mut left = value.to_vec();
    let mut found = false;
    while let Some(shorter) = without_one(&left, name) {
        found = true;
        left = shorter;
    }
    if !found {
        Without::Same
    } else if left.is_empty() || parts(&left).all(|part| part.is_attribute(&left)) {
        Without::Nothing
    } else {
        Without::Rest(left)
    }
}

fn without_one(value: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut parts = parts(value).skip_while(|part| !part.is_named(value, name));
    let taken = parts.next()?;
    let end =
        parts.take_while(|part| part.is_attribute(value)).last().unwrap_or_else(|| taken.clone()).span.end;
    // HAPROXY: the separator in front goes with the blanks before it; the one behind stays, with one blank.
    let before = value.get(..taken.span.start.saturating_sub(1)).unwrap_or_default().trim_ascii_end();
    let (separator, after) = match value.get(end..) {
        Some([separator, after @ ..]) => (Some(*separator), after.trim_ascii_start()),
        _ => (None, &[][..]),
    };
    let mut left = before.to_vec();
    if let (Some(separator), false) = (separator, before.is_empty()) {
        left.push(separator);
        left.push(b' ');
    }
    left.extend_from_slice(after);
    Some(left)
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
pub(super) fn splice(value: &[u8], range: Range<usize>, with: &[u8]) -> Vec<u8> {
    let mut out = value.get(..range.start).unwrap_or_default().to_vec();
    out.extend_from_slice(with);
    out.extend_from_slice(value.get(range.end..).unwrap_or_default());
    out
}

/// `capture cookie`: `name=value` of the first match, cut at the length.
pub(super) fn capture(
    head: &Head,
    field: &[u8],
    name: &[u8],
    prefix: bool,
    length: usize,
) -> Option<Vec<u8>> {
    // A Set-Cookie has one cookie; attributes follow it.
    let most = if field == b"set-cookie" { 1 } else { usize::MAX };
    head.values(field).find_map(|value| {
        let found = parts(value).take(most).find(|part| {
            let own = part.name(value).and_then(|range| value.get(range)).unwrap_or_default();
            part.equals.is_some() && if prefix { own.starts_with(name) } else { own == name }
        })?;
        let whole = value.get(trimmed(value, found.span))?;
        Some(whole.get(..length).unwrap_or(whole).to_vec())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http1::Version;

    #[test]
    fn cookies_are_found_outside_quotes() {
        let value = b"a=1; $Version=1; q=\"x; SRV=no\"; SRV = s1 , SRV=s2; $SRV=s3";
        let found: Vec<&[u8]> = named(value, b"SRV").map(|range| &value[range]).collect();
        assert_eq!(found, [&b"s1"[..], b"s2"]);
        assert_eq!(named(value, b"srv").count(), 0);
        assert_eq!(set_cookie(b"SRV = x; path=/", b"SRV"), Some(6..7));
        assert_eq!(set_cookie(b"a=1; SRV=x", b"SRV"), None);
    }

    /// What 3.0.11 makes of such fields.
    #[test]
    fn cookies_are_taken_out() {
        let cut = |value: &str| match without(value.as_bytes(), b"C") {
            Without::Same => value.to_owned(),
            Without::Rest(left) => String::from_utf8(left).unwrap(),
            Without::Nothing => "nothing".to_owned(),
        };
        for (value, left) in [
            ("C=ca", "nothing"),
            ("C=ca;", "nothing"),
            ("C=ca; a=1", "a=1"),
            ("a=1; C=ca", "a=1"),
            ("a=1;C=ca;", "a=1; "),
            ("x=1 ; C=cb ;y=2", "x=1; y=2"),
            ("a=1 ;C=ca,d=4", "a=1, d=4"),
            ("C=ca ,d=4", "d=4"),
            (";C=ca; ;", ";"),
            ("; ;C=ca;;x=1", ";; ;x=1"),
            ("a=1;b=2 ;C=ca;   c=3", "a=1;b=2; c=3"),
            ("a=1;C=ca;C=cb;b", "a=1; b"),
            ("foo;C=cb;bar", "foo; bar"),
            ("C=ca; $y=1; d=4", "d=4"),
            ("$v=1; $w=2; C=ca; $x=1; $y=2; d=4", "$v=1; $w=2; d=4"),
            ("a=1; C=ca; $x=1;", "a=1; "),
            ("$y=1; C=ca; $y=1", "nothing"),
            ("$C=ca; C=cb", "nothing"),
            ("$v=1", "$v=1"),
        ] {
            assert_eq!(cut(value), left, "{value}");
        }
    }

    #[test]
    fn blanks_around_the_equals_sign_go() {
        let tight = |value: &str| {
            tightened(value.as_bytes())
                .map_or_else(|| value.to_owned(), |new| String::from_utf8(new).unwrap())
        };
        for (value, new) in [
            ("a=1; b=2", "a=1; b=2"),
            ("x = 1; y = 2", "x=1; y=2"),
            ("a ; b = ; c =  ; = d; e", "a ; b=; c=; =d; e"),
            ("a = \"q = 1; z = 2\" ; b = 3", "a=\"q = 1; z = 2\" ; b=3"),
            ("a = 1 = 2", "a=1 = 2"),
            ("$Version = 1; C = cb", "$Version = 1; C=cb"),
            ("a =1,b =2", "a=1,b=2"),
            (";; a =1", ";; a=1"),
            ("C =", "C="),
        ] {
            assert_eq!(tight(value), new, "{value}");
        }
        assert_eq!(tightened_first(b"C = own ; path = /").unwrap(), b"C=own ; path = /");
        assert_eq!(tightened_first(b"C; path = /"), None);
    }

    #[test]
    fn captures_are_cut() {
        let mut head = Head::request(b"GET", b"/", Version::Http11);
        head.append(b"cookie", b"b=2; c=123456");
        assert_eq!(capture(&head, b"cookie", b"c", false, 6).unwrap(), b"c=1234");
        assert_eq!(capture(&head, b"cookie", b"z", false, 6), None);
    }
}
