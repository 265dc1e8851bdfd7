//! keepalived.data: settings and state of everything, for people.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keepalived_config::resolved::{Command, Notify, VrrpInstance};
use vrrp::event::StateName;
use vrrp::instance::{Instance, State};
use vrrp::script::Run;
use vrrp::track::Health;
use vrrp::{Auth, Family, InstanceId, Version};

use super::{Sources, address_text, seconds};

/// The text of keepalived.data.
pub(crate) fn data(sources: &Sources<'_>) -> String {
    let mut text = String::new();
    text.push_str(&super::global_definitions(sources.config, super::Reader::Vrrp, &sources.snmp));
    section(&mut text, "VRRP Topology", sources.config.instances.is_empty());
    for (index, config) in sources.config.instances.iter().enumerate() {
        if let Some(instance) = sources.router.instance(InstanceId(index)) {
            topology(sources, index, config, instance, &mut text);
        }
    }
    sockets(sources, &mut text);
    groups(sources, &mut text);
    scripts(sources, &mut text);
    bfds(sources, &mut text);
    interfaces(sources, &mut text);
    text
}

fn section(text: &mut String, name: &str, empty: bool) {
    if !empty {
        let _ = writeln!(text, "------< {name} >------");
    }
}

macro_rules! line {
    ($text:expr, $($argument:tt)*) => { let _ = writeln!($text, $($argument)*); };
}

/// What keeps an instance in FAULT that is not a tracker.
fn interface_faults(instance: &Instance, t: &mut String) {
    let is_duplicate = instance.verdict().duplicate.is_some();
    let flags = [
        ("i/f down", !instance.verdict().links_down.is_empty()),
        ("no source IP address", instance.source().is_none()),
        ("duplicate VRID", is_duplicate),
    ];
    if flags.iter().any(|(_, is_set)| *is_set) {
        line!(t, "   Flags of interface faults:");
        for (name, _) in flags.iter().filter(|(_, is_set)| *is_set) {
            line!(t, "     {name}");
        }
    } else {
        line!(t, "   Flags of interface faults - (none)");
    }
    if is_duplicate {
        line!(t, "   Duplicate VRID");
    }
}

