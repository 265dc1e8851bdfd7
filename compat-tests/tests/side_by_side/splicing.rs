//! `option splice-*`: bodies and tunnels that go from socket to socket within the kernel arrive whole, are counted, and leave no pipe behind.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Instant;

use crate::processes::{Port, Process, Site};
use crate::subject::{PATIENCE, find, subjects};

/// Bytes of a body: many times what sockets and pipes hold.
const SIZE: usize = 8 << 20;

/// The bytes of a body: each place has its own.
fn body() -> Vec<u8> {
    (0..SIZE / 4).flat_map(|n| (n as u32).to_be_bytes()).collect()
}

/// How the bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A response with a length, in chunks, until the connection closes.
    Length,
    Chunks,
    Close,
    /// A request with a length, in chunks.
    Upload,
    UploadChunks,
    /// TCP mode, one direction and then the other.
    Tcp,
}

struct Case {
    way: Way,
    global: &'static str,
    option: &'static str,
    /// Whether bytes go through a pipe.
    spliced: bool,
}

const fn case(way: Way, global: &'static str, option: &'static str, spliced: bool) -> Case {
    Case { way, global, option, spliced }
}

const CASES: &[Case] = &[
    case(Way::Length, "", "splice-response", true),
    case(Way::Chunks, "", "splice-response", true),
    case(Way::Close, "", "splice-response", true),
    case(Way::Upload, "", "splice-request", true),
    case(Way::UploadChunks, "", "splice-request", true),
    case(Way::Tcp, "", "splice-request", true),
    case(Way::Tcp, "", "splice-response", true),
    case(Way::Length, "", "splice-auto", true),
    case(Way::Upload, "", "splice-auto", true),
    case(Way::Tcp, "", "splice-auto", true),
    // The other direction.
    case(Way::Length, "", "splice-request", false),
    case(Way::Upload, "", "splice-response", false),
    // Splicing is off.
    case(Way::Length, " nosplice", "splice-response", false),
    case(Way::Tcp, " nosplice", "splice-response", false),
    case(Way::Length, " tune.disable-zero-copy-forwarding", "splice-response", false),
    case(Way::Length, " tune.h1.zero-copy-fwd-recv off", "splice-response", false),
    case(Way::Upload, " tune.h1.zero-copy-fwd-send off", "splice-request", false),
    case(Way::Tcp, " tune.h1.zero-copy-fwd-send off", "splice-response", true),
    case(Way::Tcp, " tune.pt.zero-copy-forwarding off", "splice-response", false),
    case(Way::Length, " tune.pt.zero-copy-forwarding off", "splice-response", true),
    case(Way::Length, " tune.pipesize 16384", "splice-response", true),
];

/// A running subject between a listener that plays the server and a port that it listens on.
struct Bed {
    site: Site,
    process: Process,
    origin: TcpListener,
    port: Port,
}

impl Bed {
    fn start(site: Site, case: &Case, backend: bool, arguments: &[&str]) -> Self {
        let origin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = Port::new();
        let mode = if case.way == Way::Tcp { "tcp" } else { "http" };
        let (front, back) = if backend { ("", case.option) } else { (case.option, "") };
        let option = |name: &str| if name.is_empty() { String::new() } else { format!(" option {name}\n") };
        site.configure(
            &format!(" nbthread 1\n maxconn 100\n{}", case.global),
            &format!(
                "frontend f\n mode {mode}\n bind 127.0.0.1:{}\n{} default_backend b\nbackend b\n mode {mode}\n{} server s {}\n",
                port.1,
                option(front),
                option(back),
                origin.local_addr().expect("its address"),
            ),
        );
        let process = site.start(&[&["-db"], arguments].concat());
        site.ask("show info");
        Self { site, process, origin, port }
    }

