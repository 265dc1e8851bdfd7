#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use fake::FakeSystem;
use proptest::prelude::*;
use resolved::{Address, Auth, Family, Version};
use std::time::Duration;

/// The article's configuration, word for word.
const ARTICLE: &str = "global_defs {
    router_id LVS_MASTER
}

vrrp_script check_haproxy {
    script \"/etc/keepalived/check_haproxy.sh\"
    interval 2          # 每 2 秒检查一次
    weight -60          # 失败时优先级减 60
    fall 2              # 连续 2 次失败才判负
    rise 2              # 连续 2 次成功才恢复
}

vrrp_instance VI_1 {
    state MASTER
    interface enp0s5
    virtual_router_id 51
    priority 150                    # 主节点优先级
    advert_int 1                    # VRRP 广播间隔 1 秒
    authentication {
        auth_type PASS
        auth_pass 123456
    }
    virtual_ipaddress {
        10.211.55.100/24 dev enp0s5
    }
    track_script {
        check_haproxy
    }
}
";

fn load_text(text: &str) -> Outcome {
    let mut system = FakeSystem::default();
    system.add("/etc/keepalived/k.conf", FileKind::File, 0o644, text.as_bytes());
    load(Path::new("/etc/keepalived/k.conf"), &ReadOptions::default(), &system)
}

fn said(outcome: &Outcome) -> Vec<String> {
    outcome.lines(Reader::Vrrp, false).collect()
}

#[test]
fn the_article() {
    let outcome = load_text(ARTICLE);
    assert_eq!(
        said(&outcome),
        ["SECURITY VIOLATION - scripts are being executed but script_security not enabled."]
    );
    assert_eq!(outcome.test_status(), 6);
    let config = outcome.config.unwrap();
    assert_eq!(config.global.router_id, "LVS_MASTER");
    let [instance] = config.instances.as_slice() else { panic!() };
    assert_eq!((instance.name.as_str(), instance.interface.as_str()), ("VI_1", "enp0s5"));
    assert_eq!((instance.virtual_router_id, instance.priority), (51, 150));
    assert_eq!((instance.version, instance.family), (Version::V2, Family::V4));
    assert_eq!(instance.advert_int, Duration::from_secs(1));
    assert_eq!(instance.auth, Auth::Pass(*b"123456\0\0"));
    assert!(instance.wants_master);
    let [address] = instance.virtual_addresses.as_slice() else { panic!() };
    assert_eq!((address.address.to_string().as_str(), address.prefix), ("10.211.55.100", 24));
    assert_eq!(address.device, "enp0s5");
    assert_eq!(instance.track_scripts, [resolved::TrackedScript { script: 0, weight: -60, reverse: false }]);
    let [script] = config.scripts.as_slice() else { panic!() };
    assert_eq!((script.interval, script.timeout), (Duration::from_secs(2), Duration::from_secs(2)));
    assert_eq!((script.rise, script.fall), (2, 2));
    assert_eq!(script.command.argv, ["/etc/keepalived/check_haproxy.sh"]);
}

#[test]
fn an_unknown_block_is_skipped_as_a_whole() {
    let outcome = load_text(&ARTICLE.replace("advert_int 1 ", "foo {\n bar\n baz { qux }\n}\nadvert_int 2 "));
    assert_eq!(
        said(&outcome)[..2],
        [
            "(/etc/keepalived/k.conf: Line 18) Unknown keyword 'foo'",
            "(/etc/keepalived/k.conf: Line 18) Ignoring the block of 'foo' up to line 21",
        ]
    );
    assert_eq!(outcome.config.unwrap().instances[0].advert_int, Duration::from_secs(2));
}

