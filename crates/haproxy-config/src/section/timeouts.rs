//! The `timeout` family (configuration manual, section 4.2).

use crate::cx::{Line, Refusal};
use crate::declared::ProxyDecl;
use crate::registry::{Row, Sections, Set, Since, row};

/// What the reference says to another word after `timeout`.
pub(crate) fn unknown(line: &Line<'_>) -> Refusal {
    let got = line.arg(0);
    Refusal::fatal(format!(
        "'timeout' supports 'client', 'server', 'connect', 'check', 'queue', 'handshake', 'http-keep-alive', 'http-request', 'tunnel', 'tarpit', 'client-fin' and 'server-fin' (got '{got}')"
    ))
}

const FRONT: Sections = Sections::FRONT;
const BACK: Sections = Sections::BACK;
const ALL: Sections = Sections::ALL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "timeout check",
        BACK,
        Since(1, 3),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.check),
        "Time a check may take once connected.",
    ),
    row(
        "timeout client",
        FRONT,
        Since(1, 3),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.client),
        "Inactivity limit, client side.",
    ),
    row(
        "timeout client-fin",
        FRONT,
        Since(1, 5),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.client_fin),
        "Inactivity limit of half-closed clients.",
    ),
    row(
        "timeout client-hs",
        FRONT,
        Since(3, 0),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.client_hs),
        "Time a client's handshake may take.",
    ),
    row(
        "timeout connect",
        BACK,
        Since(1, 3),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.connect),
        "Time a connection to a server may take.",
    ),
    row(
        "timeout http-keep-alive",
        ALL,
        Since(1, 4),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.http_keep_alive),
        "Time between two requests of a connection.",
    ),
    row(
        "timeout http-request",
        ALL,
        Since(1, 4),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.http_request),
        "Time a whole request head may take.",
    ),
    row(
        "timeout queue",
        BACK,
        Since(1, 3),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.queue),
        "Time a request may wait for a free slot.",
    ),
    row(
        "timeout server",
        BACK,
        Since(1, 3),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.server),
        "Inactivity limit, server side.",
    ),
    row(
        "timeout server-fin",
        BACK,
        Since(1, 5),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.server_fin),
        "Inactivity limit of half-closed servers.",
    ),
    row(
        "timeout tarpit",
        ALL,
        Since(1, 3),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.tarpit),
        "Time a tarpitted connection is kept.",
    ),
    row(
        "timeout tunnel",
        BACK,
        Since(1, 5),
        "<timeout>",
        Set::Delay(|p| &mut p.timeouts.tunnel),
        "Inactivity limit of tunnels, both sides.",
    ),
];
