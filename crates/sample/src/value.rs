//! The value of a sample and its casts (configuration manual, section 7.3; haproxy-algorithms, part 9.1).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A sample (configuration manual, section 7.1: the sample types).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// bool
    Bool(bool),
    /// sint
    Int(i64),
    /// ipv4 and ipv6
    Ip(IpAddr),
    /// str
    Str(Cow<'a, [u8]>),
    /// bin
    Bin(Cow<'a, [u8]>),
    /// meth
    Method(Cow<'a, [u8]>),
}

/// The declared type of a fetch's or converter's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Anything (input), or known only when it runs (output).
    Any,
    /// The same as the input (output of a converter).
    Same,
    /// bool
    Bool,
    /// sint
    Int,
    /// IPv4 or IPv6.
    Addr,
    /// ipv4
    Ipv4,
    /// ipv6
    Ipv6,
    /// str
    Str,
    /// bin
    Bin,
    /// meth
    Method,
}

impl Type {
    /// As the reference prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Same => "same",
            Self::Bool => "bool",
            Self::Int => "sint",
            Self::Addr => "addr",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Str => "str",
            Self::Bin => "bin",
            Self::Method => "meth",
        }
    }

    /// Whether a value of this type may be cast to another one; false makes a configuration error.
    #[must_use]
    #[expect(clippy::match_like_matches_macro, reason = "one row a type")]
    pub fn casts_to(self, to: Self) -> bool {
        use Type::{Addr, Any, Bin, Bool, Int, Ipv4, Ipv6, Method, Same, Str};
        if self == to {
            return true;
        }
        match (self, to) {
            (Any | Same, _) | (_, Any | Same) => true,
            (Bool, Int | Str | Bin) => true,
            (Int, Bool | Str | Addr | Ipv4 | Ipv6 | Bin) => true,
            (Addr | Ipv4 | Ipv6, Addr | Ipv4 | Ipv6 | Str | Bin) => true,
            (Ipv4 | Addr, Int) => true,
            (Str, _) => true,
            (Bin, Str | Method) => true,
            (Method, Str | Bin) => true,
            _ => false,
        }
    }
}

