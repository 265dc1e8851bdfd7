"""python3 -m demo: the whole story on one machine, with a time line of who holds the VIP and who answers.

Two namespaces run `haproxy -W -db` and `keepalived`, two run nginx, one is the client's. Nothing
leaves them. SUBJECT=reference shows the same with the stock programs.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from lab import apt, http, local, netns, poll, reference, report, undo, wire
from lab.traffic import Traffic

HERE = os.path.dirname(__file__)
VIP = "10.211.55.100"
CLIENT = "10.211.55.1"
INTERFACE = "enp0s5"


class Machine:
    """A namespace on the bridge with a directory for its programs' files."""

    def __init__(self, stack, lan, directory, name, address):
        self.stack, self.name, self.address = stack, name, address
        self.directory = os.path.join(directory, name)
        os.makedirs(self.directory)
        self.mac = "02:00:" + ":".join(f"{int(byte):02x}" for byte in address.split("."))
        self.space = netns.Namespace(stack, name)
        lan.plug(self.space, name, INTERFACE, self.mac, f"{address}/24")

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def start(self, name, *words):
        """Starts a program; its output goes to NAME.log. The program ends with this one."""
        with open(self.path(f"{name}.log"), "ab") as log:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *self.space.command(*words)],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, start_new_session=True)
        self.stack.callback(undo.end, process)
        return process

    def log(self, name):
        with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def holds(self, address):
        return f" {address}/" in self.space.ip("-o", "-4", "address", "show").stdout


class Origin(Machine):
    """A web server that answers with its own name."""

    def __init__(self, stack, lan, directory, name, address):
        super().__init__(stack, lan, directory, name, address)
        self.write("nginx.conf", f"""pid {self.path('nginx.pid')};
error_log stderr;
daemon off;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    server {{ listen 80; location / {{ return 200 "{name}\\n"; }} }}
}}
""")
        self.process = None

    def serve(self):
        self.process = self.start("nginx", apt.which("nginx"), "-p", self.directory, "-c", self.path("nginx.conf"))
        poll.until(f"{self.name} listens", lambda: http.get(self.space, self.address, timeout=1).status == 200, 10)

    def die(self):
        undo.end(self.process)


class Balancer(Machine):
    """haproxy and keepalived, as on a host of their own."""

    def __init__(self, stack, lan, directory, name, address, role, programs):
        super().__init__(stack, lan, directory, name, address)
        self.programs = programs
        numbers = {"master": ("MASTER", 150, -60), "backup": ("BACKUP", 100, -20)}[role]
        values = {"name": name, "directory": self.directory, "interface": INTERFACE, "vip": VIP,
                  "state": numbers[0], "priority": str(numbers[1]), "weight": str(numbers[2])}
        for file, mode in (("haproxy.cfg", 0o644), ("keepalived.conf", 0o644), ("check_haproxy.sh", 0o755)):
            with open(os.path.join(HERE, "files", file), encoding="utf-8") as template:
                self.write(file, re.sub(r"@(\w+)@", lambda found: values[found.group(1)], template.read()), mode)
        self.haproxy = self.keepalived = None

    def start_haproxy(self):
        self.haproxy = self.start("haproxy", self.programs["haproxy"], "-W", "-db", "-f", self.path("haproxy.cfg"),
                                  "-p", self.path("haproxy.pid"))
        poll.until(f"haproxy answers on {self.name}", lambda: http.get(self.space, self.address, timeout=1).status == 200
                   and local.children(self.haproxy.pid), 10)

    def stop_haproxy(self):
        undo.end(self.haproxy)

    def start_keepalived(self):
        self.keepalived = self.start("keepalived", self.programs["keepalived"], "-n", "-l", "-G", "-f", self.path("keepalived.conf"),
                                     "-p", self.path("keepalived.pid"), "-r", self.path("vrrp.pid"))

    def kill_keepalived(self):
        """Kills parent and child at once, as a crash of both would."""
        for name in ("keepalived.pid", "vrrp.pid"):
            with open(self.path(name), encoding="ascii") as file:
                os.kill(int(file.read()), signal.SIGKILL)
        self.keepalived.wait()

    def admin(self, command):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(3)
            sock.connect(self.path("admin.sock"))
            sock.sendall(command.encode() + b"\n")
            data = b""
            while chunk := sock.recv(65536):
                data += chunk
        return data.decode()

    def status(self, server):
        """The status of a server in `show stat`."""
        try:
            rows = self.admin("show stat").splitlines()
        except OSError:
            return ""
        column = rows[0].split(",").index("status")
        return next((row.split(",")[column] for row in rows if row.startswith(f"web_servers,{server},")), "")


