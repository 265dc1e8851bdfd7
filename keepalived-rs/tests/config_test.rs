//! The program as a whole. Here: `keepalived -t` on good and bad configurations: messages and exit status, of ours and, with REFERENCE (the directory that holds
//! keepalived-2.3), of the reference.
//!
//! Instances need an interface: the first one that is not a loopback. Without any the test says so and passes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod daemon;
mod recorded;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whose verdict a row is.
#[derive(Clone, Copy, PartialEq)]
enum Whose {
    /// The reference says the same.
    Both,
    /// A deviation on purpose.
    Ours,
}

struct Row {
    case: &'static str,
    text: String,
    lines: &'static [&'static str],
    status: i32,
    whose: Whose,
}

const VIOLATION: &str = "SECURITY VIOLATION - scripts are being executed but script_security not enabled.";

/// A sound configuration: `global` stands in global_defs (line 3), `blocks` before the instance (line 5), `inside` in it
/// (line 10).
fn config(global: &str, blocks: &str, inside: &str) -> String {
    format!(
        "global_defs {{\n script_user root\n{global}\n}}\n{blocks}\nvrrp_instance VI_1 {{\n interface IF\n virtual_router_id 51\n advert_int 1\n{inside}\n virtual_ipaddress {{\n  10.211.55.100/24\n }}\n}}\n"
    )
}

fn inside(text: &str) -> String {
    config("", "", text)
}

fn script(lines: &str) -> String {
    config(
        " enable_script_security",
        &format!("vrrp_script s {{\n script \"/usr/bin/test\"\n{lines}\n}}"),
        " track_script {\n  s\n }",
    )
}

/// Two instances of one VRID.
fn twins(interface: &str, first: &str, second: &str) -> String {
    let instance = |number: u8, inside: &str| {
        format!(
            "vrrp_instance VI_{number} {{\n interface {interface}\n virtual_router_id 51\n{inside}\n virtual_ipaddress {{\n 10.0.0.{number}\n }}\n}}\n"
        )
    };
    instance(1, first) + &instance(2, second)
}

