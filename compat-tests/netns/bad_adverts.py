"""The table of bad adverts: every kind goes to every subject, and the lines and counters must be the reference's.

Each advert is followed by a mark, a lower advert to an instance of its own that is logged every
time, so that what belongs to an advert is what stands before its mark. Each kind has a source of
its own, and a backup hears a good advert of it first: a new master starts the once-only logging anew.
"""

from . import wire
from .config import instance, router_config
from .run import ALONE, scenario

PASS = "authentication {\n auth_type PASS\n auth_pass 123456\n}"
GOOD_DATA = b"123456\0\0"


def good(**changes):
    return wire.v2(**{"auth": 1, "data": GOOD_DATA, "priority": 200, **changes})


V2 = {
    "good": (good(), {}),
    "wrong password": (good(data=b"654321\0\0"), {}),
    "no authentication": (good(auth=0, data=bytes(8)), {}),
    "authentication type 2 without AH": (good(auth=2), {}),
    "authentication type 7": (good(auth=7), {}),
    "no trailer": (good(trailer=False), {}),
    "TTL 254": (good(), {"ttl": 254}),
    "TTL 1": (good(), {"ttl": 1}),
    "checksum": (good(bad_sum=True), {}),
    "unknown VRID": (good(vrid=52), {}),
    "two addresses": (good(addresses=("10.9.0.100", "10.9.0.101")), {}),
    "no address": (good(addresses=()), {}),
    "other address": (good(addresses=("10.9.0.77",)), {}),
    "count too big": (good(count=3), {}),
    "count too small": (good(addresses=("10.9.0.100", "10.9.0.101"), count=1), {}),
    "interval 5": (good(interval=5), {}),
    "version 3": (good(version=3), {}),
    "version 0": (good(version=0), {}),
    "type 2": (good(kind=2), {}),
    "trailing bytes": (good(extra=b"0123456789"), {}),
    "one trailing byte": (good(extra=b"0"), {}),
    "padding": (good(extra=bytes(6)), {"length": 40}),
    "length field too long": (good(), {"length": 60}),
    "length field too short": (good(), {"length": 30}),
    "seven bytes": (good()[:7], {}),
    "one byte": (b"!", {}),
    "priority 255": (good(priority=255), {}),
    "lower priority": (good(priority=50), {}),
    "equal priority": (good(priority=100), {}),
    "our own address": (good(), {"source": "10.9.0.1"}),
    "good again": (good(), {}),
    "priority 0": (good(priority=0), {}),
}

V3 = {
    "good": (lambda **ends: wire.v3(priority=200, **ends), {}),
    "checksum": (lambda **ends: wire.v3(priority=200, bad_sum=True, **ends), {}),
    "checksum without pseudo header": (lambda **ends: wire.v3(priority=200, plain_sum=True, **ends), {}),
    "version 2": (lambda **ends: wire.v2(priority=200), {}),
    "type 5": (lambda **ends: wire.v3(priority=200, kind=5, **ends), {}),
    "TTL 64": (lambda **ends: wire.v3(priority=200, **ends), {"ttl": 64}),
    "interval 500": (lambda **ends: wire.v3(priority=200, interval=500, **ends), {}),
    "two addresses": (lambda **ends: wire.v3(priority=200, addresses=("10.9.0.100", "10.9.0.101"), **ends), {}),
    "other address": (lambda **ends: wire.v3(priority=200, addresses=("10.9.0.7",), **ends), {}),
    "count too big": (lambda **ends: wire.v3(priority=200, count=9, **ends), {}),
    "lower priority": (lambda **ends: wire.v3(priority=50, **ends), {}),
    "priority 0": (lambda **ends: wire.v3(priority=0, **ends), {}),
}

MARK = "MARK"


def routers_config(router, **options):
    """The instance under test, and the one that the marks are for."""
    return router_config(router, instance(router, **options),
                         instance(router, name=MARK, vrid=9, priority=200, vips=("10.9.0.99/24",), body="down_timer_adverts 60"),
                         extra="    log_unknown_vrids\n")


