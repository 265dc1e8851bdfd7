"""Storms: what nobody sends and nobody does by hand. The state stays right, CPU and memory stay bounded.

Short ones in `make test`, long ones with NETNS_LONG=1 (`make soak-netns`). They run one at a time.
"""

import os
import random
import re
import time

from lab import poll

from . import snmp, wire
from .config import VIP, instance, router_config
from .elections import FAST, settle
from .failures import end
from .rig import batch, is_advert
from .run import ALONE, scenario

LONG = os.environ.get("NETNS_LONG") == "1"
TICKS = os.sysconf("SC_CLK_TCK")
PASS = "authentication {\n auth_type PASS\n auth_pass 123456\n}"
OURS = (("ours", "ours"),)


def cpu(pid):
    """Seconds of CPU that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        words = file.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / TICKS


def memory(pid):
    """KiB that a process has in memory."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


class Watch:
    """The VRRP children of the routers: their use of the machine and their transitions since it was made."""

    def __init__(self, routers):
        self.started_at = time.monotonic()
        self.before = {router: (cpu(router.child()), memory(router.child()), self.transitions(router), len(router.log())) for router in routers}

    @staticmethod
    def transitions(router):
        return re.findall(r"\(\w+\) Entering \w+ STATE", router.log())

    def check(self, rig, cpu_share, more_memory=16 * 1024, more_log=64 * 1024, moves=False):
        """No transition (unless `moves`), not more than `cpu_share` of a CPU, and not much more memory and log."""
        seconds = time.monotonic() - self.started_at
        for router, (used, held, transitions, logged) in self.before.items():
            pid = router.child()
            spent, grown = cpu(pid) - used, memory(pid) - held
            rig.figures[f"{router.name} CPU"] = spent
            rig.figures[f"{router.name} MiB"] = grown / 1024
            rig.expect(f"{router.name}: {spent:.2f} s of CPU in {seconds:.1f} s", spent <= cpu_share * seconds + 0.5)
            rig.expect(f"{router.name}: {grown} KiB more memory", grown < more_memory)
            rig.expect(f"{router.name}: {len(router.log()) - logged} bytes more log", len(router.log()) - logged < more_log)
            if not moves:
                rig.expect(f"{router.name}: {self.transitions(router)[len(transitions):]}", self.transitions(router) == transitions)


def start_pair(rig, **options):
    a, b = rig.routers
    for router, priority in ((a, 254), (b, 100)):
        router.configure(router_config(router, instance(router, priority=priority, **options)))
    a.start()
    a.wait_state("MASTER")
    b.start()
    settle(rig, a, b)
    return a, b


