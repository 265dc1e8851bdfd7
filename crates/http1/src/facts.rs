//! What a head's fields mean for the connection: framing, connection tokens, upgrades (RFC 9112 parts 6 and 9).
//!
//! The fields are judged in one walk, in the order of the wire, and edited to the form in which they are forwarded: one
//! `content-length`, one `transfer-encoding: chunked`, no `close` and `keep-alive` tokens.

use crate::bytes::{decimal, list, trim};
use crate::head::{Head, Start, Version};
use crate::refusal::{ParserState, Refusal};
use crate::request::Limits;

/// How a message's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// `content-length`.
    Length(u64),
    /// Chunked.
    Chunked,
    /// Responses only: the body ends with the connection.
    UntilClose,
}

/// What a parsed head says beside its fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of input that the head took, with the empty lines before it.
    pub size: usize,
    /// How the body ends, as far as the head alone tells.
    pub framing: Framing,
    /// The `close` token.
    pub close: bool,
    /// The `keep-alive` token.
    pub keep_alive: bool,
    /// The `upgrade` token.
    pub upgrade_token: bool,
    /// The `upgrade` token together with an `upgrade` field.
    pub upgrade: bool,
    /// An upgrade to `websocket`.
    pub websocket: bool,
    /// The expectation `100-continue`.
    pub expect_continue: bool,
    /// Both length and chunked were announced, or chunked by an HTTP/1.0 message: the connection closes after this exchange.
    pub ambiguous: bool,
    /// A 204 that announced a body: it is not relayed, and the client connection closes.
    pub framed_204: bool,
    /// The head's size as logs and counters count it, before the parts that are never forwarded were dropped.
    pub counted_size: u64,
    /// First byte that was only accepted in relaxed mode; `show errors` keeps such messages too.
    pub oddity: Option<usize>,
    /// A field goes on in the next line (obs-fold).
    pub(crate) folded: bool,
}

/// The walk over the fields.
#[derive(Default)]
struct Walk {
    length: Option<u64>,
    length_at: Option<usize>,
    length_text_differs: bool,
    coding: Coding,
    coding_fields: u32,
    coding_text_differs: bool,
    connection_edit: bool,
    upgrade_field: bool,
    upgrade_edit: bool,
    websocket: bool,
    host_at: Option<usize>,
    duplicate_host: bool,
}

/// The list of transfer codings so far.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Coding {
    #[default]
    Absent,
    /// `chunked`, alone.
    Chunked,
    /// Something else and then `chunked`.
    OtherThenChunked,
    /// Something else last.
    Other,
    /// Relaxed: nothing but empty elements.
    Blank,
    /// `chunked` twice, something after it, or an empty element anywhere.
    Wrong,
}

/// Transfer codings that end in something else than `chunked`, or hold it twice.
struct BadCodings;

/// Names from this length on are refused, as the reference does.
const LONGEST_NAME: usize = 256;

/// Judges and normalises the fields of a loaded head.
///
/// Returns the refusal of a request's body that cannot be, if there is one: what the target says comes before it.
pub(crate) fn judge(head: &mut Head, limits: &Limits, facts: &mut Facts) -> Result<Option<Refusal>, Refusal> {
    let request = head.start() == Start::Request;
    let refusal = |at: usize, status: u16| {
        if request {
            Refusal { status, ..Refusal::request(at, ParserState::HeaderWhole) }
        } else {
            Refusal::response(at, ParserState::HeaderWhole)
        }
    };
    let refuse = |at| Err(refusal(at, 400));
    let mut walk = Walk::default();
    for index in 0..head.field_count() {
        let Some((name, value, at)) = head.field_at(index) else { break };
        match (name.len(), name) {
            // CVE-2021-40346: what another hop might cut must not be forwarded.
            (LONGEST_NAME.., _) => return refuse(at),
            (14, b"content-length") if walk.length_fields(index, value).is_none() => return refuse(at),
            (17, b"transfer-encoding") => walk.coding_field(value, limits.relaxed && !request),
            (10, b"connection") => walk.connection_field(value, facts),
            (7, b"upgrade") => walk.upgrade_field(value),
            (6, b"expect") if request => facts.expect_continue |= list(value).any(is_continue),
            (4, b"host") if request => {
                if !is_host(value) {
                    return refuse(at);
                }
                match walk.host_at.and_then(|first| head.field_at(first)) {
                    None => walk.host_at = Some(index),
                    Some((_, first, _)) if first.eq_ignore_ascii_case(value) => walk.duplicate_host = true,
                    Some(_) => return refuse(at),
                }
            }
            _ => {}
        }
    }
    walk.framing(head, limits.keeps_ambiguous, facts).map_err(|BadCodings| refusal(facts.size, 400))?;
    let bad_body = walk.bad_body(head, limits.any_payload, facts).map(|status| refusal(facts.size, status));
    walk.edit(head);
    facts.counted_size = head.counted_size();
    facts.upgrade = facts.upgrade_token && walk.upgrade_field;
    facts.websocket = facts.upgrade && walk.websocket;
    Ok(bad_body)
}

