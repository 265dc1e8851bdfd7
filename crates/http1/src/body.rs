//! Bodies: an incremental decoder for every framing, trailers, and the chunked encoder.
//!
//! The decoder is told bytes and says which of them are payload; it copies nothing. Any split of the same bytes gives the same
//! payload and the same verdict. Chunk boundaries and extensions are not kept: output is framed anew.

use crate::bytes::is_blank;
use crate::facts::Framing;
use crate::refusal::ParserState;
use crate::scan::{self, Line};

/// Longest chunk size line, with extension and leading zeros. Longer ones are refused: a peer must not make us count for ever.
const MAX_SIZE_LINE: u32 = 15_360;

/// What stands at the start of the given bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// `skip` bytes of framing, then `data` bytes of payload (0 when more input is needed for any).
    Payload {
        /// Bytes to drop first.
        skip: usize,
        /// Bytes of payload after them.
        data: usize,
    },
    /// `skip` bytes of framing, then the trailers: call [`Decoder::trailers`].
    Trailers {
        /// Bytes to drop first.
        skip: usize,
    },
    /// The body is over; what follows belongs to the next message.
    End,
}

/// A body that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyError {
    /// Offset of the offending byte in the bytes that were given.
    pub at: usize,
    /// Where the decoder was.
    pub state: ParserState,
}

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bad body at byte {} in {}", self.at, self.state.name())
    }
}

impl std::error::Error for BodyError {}

/// Reads one message's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoder {
    state: State,
}

/// ```text
/// Size -> SizeBlank -> (Extension) -> SizeLf -> Data -> DataCr -> DataLf -> Size …
///                                            -> Trailers -> Done   (size 0)
/// Length -> Done          UntilClose (the shell ends it)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    UntilClose,
    Size { value: u64, digits: bool, line: u32 },
    SizeBlank { value: u64, line: u32 },
    Extension { value: u64, line: u32 },
    SizeLf { value: u64 },
    Data(u64),
    DataCr,
    DataLf,
    Trailers,
    Done,
}

