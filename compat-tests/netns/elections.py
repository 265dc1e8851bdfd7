"""Elections: every version, family and kind of authentication, and who becomes master when."""

import contextlib
import time

from lab import poll

from . import frames
from .config import VIP, instance, router_config
from .rig import batch, is_advert
from .run import OLD_PAIRS, TRIPLES, scenario

FAST = {"version": 3, "advert_int": 0.2}
SLOW = {"version": 3, "advert_int": 1}
"""With this the others wait for 3.4 s and more: a machine that stands still for a second decides no election."""
APART = {"version": 3, "advert_int": 4}
"""And with this the adverts of two masters that cannot hear each other are 1.6 s apart and more: it does not change their order."""
PASS = "authentication {\n auth_type PASS\n auth_pass s3cret\n}"
AH = "authentication {\n auth_type AH\n auth_pass s3cret\n}"


def settle(rig, master, *backups):
    """Waits until the backups have heard an advert of the master."""
    for each in backups:
        each.wait_state("BACKUP")
    at = time.time()
    rig.advert(master, after=at)
    rig.advert(master, after=rig.advert(master, after=at).at + 0.0001)


def who(*routers):
    """Who is master and who holds the address, once the kernel has followed the log."""
    with contextlib.suppress(poll.TimedOut):
        poll.until("", lambda: all(each.follows(VIP) for each in routers), 10, 0.02)
    return tuple(each.state() for each in routers) + tuple(each.holds(VIP) for each in routers)


def split(rig, a, b):
    """Two masters that cannot hear each other. The phase of b's adverts follows from the last one of a that it heard.

    With b's priority of 100 they come 0.6 of the interval after those of a.
    """
    isolated = rig.isolate(a, b)
    b.wait_state("MASTER")
    rig.garp(b, rig.vip)
    return isolated


def heal(rig, a, b, first):
    """They hear each other again. What follows depends on whose advert comes `first`: it is the other one's that was the last."""
    other = a if first is b else b
    last = rig.advert(other, after=time.time())
    healed = rig.isolate(a, b, on=False)
    early = rig.capture.first(is_advert(first), last.at)
    rig.expect("the machine was too slow to choose the moment", early is None or early.at > healed - 0.001)


def pair(rig, priorities=(150, 100), extra="", **options):
    """Configures and starts the routers, a first; returns them once a is master and the others have heard it."""
    for router, priority in zip(rig.routers, priorities):
        router.configure(router_config(router, instance(router, priority=priority, **options), extra=extra))
    a, *others = rig.routers
    a.start()
    first = rig.advert(a)
    rig.timing("join to first advert", rig.joined(a), first)
    a.wait_log("Entering MASTER STATE")
    for each in others:
        each.start()
    settle(rig, a, *others)
    return rig.routers


def failover(rig, a, b, joins=True):
    """TERM to a, b takes over; a comes back and takes over from b; both end. Unicast routers join no group."""
    rig.fact("a holds", a.addresses())
    rig.fact("b holds", b.addresses())
    rig.fact("exit code of a", a.stop())
    stopped = rig.advert(a, priority=0)
    taken = rig.advert(b)
    rig.timing("priority 0 to takeover", stopped, taken)
    b.wait_state("MASTER")
    rig.garp(b, rig.vip)
    rig.fact("after stop, a", a.addresses())
    rig.fact("after takeover, b", b.addresses())
    before = time.time()
    a.start()
    again = rig.advert(a, after=before)
    if joins:
        rig.timing("join to preemption", rig.joined(a, after=before), again)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    rig.fact("exit code of b", b.stop())
    a.stop()


@scenario(OLD_PAIRS)
def v2_pass(rig):
    failover(rig, *pair(rig, body=PASS))


@scenario()
def v2_no_authentication(rig):
    failover(rig, *pair(rig))