impl<'a> Value<'a> {
    /// Leaves of texts and bytes `most` at most.
    pub(crate) fn cut(&mut self, most: usize) {
        let (Self::Str(bytes) | Self::Bin(bytes) | Self::Method(bytes)) = self else { return };
        match bytes {
            Cow::Borrowed(bytes) => *bytes = bytes.get(..most).unwrap_or(bytes),
            Cow::Owned(bytes) => bytes.truncate(most),
        }
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Ip(IpAddr::V4(_)) => Type::Ipv4,
            Self::Ip(IpAddr::V6(_)) => Type::Ipv6,
            Self::Str(_) => Type::Str,
            Self::Bin(_) => Type::Bin,
            Self::Method(_) => Type::Method,
        }
    }

    /// A text without a copy.
    #[must_use]
    pub fn str(text: &'a [u8]) -> Self {
        Self::Str(Cow::Borrowed(text))
    }

    /// The value without borrows.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Bool(b) => Value::Bool(b),
            Self::Int(n) => Value::Int(n),
            Self::Ip(ip) => Value::Ip(ip),
            Self::Str(text) => Value::Str(Cow::Owned(text.into_owned())),
            Self::Bin(bytes) => Value::Bin(Cow::Owned(bytes.into_owned())),
            Self::Method(text) => Value::Method(Cow::Owned(text.into_owned())),
        }
    }

    /// Casts to a type; none when this value cannot be.
    #[must_use]
    pub fn cast(self, to: Type) -> Option<Self> {
        match to {
            Type::Any | Type::Same => Some(self),
            Type::Bool => self.to_int().map(|n| Self::Bool(n != 0)),
            Type::Int => self.to_int().map(Self::Int),
            Type::Addr => match self {
                Self::Ip(_) => Some(self),
                other => other.to_ip().map(Self::Ip),
            },
            Type::Ipv4 => self.to_ip().and_then(to_v4).map(|ip| Self::Ip(ip.into())),
            Type::Ipv6 => self.to_ip().map(to_v6).map(|ip| Self::Ip(ip.into())),
            Type::Str => Some(Self::Str(self.into_text())),
            Type::Bin => Some(Self::Bin(self.into_bytes())),
            Type::Method => match self {
                Self::Str(text) | Self::Bin(text) | Self::Method(text) => Some(Self::Method(text)),
                _ => None,
            },
        }
    }

    /// The number; none for what has none (empty texts, IPv6, bytes).
    #[must_use]
    pub fn to_int(&self) -> Option<i64> {
        match self {
            Self::Bool(b) => Some(i64::from(*b)),
            Self::Int(n) => Some(*n),
            Self::Ip(IpAddr::V4(ip)) => Some(i64::from(u32::from(*ip))),
            Self::Str(text) => (!text.is_empty()).then(|| leading_int(text)),
            Self::Ip(IpAddr::V6(_)) | Self::Bin(_) | Self::Method(_) => None,
        }
    }

    /// The address; none when there is none.
    #[must_use]
    pub fn to_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the low 32 bits are meant"
            )]
            Self::Int(n) => Some(IpAddr::V4(Ipv4Addr::from(*n as u32))),
            Self::Str(text) => std::str::from_utf8(text).ok().and_then(parse_ip),
            Self::Bool(_) | Self::Bin(_) | Self::Method(_) => None,
        }
    }

    /// The text: numbers in decimal, addresses in their usual form, bytes cut at the first NUL.
    #[must_use]
    pub fn into_text(self) -> Cow<'a, [u8]> {
        match self {
            Self::Bool(b) => Cow::Borrowed(if b { b"1" } else { b"0" }),
            Self::Int(n) => Cow::Owned(n.to_string().into_bytes()),
            Self::Ip(ip) => Cow::Owned(ip_text(ip).into_bytes()),
            Self::Str(text) | Self::Method(text) => text,
            Self::Bin(bytes) => match bytes.iter().position(|&b| b == 0) {
                None => bytes,
                Some(end) => match bytes {
                    Cow::Borrowed(b) => Cow::Borrowed(b.get(..end).unwrap_or_default()),
                    Cow::Owned(mut b) => {
                        b.truncate(end);
                        Cow::Owned(b)
                    }
                },
            },
        }
    }

    /// The bytes: numbers as 8 bytes and addresses as 4 or 16, most significant first.
    #[must_use]
    pub fn into_bytes(self) -> Cow<'a, [u8]> {
        match self {
            Self::Bool(b) => Cow::Owned(i64::from(b).to_be_bytes().to_vec()),
            Self::Int(n) => Cow::Owned(n.to_be_bytes().to_vec()),
            Self::Ip(IpAddr::V4(ip)) => Cow::Owned(ip.octets().to_vec()),
            Self::Ip(IpAddr::V6(ip)) => Cow::Owned(ip.octets().to_vec()),
            Self::Str(text) | Self::Method(text) | Self::Bin(text) => text,
        }
    }

    /// Appends the text form without an intermediate copy.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        // Writing to a Vec cannot fail.
        let _ = match self {
            Self::Bool(b) => out.write_all(if *b { b"1" } else { b"0" }),
            Self::Int(n) => write!(out, "{n}"),
            Self::Ip(IpAddr::V4(ip)) => write!(out, "{ip}"),
            Self::Ip(ip) => write!(out, "{}", ip_text(*ip)),
            Self::Str(text) | Self::Method(text) => out.write_all(text),
            Self::Bin(bytes) => out.write_all(bytes.split(|&b| b == 0).next().unwrap_or_default()),
        };
    }
}

/// `12abc` is 12, `abc` is 0; saturates.
#[must_use]
pub(crate) fn leading_int(text: &[u8]) -> i64 {
    let (negative, digits) = match text.first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let mut value: i64 = 0;
    for &b in digits {
        if !b.is_ascii_digit() {
            break;
        }
        let digit = i64::from(b - b'0');
        let next = value
            .checked_mul(10)
            .and_then(|v| if negative { v.checked_sub(digit) } else { v.checked_add(digit) });
        match next {
            Some(next) => value = next,
            None => return if negative { i64::MIN } else { i64::MAX },
        }
    }
    value
}

fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse::<Ipv4Addr>().ok().map(IpAddr::V4).or_else(|| text.parse::<Ipv6Addr>().ok().map(IpAddr::V6))
}

/// The IPv4 address that an IPv6 one stands for: `::ffff:0:0/96`, `::/96` or `2002::/16`.
#[must_use]
pub(crate) fn to_v4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(ip) => {
            let o = ip.octets();
            let [.., a, b, c, d] = o;
            let zeros = |n: usize| o.iter().take(n).all(|&x| x == 0);
            if zeros(12) || (zeros(10) && o[10] == 0xff && o[11] == 0xff) {
                Some(Ipv4Addr::new(a, b, c, d))
            } else if o[0] == 0x20 && o[1] == 0x02 {
                Some(Ipv4Addr::new(o[2], o[3], o[4], o[5]))
            } else {
                None
            }
        }
    }
}

/// The address as IPv6; IPv4 is mapped.
#[must_use]
pub(crate) fn to_v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// As `inet_ntop` writes it.
#[must_use]
pub(crate) fn ip_text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            // glibc also writes ::a.b.c.d for addresses under ::/96 that use their upper half; Rust writes them in hex.
            let o = ip.octets();
            if o.iter().take(12).all(|&x| x == 0) && (o[12] != 0 || o[13] != 0) {
                return format!("::{}.{}.{}.{}", o[12], o[13], o[14], o[15]);
            }
            ip.to_string()
        }
    }
}
