//! Two whole VRRP processes in two network namespaces, as threads. Needs root; says so and passes without.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::net::IpAddr;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keepalived_config::resolved::{
    Address, Command, Config, TrackedScript, User, Version, VrrpInstance, VrrpScript,
};
use netlink::Route;
use nix::sched::{CloneFlags, setns, unshare};
use tokio::sync::mpsc::UnboundedSender;
use vrrpd::{Control, ExitReason, Options, Params, Report};

const PATIENCE: Duration = Duration::from_secs(20);

fn address(text: &str, prefix: u8) -> Address {
    Address::new(text.parse().unwrap(), prefix, "eth0")
}

fn config(priority: u8) -> Config {
    let instance = VrrpInstance {
        version: Version::V3,
        priority,
        advert_int: Duration::from_millis(200),
        virtual_addresses: vec![address("10.8.0.100", 24)],
        garp_master_repeat: 1,
        garp_lower_prio_repeat: 1,
        ..VrrpInstance::new("VI_1", 51, "eth0")
    };
    Config { instances: vec![instance], ..Config::default() }
}

/// A namespace: a thread that stays in it and does what it is told.
struct Namespace {
    tasks: Sender<Box<dyn FnOnce() + Send>>,
    file: std::fs::File,
}

impl Namespace {
    fn new() -> Option<Self> {
        let (tasks, incoming) = channel::<Box<dyn FnOnce() + Send>>();
        let (ready, opened) = channel();
        std::thread::spawn(move || {
            let file = unshare(CloneFlags::CLONE_NEWNET)
                .ok()
                .and_then(|()| std::fs::File::open("/proc/thread-self/ns/net").ok());
            let _ = ready.send(file);
            for task in incoming {
                task();
            }
        });
        Some(Self { tasks, file: opened.recv().ok()?? })
    }

    /// Runs a future in the namespace and returns what it returns.
    fn run<T: Send + 'static, F: Future<Output = T>>(&self, work: impl FnOnce() -> F + Send + 'static) -> T {
        let (done, result) = channel();
        let task = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _ = done.send(runtime.block_on(work()));
        };
        self.tasks.send(Box::new(task)).unwrap();
        result.recv_timeout(PATIENCE).unwrap()
    }
}

use std::future::Future;

async fn set_up(name: &str, address: IpAddr) {
    let (connection, handle, _) = rtnetlink::new_connection().unwrap();
    tokio::spawn(connection);
    let links = Route::open().unwrap().links().unwrap();
    let link = links.iter().find(|link| link.name == name).unwrap();
    let message = rtnetlink::LinkUnspec::new_with_index(link.index).name("eth0").build();
    handle.link().set(message).execute().await.unwrap();
    handle.address().add(link.index, address, 24).execute().await.unwrap();
    handle
        .link()
        .set(rtnetlink::LinkUnspec::new_with_index(link.index).up().build())
        .execute()
        .await
        .unwrap();
}

/// Two namespaces, joined: eth0 with 10.8.0.1 and 10.8.0.2.
fn joined() -> Option<(Namespace, Namespace)> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: not root");
        return None;
    }
    let (Some(a), Some(b)) = (Namespace::new(), Namespace::new()) else {
        eprintln!("skipped: no network namespaces");
        return None;
    };
    let there = b.file.try_clone().unwrap();
    a.run(move || async move {
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        handle.link().add(rtnetlink::LinkVeth::new("here", "there").build()).execute().await.unwrap();
        let links = Route::open().unwrap().links().unwrap();
        let index = links.iter().find(|link| link.name == "there").unwrap().index;
        use std::os::fd::AsRawFd;
        let message = rtnetlink::LinkUnspec::new_with_index(index).setns_by_fd(there.as_raw_fd()).build();
        handle.link().set(message).execute().await.unwrap();
        set_up("here", "10.8.0.1".parse().unwrap()).await;
    });
    b.run(|| set_up("there", "10.8.0.2".parse().unwrap()));
    Some((a, b))
}

/// Collects the daemon's log lines.
struct Lines(Sender<String>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "keepalived"
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Text<'a>(&'a Sender<String>);
        impl tracing::field::Visit for Text<'_> {
            fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                let _ = self.0.send(format!("{value:?}"));
            }
        }
        event.record(&mut Text(&self.0));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

fn command(words: &[&str]) -> Command {
    let user = User { uid: nix::unistd::getuid().as_raw(), gid: nix::unistd::getgid().as_raw() };
    Command {
        path: words[0].into(),
        argv: words.iter().map(Into::into).collect(),
        text: words.join(" "),
        user,
        shell: false,
    }
}

