"""D-Bus on a bus of its own: the same objects, replies, errors and signals as the reference's."""

import os
import re
import shutil
import subprocess
import time

from lab import poll, undo

from .config import instance, router_config
from .elections import FAST
from .failures import end
from .rig import PATIENCE, is_advert
from .run import ALONE, scenario

INTERFACES = "/usr/share/dbus-1/interfaces/org.keepalived.Vrrp1.Vrrp.xml"
"""The reference reads what it serves from there."""
MISSING = next((each for each in ("dbus-daemon", "dbus-send", "dbus-monitor") if not shutil.which(each)), None) \
    or (None if os.path.exists(INTERFACES) else INTERFACES)
"""What keeps the scenarios from running here."""

NAME = "org.keepalived.Vrrp1"
ROOT = "/org/keepalived/Vrrp1"
VRRP = f"{NAME}.Vrrp"
INSTANCE = f"{NAME}.Instance"
PROPERTIES = "org.freedesktop.DBus.Properties"
INTROSPECT = "org.freedesktop.DBus.Introspectable.Introspect"
SILENT = "down_timer_adverts 90"
"""Stays BACKUP for the whole run."""

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""


def optional(register):
    """Registers a scenario where a bus can be had."""
    return register if MISSING is None else lambda function: function


class Bus:
    """A message bus for one router, and what was said on it."""

    def __init__(self, router):
        self.router, self.path = router, router.path("bus")
        self.address = f"unix:path={self.path}"
        router.environment["DBUS_SYSTEM_BUS_ADDRESS"] = self.address
        router.write("bus.conf", CONFIG.format(path=self.path))
        self.daemon = self.monitor = None
        self.start()

    def start(self):
        self.daemon = self._run("bus.log", "dbus-daemon", f"--config-file={self.router.path('bus.conf')}", "--nofork", "--nopidfile")
        poll.until("the bus", lambda: self.send("org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId").startswith("string"), PATIENCE)
        self.monitor = self._run("monitor", "dbus-monitor", "--address", self.address)
        poll.until("the monitor", lambda: "member=NameLost" in self.said(), PATIENCE)

    def _run(self, log, *words):
        with open(self.router.path(log), "wb") as file:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *words], stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self.router.rig.stack.callback(undo.end, process)
        return process

    def stop(self):
        undo.end(self.daemon)
        undo.end(self.monitor)

    def said(self):
        with open(self.router.path("monitor"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def send(self, destination, path, method, *arguments):
        """A call and its reply or error, without what differs from call to call."""
        done = subprocess.run(["dbus-send", f"--bus={self.address}", "--print-reply", "--reply-timeout=20000", f"--dest={destination}",
                               path, method, *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE)
        text = done.stderr or "\n".join(done.stdout.splitlines()[1:])
        lines = [line.strip() for line in text.splitlines() if "<!-- GDBus" not in line]
        # In which order a node has its children is the library's affair.
        children = sorted(line for line in lines if line.startswith("<node name="))
        return "\n".join([line for line in lines if line not in children] + children)

    def call(self, path, method, *arguments):
        return self.send(NAME, path, method, *arguments)

    def signals(self):
        """`PATH MEMBER ARGUMENT` of every signal of keepalived."""
        found = re.findall(rf"^signal .* path=({ROOT}\S*); interface=(\S+); member=(\w+)\n(?:   uint32 (\d+))?", self.said(), re.M)
        return [f"{path.removeprefix(ROOT)} {interface.removeprefix(NAME)} {member} {value}".strip() for path, interface, member, value in found]

    def signals_from(self, text):
        """The signals from the first with `text` on: how many states an instance has before the bus is there depends on the machine."""
        found = self.signals()
        first = next(at for at, each in enumerate(found) if text in each)
        return [found[0], *found[first:]]

    def wait(self, text, count=1):
        def is_there():
            return sum(text in each for each in self.signals()) >= count
        poll.until(f"signal {text} ({self.router.subject})", is_there, PATIENCE)


def options(extra=""):
    return "    enable_dbus\n    dynamic_interfaces\n" + extra


@optional(scenario(ALONE, logs="ignored", packets=False))
def dbus_objects(rig):
    """Introspection, properties, methods and errors of every object."""
    a = rig.routers[0]
    bus = Bus(a)
    lone = f"vrrp_instance V2 {{\nvirtual_router_id 52\nunicast_src_ip {a.address}\nunicast_peer {{ 10.9.0.99 }}\n{SILENT}\n" \
        "virtual_ipaddress { 10.9.0.102/24 dev eth0 }\n}\n"
    six = instance(a, "V6", vrid=53, version=3, vips=("fe80::66/64",), body=SILENT)
    a.configure(router_config(a, instance(a, body=SILENT), lone, six, extra=options("    dbus_no_interface_name keiner\n")))
    a.start()
    a.wait_log("Acquired the name")
    bus.wait("/Instance/eth0/53/IPv6 .Instance VrrpStatusChange 1")
    one, other, three = f"{ROOT}/Instance/eth0/51/IPv4", f"{ROOT}/Instance/keiner/52/IPv4", f"{ROOT}/Instance/eth0/53/IPv6"
    vrrp = f"{ROOT}/Vrrp"
    for path in ("/", "/org", "/org/keepalived", ROOT, f"{ROOT}/Instance", f"{ROOT}/Instance/eth0", f"{ROOT}/Instance/eth0/51", one, other,
                 three, vrrp, "/nothing"):
        rig.fact(f"introspection of {path}", bus.call(path, INTROSPECT))
    rig.expect("there is something to see", INSTANCE in rig.facts[f"introspection of {one}"])
    for path in (one, other, three, vrrp, "/org/keepalived"):
        for arguments in (("string:Name",), ("string:State",), ("string:Nothing",), ()):
            rig.fact(f"{path} Get {arguments}", bus.call(path, f"{PROPERTIES}.Get", f"string:{INSTANCE}", *arguments))
        rig.fact(f"{path} GetAll", [bus.call(path, f"{PROPERTIES}.GetAll", f"string:{each}") for each in (INSTANCE, VRRP, "no.such")])
        for name in ("Name", "Nothing"):
            rig.fact(f"{path} Set {name}", bus.call(path, f"{PROPERTIES}.Set", f"string:{INSTANCE}", f"string:{name}", "variant:string:x"))
        for method in (f"{INSTANCE}.SendGarp", f"{INSTANCE}.Nothing", f"{VRRP}.SendGarp", "no.such.Thing", f"{INTROSPECT}Not",
                       "org.freedesktop.DBus.Peer.Ping", "org.freedesktop.DBus.Peer.GetMachineId", "org.freedesktop.DBus.Peer.Nothing"):
            rig.fact(f"{path} {method}", bus.call(path, method))
        for method in (f"{INSTANCE}.SendGarp", f"{VRRP}.PrintData", INTROSPECT, "org.freedesktop.DBus.Peer.Ping"):
            rig.fact(f"{path} {method} with a text", bus.call(path, method, "string:x"))
    rig.fact("CreateInstance", bus.call(vrrp, f"{VRRP}.CreateInstance", "string:V9", "string:eth0", "uint32:9", "uint32:4"))
    rig.fact("DestroyInstance", bus.call(vrrp, f"{VRRP}.DestroyInstance", "string:V2"))
    end(rig)
    bus.wait("VrrpStopped")
    rig.fact("signals", bus.signals_from("VrrpStatusChange 98"))
    rig.fact("lines", [line for line in a.lines() if "dbus" in line.lower()])


@optional(scenario(ALONE, logs="ignored", packets=False))
def dbus_reload(rig):
    """One instance goes, one comes, one stays. By signal and without a call before: either makes the reference crash now and then."""
    a = rig.routers[0]
    bus = Bus(a)
    first, second, third = (instance(a, name, vrid=vrid, vips=(f"10.9.0.{vrid}/24",), body=f"{SILENT}\nnotify_deleted")
                            for name, vrid in (("VI_1", 51), ("V2", 52), ("V3", 53)))
    a.configure(router_config(a, first, second, extra=options()))
    a.start()
    bus.wait("/Instance/eth0/52/IPv4 .Instance VrrpStatusChange 1")
    a.reload(router_config(a, second, third, extra=options()))
    a.wait_log("Reload complete")
    bus.wait("/Instance/eth0/53/IPv4 .Instance VrrpStatusChange 1")
    rig.fact("after the reload", [bus.call(path, INTROSPECT) for path in (f"{ROOT}/Instance/eth0", f"{ROOT}/Instance/eth0/51/IPv4")])
    end(rig)
    bus.wait("VrrpStopped")
    rig.fact("signals", bus.signals_from("VrrpStatusChange 97"))
    rig.fact("lines", [line for line in a.lines() if "dbus" in line.lower()])


@optional(scenario(ALONE, logs="ignored", packets=False))
def dbus_states(rig):
    """A signal for each state; what the methods do."""
    a = rig.routers[0]
    bus = Bus(a)
    a.configure(router_config(a, instance(a, priority=200, **FAST), extra=options()))
    a.start()
    a.wait_state("MASTER")
    one = f"{ROOT}/Instance/eth0/51/IPv4"
    bus.wait("VrrpStatusChange 2")
    rig.fact("state", bus.call(one, f"{PROPERTIES}.Get", f"string:{INSTANCE}", "string:State"))
    at = time.time()
    rig.fact("SendGarp", bus.call(one, f"{INSTANCE}.SendGarp"))
    rig.garp(a, rig.vip, after=at)
    a.wait_log("Sending garps on VI_1 on DBus request")
    for method, file in (("PrintData", "keepalived.data"), ("PrintStats", "keepalived.stats"), ("PrintStatsClear", "keepalived.stats")):
        if os.path.exists(a.path(file)):
            os.unlink(a.path(file))
        rig.fact(method, bus.call(f"{ROOT}/Vrrp", f"{VRRP}.{method}"))
        poll.until(file, lambda file=file: os.path.exists(a.path(file)) and os.path.getsize(a.path(file)), PATIENCE)
    rig.fact("counters are cleared", a.statistics()["Became master"])
    rig.unplug(a)
    bus.wait("VrrpStatusChange 3")
    rig.plug(a)
    bus.wait("VrrpStatusChange 2", count=2)
    end(rig)
    bus.wait("VrrpStopped")
    rig.fact("announcements", len([frame for frame in rig.capture.frames if frame.kind == "garp" and at - 0.01 <= frame.at <= at + 0.2]) <= 1)
    rig.fact("signals", bus.signals_from("VrrpStatusChange 2"))
    rig.fact("lines", [line for line in a.lines() if "dbus" in line.lower()])


@optional(scenario((("ours",),), logs="ignored", packets=False))
def dbus_bus_goes_away(rig):
    """Without a bus, with one that ends and comes back: adverts go on, and the objects are there again."""
    a = rig.routers[0]
    a.environment["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={a.path('bus')}"
    a.configure(router_config(a, instance(a, priority=200, **FAST), extra=options()))
    a.start()
    a.wait_log("Lost the name")
    a.wait_state("MASTER")
    bus = Bus(a)
    a.wait_log("Acquired the name")
    one = f"{ROOT}/Instance/eth0/51/IPv4"
    bus.wait("VrrpStatusChange 2")
    rig.expect("ReloadConfig", bus.call(f"{ROOT}/Vrrp", f"{VRRP}.ReloadConfig") == "")
    a.wait_log("Reload complete")
    bus.wait("VrrpReloaded")
    at = time.time()
    bus.stop()
    a.wait_log("Lost the name", count=2)
    bus.start()
    a.wait_log("Acquired the name", count=2)
    bus.wait("VrrpStatusChange 2")
    state = bus.call(one, f"{PROPERTIES}.Get", f"string:{INSTANCE}", "string:State")
    rig.expect(f"the state: {state}", '"Master"' in state)
    sent = [frame.at for frame in rig.capture.frames if is_advert(a)(frame) and frame.at > at]
    gaps = [later - earlier for earlier, later in zip(sent, sent[1:])]
    rig.expect(f"adverts go on: {gaps}", gaps and max(gaps) < 1.0)
    end(rig)
    rig.expect("farewell", any("VrrpStopped" in each for each in bus.signals()))
