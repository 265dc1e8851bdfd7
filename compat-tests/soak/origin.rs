//! The origins: an HTTP server that does what each request's plan says, an echo server for TCP, a port that nobody serves.

use crate::dice::body;
use crate::plan::{Fault, Plan};
use crate::wire::{Framing, Head, Wire, chunked};
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the origins count.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Connections open now.
    pub(crate) open: AtomicU64,
    /// Requests whose body was not the id's.
    pub(crate) foreign: AtomicU64,
    /// Requests that were read.
    pub(crate) requests: AtomicU64,
    /// Ids that failed once.
    failed: Mutex<HashSet<u64>>,
}

/// Starts the HTTP origin.
pub(crate) fn http(counts: &Arc<Counts>) -> SocketAddr {
    listen(counts, serve)
}

/// Starts the echo origin.
pub(crate) fn echo(counts: &Arc<Counts>) -> SocketAddr {
    listen(counts, |stream, _| {
        let mut wire = Wire::new(stream);
        while let Ok(bytes) = wire.some() {
            if wire.send(&bytes).is_err() {
                return;
            }
        }
        wire.finish();
    })
}

/// A port on which connections are refused. The listener keeps it from being given to somebody else: bound, not listening.
pub(crate) fn refused() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
    let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    (socket, address)
}

fn listen(counts: &Arc<Counts>, serve: fn(TcpStream, &Counts)) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    // std listens with a backlog of 128: a burst of new connections would wait for a SYN's retransmission.
    let _ = socket2::SockRef::from(&listener).listen(4096);
    let counts = Arc::clone(counts);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let counts = Arc::clone(&counts);
            counts.open.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || {
                serve(stream, &counts);
                counts.open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    address
}

fn serve(stream: TcpStream, counts: &Counts) {
    let mut wire = Wire::new(stream);
    while let Ok(Some(head)) = wire.head() {
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let (Some(id), Some(plan)) = (head.id(), head.field("x-plan").and_then(Plan::read)) else {
            let _ = wire.send(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
            return;
        };
        match answer(&mut wire, &head, id, &plan, counts) {
            After::KeepAlive => {}
            After::Close => return,
            After::Reset => return wire.reset(),
        }
    }
}

/// What becomes of the connection.
enum After {
    KeepAlive,
    Close,
    Reset,
}

fn answer(wire: &mut Wire, head: &Head, id: u64, plan: &Plan, counts: &Counts) -> After {
    match plan.fault {
        Fault::ResetBefore => return After::Reset,
        Fault::CloseBefore => return After::Close,
        Fault::Early | Fault::EarlyClose => {
            if !send_answer(wire, id, plan, 0) || plan.fault == Fault::EarlyClose {
                return After::Close;
            }
            return if receive(wire, head, id, counts).is_some() && !plan.close {
                After::KeepAlive
            } else {
                After::Close
            };
        }
        _ => {}
    }
    let Some(received) = receive(wire, head, id, counts) else { return After::Close };
    if plan.fault == Fault::FailOnce && counts.failed.lock().expect("no thread panicked").insert(id) {
        let text: &[u8] = match id % 4 {
            0 => return After::Reset,
            1 => return After::Close,
            2 => b"this is no answer\r\n\r\n",
            _ => b"HTTP/1.1 503 Not now\r\nContent-Length: 5\r\nX-Id: 0\r\n\r\nlater",
        };
        let _ = wire.send(text);
        return After::Close;
    }
    if plan.delay > 0 {
        std::thread::sleep(Duration::from_millis(plan.delay));
    }
    let line = format!("HTTP/1.1 200 OK\r\nX-Id: {id:016x}\r\n");
    match plan.fault {
        Fault::Stall => {
            // Until the proxy gives up.
            let _ = wire.some();
            After::Close
        }
        Fault::Garbage => {
            let _ = wire.send(b"\x16\x03\x01 this is no answer\r\n\r\n");
            After::Close
        }
        Fault::HalfHead => {
            let _ = wire.send(line.as_bytes());
            After::Close
        }
        Fault::CutBody | Fault::ResetBody | Fault::StallBody | Fault::BadChunk => {
            let half = body(id, plan.size / 2);
            let mut bytes = line.into_bytes();
            if plan.chunked {
                bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                let mut chunks = chunked(&half, 1000);
                chunks.truncate(chunks.len() - 5);
                bytes.extend_from_slice(&chunks);
                if plan.fault == Fault::BadChunk {
                    bytes.extend_from_slice(b"xyz\r\n");
                }
            } else {
                bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", plan.size).as_bytes());
                bytes.extend_from_slice(&half);
            }
            let _ = wire.send(&bytes);
            match plan.fault {
                Fault::ResetBody => After::Reset,
                Fault::StallBody => {
                    let _ = wire.some();
                    After::Close
                }
                _ => After::Close,
            }
        }
        _ => {
            if plan.fault == Fault::Interim {
                let _ =
                    wire.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
            }
            if head.field("upgrade").is_some() {
                let text = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Id: {id:016x}\r\n\r\n"
                );
                if wire.send(text.as_bytes()).is_err() {
                    return After::Close;
                }
                while let Ok(bytes) = wire.some() {
                    if wire.send(&bytes).is_err() {
                        break;
                    }
                }
                return After::Close;
            }
            let good = send_answer(wire, id, plan, received);
            if !good || plan.close || plan.fault == Fault::IdleClose {
                After::Close
            } else {
                After::KeepAlive
            }
        }
    }
}

/// Reads the request's body; none when it does not come whole.
fn receive(wire: &mut Wire, head: &Head, id: u64, counts: &Counts) -> Option<u64> {
    let framing = match head.framing() {
        Framing::Open => return Some(0),
        framing => framing,
    };
    if head.field("expect").is_some() {
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    match wire.body(framing, Some(id), Duration::ZERO) {
        Ok(size) => Some(size),
        Err(crate::wire::Cut::At(..)) => None,
        Err(_) => {
            counts.foreign.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

fn send_answer(wire: &mut Wire, id: u64, plan: &Plan, received: u64) -> bool {
    let close = if plan.close { "Connection: close\r\n" } else { "" };
    let body = body(id, plan.size);
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\nX-Id: {id:016x}\r\nX-Received: {received}\r\n{close}").into_bytes();
    if plan.chunked {
        bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        bytes.extend_from_slice(&chunked(&body, 1 + (id % 5000) as usize));
    } else {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(&body);
    }
    wire.send(&bytes).is_ok()
}
