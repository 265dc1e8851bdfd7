#![allow(clippy::unwrap_used)]
use std::path::Path;
use std::rc::Rc;

use crate::fake::FakeSystem;
use crate::resolved::{Config, VmacKind};
use crate::{FileKind, Outcome, ReadOptions, Reader, load};

fn load_text(text: &str) -> Outcome {
    let mut system = FakeSystem::default();
    system.add("/etc/keepalived/k.conf", FileKind::File, 0o644, text.as_bytes());
    load(Path::new("/etc/keepalived/k.conf"), &ReadOptions::default(), &system)
}

fn instance(name: &str, lines: &str) -> String {
    format!("vrrp_instance {name} {{\n interface enp0s5\n virtual_router_id 51\n{lines}\n}}\n")
}

fn config(text: &str) -> Config {
    Rc::unwrap_or_clone(load_text(text).config.unwrap())
}

const VIP4: &str = "virtual_ipaddress {\n 10.0.0.1/24\n}\n";
const VIP6: &str = "virtual_ipaddress {\n fe80::1/64\n}\n";

#[test]
fn vmacs_have_the_references_names_and_addresses() {
    let text = [
        instance("V4", &format!("use_vmac\n{VIP4}")),
        instance("V6", &format!("use_vmac\n{VIP6}")),
        instance("W", &format!("use_vmac mine 02:11:22:33:44\nmcast_dst_ip 224.0.0.99\n{VIP4}")),
    ]
    .concat();
    let config = config(&text);
    let vmac = |index: usize| config.instances[index].vmac.clone().unwrap();
    assert_eq!((vmac(0).name.as_str(), vmac(0).kind), ("vrrp.51", VmacKind::Macvlan([0, 0, 0x5e, 0, 1, 51])));
    assert_eq!(
        (vmac(1).name.as_str(), vmac(1).kind),
        ("vrrp6.51", VmacKind::Macvlan([0, 0, 0x5e, 0, 2, 51]))
    );
    assert_eq!(
        (vmac(2).name.as_str(), vmac(2).kind),
        ("mine", VmacKind::Macvlan([2, 0x11, 0x22, 0x33, 0x44, 51]))
    );
    assert_eq!(config.instances[0].virtual_addresses[0].device, "vrrp.51");
    assert_eq!(config.instances[0].advert_interface(), "vrrp.51");
    assert!(config.network.firewall.is_some());
}

#[test]
fn addresses_find_their_interfaces() {
    let lines = "use_vmac\nvmac_xmit_base\nvirtual_ipaddress {\n 10.0.0.1/24\n 10.0.1.1/24 dev peer0 use_vmac\n \
                 10.0.2.1/24 dev peer0\n}\nvirtual_ipaddress_excluded {\n 2001:db8::1/64\n}\n";
    let config = config(&instance("V", lines));
    let of = &config.instances[0];
    let devices: Vec<_> =
        of.virtual_addresses.iter().chain(&of.excluded_addresses).map(|a| a.device.as_str()).collect();
    assert_eq!(devices, ["vrrp.51", "vrrp1.51", "peer0", "enp0s5"]);
    assert_eq!(of.address_vmacs[0].base, "peer0");
    assert_eq!(of.advert_interface(), "enp0s5", "vmac_xmit_base");
}

#[test]
fn strict_mode_forbids_and_changes() {
    let rows = [
        ("state MASTER\npriority 150", "(V) State MASTER must match being address owner"),
        ("preempt_delay 5", "(V) preempt_delay is incompatible with strict mode - resetting"),
        ("accept", "(V) warning - accept mode for VRRP version 2 does not comply with RFC3768 - resetting"),
        ("garp_lower_prio_repeat 3", "(V) Strict mode requires no repeat garps. resetting"),
        ("lower_prio_no_advert false", "(V) Strict mode requires no lower priority advert. resetting"),
        (
            "higher_prio_send_advert true",
            "(V) strict mode requires higher_prio_send_advert to be clear. resetting",
        ),
        ("down_timer_adverts 5", "(V) down_timer_adverts is incompatible with strict mode - resetting"),
        ("use_vmac\nvmac_xmit_base", "(V) xmit_base is incompatible with strict mode - resetting"),
        ("use_vmac x 00:11:22:33:44:55", "(V): cannot specify MAC address with strict mode - clearing"),
    ];
    for (line, words) in rows {
        let outcome = load_text(&instance("V", &format!("strict_mode\n{VIP4}{line}\n")));
        let said: Vec<_> = outcome.lines(Reader::Vrrp, false).collect();
        assert!(said.iter().any(|text| text == words), "{line}: {said:?}");
        let of = &outcome.config.unwrap().instances[0];
        assert!(!of.accept && of.lower_prio_no_advert && !of.higher_prio_send_advert, "{line}");
        assert_eq!((of.garp_lower_prio_repeat, of.down_timer_adverts), (0, 3), "{line}");
        assert!(of.preempt_delay.is_zero() && !of.transmit_by_base, "{line}");
    }
    let owner = config(&instance("V", &format!("strict_mode\npriority 255\n{VIP4}")));
    assert!(owner.instances[0].accept, "the owner takes what is its own");
    assert!(load_text(&instance("V", "strict_mode\n")).config.is_none(), "without an address it cannot run");
}

