"""What a running daemon says of its configuration: numbers that are none, and the global part of keepalived.data."""

import os
import re
import signal

from lab import poll

from .config import instance, router_config
from .rig import PATIENCE, batch
from .run import ALONE, scenario

SILENT = "down_timer_adverts 90"


# The messages of an instance and the lines about addresses are in another order (docs/compatibility.md).
@scenario(ALONE, logs="ignored", packets=False)
def numbers_of_a_daemon(rig):
    """Which numbers are warned of and taken in part, and which are refused."""
    a = rig.routers[0]
    words = ("5x", "x", "-1", "-0", "1.5x", "300", "99999999999999999999")
    per_block = {"global_defs": ("vrrp_garp_master_repeat", "vrrp_garp_master_refresh", "smtp_connect_timeout", "vrrp_startup_delay",
                                 "vrrp_priority", "bfd_rt_priority", "vrrp_rx_bufs_multiplier", "vrrp_garp_interval"),
                 "vrrp_instance": ("advert_int", "priority", "preempt_delay", "garp_master_repeat", "debug", "version"),
                 "vrrp_script": ("interval", "fall", "weight"), "bfd_instance": ("multiplier", "weight"), "track_process": ("quorum", "delay")}
    lines = {block: [f"{keyword} {word}" for keyword in keywords for word in words] for block, keywords in per_block.items()}
    text = router_config(
        a, "vrrp_script s {\n  script /usr/bin/true\n" + "\n".join(lines["vrrp_script"]) + "\n}\n",
        "bfd_instance b {\n  neighbor_ip 10.9.0.2\n" + "\n".join(lines["bfd_instance"]) + "\n}\n",
        "vrrp_track_process p {\n  process hrs-nobody\n" + "\n".join(lines["track_process"]) + "\n}\n",
        instance(a, body=f"{SILENT}\n" + "\n".join(lines["vrrp_instance"])), extra="\n".join(lines["global_defs"]) + "\n")
    a.configure(text)
    a.start()
    numbers = [re.sub(r"^\(.*: Line ", "(Line ", line) for line in a.lines() if re.search(r"\(.*Line \d+\)", line) and "number '" in line]
    told = text.splitlines()
    where = [(told[int(re.match(r"\(Line (\d+)\)", line).group(1)) - 1].strip(), line.split(") ", 1)[1]) for line in numbers]
    # With decimals the reference takes digits as millionths (docs/compatibility.md); its line is the same.
    rig.fact("numbers", sorted(where))
    rig.expect("some are warnings", any(line.startswith("WARNING - invalid number") for _, line in where))
    a.stop()


def definitions(router, name):
    """The first section of a dump."""
    path = router.path(name)
    text = poll.until(f"{router.name} ({router.subject}): {name}", lambda: os.path.exists(path) and open(path, encoding="utf-8").read(), PATIENCE)
    lines = text.splitlines()
    end = next((number for number, line in enumerate(lines) if number and line.startswith("------<")), len(lines))
    # The library that the reference uses, and the checker process that ours has not.
    return [line for line in lines[:end] if not re.match(r" (libnftnl|SNMP checker|LVS process name)", line)]


@scenario(ALONE, logs="ignored", packets=False)
def global_definitions(rig):
    """The global part of both dumps: with D-Bus and SNMP on and off, by the configuration and by the command line."""
    a = rig.routers[0]
    cases = (("plain", "", ()), ("D-Bus", "enable_dbus\n", ()), ("names of D-Bus", "enable_dbus\ndbus_service_name org.example.K\ndbus_no_interface_name no\n", ()),
             ("names without D-Bus", "dbus_service_name org.example.K\n", ()), ("SNMP", "enable_snmp_vrrp\nenable_traps\n", ()),
             ("RFC MIBs", "enable_snmp_rfc\nsnmp_socket unix:/nowhere\n", ()), ("-x", "enable_traps\n", ("-x",)),
             ("-x -A", "snmp_socket unix:/nowhere\n", ("-x", "-A", "unix:/elsewhere")),
             ("network", "vrrp_garp_extra_if all 30\nnftables\nnftables_counters\nvmac_prefix foo\nvmac_addr_prefix bar\nvrrp_version 3\n", ()),
             ("processes", "process_name pp\nvrrp_process_name vv\nbfd_process_name bb\nbfd_priority 3\nbfd_no_swap\nbfd_rlimit_rttime 20000\n", ()),
             ("strict", "vrrp_strict\nvrrp_owner_ignore_adverts\nlog_unknown_vrids\n", ()))
    for number, (name, extra, words) in enumerate(cases, 1):
        a.configure(router_config(a, instance(a, body=SILENT, version=3), extra=extra))
        a.start(*words, wait=False)
        a.wait_log("Startup complete", count=number)
        a.process.send_signal(signal.SIGUSR1)
        for file in ("keepalived.data", "keepalived_parent.data"):
            rig.fact(f"{name}: {file}", definitions(a, file))
        a.stop()
        for file in ("keepalived.data", "keepalived_parent.data"):
            os.unlink(a.path(file))


@scenario(ALONE, packets=False)
def static_addresses_of_a_link(rig):
    """They are added again when the link comes up, come back when they are removed, and are no source of adverts."""
    a = rig.routers[0]
    batch(a.space, ["link add name eth1 type veth peer name peer1", "link set peer1 addrgenmode none up", "link set eth1 addrgenmode none up"])
    a.configure(router_config(a, "static_ipaddress {\n  10.11.0.1/24 dev eth1\n  fd11::1/64 dev eth1\n}\n",
                              instance(a, interface="eth1", body=SILENT)))
    a.start()
    a.wait_log("VRRP sockpool: ")
    rig.fact("no source", a.addresses())
    a.ip("address", "del", "10.11.0.1/24", "dev", "eth1")
    a.wait_log("Restoring deleted static address 10.11.0.1/24")
    a.space.ip("link", "set", "dev", "peer1", "down")
    a.wait_log("Netlink reports eth1 down")
    a.space.ip("link", "set", "dev", "peer1", "up")
    a.wait_log("Restoring deleted static address fd11::1/64")
    a.ip("address", "add", "10.10.0.1/24", "dev", "eth1")
    a.wait_state("BACKUP")
    a.stop()
    rig.fact("after the end", a.addresses())
