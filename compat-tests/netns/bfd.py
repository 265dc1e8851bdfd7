"""BFD: sessions of ours with the reference's, and what instances make of them."""

import os
import signal
import struct
import subprocess
import time

from .config import VIP, instance, router_config
from .elections import FAST, settle, who
from .failures import end
from .run import ALONE, scenario
from .wire import SENDER_MAC, Injector, checksum


def session(router, *words, name="B1", neighbor=None, source=True):
    """A bfd_instance with the other router."""
    other = router.rig.routers[1 - router.number] if len(router.rig.routers) > 1 else None
    lines = [f"neighbor_ip {neighbor or other.address}", *([f"source_ip {router.address}"] if source else []), *words]
    return f"bfd_instance {name} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


QUICK = ("min_rx 50", "min_tx 60", "multiplier 3")


def track(*lines):
    return "track_bfd {\n" + "".join(f"  {line}\n" for line in lines) + "}"


def first_is_master(router):
    """Words for an instance: sessions come up at any time, so that the second router waits long enough for the first."""
    return track("B1") + ("\ndown_timer_adverts 10" if router.number else "")


def is_bfd(router, *states):
    return lambda frame: frame.kind == "bfd" and frame.router == router.name and (not states or frame.fields["state"] in states)


def up(rig):
    """Waits until both sessions are Up and settled, b started after a was heard."""
    a, b = rig.routers
    a.start()
    rig.capture.wait("a's first packet", is_bfd(a))
    b.start()
    for router in (a, b):
        router.wait_log("Entering Up state")
    at = time.time()
    for router in (a, b):
        rig.capture.wait(f"{router.name} is quick", is_bfd(router, "Up"), at + 0.2)


def intervals(rig, router, after):
    """The shortest and the longest time between packets of a router in a second."""
    rig.capture.wait("a second of packets", is_bfd(router, "Up"), after + 1.0)
    times = [frame.at for frame in rig.capture.frames if is_bfd(router, "Up")(frame) and after <= frame.at <= after + 1.0]
    gaps = sorted(later - earlier for earlier, later in zip(times, times[1:]))
    return gaps


