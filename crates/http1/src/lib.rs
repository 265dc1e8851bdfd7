//! HTTP/1 heads, body framing and serializer, without I/O.
//!
//! Bytes in, bytes and verdicts out: the shell reads and writes. Any chunking of the same bytes gives the same result.
//! RFC 9110, RFC 9112 and the reference's verdicts (haproxy-stream, part 1).

mod head;

pub use head::{Field, Head, Start, Version};
