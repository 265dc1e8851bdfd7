//! The two addresses of a client connection, small, because an idle connection keeps them.

use std::net::{SocketAddr, SocketAddrV4};

/// Where a client connection comes from and where it goes to; neither is known of a Unix socket.
#[derive(Debug)]
pub(crate) struct Addresses(Kept);

/// Two addresses as they are take 64 bytes. Those of IPv4 fit in 16, others are elsewhere.
#[derive(Debug)]
enum Kept {
    V4(SocketAddrV4, SocketAddrV4),
    Other(Box<(Option<SocketAddr>, Option<SocketAddr>)>),
}

const _: () = assert!(size_of::<Addresses>() == 16);

impl Addresses {
    pub(crate) fn new(src: Option<SocketAddr>, dst: Option<SocketAddr>) -> Self {
        Self(match (src, dst) {
            (Some(SocketAddr::V4(src)), Some(SocketAddr::V4(dst))) => Kept::V4(src, dst),
            other => Kept::Other(Box::new(other)),
        })
    }

    /// Where it comes from.
    pub(crate) fn src(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kept::V4(src, _) => Some((*src).into()),
            Kept::Other(both) => both.0,
        }
    }

    /// Where it goes to.
    pub(crate) fn dst(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kept::V4(_, dst) => Some((*dst).into()),
            Kept::Other(both) => both.1,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_are_what_they_were() {
        let v4: SocketAddr = "192.0.2.1:1".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::1]:2".parse().unwrap();
        for src in [None, Some(v4), Some(v6)] {
            for dst in [None, Some(v4), Some(v6)] {
                let both = Addresses::new(src, dst);
                assert_eq!((both.src(), both.dst()), (src, dst));
            }
        }
    }
}
