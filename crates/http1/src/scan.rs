//! One pass over a header block: field lines and their ends. Shared by requests, responses and trailers.

use crate::bytes::{is_blank, is_token};
use crate::refusal::ParserState;

/// A stretch of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) at: u32,
    pub(crate) len: u32,
}

impl Slice {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { at: start as u32, len: end.saturating_sub(start) as u32 }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.at as usize..self.at as usize + self.len as usize).unwrap_or_default()
    }
}

/// What stands at the start of a line of the header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The input ends before the line does, or before it is known whether the next line continues it.
    Partial,
    /// The empty line; the header block ends before this offset.
    End(usize),
    /// A field.
    Field(FieldLine),
}

/// One field, perhaps of several lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldLine {
    pub(crate) name: Slice,
    pub(crate) value: Slice,
    /// Where the next line starts.
    pub(crate) next: usize,
    /// Whether line ends stand inside the value (obs-fold).
    pub(crate) folded: bool,
    /// First byte that only the relaxed mode accepts.
    pub(crate) oddity: Option<usize>,
}

/// A line that cannot be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    pub(crate) at: usize,
    pub(crate) state: ParserState,
}

fn bad<T>(at: usize, state: ParserState) -> Result<T, BadLine> {
    Err(BadLine { at, state })
}

/// The end of a line at `at`, where CR or LF stands: the offset after it; none when the input ends between CR and LF.
pub(crate) fn line_end(input: &[u8], at: usize, state: ParserState) -> Result<Option<usize>, BadLine> {
    match (input.get(at), input.get(at + 1)) {
        (Some(b'\n'), _) => Ok(Some(at + 1)),
        (Some(b'\r'), Some(b'\n')) => Ok(Some(at + 2)),
        (Some(b'\r'), Some(_)) => bad(at + 1, state),
        (Some(b'\r') | None, _) => Ok(None),
        (Some(_), _) => bad(at, state),
    }
}

/// Reads the line at `at`. `relaxed` accepts what accept-invalid-http-request/-response do.
pub(crate) fn line(input: &[u8], at: usize, relaxed: bool) -> Result<Line, BadLine> {
    match input.get(at) {
        None => return Ok(Line::Partial),
        Some(b'\r' | b'\n') => {
            return Ok(line_end(input, at, ParserState::HeadersEnd)?.map_or(Line::Partial, Line::End));
        }
        Some(_) => {}
    }
    let mut oddity = None;
    let mut end = at;
    loop {
        end += input.get(end..).unwrap_or_default().iter().take_while(|&&b| is_token(b)).count();
        match input.get(end) {
            None => return Ok(Line::Partial),
            Some(b':') if end > at => break,
            Some(&b) if relaxed && b != b':' && b != b'\r' && b != b'\n' => {
                oddity.get_or_insert(end);
                end += 1;
            }
            Some(_) => {
                return bad(end, if end == at { ParserState::HeaderFirst } else { ParserState::HeaderName });
            }
        }
    }
    let name = Slice::new(at, end);
    let mut start = end + 1;
    let mut cursor = start;
    let mut folded = false;
    loop {
        let rest = input.get(cursor..).unwrap_or_default();
        let Some(found) = memchr::memchr3(b'\r', b'\n', 0, rest) else { return Ok(Line::Partial) };
        let stop = cursor + found;
        if rest.get(found) == Some(&0) {
            if !relaxed {
                return bad(stop, ParserState::HeaderValue);
            }
            oddity.get_or_insert(stop);
            cursor = stop + 1;
            continue;
        }
        let Some(next) = line_end(input, stop, ParserState::HeaderLineEnd)? else { return Ok(Line::Partial) };
        match input.get(next) {
            None => return Ok(Line::Partial),
            Some(&b) if is_blank(b) => {
                folded = true;
                cursor = next;
            }
            Some(_) => {
                let mut end = stop;
                // Line ends inside a folded value count as blanks when the ends are trimmed.
                let space =
                    |at: usize| input.get(at).is_some_and(|&b| is_blank(b) || b == b'\r' || b == b'\n');
                while start < end && space(start) {
                    start += 1;
                }
                while end > start && space(end - 1) {
                    end -= 1;
                }
                return Ok(Line::Field(FieldLine {
                    name,
                    value: Slice::new(start, end),
                    next,
                    folded,
                    oddity,
                }));
            }
        }
    }
}
