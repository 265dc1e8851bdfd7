//! The event loop: packet, netlink event, timer, script result, control -> core -> outputs -> system calls.
//!
//! It waits for nothing but netlink acknowledgements. Packets that are already here are read before a timer that is
//! due is served, so that after a pause the core hears the others before it speaks.

mod dbus;
mod dumps;
mod kernel;
mod outputs;
mod reload;
mod snmp;

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use keepalived_config::resolved::{Config, VmacKind, VrrpInstance};
use netlink::announce::{Announcer, MAC_LEN};
use netlink::{LinkAddress, Monitor, Route};
use vrrp::event::StateName;
use vrrp::instance::Release;
use vrrp::router::{Surroundings, Who};
use vrrp::script::ScriptSignal;
use vrrp::{Family, Input, LinkId, Reading, Router, RouterConfig, ScriptId, TrackerId};

use crate::addresses::{self, Addresses};
use crate::dbus::{Request, Service};
use crate::fifo::Fifos;
use crate::files::Files;
use crate::firewall::Firewall;
use crate::interfaces::Interfaces;
use crate::linkbeat::Linkbeats;
use crate::log::{detail, normal};
use crate::processes::Processes;
use crate::routes::{Kernel, Removed, Routes, StaticRoutes};
use crate::scripts::{Progress, RunId, Runner};
use crate::setup;
use crate::smtp::Mailer;
use crate::snmp as snmp_agent;
use crate::sockets::SocketTable;
use crate::status::{Question, StatusServer};
use crate::sysctl::Sysctls;
use crate::vmacs::{Means, Vmacs};
use crate::{Control, ExitReason, Params, Report};

/// Packets that are read before anything else gets its turn again.
const PACKETS_A_TURN: usize = 64;
/// How long the process stays after the farewell, so that the kernel can leave its groups.
const LINGER: Duration = Duration::from_secs(1);
/// How long a script whose `vrrp_script` a reload removed may take to end.
const DOOMED_FOR: Duration = Duration::from_secs(1);

pub(crate) struct Shell {
    params: Params,
    config: Rc<Config>,
    pub(crate) router: Router,
    interfaces: Interfaces,
    addresses: Addresses,
    routes: Routes,
    static_routes: StaticRoutes,
    removed: Removed,
    vmacs: Vmacs,
    firewall: Firewall,
    sysctls: Sysctls,
    linkbeat: Linkbeats,
    /// Open while the loss of a route matters.
    route_monitor: Option<Monitor>,
    /// Open while the loss of a rule matters.
    rule_monitor: Option<Monitor>,
    sockets: SocketTable,
    route: Route,
    monitor: Monitor,
    announcer: Announcer,
    runner: Runner,
    status: Option<StatusServer>,
    dbus: Option<Service>,
    snmp: Option<snmp_agent::Service>,
    /// Since when each instance is neither in INIT nor in FAULT.
    up_since: Vec<Option<Instant>>,
    files: Files,
    processes: Processes,
    bfd_events: crate::bfd_events::Events,
    fifos: Fifos,
    mailer: Mailer,
    /// The state that each instance and group was last mailed in.
    mailed: HashMap<Who, StateName>,
    /// Runs of tracked scripts.
    tracked: HashMap<RunId, ScriptId>,
    /// Runs that get SIGKILL then.
    doomed: Vec<(Instant, RunId)>,
    /// When each instance changed state.
    changed: Vec<SystemTime>,
    /// How many reloads there were.
    reloads: u32,
    /// What is known of interfaces is to be read again.
    stale: bool,
    /// What was last said about each interface.
    links_up: HashMap<LinkId, bool>,
    /// The addresses that were logged as assigned: for each interface name and family.
    assigned: HashMap<(String, Family), IpAddr>,
}