#[test]
fn what_is_not_obeyed_is_refused() {
    let outcome =
        load_text(&format!("{ARTICLE}\nvirtual_server 10.0.0.1 80 {{\n real_server 10.0.0.2 80 {{ }}\n}}\n"));
    let refusal = outcome.refusal().unwrap();
    assert_eq!(refusal.diagnostic.message, "'virtual_server' is not implemented yet in keepalived-rs");
    assert!(outcome.config.is_none());
    let outcome = load_text(&ARTICLE.replace("state MASTER", "lvs_sync_daemon_interface enp0s5"));
    assert_eq!(
        outcome.refusal().unwrap().diagnostic.message,
        "'lvs_sync_daemon_interface' is not implemented yet in keepalived-rs"
    );
}

#[test]
fn an_unterminated_quote_is_one_clear_error() {
    let outcome = load_text(&ARTICLE.replace("check_haproxy.sh\"", "check_haproxy.sh"));
    assert_eq!(
        said(&outcome)[0],
        "(/etc/keepalived/k.conf: Line 6) Unterminated quote 'script \"/etc/keepalived/check_haproxy.sh'"
    );
    assert!(outcome.config.is_none());
}

#[test]
fn a_missing_parameter_stops_the_reading() {
    let outcome = load_text(&ARTICLE.replace("priority 150", "priority"));
    assert_eq!(
        said(&outcome),
        [
            "(/etc/keepalived/k.conf: Line 17) *** Configuration line starting `priority` is missing a parameter after keyword `priority` at word position 2"
        ]
    );
    assert_eq!(outcome.test_status(), 2);
}

#[test]
fn a_missing_interface_is_refused() {
    let outcome = load_text(&ARTICLE.replace("interface enp0s5", "interface eth99"));
    assert_eq!(
        said(&outcome),
        [
            "(/etc/keepalived/k.conf: Line 15) WARNING - interface eth99 for vrrp_instance VI_1 doesn't exist",
            "Non-existent interface specified in configuration",
        ]
    );
    assert_eq!(outcome.test_status(), 5);
    assert!(outcome.config.is_none());
}

#[test]
fn a_script_that_is_not_there_is_not_tracked() {
    let outcome = load_text(&ARTICLE.replace("check_haproxy.sh", "nosuch.sh"));
    assert_eq!(said(&outcome), ["Disabling track script check_haproxy since not found/accessible"]);
    assert_eq!(outcome.test_status(), 5);
    let config = outcome.config.unwrap();
    assert!(config.scripts.is_empty() && config.instances[0].track_scripts.is_empty());
}

#[test]
fn unused_scripts_are_dropped_and_the_others_keep_their_places() {
    let text = ARTICLE.replace("vrrp_instance", "vrrp_script a { script \"/usr/bin/test\" }\nvrrp_script b { script \"/usr/bin/test x\" }\nvrrp_instance");
    let outcome = load_text(&text.replace("        check_haproxy\n", "        b weight 3\n"));
    let config = outcome.config.unwrap();
    let names: Vec<_> = config.scripts.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["b"]);
    assert_eq!(config.instances[0].track_scripts[0].script, 0);
}

#[test]
fn crlf_and_braces_anywhere() {
    let want = load_text(ARTICLE).config.unwrap();
    for text in
        [ARTICLE.replace('\n', "\r\n"), ARTICLE.replace(" {\n", "\n{\n"), ARTICLE.trim_end().to_owned()]
    {
        assert_eq!(load_text(&text).config.unwrap(), want, "{text}");
    }
}

#[test]
fn group_and_global_settings_reach_the_instances() {
    let text = "global_defs {\n vrrp_garp_master_repeat 2\n vrrp_version 3\n}\n\
        vrrp_sync_group G {\n group {\n A\n B\n }\n track_interface {\n peer0\n }\n}\n\
        vrrp_instance A {\n interface enp0s5\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1/24 brd +\n }\n garp_master_delay 9\n}\n\
        vrrp_instance B {\n interface enp0s5\n virtual_router_id 2\n virtual_ipaddress {\n 2001:db8::1\n }\n}\n";
    let outcome = load_text(text);
    assert_eq!(said(&outcome), [] as [&str; 0]);
    let config = outcome.config.unwrap();
    let [a, b] = config.instances.as_slice() else { panic!() };
    assert_eq!((a.sync_group, b.sync_group), (Some(0), Some(0)));
    assert_eq!(config.sync_groups[0].members, [0, 1]);
    assert_eq!(a.track_interfaces[0].name, "peer0");
    assert_eq!((a.garp_master_repeat, a.garp_master_delay), (2, Duration::from_secs(9)));
    assert_eq!(a.garp_lower_prio_delay, Duration::from_secs(9));
    assert_eq!((a.version, b.version, b.family), (Version::V3, Version::V3, Family::V6));
    assert_eq!(a.virtual_addresses[0].broadcast, Some("10.0.0.255".parse().unwrap()));
    assert_eq!((b.virtual_addresses[0].prefix, b.virtual_addresses[0].preferred_lft), (128, Some(0)));
}

