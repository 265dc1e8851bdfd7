//! Rendering of log formats.

use crate::LogData;
use crate::alias::Alias;
use crate::encode;
use crate::parse::{Flags, Item, LogFormat, Purpose};
use sample::time::Civil;
use sample::{Cx, Value};
use std::io::Write as _;
use std::net::SocketAddr;

impl LogFormat {
    /// Appends the line or value.
    pub fn render(&self, data: &LogData, cx: &Cx<'_>, out: &mut Vec<u8>) {
        let mut writer = Writer { data, cx, out, purpose: self.purpose };
        // Blanks are written once, however many items between them write nothing, and not at the start.
        let mut after_blank = true;
        for item in &self.items {
            let before = writer.out.len();
            match item {
                Item::Text(text) => writer.out.extend_from_slice(text),
                Item::Blank => {
                    if !after_blank {
                        writer.out.push(b' ');
                    }
                    after_blank = true;
                    continue;
                }
                Item::Alias(alias, flags) => writer.alias(*alias, *flags),
                Item::Expr(expr, flags) => {
                    let value = expr.value(cx);
                    writer.expr(value.as_ref(), *flags);
                }
            }
            // HAPROXY: only captures that were never declared leave no trace between two blanks; an empty expression does.
            let captures = matches!(
                item,
                Item::Alias(
                    Alias::RequestHeaders
                        | Alias::RequestHeadersList
                        | Alias::ResponseHeaders
                        | Alias::ResponseHeadersList,
                    _
                )
            );
            after_blank &= captures && writer.out.len() == before;
        }
    }
}

struct Writer<'w, 'a> {
    data: &'w LogData,
    cx: &'w Cx<'a>,
    out: &'w mut Vec<u8>,
    purpose: Purpose,
}

impl Writer<'_, '_> {
    fn expr(&mut self, value: Option<&Value<'_>>, flags: Flags) {
        let log = self.log();
        // HAPROXY: outside of logs the values of expressions are never quoted, aliases are.
        let flags = Flags { quote: flags.quote && log, ..flags };
        let Some(value) = value else {
            if flags.quote {
                self.out.extend_from_slice(b"\"\"");
            } else if log {
                self.out.push(b'-');
            }
            return;
        };
        if flags.quote {
            self.out.push(b'"');
        }
        match value {
            Value::Str(text) | Value::Bin(text) | Value::Method(text) => {
                let text = text.split(|&b| b == 0).next().unwrap_or_default();
                if flags.escape {
                    encode::escaped(self.out, text, |_| false);
                } else if log {
                    if text.is_empty() && !flags.quote {
                        self.out.push(b'-');
                    }
                    self.out.extend_from_slice(text);
                } else {
                    encode::bytes(self.out, text, b'%', encode::not_in_header_value);
                }
            }
            other => other.write_text(self.out),
        }
        if flags.quote {
            self.out.push(b'"');
        }
    }

    /// Whether this is a log line: there empty values show as `-`.
    fn log(&self) -> bool {
        matches!(self.purpose, Purpose::Log | Purpose::LogSd)
    }

    fn text(&mut self, text: &[u8], flags: Flags) {
        self.encoded(text, flags, |_| false);
    }

    fn encoded(&mut self, text: &[u8], flags: Flags, pick: fn(u8) -> bool) {
        if flags.quote {
            self.out.push(b'"');
        } else if text.is_empty() {
            if self.log() {
                self.out.push(b'-');
            }
            return;
        }
        if flags.escape {
            encode::escaped(self.out, text, pick);
        } else {
            encode::bytes(self.out, text, b'#', pick);
        }
        if flags.quote {
            self.out.push(b'"');
        }
    }

    fn int(&mut self, n: i64) {
        encode::int(self.out, n);
    }

    fn count(&mut self, n: u64) {
        self.int(i64::try_from(n).unwrap_or(i64::MAX));
    }

    /// A time or count that is not final under `option logasap`.
    fn partial(&mut self, n: i64) {
        if self.data.as_soon_as_possible {
            self.out.push(b'+');
        }
        self.int(n);
    }

    fn ip(&mut self, address: Option<SocketAddr>, flags: Flags) {
        match address {
            Some(address) if flags.quote => {
                self.out.push(b'"');
                encode::address(self.out, address.ip(), flags.hex);
                self.out.push(b'"');
            }
            Some(address) => encode::address(self.out, address.ip(), flags.hex),
            None => self.text(b"", flags),
        }
    }

    fn port(&mut self, address: Option<SocketAddr>, flags: Flags) {
        let Some(address) = address else { return self.text(b"", flags) };
        if flags.hex {
            let _ = write!(self.out, "{:04X}", address.port());
        } else {
            self.count(u64::from(address.port()));
        }
    }

