//! The connections: addresses, ports, transport (layers 4 and 5).

use super::constant::{check_unit, dated};
use super::source::{CLIENT, CLIENT_SESSION, SERVER_ADDRESS, SERVER_SESSION};
use super::{FetchRow, Missing, absent, row};
use crate::arg::{Arg, ArgType};
use crate::{Cx, Type, Value};
use std::net::SocketAddr;

type Fetched<'a> = Result<Value<'a>, Missing>;

fn ip<'a>(address: Option<SocketAddr>) -> Fetched<'a> {
    address.map(|address| Value::Ip(address.ip())).ok_or(Missing::Absent)
}

fn port<'a>(address: Option<SocketAddr>) -> Fetched<'a> {
    address.map(|address| Value::Int(address.port().into())).ok_or(Missing::Absent)
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
    row("fc_dst", &[], 0, Type::Addr, CLIENT, (2, 6), "The original destination address.", dst),
    row("fc_dst_port", &[], 0, Type::Int, CLIENT, (2, 6), "The original destination port.", dst_port),
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
    row("fc_src", &[], 0, Type::Addr, CLIENT, (2, 6), "The original source address.", src),
    row("fc_src_port", &[], 0, Type::Int, CLIENT, (2, 6), "The original source port.", src_port),
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