enum Wake {
    Control(Option<Control>),
    Packets,
    Netlink(netlink::Event),
    Script(Progress),
    Trackers(Vec<(TrackerId, Reading)>),
    Processes,
    Status(Question),
    Dbus(Request),
    Snmp(snmp_agent::Wish),
    Bfd(bfd::Record),
    Timer,
}

impl Shell {
    /// Opens everything, reads the configuration, removes leftovers, starts the core.
    pub(crate) async fn start(mut params: Params) -> Result<Self, ExitReason> {
        detail!("Registering Kernel netlink reflector");
        let mut monitor = Monitor::open().map_err(|error| fatal("netlink", &error))?;
        detail!("Registering Kernel netlink command channel");
        let route = Route::open().map_err(|error| fatal("netlink", &error))?;
        let config = (params.read_config)().map_err(ExitReason::Config)?;
        let mut interfaces = Interfaces::default();
        read_interfaces(&mut interfaces, &route).map_err(|error| fatal("netlink", &error))?;
        if params.options.address_monitoring {
            for link in interfaces.links() {
                for address in interfaces.addresses_of(link.index) {
                    normal!("Netlink reflector reports IP {} added to {}", address.address, link.name);
                }
            }
        }
        let (mut vmacs, mut firewall, mut sysctls) =
            (Vmacs::default(), Firewall::default(), Sysctls::default());
        firewall.configure(&config);
        set_buffers(&config, &monitor, &route);
        set_sysctls(&config, &mut sysctls);
        if !config.global.startup_delay.is_zero() {
            crate::log::event(&vrrp::Event::DelayingStartup(config.global.startup_delay));
        }
        let addresses = Addresses::new(&config, params.options.release_vips);
        let mut assigned = HashMap::new();
        kernel::log_assigned(&config, &interfaces, &addresses, &mut assigned);
        let mut means = Means {
            interfaces: &mut interfaces,
            kernel: &route,
            firewall: &mut firewall,
            sysctls: &mut sysctls,
        };
        if vmacs.make_missing(&config, &mut means) {
            // What was reported while they were made is history.
            while monitor.try_next().is_some() {}
            read_interfaces(&mut interfaces, &route).map_err(|error| fatal("netlink", &error))?;
        }
        let linkbeat = Linkbeats::new(&config, &mut interfaces);
        let router_config = setup::router_config(&config);
        let routes = Routes::new(&config);
        let (mut files, mut processes) = (Files::default(), Processes::new());
        files.configure(&config, true);
        processes.configure(&config, Instant::now());
        let mut surroundings = surroundings(&config, &router_config, &interfaces, &addresses, &[]);
        surroundings.readings = readings(&config, &files, &processes);
        surroundings.unused = config.instances.iter().map(|instance| vmacs.made_for(instance)).collect();
        let mut shell = Self {
            addresses,
            routes,
            static_routes: StaticRoutes::new(&config),
            removed: Removed::default(),
            vmacs,
            firewall,
            sysctls,
            linkbeat,
            route_monitor: None,
            rule_monitor: None,
            router: Router::new(router_config, &surroundings),
            sockets: SocketTable::new().map_err(|error| fatal("sockets", &error))?,
            announcer: Announcer::open().map_err(|error| fatal("AF_PACKET socket", &error))?,
            bfd_events: crate::bfd_events::Events::open(params.bfd_events.take())
                .map_err(|error| fatal("BFD pipe", &error))?,
            runner: Runner::new().map_err(|error| fatal("thread", &error))?,
            status: None,
            dbus: None,
            snmp: None,
            up_since: vec![None; config.instances.len()],
            files,
            processes,
            fifos: Fifos::default(),
            mailer: Mailer::new(),
            mailed: HashMap::new(),
            tracked: HashMap::new(),
            doomed: Vec::new(),
            changed: vec![SystemTime::now(); config.instances.len()],
            reloads: 0,
            stale: false,
            links_up: HashMap::new(),
            assigned,
            params,
            config,
            interfaces,
            route,
            monitor,
        };
        shell.serve_snmp();
        shell.note_links();
        shell.watch_routes();
        shell.log_assigned();
        if shell.linkbeat.any() {
            normal!("Using MII-BMSR/ETHTOOL NIC polling thread(s)...");
        }
        shell.fifos.configure(&shell.config, &mut shell.runner);
        shell.router.assess();
        shell.drain().await;
        shell.log_channels();
        shell.serve_status();
        if shell.params.options.dump_config {
            shell.log_config();
        }
        shell.add_statics();
        // Adverts that come while leftovers are removed wait in the sockets.
        shell.open_sockets(SockpoolLog::None);
        shell.router.start(Instant::now());
        shell.drain().await;
        shell.open_sockets(SockpoolLog::All);
        shell.serve_dbus();
        (shell.params.report)(Report::Started);
        Ok(shell)
    }

