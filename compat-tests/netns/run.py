"""What a scenario is, how one run of it is made, and how two runs are compared."""

import contextlib
import difflib
import os
import re
import socket
import struct
import threading
import time
import traceback
from dataclasses import dataclass, field

from lab import undo

from . import known
from .rig import Rig

SCENARIOS = []
BURST_GAP = 0.15
"""Announcements closer together than this are one burst."""

PAIRS = (("2.3.3", "2.3.3"), ("ours", "ours"), ("ours", "2.3.3"), ("2.3.3", "ours"))
OLD_PAIRS = (*PAIRS, ("ours", "2.2.7"), ("2.2.7", "ours"))
TRIPLES = (("2.3.3",) * 3, ("ours",) * 3, ("ours", "2.3.3", "ours"), ("2.3.3", "ours", "2.3.3"))
ALONE = (("2.3.3",), ("ours",))


@dataclass
class Scenario:
    """A function that drives a rig, and the subjects it is run with. The first are the reference's."""

    name: str
    function: object
    subjects: tuple
    logs: str
    """How log lines are compared: `ordered`, `streams` (in order for each instance and address) or `ignored`."""
    packets: bool
    """Whether packets are compared."""
    quiet: bool
    """Whether nothing else runs beside it."""


def scenario(subjects=PAIRS, logs="ordered", packets=True, quiet=False):
    """Registers a scenario under its function's name."""

    def register(function):
        SCENARIOS.append(Scenario(function.__name__, function, subjects, logs, packets, quiet))
        return function

    return register


@dataclass
class Seen:
    """What one run showed."""

    subjects: tuple
    error: str = ""
    seconds: float = 0.0
    lag: float = 0.0
    """The longest that the machine let a thread of the run wait, in seconds."""
    timings: dict = field(default_factory=dict)
    work: set = field(default_factory=set)
    """The timings that may be quicker than the reference's."""
    held: dict = field(default_factory=dict)
    """For how much of each timing others had the kernel's network lock."""
    figures: dict = field(default_factory=dict)
    facts: dict = field(default_factory=dict)
    logs: dict = field(default_factory=dict)
    packets: dict = field(default_factory=dict)
    tails: dict = field(default_factory=dict)
    skipped: str = ""
    """Why the run was not finished: a keyword that ours refuses by name."""


class Lag:
    """Measures what a daemon may be late without a fault of its own.

    How late the machine wakes a thread, and how long the lock is taken that guards links and addresses in all
    namespaces: whoever makes or removes a namespace has it, some hundred milliseconds when many do.
    """

    TICK = 0.02

    def __init__(self, stack):
        self.worst = 0.0
        self.waits = []
        """(end, seconds) of each wait for the lock."""
        self.stopping = False
        self.threads = [threading.Thread(target=each, daemon=True) for each in (self._watch, self._watch_lock)]
        for each in self.threads:
            each.start()
        stack.callback(self.stop)

    def held(self, since, until):
        """Seconds from `since` to `until` during which the lock was taken."""
        return sum(max(0.0, min(end, until) - max(end - seconds, since)) for end, seconds in list(self.waits))

    def _watch(self):
        while not self.stopping:
            before = time.monotonic()
            time.sleep(self.TICK)
            self.worst = max(self.worst, time.monotonic() - before - self.TICK)

    def _watch_lock(self):
        # Leaving a group that nobody joined takes the lock and fails.
        nobodys = struct.pack("=4s4si", socket.inet_aton("224.0.1.99"), bytes(4), 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            while not self.stopping:
                before = time.time()
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, nobodys)
                if (now := time.time()) - before > 0.001:
                    self.waits.append((now, now - before))
                time.sleep(self.TICK)

    def stop(self):
        self.stopping = True
        for each in self.threads:
            each.join()


def run(name, subjects, programs):
    """One run, in the calling process."""
    found = next(each for each in SCENARIOS if each.name == name)
    seen = Seen(subjects)
    started_at = time.monotonic()
    rig = None
    try:
        with undo.undoing() as stack:
            lag = Lag(stack)
            try:
                rig = Rig(stack, programs, subjects, lag)
                found.function(rig)
            finally:
                if rig:
                    observe(rig, seen)
                    seen.held = {name: lag.held(*interval) for name, interval in rig.intervals.items()}
                seen.lag = lag.worst
    except Exception:  # the run's verdict, whatever it is
        seen.error = traceback.format_exc(limit=-4)
        refused = re.search(r"'[^']+' is not implemented yet", "\n".join(line for lines in seen.tails.values() for line in lines))
        seen.skipped = refused.group(0) if refused else ""
    seen.seconds = time.monotonic() - started_at
    return seen


def observe(rig, seen):
    """Takes what the run showed before everything is undone."""
    seen.timings, seen.work, seen.facts, seen.figures = rig.timings, rig.work, rig.facts, rig.figures
    frames = list(rig.capture.frames)
    for router in rig.routers:
        seen.logs[router.name] = [normal(line, rig) for line in router.vrrp_lines()]
        seen.tails[router.name] = router.log().splitlines()[-12:]
        seen.packets[router.name] = packets([frame for frame in frames if frame.router == router.name])