/// Pieces that configurations are made of, right and wrong.
const PIECES: &[&str] = &[
    "global_defs",
    "vrrp_script",
    "vrrp_instance",
    "vrrp_sync_group",
    "static_ipaddress",
    "virtual_ipaddress",
    "track_script",
    "track_interface",
    "authentication",
    "unicast_peer",
    "group",
    "include",
    "state",
    "MASTER",
    "interface",
    "enp0s5",
    "eth9",
    "virtual_router_id",
    "priority",
    "advert_int",
    "weight",
    "interval",
    "script",
    "notify",
    "\"/usr/bin/test a\"",
    "version",
    "$A=$B x",
    "$B=$A",
    "$A",
    "~SEQ(A,1,5)",
    "~LST({A},{1},{2})",
    "@lb1",
    "@^lb1",
    "{",
    "}",
    "{",
    "}",
    "\n",
    "\n",
    "\n",
    "\n",
    "10.0.0.1/24",
    "fe80::1",
    "dev",
    "brd",
    "+",
    "-1",
    "0",
    "255",
    "99999999999",
    "1.5",
    "\"",
    "'",
    "\\",
    "#",
    "!",
    "A",
    "B",
];

proptest! {
    /// No text makes the reader panic, and what it accepts has complete instances.
    #[test]
    fn any_text_is_read(picks in proptest::collection::vec(0..PIECES.len(), 0..120)) {
        let text: Vec<&str> = picks.iter().filter_map(|i| PIECES.get(*i).copied()).collect();
        let outcome = load_text(&text.join(" "));
        if let Some(config) = outcome.config {
            prop_assert!(outcome.messages.iter().all(|m| m.diagnostic.severity < Severity::Alert));
            for instance in &config.instances {
                prop_assert!(instance.virtual_router_id > 0 && instance.priority > 0 && !instance.interface.is_empty());
            }
        }
    }

    /// Nor do any bytes.
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut system = FakeSystem::default();
        system.add("/etc/keepalived/k.conf", FileKind::File, 0o644, &bytes);
        let _ = load(Path::new("/etc/keepalived/k.conf"), &ReadOptions::default(), &system);
    }
}