#[allow(clippy::too_many_lines)] // A table.
fn rows() -> Vec<Row> {
    let both = |case, text, lines, status| Row { case, text, lines, status, whose: Whose::Both };
    let ours = |case, text, lines, status| Row { case, text, lines, status, whose: Whose::Ours };
    let article = include_str!("article.conf").replace("enp0s5", "IF");
    let safe = article
        .replace("router_id LVS_MASTER", "router_id LVS_MASTER\n script_user root\n enable_script_security");
    let safe = safe.replace("/etc/keepalived/check_haproxy.sh", "/usr/bin/test");
    vec![
        both(
            "the article",
            article.replace("/etc/keepalived/check_haproxy.sh", "/usr/bin/test"),
            &[VIOLATION],
            6,
        ),
        both("the article with security", safe.clone(), &[], 0),
        both("CRLF", safe.replace('\n', "\r\n"), &[], 0),
        both("brace on the next line", safe.replace(" {\n", "\n{\n"), &[], 0),
        both("one line", inside("").replace("{\n  10.211.55.100/24\n }", "{ 10.211.55.100/24 }"), &[], 0),
        both("empty", String::new(), &[], 0),
        both("comments only", "# a\n! b\n".to_owned(), &[], 0),
        both("no final newline", inside("").trim_end().to_owned(), &[], 0),
        both(
            "unknown at top",
            "foo\n".to_owned(),
            &[
                "(Line 1) Unknown keyword 'foo'",
                "(CONF: Line 1) Unknown keyword 'foo'",
                "(CONF: Line 1) Unknown keyword 'foo'",
                "(CONF: Line 1) Unknown keyword 'foo'",
            ],
            5,
        ),
        both("unknown in global_defs", config(" foo", "", ""), &["(Line 3) Unknown keyword 'foo'"], 5),
        both("unknown in an instance", inside(" foo"), &["(CONF: Line 10) Unknown keyword 'foo'"], 5),
        ours(
            "unknown block",
            inside(" foo {\n  bar\n }"),
            &[
                "(CONF: Line 10) Unknown keyword 'foo'",
                "(CONF: Line 10) Ignoring the block of 'foo' up to line 12",
            ],
            5,
        ),
        both(
            "extra }",
            format!("{}}}\n", inside("")),
            &[
                "(Line 15) Extra '}' found",
                "(Line 15) Unknown keyword '}'",
                "(CONF: Line 15) Extra '}' found",
                "(CONF: Line 15) Unknown keyword '}'",
                "(CONF: Line 15) Extra '}' found",
                "(CONF: Line 15) Unknown keyword '}'",
                "(CONF: Line 15) Extra '}' found",
                "(CONF: Line 15) Unknown keyword '}'",
            ],
            5,
        ),
        both(
            "missing }",
            inside("").trim_end().trim_end_matches('}').to_owned(),
            &[
                "There are 1 missing '}'s or extra '{'s",
                "There are 1 missing '}'s or extra '{'s",
                "There are 1 missing '}'s or extra '{'s",
                "There are 1 missing '}'s or extra '{'s",
            ],
            5,
        ),
        ours(
            "unterminated quote",
            script(" interval \"2"),
            &["(Line 7) Unterminated quote 'interval \"2'"],
            2,
        ),
        both(
            "interface missing",
            inside(" interface eth99"),
            &[
                "(CONF: Line 10) WARNING - interface eth99 for vrrp_instance VI_1 doesn't exist",
                "Non-existent interface specified in configuration",
            ],
            5,
        ),
        both(
            "no interface line",
            inside("").replace(" interface IF\n", "\n"),
            &["(VI_1) Unknown interface!"],
            5,
        ),
        both(
            "no virtual_router_id",
            inside("").replace(" virtual_router_id 51\n", "\n"),
            &["(VI_1) the virtual router id must be set"],
            5,
        ),
        both(
            "vrid 0",
            inside(" virtual_router_id 0"),
            &[
                "(CONF: Line 10) number '0' outside range [1, 255]",
                "(CONF: Line 10) (VI_1): VRID '0' not valid - must be between 1 & 255",
            ],
            5,
        ),
        both(
            "vrid 256",
            inside(" virtual_router_id 256"),
            &[
                "(CONF: Line 10) number '256' outside range [1, 255]",
                "(CONF: Line 10) (VI_1): VRID '256' not valid - must be between 1 & 255",
            ],
            5,
        ),
        both(
            "priority 0",
            inside(" priority 0"),
            &[
                "(CONF: Line 10) number '0' outside range [1, 255]",
                "(CONF: Line 10) (VI_1) Priority not valid! must be between 1 & 255. Using default 100",
            ],
            5,
        ),
        both(
            "priority abc",
            inside(" priority abc"),
            &[
                "(CONF: Line 10) invalid number 'abc'",
                "(CONF: Line 10) (VI_1) Priority not valid! must be between 1 & 255. Using default 100",
            ],
            5,
        ),
        both(
            "priority without value",
            inside(" priority"),
            &[
                "(CONF: Line 10) *** Configuration line starting `priority` is missing a parameter after keyword `priority` at word position 2",
            ],
            2,
        ),
        both(
            "no VIP",
            inside("").replace("{\n  10.211.55.100/24\n }", "{\n }"),
            &["(VI_1) No VIP specified; at least one is sensible"],
            5,
        ),
        both(
            "bad VIP",
            inside("").replace("55.100/24", "55.300/24"),
            &[
                "(CONF: Line 12) VRRP parsed invalid IP 10.211.55.300/24. skipping IP...",
                "(VI_1) No VIP specified; at least one is sensible",
            ],
            5,
        ),
        both(
            "VIP on a missing interface",
            inside("").replace("55.100/24", "55.100/24 dev eth77"),
            &[
                "(CONF: Line 12) WARNING - interface eth77 for ip address 10.211.55.100/24 doesn't exist",
                "Non-existent interface specified in configuration",
            ],
            5,
        ),
        both(
            "bad VIP option",
            inside("").replace("55.100/24", "55.100/24 zork"),
            &["(CONF: Line 12) Unknown configuration entry 'zork' for ip address - ignoring"],
            5,
        ),
        both("VIP without prefix and with label", inside("").replace("100/24", "100 label IF:1"), &[], 0),
        both(
            "expires of an IPv4 route",
            inside(" virtual_routes {\n  10.3.0.0/16 via 10.211.55.2 expires 30\n }"),
            &["(CONF: Line 11) expires is only valid for IPv6"],
            5,
        ),
        both(
            "whole number with more behind it",
            config(" vrrp_garp_master_repeat 3x", "", ""),
            &["(Line 3) invalid number '3x'", "(Line 3) vrrp_garp_master_repeat '3x' invalid - ignoring"],
            5,
        ),
        both(
            "negative number that is none",
            config(" vrrp_garp_master_repeat -1.5", "", ""),
            &["(Line 3) negative number '-1.5'", "(Line 3) vrrp_garp_master_repeat '-1.5' invalid - ignoring"],
            5,
        ),
        both(
            "state FOO",
            inside(" state FOO"),
            &["(CONF: Line 10) (VI_1) unknown state 'FOO', defaulting to BACKUP"],
            5,
        ),
        both(
            "advert_int 0",
            inside(" advert_int 0"),
            &[
                "(CONF: Line 10) number '0' outside range [0.010000, 255.000000]",
                "(CONF: Line 10) (VI_1) Advert interval (0) not valid! Must be > 0 - ignoring",
            ],
            5,
        ),
        both(
            "advert_int 0.5 v2",
            inside(" advert_int 0.5"),
            &["(VI_1) VRRPv2 advertisement interval 0.500000s must be an integer. rounding"],
            5,
        ),
        both(
            "auth and v3",
            inside(" version 3\n authentication {\n  auth_type PASS\n  auth_pass x\n }"),
            &["(VI_1) VRRP version 3 does not support authentication. Ignoring."],
            5,
        ),
        both(
            "long password",
            inside(" authentication {\n  auth_type PASS\n  auth_pass 123456789\n }"),
            &["(CONF: Line 12) Truncating auth_pass to 8 characters"],
            5,
        ),
        both(
            "auth_type FOO",
            inside(" authentication {\n  auth_type FOO\n }"),
            &["(CONF: Line 11) (VI_1) unknown authentication type 'FOO'"],
            5,
        ),
        both(
            "auth without password",
            inside(" authentication {\n  auth_type PASS\n }"),
            &["(VI_1) Authentication specified but no password given. Ignoring"],
            5,
        ),
        both(
            "AH and MASTER",
            inside(" state MASTER\n priority 150\n authentication {\n  auth_type AH\n  auth_pass x\n }"),
            &["(VI_1) Initial state master is incompatible with AH authentication - clearing"],
            5,
        ),
        both(
            "script missing",
            script("").replace("/usr/bin/test", "/nosuch"),
            &["Disabling track script s since not found/accessible"],
            5,
        ),
        both("script not executable", script("").replace("/usr/bin/test", "DIR/noexec.sh"), &[], 0),
        both(
            "script world-writable",
            script("").replace("/usr/bin/test", "DIR/open.sh"),
            &["Disabling track script s due to insecure"],
            5,
        ),
        both(
            "script undefined",
            inside(" track_script {\n  nosuch\n }"),
            &["(CONF: Line 11) (VI_1) track script nosuch not found, ignoring..."],
            5,
        ),
        both(
            "script without line",
            script("").replace(" script \"/usr/bin/test\"\n", "\n"),
            &[
                "(CONF: Line 8) No script set for vrrp_script s - removing",
                "(CONF: Line 14) (VI_1) track script s not found, ignoring...",
            ],
            5,
        ),
        both(
            "weight 254",
            script(" weight 254"),
            &[
                "(CONF: Line 7) number '254' outside range [-253, 253]",
                "(CONF: Line 7) vrrp_script s weight 254 must be in [-253, 253]",
            ],
            5,
        ),
        both(
            "weight -999",
            script(" weight -999"),
            &[
                "(CONF: Line 7) number '-999' outside range [-253, 253]",
                "(CONF: Line 7) vrrp_script s weight -999 must be in [-253, 253]",
            ],
            5,
        ),
        both(
            "interval 0",
            script(" interval 0"),
            &["(CONF: Line 7) (s): vrrp script interval must be greater than 0, setting to 1"],
            5,
        ),
        both(
            "unknown script_user",
            config(" script_user nosuch", "", ""),
            &["(Line 3) Error setting global script uid/gid"],
            5,
        ),
        both(
            "instance twice",
            format!("{}vrrp_instance VI_1 {{\n}}\n", inside("")),
            &["(CONF: Line 15) vrrp instance VI_1 already defined"],
            5,
        ),
        both(
            "vrid twice",
            format!(
                "{}vrrp_instance VI_2 {{\n interface IF\n virtual_router_id 51\n virtual_ipaddress {{\n 10.0.0.1\n }}\n}}\n",
                inside("")
            ),
            &["VI_1 and VI_2 both use VRID 51 with IPv4 on interface IF"],
            5,
        ),
        both(
            "vrid twice over VMACs",
            twins("IF", " use_vmac vm1", " use_vmac vm2"),
            &["VI_1 and VI_2 both use VRID 51 with IPv4 on interface IF"],
            5,
        ),
        both(
            "vrid twice over a VMAC and without",
            twins("IF", "", " use_vmac"),
            &["VI_1 and VI_2 both use VRID 51 with IPv4 on interface IF"],
            5,
        ),
        both(
            "unknown word of dynamic_interfaces",
            format!("global_defs {{\n dynamic_interfaces allow_all\n}}\n{}", twins("IF", "", " mcast_dst_ip 224.0.0.99")),
            &["(Line 2) Unknown dynamic_interfaces option 'allow_all'"],
            5,
        ),
        both("vrid twice in two groups", twins("IF", "", " mcast_dst_ip 224.0.0.99"), &[], 0),
        both(
            "vrid twice to one peer",
            twins(
                "IF",
                " unicast_peer {\n  10.0.0.8\n  10.0.0.9\n }",
                " unicast_peer {\n  10.0.0.9\n  10.0.0.7\n }",
            ),
            &["(VI_1) duplicate VRID conflict with VI_2 VRID 51"],
            5,
        ),
        both(
            "vrid twice to two peers",
            twins("IF", " unicast_peer {\n  10.0.0.8\n }", " unicast_peer {\n  10.0.0.9\n }"),
            &[],
            0,
        ),
        both(
            "vrid three times",
            format!(
                "{}{}",
                twins("IF", "", ""),
                "vrrp_instance VI_3 {\n interface IF\n virtual_router_id 51\n virtual_ipaddress {\n 10.0.0.3\n }\n}\n"
            ),
            &[
                "VI_1 and VI_2 both use VRID 51 with IPv4 on interface IF",
                "VI_1 and VI_3 both use VRID 51 with IPv4 on interface IF",
                "VI_2 and VI_3 both use VRID 51 with IPv4 on interface IF",
            ],
            5,
        ),
        both(
            "addresses without an interface",
            inside(
                " unicast_src_ip 10.0.0.1\n unicast_peer {\n  10.0.0.2\n }\n virtual_ipaddress_excluded {\n  10.0.0.5\n  fd09::5\n  10.0.0.6/24 dev IF\n }",
            )
            .replace(" interface IF\n", "\n"),
            &[
                "(VI_1): no interface for vip 10.211.55.100/24 - removing",
                "(VI_1): no interface for evip 10.0.0.5 - removing",
                "(VI_1): no interface for evip fd09::5 - removing",
                "(VI_1) No VIP specified; at least one is sensible",
            ],
            5,
        ),
        both(
            "v3 without a VIP",
            twins("IF", " version 3", "").replace("10.0.0.1\n", "\n"),
            &["(VI_1) No VIP specified; at least one is required"],
            5,
        ),
        both(
            "include missing",
            "include /nosuch/x.conf\n".to_owned(),
            &["(Line 1) Config files missing '/nosuch/x.conf'."],
            0,
        ),
        both(
            "nopreempt and MASTER",
            inside(" nopreempt\n state MASTER\n priority 150"),
            &["(VI_1) Warning - nopreempt will not work with initial state MASTER - clearing"],
            5,
        ),
        both(
            "mixed families",
            inside("").replace("55.100/24\n", "55.100/24\n  2001:db8::100/64\n"),
            &[
                "(CONF: Line 13) (VI_1): address family must match VRRP instance [2001:db8::100/64] - ignoring",
            ],
            5,
        ),
        both(
            "vrrp_garp_interval 0",
            config(" vrrp_garp_interval 0", "", ""),
            &[
                "(Line 3) number '0' outside range [0.000001, 4294.967295]",
                "(Line 3) vrrp_garp_interval '0' is invalid",
            ],
            5,
        ),
        both(
            "sync group with a stranger",
            format!("{}vrrp_sync_group G {{\n group {{\n  VI_1\n  VI_9\n }}\n}}\n", inside("")),
            &[
                "Virtual router VI_9 specified in sync group G doesn't exist - ignoring",
                "Sync group G has only 1 virtual router(s) - this probably isn't what you want",
            ],
            5,
        ),
        both(
            "preempt_delay 2000",
            inside(" preempt_delay 2000"),
            &[
                "(CONF: Line 10) number '2000' outside range [0.000000, 1000.000000]",
                "(CONF: Line 10) (VI_1) Preempt_delay not valid! must be between 0-1000",
            ],
            5,
        ),
        both("notify script missing", inside(" notify /nosuch"), &[], 0),
        both("definition", format!("$P=150\n{}", inside(" priority $P")), &[], 0),
        both("25 VIPs", inside("").replace("10.211.55.100/24", "~SEQ(N, 1, 25) 10.211.56.$N"), &[], 0),
        both("IPv6 without link-local", inside("").replace("10.211.55.100/24", "2001:db8::100/64"), &[], 0),
        ours(
            "virtual_server",
            "virtual_server 10.0.0.1 80 {\n real_server 10.0.0.2 80 {\n }\n}\n".to_owned(),
            &["(Line 1) 'virtual_server' is not implemented yet in keepalived-rs"],
            5,
        ),
        ours("a long comment", format!("# {}\n", "x ".repeat(2000)), &[], 0),
    ]
}

