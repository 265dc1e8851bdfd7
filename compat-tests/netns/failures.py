"""What happens to a pair when processes, links, addresses and configurations do not stay as they were."""

import os
import re
import signal
import time

from lab import poll

from .config import VIP, instance, router_config
from .elections import FAST, SLOW, pair, settle, who
from .events import KernelEvents
from .rig import PATIENCE, batch
from .run import ALONE, scenario


def end(rig):
    for router in reversed(rig.routers):
        if router.process and router.process.poll() is None:
            router.stop()


@scenario()
def kill_both(rig):
    """The addresses stay on the dead node; the peer takes them; a restart removes them first."""
    a, b = pair(rig, **FAST)
    killed = a.kill("p", "v")
    rig.takeover("last advert to takeover", a, b)
    b.wait_state("MASTER")
    rig.garp(b, VIP)
    rig.fact("both hold it", (a.holds(VIP), b.holds(VIP)))
    restarted = time.time()
    a.start()
    taken = rig.advert(a, after=restarted)
    rig.timing("join to preemption", rig.joined(a, after=restarted), taken)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario()
def kill_parent(rig):
    """The child ends as after TERM."""
    a, b = pair(rig, **SLOW)
    a.kill("p")
    stopped = rig.advert(a, priority=0)
    rig.timing("priority 0 to takeover", stopped, rig.advert(b))
    b.wait_state("MASTER")
    rig.fact("a holds", a.addresses())
    end(rig)


@scenario(logs="ignored", packets=False)
def kill_child(rig):
    """The parent starts it again; the address goes and comes back before the peer's timer ends, or the peer has it for a moment."""
    a, b = pair(rig)
    killed = a.kill("v")
    rig.timing("start again: kill to the next advert", killed, rig.advert(a, after=killed + 0.01), work=True)
    a.wait_log("Entering MASTER STATE", count=2)
    settle(rig, a)
    rig.fact("who has it", who(a, b))
    rig.fact("the parent says", any("Respawning" in line for line in a.lines()))
    end(rig)


@scenario()
def cable(rig):
    """The cable is pulled and put back."""
    a, b = pair(rig, **FAST)
    events = KernelEvents(rig, a.space)
    pulled = rig.unplug(a)
    a.wait_state("FAULT")
    rig.takeover("last advert to takeover", a, b, after=pulled)
    b.wait_state("MASTER")
    rig.fact("a holds", a.addresses())
    at = time.time()
    rig.plug(a)
    plugged = events.link("eth0", True, at)
    rig.timing("cable to preemption", plugged, rig.advert(a, after=plugged))
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario()
def cable_ipv6(rig):
    rig.vip = "fe80::100"
    a, b = pair(rig, vips=("fe80::100", "fd09::100/64"), **FAST)
    pulled = rig.unplug(a)
    a.wait_state("FAULT")
    rig.takeover("last advert to takeover", a, b, after=pulled)
    b.wait_state("MASTER")
    plugged = rig.plug(a)
    rig.advert(a, after=plugged)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario(logs="ignored")
def link_down(rig):
    """The interface itself is set down and up."""
    a, b = pair(rig, **FAST)
    events = KernelEvents(rig, a.space)
    at = time.time()
    a.ip("link", "set", "dev", "eth0", "down")
    a.wait_state("FAULT")
    rig.takeover("last advert to takeover", a, b, after=at)
    b.wait_state("MASTER")
    rig.fact("a holds", [each for each in a.addresses() if "eth0" in each and "fe80" not in each and "fd09" not in each])
    at = time.time()
    a.ip("link", "set", "dev", "eth0", "up")
    rig.timing("up to preemption", events.link("eth0", True, at), rig.advert(a, after=at))
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    rig.fact("states", (a.state(), b.state()))
    end(rig)