impl Walk {
    /// Takes a `content-length` field; none when it is not acceptable.
    fn length_fields(&mut self, index: usize, value: &[u8]) -> Option<()> {
        for element in list(value) {
            let number = decimal(element)?;
            if self.length.is_some_and(|length| length != number) {
                return None;
            }
            self.length = Some(number);
            if element.len() != value.len() || (element.len() > 1 && element.first() == Some(&b'0')) {
                self.length_text_differs = true;
            }
        }
        if self.length_at.is_some() {
            self.length_text_differs = true;
        } else {
            self.length_at = Some(index);
        }
        Some(())
    }

    /// `relaxed`: empty elements and a repeated `chunked` count for nothing, as the manual promises of
    /// `accept-invalid-http-response`.
    fn coding_field(&mut self, value: &[u8], relaxed: bool) {
        self.coding_fields += 1;
        self.coding_text_differs |= value != b"chunked";
        if relaxed && value.is_empty() {
            return;
        }
        for element in list(value) {
            let chunked = element.eq_ignore_ascii_case(b"chunked");
            self.coding = match (self.coding, chunked) {
                (Coding::Absent, _) if relaxed && element.is_empty() => Coding::Blank,
                (coding, _) if relaxed && element.is_empty() => coding,
                (Coding::Chunked, true) if relaxed => Coding::Chunked,
                _ if element.is_empty() => Coding::Wrong,
                (Coding::Absent | Coding::Blank, true) => Coding::Chunked,
                (Coding::Absent | Coding::Blank | Coding::Other, false) => Coding::Other,
                (Coding::Other, true) => Coding::OtherThenChunked,
                (Coding::Chunked | Coding::OtherThenChunked | Coding::Wrong, _) => Coding::Wrong,
            };
        }
    }

    fn connection_field(&mut self, value: &[u8], facts: &mut Facts) {
        for token in list(value) {
            if token.eq_ignore_ascii_case(b"close") {
                facts.close = true;
                self.connection_edit = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                facts.keep_alive = true;
                self.connection_edit = true;
            } else if token.eq_ignore_ascii_case(b"upgrade") {
                facts.upgrade_token = true;
            }
        }
    }

    fn upgrade_field(&mut self, value: &[u8]) {
        for token in list(value) {
            if token.eq_ignore_ascii_case(b"h2c") {
                self.upgrade_edit = true;
            } else if !token.is_empty() {
                self.upgrade_field = true;
                self.websocket |= token.eq_ignore_ascii_case(b"websocket");
            }
        }
    }

    /// The framing from length and codings. `keeps_ambiguous`: see [`Limits::keeps_ambiguous`].
    fn framing(&mut self, head: &Head, keeps_ambiguous: bool, facts: &mut Facts) -> Result<(), BadCodings> {
        let request = head.start() == Start::Request;
        let chunked = match (self.coding, request) {
            (Coding::Absent | Coding::Blank, _) => false,
            (Coding::Chunked, _) | (Coding::OtherThenChunked, true) => true,
            (Coding::Other | Coding::Wrong, true) | (_, false) => return Err(BadCodings),
        };
        facts.ambiguous = chunked
            && match self.length {
                Some(_) => !keeps_ambiguous,
                None => head.version() == Version::Http10,
            };
        facts.framing = match (chunked, self.length) {
            (true, _) => Framing::Chunked,
            // What the length counts is unknown.
            (false, _) if self.coding == Coding::Blank => Framing::UntilClose,
            (false, Some(length)) => Framing::Length(length),
            (false, None) if request => Framing::None,
            (false, None) => Framing::UntilClose,
        };
        Ok(())
    }

    /// The status for a request's body that its version and method must not have, or that only its sender can decode.
    fn bad_body(&self, head: &Head, any_payload: bool, facts: &Facts) -> Option<u16> {
        if head.start() != Start::Request {
            return None;
        }
        let bodyless = !any_payload && matches!(head.method(), b"GET" | b"HEAD" | b"DELETE");
        let has_body = !matches!(facts.framing, Framing::None | Framing::Length(0));
        if bodyless && has_body && head.version() == Version::Http10 {
            return Some(413);
        }
        (self.coding == Coding::OtherThenChunked).then_some(422)
    }