    fn date(&mut self, us: u64, local: bool, tail: Tail) {
        let seconds = i64::try_from(us / 1_000_000).unwrap_or(0);
        let offset = if local { self.cx.env.utc_offset(seconds) } else { 0 };
        let t = Civil::new(seconds, offset);
        self.out.reserve(32);
        self.two(t.day);
        self.out.push(b'/');
        self.out.extend_from_slice(t.month_name().as_bytes());
        self.out.push(b'/');
        self.int(t.year);
        for part in [t.hour, t.minute, t.second] {
            self.out.push(b':');
            self.two(part);
        }
        match tail {
            Tail::Millis => {
                let ms = u32::try_from(us / 1000 % 1000).unwrap_or(0);
                self.out.extend_from_slice(b".");
                self.out.push(b'0' + u8::try_from(ms / 100).unwrap_or(0));
                self.two(ms % 100);
            }
            Tail::Zone => {
                self.out.push(b' ');
                self.out.extend_from_slice(t.zone().as_bytes());
            }
        }
    }

    /// Two digits; this is on the way of each request, and `write!` costs more than all the rest of a date.
    fn two(&mut self, n: u32) {
        let digit = |n: u32| b'0' + u8::try_from(n % 10).unwrap_or(0);
        self.out.extend_from_slice(&[digit(n / 10), digit(n)]);
    }

