"""Trackers beyond tracking.py: processes, polled links, delays, init_fail, weights in sync groups, static objects of a group."""

import os
import subprocess
import time

from lab import poll, undo

from .config import VIP, instance, router_config
from .elections import FAST, settle
from .events import KernelEvents
from .failures import end
from .rig import batch
from .run import ALONE, scenario
from .tracking import start


def undo_later(rig, process):
    """The process ends with the run at the latest."""
    rig.stack.callback(undo.end, process)


class Named:
    """A process whose name the scenario chooses."""

    CODE = "import ctypes, sys, time; ctypes.CDLL(None).prctl(15, sys.argv[1].encode()); time.sleep(600)"

    def __init__(self, rig, name):
        self.process = subprocess.Popen([name, "-c", self.CODE, name], executable="/usr/bin/python3", stdin=subprocess.DEVNULL)
        undo_later(rig, self.process)
        poll.until("the process has its name", lambda: self.name() == name, 20)

    def name(self):
        with open(f"/proc/{self.process.pid}/comm", encoding="utf-8") as file:
            return file.read().strip()

    def end(self):
        undo.end(self.process)


def process_block(name, process, more=""):
    return f"vrrp_track_process {name} {{\n  process {process}\n{more}}}\n"


@scenario(ALONE, logs="ignored", packets=False)
def track_process_at_start(rig):
    """What runs when the program starts: quorum, weights of both signs, parameters; what does not run is a fault.

    The reference hears of no process in a network namespace (docs/compatibility.md).
    """
    a = rig.routers[0]
    one, two, three = (f"hrs{os.getpid()}{letter}" for letter in "abc")
    Named(rig, one)
    Named(rig, two)
    Named(rig, two)
    undo_later(rig, subprocess.Popen([three, "600"], executable="/usr/bin/sleep", stdin=subprocess.DEVNULL))
    blocks = (process_block("one", one), process_block("twice", two, "  quorum 2\n  weight 20\n"),
              process_block("gone", f"{one}x", "  weight -30\n"), process_block("thrice", two, "  quorum 3\n  weight 5\n"),
              process_block("at_most", two, "  quorum 1\n  quorum_max 1\n  weight 7\n"),
              process_block("whole", f"{three} 600", "  full_command\n  weight 1\n"),
              process_block("other", f"{three} 601", "  full_command\n  weight 2\n"), process_block("fault", f"{one}x"))
    tracked = "\n".join(f"  {name}" for name in ("one", "twice", "gone", "thrice", "at_most", "whole", "other"))
    a.configure(router_config(a, *blocks, instance(a, priority=150, body=f"track_process {{\n{tracked}\n}}", **FAST),
                              instance(a, name="VI_2", vrid=52, priority=150, vips=("10.9.0.101/24",), body="track_process {\n  fault\n}",
                                       **FAST)))
    a.start()
    if a.subject == "ours":
        rig.expect("150 + 20 - 30 + 1", rig.advert(a, vrid=51).priority == 141)
        rig.expect("a missing process is a fault", a.state("VI_2") == "FAULT")
        rig.expect("and said so", any("tracked process fault quorum not achieved" in line for line in a.lines()))
    a.stop()


@scenario(ALONE, logs="ignored", packets=False)
def track_process(rig):
    """A process ends and is started. The reference hears of neither in a network namespace (docs/compatibility.md)."""
    a = rig.routers[0]
    name = f"hrs{os.getpid()}"
    named = Named(rig, name)
    blocks = (process_block("run", name), process_block("slow", name, "  weight -60\n  delay 3\n"))
    a.configure(router_config(a, *blocks, instance(a, priority=150, body="track_process {\n  run\n  slow\n}", **FAST)))
    a.start()
    if a.subject == "ours":
        rig.advert(a, priority=150)
        named.end()
        a.wait_log("Quorum lost for tracked process run")
        a.wait_state("FAULT")
        rig.expect("the slow one waits", not any("Quorum lost for tracked process slow" in line for line in a.lines()))
        a.wait_log("Quorum lost for tracked process slow")
        Named(rig, name)
        a.wait_log("Quorum gained for tracked process run")
        a.wait_log("Entering MASTER STATE", count=2)
        rig.advert(a, priority=90, after=time.time())
        a.wait_log("Quorum gained for tracked process slow")
        rig.advert(a, priority=150, after=time.time())
    a.stop()


@scenario()
def linkbeat(rig):
    """The link is asked for once a second, and netlink's word does not count."""
    def make(router, priority):
        return router_config(router, "linkbeat_interfaces {\n  eth0 ETHTOOL\n}\n", instance(router, priority=priority, **FAST))
    a, b = start(rig, make)
    pulled = rig.unplug(a)
    a.wait_state("FAULT")
    rig.takeover("last advert to takeover", a, b, after=pulled)
    b.wait_state("MASTER")
    rig.fact("a holds", a.addresses())
    rig.plug(a)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario(ALONE)