fn topology(sources: &Sources<'_>, index: usize, config: &VrrpInstance, instance: &Instance, t: &mut String) {
    let id = InstanceId(index);
    let core = instance.config();
    line!(t, " VRRP Instance = {}", config.name);
    line!(t, "   VRRP Version = {}", core.version.number());
    if let Some(group) = config.sync_group.and_then(|group| sources.config.sync_groups.get(group)) {
        line!(t, "   Sync group = {}", group.name);
    }
    if core.family == Family::V6 {
        line!(t, "   Using Native IPv6");
    }
    line!(t, "   State = {}", instance.state().name());
    if let (State::Backup { .. }, Some((master, priority))) = (instance.state(), instance.master()) {
        line!(t, "   Master router = {master}");
        line!(t, "   Master priority = {priority}");
        if core.version == Version::V3 {
            line!(t, "   Master advert interval = {} milli-sec", instance.master_interval().as_millis());
        }
    }
    line!(t, "   Flags: none");
    line!(
        t,
        "   Wantstate = {}",
        if instance.wants_master() { StateName::Master } else { StateName::Backup }
    );
    line!(t, "   Number of config faults = 0");
    line!(
        t,
        "   Number of tracker faults = {}",
        instance.verdict().failing.len() + instance.verdict().bfds_down.len()
    );
    interface_faults(instance, t);
    line!(t, "   Number of track scripts init = {}", instance.verdict().pending);
    let changed = sources.changed.get(index).copied().unwrap_or(UNIX_EPOCH);
    line!(t, "   Last transition = {} ({})", seconds(changed), calendar(changed));
    if let Some(at) = instance.poll_timeout() {
        let at = sources.clock.wall_time(at);
        line!(t, "   Read timeout = {} ({})", seconds(at), calendar(at));
    }
    line!(t, "   Master down timer = {} usecs", instance.down_timer().as_micros());
    line!(t, "   Interface = {}", config.interface);
    if let Some(source) = instance.source() {
        line!(t, "   Using src_ip = {source}");
    }
    if config.unicast_peers.is_empty() {
        match (core.family, sources.interfaces.by_name(&config.interface)) {
            (Family::V6, Some(link)) => {
                line!(t, "   Multicast address {}, ifindex {}", config.mcast_group, link.index);
            }
            (Family::V4, _) | (Family::V6, None) => {
                line!(t, "   Multicast address {}", config.mcast_group);
            }
        }
    }
    line!(t, "   Gratuitous ARP delay = {}", config.garp_master_delay.as_secs());
    line!(t, "   Gratuitous ARP repeat = {}", config.garp_master_repeat);
    line!(t, "   Gratuitous ARP refresh = {}", config.garp_master_refresh.as_secs());
    line!(t, "   Gratuitous ARP refresh repeat = {}", config.garp_master_refresh_repeat);
    line!(t, "   Gratuitous ARP lower priority delay = {}", config.garp_lower_prio_delay.as_secs());
    line!(t, "   Gratuitous ARP lower priority repeat = {}", config.garp_lower_prio_repeat);
    line!(t, "   Down timer adverts = {}", config.down_timer_adverts);
    line!(t, "   Send advert after receive lower priority advert = {}", !config.lower_prio_no_advert);
    line!(t, "   Send advert after receive higher priority advert = {}", config.higher_prio_send_advert);
    if config.owner_ignore_adverts {
        line!(t, "   Address owner ignores adverts = true");
    }
    line!(t, "   Virtual Router ID = {}", config.virtual_router_id);
    line!(t, "   Priority = {}", config.priority);
    line!(t, "   Effective priority = {}", instance.effective_priority());
    line!(t, "   Total priority = {}", instance.total_priority());
    match core.version {
        Version::V2 => {
            line!(t, "   Advert interval = {} sec", config.advert_int.as_secs());
        }
        Version::V3 => {
            line!(t, "   Advert interval = {} milli-sec", config.advert_int.as_millis());
        }
    }
    let sent = instance.last_sent().map_or(UNIX_EPOCH, |at| sources.clock.wall_time(at));
    line!(t, "   Last advert sent = {}", seconds(sent));
    line!(t, "   Accept = enabled");
    line!(t, "   Preempt = {}", if config.nopreempt { "disabled" } else { "enabled" });
    if !config.preempt_delay.is_zero() {
        line!(t, "   Preempt delay = {} secs", config.preempt_delay.as_secs_f64());
    }
    line!(t, "   Promote_secondaries = {}", if config.promote_secondaries { "enabled" } else { "disabled" });
    if core.version == Version::V2 {
        let kind = match &core.auth {
            Auth::None => "none",
            Auth::Pass(_) => "SIMPLE_PASSWORD",
            Auth::Ah(_) => "IPSEC_AH",
        };
        line!(t, "   Authentication type = {kind}");
        if let Auth::Pass(key) | Auth::Ah(key) = &core.auth {
            line!(t, "   Password = {}", password(key));
        }
    }
    topology_addresses(sources, id, config, t);
    if let Some(ttl) = config.unicast_ttl {
        line!(t, "   Unicast TTL = {ttl}");
    }
    if !config.unicast_peers.is_empty() {
        line!(t, "   Check unicast src : {}", if config.check_unicast_src { "yes" } else { "no" });
        line!(t, "   Unicast Peer :");
        for peer in &config.unicast_peers {
            line!(t, "     {}", peer.address);
        }
    }
    if let Some((receive, send)) = sources.sockets.fds(id) {
        line!(t, "   fd_in {receive}, fd_out {send}");
    }
    let routes = sources.routes.of(id);
    if !routes.is_empty() {
        line!(t, "   Virtual Routes :");
    }
    for slot in routes {
        line!(t, "     {}", crate::routes::route_text(&slot.what));
    }
    let rules = sources.routes.rules_of(id);
    if !rules.is_empty() {
        line!(t, "   Virtual Rules :");
    }
    for slot in rules {
        line!(t, "     {}", crate::routes::rule_text(&slot.what));
    }
    tracked(sources, config, t);
    line!(t, "   Using smtp notification = {}", if config.smtp_alert { "yes" } else { "no" });
    line!(t, "   Notify deleted = {}", if config.notify.notify_deleted { "Deleted" } else { "Fault" });
    notify(&config.notify, t);
    line!(t, "   Notify priority changes = {}", config.notify_priority_changes);
}

fn topology_addresses(sources: &Sources<'_>, id: InstanceId, config: &VrrpInstance, t: &mut String) {
    let slots = sources.addresses.of(id);
    let count = config.virtual_addresses.len();
    if count > 0 {
        line!(t, "   Virtual IP ({count}):");
    }
    for slot in slots.iter().take(count) {
        line!(t, "     {}", address_text(slot));
    }
    if slots.len() > count {
        line!(t, "   Virtual IP Excluded :");
    }
    for slot in slots.iter().skip(count) {
        line!(t, "     {}", address_text(slot));
    }
}

