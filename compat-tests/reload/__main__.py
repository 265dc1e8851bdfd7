"""python3 -m reload: wrk with 50 connections, ten reloads, ours and the reference in the same run.

Keep-alive clients of the stock program lose about one request a connection now and then; ours may
lose no more than the reference does in the same run. With `Connection: close` nothing may be lost.
"""

import os
import re
import subprocess
import sys

from lab import apt, local, poll, reference, report, undo

CONFIG = """global
    stats socket @dir@/admin.sock mode 600 level admin expose-fd listeners
    maxconn 4000

defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s

frontend f
    bind 127.0.0.1:@port@
    default_backend b

backend b
    server s @origin@
"""
RELOADS = 10
CONNECTIONS = 50
SECONDS = 12


def losses(program, close):
    """(requests, lost) of one run: wrk's socket errors and answers that are not 2xx."""
    with undo.undoing() as stack:
        origin = local.Nginx(stack)
        subject = local.Haproxy(stack, program, CONFIG, origin.port, master=True)
        header = ["-H", "Connection: close"] if close else []
        wrk = subprocess.Popen(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *header, f"http://127.0.0.1:{subject.port}/"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        stack.callback(undo.end, wrk)
        for _ in range(RELOADS):
            subject.reload()
            # The next one after the new worker has answered clients.
            poll.until("wrk goes on", lambda: local.listens(subject.port), 5)
            try:
                wrk.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
        text = wrk.communicate()[0]
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return requests, sum(map(int, errors.groups() if errors else [])) + int(bad.group(1) if bad else 0)


def main():
    apt.need(wrk="wrk", nginx="nginx-light", setpriv="util-linux")
    lines = report.Report("reload under load")
    subjects = {"reference": reference.program("haproxy"), "ours": reference.ours("haproxy")}
    if os.environ.get("SUBJECT") in subjects:
        subjects = {os.environ["SUBJECT"]: subjects[os.environ["SUBJECT"]]}
    for close in (False, True):
        kind = "Connection: close" if close else "keep-alive"
        lost = {}
        for name, program in subjects.items():
            if program is None:
                lines.skip(f"{kind}, {name}", "no reference program")
                continue
            try:
                requests, lost[name] = losses(program, close)
            except poll.TimedOut as error:
                lines.check(f"{kind}, {name}: the run goes through", False, str(error))
                continue
            lines.note(f"{kind}, {name}: {requests} requests, {RELOADS} reloads, {lost[name]} lost")
            lines.check(f"{kind}, {name}: requests were served", requests > 1000)
        if "ours" in lost:
            lines.check(f"{kind}: ours loses no more than the reference", lost["ours"] <= lost.get("reference", 0), str(lost))
    return lines.close()


if __name__ == "__main__":
    sys.exit(main())