class Demo:
    """The story, step by step."""

    def __init__(self, stack, lines, programs):
        self.lines = lines
        directory = f"/run/{undo.run_name('demo')}"
        os.makedirs(directory, 0o755)
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        lan = netns.Lan(stack, f"{CLIENT}/24")
        self.client = lan.space
        self.origins = [Origin(stack, lan, directory, "rs1", "10.211.55.5"), Origin(stack, lan, directory, "rs2", "10.211.55.6")]
        self.lb1 = Balancer(stack, lan, directory, "lb1", "10.211.55.3", "master", programs)
        self.lb2 = Balancer(stack, lan, directory, "lb2", "10.211.55.4", "backup", programs)
        self.watch = wire.Watch(stack, lan, VIP, {each.mac: each.name for each in (self.lb1, self.lb2)},
                                lambda move: lines.line("VIP", f"{VIP} is on {move.holder}"))

    def run(self):
        self.lines.heading("two web servers, two load balancers, one virtual address")
        for origin in self.origins:
            origin.serve()
        for balancer in (self.lb2, self.lb1):
            balancer.start_haproxy()
            balancer.start_keepalived()
        self.expect_vip(self.lb1, "lb1 has the higher priority and takes the VIP")
        self.expect_answers("rs1", "rs2", by="lb1")

        self.lines.heading("haproxy on lb1 is stopped: its check script fails, its priority drops from 150 to 90")
        stopped_at = time.time()
        self.lb1.stop_haproxy()
        self.expect_vip(self.lb2, "lb2 takes over", since=stopped_at)
        self.expect_answers("rs1", "rs2", by="lb2")

        self.lines.heading("haproxy on lb1 is started again")
        started_at = time.time()
        self.lb1.start_haproxy()
        self.expect_vip(self.lb1, "lb1 takes the VIP back", since=started_at)
        self.expect_answers("rs1", "rs2", by="lb1")

        self.lines.heading("the web server rs1 dies")
        self.origins[0].die()
        self.lines.check("the health check takes rs1 out", poll.holds_within(lambda: self.lb1.status("rs1") == "DOWN", 15))
        self.expect_answers("rs2", by="lb1")
        self.origins[0].serve()
        self.lines.check("rs1 is back", poll.holds_within(lambda: self.lb1.status("rs1") == "UP", 15))
        self.expect_answers("rs1", "rs2", by="lb1")

        self.lines.heading("haproxy on lb1 is reloaded five times while a client asks")
        with Traffic(self.client, VIP, 0.01) as traffic:
            for _ in range(5):
                local.reload_master(self.lb1.haproxy)
                poll.until("the old worker ends", lambda: len(local.children(self.lb1.haproxy.pid)) == 1, 10)
        self.lines.check(f"none of {len(traffic.answers)} requests was lost", not traffic.lost, str(traffic.lost[:3]))

        self.lines.heading("keepalived on lb1 is killed with SIGKILL")
        killed_at = time.time()
        self.lb1.kill_keepalived()
        self.expect_vip(self.lb2, "lb2 hears no more adverts and takes over", since=killed_at, alone=False)
        self.expect_answers("rs1", "rs2", by="lb2")

    def expect_vip(self, balancer, what, since=0.0, alone=True):
        """`balancer` announces the VIP, and the other one has given it up."""
        other = self.lb2 if balancer is self.lb1 else self.lb1
        moved = poll.holds_within(lambda: self.watch.first_announcement(since, balancer.name), 20)
        seconds = f" ({self.watch.first_announcement(since, balancer.name).at - since:.1f} s)" if moved and since else ""
        self.lines.check(what + seconds, moved and balancer.holds(VIP) and (not alone or poll.holds_within(lambda: not other.holds(VIP), 3)),
                         balancer.log("keepalived")[-600:])

    def expect_answers(self, *origins, by):
        """Six requests through the VIP: answered by `origins` in turn, through the load balancer `by`."""
        answers = []

        def asked():
            answers[:] = [http.get(self.client, VIP, timeout=2) for _ in range(6)]
            through = {answer.headers.get("x-load-balancer") for answer in answers}
            bodies = [answer.body.strip() for answer in answers]
            return through == {by} and (http.alternates(bodies, origins) if len(origins) > 1 else set(bodies) == set(origins))

        holds = poll.holds_within(asked, 5, 0.2)
        text = " ".join(answer.body.strip() if answer.status == 200 else f"[{answer.status or answer.body}]" for answer in answers)
        through = ", ".join(sorted({answer.headers.get("x-load-balancer", "nobody") for answer in answers}))
        self.lines.check(f"GET http://{VIP}/ six times: {text}, through {through}", holds)


def main():
    if os.geteuid() != 0:
        report.die("network namespaces need root: sudo make demo")
    apt.need(ip="iproute2", nginx="nginx-light", setpriv="util-linux")
    netns.sweep()
    subject = os.environ.get("SUBJECT", "ours")
    find = reference.program if subject == "reference" else reference.ours
    programs = {name: find(name) for name in ("haproxy", "keepalived")}
    for name, path in programs.items():
        if not path or not os.access(path, os.X_OK):
            report.die(f"no program {name} to show ({path})")
    lines = report.Report(f"demo, {subject}")
    with undo.undoing() as stack:
        demo = Demo(stack, lines, programs)
        try:
            demo.run()
        except poll.TimedOut as error:
            lines.check(str(error), False, demo.lb1.log("haproxy")[-1500:])
    return lines.close()


if __name__ == "__main__":
    sys.exit(main())