@scenario(OLD_PAIRS)
def v2_ah(rig):
    a, b = pair(rig, body=AH)
    sent = [frame for frame in rig.capture.frames if frame.kind == "advert"]
    rig.fact("ICV right", {frames.ah_icv_is_right(frame.fields["packet"], "s3cret") for frame in sent})
    numbers = [frame.fields["ah_sequence"] for frame in sent if frame.router == "a"]
    rig.fact("AH sequence", (numbers[0], {after - before for before, after in zip(numbers, numbers[1:])}))
    failover(rig, a, b)


@scenario()
def v2_ipv6(rig):
    rig.vip = "fe80::100"
    failover(rig, *pair(rig, vips=("fe80::100", "fd09::100/64")))


@scenario(OLD_PAIRS)
def v3_ipv4(rig):
    failover(rig, *pair(rig, **SLOW))


@scenario(OLD_PAIRS)
def v3_ipv6(rig):
    rig.vip = "fe80::100"
    failover(rig, *pair(rig, vips=("fe80::100", "fd09::100/64"), **SLOW))


@scenario()
def v3_ten_milliseconds(rig):
    """The shortest interval. The down timer of 36 ms is within reach of a loaded machine, so only the adverts are looked at."""
    a = rig.routers[0]
    a.configure(router_config(a, instance(a, priority=150, version=3, advert_int=0.01)))
    a.start()
    first = rig.advert(a)
    rig.capture.wait("a second of adverts", is_advert(a), first.at + 1)
    times = [frame.at for frame in rig.capture.frames if is_advert(a)(frame) and frame.at < first.at + 1]
    mean = (times[-1] - times[0]) / (len(times) - 1)
    rig.timing("mean interval x 10", times[0], times[0] + 10 * mean)
    a.stop()


def peers(router):
    others = [each.address for each in router.rig.routers if each is not router]
    return f"unicast_src_ip {router.address}\nunicast_peer {{\n" + "\n".join(f"  {each}" for each in others) + "\n}"


def unicast(rig, **options):
    for router, priority in zip(rig.routers, (150, 100)):
        router.configure(router_config(router, instance(router, priority=priority, body=peers(router), **options)))
    a, b = rig.routers
    a.start()
    a.wait_state("MASTER")
    b.start()
    settle(rig, a, b)
    failover(rig, a, b, joins=False)


@scenario(OLD_PAIRS)
def unicast_v2(rig):
    unicast(rig)


@scenario(OLD_PAIRS)
def unicast_v3(rig):
    unicast(rig, **SLOW)


@scenario()
def unicast_v3_ipv6(rig):
    rig.vip = "fd09::100"
    for router, priority in zip(rig.routers, (150, 100)):
        other = rig.routers[1 - router.number]
        body = f"unicast_src_ip {router.address6}\nunicast_peer {{\n  {other.address6}\n}}"
        router.configure(router_config(router, instance(router, priority=priority, body=body, vips=("fd09::100/64",), **SLOW)))
    a, b = rig.routers
    a.start()
    a.wait_state("MASTER")
    b.start()
    settle(rig, a, b)
    failover(rig, a, b, joins=False)


@scenario()
def unicast_ttl(rig):
    """unicast_ttl, check_unicast_src and the limits of a peer."""
    for router, priority in zip(rig.routers, (150, 100)):
        other = rig.routers[1 - router.number]
        body = (f"unicast_src_ip {router.address}\nunicast_ttl 7\ncheck_unicast_src\nunicast_peer {{\n"
                f"  {other.address} min_ttl 6 max_ttl 8\n}}")
        router.configure(router_config(router, instance(router, priority=priority, body=body, **FAST)))
    a, b = rig.routers
    a.start()
    a.wait_state("MASTER")
    b.start()
    settle(rig, a, b)
    failover(rig, a, b, joins=False)