fn tracked(sources: &Sources<'_>, config: &VrrpInstance, t: &mut String) {
    let reverse = |reverse: bool| if reverse { " reverse" } else { "" };
    if !config.track_interfaces.is_empty() {
        line!(t, "   Tracked interfaces :");
    }
    for tracked in &config.track_interfaces {
        line!(t, "     {} weight {}{}", tracked.name, tracked.weight, reverse(tracked.reverse));
    }
    if !config.track_bfds.is_empty() {
        line!(t, "   Tracked BFDs :");
    }
    for tracked in &config.track_bfds {
        if let Some(bfd) = sources.config.bfd_instances.get(tracked.bfd) {
            line!(t, "     {}: weight {}{}", bfd.name, tracked.weight, reverse(tracked.reverse));
        }
    }
    if !config.track_scripts.is_empty() {
        line!(t, "   Tracked scripts :");
    }
    for tracked in &config.track_scripts {
        if let Some(script) = sources.config.scripts.get(tracked.script) {
            line!(t, "     {} weight {}{}", script.name, tracked.weight, reverse(tracked.reverse));
        }
    }
}

fn notify(notify: &Notify, t: &mut String) {
    for (name, command) in [
        ("Backup state transition script", &notify.backup),
        ("Master state transition script", &notify.master),
        ("Fault state transition script", &notify.fault),
        ("Stop state transition script", &notify.stop),
        ("Deleted state transition script", &notify.deleted),
        ("Generic state transition script", &notify.any),
        ("Master rx lower priority script", &notify.master_rx_lower_pri),
    ] {
        if let Some(command) = command {
            let user = command.user;
            line!(t, "   {name} = {}, uid:gid {}:{}", quoted_command(command), user.uid, user.gid);
        }
    }
}

fn sockets(sources: &Sources<'_>, t: &mut String) {
    let rows: Vec<_> = sources.sockets.rows(sources.router).collect();
    section(t, "VRRP Sockpool", rows.is_empty());
    for row in rows {
        line!(t, " fd_in {} fd_out = {}", row.fds.0, row.fds.1);
        line!(t, "   Interface = {}", row.interface);
        line!(t, "   Family = {}", row.family);
        line!(t, "   Protocol = {}", if row.protocol == vrrp::packet::PROTOCOL { "VRRP" } else { "AH" });
        line!(t, "   Type = {}", if row.multicast { "Multicast" } else { "Unicast" });
        line!(t, "   Rx buf size = 0");
        line!(t, "   VRRP instances");
        for (name, vrid) in row.instances {
            line!(t, "     {name} vrid {vrid}");
        }
    }
}

fn groups(sources: &Sources<'_>, t: &mut String) {
    section(t, "VRRP Sync groups", sources.config.sync_groups.is_empty());
    for (config, group) in sources.config.sync_groups.iter().zip(sources.router.groups()) {
        let members = || group.config().members.iter().filter_map(|id| sources.router.instance(*id));
        line!(t, " VRRP Sync Group = {}, {}", config.name, group.state());
        line!(
            t,
            "   Num member fault {}, num member init {}",
            members().filter(|member| !member.is_faultless()).count(),
            members().filter(|member| member.verdict().pending > 0).count()
        );
        line!(t, "   VRRP member instances :");
        for member in members() {
            line!(t, "     {}", member.config().name);
        }
        line!(t, "   Using smtp notification = {}", if config.smtp_alert { "yes" } else { "no" });
        notify(&config.notify, t);
    }
}

/// The sessions that the VRRP process hears of, and who tracks them.
fn bfds(sources: &Sources<'_>, t: &mut String) {
    let known = sources.config.bfd_instances.iter().enumerate().filter(|(_, bfd)| bfd.for_vrrp);
    section(t, "VRRP Track BFDs", known.clone().next().is_none());
    for (index, bfd) in known {
        line!(t, " VRRP Track BFD = {}", bfd.name);
        line!(t, "   Weight = {}", bfd.weight);
        line!(t, "   Bfd is {}", if sources.router.bfd_is_up(vrrp::BfdId(index)) { "up" } else { "down" });
        line!(t, "   Tracking VRRP instances :");
        line!(t, "   Tracking instances :");
        for instance in &sources.config.instances {
            for tracked in instance.track_bfds.iter().filter(|tracked| tracked.bfd == index) {
                line!(t, "     {}, weight {}", instance.name, tracked.weight);
            }
        }
    }
}

