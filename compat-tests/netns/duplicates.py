"""Two instances with one VRID whose interfaces come to lie on one and the same: macvlans that are deleted and made again.

What differs from the reference is run with ours alone; docs/compatibility.md names it, and the reference was seen to do it.
"""

import time

from .config import instance, router_config
from .elections import FAST
from .failures import end
from .rig import PATIENCE, batch
from .run import ALONE, scenario
from .vmacs import links

OURS = (("ours",),)
MODES = ("dynamic_interfaces", "dynamic_interfaces allow_if_changes")
VIPS = {"VI_1": "10.9.0.101", "VI_2": "10.9.0.102"}
CONFLICT = "VRID conflict between VI_2 and VI_1 IPv4 vrid 51"


def prepare(rig, words, interfaces, bodies=("", "")):
    """Router a with eth1 and eth2 besides eth0, and VI_1 and VI_2 on `interfaces`."""
    a = rig.routers[0]
    for name in ("eth1", "eth2"):
        batch(a.space, [f"link add {name} type veth peer name {name}p", f"link set {name}p up", f"link set {name} up"])
    configure(a, words, interfaces, bodies)
    return a


def configure(a, words, interfaces, bodies=("", "")):
    blocks = (instance(a, name=name, interface=interface, vips=(f"{VIPS[name]}/24",), body=body, **FAST)
              for name, interface, body in zip(VIPS, interfaces, bodies))
    a.configure(router_config(a, *blocks, extra=f"    {words}\n"))


def make(a, name, on=None):
    """A macvlan on `on`, or a veth. It has its address before it is up, so that its being up is the last that there is to hear of it."""
    kind = f"link add name {name} link {on} type macvlan mode bridge" if on else f"link add name {name} type veth peer name {name}p"
    batch(a.space, [kind, *([] if on else [f"link set {name}p up"]), f"address add 10.9.5.1/24 dev {name}", f"link set {name} up"])


def comes(a, name, on=None):
    """The daemon has done what it does when the interface is there."""
    said = f"Netlink reports {name} up"
    before = sum(said in line for line in a.lines())
    make(a, name, on)
    a.wait_log(said, count=before + 1)
    # An answer shows that it is done with what it read before.
    a.statistics()


def goes(a, name):
    said = f"Interface {name} deleted"
    before = sum(said in line for line in a.lines())
    a.ip("link", "del", "dev", name)
    a.wait_log(said, count=before + 1)
    a.statistics()


def both_masters(a):
    for name in VIPS:
        a.wait_state("MASTER", name)


def holders(a):
    return [name for name, vip in VIPS.items() if a.holds(vip)]


def conflicts(a):
    return [line for line in a.lines() if "VRID" in line]


@scenario(ALONE, logs="ignored", packets=False)
def vrid_conflict(rig):
    """The interface comes where the VRID is taken; elsewhere its instance stays in FAULT until a reload."""
    a = prepare(rig, MODES[0], ("eth0", "m0"))
    make(a, "m0", "eth1")
    a.start()
    both_masters(a)
    for step, on in enumerate(("eth0", "eth2", "eth0", None, "eth1")):
        goes(a, "m0")
        comes(a, "m0", on)
        rig.fact(f"{step}: {on}", (a.state("VI_1"), a.state("VI_2"), conflicts(a), holders(a)))
    rig.expect("VI_2 is in FAULT", a.state("VI_2") == "FAULT")
    a.reload()
    a.wait_state("MASTER", "VI_2")
    rig.fact("after the reload", a.state("VI_1"))
    end(rig)