@scenario()
def nopreempt(rig):
    a, b = pair(rig, body="nopreempt", **FAST)
    a.stop()
    b.wait_state("MASTER")
    a.start()
    settle(rig, b, a)
    rig.fact("who has it", (a.state(), b.state()))
    stopped = rig.advert(b, after=rig.advert(b).at)
    b.stop()
    stopped = rig.advert(b, priority=0, after=stopped.at)
    rig.timing("priority 0 to takeover", stopped, rig.advert(a, after=stopped.at))
    a.wait_log("Entering MASTER STATE", count=2)
    a.stop()


@scenario()
def preempt_delay(rig):
    # Not a multiple of the interval: whether the advert at the end of the delay still counts would be chance.
    a, b = pair(rig, body="preempt_delay 2.5", **SLOW)
    a.stop()
    b.wait_state("MASTER")
    restarted = time.time()
    a.start()
    a.wait_log("start preempt delay")
    a.wait_log("Entering MASTER STATE", count=2)
    taken = rig.advert(a, after=restarted)
    heard = rig.advert(b, after=rig.joined(a, after=restarted).at)
    rig.timing("first advert heard to preemption", heard, taken)
    # Those after the delay are not heeded, and said so.
    discarded = a.log()[a.log().rindex("start preempt delay"):].count("- discarding")
    counted = [frame for frame in rig.capture.frames if is_advert(b)(frame) and frame.at < taken.at]
    rig.timing("last advert heeded to preemption", counted[-1 - discarded], taken)
    settle(rig, a, b)
    b.stop()
    a.stop()


@scenario()
def owner(rig):
    a, b = pair(rig, priorities=(255, 100), **FAST)
    failover(rig, a, b)


@scenario(logs="ignored")
def owner_state_master(rig):
    a, b = pair(rig, priorities=(255, 100), state="MASTER", **FAST)
    failover(rig, a, b)


@scenario()
def state_master(rig):
    failover(rig, *pair(rig, state="MASTER", **FAST))


@scenario()
def equal_priority(rig):
    """The higher address wins when both are masters of the same priority."""
    a, b = pair(rig, priorities=(100, 100), **APART)
    split(rig, a, b)
    heal(rig, a, b, first=b)
    a.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, b, a)
    rig.fact("who has it", who(a, b))
    b.stop()
    a.wait_log("Entering MASTER STATE", count=2)
    a.stop()


@scenario()
def split_and_heal(rig):
    """Two masters that cannot hear each other; then they can."""
    a, b = pair(rig, **APART)
    isolated = split(rig, a, b)
    taken = rig.advert(b)
    heard = rig.last_advert(a, isolated)
    rig.timing("last advert heard to takeover", heard, taken)
    rig.fact("both hold it", (a.holds(VIP), b.holds(VIP)))
    heal(rig, a, b, first=a)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    rig.fact("who has it", who(a, b))
    b.stop()
    a.stop()


@scenario()
def higher_prio_send_advert(rig):
    """The master that gives way says so first, when asked to."""
    a, b = pair(rig, body="higher_prio_send_advert true", **APART)
    split(rig, a, b)
    heal(rig, a, b, first=a)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    answer = rig.last_advert(b, time.time())
    rig.timing("advert of a to the last of b", rig.last_advert(a, answer.at), answer)
    b.stop()
    a.stop()


@scenario()
def lower_prio_no_advert(rig):
    a, b = pair(rig, body="lower_prio_no_advert true", **APART)
    split(rig, a, b)
    heal(rig, a, b, first=b)
    b.wait_log("Entering BACKUP STATE", count=2)
    settle(rig, a, b)
    b.stop()
    a.stop()


@scenario(TRIPLES)
def triple(rig):
    """Three routers; the master ends, the next takes over, then it dies."""
    a, b, c = pair(rig, priorities=(150, 120, 90), **FAST)
    a.stop()
    stopped = rig.advert(a, priority=0)
    rig.timing("priority 0 to takeover", stopped, rig.advert(b, after=stopped.at))
    b.wait_state("MASTER")
    settle(rig, b, c)
    killed = b.kill("p", "v")
    rig.takeover("last advert to takeover", b, c, after=killed)
    c.wait_state("MASTER")
    rig.garp(c, VIP)
    rig.fact("c holds", c.addresses())
    c.stop()


