//! HTTP/1 heads, body framing and serializer, without I/O.
//!
//! Bytes in, bytes and verdicts out: the shell reads and writes. Any chunking of the same bytes gives the same result.
//! RFC 9110, RFC 9112 and the reference's verdicts (haproxy-stream, part 1).
//!
//! One parser decides everything: there is no fast path beside a slow one that could disagree with it.

mod body;
mod bytes;
mod case;
mod facts;
mod head;
mod reason;
mod refusal;
mod request;
mod response;
mod scan;
mod target;
#[cfg(test)]
mod tests;

pub use body::{BodyError, Decoder, Piece, write_chunk_size};
pub use case::{CaseMap, CaseMapError};
pub use facts::{Facts, Framing};
pub use head::{Field, Head, Start, Version, write_decimal};
pub use reason::reason;
pub use refusal::{ParserState, Refusal};
pub use request::{Limits, parse_request};
pub use response::{RequestContext, parse_response};
