//! A message head as bytes with offsets, edited in place.
//!
//! Names are kept in lower case; order is the order on the wire; added fields come last. What a rule changes is changed here, and
//! the serializer writes what is here. Replaced bytes stay in the buffer until the head is dropped or loaded again.

use crate::bytes::lower_case;
use crate::scan::Slice;
use smallvec::SmallVec;

/// The version that a message is treated as (and re-emitted with, unless its own text is kept).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 1.0 or lower.
    Http10,
    /// 1.1 or higher.
    Http11,
}

/// The kind of start line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// `METHOD URI VERSION`
    Request,
    /// `VERSION STATUS REASON`
    Response,
}

/// One header field, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Lower-case name.
    pub name: &'a [u8],
    /// Value without leading and trailing blanks.
    pub value: &'a [u8],
}

/// A parsed head.
#[derive(Clone, Debug)]
pub struct Head {
    start: Start,
    version: Version,
    status: u16,
    /// Method or reason.
    word: Slice,
    uri: Slice,
    version_text: Slice,
    /// The version as it was received.
    version_received: Slice,
    fields: SmallVec<[(Slice, Slice); 16]>,
    bytes: Vec<u8>,
}

impl Default for Head {
    fn default() -> Self {
        Self::vacant()
    }
}

/// Constructors and the loading of parsed bytes.
impl Head {
    /// A request head with no field.
    #[must_use]
    pub fn request(method: &[u8], uri: &[u8], version: Version) -> Self {
        let mut head = Self::empty(Start::Request, version);
        head.word = head.store(method);
        head.uri = head.store(uri);
        head
    }

    /// A response head with no field.
    #[must_use]
    pub fn response(status: u16, reason: &[u8], version: Version) -> Self {
        let mut head = Self::empty(Start::Response, version);
        head.status = status;
        head.word = head.store(reason);
        head
    }

    /// A head without anything, to be loaded by a parser. Allocates nothing.
    #[must_use]
    pub fn vacant() -> Self {
        Self {
            start: Start::Request,
            version: Version::Http11,
            status: 0,
            word: Slice::default(),
            uri: Slice::default(),
            version_text: Slice::default(),
            version_received: Slice::default(),
            fields: SmallVec::new(),
            bytes: Vec::new(),
        }
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.start = Start::Request;
        self.version = Version::Http11;
        self.status = 0;
        self.word = Slice::default();
        self.uri = Slice::default();
        self.version_text = Slice::default();
        self.version_received = Slice::default();
        self.fields.clear();
        self.bytes.clear();
    }

    /// Bytes of memory held for the text.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    fn empty(start: Start, version: Version) -> Self {
        let mut head = Self::vacant();
        head.start = start;
        head.bytes.reserve(256);
        head.set_version(version);
        head
    }

    /// Starts from scanned bytes; fields follow one by one.
    pub(crate) fn load(&mut self, bytes: &[u8], start: Start, word: Slice, uri: Slice, version_text: Slice) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.start = start;
        self.status = 0;
        self.word = word;
        self.uri = uri;
        self.version_text = version_text;
        self.version_received = version_text;
    }

    /// The fields' slices, for a scanner that fills them before [`Head::load`].
    pub(crate) fn scanned(&mut self) -> &mut SmallVec<[(Slice, Slice); 16]> {
        &mut self.fields
    }

    /// Makes every name lower case, in place.
    pub(crate) fn lower_names(&mut self) {
        for &(name, _) in &self.fields {
            if let Some(name) = self.bytes.get_mut(name.at as usize..(name.at + name.len) as usize) {
                lower_case(name);
            }
        }
    }

    /// Turns line ends inside values (obs-fold) into spaces.
    pub(crate) fn unfold_all(&mut self) {
        for &(_, value) in &self.fields {
            let Some(value) = self.bytes.get_mut(value.at as usize..(value.at + value.len) as usize) else {
                continue;
            };
            if memchr::memchr(b'\n', value).is_some() {
                for b in value.iter_mut().filter(|b| matches!(**b, b'\r' | b'\n')) {
                    *b = b' ';
                }
            }
        }
    }

    /// Number of fields.
    pub(crate) fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// Name, value and the value's offset of the field at an index.
    pub(crate) fn field_at(&self, index: usize) -> Option<(&[u8], &[u8], usize)> {
        self.fields.get(index).map(|&(name, value)| (self.slice(name), self.slice(value), value.at as usize))
    }

    pub(crate) fn set_status_code(&mut self, status: u16) {
        self.status = status;
    }

    /// Sets the version, keeping the text as received: `HTTP/0.9` stays so.
    pub(crate) fn set_version_only(&mut self, version: Version) {
        self.version = version;
    }

    fn store(&mut self, bytes: &[u8]) -> Slice {
        let slice = Slice { at: self.bytes.len() as u32, len: bytes.len() as u32 };
        self.bytes.extend_from_slice(bytes);
        slice
    }

    fn slice(&self, slice: Slice) -> &[u8] {
        slice.of(&self.bytes)
    }
}

