//! Hashes that stand for names and addresses where nobody else should know them (management manual, `-dC`, `set anon`).

use std::borrow::Cow;
use std::net::IpAddr;

/// The seed of the hashes; 0 is none, which leaves everything as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnonKey(pub u32);

impl AnonKey {
    /// Whether there is one.
    #[must_use]
    pub fn is_set(self) -> bool {
        self.0 != 0
    }

    /// 24 bits: enough to tell names apart, too few to guess them from. Nothing stays nothing.
    #[must_use]
    pub fn hash(self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        format!("{:06x}", xxhash_rust::xxh32::xxh32(text.as_bytes(), self.0) & 0x00ff_ffff)
    }

    /// A name, or its hash.
    #[must_use]
    pub fn name(self, name: &str) -> Cow<'_, str> {
        if self.is_set() { Cow::Owned(self.hash(name)) } else { Cow::Borrowed(name) }
    }

    /// What stands for an IP address; none for one that says nothing about the network.
    #[must_use]
    pub fn ip(self, ip: IpAddr) -> Option<String> {
        match ip {
            IpAddr::V4(v4) if matches!(v4.octets(), [0 | 127 | 255, ..]) => None,
            IpAddr::V6(v6) if v6.is_loopback() => None,
            IpAddr::V4(_) => Some(format!("IPV4({})", self.hash(&ip.to_string()))),
            IpAddr::V6(_) => Some(format!("IPV6({})", self.hash(&ip.to_string()))),
        }
    }

    /// An address of `show servers state`: an IP address, or the dash of what has none.
    #[must_use]
    pub fn shown_address(self, shown: String) -> String {
        if !self.is_set() {
            return shown;
        }
        match shown.parse() {
            Ok(ip) => self.ip(ip).unwrap_or(shown),
            Err(_) => self.hash(&shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What 3.0.11 shows with this key.
    #[test]
    fn hashes_of_the_reference() {
        let key = AnonKey(12345);
        assert_eq!(key.name("be"), "6b3a32");
        assert_eq!(key.shown_address("10.1.2.3".to_owned()), "IPV4(c47107)");
        assert_eq!(key.shown_address("2001:db8::1".to_owned()), "IPV6(5f3578)");
        assert_eq!(key.shown_address("127.0.0.1".to_owned()), "127.0.0.1");
        assert_eq!(key.shown_address("-".to_owned()), "6f18e7");
        assert_eq!(AnonKey::default().name("be"), "be");
        assert_eq!(AnonKey::default().shown_address("-".to_owned()), "-");
    }
}
