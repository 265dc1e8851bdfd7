//! The cookie value that `cookie … dynamic` gives a server (configuration manual, `dynamic-cookie-key`).

use std::net::{IpAddr, SocketAddr};
use xxhash_rust::xxh64::xxh64;

/// XXH64 over key, address and port, as 16 lower-case hex digits.
#[must_use]
pub fn dynamic_cookie(key: &[u8], address: SocketAddr) -> String {
    let mut bytes = key.to_vec();
    match address.ip() {
        IpAddr::V4(v4) => bytes.extend_from_slice(&v4.octets()),
        IpAddr::V6(v6) => bytes.extend_from_slice(&v6.octets()),
    }
    bytes.extend_from_slice(&u32::from(address.port()).to_be_bytes());
    format!("{:016x}", xxh64(&bytes, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_measured_value() {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 29003);
        assert_eq!(dynamic_cookie(b"secret", address), "e26844cfcc65a876");
    }
}