    /// Runs until told to stop.
    pub(crate) async fn run(mut self) -> ExitReason {
        loop {
            let deadline = self.deadline();
            let timer = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let wake = tokio::select! {
                control = self.params.control.recv() => Wake::Control(control),
                _ = self.sockets.readable() => Wake::Packets,
                event = self.monitor.next() => Wake::Netlink(event),
                event = next_of(&mut self.route_monitor) => Wake::Netlink(event),
                event = next_of(&mut self.rule_monitor) => Wake::Netlink(event),
                progress = self.runner.next() => Wake::Script(progress),
                changes = self.files.changed() => Wake::Trackers(changes),
                () = self.processes.news() => Wake::Processes,
                question = next_question(&mut self.status) => Wake::Status(question),
                request = next_request(&mut self.dbus) => Wake::Dbus(request),
                wish = next_wish(&mut self.snmp) => Wake::Snmp(wish),
                record = self.bfd_events.next() => Wake::Bfd(record),
                () = timer => Wake::Timer,
            };
            match wake {
                Wake::Control(Some(Control::Reload)) => self.reload().await,
                Wake::Control(Some(Control::Stop) | None) => return self.stop().await,
                Wake::Control(Some(dump)) => self.dump(dump),
                Wake::Packets => self.receive(),
                Wake::Netlink(event) => {
                    if let Some(reason) = self.netlink_event(event).await {
                        return reason;
                    }
                }
                Wake::Script(progress) => self.script_progress(progress),
                Wake::Trackers(changes) => self.trackers_changed(changes),
                Wake::Status(question) => self.answer(question),
                Wake::Dbus(request) => self.dbus_request(request),
                Wake::Snmp(wish) => self.snmp_wish(wish),
                Wake::Processes => {
                    let changes = self.processes.receive(Instant::now());
                    self.trackers_changed(changes);
                }
                Wake::Bfd(record) => self.bfd_reported(&record),
                Wake::Timer => {}
            }
            self.drain().await;
            self.timers().await;
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let doomed = self.doomed.iter().map(|(at, _)| *at);
        self.router
            .poll_timeout()
            .into_iter()
            .chain(doomed)
            .chain(self.processes.poll_timeout())
            .chain(self.linkbeat.poll_timeout())
            .min()
    }

    /// Serves what is due, after what is already here was heard.
    async fn timers(&mut self) {
        let Some(late) = self.deadline().and_then(|at| Instant::now().checked_duration_since(at)) else {
            return;
        };
        if late > self.config.global.min_auto_priority_delay {
            normal!("A thread timer expired {}.{:06} seconds ago", late.as_secs(), late.subsec_micros());
            let most = self.config.global.max_auto_priority.unwrap_or(0);
            if let Ok(Some(priority)) = sys::scheduling::raise(most) {
                normal!("Set realtime priority {priority}");
            }
        }
        self.receive();
        self.drain().await;
        let now = Instant::now();
        for (name, up) in self.linkbeat.handle_timeout(now, &mut self.interfaces) {
            normal!("Linkbeat reports {name} {}", if up { "up" } else { "down" });
            self.link_changed(&name);
        }
        self.router.handle_timeout(now);
        let changes = self.processes.handle_timeout(now);
        self.trackers_changed(changes);
        self.doomed.retain(|(at, run)| {
            let due = *at <= now;
            if due {
                self.runner.signal(*run, ScriptSignal::Kill);
            }
            !due
        });
        self.drain().await;
    }

    fn trackers_changed(&mut self, changes: Vec<(TrackerId, Reading)>) {
        for (id, reading) in changes {
            self.router.handle(Instant::now(), Input::Tracker(id, reading));
        }
    }

    fn receive(&mut self) {
        let log_unknown = self.config.global.log_unknown_vrids;
        self.sockets.receive(PACKETS_A_TURN, &mut self.router, log_unknown, |router, id, datagram| {
            router.handle(Instant::now(), Input::Packet(id, datagram));
        });
    }

    /// Carries out what the core wants, in order.
    async fn drain(&mut self) {
        while let Some(output) = self.router.poll_output() {
            self.carry_out(output).await;
        }
    }

    fn script_progress(&mut self, progress: Progress) {
        match progress {
            Progress::Started(run, pid) => {
                if let Some(script) = self.tracked.get(&run) {
                    self.router.handle(Instant::now(), Input::ScriptStarted(*script, pid));
                }
            }
            Progress::Ended(run, _) if self.fifos.script_ended(run) => {}
            Progress::Ended(run, result) => {
                self.doomed.retain(|(_, doomed)| *doomed != run);
                if let Some(script) = self.tracked.remove(&run) {
                    self.router.handle(Instant::now(), Input::ScriptEnded(script, result));
                }
            }
        }
    }

    fn open_sockets(&mut self, log: SockpoolLog) {
        self.sockets.update(&self.config.instances, &self.router, &self.interfaces, log);
        let policy = self.config.network.receive_buffer;
        self.sockets.size_buffers(&self.config.instances, policy, &self.interfaces);
    }

    fn log_channels(&self) {
        let mut families = [false, false];
        for instance in &self.config.instances {
            for address in instance.virtual_addresses.iter().chain(&instance.excluded_addresses) {
                families[usize::from(address.address.is_ipv6())] = true;
            }
        }
        if families[0] {
            detail!("Registering gratuitous ARP shared channel");
        }
        if families[1] {
            detail!("Registering gratuitous NDISC shared channel");
        }
    }

    fn static_specs(&self) -> Vec<netlink::AddressSpec> {
        let addresses = self.config.static_addresses.iter();
        addresses.filter_map(|address| addresses::spec(address, &self.interfaces)).collect()
    }

    /// What an earlier life left behind goes first.
    fn add_statics(&mut self) {
        let specs = self.static_specs();
        let mut kernel =
            Kernel { interfaces: &self.interfaces, route: &self.route, removed: &mut self.removed };
        self.static_routes.remove(true, &mut kernel);
        addresses::add(&specs, &self.route);
        self.static_routes.add(&self.interfaces, &self.route);
    }

    fn remove_statics(&mut self) {
        let mut kernel =
            Kernel { interfaces: &self.interfaces, route: &self.route, removed: &mut self.removed };
        self.static_routes.remove(false, &mut kernel);
        addresses::delete(&self.static_specs(), addresses::Missing::Reported, &self.route);
    }

    /// Removes the interfaces that no instance has any more; all of them without a configuration.
    fn remove_vmacs(&mut self, config: Option<&Config>) {
        let mut means = Means {
            interfaces: &mut self.interfaces,
            kernel: &self.route,
            firewall: &mut self.firewall,
            sysctls: &mut self.sysctls,
        };
        self.vmacs.remove_unused(config, &mut means);
    }

    /// Makes interfaces that instances should have for themselves and that can be made.
    fn make_vmacs(&mut self) {
        let mut means = Means {
            interfaces: &mut self.interfaces,
            kernel: &self.route,
            firewall: &mut self.firewall,
            sysctls: &mut self.sysctls,
        };
        if self.vmacs.make_missing(&self.config, &mut means) {
            // Everything is read again, once what led here is dealt with.
            self.stale = true;
        }
    }

    /// Priority 0, addresses removed, STOP notified, one second for the kernel to leave its groups.
    async fn stop(mut self) -> ExitReason {
        // A script that reads a FIFO has STOP to read yet.
        self.runner.signal_all(ScriptSignal::Term, |run| !self.fifos.reads(run));
        let release =
            if self.params.options.dont_release_vrrp { Release::Nothing } else { Release::Everything };
        self.router.handle(Instant::now(), Input::Stop(release));
        self.drain().await;
        if release == Release::Everything {
            self.remove_statics();
        }
        self.sockets.close();
        // The farewell on the bus comes when nothing of ours is left, as in the original.
        let (bus, snmp) = (self.dbus.take(), self.snmp.take());
        let snmp = snmp.map(snmp_agent::Service::stop);
        if !self.config.instances.is_empty() {
            let until = tokio::time::Instant::now() + LINGER;
            let (runner, mailer) = (&mut self.runner, &mut self.mailer);
            let scripts = async { while tokio::time::timeout_at(until, runner.next()).await.is_ok() {} };
            // Both get the same second: a mail server that hangs does not make it longer.
            let ((), _) = tokio::join!(scripts, tokio::time::timeout_at(until, mailer.finish()));
            self.runner.signal_all(ScriptSignal::Kill, |run| !self.fifos.reads(run));
        }
        self.runner.signal_all(ScriptSignal::Term, |_| true);
        self.fifos.close();
        if release == Release::Everything {
            self.remove_vmacs(None);
        }
        self.sysctls.restore();
        self.firewall.remove();
        if let Some(bus) = bus {
            let _ = tokio::time::timeout(LINGER, bus.stop()).await;
        }
        if let Some(snmp) = snmp {
            let _ = tokio::time::timeout(LINGER, snmp).await;
        }
        ExitReason::Stopped
    }
}

/// Which socket pairs are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SockpoolLog {
    /// None; they will be.
    None,
    /// Those that were opened now.
    New,
    /// All of them.
    All,
}