/// Reading.
impl Head {
    /// Request or response.
    #[must_use]
    pub fn start(&self) -> Start {
        self.start
    }

    /// The version the message is treated as.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The version's text as it will be written, such as `HTTP/1.1`.
    #[must_use]
    pub fn version_text(&self) -> &[u8] {
        self.slice(self.version_text)
    }

    /// The version's text as it was received, for logs; empty in a head that was made here.
    #[must_use]
    pub fn received_version_text(&self) -> &[u8] {
        self.slice(self.version_received)
    }

    /// The request's method; empty in a response.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        if self.start == Start::Request { self.slice(self.word) } else { b"" }
    }

    /// The request target as received or rewritten; empty in a response.
    #[must_use]
    pub fn uri(&self) -> &[u8] {
        self.slice(self.uri)
    }

    /// The target's path without the query: from the first `/` after an optional `scheme://authority`; empty when there is none.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        let full = self.path_and_query();
        full.split(|&b| b == b'?').next().unwrap_or_default()
    }

    /// The target's path with the query.
    #[must_use]
    pub fn path_and_query(&self) -> &[u8] {
        let uri = self.uri();
        if uri.first() == Some(&b'/') {
            return uri;
        }
        let Some(scheme) = uri.windows(3).position(|w| w == b"://") else { return b"" };
        let rest = uri.get(scheme + 3..).unwrap_or_default();
        rest.iter().position(|&b| b == b'/').and_then(|slash| rest.get(slash..)).unwrap_or_default()
    }

    /// The query without its `?`; empty when there is none.
    #[must_use]
    pub fn query(&self) -> &[u8] {
        let uri = self.uri();
        memchr::memchr(b'?', uri).and_then(|mark| uri.get(mark + 1..)).unwrap_or_default()
    }

    /// The response's status; 0 in a request.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The response's reason; empty in a request.
    #[must_use]
    pub fn reason(&self) -> &[u8] {
        if self.start == Start::Response { self.slice(self.word) } else { b"" }
    }

    /// The fields in order.
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = Field<'_>> + ExactSizeIterator {
        self.fields.iter().map(|&(name, value)| Field { name: self.slice(name), value: self.slice(value) })
    }

    /// Every value of a name, in order. `name` must be in lower case.
    pub fn values<'a>(&'a self, name: &'a [u8]) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.fields().filter(move |f| f.name == name).map(|f| f.value)
    }

    /// The first value of a name. `name` must be in lower case.
    #[must_use]
    pub fn value<'a>(&'a self, name: &'a [u8]) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// Bytes that [`Head::write`] writes without the final empty line: what size limits are compared with.
    #[must_use]
    pub fn wire_size(&self) -> usize {
        let start = self.word.len + self.uri.len + self.version_text.len + 8;
        let fields: u32 = self.fields.iter().map(|(name, value)| name.len + value.len + 4).sum();
        (start + fields) as usize
    }

    /// The size that logs and counters count a message's head as: the reference's own representation, 20 bytes of start line, the
    /// texts, and one byte for the end of the headers.
    #[must_use]
    pub fn counted_size(&self) -> u64 {
        let mut size = 21 + u64::from(self.version_text.len) + u64::from(self.word.len);
        size += match self.start {
            Start::Request => u64::from(self.uri.len),
            Start::Response => 3,
        };
        size + self.fields.iter().map(|(name, value)| u64::from(name.len + value.len)).sum::<u64>()
    }
}