@scenario()
def address_removed(rig):
    """The virtual address is removed by hand: the instance gives up, and is master again after the skew."""
    a, b = pair(rig)
    events = KernelEvents(rig, a.space)
    at = time.time()
    a.ip("address", "del", f"{VIP}/24", "dev", "eth0")
    gone = rig.advert(a, after=at, priority=0)
    rig.timing("removal to priority 0", events.address(VIP, False, at), gone)
    rig.timing("priority 0 to master again", gone, rig.advert(a, after=gone.at + 0.001, priority=150))
    a.wait_log("Entering MASTER STATE", count=2)
    settle(rig, a, b)
    rig.fact("who has it", who(a, b))
    end(rig)


@scenario((("ours", "ours"),), logs="ignored", packets=False)
def address_restored(rig):
    """vrrp_restore_addresses: the virtual address that is removed by hand is back at once, and nobody else notices."""
    a, b = rig.routers
    for router, priority in ((a, 150), (b, 100)):
        router.configure(router_config(router, instance(router, priority=priority, **FAST), extra="    vrrp_restore_addresses\n"))
    a.start()
    a.wait_state("MASTER")
    b.start()
    settle(rig, a, b)
    for count in range(1, 4):
        at = time.time()
        a.ip("address", "del", f"{VIP}/24", "dev", "eth0")
        rig.garp(a, VIP, after=at)
        a.wait_log(f"Restoring deleted virtual address {VIP}/24", count=count)
        rig.expect("a has its address back", a.holds(VIP))
    settle(rig, a, b)
    rig.expect(f"no transition: {a.log()}", (a.log().count("STATE"), b.log().count("STATE")) == (2, 1))
    rig.expect("nobody gave up", not any(frame.kind == "advert" and frame.priority == 0 for frame in rig.capture.frames))
    end(rig)


@scenario((("ours", "ours"),), logs="ignored", packets=False)
def both_families(rig):
    """vrrp_both_families: the addresses of one block come and go together, whatever their family."""
    a, b = rig.routers
    six = "fd09::100"
    for router, priority in ((a, 150), (b, 100)):
        router.configure(router_config(router, instance(router, priority=priority, vips=(f"{VIP}/24", f"{six}/64"), **FAST),
                                       extra="    vrrp_both_families\n"))
    a.start()
    a.wait_state("MASTER")
    b.start()
    rig.garp(a, VIP)
    rig.garp(a, six)
    settle(rig, a, b)
    rig.expect(f"a has both: {a.addresses()}", a.holds(VIP) and a.holds(six) and not b.holds(VIP) and not b.holds(six))
    at = time.time()
    a.stop()
    rig.garp(b, six, after=at)
    rig.garp(b, VIP, after=at)
    poll.until("both moved", lambda: b.holds(VIP) and b.holds(six) and not a.holds(VIP) and not a.holds(six), PATIENCE)
    end(rig)


@scenario()
def source_address_removed(rig):
    """The only address of the interface goes and comes back."""
    a, b = pair(rig, vips=("10.77.0.1/24",), **FAST)
    events = KernelEvents(rig, a.space)
    at = time.time()
    a.ip("address", "del", f"{a.address}/24", "dev", "eth0")
    a.wait_state("FAULT")
    rig.advert(b, after=at)
    b.wait_state("MASTER")
    rig.fact("a holds", [each for each in a.addresses() if each.startswith("10.")])
    at = time.time()
    a.ip("address", "add", f"{a.address}/24", "dev", "eth0")
    rig.timing("address to preemption", events.address(a.address, True, at), rig.advert(a, after=at))
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    end(rig)


@scenario()
def source_address_changed(rig):
    """Another address of the interface becomes the source without a change of state."""
    a, b = pair(rig, **FAST)
    batch(a.space, ["address add 10.9.0.21/24 dev eth0"])
    a.space.call(write_sysctl, "net/ipv4/conf/eth0/promote_secondaries", "1")
    at = time.time()
    a.ip("address", "del", f"{a.address}/24", "dev", "eth0")
    rig.capture.wait("an advert from the other address", lambda frame: frame.kind == "advert" and frame.router == "a"
                     and frame.source == "10.9.0.21", at)
    rig.advert(a, after=rig.advert(a, after=at).at + 0.5)
    rig.fact("states", (a.state(), b.state()))
    end(rig)


