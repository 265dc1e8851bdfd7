//! The status socket: what runs, asked over HTTP on a Unix socket. `status_socket` in `global_defs`; the reference has no such
//! thing.
//!
//! `GET /status` answers one JSON object a line, `GET /metrics` the Prometheus text format. Connections are tasks of their own;
//! the event loop only renders a text, and nobody who does not read it can hold it up.

mod render;

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use keepalived_config::resolved::StatusSocket;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

pub(crate) use render::{metrics, status};

/// Connections at the same time; others wait.
const CONNECTIONS_MAX: usize = 8;
/// How long a connection may last.
const CONNECTION_TIME: Duration = Duration::from_secs(10);

/// What somebody wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// JSON lines.
    Status,
    /// Prometheus text.
    Metrics,
}

/// A question and where the answer goes.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) kind: Kind,
    pub(crate) answer: oneshot::Sender<String>,
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct StatusServer {
    config: StatusSocket,
    questions: mpsc::Receiver<Question>,
    task: JoinHandle<()>,
}

impl StatusServer {
    /// Listens. A socket that nobody listens on any more is replaced, nothing else. Call it in a tokio runtime.
    pub(crate) fn listen(config: &StatusSocket) -> io::Result<Self> {
        remove_stale(&config.path)?;
        let listener = UnixListener::bind(&config.path)?;
        std::fs::set_permissions(&config.path, std::fs::Permissions::from_mode(0o600))?;
        std::os::unix::fs::lchown(&config.path, Some(config.user.uid), Some(config.user.gid))?;
        let (ask, questions) = mpsc::channel(CONNECTIONS_MAX);
        let task = tokio::spawn(accept(listener, ask));
        Ok(Self { config: config.clone(), questions, task })
    }

    /// Whether it listens as configured.
    pub(crate) fn is(&self, config: &StatusSocket) -> bool {
        self.config == *config
    }

    /// The next question. Cancel safe.
    pub(crate) async fn next(&mut self) -> Question {
        match self.questions.recv().await {
            Some(question) => question,
            None => std::future::pending().await,
        }
    }
}

impl Drop for StatusServer {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.config.path);
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            std::fs::remove_file(path)
        }
        // Binding says what is wrong with anything else.
        Ok(_) | Err(_) => Ok(()),
    }
}

async fn accept(listener: UnixListener, ask: mpsc::Sender<Question>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let ask = ask.clone();
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(CONNECTION_TIME, serve(stream, ask)).await;
                    drop(place);
                });
            }
            // Out of descriptors: somebody has to close one first.
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

async fn serve(stream: UnixStream, ask: mpsc::Sender<Question>) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let ask = ask.clone();
        async move { Ok::<_, Infallible>(respond(request.method(), request.uri().path(), ask).await) }
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(method: &Method, path: &str, ask: mpsc::Sender<Question>) -> Response<Full<Bytes>> {
    let (kind, content) = match path {
        "/status" | "/" => (Kind::Status, "application/x-ndjson"),
        "/metrics" => (Kind::Metrics, "text/plain; version=0.0.4; charset=utf-8"),
        _ => return plain(StatusCode::NOT_FOUND, "there are /status and /metrics\n"),
    };
    if method != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
    }
    let (answer, answered) = oneshot::channel();
    if ask.send(Question { kind, answer }).await.is_err() {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match answered.await {
        Ok(text) => {
            let mut response = Response::new(Full::new(Bytes::from(text)));
            response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content));
            response
        }
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use keepalived_config::resolved::User;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn get(path: &Path, request: &str) -> String {
        let mut stream = UnixStream::connect(path).await.unwrap();
        let head = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[test]
    fn questions_are_answered_and_the_socket_goes_with_its_server() {
        let path = std::env::temp_dir().join(format!("vrrpd-status-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        // Somebody's leftover.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let user = User { uid: nix::unistd::getuid().as_raw(), gid: nix::unistd::getgid().as_raw() };
        let config = StatusSocket { path: path.clone(), user };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut server = StatusServer::listen(&config).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert!(StatusServer::listen(&config).is_err(), "two servers on one socket");
            let answers = async {
                for kind in [Kind::Status, Kind::Metrics] {
                    let question = server.next().await;
                    assert_eq!(question.kind, kind);
                    question.answer.send(format!("{kind:?}!")).unwrap();
                }
            };
            let asks = async {
                let status = get(&path, "GET /status").await;
                assert!(
                    status.starts_with("HTTP/1.1 200 OK") && status.ends_with("\r\n\r\nStatus!"),
                    "{status}"
                );
                let metrics = get(&path, "GET /metrics").await;
                assert!(metrics.contains("text/plain; version=0.0.4") && metrics.ends_with("Metrics!"));
                assert!(get(&path, "GET /other").await.starts_with("HTTP/1.1 404"));
                assert!(get(&path, "POST /status").await.starts_with("HTTP/1.1 405"));
            };
            tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(answers, asks) })
                .await
                .unwrap();
            drop(server);
        });
        assert!(!path.exists());
    }

    #[test]
    fn a_plain_file_is_not_replaced() {
        let path = std::env::temp_dir().join(format!("vrrpd-status-file-{}", std::process::id()));
        std::fs::write(&path, "precious").unwrap();
        let config = StatusSocket { path: path.clone(), user: User::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert!(runtime.block_on(async { StatusServer::listen(&config).is_err() }));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(path).unwrap();
    }
}
