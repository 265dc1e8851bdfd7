"""Every keyword of keepalived.conf that VRRP, tracking, BFD, static addresses and the processes have, with what may follow it.

keepalived.conf(5). Virtual servers and what belongs to them (`lvs_*`, `nftables_ipvs*`, `enable_snmp_checker`, SSL) are left out: ours
refuses them by name.
"""

from .values import (BOOLEANS, address, block, boolean, decimal, good, interface, line, maybe, name, number, one, path, script, some, user, v4, v6,
                     weight)

DELAY = number(0, 4294)
REPEATS = number(0, 2147483647)
INSTANCES = ("VI_1", "VI_2", "VI_3", "VI_9")

# -- addresses, routes, rules --


def with_prefix(of, most):
    return lambda dice: of(dice) + (f"/{number(0, most)(dice)}" if dice.random() < 0.7 else "")


SCOPE = good(("global", "link", "host", "site", "nowhere", "0", "253"), ("256", "zork", "-1", '""', "0x10"))
PLACE = one(with_prefix(v4, 32), with_prefix(v4, 32), with_prefix(v6, 128))
ADDRESS_OPTIONS = (
    line("dev", interface), line("dev", interface), line("dev", interface), line("scope", SCOPE), line("brd", good(("10.0.0.255", "+", "-"), ("fe80::9", "x", ""))),
    line("broadcast", good(("10.0.0.255", "+", "-"), ("10.0.0.999", ""))), line("label", good(("eth0:1", "eth0:v"), ("an-endless-label-it-is", "", '""'))),
    line("peer", one(v4, with_prefix(v4, 32), v6)), "home", "-nodad", "mngtmpaddr", "noprefixroute", "autojoin", "no_track",
    line("preferred_lft", good(("0", "5", "forever", "4294967295"), ("4294967296", "-1", "x", ""))), "use_vmac", line("track_group", one("TG_1", "TG_9", "")),
    good(("home",), ("zork", "dev", "10.0.0.9", "secondary")),
)


def options(choices, most):
    return lambda dice: " ".join(one(*choices)(dice) for _ in range(dice.choice((0, 0, 1, 1, 2, most))))


ADDRESS = line(PLACE, options(ADDRESS_OPTIONS, 4))
TABLE = good(("main", "local", "default", "7", "4294967295"), ("0", "zork", "unspec"))
PROTOCOL = good(("static", "kernel", "boot", "keepalived", "18", "255"), ("256", "zork", "-1", ""))
REALMS = good(("5", "5/6", "0", "65535/65535"), ("65536", "5/", "/5", "a/b", "5/6/7", ""))
TOS = good(("0", "4", "0x10", "252"), ("256", "zork", "-1", "3", "default", ""))
GATEWAY = one(v4, v4, v6)
LOCK = maybe("lock", chance=0.2)
TIME = good(("5", "300ms", "2s", "1.5s", "250"), ("-1", "x", "5m", ""))
METRIC = number(0, 4294967295)
NEXTHOP = line("nexthop", maybe("via", GATEWAY, chance=0.8), maybe("dev", interface), maybe("weight", number(1, 256)), maybe("onlink"),
               maybe("realms", REALMS, chance=0.1), maybe(line("encap", "mpls", "5/6"), chance=0.05))