    fn request_line(&mut self, flags: Flags, part: for<'l> fn(&'l sample::RequestLine) -> &'l [u8]) {
        let cx = *self.cx;
        match &cx.stream.request_line {
            Some(line) => self.encoded(part(line), flags, encode::in_url),
            None => self.text(b"<BADREQ>", flags),
        }
    }

    fn captures(&mut self, slots: &[Option<Vec<u8>>], declared: usize, flags: Flags) {
        let count = declared.max(slots.len());
        if count == 0 {
            return;
        }
        if flags.quote {
            self.out.push(b'"');
        }
        self.out.push(b'{');
        for index in 0..count {
            if index > 0 {
                self.out.push(b'|');
            }
            if let Some(Some(value)) = slots.get(index) {
                encode::bytes(self.out, value, b'#', encode::in_header);
            }
        }
        self.out.push(b'}');
        if flags.quote {
            self.out.push(b'"');
        }
    }

    fn capture_list(&mut self, slots: &[Option<Vec<u8>>], declared: usize, flags: Flags) {
        for index in 0..declared.max(slots.len()) {
            if index > 0 {
                self.out.push(b' ');
            }
            let value = slots.get(index).and_then(Option::as_deref).unwrap_or_default();
            self.encoded(value, flags, encode::in_header);
        }
    }

    fn alias(&mut self, alias: Alias, flags: Flags) {
        let cx = *self.cx;
        let (data, session, stream) = (self.data, cx.session, cx.stream);
        let timers = &data.timers;
        match alias {
            Alias::AcceptUtc => self.date(data.accepted_at_us, false, Tail::Zone),
            Alias::AcceptLocalZone => self.date(data.accepted_at_us, true, Tail::Zone),
            Alias::AcceptLocal => self.date(data.accepted_at_us, true, Tail::Millis),
            Alias::RequestUtc => self.date(stream.request_at_us, false, Tail::Zone),
            Alias::RequestLocalZone => self.date(stream.request_at_us, true, Tail::Zone),
            Alias::RequestLocal => self.date(stream.request_at_us, true, Tail::Millis),
            Alias::AcceptUnix => {
                let seconds = data.accepted_at_us / 1_000_000;
                if flags.hex {
                    let _ = write!(self.out, "{seconds:04X}");
                } else {
                    self.count(seconds);
                }
            }
            Alias::AcceptMs => {
                let ms = data.accepted_at_us / 1000 % 1000;
                let _ = if flags.hex { write!(self.out, "{ms:02X}") } else { write!(self.out, "{ms:03}") };
            }
            Alias::Ta => self.partial(timers.ta()),
            Alias::Tt => self.partial(timers.tt()),
            Alias::Tu => self.partial(timers.tu()),
            Alias::Tc => self.int(timers.tc()),
            Alias::Td => self.int(timers.td()),
            Alias::Th => self.count(timers.handshake),
            Alias::Ti => self.int(timers.ti()),
            Alias::Tq => self.int(timers.tq()),
            Alias::TrRequest => self.int(timers.tr_request()),
            Alias::TrResponse => self.int(timers.tr_response()),
            Alias::Tw => self.int(timers.tw()),
            Alias::BytesOut => self.partial(i64::try_from(data.bytes_out).unwrap_or(i64::MAX)),
            Alias::BytesIn => self.count(data.bytes_in),
            Alias::RequestCookie => self.text(data.request_cookie.as_deref().unwrap_or_default(), flags),
            Alias::ResponseCookie => self.text(data.response_cookie.as_deref().unwrap_or_default(), flags),
            Alias::Hostname => self.text(cx.env.hostname().as_bytes(), flags),
            Alias::Method => self.request_line(flags, sample::RequestLine::method),
            Alias::Uri => self.request_line(flags, sample::RequestLine::uri),
            Alias::UriWithoutQuery => {
                self.request_line(flags, |line| line.uri().split(|&b| b == b'?').next().unwrap_or_default())
            }
            Alias::Path => self.request_line(flags, |line| sample::uri::path_of(line.uri())),
            // HAPROXY: no dash stands for a query that is not there.
            Alias::Query
                if !flags.quote && stream.request_line.as_ref().is_some_and(|l| query(l).is_empty()) => {}
            Alias::Query => self.request_line(flags, query),
            Alias::Version => self.request_line(flags, sample::RequestLine::version),
            Alias::RequestLine => self.request_line(flags, sample::RequestLine::text),
            Alias::UniqueId => self.text(stream.unique_id.as_deref().unwrap_or_default(), flags),
            Alias::Status => self.int(data.status.map_or(-1, i64::from)),
            Alias::ActiveConnections => self.count(data.active_connections),
            Alias::FrontendConnections => self.count(data.frontend_connections),
            Alias::BackendConnections => self.count(data.backend_connections),
            Alias::ServerConnections => self.count(data.server_connections),
            Alias::ServerQueue => self.count(data.server_queue),
            Alias::BackendQueue => self.count(data.backend_queue),
            Alias::Retries => {
                if data.redispatched {
                    self.out.push(b'+');
                }
                self.count(u64::from(data.retries));
            }
            Alias::RequestNumber => {
                if flags.hex {
                    let _ = write!(self.out, "{:04X}", stream.number);
                } else {
                    self.count(u64::from(stream.number));
                }
            }
            Alias::LogCounter => {
                if flags.hex {
                    let _ = write!(self.out, "{:04X}", data.log_counter);
                } else {
                    self.count(data.log_counter);
                }
            }
            Alias::Pid => {
                if flags.hex {
                    let _ = write!(self.out, "{:04X}", cx.env.pid());
                } else {
                    self.count(u64::from(cx.env.pid()));
                }
            }
            Alias::Frontend => self.text(session.frontend_name.as_bytes(), flags),
            Alias::FrontendTransport => {
                if session.encrypted {
                    let mut name = session.frontend_name.as_bytes().to_vec();
                    name.push(b'~');
                    self.text(&name, flags);
                } else {
                    self.text(session.frontend_name.as_bytes(), flags);
                }
            }
            Alias::Backend => {
                let name = stream.backend_name.as_ref().unwrap_or(&session.frontend_name);
                self.text(name.as_bytes(), flags);
            }
            Alias::Server => {
                let name = stream.server_name.as_deref().or(data.server_stand_in).unwrap_or("<NOSRV>");
                self.text(name.as_bytes(), flags);
            }
            Alias::ClientIp => match session.src {
                Some(_) => self.ip(session.src, flags),
                None => self.text(b"unix", flags),
            },
            Alias::ClientPort => match session.src {
                Some(_) => self.port(session.src, flags),
                None => self.count(u64::from(session.listener_id)),
            },
            Alias::FrontendIp => match session.dst {
                Some(_) => self.ip(session.dst, flags),
                None => self.text(b"unix", flags),
            },
            Alias::FrontendPort => match session.dst {
                Some(_) => self.port(session.dst, flags),
                None => self.count(u64::from(session.listener_id)),
            },
            Alias::BackendSourceIp => self.ip(data.server_source, flags),
            Alias::BackendSourcePort => self.port(data.server_source, flags),
            Alias::ServerIp => self.ip(data.server_address, flags),
            Alias::ServerPort => self.port(data.server_address, flags),
            Alias::TlsCipher => self.text(data.tls_cipher.as_deref().unwrap_or_default().as_bytes(), flags),
            Alias::TlsVersion => self.text(data.tls_version.as_deref().unwrap_or_default().as_bytes(), flags),
            Alias::TerminationState => {
                self.out.extend_from_slice(data.termination.letters().get(..2).unwrap_or_default())
            }
            Alias::TerminationStateCookie => self.out.extend_from_slice(&data.termination.letters()),
            Alias::RequestHeaders => {
                self.captures(&stream.captured.borrow().request, data.request_captures, flags)
            }
            Alias::ResponseHeaders => {
                self.captures(&stream.captured.borrow().response, data.response_captures, flags)
            }
            Alias::RequestHeadersList => {
                self.capture_list(&stream.captured.borrow().request, data.request_captures, flags)
            }
            Alias::ResponseHeadersList => {
                self.capture_list(&stream.captured.borrow().response, data.response_captures, flags)
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Tail {
    Millis,
    Zone,
}

/// The question mark and what follows it; empty when there is none.
fn query(line: &sample::RequestLine) -> &[u8] {
    let uri = line.uri();
    uri.iter().position(|&b| b == b'?').and_then(|at| uri.get(at..)).unwrap_or_default()
}
