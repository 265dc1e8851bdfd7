//! What `-dC` shows of a configuration: its lines as they are cut into words and, with a key, without what nobody else should know
//! (management manual, `-dC`). It obeys nothing and looks only at the shape of a line.

use crate::anonymous::AnonKey;
use crate::cx::Surroundings;
use crate::section::Opening;
use config_text::Word;
use std::fmt::Write as _;
use std::net::IpAddr;
use units::{Allowed, Endpoint, Family, HostPart, Ports, parse_endpoint};

/// How `-dC` shows lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Show {
    /// The seed of the hashes that stand for names and addresses; 0 shows everything as it is.
    pub key: u32,
    /// Whether each line has its number in front.
    pub numbered: bool,
}

/// The lines shown so far.
#[derive(Debug)]
pub(crate) struct Shown {
    show: Show,
    pub(crate) text: String,
}

/// Any place that a stream can come from or go to.
const PLACE: Allowed = Allowed { offset: true, port_required: false, ..Allowed::BIND };
/// What stands for the words that are left out.
const LEFT_OUT: &str = "[...]";

impl Shown {
    pub(crate) fn new(show: Show) -> Self {
        Self { show, text: String::new() }
    }

    /// Adds a line: section headers as they are, others after a tab.
    pub(crate) fn line(&mut self, number: u32, words: &[Word], surroundings: &Surroundings<'_>) {
        if self.show.numbered {
            let _ = write!(self.text, "{number}\t");
        }
        let mut words: Vec<String> = words.iter().map(Word::lossy).collect();
        while words.last().is_some_and(String::is_empty) {
            words.pop();
        }
        let opens = words.first().is_some_and(|first| Opening::named(first).is_some());
        if !opens {
            self.text.push('\t');
        }
        if self.show.key == 0 {
            for word in &words {
                self.text.push_str(word);
                self.text.push(' ');
            }
        } else {
            let line = Anonymous { words: &words, key: self.show.key, surroundings };
            self.text.push_str(&if opens { line.header() } else { line.text() });
        }
        self.text.push('\n');
    }
}

/// A line whose names and addresses are hashed. Which are is as irregular in the reference.
struct Anonymous<'l, 'a> {
    words: &'l [String],
    key: u32,
    surroundings: &'l Surroundings<'a>,
}

impl Anonymous<'_, '_> {
    fn header(&self) -> String {
        let name = if self.word(1).is_empty() { String::new() } else { format!(" {}", self.id(1)) };
        format!("{}{name}", self.word(0))
    }

    fn text(&self) -> String {
        let (first, second, third) = (self.word(0), self.word(1), self.word(2));
        match (first, second) {
            ("", _) => String::new(),
            ("anonkey", _) => format!("{first} {LEFT_OUT}"),
            ("maxconn" | "mode", _) => format!("{first} {second}"),
            ("timeout", _) => format!("{first} {second} {third}"),
            ("default_backend", _) => format!("{first} {}", self.id(1)),
            ("use_backend" | "user", _) => format!("{first} {} {}", self.id(1), self.rest(2)),
            ("log", "global") => format!("{first} {second} {}", self.rest(2)),
            ("bind" | "log" | "source", _) => format!("{first} {} {}", self.address(1), self.rest(2)),
            ("filter" | "http-after-response" | "http-request" | "http-response", _) => {
                format!("{first} {second} {}", self.rest(2))
            }
            ("acl", _) => format!("{first} {} {third} {}", self.id(1), self.rest(3)),
            ("nameserver" | "peer", _) => {
                format!("{first} {} {} {}", self.id(1), self.address(2), self.rest(3))
            }
            ("cookie", _) => format!("{first} {} {}{}", self.id(1), spaced(third), self.rest(3)),
            ("server", _) => {
                format!("{first} {} {}{}", self.id(1), spaced(&self.address(2)), self.rest(3))
            }
            ("errorfile", _) => format!("{first} {second} {}", self.path(2)),
            ("redirect", "location" | "prefix") => {
                format!("{first} {second} {} {}", self.path(2), self.rest(3))
            }
            ("redirect", _) => format!("{first} {second} {third} {}", self.rest(3)),
            ("stats", "auth") => format!("{first} {second} {}", self.hash(third)),
            ("stats", "timeout" | "maxconn") => format!("{first} {second} {third}"),
            ("stats", "socket") => {
                format!("{first} {second} {}{}", spaced(&self.address(2)), self.rest(3))
            }
            _ => format!("{first} {}{}{}", spaced(second), spaced(third), self.rest(3)),
        }
    }

    fn word(&self, n: usize) -> &str {
        self.words.get(n).map_or("", String::as_str)
    }

    /// What stands for the words from the n-th on.
    fn rest(&self, n: usize) -> &'static str {
        if self.words.len() > n { LEFT_OUT } else { "" }
    }

    fn hash(&self, text: &str) -> String {
        AnonKey(self.key).hash(text)
    }

    fn within(&self, kind: &str, n: usize) -> String {
        let hash = self.hash(self.word(n));
        if hash.is_empty() { hash } else { format!("{kind}({hash})") }
    }

    fn id(&self, n: usize) -> String {
        self.within("ID", n)
    }

    fn path(&self, n: usize) -> String {
        self.within("PATH", n)
    }

    /// An address: as it is when it says nothing about the network, else the hash of the IP address, else of all of it.
    fn address(&self, n: usize) -> String {
        let text = self.word(n);
        let says_nothing =
            matches!(text, "stdout" | "stderr") || text.starts_with("fd@") || text.starts_with("sockpair@");
        if says_nothing {
            return text.to_owned();
        }
        let stream = text.replacen("quic4@", "ipv4@", 1).replacen("quic6@", "ipv6@", 1);
        let Ok(Endpoint::Inet { host, ports, datagram: false }) = parse_endpoint(&stream, PLACE) else {
            return self.hash(text);
        };
        let Some(ip) = self.resolve(&host) else { return self.hash(text) };
        let Some(ip) = AnonKey(self.key).ip(ip) else { return text.to_owned() };
        let port = match ports {
            Ports::None | Ports::Range(0, _) => String::new(),
            Ports::Range(port, _) => format!(":{port}"),
            // HAPROXY: an offset is shown as a port of 16 bits.
            Ports::Offset(offset) => format!(":{}", offset.rem_euclid(0x1_0000)),
        };
        format!("{ip}{port}")
    }

    fn resolve(&self, host: &HostPart) -> Option<IpAddr> {
        match host {
            HostPart::Ip(ip) => Some(*ip),
            HostPart::Any(Family::V6) => Some(std::net::Ipv6Addr::UNSPECIFIED.into()),
            HostPart::Any(_) => Some(std::net::Ipv4Addr::UNSPECIFIED.into()),
            HostPart::Name(name, family) => {
                let ip = self.surroundings.host.resolve(name)?;
                let fits = match family {
                    Family::Either => true,
                    Family::V4 => ip.is_ipv4(),
                    Family::V6 => ip.is_ipv6(),
                };
                fits.then_some(ip)
            }
        }
    }
}

/// A word with the space after it; nothing for none.
fn spaced(word: &str) -> String {
    if word.is_empty() { String::new() } else { format!("{word} ") }
}
