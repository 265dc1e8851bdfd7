"""Packets to virtual addresses: no_accept and its nftables, and what strict mode makes of an instance."""

import select
import socket
import time

from . import wire
from .config import VIP, instance, router_config
from .elections import FAST, PASS, failover, pair, settle
from .failures import end
from .rig import batch
from .run import ALONE, scenario
from .vmacs import links, ruleset

VIP6 = "fd09::100"


DISCARD = 9
"""A port that nobody listens on: whoever takes packets refuses the connection."""


def answers(rig, *addresses):
    """Which of the addresses take packets from the bridge. Silence has a second to be broken."""
    def ask():
        sockets = {}
        for address in addresses:
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.connect_ex((address, DISCARD))
            sockets[sock] = address
        told, until = set(), time.monotonic() + 1
        while set(sockets) - told and time.monotonic() < until:
            told.update(select.select([], list(set(sockets) - told), [], max(until - time.monotonic(), 0))[1])
        for sock in sockets:
            sock.close()
        return [(address, "answers" if sock in told else "is silent") for sock, address in sockets.items()]
    return rig.lan.call(ask)


@scenario()
def no_accept(rig):
    """The master drops packets to its addresses as long as it has them; own addresses are not concerned."""
    rig.lan.ip("address", "add", "fd09::250/64", "dev", rig.BRIDGE, "nodad")
    a, b = pair(rig, body=f"no_accept\nvirtual_ipaddress_excluded {{\n  10.9.0.101/24\n  {VIP6}/64\n}}", **FAST)
    rig.garp(a, VIP)
    rig.fact("master: nftables", ruleset(a))
    rig.fact("backup: nftables", ruleset(b))
    rig.fact("answers", answers(rig, VIP, "10.9.0.101", a.address, VIP6, a.address6))
    a.stop()
    b.wait_state("MASTER")
    rig.garp(b, VIP)
    rig.fact("after the end", ruleset(a))
    rig.fact("new master", ruleset(b))
    a.start()
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    rig.fact("no longer master", ruleset(b))
    end(rig)


@scenario(ALONE, logs="ignored")
def accept(rig):
    """Without no_accept the same addresses answer; the owner answers in any case."""
    a = rig.routers[0]
    a.configure(router_config(a, instance(a, priority=150, **FAST),
                              instance(a, name="VI_2", vrid=52, priority=255, vips=("10.9.0.101/24",), body="no_accept", **FAST)))
    a.start()
    a.wait_state("MASTER")
    rig.garp(a, VIP)
    rig.garp(a, "10.9.0.101")
    rig.fact("answers", answers(rig, VIP, "10.9.0.101"))
    rig.fact("nftables", ruleset(a))
    a.stop()


@scenario(ALONE)
def no_accept_ipv6(rig):
    """Link-local addresses belong to an interface: by its index, and by its name where the interface may change."""
    a = rig.routers[0]
    a.configure(router_config(
        a, instance(a, priority=150, vips=("fe80::100", f"{VIP6}/64"), body="no_accept", **FAST),
        instance(a, name="VI_2", vrid=52, priority=150, vips=("fe80::101",), body="no_accept\ndont_track_primary", **FAST)))
    a.start()
    a.wait_state("MASTER")
    a.wait_state("MASTER", "VI_2")
    rig.garp(a, VIP6)
    rig.garp(a, "fe80::101")
    rig.fact("nftables", ruleset(a))
    a.stop()
    rig.fact("after the end", ruleset(a))


@scenario(ALONE)
def no_accept_options(rig):
    """nftables NAME, nftables_priority, nftables_counters, nftables_ifindex."""
    a = rig.routers[0]
    extra = "    nftables walls\n    nftables_priority 5\n    nftables_counters\n    nftables_ifindex\n"
    a.configure(router_config(a, instance(a, priority=150, vips=("fe80::100",), body="no_accept\ndont_track_primary\n"
                                          f"virtual_ipaddress_excluded {{\n  {VIP}/24\n}}", **FAST),
                              instance(a, name="VI_2", vrid=52, priority=150, vips=("fe80::101",), body="use_vmac", **FAST), extra=extra))
    a.start()
    rig.garp(a, VIP)
    rig.garp(a, "fe80::101")
    rig.fact("nftables", ruleset(a))
    a.stop()
    rig.fact("after the end", ruleset(a))