ENCAP = one("encap mpls 100", "encap mpls 100/200", "encap ip id 5 dst 10.0.0.2 src 10.9.0.1", "encap ip6 id 5 dst 2001:db8::2", "encap ila 1:2:3:4")
"""What is wrong with one is said in other words by ours."""
ROUTE_OPTIONS = (
    line(one("via", "via", "gw"), GATEWAY), line(one("dev", "dev", "oif"), interface), line("src", one(v4, v6)), line("table", TABLE), line("scope", SCOPE),
    line(one("metric", "priority", "preference"), METRIC), line("protocol", PROTOCOL), line(one("tos", "dsfield"), TOS), line("from", PLACE),
    line("realms", REALMS), line("expires", number(0, 2147483647)), line("pref", good(("low", "medium", "high"), ("1", "256", "x", ""))),
    line("mtu", LOCK, METRIC), line("window", METRIC), line(one("rtt", "rttvar", "rto_min"), LOCK, TIME), line(one("ssthresh", "cwnd", "advmss"), LOCK, METRIC),
    line("reordering", METRIC), line("hoplimit", number(0, 255)), line(one("initcwnd", "initrwnd"), METRIC), line("quickack", good(("0", "1", "on"), ("2", "x"))),
    line("fastopen_no_cookie", good(("0", "1"), ("2", "x", ""))), line("features", good(("ecn",), ("x", "", "ecn x"))),
    line("congctl", LOCK, good(("reno", "cubic"), ("", '""'))), line("ttl-propagate", good(("enabled", "disabled"), ("x", "on", ""))),
    "onlink", "no_track", one("prepend", "append", "add"), line("vrf", one("vrf9", "eth0", "none")), line("track_group", one("TG_1", "TG_9")),  NEXTHOP, NEXTHOP, ENCAP, line("to", PLACE),
    good(("onlink",), ("zork", "metric", "disabled", "lock")),
)
KINDS = maybe(one("unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw"), chance=0.25)
ROUTE = line(one(KINDS, KINDS, KINDS, "to"), one(PLACE, PLACE, PLACE, "default", "any", "all", "default6"), options(ROUTE_OPTIONS, 4))
PORTS = good(("10-20", "1-65535", "7-7"), ("7", "x-y"))
RULE_OPTIONS = (
    line("from", PLACE), line("to", PLACE), line(one("iif", "dev"), interface), line("oif", interface),
    line(one("table", "lookup"), TABLE), line(one("table", "lookup"), TABLE), line(one("priority", "preference", "order", "pref"), METRIC),
    line(one("priority", "preference", "order"), METRIC), line(one("tos", "dsfield"), TOS),
    line("fwmark", good(("24", "24/12", "0x18/0xff", "0"), ("x", "24/", "/12", "4294967296", ""))), line("realms", REALMS),
    line("goto", number(0, 4294967295)), "nop", "not", "l3mdev", line("protocol", PROTOCOL),
    line(one("ipproto", "ip_proto"), good(("tcp", "udp", "icmp", "6", "255"), ("256", "zork", ""))), line("sport", PORTS), line("dport", PORTS),
    line("uidrange", good(("0-10", "5-5", "0-4294967295"), ("7", "x"))), line("tunnel-id", number(0, 2147483647)),
    line(one("suppress_prefixlength", "sup_pl"), number(0, 128)), line(one("suppress_ifgroup", "sup_group"), good(("default", "5"), ("zork", "-1", ""))),
    line("type", one("blackhole", "unreachable", "prohibit", "throw", "unicast", "zork")), one("blackhole", "unreachable", "prohibit", "unicast"),
    "no_track", line("track_group", one("TG_1", "TG_9")), good(("not",), ("zork", "from", "10.0.0.1")),
)
RULE = lambda dice: " ".join(one(*RULE_OPTIONS)(dice) for _ in range(dice.choice((1, 2, 2, 3, 3, 4))))  # noqa: E731

# -- what instances and groups track --

TRACKED = line(one("weight", "weight", "weight"), weight)


def tracked(*names, of=INSTANCES):
    return some(line(good(names, ("nosuch", '""', of[0])), maybe(one(TRACKED, "reverse", "noreverse", "weight", "zork 5")), maybe("extra", chance=0.05)), 0, 3)


TRACKS = {
    "track_interface": lambda dice: some(line(interface, maybe(one(TRACKED, "reverse", "noreverse", "weight", "zork"))), 0, 3)(dice),
    "track_script": tracked("S_1", "S_2", "S_3"),
    "track_file": tracked("F_1", "F_2"),
    "track_process": tracked("P_1", "P_2"),
    "track_bfd": tracked("B_1", "B_2"),
}
NOTIFIES = {key: line(script, user) for key in ("notify_backup", "notify_master", "notify_fault", "notify_stop", "notify")}

# -- blocks: keyword -> what follows, or the lines of its own block --

