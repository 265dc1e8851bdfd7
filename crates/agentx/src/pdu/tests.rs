#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::value::Value;

fn oid(parts: &[u32]) -> Oid {
    Oid::new(parts)
}

fn pdu(body: Body) -> Pdu {
    Pdu { session: 7, transaction: 8, packet: 9, context: None, body }
}

fn samples() -> Vec<Pdu> {
    let range = SearchRange { start: oid(&[1, 3, 6, 1, 4, 1]), include: true, end: oid(&[1, 3, 6, 1, 5]) };
    let values = vec![
        Value::Integer(-5),
        Value::from("text"),
        Value::Null,
        Value::ObjectId(oid(&[1, 3, 6, 1, 256, 2])),
        Value::IpAddress([10, 0, 0, 1]),
        Value::Counter32(u32::MAX),
        Value::Gauge32(6),
        Value::TimeTicks(7),
        Value::Opaque(vec![1, 2, 3, 4, 5]),
        Value::Counter64(u64::MAX - 1),
        Value::NoSuchObject,
        Value::NoSuchInstance,
        Value::EndOfMibView,
    ];
    let var_binds: Vec<VarBind> =
        (0..).zip(values).map(|(number, value)| VarBind { name: oid(&[2, number]), value }).collect();
    let mut with_context = pdu(Body::Get(vec![range.clone(), range.clone()]));
    with_context.context = Some(b"other".to_vec());
    vec![
        with_context,
        pdu(Body::Open { timeout: 3, id: oid(&[]), description: "a subagent".to_owned() }),
        pdu(Body::Close(CloseReason::Shutdown)),
        pdu(Body::Register { timeout: 1, priority: 127, subtree: oid(&[1, 3, 6, 1, 9]), is_instance: true }),
        pdu(Body::Register { timeout: 1, priority: 127, subtree: oid(&[1, 3, 6, 1]), is_instance: false }),
        pdu(Body::Unregister { priority: 127, subtree: oid(&[1, 3, 6, 1, 0]) }),
        pdu(Body::GetNext(vec![range.clone()])),
        pdu(Body::GetBulk { non_repeaters: 1, max_repetitions: 20, ranges: vec![range] }),
        pdu(Body::TestSet(var_binds.clone())),
        pdu(Body::CommitSet),
        pdu(Body::UndoSet),
        pdu(Body::CleanupSet),
        pdu(Body::Notify(var_binds.clone())),
        pdu(Body::Ping),
        pdu(Body::AddAgentCaps { id: oid(&[1, 3, 6, 1, 2, 1]), description: "caps".to_owned() }),
        pdu(Body::Response { uptime: 11, error: 17, index: 2, var_binds }),
    ]
}

#[test]
fn what_is_written_reads_back() {
    for sample in samples() {
        let bytes = sample.encode();
        assert_eq!(bytes.len() % 4, 0, "{sample:?}");
        assert_eq!(Pdu::decode(&bytes), Frame::Whole(bytes.len(), sample.clone()));
        for cut in 0..bytes.len() {
            assert_eq!(Pdu::decode(&bytes[..cut]), Frame::Incomplete, "{cut} of {sample:?}");
        }
    }
}

#[test]
fn bytes_of_the_rfc() {
    // RFC 2741, 5.1: .1.3.6.1.2.1.1.1.0 with its prefix left out; 6.1: the header.
    let get = pdu(Body::Get(vec![SearchRange {
        start: oid(&[1, 3, 6, 1, 2, 1, 1, 1, 0]),
        include: false,
        end: oid(&[]),
    }]));
    let expected = [
        [1, 5, 0x10, 0],
        [0, 0, 0, 7],
        [0, 0, 0, 8],
        [0, 0, 0, 9],
        [0, 0, 0, 24],
        [4, 2, 0, 0],
        [0, 0, 0, 1],
        [0, 0, 0, 1],
        [0, 0, 0, 1],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ];
    assert_eq!(get.encode(), expected.concat());
    let swapped = [
        [1, 5, 0, 0],
        [7, 0, 0, 0],
        [8, 0, 0, 0],
        [9, 0, 0, 0],
        [24, 0, 0, 0],
        [4, 2, 0, 0],
        [1, 0, 0, 0],
        [1, 0, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ];
    assert_eq!(Pdu::decode(&swapped.concat()), Frame::Whole(44, get));
}

#[test]
fn numbers_in_the_other_order() {
    let body = [
        [1, 18, 0, 0],
        [1, 0, 0, 0],
        [2, 0, 0, 0],
        [3, 0, 0, 0],
        [44, 0, 0, 0],
        [5, 0, 0, 0],
        [17, 0, 2, 0],
        [70, 0, 0, 0],
        [1, 0, 0, 0],
        [9, 0, 0, 0],
        [8, 7, 6, 5],
        [4, 3, 2, 1],
        [4, 0, 0, 0],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [65, 0, 0, 0],
    ];
    let Frame::Whole(64, packet) = Pdu::decode(&body.concat()) else { panic!() };
    let var_binds = vec![
        VarBind { name: oid(&[9]), value: Value::Counter64(0x0102_0304_0506_0708) },
        VarBind { name: oid(&[]), value: Value::from("A") },
    ];
    assert_eq!(packet.body, Body::Response { uptime: 5, error: 17, index: 2, var_binds });
}

#[test]
fn wrong_bytes() {
    let good = pdu(Body::Get(vec![])).encode();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        Pdu::decode(&bytes)
    };
    assert_eq!(with(0, 2), Frame::Broken, "version");
    assert_eq!(Pdu::decode(&[2]), Frame::Broken, "version, at once");
    assert_eq!(with(19, 2), Frame::Broken, "length that is no multiple of 4");
    assert_eq!(with(16, 1), Frame::Broken, "length beyond all reason");
    assert!(matches!(with(1, 99), Frame::Unknown(20, _)), "type");
    assert!(matches!(with(2, 0x18), Frame::Unknown(20, _)), "context that is missing");
    // An identifier of more numbers than there can be, a value that is longer than the packet, a kind that is none.
    for payload in [
        vec![124, 1, 0, 0],
        vec![0, 4, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        vec![0, 3, 0, 0, 0, 0, 0, 0],
        vec![0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3, 0],
    ] {
        let kind = if payload[0] == 124 { 5 } else { 8 };
        let mut bytes =
            vec![1, kind, 0x10, 0, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, payload.len() as u8];
        bytes.extend(payload);
        assert!(matches!(Pdu::decode(&bytes), Frame::Unknown(..)), "{bytes:?}");
    }
}
