//! A recording origin: a raw TCP server that keeps every byte it gets and answers every request.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::subject::find;

/// When the origin answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// After it has read the whole request.
    AfterTheBody,
    /// As soon as it has the head.
    Early,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The first line.
    pub(crate) line: String,
    /// The lines of the head after the first, lower-cased names.
    pub(crate) fields: Vec<(String, String)>,
    /// The body, decoded from its chunks.
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its declared end.
    pub(crate) complete: bool,
}

impl Request {
    /// Whether the head has a field of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(key, _)| key == name)
    }
}

/// The server. It ends with the test process.
pub(crate) struct Origin {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Origin {
    /// Starts one.
    pub(crate) fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let record = Arc::clone(&record);
                std::thread::spawn(move || serve(stream, answers, &record));
            }
        });
        Self { address, requests }
    }

    /// Whether one of the requests since the last `take` fits.
    pub(crate) fn any(&self, fits: impl FnMut(&Request) -> bool) -> bool {
        self.requests.lock().expect("no thread panicked").iter().any(fits)
    }

    /// Takes what arrived since the last call.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().expect("no thread panicked"))
    }
}

fn serve(mut stream: TcpStream, answers: Answers, record: &Mutex<Vec<Request>>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = find(&bytes, b"\r\n\r\n") {
                break at + 4;
            }
            if !more(&mut stream, &mut bytes) {
                return;
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes.drain(..end);
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let fields: Vec<_> = lines
            .filter_map(|each| each.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut request = Request { line, fields, body: Vec::new(), complete: false };
        let at = {
            // Recorded before its body is read: a request that arrives is a request that arrived.
            let mut all = record.lock().expect("no thread panicked");
            all.push(request.clone());
            all.len() - 1
        };
        if answers == Answers::Early && !answer(&mut stream, &request) {
            return;
        }
        read_body(&mut stream, &mut bytes, &mut request);
        let complete = request.complete;
        let reply = request.clone();
        if let Some(each) = record.lock().expect("no thread panicked").get_mut(at) {
            *each = request;
        }
        if !complete || (answers == Answers::AfterTheBody && !answer(&mut stream, &reply)) {
            return;
        }
    }
}

fn answer(stream: &mut TcpStream, request: &Request) -> bool {
    let reply: &[u8] = if request.line.starts_with("HEAD ") {
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
    } else {
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    };
    stream.write_all(reply).is_ok()
}

fn read_body(stream: &mut TcpStream, bytes: &mut Vec<u8>, request: &mut Request) {
    let field = |name: &str| {
        request.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.to_ascii_lowercase())
    };
    if field("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        request.complete = read_chunks(stream, bytes, &mut request.body).is_some();
        return;
    }
    let length = field("content-length").and_then(|value| value.parse::<usize>().ok()).unwrap_or(0);
    while bytes.len() < length {
        if !more(stream, bytes) {
            return;
        }
    }
    request.body = bytes.drain(..length).collect();
    request.complete = true;
}

/// Reads chunks up to the end of the trailers; None when the connection ends first.
fn read_chunks(stream: &mut TcpStream, bytes: &mut Vec<u8>, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let size = read_line(stream, bytes)?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            while !read_line(stream, bytes)?.is_empty() {}
            return Some(());
        }
        while bytes.len() < size + 2 {
            more(stream, bytes).then_some(())?;
        }
        body.extend(bytes.drain(..size));
        bytes.drain(..2);
    }
}

fn read_line(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = find(bytes, b"\r\n") {
            let line = String::from_utf8_lossy(&bytes[..at]).into_owned();
            bytes.drain(..at + 2);
            return Some(line);
        }
        more(stream, bytes).then_some(())?;
    }
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 16384];
    match stream.read(&mut buffer) {
        Ok(count) if count > 0 => {
            bytes.extend_from_slice(&buffer[..count]);
            true
        }
        _ => false,
    }
}
