//! The PROXY protocol on accepted connections (`accept-proxy`; proxy-protocol.txt; haproxy-stream, part 8).
//!
//! The whole header must be there in the first read, as the reference demands; what follows it belongs to the session.

use crate::buffer::Buffer;
use crate::session::Session;
use crate::stream::traffic_log;
use crate::timers::{Ring, after};
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::Poll;

const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest version 1 header.
const V1_LIMIT: usize = 107;

/// A header: its length, and the addresses that it gives; none keeps the connection's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    size: usize,
    addresses: Option<(SocketAddr, SocketAddr)>,
}

/// Why there is no header; the text of the log line.
type Reason = &'static str;

const TRUNCATED: Reason = "Truncated PROXY protocol header received";
const UNLIKE: Reason = "Received something which does not look like a PROXY protocol header";
const INVALID: Reason = "Received an invalid PROXY protocol header";
const UNHANDLED: Reason = "Received an unhandled protocol in the PROXY protocol header";

/// Receives the header of a connection; whether the session may go on. What is wrong is logged.
pub(crate) async fn receive(session: &mut Session) -> bool {
    let timeouts = &session.front.proxy.timeouts;
    session.alarm.set(after(session.origin_ms, timeouts.client_hs.or(timeouts.client)));
    let mut buffer = Buffer::take();
    let read = poll_fn(|cx| match session.io.poll_read(cx, &mut buffer) {
        Poll::Ready(read) => Poll::Ready(Ok(read)),
        Poll::Pending => session.alarm.poll(cx).map(Err),
    })
    .await;
    let reason = match read {
        Ok(Ok(0)) => "Connection closed while waiting for PROXY protocol header",
        Ok(Ok(_)) => match parse(buffer.data()) {
            Ok(header) => {
                if let Some((src, dst)) = header.addresses {
                    session.src = Some(src);
                    session.dst = Some(dst);
                }
                buffer.consume(header.size);
                session.carried = (!buffer.is_empty()).then(|| Box::new(buffer));
                return true;
            }
            Err(reason) => reason,
        },
        Ok(Err(_)) => "Connection error while waiting for PROXY protocol header",
        Err(Ring::Deadline) => "Timeout while waiting for PROXY protocol header",
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

/// The size of the PROXY header that `input` begins with; none when it begins with none that is whole and valid.
#[must_use]
pub fn header_size(input: &[u8]) -> Option<usize> {
    parse(input).ok().map(|header| header.size)
}

fn parse(input: &[u8]) -> Result<Header, Reason> {
    if input.starts_with(V2_SIGNATURE) {
        return parse_v2(input);
    }
    if input.starts_with(b"PROXY ") {
        return parse_v1(input);
    }
    let begins = |whole: &[u8]| whole.starts_with(input);
    Err(if begins(V2_SIGNATURE) || begins(b"PROXY ") { TRUNCATED } else { UNLIKE })
}

fn parse_v1(input: &[u8]) -> Result<Header, Reason> {
    let Some(end) = memchr::memchr(b'\n', input.get(..V1_LIMIT).unwrap_or(input)) else {
        return Err(if input.len() < V1_LIMIT { TRUNCATED } else { INVALID });
    };
    let line = input.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(INVALID)?;
    let text = std::str::from_utf8(line).map_err(|_| INVALID)?;
    let words: Vec<&str> = text.split(' ').collect();
    let size = end + 1;
    match words.as_slice() {
        ["PROXY", "UNKNOWN"] => Ok(Header { size, addresses: None }),
        ["PROXY", family @ ("TCP4" | "TCP6"), src, dst, sport, dport] => {
            let address = |ip: &str, port: &str| {
                let ip: IpAddr = if *family == "TCP4" {
                    ip.parse::<Ipv4Addr>().map_err(|_| INVALID)?.into()
                } else {
                    ip.parse::<Ipv6Addr>().map_err(|_| INVALID)?.into()
                };
                Ok(SocketAddr::new(ip, port.parse().map_err(|_| INVALID)?))
            };
            Ok(Header { size, addresses: Some((address(src, sport)?, address(dst, dport)?)) })
        }
        ["PROXY", "TCP4" | "TCP6", ..] => Err(INVALID),
        _ => Err(UNHANDLED),
    }
}

fn parse_v2(input: &[u8]) -> Result<Header, Reason> {
    let fixed: &[u8; 16] = input.first_chunk().ok_or(TRUNCATED)?;
    let [.., command, family, high, low] = *fixed;
    let size = 16 + usize::from(u16::from_be_bytes([high, low]));
    let block = input.get(16..size).ok_or(TRUNCATED)?;
    if command >> 4 != 2 {
        return Err(INVALID);
    }
    let (addresses, tlvs) = match (command & 15, family) {
        (0, _) => (None, None),
        (1, 0x11) => {
            let [a, b, c, d, e, f, g, h, sp1, sp0, dp1, dp0] = *block.first_chunk::<12>().ok_or(INVALID)?;
            let src = SocketAddr::from(([a, b, c, d], u16::from_be_bytes([sp1, sp0])));
            let dst = SocketAddr::from(([e, f, g, h], u16::from_be_bytes([dp1, dp0])));
            (Some((src, dst)), block.get(12..))
        }
        (1, 0x21) => {
            let (src, rest) = block.split_first_chunk::<16>().ok_or(INVALID)?;
            let (dst, rest) = rest.split_first_chunk::<16>().ok_or(INVALID)?;
            let [sp1, sp0, dp1, dp0] = *rest.first_chunk::<4>().ok_or(INVALID)?;
            let src = SocketAddr::from((*src, u16::from_be_bytes([sp1, sp0])));
            let dst = SocketAddr::from((*dst, u16::from_be_bytes([dp1, dp0])));
            (Some((src, dst)), rest.get(4..))
        }
        // Other families carry nothing that we use.
        (1, _) => (None, None),
        _ => return Err(UNHANDLED),
    };
    // TLVs must fit exactly; their contents are not used yet.
    let mut rest = tlvs.unwrap_or_default();
    while !rest.is_empty() {
        let [_, high, low] = *rest.first_chunk::<3>().ok_or(INVALID)?;
        rest = rest.get(3 + usize::from(u16::from_be_bytes([high, low]))..).ok_or(INVALID)?;
    }
    Ok(Header { size, addresses })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn version_1_rows() {
        let both = |a: &str, b: &str| Some((a.parse().unwrap(), b.parse().unwrap()));
        for (input, expected) in [
            (
                "PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\nGET",
                Ok(Header { size: 33, addresses: both("1.2.3.4:9", "5.6.7.8:10") }),
            ),
            ("PROXY TCP6 ::1 ::2 9 10\r\n", Ok(Header { size: 25, addresses: both("[::1]:9", "[::2]:10") })),
            ("PROXY UNKNOWN\r\n", Ok(Header { size: 15, addresses: None })),
            ("PROXY UNKNOWN x\r\n", Err(UNHANDLED)),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 9 10\n", Err(INVALID)),
            ("PROXY TCP4 ::1 ::2 9 10\r\n", Err(INVALID)),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 9 70000\r\n", Err(INVALID)),
            ("PROXY TCP4 1.2.3.4", Err(TRUNCATED)),
            ("PRO", Err(TRUNCATED)),
            ("GET / HTTP/1.1\r\n", Err(UNLIKE)),
        ] {
            assert_eq!(parse(input.as_bytes()), expected, "{input:?}");
        }
    }

    #[test]
    fn version_2_rows() {
        let header = |tail: &[u8]| [V2_SIGNATURE.as_slice(), tail].concat();
        let v4 = header(&[0x21, 0x11, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 0, 10]);
        let addresses = Some(("1.2.3.4:9".parse().unwrap(), "5.6.7.8:10".parse().unwrap()));
        assert_eq!(parse(&v4), Ok(Header { size: 28, addresses }));
        assert_eq!(parse(v4.get(..20).unwrap()), Err(TRUNCATED));
        assert_eq!(parse(&header(&[0x20, 0, 0, 0])), Ok(Header { size: 16, addresses: None }));
        assert_eq!(parse(&header(&[0x11, 0, 0, 0])), Err(INVALID));
        // A TLV that does not fit.
        let mut bad = header(&[0x21, 0x11, 0, 15, 1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 0, 10]);
        bad.extend_from_slice(&[4, 0, 9]);
        assert_eq!(parse(&bad), Err(INVALID));
    }
}
