//! The texts of the status socket.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use keepalived_config::resolved::VrrpInstance;
use serde_json::{Value, json};
use vrrp::instance::Instance;
use vrrp::track::{self, Health};
use vrrp::{InstanceId, LinkId, Reading, Stats, tracker};

use crate::dump::{Sources, address_text};

/// One JSON object a line: the daemon, instances, groups, scripts, trackers.
pub(crate) fn status(sources: &Sources<'_>) -> String {
    let mut lines = vec![json!({
        "type": "daemon",
        "version": concat!("2.3.3-rs", env!("CARGO_PKG_VERSION")),
        "pid": std::process::id(),
        "router_id": sources.config.global.router_id,
    })];
    for (index, config) in sources.config.instances.iter().enumerate() {
        if let Some(instance) = sources.router.instance(InstanceId(index)) {
            lines.push(instance_line(sources, index, config, instance));
        }
    }
    for (config, group) in sources.config.sync_groups.iter().zip(sources.router.groups()) {
        let members: Vec<&str> = config
            .members
            .iter()
            .filter_map(|member| sources.config.instances.get(*member))
            .map(|instance| instance.name.as_str())
            .collect();
        lines.push(json!({
            "type": "group", "name": config.name, "state": group.state().as_str(), "members": members,
        }));
    }
    for (config, script) in sources.config.scripts.iter().zip(sources.router.scripts()) {
        lines.push(json!({
            "type": "script",
            "name": config.name,
            "state": health(script.health()),
            "last_status": script.last_status(),
            "counter": script.counter(),
            "rise": config.rise,
            "fall": config.fall,
        }));
    }
    for (index, config) in sources.config.trackers.iter().enumerate() {
        let (state, value) = reading(sources.router.reading(tracker::TrackerId(index)));
        lines.push(json!({ "type": "tracker", "name": config.name, "state": state, "value": value }));
    }
    lines.into_iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    })
}

fn instance_line(sources: &Sources<'_>, index: usize, config: &VrrpInstance, instance: &Instance) -> Value {
    let id = InstanceId(index);
    let addresses: Vec<Value> = sources
        .addresses
        .of(id)
        .iter()
        .map(|slot| json!({ "address": address_text(slot), "set": slot.set }))
        .collect();
    let master =
        instance.master().map(|(address, priority)| json!({ "address": address, "priority": priority }));
    json!({
        "type": "instance",
        "name": config.name,
        "state": instance.state().name().as_str(),
        "wants": if instance.wants_master() { "MASTER" } else { "BACKUP" },
        "interface": config.interface,
        "virtual_router_id": config.virtual_router_id,
        "version": instance.config().version.number(),
        "priority": {
            "base": config.priority,
            "total": instance.total_priority(),
            "effective": instance.effective_priority(),
            "parts": parts(sources, instance),
        },
        "faults": faults(sources, instance),
        "last_transition": {
            "at": seconds(sources.changed.get(index).copied()),
            "reason": instance.cause().map(vrrp::instance::Cause::as_str),
            "detail": instance.reason(),
        },
        "source": instance.source(),
        "master": master,
        "addresses": addresses,
        "counters": counters(instance.stats()).into_iter().map(|(name, n)| (name.to_owned(), json!(n))).collect::<serde_json::Map<_, _>>(),
    })
}

/// What each tracked object adds to the priority.
fn parts(sources: &Sources<'_>, instance: &Instance) -> Vec<Value> {
    let config = instance.config();
    let mut parts = Vec::new();
    let mut part = |kind: &str, name: &str, weight: i32, reverse: bool, state: &str, adds: i32| {
        parts.push(json!({
            "kind": kind, "name": name, "weight": weight, "reverse": reverse, "state": state, "adds": adds,
        }));
    };
    for tracked in &config.track_links {
        let up = Health::from_good(sources.router.link_is_up(tracked.object));
        let adds = track::contribution(tracked, up);
        part("interface", link(sources, tracked.object), tracked.weight, tracked.reverse, health(up), adds);
    }
    for tracked in &config.track_scripts {
        let Some(script) = sources.router.scripts().get(tracked.object.0) else { continue };
        let adds = track::contribution(tracked, script.health());
        let name = &script.config().name;
        part("script", name, tracked.weight, tracked.reverse, health(script.health()), adds);
    }
    for tracked in &config.trackers {
        let Some(of) = sources.router.config().trackers.get(tracked.object.0) else { continue };
        let value = sources.router.reading(tracked.object);
        let kind = match of.kind {
            tracker::TrackerKind::File => "file",
            tracker::TrackerKind::Process => "process",
        };
        let adds = tracker::effect(tracked, value).0;
        part(kind, &of.name, tracked.weight, tracked.reverse, reading(value).0, adds);
    }
    parts
}