@scenario()
def learns_the_interval(rig):
    """A backup takes a v3 master's interval, and its own again when it becomes master."""
    a, b = rig.routers
    a.configure(router_config(a, instance(a, priority=150, version=3, advert_int=0.2)))
    b.configure(router_config(b, instance(b, priority=100, version=3, advert_int=0.5)))
    a.start()
    a.wait_state("MASTER")
    b.start()
    b.wait_log("advertisement interval updated")
    settle(rig, a, b)
    killed = a.kill("p", "v")
    first = rig.takeover("last advert to takeover", a, b, after=killed)
    rig.timing("own interval", first, rig.advert(b, after=first.at + 0.01))
    b.wait_state("MASTER")
    b.stop()


@scenario(logs="streams")
def sync_group(rig):
    """Two instances in a group move together; the slower one decides when."""
    for router, priorities in zip(rig.routers, ((150, 140), (100, 90))):
        router.configure(router_config(
            router, "vrrp_sync_group G {\n  group {\n    VI_1\n    VI_2\n  }\n}\n",
            instance(router, priority=priorities[0], **FAST),
            instance(router, name="VI_2", vrid=52, priority=priorities[1], vips=("10.9.0.101/24",), **FAST)))
    a, b = rig.routers
    a.start()
    a.wait_state("MASTER")
    a.wait_state("MASTER", "VI_2")
    b.start()
    for name in ("VI_1", "VI_2"):
        b.wait_state("BACKUP", name)
    settle(rig, a, b)
    rig.unplug(a)
    a.wait_state("FAULT")
    b.wait_state("MASTER")
    b.wait_state("MASTER", "VI_2")
    rig.garp(b, VIP)
    rig.garp(b, "10.9.0.101")
    rig.fact("a holds", a.addresses())
    rig.fact("b holds", b.addresses())
    rig.plug(a)
    a.wait_log("(VI_2) Entering MASTER STATE", count=2)
    a.wait_log("(VI_1) Entering MASTER STATE", count=2)
    b.wait_state("BACKUP")
    b.wait_state("BACKUP", "VI_2")
    settle(rig, a, b)
    b.stop()
    a.stop()


@scenario()
def announcements(rig):
    """The bursts of gratuitous ARP: at once, after the delay, and the refresh."""
    a = rig.routers[0]
    body = ("garp_master_repeat 2\ngarp_master_delay 1\ngarp_master_refresh 1\ngarp_master_refresh_repeat 3")
    a.configure(router_config(a, instance(a, priority=150, body=body, vips=(f"{VIP}/24", "10.9.0.101/24"), **FAST)))
    a.start()
    advert, first = rig.advert(a), rig.garp(a, VIP)
    second = rig.garp(a, VIP, after=first.at + 0.5)
    third = rig.garp(a, VIP, after=second.at + 0.5)
    fourth = rig.garp(a, VIP, after=third.at + 0.5)
    # Adding the addresses comes between the advert and the first burst.
    rig.timing("master to delayed burst", advert, second)
    rig.timing("delayed burst to refresh", second, third)
    rig.timing("refresh to refresh", third, fourth)
    a.wait_log("(VI_1) Sending/queueing", count=8)
    a.stop()


@scenario()
def announcements_ipv6(rig):
    a = rig.routers[0]
    body = "garp_master_repeat 2\ngarp_master_delay 1"
    a.configure(router_config(a, instance(a, priority=150, body=body, vips=("fe80::100", "fd09::100/64"), **FAST)))
    a.start()
    advert, first = rig.advert(a), rig.garp(a, "fd09::100")
    second = rig.garp(a, "fd09::100", after=first.at + 0.5)
    rig.timing("master to delayed burst", advert, second)
    a.stop()


