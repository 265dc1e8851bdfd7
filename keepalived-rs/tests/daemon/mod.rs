//! The daemon in a network namespace of its own: start, notification, status socket, stop. Needs root; says so and passes
//! without.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running daemon in its own namespace, ended with the test.
struct Daemon {
    process: Child,
    directory: PathBuf,
}

impl Daemon {
    /// Starts with `global` in `global_defs` and `rest` behind it; `None` without root or namespaces.
    fn start(name: &str, global: &str, rest: &str) -> Option<Self> {
        // Not the target directory: a socket's path is short.
        let directory = std::env::temp_dir().join(format!("keepalived-rs-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let dir = directory.display();
        let text = format!(
            "global_defs {{\n script_user root\n {global}\n}}\n{rest}\nvrrp_instance VI_1 {{\n interface here\n virtual_router_id 51\n version 3\n advert_int 0.1\n priority 100\n virtual_ipaddress {{\n  10.9.8.100/24\n }}\n track_file {{\n  tf\n }}\n}}\n"
        )
        .replace("DIR", &dir.to_string());
        fs::write(directory.join("CONF"), text).unwrap();
        let program = env!("CARGO_BIN_EXE_keepalived");
        let script = format!(
            "ip link add here type veth peer name there && ip addr add 10.9.8.1/24 dev here && ip link set lo up && ip link set there up && ip link set here up && exec {program} -n -l -G -D -f {dir}/CONF -p {dir}/p.pid -r {dir}/v.pid"
        );
        let log = fs::File::create(directory.join("log")).unwrap();
        let process = Command::new("unshare")
            .args(["--net", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .ok()?;
        let mut daemon = Self { process, directory };
        if !daemon.comes_up() {
            println!("no root, no namespaces or no veth pairs: nothing was tested\n{}", daemon.log());
            let _ = fs::remove_dir_all(&daemon.directory);
            return None;
        }
        Some(daemon)
    }

    fn comes_up(&mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        while !self.log().contains("Startup complete") {
            if Instant::now() > until || self.process.try_wait().unwrap().is_some() {
                let reached = self.log().contains("Starting Keepalived");
                assert!(!reached, "the daemon did not start:\n{}", self.log());
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Waits until something is so.
    fn until(&self, what: &str, is: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is() {
            assert!(Instant::now() < until, "waiting for {what}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(mut self) -> String {
        nix::sys::signal::kill(self.pid(), nix::sys::signal::Signal::SIGTERM).unwrap();
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}:\n{}", self.log());
        let log = self.log();
        fs::remove_dir_all(&self.directory).unwrap();
        log
    }

    fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.process.id()).unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

fn get(socket: &Path, path: &str) -> String {
    let Ok(mut stream) = UnixStream::connect(socket) else { return String::new() };
    let mut text = String::new();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut text));
    text
}

#[test]
fn the_status_socket_tells_what_the_daemon_does() {
    let global = "status_socket DIR/status\n notify_fifo DIR/fifo\n vrrp_notify_priority_changes\n startup_script \"/usr/bin/touch DIR/started\"\n shutdown_script \"/usr/bin/touch DIR/stopped\"";
    let tracker = "track_file tf {\n file DIR/value\n weight 2\n init_file 0 overwrite\n}";
    let Some(daemon) = Daemon::start("status", global, tracker) else { return };
    let directory = daemon.directory.clone();
    assert!(directory.join("started").exists(), "startup_script did not run");
    let socket = directory.join("status");
    daemon.until("MASTER", || get(&socket, "/status").contains("\"state\":\"MASTER\""));
    let status = get(&socket, "/status");
    assert!(status.contains("\"reason\":\"no advert for the master down time\""), "{status}");
    let metric = "keepalived_vrrp_effective_priority{instance=\"VI_1\",interface=\"here\",vrid=\"51\"}";
    assert!(get(&socket, "/metrics").contains(&format!("{metric} 100\n")));
    fs::write(directory.join("value"), "10\n").unwrap();
    daemon.until("priority 120", || get(&socket, "/metrics").contains(&format!("{metric} 120\n")));
    assert!(get(&socket, "/status").contains("\"adds\":20"));
    let mut fifo = fs::OpenOptions::new().read(true).write(true).open(directory.join("fifo")).unwrap();
    let want =
        "INSTANCE \"VI_1\" BACKUP 100\nINSTANCE \"VI_1\" MASTER 100\nINSTANCE \"VI_1\" MASTER_PRIORITY 120\n";
    let mut got = vec![0; want.len()];
    fifo.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), want);
    nix::sys::signal::kill(daemon.pid(), nix::sys::signal::Signal::SIGTERM).unwrap();
    daemon.until("shutdown_script", || directory.join("stopped").exists());
    let mut got = vec![0; "INSTANCE \"VI_1\" STOP 120\n".len()];
    fifo.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), "INSTANCE \"VI_1\" STOP 120\n");
    drop(fifo);
    daemon.stop_after_signal();
}

impl Daemon {
    fn stop_after_signal(mut self) {
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}:\n{}", self.log());
        assert!(!self.directory.join("status").exists() && !self.directory.join("fifo").exists());
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

#[test]
fn a_broken_configuration_is_kept_out_and_written_to_the_check_s_log() {
    let global = "enable_script_security\n reload_check_config DIR/check.log\n reload_file DIR/reading\n status_socket DIR/status";
    let tracker = "track_file tf {\n file DIR/value\n}";
    let Some(daemon) = Daemon::start("reload", global, tracker) else { return };
    let conf = daemon.directory.join("CONF");
    let text = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, text.replace("priority 100", "priority 1000")).unwrap();
    nix::sys::signal::kill(daemon.pid(), nix::sys::signal::Signal::SIGHUP).unwrap();
    daemon.until("the verdict", || daemon.log().contains("New config failed validation, see "));
    let log = fs::read_to_string(daemon.directory.join("check.log")).unwrap();
    assert!(log.contains("number '1000' outside range [1, 255]"), "{log}");
    fs::write(&conf, text.replace("priority 100", "priority 90")).unwrap();
    nix::sys::signal::kill(daemon.pid(), nix::sys::signal::Signal::SIGHUP).unwrap();
    daemon.until("the reload", || daemon.log().contains("Reload complete"));
    assert!(!daemon.directory.join("reading").exists());
    let metric = "keepalived_vrrp_base_priority{instance=\"VI_1\",interface=\"here\",vrid=\"51\"} 90\n";
    let socket = daemon.directory.join("status");
    daemon.until("priority 90", || get(&socket, "/metrics").contains(metric));
    let log = daemon.stop();
    assert_eq!(log.matches("Reload complete").count(), 1, "{log}");
}
