"""One booted Debian host: systemd-nspawn on an overlay, with a network namespace of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import uuid

from . import cgroup, netns, poll, trees, undo

INTERFACE = "enp0s5"


class Host:
    """A host of the scenario. `lower` are the directories of its tree, uppermost first."""

    def __init__(self, stack, lan, name, address, lower):
        self.lan, self.name, self.address = lan, name, address
        self.mac = "02:00:" + ":".join(f"{int(byte):02x}" for byte in address.split("."))
        self.work = os.path.join(trees.cache(), undo.run_name(name))
        self.tree, _, _ = trees.overlay(stack, lower, self.work)
        self.stack = stack
        self.console = os.path.join(self.work, "console.log")
        self.process = None
        self.leader = None
        trees.write(self.tree, "etc/hostname", name + "\n")
        trees.write(self.tree, "etc/machine-id", uuid.uuid4().hex + "\n")
        trees.write(self.tree, "etc/hosts", f"127.0.0.1 localhost {name}\n")
        # Tests read the journal; kept in memory, without a limit on the rate.
        trees.write(self.tree, "etc/systemd/journald.conf.d/lab.conf", "[Journal]\nStorage=volatile\nRateLimitBurst=0\n")
        stack.callback(self.kill)

    def write(self, path, text, mode=0o644):
        """Writes a file of the host, before or after boot."""
        trees.write(self.tree, path, text, mode)

    def start(self):
        """Plugs the host in and starts its systemd; `ready` waits for it."""
        self.space = netns.Namespace(self.stack, self.name)
        self.lan.plug(self.space, self.name, INTERFACE, self.mac, f"{self.address}/24")
        self.group = cgroup.Group(self.name)
        with open(self.console, "ab") as console:
            # setpriv: the host dies with this program, even when that is killed.
            self.process = subprocess.Popen(
                self.group.command(
                    "setpriv", "--pdeathsig", "KILL", "systemd-nspawn", "-q", "--register=no", "--keep-unit",
                    f"--network-namespace-path={self.space.path}", "--capability=CAP_NET_ADMIN,CAP_NET_RAW",
                    "-b", "-D", self.tree, f"--machine={self.name}", "--console=pipe"),
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})

    def ready(self, timeout=90):
        """Waits until systemd has started everything."""
        def leader():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} did not boot: {self.console_text()}")
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
                return next((pid for pid in file.read().split() if is_init(pid)), None)

        self.leader = int(poll.until(f"{self.name} has a leader", leader, timeout))
        poll.until(f"{self.name} is up",
                   lambda: self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), timeout, 0.2)

    def console_text(self):
        with open(self.console, encoding="utf-8", errors="replace") as file:
            return file.read()[-1500:]

    def run(self, *words, check=False):
        """Runs a command on the host."""
        return subprocess.run(["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "--", *words],
                              check=check, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"})

    def systemctl(self, *words):
        return self.run("systemctl", *words)

    def is_active(self, unit):
        return self.systemctl("is-active", unit).stdout.strip() == "active"

    def main_pid(self, unit):
        """The pid of a unit's main process, in the host's own numbering."""
        return int(self.systemctl("show", "-p", "MainPID", "--value", unit).stdout.strip() or 0)

    def holds(self, address):
        """Whether an interface of the host carries the address."""
        return f" {address}/" in self.space.ip("-o", "-4", "address", "show").stdout

    def mark(self):
        """A place in the journal, for `journal`."""
        text = self.run("journalctl", "-q", "-n", "0", "--show-cursor").stdout
        return text.partition("-- cursor: ")[2].strip() or None

    def journal(self, since=None, *fields):
        """Messages since a mark, oldest first: (unix time, ident, text)."""
        after = [f"--after-cursor={since}"] if since else []
        rows = []
        for line in self.run("journalctl", "-q", "--no-pager", "-o", "json", *after, *fields).stdout.splitlines():
            row = json.loads(line)
            text = row.get("MESSAGE")
            if isinstance(text, list):
                text = bytes(text).decode("utf-8", "replace")
            # The sender's time where it is known: the journal may store a line late.
            at = int(row.get("_SOURCE_REALTIME_TIMESTAMP") or row["__REALTIME_TIMESTAMP"]) / 1e6
            rows.append((at, row.get("SYSLOG_IDENTIFIER", ""), text or ""))
        return rows

    def unix_command(self, path, command, timeout=5.0):
        """What a Unix socket of the host answers to one line."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(timeout)
            sock.connect(f"/proc/{self.leader}/root{path}")
            sock.sendall(command.encode() + b"\n")
            data = b""
            while chunk := sock.recv(65536):
                data += chunk
        return data.decode("utf-8", "replace")

    def cut_power(self):
        """The host is gone at once: no shutdown, no more packets."""
        self.lan.unplug(self.name)
        self.kill()

    def kill(self):
        """Ends the host's processes and takes its namespace away."""
        if self.process is not None:
            if self.leader is not None and self.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.leader, signal.SIGKILL)
            undo.end(self.process, signal.SIGTERM)
            self.process = self.leader = None
            self.group.remove()
            # The cable goes with the namespace, but only later: a host of the same name may follow at once.
            self.lan.space.ip("link", "del", self.name, check=False)
            self.space.remove()

    def shut_down(self, timeout=30):
        """A clean power-off; what is not down in time is killed."""
        if self.process is not None and self.leader is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.leader, signal.SIGRTMIN + 4)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout)
        self.kill()


def is_init(pid):
    """Whether a child of systemd-nspawn is the host's systemd; others prepare its namespaces and end."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields["NSpid"].split()[1:] == ["1"] and fields["Name"].strip() == "systemd"


def need_machine():
    """The programs that booting hosts needs, and a clean start."""
    from . import apt
    if os.geteuid() != 0:
        from . import report
        report.die("booting hosts needs root")
    apt.need(systemd_nspawn="systemd-container", debootstrap="debootstrap", ip="iproute2", nsenter="util-linux")
    netns.sweep()
    cgroup.sweep()
    trees.sweep()
    os.makedirs(trees.cache(), exist_ok=True)