/// What the next bus client asks for, never if there is no bus.
async fn next_request(service: &mut Option<Service>) -> Request {
    match service {
        Some(service) => service.next().await,
        None => std::future::pending().await,
    }
}

/// What the SNMP agent wants next, never if there is none.
async fn next_wish(service: &mut Option<snmp_agent::Service>) -> snmp_agent::Wish {
    match service {
        Some(service) => service.next().await,
        None => std::future::pending().await,
    }
}

/// The next event of a monitor, never if there is none.
async fn next_of(monitor: &mut Option<Monitor>) -> netlink::Event {
    match monitor {
        Some(monitor) => monitor.next().await,
        None => std::future::pending().await,
    }
}

fn fatal(what: &str, error: &dyn std::fmt::Display) -> ExitReason {
    ExitReason::Fatal(format!("{what}: {error}"))
}

/// `promote_secondaries` and `disable_local_igmp`, until the end.
fn set_sysctls(config: &Config, sysctls: &mut Sysctls) {
    for instance in config.instances.iter().filter(|instance| instance.promote_secondaries) {
        sysctls.set("ipv4", &instance.interface, "promote_secondaries", "1");
    }
    if config.network.disable_local_igmp {
        sysctls.set_path("/proc/sys/net/ipv4/igmp_link_local_mcast_reports".into(), "0");
    }
}