def malformed(seed, count):
    """Frames with adverts in which something is wrong, or nothing is right."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        packet = bytearray(wire.v2(auth=1, data=b"123456\0\0", priority=dice.randrange(256), bad_sum=True))
        for _ in range(dice.randrange(4)):
            packet[dice.randrange(len(packet))] = dice.randrange(256)
        del packet[dice.randrange(1, len(packet) + 1):]
        if dice.random() < 0.2:
            packet += dice.randbytes(dice.randrange(1, 1200))
        if bytes(packet[:1]) == b"\x21" and len(packet) == 20 and wire.checksum(bytes(packet)) == 0:
            packet[6] ^= 0xFF
        source = f"10.9.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        found.append(wire.ethernet(wire.ipv4(bytes(packet), ttl=dice.choice((255, 255, 255, 64, 0)), source=source)))
    return found


@scenario(OURS, logs="ignored", packets=False, quiet=True)
def storm_malformed_adverts(rig):
    """50,000 malformed adverts in a second or two; 500,000 in ten seconds."""
    a, b = start_pair(rig, body=PASS)
    total, seconds = (500_000, 10.0) if LONG else (50_000, 1.0)
    frames = malformed(1, 1000)
    injector = wire.Injector(rig.stack, rig.lan, rig.BRIDGE)
    watch = Watch((a, b))
    began = time.monotonic()
    first = time.time()
    for number in range(total):
        injector.send(frames[number % len(frames)])
        if number % 500 == 0 and (ahead := number / total * seconds - (time.monotonic() - began)) > 0:
            time.sleep(ahead)
    took = time.monotonic() - began
    last = time.time()
    after = rig.advert(a, after=last)
    settle(rig, a)
    watch.check(rig, cpu_share=1.0)
    sent = [frame.at for frame in rig.capture.frames if is_advert(a)(frame) and first - 1.5 <= frame.at <= after.at]
    rig.figures["seconds"] = took
    rig.expect(f"adverts of a go on: {[round(at - first, 2) for at in sent]}", max(y - x for x, y in zip(sent, sent[1:])) < 2.0)
    rig.expect("a has it, b has not", a.holds(VIP) and not b.holds(VIP))
    counters = b.statistics()
    rig.expect(f"counted: {counters}", sum(value for name, value in counters.items() if "Errors" in name) > 0)
    stopped_at = time.time()
    a.stop()
    rig.advert(b, after=stopped_at)
    b.stop()


@scenario(OURS, logs="ignored", packets=False, quiet=True)
def storm_flaps(rig):
    """The cable is pulled and put back many times; then everything is as before."""
    a, b = start_pair(rig, **FAST)
    watch = Watch((a, b))
    for _ in range(100 if LONG else 20):
        rig.unplug(a)
        rig.plug(a)
    rig.unplug(a)
    a.wait_state("FAULT")
    b.wait_state("MASTER")
    at = rig.plug(a)
    rig.advert(a, after=at)
    poll.until("b gives way", lambda: b.state() == "BACKUP" and a.state() == "MASTER", 30)
    settle(rig, a, b)
    rig.expect("a has it, b has not", a.holds(VIP) and not b.holds(VIP))
    watch.check(rig, cpu_share=0.5, moves=True, more_log=1 << 20)
    end(rig)


@scenario(OURS, logs="ignored", packets=False, quiet=True)
def storm_links(rig):
    """Links that nobody uses come and go by the hundred beside a master and a backup."""
    a, b = start_pair(rig, **FAST)
    total, at_once = (2500, 100) if LONG else (150, 50)
    watch = Watch((a, b))
    for number in range(0, total, at_once):
        names = [f"x{each}" for each in range(number, number + at_once)]
        for router in (a, b):
            batch(router.space, [f"link add name {name} type veth peer name {name}p" for name in names]
                  + [f"link set dev {name} up" for name in names])
            batch(router.space, [f"link del dev {name}" for name in names])
    settle(rig, a)
    watch.check(rig, cpu_share=1.0)
    rig.expect("a has it, b has not", a.holds(VIP) and not b.holds(VIP))
    end(rig)


@scenario((("2.3.3", "2.3.3"), ("ours", "ours")), logs="ignored", packets=False, quiet=True)
def storm_instances(rig):
    """50 instances (255 long) of 20 addresses start, move and come back; not slower than the reference."""
    a, b = rig.routers
    count = 255 if LONG else 50
    for router, priority in ((a, 150), (b, 100)):
        blocks = [instance(router, name=f"V{number}", vrid=number, priority=priority, vips=tuple(f"10.{100 + number // 128}.{number % 128}.{host}/32"
                                                                                             for host in range(1, 21)),
                           version=3, advert_int=1, body="garp_master_repeat 1") for number in range(1, count + 1)]
        router.configure(router_config(router, *blocks))

    def held(router):
        return sum(address.startswith("10.10") for address in router.addresses())

    def announced(router, since):
        """The frame that completes the announcements of all addresses. The capture is behind the wire, so it is waited for."""
        def complete():
            missing, last = 20 * count, None
            for last in rig.capture.frames:
                missing -= last.kind == "garp" and last.router == router.name and last.at >= since
                if not missing:
                    return last
            return None
        return poll.until(f"{router.name} ({router.subject}) has announced all", complete, 60, 0.1)

    started = time.time()
    a.start()
    first = rig.advert(a, timeout=60)
    rig.timing("start to the first advert", started, first, work=True)
    rig.timing("start: first advert to the last announcement", first, announced(a, started), work=True)
    rig.expect(f"a ({a.subject}) holds all", held(a) == 20 * count)
    b.start()
    last = f"V{count}"
    b.wait_state("BACKUP", last)
    rig.advert(a, after=time.time())
    used = {router: cpu(router.child()) for router in (a, b)}

    at = time.time()
    a.process.terminate()
    stopped = rig.advert(a, priority=0, after=at)
    rig.timing("stop: priority 0 to the last announcement", stopped, announced(b, at), work=True)
    rig.expect(f"b ({b.subject}) holds all", held(b) == 20 * count)
    a.process.wait(30)
    rig.expect("nothing is left on a", held(a) == 0)
    rig.expect("every instance announced", {frame.vrid for frame in rig.capture.frames if is_advert(b)(frame)} == set(range(1, count + 1)))
    rig.figures["b CPU"] = cpu(b.child()) - used[b]
    rig.figures["b MiB"] = memory(b.child()) / 1024

    at = time.time()
    a.start()
    back = rig.advert(a, after=at, timeout=60)
    rig.timing("return: first advert to the last announcement", back, announced(a, at), work=True)
    b.wait_log("Entering BACKUP STATE", count=2 * count)
    poll.until("b has nothing", lambda: held(b) == 0, 60, 0.1)
    rig.expect(f"a ({a.subject}) holds all again", held(a) == 20 * count)
    end(rig)
    rig.expect("nothing is left on a", held(a) == 0)
    rig.expect("nothing is left on b", held(b) == 0)


@snmp.optional
@scenario(ALONE, logs="ignored", packets=False, quiet=True)
def storm_snmp_walk(rig):
    """A manager walks all objects of 60 instances (255 long) of 20 addresses: no advert is late because of it."""
    a = rig.routers[0]
    count = 255 if LONG else 60
    master = snmp.Master(a)
    fast = instance(a, name="V1", vrid=1, priority=255, state="MASTER", version=3, advert_int=0.1)
    silent = [instance(a, name=f"V{number}", vrid=number, version=3, body=snmp.SILENT,
                       vips=tuple(f"10.{100 + number // 128}.{number % 128}.{host}/32" for host in range(1, 21))) for number in range(2, count + 1)]
    a.configure(router_config(a, fast, *silent, extra=f"    enable_snmp_vrrp\n    snmp_socket unix:{master.socket}\n"))
    a.start()
    rig.advert(a, vrid=1)
    poll.until("the objects are there", lambda: f"{snmp.KEEPALIVED}.1.1.0 = STRING" in master.get(f"{snmp.KEEPALIVED}.1.1.0"), 30, 0.2)
    used, since = cpu(a.child()), time.time()
    objects = master.walk(snmp.KEEPALIVED)
    until = time.time()
    rig.figures["CPU"], rig.figures["objects"], rig.figures["seconds"] = cpu(a.child()) - used, len(objects), until - since
    rig.expect(f"{len(objects)} objects", len(objects) > 100 * count)
    rig.advert(a, vrid=1, after=until)
    sent = [frame.at for frame in rig.capture.frames if is_advert(a, vrid=1)(frame) and since - 0.2 <= frame.at]
    longest = max(range(1, len(sent)), key=lambda at: sent[at] - sent[at - 1])
    rig.timing("longest time between two adverts", sent[longest - 1], sent[longest], work=True)
    gap = sent[longest] - sent[longest - 1]
    rig.expect(f"adverts of 100 ms, {gap:.3f} s", gap < 0.12 + rig.late(sent[longest - 1], sent[longest]))
    end(rig)
