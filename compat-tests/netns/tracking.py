"""Tracking: interfaces, scripts, files and processes, with weights and as faults; notifications."""

import os
import time

from lab import poll

from .config import VIP, instance, router_config
from .elections import FAST, SLOW, settle, who
from .events import KernelEvents
from .failures import end
from .rig import batch
from .run import scenario


def start(rig, make):
    """Like elections.pair, for configurations that `make(router, priority)` writes."""
    a, b = rig.routers
    for router, priority in ((a, 150), (b, 100)):
        router.configure(make(router, priority))
    a.start()
    a.wait_state("MASTER")
    b.start()
    settle(rig, a, b)
    return a, b


@scenario()
def track_interface_fault(rig):
    for router in rig.routers:
        batch(router.space, ["link add name up0 type veth peer name peer0", "link set peer0 up", "link set up0 addrgenmode none up"])
    a, b = start(rig, lambda router, priority: router_config(
        router, instance(router, priority=priority, body="track_interface {\n  up0\n}", **FAST)))
    events = KernelEvents(rig, a.space)
    at = time.time()
    a.ip("link", "set", "dev", "up0", "down")
    stopped = rig.advert(a, after=at, priority=0)
    rig.timing("down to priority 0", events.link("up0", False, at), stopped)
    rig.timing("priority 0 to takeover", stopped, rig.advert(b, after=stopped.at))
    b.wait_state("MASTER")
    at = time.time()
    a.ip("link", "set", "dev", "up0", "up")
    rig.timing("up to preemption", events.link("up0", True, at), rig.advert(a, after=at))
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario()
def track_interface_weight(rig):
    for router in rig.routers:
        batch(router.space, ["link add name up0 type veth peer name peer0", "link set peer0 up", "link set up0 addrgenmode none up", "link add name up1 type veth peer name peer1", "link set peer1 up", "link set up1 addrgenmode none up"])
    body = "track_interface {\n  up0 weight -30\n  up1 weight -40\n}"
    a, b = start(rig, lambda router, priority: router_config(router, instance(router, priority=priority, body=body, **FAST)))
    at = time.time()
    a.ip("link", "set", "dev", "up0", "down")
    rig.advert(a, after=at, priority=120)
    at = time.time()
    a.ip("link", "set", "dev", "up1", "down")
    rig.advert(b, after=at)
    a.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, b, a)
    rig.fact("who has it", who(a, b))
    at = time.time()
    a.ip("link", "set", "dev", "up1", "up")
    rig.advert(a, after=at, priority=120)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario(logs="ignored")
def two_tracked_interfaces(rig):
    """Both are down, one comes back: ours stays in fault, the reference does not (docs/compatibility.md)."""
    for router in rig.routers:
        batch(router.space, ["link add name up0 type veth peer name peer0", "link set peer0 up", "link set up0 addrgenmode none up", "link add name up1 type veth peer name peer1", "link set peer1 up", "link set up1 addrgenmode none up"])
    body = "track_interface {\n  up0\n  up1\n}"
    a, b = start(rig, lambda router, priority: router_config(router, instance(router, priority=priority, body=body, **FAST)))
    batch(a.space, ["link set dev up0 down", "link set dev up1 down"])
    a.wait_state("FAULT")
    b.wait_state("MASTER")
    a.wait_log("up1 down")
    a.ip("link", "set", "dev", "up0", "up")
    a.wait_log("up0 up")
    if a.subject == "ours":
        at = time.time()
        rig.advert(b, after=rig.advert(b, after=at).at + 1.5)
        rig.expect("a stays in FAULT while up1 is down", a.state() == "FAULT" and not a.holds(VIP))
    a.ip("link", "set", "dev", "up1", "up")
    b.wait_log("Entering BACKUP STATE", count=2)
    rig.fact("who has it", (a.state(), b.state()))
    end(rig)


def script_config(router, priority, weight, more="", pace=FAST, interval=1):
    """A script that fails while the file `fail` exists."""
    path = router.write("check.sh", f"#!/bin/sh\ntest ! -e {router.path('fail')}\n", 0o755)
    block = f"vrrp_script chk {{\n  script {path}\n  interval {interval}\n  fall 2\n  rise 2\n{more}}}\n"
    track = f"track_script {{\n  chk{f' weight {weight}' if weight else ''}\n}}"
    return router_config(router, block, instance(router, priority=priority, body=track, **pace))


# Whether a script's first result or the first advert comes sooner is chance.
@scenario(logs="streams")
def track_script_weight(rig):
    """Failure to priority change, and to the move as counted from the last advert with the old priority."""
    # No run of the script takes its whole interval or its timeout because the machine stood still.
    a, b = start(rig, lambda router, priority: script_config(router, priority, -60, more="  timeout 10\n", pace=SLOW, interval=2))
    a.write("fail", "")
    a.wait_log("now returning 1")
    a.wait_log("from 150 to 90")
    b.wait_state("MASTER")
    last = [frame for frame in rig.capture.frames if frame.router == "a" and frame.priority == 150][-1]
    rig.timing("last good advert to takeover", last, rig.advert(b, after=last.at))
    a.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, b, a)
    os.unlink(a.path("fail"))
    a.wait_log("from 90 to 150")
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario(logs="streams")
def track_script_positive_weight(rig):
    a, b = start(rig, lambda router, priority: script_config(router, priority, 20))
    a.write("fail", "")
    a.wait_log("from 170 to 150")
    settle(rig, a, b)
    rig.fact("who has it", (a.state(), b.state()))
    end(rig)