@scenario(ALONE, logs="ignored", packets=False)
def vrid_conflict_allowed(rig):
    """With allow_if_changes the instance takes part again when its interface comes back elsewhere, or as something else."""
    a = prepare(rig, MODES[1], ("eth0", "m0"))
    make(a, "m0", "eth1")
    a.start()
    both_masters(a)
    for step, on in enumerate(("eth0", "eth2", "eth0", None, "eth1")):
        goes(a, "m0")
        comes(a, "m0", on)
        if on != "eth0":
            a.wait_state("MASTER", "VI_2")
        rig.fact(f"{step}: {on}", (a.state("VI_1"), a.state("VI_2"), conflicts(a)))
    rig.expect("twice", conflicts(a) == [CONFLICT] * 2)
    rig.expect("VI_1 heard nothing of it", a.log().count("(VI_1) Entering") == 2)
    end(rig)


@scenario(ALONE, logs="ignored", packets=False)
def vrid_conflict_renamed(rig):
    """Another interface gets the name."""
    a = prepare(rig, MODES[1], ("eth0", "m0"))
    make(a, "m0", "eth1")
    make(a, "x0", "eth0")
    a.start()
    both_masters(a)
    for name, other in (("y0", "x0"), ("x0", "y0")):
        a.ip("link", "set", "dev", "m0", "down")
        a.wait_state("FAULT", "VI_2")
        batch(a.space, [f"link set {other} down", f"link set m0 name {name}", f"link set {other} name m0"])
        before = a.log().count("Netlink reports m0 up")
        a.ip("link", "set", "dev", "m0", "up")
        a.wait_log("Netlink reports m0 up", count=before + 1)
        a.statistics()
        if other == "y0":
            a.wait_state("MASTER", "VI_2")
        rig.fact(f"m0 was {other}", (a.state("VI_2"), conflicts(a)))
    end(rig)


@scenario(ALONE, logs="ignored", packets=False)
def vrid_conflict_at_start(rig):
    """The later instance takes part; the other one is in FAULT."""
    a = prepare(rig, MODES[1], ("eth0", "m0"))
    make(a, "m0", "eth0")
    a.start()
    a.wait_state("MASTER", "VI_2")
    rig.garp(a, VIPS["VI_2"])
    a.statistics()
    rig.fact("it says so", conflicts(a))
    rig.fact("who has its address", holders(a))
    rig.expect("VI_2 only", holders(a) == ["VI_2"])
    end(rig)


@scenario(ALONE, logs="ignored", packets=False)
def vrid_conflict_in_configuration(rig):
    """Where changes are not allowed it is refused, with and without dynamic_interfaces."""
    a = prepare(rig, "", ("eth0", "m0"))
    make(a, "m0", "eth0")
    for words in ("", MODES[0]):
        configure(a, words, ("eth0", "m0"))
        a.start(wait=False)
        rig.fact(f"exit code '{words}'", a.process.wait(PATIENCE))
    rig.fact("it says so", conflicts(a))
    rig.expect("twice", conflicts(a) == ["VI_1 and VI_2 both use VRID 51 with IPv4 on interface eth0"] * 2)


@scenario(OURS, logs="ignored", packets=False)
def vrid_conflict_ends(rig):
    """The other one's interface goes, not its own: it takes part at once. The reference leaves it in FAULT."""
    a = prepare(rig, MODES[1], ("m1", "m0"))
    make(a, "m1", "eth0")
    make(a, "m0", "eth0")
    a.start()
    a.wait_state("MASTER", "VI_2")
    goes(a, "m0")
    a.wait_state("MASTER", "VI_1")
    comes(a, "m0", "eth0")
    rig.expect(f"VI_2 is held: {a.log()}", (a.state("VI_1"), a.state("VI_2")) == ("MASTER", "FAULT") and conflicts(a)[-1] == CONFLICT)
    goes(a, "m1")
    a.wait_state("MASTER", "VI_2")
    comes(a, "m1", "eth0")
    rig.expect(f"now VI_1 is: {a.log()}", (a.state("VI_1"), a.state("VI_2")) == ("FAULT", "MASTER"))
    end(rig)