/// A directory of this test's own.
fn scratch(name: &str) -> std::path::PathBuf {
    let directory = std::env::temp_dir().join(format!("vrrpd-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

struct Daemon {
    control: UnboundedSender<Control>,
    configs: Sender<Result<Config, String>>,
    lines: Receiver<String>,
    reports: Receiver<Report>,
    thread: Option<JoinHandle<ExitReason>>,
}

impl Daemon {
    fn start(namespace: &Namespace, config: Config) -> Self {
        Self::start_with(namespace, config, Options::default())
    }

    fn start_with(namespace: &Namespace, config: Config, options: Options) -> Self {
        let (control, controls) = tokio::sync::mpsc::unbounded_channel();
        let (configs, next_config) = channel();
        let (line, lines) = channel();
        let (report, reports) = channel();
        configs.send(Ok(config)).unwrap();
        let file = namespace.file.try_clone().unwrap();
        let thread = std::thread::spawn(move || {
            setns(file.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
            let params = Params {
                read_config: Box::new(move || next_config.recv_timeout(PATIENCE).unwrap().map(Rc::new)),
                control: controls,
                report: Box::new(move |what| report.send(what).unwrap()),
                bfd_events: None,
                options,
            };
            tracing::subscriber::with_default(Lines(line), || vrrpd::run(params))
        });
        Self { control, configs, lines, reports, thread: Some(thread) }
    }

    /// Waits for a line; returns when it came and the lines before it.
    fn until(&self, wanted: &str) -> (Instant, Vec<String>) {
        let mut before = Vec::new();
        // Lines that come again and again must not make it wait for ever.
        let end = Instant::now() + 3 * PATIENCE;
        loop {
            let line = self
                .lines
                .recv_timeout(end.saturating_duration_since(Instant::now()).min(PATIENCE))
                .unwrap_or_else(|_| panic!("no {wanted:?} after {before:#?}"));
            if line == wanted {
                return (Instant::now(), before);
            }
            before.push(line);
        }
    }

    fn report(&self) -> Report {
        self.reports.recv_timeout(PATIENCE).unwrap()
    }

    fn tell(&self, control: Control) {
        self.control.send(control).unwrap();
    }

    fn stop(mut self) -> ExitReason {
        self.tell(Control::Stop);
        self.thread.take().unwrap().join().unwrap()
    }
}

fn has_vip(namespace: &Namespace, vip: &str) -> bool {
    let vip: IpAddr = vip.parse().unwrap();
    namespace.run(move || async move {
        let addresses = Route::open().unwrap().addresses().unwrap();
        addresses.iter().any(|address| address.address == vip)
    })
}

#[test]
fn master_backup_preemption_reload_and_farewell() {
    let Some((a, b)) = joined() else { return };
    let backup = Daemon::start(&b, config(100));
    assert_eq!(backup.report(), Report::Started);
    backup.until("(VI_1) Entering MASTER STATE");

    // The better one takes over; the other one gives way.
    let master = Daemon::start(&a, config(150));
    let (_, lines) = master.until("(VI_1) Entering MASTER STATE");
    assert!(
        lines.contains(&"(VI_1) received lower priority (100) advert from 10.8.0.2 - discarding".to_owned()),
        "{lines:#?}"
    );
    let (_, lines) = backup.until("(VI_1) Entering BACKUP STATE");
    assert_eq!(
        lines.last().unwrap(),
        "(VI_1) Master received advert from 10.8.0.1 with higher priority 150, ours 100"
    );
    backup.until("(VI_1) removing VIPs.");
    master.until("Sending gratuitous ARP on eth0 for 10.8.0.100");
    assert!(has_vip(&a, "10.8.0.100"));
    assert_eq!(master.report(), Report::Started);

    // A broken configuration changes nothing and says why.
    master.configs.send(Err("line 3 is nonsense".into())).unwrap();
    master.tell(Control::Reload);
    assert_eq!(master.report(), Report::ReloadRefused("line 3 is nonsense".into()));
    assert!(has_vip(&a, "10.8.0.100"));

    // One address more, one less; still master.
    let mut changed = config(150);
    changed.instances[0].virtual_addresses = vec![address("10.8.0.101", 24)];
    master.configs.send(Ok(changed)).unwrap();
    master.tell(Control::Reload);
    let (_, lines) = master.until("(VI_1) ip address 10.8.0.100/24 dev eth0, no longer exist");
    assert!(!lines.iter().any(|line| line.contains("STATE")), "{lines:#?}");
    let (_, lines) = master.until("Sending gratuitous ARP on eth0 for 10.8.0.101");
    assert!(!lines.iter().any(|line| line.contains("STATE")), "{lines:#?}");
    assert_eq!(master.report(), Report::Reloaded);
    assert!(has_vip(&a, "10.8.0.101") && !has_vip(&a, "10.8.0.100"));

    // The farewell lets the other one take over after its skew time only.
    let before = Instant::now();
    assert_eq!(master.stop(), ExitReason::Stopped);
    assert!(!has_vip(&a, "10.8.0.101"));
    let (_, lines) = backup.until("(VI_1) Backup received priority 0 advertisement");
    assert!(!lines.iter().any(|line| line.contains("MASTER STATE")), "{lines:#?}");
    let (then, _) = backup.until("(VI_1) Entering MASTER STATE");
    assert!(then - before < Duration::from_secs(5));
    assert_eq!(backup.stop(), ExitReason::Stopped);
    assert!(!has_vip(&b, "10.8.0.100"));
}

#[test]
fn leftovers_are_removed_and_interfaces_waited_for() {
    let Some((a, _b)) = joined() else { return };
    a.run(|| async {
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        let links = Route::open().unwrap().links().unwrap();
        let index = links.iter().find(|link| link.name == "eth0").unwrap().index;
        handle.address().add(index, "10.8.0.100".parse().unwrap(), 24).execute().await.unwrap();
        handle
            .link()
            .set(rtnetlink::LinkUnspec::new_with_index(index).down().build())
            .execute()
            .await
            .unwrap();
    });
    assert!(has_vip(&a, "10.8.0.100"));
    let daemon = Daemon::start(&a, config(100));
    let (_, lines) = daemon.until("(VI_1) entering FAULT state");
    assert!(lines.contains(&"(VI_1): entering FAULT state (interface eth0 down)".to_owned()), "{lines:#?}");
    assert_eq!(daemon.report(), Report::Started);
    assert!(!has_vip(&a, "10.8.0.100"), "an earlier life's address is gone");
    a.run(|| async {
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        let links = Route::open().unwrap().links().unwrap();
        let index = links.iter().find(|link| link.name == "eth0").unwrap().index;
        handle.link().set(rtnetlink::LinkUnspec::new_with_index(index).up().build()).execute().await.unwrap();
    });
    daemon.until("Netlink reports eth0 up");
    daemon.until("(VI_1) Entering MASTER STATE");
    daemon.until("Sending gratuitous ARP on eth0 for 10.8.0.100");
    // Taken away by somebody else: back after the skew time.
    a.run(|| async {
        let route = Route::open().unwrap();
        let addresses = route.addresses().unwrap();
        let vip = addresses.iter().find(|address| address.address.to_string() == "10.8.0.100").unwrap();
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        let mut request = handle.address().add(vip.index, vip.address, vip.prefix);
        handle.address().del(request.message_mut().clone()).execute().await.unwrap();
    });
    daemon.until("Netlink reflector reports IP 10.8.0.100 removed from eth0");
    daemon.until("(VI_1) Entering BACKUP STATE");
    daemon.until("(VI_1) Entering MASTER STATE");
    assert_eq!(daemon.stop(), ExitReason::Stopped);
}

#[test]
fn an_unreadable_configuration_at_start_is_final() {
    let Some((a, _b)) = joined() else { return };
    let (configs, next) = channel::<Result<Config, String>>();
    configs.send(Err("no such file".into())).unwrap();
    let file = a.file.try_clone().unwrap();
    let exit = std::thread::spawn(move || {
        setns(file.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
        let (_control, controls) = tokio::sync::mpsc::unbounded_channel();
        vrrpd::run(Params {
            read_config: Box::new(move || next.recv().unwrap().map(Rc::new)),
            control: controls,
            report: Box::new(|_| {}),
            bfd_events: None,
            options: Options::default(),
        })
    });
    assert_eq!(exit.join().unwrap(), ExitReason::Config("no such file".into()));
}

#[test]
fn a_hung_script_is_killed_and_delays_no_advert() {
    let Some((a, b)) = joined() else { return };
    // Master long before the script has timed out.
    let quick = |priority| {
        let mut config = config(priority);
        config.instances[0].advert_int = Duration::from_millis(50);
        config
    };
    let mut tracking = quick(150);
    tracking.scripts = vec![VrrpScript {
        name: "hung".into(),
        command: command(&["/bin/sleep", "1000"]),
        interval: Duration::from_millis(400),
        timeout: Duration::from_millis(400),
        rise: 1,
        fall: 1,
        init_fail: false,
        weight: 0,
        reverse: false,
    }];
    tracking.instances[0].track_scripts = vec![TrackedScript { script: 0, weight: -100, reverse: false }];
    let directory = scratch("notify");
    let told = directory.join("told");
    let tell = format!("echo \"$@\" >> {}", told.display());
    tracking.instances[0].notify.any = Some(command(&["/bin/sh", "-c", &tell, "sh"]));
    let master = Daemon::start(&a, tracking);
    master.until("(VI_1) Entering MASTER STATE");
    let backup = Daemon::start(&b, quick(100));
    let (_, lines) = master.until("VRRP_Script(hung) timed_out");
    assert!(
        lines.iter().any(|line| line == "Track script hung is already running, expect idle - skipping run"),
        "{lines:#?}"
    );
    master.until("(VI_1) Changing effective priority from 150 to 50");
    // The weaker one never missed an advert: it gives way to the other's higher priority, not to a timeout of its own.
    backup.until("(VI_1) received lower priority (50) advert from 10.8.0.1 - discarding");
    backup.until("(VI_1) Entering MASTER STATE");
    let (_, lines) = master.until("(VI_1) Entering BACKUP STATE");
    assert_eq!(
        lines.last().unwrap(),
        "(VI_1) Master received advert from 10.8.0.2 with higher priority 100, ours 50"
    );
    assert_eq!(master.stop(), ExitReason::Stopped);
    // notify_stop scripts are waited for. An earlier script may end after a later one: the order of the lines is open.
    let told = std::fs::read_to_string(&told).unwrap();
    assert!(told.lines().any(|line| line == "INSTANCE VI_1 STOP 50"), "{told}");
    assert_eq!(backup.stop(), ExitReason::Stopped);
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn dumps_show_what_is() {
    let Some((a, _b)) = joined() else { return };
    let directory = scratch("dumps");
    let options = Options { dump_dir: Some(directory.clone()), ..Options::default() };
    let daemon = Daemon::start_with(&a, config(150), options);
    daemon.until("Sending gratuitous ARP on eth0 for 10.8.0.100");
    for control in [Control::DumpData, Control::DumpJson, Control::ClearStats, Control::DumpStats] {
        daemon.tell(control);
    }
    assert_eq!(daemon.stop(), ExitReason::Stopped);
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let data = read("keepalived.data");
    for line in [
        "------< VRRP Topology >------",
        "   State = MASTER",
        "   Using src_ip = 10.8.0.1",
        "     10.8.0.100/24 dev eth0 scope global set",
        "   Advert interval = 200 milli-sec",
    ] {
        assert!(data.lines().any(|have| have == line), "{line}: {data}");
    }
    let json: serde_json::Value = serde_json::from_str(&read("keepalived.json")).unwrap();
    assert_eq!(json[0]["data"]["iname"], "VI_1");
    assert_eq!(json[0]["data"]["state"], 2);
    assert_eq!(json[0]["data"]["vips"][0], "10.8.0.100/24 dev eth0 scope global set");
    assert_eq!(json[0]["stats"]["become_master"], 1);
    assert!(read("keepalived.stats").contains("  Became master: 0\n"), "cleared");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_removed_address_is_put_back_when_asked_for() {
    let Some((a, _b)) = joined() else { return };
    let mut config = config(150);
    config.network.restore_addresses = true;
    let master = Daemon::start(&a, config);
    master.until("Sending gratuitous ARP on eth0 for 10.8.0.100");
    a.run(|| async {
        let route = Route::open().unwrap();
        let index = route.links().unwrap().into_iter().find(|link| link.name == "eth0").unwrap().index;
        let vip = address("10.8.0.100", 24);
        let spec = netlink::AddressSpec {
            index,
            address: vip.address,
            prefix: vip.prefix,
            scope: 0,
            broadcast: None,
            label: None,
            peer: None,
            nodad: true,
            home: false,
            mngtmpaddr: false,
            noprefixroute: false,
            autojoin: false,
            preferred: None,
        };
        assert_eq!(route.delete_addresses(&[spec]), [Ok(())]);
    });
    master.until("Restoring deleted virtual address 10.8.0.100/24");
    let (_, lines) = master.until("Sending gratuitous ARP on eth0 for 10.8.0.100");
    assert!(!lines.iter().any(|line| line.contains("STATE")), "{lines:#?}");
    assert!(has_vip(&a, "10.8.0.100"));
    assert_eq!(master.stop(), ExitReason::Stopped);
}
