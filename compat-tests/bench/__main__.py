"""python3 -m bench [SCENARIO...]: CPU microseconds a request of ours, 2.6.12 and 3.0.11.

The proxy is on CPU 0 with one thread; wrk and nginx are on CPU 1. In each round every subject runs
once, in an order that rotates; the figure is the median over the rounds. BENCH_ROUNDS (5) and
BENCH_SECONDS (3) shorten or lengthen it; BENCH_SUBJECTS (ours,2.6,3.0) leaves some out. The figures
are written to bench.json in the target folder too.
"""

import contextlib
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import threading

from lab import apt, local, poll, reference, report, undo

from .scenarios import IDLE, IDLE_CONNECTIONS, SCENARIOS

PROXY_CPU, LOAD_CPU = 0, 1
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
TICKS = os.sysconf("SC_CLK_TCK")


def subjects():
    """name -> program, of those that are there."""
    found = {"ours": reference.ours("haproxy"), "2.6": apt.which("haproxy"), "3.0": reference.program("haproxy")}
    wanted = os.environ.get("BENCH_SUBJECTS", "ours,2.6,3.0").split(",")
    return {name: path for name, path in found.items() if name in wanted and path and os.access(path, os.X_OK)}


def cpu_seconds(pid):
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1))


def load(subject, scenario, seconds):
    """(requests, errors) of one wrk run."""
    header = ["-H", "Connection: close"] if scenario.close else []
    done = subprocess.run(["taskset", "-c", str(LOAD_CPU), "wrk", "-t1", f"-c{scenario.connections}", f"-d{seconds}s", *header,
                           f"http://127.0.0.1:{subject.port}{scenario.path}"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    requests = int(re.search(r"(\d+) requests in", done.stdout).group(1))
    errors = sum(map(int, re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", done.stdout)))
    return requests, errors


class LogReader:
    """Takes and throws away the datagrams of a log socket, so that the proxy pays for sending them."""

    def __init__(self, stack, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.count = 0
        threading.Thread(target=self._read, daemon=True).start()
        stack.callback(self.socket.close)

    def _read(self):
        with contextlib.suppress(OSError):
            while True:
                self.socket.recv(65536)
                self.count += 1


def measure(lines, programs, scenario):
    """name -> figures of a scenario."""
    rows = {name: {"us": [], "rate": [], "rss_kib": []} for name in programs}
    with undo.undoing() as stack:
        origin = local.Nginx(stack, LOAD_CPU)
        running = {}
        for name, program in programs.items():
            try:
                running[name] = local.Haproxy(stack, program, scenario.config, origin.port, PROXY_CPU)
            except poll.TimedOut as error:
                lines.skip(f"{scenario.name}, {name}", str(error))
                continue
            if "log.sock" in scenario.config:
                LogReader(stack, os.path.join(running[name].directory, "log.sock"))
            load(running[name], scenario, 1)
        names = list(running)
        for number in range(ROUNDS):
            turn = number % max(len(names), 1)
            for name in names[turn:] + names[:turn]:
                subject = running[name]
                before = cpu_seconds(subject.process.pid)
                requests, errors = load(subject, scenario, SECONDS)
                used = cpu_seconds(subject.process.pid) - before
                if errors or not requests:
                    lines.check(f"{scenario.name}, {name}: every request is answered", False, f"{errors} errors of {requests}")
                    continue
                rows[name]["us"].append(used * 1e6 / requests)
                rows[name]["rate"].append(requests / SECONDS)
                rows[name]["rss_kib"].append(resident_kib(subject.process.pid))
    return {name: {key: statistics.median(values) for key, values in row.items()} for name, row in rows.items() if row["us"]}


def measure_idle(lines, programs):
    """KiB that an idle keep-alive client connection costs, name -> figure."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE_CONNECTIONS * 4, IDLE_CONNECTIONS * 4))
    figures = {}
    for name, program in programs.items():
        with undo.undoing() as stack:
            origin = local.Nginx(stack, LOAD_CPU)
            subject = local.Haproxy(stack, program, IDLE.config, origin.port, PROXY_CPU)
            load(subject, SCENARIOS[0], 1)
            before = resident_kib(subject.process.pid)
            clients = []
            stack.callback(lambda: [client.close() for client in clients])
            for _ in range(IDLE_CONNECTIONS):
                client = socket.create_connection(("127.0.0.1", subject.port), 5)
                clients.append(client)
                client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                if b" 200 " not in client.recv(4096):
                    lines.check(f"idle, {name}: every connection is served", False)
                    break
            figures[name] = (resident_kib(subject.process.pid) - before) / IDLE_CONNECTIONS
    return figures


def show(lines, scenario, figures):
    best = min((row["us"] for name, row in figures.items() if name != "ours"), default=None)
    for name, row in figures.items():
        ratio = f"{row['us'] / best:5.2f} x the better reference" if name == "ours" and best else ""
        lines.note(f"{scenario.name:16} {name:5} {row['us']:8.2f} us/request {row['rate']:9.0f} requests/s "
                   f"{row['rss_kib'] / 1024:6.1f} MiB  {ratio}")
    lines.check(f"{scenario.name} was measured", bool(figures))
    return round(figures["ours"]["us"] / best, 3) if best and "ours" in figures else None


def main(wanted):
    apt.need(wrk="wrk", nginx="nginx-light", taskset="util-linux")
    os.sched_setaffinity(0, {LOAD_CPU})
    programs = subjects()
    lines = report.Report("bench")
    lines.note(f"{ROUNDS} rounds of {SECONDS} s; " + ", ".join(f"{name} = {path}" for name, path in programs.items()))
    record = {"rounds": ROUNDS, "seconds": SECONDS, "scenarios": {}}
    for scenario in SCENARIOS:
        if wanted and scenario.name not in wanted:
            continue
        figures = measure(lines, programs, scenario)
        record["scenarios"][scenario.name] = {"figures": figures, "ratio": show(lines, scenario, figures)}
    if not wanted or IDLE.name in wanted:
        record["idle_kib"] = measure_idle(lines, programs)
        for name, kib in record["idle_kib"].items():
            lines.note(f"{IDLE_CONNECTIONS} idle      {name:5} {kib:8.2f} KiB a connection")
    path = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(reference.CHECKOUT, "target")), "bench.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1)
    lines.note(f"written to {path}")
    return lines.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
