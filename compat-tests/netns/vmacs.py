"""Interfaces of an instance's own: VMACs and ipvlans, what is set on them and below them, and what is left at the end."""

import json
import time

from .config import VIP, instance, router_config
from .elections import FAST, failover, pair, settle
from .events import KernelEvents
from .failures import end
from .rig import PATIENCE, batch
from .run import ALONE, scenario

SETTINGS = ("arp_ignore", "arp_filter", "accept_local", "rp_filter", "promote_secondaries")
"""Of IPv4, of a VMAC and of the interface below it."""


def links(router):
    """The macvlans and ipvlans as one line each: all that ip(8) says of them and that two equal programs must agree on."""
    found = []
    for link in json.loads(router.ip("-d", "-j", "link", "show").stdout):
        info = link.get("linkinfo", {})
        if info.get("info_kind") in ("macvlan", "ipvlan"):
            found.append(f"{link['ifname']}@{link['link']} {link['address']} {info['info_kind']} {info['info_data'].get('mode')} "
                         f"group {link.get('group')} mtu {link['mtu']} {link['inet6_addr_gen_mode']} {','.join(sorted(link['flags']))}")
    return sorted(found)


def settings(router, *names):
    """The settings of interfaces that VMACs need."""
    def read(path):
        with open(f"/proc/sys/net/{path}", encoding="ascii") as file:
            return file.read().strip()

    def all_of_them():
        found = []
        for name in names:
            found += [f"{name} {setting} {read(f'ipv4/conf/{name}/{setting}')}" for setting in SETTINGS]
            found.append(f"{name} disable_ipv6 {read(f'ipv6/conf/{name}/disable_ipv6')}")
        return found
    return router.space.call(all_of_them)


def ruleset(router):
    """All nftables tables, without counts."""
    done = router.space.run("nft", "-s", "list", "ruleset")
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def look(rig, router, when, *names):
    """What an instance with an interface of its own has made of its router."""
    rig.fact(f"{when}: links", links(router))
    rig.fact(f"{when}: addresses", router.addresses())
    rig.fact(f"{when}: settings", settings(router, *names))
    rig.fact(f"{when}: nftables", ruleset(router))


@scenario()
def vmac(rig):
    """IPv4: the interface is there from the start, adverts and announcements have its address, and it goes at the end."""
    a, b = pair(rig, body="use_vmac", **FAST)
    rig.garp(a, VIP)
    look(rig, a, "master", "vrrp.51", "eth0")
    look(rig, b, "backup", "vrrp.51", "eth0")
    failover(rig, a, b)
    rig.fact("after the end", (links(a), a.addresses(), ruleset(a)))


@scenario()
def vmac_xmit_base(rig):
    a, b = pair(rig, body="use_vmac\nvmac_xmit_base", **FAST)
    rig.garp(a, VIP)
    look(rig, a, "master", "vrrp.51", "eth0")
    failover(rig, a, b)


@scenario()
def vmac_ipv6(rig):
    rig.vip = "fe80::100"
    a, b = pair(rig, vips=("fe80::100", "fd09::100/64"), body="use_vmac", **FAST)
    rig.garp(a, "fd09::100")
    look(rig, a, "master", "vrrp.51", "eth0")
    failover(rig, a, b)


@scenario(ALONE)
def vmac_ipv6_xmit_base(rig):
    a = rig.routers[0]
    a.configure(router_config(a, instance(a, priority=150, body="use_vmac\nvmac_xmit_base", vips=("fe80::100", "fd09::100/64"), **FAST)))
    a.start()
    rig.garp(a, "fd09::100")
    look(rig, a, "master", "vrrp.51", "eth0")
    a.stop()


@scenario(ALONE)
def vmac_v2(rig):
    """A name and a group of its own."""
    a = rig.routers[0]
    body = "use_vmac vm0 group 7\nvirtual_ipaddress_excluded {\n  10.9.0.101/24\n}"
    a.configure(router_config(a, instance(a, priority=150, body=body)))
    a.start()
    rig.garp(a, "10.9.0.101")
    look(rig, a, "master", "vm0", "eth0")
    a.stop()
    rig.fact("after the end", (links(a), a.addresses(), ruleset(a)))


