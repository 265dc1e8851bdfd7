//! The PROXY protocol header of an accepted connection, both versions.

/// The first bytes of a connection to a listener with `accept-proxy`: never more is taken than there is.
pub fn accepted(data: &[u8]) {
    if let Some(size) = proxy::accept_proxy_size(data) {
        assert!(size <= data.len(), "{size} of {} bytes", data.len());
        assert_eq!(
            proxy::accept_proxy_size(data.get(..size).unwrap_or_default()),
            Some(size),
            "what follows the header matters"
        );
    }
}
