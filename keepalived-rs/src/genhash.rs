//! `keepalived --genhash` (and the program under the name `genhash`): the MD5 of a page, for `digest` in HTTP_GET. genhash(1).
//!
//! One plain request over a blocking socket; nothing else runs in this process.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

use crate::status;

/// A head larger than this is none.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long a connection and each read may take unless `-t` says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What there is to print, and the exit status.
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: u8,
}

#[derive(Clone, Debug)]
struct Asked {
    server: IpAddr,
    port: u16,
    url: String,
    virtual_host: Option<String>,
    protocol: Protocol,
    timeout: Duration,
    mark: Option<u32>,
    verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    V1_0,
    V1_0Close,
    V1_1,
}

/// Runs with the words behind `--genhash`. `program` is shown in the help.
pub(crate) fn run(program: &str, words: &[OsString]) -> Printed {
    let words: Vec<String> = words.iter().map(|w| w.to_string_lossy().into_owned()).collect();
    match parse(program, &words) {
        Ok(asked) => ask(&asked),
        Err(printed) => printed,
    }
}

/// Short name, long name, whether a value follows.
const OPTIONS: [(char, &str, bool); 11] = [
    ('S', "use-ssl", false),
    ('I', "use-sni", false),
    ('s', "server", true),
    ('p', "port", true),
    ('u', "url", true),
    ('V', "use-virtualhost", true),
    ('v', "verbose", false),
    ('h', "help", false),
    ('m', "fwmark", true),
    ('P', "protocol", true),
    ('t', "timeout", true),
];

fn parse(program: &str, words: &[String]) -> Result<Asked, Printed> {
    let fail = |text: String| Printed {
        stdout: String::new(),
        stderr: text + &help(program),
        status: status::FATAL,
    };
    let (mut server, mut port, mut url, mut virtual_host) = (None, 80, None, None);
    let (mut protocol, mut timeout, mut mark, mut verbose) = (Protocol::V1_0, TIMEOUT, None, false);
    for (letter, value) in split(words).map_err(|unknown| fail(format!("{unknown}\n")))? {
        match letter {
            'h' => return Err(Printed { stdout: String::new(), stderr: help(program), status: 0 }),
            'S' | 'I' => {
                return Err(fail("SSL is not implemented yet in keepalived-rs\n".to_owned()));
            }
            'v' => verbose = true,
            's' => match value.parse() {
                Ok(address) => server = Some(address),
                Err(_) => return Err(fail(format!("server should be an IP, not {value}\n"))),
            },
            'p' => match value.parse() {
                Ok(number) if number > 0 => port = number,
                _ => return Err(fail(format!("invalid port number '{value}'\n"))),
            },
            'u' => url = Some(value),
            'V' => virtual_host = Some(value),
            'm' => match value.parse() {
                Ok(number) => mark = Some(number),
                Err(_) => return Err(fail(format!("invalid fwmark '{value}'\n"))),
            },
            't' => match value.parse() {
                Ok(seconds) if seconds > 0 => timeout = Duration::from_secs(seconds),
                _ => return Err(fail(format!("invalid timeout '{value}'\n"))),
            },
            _ => {
                protocol = match value.as_str() {
                    "1.0" => Protocol::V1_0,
                    "1.0c" | "1.0C" => Protocol::V1_0Close,
                    "1.1" => Protocol::V1_1,
                    _ => return Err(fail(format!("invalid HTTP protocol version '{value}'\n"))),
                }
            }
        }
    }
    match (server, url) {
        (Some(server), Some(url)) => {
            Ok(Asked { server, port, url, virtual_host, protocol, timeout, mark, verbose })
        }
        _ => Err(fail(String::new())),
    }
}

