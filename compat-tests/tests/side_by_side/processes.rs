//! Processes from outside: limits, threads, environment, sockets handed from one worker to the next, and how long old workers live.
//!
//! Nothing here waits for time: each step waits for a line, an answer or the end of a process. Stats sockets are in a directory of the
//! test's own; ports are held by a socket that does not listen.

use socket2::{Domain, Socket, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::subject::{PATIENCE, Scratch, Subject, subjects};

const DEFAULTS: &str =
    "defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\n";

/// A port that is ours as long as the value lives, and that a haproxy of the same user can listen on beside it.
pub(crate) struct Port(Socket, pub(crate) u16);

impl Port {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("the option");
        socket.set_reuse_port(true).expect("the option");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
        let port = socket.local_addr().expect("its address").as_socket().expect("an address").port();
        Self(socket, port)
    }

    /// How many sockets listen on it.
    fn listeners(&self) -> usize {
        let _held = &self.0;
        let wanted = format!("0100007F:{:04X}", self.1);
        let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
        table
            .lines()
            .filter(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                fields.get(1) == Some(&wanted.as_str()) && fields.get(3) == Some(&"0A")
            })
            .count()
    }
}

/// A directory with a configuration and a stats socket.
pub(crate) struct Site {
    scratch: Scratch,
    subject: Subject,
}

impl Site {
    pub(crate) fn new(subject: &Subject) -> Self {
        Self { scratch: Scratch::new(), subject: subject.clone() }
    }

    pub(crate) fn stats(&self) -> PathBuf {
        self.scratch.path("stats.sock")
    }

    /// `global` lines beside the stats socket, and what follows the defaults.
    pub(crate) fn configure(&self, global: &str, proxies: &str) {
        let text = format!(
            "global\n stats socket {} mode 600 level admin expose-fd listeners\n stats timeout 30s\n{global}\n{DEFAULTS}{proxies}",
            self.stats().display()
        );
        std::fs::write(self.scratch.path("h.cfg"), text).expect("the configuration is written");
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        self.start_under("", arguments)
    }

    /// `before` is a line of shell.
    pub(crate) fn start_under(&self, before: &str, arguments: &[&str]) -> Process {
        let of_program = self.subject.command();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{before}\nexec \"$0\" \"$@\"")]).arg(&self.subject.program);
        for (name, value) in of_program.get_envs() {
            if value.is_none() {
                command.env_remove(name);
            }
        }
        let mut child = command
            .args(arguments)
            .arg("-f")
            .arg(self.scratch.path("h.cfg"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Process { child, lines, seen: Vec::new(), name: self.subject.name }
    }

    /// The answer of the stats socket, once it is there.
    pub(crate) fn ask(&self, command: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut stream = loop {
            match UnixStream::connect(self.stats()) {
                Ok(stream) => break stream,
                Err(error) => {
                    assert!(Instant::now() < end, "{}: no stats socket: {error}", self.subject.name)
                }
            }
            std::thread::yield_now();
        };
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(format!("{command}\n").as_bytes()).expect("the command is sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    }

    /// `Key: value` lines of an answer.
    pub(crate) fn fields(&self, command: &str, separator: &str) -> BTreeMap<String, String> {
        let text = self.ask(command);
        let pairs = text.lines().filter_map(|line| line.split_once(separator));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

pub(crate) struct Process {
    pub(crate) child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    name: &'static str,
}

impl Process {
    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let done = Command::new("/bin/sh").args(["-c", "kill -\"$0\" \"$1\"", signal, &pid]).status();
        assert!(done.is_ok_and(|status| status.success()), "{}: kill -{signal}", self.name);
    }

    /// The next line that contains a text.
    fn says(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => self.seen.push(line),
                Err(_) => panic!("{}: no line with '{text}' after {:#?}", self.name, self.seen),
            }
        }
    }

    /// The process id of the worker that the master tells next.
    fn new_worker(&mut self) -> String {
        let line = self.says("New worker (");
        let pid = line.split_once("New worker (").and_then(|(_, rest)| rest.split_once(')'));
        let pid = pid.expect("a process id").0.to_owned();
        self.says("Loading success.");
        pid
    }

    /// Asks a master for a reload. The reference loses a signal that comes while it starts itself anew.
    fn reload(&mut self) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.signal("USR2");
            while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(3)) {
                if line.contains("Reloading HAProxy") {
                    return;
                }
                self.seen.push(line);
            }
        }
        panic!("{}: no reload after {:#?}", self.name, self.seen);
    }

    /// The exit code, and the lines that were not asked for.
    fn ends(mut self) -> (Option<i32>, Vec<String>) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        let code = self.child.wait().expect("the child's state").code();
        (code, std::mem::take(&mut self.seen))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `global` lines, the limit on descriptors (soft and hard) of the shell, arguments; and what `show info` says.
