"""Sync groups that start in FAULT, and what a group and its members both track: every line and FIFO line in the reference's order."""

import os

from lab import poll

from .config import instance, router_config
from .rig import PATIENCE, batch
from .run import ALONE, scenario

SILENT = "down_timer_adverts 90"
"""Nobody becomes master meanwhile."""
TRACKED = {"file": "track_file {\n  tf\n}\n", "script": "track_script {\n  bad\n}\n", "process": "track_process {\n  nobody\n}\n",
           "link": "track_interface {\n  eth1\n}\n", "weight": "track_interface {\n  eth1 weight -20\n}\n",
           "heavy": "track_interface {\n  eth1 weight -30\n}\n"}
KEEP = "sync_group_tracking_weight\n"


class Case:
    """One life of the daemon in `router`: members by number, each with its interface and what it tracks."""

    def __init__(self, name, *members, groups=(), down=False, value="0", steps=()):
        self.name, self.members, self.groups, self.down, self.value, self.steps = name, members, groups, down, value, steps

    def config(self, router, fifo):
        blocks = [f"track_file tf {{\n  file {router.path('value')}\n  weight 0\n}}\n", "vrrp_script bad {\n  script /usr/bin/false\n  interval 60\n}\n",
                  "vrrp_track_process nobody {\n  process hrs-nobody\n}\n"]
        used = repr(self.members) + repr(self.groups)
        blocks = [block for block, word in zip(blocks, ("track_file", "track_script", "track_process")) if word in used]
        for number, (interface, body) in enumerate(self.members, 1):
            blocks.append(instance(router, name=f"VI_{number}", vrid=50 + number, interface=interface, body=f"{SILENT}\n{body}",
                                   vips=(f"10.9.0.{100 + number}/24",)))
        for name, numbers, body in self.groups:
            inside = "".join(f"    VI_{number}\n" for number in numbers)
            blocks.append(f"vrrp_sync_group {name} {{\n  group {{\n{inside}  }}\n{body}}}\n")
        return router_config(router, *blocks, extra=f"    vrrp_notify_fifo {fifo}\n")

    def run(self, router, fifo):
        """The lines of the FIFO."""
        router.ip("link", "set", "dev", "eth1", "down" if self.down else "up")
        write(router, self.value)
        router.configure(self.config(router, fifo))
        before = len(router.lines())
        router.start(wait=False)
        wait(router, before, "Startup complete")
        # The last thing of the first pass.
        wait(router, before, "VRRP sockpool: ", len({interface for interface, _ in self.members}))
        if "track_script" in repr(self.members) + repr(self.groups):
            wait(router, before, "VRRP_Script(bad) failed")
        for action, text in self.steps:
            mark = len(router.lines())
            if action in ("up", "down"):
                router.ip("link", "set", "dev", "eth1", action)
            else:
                write(router, action)
            wait(router, mark, text)
        router.stop()
        return read(fifo)


def write(router, value):
    with open(router.path("value"), "w", encoding="ascii") as file:
        file.write(value + "\n")


def wait(router, since, text, count=1):
    poll.until(f"{router.name} ({router.subject}): {text} in {router.lines()[since:]}",
               lambda: sum(text in line for line in router.lines()[since:]) >= count, PATIENCE, 0.02)


def read(fifo):
    with open(fifo, "rb", buffering=0) as file:
        os.set_blocking(file.fileno(), False)
        return (file.read(65536) or b"").decode().splitlines()


def live(rig, *cases):
    """The cases one after the other; what the FIFO says is a fact of each."""
    a = rig.routers[0]
    batch(a.space, ["link add name eth1 type veth peer name peer1", "link set peer1 up", "link set eth1 addrgenmode none up",
                    "address add 10.10.0.1/24 dev eth1"])
    fifo = a.path("fifo")
    os.mkfifo(fifo)
    held = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    rig.stack.callback(os.close, held)
    for case in cases:
        rig.fact(case.name, case.run(a, fifo))


PLAIN, SECOND = ("eth0", ""), ("eth1", "")
BACK = (("up", "VRRP_Group(G) Syncing instances to BACKUP state"),)
RESTORED = (("0", "VRRP_Group(G) Syncing instances to BACKUP state"),)


@scenario(ALONE, packets=False)
def group_starts_with_interface_down(rig):
    live(rig, Case("the second member's", PLAIN, SECOND, groups=(("G", (1, 2), ""),), down=True, steps=BACK),
         Case("the first of three's", SECOND, PLAIN, PLAIN, groups=(("G", (1, 2, 3), ""),), down=True, steps=BACK),
         Case("both members'", SECOND, SECOND, groups=(("G", (1, 2), ""),), down=True, steps=BACK),
         Case("in two groups", PLAIN, SECOND, PLAIN, SECOND, PLAIN, groups=(("G", (1, 2), ""), ("H", (4, 3), "")), down=True,
              steps=(("up", "VRRP_Group(H) Syncing instances to BACKUP state"),)),
         Case("without a group", PLAIN, SECOND, down=True, steps=(("up", "(VI_2) Entering BACKUP STATE"),)))


