#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Whole checks against servers on loopback: what the server sees, and what the log says. Results come over a channel; nothing sleeps.

use super::*;
use config_text::Files;
use haproxy_config::runtime::Proxy;
use haproxy_config::{Features, Host, Inputs, load};
use proxy::state::{Hooks, ShutdownCause};
use std::collections::BTreeMap;
use std::net::IpAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalRuntime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

struct NoHost;

impl Files for NoHost {
    fn read(&self, _path: &str) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

impl Host for NoHost {
    fn resolve(&self, _name: &str) -> Option<IpAddr> {
        None
    }
    fn user_id(&self, _name: &str) -> Option<u32> {
        None
    }
    fn group_id(&self, _name: &str) -> Option<u32> {
        None
    }
    fn host_name(&self) -> String {
        "node".into()
    }
    fn usable_cpus(&self) -> u32 {
        1
    }
}

struct Lines(UnboundedSender<String>);

impl Hooks for Lines {
    fn log(&self, _proxy: &Proxy, level: u8, text: &str) {
        let _ = self.0.send(format!("{level} {text}"));
    }
    fn message(&self, _alert: bool, _text: &str) {}
    fn shutdown_sessions(&self, _server: &Arc<ServerState>, _cause: ShutdownCause) {}
}

/// Runs the checks of `backends` (`PORT` is the listener's) while `test` plays the server and reads the log.
fn with_checks<F: AsyncFnOnce(TcpListener, UnboundedReceiver<String>)>(backends: &str, test: F) {
    LocalRuntime::new().unwrap().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let head = "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
                    listen l\n bind 127.0.0.1:1\n";
        let loaded = load(Inputs {
            files: vec![(
                "test.cfg".into(),
                format!("{head}{}", backends.replace("PORT", &port)).into_bytes(),
            )],
            environment: BTreeMap::new(),
            program: "haproxy".into(),
            ignore_unresolved: false,
            features: Features::default(),
            host: &NoHost,
        });
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let world = Arc::new(World::new(Arc::new(config), 1));
        let (sender, receiver) = unbounded_channel();
        world.set_hooks(Box::new(Lines(sender)));
        let checks = tokio::task::spawn_local(run(world));
        timeout(Duration::from_secs(20), test(listener, receiver)).await.expect("too slow");
        checks.abort();
    });
}

async fn serve(listener: &TcpListener, reply: &[u8]) -> Vec<u8> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = vec![0; 1000];
    let n = stream.read(&mut request).await.unwrap();
    request.truncate(n);
    stream.write_all(reply).await.unwrap();
    // Reads on: the check's end, a reset.
    let _ = stream.read(&mut [0; 10]).await;
    request
}

/// Without the duration, which no test can know.
async fn line(lines: &mut UnboundedReceiver<String>) -> String {
    let text = lines.recv().await.unwrap();
    match (text.find(", check duration: "), text.find("ms")) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &text[..from], &text[to + 2..]),
        _ => text,
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const BAD: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

#[test]
fn http_down_and_up() {
    with_checks(
        "backend b\n option httpchk GET /health\n server s 127.0.0.1:PORT check inter 20ms\n",
        async |listener, mut lines| {
            assert_eq!(serve(&listener, BAD).await, b"GET /health HTTP/1.0\r\n\r\n");
            assert_eq!(
                line(&mut lines).await,
                "1 Server b/s is DOWN, reason: Layer7 wrong status, code: 503, info: \"Service Unavailable\". 0 active \
                 and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
            );
            assert_eq!(line(&mut lines).await, "0 backend b has no server available!");
            serve(&listener, OK).await;
            serve(&listener, OK).await;
            assert_eq!(
                line(&mut lines).await,
                "5 Server b/s is UP, reason: Layer7 check passed, code: 200. 1 active and 0 backup servers online. 0 \
                 sessions requeued, 0 total in queue."
            );
        },
    );
}

#[test]
fn a_closed_port() {
    with_checks(
        "backend b\n option log-health-checks\n server s 127.0.0.1:PORT check inter 20ms\n",
        async |listener, mut lines| {
            drop(listener);
            // The very first check can still meet the listener.
            let mut text = line(&mut lines).await;
            if text.contains("succeeded") {
                text = line(&mut lines).await;
            }
            assert!(
                text.starts_with(
                    "5 Health check for server b/s failed, reason: Layer4 connection problem, info: \"Connection refused\", \
                     status: "
                ),
                "{text}"
            );
        },
    );
}

#[test]
fn a_silent_server_and_timeout_check() {
    with_checks(
        "backend b\n option httpchk\n timeout check 30ms\n server s 127.0.0.1:PORT check inter 20ms\n",
        async |listener, mut lines| {
            let (_held, _) = listener.accept().await.unwrap();
            assert!(
                line(&mut lines).await.starts_with("1 Server b/s is DOWN, reason: Layer7 timeout. 0 active")
            );
        },
    );
}

#[test]
fn tcp_checks_end_with_a_reset_and_say_where_they_come_from() {
    with_checks(
        "backend b\n mode tcp\n server s 127.0.0.1:PORT check inter 20ms send-proxy\n",
        async |listener, _lines| {
            let (mut stream, peer): (TcpStream, _) = listener.accept().await.unwrap();
            let mut seen = vec![0; 200];
            let n = stream.read(&mut seen).await.unwrap();
            let local = listener.local_addr().unwrap().port();
            let want = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {local}\r\n", peer.port());
            assert_eq!(String::from_utf8_lossy(&seen[..n]), want);
            let end = stream.read(&mut seen).await.unwrap_err();
            assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
        },
    );
}

#[test]
fn scripts_talk_and_the_state_header_is_sent() {
    with_checks(
        "backend b\n option httpchk\n http-check send-state\n server s 127.0.0.1:PORT check inter 20ms\n",
        async |listener, _lines| {
            let port = listener.local_addr().unwrap().port();
            let want = |state: &str| {
                format!(
                    "OPTIONS / HTTP/1.0\r\nx-haproxy-server-state: {state}; address=127.0.0.1; port={port}; name=b/s; \
                     node=node; weight=1/1; scur=0/0; qcur=0\r\n\r\n"
                )
            };
            assert_eq!(String::from_utf8(serve(&listener, OK).await).unwrap(), want("UP 1/3"));
            assert_eq!(String::from_utf8(serve(&listener, OK).await).unwrap(), want("UP"));
        },
    );
}

#[test]
fn first_checks_are_staggered_in_the_configurations_order() {
    let config = "backend b\n server s1 127.0.0.1:PORT check inter 4s\n server s2 127.0.0.1:PORT check inter 2s\n\
                  \x20server s3 127.0.0.1:PORT\n server s4 127.0.0.1:PORT check inter 2s\n";
    LocalRuntime::new().unwrap().block_on(async {
        let loaded = load(Inputs {
            files: vec![(
                "test.cfg".into(),
                format!("defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nlisten l\n bind 127.0.0.1:1\n{}", config.replace("PORT", "1")).into_bytes(),
            )],
            environment: BTreeMap::new(),
            program: "haproxy".into(),
            ignore_unresolved: false,
            features: Features::default(),
            host: &NoHost,
        });
        let world = Arc::new(World::new(Arc::new(loaded.config.unwrap()), 1));
        let delays: Vec<_> = watches(&world).iter().map(|watch| watch.first_delay.as_millis()).collect();
        assert_eq!(delays, [0, 666, 1333]);
    });
}