def normal(line, rig):
    """A log line without what differs from run to run."""
    line = line.replace(rig.directory, "DIR")
    line = re.sub(r"fd\(-?\d+(,\s*-?\d+)?\)", "fd(N)", line)
    line = re.sub(r"(pid[ =]|for process\()\d+", r"\1N", line)
    line = re.sub(r"ifindex\( *\d+\)", "ifindex(N)", line)
    line = re.sub(r"delivered in -?\d+ usec", "delivered in N usec", line)
    line = re.sub(r"Expired after \d+ ms \(\d+ usec", "Expired after N ms (N usec", line)
    line = re.sub(r"\]:\d+ \(session is not found - your discriminator field is 0x[0-9a-f]+", "]:N (session is not found - your discriminator field is N", line)
    # Ours have no sequence number and port.
    return re.sub(r", seq=\d+, pid=\w+$", "", line)


def packets(frames):
    """The kinds of frame of a router in an order that does not depend on the phase of its timers."""
    adverts, latest = [], {}
    for frame in frames:
        if frame.kind == "advert" and latest.get(frame.vrid) != frame.text:
            latest[frame.vrid] = frame.text
            adverts.append((frame.vrid, frame.text))
    adverts = [text for _, text in sorted(adverts, key=lambda each: each[0])]
    bursts, last = [], {}
    for frame in (frame for frame in frames if frame.kind in ("garp", "na")):
        previous = last.get(frame.text)
        if previous and frame.at - previous[1] < BURST_GAP:
            bursts[previous[0]][1] += 1
            last[frame.text] = (previous[0], frame.at)
        else:
            bursts.append([frame.text, 1])
            last[frame.text] = (len(bursts) - 1, frame.at)
    # When the kernel sends them, with which of its addresses and how often, is its own affair.
    joins = sorted({re.sub(r" [0-9a-f:]+>\S+ [0-9.]+>", " ", frame.text.split(" records=")[0]) + " " + each.split(":")[1]
                    for frame in frames if frame.kind == "igmp" for each in frame.fields["records"]})
    joins += sorted({each for frame in frames if frame.kind == "mld" for each in frame.fields["records"] if each.endswith(":ff02::12")})
    sessions = []
    for frame in (frame for frame in frames if frame.kind == "bfd"):
        text = re.sub(r" sum=ok| frag=4000", "", frame.text)
        if not sessions or sessions[-1] != text:
            sessions.append(text)
    return {"bfd": sessions, "adverts": adverts, "announcements": [f"{count} x {text}" for text, count in sorted(bursts, key=lambda each: each[0])], "joins": joins, "ident": identification(frames)}


def identification(frames):
    """How the IPv4 identification of a router's adverts runs: the first of each sender and the steps."""
    steps, last = set(), {}
    for frame in frames:
        ident = frame.fields.get("ident") if frame.kind == "advert" else None
        if ident is None:
            continue
        key = frame.vrid
        if key in last:
            step = (ident - last[key]) & 0xFFFF
            # How many a cable that is out has swallowed depends on when.
            steps.add("+1" if step == 1 else "restart" if ident <= 1 else "more")
        last[key] = ident
    return sorted(steps - {"restart"})


def compare(scenario_, base, other):
    """The differences of `other`'s routers that are ours from `base`, as (what, detail) pairs."""
    found = []
    if other.error:
        tails = "\n".join(f"  {router}: {line}" for router, lines in other.tails.items() for line in lines)
        return [("runs", f"{other.error}{tails}")]
    for key, seconds in base.timings.items():
        mine = other.timings.get(key)
        slack = max(0.1 * seconds, 0.05) + base.lag + other.lag + base.held.get(key, 0.0) + other.held.get(key, 0.0)
        early = key not in base.work and mine is not None and seconds - mine > slack
        if mine is None or mine - seconds > slack or early:
            found.append((f"time: {key}", f"{mine} s, the reference {seconds:.3f} s, allowed {slack:.3f} s"))
    for key, value in base.facts.items():
        if other.facts.get(key) != value:
            found.append((f"fact: {key}", diff(as_lines(value), as_lines(other.facts.get(key)))))
    for index, subject in enumerate(other.subjects):
        if subject != "ours":
            continue
        router = "abcdefgh"[index]
        for kind, expected in base.packets[router].items() if scenario_.packets else ():
            mine = other.packets[router][kind]
            if expected != mine and not (kind == "ident" and not (expected and mine)):
                found.append((f"{router}: {kind}", diff(expected, mine)))
        if unexplained := known.unexplained(other.logs[router]):
            found.append((f"{router}: reasons", diff([], unexplained)))
        if scenario_.logs != "ignored":
            expected, mine = base.logs[router], known.ours(other.logs[router])
            if scenario_.logs == "streams":
                expected, mine = (sorted(each, key=stream) for each in (expected, mine))
            expected, mine = known.lines(expected), known.lines(mine)
            if expected != mine:
                found.append((f"{router}: log", diff(expected, mine)))
    return found


def stream(line):
    """What a line is about: lines about different things may come in any order."""
    found = re.match(r"\((\w+)\)", line) or re.search(r" for ([0-9a-f.:]+)$", line)
    return found.group(1) if found else ""


def as_lines(value):
    return [str(each) for each in value] if isinstance(value, (list, tuple)) else [str(value)]


def diff(expected, mine):
    """A unified diff, the reference first."""
    lines = list(difflib.unified_diff(expected, mine, "reference", "ours", lineterm="", n=1))[2:]
    return "\n" + "\n".join(f"      {line}" for line in lines[:40])