@scenario(logs="streams")
def bfd_session(rig):
    """A session comes up; intervals and source ports."""
    for router in rig.routers:
        router.configure(router_config(router, session(router, *QUICK),
                                       instance(router, priority=150 - 50 * router.number, body=first_is_master(router), **FAST)))
    a, b = rig.routers
    up(rig)
    a.wait_state("MASTER")
    settle(rig, a, b)
    at = time.time()
    gaps = intervals(rig, a, at)
    rig.timing("median interval", at, at + gaps[len(gaps) // 2])
    rig.fact("none is longer than min_tx", gaps[len(gaps) * 9 // 10] < 0.06 + rig.late(at, at + 1))
    rig.fact("source ports", {frame.fields["port"] >= 49152 for frame in rig.capture.frames if frame.kind == "bfd"})
    end(rig)


@scenario(logs="ignored", packets=False)
def bfd_silence(rig):
    """The neighbor is stopped without a word, and goes on."""
    for router in rig.routers:
        router.configure(router_config(router, session(router, *QUICK),
                                       instance(router, priority=150 - 50 * router.number, body=track("B1") if router is rig.routers[0] else "",
                                                **FAST)))
    a, b = rig.routers
    up(rig)
    a.wait_state("MASTER")
    settle(rig, a, b)
    at = time.time()
    os.kill(b.child("b"), signal.SIGSTOP)
    rig.advert(a, after=at, priority=0)
    last = rig.capture.last(is_bfd(b))
    rig.timing("last packet to priority 0", last, rig.advert(a, after=at, priority=0))
    a.wait_state("FAULT")
    os.kill(b.child("b"), signal.SIGCONT)
    a.wait_log("Entering Up state", count=2)
    a.wait_log("Entering MASTER STATE", count=2)
    rig.fact("who has it", who(a))
    end(rig)


@scenario(logs="ignored", packets=False)
def bfd_child_killed(rig):
    """The parent starts it again; the session comes up with new discriminators."""
    for router in rig.routers:
        router.configure(router_config(router, session(router, *QUICK),
                                       instance(router, priority=150 - 50 * router.number, body=track("B1"), **FAST),
                                       extra="    bfd_process_name hrs_bfd\n    bfd_priority -5\n"))
    a, b = rig.routers
    up(rig)
    with open(f"/proc/{b.child('b')}/stat", encoding="ascii") as file:
        words = file.read()
    rig.fact("name and nice value", (words.split("(", 1)[1].rsplit(")", 1)[0], words.rsplit(")", 1)[1].split()[16]))
    at = b.kill("b")
    a.wait_log("Neighbor Signaled Session Down")
    for router in (a, b):
        router.wait_log("Entering Up state", count=2)
    mine = {frame.fields["mine"] for frame in rig.capture.frames if is_bfd(b)(frame)}
    rig.fact("discriminators of b", len(mine))
    b.wait_log("BFD child process(")
    a.wait_state("MASTER")
    rig.fact("who has it", (a.state(), b.state()))
    rig.fact("b within", rig.capture.first(is_bfd(b), at + 0.001).at - at < 3)
    end(rig)


@scenario(logs="ignored", packets=False)
def bfd_weight(rig):
    """A weight moves the priority; the session of a goes, b takes over."""
    for router in rig.routers:
        router.configure(router_config(router, session(router, *QUICK),
                                       instance(router, priority=150 - 50 * router.number, body=track("B1 weight -60"), **FAST)))
    a, b = rig.routers
    b.configure(router_config(b, session(b, *QUICK), instance(b, priority=100, **FAST)))
    up(rig)
    a.wait_log("from 90 to 150")
    a.wait_state("MASTER")
    settle(rig, a, b)
    os.kill(b.child("b"), signal.SIGSTOP)
    a.wait_log("from 150 to 90")
    b.wait_state("MASTER")
    rig.garp(b, VIP)
    os.kill(b.child("b"), signal.SIGCONT)
    a.wait_log("from 90 to 150", count=2)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario(logs="streams")
def bfd_ipv6(rig):
    for router in rig.routers:
        other = rig.routers[1 - router.number]
        block = f"bfd_instance B1 {{\n  neighbor_ip {other.address6}\n  source_ip {router.address6}\n  min_rx 60\n  min_tx 60\n}}\n"
        router.configure(router_config(router, block, instance(router, priority=150 - 50 * router.number, body=first_is_master(router), **FAST)))
    up(rig)
    rig.routers[0].wait_state("MASTER")
    end(rig)


@scenario(logs="ignored")
def bfd_multihop_passive(rig):
    """Port 4784, a TTL of our own, and a side that waits to be spoken to."""
    a, b = rig.routers
    a.configure(router_config(a, session(a, *QUICK, "multihop", "ttl 20", "max_hops 3"), instance(a, priority=150, body=track("B1"), **FAST)))
    b.configure(router_config(b, session(b, *QUICK, "multihop", "ttl 20", "max_hops 3", "passive"), instance(b, priority=100, **FAST)))
    b.start()
    b.wait_state("MASTER")
    a.start()
    for router in (a, b):
        router.wait_log("Entering Up state")
    rig.fact("who spoke first", next(frame.router for frame in rig.capture.frames if frame.kind == "bfd"))
    a.wait_state("MASTER")
    at = time.time()
    rig.capture.wait("both are quick", lambda frame: frame.kind == "bfd" and "Up" == frame.fields["state"], at + 0.5)
    end(rig)


@scenario(logs="ignored")
def bfd_reload(rig):
    """A reload that changes a timer keeps the session; one that removes it ends it."""
    a, b = rig.routers
    for router in rig.routers:
        router.configure(router_config(router, session(router, *QUICK),
                                       instance(router, priority=150 - 50 * router.number, **FAST)))
    up(rig)
    transitions = b.log().count("Entering Down")
    a.reload(router_config(a, session(a, "min_rx 50", "min_tx 100", "multiplier 3"), instance(a, priority=150, **FAST)))
    a.wait_log("Reload complete")
    at = time.time()
    rig.capture.wait("packets go on", is_bfd(a, "Up"), at + 0.5)
    rig.fact("b noticed nothing", b.log().count("Entering Down") == transitions)
    a.stop()
    b.wait_log("Entering Down")
    b.stop()


def packet(state=1, mine=0x01020304, yours=0, version=1, diagnostic=0, flags=0, multiplier=3, length=24, tx=1000000, rx=50000, cut=None):
    body = struct.pack("!BBBBIIIII", version << 5 | diagnostic, state << 6 | flags, multiplier, length, mine, yours, tx, rx, 0)
    return body[:cut]


def datagram(payload, source, destination, ttl=255):
    """An Ethernet frame with a UDP datagram to port 3784."""
    def address(text):
        return bytes(int(byte) for byte in text.split("."))
    udp = struct.pack("!HHHH", 50000, 3784, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, ttl, 17, 0, address(source), address(destination))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return head + udp


BAD = {
    "too short": ({"cut": 23}, {}),
    "empty": ({"cut": 0}, {}),
    "version 0": ({"version": 0}, {}),
    "version 2": ({"version": 2}, {}),
    "length field too small": ({"length": 23}, {}),
    "length field too large": ({"length": 25}, {}),
    "multiplier 0": ({"multiplier": 0}, {}),
    "multipoint": ({"flags": 1}, {}),
    "my discriminator 0": ({"mine": 0}, {}),
    "Init without your discriminator": ({"state": 2}, {}),
    "Up without your discriminator": ({"state": 3}, {}),
    "poll and final": ({"flags": 0x30}, {}),
    "diagnostic 9": ({"diagnostic": 9}, {}),
    "authentication": ({"flags": 4}, {}),
    "TTL 254": ({}, {"ttl": 254}),
    "unknown session": ({"yours": 0x7F7F7F7F}, {}),
    "unknown neighbor": ({}, {"source": "10.9.0.77"}),
}


@scenario(ALONE, logs="ignored", packets=False)
def bfd_bad_packets(rig):
    """None of them wakes a session; a good one does."""
    a = rig.routers[0]
    a.configure(router_config(a, session(a, *QUICK, neighbor="10.9.0.60"), instance(a, priority=150, body=track("B1"), **FAST)))
    batch_neighbor(a)
    a.start()
    injector = Injector(rig.stack, rig.lan, a.name)
    mac = bytes.fromhex(a.mac.replace(":", ""))
    states = []
    for name, (fields, ends) in BAD.items():
        before = len([frame for frame in rig.capture.frames if is_bfd(a)(frame)])
        injector.send(mac + SENDER_MAC + b"\x08\x00" + datagram(packet(**fields), ends.get("source", "10.9.0.60"), a.address, ends.get("ttl", 255)))
        if before % 4 == 0:
            rig.capture.wait("a packet", is_bfd(a), time.time())
        states.append((name, a.log().count("Session parameters")))
    rig.capture.wait("a packet", is_bfd(a), time.time())
    last = rig.capture.last(is_bfd(a))
    rig.fact("still Down, and nobody known", (last.fields["state"], last.fields["yours"]))
    rig.fact("no parameters", a.log().count("Session parameters"))
    injector.send(mac + SENDER_MAC + b"\x08\x00" + datagram(packet(), "10.9.0.60", a.address))
    rig.capture.wait("Init", is_bfd(a, "Init"), last.at)
    a.stop()


def batch_neighbor(router):
    """The neighbor that does not answer ARP."""
    router.ip("neigh", "add", "10.9.0.60", "lladdr", "02:00:00:09:00:3c", "dev", "eth0", "nud", "permanent")


CONFIGS = {
    "no neighbor": "bfd_instance B1 {\n}\n",
    "bad neighbor": "bfd_instance B1 {\n neighbor_ip 10.9.0.300\n}\n",
    "bad source": "bfd_instance B1 {\n neighbor_ip 10.9.0.2\n source_ip 10.9.0.999\n}\n",
    "two of a name": "bfd_instance B1 {\n neighbor_ip 10.9.0.2\n}\nbfd_instance B1 {\n neighbor_ip 10.9.0.3\n}\n",
    "two with a neighbor": "bfd_instance B1 {\n neighbor_ip 10.9.0.2\n}\nbfd_instance B2 {\n neighbor_ip 10.9.0.2\n}\n",
    "a long name": "bfd_instance B123456789012345678901234567890123 {\n neighbor_ip 10.9.0.2\n}\n",
    "British": "bfd_instance B1 {\n neighbour_ip 10.9.0.2\n}\n",
    **{f"word {word}": f"bfd_instance B1 {{\n neighbor_ip 10.9.0.2\n {word}\n}}\n" for word in (
        "min_rx 0", "min_rx abc", "min_rx 5", "min_rx 1.5", "min_rx", "min_tx 0", "min_tx 4294968", "idle_tx 999", "idle_tx 10000",
        "multiplier 0", "multiplier 256", "multiplier 1", "ttl 0", "ttl 256", "hoplimit 5", "max_hops 256", "max_hops -1", "max_hops -2",
        "weight 254", "weight -254", "weight 10 reverse", "weight 10 noreverse", "weight", "passive", "multihop", "multihop off",
        "vrrp")},
    **{f"track {line}": "bfd_instance B1 {\n neighbor_ip 10.9.0.2\n}\n" + "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 5\n"
       f" track_bfd {{\n  {line}\n }}\n virtual_ipaddress {{\n  10.9.0.100/24\n }}\n}}\n" for line in (
           "B1", "NOPE", "B1 weight 10", "B1 weight 10 reverse", "B1 reverse", "B1 weight 300", "B1 weight", "B1 foo", "B1 weight 1 foo",
           "B1\n  B1")},
    **{f"global {word}": f"global_defs {{\n {word}\n}}\n" for word in (
        "bfd_priority 20", "bfd_priority abc", "bfd_priority", "bfd_priority -20", "bfd_rt_priority 0", "bfd_rt_priority 100",
        "bfd_rt_priority 5", "bfd_rlimit_rttime 0", "bfd_rlimit_rtime 5", "bfd_cpu_affinity 0", "bfd_cpu_affinity 9999",
        "bfd_process_name abcdefghijklmnopqrst", "bfd_no_swap")},
    "only for checkers": "bfd_instance B1 {\n neighbor_ip 10.9.0.2\n checker\n}\nvrrp_instance VI_1 {\n interface eth0\n"
                         " virtual_router_id 5\n track_bfd {\n  B1\n }\n virtual_ipaddress {\n  10.9.0.100/24\n }\n}\n",
    "an owner": "bfd_instance B1 {\n neighbor_ip 10.9.0.2\n weight 10\n}\nvrrp_instance VI_1 {\n interface eth0\n priority 255\n"
                " virtual_router_id 5\n track_bfd {\n  B1\n }\n virtual_ipaddress {\n  10.9.0.100/24\n }\n}\n",
}


@scenario(ALONE, logs="ignored", packets=False)
def bfd_config_test(rig):
    """`-t`: exit code and messages."""
    a = rig.routers[0]
    for name, text in CONFIGS.items():
        a.write("CONF", text)
        done = subprocess.run(a.space.command(rig.program(a.subject), "-t", "-f", "CONF"), cwd=a.directory, capture_output=True, text=True, check=False)
        rig.fact(name, [f"exit {done.returncode}", *(done.stdout + done.stderr).splitlines()])
