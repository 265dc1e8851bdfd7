//! Messages of the kernel on a routing socket.

/// One datagram of NETLINK_ROUTE, read as the monitor reads it.
pub fn received(data: &[u8]) {
    std::hint::black_box(netlink::monitor::decode(data));
}
