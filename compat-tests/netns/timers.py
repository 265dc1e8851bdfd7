"""When things happen that the other scenarios do not time, and adverts that others send."""

import os
import time

from lab import poll

from . import wire
from .bfd import is_bfd
from .config import VIP, instance, router_config
from .elections import FAST, failover, pair, peers, settle, who
from .events import KernelEvents
from .failures import end
from .rig import PATIENCE, is_advert
from .run import ALONE, scenario


@scenario()
def startup_delay(rig):
    """vrrp_startup_delay: until it is over adverts do not count, and the down timer begins then."""
    a, b = rig.routers
    for router, priority in ((a, 150), (b, 100)):
        router.configure(router_config(router, instance(router, priority=priority, **FAST), extra="    vrrp_startup_delay 2\n"))
    b.start()
    first = rig.advert(b)
    rig.timing("join of b to its first advert", rig.joined(b), first)
    a.start()
    first = rig.advert(a)
    rig.timing("join of a to its first advert", rig.joined(a), first)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario()
def down_timer_adverts(rig):
    a, b = pair(rig, body="down_timer_adverts 6", **FAST)
    killed = a.kill("p", "v")
    rig.takeover("last advert to takeover", a, b, after=killed)
    b.wait_state("MASTER")
    rig.garp(b, VIP)
    end(rig)


@scenario()
def owner_without_state(rig):
    """Priority 255 and no state: master at once."""
    def text(router, priority):
        return router_config(router, instance(router, priority=priority, **FAST).replace("    state BACKUP\n", ""))
    for router, priority in zip(rig.routers, (255, 100)):
        router.configure(text(router, priority))
    a, b = rig.routers
    a.start()
    first = rig.advert(a)
    rig.timing("join to first advert", rig.joined(a), first)
    a.wait_log("Entering MASTER STATE")
    b.start()
    settle(rig, a, b)
    end(rig)


@scenario(logs="ignored", packets=False)
def two_owners(rig):
    """Both say that they own the address: the lower source address gives way, and both say who is wrong."""
    a, b = rig.routers
    rig.isolate(a, b)
    for router in rig.routers:
        router.configure(router_config(router, instance(router, priority=255, state="MASTER", **FAST)))
        router.start()
        rig.garp(router, VIP)
    rig.isolate(a, b, on=False)
    a.wait_state("BACKUP")
    b.wait_log("CONFIGURATION ERROR")
    settle(rig, b, a)
    rig.fact("what is wrong", [line for router in rig.routers for line in router.lines() if "CONFIGURATION ERROR" in line])
    rig.fact("who has it", who(a, b))
    end(rig)


@scenario(ALONE)
def garp_lower_prio(rig):
    """An advert of a lower priority is answered by an advert and by a burst, and by another one after the delay."""
    a = rig.routers[0]
    body = "garp_lower_prio_repeat 3\ngarp_lower_prio_delay 1\ngarp_master_repeat 1"
    # An owner is master at once, however long its interval is.
    a.configure(router_config(a, instance(a, priority=255, state="MASTER", version=3, advert_int=4, body=body)))
    a.start()
    advert = rig.garp(a, VIP)
    wire.Injector(rig.stack, rig.lan, a.name).send(wire.ethernet(wire.ipv4(wire.v3(priority=50, interval=400))))
    a.wait_log("forcing new election")
    answer = rig.advert(a, after=advert.at)
    first = rig.garp(a, VIP, after=answer.at)
    rig.expect("answered before its time", answer.at - advert.at < 3.5)
    rig.timing("advert to the first burst", answer, first)
    rig.timing("first to second burst", first, rig.garp(a, VIP, after=first.at + 0.5))
    rig.timing("answer to the next advert", answer, rig.advert(a, after=answer.at + 0.001))
    a.wait_log("(VI_1) Sending/queueing", count=3)
    a.stop()