@scenario(ALONE)
def no_accept_vmac(rig):
    """On a VMAC, where the table has group reports, too."""
    a = rig.routers[0]
    a.configure(router_config(a, instance(a, priority=150, body="use_vmac\nno_accept", **FAST),
                              instance(a, name="VI_2", vrid=51, priority=150, vips=("fe80::100",), body="use_vmac\nno_accept", **FAST)))
    a.start()
    a.wait_state("MASTER")
    a.wait_state("MASTER", "VI_2")
    rig.garp(a, VIP)
    rig.garp(a, "fe80::100")
    rig.fact("nftables", ruleset(a))
    rig.fact("answers", answers(rig, VIP, a.address))
    a.stop()
    rig.fact("after the end", ruleset(a))


@scenario(ALONE, logs="ignored", packets=False)
def no_accept_by_reload(rig):
    """A reload makes a master stop taking packets, another makes it take them again; a table that is left behind is replaced."""
    a = rig.routers[0]
    without, with_it = (router_config(a, instance(a, priority=150, body=body, **FAST)) for body in ("", "no_accept"))
    a.configure(without)
    a.start()
    rig.garp(a, VIP)
    for number, (when, text) in enumerate((("no_accept", with_it), ("accept", without), ("no_accept again", with_it)), 1):
        a.reload(text)
        a.wait_log("Reload complete", count=number)
        rig.advert(a, after=rig.advert(a, after=time.time()).at + 0.001)
        rig.fact(when, (ruleset(a), answers(rig, VIP)))
    killed = a.kill("p", "v")
    a.start()
    rig.garp(a, VIP, after=killed)
    rig.fact("after a kill", (ruleset(a), answers(rig, VIP)))
    a.stop()
    rig.fact("after the end", ruleset(a))


STRICT = "    vrrp_strict\n"


@scenario()
def strict_v2(rig):
    """No authentication, no packets to the addresses, the wire as the RFC has it."""
    a, b = pair(rig, extra=STRICT, body=PASS)
    rig.garp(a, VIP)
    rig.fact("nftables", ruleset(a))
    rig.fact("answers", answers(rig, VIP, a.address))
    end(rig)


@scenario()
def strict_v3(rig):
    failover(rig, *pair(rig, extra=STRICT, **FAST))


@scenario(ALONE)
def strict_vmac(rig):
    a = rig.routers[0]
    a.configure(router_config(a, instance(a, priority=150, body="strict_mode on\nuse_vmac\nvmac_xmit_base", **FAST)))
    a.start()
    rig.garp(a, VIP)
    rig.fact("links", links(a))
    rig.fact("nftables", ruleset(a))
    a.stop()


def lower(rig, router):
    """Puts an advert of a lower priority on the wire."""
    wire.Injector(rig.stack, rig.lan, router.name).send(wire.ethernet(wire.ipv4(wire.v3(priority=50, interval=20))))


@scenario(ALONE)
def strict_lower_priority(rig):
    """An advert of a lower priority is not answered: neither by an advert nor by announcements."""
    a = rig.routers[0]
    a.configure(router_config(a, instance(a, priority=150, version=3, advert_int=1), extra=STRICT))
    a.start()
    a.wait_state("MASTER")
    rig.garp(a, VIP)
    first = rig.advert(a, after=rig.advert(a).at + 0.1)
    lower(rig, a)
    a.wait_log("with lower priority 50")
    rig.timing("advert to advert", first, rig.advert(a, after=first.at + 0.001))
    a.stop()


@scenario(ALONE)
def strict_owner(rig):
    """An owner ignores adverts and takes packets."""
    a = rig.routers[0]
    a.configure(router_config(a, instance(a, priority=255, state="MASTER", **FAST), extra=STRICT))
    a.start()
    rig.garp(a, VIP)
    lower(rig, a)
    rig.advert(a, after=rig.advert(a, after=time.time()).at + 0.1)
    rig.fact("received", a.statistics()["Advertisements/Received"])
    rig.fact("nftables", ruleset(a))
    rig.fact("answers", answers(rig, VIP))
    a.stop()