struct Limits {
    global: &'static str,
    ulimit: &'static str,
    arguments: &'static [&'static str],
    /// Maxconn, Maxsock, Ulimit-n, Maxpipes, Memmax_MB
    told: [u64; 5],
}

const LIMITS: &[Limits] = &[
    Limits { global: "", ulimit: "1024", arguments: &[], told: [498, 1024, 1024, 0, 0] },
    Limits { global: " maxconn 50", ulimit: "1024", arguments: &[], told: [50, 128, 128, 0, 0] },
    Limits { global: " maxconn 50", ulimit: "1024", arguments: &["-n", "60"], told: [60, 148, 148, 0, 0] },
    Limits { global: " ulimit-n 500", ulimit: "1024", arguments: &[], told: [498, 1024, 500, 0, 0] },
    Limits { global: " fd-hard-limit 500", ulimit: "1024", arguments: &[], told: [236, 500, 500, 0, 0] },
    Limits {
        global: " maxpipes 100\n maxconn 50",
        ulimit: "1024",
        arguments: &[],
        told: [50, 328, 328, 100, 0],
    },
    Limits {
        global: " maxconn 100\n thread-groups 2",
        ulimit: "1024",
        arguments: &[],
        told: [100, 230, 230, 0, 0],
    },
    Limits { global: "", ulimit: "1024", arguments: &["-m", "10"], told: [280, 588, 588, 0, 10] },
    Limits { global: SPLICES, ulimit: "1024", arguments: &[], told: [398, 1022, 1022, 99, 0] },
    Limits {
        global: " maxconn 3\nbackend x\n option splice-auto",
        ulimit: "1024",
        arguments: &[],
        told: [3, 40, 40, 3, 0],
    },
    Limits {
        global: " maxconn 50\n nosplice\nbackend x\n option splice-response",
        ulimit: "1024",
        arguments: &["-dS"],
        told: [50, 152, 152, 12, 0],
    },
    Limits {
        global: " maxconn 50\n maxpipes 7\nbackend x\n option splice-request",
        ulimit: "1024",
        arguments: &[],
        told: [50, 142, 142, 7, 0],
    },
];

const SPLICES: &str = "backend x\n option splice-auto";

#[test]
fn limits_are_derived_alike() {
    for subject in subjects() {
        let site = Site::new(&subject);
        for Limits { global, ulimit, arguments, told } in LIMITS {
            let port = Port::new();
            let frontend = format!("frontend f\n bind 127.0.0.1:{}\n http-request deny\n", port.1);
            site.configure(&format!(" nbthread 2\n cpu-map all 0-1\n{global}"), &frontend);
            let arguments = [&["-db"], *arguments].concat();
            let process = site.start_under(&format!("ulimit -n {ulimit}"), &arguments);
            let info = site.fields("show info", ": ");
            let found = ["Maxconn", "Maxsock", "Ulimit-n", "Maxpipes", "Memmax_MB"]
                .map(|key| info.get(key).and_then(|value| value.parse::<u64>().ok()).unwrap_or(u64::MAX));
            assert_eq!(found, *told, "{}: {global} {arguments:?}", subject.name);
            process.signal("TERM");
            process.ends();
            let _ = std::fs::remove_file(site.stats());
        }
    }
}

