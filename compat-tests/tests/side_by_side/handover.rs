//! `tune.listener.multi-queue`: how connections spread over the threads of a listener.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use crate::processes::{Port, Site};
use crate::subject::{PATIENCE, find, subjects};

/// A connection with an answer on it, and the thread that gave it.
fn visit(port: u16) -> (TcpStream, String) {
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the subject accepts");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("the client asks");
    let mut answer = Vec::new();
    while !answer.ends_with(b".") {
        let mut buffer = [0; 1024];
        let n = client.read(&mut buffer).expect("an answer");
        assert!(n > 0, "the answer is whole");
        answer.extend_from_slice(&buffer[..n]);
    }
    let body = find(&answer, b"\r\n\r\n").expect("a head") + 4;
    (client, String::from_utf8_lossy(&answer[body..]).into_owned())
}

/// How many of 60 connections each of three threads has. They come one after the other and stay open.
fn spread(site: &Site, global: &str, bind: &str) -> Vec<usize> {
    let port = Port::new();
    site.configure(
        &format!(" nbthread 3\n{global}"),
        &format!(
            "frontend f\n bind 127.0.0.1:{} {bind}\n http-request return status 200 content-type text/plain lf-string %[thread].\n",
            port.1
        ),
    );
    let _process = site.start(&["-db"]);
    site.ask("show info");
    let visits: Vec<_> = (0..60).map(|_| visit(port.1)).collect();
    let mut counts = BTreeMap::new();
    for (_, thread) in &visits {
        *counts.entry(thread.clone()).or_insert(0) += 1;
    }
    drop(visits);
    let _ = std::fs::remove_file(site.stats());
    counts.into_values().collect()
}

#[test]
fn each_thread_gets_its_share() {
    for subject in subjects() {
        let site = Site::new(&subject);
        for global in ["", " tune.listener.multi-queue on", " tune.listener.multi-queue fair"] {
            assert_eq!(spread(&site, global, ""), [20, 20, 20], "{}: {global}", subject.name);
        }
        // Among those that the line names.
        assert_eq!(spread(&site, "", "thread 1-2"), [30, 30], "{}", subject.name);
        assert_eq!(spread(&site, "", "thread 3"), [60], "{}", subject.name);
    }
}