#[test]
fn every_case_has_its_messages_and_status() {
    let Some(interface) = interface() else {
        println!("there is no interface but the loopback: nothing was tested");
        return;
    };
    let directory = directory("rows");
    let reference = std::env::var_os("REFERENCE").map(|prefix| PathBuf::from(prefix).join("keepalived-2.3"));
    if reference.is_none() {
        println!("REFERENCE is not set: ours is tested alone");
    }
    let mut failures = Vec::new();
    for row in rows() {
        let fill =
            |text: &str| text.replace("DIR", &directory.display().to_string()).replace("IF", &interface);
        fs::write(directory.join("CONF"), fill(&row.text)).unwrap();
        let want: Vec<String> = row.lines.iter().map(|line| fill(line)).collect();
        let ours = PathBuf::from(env!("CARGO_BIN_EXE_keepalived"));
        let reference = reference.iter().filter(|_| row.whose == Whose::Both);
        for program in std::iter::once(&ours).chain(reference) {
            let (lines, status) = test(program, &directory);
            if (&lines, status) != (&want, row.status) {
                failures.push(format!(
                    "{} by {}: status {status}, want {}\n  got  {lines:#?}\n  want {want:#?}",
                    row.case,
                    program.display(),
                    row.status
                ));
            }
        }
    }
    fs::remove_dir_all(&directory).unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What `-v` lists of `label`.
fn options(program: &Path, label: &str) -> Vec<String> {
    let output = Command::new(program).arg("-v").output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_default();
    line.split_whitespace().map(str::to_owned).collect()
}

/// `-v` lists what the reference lists, in its order, without what ours has not.
#[test]
fn the_version_lists_the_options_that_are_true() {
    let Some(prefix) = std::env::var_os("REFERENCE") else {
        println!("REFERENCE is not set: nothing to compare with");
        return;
    };
    let (ours, reference) =
        (PathBuf::from(env!("CARGO_BIN_EXE_keepalived")), PathBuf::from(prefix).join("keepalived-2.3"));
    for (label, lacking) in [
        ("Config options:", ["LVS", "REGEX", "SNMP_CHECKER"].as_slice()),
        (
            "System options:",
            &[
                "VSYSLOG",
                "MEMFD_CREATE",
                "IPV6_FREEBIND",
                "IPV6_MULTICAST_ALL",
                "IPV4_DEVCONF",
                "LIBNL3",
                "RTA_NEWDST",
                "RTEXT_FILTER_SKIP_STATS",
                "NET_LINUX_IF_H_COLLISION",
                "LIBIPVS_NETLINK",
                "IPVS_DEST_ATTR_ADDR_FAMILY",
                "IPVS_SYNCD_ATTRIBUTES",
                "IPVS_64BIT_STATS",
                "IPVS_TUN_TYPE",
                "IPVS_TUN_CSUM",
                "IPVS_TUN_GRE",
                "IFLA_LINK_NETNSID",
                "GLOB_ALTDIRFUNC",
                "SO_MARK",
            ],
        ),
    ] {
        let mut want = options(&reference, label);
        assert!(lacking.iter().all(|each| want.iter().any(|option| option == each)), "{want:?}");
        want.retain(|option| !lacking.contains(&option.as_str()));
        assert_eq!(options(&ours, label), want, "{label}");
    }
}

fn test(program: &Path, directory: &Path) -> (Vec<String>, i32) {
    let output = Command::new(program).args(["-t", "-f", "CONF"]).current_dir(directory).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (text.lines().map(str::to_owned).collect(), output.status.code().unwrap_or(-1))
}

fn interface() -> Option<String> {
    let entries = fs::read_dir("/sys/class/net").ok()?;
    let mut names: Vec<String> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    let is_real = |name: &String| {
        let flags = fs::read_to_string(format!("/sys/class/net/{name}/flags")).unwrap_or_default();
        let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).unwrap_or(0x8);
        flags & 0x8 == 0
    };
    names.into_iter().find(is_real)
}

/// With the scripts that rows name.
fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    for (name, mode) in [("noexec.sh", 0o644), ("open.sh", 0o777)] {
        let path = directory.join(name);
        fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    directory
}
