//! Addresses as written on `bind`, `server`, `log`, `source` and `stats socket` lines (configuration manual, section 11):
//! prefix, host, port, range, offset. Host names are kept as names; the caller resolves them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// What a line allows in an address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// A port may be written.
    pub port: bool,
    /// A port must be written.
    pub port_required: bool,
    /// `port-port`
    pub range: bool,
    /// `+port`, `-port`
    pub offset: bool,
    /// Stream transports.
    pub stream: bool,
    /// Datagram transports.
    pub datagram: bool,
    /// `fd@`
    pub descriptor: bool,
    /// Without a prefix, the transport is datagram.
    pub default_datagram: bool,
}

impl Allowed {
    /// `bind` and `stats socket`.
    pub const BIND: Self = Self {
        port: true,
        port_required: true,
        range: true,
        offset: false,
        stream: true,
        datagram: false,
        descriptor: true,
        default_datagram: false,
    };
    /// `server`.
    pub const SERVER: Self = Self {
        port: true,
        port_required: false,
        range: false,
        offset: true,
        stream: true,
        datagram: true,
        descriptor: false,
        default_datagram: false,
    };
    /// `log`.
    pub const LOG: Self = Self {
        port: true,
        port_required: false,
        range: false,
        offset: false,
        stream: false,
        datagram: true,
        descriptor: true,
        default_datagram: true,
    };
    /// `source` and others that connect from or to one place.
    pub const SOURCE: Self = Self {
        port: true,
        port_required: false,
        range: true,
        offset: false,
        stream: true,
        datagram: false,
        descriptor: false,
        default_datagram: false,
    };
    /// Addresses without a port.
    pub const HOST: Self = Self {
        port: false,
        port_required: false,
        range: false,
        offset: false,
        stream: true,
        datagram: false,
        descriptor: false,
        default_datagram: false,
    };
}

/// A host as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPart {
    /// Nothing or `*`: every address of a family.
    Any(Family),
    /// An address.
    Ip(IpAddr),
    /// A name to resolve into an address of a family.
    Name(String, Family),
}

/// Which kind of address a prefix asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Either.
    Either,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// Ports as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// None.
    None,
    /// `low-high`, both the same for a single port.
    Range(u16, u16),
    /// `+n` or `-n` of the client's destination port.
    Offset(i32),
}

/// A parsed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Internet address.
    Inet {
        /// The host.
        host: HostPart,
        /// Its ports.
        ports: Ports,
        /// Whether it is a datagram one.
        datagram: bool,
    },
    /// A Unix socket's path, and whether it is a datagram one.
    Unix(PathBuf, bool),
    /// An abstract Unix socket's name.
    Abns(Vec<u8>),
    /// `fd@N`
    Fd(i32),
    /// `sockpair@N`
    SockPair(i32),
    /// `quic4@`, `quic6@`, `rhttp@`, `ring@`: known, not built.
    Unsupported(&'static str),
}

/// Why a text is no address; `Display` is the reference's text. Each holds what it quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointError {
    /// An empty address.
    Empty(String),
    /// No host of that form or name: host, whole.
    Invalid(String, String),
    /// No port where one is needed.
    MissingPort(String),
    /// A port outside of 1 to 65535.
    Port(String),
    /// A character in a port: it, the port, whole.
    PortCharacter(char, String, String),
    /// A range that ends before it begins.
    Range(String),
    /// A port where none may be.
    PortForbidden(String),
    /// A range where none may be.
    RangeForbidden(String),
    /// An offset where none may be.
    OffsetForbidden(String),
    /// A datagram transport where a stream one must be.
    Datagram(String),
    /// A stream transport where a datagram one must be.
    Stream(String),
    /// A descriptor that is no number: it, whole.
    Descriptor(String, String),
    /// A descriptor where none may be.
    DescriptorForbidden(String),
    /// A socket path that is too long: path, limit.
    PathTooLong(String, usize),
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(w) => write!(f, "'{w}' resolves to an empty address (environment variable missing?)"),
            Self::Invalid(host, w) => write!(f, "invalid address: '{host}' in '{w}'"),
            Self::MissingPort(w) => write!(f, "missing port specification in '{w}'"),
            Self::Port(p) => write!(f, "invalid port '{p}'"),
            Self::PortCharacter(c, p, w) => {
                write!(f, "invalid character '{c}' in port number '{p}' in '{w}'")
            }
            Self::Range(p) => write!(f, "invalid port range '{p}'"),
            Self::PortForbidden(w) => write!(f, "port specification not permitted here in '{w}'"),
            Self::RangeForbidden(w) => write!(f, "port range not permitted here in '{w}'"),
            Self::OffsetForbidden(w) => write!(f, "port offset not permitted here in '{w}'"),
            Self::Datagram(w) => write!(f, "dgram-type address not acceptable in '{w}'"),
            Self::Stream(w) => write!(f, "stream-type address not acceptable in '{w}'"),
            Self::Descriptor(d, w) => write!(f, "file descriptor '{d}' is not a valid integer in '{w}'"),
            Self::DescriptorForbidden(w) => write!(f, "a file descriptor is not acceptable here in '{w}'"),
            Self::PathTooLong(p, max) => write!(f, "socket path '{p}' too long (max {max})"),
        }
    }
}