def write_sysctl(path, value):
    with open(f"/proc/sys/{path}", "w", encoding="ascii") as file:
        file.write(value)


@scenario(logs="ignored")
def interface_deleted(rig):
    """The interface is deleted and made again, with dynamic_interfaces."""
    a, b = pair(rig, extra="    dynamic_interfaces\n", **FAST)
    events = KernelEvents(rig, a.space)
    at = time.time()
    rig.lan.ip("link", "del", "dev", "a")
    a.wait_state("FAULT")
    rig.advert(b, after=at)
    b.wait_state("MASTER")
    at = time.time()
    batch(rig.lan, [f"link add name a type veth peer name eth0 address {a.mac} netns {a.space.name}",
                    f"link set dev a master {rig.BRIDGE} up"])
    batch(a.space, ["link set eth0 up", f"address add {a.address}/24 dev eth0"])
    rig.timing("made again to preemption", events.address(a.address, True, at), rig.advert(a, after=at))
    a.wait_log("Entering MASTER STATE", count=2)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    rig.fact("who has it", who(a, b))
    end(rig)


@scenario(logs="ignored")
def interface_renamed(rig):
    """The interface gets another name and its own again, with dynamic_interfaces."""
    a, b = pair(rig, extra="    dynamic_interfaces\n", **FAST)
    at = time.time()
    a.ip("link", "set", "dev", "eth0", "down")
    a.wait_state("FAULT")
    a.ip("link", "set", "dev", "eth0", "name", "other0", "up")
    rig.advert(b, after=at)
    b.wait_state("MASTER")
    a.ip("link", "set", "dev", "other0", "down")
    at = time.time()
    a.ip("link", "set", "dev", "other0", "name", "eth0", "up")
    rig.advert(a, after=at)
    a.wait_log("Entering MASTER STATE", count=2)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    rig.fact("who has it", who(a, b))
    end(rig)


@scenario(logs="ignored")
def starts_without_interface(rig):
    """dynamic_interfaces: a waits for its interface."""
    a, b = rig.routers
    events = KernelEvents(rig, a.space)
    rig.capture.watch("late")
    for router, priority in ((a, 150), (b, 100)):
        router.configure(router_config(router, instance(router, priority=priority, interface="late0" if router is a else None, **SLOW),
                                       extra="    dynamic_interfaces\n"))
    b.start()
    b.wait_state("MASTER")
    a.start()
    a.wait_state("FAULT")
    at = time.time()
    batch(rig.lan, [f"link add name late type veth peer name late0 netns {a.space.name}", f"link set dev late master {rig.BRIDGE} up"])
    batch(a.space, ["link set late0 up", "address add 10.9.0.31/24 dev late0"])
    there = max(events.link("late0", True, at), events.address("10.9.0.31", True, at))
    taken = rig.capture.wait("an advert of a", lambda frame: frame.kind == "advert" and frame.router == "late", there)
    rig.timing("interface to preemption", there, taken)
    a.wait_state("MASTER")
    b.wait_log("Entering BACKUP STATE", count=2)
    rig.fact("who has it", who(a, b))
    end(rig)


@scenario(logs="ignored")
def pause(rig):
    """A stop longer than the down timer: the peer takes over and gives it back. Ours listens first (docs/compatibility.md)."""
    a, b = pair(rig, **FAST)
    a.pause()
    at = time.time()
    rig.takeover("last advert to takeover", a, b, after=at)
    b.wait_state("MASTER")
    a.resume()
    b.wait_log("Entering BACKUP STATE", count=2)
    a.wait_state("MASTER")
    settle(rig, a, b)
    rig.fact("who has it", who(a, b))
    end(rig)


