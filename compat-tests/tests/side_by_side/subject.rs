//! The programs under test: where they are, and one running haproxy with its listening sockets.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long anything may take before the test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One program under test.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// `ours` or `reference`.
    pub(crate) name: &'static str,
    /// The haproxy binary.
    pub(crate) program: PathBuf,
}

/// Ours, and the reference when REFERENCE names it; SUBJECT chooses one of them.
pub(crate) fn subjects() -> Vec<Subject> {
    let only = std::env::var("SUBJECT").unwrap_or_default();
    let mut found = Vec::new();
    if only != "reference" {
        found.push(Subject { name: "ours", program: ours() });
    }
    if only != "ours" {
        match reference() {
            Some(program) => found.push(Subject { name: "reference", program }),
            None => println!("REFERENCE is not set: ours is tested alone, nothing is compared"),
        }
    }
    assert!(!found.is_empty(), "SUBJECT={only} leaves no program to test");
    found
}

fn ours() -> PathBuf {
    let beside = || {
        let mut path = std::env::current_exe().expect("the test knows its own path");
        path.pop();
        path.pop();
        path.join("haproxy")
    };
    let program =
        std::env::var_os("HAPROXY").filter(|path| !path.is_empty()).map_or_else(beside, PathBuf::from);
    assert!(program.exists(), "{} is missing: cargo build -p haproxy-rs first", program.display());
    program
}

fn reference() -> Option<PathBuf> {
    let prefix = std::env::var_os("REFERENCE").filter(|path| !path.is_empty())?;
    let program = Path::new(&prefix).join("haproxy-3.0");
    assert!(program.exists(), "REFERENCE is set and {} is missing", program.display());
    Some(program)
}

impl Subject {
    /// A command without the variables of an outer haproxy or systemd.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("HAPROXY") || name.starts_with("NOTIFY_") || name.starts_with("LISTEN_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null());
        command
    }
}

/// A directory that is removed with its value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// An empty directory with a name of its own.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("side-by-side-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a scratch directory");
        Self(path)
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A haproxy in the foreground. Its listening sockets are ours, handed over by number (`fd@N`), so
/// that no test needs a fixed port and a client can connect before the program has started.
pub(crate) struct Running {
    child: Child,
    ports: Vec<SocketAddr>,
    scratch: Scratch,
    name: &'static str,
}

impl Running {
    /// Starts the subject on `config`, in which `{fd0}`, `{fd1}`, … stand for listening sockets.
    pub(crate) fn start(subject: &Subject, config: &str, sockets: usize) -> Self {
        let scratch = Scratch::new();
        let mut text = config.to_owned();
        let mut listeners = Vec::new();
        for index in 0..sockets {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let shared = socket2::SockRef::from(&listener);
            shared.set_cloexec(false).expect("the socket is inherited");
            text = text.replace(&format!("{{fd{index}}}"), &format!("fd@{}", listener.as_raw_fd()));
            listeners.push(listener);
        }
        let file = scratch.path("haproxy.cfg");
        std::fs::write(&file, &text).expect("the configuration is written");
        let log = std::fs::File::create(scratch.path("log")).expect("a log file");
        let child = subject
            .command()
            .args(["-db", "-f"])
            .arg(&file)
            .stdout(log.try_clone().expect("the log file twice"))
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let ports = listeners.iter().map(|each| each.local_addr().expect("an address")).collect();
        Self { child, ports, scratch, name: subject.name }
    }

    /// A connection to the n-th listening socket.
    pub(crate) fn connect(&self, index: usize) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.ports[index], PATIENCE).expect("the subject accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write timeout");
        stream
    }

    /// The port of the n-th listening socket.
    pub(crate) fn port(&self, index: usize) -> u16 {
        self.ports[index].port()
    }

    /// Whether the program has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child's state").is_some()
    }

    /// Fails the test with the program's own output when it has ended by itself.
    pub(crate) fn assert_alive(&mut self, after: &str) {
        if let Some(status) = self.child.try_wait().expect("the child's state") {
            let log = std::fs::read_to_string(self.scratch.path("log")).unwrap_or_default();
            panic!("{} ended ({status}) after {after}:\n{log}", self.name);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One response as a client reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// Its status.
    pub(crate) status: u16,
    /// Its head, as sent.
    pub(crate) head: String,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

/// Reads responses from a connection, one after the other.
pub(crate) struct Reader<'a> {
    stream: &'a TcpStream,
    bytes: Vec<u8>,
}

impl<'a> Reader<'a> {
    /// A reader with nothing read yet.
    pub(crate) fn new(stream: &'a TcpStream) -> Self {
        Self { stream, bytes: Vec::new() }
    }

    /// The next response that is not an interim one; None when the connection is closed before its head is whole.
    pub(crate) fn response(&mut self, head_only: bool) -> Option<Response> {
        let end = loop {
            if let Some(at) = find(&self.bytes, b"\r\n\r\n") {
                break at + 4;
            }
            self.more()?;
        };
        let head = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
        self.bytes.drain(..end);
        let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
        if (100..200).contains(&status) && status != 101 {
            return self.response(head_only);
        }
        let body = if head_only || status == 204 || status == 304 || status == 101 {
            Vec::new()
        } else {
            self.body(&head)?
        };
        Some(Response { status, head, body })
    }

    fn body(&mut self, head: &str) -> Option<Vec<u8>> {
        let field = |name: &str| {
            head.lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_ascii_lowercase())
        };
        if let Some(length) = field("content-length").and_then(|value| value.parse::<usize>().ok()) {
            while self.bytes.len() < length {
                self.more()?;
            }
            return Some(self.bytes.drain(..length).collect());
        }
        if field("transfer-encoding").as_deref() == Some("chunked") {
            while find(&self.bytes, b"0\r\n\r\n").is_none() {
                self.more()?;
            }
            return Some(std::mem::take(&mut self.bytes));
        }
        while self.more().is_some() {}
        Some(std::mem::take(&mut self.bytes))
    }

    /// Reads once; None at the end, on a reset, or when nothing comes in time.
    fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 16384];
        let mut stream = self.stream;
        let count = stream.read(&mut buffer).unwrap_or(0);
        self.bytes.extend_from_slice(&buffer[..count]);
        (count > 0).then_some(())
    }
}

/// Writes, and does not mind that the peer has stopped reading.
pub(crate) fn send(mut stream: &TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// The place of `needle` in `bytes`.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