/// Longest path of a Unix socket: `sun_path` less the suffix of the temporary name that a listener is bound with.
const UNIX_PATH_MAX: usize = 97;
/// Longest name of an abstract socket.
const ABSTRACT_NAME_MAX: usize = 107;

/// Reads one address.
///
/// # Errors
/// See [`EndpointError`].
pub fn parse_endpoint(whole: &str, allowed: Allowed) -> Result<Endpoint, EndpointError> {
    if whole.is_empty() {
        return Err(EndpointError::Empty(whole.to_owned()));
    }
    let mut datagram = allowed.default_datagram;
    let mut text = whole;
    if let Some(rest) = text.strip_prefix("stream+") {
        (text, datagram) = (rest, false);
    } else if let Some(rest) = text.strip_prefix("dgram+") {
        (text, datagram) = (rest, true);
    }
    let endpoint = |datagram: bool, family: Family, rest: &str| -> Result<Endpoint, EndpointError> {
        check_transport(datagram, allowed, whole)?;
        inet(rest, family, datagram, allowed, whole)
    };
    for (prefix, family, kind) in INET_PREFIXES {
        if let Some(rest) = text.strip_prefix(prefix) {
            return endpoint(kind.unwrap_or(datagram), *family, rest);
        }
    }
    for (prefix, name) in UNSUPPORTED {
        if text.starts_with(prefix) {
            return Ok(Endpoint::Unsupported(name));
        }
    }
    if let Some(name) = text.strip_prefix("abns@") {
        check_transport(datagram, allowed, whole)?;
        if name.len() > ABSTRACT_NAME_MAX {
            return Err(EndpointError::PathTooLong(whole.to_owned(), ABSTRACT_NAME_MAX));
        }
        return Ok(Endpoint::Abns(name.as_bytes().to_vec()));
    }
    if let Some(number) = text.strip_prefix("fd@") {
        if !allowed.descriptor {
            return Err(EndpointError::DescriptorForbidden(whole.to_owned()));
        }
        return Ok(Endpoint::Fd(descriptor(number, whole)?));
    }
    if let Some(number) = text.strip_prefix("sockpair@") {
        return Ok(Endpoint::SockPair(descriptor(number, whole)?));
    }
    let prefixed = UNIX_PREFIXES.iter().find_map(|(prefix, kind)| Some((text.strip_prefix(prefix)?, *kind)));
    let path = prefixed.or_else(|| text.starts_with('/').then_some((text, None)));
    if let Some((path, kind)) = path {
        let datagram = kind.unwrap_or(datagram);
        check_transport(datagram, allowed, whole)?;
        if path.len() > UNIX_PATH_MAX {
            return Err(EndpointError::PathTooLong(whole.to_owned(), UNIX_PATH_MAX));
        }
        return Ok(Endpoint::Unix(PathBuf::from(path), datagram));
    }
    endpoint(datagram, Family::Either, text)
}

const INET_PREFIXES: &[(&str, Family, Option<bool>)] = &[
    ("ipv4@", Family::V4, None),
    ("ipv6@", Family::V6, None),
    ("tcp@", Family::Either, Some(false)),
    ("tcp4@", Family::V4, Some(false)),
    ("tcp6@", Family::V6, Some(false)),
    ("udp@", Family::Either, Some(true)),
    ("udp4@", Family::V4, Some(true)),
    ("udp6@", Family::V6, Some(true)),
];

