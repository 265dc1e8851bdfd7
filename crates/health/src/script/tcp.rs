//! `tcp-check expect`: patterns on the bytes that were received since the last send.

use super::Verdict;
use crate::config::{Expect, Pattern};
use crate::status::CheckStatus;
use bstr::ByteSlice;

/// `last`: no more bytes will come.
pub(super) fn judge(expect: &Expect, number: u32, input: &[u8], last: bool) -> Verdict {
    if last && input.is_empty() {
        return fail(format!("TCPCHK got an empty response at step {number}"));
    }
    // A minimum above a fixed pattern's length would only delay it.
    let least = match &expect.pattern {
        Pattern::String(text) | Pattern::Binary(text) => {
            expect.min_recv.map(|n| (n as usize).min(text.len()))
        }
        _ => expect.min_recv.map(|n| n as usize),
    };
    if !last && input.len() < least.unwrap_or(1) {
        return Verdict::More;
    }
    let found = match &expect.pattern {
        Pattern::String(text) | Pattern::Binary(text) => input.contains_str(text),
        // A pattern that hits its match limit did not match.
        Pattern::Regex(regex) => regex.is_match(input).unwrap_or(false),
        Pattern::BinaryRegex(regex) => regex.is_match(&hexadecimal(input)).unwrap_or(false),
        Pattern::Status(_) | Pattern::StatusRegex(_) | Pattern::Header { .. } => false,
    };
    match (found, expect.negate) {
        (true, false) => Verdict::Pass,
        (false, _) if !last && expect.min_recv.is_none_or(|n| input.len() < n as usize) => Verdict::More,
        (false, true) => Verdict::Pass,
        (true, true) => fail(format!("TCPCHK matched unwanted content{} at step {number}", which(expect))),
        (false, false) => fail(format!("TCPCHK did not match content{} at step {number}", which(expect))),
    }
}

fn fail(info: String) -> Verdict {
    Verdict::Fail(CheckStatus::L7Response, info)
}

fn which(expect: &Expect) -> String {
    match &expect.pattern {
        Pattern::Regex(_) => " (regex)".into(),
        Pattern::Binary(_) => " (binary)".into(),
        Pattern::BinaryRegex(_) => " (binary regex)".into(),
        Pattern::String(text) => format!(" '{}'", text.to_str_lossy()),
        Pattern::Status(_) | Pattern::StatusRegex(_) | Pattern::Header { .. } => String::new(),
    }
}

fn hexadecimal(input: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    input.iter().flat_map(|&b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).collect()
}