    /// Brings the fields to the form in which they are forwarded.
    fn edit(&self, head: &mut Head) {
        let chunked = matches!(self.coding, Coding::Chunked);
        if matches!(self.coding, Coding::Chunked | Coding::Blank) && self.length.is_some() {
            head.remove(b"content-length");
        } else if let (true, Some(at), Some(length)) = (self.length_text_differs, self.length_at, self.length)
        {
            let mut text = Vec::with_capacity(20);
            crate::head::write_decimal(length, &mut text);
            head.set_value(at, &text);
            keep_first(head, b"content-length");
        }
        if chunked && (self.coding_text_differs || self.coding_fields > 1) {
            set_first(head, b"transfer-encoding", b"chunked");
        } else if matches!(self.coding, Coding::Absent | Coding::Blank) && self.coding_fields > 0 {
            head.remove(b"transfer-encoding");
        }
        if self.duplicate_host {
            keep_first(head, b"host");
        }
        if self.connection_edit {
            drop_tokens(head, b"connection", &[b"close", b"keep-alive"]);
        }
        if self.upgrade_edit {
            drop_tokens(head, b"upgrade", &[b"h2c"]);
        }
    }
}

/// Whether no byte of a `host` may mislead the next hop about where the authority ends. Brackets are an IPv6 address's.
pub(crate) fn is_host(value: &[u8]) -> bool {
    let rest = match value.strip_prefix(b"[") {
        Some(inner) => match memchr::memchr(b']', inner) {
            Some(end) => inner.get(end + 1..).unwrap_or_default(),
            None => return false,
        },
        None => value,
    };
    let misleads = |b: &u8| {
        !b.is_ascii_graphic() || matches!(*b, b'#' | b',' | b'/' | b'?' | b'@' | b'[' | b'\\' | b']')
    };
    !rest.iter().any(misleads)
}

fn is_continue(expectation: &[u8]) -> bool {
    expectation.eq_ignore_ascii_case(b"100-continue")
}

fn keep_first(head: &mut Head, name: &[u8]) {
    let mut seen = false;
    head.retain(|field| field.name != name || !std::mem::replace(&mut seen, true));
}

fn set_first(head: &mut Head, name: &[u8], value: &[u8]) {
    let index = head.fields().position(|field| field.name == name);
    if let Some(index) = index {
        head.set_value(index, value);
        keep_first(head, name);
    }
}

impl Head {
    /// Takes `100-continue` out of the expectations: it was told to continue.
    pub fn remove_continue(&mut self) {
        drop_tokens(self, b"expect", &[b"100-continue"]);
    }

    /// Of `te` leaves `trailers` only: whatever else it asks for concerns this hop (RFC 9110, 10.1.4).
    pub fn keep_te_trailers(&mut self) {
        self.retain(|field| field.name != b"te" || names_trailers(field.value));
        for index in 0..self.field_count() {
            if self.field_at(index).is_some_and(|(name, value, _)| name == b"te" && value != b"trailers") {
                self.set_value(index, b"trailers");
            }
        }
    }
}

/// HAPROXY: only the first place where the word stands counts, and nothing but a comma may follow it.
fn names_trailers(value: &[u8]) -> bool {
    const WORD: &[u8] = b"trailers";
    let Some(at) = value.windows(WORD.len()).position(|w| w == WORD) else { return false };
    let before = at.checked_sub(1).and_then(|i| value.get(i));
    let after = value.get(at + WORD.len());
    before.is_none_or(|b| matches!(b, b' ' | b'\t' | b',')) && after.is_none_or(|&b| b == b',')
}

/// Removes tokens from a comma-separated field; the rest is joined with a bare comma, and an empty field goes.
fn drop_tokens(head: &mut Head, name: &[u8], unwanted: &[&[u8]]) {
    let is_unwanted = |token: &[u8]| unwanted.iter().any(|u| token.eq_ignore_ascii_case(u));
    let mut index = 0;
    while let Some((field, value, _)) = head.field_at(index) {
        if field != name || !list(value).any(is_unwanted) {
            index += 1;
            continue;
        }
        let kept: Vec<&[u8]> = list(value).filter(|t| !t.is_empty() && !is_unwanted(t)).collect();
        if kept.is_empty() {
            head.remove_at(index);
        } else {
            let joined = kept.join(&b","[..]);
            head.set_value(index, trim(&joined));
            index += 1;
        }
    }
}
