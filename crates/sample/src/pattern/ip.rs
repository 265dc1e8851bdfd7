//! Addresses and networks.

use super::Resolve;
use crate::value::{to_v4, to_v6};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A parsed network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    V4 { net: u32, len: u32 },
    V6 { net: u128, len: u32 },
    Masked { net: u32, mask: u32 },
}

/// Parses `a.b.c.d[/mask]` with short forms, and IPv6 with a bit count. `resolve` is asked for host names, when allowed.
pub(crate) fn parse(text: &[u8], resolve: Option<&Resolve<'_>>) -> Result<Network, String> {
    let bad = || format!("'{}' is not a valid IPv4 or IPv6 address", String::from_utf8_lossy(text));
    let text = std::str::from_utf8(text).map_err(|_| bad())?;
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    if address.contains(':') {
        let ip: Ipv6Addr = address.parse().map_err(|_| bad())?;
        let len = match mask {
            None => 128,
            Some(m) => m.parse::<u32>().ok().filter(|&n| n <= 128).ok_or_else(bad)?,
        };
        return Ok(Network::V6 { net: u128::from(ip) & mask128(len), len });
    }
    let ip = match short_v4(address) {
        Some(ip) => ip,
        None => match resolve.and_then(|resolve| resolve(address)) {
            Some(IpAddr::V4(ip)) => u32::from(ip),
            _ => return Err(bad()),
        },
    };
    let mask = match mask {
        None => u32::MAX,
        Some(m) => mask4(m).ok_or_else(bad)?,
    };
    let len = mask.leading_ones();
    if mask.count_ones() == len {
        Ok(Network::V4 { net: ip & mask, len })
    } else {
        Ok(Network::Masked { net: ip & mask, mask })
    }
}

/// A mask as a bit count or dotted.
pub(crate) fn mask4(text: &str) -> Option<u32> {
    if text.contains('.') {
        return text.parse::<Ipv4Addr>().ok().map(u32::from);
    }
    text.parse::<u32>().ok().filter(|&n| n <= 32).map(|n| if n == 0 { 0 } else { u32::MAX << (32 - n) })
}

pub(crate) fn mask128(len: u32) -> u128 {
    if len == 0 { 0 } else { u128::MAX << (128 - len.min(128)) }
}

/// `192.168.1` is 192.168.0.1, `10.12` is 10.0.0.12.
fn short_v4(text: &str) -> Option<u32> {
    let parts: Vec<u32> = text
        .split('.')
        .map(|p| p.parse::<u32>().ok().filter(|_| p.bytes().all(|b| b.is_ascii_digit())))
        .collect::<Option<_>>()?;
    let (last, front) = parts.split_last()?;
    if front.len() > 3 || front.is_empty() || front.iter().any(|&p| p > 255) {
        return None;
    }
    let room = 8 * (4 - u32::try_from(front.len()).ok()?);
    if room < 32 && u64::from(*last) >= 1 << room {
        return None;
    }
    let high = front.iter().fold(0u32, |sum, &p| sum << 8 | p);
    Some(high.checked_shl(room).unwrap_or(0) | last)
}

/// Networks to look addresses up in; the value is an index of the owner's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks {
    v4: HashMap<(u32, u32), usize>,
    v4_lengths: Vec<u32>,
    v6: HashMap<(u32, u128), usize>,
    v6_lengths: Vec<u32>,
    masked: Vec<(u32, u32, usize)>,
}

fn note(lengths: &mut Vec<u32>, len: u32) {
    if let Err(at) = lengths.binary_search_by(|have| len.cmp(have)) {
        lengths.insert(at, len);
    }
}

impl Networks {
    pub(crate) fn add(&mut self, network: Network, index: usize) {
        match network {
            Network::V4 { net, len } => {
                self.v4.entry((len, net)).or_insert(index);
                note(&mut self.v4_lengths, len);
            }
            Network::V6 { net, len } => {
                self.v6.entry((len, net)).or_insert(index);
                note(&mut self.v6_lengths, len);
            }
            Network::Masked { net, mask } => self.masked.push((net, mask, index)),
        }
    }

    fn find4(&self, ip: u32) -> Option<usize> {
        self.v4_lengths.iter().find_map(|&len| {
            let mask = if len == 0 { 0 } else { u32::MAX << (32 - len) };
            self.v4.get(&(len, ip & mask)).copied()
        })
    }

    fn find6(&self, ip: Ipv6Addr) -> Option<usize> {
        let bits = u128::from(ip);
        self.v6_lengths.iter().find_map(|&len| self.v6.get(&(len, bits & mask128(len))).copied())
    }

    /// Longest prefix; IPv4 and IPv6 look into each other's networks where they have an equivalent.
    pub(crate) fn find(&self, ip: IpAddr) -> Option<usize> {
        let v4 = to_v4(ip).map(u32::from);
        let exact = match ip {
            IpAddr::V4(ip) => self.find4(ip.into()).or_else(|| self.find6(to_v6(IpAddr::V4(ip)))),
            IpAddr::V6(ip) => self.find6(ip).or_else(|| v4.and_then(|v4| self.find4(v4))),
        };
        exact.or_else(|| {
            let v4 = v4?;
            self.masked.iter().find(|&&(net, mask, _)| v4 & mask == net).map(|&(_, _, index)| index)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn short_forms_and_masks() {
        let v4 = |t: &str| match parse(t.as_bytes(), None).unwrap() {
            Network::V4 { net, len } => format!("{}/{len}", Ipv4Addr::from(net)),
            other => format!("{other:?}"),
        };
        assert_eq!(v4("192.168.1"), "192.168.0.1/32");
        assert_eq!(v4("10.12"), "10.0.0.12/32");
        assert_eq!(v4("127.1/8"), "127.0.0.0/8");
        assert_eq!(v4("10.0.0.0/255.0.0.0"), "10.0.0.0/8");
        assert!(matches!(parse(b"10.0.0.1/255.0.0.255", None).unwrap(), Network::Masked { .. }));
        for bad in ["1.2.3.4.5", "1.2.3.4/33", "foo", "::1/129", ""] {
            assert_eq!(
                parse(bad.as_bytes(), None).unwrap_err(),
                format!("'{bad}' is not a valid IPv4 or IPv6 address")
            );
        }
    }

    #[test]
    fn longest_prefix_and_equivalents() {
        let mut nets = Networks::default();
        for (i, net) in ["10.0.0.0/8", "10.1.0.0/16", "::ffff:0:0/96", "2001:db8::/32", "1.0.0.4/255.0.0.255"]
            .iter()
            .enumerate()
        {
            nets.add(parse(net.as_bytes(), None).unwrap(), i);
        }
        let find = |t: &str| nets.find(t.parse().unwrap());
        assert_eq!(find("10.1.2.3"), Some(1));
        assert_eq!(find("10.2.2.3"), Some(0));
        assert_eq!(find("11.1.2.3"), Some(2));
        assert_eq!(find("2002:a01:203::"), Some(1));
        assert_eq!(find("2001:db8::1"), Some(3));
        assert_eq!(find("2001:db9::1"), None);
    }
}