@scenario()
def reload_unchanged(rig):
    """No transition, no gap between adverts, no announcement."""
    a, b = pair(rig, **SLOW)
    at = time.time()
    a.reload()
    a.wait_log("Reload complete")
    settle(rig, a)
    sent = [frame.at for frame in rig.capture.frames if frame.kind == "advert" and frame.router == "a" and frame.at > at - 1.1]
    rig.fact("no gap", max(after - before for before, after in zip(sent, sent[1:])) < 1.2 + rig.late(sent[0], sent[-1]))
    rig.fact("no transition", (a.log().count("STATE"), b.log().count("STATE")))
    end(rig)


@scenario()
def reload_priority(rig):
    """A lower priority on reload gives the addresses away."""
    a, b = pair(rig, **FAST)
    a.reload(router_config(a, instance(a, priority=90, **FAST)))
    b.wait_state("MASTER")
    a.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, b, a)
    rig.fact("who has it", who(a, b))
    end(rig)


@scenario()
def reload_addresses(rig):
    """One address added, one removed, on a master."""
    a, b = pair(rig, vips=(f"{VIP}/24", "10.9.0.101/24"), **FAST)
    b.stop()
    at = time.time()
    a.reload(router_config(a, instance(a, priority=150, vips=(f"{VIP}/24", "10.9.0.102/24"), **FAST)))
    a.wait_log("Reload complete")
    rig.garp(a, "10.9.0.102", after=at)
    settle(rig, a)
    rig.fact("a holds", a.addresses())
    end(rig)


@scenario(logs="streams")
def reload_removes_instance(rig):
    a, b = rig.routers
    for router, priority in ((a, 150), (b, 100)):
        router.configure(router_config(router, instance(router, priority=priority, **FAST),
                                       instance(router, name="VI_2", vrid=52, priority=priority, vips=("10.9.0.101/24",), **FAST)))
    a.start()
    a.wait_state("MASTER", "VI_2")
    b.start()
    for name in ("VI_1", "VI_2"):
        b.wait_state("BACKUP", name)
    settle(rig, a)
    a.reload(router_config(a, instance(a, priority=150, **FAST)))
    b.wait_state("MASTER", "VI_2")
    rig.garp(b, "10.9.0.101")
    rig.fact("a holds", a.addresses())
    rig.fact("b holds", b.addresses())
    end(rig)


@scenario(logs="ignored", packets=False)
def reload_broken(rig):
    """Ours keeps the running configuration; the reference ends and leaves its addresses (docs/compatibility.md)."""
    a, b = pair(rig, **FAST)
    text = router_config(a, instance(a, priority=150, **FAST)).replace("virtual_router_id 51", "")
    a.reload(text)
    if a.subject == "ours":
        a.wait_log("virtual router id must be set")
        settle(rig, a, b)
        rig.expect("still master after a broken reload", a.state() == "MASTER" and a.holds(VIP) and a.process.poll() is None)
        rig.expect("the peer did not move", b.state() == "BACKUP")
    else:
        poll.until("the reference ends", lambda: a.process.poll() is not None, 20)
    end(rig)


@scenario(ALONE, logs="ignored", packets=False)
def config_saved(rig):
    """config_save_dir: the configuration at each reading, the state of each process before and after each reload."""
    a = rig.routers[0]
    where = a.path("saved")
    included = a.write("part.conf", "# a remark\n" + instance(a, "V2", vrid=52, vips=("10.9.0.52/24",)) + "! the end\n")
    a.configure(router_config(a, instance(a, body="down_timer_adverts 90\n\n# nothing"), f"include {included}\n",
                              "bfd_instance B1 {\n    neighbor_ip 10.9.0.99\n}\n", extra=f"    config_save_dir {where}\n"))
    a.start()
    for count in (1, 2):
        a.reload()
        a.wait_log("Reload complete", count=count)
        a.wait_log("Received BFD event", count=count + 1)

    def saved():
        return {re.sub(r"\.\d+\.", ".PID.", name): name for name in os.listdir(where)}
    poll.until(f"what {a.subject} keeps", lambda: len(saved()) == 11, PATIENCE)
    rig.fact("files", sorted(saved()))
    for name, real in saved().items():
        with open(os.path.join(where, real), encoding="utf-8") as file:
            text = file.read()
        if name.startswith("keepalived.conf"):
            rig.fact(name, text.replace(rig.directory, "DIR"))
        else:
            rig.expect(f"{name}: {text}", text.startswith("------< Global definitions >------") and ("B1" if "bfd" in name else "V2") in text)
        rig.fact(f"{name} is private", os.stat(os.path.join(where, real)).st_mode & 0o777)
    end(rig)


