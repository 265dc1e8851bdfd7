//! A message head as bytes with offsets, edited in place.
//!
//! Names are kept in lower case; order is the order on the wire; added fields come last. What a rule changes is changed here, and
//! the serializer writes what is here.

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

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    at: u32,
    len: u32,
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
    fields: SmallVec<[(Slice, Slice); 16]>,
    bytes: Vec<u8>,
}

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

    fn empty(start: Start, version: Version) -> Self {
        let mut head = Self {
            start,
            version,
            status: 0,
            word: Slice::default(),
            uri: Slice::default(),
            version_text: Slice::default(),
            fields: SmallVec::new(),
            bytes: Vec::with_capacity(256),
        };
        head.version_text = head.store(match version {
            Version::Http10 => b"HTTP/1.0",
            Version::Http11 => b"HTTP/1.1",
        });
        head
    }

    fn store(&mut self, bytes: &[u8]) -> Slice {
        let slice = Slice { at: self.bytes.len() as u32, len: bytes.len() as u32 };
        self.bytes.extend_from_slice(bytes);
        slice
    }

    fn slice(&self, slice: Slice) -> &[u8] {
        self.bytes.get(slice.at as usize..(slice.at + slice.len) as usize).unwrap_or_default()
    }

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
        uri.iter().position(|&b| b == b'?').and_then(|mark| uri.get(mark + 1..)).unwrap_or_default()
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

    /// Adds a field after all others.
    pub fn append(&mut self, name: &[u8], value: &[u8]) {
        let name = self.store(&name.to_ascii_lowercase());
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
        let cut = |s: Slice| bytes.get(s.at as usize..(s.at + s.len) as usize).unwrap_or_default();
        self.fields.retain(|&mut (name, value)| keep(Field { name: cut(name), value: cut(value) }));
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
}
