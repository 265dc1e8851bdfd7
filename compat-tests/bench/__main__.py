"""python3 -m bench [SCENARIO...]: CPU microseconds a request of ours, 2.6.12 and 3.0.11.

The proxy is on CPU 0 with one thread; wrk and nginx are on CPU 1. In each round every subject runs
once, in an order that rotates; the figure is the median over the rounds. BENCH_ROUNDS (5) and
BENCH_SECONDS (3) shorten or lengthen it; BENCH_SUBJECTS (ours,2.6,3.0) leaves some out; BENCH_NICE
(0) is the priority of all that takes part, for a machine that does something else too. The figures
are written to bench.json in the target folder too.

Beside the scenarios: `idle`, KiB an idle connection; `slow` and `slow-tcp`, KiB a client that does not read; `churn`, CPU time of a connection that comes and
goes among many; `paced`, how long answers take at a fixed rate, BENCH_RATE (10000) requests a second
(the load client is `bench-load`).
"""

import collections
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
import time

from lab import apt, local, poll, reference, report, undo

from .scenarios import CHURN, CHURN_RATE, IDLE, IDLE_CONNECTIONS, KEYS, PACED, SCENARIOS, SLOW, SLOW_TCP

PROXY_CPU, LOAD_CPU = 0, 1
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
PACED_RATE = int(os.environ.get("BENCH_RATE", "10000"))
NICE = int(os.environ.get("BENCH_NICE", "0"))


def subjects():
    """name -> program, of those that are there."""
    found = {"ours": reference.ours("haproxy"), "2.6": apt.which("haproxy"), "3.0": reference.program("haproxy")}
    wanted = os.environ.get("BENCH_SUBJECTS", "ours,2.6,3.0").split(",")
    return {name: path for name, path in found.items() if name in wanted and path and os.access(path, os.X_OK)}


def cpu_seconds(pid):
    """User and system time of a process's threads so far, to the nanosecond."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1))


def cpus(scenario, own):
    """The CPUs of a part of the bench, as taskset takes them."""
    return f"{PROXY_CPU},{LOAD_CPU}" if scenario.shared else str(own)


def start(stack, scenario, program, origin):
    """A subject in a scenario."""
    config = scenario.config
    if "@map@" in config:
        path = os.path.join(local.folder(stack), "map")
        with open(path, "w", encoding="ascii") as file:
            file.writelines(f"/k{number:05d}/ b\n" for number in range(KEYS))
        config = config.replace("@map@", path)
    return local.Haproxy(stack, program, config, origin.port, cpus(scenario, PROXY_CPU))


def load(subject, scenario, seconds):
    """(requests, errors) of one wrk run."""
    header = ["-H", "Connection: close"] if scenario.close else []
    done = subprocess.run(["taskset", "-c", cpus(scenario, LOAD_CPU), "wrk", "-t1", f"-c{scenario.connections}", f"-d{seconds}s", *header,
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
        origin = local.Nginx(stack, cpus(scenario, LOAD_CPU))
        running = {}
        for name, program in programs.items():
            try:
                running[name] = start(stack, scenario, program, origin)
            except poll.TimedOut as error:
                # What we do not obey yet is refused by name; the scenario waits for it.
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


def many_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE_CONNECTIONS * 4, IDLE_CONNECTIONS * 4))


def visit(port):
    """A client connection that was answered once."""
    client = socket.create_connection(("127.0.0.1", port), 5)
    client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    if b" 200 " not in client.recv(4096):
        raise ConnectionError("not answered")
    return client


def measure_idle(programs):
    """KiB that an idle keep-alive client connection costs, name -> figure."""
    many_descriptors()
    figures = {}
    for name, program in programs.items():
        with undo.undoing() as stack:
            origin = local.Nginx(stack, LOAD_CPU)
            subject = start(stack, IDLE, program, origin)
            load(subject, SCENARIOS[0], 1)
            before = resident_kib(subject.process.pid)
            clients = []
            stack.callback(lambda: [client.close() for client in clients])
            clients.extend(visit(subject.port) for _ in range(IDLE_CONNECTIONS))
            figures[name] = (resident_kib(subject.process.pid) - before) / IDLE_CONNECTIONS
    return figures


def ask_only(port, path):
    """A client that asks for a body and reads nothing of it. Its segments are small, and so is what the kernel holds for it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    client.settimeout(5)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return client