@scenario()
def stop_by_signal_int(rig):
    """SIGINT stops as SIGTERM does."""
    a, b = pair(rig, **FAST)
    a.process.send_signal(signal.SIGINT)
    stopped = rig.advert(a, priority=0)
    rig.timing("priority 0 to takeover", stopped, rig.advert(b, after=stopped.at))
    rig.fact("exit code", a.process.wait(20))
    b.wait_state("MASTER")
    end(rig)


@scenario()
def routes_and_rules(rig):
    """virtual_routes and virtual_rules come and go with the addresses."""
    body = ("virtual_routes {\n  10.80.0.0/24 via 10.9.0.250 dev eth0\n  blackhole 10.81.0.0/24\n"
            "  10.82.0.0/24 dev eth0 scope link metric 7 table 100\n}")
    a, b = pair(rig, body=body, **FAST)
    rig.fact("routes of a", a.routes())
    rig.fact("routes of b", b.routes())
    a.stop()
    b.wait_state("MASTER")
    rig.garp(b, VIP)
    rig.fact("routes after stop", a.routes())
    rig.fact("routes of the new master", b.routes())
    end(rig)


@scenario()
def rules(rig):
    body = "virtual_rules {\n  from 10.9.0.0/24 table 100 priority 1000\n  to 10.80.0.0/16 lookup 101 pref 1001\n}"
    a, b = pair(rig, body=body, **SLOW)
    show = lambda router: [line.split(":", 1)[1].strip() for line in router.ip("rule", "show").stdout.splitlines()]
    rig.fact("rules of a", show(a))
    rig.fact("rules of b", show(b))
    a.stop()
    b.wait_state("MASTER")
    rig.garp(b, VIP)
    rig.fact("rules after stop", show(a))
    rig.fact("rules of the new master", show(b))
    end(rig)


@scenario()
def route_removed(rig):
    """A virtual route is removed by hand: as with an address."""
    a, b = pair(rig, body="virtual_routes {\n  10.80.0.0/24 via 10.9.0.250 dev eth0\n}")
    at = time.time()
    a.ip("route", "del", "10.80.0.0/24")
    gone = rig.advert(a, after=at, priority=0)
    rig.timing("priority 0 to master again", gone, rig.advert(a, after=gone.at + 0.001, priority=150))
    a.wait_log("Entering MASTER STATE", count=2)
    rig.garp(a, VIP, after=gone.at)
    rig.fact("routes", a.routes())
    settle(rig, a, b)
    end(rig)


@scenario()
def static_addresses(rig):
    a = rig.routers[0]
    static = "static_ipaddress {\n  10.9.0.200/24 dev eth0\n}\nstatic_routes {\n  10.83.0.0/24 via 10.9.0.250 dev eth0\n}\n"
    a.configure(router_config(a, static, instance(a, priority=150, **FAST)))
    a.start()
    a.wait_state("MASTER")
    rig.garp(a, VIP)
    rig.fact("a holds", a.addresses())
    rig.fact("routes", a.routes())
    a.stop()
    rig.fact("after the end", a.addresses())
    # The reference leaves static routes behind (docs/compatibility.md).
    rig.expect("no static route is left", a.subject != "ours" or not a.routes())
