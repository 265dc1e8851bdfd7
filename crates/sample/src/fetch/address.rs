//! The connections: addresses, ports, transport (layers 4 and 5).

use super::constant::{check_unit, dated};
use super::source::{CLIENT, CLIENT_SESSION, SERVER_ADDRESS, SERVER_SESSION};
use super::{FetchRow, Missing, absent, row};
use crate::arg::{Arg, ArgType};
use crate::{Cx, ParseCx, Type, Value};
use std::net::SocketAddr;
use std::ops::ControlFlow;

type Fetched<'a> = Result<Value<'a>, Missing>;

fn ip<'a>(address: Option<SocketAddr>) -> Fetched<'a> {
    address.map(|address| Value::Ip(address.ip())).ok_or(Missing::Absent)
}

fn port<'a>(address: Option<SocketAddr>) -> Fetched<'a> {
    // HAPROXY: port 0 is no port.
    let port = address.map(|address| address.port()).filter(|port| *port > 0);
    port.map(|port| Value::Int(port.into())).ok_or(Missing::Absent)
}

fn src<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    ip(cx.session.src)
}

fn src_port<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    port(cx.session.src)
}

fn dst<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    ip(cx.session.dst)
}

fn dst_port<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    port(cx.session.dst)
}

/// The connection's own addresses: what a PROXY protocol header says does not change them.
fn own(cx: &Cx<'_>) -> (Option<SocketAddr>, Option<SocketAddr>) {
    cx.session.proxied.as_ref().map_or((cx.session.src, cx.session.dst), |proxied| (proxied.src, proxied.dst))
}

fn fc_src<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    ip(own(cx).0)
}

fn fc_src_port<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    port(own(cx).0)
}

fn fc_dst<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    ip(own(cx).1)
}

fn fc_dst_port<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    port(own(cx).1)
}

fn received_proxy<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Bool(cx.session.proxied.is_some()))
}

fn pp_value<'a>(cx: &Cx<'a>, kind: u8) -> Fetched<'a> {
    let proxied = cx.session.proxied.as_ref().ok_or(Missing::Absent)?;
    proxied.values(kind).next().map(Value::str).ok_or(Missing::Absent)
}

fn pp_authority<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    pp_value(cx, 2)
}

fn pp_unique_id<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    pp_value(cx, 5)
}

/// Names of types (proxy-protocol.txt, section 2.2).
const TLV_NAMES: &[(&str, u8)] = &[
    ("ALPN", 0x01),
    ("AUTHORITY", 0x02),
    ("CRC32C", 0x03),
    ("NOOP", 0x04),
    ("UNIQUE_ID", 0x05),
    ("SSL", 0x20),
    ("SSL_VERSION", 0x21),
    ("SSL_CN", 0x22),
    ("SSL_CIPHER", 0x23),
    ("SSL_SIG_ALG", 0x24),
    ("SSL_KEY_ALG", 0x25),
    ("NETNS", 0x30),
];

fn check_tlv(args: &mut [Arg], _: &mut ParseCx<'_>) -> Result<(), String> {
    let Some(arg) = args.first_mut() else { return Ok(()) };
    let text = String::from_utf8_lossy(arg.text()).into_owned();
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None if text.is_empty() => Some(0),
        None => text.parse::<i64>().ok(),
    };
    let named = TLV_NAMES.iter().find(|(name, _)| *name == text).map(|(_, kind)| i64::from(*kind));
    match named.or(number) {
        Some(kind) if (0..=255).contains(&kind) => {
            *arg = Arg::Int(kind);
            Ok(())
        }
        Some(_) => Err("Invalid TLV Type. Must be between 0 and 255.".to_owned()),
        None => Err("Could not convert string to an integer value".to_owned()),
    }
}

fn pp_tlv<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    let kind = args.first().and_then(|arg| u8::try_from(arg.int_or(-1)).ok()).ok_or(Missing::Absent)?;
    pp_value(cx, kind)
}

fn pp_tlv_each<'a>(
    cx: &Cx<'a>,
    args: &'a [Arg],
    visit: &mut dyn FnMut(Value<'a>) -> ControlFlow<()>,
) -> Result<(), Missing> {
    let kind = args.first().and_then(|arg| u8::try_from(arg.int_or(-1)).ok()).ok_or(Missing::Absent)?;
    let proxied = cx.session.proxied.as_ref().ok_or(Missing::Absent)?;
    let mut any = false;
    for value in proxied.values(kind) {
        any = true;
        if visit(Value::str(value)).is_break() {
            break;
        }
    }
    if any { Ok(()) } else { absent() }
}

fn bc_src<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    ip(cx.stream.server_addresses.map(|(local, _)| local))
}

fn bc_src_port<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    port(cx.stream.server_addresses.map(|(local, _)| local))
}

fn bc_dst<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    ip(cx.stream.server_addresses.map(|(_, remote)| remote))
}

fn bc_dst_port<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    port(cx.stream.server_addresses.map(|(_, remote)| remote))
}

fn accept_date<'a>(cx: &Cx<'a>, args: &'a [Arg]) -> Fetched<'a> {
    dated(cx.session.accepted_at_us, 0, args.first().unwrap_or(&Arg::None))
}

