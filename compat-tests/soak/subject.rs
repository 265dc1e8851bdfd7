//! The proxy under test: a master with its worker, its stats socket, its log, and what the system says about it.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::client::Ports;

const CONFIG: &str = "global
    stats socket {dir}/admin.sock mode 600 level admin expose-fd listeners
    stats timeout 30s
    log {log} local0
    maxconn 2000
    nbthread 2
    hard-stop-after 60s

defaults
    mode http
    log global
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    timeout queue 20s
    timeout http-request 20s
    timeout http-keep-alive 20s
    timeout tunnel 20s
    retries 2

frontend web
    bind {web}
    capture request header x-id len 20
    log-format \"soak %[capture.req.hdr(0)] %ST %tsc\"
    use_backend %[path,field(2,/)]

frontend slow
    bind {slow}
    timeout client 1s
    timeout http-request 1s
    default_backend safe

listen raw
    bind {raw}
    mode tcp
    option splice-request
    option splice-response
    server s {echo}

backend never
    http-reuse never
    server s {http}

backend safe
    http-reuse safe
    server s {http}

backend aggressive
    http-reuse aggressive
    option splice-request
    option splice-response
    server s {http}

backend always
    http-reuse always
    option splice-auto
    server s {http} pool-purge-delay 500ms

backend flaky
    http-reuse always
    server s {http}

backend server-close
    option http-server-close
    server s {http}

backend queue
    server s {http} maxconn 3

backend buffered
    option http-buffer-request
    server s {http}

backend redispatch
    option redispatch
    retries 1
    server good {http}
    server dead {refused}

backend retrying
    retry-on all-retryable-errors
    retries 3
    http-reuse always
    server s {http}
    server other {http}

backend dead
    retries 0
    server s {refused}

backend stall
    timeout server 1s
    server s {http}
";

/// The log lines: how many of each id, and the status in them.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// By id.
    pub(crate) lines: HashMap<u64, (u32, u16)>,
    /// Lines of requests whose head never came, or not up to the id.
    pub(crate) nameless: u64,
}

/// `show stat`: (proxy, and server or FRONTEND or BACKEND) -> column -> number.
pub(crate) type Statistics = HashMap<(String, String), HashMap<String, u64>>;

/// The running proxy.
pub(crate) struct Subject {
    child: Child,
    folder: PathBuf,
    /// Where it listens.
    pub(crate) ports: Ports,
    /// What it logged.
    pub(crate) log: Arc<Mutex<Log>>,
    log_port: u16,
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
}