/// Editing.
impl Head {
    /// Adds a field after all others.
    pub fn append(&mut self, name: &[u8], value: &[u8]) {
        let name = self.store(name);
        if let Some(stored) = self.bytes.get_mut(name.at as usize..) {
            stored.make_ascii_lowercase();
        }
        let value = self.store(value);
        self.fields.push((name, value));
    }

    /// Removes every field of a name and adds one with this value at the end.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.append(name, value);
    }

    /// Removes every field of a name; returns how many there were.
    pub fn remove(&mut self, name: &[u8]) -> usize {
        let before = self.fields.len();
        self.retain(|field| !field.name.eq_ignore_ascii_case(name));
        before - self.fields.len()
    }

    /// Keeps the fields for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(Field<'_>) -> bool) {
        let bytes = &self.bytes;
        self.fields.retain(|&mut (name, value)| keep(Field { name: name.of(bytes), value: value.of(bytes) }));
    }

    /// Removes the field at an index of [`Head::fields`]; nothing happens past the end.
    pub fn remove_at(&mut self, index: usize) {
        if index < self.fields.len() {
            self.fields.remove(index);
        }
    }

    /// Replaces the value of the field at an index of [`Head::fields`]; nothing happens past the end.
    pub fn set_value(&mut self, index: usize, value: &[u8]) {
        let value = self.store(value);
        if let Some(field) = self.fields.get_mut(index) {
            field.1 = value;
        }
    }

    /// Replaces the method.
    pub fn set_method(&mut self, method: &[u8]) {
        self.word = self.store(method);
    }

    /// Replaces the request target.
    pub fn set_uri(&mut self, uri: &[u8]) {
        self.uri = self.store(uri);
    }

    /// Replaces status and reason.
    pub fn set_status(&mut self, status: u16, reason: &[u8]) {
        self.status = status;
        self.word = self.store(reason);
    }

    /// Replaces version and its text.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
        self.version_text = self.store(match version {
            Version::Http10 => b"HTTP/1.0",
            Version::Http11 => b"HTTP/1.1",
        });
    }
}