const UNIX_PREFIXES: &[(&str, Option<bool>)] =
    &[("unix@", None), ("uxst@", Some(false)), ("uxdg@", Some(true))];

const UNSUPPORTED: &[(&str, &str)] = &[("quic4@", "quic4@"), ("quic6@", "quic6@"), ("rhttp@", "rhttp@")];

fn check_transport(datagram: bool, allowed: Allowed, whole: &str) -> Result<(), EndpointError> {
    if datagram && !allowed.datagram {
        return Err(EndpointError::Datagram(whole.to_owned()));
    }
    if !datagram && !allowed.stream {
        return Err(EndpointError::Stream(whole.to_owned()));
    }
    Ok(())
}

fn descriptor(number: &str, whole: &str) -> Result<i32, EndpointError> {
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EndpointError::Descriptor(number.to_owned(), whole.to_owned()));
    }
    number.parse().map_err(|_| EndpointError::Descriptor(number.to_owned(), whole.to_owned()))
}

fn inet(
    text: &str,
    family: Family,
    datagram: bool,
    allowed: Allowed,
    whole: &str,
) -> Result<Endpoint, EndpointError> {
    let (host, ports) = split_port(text);
    let ports = match ports {
        Some(p) if !p.is_empty() => parse_ports(p, allowed, whole)?,
        _ if allowed.port_required => return Err(EndpointError::MissingPort(whole.to_owned())),
        _ => Ports::None,
    };
    let host =
        parse_host(host, family).ok_or_else(|| EndpointError::Invalid(host.to_owned(), whole.to_owned()))?;
    Ok(Endpoint::Inet { host, ports, datagram })
}

/// The host and what follows its last colon. A colon inside of brackets is no separator.
fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some(close) = text.rfind(']').filter(|_| text.starts_with('[')) {
        let host = text.get(1..close).unwrap_or_default();
        return (host, text.get(close + 1..).and_then(|rest| rest.strip_prefix(':')));
    }
    match text.rfind(':') {
        Some(colon) => (text.get(..colon).unwrap_or_default(), text.get(colon + 1..)),
        None => (text, None),
    }
}

fn parse_ports(text: &str, allowed: Allowed, whole: &str) -> Result<Ports, EndpointError> {
    if !allowed.port {
        return Err(EndpointError::PortForbidden(whole.to_owned()));
    }
    let (sign, digits) = match text.strip_prefix('+') {
        Some(rest) => (Some(1), rest),
        None => match text.strip_prefix('-') {
            Some(rest) => (Some(-1), rest),
            None => (None, text),
        },
    };
    if let Some(sign) = sign {
        if !allowed.offset {
            return Err(EndpointError::OffsetForbidden(whole.to_owned()));
        }
        return Ok(Ports::Offset(sign * i32::from(port(digits, whole)?)));
    }
    let (low, high) = match digits.split_once('-') {
        Some((low, high)) => {
            if !allowed.range {
                return Err(EndpointError::RangeForbidden(whole.to_owned()));
            }
            (port(low, whole)?, port(high, whole)?)
        }
        None => {
            let one = port(digits, whole)?;
            (one, one)
        }
    };
    if high < low {
        return Err(EndpointError::Range(text.to_owned()));
    }
    // A mandatory port may not be 0; elsewhere 0 stands for none.
    if allowed.port_required && low == 0 {
        return Err(EndpointError::Port(text.to_owned()));
    }
    Ok(Ports::Range(low, high))
}

fn port(text: &str, whole: &str) -> Result<u16, EndpointError> {
    if let Some(bad) = text.chars().find(|c| !c.is_ascii_digit()) {
        return Err(EndpointError::PortCharacter(bad, text.to_owned(), whole.to_owned()));
    }
    text.parse().map_err(|_| EndpointError::Port(text.to_owned()))
}

