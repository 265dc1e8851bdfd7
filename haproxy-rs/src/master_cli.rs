//! The master CLI (`-S`; management manual, section 9.4): commands on the processes, and a way through to each worker's own CLI.
//!
//! One task a connection. What the master itself answers is here; anything after `@<n>` is sent over the socket pair to that worker,
//! one connection a command, and its answer comes back unchanged.

use crate::command_line::Invocation;
use crate::configuration;
use crate::machine::Machine;
use crate::master::Master;
use crate::master_help;
use crate::version;
use haproxy_config::Inputs;
use haproxy_config::runtime::{Bind, Level, RuntimeConfig};
use proxy::bind::{Attempt, Binder, BoundListener, Inherited, Owner, Transport, pass_connection};
use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use sys::messages;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// The longest command line.
const LINE: u64 = 16 * 1024;
/// HAPROXY: connections to one master socket at a time; others wait in the kernel.
const BACKLOG: u32 = 10;

/// A bound master socket with its `bind` options.
#[derive(Debug)]
pub(crate) struct MasterSocket {
    listener: BoundListener,
    bind: Bind,
}

impl MasterSocket {
    /// What `show cli sockets` tells.
    pub(crate) fn name_and_level(&self) -> (String, Level) {
        (self.bind.address.to_string(), self.bind.level)
    }
}

/// Binds the sockets of `-S`. None when one is refused; the reason has been said.
pub(crate) fn bind(invocation: &Invocation, executable: &str) -> Option<Vec<MasterSocket>> {
    let mut sockets = Vec::new();
    for line in &invocation.master_sockets {
        let config = parse(line)?;
        let mut binder = Binder::for_stats_sockets(&config, BACKLOG);
        match binder.attempt(&mut Inherited::default()) {
            Attempt::Done => {}
            Attempt::Busy(troubles) | Attempt::Failed(troubles) => {
                for trouble in troubles {
                    let whose =
                        trouble.text.split_once("] for frontend GLOBAL: ").map_or("", |(_, rest)| rest);
                    messages::alert(format!("Binding [master-socket:0] for proxy MASTER: {whose}"));
                }
                messages::alert(format!(
                    "[{executable}.main()] Some protocols failed to start their listeners! Exiting."
                ));
                return None;
            }
        }
        for listener in binder.finish() {
            if let Owner::Stats(index) = listener.owner
                && let Some(bind) = config.global.stats_sockets.get(index)
            {
                sockets.push(MasterSocket { listener, bind: bind.clone() });
            }
        }
    }
    Some(sockets)
}

/// `-S` has the words of a `bind` line with commas between them, and admin rights unless it says otherwise.
fn parse(line: &str) -> Option<RuntimeConfig> {
    let mut words = line.split(',');
    let address = words.next().unwrap_or_default();
    let options: Vec<&str> = words.collect();
    let text = format!("global\n    stats socket {address} level admin {}\n", options.join(" "));
    let loaded = haproxy_config::load(Inputs {
        files: vec![("-S".to_owned(), text.into_bytes())],
        environment: std::collections::BTreeMap::default(),
        program: "haproxy".to_owned(),
        ignore_unresolved: false,
        features: configuration::features(&Invocation::default()),
        host: &Machine,
    });
    if loaded.config.is_none() {
        // The first alert is about the words; those after it about a file that nobody wrote.
        if let Some(diagnostic) =
            loaded.diagnostics.iter().find(|d| d.severity == config_text::Severity::Alert)
        {
            let text = diagnostic.message.strip_prefix("'stats socket' : ").unwrap_or(&diagnostic.message);
            messages::alert(format!("config : '{}' : {text}", line.replace(',', " ")));
        }
        messages::alert("config : Can't create the master's CLI.");
    }
    loaded.config
}