    /// A client, and what the subject connects to the server once the client has said `first`.
    fn connect(&self, first: &[u8]) -> (TcpStream, TcpStream) {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.1)).expect("the subject accepts");
        client.write_all(first).expect("the client speaks");
        let (server, _) = self.origin.accept().expect("the subject connects");
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        }
        (client, server)
    }

    fn number(&self, name: &str) -> u64 {
        let info = self.site.fields("show info", ": ");
        info.get(name).and_then(|value| value.parse().ok()).unwrap_or(u64::MAX)
    }

    /// `h1_spliced_bytes_in` and `h1_spliced_bytes_out` of the frontend and of the backend.
    fn sides(&self) -> [[u64; 2]; 2] {
        let fields = self.site.fields("show stat -1 3 -1 typed", ":u64:");
        ["F.", "B."].map(|side| {
            ["in", "out"].map(|way| {
                let name = format!(".h1_spliced_bytes_{way}.");
                let found = fields.iter().find(|(key, _)| key.starts_with(side) && key.contains(&name));
                found.and_then(|(_, value)| value.parse().ok()).unwrap_or(u64::MAX)
            })
        })
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.child.id())).expect("its descriptors").count()
    }

    /// Waits until a number of `show info` is that.
    fn until(&self, name: &str, wanted: u64) {
        let end = Instant::now() + PATIENCE;
        while self.number(name) != wanted {
            assert!(Instant::now() < end, "{name} is {} and not {wanted}", self.number(name));
        }
    }
}

/// A head, up to its empty line; the bytes after it too, in `rest`.
fn read_head(stream: &mut TcpStream, rest: &mut Vec<u8>) -> String {
    let mut buffer = [0; 16384];
    loop {
        if let Some(at) = find(rest, b"\r\n\r\n") {
            let head = rest.drain(..at + 4).collect::<Vec<u8>>();
            return String::from_utf8_lossy(&head).into_owned();
        }
        let n = stream.read(&mut buffer).expect("a head");
        assert!(n > 0, "the head is whole");
        rest.extend_from_slice(&buffer[..n]);
    }
}

/// Reads `rest` and the stream until `enough`.
fn read_until(stream: &mut TcpStream, mut rest: Vec<u8>, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 16];
    while !enough(&rest) {
        match stream.read(&mut buffer).expect("the rest arrives") {
            0 => break,
            n => rest.extend_from_slice(&buffer[..n]),
        }
    }
    rest
}

/// Chunks of uneven sizes, some small and some big.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut rest = body;
    for size in [100, 300_000, 5_000, 1, 2_000_000, 70_000].into_iter().cycle() {
        let (chunk, after) = rest.split_at(rest.len().min(size));
        wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}

/// The payload of chunks.
fn dechunked(mut wire: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = find(&wire[..wire.len().min(32)], b"\r\n").expect("a size line");
        let size =
            usize::from_str_radix(std::str::from_utf8(&wire[..end]).expect("digits"), 16).expect("a size");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&wire[end + 2..end + 2 + size]);
        assert_eq!(&wire[end + 2 + size..end + 4 + size], b"\r\n");
        wire = &wire[end + 4 + size..];
    }
}