/// Waits for a condition; the error says for what.
pub(crate) fn until<T>(
    what: &str,
    patience: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T, String> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {patience:?}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Subject {
    /// Starts the program as a master with a worker.
    pub(crate) fn start(
        program: &Path,
        http: SocketAddr,
        echo: SocketAddr,
        refused: SocketAddr,
    ) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("haproxy-rs-soak-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(8 << 20);
        let log_address = socket.local_addr().map_err(|error| error.to_string())?;
        let log = Arc::new(Mutex::new(Log::default()));
        let record = Arc::clone(&log);
        std::thread::spawn(move || receive_log(&socket, &record));
        let ports = Ports { web: free_address(), slow: free_address(), raw: free_address() };
        let mut text = CONFIG.replace("{dir}", &folder.to_string_lossy());
        for (name, address) in [
            ("{log}", log_address),
            ("{web}", ports.web),
            ("{slow}", ports.slow),
            ("{raw}", ports.raw),
            ("{http}", http),
            ("{echo}", echo),
            ("{refused}", refused),
        ] {
            text = text.replace(name, &address.to_string());
        }
        let file = folder.join("haproxy.cfg");
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        let output = std::fs::File::create(folder.join("output")).map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("HAPROXY") || name.starts_with("NOTIFY_") || name.starts_with("LISTEN_") {
                command.env_remove(name);
            }
        }
        let child = command
            .args(["-W", "-db", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(|error| error.to_string())?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let subject = Self { child, folder, ports, log, log_port: log_address.port() };
        until("the proxy listens", Duration::from_secs(20), || TcpStream::connect(ports.web).ok())
            .map_err(|error| format!("{error}\n{}", subject.output()))?;
        Ok(subject)
    }

    /// What it wrote to its output.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(self.folder.join("output")).unwrap_or_default()
    }

    /// Its workers.
    pub(crate) fn workers(&self) -> Vec<u32> {
        let pid = self.child.id();
        let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    }

    /// The process id of the master.
    pub(crate) fn master(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// SIGUSR2, and the wait for a worker that was not there before.
    pub(crate) fn reload(&self) -> Result<(), String> {
        let before = self.workers();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            self.signal(Signal::SIGUSR2);
            // The stock master loses a signal that comes before it has finished starting.
            let fresh = until("", Duration::from_secs(3), || {
                self.workers().iter().any(|pid| !before.contains(pid)).then_some(())
            });
            if fresh.is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("no new worker after SIGUSR2\n{}", self.output()));
            }
        }
    }

    /// One command on the stats socket.
    pub(crate) fn command(&self, command: &str) -> Result<String, String> {
        let path = self.folder.join("admin.sock");
        let ask = || -> std::io::Result<String> {
            let mut stream = UnixStream::connect(&path)?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            stream.write_all(format!("{command}\n").as_bytes())?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        ask().map_err(|error| format!("'{command}': {error}"))
    }

    /// `show stat`.
    pub(crate) fn statistics(&self) -> Result<Statistics, String> {
        let text = self.command("show stat")?;
        let mut lines = text.trim_start_matches("# ").lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let mut rows = HashMap::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let cells: Vec<&str> = line.split(',').collect();
            let [proxy, name, ..] = cells.as_slice() else { continue };
            let numbers = names
                .iter()
                .zip(&cells)
                .filter_map(|(name, cell)| Some(((*name).to_owned(), cell.parse().ok()?)))
                .collect();
            rows.insert(((*proxy).to_owned(), (*name).to_owned()), numbers);
        }
        Ok(rows)
    }

    /// Log datagrams that the kernel dropped because this test did not read them in time.
    pub(crate) fn log_drops(&self) -> u64 {
        let text = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
        let end = format!(":{:04X}", self.log_port);
        text.lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .find(|words| words.get(1).is_some_and(|local| local.ends_with(&end)))
            .and_then(|words| words.last()?.parse().ok())
            .unwrap_or(0)
    }

    /// SIGUSR1, and the wait until the master has gone too.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        self.signal(Signal::SIGUSR1);
        until("the end after SIGUSR1", Duration::from_secs(30), || self.child.try_wait().ok().flatten())
            .map(|_| ())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        for worker in self.workers() {
            if let Ok(pid) = i32::try_from(worker) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn receive_log(socket: &UdpSocket, log: &Mutex<Log>) {
    let mut buffer = [0; 2048];
    while let Ok(count) = socket.recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        let Some(at) = text.find("soak ") else { continue };
        let words: Vec<&str> = text[at..].split_whitespace().collect();
        let [_, id, status, ..] = words.as_slice() else { continue };
        let Ok(mut log) = log.lock() else { continue };
        let Ok(id) = u64::from_str_radix(id, 16) else {
            log.nameless += 1;
            continue;
        };
        let line = log.lines.entry(id).or_default();
        line.0 += 1;
        line.1 = status.parse().unwrap_or(0);
    }
}

/// Open descriptors of a process.
pub(crate) fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// CPU time that a process has used.
pub(crate) fn cpu(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<u64> = text
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .map(|word| word.parse().unwrap_or(0))
        .collect();
    // Clock ticks of 10 ms: user and system time are the 14th and 15th field of the whole line.
    Duration::from_millis(10 * (fields.get(11).unwrap_or(&0) + fields.get(12).unwrap_or(&0)))
}

/// Resident memory of a process, KiB.
pub(crate) fn resident(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
        .unwrap_or(0)
}