fn http_major<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    if cx.request.is_some() || cx.response.is_some() || cx.stream.request_line.is_some() {
        Ok(Value::Int(1))
    } else {
        absent()
    }
}

fn ssl_fc<'a>(cx: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Bool(cx.session.encrypted))
}

fn ssl_bc<'a>(_: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Bool(false))
}

fn zero<'a>(_: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Int(0))
}

/// A connection without TLS is no resumed one.
fn not_resumed<'a>(_: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    Ok(Value::Bool(false))
}

/// Facts of a TLS connection: without one they have no value.
fn without_tls<'a>(_: &Cx<'a>, _: &'a [Arg]) -> Fetched<'a> {
    absent()
}

pub(super) const FETCHES: &[FetchRow] = &[
    row(
        "accept_date",
        &[ArgType::Str],
        0,
        Type::Int,
        CLIENT,
        (3, 0),
        "When the connection was accepted.",
        accept_date,
    )
    .with_check(check_unit),
    row("bc_dst", &[], 0, Type::Addr, SERVER_ADDRESS, (2, 2), "Where the server connection goes.", bc_dst),
    row("bc_dst_port", &[], 0, Type::Int, SERVER_ADDRESS, (2, 2), "The port it goes to.", bc_dst_port),
    row(
        "bc_src",
        &[],
        0,
        Type::Addr,
        SERVER_ADDRESS,
        (2, 2),
        "Where the server connection comes from.",
        bc_src,
    ),
    row("bc_src_port", &[], 0, Type::Int, SERVER_ADDRESS, (2, 2), "The port it comes from.", bc_src_port),
    row("dst", &[], 0, Type::Addr, CLIENT, (1, 3), "The address that the client connected to.", dst),
    row("dst_port", &[], 0, Type::Int, CLIENT, (1, 3), "The port that the client connected to.", dst_port),
    row("fc_dst", &[], 0, Type::Addr, CLIENT, (2, 6), "The original destination address.", fc_dst),
    row("fc_dst_port", &[], 0, Type::Int, CLIENT, (2, 6), "The original destination port.", fc_dst_port),
    row("fc_err", &[], 0, Type::Int, CLIENT, (2, 5), "Error code of the client connection.", zero),
    row(
        "fc_http_major",
        &[],
        0,
        Type::Int,
        CLIENT,
        (1, 8),
        "Major version of HTTP on the client side.",
        http_major,
    ),
    row(
        "fc_pp_authority",
        &[],
        0,
        Type::Str,
        CLIENT,
        (2, 2),
        "The authority of the PROXY protocol header.",
        pp_authority,
    ),
    row(
        "fc_pp_tlv",
        &[ArgType::Str],
        1,
        Type::Str,
        CLIENT_SESSION,
        (2, 9),
        "A value of the PROXY protocol header.",
        pp_tlv,
    )
    .with_each(pp_tlv_each)
    .with_check(check_tlv),
    row(
        "fc_pp_unique_id",
        &[],
        0,
        Type::Str,
        CLIENT,
        (2, 2),
        "The unique id of the PROXY protocol header.",
        pp_unique_id,
    ),
    row(
        "fc_rcvd_proxy",
        &[],
        0,
        Type::Bool,
        CLIENT,
        (1, 7),
        "Whether a PROXY protocol header came.",
        received_proxy,
    ),
    row("fc_src", &[], 0, Type::Addr, CLIENT, (2, 6), "The original source address.", fc_src),
    row("fc_src_port", &[], 0, Type::Int, CLIENT, (2, 6), "The original source port.", fc_src_port),
    row("src", &[], 0, Type::Addr, CLIENT, (1, 3), "The client's address.", src),
    row("src_port", &[], 0, Type::Int, CLIENT, (1, 3), "The client's port.", src_port),
    row(
        "ssl_bc",
        &[],
        0,
        Type::Bool,
        SERVER_SESSION,
        (1, 5),
        "Whether the server connection is encrypted.",
        ssl_bc,
    ),
    row(
        "ssl_c_ca_err",
        &[],
        0,
        Type::Int,
        CLIENT_SESSION,
        (1, 5),
        "First error in the client certificate's chain.",
        without_tls,
    ),
    row(
        "ssl_c_err",
        &[],
        0,
        Type::Int,
        CLIENT_SESSION,
        (1, 5),
        "First error of the client certificate.",
        without_tls,
    ),
    row(
        "ssl_fc",
        &[],
        0,
        Type::Bool,
        CLIENT_SESSION,
        (1, 5),
        "Whether the client connection is encrypted.",
        ssl_fc,
    ),
    row(
        "ssl_fc_err",
        &[],
        0,
        Type::Int,
        CLIENT_SESSION,
        (2, 5),
        "TLS error of the client connection.",
        without_tls,
    ),
    row(
        "ssl_fc_is_resumed",
        &[],
        0,
        Type::Bool,
        CLIENT_SESSION,
        (1, 8),
        "Whether the TLS session was resumed.",
        not_resumed,
    ),
    row(
        "ssl_fc_sni",
        &[],
        0,
        Type::Str,
        CLIENT_SESSION,
        (1, 5),
        "Name that the client asked for.",
        without_tls,
    ),
];
