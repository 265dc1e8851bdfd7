//! The headers in front of an accepted connection: the PROXY protocol's, both versions, and NetScaler's.

/// The magic number of the seeds.
const MAGIC: u32 = 0x1122_3344;

/// The first bytes of a connection to a listener with `accept-proxy` or `accept-netscaler-cip`: never more is taken than there is.
pub fn accepted(data: &[u8]) {
    check(data, proxy::accept_proxy_size);
    check(data, |data| proxy::netscaler_size(data, MAGIC));
}

fn check(data: &[u8], size_of: impl Fn(&[u8]) -> Option<usize>) {
    if let Some(size) = size_of(data) {
        assert!(size <= data.len(), "{size} of {} bytes", data.len());
        let alone = size_of(data.get(..size).unwrap_or_default());
        assert_eq!(alone, Some(size), "what follows the header matters");
    }
}
