//! Received BFD control packets, and a session that hears one after the other.

use crate::first_byte;
use bfd::packet::{LEN, Packet, State};
use bfd::session::{Config, Output, Session};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// All inputs run on one clock: sessions only ever look at differences.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Deadlines that a session may serve between two packets.
const TURNS: usize = 8;

/// What a UDP socket may deliver, one payload after the other. The first byte chooses the session's settings; each payload has its
/// length in front of it, and the highest bit of that says whether the session's deadlines are served before it comes.
pub fn received(data: &[u8]) {
    let (options, mut rest) = first_byte(data);
    let mut now = *START;
    let mut session = Session::new(config(options), 1, now);
    drain(&mut session);
    while let Some((&head, more)) = rest.split_first() {
        let (payload, after) = more.split_at(usize::from(head & 0x7f).min(more.len()));
        rest = after;
        if head & 0x80 != 0 {
            serve(&mut session, &mut now);
        }
        let Ok(packet) = Packet::parse(payload) else { continue };
        let emitted = packet.emit();
        assert_eq!(Packet::parse(&emitted), Ok(packet), "a packet reads back as it was written");
        assert_eq!(emitted[..3], payload[..3], "what was accepted is what is written");
        assert_eq!(emitted[4..LEN], payload[4..LEN], "what was accepted is what is written");
        session.handle_packet(&packet, now);
        drain(&mut session);
    }
    serve(&mut session, &mut now);
}

/// Serves deadlines; none may come round without time passing for ever.
fn serve(session: &mut Session, now: &mut Instant) {
    let mut stuck = 0;
    for _ in 0..TURNS {
        let Some(at) = session.poll_timeout() else { return };
        stuck = if at > *now { 0 } else { stuck + 1 };
        assert!(stuck < 4, "a deadline that does not move");
        *now = at.max(*now);
        session.handle_timeout(*now);
        drain(session);
    }
}

fn drain(session: &mut Session) {
    while let Some(output) = session.poll_output() {
        match output {
            Output::Send(packet) => {
                assert_eq!(Packet::parse(&packet.emit()), Ok(packet), "we send what we would accept");
            }
            Output::Log(event) => drop(std::hint::black_box(event.lines("B"))),
            Output::Report(up) => assert_eq!(up, session.state() == State::Up, "the report is the state"),
        }
    }
    assert_ne!(session.discriminator(), 0, "a discriminator");
}

fn config(options: usize) -> Config {
    let millis = |long: bool| Duration::from_millis(if long { 1000 } else { 10 });
    Config {
        name: "B".into(),
        neighbor: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
        source: None,
        min_rx: millis(options & 1 != 0),
        min_tx: millis(options & 2 != 0),
        idle_tx: Duration::from_secs(1),
        multiplier: if options & 4 != 0 { 255 } else { 3 },
        passive: options & 8 != 0,
        ttl: 255,
        max_hops: 0,
        multihop: options & 16 != 0,
    }
}
