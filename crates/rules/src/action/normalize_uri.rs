//! `normalize-uri` (configuration manual, section 4.4; RFC 3986, section 6.2.2): an experiment of the reference's, which
//! `expose-experimental-directives` must allow.

use super::{Action, ActionRow, Args, REQUEST, row};
use crate::parse::Parsed;
use crate::{Reply, RuleCx, Verdict};
use http1::Head;
use sample::ParseCx;
use sample::uri::{path_and_query_of, path_of};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Normalizer {
    FragmentEncode,
    FragmentStrip,
    PathMergeSlashes,
    PathStripDot,
    PathStripDotdot { full: bool },
    PercentDecodeUnreserved { strict: bool },
    PercentToUppercase { strict: bool },
    QuerySortByName,
}

/// The target has a `%` that is not followed by two hex digits.
#[derive(Debug, PartialEq, Eq)]
struct Invalid;

impl Action for Normalizer {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        let Some(head) = cx.request.as_deref_mut() else { return Verdict::Continue };
        match self.apply(head) {
            Ok(()) => Verdict::Continue,
            Err(Invalid) => Verdict::Deny { status: 400, reply: None::<std::sync::Arc<Reply>> },
        }
    }
}

impl Normalizer {
    fn apply(self, head: &mut Head) -> Result<(), Invalid> {
        let uri = head.uri().to_vec();
        let pathq = path_and_query_of(&uri);
        let (before, path) = (uri.len() - pathq.len(), path_of(&uri));
        let (rest, whole) = (pathq.get(path.len()..).unwrap_or_default(), pathq);
        let of_path = |path: Vec<u8>| [path.as_slice(), rest].concat();
        let new = match self {
            Self::FragmentEncode => encode_fragment(whole),
            Self::FragmentStrip => whole.split(|&b| b == b'#').next().unwrap_or_default().to_vec(),
            Self::PathMergeSlashes => of_path(merge_slashes(path)),
            Self::PathStripDot => of_path(strip_dot(path)),
            Self::PathStripDotdot { full } => of_path(strip_dotdot(path, full)),
            Self::PercentDecodeUnreserved { strict } => percent(whole, strict, |byte, code| {
                let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
                if plain { vec![byte] } else { code.to_vec() }
            })?,
            Self::PercentToUppercase { strict } => {
                percent(whole, strict, |_, code| code.to_ascii_uppercase())?
            }
            Self::QuerySortByName => [path, &sort_query(rest)].concat(),
        };
        if new != whole {
            let start = uri.get(..before).unwrap_or_default();
            head.set_uri(&[start, &new].concat());
        }
        Ok(())
    }
}

fn encode_fragment(target: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(target.len());
    for &byte in target {
        match byte {
            b'#' => out.extend_from_slice(b"%23"),
            byte => out.push(byte),
        }
    }
    out
}

fn merge_slashes(path: &[u8]) -> Vec<u8> {
    let mut out = path.to_vec();
    out.dedup_by(|a, b| *a == b'/' && *b == b'/');
    out
}

/// The segments of a path behind its first slash; a path that does not begin with one is left alone.
fn segments(path: &[u8]) -> Option<std::slice::Split<'_, u8, impl FnMut(&u8) -> bool>> {
    Some(path.strip_prefix(b"/")?.split(|&b| b == b'/'))
}

fn joined(segments: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for segment in segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if out.is_empty() { b"/".to_vec() } else { out }
}

/// Takes segments of one dot out; a last one leaves its slash.
fn strip_dot(path: &[u8]) -> Vec<u8> {
    let Some(parts) = segments(path) else { return path.to_vec() };
    let mut kept: Vec<&[u8]> = parts.collect();
    let last = kept.pop().unwrap_or_default();
    kept.retain(|segment| *segment != b".");
    kept.push(if last == b"." { b"" } else { last });
    joined(&kept)
}

/// Takes segments of two dots out with the segment before each. What leads above the root stays, unless all of it is to go.
fn strip_dotdot(path: &[u8], full: bool) -> Vec<u8> {
    let Some(parts) = segments(path) else { return path.to_vec() };
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut ends_in_parent = false;
    for segment in parts {
        ends_in_parent = false;
        if segment != b".." {
            kept.push(segment);
        } else if kept.last().is_some_and(|last| *last != b"..") {
            kept.pop();
            ends_in_parent = true;
        } else {
            if !full {
                kept.push(segment);
            }
            ends_in_parent = true;
        }
    }
    if ends_in_parent {
        kept.push(b"");
    }
    joined(&kept)
}