/// What keeps an instance in FAULT, in words.
fn faults(sources: &Sources<'_>, instance: &Instance) -> Vec<String> {
    instance.faults().into_iter().map(|fault| sources.router.fault_in_words(fault)).collect()
}

fn link<'a>(sources: &'a Sources<'_>, id: LinkId) -> &'a str {
    sources.router.config().links.get(id.0).map_or("none", |name| name)
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Unknown => "unknown",
        Health::Good => "good",
        Health::Bad => "bad",
    }
}

fn reading(reading: Reading) -> (&'static str, Option<i32>) {
    match reading {
        Reading::Unknown => ("unknown", None),
        Reading::Good => ("good", None),
        Reading::Bad => ("bad", None),
        Reading::Value(value) => ("value", Some(value)),
    }
}

fn seconds(at: Option<SystemTime>) -> f64 {
    at.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map_or(0.0, |since| since.as_secs_f64())
}

/// Every counter by the name of its JSON key.
fn counters(stats: &Stats) -> [(&'static str, u64); 16] {
    [
        ("advert_rcvd", stats.advert_rcvd),
        ("advert_sent", stats.advert_sent),
        ("become_master", stats.become_master),
        ("release_master", stats.release_master),
        ("packet_len_err", stats.packet_len_err),
        ("advert_interval_err", stats.advert_interval_err),
        ("ip_ttl_err", stats.ip_ttl_err),
        ("invalid_type_rcvd", stats.invalid_type_rcvd),
        ("addr_list_err", stats.addr_list_err),
        ("invalid_authtype", stats.invalid_authtype),
        ("authtype_mismatch", stats.authtype_mismatch),
        ("auth_failure", stats.auth_failure),
        ("pri_zero_rcvd", stats.pri_zero_rcvd),
        ("pri_zero_sent", stats.pri_zero_sent),
        ("checksum_err", stats.checksum_err),
        ("version_err", stats.version_err),
    ]
}

/// The Prometheus text format, version 0.0.4.
pub(crate) fn metrics(sources: &Sources<'_>) -> String {
    let mut text = String::new();
    let instances: Vec<(usize, &VrrpInstance, &Instance)> = sources
        .config
        .instances
        .iter()
        .enumerate()
        .filter_map(|(index, config)| Some((index, config, sources.router.instance(InstanceId(index))?)))
        .collect();
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(usize, &Instance) -> f64| {
        head(&mut text, name, "gauge", help);
        for (index, config, instance) in &instances {
            let labels = instance_labels(config);
            let _ = writeln!(text, "{name}{{{labels}}} {}", value(*index, instance));
        }
    };
    gauge("keepalived_vrrp_state", "0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT.", &|_, i| {
        f64::from(i.state().name().number())
    });
    gauge("keepalived_vrrp_base_priority", "Priority as configured.", &|_, i| {
        f64::from(i.config().base_priority)
    });
    gauge("keepalived_vrrp_effective_priority", "Priority with what is tracked.", &|_, i| {
        f64::from(i.effective_priority())
    });
    gauge(
        "keepalived_vrrp_last_transition_timestamp_seconds",
        "When the state last changed.",
        &|index, _| seconds(sources.changed.get(index).copied()),
    );
    head(
        &mut text,
        "keepalived_vrrp_events_total",
        "counter",
        "Counters of keepalived.stats, by their JSON names.",
    );
    for (_, config, instance) in &instances {
        let labels = instance_labels(config);
        for (event, count) in counters(instance.stats()) {
            let _ = writeln!(text, "keepalived_vrrp_events_total{{{labels},event=\"{event}\"}} {count}");
        }
    }
    head(
        &mut text,
        "keepalived_script_up",
        "gauge",
        "1: the tracked script succeeds; -1: it has not run yet.",
    );
    for script in sources.router.scripts() {
        let name = escaped(&script.config().name);
        let _ = writeln!(text, "keepalived_script_up{{script=\"{name}\"}} {}", up(script.health()));
    }
    head(
        &mut text,
        "keepalived_tracker_value",
        "gauge",
        "Number in a tracked file; 1 or 0: quorum of processes.",
    );
    for (index, config) in sources.config.trackers.iter().enumerate() {
        let value = match sources.router.reading(tracker::TrackerId(index)) {
            Reading::Unknown => -1,
            Reading::Good => 1,
            Reading::Bad => 0,
            Reading::Value(value) => value,
        };
        let _ = writeln!(text, "keepalived_tracker_value{{tracker=\"{}\"}} {value}", escaped(&config.name));
    }
    text
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn up(health: Health) -> i32 {
    match health {
        Health::Unknown => -1,
        Health::Good => 1,
        Health::Bad => 0,
    }
}

fn instance_labels(config: &VrrpInstance) -> String {
    format!(
        "instance=\"{}\",interface=\"{}\",vrid=\"{}\"",
        escaped(&config.name),
        escaped(&config.interface),
        config.virtual_router_id
    )
}

/// A label value.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
