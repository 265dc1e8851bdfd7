//! A subagent's session with its master: connect, open, register, answer, ping, and begin anew when the master is gone.
//! RFC 2741, sections 7.1 and 7.2.
//!
//! The caller makes the connection that [`Output::Connect`] asks for and says how that went, hands in the bytes that come, and
//! answers each [`Output::Request`] with [`Session::answer`]. Traps wait while a connection is being made, and are lost while
//! there is no master.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::oid::Oid;
use crate::pdu::{self, Body, CloseReason, Frame, HEADER_LEN, PAYLOAD_MAX, Pdu};
use crate::value::{Value, VarBind};

/// From a failure to the next attempt.
pub const RETRY: Duration = Duration::from_secs(5);
/// How long a connection, and every answer of the master, may take.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a session is idle before the master is asked whether it is there.
pub const PING_INTERVAL: Duration = Duration::from_secs(15);
/// Traps that wait for the session to begin.
pub const TRAPS_MAX: usize = 1024;

/// What does not change between sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The subagent in words, for the master's list.
    pub description: String,
    /// The subtrees that it answers for.
    pub subtrees: Vec<Oid>,
    /// Lines of sysORTable.
    pub capabilities: Vec<(Oid, String)>,
}

/// State with its deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No master.
    Waiting {
        /// The next attempt.
        connect_at: Instant,
    },
    /// The connection is being made.
    Connecting {
        /// It has failed then.
        give_up_at: Instant,
    },
    /// Open was sent.
    Opening {
        /// It has failed then.
        give_up_at: Instant,
    },
    /// Subtrees and capabilities are told, one after the other.
    Registering {
        /// Which one was sent.
        step: usize,
        /// It has failed then.
        give_up_at: Instant,
    },
    /// All is told.
    Open {
        /// Time for a Ping.
        ping_at: Instant,
    },
    /// A Ping was sent.
    Pinging {
        /// The master is gone then.
        give_up_at: Instant,
    },
    /// Over for good.
    Closed,
}

/// What is worth a log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The session is open and everything is registered.
    Connected,
    /// No connection to the master. Told once until there was one.
    Unreachable,
    /// The session ended; the next attempt comes after this long.
    Lost(Duration),
    /// The master refuses a subtree, with this error; the others are served.
    Refused(Oid, u16),
}

/// A question of the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    session: u32,
    /// The same for all questions of one SNMP request.
    pub transaction: u32,
    packet: u32,
    /// Get, GetNext, GetBulk, TestSet, CommitSet, UndoSet or CleanupSet.
    pub body: Body,
}

/// What has to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Connect, and call [`Session::connected`] or [`Session::disconnected`].
    Connect,
    /// Send these bytes.
    Send(Vec<u8>),
    /// Close the connection.
    Disconnect,
    /// Answer with [`Session::answer`]; a CleanupSet has no answer.
    Request(Request),
    /// A log line.
    Log(Event),
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    settings: Settings,
    state: State,
    session: u32,
    packet: u32,
    /// Not a whole packet yet.
    received: Vec<u8>,
    traps: VecDeque<Vec<VarBind>>,
    said_unreachable: bool,
    out: VecDeque<Output>,
}

impl Session {
    /// A session that asks for a connection at once.
    pub fn new(settings: Settings, now: Instant) -> Self {
        let mut session = Self {
            settings,
            state: State::Waiting { connect_at: now },
            session: 0,
            packet: 0,
            received: Vec::new(),
            traps: VecDeque::new(),
            said_unreachable: false,
            out: VecDeque::new(),
        };
        session.handle_timeout(now);
        session
    }

    /// Its state and deadlines.
    pub fn state(&self) -> State {
        self.state
    }

