//! The request line, the target's pieces and the credentials (layer 7).

use super::constant::{check_unit, dated};
use super::source::{REQUEST_HEADERS, TRANSACTION};
use super::{FetchRow, Missing, absent, row};
use crate::arg::{Arg, ArgType};
use crate::conv::base64_decode;
use crate::uri::{authority, parameters, path_and_query_of, path_of};
use crate::value::leading_int;
use crate::{Cx, ParseCx, Type, User, Value};
use http1::Head;
use std::borrow::Cow;
use std::ops::ControlFlow;

type Fetched<'a> = Result<Value<'a>, Missing>;
type Visit<'v, 'a> = &'v mut dyn FnMut(Value<'a>) -> ControlFlow<()>;

fn head<'a>(cx: &Cx<'a>) -> Result<&'a Head, Missing> {
    cx.request.ok_or(Missing::NotYet)
}

fn some_text(text: &[u8]) -> Fetched<'_> {
    if text.is_empty() { absent() } else { Ok(Value::str(text)) }
}

fn method<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let method = match cx.request {
        Some(head) => head.method(),
        None => cx.stream.request_line.as_ref().map(crate::RequestLine::method).ok_or(Missing::NotYet)?,
    };
    Ok(Value::Method(Cow::Borrowed(method)))
}

fn version<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let head = head(cx)?;
    let received = head.received_version_text();
    let text = if received.is_empty() { head.version_text() } else { received };
    some_text(text.strip_prefix(b"HTTP/").unwrap_or_default())
}

fn path<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    some_text(path_of(head(cx)?.uri()))
}

fn pathq<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    some_text(path_and_query_of(head(cx)?.uri()))
}

fn url<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::str(head(cx)?.uri()))
}

fn query<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let uri = head(cx)?.uri();
    let mark = uri.iter().position(|&b| b == b'?').ok_or(Missing::Absent)?;
    Ok(Value::str(uri.get(mark + 1..).unwrap_or_default()))
}

fn url_ip<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let host = authority(head(cx)?.uri()).ok_or(Missing::Absent)?;
    let host = host.split(|&b| b == b':').next().unwrap_or_default();
    let ip = std::str::from_utf8(host)
        .ok()
        .and_then(|t| t.parse::<std::net::Ipv4Addr>().ok())
        .ok_or(Missing::Absent)?;
    Ok(Value::Ip(ip.into()))
}

fn url_port<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let host = authority(head(cx)?.uri()).ok_or(Missing::Absent)?;
    let port = host.iter().rposition(|&b| b == b':').and_then(|at| host.get(at + 1..));
    Ok(Value::Int(port.map_or(80, leading_int)))
}

/// The first host; empty in a request without one.
fn host_of(head: &http1::Head) -> &[u8] {
    head.value(b"host").and_then(|line| crate::uri::List::new(line).next()).unwrap_or_default()
}

fn based<'a>(cx: &Cx<'a>, rest: fn(&[u8]) -> &[u8]) -> Fetched<'a> {
    let head = head(cx)?;
    let host = host_of(head);
    let path = rest(head.uri());
    if path.is_empty() {
        return Ok(Value::str(host));
    }
    Ok(Value::Str(Cow::Owned([host, path].concat())))
}

fn base<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    based(cx, path_of)
}

fn baseq<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    based(cx, path_and_query_of)
}

/// The hash of host and path.
fn hashed_base(cx: &Cx<'_>) -> Result<u32, Missing> {
    let head = head(cx)?;
    Ok(crate::conv::hash_of_parts(&[host_of(head), path_of(head.uri())]))
}

fn base32<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    hashed_base(cx).map(|hash| Value::Int(hash.into()))
}

fn base32_src<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let mut bytes = hashed_base(cx)?.to_be_bytes().to_vec();
    match cx.session.src.map(|src| src.ip()) {
        Some(std::net::IpAddr::V4(ip)) => bytes.extend_from_slice(&ip.octets()),
        Some(std::net::IpAddr::V6(ip)) => bytes.extend_from_slice(&ip.octets()),
        None => return absent(),
    }
    Ok(Value::Bin(Cow::Owned(bytes)))
}

/// The query: what follows the delimiter, `?` unless another is given.
fn query_of<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Result<&'a [u8], Missing> {
    let delimiter = args.get(1).map_or(&b""[..], Arg::text).first().copied().unwrap_or(b'?');
    let uri = head(cx)?.uri();
    let at = uri.iter().position(|&b| b == delimiter).ok_or(Missing::Absent)?;
    Ok(uri.get(at + 1..).unwrap_or_default())
}