/// Rewrites every `%XX`, given its byte and its text.
fn percent(target: &[u8], strict: bool, code: impl Fn(u8, &[u8]) -> Vec<u8>) -> Result<Vec<u8>, Invalid> {
    let digit = |at: usize| target.get(at).and_then(|&b| char::from(b).to_digit(16));
    let mut out = Vec::with_capacity(target.len());
    let mut at = 0;
    while let Some(&byte) = target.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                let text = target.get(at..at + 3).unwrap_or_default();
                out.extend(code(u8::try_from(high * 16 + low).unwrap_or(0), text));
                at += 3;
                continue;
            }
            (b'%', ..) if strict => return Err(Invalid),
            _ => out.push(byte),
        }
        at += 1;
    }
    Ok(out)
}

/// Sorts the parameters by name, shorter names first, equal ones as they were.
fn sort_query(query: &[u8]) -> Vec<u8> {
    let Some(query) = query.strip_prefix(b"?") else { return query.to_vec() };
    let mut parameters: Vec<&[u8]> = query.split(|&b| b == b'&').collect();
    parameters.sort_by_key(|parameter| parameter.split(|&b| b == b'=').next().unwrap_or_default());
    [&b"?"[..], &parameters.join(&b'&')].concat()
}

fn parse(args: &mut Args<'_>, _: &mut ParseCx<'_>) -> Parsed {
    let name = args.shown(0);
    if name.is_empty() {
        return Err("missing argument <normalizer>".to_owned());
    }
    args.at += 1;
    let option = match name.as_str() {
        "path-strip-dotdot" => "full",
        "percent-decode-unreserved" | "percent-to-uppercase" => "strict",
        _ => "",
    };
    let given = !option.is_empty() && !args.ended();
    if given && args.peek(0) != option.as_bytes() {
        return Err(format!("unknown argument '{}' for '{name}' normalizer", args.shown(0)));
    }
    args.at += usize::from(given);
    Ok(Box::new(match name.as_str() {
        "fragment-encode" => Normalizer::FragmentEncode,
        "fragment-strip" => Normalizer::FragmentStrip,
        "path-merge-slashes" => Normalizer::PathMergeSlashes,
        "path-strip-dot" => Normalizer::PathStripDot,
        "path-strip-dotdot" => Normalizer::PathStripDotdot { full: given },
        "percent-decode-unreserved" => Normalizer::PercentDecodeUnreserved { strict: given },
        "percent-to-uppercase" => Normalizer::PercentToUppercase { strict: given },
        "query-sort-by-name" => Normalizer::QuerySortByName,
        _ => return Err(format!("unknown normalizer '{name}'")),
    }))
}

pub(crate) const ROWS: &[ActionRow] =
    &[row("normalize-uri", REQUEST, (2, 4), "Brings the request target into a normal form.", parse)
        .experimental()];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, stripped) in [
            ("/.", "/"),
            ("/./bar/", "/bar/"),
            ("/a/./a", "/a/a"),
            ("/a/.", "/a/"),
            ("/.well-known/", "/.well-known/"),
            ("/", "/"),
            ("*", "*"),
        ] {
            assert_eq!(strip_dot(path.as_bytes()), stripped.as_bytes(), "{path}");
        }
        for (path, stripped, full) in [
            ("/foo/../", "/", "/"),
            ("/foo/../bar/", "/bar/", "/bar/"),
            ("/foo/bar/../", "/foo/", "/foo/"),
            ("/foo/bar/..", "/foo/", "/foo/"),
            ("/../bar/", "/../bar/", "/bar/"),
            ("/bar/../../", "/../", "/"),
            ("/foo//../", "/foo/", "/foo/"),
            ("/foo/%2E%2E/", "/foo/%2E%2E/", "/foo/%2E%2E/"),
            ("/..", "/../", "/"),
            ("/a/..", "/", "/"),
            ("/", "/", "/"),
        ] {
            assert_eq!(strip_dotdot(path.as_bytes(), false), stripped.as_bytes(), "{path}");
            assert_eq!(strip_dotdot(path.as_bytes(), true), full.as_bytes(), "{path} full");
        }
        assert_eq!(merge_slashes(b"//foo///bar"), b"/foo/bar");
    }

    #[test]
    fn queries() {
        for (query, sorted) in [
            ("?c=3&a=1&b=2", "?a=1&b=2&c=3"),
            ("?aaa=3&a=1&aa=2", "?a=1&aa=2&aaa=3"),
            ("?a=3&b=4&a=1&b=5&a=2", "?a=3&a=1&a=2&b=4&b=5"),
            ("", ""),
            ("?", "?"),
        ] {
            assert_eq!(sort_query(query.as_bytes()), sorted.as_bytes(), "{query}");
        }
    }

    #[test]
    fn percents() {
        let upper =
            |text: &str, strict| percent(text.as_bytes(), strict, |_, code| code.to_ascii_uppercase());
        assert_eq!(upper("/%6f%zz%a", false), Ok(b"/%6F%zz%a".to_vec()));
        assert_eq!(upper("/%6f%zz", true), Err(Invalid));
        assert_eq!(upper("/%a", true), Err(Invalid));
    }
}