@scenario(ALONE, packets=False)
def group_starts_with_bad_trackers(rig):
    a_file, a_script, a_process = (("eth0", TRACKED[what]) for what in ("file", "script", "process"))
    live(rig, Case("a member's file", PLAIN, a_file, groups=(("G", (1, 2), ""),), value="1", steps=RESTORED),
         Case("the group's file", PLAIN, SECOND, groups=(("G", (1, 2), TRACKED["file"]),), value="7", steps=RESTORED),
         Case("a member's script", PLAIN, a_script, groups=(("G", (1, 2), ""),)),
         Case("the group's script", PLAIN, SECOND, groups=(("G", (1, 2), TRACKED["script"]),)),
         Case("a script without a group", PLAIN, a_script),
         Case("file and interface of one member", PLAIN, ("eth1", TRACKED["file"]), groups=(("G", (1, 2), ""),), down=True, value="1",
              steps=(("up", "Netlink reports eth1 up"), *RESTORED)),
         Case("file and interface of two members", a_file, SECOND, groups=(("G", (1, 2), ""),), down=True, value="1",
              steps=(("0", "leaving FAULT state"), *BACK)),
         Case("two groups", PLAIN, SECOND, PLAIN, a_file, groups=(("G", (1, 2), ""), ("H", (3, 4), "")), down=True, value="1",
              steps=(*BACK, ("0", "VRRP_Group(H) Syncing instances to BACKUP state"))))


# Where the reference says that it hears of no processes differs from where ours looks at /proc.
@scenario(ALONE, logs="ignored", packets=False)
def group_starts_without_process(rig):
    """Processes are not heard of in a namespace, but at start both look at what runs."""
    a_process = ("eth0", TRACKED["process"])
    live(rig, Case("a member's", PLAIN, a_process, groups=(("G", (1, 2), ""),)),
         Case("the group's", PLAIN, SECOND, groups=(("G", (1, 2), TRACKED["process"]),)))


@scenario(ALONE, packets=False)
def group_follows_while_backup(rig):
    """A backup that follows its group into FAULT says nothing; its FIFO line is there."""
    a_file = ("eth0", TRACKED["file"])
    steps = (("1", "VRRP_Group(G) Syncing instances to FAULT state"), *RESTORED)
    live(rig, Case("the second of two", PLAIN, a_file, groups=(("G", (1, 2), ""),), steps=steps),
         Case("the first of three", a_file, PLAIN, SECOND, groups=(("G", (1, 2, 3), ""),), steps=steps))


DOWN_UP = (("down", "VRRP_Group(G) Syncing instances to FAULT state"), *BACK)
DOWN_UP_PRIORITY = (("down", "(VI_2) Changing effective priority"), ("up", "(VI_2) Changing effective priority"))


# When the messages of the configuration come among the lines about addresses differs (docs/compatibility.md).
@scenario(ALONE, logs="streams", packets=False)
def tracked_twice(rig):
    """An interface that an instance and a group track: who hears of it in which order, and whose weight counts."""
    own, light = ("eth0", TRACKED["link"]), ("eth0", TRACKED["weight"])
    live(rig, Case("a member", own, PLAIN, groups=(("G", (1, 2), TRACKED["link"]),), steps=DOWN_UP),
         Case("a member with a weight", light, PLAIN, groups=(("G", (1, 2), TRACKED["link"]),), steps=DOWN_UP),
         Case("both with weights", light, PLAIN, groups=(("G", (1, 2), KEEP + TRACKED["heavy"]),), steps=DOWN_UP_PRIORITY),
         Case("the group without", light, PLAIN, groups=(("G", (1, 2), KEEP + TRACKED["link"]),), steps=DOWN_UP),
         Case("the member without", own, PLAIN, groups=(("G", (1, 2), KEEP + TRACKED["heavy"]),), steps=DOWN_UP_PRIORITY),
         Case("no member", PLAIN, PLAIN, own, groups=(("G", (1, 2), TRACKED["link"]),), steps=DOWN_UP),
         Case("a member's own interface", PLAIN, SECOND, groups=(("G", (1, 2), TRACKED["link"]),), steps=DOWN_UP),
         Case("another instance's own interface", PLAIN, PLAIN, SECOND, groups=(("G", (1, 2), TRACKED["link"]),), steps=DOWN_UP),
         Case("down at start", own, PLAIN, own, groups=(("G", (1, 2), TRACKED["link"]),), down=True, steps=BACK),
         Case("a file", PLAIN, PLAIN, ("eth0", TRACKED["file"]), groups=(("G", (1, 2), TRACKED["file"]),),
              steps=(("1", "(VI_2): tracked file tf now FAULT state"), *RESTORED)),
         Case("a file of a member", ("eth0", TRACKED["file"]), PLAIN, groups=(("G", (1, 2), TRACKED["file"]),),
              steps=(("1", "(VI_2): tracked file tf now FAULT state"), *RESTORED)))
