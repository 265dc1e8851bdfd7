"""One run of one scenario: routers on a bridge, each with a keepalived of its own, and what they did.

A run belongs to one process of the suite, with namespaces and a directory of its own, so that many
runs go on at the same time.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from lab import netns, poll, undo

from .capture import Capture

PATIENCE = 30.0
"""Seconds that a wait may last before the run has failed. Nothing is slower because of it."""

PARENT_LINES = re.compile(
    r"Starting |Running on |Command line|Opening file|Configuration file|Config files|NOTICE: setting config option|Startup complete"
    r"|Stopping|Stopped|pid \d+|\*\*\*|VRRP child process|  |Restart of|Reload complete|CPU usage|Remove a zombie|read eventfd|Lost |Reloading"
    r"|Terminating epoll_wait|\w+ process failed to die")


class Router:
    """A namespace on the bridge. Number 0 is `a`, with 10.9.0.1 and fd09::1."""

    INTERFACE = "eth0"

    def __init__(self, rig, number, subject):
        self.rig, self.number, self.subject = rig, number, subject
        self.name = "abcdefgh"[number]
        self.address = f"10.9.0.{number + 1}"
        self.address6 = f"fd09::{number + 1}"
        self.link_local = f"fe80::ff:fe09:{number + 1:x}"
        self.mac = f"02:00:00:09:00:{number + 1:02x}"
        self.directory = os.path.join(rig.directory, self.name)
        os.makedirs(self.directory)
        self.space = netns.Namespace(rig.stack, self.name)
        self.space.call(self._quiet)
        self.process = None
        self.environment = {}
        """What the daemon has in its environment besides ours."""
        self.started_at = None

    @staticmethod
    def _quiet():
        """No duplicate address detection and no router solicitations: they would only add noise."""
        for what in ("default", "all"):
            for name, value in (("accept_dad", "0"), ("dad_transmits", "0"), ("router_solicitations", "0")):
                with open(f"/proc/sys/net/ipv6/conf/{what}/{name}", "w", encoding="ascii") as file:
                    file.write(value)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text, mode=0o644):
        temporary = self.path(name) + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.rename(temporary, self.path(name))
        return self.path(name)

    def ip(self, *words, check=True):
        return self.space.ip(*words, check=check)

    # -- the daemon --

    def configure(self, text):
        self.write("keepalived.conf", text)

    def start(self, *extra, wait=True):
        """Starts keepalived in the foreground; its console log goes to a file."""
        self.started_at = time.time()
        words = [self.rig.program(self.subject), "-f", self.path("keepalived.conf"), "-n", "-l", "-D", "-G",
                 "-p", self.path("p.pid"), "-r", self.path("v.pid"), "-c", self.path("c.pid"), "-b", self.path("b.pid"), *extra]
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *self.space.command(*words)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                                            env={**os.environ, "TMPDIR": self.directory, **self.environment}, start_new_session=True)
        self.rig.stack.callback(self._end)
        if wait:
            self.wait_log("Startup complete", timeout=PATIENCE)

    def _end(self):
        if self.process.poll() is None:
            self.resume()
        undo.end(self.process)
        for pid in self.space_pids():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def space_pids(self):
        return [int(pid) for pid in netns.ip("netns", "pids", self.space.name, check=False).stdout.split()]

    def stop(self):
        """SIGTERM, and the wait for the end; returns the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def reload(self, text=None):
        if text is not None:
            self.configure(text)
        self.process.send_signal(signal.SIGHUP)

    def child(self, which="v"):
        with open(self.path(f"{which}.pid"), encoding="ascii") as file:
            return int(file.read())

    def kill(self, *which):
        """SIGKILL to `p` the parent, `v` the VRRP child, `b` the BFD child; all are stopped first, so that none reacts."""
        pids = [self.process.pid if each == "p" else self.child(each) for each in which]
        if len(pids) > 1:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        at = time.time()
        # Until then they have files locked.
        poll.until("the killed processes end", lambda: all(is_dead(pid) for pid in pids), PATIENCE, 0.005)
        return at

    def pause(self):
        for pid in self.space_pids():
            os.kill(pid, signal.SIGSTOP)

    def resume(self):
        for pid in self.space_pids():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGCONT)

    # -- what it says --

    def log(self):
        try:
            with open(self.path("log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def lines(self):
        """The log's lines without their times."""
        return [re.sub(r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}: ", "", line) for line in self.log().splitlines()]

    def vrrp_lines(self):
        """The lines of the VRRP process."""
        return [line for line in self.lines() if line and not PARENT_LINES.match(line)]

    def wait_log(self, text, count=1, timeout=PATIENCE):
        """Waits until `count` lines contain `text`; tells the log's end when they do not come."""
        try:
            poll.until("", lambda: sum(text in line for line in self.lines()) >= count
                       or (self.process.poll() is not None and "Stop" not in text), timeout, 0.02)
        except poll.TimedOut:
            pass
        if sum(text in line for line in self.lines()) < count:
            raise poll.TimedOut(f"{self.name} ({self.subject}): '{text}' not in its log within {timeout} s:\n" + "\n".join(self.lines()[-15:]))

    def wait_state(self, state, instance="VI_1", timeout=PATIENCE):
        """Waits until the last transition of `instance` in the log was to `state`."""
        poll.until(f"{self.name} ({self.subject}): {instance} {state}", lambda: self.state(instance) == state, timeout, 0.02)

    def state(self, instance="VI_1"):
        """The state of the last transition in the log."""
        found = re.findall(rf"\({re.escape(instance)}\) (?:Entering|entering) (\w+) (?:STATE|state)", self.log())
        return found[-1] if found else None

    def addresses(self):
        """Addresses of the interfaces as `ADDRESS/LEN DEVICE SCOPE FLAGS`."""
        found = []
        done = self.space.ip("-j", "address", "show", check=False)
        for link in json.loads(done.stdout or "[]"):
            for each in link.get("addr_info", []):
                if each:
                    flags = " ".join(flag for flag in ("secondary", "deprecated", "nodad") if each.get(flag))
                    found.append(f"{each['local']}/{each['prefixlen']} {link['ifname']} {each['scope']} {flags}".strip())
        return sorted(found)

    def holds(self, address):
        return any(line.startswith(f"{address}/") for line in self.addresses())

    def has_link_local(self):
        """Whether the kernel is done with its link-local address: it tells of it once more when it is not tentative any longer."""
        return self.link_local in self.ip("-o", "-6", "address", "show", "dev", self.INTERFACE, "-tentative").stdout

    def follows(self, address):
        """Whether it holds `address` just when its last line says that it is master."""
        return self.holds(address) == (self.state() == "MASTER")

    def routes(self, *words):
        return sorted(line.strip() for line in self.space.ip(*words, "route", "show", "table", "all", "proto", "keepalived",
                                                             check=False).stdout.splitlines())

    def statistics(self, instance="VI_1"):
        """SIGUSR2 and the counters of the file that it writes, by name."""
        path = self.path("keepalived.stats")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.process.send_signal(signal.SIGUSR2)
        return poll.until(f"{self.name} ({self.subject}): statistics", lambda: self._counters(path, instance), PATIENCE)

    @staticmethod
    def _counters(path, instance):
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return None
        counters, head, inside = {}, "", False
        for line in text.splitlines():
            name, _, value = line.strip().partition(":")
            if name == "VRRP Instance":
                inside = value.strip() == instance
            elif inside and not value.strip():
                head = name
            elif inside:
                counters[f"{head}/{name}" if line.startswith("    ") else name] = int(value)
        return counters if "Priority Zero/Sent" in counters else None


class Rig:
    """The bridge, the routers and the capture of one run."""

    BRIDGE = "br0"

    def __init__(self, stack, programs, subjects, lag):
        self.stack, self.programs, self.lag = stack, programs, lag
        self.directory = tempfile.mkdtemp(prefix="hrs-netns-")
        os.chmod(self.directory, 0o755)
        stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self.timings = {}
        self.intervals = {}
        """When the timings began and ended."""
        self.work = set()
        """The timings of work, that may be quicker than the reference's."""
        self.figures = {}
        """What is printed and not compared."""
        self.facts = {}
        self.vip = "10.9.0.100"
        self.lan = netns.Namespace(stack, "lan")
        self.lan.call(Router._quiet)
        self.routers = [Router(self, number, subject) for number, subject in enumerate(subjects)]
        lines = [f"link add {self.BRIDGE} type bridge mcast_snooping 0 forward_delay 0",
                 f"link set {self.BRIDGE} promisc on up", f"address add 10.9.0.250/24 dev {self.BRIDGE}"]
        for each in self.routers:
            lines += [f"link add name {each.name} type veth peer name {each.INTERFACE} address {each.mac} netns {each.space.name}",
                      f"link set dev {each.name} master {self.BRIDGE} up"]
        batch(self.lan, lines)
        for each in self.routers:
            batch(each.space, [f"link set {each.INTERFACE} up", f"address add {each.address}/24 dev {each.INTERFACE}",
                               f"address add {each.address6}/64 dev {each.INTERFACE} nodad"])
        # The kernel makes them when it gets to it, and a program that starts before says so.
        for each in self.routers:
            poll.until("a link-local address", each.has_link_local, PATIENCE, 0.01)
        self.capture = Capture(stack, self.lan, [each.name for each in self.routers])

    def program(self, subject):
        return self.programs[subject]

    def isolate(self, *routers, on=True):
        """Isolated routers do not hear each other, though their links are up."""
        for router in routers:
            self.lan.ip("link", "set", "dev", router.name, "type", "bridge_slave", "isolated", "on" if on else "off")
        return time.time()

    def unplug(self, router):
        """Pulls the cable of a router: its interface loses its carrier."""
        self.lan.ip("link", "set", "dev", router.name, "down")
        return time.time()

    def plug(self, router):
        self.lan.ip("link", "set", "dev", router.name, "up")
        return time.time()

    def timing(self, name, since, until, work=False):
        """A time between two frames or moments that must be the reference's within a tenth or 50 ms.

        What lasts as long as the machine has `work` with it may be quicker.
        """
        if work:
            self.work.add(name)
        since, until = (each if isinstance(each, float) else each.at for each in (since, until))
        self.timings[name] = until - since
        self.intervals[name] = (since, until)

    def late(self, since, until):
        """What a daemon may be late from `since` to `until` without a fault of its own, in seconds."""
        return self.lag.worst + self.lag.held(since, until)

    def fact(self, name, value):
        """Something that must be equal for ours and the reference."""
        self.facts[name] = value

    def expect(self, what, holds):
        """What must hold whatever the reference does."""
        if not holds:
            raise AssertionError(what)

    # -- waits on the wire --

    def advert(self, router, after=0.0, priority=None, vrid=None, timeout=PATIENCE):
        """The first advert of `router` from `after` on."""
        return self.capture.wait(f"advert of {router.name} ({router.subject}) priority {priority}", is_advert(router, priority, vrid),
                                 after, timeout)

    def takeover(self, name, old, new, after=0.0):
        """Times the first advert of `new` from the last one of `old` before it, and returns it."""
        first = self.advert(new, after=after)
        self.timing(name, self.last_advert(old, first.at), first)
        return first

    def joined(self, router, after=0.0, timeout=PATIENCE):
        """The report with which the kernel tells that `router` has joined the adverts' group, from `after` on.

        Its down timer begins then: how long the machine takes to start a program is not in what is counted from here.
        """
        return self.capture.wait(f"{router.name} ({router.subject}) joins", lambda frame: frame.kind in ("igmp", "mld") and frame.router == router.name
                                 and any(re.search(r"(224\.0\.0\.18|ff02::12)\b", each) for each in frame.fields["records"]), after, timeout)

    def last_advert(self, router, before, priority=None, vrid=None):
        return self.capture.last(is_advert(router, priority, vrid), before)

    def garp(self, router, address, after=0.0, timeout=PATIENCE):
        return self.capture.wait(f"GARP of {router.name} for {address}", lambda frame: frame.kind in ("garp", "na") and frame.router == router.name
                                 and frame.fields["address"] == address, after, timeout)


def is_dead(pid):
    """Whether nothing is left of a process but its exit status: its first thread can be a zombie while others still hold its files."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return all(is_over(f"/proc/{pid}/task/{thread}/stat") for thread in threads)


def is_over(stat):
    """Whether a thread has ended."""
    try:
        with open(stat, encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def is_advert(router, priority=None, vrid=None):
    """A predicate on frames: an advert that `router` sent."""
    return lambda frame: (frame.kind == "advert" and frame.router == router.name and priority in (None, frame.priority)
                          and vrid in (None, frame.vrid))


def batch(space, lines):
    """Runs many `ip` commands in one process."""
    done = subprocess.run(["ip", "-n", space.name, "-batch", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip -batch: {done.stderr.strip()}")