#[test]
fn limits_that_cannot_be_met() {
    let cases = [
        ("", "100", 1, "Cannot raise FD limit to 228, limit is 100."),
        (" maxconn 1000", "1024", 1, "Cannot raise FD limit to 2028, limit is 1024."),
        (" ulimit-n 5000", "1024", 1, "Cannot raise FD limit to 5000, limit is 1024."),
        (" fd-hard-limit 500\n maxconn 1000", "1024", 1, "Cannot raise FD limit to 2028, limit is 500."),
        (
            " maxpipes 100\n ulimit-n 900",
            "1024",
            1,
            "FD limit (1024) too low for maxconn=498/maxsock=1224. Please raise 'ulimit-n' to 1224 or more to avoid any trouble.",
        ),
    ];
    for subject in subjects() {
        let site = Site::new(&subject);
        for (global, ulimit, code, text) in cases {
            let port = Port::new();
            let frontend = format!("frontend f\n bind 127.0.0.1:{}\n http-request deny\n", port.1);
            site.configure(&format!(" nbthread 2\n cpu-map all 0-1\n{global}"), &frontend);
            // Root may raise the hard limit where it has the right to; a user may not.
            let before = format!("ulimit -n {ulimit}");
            let mut process = site.start_under(&before, &["-db"]);
            if can_raise_limits() {
                continue;
            }
            process.says(text);
            assert_eq!(process.ends().0, Some(code), "{}: {global}", subject.name);
        }
        if can_raise_limits() {
            println!("this user may raise every limit: refusals are not tested");
            return;
        }
        let port = Port::new();
        let frontend = format!("frontend f\n bind 127.0.0.1:{}\n http-request deny\n", port.1);
        site.configure(" nbthread 2\n cpu-map all 0-1\n maxconn 1000\n no strict-limits", &frontend);
        let mut process = site.start_under("ulimit -n 1024", &["-db"]);
        process.says("Cannot raise FD limit to 2028, limit is 1024.");
        process.says("FD limit (1024) too low for maxconn=1000/maxsock=2028.");
        let info = site.fields("show info", ": ");
        assert_eq!(info.get("Ulimit-n").map(String::as_str), Some("1024"), "{}", subject.name);
        assert_eq!(info.get("Maxsock").map(String::as_str), Some("2028"), "{}", subject.name);
    }
}

/// Whether a limit once lowered can be raised again.
fn can_raise_limits() -> bool {
    let done = Command::new("/bin/sh").args(["-c", "ulimit -n 100 && ulimit -n 200"]).output();
    done.is_ok_and(|output| output.status.success())
}

#[test]
fn threads_run_where_cpu_map_says() {
    for subject in subjects() {
        let site = Site::new(&subject);
        let port = Port::new();
        let frontend = format!("frontend f\n bind 127.0.0.1:{}\n http-request deny\n", port.1);
        site.configure(" nbthread 2\n cpu-map auto:1/1-2 0,0\n cpu-map 1/1-2 0", &frontend);
        let process = site.start(&["-db"]);
        let info = site.fields("show info", ": ");
        assert_eq!(info.get("Nbthread").map(String::as_str), Some("2"));
        let tasks = format!("/proc/{}/task", process.child.id());
        let bound = std::fs::read_dir(tasks)
            .expect("the threads")
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok())
            .filter(|status| status.lines().any(|line| line == "Cpus_allowed_list:\t0"))
            .count();
        assert!(bound >= 2, "{}: {bound} threads on the first processor", subject.name);
    }
}

#[test]
fn shards_open_as_many_sockets() {
    let cases =
        [("", 1), ("shards 2", 2), ("shards by-thread", 4), ("thread 1-3 shards 9", 3), ("thread 2", 1)];
    for subject in subjects() {
        let site = Site::new(&subject);
        for (words, sockets) in cases {
            let port = Port::new();
            let frontend =
                format!("frontend f\n bind 127.0.0.1:{} {words}\n http-request return status 200\n", port.1);
            site.configure(" nbthread 4\n cpu-map all 0-3", &frontend);
            let process = site.start(&["-db"]);
            site.ask("show info");
            assert_eq!(port.listeners(), sockets, "{}: {words}", subject.name);
            // Every one of them is served.
            for _ in 0..sockets * 8 {
                assert_eq!(get(port.1), "HTTP/1.1 200 OK", "{}: {words}", subject.name);
            }
            process.signal("TERM");
            process.ends();
            let _ = std::fs::remove_file(site.stats());
        }
    }
}

