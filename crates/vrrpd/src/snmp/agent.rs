//! The task that owns the connection to the master agent.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentx::{Body, Event, Output, Session, Settings, View, session};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::sets::Transactions;
use super::{Change, Wish};
use crate::log::normal;

/// How long a view of all objects answers questions: a walk asks for one object after the other.
const VIEW_AGE_MAX: Duration = Duration::from_millis(500);
/// Bytes that a master may leave unread.
const UNSENT_MAX: usize = 1 << 22;
/// AgentX over TCP. RFC 2741, section 8.1.1.
const PORT: u16 = 705;

/// Where the master is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Unix(PathBuf),
    Tcp(String, u16),
}

impl Address {
    /// `unix:PATH`, `PATH`, `tcp:HOST:PORT`, `HOST:PORT`, `PORT`, as net-snmp takes them. snmpcmd(1), "AGENT SPECIFICATION".
    fn parse(text: &str) -> Self {
        let tcp = |text: &str| match (text.rsplit_once(':'), text.parse()) {
            (_, Ok(port)) => Self::Tcp("localhost".to_owned(), port),
            (Some((host, port)), Err(_)) => match port.parse() {
                Ok(port) => Self::Tcp(host.trim_matches(['[', ']']).to_owned(), port),
                Err(_) => Self::Tcp(text.to_owned(), PORT),
            },
            (None, Err(_)) => Self::Tcp(text.to_owned(), PORT),
        };
        match text.split_once(':') {
            Some(("unix", path)) => Self::Unix(path.into()),
            Some(("tcp" | "tcp6" | "tcpv6" | "tcpipv6", rest)) => tcp(rest),
            Some(_) if !text.contains('/') => tcp(text),
            None if text.parse::<u16>().is_ok() => tcp(text),
            Some(_) | None => Self::Unix(text.into()),
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
type Connection = (tokio::io::ReadHalf<Box<dyn Stream>>, tokio::io::WriteHalf<Box<dyn Stream>>);
type Connecting = Pin<Box<dyn Future<Output = std::io::Result<Connection>> + Send>>;

async fn connect(address: Address) -> std::io::Result<Connection> {
    let stream: Box<dyn Stream> = match address {
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
        Address::Tcp(host, port) => {
            let stream = TcpStream::connect((host, port)).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
    };
    Ok(tokio::io::split(stream))
}

/// One master after the other.
struct Agent {
    socket: String,
    session: Session,
    connecting: Option<Connecting>,
    connection: Option<Connection>,
    unsent: Vec<u8>,
    view: Option<(Instant, Arc<View>)>,
    transactions: Transactions,
    wishes: mpsc::Sender<Wish>,
}

/// What happens.
enum News {
    Change(Option<Change>),
    Connected(std::io::Result<Connection>),
    /// Bytes, or the end.
    Read(std::io::Result<usize>),
    Written(std::io::Result<usize>),
    Timer,
}

/// Serves until told to stop.
pub(super) async fn run(
    socket: String,
    settings: Settings,
    mut changes: mpsc::Receiver<Change>,
    wishes: mpsc::Sender<Wish>,
) {
    let mut agent = Agent {
        session: Session::new(settings, Instant::now()),
        socket,
        connecting: None,
        connection: None,
        unsent: Vec::new(),
        view: None,
        transactions: Transactions::default(),
        wishes,
    };
    let mut buffer = vec![0; 1 << 14];
    loop {
        agent.carry_out().await;
        match agent.news(&mut changes, &mut buffer).await {
            News::Change(Some(Change::Trap(var_binds))) => {
                agent.view = None;
                agent.session.notify(var_binds);
            }
            News::Change(Some(Change::Stale)) => agent.view = None,
            News::Change(Some(Change::Stopped(done))) => {
                agent.session.close();
                agent.flush().await;
                let _ = done.send(());
                return;
            }
            News::Change(None) => return,
            News::Connected(Ok(connection)) => {
                agent.connection = Some(connection);
                agent.connecting = None;
                agent.session.connected(Instant::now());
            }
            News::Connected(Err(_)) => {
                agent.connecting = None;
                agent.session.disconnected(Instant::now());
            }
            News::Read(Ok(count)) if count > 0 => {
                agent.session.received(Instant::now(), buffer.get(..count).unwrap_or_default());
            }
            News::Written(Ok(count)) if count > 0 => {
                drop(agent.unsent.drain(..count.min(agent.unsent.len())))
            }
            News::Read(_) | News::Written(_) => {
                agent.disconnect();
                agent.session.disconnected(Instant::now());
            }
            News::Timer => agent.session.handle_timeout(Instant::now()),
        }
    }
}

impl Agent {
    /// The next thing that happens. Cancel safe in every part.
    async fn news(&mut self, changes: &mut mpsc::Receiver<Change>, buffer: &mut [u8]) -> News {
        let deadline = self.session.poll_timeout();
        let timer = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let (reader, writer) = match &mut self.connection {
            Some((reader, writer)) => (Some(reader), Some(writer).filter(|_| !self.unsent.is_empty())),
            None => (None, None),
        };
        let read = async {
            match reader {
                Some(reader) => reader.read(buffer).await,
                None => std::future::pending().await,
            }
        };
        let unsent = &self.unsent;
        let write = async {
            match writer {
                Some(writer) => writer.write(unsent).await,
                None => std::future::pending().await,
            }
        };
        let connecting = &mut self.connecting;
        let connected = async {
            match connecting {
                Some(connecting) => connecting.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Changes first: what a manager asks about is what it was told.
            biased;
            change = changes.recv() => News::Change(change),
            result = connected => News::Connected(result),
            result = write => News::Written(result),
            result = read => News::Read(result),
            () = timer => News::Timer,
        }
    }

    async fn carry_out(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Connect => self.connecting = Some(Box::pin(connect(Address::parse(&self.socket)))),
                Output::Send(bytes) => self.unsent.extend(bytes),
                Output::Disconnect => self.disconnect(),
                Output::Request(request) => self.answer(&request).await,
                Output::Log(event) => self.log(&event),
            }
            if self.unsent.len() > UNSENT_MAX {
                self.disconnect();
                self.session.disconnected(Instant::now());
            }
        }
    }

    fn disconnect(&mut self) {
        self.connecting = None;
        self.connection = None;
        self.unsent.clear();
    }

    /// The end: what is left is sent, as far as the master takes it.
    async fn flush(&mut self) {
        while let Some(output) = self.session.poll_output() {
            if let Output::Send(bytes) = output {
                self.unsent.extend(bytes);
            }
        }
        if let Some((_, writer)) = &mut self.connection {
            let _ = writer.write_all(&self.unsent).await;
            let _ = writer.shutdown().await;
        }
    }

    fn log(&self, event: &Event) {
        match event {
            Event::Connected => normal!("AgentX subagent connected"),
            Event::Unreachable => {
                normal!("Warning: Failed to connect to the agentx master agent ({}): ", self.socket);
            }
            Event::Lost(retry) => {
                normal!("AgentX master disconnected us, reconnecting in {}", retry.as_secs());
            }
            Event::Refused(subtree, error) => {
                normal!("AgentX master does not let us answer for {subtree}: error {error}");
            }
        }
    }

    async fn answer(&mut self, request: &session::Request) {
        let (error, var_binds) = match &request.body {
            Body::CleanupSet => return self.transactions.forget(request.transaction),
            Body::CommitSet => (self.write(self.transactions.commit(request.transaction)).await, Vec::new()),
            Body::UndoSet => (self.write(self.transactions.undo(request.transaction)).await, Vec::new()),
            Body::TestSet(var_binds) => {
                let error = match self.view().await {
                    Some(view) => Transactions::check(&view, var_binds)
                        .map(|writes| self.transactions.keep(request.transaction, writes)),
                    None => Err((agentx::pdu::GEN_ERR, 0)),
                };
                (error.err().unwrap_or_default(), Vec::new())
            }
            Body::Get(ranges) => self.look(|view| view.answer_get(ranges)).await,
            Body::GetNext(ranges) => self.look(|view| view.answer_next(ranges)).await,
            Body::GetBulk { non_repeaters, max_repetitions, ranges } => {
                let (single, often) = (usize::from(*non_repeaters), usize::from(*max_repetitions));
                self.look(|view| view.answer_bulk(single, often, ranges)).await
            }
            // The session asks nothing else.
            Body::Open { .. }
            | Body::Close(_)
            | Body::Register { .. }
            | Body::Unregister { .. }
            | Body::Notify(_)
            | Body::Ping
            | Body::AddAgentCaps { .. }
            | Body::Response { .. } => ((agentx::pdu::GEN_ERR, 0), Vec::new()),
        };
        self.session.answer(request, error, var_binds);
    }

    async fn look(
        &mut self,
        find: impl FnOnce(&View) -> Vec<agentx::VarBind>,
    ) -> ((u16, u16), Vec<agentx::VarBind>) {
        match self.view().await {
            Some(view) => ((agentx::pdu::NO_ERROR, 0), find(&view)),
            None => ((agentx::pdu::GEN_ERR, 0), Vec::new()),
        }
    }

    /// The objects as they are, or were a moment ago. `None` when the event loop has ended.
    async fn view(&mut self) -> Option<Arc<View>> {
        match &self.view {
            Some((at, view)) if at.elapsed() < VIEW_AGE_MAX => Some(Arc::clone(view)),
            Some(_) | None => {
                let (answer, answered) = oneshot::channel();
                self.wishes.send(Wish::Objects(answer)).await.ok()?;
                let objects = answered.await.ok()?;
                let old = self.view.take();
                // Sorting tens of thousands of names takes longer than an advert may be late, and so does forgetting them.
                let sort = tokio::task::spawn_blocking(move || {
                    drop(old);
                    View::new(objects)
                });
                let view = Arc::new(sort.await.ok()?);
                self.view = Some((Instant::now(), Arc::clone(&view)));
                Some(view)
            }
        }
    }

    /// Error and index of a write.
    async fn write(&mut self, writes: Result<Vec<super::Write>, u16>) -> (u16, u16) {
        match writes {
            Ok(writes) => {
                let (done, is_done) = oneshot::channel();
                self.view = None;
                if self.wishes.send(Wish::Set(writes, done)).await.is_ok() && is_done.await.is_ok() {
                    (agentx::pdu::NO_ERROR, 0)
                } else {
                    (agentx::pdu::GEN_ERR, 0)
                }
            }
            Err(error) => (error, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_masters() {
        let tcp = |host: &str, port| Address::Tcp(host.to_owned(), port);
        let unix = |path: &str| Address::Unix(path.into());
        let rows = [
            ("unix:/var/agentx/master", unix("/var/agentx/master")),
            ("/run/a:b", unix("/run/a:b")),
            ("zork", unix("zork")),
            ("tcp:10.0.0.1:7705", tcp("10.0.0.1", 7705)),
            ("tcp:localhost", tcp("localhost", 705)),
            ("tcp:7705", tcp("localhost", 7705)),
            ("tcp6:[::1]:7705", tcp("::1", 7705)),
            ("localhost:7705", tcp("localhost", 7705)),
            ("7705", tcp("localhost", 7705)),
        ];
        for (text, address) in rows {
            assert_eq!(Address::parse(text), address, "{text}");
        }
    }
}