/// Options with their values, as getopt_long(3) finds them.
fn split(words: &[String]) -> Result<Vec<(char, String)>, String> {
    let mut found = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let (letters, attached) = match word.strip_prefix("--") {
            Some(long) => {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                let row = OPTIONS.iter().find(|row| !name.is_empty() && row.1.starts_with(name));
                (vec![row.ok_or_else(|| format!("Unknown option {word}"))?.0], value)
            }
            None => match word.strip_prefix('-') {
                Some(letters) if !letters.is_empty() => (letters.chars().collect(), None),
                _ => return Err(format!("Unexpected argument {word}")),
            },
        };
        let mut at = 0;
        while let Some(letter) = letters.get(at).copied() {
            at += 1;
            let Some(row) = OPTIONS.iter().find(|row| row.0 == letter) else {
                return Err(format!("Unknown option -{letter}"));
            };
            let value = if row.2 {
                let inside: String = letters.iter().skip(at).collect();
                at = letters.len();
                let value = attached.clone().or((!inside.is_empty()).then_some(inside));
                match value.or_else(|| rest.next().cloned()) {
                    Some(value) => value,
                    None => return Err(format!("Missing parameter for option -{letter}")),
                }
            } else {
                String::new()
            };
            found.push((letter, value));
        }
    }
    Ok(found)
}

fn ask(asked: &Asked) -> Printed {
    let start = Instant::now();
    let mut out = String::new();
    let failed = |out: String, text: &str| Printed {
        stdout: format!("{out}{text}\n"),
        stderr: String::new(),
        status: 0,
    };
    let Ok(stream) = connect(asked) else {
        return failed(out, "Connection failed");
    };
    match exchange(stream, asked) {
        Ok((head, body)) => {
            let digest = Md5::digest(&body);
            let hex = digest.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            if asked.verbose {
                out.push_str("-----------------------[    HTTP Header Buffer    ]-----------------------\n");
                dump(&head, &mut out);
                out.push_str("-----------------------[ HTTP Header Ascii Buffer ]-----------------------\n");
                out.push_str(&String::from_utf8_lossy(&head));
                out.push_str(
                    "\n\n-----------------------[        HTML Buffer        ]-----------------------\n",
                );
                dump(&body, &mut out);
                out.push_str(
                    "\n-----------------------[    HTML hash resulting    ]-----------------------\n",
                );
                dump(&digest, &mut out);
                out.push_str("-----------------------[ HTML hash final resulting ]-----------------------\n");
            }
            let _ = writeln!(out, "{hex}");
            if asked.verbose {
                let micros = start.elapsed().as_micros();
                let _ = write!(out, "\nGlobal response time for [{}] = {micros} usecs\n", asked.url);
            }
            Printed { stdout: out, stderr: String::new(), status: 0 }
        }
        Err(error) => {
            failed(out, &format!("Read error with server [{}]:{} - {error}", asked.server, asked.port))
        }
    }
}

fn connect(asked: &Asked) -> std::io::Result<TcpStream> {
    let address = SocketAddr::new(asked.server, asked.port);
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    if let Some(mark) = asked.mark {
        socket.set_mark(mark)?;
    }
    socket.connect_timeout(&address.into(), asked.timeout)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(asked.timeout))?;
    stream.set_write_timeout(Some(asked.timeout))?;
    Ok(stream)
}

/// The head with its empty line, and the body up to Content-Length or the end.
fn exchange(mut stream: TcpStream, asked: &Asked) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let host = asked.virtual_host.clone().unwrap_or_else(|| match asked.server {
        IpAddr::V4(address) => format!("{address}:{}", asked.port),
        IpAddr::V6(address) => format!("[{address}]:{}", asked.port),
    });
    let (version, close) = match asked.protocol {
        Protocol::V1_0 => ("1.0", ""),
        Protocol::V1_0Close => ("1.0", "Connection: close\r\n"),
        Protocol::V1_1 => ("1.1", "Connection: close\r\n"),
    };
    let request = format!(
        "GET {} HTTP/{version}\r\nUser-Agent: KeepAliveClient\r\n{close}Host: {host}\r\n\r\n",
        asked.url
    );
    stream.write_all(request.as_bytes())?;
    let mut read = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let end = loop {
        if let Some(at) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        let count = stream.read(&mut buffer)?;
        if count == 0 || read.len() > HEAD_BYTES_MAX {
            return Err(std::io::Error::other("no HTTP response"));
        }
        read.extend_from_slice(buffer.get(..count).unwrap_or_default());
    };
    let mut body = read.split_off(end);
    let length = content_length(&read);
    while length.is_none_or(|length| body.len() < length) {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        body.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
    if let Some(length) = length {
        body.truncate(length);
    }
    Ok((read, body))
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = String::from_utf8_lossy(head);
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}