/// The status line of an answer.
fn get(port: u16) -> String {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_worker_knows_its_surroundings() {
    for subject in subjects() {
        let site = Site::new(&subject);
        let port = Port::new();
        let frontend = format!("frontend f\n bind 127.0.0.1:{}\n http-request deny\n", port.1);
        let abstract_name = format!("side-by-side-{}-{}", std::process::id(), port.1);
        let global = format!(
            " stats socket abns@{abstract_name}\n localpeer here\n setenv ADDED value\n presetenv OUTER no\n unsetenv DROPPED"
        );
        site.configure(&global, &frontend);
        let master_socket = site.scratch.path("m.sock").display().to_string();
        let mut process = site
            .start_under("export OUTER=yes DROPPED=x", &["-W", "-S", &format!("{master_socket},mode,600")]);
        process.new_worker();
        let environment = site.fields("show env", "=");
        let told = |name: &str| environment.get(name).cloned().unwrap_or_default();
        assert_eq!(
            told("HAPROXY_CLI"),
            format!("unix@{};abns@{abstract_name}", site.stats().display()),
            "{}",
            subject.name
        );
        assert_eq!(told("HAPROXY_MASTER_CLI"), format!("unix@{master_socket}"), "{}", subject.name);
        assert_eq!(told("HAPROXY_CFGFILES"), site.scratch.path("h.cfg").display().to_string());
        assert_eq!(told("HAPROXY_MWORKER"), "1", "{}", subject.name);
        assert_eq!(told("HAPROXY_LOCALPEER"), "here", "{}", subject.name);
        assert!(told("HAPROXY_STARTUP_VERSION").starts_with("3.0.11"), "{}", subject.name);
        assert_eq!(
            (told("ADDED"), told("OUTER"), told("DROPPED")),
            ("value".into(), "yes".into(), "".into())
        );
        for hidden in ["HAPROXY_PROCESSES", "HAPROXY_MWORKER_REEXEC", "HAPROXY_BRANCH", "HAPROXY_TCP_LOG_FMT"]
        {
            assert!(!environment.contains_key(hidden), "{}: {hidden}", subject.name);
        }
    }
}

#[test]
fn a_stop_waits_for_its_grace() {
    for subject in subjects() {
        let site = Site::new(&subject);
        let port = Port::new();
        let frontend = format!("frontend f\n bind 127.0.0.1:{}\n http-request return status 200\n", port.1);
        site.configure(" grace 1s", &frontend);
        let mut process = site.start(&["-db"]);
        site.ask("show info");
        process.signal("USR1");
        process.says("Scheduling a soft-stop in 1000 ms.");
        // Another thread may answer before it has heard of the signal.
        crate::sockets::wait_for("the stop shows", || {
            let fields = site.fields("show info", ": ");
            (fields.get("Stopping").map(String::as_str) == Some("1")).then_some(())
        });
        assert_eq!(get(port.1), "HTTP/1.1 200 OK", "{}", subject.name);
        process.says("Grace period expired, proceeding with soft-stop now.");
        process.says("Proxy f stopped (cumulated conns: FE: 1, BE: 0).");
        // The reference now and then takes a minute more to end.
        if subject.name == "ours" {
            assert_eq!(process.ends().0, Some(0));
        }
    }
}

/// A soft stop: the process ends with its last connection, whichever thread has it.
#[test]
fn a_stopped_process_ends_with_its_last_connection() {
    for subject in subjects() {
        for threads in [1, 4] {
            let site = Site::new(&subject);
            let port = Port::new();
            let origin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let frontend = format!(
                "frontend f\n mode tcp\n bind 127.0.0.1:{}\n default_backend b\nbackend b\n mode tcp\n server s {}\n",
                port.1,
                origin.local_addr().expect("its address")
            );
            site.configure(&format!(" nbthread {threads}"), &frontend);
            let mut process = site.start(&["-db"]);
            site.ask("show info");
            let held: Vec<_> = (0..5)
                .map(|_| {
                    let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port.1)).expect("a connection");
                    (client, origin.accept().expect("the subject connects"))
                })
                .collect();
            process.signal("USR1");
            process.says("Proxy b stopped (cumulated conns: FE: 0, BE: 5).");
            drop(held);
            let end = Instant::now();
            assert_eq!(process.ends().0, Some(0), "{}", subject.name);
            let took = end.elapsed();
            // The reference now and then takes a minute more to end.
            if subject.name == "ours" {
                assert!(took < Duration::from_millis(500), "{threads} threads: it took {took:?} to end");
            }
        }
    }
}

