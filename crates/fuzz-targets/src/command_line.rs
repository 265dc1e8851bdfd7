//! The stats socket's dialogue: the same commands for every split, and an answer to whatever the words are.

use admin::cli::command;
use admin::cli::session::{Input, Request, Step};

/// Bytes of a connection to the stats socket, up to its end.
pub fn dialogue(data: &[u8]) {
    let whole = requests(data, data.len().max(1));
    assert_eq!(whole, requests(data, 1), "byte by byte");
    assert_eq!(whole, requests(data, 7), "seven bytes at a time");
    for request in whole.iter().flatten() {
        match command::find(&request.words) {
            Some(found) => assert!(
                found.words.len() <= request.words.len(),
                "{found:?} for {request:?}",
                found = found.words
            ),
            None => {
                std::hint::black_box(command::unknown(&request.words));
            }
        }
        std::hint::black_box(command::help(&request.words));
    }
}

/// The commands; none at a line that is too long.
fn requests(data: &[u8], step: usize) -> Vec<Option<Request>> {
    let mut input = Input::default();
    let mut found = Vec::new();
    let mut pieces = data.chunks(step);
    loop {
        match input.next_step() {
            Step::Run(request) => found.push(Some(request)),
            Step::TooLong => {
                found.push(None);
                return found;
            }
            Step::More | Step::MorePayload => match pieces.next() {
                Some(piece) => input.feed(piece),
                None => break,
            },
        }
    }
    input.end();
    while let Step::Run(request) = input.next_step() {
        found.push(Some(request));
    }
    found
}