@scenario()
def garp_interval(rig):
    """vrrp_garp_interval spreads the announcements of many addresses."""
    a = rig.routers[0]
    vips = tuple(f"10.9.0.{100 + number}/24" for number in range(10))
    body = "garp_master_repeat 2\ngarp_master_delay 0"
    a.configure(router_config(a, instance(a, priority=150, body=body, vips=vips, **FAST), extra="    vrrp_garp_interval 0.05\n"))
    a.start()
    first = rig.garp(a, VIP)
    rig.capture.wait("20 announcements", lambda frame: sum(each.kind == "garp" for each in rig.capture.frames) >= 20)
    sent = [each for each in rig.capture.frames if each.kind == "garp"]
    rig.timing("first to last", first, sent[-1])
    rig.fact("addresses", sorted(each.fields["address"] for each in sent))
    a.stop()


def addresses_config(router, priority):
    """Every kind of line in virtual_ipaddress that IPv4 has, and the excluded ones of both families."""
    body = ("virtual_ipaddress_excluded {\n  10.9.0.120/24\n  fd09::120/64\n}\n")
    vips = (f"{VIP}/24", "10.9.0.101", "10.9.0.102/24 dev eth0 label eth0:1", "10.78.0.3/24 brd + scope link",
            "10.9.0.104/24 brd 10.9.0.255")
    return router_config(router, instance(router, priority=priority, body=body, vips=vips, **FAST))


@scenario()
def addresses(rig):
    a, b = rig.routers
    a.configure(addresses_config(a, 150))
    b.configure(addresses_config(b, 100))
    a.start()
    a.wait_state("MASTER")
    rig.garp(a, "10.9.0.120")
    rig.fact("as ip shows them", [line.strip() for line in a.ip("-o", "-4", "address", "show").stdout.splitlines()])
    rig.fact("order", [line.split()[1] for line in a.ip("-4", "address", "show", "dev", "eth0").stdout.splitlines() if "inet" in line])
    b.start()
    settle(rig, a, b)
    failover(rig, a, b)


def mcast_dst_ip(rig, group, **options):
    """The group of one instance: adverts go there and are heard there, and nowhere else."""
    for router, priority in zip(rig.routers, (150, 100)):
        router.configure(router_config(router, instance(router, priority=priority, body=f"mcast_dst_ip {group}", **options, **FAST)))
    a, b = rig.routers
    a.start()
    a.wait_state("MASTER")
    b.start()
    settle(rig, a, b)
    failover(rig, a, b, joins=False)
    rig.fact("groups", sorted({frame.text.split(">")[2].split()[0] for frame in rig.capture.frames if frame.kind == "advert"}))


@scenario()
def mcast_dst_ip_ipv4(rig):
    mcast_dst_ip(rig, "224.0.0.77")


@scenario()
def mcast_dst_ip_ipv6(rig):
    rig.vip = "fe80::100"
    mcast_dst_ip(rig, "ff02::77", vips=("fe80::100", "fd09::100/64"))


@scenario()
def mcast_group_and_source(rig):
    """vrrp_mcast_group4 and mcast_src_ip."""
    for router in rig.routers:
        batch(router.space, [f"address add 10.9.0.{router.number + 11}/24 dev eth0"])
    extra = "    vrrp_mcast_group4 224.0.0.100\n"
    for router, priority in zip(rig.routers, (150, 100)):
        router.configure(router_config(router, instance(router, priority=priority, body=f"mcast_src_ip 10.9.0.{router.number + 11}", **FAST),
                                       extra=extra))
    a, b = rig.routers
    a.start()
    a.wait_state("MASTER")
    b.start()
    settle(rig, a, b)
    failover(rig, a, b, joins=False)