@scenario(ALONE, logs="streams", packets=False)
def notify_lower_and_deleted(rig):
    """notify_master_rx_lower_pri, and what a reload tells of an instance that is gone, with notify_deleted and without."""
    a = rig.routers[0]
    script = a.write("notify.sh", f"#!/bin/sh\necho \"$@\" >> {a.path('notified')}\n", 0o755)
    os.mkfifo(a.path("fifo"))
    pipe = os.open(a.path("fifo"), os.O_RDWR | os.O_NONBLOCK)
    rig.stack.callback(os.close, pipe)
    extra = f"    vrrp_notify_fifo {a.path('fifo')}\n"
    first = instance(a, priority=150, version=3, advert_int=1, body=f"notify_master_rx_lower_pri \"{script} lower\"")
    second = instance(a, name="VI_2", vrid=52, priority=150, vips=("10.9.0.101/24",), body=f"notify {script}\nnotify_deleted", **FAST)
    third = instance(a, name="VI_3", vrid=53, priority=150, vips=("10.9.0.102/24",), body=f"notify {script}", **FAST)
    a.configure(router_config(a, first, second, third, extra=extra))
    a.start()
    for name in ("VI_2", "VI_3", "VI_1"):
        a.wait_state("MASTER", name)
    wire.Injector(rig.stack, rig.lan, a.name).send(wire.ethernet(wire.ipv4(wire.v3(priority=50))))
    a.wait_log("forcing new election")
    a.reload(router_config(a, first, extra=extra))
    a.wait_log("Reload complete")
    told = ("lower", "DELETED", "FAULT")
    poll.until("the scripts ran", lambda: all(any(word in line for line in written(a)) for word in told), PATIENCE)
    rig.advert(a, vrid=51, after=time.time())
    a.stop()
    rig.fact("scripts", sorted(written(a)))
    lines = os.read(pipe, 65536).decode().splitlines()
    rig.fact("FIFO", [line for line in lines if "BACKUP" not in line and "MASTER 150" not in line])
    rig.fact("a holds", a.addresses())