fn matching<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Result<impl Iterator<Item = &'a [u8]>, Missing> {
    let wanted = args.first().map_or(&b""[..], Arg::text);
    let insensitive = args.get(2).map_or(&b""[..], Arg::text) == b"i";
    let same = move |name: &[u8]| {
        wanted.is_empty() || name == wanted || (insensitive && name.eq_ignore_ascii_case(wanted))
    };
    Ok(parameters(query_of(cx, args)?, b"&;").filter(move |(name, _)| same(name)).map(|(_, value)| value))
}

fn url_param<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    matching(cx, args)?.next().map(Value::str).ok_or(Missing::Absent)
}

fn url_param_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
    let mut any = false;
    for value in matching(cx, args)? {
        any = true;
        if visit(Value::str(value)).is_break() {
            break;
        }
    }
    if any { Ok(()) } else { absent() }
}

fn urlp_val<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    matching(cx, args)?.next().map(|text| Value::Int(leading_int(text))).ok_or(Missing::Absent)
}

fn check_url_param(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    match args.get(2) {
        Some(Arg::Str(text)) if !matches!(&**text, b"" | b"i") => {
            Err(format!("'{}' is not a supported flag", String::from_utf8_lossy(text)))
        }
        _ => Ok(()),
    }
}

fn body_param<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    let wanted = args.first().map_or(&b""[..], Arg::text);
    let insensitive = args.get(1).map_or(&b""[..], Arg::text) == b"i";
    let found = parameters(cx.request_payload, b"&").find(|(name, _)| {
        wanted.is_empty() || *name == wanted || (insensitive && name.eq_ignore_ascii_case(wanted))
    });
    found.map(|(_, value)| Value::Bin(Cow::Borrowed(value))).ok_or(Missing::Absent)
}

fn request_date<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    dated(cx.stream.request_at_us, 0, args.first().unwrap_or(&Arg::None))
}

/// Scheme and credentials of `authorization`.
fn authorization<'a>(cx: &Cx<'a>) -> Result<(&'a [u8], &'a [u8]), Missing> {
    let line = head(cx)?.value(b"authorization").ok_or(Missing::Absent)?;
    let space = line.iter().position(|&b| b == b' ').ok_or(Missing::Absent)?;
    let (scheme, rest) = line.split_at(space);
    Ok((scheme, crate::uri::trim(rest)))
}

fn basic(cx: &Cx<'_>) -> Result<(Vec<u8>, Vec<u8>), Missing> {
    let line = head(cx)?.value(b"authorization").ok_or(Missing::Absent)?;
    basic_credentials(line).ok_or(Missing::Absent)
}

/// User and password of an `authorization` field's value (RFC 7617); none for another scheme or anything malformed.
#[must_use]
pub fn basic_credentials(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let space = value.iter().position(|&b| b == b' ')?;
    let (scheme, credentials) = value.split_at(space);
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let text = base64_decode(crate::uri::trim(credentials), false)?;
    let colon = text.iter().position(|&b| b == b':')?;
    let (user, pass) = text.split_at(colon);
    Some((user.to_vec(), pass.get(1..).unwrap_or_default().to_vec()))
}

/// The user of the request, when the userlist lets it in.
fn authenticated<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Result<&'a User, Missing> {
    let Some(Arg::UserList(named)) = args.first() else { return absent() };
    let list = named.get().ok_or(Missing::Absent)?;
    let (name, password) = basic(cx)?;
    list.authenticate(&name, &password, cx.env).ok_or(Missing::Absent)
}

fn auth<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    // Credentials that are missing or of another kind are not an authenticated user's.
    Ok(Value::Bool(authenticated(cx, args).is_ok()))
}

fn auth_group<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    authenticated(cx, args).map(|user| Value::str(user.name.as_bytes()))
}

/// HAPROXY: the value is the user, but patterns are groups.
fn auth_group_each<'a>(cx: &Cx<'a>, args: &'a [Arg], visit: Visit<'_, 'a>) -> Result<(), Missing> {
    for group in &authenticated(cx, args)?.groups {
        if visit(Value::str(group.as_bytes())).is_break() {
            break;
        }
    }
    Ok(())
}

fn auth_type<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    let (scheme, _) = authorization(cx)?;
    if scheme.eq_ignore_ascii_case(b"basic") {
        Ok(Value::str(b"Basic"))
    } else if scheme.eq_ignore_ascii_case(b"bearer") {
        Ok(Value::str(b"Bearer"))
    } else {
        absent()
    }
}

fn auth_user<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    basic(cx).map(|(user, _)| Value::Str(Cow::Owned(user)))
}

fn auth_pass<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    basic(cx).map(|(_, pass)| Value::Str(Cow::Owned(pass)))
}

