#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::pdu::SearchRange;

fn oid(parts: &[u32]) -> Oid {
    Oid::new(parts)
}

/// A session, its clock and a master that says yes.
struct Bench {
    session: Session,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let settings = Settings {
            description: "test".to_owned(),
            subtrees: vec![oid(&[1, 1]), oid(&[1, 2])],
            capabilities: vec![(oid(&[1, 9]), "caps".to_owned())],
        };
        let now = Instant::now();
        Self { session: Session::new(settings, now), now }
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.session.poll_output()).collect()
    }

    /// What was sent, and the rest.
    fn sent(&mut self) -> (Vec<Pdu>, Vec<Output>) {
        let mut packets = Vec::new();
        let mut rest = Vec::new();
        for output in self.outputs() {
            match output {
                Output::Send(bytes) => match Pdu::decode(&bytes) {
                    Frame::Whole(length, packet) if length == bytes.len() => packets.push(packet),
                    frame => panic!("{frame:?}"),
                },
                other => rest.push(other),
            }
        }
        (packets, rest)
    }

    fn one(&mut self) -> Pdu {
        let (mut packets, rest) = self.sent();
        assert_eq!((packets.len(), rest), (1, vec![]));
        packets.remove(0)
    }

    fn receive(&mut self, packet: &Pdu) {
        self.session.received(self.now, &packet.encode());
    }

    fn respond(&mut self, to: &Pdu, error: u16) {
        let body = Body::Response { uptime: 1, error, index: 0, var_binds: vec![] };
        self.receive(&Pdu { session: 5, transaction: 0, packet: to.packet, context: None, body });
    }

    fn fire(&mut self) {
        self.now = self.session.poll_timeout().unwrap();
        self.session.handle_timeout(self.now);
    }

    fn opened() -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.outputs(), [Output::Connect]);
        bench.session.connected(bench.now);
        for _ in 0..4 {
            let packet = bench.one();
            bench.respond(&packet, 0);
        }
        assert_eq!(bench.outputs(), [Output::Log(Event::Connected)]);
        bench
    }

    fn question(&mut self, body: Body) -> Request {
        self.receive(&Pdu { session: 5, transaction: 3, packet: 77, context: None, body });
        match self.outputs().as_slice() {
            [Output::Request(request)] => request.clone(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn opens_and_registers() {
    let mut bench = Bench::new();
    assert_eq!(bench.outputs(), [Output::Connect]);
    bench.session.connected(bench.now);
    let open = bench.one();
    assert!(matches!(open.body, Body::Open { ref description, .. } if description == "test"));
    bench.respond(&open, 0);
    for subtree in [oid(&[1, 1]), oid(&[1, 2])] {
        let packet = bench.one();
        assert_eq!(packet.session, 5, "the master's number");
        assert_eq!(packet.body, Body::Register { timeout: 0, priority: 127, subtree, is_instance: false });
        // An answer to something else is none.
        let mut other = packet.clone();
        other.packet = 99;
        bench.respond(&other, 0);
        assert_eq!(bench.outputs(), []);
        bench.respond(&packet, 0);
    }
    let packet = bench.one();
    assert!(matches!(packet.body, Body::AddAgentCaps { .. }));
    bench.respond(&packet, 0);
    assert_eq!(bench.outputs(), [Output::Log(Event::Connected)]);
    assert_eq!(bench.session.state(), State::Open { ping_at: bench.now + PING_INTERVAL });
}

#[test]
fn a_refused_subtree_does_not_stop_the_others() {
    let mut bench = Bench::new();
    bench.outputs();
    bench.session.connected(bench.now);
    let open = bench.one();
    bench.respond(&open, 0);
    let register = bench.one();
    bench.respond(&register, 263);
    let (packets, rest) = bench.sent();
    assert_eq!(rest, [Output::Log(Event::Refused(oid(&[1, 1]), 263))]);
    assert!(matches!(&packets[0].body, Body::Register { subtree, .. } if *subtree == oid(&[1, 2])));
}

#[test]
fn traps_wait_for_the_session_and_are_lost_without_a_master() {
    let name = |number| trap(oid(&[1, number]), vec![]);
    let mut bench = Bench::new();
    bench.session.notify(name(1));
    bench.outputs();
    bench.session.disconnected(bench.now);
    assert_eq!(bench.outputs(), [Output::Log(Event::Unreachable)]);
    bench.session.notify(name(2));
    bench.fire();
    assert_eq!(bench.outputs(), [Output::Connect]);
    bench.session.disconnected(bench.now);
    assert_eq!(bench.outputs(), [], "said once");
    bench.fire();
    bench.outputs();
    bench.session.notify(name(3));
    bench.session.connected(bench.now);
    for _ in 0..4 {
        let packet = bench.one();
        bench.respond(&packet, 0);
    }
    let (packets, _) = bench.sent();
    assert_eq!(packets.iter().map(|packet| packet.body.clone()).collect::<Vec<_>>(), [Body::Notify(name(3))]);
    bench.session.notify(name(4));
    assert_eq!(bench.one().body, Body::Notify(name(4)));
    for number in 0..3000 {
        bench.session.disconnected(bench.now);
        bench.session.state = State::Connecting { give_up_at: bench.now };
        bench.session.notify(name(number));
    }
    for number in 0..3000 {
        bench.session.notify(name(number));
    }
    assert_eq!(bench.session.traps.len(), TRAPS_MAX);
}

#[test]
fn questions_and_answers() {
    let mut bench = Bench::opened();
    let range = SearchRange { start: oid(&[1, 1, 4]), include: false, end: oid(&[]) };
    let request = bench.question(Body::GetNext(vec![range.clone()]));
    assert_eq!(request.body, Body::GetNext(vec![range]));
    let answer = vec![VarBind { name: oid(&[1, 1, 5]), value: Value::Integer(4) }];
    bench.session.answer(&request, (0, 0), answer.clone());
    let packet = bench.one();
    assert_eq!((packet.session, packet.transaction, packet.packet), (5, 3, 77));
    assert_eq!(packet.body, Body::Response { uptime: 0, error: 0, index: 0, var_binds: answer });
    // Of a session that is over by then.
    let late = bench.question(Body::CommitSet);
    bench.session.disconnected(bench.now);
    bench.outputs();
    bench.session.answer(&late, (0, 0), vec![]);
    assert_eq!(bench.outputs(), []);
}

#[test]
fn what_is_not_for_a_subagent_is_an_error() {
    for (context, body, error) in [
        (Some(b"x".to_vec()), Body::Get(vec![]), pdu::UNSUPPORTED_CONTEXT),
        (None, Body::Ping, pdu::PARSE_ERROR),
    ] {
        let mut bench = Bench::opened();
        bench.receive(&Pdu { session: 5, transaction: 0, packet: 4, context, body });
        assert!(matches!(bench.one().body, Body::Response { error: said, .. } if said == error));
    }
    let mut bench = Bench::opened();
    let mut bytes = Pdu { session: 5, transaction: 0, packet: 4, context: None, body: Body::Ping }.encode();
    bytes[1] = 99;
    bench.session.received(bench.now, &bytes);
    assert!(matches!(bench.one().body, Body::Response { error: pdu::PARSE_ERROR, .. }));
    bench.session.received(bench.now, b"GET / HTTP/1.1\r\n");
    let (packets, rest) = bench.sent();
    assert_eq!(packets[0].body, Body::Close(CloseReason::ParseError));
    assert_eq!(rest, [Output::Disconnect, Output::Log(Event::Lost(RETRY))]);
}

#[test]
fn pings_and_notices_silence() {
    let mut bench = Bench::opened();
    bench.fire();
    let ping = bench.one();
    assert_eq!(ping.body, Body::Ping);
    bench.respond(&ping, 0);
    assert!(matches!(bench.session.state(), State::Open { .. }));
    bench.fire();
    bench.one();
    bench.fire();
    assert_eq!(bench.outputs(), [Output::Disconnect, Output::Log(Event::Lost(RETRY))]);
    bench.fire();
    assert_eq!(bench.outputs(), [Output::Connect]);
    bench.fire();
    assert_eq!(bench.outputs(), [Output::Disconnect, Output::Log(Event::Unreachable)]);
}

#[test]
fn ends() {
    let mut bench = Bench::opened();
    bench.session.close();
    let (packets, rest) = bench.sent();
    assert_eq!(packets[0].body, Body::Close(CloseReason::Shutdown));
    assert_eq!((rest, bench.session.poll_timeout()), (vec![Output::Disconnect], None));
    let mut bench = Bench::opened();
    let body = Body::Close(CloseReason::ByManager);
    bench.receive(&Pdu { session: 5, transaction: 0, packet: 4, context: None, body });
    assert_eq!(bench.outputs(), [Output::Disconnect, Output::Log(Event::Lost(RETRY))]);
    let mut bench = Bench::new();
    bench.outputs();
    bench.session.close();
    bench.session.connected(bench.now);
    assert_eq!(bench.outputs(), []);
}