def bombard(rig, router, table, first=None):
    """Sends each row of the table and records the lines that it caused. `first` makes the good advert of a source."""
    injector = wire.Injector(rig.stack, rig.lan, router.name)
    marks = 0

    def mark():
        nonlocal marks
        marks += 1
        injector.send(wire.ethernet(wire.ipv4(wire.v2(vrid=9, priority=1, addresses=("10.9.0.99",)), source="10.9.0.8")))
        router.wait_log(f"({MARK}) received lower priority (1)", count=marks)

    mark()
    told = {}
    for number, (name, (payload, options)) in enumerate(table.items()):
        source = options.get("source", f"10.9.0.{101 + number}" if number else wire.SENDER)
        if callable(payload):
            payload = payload(source=source)
        if first:
            injector.send(wire.ethernet(wire.ipv4(first(source), source=source)))
            mark()
        before = len(router.vrrp_lines())
        injector.send(wire.ethernet(wire.ipv4(payload, **{"source": source, **options})))
        mark()
        told[name] = [line.replace(source, "SOURCE") for line in router.vrrp_lines()[before:] if f"({MARK})" not in line]
    rig.fact("lines", [f"{name}: {line}" for name, lines in told.items() for line in lines or ["-"]])


def counters(rig, router):
    """The reference has a counter of other intervals and never counts (docs/compatibility.md)."""
    uncounted = ("Advertisements/Sent", "Packet Errors/Advertisement Interval")
    rig.fact("counters", [f"{name} {value}" for name, value in router.statistics().items() if name not in uncounted])
    router.stop()


@scenario(ALONE, logs="ignored", packets=False)
def bad_adverts_backup_v2(rig):
    """To a backup whose timer is long; priority 0 at the end makes it master."""
    a = rig.routers[0]
    a.configure(routers_config(a, priority=100, body=PASS + "\ndown_timer_adverts 60"))
    a.start()
    a.wait_state("BACKUP")
    bombard(rig, a, V2, lambda source: good())
    a.wait_state("MASTER")
    counters(rig, a)


@scenario(ALONE, logs="ignored", packets=False)
def bad_adverts_master_v2(rig):
    """To a master of priority 254, which must stay one."""
    a = rig.routers[0]
    a.configure(routers_config(a, priority=254, body=PASS))
    a.start()
    a.wait_state("MASTER")
    table = {name: row for name, row in V2.items() if name != "priority 255"}
    bombard(rig, a, table)
    rig.fact("state", a.state())
    counters(rig, a)


@scenario(ALONE, logs="ignored", packets=False)
def bad_adverts_backup_v3(rig):
    a = rig.routers[0]
    a.configure(routers_config(a, priority=100, version=3, body="down_timer_adverts 60"))
    a.start()
    a.wait_state("BACKUP")
    bombard(rig, a, V3, lambda source: wire.v3(priority=200, source=source))
    a.wait_state("MASTER")
    counters(rig, a)


@scenario(ALONE, logs="ignored", packets=False)
def bad_adverts_do_not_silence(rig):
    """Ours keeps its interval under a stream of bad adverts; the reference falls silent (docs/compatibility.md)."""
    a = rig.routers[0]
    a.configure(router_config(a, instance(a, priority=254, body=PASS)))
    a.start()
    a.wait_state("MASTER")
    injector = wire.Injector(rig.stack, rig.lan, a.name)
    if a.subject == "ours":
        first = rig.advert(a, after=rig.advert(a).at + 0.1)
        end = first.at + 4.5
        bad = wire.ethernet(wire.ipv4(good(bad_sum=True)))
        while rig.capture.frames[-1].at < end:
            injector.send(bad)
            rig.expect("adverts go on", len(rig.capture.frames) < 100000)
            rig.routers[0].wait_log("Entering MASTER STATE")
        sent = [frame.at for frame in rig.capture.frames if frame.kind == "advert" and first.at <= frame.at <= end]
        rig.expect(f"an advert a second: {[round(at - first.at, 2) for at in sent]}",
                   max(after - before for before, after in zip(sent, sent[1:])) < 1.3)
    a.stop()


@scenario(ALONE, logs="ignored", packets=False)
def interval_zero_is_not_learnt(rig):
    """A v3 advert with an interval of 0 makes a backup of the reference master at once; ours goes on waiting (docs/compatibility.md)."""
    a = rig.routers[0]
    a.configure(routers_config(a, priority=100, version=3, body="down_timer_adverts 60"))
    a.start()
    a.wait_state("BACKUP")
    bombard(rig, a, {"interval 0": (lambda **ends: wire.v3(priority=200, interval=0, **ends), {})})
    rig.facts.clear()
    if a.subject == "ours":
        rig.expect("still a backup", a.state() == "BACKUP")
    else:
        a.wait_state("MASTER")
    a.stop()
