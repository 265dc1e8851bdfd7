//! What an AgentX master sends, in one part or in two.

use crate::first_byte;
use agentx::pdu::{Frame, HEADER_LEN, PAYLOAD_MAX, SearchRange};
use agentx::{Body, Oid, Output, Pdu, Session, Settings, Value, VarBind, View};
use std::sync::LazyLock;
use std::time::Instant;

/// All inputs run on one clock: sessions only ever look at differences.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A packet reads back as it was written, and a session does the same whichever way its bytes are split; whatever is asked of a
/// view has an answer of bounded length. The first byte says where the split is.
pub fn received(data: &[u8]) {
    let (split, data) = first_byte(data);
    if let Frame::Whole(length, packet) = Pdu::decode(data) {
        assert!((HEADER_LEN..=HEADER_LEN + PAYLOAD_MAX).contains(&length) && length <= data.len());
        let bytes = packet.encode();
        assert_eq!(
            Pdu::decode(&bytes),
            Frame::Whole(bytes.len(), packet.clone()),
            "a packet reads back as it was written"
        );
        answer(&packet.body);
    }
    let whole = run(&[data]);
    let (first, second) = data.split_at(split.min(data.len()));
    assert_eq!(run(&[first, second]), whole, "the same outputs for every split");
}

fn run(parts: &[&[u8]]) -> Vec<Output> {
    let now = *START;
    let settings = Settings {
        description: "fuzzed".to_owned(),
        subtrees: vec![Oid::new(&[1, 3, 6, 1, 4, 1, 9586])],
        capabilities: vec![(Oid::new(&[1, 3, 6, 1, 2, 1, 68]), "capability".to_owned())],
    };
    let mut session = Session::new(settings, now);
    session.connected(now);
    let mut outputs = Vec::new();
    for part in parts {
        session.received(now, part);
        while let Some(output) = session.poll_output() {
            if let Output::Request(request) = &output {
                session.answer(request, (0, 0), answer(&request.body));
            }
            outputs.push(output);
        }
    }
    outputs
}

fn answer(body: &Body) -> Vec<VarBind> {
    let objects = (1..4).map(|number| (Oid::new(&[1, 3, 6, 1, number]), Value::Integer(1))).collect();
    let view = View::new(objects);
    let most = |ranges: &[SearchRange]| ranges.len() + agentx::view::ANSWERS_MAX;
    match body {
        Body::Get(ranges) => view.answer_get(ranges),
        Body::GetNext(ranges) => view.answer_next(ranges),
        Body::GetBulk { non_repeaters, max_repetitions, ranges } => {
            let found = view.answer_bulk((*non_repeaters).into(), (*max_repetitions).into(), ranges);
            assert!(found.len() <= most(ranges), "an answer of bounded length");
            found
        }
        _ => Vec::new(),
    }
}
