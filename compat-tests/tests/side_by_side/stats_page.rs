//! The stats page, where scripts look for its cells.

use crate::subject::{Reader, Running, find, send, subjects};

const CONFIG: &str = "defaults\n mode http\n timeout connect 5s\n timeout client 10s\n timeout server 10s\nlisten l\n bind {fd0}\n stats enable\n stats uri /s\n stats show-modules\n server s 127.0.0.1:1\n";

#[test]
fn modules_have_columns_of_their_own() {
    for subject in subjects() {
        let mut running = Running::start(&subject, CONFIG, 1);
        let stream = running.connect(0);
        send(&stream, b"GET /s HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let page = Reader::new(&stream).response(false).expect("a page").body;
        running.assert_alive("the page");
        let text = String::from_utf8_lossy(&page);
        for wanted in [
            "<th colspan=9>Server</th><th colspan=5>Extra modules</th></tr>",
            "<th>ssl</th><th>h3</th><th>quic</th><th>h2</th><th>h1</th></tr>",
            "<td><u>h1<div class=tips><table class=det><tr><th>Count of currently open connections</th><td>",
            "<tr><th>Total number of bytes sendusing kernel splicing</th><td>0</td></tr></table></div></u></td></tr>",
        ] {
            assert!(find(&page, wanted.as_bytes()).is_some(), "{}: no {wanted} in {text}", subject.name);
        }
        // A server has the counters of its TLS sessions and no others.
        let row = text.split("<tr ").find(|row| row.contains("name=\"l/s\"")).expect("the server's row");
        assert!(row.contains("<td><u>ssl<div class=tips>"), "{}: {row}", subject.name);
        assert!(!row.contains("<u>h1<div"), "{}: {row}", subject.name);
    }
}
