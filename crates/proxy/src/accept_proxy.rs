//! Headers in front of everything else on accepted connections: the PROXY protocol's (`accept-proxy`; proxy-protocol.txt;
//! haproxy-stream, part 8) and NetScaler's (`accept-netscaler-cip`).
//!
//! The whole header must be there in the first read, as the reference demands; what follows it belongs to the session.

use crate::addresses::Addresses;
use crate::buffer::Buffer;
use crate::rule_run::Expected;
use crate::session::{Carried, Session};
use crate::stream::traffic_log;
use crate::timers::{Ring, after};
use proxy_protocol::{Fault, NetscalerFault, Tlv, receive as parse, receive_netscaler};
use sample::Proxied;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

/// A header that was read.
struct Received {
    size: usize,
    addresses: Option<(SocketAddr, SocketAddr)>,
    tlvs: Vec<Tlv>,
}

/// Why a connection ends before its session: the text of its log line.
struct Failure {
    text: &'static str,
    /// What is no header is not waited for: the peer learns it at once.
    reset: bool,
}

/// The texts about one kind of header.
struct Texts {
    closed: &'static str,
    error: &'static str,
    timeout: &'static str,
}

const PROXY: Texts = Texts {
    closed: "Connection closed while waiting for PROXY protocol header",
    error: "Connection error while waiting for PROXY protocol header",
    timeout: "Timeout while waiting for PROXY protocol header",
};

const NETSCALER: Texts = Texts {
    closed: "Connection closed while waiting for NetScaler Client IP header",
    error: "Connection error while waiting for NetScaler Client IP header",
    timeout: "Timeout while waiting for a NetScaler Client IP header",
};

/// Receives the headers of a connection; whether the session may go on. What is wrong is logged.
pub(crate) async fn receive(session: &mut Session, expected: Expected) -> bool {
    let timeouts = &session.front.proxy.timeouts;
    session.alarm.set(after(session.origin_ms, timeouts.client_hs.or(timeouts.client)));
    if expected.proxy && !receive_one(session, &PROXY, proxy_header).await {
        return false;
    }
    // Without `accept-netscaler-cip` on the line the magic number is 0.
    let magic = session.front.netscaler_cip.unwrap_or(0);
    !expected.netscaler || receive_one(session, &NETSCALER, |data| netscaler_header(data, magic)).await
}

async fn receive_one(
    session: &mut Session,
    texts: &Texts,
    read_header: impl FnOnce(&[u8]) -> Result<Received, Failure>,
) -> bool {
    let mut buffer = session.first_buffer();
    let read = if buffer.is_empty() {
        poll_fn(|cx| match session.io.poll_read(cx, &mut buffer) {
            Poll::Ready(read) => Poll::Ready(Ok(read)),
            Poll::Pending => session.alarm.poll(cx).map(Err),
        })
        .await
    } else {
        Ok(Ok(buffer.len()))
    };
    let reason = match read {
        Ok(Ok(0)) => texts.closed,
        Ok(Ok(_)) => match read_header(buffer.data()) {
            Ok(header) => return accept(session, header, buffer),
            Err(failure) => {
                if failure.reset {
                    session.io.reset_on_close();
                }
                failure.text
            }
        },
        Ok(Err(_)) => texts.error,
        Err(Ring::Deadline) => texts.timeout,
        Err(Ring::Kill(_)) => return false,
    };
    let null = buffer.is_empty() && session.front.proxy.options.dontlognull;
    if !null {
        let front = std::rc::Rc::clone(&session.front);
        let view = session.view();
        traffic_log::embryonic(&front, &view, reason);
        session.take_back(view);
    }
    false
}

fn accept(session: &mut Session, header: Received, mut buffer: Buffer) -> bool {
    let tlvs = header.tlvs.into_iter().map(|tlv| (tlv.kind, tlv.value)).collect();
    // Behind another header, the connection's own addresses are those that the first one hid.
    let before = session.carried.as_ref().map(|carried| Arc::clone(&carried.proxied));
    let proxied = before.unwrap_or_else(|| {
        Arc::new(Proxied { src: session.addresses.src(), dst: session.addresses.dst(), tlvs })
    });
    if let Some((src, dst)) = header.addresses {
        session.addresses = Addresses::new(Some(src), Some(dst));
    }
    buffer.consume(header.size);
    let rest = (!buffer.is_empty()).then_some(buffer);
    session.carried = Some(Box::new(Carried { proxied, rest }));
    true
}

fn proxy_header(data: &[u8]) -> Result<Received, Failure> {
    match parse(data) {
        Ok(header) => Ok(Received { size: header.size, addresses: header.addresses, tlvs: header.tlvs }),
        Err(fault) => Err(Failure {
            text: match fault {
                Fault::Truncated => "Truncated PROXY protocol header received",
                Fault::Unlike => "Received something which does not look like a PROXY protocol header",
                Fault::Invalid => "Received an invalid PROXY protocol header",
                Fault::Unhandled => "Received an unhandled protocol in the PROXY protocol header",
            },
            reset: fault != Fault::Truncated,
        }),
    }
}

fn netscaler_header(data: &[u8], magic: u32) -> Result<Received, Failure> {
    match receive_netscaler(data, magic) {
        Ok(header) => {
            Ok(Received { size: header.size, addresses: Some((header.src, header.dst)), tlvs: Vec::new() })
        }
        Err(fault) => Err(Failure {
            text: match fault {
                NetscalerFault::Truncated => "Truncated NetScaler Client IP header received",
                NetscalerFault::Magic => "Received an invalid NetScaler Client IP magic number",
                NetscalerFault::Unhandled => {
                    "Received an unhandled protocol in the NetScaler Client IP header"
                }
            },
            reset: true,
        }),
    }
}

/// The size of the NetScaler header that `input` begins with; none when it begins with none that is whole and valid.
#[must_use]
pub fn netscaler_size(input: &[u8], magic: u32) -> Option<usize> {
    receive_netscaler(input, magic).ok().map(|header| header.size)
}

/// The size of the PROXY header that `input` begins with; none when it begins with none that is whole and valid.
#[must_use]
pub fn header_size(input: &[u8]) -> Option<usize> {
    parse(input).ok().map(|header| header.size)
}
