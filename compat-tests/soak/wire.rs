//! HTTP/1 as a client and an origin of this test speak it: strict about what it reads, blocking, with one buffer.

use crate::dice::mismatch;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// How long anything may take before it counts as stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(25);

/// A connection with the bytes that were read and not used.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    from: usize,
}

/// A head: its first line and its fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// The first line.
    pub(crate) line: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// A field's value.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A field's value as a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.field(name)?.parse().ok()
    }

    /// The id that it carries.
    pub(crate) fn id(&self) -> Option<u64> {
        u64::from_str_radix(self.field("x-id")?, 16).ok()
    }

    /// The body's framing.
    pub(crate) fn framing(&self) -> Framing {
        if self.field("transfer-encoding").is_some() {
            Framing::Chunked
        } else {
            self.number("content-length").map_or(Framing::Open, Framing::Length)
        }
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With its last chunk.
    Chunked,
    /// With the connection, or at once in a request.
    Open,
}

/// Why a body was not read to its end. What the variants hold is shown in failures.
#[derive(Debug)]
#[allow(dead_code)]
pub(crate) enum Cut {
    /// The connection ended, after so many bytes of body.
    At(u64, io::Error),
    /// A byte is not the id's.
    Foreign(u64),
    /// The framing is broken.
    Framing(String),
}

impl Wire {
    /// Around a connection, with the test's patience on both directions.
    pub(crate) fn new(stream: TcpStream) -> Self {
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.set_write_timeout(Some(PATIENCE));
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: Vec::new(), from: 0 }
    }

    /// Writes everything.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Ends the sending direction.
    pub(crate) fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Makes the kernel's buffer for what is received small, not smaller than a segment of the loopback: that would crawl.
    pub(crate) fn narrow(&self) {
        let _ = socket2::SockRef::from(&self.stream).set_recv_buffer_size(65_536);
    }

    /// Whether bytes are there that nobody asked for yet.
    pub(crate) fn has_rest(&self) -> bool {
        self.from < self.buffer.len()
    }

    /// Reads once; an error at the end too.
    fn more(&mut self) -> io::Result<()> {
        if self.from == self.buffer.len() {
            self.buffer.clear();
            self.from = 0;
        }
        let mut fresh = [0; 32_768];
        loop {
            match self.stream.read(&mut fresh) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.buffer.extend_from_slice(&fresh[..count]);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Some bytes, whatever comes: for tunnels.
    pub(crate) fn some(&mut self) -> io::Result<Vec<u8>> {
        if !self.has_rest() {
            self.more()?;
        }
        let bytes = self.buffer.split_off(self.from);
        self.buffer.clear();
        self.from = 0;
        Ok(bytes)
    }

    /// A head. None at the end of the connection before its first byte.
    pub(crate) fn head(&mut self) -> io::Result<Option<Head>> {
        let mut looked = self.from;
        let end = loop {
            let rest = &self.buffer[looked..];
            if let Some(at) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break looked + at + 4;
            }
            looked = self.buffer.len().saturating_sub(3).max(self.from);
            let nothing = !self.has_rest();
            match self.more() {
                Ok(()) if nothing => looked = self.from,
                Ok(()) => {}
                Err(error) if nothing && error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[self.from..end]).into_owned();
        self.from = end;
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let fields = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Some(Head { line, fields }))
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.buffer[self.from..].windows(2).position(|two| two == b"\r\n") {
                let text = String::from_utf8_lossy(&self.buffer[self.from..self.from + at]).into_owned();
                self.from += at + 2;
                return Ok(text);
            }
            self.more()?;
        }
    }

    /// Reads a body that must be the id's, with a pause after each piece of 16 KiB. Returns its size.
    pub(crate) fn body(&mut self, framing: Framing, id: Option<u64>, pause: Duration) -> Result<u64, Cut> {
        let mut total = 0;
        match framing {
            Framing::Length(length) => self.piece(length, id, &mut total, pause)?,
            Framing::Open => loop {
                match self.piece(u64::MAX, id, &mut total, pause) {
                    Err(Cut::At(_, error)) if error.kind() == ErrorKind::UnexpectedEof => break,
                    other => other?,
                }
            },
            Framing::Chunked => loop {
                let line = self.line().map_err(|error| Cut::At(total, error))?;
                let digits = line.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(digits, 16)
                    .map_err(|_| Cut::Framing(format!("chunk size '{line}'")))?;
                if size == 0 {
                    while !self.line().map_err(|error| Cut::At(total, error))?.is_empty() {}
                    break;
                }
                self.piece(size, id, &mut total, pause)?;
                let end = self.line().map_err(|error| Cut::At(total, error))?;
                if !end.is_empty() {
                    return Err(Cut::Framing(format!("'{end}' after a chunk")));
                }
            },
        }
        Ok(total)
    }

    fn piece(&mut self, mut rest: u64, id: Option<u64>, total: &mut u64, pause: Duration) -> Result<(), Cut> {
        let mut since = 0;
        while rest > 0 {
            if !self.has_rest() {
                if since >= 16_384 && !pause.is_zero() {
                    std::thread::sleep(pause);
                    since = 0;
                }
                self.more().map_err(|error| Cut::At(*total, error))?;
            }
            let count = (self.buffer.len() - self.from).min(usize::try_from(rest).unwrap_or(usize::MAX));
            let bytes = &self.buffer[self.from..self.from + count];
            if let Some(at) = id.and_then(|id| mismatch(id, *total, bytes)) {
                return Err(Cut::Foreign(at));
            }
            self.from += count;
            *total += count as u64;
            rest -= count as u64;
            since += count;
        }
        Ok(())
    }
}

/// Writes `body` as chunks of at most `size` bytes, the last one included.
pub(crate) fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 64);
    for chunk in body.chunks(size.max(1)) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}
