//! Processes and signals, from outside: start, reload, stop, death of a worker, replacement of an older process.
//!
//! Nothing here waits for time: each step waits for a line on standard error or for the end of a process. Listeners are Unix sockets in a
//! directory of the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longer than any step takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory with a configuration that answers 200 on `web.sock`.
struct Site(PathBuf);

impl Site {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("haproxy-rs-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        let site = Self(path);
        site.configure("");
        site
    }

    /// Writes the configuration with lines added at its end.
    fn configure(&self, more: &str) {
        let text = format!(
            "global\n nbthread 2\n stats socket {stats} level admin expose-fd listeners\n\
             defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             frontend web\n bind unix@{web}\n http-request return status 200\n{more}",
            stats = self.path("stats.sock").display(),
            web = self.path("web.sock").display(),
        );
        std::fs::write(self.path("h.cfg"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn start(&self, arguments: &[&str]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_haproxy"))
            .args(arguments)
            .arg("-f")
            .arg(self.path("h.cfg"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Process { child, lines, seen: Vec::new() }
    }

    /// The status line of an answer.
    fn get(&self) -> String {
        let mut stream = UnixStream::connect(self.path("web.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.lines().next().unwrap_or_default().to_owned()
    }

    /// Waits until a socket accepts connections.
    fn listens(&self, name: &str) {
        let end = std::time::Instant::now() + PATIENCE;
        while UnixStream::connect(self.path(name)).is_err() {
            assert!(std::time::Instant::now() < end, "{name} does not listen");
            std::thread::yield_now();
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Process {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// The next line that contains a text.
    fn says(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => self.seen.push(line),
                Err(_) => panic!("no line with '{text}' after {:#?}", self.seen),
            }
        }
    }

    /// The process id of the worker that the master tells next.
    fn new_worker(&mut self) -> i32 {
        let line = self.says("New worker (");
        let pid = line.split_once("New worker (").unwrap().1.split_once(')').unwrap().0.parse().unwrap();
        self.says("Loading success.");
        pid
    }

    /// Waits for the end of its standard error, which is the end of the process and of all that it started.
    fn ends(mut self) -> ExitStatus {
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().unwrap()
    }

    fn code(self) -> Option<i32> {
        self.ends().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A master that is killed takes its workers along.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_reload_replaces_the_worker_and_keeps_the_socket() {
    let site = Site::new();
    let mut master = site.start(&["-W"]);
    let first = master.new_worker();
    assert_eq!(site.get(), "HTTP/1.1 200 OK");
    // A connection that is in the middle of a request when the reload comes is finished by the old worker.
    let mut held = UnixStream::connect(site.path("web.sock")).unwrap();
    held.set_read_timeout(Some(PATIENCE)).unwrap();
    held.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").unwrap();
    assert_eq!(site.get(), "HTTP/1.1 200 OK");
    for signal in [Signal::SIGUSR2, Signal::SIGHUP] {
        master.signal(signal);
        master.says("Reloading HAProxy");
        assert_ne!(master.new_worker(), first);
        assert_eq!(site.get(), "HTTP/1.1 200 OK");
    }
    held.write_all(b"\r\n").unwrap();
    let mut answer = String::new();
    held.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("connection: close"), "{answer}");
    master.says(&format!("Former worker ({first}) exited with code 0 (Exit)"));
    master.signal(Signal::SIGUSR1);
    master.says("Exiting Master process...");
    master.says("All workers exited. Exiting... (0)");
    assert_eq!(master.code(), Some(0));
}

#[test]
fn a_broken_configuration_leaves_the_old_worker_serving() {
    let site = Site::new();
    let mut master = site.start(&["-W"]);
    master.new_worker();
    site.configure(" nonsense\n");
    master.signal(Signal::SIGUSR2);
    master.says("unknown keyword 'nonsense' in 'frontend' section");
    master.says("Loading failure!");
    assert_eq!(site.get(), "HTTP/1.1 200 OK");
    // An address that cannot be bound is no reason to stop either.
    site.configure(" bind unix@/nonexistent/x.sock\n");
    master.signal(Signal::SIGUSR2);
    master.says("cannot bind UNIX socket (No such file or directory) [/nonexistent/x.sock]");
    master.says("Loading failure!");
    assert_eq!(site.get(), "HTTP/1.1 200 OK");
    site.configure("");
    master.signal(Signal::SIGUSR2);
    master.new_worker();
    assert_eq!(site.get(), "HTTP/1.1 200 OK");
    master.signal(Signal::SIGTERM);
    assert_eq!(master.code(), Some(0));
}

#[test]
fn a_worker_that_dies_takes_the_master_down() {
    let site = Site::new();
    for (signal, code) in [(Signal::SIGKILL, 137), (Signal::SIGSEGV, 139)] {
        let mut master = site.start(&["-W"]);
        let worker = master.new_worker();
        assert_eq!(site.get(), "HTTP/1.1 200 OK");
        kill(Pid::from_raw(worker), signal).unwrap();
        master.says(&format!("Current worker ({worker}) exited with code {code}"));
        master.says("exit-on-failure: killing every processes with SIGTERM");
        master.says(&format!("All workers exited. Exiting... ({code})"));
        assert_eq!(master.code(), Some(code));
    }
}

#[test]
fn a_worker_does_not_outlive_its_master() {
    let site = Site::new();
    let mut master = site.start(&["-W"]);
    master.new_worker();
    assert_eq!(site.get(), "HTTP/1.1 200 OK");
    master.signal(Signal::SIGKILL);
    // Standard error closes when the worker has gone, too.
    assert_eq!(master.ends().signal(), Some(Signal::SIGKILL as i32));
    assert!(UnixStream::connect(site.path("web.sock")).is_err());
}

#[test]
fn a_foreground_process_stops_softly_or_at_once() {
    let site = Site::new();
    let mut soft = site.start(&["-db"]);
    site.listens("web.sock");
    assert_eq!(site.get(), "HTTP/1.1 200 OK");
    soft.signal(Signal::SIGUSR1);
    soft.says("Proxy web stopped (cumulated conns: FE: ");
    assert_eq!(soft.code(), Some(0));
    let hard = site.start(&["-db"]);
    site.listens("web.sock");
    assert_eq!(site.get(), "HTTP/1.1 200 OK");
    hard.signal(Signal::SIGTERM);
    assert_eq!(hard.ends().signal(), Some(Signal::SIGTERM as i32));
}

#[test]
fn a_newer_process_takes_the_sockets_over() {
    let site = Site::new();
    let mut old = site.start(&["-db"]);
    site.listens("web.sock");
    assert_eq!(site.get(), "HTTP/1.1 200 OK");
    let stats = site.path("stats.sock").display().to_string();
    let pid = old.pid().to_string();
    let new = site.start(&["-db", "-x", &stats, "-sf", &pid]);
    old.says("Proxy web stopped");
    assert_eq!(old.code(), Some(0));
    assert_eq!(site.get(), "HTTP/1.1 200 OK");
    new.signal(Signal::SIGUSR1);
    assert_eq!(new.code(), Some(0));
}

#[test]
fn what_cannot_start_says_why() {
    let site = Site::new();
    site.configure(" bind unix@/nonexistent/x.sock\n");
    let mut refused = site.start(&["-db"]);
    refused
        .says("for frontend web: protocol unix_stream: cannot bind UNIX socket (No such file or directory)");
    refused.says("Some protocols failed to start their listeners! Exiting.");
    assert_eq!(refused.code(), Some(1));
    site.configure("");
    let mut refused = site.start(&["-db", "-x", "/nonexistent/stats.sock"]);
    refused.says("Failed to connect to the old process socket '/nonexistent/stats.sock'");
    refused.says("Failed to get the sockets from the old process!");
    assert_eq!(refused.code(), Some(1));
}

#[test]
fn a_pid_file_names_the_master() {
    let site = Site::new();
    let file = site.path("h.pid").display().to_string();
    let mut master = site.start(&["-W", "-p", &file]);
    master.new_worker();
    assert_eq!(std::fs::read_to_string(Path::new(&file)).unwrap(), format!("{}\n", master.pid()));
    master.signal(Signal::SIGTERM);
    assert_eq!(master.code(), Some(0));
    assert!(Path::new(&file).exists());
}

#[test]
fn connections_arrive_over_a_socket_pair() {
    use std::os::fd::{AsFd, AsRawFd};
    let site = Site::new();
    let (near, far) = UnixStream::pair().unwrap();
    // The program inherits its end by number.
    nix::fcntl::fcntl(far.as_fd(), nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    site.configure(&format!(" bind sockpair@{}\n", far.as_raw_fd()));
    let process = site.start(&["-db"]);
    drop(far);
    let (mut client, server) = UnixStream::pair().unwrap();
    sys::fd_passing::send(near.as_fd(), &[0, 0], &[server.as_fd()]).unwrap();
    drop(server);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    process.signal(Signal::SIGUSR1);
    assert_eq!(process.code(), Some(0));
}