#[test]
fn groups_and_delays() {
    let text = format!(
        "global_defs {{\n vrrp_garp_interval 0.5\n}}\ngarp_group {{\n garp_interval 0.1\n interface peer0\n}}\n\
         interface_up_down_delays {{\n enp0s5 5 0.5\n}}\ntrack_group G {{\n group {{\n V\n}}\n}}\n\
         static_routes {{\n 10.7.0.0/16 dev peer0 track_group G\n}}\n{}",
        instance("V", VIP4)
    );
    let network = config(&text).network;
    assert_eq!(network.garp_groups.len(), 2, "one as written, one for the interface without a group");
    assert_eq!(network.garp_groups[1].interfaces, ["enp0s5"]);
    // Two intervals less a 256th: the others must not take over before we notice.
    assert_eq!(network.delays[0].down, std::time::Duration::from_nanos(1_996_093_750));
    assert_eq!(network.track_groups[0].members, [0]);
    assert_eq!(network.static_routes[0].track_group.as_deref(), Some("G"));
}

#[test]
fn dynamic_interfaces_count_wherever_they_stand() {
    let missing =
        "vrrp_instance V {\n interface eth9\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1\n}\n}\n";
    assert!(load_text(missing).config.is_none());
    let late = format!("{missing}global_defs {{\n dynamic_interfaces\n}}\n");
    assert!(load_text(&late).config.is_some());
}

#[test]
fn a_vrid_is_one_instances_on_the_interface_below() {
    let said = |words: &str, interfaces: [&str; 2]| {
        let instances = ["VI_1", "VI_2"]
            .iter()
            .zip(interfaces)
            .map(|(name, interface)| instance(name, VIP4).replace("enp0s5", interface));
        let text = format!("global_defs {{\n {words}\n}}\n{}", instances.collect::<String>());
        let mut system = FakeSystem::default();
        system.interfaces.extend(["m0", "m1"]);
        system.macvlans = vec![("m0", "enp0s5"), ("m1", "enp0s5")];
        system.add("/etc/keepalived/k.conf", FileKind::File, 0o644, text.as_bytes());
        let outcome = load(Path::new("/etc/keepalived/k.conf"), &ReadOptions::default(), &system);
        let said: Vec<_> = outcome.lines(Reader::Vrrp, false).collect();
        assert_eq!(outcome.config.is_some(), said.iter().all(|line| !line.contains("both use")), "{said:?}");
        said
    };
    let both = ["VI_1 and VI_2 both use VRID 51 with IPv4 on interface enp0s5"];
    for interfaces in [["enp0s5", "m0"], ["m0", "enp0s5"], ["m0", "m1"], ["m0", "m0"], ["enp0s5", "enp0s5"]] {
        assert_eq!(said("", interfaces), both, "{interfaces:?}");
        assert_eq!(said("dynamic_interfaces", interfaces), both, "{interfaces:?}");
        let allowed = said("dynamic_interfaces allow_if_changes", interfaces);
        if interfaces.iter().any(|name| name.starts_with('m')) {
            // What it is may change: one of them is in FAULT as long as it is so.
            assert_eq!(allowed, [""; 0], "{interfaces:?}");
        } else {
            assert_eq!(allowed, both, "hardware is what it is");
        }
    }
    assert_eq!(said("", ["peer0", "m0"]), [""; 0]);
    for words in ["dynamic_interfaces", "dynamic_interfaces allow_if_changes"] {
        assert_eq!(said(words, ["m9", "m9"]), [""; 0], "{words}: nobody knows yet what it is");
    }
}

#[test]
fn dynamic_interfaces_takes_one_word() {
    let config = |words: &str| {
        let outcome = load_text(&format!("global_defs {{\n {words}\n}}\n{}", instance("V", VIP4)));
        let said: Vec<String> = outcome.lines(Reader::Parent, false).collect();
        (outcome.config.unwrap().network.allow_if_changes, said)
    };
    for (words, allowed) in [
        ("dynamic_interfaces", false),
        ("dynamic_interfaces allow_if_changes", true),
        ("dynamic_interfaces allow_if_changes nonsense", true),
        ("dynamic_interfaces allow_if_changes\n dynamic_interfaces", true),
        ("dynamic_interfaces\n dynamic_interfaces allow_if_changes", true),
    ] {
        assert_eq!(config(words), (allowed, Vec::new()), "{words}");
    }
    for word in ["nonsense", "Allow_if_changes", "true", ""] {
        let text = format!("(Line 2) Unknown dynamic_interfaces option '{word}'");
        let word = if word.is_empty() { "\"\"" } else { word };
        assert_eq!(config(&format!("dynamic_interfaces {word}")), (false, vec![text]));
    }
}
