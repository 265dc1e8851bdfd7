//! Request targets and how they agree with Host (RFC 9112 part 3.2, haproxy-stream part 1.2).

use crate::facts::is_host;
use crate::head::{Head, Version};

/// What is wrong with a request's target; the offset of the judgement is the target's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadTarget {
    /// The form does not go with the method, or is empty.
    Form,
    /// Authority and Host disagree; relaxable.
    Mismatch,
}

/// The form of a target.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    Origin,
    Asterisk,
    /// Where the authority starts and ends, and the scheme's default port.
    Absolute {
        authority: usize,
        path: usize,
        port: Option<&'static [u8]>,
    },
    Authority,
}

/// Judges a loaded request's target and normalises target and Host. Host fields were already reduced to one.
pub(crate) fn judge(head: &mut Head, relaxed: bool) -> Result<(), BadTarget> {
    let connect = head.method() == b"CONNECT";
    match form(head.uri(), connect).ok_or(BadTarget::Form)? {
        Form::Origin => Ok(()),
        Form::Asterisk
            if matches!(
                head.method(),
                b"GET" | b"HEAD" | b"POST" | b"PUT" | b"DELETE" | b"TRACE" | b"CONNECT"
            ) =>
        {
            Err(BadTarget::Form)
        }
        Form::Asterisk => Ok(()),
        Form::Authority => judge_connect(head, relaxed),
        Form::Absolute { authority, path, port } => judge_absolute(head, authority, path, port, relaxed),
    }
}

fn form(uri: &[u8], connect: bool) -> Option<Form> {
    match uri.first()? {
        b'/' => (!connect).then_some(Form::Origin),
        b'*' => (uri.len() == 1).then_some(Form::Asterisk),
        _ => match scheme_end(uri) {
            Some(_) if connect => None,
            Some(end) => {
                let authority = end + 3;
                let rest = uri.get(authority..)?;
                let path = rest.iter().position(|&b| b == b'/').map_or(uri.len(), |slash| authority + slash);
                let scheme = uri.get(..end)?;
                let port: Option<&'static [u8]> = if scheme.eq_ignore_ascii_case(b"http") {
                    Some(b"80")
                } else if scheme.eq_ignore_ascii_case(b"https") {
                    Some(b"443")
                } else {
                    None
                };
                Some(Form::Absolute { authority, path, port })
            }
            None => connect.then_some(Form::Authority),
        },
    }
}

/// Offset of `://` after a valid scheme.
fn scheme_end(uri: &[u8]) -> Option<usize> {
    if !uri.first()?.is_ascii_alphabetic() {
        return None;
    }
    let end = uri.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')))?;
    uri.get(end..)?.starts_with(b"://").then_some(end)
}

/// Without the userinfo.
fn host_port(authority: &[u8]) -> &[u8] {
    authority.iter().rposition(|&b| b == b'@').and_then(|at| authority.get(at + 1..)).unwrap_or(authority)
}

/// Splits off the trailing digits after the last colon.
fn split_port(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some(colon) = text.iter().rposition(|&b| b == b':') else { return (text, None) };
    let (host, port) = (text.get(..colon).unwrap_or_default(), text.get(colon + 1..).unwrap_or_default());
    if port.iter().all(u8::is_ascii_digit) { (host, Some(port)) } else { (text, None) }
}

fn judge_absolute(
    head: &mut Head,
    authority: usize,
    path: usize,
    default: Option<&'static [u8]>,
    relaxed: bool,
) -> Result<(), BadTarget> {
    let uri = head.uri().to_vec();
    let whole = uri.get(authority..path).unwrap_or_default();
    let named = host_port(whole);
    if named.contains(&b'?') && !relaxed {
        return Err(BadTarget::Mismatch);
    }
    let (bare, port) = split_port(named);
    let has_default_port = port.is_some() && port == default;
    if let Some(host) = head.value(b"host") {
        let (host_bare, host_port) = split_port(host);
        let equal = named.eq_ignore_ascii_case(host)
            || (bare.eq_ignore_ascii_case(host_bare)
                && ((port.is_none() && host_port.is_some() && host_port == default)
                    || (host_port.is_none() && has_default_port)));
        if !equal && !relaxed {
            return Err(BadTarget::Mismatch);
        }
    }
    if has_default_port || path == uri.len() {
        let mut normal = Vec::with_capacity(uri.len() + 1);
        normal.extend_from_slice(uri.get(..authority).unwrap_or_default());
        let kept = if has_default_port {
            whole.get(..whole.len() - port.map_or(0, <[u8]>::len) - 1).unwrap_or(whole)
        } else {
            whole
        };
        normal.extend_from_slice(kept);
        if path == uri.len() {
            normal.push(b'/');
        } else {
            normal.extend_from_slice(uri.get(path..).unwrap_or_default());
        }
        head.set_uri(&normal);
        let host = if has_default_port { bare } else { named };
        // Relaxed: the target may have bytes that no Host may have.
        if is_host(host) {
            replace_host(head, host);
        }
    }
    Ok(())
}

fn judge_connect(head: &mut Head, relaxed: bool) -> Result<(), BadTarget> {
    let uri = head.uri().to_vec();
    let named = host_port(&uri);
    let (bare, port) = split_port(named);
    let Some(port) = port.filter(|p| !p.is_empty()) else {
        return if relaxed { Ok(()) } else { Err(BadTarget::Mismatch) };
    };
    let default = matches!(port, b"80" | b"443");
    let Some(host) = head.value(b"host") else { return Ok(()) };
    let (host_bare, host_port) = split_port(host);
    let equal = bare.eq_ignore_ascii_case(host_bare) && host_port.map_or(default, |p| p == port);
    if !equal {
        return if relaxed { Ok(()) } else { Err(BadTarget::Mismatch) };
    }
    if host_port.is_some() && default {
        replace_host(head, bare);
    }
    Ok(())
}

fn replace_host(head: &mut Head, value: &[u8]) {
    let index = head.fields().position(|field| field.name == b"host");
    if let Some(index) = index {
        head.set_value(index, value);
    }
}

/// A version's text judged: how it is treated, and whether its text is kept.
pub(crate) fn version(text: &[u8]) -> Option<(Version, bool)> {
    let [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] = text else { return None };
    if !major.is_ascii_digit() || !minor.is_ascii_digit() {
        return None;
    }
    let modern = *major > b'1' || (*major == b'1' && *minor >= b'1');
    Some(if modern { (Version::Http11, text == b"HTTP/1.1") } else { (Version::Http10, true) })
}
