//! The PROXY protocol on accepted connections (`accept-proxy`; proxy-protocol.txt; haproxy-stream, part 8).
//!
//! The whole header must be there in the first read, as the reference demands; what follows it belongs to the session.

use crate::addresses::Addresses;
use crate::buffer::Buffer;
use crate::session::{Carried, Session};
use crate::stream::traffic_log;
use crate::timers::{Ring, after};
use proxy_protocol::{Fault, receive as parse};
use sample::Proxied;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// The text of the log line.
fn reason(fault: Fault) -> &'static str {
    match fault {
        Fault::Truncated => "Truncated PROXY protocol header received",
        Fault::Unlike => "Received something which does not look like a PROXY protocol header",
        Fault::Invalid => "Received an invalid PROXY protocol header",
        Fault::Unhandled => "Received an unhandled protocol in the PROXY protocol header",
    }
}

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
                let tlvs = header.tlvs.into_iter().map(|tlv| (tlv.kind, tlv.value)).collect();
                let proxied =
                    Arc::new(Proxied { src: session.addresses.src(), dst: session.addresses.dst(), tlvs });
                if let Some((src, dst)) = header.addresses {
                    session.addresses = Addresses::new(Some(src), Some(dst));
                }
                buffer.consume(header.size);
                let rest = (!buffer.is_empty()).then_some(buffer);
                session.carried = Some(Box::new(Carried { proxied, rest }));
                return true;
            }
            Err(fault) => {
                // What is no header is not waited for: the peer learns it at once.
                if fault != Fault::Truncated {
                    session.io.reset_on_close();
                }
                reason(fault)
            }
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
