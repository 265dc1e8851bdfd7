#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use haproxy_config::runtime::{LogDestination, LogHeader};
use std::io::Read as _;
use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

fn target(destination: LogDestination) -> LogTarget {
    LogTarget {
        destination,
        max_len: 1024,
        format: LogHeader::Raw,
        facility: 16,
        level: 7,
        min_level: 0,
        sample: None,
    }
}

fn logger(targets: &[LogTarget]) -> ProxyLogger {
    let identity = Identity { tag: "haproxy".into(), hostname: None, pid: 42 };
    ProxyLogger::new(targets, &identity, &Arc::new(AtomicU64::new(0)))
}

fn udp() -> (UdpSocket, LogDestination) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, LogDestination::Udp(address))
}

fn received(socket: &UdpSocket) -> String {
    let mut buffer = [0; 2048];
    let n = socket.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..n]).into_owned()
}

#[test]
fn levels_lengths_and_samples() {
    let (socket, destination) = udp();
    let levelled =
        LogTarget { level: 5, min_level: 4, format: LogHeader::Priority, ..target(destination.clone()) };
    let short = LogTarget { max_len: 10, ..target(destination.clone()) };
    let sampled = LogTarget { sample: Some((vec![(2, 2)], 3)), ..target(destination) };

    logger(std::slice::from_ref(&levelled)).send(6, b"too detailed");
    let logger_one = logger(&[levelled]);
    logger_one.send(0, b"raised to the minimum\n");
    assert_eq!(received(&socket), "<132>raised to the minimum\n");

    logger(&[short]).send(6, b"0123456789abc");
    assert_eq!(received(&socket), "012345678\n");

    let sampling = logger(&[sampled]);
    for text in ["1", "2", "3", "4", "5"] {
        sampling.send(6, text.as_bytes());
    }
    assert_eq!((received(&socket), received(&socket)), ("2\n".to_owned(), "5\n".to_owned()));
}

#[test]
fn header_is_that_of_the_reference() {
    let (socket, destination) = udp();
    let local = LogTarget { format: LogHeader::Local, ..target(destination) };
    logger(&[local]).send(6, b"text");
    let line = received(&socket);
    assert!(line.starts_with("<134>") && line.ends_with(" haproxy[42]: text\n"), "{line}");
    assert_eq!(line.len(), "<134>Nov 22 21:54:59 haproxy[42]: text\n".len());
}

#[test]
fn a_socket_that_comes_back_is_found() {
    let path = std::env::temp_dir().join(format!(
        "haproxy-rs-log-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let unix = logger(&[target(LogDestination::Unix(path.clone()))]);
    unix.send(6, b"nobody listens");
    assert_eq!(unix.dropped.load(Relaxed), 1);
    for _ in 0..2 {
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        unix.send(6, b"heard");
        let mut buffer = [0; 64];
        let n = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], b"heard\n");
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(unix.dropped.load(Relaxed), 1);
}

#[test]
fn a_full_pipe_drops_and_does_not_block() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    sender::descriptor(writer.as_fd(), b"first\n").unwrap();
    let mut first = [0; 6];
    reader.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"first\n");
    let line = [b'x'; 1000];
    let full = (0..1000).find_map(|_| sender::descriptor(writer.as_fd(), &line).err()).unwrap();
    assert_eq!(full.kind(), std::io::ErrorKind::WouldBlock);
}
