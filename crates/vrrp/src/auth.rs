//! The authentication header of VRRPv2 `auth_type AH` (RFC 2402 as RFC 2338 uses it): HMAC-MD5-96 over the IPv4 header
//! without its mutable fields, the authentication header itself and the VRRP packet.
//!
//! MD5 is what this protocol says; it keeps nobody out who can try. New set-ups should not use it.

use std::fmt;
use std::net::Ipv4Addr;

use hmac::{Hmac, Mac};
use md5::Md5;

use crate::packet::PROTOCOL;

/// Length of the authentication header: 12 fixed bytes and a 12-byte ICV.
pub const LEN: usize = 24;
/// The ICV's place in the header.
const ICV_AT: usize = 12;
/// After this sequence number there is no next one.
pub const LAST_SEQUENCE: u32 = 0xffff_fffe;

/// Why a received authentication header was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It does not announce VRRP.
    NextHeader(u8),
    /// The SPI is not the sender's address.
    Spi(u32),
    /// The sequence number is not greater than the last one.
    Replayed {
        /// Received.
        received: u32,
        /// The last one accepted or sent.
        last: u32,
    },
    /// The ICV is wrong: changed on the way, or another password.
    Icv,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NextHeader(next) => write!(f, "IPSEC-AH : next header {next} is not VRRP"),
            Self::Spi(spi) => {
                write!(f, "IPSEC AH : invalid IPSEC SPI value. {spi:#x} is not the sender's address")
            }
            Self::Replayed { received, last } => write!(
                f,
                "IPSEC-AH : sequence number {received} already processed. Packet dropped. Local({last})"
            ),
            Self::Icv => f.write_str(
                "IPSEC-AH : invalid IPSEC HMAC-MD5 value. Due to fields mutation or bad password !",
            ),
        }
    }
}

/// Verifies a datagram whose authentication header begins at `ah_at`; returns its sequence number.
pub fn verify(
    key: &[u8; 8],
    datagram: &[u8],
    ah_at: usize,
    last: u32,
    unicast: bool,
) -> Result<u32, Invalid> {
    let (ip, rest) = datagram.split_at_checked(ah_at).ok_or(Invalid::Icv)?;
    let (ah, vrrp) = rest.split_first_chunk::<LEN>().ok_or(Invalid::Icv)?;
    if ah[0] != PROTOCOL {
        return Err(Invalid::NextHeader(ah[0]));
    }
    let spi = [ah[4], ah[5], ah[6], ah[7]];
    if ip.get(12..16) != Some(&spi) {
        return Err(Invalid::Spi(u32::from_be_bytes(spi)));
    }
    let received = u32::from_be_bytes([ah[8], ah[9], ah[10], ah[11]]);
    // Padding behind the datagram is not part of what was signed.
    let claimed =
        usize::from(u16::from_be_bytes([ip.get(2).copied().unwrap_or(0), ip.get(3).copied().unwrap_or(0)]));
    let vrrp = claimed.checked_sub(ah_at + LEN).and_then(|len| vrrp.get(..len)).unwrap_or(vrrp);
    let mut mac = mac_over(key, ip, unicast);
    mac.update(&ah[..ICV_AT]);
    mac.update(&[0; LEN - ICV_AT]);
    mac.update(vrrp);
    mac.verify_truncated_left(&ah[ICV_AT..]).map_err(|_| Invalid::Icv)?;
    // After the ICV: only a holder of the password may learn or move the window.
    if received <= last {
        return Err(Invalid::Replayed { received, last });
    }
    Ok(received)
}

/// Appends authentication header and VRRP packet to an IPv4 header.
pub fn append(
    key: &[u8; 8],
    datagram: &mut Vec<u8>,
    source: Ipv4Addr,
    sequence: u32,
    vrrp: &[u8],
    unicast: bool,
) {
    let mut ah = [0; LEN];
    ah[0] = PROTOCOL;
    ah[1] = 4;
    ah[4..8].copy_from_slice(&source.octets());
    ah[8..12].copy_from_slice(&sequence.to_be_bytes());
    let mut mac = mac_over(key, datagram, unicast);
    mac.update(&ah);
    mac.update(vrrp);
    let icv = mac.finalize().into_bytes();
    for (to, from) in ah[ICV_AT..].iter_mut().zip(icv) {
        *to = from;
    }
    datagram.extend_from_slice(&ah);
    datagram.extend_from_slice(vrrp);
}

/// A MAC that has seen the IP header with the fields zeroed that change on the way: TOS, fragment, checksum, and the
/// TTL where it may change.
fn mac_over(key: &[u8; 8], ip: &[u8], unicast: bool) -> Hmac<Md5> {
    #[allow(clippy::unwrap_used)] // HMAC takes keys of every length
    let mut mac = <Hmac<Md5> as Mac>::new_from_slice(key).unwrap();
    for (at, byte) in ip.iter().enumerate() {
        let zeroed = matches!(at, 1 | 6 | 7 | 10 | 11) || (unicast && at == 8);
        mac.update(&[if zeroed { 0 } else { *byte }]);
    }
    mac
}