@scenario(ALONE)
def vmac_of_addresses(rig):
    """Addresses on another interface have a VMAC there, with use_vmac_addr for all and with use_vmac for one."""
    a = rig.routers[0]
    batch(a.space, ["link add name eth1 type veth peer name peer1", "link set peer1 addrgenmode none up", "link set eth1 addrgenmode none up"])
    more = "virtual_ipaddress_excluded {\n  10.8.0.1/24 dev eth1\n  10.8.0.2/24 dev eth1\n}"
    a.configure(router_config(
        a, instance(a, priority=150, body=f"use_vmac\nuse_vmac_addr\n{more}", **FAST),
        instance(a, name="VI_2", vrid=52, priority=150, vips=("10.9.0.101/24", "10.8.0.3/24 dev eth1 use_vmac"), **FAST)))
    a.start()
    a.wait_state("MASTER")
    a.wait_state("MASTER", "VI_2")
    rig.garp(a, VIP)
    rig.garp(a, "10.9.0.101")
    look(rig, a, "master", *sorted(line.split("@")[0] for line in links(a)), "eth0", "eth1")
    a.stop()
    rig.fact("after the end", (links(a), a.addresses(), ruleset(a)))


@scenario()
def vmac_cable(rig):
    """The cable of the interface below is pulled and put back."""
    a, b = pair(rig, body="use_vmac", **FAST)
    events = KernelEvents(rig, a.space)
    pulled = rig.unplug(a)
    a.wait_state("FAULT")
    rig.takeover("last advert to takeover", a, b, after=pulled)
    b.wait_state("MASTER")
    look(rig, a, "fault", "vrrp.51", "eth0")
    at = time.time()
    rig.plug(a)
    plugged = events.link("eth0", True, at)
    rig.timing("cable to preemption", plugged, rig.advert(a, after=plugged))
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    look(rig, a, "master again", "vrrp.51", "eth0")
    end(rig)


@scenario(ALONE, logs="ignored")
def vmac_deleted(rig):
    """Somebody deletes it: it is made again."""
    a = rig.routers[0]
    a.configure(router_config(a, instance(a, priority=150, body="use_vmac", **FAST)))
    a.start()
    rig.garp(a, VIP)
    at = time.time()
    a.ip("link", "del", "dev", "vrrp.51")
    rig.garp(a, VIP, after=at)
    a.wait_state("MASTER")
    look(rig, a, "made again", "vrrp.51", "eth0")
    a.stop()
    rig.fact("after the end", (links(a), a.addresses(), ruleset(a)))


@scenario(ALONE, logs="ignored", packets=False)
def vmac_left_behind(rig):
    """It outlives its program, which finds it again."""
    a = rig.routers[0]
    a.configure(router_config(a, instance(a, priority=150, body="use_vmac", **FAST)))
    a.start()
    rig.garp(a, VIP)
    killed = a.kill("p", "v")
    rig.fact("left behind", links(a))
    a.start()
    rig.garp(a, VIP, after=killed)
    a.wait_state("MASTER")
    look(rig, a, "found", "vrrp.51", "eth0")
    rig.fact("it says so", [line for line in a.lines() if "Found matching" in line or "Success creating" in line])
    a.stop()
    rig.fact("after the end", (links(a), a.addresses(), ruleset(a)))


@scenario(ALONE, logs="ignored", packets=False)
def vmac_by_reload(rig):
    """A reload gives an instance a VMAC, another takes it away."""
    a = rig.routers[0]
    without, with_it = (router_config(a, instance(a, priority=150, body=body, **FAST)) for body in ("", "use_vmac"))
    a.configure(without)
    a.start()
    rig.garp(a, VIP)
    for when, text, mac in (("with", with_it, "00:00:5e:00:01:33"), ("without", without, a.mac)):
        at = time.time()
        a.reload(text)
        rig.capture.wait(f"advert of {mac}", lambda frame: frame.kind == "advert" and frame.router == "a" and f" {mac}>" in frame.text, at)
        rig.capture.wait(f"GARP of {mac}", lambda frame: frame.kind == "garp" and frame.router == "a" and f" {mac}>" in frame.text, at)
        rig.fact(f"{when}: links", links(a))
        rig.fact(f"{when}: addresses", a.addresses())
        # The reference leaves the index of the VMAC in its map.
        rig.fact(f"{when}: nftables", [line for line in ruleset(a) if when == "with" or "elements" not in line])
    a.stop()


@scenario(ALONE, logs="ignored", packets=False)
def vmac_twins(rig):
    """Two instances of one VRID over VMACs of one interface would have one hardware address: they are refused, and no VMAC stays."""
    a = rig.routers[0]
    a.configure(router_config(a, *(instance(a, name=f"VI_{number}", priority=150, vips=(f"10.9.0.{99 + number}/24",),
                                            body=f"use_vmac vm{number}", **FAST) for number in (1, 2))))
    a.start(wait=False)
    rig.fact("exit code", a.process.wait(PATIENCE))
    rig.fact("it says so", [line for line in a.lines() if "both use VRID" in line])
    rig.fact("links", links(a))