def linkbeat_use_polling(rig):
    """The same for all interfaces of instances."""
    a = rig.routers[0]
    a.configure(router_config(a, "linkbeat_use_polling\n", instance(a, priority=150, **FAST)))
    a.start()
    a.wait_state("MASTER")
    rig.garp(a, VIP)
    rig.unplug(a)
    a.wait_state("FAULT")
    rig.plug(a)
    a.wait_log("Entering MASTER STATE", count=2)
    a.stop()


@scenario(ALONE, logs="ignored", packets=False)
def interface_up_down_delays(rig):
    """A link that comes back in time was never away; one that stays away is a fault after the delay, and back after the other one."""
    a = rig.routers[0]
    a.configure(router_config(a, "interface_up_down_delays {\n  eth0 1.5 0.5\n}\n", instance(a, priority=150)))
    a.start()
    a.wait_state("MASTER")
    rig.garp(a, VIP)
    before = a.log().count("STATE")
    rig.unplug(a)
    plugged = rig.plug(a)
    rig.advert(a, after=rig.advert(a, after=plugged).at + 1.5)
    rig.fact("no transition", a.log().count("STATE") - before)
    pulled = rig.unplug(a)
    a.wait_state("FAULT")
    rig.timing("cable to FAULT", pulled, time.time())
    plugged = rig.plug(a)
    a.wait_state("BACKUP")
    rig.timing("cable to BACKUP", plugged, time.time())
    a.stop()


@scenario(logs="ignored")
def track_group(rig):
    """A static address is on an interface whose state an instance depends on. The reference adds it anew though it never went."""
    for router in rig.routers:
        batch(router.space, ["link add name up0 type veth peer name peer0", "link set peer0 up", "link set up0 addrgenmode none up"])
    blocks = "track_group G {\n  group {\n    VI_1\n  }\n}\nstatic_ipaddress {\n  10.8.0.1/24 dev up0 track_group G\n}\n"
    a, b = start(rig, lambda router, priority: router_config(router, blocks, instance(router, priority=priority, **FAST)))
    events = KernelEvents(rig, a.space)
    at = time.time()
    a.ip("link", "set", "dev", "up0", "down")
    stopped = rig.advert(a, after=at, priority=0)
    rig.timing("down to priority 0", events.link("up0", False, at), stopped)
    b.wait_state("MASTER")
    at = time.time()
    a.ip("link", "set", "dev", "up0", "up")
    rig.timing("up to preemption", events.link("up0", True, at), rig.advert(a, after=at))
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario(logs="streams")
def sync_group_weight(rig):
    """With sync_group_tracking_weight the weights of members count."""
    def make(router, priority):
        router.write("value", "0\n")
        block = f"track_file tf {{\n  file {router.path('value')}\n}}\n"
        group = "vrrp_sync_group G {\n  group {\n    VI_1\n    VI_2\n  }\n  sync_group_tracking_weight\n}\n"
        return router_config(router, block, group, instance(router, priority=priority, body="track_file {\n  tf weight 1\n}", **FAST),
                             instance(router, name="VI_2", vrid=52, priority=priority, vips=("10.9.0.101/24",),
                                      body="track_file {\n  tf weight 1\n}", **FAST))
    a, b = start(rig, make)
    for name in ("VI_1", "VI_2"):
        a.wait_state("MASTER", name)
    with open(a.path("value"), "w", encoding="ascii") as file:
        file.write("-100\n")
    for name in ("VI_1", "VI_2"):
        b.wait_state("MASTER", name)
        a.wait_log(f"({name}) Entering BACKUP STATE", count=2)
    rig.garp(b, VIP)
    rig.garp(b, "10.9.0.101")
    rig.fact("a holds", a.addresses())
    rig.fact("b holds", b.addresses())
    end(rig)


@scenario(ALONE, logs="ignored", packets=False)
def init_fail(rig):
    """The script counts as failing until it has succeeded once. The reference forgets this of tracked scripts (docs/compatibility.md)."""
    a = rig.routers[0]
    # The first run has not ended when the instance starts.
    slow = a.write("check.sh", f"#!/bin/sh\nwhile ! test -e {a.path('good')}; do sleep 0.05; done\n", 0o755)
    block = f"vrrp_script chk {{\n  script {slow}\n  interval 1\n  timeout 60\n  init_fail\n}}\n"
    a.configure(router_config(a, block, instance(a, priority=150, body="track_script {\n  chk\n}", **FAST),
                              instance(a, name="VI_2", vrid=52, priority=150, vips=("10.9.0.101/24",),
                                       body="track_script {\n  chk weight -60\n}", **FAST)))
    a.start()
    a.wait_state("MASTER", "VI_2")
    if a.subject == "ours":
        rig.expect("a fault without weight", a.state() == "FAULT")
        rig.expect("the weight counts", rig.advert(a, vrid=52).priority == 90)
    a.write("good", "")
    a.wait_state("MASTER")
    rig.advert(a, vrid=52, priority=150)
    a.stop()