@scenario(OURS, logs="ignored", packets=False)
def vrid_conflict_after_two_moves(rig):
    """Both interfaces have moved. The reference has two masters of one VRID on eth0 then."""
    a = prepare(rig, MODES[1], ("m1", "m0"))
    make(a, "m1", "eth2")
    make(a, "m0", "eth1")
    a.start()
    both_masters(a)
    for name, instance_ in (("m0", "VI_2"), ("m1", "VI_1")):
        goes(a, name)
        comes(a, name, "eth0")
        if name == "m0":
            a.wait_state("MASTER", instance_)
    rig.expect(f"VI_1 is held: {a.log()}", a.state("VI_1") == "FAULT" and conflicts(a) == ["VRID conflict between VI_1 and VI_2 IPv4 vrid 51"])
    rig.expect("one has its address", holders(a) == ["VI_2"])
    end(rig)


def strangers(rig, body):
    a = prepare(rig, MODES[1], ("eth0", "m0"), ("", body))
    make(a, "m0", "eth1")
    a.start()
    both_masters(a)
    goes(a, "m0")
    a.wait_state("FAULT", "VI_2")
    comes(a, "m0", "eth0")
    a.wait_state("MASTER", "VI_2")
    rig.expect(f"no conflict: {a.log()}", not conflicts(a))
    end(rig)


@scenario(OURS, logs="ignored", packets=False)
def vrid_conflict_not_unicast(rig):
    """Unicast beside multicast is no conflict, as at start. The reference takes it for one when an interface comes."""
    strangers(rig, "unicast_peer {\n  10.9.0.7\n}")


@scenario(OURS, logs="ignored", packets=False)
def vrid_conflict_not_another_group(rig):
    """Nor is another group."""
    strangers(rig, "mcast_dst_ip 224.0.0.17")


def reload_in_conflict(rig, words, done):
    a = prepare(rig, words, ("eth0", "m0"))
    make(a, "m0", "eth1")
    a.start()
    both_masters(a)
    goes(a, "m0")
    comes(a, "m0", "eth0")
    before = a.log().count("Entering")
    a.reload()
    a.wait_log(done)
    rig.advert(a, after=rig.advert(a, after=time.time()).at + 0.001)
    a.statistics()
    rig.expect(f"no transition: {a.log()}", a.log().count("Entering") == before)
    rig.expect("VI_1 goes on", holders(a) == ["VI_1"])
    end(rig)


@scenario(OURS, logs="ignored", packets=False)
def vrid_conflict_reload(rig):
    """A reload takes nothing from the one that takes part. In the reference they change places."""
    reload_in_conflict(rig, MODES[1], "Reload complete")


@scenario(OURS, logs="ignored", packets=False)
def vrid_conflict_reload_refused(rig):
    """Where changes are not allowed it is a broken configuration: the old one goes on. The reference ends."""
    reload_in_conflict(rig, MODES[0], "both use VRID 51")


@scenario(OURS, logs="ignored", packets=False)
def vmac_base_moves(rig):
    """The interface below a VMAC comes back on another one: the VMAC is made again there. The reference leaves it behind and stays BACKUP."""
    a = prepare(rig, MODES[1], ("m0", "eth2"), ("use_vmac vm0", ""))
    make(a, "m0", "eth1")
    a.start()
    a.wait_state("MASTER")
    rig.expect(f"it is on eth1: {links(a)}", any(line.startswith("vm0@eth1 ") for line in links(a)))
    goes(a, "m0")
    a.wait_state("FAULT")
    at = time.time()
    comes(a, "m0", "eth0")
    rig.capture.wait("an advert of the VMAC", lambda frame: frame.kind == "advert" and frame.router == "a" and " 00:00:5e:00:01:33>" in frame.text, at)
    a.wait_state("MASTER")
    rig.expect(f"it is on eth0: {links(a)}", any(line.startswith("vm0@eth0 ") for line in links(a)))
    a.stop()
    rig.expect(f"nothing stays: {links(a)}", [line.split("@")[0] for line in links(a)] == ["m0"])
