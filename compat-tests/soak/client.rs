//! The clients: each runs one scenario after the other, chosen by its dice, and judges every answer.

use crate::dice::{Dice, body, mismatch};
use crate::ledger::Ledger;
use crate::plan::{Fault, Plan};
use crate::wire::{Cut, Framing, Head, Wire, chunked};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Where the proxy listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// The HTTP frontend whose counters are compared.
    pub(crate) web: SocketAddr,
    /// An HTTP frontend with short timeouts.
    pub(crate) slow: SocketAddr,
    /// The TCP listener.
    pub(crate) raw: SocketAddr,
}

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Where to connect.
    pub(crate) ports: Ports,
    /// The counts and failures.
    pub(crate) ledger: Ledger,
    /// The number in the next id.
    pub(crate) next_id: AtomicU64,
    /// The names of the scenarios to run; empty for all.
    pub(crate) only: String,
    /// Workers are being replaced: idle connections may be closed.
    pub(crate) reloading: AtomicBool,
}

/// One client.
pub(crate) struct Client {
    shared: Arc<Shared>,
    dice: Dice,
    scenario: &'static str,
}

/// One request to be asked.
#[derive(Clone, Debug)]
struct Ask {
    id: u64,
    backend: &'static str,
    plan: Plan,
    /// Size, and whether chunked.
    body: Option<(u64, bool)>,
    close: bool,
    old: bool,
    more: &'static str,
    /// On the counted frontend.
    counted: bool,
}

/// Backends whose answers depend on nobody else.
const STRICT: &[&str] =
    &["never", "safe", "aggressive", "always", "server-close", "queue", "buffered", "redispatch"];

/// How a client goes away.
#[derive(Clone, Copy, Debug)]
enum Leave {
    Close,
    Reset,
}

