//! Asking an interface for its link: MII registers, ethtool, flags. netdevice(7).
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

const SIOCGMIIPHY: libc::c_ulong = 0x8947;
const SIOCGMIIREG: libc::c_ulong = 0x8948;
const SIOCETHTOOL: libc::c_ulong = 0x8946;
const SIOCGIFFLAGS: libc::c_ulong = 0x8913;
const ETHTOOL_GLINK: u32 = 10;
/// Basic mode status register, and link status in it.
const MII_BMSR: u16 = 1;
const BMSR_LINK: u16 = 4;

/// How a link is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// MII registers.
    Mii,
    /// ethtool.
    Ethtool,
    /// Flags of the interface.
    Flags,
}

/// The socket that questions go through.
#[derive(Debug)]
pub struct Prober {
    fd: OwnedFd,
}

#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    data: Data,
}

/// `ifr_ifru`, as long as the kernel's.
#[repr(C)]
union Data {
    mii: [u16; 4],
    flags: i16,
    pointer: *mut EthtoolValue,
    all: [u8; 24],
}

#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

impl Prober {
    /// Opens the socket.
    pub fn open() -> io::Result<Self> {
        Ok(Self { fd: socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)? })
    }

    fn request(name: &str) -> Option<Request> {
        if name.len() >= libc::IFNAMSIZ {
            return None;
        }
        let mut request = Request { name: [0; libc::IFNAMSIZ], data: Data { all: [0; 24] } };
        for (to, from) in request.name.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        Some(request)
    }

    fn ask(&self, number: libc::c_ulong, request: &mut Request) -> bool {
        // SAFETY: `request` is a `struct ifreq` that outlives the call; what it points to does, too.
        unsafe { libc::ioctl(self.fd.as_raw_fd(), number as _, std::ptr::from_mut(request)) == 0 }
    }

    fn mii(&self, name: &str) -> Option<bool> {
        let mut request = Self::request(name)?;
        if !self.ask(SIOCGMIIPHY, &mut request) {
            return None;
        }
        // SAFETY: the kernel filled the PHY's number; any bytes are numbers.
        let phy = unsafe { request.data.mii[0] };
        let status = |request: &mut Request| {
            request.data = Data { mii: [phy, MII_BMSR, 0, 0] };
            // SAFETY: as above, the value read is the fourth number.
            self.ask(SIOCGMIIREG, request).then(|| unsafe { request.data.mii[3] })
        };
        // The register latches: the first reading may be about the past.
        status(&mut request)?;
        Some(status(&mut request)? & BMSR_LINK != 0)
    }

    fn ethtool(&self, name: &str) -> Option<bool> {
        let mut request = Self::request(name)?;
        let mut value = EthtoolValue { command: ETHTOOL_GLINK, data: 0 };
        request.data = Data { pointer: &raw mut value };
        self.ask(SIOCETHTOOL, &mut request).then_some(value.data != 0)
    }

    fn flags(&self, name: &str) -> Option<bool> {
        let mut request = Self::request(name)?;
        if !self.ask(SIOCGIFFLAGS, &mut request) {
            return None;
        }
        // SAFETY: the kernel filled the flags; any bytes are a number.
        let flags = i32::from(unsafe { request.data.flags });
        Some(flags & libc::IFF_UP != 0 && flags & libc::IFF_RUNNING != 0)
    }

    /// What this interface can be asked: the wanted way, or the next that works.
    pub fn supported(&self, name: &str, wanted: Kind) -> Kind {
        let works = |kind: &Kind| match kind {
            Kind::Mii => self.mii(name).is_some(),
            Kind::Ethtool => self.ethtool(name).is_some(),
            Kind::Flags => true,
        };
        [wanted, Kind::Mii, Kind::Ethtool, Kind::Flags].into_iter().find(works).unwrap_or(Kind::Flags)
    }

    /// True when it is up and has a link.
    pub fn is_up(&self, name: &str, kind: Kind) -> bool {
        let link = match kind {
            Kind::Mii => self.mii(name),
            Kind::Ethtool => self.ethtool(name),
            Kind::Flags => None,
        };
        self.flags(name).unwrap_or(false) && link.unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_request_is_the_kernels() {
        assert_eq!(size_of::<Request>(), size_of::<libc::ifreq>());
        let prober = Prober::open().unwrap();
        assert!(!prober.is_up("no-such-link", Kind::Flags));
        assert!(!prober.is_up("a name that is too long", Kind::Ethtool));
        assert_eq!(prober.supported("no-such-link", Kind::Mii), Kind::Flags);
    }
}