/// `option idle-close-on-response`: a connection that waits for its next request outlives a soft stop, and the next response ends it.
/// Without the option it is closed.
#[test]
fn an_idle_connection_may_wait_for_its_last_response() {
    for subject in subjects() {
        for kept in [true, false] {
            let site = Site::new(&subject);
            let port = Port::new();
            let option = if kept { "option idle-close-on-response" } else { "" };
            let frontend = format!(
                "frontend f\n bind 127.0.0.1:{}\n {option}\n http-request return status 200\n",
                port.1
            );
            site.configure(" nbthread 1", &frontend);
            let mut process = site.start(&["-db"]);
            site.ask("show info");
            let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port.1)).expect("a connection");
            client.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
            let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
            client.write_all(request).expect("a request");
            assert!(!response_head(&mut client).contains("connection: close"), "{}", subject.name);
            process.signal("USR1");
            process.says("Proxy f stopped (cumulated conns: FE: 1, BE: 0).");
            // The connection's thread may answer before it has heard of the signal.
            let end = Instant::now() + PATIENCE;
            loop {
                if !kept {
                    break;
                }
                client.write_all(request).expect("another request");
                let head = response_head(&mut client);
                assert!(head.starts_with("HTTP/1.1 200"), "{}: {head}", subject.name);
                if head.contains("connection: close") {
                    break;
                }
                assert!(Instant::now() < end, "{}: the response does not end the connection", subject.name);
            }
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).expect("the end of the connection");
            assert_eq!(rest, b"", "{}", subject.name);
            assert_eq!(process.ends().0, Some(0), "{}", subject.name);
        }
    }
}

/// A response's head; it has no body.
fn response_head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(client.read(&mut byte).expect("a response"), 1, "the response has an end");
        head.extend_from_slice(&byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

#[test]
fn an_old_worker_lives_for_so_many_reloads() {
    for subject in subjects() {
        let site = Site::new(&subject);
        let port = Port::new();
        let frontend = format!("frontend f\n bind 127.0.0.1:{}\n http-request return status 200\n", port.1);
        site.configure(" mworker-max-reloads 1", &frontend);
        let mut process = site.start(&["-W"]);
        let first = process.new_worker();
        // A request that does not end keeps the worker.
        let mut held = TcpStream::connect((Ipv4Addr::LOCALHOST, port.1)).expect("a connection");
        held.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").expect("half a request");
        wait_for_connection(&site);
        process.reload();
        process.new_worker();
        process.reload();
        process.new_worker();
        process.says(&format!("Former worker ({first}) exited with code 143 (Terminated)"));
    }
}

/// Until a connection has been accepted.
fn wait_for_connection(site: &Site) {
    let end = Instant::now() + PATIENCE;
    while !site
        .ask("show stat")
        .lines()
        .any(|l| l.starts_with("f,FRONTEND,") && l.split(',').nth(4) == Some("1"))
    {
        assert!(Instant::now() < end, "{}: the connection was not accepted", site.subject.name);
    }
}

#[test]
fn every_listening_socket_is_handed_over() {
    for subject in subjects() {
        let site = Site::new(&subject);
        let (port, added, removed) = (Port::new(), Port::new(), Port::new());
        let name = format!("side-by-side-reload-{}-{}", std::process::id(), port.1);
        let web = site.scratch.path("web.sock");
        let frontend = |more: &str| {
            format!(
                "frontend f\n bind 127.0.0.1:{}\n bind unix@{}\n bind abns@{name}\n{more} http-request return status 200\n",
                port.1,
                web.display()
            )
        };
        site.configure("", &frontend(&format!(" bind 127.0.0.1:{}\n", removed.1)));
        let mut process = site.start(&["-W"]);
        process.new_worker();
        let identity =
            |path: &PathBuf| std::fs::metadata(path).map(|m| (m.dev(), m.ino())).expect("a socket");
        let before = (identity(&site.stats()), identity(&web), listening_inodes(&name));
        site.configure("", &frontend(&format!(" bind 127.0.0.1:{}\n", added.1)));
        process.reload();
        process.new_worker();
        assert_eq!(get(added.1), "HTTP/1.1 200 OK", "{}", subject.name);
        let end = Instant::now() + PATIENCE;
        while removed.listeners() > 0 {
            assert!(Instant::now() < end, "{}: a socket that no line names is still open", subject.name);
            std::thread::yield_now();
        }
        assert_eq!(get(port.1), "HTTP/1.1 200 OK", "{}", subject.name);
        site.ask("show info");
        let after = (identity(&site.stats()), identity(&web), listening_inodes(&name));
        assert_eq!(before, after, "{}: the same sockets", subject.name);
        assert_eq!(before.2.len(), 1, "{}: the abstract one, too", subject.name);
    }
}

/// Inodes of the sockets that listen on an abstract name.
fn listening_inodes(name: &str) -> BTreeSet<String> {
    let table = std::fs::read_to_string("/proc/net/unix").expect("the kernel's table");
    table
        .lines()
        .filter(|line| line.contains(&format!("@{name}")))
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // Flags 00010000: it listens.
            (fields.get(3) == Some(&"00010000")).then(|| (*fields.get(6).unwrap_or(&"")).to_owned())
        })
        .collect()
}