impl Ask {
    fn head(&self) -> Vec<u8> {
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let version = if self.old { "1.0" } else { "1.1" };
        let mut text = format!(
            "{method} /{} HTTP/{version}\r\nHost: soak\r\nX-Id: {:016x}\r\nX-Plan: {}\r\n{}",
            self.backend,
            self.id,
            self.plan.text(),
            self.more
        );
        match self.body {
            Some((_, true)) => text.push_str("Transfer-Encoding: chunked\r\n"),
            Some((size, false)) => text.push_str(&format!("Content-Length: {size}\r\n")),
            None => {}
        }
        if self.close {
            text.push_str("Connection: close\r\n");
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    fn body(&self) -> Vec<u8> {
        match self.body {
            Some((size, true)) => chunked(&body(self.id, size), 1 + (self.id % 3000) as usize),
            Some((size, false)) => body(self.id, size),
            None => Vec::new(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend_from_slice(&self.body());
        bytes
    }
}

impl Client {
    /// A client with dice of its own.
    pub(crate) fn new(shared: Arc<Shared>, seed: u64) -> Self {
        Self { shared, dice: Dice::new(seed), scenario: "" }
    }

    /// Runs one scenario.
    pub(crate) fn run(&mut self) {
        type Scenario = fn(&mut Client);
        const SCENARIOS: &[(u64, &str, Scenario)] = &[
            (30, "keep-alive", Client::keep_alive),
            (12, "pipeline", Client::pipeline),
            (12, "upload", Client::upload),
            (6, "slow writer", Client::slow_writer),
            (6, "slow reader", Client::slow_reader),
            (6, "one and close", Client::one_and_close),
            (5, "half close", Client::half_close),
            (20, "abort", Client::abort),
            (16, "faulty origin", Client::faulty_origin),
            (6, "idle close", Client::idle_close),
            (8, "retry", Client::retry),
            (4, "unreachable", Client::unreachable),
            (4, "continue", Client::expect_continue),
            (6, "tunnel", Client::tunnel),
            (6, "tcp", Client::tcp),
            (1, "stall", Client::stall),
            (1, "silent", Client::silent),
            (1, "stalled reader", Client::stalled_reader),
        ];
        let wanted =
            |row: &&(u64, &str, Scenario)| self.shared.only.is_empty() || self.shared.only.contains(row.1);
        let total: u64 = SCENARIOS.iter().filter(wanted).map(|row| row.0).sum();
        let mut number = self.dice.next() % total.max(1);
        for &(weight, name, run) in SCENARIOS.iter().filter(wanted) {
            if number < weight {
                self.scenario = name;
                self.shared.ledger.count(|counts| *counts.scenarios.entry(name).or_default() += 1);
                return run(self);
            }
            number -= weight;
        }
    }

    fn fail(&self, id: u64, text: &str) {
        self.shared.ledger.fail(format!("{id:016x} ({}): {text}", self.scenario));
    }

    fn ask(&mut self, backend: &'static str) -> Ask {
        // The high bits keep the bodies of neighbours apart, the low ones make the id easy to find.
        let number = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let plan = Plan::good(&mut self.dice, 300_000);
        let body = self.dice.once_in(3).then(|| (self.dice.size(40_000), self.dice.once_in(2)));
        Ask {
            id: self.dice.next() << 32 | number,
            backend,
            plan,
            body,
            close: false,
            old: false,
            more: "",
            counted: true,
        }
    }

    fn any_ask(&mut self) -> Ask {
        let backend = *self.dice.pick(STRICT);
        // Each connection to the dead server costs a second.
        let backend = if backend == "redispatch" && !self.dice.once_in(6) { "safe" } else { backend };
        self.ask(backend)
    }

    fn connect(&mut self, to: SocketAddr) -> Option<Wire> {
        match TcpStream::connect_timeout(&to, crate::wire::PATIENCE) {
            Ok(stream) => Some(Wire::new(stream)),
            Err(error) => {
                self.fail(0, &format!("connect: {error}"));
                None
            }
        }
    }

    fn web(&mut self) -> Option<Wire> {
        self.connect(self.shared.ports.web)
    }

    /// A request whose fate the client will not learn.
    fn given_up(&self, ask: &Ask) {
        if ask.counted {
            self.shared.ledger.count(|counts| counts.maybe_requests += 1);
        }
    }

    fn leave(&mut self, wire: Wire) {
        match *self.dice.pick(&[Leave::Close, Leave::Reset]) {
            Leave::Close => drop(wire),
            Leave::Reset => wire.reset(),
        }
    }

    /// Reads and judges the answer. Whether another request may follow on the connection.
    fn answer(&mut self, wire: &mut Wire, ask: &Ask, first: bool, pause: Duration) -> bool {
        let (head, status) = loop {
            match wire.head() {
                Ok(Some(head)) => match head.line.split(' ').nth(1).and_then(|word| word.parse::<u16>().ok())
                {
                    Some(100 | 102..=199) => {}
                    Some(status @ (101 | 200..=599)) => break (head, status),
                    _ => {
                        self.fail(ask.id, &format!("status line '{}'", head.line));
                        return false;
                    }
                },
                Ok(None) => return self.no_answer(ask, first, "the connection was closed"),
                Err(error) => return self.no_answer(ask, first, &error.to_string()),
            }
        };
        if ask.counted {
            self.shared.ledger.count(|counts| {
                counts.requests += 1;
                counts.answers[usize::from(status / 100)] += 1;
            });
        }
        let whole = match status {
            200 | 101 => self.good_answer(wire, ask, &head, pause),
            _ => self.proxy_answer(wire, ask, &head, status),
        };
        if whole && ask.counted {
            self.shared.ledger.count(|counts| {
                counts.statuses.insert(ask.id, status);
            });
        }
        let closes = head.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        whole && !closes && !ask.close && !ask.old
    }

    /// Nothing came. That is no fault when the origin may have closed a connection that was chosen for the request, or when a worker
    /// that is being replaced closed an idle connection.
    fn no_answer(&self, ask: &Ask, first: bool, how: &str) -> bool {
        self.given_up(ask);
        let reload = !first && self.shared.reloading.load(Ordering::Relaxed);
        // On a connection used before, the end of it says nothing about the request: both programs close in silence, so that the
        // client tries again.
        let reused =
            matches!(ask.plan.fault, Fault::ResetBefore | Fault::CloseBefore) && ask.backend != "never";
        let origin = reused || (!first && ask.plan.fault.is_before()) || ask.backend == "flaky";
        if reload || origin || ask.plan.fault == Fault::EarlyClose {
            self.shared.ledger.count(|counts| counts.closed += 1);
        } else {
            let place = if first { "first" } else { "later" };
            self.fail(ask.id, &format!("no answer to the {place} request, {}: {how}; {ask:?}", ask.backend));
        }
        false
    }

    fn good_answer(&mut self, wire: &mut Wire, ask: &Ask, head: &Head, pause: Duration) -> bool {
        if head.id() != Some(ask.id) {
            self.fail(ask.id, &format!("the answer belongs to {:?}; {ask:?}", head.field("x-id")));
            return false;
        }
        let fault = ask.plan.fault;
        if fault.is_before() {
            self.fail(ask.id, &format!("an answer though the origin gave none; {ask:?}"));
        }
        let early = matches!(fault, Fault::Early | Fault::EarlyClose) || fault.is_within();
        let sent = ask.body.map_or(0, |(size, _)| size);
        if !early && head.line.contains(" 200") && head.number("x-received") != Some(sent) {
            self.fail(
                ask.id,
                &format!("the origin received {:?} of {sent} bytes; {ask:?}", head.field("x-received")),
            );
        }
        if head.line.contains(" 101") {
            return true;
        }
        let framing = head.framing();
        match wire.body(framing, Some(ask.id), pause) {
            Ok(size) => {
                self.shared.ledger.count(|counts| counts.bytes += size);
                let cut = fault.is_within();
                if size != ask.plan.size && !(cut && framing == Framing::Open) {
                    self.fail(ask.id, &format!("{size} bytes of body ({framing:?}); {ask:?}"));
                }
                framing != Framing::Open
            }
            Err(Cut::At(..)) if fault.is_within() => false,
            Err(cut) => {
                self.fail(ask.id, &format!("{cut:?} ({framing:?}); {ask:?}"));
                false
            }
        }
    }

    fn proxy_answer(&mut self, wire: &mut Wire, ask: &Ask, head: &Head, status: u16) -> bool {
        let fault = ask.plan.fault;
        let expected: &[u16] = match fault {
            _ if ask.backend == "dead" => &[503],
            Fault::Stall => &[504],
            _ if fault.is_before() => &[502],
            Fault::BadChunk | Fault::ResetBody | Fault::EarlyClose => &[502],
            _ if ask.backend == "flaky" => &[502],
            _ => &[],
        };
        if !expected.contains(&status) {
            self.fail(ask.id, &format!("status {status} where {expected:?} may be; {ask:?}"));
        }
        if let Some(id) = head.field("x-id") {
            self.fail(ask.id, &format!("the proxy's own answer {status} carries the id {id}"));
        }
        wire.body(head.framing(), None, Duration::ZERO).is_ok() && head.framing() != Framing::Open
    }

    // -- scenarios --

    fn keep_alive(&mut self) {
        let Some(mut wire) = self.web() else { return };
        for number in 0..self.dice.between(1, 12) {
            let ask = self.any_ask();
            if wire.send(&ask.bytes()).is_err() && number == 0 {
                self.fail(ask.id, "the first request could not be sent");
            }
            if !self.answer(&mut wire, &ask, number == 0, Duration::ZERO) {
                return;
            }
            if self.dice.once_in(5) {
                std::thread::sleep(Duration::from_millis(self.dice.between(1, 40)));
            }
        }
        if wire.has_rest() {
            self.fail(0, "bytes after the last answer");
        }
        self.leave(wire);
    }

    fn pipeline(&mut self) {
        let Some(mut wire) = self.web() else { return };
        let mut asks = Vec::new();
        let mut bytes = Vec::new();
        for _ in 0..self.dice.between(2, 8) {
            let mut ask = self.any_ask();
            ask.plan.size = ask.plan.size.min(8000);
            ask.body = ask.body.map(|(size, chunked)| (size.min(1000), chunked));
            bytes.extend_from_slice(&ask.bytes());
            asks.push(ask);
        }
        let _ = wire.send(&bytes);
        for (number, ask) in asks.iter().enumerate() {
            if !self.answer(&mut wire, ask, number == 0, Duration::ZERO) {
                // Those behind a `connection: close` may have been read, or not.
                asks.iter().skip(number + 1).for_each(|ask| self.given_up(ask));
                return;
            }
        }
        self.leave(wire);
    }

    fn upload(&mut self) {
        let Some(mut wire) = self.web() else { return };
        let mut ask = self.any_ask();
        ask.body = Some((self.dice.between(0, 1_000_000), self.dice.once_in(2)));
        if self.dice.once_in(5) {
            ask.plan = ask.plan.with(Fault::Early);
        } else if self.dice.once_in(8) {
            ask.plan = ask.plan.with(Fault::EarlyClose);
        }
        let _ = wire.send(&ask.bytes());
        let _ = self.answer(&mut wire, &ask, true, Duration::ZERO);
        self.leave(wire);
    }

    fn slow_writer(&mut self) {
        let Some(mut wire) = self.web() else { return };
        let mut ask = self.any_ask();
        ask.body = Some((self.dice.between(10, 60_000), self.dice.once_in(2)));
        let bytes = ask.bytes();
        let piece = bytes.len() / self.dice.between(5, 25) as usize + 1;
        for piece in bytes.chunks(piece) {
            if wire.send(piece).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(self.dice.between(1, 25)));
        }
        let _ = self.answer(&mut wire, &ask, true, Duration::ZERO);
        self.leave(wire);
    }

    fn slow_reader(&mut self) {
        let Some(mut wire) = self.web() else { return };
        wire.narrow();
        let mut ask = self.any_ask();
        ask.plan.size = self.dice.between(100_000, 2_000_000);
        let _ = wire.send(&ask.bytes());
        let pause = Duration::from_millis(self.dice.between(1, 12));
        let _ = self.answer(&mut wire, &ask, true, pause);
        self.leave(wire);
    }

    fn one_and_close(&mut self) {
        let Some(mut wire) = self.web() else { return };
        let mut ask = self.any_ask();
        if self.dice.once_in(2) {
            ask.old = true;
            ask.body = None;
        } else {
            ask.close = true;
        }
        let _ = wire.send(&ask.bytes());
        let _ = self.answer(&mut wire, &ask, true, Duration::ZERO);
        match wire.some() {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
            other => {
                self.fail(ask.id, &format!("after the last answer: {:?}", other.map(|bytes| bytes.len())))
            }
        }
    }

    /// The client has sent all and says so; it still waits for the answer.
    fn half_close(&mut self) {
        let Some(mut wire) = self.web() else { return };
        let ask = self.any_ask();
        let _ = wire.send(&ask.bytes());
        wire.finish();
        let _ = self.answer(&mut wire, &ask, true, Duration::ZERO);
    }

    /// The client goes away, at every phase.
    fn abort(&mut self) {
        let Some(mut wire) = self.web() else { return };
        let mut ask = self.any_ask();
        let phase = self.dice.next() % 8;
        if phase == 7 {
            // After a whole exchange, with another one begun.
            let _ = wire.send(&ask.bytes());
            if !self.answer(&mut wire, &ask, true, Duration::ZERO) {
                return;
            }
            ask = self.any_ask();
        }
        ask.plan.delay = self.dice.between(0, 120);
        if phase == 3 {
            ask.body = Some((self.dice.between(100, 200_000), self.dice.once_in(2)));
        }
        if phase == 6 {
            ask.plan.size = self.dice.between(50_000, 2_000_000);
        }
        let bytes = ask.bytes();
        let head = ask.head().len();
        let sent = match phase {
            0 => 0,
            1 => self.dice.between(1, head as u64 - 2) as usize,
            2 => head,
            3 => self.dice.between(head as u64, bytes.len() as u64 - 1) as usize,
            _ => bytes.len(),
        };
        let _ = wire.send(&bytes[..sent]);
        // A head that breaks off counts as a bad request.
        self.given_up(&ask);
        if phase == 4 {
            std::thread::sleep(Duration::from_millis(self.dice.between(1, 100)));
        }
        if phase >= 5 {
            let mut wanted = if phase == 6 { self.dice.between(200, 40_000) as usize } else { 1 };
            while wanted > 0 {
                let Ok(bytes) = wire.some() else { break };
                wanted = wanted.saturating_sub(bytes.len());
            }
        }
        self.leave(wire);
    }

    fn faulty_origin(&mut self) {
        let Some(mut wire) = self.web() else { return };
        let faults = [
            Fault::ResetBefore,
            Fault::CloseBefore,
            Fault::Garbage,
            Fault::HalfHead,
            Fault::CutBody,
            Fault::ResetBody,
            Fault::BadChunk,
            Fault::Interim,
        ];
        let mut first = true;
        if self.dice.once_in(2) {
            let ask = self.any_ask();
            let _ = wire.send(&ask.bytes());
            if !self.answer(&mut wire, &ask, true, Duration::ZERO) {
                return;
            }
            first = false;
        }
        let mut ask = self.any_ask();
        ask.plan = ask.plan.with(*self.dice.pick(&faults));
        let _ = wire.send(&ask.bytes());
        if self.answer(&mut wire, &ask, first, Duration::ZERO) {
            let ask = self.any_ask();
            let _ = wire.send(&ask.bytes());
            let _ = self.answer(&mut wire, &ask, false, Duration::ZERO);
        }
        self.leave(wire);
    }

    /// An origin that closes connections it has said to keep.
    fn idle_close(&mut self) {
        let Some(mut wire) = self.web() else { return };
        for number in 0..self.dice.between(1, 6) {
            let mut ask = self.ask("flaky");
            if self.dice.once_in(3) {
                ask.plan = ask.plan.with(Fault::IdleClose);
            }
            let _ = wire.send(&ask.bytes());
            if !self.answer(&mut wire, &ask, number == 0, Duration::ZERO) {
                return;
            }
        }
        self.leave(wire);
    }

    /// An origin that fails at first: `retry-on` hides it. The request fits in a buffer, so that it can be sent again.
    fn retry(&mut self) {
        let Some(mut wire) = self.web() else { return };
        for number in 0..self.dice.between(1, 4) {
            let mut ask = self.ask("retrying");
            ask.body = ask.body.map(|(size, chunked)| (size.min(4000), chunked));
            if !self.dice.once_in(4) {
                ask.plan = ask.plan.with(Fault::FailOnce);
            }
            let _ = wire.send(&ask.bytes());
            if !self.answer(&mut wire, &ask, number == 0, Duration::ZERO) {
                return;
            }
        }
        self.leave(wire);
    }

    fn unreachable(&mut self) {
        let Some(mut wire) = self.web() else { return };
        let ask = self.ask("dead");
        let _ = wire.send(&ask.bytes());
        let _ = self.answer(&mut wire, &ask, true, Duration::ZERO);
        self.leave(wire);
    }

    fn expect_continue(&mut self) {
        let Some(mut wire) = self.web() else { return };
        let mut ask = self.ask("safe");
        ask.more = "Expect: 100-continue\r\n";
        ask.body = Some((self.dice.between(1, 20_000), self.dice.once_in(2)));
        let _ = wire.send(&ask.head());
        match wire.head() {
            Ok(Some(head)) if head.line.contains(" 100") => {
                let _ = wire.send(&ask.body());
                let _ = self.answer(&mut wire, &ask, true, Duration::ZERO);
            }
            other => {
                self.given_up(&ask);
                self.fail(ask.id, &format!("instead of 100: {other:?}"));
            }
        }
        self.leave(wire);
    }

    fn tunnel(&mut self) {
        let Some(mut wire) = self.web() else { return };
        let mut ask = self.ask("never");
        ask.body = None;
        ask.more = "Connection: Upgrade\r\nUpgrade: echo\r\n";
        let _ = wire.send(&ask.bytes());
        if !self.answer(&mut wire, &ask, true, Duration::ZERO) {
            return;
        }
        self.echo(wire, ask.id);
    }

    fn tcp(&mut self) {
        let Some(wire) = self.connect(self.shared.ports.raw) else { return };
        let id = self.ask("never").id;
        if self.dice.once_in(5) {
            return self.leave(wire);
        }
        self.echo(wire, id);
    }

    /// Sends the id's bytes in pieces and wants each of them back.
    fn echo(&mut self, mut wire: Wire, id: u64) {
        let mut at = 0;
        for _ in 0..self.dice.between(1, 8) {
            let mut piece = vec![0; self.dice.between(1, 30_000) as usize];
            crate::dice::fill(id, at, &mut piece);
            if let Err(error) = wire.send(&piece) {
                return self.fail(id, &format!("tunnel, after {at} bytes: {error}"));
            }
            let until = at + piece.len() as u64;
            while at < until {
                match wire.some() {
                    Ok(bytes) => {
                        if let Some(at) = mismatch(id, at, &bytes) {
                            return self.fail(id, &format!("tunnel: byte {at} is not this one's"));
                        }
                        at += bytes.len() as u64;
                    }
                    Err(error) => {
                        return self.fail(id, &format!("tunnel, echo after {at} of {until} bytes: {error}"));
                    }
                }
            }
        }
        self.shared.ledger.count(|counts| counts.bytes += at);
        if self.dice.once_in(2) {
            return self.leave(wire);
        }
        wire.finish();
        match wire.some() {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
            other => self.fail(id, &format!("tunnel, at its end: {:?}", other.map(|bytes| bytes.len()))),
        }
    }

    /// The origin says nothing, or stops in the middle.
    fn stall(&mut self) {
        let Some(mut wire) = self.web() else { return };
        let mut ask = self.ask("stall");
        ask.plan = ask.plan.with(*self.dice.pick(&[Fault::Stall, Fault::StallBody]));
        let _ = wire.send(&ask.bytes());
        let _ = self.answer(&mut wire, &ask, true, Duration::ZERO);
        self.leave(wire);
    }

    /// A client that never ends its head.
    fn silent(&mut self) {
        let Some(mut wire) = self.connect(self.shared.ports.slow) else { return };
        if self.dice.once_in(2) {
            let _ = wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-");
        }
        match wire.head() {
            Ok(Some(head)) if head.line.contains(" 408") => {}
            other => self.fail(0, &format!("instead of 408: {other:?}")),
        }
    }

    /// A client that stops reading: the proxy gives up after its `timeout client`.
    fn stalled_reader(&mut self) {
        let Some(mut wire) = self.connect(self.shared.ports.slow) else { return };
        wire.narrow();
        let mut ask = self.ask("safe");
        ask.counted = false;
        ask.body = None;
        ask.plan.size = 24_000_000;
        let _ = wire.send(&ask.bytes());
        let head = wire.head();
        // The proxy's `timeout client` on this frontend is 1 s from the moment at which the buffers are full; on a loaded machine that
        // may come late.
        std::thread::sleep(Duration::from_millis(4000));
        match head {
            Ok(Some(head)) if head.id() == Some(ask.id) => {
                match wire.body(head.framing(), Some(ask.id), Duration::ZERO) {
                    Err(Cut::At(..)) => {}
                    other => self.fail(ask.id, &format!("a client that did not read got {other:?}")),
                }
            }
            other => self.fail(ask.id, &format!("no answer on the slow frontend: {other:?}")),
        }
    }
}