/// `vrrp_netlink_monitor_rcv_bufs`, `vrrp_netlink_cmd_rcv_bufs`.
fn set_buffers(config: &Config, monitor: &Monitor, route: &Route) {
    if let Some((bytes, force)) = config.network.monitor_buffer
        && let Err(error) = monitor.set_receive_buffer(bytes, force)
    {
        normal!("vrrp_netlink_monitor_rcv_bufs {bytes}: {error}");
    }
    if let Some((bytes, force)) = config.network.command_buffer
        && let Err(error) = route.set_receive_buffer(bytes, force)
    {
        normal!("vrrp_netlink_cmd_rcv_bufs {bytes}: {error}");
    }
}

fn read_interfaces(interfaces: &mut Interfaces, route: &Route) -> Result<(), netlink::Error> {
    let links = route.links()?;
    let addresses = route.addresses()?;
    interfaces.replace(links, addresses);
    Ok(())
}

/// Waits for ever without a status socket.
async fn next_question(server: &mut Option<StatusServer>) -> Question {
    match server {
        Some(server) => server.next().await,
        None => std::future::pending().await,
    }
}

/// What every tracker says.
pub(crate) fn readings(config: &Config, files: &Files, processes: &Processes) -> Vec<Reading> {
    let mut readings = vec![Reading::Unknown; config.trackers.len()];
    for (id, reading) in files.readings().into_iter().chain(processes.readings()) {
        if let Some(slot) = readings.get_mut(id.0) {
            *slot = reading;
        }
    }
    readings
}

