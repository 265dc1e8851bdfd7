//! The PROXY protocol (proxy-protocol.txt; haproxy-stream, part 8): what a header says, and headers to send. And NetScaler's client IP
//! header.
//!
//! Bytes in, values out: whoever reads the connection decides what a fault means for it.

mod netscaler;
mod receive;
mod send;

pub use netscaler::{NetscalerFault, NetscalerHeader, receive_netscaler};
pub use receive::{Fault, Header, Tlv, receive};
pub use send::{Version2, version_1};

/// What every header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Types of what may follow the addresses of version 2 (section 2.2).
pub mod kind {
    /// The name that the client asked for.
    pub const AUTHORITY: u8 = 0x02;
    /// A checksum of the header.
    pub const CRC32C: u8 = 0x03;
    /// An id of the connection.
    pub const UNIQUE_ID: u8 = 0x05;
    /// Facts of TLS.
    pub const SSL: u8 = 0x20;
    /// The network namespace of the connection.
    pub const NETNS: u8 = 0x30;
}

/// CRC-32C of several pieces, one after the other.
fn crc32c(pieces: &[&[u8]]) -> u32 {
    let bytes = pieces.iter().flat_map(|piece| piece.iter());
    !bytes.fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0x82F6_3B78 } else { c >> 1 })
    })
}
