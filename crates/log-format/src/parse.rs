//! The grammar of log-format strings.

use crate::alias::{self, Alias};
use config_text::Problem;
use sample::{Expr, ParseCx, Place, Points};
use std::sync::Arc;

/// What a format is for: it decides what is available, whether blanks are merged, and how values are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `log-format`, `error-log-format`
    Log,
    /// `log-format-sd`
    LogSd,
    /// `unique-id-format`
    UniqueId,
    /// The name in `use_backend` and `use-server`.
    UseBackend,
    /// The value of a header, path, redirection and the like in a rule. The rule's parser has set [`ParseCx::places`].
    Header,
    /// The payload of a reply (`lf-string`, `lf-file`).
    Payload,
}

/// The formats that options choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// `option tcplog`
    Tcp,
    /// `option httplog`
    Http,
    /// `option httpslog`
    Https,
    /// `option httplog clf`
    Clf,
    /// No option in a TCP frontend: the line written at accept.
    ConnectTcp,
    /// No option in an HTTP frontend: the line written at accept.
    ConnectHttp,
    /// Errors before there is a stream, when there is no `error-log-format`: what goes in front of the reason.
    Error,
}

impl Builtin {
    /// The format string.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Tcp => "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq",
            Self::Http => {
                "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
            }
            Self::Https => {
                "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r \
                 %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc"
            }
            Self::Clf => {
                "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq \
                 %CC %CS %hrl %hsl"
            }
            Self::ConnectTcp => "Connect from %ci:%cp to %fi:%fp (%f/TCP)",
            Self::ConnectHttp => "Connect from %ci:%cp to %fi:%fp (%f/HTTP)",
            Self::Error => "%ci:%cp [%t] %f/%[so_id]: ",
        }
    }
}

/// Flags of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// `+Q`
    pub(crate) quote: bool,
    /// `+X`
    pub(crate) hex: bool,
    /// `+E`
    pub(crate) escape: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Item {
    Text(Box<[u8]>),
    /// A blank of a log line; adjacent ones are merged when it is rendered.
    Blank,
    Alias(Alias, Flags),
    Expr(Arc<Expr>, Flags),
}

/// A parsed log-format string.
#[derive(Clone, Debug)]
pub struct LogFormat {
    pub(crate) purpose: Purpose,
    pub(crate) items: Vec<Item>,
    text: Arc<str>,
    http: Option<&'static str>,
}

impl LogFormat {
    /// Parses a format. Warnings are left in the context.
    ///
    /// # Errors
    /// The reference's text, without what the caller puts in front (`failed to parse log-format : `) and with the final dot.
    pub fn parse(text: &[u8], purpose: Purpose, cx: &mut ParseCx<'_>) -> Result<Self, Problem> {
        let saved = (cx.places, cx.context);
        match purpose {
            Purpose::Log => (cx.places, cx.context) = (Points::LOG, " in log-format string"),
            Purpose::LogSd => (cx.places, cx.context) = (Points::LOG, " in log-format-sd string"),
            Purpose::UniqueId => {
                (cx.places, cx.context) =
                    (Points(1 << Place::FrontendHttpRequest as u32), " in unique-id-format string");
            }
            Purpose::UseBackend => {
                (cx.places, cx.context) =
                    (Points(1 << Place::UseBackend as u32), " in use_backend expression")
            }
            Purpose::Header | Purpose::Payload => {}
        }
        let parsed = Parser {
            text,
            at: 0,
            purpose,
            items: Vec::new(),
            pending: Vec::new(),
            flags: Flags::default(),
            http: None,
        }
        .run(cx);
        (cx.places, cx.context) = saved;
        parsed
    }

    /// One of the formats that options choose.
    #[must_use]
    pub fn builtin(format: Builtin) -> Self {
        struct Nothing;
        impl sample::Outside for Nothing {
            fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
                Err(String::new())
            }
            fn variable(&self, _name: &str) -> Option<String> {
                None
            }
        }
        let mut cx = ParseCx::new(&Nothing, "", true, true);
        // The built-in texts are tested to parse.
        Self::parse(format.text().as_bytes(), Purpose::Log, &mut cx)
            .unwrap_or_else(|_| Self::constant(b"", Purpose::Log))
    }

    /// A text without items.
    #[must_use]
    pub fn constant(text: &[u8], purpose: Purpose) -> Self {
        let items = if text.is_empty() { Vec::new() } else { vec![Item::Text(text.into())] };
        Self { purpose, items, text: String::from_utf8_lossy(text).into(), http: None }
    }

    /// The text it was parsed from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has no item: the text is always the same.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.items.iter().all(|item| matches!(item, Item::Text(_) | Item::Blank))
    }

    /// Whether it shows the address that the connection to the server comes from (`%bi`, `%bp`), which costs a system call to learn.
    #[must_use]
    pub fn shows_server_source(&self) -> bool {
        let of =
            |item: &Item| matches!(item, Item::Alias(Alias::BackendSourceIp | Alias::BackendSourcePort, _));
        self.items.iter().any(of)
    }

    /// The first alias that needs `mode http`; the reference warns about it in a TCP frontend.
    #[must_use]
    pub fn needs_http(&self) -> Option<&'static str> {
        self.http
    }
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    purpose: Purpose,
    items: Vec<Item>,
    pending: Vec<u8>,
    flags: Flags,
    http: Option<&'static str>,
}