fn surroundings(
    config: &Config,
    router_config: &RouterConfig,
    interfaces: &Interfaces,
    addresses: &Addresses,
    current: &[Option<IpAddr>],
) -> Surroundings {
    let source_of =
        |index| source(config, index, interfaces, addresses, current.get(index).copied().flatten());
    Surroundings {
        links_up: router_config.links.iter().map(|name| interfaces.is_up(name)).collect(),
        sources: (0..config.instances.len()).map(source_of).collect(),
        bases: config.instances.iter().map(|instance| interfaces.base(&instance.interface)).collect(),
        readings: Vec::new(),
        unused: Vec::new(),
        link_indexes: router_config
            .links
            .iter()
            .map(|name| interfaces.by_name(name).map_or(u32::MAX, |link| link.index))
            .collect(),
    }
}

/// The address an instance sends from: the configured one, else one of its interface that is not virtual.
fn source(
    config: &Config,
    index: usize,
    interfaces: &Interfaces,
    addresses: &Addresses,
    current: Option<IpAddr>,
) -> Option<IpAddr> {
    let instance = config.instances.get(index)?;
    // IPv6 adverts of a VMAC leave from its own link-local address, IPv4 ones from the interface below.
    let interface = match family_of(instance) {
        Family::V6 => instance.advert_interface(),
        Family::V4 => match &instance.vmac {
            Some(vmac) if matches!(vmac.kind, VmacKind::Ipvlan { .. }) => &vmac.name,
            Some(_) | None => &instance.interface,
        },
    };
    match instance.source {
        Some(source) if instance.track_source => interfaces.has(source).then_some(source),
        Some(source) => Some(source),
        None => {
            let is_ours = |address: &LinkAddress| addresses.is_ours(address);
            interfaces.source(interface, family_of(instance), current, is_ours)
        }
    }
}

fn family_of(instance: &VrrpInstance) -> Family {
    setup::family(instance.family)
}

/// The address an interface announces with; none where ARP and neighbour discovery make no sense.
fn announcing_mac(link: &netlink::Link) -> Option<[u8; MAC_LEN]> {
    let mac: [u8; MAC_LEN] = link.hardware.as_slice().try_into().ok()?;
    (!link.noarp && mac != [0; MAC_LEN]).then_some(mac)
}

/// The router flag of neighbour adverts.
fn is_forwarding(interface: &str, address: IpAddr) -> bool {
    address.is_ipv6()
        && std::fs::read(format!("/proc/sys/net/ipv6/conf/{interface}/forwarding"))
            .is_ok_and(|text| text.first() == Some(&b'1'))
}

fn kind(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ARP" } else { "NA" }
}