    /// When [`Session::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { connect_at } => Some(connect_at),
            State::Connecting { give_up_at }
            | State::Opening { give_up_at }
            | State::Registering { give_up_at, .. }
            | State::Pinging { give_up_at } => Some(give_up_at),
            State::Open { ping_at } => Some(ping_at),
            State::Closed => None,
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        match self.state {
            State::Waiting { .. } => {
                self.state = State::Connecting { give_up_at: now + PATIENCE };
                self.out.push_back(Output::Connect);
            }
            State::Open { .. } => {
                self.state = State::Pinging { give_up_at: now + PATIENCE };
                self.send(Body::Ping);
            }
            State::Connecting { .. }
            | State::Opening { .. }
            | State::Registering { .. }
            | State::Pinging { .. } => {
                self.out.push_back(Output::Disconnect);
                self.disconnected(now);
            }
            State::Closed => {}
        }
    }

    /// The connection is there.
    pub fn connected(&mut self, now: Instant) {
        if !matches!(self.state, State::Connecting { .. }) {
            return;
        }
        self.received.clear();
        self.session = 0;
        self.state = State::Opening { give_up_at: now + PATIENCE };
        let description = self.settings.description.clone();
        self.send(Body::Open { timeout: 0, id: Oid::default(), description });
    }

    /// The connection could not be made, or ended.
    pub fn disconnected(&mut self, now: Instant) {
        match self.state {
            State::Connecting { .. } | State::Opening { .. } | State::Registering { .. } => {
                if !std::mem::replace(&mut self.said_unreachable, true) {
                    self.out.push_back(Output::Log(Event::Unreachable));
                }
            }
            State::Open { .. } | State::Pinging { .. } => self.out.push_back(Output::Log(Event::Lost(RETRY))),
            State::Waiting { .. } | State::Closed => return,
        }
        self.traps.clear();
        self.received.clear();
        self.state = State::Waiting { connect_at: now + RETRY };
    }

    /// Bytes of the master.
    pub fn received(&mut self, now: Instant, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
        let mut buffer = std::mem::take(&mut self.received);
        let mut at = 0;
        while self.is_connected() {
            match Pdu::decode(buffer.get(at..).unwrap_or_default()) {
                Frame::Whole(length, packet) => {
                    at += length;
                    self.handle(now, packet);
                }
                Frame::Unknown(length, header) => {
                    at += length;
                    let error = pdu::PARSE_ERROR;
                    self.respond(header.session, header.transaction, header.packet, (error, 0), Vec::new());
                }
                Frame::Incomplete => break,
                Frame::Broken => {
                    self.send(Body::Close(CloseReason::ParseError));
                    self.out.push_back(Output::Disconnect);
                    self.disconnected(now);
                }
            }
        }
        if self.is_connected() {
            buffer.drain(..at.min(buffer.len()));
            debug_assert!(buffer.len() <= HEADER_LEN + PAYLOAD_MAX);
            self.received = buffer;
        }
    }

    fn is_connected(&self) -> bool {
        match self.state {
            State::Opening { .. }
            | State::Registering { .. }
            | State::Open { .. }
            | State::Pinging { .. } => true,
            State::Waiting { .. } | State::Connecting { .. } | State::Closed => false,
        }
    }

    /// Sends a trap, or keeps it while the session is being opened.
    pub fn notify(&mut self, var_binds: Vec<VarBind>) {
        match self.state {
            State::Open { .. } | State::Pinging { .. } => self.send(Body::Notify(var_binds)),
            State::Connecting { .. } | State::Opening { .. } | State::Registering { .. } => {
                if self.traps.len() < TRAPS_MAX {
                    self.traps.push_back(var_binds);
                }
            }
            State::Waiting { .. } | State::Closed => {}
        }
    }

    /// The answer to a request: error and index (0 when all is well) and variables.
    pub fn answer(&mut self, request: &Request, error: (u16, u16), var_binds: Vec<VarBind>) {
        // That session may be over.
        if self.is_connected() && request.session == self.session {
            self.respond(request.session, request.transaction, request.packet, error, var_binds);
        }
    }

    /// Says that it is over, and asks for no connection any more.
    pub fn close(&mut self) {
        if self.is_connected() {
            self.send(Body::Close(CloseReason::Shutdown));
            self.out.push_back(Output::Disconnect);
        }
        self.state = State::Closed;
    }

    fn handle(&mut self, now: Instant, packet: Pdu) {
        match packet.body {
            Body::Response { error, .. } => self.answered(now, &packet, error),
            Body::Close(_) => {
                self.out.push_back(Output::Disconnect);
                self.disconnected(now);
            }
            body @ (Body::Get(_)
            | Body::GetNext(_)
            | Body::GetBulk { .. }
            | Body::TestSet(_)
            | Body::CommitSet
            | Body::UndoSet
            | Body::CleanupSet) => {
                if packet.context.is_some_and(|context| !context.is_empty()) {
                    let error = (pdu::UNSUPPORTED_CONTEXT, 0);
                    return self.respond(
                        packet.session,
                        packet.transaction,
                        packet.packet,
                        error,
                        Vec::new(),
                    );
                }
                let (transaction, session) = (packet.transaction, packet.session);
                let request = Request { session, transaction, packet: packet.packet, body };
                self.out.push_back(Output::Request(request));
                self.postpone_ping(now);
            }
            // These are a subagent's to send.
            Body::Open { .. }
            | Body::Register { .. }
            | Body::Unregister { .. }
            | Body::Notify(_)
            | Body::Ping
            | Body::AddAgentCaps { .. } => {
                let error = (pdu::PARSE_ERROR, 0);
                self.respond(packet.session, packet.transaction, packet.packet, error, Vec::new());
            }
        }
    }

    /// A response to the packet that was sent last; those to traps tell nothing.
    fn answered(&mut self, now: Instant, packet: &Pdu, error: u16) {
        match self.state {
            State::Opening { .. } if packet.packet == self.packet => {
                if error != pdu::NO_ERROR {
                    self.out.push_back(Output::Disconnect);
                    return self.disconnected(now);
                }
                self.session = packet.session;
                self.register(now, 0);
            }
            State::Registering { step, .. } if packet.packet == self.packet => {
                if let (true, Some(subtree)) = (error != pdu::NO_ERROR, self.settings.subtrees.get(step)) {
                    self.out.push_back(Output::Log(Event::Refused(subtree.clone(), error)));
                }
                self.register(now, step + 1);
            }
            State::Pinging { .. } | State::Open { .. } => {
                self.state = State::Open { ping_at: now + PING_INTERVAL };
            }
            State::Opening { .. }
            | State::Registering { .. }
            | State::Waiting { .. }
            | State::Connecting { .. }
            | State::Closed => {}
        }
    }

    fn postpone_ping(&mut self, now: Instant) {
        if matches!(self.state, State::Open { .. } | State::Pinging { .. }) {
            self.state = State::Open { ping_at: now + PING_INTERVAL };
        }
    }

    /// Sends one registration; after the last one the session is open.
    fn register(&mut self, now: Instant, step: usize) {
        let subtrees = self.settings.subtrees.len();
        let body = if let Some(subtree) = self.settings.subtrees.get(step) {
            Body::Register { timeout: 0, priority: 127, subtree: subtree.clone(), is_instance: false }
        } else if let Some((id, description)) = self.settings.capabilities.get(step - subtrees) {
            Body::AddAgentCaps { id: id.clone(), description: description.clone() }
        } else {
            self.state = State::Open { ping_at: now + PING_INTERVAL };
            self.said_unreachable = false;
            self.out.push_back(Output::Log(Event::Connected));
            for trap in std::mem::take(&mut self.traps) {
                self.send(Body::Notify(trap));
            }
            return;
        };
        self.state = State::Registering { step, give_up_at: now + PATIENCE };
        self.send(body);
    }

    fn send(&mut self, body: Body) {
        self.packet = self.packet.wrapping_add(1);
        let packet = Pdu { session: self.session, transaction: 0, packet: self.packet, context: None, body };
        self.out.push_back(Output::Send(packet.encode()));
    }

    fn respond(
        &mut self,
        session: u32,
        transaction: u32,
        packet: u32,
        (error, index): (u16, u16),
        var_binds: Vec<VarBind>,
    ) {
        let body = Body::Response { uptime: 0, error, index, var_binds };
        let answer = Pdu { session, transaction, packet, context: None, body };
        self.out.push_back(Output::Send(answer.encode()));
    }
}

/// A trap: `snmpTrapOID.0` and its objects.
pub fn trap(name: Oid, objects: Vec<VarBind>) -> Vec<VarBind> {
    let id = Oid::new(&[1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0]);
    let mut var_binds = vec![VarBind { name: id, value: Value::ObjectId(name) }];
    var_binds.extend(objects);
    var_binds
}

#[cfg(test)]
mod tests;