fn auth_bearer<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    let name = args.first().map_or(&b""[..], Arg::text);
    if name.is_empty() || name.eq_ignore_ascii_case(b"authorization") {
        let (scheme, token) = authorization(cx)?;
        return if scheme.eq_ignore_ascii_case(b"bearer") { Ok(Value::str(token)) } else { absent() };
    }
    let line =
        head(cx)?.fields().find(|field| field.name.eq_ignore_ascii_case(name)).ok_or(Missing::Absent)?.value;
    let space = line.iter().position(|&b| b == b' ').ok_or(Missing::Absent)?;
    let (scheme, rest) = line.split_at(space);
    if scheme.eq_ignore_ascii_case(b"bearer") { Ok(Value::str(crate::uri::trim(rest))) } else { absent() }
}

const PARAM: &[ArgType] = &[ArgType::Str, ArgType::Str, ArgType::Str];
const ONE: &[ArgType] = &[ArgType::Str];
const LIST: &[ArgType] = &[ArgType::UserList];
const TWO: &[ArgType] = &[ArgType::Str, ArgType::Str];

pub(super) const FETCHES: &[FetchRow] = &[
    row("base", &[], 0, Type::Str, REQUEST_HEADERS, (1, 5), "First host and the path.", base),
    row("base32", &[], 0, Type::Int, REQUEST_HEADERS, (1, 5), "A hash of host and path.", base32),
    row(
        "base32+src",
        &[],
        0,
        Type::Bin,
        REQUEST_HEADERS,
        (1, 5),
        "That hash with the client's address.",
        base32_src,
    ),
    row("baseq", &[], 0, Type::Str, REQUEST_HEADERS, (2, 2), "First host, the path and the query.", baseq),
    row(
        "http_auth",
        LIST,
        1,
        Type::Bool,
        REQUEST_HEADERS,
        (1, 4),
        "Whether a userlist lets the user in.",
        auth,
    ),
    row(
        "http_auth_bearer",
        ONE,
        0,
        Type::Str,
        REQUEST_HEADERS,
        (2, 5),
        "The bearer token of the request.",
        auth_bearer,
    ),
    row(
        "http_auth_group",
        LIST,
        1,
        Type::Str,
        REQUEST_HEADERS,
        (1, 4),
        "The user that a userlist lets in, compared by group.",
        auth_group,
    )
    .with_each(auth_group_each),
    row(
        "http_auth_pass",
        &[],
        0,
        Type::Str,
        REQUEST_HEADERS,
        (2, 1),
        "The password of the request.",
        auth_pass,
    ),
    row(
        "http_auth_type",
        &[],
        0,
        Type::Str,
        REQUEST_HEADERS,
        (2, 1),
        "The kind of the request's credentials.",
        auth_type,
    ),
    row(
        "http_auth_user",
        &[],
        0,
        Type::Str,
        REQUEST_HEADERS,
        (2, 1),
        "The user name of the request.",
        auth_user,
    ),
    row("method", &[], 0, Type::Method, TRANSACTION, (1, 3), "The request's method.", method),
    row("path", &[], 0, Type::Str, REQUEST_HEADERS, (1, 3), "The path without the query.", path),
    row("pathq", &[], 0, Type::Str, REQUEST_HEADERS, (2, 2), "The path with the query.", pathq),
    row("query", &[], 0, Type::Str, REQUEST_HEADERS, (1, 5), "The query without its question mark.", query),
    row(
        "req.body_param",
        TWO,
        0,
        Type::Bin,
        REQUEST_HEADERS,
        (1, 6),
        "A parameter of the request's body.",
        body_param,
    ),
    row(
        "req.ver",
        &[],
        0,
        Type::Str,
        REQUEST_HEADERS,
        (1, 5),
        "The request's version, such as 1.1.",
        version,
    ),
    row(
        "req_ver",
        &[],
        0,
        Type::Str,
        REQUEST_HEADERS,
        (1, 3),
        "The request's version, such as 1.1.",
        version,
    ),
    row(
        "request_date",
        ONE,
        0,
        Type::Int,
        TRANSACTION,
        (3, 0),
        "When the request's first byte arrived.",
        request_date,
    )
    .with_check(check_unit),
    row("url", &[], 0, Type::Str, REQUEST_HEADERS, (1, 3), "The request target.", url),
    row("url_ip", &[], 0, Type::Ipv4, REQUEST_HEADERS, (1, 3), "The address in an absolute target.", url_ip),
    row("url_param", PARAM, 0, Type::Str, REQUEST_HEADERS, (1, 3), "A parameter of the query.", url_param)
        .with_each(url_param_each)
        .with_check(check_url_param),
    row("url_port", &[], 0, Type::Int, REQUEST_HEADERS, (1, 3), "The port in an absolute target.", url_port),
    row("urlp", PARAM, 0, Type::Str, REQUEST_HEADERS, (1, 5), "A parameter of the query.", url_param)
        .with_each(url_param_each)
        .with_check(check_url_param),
    row(
        "urlp_val",
        PARAM,
        0,
        Type::Int,
        REQUEST_HEADERS,
        (1, 5),
        "A parameter of the query as a number.",
        urlp_val,
    )
    .with_check(check_url_param),
];