#[test]
fn one_block_may_hold_both_families_where_that_is_wanted() {
    let text = |global: &str| {
        format!(
            "global_defs {{\n{global}\n}}\nvrrp_instance V {{\n interface enp0s5\n virtual_router_id 5\n virtual_ipaddress {{\n \
             10.0.0.1/24\n fd00::1/64\n fd00::1/64\n 10.0.0.2/24\n }}\n}}\n"
        )
    };
    let addresses = |list: &[Address]| list.iter().map(|a| a.address.to_string()).collect::<Vec<_>>();
    let outcome = load_text(&text(" vrrp_both_families"));
    assert_eq!(
        said(&outcome),
        ["(/etc/keepalived/k.conf: Line 10) (V): VIP duplicates a VIP fd00::1/64 - ignoring"]
    );
    let config = outcome.config.unwrap();
    assert_eq!(addresses(&config.instances[0].virtual_addresses), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(addresses(&config.instances[0].excluded_addresses), ["fd00::1"]);
    let config = load_text(&text("")).config.unwrap();
    assert!(config.instances[0].excluded_addresses.is_empty(), "the reference's way");
}

#[test]
fn included_files_that_may_be_executed_are_skipped() {
    let mut system = FakeSystem::default();
    system.add("/etc/keepalived/k.conf", FileKind::File, 0o644, b"include x\n");
    system.add("/etc/keepalived/x", FileKind::File, 0o755, b"zork\n");
    let outcome = load(Path::new("/etc/keepalived/k.conf"), &ReadOptions::default(), &system);
    assert_eq!(
        outcome.lines(Reader::Parent, false).collect::<Vec<_>>(),
        ["(Line 1) Configuration file 'x' is not a regular non-executable file - skipping"]
    );
    assert_eq!(outcome.test_status(), 0);
}

#[test]
fn an_interface_that_nothing_needs_is_a_verdict_of_its_own() {
    let delays = "interface_up_down_delays {\n eth9 1\n}\n";
    let safe = "global_defs {\n enable_script_security\n script_user root\n}\n";
    assert_eq!(load_text(&format!("{safe}{delays}{ARTICLE}")).test_status(), 4);
    assert_eq!(load_text(&format!("{safe}zork\n{delays}{ARTICLE}")).test_status(), 5);
}

/// Lines of the reference for the same blocks.
#[test]
fn options_of_what_is_tracked() {
    for (line, want) in [
        ("peer0 zork", "(VI_1) unknown track_interface peer0 option zork - ignoring"),
        ("peer0 weight", "(VI_1) weight without value specified for track_interface peer0 - ignoring"),
        ("peer0 weight 254", "(VI_1) weight for peer0 cannot be +/-254. Setting to +/-253"),
        (
            "peer0 weight 5 noreverse",
            "(VI_1) unknown track_interace peer0 weight option noreverse - ignoring",
        ),
    ] {
        let outcome = load_text(&ARTICLE.replace(
            "    track_script {",
            &format!("    track_interface {{\n{line}\n}}\n    track_script {{"),
        ));
        assert!(said(&outcome).iter().any(|said| said.ends_with(want)), "{line}: {:?}", said(&outcome));
    }
}

#[test]
fn a_name_may_hold_an_apostrophe() {
    let outcome = load_text(&ARTICLE.replace("LVS_MASTER", "John's"));
    assert_eq!(outcome.config.unwrap().global.router_id, "John's");
}

#[test]
fn scripts_without_a_user_are_said_once() {
    let text = "global_defs {\n enable_script_security\n}\nvrrp_instance VI_1 {\n interface enp0s5\n virtual_router_id 51\n \
                virtual_ipaddress {\n 10.0.0.1/24\n }\n notify_master /usr/bin/true\n notify_backup /usr/bin/true\n}\n";
    let outcome = load_text(text);
    let said: Vec<String> = outcome.lines(Reader::Vrrp, false).collect();
    let line = "(/etc/keepalived/k.conf: Line 10) Unable to set default user keepalived_script for script";
    assert_eq!(said, [line]);
    assert_eq!(outcome.test_status(), 5);
    let notify = &outcome.config.unwrap().instances[0].notify;
    assert!(notify.master.is_none() && notify.backup.is_none(), "nothing runs as root instead: {notify:?}");
}

#[test]
fn a_backup_may_become_master_and_not_the_other_way_round() {
    let said = |states: &str| {
        let text = format!(
            "vrrp_instance VI_1 {{\n interface enp0s5\n virtual_router_id 51\n{states} virtual_ipaddress {{\n 10.0.0.1/24\n }}\n}}\n"
        );
        let outcome = load_text(&text);
        let lines: Vec<String> = outcome.lines(Reader::Vrrp, false).collect();
        (outcome.config.unwrap().instances[0].wants_master, lines.len())
    };
    assert_eq!(said("state BACKUP\nstate MASTER\n"), (true, 0));
    assert_eq!(said("state MASTER\nstate BACKUP\n"), (true, 1));
    assert_eq!(said("state MASTER\nstate FOO\n"), (false, 1));
    assert_eq!(said("state FOO\nstate MASTER\n"), (true, 1));
}
