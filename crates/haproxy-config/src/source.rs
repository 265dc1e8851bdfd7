//! Where connections to a server come from: `source`, with `usesrc` and `interface` (configuration manual, sections 4.2 and 5.2).

use std::net::SocketAddr;

/// What `source` says beside the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceOptions {
    /// Ports to choose from, first and last; none leaves it to the kernel or to the address.
    pub ports: Option<(u16, u16)>,
    /// `usesrc`
    pub usesrc: Option<UseSrc>,
    /// `interface`
    pub interface: Option<String>,
}

/// `usesrc`: the address that the server sees, which is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UseSrc {
    /// This one; port 0 is the kernel's choice.
    Address(SocketAddr),
    /// The client's address and port.
    Client,
    /// The client's address.
    ClientIp,
    /// The address in a request header: its name in lower case and which of its values, counted from 1, or from -1 backwards.
    Header(Vec<u8>, i32),
}

impl UseSrc {
    /// The value of a header that holds the address. `values` are its lines, each perhaps a list.
    #[must_use]
    pub fn pick<'v>(values: impl Iterator<Item = &'v [u8]>, occurrence: i32) -> Option<&'v [u8]> {
        let mut all = values.flat_map(|line| line.split(|b| *b == b',')).map(<[u8]>::trim_ascii);
        match usize::try_from(occurrence) {
            Ok(0) | Err(_) => {
                let back = usize::try_from(occurrence.unsigned_abs()).unwrap_or(1).max(1);
                let all: Vec<&[u8]> = all.collect();
                all.len().checked_sub(back).and_then(|index| all.get(index).copied())
            }
            Ok(number) => all.nth(number - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_header_s_values() {
        let lines: [&[u8]; 2] = [b"1.1.1.1, 2.2.2.2", b"3.3.3.3"];
        let pick = |n| UseSrc::pick(lines.into_iter(), n);
        assert_eq!(pick(1), Some(&b"1.1.1.1"[..]));
        assert_eq!(pick(3), Some(&b"3.3.3.3"[..]));
        assert_eq!(pick(4), None);
        assert_eq!(pick(-1), Some(&b"3.3.3.3"[..]));
        assert_eq!(pick(-2), Some(&b"2.2.2.2"[..]));
        assert_eq!(pick(-4), None);
    }
}