def written(router):
    try:
        with open(router.path("notified"), encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


@scenario(ALONE, logs="ignored", packets=False)
def unicast_limits(rig):
    """Unicast adverts of strangers and from too far away do not count when they are checked."""
    a = rig.routers[0]
    body = f"unicast_src_ip {a.address}\ncheck_unicast_src\nunicast_peer {{\n  10.9.0.51 min_ttl 64 max_ttl 128\n  10.9.0.52\n}}"
    a.configure(router_config(a, instance(a, priority=100, body=f"{body}\ndown_timer_adverts 100", **FAST)))
    a.start()
    a.wait_state("BACKUP")
    injector = wire.Injector(rig.stack, rig.lan, a.name)
    told = {}
    for name, source, ttl in (("near", "10.9.0.51", 100), ("too far", "10.9.0.51", 63), ("too near", "10.9.0.51", 129),
                              ("without limits", "10.9.0.52", 1), ("stranger", "10.9.0.53", 255), ("near again", "10.9.0.51", 64)):
        before, read = len(a.vrrp_lines()), a.statistics()
        payload = wire.v3(priority=200, interval=20, source=source, destination=a.address)
        packet = wire.ipv4(payload, ttl=ttl, source=source, destination=a.address)
        injector.send(wire.ethernet(packet, bytes.fromhex(a.mac.replace(":", ""))))
        counts = ("Advertisements/Received", "Packet Errors/TTL")
        poll.until("it is counted", lambda read=read: any(a.statistics()[key] != read[key] for key in counts), PATIENCE)
        now = a.statistics()
        told[name] = [f"{key} +{now[key] - read[key]}" for key in now if now[key] != read[key] and key != "Advertisements/Sent"]
        # Of bad adverts the reference says "master changed", too (docs/compatibility.md).
        told[name] += [line for line in a.vrrp_lines()[before:] if "stats" not in line and " master " not in line]
    rig.fact("verdicts", [f"{name}: {line}" for name, lines in told.items() for line in lines or ["-"]])
    a.stop()


@scenario(logs="ignored")
def versions_differ(rig):
    """One speaks version 2, the other 3: neither hears the other, and both say why."""
    a, b = rig.routers
    a.configure(router_config(a, instance(a, priority=150, version=2)))
    b.configure(router_config(b, instance(b, priority=100, version=3)))
    a.start()
    a.wait_state("MASTER")
    b.start()
    b.wait_state("MASTER")
    for router in rig.routers:
        router.wait_log("wrong VRRP version")
        rig.advert(router, after=rig.garp(router, VIP).at + 0.1)
    rig.fact("what is wrong", sorted({line for router in rig.routers for line in router.lines() if "wrong VRRP version" in line}))
    rig.fact("both hold it", (a.holds(VIP), b.holds(VIP)))
    end(rig)


def timed_script(router, priority):
    """A script that fails while the file `fail` exists, and writes when it did."""
    path = router.write("check.sh", f"#!/bin/sh\nif test -e {router.path('fail')}; then date +%s.%N >> {router.path('failed')}; exit 1; fi\n"
                        f"test ! -e {router.path('failed')} || date +%s.%N >> {router.path('passed')}\n", 0o755)
    block = f"vrrp_script chk {{\n  script {path}\n  interval 1\n  fall 3\n  rise 2\n}}\n"
    return router_config(router, block, instance(router, priority=priority, body="track_script {\n  chk weight -60\n}"))


def first_time(router, name):
    with open(router.path(name), encoding="ascii") as file:
        return float(file.readline())


@scenario(logs="ignored")
def script_times(rig):
    """From the first failing run to the change of priority and to the move; from the first good one to the change back and to the return."""
    for router, priority in zip(rig.routers, (150, 100)):
        router.configure(timed_script(router, priority))
    a, b = rig.routers
    a.start()
    a.wait_state("MASTER")
    b.start()
    settle(rig, a, b)
    a.write("fail", "")
    a.wait_log("from 150 to 90")
    rig.timing("first failing run to the change", first_time(a, "failed"), time.time())
    b.wait_state("MASTER")
    taken = rig.advert(b)
    rig.timing("last advert that outranks b to the move", rig.last_advert(a, taken.at, priority=150), taken)
    a.wait_log("Entering BACKUP STATE", count=2)
    os.unlink(a.path("fail"))
    a.wait_log("from 90 to 150")
    changed = time.time()
    rig.timing("first good run to the change", first_time(a, "passed"), changed)
    back = rig.advert(a, after=changed)
    said = a.lines()
    discarded = sum("- discarding" in line for line in said[max(n for n, line in enumerate(said) if "from 90 to 150" in line):])
    heard = [frame.at for frame in rig.capture.frames if is_advert(b)(frame) and frame.at < back.at]
    rig.timing("last advert that a heeded to the return", heard[-1 - discarded], back)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario()
def own_address_after_cable(rig):
    """A master whose cable is pulled removes its address at once."""
    a, b = pair(rig, **FAST)
    events = KernelEvents(rig, a.space)
    rig.unplug(a)
    rig.timing("link down to the address gone", events.link("eth0", False), events.address(VIP, False))
    b.wait_state("MASTER")
    end(rig)


@scenario(ALONE, logs="ignored", packets=False, quiet=True)
def start_times(rig):
    """From the start of the program to the first advert, multicast and unicast, and to the first packet of BFD: the best of three starts."""
    a = rig.routers[0]
    lone = f"unicast_src_ip {a.address}\nunicast_peer {{\n  10.9.0.250\n}}"
    a.configure(router_config(a, "bfd_instance B1 {\n  neighbor_ip 10.9.0.250\n}\n", instance(a, priority=150, **FAST),
                              instance(a, name="VI_2", vrid=52, priority=150, vips=("10.9.0.101/24",), body=lone, **FAST)))
    firsts = {"multicast advert": is_advert(a, vrid=51), "unicast advert": is_advert(a, vrid=52), "BFD packet": is_bfd(a)}
    found = {name: [] for name in firsts}
    for _ in range(3):
        a.start(wait=False)
        for name, test in firsts.items():
            found[name].append((rig.capture.wait(name, test, a.started_at), a.started_at))
        a.stop()
    for name, starts in found.items():
        first, started_at = min(starts, key=lambda each: each[0].at - each[1])
        rig.timing(f"start to the first {name}", started_at, first, work=True)