PROCESS = {
    "process_name": name, "priority": number(-20, 19), "no_swap": "", "rt_priority": number(1, 99), "cpu_affinity": good(("0", "0 0", "0 1"), ("", "99999", "x", "-1")),
    "rlimit_rttime": number(1, 4294967295), "rlimit_rtime": number(1, 4294967295),
}
GLOBAL = {
    **{f"{which}_{key}": value for which in ("vrrp", "bfd", "checker") for key, value in PROCESS.items()},
    "process_names": "", "process_name": name, "use_symlink_paths": boolean, "router_id": name, "notification_email_from": good(("a@b", "<a@b>"), ("a", "", '""')),
    "smtp_server": good(("127.0.0.1", "127.0.0.1 25", "::1 26"), ("127.0.0.1 0", "127.0.0.1 65536", "127.0.0.1 x", "", "127.0.0.1 25 26")),
    "smtp_helo_name": good(("h.example",), ("", '""')), "smtp_connect_timeout": number(0, 4294),
    "smtp_alert": boolean, "smtp_alert_vrrp": boolean, "smtp_alert_checker": boolean, "checker_log_all_failures": boolean,
    "startup_script": line(script, user), "startup_script_timeout": number(1, 1000), "shutdown_script": line(script, user),
    "shutdown_script_timeout": number(1, 1000), "max_auto_priority": number(-1, 99), "min_auto_priority_delay": number(1, 10000000), "no_email_faults": "",
    "default_interface": good(("eth0", "eth1"), ("wlan9", "", '""')), "disable_local_igmp": "", "v3_checksum_as_v2": one(*BOOLEANS),
    "vrrp_mcast_group4": good(("224.0.0.18", "239.1.2.3"), ("10.0.0.1", "ff02::12", "x", "")),
    "vrrp_mcast_group6": good(("ff02::12", "ff05::1"), ("fe80::1", "224.0.0.18", "x", "")),
    "vrrp_garp_master_delay": DELAY, "vrrp_garp_master_repeat": REPEATS, "vrrp_garp_master_refresh": METRIC, "vrrp_garp_master_refresh_repeat": REPEATS,
    "vrrp_garp_lower_prio_delay": DELAY, "vrrp_garp_lower_prio_repeat": REPEATS, "vrrp_down_timer_adverts": number(1, 100),
    "vrrp_garp_interval": decimal(0.000001, 4294.967295), "vrrp_gna_interval": decimal(0.000001, 4294.967295), "vrrp_min_garp": boolean,
    "vrrp_garp_extra_if": line(maybe("all"), number(1, 86400)), "vrrp_vmac_garp_intvl": line(maybe("all"), number(1, 86400)),
    "vrrp_lower_prio_no_advert": boolean, "vrrp_higher_prio_send_advert": boolean, "vrrp_version": number(2, 3), "vrrp_iptables": good(("", "IN", "IN OUT"), ("a b c",)),
    "vrrp_ipsets": good(("", "a", "a b c d e f"), ("a b c d e f g",)), "nftables": good(("", "table"), ('""', "t" * 40, "a/b")),
    "nftables_priority": number(-2147483648, 2147483647), "nftables_ifindex": "", "nftables_counters": "", "vrrp_check_unicast_src": "",
    "vrrp_skip_check_adv_addr": boolean, "vrrp_strict": boolean, "notify_fifo": line(path, user), "notify_fifo_script": line(script, user),
    "vrrp_notify_fifo": line(path, user), "vrrp_notify_fifo_script": line(script, user), "vrrp_notify_priority_changes": boolean,
    "fifo_write_vrrp_states_on_reload": "", "snmp_socket": good(("unix:/var/agentx/master", "tcp:127.0.0.1:705"), ("", '""')), "enable_traps": "",
    "enable_snmp_vrrp": "", "enable_snmp_keepalived": "", "enable_snmp_rfc": "", "enable_snmp_rfcv2": "", "enable_snmp_rfcv3": "",
    "snmp_vs_stats_update_interval": decimal(0.001, 30), "snmp_rs_stats_update_interval": decimal(0.001, 30), "enable_dbus": "",
    "dbus_service_name": good(("org.example.V",), ("",)), "dbus_no_interface_name": good(("none", "x_1"), ("", "a-b", '""')),
    "script_user": one("root", "nobody nogroup", "root root", "nosuch", "root nosuch", ""), "enable_script_security": "",
    "vrrp_netlink_cmd_rcv_bufs": METRIC, "vrrp_netlink_cmd_rcv_bufs_force": boolean, "vrrp_netlink_monitor_rcv_bufs": METRIC,
    "vrrp_netlink_monitor_rcv_bufs_force": boolean, "process_monitor_rcv_bufs": METRIC, "process_monitor_rcv_bufs_force": boolean,
    "rs_init_notifies": boolean, "no_checker_emails": boolean, "vrrp_rx_bufs_policy": one("MTU", "ADVERT", "mtu", number(1, 2147483647)),
    "vrrp_rx_bufs_multiplier": number(1, 4294967295), "vrrp_startup_delay": decimal(0.001, 4294.967295), "log_unknown_vrids": "",
    "vrrp_owner_ignore_adverts": boolean, "vmac_prefix": good(("v", "vrrp"), ("v" * 16,)), "vmac_addr_prefix": good(("v", "vrrp"), ("v" * 16,)),
    "umask": good(("0177", "IWGRP|IWOTH", "0x3f", "18", "IRUSR"), ("0777", "8", "01000", "-1", "IWGRP|", "S_IWGRP", "x", "", "IWGRP | IWOTH", '"IWGRP"')),
    "random_seed": number(0, 4294967295), "reload_check_config": path, "reload_time_file": "@dir@/plain", "reload_repeat": "", "reload_file": one("", "@dir@/none"),
    "include_check": good(("", "match", "-match", "+brace_match", "wildcard_match"), ("zork", "+zork")), "config_save_dir": "@dir@/saved",
    "data_use_instance": boolean, "json_version": number(1, 2), "iproute_usr_dir": path, "iproute_etc_dir": path, "state_dump_file": path,
    "stats_dump_file": path, "json_dump_file": path, "dynamic_interfaces": good(("",), ("zork",)), "tmp_config_directory": one("@dir@", "/none", ""),
}
EMAILS = block("notification_email", of=some(good(("a@b", "<c@d>", "root"), ('""', "a@b c@d", "a b")), 0, 3))
INSTANCE = {
    "use_vmac": good(("", "vmac9", "00:00:5e:00:01:09", "vmac9 00:00:5e:00:01:09", "netlink_notify_msg", "vmac9 group 5"),
                     ("00:00:5e:00:01", "00:00:5e:00:01:zz", "a b c", "01:00:5e:00:00:12", "00:00:00:00:00:00", "eth0", "group x", "an-endless-name-of-an-interface",
                      "group", '""')),
    "use_vmac_addr": "", "vmac_xmit_base": "",
    "use_ipvlan": good(("10.9.0.9", "ipvl9 10.9.0.9", "10.9.0.9 bridge", "ipvl9 10.9.0.9/24 private", "fe80::9 vepa"), ("", "x y z", "10.9.0.999", "group 5", "bridge bridge")),
    "unicast_fault_no_peer": "", "check_unicast_src": "", "old_unicast_checksum": good(("", "never"), ("zork",)), "native_ipv6": "",
    "state": good(("MASTER", "BACKUP"), ("FAULT", "master", '""', "", "MASTER BACKUP")), "interface": interface, "vrf": one("vrf9", "eth0", "none", ""), "dont_track_primary": "",
    "mcast_src_ip": address, "unicast_src_ip": address, "mcast_dst_ip": good(("224.0.0.18", "239.1.2.3", "ff02::12"), ("10.0.0.1", "ff05::12", "x")),
    "track_src_ip": "", "virtual_router_id": number(1, 255), "unicast_ttl": number(0, 255), "version": number(2, 3), "priority": number(1, 255),
    "advert_int": decimal(0.01, 255), "no_virtual_ipaddress": "", "promote_secondaries": "", "linkbeat_use_polling": "", "v3_checksum_as_v2": boolean,
    "accept": "", "no_accept": "", "skip_check_adv_addr": boolean, "strict_mode": boolean, "preempt": "", "nopreempt": "", "preempt_delay": decimal(0, 1000),
    "debug": number(0, 4), **NOTIFIES, "notify_master_rx_lower_pri": line(script, user), "notify_deleted": one("", line(script, user)),
    "smtp_alert": boolean, "notify_priority_changes": boolean, "garp_master_delay": DELAY, "garp_master_refresh": METRIC, "garp_master_repeat": REPEATS,
    "garp_master_refresh_repeat": REPEATS, "garp_lower_prio_delay": DELAY, "garp_lower_prio_repeat": REPEATS, "down_timer_adverts": number(1, 100),
    "timer_expired_backup": one("", number(1, 254)), "thread_timer_expired": one("", number(1, 254)), "garp_extra_if": line(maybe("all"), number(0, 86400)),
    "vmac_garp_intvl": line(maybe("all"), number(0, 86400)), "lower_prio_no_advert": boolean, "higher_prio_send_advert": boolean, "owner_ignore_adverts": boolean,
    "kernel_rx_buf_size": number(1, 4294967295),
}
PEER = line(address, maybe(one("min_ttl", "max_ttl", "zork"), number(0, 255), chance=0.3), maybe(one("min_ttl", "max_ttl"), number(0, 255), chance=0.2))
AUTHENTICATION = some(one(line("auth_type", good(("PASS", "AH"), ("NONE", "pass", '""', ""))), line("auth_pass", good(("1234", '"a b"'), ("123456789", '""', "", "a b")))), 0, 3)
INSTANCE_BLOCKS = {
    **TRACKS, "unicast_peer": some(PEER, 0, 3), "virtual_ipaddress": some(ADDRESS, 0, 3), "virtual_ipaddress_excluded": some(ADDRESS, 0, 3),
    "virtual_routes": some(ROUTE, 0, 3), "virtual_rules": some(RULE, 0, 3), "authentication": AUTHENTICATION,
}
GROUP = {**NOTIFIES, "smtp_alert": boolean, "global_tracking": "", "sync_group_tracking_weight": "", "notify_priority_changes": boolean}
GROUP_BLOCKS = {**TRACKS, "group": some(line(one(*INSTANCES), maybe(one(*INSTANCES), chance=0.2)), 0, 3)}
SCRIPT = {
    "script": script, "interval": decimal(0.001, 4294), "timeout": decimal(0.001, 4294), "weight": weight, "rise": number(1, 2147483647), "fall": number(1, 2147483647),
    "user": one("root", "nobody", "nosuch", "root nosuch", ""), "init_fail": "",
}
PROCESSES = {
    "process": good(("sleep", "/usr/bin/sleep 5", '"a b" c "d e"'), ("", '""', "p" * 40)), "param_match": good(("initial", "partial"), ("exact", "zork", "")),
    "weight": line(number(-254, 254), maybe("reverse")), "quorum": number(1, 65535), "quorum_max": number(0, 65535), "delay": decimal(0.000001, 3600),
    "terminate_delay": decimal(0.000001, 3600), "fork_delay": decimal(0.000001, 3600), "full_command": "",
}
FILE = {
    "file": path, "weight": line(number(-2147483647, 2147483647), maybe(one("reverse", "zork"), chance=0.2)),
    "init_file": good(("", "5", "overwrite", "5 overwrite", "-5"), ("x", "5 x", "overwrite 5", "5 overwrite x", "99999999999", "overwrite overwrite")),
}
MILLISECONDS = decimal(1, 4294967)
BFD = {
    "source_ip": address, "neighbor_ip": address, "neighbour_ip": address, "min_rx": MILLISECONDS, "min_tx": MILLISECONDS, "idle_tx": decimal(1000, 4294967),
    "multiplier": number(1, 255), "passive": "", "ttl": number(1, 255), "hoplimit": number(1, 255), "max_hops": number(-1, 255), "multihop": boolean, "weight": weight,
    "vrrp": "", "checker": "",
}
GARP = {"garp_interval": decimal(0.000001, 4294.967295), "gna_interval": decimal(0.000001, 4294.967295), "interface": interface}
TOP = {
    "linkbeat_use_polling": "", "use_pid_dir": "", "instance": good(("one",), ("", '""')),
    "child_wait_time": number(0, 65535), "net_namespace_ipvs": one("nosuch", ""), "namespace_with_ipsets": "",
}
DELAYS = some(line(interface, maybe(decimal(0, 255), chance=0.9), maybe(decimal(0, 255)), maybe("7", chance=0.1)), 0, 3)
BEATS = some(line(interface, maybe(good(("MII", "ETHTOOL", "IOCTL"), ("mii", "zork")))), 0, 3)
BLOCK_NAMES = ("global_defs", "vrrp_instance X", "vrrp_script X", "vrrp_sync_group X", "static_ipaddress", "static_routes", "static_rules", "track_file X", "vrrp_track_process X",
               "bfd_instance X", "garp_group", "track_group X", "interface_up_down_delays", "linkbeat_interfaces")