/// Sixteen bytes a line: offset, two groups of eight in hexadecimal, text.
fn dump(bytes: &[u8], out: &mut String) {
    for (number, line) in bytes.chunks(16).enumerate() {
        let _ = write!(out, "{:04}  ", number * 16);
        for at in 0..16 {
            match line.get(at) {
                Some(byte) => {
                    let _ = write!(out, "{byte:02x} ");
                }
                None => out.push_str("   "),
            }
            if at == 7 {
                out.push_str("- ");
            }
        }
        out.push_str("  ");
        for byte in line {
            out.push(if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' });
        }
        let width = 16 - line.len();
        out.push_str(&" ".repeat(width));
        out.push('\n');
    }
}

fn help(program: &str) -> String {
    format!(
        "Usage: {program} --genhash COMMAND [OPTIONS]\nCommands:\n   -s server-address -p port -u url\n   -S -s server-address -p port -u url\n   -h\n\nOptions:\nEither long or short options are allowed.\n   --use-ssl         -S       Use SSL connection to remote server.\n   --use-sni         -I       Use SNI during SSL handshake (uses virtualhost setting; see -V).\n   --server          -s       Use the specified remote server address.\n   --port            -p       Use the specified remote server port.\n   --url             -u       Use the specified remote server url.\n   --use-virtualhost -V       Use the specified virtualhost in GET query.\n   --verbose         -v       Use verbose mode output.\n   --help            -h       Display this short inlined help screen.\n   --fwmark          -m       Use the specified FW mark.\n   --protocol        -P       Use the specified HTTP protocol - '1.0', 1.0c', '1.1'.\n                                1.0c means 1.0 with 'Connection: close'\n   --timeout         -t       Timeout in seconds\n"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::net::TcpListener;

    fn run_words(words: &str) -> Printed {
        let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        run("keepalived", &words)
    }

    /// Serves one connection and returns what was asked.
    fn serve(response: &'static str) -> (u16, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            let mut byte = [0];
            while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                asked.extend(byte);
            }
            stream.write_all(response.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap()
        });
        (port, thread)
    }

    #[test]
    fn the_digest_is_that_of_the_body_up_to_its_length() {
        // md5 of "abc", RFC 1321.
        let abc = "900150983cd24fb0d6963f7d28e17f72\n";
        for (response, protocol, request) in [
            (
                "HTTP/1.0 200 OK\r\n\r\nabc",
                "1.0",
                "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: h\r\n\r\n",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef",
                "1.1",
                "GET /x HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: h\r\n\r\n",
            ),
        ] {
            let (port, server) = serve(response);
            let printed = run_words(&format!("-s 127.0.0.1 -p{port} --url=/x -V h -P {protocol}"));
            assert_eq!((printed.stdout.as_str(), printed.status), (abc, 0));
            assert_eq!(server.join().unwrap(), request);
        }
    }

    #[test]
    fn what_cannot_be_asked_is_told_with_the_help() {
        for (words, first) in [
            ("-s localhost -u /", "server should be an IP, not localhost"),
            ("-P 2 -s 127.0.0.1 -u /", "invalid HTTP protocol version '2'"),
            ("-Z", "Unknown option -Z"),
            ("-S -s 127.0.0.1 -u /", "SSL is not implemented yet in keepalived-rs"),
            ("-p 80 -u /", "Usage: keepalived --genhash COMMAND [OPTIONS]"),
        ] {
            let printed = run_words(words);
            assert_eq!((printed.stderr.lines().next().unwrap(), printed.status), (first, 1), "{words}");
        }
        assert_eq!(run_words("-h").status, 0);
    }

    #[test]
    fn bytes_are_shown_like_the_reference_shows_them() {
        let mut out = String::new();
        dump(b"HTTP/1.1 200 OK\r\n\r\n", &mut out);
        assert_eq!(
            out,
            "0000  48 54 54 50 2f 31 2e 31 - 20 32 30 30 20 4f 4b 0d   HTTP/1.1 200 OK.\n0016  0a 0d 0a                -                           ...             \n"
        );
    }
}