/// Serves the sockets from now on. Call inside the master's runtime.
pub(crate) fn serve(master: &Rc<RefCell<Master>>, sockets: Vec<MasterSocket>) {
    for MasterSocket { listener, bind } in sockets {
        let master = Rc::clone(master);
        let is_tcp = matches!(listener.transport, Transport::Tcp4 | Transport::Tcp6);
        tokio::task::spawn_local(async move {
            let socket = listener.socket;
            if is_tcp {
                let Ok(listener) = TcpListener::from_std(socket.into()) else { return };
                while let Ok((stream, _)) = listener.accept().await {
                    let session = Session::new(&master, bind.level);
                    tokio::task::spawn_local(async move { drop(session.converse(stream).await) });
                }
            } else {
                let Ok(listener) = UnixListener::from_std(socket.into()) else { return };
                while let Ok((stream, _)) = listener.accept().await {
                    let session = Session::new(&master, bind.level);
                    tokio::task::spawn_local(async move { drop(session.converse(stream).await) });
                }
            }
        });
    }
}

/// Answers the connection that asked for the reload that this process came from.
pub(crate) fn answer_reload(master: &mut Master) {
    use std::io::Write as _;
    let Some(connection) = master.state.reply.take() else { return };
    let mut stream = std::os::unix::net::UnixStream::from(connection);
    let mut text = format!("Success={}\n--\n", u8::from(!master.load_failed)).into_bytes();
    text.extend_from_slice(&master.startup_log);
    text.push(b'\n');
    // Whoever asked may have gone; a reader that does not read must not hold the master.
    let _ = stream.set_nonblocking(true).and_then(|()| stream.write_all(&text));
}

/// What one connection has set.
struct Session {
    master: Rc<RefCell<Master>>,
    level: Level,
    prompt: bool,
    expert: bool,
    experimental: bool,
    debug: bool,
    /// Where commands go that name no process.
    target: Target,
}

/// Who a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Master,
    Worker(i32),
}

/// What to do after a command.
enum After {
    /// End the answer.
    Go,
    /// There is no answer to end; with a prompt the next one follows.
    Silent,
    Close,
}

impl Session {
    fn new(master: &Rc<RefCell<Master>>, level: Level) -> Self {
        Self {
            master: Rc::clone(master),
            level,
            prompt: false,
            expert: false,
            experimental: false,
            debug: false,
            target: Target::Master,
        }
    }

