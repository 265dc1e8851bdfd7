//! HTTP/1: heads and chunked bodies.

use crate::first_byte;
use http1::{
    BodyError, Decoder, Facts, Framing, Head, Limits, Piece, Refusal, RequestContext, parse_request,
    parse_response,
};

type Parse<'a> = &'a dyn Fn(&[u8], &mut Head) -> Result<Option<Facts>, Refusal>;

/// A request head: the same answer for every split, and what is forwarded reads back as what was understood.
pub fn request_head(data: &[u8]) {
    let (options, input) = first_byte(data);
    let limits = Limits {
        relaxed: options & 1 != 0,
        size: if options & 2 != 0 { 256 } else { 15_360 },
        ..Limits::default()
    };
    let parse = |bytes: &[u8], head: &mut Head| parse_request(bytes, &limits, head);
    head(input, &parse);
}

/// A response head, to each kind of request.
pub fn response_head(data: &[u8]) {
    let (options, input) = first_byte(data);
    let limits = Limits {
        relaxed: options & 1 != 0,
        size: if options & 2 != 0 { 256 } else { 15_360 },
        ..Limits::default()
    };
    let request = RequestContext {
        head: options & 4 != 0,
        connect: options & 8 != 0,
        upgrade: options & 16 != 0,
        websocket: options & 48 == 48,
    };
    let parse = |bytes: &[u8], head: &mut Head| parse_response(bytes, &limits, request, head);
    head(input, &parse);
}

fn head(input: &[u8], parse: Parse<'_>) {
    let mut whole = Head::vacant();
    let verdict = parse(input, &mut whole);
    // Bytes arrive in any split: once a part of them is decided, more of them change nothing.
    for end in splits(input.len()) {
        let mut part = Head::vacant();
        let early = parse(input.get(..end).unwrap_or_default(), &mut part);
        match (&early, &verdict) {
            (Ok(None), _) => {}
            (Ok(Some(early)), Ok(Some(late))) => {
                assert_eq!(early, late, "facts after {end} bytes");
                assert_eq!(written(&part), written(&whole), "head after {end} bytes");
            }
            (Err(early), Err(late)) => assert_eq!(early.status, late.status, "status after {end} bytes"),
            other => panic!("after {end} bytes: {other:?}"),
        }
    }
    let Ok(Some(facts)) = verdict else { return };
    assert!(facts.size <= input.len(), "{} bytes of {}", facts.size, input.len());
    let bytes = written(&whole);
    let mut again = Head::vacant();
    match parse(&bytes, &mut again) {
        Ok(Some(second)) => {
            assert_eq!(second.size, bytes.len(), "one head was written, and nothing after it");
            assert_eq!(second.framing, facts.framing, "the framing of what is forwarded");
            assert!(
                !second.ambiguous || whole.version() == http1::Version::Http10,
                "two framings are forwarded"
            );
        }
        // What was accepted only in relaxed mode, or grew by normalising, may be too long to read back.
        Err(_) if bytes.len() > facts.size - empty_lines(input) => {}
        other => panic!("what is forwarded reads back as {other:?}: {:?}", String::from_utf8_lossy(&bytes)),
    }
    let both = whole.values(b"content-length").next().is_some()
        && whole.values(b"transfer-encoding").next().is_some();
    assert!(!both, "both framings in a forwarded head");
}

/// Bytes of the empty lines before a head.
fn empty_lines(input: &[u8]) -> usize {
    input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

fn written(head: &Head) -> Vec<u8> {
    let mut bytes = Vec::new();
    head.write(&mut bytes);
    bytes
}

/// Where to split: everywhere in short inputs, in about a hundred places of longer ones.
fn splits(length: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by(length / 100 + 1)
}

/// What a body amounts to.
#[derive(Debug, PartialEq, Eq, Default)]
struct Decoded {
    payload: Vec<u8>,
    trailers: Vec<u8>,
    taken: usize,
    done: bool,
    error: Option<BodyError>,
}

/// A chunked body: every split of the same bytes gives the same payload, trailers, end and error.
pub fn chunked_body(data: &[u8]) {
    let (seed, input) = first_byte(data);
    let whole = decode(input, &mut std::iter::repeat(input.len()));
    let bytewise = decode(input, &mut std::iter::repeat(1));
    assert_eq!(whole, bytewise, "byte by byte");
    let mut state = seed as u32 + 1;
    let mut sizes = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        (state >> 16) as usize % 23 + 1
    });
    assert_eq!(whole, decode(input, &mut sizes), "in pieces of random sizes");
    let checked = Decoder::new(Framing::Chunked).check(input);
    assert_eq!(checked.err(), whole.error, "check() and decode() differ");
}

/// Decodes with as many new bytes at a time as `sizes` says; bytes that were not taken are offered again, as from a buffer.
fn decode(input: &[u8], sizes: &mut dyn Iterator<Item = usize>) -> Decoded {
    let mut decoder = Decoder::new(Framing::Chunked);
    let mut out = Decoded::default();
    let mut arrived = 0;
    while arrived < input.len() && !out.done && out.error.is_none() {
        arrived = (arrived + sizes.next().unwrap_or(1).max(1)).min(input.len());
        while let Some(fresh) = input.get(out.taken..arrived).filter(|fresh| !fresh.is_empty()) {
            let before = (out.taken, decoder);
            match decoder.decode(fresh) {
                Err(error) => {
                    out.error = Some(BodyError { at: out.taken + error.at, ..error });
                    break;
                }
                Ok(Piece::End) => {
                    out.done = true;
                    break;
                }
                Ok(Piece::Payload { skip, data }) => {
                    let payload = fresh
                        .get(skip..skip + data)
                        .unwrap_or_else(|| panic!("{skip}+{data} of {}", fresh.len()));
                    out.payload.extend_from_slice(payload);
                    out.taken += skip + data;
                }
                Ok(Piece::Trailers { skip }) => {
                    out.taken += skip;
                    let rest = fresh.get(skip..).unwrap_or_default();
                    match decoder.trailers(rest, &mut out.trailers) {
                        Ok(Some(size)) => {
                            out.taken += size;
                            out.done = true;
                        }
                        Ok(None) => {}
                        Err(error) => out.error = Some(BodyError { at: out.taken + error.at, ..error }),
                    }
                    break;
                }
            }
            assert!(
                before != (out.taken, decoder) || out.taken == arrived,
                "decode() stands still at {}",
                out.taken
            );
            out.done |= decoder.is_done();
            if out.done {
                break;
            }
        }
    }
    if out.error.is_some() {
        // How much of a bad framing line was taken before its bad byte came depends on the split; where that byte is does not.
        out.taken = 0;
    }
    out
}