/// Writing.
impl Head {
    /// Appends start line, fields and the empty line to `out`: names in lower case, `name: value`, CRLF.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_fields(out);
        out.extend_from_slice(b"\r\n");
    }

    /// Appends start line and fields, so that the caller may add fields of its own before the empty line.
    pub fn write_fields(&self, out: &mut Vec<u8>) {
        out.reserve(self.wire_size() + 64);
        match self.start {
            Start::Request => {
                out.extend_from_slice(self.slice(self.word));
                out.push(b' ');
                out.extend_from_slice(self.slice(self.uri));
                out.push(b' ');
                out.extend_from_slice(self.slice(self.version_text));
            }
            Start::Response => {
                out.extend_from_slice(self.slice(self.version_text));
                out.push(b' ');
                write_decimal(u64::from(self.status), out);
                out.push(b' ');
                out.extend_from_slice(self.slice(self.word));
            }
        }
        out.extend_from_slice(b"\r\n");
        // Fields that stand in the buffer as they go out, one after the other, are one copy: most are as they were received.
        let mut run = Slice::default();
        for &(name, value) in &self.fields {
            let field = self.as_written(name, value);
            match field {
                Some(field) if run.at + run.len == field.at => run.len += field.len,
                Some(field) => {
                    out.extend_from_slice(self.slice(run));
                    run = field;
                }
                None => {
                    out.extend_from_slice(self.slice(run));
                    run = Slice::default();
                    out.extend_from_slice(self.slice(name));
                    out.extend_from_slice(b": ");
                    out.extend_from_slice(self.slice(value));
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
        out.extend_from_slice(self.slice(run));
    }

    /// The stretch of the buffer that is exactly `name: value\r\n`, if there is one.
    fn as_written(&self, name: Slice, value: Slice) -> Option<Slice> {
        let (separator, end) = (name.at + name.len, value.at + value.len);
        let stands = value.at == separator + 2
            && self.bytes.get(separator as usize..separator as usize + 2) == Some(b": ")
            && self.bytes.get(end as usize..end as usize + 2) == Some(b"\r\n");
        stands.then(|| Slice { at: name.at, len: end + 2 - name.at })
    }
}

/// Appends a decimal number.
pub fn write_decimal(mut n: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn edits_show_in_order_on_the_wire() {
        let mut head = Head::request(b"GET", b"/a?b", Version::Http11);
        head.append(b"Host", b"x");
        head.append(b"X-One", b"1");
        head.append(b"x-two", b"2");
        head.set(b"x-ONE", b"3");
        head.set_value(0, b"y");
        head.set_uri(b"/c");
        let mut out = Vec::new();
        head.write(&mut out);
        assert_eq!(out, b"GET /c HTTP/1.1\r\nhost: y\r\nx-two: 2\r\nx-one: 3\r\n\r\n");
        assert!(head.wire_size() + 2 >= out.len());
    }

    #[test]
    fn what_was_received_goes_out_the_same_however_it_stood() {
        for received in [
            "Host: x\r\nX-One: 1\r\nX-Two: 2\r\n\r\n",
            "Host:x\r\nX-One: 1\r\nX-Two:\t2\r\n\r\n",
            "Host: x\nX-One:  1 \r\nX-Two: 2\n\r\n",
            "Host: x\r\nX-One:\r\n 1\r\nX-Two: 2\r\n\r\n",
        ] {
            let input = format!("GET / HTTP/1.1\r\n{received}");
            let mut head = Head::vacant();
            crate::request::parse_request(input.as_bytes(), &crate::request::Limits::default(), &mut head)
                .unwrap()
                .unwrap();
            let mut out = Vec::new();
            head.write(&mut out);
            let expected = "GET / HTTP/1.1\r\nhost: x\r\nx-one: 1\r\nx-two: 2\r\n\r\n";
            assert_eq!(String::from_utf8_lossy(&out), expected, "{received:?}");
            for (index, expected) in [
                "host: y\r\nx-one: 1\r\nx-two: 2\r\n\r\n",
                "host: x\r\nx-one: y\r\nx-two: 2\r\n\r\n",
                "host: x\r\nx-one: 1\r\nx-two: y\r\n\r\n",
            ]
            .into_iter()
            .enumerate()
            {
                let mut edited = head.clone();
                edited.set_value(index, b"y");
                out.clear();
                edited.write(&mut out);
                assert_eq!(
                    out.strip_prefix(b"GET / HTTP/1.1\r\n"),
                    Some(expected.as_bytes()),
                    "{received:?}"
                );
                edited.remove_at(index);
                edited.append(b"X-End", b"z");
                out.clear();
                edited.write(&mut out);
                assert!(out.ends_with(b"x-end: z\r\n\r\n") && edited.fields().count() == 3);
                assert_eq!(out.len(), edited.wire_size() + 2 - 4, "{received:?}");
            }
        }
    }

    #[test]
    fn counted_size_is_the_documented_formula() {
        // haproxy-algorithms, part 8: 76 bytes with a body of 5.
        let mut head = Head::response(200, b"OK", Version::Http11);
        head.append(b"content-length", b"5");
        head.append(b"content-type", b"text/plain");
        assert_eq!(head.counted_size() + 5, 76);
    }

    #[test]
    fn paths_of_every_target_form() {
        for (uri, path, pathq, query) in [
            ("/a/b?c=d", "/a/b", "/a/b?c=d", "c=d"),
            ("http://h/a?b", "/a", "/a?b", "b"),
            ("http://h", "", "", ""),
            ("*", "", "", ""),
            ("h:80", "", "", ""),
        ] {
            let head = Head::request(b"GET", uri.as_bytes(), Version::Http11);
            assert_eq!(head.path(), path.as_bytes(), "{uri}");
            assert_eq!(head.path_and_query(), pathq.as_bytes(), "{uri}");
            assert_eq!(head.query(), query.as_bytes(), "{uri}");
        }
    }
}