fn parse_host(text: &str, family: Family) -> Option<HostPart> {
    if text.is_empty() || text == "*" {
        return Some(HostPart::Any(family));
    }
    if let Ok(v4) = text.parse::<Ipv4Addr>() {
        return (family != Family::V6).then_some(HostPart::Ip(v4.into()));
    }
    let without_zone = text.split('%').next().unwrap_or(text);
    if let Ok(v6) = without_zone.parse::<Ipv6Addr>() {
        return (family != Family::V4).then_some(HostPart::Ip(v6.into()));
    }
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.chars().all(name).then(|| HostPart::Name(text.to_owned(), family))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(text: &str) -> Result<Endpoint, String> {
        parse_endpoint(text, Allowed::BIND).map_err(|e| e.to_string())
    }

    fn inet(host: HostPart, low: u16, high: u16) -> Result<Endpoint, String> {
        Ok(Endpoint::Inet { host, ports: Ports::Range(low, high), datagram: false })
    }

    #[test]
    fn bind_addresses() {
        let any = HostPart::Any(Family::Either);
        assert_eq!(bind(":80"), inet(any.clone(), 80, 80));
        assert_eq!(bind("*:80-82"), inet(any, 80, 82));
        assert_eq!(bind("ipv6@:80"), inet(HostPart::Any(Family::V6), 80, 80));
        assert_eq!(bind("::1:80"), inet(HostPart::Ip(Ipv6Addr::LOCALHOST.into()), 80, 80));
        assert_eq!(bind("[::1]:80"), inet(HostPart::Ip(Ipv6Addr::LOCALHOST.into()), 80, 80));
        assert_eq!(bind(":::80"), inet(HostPart::Ip(Ipv6Addr::UNSPECIFIED.into()), 80, 80));
        assert_eq!(bind("tcp4@1.2.3.4:8"), inet(HostPart::Ip(Ipv4Addr::new(1, 2, 3, 4).into()), 8, 8));
        assert_eq!(bind("www:8"), inet(HostPart::Name("www".into(), Family::Either), 8, 8));
        assert_eq!(bind("/tmp/x"), Ok(Endpoint::Unix("/tmp/x".into(), false)));
        assert_eq!(bind("abns@foo"), Ok(Endpoint::Abns(b"foo".to_vec())));
        assert_eq!(bind("fd@3"), Ok(Endpoint::Fd(3)));
        assert_eq!(bind("sockpair@3"), Ok(Endpoint::SockPair(3)));
    }

    #[test]
    fn refusals_are_the_references() {
        for (text, want) in [
            ("80", "missing port specification in '80'"),
            ("127.0.0.1:", "missing port specification in '127.0.0.1:'"),
            ("127.0.0.1:0", "invalid port '0'"),
            ("127.0.0.1:80-79", "invalid port range '80-79'"),
            ("127.0.0.1:+80", "port offset not permitted here in '127.0.0.1:+80'"),
            ("127.0.0.1:abc", "invalid character 'a' in port number 'abc' in '127.0.0.1:abc'"),
            ("127.0.0.1:99999", "invalid port '99999'"),
            ("1.2.3.4:80-70000", "invalid port '70000'"),
            ("udp@127.0.0.1:80", "dgram-type address not acceptable in 'udp@127.0.0.1:80'"),
            ("foo@:80", "invalid address: 'foo@' in 'foo@:80'"),
            ("", "'' resolves to an empty address (environment variable missing?)"),
            ("fd@x", "file descriptor 'x' is not a valid integer in 'fd@x'"),
            ("fd@-1", "file descriptor '-1' is not a valid integer in 'fd@-1'"),
        ] {
            assert_eq!(bind(text), Err(want.to_owned()));
        }
        let long = format!("/{}", "a".repeat(98));
        assert_eq!(bind(&long), Err(format!("socket path '{long}' too long (max 97)")));
    }

    #[test]
    fn server_addresses() {
        let server = |t: &str| parse_endpoint(t, Allowed::SERVER).map_err(|e| e.to_string());
        let host = HostPart::Ip(Ipv4Addr::LOCALHOST.into());
        let with = |ports| Ok(Endpoint::Inet { host: host.clone(), ports, datagram: false });
        assert_eq!(server("127.0.0.1"), with(Ports::None));
        assert_eq!(server("127.0.0.1:+80"), with(Ports::Offset(80)));
        assert_eq!(server("127.0.0.1:-80"), with(Ports::Offset(-80)));
        assert_eq!(
            server("127.0.0.1:80-90"),
            Err("port range not permitted here in '127.0.0.1:80-90'".into())
        );
        assert_eq!(server("fd@3"), Err("a file descriptor is not acceptable here in 'fd@3'".into()));
    }
}