fn download(bed: &Bed, way: Way, body: &[u8]) {
    let (mut client, mut server) = bed.connect(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    read_head(&mut server, &mut Vec::new());
    let wire = match way {
        Way::Chunks => {
            [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &chunked(body)[..]].concat()
        }
        Way::Close => [b"HTTP/1.1 200 OK\r\n\r\n", body].concat(),
        _ => [format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat(),
    };
    std::thread::scope(|scope| {
        // The connection stays open until the client has everything.
        let mut sender = &server;
        scope.spawn(move || {
            sender.write_all(&wire).expect("the server sends");
            if way == Way::Close {
                sender.shutdown(Shutdown::Write).expect("the server ends");
            }
        });
        let mut rest = Vec::new();
        let head = read_head(&mut client, &mut rest);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let found = match way {
            Way::Chunks => dechunked(&read_until(&mut client, rest, |wire| wire.ends_with(b"\r\n0\r\n\r\n"))),
            Way::Close => read_until(&mut client, rest, |_| false),
            _ => read_until(&mut client, rest, |wire| wire.len() >= SIZE),
        };
        assert!(found == body, "{way:?}: {} bytes arrived", found.len());
        drop(client);
    });
}

fn upload(bed: &Bed, way: Way, body: &[u8]) {
    let (head, wire) = match way {
        Way::UploadChunks => ("transfer-encoding: chunked".to_owned(), chunked(body)),
        _ => (format!("content-length: {}", body.len()), body.to_vec()),
    };
    let (client, mut server) =
        bed.connect(format!("POST / HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n").as_bytes());
    std::thread::scope(|scope| {
        let mut sender = client.try_clone().expect("a second handle");
        scope.spawn(move || sender.write_all(&wire).expect("the client sends"));
        let mut rest = Vec::new();
        read_head(&mut server, &mut rest);
        let found = match way {
            Way::UploadChunks => {
                dechunked(&read_until(&mut server, rest, |wire| wire.ends_with(b"\r\n0\r\n\r\n")))
            }
            _ => read_until(&mut server, rest, |wire| wire.len() >= SIZE),
        };
        assert!(found == body, "{way:?}: {} bytes arrived", found.len());
        server.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").expect("the server answers");
        let mut client = &client;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok") {
            let mut buffer = [0; 1024];
            let n = client.read(&mut buffer).expect("an answer");
            assert!(n > 0, "{way:?}: the answer is whole");
            answer.extend_from_slice(&buffer[..n]);
        }
    });
}

fn tunnel(bed: &Bed, body: &[u8]) {
    let (client, server) = bed.connect(b"");
    // One after the other: the reference resets connections whose two directions end at the same time.
    for (mut from, mut to) in [(&client, &server), (&server, &client)] {
        std::thread::scope(|scope| {
            scope.spawn(move || {
                from.write_all(body).expect("it sends");
                from.shutdown(Shutdown::Write).expect("it ends");
            });
            let mut found = Vec::new();
            to.read_to_end(&mut found).expect("the other side's bytes");
            assert!(found == body, "{} bytes arrived", found.len());
        });
    }
}

#[test]
fn bytes_arrive_whole_and_leave_no_pipe_behind() {
    let body = body();
    for subject in subjects() {
        for (number, case) in CASES.iter().enumerate() {
            let Case { way, global, option, spliced } = case;
            let bed = Bed::start(Site::new(&subject), case, number % 2 == 1, &[]);
            match way {
                Way::Length | Way::Chunks | Way::Close => download(&bed, *way, &body),
                Way::Upload | Way::UploadChunks => upload(&bed, *way, &body),
                Way::Tcp => tunnel(&bed, &body),
            }
            let told = format!("{}: {way:?} {global} {option}", subject.name);
            bed.until("PipesUsed", 0);
            let through = bed.number("TotalSplicedBytesOut");
            // How much of it depends on how it arrives.
            assert_eq!(through > SIZE as u64 / 4, *spliced, "{told}: {through} bytes were spliced");
            let sides = match way {
                Way::Length | Way::Chunks | Way::Close => [[0, through], [through, 0]],
                Way::Upload | Way::UploadChunks => [[through, 0], [0, through]],
                Way::Tcp => [[0, 0], [0, 0]],
            };
            assert_eq!(bed.sides(), sides, "{told}: spliced bytes in and out of both sides");
        }
    }
}

#[test]
fn no_splice_on_the_command_line() {
    let body = body();
    for subject in subjects() {
        let bed = Bed::start(
            Site::new(&subject),
            &case(Way::Length, "", "splice-response", false),
            false,
            &["-dS"],
        );
        download(&bed, Way::Length, &body);
        assert_eq!(bed.number("TotalSplicedBytesOut"), 0, "{}", subject.name);
    }
}

/// A client that goes away while bytes for it are in a pipe: the pipe is closed and counted out.
#[test]
fn a_stream_that_dies_closes_its_pipe() {
    let body = body();
    for subject in subjects() {
        for way in [Way::Length, Way::Tcp] {
            let case = case(way, "", "splice-response", true);
            let bed = Bed::start(Site::new(&subject), &case, false, &[]);
            let first: &[u8] = if way == Way::Tcp { b"x" } else { b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" };
            let before = bed.descriptors();
            for _ in 0..5 {
                let (mut client, mut server) = bed.connect(first);
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                        // It ends when the subject gives the connection up.
                        let _ = server.write_all(head.as_bytes()).and_then(|()| server.write_all(&body));
                    });
                    client.read_exact(&mut vec![0; 100_000]).expect("the beginning");
                    // The client reads no more: its window fills, then the pipe.
                    bed.until("PipesUsed", 1);
                    drop(client);
                });
                bed.until("PipesUsed", 0);
            }
            let end = Instant::now() + PATIENCE;
            // A free pipe may stay.
            while bed.descriptors() > before + 2 {
                assert!(
                    Instant::now() < end,
                    "{}: {} descriptors after {before}",
                    subject.name,
                    bed.descriptors()
                );
            }
        }
    }
}