    async fn converse<S: AsyncRead + AsyncWrite + AsFd + Unpin>(mut self, stream: S) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            let read = (&mut stream).take(LINE).read_until(b'\n', &mut line).await?;
            if read == 0 {
                return Ok(());
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            let parts = line.trim_end_matches(['\r', '\n']).split(';').map(str::trim);
            for command in parts {
                match self.run(command, &mut stream).await? {
                    After::Close => return stream.shutdown().await,
                    After::Silent if !self.prompt => {}
                    After::Go | After::Silent => stream.write_all(self.end_of_answer().as_bytes()).await?,
                }
            }
        }
    }

    fn end_of_answer(&self) -> String {
        if !self.prompt {
            return "\n".to_owned();
        }
        let name = match self.target {
            Target::Master if self.master.borrow().load_failed => "master[ReloadFailed]".to_owned(),
            Target::Master => "master".to_owned(),
            Target::Worker(pid) => pid.to_string(),
        };
        let mut flags = String::new();
        for (on, flag) in [(self.experimental, 'x'), (self.expert, 'e'), (self.debug, 'd')] {
            if on {
                flags.push(flag);
            }
        }
        let flags = if flags.is_empty() { flags } else { format!("({flags})") };
        format!("{name}{flags}> ")
    }

    async fn run<S: AsyncRead + AsyncWrite + AsFd + Unpin>(
        &mut self,
        command: &str,
        stream: &mut BufReader<S>,
    ) -> io::Result<After> {
        let (target, command) = match command.strip_prefix('@') {
            None => (self.target, command),
            Some(rest) => {
                let (name, command) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let Some(target) = self.find(name) else {
                    let text = format!("Can't find the target PID matching the prefix '@{name}'\n");
                    stream.write_all(text.as_bytes()).await?;
                    return Ok(After::Close);
                };
                if command.trim().is_empty() {
                    self.target = target;
                    return Ok(After::Silent);
                }
                (target, command.trim())
            }
        };
        let words: Vec<&str> = command.split_whitespace().collect();
        // These belong to the connection, whatever process it talks to, and answer nothing.
        match words.as_slice() {
            [] => {
                if self.prompt {
                    stream.write_all(b"\n").await?;
                }
                return Ok(After::Go);
            }
            ["quit", ..] => return Ok(After::Close),
            ["prompt", ..] => self.prompt = !self.prompt,
            ["expert-mode", rest @ ..] => self.expert = switch(rest, self.expert),
            ["experimental-mode", rest @ ..] => self.experimental = switch(rest, self.experimental),
            ["mcli-debug-mode", rest @ ..] => self.debug = switch(rest, self.debug),
            ["user"] => self.level = Level::User,
            ["operator"] => self.level = self.level.min(Level::Operator),
            _ => {
                return match target {
                    Target::Worker(pid) => self.forward(pid, command, stream).await,
                    Target::Master => self.answer(&words, stream).await,
                };
            }
        }
        Ok(After::Silent)
    }

    /// `1` is the current worker, `!pid` any; nothing and `master` are the master.
    fn find(&self, name: &str) -> Option<Target> {
        let master = self.master.borrow();
        let workers = &master.state.workers;
        if name.is_empty() || name == "master" {
            return Some(Target::Master);
        }
        let worker = match name.strip_prefix('!') {
            Some(pid) => {
                let pid: i32 = pid.parse().ok()?;
                if pid == std::process::id().cast_signed() {
                    return Some(Target::Master);
                }
                workers.iter().find(|worker| worker.pid == pid)
            }
            None => match name.parse::<u32>().ok()? {
                0 => return Some(Target::Master),
                1 => workers.iter().find(|worker| !worker.leaving),
                _ => None,
            },
        };
        worker.map(|worker| Target::Worker(worker.pid))
    }

    async fn forward<S: AsyncRead + AsyncWrite + AsFd + Unpin>(
        &self,
        pid: i32,
        command: &str,
        stream: &mut BufReader<S>,
    ) -> io::Result<After> {
        let connection = {
            let master = self.master.borrow();
            let pair = master
                .state
                .workers
                .iter()
                .find(|worker| worker.pid == pid)
                .map(|worker| worker.pair.as_fd());
            pair.map(pass_connection)
        };
        let Some(Ok(connection)) = connection else {
            stream
                .write_all(format!("Can't find the target PID matching the prefix '@!{pid}'\n").as_bytes())
                .await?;
            return Ok(After::Go);
        };
        connection.set_nonblocking(true)?;
        let mut worker = UnixStream::from_std(connection)?;
        // The pair leads in with all rights; the connection's own level and modes go before the command, each with its empty answer.
        let mut line = String::new();
        let mut empty_answers = 0;
        let mut before = |on: bool, word: &str| {
            if on {
                let _ = write!(line, "{word};");
                empty_answers += 1;
            }
        };
        before(self.expert, "expert-mode on");
        before(self.experimental, "experimental-mode on");
        before(self.level == Level::Operator, "operator");
        before(self.level == Level::User, "user");
        let _ = writeln!(line, "{command}");
        worker.write_all(line.as_bytes()).await?;
        worker.shutdown().await?;
        let mut answer = Vec::new();
        worker.read_to_end(&mut answer).await?;
        let answer = answer.get(empty_answers.min(answer.len())..).unwrap_or_default();
        // The worker ends its answer with the empty line that this connection adds itself.
        let answer = if self.prompt { answer } else { answer.strip_suffix(b"\n").unwrap_or(answer) };
        stream.write_all(answer).await?;
        Ok(After::Go)
    }

    async fn answer<S: AsyncRead + AsyncWrite + AsFd + Unpin>(
        &mut self,
        words: &[&str],
        stream: &mut BufReader<S>,
    ) -> io::Result<After> {
        let text = match words {
            ["show", "proc", ..] => self.processes(),
            ["show", "version"] => format!("{}\n", version::VERSION),
            ["show", "cli", "level"] => format!("{}\n", level_name(self.level)),
            ["show", "cli", "sockets"] => self.sockets(),
            ["show", "startup-logs"] => {
                String::from_utf8_lossy(&self.master.borrow().startup_log).into_owned()
            }
            ["help", rest @ ..] => master_help::help(rest),
            ["reload" | "hard-reload"] if self.level < Level::Operator => "Permission denied\n".to_owned(),
            [name @ ("reload" | "hard-reload")] => {
                let reply = stream.get_ref().as_fd().try_clone_to_owned()?;
                self.reload(reply, *name == "hard-reload");
                // Still here: the new program could not be run, which has been said on standard error.
                "Success=0\n--\n".to_owned()
            }
            _ => master_help::unknown(words),
        };
        stream.write_all(text.as_bytes()).await?;
        // HAPROXY: with a prompt an empty line stands between an answer and the next prompt.
        if self.prompt && !text.is_empty() {
            stream.write_all(b"\n").await?;
        }
        Ok(After::Go)
    }

    fn reload(&self, reply: OwnedFd, hard: bool) {
        self.master.borrow_mut().reload(Some(reply), hard);
    }

    fn sockets(&self) -> String {
        let mut text = String::from("# socket lvl processes\n");
        for (name, level) in &self.master.borrow().socket_names {
            let _ = writeln!(text, "{name} {} master", level_name(*level));
        }
        text
    }

    fn processes(&self) -> String {
        let master = self.master.borrow();
        let state = &master.state;
        let now = sys::clock::wall().seconds;
        let mut text =
            String::from("#<PID>          <type>          <reloads>       <uptime>        <version>      \n");
        let reloads = format!("{} [failed: {}]", state.reloads, state.failed_reloads);
        row(
            &mut text,
            std::process::id().cast_signed(),
            "master",
            &reloads,
            now - state.started,
            version::VERSION,
        );
        text.push_str("# workers\n");
        for worker in state.workers.iter().filter(|worker| !worker.leaving) {
            row(
                &mut text,
                worker.pid,
                "worker",
                &worker.reloads.to_string(),
                now - worker.started,
                &worker.version,
            );
        }
        if state.workers.iter().any(|worker| worker.leaving) {
            text.push_str("# old workers\n");
            for worker in state.workers.iter().filter(|worker| worker.leaving) {
                row(
                    &mut text,
                    worker.pid,
                    "worker",
                    &worker.reloads.to_string(),
                    now - worker.started,
                    &worker.version,
                );
            }
        }
        text.push_str("# programs\n");
        text
    }
}

fn row(text: &mut String, pid: i32, kind: &str, reloads: &str, uptime: i64, version: &str) {
    let up = uptime.max(0);
    let uptime = format!("{}d{:02}h{:02}m{:02}s", up / 86400, up / 3600 % 24, up / 60 % 60, up % 60);
    let _ = writeln!(text, "{pid:<15} {kind:<15} {reloads:<15} {uptime:<15} {version:<15}");
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::User => "user",
        Level::Operator => "operator",
        Level::Admin => "admin",
    }
}

fn switch(words: &[&str], now: bool) -> bool {
    match words {
        ["on"] => true,
        ["off"] => false,
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn rows_stand_in_the_reference_s_columns() {
        let mut text = String::new();
        row(&mut text, 6506, "master", "0 [failed: 0]", 61, "3.0.11");
        assert_eq!(text, "6506            master          0 [failed: 0]   0d00h01m01s     3.0.11         \n");
    }
}