impl Parser<'_> {
    fn run(mut self, cx: &mut ParseCx<'_>) -> Result<LogFormat, Problem> {
        let merge = matches!(self.purpose, Purpose::Log | Purpose::LogSd | Purpose::UniqueId);
        while let Some(b) = self.peek() {
            self.at += 1;
            match b {
                b'%' if self.peek() == Some(b'%') => {
                    self.at += 1;
                    self.pending.push(b'%');
                }
                b'%' => self.item(cx)?,
                b' ' if merge => {
                    self.flush();
                    self.items.push(Item::Blank);
                }
                b => self.pending.push(b),
            }
        }
        self.flush();
        Ok(LogFormat {
            purpose: self.purpose,
            items: self.items,
            text: String::from_utf8_lossy(self.text).into(),
            http: self.http,
        })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.items.push(Item::Text(std::mem::take(&mut self.pending).into()));
        }
    }

    fn truncated(&self, from: usize) -> Problem {
        Problem::new(format!(
            "truncated line after '{}'.",
            String::from_utf8_lossy(self.text.get(from..).unwrap_or_default())
        ))
    }

    /// What follows a `%`.
    fn item(&mut self, cx: &mut ParseCx<'_>) -> Result<(), Problem> {
        let percent = self.at - 1;
        if self.peek() == Some(b'(') {
            self.at += 1;
            let start = self.at;
            let Some(len) = self.rest().iter().position(|&b| b == b')') else {
                return Err(Problem::new("invalid character in custom name near '."));
            };
            let name = self.text.get(start..start + len).unwrap_or_default();
            if let Some(colon) = name.iter().position(|&b| b == b':') {
                let kind = name.get(colon + 1..).unwrap_or_default();
                if ![&b"str"[..], b"sint", b"bool", b"raw"].contains(&kind) {
                    let (kind, line) = (String::from_utf8_lossy(kind), String::from_utf8_lossy(self.text));
                    return Err(Problem::new(format!(
                        "unexpected output type '{kind}' at position {} line : '{line}'. Supported types are: str, sint, bool, raw.",
                        start + colon + 1
                    )));
                }
            }
            self.at = start + len + 1;
        }
        let mut flags = self.flags;
        let mut written: &[u8] = b"";
        if self.peek() == Some(b'{') {
            self.at += 1;
            let start = self.at;
            let Some(len) = self.rest().iter().position(|&b| b == b'}') else {
                return Err(self.truncated(start));
            };
            written = self.text.get(start..start + len).unwrap_or_default();
            flags = set_flags(flags, written)?;
            self.at = start + len + 1;
        }
        match self.peek() {
            None if self.at > percent + 1 => {
                let near = String::from_utf8_lossy(self.text.get(percent..).unwrap_or_default());
                Err(Problem::new(format!("parse argument modifier without alias name near '{near}'.")))
            }
            None => Err(self.truncated(percent)),
            Some(b'[') => {
                self.at += 1;
                self.expr(flags, cx)
            }
            Some(b) if b.is_ascii_alphanumeric() => self.alias(flags, written, cx),
            // HAPROXY: a percent sign before anything else vanishes.
            Some(b) => {
                self.at += 1;
                self.pending.push(b);
                Ok(())
            }
        }
    }

    fn alias(&mut self, flags: Flags, written: &[u8], _cx: &mut ParseCx<'_>) -> Result<(), Problem> {
        let rest = self.rest();
        let end = rest.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default().to_vec();
        self.at += end;
        if name == b"o" {
            self.flags = set_flags(self.flags, written)?;
            return Ok(());
        }
        let Some(row) = alias::find(&name) else {
            return Err(Problem::new(format!(
                "no such format alias '{}'. If you wanted to emit the '%' character verbatim, you need to use '%%'.",
                String::from_utf8_lossy(&name)
            )));
        };
        if row.http && self.http.is_none() {
            self.http = Some(row.name);
        }
        self.flush();
        self.items.push(Item::Alias(row.alias, flags));
        Ok(())
    }

    fn expr(&mut self, flags: Flags, cx: &mut ParseCx<'_>) -> Result<(), Problem> {
        // HAPROXY: a blank ends the text that an expression is read from when it is not inside quotes; messages show it cut.
        let rest = self.rest();
        let shown = String::from_utf8_lossy(rest).into_owned();
        let (expr, used) = Expr::parse_prefix(rest, cx).map_err(|problem| Problem {
            message: format!("failed to parse sample expression <{shown}> : {}.", problem.message),
            ..problem
        })?;
        let taken = String::from_utf8_lossy(rest.get(..used).unwrap_or_default()).into_owned();
        let source = &expr.fetch().source;
        if source.points.0 & cx.places.0 == 0 {
            return Err(Problem::new(format!(
                "sample fetch <{shown}> may not be reliably used here because it needs '{}' which is not available here.",
                source.name
            )));
        }
        match rest.get(used) {
            Some(b']') => {}
            Some(&other) => {
                return Err(Problem::new(format!(
                    "expected ']' after '{taken}', but found '{}'.",
                    char::from(other)
                )));
            }
            None => return Err(Problem::new(format!("missing ']' after '{taken}'."))),
        }
        self.at += used + 1;
        self.flush();
        self.items.push(Item::Expr(Arc::new(expr), flags));
        Ok(())
    }
}

fn set_flags(mut flags: Flags, written: &[u8]) -> Result<Flags, Problem> {
    for word in written.split(|&b| b == b',') {
        let Some((&sign, name)) = word.split_first() else { continue };
        let on = match sign {
            b'+' => true,
            b'-' => false,
            _ => continue,
        };
        match name {
            b"Q" => flags.quote = on,
            b"X" => flags.hex = on,
            b"E" => flags.escape = on,
            b"json" | b"cbor" | b"bin" if on => {
                return Err(Problem::new(format!(
                    "'{}' is not implemented yet in haproxy-rs.",
                    String::from_utf8_lossy(word)
                )));
            }
            // HAPROXY: unknown flags are ignored.
            _ => {}
        }
    }
    Ok(flags)
}