fn scripts(sources: &Sources<'_>, t: &mut String) {
    section(t, "VRRP Scripts", sources.config.scripts.is_empty());
    for (index, (config, script)) in sources.config.scripts.iter().zip(sources.router.scripts()).enumerate() {
        let tracking: Vec<(&str, i32)> = sources
            .config
            .instances
            .iter()
            .flat_map(|instance| {
                instance.track_scripts.iter().map(move |tracked| (instance.name.as_str(), tracked))
            })
            .filter(|(_, tracked)| tracked.script == index)
            .map(|(name, tracked)| (name, tracked.weight))
            .collect();
        line!(t, " VRRP Script = {}", config.name);
        line!(t, "   Command = {}", quoted_command(&config.command));
        line!(t, "   Interval = {} sec", config.interval.as_secs_f64());
        line!(
            t,
            "   Timeout = {} sec",
            if config.timeout == config.interval { 0.0 } else { config.timeout.as_secs_f64() }
        );
        line!(t, "   Weight = {}", tracking.first().map_or(0, |(_, weight)| *weight));
        line!(t, "   Rise = {}", config.rise);
        line!(t, "   Fall = {}", config.fall);
        line!(t, "   Result = {}", script.counter());
        line!(t, "   Insecure = no");
        line!(t, "   Init state = {}", if config.init_fail { "failed" } else { "unknown" });
        line!(t, "   Status = {}", if script.health() == Health::Good { "GOOD" } else { "BAD" });
        line!(t, "   Script uid:gid = {}:{}", config.command.user.uid, config.command.user.gid);
        line!(t, "   VRRP instances :");
        line!(t, "   Tracking instances :");
        for (name, weight) in tracking {
            line!(t, "     {name}, weight {weight}");
        }
        let state = match script.run() {
            Run::Idle => "idle",
            Run::Running { .. } => "running",
            Run::Terminating { .. } => "requested termination",
            Run::Killed { .. } => "forcing termination",
        };
        line!(t, "   State = {state}");
    }
}

fn interfaces(sources: &Sources<'_>, t: &mut String) {
    section(t, "Interfaces", false);
    for link in sources.interfaces.links() {
        let first = |v6: bool| {
            let wanted = |address: &&netlink::LinkAddress| match address.address {
                std::net::IpAddr::V4(_) => !v6,
                std::net::IpAddr::V6(address) => v6 && address.is_unicast_link_local(),
            };
            let found = sources.interfaces.addresses_of(link.index).find(wanted);
            found.map_or_else(|| "(none)".to_owned(), |address| address.address.to_string())
        };
        line!(t, " Name = {}", link.name);
        line!(t, "   index = {}", link.index);
        line!(t, "   IPv4 address = {}", first(false));
        line!(t, "   IPv6 address = {}", first(true));
        if link.hardware.iter().any(|byte| *byte != 0) {
            let mac: Vec<String> = link.hardware.iter().map(|byte| format!("{byte:02x}")).collect();
            line!(t, "   MAC = {}", mac.join(":"));
            line!(t, "   MAC broadcast = {}", vec!["ff"; mac.len()].join(":"));
        }
        line!(t, "   State = {}", flags(link.flags));
        line!(t, "   Delayed state change running = false");
        line!(t, "   Up debounce timer = 0us\n   Down debounce timer = 0us");
        line!(t, "   MTU = {}", link.mtu);
        let kind = match link.hardware_type {
            1 => "ETHERNET",
            772 => "LOOPBACK",
            32 => "INFINIBAND",
            _ => "UNKNOWN",
        };
        line!(t, "   HW Type = {kind}");
        line!(t, "   NIC netlink status update");
        let tracking: Vec<_> =
            sources.config.instances.iter().filter(|instance| instance.interface == link.name).collect();
        if !tracking.is_empty() {
            line!(t, "   Tracking VRRP instances :");
        }
        for instance in tracking {
            line!(t, "     {}, weight 0", instance.name);
        }
    }
}

fn flags(flags: u32) -> String {
    let is = |flag: i32| flags & flag.unsigned_abs() != 0;
    let mut words = vec![if is(libc::IFF_UP) { "UP" } else { "DOWN" }];
    words.push(if is(libc::IFF_RUNNING) { "RUNNING" } else { "not RUNNING" });
    for (present, word) in [
        (!is(libc::IFF_BROADCAST), "no broadcast"),
        (is(libc::IFF_LOOPBACK), "loopback"),
        (is(libc::IFF_POINTOPOINT), "point to point"),
        (is(libc::IFF_NOARP), "no arp"),
        (!is(libc::IFF_MULTICAST), "no multicast"),
    ] {
        if present {
            words.push(word);
        }
    }
    words.join(", ")
}

/// Each word in single quotes.
pub(crate) fn quoted_command(command: &Command) -> String {
    let words: Vec<String> =
        command.argv.iter().map(|word| format!("'{}'", word.to_string_lossy())).collect();
    words.join(" ")
}

/// A password up to its padding.
pub(crate) fn password(key: &[u8; 8]) -> String {
    let end = key.iter().position(|byte| *byte == 0).unwrap_or(key.len());
    String::from_utf8_lossy(key.get(..end).unwrap_or(key)).into_owned()
}

/// `Mon Nov 23 00:20:40.736678 2026`, local time.
fn calendar(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let date = sys::clock::local_date(i64::try_from(since.as_secs()).unwrap_or(0));
    format!(
        "{} {} {:2} {:02}:{:02}:{:02}.{:06} {}",
        date.weekday_name(),
        date.month_name(),
        date.day,
        date.hour,
        date.minute,
        date.second,
        since.subsec_micros(),
        date.year
    )
}