def measure_slow(programs, scenario):
    """KiB that a client costs that does not read what it asked for, name -> figure."""
    many_descriptors()
    figures = {}
    for name, program in programs.items():
        with undo.undoing() as stack:
            origin = local.Nginx(stack, LOAD_CPU)
            subject = start(stack, scenario, program, origin)
            load(subject, scenario._replace(connections=20), 1)
            before = resident_kib(subject.process.pid)
            clients = []
            stack.callback(lambda: [client.close() for client in clients])
            clients.extend(ask_only(subject.port, scenario.path) for _ in range(scenario.connections))
            for client in clients:
                client.recv(1, socket.MSG_PEEK)
            at_rest(subject.process.pid)
            figures[name] = (resident_kib(subject.process.pid) - before) / scenario.connections
    return figures


def at_rest(pid):
    """Waits until a process does nothing for half a second."""
    used = -1.0
    while (now := cpu_seconds(pid)) - used > 0.01:
        used = now
        time.sleep(0.5)


def measure_churn(programs):
    """CPU microseconds of a connection that comes, asks once and goes among many others, name -> figure."""
    many_descriptors()
    figures = {}
    with undo.undoing() as stack:
        origin = local.Nginx(stack, LOAD_CPU)
        subjects_and_clients = {}
        for name, program in programs.items():
            subject = start(stack, CHURN, program, origin)
            clients = collections.deque(visit(subject.port) for _ in range(CHURN.connections))
            stack.callback(lambda clients=clients: [client.close() for client in clients])
            subjects_and_clients[name] = subject, clients
            figures[name] = []
        for _ in range(ROUNDS):
            for name, (subject, clients) in subjects_and_clients.items():
                before = cpu_seconds(subject.process.pid)
                begin = time.monotonic()
                count = CHURN_RATE * SECONDS
                for number in range(count):
                    # By the clock: the cost must not depend on how quick the client is.
                    time.sleep(max(0, begin + number / CHURN_RATE - time.monotonic()))
                    clients.popleft().close()
                    clients.append(visit(subject.port))
                figures[name].append((cpu_seconds(subject.process.pid) - before) * 1e6 / count)
    return {name: statistics.median(values) for name, values in figures.items()}


def measure_paced(lines, programs):
    """name -> latencies at the fixed rate: the median over the rounds of each quantile."""
    client = os.environ.get("BENCH_LOAD") or os.path.join(os.path.dirname(reference.ours("haproxy")), "bench-load")
    if not os.access(client, os.X_OK):
        lines.skip(PACED.name, f"{client} is not built")
        return {}
    rows = {name: [] for name in programs}
    with undo.undoing() as stack:
        origin = local.Nginx(stack, LOAD_CPU)
        running = {name: start(stack, PACED, program, origin) for name, program in programs.items()}
        names = list(running)
        for number in range(ROUNDS + 1):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                words = [client, f"127.0.0.1:{running[name].port}", "/", str(PACED_RATE), str(PACED.connections), str(SECONDS)]
                done = subprocess.run(["taskset", "-c", str(LOAD_CPU), *words], stdin=subprocess.DEVNULL, capture_output=True,
                                      text=True, check=True)
                seen = json.loads(done.stdout)
                lines.check(f"paced, {name}: every request is answered", not seen["errors"], done.stdout)
                # The first round opens the connections and warms everything up.
                if number:
                    rows[name].append(seen)
    quantiles = ("p50_us", "p99_us", "p999_us")
    return {name: {key: statistics.median(row[key] for row in seen) for key in quantiles} for name, seen in rows.items()}


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
    os.nice(NICE)
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
        record["idle_kib"] = measure_idle(programs)
        for name, kib in record["idle_kib"].items():
            lines.note(f"{IDLE_CONNECTIONS} idle        {name:5} {kib:8.2f} KiB a connection")
    for scenario in (SLOW, SLOW_TCP):
        if not wanted or scenario.name in wanted:
            record[f"{scenario.name}_kib"] = figures = measure_slow(programs, scenario)
            for name, kib in figures.items():
                lines.note(f"{scenario.connections} {scenario.name:11} {name:5} {kib:8.2f} KiB a client that does not read")
    if not wanted or CHURN.name in wanted:
        record["churn_us"] = measure_churn(programs)
        for name, us in record["churn_us"].items():
            lines.note(f"churn            {name:5} {us:8.2f} us a connection, {CHURN_RATE} a second among {CHURN.connections}")
    if not wanted or PACED.name in wanted:
        record["paced"] = measure_paced(lines, programs)
        for name, row in record["paced"].items():
            lines.note(f"paced            {name:5} p50 {row['p50_us']:6.0f}  p99 {row['p99_us']:6.0f}  p99.9 {row['p999_us']:6.0f} us "
                       f"at {PACED_RATE} requests/s")
    path = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(reference.CHECKOUT, "target")), "bench.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1)
    lines.note(f"written to {path}")
    return lines.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