impl Decoder {
    /// A decoder for a framing.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size { value: 0, digits: false, line: 0 },
            Framing::UntilClose => State::UntilClose,
        };
        Self { state }
    }

    /// Whether the whole body was decoded.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the body ends with the connection.
    #[must_use]
    pub fn is_until_close(&self) -> bool {
        self.state == State::UntilClose
    }

    /// The peer ended its stream: true when that is a proper end of this body.
    pub fn end_of_stream(&mut self) -> bool {
        if self.state == State::UntilClose {
            self.state = State::Done;
        }
        self.is_done()
    }

    /// Payload bytes that are certain to come, as far as known: the rest of the length or of the chunk.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Length(rest) | State::Data(rest) => Some(rest),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// Payload bytes that may come next without a byte of framing before them: the rest of the length or of the chunk, any number
    /// until the connection closes; 0 where framing comes next.
    #[must_use]
    pub fn run(&self) -> u64 {
        match self.state {
            State::Length(rest) | State::Data(rest) => rest,
            State::UntilClose => u64::MAX,
            _ => 0,
        }
    }

    /// Takes payload that the caller moved on unseen: `n` bytes of the [`Decoder::run`], at most all of them.
    pub fn pass(&mut self, n: u64) {
        let after = match self.state {
            State::Length(rest) => (rest <= n, State::Done, State::Length(rest.saturating_sub(n))),
            State::Data(rest) => (rest <= n, State::DataCr, State::Data(rest.saturating_sub(n))),
            state => (false, state, state),
        };
        self.state = if after.0 { after.1 } else { after.2 };
    }

    /// Takes bytes that followed what was taken before. The caller drops `skip` and consumes `data` before the next call.
    ///
    /// # Errors
    /// Where the bytes break the framing.
    pub fn decode(&mut self, input: &[u8]) -> Result<Piece, BodyError> {
        match &mut self.state {
            State::Done => return Ok(Piece::End),
            State::UntilClose => return Ok(Piece::Payload { skip: 0, data: input.len() }),
            State::Length(rest) => {
                let data = take(rest, input.len());
                if *rest == 0 {
                    self.state = State::Done;
                }
                return Ok(Piece::Payload { skip: 0, data });
            }
            _ => {}
        }
        let mut at = 0;
        while let Some(&b) = input.get(at) {
            self.state = match self.state {
                State::Data(mut rest) => {
                    let data = take(&mut rest, input.len() - at);
                    self.state = if rest == 0 { State::DataCr } else { State::Data(rest) };
                    return Ok(Piece::Payload { skip: at, data });
                }
                State::Trailers => return Ok(Piece::Trailers { skip: at }),
                state => Self::framing_byte(state, b).ok_or(BodyError { at, state: self.parser_state() })?,
            };
            at += 1;
        }
        Ok(match self.state {
            State::Trailers => Piece::Trailers { skip: at },
            _ => Piece::Payload { skip: at, data: 0 },
        })
    }

    /// The state after one byte of framing; none when the byte may not stand there.
    fn framing_byte(state: State, b: u8) -> Option<State> {
        Some(match state {
            State::Size { value, digits, line } => match (char::from(b).to_digit(16), b) {
                (Some(digit), _) => {
                    let value = value << 4 | u64::from(digit);
                    if value >= 1 << 52 || line >= MAX_SIZE_LINE {
                        return None;
                    }
                    State::Size { value, digits: true, line: line + 1 }
                }
                (None, b'\r') if digits => State::SizeLf { value },
                (None, b';') if digits => State::Extension { value, line },
                (None, b' ' | b'\t') if digits => State::SizeBlank { value, line },
                _ => return None,
            },
            State::SizeBlank { value, line } => match b {
                b'\r' => State::SizeLf { value },
                b';' => State::Extension { value, line },
                _ if is_blank(b) && line < MAX_SIZE_LINE => State::SizeBlank { value, line: line + 1 },
                _ => return None,
            },
            State::Extension { value, line } => match b {
                b'\r' => State::SizeLf { value },
                b'\n' => return None,
                _ if line < MAX_SIZE_LINE => State::Extension { value, line: line + 1 },
                _ => return None,
            },
            State::SizeLf { value: 0 } if b == b'\n' => State::Trailers,
            State::SizeLf { value } if b == b'\n' => State::Data(value),
            State::DataCr if b == b'\r' => State::DataLf,
            State::DataLf if b == b'\n' => State::Size { value: 0, digits: false, line: 0 },
            _ => return None,
        })
    }

    /// Whether bytes at the start of the body break its framing. Nothing is taken.
    ///
    /// # Errors
    /// Where they do.
    pub fn check(&self, input: &[u8]) -> Result<(), BodyError> {
        let mut decoder = *self;
        let mut at = 0;
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            let offset = |error: BodyError| BodyError { at: at + error.at, ..error };
            match decoder.decode(rest).map_err(offset)? {
                Piece::End => break,
                Piece::Payload { skip, data } => at += skip + data,
                Piece::Trailers { skip } => {
                    let rest = rest.get(skip..).unwrap_or_default();
                    let offset = |error: BodyError| BodyError { at: at + skip + error.at, ..error };
                    decoder.trailers(rest, &mut Vec::new()).map_err(offset)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Reads the trailers and the empty line after them; `out` gets them as `name: value` lines, ready to be sent. Returns the bytes
    /// taken, or none while they are incomplete (nothing was taken then).
    ///
    /// # Errors
    /// Where a line is no field.
    pub fn trailers(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, BodyError> {
        if self.state != State::Trailers {
            return Ok(None);
        }
        let kept = out.len();
        let mut at = 0;
        loop {
            match scan::line(input, at, false) {
                Ok(Line::Partial) => {
                    out.truncate(kept);
                    return Ok(None);
                }
                Ok(Line::End(end)) => {
                    self.state = State::Done;
                    return Ok(Some(end));
                }
                Ok(Line::Field(field)) => {
                    let name = out.len();
                    out.extend_from_slice(field.name.of(input));
                    if let Some(name) = out.get_mut(name..) {
                        name.make_ascii_lowercase();
                    }
                    out.extend_from_slice(b": ");
                    out.extend(
                        field
                            .value
                            .of(input)
                            .iter()
                            .map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }),
                    );
                    out.extend_from_slice(b"\r\n");
                    at = field.next;
                }
                Err(bad) => {
                    out.truncate(kept);
                    return Err(BodyError { at: bad.at, state: ParserState::Trailers });
                }
            }
        }
    }

    /// Where the decoder is, for `show errors`.
    #[must_use]
    pub fn parser_state(&self) -> ParserState {
        match self.state {
            State::Size { .. } | State::SizeBlank { .. } | State::Extension { .. } | State::SizeLf { .. } => {
                ParserState::ChunkSize
            }
            State::DataCr | State::DataLf => ParserState::ChunkEnd,
            State::Trailers => ParserState::Trailers,
            State::Length(_) | State::UntilClose | State::Data(_) | State::Done => ParserState::Data,
        }
    }
}

/// Takes up to `available` from what remains.
fn take(rest: &mut u64, available: usize) -> usize {
    let n = usize::try_from(*rest).unwrap_or(usize::MAX).min(available);
    *rest -= n as u64;
    n
}

/// Appends a chunk's size line: upper-case hexadecimal without padding, CRLF.
pub fn write_chunk_size(size: u64, out: &mut Vec<u8>) {
    let digits = (u64::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        let nibble = (size >> (4 * digit)) & 0xf;
        out.push(b"0123456789ABCDEF"[nibble as usize]);
    }
    out.extend_from_slice(b"\r\n");
}