@scenario(logs="streams")
def track_script_fault(rig):
    a, b = start(rig, lambda router, priority: script_config(router, priority, 0))
    a.write("fail", "")
    a.wait_state("FAULT")
    stopped = rig.advert(a, priority=0)
    rig.timing("priority 0 to takeover", stopped, rig.advert(b))
    b.wait_state("MASTER")
    os.unlink(a.path("fail"))
    b.wait_log("Entering BACKUP STATE", count=2)
    a.wait_log("Entering MASTER STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario(logs="streams")
def track_script_signal_and_timeout(rig):
    """A script that a signal kills, then one that hangs."""
    def make(router, priority):
        path = router.write("check.sh", f"#!/bin/sh\ntest -e {router.path('die')} && kill -SEGV $$\n"
                            f"test -e {router.path('hang')} && exec sleep 60\nexit 0\n", 0o755)
        block = f"vrrp_script chk {{\n  script {path}\n  interval 1\n  timeout 1\n  fall 1\n  rise 1\n}}\n"
        return router_config(router, block, instance(router, priority=priority, body="track_script {\n  chk\n}", **FAST))
    a, b = start(rig, make)
    a.write("die", "")
    a.wait_log("due to signal")
    b.wait_state("MASTER")
    os.unlink(a.path("die"))
    a.wait_log("Entering MASTER STATE", count=2)
    a.write("hang", "")
    a.wait_log("timed_out")
    a.wait_state("FAULT")
    rig.fact("timed out is said", True)
    end(rig)


@scenario()
def track_file_weight(rig):
    def make(router, priority):
        router.write("value", "0\n")
        block = f"track_file tf {{\n  file {router.path('value')}\n  weight 2\n}}\n"
        return router_config(router, block, instance(router, priority=priority, body="track_file {\n  tf\n}", **FAST))
    a, b = start(rig, make)
    for value, priority in (("10", 170), ("0x10", 182), ("-10", 130)):
        with open(a.path("value"), "w", encoding="ascii") as file:
            file.write(value + "\n")
        rig.advert(a, priority=priority)
    with open(a.path("value"), "w", encoding="ascii") as file:
        file.write("-200\n")
    a.wait_state("FAULT")
    b.wait_state("MASTER")
    with open(a.path("value"), "w", encoding="ascii") as file:
        file.write("abc\n")
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario(logs="streams")
def sync_group_script(rig):
    """A script tracked by the group."""
    def make(router, priority):
        path = router.write("check.sh", f"#!/bin/sh\ntest ! -e {router.path('fail')}\n", 0o755)
        block = f"vrrp_script chk {{\n  script {path}\n  interval 1\n  fall 1\n  rise 1\n}}\n"
        group = "vrrp_sync_group G {\n  group {\n    VI_1\n    VI_2\n  }\n  track_script {\n    chk\n  }\n}\n"
        return router_config(router, block, group, instance(router, priority=priority, **FAST),
                             instance(router, name="VI_2", vrid=52, priority=priority - 20, vips=("10.9.0.101/24",), **FAST))
    a, b = start(rig, make)
    for name in ("VI_1", "VI_2"):
        a.wait_state("MASTER", name)
    a.write("fail", "")
    for name in ("VI_1", "VI_2"):
        a.wait_state("FAULT", name)
        b.wait_state("MASTER", name)
    rig.garp(b, VIP)
    rig.garp(b, "10.9.0.101")
    rig.fact("a holds", a.addresses())
    rig.fact("b holds", b.addresses())
    end(rig)


@scenario(logs="ignored")
def notifications(rig):
    """The lines of the FIFO, and the arguments of the scripts."""
    pipes = {}

    def make(router, priority):
        script = router.write("notify.sh", f"#!/bin/sh\necho \"$@\" >> {router.path('notified')}\n", 0o755)
        os.mkfifo(router.path("fifo"))
        pipes[router.name] = os.open(router.path("fifo"), os.O_RDWR | os.O_NONBLOCK)
        rig.stack.callback(os.close, pipes[router.name])
        body = f"notify {script}\n" + "\n".join(f"notify_{state} \"{script} {state} x\"" for state in ("master", "backup", "fault", "stop"))
        return router_config(router, instance(router, priority=priority, body=body, **FAST),
                             extra=f"    vrrp_notify_fifo {router.path('fifo')}\n")

    a, b = start(rig, make)
    rig.unplug(a)
    a.wait_state("FAULT")
    b.wait_state("MASTER")
    rig.plug(a)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)
    for router in rig.routers:
        rig.fact(f"{router.name}: FIFO", os.read(pipes[router.name], 65536).decode().splitlines())
        rig.fact(f"{router.name}: scripts", notified(router))


def notified(router):
    """The lines that the scripts wrote, once the last ones are there. They run side by side, so the lines are sorted."""
    def lines():
        try:
            with open(router.path("notified"), encoding="utf-8") as file:
                return sorted(file.read().splitlines())
        except FileNotFoundError:
            return []
    poll.until(f"{router.name} ({router.subject}): STOP in {lines()}", lambda: {"stop x"} < set(lines()) and
               any(" STOP " in line for line in lines()), 20)
    return lines()
